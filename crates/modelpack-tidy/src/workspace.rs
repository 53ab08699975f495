//! Everything that the rules look at, loaded once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{Lockfile, SourceFile};

/// The packages of the workspace, its lock file and its text files.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Workspace {
    /// The members, by name.
    pub packages: Vec<Package>,
    /// `Cargo.lock`.
    pub lockfile: Lockfile,
    /// The Rust files, by path.
    pub sources: Vec<SourceFile>,
    /// Every text file of the repository, Rust included: path from the root, with `/`, and contents.
    pub files: BTreeMap<String, String>,
}

/// A member of the workspace.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Package {
    /// As in its manifest.
    pub name: String,
    /// As in its manifest.
    pub version: String,
    /// Its directory from the root, with `/`.
    pub directory: String,
    /// Of every purpose, optional ones included.
    pub dependencies: Vec<Dependency>,
    /// What cargo builds from it.
    pub targets: Vec<Target>,
}

/// A line in a manifest that names another package.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dependency {
    /// The package, not what it may be renamed to.
    pub name: String,
    /// What it is needed for.
    pub purpose: Purpose,
}

/// What a dependency is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "cargo knows these three")]
pub enum Purpose {
    /// The library or program itself.
    Normal,
    /// Its tests, examples and benchmarks.
    Dev,
    /// Its build script.
    Build,
}

/// Something that cargo builds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// `lib`, `bin`, `test`, `example`, `bench`, `custom-build`.
    pub kind: String,
    /// Its root file, from the root of the repository, with `/`.
    pub path: String,
}

impl Workspace {
    /// Loads the repository below `root`.
    ///
    /// Asks `cargo metadata` for the manifests only, so nothing is downloaded.
    ///
    /// # Panics
    ///
    /// When cargo fails or a file cannot be read: then there is nothing to judge.
    pub fn read(root: &Path) -> Self {
        let root = root
            .canonicalize()
            .unwrap_or_else(|error| panic!("cannot find {}: {error}", root.display()));
        let mut files = BTreeMap::new();
        read_files(&root, "", &mut files);
        let sources = files
            .iter()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| SourceFile::new(path, text));
        let sources = sources.collect();
        let lockfile =
            Lockfile::parse(files.get("Cargo.lock").expect("the lock file is committed"));
        Self {
            packages: read_packages(&root),
            lockfile,
            sources,
            files,
        }
    }

    /// The member with this name.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// The Rust files of a member.
    pub fn sources_of<'a>(&'a self, package: &Package) -> impl Iterator<Item = &'a SourceFile> {
        let prefix = format!("{}/", package.directory);
        self.sources
            .iter()
            .filter(move |file| file.path.starts_with(&prefix))
    }

    /// Paths of the Rust files that are built for tests only: below `tests/` or `benches/`, named `tests.rs`, or
    /// declared with `#[cfg(test)] mod NAME;`.
    pub(crate) fn test_paths(&self) -> BTreeSet<&str> {
        let mut module_paths = Vec::new();
        for file in &self.sources {
            let (directory, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
            let directory = match name {
                "lib.rs" | "main.rs" | "mod.rs" => directory.to_owned(),
                _ => file.path.trim_end_matches(".rs").to_owned(),
            };
            for module in file.test_modules().iter().filter(|module| !module.inline) {
                module_paths.push(format!("{directory}/{}", module.name));
            }
        }
        let is_test = |path: &str| {
            let in_test_directory = path
                .split('/')
                .any(|part| matches!(part, "tests" | "benches"));
            let declared = |module: &String| {
                path.strip_prefix(module.as_str())
                    .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            };
            in_test_directory || path.ends_with("/tests.rs") || module_paths.iter().any(declared)
        };
        self.sources
            .iter()
            .map(|file| file.path.as_str())
            .filter(|path| is_test(path))
            .collect()
    }

    /// The manifest of a package and the line on which it names a dependency.
    pub(crate) fn manifest_line(&self, package: &Package, dependency: &str) -> (String, usize) {
        let path = format!("{}/Cargo.toml", package.directory);
        let names_it = |line: &str| {
            line.strip_prefix(dependency)
                .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        };
        let manifest = self
            .files
            .get(&path)
            .map(String::as_str)
            .unwrap_or_default();
        let line = manifest
            .lines()
            .position(names_it)
            .map_or(1, |index| index + 1);
        (path, line)
    }
}

impl Package {
    pub(crate) fn normal_dependencies(&self) -> impl Iterator<Item = &Dependency> {
        self.dependencies
            .iter()
            .filter(|dependency| dependency.purpose != Purpose::Dev)
    }
}

impl Dependency {
    /// A dependency on a package.
    pub fn new(name: &str, purpose: Purpose) -> Self {
        Self {
            name: name.to_owned(),
            purpose,
        }
    }
}

fn read_packages(root: &Path) -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--offline",
            "--no-deps",
            "--format-version",
            "1",
        ])
        .current_dir(root)
        .output()
        .expect("the cargo that built this can be run");
    assert!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata writes JSON");
    let mut packages: Vec<Package> = array(&metadata["packages"])
        .iter()
        .map(|package| read_package(root, package))
        .collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    packages
}

fn read_package(root: &Path, package: &Value) -> Package {
    let dependencies = array(&package["dependencies"]).iter().map(|dependency| {
        let purpose = match dependency["kind"].as_str() {
            Some("dev") => Purpose::Dev,
            Some("build") => Purpose::Build,
            _ => Purpose::Normal,
        };
        Dependency {
            name: text(&dependency["name"]),
            purpose,
        }
    });
    let targets = array(&package["targets"]).iter().map(|target| Target {
        kind: text(&target["kind"][0]),
        path: relative(root, &text(&target["src_path"])),
    });
    Package {
        name: text(&package["name"]),
        version: text(&package["version"]),
        directory: relative(root, &text(&package["manifest_path"]))
            .trim_end_matches("/Cargo.toml")
            .to_owned(),
        dependencies: dependencies.collect(),
        targets: targets.collect(),
    }
}

fn array(value: &Value) -> &[Value] {
    value
        .as_array()
        .map(Vec::as_slice)
        .expect("cargo metadata has a list here")
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .expect("cargo metadata has a string here")
        .to_owned()
}

fn relative(root: &Path, path: &str) -> String {
    let path = Path::new(path);
    let inside = path.strip_prefix(root).unwrap_or(path);
    inside
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
}

/// Reads every text file, but for those of git and of caches (`target/`, virtual environments), which mark
/// themselves with a `CACHEDIR.TAG`.
fn read_files(directory: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    let entries = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", directory.display()));
    for entry in entries {
        let entry =
            entry.unwrap_or_else(|error| panic!("cannot read {}: {error}", directory.display()));
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry
            .file_type()
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        // In a linked work tree `.git` is a file that names a directory of this machine.
        if name == ".git" {
            continue;
        }
        if kind.is_dir() {
            if name != "target" && !path.join("CACHEDIR.TAG").exists() {
                read_files(&path, &format!("{name}/"), files);
            }
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(&path)
        {
            files.insert(name, text);
        }
    }
}
