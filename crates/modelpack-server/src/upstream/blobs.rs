//! Fetching blobs, one download for all who want it.

use std::sync::Arc;

use modelpack_spec::{Digest, Repository};

use super::fetches::{Begun, HELD_BACK, Running};
use super::sink::UpstreamSink;
use super::{Upstream, upstream_failed};
use crate::answer::Refusal;
use crate::observe::NotFetched;
use crate::storage::MountSource;
use crate::{Error, Registry, blocking};

impl Registry {
    /// The size of a blob that is not here but upstream.
    pub(crate) async fn blob_size_from_upstream(
        &self,
        name: &Repository,
        digest: &Digest,
    ) -> Result<Option<u64>, Refusal> {
        match self.options().upstream.clone() {
            Some(upstream) => upstream
                .blob_size(name, digest)
                .await
                .map_err(upstream_failed),
            None => Ok(None),
        }
    }

    /// Fetches a blob that is not here and keeps it. Answers as soon as it can be read.
    ///
    /// The fetch goes on when the client that wanted it is gone: others may be waiting for it, and
    /// the next one would begin anew.
    pub(crate) async fn blob_from_upstream(
        &self,
        name: &Repository,
        digest: &Digest,
    ) -> Result<Begun, Refusal> {
        let Some(upstream) = self.options().upstream.clone() else {
            return Ok(Begun::Absent);
        };
        loop {
            let (mut fetch, new) = self.fetch_of(name, digest);
            if let Some(running) = new {
                let fetching =
                    self.clone()
                        .run_fetch(Arc::clone(&upstream), name.clone(), *digest, running);
                tokio::spawn(fetching);
            }
            let begun = fetch.begun().await;
            if fetch.repository == *name {
                return begun;
            }
            // It was begun for another repository: from there it may be taken only if upstream shows it in this
            // one too. When it is over already, this repository gets a turn of its own, which finds it.
            if let Ok(Begun::Arriving(arriving)) = begun {
                let size = upstream.blob_size(name, digest).await;
                if size.map_err(upstream_failed)?.is_none() {
                    return Ok(Begun::Absent);
                }
                let (registry, name, digest) = (self.clone(), name.clone(), *digest);
                let until_kept = arriving.clone().kept();
                tokio::spawn(async move {
                    if matches!(until_kept.await, Ok(true)) {
                        // Where this fails, the next one who asks for it makes it visible.
                        let _ = registry.mount_anywhere(&name, &digest).await;
                    }
                });
                return Ok(Begun::Arriving(arriving));
            }
        }
    }

    async fn run_fetch(
        self,
        upstream: Arc<dyn Upstream>,
        name: Repository,
        digest: Digest,
        running: Running,
    ) {
        let result = self.fetch_blob(&*upstream, &name, &digest, &running).await;
        // Whoever has got bytes already only sees that no more come.
        if running.stages().is_arriving()
            && let Some(observer) = &self.options().observer
            && let Err(Refusal {
                error: Some(error), ..
            }) = &result
        {
            observer.not_fetched(&NotFetched {
                repository: &name,
                digest: &digest,
                error,
            });
        }
        running.end(result);
    }

    /// `false` when it is not upstream.
    async fn fetch_blob(
        &self,
        upstream: &dyn Upstream,
        name: &Repository,
        digest: &Digest,
        running: &Running,
    ) -> Result<bool, Refusal> {
        // An earlier fetch may have brought it, for this repository or for another one, from which it
        // may be taken only if upstream shows it in this one too.
        let (repository, wanted) = (name.clone(), *digest);
        let is_here = self
            .storage(move |storage| storage.blob_size(&repository, &wanted))
            .await?
            .is_some();
        if is_here {
            return Ok(true);
        }
        let size = upstream
            .blob_size(name, digest)
            .await
            .map_err(upstream_failed)?;
        let Some(size) = size else {
            return Ok(false);
        };
        if self.mount_anywhere(name, digest).await? {
            return Ok(true);
        }
        let (repository, algorithm) = (name.clone(), digest.algorithm());
        let (upload, reader) = self
            .storage(move |storage| {
                let upload = storage.begin_upload(&repository, algorithm)?;
                // Of what is held back as a whole nothing would be read.
                let reader = (size > HELD_BACK).then(|| upload.reader()).flatten();
                Ok((upload, reader))
            })
            .await?;
        let sink = UpstreamSink::new(upload, size, running.stages().clone());
        if let Some(content) = reader {
            running.stages().arriving(size, content);
        }
        let found = upstream.blob(name, digest, sink.clone()).await;
        // Whatever upstream still holds, nothing is added from here on.
        let written = sink.take().await;
        if found.map_err(upstream_failed)?.is_none() {
            return Ok(false);
        }
        let Some(written) = written else {
            return Err(Error::storage("keep a blob", "a write of it failed").into());
        };
        self.metrics().fetched();
        let expected = *digest;
        blocking::run(move || written.upload.commit(&expected))
            .await
            .map_err(upstream_failed)?;
        if written.left > 0 {
            // It is what was asked for, and kept; only those cannot get all of it who were promised more.
            let reason = "there is less of it than was promised";
            return Err(upstream_failed(Error::storage(
                format!("fetch blob {digest}"),
                reason,
            )));
        }
        Ok(true)
    }

    /// Makes a blob that another repository has visible in this one.
    async fn mount_anywhere(&self, name: &Repository, digest: &Digest) -> Result<bool, Error> {
        let (repository, wanted) = (name.clone(), *digest);
        self.storage(move |storage| {
            let everywhere = |_: &Repository| true;
            storage.mount_blob(&repository, &wanted, MountSource::Any(&everywhere))
        })
        .await
    }
}
