//! Rules as data: what they look at, their figures with defaults, what they ask for, and whether they are only watched.
//!
//! The defaults are those of practitioners (published Radar rule sets, shops under card testing, the providers' own fields);
//! no rule goes by a country. All begin in `observe`: what a rule would do in this shop is seen first (`backtest`).

use serde::{Deserialize, Serialize};

use crate::attempt::Kind;

/// Whether a rule acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Off,
    /// It says what it would have done.
    #[default]
    Observe,
    Active,
}

/// What is to be done with an attempt, from mild to strict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    #[default]
    Allow,
    /// With 3-D Secure, or another proof where that is not to be had.
    Challenge,
    /// With 3-D Secure, and nothing is captured before a person has looked.
    Review,
    Block,
}

/// What a person who is refused is told. It says what they can do, and nothing that tells one stolen card from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Too many attempts; waiting helps.
    TooOften,
    /// This way to pay cannot be taken; another may.
    OtherMethod,
    /// Somebody looks at it; they hear from the shop.
    LookedAt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleId {
    PagesPerAddress,
    AttemptsPerAddress,
    RefusedPerAddress,
    AttemptsOfShop,
    CardsPerBuyer,
    RefusedPerKey,
    AttemptsPerEmail,
    DebitPerAddress,
    CardAgain,
    CardTesting,
    CvcFailed,
    AvsFailed,
    CountryAndScore,
    DisposableMail,
    AmountUnusual,
    NewAccountExpress,
    FirstOrderCoupons,
    ManyCardsOnePlace,
    ManyCardsOneAccount,
    TakeoverBeforePaying,
    SecureFailed,
}

/// What stands in the table of defaults about a rule.
struct Entry {
    id: RuleId,
    code: &'static str,
    /// Names with units, and defaults.
    limits: &'static [(&'static str, f64)],
    answer: Answer,
    category: Category,
    says: &'static str,
}

const fn rule(
    id: RuleId,
    code: &'static str,
    limits: &'static [(&'static str, f64)],
    acts: (Answer, Category),
    says: &'static str,
) -> Entry {
    Entry { id, code, limits, answer: acts.0, category: acts.1, says }
}

const WAIT: (Answer, Category) = (Answer::Block, Category::TooOften);
const PROVE: (Answer, Category) = (Answer::Challenge, Category::OtherMethod);
const LOOK: (Answer, Category) = (Answer::Review, Category::LookedAt);
const REFUSE: (Answer, Category) = (Answer::Block, Category::OtherMethod);
const WINDOWS: &[(&str, f64)] = &[("an hour", 3.0), ("a day", 5.0), ("a week", 8.0)];

const TABLE: [Entry; 21] = [
    rule(
        RuleId::PagesPerAddress,
        "pages_per_address",
        &[("a minute", 5.0)],
        WAIT,
        "More payment pages were opened from one address",
    ),
    rule(
        RuleId::AttemptsPerAddress,
        "attempts_per_address",
        &[("a minute", 3.0)],
        WAIT,
        "More attempts came from one address",
    ),
    rule(
        RuleId::RefusedPerAddress,
        "refused_per_address",
        &[("ten minutes", 10.0)],
        WAIT,
        "More attempts from one address were refused",
    ),
    rule(
        RuleId::AttemptsOfShop,
        "attempts_of_shop",
        &[("a minute", 30.0)],
        PROVE,
        "More attempts came to the shop as a whole; only buyers who are not known are asked for more",
    ),
    rule(
        RuleId::CardsPerBuyer,
        "cards_per_buyer",
        WINDOWS,
        WAIT,
        "One customer or device paid with more cards",
    ),
    rule(
        RuleId::RefusedPerKey,
        "refused_per_key",
        &[("an hour", 3.0), ("a day", 5.0), ("a week", 20.0)],
        WAIT,
        "More attempts of one mail address, card or address were refused",
    ),
    rule(
        RuleId::AttemptsPerEmail,
        "attempts_per_email",
        &[("an hour", 5.0)],
        LOOK,
        "More attempts came with one mail address",
    ),
    rule(
        RuleId::DebitPerAddress,
        "debit_per_address",
        &[("a day", 10.0)],
        LOOK,
        "More attempts came from one address, this one with a debit or prepaid card",
    ),
    rule(
        RuleId::CardAgain,
        "card_again",
        &[("seconds", 60.0)],
        PROVE,
        "The same card was used a shorter time ago",
    ),
    rule(
        RuleId::CardTesting,
        "card_testing",
        &[],
        PROVE,
        "Somebody tries cards out in the shop; buyers who are not known are asked for more until it is over",
    ),
    rule(RuleId::CvcFailed, "cvc_failed", &[], REFUSE, "The card's security code was wrong"),
    rule(RuleId::AvsFailed, "avs_failed", &[], LOOK, "Neither street nor postcode are the card's"),
    rule(
        RuleId::CountryAndScore,
        "country_and_score",
        &[("probability", 0.65)],
        LOOK,
        "Card and client are in different countries, and the score is higher",
    ),
    rule(RuleId::DisposableMail, "disposable_mail", &[], PROVE, "The mail address is one to throw away"),
    rule(
        RuleId::AmountUnusual,
        "amount_unusual",
        &[("of all orders", 0.995), ("times the buyer's usual", 5.0)],
        LOOK,
        "The amount is above both the shop's largest and the buyer's usual ones",
    ),
    rule(
        RuleId::NewAccountExpress,
        "new_account_express",
        &[("hours", 1.0), ("of all orders", 0.9)],
        LOOK,
        "A young account orders much, with express delivery",
    ),
    rule(
        RuleId::FirstOrderCoupons,
        "first_order_coupons",
        &[("before", 1.0)],
        LOOK,
        "A coupon for first orders, and the device, address, card or mail address had one before",
    ),
    rule(
        RuleId::ManyCardsOnePlace,
        "many_cards_one_place",
        &[("a week", 5.0)],
        LOOK,
        "Orders paid with more cards go to one place",
    ),
    rule(
        RuleId::ManyCardsOneAccount,
        "many_cards_one_account",
        &[("a week", 3.0)],
        LOOK,
        "One account pays with more cards and sends to a new place",
    ),
    rule(
        RuleId::TakeoverBeforePaying,
        "takeover_before_paying",
        &[("hours", 24.0)],
        LOOK,
        "Password or mail address changed lately, and the device and the place it goes to are new",
    ),
    rule(
        RuleId::SecureFailed,
        "secure_failed",
        &[],
        LOOK,
        "The buyer did not prove to their bank that the card is theirs (3-D Secure), and it was accepted all the same",
    ),
];

