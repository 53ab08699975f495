//! Unpacking a tar layer: everything is staged, the digest is verified, then all becomes visible.

use std::io::{self, Read};

use modelpack_spec::{Encoding, FilePath, Hasher, PathSet};

use crate::destination::{Destination, Expected, finish_file};
use crate::header::{Entry, next_entry};
use crate::{Error, FileAttributes};

/// What a layer may unpack to.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Limits {
    /// Most entries; the largest known repositories have some ten thousand files.
    pub entries: u64,
    /// Most bytes after decompression; larger than any model.
    pub bytes: u64,
    /// Most bytes after decompression for each compressed byte. Deflate cannot reach more than 1032.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 200_000,
            bytes: 16 << 40,
            ratio: 1100,
        }
    }
}

/// Decompressed bytes that are free of the ratio, so that a small layer of zeros passes.
const RATIO_ALLOWANCE: u64 = 64 << 20;

/// A file that an archive held.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unpacked {
    /// Where it is.
    pub path: FilePath,
    /// Its size in bytes.
    pub size: u64,
}

impl Destination {
    /// Unpacks an archive. `archive` gives the bytes of the layer as they are stored, `expected` is
    /// what its descriptor promises of them.
    ///
    /// # Errors
    /// [`Error::UnsafeEntry`], [`Error::Damaged`], [`Error::OverLimit`], [`Error::SizeMismatch`],
    /// [`Error::DigestMismatch`], [`Error::Blocked`]. No file is visible then.
    pub fn unpack_tar(
        &self,
        encoding: Encoding,
        archive: &mut dyn Read,
        expected: &Expected,
        limits: &Limits,
    ) -> Result<Vec<Unpacked>, Error> {
        let hashed = Hashed {
            inner: archive,
            hasher: Hasher::new(expected.digest.algorithm()),
            read: 0,
            limit: expected.size,
        };
        let mut plain = Bounded {
            inner: decompress(encoding, hashed)?,
            produced: 0,
            limits: *limits,
            over: None,
        };
        let outcome = self.stage_entries(&mut plain, limits);
        if let Some((what, limit)) = plain.over {
            return Err(Error::OverLimit { what, limit });
        }
        // Wrong bytes most often look like a damaged archive first. Which of the two it is matters to
        // the user, so the rest is read and the digest decides.
        let mut hashed = plain.inner.into_inner();
        let drained = io::copy(&mut hashed, &mut io::sink());
        if hashed.read != expected.size {
            return Err(Error::SizeMismatch {
                expected: expected.size,
                actual: hashed.read,
            });
        }
        drained.map_err(|error| Error::io("read", "layer", error))?;
        let actual = hashed.hasher.finish();
        if actual != expected.digest {
            return Err(Error::DigestMismatch {
                expected: expected.digest,
                actual,
            });
        }
        let (files, directories) = outcome?;
        for (_, path, _) in &files {
            if self.is_blocked(path) {
                return Err(Error::Blocked {
                    path: path.clone(),
                    reason: "a directory is in the way",
                });
            }
        }
        for directory in &directories {
            self.make_directory(directory, directory)?;
        }
        let mut unpacked = Vec::with_capacity(files.len());
        for (staged, path, size) in files {
            self.publish(&staged, &path)?;
            unpacked.push(Unpacked { path, size });
        }
        Ok(unpacked)
    }

    fn stage_entries(
        &self,
        archive: &mut dyn Read,
        limits: &Limits,
    ) -> Result<StagedEntries<'_>, Error> {
        let mut paths = PathSet::new();
        let mut files = Vec::new();
        let mut directories = Vec::new();
        let mut count = 0;
        while let Some(entry) = next_entry(archive)? {
            count += 1;
            if count > limits.entries {
                return Err(Error::OverLimit {
                    what: "entries",
                    limit: limits.entries,
                });
            }
            let refuse = |error: modelpack_spec::Error| Error::UnsafeEntry {
                entry: entry.name.clone(),
                reason: reason(&error),
            };
            // Many tools write `./name`, and every tool writes `directory/`.
            let name = entry.name.strip_prefix("./").unwrap_or(&entry.name);
            if entry.is_directory {
                let name = name.strip_suffix('/').unwrap_or(name);
                if !name.is_empty() && name != "." {
                    directories.push(FilePath::parse(name).map_err(refuse)?);
                }
                continue;
            }
            let path = FilePath::parse(name).map_err(refuse)?;
            paths.insert(&path).map_err(refuse)?;
            let (staged, mut file) = self.stage(&path)?;
            copy_entry(&entry, &path, archive, &mut file)?;
            let attributes = FileAttributes {
                mtime: entry.mtime,
                ..FileAttributes::with_mode(entry.mode)
            };
            finish_file(&path, &file, &attributes)?;
            files.push((staged, path, entry.size));
        }
        Ok((files, directories))
    }
}

