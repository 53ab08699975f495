//! An artifact: its manifest and its config, in either dialect.

use bytes::Bytes;
use modelpack_spec::{
    AnyManifest, Descriptor, Document, Encoding, FilePath, Kind, Manifest, MediaType, Model,
    ModelView, PathSet, Reference, annotations,
};
use modelpack_store::{Error as StoreError, Lease, Store};

use crate::{Error, image, variants};

/// Manifest and config of a model. The config is what ModelPack would say, whatever dialect its bytes
/// are in.
#[derive(Debug, Clone)]
pub(crate) struct Artifact {
    pub(crate) manifest: Document<Manifest>,
    pub(crate) config: Document<Model>,
}

/// Largest manifest or config that is read from the store; the documents have tighter limits of their own.
pub(crate) const MAX_DOCUMENT_BYTES: u64 = 16 * 1024 * 1024;

/// How the layers of a model of Ollama begin; its config has the type of an image's.
const OLLAMA: &str = "application/vnd.ollama.";

impl Artifact {
    /// Reads the artifact that a reference names.
    pub(crate) fn load(store: &Store, reference: &Reference) -> Result<Self, Error> {
        let descriptor = store.resolve(reference)?;
        Self::load_manifest(store, reference, &descriptor)
    }

    pub(crate) fn load_manifest(
        store: &Store,
        reference: &Reference,
        descriptor: &Descriptor,
    ) -> Result<Self, Error> {
        let bytes = store.read_blob(&descriptor.digest, MAX_DOCUMENT_BYTES)?;
        let mut manifest = AnyManifest::parse(bytes, Some(&descriptor.media_type))?;
        if let AnyManifest::Index(index) = &manifest {
            let chosen = variants::chosen(reference, descriptor, index.value())?;
            let bytes = store.read_blob(&chosen, MAX_DOCUMENT_BYTES)?;
            manifest = AnyManifest::parse(bytes, None)?;
        }
        let manifest = model_manifest(reference, manifest)?;
        let config = &manifest.value().config;
        let config = store.read_blob(&config.digest, MAX_DOCUMENT_BYTES)?;
        Self::new(manifest, config)
    }

    /// An artifact with the bytes of its config, which are verified.
    pub(crate) fn new(manifest: Document<Manifest>, config: Bytes) -> Result<Self, Error> {
        let config = Document::read_either(manifest.value(), config)?;
        Ok(Self { manifest, config })
    }

    pub(crate) fn layers(&self) -> &[Descriptor] {
        &self.manifest.value().layers
    }

    /// The files that the layers hold, checked all together before any is written.
    pub(crate) fn files(&self) -> Result<Vec<File>, Error> {
        if self.manifest.value().is_model() {
            let mut seen = PathSet::new();
            let layers = self.layers().iter();
            return layers
                .map(|layer| modelpack_file(layer, &mut seen))
                .collect();
        }
        // In Docker's dialect a layer need not say what it is called.
        let view = ModelView::read(self.manifest.value(), self.config.bytes())?;
        let files = view.files.into_iter().map(|file| File {
            kind: file.kind(),
            path: file.path,
            encoding: file.encoding,
            layer: file.layer,
        });
        Ok(files.collect())
    }
}

/// What a layer holds, and where that goes.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// The file of a raw layer. A tar layer names its files itself; its path, if any, is the name of a
    /// directory or of the one file in it.
    pub(crate) path: Option<FilePath>,
    pub(crate) encoding: Encoding,
    pub(crate) kind: Option<Kind>,
    pub(crate) layer: Descriptor,
}

fn modelpack_file(layer: &Descriptor, seen: &mut PathSet) -> Result<File, Error> {
    let known = layer.media_type.as_layer();
    Ok(File {
        path: layer_path(layer, seen)?,
        // A type that is not known is taken as the bytes of one file, which is what it says it is.
        encoding: known.map_or(Encoding::Raw, |known| known.encoding),
        kind: known.map(|known| known.kind),
        layer: layer.clone(),
    })
}

/// The manifest of a model, or what it is instead.
pub(crate) fn model_manifest(
    reference: &Reference,
    manifest: AnyManifest,
) -> Result<Document<Manifest>, Error> {
    match manifest {
        AnyManifest::Manifest(document) if is_model(document.value()) => Ok(document),
        AnyManifest::Manifest(document) => Err(describe(reference, document.value())),
        _ => Err(not_a_model(reference, &MediaType::OciIndex)),
    }
}

