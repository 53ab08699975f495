//! The suite `artifact` over a registry, and what a target on the command line is.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use modelpack_conformance::{
    AnswerBody, Answered, ArtifactTarget, Error, HttpTransport, Opened, Outcome, RemoteTarget,
    Report, RequestBody, RuleSet, Transport, TransportError, judge_files, judge_remote,
    judge_target,
};
use modelpack_server::{ListenOptions, MemoryStorage, Options, Registry, listen};
use modelpack_testkit::fixtures;

use crate::mutations::failed;
use crate::reference::{Finished, Reference, digest, reference};

/// A registry that answers reads from a table.
#[derive(Default)]
struct Table {
    answers: BTreeMap<String, Bytes>,
    /// The path whose answer never ends.
    endless: String,
    /// Whether reads need a token, which everybody gets.
    wants_token: bool,
}

impl Table {
    fn of(artifact: &Finished) -> Self {
        let mut answers = BTreeMap::new();
        let manifest = Bytes::copy_from_slice(&artifact.manifest);
        answers.insert("/v2/models/sample/manifests/v1".to_owned(), manifest);
        let config = (digest(&artifact.config), artifact.config.clone());
        for (digest, content) in artifact.blobs.clone().into_iter().chain([config]) {
            answers.insert(format!("/v2/models/sample/blobs/{digest}"), content.into());
        }
        Self {
            answers,
            ..Self::default()
        }
    }

    fn answer(&self, request: &Request<RequestBody>) -> Response<Bytes> {
        let answer = |status, body| {
            let mut answer = Response::new(body);
            *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
            answer
        };
        let path = request.uri().path();
        if path == "/token" {
            assert_eq!(request.headers().get("authorization"), None);
            return answer(200, Bytes::from_static(br#"{"token":"for-everybody"}"#));
        }
        let token = request.headers().get("authorization");
        if self.wants_token && token.is_none_or(|token| token != "Bearer for-everybody") {
            let mut answer = answer(401, Bytes::new());
            let challenge = r#"Bearer realm="http://localhost:5000/token",service="x""#;
            answer
                .headers_mut()
                .insert("www-authenticate", challenge.parse().unwrap());
            return answer;
        }
        match self.answers.get(path) {
            Some(body) => answer(200, body.clone()),
            None => answer(404, Bytes::new()),
        }
    }
}

impl Transport for Table {
    fn send(&self, request: Request<RequestBody>) -> Answered<'_> {
        Box::pin(async move { Ok(self.answer(&request)) })
    }

    fn open(&self, request: Request<RequestBody>) -> Opened<'_> {
        Box::pin(async move {
            let is_endless = request.uri().path() == self.endless;
            Ok(self.answer(&request).map(|body| match is_endless {
                true => AnswerBody::new(Endless),
                false => body.into(),
            }))
        })
    }
}

struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[7; 4096])))))
    }
}

fn target() -> RemoteTarget {
    "localhost:5000/models/sample:v1".parse().unwrap()
}

async fn judge(table: Table) -> Report {
    judge_remote(&table, &target()).await.unwrap()
}

