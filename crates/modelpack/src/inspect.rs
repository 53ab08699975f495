//! What an artifact says about itself, without fetching its layers.

use modelpack_layer::{Expected, Limits, Unpacked, list_tar};
use modelpack_registry::Name;
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::variant::Choice;
use modelpack_spec::{
    AnyManifest, Descriptor, Dialect, Digest, Document, Encoding, Index, Manifest, Model,
    ModelFile, ModelView, Reference, annotations,
};
use modelpack_store::Store;
use serde::Serialize;

use crate::artifact::{Artifact, MAX_DOCUMENT_BYTES, layer_name, model_manifest};
use crate::transfer::wanted;
use crate::{Control, Error, Toolkit, adapters, blocking, variants};

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
    /// What is odd about it, a sentence each: an adapter of a model that is not here.
    #[serde(skip)]
    pub warnings: Vec<String>,
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
    /// Size in bytes of its layer, or of the file itself where the layer holds several.
    pub size: u64,
    /// How the layer holds several files, when it is not known yet which.
    #[serde(skip)]
    packed: Option<Encoding>,
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
        blocking::run(move || {
            let artifact = Artifact::load(&store, &reference)?;
            let warnings = adapters::misfits(&store, &artifact);
            let mut report = report(artifact);
            report.warnings = warnings;
            report.files = report
                .files
                .into_iter()
                .flat_map(|file| packed_files(&store, file))
                .collect();
            Ok(report)
        })
        .await
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
        let store = self.store().clone();
        blocking::run(move || {
            let warnings = adapters::misfits(&store, &artifact);
            let mut report = report(artifact);
            report.warnings = warnings;
            Ok(report)
        })
        .await
    }

    /// Fetches manifest and config, verified, and checks that it is a model.
    pub(crate) async fn fetch_artifact(&self, reference: &Reference) -> Result<Artifact, Error> {
        let (artifact, _) = self.fetch_variant(reference, &Choice::Only).await?;
        Ok(artifact)
    }

    /// Fetches manifest and config of what is chosen, and the index that it was chosen from, if any.
    pub(crate) async fn fetch_variant(
        &self,
        reference: &Reference,
        choice: &Choice,
    ) -> Result<(Artifact, Option<Document<Index>>), Error> {
        let name = Name::from(reference);
        let mut fetched = self
            .client()
            .fetch_manifest(&name, &wanted(reference)?)
            .await?;
        let mut from = None;
        if let AnyManifest::Index(index) = fetched.manifest {
            let chosen = TagOrDigest::Digest(variants::pick(reference, index.value(), choice)?);
            fetched = self.client().fetch_manifest(&name, &chosen).await?;
            from = Some(index);
        } else {
            variants::accept_single(reference, choice)?;
        }
        let manifest = model_manifest(reference, fetched.manifest)?;
        let config = &manifest.value().config;
        let bytes = self
            .client()
            .get_blob(&name, config, MAX_DOCUMENT_BYTES)
            .await?;
        Ok((Artifact::new(manifest, bytes)?, from))
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
        warnings: Vec::new(),
        manifest,
        config,
    }
}

fn inspected_file(file: &ModelFile) -> InspectedFile {
    let path = file.path.as_ref();
    InspectedFile {
        path: path.map_or_else(|| layer_name(&file.layer), ToString::to_string),
        role: file.role.as_str(),
        digest: file.layer.digest,
        size: file.layer.size,
        packed: Some(file.encoding).filter(|encoding| path.is_none() && *encoding != Encoding::Raw),
    }
}

/// The files of a layer that holds several, as far as it is here and can be read; else the layer itself.
fn packed_files(store: &Store, layer: InspectedFile) -> Vec<InspectedFile> {
    let list = |encoding| {
        let mut archive = store.open_blob_unverified(&layer.digest).ok()?;
        let expected = Expected {
            digest: layer.digest,
            size: layer.size,
        };
        list_tar(encoding, &mut archive, &expected, &Limits::default()).ok()
    };
    let Some(files) = layer.packed.and_then(list) else {
        return vec![layer];
    };
    let file = |file: Unpacked| InspectedFile {
        path: file.path.to_string(),
        size: file.size,
        packed: None,
        ..layer.clone()
    };
    files.into_iter().map(file).collect()
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
