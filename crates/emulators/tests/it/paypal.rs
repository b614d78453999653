//! PayPal: orders, captures, authorizations, refunds, request ids and their windows, faults.

use serde_json::{Value, json};
use storeward_emulators::{Fault, Provider, Settled, Source, Verdict, What};

use crate::stand::{Stand, call};

fn order(intent: &str, value: &str) -> Value {
    json!({
        "intent": intent,
        "purchase_units": [{ "custom_id": "A1", "amount": { "currency_code": "EUR", "value": value } }],
        "payment_source": { "paypal": { "experience_context": {
            "return_url": "http://shop.test/ok", "cancel_url": "http://shop.test/no" } } },
    })
}

fn issue(value: &Value) -> &str {
    value["details"][0]["issue"].as_str().unwrap_or("")
}

async fn post(stand: &Stand, path: &str, body: &Value, key: &str) -> (u16, Value) {
    let got = stand.paypal("POST", path, body, key).await.unwrap();
    (got.status, got.json())
}

/// An order that the buyer approved; its path.
async fn approved(stand: &Stand, intent: &str, key: &str) -> String {
    let (status, made) = post(stand, "/v2/checkout/orders", &order(intent, "19.99"), key).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().unwrap();
    stand.emulators.control.approve_order(id, Source::Pays).unwrap();
    format!("/v2/checkout/orders/{id}")
}

#[tokio::test]
async fn an_order_is_approved_on_its_page_and_captured_once() {
    let stand = Stand::start().await;
    let (_, made) = post(&stand, "/v2/checkout/orders", &order("CAPTURE", "19.99"), "k1").await;
    assert_eq!(made["status"], "PAYER_ACTION_REQUIRED");
    let path = format!("/v2/checkout/orders/{}", made["id"].as_str().unwrap());
    let (status, early) = post(&stand, &format!("{path}/capture"), &json!({}), "c0").await;
    assert_eq!((status, issue(&early)), (422, "ORDER_NOT_APPROVED"));
    let link = made["links"].as_array().unwrap().iter().find(|link| link["rel"] == "payer-action").unwrap();
    let page = link["href"].as_str().unwrap();
    assert!(call("GET", page, &[], "").await.unwrap().text.contains("19.99 EUR"));
    let got = call("POST", page, &[], "answer=pay").await.unwrap();
    assert!(got.header("location").starts_with("http://shop.test/ok?token="), "{}", got.header("location"));
    assert!(got.header("location").contains("&PayerID="));

    let (status, done) = post(&stand, &format!("{path}/capture"), &json!({}), "c1").await;
    assert_eq!((status, done["status"].as_str()), (201, Some("COMPLETED")), "{done}");
    let capture = &done["purchase_units"][0]["payments"]["captures"][0];
    assert_eq!((capture["status"].as_str(), capture["custom_id"].as_str()), (Some("COMPLETED"), Some("A1")));
    let (status, again) = post(&stand, &format!("{path}/capture"), &json!({}), "c1").await;
    assert_eq!((status, &again["id"]), (200, &done["id"]), "the same call again");
    let (status, other) = post(&stand, &format!("{path}/capture"), &json!({}), "c2").await;
    assert_eq!((status, issue(&other)), (422, "ORDER_ALREADY_CAPTURED"));
    assert_eq!(stand.effects("capture"), 1);
}

