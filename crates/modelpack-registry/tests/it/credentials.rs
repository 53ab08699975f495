//! Secrets stay where they belong; the numbers are those of the project's list of known attacks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use modelpack_registry::{Client, Credential, Error, Name, Progress, Secret, SingleHost};
use modelpack_spec::{Descriptor, Digest, MediaType};

use crate::server::{Reply, Request, Server, options};

const CONTENT: &[u8] = b"weights";

fn descriptor() -> Descriptor {
    let digest = Digest::sha256(CONTENT);
    Descriptor::new(MediaType::from("a/b"), digest, CONTENT.len() as u64)
}

fn logged_in(server: &Server) -> Client {
    logged_in_as(server, "me")
}

fn logged_in_as(server: &Server, user: &str) -> Client {
    options()
        .credentials(SingleHost::new(
            server.host(),
            Credential::password(user, "s3cret"),
        ))
        .build()
        .expect("good options")
}

async fn pull(client: &Client, name: &Name) -> Result<Bytes, Error> {
    client.get_blob(name, &descriptor(), 1024).await
}

fn wants_basic(request: &Request, good: Reply) -> Reply {
    match request.header("authorization") {
        // me:s3cret
        Some("Basic bWU6czNjcmV0") => good,
        _ => Reply::new(401).header("www-authenticate", "BASIC realm=x"),
    }
}

fn carries_secret(request: &Request) -> bool {
    request.header("authorization").is_some() || request.header("cookie").is_some()
}

/// A registry whose token service is at `/token` of `token_service`.
fn wants_bearer(request: &Request, realm: &str, good: Reply) -> Reply {
    match request.header("authorization") {
        Some("Bearer t0ken") => good,
        _ => Reply::new(401).header(
            "www-authenticate",
            format!(r#"Bearer realm="{realm}",service="reg",scope="repository:a:pull""#),
        ),
    }
}

fn token() -> Reply {
    Reply::new(200).body(r#"{"token":"t0ken","expires_in":300}"#)
}

#[tokio::test]
async fn basic_is_sent_only_when_asked_for_and_remembered_then() {
    let server = Server::start(|request| wants_basic(request, Reply::new(200).body(CONTENT))).await;
    let client = logged_in(&server);
    for _ in 0..2 {
        assert_eq!(
            pull(&client, &server.name()).await.expect("allowed"),
            CONTENT
        );
    }
    let secrets: Vec<bool> = server.requests().iter().map(carries_secret).collect();
    assert_eq!(secrets, [false, true, true]);
}

#[tokio::test]
async fn bearer_tokens_are_fetched_once_for_many_requests() {
    let server = Server::start_knowing(|address| {
        move |request: &Request| {
            if request.target.starts_with("/token") {
                return token();
            }
            wants_bearer(
                request,
                &format!("http://{address}/token?x=1"),
                Reply::new(200).body(CONTENT),
            )
        }
    })
    .await;
    let client = logged_in(&server);
    let name = server.name();
    let all = [0; 8].map(|_| {
        let (client, name) = (client.clone(), name.clone());
        tokio::spawn(async move { pull(&client, &name).await })
    });
    for task in all {
        assert_eq!(task.await.expect("no panic").expect("allowed"), CONTENT);
    }
    let tokens: Vec<Request> = server
        .requests()
        .into_iter()
        .filter(|request| request.target.starts_with("/token"))
        .collect();
    assert_eq!(tokens.len(), 1);
    assert_eq!(
        tokens[0].target,
        "/token?x=1&account=me&service=reg&scope=repository%3Aa%3Apull"
    );
    assert_eq!(
        tokens[0].header("authorization"),
        Some("Basic bWU6czNjcmV0")
    );
}

#[tokio::test]
async fn identity_tokens_go_by_post_and_then_by_get() {
    let server = Server::start_knowing(|address| {
        move |request: &Request| {
            if request.target.starts_with("/token") {
                return match request.method.as_str() {
                    "POST" => Reply::new(405),
                    _ => token(),
                };
            }
            let realm = format!("http://{address}/token");
            wants_bearer(request, &realm, Reply::new(200).body(CONTENT))
        }
    })
    .await;
    let credential = Credential::IdentityToken {
        username: "me".to_owned(),
        token: Secret::new("re fresh&"),
    };
    let client = options()
        .credentials(SingleHost::new(server.host(), credential))
        .build()
        .expect("good options");
    pull(&client, &server.name()).await.expect("allowed");
    let requests = server.requests();
    assert_eq!(
        String::from_utf8_lossy(&requests[1].body),
        "grant_type=refresh_token&refresh_token=re+fresh%26&client_id=modelpack&service=reg&scope=repository%3Aa%3Apull"
    );
    assert_eq!(requests[2].method, "GET");
}

/// C1: What a descriptor names outside of the registry is left alone.
#[tokio::test]
async fn c1_urls_of_a_layer_are_never_asked() {
    let elsewhere = Server::start(|_| Reply::new(200).body(CONTENT)).await;
    let server = Server::start(|_| Reply::new(404)).await;
    let mut descriptor = descriptor();
    descriptor.urls = vec![elsewhere.url("/blob")];
    let error = logged_in(&server)
        .get_blob(&server.name(), &descriptor, 1024)
        .await
        .expect_err("it is not there");
    assert!(error.is_not_found());
    assert!(elsewhere.requests().is_empty());
}

/// C2: The same host with another port is somebody else.
#[tokio::test]
async fn c2_redirects_to_another_port_carry_no_secret() {
    let elsewhere = Server::start(|_| Reply::new(200).body(CONTENT)).await;
    let target = elsewhere.url("/signed?sig=x");
    let server = Server::start(move |request| {
        wants_basic(
            request,
            Reply::new(307)
                .header("location", target.clone())
                .header("set-cookie", "session=1"),
        )
    })
    .await;
    let client = logged_in(&server);
    assert_eq!(
        pull(&client, &server.name()).await.expect("allowed"),
        CONTENT
    );
    let requests = elsewhere.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].target, "/signed?sig=x");
    assert!(!carries_secret(&requests[0]));
}

