//! What to do next after a failure, in words.

use crate::error::{Culprit, Error};

impl Error {
    /// What to do next, in words, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::InvalidInput { hint, .. } | Self::NotFound { hint, .. } => return hint.clone(),
            Self::NotAModel { hint, .. } => return Some(hint.clone()),
            Self::UnknownReference { reference } => {
                return Some(format!(
                    "`modelpack pull {reference}` fetches it; `modelpack ls` lists what is here"
                ));
            }
            Self::NoSelector { reference } => {
                return Some(format!("add a tag, such as {reference}:latest"));
            }
            Self::InvalidName {
                reference,
                what: "a repository",
                ..
            } => return Some(format!("write {}", reference.name())),
            Self::InvalidName { reference, .. } => {
                return Some(format!(
                    "use a tag and no digest, such as {}:latest",
                    reference.name()
                ));
            }
            Self::PinMismatch { .. } => "`modelpack ls` shows the digest that each name has",
            Self::ManifestTooLarge {
                packable: Some(kind),
                ..
            } => {
                return Some(format!(
                    "`--pack {}=tar` puts all files of that kind into one layer; they are read back as \
                     single files",
                    kind.as_str()
                ));
            }
            Self::ManifestTooLarge { .. } => {
                "take fewer files: an archive of many small ones is one file"
            }
            Self::NoModelfile { .. } => {
                "`modelpack modelfile generate DIR` writes one; `--modelfile` names another"
            }
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                "check the spelling of the path"
            }
            Self::NothingMatches { .. } => {
                "paths and patterns are relative to the directory that is built"
            }
            Self::NoFileMatches {
                reference, near, ..
            } => {
                return Some(if near.is_empty() {
                    format!("`modelpack inspect --remote {reference} --files` lists its files")
                } else {
                    format!("there are `{}`", near.join("`, `"))
                });
            }
            Self::FileExists { .. } => "`--force` replaces it",
            Self::LoginRefused { .. } => {
                "check both; many registries want an access token in place of the password"
            }
            Self::CredentialsFile { .. } => "mend it, move it away, or name another",
            Self::CredentialHelper { .. } => {
                "install the helper, or take `credsStore` and `credHelpers` out of that file"
            }
            Self::IsDirectory { pattern, .. } => {
                return Some(format!(
                    "write `{pattern}/*` or `{pattern}/**/*` for the files in it"
                ));
            }
            Self::FileChanged { .. } => "let the program that writes it finish, then build again",
            Self::NoSpace {
                needed, available, ..
            } => {
                return Some(format!(
                    "free {} bytes (`modelpack prune` may help), then run the same command again",
                    needed.saturating_sub(*available)
                ));
            }
            Self::Cancelled | Self::Deadline { .. } => {
                "run the same command again; it continues where it stopped"
            }
            Self::WrongBytes { culprit, .. } => match culprit {
                Culprit::Registry => {
                    "the artifact has to be pushed again; this registry has lost it"
                }
                Culprit::Transfer => "look for a proxy or a network that changes what passes",
            },
            _ if self.is_no_space() => {
                "free some space (`modelpack prune` may help), then run the same command again"
            }
            _ if self.is_unauthorized() => {
                "log in to the registry (`modelpack login HOST`), or ask for access to the repository"
            }
            Self::Store(error) if matches!(**error, modelpack_store::Error::NewerStore { .. }) => {
                "use a newer version of this program, or another --storage-dir"
            }
            Self::Store(_) | Self::Extract { .. } if self.is_integrity() => {
                "`modelpack verify` names every damaged blob; remove the artifact and pull it again"
            }
            Self::Store(error) if error.is_not_found() => {
                "the artifact in the local store is incomplete; pull or build it again"
            }
            Self::DigestMismatch { .. } => {
                "nothing of it was kept; try again, and tell whoever runs the registry if it stays so"
            }
            Self::RuleBroken {
                document: "model config",
                ..
            } => "the artifact has to be built anew by the tool that made it",
            Self::Extract { .. }
                if matches!(self.layer(), Some(modelpack_layer::Error::Blocked { .. })) =>
            {
                "move away what is there, or give another directory"
            }
            Self::Output { .. } => "give a directory, or a place where one can be made",
            Self::Registry(error) => return registry_hint(error),
            _ => return None,
        };
        Some(text.to_owned())
    }
}

pub(crate) fn registry_hint(error: &modelpack_registry::Error) -> Option<String> {
    use modelpack_registry::Error as Failure;
    let text = match error {
        Failure::DamagedSource { .. } => {
            "`modelpack verify` names every damaged blob; build or pull the artifact again, then push"
        }
        Failure::NotFound { at } if at.url.contains("/blobs/") => {
            "the registry has lost a part of the artifact; pushing it again mends that"
        }
        Failure::NotFound { .. } => {
            "check the name; `modelpack ls --remote HOST/REPOSITORY` lists the tags that are there"
        }
        Failure::Timeout { .. } | Failure::Truncated { .. } => {
            "run the same command again; what has arrived is kept"
        }
        Failure::Network { at, .. } if at.url.contains("/blobs/") => {
            "run the same command again; what has arrived is kept"
        }
        Failure::Network { at, .. } if at.url.starts_with("https:") => {
            "check that the registry runs there; `--plain-http` is for one without TLS"
        }
        Failure::Network { .. } => "check that the registry runs there, then try again",
        Failure::NotARegistry { .. } => {
            "check the host of the reference, and whether a proxy or a login page is in between"
        }
        Failure::RateLimited { .. } => {
            "wait a little; many registries allow more to users who are logged in"
        }
        Failure::Server { .. } => "the fault is on the side of the registry; try again later",
        _ if error.is_integrity() => {
            "nothing of it was kept; try again, and tell whoever runs the registry if it stays so"
        }
        _ => return None,
    };
    Some(text.to_owned())
}
