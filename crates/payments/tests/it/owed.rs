//! What was decided is carried out whatever fails, and leaves nothing that anybody could take.

use std::time::Duration;

use storeward_base::{Actor, PaymentId, StaffId};
use storeward_payments::{
    CaptureMode, Error, MIGRATIONS, NewPayment, Payment, Payments, Provider, State, Verdict,
};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;

use crate::support::{Shop, books, order_of, parts, section_text, wish};

const STAFF: Actor = Actor::Staff { id: StaffId::from_bits(7) };

/// Set aside, and the shop takes it in parts.
async fn set_aside(shop: &Shop, order: &str, provider: Provider) -> Payment {
    let wanted = NewPayment { capture: Some(CaptureMode::Later), ..order_of(order, 2000, "EUR") };
    let payment = shop.payments.create(Actor::System, wanted).await.unwrap();
    let page = shop.begin(&payment, provider).await;
    shop.pay(provider, &page).await;
    let aside = shop.payments.look(payment.id).await.unwrap();
    assert_eq!(aside.state, State::Authorized);
    aside
}

/// Somebody has to look at it, for what was told later.
fn raise(shop: &Shop, db: &TestDb, id: PaymentId) {
    let at = storeward_base::Clock::now(&*db.clock);
    let (opened, due) = (at.micros(), at.plus(Duration::from_secs(3600)).micros());
    db.raw(&format!(
        "INSERT INTO payment_review (payment, state, takes, is_owed, opened_at, due_at) VALUES ('{id}', 'open', 0, 0, {opened}, {due})"
    ));
    shop.seal_anew(db, id);
}

async fn is_owed(shop: &Shop, id: PaymentId) -> bool {
    shop.payments.review_of(id).await.unwrap().unwrap().is_owed
}

// Of what is declined after parts were taken all goes back, and the rest is set free: nobody takes more of it, a program neither.
both_engines!(what_is_declined_in_the_middle_leaves_nothing_to_take, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = set_aside(&shop, "P-1", Provider::PayPal).await;
    for part in [700, 500] {
        shop.payments.capture(payment.id, wish(Some(part))).await.unwrap();
    }
    let taken = shop.payments.find(payment.id).await.unwrap().unwrap();
    assert_eq!((taken.state, taken.captured, taken.capturable()), (State::PartiallyCaptured, 1200, 800));
    raise(&shop, &db, payment.id);
    assert_eq!(shop.payments.capture(payment.id, wish(Some(1))).await.unwrap_err(), Error::UnderReview);
    let after = shop.payments.decide(payment.id, Verdict::Decline, STAFF).await.unwrap();
    assert_eq!((after.state, after.refunded, after.capturable()), (State::Refunded, 1200, 0), "{after:?}");
    assert!(!is_owed(&shop, payment.id).await);
    assert!(shop.payments.capture(payment.id, wish(Some(1))).await.is_err());
    // Nor is there anything at the provider.
    assert_eq!(shop.effects("void").iter().map(|one| one.amount).collect::<Vec<_>>(), [800]);
    let back: Vec<_> = shop.effects("refund").iter().map(|one| one.amount).collect();
    assert_eq!((back.len(), back.iter().sum::<i64>()), (2, 1200));
    shop.payments.round().await.unwrap();
    assert_eq!(shop.effects("refund").len(), 2, "once");
    books(&db).await;
});

// What the provider refuses of one capture, since somebody gave it back by hand, keeps no other from going back; nor what is left of it.
both_engines!(a_capture_that_was_given_back_by_hand_keeps_none_from_going_back, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for (turn, by_hand) in [Some(300), None].into_iter().enumerate() {
        for capture in [0, 1] {
            let order = format!("H-{turn}-{capture}");
            let payment = set_aside(&shop, &order, Provider::PayPal).await;
            for part in [700, 500] {
                shop.payments.capture(payment.id, wish(Some(part))).await.unwrap();
                db.clock.advance(Duration::from_secs(1));
            }
            let before: i64 = shop.effects("refund").iter().map(|one| one.amount).sum();
            let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
            shop.emulators.control.refund_capture(&whole.captures[capture].reference, by_hand).unwrap();
            raise(&shop, &db, payment.id);
            let after = shop.payments.decide(payment.id, Verdict::Decline, STAFF).await.unwrap();
            assert_eq!(
                (after.state, after.refunded, after.refundable()),
                (State::Refunded, 1200, 0),
                "{order}"
            );
            assert!(!is_owed(&shop, payment.id).await);
            let back: i64 = shop.effects("refund").iter().map(|one| one.amount).sum();
            assert_eq!(back - before, 1200, "{order}: {:?}", shop.effects("refund"));
        }
    }
    shop.payments.round().await.unwrap();
    let back: i64 = shop.effects("refund").iter().map(|one| one.amount).sum();
    assert_eq!(back, 4 * 1200, "once");
    books(&db).await;
});

