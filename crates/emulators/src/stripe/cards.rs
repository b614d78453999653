//! Stripe's published test cards, and what each does. Sources: docs.stripe.com/testing; the names of the ready payment methods
//! (`pm_card_…`) and tokens (`tok_…`) are from the same page.

/// What a card does when it is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    Approve,
    /// Declined by the issuer with this decline code.
    Decline(&'static str),
    /// 3-D Secure in every payment; then this.
    Challenge(After),
    /// 3-D Secure unless it was set up for payments without the buyer.
    ChallengeUnlessSetUp,
    /// Stripe's own rules block it: it never reaches the network.
    Block,
    /// Approved, and disputed at once for this reason.
    Dispute(&'static str),
    /// Approved; a refund of it is pending at first.
    RefundPends,
    /// Approved; a refund of it succeeds at first and fails later.
    RefundFails,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    Approve,
    Decline(&'static str),
}

/// A result of the card checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    Pass,
    Fail,
}

impl Check {
    pub fn word(self) -> &'static str {
        match self {
            Check::Pass => "pass",
            Check::Fail => "fail",
        }
    }
}

/// One test card.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    pub number: &'static str,
    /// Behind `pm_card_`.
    pub name: &'static str,
    pub brand: &'static str,
    pub funding: &'static str,
    pub country: &'static str,
    pub does: Does,
    pub cvc: Check,
    pub line1: Check,
    pub postal_code: Check,
    /// 0 to 100, as Radar gives it; from 65 "elevated", from 75 "highest".
    pub risk: i64,
}

const fn card(number: &'static str, name: &'static str, brand: &'static str, does: Does) -> Card {
    Card {
        number,
        name,
        brand,
        funding: "credit",
        country: "US",
        does,
        cvc: Check::Pass,
        line1: Check::Pass,
        postal_code: Check::Pass,
        risk: 20,
    }
}

const fn from(country: &'static str, card: Card) -> Card {
    Card { country, ..card }
}

const fn funded(funding: &'static str, card: Card) -> Card {
    Card { funding, ..card }
}

const fn risky(risk: i64, card: Card) -> Card {
    Card { risk, ..card }
}

use Does::{Approve, Block, Challenge, ChallengeUnlessSetUp, Decline, Dispute, RefundFails, RefundPends};

/// Every card that the stand-in knows; all others are refused as no test cards.
pub const CARDS: [Card; 42] = [
    card("4242424242424242", "visa", "visa", Approve),
    funded("debit", card("4000056655665556", "visa_debit", "visa", Approve)),
    card("5555555555554444", "mastercard", "mastercard", Approve),
    card("2223003122003222", "mastercard_series2", "mastercard", Approve),
    funded("debit", card("5200828282828210", "mastercard_debit", "mastercard", Approve)),
    funded("prepaid", card("5105105105105100", "mastercard_prepaid", "mastercard", Approve)),
    card("378282246310005", "amex", "amex", Approve),
    card("6011111111111117", "discover", "discover", Approve),
    card("3056930009020004", "diners", "diners", Approve),
    card("3566002020360505", "jcb", "jcb", Approve),
    card("6200000000000005", "unionpay", "unionpay", Approve),
    from("DE", card("4000002760000016", "de", "visa", Approve)),
    from("FR", card("4000002500000003", "fr", "visa", Approve)),
    from("ES", card("4000007240000007", "es", "visa", Approve)),
    from("GB", card("4000008260000000", "gb", "visa", Approve)),
    from("AT", card("4000000400000008", "at", "visa", Approve)),
    card("4000000000000077", "bypassPending", "visa", Approve),
    card("4000000000000002", "chargeDeclined", "visa", Decline("generic_decline")),
    card("4000000000009995", "chargeDeclinedInsufficientFunds", "visa", Decline("insufficient_funds")),
    card("4000000000009987", "chargeDeclinedLostCard", "visa", Decline("lost_card")),
    card("4000000000009979", "chargeDeclinedStolenCard", "visa", Decline("stolen_card")),
    card("4000000000000069", "chargeDeclinedExpiredCard", "visa", Decline("expired_card")),
    Card {
        cvc: Check::Fail,
        ..card("4000000000000127", "chargeDeclinedIncorrectCvc", "visa", Decline("incorrect_cvc"))
    },
    card("4000000000000119", "chargeDeclinedProcessingError", "visa", Decline("processing_error")),
    card(
        "4000000000006975",
        "visa_chargeDeclinedVelocityLimitExceeded",
        "visa",
        Decline("card_velocity_exceeded"),
    ),
    card("4000000000000341", "chargeCustomerFail", "visa", Decline("generic_decline")),
    from("DE", card("4000002760003184", "authenticationRequired", "visa", Challenge(After::Approve))),
    from("FR", card("4000002500003155", "authenticationRequiredOnSetup", "visa", ChallengeUnlessSetUp)),
    from(
        "GB",
        card(
            "4000008260003178",
            "authenticationRequiredChargeDeclinedInsufficientFunds",
            "visa",
            Challenge(After::Decline("insufficient_funds")),
        ),
    ),
    card(
        "4000008400001629",
        "threeDSecureRequiredChargeDeclined",
        "visa",
        Challenge(After::Decline("generic_decline")),
    ),
    card("4000000000003220", "threeDSecure2Required", "visa", Challenge(After::Approve)),
    card("4000000000003055", "threeDSecureOptional", "visa", Approve),
    Card { cvc: Check::Fail, ..card("4000000000000101", "cvcCheckFail", "visa", Approve) },
    Card {
        line1: Check::Fail,
        postal_code: Check::Fail,
        ..card("4000000000000010", "avsFail", "visa", Approve)
    },
    Card { line1: Check::Fail, ..card("4000000000000028", "avsLine1Fail", "visa", Approve) },
    Card { postal_code: Check::Fail, ..card("4000000000000036", "avsZipFail", "visa", Approve) },
    risky(92, card("4100000000000019", "radarBlock", "visa", Block)),
    risky(80, card("4000000000004954", "riskLevelHighest", "visa", Approve)),
    risky(68, card("4000000000009235", "riskLevelElevated", "visa", Approve)),
    card("4000000000000259", "createDispute", "visa", Dispute("fraudulent")),
    card("4000000000007726", "pendingRefund", "visa", RefundPends),
    card("4000000000005126", "refundFail", "visa", RefundFails),
];

