//! The suite `transport`: how an OCI client takes a registry that misbehaves.

mod case;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use modelpack_faulty::{Contents, Exchange, FaultyRegistry, random_bytes};

pub use self::case::{Ends, Expectation, Job, Login, TransportCase};

use self::case::{PASSWORD, USER};
use crate::served::{Layer, Model, Put, requests};
use crate::tool::{
    End, Head, Judged, Kind, Scratch, Seen, Template, ToolError, ToolOptions, Values, apply, need,
    run_cases, tree,
};
use crate::{Evidence, Report};

const SUITE: &str = "transport";
const REPOSITORY: &str = "models/conformance";
const TAG: &str = "v1";
/// How large the layer is to which the tag moves.
const OTHER_LAYER_BYTES: u64 = 1000;
/// What goes out twice of a resumed layer was under way when the connection broke.
const TWICE: u64 = 1024 * 1024;
/// Clocks of two processes may be so far apart in what they call a second.
const TOLERANCE: Duration = Duration::from_millis(50);

/// Judges an OCI client by a registry that misbehaves: the suite `transport`.
///
/// The commands of `options` pull `{ref}`; when they name `{out}`, the layer has to be a file there after
/// they succeeded. `list` are the commands that list the tags of `{repo}` or `{ref}`; without any, the cases
/// about lists are skipped.
///
/// # Errors
/// [`ToolError`] when the commands lack a placeholder or no case has the wanted name. A tool that
/// cannot be started is in the report.
pub fn judge_transport(
    options: &ToolOptions,
    list: &[Template],
    cases: &[TransportCase],
    seen: Seen<'_>,
) -> Result<Report, ToolError> {
    need(SUITE, &options.commands, &["ref"], &["repo", "out"])?;
    let names_reference = |command: &Template| command.placeholders().contains("ref");
    if list.iter().any(names_reference) {
        need(SUITE, list, &["ref"], &["repo"])?;
    } else if !list.is_empty() {
        need(SUITE, list, &["repo"], &[])?;
    }
    let list_target = ToolOptions::new(list.to_vec()).target();
    let targets = [options.target(), list_target];
    let targets: Vec<&str> = targets
        .iter()
        .map(String::as_str)
        .filter(|target| !target.is_empty())
        .collect();
    let mut report = Report::new(SUITE, targets.join("; "));
    let head = |case: &TransportCase| Head {
        id: case.id.clone().into(),
        level: case.level,
        anchor: case.anchor.clone().into(),
        summary: case.summary.clone().into(),
    };
    let judge = |case: &TransportCase| try_case(case, options, list);
    run_cases(&mut report, cases, head, options, seen, judge)?;
    Ok(report)
}

/// The artifact and the one to which its tag moves.
struct Served {
    put: Put,
    other: Put,
}

impl Served {
    fn new(contents: &Contents, layer_bytes: u64) -> Self {
        let model =
            |path, length, seed| Model::new([Layer::raw(path, &random_bytes(length, seed))]);
        let length = usize::try_from(layer_bytes).unwrap_or(usize::MAX);
        let other_length = usize::try_from(OTHER_LAYER_BYTES).unwrap_or(usize::MAX);
        let other = model("other.bin", other_length, 2).put(contents, REPOSITORY, "other");
        let put = model("model.bin", length, 1).put(contents, REPOSITORY, TAG);
        Self { put, other }
    }
}

fn try_case(case: &TransportCase, options: &ToolOptions, list: &[Template]) -> io::Result<Judged> {
    let commands = match case.job {
        Job::Pull => &options.commands[..],
        Job::List if list.is_empty() => {
            return Ok(Judged::skipped(
                "no command lists tags; `--list-cmd` names one",
            ));
        }
        Job::List => list,
    };
    let scratch = Scratch::new()?;
    let contents = Contents::new();
    let served = Served::new(&contents, case.layer_bytes);
    let rules = case
        .rules_with(&[
            ("{layer}", &served.put.layers[0]),
            ("{config}", &served.put.config),
            ("{manifest}", &served.put.digest),
            ("{other}", &served.other.digest),
        ])
        .map_err(io::Error::other)?;
    let described: Vec<String> = rules
        .iter()
        .filter_map(|rule| serde_json::to_string(rule).ok())
        .collect();
    let registry = FaultyRegistry::builder()
        .contents(&contents)
        .behaviour(case.behaviour())
        .rules(rules)
        .start();
    let base = format!("{}/{REPOSITORY}", registry.host());
    let reference = if case.pinned {
        format!("{base}@{}", served.put.digest)
    } else {
        format!("{base}:{TAG}")
    };
    let values = Values::new(&reference, scratch.out());
    let login = match case.login {
        Login::None => Vec::new(),
        Login::Basic | Login::Token => log_in(&scratch, &registry.host())?,
    };
    let scratch = scratch.watched()?;
    let used = apply(commands, options, &scratch, &values, &login)?;

    let mut judged = Judged {
        evidence: used.evidence,
        ..Judged::default()
    };
    if !described.is_empty() {
        judged
            .evidence
            .insert(0, Evidence::new("faults", described.join("\n")));
    }
    judged
        .evidence
        .push(Evidence::new("requests", requests(&registry)));
    // Then nothing went wrong, so there is nothing to end in any way for.
    let is_untouched = registry.struck().last() == Some(&0);
    if is_untouched {
        judged.skipped = Some("the client never asked for what would have gone wrong".to_owned());
        judge_end(&Expectation::default(), &used.end, &mut judged);
    } else {
        judge_end(&case.expect, &used.end, &mut judged);
        if case.job == Job::Pull && used.end.is_success() {
            judge_reading(case, &served, &registry, &mut judged);
        }
    }
    judge_log(case, &served, &registry, &mut judged);
    let names_out = commands
        .iter()
        .any(|command| command.placeholders().contains("out"));
    if case.job == Job::Pull && names_out && used.end.is_success() {
        judge_layer(case, &served, &scratch, &mut judged)?;
    }
    for escape in scratch.escapes()? {
        judged.find(escape);
    }
    Ok(judged)
}

