//! Unpacking a tar layer: everything is staged, the digest is verified, then all becomes visible.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use modelpack_spec::{Encoding, FilePath, Hasher, PathSet};

use crate::destination::{Destination, Expected, buffer, finish_file};
use crate::header::{Entry, next_entry};
use crate::staging::Staged;
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

/// Most bytes of names, each counted once for every directory on its way. That is what is kept in
/// memory; two hundred thousand ordinary names have half of it.
const MAX_NAME_BYTES: u64 = 256 << 20;

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

/// The files of an archive, without unpacking it. `archive` gives the bytes of the layer as they are stored,
/// `expected` is what its descriptor promises of them.
///
/// # Errors
/// Those of [`Destination::unpack_tar`] that come from the archive.
pub fn list_tar(
    encoding: Encoding,
    archive: &mut dyn Read,
    expected: &Expected,
    limits: &Limits,
) -> Result<Vec<Unpacked>, Error> {
    whole_archive(encoding, archive, expected, limits, |plain| {
        let mut files = Vec::new();
        each_file(plain, limits, |entry, path, plain| {
            copy_entry(entry, &path, plain, &mut io::sink())?;
            let size = entry.size;
            files.push(Unpacked { path, size });
            Ok(())
        })?;
        Ok(files)
    })
}

/// Gives what `read` makes of an archive, if its bytes are those that are expected.
fn whole_archive<T>(
    encoding: Encoding,
    archive: &mut dyn Read,
    expected: &Expected,
    limits: &Limits,
    read: impl FnOnce(&mut dyn Read) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut plain = Bounded::new(encoding, archive, expected, limits)?;
    let outcome = read(&mut plain);
    if let Some((what, limit)) = plain.over {
        return Err(Error::OverLimit { what, limit });
    }
    // Wrong bytes most often look like a damaged archive first. Which of the two it is matters to
    // the user, so the rest is read and the digest decides.
    let mut hashed = plain.inner.into_inner();
    let drained = io::copy(&mut hashed, &mut io::sink());
    if let Some(error) = hashed.failed {
        return Err(Error::io("read", "layer", error));
    }
    drained.map_err(|error| Error::io("read", "layer", error))?;
    expected.check(hashed.read, || hashed.hasher.finish())?;
    outcome
}

/// Calls `take` with each file of an archive, its path, and the archive, from which `take` reads the content.
/// Gives the directories.
fn each_file(
    archive: &mut dyn Read,
    limits: &Limits,
    mut take: impl FnMut(&Entry, FilePath, &mut dyn Read) -> Result<(), Error>,
) -> Result<Vec<FilePath>, Error> {
    let mut names = Names::default();
    let mut count = 0;
    while let Some(entry) = next_entry(archive)? {
        count += 1;
        if count > limits.entries {
            return Err(Error::OverLimit {
                what: "entries",
                limit: limits.entries,
            });
        }
        if entry.is_directory {
            names.add_directory(&entry.name)?;
        } else {
            let path = names.add_file(&entry.name)?;
            take(&entry, path, archive)?;
        }
    }
    names.finish()
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
        let entries = whole_archive(encoding, archive, expected, limits, |plain| {
            self.stage_entries(plain, limits)
        })?;
        self.publish_all(entries)
    }

    /// Makes everything visible, after a look that nothing is in the way of any of it.
    fn publish_all(&self, entries: StagedEntries<'_>) -> Result<Vec<Unpacked>, Error> {
        for (_, path, _) in &entries.files {
            self.check_free(path)?;
        }
        for directory in &entries.directories {
            self.check_directory(directory)?;
        }
        for (_, path, _) in &entries.files {
            self.claim(path)?;
        }
        for directory in &entries.directories {
            self.make_directory(directory)?;
        }
        let mut unpacked = Vec::with_capacity(entries.files.len());
        for (staged, path, size) in entries.files {
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
        let mut files = Vec::new();
        let directories = each_file(archive, limits, |entry, path, archive| {
            let (staged, mut file) = self.stage(&path)?;
            copy_entry(entry, &path, archive, &mut file)?;
            let attributes = FileAttributes {
                mtime: entry.mtime,
                ..FileAttributes::with_mode(entry.mode)
            };
            finish_file(&path, &file, &attributes)?;
            files.push((staged, path, entry.size));
            Ok(())
        })?;
        Ok(StagedEntries { files, directories })
    }
}

