//! The suites as a command: `modelpack-conformance SUITE [TARGET]`.

use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Parser, Subcommand};
use modelpack_conformance::{
    ArtifactTarget, Check, DEFAULT_TIMEOUT, Ending, HttpTransport, Outcome, RegistryOptions,
    Report, Summary, Template, ToolOptions, TransportCase, judge_builder, judge_consumer,
    judge_modelfile_command, judge_registry, judge_target, judge_transport,
};
use modelpack_spec::Repository;
use tokio::signal::unix::{SignalKind, signal};

/// Judges artifacts, the tools that make and read them, and registries, from outside.
///
/// Exit code 0: every MUST holds; 1: one does not; 2: it could not be judged.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    suite: Suite,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Suite {
    /// Judge an artifact in a registry, in an OCI image layout, or as two files
    Artifact {
        /// A reference, a directory with or without `:NAME`, or a manifest and its config
        #[arg(value_name = "TARGET", required = true, num_args = 1..=2)]
        target: Vec<String>,
    },
    /// Judge a tool that packages a directory by its Modelfile and pushes the artifact
    Builder(Tool),
    /// Judge a tool that pulls an artifact and writes its files
    Consumer(Tool),
    /// Judge an OCI client by a registry that misbehaves
    Transport {
        #[command(flatten)]
        tool: Tool,
        /// A command that lists the tags of `{repo}` or `{ref}`
        #[arg(long = "list-cmd", value_name = "TEMPLATE")]
        list: Vec<Template>,
        /// Cases of your own instead of those of the suite, as JSON
        #[arg(long, value_name = "FILE")]
        cases: Option<String>,
    },
    /// Judge a Modelfile parser, which prints what it reads in `{file}` as JSON
    Modelfile(Tool),
    /// Judge a registry; pushes to two repositories and deletes what it pushed
    Registry(Registry),
}

#[derive(Debug, Args)]
struct Tool {
    /// A command of the tool, such as `tool pull {ref} --to {out}`; several are run one after the other
    ///
    /// Words are split as a shell does, quotes included, but no shell runs it. `{ref}` is the artifact, `{repo}`
    /// its repository, `{out}` the directory to write to, `{dir}` the one to read, `{modelfile}` the Modelfile, `{file}` a text to parse.
    #[arg(long = "cmd", value_name = "TEMPLATE", required = true)]
    commands: Vec<Template>,
    /// Kill a command that takes longer than so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_TIMEOUT.as_secs(), value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Something that the tool sees of the environment, besides PATH and a home of its own (repeatable)
    #[arg(long = "env", value_name = "NAME=VALUE")]
    environment: Vec<String>,
}

#[derive(Debug, Args)]
struct Registry {
    /// Where the registry is, such as http://127.0.0.1:5000
    url: url::Url,
    /// Leave out manifests that name content which is not there
    #[arg(long)]
    no_sparse: bool,
    /// Log in as this user
    #[arg(long, value_name = "NAME", requires = "password_file")]
    user: Option<String>,
    /// The file with the password; `-` is standard input
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<String>,
    /// The repository that is tested
    #[arg(long, value_name = "NAME")]
    repository: Option<Repository>,
    /// A second one, for mounts
    #[arg(long, value_name = "NAME")]
    other_repository: Option<Repository>,
}

/// Which checks, and where the report goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "For every suite")]
struct Output {
    /// Only the check of this name, or those whose names begin with it (repeatable)
    #[arg(long, global = true, value_name = "ID")]
    only: Vec<String>,
    /// Write the report as JSON; `-` is standard output
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<String>,
    /// Write the report in the XML form of JUnit
    #[arg(long, global = true, value_name = "FILE")]
    junit: Option<String>,
    /// Write the report as one HTML page
    #[arg(long, global = true, value_name = "FILE")]
    html: Option<String>,
}

/// Flags that the command of a single check does not repeat.
const OUTPUT_FLAGS: [&str; 4] = ["--only", "--json", "--junit", "--html"];

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            complain(&message);
            ExitCode::from(2)
        }
    }
}

fn complain(message: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(io::stderr(), "error: {message}");
}

fn run(arguments: &Arguments) -> Result<u8, String> {
    let output = &arguments.output;
    let mut progress = Progress {
        again: again(),
        silent: output.takes_stdout(),
        seen: Vec::new(),
    };
    output.prepare(&progress.broken_off(&arguments.suite, "it was killed, or is still running"))?;
    // What was found until a defect of the suite shows itself is worth a report too.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        arguments.suite.judge(output, &mut progress)
    }));
    let (mut report, failure) = match ended {
        Ok(Ok(report)) => (report, None),
        Ok(Err(message)) => (
            progress.broken_off(&arguments.suite, &message),
            Some(message),
        ),
        Err(_) => {
            let message = "the suite met a defect of its own; please report it".to_owned();
            (
                progress.broken_off(&arguments.suite, &message),
                Some(message),
            )
        }
    };
    for check in &mut report.checks {
        check.again = progress.again_for(&check.id);
    }
    output.write(&report)?;
    if let Some(message) = failure {
        complain(&message);
        return Ok(2);
    }
    if !progress.silent {
        print(&Summary(&report).to_string())?;
        if report.ending() != Ending::Conforms {
            print(&format!("one check again: {} --only ID\n", progress.again))?;
        }
    }
    Ok(report.ending().code())
}

