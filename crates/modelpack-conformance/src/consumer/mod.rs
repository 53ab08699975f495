//! The suite `consumer`: whether a tool that pulls or extracts writes the right files, and nothing else.

mod archives;
mod cases;
mod hostile;

use std::io;
use std::os::unix::fs::PermissionsExt as _;

use modelpack_faulty::{Contents, FaultyRegistry, Rule};
use modelpack_spec::rules::Level;

use crate::served::{File, MAX_QUOTED, Model, Put, requests};
use crate::tool::{
    End, Found, Head, Judged, Kind, Scratch, Seen, ToolError, ToolOptions, Tree, Values, apply,
    need, run_cases, tree,
};
use crate::{Evidence, Report};

const SUITE: &str = "consumer";
const REPOSITORY: &str = "models/conformance";
const TAG: &str = "v1";
/// Bytes on the disk that no case of the suite needs.
const MAX_ALLOCATED: u64 = 64 * 1024 * 1024;

/// One thing that is served, and what a tool has to make of it.
struct Case {
    id: &'static str,
    level: Level,
    anchor: &'static str,
    summary: &'static str,
    model: fn(&Scratch) -> io::Result<Model>,
    /// What goes wrong in the registry.
    rules: fn(&Put) -> Vec<Rule>,
    /// Done to the contents once the model is there.
    change: fn(&Contents, &Put),
    /// Done to the directories before each run, which are counted from 0.
    prepare: fn(&Scratch, usize) -> io::Result<()>,
    name: Name,
    /// How often the commands run; no run starts with a fresh home.
    runs: usize,
    expect: Expect,
}

/// How the tool is told which artifact.
#[derive(Clone, Copy)]
enum Name {
    Tag,
    Digest,
    TagAndDigest,
}

/// What counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// The tool succeeds, and exactly the right files are there.
    Files,
    /// The tool never succeeds.
    Refusal,
    /// Whatever stands under the right names has the right bytes, also after a failure.
    NoTrace,
    /// When the tool succeeds, the right files are there.
    Honest,
    /// Nothing happens where nothing may.
    Harmless,
    /// As before, and what is written stays small.
    Small,
    /// Files that can be executed stay so.
    Executable,
    /// No file can be written by everybody.
    NotWorldWritable,
}

/// Judges a tool that pulls an artifact and writes its files: the suite `consumer`.
///
/// The commands need `{ref}` and `{out}`. Each case runs them in a directory of its own, against a
/// registry of the suite that speaks HTTP on a loopback port, and then looks at what was written.
///
/// # Errors
/// [`ToolError`] when the commands lack a placeholder or no case has the wanted name. A tool that
/// cannot be started is in the report.
pub fn judge_consumer(options: &ToolOptions, seen: Seen<'_>) -> Result<Report, ToolError> {
    need(SUITE, &options.commands, &["ref", "out"], &["repo"])?;
    let mut report = Report::new(SUITE, options.target());
    let head = |case: &Case| Head {
        id: case.id.into(),
        level: case.level,
        anchor: case.anchor.into(),
        summary: case.summary.into(),
    };
    let judge = |case: &Case| try_case(case, options);
    run_cases(&mut report, &cases::all(), head, options, seen, judge)?;
    Ok(report)
}

fn try_case(case: &Case, options: &ToolOptions) -> io::Result<Judged> {
    let scratch = Scratch::new()?;
    let model = (case.model)(&scratch)?;
    let contents = Contents::new();
    let put = model.put(&contents, REPOSITORY, TAG);
    (case.change)(&contents, &put);
    let rules = (case.rules)(&put);
    let has_rules = !rules.is_empty();
    let registry = FaultyRegistry::builder()
        .contents(&contents)
        .rules(rules)
        .start();
    let base = format!("{}/{REPOSITORY}", registry.host());
    let reference = match case.name {
        Name::Tag => format!("{base}:{TAG}"),
        Name::Digest => format!("{base}@{}", put.digest),
        Name::TagAndDigest => format!("{base}:{TAG}@{}", put.digest),
    };
    let values = Values::new(&reference, scratch.out());

    let mut judged = Judged::default();
    let (mut last, mut stuck) = (None, Vec::new());
    for run in 0..case.runs {
        (case.prepare)(&scratch, run)?;
        let used = apply(&options.commands, options, &scratch, &values, &[])?;
        judged.evidence.extend(used.evidence);
        let found = tree(&scratch.out(), &|_| false)?;
        let before = judged.findings.len();
        judge_end(case, run, &used.end, &mut judged);
        stuck.extend_from_slice(&judged.findings[before..]);
        judge_run(case, &model, run, &used.end, &found, &mut judged);
        last = Some(found);
    }
    if has_rules && registry.struck().iter().all(|count| *count == 0) {
        // Then nothing went wrong, and what is wrong all the same belongs to other cases; but no tool may hang.
        judged.findings = stuck;
        judged.skipped = Some("the tool never asked for what would have gone wrong".to_owned());
    }
    // The suite puts a link there in one case; it was there before.
    let planted = |name: &str| name == hostile::PLANTED;
    let found = last.unwrap_or_default();
    for (name, thing) in found.iter().filter(|(name, _)| !planted(name)) {
        judge_thing(name, thing, &mut judged);
    }
    for escape in scratch.escapes()? {
        judged.find(escape);
    }
    judged
        .evidence
        .push(Evidence::new("requests", requests(&registry)));
    judged
        .evidence
        .push(Evidence::new("files", listing(&found)));
    Ok(judged)
}

