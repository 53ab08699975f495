//! Hostile archives, made byte by byte.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use modelpack_layer::{Destination, Error, Expected, Limits, Unpacked};
use modelpack_spec::{Digest, Encoding};

/// An archive in the making.
#[derive(Default)]
pub(crate) struct Archive(pub(crate) Vec<u8>);

/// One header of an archive, with fields that no honest writer would choose.
pub(crate) struct Header<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: u8,
    pub(crate) mode: u32,
    pub(crate) size: String,
    pub(crate) link: &'a str,
    pub(crate) magic: &'a [u8],
}

impl<'a> Header<'a> {
    pub(crate) fn new(name: &'a str, size: usize) -> Self {
        Self {
            name,
            kind: b'0',
            mode: 0o644,
            size: format!("{size:011o}"),
            link: "",
            magic: b"ustar\x0000",
        }
    }

    pub(crate) fn kind(mut self, kind: u8) -> Self {
        self.kind = kind;
        self
    }

    fn bytes(&self) -> [u8; 512] {
        let mut block = [0; 512];
        let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
        put(0, self.name.as_bytes());
        put(100, format!("{:07o}", self.mode).as_bytes());
        put(108, b"0000000");
        put(116, b"0000000");
        put(124, self.size.as_bytes());
        put(136, b"00000000000");
        put(148, b"        ");
        put(156, &[self.kind]);
        put(157, self.link.as_bytes());
        put(257, self.magic);
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

impl Archive {
    pub(crate) fn header(mut self, header: &Header<'_>) -> Self {
        self.0.extend(header.bytes());
        self
    }

    pub(crate) fn content(mut self, content: &[u8]) -> Self {
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn file(self, name: &str, content: &[u8]) -> Self {
        self.header(&Header::new(name, content.len()))
            .content(content)
    }

    pub(crate) fn directory(self, name: &str) -> Self {
        self.header(&Header::new(name, 0).kind(b'5'))
    }

    pub(crate) fn link(self, name: &str, kind: u8, link: &str) -> Self {
        self.header(&Header {
            link,
            ..Header::new(name, 0).kind(kind)
        })
    }

    pub(crate) fn pax(self, records: &[(&str, &str)]) -> Self {
        self.extended(b'x', records)
    }

    pub(crate) fn extended(self, kind: u8, records: &[(&str, &str)]) -> Self {
        let mut text = String::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let length = rest + (rest + 2).to_string().len();
            text.push_str(&format!("{length} {key}={value}\n"));
        }
        self.header(&Header::new("PaxHeaders.0/x", text.len()).kind(kind))
            .content(text.as_bytes())
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

/// What the descriptor of an honest layer says.
pub(crate) fn expected(bytes: &[u8]) -> Expected {
    Expected {
        digest: Digest::sha256(bytes),
        size: bytes.len() as u64,
    }
}

pub(crate) fn unpack(directory: &Path, bytes: &[u8]) -> Result<Vec<Unpacked>, Error> {
    unpack_as(directory, Encoding::Tar, bytes, &Limits::default())
}

pub(crate) fn unpack_as(
    directory: &Path,
    encoding: Encoding,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Vec<Unpacked>, Error> {
    Destination::open(directory)?.unpack_tar(encoding, &mut &*bytes, &expected(bytes), limits)
}

/// Everything below a directory: path → kind, mode and content.
pub(crate) fn tree(directory: &Path) -> BTreeMap<String, String> {
    fn visit(root: &Path, directory: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                found.insert(name, "directory".to_owned());
                visit(root, &path, found);
            } else if metadata.is_symlink() {
                found.insert(
                    name,
                    format!("link to {}", fs::read_link(&path).unwrap().display()),
                );
            } else {
                let content = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                found.insert(
                    name,
                    format!("{:o} {content}", metadata.permissions().mode() & 0o7777),
                );
            }
        }
    }
    let mut found = BTreeMap::new();
    visit(directory, directory, &mut found);
    found
}
