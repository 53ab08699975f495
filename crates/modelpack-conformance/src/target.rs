//! Where an artifact is: in a registry, in an OCI image layout, or in two files.

use std::path::{Path, PathBuf};

use crate::registry::Transport;
use crate::{Error, RemoteTarget, Report, judge_files, judge_layout, judge_remote};

/// Where an artifact is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ArtifactTarget {
    /// In an OCI image layout.
    Layout {
        /// Its directory.
        path: PathBuf,
        /// Name or digest of the manifest; needed when there are several.
        reference: Option<String>,
    },
    /// A manifest and a config; the layers are not there to be read.
    Files {
        /// The manifest.
        manifest: PathBuf,
        /// The config.
        config: PathBuf,
    },
    /// In a registry.
    Remote(RemoteTarget),
}

impl ArtifactTarget {
    /// Finds out what the words of a command line mean: `MANIFEST.json CONFIG.json`, or one of
    /// `DIRECTORY[:NAME]`, `HOST/REPOSITORY:TAG` and `http://HOST/REPOSITORY:TAG`. What exists on disk
    /// is a directory, before it is anything else.
    ///
    /// # Errors
    /// [`Error::InvalidTarget`] when it is none of these.
    pub fn find(words: &[impl AsRef<str>]) -> Result<Self, Error> {
        let invalid = |target: &str, reason: &str| Error::InvalidTarget {
            target: target.to_owned(),
            reason: reason.to_owned(),
        };
        match words {
            [manifest, config] => Ok(Self::Files {
                manifest: manifest.as_ref().into(),
                config: config.as_ref().into(),
            }),
            [target] => {
                let target = target.as_ref();
                if let Some((path, reference)) = split(target) {
                    if path.is_dir() {
                        return Ok(Self::Layout {
                            path: path.to_owned(),
                            reference: reference.map(str::to_owned),
                        });
                    }
                    let reason = "it is a file; give a manifest and its config, or a directory";
                    return Err(invalid(target, reason));
                }
                target
                    .parse()
                    .map(Self::Remote)
                    .map_err(|error| match error {
                        Error::InvalidTarget { reason, .. } => Error::InvalidTarget {
                            target: target.to_owned(),
                            reason: format!(
                                "there is no such directory, and as a reference: {reason}"
                            ),
                        },
                        other => other,
                    })
            }
            _ => Err(invalid(
                "",
                "expected a directory, a reference, or a manifest and its config",
            )),
        }
    }
}

/// Both a path and a reference may have colons: the path is the longest part that exists.
fn split(target: &str) -> Option<(&Path, Option<&str>)> {
    let colons = target.match_indices(':').map(|(at, _)| at);
    std::iter::once(target.len())
        .chain(colons.rev())
        .find(|at| *at > 0 && Path::new(&target[..*at]).exists())
        .map(|at| (Path::new(&target[..at]), target.get(at + 1..)))
}

/// Judges an artifact, wherever it is. The transport carries requests when it is in a registry.
///
/// # Errors
/// When there is no such artifact or its manifest or config cannot be read at all. What is wrong
/// with an artifact that can be read is in the report.
pub async fn judge_target(
    target: &ArtifactTarget,
    transport: &dyn Transport,
) -> Result<Report, Error> {
    match target {
        ArtifactTarget::Layout { path, reference } => judge_layout(path, reference.as_deref()),
        ArtifactTarget::Files { manifest, config } => judge_files(manifest, config),
        ArtifactTarget::Remote(remote) => judge_remote(transport, remote).await,
    }
}
