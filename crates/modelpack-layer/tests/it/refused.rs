//! What an archive may not hold, numbered after the list of cases that went wrong elsewhere.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::symlink;

use modelpack_layer::{Destination, Error, Expected, FileAttributes, Limits};
use modelpack_spec::{Digest, Encoding, FilePath};

use crate::archive::{Archive, Header, expected, tree, unpack, unpack_as};

/// Unpacks into a directory with one file and checks that the error says this, and that nothing
/// but that file is there afterwards.
#[track_caller]
fn check(archive: Archive, message: &str) {
    check_bytes(Encoding::Tar, &archive.end(), &Limits::default(), message);
}

#[track_caller]
fn check_bytes(encoding: Encoding, bytes: &[u8], limits: &Limits, message: &str) {
    let outside = tempfile::tempdir().unwrap();
    let directory = outside.path().join("in");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("old"), "old").unwrap();
    let before = tree(outside.path());
    let error = unpack_as(&directory, encoding, bytes, limits).unwrap_err();
    assert_eq!(error.to_string(), message);
    assert_eq!(tree(outside.path()), before);
}

fn before() -> Archive {
    Archive::default().file("first", b"1")
}

/// X1: As names of entries, in both kinds of header.
#[test]
fn x1_names_that_lead_out_or_are_no_names() {
    for (name, reason) in [
        ("../x", "a component is `..`"),
        ("a/../../x", "a component is `..`"),
        ("/etc/passwd", "it is absolute"),
        (".//x", "it is absolute"),
        ("C:\\x", "it begins with a drive letter"),
        ("..\\x", "a component between backslashes is `..`"),
        ("", "it is empty"),
        (".", "a component is `.`"),
        ("a/./b", "a component is `.`"),
        ("a/", "a component is empty"),
        ("a//b", "a component is empty"),
        ("a\nb", "it has a control character"),
    ] {
        let message = format!("refused the entry `{}`: {reason}", name.escape_debug());
        check(before().file(name, b"2"), &message);
        check(before().pax(&[("path", name)]).file("good", b"2"), &message);
    }
    check(
        before().pax(&[("path", "a\0b")]).file("good", b"2"),
        "refused the entry `a\\0b`: it has a control character",
    );
    for (name, reason) in [
        ("/", "it is empty"),
        ("../", "a component is `..`"),
        ("/a/", "it is absolute"),
        (".//", "it is empty"),
    ] {
        check(
            before().directory(name),
            &format!("refused the entry `{name}`: {reason}"),
        );
    }
}

/// X1, MA18: Dots inside of names are fine.
#[test]
fn x1_names_that_only_look_dangerous() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = Archive::default()
        .directory("./")
        .directory("./empty/")
        .file("./v1..2/w.bin", b"w")
        .file("..a/b..", b"b")
        .end();
    // A trailing dot is refused, since Windows removes it; two inside a name are fine.
    assert!(unpack(directory.path(), &bytes).is_err());
    let bytes = Archive::default()
        .directory("./")
        .directory("./empty/")
        .file("./v1..2/w.bin", b"w")
        .file("..a", b"")
        .end();
    let unpacked = unpack(directory.path(), &bytes).unwrap();
    assert_eq!(
        unpacked
            .iter()
            .map(|file| file.path.as_str())
            .collect::<Vec<_>>(),
        ["v1..2/w.bin", "..a"]
    );
    let found = tree(directory.path());
    assert_eq!(found["v1..2/w.bin"], "644 w");
    assert_eq!(found["..a"], "644 ");
    assert_eq!(found["empty"], "directory");
}

/// X2, MA18: Symbolic and hard, chained, and in long headers.
#[test]
fn x2_links_in_the_archive() {
    for kind in [b'1', b'2'] {
        check(
            before().link("link", kind, "/etc").file("link/x", b"2"),
            "refused the entry `link`: links are not taken",
        );
    }
    check(
        before().link("a", b'2', "b").link("b", b'2', ".."),
        "refused the entry `a`: links are not taken",
    );
    check(
        before()
            .pax(&[("linkpath", "/etc/passwd")])
            .file("good", b"2"),
        "refused the entry `good`: links are not taken",
    );
    check(
        before()
            .header(&Header::new("././@LongLink", 2).kind(b'K'))
            .content(b"x\0")
            .link("good", b'2', "x"),
        "refused the entry `././@LongLink`: links are not taken",
    );
}

