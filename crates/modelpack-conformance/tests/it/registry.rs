//! The suite `registry`: our registry passes all of it, and others are found out.

use bytes::Bytes;
use http::header::HeaderName;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use modelpack_conformance::{
    Answered, Api, DataSet, HttpTransport, RegistryOptions, RegistryReport, Report, RequestBody,
    Transport, TransportError, Verdict, judge_registry,
};
use modelpack_server::{DiskStorage, MemoryStorage, Options, Registry, Storage};

/// A registry that is called, with a fault in its answers.
struct Called {
    registry: Registry,
    fault: fn(&Method, &str, &mut Response<Bytes>),
}

impl Transport for Called {
    fn send(&self, request: Request<RequestBody>) -> Answered<'_> {
        Box::pin(async move {
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let (head, body) = self.registry.handle(request).await.into_parts();
            let body = body.collect().await.map_err(TransportError::new)?;
            let mut answer = Response::from_parts(head, body.to_bytes());
            (self.fault)(&method, &path, &mut answer);
            Ok(answer)
        })
    }
}

fn registry(storage: impl Storage, change: fn(&mut Options)) -> Registry {
    let mut options = Options::default();
    options.allow_sparse = true;
    change(&mut options);
    Registry::new(storage, options)
}

async fn judge(
    registry: Registry,
    fault: fn(&Method, &str, &mut Response<Bytes>),
) -> RegistryReport {
    let options = RegistryOptions::new("http://localhost:5000".parse().unwrap(), 7);
    let called = Called { registry, fault };
    judge_registry(&called, options).await.unwrap()
}

fn none(_: &Method, _: &str, _: &mut Response<Bytes>) {}

