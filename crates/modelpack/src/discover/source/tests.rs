//! Repositories as git writes them, made by hand: no git is needed to read them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use modelpack_testkit::{skip, tool};
use tempfile::TempDir;

use super::config::Settings;
use super::origin::published;
use super::{GitProgram, Source, SourceReading, read};

const ID: &str = "0123456789abcdef0123456789abcdef01234567";
const ORIGIN: &str = "[remote \"origin\"]\n\turl = https://example.com/m.git\n";

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    directory
}

/// Address and revision that the files of a repository give, with `-` for none.
#[track_caller]
fn check(files: &[(&str, &str)], expected: [&str; 2]) -> Source {
    let directory = directory(files);
    let source = read(directory.path(), &SourceReading::Files);
    let found = [&source.url, &source.revision].map(|value| value.as_deref().unwrap_or("-"));
    assert_eq!(found, expected, "{files:?}");
    source
}

#[test]
fn where_the_revision_stands() {
    let url = "https://example.com/m.git";
    let head = (".git/HEAD", "ref: refs/heads/main\n");
    let config = (".git/config", ORIGIN);
    let line = format!("{ID}\n");
    let packed = format!(
        "# pack-refs with: peeled\n{} refs/heads/other\n{ID} refs/heads/main\n^{ID}\n",
        "f".repeat(40)
    );
    check(&[head, config, (".git/refs/heads/main", &line)], [url, ID]);
    check(&[head, config, (".git/packed-refs", &packed)], [url, ID]);
    check(&[(".git/HEAD", &line), config], [url, ID]);
    let link = (".git/refs/heads/main", "ref: refs/heads/real\n");
    check(
        &[head, config, link, (".git/refs/heads/real", &line)],
        [url, ID],
    );
    let sha256 = "ab".repeat(32);
    check(&[(".git/HEAD", &sha256), config], [url, &sha256]);
}

#[test]
fn a_further_work_tree_shares_references_and_configuration() {
    let line = format!("{ID}\n");
    let repository = directory(&[
        ("main/.git/HEAD", "ref: refs/heads/main\n"),
        ("main/.git/config", ORIGIN),
        ("main/.git/refs/heads/side", &line),
        ("main/.git/worktrees/w/HEAD", "ref: refs/heads/side\n"),
        ("main/.git/worktrees/w/commondir", "../..\n"),
        ("w/.git", "gitdir: ../main/.git/worktrees/w\n"),
    ]);
    let source = read(&repository.path().join("w"), &SourceReading::Files);
    assert_eq!(source.url.as_deref(), Some("https://example.com/m.git"));
    assert_eq!(source.revision.as_deref(), Some(ID));
}

/// ME5: Repository that says less is no failure.
#[test]
fn a_repository_that_says_less_is_no_failure() {
    let url = "https://example.com/m.git";
    let head = (".git/HEAD", "ref: refs/heads/main\n");
    let line = format!("{ID}\n");
    let reference = (".git/refs/heads/main", line.as_str());
    // No origin, no commits, neither, nothing at all.
    check(&[head, reference], ["-", ID]);
    let unborn = check(&[head, (".git/config", ORIGIN)], [url, "-"]);
    assert!(unborn.warnings.is_empty());
    check(
        &[head, (".git/config", "[core]\n\tbare = false\n")],
        ["-", "-"],
    );
    check(&[("w.bin", "w")], ["-", "-"]);
    // Nonsense.
    check(&[(".git", "no directory")], ["-", "-"]);
    check(&[(".git", "gitdir: /nonexistent/at/all")], ["-", "-"]);
    check(
        &[(".git/HEAD", "ref: ../../secret\n"), ("secret", &line)],
        ["-", "-"],
    );
    check(
        &[(".git/HEAD", "ref: refs/../../x\n"), ("x", &line)],
        ["-", "-"],
    );
    let circle = (".git/refs/heads/main", "ref: refs/heads/main\n");
    check(&[head, circle], ["-", "-"]);
    check(&[(".git/HEAD", &"ab".repeat(19))], ["-", "-"]);
    check(&[(".git/HEAD", &"x".repeat(2_000_000))], ["-", "-"]);
    // One further up is about something else.
    let above = directory(&[
        (".git/HEAD", &line),
        (".git/config", ORIGIN),
        ("m/w.bin", "w"),
    ]);
    assert_eq!(
        read(&above.path().join("m"), &SourceReading::Files),
        Source::default()
    );
}

#[test]
fn nothing_is_read_when_nothing_is_wanted() {
    let line = format!("{ID}\n");
    let repository = directory(&[(".git/HEAD", &line), (".git/config", ORIGIN)]);
    assert_eq!(
        read(repository.path(), &SourceReading::Nothing),
        Source::default()
    );
}

