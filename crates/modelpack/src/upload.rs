//! One file as a blob of a repository, before any artifact names it.

use std::path::Path;
use std::sync::Arc;

use modelpack_registry::Name;
use modelpack_spec::{Digest, Encoding, FilePath, Reference};
use serde::Serialize;

use crate::attach::one_file;
use crate::build::PlannedLayer;
use crate::{Control, Error, Outcome, Toolkit, blocking};

/// How [`Toolkit::upload`] works.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct UploadOptions {
    /// How the file becomes a layer; `raw` by default.
    pub encoding: Option<Encoding>,
    /// Its path in the model, which an archive holds; its own name by default.
    pub path: Option<FilePath>,
}

/// What [`Toolkit::upload`] did.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UploadReport {
    /// The repository.
    pub repository: Reference,
    /// Digest of the blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// How it got there.
    pub outcome: Outcome,
}

impl Toolkit {
    /// Sends a file to a repository as the blob that would be its layer, so that an artifact which is put
    /// there later has it already. Nothing of it is kept in the local store.
    ///
    /// # Errors
    /// [`Error::InvalidName`] for a repository with tag or digest; [`Error::File`],
    /// [`Error::FileChanged`], [`Error::Registry`].
    pub async fn upload(
        &self,
        file: &Path,
        repository: &Reference,
        options: &UploadOptions,
        control: &Control,
    ) -> Result<UploadReport, Error> {
        if repository.selector().is_some() {
            return Err(Error::InvalidName {
                reference: repository.clone(),
                what: "a repository",
                reason: "it has a tag or a digest",
            });
        }
        let (lease, planned) = {
            let (store, file, options) = (self.store().clone(), file.to_owned(), options.clone());
            blocking::run(move || {
                let name = file.file_name().map(|name| name.to_string_lossy());
                let path = match options.path {
                    Some(path) => path,
                    None => FilePath::parse(&name.unwrap_or_default())?,
                };
                let selected = one_file::select(&file, path)?;
                let encoding = options.encoding.unwrap_or(Encoding::Raw);
                Ok((store.lease()?, PlannedLayer::alone(&selected, encoding)))
            })
            .await?
        };
        let planned = Arc::new(planned);
        let sent = async {
            // Before hundreds of gigabytes are hashed for a registry that takes none of them.
            self.client().check_push(&Name::from(repository)).await?;
            let outgoing = self.hash_outgoing(&lease, planned, false, control).await?;
            self.send_outgoing(repository, outgoing, Vec::new(), control)
                .await
        };
        let sent = control.stop_early(sent).await;
        self.client().settle().await;
        let (blob, outcome) = sent.map(|layer| (layer.descriptor, layer.outcome))?;
        if outcome != Outcome::Exists {
            self.note(repository, vec![blob.digest]).await;
        }
        Ok(UploadReport {
            repository: repository.clone(),
            digest: blob.digest,
            size: blob.size,
            outcome,
        })
    }
}
