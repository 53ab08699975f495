//! Giving names to artifacts in the local store, and taking them away.

use modelpack_spec::Reference;
use modelpack_store::Removed;
use serde::Serialize;

use crate::{Error, Toolkit, blocking, variants};

/// What [`Toolkit::remove`] did.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RemoveReport {
    /// Names that are gone. Their bytes stay until [`Toolkit::prune`].
    pub removed: Vec<Reference>,
}

impl Toolkit {
    /// Gives the artifact that `source` names a second name. No byte is copied.
    ///
    /// # Errors
    /// [`Error::UnknownReference`]; [`Error::InvalidName`] when the new name has no tag.
    pub async fn tag(&self, source: &Reference, target: &Reference) -> Result<(), Error> {
        if target.tag.is_none() {
            return Err(Error::InvalidName {
                reference: target.clone(),
                what: "an artifact",
                reason: "it has no tag",
            });
        }
        let store = self.store().clone();
        let (source, target) = (source.clone(), target.clone());
        blocking::run(move || {
            let descriptor = store.resolve(&source)?;
            if descriptor.media_type.is_index() {
                variants::name_children(&store, &target, &descriptor)?;
            }
            Ok(store.tag(&target, &descriptor)?)
        })
        .await
    }

    /// Removes a name, or with a digest every name of that artifact in its repository.
    ///
    /// # Errors
    /// [`Error::UnknownReference`], [`Error::NoSelector`].
    pub async fn remove(&self, reference: &Reference) -> Result<RemoveReport, Error> {
        let store = self.store().clone();
        let reference = reference.clone();
        blocking::run(move || {
            let Removed { names, .. } = store.remove(&reference)?;
            Ok(RemoveReport {
                removed: names.into_iter().map(|(name, _)| name).collect(),
            })
        })
        .await
    }
}
