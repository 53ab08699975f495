//! Each mistake has its message, its hint and its exit code, and leaves store and directories as they were.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::shell::{Shell, json, tree};

const REFERENCE: &str = "example.com/a/b:v1";
const BUILD: [&str; 6] = ["build", "m", "-f", "m/Modelfile", "-t", REFERENCE];

/// A work directory with two files; the store has been used before.
fn shell() -> Shell {
    let shell = Shell::new();
    shell.build("example.com/earlier/model:v1");
    shell.write("m/m.bin", "weights");
    shell.write("m/sub/x.bin", "more");
    shell
}

/// Builds from a Modelfile that must be refused.
fn refuses(shell: &Shell, modelfile: &str, code: i32, message: &str) {
    shell.write("m/Modelfile", modelfile);
    let before = tree(&shell.path("m"));
    shell.refuses(&BUILD, code, message);
    assert_eq!(tree(&shell.path("m")), before);
}

#[test]
fn an_unknown_command_in_a_modelfile() {
    refuses(
        &shell(),
        "MODEL m.bin\nMODLE x\n",
        1,
        "error: m/Modelfile cannot be used:\n\
         error: line 2, column 1: unknown command `MODLE`\n  \
         |\n\
         2 | MODLE x\n  \
         | ^^^^^\n  \
         = hint: did you mean MODEL?",
    );
}

/// MA12: Pattern that matches nothing and a directory.
#[test]
fn a_pattern_that_matches_nothing_and_a_directory() {
    let shell = shell();
    refuses(
        &shell,
        "MODEL *.gguf\n",
        3,
        "error: line 1 of the Modelfile: `*.gguf` matches no file below m\n\
         hint: paths and patterns are relative to the directory that is built",
    );
    refuses(
        &shell,
        "MODEL m.bin\n\nMODEL sub\n",
        1,
        "error: line 3 of the Modelfile: `sub` is a directory; a layer is made of one file\n\
         hint: write `sub/*` or `sub/**/*` for the files in it",
    );
    refuses(
        &shell,
        "NAME nothing\n",
        1,
        "error: the Modelfile names no file\n\
         hint: add a line such as `MODEL model.gguf`; `modelpack modelfile generate` writes one",
    );
}

#[test]
fn a_path_outside_of_the_work_directory() {
    refuses(
        &shell(),
        "MODEL ../secret\nMODEL /etc/passwd\n",
        1,
        "error: m/Modelfile cannot be used:\n\
         error: line 1, column 7: `../secret` is outside of the work directory: it has `..`\n  \
         |\n\
         1 | MODEL ../secret\n  \
         |       ^^^^^^^^^\n\
         error: line 2, column 7: `/etc/passwd` is outside of the work directory: it is absolute; \
         write it relative to the work directory\n  \
         |\n\
         2 | MODEL /etc/passwd\n  \
         |       ^^^^^^^^^^^",
    );
}

#[test]
fn a_file_that_cannot_be_read() {
    let shell = shell();
    // Not even the super-user can read the first page of a process.
    symlink("/proc/self/mem", shell.path("m/z.bin")).expect("a link");
    let message = "error: cannot read m/z.bin\n  because: Input/output error (os error 5)";
    refuses(&shell, "MODEL *.bin\n", 1, message);
}

#[test]
fn a_work_directory_that_is_none() {
    let shell = shell();
    shell.write("m/Modelfile", "MODEL m.bin\n");
    let build = |path, modelfile| ["build", path, "-f", modelfile, "-t", REFERENCE];
    shell.refuses(
        &build("nowhere", "m/Modelfile"),
        3,
        "error: cannot read nowhere\n  \
         because: No such file or directory (os error 2)\n\
         hint: check the spelling of the path",
    );
    shell.refuses(
        &build("m/m.bin", "m/Modelfile"),
        1,
        "error: m/m.bin is no directory\nhint: give the directory that holds the model",
    );
    shell.refuses(
        &build("m", "nowhere"),
        3,
        "error: there is no Modelfile at nowhere\n\
         hint: `modelpack modelfile generate DIR` writes one; `--modelfile` names another",
    );
    shell.refuses(&build("m", "m"), 1, "error: m is a directory, not a file");
    shell.write("m/Modelfile", b"MODEL m.bin\nNAME \xff\n");
    shell.refuses(
        &build("m", "m/Modelfile"),
        1,
        "error: m/Modelfile is not UTF-8 (line 2)",
    );
}

