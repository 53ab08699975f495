//! The proxies that the environment names.

use std::env;
use std::ffi::OsString;

use modelpack::registry::{Proxies, Proxy};

use crate::exit::UsageError;

pub(super) fn from_environment() -> anyhow::Result<Proxies> {
    read(|variable| env::var_os(variable)).map_err(|reason| UsageError(reason).into())
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
