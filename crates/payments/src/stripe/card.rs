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
/// `electronic_commerce_indicator`), and who bears the loss of a fraud.
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
        (Secure::Failed | Secure::Exempted, _) => Some(false),
        (_, Some(indicator)) => shifted(charge, indicator)
            .filter(|is_banks| !is_banks || matches!(secure, Secure::Authenticated | Secure::Attempted)),
        _ => None,
    };
    (secure, shifted)
}

/// Stripe has no field for who bears the loss: the indicator of the card's scheme says it, and the same number means other things at
/// other schemes. Mastercard: 02 proved and 01 attempted, the bank bears it; 00 none, 04 data only, 06 exempted, the shop does. Visa,
/// American Express, Discover, Diners Club, JCB, UnionPay: 05 proved and 06 attempted, the bank; 07, the shop. (EMV 3-D Secure leaves
/// the values to the schemes; checkout.com, "ECI values"; tabapay.com, "3DS liability shift".) Nothing is said where the sources differ
/// (07 at Mastercard, of recurring payments), of a prepaid Visa card with 06, which the scheme takes out where it cannot be loaded
/// again, and of a number that the scheme does not have.
fn shifted(charge: &Value, indicator: &str) -> Option<bool> {
    let of = |name: &str| text(charge, &format!("/payment_method_details/card/{name}"));
    match (of("brand")?, indicator) {
        ("mastercard", "01" | "02") => Some(true),
        ("mastercard", "00" | "04" | "06") => Some(false),
        // Either scheme's card may be behind it.
        ("cartes_bancaires", "02" | "05") => Some(true),
        ("mastercard" | "cartes_bancaires", _) => None,
        ("visa", "06") if of("funding") == Some("prepaid") => None,
        (_, "05" | "06") => Some(true),
        (_, "07") => Some(false),
        _ => None,
    }
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
            let card = json!({ "brand": "visa", "three_d_secure": three });
            let charge = json!({ "id": "ch_1", "payment_method_details": { "card": card } });
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
    fn each_scheme_has_its_own_indicators() {
        let of = |brand: Value, funding: &str, result: &str, eci: &str| {
            let three = json!({ "result": result, "electronic_commerce_indicator": eci });
            let card = json!({ "brand": brand, "funding": funding, "three_d_secure": three });
            let charge = json!({ "id": "ch_1", "payment_method_details": { "card": card } });
            of_charge(Some(&charge)).unwrap().liability_shifted
        };
        for (brand, eci, expected) in [
            ("mastercard", "02", Some(true)),
            ("mastercard", "01", Some(true)),
            ("mastercard", "00", Some(false)),
            ("mastercard", "04", Some(false)),
            // Elsewhere this is an attempt that the bank answers for.
            ("mastercard", "06", Some(false)),
            ("mastercard", "07", None),
            ("mastercard", "05", None),
            ("amex", "05", Some(true)),
            ("jcb", "06", Some(true)),
            ("visa", "07", Some(false)),
            ("visa", "02", None),
            ("cartes_bancaires", "02", Some(true)),
            ("cartes_bancaires", "06", None),
        ] {
            assert_eq!(of(json!(brand), "credit", "authenticated", eci), expected, "{brand} {eci}");
        }
        assert_eq!(of(json!("visa"), "prepaid", "attempt_acknowledged", "06"), None);
        assert_eq!(of(json!("visa"), "prepaid", "authenticated", "05"), Some(true));
        assert_eq!(of(Value::Null, "credit", "authenticated", "05"), None, "of no scheme");
        // A good indicator beside a result that proves nothing.
        for result in ["processing_error", "not_supported", "else"] {
            assert_eq!(of(json!("visa"), "credit", result, "05"), None, "{result}");
            assert_eq!(of(json!("visa"), "credit", result, "07"), Some(false), "{result}");
        }
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
