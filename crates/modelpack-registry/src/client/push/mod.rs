//! The driver of pushes: sends what the state machine says, and hashes the source when it asks for that.

mod manifest;
mod open;
mod referrers;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use modelpack_spec::distribution::OCI_CHUNK_MIN_LENGTH;
use modelpack_spec::{Digest, Hasher, Host, Repository};
use tokio::time::sleep;

pub(super) use self::manifest::put as put_manifest;
use self::open::OpenUploads;
use super::probe::UploadProbe;
use super::push_scope;
use super::types::{BlobToPush, Mount, Pushed, Upload};
use crate::auth::Scopes;
use crate::content::{BlobSource, Progress};
use crate::error::{BoxError, Error};
use crate::exchange::{
    Action, Answer, Begin, BlobPayload, CancelUpload, Exchange as _, Limits, MountFrom, Order,
    PushBlob, Request, StartUpload, Step,
};
use crate::policy::Origin;
use crate::target::Target;
use crate::transport::{Transport, random};

/// Repositories that are asked for one blob. Who has it usually is the first; each question costs as much as
/// a small blob.
const MAX_MOUNTS: usize = 2;
/// Bytes that are read at once to hash a source; they stay in the cache of a core.
const HASH_BYTES: usize = 256 * 1024;
/// Longest answer to a request of an upload that is read, in bytes; it means nothing.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// What all pushes of a client share.
pub(super) struct Pushes {
    /// What hosts have shown that they take.
    limits: Mutex<HashMap<Origin, Limits>>,
    /// Pairs of a registry and a host on which its uploads may go on.
    hosts: Vec<(Host, Host)>,
    /// Larger blobs are sent in several requests.
    body: Option<u64>,
    open: OpenUploads,
}

impl Pushes {
    pub(super) fn new(hosts: Vec<(Host, Host)>, body: Option<u64>) -> Self {
        Self {
            limits: Mutex::default(),
            hosts,
            body,
            open: OpenUploads::default(),
        }
    }

    fn limits(&self) -> MutexGuard<'_, HashMap<Origin, Limits>> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limits_of(&self, target: &Target, transport: &Transport) -> Limits {
        if let Some(known) = self.limits().get(&target.origin) {
            return known.clone();
        }
        let limits = Limits::of(&target.name.host, self.body);
        match transport.settings(&target.name.host).chunk_size {
            Some(size) => limits.in_chunks_of(size.bytes()),
            None => limits,
        }
    }

    fn learn(&self, target: &Target, limits: &Limits) {
        self.limits()
            .entry(target.origin.clone())
            .and_modify(|known| known.learn(limits))
            .or_insert_with(|| limits.clone());
    }

    fn allowed(&self, target: &Target) -> Vec<Host> {
        self.hosts
            .iter()
            .filter(|(registry, _)| target.origin.is_at(registry))
            .map(|(_, host)| host.clone())
            .collect()
    }

    /// Waits until uploads that were given up are ended at their registries, as far as those answer.
    pub(super) async fn settle(&self) {
        self.open.settle().await;
    }
}

/// A push to one repository.
pub(super) struct Push<'a> {
    pub(super) transport: &'a Arc<Transport>,
    pub(super) pushes: &'a Pushes,
    pub(super) target: &'a Target,
}

