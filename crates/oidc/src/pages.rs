//! Everything that is answered below [`PREFIX`]: the one list of its routes, and the pages among them.

mod apps;
mod authorize;
mod gate;
mod logout;
mod view;

use storeward_web::axum::Router;
use storeward_web::{Access, HostNamesError, Routes};

use crate::api;
use crate::provider::Provider;
use gate::{Need, ProviderGate};

/// Where the provider lives on the shop's host; the issuer ends in it.
pub const PREFIX: &str = "/.storeward/oidc";

/// Where customers see which apps have access, below the pages' prefix.
pub use apps::HERE as APPS;

/// The places of its router, for [`storeward_host::OwnPages::with`]. The second is where RFC 8414 section 3.1 looks.
pub const PATHS: [&str; 2] = [PREFIX, "/.well-known/oauth-authorization-server/.storeward/oidc"];

/// A path of ours. [`PREFIX`] cannot stand in a literal; a test holds the two together.
macro_rules! own {
    ($path:literal) => {
        concat!("/.storeward/oidc", $path)
    };
}

const OPEN: Access<Need> = Access::Program("what everybody may know");
const CLIENT: Access<Need> = Access::Program("a client: its secret, or a code with its verifier");
const BEARER: Access<Need> = Access::Program("an access token");
const RELAY: Access<Need> = Access::Program("a request by form, which is made one by address");
const ASKS: Access<Need> = Access::Program("a browser asks for its page; told what origins are registered");

impl Provider {
    /// The router. The listener must put the client's address into each request's extensions, as a
    /// [`storeward_base::ClientIp`].
    pub fn router(&self) -> Result<Router, HostNamesError> {
        let site = self.0.identity.site()?;
        Ok(routes(Routes::new(ProviderGate(self.clone()))).finish(self.clone(), site))
    }

    /// Every route with its rule, one per line.
    pub fn access_table(&self) -> String {
        let routes = routes(Routes::new(ProviderGate(self.clone())));
        routes.rows().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
}

fn routes(routes: Routes<Provider, ProviderGate>) -> Routes<Provider, ProviderGate> {
    routes
        .get(own!("/.well-known/openid-configuration"), OPEN, api::metadata)
        .get("/.well-known/oauth-authorization-server/.storeward/oidc", OPEN, api::metadata)
        .get(own!("/jwks"), OPEN, api::key_set)
        .get(own!("/authorize"), Access::Only(Need::Anybody), authorize::authorize)
        .post(own!("/authorize"), RELAY, authorize::relay)
        .get(own!("/continue"), Access::Only(Need::Anybody), authorize::go_on)
        .post(own!("/consent"), Access::Only(Need::Customer), authorize::consent)
        .get(own!("/apps"), Access::Only(Need::Customer), apps::page)
        .post(own!("/apps/remove"), Access::Only(Need::Customer), apps::remove)
        .post(own!("/token"), CLIENT, api::token)
        .preflight(own!("/token"), ASKS, api::preflight)
        .get(own!("/userinfo"), BEARER, api::userinfo)
        .post(own!("/userinfo"), BEARER, api::userinfo)
        .preflight(own!("/userinfo"), ASKS, api::preflight)
        .post(own!("/introspect"), CLIENT, api::introspect)
        .post(own!("/revoke"), CLIENT, api::revoke)
        .preflight(own!("/revoke"), ASKS, api::preflight)
        .get(own!("/logout"), Access::Only(Need::Anybody), logout::logout)
        .post(own!("/logout"), RELAY, logout::relay)
        .post(own!("/logout/confirm"), Access::Only(Need::Customer), logout::confirm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_one() {
        assert_eq!(own!(""), PREFIX);
        assert!(PREFIX.starts_with(storeward_host::OWN_PREFIX) && PATHS[1].ends_with(PREFIX));
    }
}