type StagedEntries<'a> = (
    Vec<(crate::destination::Staged<'a>, FilePath, u64)>,
    Vec<FilePath>,
);

fn reason(error: &modelpack_spec::Error) -> String {
    match error {
        modelpack_spec::Error::InvalidPath { reason, .. } => (*reason).to_owned(),
        other => other.to_string(),
    }
}

fn copy_entry(
    entry: &Entry,
    path: &FilePath,
    archive: &mut dyn Read,
    file: &mut std::fs::File,
) -> Result<(), Error> {
    let damaged = |reason: String| Error::Damaged {
        entry: Some(entry.name.clone()),
        reason,
    };
    let copied =
        io::copy(&mut archive.take(entry.size), file).map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Error::io("write", path, error)
            }
            _ => damaged(error.to_string()),
        })?;
    if copied != entry.size {
        return Err(damaged(
            "it ends inside the content of this entry".to_owned(),
        ));
    }
    let padding = (512 - entry.size % 512) % 512;
    let skipped = io::copy(&mut archive.take(padding), &mut io::sink())
        .map_err(|error| damaged(error.to_string()))?;
    if skipped == padding {
        Ok(())
    } else {
        Err(damaged(
            "it ends inside the padding of this entry".to_owned(),
        ))
    }
}

/// Hashes the stored bytes as they are read, at most as many as were promised and one more.
struct Hashed<'a> {
    inner: &'a mut dyn Read,
    hasher: Hasher,
    read: u64,
    limit: u64,
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read > self.limit {
            return Ok(0);
        }
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.read += read as u64;
        Ok(read)
    }
}

enum Decompressor<'a> {
    Plain(Hashed<'a>),
    #[cfg(feature = "gzip")]
    Gzip(Box<flate2::read::MultiGzDecoder<Hashed<'a>>>),
    #[cfg(feature = "zstd")]
    Zstd(Box<zstd::stream::read::Decoder<'static, io::BufReader<Hashed<'a>>>>),
}

fn decompress(encoding: Encoding, hashed: Hashed<'_>) -> Result<Decompressor<'_>, Error> {
    match encoding {
        Encoding::Tar => Ok(Decompressor::Plain(hashed)),
        #[cfg(feature = "gzip")]
        Encoding::TarGzip => Ok(Decompressor::Gzip(Box::new(
            flate2::read::MultiGzDecoder::new(hashed),
        ))),
        #[cfg(feature = "zstd")]
        Encoding::TarZstd => zstd::stream::read::Decoder::new(hashed)
            .map(|decoder| Decompressor::Zstd(Box::new(decoder)))
            .map_err(|error| Error::io("begin", "zstd stream", error)),
        other => Err(Error::UnsupportedEncoding {
            encoding: other.as_str(),
        }),
    }
}

impl<'a> Decompressor<'a> {
    fn compressed(&self) -> u64 {
        match self {
            Self::Plain(hashed) => hashed.read,
            #[cfg(feature = "gzip")]
            Self::Gzip(decoder) => decoder.get_ref().read,
            #[cfg(feature = "zstd")]
            Self::Zstd(decoder) => decoder.get_ref().get_ref().read,
        }
    }

    fn into_inner(self) -> Hashed<'a> {
        match self {
            Self::Plain(hashed) => hashed,
            #[cfg(feature = "gzip")]
            Self::Gzip(decoder) => decoder.into_inner(),
            #[cfg(feature = "zstd")]
            Self::Zstd(decoder) => decoder.finish().into_inner(),
        }
    }
}

impl Read for Decompressor<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(hashed) => hashed.read(buffer),
            #[cfg(feature = "gzip")]
            Self::Gzip(decoder) => decoder.read(buffer),
            #[cfg(feature = "zstd")]
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

/// Counts decompressed bytes while they are produced, so that a bomb stops early.
struct Bounded<'a> {
    inner: Decompressor<'a>,
    produced: u64,
    limits: Limits,
    over: Option<(&'static str, u64)>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.produced += read as u64;
        if self.produced > self.limits.bytes {
            self.over = Some(("bytes", self.limits.bytes));
        } else if self.produced.saturating_sub(RATIO_ALLOWANCE) / self.inner.compressed().max(1)
            >= self.limits.ratio
        {
            self.over = Some(("bytes for each compressed byte", self.limits.ratio));
        }
        if self.over.is_some() {
            return Err(io::Error::other("over the limit"));
        }
        Ok(read)
    }
}
