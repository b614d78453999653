//! What buyers read.

use std::sync::LazyLock;

use storeward_base::{Language, Words, text_keys};

text_keys! {
    /// What the pages say.
    pub enum Text {
        Title = "title" {},
        TestMode = "test_mode" {},
        Order = "order" { order },
        Total = "total" {},
        Ways = "ways" {},
        ByCard = "by_card" {},
        ByPayPal = "by_paypal" {},
        Keep = "keep" { shop },
        Safe = "safe" { shop },
        BackToShop = "back_to_shop" { shop },
        Declined = "declined" {},
        Checking = "checking" { provider },
        CheckingLong = "checking_long" { provider, shop },
        Processing = "processing" { provider },
        SetAside = "set_aside" { shop },
        Paid = "paid" {},
        GivenBack = "given_back" {},
        Over = "over" {},
        PaidLater = "paid_later" {},
        Closed = "closed" { shop },
        Ended = "ended" { shop },
        NoWay = "no_way" { shop },
        Reach = "reach" { shop },
        ReachSite = "reach_site" { shop },
        NotReached = "not_reached" {},
        NotTaken = "not_taken" {},
        StoppedTooOften = "stopped_too_often" {},
        StoppedOtherMethod = "stopped_other_method" {},
        StoppedLookedAt = "stopped_looked_at" {},
        StoppedPerson = "stopped_person" { shop, order },
        LookedAt = "looked_at" { shop },
        Again = "again" {},
        Changed = "changed" {},
        Older = "older" {},
        PaidOtherwise = "paid_otherwise" { shop },
        SeePayment = "see_payment" {},
        Leads = "leads" { provider },
        GoOn = "go_on" {},
        FormLoads = "form_loads" {},
        FormFailed = "form_failed" {},
        OnTheirPage = "on_their_page" {},
        OtherWay = "other_way" {},
        FaultTitle = "fault_title" {},
        FaultNoPayment = "fault_no_payment" {},
        FaultLink = "fault_link" {},
        FaultWay = "fault_way" {},
        FaultOther = "fault_other" {},
        Home = "home" {},
        OwnNav = "own.nav" {},
        OwnTitle = "own.title" {},
        OwnLead = "own.lead" { shop },
        OwnNone = "own.none" { shop },
        OwnSince = "own.since" { when },
        OwnUntil = "own.until" { month },
        OwnRemove = "own.remove" {},
        OwnRemoved = "own.removed" {},
        OwnWrote = "own.wrote" {},
        OwnHint = "own.hint" {},
    }
}

impl Text {
    /// Whether it tells the buyer to ask the shop: how to reach it stands beside.
    pub fn says_to_ask(self) -> bool {
        matches!(self, Text::NotTaken | Text::PaidOtherwise | Text::Closed | Text::Ended | Text::CheckingLong)
    }
}

pub static WORDS: LazyLock<Words<Text>> = LazyLock::new(|| {
    Words::load([
        (Language::En, include_str!("../../texts/en.txt")),
        (Language::De, include_str!("../../texts/de.txt")),
        (Language::Fr, include_str!("../../texts/fr.txt")),
        (Language::Es, include_str!("../../texts/es.txt")),
    ])
    .expect("the texts are part of the program, and a test reads them")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_says_everything() {
        assert!(WORDS.text(Language::De, Text::Total, &[]).contains("Summe"));
    }
}
