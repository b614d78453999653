//! What a client is made of. A value exists only if it fits.

use storeward_base::{Id, RelyingId, Tagged, Timestamp};
use storeward_seal::jws::Algorithm;
use storeward_store::{FromValue, Value};

use crate::protocol::scope::{Scope, Scopes};

/// One sign-in of one customer to one client, with all that came from it.
#[derive(Debug)]
pub enum Grant {}
impl Tagged for Grant {
    const PREFIX: &'static str = "grant";
}
pub type GrantId = Id<Grant>;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $wanted:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$($name::$variant),+];

            /// The stable word in tables, events, forms and on the command line.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            pub fn of_word(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl From<$name> for Value {
            fn from(value: $name) -> Self { Value::Text(value.word().to_owned()) }
        }

        impl FromValue for $name {
            const WANTED: &'static str = $wanted;
            fn from_value(value: Value) -> Option<Self> {
                String::from_value(value).and_then(|word| $name::of_word(&word))
            }
        }
    };
}
words! {
    /// Whether a client's codes are bound to whoever asked for them (RFC 7636, S256).
    Pkce, "whether PKCE is required" {
        Required = "required",
        /// On purpose, for a client that has a secret and knows nothing of PKCE. A code that leaks can then be put into
        /// somebody else's sign-in (RFC 9700 section 4.5).
        Waived = "waived",
    }
}

words! {
    /// Whether customers are asked before a client learns who they are.
    Consent, "whether consent is asked" {
        Asked = "asked",
        /// The shop's own client: the customers gave their data to the shop already.
        Skipped = "skipped",
    }
}

words! {
    /// What stands in an ID token beside who signed in, and how.
    IdToken, "what an ID token holds" {
        /// Nothing: what the scopes say is told at `userinfo` (OpenID Connect Core section 5.4).
        Plain = "plain",
        /// What the scopes say as well, for clients that do not ask at `userinfo`.
        WithProfile = "with_profile",
    }
}

words! {
    /// Whether a client can keep a secret.
    Kind, "a kind of client" {
        /// On a server.
        Confidential = "confidential",
        /// In a browser or an app: everybody can read it.
        Public = "public",
    }
}

words! {
    /// How an answer may reach a client: it needs one way, and can be given by no other (ASVS 5.0 10.4.12).
    Answers, "how answers reach a client" {
        /// By a redirect; in the address.
        Query = "query",
        /// By a form that the browser posts.
        FormPost = "form_post",
        /// As it asks: clients from before this was told apart.
        Either = "either",
    }
}

/// A client as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub id: RelyingId,
    pub name: String,
    pub preset: String,
    pub kind: Kind,
    pub pkce: Pkce,
    pub consent: Consent,
    pub algorithm: Algorithm,
    pub id_token: IdToken,
    /// What it may ask for.
    pub scopes: Scopes,
    pub answers: Answers,
    pub redirect_uris: Vec<String>,
    pub logout_uris: Vec<String>,
    pub backchannel_uri: Option<String>,
    pub origins: Vec<String>,
    pub created_at: Timestamp,
}

/// Something to look at before a client is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    PkceWaived,
    NoBackchannel,
    PlainHttp,
}

impl Warning {
    /// For staff and operators.
    pub const fn words(self) -> &'static str {
        match self {
            Warning::PkceWaived => {
                "PKCE is waived: a code that leaks on its way can be put into another person's sign-in. Waive it only \
                 where the shop's plugin has no PKCE, and ask for it again once the plugin has."
            }
            Warning::NoBackchannel => {
                "Without an address for back-channel logout the shop does not learn when a session is ended elsewhere, for \
                 instance by \u{201c}this wasn't me\u{201d}."
            }
            Warning::PlainHttp => {
                "An address begins with http://: only for programs on the same machine, never in production."
            }
        }
    }
}

/// What tells that an answer reaches the client that is meant, and no other (RFC 8252 section 8.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assured {
    /// It shows its secret.
    BySecret,
    /// It has none, but its addresses are web pages of one owner.
    ByAddress,
    /// By nothing: any app on the customer's device can take an app's own scheme, or a port of the device.
    Nothing,
}

impl Assured {
    pub fn of(kind: Kind, redirect_uris: &[String]) -> Self {
        match kind {
            Kind::Confidential => Assured::BySecret,
            Kind::Public if redirect_uris.iter().all(|uri| is_a_page(uri)) => Assured::ByAddress,
            Kind::Public => Assured::Nothing,
        }
    }
}

