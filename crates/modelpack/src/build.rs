//! From a directory to an artifact in the local store.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use modelpack_formats::{Format, Role, Weights};
use modelpack_layer::{FileAttributes, LayerWriter};
use modelpack_modelfile::{Modelfile, Properties, Recipe};
use modelpack_spec::convert::{
    CONTENT_TYPE, CONTEXT_SIZE, DockerFacts, ROLE, RUNTIME_TYPE, context_size, to_family,
};
use modelpack_spec::{
    Descriptor, Digest, Document, Encoding, Family, FileMetadata, FileRole, LayerType, Manifest,
    Model, ModelFs, Reference, Timestamp, annotations, rules,
};
use modelpack_store::{Adopt, Adopted, Lease, Store};
use serde::Serialize;

use crate::artifact::{Artifact, layer_name};
use crate::select::{Selected, select};
use crate::walk::{require_directory, walk};
use crate::{
    Control, Error, Event, ExtraFile, Item, Outcome, SourceReading, Toolkit, blocking, discover,
    docker, extras, headers,
};

/// Largest manifest that every registry has to take (OCI distribution specification, pushing manifests).
pub(crate) const MAX_MANIFEST_BYTES: u64 = 4 * 1024 * 1024;
/// Largest Modelfile that is read: far more than 100 000 lines.
const MAX_MODELFILE_BYTES: u64 = 16 * 1024 * 1024;
/// Annotation in which `modctl` keeps the recipe; tools that show it look there.
const RECIPE: &str = "org.cncf.modctl.modelfile";

/// What time an artifact says it was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CreationTime {
    /// None, so the same input always gives the same artifact.
    #[default]
    Omitted,
    /// This one, whatever the target says: `SOURCE_DATE_EPOCH`.
    Exactly(Timestamp),
    /// This one, unless the target names an artifact that differs in nothing but the time: then its
    /// time stays, and building again changes nothing.
    Now(Timestamp),
}

/// How [`Toolkit::build`] works.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct BuildOptions {
    /// The Modelfile; `Modelfile` in the directory by default.
    pub modelfile: Option<PathBuf>,
    /// How each file becomes a layer; `raw` by default.
    pub encoding: Option<Encoding>,
    /// What time the artifact says it was made.
    pub creation_time: CreationTime,
    /// Whether the config says that the model reasons.
    pub reasoning: bool,
    /// Where the source is.
    pub source_url: Option<String>,
    /// Revision of the source.
    pub source_revision: Option<String>,
    /// Where to look for the source when none is given.
    pub source: SourceReading,
    /// What the config and the annotations of the manifest say, whatever the Modelfile says.
    pub properties: Properties,
    /// Write real time, owner and group of each file instead of constants. The artifact then differs
    /// from machine to machine.
    pub preserve_metadata: bool,
    /// The dialect.
    pub dialect: BuildDialect,
    /// Write the media types of ModelPack as they were called up to v0.0.6, which some registries show.
    pub legacy_types: bool,
    /// Files that are added to those of the Modelfile.
    pub extras: Vec<ExtraFile>,
    /// How many tokens the model is loaded for: 1 to 2³¹ − 1, or −1 for as many as it can.
    pub context_size: Option<i64>,
}

/// The dialect that an artifact is built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum BuildDialect {
    /// CNCF ModelPack.
    #[default]
    ModelPack,
    /// Docker's dialect, for one model as GGUF, safetensors or DDUF.
    Docker,
}

/// What [`Toolkit::build`] made.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BuildReport {
    /// The name that it got.
    pub reference: Reference,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Bytes of manifest, config and layers.
    pub size: u64,
    /// Whether the name pointed to this very artifact before.
    pub unchanged: bool,
    /// The layers.
    pub layers: Vec<BuiltLayer>,
    /// What is odd about the weight files, or contradicts the Modelfile, a sentence each.
    pub warnings: Vec<String>,
}

/// A layer that was built.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BuiltLayer {
    /// The file.
    pub path: String,
    /// Its media type.
    pub media_type: String,
    /// Digest of the layer.
    pub digest: Digest,
    /// Size of the layer in bytes.
    pub size: u64,
    /// How its bytes got into the store.
    pub outcome: Outcome,
}

