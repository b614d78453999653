//! The customers' pages and the one list of their routes.

mod account;
mod around;
mod assets;
mod back_office;
mod challenge;
mod change;
mod close;
mod door;
mod factors;
mod leave;
mod lost;
mod message;
mod meter;
mod not_me;
mod recover;
mod recover_link;
mod sign_in;
mod sign_up;
mod sms;
mod step_up;
mod view;

use std::sync::Arc;

use storeward_web::axum::Router;
use storeward_web::{Access, HostNames, HostNamesError, Routes, Site};

use crate::gate::{CustomerGate, Need};
use crate::verbs::Identity;

pub use around::{Around, OwnView, Standpoint};
pub use assets::Logo;
pub use close::Farewell;
pub(crate) use door::{StandIn, answer_of, refused, too_often};

/// What every handler shares.
#[derive(Clone)]
pub(crate) struct App {
    pub identity: Identity,
    pub logo: Option<Arc<Logo>>,
}

const CUSTOMER: Access<Need> = Access::Only(Need::Customer);
const FRESH: Access<Need> = Access::Only(Need::FreshCustomer);
const FLOW: Access<Need> = Access::Only(Need::Flow);
const VISITOR: Access<Need> = Access::PublicForm("whoever wants to sign in, sign up or come back");
const SOLVED: Access<Need> = Access::Program("the answer to a puzzle, which is checked where it is used");
const FILE: Access<Need> = Access::Public("looks and script of the pages, the same for everybody");

/// Where password managers look for the form (W3C, A Well-Known URL for Changing Passwords).
pub const CHANGE_PASSWORD: &str = "/.well-known/change-password";

/// A path of ours. `OWN_PREFIX` cannot stand in a literal; a test holds the two together.
macro_rules! own {
    ($path:literal) => {
        concat!("/.storeward", $path)
    };
}

impl Identity {
    /// The pages, as a service for [`storeward_host::OwnPages`]. The listener must put the client's address into each
    /// request's extensions, as a [`storeward_base::ClientIp`].
    pub fn router(&self, logo: Option<Logo>) -> Result<Router, HostNamesError> {
        let site = self.site()?;
        let app = App { identity: self.clone(), logo: logo.map(Arc::new) };
        Ok(routes(Routes::new(CustomerGate(self.clone()))).finish(app, site))
    }

    /// The place where pages for customers live: the shop's names, failures in the shop's looks. For the router of whoever
    /// else has pages there.
    pub fn site(&self) -> Result<Site, HostNamesError> {
        let shared = &self.0;
        let mut names = shared.shop_names.clone();
        names.extend(shared.policy().host.clone());
        let mut site = Site::new(HostNames::parse(&names)?, own!("/account"), Arc::clone(&shared.entropy));
        site.dress = Some(message::dress(self.clone()));
        Ok(site)
    }