/// C2: Who was elsewhere once stays without secrets.
#[tokio::test]
async fn c2_the_way_back_from_elsewhere_carries_no_secret() {
    let back = Arc::new(std::sync::Mutex::new(String::new()));
    let elsewhere = Server::start({
        let back = Arc::clone(&back);
        move |_| Reply::new(307).header("location", back.lock().expect("no panic").clone())
    })
    .await;
    let target = elsewhere.url("/hop");
    let server = Server::start(move |request| {
        if request.target == "/trap" {
            return Reply::new(200).body(CONTENT);
        }
        wants_basic(request, Reply::new(307).header("location", target.clone()))
    })
    .await;
    *back.lock().expect("no panic") = server.url("/trap");
    pull(&logged_in(&server), &server.name())
        .await
        .expect("allowed");
    let requests = server.requests();
    let last = requests.last().expect("some");
    assert_eq!(last.target, "/trap");
    assert!(!carries_secret(last));
}

/// C3: A stranger is asked for nothing until the user says so.
#[tokio::test]
async fn c3_a_token_service_elsewhere_gets_no_password_unless_the_pair_is_allowed() {
    let service = Server::start(|_| token()).await;
    let realm = service.url("/token");
    let server =
        Server::start(move |request| wants_bearer(request, &realm, Reply::new(200).body(CONTENT)))
            .await;
    let error = pull(&logged_in(&server), &server.name())
        .await
        .expect_err("the pair is not allowed");
    assert!(matches!(error, Error::Policy { .. }), "{error}");
    assert!(service.requests().is_empty());

    let client = options()
        .credentials(SingleHost::new(
            server.host(),
            Credential::password("me", "s3cret"),
        ))
        .allow_token_host(server.host(), service.host())
        .build()
        .expect("good options");
    pull(&client, &server.name()).await.expect("allowed");
    assert_eq!(service.requests().len(), 1);
}

