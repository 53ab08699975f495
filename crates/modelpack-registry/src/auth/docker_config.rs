//! The credentials part of Docker's `config.json` and of `auth.json` of the containers tools.

use std::collections::BTreeMap;
use std::fmt;
use std::future::ready;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use super::credential::{Credential, CredentialSource, Secret};
use super::helper::{HelperName, InvalidHelperName};
use crate::content::Pending;
use crate::error::{BoxError, Error};
use crate::name::Name;

/// Largest file that is parsed, in bytes; a thousand logins fit into a fraction of it.
const MAX_CONFIG_BYTES: usize = 4 * 1024 * 1024;

/// Names under which Docker Hub is found in such files.
const DOCKER_HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// Padding is optional: hand-made files often leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Credentials out of a Docker `config.json` or a containers `auth.json`.
///
/// The key of an entry is a host or a host with the beginning of a repository (`host/team`); the
/// longest one that fits wins. Old keys with `https://` and a path such as `/v1/` are understood.
///
/// Credential helpers are only named ([`Self::helper`]): running a program is the caller's decision, which
/// [`WithHelpers`](crate::WithHelpers) carries out.
///
/// ```
/// use modelpack_registry::{Credential, DockerConfig, Name};
/// use modelpack_spec::Reference;
///
/// let config = DockerConfig::parse(br#"{"auths":{"registry.example.com":{"auth":"bWU6c2VjcmV0"}}}"#)?;
/// let reference: Reference = "registry.example.com/qwen/qwen3:0.6b".parse()?;
/// assert_eq!(config.lookup(&Name::from(&reference)), Some(&Credential::password("me", "secret")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DockerConfig {
    auths: BTreeMap<String, Credential>,
    helpers: BTreeMap<String, String>,
    store: Option<String>,
}

/// Where a login comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginPlace {
    /// It stands in the file.
    File,
    /// A program has it.
    Helper(HelperName),
    /// The file names a program that is not run.
    InvalidHelper(InvalidHelperName),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    auths: Option<BTreeMap<String, Entry>>,
    #[serde(default)]
    cred_helpers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl DockerConfig {
    /// Reads the file's content. Parts that are not about credentials are ignored, and so are entries
    /// without content, which stand for "a helper knows".
    ///
    /// # Errors
    /// [`Error::Setup`] for what is no such JSON, and for an `auth` that cannot be decoded. The message
    /// names the entry, never its content.
    pub fn parse(content: &[u8]) -> Result<Self, Error> {
        let setup = |reason: String| Error::Setup {
            reason,
            source: None,
        };
        if content.len() > MAX_CONFIG_BYTES {
            return Err(setup(format!(
                "the credentials file is over the limit of {MAX_CONFIG_BYTES} bytes"
            )));
        }
        // The parser's own words can quote a value, so only the place is passed on.
        let file: File = serde_json::from_slice(content).map_err(|error| {
            setup(format!(
                "the credentials file is not the JSON that Docker writes (line {}, column {})",
                error.line(),
                error.column()
            ))
        })?;
        let mut auths = BTreeMap::new();
        for (key, entry) in file.auths.unwrap_or_default() {
            let credential = entry.credential().map_err(|reason| {
                setup(format!(
                    "the entry `{key}` of the credentials file {reason}"
                ))
            })?;
            if let Some(credential) = credential {
                auths.insert(normalize(&key), credential);
            }
        }
        let helpers = file.cred_helpers.unwrap_or_default();
        Ok(Self {
            auths,
            helpers: helpers
                .into_iter()
                .map(|(key, name)| (normalize(&key), name))
                .collect(),
            store: file.creds_store.filter(|name| !name.is_empty()),
        })
    }

    /// The credential written in the file for a repository.
    #[must_use]
    pub fn lookup(&self, name: &Name) -> Option<&Credential> {
        find(&self.auths, name)
    }

    /// The helper program that is asked for a repository: the one for its registry, else the one for
    /// all. What the file itself says ([`Self::lookup`]) comes between the two;
    /// [`WithHelpers`](crate::WithHelpers) asks in that order.
    ///
    /// # Errors
    /// [`InvalidHelperName`] for a name with a path in it; that program must not be run.
    pub fn helper(&self, name: &Name) -> Result<Option<HelperName>, InvalidHelperName> {
        self.own_helper(name)
            .or_else(|| self.store_helper())
            .transpose()
    }

    /// Where the login for a repository comes from, as far as this file says: the first place that
    /// [`WithHelpers`](crate::WithHelpers) asks.
    #[must_use]
    pub fn login_place(&self, name: &Name) -> Option<LoginPlace> {
        let helper = |named: Result<HelperName, InvalidHelperName>| match named {
            Ok(helper) => LoginPlace::Helper(helper),
            Err(invalid) => LoginPlace::InvalidHelper(invalid),
        };
        if let Some(own) = self.own_helper(name) {
            return Some(helper(own));
        }
        if self.lookup(name).is_some() {
            return Some(LoginPlace::File);
        }
        self.store_helper().map(helper)
    }

    /// The hosts and beginnings of repositories that the file says something about, sorted.
    #[must_use]
    pub fn keys(&self) -> Vec<&str> {
        let keys = self.auths.keys().chain(self.helpers.keys());
        let keys: std::collections::BTreeSet<&str> = keys.map(String::as_str).collect();
        keys.into_iter().collect()
    }

    /// Whether the file itself holds secrets, so that nobody else should be able to read it.
    #[must_use]
    pub fn holds_secrets(&self) -> bool {
        !self.auths.is_empty()
    }

    /// The helper for the registry. An empty name means that there is none, whatever the one for all.
    pub(super) fn own_helper(&self, name: &Name) -> Option<Result<HelperName, InvalidHelperName>> {
        let helper = find(&self.helpers, name)?;
        (!helper.is_empty()).then(|| helper.parse())
    }

    /// The helper for all registries.
    pub(super) fn store_helper(&self) -> Option<Result<HelperName, InvalidHelperName>> {
        Some(self.store.as_ref()?.parse())
    }
}

