//! Means of payment that a buyer let the shop keep: kept, used, taken away; and attacked.

use storeward_base::{Actor, CustomerId};
use storeward_emulators::{Answered, Fault, Provider as At, What};
use storeward_payments::methods::{Attendance, Method};
use storeward_payments::{
    CaptureMode, Error, Front, MIGRATIONS, NewPayment, Payment, Provider, Saving, State, Strength, Terms,
};
use storeward_store::testing::TestDb;
use storeward_store::{Engine, both_engines, params};

use crate::support::{Shop, books, ledger_text, order_of, reference, told, wish};

/// An order of a customer who lets the shop keep what they pay with.
fn of(customer: &str, order: &str) -> NewPayment {
    NewPayment { customer: Some(customer.to_owned()), saving: Saving::Yes, ..order_of(order, 1999, "EUR") }
}

async fn kept_with(shop: &Shop, customer: &str, order: &str, provider: Provider, card: &str) -> Method {
    let payment = shop.payments.create(Actor::System, of(customer, order)).await.unwrap();
    let terms = Terms { saves: true, ..Terms::of(provider, Strength::Usual) };
    let begun = shop.payments.begin_on(payment.id, terms).await.unwrap();
    let page = reference(provider, &begun.address);
    match provider {
        Provider::Stripe => {
            let bank = shop.emulators.control.pay_session(&page, card).unwrap();
            if bank.contains("/3ds/") {
                shop.emulators.control.answer_challenge(&bank, Answered::Completed).unwrap();
            }
        }
        Provider::PayPal => shop.pay(provider, &page).await,
    }
    for _ in 0..3 {
        shop.payments.look(payment.id).await.unwrap();
    }
    let all = shop.payments.methods(customer).await.unwrap();
    all.into_iter()
        .rfind(|one| one.provider == provider)
        .unwrap_or_else(|| panic!("nothing is kept of {order}"))
}

pub async fn kept(shop: &Shop, customer: &str, order: &str, provider: Provider) -> Method {
    kept_with(shop, customer, order, provider, crate::support::CARD).await
}

pub async fn order(shop: &Shop, customer: &str, order: &str) -> Payment {
    let new = NewPayment { saving: Saving::No, ..of(customer, order) };
    shop.payments.create(Actor::System, new).await.unwrap()
}

/// Everything of the payments' tables as text, to look for what must not be in it.
async fn rows(db: &TestDb) -> String {
    let found = db.read(|reader| {
        reader.query_many("SELECT token, holder, mark FROM payment_method", &[], |row| {
            Ok((row.get::<Vec<u8>>(0)?, row.get::<Option<Vec<u8>>>(1)?, row.get::<String>(2)?))
        })
    });
    let found = found.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    found
        .iter()
        .map(|(token, holder, mark)| {
            format!("{}{}{mark}", text(token), text(holder.as_deref().unwrap_or_default()))
        })
        .collect()
}

async fn payment_of(shop: &Shop, order: &str) -> storeward_base::PaymentId {
    shop.payments.of_order(order).await.unwrap()[0].id
}

