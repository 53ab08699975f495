//! The header of an ONNX file: fields of the model and its initializers, read from the wire.

use std::collections::{BTreeMap, BTreeSet};

use crate::dtype::onnx_type;
use crate::header::{Format, Header, Tensor, Value};
use crate::protobuf::{Wire, field, number};
use crate::window::Window;
use crate::{ByteSource, Error};

const NAME: &str = "onnx";
/// Longest text that is kept, in bytes; longer documentation is left out.
const MAX_TEXT_BYTES: u64 = 1024 * 1024;
/// Most initializers; the largest graphs have some ten thousand.
const MAX_TENSORS: usize = 1_000_000;
/// Most dimensions of a tensor; no operator takes as many.
const MAX_DIMENSIONS: usize = 64;
/// Most free key and value pairs.
const MAX_METADATA: usize = 65_536;
/// Highest version of the representation that detection believes; 13 is the newest.
const MAX_IR_VERSION: u8 = 64;

/// Whether a file that begins like this is one. The format has no magic number: `ir_version` comes
/// first in every file that is known, then another field of the model.
pub(crate) fn is_start(start: &[u8]) -> bool {
    match start {
        [0x08, version, next, ..] => {
            (1..=MAX_IR_VERSION).contains(version)
                && matches!(next, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42)
        }
        _ => false,
    }
}

pub(crate) fn read(source: &mut dyn ByteSource) -> Result<Header, Error> {
    let mut window = Window::new(source, NAME)?;
    let end = window.size();
    let mut header = Header::new(Format::Onnx, end);
    let mut has_graph = false;
    while let Some(field) = field(&mut window, end)? {
        match (field.number, field.value) {
            (1, Wire::Number(version)) => {
                header.insert("ir_version", Value::Unsigned(version));
            }
            (5, Wire::Number(version)) => {
                header.insert("model_version", Value::Unsigned(version));
            }
            (2, Wire::Bytes(length)) => header.keep("producer_name", &mut window, length)?,
            (3, Wire::Bytes(length)) => header.keep("producer_version", &mut window, length)?,
            (4, Wire::Bytes(length)) => header.keep("domain", &mut window, length)?,
            (6, Wire::Bytes(length)) => header.keep("doc_string", &mut window, length)?,
            (7, Wire::Bytes(length)) => {
                has_graph = true;
                let end = window.position() + length;
                graph(&mut window, end, &mut header)?;
            }
            (8, Wire::Bytes(length)) => {
                let end = window.position() + length;
                opset(&mut window, end, &mut header)?;
            }
            (14, Wire::Bytes(length)) => {
                let end = window.position() + length;
                let (key, value) = pair(&mut window, end)?;
                if header.metadata.len() > MAX_METADATA {
                    return Err(invalid("it has too many metadata entries".to_owned()));
                }
                header.metadata.insert(key, Value::Text(value));
            }
            (_, Wire::Bytes(length)) => window.skip(length)?,
            _ => {}
        }
    }
    if !has_graph {
        return Err(invalid("it has no graph".to_owned()));
    }
    Ok(header)
}

impl Header {
    fn insert(&mut self, key: &str, value: Value) {
        self.metadata.insert(key.to_owned(), value);
    }

    fn keep(&mut self, key: &str, window: &mut Window<'_>, length: u64) -> Result<(), Error> {
        if let Some(text) = text(window, length)?.filter(|text| !text.is_empty()) {
            self.insert(key, Value::Text(text));
        }
        Ok(())
    }
}

/// A text of the file; nothing when it is too long to be kept.
fn text(window: &mut Window<'_>, length: u64) -> Result<Option<String>, Error> {
    if length > MAX_TEXT_BYTES {
        window.skip(length)?;
        return Ok(None);
    }
    String::from_utf8(window.bytes(length)?)
        .map(Some)
        .map_err(|_| invalid("a text is not UTF-8".to_owned()))
}

/// `OperatorSetIdProto`: the standard operators have no domain.
fn opset(window: &mut Window<'_>, end: u64, header: &mut Header) -> Result<(), Error> {
    let (mut domain, mut version) = (String::new(), 0);
    while let Some(field) = field(window, end)? {
        match (field.number, field.value) {
            (1, Wire::Bytes(length)) => domain = text(window, length)?.unwrap_or_default(),
            (2, Wire::Number(found)) => version = found,
            (_, Wire::Bytes(length)) => window.skip(length)?,
            _ => {}
        }
    }
    let key = match domain.as_str() {
        "" | "ai.onnx" => "opset".to_owned(),
        other => format!("opset.{other}"),
    };
    header.insert(&key, Value::Unsigned(version));
    Ok(())
}

