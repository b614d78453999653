//! A request on its way to the shop: what is dropped, what is added, how it is written.

use bytes::BytesMut;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use storeward_base::{ClientIp, RequestId};

use crate::canonical::Refused;

/// Names that only we (or a trusted proxy) may set. A client's own are dropped, in every spelling that a shop might fold
/// into them (`X_Forwarded_For`, `X.Forwarded.For`).
fn is_ours(name: &str) -> bool {
    matches!(
        name,
        "x-forwarded-for"
            | "x-forwarded-proto"
            | "x-forwarded-host"
            | "x-forwarded-port"
            | "x-forwarded-server"
            | "x-forwarded-prefix"
            | "x-forwarded-by"
            | "x-forwarded-scheme"
            | "x-forwarded-ssl"
            | "x-forwarded"
            | "forwarded"
            | "x-real-ip"
            | "x-client-ip"
            | "x-cluster-client-ip"
            | "x-original-url"
            | "x-rewrite-url"
            | "x-original-host"
            | "cf-connecting-ip"
            | "true-client-ip"
            | "proxy"
            | "x-request-id"
            | "front-end-https"
            // Relatives that shops, frameworks and content networks believe.
            | "client-ip"
            | "fastly-client-ip"
            | "x-azure-clientip"
            | "x-azure-socketip"
            | "x-originating-ip"
            | "x-remote-ip"
            | "x-remote-addr"
            | "x-remote-host"
            | "x-proxyuser-ip"
            | "wl-proxy-client-ip"
            | "proxy-client-ip"
            | "x-envoy-external-address"
            | "x-appengine-user-ip"
            | "x-host"
            | "x-http-host-override"
            | "x-forwarded-protocol"
            | "x-forwarded-uri"
            | "x-url-scheme"
            | "x-scheme"
            | "x-original-uri"
            // Who somebody is, as a server before the shop would say it.
            | "remote-user"
            | "x-remote-user"
            | "x-forwarded-user"
            | "x-forwarded-email"
            | "x-forwarded-preferred-username"
            | "x-forwarded-groups"
            | "x-forwarded-access-token"
            | "x-authenticated-user"
            | "x-webauth-user"
    )
}

/// Whether a client's header must not reach the shop.
pub fn is_dropped(name: &HeaderName) -> bool {
    let name = name.as_str();
    // PHP, WSGI and CGI fold `_` (and some fold `.`) into `-`: such a name is never what it looks like.
    if name.bytes().any(|b| matches!(b, b'_' | b'.')) {
        return true;
    }
    match name.as_bytes().first() {
        Some(b'x' | b'f' | b'c' | b't' | b'p' | b'w' | b'r' | b's' | b'o' | b'i' | b'd') => {
            is_ours(name) || FAMILIES.iter().any(|start| name.starts_with(start)) || is_kin(name)
        }
        _ => is_kin(name),
    }
}

/// Beginnings of names by which a server before the shop says where a request comes from, what it was, and who sent it:
/// whatever stands behind, from a client it is a lie. Of RFC 7239's older kin, SSL offloaders, oauth2-proxy, Authelia,
/// authentik, Vouch, Pomerium, mod_auth_openidc, SiteMinder, Kong, and of the identity-aware proxies of Google, Amazon,
/// Microsoft, Cloudflare and Tailscale.
const FAMILIES: [&str; 37] = [
    "x-storeward-",
    "x-forwarded-",
    "x-original-",
    "x-ssl-client",
    "ssl-client",
    "x-client-cert",
    "x-client-dn",
    "x-client-verify",
    "x-auth-request-",
    "x-auth-user",
    "x-auth-email",
    "x-auth-group",
    "x-auth-role",
    "x-authenticated-",
    "x-authentik-",
    "x-remote-",
    "remote-",
    "x-vouch-",
    "x-pomerium-",
    "x-goog-",
    "x-amzn-oidc-",
    "x-ms-client-principal",
    "x-ms-token-",
    "x-consumer-",
    "cf-access-",
    "tailscale-",
    "oidc-",
    "oam-",
    "iv-",
    "client-cert",
    "x-arr-",
    "x-webauth-",
    "x-vercel-forwarded",
    "x-script-name",
    "x-rewrite-",
    "x-override-",
    "do-connecting-ip",
];