both_engines!(what_a_buyer_paid_with_pays_again, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for provider in [Provider::Stripe, Provider::PayPal] {
        let name = provider.word();
        let held = kept(&shop, "4711", &format!("{name}-1"), provider).await;
        match provider {
            Provider::Stripe => {
                assert_eq!((held.brand.as_str(), held.last_four.as_deref()), ("visa", Some("4242")));
                assert!(held.expires.is_some_and(|at| at.len() == 7));
            }
            Provider::PayPal => assert_eq!((held.brand.as_str(), &held.last_four), ("paypal", &None)),
        }
        let before = shop.effects("capture").len();
        let payment = order(&shop, "4711", &format!("{name}-2")).await;
        let paid = shop.payments.pay_with(payment.id, &held.id, Attendance::Present).await.unwrap();
        assert_eq!((paid.state, paid.captured), (State::Captured, 1999), "{paid:?}");
        // Asked twice, it is paid once.
        for _ in 0..2 {
            shop.payments.pay_with(payment.id, &held.id, Attendance::Present).await.unwrap();
        }
        assert_eq!(shop.effects("capture").len(), before + 1);
        let after = shop.payments.refund(payment.id, wish(Some(500))).await.unwrap();
        assert_eq!(after.refunded, 500);
    }
    assert_eq!(shop.payments.methods("4711").await.unwrap().len(), 2, "using it keeps no second one");
    // Set aside, and taken later.
    let all = shop.payments.methods("4711").await.unwrap();
    let held = all.into_iter().find(|one| one.provider == Provider::Stripe).unwrap();
    let later = NewPayment { capture: Some(CaptureMode::Later), saving: Saving::No, ..of("4711", "later") };
    let payment = shop.payments.create(Actor::System, later).await.unwrap();
    let set_aside = shop.payments.pay_with(payment.id, &held.id, Attendance::Away).await.unwrap();
    assert_eq!((set_aside.state, set_aside.capturable()), (State::Authorized, 1999));
    let taken = shop.payments.capture(payment.id, wish(Some(1000))).await.unwrap();
    assert_eq!(taken.captured, 1000);
    books(&db).await;
    // No token anywhere but sealed.
    let everything = [ledger_text(&db).await, rows(&db).await].concat();
    for token in ["pm_1", "cus_"] {
        assert!(!everything.contains(token), "{token}");
    }
    assert_eq!(told(&db).await.iter().filter(|kind| **kind == "payment.method_kept").count(), 2);
});

both_engines!(the_bank_asks_the_buyer_on_the_payments_page, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    // A card whose bank asks each time.
    let held = kept_with(&shop, "4711", "C-1", Provider::Stripe, "4000002760003184").await;
    let payment = order(&shop, "4711", "C-2").await;
    let asked = shop.payments.pay_with(payment.id, &held.id, Attendance::Present).await.unwrap();
    assert_eq!(
        (asked.state, asked.captured, asked.is_unsure),
        (State::RequiresAction, 0, false),
        "{asked:?}"
    );
    let begun = shop.payments.begin(payment.id, Provider::Stripe, Strength::Usual).await.unwrap();
    shop.emulators.control.answer_challenge(&begun.address, Answered::Completed).unwrap();
    let paid = shop.payments.look(payment.id).await.unwrap();
    assert_eq!((paid.state, paid.captured), (State::Captured, 1999), "{paid:?}");
    // Nobody is there: declined, and the buyer may pay on the page by other means.
    let payment = order(&shop, "4711", "C-3").await;
    let away = shop.payments.pay_with(payment.id, &held.id, Attendance::Away).await;
    let now = shop.payments.find(payment.id).await.unwrap().unwrap();
    assert_eq!((now.state, now.captured, now.is_unsure), (State::Declined, 0, false), "{away:?} {now:?}");
    let page = shop.begin(&payment, Provider::Stripe).await;
    shop.pay(Provider::Stripe, &page).await;
    let paid = shop.payments.look(payment.id).await.unwrap();
    assert_eq!((paid.state, paid.captured), (State::Captured, 1999), "{paid:?}");
    assert_eq!(shop.effects("capture").len(), 3);
    books(&db).await;
});

