//! The token request (RFC 6749 sections 4.1.3 and 6, RFC 7636 section 4.5).

use storeward_base::Secret;
use storeward_seal::encoding::base64_url;
use storeward_seal::fingerprint::{equal, sha256};

use super::fields::Fields;
use super::refusal::Refused;
use super::scope::Scopes;

/// What a client wants for what it has.
#[derive(Clone, Debug)]
pub enum TokenRequest {
    Code { code: Secret<String>, redirect_uri: Option<String>, verifier: Option<Secret<String>> },
    Refresh { token: Secret<String>, scopes: Option<Scopes> },
}

impl TokenRequest {
    pub fn parse(fields: &Fields) -> Result<Self, Refused> {
        if fields.has_repeated() {
            return Err(Refused::invalid_request("a parameter stands there twice"));
        }
        let secret = |name: &str| fields.owned(name).map(Secret::new);
        match fields.get("grant_type") {
            Some("authorization_code") => Ok(TokenRequest::Code {
                code: secret("code").ok_or(Refused::invalid_request("code is missing"))?,
                redirect_uri: fields.owned("redirect_uri"),
                verifier: secret("code_verifier"),
            }),
            Some("refresh_token") => Ok(TokenRequest::Refresh {
                token: secret("refresh_token").ok_or(Refused::invalid_request("refresh_token is missing"))?,
                scopes: fields.get("scope").map(Scopes::parse),
            }),
            Some(_) => Err(Refused::new(
                "unsupported_grant_type",
                "grant_type is authorization_code or refresh_token",
            )),
            None => Err(Refused::invalid_request("grant_type is missing")),
        }
    }
}

/// Whether whoever exchanges a code is whoever asked for it. A verifier where there was no challenge is refused as well: somebody
/// may have taken the challenge out of the request (RFC 9700 section 4.8.2).
pub fn verifier_fits(challenge: Option<&str>, verifier: Option<&Secret<String>>) -> bool {
    let (challenge, verifier) = match (challenge, verifier) {
        (None, None) => return true,
        (Some(challenge), Some(verifier)) => (challenge, verifier.expose()),
        (Some(_), None) | (None, Some(_)) => return false,
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let fits = (43..=128).contains(&verifier.len()) && verifier.bytes().all(plain);
    fits && equal(base64_url(&sha256(verifier.as_bytes())).as_bytes(), challenge.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn a_verifier_fits_its_challenge_only() {
        let fits = |challenge: Option<&str>, verifier: Option<&str>| {
            verifier_fits(challenge, verifier.map(|text| Secret::new(text.to_owned())).as_ref())
        };
        assert!(fits(Some(CHALLENGE), Some(VERIFIER)));
        assert!(fits(None, None));
        assert!(!fits(None, Some(VERIFIER)) && !fits(Some(CHALLENGE), None));
        assert!(!fits(Some(CHALLENGE), Some(CHALLENGE)));
        assert!(!fits(Some(CHALLENGE), Some("short")) && !fits(Some(CHALLENGE), Some("")));
        assert!(!fits(Some(CHALLENGE), Some(&"a".repeat(129))));
    }

    #[test]
    fn requests_are_read() {
        let error = |text: &str| {
            let fields = Fields::parse(text.as_bytes()).unwrap();
            TokenRequest::parse(&fields).map_err(|refused| refused.error).err()
        };
        assert_eq!(error("grant_type=authorization_code&code=x"), None);
        assert_eq!(error("grant_type=refresh_token&refresh_token=x&scope=openid"), None);
        assert_eq!(error("code=x"), Some("invalid_request"));
        assert_eq!(error("grant_type=authorization_code"), Some("invalid_request"));
        assert_eq!(error("grant_type=refresh_token"), Some("invalid_request"));
        assert_eq!(error("grant_type=authorization_code&code=x&code=y"), Some("invalid_request"));
        for other in ["password", "client_credentials", "implicit"] {
            assert_eq!(error(&format!("grant_type={other}")), Some("unsupported_grant_type"), "{other}");
        }
    }
}