#[test]
fn references_that_are_none() {
    let shell = shell();
    let check = |arguments: &[&str], says: &[&str]| {
        let before = shell.state("store");
        shell.fails(arguments, 2, says);
        assert_eq!(shell.state("store"), before);
    };
    check(
        &["pull", "qwen3"],
        &["the registry host is missing; did you mean `docker.io/library/qwen3`?"],
    );
    check(
        &["pull", "not a reference"],
        &["invalid reference `not a reference`"],
    );
    check(
        &["push", "example.com/Upper:v1"],
        &["the repository has upper-case letters; only lower case is allowed"],
    );
    check(
        &["inspect", "example.com/a@sha256:00"],
        &["wrong number of hex digits"],
    );
    check(
        &["inspect", "example.com/a@md5:00"],
        &["uses the algorithm `md5`, which is not supported (sha256 and sha512 are)"],
    );
    check(&["frobnicate"], &["unrecognized subcommand 'frobnicate'"]);
    check(
        &["biuld"],
        &["some similar subcommands exist: 'upload', 'build'"],
    );
    shell.refuses(
        &["inspect", "example.com/a/b"],
        2,
        "error: example.com/a/b has neither a tag nor a digest\n\
         hint: add a tag, such as example.com/a/b:latest",
    );
    shell.refuses(
        &["build", "model", "-t", "example.com/a/b"],
        2,
        "error: example.com/a/b cannot be the name of a new artifact: it has no tag\n\
         hint: use a tag and no digest, such as example.com/a/b:latest",
    );
    shell.refuses(
        &["tag", "example.com/earlier/model:v1", "example.com/a/b"],
        2,
        "error: example.com/a/b cannot be the name of an artifact: it has no tag\n\
         hint: use a tag and no digest, such as example.com/a/b:latest",
    );
}

#[test]
fn tags_and_digests_that_are_not_there() {
    let shell = shell();
    let pinned = format!("example.com/earlier/model:v1@sha256:{}", "1".repeat(64));
    for reference in [REFERENCE, "example.com/earlier/model:v2", &pinned] {
        let message = format!(
            "error: {reference} is not in the local store\n\
             hint: `modelpack pull {reference}` fetches it; `modelpack ls` lists what is here"
        );
        for arguments in [
            &["inspect", reference][..],
            &["extract", reference, "out"],
            &["resolve", "--no-pull", reference],
            &["tag", reference, "example.com/a/b:v2"],
            &["push", reference],
        ] {
            shell.refuses(arguments, 3, &message);
        }
    }
    shell.refuses(
        &["rm", REFERENCE],
        3,
        "error: example.com/a/b:v1 is not in the local store\n\
         hint: `modelpack pull example.com/a/b:v1` fetches it; `modelpack ls` lists what is here",
    );
    let digest = &json(&shell.ok(&["ls", "--json"]))[0]["digest"];
    let actual = digest.as_str().expect("a digest");
    let message = format!(
        "error: {pinned} pins another digest than {actual}\n\
         hint: `modelpack ls` shows the digest that each name has"
    );
    shell.refuses(&["rm", &pinned], 6, &message);
    shell.refuses(
        &["tag", "example.com/earlier/model:v1", &pinned],
        6,
        &message,
    );
    assert!(!shell.path("out").exists());
}

#[test]
fn a_directory_that_cannot_be_written() {
    let shell = shell();
    let extract = |to| ["extract", "example.com/earlier/model:v1", to];
    shell.refuses(
        &extract("m/m.bin"),
        1,
        "error: cannot write into m/m.bin\n  \
         because: cannot create `m/m.bin`\n  \
         because: File exists (os error 17)\n\
         hint: give a directory, or a place where one can be made",
    );
    assert_eq!(tree(&shell.path("m")).len(), 2);
    // A directory stands where a file has to go.
    std::fs::create_dir_all(shell.path("out/config.json")).expect("a directory");
    shell.write("out/README.md", "mine");
    let before = tree(&shell.path("out"));
    shell.refuses(
        &extract("out"),
        1,
        "error: cannot extract config.json\n  \
         because: cannot write `config.json`: a directory is in the way\n\
         hint: move away what is there, or give another directory",
    );
    assert!(shell.path("out/config.json").is_dir());
    assert_eq!(tree(&shell.path("out")).len(), before.len());
}

