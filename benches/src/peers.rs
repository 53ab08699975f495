//! Other tools that do the same, when they are installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use modelpack_testkit::tool;

use crate::measure::run;
use crate::{Measured, Outcome};

/// The program, or why it is not used.
///
/// # Errors
/// When it is not on the `PATH`: the reason that the row gives.
pub fn find(name: &str) -> Result<PathBuf, String> {
    tool(name).ok_or_else(|| format!("there is no `{name}` on the PATH"))
}

/// Why something that needs these programs is not run; nothing when all are there.
#[must_use]
pub fn lack(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| find(name).err())
}

/// Gets a file with `curl`, then hashes it with `sha256sum`: what people do by hand.
///
/// # Errors
/// When one of them fails.
pub fn curl_and_sha256sum(url: &str, file: &Path, bytes: u64) -> Outcome<Measured> {
    let mut curl = Command::new(find("curl")?);
    curl.args(["--silent", "--show-error", "--fail", "--output"]);
    let fetched = run(curl.arg(file).arg(url), bytes)?;
    let hashed = run(Command::new(find("sha256sum")?).arg(file), bytes)?;
    Ok(fetched.then(hashed))
}

/// Copies a file that is in the page cache and syncs it, with `dd`: what the disk costs.
///
/// # Errors
/// When it fails.
pub fn copy_and_sync(from: &Path, to: &Path, bytes: u64) -> Outcome<Measured> {
    let mut dd = Command::new(find("dd")?);
    dd.arg(format!("if={}", from.display()));
    dd.arg(format!("of={}", to.display()));
    run(dd.args(["bs=1M", "conv=fdatasync", "status=none"]), bytes)
}

/// Copies an artifact into a layout with `skopeo`.
///
/// # Errors
/// When it fails.
pub fn skopeo_copy(reference: &str, layout: &Path, bytes: u64) -> Outcome<Measured> {
    let mut skopeo = Command::new(find("skopeo")?);
    skopeo.args([
        "--insecure-policy",
        "copy",
        "--quiet",
        "--src-tls-verify=false",
    ]);
    skopeo.arg(format!("docker://{reference}"));
    skopeo.arg(format!("oci:{}:v1", layout.display()));
    run(skopeo.stderr(Stdio::inherit()), bytes)
}
