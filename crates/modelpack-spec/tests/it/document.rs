//! Documents: exact bytes, ambiguous JSON, limits.

use modelpack_spec::{
    AnyManifest, Digest, Document, Error, Index, Manifest, MediaType, Model, OciDocument,
};

const CONFIG: &str = r#"{"mediaType":"application/vnd.cncf.model.config.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0}"#;

fn parse<T: OciDocument>(text: impl Into<String>) -> Result<Document<T>, Error> {
    Document::parse(text.into().into_bytes().into())
}

fn manifest(fields: &str) -> String {
    format!(r#"{{"schemaVersion":2,"config":{CONFIG}{fields}}}"#)
}

fn reason(error: Error) -> String {
    match error {
        Error::InvalidDocument { reason, .. } => reason,
        other => panic!("expected an invalid document, found {other:?}"),
    }
}

#[test]
fn received_bytes_are_kept() {
    let text = "{ \"layers\":[],\n\t\"schemaVersion\": 2 , \"x\": {\"b\":1,\"a\":2}, \"config\": "
        .to_owned()
        + CONFIG
        + "}\n";
    let document = parse::<Manifest>(text.clone()).expect("the manifest is valid");
    assert_eq!(document.bytes().as_ref(), text.as_bytes());
    assert_eq!(*document.digest(), Digest::sha256(text.as_bytes()));
    assert_eq!(document.descriptor().size, text.len() as u64);
    assert_eq!(document.descriptor().media_type, MediaType::OciManifest);
}

#[test]
fn unknown_fields_are_written_back() {
    let text = manifest(r#","layers":[],"x-new":{"deep":[1,null,"é"]}"#);
    let value = parse::<Manifest>(text.clone())
        .expect("the manifest is valid")
        .into_value();
    assert_eq!(Document::write(value).bytes().as_ref(), text.as_bytes());

    let text = r#"{"descriptor":{"name":"x","mood":"good"},"modelfs":{"type":"layers","diffIds":[],"n":1},"config":{"capabilities":{"inputTypes":["smell"],"c":true},"e":0.5},"z":null}"#;
    let value = parse::<Model>(text)
        .expect("the config is valid")
        .into_value();
    assert_eq!(Document::write(value).bytes().as_ref(), text.as_bytes());
}

#[test]
fn lists_that_are_null_are_empty() {
    let document = parse::<Manifest>(manifest(r#","layers":null,"annotations":null"#))
        .expect("the manifest is valid");
    assert!(document.value().layers.is_empty());
    let document =
        parse::<Index>(r#"{"schemaVersion":2,"manifests":null}"#).expect("the index is valid");
    assert!(document.value().manifests.is_empty());
    let document = parse::<Model>(r#"{"descriptor":{"authors":null},"modelfs":{"type":"layers","diff_ids":null},"config":{"capabilities":null}}"#)
        .expect("the config is valid");
    assert!(document.value().modelfs.diff_ids.is_empty());
}

/// D2: At any depth, in any spelling.
#[test]
fn a_key_that_stands_twice_is_refused() {
    let check = |text: String, key: &str| {
        let found = reason(parse::<Manifest>(text).expect_err("the document is ambiguous"));
        assert!(
            found.starts_with(&format!("the key `{key}` stands twice in one object")),
            "{found}"
        );
    };
    check(manifest(r#","layers":[],"layers":[]"#), "layers");
    check(manifest(r#","x":[{"y":{"z":1,"z":1}}]"#), "z");
    check(manifest(r#","x":{"a":1,"\u0061":2}"#), "a");
}

#[test]
fn two_spellings_of_one_field_are_refused() {
    let text =
        r#"{"descriptor":{},"modelfs":{"type":"layers","diffIds":[],"diff_ids":[]},"config":{}}"#;
    assert!(
        reason(parse::<Model>(text).expect_err("the config is ambiguous"))
            .contains("duplicate field")
    );
}

/// D2: Both lists, or another type than it was served as.
#[test]
fn a_document_is_one_thing() {
    let both = manifest(r#","layers":[],"manifests":[]"#);
    for content_type in [
        None,
        Some(MediaType::OciManifest),
        Some(MediaType::OciIndex),
    ] {
        let error = AnyManifest::parse(both.clone().into(), content_type.as_ref())
            .expect_err("the document is ambiguous");
        assert!(reason(error).ends_with("so it could be read as two different things"));
    }
    let served = |text: String, content_type: MediaType| {
        AnyManifest::parse(text.into(), Some(&content_type))
    };
    let typed =
        manifest(r#","mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]"#);
    assert!(matches!(
        served(typed.clone(), MediaType::OciManifest),
        Ok(AnyManifest::Manifest(_))
    ));
    assert_eq!(
        reason(served(typed, MediaType::OciIndex).expect_err("the types differ")),
        "it says that it is `application/vnd.oci.image.manifest.v1+json`, but was served as `application/vnd.oci.image.index.v1+json`"
    );
    // A type that is no manifest's does not decide; the shape does.
    let index = r#"{"schemaVersion":2,"manifests":[]}"#;
    assert!(matches!(
        served(index.into(), "application/json".into()),
        Ok(AnyManifest::Index(_))
    ));
    assert!(matches!(
        AnyManifest::parse(index.into(), None),
        Ok(AnyManifest::Index(_))
    ));
    assert!(served(index.into(), MediaType::OciManifest).is_err());
}

/// D12: Ten thousand levels, and a million.
#[test]
fn d12_deep_nesting_is_an_error_and_no_crash() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        let text = manifest(&format!(r#","x":{deep}"#));
        let found = reason(parse::<Manifest>(text).expect_err("it is nested too deep"));
        assert!(found.starts_with("recursion limit exceeded"), "{found}");
    }
    let open = "[".repeat(1_000_000);
    assert!(parse::<Model>(open).is_err());
}

/// D6: How large a document may be.
#[test]
fn size_limits() {
    let check = |found: Result<(), Error>, document: &str, limit: u64| {
        let error = found.expect_err("it is over the limit");
        assert_eq!(
            error.to_string(),
            format!(
                "{document} of {} bytes is over the limit of {limit} bytes",
                limit + 1
            )
        );
    };
    let spaces = |count: u64| " ".repeat(usize::try_from(count).expect("limits fit in memory"));
    const MANIFEST: u64 = 8 * 1024 * 1024;
    const CONFIG: u64 = 16 * 1024 * 1024;
    check(
        parse::<Manifest>(spaces(MANIFEST + 1)).map(drop),
        "manifest",
        MANIFEST,
    );
    check(
        parse::<Index>(spaces(MANIFEST + 1)).map(drop),
        "index",
        MANIFEST,
    );
    check(
        parse::<Model>(spaces(CONFIG + 1)).map(drop),
        "model config",
        CONFIG,
    );
    check(
        AnyManifest::parse(spaces(MANIFEST + 1).into(), None).map(drop),
        "manifest",
        MANIFEST,
    );
}

/// D1: A document is parsed only when it has the digest.
#[test]
fn a_document_that_was_asked_for_by_digest() {
    let text = manifest(r#","layers":[]"#);
    let right = Digest::of(modelpack_spec::Algorithm::Sha512, text.as_bytes());
    let document = Document::<Manifest>::parse_verified(text.clone().into(), &right)
        .expect("the bytes have the digest");
    assert_eq!(*document.digest(), right);
    let wrong = Digest::sha256(b"");
    let error = Document::<Manifest>::parse_verified(text.clone().into(), &wrong)
        .expect_err("the bytes have another digest");
    assert!(error.is_integrity());
    assert_eq!(
        error.to_string(),
        format!(
            "manifest has digest {}, expected {wrong}",
            Digest::sha256(text.as_bytes())
        )
    );
}

#[test]
fn sizes_add_up_without_overflow() {
    let layer = CONFIG.replace(r#""size":0"#, &format!(r#""size":{}"#, u64::MAX));
    let document = parse::<Manifest>(manifest(&format!(r#","layers":[{layer},{layer}]"#)))
        .expect("the manifest is valid");
    assert_eq!(document.value().content_size(), u64::MAX);
}

/// D5: Negative, broken and endless numbers are refused.
#[test]
fn d5_a_size_is_a_number_of_bytes() {
    for size in ["-1", "1.5", "\"1\"", "18446744073709551616", "null"] {
        let layer = CONFIG.replace(r#""size":0"#, &format!(r#""size":{size}"#));
        let text = manifest(&format!(r#","layers":[{layer}]"#));
        assert!(parse::<Manifest>(text).is_err(), "{size}");
    }
    let layer = CONFIG.replace(r#""size":0"#, r#""size":9223372036854775807"#);
    let document = parse::<Manifest>(manifest(&format!(r#","layers":[{layer}]"#)));
    let size = document.expect("a size that no disk has").value().layers[0].size;
    assert_eq!(size, i64::MAX.unsigned_abs());
}
