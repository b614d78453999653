//! What a provider's objects say of a dispute. Pure.

use serde_json::Value;
use storeward_base::Timestamp;

use crate::money::{Currency, Money};
use crate::provider::{clean, list, text};

/// A dispute as a provider shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub reference: String,
    pub amount: Money,
    pub reason: String,
    /// The provider's word.
    pub status: String,
    /// `open`, `won`, `lost`.
    pub state: &'static str,
    /// It waits for the shop's answer.
    pub waits: bool,
    /// It has the shop's evidence.
    pub has_evidence: bool,
    /// Minor units held back.
    pub withdrawn: i64,
    /// What the provider takes for its trouble, in the currency in which the account is paid out; one of each that its movements name, also
    /// where that came back.
    pub fees: Vec<Money>,
    /// How many movements of money these two were read from.
    pub movements: i64,
    pub due_at: Option<Timestamp>,
    /// The provider's objects that are disputed.
    pub about: Vec<String>,
}

impl Told {
    /// In the dispute's own currency.
    pub fn own_fee(&self) -> i64 {
        self.fees.iter().find(|fee| fee.currency == self.amount.currency).map_or(0, |fee| fee.minor)
    }
}

/// Stripe's dispute object.
pub(super) fn of_stripe(one: &Value) -> Option<Told> {
    let status = text(one, "/status")?;
    let state = match status {
        "won" | "warning_closed" | "prevented" => "won",
        "lost" => "lost",
        _ => "open",
    };
    let due = one.pointer("/evidence_details/due_by").and_then(Value::as_i64);
    let count = one.pointer("/evidence_details/submission_count").and_then(Value::as_i64);
    let about = ["/charge", "/payment_intent"].into_iter().filter_map(|at| text(one, at)).map(str::to_owned);
    let amount = Money::from_stripe(one.pointer("/amount")?.as_i64()?, text(one, "/currency")?).ok()?;
    // An inquiry moves nothing yet.
    let is_held = !status.starts_with("warning") && state != "won";
    let entries = list(one, "/balance_transactions");
    let by_status = if is_held { amount.minor } else { 0 };
    let (withdrawn, fees) = match movements_of(entries, amount.currency) {
        Some((withdrawn, fees)) => (withdrawn.unwrap_or(by_status), fees),
        None => (by_status, Vec::new()),
    };
    let movements = if fees.is_empty() { 0 } else { i64::try_from(entries.len()).ok()? };
    Some(Told {
        reference: text(one, "/id")?.to_owned(),
        amount,
        reason: clean(text(one, "/reason").unwrap_or("general")),
        status: clean(status),
        state,
        waits: matches!(status, "needs_response" | "warning_needs_response"),
        has_evidence: count.is_some_and(|count| count > 0),
        withdrawn,
        fees,
        movements,
        due_at: due.map(Timestamp::from_seconds),
        about: about.collect(),
    })
}

/// What Stripe withdrew and gave back by its own list, and its fees. The first is nothing where an entry is in another currency, that in
/// which the account is paid out, or where there is none: then the status says it.
fn movements_of(entries: &[Value], own: Currency) -> Option<(Option<i64>, Vec<Money>)> {
    let (mut withdrawn, mut fees) = (Some(0_i64).filter(|_| !entries.is_empty()), Vec::<Money>::new());
    for entry in entries {
        let money = |name: &str| {
            let minor = entry.pointer(name)?.as_i64()?;
            let size = Money::from_stripe(minor.checked_abs()?, text(entry, "/currency")?).ok()?;
            Some(Money { minor: size.minor.checked_mul(minor.signum())?, ..size })
        };
        let (amount, fee) = (money("/amount")?, money("/fee")?);
        withdrawn = match withdrawn.filter(|_| amount.currency == own) {
            Some(before) => Some(before.checked_sub(amount.minor)?),
            None => None,
        };
        match fees.iter_mut().find(|one| one.currency == fee.currency) {
            Some(one) => one.minor = one.minor.checked_add(fee.minor)?,
            None => fees.push(fee),
        }
    }
    let fees = fees.into_iter().map(|fee| Money { minor: fee.minor.max(0), ..fee }).collect();
    Some((withdrawn.map(|minor| minor.max(0)), fees))
}

