//! The names we answer to. A page that was made to point a foreign name at our address (DNS rebinding) gets nothing.

use std::fmt;
use std::net::IpAddr;

use http::uri::Authority;
use http::{Uri, header};

/// Host names and addresses, without ports, in lower case.
#[derive(Clone, Debug)]
pub struct HostNames(Vec<String>);

/// An entry that is no host name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostNamesError {
    pub entry: String,
}

impl fmt::Display for HostNamesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is neither a host name nor an address", self.entry)
    }
}

impl std::error::Error for HostNamesError {}

impl HostNames {
    /// `names` may carry a port, which is ignored. An IPv6 address stands in brackets or bare.
    pub fn parse<S: AsRef<str>>(names: &[S]) -> Result<Self, HostNamesError> {
        let one = |name: &S| {
            let name = name.as_ref().trim();
            if let Ok(ip) = name.parse::<IpAddr>() {
                return Ok(host_of_ip(ip));
            }
            let authority = name.parse::<Authority>();
            let fault = || HostNamesError { entry: name.to_owned() };
            authority.map(|a| host_of(&a)).ok().filter(|h| !h.is_empty()).ok_or_else(fault)
        };
        names.iter().map(one).collect::<Result<_, _>>().map(HostNames)
    }

    /// Whether a request names one of ours, and nothing else beside it.
    pub fn are_named_by(&self, head: &http::request::Parts) -> bool {
        self.own_authority(&head.uri, &head.headers).is_some()
    }

    /// The one authority that the request names, if it is one of ours.
    pub(crate) fn own_authority(&self, uri: &Uri, headers: &http::HeaderMap) -> Option<Authority> {
        let mut lines = headers.get_all(header::HOST).iter();
        let from_header = match (lines.next(), lines.next()) {
            (Some(line), None) => Some(line.to_str().ok()?.parse::<Authority>().ok()?),
            (None, _) => None,
            (Some(_), Some(_)) => return None,
        };
        let named = match (uri.authority().cloned(), from_header) {
            (Some(target), Some(host)) if target == host => target,
            (Some(_), Some(_)) | (None, None) => return None,
            (Some(only), None) | (None, Some(only)) => only,
        };
        let has_user = named.as_str().contains('@');
        (!has_user && self.0.contains(&host_of(&named))).then_some(named)
    }
}

/// The host that a request names, without its port. Whether it is one of ours was checked by the frame around our pages.
pub fn host_of_request(head: &http::request::Parts) -> Option<String> {
    let line = || head.headers.get(header::HOST)?.to_str().ok()?.parse::<Authority>().ok();
    let named = head.uri.authority().cloned().or_else(line)?;
    Some(named.host().to_owned())
}

fn host_of(authority: &Authority) -> String {
    let host = authority.host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().map_or_else(|_| host.trim_end_matches('.').to_ascii_lowercase(), host_of_ip)
}

fn host_of_ip(ip: IpAddr) -> String {
    ip.to_canonical().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};

    fn check(hosts: &[&'static str], uri: &str, passes: bool) {
        let names = HostNames::parse(&["Console.Shop.example:8443", "127.0.0.1", "::1"]).unwrap();
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_static(host));
        }
        let uri: Uri = uri.parse().unwrap();
        assert_eq!(names.own_authority(&uri, &headers).is_some(), passes, "{hosts:?} {uri}");
    }

    #[test]
    fn answers_to_its_own_names_only() {
        check(&["console.shop.example:8443"], "/", true);
        check(&["CONSOLE.shop.example"], "/", true);
        check(&["127.0.0.1:9443"], "/", true);
        check(&["[::1]:9443"], "/", true);
        check(&["evil.example"], "/", false);
        check(&["console.shop.example.evil.example"], "/", false);
        check(&["x@console.shop.example"], "/", false);
        check(&[], "/", false);
        check(&["127.0.0.1", "evil.example"], "/", false);
        check(&["evil.example"], "https://127.0.0.1/", false);
        check(&[], "https://127.0.0.1/", true);
    }
}
