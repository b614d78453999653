//! The way back to the client: its address with our answer in it (RFC 6749 section 4.1.2, RFC 9207).

use super::authorize::{Misfit, Request, ResponseMode};
use super::fields::encode;
use super::refusal::Back;

/// An answer on its way. The address is one that is registered.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    pub redirect_uri: String,
    pub mode: ResponseMode,
    pub pairs: Vec<(&'static str, String)>,
}

impl Answer {
    pub fn code(request: &Request, issuer: &str, code: &str) -> Self {
        Answer::new(request, issuer, vec![("code", code.to_owned())])
    }

    pub fn refusal(request: &Request, issuer: &str, back: Back) -> Self {
        Answer::new(request, issuer, error(back))
    }

    pub fn misfit(misfit: Misfit, issuer: &str) -> Self {
        let Misfit { redirect_uri, mode, state, back } = misfit;
        with_rest(redirect_uri, mode, state, issuer, error(back))
    }

    fn new(request: &Request, issuer: &str, pairs: Vec<(&'static str, String)>) -> Self {
        with_rest(request.redirect_uri.clone(), request.mode, request.state.clone(), issuer, pairs)
    }

    /// For a redirect.
    pub fn url(&self) -> String {
        with_query(&self.redirect_uri, &self.pairs)
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer(***)")
    }
}

fn error(back: Back) -> Vec<(&'static str, String)> {
    vec![("error", back.error.to_owned()), ("error_description", back.description.to_owned())]
}

fn with_rest(
    redirect_uri: String,
    mode: ResponseMode,
    state: Option<String>,
    issuer: &str,
    mut pairs: Vec<(&'static str, String)>,
) -> Answer {
    pairs.extend(state.map(|state| ("state", state)));
    pairs.push(("iss", issuer.to_owned()));
    Answer { redirect_uri, mode, pairs }
}

/// `uri` with further fields behind those that it has.
pub fn with_query(uri: &str, pairs: &[(&'static str, String)]) -> String {
    let mut url = uri.to_owned();
    for (name, value) in pairs {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&format!("{name}={}", encode(value)));
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_behind_what_the_address_has() {
        let pairs = [("code", "a b".to_owned()), ("iss", "https://id.example/x".to_owned())];
        assert_eq!(
            with_query("https://rp.example/cb", &pairs),
            "https://rp.example/cb?code=a%20b&iss=https%3A%2F%2Fid.example%2Fx"
        );
        assert_eq!(
            with_query("https://rp.example/cb?x=1", &pairs[..1]),
            "https://rp.example/cb?x=1&code=a%20b"
        );
        assert_eq!(with_query("https://rp.example/cb", &[]), "https://rp.example/cb");
    }
}
