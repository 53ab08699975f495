//! The one place that maps files into memory.
#![expect(
    unsafe_code,
    reason = "mapping a file is unsafe because someone could truncate it"
)]

use std::fs::File;
use std::io;
use std::ops::Deref;

/// The bytes of a blob, mapped into memory.
#[derive(Debug)]
pub struct MappedBlob(Option<memmap2::Mmap>);

impl MappedBlob {
    pub(crate) fn open(file: &File) -> io::Result<Self> {
        // An empty file cannot be mapped.
        if file.metadata()?.len() == 0 {
            return Ok(Self(None));
        }
        // SAFETY: blobs are read-only files that are written elsewhere, renamed into place and never
        // opened for writing again; removing one leaves the mapping valid. Only someone who changes
        // the store behind our back can break this.
        let map = unsafe { memmap2::Mmap::map(file)? };
        Ok(Self(Some(map)))
    }
}

impl Deref for MappedBlob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl AsRef<[u8]> for MappedBlob {
    fn as_ref(&self) -> &[u8] {
        self
    }
}
