//! What an artifact says about itself, without fetching its layers.

use modelpack_registry::Name;
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{
    AnyManifest, Descriptor, Dialect, Digest, Document, Manifest, Model, ModelFile, ModelView,
    Reference, annotations,
};
use serde::Serialize;

use crate::artifact::{Artifact, MAX_DOCUMENT_BYTES, model_manifest};
use crate::transfer::wanted;
use crate::{Control, Error, Toolkit, blocking, variants};

/// What an artifact says about itself. Serialised with the keys of `modctl inspect`, in its order.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct InspectReport {
    /// Digest of the config.
    pub id: Digest,
    /// Digest of the manifest bytes as they were received.
    pub digest: Digest,
    /// Architecture.
    pub architecture: String,
    /// When it was made; empty when the config does not say.
    pub created_at: String,
    /// Family.
    pub family: String,
    /// Format of the weights.
    pub format: String,
    /// Name.
    pub name: String,
    /// Number of parameters.
    pub param_size: String,
    /// Precision.
    pub precision: String,
    /// Quantisation.
    pub quantization: String,
    /// The layers.
    pub layers: Vec<InspectedLayer>,
    /// The dialect that it is written in.
    #[serde(skip)]
    pub dialect: String,
    /// The files, each with a path, as far as the layers say which they are.
    #[serde(skip)]
    pub files: Vec<InspectedFile>,
    /// The manifest with its exact bytes.
    #[serde(skip)]
    pub manifest: Document<Manifest>,
    /// The config with its exact bytes.
    #[serde(skip)]
    pub config: Document<Model>,
}

/// A file of an artifact.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InspectedFile {
    /// Where it goes.
    pub path: String,
    /// What it is to the model: `weight`, `projector`, `chat-template`, `config` and so on.
    pub role: &'static str,
    /// Digest of its layer.
    pub digest: Digest,
    /// Size of its layer in bytes.
    pub size: u64,
}

/// A layer of an artifact.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct InspectedLayer {
    /// Its type.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The path it names, unchecked; empty when there is none.
    pub filepath: String,
}

impl Toolkit {
    /// Reads manifest and config of an artifact in the local store.
    ///
    /// # Errors
    /// [`Error::UnknownReference`], [`Error::NotAModel`], [`Error::Store`].
    pub async fn inspect(&self, reference: &Reference) -> Result<InspectReport, Error> {
        let (store, reference) = (self.store().clone(), reference.clone());
        blocking::run(move || Ok(report(Artifact::load(&store, &reference)?))).await
    }

    /// Reads manifest and config of an artifact in its registry.
    ///
    /// # Errors
    /// [`Error::Registry`], [`Error::NotAModel`], [`Error::Spec`].
    pub async fn inspect_remote(
        &self,
        reference: &Reference,
        control: &Control,
    ) -> Result<InspectReport, Error> {
        let artifact = control.stop_early(self.fetch_artifact(reference)).await?;
        Ok(report(artifact))
    }

    /// Fetches manifest and config, verified, and checks that it is a model.
    pub(crate) async fn fetch_artifact(&self, reference: &Reference) -> Result<Artifact, Error> {
        let name = Name::from(reference);
        let mut fetched = self
            .client()
            .fetch_manifest(&name, &wanted(reference)?)
            .await?;
        if let AnyManifest::Index(index) = &fetched.manifest {
            let only = TagOrDigest::Digest(variants::only(reference, index.value())?);
            fetched = self.client().fetch_manifest(&name, &only).await?;
        }
        let manifest = model_manifest(reference, fetched.manifest)?;
        let config = &manifest.value().config;
        let bytes = self
            .client()
            .get_blob(&name, config, MAX_DOCUMENT_BYTES)
            .await?;
        Artifact::new(manifest, bytes)
    }
}

fn report(artifact: Artifact) -> InspectReport {
    let Artifact { manifest, config } = artifact;
    let model = config.value();
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    // An artifact whose files cannot exist in one directory can still be looked at.
    let files = match ModelView::read(manifest.value(), config.bytes()) {
        Ok(view) => view.files.iter().map(inspected_file).collect(),
        Err(_) => Vec::new(),
    };
    let dialect = Dialect::of(manifest.value(), config.bytes())
        .map_or_else(String::new, |dialect| dialect.describe().to_owned());
    InspectReport {
        id: *config.digest(),
        digest: *manifest.digest(),
        architecture: text(&model.config.architecture),
        created_at: model
            .descriptor
            .created_at
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        family: text(&model.descriptor.family),
        format: text(&model.config.format),
        name: text(&model.descriptor.name),
        param_size: text(&model.config.param_size),
        precision: text(&model.config.precision),
        quantization: text(&model.config.quantization),
        layers: manifest.value().layers.iter().map(inspected).collect(),
        dialect,
        files,
        manifest,
        config,
    }
}

fn inspected_file(file: &ModelFile) -> InspectedFile {
    let digest = file.layer.digest;
    InspectedFile {
        path: file
            .path
            .as_ref()
            .map_or_else(|| digest.short(), ToString::to_string),
        role: file.role.as_str(),
        digest,
        size: file.layer.size,
    }
}

fn inspected(layer: &Descriptor) -> InspectedLayer {
    InspectedLayer {
        media_type: layer.media_type.to_string(),
        digest: layer.digest,
        size: layer.size,
        filepath: annotations::filepath_text(layer)
            .unwrap_or_default()
            .to_owned(),
    }
}
