//! The suite `builder`: whether a tool that packages models makes right artifacts of them.

mod cases;
mod pushed;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, FileTimes};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use modelpack_faulty::{Contents, FaultyRegistry, random_bytes};
use modelpack_spec::Digest;
use modelpack_spec::rules::Level;

use self::cases::{Content, Directory, Expect};
use self::pushed::{Files, Pushed};
use crate::served::requests;
use crate::tool::{
    End, Head, Judged, Scratch, Seen, ToolError, ToolOptions, Values, apply, need, run_cases,
};
use crate::{Evidence, Outcome, Report, judge_layout};

const SUITE: &str = "builder";
const REPOSITORY: &str = "models/conformance";
const TAG: &str = "v1";
const MANIFEST_FIELDS: &str = "https://github.com/modelpack/model-spec/blob/main/docs/spec.md#oci-image-manifest-specification-for-model-artifacts";
const PATHS: &str =
    "https://github.com/modelpack/model-spec/blob/main/docs/annotations.md#layer-annotation-keys";
const ATTRIBUTES: &str =
    "https://github.com/modelpack/model-spec/blob/main/docs/spec.md#file-attributes";
const REPRODUCIBILITY: &str =
    "https://github.com/modelpack/model-spec/blob/main/docs/spec.md#reproducibility";
const TRAVERSAL: &str = "https://cwe.mitre.org/data/definitions/22.html";
/// When the files of every directory were changed last.
const MODIFIED: Duration = Duration::from_secs(1_700_000_000);
/// Most characters of a manifest that a report quotes.
const QUOTED_CHARS: usize = 8000;

/// Something that is asked about a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    /// Exactly the right files.
    Files,
    /// Files that can be executed are said to be so.
    Modes,
    /// Every MUST of the suite `artifact`.
    Rules,
    /// Every SHOULD of it.
    Advice,
    /// The same layers from the same directory.
    Reproducible,
    /// New bytes of the same length, with the same time of change.
    Changed,
    /// No artifact.
    Refused,
}

struct Case {
    id: String,
    question: Question,
    directory: &'static Directory,
}

/// Judges a tool that packages a directory by its Modelfile and pushes the artifact: the suite `builder`.
///
/// The commands need `{ref}` and `{dir}`; the Modelfile is `{modelfile}`, or `Modelfile` in the directory where
/// they do not name it. What was pushed to the registry of the suite is held against the rules of the suite
/// `artifact` and against the files that went in.
///
/// # Errors
/// [`ToolError`] when the commands lack a placeholder or no case has the wanted name. A tool that
/// cannot be started is in the report.
pub fn judge_builder(options: &ToolOptions, seen: Seen<'_>) -> Result<Report, ToolError> {
    need(
        SUITE,
        &options.commands,
        &["ref", "dir"],
        &["modelfile", "repo", "out"],
    )?;
    let mut report = Report::new(SUITE, options.target());
    let head = |case: &Case| {
        let (level, anchor, what) = case.question.head();
        let summary = match case.question {
            Question::Refused => case.directory.summary.to_owned(),
            _ => format!("{what}: {}", case.directory.summary),
        };
        Head {
            id: case.id.clone().into(),
            level,
            anchor: anchor.into(),
            summary: summary.into(),
        }
    };
    // Most questions are about the same build.
    let builds: RefCell<BTreeMap<&str, Rc<Build>>> = RefCell::default();
    let judge = |case: &Case| {
        let known = builds.borrow().get(case.directory.id).cloned();
        let build = match known {
            Some(build) => build,
            None => {
                let build = Rc::new(Build::new(case.directory, options)?);
                builds
                    .borrow_mut()
                    .insert(case.directory.id, Rc::clone(&build));
                build
            }
        };
        case.judge(&build, options)
    };
    run_cases(&mut report, &all(), head, options, seen, judge)?;
    Ok(report)
}

fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for directory in cases::ALL {
        let questions: &[Question] = match (directory.expect, directory.id) {
            (Expect::Refusal, _) => &[Question::Refused],
            (Expect::Artifact, "plain") => &[
                Question::Files,
                Question::Modes,
                Question::Rules,
                Question::Advice,
                Question::Reproducible,
                Question::Changed,
            ],
            (Expect::Artifact, _) => &[
                Question::Files,
                Question::Rules,
                Question::Advice,
                Question::Reproducible,
            ],
        };
        cases.extend(questions.iter().map(|question| Case {
            id: format!("{}.{}", question.name(), directory.id),
            question: *question,
            directory,
        }));
    }
    cases
}

