//! Several variants of one model behind one name.

use modelpack_spec::variant::{Choice, Variant, choose, index, variants};
use modelpack_spec::{AnyManifest, Descriptor, Digest, Document, Index, MediaType};

fn variant(name: &str, quantization: &str, size: Option<u64>) -> Variant {
    let mut variant = Variant::new(Descriptor::new(
        MediaType::OciManifest,
        Digest::sha256(name.as_bytes()),
        700,
    ));
    variant.name = Some(name.into());
    variant.quantization = Some(quantization.into());
    variant.content_size = size;
    variant.parameters = Some("8b".into());
    variant
}

fn three() -> Vec<Variant> {
    vec![
        variant("small", "Q4_K_M", Some(4_000)),
        variant("large", "Q8_0", Some(8_000)),
        variant("long", "Q8_0", None),
    ]
}

#[test]
fn an_index_says_what_it_was_told() {
    let written = Document::write(index(three()).expect("it is valid"));
    let AnyManifest::Index(read) =
        AnyManifest::parse(written.bytes().clone(), None).expect("it is an index")
    else {
        panic!("it is a manifest");
    };
    let found = variants(read.value());
    assert_eq!(found.len(), 3);
    for (found, told) in found.iter().zip(three()) {
        assert_eq!(
            (&found.name, &found.quantization, found.content_size),
            (&told.name, &told.quantization, told.content_size)
        );
        assert_eq!(found.manifest.digest, told.manifest.digest);
    }
}

#[test]
fn a_variant_is_chosen_by_name_or_size() {
    let found = three();
    let check = |choice: Choice, expected: &str| {
        let chosen =
            choose(&found, &choice).map(|variant| variant.name.clone().unwrap_or_default());
        assert_eq!(chosen.unwrap_or_else(|error| error.to_string()), expected);
    };
    check(Choice::Named("SMALL".into()), "small");
    check(Choice::Named("q4_k_m".into()), "small");
    check(Choice::MaxSize(4_000), "small");
    check(Choice::MaxSize(u64::MAX), "large");
    let list = "small (8b, Q4_K_M, 4000 bytes), large (8b, Q8_0, 8000 bytes), long (8b, Q8_0)";
    check(Choice::Only, &format!("there are 3 variants: {list}"));
    check(
        Choice::Named("Q8_0".into()),
        &format!("there are 3 variants: {list}"),
    );
    check(
        Choice::Named("huge".into()),
        &format!("there is no variant `huge`; there are {list}"),
    );
    check(
        Choice::MaxSize(3_999),
        &format!("no variant has at most 3999 bytes; there are {list}"),
    );
    assert_eq!(
        choose(&[], &Choice::Only)
            .expect_err("it is empty")
            .to_string(),
        "the index lists no model"
    );
    assert!(choose(&found[..1], &Choice::Only).is_ok());
}

#[test]
fn what_is_no_model_is_no_variant() {
    let mut signature = Descriptor::new(MediaType::OciManifest, Digest::sha256(b"s"), 7);
    signature.artifact_type = Some("application/vnd.dev.cosign.artifact.sig.v1+json".into());
    let mut image = Descriptor::new(MediaType::OciManifest, Digest::sha256(b"i"), 7);
    image.platform = Some(serde_json::json!({"architecture": "amd64", "os": "linux"}));
    let nested = Descriptor::new(MediaType::OciIndex, Digest::sha256(b"n"), 7);
    let model = Descriptor::new(MediaType::OciManifest, Digest::sha256(b"m"), 7);
    let found = variants(&Index::new(vec![signature, image, nested, model.clone()]));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].manifest, model);
}

#[test]
fn an_index_that_nobody_could_choose_from_is_refused() {
    let check = |entries: Vec<Variant>, expected: &str| {
        assert_eq!(
            index(entries).expect_err("it is refused").to_string(),
            expected
        );
    };
    check(vec![], "invalid index of variants: it lists nothing");
    check(
        vec![variant("a", "Q4_0", None), variant("A", "Q8_0", None)],
        "invalid index of variants: `A` stands twice",
    );
    let mut nameless = variant("a", "Q4_0", None);
    nameless.name = None;
    let short = nameless.manifest.digest.short();
    check(
        vec![nameless],
        &format!("invalid index of variants: {short} (8b, Q4_0) has no name"),
    );
}