pub fn by_number(digits: &str) -> Option<&'static Card> {
    CARDS.iter().find(|card| card.number == digits)
}

/// By `pm_card_NAME`, `pm_card_visa_NAME` (Stripe writes declines so) or `tok_NAME`.
pub fn by_name(id: &str) -> Option<&'static Card> {
    let name = id.strip_prefix("pm_card_").or_else(|| id.strip_prefix("tok_"))?;
    let name = name.strip_prefix("visa_").filter(|rest| *rest != "debit").unwrap_or(name);
    CARDS.iter().find(|card| card.name == name || card.name.strip_prefix("visa_") == Some(name))
}

/// Stripe's codes of an error, and its words, for a decline code.
pub fn declined(decline_code: &str) -> (&'static str, &'static str) {
    match decline_code {
        "expired_card" => ("expired_card", "Your card has expired."),
        "incorrect_cvc" => ("incorrect_cvc", "Your card's security code is incorrect."),
        "processing_error" => {
            ("processing_error", "An error occurred while processing your card. Try again in a little bit.")
        }
        "insufficient_funds" => ("card_declined", "Your card has insufficient funds."),
        "authentication_required" => {
            ("authentication_required", "Your card was declined. This transaction requires authentication.")
        }
        "card_velocity_exceeded" => (
            "card_declined",
            "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
        ),
        _ => ("card_declined", "Your card was declined."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_passes_luhn_and_stands_once() {
        for card in CARDS {
            let sum: u32 = card
                .number
                .bytes()
                .rev()
                .enumerate()
                .map(|(place, digit)| {
                    let digit = u32::from(digit - b'0') * if place % 2 == 1 { 2 } else { 1 };
                    if digit > 9 { digit - 9 } else { digit }
                })
                .sum();
            assert_eq!(sum % 10, 0, "{}", card.name);
            assert_eq!(CARDS.iter().filter(|other| other.number == card.number).count(), 1, "{}", card.name);
        }
    }

    #[test]
    fn ready_methods_are_found_by_their_published_names() {
        for (id, last) in [
            ("pm_card_visa", "4242"),
            ("tok_visa", "4242"),
            ("pm_card_visa_debit", "5556"),
            ("pm_card_visa_chargeDeclined", "0002"),
            ("pm_card_chargeDeclined", "0002"),
            ("pm_card_visa_chargeDeclinedInsufficientFunds", "9995"),
            ("pm_card_authenticationRequired", "3184"),
            ("pm_card_chargeCustomerFail", "0341"),
        ] {
            assert!(by_name(id).is_some_and(|card| card.number.ends_with(last)), "{id}");
        }
        assert!(by_name("pm_card_").is_none() && by_name("pm_1").is_none());
    }
}