/// X2: Neither one nor a chain of two.
#[test]
fn x2_a_link_that_is_there_already_is_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let directory = outside.path().join("in");
    fs::create_dir_all(directory.join("real")).unwrap();
    fs::create_dir(outside.path().join("target")).unwrap();
    symlink("../target", directory.join("link")).unwrap();
    symlink("link", directory.join("chain")).unwrap();
    let before_all = tree(outside.path());
    for name in ["link/x", "chain/x", "link/deep/x"] {
        let error = unpack(&directory, &before().file(name, b"2").end()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot write `{name}`: a link or file is in the way")
        );
        let error = Destination::open(&directory)
            .unwrap()
            .write_raw(
                &FilePath::parse(name).unwrap(),
                &FileAttributes::default(),
                &mut &b"2"[..],
                &expected(b"2"),
            )
            .unwrap_err();
        assert!(matches!(error, Error::Blocked { .. }), "{error}");
        assert_eq!(tree(outside.path()), before_all);
    }
}

/// X3: Wherever they lead, also to an entry before.
#[test]
fn x3_hard_links() {
    for target in ["../x", "/etc/passwd", "first"] {
        check(
            before().link("hard", b'1', target),
            "refused the entry `hard`: links are not taken",
        );
    }
}

/// X4: The target keeps both.
#[test]
fn x4_mode_and_time_are_not_set_through_a_link() {
    let outside = tempfile::tempdir().unwrap();
    let directory = outside.path().join("in");
    fs::create_dir(&directory).unwrap();
    let target = outside.path().join("target");
    fs::write(&target, "target").unwrap();
    symlink("../target", directory.join("file")).unwrap();
    symlink("..", directory.join("up")).unwrap();
    let before_all = tree(outside.path());
    // A directory entry at the place of a link.
    assert!(unpack(&directory, &before().directory("up/").end()).is_err());
    assert_eq!(tree(outside.path()), before_all);
    let mut header = Header::new("file", 1);
    header.mode = 0o777;
    unpack(
        &directory,
        &Archive::default().header(&header).content(b"n").end(),
    )
    .unwrap();
    let after = tree(outside.path());
    assert_eq!(after["target"], before_all["target"]);
    assert_eq!(after["in/file"], "755 n");
}

/// X5: Every way to say two things.
#[test]
fn x5_two_sizes() {
    let two = "refused the entry `a`: it has two different sizes";
    let hidden = Archive::default().file("hidden", b"h").0;
    for (octal, pax) in [
        (format!("{:011o}", 0), "1024"),
        (format!("{:011o}", 1024), "0"),
        (format!("{:011o}", 1024), "512"),
        (format!("{:011o}", 1024), "+1024"),
        (format!("{:011o}", 1024), ""),
        (format!("{:011o}", 1024), "-1"),
    ] {
        let header = Header {
            size: octal,
            ..Header::new("a", 0)
        };
        check(
            before()
                .pax(&[("size", pax)])
                .header(&header)
                .content(&hidden),
            two,
        );
    }
    // To GNU tar a sign begins a number in base 64.
    for octal in ["+0000002000", "-0000002000", "0x400", "", "99"] {
        let header = Header {
            size: octal.to_owned(),
            ..Header::new("a", 0)
        };
        check(
            before().header(&header).content(&hidden),
            "the archive is damaged at `a`: its size is no number",
        );
    }
    check(
        before()
            .pax(&[("path", "a")])
            .pax(&[("path", "b")])
            .file("c", b""),
        "the archive is damaged at `PaxHeaders.0/x`: it has two extended headers",
    );
    check(
        before().pax(&[("path", "a"), ("path", "b")]).file("c", b""),
        "the archive is damaged at `PaxHeaders.0/x`: its extended header says one thing twice",
    );
    check(
        before().extended(b'g', &[("size", "0")]).file("c", b"c"),
        "refused the entry `PaxHeaders.0/x`: a header for all entries is not taken",
    );
    let header = Header {
        magic: b"ustar\0  ",
        ..Header::new("a", 0)
    };
    check(
        before().header(&header),
        "the archive is damaged at `a`: its format is unknown",
    );
}

/// X5: Nothing of the inner one is unpacked.
#[test]
fn x5_an_archive_in_an_archive_stays_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let inner = Archive::default().file("inner", b"i").end();
    let unpacked = unpack(
        directory.path(),
        &Archive::default().file("outer.tar", &inner).end(),
    )
    .unwrap();
    assert_eq!(unpacked.len(), 1);
    assert_eq!(fs::read(directory.path().join("outer.tar")).unwrap(), inner);
}

