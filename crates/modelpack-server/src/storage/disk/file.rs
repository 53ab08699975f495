//! Blobs of the store, open for reading and being written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use modelpack_spec::{Digest, Reference};
use modelpack_store::BlobWriter;

use super::{Content, DiskStorage, Upload, failed};
use crate::Error;

pub(super) struct BlobFile {
    pub(super) file: File,
    pub(super) size: u64,
}

impl Content for BlobFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(&self.file, buffer, offset)
    }
}

/// What was uploaded so far. It stays readable whatever happens to the name of the file.
struct GrowingFile(File);

impl Content for GrowingFile {
    fn size(&self) -> u64 {
        self.0.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(&self.0, buffer, offset)
    }
}

pub(super) struct DiskUpload {
    pub(super) storage: DiskStorage,
    pub(super) own: Reference,
    pub(super) writer: BlobWriter,
}

impl Upload for DiskUpload {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.writer
            .append(bytes)
            .map_err(|error| failed("write an upload", error))
    }

    fn reader(&self) -> Option<Arc<dyn Content>> {
        let file = self.writer.reader().ok()?;
        Some(Arc::new(GrowingFile(file)))
    }

    fn commit(self: Box<Self>, digest: &Digest) -> Result<(), Error> {
        let size = self.writer.size();
        self.writer
            .commit_expecting(digest, size)
            .map_err(|error| match error {
                // Only here is it the client that is wrong; anywhere else the disk is.
                modelpack_store::Error::DigestMismatch { expected, actual } => {
                    Error::DigestMismatch { expected, actual }
                }
                error => failed(format!("store blob {digest}"), error),
            })?;
        // The lease that it was written under may be about to end; this one is fresh.
        let inner = &*self.storage.inner;
        inner.grace.protect(digest)?;
        inner.links.link(&self.own, digest)
    }
}
