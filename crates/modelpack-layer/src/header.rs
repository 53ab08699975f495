//! Reading tar headers so strictly that no other reader can see other files.

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::Error;

/// Largest PAX or long-name extension; a name has at most 4 KiB.
const MAX_EXTENSION_BYTES: u64 = 64 * 1024;
const BLOCK: usize = 512;

/// A regular file or directory in an archive.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) mode: u32,
    pub(crate) mtime: u64,
    pub(crate) is_directory: bool,
}

/// Largest size that the eleven octal digits of a header can say.
pub(crate) const MAX_USTAR_SIZE: u64 = 0o777_7777_7777;

/// Reads up to the content of the next entry; nothing at the end of the archive.
pub(crate) fn next_entry(archive: &mut dyn Read) -> Result<Option<Entry>, Error> {
    let mut pax = None;
    let mut long_name = None;
    loop {
        let mut header = tar::Header::new_old();
        if !read_block(archive, header.as_mut_bytes())? {
            return Err(damaged(None, "it ends without its two empty blocks"));
        }
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            if pax.is_some() || long_name.is_some() {
                return Err(damaged(None, "it ends after an extended header"));
            }
            return end_of_archive(archive).map(|()| None);
        }
        let name = String::from_utf8_lossy(&header.path_bytes()).into_owned();
        check_sum(&header, &name)?;
        check_format(&header, &name)?;
        let size = number(&header.as_old().size)
            .ok_or_else(|| damaged(Some(&name), "its size is no number"))?;
        match header.entry_type() {
            tar::EntryType::XHeader => {
                let records = parse_pax(&name, &read_extension(archive, &name, size)?)?;
                if pax.replace(records).is_some() {
                    return Err(damaged(Some(&name), "it has two extended headers"));
                }
            }
            tar::EntryType::XGlobalHeader => {
                // What `git archive` writes. Anything but a remark would change later entries.
                let records = parse_pax(&name, &read_extension(archive, &name, size)?)?;
                if records.keys().any(|key| key != "comment") {
                    return Err(Error::UnsafeEntry {
                        entry: name,
                        reason: "a header for all entries is not taken".to_owned(),
                    });
                }
            }
            tar::EntryType::GNULongName => {
                let mut text = read_extension(archive, &name, size)?;
                if text.last() == Some(&0) {
                    text.pop();
                }
                if long_name.replace(utf8(&name, text)?).is_some() {
                    return Err(damaged(Some(&name), "it has two long names"));
                }
            }
            tar::EntryType::GNULongLink => {
                return Err(Error::UnsafeEntry {
                    entry: name,
                    reason: "links are not taken".to_owned(),
                });
            }
            _ => {
                let pax = pax.unwrap_or_default();
                let name = match (pax.get("path"), long_name) {
                    (Some(_), Some(_)) => {
                        return Err(damaged(Some(&name), "it has two names"));
                    }
                    (Some(pax_name), None) => pax_name.clone(),
                    (None, Some(long_name)) => long_name,
                    (None, None) => utf8(&name, header.path_bytes().into_owned())?,
                };
                return entry(name, &header, size, &pax).map(Some);
            }
        }
    }
}

fn entry(
    name: String,
    header: &tar::Header,
    octal_size: u64,
    pax: &BTreeMap<String, String>,
) -> Result<Entry, Error> {
    let refuse = |reason: &str| {
        Err(Error::UnsafeEntry {
            entry: name.clone(),
            reason: reason.to_owned(),
        })
    };
    // Sparse files say one size and are another.
    if pax
        .keys()
        .any(|key| key.starts_with("GNU.sparse") || key == "SCHILY.realsize")
    {
        return refuse("sparse files are not taken");
    }
    if pax.contains_key("linkpath") {
        return refuse("links are not taken");
    }
    let is_directory = match header.entry_type() {
        tar::EntryType::Regular | tar::EntryType::Continuous => false,
        tar::EntryType::Directory => true,
        tar::EntryType::Symlink | tar::EntryType::Link => return refuse("links are not taken"),
        tar::EntryType::GNUSparse => return refuse("sparse files are not taken"),
        tar::EntryType::Char | tar::EntryType::Block | tar::EntryType::Fifo => {
            return refuse("devices and pipes are not taken");
        }
        _ => return refuse("its type is unknown"),
    };
    // Readers disagree which of two sizes counts, and one can hide entries from the other. Only a
    // size that the header cannot say is allowed to differ, since zero stands for it there.
    let size = match pax.get("size").map(|text| decimal(text)) {
        None => octal_size,
        Some(Some(size)) if size == octal_size => size,
        Some(Some(size)) if octal_size == 0 && size > MAX_USTAR_SIZE => size,
        Some(_) => return refuse("it has two different sizes"),
    };
    if is_directory && size != 0 {
        return refuse("a directory has content");
    }
    let mode = number_or_zero(&header.as_old().mode)
        .ok_or_else(|| damaged(Some(&name), "its mode is no number"))?;
    Ok(Entry {
        size,
        mode: u32::try_from(mode & 0o777).unwrap_or(0),
        // A time before 1970 is written in a way of its own; it is not worth refusing a file for.
        mtime: number_or_zero(&header.as_old().mtime).unwrap_or(0),
        is_directory,
        name,
    })
}

