//! The operations for programs, called as programs call them.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value, json};
use storeward_api::{Act, Draft, Interface, InterfaceParts, Keys, KeysParts};
use storeward_base::{Actor, SeededEntropy, SystemEntropy};
use storeward_emulators::{Fault, Provider as At, What};
use storeward_payments::{Provider, rest};
use storeward_policy::Purpose;
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::HostNames;
use storeward_web::axum::Router;
use storeward_web::axum::body::Body;
use storeward_web::http::Request;
use tower::ServiceExt;

use crate::support::{Shop, books, wish};

fn migrations() -> Vec<storeward_store::Migration> {
    [storeward_payments::MIGRATIONS, storeward_api::MIGRATIONS].concat()
}

struct Stand {
    shop: Shop,
    keys: Keys,
    router: Router,
}

struct Got {
    status: u16,
    body: Value,
}

async fn stand(db: &TestDb) -> Stand {
    let shop = Shop::new(db).await;
    let keys = Keys::new(KeysParts {
        db: (**db).clone(),
        clock: db.clock.clone(),
        entropy: Arc::new(SystemEntropy),
        data_key: DataKey::generate(&SeededEntropy::new(2)),
        gone: shop.folder.path().join("revoked-api-keys"),
        may_make: Arc::new(|_, _| Ok(true)),
    });
    let parts = InterfaceParts {
        db: (**db).clone(),
        clock: db.clock.clone(),
        entropy: Arc::new(SystemEntropy),
        keys: keys.clone(),
        pseudonym_key: PseudonymKey::generate(&SeededEntropy::new(1)),
        names: HostNames::parse(&["api.shop.example"]).unwrap(),
        requests_per_second: 1000,
    };
    let router = Interface::new(parts, rest::operations(Some(&shop.payments))).router();
    Stand { shop, keys, router }
}

impl Stand {
    async fn key(&self, acts: &[Act]) -> String {
        let draft = Draft {
            name: "the shop".to_owned(),
            acts: acts.to_vec(),
            roles: vec!["shop".to_owned()],
            purposes: vec![Purpose::Support],
            ..Draft::default()
        };
        self.keys.make(draft, Actor::Operator).await.unwrap().text.expose().clone()
    }

