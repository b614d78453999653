//! What goes out of the evidence and what does not, what the same buyer paid before, and what is left of a payment beside its disputes.

use std::time::Duration;

use storeward_base::{Actor, ClientIp, Clock};
use storeward_emulators::{Fault, Provider as At, Verdict, What};
use storeward_payments::desk::{Dispute, FactKind, Reply};
use storeward_payments::{Error, Front, MIGRATIONS, NewPayment, Payment, Provider, State};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;

use crate::disputes::{at_the_provider, disputed, hear, later};
use crate::judge::{begin, create, pay};
use crate::support::{CARD, Shop, order_of, wish};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Notes of a dispute, each with a word at its end.
async fn noted(shop: &Shop, db: &TestDb, dispute: &Dispute, count: usize, signs: usize) {
    for number in 0..count {
        // They stand in the order in which they were added.
        db.clock.advance(Duration::from_millis(1));
        let text = format!("{} END{number}.", "x".repeat(signs));
        shop.payments.add_fact(Actor::Operator, &dispute.id(), FactKind::Communication, &text).await.unwrap();
    }
}

// A provider takes so much and no more: what it does not take is said before anything is sent.
both_engines!(what_does_not_go_out_is_said, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for (provider, field, count) in
        [(Provider::Stripe, "uncategorized_text", 8), (Provider::PayPal, "notes", 12)]
    {
        let (dispute, _) = disputed(&shop, &db, provider.word(), provider).await;
        noted(&shop, &db, &dispute, 2, 100).await;
        assert_eq!(shop.payments.pack(&dispute.id()).await.unwrap().left_out(), [], "all of it goes");
        noted(&shop, &db, &dispute, count, 4_200).await;
        for number in 0..11 {
            db.clock.advance(Duration::from_millis(1));
            let number = format!("parcel-{number}");
            let kind = FactKind::TrackingNumber;
            shop.payments.add_fact(Actor::Operator, &dispute.id(), kind, &number).await.unwrap();
        }
        let pack = shop.payments.pack(&dispute.id()).await.unwrap();
        let left = pack.left_out();
        let rest = &left.iter().find(|(name, _)| name == field).unwrap().1;
        assert!(rest.contains(&format!("END{}.", count - 1)) && pack.text().ends_with(rest.as_str()));
        let parcel = ("tracking_number".to_owned(), "parcel-10".to_owned());
        assert_eq!(left.contains(&parcel), provider == Provider::PayPal);
        let json = pack.json();
        assert_eq!(json["left_out"].as_array().unwrap().len(), left.len());
        let signs: usize = pack.goes_out().iter().map(|(_, text)| text.chars().count()).sum();
        assert!(signs <= 150_000, "{signs}");
        let goes = pack.goes_out().into_iter().filter(|(name, _)| name == field || name == "OTHER");
        let goes: String = goes.map(|(_, text)| text).collect();
        assert_eq!(format!("{goes}{rest}"), pack.text(), "every sign goes out or is said not to");
        shop.payments.send_evidence(Actor::Operator, &dispute.id(), &pack.digest()).await.unwrap();
        let there = at_the_provider(&shop, &dispute).to_string();
        assert!(there.contains("END0.") && !there.contains(&format!("END{}.", count - 1)));
    }
});