/// A numeric field, read so that GNU tar, libarchive and Go agree: octal digits up to the first space
/// or zero byte, or the base-256 form for large values. A sign has another meaning to each of them.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] == 0x80 {
        return field[1..].iter().try_fold(0_u64, |value, byte| {
            Some(value.checked_mul(256)? | u64::from(*byte))
        });
    }
    let start = field.iter().position(|byte| *byte != b' ')?;
    let end = field[start..]
        .iter()
        .position(|byte| matches!(byte, 0 | b' '))
        .map_or(field.len(), |length| start + length);
    let digits = std::str::from_utf8(&field[start..end]).ok()?;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| u64::from_str_radix(digits, 8).ok())
        .flatten()
}

/// The same for a field that some tools leave empty.
fn number_or_zero(field: &[u8]) -> Option<u64> {
    if field.iter().all(|byte| matches!(byte, 0 | b' ')) {
        return Some(0);
    }
    number(field)
}

fn decimal(text: &str) -> Option<u64> {
    text.bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

/// Whether the prefix field is part of the name depends on the format, and readers look at different
/// bytes to tell; so only the three forms that all of them know are taken.
fn check_format(header: &tar::Header, name: &str) -> Result<(), Error> {
    match &header.as_bytes()[257..265] {
        b"ustar\x0000" | b"ustar  \0" | [0, 0, 0, 0, 0, 0, 0, 0] => Ok(()),
        _ => Err(damaged(Some(name), "its format is unknown")),
    }
}

fn check_sum(header: &tar::Header, name: &str) -> Result<(), Error> {
    let said = header
        .cksum()
        .map_err(|error| damaged(Some(name), &error.to_string()))?;
    let bytes = header.as_bytes();
    let sum: u32 = bytes[..148]
        .iter()
        .chain(&bytes[156..])
        .map(|byte| u32::from(*byte))
        .sum::<u32>()
        + 8 * 32;
    if sum == said {
        Ok(())
    } else {
        Err(damaged(Some(name), "its header has a wrong checksum"))
    }
}

/// After the first empty block only zeros may follow: anything else would be content that some
/// readers see and others do not.
fn end_of_archive(archive: &mut dyn Read) -> Result<(), Error> {
    let mut buffer = [0; 4096];
    loop {
        match archive.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) if buffer[..read].iter().all(|byte| *byte == 0) => {}
            Ok(_) => return Err(damaged(None, "something follows its end")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(damaged(None, &error.to_string())),
        }
    }
}

/// Reads a whole block; false at the end of the stream.
fn read_block(archive: &mut dyn Read, block: &mut [u8; BLOCK]) -> Result<bool, Error> {
    let mut filled = 0;
    while filled < BLOCK {
        match archive.read(&mut block[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(damaged(None, "it ends inside a header")),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(damaged(None, &error.to_string())),
        }
    }
    Ok(true)
}

fn read_extension(archive: &mut dyn Read, name: &str, size: u64) -> Result<Vec<u8>, Error> {
    if size > MAX_EXTENSION_BYTES {
        return Err(Error::OverLimit {
            what: "bytes of one extended header",
            limit: MAX_EXTENSION_BYTES,
        });
    }
    let padded = size.next_multiple_of(BLOCK as u64);
    let mut content = Vec::new();
    archive
        .take(padded)
        .read_to_end(&mut content)
        .map_err(|error| damaged(Some(name), &error.to_string()))?;
    if content.len() as u64 != padded {
        return Err(damaged(Some(name), "it ends inside an extended header"));
    }
    content.truncate(usize::try_from(size).unwrap_or(0));
    Ok(content)
}

fn parse_pax(name: &str, content: &[u8]) -> Result<BTreeMap<String, String>, Error> {
    let invalid = || damaged(Some(name), "its extended header is not well formed");
    let mut records = BTreeMap::new();
    let mut rest = content;
    while !rest.is_empty() {
        let space = rest
            .iter()
            .position(|byte| *byte == b' ')
            .ok_or_else(invalid)?;
        let length: usize = std::str::from_utf8(&rest[..space])
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(invalid)?;
        let record = rest
            .get(space + 1..length)
            .and_then(|record| record.strip_suffix(b"\n"))
            .ok_or_else(invalid)?;
        let record = utf8(name, record.to_vec())?;
        let (key, value) = record.split_once('=').ok_or_else(invalid)?;
        if records.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(damaged(
                Some(name),
                "its extended header says one thing twice",
            ));
        }
        rest = &rest[length..];
    }
    Ok(records)
}

fn utf8(name: &str, bytes: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|_| Error::UnsafeEntry {
        entry: name.to_owned(),
        reason: "its name is not UTF-8".to_owned(),
    })
}

fn damaged(entry: Option<&str>, reason: &str) -> Error {
    Error::Damaged {
        entry: entry.map(str::to_owned),
        reason: reason.to_owned(),
    }
}
