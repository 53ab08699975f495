//! From how far away an address can be reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// From how far away an address can be reached. A server may send us to a place that is at most as near
/// as itself: a public one never into our own network, that would make us its hands inside of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reach {
    /// From everywhere.
    Public,
    /// From the same network.
    Private,
    /// From this machine, or its link: loopback, link-local (cloud metadata), unspecified.
    Local,
}

impl Reach {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// The reach of a host that is an address, or a name that always means this machine. Other names have
    /// to be resolved first. (`url` has already turned decimal and octal forms into addresses.)
    pub(crate) fn of_host(host: Option<url::Host<&str>>) -> Option<Self> {
        match host? {
            url::Host::Ipv4(address) => Some(of_v4(address)),
            url::Host::Ipv6(address) => Some(of_v6(address)),
            url::Host::Domain(name) => {
                let name = name.trim_end_matches('.');
                let is_local = name.eq_ignore_ascii_case("localhost")
                    || name.to_ascii_lowercase().ends_with(".localhost");
                is_local.then_some(Self::Local)
            }
        }
    }
}

fn of_v4(address: Ipv4Addr) -> Reach {
    let octets = address.octets();
    if address.is_loopback() || address.is_link_local() || octets[0] == 0 {
        Reach::Local
    } else if address.is_private()
        || octets[0] >= 224 // multicast, reserved, broadcast
        || (octets[0] == 100 && octets[1] & 0xc0 == 64) // shared address space, RFC 6598
        || (octets[0] == 198 && octets[1] & 0xfe == 18) // benchmarking, RFC 2544
        || octets[..3] == [192, 0, 0]
    {
        Reach::Private
    } else {
        Reach::Public
    }
}

fn of_v6(address: Ipv6Addr) -> Reach {
    let segments = address.segments();
    if address.is_loopback() || address.is_unspecified() || segments[0] & 0xffc0 == 0xfe80 {
        return Reach::Local;
    }
    // Addresses that carry an IPv4 address inside are as near as that one.
    let low = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        of_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, a, b] | [0x64, 0xff9b, 0, 0, 0, 0, a, b] => low(a, b),
        [0x2002, a, b, ..] => low(a, b),
        [first, ..] if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 || first >= 0xff00 => {
            Reach::Private
        }
        _ => Reach::Public,
    }
}
