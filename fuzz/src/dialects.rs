//! Properties of artifacts in two dialects.

use bytes::Bytes;
use modelpack_spec::convert::{ConvertOptions, Target, convert};
use modelpack_spec::{Digest, DockerConfig, Document, Manifest, ModelView, RuntimeConfig, rules};

/// An artifact that is converted has the same layers and comes back as it was; whatever is viewed has
/// one place for each file. The input is the manifest up to the first zero byte, then the config.
pub fn convert_artifact(input: &[u8]) {
    let Some(zero) = input.iter().position(|byte| *byte == 0) else {
        return;
    };
    let config = Bytes::from(input[zero + 1..].to_vec());
    for violation in rules::docker::check_artifact(&input[..zero], &config) {
        assert!(violation.pointer.is_empty() || violation.pointer.starts_with('/'));
    }
    let Ok(manifest) = Document::<Manifest>::parse(input[..zero].to_vec().into()) else {
        return;
    };
    // Digests that fit cannot be guessed, so they are made to.
    let mut manifest = manifest.into_value();
    manifest.config.digest = Digest::sha256(&config);
    manifest.config.size = config.len() as u64;
    let manifest = Document::write(manifest);
    if let Ok(view) = ModelView::read(manifest.value(), &config) {
        let mut paths: Vec<_> = view
            .files
            .iter()
            .filter(|file| file.encoding == modelpack_spec::Encoding::Raw)
            .map(|file| file.path.as_ref().map(ToString::to_string))
            .collect();
        assert!(paths.iter().all(Option::is_some), "a file has no name");
        paths.sort();
        paths.dedup();
        assert!(paths.len() <= view.files.len());
    }
    for (there, back) in [
        (Target::Docker, Target::ModelPack),
        (Target::ModelPack, Target::Docker),
    ] {
        let options = ConvertOptions::default();
        let Ok(converted) = convert(&manifest, &config, there, &options) else {
            continue;
        };
        let layers = |manifest: &Document<Manifest>| -> Vec<(Digest, u64)> {
            let layers = manifest.value().layers.iter();
            layers.map(|layer| (layer.digest, layer.size)).collect()
        };
        assert_eq!(layers(&converted.manifest), layers(&manifest));
        if converted.unchanged || matches!(converted.from, modelpack_spec::Dialect::Mixed(_)) {
            continue;
        }
        // What came with a source that was believed is not what it was made from.
        if manifest
            .value()
            .annotations
            .contains_key(modelpack_spec::convert::SOURCE)
        {
            continue;
        }
        if let Ok(again) = convert(&converted.manifest, &converted.config, back, &options) {
            assert_eq!(again.manifest.bytes(), manifest.bytes());
            assert_eq!(again.config, config);
        }
    }
}

/// A config of Docker's dialect keeps its bytes; written from its value it reads the same.
pub fn document_docker(input: &[u8]) {
    let bytes = Bytes::from(input.to_vec());
    if let Ok(document) = DockerConfig::read(bytes.clone()) {
        assert_eq!(document.bytes(), &bytes);
        if let Ok(written) = document.value().to_document() {
            assert_eq!(written.value(), document.value());
        }
    }
    if let Ok(document) = RuntimeConfig::read(bytes) {
        let again = Document::write(document.value().clone());
        assert_eq!(again.value(), document.value());
    }
}
