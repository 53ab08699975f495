//! Which repository on which registry.

use std::fmt;

use modelpack_spec::{Host, Reference, Repository};

/// A repository on a registry, without tag and digest.
///
/// ```
/// use modelpack_registry::Name;
/// use modelpack_spec::Reference;
///
/// let reference: Reference = "registry.example.com/qwen/qwen3:0.6b".parse()?;
/// assert_eq!(Name::from(&reference).to_string(), "registry.example.com/qwen/qwen3");
/// # Ok::<(), modelpack_spec::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Name {
    /// The registry, as people write it: `docker.io`, not the host that answers for it.
    pub host: Host,
    /// The repository there, as people write it.
    pub repository: Repository,
}

impl Name {
    /// A repository on a registry.
    #[must_use]
    pub fn new(host: Host, repository: Repository) -> Self {
        Self { host, repository }
    }
}

impl From<&Reference> for Name {
    fn from(reference: &Reference) -> Self {
        Self::new(reference.host.clone(), reference.repository.clone())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)
    }
}
