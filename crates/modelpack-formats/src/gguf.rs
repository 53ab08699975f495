//! The header of a GGUF file: counts, key and value pairs, tensor descriptions.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use crate::Error;
use crate::header::{Format, Header, Tensor, Value};

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

struct Source<R> {
    file: R,
    is_big_endian: bool,
    read: u64,
}

pub(crate) fn read(file: &mut impl Read, size: u64) -> Result<Header, Error> {
    let mut source = Source {
        file: BufReader::new(file),
        is_big_endian: false,
        read: 0,
    };
    let _magic: [u8; 4] = source.bytes()?;
    let version: [u8; 4] = source.bytes()?;
    source.is_big_endian = u32::from_le_bytes(version) > 0xffff;
    let version = if source.is_big_endian {
        u32::from_be_bytes(version)
    } else {
        u32::from_le_bytes(version)
    };
    if !(2..=3).contains(&version) {
        return Err(Error::Invalid {
            format: NAME,
            reason: format!("version {version} is not known (2 and 3 are)"),
        });
    }
    let tensor_count = limit("a tensor count", source.u64()?, MAX_TENSORS)?;
    let key_count = limit("a key count", source.u64()?, MAX_KEYS)?;
    let mut metadata = BTreeMap::new();
    for _ in 0..key_count {
        let key = source.text()?;
        let kind = source.u32()?;
        let value = source.value(kind)?;
        if metadata.insert(key.clone(), value).is_some() {
            return Err(Error::Invalid {
                format: NAME,
                reason: format!("the key `{key}` stands twice"),
            });
        }
    }
    let mut tensors = Vec::new();
    for _ in 0..tensor_count {
        tensors.push(source.tensor()?);
    }
    let alignment = match metadata.get("general.alignment") {
        Some(Value::Unsigned(alignment)) if alignment.is_power_of_two() => *alignment,
        None => 32,
        Some(_) => {
            return Err(Error::Invalid {
                format: NAME,
                reason: "the alignment is no power of two".to_owned(),
            });
        }
    };
    let start = source.read.next_multiple_of(alignment);
    for tensor in &mut tensors {
        tensor.offset = tensor.offset.saturating_add(start);
        if tensor.offset > size {
            return Err(Error::Invalid {
                format: NAME,
                reason: format!(
                    "the data of `{}` begins after the end of the file",
                    tensor.name
                ),
            });
        }
    }
    let architecture = match metadata.get("general.architecture") {
        Some(Value::Text(architecture)) => Some(architecture.clone()),
        _ => None,
    };
    let parameters = tensors
        .iter()
        .fold(0_u128, |sum, tensor| sum.saturating_add(tensor.elements()));
    Ok(Header {
        format: Format::Gguf,
        architecture,
        parameters,
        metadata,
        tensors,
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

impl<R: Read> Source<R> {
    fn count(&mut self, bytes: u64) -> Result<(), Error> {
        self.read = self.read.saturating_add(bytes);
        limit("a header", self.read, MAX_HEADER_BYTES).map(|_| ())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.count(N as u64)?;
        let mut bytes = [0; N];
        self.file
            .read_exact(&mut bytes)
            .map_err(|error| Error::io(NAME, error))?;
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

    fn text(&mut self) -> Result<String, Error> {
        let length = self.u64()?;
        let length = limit("a text length", length, MAX_TEXT_BYTES)?;
        self.count(length)?;
        let mut bytes = Vec::new();
        (&mut self.file)
            .take(length)
            .read_to_end(&mut bytes)
            .map_err(Error::Io)?;
        if (bytes.len() as u64) < length {
            return Err(Error::Truncated { format: NAME });
        }
        String::from_utf8(bytes).map_err(|_| Error::Invalid {
            format: NAME,
            reason: "a text is not UTF-8".to_owned(),
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
            8 => Value::Text(self.text()?),
            9 => self.array()?,
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(i64::from_le_bytes(self.bytes()?)),
            12 => Value::Float(f64::from_le_bytes(self.bytes()?)),
            other => {
                return Err(Error::Invalid {
                    format: NAME,
                    reason: format!("the value type {other} is not known"),
                });
            }
        })
    }

    fn array(&mut self) -> Result<Value, Error> {
        let kind = self.u32()?;
        let length = self.u64()?;
        let length = limit("an array length", length, MAX_ARRAY)?;
        if kind == 9 {
            return Err(Error::Invalid {
                format: NAME,
                reason: "an array holds arrays".to_owned(),
            });
        }
        for _ in 0..length {
            self.value(kind)?;
        }
        Ok(Value::Array { length })
    }

    fn tensor(&mut self) -> Result<Tensor, Error> {
        let name = self.text()?;
        let dimensions = limit(
            "a number of dimensions",
            u64::from(self.u32()?),
            MAX_DIMENSIONS,
        )?;
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            shape.push(self.u64()?);
        }
        let dtype = self.u32()?;
        let dtype = TYPES
            .iter()
            .find(|(number, _)| *number == dtype)
            .map_or_else(|| format!("type {dtype}"), |(_, name)| (*name).to_owned());
        let offset = self.u64()?;
        Ok(Tensor::new(name, shape, dtype, offset))
    }
}

/// Numbers of tensor types with the names that llama.cpp gives them.
const TYPES: [(u32, &str); 33] = [
    (0, "F32"),
    (1, "F16"),
    (2, "Q4_0"),
    (3, "Q4_1"),
    (6, "Q5_0"),
    (7, "Q5_1"),
    (8, "Q8_0"),
    (9, "Q8_1"),
    (10, "Q2_K"),
    (11, "Q3_K"),
    (12, "Q4_K"),
    (13, "Q5_K"),
    (14, "Q6_K"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (30, "BF16"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
    (40, "NVFP4"),
];