/// X6: In every dialect of the format.
#[test]
fn x6_sparse_files() {
    let sparse = "refused the entry `a`: sparse files are not taken";
    check(before().header(&Header::new("a", 0).kind(b'S')), sparse);
    for key in [
        "GNU.sparse.major",
        "GNU.sparse.realsize",
        "GNU.sparse.size",
        "SCHILY.realsize",
    ] {
        check(
            before().pax(&[(key, "8796093022208")]).file("a", b""),
            sparse,
        );
    }
    check(
        before().header(&Header {
            size: "77777777777".to_owned(),
            ..Header::new("a", 0)
        }),
        "the archive is damaged at `a`: it ends inside the content of this entry",
    );
}

/// X7: A directory is an entry as a file is, and long ways are counted with each directory on them: both
/// bound what an archive can cost.
#[test]
fn x7_directories_and_the_ways_to_them_are_limited() {
    let mut archive = Archive::default();
    for number in 0..20_000 {
        archive = archive.directory(&format!("{}/{}/{number}", number % 7, number % 5));
    }
    let mut limits = Limits::default();
    limits.entries = 20_000;
    check_bytes(
        Encoding::Tar,
        &archive.file("x", b"x").end(),
        &limits,
        "the layer is over the limit of 20000 entries",
    );

    // As long and as deep as a path can be; each has 64 times its length.
    let way = format!("{}/", "d".repeat(63)).repeat(63);
    let mut archive = Archive::default();
    for number in 0..1_025 {
        let path = format!("{way}{number:063}");
        archive = archive.pax(&[("path", &path)]).directory("short");
    }
    check_bytes(
        Encoding::Tar,
        &archive.end(),
        &Limits::default(),
        "the layer is over the limit of 268435456 bytes of names",
    );
}

/// X8: Within one archive, and names that Windows keeps.
#[test]
fn x8_names_that_collide() {
    for (first, second, reason) in [
        ("a", "a", "the same path twice"),
        ("a", "./a", "the same path twice"),
        (
            "Model.bin",
            "model.bin",
            "they differ only in upper and lower case",
        ),
        ("a", "a/b", "one is a file, the other a directory"),
        ("a/b", "a", "one is a file, the other a directory"),
    ] {
        let (low, other) = (second, if first == "a/b" { "a" } else { first });
        check(
            Archive::default().file(first, b"1").file(second, b"2"),
            &format!("refused the entry `{low}`: it collides with `{other}`: {reason}"),
        );
    }
    check(
        Archive::default().directory("d/e").file("D", b""),
        "refused the entry `d/e`: it collides with `d`: one is a file, the other a directory",
    );
    for name in ["con", "a/NUL.txt", "com1.bin", "lpt9"] {
        check(
            before().file(name, b""),
            &format!("refused the entry `{name}`: a component is a device name on Windows"),
        );
    }
}

/// X8: Two layers cannot have one path between them.
#[test]
fn x8_two_layers_with_one_path() {
    let directory = tempfile::tempdir().unwrap();
    let destination = Destination::open(directory.path()).unwrap();
    let write = |name: &str| {
        let path = FilePath::parse(name).unwrap();
        destination.write_raw(
            &path,
            &FileAttributes::default(),
            &mut &b"1"[..],
            &expected(b"1"),
        )
    };
    write("a/x").unwrap();
    for name in ["a/x", "A/X", "a/x/y"] {
        assert!(
            matches!(
                write(name),
                Err(Error::UnsafeEntry { .. } | Error::Blocked { .. })
            ),
            "{name}"
        );
    }
    let bytes = Archive::default().file("b", b"2").file("a/x", b"2").end();
    let error = destination
        .unpack_tar(
            Encoding::Tar,
            &mut &*bytes,
            &expected(&bytes),
            &Limits::default(),
        )
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "refused the entry `a/x`: it collides with `a/x`: the same path twice"
    );
    drop(destination);
    assert_eq!(
        tree(directory.path()).keys().collect::<Vec<_>>(),
        ["a", "a/x"]
    );
}

/// X8: Nobody writes where we stage.
#[test]
fn x8_the_names_of_unfinished_files_are_kept() {
    for name in [".modelpack-staging-1-0/0", ".Modelpack-Staging-x"] {
        check(
            before().file(name, b""),
            &format!("cannot write `{name}`: the name is kept for unfinished files"),
        );
    }
    check(
        before().directory(".modelpack-staging-1-0/"),
        "cannot write `.modelpack-staging-1-0`: the name is kept for unfinished files",
    );
}

