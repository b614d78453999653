//! Stripe: payments, refunds, idempotency, Checkout, 3-D Secure, saved cards, disputes, and what is refused.

use serde_json::Value;
use storeward_emulators::{Answered, Fault, Provider, STRIPE_VERSION, What};

use crate::stand::{Stand, call};

const PAY: &str = "amount=1999&currency=eur&confirm=true&payment_method=pm_card_visa&metadata[order]=A1\
                   &automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never";

async fn paid(stand: &Stand, more: &str) -> Value {
    let got = stand.post("/v1/payment_intents", &format!("{PAY}{more}")).await;
    assert_eq!(got.status, 200, "{}", got.text);
    got.json()
}

fn code(value: &Value) -> &str {
    value["error"]["code"].as_str().unwrap_or("")
}

#[tokio::test]
async fn a_card_is_charged_and_refunded_but_never_beyond_the_charge() {
    let stand = Stand::start().await;
    let intent = paid(&stand, "").await;
    assert_eq!(intent["status"], "succeeded");
    assert_eq!(intent["amount_received"], 1999);
    let id = intent["id"].as_str().unwrap();
    let charge = stand.get(&format!("/v1/charges/{}", intent["latest_charge"].as_str().unwrap())).await;
    assert_eq!(charge["outcome"]["type"], "authorized");
    assert_eq!(charge["payment_method_details"]["card"]["checks"]["cvc_check"], "pass");
    assert_eq!(charge["payment_method_details"]["card"]["country"], "US");

    let refund = |amount: u32| format!("payment_intent={id}&amount={amount}");
    assert_eq!(stand.post("/v1/refunds", &refund(500)).await.json()["status"], "succeeded");
    let over = stand.post("/v1/refunds", &refund(1500)).await;
    assert_eq!((over.status, code(&over.json())), (400, "amount_too_large"), "{}", over.text);
    assert_eq!(stand.post("/v1/refunds", &refund(1499)).await.json()["amount"], 1499);
    let again = stand.post("/v1/refunds", &refund(1)).await;
    assert_eq!(code(&again.json()), "charge_already_refunded");
    assert_eq!((stand.effects("capture"), stand.effects("refund")), (1, 2));
}

#[tokio::test]
async fn what_is_held_is_captured_once_in_part_or_released() {
    let stand = Stand::start().await;
    let held = paid(&stand, "&capture_method=manual").await;
    assert_eq!(
        (held["status"].as_str(), held["amount_capturable"].as_i64()),
        (Some("requires_capture"), Some(1999))
    );
    let path = format!("/v1/payment_intents/{}/capture", held["id"].as_str().unwrap());
    assert_eq!(stand.post(&path, "amount_to_capture=2000").await.status, 400);
    let captured = stand.post(&path, "amount_to_capture=1500").await.json();
    assert_eq!(
        (captured["status"].as_str(), captured["amount_received"].as_i64()),
        (Some("succeeded"), Some(1500))
    );
    assert_eq!(code(&stand.post(&path, "").await.json()), "payment_intent_unexpected_state");
    // The rest went back as a refund that nobody asked for, without an entry in the balance.
    let id = held["id"].as_str().unwrap();
    let refunds = stand.get(&format!("/v1/refunds?payment_intent={id}")).await;
    assert_eq!(
        (refunds["data"][0]["amount"].as_i64(), &refunds["data"][0]["balance_transaction"]),
        (Some(499), &Value::Null)
    );
    let charge = stand.get(&format!("/v1/charges/{}", held["latest_charge"].as_str().unwrap())).await;
    assert_eq!((charge["amount_refunded"].as_i64(), charge["refunded"].as_bool()), (Some(499), Some(false)));
    assert_eq!(stand.effects("refund"), 0);
    let over = format!("payment_intent={}&amount=1501", held["id"].as_str().unwrap());
    assert_eq!(stand.post("/v1/refunds", &over).await.status, 400, "more than was captured");

    let held = paid(&stand, "&capture_method=manual").await;
    let path = format!("/v1/payment_intents/{}", held["id"].as_str().unwrap());
    assert_eq!(stand.post(&format!("{path}/cancel"), "").await.json()["status"], "canceled");
    assert_eq!(stand.post(&format!("{path}/capture"), "").await.status, 400);
    assert_eq!((stand.effects("authorize"), stand.effects("capture"), stand.effects("void")), (2, 1, 1));

    let held = paid(&stand, "&capture_method=manual").await;
    stand.emulators.control.advance_s(7 * 24 * 3600 + 1);
    let path = format!("/v1/payment_intents/{}", held["id"].as_str().unwrap());
    let gone = stand.get(&path).await;
    assert_eq!(
        (gone["status"].as_str(), gone["cancellation_reason"].as_str()),
        (Some("canceled"), Some("automatic"))
    );
}

