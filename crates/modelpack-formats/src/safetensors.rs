//! The header of a safetensors file: a length, then JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};

use crate::dtype::safetensors_bits;
use crate::header::{Format, Header, Tensor, Value};
use crate::window::Window;
use crate::{ByteSource, Error};

const NAME: &str = "safetensors";
/// Longest header in bytes, the limit of the format's own library.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// Most tensors; the largest models have some ten thousand per file.
const MAX_TENSORS: usize = 1_000_000;

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

#[derive(Default)]
struct Table {
    metadata: BTreeMap<String, String>,
    tensors: Vec<(String, Entry)>,
}

/// The order of the file is kept and a name that stands twice is refused, which a map would hide.
impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Table;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table, A::Error> {
                let mut table = Table::default();
                let mut names = std::collections::BTreeSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    if !names.insert(name.clone()) {
                        return Err(serde::de::Error::custom(format_args!(
                            "`{name}` stands twice"
                        )));
                    }
                    if name == "__metadata__" {
                        table.metadata = map.next_value()?;
                    } else {
                        table.tensors.push((name, map.next_value()?));
                        if table.tensors.len() > MAX_TENSORS {
                            return Err(serde::de::Error::custom(
                                "there are over a million tensors",
                            ));
                        }
                    }
                }
                Ok(table)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// Whether a file that begins like this is one: the length of the header, then its first brace.
pub(crate) fn is_start(start: &[u8]) -> bool {
    let Some((length, [b'{', ..])) = start.split_first_chunk::<8>() else {
        return false;
    };
    (2..=MAX_HEADER_BYTES).contains(&u64::from_le_bytes(*length))
}

pub(crate) fn read(source: &mut dyn ByteSource) -> Result<Header, Error> {
    let mut window = Window::new(source, NAME)?;
    let length = u64::from_le_bytes(window.array()?);
    if length > MAX_HEADER_BYTES {
        return Err(Error::OverLimit {
            format: NAME,
            what: "a length",
            found: length,
            limit: MAX_HEADER_BYTES,
        });
    }
    let text = window.bytes(length)?;
    let table: Table = serde_json::from_slice(&text).map_err(|error| invalid(error.to_string()))?;
    let start = 8 + length;
    let data = window.size().saturating_sub(start);
    let mut tensors = Vec::with_capacity(table.tensors.len());
    for (name, entry) in table.tensors {
        let (from, to) = entry.data_offsets;
        if from > to || to > data {
            return Err(invalid(format!(
                "the data of `{name}` ({from}..{to}) is outside of the file's {data} bytes"
            )));
        }
        let mut tensor = Tensor::new(name, entry.shape, entry.dtype, start + from);
        tensor.size = Some(to - from);
        // The size of an unknown type cannot be checked.
        if let Some(bits) = safetensors_bits(&tensor.dtype)
            && tensor.elements().saturating_mul(u128::from(bits)) != u128::from(to - from) * 8
        {
            return Err(invalid(format!(
                "`{}` has {} bytes, which does not fit its shape",
                tensor.name,
                to - from
            )));
        }
        tensors.push(tensor);
    }
    without_holes(&tensors, start, window.size())?;
    let metadata = table
        .metadata
        .into_iter()
        .map(|(key, value)| (key, Value::Text(value)))
        .collect::<BTreeMap<_, _>>();
    Ok(Header {
        architecture: metadata
            .get("architecture")
            .and_then(Value::as_text)
            .map(str::to_owned),
        metadata,
        tensors,
        data_start: Some(start),
        ..Header::new(Format::Safetensors, window.size())
    })
}

/// Every byte after the header belongs to exactly one tensor; the format's own library refuses
/// anything else.
fn without_holes(tensors: &[Tensor], start: u64, end: u64) -> Result<(), Error> {
    let mut sorted: Vec<&Tensor> = tensors.iter().collect();
    sorted.sort_unstable_by_key(|tensor| (tensor.offset, tensor.size));
    let mut at = start;
    for tensor in sorted {
        if tensor.offset != at {
            let how = if tensor.offset < at {
                "overlaps that of another tensor"
            } else {
                "does not follow on that of another tensor"
            };
            return Err(invalid(format!("the data of `{}` {how}", tensor.name)));
        }
        at += tensor.size.unwrap_or(0);
    }
    if at != end {
        return Err(invalid(format!(
            "{} bytes at the end of the file belong to no tensor",
            end - at
        )));
    }
    Ok(())
}

fn invalid(reason: String) -> Error {
    Error::Invalid {
        format: NAME,
        reason,
    }
}
