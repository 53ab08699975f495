//! Which layers a build makes: a pure decision over files, encodings and the size of the manifest.

use std::collections::BTreeMap;

use modelpack_layer::FileAttributes;
use modelpack_spec::convert::{BASE, CONTENT_TYPE, ROLE, RUNTIME_TYPE};
use modelpack_spec::distribution::MANIFEST_BYTES_EVERYWHERE;
use modelpack_spec::{
    Descriptor, Digest, Encoding, FileMetadata, FileRole, Kind, LayerType, MediaType, annotations,
};

use super::documents::{Described, documents};
use super::layer::Layer;
use super::{BuildDialect, BuildOptions, CreationTime};
use crate::select::Selected;
use crate::walk::SourceFile;
use crate::{Error, Outcome};

/// Kinds that can be packed. Weights and their configuration are looked for by name, mapped into memory and
/// shared between artifacts, each for itself.
const PACKABLE: [Kind; 3] = [Kind::Code, Kind::Doc, Kind::Dataset];
/// Bytes of an archive that are no content: a header and padding for each file.
const TAR_BYTES_PER_FILE: u64 = 1024;

/// A layer that is to be made.
#[derive(Debug, Clone)]
pub(crate) struct PlannedLayer {
    pub(super) kind: Kind,
    pub(super) encoding: Encoding,
    /// Whether it holds all files of its kind.
    pub(super) is_packed: bool,
    /// In the order of their paths; one, unless they are packed.
    pub(super) files: Vec<Selected>,
    /// What its descriptor says of it.
    pub(super) annotations: BTreeMap<String, String>,
}

impl PlannedLayer {
    /// One file as a layer of its own, as a build writes it by default.
    pub(crate) fn alone(file: &Selected, encoding: Encoding) -> Self {
        Self::of_file(file, encoding, false, true)
    }

    fn of_file(file: &Selected, encoding: Encoding, preserve: bool, has_title: bool) -> Self {
        Self {
            kind: file.kind,
            encoding,
            is_packed: false,
            annotations: annotations_of(file, preserve, has_title),
            files: vec![file.clone()],
        }
    }

    /// What it is called in progress and reports.
    pub(super) fn name(&self) -> String {
        match self.files.first() {
            Some(file) if !self.is_packed => file.path.to_string(),
            _ => packed_name(self.kind, self.encoding),
        }
    }

    pub(super) fn media_type(&self) -> MediaType {
        LayerType::new(self.kind, self.encoding).into()
    }

    /// Bytes of its files.
    pub(super) fn content_size(&self) -> u64 {
        self.files.iter().map(|file| file.file.size).sum()
    }

    /// The one file whose bytes it is.
    pub(super) fn raw_file(&self) -> Option<&Selected> {
        self.files
            .first()
            .filter(|_| self.encoding == Encoding::Raw)
    }

    /// Bytes that it has, or could have when it is compressed.
    fn estimated_size(&self) -> u64 {
        match self.encoding {
            Encoding::Raw => self.content_size(),
            _ => self.content_size() + TAR_BYTES_PER_FILE * (self.files.len() as u64 + 1),
        }
    }
}

/// Such as `code.tar`.
fn packed_name(kind: Kind, encoding: Encoding) -> String {
    let end = match encoding {
        Encoding::TarGzip => "tar.gz",
        Encoding::TarZstd => "tar.zst",
        _ => "tar",
    };
    format!("{}.{end}", kind.as_str())
}

/// Refuses what cannot be packed.
pub(super) fn check_packing(options: &BuildOptions) -> Result<(), Error> {
    let invalid = |what: String, hint: &str| {
        Err(Error::InvalidInput {
            what,
            hint: Some(hint.to_owned()),
        })
    };
    for (kind, encoding) in &options.pack {
        if !PACKABLE.contains(kind) {
            return invalid(
                format!("files of kind `{}` cannot be packed", kind.as_str()),
                "`code`, `doc` and `dataset` can",
            );
        }
        if *encoding == Encoding::Raw {
            return invalid(
                "a raw layer holds one file".to_owned(),
                "pack as `tar`, `tar+gzip` or `tar+zstd`",
            );
        }
    }
    if !options.pack.is_empty() && options.dialect == BuildDialect::Docker {
        return invalid(
            "Docker's dialect has no packed layers".to_owned(),
            "leave the packing out, or build ModelPack",
        );
    }
    Ok(())
}

/// The layers, in the order of the manifest, which is known to be small enough. Where it would not be, the
/// layers have no titles: those repeat the path for runtimes that do not know ModelPack.
pub(super) fn plan(
    selected: &[Selected],
    described: &Described,
    options: &BuildOptions,
) -> Result<Vec<PlannedLayer>, Error> {
    let mut layers = layers(selected, options, true);
    let mut size = manifest_size(&layers, described, options);
    if size > MANIFEST_BYTES_EVERYWHERE {
        layers = self::layers(selected, options, false);
        size = manifest_size(&layers, described, options);
    }
    if size > MANIFEST_BYTES_EVERYWHERE {
        return Err(too_large(size, &layers));
    }
    Ok(layers)
}

