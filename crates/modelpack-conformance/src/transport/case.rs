//! Cases as data: what a registry does wrong, and how a client has to take it.

use modelpack_faulty::{Auth, Bearer, Behaviour, Rule};
use modelpack_spec::rules::Level;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::ToolError;

/// One thing that goes wrong, and what counts then. Read from JSON: an array of these is a file of cases.
///
/// The rules are those of `modelpack-faulty`; in their texts `{layer}`, `{config}` and `{manifest}` are the
/// digests of the artifact, `{other}` is the digest of another manifest.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct TransportCase {
    /// Stable name.
    pub id: String,
    /// How strongly it is required.
    #[serde(deserialize_with = "level_of_text")]
    pub level: Level,
    /// Address of the text that requires it.
    pub anchor: String,
    /// What has to hold.
    pub summary: String,
    /// What the client is to do.
    #[serde(default)]
    pub job: Job,
    /// Whether the artifact is named by its digest.
    #[serde(default)]
    pub pinned: bool,
    /// Who is let in.
    #[serde(default)]
    pub login: Login,
    /// How large the layer is.
    #[serde(default = "one_mebibyte")]
    pub layer_bytes: u64,
    /// How the registry is besides; see `Behaviour` of `modelpack-faulty`.
    #[serde(default)]
    pub behaviour: Option<Behaviour>,
    /// What goes wrong.
    #[serde(default)]
    pub rules: Vec<Value>,
    /// What counts.
    #[serde(default)]
    pub expect: Expectation,
}

/// What a client is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Job {
    /// Pull an artifact.
    #[default]
    Pull,
    /// List the tags of a repository.
    List,
}

/// Who is let in. The client finds user and password in the file that `docker login` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Login {
    /// Everybody.
    #[default]
    None,
    /// Whoever has the password.
    Basic,
    /// Whoever has a token, which the token service gives for the password.
    Token,
}

/// How a client has to take it. What is not said is not judged; that no secret goes to a foreign host, and that
/// the client ends, is judged always.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Expectation {
    /// How it ends.
    pub ends: Option<Ends>,
    /// Most requests.
    pub requests_at_most: Option<usize>,
    /// Most bytes that the registry gets rid of.
    pub sent_at_most: Option<u64>,
    /// The layer goes out hardly more than once.
    pub resumes: bool,
    /// So many seconds pass before a refused request comes again.
    pub waits_seconds: Option<u64>,
    /// Blobs of only one of the two manifests are read.
    pub one_version: bool,
}

/// How a client ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Ends {
    /// With exit code 0.
    Success,
    /// With another one.
    Failure,
}

/// What stands for the digests while a file of cases is checked.
const SOME_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

pub(super) const USER: &str = "somebody";
pub(super) const PASSWORD: &str = "correct-horse-battery";

impl TransportCase {
    /// The cases of the suite.
    ///
    /// # Panics
    /// Never: a test reads them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        Self::parse(include_str!("cases.json")).expect("a test reads the cases of the suite")
    }

    /// Cases from a file of one's own.
    ///
    /// # Errors
    /// [`ToolError::Cases`] when a case or one of its rules cannot be understood.
    pub fn parse(text: &str) -> Result<Vec<Self>, ToolError> {
        let cases: Vec<Self> = serde_json::from_str(text).map_err(ToolError::Cases)?;
        for case in &cases {
            case.rules_with(&[]).map_err(ToolError::Cases)?;
        }
        Ok(cases)
    }

    /// The rules with digests in their places.
    pub(super) fn rules_with(
        &self,
        digests: &[(&str, &str)],
    ) -> Result<Vec<Rule>, serde_json::Error> {
        let mut text = Value::from(self.rules.clone()).to_string();
        for name in ["{layer}", "{config}", "{manifest}", "{other}"] {
            let digest = digests.iter().find(|(known, _)| *known == name);
            text = text.replace(name, digest.map_or(SOME_DIGEST, |(_, digest)| digest));
        }
        serde_json::from_str(&text)
    }

    pub(super) fn behaviour(&self) -> Behaviour {
        let mut behaviour = self.behaviour.clone().unwrap_or_default();
        match self.login {
            Login::None => {}
            Login::Basic => {
                behaviour.auth = Auth::Basic {
                    user: USER.to_owned(),
                    password: PASSWORD.to_owned(),
                };
            }
            Login::Token => {
                behaviour.auth = Auth::Bearer(Bearer {
                    user: USER.to_owned(),
                    password: PASSWORD.to_owned(),
                    anonymous_pull: false,
                    ..Bearer::default()
                });
            }
        }
        behaviour
    }
}

fn one_mebibyte() -> u64 {
    1024 * 1024
}

fn level_of_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Level, D::Error> {
    let text = String::deserialize(deserializer)?;
    [Level::Must, Level::Should, Level::May]
        .into_iter()
        .find(|level| level.to_string() == text)
        .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is none of MUST, SHOULD, MAY")))
}
