//! That every case in the lists of what went wrong elsewhere has tests that say so.

use std::collections::{BTreeMap, BTreeSet};

use crate::{SourceFile, Violation, Workspace};

/// A list: one table per group, one row per case.
struct List {
    path: &'static str,
    /// Letters of each group and its last number.
    groups: &'static [(&'static str, u32)],
}

const LISTS: [List; 2] = [
    List {
        path: "crates/cases.md",
        groups: &[("C", 16), ("D", 17), ("X", 14), ("S", 15)],
    },
    List {
        path: "crates/modelpack-cli/docs/defects.md",
        groups: &[("MA", 19), ("MB", 4), ("MC", 5), ("MD", 10), ("ME", 10)],
    },
];

impl List {
    fn cases(&self) -> impl Iterator<Item = String> {
        let groups = self.groups.iter().copied();
        groups
            .flat_map(|(letters, last)| (1..=last).map(move |number| format!("{letters}{number}")))
    }
}

/// Every case is in its list with tests that exist, and those tests begin their docs with its number.
pub fn cases(workspace: &Workspace) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut rows = BTreeMap::new();
    for list in &LISTS {
        let of_list = rows_of(list, workspace, &mut violations);
        for case in list.cases() {
            if !of_list.contains_key(&case) {
                violations.push(Violation::new(
                    list.path,
                    1,
                    format!("the case {case} is missing"),
                    "add a row that says what went wrong, what we do, and which test shows it",
                ));
            }
        }
        rows.extend(of_list);
    }
    let mut listed = BTreeSet::new();
    for (case, row) in &rows {
        for test in &row.tests {
            match find(workspace, test) {
                Ok(found) if found.cases.contains(case) => {
                    listed.insert((found.path.to_owned(), found.line, case.clone()));
                }
                Ok(found) => violations.push(Violation::new(
                    found.path,
                    found.line,
                    format!("the docs of this test do not begin with {case}, which the list says"),
                    format!("begin them with `/// {case}: ` and one sentence"),
                )),
                Err(problem) => violations.push(Violation::new(
                    row.list,
                    row.line,
                    format!("`{test}` {problem}"),
                    "name a test as `CRATE::MODULE::FUNCTION`, with `it` for `tests/it`",
                )),
            }
        }
    }
    for file in &workspace.sources {
        for test in tests(file) {
            for case in &test.cases {
                if !listed.contains(&(file.path.clone(), test.line, case.clone())) {
                    violations.push(Violation::new(
                        &file.path,
                        test.line,
                        format!("this test says that it is about {case}, and the list does not"),
                        "name it in the row of that number",
                    ));
                }
            }
        }
    }
    violations
}

/// A row of the list.
struct Row {
    list: &'static str,
    line: usize,
    tests: Vec<String>,
}

/// The rows by case; what is wrong with one by itself is a violation.
fn rows_of(
    list: &List,
    workspace: &Workspace,
    violations: &mut Vec<Violation>,
) -> BTreeMap<String, Row> {
    let document = workspace.files.get(list.path).map_or("", String::as_str);
    let known: BTreeSet<String> = list.cases().collect();
    let mut rows = BTreeMap::new();
    for (text, line) in document.lines().zip(1..) {
        let cells: Vec<&str> = text.split('|').map(str::trim).collect();
        let Some(case) = cells.get(1).and_then(|cell| numbered(cell)) else {
            continue;
        };
        let mut complain = |problem: String, advice: &str| {
            violations.push(Violation::new(list.path, line, problem, advice));
        };
        if cells.len() != 6 || cells[2..4].iter().any(|cell| cell.is_empty()) {
            complain(
                format!("the row of {case} has not its four cells"),
                "write | number | what goes wrong | what we do | tests |",
            );
            continue;
        }
        if !known.contains(&case) {
            complain(
                format!("there is no case {case}"),
                "take a number of the groups",
            );
        }
        // Every second part stands between backticks.
        let tests = cells[4].split('`').skip(1).step_by(2);
        let tests: Vec<String> = tests.map(str::to_owned).collect();
        if tests.is_empty() {
            complain(
                format!("the row of {case} names no test"),
                "write the test first",
            );
        }
        let row = Row {
            list: list.path,
            line,
            tests,
        };
        if rows.insert(case.clone(), row).is_some() {
            complain(format!("the case {case} stands twice"), "keep one row");
        }
    }
    rows
}

/// A text that is the number of a case, of a group that exists or not.
fn numbered(text: &str) -> Option<String> {
    let (letters, number) = text.split_at(text.find(|c: char| c.is_ascii_digit())?);
    let is_group = !letters.is_empty() && letters.bytes().all(|byte| byte.is_ascii_uppercase());
    (is_group && number.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_owned())
}

/// A test function.
struct Test<'a> {
    path: &'a str,
    /// Of its name.
    line: usize,
    name: &'a str,
    /// The numbers with which its docs begin.
    cases: Vec<String>,
}

/// The test of this name, as `cargo test` would print it behind the name of the crate; `it` is the integration
/// binary.
fn find<'a>(workspace: &'a Workspace, test: &str) -> Result<Test<'a>, String> {
    let mut parts: Vec<&str> = test.split("::").collect();
    let (Some(name), true) = (parts.pop(), parts.len() > 1) else {
        return Err("has no crate, module and function".to_owned());
    };
    let package = parts.remove(0);
    let root = if parts[0] == "it" {
        parts[0] = "tests/it";
        parts.join("/")
    } else {
        format!("src/{}", parts.join("/"))
    };
    let root = format!("crates/{package}/{root}");
    let paths = [format!("{root}.rs"), format!("{root}/mod.rs")];
    let files = workspace.sources.iter();
    let mut files = files.filter(|file| paths.contains(&file.path)).peekable();
    if files.peek().is_none() {
        return Err(format!("would be in {}, which is not there", paths[0]));
    }
    files
        .flat_map(tests)
        .find(|test| test.name == name)
        .ok_or_else(|| "is no test".to_owned())
}

/// The test functions of a file.
fn tests(file: &SourceFile) -> Vec<Test<'_>> {
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let Some((name, _)) = line
            .strip_prefix("fn ")
            .and_then(|rest| rest.split_once('('))
        else {
            continue;
        };
        let above = lines[..at].iter().rev();
        let above: Vec<&str> = above
            .copied()
            .take_while(|line| line.starts_with("///") || line.starts_with("#["))
            .collect();
        let is_test = |line: &&str| line.starts_with("#[test") || line.starts_with("#[tokio::test");
        // One that is not run shows nothing.
        let is_ignored = above.iter().any(|line| line.starts_with("#[ignore"));
        if is_ignored || !above.iter().any(is_test) {
            continue;
        }
        let docs = above.iter().rev().find_map(|line| line.strip_prefix("///"));
        found.push(Test {
            path: &file.path,
            line: at + 1,
            name,
            cases: docs.map(leading_cases).unwrap_or_default(),
        });
    }
    found
}

/// The numbers of `C3, C4: …`.
fn leading_cases(docs: &str) -> Vec<String> {
    let numbers = docs.split_once(':').map_or("", |(numbers, _)| numbers);
    let numbers = numbers.split(',').map(|number| numbered(number.trim()));
    numbers.collect::<Option<Vec<_>>>().unwrap_or_default()
}

#[cfg(test)]
mod tests;
