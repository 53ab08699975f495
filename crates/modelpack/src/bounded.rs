//! Small files of the user, read whole and only so far.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::Error;

/// The content of a regular file of at most `limit` bytes; nothing when there is none. Anything else is
/// refused without opening it: a pipe would wait for somebody to write.
///
/// # Errors
/// [`Error::File`], [`Error::InvalidInput`].
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let unreadable = |error| Error::file("cannot read", path, error);
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if !metadata.is_file() {
        let kind = if metadata.is_dir() {
            "a directory, not a file"
        } else {
            "no regular file"
        };
        return Err(Error::invalid(format!("{} is {kind}", path.display())));
    }
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut content))
        .map_err(unreadable)?;
    if content.len() as u64 > limit {
        return Err(Error::invalid(format!(
            "{} is over the limit of {limit} bytes",
            path.display()
        )));
    }
    Ok(Some(content))
}

#[cfg(test)]
mod tests;
