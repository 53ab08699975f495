//! The registry as a test holds it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::auth::basic;
use super::behaviour::{Auth, Behaviour};
use super::contents::Contents;
use super::journal::{Connections, Exchange, Served};
use super::matching::Armed;
use super::rules::{Origin, Rule, When};
use super::server::{Threads, Wrap, bind, listen, plain};
use super::state::{Places, State};
#[cfg(feature = "tls")]
use super::tls::Identity;

/// A running registry on loopback ports of its own. It ends when it is dropped, and panics then if it met a defect of
/// its own.
#[derive(Debug)]
pub struct FaultyRegistry {
    state: Arc<State>,
    threads: Arc<Threads>,
    secrets: Vec<String>,
    #[cfg(feature = "tls")]
    identity: Option<Identity>,
}

/// How a [`FaultyRegistry`] is to be.
#[derive(Debug, Clone, Default)]
pub struct FaultyBuilder {
    behaviour: Behaviour,
    contents: Contents,
    rules: Vec<Rule>,
    secrets: Vec<String>,
    #[cfg(feature = "tls")]
    tls: Tls,
}

/// Which origins speak HTTPS.
#[cfg(feature = "tls")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Tls {
    /// None.
    #[default]
    Off,
    /// The registry and its token service, so that every way to the other origin is one from https to http.
    Registry,
    /// All.
    Everywhere,
}

/// How an origin is reached, and by what.
#[cfg(feature = "tls")]
type Scheme = (&'static str, Arc<Wrap>);

/// A secret at an origin that has no business with it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leak {
    /// Which secret, or the header that must not be there at all.
    pub secret: String,
    /// The request that carried it.
    pub exchange: Exchange,
}

impl FaultyBuilder {
    /// What it serves. Registries that share contents are mirrors of each other.
    #[must_use]
    pub fn contents(mut self, contents: &Contents) -> Self {
        self.contents = contents.clone();
        self
    }

    /// How it is when nothing goes wrong.
    #[must_use]
    pub fn behaviour(mut self, behaviour: Behaviour) -> Self {
        self.behaviour = behaviour;
        self
    }

    /// Who may do what.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.behaviour.auth = auth;
        self
    }

    /// One more thing that goes wrong.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// More things that go wrong.
    #[must_use]
    pub fn rules(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.rules.extend(rules);
        self
    }

    /// Another text that must not turn up at a foreign origin.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// Which origins speak HTTPS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// When the loopback interface has no free port.
    pub fn start(self) -> FaultyRegistry {
        let own_tokens = matches!(&self.behaviour.auth, Auth::Bearer(bearer) if bearer.own_origin);
        let registry = bind();
        let elsewhere = bind();
        let tokens = own_tokens.then(bind);
        let plainly: Arc<Wrap> = Arc::new(plain);
        #[cfg(feature = "tls")]
        let identity = (self.tls != Tls::Off).then(Identity::new);
        #[cfg(feature = "tls")]
        let (wrap, wrap_elsewhere) = self.wraps(identity.as_ref(), &plainly);
        #[cfg(not(feature = "tls"))]
        let (wrap, wrap_elsewhere) = (("http", Arc::clone(&plainly)), ("http", plainly));
        let places = Places {
            scheme: wrap.0,
            scheme_elsewhere: wrap_elsewhere.0,
            registry: registry.1,
            elsewhere: elsewhere.1,
            tokens: tokens.as_ref().map(|(_, address)| *address),
        };
        let rules = Armed::new(self.rules);
        let state = Arc::new(State::new(self.behaviour, self.contents, places, rules));
        let threads = Arc::new(Threads::default());
        let listen = |origin, listener, wrap| listen(&threads, &state, origin, listener, wrap);
        listen(Origin::Registry, registry.0, &wrap.1);
        listen(Origin::Elsewhere, elsewhere.0, &wrap_elsewhere.1);
        if let Some((listener, _)) = tokens {
            listen(Origin::Tokens, listener, &wrap.1);
        }
        FaultyRegistry {
            state,
            threads,
            secrets: self.secrets,
            #[cfg(feature = "tls")]
            identity,
        }
    }

    /// Scheme and wire of the registry and of the other origin.
    #[cfg(feature = "tls")]
    fn wraps(&self, identity: Option<&Identity>, plainly: &Arc<Wrap>) -> (Scheme, Scheme) {
        let off = ("http", Arc::clone(plainly));
        let Some(identity) = identity.cloned() else {
            return (off.clone(), off);
        };
        let wrap: Arc<Wrap> = Arc::new(move |socket| identity.wrap(socket));
        let on = ("https", wrap);
        match self.tls {
            Tls::Everywhere => (on.clone(), on),
            Tls::Registry | Tls::Off => (on, off),
        }
    }
}

impl FaultyRegistry {
    /// An empty registry that is open to everybody and does nothing wrong, until told otherwise.
    pub fn builder() -> FaultyBuilder {
        FaultyBuilder::default()
    }

    /// What it serves.
    pub fn contents(&self) -> &Contents {
        &self.state.contents
    }

    /// Host and port of the registry as they stand in a reference: `127.0.0.1:41234`.
    pub fn host(&self) -> String {
        self.address(Origin::Registry).to_string()
    }

    /// Where an origin listens. Without an origin of its own the token service is at the registry.
    pub fn address(&self, origin: Origin) -> SocketAddr {
        let places = &self.state.places;
        match origin {
            Origin::Registry => places.registry,
            Origin::Tokens => places.tokens.unwrap_or(places.registry),
            Origin::Elsewhere => places.elsewhere,
        }
    }

