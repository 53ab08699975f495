//! Who may do what: the policy that a registry asks before it answers.

#[cfg(feature = "basic")]
mod basic;
#[cfg(feature = "token")]
mod der;
#[cfg(feature = "token")]
mod keys;
mod rules;
#[cfg(feature = "token")]
mod token;

use modelpack_spec::Repository;

#[cfg(feature = "basic")]
pub use self::basic::{BasicAccess, PasswordFileError, Passwords};
#[cfg(feature = "token")]
pub use self::keys::{TokenKeyError, TokenKeys};
pub use self::rules::{Rule, RuleError, Rules};
#[cfg(feature = "token")]
pub use self::token::TokenAccess;

/// What a request does to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Reads blobs, manifests, tags or referrers.
    Pull,
    /// Uploads or mounts blobs, stores manifests and tags.
    Push,
    /// Removes blobs, manifests or tags. Who may push may not delete by that alone.
    Delete,
}

impl Action {
    /// The word that token scopes and rules use for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }
}

/// A repository and what a request does there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wanted {
    /// The repository.
    pub repository: Repository,
    /// What is done there.
    pub action: Action,
}

impl Wanted {
    /// An action in a repository.
    #[must_use]
    pub fn new(repository: Repository, action: Action) -> Self {
        Self { repository, action }
    }
}

/// Who sends a request, as far as the policy found out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Caller {
    /// The name of the user; none for a request without credentials.
    pub name: Option<Box<str>>,
    /// What the credentials themselves allow, as tokens do.
    pub grants: Vec<Grant>,
}

impl Caller {
    /// A request without credentials.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// A user that was recognised.
    #[must_use]
    pub fn named(name: impl Into<Box<str>>) -> Self {
        Self {
            name: Some(name.into()),
            grants: Vec::new(),
        }
    }
}

/// What a token allows in one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// Name of the repository, as it stands in the token.
    pub repository: String,
    /// What is allowed there.
    pub actions: Vec<Action>,
}

impl Grant {
    /// Actions in a repository.
    #[must_use]
    pub fn new(repository: impl Into<String>, actions: Vec<Action>) -> Self {
        Self {
            repository: repository.into(),
            actions,
        }
    }
}

/// Credentials that are wrong, expired, or of a kind that is not taken. Clients learn nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongCredentials;

/// The policy of a registry: who sends a request, and what that caller may do.
///
/// Upload sessions belong to the caller that opened them, a mount looks only into repositories that
/// the caller may pull from, and what a caller may not see is refused before anybody looks whether
/// it is there.
pub trait Access: Send + Sync + 'static {
    /// Finds out who sends this `Authorization` header. Called where blocking is allowed.
    ///
    /// # Errors
    /// [`WrongCredentials`], which is answered by 401. A missing header is no error but
    /// [`Caller::anonymous`].
    fn identify(&self, authorization: Option<&str>) -> Result<Caller, WrongCredentials>;

    /// Whether the caller may do this.
    fn allows(&self, caller: &Caller, wanted: &Wanted) -> bool;

    /// The `WWW-Authenticate` header that tells a client how to get further; `None` when nothing
    /// would help, which is answered by 403. `caller` is none when the credentials were wrong;
    /// `wanted` is empty for the ping.
    fn challenge(&self, caller: Option<&Caller>, wanted: &[Wanted]) -> Option<String>;
}

/// A quoted string of a challenge: nothing in it ends the quotes.
#[cfg(any(feature = "basic", feature = "token"))]
fn quoted(text: &str) -> String {
    let safe: String = text
        .chars()
        .filter(|character| (' '..='~').contains(character) && !matches!(character, '"' | '\\'))
        .collect();
    format!("\"{safe}\"")
}
