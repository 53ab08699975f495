//! `Cargo.lock` as a graph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::Workspace;

/// Which package uses which, for every platform and every feature that anything in the workspace turns on.
///
/// Read from the file and not from `cargo tree`, because that needs every package downloaded, also those of other
/// platforms. The price: a dependency that only another crate's features bring in is seen as well. A rule that
/// holds here holds for every build.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Lockfile {
    /// Versions and dependencies by name. Versions of one package are taken together.
    pub packages: BTreeMap<String, BTreeSet<String>>,
}

impl Lockfile {
    /// Reads the text of a `Cargo.lock`, of which only names and dependencies matter here.
    pub fn parse(text: &str) -> Self {
        let mut packages = BTreeMap::<String, BTreeSet<String>>::new();
        let mut package = String::new();
        let mut in_dependencies = false;
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("name = ") {
                package = name.trim_matches('"').to_owned();
                packages.entry(package.clone()).or_default();
            } else if line.starts_with("dependencies = [") {
                in_dependencies = true;
            } else if line == "]" {
                in_dependencies = false;
            } else if in_dependencies {
                // `"name"`, or `"name version"` where there are several versions.
                let name = line
                    .trim_matches([',', '"'])
                    .split(' ')
                    .next()
                    .unwrap_or_default();
                packages
                    .entry(package.clone())
                    .or_default()
                    .insert(name.to_owned());
            }
        }
        Self { packages }
    }

    /// The shortest way by which `package` of `workspace` comes to use `wanted`, both ends included.
    ///
    /// The lock file mixes in what tests need, so the first step from a crate of the workspace is taken from its
    /// manifest, optional dependencies included.
    pub fn way(&self, workspace: &Workspace, package: &str, wanted: &str) -> Option<Vec<String>> {
        let mut before = BTreeMap::from([(package.to_owned(), None::<String>)]);
        let mut queue = VecDeque::from([package.to_owned()]);
        while let Some(name) = queue.pop_front() {
            if name == wanted && name != package {
                let mut way = vec![name.clone()];
                let mut at = &name;
                while let Some(Some(previous)) = before.get(at) {
                    way.push(previous.clone());
                    at = previous;
                }
                way.reverse();
                return Some(way);
            }
            for next in self.uses(workspace, &name) {
                if !before.contains_key(&next) {
                    before.insert(next.clone(), Some(name.clone()));
                    queue.push_back(next);
                }
            }
        }
        None
    }

    fn uses(&self, workspace: &Workspace, name: &str) -> Vec<String> {
        match workspace.package(name) {
            Some(package) => package
                .normal_dependencies()
                .map(|dependency| dependency.name.clone())
                .collect(),
            None => self
                .packages
                .get(name)
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
        }
    }
}
