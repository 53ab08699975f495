//! The difference between two JSON values, small enough to be kept beside one of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What makes one value out of another.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Patch {
    /// The whole value is another one.
    #[serde(rename = "is", default, skip_serializing_if = "Option::is_none")]
    is: Option<Value>,
    /// Keys that go.
    #[serde(rename = "without", default, skip_serializing_if = "Vec::is_empty")]
    without: Vec<String>,
    /// Keys that come.
    #[serde(rename = "with", default, skip_serializing_if = "Map::is_empty")]
    with: Map<String, Value>,
    /// Values below keys, or below positions of an array, that change.
    #[serde(rename = "in", default, skip_serializing_if = "BTreeMap::is_empty")]
    inside: BTreeMap<String, Patch>,
}

impl Patch {
    /// What makes `to` out of `from`; nothing when they are equal.
    pub(super) fn between(from: &Value, to: &Value) -> Option<Self> {
        if from == to {
            return None;
        }
        let mut patch = Self::default();
        match (from, to) {
            (Value::Object(from), Value::Object(to)) => {
                patch.without = from
                    .keys()
                    .filter(|key| !to.contains_key(*key))
                    .cloned()
                    .collect();
                for (key, value) in to {
                    match from.get(key) {
                        None => {
                            patch.with.insert(key.clone(), value.clone());
                        }
                        Some(before) => {
                            if let Some(inner) = Self::between(before, value) {
                                patch.inside.insert(key.clone(), inner);
                            }
                        }
                    }
                }
            }
            (Value::Array(from), Value::Array(to)) if from.len() == to.len() => {
                for (index, (before, value)) in from.iter().zip(to).enumerate() {
                    if let Some(inner) = Self::between(before, value) {
                        patch.inside.insert(index.to_string(), inner);
                    }
                }
            }
            // `null` would read as no value at all, so it stands in an array of one.
            _ => patch.is = Some(Value::Array(vec![to.clone()])),
        }
        Some(patch)
    }

    /// Changes a value; nothing when the patch was not made for it.
    pub(super) fn apply(&self, value: &mut Value) -> Option<()> {
        if let Some(is) = &self.is {
            *value = is.get(0)?.clone();
            return Some(());
        }
        match value {
            Value::Object(object) => {
                for key in &self.without {
                    object.remove(key)?;
                }
                for (key, inner) in &self.inside {
                    inner.apply(object.get_mut(key)?)?;
                }
                for (key, new) in &self.with {
                    if object.insert(key.clone(), new.clone()).is_some() {
                        return None;
                    }
                }
            }
            Value::Array(array) => {
                for (index, inner) in &self.inside {
                    inner.apply(array.get_mut(index.parse::<usize>().ok()?)?)?;
                }
            }
            _ => return None,
        }
        Some(())
    }
}