/// Whether an address is a page on the web, and not on the customer's own device.
fn is_a_page(uri: &str) -> bool {
    let Ok(there) = storeward_outbound::Destination::of_url(uri) else { return false };
    let host = there.host().trim_end_matches('.');
    let is_own_device = host == "localhost"
        || host.ends_with(".localhost")
        || there.ip().is_some_and(|ip| ip.is_loopback() || ip.is_unspecified());
    there.is_https() && !is_own_device
}

impl Client {
    pub fn assured(&self) -> Assured {
        Assured::of(self.kind, &self.redirect_uris)
    }

    pub fn warnings(&self) -> Vec<Warning> {
        let uris = || self.redirect_uris.iter().chain(&self.logout_uris).chain(&self.backchannel_uri);
        [
            (self.pkce == Pkce::Waived).then_some(Warning::PkceWaived),
            self.backchannel_uri.is_none().then_some(Warning::NoBackchannel),
            uris().any(|uri| uri.starts_with("http://")).then_some(Warning::PlainHttp),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A new client, as somebody wishes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub name: String,
    pub preset: String,
    pub kind: Kind,
    pub pkce: Pkce,
    pub consent: Consent,
    pub algorithm: Algorithm,
    pub id_token: IdToken,
    pub scopes: Scopes,
    pub answers: Answers,
    pub redirect_uris: Vec<String>,
    pub logout_uris: Vec<String>,
    pub backchannel_uri: Option<String>,
    pub origins: Vec<String>,
}

const MOST_URIS: usize = 20;

impl Draft {
    /// Why it does not fit, in words that say what would.
    pub fn check(&self) -> Result<(), String> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
            return Err("The name needs 1 to 80 characters.".to_owned());
        }
        if self.kind == Kind::Public && self.pkce == Pkce::Waived {
            return Err("PKCE can be waived only for a client that has a secret.".to_owned());
        }
        if !self.scopes.has(Scope::Openid) {
            return Err("The scope openid cannot be left out: it says who signed in.".to_owned());
        }
        if self.redirect_uris.is_empty() {
            return Err("Name at least one address to which customers come back.".to_owned());
        }
        if self.redirect_uris.len().max(self.logout_uris.len()).max(self.origins.len()) > MOST_URIS {
            return Err(format!("At most {MOST_URIS} addresses of a kind."));
        }
        for uri in self.redirect_uris.iter().chain(&self.logout_uris) {
            check_redirect(uri, self.kind).map_err(|why| format!("{}: {why}", shown(uri)))?;
        }
        if self.consent == Consent::Skipped && Assured::of(self.kind, &self.redirect_uris) == Assured::Nothing
        {
            return Err("Customers have to be asked: without a secret, an app's own scheme or an address on the customer's \
                        device can be taken by any app."
                .to_owned());
        }
        if let Some(uri) = &self.backchannel_uri {
            check_web(uri).map_err(|why| format!("{}: {why}", shown(uri)))?;
        }
        if self.kind == Kind::Confidential && !self.origins.is_empty() {
            return Err("Origins are for clients in browsers; one with a secret has none.".to_owned());
        }
        self.origins.iter().try_for_each(|origin| check_origin(origin))
    }
}

/// Without what could be mistaken for more of the message.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

/// An address as customers come back to it: `https`, `http` on the same machine only (RFC 8252 section 7.3), or an app's own
/// scheme with a dot in it (section 7.1).
fn check_redirect(uri: &str, kind: Kind) -> Result<(), &'static str> {
    let scheme = uri.split(':').next().unwrap_or("");
    let is_apps_own =
        scheme.contains('.') && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if is_apps_own {
        check_form(uri)?;
        return match kind {
            Kind::Public => Ok(()),
            Kind::Confidential => Err("a scheme of an app's own is for public clients"),
        };
    }
    check_web(uri)
}

fn check_web(uri: &str) -> Result<(), &'static str> {
    check_form(uri)?;
    let there = storeward_outbound::Destination::of_url(uri)
        .map_err(|_| "write it like https://shop.example/callback")?;
    let local =
        matches!(there.host(), "localhost" | "127.0.0.1" | "::1") || there.ip().is_some_and(is_inside);
    if there.is_https() || local { Ok(()) } else { Err("it must begin with https://") }
}

