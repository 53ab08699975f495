//! How a registry is when nothing goes wrong.

use serde::{Deserialize, Serialize};

/// What the registry offers. The default offers everything to everybody.
///
/// Not `non_exhaustive`, so that a test writes `Behaviour { referrers: false, ..Behaviour::default() }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Who may do what.
    pub auth: Auth,
    /// The referrers API; without it also no `OCI-Subject`.
    pub referrers: bool,
    /// Blobs of other repositories.
    pub mount: Mount,
    /// Deleting tags, manifests and blobs; without it 405.
    pub deletes: bool,
    /// A blob in the POST itself; without it 202.
    pub single_post: bool,
    /// Several tags in the PUT of a manifest; without it they are not looked at.
    pub tag_parameters: bool,
    /// What becomes of uploaded bytes.
    pub uploads: Uploads,
    /// So many tags on a page, whatever was asked for.
    pub page: Option<usize>,
    /// The largest manifest that is taken.
    pub max_manifest: u64,
    /// Whether a manifest may only name blobs that are there.
    pub checks_references: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            auth: Auth::Open,
            referrers: true,
            mount: Mount::Full,
            deletes: true,
            single_post: true,
            tag_parameters: true,
            uploads: Uploads::Keep,
            page: None,
            // What the specification asks registries to take at least.
            max_manifest: 4 * 1024 * 1024,
            checks_references: true,
        }
    }
}

/// Which mounts work. What does not work becomes an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Mount {
    /// With `from` and without.
    #[default]
    Full,
    /// Only with `from`.
    From,
    /// None.
    Never,
}

/// What becomes of uploaded blobs. With all but [`Uploads::Keep`] an upload of any size takes no memory, and the
/// blob is there for HEAD and manifests but cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Uploads {
    /// They are kept in memory.
    #[default]
    Keep,
    /// They are hashed and thrown away.
    Hash,
    /// They are thrown away; the client's digest is believed. As fast as a socket can be read.
    Drop,
}

/// Who may do what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Auth {
    /// Everybody everything.
    #[default]
    Open,
    /// One user everything.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// Whoever has a token.
    Bearer(Bearer),
}

/// A token service. Not `non_exhaustive` for the same reason as [`Behaviour`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bearer {
    /// Who may push and delete.
    pub user: String,
    /// By which password.
    pub password: String,
    /// Whether tokens for pulling need no password.
    pub anonymous_pull: bool,
    /// The `service` of the challenge.
    pub service: String,
    /// How long a token lives, in seconds; unsaid: for ever.
    pub life: Option<u64>,
    /// The `expires_in` of the answer, in seconds; unsaid: `life`, or nothing.
    pub told_life: Option<u64>,
    /// For how many requests a token is good; unsaid: for any number. So expiry needs no clock.
    pub uses: Option<u64>,
    /// Whether the token service has an origin of its own.
    pub own_origin: bool,
    /// The `realm` of the challenge with placeholders; unsaid: the right one.
    pub realm: Option<String>,
}

impl Default for Bearer {
    fn default() -> Self {
        Self {
            user: "user".to_owned(),
            password: "correct-horse".to_owned(),
            anonymous_pull: true,
            service: "faulty".to_owned(),
            life: None,
            told_life: None,
            uses: None,
            own_origin: false,
            realm: None,
        }
    }
}
