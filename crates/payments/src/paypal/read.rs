//! What PayPal's objects say. Pure.

use serde_json::Value;
use storeward_base::Secret;
use storeward_fraud::Secure;

use crate::judge::CardSeen;
use crate::machine::{Seen, SeenCapture, SeenRefund, Stage};
use crate::model::Piece;
use crate::money::Money;
use crate::provider::{Movement, MovementKind, Saved, Token, list, text};

fn money(value: &Value, pointer: &str) -> Option<Money> {
    let amount = value.pointer(pointer)?;
    Money::from_paypal(text(amount, "/value")?, text(amount, "/currency_code")?).ok()
}

/// An order with everything that became of it.
pub(super) fn seen(order: &Value) -> Option<Seen> {
    let [unit] = list(order, "/purchase_units") else { return None };
    let status = text(order, "/status")?;
    let authorizations = list(unit, "/payments/authorizations");
    let is_authorized = text(order, "/intent") == Some("AUTHORIZE");
    let captures = list(unit, "/payments/captures")
        .iter()
        .map(|one| capture(one, is_authorized))
        .collect::<Option<Vec<_>>>()?;
    let refunds = list(unit, "/payments/refunds").iter().map(refund).collect::<Option<Vec<_>>>()?;
    let held = authorizations.first();
    let held_status = held.and_then(|one| text(one, "/status"));
    let set_aside = match held_status {
        Some("CREATED" | "CAPTURED" | "PARTIALLY_CAPTURED") => money(held?, "/amount")?.minor,
        // What was taken before it was voided stays taken.
        _ => captures.iter().filter(|one| one.state == Piece::Done).map(|one| one.amount.minor).sum(),
    };
    Some(Seen {
        stage: stage(status, held_status, &captures)?,
        asked: money(unit, "/amount")?,
        payment: text(unit, "/custom_id").map(str::to_owned),
        is_live: None,
        account: text(unit, "/payee/merchant_id").map(str::to_owned),
        inner: held.and_then(|one| text(one, "/id")).map(str::to_owned),
        authorized: set_aside,
        captures_ended: !is_authorized || matches!(held_status, Some("CAPTURED" | "VOIDED" | "EXPIRED")),
        is_set_free: matches!(held_status, Some("VOIDED" | "EXPIRED")),
        captures,
        refunds,
        card: wallet(order),
    })
}

/// Whose wallet it is, once they agreed: PayPal tells no card of it. Of a card that was typed at PayPal it tells what came of 3-D
/// Secure (Orders v2, `payment_source.card.authentication_result`).
fn wallet(order: &Value) -> Option<CardSeen> {
    let payer = text(order, "/payer/payer_id").map(|payer| format!("paypal/{payer}"));
    let result = order.pointer("/payment_source/card/authentication_result");
    if payer.is_none() && result.is_none() {
        return None;
    }
    let (secure, liability_shifted) = result.map_or((Secure::Unknown, None), secure);
    Some(CardSeen {
        charge: text(order, "/id")?.to_owned(),
        fingerprint: payer,
        country: text(order, "/payer/address/country_code").map(str::to_owned),
        secure,
        liability_shifted,
        ..CardSeen::default()
    })
}

/// `POSSIBLE` is what PayPal tells where it says that one may go on; what it does not know is nothing.
fn secure(result: &Value) -> (Secure, Option<bool>) {
    let secure = match text(result, "/three_d_secure/authentication_status") {
        Some("Y") => Secure::Authenticated,
        Some("A") => Secure::Attempted,
        Some("N" | "R") => Secure::Failed,
        _ => Secure::Unknown,
    };
    let shifted = match text(result, "/liability_shift") {
        Some("POSSIBLE" | "YES") => Some(secure != Secure::Failed),
        Some("NO") => Some(false),
        _ => None,
    };
    (secure, shifted)
}

fn stage(status: &str, held: Option<&str>, captures: &[SeenCapture]) -> Option<Stage> {
    if let Some(last) = captures.last() {
        return Some(match last.state {
            Piece::Done => Stage::Captured,
            Piece::Pending => Stage::Processing,
            Piece::Failed => Stage::Declined,
        });
    }
    if let Some(held) = held {
        return Some(match held {
            "CREATED" | "PARTIALLY_CAPTURED" | "CAPTURED" => Stage::Authorized,
            "PENDING" => Stage::Processing,
            "DENIED" => Stage::Declined,
            "VOIDED" | "EXPIRED" => Stage::Voided,
            _ => return None,
        });
    }
    Some(match status {
        "CREATED" | "SAVED" => Stage::Waiting,
        "PAYER_ACTION_REQUIRED" => Stage::Action,
        "APPROVED" => Stage::Approved,
        "VOIDED" => Stage::Expired,
        // Its captures come with the next look.
        "COMPLETED" => Stage::Processing,
        _ => return None,
    })
}

