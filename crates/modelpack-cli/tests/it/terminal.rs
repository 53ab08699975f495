//! Progress: bars on a terminal, a line for each blob elsewhere, nothing when asked.

use crate::screen;
use crate::shell::Shell;

const REFERENCE: &str = "example.com/a/b:v1";
const BUILD: [&str; 4] = ["build", "model", "-t", REFERENCE];

fn shell() -> Shell {
    let shell = Shell::new();
    modelpack_testkit::copy_model("tiny-llama-gguf", &shell.path("model"));
    shell
}

#[test]
fn elsewhere_each_blob_has_one_line() {
    let shell = shell();
    let ran = shell.run(&BUILD);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "Successfully built model artifact: example.com/a/b:v1\n"
    );
    let mut lines: Vec<_> = ran
        .stderr
        .lines()
        .filter_map(|line| line.rsplit("  ").next())
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, ["LICENSE", "README.md", "tiny-llama-Q8_0.gguf"]);
    assert!(!ran.stderr.contains('\u{1b}') && !ran.stderr.contains('\r'));
}

#[test]
fn quiet_prints_only_results() {
    let shell = shell();
    for (flag, is_result) in [("-q", true), ("--no-progress", false), ("--json", false)] {
        let ran = shell.run(&[&BUILD[..], &[flag]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{flag}");
        assert_eq!(ran.stdout.starts_with("sha256:"), is_result, "{flag}");
    }
    assert_eq!(shell.ok(&["extract", "-q", REFERENCE, "out"]), "");
    // Flags, then variables, then defaults.
    for (value, is_quiet) in [("1", true), ("true", true), ("0", false), ("", false)] {
        let mut command = shell.command(&BUILD);
        let ran = command
            .env("MODELPACK_QUIET", value)
            .output()
            .expect("it starts");
        assert!(ran.status.success(), "{value:?}");
        assert_eq!(ran.stdout.starts_with(b"sha256:"), is_quiet, "{value:?}");
        assert_eq!(ran.stderr.is_empty(), is_quiet, "{value:?}");
    }
}

#[test]
fn on_a_terminal_each_blob_has_a_bar_and_all_have_a_total() {
    let shell = shell();
    let shown = screen::run(shell.command(&BUILD));
    let last = shown.screens.last().expect("something was shown");
    assert_eq!(shown.code, 0, "{last}");
    let line = |name: &str| {
        let mut lines = last.lines();
        let line = lines.find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("no bar for {name}: {last}"))
    };
    for name in ["LICENSE", "README.md", "tiny-llama-Q8_0.gguf"] {
        assert!(
            line(name).contains('█') && line(name).contains("copied"),
            "{last}"
        );
    }
    assert!(line("total").contains("████████████████████████"), "{last}");
    assert!(!line("total").contains('░'), "{last}");
    let success = "Successfully built model artifact: example.com/a/b:v1";
    assert!(last.ends_with(success), "{last}");
}

#[test]
fn colours_are_for_terminals_and_for_who_wants_them() {
    let shell = shell();
    for arguments in [&["frobnicate"][..], &["--help"], &["pull", "--help"]] {
        let has_colour = |variable: Option<(&str, &str)>| {
            let mut command = shell.command(arguments);
            command.envs(variable);
            screen::run(command).raw.contains(&0x1b)
        };
        assert!(has_colour(None), "{arguments:?}");
        assert!(!has_colour(Some(("NO_COLOR", "1"))), "{arguments:?}");
        let piped = shell.run(arguments);
        assert!(!format!("{}{}", piped.stdout, piped.stderr).contains('\u{1b}'));
    }
}

#[test]
fn nothing_is_cut_off_where_no_terminal_is() {
    let shell = shell();
    let long = format!(
        "example.com/{}/b:v1",
        "long-name/".repeat(20).trim_end_matches('/')
    );
    shell.ok(&["build", "model", "-t", &long, "--no-creation-time"]);
    for command in [&["ls"][..], &["du"], &["inspect", &long, "--files"]] {
        let text = shell.ok(command);
        assert!(!text.contains('…'), "{text}");
    }
    let (name, _) = long.rsplit_once(':').expect("a tag");
    assert!(shell.ok(&["ls"]).contains(name));
}
