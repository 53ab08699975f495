//! Bearer tokens: what a token service allows its bearer to do.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use super::keys::TokenKeys;
use super::{Access, Action, Caller, Grant, Rules, Wanted, WrongCredentials, quoted};

/// How far the clocks of token service and registry may differ.
const LEEWAY: Duration = Duration::from_secs(60);
/// Largest token that is looked at; those of large organisations take some kibibytes.
const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// What a token says (the registry tokens of the distribution project).
#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<u64>,
    nbf: Option<u64>,
    #[serde(default)]
    access: Option<Vec<AccessClaim>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct AccessClaim {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    actions: Vec<String>,
}

/// `Bearer` authentication: tokens of a token service, and rules for those who have none.
pub struct TokenAccess {
    keys: TokenKeys,
    realm: String,
    service: String,
    issuer: String,
    rules: Rules,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

impl TokenAccess {
    /// Tokens that were signed with one of these keys, by `issuer`, for the audience `service`.
    /// `realm` is the address of the token service, which clients are sent to. `rules` add to what
    /// tokens allow, for instance that everybody may pull. `clock` says what time it is.
    #[must_use]
    pub fn new(
        keys: TokenKeys,
        realm: impl Into<String>,
        service: impl Into<String>,
        issuer: impl Into<String>,
        rules: Rules,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Self {
        Self {
            keys,
            realm: realm.into(),
            service: service.into(),
            issuer: issuer.into(),
            rules,
            clock: Arc::new(clock),
        }
    }

    fn accepts(&self, claims: &Claims) -> bool {
        let now = (self.clock)()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let is_for_us = match &claims.aud {
            Some(Audience::One(audience)) => *audience == self.service,
            Some(Audience::Many(audiences)) => audiences.contains(&self.service),
            None => false,
        };
        // A token without an end would be valid for ever once it is stolen.
        let is_alive = claims
            .exp
            .is_some_and(|end| now < end.saturating_add(LEEWAY.as_secs()));
        let has_begun = claims
            .nbf
            .is_none_or(|begin| begin <= now.saturating_add(LEEWAY.as_secs()));
        is_for_us && is_alive && has_begun && claims.iss.as_deref() == Some(&*self.issuer)
    }
}

impl Access for TokenAccess {
    fn identify(&self, authorization: Option<&str>) -> Result<Caller, WrongCredentials> {
        let Some(authorization) = authorization else {
            return Ok(Caller::anonymous());
        };
        let token = authorization
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .filter(|token| token.len() <= MAX_TOKEN_BYTES)
            .ok_or(WrongCredentials)?;
        let claims = self
            .keys
            .verify(token)
            .and_then(|claims| serde_json::from_slice::<Claims>(&claims).ok())
            .filter(|claims| self.accepts(claims))
            .ok_or(WrongCredentials)?;
        // Token services give tokens to those who have not logged in, too.
        let mut caller = match claims.sub.filter(|subject| !subject.is_empty()) {
            Some(subject) => Caller::named(subject),
            None => Caller::anonymous(),
        };
        let access = claims.access.unwrap_or_default().into_iter();
        caller.grants = access
            .filter(|claim| claim.kind == "repository")
            .map(|claim| Grant::new(claim.name, actions(&claim.actions)))
            .collect();
        Ok(caller)
    }

    fn allows(&self, caller: &Caller, wanted: &Wanted) -> bool {
        let is_granted = caller.grants.iter().any(|grant| {
            grant.repository == wanted.repository.as_str() && grant.actions.contains(&wanted.action)
        });
        is_granted || self.rules.allow(caller, wanted)
    }

    fn challenge(&self, caller: Option<&Caller>, wanted: &[Wanted]) -> Option<String> {
        let mut challenge = format!(
            "Bearer realm={},service={}",
            quoted(&self.realm),
            quoted(&self.service)
        );
        if !wanted.is_empty() {
            challenge.push_str(&format!(",scope={}", quoted(&scope(wanted))));
        }
        match caller {
            None => challenge.push_str(",error=\"invalid_token\""),
            Some(caller) if caller.name.is_some() || !caller.grants.is_empty() => {
                challenge.push_str(",error=\"insufficient_scope\"");
            }
            Some(_) => {}
        }
        Some(challenge)
    }
}

impl fmt::Debug for TokenAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAccess")
            .field("realm", &self.realm)
            .field("service", &self.service)
            .field("issuer", &self.issuer)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

fn actions(words: &[String]) -> Vec<Action> {
    [Action::Pull, Action::Push, Action::Delete]
        .into_iter()
        .filter(|action| {
            words
                .iter()
                .any(|word| word == "*" || word == action.as_str())
        })
        .collect()
}

/// The scopes to ask the token service for, with spaces between. Who pushes also looks what is there.
fn scope(wanted: &[Wanted]) -> String {
    let scopes = wanted.iter().map(|wanted| {
        let actions = match wanted.action {
            Action::Push => "pull,push",
            action => action.as_str(),
        };
        format!("repository:{}:{actions}", wanted.repository)
    });
    scopes.collect::<Vec<_>>().join(" ")
}