// It was said to be paid on its page, of which there was none, for an hour: the shop could not try the customer's other means.
both_engines!(another_kept_one_pays_what_the_first_did_not, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let first = kept(&shop, "4711", "D-1", Provider::Stripe).await;
    let other = kept(&shop, "4711", "D-2", Provider::PayPal).await;
    let payment = order(&shop, "4711", "D-3").await;
    let declined = What::Decline("insufficient_funds".to_owned());
    shop.emulators.control.fault(Fault::once(At::Stripe, declined, "/confirm"));
    let after = shop.payments.pay_with(payment.id, &first.id, Attendance::Away).await.unwrap();
    assert_eq!((after.state, after.is_unsure), (State::Declined, false), "{after:?}");
    // It is judged before PayPal is asked, which answers later.
    let fault = Fault::once(At::Paypal, What::DropBefore, "/v2/checkout/orders");
    shop.emulators.control.fault(Fault { method: "POST".to_owned(), ..fault });
    let begun = shop.payments.pay_with(payment.id, &other.id, Attendance::Away).await;
    assert_eq!(begun.unwrap_err(), Error::Unsure);
    assert_eq!(judgements(&db, payment.id).await, 2, "each is judged");
    db.clock.advance(std::time::Duration::from_secs(120));
    shop.emulators.control.advance_s(120);
    shop.payments.round().await.unwrap();
    let paid = shop.payments.look(payment.id).await.unwrap();
    assert_eq!((paid.state, paid.captured), (State::Captured, 1999), "{paid:?}");
    assert_eq!(shop.effects("capture").len(), 3);
    // Not while the buyer may be on a page.
    let payment = order(&shop, "4711", "D-4").await;
    shop.begin(&payment, Provider::Stripe).await;
    let beside = shop.payments.pay_with(payment.id, &other.id, Attendance::Away).await;
    assert!(matches!(beside, Err(Error::State(_))), "{beside:?}");
    books(&db).await;
});

pub async fn judgements(db: &TestDb, id: storeward_base::PaymentId) -> i64 {
    let count = db.read(move |reader| {
        reader
            .query_one("SELECT COUNT(*) FROM payment_risk WHERE payment = $1", params![id], |row| row.get(0))
    });
    count.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"))
}

// Another customer's is none: it is not listed, used or taken away, and the answer does not tell that it exists.
both_engines!(what_is_kept_of_others_is_nobodys, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let held = kept(&shop, "4711", "O-1", Provider::Stripe).await;
    let before = shop.effects("capture").len();
    assert!(shop.payments.methods("4712").await.unwrap().is_empty());
    let payment = order(&shop, "4712", "O-2").await;
    let foreign = shop.payments.pay_with(payment.id, &held.id, Attendance::Present).await.unwrap_err();
    let unknown = shop.payments.pay_with(payment.id, "method_0", Attendance::Present).await.unwrap_err();
    assert_eq!((foreign, unknown), (Error::NoMethod, Error::NoMethod));
    // Nor for an order of nobody.
    let nobodys = NewPayment { customer: None, ..order_of("O-3", 1999, "EUR") };
    let nobodys = shop.payments.create(Actor::System, nobodys).await.unwrap();
    let refused = shop.payments.pay_with(nobodys.id, &held.id, Attendance::Present).await;
    assert_eq!(refused.unwrap_err(), Error::NoMethod);
    let refused = shop.payments.remove_method(Actor::Operator, "4712", &held.id).await;
    assert_eq!(refused.unwrap_err(), Error::NoMethod);
    assert_eq!(shop.payments.forget_customer(Actor::Operator, "4712").await.unwrap(), 0);
    assert_eq!(shop.payments.methods("4711").await.unwrap().len(), 1);
    // Whoever moves the row to another customer gets a token that pays for nobody else at the provider either, and a sealed one that
    // opens in its own place only.
    let other = kept(&shop, "4712", "O-4", Provider::Stripe).await;
    db.raw(&format!(
        "UPDATE payment_method SET token = (SELECT token FROM payment_method WHERE id = '{}') WHERE id = '{}'",
        held.id, other.id
    ));
    let payment = order(&shop, "4712", "O-7").await;
    let moved = shop.payments.pay_with(payment.id, &other.id, Attendance::Present).await;
    assert!(matches!(moved, Err(Error::Seal(_))), "{moved:?}");
    // Nor does the row's own token, once somebody writes another customer into it.
    db.raw(&format!(
        "UPDATE payment_method SET customer = (SELECT customer FROM payment_method WHERE id = '{}') WHERE id = '{}'",
        other.id, held.id
    ));
    let payment = order(&shop, "4712", "O-6").await;
    let moved = shop.payments.pay_with(payment.id, &held.id, Attendance::Present).await;
    assert!(matches!(moved, Err(Error::Seal(_))), "{moved:?}");
    assert_eq!(shop.effects("capture").len(), before + 1, "of the fourth order alone");
    let no_customer = NewPayment { customer: None, ..of("", "O-5") };
    let refused = shop.payments.create(Actor::System, no_customer).await.unwrap_err();
    assert!(matches!(refused, Error::Misfit { field: "save_method", .. }), "{refused:?}");
});

