//! Headers that are right, and those that lie.

use std::io::Cursor;

use modelpack_formats::{Error, Format, Header, Value, detect, read};
use proptest::prelude::*;

fn safetensors(json: &str, data: usize) -> Vec<u8> {
    let mut file = (json.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(json.as_bytes());
    file.resize(file.len() + data, 0);
    file
}

/// A GGUF writer of either byte order.
struct Gguf {
    bytes: Vec<u8>,
    big: bool,
}

impl Gguf {
    fn new(version: u32, big: bool, tensors: u64, keys: u64) -> Self {
        let mut gguf = Self {
            bytes: b"GGUF".to_vec(),
            big,
        };
        gguf.u32(version).u64(tensors).u64(keys);
        gguf
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        let bytes = if self.big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        };
        self.bytes.extend(bytes);
        self
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        let bytes = if self.big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        };
        self.bytes.extend(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.u64(text.len() as u64).bytes.extend(text.as_bytes());
        self
    }

    fn tensor(&mut self, name: &str, shape: &[u64], dtype: u32, offset: u64) -> &mut Self {
        self.text(name)
            .u32(u32::try_from(shape.len()).expect("few dimensions"));
        for length in shape {
            self.u64(*length);
        }
        self.u32(dtype).u64(offset)
    }
}

fn header(file: &[u8]) -> Result<Header, Error> {
    read(&mut Cursor::new(file))
}

fn error(file: &[u8]) -> String {
    header(file).expect_err("the file is wrong").to_string()
}

#[test]
fn gguf_of_both_versions_and_byte_orders() {
    for (version, big) in [(2, false), (3, false), (3, true)] {
        let mut gguf = Gguf::new(version, big, 1, 3);
        gguf.text("general.architecture").u32(8).text("llama");
        gguf.text("llama.context_length").u32(4).u32(4096);
        gguf.text("tokens").u32(9).u32(8).u64(2).text("a").text("b");
        gguf.tensor("w", &[256, 8], 12, 0);
        gguf.bytes.resize(2048, 0);
        let header = header(&gguf.bytes).unwrap();
        assert_eq!(header.architecture.as_deref(), Some("llama"));
        assert_eq!(
            header.metadata["llama.context_length"],
            Value::Unsigned(4096)
        );
        let values = vec![Value::Text("a".to_owned()), Value::Text("b".to_owned())];
        assert_eq!(
            header.metadata["tokens"],
            Value::Array { length: 2, values }
        );
        assert_eq!(
            (header.parameters(), header.main_dtype()),
            (Some(2048), Some("Q4_K"))
        );
        assert_eq!(header.context_length(), Some(4096));
        assert_eq!(header.tensors[0].offset % 32, 0);
    }
}

#[test]
fn gguf_that_lies_is_refused() {
    assert_eq!(
        error(&Gguf::new(9, false, 0, 0).bytes),
        "invalid gguf header: version 9 is not known (2 and 3 are)"
    );
    assert_eq!(
        error(&Gguf::new(3, false, u64::MAX, 0).bytes),
        "invalid gguf header: a tensor count of 18446744073709551615 is over the limit of 1000000"
    );
    assert_eq!(
        error(&Gguf::new(3, false, 0, 1).bytes),
        "the file ends inside its gguf header"
    );
    let mut long = Gguf::new(3, false, 0, 1);
    long.u64(1 << 40);
    assert_eq!(
        error(&long.bytes),
        "invalid gguf header: a text length of 1099511627776 is over the limit of 16777216"
    );
    let mut nested = Gguf::new(3, false, 0, 1);
    nested.text("k").u32(9).u32(9).u64(1);
    assert_eq!(
        error(&nested.bytes),
        "invalid gguf header: an array holds arrays"
    );
    let mut twice = Gguf::new(3, false, 0, 2);
    twice.text("k").u32(7).bytes.push(1);
    twice.text("k").u32(7).bytes.push(0);
    assert_eq!(
        error(&twice.bytes),
        "invalid gguf header: the key `k` stands twice"
    );
    let mut outside = Gguf::new(3, false, 1, 0);
    outside.tensor("w", &[1], 0, 1 << 50);
    outside
        .bytes
        .resize(outside.bytes.len().next_multiple_of(32), 0);
    assert_eq!(
        error(&outside.bytes),
        "invalid gguf header: the data of `w` begins after the end of the file"
    );
}

