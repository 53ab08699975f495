//! Making the bytes of a layer.

use std::io::{self, Read, Write};

use modelpack_spec::{Algorithm, Digest, Encoding, FilePath, Hasher, PathSet};

use crate::destination::buffer;
use crate::header::MAX_USTAR_SIZE;
use crate::{Error, FileAttributes};

/// Level of gzip and zstd. Weights hardly compress, so a fast level is the better trade.
#[cfg(feature = "gzip")]
const GZIP_LEVEL: u32 = 6;
#[cfg(feature = "zstd")]
const ZSTD_LEVEL: i32 = 3;

/// What came out of a [`LayerWriter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packed {
    /// Digest before compression: the `diffIds` entry of the layer.
    pub diff_id: Digest,
    /// Size before compression in bytes.
    pub unpacked_size: u64,
}

/// Writes one layer into `W`. The digest of the compressed bytes is the business of `W`.
///
/// Archives are reproducible: entries must come sorted by path, owner and time are what
/// [`FileAttributes`] says (constants by default), directories have no entries, long names use PAX,
/// and the compressors write neither names nor times.
#[derive(Debug)]
pub struct LayerWriter<W: Write> {
    sink: Counted<Compressor<W>>,
    encoding: Encoding,
    last: Option<FilePath>,
    paths: PathSet,
    /// Whether a file could not be added whole. The bytes written so far are then no layer.
    is_broken: bool,
}

impl<W: Write> LayerWriter<W> {
    /// Begins a layer.
    ///
    /// # Errors
    /// [`Error::UnsupportedEncoding`].
    pub fn new(encoding: Encoding, sink: W) -> Result<Self, Error> {
        let sink = Counted {
            inner: Compressor::new(encoding, sink)?,
            hasher: Hasher::new(Algorithm::Sha256),
            size: 0,
        };
        Ok(Self {
            sink,
            encoding,
            last: None,
            paths: PathSet::new(),
            is_broken: false,
        })
    }

    /// Adds a file of exactly `size` bytes.
    ///
    /// # Errors
    /// [`Error::FileChanged`] when `content` has another size; [`Error::UnsafeEntry`] when the path
    /// collides with an earlier one, is not in order, or is the second of a raw layer; [`Error::Io`].
    pub fn append(
        &mut self,
        path: &FilePath,
        attributes: &FileAttributes,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), Error> {
        let refuse = |reason: String| Error::UnsafeEntry {
            entry: path.to_string(),
            reason,
        };
        self.paths
            .insert(path)
            .map_err(|error| refuse(error.to_string()))?;
        match &self.last {
            Some(_) if self.encoding == Encoding::Raw => {
                return Err(refuse("a raw layer holds one file".to_owned()));
            }
            Some(last) if last >= path => {
                return Err(refuse(format!(
                    "it must come before `{last}`, since archives are sorted"
                )));
            }
            _ => {}
        }
        self.last = Some(path.clone());
        self.is_broken = true;
        self.write_entry(path, attributes, size, content)?;
        self.is_broken = false;
        Ok(())
    }

    fn write_entry(
        &mut self,
        path: &FilePath,
        attributes: &FileAttributes,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), Error> {
        if self.encoding == Encoding::Raw {
            return copy_exactly(path, size, content, &mut self.sink);
        }
        let header = tar_header(path, attributes, size, &mut self.sink)?;
        self.sink
            .write_all(header.as_bytes())
            .map_err(|error| Error::io("write", path, error))?;
        copy_exactly(path, size, content, &mut self.sink)?;
        let padding = (512 - size % 512) % 512;
        let zeros = [0; 512];
        self.sink
            .write_all(&zeros[..usize::try_from(padding).unwrap_or(0)])
            .map_err(|error| Error::io("write", path, error))
    }

    /// Ends the layer and gives the sink back.
    ///
    /// # Errors
    /// [`Error::Io`], also when an earlier [`append`](Self::append) failed while it was writing: what
    /// the sink has then is no layer.
    pub fn finish(mut self) -> Result<(Packed, W), Error> {
        let fail = |error| Error::io("write", "end of the layer", error);
        if self.is_broken {
            return Err(fail(io::Error::other("a file of it was not written whole")));
        }
        if self.encoding != Encoding::Raw {
            self.sink.write_all(&[0; 1024]).map_err(fail)?;
        }
        let Counted {
            inner,
            hasher,
            size,
        } = self.sink;
        let sink = inner.finish().map_err(fail)?;
        Ok((
            Packed {
                diff_id: hasher.finish(),
                unpacked_size: size,
            },
            sink,
        ))
    }
}

