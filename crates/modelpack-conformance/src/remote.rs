//! The part of the suite that reads an artifact from a registry, layers included.

use std::io::{self, Read};
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use modelpack_spec::{Digest, Document, Index, MediaType, Reference, Repository, Selector};
use tokio::sync::mpsc;
use url::Url;

use crate::artifact::MAX_DOCUMENT_BYTES;
use crate::inspection::{Inspection, Wanted};
use crate::layer::{Facts, examine};
use crate::registry::{AnswerBody, Call, Problem, Reply, Subject, Transport};
use crate::{Error, Report};

/// Longest time without a byte; a layer as a whole may take as long as its size needs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most pieces of a layer that wait to be hashed: enough to keep both sides busy.
const PIECES: usize = 16;

/// An artifact in a registry.
///
/// Its text is `HOST/REPOSITORY:TAG` or `HOST/REPOSITORY@DIGEST`, which is asked for by HTTPS, or by HTTP
/// where the host is this machine; `http://` or `https://` before it decides otherwise.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RemoteTarget {
    /// Where the registry is, without `/v2`.
    pub url: Url,
    /// The repository.
    pub repository: Repository,
    /// Tag or digest.
    pub reference: String,
    /// User and password, for registries that want them. What is public needs none.
    pub login: Option<(String, String)>,
}

impl FromStr for RemoteTarget {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |reason: String| Error::InvalidTarget {
            target: text.to_owned(),
            reason,
        };
        let scheme = ["http://", "https://"]
            .into_iter()
            .find(|scheme| text.starts_with(scheme));
        let name = &text[scheme.map_or(0, str::len)..];
        let name: Reference = name
            .parse()
            .map_err(|error: modelpack_spec::Error| invalid(error.to_string()))?;
        let reference = match name.selector() {
            Some(Selector::Tag(tag)) => tag.to_string(),
            Some(Selector::Digest(digest)) => digest.to_string(),
            None => return Err(invalid("it has neither tag nor digest".to_owned())),
        };
        let scheme = scheme.unwrap_or(match name.host.is_loopback() {
            true => "http://",
            false => "https://",
        });
        let host = match name.host.as_str() {
            // The name that people write is not that of the registry.
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        let url = format!("{scheme}{host}").parse();
        Ok(Self {
            url: url.map_err(|error: url::ParseError| invalid(error.to_string()))?,
            repository: name.repository,
            reference,
            login: None,
        })
    }
}

/// Judges an artifact in a registry, whatever tool pushed it. Every layer is read to its end and never
/// further, in bounded memory. Needs a tokio runtime.
///
/// # Errors
/// When nobody answers, there is no such artifact, or its manifest or config cannot be read at all. What
/// is wrong with an artifact that can be read is in the report.
pub async fn judge_remote(
    transport: &dyn Transport,
    target: &RemoteTarget,
) -> Result<Report, Error> {
    let remote = Remote {
        subject: Subject {
            transport,
            base: target.url.clone(),
            login: target.login.clone(),
        },
        target,
    };
    let manifest = remote.manifest().await?;
    let mut inspection = Inspection::new(manifest, None);
    if let Ok(digest) = target.reference.parse::<Digest>() {
        inspection.pinned(&digest);
    }
    match inspection.config_digest() {
        Some(digest) => inspection.config(remote.config(&digest).await?),
        // The rules say that the manifest names none.
        None => inspection.config(Some(Vec::new())),
    }
    for wanted in inspection.layers() {
        match remote.layer(&wanted).await {
            Ok(facts) => inspection.layer(&wanted, facts),
            Err(reason) => inspection.missing(&wanted, &reason),
        }
    }
    Ok(inspection.report())
}

struct Remote<'a> {
    subject: Subject<'a>,
    target: &'a RemoteTarget,
}

