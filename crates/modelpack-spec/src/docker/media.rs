//! Media types of Docker's dialect.

/// Which form of Docker's dialect it is, by the type of its config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Version {
    /// `v0.1`: one model file or its shards, and a fixed set of files beside it.
    #[default]
    V01,
    /// `v0.2`: a directory, one layer per file.
    V02,
}

impl Version {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V01, Self::V02];

    /// The media type of the config.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V01 => "application/vnd.docker.ai.model.config.v0.1+json",
            Self::V02 => "application/vnd.docker.ai.model.config.v0.2+json",
        }
    }
}

/// What a layer of Docker's dialect holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// A GGUF file or a shard of one.
    Gguf,
    /// A safetensors file or a shard of one.
    Safetensors,
    /// A DDUF file.
    Dduf,
    /// A multimodal projector.
    Projector,
    /// A multimodal projector, as the published document names it; no tool writes it.
    PublishedProjector,
    /// A low-rank adapter, as the published document names it.
    Adapter,
    /// A Jinja chat template.
    ChatTemplate,
    /// A licence as plain text.
    License,
    /// Any other file.
    File,
    /// Configuration and tokenizer files in an uncompressed tar archive; no longer written.
    ConfigArchive,
    /// A directory in an uncompressed tar archive; no longer written.
    DirectoryArchive,
}

impl Layer {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Gguf,
        Self::Safetensors,
        Self::Dduf,
        Self::Projector,
        Self::PublishedProjector,
        Self::Adapter,
        Self::ChatTemplate,
        Self::License,
        Self::File,
        Self::ConfigArchive,
        Self::DirectoryArchive,
    ];

    /// The media type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gguf => "application/vnd.docker.ai.gguf.v3",
            Self::Safetensors => "application/vnd.docker.ai.safetensors",
            Self::Dduf => "application/vnd.docker.ai.dduf",
            Self::Projector => "application/vnd.docker.ai.mmproj",
            Self::PublishedProjector => "application/vnd.docker.ai.gguf.v3.mmproj",
            Self::Adapter => "application/vnd.docker.ai.gguf.v3.lora",
            Self::ChatTemplate => "application/vnd.docker.ai.chat.template.jinja",
            Self::License => "application/vnd.docker.ai.license",
            Self::File => "application/vnd.docker.ai.model.file",
            Self::ConfigArchive => "application/vnd.docker.ai.vllm.config.tar",
            Self::DirectoryArchive => "application/vnd.docker.ai.dir.tar",
        }
    }

    /// Whether it is an archive of several files.
    #[must_use]
    pub fn is_archive(self) -> bool {
        matches!(self, Self::ConfigArchive | Self::DirectoryArchive)
    }

    /// Whether it holds the weights of the model itself.
    #[must_use]
    pub fn is_weight(self) -> bool {
        matches!(self, Self::Gguf | Self::Safetensors | Self::Dduf)
    }
}
