//! Which requests go through which proxy; knows no environment, only the values that it is given.

mod no_proxy;

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use url::Url;

pub use no_proxy::NoProxy;

use crate::auth::Secret;

/// A proxy: `http://[user:password@]host[:port]` or `socks5://…`. Without a scheme it is `http`.
///
/// Requests to `https` registries go through a tunnel (`CONNECT`), so that the proxy sees the name of the
/// registry and nothing else; requests to plain `http` registries are handed to it whole. A SOCKS proxy
/// resolves names itself. Its password goes to the proxy only.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    host: String,
    port: u16,
    login: Option<(String, Secret)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Http,
    Socks5,
}

/// A text that names no proxy that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the proxy address {reason}; write for example `http://proxy.example.com:3128`")]
pub struct InvalidProxy {
    // The text itself may hold a password.
    reason: String,
}

impl FromStr for Proxy {
    type Err = InvalidProxy;

    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        let invalid = |reason: &str| InvalidProxy {
            reason: reason.to_owned(),
        };
        let text = text.trim();
        let full = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let url = Url::parse(&full).map_err(|_| invalid("is no URL"))?;
        let (kind, default_port) = match url.scheme() {
            "http" => (Kind::Http, 80),
            "socks5" | "socks5h" => (Kind::Socks5, 1080),
            other => {
                return Err(invalid(&format!(
                    "has the scheme `{other}`, only http and socks5 are spoken"
                )));
            }
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("has more than a host and a port"));
        }
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| invalid("has no host"))?;
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = (!url.username().is_empty() || url.password().is_some()).then(|| {
            let password = decode(url.password().unwrap_or_default());
            (decode(url.username()), Secret::new(password))
        });
        let proxy = Self {
            kind,
            host: host.to_owned(),
            port: url.port().unwrap_or(default_port),
            login,
        };
        // What the connectors take; a host that it cannot be made of cannot be connected to either.
        match proxy.try_uri() {
            Some(_) => Ok(proxy),
            None => Err(invalid("has a host that cannot be connected to")),
        }
    }
}

impl Proxy {
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    fn try_uri(&self) -> Option<Uri> {
        format!("http://{}:{}/", self.host, self.port).parse().ok()
    }

    /// Where to connect to.
    pub(crate) fn uri(&self) -> Uri {
        self.try_uri()
            .expect("it was tried when the proxy was parsed")
    }

    /// User and password.
    pub(crate) fn login(&self) -> Option<(&str, &Secret)> {
        let (user, password) = self.login.as_ref()?;
        Some((user, password))
    }

    /// The `Proxy-Authorization` of an HTTP proxy; never shown by `Debug`.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        let (user, password) = self.login()?;
        let text = STANDARD.encode(format!("{user}:{}", password.expose()));
        let mut value = HeaderValue::try_from(format!("Basic {text}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Socks5 => "socks5",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// Without user and password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// The proxies for all hosts that have none of their own: what `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`
/// and `NO_PROXY` say, as values.
///
/// This machine (`localhost`, `127.0.0.0/8`, `::1`) is never asked through them, since a proxy elsewhere
/// would ask another machine.
///
/// ```
/// use modelpack_registry::{Proxies, Proxy};
///
/// let mut proxies = Proxies::default();
/// proxies.https = Some("http://proxy.corp:3128".parse::<Proxy>()?);
/// proxies.no_proxy = "localhost,.corp,10.0.0.0/8".parse()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proxies {
    /// For registries over plain HTTP.
    pub http: Option<Proxy>,
    /// For registries over HTTPS.
    pub https: Option<Proxy>,
    /// For those that the other two leave out.
    pub all: Option<Proxy>,
    /// Hosts that are asked directly.
    pub no_proxy: NoProxy,
}

impl Proxies {
    /// The proxy for a host, which can be a name or an address, with or without brackets.
    #[must_use]
    pub fn of(&self, is_https: bool, host: &str, port: u16) -> Option<&Proxy> {
        if no_proxy::is_this_machine(host) || self.no_proxy.matches(host, port) {
            return None;
        }
        let own = if is_https { &self.https } else { &self.http };
        own.as_ref().or(self.all.as_ref())
    }
}

#[cfg(test)]
mod tests;
