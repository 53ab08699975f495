//! What a model weight file says about itself.
//!
//! [`read`] looks at the header of a GGUF, safetensors, ONNX, PyTorch or DDUF file: format,
//! architecture, exact number of parameters, quantisation, context length, tensors. It takes any
//! `Read + Seek` or other [`ByteSource`], and for a file that lies elsewhere [`Pieces`] says which
//! bytes to fetch. Only the header is read, however large the file is, and every length in it is
//! bounded; pickles are never executed. [`group`] puts the files of a sharded model together. The crate
//! is useful alone: it knows nothing of artifacts or registries.
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
//! assert_eq!(header.parameters(), Some(4));
//! assert_eq!(header.precision(), Some("float16"));
//! assert_eq!(header.tensors[0].dtype, "F16");
//! # Ok::<(), modelpack_formats::Error>(())
//! ```
#![forbid(unsafe_code)]

mod dduf;
mod dtype;
mod error;
mod facts;
mod file_type;
mod gguf;
mod header;
mod numbers;
mod onnx;
mod protobuf;
mod safetensors;
mod source;
mod torch;
mod weights;
mod window;
mod zip;

pub use error::Error;
pub use facts::{BaseModel, Role};
pub use file_type::FileType;
pub use header::{Entry, Format, Header, Tensor, Value, detect, read};
pub use numbers::{format_docker_count, format_docker_parameters, format_param_size};
pub use source::{ByteSource, Pieces, Step};
pub use weights::{ShardIndex, WeightFile, Weights, group};