impl CredentialSource for DockerConfig {
    fn credential<'a>(
        &'a self,
        name: &'a Name,
    ) -> Pending<'a, Result<Option<Credential>, BoxError>> {
        Box::pin(ready(Ok(self.lookup(name).cloned())))
    }
}

/// Names registries and helpers, no credentials.
impl fmt::Debug for DockerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerConfig")
            .field("auths", &self.auths.keys())
            .field("helpers", &self.helpers)
            .field("store", &self.store)
            .finish()
    }
}

impl Entry {
    fn credential(self) -> Result<Option<Credential>, &'static str> {
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (mut username, mut password) = (filled(self.username), filled(self.password));
        if let Some(auth) = filled(self.auth)
            && (username.is_none() || password.is_none())
        {
            let text = BASE64
                .decode(auth.trim())
                .map_err(|_| "has an `auth` that is not base64")?;
            let text = String::from_utf8(text).map_err(|_| "has an `auth` that is no text")?;
            let (user, secret) = text
                .split_once(':')
                .ok_or("has an `auth` without a colon")?;
            username = Some(user.to_owned());
            // Old versions of Docker padded the text with NUL.
            password = filled(Some(secret.trim_end_matches('\0').to_owned()));
        }
        if let Some(token) = filled(self.registrytoken) {
            let token = Secret::new(token);
            return Ok(Some(Credential::RegistryToken { token }));
        }
        let username = username.unwrap_or_default();
        if let Some(token) = filled(self.identitytoken) {
            let token = Secret::new(token);
            return Ok(Some(Credential::IdentityToken { username, token }));
        }
        Ok(password.map(|password| Credential::of_login(username, Secret::new(password))))
    }
}

/// The entry for the repository, for the longest beginning of it, or for the host.
fn find<'a, T>(entries: &'a BTreeMap<String, T>, name: &Name) -> Option<&'a T> {
    let host = name.host.as_str();
    let full = format!("{}/{}", normalize(host), name.repository);
    let mut key = full.as_str();
    loop {
        if let Some(entry) = entries.get(key) {
            return Some(entry);
        }
        (key, _) = key.rsplit_once('/')?;
    }
}

/// A key as it is looked up: with one name for Docker Hub, and without what old keys have besides the
/// host. Those are URLs of a registry; only keys without a scheme can name a repository.
pub(super) fn normalize(key: &str) -> String {
    let (rest, is_url) = match key.split_once("://") {
        Some(("http" | "https", rest)) => (rest, true),
        _ => (key, false),
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.to_ascii_lowercase();
    let host = if DOCKER_HUB.contains(&host.as_str()) {
        DOCKER_HUB[0]
    } else {
        &host
    };
    let path = path.trim_end_matches('/');
    if is_url || path.is_empty() {
        host.to_owned()
    } else {
        format!("{host}/{path}")
    }
}
