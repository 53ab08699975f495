//! Requests and answers of tests, without a socket.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use modelpack_server::{DiskStorage, MemoryStorage, Options, Registry};
use modelpack_spec::Digest;
use modelpack_spec::distribution::ErrorBody;
use modelpack_store::Store;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry and what keeps its storage alive.
pub(crate) struct Client {
    pub(crate) registry: Registry,
    /// Says in messages which storage failed.
    pub(crate) storage: &'static str,
    pub(crate) directory: Option<tempfile::TempDir>,
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A registry over each storage.
pub(crate) fn both(options: impl Fn() -> Options) -> [Client; 2] {
    [memory(options()), disk(options())]
}

pub(crate) fn memory(options: Options) -> Client {
    Client {
        registry: Registry::new(MemoryStorage::new(), options),
        storage: "memory",
        directory: None,
    }
}

pub(crate) fn disk(options: Options) -> Client {
    let directory = tempfile::tempdir().unwrap();
    let storage = open_disk(&directory);
    Client {
        registry: Registry::new(storage, options),
        storage: "disk",
        directory: Some(directory),
    }
}

pub(crate) fn open_disk(directory: &tempfile::TempDir) -> DiskStorage {
    let store = Store::create(directory.path()).unwrap();
    DiskStorage::new(store, "localhost:5000".parse().unwrap()).unwrap()
}

impl Client {
    pub(crate) fn store(&self) -> Store {
        Store::open(self.directory.as_ref().unwrap().path()).unwrap()
    }

    pub(crate) async fn send_body<B>(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: B,
    ) -> Answer
    where
        B: http_body::Body + Send + Unpin + 'static,
        B::Data: Send,
    {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).unwrap();
        let response = self.registry.handle(request).await;
        let (head, body) = response.into_parts();
        let answer = Answer {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        };
        answer.check_form(method, target);
        answer
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.send_body(method, target, headers, Full::new(body.into()))
            .await
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send("GET", target, &[], "").await
    }

    pub(crate) async fn head(&self, target: &str) -> Answer {
        self.send("HEAD", target, &[], "").await
    }

    pub(crate) async fn delete(&self, target: &str) -> Answer {
        self.send("DELETE", target, &[], "").await
    }

    /// Uploads a blob in one request.
    pub(crate) async fn blob(&self, name: &str, content: &[u8]) -> Digest {
        let digest = Digest::sha256(content);
        let target = format!("/v2/{name}/blobs/uploads/?digest={digest}");
        let answer = self.send("POST", &target, &[], content.to_vec()).await;
        assert_eq!(answer.status, 201, "{}", self.storage);
        digest
    }

    /// Opens an upload session and returns its location.
    pub(crate) async fn start(&self, name: &str) -> String {
        let answer = self
            .send("POST", &format!("/v2/{name}/blobs/uploads/"), &[], "")
            .await;
        assert_eq!(answer.status, 202);
        answer.header("location").to_owned()
    }

    pub(crate) async fn put_manifest(&self, name: &str, reference: &str, manifest: &str) -> Answer {
        let media_type = if manifest.contains("\"manifests\"") {
            INDEX
        } else {
            MANIFEST
        };
        let target = format!("/v2/{name}/manifests/{reference}");
        self.send(
            "PUT",
            &target,
            &[("content-type", media_type)],
            manifest.to_owned(),
        )
        .await
    }

    /// Pushes a small artifact under a tag.
    pub(crate) async fn artifact(&self, name: &str, tag: &str, layer: &str) -> (String, Digest) {
        let manifest = artifact(layer, "");
        self.blob(name, b"{}").await;
        self.blob(name, layer.as_bytes()).await;
        let answer = self.put_manifest(name, tag, &manifest).await;
        assert_eq!(answer.status, 201, "{} {answer:?}", self.storage);
        let digest = Digest::sha256(manifest.as_bytes());
        (manifest, digest)
    }
}

/// A manifest with an empty config and one layer; `more` is put before the end.
pub(crate) fn artifact(layer: &str, more: &str) -> String {
    let (config, layer_digest) = (Digest::sha256(b"{}"), Digest::sha256(layer.as_bytes()));
    let size = layer.len();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","artifactType":"application/vnd.test","config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{config}","size":2}},"layers":[{{"mediaType":"application/octet-stream","digest":"{layer_digest}","size":{size}}}]{more}}}"#
    )
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> String {
        let body = ErrorBody::parse(&self.body);
        body.code().map(ToString::to_string).unwrap_or_default()
    }

    /// What every answer has to keep.
    fn check_form(&self, method: &str, target: &str) {
        let context = format!("{method} {target}: {self:?}");
        let length = self.headers.get("content-length");
        if self.status == 204 {
            assert!(length.is_none() && self.body.is_empty(), "{context}");
            return;
        }
        let length: usize = length.expect(&context).to_str().unwrap().parse().unwrap();
        if method == "HEAD" {
            assert!(self.body.is_empty(), "{context}");
        } else {
            assert_eq!(length, self.body.len(), "{context}");
        }
        if self.status.as_u16() >= 400 && method != "HEAD" {
            assert_eq!(self.header("content-type"), "application/json", "{context}");
            assert_ne!(self.code(), "", "{context}");
        }
    }
}

/// A body that comes in pieces, without a length, and that can break off or never end.
pub(crate) struct Pieces {
    pub(crate) pieces: VecDeque<Bytes>,
    pub(crate) end: End,
}

#[derive(Clone, Copy)]
pub(crate) enum End {
    Clean,
    Broken,
    Never,
}

impl Pieces {
    pub(crate) fn new(pieces: &[&'static str], end: End) -> Self {
        Self {
            pieces: pieces
                .iter()
                .map(|piece| Bytes::from_static(piece.as_bytes()))
                .collect(),
            end,
        }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match (self.pieces.pop_front(), self.end) {
            (Some(piece), _) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            (None, End::Clean) => Poll::Ready(None),
            (None, End::Broken) => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
            (None, End::Never) => Poll::Pending,
        }
    }
}

/// A body that never ends and is counted.
pub(crate) struct Endless(pub(crate) std::sync::Arc<std::sync::atomic::AtomicU64>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        const PIECE: &[u8] = &[b' '; 64 * 1024];
        self.0
            .fetch_add(PIECE.len() as u64, std::sync::atomic::Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(PIECE)))))
    }
}
