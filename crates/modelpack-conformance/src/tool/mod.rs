//! Tools that are judged from outside: how they are called, where they run, what they leave behind.

mod cases;
mod process;
mod scratch;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub use self::template::{Template, TemplateError};

pub(crate) use self::cases::{Head, Judged, run_cases};
pub(crate) use self::process::{End, Ran};
pub(crate) use self::scratch::{Found, Kind, Scratch, Tree, tree};

use self::process::Surroundings;
use crate::{Check, Evidence};

/// How long a command may take unless told otherwise: the slowest known tool retries for 135 s.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(180);

/// The tool that is judged.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ToolOptions {
    /// Its commands, run one after the other until one fails.
    pub commands: Vec<Template>,
    /// How long each of them may take; then it is killed with everything that it started.
    pub timeout: Duration,
    /// What it sees of the environment besides a home of its own: `PATH`, as a rule.
    pub environment: Vec<(OsString, OsString)>,
    /// Only the cases whose names begin with one of these; empty is all of them.
    pub only: Vec<String>,
    /// Once this is true, the command that runs is killed, and the suite ends with what it has found.
    pub stop: Arc<AtomicBool>,
}

impl ToolOptions {
    /// A tool that runs these commands, sees nothing of the environment, and is tried by all cases.
    #[must_use]
    pub fn new(commands: impl IntoIterator<Item = Template>) -> Self {
        Self {
            commands: commands.into_iter().collect(),
            timeout: DEFAULT_TIMEOUT,
            environment: Vec::new(),
            only: Vec::new(),
            stop: Arc::default(),
        }
    }

    /// The commands as they stand in a report.
    pub(crate) fn target(&self) -> String {
        let commands = self.commands.iter().map(ToString::to_string);
        commands.collect::<Vec<_>>().join(" && ")
    }
}

/// Is told of each check as soon as it ended.
pub type Seen<'a> = &'a mut dyn FnMut(&Check);

/// Why a tool could not be judged at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// The commands say nowhere where something goes.
    #[error(
        "the suite `{suite}` needs {} in its commands; write them where the tool takes its arguments",
        list(missing)
    )]
    MissingPlaceholders {
        /// Which suite.
        suite: &'static str,
        /// The placeholders, without braces.
        missing: Vec<&'static str>,
    },
    /// The commands name something that the suite has not.
    #[error("the suite `{suite}` has no {{{placeholder}}}; it has {}", list(known))]
    ForeignPlaceholder {
        /// Which suite.
        suite: &'static str,
        /// The placeholder, without braces.
        placeholder: String,
        /// Those that it has.
        known: Vec<&'static str>,
    },
    /// No case of the suite has this name.
    #[error("no check is called `{only}`; there are: {}", known.join(", "))]
    NoSuchCase {
        /// What was asked for.
        only: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A file with cases cannot be understood.
    #[error("the cases cannot be read")]
    Cases(#[source] serde_json::Error),
}

fn list(missing: &[&str]) -> String {
    let names = missing.iter().map(|name| format!("{{{name}}}"));
    names.collect::<Vec<_>>().join(", ")
}

/// Refuses commands that lack what a suite needs, or name what it has not.
pub(crate) fn need(
    suite: &'static str,
    commands: &[Template],
    needed: &[&'static str],
    optional: &[&'static str],
) -> Result<(), ToolError> {
    let named: BTreeSet<&str> = commands.iter().flat_map(Template::placeholders).collect();
    let known = [needed, optional].concat();
    if let Some(foreign) = named.iter().find(|name| !known.contains(*name)) {
        return Err(ToolError::ForeignPlaceholder {
            suite,
            placeholder: (*foreign).to_owned(),
            known,
        });
    }
    let missing = needed.iter().copied().filter(|name| !named.contains(name));
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(ToolError::MissingPlaceholders { suite, missing })
}

/// The values of the placeholders.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values(BTreeMap<&'static str, OsString>);

impl Values {
    /// Everything that has to do with this reference and this directory to write to.
    pub(crate) fn new(reference: &str, out: PathBuf) -> Self {
        let name = reference
            .split_once('@')
            .map_or(reference, |(name, _)| name);
        let repository = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => name,
            _ => name,
        };
        let mut values = Self::default();
        values.0.insert("ref", reference.into());
        values.0.insert("repo", repository.into());
        values.0.insert("out", out.into());
        values
    }

    pub(crate) fn with(mut self, name: &'static str, value: PathBuf) -> Self {
        self.0.insert(name, value.into());
        self
    }
}

/// What one use of a tool came to.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    /// How its last command ended.
    pub(crate) end: End,
    pub(crate) evidence: Vec<Evidence>,
}

/// Runs the commands in the scratch directory until one fails.
pub(crate) fn apply(
    commands: &[Template],
    options: &ToolOptions,
    scratch: &Scratch,
    values: &Values,
    more: &[(OsString, OsString)],
) -> io::Result<Use> {
    let mut environment = scratch.environment();
    environment.extend_from_slice(&options.environment);
    environment.extend_from_slice(more);
    let (directory, logs) = (scratch.run(), scratch.logs());
    let around = Surroundings {
        directory: &directory,
        environment: &environment,
        timeout: options.timeout,
        logs: &logs,
        stop: &options.stop,
    };
    let mut used = Use {
        end: End::Code(0),
        evidence: Vec::new(),
    };
    for command in commands {
        let words = command.fill(&values.0);
        let ran = process::run(&words, &around).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot run `{command}`: {error}"))
        })?;
        if ran.end == End::Stopped {
            return Err(io::Error::from(io::ErrorKind::Interrupted));
        }
        used.evidence.extend(describe(&words, &ran));
        used.end = ran.end;
        if !used.end.is_success() {
            break;
        }
    }
    Ok(used)
}

fn describe(words: &[OsString], ran: &Ran) -> Vec<Evidence> {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let mut evidence = vec![Evidence::new(
        "command",
        format!("{}\n{}", words.join(" "), ran.end.describe()),
    )];
    for (what, text) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
        if !text.trim().is_empty() {
            evidence.push(Evidence::new(what, text.trim_end()));
        }
    }
    evidence
}
