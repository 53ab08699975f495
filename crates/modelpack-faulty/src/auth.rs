//! Who is let in, and the token endpoint.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::behaviour::{Auth, Bearer};
use super::reply::Reply;
use super::route::Route;
use super::wire::{Head, Incoming, form};

/// Requests to the token endpoint with more than this are no such requests.
const MAX_FORM: u64 = 64 * 1024;

/// A repository and what is done to it.
pub(super) type Scope = (String, String);

/// Tokens that were given out.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Every token ever, also those that have ended: they stay secret.
    given: Vec<String>,
    alive: BTreeMap<String, Issued>,
}

#[derive(Debug)]
struct Issued {
    scopes: Vec<Scope>,
    uses: Option<u64>,
    until: Option<Instant>,
}

/// Whether a request is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    LetIn,
    /// With the `error` of the challenge.
    Refused(Option<&'static str>),
}

impl Tokens {
    pub(super) fn judge(&self, auth: &Auth, head: &Head, needs: &[Scope]) -> Verdict {
        let given = head.header("authorization");
        match auth {
            Auth::Open => Verdict::LetIn,
            Auth::Basic { user, password } => match given {
                Some(value) if value == basic(user, password) => Verdict::LetIn,
                _ => Verdict::Refused(None),
            },
            Auth::Bearer(_) => match given.and_then(|value| value.strip_prefix("Bearer ")) {
                Some(token) => self.spend(token, needs),
                None => Verdict::Refused(None),
            },
        }
    }

    /// The same without counting a use.
    pub(super) fn may(&self, auth: &Auth, head: &Head, need: &Scope) -> bool {
        let Auth::Bearer(_) = auth else {
            return self.judge(auth, head, &[]) == Verdict::LetIn;
        };
        let token = head
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        let inner = self.lock();
        token
            .and_then(|token| inner.alive.get(token))
            .is_some_and(|issued| issued.scopes.contains(need))
    }

    fn spend(&self, token: &str, needs: &[Scope]) -> Verdict {
        let mut inner = self.lock();
        let Some(issued) = inner.alive.get_mut(token) else {
            return Verdict::Refused(Some("invalid_token"));
        };
        let over = issued.until.is_some_and(|until| Instant::now() >= until);
        if over || issued.uses == Some(0) {
            inner.alive.remove(token);
            return Verdict::Refused(Some("invalid_token"));
        }
        if !needs.iter().all(|need| issued.scopes.contains(need)) {
            return Verdict::Refused(Some("insufficient_scope"));
        }
        issued.uses = issued.uses.map(|uses| uses - 1);
        Verdict::LetIn
    }

    pub(super) fn forget(&self) {
        self.lock().alive.clear();
    }

    /// Everything that was ever given out.
    pub(super) fn given(&self) -> Vec<String> {
        self.lock().given.clone()
    }

    /// The answer of the token endpoint.
    pub(super) fn answer(
        &self,
        bearer: &Bearer,
        head: &Head,
        body: &mut Incoming<'_>,
    ) -> io::Result<Reply> {
        let Some(text) = body.collect(MAX_FORM)? else {
            return Ok(Reply::error(413, "SIZE_INVALID", "the form is too long"));
        };
        let fields = match head.method.as_str() {
            "GET" => head.query(),
            "POST" => form(&String::from_utf8_lossy(&text)),
            _ => return Ok(Reply::error(405, "UNSUPPORTED", "GET or POST")),
        };
        let field = |name: &str| {
            let mut fields = fields.iter();
            fields
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        let known = match (
            head.header("authorization"),
            field("grant_type"),
            field("username").zip(field("password")),
        ) {
            (Some(value), _, _) => Some(value == basic(&bearer.user, &bearer.password)),
            (None, Some("refresh_token"), _) => {
                Some(field("refresh_token").is_some_and(|token| self.is_refresh(token)))
            }
            (None, _, Some((user, password))) => {
                Some(user == bearer.user && password == bearer.password)
            }
            _ => None,
        };
        if known == Some(false) {
            return Ok(Reply::error(401, "UNAUTHORIZED", "no such user"));
        }
        let asked = fields
            .iter()
            .filter(|(key, _)| key == "scope")
            .flat_map(|(_, value)| value.split(' '))
            .flat_map(scopes);
        let granted = asked
            .filter(|(_, action)| known.is_some() || (bearer.anonymous_pull && action == "pull"));
        let token = self.issue(bearer, granted.collect());
        let mut answer = json!({"token": token, "access_token": token});
        if let Some(life) = bearer.told_life.or(bearer.life) {
            answer["expires_in"] = life.into();
        }
        let offline =
            field("offline_token") == Some("true") || field("access_type") == Some("offline");
        if offline && known.is_some() {
            answer["refresh_token"] = self.note("refresh").into();
        }
        Ok(Reply::json(200, &answer))
    }

    fn issue(&self, bearer: &Bearer, scopes: Vec<Scope>) -> String {
        let token = self.note("token");
        let issued = Issued {
            scopes,
            uses: bearer.uses,
            until: bearer
                .life
                .map(|life| Instant::now() + Duration::from_secs(life)),
        };
        self.lock().alive.insert(token.clone(), issued);
        token
    }

    /// A new text that stands nowhere else.
    fn note(&self, kind: &str) -> String {
        let mut inner = self.lock();
        let text = format!("secret-{kind}-{:06}-end", inner.given.len() + 1);
        inner.given.push(text.clone());
        text
    }

    fn is_refresh(&self, token: &str) -> bool {
        let refresh = token.starts_with("secret-refresh-");
        refresh && self.lock().given.iter().any(|given| given == token)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("nothing panics while it holds the tokens")
    }
}

/// The value of `Authorization` for a password.
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// `repository:a/b:pull,push` in single actions; anything else is nothing.
fn scopes(text: &str) -> Vec<Scope> {
    let Some((kind, rest)) = text.split_once(':') else {
        return Vec::new();
    };
    match rest.rsplit_once(':') {
        Some((name, actions)) if kind == "repository" => actions
            .split(',')
            .map(|action| (name.to_owned(), action.to_owned()))
            .collect(),
        _ => Vec::new(),
    }
}

/// What a request needs. A mount that may not read its source is answered as an upload, so that is not needed.
pub(super) fn needs(route: &Route, method: &str) -> Vec<Scope> {
    let Some(repository) = route.repository() else {
        return Vec::new();
    };
    let action = match (method, route) {
        ("GET" | "HEAD", Route::Session { .. }) => "push",
        ("GET" | "HEAD", _) => "pull",
        ("DELETE", Route::Session { .. }) => "push",
        ("DELETE", _) => "delete",
        _ => "push",
    };
    vec![(repository.to_owned(), action.to_owned())]
}

/// The value of `WWW-Authenticate`.
pub(super) fn challenge(auth: &Auth, realm: &str, needs: &[Scope], error: Option<&str>) -> String {
    let Auth::Bearer(bearer) = auth else {
        return "Basic realm=\"faulty\"".to_owned();
    };
    let mut text = format!("Bearer realm=\"{realm}\",service=\"{}\"", bearer.service);
    let scopes = needs.iter().map(|(name, action)| match action.as_str() {
        "push" => format!("repository:{name}:pull,push"),
        _ => format!("repository:{name}:{action}"),
    });
    let scopes: Vec<String> = scopes.collect();
    if !scopes.is_empty() {
        text.push_str(&format!(",scope=\"{}\"", scopes.join(" ")));
    }
    if let Some(error) = error {
        text.push_str(&format!(",error=\"{error}\""));
    }
    text
}
