//! Making a layer in the local store.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use modelpack_layer::{LayerWriter, Packed};
use modelpack_spec::{Descriptor, Digest};
use modelpack_store::{Adopt, Adopted, Batch};

use super::BuiltLayer;
use super::plan::{PlannedLayer, attributes};
use crate::{Control, Error, Event, Item, Outcome};

/// A layer that is made.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) descriptor: Descriptor,
    pub(crate) diff_id: Digest,
    pub(super) path: String,
    pub(crate) outcome: Outcome,
}

impl Layer {
    pub(super) fn new(
        planned: &PlannedLayer,
        digest: Digest,
        size: u64,
        diff_id: Digest,
        outcome: Outcome,
    ) -> Self {
        let mut descriptor = Descriptor::new(planned.media_type(), digest, size);
        descriptor.annotations = planned.annotations.clone();
        Self {
            descriptor,
            diff_id,
            path: planned.name(),
            outcome,
        }
    }

    pub(super) fn into_report(self) -> BuiltLayer {
        BuiltLayer {
            path: self.path,
            media_type: self.descriptor.media_type.to_string(),
            digest: self.descriptor.digest,
            size: self.descriptor.size,
            outcome: self.outcome,
        }
    }
}

/// Called with the number of bytes that were read since the last call; stops the work by an error.
pub(super) type Tick<'a> = &'a mut dyn FnMut(u64) -> io::Result<()>;

/// Stores a layer.
pub(crate) fn store_layer(
    batch: &Batch,
    planned: &PlannedLayer,
    preserve: bool,
    control: &Control,
) -> Result<Layer, Error> {
    let item = Item::new(planned.name(), planned.content_size(), None);
    control.report(Event::Started(&item));
    let mut tick = ticks(control, &item);
    let layer = match planned.raw_file() {
        Some(selected) => {
            let location = &selected.file.location;
            let ingested = batch
                .ingest_file(location, Adopt::ReflinkOrCopy, &mut tick)
                .map_err(|error| unreadable(error, location, control))?;
            // What is written about the file has to be about these bytes.
            if ingested.size != selected.file.size {
                return Err(changed(location));
            }
            let outcome = match ingested.how {
                Adopted::Cached | Adopted::Existing => Outcome::Exists,
                Adopted::Reflinked | Adopted::Linked => Outcome::Linked,
                _ => Outcome::Copied,
            };
            let (digest, size) = (ingested.digest, ingested.size);
            Layer::new(planned, digest, size, digest, outcome)
        }
        None => {
            let sink = batch.lease().ingest()?;
            let (packed, blob) = pack(planned, preserve, sink, &mut tick, control)?;
            let stored = blob.commit()?;
            let outcome = if stored.existed {
                Outcome::Exists
            } else {
                Outcome::Copied
            };
            Layer::new(planned, stored.digest, stored.size, packed.diff_id, outcome)
        }
    };
    let outcome = layer.outcome;
    control.report(Event::Finished {
        item: &item,
        outcome,
    });
    Ok(layer)
}

/// Reports what is read of an item, and stops when the operation is cancelled.
pub(super) fn ticks<'a>(
    control: &'a Control,
    item: &'a Item,
) -> impl FnMut(u64) -> io::Result<()> + use<'a> {
    move |bytes| {
        control.report(Event::Advanced { item, bytes });
        if control.cancel_token().is_cancelled() {
            Err(io::ErrorKind::Interrupted.into())
        } else {
            Ok(())
        }
    }
}

/// Writes the archive of a layer. The same files give the same bytes.
pub(super) fn pack<W: Write>(
    planned: &PlannedLayer,
    preserve: bool,
    sink: W,
    tick: Tick<'_>,
    control: &Control,
) -> Result<(Packed, W), Error> {
    let name = planned.name();
    let unpackable = |path: &Path, error| Error::Pack {
        path: path.to_owned(),
        source: Box::new(error),
    };
    let mut writer = LayerWriter::new(planned.encoding, sink)
        .map_err(|error| unpackable(Path::new(&name), error))?;
    for selected in &planned.files {
        let location = &selected.file.location;
        let source = fs::File::open(location)
            .map_err(|error| Error::file("cannot read", location, error))?;
        let before = state(&source, location)?;
        if before.0 != selected.file.size {
            return Err(changed(location));
        }
        let mut source = Ticking {
            inner: source,
            tick,
        };
        let attributes = attributes(&selected.file, preserve);
        writer
            .append(&selected.path, &attributes, before.0, &mut source)
            .map_err(|error| match error {
                _ if control.cancel_token().is_cancelled() => Error::Cancelled,
                modelpack_layer::Error::FileChanged { .. } => changed(location),
                other => unpackable(location, other),
            })?;
        // What was rewritten in place is as long as before.
        if state(&source.inner, location)? != before {
            return Err(changed(location));
        }
    }
    writer
        .finish()
        .map_err(|error| unpackable(Path::new(&name), error))
}

pub(super) fn changed(path: &Path) -> Error {
    Error::FileChanged {
        path: path.to_owned(),
    }
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
pub(super) fn unreadable(error: modelpack_store::Error, path: &Path, control: &Control) -> Error {
    if control.cancel_token().is_cancelled() {
        return Error::Cancelled;
    }
    match error {
        modelpack_store::Error::Io {
            path: at, source, ..
        } if at == *path => Error::file("cannot read", at, source),
        other => other.into(),
    }
}

/// Reports what is read, and stops when the operation is cancelled.
struct Ticking<'a> {
    inner: fs::File,
    tick: Tick<'a>,
}

impl Read for Ticking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        // `Interrupted` would be tried again.
        (self.tick)(read as u64).map_err(|_| io::Error::other("cancelled"))?;
        Ok(read)
    }
}
