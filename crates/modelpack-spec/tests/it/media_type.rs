//! Media types: every identifier of both families, and that unknown ones survive.

use std::collections::BTreeSet;

use modelpack_spec::{Encoding, Family, Kind, LayerType, MediaType};

#[test]
fn the_forty_four_identifiers() {
    let mut seen = BTreeSet::new();
    for (family, word) in [(Family::Cncf, "cncf"), (Family::Cnai, "cnai")] {
        let mut check = |rest: &str, expected: MediaType| {
            let text = format!("application/vnd.{word}.model.{rest}");
            assert_eq!(MediaType::from(text.as_str()), expected);
            assert_eq!(expected.to_string(), text);
            assert!(seen.insert(text));
        };
        check("config.v1+json", MediaType::ModelConfig(family));
        check("manifest.v1+json", MediaType::ModelManifest(family));
        let kinds = [
            ("weight", Kind::Weight),
            ("weight.config", Kind::WeightConfig),
            ("doc", Kind::Doc),
            ("code", Kind::Code),
            ("dataset", Kind::Dataset),
        ];
        let encodings = [
            ("raw", Encoding::Raw),
            ("tar", Encoding::Tar),
            ("tar+gzip", Encoding::TarGzip),
            ("tar+zstd", Encoding::TarZstd),
        ];
        for (kind_word, kind) in kinds {
            for (encoding_word, encoding) in encodings {
                let mut layer = LayerType::new(kind, encoding);
                layer.family = family;
                check(&format!("{kind_word}.v1.{encoding_word}"), layer.into());
            }
        }
    }
    assert_eq!(seen.len(), 44);
}

#[test]
fn fixed_types() {
    let check = |text: &str, expected: &MediaType, manifest: bool, index: bool| {
        let found = MediaType::from(text);
        assert_eq!(found, *expected);
        assert_eq!(found.to_string(), text);
        assert_eq!((found.is_manifest(), found.is_index()), (manifest, index));
    };
    check(
        "application/vnd.oci.image.manifest.v1+json",
        &MediaType::OciManifest,
        true,
        false,
    );
    check(
        "application/vnd.oci.image.index.v1+json",
        &MediaType::OciIndex,
        false,
        true,
    );
    check(
        "application/vnd.oci.image.config.v1+json",
        &MediaType::OciConfig,
        false,
        false,
    );
    check(
        "application/vnd.oci.empty.v1+json",
        &MediaType::OciEmpty,
        false,
        false,
    );
    check(
        "application/vnd.docker.distribution.manifest.v2+json",
        &MediaType::DockerManifest,
        true,
        false,
    );
    check(
        "application/vnd.docker.distribution.manifest.list.v2+json",
        &MediaType::DockerManifestList,
        false,
        true,
    );
}

#[test]
fn unknown_types_are_kept() {
    for text in [
        "",
        "text/plain; charset=utf-8",
        "application/vnd.cncf.model.weight.v2.raw",
        "application/vnd.cncf.model.weight.v1.tar+xz",
        "application/vnd.cncf.model.poem.v1.raw",
        "application/vnd.cnxx.model.weight.v1.raw",
        "application/vnd.cncf.model.weight.v1.raw ",
        "APPLICATION/vnd.cncf.model.weight.v1.raw",
        "application/vnd.cncf.model.manifest.v2+json",
    ] {
        let found = MediaType::from(text);
        assert_eq!(found, MediaType::Other(text.into()));
        assert_eq!(found.to_string(), text);
        assert_eq!(found.as_layer(), None);
    }
}

#[test]
fn descriptions_for_people() {
    let check = |text: &str, expected: &str| assert_eq!(MediaType::from(text).describe(), expected);
    check(
        "application/vnd.cnai.model.config.v1+json",
        "a ModelPack model",
    );
    check(
        "application/vnd.oci.image.config.v1+json",
        "a container image",
    );
    check(
        "application/vnd.docker.container.image.v1+json",
        "a container image",
    );
    check("application/vnd.cncf.helm.config.v1+json", "a Helm chart");
    check(
        "application/x-thing",
        "an artifact of type `application/x-thing`",
    );
}