fn is_kin(name: &str) -> bool {
    matches!(name.as_bytes().last(), Some(b'p' | b't' | b'n' | b'r' | b'd' | b'e' | b'i'))
        && KINDS.iter().any(|end| name.ends_with(end))
}

/// Ends of such names, whosever they are.
const KINDS: [&str; 11] = [
    "-client-ip",
    "-client-cert",
    "-client-dn",
    "-remote-user",
    "proxy-user",
    "-verified-user",
    "sm-user",
    "smuser",
    "sm-universalid",
    "script-name",
    "request-uri",
];

/// Fields by which we tell the shop who somebody is begin so (`Storeward-Assertion`).
const CLAIMS: &[u8] = b"storeward";

/// Whether a field says who somebody is in our name, by whatever sign stands behind it: shops fold `_` and `.` into `-`, and
/// some any sign that is neither letter nor digit.
fn is_claim(name: &HeaderName) -> bool {
    let behind = name.as_str().as_bytes().strip_prefix(CLAIMS);
    behind.is_some_and(|rest| rest.first().is_none_or(|sign| !sign.is_ascii_alphanumeric()))
}

/// Takes a client's own out, before anybody of ours may write one.
pub fn drop_claims(headers: &mut HeaderMap) {
    if !headers.keys().any(is_claim) {
        return;
    }
    let names: Vec<HeaderName> = headers.keys().filter(|name| is_claim(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Hop-by-hop fields (RFC 9110 7.6.1) and the framing that we write ourselves.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::CONNECTION
            | header::TRANSFER_ENCODING
            | header::CONTENT_LENGTH
            | header::UPGRADE
            | header::TE
            | header::TRAILER
            | header::HOST
            | header::EXPECT
            | header::PROXY_AUTHORIZATION
            | header::PROXY_AUTHENTICATE
    ) || matches!(name.as_str(), "keep-alive" | "proxy-connection" | "http2-settings")
}

/// Whether a field may stand behind a body: none that frames, routes, identifies or describes the message (RFC 9110
/// 6.5.1), and none that is dropped in front. HTTP/2 trailers pass no other check.
pub fn may_be_trailer(name: &HeaderName) -> bool {
    let forbidden = matches!(
        *name,
        header::AUTHORIZATION
            | header::COOKIE
            | header::SET_COOKIE
            | header::CONTENT_ENCODING
            | header::CONTENT_TYPE
            | header::CONTENT_RANGE
            | header::LOCATION
            | header::CACHE_CONTROL
            | header::AGE
            | header::DATE
            | header::EXPIRES
            | header::VARY
            | header::PRAGMA
            | header::RETRY_AFTER
            | header::REFRESH
            | header::RANGE
            | header::IF_MATCH
            | header::IF_NONE_MATCH
            | header::IF_MODIFIED_SINCE
            | header::IF_UNMODIFIED_SINCE
            | header::IF_RANGE
            | header::MAX_FORWARDS
            | header::ORIGIN
            | header::REFERER
            | header::WWW_AUTHENTICATE
            | header::STRICT_TRANSPORT_SECURITY
            | header::CONTENT_SECURITY_POLICY
            | header::CONTENT_LOCATION
            | header::SERVER
            | header::VIA
    ) || ["access-control-", "sec-", "clear-site-data", "x-powered-", "x-http-method"]
        .iter()
        .any(|start| name.as_str().starts_with(start));
    !forbidden && !is_hop_by_hop(name) && !is_dropped(name) && !is_claim(name)
}

/// Whether a trailer of a request goes on to the shop. Nobody inspects one, and some servers take it for a header: so it may
/// hold a checksum, a signature or a state, and no card number.
pub fn may_follow(name: &HeaderName, value: &HeaderValue) -> bool {
    const LONGEST: usize = 512;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_.:;-".contains(byte);
    let bytes = value.as_bytes();
    may_be_trailer(name)
        && bytes.len() <= LONGEST
        && bytes.iter().all(plain)
        && storeward_inspect::cards::find(bytes).is_empty()
}

/// Refuses a request of whose body shops could make two things by what its head says of it: a `Content-Type` that comes twice, or
/// that holds what is neither a blank nor a visible sign of ASCII (RFC 9110 8.3 knows none).
pub fn check_content_type(headers: &HeaderMap) -> Result<(), Refused> {
    let mut lines = headers.get_all(header::CONTENT_TYPE).iter();
    let is_plain = |line: &HeaderValue| line.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte));
    if !lines.next().is_none_or(is_plain) {
        return Err(Refused { status: 400, code: "content_type.unreadable" });
    }
    match lines.next() {
        None => Ok(()),
        Some(_) => Err(Refused { status: 400, code: "content_type.repeated" }),
    }
}

