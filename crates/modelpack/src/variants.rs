//! Several variants of a model behind one name.

use modelpack_registry::Name;
use modelpack_spec::variant::{self, Choice, ChoiceError, Variant};
use modelpack_spec::{AnyManifest, Digest, Document, Index, ModelView, Reference};
use serde::Serialize;

use crate::artifact::{Artifact, MAX_DOCUMENT_BYTES, not_a_model};
use crate::build::check_name;
use crate::transfer::wanted;
use crate::{Control, Error, Place, PushOptions, PushReport, Toolkit, blocking};

/// What [`Toolkit::create_index`] made.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct IndexReport {
    /// The name.
    pub reference: Reference,
    /// Digest of the index.
    pub digest: Digest,
    /// The variants; the first is what tools take that know nothing of variants.
    pub variants: Vec<VariantEntry>,
}

/// A variant of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct VariantEntry {
    /// Its name.
    pub name: Option<String>,
    /// Digest of its manifest.
    pub digest: Digest,
    /// How it is quantised.
    pub quantization: Option<String>,
    /// Number of parameters.
    pub parameters: Option<String>,
    /// Format of the weights.
    pub format: Option<String>,
    /// Bytes of all its layers.
    pub size: Option<u64>,
}

impl From<&Variant> for VariantEntry {
    fn from(variant: &Variant) -> Self {
        Self {
            name: variant.name.clone(),
            digest: variant.manifest.digest,
            quantization: variant.quantization.clone(),
            parameters: variant.parameters.clone(),
            format: variant.format.clone(),
            size: variant.content_size,
        }
    }
}

impl Toolkit {
    /// Puts artifacts of the local store behind one name, each with a name of its own for its variant.
    ///
    /// # Errors
    /// [`Error::UnknownReference`], [`Error::NotAModel`]; [`Error::Spec`] for two variants of one name or
    /// none at all; [`Error::InvalidInput`] for a target without a tag.
    pub async fn create_index(
        &self,
        target: &Reference,
        variants: &[(String, Reference)],
    ) -> Result<IndexReport, Error> {
        check_name(target)?;
        let (store, target, named) = (self.store().clone(), target.clone(), variants.to_vec());
        blocking::run(move || {
            let lease = store.lease()?;
            let mut variants = Vec::new();
            for (name, reference) in named {
                let artifact = Artifact::load(&store, &reference)?;
                variants.push(described(name, &artifact)?);
            }
            let index = Document::write(variant::index(variants)?);
            let listed = variant::variants(index.value());
            // A registry wants what an index lists in the repository of the index.
            let mut child = target.clone();
            child.tag = None;
            for variant in &listed {
                lease.protect(&variant.manifest.digest)?;
                child.digest = Some(variant.manifest.digest);
                store.tag(&child, &bare(variant))?;
            }
            let mut descriptor = lease.put_document(&index)?;
            descriptor.artifact_type = index.value().artifact_type.clone();
            store.tag(&target, &descriptor)?;
            Ok(IndexReport {
                reference: target,
                digest: *index.digest(),
                variants: listed.iter().map(VariantEntry::from).collect(),
            })
        })
        .await
    }

    /// The variants behind a name; nothing when it names a single artifact.
    ///
    /// # Errors
    /// [`Error::UnknownReference`], [`Error::Registry`], [`Error::Spec`].
    pub async fn variants(
        &self,
        reference: &Reference,
        place: Place,
        control: &Control,
    ) -> Result<Option<Vec<VariantEntry>>, Error> {
        let index = self.index(reference, place, control).await?;
        let variants = index.map(|index| variant::variants(index.value()));
        Ok(variants.map(|variants| variants.iter().map(VariantEntry::from).collect()))
    }

    /// The reference of one variant: the same name, pinned to the digest of its manifest. A name of a
    /// single artifact is given back pinned as well, whatever was asked for by size.
    ///
    /// # Errors
    /// Those of [`Self::variants`]; [`Error::InvalidInput`] when no variant is what was asked for, or
    /// several are.
    pub async fn choose_variant(
        &self,
        reference: &Reference,
        choice: &Choice,
        place: Place,
        control: &Control,
    ) -> Result<Reference, Error> {
        let Some(index) = self.index(reference, place, control).await? else {
            return match choice {
                Choice::Named(wanted) => Err(Error::InvalidInput {
                    what: format!("{reference} is one artifact and has no variant `{wanted}`"),
                    hint: Some("leave the variant out".to_owned()),
                }),
                _ => Ok(reference.clone()),
            };
        };
        let variants = variant::variants(index.value());
        let chosen =
            variant::choose(&variants, choice).map_err(|error| not_chosen(reference, &error))?;
        Ok(reference.with_digest(chosen.manifest.digest))
    }

