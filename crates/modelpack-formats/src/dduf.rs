//! The header of a DDUF file: its directory, and the headers of the safetensors files in it.

use serde::Deserialize;

use crate::header::{Entry, Format, Header, Value};
use crate::source::Within;
use crate::window::Window;
use crate::{ByteSource, Error, safetensors, zip};

const NAME: &str = "dduf";
/// The file that says what the parts are.
const INDEX: &str = "model_index.json";
/// Largest index in bytes; real ones have a few thousand.
const MAX_INDEX_BYTES: u64 = 1024 * 1024;
/// Most weight files: a model has a few parts of a few shards each.
const MAX_WEIGHTS: usize = 1000;
/// Most tensors of all of them.
const MAX_TENSORS: usize = 1_000_000;

#[derive(Deserialize)]
struct Index {
    #[serde(rename = "_class_name")]
    class: Option<String>,
    #[serde(rename = "_diffusers_version")]
    version: Option<String>,
}

pub(crate) fn read(source: &mut dyn ByteSource) -> Result<Header, Error> {
    let files = zip::directory(source)?;
    let mut window = Window::new(source, NAME)?;
    let mut header = Header::new(Format::Dduf, window.size());
    for file in &files {
        // The format asks for both, so that any part can be mapped where it lies.
        if file.method != 0 {
            return Err(invalid(format!("`{}` is compressed", file.name)));
        }
        if file.name.split('/').count() > 2 {
            return Err(invalid(format!(
                "`{}` lies in a directory of a directory",
                file.name
            )));
        }
    }
    let index = files.iter().find(|file| file.name == INDEX);
    let Some(index) = index.filter(|index| index.size <= MAX_INDEX_BYTES) else {
        return Err(invalid(format!("`{INDEX}` is missing or too large")));
    };
    let start = index.data(&mut window)?;
    window.seek(start);
    let index: Index = serde_json::from_slice(&window.bytes(index.size)?)
        .map_err(|error| invalid(format!("`{INDEX}`: {error}")))?;
    header.architecture = index.class;
    if let Some(version) = index.version {
        header
            .metadata
            .insert("diffusers_version".to_owned(), Value::Text(version));
    }
    let weights = files
        .iter()
        .filter(|file| file.name.ends_with(".safetensors"));
    for (number, file) in weights.enumerate() {
        if number == MAX_WEIGHTS {
            return Err(invalid("it holds too many weight files".to_owned()));
        }
        let start = file.data(&mut window)?;
        let mut within = Within {
            source: window.source(),
            start,
            size: file.size,
        };
        for mut tensor in safetensors::read(&mut within)?.tensors {
            tensor.name = format!("{}:{}", file.name, tensor.name);
            tensor.offset += start;
            header.tensors.push(tensor);
        }
        if header.tensors.len() > MAX_TENSORS {
            return Err(invalid("it holds over a million tensors".to_owned()));
        }
    }
    header.entries = files.into_iter().map(Entry::from).collect();
    Ok(header)
}

fn invalid(reason: String) -> Error {
    Error::Invalid {
        format: NAME,
        reason,
    }
}
