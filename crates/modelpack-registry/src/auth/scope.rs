//! What a token is asked to allow.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use modelpack_spec::Repository;

/// A set of scopes: resource (`repository:NAME`) to actions (`pull`, `push`, `delete`).
///
/// Ordered, so that equal sets are equal keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Scopes(BTreeMap<String, BTreeSet<String>>);

impl Scopes {
    pub(crate) fn none() -> Self {
        Self::default()
    }

    pub(crate) fn repository(name: &Repository, actions: &[&str]) -> Self {
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        Self([(format!("repository:{name}"), actions)].into())
    }

    /// The `scope` parameter of a challenge: scopes apart by spaces, actions by commas. What is no
    /// `resource:actions` is left out.
    pub(crate) fn parse(text: &str) -> Self {
        let mut scopes = Self::none();
        for part in text.split_ascii_whitespace() {
            if let Some((resource, actions)) = part.rsplit_once(':') {
                let actions = actions.split(',').filter(|action| !action.is_empty());
                scopes
                    .0
                    .entry(resource.to_owned())
                    .or_default()
                    .extend(actions.map(str::to_owned));
            }
        }
        scopes
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (resource, actions) in &other.0 {
            self.0
                .entry(resource.clone())
                .or_default()
                .extend(actions.iter().cloned());
        }
    }

    pub(crate) fn contains(&self, other: &Self) -> bool {
        other.0.iter().all(|(resource, actions)| {
            self.0
                .get(resource)
                .is_some_and(|own| own.is_superset(actions))
        })
    }

    /// One text per resource, for one `scope` parameter each.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(resource, actions)| {
            // Registries name `pull` before `push`; some compare the text.
            let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
            format!("{resource}:{}", actions.join(","))
        })
    }
}

/// All scopes in one text, apart by spaces.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.texts().collect::<Vec<_>>().join(" "))
    }
}
