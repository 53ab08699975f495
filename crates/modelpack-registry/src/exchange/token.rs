//! Asking a token service.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use url::form_urlencoded::Serializer;

use super::{Answer, Exchange, Payload, Request, Step};
use crate::auth::{Credential, Realm, Scopes, Secret, Token, parse_token};
use crate::error::Error;
use crate::policy::Redirects;

/// Who we say that we are to services that ask for the name of the program.
const CLIENT_ID: &str = "modelpack";

/// An identity token is tried by POST first (OAuth2 refresh) and then by GET, everything else by GET only.
/// Requests follow no redirects, since they carry the secret themselves.
pub(crate) struct GetToken<'a> {
    realm: &'a Realm,
    service: Option<&'a str>,
    scopes: &'a Scopes,
    credential: Option<&'a Credential>,
    may_fall_back: bool,
}

impl<'a> GetToken<'a> {
    pub(crate) fn new(
        realm: &'a Realm,
        service: Option<&'a str>,
        scopes: &'a Scopes,
        credential: Option<&'a Credential>,
    ) -> Self {
        Self {
            realm,
            service,
            scopes,
            credential,
            may_fall_back: matches!(credential, Some(Credential::IdentityToken { .. })),
        }
    }

    /// Every value is percent-encoded by `url`, so that none can add a parameter.
    fn get(&self) -> Request {
        let mut url = self.realm.url.clone();
        let user = match self.credential {
            Some(Credential::Password { username, password }) => Some((username, password)),
            Some(Credential::IdentityToken { username, token }) => Some((username, token)),
            Some(Credential::RegistryToken { .. }) | None => None,
        };
        {
            let mut query = url.query_pairs_mut();
            if let Some((username, _)) = user {
                query.append_pair("account", username);
            }
            if let Some(service) = self.service {
                query.append_pair("service", service);
            }
            for scope in self.scopes.texts() {
                query.append_pair("scope", &scope);
            }
        }
        if url.query() == Some("") {
            url.set_query(None);
        }
        let request = Request::new(Method::GET, url).redirects(Redirects::Never);
        match user {
            Some((username, secret)) => request.header(AUTHORIZATION, basic(username, secret)),
            None => request,
        }
    }

    fn post(&self, token: &Secret) -> Request {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token")
            .append_pair("refresh_token", token.expose())
            .append_pair("client_id", CLIENT_ID);
        if let Some(service) = self.service {
            form.append_pair("service", service);
        }
        let scopes = self.scopes.to_string();
        if !scopes.is_empty() {
            form.append_pair("scope", &scopes);
        }
        Request::new(Method::POST, self.realm.url.clone())
            .redirects(Redirects::Never)
            .header(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            )
            .payload(Payload::Bytes(Bytes::from(form.finish())))
    }
}

impl Exchange for GetToken<'_> {
    type Output = Token;
    const WHAT: &'static str = "answer of the token service";
    /// Tokens have a few KiB, with long lists of scopes some tens.
    const MAX_BYTES: u64 = 256 * 1024;

    fn start(&self) -> Request {
        match self.credential {
            Some(Credential::IdentityToken { token, .. }) => self.post(token),
            _ => self.get(),
        }
    }

    fn answer(&mut self, answer: Answer) -> Result<Step<Token>, Error> {
        let head = &answer.head;
        match head.status {
            StatusCode::OK => parse_token(&answer.body)
                .map(Step::Done)
                .map_err(|reason| head.invalid(reason, None)),
            StatusCode::BAD_REQUEST
            | StatusCode::UNAUTHORIZED
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
                if std::mem::take(&mut self.may_fall_back) =>
            {
                Ok(Step::Send(self.get()))
            }
            // "Not found" of a token service says nothing about what was asked for.
            StatusCode::NOT_FOUND => Err(head.invalid("the token service is not there", None)),
            StatusCode::FORBIDDEN => Err(Error::Unauthorized { at: head.at() }),
            _ => Err(answer.failure()),
        }
    }
}

/// The header value of user and password; never shown by `Debug`.
pub(crate) fn basic(username: &str, password: &Secret) -> HeaderValue {
    let text = STANDARD.encode(format!("{username}:{}", password.expose()));
    sensitive(&format!("Basic {text}")).expect("base64 is a header value")
}

/// A header value that is never shown by `Debug`; `None` when no header can carry it.
pub(crate) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
