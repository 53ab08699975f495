//! Archives for readers, with entries that careful writers never make.

use modelpack_spec::{Algorithm, Digest, Hasher};
use tar::{Builder, EntryType, GnuHeader, Header};

/// An archive that is being written.
pub(super) struct Archive(Builder<Vec<u8>>);

impl Archive {
    pub(super) fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    pub(super) fn file(self, name: &str, content: &[u8]) -> Self {
        self.file_with_mode(name, content, 0o644)
    }

    pub(super) fn file_with_mode(mut self, name: &str, content: &[u8], mode: u32) -> Self {
        let header = header(EntryType::Regular, name, content.len() as u64, mode);
        self.append(&header, content);
        self
    }

    /// A symbolic or hard link.
    pub(super) fn link(mut self, kind: EntryType, name: &str, target: &str) -> Self {
        let mut header = header(kind, name, 0, 0o777);
        let field = &mut header.as_gnu_mut().expect("it is a GNU header").linkname;
        put(field, target);
        header.set_cksum();
        self.append(&header, &[]);
        self
    }

    /// A device, a pipe or another thing without content.
    pub(super) fn special(mut self, kind: EntryType, name: &str) -> Self {
        let header = header(kind, name, 0, 0o666);
        self.append(&header, &[]);
        self
    }

    /// A file that says it has so many bytes, all of them holes.
    pub(super) fn sparse(mut self, name: &str, size: u64) -> Self {
        let mut header = header(EntryType::GNUSparse, name, 0, 0o644);
        let gnu: &mut GnuHeader = header.as_gnu_mut().expect("it is a GNU header");
        // One piece of no bytes at the end, as `tar --sparse` writes a file that is one hole.
        // More than eight gigabytes do not fit into the digits.
        let number = format!("{size:011o}");
        put(&mut gnu.sparse[0].offset, &number);
        put(&mut gnu.realsize, &number);
        put(&mut gnu.sparse[0].numbytes, "00000000000");
        header.set_cksum();
        self.append(&header, &[]);
        self
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.into_inner().expect("memory takes every write")
    }

    fn append(&mut self, header: &Header, content: &[u8]) {
        self.0
            .append(header, content)
            .expect("memory takes every write");
    }
}

/// The name goes in as it is: libraries refuse to write what they ought to refuse to read.
fn header(kind: EntryType, name: &str, size: u64, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    put(&mut header.as_old_mut().name, name);
    header.set_cksum();
    header
}

fn put(field: &mut [u8], text: &str) {
    assert!(
        text.len() <= field.len(),
        "`{text}` does not fit into a header"
    );
    field.fill(0);
    field[..text.len()].copy_from_slice(text.as_bytes());
}

/// An archive with one file of so many zeros, compressed by zstd, and its digest before that.
pub(super) fn zeros(name: &str, size: u64) -> std::io::Result<(Vec<u8>, Digest)> {
    use std::io::{Read as _, Write as _};
    const BLOCK: usize = 512;
    let header = header(EntryType::Regular, name, size, 0o644);
    let padding = size.next_multiple_of(BLOCK as u64) + 2 * BLOCK as u64;
    let mut plain = header.as_bytes().chain(std::io::repeat(0).take(padding));
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut encoder = zstd::Encoder::new(Vec::new(), 1)?;
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        let read = plain.read(&mut buffer)?;
        if read == 0 {
            return Ok((encoder.finish()?, hasher.finish()));
        }
        hasher.update(&buffer[..read]);
        encoder.write_all(&buffer[..read])?;
    }
}
