//! The sets of content that a run pushes, in the order of the official program.

use modelpack_spec::{Algorithm, Digest};
use serde_json::{Map, Value, json};

use super::data::{
    Content, EMPTY_JSON, EXAMPLE_1, EXAMPLE_2, LAYER, MANIFEST, OCTETS, Shape, platform,
};
use super::names::DataSet;
use super::random::Random;

/// Annotations of the large manifest: with 10,000 bytes each, almost the 4 MiB that every registry
/// should take.
const LARGE_ANNOTATIONS: usize = 390;

/// All sets of manifests, built.
pub(super) fn all(random: &mut Random, with_sparse: bool) -> Vec<Content> {
    let mut sets = vec![
        image(random),
        image_uncompressed(random),
        large_manifest(random),
        index(random),
        nested_index(random),
        empty_index(random),
        artifact(random),
        artifact_index(random),
        artifact_without_layers(random),
        artifacts_with_subject(random),
        index_with_subject(random),
        missing_subject(random),
        data_field(random),
        non_distributable(random),
        custom_fields(random),
        no_layers(random),
    ];
    if with_sparse {
        sets.push(sparse(random));
    }
    sets.extend([
        sha512(random),
        tag_param(random),
        tag_param_sha512(random),
        bad_digest(random),
    ]);
    sets
}

fn tagged(tag: &'static str) -> Shape {
    Shape {
        tag: Some(tag),
        ..Shape::default()
    }
}

/// An artifact with one layer of its own kind.
fn example(tag: Option<&'static str>) -> Shape {
    Shape {
        artifact_type: Some(EXAMPLE_1),
        config: Some((EMPTY_JSON, b"{}")),
        layers: 1,
        layer: Some((EXAMPLE_1, None)),
        tag,
        ..Shape::default()
    }
}

fn greeting() -> Map<String, Value> {
    let mut annotations = Map::new();
    annotations.insert("org.opencontainers.conformance".to_owned(), "hello".into());
    annotations
}

fn one_image(set: DataSet, shape: &Shape, random: &mut Random) -> Content {
    let mut content = Content::new(set);
    content.add_image(&platform("amd64"), shape, random);
    content
}

fn one_index(set: DataSet, shape: &Shape, random: &mut Random) -> Content {
    let mut content = Content::new(set);
    content.add_index_of_images(shape, random);
    content
}

fn image(random: &mut Random) -> Content {
    one_image(DataSet::Image, &tagged("image"), random)
}

fn image_uncompressed(random: &mut Random) -> Content {
    let shape = Shape {
        is_compressed: false,
        ..tagged("image-uncompressed")
    };
    one_image(DataSet::ImageUncompressed, &shape, random)
}

fn large_manifest(random: &mut Random) -> Content {
    let annotations = (0..LARGE_ANNOTATIONS).map(|number| {
        (
            format!("large-annotation-{number}"),
            "A".repeat(10_000).into(),
        )
    });
    let shape = Shape {
        annotations: annotations.collect(),
        ..tagged("large-manifest")
    };
    one_image(DataSet::LargeManifest, &shape, random)
}

fn index(random: &mut Random) -> Content {
    one_index(DataSet::Index, &tagged("index"), random)
}

fn nested_index(random: &mut Random) -> Content {
    let mut content = Content::new(DataSet::NestedIndex);
    let inner: Vec<(Digest, Option<Value>)> = (0..2)
        .map(|_| (content.add_index_of_images(&Shape::default(), random), None))
        .collect();
    content.add_index(&inner, &tagged("index-of-index"), random);
    content
}

fn empty_index(random: &mut Random) -> Content {
    let shape = Shape {
        platforms: Vec::new(),
        ..tagged("index")
    };
    one_index(DataSet::EmptyIndex, &shape, random)
}

fn artifact(random: &mut Random) -> Content {
    one_image(DataSet::Artifact, &example(Some("artifact")), random)
}

fn artifact_index(random: &mut Random) -> Content {
    one_index(
        DataSet::ArtifactIndex,
        &example(Some("artifact-index")),
        random,
    )
}

fn artifact_without_layers(random: &mut Random) -> Content {
    let shape = Shape {
        layer: Some((EMPTY_JSON, Some(b"{}"))),
        ..example(Some("artifact-without-layers"))
    };
    one_image(DataSet::ArtifactWithoutLayers, &shape, random)
}

fn artifacts_with_subject(random: &mut Random) -> Content {
    let mut content = one_image(DataSet::ArtifactsWithSubject, &tagged("image"), random);
    let subject = content
        .order
        .first()
        .map(|digest| content.descriptor(digest));
    let referrers = [
        Shape {
            subject: subject.clone(),
            ..Shape::default()
        },
        Shape {
            annotations: greeting(),
            is_unique: true,
            subject: subject.clone(),
            ..example(Some("tagged-artifact1"))
        },
        Shape {
            artifact_type: Some(EXAMPLE_2),
            annotations: greeting(),
            is_unique: true,
            layer: Some((OCTETS, None)),
            subject,
            ..example(Some("tagged-artifact2"))
        },
    ];
    for shape in referrers {
        content.add_image(&platform("amd64"), &shape, random);
    }
    content
}

