//! What is kept of a judgement, and what a provider tells of a card.

use serde::{Deserialize, Serialize};
use storeward_base::{PaymentId, Timestamp};
use storeward_fraud::{
    Answer, Attempt, Category, Decision, Funding, Label, Mode, Outcome, RuleHit, Secure, Sign, Source, Truth,
};

/// The version of both stored forms.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct StoredFacts {
    v: u8,
    attempt: Attempt,
}

pub(super) fn facts_text(attempt: &Attempt) -> String {
    // Numbers and words: nothing in it can fail.
    serde_json::to_string(&StoredFacts { v: VERSION, attempt: *attempt }).unwrap_or_default()
}

/// `None` where another version wrote it, or its marks were taken out.
pub(super) fn facts_of(text: &str) -> Option<Attempt> {
    let stored: StoredFacts = serde_json::from_str(text).ok()?;
    (stored.v == VERSION).then_some(stored.attempt)
}

/// A figure and what it gave to the score, in natural logarithms of odds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weight {
    pub feature: String,
    pub points: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct StoredDecision {
    v: u8,
    pub fired: Vec<RuleHit>,
    pub weighed: Vec<Weight>,
    pub sign: Option<Sign>,
    pub category: Option<Category>,
}

impl StoredDecision {
    pub fn of(decision: &Decision) -> Self {
        let weighed = decision.weighed.iter();
        StoredDecision {
            v: VERSION,
            fired: decision.fired.clone(),
            weighed: weighed.map(|one| Weight { feature: one.feature.name(), points: one.points }).collect(),
            sign: decision.card_testing,
            category: decision.category,
        }
    }

    /// What the buyer is told, where that is another than the engine says.
    pub fn said(self, category: Option<Category>) -> Self {
        StoredDecision { category, ..self }
    }

    /// What was known before the card, and what fired since.
    pub fn and(mut self, later: &Decision) -> Self {
        let new = StoredDecision::of(later);
        self.fired.retain(|hit| !new.fired.iter().any(|other| other.rule == hit.rule));
        self.fired.extend(new.fired);
        self.weighed = new.weighed;
        self.sign = self.sign.or(new.sign);
        self.category = self.category.or(new.category);
        self
    }

    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// One attempt to pay, as it was judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    pub payment: PaymentId,
    /// 1 is the first of the payment.
    pub number: u32,
    pub at: Timestamp,
    pub answer: Answer,
    /// An earlier refusal of the order stood.
    pub is_held: bool,
    /// The probability of fraud (0 to 1) by the champion.
    pub score: Option<f64>,
    pub challenger: Option<f64>,
    /// Every rule that fired, also those that are only watched.
    pub fired: Vec<RuleHit>,
    pub weighed: Vec<Weight>,
    pub sign: Option<Sign>,
    pub category: Option<Category>,
    /// Whether the provider has told the card.
    pub has_card: bool,
    pub outcome: Option<Outcome>,
    pub label: Option<Label>,
    /// Marks and figures; `None` where they were taken out.
    pub facts: Option<Attempt>,
}

impl Judgement {
    /// Codes of what spoke for more care, of what acts: rules, then figures of the score.
    pub fn reasons(&self) -> Vec<String> {
        let rules = self.fired.iter().filter(|hit| hit.mode == Mode::Active).map(|hit| hit.rule.code());
        let figures = self.weighed.iter().filter(|one| one.points > 0.0).map(|one| one.feature.as_str());
        rules.chain(figures).map(str::to_owned).collect()
    }
}

/// The scorer's probability in thousandths, for a fact.
pub(crate) fn permille(score: Option<f64>) -> Option<u16> {
    score.map(|score| {
        let thousandths = (score.clamp(0.0, 1.0) * 1000.0).round();
        (0..=1000_u16).find(|whole| f64::from(*whole) >= thousandths).unwrap_or(1000)
    })
}

/// An enum of the engine with its stable words.
macro_rules! engine_words {
    ($($to:ident, $of:ident, $type:ident { $($variant:ident = $word:literal,)+ })+) => {
        $(pub(crate) const fn $to(value: $type) -> &'static str {
            match value { $($type::$variant => $word,)+ }
        }

        pub(crate) fn $of(word: &str) -> Option<$type> {
            match word { $($word => Some($type::$variant),)+ _ => None }
        })+
    };
}

