//! Which token service may be asked on behalf of a registry.

use modelpack_spec::Host;
use url::Url;

use crate::policy::{Origin, Reach, check_reach};

/// Registries whose token service has another origin, as (registry, token service); all others of the
/// large ones use their own. Both sides count: an entry trusts no token service for anybody else.
const BUILT_IN: [(&str, &str); 2] = [
    ("registry-1.docker.io", "auth.docker.io"),
    ("registry.gitlab.com", "gitlab.com"),
];

/// A token service that may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Realm {
    pub(crate) url: Url,
    /// How near the address may be that its name resolves to.
    pub(crate) reach: Reach,
}

/// Decides whether the token service that `registry` names may be asked, with our secret or anonymously.
/// `reach` is that of the registry. The error says what is wrong and how to allow it.
pub(crate) fn check(
    realm: &str,
    registry: &Origin,
    with_secret: bool,
    allowed: &[(Host, Host)],
    reach: Reach,
) -> Result<Realm, String> {
    let mut url =
        Url::parse(realm).map_err(|error| format!("the token service is no URL: {error}"))?;
    url.set_fragment(None);
    let origin = Origin::of(&url)
        .ok_or_else(|| format!("a token service with the scheme `{}`", url.scheme()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a token service with a user in its URL".to_owned());
    }
    if registry.is_secure() && !origin.is_secure() {
        return Err(format!("a token service without TLS, {origin}"));
    }
    if origin == *registry {
        // The registry itself; its address is the user's choice.
        let reach = Reach::Local;
        return Ok(Realm { url, reach });
    }
    if allowed
        .iter()
        .any(|(host, token_host)| registry.is_at(host) && origin.is_at(token_host))
    {
        let reach = Reach::Local;
        return Ok(Realm { url, reach });
    }
    check_reach(&url, reach)?;
    let is = |origin: &Origin, name: &str| origin.to_string() == format!("https://{name}:443");
    let is_built_in = BUILT_IN
        .iter()
        .any(|(host, token_host)| is(registry, host) && is(&origin, token_host));
    if is_built_in || (!with_secret && origin.is_secure()) {
        return Ok(Realm { url, reach });
    }
    Err(if with_secret {
        format!(
            "credentials for {registry} do not go to the token service {origin} unless that pair is allowed"
        )
    } else {
        format!("a token service of another origin without TLS, {origin}")
    })
}