fn index_with_subject(random: &mut Random) -> Content {
    let mut content = one_index(DataSet::IndexWithSubject, &tagged("index"), random);
    let subject = content
        .order
        .last()
        .map(|digest| content.descriptor(digest));
    let shape = Shape {
        annotations: greeting(),
        is_unique: true,
        subject,
        ..example(Some("tagged-artifact"))
    };
    content.add_index_of_images(&shape, random);
    content
}

fn missing_subject(random: &mut Random) -> Content {
    let missing = Digest::sha256(&random.bytes(123));
    let shape = Shape {
        annotations: greeting(),
        is_unique: true,
        subject: Some(json!({
            "mediaType": MANIFEST, "digest": missing.to_string(), "size": 123,
        })),
        ..example(Some("tagged-artifact"))
    };
    one_image(DataSet::MissingSubject, &shape, random)
}

fn data_field(random: &mut Random) -> Content {
    let shape = Shape {
        has_data: true,
        ..tagged("data-field")
    };
    one_image(DataSet::DataField, &shape, random)
}

fn non_distributable(random: &mut Random) -> Content {
    let mut content = Content::new(DataSet::NonDistributable);
    let shape = tagged("non-distributable-image");
    let mut elsewhere = |suffix: &str, size: u64| {
        let digest = Digest::sha256(&random.bytes(256));
        let layer = json!({
            "mediaType": format!(
                "application/vnd.oci.image.layer.nondistributable.v1.tar{suffix}"
            ),
            "digest": digest.to_string(),
            "size": size,
            "urls": [format!("https://store.example.com/blobs/sha256/{}", digest.hex())],
        });
        (digest, layer)
    };
    let (first, second) = (elsewhere("+gzip", 123_456), elsewhere("", 12_345));
    let (layer, diff_id) = content.add_layer(1, &shape, random);
    let diff_ids = [first.0, second.0, diff_id];
    let config = content.add_config(&platform("amd64"), &diff_ids, &shape, random);
    let layers = vec![first.1, second.1, content.descriptor(&layer)];
    let config = content.descriptor(&config);
    content.add_manifest(config, layers, &shape, random);
    content
}

fn custom_fields(random: &mut Random) -> Content {
    let shape = Shape {
        has_extra_field: true,
        ..tagged("custom-fields")
    };
    one_index(DataSet::CustomFields, &shape, random)
}

fn no_layers(random: &mut Random) -> Content {
    let shape = Shape {
        layers: 0,
        ..tagged("no-layers")
    };
    one_image(DataSet::NoLayers, &shape, random)
}

/// An image of which one layer is not pushed, and an index of which one image does not exist.
fn sparse(random: &mut Random) -> Content {
    let mut content = one_image(DataSet::Sparse, &tagged("sparse-image"), random);
    let left_out = content.blobs.keys().copied().find(|digest| {
        let media_type = content.descriptor(digest)["mediaType"].to_string();
        media_type.contains(LAYER)
    });
    if let Some(digest) = left_out {
        content.blobs.remove(&digest);
    }
    let (here, there) = (platform("amd64"), platform("arm64"));
    let image = content.add_image(&here, &Shape::default(), random);
    let absent = Digest::sha256(&random.bytes(1024));
    content.descriptors.insert(
        absent,
        json!({"mediaType": MANIFEST, "digest": absent.to_string(), "size": 1024}),
    );
    let manifests = [(image, Some(here)), (absent, Some(there))];
    content.add_index(&manifests, &tagged("sparse-index"), random);
    content
}

/// Tags can only be given to such manifests as parameters, so this set has none.
fn sha512(random: &mut Random) -> Content {
    let shape = Shape {
        algorithm: Algorithm::Sha512,
        ..Shape::default()
    };
    one_index(DataSet::Sha512, &shape, random)
}

fn tag_param(random: &mut Random) -> Content {
    let tag = "tag-param-sha256";
    with_tag_parameters(one_index(DataSet::TagParam, &tagged(tag), random), tag)
}

fn tag_param_sha512(random: &mut Random) -> Content {
    let tag = "tag-param-sha512";
    let shape = Shape {
        algorithm: Algorithm::Sha512,
        ..tagged(tag)
    };
    with_tag_parameters(one_index(DataSet::TagParamSha512, &shape, random), tag)
}

fn with_tag_parameters(mut content: Content, tag: &str) -> Content {
    content.has_tag_parameters = true;
    for (number, digest) in content.order.iter().enumerate() {
        content.tags.insert(format!("{tag}-{number}"), *digest);
    }
    content
}

fn bad_digest(random: &mut Random) -> Content {
    let mut content = one_image(DataSet::BadDigestImage, &Shape::default(), random);
    content.is_bad = true;
    for manifest in content.manifests.values_mut() {
        manifest.extend_from_slice(b"  ");
    }
    content
}