#[tokio::test]
async fn cards_do_what_stripe_publishes_of_them() {
    let stand = Stand::start().await;
    for (method, status, word, decline) in [
        ("pm_card_visa_chargeDeclined", 402, "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", 402, "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", 402, "expired_card", "expired_card"),
        ("pm_card_radarBlock", 402, "card_declined", "fraudulent"),
        ("pm_card_mastercard", 200, "", ""),
        ("pm_card_de", 200, "", ""),
    ] {
        let form = PAY.replace("pm_card_visa", method);
        let got = stand.post("/v1/payment_intents", &form).await;
        let json = got.json();
        assert_eq!((got.status, code(&json)), (status, word), "{method}: {}", got.text);
        assert_eq!(json["error"]["decline_code"].as_str().unwrap_or(""), decline, "{method}");
        if status == 402 {
            assert_eq!(json["error"]["payment_intent"]["status"], "requires_payment_method", "{method}");
        }
    }
    assert_eq!(stand.effects("capture"), 2);
}

#[tokio::test]
async fn a_key_does_one_thing_once() {
    let stand = Stand::start().await;
    let key = "order-1-attempt-1";
    let first = stand.stripe_keyed("/v1/payment_intents", PAY, key).await.unwrap();
    let again = stand.stripe_keyed("/v1/payment_intents", PAY, key).await.unwrap();
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.header("original-request"), first.header("request-id"));
    let other = stand.stripe_keyed("/v1/payment_intents", &PAY.replace("1999", "2999"), key).await.unwrap();
    assert_eq!((other.status, other.json()["error"]["type"].as_str()), (400, Some("idempotency_error")));
    let place = stand.stripe_keyed("/v1/refunds", PAY, key).await.unwrap();
    assert_eq!(place.json()["error"]["type"], "idempotency_error");
    assert_eq!(stand.effects("capture"), 1);

    // What is refused before it begins is not kept; what failed when it was done is.
    let broken = stand.stripe_keyed("/v1/payment_intents", "amount=5", "k2").await.unwrap();
    assert_eq!(broken.status, 400);
    assert_eq!(stand.stripe_keyed("/v1/payment_intents", PAY, "k2").await.unwrap().status, 200);
    let declined = PAY.replace("pm_card_visa", "pm_card_chargeDeclined");
    let first = stand.stripe_keyed("/v1/payment_intents", &declined, "k3").await.unwrap();
    let again = stand.stripe_keyed("/v1/payment_intents", &declined, "k3").await.unwrap();
    assert_eq!((first.status, again.status), (402, 402));
    assert_eq!(first.text, again.text);

    stand.emulators.control.advance_s(24 * 3600);
    let fresh = stand.stripe_keyed("/v1/payment_intents", PAY, key).await.unwrap();
    assert_ne!(fresh.json()["id"], first.json()["id"]);
    assert_eq!(fresh.header("idempotent-replayed"), "");
    assert_eq!(stand.effects("capture"), 3);
}

#[tokio::test]
async fn faults_strike_before_or_after_the_effect() {
    let stand = Stand::start().await;
    for (what, answered, effects, replays) in [
        (What::DropBefore, None, 0, 200),
        (What::DropAfter, None, 1, 200),
        (What::ErrorBefore, Some(500), 0, 500),
        (What::ErrorAfter, Some(500), 1, 500),
        (What::Unavailable, Some(503), 0, 200),
        (What::RateLimited, Some(429), 0, 200),
    ] {
        let before = stand.effects("capture");
        let key = format!("{what:?}");
        stand.emulators.control.fault(Fault::once(Provider::Stripe, what, "/v1/payment_intents"));
        let got = stand.stripe_keyed("/v1/payment_intents", PAY, &key).await;
        assert_eq!(got.map(|got| got.status), answered, "{key}");
        assert_eq!(stand.effects("capture") - before, effects, "{key}");
        let again = stand.stripe_keyed("/v1/payment_intents", PAY, &key).await.unwrap();
        assert_eq!(again.status, replays, "{key}");
        let expected = if replays == 200 { 1 } else { effects };
        assert_eq!(stand.effects("capture") - before, expected, "{key}: a second call with the key");
    }
}

