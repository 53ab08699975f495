//! Properties of documents: received bytes are kept, written ones read the same.

use modelpack_spec::{AnyManifest, Digest, Document, Model, OciDocument, rules as spec_rules};

/// A manifest or index keeps its bytes; written from its value it reads as the same value.
pub fn document_manifest(input: &[u8]) {
    match AnyManifest::parse(input.to_vec().into(), None) {
        Ok(AnyManifest::Manifest(document)) => written_again(input, document),
        Ok(AnyManifest::Index(document)) => written_again(input, document),
        _ => {}
    }
}

/// The same of a model config.
pub fn document_model(input: &[u8]) {
    if let Ok(document) = Document::<Model>::parse(input.to_vec().into()) {
        written_again(input, document);
    }
}

fn written_again<T>(input: &[u8], document: Document<T>)
where
    T: OciDocument + Clone + PartialEq + std::fmt::Debug,
{
    assert_eq!(document.bytes().as_ref(), input);
    assert_eq!(*document.digest(), Digest::sha256(input));
    let written = Document::write(document.value().clone());
    let read = Document::<T>::parse(written.bytes().clone())
        .unwrap_or_else(|error| panic!("what was written is refused: {error}"));
    assert_eq!(read.value(), document.value());
    let again = Document::write(read.into_value());
    assert_eq!(again.bytes(), written.bytes());
}

/// The rules judge anything: the input is the manifest up to the first zero byte, then the config.
pub fn rules(input: &[u8]) {
    let zero = input.iter().position(|byte| *byte == 0);
    let (manifest, config) = match zero {
        Some(zero) => (&input[..zero], &input[zero + 1..]),
        None => (input, input),
    };
    for violation in spec_rules::check_artifact(manifest, config) {
        assert!(!violation.message.is_empty());
        assert!(violation.pointer.is_empty() || violation.pointer.starts_with('/'));
    }
}