both_engines!(what_is_taken_away_is_gone_at_the_provider, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for (provider, at) in [(Provider::Stripe, At::Stripe), (Provider::PayPal, At::Paypal)] {
        let name = provider.word();
        let held = kept(&shop, name, &format!("{name}-1"), provider).await;
        // The provider does not answer: it cannot be used here from this moment, and goes there with the next round.
        shop.emulators.control.fault(Fault::once(
            at,
            What::DropBefore,
            if at == At::Stripe { "detach" } else { "payment-tokens" },
        ));
        shop.payments.remove_method(Actor::Operator, name, &held.id).await.unwrap();
        assert!(shop.payments.methods(name).await.unwrap().is_empty());
        let payment = order(&shop, name, &format!("{name}-2")).await;
        let refused = shop.payments.pay_with(payment.id, &held.id, Attendance::Present).await;
        assert_eq!(refused.unwrap_err(), Error::NoMethod);
        shop.payments.round().await.unwrap();
        assert_eq!(rows(&db).await, "", "{name}");
        let twice = shop.payments.remove_method(Actor::Operator, name, &held.id).await;
        assert_eq!(twice.unwrap_err(), Error::NoMethod);
    }
    // An erased customer's go together.
    kept(&shop, "erased", "E-1", Provider::Stripe).await;
    kept(&shop, "erased", "E-2", Provider::PayPal).await;
    assert_eq!(shop.payments.forget_customer(Actor::Operator, "erased").await.unwrap(), 2);
    assert_eq!(rows(&db).await, "");
    // So do those of one whom the vault erases, where the shop names them by the vault's own id.
    let (erased, other) = (CustomerId::from_bits(1), CustomerId::from_bits(2));
    kept(&shop, &erased.to_string(), "V-1", Provider::Stripe).await;
    kept(&shop, &other.to_string(), "V-2", Provider::Stripe).await;
    let written = db.write(move |tx| {
        let fact = storeward_events::vault::CustomerErased { customer: erased, fields: 1, epoch: 1 };
        tx.append(Actor::Operator, None, fact).map(drop)
    });
    written.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    assert_eq!(shop.payments.follow_erasures().await.unwrap(), 1);
    assert_eq!(shop.payments.follow_erasures().await.unwrap(), 0, "once");
    assert!(shop.payments.methods(&erased.to_string()).await.unwrap().is_empty());
    assert_eq!(shop.payments.methods(&other.to_string()).await.unwrap().len(), 1);
    let kinds = told(&db).await;
    assert_eq!(kinds.iter().filter(|kind| **kind == "payment.method_removed").count(), 5);
});