    async fn call(&self, key: &str, method: &str, path: &str, name: &str, body: Option<Value>) -> Got {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("host", "api.shop.example:9444")
            .header("authorization", format!("Bearer {key}"));
        if !name.is_empty() {
            request = request.header("idempotency-key", name);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Got { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }
}

fn order(number: &str) -> Value {
    json!({
        "order": number, "amount": 1999, "currency": "EUR", "return_address": "https://shop.example/orders/1",
        "customer": "4711", "lines": [{ "name": "A book", "quantity": 1, "unit_amount": 1999 }]
    })
}

// Orders, and the answers that are kept for programs, held them in clear; and a wrong currency was called a wrong amount.
both_engines!(what_holds_a_card_number_is_no_order_and_each_fault_has_its_place, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.key(&[Act::Pay]).await;
    let with = |field: &str, value: Value| {
        let mut order = order("A-1");
        order[field] = value;
        order
    };
    let line = |name: &str| json!([{ "name": name, "quantity": 1, "unit_amount": 1999 }]);
    for (wrong, pointer) in [
        (with("order", "4242424242424242".into()), "/order"),
        (with("order", "4242-4242-4242-4242".into()), "/order"),
        (with("order", "order4242-4242-4242-4242".into()), "/order"),
        (with("email", "4242424242424242@shop.example".into()), "/email"),
        (with("lines", line("Paid with 4242 4242 4242 4242")), "/lines"),
        (with("lines", line("Karte4242424242424242")), "/lines"),
        (with("currency", "EURO".into()), "/currency"),
        (with("currency", "XXX".into()), "/currency"),
        (with("amount", 0.into()), "/amount"),
    ] {
        let refused = stand.call(&key, "POST", "/payments", "", Some(wrong.clone())).await;
        let faults = &refused.body["errors"];
        assert_eq!(
            (refused.status, &faults[0]["pointer"]),
            (422, &pointer.into()),
            "{wrong}: {}",
            refused.body
        );
        assert!(!refused.body.to_string().contains("4242"), "{}", refused.body);
    }
    // What shops number their orders by.
    for number in ["A-1", "20261129123456", "100000123", "1764417600123", "4242424242424243"] {
        let made = stand.call(&key, "POST", "/payments", "", Some(order(number))).await;
        assert_eq!(made.status, 201, "{number}: {}", made.body);
    }
});

both_engines!(a_shop_has_an_order_paid_and_gives_back, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.key(&[Act::Pay, Act::Refund]).await;
    let made = stand.call(&key, "POST", "/payments", "a-1", Some(order("A-1"))).await;
    assert_eq!((made.status, &made.body["state"]), (201, &"created".into()), "{}", made.body);
    let again = stand.call(&key, "POST", "/payments", "a-1", Some(order("A-1"))).await;
    assert_eq!(again.body["id"], made.body["id"]);
    let id = made.body["id"].as_str().unwrap().to_owned();
    let page = made.body["page"].as_str().unwrap();
    let part = page.rsplit('/').next().unwrap();
    let own = stand.shop.payments.of_page(part).unwrap();
    assert_eq!(own.to_string(), id);
    // Whoever knows an id has no page.
    let (_, tag) = part.split_once('.').unwrap();
    for wrong in [
        id.clone(),
        format!("{id}."),
        format!("{id}.{}", "0".repeat(32)),
        format!("pay_{}.{tag}", "0".repeat(26)),
    ] {
        assert!(stand.shop.payments.of_page(&wrong).is_none(), "{wrong}");
    }
    let payment = stand.shop.payments.find(own).await.unwrap().unwrap();
    let session = stand.shop.begin(&payment, Provider::Stripe).await;
    stand.shop.pay(Provider::Stripe, &session).await;
    stand.shop.payments.look(own).await.unwrap();
    let got = stand.call(&key, "GET", &format!("/payments/{id}"), "", None).await;
    assert_eq!((&got.body["state"], &got.body["refundable"]), (&"captured".into(), &1999.into()));
    // The provider did it and did not answer; the shop asks again under the same name: it is done once.
    let mut fault = Fault::once(At::Stripe, What::DropAfter, "/v1/refunds");
    fault.method = "POST".to_owned();
    stand.shop.emulators.control.fault(fault);
    let refund = format!("/payments/{id}/refund");
    let first = stand.call(&key, "POST", &refund, "r-1", Some(json!({ "amount": 500 }))).await;
    assert_eq!((first.status, &first.body["state"]), (200, &"unknown".into()));
    for _ in 0..2 {
        stand.call(&key, "POST", &refund, "r-1", Some(json!({ "amount": 500 }))).await;
        db.clock.advance(Duration::from_secs(120));
        stand.shop.payments.round().await.unwrap();
    }
    let got = stand.call(&key, "GET", &format!("/payments/{id}"), "", None).await;
    assert_eq!((&got.body["state"], &got.body["refunded"]), (&"partially_refunded".into(), &500.into()));
    assert_eq!(stand.shop.effects("refund").len(), 1);
    let list = stand.call(&key, "GET", "/payments?order=A-1", "", None).await;
    assert_eq!(list.body["payments"].as_array().map(Vec::len), Some(1));
    books(&db).await;
});

