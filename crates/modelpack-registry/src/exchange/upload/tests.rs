//! Cases of pushes, against scripts and against a simulated registry.

mod limits;
mod simulated;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use modelpack_spec::Reference;
use std::sync::Arc;

use super::*;
use crate::client::PlainHttp;
use crate::content::Progress;
use crate::error::At;
use crate::exchange::{Head, Payload};
use crate::name::Name;

const CONTENT: &[u8] = b"0123456789";

fn target(reference: &str) -> Target {
    let reference: Reference = reference.parse().expect("a reference");
    Target::new(&Name::from(&reference), PlainHttp::Never).expect("a target")
}

fn retry() -> RetryPolicy {
    RetryPolicy::default()
}

fn order<'a>(
    target: &'a Target,
    content: &[u8],
    begin: Begin,
    retry: &'a RetryPolicy,
) -> Order<'a> {
    Order {
        target,
        blob: BlobPayload {
            source: Arc::new(Bytes::copy_from_slice(content)),
            digest: Digest::sha256(content),
            offset: 0,
            size: content.len() as u64,
            progress: Progress::none(),
        },
        begin,
        allowed: &[],
        limits: Limits::of(&target.name.host, None),
        retry,
    }
}

/// Method, path and what of the blob it carries.
fn line(request: &Request) -> String {
    let query = request.url.query().map(|query| {
        let query = query.replace("%3A", ":");
        query
            .split("sha256:")
            .next()
            .map_or(String::new(), |it| format!("?{it}"))
    });
    let mut line = format!(
        "{} {}{}",
        request.method,
        request.url.path(),
        query.unwrap_or_default()
    );
    if let Payload::Blob(blob) = &request.payload {
        line.push_str(&format!(" {}+{}", blob.offset, blob.size));
    }
    if let Some(range) = request.headers.get(http::header::CONTENT_RANGE) {
        line.push_str(&format!(" [{}]", range.to_str().expect("text")));
    }
    line
}

