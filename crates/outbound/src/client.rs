//! The client: every hop of a call is checked, opened, and asked within its limits.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{StatusCode, Uri};
use http_body_util::Full;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;

use crate::allow::{AllowList, Destination, parse_url};
use crate::connect;
use crate::error::{OutboundError, Phase};
use crate::exchange::Exchange;
use crate::names::{Names, SystemNames};
use crate::request::{Limits, Reply, Request};
use crate::tls;

const USER_AGENT: &str = concat!("storeward/", env!("CARGO_PKG_VERSION"));

/// How a client is set up beside its list.
pub struct Options {
    pub limits: Limits,
    names: Arc<dyn Names>,
    extra_roots: Vec<CertificateDer<'static>>,
}

impl Default for Options {
    fn default() -> Self {
        Options { limits: Limits::default(), names: Arc::new(SystemNames), extra_roots: Vec::new() }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Options {
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Trusts the certificates of a PEM text beside the system's roots.
    pub fn trust_pem(mut self, pem: &[u8]) -> Result<Self, OutboundError> {
        self.extra_roots.extend(tls::read_pem(pem)?);
        Ok(self)
    }

    /// Resolves names otherwise than the machine does.
    #[must_use]
    pub fn names(mut self, names: impl Names + 'static) -> Self {
        self.names = Arc::new(names);
        self
    }
}

/// Makes calls to the destinations of its list. Cheap to clone. One connection per call: none is kept, so the address
/// of each call is checked anew.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    allow: AllowList,
    limits: Limits,
    names: Arc<dyn Names>,
    /// There when the list holds an https destination.
    tls: Option<Arc<ClientConfig>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("allow", &self.0.allow).finish_non_exhaustive()
    }
}

impl Client {
    /// Fails when the list holds an https destination and there is no root to check it against.
    pub fn new(allow: AllowList, options: Options) -> Result<Self, OutboundError> {
        let tls = if allow.wants_tls() {
            Some(tls::client_config(&options.extra_roots, tls::Inside::Http)?)
        } else {
            None
        };
        Ok(Client(Arc::new(Inner { allow, limits: options.limits, names: options.names, tls })))
    }

    pub async fn get(&self, url: &str) -> Result<Reply, OutboundError> {
        self.send(Request::get(url)?).await
    }

    pub async fn post(
        &self,
        url: &str,
        content_type: &str,
        body: impl Into<Bytes>,
    ) -> Result<Reply, OutboundError> {
        self.send(Request::post(url, content_type, body)?).await
    }

    /// Makes the call. Any status is an answer; only a call without an answer is an error. Safe to cancel: dropping the
    /// future closes the connection.
    pub async fn send(&self, request: Request) -> Result<Reply, OutboundError> {
        let limits = request.limits.unwrap_or(self.0.limits);
        let (mut uri, mut headers, mut host) =
            (request.uri.clone(), request.headers.clone(), request.host.clone());
        let mut hops = 0;
        loop {
            let from = Destination::of(&uri)?;
            let reply = self.hop(&from, &uri, (&headers, host.as_deref()), &request, limits).await?;
            let follow = request.redirects > 0 && request.method == http::Method::GET;
            let Some(location) = redirect_of(&reply).filter(|_| follow) else { return Ok(reply) };
            let refuse = |why| OutboundError::Redirect { from: from.clone(), why };
            if hops >= request.redirects {
                return Err(refuse("there are too many"));
            }
            hops += 1;
            uri = join(&uri, location).ok_or_else(|| refuse("where it leads cannot be read"))?;
            let to = Destination::of(&uri)?;
            if from.is_https() && !to.is_https() {
                return Err(refuse("it leads from https to http"));
            }
            if to != from {
                // Keys are for whom they were meant.
                headers = HeaderMap::new();
                host = None;
            }
        }
    }

    async fn hop(
        &self,
        destination: &Destination,
        uri: &Uri,
        said: (&HeaderMap, Option<&str>),
        request: &Request,
        limits: Limits,
    ) -> Result<Reply, OutboundError> {
        let inner = &self.0;
        let Some(reach) = inner.allow.reach(destination) else {
            return Err(OutboundError::NotListed { destination: destination.clone() });
        };
        let opening = connect::open(destination, reach, inner.names.as_ref(), inner.tls.as_ref());
        let late = |_| OutboundError::Timeout { destination: destination.clone(), phase: Phase::Connect };
        let stream = tokio::time::timeout(limits.connect, opening).await.map_err(late)??;
        let message = message(destination, uri, said, request)?;
        Exchange { destination, limits, cut: request.cut }.run(stream, message).await
    }
}

/// The bytes to send, in origin form (RFC 9112 section 3.2.1).
fn message(
    destination: &Destination,
    uri: &Uri,
    (headers, host): (&HeaderMap, Option<&str>),
    request: &Request,
) -> Result<http::Request<Full<Bytes>>, OutboundError> {
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut message = http::Request::new(Full::new(request.body.clone()));
    *message.method_mut() = request.method.clone();
    *message.uri_mut() = path.parse().map_err(|_| OutboundError::url("its path cannot be sent"))?;
    let all = message.headers_mut();
    let host = HeaderValue::try_from(host.map_or_else(|| destination.host_header(), str::to_owned));
    all.insert(header::HOST, host.map_err(|_| OutboundError::url("its host cannot be sent"))?);
    all.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    all.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    all.insert(header::CONNECTION, HeaderValue::from_static("close"));
    for name in headers.keys() {
        all.remove(name);
    }
    for (name, value) in headers {
        all.append(name, value.clone());
    }
    Ok(message)
}

fn redirect_of(reply: &Reply) -> Option<&str> {
    let is_redirect = matches!(
        reply.status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    reply.header("location").filter(|_| is_redirect)
}

/// Where a `Location` leads: a whole URL, `//host/path`, `/path`, or a name beside the current path (RFC 3986 section
/// 5.2, without `..`, which the server resolves itself).
fn join(base: &Uri, location: &str) -> Option<Uri> {
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let location = location.split('#').next().unwrap_or_default();
    let whole = if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("http"))
        && location.contains("://")
    {
        location.to_owned()
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    parse_url(&whole).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_redirects_lead() {
        let base = parse_url("https://a.example/x/y?z").unwrap();
        let check = |location: &str, expected: Option<&str>| {
            assert_eq!(join(&base, location).map(|u| u.to_string()).as_deref(), expected, "{location}");
        };
        check("/n", Some("https://a.example/n"));
        check("n?q", Some("https://a.example/x/n?q"));
        check("//b.example/n", Some("https://b.example/n"));
        check("http://127.0.0.1/n#f", Some("http://127.0.0.1/n"));
        check("/a b", None);
        check("javascript:alert(1)", Some("https://a.example/x/javascript:alert(1)"));
    }
}