/// Refuses a Connection line that names fields of the message (it would take a Cookie or our own fields away).
/// True when the client asks for a WebSocket (RFC 6455 4.1). Any other upgrade is passed over, as RFC 9110 7.8 allows: behind
/// `h2c` nothing could be inspected, recorded or masked any more.
pub fn check_connection(headers: &HeaderMap) -> Result<bool, Refused> {
    // HTTP/1.1's were counted by the guard; h2 takes two that are equal.
    if headers.get_all(header::CONTENT_LENGTH).iter().nth(1).is_some() {
        return Err(Refused { status: 400, code: "length.repeated" });
    }
    let mut upgrade = false;
    for line in headers.get_all(header::CONNECTION) {
        let refused = Refused { status: 400, code: "connection.names_field" };
        let line = line.to_str().map_err(|_| refused)?;
        for token in line.split(',').map(str::trim).filter(|t| !t.is_empty()) {
            if token.eq_ignore_ascii_case("upgrade") {
                upgrade = true;
            } else if !["close", "keep-alive", "te", "http2-settings"]
                .iter()
                .any(|t| token.eq_ignore_ascii_case(t))
            {
                return Err(refused);
            }
        }
    }
    let is = |name: HeaderName, value: &str| {
        let mut lines = headers.get_all(name).iter();
        lines.next().is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(value.as_bytes()))
            && lines.next().is_none()
    };
    Ok(upgrade
        && is(header::UPGRADE, "websocket")
        && is(header::SEC_WEBSOCKET_VERSION, "13")
        && crate::websocket::has_key(headers)
        // A handshake has no body (RFC 6455 4.1 makes it a plain GET).
        && !headers.contains_key(header::CONTENT_LENGTH)
        && !headers.contains_key(header::TRANSFER_ENCODING))
}

/// How the body is framed towards the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFraming {
    None,
    /// A body is announced, and it is empty.
    Zero,
    Length(u64),
    Chunked,
}

/// What is written around the client's own fields.
#[derive(Debug)]
pub struct Surroundings<'a> {
    pub method: &'a http::Method,
    pub forward: &'a str,
    pub host: &'a [u8],
    pub client: ClientIp,
    pub request: RequestId,
    pub framing: BodyFraming,
    /// The protocol to upgrade to.
    pub upgrade: Option<&'a header::HeaderValue>,
    /// Responses shall come uncompressed, so that they can be read.
    pub identity_encoding: bool,
}