#[test]
fn what_is_not_known_is_not_passed_off_as_clean() {
    let line = format!("{ID}\n");
    let files = [(".git/HEAD", line.as_str()), (".git/config", ORIGIN)];
    let source = check(&files, ["https://example.com/m.git", ID]);
    let expected = "whether the files differ from revision 0123456789ab of the git repository is unknown: git was not asked";
    assert_eq!(source.warnings, [expected]);
}

/// ME5: Secrets in an origin are not published.
#[test]
fn secrets_in_an_origin_are_not_published() {
    for (url, expected) in [
        ("https://github.com/a/m.git", "https://github.com/a/m.git"),
        (
            "https://user:s3cret@github.com/a/m.git",
            "https://github.com/a/m.git",
        ),
        (
            "https://ghp_s3cret@github.com/a/m",
            "https://github.com/a/m",
        ),
        (
            "https://oauth2:s3c@ret@gitlab.example.com:8443/a/m.git",
            "https://gitlab.example.com:8443/a/m.git",
        ),
        (
            "https://x-token-auth:s3cret@[::1]:80/a",
            "https://[::1]:80/a",
        ),
        ("https://h/a.git?private_token=s3cret", "https://h/a.git"),
        ("https://h/a.git#s3cret", "https://h/a.git"),
        ("http://s3cret:@h/a", "http://h/a"),
        ("git@github.com:a/m.git", "git@github.com:a/m.git"),
        ("s3cret@git.example.com:a/m.git", "git.example.com:a/m.git"),
        ("git.example.com:a/m.git", "git.example.com:a/m.git"),
        ("ssh://git@h:22/a.git", "ssh://git@h:22/a.git"),
        ("ssh://git:s3cret@h/a.git", "ssh://git@h/a.git"),
        ("ssh://s3cret@h/a.git", "ssh://h/a.git"),
        ("git://h/a.git", "git://h/a.git"),
        // What cannot be taken apart with certainty.
        ("https://user:s3/cret@h/a", "-"),
        ("https://user:s3?cret@h/a", "-"),
        ("https://user:s3#cret@h/a", "-"),
        ("https://user:s3 cret@h/a", "-"),
        ("https://user:s3\\cret@h/a", "-"),
        ("user:s3cret@h:a/m", "-"),
        ("git@h:a@b", "-"),
        ("https://h", "-"),
        ("https:///a", "-"),
        // What is of use to its owner alone.
        ("/srv/git/m.git", "-"),
        ("../m", "-"),
        ("file:///home/me/m", "-"),
        ("C:/models/m", "-"),
        ("ext::sh -c s3cret", "-"),
        ("helper::https://user:s3cret@h/a", "-"),
        ("codecommit://s3cret@m", "-"),
        ("", "-"),
    ] {
        let found = published(url);
        assert_eq!(found.as_deref().unwrap_or("-"), expected, "{url}");
        assert!(!found.is_some_and(|text| text.contains("s3")), "{url}");
    }
}

#[test]
fn an_unusable_origin_is_told_of() {
    let config = "[remote \"origin\"]\n\turl = /home/me/models\n";
    let source = check(
        &[
            (".git/HEAD", "ref: refs/heads/main"),
            (".git/config", config),
        ],
        ["-", "-"],
    );
    let expected =
        "the origin of the git repository is no address that others can use, so it is not written";
    assert_eq!(source.warnings, [expected]);
}

#[track_caller]
fn check_settings(text: &str, origin: &str, names_programs: bool) {
    let mut settings = Settings::default();
    settings.read(text);
    assert_eq!(
        settings.origin.as_deref().unwrap_or("-"),
        origin,
        "{text:?}"
    );
    assert_eq!(settings.names_programs, names_programs, "{text:?}");
}

#[test]
fn configurations() {
    check_settings("", "-", false);
    check_settings("[remote \"origin\"]\nurl = a\nurl = b\n", "a", false);
    check_settings("[REMOTE \"origin\"] URL=a # c\n", "a", false);
    check_settings(
        "[remote \"Origin\"]\nurl = a\n[remote \"up\"]\nurl = b\n",
        "-",
        false,
    );
    check_settings("[remote.origin]\nurl = \"a#b\" ; c\r\n", "a#b", false);
    check_settings("[remote \"ori\\gin\"]\n  url = a\\\n/b\n", "a/b", false);
    check_settings(
        "# [remote \"origin\"]\nurl = a\n[remote \"origin\"\nurl = b",
        "-",
        false,
    );
    check_settings("[filter \"x\"]\nclean = rm\n", "-", true);
    check_settings("[include]\npath = other\n", "-", true);
    check_settings("[includeIf \"gitdir:x\"]\npath = other\n", "-", true);
    check_settings("[core]\n\tfsMonitor = rm\n", "-", true);
    check_settings(
        "[core]\n\tfilemode = true\n[branch \"filter\"]\nremote = origin\n",
        "-",
        false,
    );
}

