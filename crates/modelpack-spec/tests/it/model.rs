//! The model config: spellings, order of fields, open words.

use modelpack_spec::{Digest, Document, Modality, Model, ModelCapabilities, ModelFs};

fn parse(text: &str) -> Document<Model> {
    Document::parse(text.to_owned().into()).expect("the config is valid")
}

#[test]
fn old_spellings_are_read_and_todays_are_written() {
    let old = r#"{"descriptor":{"created_at":"2025-01-01T00:00:00Z","doc_url":"d","source_url":"s","datasets_url":["x"]},"modelfs":{"type":"layers","diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},"config":{"param_size":"8b","capabilities":{"input_types":["text"],"output_types":["image"],"knowledge_cutoff":"2024-01-01T00:00:00Z","tool_usage":true}}}"#;
    let new = r#"{"descriptor":{"createdAt":"2025-01-01T00:00:00Z","docURL":"d","sourceURL":"s","datasetsURL":["x"]},"modelfs":{"type":"layers","diffIds":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},"config":{"paramSize":"8b","capabilities":{"inputTypes":["text"],"outputTypes":["image"],"knowledgeCutoff":"2024-01-01T00:00:00Z","toolUsage":true}}}"#;
    let document = parse(old);
    assert!(document.value().extra.is_empty());
    let written = Document::write(document.into_value());
    assert_eq!(std::str::from_utf8(written.bytes()), Ok(new));
    assert_eq!(written, parse(new));
}

#[test]
fn a_new_config_is_written_in_the_order_of_the_specification() {
    let mut model = Model::default();
    model.descriptor.name = Some("tiny".into());
    model.descriptor.authors = vec!["a".into()];
    model.descriptor.title = Some("t".into());
    model.modelfs = ModelFs::new(vec![Digest::sha256(b"")]);
    model.config.format = Some("gguf".into());
    let mut capabilities = ModelCapabilities::default();
    capabilities.input_types = vec![Modality::Text, Modality::Unknown("smell".into())];
    capabilities.languages = vec!["de".into()];
    model.config.capabilities = Some(capabilities);
    assert_eq!(
        std::str::from_utf8(Document::write(model).bytes()),
        Ok(
            r#"{"descriptor":{"authors":["a"],"name":"tiny","title":"t"},"modelfs":{"type":"layers","diffIds":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},"config":{"format":"gguf","capabilities":{"inputTypes":["text","smell"],"languages":["de"]}}}"#
        )
    );
}

#[test]
fn modalities() {
    for (word, expected) in [
        ("text", Modality::Text),
        ("image", Modality::Image),
        ("audio", Modality::Audio),
        ("video", Modality::Video),
        ("embedding", Modality::Embedding),
        ("other", Modality::Other),
        ("Text", Modality::Unknown("Text".into())),
    ] {
        let found: Modality = serde_json::from_value(word.into()).expect("a word is a modality");
        assert_eq!(found, expected);
        assert_eq!(found.as_str(), word);
    }
}
