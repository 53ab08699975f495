//! Several variants of one model behind one name.
//!
//! An image index lists artifacts that differ in quantisation or size; each entry says by annotations
//! what it is, so that one can be chosen before anything is fetched. Tools that know nothing of this
//! see an index without platforms: they refuse it, or take its first entry, which is the default.
//!
//! ```
//! use modelpack_spec::variant::{Choice, Variant, choose, index, variants};
//! use modelpack_spec::{Descriptor, Digest, MediaType};
//!
//! let entry = |name: &str, size| {
//!     let digest = Digest::sha256(name.as_bytes());
//!     let mut variant = Variant::new(Descriptor::new(MediaType::OciManifest, digest, 700));
//!     variant.name = Some(name.to_owned());
//!     variant.content_size = Some(size);
//!     variant
//! };
//! let index = index(vec![entry("Q4_K_M", 4_000), entry("Q8_0", 8_000)])?;
//! let found = variants(&index);
//! assert_eq!(choose(&found, &Choice::MaxSize(5_000))?.name.as_deref(), Some("Q4_K_M"));
//! assert_eq!(choose(&found, &Choice::Named("q8_0".into()))?.content_size, Some(8_000));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeSet;
use std::fmt;

use crate::{Descriptor, Error, Family, Index, MediaType};

/// Annotation of an entry: the name of the variant.
pub const VARIANT: &str = "org.modelpack.variant";
/// Annotation of an entry: how it is quantised.
pub const QUANTIZATION: &str = "org.modelpack.quantization";
/// Annotation of an entry: number of parameters.
pub const PARAMETERS: &str = "org.modelpack.parameters";
/// Annotation of an entry: format of the weights.
pub const FORMAT: &str = "org.modelpack.format";
/// Annotation of an entry: bytes of all its layers.
pub const CONTENT_SIZE: &str = "org.modelpack.content-size";

/// A variant of a model.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Variant {
    /// The manifest of the artifact, as the index lists it.
    pub manifest: Descriptor,
    /// Its name, by which it is asked for.
    pub name: Option<String>,
    /// How it is quantised.
    pub quantization: Option<String>,
    /// Number of parameters.
    pub parameters: Option<String>,
    /// Format of the weights.
    pub format: Option<String>,
    /// Bytes of all its layers.
    pub content_size: Option<u64>,
}

impl Variant {
    /// A variant of which nothing is known but its manifest.
    #[must_use]
    pub fn new(manifest: Descriptor) -> Self {
        Self {
            manifest,
            name: None,
            quantization: None,
            parameters: None,
            format: None,
            content_size: None,
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name)?,
            None => f.write_str(&self.manifest.digest.short())?,
        }
        let quantization = self
            .quantization
            .as_deref()
            .filter(|quantization| Some(*quantization) != self.name.as_deref());
        let size = self.content_size.map(|size| format!("{size} bytes"));
        let facts = [self.parameters.as_deref(), quantization, size.as_deref()];
        let facts: Vec<&str> = facts.into_iter().flatten().collect();
        if facts.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", facts.join(", "))
        }
    }
}

/// Which variant is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Choice {
    /// The only one.
    #[default]
    Only,
    /// The one with this name or this quantisation; case does not matter.
    Named(String),
    /// The largest one of at most so many bytes.
    MaxSize(u64),
}

/// Why no variant was chosen. The variants that there are stand in the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// There is none at all.
    #[error("the index lists no model")]
    Empty,
    /// There are several, and none was asked for.
    #[error("there are {} variants: {}", variants.len(), variants.join(", "))]
    Ambiguous {
        /// Those that there are.
        variants: Vec<String>,
    },
    /// None has the name that was asked for.
    #[error("there is no variant `{wanted}`; there are {}", variants.join(", "))]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// Those that there are.
        variants: Vec<String>,
    },
    /// None is small enough.
    #[error("no variant has at most {limit} bytes; there are {}", variants.join(", "))]
    TooLarge {
        /// How large it may be.
        limit: u64,
        /// Those that there are.
        variants: Vec<String>,
    },
}