#[test]
fn an_artifact_that_is_too_large_for_a_manifest() {
    let shell = shell();
    let long = "n".repeat(5 << 20);
    let message = "error: the manifest would have 5243612 bytes for 1 layers; registries need not take more than 4194304\n\
                   hint: take fewer files: an archive of many small ones is one file";
    refuses(&shell, &format!("NAME {long}\nMODEL m.bin\n"), 1, message);
}

#[test]
fn a_missing_blob() {
    let shell = shell();
    let reference = "example.com/earlier/model:v1";
    let report = json(&shell.ok(&["inspect", reference]));
    let digest = report["Layers"][0]["Digest"].as_str().expect("a digest");
    let blob = shell.path("store/blobs").join(digest.replace(':', "/"));
    std::fs::remove_file(blob).expect("it is ours");
    for arguments in [&["push", reference][..], &["extract", reference, "out"]] {
        let message = format!(
            "error: the local store failed\n  \
             because: blob {digest} is not in the store\n\
             hint: the artifact in the local store is incomplete; pull or build it again"
        );
        shell.refuses(arguments, 3, &message);
    }
    assert!(!shell.path("out").exists());
    let ran = shell.run(&["verify"]);
    assert_eq!(ran.code, 6);
    assert!(
        ran.stdout.starts_with(&format!("blob {digest} is missing")),
        "{}",
        ran.stdout
    );
}

#[test]
fn wrong_bytes_in_the_store() {
    let shell = shell();
    let reference = "example.com/earlier/model:v1";
    let report = json(&shell.ok(&["inspect", reference]));
    let digest = report["Layers"][0]["Digest"].as_str().expect("a digest");
    let size = report["Layers"][0]["Size"].as_u64().expect("a size");
    let blob = shell.path("store/blobs").join(digest.replace(':', "/"));
    std::fs::set_permissions(&blob, PermissionsExt::from_mode(0o644)).expect("it is ours");
    std::fs::write(&blob, "x".repeat(size as usize)).expect("it is writable");
    let actual = modelpack::Digest::sha256("x".repeat(size as usize).as_bytes());
    let message = format!(
        "error: cannot extract config.json\n  \
         because: content has digest {actual}, expected {digest}\n\
         hint: `modelpack verify` names every damaged blob; remove the artifact and pull it again"
    );
    shell.refuses(&["extract", reference, "out"], 6, &message);
    assert!(!shell.path("out").exists());
    let ran = shell.run(&["verify"]);
    assert_eq!(ran.code, 6, "{}", ran.stdout);
    assert!(
        ran.stdout.contains(digest) && ran.stdout.contains("DAMAGED"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_store_of_a_newer_version() {
    let shell = shell();
    shell.write("store/modelpack/store.json", r#"{"version":99}"#);
    for arguments in [&["ls"][..], &["prune"], &["pull", "localhost:1/a/b:c"]] {
        shell.refuses(
            arguments,
            1,
            "error: the local store failed\n  \
             because: the store store has version 99, this program knows up to 1\n\
             hint: use a newer version of this program, or another --storage-dir",
        );
    }
}

#[test]
fn settings_that_are_wrong() {
    let shell = shell();
    shell.refuses(
        &["push", REFERENCE, "-c", "0"],
        2,
        "error: --concurrency must be at least 1",
    );
    let mut soon = shell.command(&["build", "model", "-t", REFERENCE]);
    let soon = soon
        .env("SOURCE_DATE_EPOCH", "soon")
        .output()
        .expect("it starts");
    assert_eq!(soon.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&soon.stderr),
        "error: SOURCE_DATE_EPOCH is `soon`, expected seconds since 1970\n"
    );
    let homeless = shell
        .command(&["ls"])
        .env_remove("HOME")
        .env_remove("MODELPACK_STORAGE_DIR")
        .env("XDG_DATA_HOME", shell.path("data"))
        .output()
        .expect("it starts");
    assert!(homeless.status.success());
    assert!(shell.path("data/modelpack/oci-layout").is_file());
}
