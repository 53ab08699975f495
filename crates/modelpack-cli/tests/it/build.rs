//! `build` and the dry runs of `build` and `push`, as whole commands.

use crate::shell::{Served, Shell, json};

const REFERENCE: &str = "registry.example.com/me/tiny:v1";

fn shell() -> Shell {
    let shell = Shell::new();
    shell.write("model/model.bin", "weights");
    shell.write("model/src/a.py", "a");
    shell.write("model/src/b.py", "b");
    shell.write("model/README.md", "# hi");
    shell.write("model/train.log", "log");
    shell.write("model/.modelignore", "*.log\n");
    shell
}

#[test]
fn a_build_without_a_modelfile_says_so() {
    let shell = shell();
    let ran = shell.run(&["build", "model", "-t", REFERENCE, "--no-progress"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        format!("Successfully built model artifact: {REFERENCE}\n")
    );
    assert_eq!(
        ran.stderr,
        "note: there is no Modelfile in model; one was made up from its files \
         (`modelpack modelfile generate model -O model` writes it down)\n"
    );
    let report = json(&shell.ok(&["build", "model", "-t", REFERENCE, "--json"]));
    let text = report["generatedModelfile"].as_str().expect("text");
    assert!(text.contains("MODEL model.bin\n"), "{text}");
    assert!(!text.contains("train.log"), "{text}");
    let missing = ["build", "model", "-t", REFERENCE, "-f", "nowhere"];
    shell.fails(&missing, 3, &["there is no Modelfile at nowhere", "hint: "]);
}

#[test]
fn a_dry_run_prints_the_plan_and_writes_nothing() {
    let shell = shell();
    shell.ok(&["ls"]);
    let before = shell.state("store");
    let plan = [
        "build",
        "model",
        "-t",
        REFERENCE,
        "--dry-run",
        "--pack",
        "code=tar",
    ];
    let expected = "\
KIND      SIZE      STATE       MEDIA TYPE                                  PATH
weight    7 B       to store    application/vnd.cncf.model.weight.v1.raw    model.bin
code      3.0 kB    to store    application/vnd.cncf.model.code.v1.tar      code.tar (2 files)
doc       4 B       to store    application/vnd.cncf.model.doc.v1.raw       README.md
3 layers, 3.0 kB; 3.0 kB would be stored; nothing was written
";
    assert_eq!(shell.ok(&plan), expected);
    assert_eq!(shell.state("store"), before);
    shell.ok(&["build", "model", "-t", REFERENCE, "--pack", "code=tar"]);
    let report = json(&shell.ok(&[&plan[..], &["--json"]].concat()));
    assert_eq!(
        (&report["missing"], &report["size"]),
        (&0.into(), &3083.into())
    );
    assert_eq!(report["layers"][1]["files"], 2);
    assert_eq!(report["layers"][1]["inStore"], true);
    let files = shell.ok(&["inspect", "--files", REFERENCE]);
    assert!(files.contains("a.py") && files.contains("b.py"), "{files}");
}

#[test]
fn straight_into_a_registry() {
    let shell = shell();
    let served = Served::start(&shell, "remote");
    let reference = format!("{}/me/tiny:v1", served.host);
    let build = [
        "build",
        "model",
        "-t",
        &reference,
        "--output-remote",
        "--plain-http",
    ];
    let plan = json(&shell.ok(&[&build[..], &["--dry-run", "--json"]].concat()));
    assert_eq!(plan["missing"], plan["size"]);
    assert_eq!(plan["layers"][0]["inRegistry"], false);
    assert_eq!(
        shell.ok(&build),
        format!("Successfully built model artifact: {reference}\n")
    );
    assert_eq!(shell.ok(&["ls", "-q"]), "");
    assert_eq!(
        shell.ok(&["ls", "--remote", &reference, "--plain-http"]),
        "v1\n"
    );
    let plan = shell.ok(&[&build[..], &["--dry-run"]].concat());
    assert!(
        plan.ends_with("0 B would be sent; nothing was written\n"),
        "{plan}"
    );
    // Nobody listens there.
    let nowhere = [
        "build",
        "model",
        "-t",
        "localhost:1/a/b:v1",
        "--output-remote",
        "--plain-http",
    ];
    shell.fails(&nowhere, 5, &["localhost:1", "hint: "]);
}

#[test]
fn a_dry_run_of_a_push_says_what_would_be_sent() {
    let shell = shell();
    let served = Served::start(&shell, "remote");
    let reference = format!("{}/me/tiny:v1", served.host);
    shell.ok(&["build", "model", "-t", &reference, "--no-creation-time"]);
    let dry = ["push", &reference, "--plain-http", "--dry-run"];
    let plan = shell.ok(&dry);
    assert!(
        plan.contains("to send") && plan.contains("the name would be new"),
        "{plan}"
    );
    assert_eq!(
        json(&shell.ok(&[&dry[..], &["--json"]].concat()))["current"],
        serde_json::Value::Null
    );
    shell.ok(&["push", &reference, "--plain-http"]);
    let plan = shell.ok(&dry);
    let end = "0 B would be sent; the name points to this artifact; nothing was sent\n";
    assert!(plan.ends_with(end), "{plan}");
    shell.fails(
        &["push", "localhost:1/no/thing:v1", "--dry-run"],
        3,
        &["hint: "],
    );
}

#[test]
fn mistakes_are_refused() {
    let shell = shell();
    let build = |more: &[&'static str]| [&["build", "model", "-t", REFERENCE], more].concat();
    shell.fails(&build(&["--pack", "code"]), 2, &["expected KIND=ENCODING"]);
    shell.fails(
        &build(&["--pack", "wood=tar"]),
        2,
        &["`wood` is no kind of files"],
    );
    shell.fails(&build(&["--pack", "code=zip"]), 2, &["`zip` is no archive"]);
    shell.fails(
        &build(&["--pack", "weight=tar"]),
        1,
        &["cannot be packed", "hint: "],
    );
    shell.fails(&build(&["--exclude", "["]), 1, &["`[`"]);
    shell.fails(&build(&["--exclude", "**"]), 1, &["no model"]);
    shell.write("model/.modelignore", "a[z-a]\n");
    shell.fails(&build(&[]), 1, &["line 1 of model/.modelignore"]);
}