/// Writes the request's head anew, field by field.
pub fn write_head(out: &mut BytesMut, around: &Surroundings<'_>, headers: &HeaderMap) {
    out.reserve(1024);
    out.extend_from_slice(around.method.as_str().as_bytes());
    out.extend_from_slice(b" ");
    out.extend_from_slice(around.forward.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    write_field(out, "host", around.host);
    let mut cookies: Option<BytesMut> = None;
    for (name, value) in headers {
        if is_hop_by_hop(name) || is_dropped(name) {
            continue;
        }
        match *name {
            header::ACCEPT_ENCODING if around.identity_encoding => {}
            // HTTP/2 clients may split Cookie; HTTP/1.1 has one line (RFC 9113 8.2.3).
            header::COOKIE => match &mut cookies {
                None => cookies = Some(BytesMut::from(value.as_bytes())),
                Some(line) => {
                    line.extend_from_slice(b"; ");
                    line.extend_from_slice(value.as_bytes());
                }
            },
            _ => write_field(out, name.as_str(), value.as_bytes()),
        }
    }
    if let Some(mut line) = cookies {
        crate::own_cookies::hide(&mut line);
        if !line.is_empty() {
            write_field(out, "cookie", &line);
        }
    }
    write_own_fields(out, around);
    out.extend_from_slice(b"\r\n");
}

fn write_own_fields(out: &mut BytesMut, around: &Surroundings<'_>) {
    let client = address_text(around.client);
    write_field(out, "x-forwarded-for", client.as_bytes());
    write_field(out, "x-forwarded-proto", b"https");
    write_field(out, "x-forwarded-host", around.host);
    write_field(out, "x-real-ip", client.as_bytes());
    write_field(out, "x-request-id", around.request.text().as_bytes());
    if around.identity_encoding {
        write_field(out, "accept-encoding", b"identity");
    }
    match around.framing {
        BodyFraming::None => {}
        BodyFraming::Zero => write_field(out, "content-length", b"0"),
        BodyFraming::Length(length) => write_field(out, "content-length", length.to_string().as_bytes()),
        BodyFraming::Chunked => write_field(out, "transfer-encoding", b"chunked"),
    }
    if let Some(protocol) = around.upgrade {
        write_field(out, "connection", b"upgrade");
        write_field(out, "upgrade", protocol.as_bytes());
    }
}

/// As `Display` writes it; for IPv4 without the formatting machinery, which costs ten times as much.
fn address_text(client: ClientIp) -> String {
    let std::net::IpAddr::V4(ip) = client.get() else { return client.to_string() };
    let mut text = String::with_capacity(15);
    for (place, octet) in ip.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        for (unit, least) in [(100, 100), (10, 10), (1, 0)] {
            if octet >= least {
                text.push(char::from(b'0' + octet / unit % 10));
            }
        }
    }
    text
}

