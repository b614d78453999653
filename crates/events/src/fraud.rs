//! Facts of what was decided about payments. They name a payment by its id, rules and figures by their stable codes; never who pays.

use serde::{Deserialize, Serialize};
use storeward_base::{PaymentId, Timestamp};

use crate::{Event, words};

/// An attempt to pay was judged, before the provider was asked or once the card was known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FraudJudged {
    pub payment: PaymentId,
    /// Which judgement of the payment it is.
    pub number: u32,
    /// `allow`, `challenge`, `review`, `block`.
    pub answer: String,
    /// The scorer's probability of fraud, in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_permille: Option<u16>,
    /// Rules that fired and act.
    pub rules: Vec<String>,
    /// Rules that fired and are only watched.
    pub watched: Vec<String>,
    /// Figures that spoke most for fraud.
    pub reasons: Vec<String>,
}

/// An attempt to pay was refused; nothing was sent to a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FraudRefused {
    pub payment: PaymentId,
    /// What the buyer was told: `too_often`, `other_method`, `looked_at`.
    pub category: String,
    pub rules: Vec<String>,
    /// An earlier refusal of the same order still stood.
    pub held: bool,
}

/// A payment waits for somebody's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewOpened {
    pub payment: PaymentId,
    /// Until then nobody has to; afterwards what is set aside is set free.
    pub due_at: Timestamp,
}

/// A payment waits no longer: the actor decided, or its time was over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewClosed {
    pub payment: PaymentId,
    /// `approved`, `declined`, `expired`, `withdrawn`, `voided`: the payment was, and nothing is left to decide.
    pub outcome: String,
}

/// What a payment turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FraudLabelled {
    pub payment: PaymentId,
    /// `good`, `fraud`.
    pub truth: String,
    /// `dispute`, `refund`, `review`.
    pub source: String,
}

/// Somebody tries cards out in the shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardTestingBegan {
    /// `cards_of_bin`, `declined`, `unknown_declined`, `under_way`, `lately`.
    pub sign: String,
    /// Whether anonymous buyers are asked for more because of it: the rule acts.
    pub acts: bool,
}

/// No sign of it was seen for a quarter of an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardTestingOver {}

/// A rule was changed by the actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FraudRuleChanged {
    pub rule: String,
    /// `off`, `observe`, `active`.
    pub mode: String,
    pub was: String,
    /// As the rule has them now, such as `3, 5, 8`.
    pub limits: String,
    /// Attempts of the shop's own past that it was tried on, where it was let act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_on: Option<u64>,
}

/// A scorer was learned, put in place, or let act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScorerChanged {
    /// The first signs of the SHA-256 of its stored form.
    pub model: String,
    /// `trained`, `placed`, `active`, `observe`, `off`.
    pub what: String,
}

/// Scores are spread otherwise than in training.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScorerDrifted {
    pub model: String,
    /// The population stability index, in thousandths.
    pub index_permille: u32,
}

/// One line of plain words for each.
pub(crate) fn sentence(event: &Event) -> Option<String> {
    let because = |rules: &[String]| match rules {
        [] => String::new(),
        rules => {
            format!(" by {}", rules.iter().map(|rule| words::plain(rule)).collect::<Vec<_>>().join(", "))
        }
    };
    Some(match event {
        Event::FraudJudged(f) => {
            let answer = match f.answer.as_str() {
                "allow" => "may be paid",
                "challenge" => "is to be proved with 3-D Secure",
                "review" => "is to be looked at",
                _ => "is refused",
            };
            format!("{} {answer}{}", f.payment, because(&f.rules))
        }
        Event::FraudRefused(f) => format!("Refused an attempt to pay {}{}", f.payment, because(&f.rules)),
        Event::ReviewOpened(r) => format!("{} waits for a decision", r.payment),
        Event::ReviewClosed(r) => format!("{} waits no longer: {}", r.payment, words::plain(&r.outcome)),
        Event::FraudLabelled(f) => {
            let truth = if f.truth == "fraud" { "fraud" } else { "no fraud" };
            format!("{} was {truth}, as a {} says", f.payment, words::plain(&f.source))
        }
        Event::CardTestingBegan(c) if c.acts => {
            "Somebody tries cards out in the shop; anonymous buyers are asked for 3-D Secure".to_owned()
        }
        Event::CardTestingBegan(_) => {
            "Somebody tries cards out in the shop; the rule that would ask for more is only watched"
                .to_owned()
        }
        Event::CardTestingOver(_) => "Nobody tries cards out in the shop any more".to_owned(),
        Event::FraudRuleChanged(r) => {
            format!("The rule {} is {} now, it was {}", words::plain(&r.rule), r.mode, r.was)
        }
        Event::ScorerChanged(s) => format!("The scorer {}: {}", s.model, words::plain(&s.what)),
        Event::ScorerDrifted(s) => {
            format!("Scores of {} are spread otherwise than in training: look at it or train anew", s.model)
        }
        _ => return None,
    })
}