/// An index of variants; the first one is the default.
///
/// # Errors
/// [`Error::InvalidDocument`] for two variants of one name, a variant without one, or none at all.
pub fn index(variants: Vec<Variant>) -> Result<Index, Error> {
    let invalid = |reason: String| Error::InvalidDocument {
        document: "index of variants",
        reason,
    };
    if variants.is_empty() {
        return Err(invalid("it lists nothing".to_owned()));
    }
    let mut names = BTreeSet::new();
    for variant in &variants {
        let Some(name) = variant.name.as_ref().filter(|name| !name.trim().is_empty()) else {
            return Err(invalid(format!("{variant} has no name")));
        };
        if !names.insert(name.to_lowercase()) {
            return Err(invalid(format!("`{name}` stands twice")));
        }
    }
    let mut index = Index::new(variants.into_iter().map(entry).collect());
    index.artifact_type = Some(MediaType::ModelManifest(Family::Cncf));
    Ok(index)
}

fn entry(variant: Variant) -> Descriptor {
    let Variant {
        mut manifest,
        name,
        quantization,
        parameters,
        format,
        content_size,
    } = variant;
    let said = [
        (VARIANT, name),
        (QUANTIZATION, quantization),
        (PARAMETERS, parameters),
        (FORMAT, format),
        (CONTENT_SIZE, content_size.map(|size| size.to_string())),
    ];
    for (key, value) in said {
        if let Some(value) = value {
            manifest.annotations.insert(key.to_owned(), value);
        }
    }
    manifest
}

/// The variants that an index lists. An entry for a platform that runs programs is none, nor is one of
/// another artifact type, such as a signature.
#[must_use]
pub fn variants(index: &Index) -> Vec<Variant> {
    index
        .manifests
        .iter()
        .filter(|manifest| manifest.media_type.is_manifest() && is_model(manifest))
        .map(|manifest| {
            let text = |key: &str| manifest.annotations.get(key).cloned();
            Variant {
                name: text(VARIANT),
                quantization: text(QUANTIZATION),
                parameters: text(PARAMETERS),
                format: text(FORMAT),
                content_size: text(CONTENT_SIZE).and_then(|size| size.parse().ok()),
                manifest: manifest.clone(),
            }
        })
        .collect()
}

fn is_model(manifest: &Descriptor) -> bool {
    let is_other = matches!(
        &manifest.artifact_type,
        Some(other) if !matches!(other, MediaType::ModelManifest(_) | MediaType::DockerModelConfig(_))
    );
    let is_named = manifest.annotations.contains_key(VARIANT);
    !is_other && (is_named || manifest.platform.is_none())
}

/// Picks a variant.
///
/// # Errors
/// [`ChoiceError`], with the list of what there is.
pub fn choose<'a>(variants: &'a [Variant], choice: &Choice) -> Result<&'a Variant, ChoiceError> {
    let listed = || variants.iter().map(ToString::to_string).collect();
    if variants.is_empty() {
        return Err(ChoiceError::Empty);
    }
    match choice {
        Choice::Only => match variants {
            [only] => Ok(only),
            _ => Err(ChoiceError::Ambiguous { variants: listed() }),
        },
        Choice::Named(wanted) => {
            let has = |text: &Option<String>| {
                text.as_ref()
                    .is_some_and(|text| text.eq_ignore_ascii_case(wanted))
            };
            // A name is unique, a quantisation need not be.
            let by_name = variants.iter().find(|variant| has(&variant.name));
            let mut by_quantization = variants.iter().filter(|variant| has(&variant.quantization));
            match (by_name, by_quantization.next(), by_quantization.next()) {
                (Some(found), ..) | (None, Some(found), None) => Ok(found),
                (None, Some(_), Some(_)) => Err(ChoiceError::Ambiguous { variants: listed() }),
                (None, None, _) => Err(ChoiceError::Unknown {
                    wanted: wanted.clone(),
                    variants: listed(),
                }),
            }
        }
        Choice::MaxSize(limit) => variants
            .iter()
            .filter(|variant| variant.content_size.is_some_and(|size| size <= *limit))
            // Of equal ones, the first.
            .rev()
            .max_by_key(|variant| variant.content_size)
            .ok_or_else(|| ChoiceError::TooLarge {
                limit: *limit,
                variants: listed(),
            }),
    }
}