impl Question {
    fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Modes => "modes",
            Self::Rules => "rules",
            Self::Advice => "advice",
            Self::Reproducible => "reproducible",
            Self::Changed => "changed",
            Self::Refused => "refused",
        }
    }

    fn head(self) -> (Level, &'static str, &'static str) {
        match self {
            Self::Files => (
                Level::Must,
                PATHS,
                "exactly the right files, of the right kinds",
            ),
            Self::Modes => (Level::Should, ATTRIBUTES, "permissions are kept"),
            Self::Rules => (
                Level::Must,
                MANIFEST_FIELDS,
                "every MUST for artifacts holds",
            ),
            Self::Advice => (
                Level::Should,
                MANIFEST_FIELDS,
                "every SHOULD for artifacts holds",
            ),
            Self::Reproducible => (
                Level::Should,
                REPRODUCIBILITY,
                "a second build has the same layers",
            ),
            Self::Changed => (
                Level::Must,
                PATHS,
                "new content of the same length and time is seen",
            ),
            Self::Refused => (Level::Must, TRAVERSAL, "no artifact"),
        }
    }
}

/// A directory that was packaged.
struct Build {
    scratch: Scratch,
    registry: FaultyRegistry,
    contents: Contents,
    end: End,
    evidence: Vec<Evidence>,
}

impl Build {
    fn new(directory: &Directory, options: &ToolOptions) -> io::Result<Self> {
        let scratch = Scratch::new()?;
        let contents = Contents::new();
        let registry = FaultyRegistry::builder().contents(&contents).start();
        let names_modelfile = options
            .commands
            .iter()
            .any(|command| command.placeholders().contains("modelfile"));
        let given = scratch.given();
        write_directory(directory, &given, names_modelfile)?;
        let mut build = Self {
            scratch: scratch.watched()?,
            registry,
            contents,
            end: End::Code(0),
            evidence: Vec::new(),
        };
        (build.end, build.evidence) = build.use_tool(options, TAG)?;
        Ok(build)
    }

    /// Packages the directory under a tag.
    fn use_tool(&self, options: &ToolOptions, tag: &str) -> io::Result<(End, Vec<Evidence>)> {
        let reference = format!("{}/{REPOSITORY}:{tag}", self.registry.host());
        let given = self.scratch.given();
        let values = Values::new(&reference, self.scratch.out())
            .with("dir", given.join("model"))
            .with("modelfile", given.join("Modelfile"));
        let used = apply(&options.commands, options, &self.scratch, &values, &[])?;
        Ok((used.end, used.evidence))
    }

    fn pushed(&self, tag: &str) -> Option<Pushed<'_>> {
        Pushed::find(&self.contents, REPOSITORY, tag)
    }

    /// The artifact, or why there is none.
    fn artifact(&self, judged: &mut Judged) -> Option<Pushed<'_>> {
        if !self.end.is_success() {
            judged.find(format!("the tool failed ({})", self.end.describe()));
            return None;
        }
        let pushed = self.pushed(TAG);
        if pushed.is_none() {
            judged.find("the tool says that it succeeded, but the registry has no such tag");
        }
        pushed
    }
}

impl Case {
    fn judge(&self, build: &Build, options: &ToolOptions) -> io::Result<Judged> {
        let mut judged = Judged {
            evidence: build.evidence.clone(),
            ..Judged::default()
        };
        judged
            .evidence
            .push(Evidence::new("Modelfile", self.directory.modelfile));
        if self.question == Question::Refused {
            judge_refusal(build, &mut judged);
        } else if let Some(pushed) = build.artifact(&mut judged) {
            match self.question {
                Question::Files => judge_files(self.directory, &pushed.files(), &mut judged),
                Question::Modes => judge_modes(self.directory, &pushed.files(), &mut judged),
                Question::Rules => judge_rules(&pushed, Level::Must, &mut judged)?,
                Question::Advice => judge_rules(&pushed, Level::Should, &mut judged)?,
                Question::Reproducible => {
                    let again = Build::new(self.directory, options)?;
                    if let Some(second) = again.artifact(&mut judged) {
                        judge_same(&pushed, &second, &mut judged);
                    }
                }
                Question::Changed => self.judge_changed(options, &mut judged)?,
                Question::Refused => {}
            }
            judged
                .evidence
                .push(Evidence::new("manifest", shortened(&pushed.text())));
        }
        if self.question == Question::Files || self.question == Question::Refused {
            for escape in build.scratch.escapes()? {
                judged.find(escape.replace(
                    ", outside of `place/out`",
                    ", which is not for the tool to write",
                ));
            }
            judged
                .evidence
                .push(Evidence::new("requests", requests(&build.registry)));
        }
        Ok(judged)
    }

    /// Builds, puts other bytes into a file without its length and time telling, and builds again.
    fn judge_changed(&self, options: &ToolOptions, judged: &mut Judged) -> io::Result<()> {
        let build = Build::new(self.directory, options)?;
        let Some(file) = self
            .directory
            .files
            .iter()
            .find(|file| matches!(file.content, Content::Random(..)))
        else {
            return Ok(());
        };
        let mut content = file.content.bytes();
        content.iter_mut().for_each(|byte| *byte = !*byte);
        write_file(
            &build.scratch.given().join("model").join(file.path),
            &content,
            file.mode,
        )?;
        let (end, evidence) = build.use_tool(options, "v2")?;
        judged.evidence.extend(evidence);
        if !end.is_success() {
            judged.find(format!("the second build failed ({})", end.describe()));
        }
        let second = build.pushed("v2");
        if end.is_success() && second.is_none() {
            judged.find(
                "the tool says that the second build succeeded, but the registry has no such tag",
            );
        }
        if let Some(pushed) = second {
            let files = pushed.files().files;
            if files
                .get(file.path)
                .is_none_or(|found| found.digest != Digest::sha256(&content))
            {
                judged.find(format!(
                    "the second artifact does not have the new bytes of `{}`",
                    file.path
                ));
            }
        }
        Ok(())
    }
}

