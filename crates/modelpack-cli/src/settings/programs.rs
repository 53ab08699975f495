//! Programs that may be there to help.

use std::env;
use std::os::unix::fs::PermissionsExt;

use modelpack::GitProgram;

/// The git program of the search path.
pub(crate) fn git() -> Option<GitProgram> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        // A relative directory is one of the model, perhaps, and whoever made that is not trusted to run programs.
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join("git"))
        .find(|program| {
            program.metadata().is_ok_and(|metadata| {
                metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
            })
        })
        .map(GitProgram::new)
}