/// What an archive holds, not visible yet.
struct StagedEntries<'a> {
    files: Vec<(Staged<'a>, FilePath, u64)>,
    directories: Vec<FilePath>,
}

/// The names of one archive, which must all fit into one directory of any system.
#[derive(Default)]
struct Names {
    paths: PathSet,
    /// The files, in lower case.
    files: BTreeSet<String>,
    directories: BTreeSet<FilePath>,
    bytes: u64,
}

impl Names {
    fn add_file(&mut self, name: &str) -> Result<FilePath, Error> {
        let path = self.parse(name, strip_here(name))?;
        self.paths
            .insert(&path)
            .map_err(|error| Error::unsafe_entry(name, &error))?;
        self.files.insert(path.as_str().to_lowercase());
        Ok(path)
    }

    fn add_directory(&mut self, name: &str) -> Result<(), Error> {
        if matches!(name, "." | "./") {
            return Ok(());
        }
        let stripped = strip_here(name);
        let path = self.parse(name, stripped.strip_suffix('/').unwrap_or(stripped))?;
        self.directories.insert(path);
        Ok(())
    }

    fn parse(&mut self, name: &str, stripped: &str) -> Result<FilePath, Error> {
        let path = FilePath::parse(stripped).map_err(|error| Error::unsafe_entry(name, &error))?;
        // A path is remembered with each directory around it.
        self.bytes += (path.as_str().len() * path.components().count()) as u64;
        if self.bytes > MAX_NAME_BYTES {
            return Err(Error::OverLimit {
                what: "bytes of names",
                limit: MAX_NAME_BYTES,
            });
        }
        Ok(path)
    }

    /// The directories, none of which is also a file.
    fn finish(self) -> Result<Vec<FilePath>, Error> {
        for directory in &self.directories {
            for step in std::iter::successors(Some(directory.clone()), FilePath::parent) {
                if self.files.contains(&step.as_str().to_lowercase()) {
                    return Err(Error::UnsafeEntry {
                        entry: directory.to_string(),
                        reason: format!(
                            "it collides with `{step}`: one is a file, the other a directory"
                        ),
                    });
                }
            }
        }
        Ok(self.directories.into_iter().collect())
    }
}

/// Many tools write `./name`.
fn strip_here(name: &str) -> &str {
    name.strip_prefix("./").unwrap_or(name)
}

fn copy_entry(
    entry: &Entry,
    path: &FilePath,
    archive: &mut dyn Read,
    file: &mut dyn Write,
) -> Result<(), Error> {
    let damaged = |reason: String| Error::Damaged {
        entry: Some(entry.name.clone()),
        reason,
    };
    let mut buffer = buffer(entry.size);
    let mut content = archive.take(entry.size);
    loop {
        match content.read(&mut buffer) {
            Ok(0) if content.limit() == 0 => break,
            Ok(0) => {
                return Err(damaged(
                    "it ends inside the content of this entry".to_owned(),
                ));
            }
            Ok(read) => file
                .write_all(&buffer[..read])
                .map_err(|error| Error::io("write", path, error))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(damaged(error.to_string())),
        }
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
    /// Why the bytes could not be read, which is no fault of the archive.
    failed: Option<io::Error>,
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read > self.limit || self.failed.is_some() {
            return Ok(0);
        }
        match self.inner.read(buffer) {
            Ok(read) => {
                self.hasher.update(&buffer[..read]);
                self.read += read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.failed = Some(error);
                Err(io::Error::other("the layer cannot be read"))
            }
        }
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

impl<'a> Bounded<'a> {
    fn new(
        encoding: Encoding,
        archive: &'a mut dyn Read,
        expected: &Expected,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let hashed = Hashed {
            inner: archive,
            hasher: Hasher::new(expected.digest.algorithm()),
            read: 0,
            limit: expected.size,
            failed: None,
        };
        Ok(Self {
            inner: decompress(encoding, hashed)?,
            produced: 0,
            limits: *limits,
            over: None,
        })
    }
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
