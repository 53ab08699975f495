//! What configuration files say about a model.

use modelpack_modelfile::Metadata;

/// Architecture, family, precision and quantization, with `-` for what is unknown.
#[track_caller]
fn check(files: &[&str], expected: [&str; 4]) {
    let bytes: Vec<&[u8]> = files.iter().map(|file| file.as_bytes()).collect();
    let found = Metadata::from_transformers(&bytes);
    let found = [
        found.arch,
        found.family,
        found.precision,
        found.quantization,
    ]
    .map(|value| value.unwrap_or_else(|| "-".to_owned()));
    assert_eq!(found, expected, "{files:?}");
}

#[test]
fn keys_of_transformers() {
    check(
        &[r#"{"model_type":"llama","torch_dtype":"float16","transformers_version":"4.28.0"}"#],
        ["transformer", "llama", "float16", "-"],
    );
    check(&[r#"{"dtype":"bfloat16"}"#], ["-", "-", "bfloat16", "-"]);
    check(
        &[r#"{"torch_dtype":"float16","dtype":"bfloat16"}"#],
        ["-", "-", "float16", "-"],
    );
    check(
        &[r#"{"quantization_config":{"quant_method":"awq","bits":4}}"#],
        ["-", "-", "-", "awq"],
    );
}

/// MB4: Precisions are those of the specification.
#[test]
fn precisions_are_those_of_the_specification() {
    check(&[r#"{"dtype":"bf16"}"#], ["-", "-", "bfloat16", "-"]);
    check(
        &[r#"{"torch_dtype":"torch.float16"}"#],
        ["-", "-", "float16", "-"],
    );
    check(&[r#"{"torch_dtype":"auto"}"#], ["-", "-", "-", "-"]);
    for (said, meant) in [
        ("FP16", "float16"),
        ("half,bf16", "float16,bfloat16"),
        ("float8_e4m3fn", "float8_e4m3"),
        ("int4", "int4"),
        ("fp8", "fp8"),
    ] {
        assert_eq!(modelpack_modelfile::precision(said), meant);
    }
}

#[test]
fn quantisation_is_named_by_its_technique() {
    for (settings, method) in [
        (
            r#"{"quant_method":"gptq","bits":4,"group_size":128}"#,
            "gptq",
        ),
        (r#"{"quant_method":"AWQ","bits":4}"#, "awq"),
        (r#"{"quant_method":"fp8"}"#, "fp8"),
        (
            r#"{"quant_method":"compressed-tensors"}"#,
            "compressed-tensors",
        ),
        (r#"{"load_in_4bit":true}"#, "bitsandbytes"),
        (
            r#"{"load_in_4bit":false,"load_in_8bit":true}"#,
            "bitsandbytes",
        ),
        (r#"{"load_in_4bit":false}"#, "-"),
        (r#"{"quant_method":7}"#, "-"),
    ] {
        let expected = ["-", "-", "-", method];
        check(
            &[&format!(r#"{{"quantization_config":{settings}}}"#)],
            expected,
        );
        check(
            &[&format!(
                r#"{{"text_config":{{"quantization_config":{settings}}}}}"#
            )],
            expected,
        );
    }
}

#[test]
fn a_nested_text_model_speaks_where_the_whole_is_silent() {
    check(
        &[r#"{"text_config":{"model_type":"qwen3","torch_dtype":"float16"}}"#],
        ["-", "qwen3", "float16", "-"],
    );
    check(
        &[
            r#"{"model_type":"llava","torch_dtype":null,"text_config":{"model_type":"llama","dtype":"float16"}}"#,
        ],
        ["-", "llava", "float16", "-"],
    );
    check(
        &[r#"{"dtype":"bfloat16","text_config":{"torch_dtype":"float16"}}"#],
        ["-", "-", "bfloat16", "-"],
    );
}

#[test]
fn the_later_file_wins_where_both_speak() {
    let config = r#"{"model_type":"gpt2","torch_dtype":"float16"}"#;
    check(
        &[config, r#"{"model_type":"llama","torch_dtype":"float32"}"#],
        ["-", "llama", "float32", "-"],
    );
    check(
        &[config, r#"{"transformers_version":"5"}"#],
        ["transformer", "gpt2", "float16", "-"],
    );
}

#[test]
fn what_is_no_configuration_says_nothing() {
    let nothing = ["-", "-", "-", "-"];
    for file in [
        "",
        "{",
        "[]",
        "null",
        "\u{feff}{}",
        r#"{"model_type":7,"torch_dtype":"","text_config":[],"quantization_config":"x"}"#,
    ] {
        check(&[file], nothing);
    }
    let deep = format!("{{\"model_type\":{}", "[".repeat(100_000));
    check(&[&deep], nothing);
}

#[test]
fn what_is_said_first_stands() {
    let mut said = Metadata::default();
    said.family = Some("mine".to_owned());
    let read = Metadata::from_transformers(&[br#"{"model_type":"llama","dtype":"float16"}"#]);
    let both = said.or(read);
    assert_eq!(both.family.as_deref(), Some("mine"));
    assert_eq!(both.precision.as_deref(), Some("float16"));
}