/// C4: Not even an empty request goes there in the clear.
#[tokio::test]
async fn c4_an_anonymous_request_to_a_token_service_elsewhere_needs_tls() {
    let service = Server::start(|_| token()).await;
    let realm = service.url("/token");
    let server =
        Server::start(move |request| wants_bearer(request, &realm, Reply::new(200).body(CONTENT)))
            .await;
    let client = options().build().expect("good options");
    let error = pull(&client, &server.name()).await.expect_err("no TLS");
    assert!(matches!(error, Error::Policy { .. }), "{error}");
    assert!(service.requests().is_empty());
}

/// C5: Who is logged in loses nothing to the other host.
#[tokio::test]
async fn c5_an_upload_that_continues_elsewhere_is_refused() {
    let elsewhere = Server::start(|_| Reply::new(201)).await;
    let target = elsewhere.url("/v2/a/blobs/uploads/1");
    let server = Server::start(move |request| {
        wants_basic(request, Reply::new(202).header("location", target.clone()))
    })
    .await;
    let source = Arc::new(Bytes::from_static(CONTENT));
    let error = logged_in(&server)
        .push_blob(
            &server.name(),
            &Digest::sha256(CONTENT),
            CONTENT.len() as u64,
            source,
            &Progress::none(),
        )
        .await
        .expect_err("another origin");
    assert!(matches!(error, Error::Policy { .. }), "{error}");
    assert!(elsewhere.requests().is_empty());
}

