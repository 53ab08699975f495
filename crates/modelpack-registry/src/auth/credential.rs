//! What a user proves its identity with, and where that comes from.

use std::fmt;
use std::future::ready;
use std::sync::Arc;

use modelpack_spec::{Digest, Host};

use crate::content::Pending;
use crate::error::BoxError;
use crate::name::Name;

/// A text that never appears in `Debug` output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Keeps a secret.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself; take care where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// What a user proves its identity with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// User and password, for the registry (Basic) or its token service.
    Password {
        /// The user.
        username: String,
        /// The password, or an access token that stands for it.
        password: Secret,
    },
    /// An identity (refresh) token; goes to the token service only.
    IdentityToken {
        /// The user, when the token service wants one.
        username: String,
        /// The token.
        token: Secret,
    },
    /// A token for the registry itself, sent as it is.
    RegistryToken {
        /// The token.
        token: Secret,
    },
}

impl Credential {
    /// User and password.
    #[must_use]
    pub fn password(username: impl Into<String>, password: impl Into<Box<str>>) -> Self {
        Self::Password {
            username: username.into(),
            password: Secret::new(password),
        }
    }

    /// User and secret as Docker keeps them: with the user `<token>` the secret is an identity token.
    pub(crate) fn of_login(username: String, secret: Secret) -> Self {
        if username == "<token>" {
            Self::IdentityToken {
                username,
                token: secret,
            }
        } else {
            Self::Password {
                username,
                password: secret,
            }
        }
    }

    /// Tells two users apart in caches without keeping their secrets there.
    pub(crate) fn identity(credential: Option<&Self>) -> Digest {
        let text = match credential {
            None => "anonymous".to_owned(),
            Some(Self::Password { username, password }) => {
                format!("password\0{username}\0{}", password.expose())
            }
            Some(Self::IdentityToken { username, token }) => {
                format!("identity\0{username}\0{}", token.expose())
            }
            Some(Self::RegistryToken { token }) => format!("registry\0{}", token.expose()),
        };
        Digest::sha256(text.as_bytes())
    }
}

/// Knows the credentials of registries.
///
/// It is asked when a registry wants to know who we are, never before, and what it gives goes to that
/// registry and its token service only.
pub trait CredentialSource: Send + Sync {
    /// The credential for a repository; `None` means anonymous.
    ///
    /// # Errors
    /// When finding it out failed. "There is none" is no error.
    fn credential<'a>(
        &'a self,
        name: &'a Name,
    ) -> Pending<'a, Result<Option<Credential>, Box<dyn std::error::Error + Send + Sync>>>;
}

/// Has credentials for nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anonymous;

impl CredentialSource for Anonymous {
    fn credential<'a>(&'a self, _: &'a Name) -> Pending<'a, Result<Option<Credential>, BoxError>> {
        Box::pin(ready(Ok(None)))
    }
}

/// One credential for one registry.
#[derive(Debug, Clone)]
pub struct SingleHost {
    host: Host,
    credential: Credential,
}

impl SingleHost {
    /// The credential is given out for this host (with this port) only.
    #[must_use]
    pub fn new(host: Host, credential: Credential) -> Self {
        Self { host, credential }
    }
}

impl CredentialSource for SingleHost {
    fn credential<'a>(
        &'a self,
        name: &'a Name,
    ) -> Pending<'a, Result<Option<Credential>, BoxError>> {
        let credential = (name.host == self.host).then(|| self.credential.clone());
        Box::pin(ready(Ok(credential)))
    }
}

/// Several sources, asked one after the other until one knows.
#[derive(Clone, Default)]
pub struct FirstOf(Vec<Arc<dyn CredentialSource>>);

impl FirstOf {
    /// The sources in the order in which they are asked.
    #[must_use]
    pub fn new(sources: Vec<Arc<dyn CredentialSource>>) -> Self {
        Self(sources)
    }
}

impl CredentialSource for FirstOf {
    fn credential<'a>(
        &'a self,
        name: &'a Name,
    ) -> Pending<'a, Result<Option<Credential>, BoxError>> {
        Box::pin(async move {
            for source in &self.0 {
                if let Some(found) = source.credential(name).await? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        })
    }
}

impl fmt::Debug for FirstOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FirstOf({} sources)", self.0.len())
    }
}