// However many wait for the provider to forget them: what is kept behind them is seen, and goes when its customer is forgotten.
both_engines!(what_is_going_hides_nothing_that_is_kept, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let held = kept(&shop, "4711", "A-1", Provider::Stripe).await;
    db.raw(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) \
         INSERT INTO payment_method (id, customer, provider, token, holder, mark, brand, last_four, expires, state, payment, created_at) \
         SELECT 'method_0' || n.i, customer, provider, token, holder, mark || n.i, brand, last_four, expires, 'removing', payment, \
         created_at - 1 FROM payment_method, n WHERE id = '{}'",
        held.id
    ));
    let seen = shop.payments.methods("4711").await.unwrap();
    assert_eq!(seen.iter().map(|one| &one.id).collect::<Vec<_>>(), [&held.id]);
    // Nor does it keep another one out.
    kept(&shop, "4711", "A-2", Provider::PayPal).await;
    assert_eq!(shop.payments.methods("4711").await.unwrap().len(), 2);
    assert_eq!(shop.payments.forget_customer(Actor::System, "4711").await.unwrap(), 2);
    assert!(shop.payments.methods("4711").await.unwrap().is_empty());
});

// A provider that is away was told nothing: nothing counts as taken away, the others have their turn, and then it goes.
both_engines!(what_the_provider_was_not_told_is_told_again, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for number in 0..10 {
        kept(&shop, &format!("away-{number}"), &format!("A-{number}"), Provider::Stripe).await;
    }
    let other = kept(&shop, "other", "O-1", Provider::PayPal).await;
    let away = |at| Fault { times: None, ..Fault::once(at, What::Unavailable, "/v") };
    for at in [At::Stripe, At::Paypal] {
        shop.emulators.control.fault(away(at));
    }
    for number in 0..10 {
        let customer = format!("away-{number}");
        let held = shop.payments.methods(&customer).await.unwrap().remove(0);
        shop.payments.remove_method(Actor::Operator, &customer, &held.id).await.unwrap();
    }
    shop.payments.remove_method(Actor::Operator, "other", &other.id).await.unwrap();
    shop.emulators.control.clear_faults();
    shop.emulators.control.fault(away(At::Stripe));
    let round = shop.payments.round().await.unwrap();
    assert_eq!((round.settled, round.failed, round.left), (1, 8, 2), "{round:?}");
    assert!(!rows(&db).await.is_empty());
    // Those that had no turn are the next.
    let round = shop.payments.round().await.unwrap();
    assert_eq!((round.settled, round.failed), (0, 2), "{round:?}");
    shop.emulators.control.clear_faults();
    let round = shop.payments.round().await.unwrap();
    assert_eq!((round.settled, round.failed), (10, 0), "{round:?}");
    assert_eq!(rows(&db).await, "");
});

// Nobody agreed: nothing is kept.
both_engines!(nothing_is_kept_without_the_buyers_word, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for provider in [Provider::Stripe, Provider::PayPal] {
        shop.paid(provider.word(), 1999, provider).await;
    }
    assert!(shop.payments.methods("4711").await.unwrap().is_empty());
    assert_eq!(rows(&db).await, "");
});

// The confirmation was not answered: nobody knows, and it is not paid twice.
both_engines!(a_kept_one_is_charged_once_whatever_fails, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let held = kept(&shop, "4711", "F-1", Provider::Stripe).await;
    for what in [What::DropAfter, What::ErrorAfter, What::DropBefore, What::ErrorBefore] {
        let before = shop.effects("capture").len();
        let payment = order(&shop, "4711", &format!("F-{what:?}")).await;
        let mut fault = Fault::once(At::Stripe, what, "/confirm");
        fault.method = "POST".to_owned();
        shop.emulators.control.fault(fault);
        let after = shop.payments.pay_with(payment.id, &held.id, Attendance::Present).await.unwrap();
        assert!(after.is_unsure || after.captured > 0, "{after:?}");
        for _ in 0..4 {
            db.clock.advance(std::time::Duration::from_secs(120));
            shop.emulators.control.advance_s(120);
            shop.payments.round().await.unwrap();
        }
        let settled = shop.payments.find(payment.id).await.unwrap().unwrap();
        assert!(!settled.is_unsure, "{settled:?}");
        assert!(shop.effects("capture").len() <= before + 1);
    }
    books(&db).await;
});

