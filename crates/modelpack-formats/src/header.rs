//! The header of a weight file, whatever its format.

use std::collections::BTreeMap;
use std::fmt;

use crate::{ByteSource, Error, dduf, gguf, onnx, safetensors, torch, zip};

/// A format of weight files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Format {
    /// GGUF of llama.cpp, versions 2 and 3.
    Gguf,
    /// safetensors of Hugging Face.
    Safetensors,
    /// ONNX.
    Onnx,
    /// A checkpoint that PyTorch wrote as a zip archive. Its pickles are never executed.
    Pytorch,
    /// DDUF: all parts of a diffusion model in one zip archive.
    Dduf,
}

impl Format {
    /// The word for it in a model config.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gguf => "gguf",
            Self::Safetensors => "safetensors",
            Self::Onnx => "onnx",
            Self::Pytorch => "pt",
            Self::Dduf => "dduf",
        }
    }

    /// The format that a file of this name should have.
    #[must_use]
    pub fn from_name(path: &str) -> Option<Self> {
        let (_, extension) = path.rsplit_once('.')?;
        Some(match extension.to_ascii_lowercase().as_str() {
            "gguf" => Self::Gguf,
            "safetensors" => Self::Safetensors,
            "onnx" => Self::Onnx,
            "dduf" => Self::Dduf,
            _ => return None,
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a weight file says about itself.
///
/// What it means is told by methods: [`parameters`](Self::parameters), [`role`](Self::role),
/// [`quantization`](Self::quantization), [`context_length`](Self::context_length) and others.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Header {
    /// Its format.
    pub format: Format,
    /// Architecture, such as `llama`.
    pub architecture: Option<String>,
    /// Free key and value pairs.
    pub metadata: BTreeMap<String, Value>,
    /// The tensors, in the order of the file. None of a PyTorch checkpoint, where a pickle describes
    /// them.
    pub tensors: Vec<Tensor>,
    /// The files in a zip archive.
    pub entries: Vec<Entry>,
    /// Where tensor data begins, in bytes from the beginning of the file, when it lies in one piece.
    pub data_start: Option<u64>,
    /// Size of the file in bytes.
    pub file_size: u64,
}

impl Header {
    pub(crate) fn new(format: Format, file_size: u64) -> Self {
        Self {
            format,
            architecture: None,
            metadata: BTreeMap::new(),
            tensors: Vec::new(),
            entries: Vec::new(),
            data_start: None,
            file_size,
        }
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
    /// An array.
    Array {
        /// Number of elements.
        length: u64,
        /// The elements, when there are at most 64: vocabularies have hundreds of thousands.
        values: Vec<Value>,
    },
}

impl Value {
    /// The text, when it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when it is a whole one that is not negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            Self::Signed(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
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
    /// Size of its data in bytes, where the type is known.
    pub size: Option<u64>,
    /// The file that holds the data, relative to this one, when it is another (ONNX).
    pub external: Option<String>,
}

impl Tensor {
    pub(crate) fn new(name: String, shape: Vec<u64>, dtype: String, offset: u64) -> Self {
        Self {
            name,
            shape,
            dtype,
            offset,
            size: None,
            external: None,
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

/// A file in a zip archive.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its path in the archive.
    pub name: String,
    /// Its size in bytes, unpacked.
    pub size: u64,
    /// Whether it is compressed.
    pub is_compressed: bool,
}

/// The format of a file by its content; nothing when it is none of those known here.
///
/// # Errors
/// [`Error::Io`].
pub fn detect<S: ByteSource>(source: &mut S) -> Result<Option<Format>, Error> {
    match format_of(source) {
        Err(Error::Io(error)) => Err(Error::Io(error)),
        // An archive that cannot be read is none of ours.
        Err(_) => Ok(None),
        Ok(format) => Ok(format),
    }
}

fn format_of(source: &mut dyn ByteSource) -> Result<Option<Format>, Error> {
    let mut start = [0; 9];
    let mut filled = 0;
    while filled < start.len() {
        let read = source.read_at(filled as u64, &mut start[filled..]);
        match read.map_err(Error::Io)? {
            0 => break,
            read => filled += read,
        }
    }
    let start = &start[..filled];
    if start.starts_with(b"GGUF") {
        return Ok(Some(Format::Gguf));
    }
    if start.starts_with(&zip::LOCAL) {
        return Ok(zip::format(&zip::directory(source)?));
    }
    if safetensors::is_start(start) {
        return Ok(Some(Format::Safetensors));
    }
    Ok(onnx::is_start(start).then_some(Format::Onnx))
}

/// Reads the header of a file. Only that is read, however large the file is.
///
/// # Errors
/// [`Error::UnknownFormat`], [`Error::Invalid`], [`Error::OverLimit`], [`Error::Truncated`],
/// [`Error::Io`].
pub fn read<S: ByteSource>(source: &mut S) -> Result<Header, Error> {
    match format_of(source)?.ok_or(Error::UnknownFormat)? {
        Format::Gguf => gguf::read(source),
        Format::Safetensors => safetensors::read(source),
        Format::Onnx => onnx::read(source),
        Format::Pytorch => torch::read(source),
        Format::Dduf => dduf::read(source),
    }
}
