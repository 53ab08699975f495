//! Writing logins into Docker's `config.json`, with everything else in it kept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use modelpack_spec::Host;
use serde::Serialize as _;
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Serializer, Value};

use super::credential::Secret;
use super::docker_config::{DockerConfig, normalize};
use crate::error::Error;
use crate::target::{DOCKER_HUB_REGISTRY, answering_host};

/// What Docker Hub's login is kept under.
const DOCKER_HUB_SERVER: &str = "https://index.docker.io/v1/";

/// The name under which the login of a registry is kept, in files and by helpers.
///
/// ```
/// use modelpack_registry::login_server;
///
/// assert_eq!(login_server(&"ghcr.io".parse()?), "ghcr.io");
/// assert_eq!(login_server(&"docker.io".parse()?), "https://index.docker.io/v1/");
/// # Ok::<(), modelpack_spec::Error>(())
/// ```
#[must_use]
pub fn login_server(host: &Host) -> &str {
    if answering_host(host) == DOCKER_HUB_REGISTRY {
        DOCKER_HUB_SERVER
    } else {
        host.as_str()
    }
}

/// A Docker `config.json` or containers `auth.json` whose logins change.
///
/// ```
/// use modelpack_registry::LoginFile;
///
/// let mut file = LoginFile::parse(br#"{"detachKeys":"ctrl-e"}"#)?;
/// file.set(&"ghcr.io".parse()?, "me", &"secret".into())?;
/// let text = String::from_utf8(file.to_bytes())?;
/// assert!(text.contains(r#""auth": "bWU6c2VjcmV0""#) && text.contains("ctrl-e"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LoginFile(Map<String, Value>);

impl LoginFile {
    /// Reads a file; an empty one has no logins.
    ///
    /// # Errors
    /// [`Error::Setup`] for what [`DockerConfig::parse`] does not take either.
    pub fn parse(content: &[u8]) -> Result<Self, Error> {
        let content = match content.trim_ascii() {
            b"" => b"{}",
            content => content,
        };
        DockerConfig::parse(content)?;
        // What is no object was refused just now.
        let file: Map<String, Value> =
            serde_json::from_slice(content).map_err(|_| Error::Setup {
                reason: "the credentials file is no JSON object".to_owned(),
                source: None,
            })?;
        Ok(Self(file))
    }

    /// Keeps a login in the file itself, in the place of any other for this registry.
    ///
    /// # Errors
    /// [`Error::Setup`] for a user whose name has a colon, since that ends the name where it is kept.
    pub fn set(&mut self, host: &Host, username: &str, password: &Secret) -> Result<(), Error> {
        if username.contains(':') {
            return Err(Error::Setup {
                reason: "the name of a user cannot have a colon".to_owned(),
                source: None,
            });
        }
        let login = format!("{username}:{}", password.expose());
        let entry = Map::from_iter([("auth".to_owned(), STANDARD.encode(login).into())]);
        self.insert(host, entry);
        Ok(())
    }

    /// Says that a helper keeps the login of this registry, as Docker does: by an entry without content.
    pub fn set_helped(&mut self, host: &Host) {
        self.insert(host, Map::new());
    }

    /// Removes the login of a registry, whichever way its name is written; false when there was none.
    pub fn remove(&mut self, host: &Host) -> bool {
        let Some(Value::Object(auths)) = self.0.get_mut("auths") else {
            return false;
        };
        let before = auths.len();
        let name = normalize(host.as_str());
        auths.retain(|key, _| normalize(key) != name);
        auths.len() != before
    }

    fn insert(&mut self, host: &Host, entry: Map<String, Value>) {
        self.remove(host);
        let auths = self.0.entry("auths").or_insert(Value::Null);
        if !auths.is_object() {
            *auths = Value::Object(Map::new());
        }
        if let Value::Object(auths) = auths {
            auths.insert(login_server(host).to_owned(), entry.into());
        }
    }

    /// The file as Docker would write it: JSON with tabs.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut serializer =
            Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"\t"));
        self.0
            .serialize(&mut serializer)
            .expect("a map of JSON values always serialises");
        bytes.push(b'\n');
        bytes
    }
}

/// Without its content, which is secrets.
impl std::fmt::Debug for LoginFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginFile").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
