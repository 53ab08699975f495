//! Layers: what their bytes hash to before and after decompression, and which entries they hold.

use std::cell::Cell;
use std::io::{self, Read};

use modelpack_spec::rules::{Contents, Entry};
use modelpack_spec::{Algorithm, Digest, Encoding, FilePath, Hasher, PathSet};

/// Most bytes a compressed layer may grow to for each of its own; deflate cannot reach more than 1032.
const MAX_EXPANSION: u64 = 1100;
/// Most entries that are listed of one archive: enough for any model, little enough for memory.
const MAX_ENTRIES: usize = 100_000;
/// Most bytes of headers before one entry: long names and extended attributes are read into memory.
const MAX_HEADERS: u64 = 1024 * 1024;
/// Most hazards that are listed of one archive: more would say the same again.
const MAX_HAZARDS: usize = 20;

/// What the bytes of a layer are.
pub(crate) struct Facts {
    /// Digest of the bytes as stored.
    pub(crate) digest: Digest,
    /// Number of bytes as stored.
    pub(crate) size: u64,
    /// Digest after decompression, or why there is none.
    pub(crate) diff_id: Result<Digest, String>,
    /// What is inside, when it is an archive that can be read.
    pub(crate) contents: Option<Result<Inside, String>>,
    /// Whether there is more than the caller wanted to read.
    pub(crate) goes_on: bool,
}

/// What is inside an archive.
pub(crate) struct Inside {
    pub(crate) contents: Contents,
    /// Entries that a careful reader refuses, with the reason.
    pub(crate) hazards: Vec<String>,
}

/// Reads a layer to its end, in bounded memory. Both digests are of the given algorithms.
pub(crate) fn examine(
    blob: impl Read,
    size: u64,
    encoding: Option<Encoding>,
    stored: Algorithm,
    uncompressed: Algorithm,
) -> io::Result<Facts> {
    let mut outer = Counted::new(blob, stored);
    let limit = size
        .saturating_mul(MAX_EXPANSION)
        .saturating_add(1024 * 1024);
    let (diff_id, contents) = match encoding {
        None | Some(Encoding::Raw) => (drain(&mut outer, uncompressed, u64::MAX), None),
        Some(Encoding::Tar) => archive(&mut outer, uncompressed, u64::MAX),
        Some(Encoding::TarGzip) => archive(
            flate2::read::MultiGzDecoder::new(&mut outer),
            uncompressed,
            limit,
        ),
        Some(Encoding::TarZstd) => match zstd::Decoder::new(&mut outer) {
            Ok(decoder) => archive(decoder, uncompressed, limit),
            Err(error) => (Err(error.to_string()), Some(Err(error.to_string()))),
        },
    };
    // What a decoder left over, or did not get to, belongs to the blob all the same.
    io::copy(&mut outer, &mut io::sink())?;
    Ok(Facts {
        size: outer.count,
        digest: outer.hasher.finish(),
        diff_id,
        contents,
        goes_on: false,
    })
}

fn drain(reader: impl Read, algorithm: Algorithm, limit: u64) -> Result<Digest, String> {
    let mut inner = Counted::new(reader.take(limit), algorithm);
    io::copy(&mut inner, &mut io::sink()).map_err(|error| error.to_string())?;
    inner.finish(limit)
}

fn archive(
    reader: impl Read,
    algorithm: Algorithm,
    limit: u64,
) -> (Result<Digest, String>, Option<Result<Inside, String>>) {
    let mut inner = Counted::new(reader.take(limit), algorithm);
    let contents = list(&mut inner).map_err(|error| error.to_string());
    let diff_id = io::copy(&mut inner, &mut io::sink())
        .map_err(|error| error.to_string())
        .and_then(|_| inner.finish(limit));
    (diff_id, Some(contents))
}