// The form in a frame: its secret is one payment's, whatever page it is put on, and the page is led back by asking the provider.
both_engines!(a_form_in_a_frame_is_of_one_payment, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let mut secrets = Vec::new();
    for name in ["F-1", "F-2"] {
        let payment = order(&shop, "4711", name).await;
        let terms = Terms { embedded: true, ..Terms::of(Provider::Stripe, Strength::Usual) };
        let begun = shop.payments.begin_on(payment.id, terms.clone()).await.unwrap();
        assert!(begun.address.starts_with("cs_test_") && begun.address.contains("_secret_"));
        // Loaded again it is the same one.
        assert_eq!(shop.payments.begin_on(payment.id, terms).await.unwrap().address, begun.address);
        secrets.push((payment.id, begun.address));
    }
    let (first, secret) = &secrets[0];
    let session = secret.split("_secret_").next().unwrap();
    shop.emulators.control.pay_session(session, crate::support::CARD).unwrap();
    let paid = shop.payments.look(*first).await.unwrap();
    assert_eq!((paid.state, paid.captured), (State::Captured, 1999));
    let other = shop.payments.look(secrets[1].0).await.unwrap();
    assert_eq!((other.state, other.captured), (State::Created, 0));
    assert_eq!(shop.effects("capture").len(), 1);
    // On the provider's own page after all: the form is closed first.
    let page = shop.begin(&other, Provider::Stripe).await;
    let closed = secrets[1].1.split("_secret_").next().unwrap();
    assert!(shop.emulators.control.pay_session(closed, crate::support::CARD).is_err());
    shop.pay(Provider::Stripe, &page).await;
    assert_eq!(shop.payments.look(other.id).await.unwrap().state, State::Captured);
    let ledger = ledger_text(&db).await;
    assert!(!ledger.contains("_secret_"));
    books(&db).await;
});

// Each page that is made is judged: who asks for it with and without keeping the card in turns has no attempt for nothing.
both_engines!(an_attempt_on_other_terms_is_judged_again, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = order(&shop, "4711", "T-1").await;
    let id = payment.id;
    for turn in 1..=6 {
        let terms = Terms { saves: turn % 2 == 0, ..Terms::of(Provider::Stripe, Strength::Usual) };
        shop.payments.begin_as(id, terms, &Front::default()).await.unwrap();
        assert_eq!(judgements(&db, id).await, turn);
    }
    // The page that is there already is no further one.
    let same = Terms { saves: true, ..Terms::of(Provider::Stripe, Strength::Usual) };
    shop.payments.begin_as(id, same, &Front::default()).await.unwrap();
    assert_eq!(judgements(&db, id).await, 6);
});

// They had any customer's means of payment deleted, here and at the provider; and whoever was erased afterwards kept theirs for ever.
both_engines!(an_erasure_that_nobody_signed_takes_nothing_away, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (forged, erased) = (CustomerId::from_bits(1), CustomerId::from_bits(2));
    kept(&shop, &forged.to_string(), "V-1", Provider::Stripe).await;
    kept(&shop, &erased.to_string(), "V-2", Provider::Stripe).await;
    let body = |number: u64| {
        let text = format!(
            "{{\"v\":1,\"id\":\"evt_{number:026}\",\"at\":1795743783838362,\"actor\":{{\"type\":\"operator\"}},\
             \"kind\":\"vault.customer_erased\",\"data\":{{\"customer\":\"{forged}\",\"fields\":1,\"epoch\":1}}}}"
        );
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        match db.engine() {
            Engine::Sqlite => format!("X'{hex}'"),
            Engine::Postgres => format!("'\\x{hex}'::bytea"),
        }
    };
    // One row behind the head, and one whose words were made others.
    db.drop_guards();
    let (behind, changed) = (body(1), body(2));
    db.raw(&format!(
        "INSERT INTO ledger_entry (seq, id, at, kind, severity, actor, request, body, tree) SELECT 1000000000, \
         'evt_{:026}', at, kind, severity, actor, request, {behind}, tree FROM ledger_entry WHERE seq = 1",
        1
    ));
    db.raw(&format!("UPDATE ledger_entry SET body = {changed} WHERE seq = 2"));
    assert_eq!(shop.payments.follow_erasures().await.unwrap(), 0);
    assert_eq!(shop.payments.methods(&forged.to_string()).await.unwrap().len(), 1);
    let written = db.write(move |tx| {
        let fact = storeward_events::vault::CustomerErased { customer: erased, fields: 1, epoch: 1 };
        tx.append(Actor::Operator, None, fact).map(drop)
    });
    written.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    for count in [1, 0] {
        assert_eq!(shop.payments.follow_erasures().await.unwrap(), count);
    }
    assert!(shop.payments.methods(&erased.to_string()).await.unwrap().is_empty());
    assert_eq!(shop.payments.methods(&forged.to_string()).await.unwrap().len(), 1);
    // The one with other words is told, and once; what stands behind the head is for the program's own follower to tell.
    assert_eq!(ledger_text(&db).await.matches("system.row_harmed").count(), 1);
});