/// C6: The other host is never asked.
#[tokio::test]
async fn c6_a_list_that_continues_elsewhere_is_refused() {
    let elsewhere = Server::start(|_| Reply::new(200).body(r#"{"tags":["x"]}"#)).await;
    let link = format!("<{}>; rel=\"next\"", elsewhere.url("/v2/a/tags/list"));
    let server = Server::start(move |request| {
        let page = Reply::new(200).body(r#"{"tags":["1"]}"#);
        wants_basic(request, page.header("link", link.clone()))
    })
    .await;
    let error = logged_in(&server)
        .list_tags(&server.name(), None)
        .await
        .expect_err("another origin");
    assert!(matches!(error, Error::Policy { .. }), "{error}");
    assert!(elsewhere.requests().is_empty());
}

/// C8: Neither token service nor storage sees them.
#[tokio::test]
async fn c8_own_headers_go_to_the_registry_only() {
    let elsewhere = Server::start(|_| Reply::new(200).body(CONTENT)).await;
    let target = elsewhere.url("/signed");
    let server = Server::start_knowing(|address| {
        move |request: &Request| {
            if request.target.starts_with("/token") {
                return token();
            }
            let good = Reply::new(307).header("location", target.clone());
            wants_bearer(request, &format!("http://{address}/token"), good)
        }
    })
    .await;
    let client = options()
        .header(
            HeaderName::from_static("x-secret"),
            HeaderValue::from_static("1"),
        )
        .build()
        .expect("good options");
    pull(&client, &server.name()).await.expect("allowed");
    assert_eq!(elsewhere.requests()[0].header("x-secret"), None);
    let seen: Vec<bool> = server
        .requests()
        .iter()
        .map(|request| request.header("x-secret").is_some())
        .collect();
    assert_eq!(
        seen,
        [true, false, true],
        "the middle one asks for the token"
    );
}

/// C9: Neither credentials nor the error of a signed URL.
#[tokio::test]
async fn c9_nothing_prints_a_secret() {
    let credentials = [
        Credential::password("me", "s3cret"),
        Credential::IdentityToken {
            username: "me".to_owned(),
            token: "s3cret".into(),
        },
        Credential::RegistryToken {
            token: "s3cret".into(),
        },
    ];
    assert!(!format!("{credentials:?}").contains("s3cret"));
    let host = "localhost".parse().expect("a host");
    let source = SingleHost::new(host, credentials[0].clone());
    assert!(!format!("{source:?}").contains("s3cret"));

    let server = Server::start(|request| {
        if request.target.starts_with("/signed") {
            return Reply::new(403);
        }
        Reply::new(307).header("location", "/signed?X-Amz-Signature=s3cret")
    })
    .await;
    let error = pull(&logged_in(&server), &server.name())
        .await
        .expect_err("denied");
    assert!(error.is_denied());
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

/// C10: The refresh token stays where the user has sent it.
#[tokio::test]
async fn c10_a_refresh_token_is_not_sent_along_a_redirect() {
    let elsewhere = Server::start(|_| token()).await;
    let target = elsewhere.url("/token");
    let server = Server::start_knowing(|address| {
        move |request: &Request| {
            if request.target.starts_with("/token") {
                return Reply::new(307).header("location", target.clone());
            }
            let realm = format!("http://{address}/token");
            wants_bearer(request, &realm, Reply::new(200).body(CONTENT))
        }
    })
    .await;
    let credential = Credential::IdentityToken {
        username: String::new(),
        token: "s3cret".into(),
    };
    let client = options()
        .credentials(SingleHost::new(server.host(), credential))
        .build()
        .expect("good options");
    let error = pull(&client, &server.name()).await.expect_err("a redirect");
    assert!(matches!(error, Error::Policy { .. }), "{error}");
    assert!(elsewhere.requests().is_empty());
}

/// C4, C10: A redirect of a token service ends the request, with a login and without.
#[tokio::test]
async fn c4_c10_a_token_service_sends_nobody_elsewhere() {
    for has_login in [true, false] {
        let elsewhere = Server::start(|_| token()).await;
        let target = elsewhere.url("/token");
        let server = Server::start_knowing(|address| {
            move |request: &Request| {
                if request.target.starts_with("/token") {
                    return Reply::new(307).header("location", target.clone());
                }
                let realm = format!("http://{address}/token");
                wants_bearer(request, &realm, Reply::new(200).body(CONTENT))
            }
        })
        .await;
        let client = match has_login {
            true => logged_in(&server),
            false => options().build().expect("good options"),
        };
        let error = pull(&client, &server.name()).await.expect_err("a redirect");
        assert!(matches!(error, Error::Policy { .. }), "{error}");
        assert!(elsewhere.requests().is_empty());
    }
}

/// C11: Each user asks for a token of their own.
#[tokio::test]
async fn c11_two_users_of_one_registry_have_two_tokens() {
    let server = Server::start_knowing(|address| {
        move |request: &Request| {
            if request.target.starts_with("/token") {
                return token();
            }
            let realm = format!("http://{address}/token");
            wants_bearer(request, &realm, Reply::new(200).body(CONTENT))
        }
    })
    .await;
    for user in ["me", "you"] {
        let client = logged_in_as(&server, user);
        pull(&client, &server.name()).await.expect("allowed");
    }
    let accounts: Vec<String> = server
        .lines()
        .into_iter()
        .filter(|line| line.contains("account="))
        .collect();
    assert_eq!(accounts.len(), 2);
    assert_ne!(accounts[0], accounts[1]);
}

/// C12: Storage that asks for a password gets none.
#[tokio::test]
async fn c12_a_challenge_from_elsewhere_gets_no_answer() {
    let elsewhere = Server::start(|request| wants_basic(request, Reply::new(200))).await;
    let target = elsewhere.url("/x");
    let server = Server::start(move |request| {
        wants_basic(request, Reply::new(307).header("location", target.clone()))
    })
    .await;
    let error = pull(&logged_in(&server), &server.name())
        .await
        .expect_err("refused");
    assert!(error.is_unauthorized(), "{error}");
    assert_eq!(elsewhere.requests().len(), 1);
    assert!(!carries_secret(&elsewhere.requests()[0]));
}

/// C12: Nor does it make us ask the registry for a token.
#[tokio::test]
async fn c12_a_challenge_from_elsewhere_starts_nothing_at_the_registry() {
    let challenge = Arc::new(std::sync::Mutex::new(String::new()));
    let elsewhere = Server::start({
        let challenge = Arc::clone(&challenge);
        move |_| {
            let challenge = challenge.lock().expect("no panic").clone();
            Reply::new(401).header("www-authenticate", challenge)
        }
    })
    .await;
    let target = elsewhere.url("/x");
    let server = Server::start(move |request| {
        if request.target.starts_with("/token") {
            return token();
        }
        Reply::new(307).header("location", target.clone())
    })
    .await;
    *challenge.lock().expect("no panic") =
        format!("Bearer realm=\"{}\", Basic", server.url("/token"));
    let error = pull(&logged_in(&server), &server.name())
        .await
        .expect_err("refused");
    assert!(error.is_unauthorized(), "{error}");
    assert_eq!(server.requests().len(), 1, "no token is asked for");
    assert_eq!(elsewhere.requests().len(), 1);
}

/// C13: A login is good for its own host.
#[tokio::test]
async fn c13_credentials_of_one_registry_are_not_tried_at_another() {
    let mine = Server::start(|request| wants_basic(request, Reply::new(200).body(CONTENT))).await;
    let other = Server::start(|request| wants_basic(request, Reply::new(200).body(CONTENT))).await;
    let client = logged_in(&mine);
    pull(&client, &mine.name()).await.expect("allowed");
    let error = pull(&client, &other.name()).await.expect_err("not mine");
    assert!(error.is_unauthorized(), "{error}");
    assert!(!other.requests().iter().any(carries_secret));
}

/// C16: Two tokens at most, whatever the registry says.
#[tokio::test]
async fn c16_refusals_come_to_an_end() {
    let tokens = Arc::new(AtomicUsize::new(0));
    let server = Server::start_knowing(|address| {
        let tokens = Arc::clone(&tokens);
        move |request: &Request| {
            if request.target.starts_with("/token") {
                let count = tokens.fetch_add(1, Ordering::Relaxed);
                return Reply::new(200).body(format!(r#"{{"token":"t{count}"}}"#));
            }
            let count = tokens.load(Ordering::Relaxed);
            Reply::new(401).header(
                "www-authenticate",
                format!(
                    r#"Bearer realm="http://{address}/token",scope="repository:a:x{count}",error="insufficient_scope""#
                ),
            )
        }
    })
    .await;
    let error = pull(&logged_in(&server), &server.name())
        .await
        .expect_err("never enough");
    assert!(error.is_unauthorized(), "{error}");
    assert_eq!(tokens.load(Ordering::Relaxed), 2);
    assert_eq!(
        server.lines()[3],
        "GET /token?account=me&scope=repository%3Aa%3Apull%2Cx0%2Cx1"
    );
}

#[tokio::test]
async fn a_token_that_has_become_invalid_is_replaced_once() {
    let issued = Arc::new(AtomicUsize::new(0));
    let server = Server::start_knowing(|address| {
        let issued = Arc::clone(&issued);
        move |request: &Request| {
            if request.target.starts_with("/token") {
                let count = issued.fetch_add(1, Ordering::Relaxed) + 1;
                return Reply::new(200).body(format!(r#"{{"access_token":"t{count}"}}"#));
            }
            // Every token is good for one request.
            let used = request.header("authorization").unwrap_or_default();
            let wanted = format!("Bearer t{}", issued.load(Ordering::Relaxed));
            if used == wanted && request.target.ends_with("list") {
                issued.fetch_add(1, Ordering::Relaxed);
                return Reply::new(200).body(r#"{"tags":null}"#);
            }
            Reply::new(401).header(
                "www-authenticate",
                format!(r#"Bearer realm="http://{address}/token",error="invalid_token""#),
            )
        }
    })
    .await;
    let client = options().build().expect("good options");
    for _ in 0..2 {
        let tags = client.list_tags(&server.name(), None).await;
        assert_eq!(tags.expect("allowed"), Vec::<String>::new());
    }
    let tokens = server
        .lines()
        .iter()
        .filter(|line| line.contains("/token"))
        .count();
    assert_eq!(tokens, 2);
}
