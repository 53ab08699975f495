//! What the suite `artifact` asks for, dialect by dialect.

use modelpack_spec::rules::{self, Level, Rule};

/// Which rules an artifact is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleSet {
    /// Those of the ModelPack specification.
    ModelPack,
    /// Those of Docker's dialect.
    Docker,
}

/// One requirement of the suite `artifact`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Requirement {
    /// Stable name, such as `manifest.artifact-type`.
    pub id: &'static str,
    /// How strongly it is required.
    pub level: Level,
    /// Address of the text that requires it.
    pub anchor: &'static str,
    /// What has to hold.
    pub summary: &'static str,
}

impl RuleSet {
    /// Both.
    pub const ALL: [Self; 2] = [Self::ModelPack, Self::Docker];

    /// The rules of the specification.
    pub(crate) fn rules(self) -> Vec<&'static Rule> {
        match self {
            Self::ModelPack => rules::all().collect(),
            Self::Docker => rules::docker::all().collect(),
        }
    }

    /// Everything that the suite asks for, in the order of its report: the rules of the
    /// specification, what any careful reader needs, and what only the bytes of the layers show.
    #[must_use]
    pub fn requirements(self) -> Vec<Requirement> {
        let rules = self.rules().into_iter().map(|rule| Requirement {
            id: rule.id,
            level: rule.level,
            anchor: rule.anchor,
            summary: rule.summary,
        });
        let more: &[Requirement] = match self {
            Self::ModelPack => &[
                READER_MANIFEST,
                READER_CONFIG,
                READER_PATHS,
                READER_ENTRIES,
                FILE_SIZE,
                PRESENT,
                MATCH,
                READABLE,
                DIFF_IDS,
            ],
            // `docker.filepath` and `docker.rootfs` say what `reader.paths` and `blobs.diff-ids` do.
            Self::Docker => &[
                READER_MANIFEST,
                READER_CONFIG,
                READER_ENTRIES,
                FILE_SIZE,
                PRESENT,
                MATCH,
                READABLE,
            ],
        };
        rules.chain(more.iter().copied()).collect()
    }
}

const DESCRIPTOR: &str =
    "https://github.com/opencontainers/image-spec/blob/main/descriptor.md#properties";

const fn must(id: &'static str, anchor: &'static str, summary: &'static str) -> Requirement {
    Requirement {
        id,
        level: Level::Must,
        anchor,
        summary,
    }
}

pub(crate) const READER_MANIFEST: Requirement = must(
    "reader.manifest",
    "https://github.com/opencontainers/image-spec/blob/main/manifest.md#image-manifest",
    "a careful reader accepts the manifest: within its limits, unambiguous",
);
pub(crate) const READER_CONFIG: Requirement = must(
    "reader.config",
    "https://github.com/modelpack/model-spec/blob/main/docs/config.md#properties",
    "a careful reader accepts the config: within its limits, unambiguous",
);
pub(crate) const READER_PATHS: Requirement = must(
    "reader.paths",
    "https://github.com/modelpack/model-spec/blob/main/docs/annotations.md#layer-annotation-keys",
    "the files of all layers can stand in one directory: no way out, none twice, none below a file",
);
pub(crate) const READER_ENTRIES: Requirement = must(
    "reader.entries",
    "https://github.com/modelpack/model-spec/blob/main/docs/spec.md#file-attributes",
    "archives hold files, directories and links that stay in one directory: no way out, none twice, no device",
);
pub(crate) const FILE_SIZE: Requirement = Requirement {
    level: Level::Should,
    ..must(
        "reader.file-size",
        "https://github.com/modelpack/model-spec/blob/main/docs/annotations.md#file-metadata-annotation-value",
        "the size in the file metadata of a layer that is the file itself is the size of the layer",
    )
};
pub(crate) const PRESENT: Requirement = must(
    "blobs.present",
    DESCRIPTOR,
    "every blob that the manifest lists is there",
);
pub(crate) const MATCH: Requirement = must(
    "blobs.match",
    DESCRIPTOR,
    "every blob has the size and digest of its descriptor",
);
pub(crate) const READABLE: Requirement = must(
    "blobs.readable",
    "https://github.com/modelpack/model-spec/blob/main/docs/spec.md#guidance-on-layers",
    "every layer is encoded as its media type says",
);
pub(crate) const DIFF_IDS: Requirement = must(
    "blobs.diff-ids",
    "https://github.com/modelpack/model-spec/blob/main/docs/config.md#terminology",
    "every diff id is the digest of its uncompressed layer",
);