fn is_inside(ip: std::net::IpAddr) -> bool {
    match ip {
        std::net::IpAddr::V4(ip) => ip.is_private() || ip.is_loopback(),
        std::net::IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback(),
    }
}

fn check_form(uri: &str) -> Result<(), &'static str> {
    if uri.len() > 500 || !uri.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"<>{}|^`*".contains(&b)) {
        return Err("it needs plain characters, at most 500, and no wildcard");
    }
    if uri.contains('#') {
        return Err("it must have no # in it");
    }
    let path = uri.split('?').next().unwrap_or("");
    if path.contains("/../") || path.ends_with("/..") || path.contains("/./") {
        return Err("it must not climb with ..");
    }
    Ok(())
}

fn check_origin(origin: &str) -> Result<(), String> {
    let fits = storeward_outbound::Destination::parse(origin).is_ok_and(|there| there.to_string() == origin);
    let safe = check_web(&format!("{origin}/")).is_ok();
    if fits && safe {
        Ok(())
    } else {
        Err(format!("{}: an origin is written like https://app.shop.example", shown(origin)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(uri: &str) -> Draft {
        Draft {
            name: "Shop".to_owned(),
            preset: "own".to_owned(),
            kind: Kind::Confidential,
            pkce: Pkce::Required,
            consent: Consent::Skipped,
            algorithm: Algorithm::Es256,
            id_token: IdToken::Plain,
            scopes: Scopes::parse("openid email"),
            answers: Answers::Query,
            redirect_uris: vec![uri.to_owned()],
            logout_uris: Vec::new(),
            backchannel_uri: None,
            origins: Vec::new(),
        }
    }

    #[test]
    fn addresses_are_checked() {
        for good in [
            "https://shop.example/callback",
            "https://shop.example/wp-admin/admin-ajax.php?action=openid-connect-authorize",
            "http://127.0.0.1:8000/cb",
            "http://localhost/cb",
            "http://10.1.2.3/cb",
        ] {
            assert_eq!(draft(good).check(), Ok(()), "{good}");
        }
        for bad in [
            "",
            "/callback",
            "shop.example/cb",
            "http://shop.example/cb",
            "https://shop.example/cb#x",
            "https://*.shop.example/cb",
            "https://shop.example/*",
            "https://user@shop.example/cb",
            "https://shop.example/a/../b",
            "https://shop.example/ä",
            "https://shop.example/a b",
            "javascript:alert(1)",
            "data:text/html,x",
            "com.example.app:/cb",
            "https:///cb",
        ] {
            assert!(draft(bad).check().is_err(), "{bad}");
        }
        let mut app = draft("com.example.app:/cb");
        app.kind = Kind::Public;
        app.consent = Consent::Asked;
        assert_eq!(app.check(), Ok(()));
        app.pkce = Pkce::Waived;
        assert!(app.check().is_err());
    }

    // Any app can take such an address, and got a code without a page.
    #[test]
    fn whoever_cannot_be_told_apart_asks_for_consent() {
        for uri in [
            "com.evil.app:/cb",
            "http://127.0.0.1:8000/cb",
            "http://localhost/cb",
            "http://[::1]:9/cb",
            "http://10.1.2.3/cb",
            "https://localhost/cb",
            "https://127.0.0.1/cb",
        ] {
            let mut app = draft("https://shop.example/cb");
            app.kind = Kind::Public;
            assert_eq!(app.check(), Ok(()));
            app.redirect_uris.push(uri.to_owned());
            assert!(app.check().is_err(), "{uri}");
            assert_eq!(Assured::of(app.kind, &app.redirect_uris), Assured::Nothing, "{uri}");
            app.consent = Consent::Asked;
            assert_eq!(app.check(), Ok(()), "{uri}");
        }
    }

    #[test]
    fn origins_are_for_browsers() {
        let mut app = draft("https://app.example/cb");
        app.origins = vec!["https://app.example".to_owned()];
        assert!(app.check().is_err());
        app.kind = Kind::Public;
        assert_eq!(app.check(), Ok(()));
        for bad in [
            "https://app.example/",
            "https://app.example/x",
            "*",
            "null",
            "http://app.example",
            "https://App.example",
        ] {
            app.origins = vec![bad.to_owned()];
            assert!(app.check().is_err(), "{bad}");
        }
    }
}