fn copy_exactly(
    path: &FilePath,
    size: u64,
    content: &mut dyn Read,
    sink: &mut dyn Write,
) -> Result<(), Error> {
    // One byte more than announced is asked for, to notice a file that grew.
    let mut buffer = buffer(size.saturating_add(1));
    let mut left = size;
    loop {
        match content.read(&mut buffer) {
            Ok(0) if left == 0 => return Ok(()),
            Ok(0) => return Err(Error::FileChanged { path: path.clone() }),
            Ok(read) if read as u64 > left => {
                return Err(Error::FileChanged { path: path.clone() });
            }
            Ok(read) => {
                sink.write_all(&buffer[..read])
                    .map_err(|error| Error::io("write", path, error))?;
                left -= read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", path, error)),
        }
    }
}

/// The ustar header of a file, after a PAX header where a field does not fit.
fn tar_header(
    path: &FilePath,
    attributes: &FileAttributes,
    size: u64,
    sink: &mut dyn Write,
) -> Result<tar::Header, Error> {
    let fail = |error| Error::io("write", path, error);
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(attributes.mode & 0o777);
    header.set_uid(attributes.uid.into());
    header.set_gid(attributes.gid.into());
    header.set_mtime(attributes.mtime);
    let mut pax = Vec::new();
    if !path.as_str().is_ascii() || header.set_path(path.as_str()).is_err() {
        pax.extend(pax_record("path", path.as_str()));
        header.set_path("PaxFile").map_err(fail)?;
    }
    if size > MAX_USTAR_SIZE {
        pax.extend(pax_record("size", &size.to_string()));
        header.set_size(0);
    } else {
        header.set_size(size);
    }
    header.set_cksum();
    if !pax.is_empty() {
        let mut extension = tar::Header::new_ustar();
        extension.set_entry_type(tar::EntryType::XHeader);
        extension.set_path("PaxHeaders.0/PaxFile").map_err(fail)?;
        extension.set_mode(0o644);
        extension.set_uid(0);
        extension.set_gid(0);
        extension.set_mtime(0);
        extension.set_size(pax.len() as u64);
        extension.set_cksum();
        pax.resize(pax.len().next_multiple_of(512), 0);
        sink.write_all(extension.as_bytes()).map_err(fail)?;
        sink.write_all(&pax).map_err(fail)?;
    }
    Ok(header)
}

/// `length key=value\n`, where the length counts itself (POSIX.1-2017, pax, extended header).
fn pax_record(key: &str, value: &str) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n").into_bytes()
}

/// Hashes and counts what passes through.
#[derive(Debug)]
struct Counted<W> {
    inner: W,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(content)?;
        self.hasher.update(&content[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

enum Compressor<W: Write> {
    Plain(W),
    #[cfg(feature = "gzip")]
    Gzip(flate2::write::GzEncoder<W>),
    #[cfg(feature = "zstd")]
    Zstd(zstd::stream::write::Encoder<'static, W>),
}

impl<W: Write> std::fmt::Debug for Compressor<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compressor")
    }
}

impl<W: Write> Compressor<W> {
    fn new(encoding: Encoding, sink: W) -> Result<Self, Error> {
        match encoding {
            Encoding::Raw | Encoding::Tar => Ok(Self::Plain(sink)),
            #[cfg(feature = "gzip")]
            Encoding::TarGzip => {
                let level = flate2::Compression::new(GZIP_LEVEL);
                Ok(Self::Gzip(
                    flate2::GzBuilder::new()
                        .mtime(0)
                        .operating_system(255)
                        .write(sink, level),
                ))
            }
            #[cfg(feature = "zstd")]
            Encoding::TarZstd => zstd::stream::write::Encoder::new(sink, ZSTD_LEVEL)
                .map(Self::Zstd)
                .map_err(|error| Error::io("begin", "zstd stream", error)),
            #[cfg(not(all(feature = "gzip", feature = "zstd")))]
            _ => Err(Error::UnsupportedEncoding {
                encoding: encoding.as_str(),
            }),
        }
    }

    fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(sink) => Ok(sink),
            #[cfg(feature = "gzip")]
            Self::Gzip(encoder) => encoder.finish(),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(sink) => sink.write(content),
            #[cfg(feature = "gzip")]
            Self::Gzip(encoder) => encoder.write(content),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.write(content),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(sink) => sink.flush(),
            #[cfg(feature = "gzip")]
            Self::Gzip(encoder) => encoder.flush(),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}
