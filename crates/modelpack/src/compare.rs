//! Two artifacts side by side.

use std::collections::BTreeMap;

use modelpack_spec::Reference;
use serde::Serialize;
use serde_json::Value;

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

/// What the config says, by the names of its fields, and the annotations of the manifest.
fn said(report: &InspectReport) -> Facts {
    let mut facts = Facts::new();
    if let Ok(mut config) = serde_json::to_value(report.config.value()) {
        // The layers are compared as files.
        for part in ["descriptor", "config"] {
            add_fields("", &config[part].take(), &mut facts);
        }
    }
    let annotations = report.manifest.value().annotations.iter();
    for (key, value) in annotations {
        // The Modelfile says in other words what is compared already.
        if !key.ends_with(".modelfile") {
            facts.insert(format!("annotation {key}"), value.clone());
        }
    }
    facts.insert("dialect".to_owned(), report.dialect.clone());
    facts
}

fn add_fields(path: &str, value: &Value, facts: &mut Facts) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = match path {
                    "" => name.clone(),
                    _ => format!("{path}.{name}"),
                };
                add_fields(&path, value, facts);
            }
        }
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => {
            facts.insert(path.to_owned(), text.clone());
        }
        other => {
            facts.insert(path.to_owned(), other.to_string());
        }
    }
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
