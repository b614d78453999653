//! WebSockets over HTTP/2 (RFC 8441): the client's extended CONNECT becomes the HTTP/1.1 upgrade that shops understand
//! (RFC 6455), and the shop's 101 becomes the 200 that the client waits for.

use aws_lc_rs::digest;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Version};
use storeward_base::Entropy;

use crate::guard::connection::TunnelPlace;

/// RFC 6455 1.3: what the server puts behind the key.
const SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// An opening handshake that we make in the client's name.
#[derive(Debug)]
pub struct Handshake {
    accept: String,
    /// Its place among the tunnels of its connection.
    pub place: Option<TunnelPlace>,
}

impl Handshake {
    /// Turns an extended CONNECT for a WebSocket into the GET of an HTTP/1.1 handshake; from then on it is a request like
    /// any other for every step. Anything else is left as it is.
    pub fn take<B>(request: &mut Request<B>, entropy: &dyn Entropy) -> Option<Self> {
        if request.method() != Method::CONNECT || request.version() != Version::HTTP_2 {
            return None;
        }
        let protocol = request.extensions().get::<hyper::ext::Protocol>()?;
        if protocol.as_str() != "websocket" {
            return None;
        }
        let mut random = [0u8; 16];
        entropy.fill(&mut random);
        let key = base64(&random);
        let value = HeaderValue::from_str(&key).ok()?;
        *request.method_mut() = Method::GET;
        let headers = request.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_KEY, value);
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        Some(Handshake { accept: accept(&key), place: None })
    }

    /// Whether the shop has understood the handshake (RFC 6455 4.1); takes away what HTTP/2 has no place for.
    pub fn settle(&self, headers: &mut HeaderMap) -> bool {
        let is_answer = says_once(headers, &self.accept);
        headers.remove(header::SEC_WEBSOCKET_ACCEPT);
        headers.remove(header::UPGRADE);
        headers.remove(header::CONNECTION);
        is_answer
    }
}

/// Whether a client's key is one (RFC 6455 4.1: sixteen bytes in base64), given once.
pub fn has_key(headers: &HeaderMap) -> bool {
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else { return false };
    let sign = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    key.as_bytes().strip_suffix(b"==").is_some_and(|digits| digits.len() == 22 && digits.iter().all(sign))
}

/// Whether the shop's answer belongs to the client's key: a shop that does not know WebSockets opens no tunnel.
pub fn is_accepted(answer: &HeaderMap, key: Option<&HeaderValue>) -> bool {
    key.and_then(|key| key.to_str().ok()).is_some_and(|key| says_once(answer, &accept(key)))
}

/// One line, and that the right one: of two, another reader may take the other.
fn says_once(answer: &HeaderMap, accept: &str) -> bool {
    let mut lines = answer.get_all(header::SEC_WEBSOCKET_ACCEPT).iter();
    lines.next().is_some_and(|line| line.as_bytes() == accept.as_bytes()) && lines.next().is_none()
}

fn accept(key: &str) -> String {
    // SHA-1 is what RFC 6455 says; nothing secret hangs on it.
    let sum = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{SUFFIX}").as_bytes());
    base64(sum.as_ref())
}

/// RFC 4648 4.
fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let at = usize::try_from(group >> (18 - 6 * place) & 63).unwrap_or(0);
            let sign = SIGNS.get(at).copied().map_or('A', char::from);
            out.push(if place <= chunk.len() { sign } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use storeward_base::SystemEntropy;

    use super::*;

    #[test]
    fn a_tunnel_needs_a_key_and_its_answer() {
        let with = |name: header::HeaderName, value: &'static str| {
            HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
        };
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        assert!(has_key(&with(header::SEC_WEBSOCKET_KEY, key)));
        for bad in ["x", "", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZ===", "dGhlIHNhbXBsZSBub25j Q=="]
        {
            assert!(!has_key(&with(header::SEC_WEBSOCKET_KEY, bad)), "{bad}");
        }
        let key = HeaderValue::from_static(key);
        let right = with(header::SEC_WEBSOCKET_ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(is_accepted(&right, Some(&key)) && !is_accepted(&right, None));
        assert!(!is_accepted(&with(header::SEC_WEBSOCKET_ACCEPT, "wrong"), Some(&key)));
        assert!(!is_accepted(&HeaderMap::new(), Some(&key)));
        let mut twice = right.clone();
        twice.append(header::SEC_WEBSOCKET_ACCEPT, HeaderValue::from_static("wrong"));
        assert!(!is_accepted(&twice, Some(&key)));
    }

    #[test]
    fn the_standards_own_example() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        for (bytes, text) in
            [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes), text);
        }
    }

    #[test]
    fn only_an_extended_connect_for_a_websocket_is_one() {
        let check = |method: Method, version: Version, protocol: Option<&'static str>| {
            let mut request = Request::builder().method(method.clone()).version(version).body(()).unwrap();
            if let Some(protocol) = protocol {
                request.extensions_mut().insert(hyper::ext::Protocol::from_static(protocol));
            }
            let taken = Handshake::take(&mut request, &SystemEntropy).is_some();
            assert_eq!(*request.method(), if taken { Method::GET } else { method });
            taken
        };
        assert!(check(Method::CONNECT, Version::HTTP_2, Some("websocket")));
        assert!(!check(Method::CONNECT, Version::HTTP_2, Some("connect-udp")));
        assert!(!check(Method::CONNECT, Version::HTTP_2, None));
        assert!(!check(Method::CONNECT, Version::HTTP_11, Some("websocket")));
        assert!(!check(Method::GET, Version::HTTP_2, Some("websocket")));
    }
}
