//! The suites as a command: `modelpack-conformance artifact PATH[:REF] [--json]`.

use std::error::Error as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use modelpack_conformance::judge_layout;

const USAGE: &str = "\
usage: modelpack-conformance artifact PATH[:REF] [--json]

Judges an artifact in the OCI image layout PATH. REF is its name or digest there.
Exit code 0: every MUST holds; 1: one does not; 2: nothing could be judged.
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
    let json = arguments.iter().any(|argument| argument == "--json");
    let words: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|argument| *argument != "--json")
        .collect();
    let print = |text: &str| {
        io::stdout()
            .write_all(text.as_bytes())
            .map_err(|error| format!("cannot write the report: {error}"))
    };
    let target = match words[..] {
        ["artifact", target] if !target.starts_with('-') => target,
        ["help" | "--help" | "-h"] => {
            print(USAGE)?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => return Err(USAGE.trim_end().to_owned()),
    };
    let (path, reference) = split(target);
    let report = judge_layout(path, reference).map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}"));
        format!("error: {error}{}", cause.unwrap_or_default())
    })?;
    if json {
        let text = serde_json::to_string_pretty(&report)
            .map_err(|error| format!("cannot write the report: {error}"))?;
        print(&format!("{text}\n"))?;
    } else {
        print(&report.to_string())?;
    }
    Ok(if report.conforms() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
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
