//! The cases of the suite: models that are right, bytes that are not.

use std::fs;
use std::io;

use modelpack_faulty::{Class, Contents, Fault, Rule, When, random_bytes};
use modelpack_spec::Encoding;
use modelpack_spec::rules::Level::{self, Must, Should};

use super::archives::Archive;
use super::hostile;
use super::{Case, Expect, Name, make_writable};
use crate::served::{File, Layer, MANIFEST, Model, Put, ordinary};
use crate::tool::Scratch;

const MEDIA_TYPES: &str = "https://github.com/modelpack/model-spec/blob/main/docs/spec.md#oci-image-manifest-specification-for-model-artifacts";
const PATHS: &str =
    "https://github.com/modelpack/model-spec/blob/main/docs/annotations.md#layer-annotation-keys";
const ATTRIBUTES: &str =
    "https://github.com/modelpack/model-spec/blob/main/docs/spec.md#file-attributes";
const MANIFEST_FIELDS: &str = "https://github.com/opencontainers/image-spec/blob/main/manifest.md#image-manifest-property-descriptions";
const VERIFICATION: &str =
    "https://github.com/opencontainers/image-spec/blob/main/descriptor.md#verification";
const PULLING: &str =
    "https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests";

/// Weights that a registry spoils in some cases: large enough for several reads.
const WEIGHTS: &str = "weights/model.bin";

pub(super) type Make = fn(&Scratch) -> io::Result<Model>;

/// A case in which nothing goes wrong besides the model itself.
pub(super) fn case(
    id: &'static str,
    level: Level,
    anchor: &'static str,
    summary: &'static str,
    expect: Expect,
    model: Make,
) -> Case {
    Case {
        id,
        level,
        anchor,
        summary,
        model,
        rules: |_| Vec::new(),
        change: |_, _| {},
        prepare: |_, _| Ok(()),
        name: Name::Tag,
        runs: 1,
        expect,
    }
}

pub(super) fn all() -> Vec<Case> {
    let mut cases = files();
    cases.extend(names());
    cases.extend(bytes());
    cases.extend(pins());
    cases.extend(hostile::all());
    cases
}

fn files() -> Vec<Case> {
    let family = |scratch: &Scratch| -> io::Result<Model> {
        let _ = scratch;
        Ok(Model {
            family: "cnai",
            ..ordinary()
        })
    };
    let anonymous: Make = |_| {
        Ok(Model {
            names_itself: false,
            ..ordinary()
        })
    };
    vec![
        case(
            "files.raw",
            Must,
            MEDIA_TYPES,
            "raw layers become files",
            Expect::Files,
            |_| Ok(ordinary()),
        ),
        case(
            "files.tar",
            Must,
            MEDIA_TYPES,
            "tar layers become files",
            Expect::Files,
            |_| Ok(packed(Encoding::Tar)),
        ),
        case(
            "files.tar-gzip",
            Should,
            MEDIA_TYPES,
            "tar+gzip layers become files",
            Expect::Files,
            |_| Ok(packed(Encoding::TarGzip)),
        ),
        case(
            "files.tar-zstd",
            Should,
            MEDIA_TYPES,
            "tar+zstd layers become files",
            Expect::Files,
            |_| Ok(packed(Encoding::TarZstd)),
        ),
        case(
            "files.former-types",
            Should,
            MEDIA_TYPES,
            "the media types and annotations of versions up to v0.0.6 are read",
            Expect::Files,
            family,
        ),
        case(
            "files.no-media-type",
            Must,
            MANIFEST_FIELDS,
            "a manifest that does not name its own media type is read",
            Expect::Files,
            anonymous,
        ),
        case(
            "files.same-content",
            Must,
            PATHS,
            "files of the same content are all written",
            Expect::Files,
            |_| {
                let twin = |path| Layer::raw(path, b"{\"the same\":true}");
                Ok(Model::new([
                    twin("a.json"),
                    twin("b/a.json"),
                    twin("b/c/a.json"),
                ]))
            },
        ),
        case(
            "files.empty",
            Must,
            PATHS,
            "an empty file is written",
            Expect::Files,
            |_| {
                let empty = |path| Layer::raw(path, b"");
                let weights = Layer::raw("model.bin", b"weights");
                Ok(Model::new([
                    empty("pkg/__init__.py"),
                    empty("__init__.py"),
                    weights,
                ]))
            },
        ),
        Case {
            runs: 2,
            ..case(
                "files.again",
                Must,
                PATHS,
                "a second run into the same directory works",
                Expect::Files,
                |_| Ok(ordinary()),
            )
        },
        case(
            "files.executable",
            Should,
            ATTRIBUTES,
            "a file that can be executed stays so",
            Expect::Executable,
            |_| {
                Ok(Model::new([
                    Layer::raw("run.sh", b"#!/bin/sh\n").with_mode(0o755)
                ]))
            },
        ),
    ]
}

