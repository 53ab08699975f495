//! Properties that hold for every input.

use std::path::{Component, Path};

use modelpack_spec::{
    Algorithm, Descriptor, Digest, Document, FilePath, Manifest, MediaType, Model, ModelFs,
    Reference, rules,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

fn digest() -> impl Strategy<Value = Digest> {
    (any::<bool>(), any::<[u8; 8]>()).prop_map(|(long, seed)| {
        let algorithm = if long {
            Algorithm::Sha512
        } else {
            Algorithm::Sha256
        };
        Digest::of(algorithm, &seed)
    })
}

fn reference() -> impl Strategy<Value = String> {
    (
        "(oci://)?([a-z0-9]{1,8}\\.[A-Za-z]{2,5}|localhost|\\[::[0-9a-f]{1,4}\\])(:[1-9][0-9]{0,3})?",
        "[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}(/[a-z0-9]{1,5}){0,3}",
        "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,9})?",
        proptest::option::of(digest()),
    )
        .prop_map(|(host, repository, tag, digest)| {
            let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
            format!("{host}/{repository}{tag}{digest}")
        })
}

fn descriptor() -> impl Strategy<Value = Descriptor> {
    (
        "[a-z]{1,5}/[a-z.+]{1,9}",
        digest(),
        any::<u64>(),
        btree_map(any::<String>(), any::<String>(), 0..3),
        vec(any::<String>(), 0..2),
    )
        .prop_map(|(media_type, digest, size, annotations, urls)| {
            let mut descriptor = Descriptor::new(media_type.as_str().into(), digest, size);
            descriptor.annotations = annotations;
            descriptor.urls = urls;
            descriptor
        })
}

fn manifest() -> impl Strategy<Value = Manifest> {
    (
        descriptor(),
        vec(descriptor(), 0..4),
        proptest::option::of(descriptor()),
        btree_map("x-[a-z]{1,5}", any::<String>(), 0..3),
    )
        .prop_map(|(config, layers, subject, extra)| {
            let mut manifest = Manifest::model(config, layers);
            manifest.subject = subject;
            manifest.extra = extra
                .into_iter()
                .map(|(key, text)| (key, text.into()))
                .collect();
            manifest
        })
}

fn model() -> impl Strategy<Value = Model> {
    (
        proptest::option::of(any::<String>()),
        vec(any::<String>(), 0..3),
        vec(digest(), 0..4),
        proptest::option::of("[0-9]{1,2}[bm]"),
    )
        .prop_map(|(name, licenses, diff_ids, param_size)| {
            let mut model = Model::default();
            model.descriptor.name = name;
            model.descriptor.licenses = licenses;
            model.modelfs = ModelFs::new(diff_ids);
            model.config.param_size = param_size;
            model
        })
}

/// Paths are drawn from the pieces that matter, since random text has none of them.
fn path_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just("/".to_owned()),
        Just("\\".to_owned()),
        Just("C:".to_owned()),
        Just("nul".to_owned()),
        Just("\0".to_owned()),
        "[a-z]{1,3}",
        any::<char>().prop_map(String::from),
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_reference_prints_as_it_was_read(text in reference()) {
        let reference: Reference = text.parse().map_err(|error| TestCaseError::fail(format!("{error}")))?;
        let printed = reference.to_string();
        prop_assert_eq!(&printed, text.strip_prefix("oci://").unwrap_or(&text));
        prop_assert_eq!(printed.parse::<Reference>().ok(), Some(reference));
    }

    #[test]
    fn any_text_is_a_reference_or_an_error(text in any::<String>()) {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert_eq!(reference.to_string().parse::<Reference>().ok(), Some(reference));
        }
    }

    #[test]
    fn a_digest_prints_as_it_was_read(digest in digest()) {
        prop_assert_eq!(digest.to_string().parse::<Digest>().ok(), Some(digest));
        prop_assert_eq!(digest.hex().len(), digest.as_bytes().len() * 2);
    }

    #[test]
    fn a_media_type_prints_as_it_was_read(text in any::<String>()) {
        prop_assert_eq!(MediaType::from(text.as_str()).to_string(), text);
    }

    #[test]
    fn a_written_manifest_reads_the_same(manifest in manifest()) {
        let written = Document::write(manifest.clone());
        let read = Document::<Manifest>::parse(written.bytes().clone())
            .map_err(|error| TestCaseError::fail(format!("{error}")))?;
        prop_assert_eq!(read.value(), &manifest);
        prop_assert_eq!(read.digest(), written.digest());
        let again = Document::write(read.into_value());
        prop_assert_eq!(again.bytes(), written.bytes());
    }

    #[test]
    fn a_written_config_reads_the_same(model in model()) {
        let written = Document::write(model.clone());
        let read = Document::<Model>::parse(written.bytes().clone())
            .map_err(|error| TestCaseError::fail(format!("{error}")))?;
        prop_assert_eq!(read.value(), &model);
        let again = Document::write(read.into_value());
        prop_assert_eq!(again.bytes(), written.bytes());
    }

    /// X1: Any text at all.
    #[test]
    fn a_path_never_leaves_its_directory(text in path_text()) {
        let Ok(path) = text.parse::<FilePath>() else { return Ok(()) };
        prop_assert_eq!(path.as_str(), &text);
        // Read as this system reads it, and with the other separator.
        for read in [text.clone(), text.replace('\\', "/")] {
            let leaves = Path::new(&read).components().any(|part| {
                matches!(part, Component::ParentDir | Component::RootDir | Component::Prefix(_))
            });
            prop_assert!(!leaves, "{read:?}");
        }
        prop_assert!(path.components().count() > 0);
        prop_assert!(path.parent().is_none_or(|parent| parent.as_str().parse::<FilePath>().is_ok()));
    }

    #[test]
    fn rules_judge_any_bytes(manifest in vec(any::<u8>(), 0..64), config in "[{}\\[\\]:,\"a-z0-9]{0,64}") {
        let _ = rules::check_artifact(&manifest, config.as_bytes());
    }
}
