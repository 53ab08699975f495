//! Who is told the login.

use std::sync::Mutex;

use http::Response;
use http::header::WWW_AUTHENTICATE;

use super::*;
use crate::registry::wire::Answered;

/// Answers as this function does, and keeps what was asked, with the credentials.
struct Scripted {
    answer: fn(&str, bool) -> Response<Bytes>,
    asked: Mutex<Vec<String>>,
}

impl Transport for Scripted {
    fn send(&self, request: Request<RequestBody>) -> Answered<'_> {
        let url = request.uri().to_string();
        let authorization = request.headers().get(AUTHORIZATION);
        let scheme = authorization
            .and_then(|value| value.to_str().ok()?.split(' ').next())
            .unwrap_or("nothing");
        let line = format!("{url} with {scheme}");
        self.asked.lock().expect("nobody panicked").push(line);
        let answer = (self.answer)(&url, authorization.is_some());
        Box::pin(async move { Ok(answer) })
    }
}

fn answer(status: u16, header: HeaderName, value: &str) -> Response<Bytes> {
    let answer = Response::builder().status(status).header(header, value);
    answer.body(Bytes::new()).expect("it is an answer")
}

async fn asked(base: &str, answer: fn(&str, bool) -> Response<Bytes>) -> Vec<String> {
    let transport = Scripted {
        answer,
        asked: Mutex::default(),
    };
    let subject = Subject {
        transport: &transport,
        base: base.parse().expect("it is an address"),
        login: Some(("user".to_owned(), "secret".to_owned())),
    };
    let _ = subject.send(Call::get(subject.url("a/blobs/b"))).await;
    transport.asked.into_inner().expect("nobody panicked")
}

#[tokio::test]
async fn a_host_behind_a_redirect_is_not_told_the_login() {
    let asked = asked("https://registry.test", |url, has_login| {
        match (url.contains("registry.test"), has_login) {
            (true, true) => answer(307, LOCATION, "https://other.test/blob"),
            _ => answer(401, WWW_AUTHENTICATE, "Basic realm=\"x\""),
        }
    });
    assert_eq!(
        asked.await,
        [
            "https://registry.test/v2/a/blobs/b with nothing",
            "https://registry.test/v2/a/blobs/b with Basic",
            "https://other.test/blob with nothing",
        ]
    );
}

#[tokio::test]
async fn the_login_never_leaves_an_encrypted_registry_in_the_clear() {
    let asked = asked("https://registry.test", |_, _| {
        answer(
            401,
            WWW_AUTHENTICATE,
            "Bearer realm=\"http://tokens.test/t\"",
        )
    });
    assert_eq!(
        asked.await,
        ["https://registry.test/v2/a/blobs/b with nothing"]
    );
}

#[tokio::test]
async fn tokens_come_from_wherever_the_registry_says() {
    for scheme in ["https", "http"] {
        let base = format!("{scheme}://registry.test");
        let asked = asked(&base, |url, _| {
            let realm = match url.starts_with("https:") {
                true => "Bearer realm=\"https://tokens.test/t\"",
                false => "Bearer realm=\"http://tokens.test/t\"",
            };
            answer(401, WWW_AUTHENTICATE, realm)
        });
        let expected = format!("{scheme}://tokens.test/t with Basic");
        assert_eq!(asked.await[1..], [expected]);
    }
}
