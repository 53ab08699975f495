//! Logging in where a registry asks for it: `Basic`, and `Bearer` by GET.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Request};
use serde::Deserialize;
use url::Url;

use super::wire::{RequestBody, Transport};

/// A challenge of a `WWW-Authenticate` header.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// The `Authorization` header that answers one of the challenges; `None` when none can be answered.
/// Tokens are also given to those who have no login, for what is public. A registry that speaks HTTPS cannot
/// have anybody fetch a token in the clear, since the login and the token would be for everybody to read.
pub(super) async fn answer(
    transport: &dyn Transport,
    at: &Url,
    headers: &HeaderMap,
    login: Option<&(String, String)>,
) -> Option<String> {
    let basic = login
        .map(|(name, password)| format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))));
    for header in headers.get_all(WWW_AUTHENTICATE) {
        match parse(header.to_str().ok()?) {
            Some(Challenge::Basic) => return basic,
            Some(Challenge::Bearer {
                realm,
                service,
                scope,
            }) => {
                let mut url = at.join(&realm).ok()?;
                if at.scheme() == "https" && url.scheme() != "https" {
                    return None;
                }
                if let Some(service) = service {
                    url.query_pairs_mut().append_pair("service", &service);
                }
                for scope in scope.iter().flat_map(|scope| scope.split(' ')) {
                    url.query_pairs_mut().append_pair("scope", scope);
                }
                let mut request = Request::get(url.as_str()).header(ACCEPT, "application/json");
                if let Some(basic) = basic {
                    request = request.header(AUTHORIZATION, basic);
                }
                let request = request.body(RequestBody::default()).ok()?;
                let body: Bytes = transport.send(request).await.ok()?.into_body();
                let token: Token = serde_json::from_slice(&body).ok()?;
                return Some(format!("Bearer {}", token.access_token.or(token.token)?));
            }
            None => {}
        }
    }
    None
}

fn parse(header: &str) -> Option<Challenge> {
    let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let parameter = |name: &str| {
        let mut rest = rest;
        while let Some((key, after)) = rest.split_once('=') {
            let (value, next) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_once(',').unwrap_or((after, "")),
            };
            if key.trim_matches([' ', ',']).eq_ignore_ascii_case(name) {
                return Some(value.trim().to_owned());
            }
            rest = next;
        }
        None
    };
    Some(Challenge::Bearer {
        realm: parameter("realm")?,
        service: parameter("service"),
        scope: parameter("scope"),
    })
}

#[cfg(test)]
mod tests;
