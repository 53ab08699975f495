//! The header of a GGUF file: counts, key and value pairs, tensor descriptions.

use std::collections::{BTreeMap, BTreeSet};

use crate::dtype::GGML_TYPES;
use crate::header::{Format, Header, Tensor, Value};
use crate::window::Window;
use crate::{ByteSource, Error};

const NAME: &str = "gguf";
/// Most key and value pairs; real files have some dozens.
const MAX_KEYS: u64 = 65_536;
/// Most tensors; the largest models have a few thousand per file.
const MAX_TENSORS: u64 = 1_000_000;
/// Longest text in bytes; chat templates have some ten thousand.
const MAX_TEXT_BYTES: u64 = 16 * 1024 * 1024;
/// Most elements of an array; vocabularies have some hundred thousand.
const MAX_ARRAY: u64 = 16 * 1024 * 1024;
/// Most bytes of the whole header, so that many allowed lengths do not add up to a flood.
const MAX_HEADER_BYTES: u64 = 512 * 1024 * 1024;
/// Most dimensions of a tensor (GGML_MAX_DIMS is 4; files with more do not load anywhere).
const MAX_DIMENSIONS: u64 = 8;
/// Most elements of a tensor: llama.cpp counts them in a signed number of 64 bits.
const MAX_ELEMENTS: u128 = i64::MAX as u128;
/// Longest array whose elements are kept.
const MAX_KEPT: u64 = 64;
/// Alignment of the data where the file does not say.
const ALIGNMENT: u64 = 32;

struct Reader<'a> {
    window: Window<'a>,
    is_big_endian: bool,
}

pub(crate) fn read(source: &mut dyn ByteSource) -> Result<Header, Error> {
    let mut reader = Reader {
        window: Window::new(source, NAME)?,
        is_big_endian: false,
    };
    let size = reader.window.size();
    let _magic: [u8; 4] = reader.bytes()?;
    let version: [u8; 4] = reader.bytes()?;
    reader.is_big_endian = u32::from_le_bytes(version) > 0xffff;
    let version = if reader.is_big_endian {
        u32::from_be_bytes(version)
    } else {
        u32::from_le_bytes(version)
    };
    if !(2..=3).contains(&version) {
        return invalid(format!("version {version} is not known (2 and 3 are)"));
    }
    let tensor_count = limit("a tensor count", reader.u64()?, MAX_TENSORS)?;
    let key_count = limit("a key count", reader.u64()?, MAX_KEYS)?;
    let mut metadata = BTreeMap::new();
    for _ in 0..key_count {
        let key = reader.name()?;
        let kind = reader.u32()?;
        let value = reader.value(kind)?;
        if metadata.insert(key.clone(), value).is_some() {
            return invalid(format!("the key `{key}` stands twice"));
        }
    }
    let mut tensors = Vec::new();
    let mut names = BTreeSet::new();
    for _ in 0..tensor_count {
        let tensor = reader.tensor()?;
        if !names.insert(tensor.name.clone()) {
            return invalid(format!("the tensor `{}` stands twice", tensor.name));
        }
        tensors.push(tensor);
    }
    let alignment = match metadata.get("general.alignment") {
        Some(Value::Unsigned(alignment)) if alignment.is_power_of_two() => *alignment,
        None => ALIGNMENT,
        Some(_) => return invalid("the alignment is no power of two".to_owned()),
    };
    let start = reader
        .window
        .position()
        .checked_next_multiple_of(alignment)
        .filter(|start| tensors.is_empty() || *start <= size);
    let Some(start) = start else {
        return Err(reader.window.truncated());
    };
    for tensor in &mut tensors {
        place(tensor, start, alignment, size)?;
    }
    let architecture = match metadata.get("general.architecture") {
        Some(Value::Text(architecture)) => Some(architecture.clone()),
        _ => None,
    };
    Ok(Header {
        architecture,
        metadata,
        tensors,
        data_start: Some(start),
        ..Header::new(Format::Gguf, size)
    })
}

/// Turns an offset into the data into one into the file, and checks that the data is there.
fn place(tensor: &mut Tensor, start: u64, alignment: u64, size: u64) -> Result<(), Error> {
    let name = &tensor.name;
    if !tensor.offset.is_multiple_of(alignment) {
        return invalid(format!(
            "the data of `{name}` is not aligned to {alignment}"
        ));
    }
    tensor.offset = tensor.offset.saturating_add(start);
    if tensor.offset > size {
        return invalid(format!(
            "the data of `{name}` begins after the end of the file"
        ));
    }
    let end = tensor.offset.saturating_add(tensor.size.unwrap_or(0));
    if end > size {
        return invalid(format!(
            "the data of `{name}` ends after the end of the file, {} bytes are missing",
            end - size
        ));
    }
    Ok(())
}

