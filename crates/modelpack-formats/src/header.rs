//! The header of a weight file, whatever its format.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Seek, SeekFrom};

use crate::{Error, gguf, safetensors};

/// A format of weight files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Format {
    /// GGUF of llama.cpp, versions 2 and 3.
    Gguf,
    /// safetensors of Hugging Face.
    Safetensors,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gguf => "gguf",
            Self::Safetensors => "safetensors",
        })
    }
}

/// What a weight file says about itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Header {
    /// Its format.
    pub format: Format,
    /// Architecture, such as `llama`.
    pub architecture: Option<String>,
    /// Number of elements of all tensors in this file.
    pub parameters: u128,
    /// Free key and value pairs.
    pub metadata: BTreeMap<String, Value>,
    /// The tensors, in the order of the file.
    pub tensors: Vec<Tensor>,
}

impl Header {
    /// The data type that most elements have.
    #[must_use]
    pub fn main_dtype(&self) -> Option<&str> {
        let mut elements: BTreeMap<&str, u128> = BTreeMap::new();
        for tensor in &self.tensors {
            *elements.entry(&tensor.dtype).or_default() += tensor.elements();
        }
        elements
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .map(|(dtype, _)| dtype)
    }
}

/// A value of the metadata.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// An integer without sign.
    Unsigned(u64),
    /// An integer with sign.
    Signed(i64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// Text.
    Text(String),
    /// An array, of which only the length is kept: vocabularies have hundreds of thousands of entries.
    Array {
        /// Number of elements.
        length: u64,
    },
}

/// A tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its dimensions as the file writes them.
    pub shape: Vec<u64>,
    /// Its data type as the format names it: `F16`, `Q4_K`.
    pub dtype: String,
    /// Where its data begins, in bytes from the beginning of the file.
    pub offset: u64,
}

impl Tensor {
    pub(crate) fn new(name: String, shape: Vec<u64>, dtype: String, offset: u64) -> Self {
        Self {
            name,
            shape,
            dtype,
            offset,
        }
    }

    /// Number of elements.
    #[must_use]
    pub fn elements(&self) -> u128 {
        self.shape.iter().fold(1_u128, |product, length| {
            product.saturating_mul(u128::from(*length))
        })
    }
}

/// The format of a file by its first bytes; nothing when it is none of those known here.
///
/// # Errors
/// [`Error::Io`].
pub fn detect<R: Read + Seek>(file: &mut R) -> Result<Option<Format>, Error> {
    let mut start = [0; 9];
    file.seek(SeekFrom::Start(0)).map_err(Error::Io)?;
    let mut filled = 0;
    while filled < start.len() {
        match file.read(&mut start[filled..]).map_err(Error::Io)? {
            0 => break,
            read => filled += read,
        }
    }
    if filled >= 4 && start[..4] == *b"GGUF" {
        return Ok(Some(Format::Gguf));
    }
    let length = u64::from_le_bytes([
        start[0], start[1], start[2], start[3], start[4], start[5], start[6], start[7],
    ]);
    let is_safetensors =
        filled == 9 && start[8] == b'{' && (2..=safetensors::MAX_HEADER_BYTES).contains(&length);
    Ok(is_safetensors.then_some(Format::Safetensors))
}

/// Reads the header of a file.
///
/// # Errors
/// [`Error::UnknownFormat`], [`Error::Invalid`], [`Error::OverLimit`], [`Error::Truncated`],
/// [`Error::Io`].
pub fn read<R: Read + Seek>(file: &mut R) -> Result<Header, Error> {
    let format = detect(file)?.ok_or(Error::UnknownFormat)?;
    let size = file.seek(SeekFrom::End(0)).map_err(Error::Io)?;
    file.seek(SeekFrom::Start(0)).map_err(Error::Io)?;
    match format {
        Format::Gguf => gguf::read(file, size),
        Format::Safetensors => safetensors::read(file, size),
    }
}

/// A number of parameters as ModelPack writes it: one decimal at most, with `k`, `m`, `b` or `t`.
#[must_use]
pub fn format_param_size(parameters: u128) -> String {
    if parameters < 1000 {
        return parameters.to_string();
    }
    let units = [
        (1_000_000_000_000, "t"),
        (1_000_000_000, "b"),
        (1_000_000, "m"),
        (1_000, "k"),
    ];
    for (unit, letter) in units {
        // Rounded to tenths first, so that 999 960 is 1m and not 1000k.
        let tenths = (parameters * 10 + unit / 2) / unit;
        if tenths >= 10 {
            return match tenths % 10 {
                0 => format!("{}{letter}", tenths / 10),
                tenth => format!("{}.{tenth}{letter}", tenths / 10),
            };
        }
    }
    parameters.to_string()
}
