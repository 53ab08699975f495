//! Tokens: how long they are good, and for whom.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use modelpack_spec::Digest;
use serde::Deserialize;

use super::credential::Secret;
use super::scope::Scopes;
use crate::policy::Origin;

/// Shortest life of a token, and that of one without `expires_in` (token specification of distribution).
const MIN_LIFE: Duration = Duration::from_secs(60);
/// Longest life that is believed; services have sent numbers that overflow.
const MAX_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long before its end a token is no longer sent, so that it is good when it arrives.
const MARGIN: Duration = Duration::from_secs(10);
/// Most tokens that are kept; a push to a hundred repositories needs a few hundred.
const MAX_TOKENS: usize = 1024;

/// A token and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) secret: Secret,
    pub(crate) life: Duration,
}

/// Reads the answer of a token service.
pub(crate) fn parse_token(body: &[u8]) -> Result<Token, &'static str> {
    #[derive(Deserialize)]
    struct Body {
        token: Option<String>,
        access_token: Option<String>,
        expires_in: Option<f64>,
    }
    let body: Body = serde_json::from_slice(body)
        .map_err(|_| "the token service sent no JSON object with a token")?;
    let text = [body.token, body.access_token]
        .into_iter()
        .flatten()
        .find(|text| !text.is_empty())
        .ok_or("the token service sent no token")?;
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the token has characters that no header can carry");
    }
    let life = body
        .expires_in
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or(MIN_LIFE)
        .clamp(MIN_LIFE, MAX_LIFE);
    Ok(Token {
        secret: Secret::new(text),
        life,
    })
}

/// Everything that must be equal for a token to be the right one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TokenKey {
    pub(crate) identity: Digest,
    pub(crate) registry: Origin,
    pub(crate) realm: String,
    pub(crate) service: Option<String>,
    pub(crate) scopes: Scopes,
}

/// Tokens that are still good.
#[derive(Debug, Default)]
pub(crate) struct TokenCache(HashMap<TokenKey, (Secret, Instant)>);

impl TokenCache {
    pub(crate) fn find(&self, key: &TokenKey, now: Instant) -> Option<Secret> {
        let (secret, end) = self.0.get(key)?;
        (now < *end).then(|| secret.clone())
    }

    pub(crate) fn insert(&mut self, key: TokenKey, token: &Token, now: Instant) {
        self.0.retain(|_, (_, end)| now < *end);
        if self.0.len() >= MAX_TOKENS {
            self.0.clear();
        }
        let end = now + token.life.saturating_sub(MARGIN);
        self.0.insert(key, (token.secret.clone(), end));
    }

    /// Forgets a token that was refused, unless another one has taken its place meanwhile.
    pub(crate) fn forget(&mut self, key: &TokenKey, refused: &Secret) {
        if self.0.get(key).is_some_and(|(secret, _)| secret == refused) {
            self.0.remove(key);
        }
    }
}
