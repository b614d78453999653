//! What a charge says of its card. Pure.

use serde_json::Value;
use storeward_fraud::{Funding, Secure};

use crate::judge::CardSeen;
use crate::provider::text;

/// What became of one of the bank's checks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    Pass,
    Fail,
    Unknown,
}

fn check(charge: &Value, name: &str) -> Check {
    match text(charge, &format!("/payment_method_details/card/checks/{name}")) {
        Some("pass") => Check::Pass,
        Some("fail") => Check::Fail,
        _ => Check::Unknown,
    }
}

/// What came of 3-D Secure (Stripe, `Charge.payment_method_details.card.three_d_secure`: `result` and
/// `electronic_commerce_indicator`). Stripe has no field for who bears the loss: the indicator of the card's scheme says it. 02 and 05
/// are proved, 01 and 06 attempted, and the bank bears it; with 07 the shop does.
fn secure(charge: &Value) -> (Secure, Option<bool>) {
    let of = |name: &str| text(charge, &format!("/payment_method_details/card/three_d_secure/{name}"));
    let secure = match of("result") {
        Some("authenticated") => Secure::Authenticated,
        Some("attempt_acknowledged") => Secure::Attempted,
        Some("exempted") => Secure::Exempted,
        Some("failed") => Secure::Failed,
        // `not_supported`, `processing_error`: nothing is known of the buyer.
        _ => Secure::Unknown,
    };
    let shifted = match (secure, of("electronic_commerce_indicator")) {
        (Secure::Failed | Secure::Exempted, _) | (_, Some("07")) => Some(false),
        (Secure::Authenticated | Secure::Attempted, Some("01" | "02" | "05" | "06")) => Some(true),
        _ => None,
    };
    (secure, shifted)
}

/// `None` where nobody has used a card yet, or what came is no charge.
pub(super) fn of_charge(charge: Option<&Value>) -> Option<CardSeen> {
    let charge = charge.filter(|charge| charge.is_object())?;
    let of_card =
        |name: &str| text(charge, &format!("/payment_method_details/card/{name}")).map(str::to_owned);
    let cvc = check(charge, "cvc_check");
    let (street, postcode) =
        (check(charge, "address_line1_check"), check(charge, "address_postal_code_check"));
    let avs_failed = match (street, postcode) {
        (Check::Fail, Check::Fail) => Some(true),
        (Check::Unknown, Check::Unknown) => None,
        _ => Some(false),
    };
    let (secure, liability_shifted) = secure(charge);
    Some(CardSeen {
        secure,
        liability_shifted,
        charge: text(charge, "/id")?.to_owned(),
        fingerprint: of_card("fingerprint"),
        // Told to accounts for which Stripe has switched it on.
        bin: of_card("iin"),
        country: of_card("country"),
        funding: of_card("funding").map(|word| match word.as_str() {
            "credit" => Funding::Credit,
            "debit" => Funding::Debit,
            "prepaid" => Funding::Prepaid,
            _ => Funding::Unknown,
        }),
        cvc_failed: (cvc != Check::Unknown).then_some(cvc == Check::Fail),
        avs_failed,
        is_declined: text(charge, "/status") == Some("failed"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_came_of_three_d_secure_is_told_apart() {
        let of = |three: Value| {
            let charge =
                json!({ "id": "ch_1", "payment_method_details": { "card": { "three_d_secure": three } } });
            let seen = of_charge(Some(&charge)).unwrap();
            (seen.secure, seen.liability_shifted)
        };
        let result =
            |result: &str, eci: Value| of(json!({ "result": result, "electronic_commerce_indicator": eci }));
        assert_eq!(result("authenticated", json!("05")), (Secure::Authenticated, Some(true)));
        assert_eq!(result("attempt_acknowledged", json!("06")), (Secure::Attempted, Some(true)));
        assert_eq!(result("attempt_acknowledged", json!("07")), (Secure::Attempted, Some(false)));
        assert_eq!(result("authenticated", Value::Null), (Secure::Authenticated, None));
        assert_eq!(result("exempted", json!("05")), (Secure::Exempted, Some(false)));
        assert_eq!(result("failed", json!("05")), (Secure::Failed, Some(false)));
        for nothing in ["processing_error", "not_supported", "else"] {
            assert_eq!(result(nothing, Value::Null), (Secure::Unknown, None));
        }
        assert_eq!(of(Value::Null), (Secure::Unknown, None));
    }

    #[test]
    fn checks_are_told_apart() {
        let of = |cvc: &str, street: Value, postcode: Value| {
            let checks = json!({ "cvc_check": cvc, "address_line1_check": street, "address_postal_code_check": postcode });
            let charge = json!({ "id": "ch_1", "status": "failed", "payment_method_details": { "card": {
                "fingerprint": "f", "funding": "prepaid", "country": "DE", "checks": checks } } });
            of_charge(Some(&charge)).unwrap()
        };
        let both = of("fail", json!("fail"), json!("fail"));
        assert_eq!((both.cvc_failed, both.avs_failed, both.is_declined), (Some(true), Some(true), true));
        assert_eq!((both.funding, both.bin), (Some(Funding::Prepaid), None));
        let one = of("pass", json!("fail"), json!("pass"));
        assert_eq!((one.cvc_failed, one.avs_failed), (Some(false), Some(false)));
        let none = of("unchecked", Value::Null, Value::Null);
        assert_eq!((none.cvc_failed, none.avs_failed), (None, None));
        assert_eq!(of_charge(Some(&Value::Null)), None);
        assert_eq!(of_charge(Some(&json!("ch_1"))), None);
    }
}