fn capture(one: &Value, is_authorized: bool) -> Option<SeenCapture> {
    let fee = money(one, "/seller_receivable_breakdown/paypal_fee");
    let amount = money(one, "/amount")?;
    Some(SeenCapture {
        reference: text(one, "/id")?.to_owned(),
        amount,
        fee,
        state: match text(one, "/status")? {
            "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED" => Piece::Done,
            "PENDING" => Piece::Pending,
            "DECLINED" | "FAILED" => Piece::Failed,
            _ => return None,
        },
        // An order is captured once; parts of an authorization bear the name of the call as their invoice.
        mark: is_authorized.then(|| text(one, "/invoice_id").unwrap_or_default().to_owned()),
    })
}

/// A refund names its capture in its link `up` alone (Payments v2, HATEOAS links of a refund).
fn capture_of(refund: &Value) -> Option<String> {
    let up = list(refund, "/links").iter().find(|link| text(link, "/rel") == Some("up"))?;
    let (_, id) = text(up, "/href")?.rsplit_once("/v2/payments/captures/")?;
    crate::stripe::is_id(id).then(|| id.to_owned())
}

fn refund(one: &Value) -> Option<SeenRefund> {
    Some(SeenRefund {
        reference: text(one, "/id")?.to_owned(),
        capture: capture_of(one),
        amount: money(one, "/amount")?,
        state: match text(one, "/status")? {
            "COMPLETED" => Piece::Done,
            "PENDING" => Piece::Pending,
            "FAILED" | "CANCELLED" => Piece::Failed,
            _ => return None,
        },
        mark: text(one, "/custom_id").map(str::to_owned),
    })
}

/// What PayPal keeps of the buyer, once it says that it does.
pub(super) fn saved(order: &Value) -> Option<Saved> {
    let vault = order.pointer("/payment_source/paypal/attributes/vault")?;
    let token = text(vault, "/id")
        .filter(|id| text(vault, "/status") == Some("VAULTED") && crate::stripe::is_id(id))?;
    let holder = text(vault, "/customer/id").map(|id| Secret::new(id.to_owned()));
    let token = Token { token: Secret::new(token.to_owned()), holder };
    Some(Saved { token, brand: "paypal".to_owned(), last_four: None, expires: None })
}

/// What leads to the next page of a list: the token in its link, never the link.
pub(super) fn next_page(page: &Value) -> Option<&str> {
    let link = list(page, "/links").iter().find(|link| text(link, "/rel") == Some("next"))?;
    let (_, token) = text(link, "/href")?.split_once("next_page_token=")?;
    token.split('&').next()
}

/// Whether money was taken, or set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Taken,
    SetAside,
}

/// A line of the transaction search, as far as it says whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// What our payment took or set aside, by PayPal's id of it.
    Ours(Way, String),
    /// Another's, or none by which anything was taken or set aside.
    Others,
    /// It cannot be told.
    Unread,
}

/// Codes: T00xx are payments, T1300 and T1301 authorizations. What was denied (`D`) took nothing, whichever try it was.
pub(super) fn line(one: &Value, payment: &str) -> Line {
    let Some(info) = one.pointer("/transaction_info").filter(|info| info.is_object()) else {
        return Line::Unread;
    };
    let names = ["/custom_field", "/invoice_id"].map(|name| info.pointer(name));
    let names = names.into_iter().flatten().filter(|name| !name.is_null());
    let is_ours = names.clone().any(|name| name.as_str() == Some(payment));
    let is_others = !is_ours && names.clone().any(Value::is_string);
    let way = match text(info, "/transaction_event_code") {
        Some(code) if code.starts_with("T00") => Way::Taken,
        Some("T1300" | "T1301") => Way::SetAside,
        None if !is_others => return Line::Unread,
        _ => return Line::Others,
    };
    let is_nameless = names.count() == 0;
    if is_others || is_nameless || text(info, "/transaction_status") == Some("D") {
        return Line::Others;
    }
    match text(info, "/transaction_id").filter(|id| is_ours && crate::stripe::is_id(id)) {
        Some(id) => Line::Ours(way, id.to_owned()),
        None => Line::Unread,
    }
}

