//! Hostile models: names and archives that lead out, set-id modes, bombs.

use std::io;
use std::os::unix::fs::symlink;

use modelpack_spec::Encoding;
use modelpack_spec::rules::Level::{Must, Should};
use tar::EntryType;

use super::archives::{Archive, zeros};
use super::cases::{Make, case};
use super::{Case, Expect};
use crate::served::{File, Layer, Model};

const TRAVERSAL: &str = "https://cwe.mitre.org/data/definitions/22.html";
const LINKS: &str = "https://cwe.mitre.org/data/definitions/59.html";
const PERMISSIONS: &str = "https://cwe.mitre.org/data/definitions/732.html";
const BOMBS: &str = "https://cwe.mitre.org/data/definitions/409.html";

/// The link that stands in the directory before the tool comes, in one case.
pub(super) const PLANTED: &str = "planted";

pub(super) fn all() -> Vec<Case> {
    let mut cases = hostile_names();
    cases.extend(hostile_archives());
    cases.extend(modes());
    cases.extend(limits());
    cases
}

/// A model whose one name is hostile, beside a harmless file.
fn named(name: &str) -> Model {
    Model::new([
        Layer::raw(name, b"escaped\n"),
        Layer::raw("good.bin", b"weights"),
    ])
}

fn hostile_names() -> Vec<Case> {
    let hostile =
        |id, summary, expect, model: Make| case(id, Must, TRAVERSAL, summary, expect, model);
    vec![
        hostile(
            "path.parent",
            "`../` in an annotation leads nowhere",
            Expect::Refusal,
            |_| Ok(named("../escaped.bin")),
        ),
        hostile(
            "path.parent-inside",
            "`../` further back in an annotation leads nowhere",
            Expect::Refusal,
            |_| Ok(named("a/../../../escaped.bin")),
        ),
        hostile(
            "path.absolute",
            "an absolute name leads nowhere",
            Expect::Harmless,
            |scratch| Ok(named(&scratch.sentinel().to_string_lossy())),
        ),
        hostile(
            "path.backslash",
            "a backslash in a name leads nowhere",
            Expect::Harmless,
            |_| Ok(named("..\\escaped.bin")),
        ),
        hostile(
            "path.nul",
            "a name with a NUL is refused",
            Expect::Refusal,
            |_| Ok(named("good\u{0}/../../escaped.bin")),
        ),
        hostile(
            "path.empty",
            "an empty name is refused",
            Expect::Refusal,
            |_| Ok(named("")),
        ),
        hostile(
            "path.dot",
            "the name of the directory itself is refused",
            Expect::Refusal,
            |_| Ok(named(".")),
        ),
        hostile(
            "path.parent-alone",
            "the name of the parent directory is refused",
            Expect::Refusal,
            |_| Ok(named("..")),
        ),
        Case {
            prepare: |scratch, _| match symlink("..", scratch.out().join(PLANTED)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => Ok(()),
            },
            ..case(
                "path.planted-link",
                Must,
                LINKS,
                "a link that stands in the directory already is not followed out of it",
                Expect::Harmless,
                |_| Ok(named("planted/escaped.bin")),
            )
        },
    ]
}

/// A hostile archive beside a harmless file.
fn with_archive(archive: Archive) -> Model {
    let archive = Layer::archive("archive.bin", &archive.finish(), Encoding::Tar, Vec::new());
    Model::new([archive, Layer::raw("good.bin", b"weights")])
}

