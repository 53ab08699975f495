//! The properties of a model that a Modelfile or an assignment can name.

/// A property of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Field {
    /// `NAME`
    Name,
    /// `ARCH`
    Arch,
    /// `FAMILY`
    Family,
    /// `FORMAT`
    Format,
    /// `PARAMSIZE`
    ParamSize,
    /// `PRECISION`
    Precision,
    /// `QUANTIZATION`
    Quantization,
    /// `VERSION`, extended syntax.
    Version,
    /// `TITLE`, extended syntax.
    Title,
    /// `DESCRIPTION`, extended syntax.
    Description,
    /// `VENDOR`, extended syntax.
    Vendor,
    /// `AUTHOR`, extended syntax, repeatable.
    Author,
    /// `LICENSE`, extended syntax, repeatable: an SPDX expression.
    License,
    /// `DOCURL`, extended syntax.
    DocUrl,
    /// `SOURCEURL`, extended syntax.
    SourceUrl,
    /// `REVISION`, extended syntax.
    Revision,
    /// `DATASETURL`, extended syntax, repeatable.
    DatasetUrl,
    /// `INPUT`, extended syntax, repeatable: what the model takes.
    Input,
    /// `OUTPUT`, extended syntax, repeatable: what the model gives.
    Output,
    /// `LANGUAGE`, extended syntax, repeatable: a two-letter ISO 639 code.
    Language,
    /// `KNOWLEDGECUTOFF`, extended syntax: a date, or a date and time.
    KnowledgeCutoff,
    /// `REASONING`, extended syntax: `true` or `false`.
    Reasoning,
    /// `TOOLUSAGE`, extended syntax: `true` or `false`.
    ToolUsage,
    /// `REWARD`, extended syntax: `true` or `false`.
    Reward,
    /// `ANNOTATION`, extended syntax, repeatable: `key=value` on the manifest.
    Annotation,
}

/// A property with its command word and its path in the config document.
struct Row(Field, &'static str, &'static str, Many);

/// How often a property can be said.
#[derive(PartialEq)]
enum Many {
    Once,
    Repeated,
}

use Many::{Once, Repeated};

const ROWS: [Row; 25] = [
    Row(Field::Name, "NAME", "descriptor.name", Once),
    Row(Field::Arch, "ARCH", "config.architecture", Once),
    Row(Field::Family, "FAMILY", "descriptor.family", Once),
    Row(Field::Format, "FORMAT", "config.format", Once),
    Row(Field::ParamSize, "PARAMSIZE", "config.paramSize", Once),
    Row(Field::Precision, "PRECISION", "config.precision", Once),
    Row(
        Field::Quantization,
        "QUANTIZATION",
        "config.quantization",
        Once,
    ),
    Row(Field::Version, "VERSION", "descriptor.version", Once),
    Row(Field::Title, "TITLE", "descriptor.title", Once),
    Row(
        Field::Description,
        "DESCRIPTION",
        "descriptor.description",
        Once,
    ),
    Row(Field::Vendor, "VENDOR", "descriptor.vendor", Once),
    Row(Field::Author, "AUTHOR", "descriptor.authors", Repeated),
    Row(Field::License, "LICENSE", "descriptor.licenses", Repeated),
    Row(Field::DocUrl, "DOCURL", "descriptor.docURL", Once),
    Row(Field::SourceUrl, "SOURCEURL", "descriptor.sourceURL", Once),
    Row(Field::Revision, "REVISION", "descriptor.revision", Once),
    Row(
        Field::DatasetUrl,
        "DATASETURL",
        "descriptor.datasetsURL",
        Repeated,
    ),
    Row(
        Field::Input,
        "INPUT",
        "config.capabilities.inputTypes",
        Repeated,
    ),
    Row(
        Field::Output,
        "OUTPUT",
        "config.capabilities.outputTypes",
        Repeated,
    ),
    Row(
        Field::Language,
        "LANGUAGE",
        "config.capabilities.languages",
        Repeated,
    ),
    Row(
        Field::KnowledgeCutoff,
        "KNOWLEDGECUTOFF",
        "config.capabilities.knowledgeCutoff",
        Once,
    ),
    Row(
        Field::Reasoning,
        "REASONING",
        "config.capabilities.reasoning",
        Once,
    ),
    Row(
        Field::ToolUsage,
        "TOOLUSAGE",
        "config.capabilities.toolUsage",
        Once,
    ),
    Row(Field::Reward, "REWARD", "config.capabilities.reward", Once),
    Row(Field::Annotation, "ANNOTATION", "annotations.KEY", Repeated),
];

/// How many of the rows, from the first, every Modelfile may use.
const BASE: usize = 7;

impl Field {
    /// Every property: first those of every Modelfile, then those of the extended syntax.
    #[must_use]
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        ROWS.iter().map(|row| row.0)
    }

    /// The command word in upper case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    /// Where it stands in the config document, such as `descriptor.licenses`. Annotations stand on the
    /// manifest; theirs is `annotations.KEY`.
    #[must_use]
    pub fn path(self) -> &'static str {
        self.row().2
    }

    /// Whether its command needs the extended syntax.
    #[must_use]
    pub fn is_extension(self) -> bool {
        !ROWS[..BASE].iter().any(|row| row.0 == self)
    }

    /// Whether it is a list, to which each command adds.
    #[must_use]
    pub fn is_repeatable(self) -> bool {
        self.row().3 == Repeated
    }

    fn row(self) -> &'static Row {
        let at = ROWS.iter().position(|row| row.0 == self);
        &ROWS[at.expect("every property has a row, which a test keeps")]
    }
}

#[cfg(test)]
mod tests;