/// The order of a capture or an authorization: among its related ids, or where its link `up` leads.
pub(super) fn order_of(piece: &Value) -> Option<&str> {
    let up = || {
        let up = list(piece, "/links").iter().find(|link| text(link, "/rel") == Some("up"))?;
        text(up, "/href")?.rsplit_once("/v2/checkout/orders/").map(|(_, id)| id)
    };
    let order = text(piece, "/supplementary_data/related_ids/order_id").or_else(up);
    order.filter(|id| crate::stripe::is_id(id))
}

/// Our payment by the names that we gave what moved: `custom_id`, or `invoice_id` where PayPal leaves the first one out.
fn payment_of(info: &Value) -> Option<String> {
    let names = ["/custom_field", "/invoice_id"].into_iter().filter_map(|name| text(info, name));
    let is_ours = |name: &&str| name.parse::<storeward_base::PaymentId>().is_ok();
    names.clone().find(is_ours).or_else(|| names.clone().next()).map(str::to_owned)
}

fn kind_of(code: &str) -> MovementKind {
    match code {
        "T1107" => MovementKind::Refund,
        "T1106" | "T1110" | "T1111" | "T1201" | "T1202" => MovementKind::Dispute,
        _ if code.starts_with("T00") => MovementKind::Capture,
        _ => MovementKind::Other,
    }
}

/// Whether a line, be it readable or not, may be of what is compared.
pub(super) fn is_compared(one: &Value) -> bool {
    text(one, "/transaction_info/transaction_event_code")
        .is_none_or(|code| kind_of(code) != MovementKind::Other)
}