fn answer_to(request: &Request, status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            name.parse::<HeaderName>().expect("a name"),
            HeaderValue::try_from(*value).expect("a value"),
        );
    }
    Answer {
        head: Head {
            method: request.method.clone(),
            url: request.url.clone(),
            status: StatusCode::from_u16(status).expect("a status"),
            headers: map,
            is_redirected_away: false,
        },
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn cut_off(request: &Request) -> Error {
    Error::Network {
        at: At::new(request.method.clone(), &request.url),
        source: "cut".into(),
    }
}

/// One request as it has to look, and what comes back: a status with headers, or 0 for a broken connection.
type Turn = (&'static str, u16, &'static [(&'static str, &'static str)]);

fn play(order: Order<'_>, script: &[Turn]) -> Result<Pushed, Error> {
    let (mut push, mut action) = PushBlob::new(order);
    let mut script = script.iter();
    loop {
        action = match action {
            Action::Done(pushed) => {
                assert_eq!(script.next(), None, "all was asked");
                return Ok(pushed);
            }
            Action::Hash => push.hashed(Digest::sha256(CONTENT), 0)?,
            Action::Send { request, .. } => {
                let (expected, status, headers) = script
                    .next()
                    .unwrap_or_else(|| panic!("unexpected {}", line(&request)));
                assert_eq!(line(&request), *expected);
                let outcome = match status {
                    0 => Err(cut_off(&request)),
                    status => Ok(answer_to(&request, *status, headers, "")),
                };
                match push.answer(outcome, 0) {
                    Ok(action) => action,
                    Err(error) => {
                        assert_eq!(script.next(), None, "{error}");
                        return Err(error);
                    }
                }
            }
        };
    }
}

fn upload(script: &[Turn]) -> Result<Pushed, Error> {
    let (target, retry) = (target("r.io/a"), retry());
    play(order(&target, CONTENT, Begin::Upload, &retry), script)
}

fn chunked(bytes: u64, script: &[Turn]) -> Result<Pushed, Error> {
    let (target, retry) = (target("r.io/a"), retry());
    let mut order = order(&target, CONTENT, Begin::Upload, &retry);
    order.limits = Limits::of(&target.name.host, Some(bytes));
    play(order, script)
}

const POST: &str = "POST /v2/a/blobs/uploads/";
const OPEN: &[(&str, &str)] = &[("location", "/up/1?s=1")];
const PUT: &str = "PUT /up/1?s=1&digest= 0+10";
const GET: &str = "GET /up/1?s=1";
const HEAD: &str =
    "HEAD /v2/a/blobs/sha256:84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";

#[test]
fn a_whole_blob_goes_in_one_request() {
    let script: &[Turn] = &[(POST, 202, OPEN), (PUT, 201, &[])];
    assert_eq!(upload(script).expect("pushed"), Pushed::Uploaded);
}

#[test]
fn an_upload_goes_on_where_the_registry_says() {
    upload(&[
        (POST, 202, OPEN),
        (PUT, 0, &[]),
        (GET, 204, &[("range", "0-6"), ("location", "/up/1?s=2")]),
        ("PUT /up/1?s=2&digest= 7+3 [7-9]", 201, &[]),
    ])
    .expect("pushed");
    // All bytes had arrived; only the end is missing.
    upload(&[
        (POST, 202, OPEN),
        (PUT, 0, &[]),
        (GET, 204, &[("range", "0-9")]),
        ("PUT /up/1?s=1&digest= 10+0", 201, &[]),
    ])
    .expect("pushed");
}

#[test]
fn a_range_of_zero_to_zero_is_nothing_or_one_byte() {
    let zero: &[(&str, &str)] = &[("range", "0-0")];
    upload(&[
        (POST, 202, OPEN),
        (PUT, 0, &[]),
        (GET, 204, zero),
        ("PUT /up/1?s=1&digest= 0+10 [0-9]", 416, &[]),
        (GET, 204, zero),
        ("PUT /up/1?s=1&digest= 1+9 [1-9]", 201, &[]),
    ])
    .expect("pushed");
    // Some say it by a number below zero.
    upload(&[
        (POST, 202, OPEN),
        (PUT, 0, &[]),
        (GET, 204, &[("range", "0--1")]),
        ("PUT /up/1?s=1&digest= 0+10 [0-9]", 201, &[]),
    ])
    .expect("pushed");
}

#[test]
fn a_session_that_is_forgotten_is_replaced_and_the_blob_looked_for() {
    upload(&[
        (POST, 202, OPEN),
        (PUT, 0, &[]),
        (GET, 404, &[]),
        (HEAD, 404, &[]),
        (POST, 202, OPEN),
        (PUT, 201, &[]),
    ])
    .expect("pushed");
    // The answer was lost, not the blob.
    upload(&[
        (POST, 202, OPEN),
        (PUT, 0, &[]),
        (GET, 404, &[]),
        (HEAD, 200, &[("content-length", "10")]),
    ])
    .expect("it is there");
    // One of another size is not it.
    upload(&[
        (POST, 202, OPEN),
        (PUT, 0, &[]),
        (GET, 404, &[]),
        (HEAD, 200, &[("content-length", "9")]),
        (POST, 202, OPEN),
        (PUT, 201, &[]),
    ])
    .expect("pushed");
}

#[test]
fn bytes_that_nobody_sent_are_not_believed() {
    upload(&[
        (POST, 202, OPEN),
        (PUT, 0, &[]),
        (GET, 204, &[("range", "0-10")]),
        (HEAD, 404, &[]),
        (POST, 202, OPEN),
        (PUT, 201, &[]),
    ])
    .expect("pushed");
    chunked(
        4,
        &[
            (POST, 202, OPEN),
            ("PATCH /up/1?s=1 0+4 [0-3]", 202, &[("range", "0-8")]),
            (POST, 202, OPEN),
            ("PATCH /up/1?s=1 0+4 [0-3]", 202, &[("range", "0-3")]),
            ("PATCH /up/1?s=1 4+4 [4-7]", 202, &[("range", "0-7")]),
            ("PUT /up/1?s=1&digest= 8+2 [8-9]", 201, &[]),
        ],
    )
    .expect("pushed");
}

#[test]
fn chunks_end_in_the_closing_request() {
    chunked(
        4,
        &[
            (POST, 202, OPEN),
            (
                "PATCH /up/1?s=1 0+4 [0-3]",
                202,
                &[("range", "0-3"), ("location", "/up/2")],
            ),
            // It took half of it, and says so.
            ("PATCH /up/2 4+4 [4-7]", 202, &[("range", "0-5")]),
            ("PUT /up/2?digest= 6+4 [6-9]", 201, &[]),
        ],
    )
    .expect("pushed");
    // A chunk as large as the blob is no chunk.
    chunked(10, &[(POST, 202, OPEN), (PUT, 201, &[])]).expect("pushed");
}

#[test]
fn the_least_size_of_a_chunk_is_obeyed() {
    let least: &[(&str, &str)] = &[("location", "/up/1"), ("oci-chunk-min-length", "6")];
    chunked(
        2,
        &[
            (POST, 202, least),
            ("PATCH /up/1 0+6 [0-5]", 202, &[]),
            ("PUT /up/1?digest= 6+4 [6-9]", 201, &[]),
        ],
    )
    .expect("pushed");
    // More than the blob: no chunks at all.
    let least: &[(&str, &str)] = &[
        ("location", "/up/1"),
        ("oci-chunk-min-length", "18446744073709551615"),
    ];
    chunked(
        2,
        &[(POST, 202, least), ("PUT /up/1?digest= 0+10", 201, &[])],
    )
    .expect("pushed");
}

#[test]
fn a_body_that_is_too_large_is_cut() {
    upload(&[
        (POST, 202, OPEN),
        (PUT, 413, &[]),
        (GET, 204, &[("range", "0--1")]),
        ("PATCH /up/1?s=1 0+2 [0-1]", 202, &[("range", "0-1")]),
        ("PATCH /up/1?s=1 2+2 [2-3]", 202, &[("range", "0-3")]),
        ("PATCH /up/1?s=1 4+2 [4-5]", 202, &[("range", "0-5")]),
        ("PATCH /up/1?s=1 6+2 [6-7]", 202, &[("range", "0-7")]),
        ("PUT /up/1?s=1&digest= 8+2 [8-9]", 201, &[]),
    ])
    .expect("pushed");
    // Neither whole nor in parts: that is the answer.
    let error = upload(&[
        (POST, 202, OPEN),
        (PUT, 413, &[]),
        (GET, 404, &[]),
        (HEAD, 404, &[]),
        (POST, 202, OPEN),
        ("PATCH /up/1?s=1 0+2 [0-1]", 405, &[]),
    ]);
    assert!(matches!(error, Err(Error::Unsupported { .. })), "{error:?}");
}

#[test]
fn a_host_that_refuses_chunks_gets_all_at_once() {
    for status in [405, 501, 415] {
        chunked(
            4,
            &[
                (POST, 202, OPEN),
                ("PATCH /up/1?s=1 0+4 [0-3]", status, &[]),
                (POST, 202, OPEN),
                (PUT, 201, &[]),
            ],
        )
        .expect("pushed");
    }
    // 404 and 416 can also mean other things, so the session is asked first.
    for status in [404, 416, 400] {
        chunked(
            4,
            &[
                (POST, 202, OPEN),
                ("PATCH /up/1?s=1 0+4 [0-3]", status, &[]),
                (GET, 204, &[("range", "0--1")]),
                (POST, 202, OPEN),
                (PUT, 201, &[]),
            ],
        )
        .expect("pushed");
    }
}

#[test]
fn a_host_that_wants_only_chunks_gets_them() {
    upload(&[
        (POST, 202, OPEN),
        (PUT, 405, &[]),
        (POST, 202, OPEN),
        ("PATCH /up/1?s=1 0+10 [0-9]", 202, &[("range", "0-9")]),
        ("PUT /up/1?s=1&digest= 10+0", 201, &[]),
    ])
    .expect("pushed");
}

#[test]
fn whole_bodies_that_break_again_and_again_become_chunks() {
    let (target, retry) = (target("r.io/a"), retry());
    let mut order = order(&target, CONTENT, Begin::Upload, &retry);
    order.limits = Limits::for_tests(4);
    play(
        order,
        &[
            (POST, 202, OPEN),
            (PUT, 0, &[]),
            (GET, 204, &[("range", "0--1")]),
            ("PUT /up/1?s=1&digest= 0+10 [0-9]", 0, &[]),
            (GET, 204, &[("range", "0--1")]),
            ("PATCH /up/1?s=1 0+4 [0-3]", 202, &[]),
            ("PATCH /up/1?s=1 4+4 [4-7]", 202, &[]),
            ("PUT /up/1?s=1&digest= 8+2 [8-9]", 201, &[]),
        ],
    )
    .expect("pushed");
}

#[test]
fn patience_ends() {
    let get: Turn = (GET, 204, &[("range", "0--1")]);
    let again: Turn = ("PUT /up/1?s=1&digest= 0+10 [0-9]", 0, &[]);
    let error = upload(&[
        (POST, 202, OPEN),
        (PUT, 0, &[]),
        get,
        again,
        get,
        again,
        get,
        again,
        get,
        again,
    ]);
    assert!(matches!(error, Err(Error::Network { .. })), "{error:?}");
}

#[test]
fn refusals_end_a_push_at_once() {
    for status in [401, 403, 409, 422] {
        let error = upload(&[(POST, 202, OPEN), (PUT, status, &[])]).expect_err("refused");
        assert_eq!(error.at().and_then(|at| at.status), Some(status));
    }
    for status in [401, 403, 404, 413, 429] {
        let error = upload(&[(POST, status, &[])]).expect_err("refused before a byte is sent");
        assert_eq!(error.at().and_then(|at| at.status), Some(status));
    }
}

fn ask(mounts: &[&str], script: &[Turn]) -> Result<Pushed, Error> {
    let (target, retry) = (target("r.io/a"), retry());
    let mounts = mounts
        .iter()
        .map(|name| match *name {
            "" => MountFrom::Anywhere,
            name => MountFrom::Repository(name.parse().expect("a repository")),
        })
        .collect();
    play(order(&target, CONTENT, Begin::Ask(mounts), &retry), script)
}

const MOUNT: &str = "POST /v2/a/blobs/uploads/?mount=";

#[test]
fn what_is_there_or_elsewhere_is_not_sent() {
    let there = ask(&[""], &[(HEAD, 200, &[("content-length", "10")])]);
    assert_eq!(there.expect("good"), Pushed::Exists);
    let there = ask(&[""], &[(HEAD, 200, &[])]);
    assert_eq!(there.expect("good"), Pushed::Exists);
    let mounted = ask(&[""], &[(HEAD, 404, &[]), (MOUNT, 201, &[])]);
    assert_eq!(mounted.expect("good"), Pushed::Mounted);
    // The session that comes instead of a mount is used.
    let sent = ask(
        &[""],
        &[(HEAD, 404, &[]), (MOUNT, 202, OPEN), (PUT, 201, &[])],
    );
    assert_eq!(sent.expect("good"), Pushed::Uploaded);
    // Whatever a registry says to a mount, or to a question, an upload shows what is true.
    for status in [400, 401, 403, 404, 405, 500] {
        let sent = ask(
            &["b"],
            &[
                (HEAD, status, &[]),
                (MOUNT, status, &[]),
                (POST, 202, OPEN),
                (PUT, 201, &[]),
            ],
        );
        assert_eq!(sent.expect("good"), Pushed::Uploaded);
    }
    let mounted = ask(
        &["b", "c"],
        &[(HEAD, 404, &[]), (MOUNT, 202, OPEN), (MOUNT, 201, &[])],
    );
    assert_eq!(mounted.expect("good"), Pushed::Mounted);
}

#[test]
fn a_mount_of_something_else_is_no_mount() {
    let other = Digest::sha256(b"other").to_string();
    let (target, retry) = (target("r.io/a"), retry());
    let mounts = Begin::Ask(vec![MountFrom::Anywhere]);
    let (mut push, action) = PushBlob::new(order(&target, CONTENT, mounts, &retry));
    let Action::Send { request, .. } = action else {
        panic!("a question first")
    };
    let missing = answer_to(&request, 404, &[], "");
    let Ok(Action::Send { request, .. }) = push.answer(Ok(missing), 0) else {
        panic!("a mount then")
    };
    let stated = answer_to(&request, 201, &[("docker-content-digest", &other)], "");
    let Ok(Action::Send { request, .. }) = push.answer(Ok(stated), 0) else {
        panic!("an upload then")
    };
    assert_eq!(line(&request), POST);
}

#[test]
fn content_that_is_refused_is_hashed() {
    let (target, retry) = (target("r.io/a"), retry());
    let refuse = |actual: Digest| {
        let (mut push, mut action) = PushBlob::new(order(&target, CONTENT, Begin::Upload, &retry));
        let mut requests = 0;
        loop {
            action = match action {
                Action::Send { request, .. } => {
                    requests += 1;
                    let answer = match request.method {
                        Method::POST => answer_to(&request, 202, OPEN, ""),
                        _ => answer_to(
                            &request,
                            400,
                            &[],
                            r#"{"errors":[{"code":"DIGEST_INVALID"}]}"#,
                        ),
                    };
                    push.answer(Ok(answer), 0).expect("goes on")
                }
                Action::Hash => match push.hashed(actual, 0) {
                    Ok(action) => action,
                    Err(error) => return (error, requests),
                },
                Action::Done(_) => panic!("it was refused"),
            }
        }
    };
    let other = Digest::sha256(b"rotten");
    let (error, requests) = refuse(other);
    assert!(
        matches!(error, Error::DamagedSource { actual, .. } if actual == other),
        "{error}"
    );
    assert_eq!(requests, 2);
    // Good bytes get a second chance, since something on the way may have changed them.
    let (error, requests) = refuse(Digest::sha256(CONTENT));
    assert!(matches!(error, Error::Rejected { .. }), "{error}");
    assert_eq!(requests, 4);
}

/// C5: The decision, without a socket.
#[test]
fn c5_a_location_elsewhere_ends_the_push_unless_the_host_is_allowed() {
    let elsewhere: &[(&str, &str)] = &[("location", "https://up.io/1")];
    let error = upload(&[(POST, 202, elsewhere)]);
    assert!(matches!(error, Err(Error::Policy { .. })), "{error:?}");
    let error = ask(&["b"], &[(HEAD, 404, &[]), (MOUNT, 202, elsewhere)]);
    assert!(matches!(error, Err(Error::Policy { .. })), "{error:?}");
    // Also in the middle of an upload.
    let error = chunked(
        4,
        &[
            (POST, 202, OPEN),
            ("PATCH /up/1?s=1 0+4 [0-3]", 202, elsewhere),
        ],
    );
    assert!(matches!(error, Err(Error::Policy { .. })), "{error:?}");
    let error = upload(&[
        (POST, 202, OPEN),
        (PUT, 0, &[]),
        (
            GET,
            204,
            &[("location", "https://up.io/1"), ("range", "0-4")],
        ),
    ]);
    assert!(matches!(error, Err(Error::Policy { .. })), "{error:?}");

    let (target, retry) = (target("r.io/a"), retry());
    let allowed = ["up.io".parse().expect("a host")];
    let allow = |location: &'static [(&'static str, &'static str)], script: &[Turn]| {
        let mut order = order(&target, CONTENT, Begin::Upload, &retry);
        order.allowed = &allowed;
        let script: Vec<Turn> = [(POST, 202, location)]
            .iter()
            .chain(script)
            .copied()
            .collect();
        play(order, &script)
    };
    allow(elsewhere, &[("PUT /1?digest= 0+10", 201, &[])]).expect("allowed");
    for refused in [
        &[("location", "http://up.io/1")],
        &[("location", "https://up.io:444/1")],
        &[("location", "http://r.io/1")],
    ] {
        let error = allow(refused, &[]);
        assert!(matches!(error, Err(Error::Policy { .. })), "{error:?}");
    }
}