#[tokio::test]
async fn two_at_once_with_one_key_are_a_conflict() {
    let stand = Stand::start().await;
    let mut slow = Fault::once(Provider::Stripe, What::Slow, "/v1/payment_intents");
    slow.hold = std::time::Duration::from_millis(500);
    stand.emulators.control.fault(slow);
    let (first, second) = tokio::join!(stand.stripe_keyed("/v1/payment_intents", PAY, "k"), async {
        // Until the first has begun: it takes the fault with it.
        crate::stand::wait_until(|| stand.emulators.control.faults() == 0).await;
        stand.stripe_keyed("/v1/payment_intents", PAY, "k").await
    });
    assert_eq!(first.unwrap().status, 200);
    let second = second.unwrap();
    assert_eq!((second.status, code(&second.json())), (409, "idempotency_key_in_use"));
    assert_eq!(stand.effects("capture"), 1);
}

#[tokio::test]
async fn what_stripe_does_not_know_is_refused() {
    let stand = Stand::start().await;
    let long = "x".repeat(501);
    for (form, expected, param) in [
        ("amount=5.5&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=19&currency=eur", "amount_too_small", "amount"),
        ("currency=eur", "parameter_missing", "amount"),
        ("amount=500&currency=eur&amont=3", "parameter_unknown", "amont"),
        ("amount=500&currency=eur&payment_method_types[]=card", "parameter_unknown", "payment_method_types"),
        ("amount=500&currency=eur&shipping[adress]=x", "parameter_unknown", "shipping[adress]"),
        ("amount=500&currency=xxx", "", "currency"),
        ("amount=500&currency=eur&description=", "parameter_invalid_empty", "description"),
        (&format!("amount=500&currency=eur&metadata[a]={long}"), "", "metadata[a]"),
        ("amount=500&currency=eur&payment_method=pm_nothing", "resource_missing", "payment_method"),
    ] {
        let got = stand.post("/v1/payment_intents", form).await.json();
        assert_eq!(
            (code(&got), got["error"]["param"].as_str().unwrap_or("")),
            (expected, param),
            "{form}: {got}"
        );
    }
    let many: String = (0..51).map(|number| format!("&metadata[k{number}]=v")).collect();
    let got = stand.post("/v1/payment_intents", &format!("amount=500&currency=eur{many}")).await;
    assert_eq!(got.status, 400);
    let raw = "type=card&card[number]=4242424242424242&card[exp_month]=1&card[exp_year]=2040";
    assert_eq!(stand.post("/v1/payment_methods", raw).await.status, 402, "raw card numbers are not taken");
    assert_eq!(stand.effects("capture"), 0);
}

#[tokio::test]
async fn only_the_account_s_own_key_opens_it() {
    let stand = Stand::start().await;
    let side = &stand.emulators.stripe;
    let url = format!("{}/v1/balance", side.address);
    assert!(side.secret_key.starts_with("sk_test_"));
    let live = side.secret_key.replace("_test_", "_live_");
    for (key, version, status) in [
        ("", STRIPE_VERSION, 401),
        (live.as_str(), STRIPE_VERSION, 401),
        (side.publishable_key.as_str(), STRIPE_VERSION, 403),
        (side.secret_key.as_str(), "2023-08-16", 400),
        (side.secret_key.as_str(), STRIPE_VERSION, 200),
    ] {
        let bearer = format!("Bearer {key}");
        let mut headers = vec![("stripe-version", version)];
        if !key.is_empty() {
            headers.push(("authorization", bearer.as_str()));
        }
        let got = call("GET", &url, &headers, "").await.unwrap();
        assert_eq!(got.status, status, "{}", got.text);
        assert!(key.is_empty() || !got.text.contains(key), "a key was echoed");
    }
}

const SESSION: &str = "mode=payment&success_url=http://shop.test/ok?s={CHECKOUT_SESSION_ID}&cancel_url=http://shop.test/no\
                       &client_reference_id=A1&payment_intent_data[metadata][order]=A1\
                       &line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]=1250\
                       &line_items[0][price_data][product_data][name]=Two+<b>cups&line_items[0][quantity]=2";

