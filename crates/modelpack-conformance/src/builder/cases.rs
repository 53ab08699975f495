//! Directories and Modelfiles, with the files that an artifact of them has.

/// A directory, its Modelfile, and what becomes of it.
pub(super) struct Directory {
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) modelfile: &'static str,
    /// How many bytes of comment come before it.
    pub(super) comment: usize,
    pub(super) files: &'static [File],
    pub(super) expect: Expect,
}

/// A file in the directory.
pub(super) struct File {
    pub(super) path: &'static str,
    pub(super) content: Content,
    pub(super) mode: u32,
    /// The kind of the layer that it gets into; none: it gets into none.
    pub(super) kind: Option<&'static str>,
}

pub(super) enum Content {
    Text(&'static str),
    /// So many bytes that look random, of this seed.
    Random(usize, u64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// An artifact with the files.
    Artifact,
    /// No artifact.
    Refusal,
}

const fn file(path: &'static str, text: &'static str, kind: &'static str) -> File {
    File {
        path,
        content: Content::Text(text),
        mode: 0o644,
        kind: Some(kind),
    }
}

const fn weights(path: &'static str, seed: u64) -> File {
    File {
        path,
        content: Content::Random(50_000, seed),
        mode: 0o644,
        kind: Some("weight"),
    }
}

pub(super) const ALL: &[Directory] = &[
    Directory {
        id: "plain",
        summary: "a model with a file of each kind",
        modelfile: "NAME tiny\nARCH transformer\nFAMILY llama\nFORMAT safetensors\nPARAMSIZE 1m\nPRECISION float16\n\
                    CONFIG config.json\nMODEL weights/*.safetensors\nCODE *.py\nCODE run.sh\nDOC README.md\n",
        comment: 0,
        files: &[
            file(
                "config.json",
                r#"{"architectures":["LlamaForCausalLM"]}"#,
                "weight.config",
            ),
            weights("weights/model-00001-of-00002.safetensors", 1),
            weights("weights/model-00002-of-00002.safetensors", 2),
            file("modeling.py", "print('hello')\n", "code"),
            File {
                mode: 0o755,
                ..file("run.sh", "#!/bin/sh\n", "code")
            },
            file("README.md", "# Tiny\n", "doc"),
            File {
                kind: None,
                ..file("notes.txt", "not for others", "")
            },
        ],
        expect: Expect::Artifact,
    },
    Directory {
        id: "dataset",
        summary: "a data set",
        modelfile: "NAME tiny\nMODEL model.bin\nDATASET data/*.jsonl\n",
        comment: 0,
        files: &[
            weights("model.bin", 3),
            file("data/train.jsonl", "{\"text\":\"one\"}\n", "dataset"),
        ],
        expect: Expect::Artifact,
    },
    Directory {
        id: "same-content",
        summary: "several files of the same content, empty ones too",
        modelfile: "NAME tiny\nMODEL model.bin\nCODE pkg/*.py\nCODE __init__.py\nCONFIG *.json\n",
        comment: 0,
        files: &[
            weights("model.bin", 4),
            file("__init__.py", "", "code"),
            file("pkg/__init__.py", "", "code"),
            file("a.json", "{\"same\":true}", "weight.config"),
            file("b.json", "{\"same\":true}", "weight.config"),
        ],
        expect: Expect::Artifact,
    },
    Directory {
        id: "overlap",
        summary: "a file that two patterns match gets in once",
        modelfile: "NAME tiny\nMODEL *.bin\nMODEL model.bin\n",
        comment: 0,
        files: &[weights("model.bin", 5), weights("other.bin", 6)],
        expect: Expect::Artifact,
    },
    Directory {
        id: "names",
        summary: "names with dots, spaces and letters of any script",
        modelfile: "NAME tiny\nMODEL v1..2/*.bin\nMODEL *.bin\n",
        comment: 0,
        files: &[
            weights("v1..2/w.bin", 7),
            weights("with space.bin", 8),
            weights("模型é.bin", 9),
        ],
        expect: Expect::Artifact,
    },
    Directory {
        id: "long-line",
        summary: "a Modelfile with a line of 100,000 characters is read to its end",
        modelfile: "NAME tiny\nMODEL model.bin\nDOC README.md\n",
        comment: 100_000,
        files: &[
            weights("model.bin", 10),
            file("README.md", "# Tiny\n", "doc"),
        ],
        expect: Expect::Artifact,
    },
    Directory {
        id: "nothing-matches",
        summary: "an artifact without a file is not made",
        modelfile: "NAME tiny\nMODEL *.safetensors\n",
        comment: 0,
        files: &[weights("model.bin", 11)],
        expect: Expect::Refusal,
    },
    Directory {
        id: "outside",
        summary: "a file outside of the directory does not get in",
        modelfile: "NAME tiny\nMODEL model.bin\nDOC ../secret.md\n",
        comment: 0,
        files: &[weights("model.bin", 12)],
        expect: Expect::Refusal,
    },
];