both_engines!(what_does_not_fit_or_may_not_be_is_refused, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (key, pays) = (stand.key(&[Act::Pay, Act::Refund]).await, stand.key(&[Act::Pay]).await);
    let reads = stand.key(&[Act::Read, Act::Write, Act::Erase, Act::Export]).await;
    let denied = stand.call(&reads, "POST", "/payments", "", Some(order("A-1"))).await;
    assert_eq!(denied.status, 403, "a key for customers' data takes no money");
    let with = |name: &str, value: Value| {
        let mut body = order("A-2");
        body[name] = value;
        body
    };
    for (body, status) in [
        (with("amount", 0.into()), 422),
        (with("amount", 19.99.into()), 400),
        (with("amount", (-5).into()), 400),
        (with("amount", u64::MAX.into()), 422),
        (with("currency", "eur".into()), 422),
        (with("currency", "XAU".into()), 422),
        (with("order", "".into()), 422),
        (with("order", "a b".into()), 422),
        (with("return_address", "https://evil.example/".into()), 422),
        (with("capture", "never".into()), 422),
        (with("lines", json!([{ "name": "A book", "quantity": 2, "unit_amount": 1999 }])), 422),
        (with("card", "4242424242424242".into()), 400),
    ] {
        let got = stand.call(&key, "POST", "/payments", "", Some(body.clone())).await;
        assert_eq!(got.status, status, "{body}: {}", got.body);
    }
    let paid = stand.shop.paid("A-3", 1000, Provider::Stripe).await;
    let refund = format!("/payments/{}/refund", paid.id);
    assert_eq!(stand.call(&pays, "POST", &refund, "", Some(json!({}))).await.status, 403);
    assert_eq!(stand.call(&key, "POST", &refund, "", Some(json!({ "amount": 1001 }))).await.status, 422);
    assert_eq!(stand.call(&key, "POST", &refund, "", Some(json!({ "amount": 0 }))).await.status, 422);
    let void = stand.call(&key, "POST", &format!("/payments/{}/void", paid.id), "", None).await;
    assert_eq!((void.status, &void.body["code"]), (409, &"payments.state".into()));
    let nothing = format!("/payments/pay_{}", "0".repeat(26));
    assert_eq!(stand.call(&key, "GET", &nothing, "", None).await.status, 404);
    assert!(stand.shop.effects("refund").is_empty());
});

// What is kept is used, listed and taken away by the shop's programs; no answer holds a token, and another customer's is none.
both_engines!(what_is_kept_is_used_by_programs, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.key(&[Act::Pay]).await;
    let with = |number: &str, customer: &str, name: &str, value: Value| {
        let mut body = order(number);
        body["customer"] = customer.into();
        body[name] = value;
        body
    };
    let first = with("K-1", "4711", "save_method", "yes".into());
    let made = stand.call(&key, "POST", "/payments", "k-1", Some(first)).await;
    let id = made.body["id"].as_str().unwrap().parse().unwrap();
    let terms = storeward_payments::Terms {
        saves: true,
        ..storeward_payments::Terms::of(Provider::Stripe, storeward_payments::Strength::Usual)
    };
    let begun = stand.shop.payments.begin_on(id, terms).await.unwrap();
    stand.shop.pay(Provider::Stripe, &crate::support::reference(Provider::Stripe, &begun.address)).await;
    stand.shop.payments.look(id).await.unwrap();
    let list = stand.call(&key, "GET", "/payment-methods?customer=4711", "", None).await;
    let method = list.body["methods"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(&list.body["methods"][0]["last_four"], &Value::from("4242"), "{}", list.body);
    assert!(!list.body.to_string().contains("pm_1") && !list.body.to_string().contains("cus_"));
    let used = with("K-2", "4711", "method", method.clone().into());
    let paid = stand.call(&key, "POST", "/payments", "k-2", Some(used.clone())).await;
    assert_eq!((paid.status, &paid.body["state"]), (201, &"captured".into()), "{}", paid.body);
    assert!(!paid.body.to_string().contains("pm_1"));
    let again = stand.call(&key, "POST", "/payments", "k-2", Some(used)).await;
    assert_eq!(again.body["id"], paid.body["id"]);
    let before = stand.shop.effects("capture").len();
    let foreign = with("K-3", "4712", "method", method.clone().into());
    let refused = stand.call(&key, "POST", "/payments", "k-3", Some(foreign)).await;
    assert_eq!((refused.status, stand.shop.effects("capture").len()), (422, before), "{}", refused.body);
    assert_eq!(stand.call(&key, "GET", "/payment-methods", "", None).await.status, 422);
    let remove = format!("/payment-methods/{method}/remove");
    let wrong = stand.call(&key, "POST", &remove, "", Some(json!({ "customer": "4712" }))).await;
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    let gone = stand.call(&key, "POST", &remove, "", Some(json!({ "customer": "4711" }))).await;
    assert_eq!((gone.status, gone.body["methods"].as_array().map(Vec::len)), (200, Some(0)), "{}", gone.body);
    let forget =
        stand.call(&key, "POST", "/payment-methods/forget", "", Some(json!({ "customer": "4711" }))).await;
    assert_eq!((forget.status, &forget.body["methods"]), (200, &0.into()), "{}", forget.body);
    // Disputes: nothing there is nothing.
    let none = stand.call(&key, "GET", "/disputes", "", None).await;
    assert_eq!((none.status, none.body["disputes"].as_array().map(Vec::len)), (200, Some(0)));
    assert_eq!(stand.call(&key, "GET", "/disputes/stripe.du_1", "", None).await.status, 404);
});