/// A manifest that has so many bytes for these layers cannot be pushed everywhere.
fn too_large(size: u64, layers: &[PlannedLayer]) -> Error {
    let count = |kind: Kind| layers.iter().filter(|layer| layer.kind == kind).count();
    let most = PACKABLE.into_iter().max_by_key(|kind| count(*kind));
    Error::ManifestTooLarge {
        size,
        limit: MANIFEST_BYTES_EVERYWHERE,
        layers: layers.len(),
        packable: most.filter(|kind| count(*kind) > 1),
    }
}

fn layers(selected: &[Selected], options: &BuildOptions, has_titles: bool) -> Vec<PlannedLayer> {
    let encoding = options.encoding.unwrap_or(Encoding::Raw);
    let preserve = options.preserve_metadata;
    let mut layers: Vec<PlannedLayer> = Vec::new();
    let mut packed: BTreeMap<Kind, usize> = BTreeMap::new();
    for file in selected {
        let Some(packing) = options.pack.get(&file.kind) else {
            let mut layer = PlannedLayer::of_file(file, encoding, preserve, has_titles);
            if let Some(base) = options
                .adapter_base
                .filter(|_| file.role == Some(FileRole::Adapter))
            {
                layer.annotations.insert(BASE.to_owned(), base.to_string());
            }
            layers.push(layer);
            continue;
        };
        let at = *packed.entry(file.kind).or_insert_with(|| {
            let title = packed_name(file.kind, *packing);
            layers.push(PlannedLayer {
                kind: file.kind,
                encoding: *packing,
                is_packed: true,
                annotations: [(annotations::TITLE.to_owned(), title)].into(),
                files: Vec::new(),
            });
            layers.len() - 1
        });
        layers[at].files.push(file.clone());
    }
    for at in packed.into_values() {
        layers[at].files.sort_by(|a, b| a.path.cmp(&b.path));
    }
    layers
}

/// Bytes of the manifest. A digest is as long as any other, and so is a time.
fn manifest_size(layers: &[PlannedLayer], described: &Described, options: &BuildOptions) -> u64 {
    let digest = Digest::sha256(b"");
    let layers: Vec<Layer> = layers
        .iter()
        .map(|layer| {
            let mut descriptor =
                Descriptor::new(layer.media_type(), digest, layer.estimated_size());
            descriptor.annotations = layer.annotations.clone();
            Layer {
                descriptor,
                diff_id: digest,
                path: String::new(),
                outcome: Outcome::Copied,
            }
        })
        .collect();
    let time = match &options.creation_time {
        CreationTime::Omitted => None,
        CreationTime::Exactly(time) | CreationTime::Now(time) => Some(time.clone()),
    };
    let (_, manifest) = documents(described, &layers, options, time);
    manifest.bytes().len() as u64
}

/// What an archive says of a file.
pub(super) fn attributes(file: &SourceFile, preserve: bool) -> FileAttributes {
    let mut attributes = FileAttributes::with_mode(file.mode);
    if preserve {
        attributes.uid = file.uid;
        attributes.gid = file.gid;
        attributes.mtime = u64::try_from(file.mtime).unwrap_or(0);
    }
    attributes
}

fn annotations_of(
    selected: &Selected,
    preserve: bool,
    has_title: bool,
) -> BTreeMap<String, String> {
    let attributes = attributes(&selected.file, preserve);
    let mut file = FileMetadata::default();
    file.name = selected.path.file_name().to_owned();
    file.mode = attributes.mode;
    file.uid = attributes.uid;
    file.gid = attributes.gid;
    file.size = selected.file.size;
    let seconds = i64::try_from(attributes.mtime).unwrap_or(0);
    file.mtime = jiff::Timestamp::from_second(seconds)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_string();
    // What kind and name say already is not said again.
    let is_named = selected.path.file_name().to_lowercase().contains("mmproj");
    let role = selected.role.filter(|role| match role {
        FileRole::Adapter | FileRole::DraftModel => true,
        FileRole::Projector => !is_named,
        _ => false,
    });
    let is_runtime = selected.role == Some(FileRole::Runtime);
    let path = selected.path.to_string();
    // Runtimes that mount artifacts without knowing ModelPack name the file by its title.
    let title = has_title.then(|| (annotations::TITLE, path.clone()));
    [
        (annotations::FILEPATH, path),
        (annotations::FILE_METADATA, file.to_annotation()),
    ]
    .into_iter()
    .chain(title)
    .chain(role.map(|role| (ROLE, role.as_str().to_owned())))
    .chain(is_runtime.then(|| (CONTENT_TYPE, RUNTIME_TYPE.to_owned())))
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}
