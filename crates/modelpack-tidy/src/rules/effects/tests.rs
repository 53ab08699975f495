//! Code that does what its crate must not.

use super::*;
use crate::testing::Example;

#[track_caller]
fn check(name: &str, code: &str, word: &str) {
    let text = format!("//! A module.\n{code}\n");
    let problem = format!("crates/{name}/src/a.rs:2: {name} uses `{word}`");
    Example::default()
        .package(name, &[])
        .file(&format!("crates/{name}/src/a.rs"), &text)
        .breaks(forbidden_code, &[&problem]);
}

#[track_caller]
fn passes(name: &str, path: &str, code: &str) {
    let package = Example::default()
        .package(name, &[])
        .target("bin", &format!("crates/{name}/src/main.rs"));
    package
        .file(&format!("crates/{name}/{path}"), code)
        .breaks(forbidden_code, &[]);
}

#[test]
fn each_row_forbids() {
    check("modelpack", "println!(\"done\");", "println!");
    check("modelpack-server", "std::env::var(\"HOME\");", "env::var");
    check(
        "modelpack",
        "let now = SystemTime::now();",
        "SystemTime::now",
    );
    check(
        "modelpack-layer",
        "let start = Instant::now();",
        "Instant::now",
    );
    check("modelpack-modelfile", "let text = fs::read(path);", "fs::");
    check("modelpack-registry", "File::open(path)?;", "File::open");
    check("modelpack-store", "async fn read() {}", "async fn");
    check(
        "modelpack-server",
        "TcpStream::connect(host).await?;",
        "TcpStream::connect",
    );
    check("modelpack-layer", "Command::new(name);", "Command::new");
}

#[test]
fn words_in_texts_and_names_are_not_code() {
    passes(
        "modelpack-spec",
        "src/a.rs",
        "/// `println!(\"x\")`\nlet x = \"std::fs\"; modelfs::x(); // SystemTime::now()\n",
    );
}

#[test]
fn tests_examples_and_programs_may() {
    for path in [
        "src/tests.rs",
        "src/a/tests.rs",
        "tests/it/main.rs",
        "examples/a.rs",
        "src/main.rs",
    ] {
        passes(
            "modelpack-formats",
            path,
            "println!(\"{:?}\", fs::read(path));\n",
        );
    }
    passes("modelpack-cli", "src/a.rs", "println!();\n");
    passes("modelpack-store", "src/a.rs", "fs::read(path);\n");
}

#[test]
fn modules_declared_for_tests_may() {
    Example::default()
        .package("modelpack-spec", &[])
        .file(
            "crates/modelpack-spec/src/lib.rs",
            "#[cfg(test)]\nmod kit;\nmod real;\n",
        )
        .file("crates/modelpack-spec/src/kit.rs", "println!();\n")
        .file("crates/modelpack-spec/src/kit/deep.rs", "println!();\n")
        .file(
            "crates/modelpack-spec/src/real.rs",
            "println!();\n#[cfg(test)]\nmod kit;\n",
        )
        .file("crates/modelpack-spec/src/real/kit.rs", "println!();\n")
        .breaks(
            forbidden_code,
            &["crates/modelpack-spec/src/real.rs:1: modelpack-spec uses `println!`"],
        );
}
