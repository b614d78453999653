//! Ready-made settings for the shops whose plugins were looked at. What they are made for is said in docs/oidc.md.

use storeward_seal::jws::Algorithm;

use crate::model::{Answers, Consent, Draft, IdToken, Kind, Pkce};
use crate::protocol::scope::Scopes;

/// What a shop needs of a customer: who it is, what they are called, where letters go. None of the plugins needs what outlives
/// the session: a refresh token they get in any case.
const OF_A_SHOP: &str = "openid profile email";

/// The shop's first page, as `location.origin` and `home_url()` write it, too.
const HOME: &[&str] = &["/", ""];

/// What openid-connect-generic sends: its sign-in by itself leads to `home_url()`, WooCommerce's own link to the account page, which is
/// called so in the shop's language when it is made, and WordPress's link to its sign-in page, since 5.9 with the person's language. Whoever
/// comes from elsewhere is signed out as well, and stays here.
const OF_WOOCOMMERCE: &[&str] = &[
    "/",
    "",
    "/my-account/",
    "/mein-konto/",
    "/mon-compte/",
    "/mi-cuenta/",
    "/wp-login.php?loggedout=true",
    "/wp-login.php?loggedout=true&wp_lang=en_US",
    "/wp-login.php?loggedout=true&wp_lang=en_GB",
    "/wp-login.php?loggedout=true&wp_lang=de_DE",
    "/wp-login.php?loggedout=true&wp_lang=fr_FR",
    "/wp-login.php?loggedout=true&wp_lang=es_ES",
];

/// Settings to begin with.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// The word on the command line and in forms.
    pub word: &'static str,
    pub label: &'static str,
    /// What it is for, in a sentence.
    pub hint: &'static str,
    pub kind: Kind,
    pub pkce: Pkce,
    pub consent: Consent,
    pub algorithm: Algorithm,
    pub id_token: IdToken,
    /// What it may ask for, with blanks between.
    pub scopes: &'static str,
    pub answers: Answers,
    /// Behind the shop's address: where customers come back to.
    pub redirect_path: &'static str,
    /// Where they come back to after a sign-out: each as the plugin writes it, since an address fits character for character (RP-Initiated
    /// Logout 1.0 section 3).
    pub logout_paths: &'static [&'static str],
}

pub const PRESETS: [Preset; 6] = [
    Preset {
        word: "own",
        label: "A shop or program of your own",
        hint: "On a server, with a library that knows PKCE: the safest settings.",
        kind: Kind::Confidential,
        pkce: Pkce::Required,
        consent: Consent::Skipped,
        algorithm: Algorithm::Es256,
        id_token: IdToken::Plain,
        scopes: OF_A_SHOP,
        answers: Answers::Query,
        redirect_path: "/callback",
        logout_paths: HOME,
    },
    Preset {
        word: "woocommerce",
        label: "WordPress and WooCommerce",
        hint: "For the plugin OpenID Connect Generic (openid-connect-generic), which has no PKCE and knows RS256.",
        kind: Kind::Confidential,
        pkce: Pkce::Waived,
        consent: Consent::Skipped,
        algorithm: Algorithm::Rs256,
        id_token: IdToken::WithProfile,
        scopes: OF_A_SHOP,
        answers: Answers::Query,
        redirect_path: "/wp-admin/admin-ajax.php?action=openid-connect-authorize",
        logout_paths: OF_WOOCOMMERCE,
    },
    Preset {
        word: "saleor",
        label: "Saleor",
        hint: "For the OpenID Connect plugin that comes with Saleor: no PKCE, RS256, the e-mail address in the ID token.",
        kind: Kind::Confidential,
        pkce: Pkce::Waived,
        consent: Consent::Skipped,
        algorithm: Algorithm::Rs256,
        id_token: IdToken::WithProfile,
        scopes: OF_A_SHOP,
        answers: Answers::Query,
        redirect_path: "/auth/callback",
        logout_paths: HOME,
    },
    Preset {
        word: "spree",
        label: "Spree",
        hint: "The storefront gets an ID token, and Spree's authentication strategy checks it with the key set.",
        kind: Kind::Public,
        pkce: Pkce::Required,
        consent: Consent::Skipped,
        algorithm: Algorithm::Rs256,
        id_token: IdToken::WithProfile,
        scopes: OF_A_SHOP,
        answers: Answers::Query,
        redirect_path: "/auth/callback",
        logout_paths: HOME,
    },
    Preset {
        word: "vendure",
        label: "Vendure",
        hint: "For an authentication strategy that exchanges the code on the server and checks the ID token with the key set.",
        kind: Kind::Confidential,
        pkce: Pkce::Required,
        consent: Consent::Skipped,
        algorithm: Algorithm::Es256,
        id_token: IdToken::WithProfile,
        scopes: OF_A_SHOP,
        answers: Answers::Query,
        redirect_path: "/auth/callback",
        logout_paths: HOME,
    },
    Preset {
        word: "browser",
        label: "A program in the browser or an app",
        hint: "It can keep no secret, so PKCE stands in for it; customers are asked before it learns who they are.",
        kind: Kind::Public,
        pkce: Pkce::Required,
        consent: Consent::Asked,
        algorithm: Algorithm::Es256,
        id_token: IdToken::Plain,
        scopes: OF_A_SHOP,
        answers: Answers::Query,
        redirect_path: "/callback",
        logout_paths: HOME,
    },
];

impl Preset {
    pub fn of_word(word: &str) -> Option<&'static Preset> {
        PRESETS.iter().find(|preset| preset.word == word)
    }

    /// The settings for a shop at `url`, such as `https://shop.example`; without one, the addresses are left out.
    pub fn draft(&self, name: &str, url: Option<&str>) -> Draft {
        let base = url.map(|url| url.trim_end_matches('/'));
        let at = |paths: &[&str]| match base {
            Some(base) => paths.iter().map(|path| format!("{base}{path}")).collect(),
            None => Vec::new(),
        };
        let origin = base.and_then(|base| storeward_outbound::Destination::of_url(base).ok());
        let is_public = self.kind == Kind::Public;
        Draft {
            name: name.to_owned(),
            preset: self.word.to_owned(),
            kind: self.kind,
            pkce: self.pkce,
            consent: self.consent,
            algorithm: self.algorithm,
            id_token: self.id_token,
            scopes: Scopes::parse(self.scopes),
            answers: self.answers,
            redirect_uris: at(&[self.redirect_path]),
            logout_uris: at(self.logout_paths),
            backchannel_uri: None,
            origins: origin.filter(|_| is_public).map(|origin| origin.to_string()).into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_fits() {
        for preset in &PRESETS {
            let draft = preset.draft("The shop", Some("https://shop.example/"));
            assert_eq!(draft.check(), Ok(()), "{}", preset.word);
            assert!(draft.redirect_uris[0].starts_with("https://shop.example/"), "{draft:?}");
            let home = ["https://shop.example/".to_owned(), "https://shop.example".to_owned()];
            assert!(home.iter().all(|uri| draft.logout_uris.contains(uri)), "{draft:?}");
            assert!(preset.draft("The shop", None).check().is_err());
            assert_eq!(draft.scopes.to_string(), preset.scopes);
            assert!(!draft.scopes.has(crate::protocol::scope::Scope::OfflineAccess), "{}", preset.word);
            assert_eq!(Preset::of_word(preset.word).unwrap().label, preset.label);
        }
    }
}