/// Which run it is, where there are several.
fn which(case: &Case, run: usize) -> String {
    match case.runs {
        1 => String::new(),
        _ => format!("run {}: ", run + 1),
    }
}

/// No tool may end like this, whatever it is given.
fn judge_end(case: &Case, run: usize, end: &End, judged: &mut Judged) {
    if let End::TimedOut(_) | End::Flooded | End::Signal(_) = end {
        judged.find(format!("{}the tool {}", which(case, run), end.describe()));
    }
}

fn judge_run(case: &Case, model: &Model, run: usize, end: &End, found: &Tree, judged: &mut Judged) {
    let which = which(case, run);
    let expected = model.files();
    match case.expect {
        Expect::Files | Expect::Executable if run + 1 == case.runs && !end.is_success() => {
            judged.find(format!("{which}the tool failed ({})", end.describe()));
        }
        Expect::Files | Expect::Honest if end.is_success() => {
            for problem in compare(&expected, found) {
                judged.find(format!(
                    "{which}the tool says that it succeeded, but {problem}"
                ));
            }
        }
        Expect::Refusal if end.is_success() => {
            judged.find(format!("{which}the tool says that it succeeded"));
        }
        Expect::NoTrace => {
            for file in &expected {
                if let Some(thing) = found.get(&file.path)
                    && !is_right(file, thing)
                {
                    judged.find(format!("{which}`{}` is there with wrong bytes", file.path));
                }
            }
        }
        Expect::Executable if run + 1 == case.runs => {
            for file in &expected {
                if found
                    .get(&file.path)
                    .is_none_or(|thing| thing.mode & 0o100 == 0)
                {
                    judged.find(format!("{which}`{}` cannot be executed", file.path));
                }
            }
        }
        Expect::NotWorldWritable => {
            for (name, thing) in found {
                if thing.mode & 0o002 != 0 && !matches!(thing.kind, Kind::Link(_)) {
                    judged.find(format!(
                        "{which}everybody can write to `{name}` ({:o})",
                        thing.mode
                    ));
                }
            }
        }
        Expect::Small => {
            let allocated = found.values().map(|thing| match thing.kind {
                Kind::File { allocated, .. } => allocated,
                _ => 0,
            });
            let allocated: u64 = allocated.sum();
            if allocated > MAX_ALLOCATED {
                judged.find(format!("{which}the tool wrote {allocated} bytes"));
            }
        }
        Expect::Files
        | Expect::Honest
        | Expect::Refusal
        | Expect::Harmless
        | Expect::Executable => {}
    }
}

/// What is never right, whatever a case is about.
fn judge_thing(name: &str, thing: &Found, judged: &mut Judged) {
    if thing.mode & 0o6000 != 0 && thing.kind != Kind::Directory {
        judged.find(format!("`{name}` has set-id bits ({:o})", thing.mode));
    }
    match &thing.kind {
        Kind::Link(target) if leads_out(name, target) => {
            judged.find(format!("`{name}` is a link that leads out, to `{target}`"));
        }
        Kind::Other => judged.find(format!("`{name}` is neither a file nor a directory")),
        _ => {}
    }
}

fn leads_out(name: &str, target: &str) -> bool {
    if target.starts_with('/') {
        return true;
    }
    let mut depth = name.matches('/').count();
    for part in target.split('/') {
        match part {
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
    }
    false
}

fn is_right(file: &File, thing: &Found) -> bool {
    matches!(&thing.kind, Kind::File { size, digest, .. } if *size == file.size && *digest == file.digest)
}

fn compare(expected: &[File], found: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for file in expected {
        match found.get(&file.path) {
            None => problems.push(format!("`{}` is not there", file.path)),
            Some(thing) if !is_right(file, thing) => problems.push(format!(
                "`{}` is {}, not the {} bytes with the digest {}",
                file.path,
                describe(thing),
                file.size,
                file.digest
            )),
            Some(_) => {}
        }
    }
    for (name, thing) in found {
        // What a tool notes for itself begins with a dot, as a rule.
        let is_own = name.starts_with('.') && !expected.iter().any(|file| file.path == *name);
        let is_named = expected.iter().any(|file| file.path == *name);
        if thing.kind != Kind::Directory && !is_named && !is_own {
            problems.push(format!("`{name}` is there, which no layer has"));
        }
    }
    problems
}

fn describe(thing: &Found) -> String {
    match &thing.kind {
        Kind::Directory => "a directory".to_owned(),
        Kind::File { size, digest, .. } => format!("a file of {size} bytes, {digest}"),
        Kind::Link(target) => format!("a link to `{target}`"),
        Kind::Other => "a special file".to_owned(),
    }
}

fn listing(found: &Tree) -> String {
    if found.is_empty() {
        return "none".to_owned();
    }
    let lines = found.iter().take(MAX_QUOTED);
    let lines =
        lines.map(|(name, thing)| format!("{:06o} {name}: {}", thing.mode, describe(thing)));
    let mut lines: Vec<String> = lines.collect();
    if found.len() > MAX_QUOTED {
        lines.push(format!("and {} more", found.len() - MAX_QUOTED));
    }
    lines.join("\n")
}

/// Makes a file writable for its owner, which some tools leave read-only.
fn make_writable(path: &std::path::Path) -> io::Result<()> {
    let mut permissions = std::fs::metadata(path)?.permissions();
    permissions.set_mode(permissions.mode() | 0o200);
    std::fs::set_permissions(path, permissions)
}