// Of what a dispute took nothing can be given back a second time.
both_engines!(what_a_dispute_took_is_not_given_back_again, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for (provider, at, reason) in
        [(Provider::Stripe, At::Stripe, "fraudulent"), (Provider::PayPal, At::Paypal, "UNAUTHORISED")]
    {
        let mut left = Vec::new();
        for verdict in [Verdict::Lost, Verdict::Won] {
            let paid = shop.paid(&format!("{}-{verdict:?}", provider.word()), 3000, provider).await;
            let whole = shop.payments.whole(paid.id).await.unwrap().unwrap();
            let charge = &whole.captures[0].reference;
            let id = shop.emulators.control.open_dispute(at, charge, reason, Some(1000)).unwrap();
            hear(&shop, &db).await;
            assert_eq!(shop.payments.find(paid.id).await.unwrap().unwrap().refundable(), 2000, "held back");
            shop.emulators.control.close_dispute(&id, verdict);
            hear(&shop, &db).await;
            let after = shop.payments.find(paid.id).await.unwrap().unwrap();
            left.push((after.id, after.refundable()));
        }
        let [(lost, of_lost), (_, of_won)] = left[..] else { panic!("{left:?}") };
        assert_eq!((of_lost, of_won), (2000, 3000), "{provider:?}");
        let more = shop.payments.refund(lost, wish(Some(2500))).await;
        assert_eq!(more.unwrap_err(), Error::TooMuch { left: 2000 });
        // Stripe gives nothing back of a charge that was disputed.
        if provider == Provider::PayPal {
            let after = shop.payments.refund(lost, wish(None)).await.unwrap();
            assert_eq!(
                (after.refunded, after.refundable(), after.state),
                (2000, 0, State::PartiallyRefunded)
            );
        }
    }
});

// The provider's refusal of an answer is slow to come, and a person has answered anew meanwhile: that answer stands.
both_engines!(an_answer_that_was_not_taken_undoes_no_later_one, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (dispute, _) = disputed(&shop, &db, "A-1", Provider::PayPal).await;
    later(&shop, &db, dispute.due_at.unwrap().since(db.clock.now()) + Duration::from_secs(5));
    // With our own clock behind: PayPal refuses.
    let due = db.clock.now().plus(DAY).micros();
    db.raw(&format!("UPDATE payment_dispute SET due_at = {due} WHERE reference = '{}'", dispute.reference));
    let mut fault = Fault::once(At::Paypal, What::Slow, "provide-evidence");
    // The first one may meet a token that is over by now.
    (fault.hold, fault.times) = (Duration::from_secs(4), Some(2));
    shop.emulators.control.fault(fault);
    let (payments, id) = (shop.payments.clone(), dispute.id());
    let digest = payments.pack(&id).await.unwrap().digest();
    let sent = tokio::spawn(async move { payments.send_evidence(Actor::Operator, &id, &digest).await });
    while shop.payments.dispute(&dispute.id()).await.unwrap().answer != Reply::Sending {
        assert!(!sent.is_finished(), "{:?}", sent.await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    db.raw("UPDATE payment_dispute SET answered_at = answered_at + 1");
    assert!(matches!(sent.await.unwrap(), Err(Error::Refused { .. })));
    assert_eq!(shop.payments.dispute(&dispute.id()).await.unwrap().answer, Reply::Sending);
});

fn front(last: u8, device: &str) -> Front {
    Front {
        client: Some(ClientIp::new(std::net::Ipv4Addr::new(192, 0, 2, last).into())),
        device: Some(device.to_owned()),
        ..Front::default()
    }
}

async fn paid_from(shop: &Shop, order: &str, front: &Front) -> Payment {
    let payment = create(shop, order_of(order, 1999, "EUR")).await;
    let begun = begin(shop, &payment, front).await.unwrap();
    pay(shop, &begun, CARD).await.unwrap();
    shop.payments.look(payment.id).await.unwrap()
}

async fn dispute_of(shop: &Shop, db: &TestDb, payment: &Payment) -> Dispute {
    let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
    let charge = &whole.captures[0].reference;
    let id = shop.emulators.control.open_dispute(At::Stripe, charge, "fraudulent", None).unwrap();
    hear(shop, db).await;
    shop.payments.dispute(&format!("stripe.{id}")).await.unwrap()
}

// Whoever disputes what they bought themselves: two payments of the same account, card and device, 120 to 365 days old, that nobody
// disputed.
both_engines!(what_the_buyer_paid_before_is_evidence, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (home, other) = (front(7, "home"), front(99, "elsewhere"));
    paid_from(&shop, "too-old", &home).await;
    later(&shop, &db, DAY * 200);
    for (order, from) in [("one", &home), ("stranger", &other), ("two", &front(8, "home"))] {
        paid_from(&shop, order, from).await;
        later(&shop, &db, DAY);
    }
    let bad = paid_from(&shop, "disputed", &home).await;
    dispute_of(&shop, &db, &bad).await;
    later(&shop, &db, DAY * 190);
    paid_from(&shop, "too-new", &home).await;
    later(&shop, &db, DAY);
    let last = paid_from(&shop, "last", &home).await;
    let dispute = dispute_of(&shop, &db, &last).await;
    let pack = shop.payments.pack(&dispute.id()).await.unwrap();
    let found: Vec<_> = pack.earlier.iter().map(|one| (one.order.as_str(), one.same.join(" "))).collect();
    let both = [
        ("two", "account device card".to_owned()),
        ("one", "account device network address card".to_owned()),
    ];
    assert_eq!(found, both);
    assert!(pack.is_compelling());
    let text = pack.text();
    assert!(
        text.contains("nobody disputed (Visa Compelling Evidence 3.0):") && text.contains("Order one"),
        "{text}"
    );
    let json = pack.json();
    assert_eq!(
        (json["earlier"][1]["order"].as_str(), &json["compelling_evidence_3"]),
        (Some("one"), &true.into())
    );
    assert!(!json.to_string().contains("192.0.2"), "marks are compared, and no address is kept");
    // A payment that somebody changed is evidence of nothing.
    db.raw(&format!("UPDATE payment SET amount = amount + 1 WHERE id = '{}'", pack.earlier[0].payment));
    let pack = shop.payments.pack(&dispute.id()).await.unwrap();
    assert_eq!((pack.earlier.len(), pack.is_compelling()), (1, false));
    assert!(!pack.text().contains("Visa Compelling"));
    // Nothing is told of a customer who was erased.
    shop.payments.forget_customer(Actor::System, "4711").await.unwrap();
    assert!(shop.payments.pack(&dispute.id()).await.unwrap().earlier.is_empty());
});