impl Remote<'_> {
    fn error(&self, reason: impl Into<String>) -> Error {
        let RemoteTarget {
            url,
            repository,
            reference,
            ..
        } = self.target;
        Error::Unavailable {
            target: format!("{}{repository} {reference}", url.as_str()),
            reason: reason.into(),
        }
    }

    async fn get(&self, path: &str) -> Result<Reply<AnswerBody>, String> {
        let url = format!("{}/{path}", self.target.repository);
        let mut call = Call::get(self.subject.url(&url));
        if path.starts_with("manifests/") {
            for accepted in [
                MediaType::OciManifest,
                MediaType::DockerManifest,
                MediaType::OciIndex,
                MediaType::DockerManifestList,
            ] {
                call = call.header("accept", &accepted.to_string());
            }
        }
        let answer = tokio::time::timeout(PATIENCE, self.subject.open(call)).await;
        match answer.map_err(|_| format!("no answer within {PATIENCE:?}"))? {
            Ok(reply) => Ok(reply),
            Err(Problem::NoAnswer(reason) | Problem::Wrong(reason)) => Err(reason),
            Err(Problem::Unsupported(reason)) => Err(reason),
        }
    }

    async fn manifest(&self) -> Result<Vec<u8>, Error> {
        let path = format!("manifests/{}", self.target.reference);
        let reply = self.get(&path).await.map_err(|reason| self.error(reason))?;
        let manifest = match reply.status {
            200 => self.document(reply).await?,
            404 => return Err(self.error("the registry has no such manifest")),
            401 | 403 => {
                let reason = "the registry wants a login that may read this repository";
                return Err(self.error(reason));
            }
            status => return Err(self.error(format!("the registry answers with status {status}"))),
        };
        if let Ok(index) = Document::<Index>::parse(manifest.clone().into()) {
            let manifests = index.value().manifests.iter();
            let known: Vec<_> = manifests.map(|one| one.digest.to_string()).collect();
            return Err(self.error(format!(
                "it is an index; name one of its manifests: {}",
                known.join(", ")
            )));
        }
        Ok(manifest)
    }

    async fn config(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        let path = format!("blobs/{digest}");
        let reply = self.get(&path).await.map_err(|reason| self.error(reason))?;
        match reply.status {
            200 => self.document(reply).await.map(Some),
            404 => Ok(None),
            status => Err(self.error(format!("the config is answered with status {status}"))),
        }
    }

    async fn document(&self, mut reply: Reply<AnswerBody>) -> Result<Vec<u8>, Error> {
        let mut content = Vec::new();
        while let Some(piece) = piece(&mut reply.body)
            .await
            .map_err(|reason| self.error(reason))?
        {
            content.extend_from_slice(&piece);
            if content.len() as u64 > MAX_DOCUMENT_BYTES {
                let path = reply.url.path();
                return Err(self.error(format!("{path} is larger than {MAX_DOCUMENT_BYTES} bytes")));
            }
        }
        Ok(content)
    }

    /// What a layer is, or why it cannot be read.
    async fn layer(&self, wanted: &Wanted) -> Result<Facts, String> {
        let reply = self
            .get(&format!("blobs/{}", wanted.descriptor.digest))
            .await
            .map_err(|reason| format!("cannot be read: {reason}"))?;
        let mut body = match reply.status {
            200 => reply.body,
            404 => return Err("is not in the registry".to_owned()),
            status => return Err(format!("cannot be read: status {status}")),
        };
        let (sender, receiver) = mpsc::channel(PIECES);
        let (size, encoding, uncompressed) =
            (wanted.descriptor.size, wanted.encoding, wanted.uncompressed);
        let stored = wanted.descriptor.digest.algorithm();
        let facts = tokio::task::spawn_blocking(move || {
            examine(Pieces::new(receiver), size, encoding, stored, uncompressed)
        });
        let (mut count, mut goes_on) = (0, false);
        loop {
            let next = piece(&mut body).await.transpose();
            let Some(next) = next else { break };
            count += next.as_ref().map_or(0, |bytes| bytes.len() as u64);
            goes_on = count > size;
            let is_last = goes_on || next.is_err();
            if sender.send(next.map_err(io::Error::other)).await.is_err() || is_last {
                break;
            }
        }
        drop(sender);
        let facts = facts
            .await
            .map_err(|error| format!("cannot be read: {error}"))?;
        let mut facts = facts.map_err(|error| format!("breaks off: {error}"))?;
        facts.goes_on = goes_on;
        Ok(facts)
    }
}

async fn piece(body: &mut AnswerBody) -> Result<Option<Bytes>, String> {
    match tokio::time::timeout(PATIENCE, body.piece()).await {
        Ok(Ok(piece)) => Ok(piece),
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            Err(format!("{error}{}", cause.unwrap_or_default()))
        }
        Err(_) => Err(format!("no byte within {PATIENCE:?}")),
    }
}

/// Pieces that arrive on another task, as a reader.
struct Pieces {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Pieces {
    fn new(receiver: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self {
            receiver,
            piece: Bytes::new(),
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.piece.len());
        buffer[..length].copy_from_slice(&self.piece.split_to(length));
        Ok(length)
    }
}
