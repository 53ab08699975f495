//! Pushes over a socket: what breaks is continued, what is given up is ended, and no secret goes astray.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use modelpack_registry::hosts::{ByteSize, Hosts};
use modelpack_registry::{
    BlobToPush, Client, Credential, Error, Progress, Pushed, RetryPolicy, SingleHost,
};
use modelpack_spec::Digest;

use crate::server::{Reply, Request, Server, client, options};

const CONTENT: &[u8] = b"0123456789";

fn digest() -> Digest {
    Digest::sha256(CONTENT)
}

async fn push_with(client: &Client, server: &Server) -> Result<(), Error> {
    let source = Arc::new(Bytes::from_static(CONTENT));
    client
        .push_blob(&server.name(), &digest(), 10, source, &Progress::none())
        .await
}

/// Pushes, and waits until what was given up is ended.
async fn push(server: &Server) -> Result<(), Error> {
    let client = client();
    let pushed = push_with(&client, server).await;
    client.settle().await;
    pushed
}

fn methods(server: &Server) -> Vec<String> {
    server.requests().into_iter().map(|r| r.method).collect()
}

fn opened() -> Reply {
    Reply::new(202).header("location", "/up/1?_state=a%2Bb")
}

#[tokio::test]
async fn a_broken_upload_goes_on_where_it_broke() {
    let puts = AtomicUsize::new(0);
    let server = Server::start(move |request| match request.method.as_str() {
        "POST" => opened(),
        "GET" => Reply::new(204)
            .header("range", "0-3")
            .header("location", "/up/2?_state=c"),
        _ if puts.fetch_add(1, Ordering::Relaxed) == 0 => Reply::hang_up(),
        _ => Reply::new(201),
    })
    .await;
    push(&server).await.expect("pushed");
    let requests = server.requests();
    assert_eq!(methods(&server), ["POST", "PUT", "GET", "PUT"]);
    assert_eq!(requests[2].target, "/up/1?_state=a%2Bb");
    assert!(requests[3].target.starts_with("/up/2?_state=c&digest="));
    assert_eq!(requests[3].header("content-range"), Some("4-9"));
    assert_eq!(requests[3].header("content-length"), Some("6"));
    assert_eq!(requests[3].body, b"456789");
}

#[tokio::test]
async fn a_forgotten_upload_begins_again() {
    let puts = AtomicUsize::new(0);
    let server = Server::start(move |request| match request.method.as_str() {
        "POST" => opened(),
        "HEAD" | "GET" => Reply::new(404),
        _ if puts.fetch_add(1, Ordering::Relaxed) == 0 => Reply::hang_up(),
        _ => Reply::new(201),
    })
    .await;
    push(&server).await.expect("pushed");
    assert_eq!(
        methods(&server),
        ["POST", "PUT", "GET", "HEAD", "POST", "PUT"]
    );
}

#[tokio::test]
async fn an_upload_whose_answer_was_lost_is_done() {
    let server = Server::start(|request| match request.method.as_str() {
        "POST" => opened(),
        "GET" => Reply::new(404),
        "HEAD" => Reply::new(200).body(CONTENT),
        _ => Reply::hang_up(),
    })
    .await;
    push(&server).await.expect("it is there");
    assert_eq!(methods(&server), ["POST", "PUT", "GET", "HEAD"]);
}

