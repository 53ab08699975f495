//! A full disk: exit code 7, nothing half-written, and the same command goes on when there is room.

use std::process::Command;

use modelpack_testkit::{skip, tool, write_random};

use crate::shell::{Served, Shell, json};

/// Runs a script in which `disk` is a file system of its own with so much room; `grow` gives it more.
/// Nothing when this system lets no test have one.
fn with_small_disk(shell: &Shell, size: &str, script: &str) -> Option<String> {
    let Some(unshare) = tool("unshare") else {
        skip("unshare is not installed, so there is no small disk to fill");
        return None;
    };
    std::fs::create_dir_all(shell.path("disk")).expect("a directory");
    let mount = format!("mount -t tmpfs -o size={size} tmpfs disk");
    let run = |script: &str| {
        let mut command = Command::new(&unshare);
        command.args(["--user", "--map-root-user", "--mount", "sh", "-euc", script]);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.current_dir(shell.path("")).env_clear();
        command.env("PATH", path).env("HOME", shell.path(""));
        command.env("MODELPACK", env!("CARGO_BIN_EXE_modelpack"));
        command.output().expect("it starts")
    };
    if !run(&mount).status.success() {
        skip(
            "this system does not let a user mount a file system, so there is no small disk to fill",
        );
        return None;
    }
    let script = format!(
        "{mount}\n\
         grow() {{ mount -o remount,size=256m disk; }}\n\
         run() {{ code=0; \"$MODELPACK\" --storage-dir disk/store \"$@\" 2>&1 || code=$?; echo \"[$code]\"; }}\n\
         left() {{ find disk -type f -size +100k; }}\n\
         {script}"
    );
    let ran = run(&script);
    let text = String::from_utf8(ran.stdout).expect("text");
    assert!(
        ran.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    Some(text)
}

/// A model whose weights need 12 MB.
fn model(shell: &Shell) {
    std::fs::create_dir(shell.path("m")).expect("a directory");
    write_random(&shell.path("m/a.bin"), 4_000_000, 1).expect("a file");
    write_random(&shell.path("m/b.bin"), 8_000_000, 2).expect("a file");
    shell.write("m/Modelfile", "MODEL *.bin\n");
}

#[test]
fn a_build() {
    for flags in ["", "--raw=false"] {
        let shell = Shell::new();
        model(&shell);
        let script = format!(
            "build() {{ run build m {flags} -t example.com/a/b:v1 --no-creation-time -q; }}\n\
             build\nleft\nrun ls -q\nrun verify -q\ngrow\nbuild\nrun verify -q"
        );
        let Some(text) = with_small_disk(&shell, "9m", &script) else {
            return;
        };
        let (full, enough) = text.split_once("[7]\n").unwrap_or_else(|| panic!("{text}"));
        // Before the first byte is copied.
        assert!(
            full.starts_with("error: ") && full.contains(" bytes free, 12000000 are needed"),
            "{text}"
        );
        assert!(
            full.contains("\nhint: free ") && full.contains("(`modelpack prune` may help)"),
            "{text}"
        );
        // Nothing stays, no name and no large file; then the same command does it.
        let (left, built) = enough
            .split_once("sha256:")
            .unwrap_or_else(|| panic!("{text}"));
        assert_eq!(left, "[0]\n0 blobs, 0 B: no damage\n[0]\n", "{text}");
        assert!(
            built.ends_with("[0]\n4 blobs, 12.0 MB: no damage\n[0]\n"),
            "{text}"
        );
    }
}

#[test]
fn a_pull() {
    let shell = Shell::new();
    model(&shell);
    let served = Served::start(&shell, "remote");
    let reference = format!("{}/a/b:v1", served.host);
    shell.ok(&["build", "m", "-t", &reference, "-q"]);
    shell.ok(&["push", "--plain-http", &reference, "-q"]);
    let script = format!(
        "pull() {{ run pull --plain-http -q {reference} --extract-dir disk/out; }}\n\
         pull\nleft\nls disk\nrun ls -q\ngrow\npull\nrun verify -q"
    );
    let Some(text) = with_small_disk(&shell, "14m", &script) else {
        return;
    };
    let (full, enough) = text.split_once("[7]\n").unwrap_or_else(|| panic!("{text}"));
    assert!(
        full.contains("bytes free") && full.contains("are needed"),
        "{text}"
    );
    assert!(
        full.contains("\nhint: free ") && full.contains("then run the same command again"),
        "{text}"
    );
    let (left, pulled) = enough
        .split_once("sha256:")
        .unwrap_or_else(|| panic!("{text}"));
    assert_eq!(left, "store\n[0]\n", "{text}");
    assert!(
        pulled.ends_with("[0]\n4 blobs, 12.0 MB: no damage\n[0]\n"),
        "{text}"
    );
}

/// There is room when it begins; then something else takes it, while a layer arrives.
#[test]
fn a_pull_whose_disk_fills_on_the_way() {
    const SIZE: u64 = 24_000_000;
    let shell = Shell::new();
    std::fs::create_dir(shell.path("m")).expect("a directory");
    write_random(&shell.path("m/a.bin"), SIZE, 3).expect("a file");
    shell.write("m/Modelfile", "MODEL *.bin\n");
    let served = Served::start(&shell, "remote");
    let reference = format!("{}/a/b:v1", served.host);
    shell.ok(&["build", "m", "-t", &reference, "-q"]);
    shell.ok(&["push", "--plain-http", &reference, "-q"]);
    // Slow enough that the journal has something long before the layer is there.
    shell.write("slow.toml", "[default]\ndownload_limit = \"1MB/s\"\n");
    let script = format!(
        "pull() {{ run pull --plain-http \"$@\" {reference}; }}\n\
         pull -q --hosts-file slow.toml >first &\n\
         until grep -qs '^done ' disk/store/modelpack/partials/*.journal; do kill -0 $!; done\n\
         dd if=/dev/zero of=disk/else bs=64k 2>/dev/null || true\n\
         wait\n\
         cat first\nrun ls --partial --json\necho --\npull -q\necho --\n\
         rm disk/else\npull --json\nrun verify -q"
    );
    let Some(text) = with_small_disk(&shell, "64m", &script) else {
        return;
    };
    let parts: Vec<&str> = text.split("--\n").collect();
    let [first, second, third] = parts[..] else {
        panic!("{text}");
    };
    let (first, kept) = first
        .split_once("[7]\n")
        .unwrap_or_else(|| panic!("{text}"));
    // What was missing then, and what was kept.
    let missing = |said: &str| {
        let (_, rest) = said
            .split_once("\nhint: free ")
            .unwrap_or_else(|| panic!("{text}"));
        let (bytes, rest) = rest
            .split_once(" bytes ")
            .unwrap_or_else(|| panic!("{text}"));
        assert!(rest.contains("then run the same command again"), "{text}");
        bytes.parse::<u64>().expect("a number")
    };
    let first = missing(first);
    assert!(first > SIZE / 2, "{text}");
    let kept = json(kept.trim_end().trim_end_matches("[0]"));
    let done = kept[0]["done"].as_u64().expect("a number");
    assert!(done > 0 && done < SIZE, "{text}");
    // Without room it is refused before anything is fetched; then it goes on.
    assert!(second.ends_with("[7]\n"), "{text}");
    missing(second);
    let (report, verified) = third
        .split_once("[0]\n")
        .unwrap_or_else(|| panic!("{text}"));
    let report = json(&report[report.find('{').expect("a report")..]);
    assert_eq!(report["transferred"], SIZE - done, "{text}");
    assert_eq!(verified, "3 blobs, 24.0 MB: no damage\n[0]\n", "{text}");
}

#[test]
fn an_extract() {
    let shell = Shell::new();
    model(&shell);
    let script = "run build m -t example.com/a/b:v1 -q\n\
                  extract() { run extract -q example.com/a/b:v1 disk/out; }\n\
                  extract\nls disk\ngrow\nextract\ncmp m/b.bin disk/out/b.bin";
    let Some(text) = with_small_disk(&shell, "14m", script) else {
        return;
    };
    let (full, enough) = text.split_once("[7]\n").unwrap_or_else(|| panic!("{text}"));
    assert!(full.contains("error: cannot extract "), "{text}");
    assert!(full.contains("\nhint: free some space"), "{text}");
    assert_eq!(enough, "store\n[0]\n", "{text}");
}