#[test]
fn safetensors_are_checked_against_the_file() {
    let good = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]},"a":{"dtype":"F32","shape":[],"data_offsets":[6,10]}}"#;
    let parsed = header(&safetensors(good, 10)).unwrap();
    let names: Vec<_> = parsed
        .tensors
        .iter()
        .map(|tensor| tensor.name.as_str())
        .collect();
    assert_eq!((names, parsed.parameters()), (vec!["b", "a"], Some(4)));
    assert_eq!(parsed.tensors[1].offset, 8 + good.len() as u64 + 6);

    let check = |json: &str, data, expected: &str| {
        assert!(
            error(&safetensors(json, data)).starts_with(expected),
            "{json}: {}",
            error(&safetensors(json, data))
        );
    };
    let one = |offsets: &str| {
        format!(r#"{{"w":{{"dtype":"F16","shape":[2],"data_offsets":{offsets}}}}}"#)
    };
    check(
        &one("[0,4]"),
        3,
        "invalid safetensors header: the data of `w` (0..4) is outside of the file's 3 bytes",
    );
    check(
        &one("[4,0]"),
        9,
        "invalid safetensors header: the data of `w` (4..0) is outside",
    );
    check(
        &one("[0,3]"),
        9,
        "invalid safetensors header: `w` has 3 bytes, which does not fit its shape",
    );
    check(
        r#"{"w":{"dtype":"F16","shape":[18446744073709551615,18446744073709551615,9],"data_offsets":[0,4]}}"#,
        4,
        "invalid safetensors header: `w` has 4 bytes",
    );
    let twice = r#"{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#;
    check(twice, 1, "invalid safetensors header: `w` stands twice");
    check("{not json", 0, "invalid safetensors header: ");
    assert_eq!(
        error(&safetensors(&one("[0,4]"), 4)[..20]),
        "the file ends inside its safetensors header"
    );
}

#[test]
fn other_files_have_no_format() {
    let check = |file: &[u8]| {
        assert_eq!(detect(&mut Cursor::new(file)).unwrap(), None);
        assert!(matches!(header(file), Err(Error::UnknownFormat)));
    };
    check(b"");
    check(b"GGU");
    check(b"not a model at all");
    check(&u64::MAX.to_le_bytes());
    assert_eq!(
        detect(&mut Cursor::new(b"GGUF")).unwrap(),
        Some(Format::Gguf)
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(mut file in prop::collection::vec(any::<u8>(), 0..400), kind in 0..3) {
        match kind {
            0 if file.len() >= 8 => { file[..4].copy_from_slice(b"GGUF"); file[4..8].copy_from_slice(&3_u32.to_le_bytes()); }
            1 if file.len() >= 9 => { let length = (file.len() as u64 - 8).to_le_bytes(); file[..8].copy_from_slice(&length); file[8] = b'{'; }
            _ => {}
        }
        let _ = header(&file);
    }

    #[test]
    fn a_cut_file_is_an_error_and_no_panic(cut in 0_usize..144) {
        let mut gguf = Gguf::new(3, false, 1, 1);
        gguf.text("general.architecture").u32(8).text("llama").tensor("w", &[4], 0, 0);
        // The data begins at the next multiple of 32.
        let start = gguf.bytes.len().next_multiple_of(32);
        gguf.bytes.resize(start + 16, 0);
        // The tensor has 16 bytes.
        prop_assert_eq!(header(&gguf.bytes[..cut]).is_ok(), cut >= start + 16);
    }
}
