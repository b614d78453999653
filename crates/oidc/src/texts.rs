//! What customers read on the provider's pages.

use std::sync::LazyLock;

use storeward_base::{Language, Words, text_keys};

text_keys! {
    /// What the pages say.
    pub enum Text {
        ConsentTitle = "consent.title" { client },
        ConsentAs = "consent.as" { address },
        ConsentLearns = "consent.learns" { client },
        ConsentGoes = "consent.goes" { place },
        ConsentAllow = "consent.allow" {},
        ConsentDeny = "consent.deny" {},
        ConsentOther = "consent.other" {},
        ScopeOpenid = "scope.openid" {},
        ScopeProfile = "scope.profile" {},
        ScopeEmail = "scope.email" {},
        ScopeOffline = "scope.offline" {},
        BackTitle = "back.title" { place },
        BackIntro = "back.intro" {},
        BackButton = "back.button" {},
        LogoutTitle = "logout.title" {},
        LogoutIntro = "logout.intro" { shop },
        LogoutButton = "logout.button" {},
        LogoutStay = "logout.stay" {},
        SignedOutTitle = "signed_out.title" {},
        SignedOutIntro = "signed_out.intro" { shop },
        SignedOutStays = "signed_out.stays" {},
        RefusedTitle = "refused.title" {},
        RefusedForm = "refused.form" {},
        RefusedClient = "refused.client" {},
        RefusedRedirect = "refused.redirect" {},
        RefusedOver = "refused.over" {},
        RefusedHint = "refused.hint" {},
        AppsNav = "apps.nav" {},
        AppsTitle = "apps.title" {},
        AppsLead = "apps.lead" { shop },
        AppsNone = "apps.none" {},
        AppsSince = "apps.since" { when },
        AppsLast = "apps.last" { when },
        AppsKnows = "apps.knows" {},
        AppsTakeAway = "apps.take_away" {},
        AppsGone = "apps.gone" {},
        AppsAgain = "apps.again" {},
        Home = "home" {},
    }
}

pub static WORDS: LazyLock<Words<Text>> = LazyLock::new(|| {
    Words::load([
        (Language::En, include_str!("../texts/en.txt")),
        (Language::De, include_str!("../texts/de.txt")),
        (Language::Fr, include_str!("../texts/fr.txt")),
        (Language::Es, include_str!("../texts/es.txt")),
    ])
    .expect("the texts are part of the program, and a test reads them")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_says_everything() {
        let said = WORDS.text(Language::De, Text::ConsentTitle, &[("client", "Laden")]);
        assert!(said.contains("Laden"), "{said}");
    }
}
