//! Several variants of a model behind one name.

use modelpack_registry::Name;
use modelpack_spec::variant::{self, Choice, ChoiceError, Variant};
use modelpack_spec::{AnyManifest, Descriptor, Digest, Document, Index, ModelView, Reference};
use modelpack_store::{Error as StoreError, Lease, Store};
use serde::Serialize;

use crate::artifact::{Artifact, MAX_DOCUMENT_BYTES, not_a_model};
use crate::build::check_name;
use crate::transfer::wanted;
use crate::{Control, Error, Place, PushOptions, PushPlan, PushReport, Toolkit, blocking};

/// Annotation of the name of an index in the local store: digest of the variant that was pulled.
const CHOSEN: &str = "org.modelpack.variant.pulled";

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
    /// Whether it is in the local store, where that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_here: Option<bool>,
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
            is_here: None,
        }
    }
}

impl Toolkit {
    /// Puts artifacts of the local store behind one name, each with a name of its own for its variant.
    ///
    /// # Errors
    /// [`Error::UnknownReference`], [`Error::NotAModel`]; [`Error::Spec`] for two variants of one name or
    /// none at all; [`Error::InvalidName`] for a target without a tag; [`Error::InvalidInput`] for one that
    /// is the name of a variant.
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
            for variant in &variants {
                refuse_own_name(&store, &target, &variant.manifest.digest)?;
            }
            let index = Document::write(variant::index(variants)?);
            let listed = variant::variants(index.value());
            for variant in &listed {
                let digest = &variant.manifest.digest;
                lease.protect(digest)?;
                store.tag(&child(&target, digest), &bare(variant))?;
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

    /// Looks at an index; nothing when the name is one of a single artifact. In the local store it is also said
    /// which variants are here.
    ///
    /// # Errors
    /// Those of [`Self::variants`].
    pub async fn inspect_index(
        &self,
        reference: &Reference,
        place: Place,
        control: &Control,
    ) -> Result<Option<IndexReport>, Error> {
        let Some(index) = self.index(reference, place, control).await? else {
            return Ok(None);
        };
        let (store, reference) = (self.store().clone(), reference.clone());
        blocking::run(move || {
            let variants = match place {
                Place::Local => looked_at(&store, index.value())?,
                Place::Registry => {
                    let variants = variant::variants(index.value());
                    variants.iter().map(VariantEntry::from).collect()
                }
            };
            // What lists no variant is an index of something else.
            Ok((!variants.is_empty()).then(|| IndexReport {
                reference,
                digest: *index.digest(),
                variants,
            }))
        })
        .await
    }

    /// The reference of one variant: the repository with the digest of its manifest and without the tag,
    /// which is that of the index. The name of a single artifact is given back as it is, whatever was asked
    /// for by size.
    ///
    /// # Errors
    /// Those of [`Self::variants`]; [`Error::NotFound`] when no variant is what was asked for;
    /// [`Error::InvalidInput`] when several are.
    pub async fn choose_variant(
        &self,
        reference: &Reference,
        choice: &Choice,
        place: Place,
        control: &Control,
    ) -> Result<Reference, Error> {
        let Some(index) = self.index(reference, place, control).await? else {
            accept_single(reference, choice)?;
            return Ok(reference.clone());
        };
        let picked = pick(reference, index.value(), choice)?;
        Ok(child(reference, &picked))
    }

    /// Pushes an index of the local store with every artifact that it lists. The index goes last. Variants
    /// that were never pulled are not sent: the registry has to have them.
    ///
    /// # Errors
    /// Those of [`Toolkit::push`]; [`Error::InvalidInput`] when the name is no index, or a variant is
    /// neither here nor there, and then nothing is sent.
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
        for child in self.children(reference, index.value(), control).await? {
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

    /// Says what [`Self::push_index`] would send of each variant that is here. Nothing changes there or here.
    ///
    /// # Errors
    /// Those of [`Self::plan_push`] and [`Self::push_index`].
    pub async fn plan_push_index(
        &self,
        reference: &Reference,
        control: &Control,
    ) -> Result<Vec<PushPlan>, Error> {
        let Some(index) = self.index(reference, Place::Local, control).await? else {
            return Err(Error::invalid(format!("{reference} is no index")));
        };
        let mut plans = Vec::new();
        for child in self.children(reference, index.value(), control).await? {
            plans.push(self.plan_push(&child, control).await?);
        }
        Ok(plans)
    }

    /// The artifacts of an index that are here. The others have to be in the registry.
    async fn children(
        &self,
        reference: &Reference,
        index: &Index,
        control: &Control,
    ) -> Result<Vec<Reference>, Error> {
        let children: Vec<Reference> = index
            .manifests
            .iter()
            .map(|manifest| child(reference, &manifest.digest))
            .collect();
        let store = self.store().clone();
        let (here, elsewhere): (Vec<_>, Vec<_>) = blocking::run(move || {
            let is_here = |child: &Reference| store.resolve(child).is_ok();
            Ok(children.into_iter().partition(is_here))
        })
        .await?;
        for child in elsewhere {
            let (name, target) = (Name::from(&child), wanted(&child)?);
            let look = async { Ok(self.client().head_manifest(&name, &target).await?) };
            if control.stop_early(look).await?.is_none() {
                return Err(Error::InvalidInput {
                    what: format!(
                        "{reference} lists {child}, which is neither here nor in the registry"
                    ),
                    hint: Some(format!(
                        "pull it from where the index came from (`modelpack pull {child}`), or make the index \
                         anew from what is here: `modelpack index create`"
                    )),
                });
            }
        }
        Ok(here)
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
fn bare(variant: &Variant) -> Descriptor {
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
fn not_chosen(reference: &Reference, error: &ChoiceError) -> Error {
    let what = format!("{reference}: {error}");
    let hint = match error {
        ChoiceError::Empty => None,
        ChoiceError::TooLarge { .. } => Some("choose one by name: `--variant NAME`".to_owned()),
        _ => Some("choose one: `pull --variant NAME`, `--max-size SIZE` or `--fit`".to_owned()),
    };
    match error {
        ChoiceError::Unknown { .. } | ChoiceError::TooLarge { .. } => {
            Error::NotFound { what, hint }
        }
        _ => Error::InvalidInput { what, hint },
    }
}

/// One variant of an index: of several, the one that is asked for.
pub(crate) fn pick(reference: &Reference, index: &Index, choice: &Choice) -> Result<Digest, Error> {
    let variants = variant::variants(index);
    let chosen = variant::choose(&variants, choice).map_err(|error| match error {
        // It lists images, or nothing: then it is no model at all.
        ChoiceError::Empty => not_a_model(reference, &modelpack_spec::MediaType::OciIndex),
        error => not_chosen(reference, &error),
    })?;
    Ok(chosen.manifest.digest)
}

/// A single artifact has no name for a variant.
pub(crate) fn accept_single(reference: &Reference, choice: &Choice) -> Result<(), Error> {
    match choice {
        Choice::Named(wanted) => Err(Error::NotFound {
            what: format!("{reference} is one artifact and has no variant `{wanted}`"),
            hint: Some("leave the variant out".to_owned()),
        }),
        _ => Ok(()),
    }
}

/// The variant of a named index that is meant where one artifact is needed: the one that was pulled, or
/// the only one.
pub(crate) fn chosen(
    reference: &Reference,
    named: &Descriptor,
    index: &Index,
) -> Result<Digest, Error> {
    let kept = named.annotations.get(CHOSEN);
    let kept = kept.and_then(|digest| digest.parse::<Digest>().ok());
    let is_listed = |digest: &Digest| index.manifests.iter().any(|entry| entry.digest == *digest);
    match kept.filter(is_listed) {
        Some(digest) => Ok(digest),
        None => pick(reference, index, &Choice::Only),
    }
}

/// Keeps an index under its name, and the variant that was pulled beside it.
pub(crate) fn keep(
    store: &Store,
    lease: &Lease,
    name: &Reference,
    index: &Document<Index>,
    variant: &Descriptor,
) -> Result<(), Error> {
    store.tag(&child(name, &variant.digest), variant)?;
    let mut descriptor = lease.put_document(index)?;
    descriptor.artifact_type = index.value().artifact_type.clone();
    let chosen = (CHOSEN.to_owned(), variant.digest.to_string());
    descriptor.annotations.extend([chosen]);
    Ok(store.tag(name, &descriptor)?)
}

/// What an index says of one of its artifacts.
pub(crate) fn entry(index: &Index, digest: &Digest) -> Option<VariantEntry> {
    let variants = variant::variants(index);
    let mut found = variants
        .iter()
        .filter(|variant| variant.manifest.digest == *digest);
    found.next().map(VariantEntry::from)
}

/// The variants of an index, each with whether it is here.
pub(crate) fn looked_at(store: &Store, index: &Index) -> Result<Vec<VariantEntry>, Error> {
    let look = |variant: &Variant| {
        let mut entry = VariantEntry::from(variant);
        entry.is_here = Some(store.blob_size(&entry.digest)?.is_some());
        Ok(entry)
    };
    variant::variants(index).iter().map(look).collect()
}

/// Gives a name in this repository to every variant of an index that is here, so that it can be pushed.
pub(crate) fn name_children(
    store: &Store,
    target: &Reference,
    descriptor: &Descriptor,
) -> Result<(), Error> {
    let bytes = store.read_blob(&descriptor.digest, MAX_DOCUMENT_BYTES)?;
    let AnyManifest::Index(index) = AnyManifest::parse(bytes, Some(&descriptor.media_type))? else {
        return Ok(());
    };
    for variant in variant::variants(index.value()) {
        let digest = &variant.manifest.digest;
        if store.blob_size(digest)?.is_some() {
            store.tag(&child(target, digest), &bare(&variant))?;
        }
    }
    Ok(())
}

/// Refuses an index where one artifact would take its place.
pub(crate) fn refuse_index(store: &Store, reference: &Reference) -> Result<(), Error> {
    match store.resolve(reference) {
        Ok(found) if found.media_type.is_index() => Err(Error::InvalidInput {
            what: format!("{reference} is an index of variants, not one artifact"),
            hint: Some(format!(
                "name one of them by its digest: `modelpack inspect {reference}` lists them"
            )),
        }),
        Err(StoreError::UnknownReference { .. }) | Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Refuses a name that is one of the source itself: it would no longer have it.
pub(crate) fn refuse_own_name(
    store: &Store,
    target: &Reference,
    source: &Digest,
) -> Result<(), Error> {
    match store.resolve(target) {
        Ok(found) if found.digest == *source => Err(Error::InvalidInput {
            what: format!("{target} is the name of the model itself, which would lose it"),
            hint: Some(format!("use another tag, such as {}:TAG", target.name())),
        }),
        Err(StoreError::UnknownReference { .. }) | Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A registry wants what an index lists in the repository of the index.
fn child(index: &Reference, digest: &Digest) -> Reference {
    let mut child = index.clone();
    child.tag = None;
    child.digest = Some(*digest);
    child
}
