//! Mistakes with what belongs to a model: templates, adapters, context sizes.

use crate::shell::Shell;

fn weight(name: &str) -> Vec<u8> {
    let path = modelpack_testkit::fixtures()
        .join("weights/valid")
        .join(name);
    std::fs::read(path).expect("it is there")
}

/// A shell with a directory `m` that has these files, without a Modelfile.
fn with(files: &[(&str, &[u8])]) -> Shell {
    let shell = Shell::new();
    for (name, content) in files {
        shell.write(&format!("m/{name}"), content);
    }
    shell
}

const NAME: &str = "localhost:5000/a/b:v1";

#[test]
fn what_is_no_chat_template_is_refused_and_of_two_one_is_named() {
    let gguf = weight("everything-Q4_K_M.gguf");
    let shell = with(&[("model.gguf", &gguf)]);
    shell.write("t.bin", b"{{ x }}\0");
    // As large as weights are, and therefore not read as a whole.
    let mut large = gguf.clone();
    large.resize(2 << 20, 0);
    shell.write("large", large);
    let build = |template: &str| {
        let flag = format!("--chat-template={template}");
        shell.run(&["build", "m", "-t", NAME, &flag])
    };
    for (template, says) in [
        (
            "m/model.gguf",
            "model.gguf cannot be the chat template of a model: it is gguf",
        ),
        (
            "large",
            "large cannot be the chat template of a model: it is gguf",
        ),
        (
            "t.bin",
            "t.bin cannot be the chat template of a model: it is no text",
        ),
    ] {
        let ran = build(template);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    shell.write("m/Modelfile", "MODEL *.gguf\nCONFIG *.jinja\n");
    shell.write("m/a.jinja", b"one");
    shell.write("own.jinja", b"two");
    let ran = build("own.jinja");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let says = "warning: `a.jinja` and `chat_template.jinja` could be the chat template; `chat_template.jinja` is taken";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    let line = shell.ok(&["run", NAME, "--dry-run"]);
    assert!(line.contains("/chat_template.jinja"), "{line}");
    shell.write("m/b.jinja", b"three");
    let ran = shell.run(&["build", "m", "-t", NAME]);
    let says = "`a.jinja` and `b.jinja` could be the chat template; `a.jinja` is taken";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    let line = shell.ok(&["run", NAME, "--dry-run"]);
    assert!(line.contains("/a.jinja"), "{line}");
}

#[test]
fn a_context_size_that_no_tool_holds_is_a_mistake_in_the_arguments() {
    let gguf = weight("everything-Q4_K_M.gguf");
    let shell = with(&[("model.gguf", &gguf)]);
    for size in ["0", "-2", "2147483648", "many"] {
        shell.fails(
            &["build", "m", "-t", NAME, "--context-size", size],
            2,
            &["write a number from 1 to 2147483647, or -1"],
        );
    }
    for size in ["-1", "1", "2147483647"] {
        shell.ok(&["build", "m", "-t", NAME, "--context-size", size]);
    }
}

#[test]
fn old_types_are_those_of_modelpack_only() {
    let gguf = weight("everything-Q4_K_M.gguf");
    let shell = with(&[("model.gguf", &gguf)]);
    let says = &["--legacy-types is for ModelPack"];
    let flags = ["--format", "docker", "--legacy-types"];
    shell.fails(&[&["build", "m", "-t", NAME][..], &flags].concat(), 2, says);
    shell.ok(&["build", "m", "-t", NAME]);
    let flags = ["--to", "docker", "--legacy-types"];
    shell.fails(&[&["convert", NAME][..], &flags].concat(), 2, says);
}

#[test]
fn an_adapter_names_its_model_by_name_or_digest() {
    let (gguf, lora) = (
        weight("everything-Q4_K_M.gguf"),
        weight("lora-adapter.gguf"),
    );
    let shell = with(&[("model.gguf", &gguf)]);
    shell.write("alone/lora.gguf", &lora);
    let digest = shell.ok(&["-q", "build", "m", "-t", NAME]);
    let base = |base: &str| format!("--adapter-base={base}");
    let tuned = "localhost:5000/a/tuned:v1";
    for base in [base(NAME), base(digest.trim())] {
        shell.ok(&[
            "build",
            "m",
            "-t",
            tuned,
            "--adapter=alone/lora.gguf",
            &base,
        ]);
        let manifest = shell.ok(&["run", tuned, "--dry-run"]);
        assert!(manifest.contains(" --lora "), "{manifest}");
        shell.ok(&["build", "alone", "-t", tuned, &base]);
        shell.fails(
            &["run", tuned, "--dry-run"],
            1,
            &[&format!("belongs to the model {}", digest.trim())],
        );
    }
    shell.ok(&["build", "alone", "-t", tuned]);
    shell.fails(
        &["run", tuned, "--dry-run"],
        1,
        &["holds no model: `lora.gguf` is an adapter", "hint: "],
    );
    let build = |base: &str| format!("build m -t {tuned} --adapter-base={base}");
    for (base, code, says) in [
        ("localhost:5000/a/none:v1", 3, "is not in the local store"),
        ("no name", 2, "--adapter-base takes a digest or a name"),
        (digest.trim(), 1, "there is no adapter that could belong"),
    ] {
        let line = build("BASE");
        let words: Vec<String> = line
            .split(' ')
            .map(|word| word.replace("BASE", base))
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        shell.fails(&words, code, &[says]);
    }
}