impl Toolkit {
    /// Builds an artifact from the files that a Modelfile names, and gives it a name.
    ///
    /// Every file is read at most once, but for the headers of weight files: they fill in what the
    /// Modelfile does not say of the model. The name moves last: until then nothing is visible, and when
    /// something fails, the store is as it was. A build that was cancelled keeps what it has stored,
    /// for the next one or for [`Toolkit::prune`].
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::NoModelfile`], [`Error::Modelfile`],
    /// [`Error::NothingMatches`], [`Error::IsDirectory`], [`Error::File`], [`Error::Pack`],
    /// [`Error::FileChanged`], [`Error::ManifestTooLarge`], [`Error::RuleBroken`], [`Error::Spec`]
    /// for a file whose name cannot exist everywhere, [`Error::Store`].
    pub async fn build(
        &self,
        directory: &Path,
        target: &Reference,
        options: &BuildOptions,
        control: &Control,
    ) -> Result<BuildReport, Error> {
        check_name(target)?;
        if let Some(size) = options.context_size {
            context_size(&size.to_string())?;
        }
        let (recipe, selected, known, runtime, said) = {
            let (directory, options) = (directory.to_owned(), options.clone());
            blocking::run(move || {
                let (recipe, mut selected) = read_recipe(&directory, &options)?;
                extras::add(&mut selected, &options.extras)?;
                let runtime = extras::runtime(&mut selected)?;
                let known = headers::of_selected(&selected);
                let weights = known.metadata.clone();
                let said = discover::properties(&directory, &options, &recipe, weights)?;
                Ok((recipe, selected, known, runtime, said))
            })
            .await?
        };
        let docker = match options.dialect {
            BuildDialect::ModelPack => None,
            BuildDialect::Docker => {
                let groups = docker::weights(&known)?;
                let format = groups.iter().find(|group| group.role() == Role::Model);
                let format = format.map_or(Format::Gguf, Weights::format);
                Some((format, docker::facts(groups)))
            }
        };
        let mut warnings = headers::contradictions(&recipe, &known.metadata);
        warnings.extend(known.warnings);
        let (properties, odd) = said;
        warnings.extend(odd);
        let described = Described {
            properties,
            recipe,
            warnings,
            docker,
        };
        let lease = {
            let store = self.store().clone();
            blocking::run(move || Ok(store.lease()?)).await?
        };
        control.report(Event::Planned {
            items: selected.len(),
            bytes: selected.iter().map(|selected| selected.file.size).sum(),
        });
        let encoding = options.encoding.unwrap_or(Encoding::Raw);
        let preserve = options.preserve_metadata;
        let pieces = selected.into_iter().map(|selected| {
            let (lease, control) = (lease.clone(), control.clone());
            move || build_layer(&lease, &selected, encoding, preserve, &control)
        });
        let built = blocking::all_blocking(self.concurrency(), pieces).await;
        let (store, target, mut options) = (self.store().clone(), target.clone(), options.clone());
        // It stands where tools look that do not know the file.
        options.context_size = options
            .context_size
            .or(runtime.and_then(|runtime| runtime.context_size));
        let control = control.clone();
        blocking::run(move || {
            let named = built.and_then(|layers| {
                control.check()?;
                finish(&store, &lease, &target, described, layers, &options)
            });
            if named.as_ref().is_err_and(|error| !error.is_cancelled()) {
                // The failure is what counts; what cannot be removed now, prune finds.
                let _ = lease.take_back();
            }
            named
        })
        .await
    }
}

/// A new artifact gets a tag and no digest.
pub(crate) fn check_name(target: &Reference) -> Result<(), Error> {
    let reason = match target {
        Reference {
            digest: Some(_), ..
        } => "its digest is known only when it is built",
        Reference { tag: None, .. } => "it has no tag",
        _ => return Ok(()),
    };
    Err(Error::InvalidName {
        reference: target.clone(),
        what: "a new artifact",
        reason,
    })
}

/// What is known of the model.
struct Described {
    recipe: Recipe,
    /// What the recipe says, and what else is known where it says nothing.
    properties: Properties,
    warnings: Vec<String>,
    /// Format and facts of the weights, when the artifact is to be in Docker's dialect.
    docker: Option<(Format, DockerFacts)>,
}

/// Reads the Modelfile and finds its files.
fn read_recipe(directory: &Path, options: &BuildOptions) -> Result<(Recipe, Vec<Selected>), Error> {
    require_directory(directory)?;
    let path = options
        .modelfile
        .clone()
        .unwrap_or_else(|| directory.join("Modelfile"));
    let text = read_text(&path)?;
    let modelfile = Modelfile::parse(&text);
    let recipe = modelfile.lower().map_err(|diagnostics| Error::Modelfile {
        rendered: diagnostics
            .iter()
            .map(|diagnostic| diagnostic.render(&text))
            .collect::<Vec<_>>()
            .join("\n"),
        file: path,
    })?;
    let tree = walk(directory, &mut |_| true, &mut |_| true)?;
    let selected = select(&recipe, &tree, directory)?;
    Ok((recipe, selected))
}

fn read_text(path: &Path) -> Result<String, Error> {
    let unreadable = |error| Error::file("cannot read", path, error);
    let file = fs::File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::NoModelfile {
            path: path.to_owned(),
        },
        _ => unreadable(error),
    })?;
    let mut text = Vec::new();
    file.take(MAX_MODELFILE_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > MAX_MODELFILE_BYTES {
        return Err(Error::invalid(format!(
            "{} is over the limit of {MAX_MODELFILE_BYTES} bytes",
            path.display()
        )));
    }
    String::from_utf8(text).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        Error::invalid(format!(
            "{} is not UTF-8 (line {})",
            path.display(),
            line + 1
        ))
    })
}

/// A layer that is in the store.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) descriptor: Descriptor,
    pub(crate) diff_id: Digest,
    path: String,
    pub(crate) outcome: Outcome,
}

impl Layer {
    pub(crate) fn new(descriptor: Descriptor, diff_id: Digest, outcome: Outcome) -> Self {
        let path = layer_name(&descriptor);
        Self {
            descriptor,
            diff_id,
            path,
            outcome,
        }
    }
}

pub(crate) fn build_layer(
    lease: &Lease,
    selected: &Selected,
    encoding: Encoding,
    preserve: bool,
    control: &Control,
) -> Result<Layer, Error> {
    let Selected {
        kind, path, file, ..
    } = selected;
    let item = Item::new(path.as_str(), file.size, None);
    control.report(Event::Started(&item));
    let metadata = fs::metadata(&file.location)
        .map_err(|error| Error::file("cannot read", &file.location, error))?;
    let changed = || Error::FileChanged {
        path: file.location.clone(),
    };
    let attributes = attributes(&metadata, file.mode, preserve);
    let mut tick = |bytes| {
        control.report(Event::Advanced { item: &item, bytes });
        if control.cancel_token().is_cancelled() {
            Err(io::ErrorKind::Interrupted.into())
        } else {
            Ok(())
        }
    };
    let (digest, size, diff_id, outcome) = if encoding == Encoding::Raw {
        let ingested = lease
            .ingest_file(&file.location, Adopt::ReflinkOrCopy, &mut tick)
            .map_err(|error| {
                if control.cancel_token().is_cancelled() {
                    Error::Cancelled
                } else {
                    unreadable(error, &file.location)
                }
            })?;
        // What is written about the file has to be about these bytes.
        if ingested.size != metadata.len() {
            return Err(changed());
        }
        let outcome = match ingested.how {
            Adopted::Cached | Adopted::Existing => Outcome::Exists,
            Adopted::Reflinked | Adopted::Linked => Outcome::Linked,
            _ => Outcome::Copied,
        };
        (ingested.digest, ingested.size, ingested.digest, outcome)
    } else {
        let source = fs::File::open(&file.location)
            .map_err(|error| Error::file("cannot read", &file.location, error))?;
        let unpackable = |error| Error::Pack {
            path: file.location.clone(),
            source: Box::new(error),
        };
        let mut writer = LayerWriter::new(encoding, lease.ingest()?).map_err(unpackable)?;
        let before = state(&source, &file.location)?;
        let mut source = Ticking {
            inner: source,
            tick: &mut tick,
        };
        writer
            .append(path, &attributes, before.0, &mut source)
            .map_err(|error| match error {
                _ if control.cancel_token().is_cancelled() => Error::Cancelled,
                modelpack_layer::Error::FileChanged { .. } => changed(),
                other => unpackable(other),
            })?;
        // What was rewritten in place is as long as before.
        if state(&source.inner, &file.location)? != before || before.0 != metadata.len() {
            return Err(changed());
        }
        let (packed, blob) = writer.finish().map_err(unpackable)?;
        let stored = blob.commit()?;
        let outcome = if stored.existed {
            Outcome::Exists
        } else {
            Outcome::Copied
        };
        (stored.digest, stored.size, packed.diff_id, outcome)
    };
    control.report(Event::Finished {
        item: &item,
        outcome,
    });
    let mut descriptor = Descriptor::new(LayerType::new(*kind, encoding).into(), digest, size);
    descriptor.annotations = layer_annotations(selected, &metadata, &attributes);
    Ok(Layer {
        descriptor,
        diff_id,
        path: path.to_string(),
        outcome,
    })
}

/// Size and times of an open file: they move when somebody writes into it.
pub(crate) fn state(file: &fs::File, path: &Path) -> Result<(u64, [i64; 4]), Error> {
    let metadata = file
        .metadata()
        .map_err(|error| Error::file("cannot read", path, error))?;
    let times = [
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ];
    Ok((metadata.len(), times))
}

/// A missing permission is a fault of the file, not of the store.
fn unreadable(error: modelpack_store::Error, path: &Path) -> Error {
    match error {
        modelpack_store::Error::Io {
            path: at, source, ..
        } if at == *path => Error::file("cannot read", at, source),
        other => other.into(),
    }
}

pub(crate) fn attributes(metadata: &fs::Metadata, mode: u32, preserve: bool) -> FileAttributes {
    let mut attributes = FileAttributes::with_mode(mode);
    if preserve {
        attributes.uid = metadata.uid();
        attributes.gid = metadata.gid();
        attributes.mtime = u64::try_from(metadata.mtime()).unwrap_or(0);
    }
    attributes
}

pub(crate) fn layer_annotations(
    selected: &Selected,
    metadata: &fs::Metadata,
    attributes: &FileAttributes,
) -> BTreeMap<String, String> {
    let mut file = FileMetadata::default();
    file.name = selected.path.file_name().to_owned();
    file.mode = attributes.mode;
    file.uid = attributes.uid;
    file.gid = attributes.gid;
    file.size = metadata.len();
    // What kind and name say already is not said again.
    let role = selected
        .role
        .filter(|role| matches!(role, FileRole::Adapter | FileRole::DraftModel));
    let is_runtime = selected.role == Some(FileRole::Runtime);
    let seconds = i64::try_from(attributes.mtime).unwrap_or(0);
    file.mtime = jiff::Timestamp::from_second(seconds)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_string();
    [
        (annotations::FILEPATH, selected.path.to_string()),
        (annotations::FILE_METADATA, file.to_annotation()),
        // Runtimes that mount artifacts without knowing ModelPack name the file by its title.
        (annotations::TITLE, selected.path.to_string()),
    ]
    .into_iter()
    .chain(role.map(|role| (ROLE, role.as_str().to_owned())))
    .chain(is_runtime.then(|| (CONTENT_TYPE, RUNTIME_TYPE.to_owned())))
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// Writes config and manifest and moves the name.
fn finish(
    store: &Store,
    lease: &Lease,
    target: &Reference,
    described: Described,
    mut layers: Vec<Layer>,
    options: &BuildOptions,
) -> Result<BuildReport, Error> {
    let before = Artifact::load(store, target).ok();
    if let Some((format, _)) = &described.docker {
        let (config, manifest) = documents(&described, &layers, options, None);
        let order = docker::order(manifest.value(), config.bytes(), *format)?;
        layers = order.iter().map(|index| layers[*index].clone()).collect();
    }
    let created = match &options.creation_time {
        CreationTime::Omitted => None,
        CreationTime::Exactly(time) => Some(time.clone()),
        CreationTime::Now(now) => {
            let old = before
                .as_ref()
                .and_then(|artifact| artifact.config.value().descriptor.created_at.clone());
            let is_same = |time: &Timestamp| {
                let same = written(&described, &layers, options, Some(time.clone()));
                before
                    .as_ref()
                    .zip(same.ok())
                    .is_some_and(|(artifact, (_, manifest))| {
                        artifact.manifest.digest() == manifest.digest()
                    })
            };
            Some(old.filter(is_same).unwrap_or_else(|| now.clone()))
        }
    };
    let (config, manifest) = written(&described, &layers, options, created)?;
    let size = manifest.bytes().len() as u64;
    if size > MAX_MANIFEST_BYTES {
        return Err(Error::ManifestTooLarge {
            size,
            limit: MAX_MANIFEST_BYTES,
            layers: layers.len(),
        });
    }
    lease.put(&config)?;
    let descriptor = lease.put_document(&manifest)?;
    store.tag(target, &descriptor)?;
    let unchanged = before.is_some_and(|artifact| artifact.manifest.digest() == manifest.digest());
    Ok(BuildReport {
        reference: target.clone(),
        digest: descriptor.digest,
        size: manifest.value().content_size() + size,
        unchanged,
        layers: layers
            .into_iter()
            .map(|layer| BuiltLayer {
                path: layer.path,
                media_type: layer.descriptor.media_type.to_string(),
                digest: layer.descriptor.digest,
                size: layer.descriptor.size,
                outcome: layer.outcome,
            })
            .collect(),
        warnings: described.warnings,
    })
}

/// Manifest and config in the dialect that was asked for, held against its rules.
fn written(
    described: &Described,
    layers: &[Layer],
    options: &BuildOptions,
    created: Option<Timestamp>,
) -> Result<(Bytes, Document<Manifest>), Error> {
    let (config, manifest) = documents(described, layers, options, created);
    check_rules(&manifest, &config)?;
    match &described.docker {
        None if options.legacy_types => {
            Ok((config.bytes().clone(), to_family(&manifest, Family::Cnai)))
        }
        None => Ok((config.bytes().clone(), manifest)),
        Some((_, facts)) => {
            let (manifest, config) = docker::documents(&manifest, &config, facts)?;
            Ok((config, manifest))
        }
    }
}

fn documents(
    described: &Described,
    layers: &[Layer],
    options: &BuildOptions,
    created: Option<Timestamp>,
) -> (Document<Model>, Document<Manifest>) {
    let Described {
        recipe, properties, ..
    } = described;
    let mut model = Model::default();
    model.descriptor = properties.descriptor.clone();
    model.descriptor.created_at = created;
    model.config = properties.config.clone();
    model.modelfs = ModelFs::new(layers.iter().map(|layer| layer.diff_id).collect());
    let config = Document::write(model);
    let descriptors = layers
        .iter()
        .map(|layer| layer.descriptor.clone())
        .collect();
    let mut manifest = Manifest::model(config.descriptor(), descriptors);
    manifest.annotations = properties.annotations.clone();
    manifest
        .annotations
        .insert(RECIPE.to_owned(), recipe.to_string());
    if let Some(size) = options.context_size {
        manifest
            .annotations
            .insert(CONTEXT_SIZE.to_owned(), size.to_string());
    }
    (config, Document::write(manifest))
}

/// Never writes what a reader could refuse.
fn check_rules(manifest: &Document<Manifest>, config: &Document<Model>) -> Result<(), Error> {
    let violations: Vec<String> = rules::check_artifact(manifest.bytes(), config.bytes())
        .into_iter()
        .filter(|violation| violation.rule.level == rules::Level::Must)
        .map(|violation| violation.to_string())
        .collect();
    if violations.is_empty() {
        Ok(())
    } else {
        Err(Error::RuleBroken {
            document: "artifact",
            violations,
        })
    }
}

/// Reports what is read, and stops when the operation is cancelled.
struct Ticking<'a, R> {
    inner: R,
    tick: &'a mut dyn FnMut(u64) -> io::Result<()>,
}

impl<R: Read> Read for Ticking<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        // `Interrupted` would be tried again.
        (self.tick)(read as u64).map_err(|_| io::Error::other("cancelled"))?;
        Ok(read)
    }
}
