//! Two artifacts side by side.

use std::collections::BTreeMap;

use modelpack_spec::Reference;
use serde::Serialize;

use crate::{InspectReport, TensorReport};

/// What differs between two artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CompareReport {
    /// The first.
    pub left: Reference,
    /// The second.
    pub right: Reference,
    /// Whether they are the same artifact.
    pub is_same: bool,
    /// What they say of themselves, where that differs.
    pub metadata: Vec<Difference>,
    /// Files that only one has, or that differ, by path: digest and size.
    pub files: Vec<Difference>,
    /// Number of files that are the same in both.
    pub same_files: usize,
    /// Tensors that only one has, or that differ in type or shape, by name. Their data is not compared.
    pub tensors: Vec<Difference>,
    /// Number of tensors of the same type and shape in both.
    pub same_tensors: usize,
}

/// Something that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Difference {
    /// What it is called.
    pub name: String,
    /// What the first has; nothing when it has none.
    pub left: Option<String>,
    /// What the second has; nothing when it has none.
    pub right: Option<String>,
}

/// Compares what two artifacts say; tensors too, when both were read.
#[must_use]
pub fn compare(
    (left, left_report): (&Reference, &InspectReport),
    (right, right_report): (&Reference, &InspectReport),
    tensors: Option<(&TensorReport, &TensorReport)>,
) -> CompareReport {
    let (metadata, _) = differences(said(left_report), said(right_report));
    let (files, same_files) = differences(files(left_report), files(right_report));
    let (tensors, same_tensors) = match tensors {
        Some((one, other)) => differences(described(one), described(other)),
        None => (Vec::new(), 0),
    };
    CompareReport {
        left: left.clone(),
        right: right.clone(),
        is_same: left_report.digest == right_report.digest,
        metadata,
        files,
        same_files,
        tensors,
        same_tensors,
    }
}

type Facts = BTreeMap<String, String>;

fn said(report: &InspectReport) -> Facts {
    let fields = [
        ("architecture", &report.architecture),
        ("createdAt", &report.created_at),
        ("family", &report.family),
        ("format", &report.format),
        ("name", &report.name),
        ("paramSize", &report.param_size),
        ("precision", &report.precision),
        ("quantization", &report.quantization),
    ];
    let mut facts: Facts = fields
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    facts.insert("dialect".to_owned(), report.dialect.clone());
    facts
}

fn files(report: &InspectReport) -> Facts {
    report
        .files
        .iter()
        .map(|file| {
            (
                file.path.clone(),
                format!("{} ({} bytes)", file.digest, file.size),
            )
        })
        .collect()
}

fn described(report: &TensorReport) -> Facts {
    report
        .files
        .iter()
        .flat_map(|file| &file.tensors)
        .map(|tensor| {
            (
                tensor.name.clone(),
                format!("{} {:?}", tensor.dtype, tensor.shape),
            )
        })
        .collect()
}

fn differences(left: Facts, mut right: Facts) -> (Vec<Difference>, usize) {
    let mut same = 0;
    let mut found = Vec::new();
    for (name, value) in left {
        let other = right.remove(&name);
        if other.as_ref() == Some(&value) {
            same += 1;
        } else {
            found.push(Difference {
                name,
                left: Some(value),
                right: other,
            });
        }
    }
    found.extend(right.into_iter().map(|(name, value)| Difference {
        name,
        left: None,
        right: Some(value),
    }));
    found.sort_by(|one, other| one.name.cmp(&other.name));
    (found, same)
}
