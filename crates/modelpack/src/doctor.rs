//! What is right and wrong with a store and a registry: probes in, findings out.
//!
//! Probing is thin ([`probe_store`], [`probe_registry`]) and judging is pure ([`StoreProbe::findings`],
//! [`RegistryProbe::findings`]), so that a program can show both, or judge by itself.

mod registry;
mod store;

use serde::Serialize;

pub use self::registry::{Answer, RegistryProbe, probe_registry};
pub use self::store::{StoreProbe, StoreState, probe_store};

/// How good a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Nothing fails for it, but something is slower, missing or worth knowing.
    Notice,
    /// Something will fail.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Finding {
    /// What it belongs to: `store`, `settings`, or the name of a registry.
    pub area: String,
    /// What was looked at, in a word or two.
    pub check: String,
    /// How good it is.
    pub verdict: Verdict,
    /// What was found, in a sentence. Never a secret.
    pub says: String,
    /// What to do about it, when something is off.
    pub hint: Option<String>,
}

impl Finding {
    /// A thing as it should be.
    #[must_use]
    pub fn good(
        area: impl Into<String>,
        check: impl Into<String>,
        says: impl Into<String>,
    ) -> Self {
        Self {
            area: area.into(),
            check: check.into(),
            verdict: Verdict::Good,
            says: says.into(),
            hint: None,
        }
    }

    /// The same thing, worth knowing.
    #[must_use]
    pub fn notice(mut self, hint: impl Into<String>) -> Self {
        self.verdict = Verdict::Notice;
        self.hint = Some(hint.into());
        self
    }

    /// The same thing, broken.
    #[must_use]
    pub fn bad(mut self, hint: Option<String>) -> Self {
        self.verdict = Verdict::Bad;
        self.hint = hint;
        self
    }
}

/// The worst verdict of all; good when there is none.
#[must_use]
pub fn worst(findings: &[Finding]) -> Verdict {
    findings
        .iter()
        .map(|finding| finding.verdict)
        .max()
        .unwrap_or(Verdict::Good)
}

/// A number of bytes for people, in powers of 1000.
fn size(bytes: u64) -> String {
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10;
    while tenths >= 10_000 && unit < 5 {
        tenths /= 1000;
        unit += 1;
    }
    match ["B", "kB", "MB", "GB", "TB", "PB"][unit] {
        "B" => format!("{bytes} B"),
        unit => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

/// An error with its causes in one line.
fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