/// A model in one archive for each of its directories.
fn packed(encoding: Encoding) -> Model {
    let weights = random_bytes(100_000, 2);
    let single = Archive::new().file("model.bin", &weights).finish();
    let two = Archive::new()
        .file("docs/README.md", b"# A model\n")
        .file("docs/more/LICENSE.md", b"none\n")
        .finish();
    Model::new([
        Layer::archive(
            "model.bin",
            &single,
            encoding,
            vec![File::new("model.bin", &weights)],
        ),
        Layer::archive(
            "docs",
            &two,
            encoding,
            vec![
                File::new("docs/README.md", b"# A model\n"),
                File::new("docs/more/LICENSE.md", b"none\n"),
            ],
        ),
    ])
}

fn names() -> Vec<Case> {
    vec![
        case(
            "names.dots-inside",
            Must,
            PATHS,
            "two dots inside of a name are no way out",
            Expect::Files,
            |_| {
                Ok(Model::new([
                    Layer::raw("v1..2/w.bin", b"weights"),
                    Layer::raw("..config.json", b"{}"),
                ]))
            },
        ),
        case(
            "names.dots-inside-tar",
            Must,
            PATHS,
            "two dots inside of a name in an archive are no way out",
            Expect::Files,
            |_| {
                let archive = Archive::new().file("v1..2/w.bin", b"weights").finish();
                let file = File::new("v1..2/w.bin", b"weights");
                Ok(Model::new([Layer::archive(
                    "v1..2/w.bin",
                    &archive,
                    Encoding::Tar,
                    vec![file],
                )]))
            },
        ),
        case(
            "names.unicode",
            Must,
            PATHS,
            "names with spaces and of any script are kept",
            Expect::Files,
            |_| {
                Ok(Model::new([
                    Layer::raw("with space/modèle 模型.bin", b"weights"),
                    Layer::raw("-dash", b"x"),
                    Layer::raw("a'b\"c$d.bin", b"y"),
                ]))
            },
        ),
        case(
            "names.twice",
            Should,
            PATHS,
            "two contents for one name are refused",
            Expect::Refusal,
            |_| {
                Ok(Model::new([
                    Layer::raw("a.bin", b"one"),
                    Layer::raw("a.bin", b"two"),
                ]))
            },
        ),
        case(
            "names.below-a-file",
            Must,
            PATHS,
            "a name below a file is refused, as not all files can be there",
            Expect::Refusal,
            |_| {
                Ok(Model::new([
                    Layer::raw("a", b"one"),
                    Layer::raw("a/b.bin", b"two"),
                ]))
            },
        ),
    ]
}

fn of_weights(put: &Put, fault: Fault) -> Rule {
    Rule::new(When::new("GET", Class::Blob).of(&put.layers[1]), fault)
}

