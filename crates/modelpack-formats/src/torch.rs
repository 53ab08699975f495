//! The listing of a PyTorch checkpoint. Its pickles are programs, so they are never executed.

use crate::header::{Entry, Format, Header, Value};
use crate::window::Window;
use crate::{ByteSource, Error, zip};

const NAME: &str = "pt";
/// Longest file that is read whole: the version and the byte order are a few letters.
const MAX_NOTE_BYTES: u64 = 64;

pub(crate) fn read(source: &mut dyn ByteSource) -> Result<Header, Error> {
    let files = zip::directory(source)?;
    let mut window = Window::new(source, NAME)?;
    let mut header = Header::new(Format::Pytorch, window.size());
    let roots: Vec<&str> = files
        .iter()
        .filter(|file| zip::is_pickle(&file.name, "data.pkl"))
        .filter_map(|file| file.name.split('/').next())
        .collect();
    if roots.len() > 1 {
        return Err(Error::Invalid {
            format: NAME,
            reason: "it holds more than one checkpoint".to_owned(),
        });
    }
    for note in ["version", "byteorder"] {
        let file = files.iter().find(|file| {
            zip::is_pickle(&file.name, note) && file.method == 0 && file.size <= MAX_NOTE_BYTES
        });
        if let Some(file) = file {
            let start = file.data(&mut window)?;
            window.seek(start);
            let text = String::from_utf8_lossy(&window.bytes(file.size)?)
                .trim()
                .to_owned();
            header.metadata.insert(note.to_owned(), Value::Text(text));
        }
    }
    // A program for TorchScript has its code beside the tensors.
    let is_script = files
        .iter()
        .any(|file| zip::is_pickle(&file.name, "constants.pkl"));
    header
        .metadata
        .insert("torchscript".to_owned(), Value::Bool(is_script));
    header.entries = files.into_iter().map(Entry::from).collect();
    Ok(header)
}

impl From<zip::File> for Entry {
    fn from(file: zip::File) -> Self {
        Self {
            is_compressed: file.method != 0,
            name: file.name,
            size: file.size,
        }
    }
}
