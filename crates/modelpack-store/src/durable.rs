//! Writes that survive a crash: temporary file, sync, rename, sync of the directory.

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::Error;
use crate::error::IoContext;

/// Makes the entries of a directory survive a power loss.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), Error> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .at("sync", directory)
}

/// Replaces a small file: a reader sees the old content or the new one, never a part.
pub(crate) fn replace(path: &Path, scratch: &Path, content: &[u8]) -> Result<(), Error> {
    // The umask decides who reads it, as for every other file; temporary files are private otherwise.
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(scratch)
        .at("create a file in", scratch)?;
    file.write_all(content).at("write", file.path())?;
    file.as_file().sync_all().at("sync", file.path())?;
    file.persist(path)
        .map_err(|error| Error::io("replace", path, error.error))?;
    path.parent().map_or(Ok(()), sync_directory)
}
