//! How a Rust file looks.

use crate::{SourceFile, Violation, Workspace};

/// A file longer than this has more than one subject. Most stay under half of it.
const MAX_LINES: usize = 800;

/// `lib.rs` is the table of contents of a crate: about a hundred lines.
const MAX_LIB_LINES: usize = 120;

/// The only crate with unsafe code: it maps files.
const MAPS_FILES: &str = "crates/modelpack-store/";

/// Every file begins with a sentence about what the module is for.
pub fn first_lines(workspace: &Workspace) -> Vec<Violation> {
    let says = |file: &&SourceFile| {
        let line = file.text.lines().next().unwrap_or_default();
        line.strip_prefix("//! ")
            .is_some_and(|sentence| !sentence.trim().is_empty() && sentence != "Placeholder.")
    };
    let silent = workspace.sources.iter().filter(|file| !says(file));
    silent
        .map(|file| {
            Violation::new(
                &file.path,
                1,
                "the first line does not say what this module is for",
                "begin the file with `//! ` and one sentence",
            )
        })
        .collect()
}

/// No file is too long to be read in one go.
pub fn lengths(workspace: &Workspace) -> Vec<Violation> {
    let too_long = |file: &SourceFile| {
        let lines = file.text.lines().count();
        let (max, advice) = if file.path.ends_with("/src/lib.rs") {
            (
                MAX_LIB_LINES,
                "a lib.rs has docs, `mod` lines and few re-exports: move the rest into modules",
            )
        } else {
            (MAX_LINES, "split it by subject")
        };
        (lines > max).then(|| {
            Violation::new(
                &file.path,
                max + 1,
                format!("the file has {lines} lines, more than {max}"),
                advice,
            )
        })
    };
    workspace.sources.iter().filter_map(too_long).collect()
}

/// No lint is silenced without a reason that the compiler re-checks.
pub fn lints(workspace: &Workspace) -> Vec<Violation> {
    let advice = "fix it, or write `#[expect(lint, reason = \"…\")]`, which complains when it is no longer needed";
    let in_attribute = |file: &SourceFile, line: usize| {
        file.code
            .lines()
            .nth(line - 1)
            .is_some_and(|line| line.trim_start().starts_with('#') || line.contains("#["))
    };
    each_line(workspace.sources.iter(), &["allow("], advice, in_attribute)
}

/// Nothing is left to do, and nothing panics for want of a sentence.
pub fn unfinished(workspace: &Workspace) -> Vec<Violation> {
    let everywhere = |_: &SourceFile, _: usize| true;
    let tests = workspace.test_paths();
    let advice = "write it now, or leave out what calls it";
    let mut violations = each_line(
        workspace.sources.iter(),
        &["todo!", "unimplemented!"],
        advice,
        everywhere,
    );
    let code = workspace
        .sources
        .iter()
        .filter(|file| !tests.contains(file.path.as_str()));
    let advice = "return the error, or `expect` the reason why it cannot happen here";
    violations.extend(each_line(
        code,
        &[".unwrap()", ".unwrap_err()"],
        advice,
        everywhere,
    ));
    violations
}

/// Tests stand beside the code, so that a file without its tests reads as an API.
pub fn test_modules(workspace: &Workspace) -> Vec<Violation> {
    let inline =
        |file: &SourceFile| {
            let modules = file
                .test_modules()
                .into_iter()
                .filter(|module| module.inline);
            let violations = modules.map(|module| {
            Violation::new(
                &file.path,
                module.line,
                format!("the test module `{}` stands in the file that it tests", module.name),
                "move its body to a `tests.rs` beside the file and write `#[cfg(test)] mod tests;`",
            )
        });
            violations.collect::<Vec<_>>()
        };
    workspace.sources.iter().flat_map(inline).collect()
}

/// Unsafe code is forbidden in every crate, but for one module of the store.
pub fn unsafe_code(workspace: &Workspace) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in workspace
        .sources
        .iter()
        .filter(|file| file.path.ends_with("/src/lib.rs"))
    {
        let forbids = file.code.contains("#![forbid(unsafe_code)]");
        if !forbids && !file.path.starts_with(MAPS_FILES) {
            violations.push(Violation::new(
                &file.path,
                1,
                "the crate does not forbid unsafe code",
                "write `#![forbid(unsafe_code)]` below its docs",
            ));
        }
    }
    let mut maps = None;
    for file in &workspace.sources {
        let Some(line) = file.lines_with("unsafe").next() else {
            continue;
        };
        if !file.path.starts_with(MAPS_FILES) {
            violations.push(Violation::new(
                &file.path,
                line,
                "there is unsafe code",
                "only the store maps files: use that",
            ));
        } else if let Some(first) = maps.replace(file.path.as_str()) {
            violations.push(Violation::new(
                &file.path,
                line,
                format!("there is unsafe code here and in {first}"),
                "keep it in one module, so that one reader can judge all of it",
            ));
        }
    }
    violations
}

fn each_line<'a>(
    files: impl Iterator<Item = &'a SourceFile>,
    words: &[&str],
    advice: &str,
    counts: impl Fn(&SourceFile, usize) -> bool,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in files {
        for word in words {
            let lines = file.lines_with(word).filter(|line| counts(file, *line));
            violations.extend(lines.map(|line| {
                Violation::new(&file.path, line, format!("there is a `{word}`"), advice)
            }));
        }
    }
    violations
}

#[cfg(test)]
mod tests;
