//! Mirrors: what is asked of them, what they never get, and what happens when they fail.

use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use modelpack_registry::hosts::{Hosts, Mirror};
use modelpack_registry::{
    BlobSink, Client, ClientBuilder, Credential, CredentialSource, Error, Name, Pending, Progress,
    SingleHost, Verification,
};
use modelpack_spec::distribution::TagOrDigest;
use modelpack_spec::{Descriptor, Digest, MediaType, RangeSet};

use crate::server::{Reply, Request, Server, options};

const CONTENT: &[u8] = b"0123456789";
const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0},"layers":[]}"#;

fn descriptor() -> Descriptor {
    let digest = Digest::sha256(CONTENT);
    Descriptor::new(MediaType::from("a/b"), digest, CONTENT.len() as u64)
}

async fn pull(client: &Client, name: &Name) -> Result<Bytes, Error> {
    client.get_blob(name, &descriptor(), 1024).await
}

/// Gives what every good registry gives.
fn good(request: &Request) -> Reply {
    if request.target.contains("/manifests/") {
        return Reply::new(200)
            .header("content-type", "application/vnd.oci.image.manifest.v1+json")
            .body(MANIFEST);
    }
    match request.header("range") {
        None => Reply::new(200).body(CONTENT),
        Some(range) => {
            let (first, last) = range["bytes=".len()..].split_once('-').expect("a range");
            let first: usize = first.parse().expect("a number");
            let last: usize = last.parse().expect("a number");
            Reply::new(206)
                .header("content-range", format!("bytes {first}-{last}/10"))
                .body(&CONTENT[first..=last])
        }
    }
}

fn mirrored(server: &Server, mirrors: &[&Server]) -> Hosts {
    let mut hosts = Hosts::default();
    let own = hosts.hosts.entry(server.host()).or_default();
    own.mirrors = mirrors
        .iter()
        .map(|mirror| Mirror::new(mirror.url("").parse().expect("a mirror")))
        .collect();
    hosts
}

fn build(options: ClientBuilder) -> Client {
    options.build().expect("good options")
}

type Reports = Arc<Mutex<Vec<(String, bool)>>>;

/// Options that write down which mirrors have failed, and whether they sent wrong bytes.
fn reporting(hosts: Hosts) -> (ClientBuilder, Reports) {
    let reports = Reports::default();
    let log = Arc::clone(&reports);
    let options = options().hosts(hosts).on_mirror_failure(move |failure| {
        let report = (failure.mirror.to_owned(), failure.error.is_integrity());
        log.lock().expect("no test panics in here").push(report);
    });
    (options, reports)
}

#[tokio::test]
async fn what_has_a_digest_comes_from_the_mirror() {
    let server = Server::start(good).await;
    let mirror = Server::start(good).await;
    let mut hosts = mirrored(&server, &[&mirror]);
    let own = hosts.hosts.get_mut(&server.host()).expect("its settings");
    own.mirrors[0].path_prefix = Some("cache".parse().expect("a repository"));
    let client = build(options().hosts(hosts));

    pull(&client, &server.name()).await.expect("there");
    let digest = Digest::sha256(MANIFEST.as_bytes());
    client
        .fetch_manifest(&server.name(), &TagOrDigest::Digest(digest))
        .await
        .expect("there");
    assert!(server.requests().is_empty());
    let ns = server.address.to_string().replace(':', "%3A");
    assert_eq!(
        mirror.lines(),
        [
            format!("GET /v2/cache/a/blobs/{}?ns={ns}", Digest::sha256(CONTENT)),
            format!("GET /v2/cache/a/manifests/{digest}?ns={ns}"),
        ]
    );
}

