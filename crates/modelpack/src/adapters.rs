//! Adapters that say which model they belong to.

use std::fs::File;
use std::path::Path;

use modelpack_formats::{self as formats, Role, Weights};
use modelpack_spec::convert::BASE;
use modelpack_spec::{
    Descriptor, Digest, FileRole, ModelFile, ModelView, Reference, RuntimeConfig,
};
use modelpack_store::Store;

use crate::Error;
use crate::artifact::Artifact;
use crate::extras::MAX_RUNTIME_BYTES;
use crate::select::Selected;

/// Marks adapters and projectors that only their header shows, so that nobody takes them for the model.
pub(crate) fn mark(selected: &mut [Selected], groups: &[Weights]) {
    for group in groups {
        let Some(role) = role_of(group.role()) else {
            continue;
        };
        let paths: Vec<&str> = group.files.iter().map(|file| file.path.as_str()).collect();
        for file in selected.iter_mut() {
            if file.role.is_none() && paths.contains(&file.path.as_str()) {
                file.role = Some(role);
            }
        }
    }
}

/// Without an adapter there is nothing that could belong to a model.
pub(crate) fn require(selected: &[Selected], base: Option<&Digest>) -> Result<(), Error> {
    let Some(base) = base else { return Ok(()) };
    if selected
        .iter()
        .any(|file| file.role == Some(FileRole::Adapter))
    {
        return Ok(());
    }
    Err(Error::InvalidInput {
        what: format!("there is no adapter that could belong to the model {base}"),
        hint: Some("add one with `--adapter FILE`, or leave `--adapter-base` out".to_owned()),
    })
}

/// A sentence for each adapter that cannot be used with what is in its artifact: its model is elsewhere, or
/// it is another one. The weights of a model that is not in the local store are not known, so nothing is said
/// of that.
pub(crate) fn misfits(store: &Store, artifact: &Artifact) -> Vec<String> {
    // What cannot be read as a whole is told elsewhere.
    let Ok(view) = view(artifact) else {
        return Vec::new();
    };
    let here = weights(&view);
    let of_all = runtime_base(store, &view);
    let adapters = view.with_role(FileRole::Adapter);
    let said = adapters.filter_map(|file| {
        let base = file.layer.annotations.get(BASE).or(of_all.as_ref())?;
        let name = name(file);
        let Ok(digest) = base.parse::<Digest>() else {
            return Some(format!("the adapter `{name}` belongs to `{base}`, which is no digest of a model"));
        };
        if here.is_empty() {
            return Some(format!(
                "the adapter `{name}` belongs to the model {digest}, which is not in this artifact"
            ));
        }
        let of_base = base_weights(store, &digest)?;
        let is_here = of_base.iter().all(|weight| here.contains(weight));
        (!is_here).then(|| {
            format!("the adapter `{name}` belongs to the model {digest}, whose weights are not those of this artifact")
        })
    });
    said.collect()
}

/// Fails when an adapter cannot be used.
pub(crate) fn check(
    store: &Store,
    reference: &Reference,
    artifact: &Artifact,
) -> Result<(), Error> {
    match misfits(store, artifact).into_iter().next() {
        None => Ok(()),
        Some(what) => Err(Error::InvalidInput {
            what: format!("{reference}: {what}"),
            hint: Some(format!(
                "build that model and its adapter into one artifact (`modelpack build DIR --adapter FILE`), or \
                 give an engine both: `modelpack resolve {reference}` lays the adapter out"
            )),
        }),
    }
}

/// Fails when there is nothing but what belongs to a model that is not there.
pub(crate) fn require_model(what: &str, view: &ModelView) -> Result<(), Error> {
    if view.with_role(FileRole::Weight).next().is_some() {
        return Ok(());
    }
    let belongs = |file: &&ModelFile| matches!(file.role, FileRole::Adapter | FileRole::Projector);
    let Some(alone) = view.files.iter().find(belongs) else {
        return Ok(());
    };
    let (is, flag) = match alone.role {
        FileRole::Adapter => ("an adapter", "--adapter"),
        _ => ("a projector", "--mmproj"),
    };
    Err(Error::InvalidInput {
        what: format!("{what} holds no model: `{}` is {is}", name(alone)),
        hint: Some(format!(
            "build it into one artifact with its model: `modelpack build DIR {flag} FILE`"
        )),
    })
}

/// Gives files the role that only their header shows: not every tool marks projectors and adapters.
pub(crate) fn mark_view(view: &mut ModelView, directory: &Path) {
    for file in &mut view.files {
        let Some(path) = file.path.as_ref().filter(|_| file.role == FileRole::Weight) else {
            continue;
        };
        let header = File::open(directory.join(path))
            .ok()
            .and_then(|mut file| formats::read(&mut file).ok());
        if let Some(role) = header.and_then(|header| role_of(header.role())) {
            file.role = role;
        }
    }
}

fn role_of(role: Role) -> Option<FileRole> {
    match role {
        Role::Adapter => Some(FileRole::Adapter),
        Role::Projector => Some(FileRole::Projector),
        _ => None,
    }
}

fn name(file: &ModelFile) -> String {
    let path = file.path.as_ref();
    path.map_or_else(|| file.layer.digest.short(), ToString::to_string)
}

/// The model that the runtime configuration names for all adapters, as far as that is here.
fn runtime_base(store: &Store, view: &ModelView) -> Option<String> {
    let file = view.with_role(FileRole::Runtime).next()?;
    let bytes = store
        .read_blob(&file.layer.digest, MAX_RUNTIME_BYTES)
        .ok()?;
    let runtime = RuntimeConfig::read(bytes).ok()?.into_value();
    runtime.base.map(|base| base.digest.to_string())
}

fn view(artifact: &Artifact) -> Result<ModelView, modelpack_spec::Error> {
    ModelView::read(artifact.manifest.value(), artifact.config.bytes())
}

fn weights(view: &ModelView) -> Vec<Digest> {
    view.with_role(FileRole::Weight)
        .map(|file| file.layer.digest)
        .collect()
}

/// The weights of a model by the digest of its manifest, when it is here.
fn base_weights(store: &Store, manifest: &Digest) -> Option<Vec<Digest>> {
    let size = store.blob_size(manifest).ok()??;
    let descriptor = Descriptor::new(modelpack_spec::MediaType::OciManifest, *manifest, size);
    // A name is only for messages, which nobody reads here.
    let name = "localhost/adapter-base".parse().ok()?;
    let artifact = Artifact::load_manifest(store, &name, &descriptor).ok()?;
    Some(weights(&view(&artifact).ok()?))
}
