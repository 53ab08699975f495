//! The directory of a zip archive.

use std::collections::BTreeSet;

use crate::header::Format;
use crate::window::Window;
use crate::{ByteSource, Error};

const NAME: &str = "zip";
/// How every file in an archive begins, and with it every archive that is not empty.
pub(crate) const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
/// Size of the record at the end, without the comment that follows it.
const END_BYTES: u64 = 22;
/// Most files; checkpoints of the largest models have some ten thousand.
const MAX_FILES: u64 = 1_000_000;
/// Largest directory in bytes.
const MAX_DIRECTORY_BYTES: u64 = 256 * 1024 * 1024;

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) method: u16,
    /// Size in the archive.
    pub(crate) stored: u64,
    pub(crate) size: u64,
    /// Where its header begins.
    pub(crate) header: u64,
    /// Where the directory begins: no file reaches into it.
    limit: u64,
}

/// What an archive with these files is.
pub(crate) fn format(files: &[File]) -> Option<Format> {
    if files.iter().any(|file| file.name == "model_index.json") {
        return Some(Format::Dduf);
    }
    let is_torch = files
        .iter()
        .any(|file| is_pickle(&file.name, "data.pkl") || is_pickle(&file.name, "constants.pkl"));
    is_torch.then_some(Format::Pytorch)
}

/// Whether it is this file in the one directory that a checkpoint has.
pub(crate) fn is_pickle(name: &str, file: &str) -> bool {
    name.split_once('/').is_some_and(|(_, rest)| rest == file)
}

/// Lists the files of an archive in the order of its directory, which must describe the archive
/// without contradiction: no name twice, none that leads out, no file over another.
pub(crate) fn directory(source: &mut dyn ByteSource) -> Result<Vec<File>, Error> {
    let mut window = Window::new(source, NAME)?;
    let (count, size, offset) = end_record(&mut window)?;
    over("a file count", count, MAX_FILES)?;
    over("a directory size", size, MAX_DIRECTORY_BYTES)?;
    let end = offset.checked_add(size).filter(|end| *end <= window.size());
    let Some(end) = end else {
        return Err(invalid("the directory is outside of the file".to_owned()));
    };
    window.seek(offset);
    let mut files = Vec::new();
    let mut names = BTreeSet::new();
    for _ in 0..count {
        let file = central(&mut window, offset)?;
        if window.position() > end {
            return Err(invalid("the directory is longer than it says".to_owned()));
        }
        if !names.insert(file.name.clone()) {
            return Err(invalid(format!("`{}` stands twice", file.name)));
        }
        files.push(file);
    }
    let mut places: Vec<(u64, u64, &str)> = files
        .iter()
        .map(|file| {
            (
                file.header,
                file.header + 30 + file.stored,
                file.name.as_str(),
            )
        })
        .collect();
    places.sort_unstable();
    for pair in places.windows(2) {
        if pair[0].1 > pair[1].0 {
            return Err(invalid(format!(
                "`{}` lies over `{}`",
                pair[1].2, pair[0].2
            )));
        }
    }
    Ok(files)
}

impl File {
    /// Where the bytes of the file begin in the archive.
    pub(crate) fn data(&self, window: &mut Window<'_>) -> Result<u64, Error> {
        window.seek(self.header);
        if window.array::<4>()? != LOCAL {
            return Err(invalid(format!(
                "`{}` is not where the directory says",
                self.name
            )));
        }
        window.skip(22)?;
        let name = u64::from(u16::from_le_bytes(window.array()?));
        let extra = u64::from(u16::from_le_bytes(window.array()?));
        // Two names for one file would be two answers to what it is.
        if window.bytes(name)? != self.name.as_bytes() {
            return Err(invalid(format!(
                "`{}` has another name in its own header",
                self.name
            )));
        }
        window.skip(extra)?;
        let start = window.position();
        if start
            .checked_add(self.stored)
            .is_none_or(|end| end > self.limit)
        {
            return Err(invalid(format!(
                "`{}` ends outside of the archive",
                self.name
            )));
        }
        Ok(start)
    }
}

