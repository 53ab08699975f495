//! What of a remote's address can be published.

/// The user that every forge has for git over SSH. Any other may be a person, or a token.
const FORGE_USER: &str = "git";

/// An address without what only its owner should know: user, password, query and fragment. Nothing for a local
/// path, for an address that a program of the owner's machine interprets, and for one that cannot be taken
/// apart with certainty.
pub(super) fn published(url: &str) -> Option<String> {
    if url
        .chars()
        .any(|c| c.is_control() || c.is_whitespace() || c == '\\')
    {
        return None;
    }
    let url = &url[..url.find(['?', '#']).unwrap_or(url.len())];
    match url.split_once("://") {
        Some((scheme, rest)) => with_scheme(scheme, rest),
        None => like_scp(url),
    }
}

fn with_scheme(scheme: &str, rest: &str) -> Option<String> {
    let is_ssh = matches!(scheme, "ssh" | "git+ssh" | "ssh+git");
    if !is_ssh && !matches!(scheme, "http" | "https" | "git") {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find('/')?);
    let (login, host) = match authority.rsplit_once('@') {
        Some((login, host)) => (Some(login), host),
        None => (None, authority),
    };
    let user = login.map(|login| login.split(':').next().unwrap_or_default());
    let user = match user {
        Some(FORGE_USER) if is_ssh => "git@",
        _ => "",
    };
    // A password with a slash in it would end the authority early, and stand in the path.
    (is_host(host) && !path.contains('@')).then(|| format!("{scheme}://{user}{host}{path}"))
}

/// `[user@]host:path`, which is SSH.
fn like_scp(url: &str) -> Option<String> {
    let (login, path) = url.split_once(':')?;
    let (user, host) = match login.rsplit_once('@') {
        Some((FORGE_USER, host)) => ("git@", host),
        Some((_, host)) => ("", host),
        None => ("", login),
    };
    // One letter is the drive of a Windows path; two colons name a program.
    let is_remote = host.len() > 1 && is_host(host) && !path.starts_with(':');
    (is_remote && !path.is_empty() && !path.contains('@')).then(|| format!("{user}{host}:{path}"))
}

/// A name or an address, perhaps with a port.
fn is_host(text: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    };
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            address.parse::<std::net::Ipv6Addr>().is_ok()
                && port.strip_prefix(':').map_or(port.is_empty(), is_port)
        });
    }
    match text.split_once(':') {
        Some((name, port)) => is_name(name) && is_port(port),
        None => is_name(text),
    }
}
