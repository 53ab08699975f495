//! What a push would do.

use modelpack_registry::Name;
use modelpack_spec::{Digest, Reference};
use serde::Serialize;

use crate::artifact::sendable;
use crate::push::plan;
use crate::transfer::wanted;
use crate::{Control, Error, Toolkit, blocking};

/// What [`Toolkit::plan_push`] found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PushPlan {
    /// The artifact.
    pub reference: Reference,
    /// Digest of its manifest.
    pub digest: Digest,
    /// The layers and the config, each once.
    pub blobs: Vec<PushPlanBlob>,
    /// Bytes of all of them.
    pub size: u64,
    /// Bytes of those that the registry does not have in this repository. It may be able to take some over
    /// from another one.
    pub missing: u64,
    /// What the name points to in the registry now.
    pub current: Option<Digest>,
}

/// A blob that would be pushed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PushPlanBlob {
    /// The file that it is, or `config`.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Whether the registry has it.
    pub in_registry: bool,
}

impl Toolkit {
    /// Says what [`Toolkit::push`] would send. The registry is asked what it has; nothing changes there or
    /// here.
    ///
    /// # Errors
    /// [`Error::UnknownReference`], [`Error::NoSelector`], [`Error::Registry`], [`Error::Store`] when a
    /// blob is missing, [`Error::Cancelled`].
    pub async fn plan_push(
        &self,
        reference: &Reference,
        control: &Control,
    ) -> Result<PushPlan, Error> {
        let target = wanted(reference)?;
        let (store, local) = (self.store().clone(), reference.clone());
        let (digest, steps) = blocking::run(move || {
            let lease = store.lease()?;
            let manifest = sendable(&store, &local)?;
            let steps = plan(&lease, manifest.value(), &local)?;
            Ok((*manifest.digest(), steps))
        })
        .await?;
        let asked = async {
            let digests = steps.iter().map(|step| step.blob.digest).collect();
            let there = self.ask_for(reference, digests).await?;
            let name = Name::from(reference);
            let current = self.client().head_manifest(&name, &target).await?;
            Ok((there, current.and_then(|current| current.digest)))
        };
        let (there, current) = control.stop_early(asked).await?;
        let blobs: Vec<PushPlanBlob> = steps
            .into_iter()
            .map(|step| PushPlanBlob {
                name: step.name,
                media_type: step.blob.media_type.to_string(),
                digest: step.blob.digest,
                size: step.blob.size,
                in_registry: there.contains(&step.blob.digest),
            })
            .collect();
        Ok(PushPlan {
            reference: reference.clone(),
            digest,
            size: blobs.iter().map(|blob| blob.size).sum(),
            missing: blobs
                .iter()
                .filter(|blob| !blob.in_registry)
                .map(|blob| blob.size)
                .sum(),
            blobs,
            current,
        })
    }
}
