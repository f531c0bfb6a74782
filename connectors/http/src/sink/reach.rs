//! Which addresses may be connected to: public ones, and those that the document lists.
//!
//! The check is of the address itself, right before it is connected to, and that very address is connected to. A name that
//! resolves to something else later (DNS rebinding) gains nothing: each connection is looked up and checked anew, and a kept one
//! stays with the address that was checked.
//!
//! What stands literally in `url` was written by the operator and is as good as listed: an IP address (that one address), and
//! `localhost` (loopback). Any other name that resolves to an address which is not public needs `allow`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> IpNet {
    IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> IpNet {
    IpNet::new_assert(IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), prefix)
}

const LOOPBACK: &[IpNet] = &[v4(127, 0, 0, 0, 8), IpNet::new_assert(IpAddr::V6(Ipv6Addr::LOCALHOST), 128)];
const PRIVATE: &[IpNet] = &[v4(10, 0, 0, 0, 8), v4(172, 16, 0, 0, 12), v4(192, 168, 0, 0, 16), v6(0xfc00, 0, 0, 7)];
const LINK_LOCAL: &[IpNet] = &[v4(169, 254, 0, 0, 16), v6(0xfe80, 0, 0, 10)];
const MULTICAST: &[IpNet] = &[v4(224, 0, 0, 0, 4), v6(0xff00, 0, 0, 8)];
/// IANA's special-purpose registries (RFC 6890 and its updates), what is not above. Prefixes that carry an IPv4 address
/// (NAT64, 6to4, Teredo, the deprecated compatible form) are refused whole: what they lead to is not looked into.
const RESERVED: &[IpNet] = &[
    v4(0, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(240, 0, 0, 0, 4),
    v6(0, 0, 0, 96),
    v6(0x64, 0xff9b, 0, 96),
    v6(0x64, 0xff9b, 1, 48),
    v6(0x100, 0, 0, 64),
    v6(0x2001, 0, 0, 23),
    v6(0x2001, 0xdb8, 0, 32),
    v6(0x2002, 0, 0, 16),
    v6(0x3fff, 0, 0, 20),
    v6(0x5f00, 0, 0, 16),
    v6(0xfec0, 0, 0, 10),
];

/// In the order looked at: the narrower first, so that an address is called what it is.
const SPECIAL: &[(&str, &[IpNet])] = &[
    ("loopback", LOOPBACK),
    ("private", PRIVATE),
    ("link-local", LINK_LOCAL),
    ("multicast", MULTICAST),
    ("reserved", RESERVED),
];

/// What a sink may connect to besides public addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    allowed: Vec<IpNet>,
}

impl Reach {
    /// Adds an entry of `allow`: a network, an address, or one of `loopback`, `private`, `link-local`.
    pub(super) fn allow(&mut self, entry: &str) -> Result<(), String> {
        match entry {
            "loopback" => self.allowed.extend(LOOPBACK),
            "private" => self.allowed.extend(PRIVATE),
            "link-local" => self.allowed.extend(LINK_LOCAL),
            _ => {
                let network = entry.parse::<IpNet>().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
                let network = network.map_err(|_| {
                    format!("`{entry}` is no network; write one as in 10.1.0.0/16, or loopback, private, link-local")
                })?;
                self.allowed.push(network);
            }
        }
        Ok(())
    }

    /// Adds what the host of the URL says literally.
    pub(super) fn allow_host(&mut self, host: &str) {
        if let Ok(address) = host.parse::<IpAddr>() {
            self.allowed.push(address.to_canonical().into());
        } else if host == "localhost" || host.ends_with(".localhost") {
            self.allowed.extend(LOOPBACK);
        }
    }

    /// Why this address may not be connected to: the kind of address it is.
    pub(super) fn refuses(&self, address: IpAddr) -> Option<&'static str> {
        // `::ffff:127.0.0.1` is 127.0.0.1 to the operating system as well.
        let address = address.to_canonical();
        if self.allowed.iter().any(|network| network.contains(&address)) {
            return None;
        }
        let kind = SPECIAL.iter().find(|(_, networks)| networks.iter().any(|network| network.contains(&address)));
        kind.map(|(kind, _)| *kind)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn reach(entries: &[&str]) -> Reach {
        let mut reach = Reach::default();
        for entry in entries {
            reach.allow(entry).unwrap();
        }
        reach
    }

    fn check(allow: &[&str], address: &str, expected: Option<&str>) {
        assert_eq!(reach(allow).refuses(address.parse().unwrap()), expected, "{address} with {allow:?}");
    }

    #[test]
    fn only_public_addresses_need_no_listing() {
        for address in ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"] {
            check(&[], address, None);
        }
        let special = [
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("10.0.0.1", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("::ffff:192.168.1.1", "private"),
            ("fd00::1", "private"),
            ("fc00::1", "private"),
            ("169.254.169.254", "link-local"),
            ("::ffff:169.254.169.254", "link-local"),
            ("fe80::1", "link-local"),
            ("224.0.0.1", "multicast"),
            ("ff02::1", "multicast"),
            ("0.0.0.0", "reserved"),
            ("0.1.2.3", "reserved"),
            ("::", "reserved"),
            ("::127.0.0.1", "reserved"),
            ("100.64.0.1", "reserved"),
            ("192.0.0.1", "reserved"),
            ("198.18.0.1", "reserved"),
            ("203.0.113.7", "reserved"),
            ("255.255.255.255", "reserved"),
            ("64:ff9b::a00:1", "reserved"),
            ("64:ff9b:1::a00:1", "reserved"),
            ("2001::1", "reserved"),
            ("2001:db8::1", "reserved"),
            ("2002:7f00:1::1", "reserved"),
            ("fec0::1", "reserved"),
        ];
        for (address, kind) in special {
            check(&[], address, Some(kind));
        }
    }

    #[test]
    fn what_is_listed_may_be_reached_and_nothing_beside_it() {
        check(&["loopback"], "127.0.0.1", None);
        check(&["loopback"], "::ffff:127.0.0.1", None);
        check(&["loopback"], "::1", None);
        check(&["loopback"], "10.0.0.1", Some("private"));
        check(&["private"], "10.0.0.1", None);
        check(&["private"], "fd12::1", None);
        check(&["private"], "169.254.169.254", Some("link-local"));
        check(&["link-local"], "169.254.169.254", None);
        check(&["10.1.0.0/16"], "10.1.2.3", None);
        check(&["10.1.0.0/16"], "10.2.0.1", Some("private"));
        check(&["10.1.2.3"], "10.1.2.3", None);
        check(&["10.1.2.3"], "10.1.2.4", Some("private"));
        assert!(Reach::default().allow("intranet").is_err());
    }

    #[test]
    fn what_stands_literally_in_the_url_is_listed_by_it() {
        let check = |host: &str, address: &str, expected| {
            let mut reach = Reach::default();
            reach.allow_host(host);
            assert_eq!(reach.refuses(address.parse().unwrap()), expected, "{address} for {host}");
        };
        check("localhost", "127.0.0.1", None);
        check("localhost", "::1", None);
        check("app.localhost", "127.0.0.1", None);
        check("localhost", "10.0.0.1", Some("private"));
        check("10.0.0.1", "10.0.0.1", None);
        check("10.0.0.1", "10.0.0.2", Some("private"));
        check("::1", "::1", None);
        check("::ffff:10.0.0.1", "10.0.0.1", None);
        check("orders.internal", "10.0.0.1", Some("private"));
        check("notlocalhost", "127.0.0.1", Some("loopback"));
    }
}