impl Suite {
    fn name(&self) -> &'static str {
        match self {
            Self::Artifact { .. } => "artifact",
            Self::Builder(_) => "builder",
            Self::Consumer(_) => "consumer",
            Self::Transport { .. } => "transport",
            Self::Modelfile(_) => "modelfile",
            Self::Registry(_) => "registry",
        }
    }

    fn judge(&self, output: &Output, progress: &mut Progress) -> Result<Report, String> {
        match self {
            Self::Artifact { target } => {
                let found = ArtifactTarget::find(target).map_err(|error| say(&error))?;
                let mut report = with_transport(async |transport| {
                    let judged = judge_target(&found, transport).await;
                    judged.map_err(|error| say(&error))
                })?;
                report.suite = self.name().to_owned();
                report.target = target.join(" ");
                output.narrow(&mut report)?;
                for check in &report.checks {
                    progress.show(check);
                }
                Ok(report)
            }
            Self::Builder(tool) => {
                let options = tool.options(output)?;
                judge_builder(&options, &mut |check| progress.show(check))
                    .map_err(|error| say(&error))
            }
            Self::Consumer(tool) => {
                let options = tool.options(output)?;
                judge_consumer(&options, &mut |check| progress.show(check))
                    .map_err(|error| say(&error))
            }
            Self::Transport { tool, list, cases } => {
                let cases = match cases {
                    None => TransportCase::all(),
                    Some(file) => {
                        let text = std::fs::read_to_string(file);
                        let text = text.map_err(|error| format!("cannot read {file}: {error}"))?;
                        TransportCase::parse(&text)
                            .map_err(|error| format!("{file}: {}", say(&error)))?
                    }
                };
                let options = tool.options(output)?;
                let mut seen = |check: &Check| progress.show(check);
                judge_transport(&options, list, &cases, &mut seen).map_err(|error| say(&error))
            }
            Self::Modelfile(tool) => {
                let options = tool.options(output)?;
                judge_modelfile_command(&options, &mut |check| progress.show(check))
                    .map_err(|error| say(&error))
            }
            Self::Registry(arguments) => {
                let mut report = judge_address(arguments)?;
                output.narrow(&mut report)?;
                // There are more than a thousand; a line for each that passed would hide the others.
                let narrowed = !output.only.is_empty();
                for check in &report.checks {
                    if narrowed || check.outcome != Outcome::Passed {
                        progress.show(check);
                    }
                }
                Ok(report)
            }
        }
    }
}

impl Tool {
    fn options(&self, output: &Output) -> Result<ToolOptions, String> {
        let mut options = ToolOptions::new(self.commands.clone());
        stop_by_signal(Arc::clone(&options.stop))?;
        options.timeout = Duration::from_secs(self.timeout);
        options.only.clone_from(&output.only);
        let path = std::env::var_os("PATH").unwrap_or_default();
        options.environment.push(("PATH".into(), path));
        for pair in &self.environment {
            let (name, value) = pair
                .split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| format!("`--env {pair}` is not NAME=VALUE"))?;
            options.environment.push((name.into(), value.into()));
        }
        Ok(options)
    }
}

/// So that a run that is interrupted leaves no tool behind, and a report of what was found.
fn stop_by_signal(stop: Arc<AtomicBool>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| say(&error))?;
    let (interrupt, terminate) = {
        let _inside = runtime.enter();
        let on = |kind| signal(kind).map_err(|error| say(&error));
        (on(SignalKind::interrupt())?, on(SignalKind::terminate())?)
    };
    let (mut interrupt, mut terminate) = (interrupt, terminate);
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        stop.store(true, Ordering::Relaxed);
    });
    Ok(())
}

/// What is printed while a suite runs.
struct Progress {
    /// The command without its outputs.
    again: String,
    silent: bool,
    seen: Vec<Check>,
}

impl Progress {
    fn again_for(&self, id: &str) -> String {
        format!("{} --only {}", self.again, quote(id))
    }

    fn show(&mut self, check: &Check) {
        let mut check = check.clone();
        check.again = self.again_for(&check.id);
        if !self.silent {
            // A reader that has gone away is told of at the end, when the summary cannot be printed.
            let _ = print(&format!("{check}\n"));
        }
        self.seen.push(check);
    }

    fn broken_off(&mut self, suite: &Suite, message: &str) -> Report {
        let mut report = Report::new(suite.name(), &self.again);
        report.checks = std::mem::take(&mut self.seen);
        report.broke_off(message);
        report
    }
}

