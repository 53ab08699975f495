//! The suites as a command: `modelpack-conformance artifact PATH[:REF]`, `modelpack-conformance registry URL`.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use modelpack_conformance::{
    HttpTransport, RegistryOptions, RegistryReport, judge_layout, judge_registry,
};

const USAGE: &str = "\
usage: modelpack-conformance artifact PATH[:REF] [--json]
       modelpack-conformance registry URL [--json] [--junit FILE] [--no-sparse]
                                          [--user NAME --password-file FILE]
                                          [--repository NAME --other-repository NAME]

artifact  Judges an artifact in the OCI image layout PATH. REF is its name or digest there.
registry  Judges the registry at URL, such as http://127.0.0.1:5000. It pushes to two
          repositories and deletes what it pushed. --no-sparse leaves out manifests
          that name content which is not there. FILE `-` is standard output or input.
Exit code 0: every MUST holds, every check passed or was skipped; 1: one does not;
2: nothing could be judged.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(message) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["artifact", rest @ ..] => artifact(rest),
        ["registry", rest @ ..] => registry(rest),
        ["help" | "--help" | "-h"] => {
            print(USAGE)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(usage()),
    }
}

fn usage() -> String {
    USAGE.trim_end().to_owned()
}

fn print(text: &str) -> Result<(), String> {
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| format!("cannot write the report: {error}"))
}

fn print_json(report: &impl serde::Serialize) -> Result<(), String> {
    let text = serde_json::to_string_pretty(report)
        .map_err(|error| format!("cannot write the report: {error}"))?;
    print(&format!("{text}\n"))
}

/// An error with its cause.
fn say(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}"));
    format!("error: {error}{}", cause.unwrap_or_default())
}

fn artifact(words: &[&str]) -> Result<ExitCode, String> {
    let json = words.contains(&"--json");
    let rest: Vec<&&str> = words.iter().filter(|word| **word != "--json").collect();
    let target = match rest[..] {
        [target] if !target.starts_with('-') => target,
        _ => return Err(usage()),
    };
    let (path, reference) = split(target);
    let report = judge_layout(path, reference).map_err(|error| say(&error))?;
    if json {
        print_json(&report)?;
    } else {
        print(&report.to_string())?;
    }
    Ok(exit(report.conforms()))
}

fn exit(conforms: bool) -> ExitCode {
    if conforms {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn registry(words: &[&str]) -> Result<ExitCode, String> {
    let seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64);
    let (mut url, mut user, mut password, mut junit) = (None, None, None, None);
    let (mut repository, mut other) = (None, None);
    let (mut json, mut sparse) = (false, true);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .map(|word| (*word).to_owned())
                .ok_or_else(usage)
        };
        match *word {
            "--json" => json = true,
            "--no-sparse" => sparse = false,
            "--junit" => junit = Some(value()?),
            "--user" => user = Some(value()?),
            "--password-file" => password = Some(value()?),
            "--repository" => repository = Some(value()?),
            "--other-repository" => other = Some(value()?),
            word if url.is_none() && !word.starts_with('-') => url = Some(word.to_owned()),
            _ => return Err(usage()),
        }
    }
    let url = url.ok_or_else(usage)?;
    let parsed = url
        .parse()
        .map_err(|error| format!("error: `{url}` is no address: {error}"))?;
    let mut options = RegistryOptions::new(parsed, seed);
    if !matches!(options.url.scheme(), "http" | "https") {
        return Err(format!(
            "error: `{url}` begins with neither http:// nor https://"
        ));
    }
    options.sparse = sparse;
    let name = |text: String| {
        text.parse()
            .map_err(|error| format!("error: `{text}` is no repository: {error}"))
    };
    if let Some(text) = repository {
        options.repository = name(text)?;
    }
    if let Some(text) = other {
        options.other = name(text)?;
    }
    options.login = match (user, password) {
        (None, None) => None,
        (Some(user), Some(file)) => Some((user, read_password(&file)?)),
        _ => return Err("error: --user and --password-file belong together".to_owned()),
    };
    let report = judge(options)?;
    if let Some(file) = junit {
        let xml = report.to_junit();
        if file == "-" {
            print(&xml)?;
            return Ok(exit(report.conforms()));
        }
        std::fs::write(&file, xml)
            .map_err(|error| format!("error: cannot write {file}: {error}"))?;
    }
    if json {
        print_json(&report)?;
    } else {
        print(&report.to_string())?;
    }
    Ok(exit(report.conforms()))
}

fn read_password(file: &str) -> Result<String, String> {
    let text = if file == "-" {
        io::read_to_string(io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|error| format!("error: cannot read {file}: {error}"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn judge(options: RegistryOptions) -> Result<RegistryReport, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| say(&error))?;
    runtime.block_on(async {
        let transport = HttpTransport::new().map_err(|error| say(&error))?;
        judge_registry(&transport, options)
            .await
            .map_err(|error| say(&error))
    })
}

/// Both a path and a reference may have colons: the path is the longest part that exists.
fn split(target: &str) -> (&Path, Option<&str>) {
    let colons = target.match_indices(':').map(|(at, _)| at);
    std::iter::once(target.len())
        .chain(colons.rev())
        .find(|at| Path::new(&target[..*at]).exists())
        .map_or((Path::new(target), None), |at| {
            (Path::new(&target[..at]), target.get(at + 1..))
        })
}