#[track_caller]
fn check(report: &Report, expected: &[&str]) {
    let found: Vec<String> = failed(report).into_iter().collect();
    assert_eq!(found, expected, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_found() {
    let whole = || Table::of(&reference(RuleSet::ModelPack).finish());
    let weights = format!("/v2/models/sample/blobs/{}", digest(b"weights\n"));

    let report = judge(whole()).await;
    check(&report, &[]);
    assert_eq!(report.count(Outcome::Skipped), 0);
    check(
        &judge(Table::of(&reference(RuleSet::Docker).finish())).await,
        &[],
    );

    let mut table = whole();
    table.wants_token = true;
    check(&judge(table).await, &[]);

    let mut table = whole();
    table.answers.remove(&weights);
    check(&judge(table).await, &["blobs.present"]);

    let mut table = whole();
    table
        .answers
        .insert(weights.clone(), Bytes::from_static(b"Weights\n"));
    check(&judge(table).await, &["blobs.diff-ids", "blobs.match"]);

    let mut table = whole();
    table.endless = weights;
    check(&judge(table).await, &["blobs.diff-ids", "blobs.match"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_an_error() {
    let table = Table::of(&reference(RuleSet::ModelPack).finish());
    let refused = |name: &str| {
        let target: RemoteTarget = name.parse().unwrap();
        let table = &table;
        async move { judge_remote(table, &target).await.unwrap_err().to_string() }
    };
    assert_eq!(
        refused("localhost:5000/models/sample:v2").await,
        "cannot read `http://localhost:5000/models/sample v2`: the registry has no such manifest"
    );

    let mut endless = Table::of(&reference(RuleSet::ModelPack).finish());
    endless.endless = "/v2/models/sample/manifests/v1".to_owned();
    let error = judge_remote(&endless, &target()).await.unwrap_err();
    assert!(error.to_string().contains("is larger than"), "{error}");

    let mut index = Table::default();
    let one = digest(b"one");
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{one}","size":3}}]}}"#
    );
    let path = "/v2/models/sample/manifests/v1".to_owned();
    index.answers.insert(path, text.into());
    let error = judge_remote(&index, &target()).await.unwrap_err();
    assert!(error.to_string().ends_with(&one), "{error}");
}

async fn send(
    transport: &HttpTransport,
    method: &str,
    url: &str,
    kind: &str,
    body: Vec<u8>,
) -> Response<Bytes> {
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header("content-type", kind)
        .body(RequestBody::sized(body))
        .unwrap();
    let answer = transport.send(request).await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    answer
}

/// Pushes the reference to a registry, with no help of a client, and judges it there.
async fn pushed_and_judged(address: &str) {
    let base: url::Url = format!("http://{address}/v2/models/sample/")
        .parse()
        .unwrap();
    let transport = HttpTransport::new().unwrap();
    let mut artifact: Reference = reference(RuleSet::ModelPack);
    artifact.manifest["subject"] = serde_json::Value::Null;
    let artifact = artifact.finish();
    let config = (digest(&artifact.config), artifact.config.clone());
    for (digest, content) in artifact.blobs.clone().into_iter().chain([config]) {
        let octets = "application/octet-stream";
        let url = base.join("blobs/uploads/").unwrap();
        let begun = send(&transport, "POST", url.as_str(), octets, Vec::new()).await;
        let location = begun.headers()["location"].to_str().unwrap();
        let mut url = base.join(location).unwrap();
        url.query_pairs_mut().append_pair("digest", &digest);
        send(&transport, "PUT", url.as_str(), octets, content).await;
    }
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let url = base.join("manifests/v1").unwrap();
    send(
        &transport,
        "PUT",
        url.as_str(),
        kind,
        artifact.manifest.clone(),
    )
    .await;

    let name = format!("{address}/models/sample");
    for name in [
        format!("{name}:v1"),
        format!("http://{name}:v1"),
        format!("{name}@{}", digest(&artifact.manifest)),
    ] {
        let target = ArtifactTarget::find(&[&name]).unwrap();
        assert!(matches!(target, ArtifactTarget::Remote(_)), "{target:?}");
        check(&judge_target(&target, &transport).await.unwrap(), &[]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http() {
    let registry = Registry::new(MemoryStorage::new(), Options::default());
    let any_port = "127.0.0.1:0".parse().unwrap();
    let listener = listen(any_port, registry, ListenOptions::default())
        .await
        .unwrap();
    pushed_and_judged(&listener.local_addr().to_string()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_registry_of_debian() {
    let Some(server) = modelpack_testkit::DockerRegistry::start() else {
        return;
    };
    pushed_and_judged(&server.address().to_string()).await;
}

#[test]
fn two_files() {
    let of = |name: &str| {
        let path = fixtures().join("artifacts/modelpack").join(name);
        judge_files(path.join("manifest.json"), path.join("config.json")).unwrap()
    };
    let report = of("valid/full");
    check(&report, &[]);
    assert_eq!(
        report.check("blobs.match").unwrap().outcome,
        Outcome::Skipped
    );
    check(
        &of("invalid/config.descriptor.licenses-spdx"),
        &["config.descriptor.licenses-spdx"],
    );
    let error = judge_files("/nowhere/at/all", "/nowhere/at/all").unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
}

#[test]
fn targets() {
    let check = |name: &str, expected: &str| {
        let found = name.parse::<RemoteTarget>().map_or_else(
            |error| error.to_string(),
            |target| format!("{} {} {}", target.url, target.repository, target.reference),
        );
        assert_eq!(found, expected);
    };
    check("ghcr.io/o/m:v1", "https://ghcr.io/ o/m v1");
    check("localhost:5000/m:v1", "http://localhost:5000/ m v1");
    check(
        "https://localhost:5000/m:v1",
        "https://localhost:5000/ m v1",
    );
    check("http://example.com/m:v1", "http://example.com/ m v1");
    check("docker.io/ai/m:v1", "https://registry-1.docker.io/ ai/m v1");
    check(
        "ghcr.io/o/m",
        "`ghcr.io/o/m` names no artifact: it has neither tag nor digest",
    );

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let found = ArtifactTarget::find(&[format!("{path}:localhost/m:v1")]).unwrap();
    assert!(
        matches!(&found, ArtifactTarget::Layout { reference: Some(name), .. } if name == "localhost/m:v1"),
        "{found:?}"
    );
    assert!(matches!(
        ArtifactTarget::find(&["a", "b"]),
        Ok(ArtifactTarget::Files { .. })
    ));
    for words in [&[][..], &["a", "b", "c"], &["/nowhere/at/all"]] {
        let error = ArtifactTarget::find(words).unwrap_err();
        assert!(matches!(error, Error::InvalidTarget { .. }), "{error}");
    }
    let file = directory.path().join("manifest.json");
    std::fs::write(&file, "{}").unwrap();
    let error = ArtifactTarget::find(&[file.to_str().unwrap()]).unwrap_err();
    assert!(error.to_string().contains("it is a file"), "{error}");
}
