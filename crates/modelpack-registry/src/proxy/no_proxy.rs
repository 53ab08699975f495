//! The hosts that are asked without a proxy.

use std::convert::Infallible;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// Hosts that are asked without a proxy, as `NO_PROXY` lists them: separated by commas or spaces.
///
/// - `*`: all hosts
/// - `example.com`, `.example.com`, `*.example.com`: that domain with its subdomains
/// - `192.0.2.7`, `[2001:db8::1]`: an address
/// - `10.0.0.0/8`, `fd00::/8`: all addresses of a network
/// - a domain or address with `:port`: that port only
///
/// Addresses are compared with hosts that are written as addresses; no name is resolved for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoProxy(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    All,
    Network(IpNet),
    Address(IpAddr, Option<u16>),
    Domain(String, Option<u16>),
}

impl FromStr for NoProxy {
    type Err = Infallible;

    /// Every text is taken: an entry that no host can have matches none.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let entries = text.split(|c: char| c == ',' || c.is_ascii_whitespace());
        let entries = entries.filter(|entry| !entry.is_empty());
        Ok(Self(entries.map(rule).collect()))
    }
}

impl<'de> serde::Deserialize<'de> for NoProxy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = Vec::<String>::deserialize(deserializer)?;
        Ok(Self(
            entries.iter().map(|entry| rule(entry.trim())).collect(),
        ))
    }
}

impl NoProxy {
    /// Whether a host is asked directly.
    #[must_use]
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let host = bare(host);
        let address = host
            .parse::<IpAddr>()
            .ok()
            .map(|address| address.to_canonical());
        self.0.iter().any(|rule| match (rule, address) {
            (Rule::All, _) => true,
            (Rule::Network(network), Some(address)) => network.contains(&address),
            (Rule::Address(wanted, wanted_port), Some(address)) => {
                *wanted == address && wanted_port.is_none_or(|wanted| wanted == port)
            }
            (Rule::Domain(domain, wanted_port), None) => {
                is_within(host, domain) && wanted_port.is_none_or(|wanted| wanted == port)
            }
            _ => false,
        })
    }
}

/// Whether a host is this machine.
pub(super) fn is_this_machine(host: &str) -> bool {
    let host = bare(host);
    is_within(host, "localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

fn rule(entry: &str) -> Rule {
    if entry == "*" {
        return Rule::All;
    }
    if let Ok(network) = entry.parse() {
        return Rule::Network(network);
    }
    let (host, port) = match entry.parse::<IpAddr>() {
        // An IPv6 address without brackets has colons, but no port.
        Ok(_) => (entry, None),
        Err(_) => match entry.rsplit_once(':') {
            Some((host, port)) => match port.parse() {
                Ok(port) => (host, Some(port)),
                Err(_) => (entry, None),
            },
            None => (entry, None),
        },
    };
    let host = bare(host);
    match host.parse::<IpAddr>() {
        Ok(address) => Rule::Address(address.to_canonical(), port),
        Err(_) => {
            let domain = host.strip_prefix('*').unwrap_or(host);
            let domain = domain.strip_prefix('.').unwrap_or(domain);
            Rule::Domain(domain.to_ascii_lowercase(), port)
        }
    }
}

/// Without the brackets of an IPv6 address and the dot of a full name.
fn bare(host: &str) -> &str {
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host)
}

/// Whether a name is a domain or lies below it; `domain` is in lower case.
fn is_within(name: &str, domain: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !domain.is_empty()
        && name
            .strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