fn invalid<T>(reason: String) -> Result<T, Error> {
    Err(Error::Invalid {
        format: NAME,
        reason,
    })
}

fn limit(what: &'static str, found: u64, limit: u64) -> Result<u64, Error> {
    if found > limit {
        Err(Error::OverLimit {
            format: NAME,
            what,
            found,
            limit,
        })
    } else {
        Ok(found)
    }
}

impl Reader<'_> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        limit("a header", self.window.position(), MAX_HEADER_BYTES)?;
        let mut bytes: [u8; N] = self.window.array()?;
        // Numbers are used in little-endian order from here on.
        if self.is_big_endian {
            bytes.reverse();
        }
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn text_length(&mut self) -> Result<u64, Error> {
        let length = self.u64()?;
        limit("a text length", length, MAX_TEXT_BYTES)
    }

    fn name(&mut self) -> Result<String, Error> {
        let length = self.text_length()?;
        String::from_utf8(self.window.bytes(length)?).map_err(|_| Error::Invalid {
            format: NAME,
            reason: "a name is not UTF-8".to_owned(),
        })
    }

    fn value(&mut self, kind: u32) -> Result<Value, Error> {
        Ok(match kind {
            0 => Value::Unsigned(u64::from(u8::from_le_bytes(self.bytes()?))),
            1 => Value::Signed(i64::from(i8::from_le_bytes(self.bytes()?))),
            2 => Value::Unsigned(u64::from(u16::from_le_bytes(self.bytes()?))),
            3 => Value::Signed(i64::from(i16::from_le_bytes(self.bytes()?))),
            4 => Value::Unsigned(u64::from(self.u32()?)),
            5 => Value::Signed(i64::from(i32::from_le_bytes(self.bytes()?))),
            6 => Value::Float(f64::from(f32::from_le_bytes(self.bytes()?))),
            7 => Value::Bool(self.bytes::<1>()?[0] != 0),
            8 => {
                // Vocabularies hold single bytes, so a text need not be UTF-8.
                let length = self.text_length()?;
                let bytes = self.window.bytes(length)?;
                Value::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            9 => self.array()?,
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(i64::from_le_bytes(self.bytes()?)),
            12 => Value::Float(f64::from_le_bytes(self.bytes()?)),
            other => return invalid(format!("the value type {other} is not known")),
        })
    }

    fn array(&mut self) -> Result<Value, Error> {
        let kind = self.u32()?;
        let length = self.u64()?;
        let length = limit("an array length", length, MAX_ARRAY)?;
        let mut values = Vec::new();
        let width = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            8 => 0,
            9 => return invalid("an array holds arrays".to_owned()),
            other => return invalid(format!("the value type {other} is not known")),
        };
        if length <= MAX_KEPT {
            for _ in 0..length {
                values.push(self.value(kind)?);
            }
        } else if kind == 8 {
            for _ in 0..length {
                let length = self.text_length()?;
                self.window.skip(length)?;
            }
        } else {
            self.window.skip(length * width)?;
        }
        Ok(Value::Array { length, values })
    }

    fn tensor(&mut self) -> Result<Tensor, Error> {
        let name = self.name()?;
        let dimensions = u64::from(self.u32()?);
        let dimensions = limit("a number of dimensions", dimensions, MAX_DIMENSIONS)?;
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            shape.push(self.u64()?);
        }
        let number = self.u32()?;
        let offset = self.u64()?;
        let known = GGML_TYPES.iter().find(|(known, ..)| *known == number);
        let dtype = known.map_or_else(
            || format!("type {number}"),
            |(_, name, ..)| (*name).to_owned(),
        );
        let mut tensor = Tensor::new(name, shape, dtype, offset);
        let elements = tensor.elements();
        if elements > MAX_ELEMENTS {
            return invalid(format!("`{}` has more than 2^63 elements", tensor.name));
        }
        if let Some((_, _, block, bytes)) = known {
            // Rows are quantised one by one, so the first dimension is made of whole blocks.
            let row = tensor.shape.first().copied().unwrap_or(1);
            if !row.is_multiple_of(*block) {
                return invalid(format!(
                    "rows of `{}` have {row} elements, which are no whole blocks of {}",
                    tensor.name, tensor.dtype
                ));
            }
            let size = elements / u128::from(*block) * u128::from(*bytes);
            tensor.size = Some(u64::try_from(size).unwrap_or(u64::MAX));
        }
        Ok(tensor)
    }
}
