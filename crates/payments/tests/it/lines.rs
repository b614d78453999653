//! Lines of PayPal's list that cannot be read: the day's fact counts them, and whatever they turn out to be, they are settled once they can.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use storeward_base::Clock;
use storeward_emulators::Provider as At;
use storeward_events::Event;
use storeward_payments::{MIGRATIONS, Provider};
use storeward_store::testing::TestDb;
use storeward_store::{both_engines, ledger as facts};

use crate::support::Shop;

/// What the ledger's last word on a day counts.
async fn counted(db: &TestDb) -> u64 {
    let all = db.read(|reader| facts::read_after(reader, 0, 1000)).await;
    let all = all.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    let counted = all.iter().rev().find_map(|(_, record)| match &record.event {
        Event::DayReconciled(day) => Some(day.differences),
        _ => None,
    });
    counted.unwrap()
}

async fn open(shop: &Shop) -> Vec<(String, String)> {
    let open = shop.payments.differences().await.unwrap();
    let mut open: Vec<_> = open.into_iter().map(|one| (one.what, one.reference)).collect();
    open.sort();
    open
}

fn not_read(names: &[String]) -> Vec<(String, String)> {
    let mut all: Vec<_> = names.iter().map(|name| ("line_not_read".to_owned(), name.clone())).collect();
    all.sort();
    all
}

async fn reconcile(shop: &Shop, db: &TestDb) -> u64 {
    shop.payments.reconcile(Provider::PayPal, db.clock.now()).await.unwrap().differences
}

// The fact was written before the lines were told, and said that the day had no difference.
both_engines!(the_day_s_fact_counts_lines_that_cannot_be_read, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    shop.paid("L-1", 1999, Provider::PayPal).await;
    shop.emulators.control.shape_list(|line: &mut Value| line["transaction_amount"]["value"] = "much".into());
    assert_eq!(reconcile(&shop, &db).await, 1);
    assert_eq!(counted(&db).await, 1);
    // Told once.
    assert_eq!(reconcile(&shop, &db).await, 0);
    assert_eq!(counted(&db).await, 0);
});

// Only what was taken and given back, and agreed, was ever settled.
both_engines!(a_line_is_settled_once_it_is_read_whatever_it_is, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = shop.paid("L-2", 1999, Provider::PayPal).await;
    let capture = shop.payments.whole(paid.id).await.unwrap().unwrap().captures[0].reference.clone();
    shop.emulators.control.open_dispute(At::Paypal, &capture, "UNAUTHORISED", None).unwrap();
    // Another's, and money that another program paid out.
    shop.emulators.control.moved_elsewhere(700, "EUR", Some("invoice 56"));
    shop.emulators.control.moved_elsewhere(-300, "EUR", None);
    let names = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&names);
    shop.emulators.control.shape_list(move |line: &mut Value| {
        seen.lock().unwrap().push(line["transaction_id"].as_str().unwrap().to_owned());
        line["transaction_amount"]["value"] = "much".into();
        line["transaction_event_code"] = Value::Null;
    });
    assert_eq!(reconcile(&shop, &db).await, 4);
    let names = names.lock().unwrap().clone();
    assert_eq!((names.len(), open(&shop).await), (4, not_read(&names)));
    // One says of itself that it is a payout now, the amount of which need not be read.
    let other = names.iter().find(|name| **name != capture).unwrap().clone();
    let payout = other.clone();
    shop.emulators.control.shape_list(move |line: &mut Value| {
        if line["transaction_id"] == payout.as_str() {
            line["transaction_event_code"] = "T0400".into();
        } else {
            line["transaction_event_code"] = Value::Null;
        }
        line["transaction_amount"]["value"] = "much".into();
    });
    assert_eq!(reconcile(&shop, &db).await, 0);
    let left: Vec<String> = names.iter().filter(|name| **name != other).cloned().collect();
    assert_eq!(open(&shop).await, not_read(&left));
    // All are read; of the capture another amount, which is another difference.
    let name = capture.clone();
    shop.emulators.control.shape_list(move |line: &mut Value| {
        if line["transaction_id"] == name.as_str() {
            line["transaction_amount"] = json!({ "value": "1.00", "currency_code": "EUR" });
        }
    });
    assert_eq!(reconcile(&shop, &db).await, 1);
    assert_eq!(open(&shop).await, [("amount".to_owned(), capture)]);
});