#[tokio::test]
async fn a_buyer_walks_through_checkout_by_its_page() {
    let stand = Stand::start().await;
    let session = stand.post("/v1/checkout/sessions", SESSION).await.json();
    assert_eq!((session["amount_total"].as_i64(), session["status"].as_str()), (Some(2500), Some("open")));
    assert_eq!(session["payment_intent"], Value::Null, "an intent comes with the first attempt");
    let url = session["url"].as_str().unwrap();
    let page = call("GET", url, &[], "").await.unwrap();
    assert_eq!(page.status, 200);
    assert!(page.text.contains("25.00 EUR") && page.text.contains("&lt;b&gt;cups"), "{}", page.text);
    let submit = |number: &str, expiry: &str| {
        format!("email=a%40b.test&cardNumber={number}&cardExpiry={expiry}&cardCvc=123&billingName=A+B")
    };
    for (number, expiry, status) in [
        ("4242424242424241", "12+%2F+39", 422),
        ("4242424242424242", "12+%2F+20", 422),
        ("4000000000000002", "12+%2F+39", 402),
        ("4000000000009995", "12+%2F+39", 402),
    ] {
        let got = call("POST", url, &[], &submit(number, expiry)).await.unwrap();
        assert_eq!(got.status, status, "{number}");
        assert!(got.text.contains("role=\"alert\"") && !got.text.contains(number), "{number}");
    }
    let got = call("POST", url, &[], &submit("4242+4242+4242+4242", "12+%2F+39")).await.unwrap();
    assert_eq!(got.status, 303);
    let id = session["id"].as_str().unwrap();
    assert_eq!(got.header("location"), format!("http://shop.test/ok?s={id}"));
    let done =
        stand.get(&format!("/v1/checkout/sessions/{id}?expand[]=payment_intent&expand[]=line_items")).await;
    assert_eq!((done["status"].as_str(), done["payment_status"].as_str()), (Some("complete"), Some("paid")));
    assert_eq!(done["payment_intent"]["metadata"]["order"], "A1");
    assert_eq!(done["line_items"]["data"][0]["quantity"], 2);
    assert_eq!(stand.effects("capture"), 1);
    let late = call("POST", url, &[], &submit("4242424242424242", "12+%2F+39")).await.unwrap();
    assert_eq!(late.status, 200, "a page that is closed");
    assert_eq!(stand.effects("capture"), 1, "a second click pays nothing");
    assert_eq!(stand.post(&format!("/v1/checkout/sessions/{id}/expire"), "").await.status, 400);
}

#[tokio::test]
async fn an_expired_session_takes_no_money() {
    let stand = Stand::start().await;
    let first = stand.post("/v1/checkout/sessions", SESSION).await.json();
    let id = first["id"].as_str().unwrap();
    let ended = stand.post(&format!("/v1/checkout/sessions/{id}/expire"), "").await.json();
    assert_eq!((ended["status"].as_str(), ended["url"].as_str()), (Some("expired"), None));
    let second = stand.post("/v1/checkout/sessions", SESSION).await.json();
    stand.emulators.control.advance_s(24 * 3600 + 1);
    for session in [&first, &second] {
        let id = session["id"].as_str().unwrap();
        assert_eq!(stand.get(&format!("/v1/checkout/sessions/{id}")).await["status"], "expired");
        assert!(stand.emulators.control.pay_session(id, "4242424242424242").is_err());
    }
    assert_eq!(stand.effects("capture"), 0);
}

#[tokio::test]
async fn the_bank_s_page_is_completed_or_failed() {
    let stand = Stand::start().await;
    let form =
        PAY.replace("pm_card_visa", "pm_card_authenticationRequired") + "&return_url=http://shop.test/back";
    for (answer, word, status) in
        [("complete", "succeeded", "succeeded"), ("fail", "failed", "requires_payment_method")]
    {
        let intent = stand.post("/v1/payment_intents", &form).await.json();
        assert_eq!(intent["status"], "requires_action");
        let url = intent["next_action"]["redirect_to_url"]["url"].as_str().unwrap();
        assert_eq!(call("GET", url, &[], "").await.unwrap().status, 200);
        let got = call("POST", url, &[], &format!("answer={answer}")).await.unwrap();
        assert!(
            got.header("location").contains(&format!("redirect_status={word}")),
            "{}",
            got.header("location")
        );
        let id = intent["id"].as_str().unwrap();
        let after = stand.get(&format!("/v1/payment_intents/{id}?expand[]=latest_charge")).await;
        assert_eq!(after["status"], status);
        if answer == "complete" {
            let secure = &after["latest_charge"]["payment_method_details"]["card"]["three_d_secure"];
            assert_eq!(secure["result"], "authenticated");
        } else {
            assert_eq!(after["last_payment_error"]["code"], "payment_intent_authentication_failure");
        }
        assert_eq!(call("POST", url, &[], "answer=complete").await.unwrap().status, 404, "once only");
    }
    assert_eq!(stand.effects("capture"), 1);
    let off = PAY.replace("pm_card_visa", "pm_card_authenticationRequired") + "&off_session=true";
    let got = stand.post("/v1/payment_intents", &off).await;
    assert_eq!((got.status, code(&got.json())), (402, "authentication_required"));
    let session = stand.post("/v1/checkout/sessions", SESSION).await.json();
    let id = session["id"].as_str().unwrap();
    let bank = stand.emulators.control.pay_session(id, "4000002760003184").unwrap();
    assert!(bank.contains("/3ds/"));
    let back = stand.emulators.control.answer_challenge(&bank, Answered::Completed).unwrap();
    assert!(back.starts_with("http://shop.test/ok"), "{back}");
}

