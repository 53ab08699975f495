//! What to answer to a 401, and when to stop.

use modelpack_spec::Host;

use super::challenge::{Bearer, Challenge};
use super::credential::Credential;
use super::realm::{self, Realm};
use super::scope::Scopes;
use crate::policy::{Origin, Reach};

/// What one request has tried so far. It allows a remembered token, one that another request has
/// fetched meanwhile, a fresh one, and one with more scopes when the registry says that they were too few; never an endless exchange of 401s.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    secret_sent: bool,
    fresh: Option<Scopes>,
    widened: bool,
    borrowed: bool,
}

/// What to do about a 401.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Send user and password.
    Basic,
    /// Send the registry token of the credential.
    RegistryToken,
    /// Get a token from this service and send it.
    Token {
        /// The service.
        realm: Realm,
        /// Name of the registry there.
        service: Option<String>,
        /// What to ask for.
        scopes: Scopes,
    },
    /// Nothing is left to try.
    GiveUp,
    /// The registry wants our secret in a place where it must not go.
    Refused(String),
}

/// Who asks whom.
pub(crate) struct Context<'a> {
    pub(crate) registry: &'a Origin,
    pub(crate) reach: Reach,
    pub(crate) allowed: &'a [(Host, Host)],
    pub(crate) wanted: &'a Scopes,
}

impl Tries {
    pub(crate) fn next(
        &mut self,
        challenges: &[Challenge],
        credential: Option<&Credential>,
        context: &Context<'_>,
    ) -> Next {
        let bearer = challenges.iter().find_map(|challenge| match challenge {
            Challenge::Bearer(bearer) => Some(bearer),
            Challenge::Basic => None,
        });
        let mut refused = None;
        if let Some(bearer) = bearer {
            if let Some(Credential::RegistryToken { .. }) = credential {
                return self.once(Next::RegistryToken);
            }
            let with_secret = credential.is_some();
            match realm::check(
                &bearer.realm,
                context.registry,
                with_secret,
                context.allowed,
                context.reach,
            ) {
                Ok(realm) => return self.token(bearer, realm, context.wanted),
                Err(reason) => refused = Some(reason),
            }
        }
        let has_password = matches!(credential, Some(Credential::Password { .. }));
        if challenges.contains(&Challenge::Basic) && has_password {
            return self.once(Next::Basic);
        }
        refused.map_or(Next::GiveUp, Next::Refused)
    }

    /// Notes that a remembered password or registry token was sent already.
    pub(crate) fn sent_secret(&mut self) {
        self.secret_sent = true;
    }

    /// Notes that the token was one that another request had fetched meanwhile. It may have run out
    /// since, so it does not count as fresh; but that is forgiven only once.
    pub(crate) fn borrowed(&mut self) {
        if !std::mem::replace(&mut self.borrowed, true) {
            self.fresh = None;
        }
    }

    fn once(&mut self, next: Next) -> Next {
        if std::mem::replace(&mut self.secret_sent, true) {
            Next::GiveUp
        } else {
            next
        }
    }

    fn token(&mut self, bearer: &Bearer, realm: Realm, wanted: &Scopes) -> Next {
        let mut scopes = wanted.clone();
        scopes.merge(&bearer.scopes);
        if let Some(fresh) = &self.fresh {
            let too_few = bearer.error.as_deref() == Some("insufficient_scope");
            if !too_few || self.widened || fresh.contains(&scopes) {
                return Next::GiveUp;
            }
            self.widened = true;
            scopes.merge(fresh);
        }
        self.fresh = Some(scopes.clone());
        Next::Token {
            realm,
            service: bearer.service.clone(),
            scopes,
        }
    }
}
