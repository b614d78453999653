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
        let answer = headers.remove(header::SEC_WEBSOCKET_ACCEPT);
        headers.remove(header::UPGRADE);
        headers.remove(header::CONNECTION);
        answer.is_some_and(|answer| answer.as_bytes() == self.accept.as_bytes())
    }
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
