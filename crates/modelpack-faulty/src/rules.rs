//! What goes wrong, as data.

use serde::{Deserialize, Serialize};

use super::fault::Fault;

/// One thing that goes wrong: for which requests, how often, and what.
///
/// As JSON a rule reads like this; everything but `fault` may be left out:
///
/// ```
/// let rule: modelpack_faulty::Rule = serde_json::from_str(
///     r#"{
///         "when": {"method": "GET", "class": "blob"},
///         "skip": 1,
///         "times": {"times": 3},
///         "fault": {"kind": "cut", "after": 1000}
///     }"#,
/// )?;
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// When several rules match a request, all of them apply, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Rule {
    /// Which requests it is about.
    #[serde(default)]
    pub when: When,
    /// How many of those go well first.
    #[serde(default)]
    pub skip: u64,
    /// It happens to one of so many of the rest, the first one included; 1 is each.
    #[serde(default = "one")]
    pub every: u64,
    /// How often it happens in all.
    #[serde(default)]
    pub times: Times,
    /// What happens.
    pub fault: Fault,
}

fn one() -> u64 {
    1
}

impl Rule {
    /// Always, from the first matching request on.
    pub fn new(when: When, fault: Fault) -> Self {
        Self {
            when,
            skip: 0,
            every: 1,
            times: Times::Always,
            fault,
        }
    }

    /// It happens once.
    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// It happens so often.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Times::Times(times);
        self
    }

    /// So many matching requests go well first.
    #[must_use]
    pub fn skip(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// It happens to the first of each `every` matching requests.
    #[must_use]
    pub fn every(mut self, every: u64) -> Self {
        self.every = every;
        self
    }
}

/// How often a rule strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Times {
    /// Whenever it matches.
    #[default]
    Always,
    /// Once.
    Once,
    /// So often.
    Times(u64),
}

/// Which requests a rule is about. What is not said matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct When {
    /// At which origin. Unsaid: at the registry and its token service, but not elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// In capitals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// In which repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// A tag or a digest, as it stands in the path, or in the query of an upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Whether the request has a `Range`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranged: Option<bool>,
    /// Unsaid or true: requests that have the credentials they need. False: those that the registry sends away with
    /// a challenge; so a rule is not used up by the request that finds out how to log in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorized: Option<bool>,
}

impl When {
    /// Every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests of one method for one kind of thing.
    pub fn new(method: &str, class: Class) -> Self {
        Self {
            method: Some(method.to_owned()),
            class: Some(class),
            ..Self::default()
        }
    }

    /// Requests of any method for one kind of thing.
    pub fn class(class: Class) -> Self {
        Self {
            class: Some(class),
            ..Self::default()
        }
    }

    /// Only at this origin.
    #[must_use]
    pub fn at(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Only for this tag or digest.
    #[must_use]
    pub fn of(mut self, reference: &str) -> Self {
        self.reference = Some(reference.to_owned());
        self
    }

    /// Only in this repository.
    #[must_use]
    pub fn in_repository(mut self, repository: &str) -> Self {
        self.repository = Some(repository.to_owned());
        self
    }

    /// Only requests with a `Range`.
    #[must_use]
    pub fn ranged(mut self) -> Self {
        self.ranged = Some(true);
        self
    }

    /// Only requests that lack the credentials they need.
    #[must_use]
    pub fn unauthorized(mut self) -> Self {
        self.authorized = Some(false);
        self
    }
}

/// The servers that make up one registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Origin {
    /// The registry itself.
    Registry,
    /// The token service, when it has an origin of its own.
    Tokens,
    /// The other host, to which redirects lead. No secret has any business here.
    Elsewhere,
}

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Class {
    /// `/v2/`.
    Ping,
    /// The token endpoint.
    Token,
    /// A blob, also by a signed URL.
    Blob,
    /// The start of an upload.
    Upload,
    /// An upload that has begun.
    Session,
    /// A manifest.
    Manifest,
    /// The list of tags.
    Tags,
    /// The manifests that refer to one.
    Referrers,
    /// Anything else.
    Other,
}
