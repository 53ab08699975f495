//! Rules of tar layers: which attributes entries carry, and that the same files give the same bytes.

use super::{Artifact, Contents, Entry, Finding, Level, Rule, Subject};

const ATTRIBUTES: &str =
    "https://github.com/modelpack/model-spec/blob/main/docs/spec.md#file-attributes";
const REPRODUCIBILITY: &str =
    "https://github.com/modelpack/model-spec/blob/main/docs/spec.md#reproducibility";

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "archive.file-attributes",
        level: Level::Must,
        subject: Subject::Manifest,
        anchor: ATTRIBUTES,
        summary: "entries carry time of change, numeric owner and group, and mode",
        check: file_attributes,
    },
    Rule {
        id: "archive.sorted",
        level: Level::Should,
        subject: Subject::Manifest,
        anchor: REPRODUCIBILITY,
        summary: "entries stand in the lexicographical order of their paths",
        check: sorted,
    },
    Rule {
        id: "archive.constant-metadata",
        level: Level::Should,
        subject: Subject::Manifest,
        anchor: REPRODUCIBILITY,
        summary: "time, owner and group of the entries are constants, not those of the disk",
        check: constant_metadata,
    },
    Rule {
        id: "archive.portable-metadata",
        level: Level::Should,
        subject: Subject::Manifest,
        anchor: REPRODUCIBILITY,
        summary: "entries carry nothing that only one platform or one writer knows",
        check: portable_metadata,
    },
];

/// At most one finding per layer: an archive of ten thousand files that is wrong throughout is one problem.
fn per_archive(
    artifact: &Artifact<'_>,
    mut judge: impl FnMut(&Contents) -> Option<String>,
) -> Vec<Finding> {
    artifact
        .archives()
        .filter_map(|(index, contents)| {
            Some(Finding::new(format!("/layers/{index}"), judge(contents)?))
        })
        .collect()
}

fn file_attributes(artifact: &Artifact<'_>) -> Vec<Finding> {
    per_archive(artifact, |contents| {
        contents.entries.iter().find_map(|entry| {
            let missing: Vec<&str> = [
                ("mtime", entry.mtime.is_none()),
                ("uid", entry.uid.is_none()),
                ("gid", entry.gid.is_none()),
                ("mode", entry.mode.is_none()),
            ]
            .into_iter()
            .filter_map(|(name, missing)| missing.then_some(name))
            .collect();
            (!missing.is_empty())
                .then(|| format!("entry {:?} has no {}", entry.path, missing.join(", ")))
        })
    })
}

fn sorted(artifact: &Artifact<'_>) -> Vec<Finding> {
    per_archive(artifact, |contents| {
        let files: Vec<&Entry> = contents
            .entries
            .iter()
            .filter(|entry| entry.is_file)
            .collect();
        files
            .windows(2)
            .find(|pair| pair[0].path > pair[1].path)
            .map(|pair| format!("entry {:?} stands behind {:?}", pair[1].path, pair[0].path))
    })
}

/// A constant cannot be told from a value of the disk that never varied, but values that differ
/// between the entries of one artifact are no constants.
fn constant_metadata(artifact: &Artifact<'_>) -> Vec<Finding> {
    let known = |entry: &Entry| match (entry.mtime, entry.uid, entry.gid) {
        (Some(mtime), Some(uid), Some(gid)) => Some((mtime, uid, gid)),
        _ => None,
    };
    let mut first = None;
    per_archive(artifact, |contents| {
        contents.entries.iter().find_map(|entry| {
            let found = known(entry)?;
            let expected = *first.get_or_insert(found);
            (found != expected).then(|| {
                format!(
                    "entry {:?} has mtime, uid, gid {found:?}, the first entry of the artifact {expected:?}",
                    entry.path
                )
            })
        })
    })
}

fn portable_metadata(artifact: &Artifact<'_>) -> Vec<Finding> {
    per_archive(artifact, |contents| {
        contents.entries.iter().find_map(|entry| {
            let key = entry.platform_keys.first()?;
            Some(format!("entry {:?} carries `{key}`", entry.path))
        })
    })
}