    /// Every route with its rule, one per line.
    pub fn access_table(&self) -> String {
        let routes = routes(Routes::new(CustomerGate(self.clone())));
        routes.rows().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
}

fn routes(routes: Routes<App, CustomerGate>) -> Routes<App, CustomerGate> {
    let routes = routes
        .get("/", Access::Public("leads to the account; asked for on a host of our own only"), account::front)
        .get(own!("/sign-in"), VISITOR, sign_in::page)
        .post(own!("/sign-in"), VISITOR, sign_in::sign_in)
        .post(own!("/passkey/options"), VISITOR, sign_in::passkey_options)
        .post(own!("/passkey/sign-in"), VISITOR, sign_in::passkey)
        .post(door::SOLVED_PATH, SOLVED, door::solved)
        .get(own!("/sign-up"), VISITOR, sign_up::page)
        .post(own!("/sign-up"), VISITOR, sign_up::sign_up)
        .post(own!("/password-meter"), VISITOR, meter::sign_up)
        .get(own!("/recover"), VISITOR, recover::page)
        .post(own!("/recover"), VISITOR, recover::begin)
        .get(own!("/challenge"), FLOW, challenge::page)
        .post(own!("/challenge"), FLOW, challenge::prove)
        .post(own!("/challenge/send"), FLOW, challenge::send)
        .post(own!("/challenge/passkey-options"), FLOW, challenge::passkey_options)
        .get(own!("/new-password"), FLOW, recover::new_password_page)
        .post(own!("/new-password"), FLOW, recover::set_new_password)
        .post(own!("/new-password/keep"), FLOW, recover::keep_password)
        .post(own!("/new-password/meter"), FLOW, meter::flow)
        .post(own!("/challenge/send-sms"), FLOW, challenge::send_sms)
        .post(own!("/challenge/lost"), FLOW, lost::begin)
        .post(own!("/challenge/leave"), FLOW, leave::leave)
        .get(own!("/new-factor"), FLOW, lost::page)
        .post(own!("/new-factor/totp"), FLOW, lost::begin_totp)
        .post(own!("/new-factor/totp/confirm"), FLOW, lost::confirm_totp)
        .post(own!("/new-factor/passkey-options"), FLOW, lost::passkey_options)
        .post(own!("/new-factor/passkey"), FLOW, lost::confirm_passkey)
        .get(own!("/recover/stop"), Access::PublicForm("a letter's link; acts on POST only"), lost::stop_page)
        .post(own!("/recover/stop"), Access::PublicForm("a letter's link; acts on POST only"), lost::stop)
        .get(
            own!("/recover/link"),
            Access::PublicForm("a letter's link; acts on POST only"),
            recover_link::page,
        )
        .post(
            own!("/recover/link"),
            Access::PublicForm("a letter's link; acts on POST only"),
            recover_link::act,
        )
        .get(own!("/step-up"), CUSTOMER, step_up::page)
        .post(own!("/step-up"), CUSTOMER, step_up::begin)
        .post(own!("/sign-out"), CUSTOMER, sign_in::sign_out)
        .get(own!("/account"), CUSTOMER, account::page)
        .post(own!("/account/sessions/end"), FRESH, account::end_session)
        .post(own!("/account/sessions/end-others"), FRESH, account::end_others)
        .post(own!("/account/devices/forget"), FRESH, account::forget_device)
        .post(own!("/account/not-me"), CUSTOMER, not_me::inside)
        .post(own!("/account/recovery/stop"), CUSTOMER, lost::stop_inside)
        .get(own!("/account/sms"), FRESH, sms::page)
        .post(own!("/account/sms"), FRESH, sms::begin)
        .post(own!("/account/sms/confirm"), FRESH, sms::confirm)
        .post(own!("/account/factors/remove"), FRESH, factors::remove)
        .get(own!("/account/back-office"), CUSTOMER, back_office::page)
        .get(own!("/account/totp"), FRESH, factors::totp_page)
        .post(own!("/account/totp"), FRESH, factors::begin_totp)
        .post(own!("/account/totp/confirm"), FRESH, factors::confirm_totp)
        .get(own!("/account/passkey"), FRESH, factors::passkey_page)
        .post(own!("/account/passkey/options"), FRESH, factors::passkey_options)
        .post(own!("/account/passkey/confirm"), FRESH, factors::confirm_passkey)
        .get(own!("/account/codes"), FRESH, factors::codes_page)
        .post(own!("/account/codes"), FRESH, factors::make_codes)
        .get(own!("/account/password"), FRESH, change::password_page)
        .post(own!("/account/password"), FRESH, change::password)
        .post(own!("/account/password/meter"), CUSTOMER, meter::change)
        .get(own!("/account/address"), FRESH, change::address_page)
        .post(own!("/account/address"), FRESH, change::address)
        .get(own!("/address-shown"), CUSTOMER, change::address_shown)
        .get(own!("/account/close"), FRESH, close::page)
        .post(own!("/account/close"), FRESH, close::close)
        .get(own!("/not-me"), Access::PublicForm("a letter's link; acts on POST only"), not_me::page)
        .post(own!("/not-me"), Access::PublicForm("a letter's link; acts on POST only"), not_me::act)
        .get(CHANGE_PASSWORD, Access::Public("leads to where passwords are changed"), change::well_known);
    files(routes)
}

fn files(routes: Routes<App, CustomerGate>) -> Routes<App, CustomerGate> {
    routes
        .get(
            "/favicon.ico",
            Access::Public("the shop's logo; asked for on a host of our own only"),
            assets::icon,
        )
        .get(own!("/assets/identity.css"), FILE, assets::css)
        .get(own!("/assets/theme.css"), FILE, assets::theme)
        .get(own!("/assets/passkey.js"), FILE, assets::script)
        .get(own!("/assets/meter.js"), FILE, assets::meter)
        .get(own!("/assets/times.js"), FILE, assets::times)
        .get(own!("/assets/logo"), FILE, assets::logo)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_prefix_is_the_hosts() {
        assert_eq!(own!(""), storeward_host::OWN_PREFIX);
    }
}