fn list(reader: impl Read) -> io::Result<Inside> {
    let mut entries = Vec::new();
    let (mut hazards, mut paths) = (Vec::new(), PathSet::new());
    let left = Cell::new(0);
    let mut archive = tar::Archive::new(Budget {
        reader,
        left: &left,
    });
    let mut found_entries = archive.entries()?;
    loop {
        left.set(MAX_HEADERS);
        let Some(entry) = found_entries.next() else {
            break;
        };
        let mut entry = entry?;
        left.set(u64::MAX);
        if entries.len() == MAX_ENTRIES {
            return Err(io::Error::other(format!("more than {MAX_ENTRIES} entries")));
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut platform_keys = Vec::new();
        if let Some(extensions) = entry.pax_extensions()? {
            for extension in extensions {
                let key = String::from_utf8_lossy(extension?.key_bytes()).into_owned();
                if key.contains('.') {
                    platform_keys.push(key);
                }
            }
        }
        let link = entry.link_name_bytes();
        let link = link.map(|link| String::from_utf8_lossy(&link).into_owned());
        let header = entry.header();
        let hazard = hazard(&path, header.entry_type(), link.as_deref(), &mut paths);
        if let Some(hazard) = hazard.filter(|_| hazards.len() < MAX_HAZARDS) {
            hazards.push(format!("entry {path:?}: {hazard}"));
        }
        let mut found = Entry::new(path);
        found.is_file = header.entry_type().is_file();
        found.mtime = header.mtime().ok();
        found.uid = header.uid().ok();
        found.gid = header.gid().ok();
        found.mode = header.mode().ok();
        found.platform_keys = platform_keys;
        if header.entry_type().is_gnu_sparse() {
            // Its holes would be read as zeros, as many as its header says.
            let message = format!("entry {:?} is a sparse file", found.path);
            return Err(io::Error::other(message));
        }
        // What is left of it, so that nothing but headers is read before the next entry.
        io::copy(&mut entry, &mut io::sink())?;
        entries.push(found);
    }
    Ok(Inside {
        contents: Contents::new(entries),
        hazards,
    })
}

/// Gives as many bytes as are left.
struct Budget<'a, R> {
    reader: R,
    left: &'a Cell<u64>,
}

impl<R: Read> Read for Budget<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 && !buffer.is_empty() {
            let message = format!("an entry has more than {MAX_HEADERS} bytes of headers");
            return Err(io::Error::other(message));
        }
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.reader.read(&mut buffer[..most])?;
        self.left.set(left - read as u64);
        Ok(read)
    }
}

/// Why a careful reader refuses an entry.
fn hazard(
    path: &str,
    kind: tar::EntryType,
    link: Option<&str>,
    paths: &mut PathSet,
) -> Option<String> {
    // `tar` itself writes the directory that it packs as `./`, and names below it likewise.
    let name = path.strip_prefix("./").unwrap_or(path);
    let parsed = match (kind.is_dir(), name.trim_end_matches('/')) {
        (true, "" | ".") => return None,
        (true, name) => FilePath::parse(name).map(|_| ()),
        (false, _) => FilePath::parse(name).and_then(|path| paths.insert(&path)),
    };
    if let Err(error) = parsed {
        return Some(error.to_string());
    }
    let link = link.unwrap_or_default();
    let parent = name.rsplit_once('/').map_or("", |(parent, _)| parent);
    match kind {
        tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::Directory => None,
        tar::EntryType::Symlink if !stays_inside(parent, link) => {
            Some(format!("it is a link to {link:?}, which leads out"))
        }
        tar::EntryType::Link if !stays_inside("", link) => {
            Some(format!("it is a hard link to {link:?}, which leads out"))
        }
        tar::EntryType::Symlink | tar::EntryType::Link => None,
        _ => Some("it is neither file nor directory nor link".to_owned()),
    }
}

/// Whether a target, seen from a directory of the archive, lies inside the archive.
fn stays_inside(directory: &str, target: &str) -> bool {
    if target.is_empty() || target.starts_with(['/', '\\']) {
        return false;
    }
    let mut depth = directory.split('/').filter(|name| !name.is_empty()).count();
    for name in target.split(['/', '\\']) {
        match name {
            "" | "." => {}
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    true
}

/// Hashes and counts what passes.
struct Counted<R> {
    reader: R,
    hasher: Hasher,
    count: u64,
    /// The first error of the reader: some decoders answer a second read with the end of the file.
    defect: Option<String>,
}

impl<R: Read> Counted<R> {
    fn new(reader: R, algorithm: Algorithm) -> Self {
        Self {
            reader,
            hasher: Hasher::new(algorithm),
            count: 0,
            defect: None,
        }
    }

    fn finish(self, limit: u64) -> Result<Digest, String> {
        if let Some(defect) = self.defect {
            return Err(defect);
        }
        if self.count == limit {
            return Err(format!("it decompresses to {limit} bytes or more"));
        }
        Ok(self.hasher.finish())
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer).inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.defect.get_or_insert_with(|| error.to_string());
            }
        })?;
        self.hasher.update(&buffer[..read]);
        self.count += read as u64;
        Ok(read)
    }
}
