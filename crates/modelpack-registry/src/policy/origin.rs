//! Origins: what a secret is bound to.

use std::fmt;

use modelpack_spec::Host;
use url::Url;

/// Scheme, host and port of a URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an `http` or `https` URL.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Some(Self {
            secure,
            host: url.host_str()?.to_owned(),
            port: url.port_or_known_default()?,
        })
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Name or address, an IPv6 address in brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether this is the origin that `host` has under the scheme of this one.
    pub(crate) fn is_at(&self, host: &Host) -> bool {
        let default = if self.secure { 443 } else { 80 };
        self.host
            .trim_matches(['[', ']'])
            .eq_ignore_ascii_case(host.name())
            && self.port == host.port().unwrap_or(default)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}