fn judge_end(expect: &Expectation, end: &End, judged: &mut Judged) {
    let described = end.describe();
    match (expect.ends, end) {
        (_, End::TimedOut(_) | End::Flooded | End::Signal(_)) => {
            judged.find(format!("the client {described}"));
        }
        (Some(Ends::Success), _) if !end.is_success() => {
            judged.find(format!("the client failed ({described})"));
        }
        (Some(Ends::Failure), _) if end.is_success() => {
            judged.find("the client says that it succeeded");
        }
        _ => {}
    }
}

/// Nobody has pulled a layer whose bytes did not all go out.
fn judge_reading(
    case: &TransportCase,
    served: &Served,
    registry: &FaultyRegistry,
    judged: &mut Judged,
) {
    let sent = registry.served(&served.put.layers[0]).total();
    let is_other = case.expect.one_version
        && registry.served(&served.other.layers[0]).total() >= OTHER_LAYER_BYTES;
    if sent < case.layer_bytes && !is_other {
        judged.find(format!(
            "the client says that it succeeded, but of the {} bytes of the layer it was sent {sent}",
            case.layer_bytes
        ));
    }
}

fn judge_log(
    case: &TransportCase,
    served: &Served,
    registry: &FaultyRegistry,
    judged: &mut Judged,
) {
    let expect = &case.expect;
    let exchanges = registry.requests();
    for leak in registry.leaks() {
        let line = leak.exchange.line();
        judged.find(format!("another host was sent `{}` ({line})", leak.secret));
    }
    if let Some(most) = expect.requests_at_most
        && exchanges.len() > most
    {
        judged.find(format!(
            "{} requests were made, more than {most}",
            exchanges.len()
        ));
    }
    let sent: u64 = exchanges.iter().map(|exchange| exchange.sent).sum();
    if let Some(most) = expect.sent_at_most
        && sent > most
    {
        judged.find(format!("{sent} bytes were read, more than {most}"));
    }
    let layer = registry.served(&served.put.layers[0]);
    if expect.resumes && layer.total() > case.layer_bytes + TWICE {
        judged.find(format!(
            "{} bytes of a layer of {} were read: it was begun again",
            layer.total(),
            case.layer_bytes
        ));
    }
    if let Some(seconds) = expect.waits_seconds {
        judge_wait(&exchanges, Duration::from_secs(seconds), judged);
    }
    if expect.one_version {
        let read = |put: &Put| {
            put.layers
                .iter()
                .any(|layer| registry.served(layer).total() > 0)
        };
        if read(&served.put) && read(&served.other) {
            judged.find("layers of both versions were read");
        }
    }
}

/// How long it took until what was refused was asked for again.
fn judge_wait(exchanges: &[Exchange], least: Duration, judged: &mut Judged) {
    let refused = exchanges
        .iter()
        .position(|exchange| !exchange.rules.is_empty());
    let Some(refused) = refused else { return };
    let first = &exchanges[refused];
    let mut later = exchanges[refused + 1..].iter();
    if let Some(again) =
        later.find(|later| later.target == first.target && later.method == first.method)
    {
        let waited = again.at.saturating_sub(first.at);
        if waited + TOLERANCE < least {
            judged.find(format!(
                "it was asked for again after {:.2} s, not after {} s",
                waited.as_secs_f64(),
                least.as_secs_f64()
            ));
        }
    }
}

/// After a success the layer is a file, with its own bytes.
fn judge_layer(
    case: &TransportCase,
    served: &Served,
    scratch: &Scratch,
    judged: &mut Judged,
) -> io::Result<()> {
    let found = tree(&scratch.out(), &|_| false)?;
    let mut wanted = vec![&served.put.layers[0]];
    if case.expect.one_version {
        wanted.push(&served.other.layers[0]);
    }
    let has = |wanted: &str| {
        let mut things = found.values();
        things.any(|thing| matches!(&thing.kind, Kind::File { digest, .. } if digest.to_string() == wanted))
    };
    if !wanted.iter().any(|digest| has(digest)) {
        judged.find(
            "the client says that it succeeded, but no file in `{out}` has the bytes of the layer",
        );
    }
    Ok(())
}

/// Writes the file that `docker login` writes, where clients look for it.
fn log_in(scratch: &Scratch, host: &str) -> io::Result<Vec<(OsString, OsString)>> {
    let encoded = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let file = serde_json::json!({ "auths": { host: { "auth": encoded } } }).to_string();
    let docker = scratch.home().join(".docker");
    fs::create_dir_all(&docker)?;
    fs::write(docker.join("config.json"), &file)?;
    let containers = scratch.home().join("runtime/containers");
    fs::create_dir_all(&containers)?;
    fs::write(containers.join("auth.json"), &file)?;
    Ok(vec![("DOCKER_CONFIG".into(), docker.into())])
}

#[cfg(test)]
mod tests;