/// `StringStringEntryProto`.
fn pair(window: &mut Window<'_>, end: u64) -> Result<(String, String), Error> {
    let (mut key, mut value) = (String::new(), String::new());
    while let Some(field) = field(window, end)? {
        match (field.number, field.value) {
            (1, Wire::Bytes(length)) => key = text(window, length)?.unwrap_or_default(),
            (2, Wire::Bytes(length)) => value = text(window, length)?.unwrap_or_default(),
            (_, Wire::Bytes(length)) => window.skip(length)?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// `GraphProto`: its name and its initializers. Nodes are passed over, and with them the weights of
/// branches and loops.
fn graph(window: &mut Window<'_>, end: u64, header: &mut Header) -> Result<(), Error> {
    let mut names: BTreeSet<String> = header
        .tensors
        .iter()
        .map(|tensor| tensor.name.clone())
        .collect();
    while let Some(field) = field(window, end)? {
        match (field.number, field.value) {
            (2, Wire::Bytes(length)) => header.keep("graph_name", window, length)?,
            (5, Wire::Bytes(length)) => {
                let end = window.position() + length;
                let tensor = tensor(window, end)?;
                if header.tensors.len() == MAX_TENSORS {
                    return Err(Error::OverLimit {
                        format: NAME,
                        what: "a tensor count",
                        found: MAX_TENSORS as u64 + 1,
                        limit: MAX_TENSORS as u64,
                    });
                }
                if !names.insert(tensor.name.clone()) {
                    return Err(invalid(format!(
                        "the tensor `{}` stands twice",
                        tensor.name
                    )));
                }
                header.tensors.push(tensor);
            }
            (_, Wire::Bytes(length)) => window.skip(length)?,
            _ => {}
        }
    }
    Ok(())
}

/// `TensorProto`.
fn tensor(window: &mut Window<'_>, end: u64) -> Result<Tensor, Error> {
    let mut name = String::new();
    let mut shape = Vec::new();
    let mut dtype = 0;
    let mut raw = None;
    let mut is_external = false;
    let mut external = BTreeMap::new();
    while let Some(field) = field(window, end)? {
        match (field.number, field.value) {
            (1, Wire::Number(length)) => shape.push(length),
            (1, Wire::Bytes(length)) => {
                let end = window.position() + length;
                while window.position() < end && shape.len() <= MAX_DIMENSIONS {
                    shape.push(number(window)?);
                }
                if window.position() > end {
                    return Err(window.truncated());
                }
            }
            (2, Wire::Number(number)) => dtype = number,
            (8, Wire::Bytes(length)) => name = text(window, length)?.unwrap_or_default(),
            (9, Wire::Bytes(length)) => {
                raw = Some((window.position(), length));
                window.skip(length)?;
            }
            (13, Wire::Bytes(length)) => {
                let end = window.position() + length;
                let (key, value) = pair(window, end)?;
                external.insert(key, value);
            }
            (14, Wire::Number(location)) => is_external = location == 1,
            (_, Wire::Bytes(length)) => window.skip(length)?,
            _ => {}
        }
        if shape.len() > MAX_DIMENSIONS || external.len() > MAX_DIMENSIONS {
            return Err(invalid(
                "a tensor has too many dimensions or fields".to_owned(),
            ));
        }
    }
    if shape.iter().any(|length| *length > i64::MAX as u64) {
        return Err(invalid(format!("`{name}` has a negative dimension")));
    }
    let (known, bits) = match onnx_type(dtype) {
        Some((known, bits)) => (known.to_owned(), bits),
        None => (format!("type {dtype}"), 0),
    };
    let mut tensor = Tensor::new(name, shape, known, 0);
    let expected = tensor
        .elements()
        .saturating_mul(u128::from(bits))
        .div_ceil(8);
    let expected = u64::try_from(expected).map_err(|_| {
        invalid(format!(
            "`{}` has more elements than can be stored",
            tensor.name
        ))
    })?;
    if is_external {
        return with_external(tensor, &external, (bits > 0).then_some(expected));
    }
    if let Some((offset, length)) = raw {
        if bits > 0 && length != expected {
            return Err(invalid(format!(
                "`{}` has {length} bytes, which does not fit its shape",
                tensor.name
            )));
        }
        tensor.offset = offset;
        tensor.size = Some(length);
    }
    Ok(tensor)
}

/// A tensor whose data lies in a file beside this one. The name comes from the file, so it must not
/// lead anywhere else.
fn with_external(
    mut tensor: Tensor,
    fields: &BTreeMap<String, String>,
    expected: Option<u64>,
) -> Result<Tensor, Error> {
    let number = |key: &str| {
        let text = fields.get(key).filter(|text| !text.is_empty());
        text.map(|text| {
            text.parse::<u64>()
                .map_err(|_| invalid(format!("`{}` has the {key} `{text}`", tensor.name)))
        })
        .transpose()
    };
    let (offset, length) = (number("offset")?, number("length")?);
    let location = fields.get("location").cloned().unwrap_or_default();
    let leads_out = location.is_empty()
        || location.starts_with('/')
        || location.contains(['\\', ':', '\0'])
        || location.split('/').any(|part| part == "..");
    if leads_out {
        return Err(invalid(format!(
            "the data of `{}` lies in `{}`, which is no file beside this one",
            tensor.name,
            location.escape_debug()
        )));
    }
    if let (Some(length), Some(expected)) = (length, expected)
        && length != expected
    {
        return Err(invalid(format!(
            "`{}` has {length} bytes, which does not fit its shape",
            tensor.name
        )));
    }
    tensor.offset = offset.unwrap_or(0);
    tensor.size = length.or(expected);
    tensor.external = Some(location);
    Ok(tensor)
}

fn invalid(reason: String) -> Error {
    Error::Invalid {
        format: NAME,
        reason,
    }
}
