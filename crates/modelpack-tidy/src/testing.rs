//! Small workspaces that break rules.

use crate::{Dependency, Lockfile, Package, Purpose, SourceFile, Target, Violation, Workspace};

/// Begins an empty workspace.
#[derive(Default)]
pub(crate) struct Example(Workspace);

impl Example {
    /// A member in `crates/NAME` with normal dependencies.
    pub(crate) fn package(self, name: &str, dependencies: &[&str]) -> Self {
        self.package_for(name, dependencies, Purpose::Normal)
    }

    pub(crate) fn package_for(
        mut self,
        name: &str,
        dependencies: &[&str],
        purpose: Purpose,
    ) -> Self {
        self.0.packages.push(Package {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            directory: format!("crates/{name}"),
            dependencies: dependencies
                .iter()
                .map(|name| Dependency::new(name, purpose))
                .collect(),
            targets: Vec::new(),
        });
        self
    }

    /// A target of the last package.
    pub(crate) fn target(mut self, kind: &str, path: &str) -> Self {
        let package = self
            .0
            .packages
            .last_mut()
            .expect("a package comes before its targets");
        package.targets.push(Target {
            kind: kind.to_owned(),
            path: path.to_owned(),
        });
        self
    }

    pub(crate) fn version(mut self, version: &str) -> Self {
        self.0
            .packages
            .last_mut()
            .expect("a package comes before its version")
            .version = version.to_owned();
        self
    }

    pub(crate) fn lockfile(mut self, text: &str) -> Self {
        self.0.lockfile = Lockfile::parse(text);
        self
    }

    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        if path.ends_with(".rs") {
            self.0.sources.push(SourceFile::new(path, text));
        }
        self.0.files.insert(path.to_owned(), text.to_owned());
        self
    }

    /// Expects exactly these violations, each given as `PATH:LINE: PROBLEM`.
    #[track_caller]
    pub(crate) fn breaks(self, rule: fn(&Workspace) -> Vec<Violation>, expected: &[&str]) {
        let found: Vec<String> = rule(&self.0)
            .iter()
            .map(|violation| {
                format!(
                    "{}:{}: {}",
                    violation.path, violation.line, violation.problem
                )
            })
            .collect();
        assert_eq!(found, expected);
    }
}
