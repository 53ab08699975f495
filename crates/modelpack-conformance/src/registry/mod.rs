//! The suite `registry`: whether a registry follows the OCI distribution specification.

mod auth;
mod blobs;
mod calls;
mod checks;
mod client;
mod content;
mod data;
mod extra;
mod hostile;
mod names;
mod random;
mod report;
mod run;
mod sets;
mod wire;

use modelpack_spec::Repository;

pub(crate) use self::calls::{Call, Problem, Reply, Subject};
pub use self::client::{ClientError, HttpTransport};
pub use self::names::{Api, DataSet, Verdict};
pub use self::report::{RegistryCheck, RegistryReport};
pub use self::wire::{AnswerBody, Answered, Opened, RequestBody, Transport, TransportError};

use self::run::Run;

/// What a run of the suite `registry` needs to know.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RegistryOptions {
    /// Where the registry is, without `/v2`: `http://127.0.0.1:5000`.
    pub url: url::Url,
    /// The repository that is tested. Fresh ones are best: the suite deletes what it pushes, but a
    /// registry that fails may keep it.
    pub repository: Repository,
    /// A second one, for mounts.
    pub other: Repository,
    /// User and password, for registries that want them.
    pub login: Option<(String, String)>,
    /// Makes the content of a run differ from that of other runs.
    pub seed: u64,
    /// Whether manifests may name content that was not pushed. Some registries refuse this by policy.
    pub sparse: bool,
}

impl RegistryOptions {
    /// A registry at this address, two repositories named for the seed, and no login.
    #[must_use]
    pub fn new(url: url::Url, seed: u64) -> Self {
        let repository = |number| {
            format!("conformance/r{number}-{seed:016x}")
                .parse()
                .expect("letters, digits and a dash are a repository")
        };
        Self {
            url,
            repository: repository(1),
            other: repository(2),
            login: None,
            seed,
            sparse: true,
        }
    }
}

/// Runs the whole suite. The list of checks is that of the official conformance program, API by API
/// and data set by data set and with its names, made stricter where that one looks away, and after
/// it what went wrong in registries before.
///
/// # Errors
/// [`TransportError`] when nobody answers at the address; everything else is in the report.
pub async fn judge_registry(
    transport: &dyn Transport,
    options: RegistryOptions,
) -> Result<RegistryReport, TransportError> {
    let mut run = Run::new(transport, options);
    run.reach().await?;
    run.all().await;
    Ok(run.into_report())
}