fn judge_refusal(build: &Build, judged: &mut Judged) {
    if let End::TimedOut(_) | End::Flooded | End::Signal(_) = build.end {
        judged.find(format!("the tool {}", build.end.describe()));
    }
    if let Some(pushed) = build.pushed(TAG) {
        let files: Vec<String> = pushed.files().files.into_keys().collect();
        judged.find(format!(
            "an artifact was pushed, with the files: {}",
            files.join(", ")
        ));
    } else if build.end.is_success() {
        judged.find("the tool says that it succeeded, and pushed nothing");
    }
}

fn judge_files(directory: &Directory, found: &Files, judged: &mut Judged) {
    for problem in &found.problems {
        judged.find(problem.clone());
    }
    for file in directory.files {
        let content = file.content.bytes();
        let path = file.path;
        match (file.kind, found.files.get(path)) {
            (None, None) => {}
            (None, Some(_)) => judged.find(format!(
                "`{path}` got in, which no line of the Modelfile names"
            )),
            (Some(_), None) => judged.find(format!("`{path}` is missing")),
            (Some(kind), Some(there)) => {
                if there.kind != kind {
                    judged.find(format!(
                        "`{path}` is a layer of kind `{}`, not `{kind}`",
                        there.kind
                    ));
                }
                if there.digest != Digest::sha256(&content) {
                    judged.find(format!(
                        "`{path}` has other bytes ({}, not {})",
                        there.size,
                        content.len()
                    ));
                }
            }
        }
    }
    for path in found.files.keys() {
        if !directory.files.iter().any(|file| file.path == path) {
            judged.find(format!("`{path}` is there, which was not in the directory"));
        }
    }
}

fn judge_modes(directory: &Directory, found: &Files, judged: &mut Judged) {
    for file in directory.files.iter().filter(|file| file.mode & 0o100 != 0) {
        let mode = found.files.get(file.path).and_then(|there| there.mode);
        if mode.is_none_or(|mode| mode & 0o100 == 0) {
            let said = mode.map_or("nothing".to_owned(), |mode| format!("{mode:o}"));
            judged.find(format!(
                "`{}` can be executed, but its layer says {said}",
                file.path
            ));
        }
    }
}

/// What the suite `artifact` finds at this level.
fn judge_rules(pushed: &Pushed<'_>, level: Level, judged: &mut Judged) -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    pushed.write_layout(directory.path())?;
    let report = match judge_layout(directory.path(), None) {
        Ok(report) => report,
        Err(error) => {
            judged.find(error.to_string());
            return Ok(());
        }
    };
    for check in report.checks {
        if check.level == level && check.outcome == Outcome::Failed {
            for finding in check.findings {
                let (id, pointer) = (&check.id, finding.pointer);
                judged.find(format!(
                    "{id}: {pointer} {} (see {})",
                    finding.message, check.anchor
                ));
            }
        }
    }
    Ok(())
}

fn judge_same(first: &Pushed<'_>, second: &Pushed<'_>, judged: &mut Judged) {
    let (first, second) = (first.layers(), second.layers());
    if first.len() != second.len() {
        judged.find(format!(
            "one build has {} layers, the other {}",
            first.len(),
            second.len()
        ));
    }
    for (index, (one, other)) in first.iter().zip(second).enumerate() {
        if one != other {
            judged.find(format!(
                "layer {index} is {one} in one build and {other} in the other"
            ));
        }
    }
}

impl Content {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.as_bytes().to_owned(),
            Self::Random(length, seed) => random_bytes(*length, *seed),
        }
    }
}

/// The directory `model`, and the Modelfile beside it or in it. A file that nobody may read lies beside, too.
fn write_directory(directory: &Directory, given: &Path, beside: bool) -> io::Result<()> {
    let model = given.join("model");
    for file in directory.files {
        let path = model.join(file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        write_file(&path, &file.content.bytes(), file.mode)?;
    }
    let comment = match directory.comment {
        0 => String::new(),
        length => format!("# {}\n", "x".repeat(length)),
    };
    let place = if beside { given } else { &model };
    let text = format!("{comment}{}", directory.modelfile);
    write_file(&place.join("Modelfile"), text.as_bytes(), 0o644)?;
    write_file(&given.join("secret.md"), b"nobody's business\n", 0o644)
}

fn write_file(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    fs::write(path, content)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + MODIFIED);
    fs::File::options().write(true).open(path)?.set_times(times)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
