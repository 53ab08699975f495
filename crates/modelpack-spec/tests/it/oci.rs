//! Conversions to the types of `oci-spec` and back.

use modelpack_spec::{Descriptor, Digest, Encoding, Index, Kind, LayerType, Manifest, MediaType};
use oci_spec::image;

fn layer() -> Descriptor {
    let layer_type = LayerType::new(Kind::Weight, Encoding::TarZstd);
    let mut layer = Descriptor::new(layer_type.into(), Digest::sha256(b"weights"), 7);
    layer.annotations.insert("a.b".into(), "c".into());
    layer
}

#[test]
fn documents_survive_both_ways() {
    let config = Descriptor::new(
        MediaType::ModelConfig(modelpack_spec::Family::Cncf),
        Digest::sha256(b"config"),
        6,
    );
    let manifest = Manifest::model(config, vec![layer()]);
    let theirs = image::ImageManifest::try_from(&manifest).expect("they have the same fields");
    assert_eq!(
        theirs.layers()[0].media_type().to_string(),
        "application/vnd.cncf.model.weight.v1.tar+zstd"
    );
    assert_eq!(theirs.layers()[0].size(), 7);
    assert_eq!(
        Manifest::try_from(&theirs).expect("they have the same fields"),
        manifest
    );

    let index = Index::new(vec![layer()]);
    let theirs = image::ImageIndex::try_from(&index).expect("they have the same fields");
    assert_eq!(
        Index::try_from(&theirs).expect("they have the same fields"),
        index
    );
}

#[test]
fn a_digest_that_cannot_be_verified_does_not_come_back() {
    let text = r#"{"mediaType":"a/b","digest":"md5:d41d8cd98f00b204e9800998ecf8427e","size":0}"#;
    let theirs: image::Descriptor =
        serde_json::from_str(text).expect("oci-spec takes any algorithm");
    let error = Descriptor::try_from(&theirs).expect_err("the algorithm is not supported");
    assert!(
        error
            .to_string()
            .starts_with("invalid descriptor: digest `md5:"),
        "{error}"
    );
}
