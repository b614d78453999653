//! An order that is asked to be paid again: what is said last counts, and nobody else's.

use storeward_base::Actor;
use storeward_payments::{
    Error, MIGRATIONS, NewPayment, OrderFacts, Payment, Provider, Saving, State, Strength, Terms,
};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;

use crate::support::{Shop, order_of};

fn to(address: &str, express: bool) -> OrderFacts {
    OrderFacts { shipping: Some(address.to_owned()), express: Some(express), ..OrderFacts::default() }
}

fn kept(order: &str) -> NewPayment {
    NewPayment { saving: Saving::Yes, ..order_of(order, 1999, "EUR") }
}

async fn ask(shop: &Shop, new: NewPayment, facts: &OrderFacts) -> Result<Payment, Error> {
    shop.payments.create_with(Actor::System, new, facts).await
}

/// By what the next attempt of this payment is judged.
async fn judged_by(db: &TestDb, payment: &Payment) -> (Option<i64>, Option<bool>) {
    let id = payment.id;
    let found = db.read(move |reader| {
        let find = "SELECT shipping, is_express FROM payment_order_facts WHERE payment = $1";
        reader.query_one(find, storeward_store::params![id], |row| Ok((row.get(0)?, row.get(1)?)))
    });
    found.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"))
}

// Whoever opened the payment, changed where the order goes and came back was judged by the place of before.
both_engines!(what_is_said_of_an_order_last_is_what_counts, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let first = ask(&shop, kept("a"), &to("4 Slate Lane", false)).await.unwrap();
    let drop = judged_by(&db, &ask(&shop, kept("other"), &to("9 Drop Street", true)).await.unwrap()).await;
    let home = judged_by(&db, &first).await;
    assert!(home != drop && drop.1 == Some(true));
    for is_begun in [false, true] {
        if is_begun {
            shop.payments.begin_on(first.id, Terms::of(Provider::Stripe, Strength::Usual)).await.unwrap();
        }
        let no = NewPayment { saving: Saving::No, ..kept("a") };
        let again = ask(&shop, no, &to("9 Drop Street", true)).await.unwrap();
        assert_eq!(again.id, first.id);
        assert_eq!(judged_by(&db, &first).await, drop);
        assert_eq!(shop.payments.saving(first.id).await.unwrap(), Saving::No);
        // Whoever says nothing of the order takes nothing back.
        ask(&shop, kept("a"), &OrderFacts::default()).await.unwrap();
        assert_eq!(judged_by(&db, &first).await, drop);
        assert_eq!(shop.payments.saving(first.id).await.unwrap(), Saving::Yes);
        ask(&shop, kept("a"), &to("4 Slate Lane", false)).await.unwrap();
        assert_eq!(judged_by(&db, &first).await, home);
    }
});

// A card was kept for the customer whom the order was asked to be paid by before.
both_engines!(an_order_is_paid_for_whom_it_is_asked_for, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let of = |order: &str, customer: &str| NewPayment { customer: Some(customer.to_owned()), ..kept(order) };
    let first = ask(&shop, of("b", "c1"), &OrderFacts::default()).await.unwrap();
    let second = ask(&shop, of("b", "c2"), &OrderFacts::default()).await.unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(shop.payments.find(first.id).await.unwrap().unwrap().state, State::Voided);
    shop.payments.begin_on(second.id, Terms::of(Provider::Stripe, Strength::Usual)).await.unwrap();
    assert_eq!(ask(&shop, of("b", "c1"), &OrderFacts::default()).await.unwrap_err(), Error::OrderHasPayment);
    // Somebody who began as a customer and goes on as a guest, or the other way round, pays the same; nothing is kept for anybody.
    let guest = NewPayment { customer: None, saving: Saving::No, ..kept("b") };
    assert_eq!(ask(&shop, guest.clone(), &OrderFacts::default()).await.unwrap().id, second.id);
    let third =
        ask(&shop, NewPayment { order: "c".to_owned(), ..guest }, &OrderFacts::default()).await.unwrap();
    shop.payments.begin_on(third.id, Terms::of(Provider::Stripe, Strength::Usual)).await.unwrap();
    assert_eq!(ask(&shop, of("c", "c1"), &OrderFacts::default()).await.unwrap().id, third.id);
    assert_eq!(shop.payments.saving(third.id).await.unwrap(), Saving::No);
});
