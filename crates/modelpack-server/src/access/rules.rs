//! Rules: who may do what in which repositories.

use std::str::FromStr;

use modelpack_spec::Repository;

use super::{Access, Action, Caller, Wanted, WrongCredentials};

/// One permission, written `WHO:ACTIONS:REPOSITORIES`.
///
/// `WHO` is `anonymous` (everybody, also without credentials), `*` (every user) or the name of a
/// user. `ACTIONS` are `pull`, `push` and `delete` with commas between, or `*`. `REPOSITORIES` is a
/// name, a prefix that ends in `/*`, or `*`; when it is left out, `*`.
///
/// ```
/// use modelpack_server::Rule;
/// for text in ["anonymous:pull", "*:pull,push:team/*", "alice:*"] {
///     assert!(text.parse::<Rule>().is_ok());
/// }
/// assert!("alice:read:team".parse::<Rule>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    who: Who,
    actions: Vec<Action>,
    repositories: Pattern,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Who {
    Everybody,
    EveryUser,
    User(Box<str>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    All,
    Exactly(Repository),
    Below(Repository),
}

/// Why a text is no [`Rule`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no rule: {reason}")]
pub struct RuleError {
    text: String,
    reason: &'static str,
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let error = |reason| RuleError {
            text: text.to_owned(),
            reason,
        };
        let mut fields = text.splitn(3, ':');
        let who = match fields.next() {
            None | Some("") => return Err(error("expected WHO:ACTIONS[:REPOSITORIES]")),
            Some("anonymous") => Who::Everybody,
            Some("*") => Who::EveryUser,
            Some(name) => Who::User(name.into()),
        };
        let actions = match fields.next() {
            Some("*") => vec![Action::Pull, Action::Push, Action::Delete],
            Some(actions) => actions
                .split(',')
                .map(parse_action)
                .collect::<Option<_>>()
                .ok_or_else(|| error("actions are `pull`, `push` and `delete`, or `*`"))?,
            None => return Err(error("expected WHO:ACTIONS[:REPOSITORIES]")),
        };
        let no_name = |_| error("repositories are a name, a prefix that ends in `/*`, or `*`");
        let repositories = match fields.next() {
            None | Some("*") => Pattern::All,
            Some(text) => match text.strip_suffix("/*") {
                Some(prefix) => Pattern::Below(prefix.parse().map_err(no_name)?),
                None => Pattern::Exactly(text.parse().map_err(no_name)?),
            },
        };
        Ok(Self {
            who,
            actions,
            repositories,
        })
    }
}

fn parse_action(text: &str) -> Option<Action> {
    [Action::Pull, Action::Push, Action::Delete]
        .into_iter()
        .find(|action| action.as_str() == text.trim())
}

impl Rule {
    fn allows(&self, caller: &Caller, wanted: &Wanted) -> bool {
        let is_meant = match (&self.who, &caller.name) {
            (Who::Everybody, _) | (Who::EveryUser, Some(_)) => true,
            (Who::User(user), Some(name)) => user == name,
            (_, None) => false,
        };
        is_meant && self.actions.contains(&wanted.action) && self.repositories.matches(wanted)
    }
}

impl Pattern {
    fn matches(&self, wanted: &Wanted) -> bool {
        match self {
            Self::All => true,
            Self::Exactly(name) => *name == wanted.repository,
            Self::Below(prefix) => wanted
                .repository
                .as_str()
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.starts_with('/')),
        }
    }
}

/// Permissions; what none of them gives is refused.
///
/// As an [`Access`] of its own it knows no users, so only rules for `anonymous` count: a registry
/// that everybody may read is `Rules::new(["anonymous:pull".parse()?])`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// These rules.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self(rules.into_iter().collect())
    }

    /// Whether any rule allows this.
    #[must_use]
    pub fn allow(&self, caller: &Caller, wanted: &Wanted) -> bool {
        self.0.iter().any(|rule| rule.allows(caller, wanted))
    }
}

impl Access for Rules {
    fn identify(&self, _: Option<&str>) -> Result<Caller, WrongCredentials> {
        Ok(Caller::anonymous())
    }

    fn allows(&self, caller: &Caller, wanted: &Wanted) -> bool {
        self.allow(caller, wanted)
    }

    fn challenge(&self, _: Option<&Caller>, _: &[Wanted]) -> Option<String> {
        None
    }
}
