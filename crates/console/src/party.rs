//! Whom a passkey of staff is for: the name that the console was opened by. Never an address, which cannot have one.

use std::convert::Infallible;
use std::net::IpAddr;

use storeward_seal::webauthn::Party;
use storeward_web::axum::extract::FromRequestParts;
use storeward_web::http::request::Parts;

use crate::app::App;

/// What all names have in common.
#[derive(Clone, Copy, Debug)]
pub struct Parties {
    pub scheme: &'static str,
    pub port: u16,
}

impl Parties {
    /// For one of the console's names. The frame around every page has checked that it is one; the port does not come from
    /// the request, so a page at another port of this name is not us.
    fn of(self, host: &str) -> Option<Party> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is_address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        (!is_address && !host.is_empty()).then(|| {
            let scheme = self.scheme;
            let origins = vec![format!("{scheme}://{host}"), format!("{scheme}://{host}:{}", self.port)];
            Party { id: host, origins }
        })
    }
}

/// The party of the name in the request; nothing where the console was opened by an address.
pub struct MaybeParty(pub Option<Party>);

impl FromRequestParts<App> for MaybeParty {
    type Rejection = Infallible;

    async fn from_request_parts(head: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let host = storeward_web::host_of_request(head);
        Ok(MaybeParty(host.and_then(|host| app.parties.of(&host))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_party_and_an_address_is_none() {
        let parties = Parties { scheme: "https", port: 9443 };
        let party = parties.of("Console.shop.example").unwrap();
        assert_eq!(party.id, "console.shop.example");
        assert_eq!(party.origins, ["https://console.shop.example", "https://console.shop.example:9443"]);
        assert_eq!(parties.of("localhost").unwrap().id, "localhost");
        for host in ["127.0.0.1", "[::1]", "::1", ""] {
            assert!(parties.of(host).is_none(), "{host}");
        }
    }
}
