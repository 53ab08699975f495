//! Credentials and tokens of registries, asked for once and shared by all requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;
use modelpack_spec::Host;
use tokio::time::Instant;

use super::{Reply, Transport};
use crate::auth::{
    Context, Credential, CredentialSource, Next, Realm, Scopes, Secret, TokenCache, TokenKey,
    Tries, parse_challenges,
};
use crate::error::Error;
use crate::exchange::{GetToken, basic, sensitive};
use crate::name::Name;
use crate::policy::{Origin, Refusal};
use crate::target::Target;

pub(super) struct Authorizer {
    source: Arc<dyn CredentialSource>,
    token_hosts: Vec<(Host, Host)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    credentials: HashMap<Name, Option<Credential>>,
    /// How a registry wanted to be asked the last time.
    ways: HashMap<Origin, Way>,
    tokens: TokenCache,
    /// Held while a token is fetched, so that many requests at once ask for it once.
    flights: HashMap<TokenKey, Arc<tokio::sync::Mutex<()>>>,
}

#[derive(Clone)]
enum Way {
    Basic,
    RegistryToken,
    Token {
        realm: String,
        service: Option<String>,
    },
}

/// The authentication of one request.
pub(super) struct Session<'a> {
    pub(super) target: &'a Target,
    scopes: &'a Scopes,
    tries: Tries,
    sent: Option<(TokenKey, Secret)>,
}

impl<'a> Session<'a> {
    pub(super) fn new(target: &'a Target, scopes: &'a Scopes) -> Self {
        Self {
            target,
            scopes,
            tries: Tries::default(),
            sent: None,
        }
    }

    fn key(&self, credential: Option<&Credential>, realm: &str, service: Option<&str>) -> TokenKey {
        TokenKey {
            identity: Credential::identity(credential),
            registry: self.target.origin.clone(),
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scopes: self.scopes.clone(),
        }
    }
}

impl Authorizer {
    pub(super) fn new(source: Arc<dyn CredentialSource>, token_hosts: Vec<(Host, Host)>) -> Self {
        Self {
            source,
            token_hosts,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The `Authorization` that worked before, so that not every request has to be refused first.
    pub(super) async fn remembered(&self, session: &mut Session<'_>) -> Option<HeaderValue> {
        let (way, credential) = {
            let state = self.state();
            let way = state.ways.get(&session.target.origin)?.clone();
            (way, state.credentials.get(&session.target.name).cloned())
        };
        match (way, credential) {
            (Way::Basic, Some(Some(Credential::Password { username, password }))) => {
                session.tries.sent_secret();
                Some(basic(&username, &password))
            }
            (Way::RegistryToken, Some(Some(Credential::RegistryToken { token }))) => {
                session.tries.sent_secret();
                bearer(&token)
            }
            (Way::Token { realm, service }, Some(credential)) => {
                let key = session.key(credential.as_ref(), &realm, service.as_deref());
                let token = self.state().tokens.find(&key, now())?;
                let value = bearer(&token);
                session.sent = Some((key, token));
                value
            }
            _ => None,
        }
    }

    /// What to send after a 401; `None` when nothing is left to try.
    pub(super) async fn respond(
        &self,
        transport: &Transport,
        session: &mut Session<'_>,
        reply: &Reply,
    ) -> Result<Option<HeaderValue>, Error> {
        let headers = reply.head.headers.get_all(WWW_AUTHENTICATE);
        let challenges = parse_challenges(headers.iter().filter_map(|value| value.to_str().ok()));
        if challenges.is_empty() {
            return Ok(None);
        }
        let credential = self.credential(&session.target.name).await?;
        let context = Context {
            registry: &session.target.origin,
            reach: reply.peer,
            allowed: &self.token_hosts,
            wanted: session.scopes,
        };
        let next = session
            .tries
            .next(&challenges, credential.as_ref(), &context);
        match (next, &credential) {
            (Next::Basic, Some(Credential::Password { username, password })) => {
                let origin = session.target.origin.clone();
                self.state().ways.insert(origin, Way::Basic);
                Ok(Some(basic(username, password)))
            }
            (Next::RegistryToken, Some(Credential::RegistryToken { token })) => {
                let origin = session.target.origin.clone();
                self.state().ways.insert(origin, Way::RegistryToken);
                Ok(bearer(token))
            }
            (
                Next::Token {
                    realm,
                    service,
                    scopes,
                },
                _,
            ) => {
                let service = service.as_deref();
                let key = session.key(credential.as_ref(), realm.url.as_str(), service);
                let refused = session.sent.take().map(|(_, token)| token);
                let (token, is_fresh) = self
                    .token(
                        transport,
                        session.target,
                        &key,
                        refused,
                        &realm,
                        service,
                        &scopes,
                        credential.as_ref(),
                    )
                    .await
                    .inspect_err(|error| self.forget_if_wrong(&session.target.name, error))?;
                if !is_fresh {
                    session.tries.borrowed();
                }
                let way = Way::Token {
                    realm: key.realm.clone(),
                    service: key.service.clone(),
                };
                self.state().ways.insert(key.registry.clone(), way);
                let value = bearer(&token);
                session.sent = Some((key, token));
                Ok(value)
            }
            (Next::Refused(reason), _) => Err(reply.head.refused(Refusal::Policy(reason))),
            _ => {
                // The next operation may find a new login.
                self.state().credentials.remove(&session.target.name);
                Ok(None)
            }
        }
    }

    fn forget_if_wrong(&self, name: &Name, error: &Error) {
        if error.is_unauthorized() {
            self.state().credentials.remove(name);
        }
    }

    async fn credential(&self, name: &Name) -> Result<Option<Credential>, Error> {
        if let Some(known) = self.state().credentials.get(name) {
            return Ok(known.clone());
        }
        let credential =
            self.source
                .credential(name)
                .await
                .map_err(|source| Error::Credentials {
                    host: name.host.clone(),
                    source,
                })?;
        self.state()
            .credentials
            .insert(name.clone(), credential.clone());
        Ok(credential)
    }

    /// A token that is not `refused`: one that somebody else has fetched meanwhile, or a new one; and which
    /// of them it is.
    #[expect(
        clippy::too_many_arguments,
        reason = "all of them are one question, asked in one place"
    )]
    async fn token(
        &self,
        transport: &Transport,
        target: &Target,
        key: &TokenKey,
        refused: Option<Secret>,
        realm: &Realm,
        service: Option<&str>,
        scopes: &Scopes,
        credential: Option<&Credential>,
    ) -> Result<(Secret, bool), Error> {
        let flight = Arc::clone(self.state().flights.entry(key.clone()).or_default());
        let _landing = flight.lock().await;
        {
            let mut state = self.state();
            if let Some(refused) = &refused {
                state.tokens.forget(key, refused);
            }
            if let Some(token) = state.tokens.find(key, now()) {
                return Ok((token, false));
            }
        }
        let exchange = GetToken::new(realm, service, scopes, credential);
        let outcome = transport.run_token(target, realm.reach, exchange).await;
        let mut state = self.state();
        state.flights.remove(key);
        let token = outcome?;
        state.tokens.insert(key.clone(), &token, now());
        Ok((token.secret, true))
    }
}

fn bearer(token: &Secret) -> Option<HeaderValue> {
    sensitive(&format!("Bearer {}", token.expose()))
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
