//! The PROXY protocol, versions 1 and 2 (haproxy.org/download/2.9/doc/proxy-protocol.txt): a load balancer tells the
//! client's address before the first byte of TLS. Believed only from listed networks, and then required.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

const V2_SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The longest version 1 line, with its CR LF.
const V1_BYTES: usize = 107;
/// TLVs longer than this are refused; balancers send a few dozen bytes.
const V2_BYTES: usize = 1_024;

fn wrong(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Reads the header and not a byte more. `None` when the balancer speaks for itself (LOCAL, UNKNOWN: health checks).
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<SocketAddr>> {
    let mut start = [0u8; 12];
    stream.read_exact(&mut start).await?;
    if start == V2_SIGNATURE { read_v2(stream).await } else { read_v1(stream, &start).await }
}

async fn read_v1<S: AsyncRead + Unpin>(stream: &mut S, start: &[u8]) -> io::Result<Option<SocketAddr>> {
    if !start.starts_with(b"PROXY ") {
        return Err(wrong("the peer must speak the PROXY protocol and did not"));
    }
    let mut line = start.to_vec();
    // Byte by byte: what follows the line is TLS and not ours to take.
    while !line.ends_with(b"\r\n") {
        if line.len() >= V1_BYTES {
            return Err(wrong("a PROXY line is too long"));
        }
        line.push(stream.read_u8().await?);
    }
    parse_v1(&line)
}

fn parse_v1(line: &[u8]) -> io::Result<Option<SocketAddr>> {
    let text = std::str::from_utf8(line).map_err(|_| wrong("a PROXY line is not text"))?;
    let parts: Vec<&str> = text.trim_end_matches("\r\n").split(' ').collect();
    match parts.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        ["PROXY", family @ ("TCP4" | "TCP6"), source, _, port, _] => {
            let ip: IpAddr = source.parse().map_err(|_| wrong("a PROXY line has no address"))?;
            let port: u16 = port.parse().map_err(|_| wrong("a PROXY line has no port"))?;
            if ip.is_ipv4() == (*family == "TCP4") {
                Ok(Some(SocketAddr::new(ip, port)))
            } else {
                Err(wrong("a PROXY line has an address of another family"))
            }
        }
        _ => Err(wrong("a PROXY line has another form")),
    }
}

async fn read_v2<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<SocketAddr>> {
    let command = stream.read_u8().await?;
    let family = stream.read_u8().await?;
    let length = usize::from(stream.read_u16().await?);
    if length > V2_BYTES {
        return Err(wrong("a PROXY header is too long"));
    }
    let mut rest = vec![0u8; length];
    stream.read_exact(&mut rest).await?;
    match (command, family) {
        (0x20, _) => Ok(None),
        (0x21, 0x11) => match rest.as_slice() {
            [a, b, c, d, _, _, _, _, p0, p1, ..] => Ok(Some(SocketAddr::new(
                Ipv4Addr::new(*a, *b, *c, *d).into(),
                u16::from_be_bytes([*p0, *p1]),
            ))),
            _ => Err(wrong("a PROXY header is cut")),
        },
        (0x21, 0x21) => {
            let source: [u8; 16] = rest
                .get(..16)
                .and_then(|s| s.try_into().ok())
                .ok_or_else(|| wrong("a PROXY header is cut"))?;
            let port: [u8; 2] = rest
                .get(32..34)
                .and_then(|s| s.try_into().ok())
                .ok_or_else(|| wrong("a PROXY header is cut"))?;
            Ok(Some(SocketAddr::new(Ipv6Addr::from(source).into(), u16::from_be_bytes(port))))
        }
        (0x21, _) => Ok(None),
        _ => Err(wrong("a PROXY header has another version or command")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(bytes: &[u8], expected: Result<Option<&str>, &str>) {
        let mut stream = bytes;
        let got = read(&mut stream).await;
        match (got, expected) {
            (Ok(got), Ok(expected)) => {
                assert_eq!(got, expected.map(|e| e.parse().unwrap()));
                assert_eq!(stream, b"TLS", "took a byte too many or too few");
            }
            (Err(got), Err(expected)) => assert!(got.to_string().contains(expected), "{got}"),
            (got, expected) => panic!("{got:?} instead of {expected:?}"),
        }
    }

    #[tokio::test]
    async fn version_1() {
        check(b"PROXY TCP4 192.0.2.1 10.0.0.1 1234 443\r\nTLS", Ok(Some("192.0.2.1:1234"))).await;
        check(b"PROXY TCP6 2001:db8::1 ::1 9 443\r\nTLS", Ok(Some("[2001:db8::1]:9"))).await;
        check(b"PROXY UNKNOWN\r\nTLS", Ok(None)).await;
        check(b"PROXY TCP4 2001:db8::1 ::1 9 443\r\nTLS", Err("another family")).await;
        check(b"GET / HTTP/1.1\r\n", Err("must speak")).await;
        check(&[b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat(), Err("too long")).await;
        check(b"PROXY TCP4 1.2.3.4 1.2.3.4 99999 1\r\n", Err("no port")).await;
    }

    #[tokio::test]
    async fn version_2() {
        let v2 = |command: u8, family: u8, body: &[u8]| {
            let length = u16::try_from(body.len()).unwrap().to_be_bytes();
            [V2_SIGNATURE.as_slice(), &[command, family], &length, body, b"TLS"].concat()
        };
        check(&v2(0x21, 0x11, &[192, 0, 2, 1, 10, 0, 0, 1, 4, 210, 1, 187]), Ok(Some("192.0.2.1:1234")))
            .await;
        check(&v2(0x20, 0, &[]), Ok(None)).await;
        check(&v2(0x21, 0x11, &[192]), Err("cut")).await;
        check(&v2(0x31, 0x11, &[0; 12]), Err("version")).await;
        check(&v2(0x21, 0x11, &[0; 2_000]), Err("too long")).await;
    }
}