impl Output {
    fn files(&self) -> impl Iterator<Item = &str> {
        let files = [&self.json, &self.junit, &self.html];
        files.into_iter().flatten().map(String::as_str)
    }

    fn takes_stdout(&self) -> bool {
        self.files().any(|file| file == "-")
    }

    /// Finds out before the suite runs whether its report can be written, since it may run for long. What is there
    /// until its end says that it did not get there, so that nobody takes the report of another run for its own.
    fn prepare(&self, unfinished: &Report) -> Result<(), String> {
        if self.files().filter(|file| *file == "-").count() > 1 {
            return Err(
                "only one report fits on standard output; name a file for the other".to_owned(),
            );
        }
        let in_files = |file: &Option<String>| file.clone().filter(|file| file != "-");
        let files = Self {
            only: Vec::new(),
            json: in_files(&self.json),
            junit: in_files(&self.junit),
            html: in_files(&self.html),
        };
        files.write(unfinished)
    }

    fn write(&self, report: &Report) -> Result<(), String> {
        let json = || {
            let text = serde_json::to_string_pretty(report);
            text.map(|text| text + "\n")
                .map_err(|error| format!("cannot write the report: {error}"))
        };
        for (file, text) in [
            (&self.json, self.json.as_ref().map(|_| json()).transpose()?),
            (&self.junit, self.junit.as_ref().map(|_| report.to_junit())),
            (&self.html, self.html.as_ref().map(|_| report.to_html())),
        ] {
            match (file.as_deref(), text) {
                (Some("-"), Some(text)) => print(&text)?,
                (Some(file), Some(text)) => std::fs::write(file, text)
                    .map_err(|error| format!("cannot write {file}: {error}"))?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Leaves the checks that were asked for.
    fn narrow(&self, report: &mut Report) -> Result<(), String> {
        for only in &self.only {
            if !report
                .checks
                .iter()
                .any(|check| check.id.starts_with(only.as_str()))
            {
                let known: Vec<&str> = report.checks.iter().map(|check| &*check.id).collect();
                return Err(unknown(only, &known));
            }
        }
        if !self.only.is_empty() {
            report.checks.retain(|check| {
                self.only
                    .iter()
                    .any(|only| check.id.starts_with(only.as_str()))
            });
        }
        Ok(())
    }
}

fn unknown(only: &str, known: &[&str]) -> String {
    /// So many names can be taken in at a glance.
    const MANY: usize = 60;
    let some: Vec<&str> = known.iter().take(MANY).copied().collect();
    let rest = if known.len() > MANY { ", …" } else { "" };
    format!(
        "no check is called `{only}`; there are: {}{rest}",
        some.join(", ")
    )
}

/// The command that was given, without what is about its output.
fn again() -> String {
    let mut words = vec!["modelpack-conformance".to_owned()];
    let mut given = std::env::args_os().skip(1);
    while let Some(word) = given.next() {
        let word = word.to_string_lossy();
        if OUTPUT_FLAGS.contains(&&*word) {
            given.next();
            continue;
        }
        let is_output = |flag: &&str| {
            word.strip_prefix(*flag)
                .is_some_and(|rest| rest.starts_with('='))
        };
        if !OUTPUT_FLAGS.iter().any(is_output) {
            words.push(quote(&word));
        }
    }
    words.join(" ")
}

/// A word as a shell takes it.
fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@,+%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn print(text: &str) -> Result<(), String> {
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| format!("cannot print the report: {error}"))
}

/// An error with its cause.
fn say(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

fn judge_address(arguments: &Registry) -> Result<Report, String> {
    let seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64);
    let url = &arguments.url;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{url}` begins with neither http:// nor https://"));
    }
    let mut options = RegistryOptions::new(url.clone(), seed);
    options.sparse = !arguments.no_sparse;
    if let Some(name) = &arguments.repository {
        options.repository = name.clone();
    }
    if let Some(name) = &arguments.other_repository {
        options.other = name.clone();
    }
    if let (Some(user), Some(file)) = (&arguments.user, &arguments.password_file) {
        options.login = Some((user.clone(), read_password(file)?));
    }
    let report = with_transport(async |transport| {
        let judged = judge_registry(transport, options).await;
        judged.map_err(|error| say(&error))
    })?;
    Ok(Report::from(&report))
}

/// Runs what talks to a registry.
fn with_transport<T>(
    work: impl AsyncFnOnce(&HttpTransport) -> Result<T, String>,
) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| say(&error))?;
    runtime.block_on(async {
        let transport = HttpTransport::new().map_err(|error| say(&error))?;
        work(&transport).await
    })
}

fn read_password(file: &str) -> Result<String, String> {
    let text = if file == "-" {
        io::read_to_string(io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|error| format!("cannot read {file}: {error}"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
