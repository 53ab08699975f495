//! What contradicts what.

use modelpack_modelfile::{Metadata, Modelfile};

use super::{contradictions, count};

fn check(line: &str, weights: fn(&mut Metadata), expected: &[&str]) {
    let recipe = Modelfile::parse(&format!("{line}\nMODEL w\n")).lower();
    let mut metadata = Metadata::default();
    weights(&mut metadata);
    assert_eq!(contradictions(&recipe.unwrap(), &metadata), expected);
}

#[test]
fn the_same_in_other_words_is_no_contradiction() {
    check(
        "FORMAT GGUF",
        |weights| weights.format = Some("gguf".into()),
        &[],
    );
    check(
        "FORMAT pytorch",
        |weights| weights.format = Some("pt".into()),
        &[],
    );
    check(
        "PARAMSIZE 0.6B",
        |weights| weights.param_size = Some("751.6m".into()),
        &[],
    );
    check(
        "PARAMSIZE some",
        |weights| weights.param_size = Some("751.6m".into()),
        &[],
    );
    check(
        "PRECISION bf16",
        |weights| weights.precision = Some("bfloat16".into()),
        &[],
    );
    check(
        "PRECISION float32,float16",
        |weights| weights.precision = Some("float16".into()),
        &[],
    );
    check(
        "QUANTIZATION mostly_q4_k_m",
        |weights| weights.quantization = Some("Q4_K_M".into()),
        &[],
    );
    // The weights say nothing of the method that made them small.
    check("QUANTIZATION awq", |_| {}, &[]);
}

#[test]
fn a_contradiction_names_both() {
    check(
        "FORMAT safetensors",
        |weights| weights.format = Some("gguf".into()),
        &["the Modelfile says FORMAT safetensors, but the weights say gguf"],
    );
    check(
        "PARAMSIZE 8B",
        |weights| weights.param_size = Some("135m".into()),
        &["the Modelfile says PARAMSIZE 8B, but the weights say 135m"],
    );
    check(
        "PRECISION float32",
        |weights| weights.precision = Some("bfloat16".into()),
        &["the Modelfile says PRECISION float32, but the weights say bfloat16"],
    );
    check(
        "QUANTIZATION Q8_0",
        |weights| weights.quantization = Some("Q4_K_M".into()),
        &["the Modelfile says QUANTIZATION Q8_0, but the weights say Q4_K_M"],
    );
}

#[test]
fn counts_are_read_as_people_write_them() {
    assert_eq!(count("1.5b"), Some(1.5e9));
    assert_eq!(count("135 M"), Some(1.35e8));
    assert_eq!(count("183"), Some(183.0));
    assert_eq!(count("ü"), None);
    assert_eq!(count(""), None);
}
