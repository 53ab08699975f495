//! Headers of files that lie elsewhere.

use std::fs;
use std::io::{self, Cursor};
use std::ops::Range;

use modelpack_formats::{ByteSource, Error, Header, Pieces, Step, read};
use modelpack_testkit::fixtures;
use proptest::prelude::*;

/// Reads a header by pieces of at most `most` bytes, and gives the ranges that were asked for.
fn fetch(
    size: u64,
    most: u64,
    mut bytes: impl FnMut(Range<u64>) -> Vec<u8>,
) -> Result<(Header, Vec<Range<u64>>), Error> {
    let mut pieces = Pieces::new(size);
    let mut asked = Vec::new();
    loop {
        match pieces.step()? {
            Step::Done(header) => return Ok((*header, asked)),
            Step::Fetch(range) => {
                assert!(
                    range.start < range.end && range.end <= size,
                    "{range:?} of {size}"
                );
                let end = range.end.min(range.start.saturating_add(most));
                pieces.insert(range.start, &bytes(range.start..end));
                asked.push(range);
            }
            other => panic!("{other:?}"),
        }
        assert!(asked.len() < 20_000, "it never ends");
    }
}

fn slice(file: &[u8], range: Range<u64>) -> Vec<u8> {
    file[usize::try_from(range.start).expect("small")..usize::try_from(range.end).expect("small")]
        .to_vec()
}

fn valid_files() -> Vec<(String, Vec<u8>)> {
    let directory = fixtures().join("weights/valid");
    let mut files: Vec<_> = fs::read_dir(directory)
        .expect("the folder can be listed")
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| {
            !path.to_string_lossy().ends_with(".facts")
                && !path.to_string_lossy().ends_with(".json")
        })
        .map(|path| {
            (
                path.display().to_string(),
                fs::read(path).expect("it can be read"),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_header_by_pieces_is_the_header_of_the_file() {
    for (name, file) in valid_files() {
        let whole = read(&mut Cursor::new(&file)).expect("it is valid");
        for most in [1, 7, 100, u64::MAX] {
            let (header, _) =
                fetch(file.len() as u64, most, |range| slice(&file, range)).expect("it is valid");
            assert_eq!(header, whole, "{name} by {most}");
        }
    }
}

/// A file of any size: what it begins with, then nothing but zeros.
struct Long {
    start: Vec<u8>,
    size: u64,
    read: u64,
}

impl ByteSource for Long {
    fn size(&mut self) -> io::Result<u64> {
        Ok(self.size)
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.read += buffer.len() as u64;
        for (at, byte) in (offset..).zip(buffer.iter_mut()) {
            *byte = usize::try_from(at)
                .ok()
                .and_then(|at| self.start.get(at))
                .copied()
                .unwrap_or(0);
        }
        Ok(buffer.len())
    }
}

/// Four GiB of weights behind a header of some hundred tensors.
fn long_safetensors() -> (Vec<u8>, u64) {
    let data = 4_u64 << 30;
    let each = data / 512;
    let tensors: Vec<String> = (0..512)
        .map(|number| {
            let (from, to) = (number * each, (number + 1) * each);
            format!(r#""model.layers.{number}.weight":{{"dtype":"BF16","shape":[{}],"data_offsets":[{from},{to}]}}"#, each / 2)
        })
        .collect();
    let json = format!("{{{}}}", tensors.join(","));
    let mut start = (json.len() as u64).to_le_bytes().to_vec();
    start.extend_from_slice(json.as_bytes());
    let size = start.len() as u64 + data;
    (start, size)
}

#[test]
fn only_the_header_of_a_large_file_is_read() {
    let (start, size) = long_safetensors();
    let mut file = Long {
        start: start.clone(),
        size,
        read: 0,
    };
    let header = read(&mut file).expect("it is valid");
    assert_eq!(
        (header.tensors.len(), header.parameters()),
        (512, Some(1 << 31))
    );
    assert!(
        file.read <= start.len() as u64 + (128 << 10),
        "{} bytes are read",
        file.read
    );

    let mut file = Long {
        start,
        size,
        read: 0,
    };
    let (again, asked) = fetch(size, u64::MAX, |range| {
        let mut bytes = vec![0; usize::try_from(range.end - range.start).expect("small")];
        file.read_at(range.start, &mut bytes).expect("it is memory");
        bytes
    })
    .expect("it is valid");
    assert_eq!(again, header);
    let bytes: u64 = asked.iter().map(|range| range.end - range.start).sum();
    assert!(bytes <= 256 << 10 && asked.len() <= 4, "{asked:?}");
}

#[test]
fn weights_inside_a_header_are_jumped_over() {
    // An ONNX file whose initializers lie far apart.
    let field = |number: u8, body: &[u8]| {
        let mut bytes = vec![number << 3 | 2];
        let mut length = body.len();
        while length > 0x7f {
            bytes.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).expect("seven bits"));
        bytes.extend_from_slice(body);
        bytes
    };
    let mut graph = Vec::new();
    for number in 0..40 {
        let name = format!("w{number}");
        let mut tensor = vec![0x10, 2, 0x08];
        tensor.extend([0xc0, 0x84, 0x3d]);
        tensor.extend(field(8, name.as_bytes()));
        tensor.extend(field(9, &vec![0; 1_000_000]));
        graph.extend(field(5, &tensor));
    }
    let mut file = vec![0x08, 8];
    file.extend(field(7, &graph));
    let (header, asked) =
        fetch(file.len() as u64, u64::MAX, |range| slice(&file, range)).expect("it is valid");
    assert_eq!(header.tensors.len(), 40);
    // Weights are jumped over: some places of 64 KiB each, not forty megabytes.
    let bytes: u64 = asked.iter().map(|range| range.end - range.start).sum();
    assert!(
        bytes < 4_000_000,
        "{bytes} bytes in {} requests",
        asked.len()
    );
}

proptest! {
    /// Whatever is here already, a header by pieces is the same.
    #[test]
    fn pieces_in_any_order(known in prop::collection::vec((0_usize..900, 1_usize..200), 0..12)) {
        let (_, file) = valid_files().into_iter().find(|(name, _)| name.ends_with("tiny.dduf")).expect("it is there");
        let mut pieces = Pieces::new(file.len() as u64);
        for (from, length) in known {
            let from = from.min(file.len());
            pieces.insert(from as u64, &file[from..(from + length).min(file.len())]);
        }
        let header = loop {
            match pieces.step().expect("it is valid") {
                Step::Done(header) => break header,
                Step::Fetch(range) => pieces.insert(range.start, &slice(&file, range)),
                other => panic!("{other:?}"),
            }
        };
        prop_assert_eq!(*header, read(&mut Cursor::new(&file)).expect("it is valid"));
    }
}