// PayPal's order goes on saying that it keeps the buyer's account; at Stripe the same look finds nothing any more.
both_engines!(what_was_taken_away_does_not_come_back_with_the_next_look, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for provider in [Provider::PayPal, Provider::Stripe] {
        let held = kept(&shop, "4711", &format!("{}-back", provider.word()), provider).await;
        shop.payments.remove_method(Actor::System, "4711", &held.id).await.unwrap();
        let payment = payment_of(&shop, &format!("{}-back", provider.word())).await;
        for _ in 0..3 {
            shop.payments.look(payment).await.unwrap();
        }
        shop.payments.refund(payment, wish(Some(100))).await.unwrap();
        shop.payments.look(payment).await.unwrap();
        assert_eq!(shop.payments.methods("4711").await.unwrap(), [], "{provider:?}");
    }
    let kept = told(&db).await.iter().filter(|kind| **kind == "payment.method_kept").count();
    assert_eq!(kept, 2, "each was kept once");
});

both_engines!(nothing_is_kept_of_a_customer_who_was_erased_while_they_paid, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for provider in [Provider::PayPal, Provider::Stripe] {
        let name = provider.word();
        // One was kept before, one is being paid while they are erased, and one is begun after it.
        kept(&shop, "4712", &format!("{name}-e1"), provider).await;
        let paying = shop.payments.create(Actor::System, of("4712", &format!("{name}-e2"))).await.unwrap();
        let late = shop.payments.create(Actor::System, of("4712", &format!("{name}-e3"))).await.unwrap();
        let terms = Terms { saves: true, ..Terms::of(provider, Strength::Usual) };
        let begun = shop.payments.begin_on(paying.id, terms.clone()).await.unwrap();
        shop.payments.forget_customer(Actor::System, "4712").await.unwrap();
        shop.pay(provider, &reference(provider, &begun.address)).await;
        let begun = shop.payments.begin_on(late.id, terms).await.unwrap();
        shop.pay(provider, &reference(provider, &begun.address)).await;
        for id in [paying.id, late.id, payment_of(&shop, &format!("{name}-e1")).await] {
            for _ in 0..3 {
                shop.payments.look(id).await.unwrap();
            }
            assert_eq!(shop.payments.find(id).await.unwrap().unwrap().state, State::Captured, "{name}");
        }
        assert_eq!(shop.payments.methods("4712").await.unwrap(), [], "{name}");
    }
    books(&db).await;
});

/// A version of before had read the ledger up to here, and forgot less.
async fn was_read_before(db: &TestDb) {
    let all = db.read(|reader| storeward_store::ledger::read_after(reader, 0, 1000)).await;
    let all = all.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    let last = all.last().map_or(0, |(seq, _)| *seq);
    db.subscribe("payments.erasures").acknowledge(last).await.unwrap();
}