// The shop's own program tells its orders and reads what does not agree; whoever may not pay does neither.
both_engines!(a_shop_tells_its_orders_and_reads_what_does_not_agree, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.key(&[Act::Pay]).await;
    stand.shop.paid("A-1", 1999, Provider::Stripe).await;
    stand.shop.paid("A-2", 1999, Provider::PayPal).await;
    let one = |order: &str, state: &str| json!({ "order": order, "amount": 1999, "currency": "EUR", "state": state });
    let tell = async |orders: Value| {
        stand.call(&key, "POST", "/payments/orders", "", Some(json!({ "orders": orders }))).await
    };
    let told = tell(json!([one("A-1", "open"), one("A-2", "cancelled"), one("A-3", "open")])).await;
    assert_eq!((told.status, &told.body), (200, &json!({ "taken": 3, "older": 0 })));
    let mut old = one("A-1", "paid");
    old["at"] = "2020-01-01T00:00:00Z".into();
    assert_eq!(tell(json!([old])).await.body, json!({ "taken": 0, "older": 1 }));
    for (wrong, pointer) in [
        (json!([]), "/orders"),
        (json!([one("A-4", "paid"), one("A-5", "shipped")]), "/orders/1/state"),
        (json!([{ "order": "A-4", "amount": 1, "currency": "eur", "state": "paid" }]), "/orders/0/currency"),
        (
            json!([{ "order": "A-4", "amount": 1, "currency": "EUR", "state": "paid", "at": "today" }]),
            "/orders/0/at",
        ),
        (json!([one("A 4", "paid")]), "/orders"),
    ] {
        let refused = tell(wrong).await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["pointer"]),
            (422, &pointer.into()),
            "{}",
            refused.body
        );
    }
    assert_eq!(stand.shop.payments.shop_order("A-4").await.unwrap(), None, "all or none");
    db.clock.advance(Duration::from_secs(31 * 60));
    stand.shop.payments.compare_orders().await.unwrap();
    let first = stand.call(&key, "GET", "/payments/differences?limit=1", "", None).await;
    let next = first.body["next"].as_str().unwrap().to_owned();
    let second =
        stand.call(&key, "GET", &format!("/payments/differences?limit=1&after={next}"), "", None).await;
    let mut whats = vec![&first.body["differences"][0]["what"], &second.body["differences"][0]["what"]];
    whats.sort_by_key(|what| what.to_string());
    assert_eq!(whats, ["order_cancelled", "order_unpaid"], "{} {}", first.body, second.body);
    assert_eq!((&second.body["next"], &second.body["differences"][0]["there"]), (&Value::Null, &1999.into()));
    let other = stand.key(&[Act::Read]).await;
    for (method, path) in [("GET", "/payments/differences"), ("POST", "/payments/orders")] {
        let body = (method == "POST").then(|| json!({ "orders": [one("A-1", "paid")] }));
        assert_eq!(stand.call(&other, method, path, "", body).await.status, 403, "{method} {path}");
    }
});