fn bytes() -> Vec<Case> {
    let spoiled = |id, level, summary, expect, rules: fn(&Put) -> Vec<Rule>| Case {
        rules,
        runs: 2,
        ..case(id, level, VERIFICATION, summary, expect, |_| Ok(ordinary()))
    };
    const WRONG: Fault = Fault::WrongBytes {
        at: 5_000,
        count: 100,
    };
    vec![
        spoiled(
            "bytes.wrong",
            Must,
            "wrong bytes of the right length never pass, not on a second run either",
            Expect::Refusal,
            |put| vec![of_weights(put, WRONG)],
        ),
        spoiled(
            "bytes.wrong-leave-no-trace",
            Should,
            "wrong bytes never stand under the name of a file",
            Expect::NoTrace,
            |put| vec![of_weights(put, WRONG)],
        ),
        spoiled(
            "bytes.wrong-once",
            Must,
            "after wrong bytes, success means the right ones",
            Expect::Honest,
            |put| vec![of_weights(put, WRONG).once()],
        ),
        spoiled(
            "bytes.wrong-all",
            Must,
            "a file of nothing but wrong bytes never passes",
            Expect::Refusal,
            |put| {
                vec![of_weights(
                    put,
                    Fault::WrongBodyBytes {
                        at: 0,
                        count: 100_000,
                    },
                )]
            },
        ),
        spoiled(
            "bytes.short",
            Must,
            "a body that is too short never passes",
            Expect::Refusal,
            |put| vec![of_weights(put, Fault::ShortBody { by: 1 })],
        ),
        spoiled(
            "bytes.long",
            Must,
            "a body that is too long never passes as it is",
            Expect::Honest,
            |put| vec![of_weights(put, Fault::LongBody { by: 1 })],
        ),
        spoiled(
            "bytes.cut",
            Must,
            "a connection that breaks never passes for the end",
            Expect::Honest,
            |put| vec![of_weights(put, Fault::Cut { after: 50_000 })],
        ),
        spoiled(
            "bytes.config",
            Must,
            "a config with wrong bytes never passes",
            Expect::Refusal,
            |put| {
                let when = When::new("GET", Class::Blob).of(&put.config);
                vec![Rule::new(when, Fault::WrongBytes { at: 20, count: 1 })]
            },
        ),
        Case {
            rules: |put| {
                let when = When::new("GET", Class::Blob).of(&put.layers[0]);
                vec![Rule::new(when, Fault::WrongBytes { at: 512, count: 7 })]
            },
            runs: 2,
            ..case(
                "bytes.wrong-tar",
                Must,
                VERIFICATION,
                "wrong bytes inside of an archive never pass, not on a second run either",
                Expect::Refusal,
                |_| Ok(packed(Encoding::Tar)),
            )
        },
        Case {
            runs: 2,
            prepare: |scratch, run| match run {
                0 => Ok(()),
                // The same length, so that nothing but its content tells.
                _ => match fs::read(scratch.out().join(WEIGHTS)) {
                    Ok(mut content) => {
                        let path = scratch.out().join(WEIGHTS);
                        make_writable(&path)?;
                        content.iter_mut().for_each(|byte| *byte = b'X');
                        // A new file: the old one may be shared with a store of the tool.
                        fs::remove_file(&path)?;
                        fs::write(&path, content)
                    }
                    Err(_) => Ok(()),
                },
            },
            ..case(
                "bytes.edited",
                Should,
                VERIFICATION,
                "a file that somebody changed is put right, or the tool says that it is not",
                Expect::Honest,
                |_| Ok(ordinary()),
            )
        },
    ]
}

fn pins() -> Vec<Case> {
    let other: fn(&Contents, &Put) = |contents, _| {
        let other = Model::new([Layer::raw("other.bin", b"not what was asked for")]);
        other.put(contents, super::REPOSITORY, super::TAG);
    };
    vec![
        Case {
            name: Name::Digest,
            ..case(
                "pin.digest",
                Must,
                PULLING,
                "an artifact can be named by its digest",
                Expect::Files,
                |_| Ok(ordinary()),
            )
        },
        Case {
            name: Name::Digest,
            rules: |_| {
                let body = modelpack_faulty::Filler::Text(other_manifest());
                let when = When::new("GET", Class::Manifest);
                vec![Rule::new(when, Fault::Body { body })]
            },
            change: |contents, _| {
                let repository = super::REPOSITORY;
                contents.add_blob(repository, "{}");
                contents.add_blob(repository, "other");
            },
            runs: 2,
            ..case(
                "pin.mismatch",
                Must,
                PULLING,
                "a manifest that does not have the digest that was asked for is refused",
                Expect::Refusal,
                |_| Ok(ordinary()),
            )
        },
        Case {
            name: Name::TagAndDigest,
            change: other,
            ..case(
                "pin.tag-and-digest",
                Must,
                PULLING,
                "of a tag and a digest, the digest counts",
                Expect::Honest,
                |_| Ok(ordinary()),
            )
        },
    ]
}

/// A manifest that is good in itself, and not the one that was asked for.
fn other_manifest() -> String {
    let digest = modelpack_faulty::sha256_digest;
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","artifactType":"application/vnd.cncf.model.manifest.v1+json","config":{{"mediaType":"application/vnd.cncf.model.config.v1+json","digest":"{}","size":2}},"layers":[{{"mediaType":"application/vnd.cncf.model.weight.v1.raw","digest":"{}","size":5,"annotations":{{"org.cncf.model.filepath":"other.bin"}}}}]}}"#,
        digest(b"{}"),
        digest(b"other"),
    )
}