// Of a version that left `saves` at the payment, and an erased customer's payments theirs: they came back with the next look.
both_engines!(what_went_before_an_update_does_not_come_back_after_it, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let erased = CustomerId::from_bits(3);
    let mut payments = Vec::new();
    for (customer, order) in [("4713".to_owned(), "U-1"), (erased.to_string(), "U-2")] {
        let held = kept(&shop, &customer, order, Provider::PayPal).await;
        payments.push((payment_of(&shop, order).await, held, customer));
    }
    shop.payments.remove_method(Actor::System, "4713", &payments[0].1.id).await.unwrap();
    let written = db.write(move |tx| {
        let fact = storeward_events::vault::CustomerErased { customer: erased, fields: 1, epoch: 1 };
        tx.append(Actor::Operator, None, fact).map(drop)
    });
    written.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    was_read_before(&db).await;
    for (payment, ..) in &payments {
        db.raw(&format!("DELETE FROM payment_method WHERE payment = '{payment}'"));
        db.raw(&format!("UPDATE payment_attempt SET saves = 1 WHERE payment = '{payment}'"));
        shop.seal_anew(&db, *payment);
    }
    shop.payments.follow_erasures().await.unwrap();
    for (payment, _, customer) in &payments {
        shop.payments.refund(*payment, wish(Some(100))).await.unwrap();
        shop.payments.look(*payment).await.unwrap();
        assert_eq!(shop.payments.methods(customer).await.unwrap(), [], "{customer}");
    }
    let kept = told(&db).await.iter().filter(|kind| **kind == "payment.method_kept").count();
    assert_eq!(kept, 2, "each was kept once");
    assert_eq!(shop.payments.follow_erasures().await.unwrap(), 0, "once");
});

// An app that may not delete tokens: nothing else of the payment waits for it, it is told, and asked for again.
both_engines!(a_refusal_to_forget_holds_nothing_else_up, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paying = shop.payments.create(Actor::System, of("4714", "N-1")).await.unwrap();
    let terms = Terms { saves: true, ..Terms::of(Provider::PayPal, Strength::Usual) };
    let begun = shop.payments.begin_on(paying.id, terms).await.unwrap();
    shop.payments.forget_customer(Actor::System, "4714").await.unwrap();
    shop.pay(Provider::PayPal, &reference(Provider::PayPal, &begun.address)).await;
    let mut fault = Fault::once(At::Paypal, What::Forbidden, "payment-tokens/");
    (fault.method, fault.times) = ("DELETE".to_owned(), None);
    shop.emulators.control.fault(fault);
    for _ in 0..4 {
        shop.payments.look(paying.id).await.unwrap();
    }
    assert_eq!(shop.payments.find(paying.id).await.unwrap().unwrap().state, State::Captured);
    let refused = || async { told(&db).await.iter().filter(|kind| **kind == "payment.refused").count() };
    assert_eq!(refused().await, 1, "once");
    shop.emulators.control.clear_faults();
    shop.payments.look(paying.id).await.unwrap();
    let saves = db.read(|reader| {
        reader
            .query_one("SELECT CAST(SUM(saves) AS BIGINT) FROM payment_attempt", &[], |row| row.get::<i64>(0))
    });
    assert_eq!(
        saves.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}")),
        0,
        "it is forgotten"
    );
});

// Somebody wrote a state that there is none of: it is theirs all the same, here and at the provider.
both_engines!(an_erasure_takes_a_method_in_whatever_state, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for provider in [Provider::Stripe, Provider::PayPal] {
        kept(&shop, "4711", provider.word(), provider).await;
    }
    db.raw("UPDATE payment_method SET state = 'asleep'");
    assert_eq!(shop.payments.forget_customer(Actor::System, "4711").await.unwrap(), 2);
    assert_eq!(rows(&db).await, "");
    let tokens = told(&db).await.iter().filter(|kind| **kind == "payment.method_removed").count();
    assert_eq!(tokens, 2);
});