fn hostile_archives() -> Vec<Case> {
    let hostile =
        |id, anchor, summary, model: Make| case(id, Must, anchor, summary, Expect::Harmless, model);
    vec![
        hostile(
            "tar.parent",
            TRAVERSAL,
            "`../` in an archive leads nowhere",
            |_| {
                Ok(with_archive(
                    Archive::new().file("../escaped.bin", b"escaped"),
                ))
            },
        ),
        hostile(
            "tar.parent-inside",
            TRAVERSAL,
            "`../` further back in a name in an archive leads nowhere",
            |_| {
                Ok(with_archive(
                    Archive::new().file("a/../../../escaped.bin", b"escaped"),
                ))
            },
        ),
        hostile(
            "tar.absolute",
            TRAVERSAL,
            "an absolute name in an archive leads nowhere",
            |scratch| {
                let sentinel = scratch.sentinel();
                Ok(with_archive(
                    Archive::new().file(&sentinel.to_string_lossy(), b"escaped"),
                ))
            },
        ),
        hostile(
            "tar.link",
            LINKS,
            "an archive brings no link that leads out",
            |_| {
                Ok(with_archive(Archive::new().link(
                    EntryType::Symlink,
                    "out",
                    "../sentinel",
                )))
            },
        ),
        hostile(
            "tar.write-through-link",
            LINKS,
            "an archive writes no file through a link that leads out",
            |_| {
                let archive = Archive::new()
                    .link(EntryType::Symlink, "out", "..")
                    .file("out/escaped.bin", b"escaped");
                Ok(with_archive(archive))
            },
        ),
        hostile(
            "tar.overwrite-link",
            LINKS,
            "an archive writes no file in place of a link that leads out",
            |_| {
                let archive = Archive::new()
                    .link(EntryType::Symlink, "out", "../sentinel")
                    .file("out", b"escaped");
                Ok(with_archive(archive))
            },
        ),
        hostile(
            "tar.chain-of-links",
            LINKS,
            "an archive writes no file through two links that lead out together",
            |_| {
                let archive = Archive::new()
                    .link(EntryType::Symlink, "a", ".")
                    .link(EntryType::Symlink, "a/b", "..")
                    .file("b/escaped.bin", b"escaped");
                Ok(with_archive(archive))
            },
        ),
        hostile(
            "tar.hard-link",
            LINKS,
            "a hard link to a file outside does not change it",
            |scratch| {
                let sentinel = scratch.sentinel();
                let archive = Archive::new()
                    .link(EntryType::Link, "out", &sentinel.to_string_lossy())
                    .file("out", b"escaped");
                Ok(with_archive(archive))
            },
        ),
        hostile(
            "tar.hard-link-parent",
            LINKS,
            "a hard link to a file outside by a relative name does not change it",
            |_| {
                let archive = Archive::new()
                    .link(EntryType::Link, "out", "../sentinel")
                    .file("out", b"escaped");
                Ok(with_archive(archive))
            },
        ),
        hostile(
            "tar.special",
            PERMISSIONS,
            "an archive brings no device and no pipe",
            |_| {
                let archive = Archive::new()
                    .special(EntryType::Fifo, "pipe")
                    .special(EntryType::Char, "device");
                Ok(with_archive(archive))
            },
        ),
    ]
}

fn modes() -> Vec<Case> {
    /// Where Go has the set-user-id bit in its modes.
    const GO_SETUID: u64 = 1 << 23;
    let moded = |id, level, summary, expect, model: Make| {
        case(id, level, PERMISSIONS, summary, expect, model)
    };
    vec![
        moded(
            "mode.set-id",
            Must,
            "no annotation makes a file set-id",
            Expect::Harmless,
            |_| {
                Ok(Model::new([
                    Layer::raw("run.sh", b"#!/bin/sh\n").with_mode(0o6755)
                ]))
            },
        ),
        moded(
            "mode.set-id-go",
            Must,
            "no annotation makes a file set-id as Go writes modes",
            Expect::Harmless,
            |_| {
                Ok(Model::new([
                    Layer::raw("run.sh", b"#!/bin/sh\n").with_mode(GO_SETUID | 0o755)
                ]))
            },
        ),
        moded(
            "mode.set-id-tar",
            Must,
            "no archive brings a set-id file",
            Expect::Harmless,
            |_| {
                let archive = Archive::new().file_with_mode("run.sh", b"#!/bin/sh\n", 0o6755);
                let file = File::new("run.sh", b"#!/bin/sh\n");
                Ok(Model::new([Layer::archive(
                    "run.sh",
                    &archive.finish(),
                    Encoding::Tar,
                    vec![file],
                )]))
            },
        ),
        moded(
            "mode.world-writable",
            Should,
            "no annotation makes a file that everybody can write to",
            Expect::NotWorldWritable,
            |_| {
                Ok(Model::new([
                    Layer::raw("model.bin", b"weights").with_mode(0o666)
                ]))
            },
        ),
    ]
}

fn limits() -> Vec<Case> {
    vec![
        case(
            "limits.bomb",
            Should,
            BOMBS,
            "an archive that grows ten thousandfold is stopped",
            Expect::Small,
            |_| {
                let (stored, diff_id) = zeros("model.bin", 256 * 1024 * 1024)?;
                Ok(Model::new([Layer::compressed(
                    "model.bin",
                    stored,
                    diff_id,
                    Vec::new(),
                )]))
            },
        ),
        case(
            "limits.sparse",
            Should,
            BOMBS,
            "a file of two gigabytes of holes takes no room",
            Expect::Small,
            |_| {
                let archive = Archive::new().sparse("model.bin", 1 << 31);
                let layer =
                    Layer::archive("model.bin", &archive.finish(), Encoding::Tar, Vec::new());
                Ok(Model::new([layer]))
            },
        ),
    ]
}
