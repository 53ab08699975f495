//! Bytes are what was asked for, or there is an error; the numbers are those of the project's list.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use modelpack_registry::{BlobSink, Error, Pending, Progress, Verification};
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Descriptor, Digest, MediaType, RangeSet, Tag};

use crate::server::{Reply, Request, Server, client};

const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONTENT: &[u8] = b"0123456789";

fn descriptor() -> Descriptor {
    let digest = Digest::sha256(CONTENT);
    Descriptor::new(MediaType::from("a/b"), digest, CONTENT.len() as u64)
}

fn tag() -> TagOrDigest {
    "v1".parse::<Tag>().expect("a tag").into()
}

async fn fetch(reference: TagOrDigest, reply: Reply) -> Result<Digest, Error> {
    let server = Server::start(move |_| reply.clone()).await;
    let fetched = client().fetch_manifest(&server.name(), &reference).await?;
    assert_eq!(fetched.manifest.bytes().as_ref(), MANIFEST.as_bytes());
    Ok(fetched.digest)
}

fn manifest(body: &str) -> Reply {
    Reply::new(200)
        .header("content-type", OCI_MANIFEST)
        .body(body)
}

async fn pull(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Result<Vec<u8>, Error> {
    let server = Server::start(reply).await;
    let sink = Arc::new(Mutex::<Vec<u8>>::default());
    client()
        .pull_blob(
            &server.name(),
            &descriptor(),
            Arc::clone(&sink) as _,
            &RangeSet::default(),
            &Progress::none(),
        )
        .await?;
    Ok(taken(&sink))
}

fn taken(sink: &Mutex<Vec<u8>>) -> Vec<u8> {
    sink.lock().expect("no panic").clone()
}

#[tokio::test]
async fn manifests_come_by_tag_and_by_digest() {
    let digest = Digest::sha256(MANIFEST.as_bytes());
    let by_tag = fetch(tag(), manifest(MANIFEST)).await.expect("good");
    assert_eq!(by_tag, digest);
    let stated = manifest(MANIFEST).header("docker-content-digest", digest.to_string());
    let by_digest = fetch(digest.into(), stated).await.expect("good");
    assert_eq!(by_digest, digest);
    let sha512 = Digest::of(modelpack_spec::Algorithm::Sha512, MANIFEST.as_bytes());
    let by_sha512 = fetch(sha512.into(), manifest(MANIFEST))
        .await
        .expect("good");
    assert_eq!(by_sha512, sha512);
}

/// D1: Other bytes are an error with the right header, the wrong one and none.
#[tokio::test]
async fn d1_a_header_that_repeats_the_wanted_digest_proves_nothing() {
    let wanted = Digest::sha256(MANIFEST.as_bytes());
    let other = MANIFEST.replace(":[]", ": []");
    let truth = Digest::sha256(other.as_bytes());
    for stated in [Some(wanted), Some(truth), None] {
        let mut reply = manifest(&other);
        if let Some(stated) = stated {
            reply = reply.header("docker-content-digest", stated.to_string());
        }
        let error = fetch(wanted.into(), reply).await.expect_err("other bytes");
        assert!(
            matches!(&error, Error::DigestMismatch { expected, actual, .. }
                if *expected == wanted && *actual == truth),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_stated_digest_of_other_bytes_is_an_error_for_tags_too() {
    let reply = manifest(MANIFEST).header("docker-content-digest", Digest::sha256(b"").to_string());
    let error = fetch(tag(), reply).await.expect_err("other bytes");
    assert!(error.is_integrity(), "{error}");
}

/// D2: The client gives none of them out.
#[tokio::test]
async fn d2_documents_that_can_be_read_in_two_ways_are_refused() {
    let both = MANIFEST.replace(r#""layers":[]"#, r#""layers":[],"manifests":[]"#);
    let twice = MANIFEST.replace(r#""layers":[]"#, r#""layers":[],"layers":[]"#);
    let index = "application/vnd.oci.image.index.v1+json";
    for reply in [
        manifest(&both),
        manifest(&twice),
        Reply::new(200).header("content-type", index).body(MANIFEST),
        manifest("[]"),
        manifest("{"),
    ] {
        let error = fetch(tag(), reply.clone()).await.expect_err("ambiguous");
        assert!(
            matches!(error, Error::InvalidReply { .. }),
            "{error}: {reply:?}"
        );
    }
}

/// D6: Manifest, error, list and token.
#[tokio::test]
async fn d6_endless_bodies_stop_at_their_limit() {
    let error = fetch(tag(), manifest("").endless())
        .await
        .expect_err("endless");
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    let announced = manifest("").header("content-length", "99999999999");
    let error = fetch(tag(), announced).await.expect_err("too long");
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");

    let error = fetch(tag(), Reply::new(404).endless())
        .await
        .expect_err("404");
    assert!(error.is_not_found(), "{error}");

    let server = Server::start(|_| Reply::new(200).endless()).await;
    let error = client().list_tags(&server.name(), None).await;
    let error = error.expect_err("endless");
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");

    let server = Server::start_knowing(|address| {
        move |request: &Request| match request.target.as_str() {
            "/token" => Reply::new(200).endless(),
            _ => Reply::new(401).header(
                "www-authenticate",
                format!("Bearer realm=\"http://{address}/token\""),
            ),
        }
    })
    .await;
    let scoped = client().ping(&server.host()).await.expect_err("endless");
    assert!(matches!(scoped, Error::TooLarge { .. }), "{scoped}");
}

/// D7: Longer, shorter and endless.
#[tokio::test]
async fn d7_a_blob_of_another_size_is_an_error() {
    let error = pull(|_| Reply::new(200).body("01234567890")).await;
    assert!(
        matches!(error, Err(Error::SizeMismatch { actual: 11, .. })),
        "{error:?}"
    );
    let error = pull(|_| Reply::new(200).body("012345678")).await;
    assert!(
        matches!(error, Err(Error::SizeMismatch { actual: 9, .. })),
        "{error:?}"
    );
    // The same without a length: the right blob with something behind it.
    let error = pull(|_| Reply::new(200).endless()).await;
    assert!(
        matches!(error, Err(Error::SizeMismatch { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn wrong_bytes_of_the_right_length_are_an_error() {
    let error = pull(|_| Reply::new(200).body("0123456780"))
        .await
        .expect_err("wrong");
    assert!(error.is_integrity(), "{error}");
    assert!(!error.is_retryable());
}

/// A sink that has the first bytes already and hashes by itself.
struct Tail(Mutex<Vec<u8>>);

impl BlobSink for Tail {
    fn write_at(&self, offset: u64, piece: bytes::Bytes) -> Pending<'_, std::io::Result<()>> {
        self.0.write_at(offset, piece)
    }

    fn verification(&self) -> Verification {
        Verification::BySink
    }
}

/// Asks for the rest of the blob. Who answers a range wrongly is asked once more, then for all of it.
async fn resume(to_range: Reply, to_whole: Reply) -> Result<Vec<u8>, Error> {
    let server = Server::start(move |request| {
        assert_eq!(request.header("accept-encoding"), Some("identity"));
        match request.header("range") {
            Some(range) => {
                assert_eq!(range, "bytes=4-9");
                to_range.clone()
            }
            None => to_whole.clone(),
        }
    })
    .await;
    let sink = Arc::new(Tail(Mutex::new(CONTENT[..4].to_vec())));
    let there: RangeSet = std::iter::once(0..4).collect();
    client()
        .pull_blob(
            &server.name(),
            &descriptor(),
            Arc::clone(&sink) as _,
            &there,
            &Progress::none(),
        )
        .await?;
    Ok(taken(&sink.0))
}

/// D9: Every wrong answer to a range is mended by the whole blob, or an error.
#[tokio::test]
async fn d9_a_range_is_the_one_that_was_asked_for_or_an_error() {
    let part = |range: &str, body: &str| {
        Reply::new(206)
            .header("content-range", range)
            .body(body.to_owned())
    };
    let whole = Reply::new(200).body(CONTENT);
    for good in [
        part("bytes 4-9/10", "456789"),
        part("bytes 4-9/*", "456789"),
        // The whole blob instead: its beginning is passed over.
        whole.clone(),
    ] {
        let unused = Reply::new(500);
        assert_eq!(resume(good, unused).await.expect("good"), CONTENT);
    }
    for reply in [
        part("bytes 3-8/10", "345678"),
        part("bytes 3-9/10", "456789"),
        part("bytes 4-9/11", "456789"),
        part("bytes 4-8/10", "45678"),
        part("bytes 4-9/10", "45678"),
        part("bytes 4-9/10", "4567890"),
        part("", "456789"),
        Reply::new(206)
            .header("content-type", "multipart/byteranges; boundary=x")
            .body("--x\r\n"),
        Reply::new(206).body("456789"),
        Reply::new(200).body("456789"),
    ] {
        // Whatever came before: to the whole blob its beginning belongs too.
        let mended = resume(reply.clone(), whole.clone()).await;
        assert_eq!(mended.expect("the whole blob is right"), CONTENT);
        let error = resume(reply.clone(), reply.clone())
            .await
            .expect_err("another range");
        assert!(
            matches!(
                error,
                Error::InvalidReply { .. } | Error::SizeMismatch { .. }
            ),
            "{error}: {reply:?}"
        );
    }
}

#[tokio::test]
async fn a_client_that_verifies_starts_at_the_first_byte() {
    let server = Server::start(|request| {
        assert_eq!(request.header("range"), None);
        Reply::new(200).body(CONTENT)
    })
    .await;
    let sink = Arc::new(Mutex::new(CONTENT[..4].to_vec()));
    let there: RangeSet = std::iter::once(0..4).collect();
    client()
        .pull_blob(
            &server.name(),
            &descriptor(),
            Arc::clone(&sink) as _,
            &there,
            &Progress::none(),
        )
        .await
        .expect("good");
    assert_eq!(taken(&sink), CONTENT);
}

/// D11: Only `identity` is no encoding.
#[tokio::test]
async fn d11_a_blob_with_a_content_encoding_is_refused() {
    let error = pull(|_| {
        Reply::new(200)
            .header("content-encoding", "gzip")
            .body(CONTENT)
    })
    .await;
    assert!(
        matches!(error, Err(Error::InvalidReply { .. })),
        "{error:?}"
    );
    let identity = |_: &Request| {
        Reply::new(200)
            .header("content-encoding", "identity")
            .body(CONTENT)
    };
    assert_eq!(pull(identity).await.expect("good"), CONTENT);
}

/// D17: A circle of one page, and a thousand new ones.
#[tokio::test]
async fn d17_a_list_that_does_not_end_is_left() {
    let server = Server::start(|_| {
        Reply::new(200)
            .header("link", "</v2/a/tags/list?last=x>; rel=\"next\"")
            .body(r#"{"tags":["x"]}"#)
    })
    .await;
    let error = client().list_tags(&server.name(), None).await;
    assert!(
        matches!(error, Err(Error::InvalidReply { .. })),
        "{error:?}"
    );
    assert_eq!(server.requests().len(), 2);

    let count = Arc::new(AtomicUsize::new(0));
    let server = Server::start({
        let count = Arc::clone(&count);
        move |_| {
            let next = count.fetch_add(1, Ordering::Relaxed);
            Reply::new(200)
                .header(
                    "link",
                    format!("</v2/a/tags/list?last={next}>; rel=\"next\""),
                )
                .body(r#"{"tags":["x"]}"#)
        }
    })
    .await;
    let error = client().list_tags(&server.name(), None).await;
    assert!(
        matches!(error, Err(Error::InvalidReply { .. })),
        "{error:?}"
    );
    assert_eq!(count.load(Ordering::Relaxed), 1000);
}
