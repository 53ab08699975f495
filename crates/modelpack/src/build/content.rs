//! The bytes of a layer that is sent without being stored, checked on their way.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use modelpack_registry::BlobSource;
use modelpack_spec::{Algorithm, Digest, Hasher};
use modelpack_store::{HashedFile, KnownDigests, Lease};

use super::layer::{Tick, changed, pack, unreadable};
use super::plan::PlannedLayer;
use crate::{Control, Error};

/// Bytes that are hashed at once.
const BUFFER: usize = 256 * 1024;

/// A layer that was hashed where its files are.
pub(super) struct Content {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) diff_id: Digest,
    origin: Origin,
}

/// Where the bytes come from, each time they are needed.
enum Origin {
    File(PathBuf, HashedFile),
    /// An archive that is written again.
    Archive(Arc<PlannedLayer>, bool),
}

/// What is known of files, and whether more may be noted.
pub(super) enum Digests<'a> {
    /// Nothing is written.
    ReadOnly(&'a KnownDigests),
    Remembering(&'a Lease),
}

impl Content {
    /// Hashes a layer.
    pub(super) fn hash(
        planned: &Arc<PlannedLayer>,
        preserve: bool,
        digests: &Digests<'_>,
        tick: Tick<'_>,
        control: &Control,
    ) -> Result<Self, Error> {
        let Some(selected) = planned.raw_file() else {
            let sink = HashingSink {
                hasher: Hasher::new(Algorithm::Sha256),
                size: 0,
            };
            let (packed, sink) = pack(planned, preserve, sink, tick, control)?;
            return Ok(Self {
                digest: sink.hasher.finish(),
                size: sink.size,
                diff_id: packed.diff_id,
                origin: Origin::Archive(Arc::clone(planned), preserve),
            });
        };
        let path = &selected.file.location;
        let hashed = match digests {
            Digests::ReadOnly(known) => known.hash_file(path, tick),
            Digests::Remembering(lease) => lease.hash_file(path, tick),
        };
        let hashed = hashed.map_err(|error| unreadable(error, path, control))?;
        // What is written about the file has to be about these bytes.
        if hashed.size != selected.file.size {
            return Err(changed(path));
        }
        Ok(Self {
            digest: hashed.digest,
            size: hashed.size,
            diff_id: hashed.digest,
            origin: Origin::File(path.clone(), hashed),
        })
    }

    fn open(&self) -> Result<Bytes, Error> {
        match &self.origin {
            Origin::File(path, hashed) => {
                let file =
                    File::open(path).map_err(|error| Error::file("cannot read", path, error))?;
                let bytes = Bytes::File(file);
                self.check(&bytes)?;
                debug_assert!(hashed.size == self.size);
                Ok(bytes)
            }
            Origin::Archive(planned, preserve) => {
                let (reader, writer) = io::pipe().map_err(|error| {
                    Error::file("cannot read", Path::new(&planned.name()), error)
                })?;
                let (planned, preserve) = (Arc::clone(planned), *preserve);
                // It ends when nobody reads any more, or when a file has changed; then the reader finds
                // too few bytes.
                std::thread::spawn(move || {
                    let control = Control::default();
                    pack(&planned, preserve, writer, &mut |_| Ok(()), &control).map(drop)
                });
                Ok(Bytes::Archive(reader))
            }
        }
    }

    /// Whether a file still is what was hashed.
    fn check(&self, bytes: &Bytes) -> Result<(), Error> {
        match (&self.origin, bytes) {
            (Origin::File(path, hashed), Bytes::File(file)) => match hashed.is_unchanged(file) {
                Ok(true) => Ok(()),
                Ok(false) => Err(changed(path)),
                Err(error) => Err(Error::file("cannot read", path, error)),
            },
            _ => Ok(()),
        }
    }

    fn changed(&self) -> Error {
        match &self.origin {
            Origin::File(path, _) => changed(path),
            Origin::Archive(planned, _) => changed(Path::new(&planned.name())),
        }
    }
}

enum Bytes {
    File(File),
    Archive(io::PipeReader),
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Archive(pipe) => pipe.read(buffer),
        }
    }
}

/// A layer as a source of an upload. The last byte is given only when all of them are those that were
/// hashed, so that an upload of other bytes cannot be completed.
pub(super) struct CheckedSource(Arc<Shared>);

struct Shared {
    content: Content,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Where the last reader stopped. An upload in chunks opens the source for each, and an archive would be
    /// written from its beginning every time.
    stopped: Option<Position>,
    /// Why a reader stopped.
    failure: Option<Error>,
}

/// How far the bytes were read.
struct Position {
    bytes: Bytes,
    /// Of the `at` bytes before.
    hasher: Hasher,
    at: u64,
}

impl CheckedSource {
    pub(super) fn new(content: Content) -> Self {
        Self(Arc::new(Shared {
            content,
            state: Mutex::default(),
        }))
    }

    /// Why reading stopped, when it was the source that stopped it.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.0.state().failure.take()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: Error) -> io::Error {
        let text = error.to_string();
        self.state().failure.get_or_insert(error);
        io::Error::other(text)
    }
}

impl BlobSource for CheckedSource {
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        let shared = &self.0;
        let stopped = shared.state().stopped.take();
        let position = match stopped.filter(|stopped| stopped.at == offset) {
            Some(position) => position,
            None => Position {
                bytes: shared.content.open().map_err(|error| shared.fail(error))?,
                hasher: Hasher::new(Algorithm::Sha256),
                at: 0,
            },
        };
        let mut reader = CheckedReader {
            shared: Arc::clone(shared),
            position: Some(position),
        };
        // What comes before is hashed again where nobody knows its hash.
        let mut buffer = vec![0; BUFFER];
        while let Some(before) = reader.before(offset) {
            let left = usize::try_from(before).map_or(BUFFER, |left| left.min(BUFFER));
            if reader.read(&mut buffer[..left])? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Box::new(reader))
    }
}

struct CheckedReader {
    shared: Arc<Shared>,
    /// Nothing after a failure: what was read then is not known.
    position: Option<Position>,
}

impl CheckedReader {
    /// How many bytes are left before an offset, unless it is reached.
    fn before(&self, offset: u64) -> Option<u64> {
        let at = self.position.as_ref().map_or(0, |position| position.at);
        offset.checked_sub(at).filter(|left| *left > 0)
    }
}

impl Read for CheckedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let content = &self.shared.content;
        let Some(mut position) = self.position.take() else {
            return Err(self.shared.fail(content.changed()));
        };
        let left = content.size - position.at;
        let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if wanted == 0 {
            self.position = Some(position);
            return Ok(0);
        }
        let read = match position.bytes.read(&mut buffer[..wanted]) {
            Ok(read) => read,
            Err(error) => {
                // Nothing was read; some of these errors are tried again.
                self.position = Some(position);
                return Err(error);
            }
        };
        position.hasher.update(&buffer[..read]);
        position.at += read as u64;
        let is_right = if position.at == content.size {
            let digest = position.hasher.clone().finish();
            digest == content.digest && content.check(&position.bytes).is_ok()
        } else {
            read > 0
        };
        if !is_right {
            return Err(self.shared.fail(content.changed()));
        }
        self.position = Some(position);
        Ok(read)
    }
}

impl Drop for CheckedReader {
    fn drop(&mut self) {
        self.shared.state().stopped = self.position.take();
    }
}

struct HashingSink {
    hasher: Hasher,
    size: u64,
}

impl io::Write for HashingSink {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        self.hasher.update(content);
        self.size += content.len() as u64;
        Ok(content.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
