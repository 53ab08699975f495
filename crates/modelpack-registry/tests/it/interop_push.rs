//! Pushes to Debian's registry: whole, in chunks, mounted, and cut in the middle.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use modelpack_registry::{BlobSource, BlobToPush, Client, Error, Name, Progress, Pushed};
use modelpack_spec::{Descriptor, Digest, MediaType};
use modelpack_testkit::{DockerRegistry, random_bytes, skip};

use crate::server::options;

const MIB: usize = 1024 * 1024;

fn registry() -> Option<DockerRegistry> {
    let registry = DockerRegistry::start();
    if registry.is_none() {
        skip("docker-registry is not installed");
    }
    registry
}

fn name(registry: &DockerRegistry, repository: &str) -> Name {
    let host = registry.host().parse().expect("a host");
    Name::new(host, repository.parse().expect("a repository"))
}

async fn push(client: &Client, name: &Name, content: &Bytes, known: &[&str]) -> Pushed {
    let known = known.iter().map(|text| text.parse().expect("a repository"));
    let blob = BlobToPush::new(Digest::sha256(content), content.len() as u64).known_in(known);
    let source = Arc::new(content.clone());
    let pushed = client
        .ensure_blob(name, &blob, source, &Progress::none())
        .await;
    client.settle().await;
    pushed.expect("pushed")
}

async fn pull(client: &Client, name: &Name, content: &Bytes) {
    let digest = Digest::sha256(content);
    let descriptor = Descriptor::new(MediaType::from("a/b"), digest, content.len() as u64);
    let pulled = client.get_blob(name, &descriptor, 1 << 30).await;
    assert!(pulled.expect("there") == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn debians_registry_takes_whole_blobs_chunks_and_mounts() {
    let Some(registry) = registry() else { return };
    let whole = options().build().expect("good options");
    let chunked = options()
        .max_upload_body(MIB as u64)
        .build()
        .expect("good options");
    let (a, b) = (name(&registry, "a"), name(&registry, "b/c"));
    let one = Bytes::from(random_bytes(5 * MIB + 3, 1));
    assert_eq!(push(&whole, &a, &one, &[]).await, Pushed::Uploaded);
    assert_eq!(push(&whole, &a, &one, &[]).await, Pushed::Exists);
    assert_eq!(push(&whole, &b, &one, &["z", "a"]).await, Pushed::Mounted);
    pull(&whole, &b, &one).await;
    let two = Bytes::from(random_bytes(3 * MIB, 2));
    // It mounts from nowhere, and sends nothing less for it.
    assert_eq!(push(&chunked, &b, &two, &["a"]).await, Pushed::Uploaded);
    pull(&whole, &b, &two).await;
    let empty = Bytes::new();
    assert_eq!(push(&whole, &a, &empty, &[]).await, Pushed::Uploaded);
}

/// Fails once, in the middle.
struct Hiccup {
    content: Bytes,
    is_over: Arc<AtomicBool>,
}

impl BlobSource for Hiccup {
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        let reader = self.content.open(offset)?;
        if self.is_over.swap(true, Ordering::Relaxed) {
            return Ok(reader);
        }
        Ok(Box::new(reader.take(2 * MIB as u64 + 7).chain(Broken)))
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("hiccup"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn debians_registry_is_left_without_what_a_broken_source_had_begun() {
    let Some(registry) = registry() else { return };
    let client = options().build().expect("good options");
    let a = name(&registry, "a");
    let content = Bytes::from(random_bytes(4 * MIB, 3));
    let (digest, size) = (Digest::sha256(&content), content.len() as u64);
    let source = Arc::new(Hiccup {
        content: content.clone(),
        is_over: Arc::default(),
    });
    let error = client
        .push_blob(&a, &digest, size, source.clone(), &Progress::none())
        .await
        .expect_err("a hiccup");
    assert!(matches!(error, Error::Source { .. }), "{error:?}");
    client.settle().await;
    assert_eq!(client.head_blob(&a, &digest).await.expect("asked"), None);
    client
        .push_blob(&a, &digest, size, source, &Progress::none())
        .await
        .expect("pushed");
    pull(&client, &a, &content).await;
    // Bytes that are wrong here are refused there, and it is said whose fault that is.
    let wrong = Digest::sha256(b"other");
    let error = client
        .push_blob(
            &a,
            &wrong,
            size,
            Arc::new(content.clone()),
            &Progress::none(),
        )
        .await
        .expect_err("wrong bytes");
    assert!(
        matches!(error, Error::DamagedSource { actual, .. } if actual == digest),
        "{error:?}"
    );
}