/// X9: What is left of each mode.
#[test]
fn x9_devices_and_special_bits() {
    for kind in [b'3', b'4', b'6'] {
        check(
            before().header(&Header::new("dev", 0).kind(kind)),
            "refused the entry `dev`: devices and pipes are not taken",
        );
    }
    check(
        before().header(&Header::new("odd", 0).kind(b'V')),
        "refused the entry `odd`: its type is unknown",
    );
    let directory = tempfile::tempdir().unwrap();
    let mut archive = Archive::default();
    for (name, mode) in [
        ("suid", 0o4755),
        ("sgid", 0o2755),
        ("sticky", 0o1777),
        ("world", 0o666),
        ("none", 0),
    ] {
        let mut header = Header::new(name, 0);
        header.mode = mode;
        archive = archive
            .pax(&[("SCHILY.xattr.security.capability", "x")])
            .header(&header);
    }
    unpack(directory.path(), &archive.end()).unwrap();
    let found: Vec<_> = tree(directory.path()).into_iter().collect();
    let expected = [
        ("none", "400 "),
        ("sgid", "755 "),
        ("sticky", "755 "),
        ("suid", "755 "),
        ("world", "644 "),
    ]
    .map(|(name, mode)| (name.to_owned(), mode.to_owned()));
    assert_eq!(found, expected);
}

/// X10: Each limit with its message.
#[test]
fn x10_too_many_bytes_and_entries() {
    let mut limits = Limits::default();
    limits.entries = 2;
    let three = Archive::default()
        .file("a", b"")
        .file("b", b"")
        .file("c", b"")
        .end();
    check_bytes(
        Encoding::Tar,
        &three,
        &limits,
        "the layer is over the limit of 2 entries",
    );
    limits = Limits::default();
    limits.bytes = 4096;
    let large = Archive::default().file("a", &[7; 5000]).end();
    check_bytes(
        Encoding::Tar,
        &large,
        &limits,
        "the layer is over the limit of 4096 bytes",
    );
    // An extended header that is no name but a load.
    let load = "x".repeat(70_000);
    check(
        before().pax(&[("comment", &load)]).file("a", b""),
        "the layer is over the limit of 65536 bytes of one extended header",
    );
}

/// D16, X10: By size and by ratio, for gzip and zstd.
#[cfg(all(feature = "gzip", feature = "zstd"))]
#[test]
fn x10_d16_decompression_bombs() {
    for encoding in [Encoding::TarGzip, Encoding::TarZstd] {
        let mut writer = modelpack_layer::LayerWriter::new(encoding, Vec::new()).unwrap();
        let size = 96 << 20;
        writer
            .append(
                &FilePath::parse("a").unwrap(),
                &FileAttributes::default(),
                size,
                &mut io::repeat(0).take(size),
            )
            .unwrap();
        let (_, bomb) = writer.finish().unwrap();
        let mut limits = Limits::default();
        limits.bytes = 1 << 20;
        check_bytes(
            encoding,
            &bomb,
            &limits,
            "the layer is over the limit of 1048576 bytes",
        );
        limits = Limits::default();
        limits.ratio = 100;
        check_bytes(
            encoding,
            &bomb,
            &limits,
            "the layer is over the limit of 100 bytes for each compressed byte",
        );
    }
}

/// X11: As a file and as a directory.
#[test]
fn x11_a_trailing_slash_does_not_follow_a_link() {
    let outside = tempfile::tempdir().unwrap();
    let directory = outside.path().join("in");
    fs::create_dir(&directory).unwrap();
    symlink("..", directory.join("link")).unwrap();
    let before_all = tree(outside.path());
    for archive in [
        before().directory("link/"),
        before().file("link/", b""),
        before().directory("link/a/"),
    ] {
        unpack(&directory, &archive.end()).unwrap_err();
        assert_eq!(tree(outside.path()), before_all);
    }
}

/// X12: Set-id and world-writable bits go, also in the spelling of Go.
#[test]
fn x12_the_mode_of_the_metadata_is_not_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let destination = Destination::open(directory.path()).unwrap();
    // 8389101 is what Go writes for a set-uid file of mode 0755; the others are plain.
    for (name, mode, expected_mode) in [
        ("go", 8_389_101, "755 "),
        ("suid", 0o4777, "755 "),
        ("world", 0o666, "644 "),
    ] {
        let path = FilePath::parse(name).unwrap();
        destination
            .write_raw(
                &path,
                &FileAttributes::with_mode(mode),
                &mut io::empty(),
                &expected(b""),
            )
            .unwrap();
        assert_eq!(tree(directory.path())[name], expected_mode);
    }
}

