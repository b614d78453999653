//! Whether somebody could reach the shop past Storeward, as far as this machine can tell: nothing that Storeward does helps there.

use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

use http::Uri;

use super::Finding;

const ADVICE: &str = "let the shop's server take connections from Storeward only: `listen 127.0.0.1:…`, or a firewall \
                    (docs/shield.md, \"Your shop must not be reachable past Storeward\")";

/// What speaks for it, of a server that answers; nothing where nothing does.
pub fn reachable(url: &str) -> Option<Finding> {
    says(&addresses(url), &outward()).map(|says| Finding::look("upstream", format!("{url} {says}"), ADVICE))
}

/// Where a server of the config stands.
fn addresses(url: &str) -> Vec<SocketAddr> {
    let Ok(url) = url.parse::<Uri>() else { return Vec::new() };
    let Some(host) = url.host() else { return Vec::new() };
    let usual = if url.scheme_str() == Some("https") { 443 } else { 80 };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (host, url.port_u16().unwrap_or(usual)).to_socket_addrs().map(Iterator::collect).unwrap_or_default()
}

/// The addresses that this machine has towards others: those it would send from. Nothing is sent for it (documentation addresses, RFC 5737
/// and RFC 3849; a datagram socket that is connected only asks the table of routes).
fn outward() -> Vec<IpAddr> {
    let of = |from: &str, to: &str| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let found = [of("0.0.0.0:0", "192.0.2.1:9"), of("[::]:0", "[2001:db8::1]:9")];
    found.into_iter().flatten().filter(|ip| !ip.is_loopback() && !ip.is_unspecified()).collect()
}

fn says(servers: &[SocketAddr], outward: &[IpAddr]) -> Option<String> {
    if let Some(public) = servers.iter().find(|at| is_public(at.ip())) {
        return Some(format!(
            "stands at a public address ({}): whoever finds it walks past Storeward",
            public.ip()
        ));
    }
    // On this machine: whether the same program takes connections from elsewhere, too.
    let local = servers.iter().find(|at| at.ip().is_loopback())?;
    let also = outward.iter().map(|ip| SocketAddr::new(*ip, local.port()));
    let also = also.into_iter().find(|at| TcpStream::connect_timeout(at, Duration::from_secs(1)).is_ok())?;
    Some(format!(
        "answers at {also}, too: unless a firewall closes that port, others reach it past Storeward"
    ))
}

/// Whether others on the Internet may have a way to it: no address of a machine, a household's or a company's own network (the registries of
/// special-purpose addresses, RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let is_carriers = a == 100 && (64..128).contains(&b);
            let is_own = ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified();
            !(is_own || is_carriers || ip.is_documentation() || ip.is_broadcast() || ip.is_multicast())
        }
        IpAddr::V6(ip) => {
            let first = ip.segments()[0];
            match ip.to_ipv4_mapped() {
                Some(ip) => is_public(ip.into()),
                // Global unicast, without the block of documentation.
                None => first & 0xe000 == 0x2000 && !(first == 0x2001 && ip.segments()[1] == 0xdb8),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    // Pitfall 3 of a guard in front of a sign-in that is not ours.
    #[test]
    fn a_shop_that_others_reach_past_storeward_is_told() {
        // 127.0.0.2 stands for the machine's address towards others.
        let outward = [IpAddr::from([127, 0, 0, 2])];
        for (bound, is_told) in [("0.0.0.0:0", true), ("127.0.0.1:0", false)] {
            let shop = TcpListener::bind(bound).unwrap();
            let at = SocketAddr::from(([127, 0, 0, 1], shop.local_addr().unwrap().port()));
            let found = says(&addresses(&format!("http://{at}")), &outward);
            assert_eq!(found.is_some(), is_told, "{bound}: {found:?}");
            assert!(found.is_none_or(|says| says.contains(&format!("127.0.0.2:{}", at.port()))));
        }
    }

    #[test]
    fn a_public_address_is_told() {
        for public in ["http://8.8.8.8:8080", "https://[2606:4700::1]", "http://[::ffff:8.8.8.8]:80"] {
            let says = says(&addresses(public), &[]).unwrap();
            assert!(says.contains("public address"), "{public}: {says}");
        }
        for own in [
            "http://127.0.0.1:1",
            "http://10.1.2.3",
            "http://172.31.0.9:8080",
            "http://192.168.1.5",
            "http://100.64.0.1",
            "http://169.254.1.1",
            "http://[::1]:8080",
            "http://[fd00::1]",
            "http://[fe80::1]",
        ] {
            assert_eq!(says(&addresses(own), &[]), None, "{own}");
        }
        assert!(addresses("no address").is_empty());
    }
}