#[tokio::test]
async fn a_capture_is_refunded_up_to_its_amount() {
    let stand = Stand::start().await;
    let path = approved(&stand, "CAPTURE", "k").await;
    let (_, done) = post(&stand, &format!("{path}/capture"), &json!({}), "c").await;
    let id = done["purchase_units"][0]["payments"]["captures"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v2/payments/captures/{id}/refund");
    let part =
        |value: &str, currency: &str| json!({ "amount": { "currency_code": currency, "value": value } });
    for (body, key, status, word) in [
        (part("5.00", "EUR"), "r1", 201, ""),
        (part("5.00", "EUR"), "r1", 201, ""),
        (part("15.00", "EUR"), "r2", 422, "REFUND_AMOUNT_EXCEEDED"),
        (part("1.00", "USD"), "r3", 422, "REFUND_CAPTURE_CURRENCY_MISMATCH"),
        (part("1.001", "EUR"), "r4", 422, "DECIMAL_PRECISION"),
        (part("0.00", "EUR"), "r5", 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        (json!({ "amount": { "currency_code": "EUR", "value": 1 } }), "r6", 400, "INVALID_PARAMETER_SYNTAX"),
        (json!({}), "r7", 201, ""),
        (json!({}), "r8", 422, "CAPTURE_FULLY_REFUNDED"),
    ] {
        let (got, answer) = post(&stand, &path, &body, key).await;
        assert_eq!((got, issue(&answer)), (status, word), "{key}: {answer}");
    }
    let effects = stand.emulators.control.effects();
    let refunded: i64 = effects.iter().filter(|one| one.kind == "refund").map(|one| one.amount).sum();
    assert_eq!(refunded, 1999);
    let capture =
        stand.paypal("GET", &format!("/v2/payments/captures/{id}"), &Value::Null, "").await.unwrap();
    assert_eq!(capture.json()["status"], "REFUNDED");
}

#[tokio::test]
async fn each_capture_gives_back_no_more_than_its_own_whoever_asks() {
    let stand = Stand::start().await;
    let path = approved(&stand, "AUTHORIZE", "k").await;
    let (_, done) = post(&stand, &format!("{path}/authorize"), &json!({}), "a").await;
    let id = done["purchase_units"][0]["payments"]["authorizations"][0]["id"].as_str().unwrap().to_owned();
    let part = |value: &str| json!({ "amount": { "currency_code": "EUR", "value": value } });
    let mut captures = Vec::new();
    for (value, key) in [("7.00", "p1"), ("5.00", "p2")] {
        let path = format!("/v2/payments/authorizations/{id}/capture");
        let (status, made) = post(&stand, &path, &part(value), key).await;
        assert_eq!(status, 201, "{made}");
        captures.push(made["id"].as_str().unwrap().to_owned());
    }
    let control = &stand.emulators.control;
    let over = |what: Result<String, String>| what.unwrap_err();
    // What both have together is of neither.
    assert_eq!(over(control.refund_capture(&captures[0], Some(1200))), "REFUND_AMOUNT_EXCEEDED");
    let by_hand = control.refund_capture(&captures[0], Some(300)).unwrap();
    assert_eq!(over(control.refund_capture(&captures[0], Some(401))), "REFUND_AMOUNT_EXCEEDED");
    assert_eq!(over(control.refund_capture(&captures[0], Some(0))), "CANNOT_BE_ZERO_OR_NEGATIVE");
    assert_eq!(over(control.refund_capture("NOBODY", None)), "INVALID_RESOURCE_ID");
    // A call meets what was given back by hand, and the other way round.
    let refund = |of: &str| format!("/v2/payments/captures/{of}/refund");
    let (status, answer) = post(&stand, &refund(&captures[0]), &part("7.00"), "r1").await;
    assert_eq!((status, issue(&answer)), (422, "REFUND_AMOUNT_EXCEEDED"));
    assert_eq!(post(&stand, &refund(&captures[0]), &part("4.00"), "r2").await.0, 201);
    assert_eq!(over(control.refund_capture(&captures[0], None)), "CAPTURE_FULLY_REFUNDED");
    assert_eq!(post(&stand, &refund(&captures[1]), &part("5.00"), "r3").await.0, 201);
    assert_eq!(over(control.refund_capture(&captures[1], Some(1))), "CAPTURE_FULLY_REFUNDED");
    let effects = control.effects();
    let refunded: i64 = effects.iter().filter(|one| one.kind == "refund").map(|one| one.amount).sum();
    assert_eq!(refunded, 1200);
    // It leads to its capture by its link.
    let refund = control.object(storeward_emulators::Provider::Paypal, "refund", &by_hand).unwrap();
    let up = refund["links"].as_array().unwrap().iter().find(|link| link["rel"] == "up").unwrap();
    assert!(up["href"].as_str().unwrap().ends_with(&format!("/v2/payments/captures/{}", captures[0])));
}

#[tokio::test]
async fn an_authorization_is_captured_in_parts_or_voided() {
    let stand = Stand::start().await;
    let path = approved(&stand, "AUTHORIZE", "k").await;
    let (status, wrong) = post(&stand, &format!("{path}/capture"), &json!({}), "w").await;
    assert_eq!((status, issue(&wrong)), (422, "ACTION_DOES_NOT_MATCH_INTENT"));
    let (_, done) = post(&stand, &format!("{path}/authorize"), &json!({}), "a").await;
    let id = done["purchase_units"][0]["payments"]["authorizations"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v2/payments/authorizations/{id}");
    let part = |value: &str| json!({ "amount": { "currency_code": "EUR", "value": value } });
    let capture = format!("{path}/capture");
    assert_eq!(post(&stand, &capture, &part("10.00"), "p1").await.0, 201);
    let (status, over) = post(&stand, &capture, &part("13.00"), "p2").await;
    assert_eq!((status, issue(&over)), (422, "MAX_CAPTURE_AMOUNT_EXCEEDED"));
    assert_eq!(post(&stand, &capture, &part("9.99"), "p3").await.0, 201);
    let (_, gone) = post(&stand, &capture, &part("1.00"), "p4").await;
    assert_eq!(issue(&gone), "AUTHORIZATION_ALREADY_CAPTURED");
    let (_, late) = post(&stand, &format!("{path}/void"), &Value::Null, "v0").await;
    assert_eq!(issue(&late), "PREVIOUSLY_CAPTURED");

    let path = approved(&stand, "AUTHORIZE", "k2").await;
    let (_, done) = post(&stand, &format!("{path}/authorize"), &json!({}), "a2").await;
    let id = done["purchase_units"][0]["payments"]["authorizations"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v2/payments/authorizations/{id}");
    assert_eq!(post(&stand, &format!("{path}/void"), &Value::Null, "v").await.0, 204);
    assert_eq!(post(&stand, &format!("{path}/void"), &Value::Null, "v").await.0, 204, "the same call again");
    assert_eq!(
        issue(&post(&stand, &format!("{path}/void"), &Value::Null, "v2").await.1),
        "PREVIOUSLY_VOIDED"
    );
    assert_eq!(
        issue(&post(&stand, &format!("{path}/capture"), &json!({}), "x").await.1),
        "AUTHORIZATION_VOIDED"
    );
    assert_eq!((stand.effects("authorize"), stand.effects("capture"), stand.effects("void")), (2, 2, 1));
}

#[tokio::test]
async fn request_ids_hold_for_their_interface_s_window() {
    let stand = Stand::start().await;
    let body = order("CAPTURE", "19.99");
    let (first, made) = post(&stand, "/v2/checkout/orders", &body, "k").await;
    let (second, again) = post(&stand, "/v2/checkout/orders", &body, "k").await;
    assert_eq!((first, second, &made["id"]), (201, 200, &again["id"]));
    stand.emulators.control.advance_s(6 * 3600);
    let (third, fresh) = post(&stand, "/v2/checkout/orders", &body, "k").await;
    assert_eq!(third, 201);
    assert_ne!(fresh["id"], made["id"], "behind six hours a second order is made");
    let (status, needed) = post(&stand, "/v2/checkout/orders", &body, "").await;
    assert_eq!((status, issue(&needed)), (400, "PAYPAL_REQUEST_ID_REQUIRED"));
}

#[tokio::test]
async fn faults_strike_before_or_after_the_effect() {
    let stand = Stand::start().await;
    for (number, (what, answered, effects)) in [
        (What::DropBefore, None, 0),
        (What::DropAfter, None, 1),
        (What::ErrorBefore, Some(500), 0),
        (What::ErrorAfter, Some(500), 1),
        (What::Unavailable, Some(503), 0),
    ]
    .into_iter()
    .enumerate()
    {
        let before = stand.effects("capture");
        let path = approved(&stand, "CAPTURE", &format!("k{number}")).await + "/capture";
        let key = format!("c{number}");
        stand.emulators.control.fault(Fault::once(Provider::Paypal, what.clone(), "/capture"));
        let got = stand.paypal("POST", &path, &json!({}), &key).await;
        assert_eq!(got.map(|got| got.status), answered, "{what:?}");
        assert_eq!(stand.effects("capture") - before, effects, "{what:?}");
        let again = stand.paypal("POST", &path, &json!({}), &key).await.unwrap();
        assert_eq!(again.json()["status"], "COMPLETED", "{what:?}: {}", again.text);
        assert_eq!(stand.effects("capture") - before, 1, "{what:?}: a second call with the key");
    }
}

#[tokio::test]
async fn declined_and_pending_money_is_not_there() {
    let stand = Stand::start().await;
    let control = &stand.emulators.control;
    let (_, made) = post(&stand, "/v2/checkout/orders", &order("CAPTURE", "19.99"), "k").await;
    let id = made["id"].as_str().unwrap();
    control.approve_order(id, Source::Declines).unwrap();
    let path = format!("/v2/checkout/orders/{id}/capture");
    let (status, declined) = post(&stand, &path, &json!({}), "c1").await;
    assert_eq!((status, issue(&declined)), (422, "INSTRUMENT_DECLINED"));
    control.approve_order(id, Source::Pays).unwrap();
    control.fault(Fault::once(Provider::Paypal, What::Pend("ECHECK".to_owned()), ""));
    let (status, done) = post(&stand, &path, &json!({}), "c2").await;
    let capture = &done["purchase_units"][0]["payments"]["captures"][0];
    assert_eq!((status, capture["status"].as_str()), (201, Some("PENDING")), "{done}");
    assert_eq!(capture["status_details"]["reason"], "ECHECK");
    let capture = capture["id"].as_str().unwrap();
    let refund = format!("/v2/payments/captures/{capture}/refund");
    assert_eq!(issue(&post(&stand, &refund, &json!({}), "r").await.1), "PENDING_CAPTURE");
    control.settle_capture(capture, Settled::Paid).unwrap();
    let order =
        stand.paypal("GET", &format!("/v2/checkout/orders/{id}"), &Value::Null, "").await.unwrap().json();
    assert_eq!(order["purchase_units"][0]["payments"]["captures"][0]["status"], "COMPLETED");
}

#[tokio::test]
async fn a_token_is_needed_and_ends() {
    let stand = Stand::start().await;
    let side = &stand.emulators.paypal;
    let url = format!("{}/v2/checkout/orders/X", side.address);
    for bearer in ["", "Bearer nothing", "Basic abc"] {
        let headers: Vec<(&str, &str)> =
            if bearer.is_empty() { vec![] } else { vec![("authorization", bearer)] };
        assert_eq!(call("GET", &url, &headers, "").await.unwrap().status, 401, "{bearer}");
    }
    let get = || stand.paypal("GET", "/v2/checkout/orders/X", &Value::Null, "");
    assert_eq!(get().await.unwrap().status, 404);
    stand.emulators.control.advance_s(32_400);
    assert_eq!(get().await.unwrap().status, 401, "behind nine hours");
    let wrong = crate::stand::base64(b"a:b");
    let headers = [("authorization", format!("Basic {wrong}"))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let url = format!("{}/v1/oauth2/token", side.address);
    let got = call("POST", &url, &headers, "grant_type=client_credentials").await.unwrap();
    assert_eq!(got.status, 401);
}

#[tokio::test]
async fn a_dispute_holds_the_money_until_it_is_decided() {
    let stand = Stand::start().await;
    let control = &stand.emulators.control;
    for (number, (verdict, status, refunded)) in
        [(Verdict::Won, "COMPLETED", 0), (Verdict::Lost, "REFUNDED", 1)].into_iter().enumerate()
    {
        let path = approved(&stand, "CAPTURE", &format!("k{number}")).await + "/capture";
        let (_, done) = post(&stand, &path, &json!({}), &format!("c{number}")).await;
        let capture = done["purchase_units"][0]["payments"]["captures"][0]["id"].as_str().unwrap().to_owned();
        assert!(control.open_dispute(Provider::Paypal, &capture, "because", None).is_err());
        let id = control.open_dispute(Provider::Paypal, &capture, "UNAUTHORISED", None).unwrap();
        let list = format!("/v1/customer/disputes?disputed_transaction_id={capture}");
        let listed = stand.paypal("GET", &list, &Value::Null, "").await.unwrap().json();
        assert_eq!(listed["items"][0]["dispute_id"], id.as_str());
        let refund = format!("/v2/payments/captures/{capture}/refund");
        assert_eq!(issue(&post(&stand, &refund, &json!({}), "r").await.1), "TRANSACTION_DISPUTED");
        control.close_dispute(&id, verdict);
        let after =
            stand.paypal("GET", &format!("/v2/payments/captures/{capture}"), &Value::Null, "").await.unwrap();
        assert_eq!(after.json()["status"], status);
        let found =
            stand.paypal("GET", &format!("/v1/customer/disputes/{id}"), &Value::Null, "").await.unwrap();
        assert_eq!(found.json()["status"], "RESOLVED");
        assert!(found.json().get("id").is_none(), "PayPal calls it dispute_id");
        let now = control.now_s();
        let report = format!(
            "/v1/reporting/transactions?start_date={}&end_date={}&transaction_id={capture}",
            text(now - 3600),
            text(now + 3600)
        );
        let report = stand.paypal("GET", &report, &Value::Null, "").await.unwrap().json();
        let codes: Vec<&str> = report["transaction_details"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["transaction_info"]["transaction_event_code"].as_str().unwrap())
            .collect();
        assert_eq!(codes.iter().filter(|code| **code == "T1106").count(), refunded, "{codes:?}");
        assert!(codes.contains(&"T0006"));
    }
}

fn text(seconds: i64) -> String {
    let moment = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap();
    moment.format(&time::format_description::well_known::Rfc3339).unwrap()
}

#[tokio::test]
async fn a_report_is_bounded_and_adds_up() {
    let stand = Stand::start().await;
    let path = approved(&stand, "CAPTURE", "k").await + "/capture";
    let (_, done) = post(&stand, &path, &json!({}), "c").await;
    let capture = done["purchase_units"][0]["payments"]["captures"][0]["id"].as_str().unwrap().to_owned();
    let part = json!({ "amount": { "currency_code": "EUR", "value": "5.00" } });
    post(&stand, &format!("/v2/payments/captures/{capture}/refund"), &part, "r").await;
    let now = stand.emulators.control.now_s();
    let report = |from: i64, to: i64| {
        format!("/v1/reporting/transactions?start_date={}&end_date={}&fields=all", text(from), text(to))
    };
    let long = stand.paypal("GET", &report(now - 32 * 24 * 3600, now), &Value::Null, "").await.unwrap();
    assert_eq!(long.status, 400);
    let found = stand.paypal("GET", &report(now - 60, now + 60), &Value::Null, "").await.unwrap().json();
    let amounts: Vec<&str> = found["transaction_details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["transaction_info"]["transaction_amount"]["value"].as_str().unwrap())
        .collect();
    assert_eq!(amounts, ["19.99", "-5.00"], "{found}");
    assert_eq!(found["transaction_details"][0]["transaction_info"]["custom_field"], "A1");
}

#[tokio::test]
async fn a_buyer_who_is_remembered_pays_without_a_page() {
    let stand = Stand::start().await;
    let source = json!({ "payment_source": { "paypal": { "usage_type": "MERCHANT", "experience_context": {
        "return_url": "http://shop.test/saved", "cancel_url": "http://shop.test/no" } } }, "customer": { "id": "CUSTOMER1" } });
    let (status, setup) = post(&stand, "/v3/vault/setup-tokens", &source, "s").await;
    assert_eq!((status, setup["status"].as_str()), (201, Some("PAYER_ACTION_REQUIRED")));
    let token = json!({ "payment_source": { "token": { "id": setup["id"], "type": "SETUP_TOKEN" } } });
    assert_eq!(post(&stand, "/v3/vault/payment-tokens", &token, "p0").await.0, 422, "nobody said yes yet");
    let page = setup["links"][0]["href"].as_str().unwrap();
    assert_eq!(call("GET", page, &[], "").await.unwrap().status, 200);
    let back = call("POST", page, &[], "answer=pay").await.unwrap();
    assert!(back.header("location").starts_with("http://shop.test/saved?approval_token_id="));
    let (status, kept) = post(&stand, "/v3/vault/payment-tokens", &token, "p1").await;
    assert_eq!((status, kept["customer"]["id"].as_str()), (201, Some("CUSTOMER1")));
    assert_eq!(post(&stand, "/v3/vault/payment-tokens", &token, "p2").await.0, 422, "once only");

    let mut body = order("CAPTURE", "19.99");
    body["payment_source"] = json!({ "paypal": { "vault_id": kept["id"] } });
    let (status, done) = post(&stand, "/v2/checkout/orders", &body, "o").await;
    assert_eq!((status, done["status"].as_str()), (201, Some("COMPLETED")), "{done}");
    assert_eq!(post(&stand, "/v2/checkout/orders", &body, "o").await.0, 200, "the same call again");
    assert_eq!(stand.effects("capture"), 1);
    let one = format!("/v3/vault/payment-tokens/{}", kept["id"].as_str().unwrap());
    assert_eq!(stand.paypal("DELETE", &one, &Value::Null, "").await.unwrap().status, 204);
    assert_eq!(post(&stand, "/v2/checkout/orders", &body, "o2").await.0, 422, "a token that was deleted");

    let mut body = order("CAPTURE", "19.99");
    body["payment_source"]["paypal"]["attributes"] = json!({ "customer": { "id": "CUSTOMER2" }, "vault": { "store_in_vault": "ON_SUCCESS", "usage_type": "MERCHANT" } });
    let (_, made) = post(&stand, "/v2/checkout/orders", &body, "o3").await;
    let id = made["id"].as_str().unwrap();
    stand.emulators.control.approve_order(id, Source::Pays).unwrap();
    let (_, done) = post(&stand, &format!("/v2/checkout/orders/{id}/capture"), &json!({}), "c3").await;
    assert_eq!(done["payment_source"]["paypal"]["attributes"]["vault"]["status"], "VAULTED", "{done}");
    let list = stand
        .paypal("GET", "/v3/vault/payment-tokens?customer_id=CUSTOMER2", &Value::Null, "")
        .await
        .unwrap()
        .json();
    assert_eq!(list["payment_tokens"].as_array().unwrap().len(), 1);
}

// PayPal's own documents refused what the stand-in answered: lists of nothing, and an invoice's number with signs that it does not show.
#[tokio::test]
async fn answers_hold_what_paypal_s_documents_have_room_for() {
    let stand = Stand::start().await;
    let now = stand.emulators.control.now_s();
    let report =
        format!("/v1/reporting/transactions?start_date={}&end_date={}", text(now - 3600), text(now + 3600));
    for (path, name) in [(report.as_str(), "transaction_details"), ("/v1/customer/disputes", "items")] {
        let got = stand.paypal("GET", path, &Value::Null, "").await.unwrap();
        assert_eq!((got.status, got.json().get(name)), (200, None), "{path}");
    }
    for (invoice, shown) in [("R-2026:7|a", Some("R-2026:7|a")), ("pay_7", None), ("R 7", None)] {
        let mut wanted = order("CAPTURE", "19.99");
        wanted["purchase_units"][0]["invoice_id"] = invoice.into();
        let (_, made) = post(&stand, "/v2/checkout/orders", &wanted, invoice).await;
        let id = made["id"].as_str().unwrap();
        stand.emulators.control.approve_order(id, Source::Pays).unwrap();
        let (_, done) = post(&stand, &format!("/v2/checkout/orders/{id}/capture"), &json!({}), id).await;
        let capture = done["purchase_units"][0]["payments"]["captures"][0]["id"].as_str().unwrap();
        let dispute =
            stand.emulators.control.open_dispute(Provider::Paypal, capture, "UNAUTHORISED", None).unwrap();
        let path = format!("/v1/customer/disputes/{dispute}");
        let found = stand.paypal("GET", &path, &Value::Null, "").await.unwrap().json();
        let about = &found["disputed_transactions"][0];
        assert_eq!((about["invoice_number"].as_str(), about["custom"].as_str()), (shown, Some("A1")));
    }
}
