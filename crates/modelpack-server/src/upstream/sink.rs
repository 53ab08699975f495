//! Where an upstream writes a blob.

use std::sync::Arc;

use bytes::Bytes;

use super::fetches::Stages;
use crate::storage::Upload;
use crate::{Error, blocking};

/// Where an [`Upstream`](super::Upstream) writes a blob. Clones write to the same one.
#[derive(Clone)]
pub struct UpstreamSink {
    /// Absent after a write that failed, and when the registry has taken what was written.
    upload: Arc<tokio::sync::Mutex<Option<Unfinished>>>,
    stages: Stages,
}

/// A blob of which so many bytes are missing.
pub(super) struct Unfinished {
    pub(super) upload: Box<dyn Upload>,
    pub(super) left: u64,
}

impl UpstreamSink {
    pub(super) fn new(upload: Box<dyn Upload>, size: u64, stages: Stages) -> Self {
        let unfinished = Unfinished { upload, left: size };
        Self {
            upload: Arc::new(tokio::sync::Mutex::new(Some(unfinished))),
            stages,
        }
    }

    /// Adds the next bytes of the blob. Clients get them from then on.
    ///
    /// # Errors
    /// When these are more bytes than [`Upstream::blob_size`](super::Upstream::blob_size) has promised, and those
    /// of the storage; after one, nothing more is taken.
    pub async fn append(&self, bytes: Bytes) -> Result<(), Error> {
        let mut place = self.upload.lock().await;
        let failed = |reason: &str| Error::storage("write a blob from upstream", reason);
        let mut unfinished = place.take().ok_or_else(|| failed("it has ended"))?;
        let length = bytes.len() as u64;
        unfinished.left = unfinished
            .left
            .checked_sub(length)
            .ok_or_else(|| failed("there is more of it than was promised"))?;
        *place = Some(
            blocking::run(move || {
                unfinished.upload.append(&bytes)?;
                Ok(unfinished)
            })
            .await?,
        );
        // While the place is locked: when what was written is taken, nothing more is told.
        self.stages.wrote(length);
        Ok(())
    }

    /// Takes what was written; from then on nothing can be added.
    pub(super) async fn take(&self) -> Option<Unfinished> {
        self.upload.lock().await.take()
    }
}

impl std::fmt::Debug for UpstreamSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamSink").finish_non_exhaustive()
    }
}
