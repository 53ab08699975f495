//! Our archives read by GNU tar, and its archives read by us.

use std::fs;
use std::path::Path;
use std::process::Command;

use modelpack_layer::{FileAttributes, LayerWriter, Limits};
use modelpack_spec::{Encoding, FilePath};

use crate::archive::{tree, unpack, unpack_as};

#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn has_gnu_tar() -> bool {
    let found = Command::new("tar")
        .arg("--version")
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("GNU tar"));
    if !found {
        println!("skipped: there is no GNU tar on the PATH");
    }
    found
}

fn tar(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("tar")
        .current_dir(directory)
        .env("LC_ALL", "C.UTF-8")
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "tar {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn names() -> Vec<String> {
    let deep = format!("{}/{}", "d".repeat(100), "e".repeat(140));
    let mut names = vec![
        "a b.txt".to_owned(),
        "v1..2/w.bin".to_owned(),
        deep,
        "é/漢.bin".to_owned(),
        "n".repeat(200),
    ];
    names.sort();
    names
}

/// X5: GNU tar reads from our archives what we put there.
#[test]
fn gnu_tar_reads_ours() {
    if !has_gnu_tar() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut writer = LayerWriter::new(Encoding::Tar, Vec::new()).unwrap();
    for name in names() {
        let path = FilePath::parse(&name).unwrap();
        let content = name.as_bytes();
        writer
            .append(
                &path,
                &FileAttributes::with_mode(0o755),
                content.len() as u64,
                &mut &*content,
            )
            .unwrap();
    }
    let (_, bytes) = writer.finish().unwrap();
    fs::write(directory.path().join("layer.tar"), &bytes).unwrap();
    let listed = tar(
        directory.path(),
        &["--quoting-style=literal", "-tf", "layer.tar"],
    );
    assert_eq!(listed.lines().collect::<Vec<_>>(), names());
    fs::create_dir_all(directory.path().join("theirs")).unwrap();
    tar(directory.path(), &["-xpf", "layer.tar", "-C", "theirs"]);
    unpack(&directory.path().join("ours"), &bytes).unwrap();
    assert_eq!(
        tree(&directory.path().join("theirs")),
        tree(&directory.path().join("ours"))
    );
}

/// X5: GNU tar and we read the same from its archives.
#[test]
fn we_read_gnu_tar() {
    if !has_gnu_tar() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("source");
    for name in names() {
        let file = source.join(&name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &name).unwrap();
    }
    fs::write(source.join("zero"), vec![0; 10_000]).unwrap();
    for format in ["gnu", "posix", "pax"] {
        for (encoding, flag) in [(Encoding::Tar, ""), (Encoding::TarGzip, "-z")] {
            if flag == "-z" && !cfg!(feature = "gzip") {
                continue;
            }
            let format = format!("--format={format}");
            let mut arguments = vec!["-C", "source", &*format, "-cf", "layer.tar"];
            if !flag.is_empty() {
                arguments.push(flag);
            }
            arguments.push(".");
            tar(directory.path(), &arguments);
            let bytes = fs::read(directory.path().join("layer.tar")).unwrap();
            let out = tempfile::tempdir().unwrap();
            unpack_as(out.path(), encoding, &bytes, &Limits::default()).unwrap();
            assert_eq!(tree(out.path()), tree(&source), "{format} {flag}");
        }
    }
}
