//! Reads a model config, says which rules of the specification it breaks, and writes a right one.
//!
//! `cargo run -p modelpack-spec --example judge_config -- [CONFIG.json]`

use modelpack_spec::{Digest, Document, Model, ModelFs, rules};

/// A config with mistakes that the typed reader accepts and the rules do not.
const SAMPLE: &str = r#"{"descriptor":{"name":""},"config":{"paramSize":"8 billion"},"modelfs":{"type":"layers","diffIds":[]}}"#;

#[expect(clippy::print_stdout, reason = "the example shows its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bytes = match std::env::args_os().nth(1) {
        Some(path) => std::fs::read(path)?,
        None => SAMPLE.into(),
    };
    for violation in rules::check_config(&bytes) {
        println!("{violation}\n    {}", violation.rule.anchor);
    }

    let mut model = Model::default();
    model.descriptor.name = Some("sample-8b".to_owned());
    model.config.param_size = Some("8B".to_owned());
    model.modelfs = ModelFs::new(vec![Digest::sha256(b"the weights")]);
    let document = Document::write(model);
    println!("{}", std::str::from_utf8(document.bytes())?);
    println!("is {}", document.digest());
    assert!(rules::check_config(document.bytes()).is_empty());
    Ok(())
}