impl RuleId {
    pub fn all() -> impl Iterator<Item = RuleId> {
        TABLE.iter().map(|entry| entry.id)
    }

    fn entry(self) -> &'static Entry {
        // The table's order is the enum's; a test holds it.
        &TABLE[self as usize]
    }

    /// Stable: stands in events and settings.
    pub fn code(self) -> &'static str {
        self.entry().code
    }

    /// For staff, in a sentence.
    pub fn says(self) -> &'static str {
        self.entry().says
    }

    /// Of each limit its name with its unit, and its default.
    pub fn limits(self) -> &'static [(&'static str, f64)] {
        self.entry().limits
    }

    pub fn category(self) -> Category {
        self.entry().category
    }

    /// Whether it is looked at once more when the provider has told the card, and may say then what it could not before: while it acts,
    /// the money is only set aside until then.
    pub fn goes_by_card(self) -> bool {
        match self {
            RuleId::CardsPerBuyer
            | RuleId::RefusedPerKey
            | RuleId::DebitPerAddress
            | RuleId::CardAgain
            | RuleId::CvcFailed
            | RuleId::AvsFailed
            | RuleId::CountryAndScore
            | RuleId::ManyCardsOnePlace
            | RuleId::ManyCardsOneAccount
            | RuleId::SecureFailed => true,
            RuleId::PagesPerAddress
            | RuleId::AttemptsPerAddress
            | RuleId::RefusedPerAddress
            | RuleId::AttemptsOfShop
            | RuleId::AttemptsPerEmail
            | RuleId::CardTesting
            | RuleId::DisposableMail
            | RuleId::AmountUnusual
            | RuleId::NewAccountExpress
            | RuleId::FirstOrderCoupons
            | RuleId::TakeoverBeforePaying => false,
        }
    }
}

/// A rule as a shop has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    pub id: RuleId,
    pub mode: Mode,
    /// By the order of [`RuleId::limits`].
    pub limits: Vec<f64>,
    pub answer: Answer,
}

impl Rule {
    /// With the defaults, to be watched.
    pub fn new(id: RuleId) -> Self {
        let entry = id.entry();
        let limits = entry.limits.iter().map(|(_, default)| *default).collect();
        Rule { id, mode: Mode::Observe, limits, answer: entry.answer }
    }

    /// A limit that is not there never fires.
    pub(crate) fn limit(&self, at: usize) -> f64 {
        self.limits.get(at).copied().unwrap_or(f64::INFINITY)
    }
}

/// A rule that fired: the figure, and the limit it passed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleHit {
    pub rule: RuleId,
    pub mode: Mode,
    pub answer: Answer,
    /// The kind of key it fired for; `None` for what is of the attempt or the shop.
    pub kind: Option<Kind>,
    pub figure: f64,
    pub limit: f64,
    /// Which of the rule's limits, by the order of [`RuleId::limits`].
    pub window: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_rules() {
        for (at, id) in RuleId::all().enumerate() {
            assert_eq!(id as usize, at);
            let stored = serde_json::to_string(&id).unwrap();
            assert_eq!(stored, format!("\"{}\"", id.code()));
            assert_eq!(Rule::new(id).mode, Mode::Observe, "nothing acts before it was looked at");
        }
    }
}
