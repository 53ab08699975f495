//! Properties of weight files: one for each format, so that each has seeds of its own.

use std::io::Cursor;

use modelpack_formats::{Error, Pieces, Role, ShardIndex, Step, WeightFile, detect, group, read};

/// A header is read in bounds or refused.
pub fn safetensors_header(input: &[u8]) {
    header(input);
}

/// A header is read in bounds or refused.
pub fn gguf_header(input: &[u8]) {
    header(input);
}

/// A header is read in bounds or refused.
pub fn onnx_header(input: &[u8]) {
    header(input);
}

/// A listing is read in bounds or refused.
pub fn pytorch_listing(input: &[u8]) {
    header(input);
}

/// A header is read in bounds or refused.
pub fn dduf_header(input: &[u8]) {
    header(input);
}

/// What a header says lies inside the file, and the file says the same when it comes in pieces.
fn header(input: &[u8]) {
    let mut file = Cursor::new(input);
    let format = detect(&mut file).unwrap_or_else(|error| panic!("memory can be read: {error}"));
    let whole = read(&mut file);
    if let Ok(header) = &whole {
        assert_eq!(Some(header.format), format);
        for tensor in header
            .tensors
            .iter()
            .filter(|tensor| tensor.external.is_none())
        {
            let end = tensor.offset.checked_add(tensor.size.unwrap_or(0));
            assert!(
                end.is_some_and(|end| end <= input.len() as u64),
                "{tensor:?}"
            );
        }
        let _ = (header.file_type(), header.precision(), header.base_models());
        let _ = (
            header.context_length(),
            header.languages(),
            header.main_dtype(),
        );
        assert!(
            header.role() != Role::Adapter
                || !header.metadata.is_empty()
                || !header.tensors.is_empty()
        );
        // Whatever it is called, a file alone is a set or a part of one.
        let file = WeightFile::new("a-00001-of-00001.gguf", header.clone());
        if let Ok(groups) = group(vec![file], &[]) {
            assert_eq!(groups[0].parameters(), header.parameters());
        }
    }
    // As text, since a header may hold a number that is none, and none of those equals itself.
    let text = |header: Option<modelpack_formats::Header>| format!("{header:?}");
    assert_eq!(text(by_pieces(input).ok()), text(whole.ok()));
}

fn by_pieces(input: &[u8]) -> Result<modelpack_formats::Header, Error> {
    let mut pieces = Pieces::new(input.len() as u64);
    loop {
        match pieces.step()? {
            Step::Done(header) => return Ok(*header),
            Step::Fetch(range) => {
                let (from, to) = (usize::try_from(range.start), usize::try_from(range.end));
                let bytes = from
                    .ok()
                    .zip(to.ok())
                    .and_then(|(from, to)| input.get(from..to));
                let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
                    panic!("{range:?} of {} bytes is asked for", input.len());
                };
                // Nothing that is here is asked for again, so this comes to an end.
                pieces.insert(range.start, &bytes[..bytes.len().min(1 << 16)]);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A shard index names files beside it, or is refused.
pub fn shard_index(input: &[u8]) {
    if let Ok(index) = ShardIndex::parse(input) {
        assert!(
            index
                .files()
                .all(|file| !file.contains('/') && file != "..")
        );
    }
}