fn assert_complete(report: &RegistryReport) {
    assert!(report.is_complete(), "{report}");
    assert_eq!((report.apis.len(), report.data.len()), (28, 24));
    let passed = report.apis.values().chain(report.data.values());
    assert!(
        passed.clone().all(|verdict| *verdict == Verdict::Pass),
        "{report}"
    );
    assert!(report.checks.len() > 1000, "{}", report.checks.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_over_memory_passes_everything() {
    let report = judge(registry(MemoryStorage::new(), |_| {}), none).await;
    assert_complete(&report);
    let again = judge(registry(MemoryStorage::new(), |_| {}), none).await;
    assert_eq!(
        report.checks.len(),
        again.checks.len(),
        "the same seed, the same run"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_over_the_store_passes_everything() {
    let directory = tempfile::tempdir().unwrap();
    let store = modelpack_store::Store::create(directory.path()).unwrap();
    let storage = DiskStorage::new(store.clone(), "localhost:5000".parse().unwrap()).unwrap();
    assert_complete(&judge(registry(storage, |_| {}), none).await);
    // The suite deletes what it pushed by name; what is left are the artifacts of its last part.
    assert!(store.references().unwrap().len() < 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_asks_for_larger_chunks_gets_them() {
    let asking = registry(MemoryStorage::new(), |options| {
        options.chunk_min_bytes = Some(5000);
    });
    assert_complete(&judge(asking, none).await);
}

/// What is off by policy is skipped and not failed.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_offered_is_skipped() {
    let no_deletes = registry(MemoryStorage::new(), |options| options.allow_delete = false);
    let report = judge(no_deletes, none).await;
    for api in [Api::BlobDelete, Api::TagDelete] {
        assert_eq!(report.apis[&api], Verdict::Skip, "{api}");
    }
    assert!(!report.is_complete());

    let mut options = RegistryOptions::new("http://localhost:5000".parse().unwrap(), 7);
    options.sparse = false;
    let called = Called {
        registry: Registry::new(MemoryStorage::new(), Options::default()),
        fault: none,
    };
    let report = judge_registry(&called, options).await.unwrap();
    assert!(report.is_complete(), "{report}");
    assert_eq!(report.data[&DataSet::Sparse], Verdict::Disabled);
}

/// A suite that cannot fail is worth nothing: each fault shows where it belongs, and nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn faults_are_found() {
    type Fault = fn(&Method, &str, &mut Response<Bytes>);
    let cases: &[(&str, Fault, &[Api], &[Api])] = &[
        (
            "no digest header for pushed manifests",
            |method, path, answer| {
                if *method == Method::PUT && path.contains("/manifests/") {
                    answer.headers_mut().remove("docker-content-digest");
                }
            },
            &[
                Api::ManifestPutDigest,
                Api::ManifestPutTag,
                Api::ManifestPutSubject,
            ],
            &[
                Api::ManifestGetDigest,
                Api::ManifestHeadDigest,
                Api::BlobPush,
            ],
        ),
        (
            "a subject that is not understood",
            |_, _, answer| {
                answer.headers_mut().remove("oci-subject");
            },
            &[Api::ManifestPutSubject],
            &[Api::ManifestGetDigest, Api::BlobPush, Api::TagDelete],
        ),
        (
            "lengths of bodies that are not there",
            |method, path, answer| {
                if *method == Method::HEAD && path.contains("/blobs/") {
                    answer.headers_mut().remove("content-length");
                }
            },
            &[Api::BlobHead],
            &[Api::BlobGet, Api::BlobDelete, Api::ManifestHeadTag],
        ),
        (
            "one wrong byte in a long blob",
            |method, path, answer| {
                if *method == Method::GET
                    && path.contains("/blobs/")
                    && answer.status() == 206
                    && answer.body().len() == 500
                {
                    *answer.body_mut() = vec![0; 500].into();
                }
            },
            &[Api::BlobGetRange],
            &[Api::BlobGet, Api::BlobChunked, Api::ManifestGetTag],
        ),
        (
            "an upload range that is behind",
            |method, _, answer| {
                if *method == Method::PATCH && answer.status() == 202 {
                    let value = "0-0".parse().unwrap();
                    answer
                        .headers_mut()
                        .insert(HeaderName::from_static("range"), value);
                }
            },
            &[Api::BlobChunked],
            &[Api::BlobStream, Api::BlobPostPut],
        ),
        (
            "a refused range that keeps the length of the blob",
            |_, _, answer| {
                if answer.status() == 416 && answer.headers().contains_key("content-range") {
                    let value = 1_000_000.into();
                    answer.headers_mut().insert("content-length", value);
                }
            },
            &[Api::BlobGetRange],
            &[Api::BlobGet, Api::BlobChunked, Api::ManifestGetTag],
        ),
    ];
    for (what, fault, failing, passing) in cases {
        let report = judge(registry(MemoryStorage::new(), |_| {}), *fault).await;
        for api in *failing {
            assert_eq!(report.apis[api], Verdict::Fail, "{what}: {api}\n{report}");
        }
        for api in *passing {
            assert_eq!(report.apis[api], Verdict::Pass, "{what}: {api}\n{report}");
        }
        assert!(!report.conforms(), "{what}");
    }
}

/// What Debian's registry is known to get wrong, and what it gets right.
#[tokio::test(flavor = "multi_thread")]
async fn failures_of_an_old_registry_are_found() {
    let Some(server) = modelpack_testkit::DockerRegistry::start() else {
        return;
    };
    let url = format!("http://{}", server.address()).parse().unwrap();
    let transport = HttpTransport::new().unwrap();
    let report = judge_registry(&transport, RegistryOptions::new(url, 7))
        .await
        .unwrap();
    assert!(!report.conforms());
    for (api, verdict) in [
        (Api::Ping, Verdict::Pass),
        (Api::BlobDelete, Verdict::Pass),
        (Api::BlobDeleteAtomic, Verdict::Pass),
        (Api::BlobCancel, Verdict::Pass),
        (Api::BlobPush, Verdict::Pass),
        (Api::BlobPostOnly, Verdict::Skip),
        (Api::TagDelete, Verdict::Skip),
        (Api::TagList, Verdict::Fail),
        (Api::BlobChunked, Verdict::Fail),
        (Api::BlobGetRange, Verdict::Fail),
        (Api::ManifestPutSubject, Verdict::Fail),
        (Api::ManifestPutTagParam, Verdict::Fail),
        (Api::Referrers, Verdict::Fail),
    ] {
        assert_eq!(report.apis[&api], verdict, "{api}");
    }
    for (data, verdict) in [
        (DataSet::Image, Verdict::Pass),
        (DataSet::LargeManifest, Verdict::Pass),
        (DataSet::NestedIndex, Verdict::Pass),
        (DataSet::CustomFields, Verdict::Pass),
        (DataSet::BlobsSha512, Verdict::Fail),
        (DataSet::Sha512, Verdict::Fail),
        (DataSet::NonDistributable, Verdict::Fail),
        (DataSet::MissingSubject, Verdict::Fail),
    ] {
        assert_eq!(report.data[&data], verdict, "{data}");
    }
}

#[tokio::test]
async fn nobody_answers() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}").parse().unwrap();
    let transport = HttpTransport::new().unwrap();
    let error = judge_registry(&transport, RegistryOptions::new(url, 7))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "no answer from the registry");
}

#[tokio::test(flavor = "multi_thread")]
async fn reports() {
    let report = judge(registry(MemoryStorage::new(), |_| {}), |_, path, answer| {
        if path.ends_with("/tags/list") {
            *answer.body_mut() = "<html>\u{1}".into();
        }
    })
    .await;
    let table = report.to_string();
    assert!(
        table.contains("FAIL  Image/tag-list\n      the tag list cannot be read"),
        "{table}"
    );
    assert!(
        table.contains("Tag listing                        FAIL"),
        "{table}"
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["apis"]["Tag listing"], "FAIL");
    assert_eq!(json["data"]["Blobs sha256"], "Pass");
    let junit = Report::from(&report).to_junit();
    let failures = format!("failures=\"{}\"", report.count(Verdict::Fail));
    assert!(junit.contains(&failures) && junit.contains("name=\"ping\"/>"));
    assert!(!junit.contains("<html>") && !junit.contains('\u{1}'));
    assert_eq!(junit.matches("<testcase").count(), report.checks.len());
}
