//! Where an address lies: outside, or somewhere that a call made on a stranger's word must not reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Reachable from everywhere.
    Public,
    /// This machine or its network: loopback, private (RFC 1918, RFC 4193), carrier-grade NAT (RFC 6598).
    Inside,
    /// Link-local, and the metadata services of clouds, which hand out credentials to whoever asks.
    LinkLocal,
    /// Nothing a client connects to: unspecified, multicast, documentation, reserved.
    Nowhere,
}

/// By the IANA special-purpose registries (RFC 6890 and its updates). An IPv6 address that carries an IPv4 one is judged
/// by what it carries.
pub fn place_of(ip: IpAddr) -> Place {
    match ip {
        IpAddr::V4(v4) => place_of_v4(v4),
        IpAddr::V6(v6) => place_of_v6(v6),
    }
}

fn place_of_v4(ip: Ipv4Addr) -> Place {
    match ip.octets() {
        // Alibaba Cloud's metadata service stands in the carrier-grade range.
        [100, 100, 100, 200] | [169, 254, _, _] => Place::LinkLocal,
        [10 | 127, _, _, _] | [172, 16..=31, _, _] | [192, 168, _, _] | [100, 64..=127, _, _] => {
            Place::Inside
        }
        // "This network", IETF protocol assignments, 6to4 relays, benchmarks, three documentation networks.
        [0, _, _, _]
        | [192, 0, 0, _]
        | [192, 88, 99, _]
        | [198, 18..=19, _, _]
        | [192, 0, 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Place::Nowhere,
        // Multicast, reserved, broadcast.
        [224..=255, _, _, _] => Place::Nowhere,
        _ => Place::Public,
    }
}

fn place_of_v6(ip: Ipv6Addr) -> Place {
    if let Some(v4) = carried_v4(ip) {
        return place_of_v4(v4);
    }
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Place::Inside,
        // The metadata services of Amazon and Google over IPv6.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254] => Place::LinkLocal,
        [0xfe80..=0xfebf, ..] => Place::LinkLocal,
        // Unique local, and site-local of old (RFC 3879).
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Place::Inside,
        // IETF protocol assignments with Teredo (2001::/23), documentation (2001:db8::/32, 3fff::/20).
        [0x2001, 0..=0x01ff, ..] | [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Place::Nowhere,
        // Only 2000::/3 was ever given out.
        [0x2000..=0x3fff, ..] => Place::Public,
        _ => Place::Nowhere,
    }
}

/// The IPv4 address in a mapped (::ffff:0:0/96), compatible (::/96), translated (64:ff9b::/96, 64:ff9b:1::/48, RFC 6052
/// and 8215) or 6to4 (2002::/16) address: each is a way to write 127.0.0.1 that a list of IPv6 ranges would miss.
fn carried_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => from(high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => from(high, low),
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => from(high, low),
        [0x0064, 0xff9b, 1, _, _, _, high, low] => from(high, low),
        [0x2002, high, low, ..] => from(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Place) {
        assert_eq!(place_of(text.parse().unwrap()), expected, "{text}");
    }

    #[test]
    fn what_is_outside() {
        for text in ["1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111"]
        {
            check(text, Place::Public);
        }
        check("64:ff9b::101:101", Place::Public);
    }

    #[test]
    fn what_is_inside_however_it_is_written() {
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
        ] {
            check(text, Place::Inside);
        }
        for text in
            ["::1", "fc00::1", "fdff::1", "fec0::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1"]
        {
            check(text, Place::Inside);
        }
        for text in ["64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:c0a8:101::1", "::ffff:0:127.0.0.1"] {
            check(text, Place::Inside);
        }
    }

    #[test]
    fn metadata_services_and_neighbours() {
        for text in
            ["169.254.169.254", "169.254.170.2", "100.100.100.200", "::ffff:169.254.169.254", "fe80::1"]
        {
            check(text, Place::LinkLocal);
        }
        for text in ["fd00:ec2::254", "fd20:ce::254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"] {
            check(text, Place::LinkLocal);
        }
    }

    #[test]
    fn what_nobody_connects_to() {
        for text in
            ["0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1"]
        {
            check(text, Place::Nowhere);
        }
        for text in ["::", "ff02::1", "2001:db8::1", "2001::1", "3fff::1", "4000::1", "::ffff:0.0.0.0"] {
            check(text, Place::Nowhere);
        }
    }
}