/// Whether it is a model of either dialect.
fn is_model(manifest: &Manifest) -> bool {
    let is_docker = matches!(manifest.config.media_type, MediaType::DockerModelConfig(_));
    manifest.is_model() || is_docker
}

/// The failure for an artifact of another kind. The artifact type says most; an image has none, so its config
/// does, and what looks like an image and is none says it by its layers.
fn describe(reference: &Reference, manifest: &Manifest) -> Error {
    if let Some(model) = image::made_from(manifest) {
        return Error::NotAModel {
            reference: reference.clone(),
            actual: MediaType::OciConfig.describe(),
            hint: format!(
                "it was made from the model {model}, for runtimes that mount images; \
                 `modelpack push` sends it to one"
            ),
        };
    }
    let is_ollama = |layer: &&Descriptor| layer.media_type.to_string().starts_with(OLLAMA);
    match &manifest.artifact_type {
        Some(MediaType::ModelManifest(_)) => Error::NotAModel {
            reference: reference.clone(),
            actual: format!(
                "an artifact with a config of type `{}`",
                manifest.config.media_type
            ),
            hint: "the tool that built it wrote a config of its own; it has to be built anew"
                .to_owned(),
        },
        Some(artifact_type) => not_a_model(reference, artifact_type),
        None => {
            let telling = manifest.layers.iter().find(is_ollama);
            let telling = telling.unwrap_or(&manifest.config);
            not_a_model(reference, &telling.media_type)
        }
    }
}

/// The failure for something of this type.
pub(crate) fn not_a_model(reference: &Reference, actual: &MediaType) -> Error {
    const TAKES: &str =
        "this tool takes models (application/vnd.cncf.model.*, application/vnd.docker.ai.*)";
    Error::NotAModel {
        reference: reference.clone(),
        actual: actual.describe(),
        hint: match actual.reader() {
            Some(reader) => format!("{reader} reads it; {TAKES}"),
            None => format!("{TAKES}; `oras pull {reference}` fetches the files of others"),
        },
    }
}

/// The manifest of what can be sent: a model, or one in the shape of an image.
pub(crate) fn sendable(store: &Store, reference: &Reference) -> Result<Document<Manifest>, Error> {
    // Under the name of an index, one of its variants would take the place of all.
    variants::refuse_index(store, reference)?;
    match Artifact::load(store, reference) {
        Ok(artifact) => Ok(artifact.manifest),
        Err(error @ Error::NotAModel { .. }) => {
            let descriptor = store.resolve(reference)?;
            let bytes = store.read_blob(&descriptor.digest, MAX_DOCUMENT_BYTES)?;
            match AnyManifest::parse(bytes, Some(&descriptor.media_type))? {
                AnyManifest::Manifest(document) if image::made_from(document.value()).is_some() => {
                    Ok(document)
                }
                _ => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// What a layer is called in progress and reports.
pub(crate) fn layer_name(layer: &Descriptor) -> String {
    let title = || {
        layer
            .annotations
            .get(annotations::TITLE)
            .map(String::as_str)
    };
    annotations::filepath_text(layer)
        .or_else(title)
        .map_or_else(|| layer.digest.short(), str::to_owned)
}

fn layer_path(layer: &Descriptor, seen: &mut PathSet) -> Result<Option<FilePath>, Error> {
    let path = annotations::filepath(layer)?;
    let is_raw = layer
        .media_type
        .as_layer()
        .is_none_or(|kind| kind.encoding == Encoding::Raw);
    match path {
        Some(path) if is_raw => {
            seen.insert(&path)?;
            Ok(Some(path))
        }
        Some(path) => Ok(Some(path)),
        None if is_raw => Err(Error::InvalidInput {
            what: format!("layer {} does not say which file it is", layer.digest),
            hint: Some(format!(
                "the annotation `{}` is missing; the tool that built the artifact should add it",
                annotations::FILEPATH
            )),
        }),
        None => Ok(None),
    }
}

/// Protects a layer that must be here, whole.
pub(crate) fn require(lease: &Lease, layer: &Descriptor) -> Result<(), Error> {
    match lease.protect(&layer.digest)? {
        Some(size) if size == layer.size => Ok(()),
        Some(actual) => {
            let what = format!("blob {}", layer.digest);
            Err(StoreError::SizeMismatch {
                what,
                expected: layer.size,
                actual,
            }
            .into())
        }
        None => Err(StoreError::UnknownBlob {
            digest: layer.digest,
        }
        .into()),
    }
}
