//! Limits per host: connections at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use modelpack_registry::hosts::{ByteRate, Hosts};
use modelpack_registry::{BlobSink, Client, Error, Name, Pending, Progress, Verification};
use modelpack_spec::{Descriptor, Digest, MediaType, RangeSet};

use crate::server::{Reply, Server, options};

const CONTENT: &[u8] = b"weights";

#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_than_allowed() {
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let server = Server::start({
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        move |_| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Others get their turn while this one is being answered.
            for _ in 0..50 {
                std::thread::yield_now();
            }
            now.fetch_sub(1, Ordering::SeqCst);
            Reply::new(200).body(CONTENT)
        }
    })
    .await;
    let mut hosts = Hosts::default();
    hosts.hosts.entry(server.host()).or_default().connections = std::num::NonZeroU16::new(1);
    let client = options().hosts(hosts).build().expect("good options");
    let digest = Digest::sha256(CONTENT);
    let descriptor = Descriptor::new(MediaType::from("a/b"), digest, CONTENT.len() as u64);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (client, name, descriptor) = (client.clone(), server.name(), descriptor.clone());
            tokio::spawn(async move { client.get_blob(&name, &descriptor, 1024).await.map(drop) })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic").expect("there");
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert_eq!(server.requests().len(), 20);
}

/// A sink that tries to ask for something else before it takes a piece.
struct Impatient {
    client: Client,
    name: Name,
    got: AtomicBool,
}

impl BlobSink for Impatient {
    fn write_at(&self, _: u64, _: bytes::Bytes) -> Pending<'_, std::io::Result<()>> {
        Box::pin(async move {
            let patience = async {
                for _ in 0..10_000 {
                    tokio::task::yield_now().await;
                }
            };
            let got = tokio::select! {
                _ = self.client.list_tags(&self.name, None) => true,
                () = patience => false,
            };
            self.got.store(got, Ordering::SeqCst);
            Ok(())
        })
    }

    fn verification(&self) -> Verification {
        Verification::BySink
    }
}

#[tokio::test]
async fn a_connection_is_taken_until_its_body_is_read() {
    for (connections, gets_through) in [(1, false), (2, true)] {
        let server = Server::start(|request| {
            if request.target.ends_with("/tags/list") {
                return Reply::new(200).body(r#"{"name":"a","tags":[]}"#);
            }
            Reply::new(200).body(CONTENT)
        })
        .await;
        let mut hosts = Hosts::default();
        hosts.entry(server.host()).connections = std::num::NonZeroU16::new(connections);
        let client = options().hosts(hosts).build().expect("good options");
        let digest = Digest::sha256(CONTENT);
        let descriptor = Descriptor::new(MediaType::from("a/b"), digest, CONTENT.len() as u64);
        let sink = Arc::new(Impatient {
            client: client.clone(),
            name: server.name(),
            got: AtomicBool::new(false),
        });
        let (into, nothing) = (Arc::clone(&sink) as _, RangeSet::default());
        client
            .pull_blob(
                &server.name(),
                &descriptor,
                into,
                &nothing,
                &Progress::none(),
            )
            .await
            .expect("there");
        assert_eq!(
            sink.got.load(Ordering::SeqCst),
            gets_through,
            "{connections}"
        );
        let tags = client.list_tags(&server.name(), None).await;
        assert!(tags.is_ok(), "the connection is free again");
    }
}

#[tokio::test]
async fn limited_bodies_arrive_whole() {
    let content: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let digest = Digest::sha256(&content);
    let server = Server::start({
        let content = content.clone();
        move |request| match request.method.as_str() {
            "POST" => Reply::new(202).header("location", "/upload"),
            "PUT" if request.body == content => Reply::new(201),
            "PUT" => Reply::new(400),
            _ => Reply::new(200).body(content.clone()),
        }
    })
    .await;
    let mut hosts = Hosts::default();
    let own = hosts.hosts.entry(server.host()).or_default();
    own.download_limit = Some(ByteRate::new(10_000_000));
    own.upload_limit = Some(ByteRate::new(10_000_000));
    let client = options().hosts(hosts).build().expect("good options");
    let (size, name) = (content.len() as u64, server.name());
    let descriptor = Descriptor::new(MediaType::from("a/b"), digest, size);
    let pulled = client.get_blob(&name, &descriptor, size).await;
    assert_eq!(pulled.expect("there"), content);
    let source = Arc::new(bytes::Bytes::from(content));
    let pushed = client
        .push_blob(&name, &digest, size, source, &Progress::none())
        .await;
    assert!(matches!(pushed, Ok::<(), Error>(())), "{pushed:?}");
}
