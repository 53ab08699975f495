//! Where blobs come from, where they go, and how far they are.

use std::fmt;
use std::future::{Future, ready};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// A future that a trait object returns.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who compares the digest of a pulled blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verification {
    /// The client hashes what it hands over and reports a mismatch after the last byte.
    #[default]
    ByClient,
    /// The sink hashes what it takes, and nobody sees its content before it has compared the digest.
    /// The client still checks the size.
    BySink,
}

/// Where a pulled blob goes, piece by piece.
///
/// What a sink has taken is not verified yet: it must not show its content under a final name before
/// the pull has ended well.
pub trait BlobSink: Send + Sync {
    /// Takes the bytes of the blob that begin at `offset`.
    ///
    /// To a sink that leaves verification to the client, pieces come in order and without gaps from the
    /// first byte on; when a mirror fails, they begin again at the first byte of another place. To others they come from several connections at once and in any order, and bytes
    /// that a sink has taken already can come again.
    ///
    /// # Errors
    /// Whatever stops the sink; the pull ends with [`Error::Sink`](crate::Error::Sink).
    fn write_at(&self, offset: u64, piece: Bytes) -> Pending<'_, io::Result<()>>;

    /// Who compares the digest. The answer must not change.
    fn verification(&self) -> Verification {
        Verification::default()
    }
}

/// Collects a blob in memory; for small blobs and tests.
impl BlobSink for Mutex<Vec<u8>> {
    fn write_at(&self, offset: u64, piece: Bytes) -> Pending<'_, io::Result<()>> {
        let mut content = self.lock().unwrap_or_else(PoisonError::into_inner);
        let written = match usize::try_from(offset) {
            Ok(offset) if offset <= content.len() => {
                content.truncate(offset);
                content.extend_from_slice(&piece);
                Ok(())
            }
            _ => Err(io::Error::other("the piece does not follow what is there")),
        };
        Box::pin(ready(written))
    }
}

/// Where a pushed blob comes from. It can be opened more than once, so that an upload can be repeated.
///
/// Reading happens on a thread that may block.
pub trait BlobSource: Send + Sync {
    /// The content from `offset` to its end.
    ///
    /// # Errors
    /// Whatever stops the source; the push ends with [`Error::Source`](crate::Error::Source).
    fn open(&self, offset: u64) -> io::Result<Box<dyn io::Read + Send>>;
}

impl BlobSource for Bytes {
    fn open(&self, offset: u64) -> io::Result<Box<dyn io::Read + Send>> {
        let offset = usize::try_from(offset).map_or(self.len(), |offset| offset.min(self.len()));
        Ok(Box::new(io::Cursor::new(self.slice(offset..))))
    }
}

/// Is told how many bytes of a blob are done.
///
/// The number counts from the beginning of the blob. It goes back when an upload has to begin again.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<dyn Fn(u64) + Send + Sync>>);

impl Progress {
    /// Calls `report` with the number of bytes that are done, about once per piece.
    pub fn new(report: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(report)))
    }

    /// Tells nobody.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    pub(crate) fn report(&self, done: u64) {
        if let Some(report) = &self.0 {
            report(done);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.0.is_some()).finish()
    }
}