#[tokio::test]
async fn refusals_of_an_upload_are_told_apart_and_the_upload_is_ended() {
    for (status, expected) in [(403, "Denied"), (401, "Unauthorized"), (409, "Rejected")] {
        let server = Server::start(move |request| match request.method.as_str() {
            "POST" => opened(),
            "DELETE" => Reply::new(204),
            _ => Reply::new(status),
        })
        .await;
        let error = push(&server).await.expect_err("refused");
        let debug = format!("{error:?}");
        assert!(debug.starts_with(expected), "{debug}");
        assert_eq!(methods(&server), ["POST", "PUT", "DELETE"]);
        assert_eq!(server.requests()[2].target, "/up/1?_state=a%2Bb");
    }
    let server = Server::start(|_| Reply::new(202)).await;
    let error = push(&server).await;
    assert!(
        matches!(error, Err(Error::InvalidReply { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_host_that_refuses_large_bodies_gets_chunks_and_that_is_remembered() {
    let has = Arc::new(AtomicUsize::new(0));
    let server = Server::start({
        move |request| match request.method.as_str() {
            "POST" => {
                has.store(0, Ordering::Relaxed);
                opened()
            }
            "GET" => Reply::new(204).header("range", "0-0"),
            _ if request.body.len() > 4 => Reply::new(413).body("too much"),
            "PATCH" => {
                let before = has.fetch_add(request.body.len(), Ordering::Relaxed);
                let end = before + request.body.len() - 1;
                assert_eq!(
                    request.header("content-range"),
                    Some(format!("{before}-{end}").as_str())
                );
                Reply::new(202).header("range", format!("0-{end}"))
            }
            _ => Reply::new(201),
        }
    })
    .await;
    let client = client();
    push_with(&client, &server).await.expect("pushed");
    assert_eq!(
        methods(&server),
        [
            "POST", "PUT", "GET", "PATCH", "PATCH", "PATCH", "PATCH", "PUT"
        ]
    );
    let before = server.requests().len();
    push_with(&client, &server).await.expect("pushed");
    assert_eq!(
        methods(&server)[before..],
        ["POST", "PATCH", "PATCH", "PATCH", "PATCH", "PUT"],
        "nothing is tried that was refused"
    );
    let sent: Vec<u8> = server.requests()[before..]
        .iter()
        .flat_map(|request| request.body.clone())
        .collect();
    assert_eq!(sent, CONTENT);
}

#[tokio::test]
async fn a_blob_is_asked_for_then_mounted_then_sent() {
    let server = Server::start(|request| match request.method.as_str() {
        "HEAD" if request.target.contains("/there/") => Reply::new(200).body(CONTENT),
        "HEAD" => Reply::new(404),
        "POST" if request.target.contains("from=full") => Reply::new(201),
        "POST" => opened(),
        _ => Reply::new(201),
    })
    .await;
    let client = client();
    let ensure = async |repository: &str, known: &[&str]| {
        let mut name = server.name();
        name.repository = repository.parse().expect("a repository");
        let known = known.iter().map(|text| text.parse().expect("a repository"));
        let blob = BlobToPush::new(digest(), 10).known_in(known);
        let source = Arc::new(Bytes::from_static(CONTENT));
        let pushed = client
            .ensure_blob(&name, &blob, source, &Progress::none())
            .await;
        client.settle().await;
        pushed.expect("pushed")
    };
    assert_eq!(ensure("there", &["full"]).await, Pushed::Exists);
    assert_eq!(ensure("a", &["full"]).await, Pushed::Mounted);
    // The repository itself is no place to mount from, and the upload of a mount that failed is ended.
    assert_eq!(ensure("a", &["a", "empty", "full"]).await, Pushed::Mounted);
    assert_eq!(ensure("a", &[]).await, Pushed::Uploaded);
    let encoded = digest().to_string().replace(':', "%3A");
    let head = |repository| format!("HEAD /v2/{repository}/blobs/{}", digest());
    let mount = |rest| format!("POST /v2/a/blobs/uploads/?mount={encoded}{rest}");
    assert_eq!(
        server
            .lines()
            .iter()
            .filter(|line| !line.starts_with("DELETE"))
            .cloned()
            .collect::<Vec<_>>(),
        [
            head("there"),
            head("a"),
            mount("&from=full"),
            head("a"),
            mount("&from=empty"),
            mount("&from=full"),
            head("a"),
            mount(""),
            format!("PUT /up/1?_state=a%2Bb&digest={encoded}"),
        ]
    );
    let ended = server
        .lines()
        .iter()
        .filter(|line| line.starts_with("DELETE"))
        .count();
    assert_eq!(ended, 1);
}

#[tokio::test]
async fn a_push_that_is_dropped_ends_its_upload() {
    let is_sending = Arc::new(tokio::sync::Notify::new());
    let server = Server::start({
        let is_sending = Arc::clone(&is_sending);
        move |request| match request.method.as_str() {
            "POST" => opened(),
            "PUT" => {
                is_sending.notify_one();
                Reply::silence()
            }
            _ => Reply::new(204),
        }
    })
    .await;
    let client = client();
    tokio::select! {
        _ = push_with(&client, &server) => panic!("nobody answers"),
        () = is_sending.notified() => {}
    }
    client.settle().await;
    assert_eq!(methods(&server), ["POST", "PUT", "DELETE"]);
}

#[tokio::test]
async fn retry_after_is_obeyed_in_the_middle_of_an_upload() {
    let puts = AtomicUsize::new(0);
    let server = Server::start(move |request| match request.method.as_str() {
        "POST" => opened(),
        "GET" => Reply::new(204).header("range", "0-0"),
        "DELETE" => Reply::new(204),
        _ => match puts.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::new(429).header("retry-after", "0"),
            _ => Reply::new(429).header("retry-after", "86400"),
        },
    })
    .await;
    // A wait that is too long ends the push at once, and is told.
    let error = push(&server).await.expect_err("too long");
    assert!(
        matches!(error, Error::RateLimited { retry_after: Some(wait), .. } if wait == Duration::from_secs(86400)),
        "{error:?}"
    );
    assert_eq!(methods(&server), ["POST", "PUT", "GET", "PUT", "DELETE"]);
}

#[tokio::test]
async fn a_push_that_gets_nowhere_ends() {
    let server = Server::start(|request| match request.method.as_str() {
        "POST" => opened(),
        "GET" => Reply::new(204).header("range", "0-0"),
        "DELETE" => Reply::new(204),
        _ => Reply::hang_up(),
    })
    .await;
    let error = push(&server).await.expect_err("nowhere");
    assert!(error.is_network(), "{error}");
    let puts = methods(&server).iter().filter(|it| *it == "PUT").count();
    assert_eq!(puts as u32, RetryPolicy::default().attempts);
}

#[tokio::test]
async fn a_blob_that_is_damaged_here_is_said_to_be() {
    let server = Server::start(|request| match request.method.as_str() {
        "POST" => opened(),
        "DELETE" => Reply::new(204),
        _ => Reply::new(400).body(r#"{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}"#),
    })
    .await;
    let client = client();
    let rotten = Arc::new(Bytes::from_static(b"012345678x"));
    let error = client
        .push_blob(&server.name(), &digest(), 10, rotten, &Progress::none())
        .await
        .expect_err("damaged");
    assert!(
        matches!(error, Error::DamagedSource { actual, .. } if actual == Digest::sha256(b"012345678x")),
        "{error:?}"
    );
    assert!(error.is_integrity());
    client.settle().await;
    assert_eq!(methods(&server), ["POST", "PUT", "DELETE"]);
}

fn token() -> Reply {
    Reply::new(200).body(r#"{"token":"t"}"#)
}

#[tokio::test]
async fn a_token_that_ends_in_the_middle_of_an_upload_is_renewed() {
    let is_over = AtomicBool::new(false);
    let server = Server::start_knowing(|address| {
        move |request: &Request| {
            if request.target.starts_with("/token") {
                return token();
            }
            let ends = request.method == "PUT" && !is_over.swap(true, Ordering::Relaxed);
            if request.header("authorization").is_none() || ends {
                let challenge = format!("Bearer realm=\"http://{address}/token\"");
                return Reply::new(401).header("www-authenticate", challenge);
            }
            match request.method.as_str() {
                "POST" => opened(),
                _ => {
                    assert_eq!(request.body, CONTENT);
                    Reply::new(201)
                }
            }
        }
    })
    .await;
    push(&server).await.expect("pushed");
    let methods = methods(&server);
    assert_eq!(methods, ["POST", "GET", "POST", "PUT", "GET", "PUT"]);
}

fn logged_in(server: &Server) -> modelpack_registry::ClientBuilder {
    let credential = Credential::password("user", "pass");
    options()
        .credentials(SingleHost::new(server.host(), credential))
        .header(
            HeaderName::from_static("x-secret"),
            HeaderValue::from_static("1"),
        )
}

fn wants_basic(request: &Request, good: Reply) -> Reply {
    match request.header("authorization") {
        Some(_) => good,
        None => Reply::new(401).header("www-authenticate", "Basic realm=\"r\""),
    }
}

/// C5: The other host hears nothing at all.
#[tokio::test]
async fn c5_upload_location_on_another_host_is_refused() {
    for method in ["POST", "PATCH", "GET"] {
        let elsewhere = Server::start(|_| Reply::new(201)).await;
        let away = elsewhere.url("/up/1");
        let server = Server::start(move |request| {
            let good = match request.method.as_str() {
                "DELETE" => Reply::new(204),
                now if now == method => Reply::new(if now == "GET" { 204 } else { 202 })
                    .header("range", "0-3")
                    .header("location", away.clone()),
                "POST" => opened(),
                _ => Reply::hang_up(),
            };
            wants_basic(request, good)
        })
        .await;
        let client = logged_in(&server)
            .max_upload_body(4)
            .build()
            .expect("good options");
        let error = push_with(&client, &server).await.expect_err("elsewhere");
        assert!(matches!(error, Error::Policy { .. }), "{method}: {error}");
        client.settle().await;
        assert!(elsewhere.requests().is_empty(), "{method}");
    }
}

/// C5, C8: An allowed host gets the bytes alone.
#[tokio::test]
async fn c5_c8_upload_location_on_an_allowed_host_gets_no_secret() {
    let elsewhere = Server::start(|_| Reply::new(201)).await;
    let away = elsewhere.url("/up/1?signature=x");
    let server = Server::start(move |request| {
        wants_basic(request, Reply::new(202).header("location", away.clone()))
    })
    .await;
    let client = logged_in(&server)
        .allow_upload_host(server.host(), elsewhere.host())
        .build()
        .expect("good options");
    push_with(&client, &server).await.expect("allowed");
    let requests = elsewhere.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].target.starts_with("/up/1?signature=x&digest="));
    assert_eq!(requests[0].body, CONTENT);
    for header in ["authorization", "x-secret", "cookie"] {
        assert_eq!(requests[0].header(header), None, "{header}");
    }
    assert!(server.requests()[0].header("x-secret").is_some());
}

/// C2, C10: Neither secrets nor bytes go along.
#[tokio::test]
async fn c2_c10_an_upload_is_not_redirected_to_another_origin() {
    for status in [301, 302, 307, 308] {
        let elsewhere = Server::start(|_| Reply::new(201)).await;
        let away = elsewhere.url("/up/1");
        let server = Server::start(move |request| match request.method.as_str() {
            "POST" => wants_basic(request, opened()),
            "DELETE" => Reply::new(204),
            _ => Reply::new(status).header("location", away.clone()),
        })
        .await;
        let client = logged_in(&server).build().expect("good options");
        let error = push_with(&client, &server).await.expect_err("elsewhere");
        assert!(matches!(error, Error::Policy { .. }), "{status}: {error}");
        client.settle().await;
        assert!(elsewhere.requests().is_empty(), "{status}");
    }
}

/// C12: An allowed upload host is not the registry.
#[tokio::test]
async fn c12_a_challenge_at_an_allowed_upload_host_gets_no_answer() {
    let elsewhere = Server::start(|request| wants_basic(request, Reply::new(201))).await;
    let away = elsewhere.url("/up/1");
    let server = Server::start(move |request| {
        wants_basic(request, Reply::new(202).header("location", away.clone()))
    })
    .await;
    let client = logged_in(&server)
        .allow_upload_host(server.host(), elsewhere.host())
        .build()
        .expect("good options");
    let error = push_with(&client, &server).await.expect_err("a challenge");
    assert!(error.is_unauthorized(), "{error}");
    client.settle().await;
    let asked = elsewhere.requests();
    assert!(asked.iter().all(|it| it.header("authorization").is_none()));
}

/// C16: A refused mount costs one request.
#[tokio::test]
async fn c16_a_mount_without_the_right_to_pull_there_becomes_an_upload() {
    let server = Server::start_knowing(|address| {
        move |request: &Request| {
            if request.target.starts_with("/token") {
                return token();
            }
            if request.target.contains("from=") || request.header("authorization").is_none() {
                let challenge =
                    format!("Bearer realm=\"http://{address}/token\",error=\"insufficient_scope\"");
                return Reply::new(401).header("www-authenticate", challenge);
            }
            match request.method.as_str() {
                "HEAD" => Reply::new(404),
                "POST" => opened(),
                _ => Reply::new(201),
            }
        }
    })
    .await;
    let blob = BlobToPush::new(digest(), 10).known_in(["b".parse().expect("a repository")]);
    let source = Arc::new(Bytes::from_static(CONTENT));
    let pushed = client()
        .ensure_blob(&server.name(), &blob, source, &Progress::none())
        .await;
    assert_eq!(pushed.expect("pushed"), Pushed::Uploaded);
    assert!(server.requests().len() < 12, "{:?}", server.lines());
}

#[tokio::test]
async fn a_chunk_size_that_is_set_for_a_host_is_used_from_the_first_push_on() {
    let has = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |request| match request.method.as_str() {
        "POST" => opened(),
        "PATCH" => {
            assert!(request.body.len() <= 4, "{} bytes", request.body.len());
            let before = has.fetch_add(request.body.len(), Ordering::Relaxed);
            let end = before + request.body.len() - 1;
            Reply::new(202).header("range", format!("0-{end}"))
        }
        _ => Reply::new(201),
    })
    .await;
    let mut hosts = Hosts::default();
    hosts.hosts.entry(server.host()).or_default().chunk_size = Some(ByteSize::new(4));
    let client = options().hosts(hosts).build().expect("good options");
    push_with(&client, &server).await.expect("pushed");
    let methods = methods(&server);
    assert_eq!(methods.first().map(String::as_str), Some("POST"));
    assert!(
        methods.iter().filter(|method| *method == "PATCH").count() >= 2,
        "{methods:?}"
    );
}

/// A question finds out what a push would: an upload may go on where it is allowed to.
#[tokio::test]
async fn the_right_to_push_to_an_allowed_upload_host() {
    let elsewhere = Server::start(|_| Reply::new(204)).await;
    let away = elsewhere.url("/up/1");
    let server = Server::start(move |_| Reply::new(202).header("location", away.clone())).await;
    let probe = client().probe_upload(&server.name()).await;
    assert!(probe.is_err(), "nobody has allowed it");
    let client = options()
        .allow_upload_host(server.host(), elsewhere.host())
        .build()
        .expect("good options");
    let probe = client.probe_upload(&server.name()).await.expect("allowed");
    assert!(probe.is_cancelled);
    client.check_push(&server.name()).await.expect("allowed");
    assert_eq!(methods(&elsewhere), ["DELETE", "DELETE"]);
}

#[tokio::test]
async fn the_right_to_push_is_asked_for_without_sending_anything() {
    let server = Server::start(|request| match request.method.as_str() {
        "POST" => opened(),
        _ => Reply::new(404),
    })
    .await;
    let client = client();
    // A registry that does not end uploads on request takes pushes all the same.
    client.check_push(&server.name()).await.expect("allowed");
    assert_eq!(methods(&server), ["POST", "DELETE"]);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.body.is_empty())
    );
    let server = Server::start(|_| Reply::new(403)).await;
    let refused = client.check_push(&server.name()).await.unwrap_err();
    assert!(refused.is_denied(), "{refused}");
}