impl Push<'_> {
    pub(super) async fn mount(
        &self,
        digest: &Digest,
        from: Option<&Repository>,
    ) -> Result<Mount, Error> {
        let (mount, scopes) = match from {
            Some(repository) => {
                let repository = self.target.sibling(repository);
                let scopes = self.scopes(Some(&repository));
                (MountFrom::Repository(repository), scopes)
            }
            None => (MountFrom::Anywhere, self.scopes(None)),
        };
        let exchange = StartUpload {
            target: self.target,
            digest: *digest,
            mount: Some(mount),
            allowed: &self.pushes.allowed(self.target),
        };
        self.transport.run(self.target, &scopes, exchange).await
    }

    /// Opens an upload and gives it up.
    pub(super) async fn probe(&self) -> Result<UploadProbe, Error> {
        let mut exchange = StartUpload {
            target: self.target,
            digest: Digest::sha256(b""),
            mount: None,
            allowed: &self.pushes.allowed(self.target),
        };
        let (scopes, request) = (self.scopes(None), exchange.start());
        let reply = self.transport.send(self.target, &scopes, &request).await?;
        let answer = reply.collect(StartUpload::WHAT, StartUpload::MAX_BYTES);
        let answer = answer.await?;
        let chunk_min_bytes = answer
            .head
            .text(OCI_CHUNK_MIN_LENGTH)
            .and_then(|text| text.trim().parse().ok());
        let is_cancelled = match exchange.answer(answer)? {
            // Registries end uploads that nobody uses, so one that will not be told is no failure.
            Step::Done(Mount::Upload(upload)) => self.cancel(upload).await.is_ok(),
            _ => true,
        };
        Ok(UploadProbe {
            chunk_min_bytes,
            is_cancelled,
        })
    }

    pub(super) async fn cancel(&self, upload: Upload) -> Result<(), Error> {
        let exchange = CancelUpload(upload.location);
        self.transport
            .run(self.target, &push_scope(self.target), exchange)
            .await
    }

    /// Sees to it that the blob is there, at the least cost.
    pub(super) async fn ensure(
        &self,
        blob: &BlobToPush,
        source: Arc<dyn BlobSource>,
        progress: &Progress,
    ) -> Result<Pushed, Error> {
        let mut mounts: Vec<MountFrom> = blob
            .known_in
            .iter()
            .map(|repository| self.target.sibling(repository))
            .filter(|repository| repository != self.target.repository())
            .map(MountFrom::Repository)
            .take(MAX_MOUNTS)
            .collect();
        if mounts.is_empty() {
            mounts.push(MountFrom::Anywhere);
        }
        let payload = payload(&blob.digest, blob.size, source, progress);
        self.run(payload, Begin::Ask(mounts)).await
    }

    /// Sends a blob without asking for it, into `opened` or a new upload.
    pub(super) async fn send(
        &self,
        digest: &Digest,
        size: u64,
        source: Arc<dyn BlobSource>,
        progress: &Progress,
        opened: Option<Upload>,
    ) -> Result<Pushed, Error> {
        let begin = opened.map_or(Begin::Upload, |upload| Begin::Opened(upload.location));
        self.run(payload(digest, size, source, progress), begin)
            .await
    }

    async fn run(&self, blob: BlobPayload, begin: Begin) -> Result<Pushed, Error> {
        let (source, digest, size) = (Arc::clone(&blob.source), blob.digest, blob.size);
        let allowed = self.pushes.allowed(self.target);
        let (mut push, mut action) = PushBlob::new(Order {
            target: self.target,
            blob,
            begin,
            allowed: &allowed,
            limits: self.pushes.limits_of(self.target, self.transport),
            retry: &self.transport.retry,
        });
        let mut open = self.pushes.open.guard(self.transport, self.target);
        loop {
            let abandoned = push.take_abandoned();
            open.watch(push.session(), abandoned);
            let next = match action {
                Action::Send {
                    request,
                    from,
                    wait,
                } => {
                    if !wait.is_zero() {
                        sleep(wait).await;
                    }
                    let outcome = self.exchange(&request, &self.scopes(from.as_ref())).await;
                    push.answer(outcome, random())
                }
                Action::Hash => {
                    let actual = hash(Arc::clone(&source), digest, size).await?;
                    push.hashed(actual, random())
                }
                Action::Done(pushed) => {
                    self.pushes.learn(self.target, push.limits());
                    return Ok(pushed);
                }
            };
            let abandoned = push.take_abandoned();
            open.watch(push.session(), abandoned);
            action = next?;
        }
    }

    async fn exchange(&self, request: &Request, scopes: &Scopes) -> Result<Answer, Error> {
        let reply = self.transport.send(self.target, scopes, request).await?;
        reply.collect("answer to an upload", MAX_ANSWER_BYTES).await
    }

    fn scopes(&self, from: Option<&Repository>) -> Scopes {
        let mut scopes = push_scope(self.target);
        if let Some(repository) = from {
            scopes.merge(&Scopes::repository(repository, &["pull"]));
        }
        scopes
    }
}

fn payload(
    digest: &Digest,
    size: u64,
    source: Arc<dyn BlobSource>,
    progress: &Progress,
) -> BlobPayload {
    BlobPayload {
        source,
        digest: *digest,
        offset: 0,
        size,
        progress: progress.clone(),
    }
}

/// The digest of what the source has now.
async fn hash(source: Arc<dyn BlobSource>, digest: Digest, size: u64) -> Result<Digest, Error> {
    let failed = move |source| Error::Source { digest, source };
    let hashing = tokio::task::spawn_blocking(move || {
        let mut reader = source.open(0)?;
        let mut hasher = Hasher::new(digest.algorithm());
        let mut buffer = vec![0; HASH_BYTES];
        let mut left = size;
        while left > 0 {
            let wanted = usize::try_from(left).map_or(HASH_BYTES, |left| left.min(HASH_BYTES));
            let read = match reader.read(&mut buffer[..wanted]) {
                Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(&buffer[..read]);
            left -= read as u64;
        }
        Ok(hasher.finish())
    });
    match hashing.await {
        Ok(outcome) => outcome.map_err(failed),
        Err(error) => Err(failed(std::io::Error::other(BoxError::from(error)))),
    }
}
