//! The header of a safetensors file: a length, then JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};

use crate::Error;
use crate::header::{Format, Header, Tensor, Value};

const NAME: &str = "safetensors";
/// Longest header in bytes, the limit of the format's own library.
pub(crate) const MAX_HEADER_BYTES: u64 = 100_000_000;

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
                    }
                }
                Ok(table)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

pub(crate) fn read(file: &mut impl Read, size: u64) -> Result<Header, Error> {
    let invalid = |reason: String| Error::Invalid {
        format: NAME,
        reason,
    };
    let mut length = [0; 8];
    file.read_exact(&mut length)
        .map_err(|error| Error::io(NAME, error))?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER_BYTES {
        return Err(Error::OverLimit {
            format: NAME,
            what: "a length",
            found: length,
            limit: MAX_HEADER_BYTES,
        });
    }
    let mut text = Vec::new();
    file.take(length)
        .read_to_end(&mut text)
        .map_err(Error::Io)?;
    if (text.len() as u64) < length {
        return Err(Error::Truncated { format: NAME });
    }
    let table: Table = serde_json::from_slice(&text).map_err(|error| invalid(error.to_string()))?;
    let start = 8 + length;
    let data = size.saturating_sub(start);
    let mut tensors = Vec::with_capacity(table.tensors.len());
    for (name, entry) in table.tensors {
        let (from, to) = entry.data_offsets;
        if from > to || to > data {
            return Err(invalid(format!(
                "the data of `{name}` ({from}..{to}) is outside of the file's {data} bytes"
            )));
        }
        let tensor = Tensor::new(name, entry.shape, entry.dtype, start + from);
        if let Some(bits) = bits_of(&tensor.dtype)
            && tensor.elements().saturating_mul(bits) != u128::from(to - from) * 8
        {
            return Err(invalid(format!(
                "`{}` has {} bytes, which does not fit its shape",
                tensor.name,
                to - from
            )));
        }
        tensors.push(tensor);
    }
    let parameters = tensors
        .iter()
        .fold(0_u128, |sum, tensor| sum.saturating_add(tensor.elements()));
    let metadata = table
        .metadata
        .into_iter()
        .map(|(key, value)| (key, Value::Text(value)))
        .collect();
    Ok(Header {
        format: Format::Safetensors,
        architecture: None,
        parameters,
        metadata,
        tensors,
    })
}

/// Bits of an element; nothing for a type that is not known, whose size cannot be checked.
fn bits_of(dtype: &str) -> Option<u128> {
    Some(match dtype {
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" => 8,
        "I16" | "U16" | "F16" | "BF16" => 16,
        "I32" | "U32" | "F32" => 32,
        "I64" | "U64" | "F64" | "C64" => 64,
        "F4" => 4,
        _ => return None,
    })
}
