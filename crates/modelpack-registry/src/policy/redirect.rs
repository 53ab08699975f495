//! Where an answer may send us.

use modelpack_spec::Host;
use url::Url;

use super::origin::Origin;
use super::reach::Reach;

/// Most hops of one request; what browsers and the fetch standard allow is 20, registries need two.
pub(crate) const MAX_HOPS: u32 = 10;

/// Which redirects a request follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redirects {
    /// None: token requests carry secrets in their body.
    Never,
    /// Those to the same origin.
    SameOrigin,
    /// Also to other origins, without any secret: content that is verified by its digest.
    Anywhere,
}

/// Why an answer's URL is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is no usable URL.
    Invalid(String),
    /// A rule forbids it.
    Policy(String),
}

/// Decides about a redirect from `from` to `location`. `registry` is the origin that the request was meant
/// for, and `reach` that of the nearest-to-public server that had a say so far.
pub(crate) fn follow(
    from: &Url,
    location: &str,
    registry: &Origin,
    rule: Redirects,
    hops: u32,
    reach: Reach,
) -> Result<Url, Refusal> {
    let policy = |reason: String| Err(Refusal::Policy(reason));
    let (url, origin) = resolve(from, location)?;
    if rule == Redirects::Never {
        return policy(format!("a redirect to {origin} is not followed here"));
    }
    if hops >= MAX_HOPS {
        return policy(format!("more than {MAX_HOPS} redirects"));
    }
    if from.scheme() == "https" && !origin.is_secure() {
        return policy(format!("a redirect from https to {origin}"));
    }
    if origin == *registry && Origin::of(from).as_ref() == Some(registry) {
        return Ok(url);
    }
    if rule == Redirects::SameOrigin {
        return policy(format!("a redirect to another origin, {origin}"));
    }
    check_reach(&url, reach).map_err(Refusal::Policy)?;
    Ok(url)
}

/// Decides about a URL that continues an operation with our credentials: `Location` of an upload, `Link` of
/// a list. It must have the registry's origin.
pub(crate) fn continuation(from: &Url, location: &str) -> Result<Url, Refusal> {
    let (url, origin) = resolve(from, location)?;
    if Origin::of(from).as_ref() == Some(&origin) {
        return Ok(url);
    }
    Err(Refusal::Policy(format!(
        "the registry continues on another origin, {origin}; it may not know its own external URL"
    )))
}

/// Decides like [`continuation`], and also lets the operation go on at one of these hosts: without our
/// credentials, and never from https to http.
pub(crate) fn continuation_among(
    from: &Url,
    location: &str,
    allowed: &[Host],
) -> Result<Url, Refusal> {
    let (url, origin) = resolve(from, location)?;
    let is_allowed = allowed.iter().any(|host| origin.is_at(host));
    if is_allowed && (origin.is_secure() || from.scheme() == "http") {
        return Ok(url);
    }
    continuation(from, location)
}

/// Refuses an address that is nearer than the server that named it.
pub(crate) fn check_reach(url: &Url, reach: Reach) -> Result<(), String> {
    match Reach::of_host(url.host()) {
        Some(target) if target > reach => Err(format!(
            "{} is an address inside a network, named by a server outside of it",
            url.host_str().unwrap_or_default()
        )),
        _ => Ok(()),
    }
}

fn resolve(from: &Url, location: &str) -> Result<(Url, Origin), Refusal> {
    let mut url = from
        .join(location)
        .map_err(|error| Refusal::Invalid(format!("its Location is no URL: {error}")))?;
    url.set_fragment(None);
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::Policy("a URL with a user in it".to_owned()));
    }
    match Origin::of(&url) {
        Some(origin) => Ok((url, origin)),
        None => Err(Refusal::Policy(format!(
            "a URL with the scheme `{}`",
            url.scheme()
        ))),
    }
}
