//! Making the layer of a file in the local store.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use modelpack_layer::{FileAttributes, LayerWriter};
use modelpack_spec::convert::{CONTENT_TYPE, ROLE, RUNTIME_TYPE};
use modelpack_spec::{
    Descriptor, Digest, Encoding, FileMetadata, FileRole, LayerType, annotations,
};
use modelpack_store::{Adopt, Adopted, Lease};

use crate::select::Selected;
use crate::{Control, Error, Event, Item, Outcome};

/// A layer that is in the store.
#[derive(Clone)]
pub(super) struct Layer {
    pub(super) descriptor: Descriptor,
    pub(super) diff_id: Digest,
    pub(super) path: String,
    pub(super) outcome: Outcome,
}

pub(super) fn build_layer(
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
fn state(file: &fs::File, path: &Path) -> Result<(u64, [i64; 4]), Error> {
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

fn attributes(metadata: &fs::Metadata, mode: u32, preserve: bool) -> FileAttributes {
    let mut attributes = FileAttributes::with_mode(mode);
    if preserve {
        attributes.uid = metadata.uid();
        attributes.gid = metadata.gid();
        attributes.mtime = u64::try_from(metadata.mtime()).unwrap_or(0);
    }
    attributes
}

fn layer_annotations(
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
