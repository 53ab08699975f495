//! What wins, and what is refused before anything is read.

use std::fs;

use modelpack_modelfile::{Field, Metadata, Modelfile, Properties};

use super::{of_files, of_readme, properties};
use crate::{BuildOptions, Error};

fn said(lines: &str, options: &BuildOptions, files: &[(&str, &str)]) -> Result<Properties, Error> {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        fs::write(directory.path().join(name), text).expect("a file");
    }
    let recipe = Modelfile::parse(&format!("# syntax=modelpack/1\n{lines}\nMODEL w"));
    let recipe = recipe.lower().expect("a Modelfile");
    let mut weights = Metadata::default();
    weights.format = Some("gguf".to_owned());
    weights.arch = Some("llama".to_owned());
    properties(directory.path(), options, &recipe, weights).map(|(said, _)| said)
}

#[test]
fn options_before_modelfile_before_files_before_weights() {
    let config = (
        "config.json",
        r#"{"model_type":"qwen3","dtype":"bf16","transformers_version":"5"}"#,
    );
    let readme = ("README.md", "---\nlicense: mit\nlanguage: en\n---\n");
    let mut options = BuildOptions::default();
    let all = [config, readme];
    let plain = said("", &options, &all).expect("it is well");
    let values = |said: &Properties, field| said.values(field).join(" ");
    assert_eq!(values(&plain, Field::Format), "gguf");
    assert_eq!(values(&plain, Field::Arch), "transformer");
    assert_eq!(values(&plain, Field::Precision), "bfloat16");
    assert_eq!(values(&plain, Field::License), "MIT");
    assert_eq!(values(&plain, Field::Language), "en");

    options
        .properties
        .set(Field::Language, "de")
        .expect("a language");
    options
        .properties
        .set(Field::Reasoning, "false")
        .expect("a flag");
    options.reasoning = true;
    let lines = "FAMILY mine\nLICENSE Apache-2.0\nLANGUAGE fr\nREASONING false\nREWARD true";
    let more = said(lines, &options, &all).expect("it is well");
    assert_eq!(values(&more, Field::Family), "mine");
    assert_eq!(values(&more, Field::License), "Apache-2.0");
    assert_eq!(values(&more, Field::Language), "de");
    assert_eq!(values(&more, Field::Reasoning), "true");
    assert_eq!(values(&more, Field::Reward), "true");
}

#[test]
fn the_weights_know_their_precision() {
    let directory = tempfile::tempdir().expect("a directory");
    let check = |config: &str, expected: &str| {
        fs::write(directory.path().join("config.json"), config).expect("a file");
        let mut weights = Metadata::default();
        weights.precision = Some("bfloat16".to_owned());
        let found = of_files(directory.path(), weights).precision;
        assert_eq!(found.as_deref(), Some(expected), "{config}");
    };
    check(r#"{"torch_dtype":"float32"}"#, "bfloat16");
    check(
        r#"{"torch_dtype":"float16","quantization_config":{"quant_method":"gptq"}}"#,
        "float16",
    );
    check("{}", "bfloat16");
}

#[test]
fn what_no_config_may_say_is_refused_early() {
    let error = said("PARAMSIZE big", &BuildOptions::default(), &[]).expect_err("it is refused");
    let Error::RuleBroken { violations, .. } = error else {
        panic!("another error: {error}");
    };
    assert!(violations[0].contains("paramSize"), "{violations:?}");
    assert_eq!(violations.len(), 1, "{violations:?}");
}

#[test]
fn a_broken_readme_is_a_warning() {
    let directory = tempfile::tempdir().expect("a directory");
    let readme = directory.path().join("README.md");
    let check = |text: &[u8], expected: Option<&str>| {
        fs::write(&readme, text).expect("a file");
        let (said, warning) = of_readme(directory.path());
        assert_eq!(
            warning
                .as_deref()
                .map(|text| text.split(": ").next().unwrap_or_default()),
            expected
        );
        said
    };
    check(
        b"---\nlicense: mit\nlanguage: [en\n---\n",
        Some("the front matter of README.md is not read, line 4"),
    );
    check(
        b"---\nlicense: \"mit\n---\n",
        Some("the front matter of README.md is not read, line 2"),
    );
    let said = check(b"---\nlicense: mit\ntitle: \xff\n---\n", None);
    assert_eq!(said.descriptor.licenses, ["MIT"]);
    check(b"# no front matter", None);
    check(b"", None);
    fs::remove_file(&readme).expect("it is there");
    fs::create_dir(&readme).expect("a directory");
    assert_eq!(of_readme(directory.path()), (Properties::default(), None));
}