    /// The URL of an origin, without a slash at the end.
    pub fn url(&self, origin: Origin) -> String {
        self.state.places.url(origin)
    }

    /// The authority that vouches for the registry, as PEM; `None` without HTTPS.
    #[cfg(feature = "tls")]
    pub fn authority_pem(&self) -> Option<&str> {
        Some(self.identity.as_ref()?.authority.as_str())
    }

    /// One more thing that goes wrong from now on.
    pub fn add_rule(&self, rule: Rule) {
        self.state.rules().push(rule);
    }

    /// Other rules from now on, counted anew.
    pub fn set_rules(&self, rules: impl IntoIterator<Item = Rule>) {
        *self.state.rules() = Armed::new(rules.into_iter().collect());
    }

    /// How often each rule has struck, in the order in which they were given.
    pub fn struck(&self) -> Vec<u64> {
        self.state.rules().struck()
    }

    /// Every token that was given out stops working.
    pub fn forget_tokens(&self) {
        self.state.tokens.forget();
    }

    /// All requests so far at all origins, in the order of their arrival.
    pub fn requests(&self) -> Vec<Exchange> {
        self.state.journal.exchanges()
    }

    /// Method and target of all requests so far, at one origin.
    pub fn lines(&self, origin: Origin) -> Vec<String> {
        let requests = self.requests().into_iter();
        let here = requests.filter(|exchange| exchange.origin == origin);
        here.map(|exchange| exchange.line()).collect()
    }

    /// How many requests matched so far. Here an unsaid `authorized` counts those that were sent away too.
    pub fn count(&self, when: &When) -> usize {
        self.state.journal.count(when)
    }

    /// Waits until so many requests have matched; false when that takes longer than `limit`.
    #[must_use]
    pub fn wait_for(&self, when: &When, count: usize, limit: Duration) -> bool {
        self.state.journal.wait_until(limit, when, count, false)
    }

    /// Waits until so many requests have matched and are over, one way or the other.
    #[must_use]
    pub fn wait_for_end(&self, when: &When, count: usize, limit: Duration) -> bool {
        self.state.journal.wait_until(limit, when, count, true)
    }

    /// The bytes of a blob that went out.
    pub fn served(&self, digest: &str) -> Served {
        let mut ledger = self.ledger();
        ledger.remove(digest).unwrap_or_default()
    }

    /// The bytes that went out, by blob.
    pub fn ledger(&self) -> BTreeMap<String, Served> {
        self.state.journal.ledger()
    }

    /// Forgets the requests and the ledger; rules and connections stay counted.
    pub fn forget_requests(&self) {
        self.state.journal.clear();
    }

    /// How many connections an origin has and had.
    pub fn connections(&self, origin: Origin) -> Connections {
        self.state.journal.connections(origin)
    }

    /// How many uploads are neither finished nor cancelled.
    pub fn open_uploads(&self) -> usize {
        self.state.sessions.open()
    }

    /// Everything that only this registry and its token service may see: the password, also as it travels, every
    /// token that was given out, and what the builder was told.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = self.secrets.clone();
        let (user, password) = match &self.state.behaviour.auth {
            Auth::Open => (None, None),
            Auth::Basic { user, password } => (Some(user), Some(password)),
            Auth::Bearer(bearer) => (Some(&bearer.user), Some(&bearer.password)),
        };
        if let (Some(user), Some(password)) = (user, password) {
            let encoded = basic(user, password);
            secrets.push(password.clone());
            secrets.extend(encoded.strip_prefix("Basic ").map(str::to_owned));
        }
        secrets.extend(self.state.tokens.given());
        secrets
    }

    /// Secrets that were seen at the other origin. `Authorization` and `Cookie` count whatever is in them.
    pub fn leaks(&self) -> Vec<Leak> {
        let secrets = self.secrets();
        let mut leaks = Vec::new();
        for exchange in self.requests() {
            if exchange.origin != Origin::Elsewhere {
                continue;
            }
            for name in ["authorization", "cookie", "proxy-authorization"] {
                if exchange.header(name).is_some() {
                    leaks.push(Leak {
                        secret: name.to_owned(),
                        exchange: exchange.clone(),
                    });
                }
            }
            leaks.extend(carried(&exchange, &secrets));
        }
        leaks
    }

    /// Secrets of another registry that were seen here, at any origin: what a mirror must never get.
    pub fn leaks_of(&self, other: &Self) -> Vec<Leak> {
        let secrets = other.secrets();
        let requests = self.requests();
        requests
            .iter()
            .flat_map(|exchange| carried(exchange, &secrets))
            .collect()
    }
}

/// The secrets in a request: in its target, its headers or its body.
fn carried(exchange: &Exchange, secrets: &[String]) -> Vec<Leak> {
    let mut text = exchange.target.clone();
    for (name, value) in &exchange.headers {
        text.push_str(&format!("\n{name}: {value}"));
    }
    text.push('\n');
    text.push_str(&String::from_utf8_lossy(&exchange.body));
    let decoded = super::wire::decode(&text);
    let found = secrets.iter().filter(|secret| {
        !secret.is_empty() && (text.contains(*secret) || decoded.contains(*secret))
    });
    found
        .map(|secret| Leak {
            secret: secret.clone(),
            exchange: exchange.clone(),
        })
        .collect()
}

impl Drop for FaultyRegistry {
    fn drop(&mut self) {
        let places = &self.state.places;
        let mut addresses = vec![places.registry, places.elsewhere];
        addresses.extend(places.tokens);
        let well = self.threads.stop(&addresses);
        // What went wrong inside must not pass for what went wrong on purpose.
        assert!(
            well || std::thread::panicking(),
            "a thread of the registry panicked"
        );
    }
}
