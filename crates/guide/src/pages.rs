//! The pages of guidance and the one list of their routes.

pub mod assets;
mod learn;
mod messages;
mod quiz;
mod reminders;
mod report;
mod security;
mod trust;
mod unsubscribe;
mod view;

use storeward_base::Timestamp;
use storeward_host::OWN_PREFIX;
use storeward_identity::CustomerGate;
use storeward_web::axum::Router;
use storeward_web::{Access, HostNamesError, Routes};

use crate::guide::Guide;

pub(crate) use trust::Counted;

/// Where the router answers, below the shop's names.
pub const PLACES: [&str; 7] = [
    "/.storeward/security",
    "/.storeward/learn",
    "/.storeward/messages",
    "/.storeward/reminders",
    "/.storeward/unsubscribe",
    "/.storeward/trust",
    "/.storeward/guide",
];

/// Where whoever finds a hole looks for whom to tell (RFC 9116). Only for shops that name somebody.
pub const SECURITY_TXT: &str = "/.well-known/security.txt";

type Need = storeward_identity::Access;

const CUSTOMER: Access<Need> = Access::Only(Need::Customer);
const FORM: Access<Need> = Access::PublicForm("whoever holds a message asks about it or reports it");
const LEARN: Access<Need> =
    Access::PublicForm("lessons are for everybody; progress is kept of whoever is signed in");
const FACTS: Access<Need> = Access::Public("facts about the shop, the same for everybody");

/// A form of at most 20,000 characters, each up to four bytes of three signs.
const FORM_BYTES: usize = 250 * 1024;

/// A path of ours. `OWN_PREFIX` cannot stand in a literal; a test holds the two together.
macro_rules! own {
    ($path:literal) => {
        concat!("/.storeward", $path)
    };
}

/// One of our own paths.
pub fn own(path: &str) -> String {
    format!("{OWN_PREFIX}{path}")
}

/// A day for programs (RFC 3339).
pub fn day(at: Timestamp) -> String {
    let full = at.to_string();
    full.get(..10).unwrap_or(&full).to_owned()
}

impl Guide {
    /// The pages, for [`storeward_host::OwnPages::with`] at [`PLACES`] and [`SECURITY_TXT`].
    pub fn router(&self) -> Result<Router, HostNamesError> {
        let mut site = self.0.identity.site()?;
        site.body_limit_bytes = FORM_BYTES;
        Ok(routes(Routes::new(CustomerGate(self.0.identity.clone()))).finish(self.clone(), site))
    }

    /// Every route with its rule, one per line.
    pub fn access_table(&self) -> String {
        let routes = routes(Routes::new(CustomerGate(self.0.identity.clone())));
        routes.rows().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
}

fn routes(routes: Routes<Guide, CustomerGate>) -> Routes<Guide, CustomerGate> {
    routes
        .get(own!("/security"), Access::Public("leads to the security centre"), security::page)
        .post(own!("/security/reviewed"), CUSTOMER, security::reviewed)
        .get(own!("/learn"), LEARN, learn::list)
        .get(own!("/learn/{lesson}"), LEARN, learn::lesson)
        .get(own!("/learn/{lesson}/quiz"), LEARN, quiz::page)
        .post(own!("/learn/{lesson}/quiz"), LEARN, quiz::answer)
        .get(own!("/messages"), FORM, messages::page)
        .post(own!("/messages"), FORM, messages::look_up)
        .get(own!("/messages/report"), FORM, report::page)
        .post(own!("/messages/report"), FORM, report::report)
        .get(own!("/reminders"), CUSTOMER, reminders::page)
        .post(own!("/reminders"), CUSTOMER, reminders::choose)
        .get(own!("/unsubscribe"), Access::Public("asks; acts on POST only"), unsubscribe::page)
        .post(
            own!("/unsubscribe"),
            Access::Program("the token of a letter's link (RFC 8058)"),
            unsubscribe::act,
        )
        .get(own!("/trust"), FACTS, trust::page)
        .get(own!("/guide/guide.css"), Access::Public("looks, the same for everybody"), assets::css)
        .get(SECURITY_TXT, FACTS, trust::security_txt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_the_hosts() {
        assert!(PLACES.iter().all(|place| place.starts_with(storeward_host::OWN_PREFIX)));
        assert_eq!(own!("/x"), own("/x"));
    }
}