engine_words! {
    answer_word, answer_of, Answer { Allow = "allow", Challenge = "challenge", Review = "review", Block = "block", }
    outcome_word, outcome_of, Outcome { Approved = "approved", Declined = "declined", Blocked = "blocked", }
    truth_word, truth_of, Truth { Good = "good", Fraud = "fraud", }
    source_word, source_of, Source { Dispute = "dispute", Refund = "refund", Review = "review", Silence = "silence", }
    mode_word, mode_of, Mode { Off = "off", Observe = "observe", Active = "active", }
}

/// What a refused person is told, in its stable word.
pub(crate) const fn category_word(category: Category) -> &'static str {
    match category {
        Category::TooOften => "too_often",
        Category::OtherMethod => "other_method",
        Category::LookedAt => "looked_at",
    }
}

/// What became of 3-D Secure, in its stable word; nothing where nobody asked or told.
pub(crate) const fn secure_word(secure: Secure) -> Option<&'static str> {
    match secure {
        Secure::Unknown => None,
        Secure::Authenticated => Some("authenticated"),
        Secure::Attempted => Some("attempted"),
        Secure::Exempted => Some("exempted"),
        Secure::Failed => Some("failed"),
    }
}

/// What a provider tells of the card or wallet that was used last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CardSeen {
    /// The provider's id of this use.
    pub charge: String,
    /// The provider's fingerprint of the card, or of the wallet's owner.
    pub fingerprint: Option<String>,
    /// The first digits, where the provider tells them.
    pub bin: Option<String>,
    pub country: Option<String>,
    pub funding: Option<Funding>,
    pub cvc_failed: Option<bool>,
    pub avs_failed: Option<bool>,
    /// What came of 3-D Secure, and whether the bank bears the loss.
    pub secure: Secure,
    pub liability_shifted: Option<bool>,
    pub is_declined: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_fraud::{Kind, Mark, RuleId};

    /// As version 1 was written. A program that reads it no longer loses the shop's past.
    const FACTS: &str = r#"{"v":1,"attempt":{"at":1795541880123456,"offset_minutes":0,"amount_minor":1999,"marks":[null,7,null,null,null,null,null,null,null,null,null],"buyer":{"signed_in":{"account_age":{"secs":60,"nanos":0}}},"signals":{"pages_opened":2,"device_new":"yes"}}}"#;

    #[test]
    fn what_was_kept_is_read() {
        let read = facts_of(FACTS).unwrap();
        assert_eq!((read.amount_minor, read.marks.get(Kind::Card)), (1999, Some(Mark(7))));
        assert_eq!(read.signals.pages_opened, 2);
        assert_eq!(facts_of(&facts_text(&read)), Some(read));
        assert_eq!(facts_of(&FACTS.replace("\"v\":1", "\"v\":2")), None);
        assert_eq!(facts_of("{}"), None);
    }

    #[test]
    fn what_fired_later_stands_beside_what_fired_before() {
        let hit = |rule, figure| RuleHit {
            rule,
            mode: Mode::Active,
            answer: Answer::Review,
            kind: None,
            figure,
            limit: 1.0,
            window: 0,
        };
        let of = |fired: Vec<RuleHit>| Decision {
            answer: Answer::Review,
            score: None,
            challenger: None,
            weighed: Vec::new(),
            fired,
            card_testing: None,
            category: None,
        };
        let first = StoredDecision::of(&of(vec![hit(RuleId::AvsFailed, 1.0), hit(RuleId::CardAgain, 2.0)]));
        let both = first.and(&of(vec![hit(RuleId::CardAgain, 3.0)]));
        let figures: Vec<f64> = both.fired.iter().map(|hit| hit.figure).collect();
        assert_eq!(figures, [1.0, 3.0]);
        assert_eq!(StoredDecision::parse(&both.text()).fired, both.fired);
    }

    #[test]
    fn scores_become_thousandths() {
        for (score, expected) in [(0.0, 0), (0.4124, 412), (1.0, 1000), (7.0, 1000)] {
            assert_eq!(permille(Some(score)), Some(expected));
        }
    }
}