/// A program that does as git does when asked.
fn program(directory: &Path, script: &str) -> PathBuf {
    let path = directory.join("git");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    path
}

#[test]
fn the_answers_of_a_program() {
    let line = format!("{ID}\n");
    let unknown = |why: &str| {
        vec![format!(
            "whether the files differ from revision 0123456789ab of the git repository is unknown: {why}"
        )]
    };
    let scratch = tempfile::tempdir().expect("a directory");
    let at = scratch.path().join("git").display().to_string();
    for (script, config, suffix, warnings) in [
        ("exit 0", "", "", Vec::new()),
        ("echo ' M w.bin'", "", "-dirty", Vec::new()),
        // Only the first byte is waited for, whatever comes behind it.
        ("echo ' M w.bin'; exec sleep 60", "", "-dirty", Vec::new()),
        ("exit 128", "", "", unknown(&format!("{at} failed"))),
        (
            "exec sleep 60",
            "",
            "",
            unknown(&format!("{at} has given no answer for 0.2 s")),
        ),
        (
            "echo ' M w.bin'",
            "[filter \"x\"]\nclean = rm\n",
            "",
            unknown("its own configuration names programs, which git would run"),
        ),
    ] {
        let repository = directory(&[(".git/HEAD", &line), (".git/config", config)]);
        let git = GitProgram::new(program(scratch.path(), script));
        let limit = if script == "exec sleep 60" {
            200
        } else {
            60_000
        };
        let git = git.with_time_limit(Duration::from_millis(limit));
        let source = read(repository.path(), &SourceReading::WithGit(git));
        assert_eq!(source.revision, Some(format!("{ID}{suffix}")), "{script}");
        assert_eq!(source.warnings, warnings, "{script}");
    }
    let repository = directory(&[(".git/HEAD", &line)]);
    let missing = GitProgram::new("/nonexistent/git");
    let source = read(repository.path(), &SourceReading::WithGit(missing));
    assert_eq!(source.revision.as_deref(), Some(ID));
    assert!(
        source.warnings[0].contains("/nonexistent/git does not start"),
        "{:?}",
        source.warnings
    );
}

#[test]
fn git_itself() {
    let Some(git) = tool("git") else {
        skip("git");
        return;
    };
    let scratch = tempfile::tempdir().expect("a directory");
    let home = scratch.path().join("home");
    let model = scratch.path().join("model");
    fs::create_dir_all(&home).expect("a directory");
    fs::create_dir_all(&model).expect("a directory");
    let run = |arguments: &[&str]| {
        let identity = ["-c", "user.name=n", "-c", "user.email=e@example.com"];
        let ran = Command::new(&git)
            .current_dir(&model)
            .env("HOME", &home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .args(identity)
            .args(arguments)
            .output()
            .expect("it starts");
        assert!(
            ran.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
        String::from_utf8(ran.stdout)
            .expect("text")
            .trim()
            .to_owned()
    };
    let reading =
        SourceReading::WithGit(GitProgram::new(&git).with_time_limit(Duration::from_secs(60)));
    run(&["init", "-q"]);
    assert_eq!(read(&model, &reading), Source::default());
    fs::write(model.join("w.bin"), "one").expect("a file");
    run(&["add", "w.bin"]);
    run(&["commit", "-q", "-m", "m"]);
    run(&[
        "remote",
        "add",
        "origin",
        "https://user:s3cret@example.com/m.git",
    ]);
    let head = run(&["rev-parse", "HEAD"]);
    let config = fs::read(model.join(".git/config")).expect("a file");
    // What git does not track does not count: a Modelfile that was just written.
    fs::write(model.join("Modelfile"), "MODEL w.bin").expect("a file");
    let source = read(&model, &reading);
    assert_eq!(source.url.as_deref(), Some("https://example.com/m.git"));
    assert_eq!(
        (source.revision.as_deref(), source.warnings.len()),
        (Some(head.as_str()), 0)
    );
    fs::write(model.join("w.bin"), "two").expect("a file");
    assert_eq!(
        read(&model, &reading).revision,
        Some(format!("{head}-dirty"))
    );
    run(&["pack-refs", "--all"]);
    assert_eq!(
        read(&model, &reading).revision,
        Some(format!("{head}-dirty"))
    );
    // Nothing was written.
    assert_eq!(fs::read(model.join(".git/config")).expect("a file"), config);
    assert_eq!(fs::read_dir(&home).expect("a directory").count(), 0);
}
