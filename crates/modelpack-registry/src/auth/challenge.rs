//! The `WWW-Authenticate` header (RFC 9110 section 11.6.1), as registries really write it.

use super::scope::Scopes;

/// Most challenges of one answer that are read; real answers have one or two.
const MAX_CHALLENGES: usize = 16;

/// A way to authenticate that a registry offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password in every request.
    Basic,
    /// A token that a token service gives.
    Bearer(Bearer),
}

/// Where a token comes from and what it must allow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Bearer {
    /// URL of the token service, as it was read.
    pub(crate) realm: String,
    /// Name of the registry in the eyes of the token service.
    pub(crate) service: Option<String>,
    /// What the refused request needs.
    pub(crate) scopes: Scopes,
    /// Why a token was refused: `invalid_token`, `insufficient_scope`.
    pub(crate) error: Option<String>,
}

/// Reads all challenges of all `WWW-Authenticate` headers of an answer, in order. Schemes that are not
/// known, and Bearer without a realm, are left out.
pub(crate) fn parse<'a>(headers: impl IntoIterator<Item = &'a str>) -> Vec<Challenge> {
    let mut found = Vec::new();
    for header in headers {
        for (scheme, parameters) in split(header) {
            if found.len() == MAX_CHALLENGES {
                return found;
            }
            found.extend(challenge(scheme, parameters));
        }
    }
    found
}

fn challenge(scheme: &str, parameters: Vec<(&str, String)>) -> Option<Challenge> {
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let mut bearer = Bearer::default();
    for (name, value) in parameters {
        match name.to_ascii_lowercase().as_str() {
            "realm" => bearer.realm = value,
            "service" => bearer.service = Some(value),
            "scope" => bearer.scopes.merge(&Scopes::parse(&value)),
            "error" => bearer.error = Some(value),
            _ => {}
        }
    }
    (!bearer.realm.is_empty()).then_some(Challenge::Bearer(bearer))
}

/// Splits `scheme name=value, name="value", scheme …`. A token that is followed by `=` and a value is a
/// parameter, any other token begins a challenge: that is how the two kinds of commas are told apart.
fn split(header: &str) -> Vec<(&str, Vec<(&str, String)>)> {
    let mut challenges: Vec<(&str, Vec<(&str, String)>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find(|c: char| !is_token_char(c)).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        if token.is_empty() {
            // A stray character, such as the rest of an opaque token68: skip it.
            let mut chars = rest.chars();
            if chars.next().is_none() {
                return challenges;
            }
            rest = chars.as_str();
            continue;
        }
        let value = after.trim_start().strip_prefix('=').map(str::trim_start);
        match (value, challenges.last_mut()) {
            (Some(value), Some((_, parameters))) => {
                let (value, after) = read_value(value);
                parameters.push((token, value));
                rest = after;
            }
            (Some(value), None) => (_, rest) = read_value(value),
            (None, _) => {
                challenges.push((token, Vec::new()));
                rest = after;
            }
        }
    }
}

/// A quoted text with its escapes undone, or everything up to the next comma or space.
fn read_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return (value, chars.as_str()),
            '\\' => value.extend(chars.next()),
            c => value.push(c),
        }
    }
    // The closing quote is missing; what is there is all there is.
    (value, "")
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}
