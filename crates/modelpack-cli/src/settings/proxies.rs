//! The proxies that the environment names.

use std::env;
use std::ffi::OsString;

use modelpack::registry::hosts::Hosts;
use modelpack::registry::{Proxies, Proxy};

use crate::exit::UsageError;

/// The proxy of the flag, else those of the environment. What is asked directly stays so.
pub(super) fn given(flag: Option<&str>) -> anyhow::Result<Proxies> {
    let mut proxies = from_environment()?;
    if let Some(text) = flag {
        let proxy: Proxy = text
            .parse()
            .map_err(|error| UsageError(format!("--proxy: {error}")))?;
        proxies.http = None;
        proxies.https = None;
        proxies.all = Some(proxy);
    }
    Ok(proxies)
}

/// Takes the proxies out of the settings of hosts, since a flag comes before a file.
pub(super) fn leave_to_flag(hosts: &mut Hosts) {
    hosts.default.proxy = None;
    for settings in hosts.hosts.values_mut() {
        settings.proxy = None;
    }
}

fn from_environment() -> anyhow::Result<Proxies> {
    read(|variable| env::var_os(variable)).map_err(|reason| UsageError(reason).into())
}

/// Names and values of the variables about proxies that are set, without passwords.
pub(super) fn variables() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for upper in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        for name in [upper.to_owned(), upper.to_ascii_lowercase()] {
            let Some(value) = env::var_os(&name).filter(|value| !value.is_empty()) else {
                continue;
            };
            let value = value.to_string_lossy().into_owned();
            let shown = if upper == "NO_PROXY" {
                value
            } else {
                value
                    .parse::<Proxy>()
                    .map_or_else(|error| error.to_string(), |proxy| proxy.to_string())
            };
            found.push((name, shown));
        }
    }
    found
}

/// Each variable in upper or lower case, an empty one as none.
fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Proxies, String> {
    // A web server that starts programs sets HTTP_PROXY from a header that strangers send ("httpoxy").
    let is_cgi = variable("REQUEST_METHOD").is_some();
    let find = |upper: &str| {
        let lower = upper.to_ascii_lowercase();
        let names = [upper, &lower];
        let names = names
            .into_iter()
            .filter(|name| !(is_cgi && *name == "HTTP_PROXY"));
        let filled = |name: &str| variable(name).filter(|value| !value.is_empty());
        names
            .filter_map(|name| Some((name.to_owned(), filled(name)?)))
            .next()
    };
    let proxy = |name: &str| -> Result<Option<Proxy>, String> {
        let Some((name, value)) = find(name) else {
            return Ok(None);
        };
        let parsed = value.to_string_lossy().parse();
        parsed.map(Some).map_err(|error| format!("{name}: {error}"))
    };
    let mut proxies = Proxies::default();
    proxies.http = proxy("HTTP_PROXY")?;
    proxies.https = proxy("HTTPS_PROXY")?;
    proxies.all = proxy("ALL_PROXY")?;
    if let Some((_, list)) = find("NO_PROXY") {
        proxies.no_proxy = list
            .to_string_lossy()
            .parse()
            .unwrap_or_else(|never| match never {});
    }
    Ok(proxies)
}

#[cfg(test)]
mod tests;