// Who bought without an account had no earlier payments, though it was the same card from the same place each time.
both_engines!(what_a_guest_paid_before_is_evidence, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let paid = async |order: &str, email: &str, front: &Front, card: &str| {
        let order =
            NewPayment { customer: None, email: Some(email.to_owned()), ..order_of(order, 1999, "EUR") };
        let payment = create(&shop, order).await;
        let begun = begin(&shop, &payment, front).await.unwrap();
        pay(&shop, &begun, card).await.unwrap();
        shop.payments.look(payment.id).await.unwrap()
    };
    let (home, other) = (front(7, "home"), front(99, "elsewhere"));
    let (ada, eve) = ("ada@shop.example", "eve@shop.example");
    for (order, email, from, card) in [
        ("one", ada, &home, CARD),
        // The same address and card from elsewhere, and the same place with neither: no two of them.
        ("elsewhere", ada, &other, CARD),
        ("neighbour", eve, &front(7, "another"), "5555555555554444"),
        ("flatmate", eve, &front(7, "another"), CARD),
        // Two of them without the e-mail address; and another card.
        ("two", eve, &home, CARD),
        ("three", ada, &front(7, "third"), "5555555555554444"),
    ] {
        paid(order, email, from, card).await;
        later(&shop, &db, DAY);
    }
    later(&shop, &db, DAY * 150);
    let last = paid("last", ada, &home, CARD).await;
    let dispute = dispute_of(&shop, &db, &last).await;
    let pack = shop.payments.pack(&dispute.id()).await.unwrap();
    let found: Vec<_> = pack.earlier.iter().map(|one| (one.order.as_str(), one.same.join(", "))).collect();
    let expected = [
        ("three", "e-mail address, network address".to_owned()),
        ("two", "device, network address, card".to_owned()),
        ("one", "e-mail address, device, network address, card".to_owned()),
    ];
    assert_eq!(found, expected);
    assert!(pack.is_compelling(), "two of them with the same card");
});