/// PayPal's dispute object.
pub(super) fn of_paypal(one: &Value) -> Option<Told> {
    let status = text(one, "/status")?;
    let outcome = text(one, "/dispute_outcome/outcome_code").unwrap_or_default();
    let state = match (status, outcome) {
        ("RESOLVED", "RESOLVED_SELLER_FAVOUR" | "CANCELED_BY_BUYER" | "DENIED" | "NONE") => "won",
        ("RESOLVED", _) => "lost",
        _ => "open",
    };
    let value = one.pointer("/dispute_amount")?;
    let amount = Money::from_paypal(text(value, "/value")?, text(value, "/currency_code")?).ok()?;
    let transactions = list(one, "/disputed_transactions").iter();
    let about = transactions.filter_map(|t| text(t, "/seller_transaction_id")).map(str::to_owned);
    let is_held =
        state == "lost" || text(one, "/dispute_life_cycle_stage") == Some("CHARGEBACK") && state == "open";
    let is_sellers = |evidence: &&Value| text(evidence, "/source") == Some("SUBMITTED_BY_SELLER");
    // Of a dispute that was settled for a part the outcome says how much went back.
    let back = one.pointer("/dispute_outcome/amount_refunded").filter(|_| state == "lost");
    let back =
        back.and_then(|back| Money::from_paypal(text(back, "/value")?, text(back, "/currency_code")?).ok());
    let back =
        back.filter(|back| back.currency == amount.currency && (0..=amount.minor).contains(&back.minor));
    let by_outcome = if is_held { back.unwrap_or(amount).minor } else { 0 };
    let entries = list(one, "/money_movements");
    let (settled, fees) = sellers_of(entries, amount.currency).unwrap_or_default();
    Some(Told {
        reference: text(one, "/dispute_id")?.to_owned(),
        amount,
        reason: clean(text(one, "/reason").unwrap_or("OTHER")),
        status: clean(status),
        state,
        waits: status == "WAITING_FOR_SELLER_RESPONSE",
        has_evidence: list(one, "/evidences").iter().find(is_sellers).is_some(),
        withdrawn: settled.unwrap_or(by_outcome),
        fees,
        movements: i64::try_from(entries.len()).ok()?,
        due_at: text(one, "/seller_response_due_date").and_then(Timestamp::parse_rfc3339),
        about: about.collect(),
    })
}

/// What PayPal took from the seller to settle it, without what it gave back, and its fees (Disputes v1, `money_movements`). The first is
/// nothing where no movement says it: that the buyer got something does not say whose it was, as PayPal may have paid it itself; a hold
/// need not be a movement; and what was taken in another currency says nothing of this one.
fn sellers_of(entries: &[Value], own: Currency) -> Option<(Option<i64>, Vec<Money>)> {
    let (mut settled, mut is_said, mut fees) = (None, true, Vec::<Money>::new());
    for entry in entries {
        let money =
            Money::from_paypal(text(entry, "/amount/value")?, text(entry, "/amount/currency_code")?).ok()?;
        let party = text(entry, "/affected_party");
        let is_sellers = party == Some("SELLER");
        let minor = match text(entry, "/type")? {
            "CREDIT" => money.minor.checked_neg()?,
            _ => money.minor,
        };
        if text(entry, "/reason") == Some("DISPUTE_SETTLEMENT") {
            if is_sellers || party == Some("PAYMENT_PROCESSOR") {
                is_said &= !is_sellers || money.currency == own;
                settled = Some(settled.unwrap_or(0_i64).checked_add(if is_sellers { minor } else { 0 })?);
            }
        } else if is_sellers && text(entry, "/reason").is_some_and(|reason| reason.ends_with("_FEE")) {
            match fees.iter_mut().find(|one| one.currency == money.currency) {
                Some(one) => one.minor = one.minor.checked_add(minor)?,
                None => fees.push(Money { minor, ..money }),
            }
        }
    }
    let fees = fees.into_iter().map(|fee| Money { minor: fee.minor.max(0), ..fee }).collect();
    Some((settled.filter(|_| is_said).map(|minor| minor.max(0)), fees))
}