#[tokio::test]
async fn a_saved_card_pays_for_its_customer_alone() {
    let stand = Stand::start().await;
    let one = stand.post("/v1/customers", "email=a%40b.test").await.json();
    let two = stand.post("/v1/customers", "email=c%40d.test").await.json();
    let (one, two) = (one["id"].as_str().unwrap(), two["id"].as_str().unwrap());
    let form = format!(
        "customer={one}&payment_method=pm_card_visa&confirm=true&usage=off_session\
                        &automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never"
    );
    let setup = stand.post("/v1/setup_intents", &form).await.json();
    assert_eq!(setup["status"], "succeeded", "{setup}");
    let method = setup["payment_method"].as_str().unwrap();
    let list = stand.get(&format!("/v1/customers/{one}/payment_methods")).await;
    assert_eq!(list["data"][0]["id"], method);
    let pay = |customer: &str| {
        PAY.replace("pm_card_visa", method) + &format!("&off_session=true&customer={customer}")
    };
    assert_eq!(stand.post("/v1/payment_intents", &pay(two)).await.status, 400, "another's card");
    assert_eq!(stand.post("/v1/payment_intents", &pay(one)).await.json()["status"], "succeeded");
    stand.post(&format!("/v1/payment_methods/{method}/detach"), "").await;
    assert_eq!(stand.post("/v1/payment_intents", &pay(one)).await.status, 400, "a card that was taken away");
    assert_eq!(stand.effects("capture"), 1);
}

#[tokio::test]
async fn a_dispute_takes_the_money_and_evidence_brings_it_back() {
    let stand = Stand::start().await;
    let intent = paid(&stand, "").await;
    let charge = intent["latest_charge"].as_str().unwrap();
    let control = &stand.emulators.control;
    let id = control.open_dispute(Provider::Stripe, charge, "fraudulent", None).unwrap();
    assert!(control.open_dispute(Provider::Stripe, charge, "fraudulent", None).is_err());
    let refund = stand.post("/v1/refunds", &format!("charge={charge}")).await;
    assert_eq!(code(&refund.json()), "charge_disputed");
    let sent = stand
        .post(&format!("/v1/disputes/{id}"), "evidence[uncategorized_text]=winning_evidence")
        .await
        .json();
    assert_eq!(sent["status"], "under_review", "{sent}");
    control.advance_s(61);
    assert_eq!(stand.get(&format!("/v1/disputes/{id}")).await["status"], "won");
    let list = stand.get(&format!("/v1/balance_transactions?source={id}")).await;
    let net: i64 = list["data"].as_array().unwrap().iter().map(|entry| entry["net"].as_i64().unwrap()).sum();
    assert_eq!((list["data"].as_array().unwrap().len(), net), (2, 0));
    let events =
        stand.get("/v1/events?types[]=charge.dispute.created&types[]=charge.dispute.funds_reinstated").await;
    assert_eq!(events["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn lists_have_pages() {
    let stand = Stand::start().await;
    for _ in 0..5 {
        paid(&stand, "").await;
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = stand.get(&format!("/v1/payment_intents?limit=2{after}")).await;
        seen.extend(
            page["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        after = format!("&starting_after={}", seen.last().unwrap());
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(seen.len(), 5);
    let back = stand.get(&format!("/v1/payment_intents?limit=3&ending_before={}", seen[4])).await;
    assert_eq!(back["data"][0]["id"], seen[1].as_str());
    assert_eq!(code(&stand.get("/v1/payment_intents?limit=101").await), "parameter_invalid_integer");
}