/// X13: Neither files nor directories are there before.
#[test]
fn x13_nothing_is_visible_before_the_digest_is_verified() {
    let outside = tempfile::tempdir().unwrap();
    let directory = outside.path().join("made/here");
    let good = before().file("second", b"2").end();
    let mut wrong = good.clone();
    wrong[512] = b'X';
    let short = &good[..good.len() - 512];
    for (bytes, what) in [
        (&*wrong, "digest"),
        (short, "size"),
        (&[good.clone(), vec![0]].concat(), "size"),
    ] {
        let destination = Destination::open(&directory).unwrap();
        let error = destination
            .unpack_tar(
                Encoding::Tar,
                &mut &*bytes,
                &expected(&good),
                &Limits::default(),
            )
            .unwrap_err();
        match what {
            "digest" => assert!(matches!(error, Error::DigestMismatch { .. }), "{error}"),
            _ => assert!(matches!(error, Error::SizeMismatch { .. }), "{error}"),
        }
        assert!(error.is_integrity());
        drop(destination);
        assert!(
            tree(outside.path()).is_empty(),
            "the made directories are gone again"
        );
    }
}

/// X13: Not even the files before it are there.
#[test]
fn x13_a_layer_that_is_blocked_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("z")).unwrap();
    let before_all = tree(directory.path());
    let error = unpack(
        directory.path(),
        &before().file("new/a", b"").file("z", b"2").end(),
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot write `z`: a directory is in the way"
    );
    assert_eq!(tree(directory.path()), before_all);
}

/// X13: A layer that cannot be read is not called damaged.
#[test]
fn x13_a_read_error_is_told_as_such() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is on fire"))
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let destination = Destination::open(directory.path()).unwrap();
    let promised = Expected {
        digest: Digest::sha256(b""),
        size: 1024,
    };
    let error = destination
        .unpack_tar(Encoding::Tar, &mut Failing, &promised, &Limits::default())
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot read `layer`");
    assert!(!error.is_integrity());
}

/// X13: Cut and changed ones.
#[test]
fn x13_damaged_archives() {
    let good = before().end();
    for (bytes, message) in [
        (
            vec![],
            "the archive is damaged: it ends without its two empty blocks",
        ),
        (
            good[..100].to_vec(),
            "the archive is damaged: it ends inside a header",
        ),
        (
            good[..512].to_vec(),
            "the archive is damaged at `first`: it ends inside the content of this entry",
        ),
        (
            good[..513].to_vec(),
            "the archive is damaged at `first`: it ends inside the padding of this entry",
        ),
        (
            good[..1024].to_vec(),
            "the archive is damaged: it ends without its two empty blocks",
        ),
        (
            [good.clone(), b"more".to_vec()].concat(),
            "the archive is damaged: something follows its end",
        ),
        (
            [vec![b'F'], good[1..].to_vec()].concat(),
            "the archive is damaged at `First`: its header has a wrong checksum",
        ),
    ] {
        check_bytes(Encoding::Tar, &bytes, &Limits::default(), message);
    }
    check(
        before().pax(&[("path", "a")]),
        "the archive is damaged: it ends after an extended header",
    );
}

/// X13: Bytes behind the end of the stream are damage.
#[cfg(all(feature = "gzip", feature = "zstd"))]
#[test]
fn x13_garbage_after_the_compressed_stream() {
    for encoding in [Encoding::TarGzip, Encoding::TarZstd] {
        let (_, mut bytes) = modelpack_layer::LayerWriter::new(encoding, Vec::new())
            .unwrap()
            .finish()
            .unwrap();
        let directory = tempfile::tempdir().unwrap();
        assert!(
            unpack_as(directory.path(), encoding, &bytes, &Limits::default())
                .unwrap()
                .is_empty()
        );
        bytes.extend(b"garbage after the end");
        let error = unpack_as(directory.path(), encoding, &bytes, &Limits::default()).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
}

/// X14: An executable script of an archive.
#[test]
fn x14_nothing_is_executed_that_only_lies_there() {
    let directory = tempfile::tempdir().unwrap();
    let marker = directory.path().join("executed");
    let script = format!("#!/bin/sh\ntouch {}\n", marker.display());
    let mut header = Header::new("setup.sh", script.len());
    header.mode = 0o755;
    unpack(
        directory.path(),
        &Archive::default()
            .header(&header)
            .content(script.as_bytes())
            .end(),
    )
    .unwrap();
    assert!(!marker.exists());
}