// Nobody knows what became of one capture's call, or the program ends there: the decision stays owed, and each goes back once.
both_engines!(a_decline_that_is_cut_off_between_two_captures_is_carried_out_once, MIGRATIONS, async |db| {
    use storeward_emulators::{Fault, Provider as At, What};
    let shop = Shop::new(&db).await;
    for (order, what) in [("Z-1", What::DropAfter), ("Z-2", What::Unavailable)] {
        let payment = set_aside(&shop, order, Provider::PayPal).await;
        for part in [700, 500] {
            shop.payments.capture(payment.id, wish(Some(part))).await.unwrap();
            db.clock.advance(Duration::from_secs(1));
        }
        let before = shop.effects("refund").len();
        let first = shop.payments.whole(payment.id).await.unwrap().unwrap().captures[0].reference.clone();
        shop.emulators.control.fault(Fault::once(At::Paypal, what, &format!("/captures/{first}/refund")));
        raise(&shop, &db, payment.id);
        let unsure = shop.payments.decide(payment.id, Verdict::Decline, STAFF).await.unwrap();
        assert!(unsure.is_unsure && is_owed(&shop, payment.id).await, "{order}: {unsure:?}");
        assert!(shop.effects("refund").len() <= before + 1, "{order}: the other one waits");
        for _ in 0..4 {
            db.clock.advance(Duration::from_secs(3700));
            shop.emulators.control.advance_s(3700);
            shop.payments.round().await.unwrap();
        }
        let mut back: Vec<_> = shop.effects("refund").iter().skip(before).map(|one| one.amount).collect();
        back.sort_unstable();
        assert_eq!(back, [500, 700], "{order}");
        let after = shop.payments.find(payment.id).await.unwrap().unwrap();
        assert_eq!((after.state, after.refunded, after.is_unsure), (State::Refunded, 1200, false), "{order}");
        assert!(!is_owed(&shop, payment.id).await);
    }
    books(&db).await;
});

// One that the provider cannot give back stays owed, is asked for no more often than something changes, and the others are back.
both_engines!(a_capture_that_cannot_go_back_keeps_none_from_going_back, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = set_aside(&shop, "D-1", Provider::PayPal).await;
    for part in [700, 500] {
        shop.payments.capture(payment.id, wish(Some(part))).await.unwrap();
        db.clock.advance(Duration::from_secs(1));
    }
    let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
    let at = storeward_emulators::Provider::Paypal;
    shop.emulators.control.open_dispute(at, &whole.captures[0].reference, "UNAUTHORISED", None).unwrap();
    raise(&shop, &db, payment.id);
    shop.payments.decide(payment.id, Verdict::Decline, STAFF).await.unwrap();
    for _ in 0..3 {
        db.clock.advance(Duration::from_secs(3700));
        shop.emulators.control.advance_s(3700);
        shop.payments.round().await.unwrap();
    }
    let back: Vec<_> = shop.effects("refund").iter().map(|one| one.amount).collect();
    let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
    assert_eq!((back, whole.payment.refunded, whole.payment.refundable()), (vec![500], 500, 700));
    assert!(is_owed(&shop, payment.id).await);
    let refused = whole.calls.iter().filter(|call| call.state == storeward_payments::CallState::Refused);
    assert!(refused.count() <= 2, "{:?}", whole.calls);
    books(&db).await;
});