/// What a provider's own checks said of who paid: kept as words.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Checks {
    /// Such as `visa`.
    pub brand: Option<String>,
    pub last_four: Option<String>,
    /// `authenticated`, `attempt_acknowledged`, `exempted`, `failed`, `not_supported`; nothing where it was not asked for.
    pub three_d_secure: Option<String>,
    /// Of the protocol, such as `2.2.0`.
    pub three_d_secure_version: Option<String>,
    /// `pass`, `fail`, `unavailable`, `unchecked`.
    pub security_code: Option<String>,
    pub postal_code: Option<String>,
    pub street: Option<String>,
    /// Stripe's risk level, or PayPal's protection of the seller.
    pub provider_says: Option<String>,
}

/// Of a charge, or of a payment intent with its charge.
pub(super) fn checks_of_stripe(intent: &Value) -> Checks {
    let charge = intent.pointer("/latest_charge").unwrap_or(intent);
    let word = |at: &str| text(charge, at).map(clean).filter(|word| !word.is_empty());
    let card = |name: &str| word(&format!("/payment_method_details/card/{name}"));
    Checks {
        brand: card("brand"),
        last_four: card("last4").filter(|four| four.len() == 4 && four.bytes().all(|b| b.is_ascii_digit())),
        three_d_secure: card("three_d_secure/result"),
        three_d_secure_version: card("three_d_secure/version"),
        security_code: card("checks/cvc_check"),
        postal_code: card("checks/address_postal_code_check"),
        street: card("checks/address_line1_check"),
        provider_says: word("/outcome/risk_level"),
    }
}

