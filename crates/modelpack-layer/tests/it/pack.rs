//! The same files give the same bytes, and a file that changes gives none.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use modelpack_layer::{Error, FileAttributes, LayerWriter, Packed};
use modelpack_spec::{Digest, Encoding, FilePath};

pub(crate) fn encodings() -> Vec<Encoding> {
    let mut encodings = vec![Encoding::Tar];
    if cfg!(feature = "gzip") {
        encodings.push(Encoding::TarGzip);
    }
    if cfg!(feature = "zstd") {
        encodings.push(Encoding::TarZstd);
    }
    encodings
}

fn path(text: &str) -> FilePath {
    FilePath::parse(text).unwrap()
}

/// Packs the named files of a directory.
fn pack(encoding: Encoding, directory: &Path, names: &[&str]) -> (Packed, Vec<u8>) {
    let mut writer = LayerWriter::new(encoding, Vec::new()).unwrap();
    for name in names {
        let mut file = File::open(directory.join(name)).unwrap();
        let size = file.metadata().unwrap().len();
        writer
            .append(&path(name), &FileAttributes::default(), size, &mut file)
            .unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn same_files_same_bytes() {
    let names = ["a.txt", "b.bin", "empty"];
    let contents = ["a".repeat(700), "b".repeat(300_000), String::new()];
    for encoding in encodings() {
        let packed = [[0, 1, 2], [2, 1, 0]].map(|order| {
            let directory = tempfile::tempdir().unwrap();
            for index in order {
                let file = directory.path().join(names[index]);
                fs::write(&file, &contents[index]).unwrap();
                let time = std::time::UNIX_EPOCH
                    + std::time::Duration::from_secs(1_000_000 * order[0] as u64 + 5);
                File::options()
                    .write(true)
                    .open(&file)
                    .unwrap()
                    .set_modified(time)
                    .unwrap();
            }
            pack(encoding, directory.path(), &names)
        });
        assert_eq!(packed[0], packed[1], "{encoding:?}");
    }
}

/// The bytes that were published once: a change of this digest changes everybody's artifacts.
#[test]
fn the_bytes_of_a_tar_do_not_change() {
    let mut writer = LayerWriter::new(Encoding::Tar, Vec::new()).unwrap();
    let long = format!("{}/né.bin", "d".repeat(120));
    let attributes = FileAttributes::with_mode(0o755);
    writer
        .append(&path("a.txt"), &attributes, 3, &mut &b"abc"[..])
        .unwrap();
    writer
        .append(&path(&long), &attributes, 0, &mut io::empty())
        .unwrap();
    let (packed, bytes) = writer.finish().unwrap();
    assert_eq!(packed.diff_id, Digest::sha256(&bytes));
    assert_eq!(packed.unpacked_size, bytes.len() as u64);
    assert_eq!(
        bytes.len(),
        512 * (2 + 3 + 2),
        "no padding beyond two blocks"
    );
    assert_eq!(
        packed.diff_id.to_string(),
        "sha256:507936ccbd2f91c8dd36e5bd783fcdeb7e20b8a48c1922fa5bed4e949705227e"
    );
}

#[test]
fn the_digest_of_a_layer_is_of_its_uncompressed_bytes() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a"), "a").unwrap();
    let (plain, _) = pack(Encoding::Tar, directory.path(), &["a"]);
    for encoding in encodings() {
        assert_eq!(
            pack(encoding, directory.path(), &["a"]).0,
            plain,
            "{encoding:?}"
        );
    }
}

#[test]
fn gzip_has_neither_name_nor_time() {
    if cfg!(feature = "gzip") {
        let (_, bytes) = LayerWriter::new(Encoding::TarGzip, Vec::new())
            .unwrap()
            .finish()
            .unwrap();
        assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, bytes[8], 255]);
    }
}

/// MA18: File that changes while it is read.
#[test]
fn a_file_that_changes_while_it_is_read() {
    for encoding in encodings().into_iter().chain([Encoding::Raw]) {
        for (size, content) in [(3, "ab"), (3, "abcd"), (0, "a"), (1, "")] {
            let mut writer = LayerWriter::new(encoding, Vec::new()).unwrap();
            let error = writer
                .append(
                    &path("a"),
                    &FileAttributes::default(),
                    size,
                    &mut content.as_bytes(),
                )
                .unwrap_err();
            assert_eq!(error.to_string(), "`a` changed while it was being read");
            assert!(writer.finish().is_err(), "what was written is no layer");
        }
    }
}

#[test]
fn archives_are_sorted_and_have_every_path_once() {
    for (first, second) in [("b", "a"), ("a", "a"), ("a", "A"), ("a", "a/b")] {
        let mut writer = LayerWriter::new(Encoding::Tar, Vec::new()).unwrap();
        writer
            .append(
                &path(first),
                &FileAttributes::default(),
                0,
                &mut io::empty(),
            )
            .unwrap();
        let error = writer.append(
            &path(second),
            &FileAttributes::default(),
            0,
            &mut io::empty(),
        );
        assert!(
            matches!(error, Err(Error::UnsafeEntry { .. })),
            "{first} {second}"
        );
        // Nothing of the refused file was written, so the layer can still be ended.
        writer.finish().unwrap();
    }
}

#[test]
fn a_raw_layer_is_one_file_as_it_is() {
    let mut writer = LayerWriter::new(Encoding::Raw, Vec::new()).unwrap();
    writer
        .append(&path("a"), &FileAttributes::default(), 3, &mut &b"abc"[..])
        .unwrap();
    assert!(
        writer
            .append(&path("b"), &FileAttributes::default(), 0, &mut io::empty())
            .is_err()
    );
    let (packed, bytes) = writer.finish().unwrap();
    assert_eq!(
        (&*bytes, packed.diff_id),
        (&b"abc"[..], Digest::sha256(b"abc"))
    );
}

#[test]
fn a_size_that_a_header_cannot_say_uses_pax() {
    /// Keeps the first kilobytes.
    struct Head(Vec<u8>);
    impl io::Write for Head {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = 4096_usize.saturating_sub(self.0.len()).min(bytes.len());
            self.0.extend(&bytes[..room]);
            if room == 0 {
                Err(io::Error::other("enough"))
            } else {
                Ok(room)
            }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let size: u64 = 9 << 30;
    let mut bytes = Vec::new();
    let mut head = Head(Vec::new());
    {
        let writer = LayerWriter::new(Encoding::Tar, &mut head);
        let _ = writer.unwrap().append(
            &path("big"),
            &FileAttributes::default(),
            size,
            &mut io::repeat(1).take(size),
        );
    }
    bytes.append(&mut head.0);
    assert_eq!(bytes[156], b'x');
    assert!(bytes[512..].starts_with(b"19 size=9663676416\n"));
    assert_eq!(&bytes[1024 + 124..1024 + 136], b"00000000000\0");
}