/// Number of files, size and offset of the directory.
fn end_record(window: &mut Window<'_>) -> Result<(u64, u64, u64), Error> {
    let size = window.size();
    // A comment of up to 65 535 bytes may follow the record. Nearly no file has one, so that is looked
    // at first, which spares the transfer of the rest.
    let found = match tail(window, END_BYTES)? {
        Some(found) => Some(found),
        None => tail(window, END_BYTES + u64::from(u16::MAX))?,
    };
    let Some((at, record)) = found else {
        return Err(invalid("it has no directory".to_owned()));
    };
    let number = |at: usize| {
        u32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]])
    };
    let disks = number(4);
    let count = u16::from_le_bytes([record[10], record[11]]);
    let (length, offset) = (number(12), number(16));
    let needs_64 = count == u16::MAX || length == u32::MAX || offset == u32::MAX;
    if !needs_64 {
        if disks != 0 {
            return Err(invalid("it is one of several parts".to_owned()));
        }
        return Ok((u64::from(count), u64::from(length), u64::from(offset)));
    }
    let Some(locator) = at.checked_sub(20) else {
        return Err(invalid("its directory has no end".to_owned()));
    };
    window.seek(locator);
    if window.array::<4>()? != LOCATOR_64 {
        return Ok((u64::from(count), u64::from(length), u64::from(offset)));
    }
    window.skip(4)?;
    let record = u64::from_le_bytes(window.array()?);
    if record >= size {
        return Err(invalid("its directory is outside of the file".to_owned()));
    }
    window.seek(record);
    if window.array::<4>()? != END_64 {
        return Err(invalid("its directory has no end".to_owned()));
    }
    window.skip(28)?;
    let count = u64::from_le_bytes(window.array()?);
    let length = u64::from_le_bytes(window.array()?);
    let offset = u64::from_le_bytes(window.array()?);
    Ok((count, length, offset))
}

/// The record at the end of an archive, looked for in its last bytes, and where it begins.
fn tail(window: &mut Window<'_>, length: u64) -> Result<Option<(u64, [u8; 22])>, Error> {
    let size = window.size();
    let start = size.saturating_sub(length);
    window.seek(start);
    let bytes = window.bytes(size - start)?;
    let record = bytes
        .windows(22)
        .enumerate()
        .rev()
        .find_map(|(at, record)| {
            let record: [u8; 22] = record.try_into().ok()?;
            let comment = usize::from(u16::from_le_bytes([record[20], record[21]]));
            let is_last = record[..4] == END && at + 22 + comment == bytes.len();
            is_last.then_some((start + at as u64, record))
        });
    Ok(record)
}

fn central(window: &mut Window<'_>, limit: u64) -> Result<File, Error> {
    if window.array::<4>()? != CENTRAL {
        return Err(invalid(
            "the directory is not where it should be".to_owned(),
        ));
    }
    let fields: [u8; 42] = window.array()?;
    let short = |at: usize| u16::from_le_bytes([fields[at], fields[at + 1]]);
    let long = |at: usize| {
        u64::from(u32::from_le_bytes([
            fields[at],
            fields[at + 1],
            fields[at + 2],
            fields[at + 3],
        ]))
    };
    let (flags, method) = (short(4), short(6));
    let mut numbers = [long(20), long(16), long(38)];
    let name = window.bytes(u64::from(short(24)))?;
    let extra = window.bytes(u64::from(short(26)))?;
    window.skip(u64::from(short(28)))?;
    let name = String::from_utf8(name).map_err(|_| invalid("a name is not UTF-8".to_owned()))?;
    if numbers.contains(&u64::from(u32::MAX)) {
        widen(&mut numbers, &extra);
    }
    let [stored, size, header] = numbers;
    let leads_out = name.is_empty()
        || name.starts_with('/')
        || name.contains(['\\', '\0'])
        || name.split('/').any(|part| part == "..");
    if leads_out {
        return Err(invalid(format!(
            "`{}` leads out of the archive",
            name.escape_debug()
        )));
    }
    if flags & 1 != 0 {
        return Err(invalid(format!("`{name}` is encrypted")));
    }
    let end = header
        .checked_add(30)
        .and_then(|start| start.checked_add(stored));
    if end.is_none_or(|end| end > limit) {
        return Err(invalid(format!("`{name}` ends outside of the archive")));
    }
    if method == 0 && stored != size {
        return Err(invalid(format!("`{name}` has two sizes")));
    }
    Ok(File {
        name,
        method,
        stored,
        size,
        header,
        limit,
    })
}

/// Takes the numbers that do not fit into 32 bits from the extra field: size, size in the archive,
/// offset, each only where it is needed.
fn widen(numbers: &mut [u64; 3], mut extra: &[u8]) {
    while let Some((head, rest)) = extra.split_first_chunk::<4>() {
        let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
        let Some(mut field) = rest.get(..length) else {
            return;
        };
        if head[..2] == [1, 0] {
            for at in [1, 0, 2] {
                if numbers[at] == u64::from(u32::MAX)
                    && let Some((number, rest)) = field.split_first_chunk::<8>()
                {
                    numbers[at] = u64::from_le_bytes(*number);
                    field = rest;
                }
            }
            return;
        }
        extra = &rest[length..];
    }
}

fn over(what: &'static str, found: u64, limit: u64) -> Result<(), Error> {
    if found > limit {
        return Err(Error::OverLimit {
            format: NAME,
            what,
            found,
            limit,
        });
    }
    Ok(())
}

fn invalid(reason: String) -> Error {
    Error::Invalid {
        format: NAME,
        reason,
    }
}
