//! The local store as a doctor sees it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use modelpack_spec::{AnyManifest, Descriptor, Digest};
use modelpack_store::{Error as StoreError, Store};
use serde::Serialize;

use super::{Finding, in_one_line, size};
use crate::artifact::MAX_DOCUMENT_BYTES;
use crate::{Error, VerifyReport, blocking};

/// With less than this many bytes free the next model hardly fits.
const LITTLE_SPACE_BYTES: u64 = 1_000_000_000;
/// Most sentences about damage in the findings; the probe has them all.
const MAX_DAMAGE_LINES: usize = 10;

/// What a look at a store gave.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StoreProbe {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it can be used.
    pub state: StoreState,
    /// Bytes that its file system still takes, when that is known.
    pub free_bytes: Option<u64>,
    /// Names in it.
    pub names: usize,
    /// Downloads that are not finished.
    pub partials: usize,
    /// Bytes of those that are here.
    pub partial_bytes: u64,
    /// What is wrong with the named artifacts, as far as that is seen without hashing their layers: a
    /// sentence each.
    pub damage: Vec<String>,
    /// What hashing everything gave, when that was done.
    pub verified: Option<VerifyReport>,
}

/// Whether a store can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state", content = "reason")]
#[non_exhaustive]
pub enum StoreState {
    /// It can be read and written.
    Ready,
    /// There is none yet; the first command that needs it makes it.
    Missing,
    /// It can be read, but not written; the reason.
    ReadOnly(String),
    /// It cannot be opened; the reason.
    Unusable(String),
}

/// Looks at the store at `path`: quickly, without hashing layers and without making a store.
///
/// # Errors
/// None but [`Error::Worker`]: what is wrong is in the probe.
pub async fn probe_store(path: PathBuf) -> Result<StoreProbe, Error> {
    blocking::run(move || Ok(look_at(&path))).await
}

fn look_at(path: &Path) -> StoreProbe {
    let mut probe = StoreProbe {
        path: path.to_owned(),
        state: StoreState::Ready,
        free_bytes: None,
        names: 0,
        partials: 0,
        partial_bytes: 0,
        damage: Vec::new(),
        verified: None,
    };
    let store = match Store::open(path) {
        Ok(store) => store,
        Err(StoreError::NotAStore { .. }) => {
            probe.state = StoreState::Missing;
            return probe;
        }
        Err(error) => {
            probe.state = StoreState::Unusable(in_one_line(&error));
            return probe;
        }
    };
    probe.free_bytes = store.available_space().ok();
    if let Err(error) = store.lease() {
        probe.state = StoreState::ReadOnly(in_one_line(&error));
    }
    if let Ok(partials) = store.partials() {
        probe.partials = partials.len();
        probe.partial_bytes = partials.iter().map(|partial| partial.done.len()).sum();
    }
    match store.references() {
        Ok(entries) => {
            probe.names = entries.len();
            let mut seen = BTreeSet::new();
            for entry in entries {
                let name = entry.reference.to_string();
                let mut complain = |text: String| probe.damage.push(text);
                check(&store, &entry.descriptor, &name, &mut seen, &mut complain);
            }
        }
        Err(error) => probe.damage.push(in_one_line(&error)),
    }
    probe
}

/// Looks whether a named manifest can be read, and whether every part of it is here with its size.
fn check(
    store: &Store,
    named: &Descriptor,
    name: &str,
    seen: &mut BTreeSet<Digest>,
    complain: &mut dyn FnMut(String),
) {
    if !seen.insert(named.digest) {
        return;
    }
    let parsed = store
        .read_blob(&named.digest, MAX_DOCUMENT_BYTES)
        .map_err(|error| in_one_line(&error))
        .and_then(|bytes| {
            AnyManifest::parse(bytes, Some(&named.media_type)).map_err(|error| in_one_line(&error))
        });
    let manifest = match parsed {
        Ok(AnyManifest::Manifest(manifest)) => manifest.into_value(),
        // An index may name variants that were never pulled.
        Ok(_) => return,
        Err(reason) => return complain(format!("{name}: {reason}")),
    };
    for part in manifest.layers.iter().chain([&manifest.config]) {
        match store.blob_size(&part.digest) {
            Ok(Some(actual)) if actual == part.size => {}
            Ok(Some(actual)) => complain(format!(
                "{name}: blob {} has {actual} bytes, expected {}",
                part.digest, part.size
            )),
            Ok(None) => complain(format!("{name}: blob {} is missing", part.digest)),
            Err(error) => complain(format!("{name}: {}", in_one_line(&error))),
        }
    }
}

impl StoreProbe {
    /// What is right and wrong.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let good = |check: &str, says: String| Finding::good("store", check, says);
        let path = self.path.display();
        let mut findings = vec![match &self.state {
            StoreState::Ready => good("path", path.to_string()),
            StoreState::Missing => {
                return vec![good(
                    "path",
                    format!("{path} (there is none yet; the first command makes it)"),
                )];
            }
            StoreState::ReadOnly(reason) => {
                good("path", format!("{path} cannot be written: {reason}")).bad(Some(
                    "give this user the right to write there, or take another --storage-dir"
                        .to_owned(),
                ))
            }
            StoreState::Unusable(reason) => {
                let says = format!("{path} cannot be used: {reason}");
                let hint = "take another --storage-dir, or mend what the message says";
                return vec![good("path", says).bad(Some(hint.to_owned()))];
            }
        }];
        if let Some(bytes) = self.free_bytes {
            let space = good("space", format!("{} free", size(bytes)));
            findings.push(if bytes < LITTLE_SPACE_BYTES {
                space.notice("`modelpack prune` frees what nothing needs")
            } else {
                space
            });
        }
        let partials = match self.partials {
            0 => good("downloads", "none is unfinished".to_owned()),
            count => good(
                "downloads",
                format!(
                    "{count} unfinished, {} of them are here",
                    size(self.partial_bytes)
                ),
            )
            .notice(
                "pulling again continues them; `modelpack prune --partials-older-than HOURS` gives them up",
            ),
        };
        findings.push(partials);
        findings.extend(self.judge_content());
        findings
    }

    fn judge_content(&self) -> Vec<Finding> {
        let hint = || {
            Some(
                "pull or build the artifact again; that replaces what is missing or damaged"
                    .to_owned(),
            )
        };
        let hashed = self.verified.iter().flat_map(|report| &report.damage);
        let damage: BTreeSet<&String> = self.damage.iter().chain(hashed).collect();
        let mut findings: Vec<Finding> = damage
            .iter()
            .take(MAX_DAMAGE_LINES)
            .map(|text| Finding::good("store", "content", text.as_str()).bad(hint()))
            .collect();
        if let Some(more) = damage
            .len()
            .checked_sub(MAX_DAMAGE_LINES)
            .filter(|more| *more > 0)
        {
            let says = format!("{more} more of these; `modelpack verify` names all");
            findings.push(Finding::good("store", "content", says).bad(hint()));
        }
        if findings.is_empty() {
            let says = match &self.verified {
                Some(report) => format!(
                    "{} names, complete; {} blobs hashed, no damage",
                    self.names, report.blobs
                ),
                None => format!("{} names, complete; --verify also hashes them", self.names),
            };
            findings.push(Finding::good("store", "content", says));
        }
        findings
    }
}
