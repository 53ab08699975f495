//! What a model weight file says about itself.
//!
//! [`read`] looks at the header of a GGUF or safetensors file: format, architecture, exact number of
//! parameters, data types and tensors. Only the header is read, however large the file is, and every
//! length in it is bounded. The crate is useful alone: it knows nothing of artifacts or registries.
//!
//! ```
//! use std::io::Cursor;
//! use modelpack_formats::{Format, detect, read};
//!
//! let header = br#"{"w":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]}}"#;
//! let mut file = (header.len() as u64).to_le_bytes().to_vec();
//! file.extend_from_slice(header);
//! file.extend_from_slice(&[0; 8]);
//!
//! assert_eq!(detect(&mut Cursor::new(&file))?, Some(Format::Safetensors));
//! let header = read(&mut Cursor::new(&file))?;
//! assert_eq!(header.parameters, 4);
//! assert_eq!(header.tensors[0].dtype, "F16");
//! # Ok::<(), modelpack_formats::Error>(())
//! ```
#![forbid(unsafe_code)]

mod error;
mod gguf;
mod header;
mod safetensors;

pub use error::Error;
pub use header::{Format, Header, Tensor, Value, detect, format_param_size, read};