/// A line of the transaction search. Codes: T00xx are payments, T11xx reversals of which T1107 is a refund; T1106 is a reversal by
/// PayPal, T1110 and T1111 a hold for a dispute and its end, T1201 and T1202 a chargeback and its reversal (PayPal, "Transaction
/// event codes").
pub(super) fn movement(one: &Value) -> Option<Movement> {
    let info = one.pointer("/transaction_info")?;
    let kind = kind_of(text(info, "/transaction_event_code").unwrap_or_default());
    let amount = money(info, "/transaction_amount")?;
    let fee = money(info, "/fee_amount").map(|fee| Money { minor: fee.minor.saturating_abs(), ..fee });
    Some(Movement {
        reference: text(info, "/transaction_id")?.to_owned(),
        kind,
        amount: Money { minor: amount.minor.checked_abs()?, ..amount },
        fee,
        payment: payment_of(info),
        about: text(info, "/paypal_reference_id").map(str::to_owned).into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refund_is_of_the_capture_to_which_its_link_leads() {
        let of = |rel: &str, href: &str| capture_of(&json!({ "links": [{ "rel": rel, "href": href }] }));
        let there = "https://api-m.paypal.com/v2/payments/captures/2GG279541U471931P";
        assert_eq!(of("up", there).as_deref(), Some("2GG279541U471931P"));
        assert_eq!(of("self", there), None);
        for other in [
            "",
            "https://api-m.paypal.com/v2/payments/captures/",
            "https://api-m.paypal.com/v2/payments/captures/2GG2/refund",
            "https://api-m.paypal.com/v2/payments/captures/2GG2 7",
            "https://api-m.paypal.com/v2/payments/authorizations/2GG2",
        ] {
            assert_eq!(of("up", other), None, "{other}");
        }
        assert_eq!(capture_of(&json!({})), None);
    }

    #[test]
    fn a_line_says_whose_it_is_or_that_it_cannot_be_told() {
        const OURS: &str = "pay_01m8f06yeg305g7nn4tjwnd3ng";
        let check = |info: Value, expected: Line| {
            assert_eq!(line(&json!({ "transaction_info": info }), OURS), expected, "{info}");
        };
        let taken = || Line::Ours(Way::Taken, "C1".to_owned());
        let set_aside = || Line::Ours(Way::SetAside, "C1".to_owned());
        // Amounts need not be readable for that.
        for (code, status, expected) in [
            ("T0006", "S", taken()),
            ("T0003", "P", taken()),
            ("T0006", "V", taken()),
            ("T1300", "S", set_aside()),
            ("T1301", "P", set_aside()),
            ("T0006", "D", Line::Others),
            ("T1300", "D", Line::Others),
            ("T1107", "S", Line::Others),
        ] {
            for name in ["custom_field", "invoice_id"] {
                let info = json!({ "transaction_event_code": code, "transaction_status": status, "transaction_id": "C1", name: OURS });
                check(info, expected.clone());
            }
        }
        check(
            json!({ "transaction_event_code": "T0006", "transaction_id": "C1", "custom_field": "x", "invoice_id": OURS }),
            taken(),
        );
        check(
            json!({ "transaction_event_code": "T0006", "transaction_id": "C1", "custom_field": "x" }),
            Line::Others,
        );
        check(json!({ "transaction_event_code": "T0006", "transaction_id": "C1" }), Line::Others);
        check(json!({ "custom_field": "x" }), Line::Others);
        check(json!({ "transaction_event_code": "T0006", "custom_field": OURS }), Line::Unread);
        check(
            json!({ "transaction_event_code": "T0006", "transaction_id": "../x", "custom_field": OURS }),
            Line::Unread,
        );
        check(
            json!({ "transaction_event_code": "T0006", "transaction_id": "C1", "custom_field": 7 }),
            Line::Unread,
        );
        check(json!({ "transaction_id": "C1" }), Line::Unread);
        check(json!(null), Line::Unread);
    }

    #[test]
    fn an_order_is_found_behind_what_was_taken_or_set_aside() {
        let up = |href: &str| json!({ "links": [{ "rel": "self", "href": "https://x/v2/checkout/orders/NO" }, { "rel": "up", "href": href }] });
        let related = json!({ "supplementary_data": { "related_ids": { "order_id": "O1" } } });
        assert_eq!(order_of(&related), Some("O1"));
        assert_eq!(order_of(&up("https://api-m.paypal.com/v2/checkout/orders/O2")), Some("O2"));
        assert_eq!(order_of(&up("https://api-m.paypal.com/v2/payments/authorizations/A1")), None);
        assert_eq!(order_of(&up("https://api-m.paypal.com/v2/checkout/orders/O2/capture")), None);
        assert_eq!(order_of(&json!({})), None);
    }

    // Where PayPal left `custom_field` out, our own money counted as others'.
    #[test]
    fn a_movement_is_of_the_payment_that_either_name_says() {
        const OURS: &str = "pay_01m8f06yeg305g7nn4tjwnd3ng";
        let of = |names: Value| {
            let mut info = json!({ "transaction_id": "C1", "transaction_event_code": "T0006",
                "transaction_amount": { "currency_code": "EUR", "value": "19.99" } });
            info.as_object_mut().unwrap().extend(names.as_object().unwrap().clone());
            movement(&json!({ "transaction_info": info })).unwrap().payment
        };
        assert_eq!(of(json!({ "custom_field": OURS, "invoice_id": "x" })).as_deref(), Some(OURS));
        assert_eq!(of(json!({ "invoice_id": OURS })).as_deref(), Some(OURS));
        assert_eq!(of(json!({ "custom_field": "x", "invoice_id": OURS })).as_deref(), Some(OURS));
        assert_eq!(of(json!({ "custom_field": "x", "invoice_id": "y" })).as_deref(), Some("x"));
        assert_eq!(of(json!({})), None);
    }

    #[test]
    fn what_came_of_three_d_secure_is_read_of_a_card_alone() {
        let of = |status: &str, shift: &str| {
            let result = json!({ "liability_shift": shift, "three_d_secure": { "authentication_status": status, "enrollment_status": "Y" } });
            let order =
                json!({ "id": "O-1", "payment_source": { "card": { "authentication_result": result } } });
            let seen = wallet(&order).unwrap();
            (seen.secure, seen.liability_shifted)
        };
        assert_eq!(of("Y", "POSSIBLE"), (Secure::Authenticated, Some(true)));
        assert_eq!(of("A", "POSSIBLE"), (Secure::Attempted, Some(true)));
        assert_eq!(of("N", "NO"), (Secure::Failed, Some(false)));
        assert_eq!(of("R", "POSSIBLE"), (Secure::Failed, Some(false)));
        assert_eq!(of("U", "UNKNOWN"), (Secure::Unknown, None));
        assert_eq!(wallet(&json!({ "id": "O-1" })), None);
        let paypal = json!({ "id": "O-1", "payer": { "payer_id": "P1" } });
        assert_eq!(wallet(&paypal).map(|seen| seen.secure), Some(Secure::Unknown));
    }
}