/// Writes one header line.
pub fn write_field(out: &mut BytesMut, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        map
    }

    fn written(fields: &[(&str, &str)]) -> String {
        head_of(&headers(fields))
    }

    fn head_of(headers: &HeaderMap) -> String {
        let mut out = BytesMut::new();
        let around = Surroundings {
            method: &http::Method::GET,
            forward: "/a?b",
            host: b"shop.example",
            client: "192.0.2.7".parse().unwrap(),
            request: RequestId::from_bits(1),
            framing: BodyFraming::None,
            upgrade: None,
            identity_encoding: false,
        };
        write_head(&mut out, &around, headers);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn a_client_cannot_set_what_is_ours_in_any_spelling() {
        for name in [
            "X-Forwarded-For",
            "X_Forwarded_For",
            "X.Forwarded.For",
            "x_forwarded-for",
            "X-Real-IP",
            "X_Real_IP",
            "Forwarded",
            "Proxy",
            "X-Original-URL",
            "X-Rewrite-URL",
            "CF-Connecting-IP",
            "True-Client-IP",
            "X-Storeward-Identity",
            "X_Storeward_Identity",
            "X.Storeward.Identity",
            "Content_Length",
            "Transfer_Encoding",
            "X-Request-Id",
            "Client-IP",
            "Fastly-Client-IP",
            "WL-Proxy-Client-IP",
            "Proxy-Client-IP",
            "X-Remote-Addr",
            "X-Host",
            "X-HTTP-Host-Override",
            "X-Forwarded-Protocol",
            "X-Forwarded-User",
            "Remote-User",
            "X-SSL-Client-Verify",
            "SSL-Client-Cert",
            "X-Auth-Request-Email",
            "Remote-Email",
            "Remote-Groups",
            "Remote-Name",
            "X-Authentik-Username",
            "X-Goog-Authenticated-User-Email",
            "X-Amzn-Oidc-Identity",
            "X-Ms-Client-Principal-Name",
            "Cf-Access-Authenticated-User-Email",
            "Tailscale-User-Login",
            "X-Pomerium-Claim-Email",
            "X-Vouch-User",
            "X-Auth-User",
            "X-Proxy-User",
            "Proxy-User",
            "Sm-User",
            "Oidc-Claim-Sub",
            "X-Forwarded-Roles",
            "X-Consumer-Username",
            "X-Forwarded-Client-Cert",
            "X-Original-Anything",
            "X-Arr-ClientCert",
            "Client-Cert",
            "Client-Cert-Chain",
            "Iv-User",
            "Oam-Remote-User",
            "Smuser",
            "Sm-Universalid",
            "X-Script-Name",
            "X-Override-Url",
            "X-Request-Uri",
            "Do-Connecting-Ip",
            "Any-Client-Ip",
        ] {
            let text = written(&[(name, "203.0.113.99")]);
            assert!(!text.contains("203.0.113.99"), "{name} got through:\n{text}");
        }
        assert!(written(&[]).contains("x-forwarded-for: 192.0.2.7\r\n"));
    }

    #[test]
    fn who_somebody_is_no_client_says() {
        for name in [
            "Storeward-Assertion",
            "storeward_assertion",
            "STOREWARD.ASSERTION",
            "Storeward-User",
            "Storeward_User",
            "Storeward-Email",
            "storeward~email",
            "Storeward-Anything-New",
            "Storeward",
            "X-Storeward-User",
        ] {
            let mut headers = headers(&[(name, "mallory"), ("storewardens", "stays")]);
            drop_claims(&mut headers);
            let text = head_of(&headers);
            assert!(!text.contains("mallory"), "{name} got through:\n{text}");
            assert!(text.contains("storewardens: stays"), "{text}");
            assert!(!may_be_trailer(&name.to_ascii_lowercase().parse().unwrap()), "{name} behind a body");
        }
        // What one of ours writes behind that goes on.
        assert!(written(&[("storeward-assertion", "signed")]).contains("storeward-assertion: signed\r\n"));
    }

    #[test]
    fn addresses_are_written_as_the_standard_library_does() {
        for text in ["0.0.0.0", "1.20.100.255", "10.9.99.101", "255.255.255.255", "2001:db8::1", "::"] {
            let client: ClientIp = text.parse().unwrap();
            assert_eq!(address_text(client), client.to_string());
        }
    }

    #[test]
    fn hop_by_hop_fields_end_here() {
        let text = written(&[("Connection", "close"), ("Keep-Alive", "1"), ("TE", "trailers"), ("X-A", "1")]);
        assert!(text.contains("x-a: 1\r\n"));
        for gone in ["connection", "keep-alive", "te:"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
    }

    #[test]
    fn connection_may_not_name_fields() {
        let check = |line: &str| {
            check_connection(&headers(&[
                ("connection", line),
                ("upgrade", "websocket"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ]))
        };
        assert_eq!(check("close"), Ok(false));
        assert_eq!(check("keep-alive, Upgrade"), Ok(true));
        assert_eq!(check("close, X-Forwarded-For").unwrap_err().code, "connection.names_field");
        assert_eq!(check("Cookie").unwrap_err().status, 400);
    }

    #[test]
    fn only_a_websocket_is_an_upgrade() {
        let check = |fields: &[(&str, &str)]| {
            let mut all = vec![("connection", "upgrade")];
            all.extend_from_slice(fields);
            check_connection(&headers(&all))
        };
        let whole = [("sec-websocket-version", "13"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")];
        assert_eq!(check(&[&[("upgrade", "WebSocket")], &whole[..]].concat()), Ok(true));
        for upgrade in ["h2c", "HTTP/2.0", "TLS/1.0", "websocket, h2c", "connect-udp", ""] {
            assert_eq!(check(&[&[("upgrade", upgrade)], &whole[..]].concat()), Ok(false), "{upgrade}");
        }
        let doubled = [&[("upgrade", "websocket"), ("upgrade", "h2c")], &whole[..]].concat();
        assert_eq!(check(&doubled), Ok(false));
        assert_eq!(check(&[("upgrade", "websocket")]), Ok(false));
        let body = [&[("upgrade", "websocket"), ("content-length", "1")], &whole[..]].concat();
        assert_eq!(check(&body), Ok(false));
    }

    #[test]
    fn split_cookies_become_one_line() {
        assert!(written(&[("cookie", "a=1"), ("cookie", "b=2")]).contains("cookie: a=1; b=2\r\n"));
    }
}