// What nobody decides in time is set free as far as it was not taken; what was taken stays.
both_engines!(what_nobody_decides_of_a_part_is_set_free, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let payment = set_aside(&shop, "P-2", Provider::PayPal).await;
    shop.payments.capture(payment.id, wish(Some(700))).await.unwrap();
    raise(&shop, &db, payment.id);
    db.clock.advance(Duration::from_secs(3601));
    shop.payments.round().await.unwrap();
    let after = shop.payments.find(payment.id).await.unwrap().unwrap();
    assert_eq!((after.state, after.captured, after.refunded), (State::Captured, 700, 0), "{after:?}");
    assert_eq!((after.capturable(), is_owed(&shop, payment.id).await), (0, false));
    assert!(shop.payments.capture(payment.id, wish(Some(1))).await.is_err());
    // The shop may set the rest free itself, once.
    let other = set_aside(&shop, "P-3", Provider::PayPal).await;
    shop.payments.capture(other.id, wish(Some(700))).await.unwrap();
    let freed = shop.payments.void(other.id, wish(None)).await.unwrap();
    assert_eq!((freed.state, freed.captured, freed.capturable()), (State::Captured, 700, 0));
    assert_eq!(shop.payments.void(other.id, wish(None)).await.unwrap_err(), Error::State("captured"));
});

/// The same shop, whose way to the providers is cut.
fn cut_off(db: &TestDb, shop: &Shop) -> Payments {
    let text = section_text(&shop.emulators, shop.folder.path(), &shop.webhook_id, "", "");
    let text = text.replace(&shop.emulators.stripe.address, "http://127.0.0.1:9");
    let text = text.replace(&shop.emulators.paypal.address, "http://127.0.0.1:9");
    let section: storeward_payments::PaymentsSection = toml::from_str(&text).unwrap();
    Payments::open(parts(db, section.settings(shop.folder.path()).unwrap()))
}

// The call did not even go out, again and again: it is made anew, ever later, and done once.
both_engines!(a_decision_that_never_went_out_is_carried_out_later, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for provider in [Provider::Stripe, Provider::PayPal] {
        let payment = set_aside(&shop, provider.word(), provider).await;
        raise(&shop, &db, payment.id);
        let cut = cut_off(&db, &shop);
        cut.decide(payment.id, Verdict::Decline, STAFF).await.unwrap();
        for _ in 0..30 {
            db.clock.advance(Duration::from_secs(60));
            shop.emulators.control.advance_s(60);
            cut.round().await.unwrap();
        }
        let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
        assert!(is_owed(&shop, payment.id).await && whole.calls.len() < 12, "{:?}", whole.calls);
        // Until it is done nobody takes it.
        assert_eq!(shop.payments.capture(payment.id, wish(None)).await.unwrap_err(), Error::UnderReview);
        db.clock.advance(Duration::from_secs(3700));
        shop.emulators.control.advance_s(3700);
        for _ in 0..2 {
            shop.payments.round().await.unwrap();
        }
        let after = shop.payments.find(payment.id).await.unwrap().unwrap();
        assert_eq!((after.state, is_owed(&shop, payment.id).await), (State::Voided, false), "{after:?}");
    }
    assert_eq!(shop.effects("void").len(), 2);
});

// Nobody answered whether it was done: it stays owed until that is known.
both_engines!(a_decision_of_which_nobody_knows_stays_owed, MIGRATIONS, async |db| {
    use storeward_emulators::{Fault, Provider as At, What};
    let shop = Shop::new(&db).await;
    let payment = set_aside(&shop, "U-1", Provider::Stripe).await;
    raise(&shop, &db, payment.id);
    shop.emulators
        .control
        .fault(Fault { times: None, ..Fault::once(At::Stripe, What::Unavailable, "/cancel") });
    let after = shop.payments.decide(payment.id, Verdict::Decline, STAFF).await.unwrap();
    assert!(after.is_unsure && is_owed(&shop, payment.id).await, "{after:?}");
    // So long that the provider may have forgotten the call: nothing was done, and it is begun anew.
    for _ in 0..30 {
        db.clock.advance(Duration::from_secs(3700));
        shop.emulators.control.advance_s(3700);
        shop.payments.round().await.unwrap();
    }
    assert!(is_owed(&shop, payment.id).await && shop.effects("void").is_empty());
    shop.emulators.control.clear_faults();
    for _ in 0..3 {
        db.clock.advance(Duration::from_secs(3700));
        shop.emulators.control.advance_s(3700);
        shop.payments.round().await.unwrap();
    }
    let after = shop.payments.find(payment.id).await.unwrap().unwrap();
    assert_eq!((after.state, is_owed(&shop, payment.id).await), (State::Voided, false), "{after:?}");
    assert_eq!(shop.effects("void").len(), 1);
});
