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
    use proptest::collection::vec;
    use proptest::prelude::*;

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

    /// A header that is sound, and what it says.
    fn header() -> impl Strategy<Value = (Vec<u8>, Option<SocketAddr>)> {
        let v1 = (any::<SocketAddr>(), any::<u16>()).prop_map(|(source, port)| {
            let (family, to) = if source.is_ipv4() { ("TCP4", "10.0.0.1") } else { ("TCP6", "::1") };
            let line = format!("PROXY {family} {} {to} {} {port}\r\n", source.ip(), source.port());
            (line.into_bytes(), Some(SocketAddr::new(source.ip(), source.port())))
        });
        let v2 = (any::<SocketAddr>(), vec(any::<u8>(), 0..40)).prop_map(|(source, tlvs)| {
            let (family, from, to): (u8, Vec<u8>, usize) = match source.ip() {
                IpAddr::V4(ip) => (0x11, ip.octets().to_vec(), 4),
                IpAddr::V6(ip) => (0x21, ip.octets().to_vec(), 16),
            };
            let ports = [source.port().to_be_bytes(), [1, 187]].concat();
            let rest = [from, vec![9; to], ports, tlvs].concat();
            let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
            let bytes = [&V2_SIGNATURE[..], &[0x21, family], &length, &rest].concat();
            (bytes, Some(SocketAddr::new(source.ip(), source.port())))
        });
        let silent = prop_oneof![
            Just(b"PROXY UNKNOWN\r\n".to_vec()),
            Just([&V2_SIGNATURE[..], &[0x20, 0, 0, 3, 1, 2, 3]].concat())
        ];
        prop_oneof![v1, v2, silent.prop_map(|bytes| (bytes, None))]
    }

    fn read_now(bytes: &[u8]) -> (io::Result<Option<SocketAddr>>, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut stream = bytes;
        let got = runtime.block_on(read(&mut stream));
        (got, bytes.len() - stream.len())
    }

    proptest! {
        #[test]
        fn a_sound_header_is_read_and_what_follows_is_left((header, source) in header(), behind in vec(any::<u8>(), 0..30)) {
            let (got, taken) = read_now(&[header.as_slice(), &behind].concat());
            prop_assert_eq!((got.ok(), taken), (Some(source), header.len()));
        }

        #[test]
        fn hostile_bytes_are_bounded((header, _) in header(), at in any::<prop::sample::Index>(), put in vec(any::<u8>(), 0..4), cut in 0..6_usize, behind in vec(any::<u8>(), 0..2000)) {
            let mut bytes = header;
            let at = at.index(bytes.len());
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, put);
            bytes.extend(behind);
            let (got, taken) = read_now(&bytes);
            prop_assert!(taken <= (16 + V2_BYTES).max(V1_BYTES), "{} bytes", taken);
            // Whatever is believed stands in the bytes as it is told.
            if let Ok(Some(source)) = got {
                let told = &bytes[..taken];
                let octets = match source.ip() {
                    IpAddr::V4(ip) => ip.octets().to_vec(),
                    IpAddr::V6(ip) => ip.octets().to_vec(),
                };
                let as_text = String::from_utf8_lossy(told).split(' ').any(|word| word.parse() == Ok(source.ip()));
                prop_assert!(as_text || told.windows(octets.len()).any(|window| window == octets));
            }
        }
    }
}
