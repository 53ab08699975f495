//! Credential helpers: which program is asked what, and what its answer means. Running it is up to others.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;

use super::credential::{Credential, CredentialSource, Secret};
use super::docker_config::DockerConfig;
use super::login_file::login_server;
use crate::content::Pending;
use crate::error::{BoxError, clean_text};
use crate::name::Name;

/// The `name` of a program `docker-credential-name`: letters, digits, `-`, `_` and `.`, so that it can
/// be found in the search path only, and never anywhere else.
///
/// ```
/// use modelpack_registry::HelperName;
///
/// assert_eq!("ecr-login".parse::<HelperName>()?.program(), "docker-credential-ecr-login");
/// assert!("../../bin/sh".parse::<HelperName>().is_err());
/// # Ok::<(), modelpack_registry::InvalidHelperName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelperName(Box<str>);

/// A text that names no credential helper.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the credentials file names the helper `{0}`, which is no plain name of a program, so it is not run"
)]
pub struct InvalidHelperName(String);

impl HelperName {
    /// The name of the program.
    #[must_use]
    pub fn program(&self) -> String {
        format!("docker-credential-{}", self.0)
    }

    /// The name without the prefix that all helpers have.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HelperName {
    type Err = InvalidHelperName;

    fn from_str(name: &str) -> Result<Self, InvalidHelperName> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || name.starts_with('.') || !name.bytes().all(is_good) {
            return Err(InvalidHelperName(clean_text(name)));
        }
        Ok(Self(name.into()))
    }
}

/// Runs credential helpers.
pub trait CredentialHelper: Send + Sync {
    /// Runs the program with the argument `get` and `server` as its input, and gives what it did.
    ///
    /// # Errors
    /// When it could not be run, took too long, or said too much.
    fn get<'a>(
        &'a self,
        helper: &'a HelperName,
        server: &'a str,
    ) -> Pending<'a, Result<HelperAnswer, BoxError>>;
}

/// What a credential helper did.
#[derive(Clone, PartialEq, Eq)]
pub struct HelperAnswer {
    /// Whether it ended with status 0.
    pub is_success: bool,
    /// What it printed: a secret when it succeeded, else what went wrong.
    pub output: Vec<u8>,
}

/// Without the output, which may be a secret.
impl fmt::Debug for HelperAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HelperAnswer")
            .field("is_success", &self.is_success)
            .finish_non_exhaustive()
    }
}

/// A credential helper did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HelperFailed {
    /// It said that it failed.
    #[error("{program} failed: {said}")]
    Said {
        /// The program.
        program: String,
        /// Its own words, one line.
        said: String,
    },
    /// It printed something else than user and secret.
    #[error("{program} printed no JSON object with `Username` and `Secret`")]
    Garbage {
        /// The program.
        program: String,
    },
}

/// What an answer means; `None` when the helper knows of no login.
pub(crate) fn credential_of(
    helper: &HelperName,
    answer: &HelperAnswer,
) -> Result<Option<Credential>, HelperFailed> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Login {
        #[serde(default)]
        username: String,
        secret: Secret,
    }
    if !answer.is_success {
        let said = clean_text(&String::from_utf8_lossy(&answer.output));
        // This is how helpers say that there is no login; all of them use the words of the first one.
        return if said.to_ascii_lowercase().contains("credentials not found") {
            Ok(None)
        } else {
            let program = helper.program();
            // No reason, but an answer after all, which is not for showing.
            if said.starts_with('{') {
                return Err(HelperFailed::Garbage { program });
            }
            let said = if said.is_empty() {
                "it gave no reason".to_owned()
            } else {
                said
            };
            Err(HelperFailed::Said { program, said })
        };
    }
    // The parser's own words could quote the secret.
    let login: Login =
        serde_json::from_slice(&answer.output).map_err(|_| HelperFailed::Garbage {
            program: helper.program(),
        })?;
    if login.secret.expose().is_empty() {
        return Ok(None);
    }
    Ok(Some(Credential::of_login(login.username, login.secret)))
}

/// A credentials file together with the helpers that it names.
///
/// The helper for a registry comes first, then what the file itself says, then the helper for all. One that
/// knows of no login passes the question on; one that fails is an error, because going on without the
/// login that the user has would end in a puzzle.
#[derive(Clone)]
pub struct WithHelpers {
    config: DockerConfig,
    runner: Arc<dyn CredentialHelper>,
}

impl WithHelpers {
    /// The helpers that `config` names are run by `runner`.
    #[must_use]
    pub fn new(config: DockerConfig, runner: Arc<dyn CredentialHelper>) -> Self {
        Self { config, runner }
    }

    async fn ask(
        &self,
        helper: Option<Result<HelperName, InvalidHelperName>>,
        name: &Name,
    ) -> Result<Option<Credential>, BoxError> {
        let Some(helper) = helper.transpose()? else {
            return Ok(None);
        };
        let answer = self.runner.get(&helper, login_server(&name.host)).await?;
        Ok(credential_of(&helper, &answer)?)
    }
}

impl CredentialSource for WithHelpers {
    fn credential<'a>(
        &'a self,
        name: &'a Name,
    ) -> Pending<'a, Result<Option<Credential>, BoxError>> {
        Box::pin(async move {
            if let Some(found) = self.ask(self.config.own_helper(name), name).await? {
                return Ok(Some(found));
            }
            if let Some(found) = self.config.lookup(name) {
                return Ok(Some(found.clone()));
            }
            self.ask(self.config.store_helper(), name).await
        })
    }
}

impl fmt::Debug for WithHelpers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithHelpers").field(&self.config).finish()
    }
}

#[cfg(test)]
mod tests;