// Taken in parts at PayPal, given back in one request: sent twice it is done once, and what was refused of it is named.
both_engines!(a_shop_gives_back_what_was_taken_in_parts, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.key(&[Act::Pay, Act::Refund]).await;
    let mut wanted = order("B-1");
    wanted["capture"] = "later".into();
    let made = stand.call(&key, "POST", "/payments", "b-1", Some(wanted)).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    let own: storeward_base::PaymentId = id.parse().unwrap();
    let payment = stand.shop.payments.find(own).await.unwrap().unwrap();
    let page = stand.shop.begin(&payment, Provider::PayPal).await;
    stand.shop.pay(Provider::PayPal, &page).await;
    stand.shop.payments.look(own).await.unwrap();
    for part in [700, 500] {
        stand.shop.payments.capture(own, wish(Some(part))).await.unwrap();
        db.clock.advance(Duration::from_secs(1));
    }
    let captures = stand.shop.payments.whole(own).await.unwrap().unwrap().captures;
    stand.shop.emulators.control.refund_capture(&captures[0].reference, None).unwrap();
    let refund = format!("/payments/{id}/refund");
    for _ in 0..2 {
        let got = stand.call(&key, "POST", &refund, "b-2", Some(json!({}))).await;
        assert_eq!(
            (got.status, &got.body["code"]),
            (409, &"payments.refused_in_part".into()),
            "{}",
            got.body
        );
        let detail = got.body["detail"].as_str().unwrap();
        let refused = format!("{} (CAPTURE_FULLY_REFUNDED)", captures[0].reference);
        assert!(detail.contains("1 of 2 captures") && detail.contains(&refused), "{detail}");
    }
    let got = stand.call(&key, "GET", &format!("/payments/{id}"), "", None).await;
    assert_eq!((&got.body["refunded"], &got.body["refundable"]), (&1200.into(), &0.into()), "{}", got.body);
    let back: i64 = stand.shop.effects("refund").iter().map(|one| one.amount).sum();
    assert_eq!(back, 1200);
    books(&db).await;
});

// A means that was declined once answered `declined` to every further request of the shop, and nobody asked the bank.
both_engines!(a_declined_means_is_tried_again_by_another_request, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.key(&[Act::Pay]).await;
    let held = crate::kept::kept(&stand.shop, "4711", "M-1", Provider::Stripe).await;
    let mut wanted = order("M-2");
    wanted["method"] = held.id.as_str().into();
    wanted["off_session"] = true.into();
    let post = async |name: &str| {
        let got = stand.call(&key, "POST", "/payments", name, Some(wanted.clone())).await;
        assert_eq!(got.status, 201, "{}", got.body);
        got.body["state"].as_str().unwrap().to_owned()
    };
    crate::tried::declines(&stand.shop, Some(1));
    // Sent again under its key, with its answer kept and with its answer lost, it is the same try.
    assert_eq!(post("m-1").await, "declined");
    assert_eq!(post("m-1").await, "declined");
    db.raw("UPDATE api_answer SET status = NULL, headers = NULL, body = NULL");
    db.clock.advance(Duration::from_secs(600));
    assert_eq!(post("m-1").await, "declined");
    assert_eq!(stand.shop.effects("capture").len(), 1);
    assert_eq!(post("m-2").await, "captured");
    assert_eq!(post("m-1").await, "declined");
    assert_eq!(stand.shop.effects("capture").len(), 2);
});

// It answered `created`, as if nothing had been tried: PayPal says so of the order itself, which is not made then.
both_engines!(a_means_that_paypal_declines_at_once_is_declined, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.key(&[Act::Pay]).await;
    let held = crate::kept::kept(&stand.shop, "4711", "N-1", Provider::PayPal).await;
    let mut wanted = order("N-2");
    wanted["method"] = held.id.as_str().into();
    wanted["off_session"] = true.into();
    let post = async |name: &str| {
        let got = stand.call(&key, "POST", "/payments", name, Some(wanted.clone())).await;
        assert_eq!(got.status, 201, "{}", got.body);
        got.body["state"].as_str().unwrap().to_owned()
    };
    let fails = |code: &str| {
        let fault = Fault::once(At::Paypal, What::Decline(code.to_owned()), "/v2/checkout/orders");
        stand.shop.emulators.control.fault(Fault { method: "POST".to_owned(), ..fault });
    };
    // What is none of the buyer's doing declines nothing.
    fails("PAYEE_ACCOUNT_RESTRICTED");
    assert_eq!(post("n-1").await, "created");
    fails("INSTRUMENT_DECLINED");
    assert_eq!(post("n-2").await, "declined");
    assert_eq!(crate::support::told(&db).await.iter().filter(|kind| **kind == "payment.declined").count(), 1);
    // Sent again, with its answer lost, it is the same try.
    db.raw("UPDATE api_answer SET status = NULL, headers = NULL, body = NULL");
    db.clock.advance(Duration::from_secs(600));
    assert_eq!(post("n-2").await, "declined");
    assert_eq!(stand.shop.effects("capture").len(), 1);
    assert_eq!(post("n-3").await, "captured");
    books(&db).await;
});
