//! What a build may be told.

use std::collections::BTreeMap;
use std::path::PathBuf;

use modelpack_modelfile::Properties;
use modelpack_spec::{Digest, Encoding, Kind, Timestamp};

#[cfg(doc)]
use crate::Toolkit;
use crate::{ExtraFile, SourceReading};

/// What time an artifact says it was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CreationTime {
    /// None, so the same input always gives the same artifact.
    #[default]
    Omitted,
    /// This one, whatever the target says: `SOURCE_DATE_EPOCH`.
    Exactly(Timestamp),
    /// This one, unless the target names an artifact that differs in nothing but the time: then its
    /// time stays, and building again changes nothing.
    Now(Timestamp),
}

/// How [`Toolkit::build`] works.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct BuildOptions {
    /// The Modelfile; by default `Modelfile` in the directory, or one that is made up in memory when
    /// there is none.
    pub modelfile: Option<PathBuf>,
    /// Patterns of files to take although `.modelignore` leaves them out, or, without a Modelfile,
    /// because of their name.
    pub include: Vec<String>,
    /// Patterns of files to leave out.
    pub exclude: Vec<String>,
    /// Kinds of files that go into one archive each instead of a layer for each file: for artifacts of
    /// more files than a manifest can list. Code, documentation and data sets can be packed.
    pub pack: BTreeMap<Kind, Encoding>,
    /// How each file becomes a layer; `raw` by default.
    pub encoding: Option<Encoding>,
    /// What time the artifact says it was made.
    pub creation_time: CreationTime,
    /// Whether the config says that the model reasons.
    pub reasoning: bool,
    /// Where the source is.
    pub source_url: Option<String>,
    /// Revision of the source.
    pub source_revision: Option<String>,
    /// Where to look for the source when none is given.
    pub source: SourceReading,
    /// What the config and the annotations of the manifest say, whatever the Modelfile says.
    pub properties: Properties,
    /// Write real time, owner and group of each file instead of constants. The artifact then differs
    /// from machine to machine.
    pub preserve_metadata: bool,
    /// The dialect.
    pub dialect: BuildDialect,
    /// Write the media types of ModelPack as they were called up to v0.0.6, which some registries show.
    pub legacy_types: bool,
    /// Files that are added to those of the Modelfile.
    pub extras: Vec<ExtraFile>,
    /// Digest of the manifest of the model that the adapters among the files belong to. It becomes the
    /// annotation [`BASE`](modelpack_spec::convert::BASE) of their layers, which [`Toolkit::launch_plan`] checks.
    pub adapter_base: Option<Digest>,
    /// How many tokens the model is loaded for: 1 to 2³¹ − 1, or −1 for as many as it can.
    pub context_size: Option<i64>,
}

/// The dialect that an artifact is built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum BuildDialect {
    /// CNCF ModelPack.
    #[default]
    ModelPack,
    /// Docker's dialect, for one model as GGUF, safetensors or DDUF.
    Docker,
}