#[tokio::test]
async fn tags_questions_and_pushes_go_to_the_registry() {
    let server = Server::start(|request| match request.method.as_str() {
        "HEAD" => Reply::new(404),
        "POST" => Reply::new(202).header("location", "/v2/a/blobs/uploads/1"),
        "PUT" => Reply::new(201),
        _ if request.target.ends_with("/tags/list") => {
            Reply::new(200).body(r#"{"name":"a","tags":["v1"]}"#)
        }
        _ => good(request),
    })
    .await;
    let mirror = Server::start(good).await;
    let client = build(options().hosts(mirrored(&server, &[&mirror])));
    let (name, digest) = (server.name(), Digest::sha256(CONTENT));
    let tag = TagOrDigest::Tag("v1".parse().expect("a tag"));
    client.fetch_manifest(&name, &tag).await.expect("there");
    client.list_tags(&name, None).await.expect("a list");
    // The mirror has both, which says nothing about the registry that is pushed to.
    assert_eq!(
        client.head_blob(&name, &digest).await.expect("an answer"),
        None
    );
    let by_digest = TagOrDigest::Digest(digest);
    let stat = client.head_manifest(&name, &by_digest).await;
    assert_eq!(stat.expect("an answer"), None);
    let source = Arc::new(Bytes::from_static(CONTENT));
    client
        .push_blob(&name, &digest, 10, source, &Progress::none())
        .await
        .expect("pushed");
    assert!(mirror.requests().is_empty());

    let mut hosts = mirrored(&server, &[&mirror]);
    hosts
        .hosts
        .get_mut(&server.host())
        .expect("its settings")
        .mirrors[0]
        .tags = true;
    let client = build(options().hosts(hosts));
    client.fetch_manifest(&name, &tag).await.expect("there");
    assert_eq!(mirror.requests().len(), 1);
}

/// C13: A mirror that asks gets nothing of the registry's.
#[tokio::test]
async fn c13_a_mirror_never_sees_what_is_the_registrys() {
    for challenge in ["Basic realm=x", "Bearer realm=\"SELF/token\""] {
        let server = Server::start(|request| match request.header("authorization") {
            // me:s3cret
            Some("Basic bWU6czNjcmV0") => good(request),
            _ => Reply::new(401).header("www-authenticate", "Basic realm=x"),
        })
        .await;
        let mirror = Server::start_knowing(|address| {
            let challenge = challenge.replace("SELF", &format!("http://{address}"));
            move |request: &Request| {
                if request.target.starts_with("/token") {
                    return Reply::new(200).body(r#"{"token":"anonymous"}"#);
                }
                Reply::new(401).header("www-authenticate", challenge.clone())
            }
        })
        .await;
        let (options, reports) = reporting({
            let mut hosts = mirrored(&server, &[&mirror]);
            let own = hosts.hosts.get_mut(&server.host()).expect("its settings");
            let name = http::HeaderName::from_static("x-own");
            own.headers.push(name, http::HeaderValue::from_static("1"));
            own.user_agent = Some("for the registry".to_owned());
            hosts
        });
        let client = build(
            options
                .credentials(SingleHost::new(
                    server.host(),
                    Credential::password("me", "s3cret"),
                ))
                .header(
                    http::HeaderName::from_static("x-secret"),
                    http::HeaderValue::from_static("1"),
                ),
        );
        pull(&client, &server.name())
            .await
            .expect("the registry has it");
        for request in mirror.requests() {
            let authorization = request.header("authorization");
            assert!(
                matches!(authorization, None | Some("Bearer anonymous")),
                "{authorization:?}"
            );
            assert!(!request.target.contains("account"), "{}", request.target);
            assert_eq!(request.header("x-secret"), None);
            assert_eq!(request.header("x-own"), None);
            assert_ne!(request.header("user-agent"), Some("for the registry"));
        }
        let last = server.requests().pop().expect("a request");
        assert_eq!(last.header("x-own"), Some("1"));
        assert_eq!(last.header("x-secret"), Some("1"));
        assert_eq!(last.header("user-agent"), Some("for the registry"));
        assert_eq!(reports.lock().expect("no panic").len(), 1);
    }
}

/// Knows more than one login.
struct Logins(Vec<SingleHost>);

impl CredentialSource for Logins {
    fn credential<'a>(
        &'a self,
        name: &'a Name,
    ) -> Pending<'a, Result<Option<Credential>, Box<dyn std::error::Error + Send + Sync>>> {
        Box::pin(async move {
            for login in &self.0 {
                if let Some(found) = login.credential(name).await? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        })
    }
}

/// C8: What is set for the mirror goes to the mirror.
#[tokio::test]
async fn c8_a_mirror_gets_the_login_and_headers_that_are_its_own() {
    let server = Server::start(good).await;
    let mirror = Server::start(|request| match request.header("authorization") {
        // mirror:pw
        Some("Basic bWlycm9yOnB3") => good(request),
        _ => Reply::new(401).header("www-authenticate", "Basic realm=x"),
    })
    .await;
    let mut hosts = mirrored(&server, &[&mirror]);
    let own = hosts.hosts.entry(mirror.host()).or_default();
    let name = http::HeaderName::from_static("x-mirror");
    own.headers.push(name, http::HeaderValue::from_static("1"));
    let login = |server: &Server, user, password| {
        SingleHost::new(server.host(), Credential::password(user, password))
    };
    let client = build(options().hosts(hosts).credentials(Logins(vec![
        login(&server, "me", "s3cret"),
        login(&mirror, "mirror", "pw"),
    ])));
    pull(&client, &server.name())
        .await
        .expect("the mirror has it");
    assert!(server.requests().is_empty());
    let last = mirror.requests().pop().expect("a request");
    assert_eq!(last.header("x-mirror"), Some("1"));
}

/// C14: The login of a mirror stays with the mirror.
#[tokio::test]
async fn c14_the_token_service_of_a_mirror_is_judged_like_any_other() {
    let elsewhere = Server::start(|_| Reply::new(200).body(r#"{"token":"t"}"#)).await;
    let realm = elsewhere.url("/token");
    let server = Server::start(good).await;
    let mirror = Server::start(move |_| {
        Reply::new(401).header("www-authenticate", format!("Bearer realm=\"{realm}\""))
    })
    .await;
    let (options, reports) = reporting(mirrored(&server, &[&mirror]));
    let login = Credential::password("mirror", "pw");
    let client = build(options.credentials(SingleHost::new(mirror.host(), login)));
    pull(&client, &server.name())
        .await
        .expect("the registry has it");
    assert!(elsewhere.requests().is_empty());
    assert_eq!(reports.lock().expect("no panic").len(), 1);
}

#[tokio::test]
async fn a_mirror_that_fails_is_passed_over_and_reported() {
    type Failure = fn(&Request) -> Reply;
    let failures: [(&str, Failure, bool, bool); 7] = [
        ("has it not", |_| Reply::new(404), false, false),
        ("denies", |_| Reply::new(403), false, false),
        ("is broken", |_| Reply::new(503), false, true),
        ("hangs up", |_| Reply::hang_up(), false, true),
        ("lies", |_| Reply::new(200).body("9876543210"), true, true),
        (
            "lies about the size",
            |_| Reply::new(200).body("0123"),
            true,
            true,
        ),
        (
            "is a web page",
            |_| Reply::new(200).header("content-type", "text/html"),
            false,
            false,
        ),
    ];
    for (what, failure, is_integrity, rests) in failures {
        let server = Server::start(good).await;
        let mirror = Server::start(failure).await;
        let (options, reports) = reporting(mirrored(&server, &[&mirror]));
        let client = build(options);
        assert_eq!(pull(&client, &server.name()).await.expect(what), CONTENT);
        // What may have been an accident gets one second try.
        let asked = mirror.requests().len();
        assert!(
            asked <= 1 + usize::from(rests && !is_integrity),
            "{what}: {asked}"
        );
        assert_eq!(
            *reports.lock().expect("no panic"),
            [(mirror.url(""), is_integrity)],
            "{what}"
        );
        // Who could not be reached, or lied, is not asked for the next one.
        pull(&client, &server.name()).await.expect(what);
        let again = mirror.requests().len() - asked;
        assert_eq!(again, usize::from(!rests), "{what}");
        assert_eq!(server.requests().len(), 2, "{what}");
    }
}

#[tokio::test]
async fn the_registrys_own_answer_is_the_answer() {
    let server = Server::start(|_| Reply::new(404)).await;
    let mirror = Server::start(|_| Reply::new(403)).await;
    let client = build(options().hosts(mirrored(&server, &[&mirror])));
    let error = pull(&client, &server.name())
        .await
        .expect_err("nobody has it");
    assert!(error.is_not_found(), "{error}");
    let at = error.at().expect("a request");
    assert!(at.url.starts_with(&server.url("/")), "{}", at.url);
}

#[tokio::test]
async fn a_second_mirror_is_asked_before_the_registry() {
    let server = Server::start(good).await;
    let first = Server::start(|_| Reply::new(404)).await;
    let second = Server::start(good).await;
    let client = build(options().hosts(mirrored(&server, &[&first, &second])));
    pull(&client, &server.name()).await.expect("there");
    assert_eq!((first.requests().len(), second.requests().len()), (1, 1));
    assert!(server.requests().is_empty());
}

/// A sink that verifies for itself.
#[derive(Default)]
struct Own(Mutex<Vec<u8>>, Option<io::ErrorKind>);

impl Own {
    fn content(&self) -> Vec<u8> {
        self.0.lock().expect("no panic").clone()
    }
}

impl BlobSink for Own {
    fn write_at(&self, offset: u64, piece: Bytes) -> Pending<'_, io::Result<()>> {
        match self.1 {
            Some(kind) => Box::pin(async move { Err(kind.into()) }),
            None => self.0.write_at(offset, piece),
        }
    }

    fn verification(&self) -> Verification {
        Verification::BySink
    }
}

async fn pull_into(client: &Client, name: &Name, sink: &Arc<Own>) -> Result<(), Error> {
    let (sink, nothing) = (Arc::clone(sink), RangeSet::default());
    client
        .pull_blob(name, &descriptor(), sink, &nothing, &Progress::none())
        .await
}

#[tokio::test]
async fn a_mirror_that_breaks_is_continued_at_the_registry() {
    let server = Server::start(good).await;
    let mirror = Server::start(|request| match request.header("range") {
        None => Reply::new(200).cut(&CONTENT[..4], 10),
        Some(_) => Reply::hang_up(),
    })
    .await;
    let client = build(options().hosts(mirrored(&server, &[&mirror])));
    let sink = Arc::new(Own::default());
    pull_into(&client, &server.name(), &sink)
        .await
        .expect("continued");
    assert_eq!(sink.content(), CONTENT);
    let request = &server.requests()[0];
    assert_eq!(request.header("range"), Some("bytes=4-9"));
}

#[tokio::test]
async fn a_sink_that_verifies_can_have_the_mirrors_left_out() {
    let server = Server::start(good).await;
    let mirror = Server::start(|_| Reply::new(200).body("9876543210")).await;
    let client = build(options().hosts(mirrored(&server, &[&mirror])));
    let (name, sink) = (server.name(), Arc::new(Own::default()));
    pull_into(&client, &name, &sink)
        .await
        .expect("the right size");
    assert_ne!(sink.content(), CONTENT, "the sink will find out");
    assert!(client.distrust_mirrors(&name));
    let other = Server::start(good).await;
    assert!(!client.distrust_mirrors(&other.name()), "it has no mirrors");
    pull_into(&client, &name, &sink)
        .await
        .expect("the right size");
    assert_eq!(sink.content(), CONTENT);
}

#[tokio::test]
async fn a_full_disk_is_not_the_mirrors_fault() {
    let server = Server::start(good).await;
    let mirror = Server::start(good).await;
    let (options, reports) = reporting(mirrored(&server, &[&mirror]));
    let client = build(options);
    let full = Some(io::ErrorKind::StorageFull);
    let sink = Arc::new(Own(Mutex::default(), full));
    let error = pull_into(&client, &server.name(), &sink)
        .await
        .expect_err("full");
    assert!(matches!(error, Error::Sink { .. }), "{error}");
    assert!(server.requests().is_empty() && reports.lock().expect("no panic").is_empty());
}