#[test]
fn waits_are_the_registrys() {
    let (target, retry) = (target("r.io/a"), retry());
    let (mut push, action) = PushBlob::new(order(&target, CONTENT, Begin::Upload, &retry));
    let Action::Send { request, .. } = action else {
        panic!("a request")
    };
    let Ok(Action::Send { request, .. }) = push.answer(Ok(answer_to(&request, 202, OPEN, "")), 0)
    else {
        panic!("a request")
    };
    let busy = answer_to(&request, 429, &[("retry-after", "7")], "");
    let Ok(Action::Send { wait, .. }) = push.answer(Ok(busy), 0) else {
        panic!("a request")
    };
    assert_eq!(wait, Duration::from_secs(7));
}

#[test]
fn a_chunk_refused_in_a_session_of_zero_to_zero_is_tried_in_a_new_one() {
    let zero: &[(&str, &str)] = &[("range", "0-0")];
    chunked(
        4,
        &[
            (POST, 202, OPEN),
            ("PATCH /up/1?s=1 0+4 [0-3]", 0, &[]),
            (GET, 204, zero),
            ("PATCH /up/1?s=1 0+4 [0-3]", 416, &[]),
            (GET, 204, zero),
            (POST, 202, OPEN),
            ("PATCH /up/1?s=1 0+4 [0-3]", 202, &[("range", "0-3")]),
            ("PATCH /up/1?s=1 4+4 [4-7]", 202, &[("range", "0-7")]),
            ("PUT /up/1?s=1&digest= 8+2 [8-9]", 201, &[]),
        ],
    )
    .expect("pushed");
}