/// Of an order.
pub(super) fn checks_of_paypal(order: &Value) -> Checks {
    let captures = list(order, "/purchase_units/0/payments/captures");
    let protection = captures.first().and_then(|one| text(one, "/seller_protection/status"));
    Checks { provider_says: protection.map(clean), ..Checks::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stripe(status: &str, entries: &Value) -> Told {
        let one = json!({
            "id": "du_1", "amount": 1999, "currency": "eur", "status": status, "reason": "fraudulent", "charge": "ch_1",
            "payment_intent": "pi_1", "balance_transactions": entries,
            "evidence_details": { "due_by": 1_800_000_000, "submission_count": 0 },
        });
        of_stripe(&one).unwrap()
    }

    #[test]
    fn what_is_held_back_is_what_stripe_booked() {
        let out = json!({ "amount": -1999, "fee": 1500, "currency": "eur" });
        let back = json!({ "amount": 1999, "fee": -1500, "currency": "eur" });
        let other = json!({ "amount": -2200, "fee": 1500, "currency": "usd" });
        let other_back = json!({ "amount": 2150, "fee": -1500, "currency": "usd" });
        for (status, entries, expected) in [
            ("warning_needs_response", json!([]), (0, 0, 0)),
            ("needs_response", json!([]), (1999, 0, 0)),
            ("needs_response", json!([out]), (1999, 1500, 1)),
            // Decided, and the money is not back yet.
            ("won", json!([out]), (1999, 1500, 1)),
            ("won", json!([out, back]), (0, 0, 2)),
            ("lost", json!([out]), (1999, 1500, 1)),
            // What the account is paid out in is another: the status says what is held back.
            ("lost", json!([other]), (1999, 0, 1)),
            ("won", json!([other, other_back]), (0, 0, 2)),
        ] {
            let told = stripe(status, &entries);
            assert_eq!((told.withdrawn, told.own_fee(), told.movements), expected, "{status} {entries}");
        }
        let fees = |entries: Value| {
            let told = stripe("lost", &entries);
            told.fees.iter().map(|fee| (fee.minor, fee.currency.to_string())).collect::<Vec<_>>()
        };
        assert_eq!(fees(json!([other])), [(1500, "USD".to_owned())]);
        assert_eq!(fees(json!([other, other_back])), [(0, "USD".to_owned())]);
        assert_eq!(fees(json!([out, other])), [(1500, "EUR".to_owned()), (1500, "USD".to_owned())]);
    }

    // Settled for a part, all of it was booked as lost; and so was what PayPal paid itself.
    #[test]
    fn what_paypal_took_is_what_it_says() {
        let money = |value: &str| json!({ "value": value, "currency_code": "EUR" });
        let one = |outcome: Value, movements: Value| {
            let one = json!({
                "dispute_id": "PP-D-1", "status": "RESOLVED", "dispute_amount": money("19.99"), "dispute_outcome": outcome,
                "money_movements": movements, "disputed_transactions": [{ "seller_transaction_id": "C1" }],
            });
            let told = of_paypal(&one).unwrap();
            (told.state, told.withdrawn, told.own_fee())
        };
        let moved = |who: &str, kind: &str, reason: &str, value: &str| json!({ "affected_party": who, "type": kind, "reason": reason, "amount": money(value) });
        let settled = |who: &str, kind: &str, value: &str| moved(who, kind, "DISPUTE_SETTLEMENT", value);
        let outcome = |code: &str, back: Option<&str>| match back {
            Some(back) => json!({ "outcome_code": code, "amount_refunded": money(back) }),
            None => json!({ "outcome_code": code }),
        };
        for (outcome, movements, expected) in [
            (outcome("RESOLVED_BUYER_FAVOUR", None), json!([]), ("lost", 1999, 0)),
            (outcome("RESOLVED_BUYER_FAVOUR", Some("5.00")), json!([]), ("lost", 500, 0)),
            // More than was disputed nobody gives back: the whole of it is held to be gone.
            (outcome("RESOLVED_BUYER_FAVOUR", Some("50.00")), json!([]), ("lost", 1999, 0)),
            (outcome("RESOLVED_SELLER_FAVOUR", Some("5.00")), json!([]), ("won", 0, 0)),
            // PayPal paid the buyer itself.
            (
                outcome("RESOLVED_WITH_PAYOUT", Some("19.99")),
                json!([settled("PAYMENT_PROCESSOR", "DEBIT", "19.99"), settled("BUYER", "CREDIT", "19.99")]),
                ("lost", 0, 0),
            ),
            // Whose money the buyer got, nobody says: nothing was booked of a dispute that was lost.
            (
                outcome("RESOLVED_BUYER_FAVOUR", None),
                json!([settled("BUYER", "CREDIT", "19.99")]),
                ("lost", 1999, 0),
            ),
            (
                outcome("RESOLVED_BUYER_FAVOUR", Some("5.00")),
                json!([settled("BUYER", "CREDIT", "5.00")]),
                ("lost", 500, 0),
            ),
            (
                outcome("RESOLVED_SELLER_FAVOUR", None),
                json!([settled("BUYER", "CREDIT", "19.99")]),
                ("won", 0, 0),
            ),
            (
                outcome("RESOLVED_BUYER_FAVOUR", Some("8.00")),
                json!([settled("SELLER", "DEBIT", "8.00"), settled("BUYER", "CREDIT", "8.00")]),
                ("lost", 800, 0),
            ),
            // The seller's in another currency says nothing of this one.
            (
                outcome("RESOLVED_BUYER_FAVOUR", None),
                json!([{ "affected_party": "SELLER", "type": "DEBIT", "reason": "DISPUTE_SETTLEMENT",
                    "amount": { "value": "21.40", "currency_code": "USD" } }]),
                ("lost", 1999, 0),
            ),
            (
                outcome("ACCEPTED", None),
                json!([
                    settled("SELLER", "DEBIT", "8.00"),
                    settled("SELLER", "CREDIT", "1.00"),
                    moved("SELLER", "DEBIT", "DISPUTE_FEE", "15.00")
                ]),
                ("lost", 700, 1500),
            ),
        ] {
            assert_eq!(one(outcome.clone(), movements.clone()), expected, "{outcome} {movements}");
        }
    }

    #[test]
    fn what_waits_for_the_shop() {
        for (status, waits, state) in [
            ("needs_response", true, "open"),
            ("warning_needs_response", true, "open"),
            ("under_review", false, "open"),
            ("a_word_that_comes_later", false, "open"),
            ("lost", false, "lost"),
            ("warning_closed", false, "won"),
        ] {
            let told = stripe(status, &json!([]));
            assert_eq!((told.waits, told.state), (waits, state), "{status}");
        }
    }
}