    /// Pushes an index of the local store with every artifact that it lists. The index goes last.
    ///
    /// # Errors
    /// Those of [`Toolkit::push`]; [`Error::InvalidInput`] when the name is no index.
    pub async fn push_index(
        &self,
        reference: &Reference,
        options: &PushOptions,
        control: &Control,
    ) -> Result<Vec<PushReport>, Error> {
        let Some(index) = self.index(reference, Place::Local, control).await? else {
            return Err(Error::invalid(format!("{reference} is no index")));
        };
        let mut pushed = Vec::new();
        let mut child = reference.clone();
        child.tag = None;
        for manifest in &index.value().manifests {
            child.digest = Some(manifest.digest);
            pushed.push(self.push(&child, options, control).await?);
        }
        let target = wanted(reference)?;
        let name = Name::from(reference);
        let media_type = index.descriptor().media_type;
        let put = async {
            Ok(self
                .client()
                .put_manifest(&name, &target, &media_type, index.bytes().clone())
                .await?)
        };
        control.stop_early(put).await?;
        Ok(pushed)
    }

    async fn index(
        &self,
        reference: &Reference,
        place: Place,
        control: &Control,
    ) -> Result<Option<Document<Index>>, Error> {
        let manifest = match place {
            Place::Registry => {
                let (name, wanted) = (Name::from(reference), wanted(reference)?);
                let fetch = async { Ok(self.client().fetch_manifest(&name, &wanted).await?) };
                control.stop_early(fetch).await?.manifest
            }
            Place::Local => {
                let (store, reference) = (self.store().clone(), reference.clone());
                blocking::run(move || {
                    let descriptor = store.resolve(&reference)?;
                    let bytes = store.read_blob(&descriptor.digest, MAX_DOCUMENT_BYTES)?;
                    Ok(AnyManifest::parse(bytes, Some(&descriptor.media_type))?)
                })
                .await?
            }
        };
        Ok(match manifest {
            AnyManifest::Index(index) => Some(index),
            _ => None,
        })
    }
}

/// The descriptor without what an index says of it.
fn bare(variant: &Variant) -> modelpack_spec::Descriptor {
    let mut descriptor = variant.manifest.clone();
    descriptor.annotations.clear();
    descriptor
}

fn described(name: String, artifact: &Artifact) -> Result<Variant, Error> {
    let view = ModelView::read(artifact.manifest.value(), artifact.config.bytes())?;
    let mut manifest = artifact.manifest.descriptor();
    manifest.artifact_type = artifact.manifest.value().artifact_type.clone();
    let mut variant = Variant::new(manifest);
    variant.name = Some(name);
    variant.content_size = Some(view.size());
    let model = artifact.config.value();
    variant.quantization = model.config.quantization.clone();
    variant.parameters = model.config.param_size.clone();
    variant.format = model.config.format.clone();
    Ok(variant)
}

/// How large a model may be that is loaded into so much free memory: a quarter is left for what it
/// computes with.
#[must_use]
pub fn fitting_size(free_memory: u64) -> u64 {
    free_memory - free_memory / 4
}

/// Why an index did not lead to one artifact, and what to do.
pub(crate) fn not_chosen(reference: &Reference, error: &ChoiceError) -> Error {
    Error::InvalidInput {
        what: format!("{reference}: {error}"),
        hint: match error {
            ChoiceError::Empty => None,
            ChoiceError::TooLarge { .. } => Some("choose one by name: `--variant NAME`".to_owned()),
            _ => Some("choose one: `pull --variant NAME`, `--max-size SIZE` or `--fit`".to_owned()),
        },
    }
}

/// The only variant of an index.
pub(crate) fn only(reference: &Reference, index: &Index) -> Result<Digest, Error> {
    let variants = variant::variants(index);
    let chosen = variant::choose(&variants, &Choice::Only);
    let chosen = chosen.map_err(|error| match error {
        // It lists images, or nothing: then it is no model at all.
        ChoiceError::Empty => not_a_model(reference, &modelpack_spec::MediaType::OciIndex),
        error => not_chosen(reference, &error),
    })?;
    Ok(chosen.manifest.digest)
}
