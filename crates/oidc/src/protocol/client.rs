//! How a client shows that it is one: by a secret in the header or in the form, or not at all (RFC 6749 section 2.3).
//! `private_key_jwt` (RFC 7523) would be a further variant.

use storeward_base::{RelyingId, Secret};
use storeward_seal::encoding::decode_base64;

use super::fields::{Fields, decode};
use super::refusal::Refused;

/// What a client has shown.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub client: RelyingId,
    pub shown: Shown,
}

#[derive(Clone, Debug)]
pub enum Shown {
    /// `client_secret_basic` or `client_secret_post`.
    Secret(Secret<String>),
    /// `none`: what a public client shows.
    Nothing,
}

const UNKNOWN: Refused = Refused::invalid_client("the client is not known, or its secret is not right");

impl Credentials {
    /// Reads them. More than one way at once is refused (RFC 6749 section 2.3).
    pub fn parse(authorization: Option<&str>, fields: &Fields) -> Result<Self, Refused> {
        if fields.is_repeated("client_id") || fields.is_repeated("client_secret") {
            return Err(Refused::invalid_request("a parameter stands there twice"));
        }
        let posted = fields.get("client_secret");
        let Some(header) = authorization else {
            let id = fields.get("client_id").ok_or(Refused::invalid_client("no client is named"))?;
            let shown = posted.map_or(Shown::Nothing, |secret| Shown::Secret(Secret::new(secret.to_owned())));
            return Ok(Credentials { client: id.parse().map_err(|_| UNKNOWN)?, shown });
        };
        if posted.is_some() {
            return Err(Refused::invalid_request("a secret in the header and one in the form"));
        }
        let (scheme, value) = header.split_once(' ').ok_or(UNKNOWN)?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(UNKNOWN);
        }
        let plain = Secret::new(decode_base64(value.trim()).ok_or(UNKNOWN)?);
        let at = plain.expose().iter().position(|b| *b == b':').ok_or(UNKNOWN)?;
        let (id, secret) = plain.expose().split_at(at);
        // Both are form-encoded before they are put together (RFC 6749 section 2.3.1).
        let id = decode(id).ok_or(UNKNOWN)?;
        let secret = Secret::new(decode(secret.get(1..).unwrap_or_default()).ok_or(UNKNOWN)?);
        if fields.get("client_id").is_some_and(|other| other != id) {
            return Err(Refused::invalid_request("the header and the form name different clients"));
        }
        Ok(Credentials { client: id.parse().map_err(|_| UNKNOWN)?, shown: Shown::Secret(secret) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_seal::encoding::base64;

    const ID: &str = "rp_00000000000000000000000001";

    fn read(header: Option<&str>, form: &str) -> Result<(String, Option<String>), &'static str> {
        let read = Credentials::parse(header, &Fields::parse(form.as_bytes()).unwrap())
            .map_err(|refused| refused.error)?;
        let secret = match &read.shown {
            Shown::Secret(secret) => Some(secret.expose().clone()),
            Shown::Nothing => None,
        };
        Ok((read.client.to_string(), secret))
    }

    #[test]
    fn each_way_is_read() {
        let basic = |text: &str| format!("Basic {}", base64(text.as_bytes()));
        let said = |secret: Option<&str>| Ok((ID.to_owned(), secret.map(str::to_owned)));
        assert_eq!(read(Some(&basic(&format!("{ID}:s%2Bx"))), ""), said(Some("s+x")));
        assert_eq!(read(Some(&basic(&format!("{ID}:"))), ""), said(Some("")));
        assert_eq!(read(None, &format!("client_id={ID}&client_secret=abc")), said(Some("abc")));
        assert_eq!(read(None, &format!("client_id={ID}")), said(None));
        assert_eq!(read(Some(&basic(&format!("{ID}:s"))), &format!("client_id={ID}")), said(Some("s")));
    }

    #[test]
    fn two_ways_at_once_and_none_are_refused() {
        let basic = format!("Basic {}", base64(format!("{ID}:s").as_bytes()));
        for (header, form, error) in [
            (Some(basic.as_str()), format!("client_secret=s&client_id={ID}"), "invalid_request"),
            (Some(basic.as_str()), "client_id=rp_00000000000000000000000002".to_owned(), "invalid_request"),
            (None, format!("client_id={ID}&client_id={ID}"), "invalid_request"),
            (None, String::new(), "invalid_client"),
            (None, "client_id=somebody".to_owned(), "invalid_client"),
            (Some("Basic !!"), String::new(), "invalid_client"),
            (Some("Basic"), String::new(), "invalid_client"),
            (Some("Bearer abc"), String::new(), "invalid_client"),
        ] {
            assert_eq!(read(header, &form).unwrap_err(), error, "{header:?} {form}");
        }
    }
}
