//! What came of 3-D Secure, as the providers tell it: with what was judged, and what follows from it.

use storeward_emulators::{Answered, Proof, Source};
use storeward_fraud::{Answer, Known, Outcome, RuleId, Secure};
use storeward_payments::{MIGRATIONS, Provider, State, Strength, Terms};
use storeward_store::both_engines;

use crate::judge::{begin, create, far, guest, let_act, past, pay};
use crate::support::{Shop, reference};

// What the bank found is read from the provider, stands with what was judged, and no address of the way back says it.
both_engines!(what_came_of_three_d_secure_is_known, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let cases = [
        ("4242424242424242", None, Secure::Unknown, Known::Unknown),
        ("4000002760003184", Some(Answered::Completed), Secure::Authenticated, Known::Yes),
        ("4000002760003184", Some(Answered::Acknowledged), Secure::Attempted, Known::Yes),
    ];
    for (number, (card, answered, secure, shifted)) in cases.into_iter().enumerate() {
        let payment = create(&shop, guest(&format!("S-{number}"))).await;
        let begun = begin(&shop, &payment, &far(7)).await.unwrap();
        let bank = pay(&shop, &begun, card).await.unwrap();
        if let Some(answered) = answered {
            shop.emulators.control.answer_challenge(&bank, answered).unwrap();
        }
        shop.payments.look(payment.id).await.unwrap();
        let judged = shop.payments.whole(payment.id).await.unwrap().unwrap().judgements;
        let signals = judged[0].facts.unwrap().signals;
        assert_eq!((signals.secure, signals.liability_shifted), (secure, shifted), "{number}");
        assert_eq!(judged[0].outcome, Some(Outcome::Approved));
    }
});

// A card that the buyer types at PayPal: the order that is read from PayPal says what the bank found, and the rule goes by it. Nothing that
// comes along in the buyer's address does.
both_engines!(what_a_card_at_paypal_proved_is_read_from_the_order, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    past(&db, &shop).await;
    let_act(&shop, RuleId::SecureFailed, &[]).await;
    let cases = [
        (Source::Card(Proof::Proved), Secure::Authenticated, Known::Yes, Answer::Allow),
        (Source::Card(Proof::Attempted), Secure::Attempted, Known::Yes, Answer::Allow),
        (Source::Card(Proof::NotProved), Secure::Failed, Known::No, Answer::Review),
        (Source::Card(Proof::Unavailable), Secure::Unknown, Known::Unknown, Answer::Allow),
        (Source::Pays, Secure::Unknown, Known::Unknown, Answer::Allow),
    ];
    for (number, (source, secure, shifted, answer)) in cases.into_iter().enumerate() {
        let payment = create(&shop, guest(&format!("P-{number}"))).await;
        let terms = Terms::of(Provider::PayPal, Strength::Usual);
        let third = u8::try_from(number).unwrap();
        let begun = shop.payments.begin_as(payment.id, terms, &far(third)).await.unwrap();
        let order = reference(Provider::PayPal, &begun.address);
        shop.emulators.control.approve_order(&order, source).unwrap();
        for _ in 0..2 {
            shop.payments.look(payment.id).await.unwrap();
        }
        let whole = shop.payments.whole(payment.id).await.unwrap().unwrap();
        let judged = &whole.judgements[0];
        let signals = judged.facts.unwrap().signals;
        assert_eq!((signals.secure, signals.liability_shifted), (secure, shifted), "{number}");
        assert_eq!(judged.answer, answer, "{number}");
        let (state, taken) =
            if answer == Answer::Review { (State::Authorized, 0) } else { (State::Captured, 2000) };
        assert_eq!((whole.payment.state, whole.payment.captured), (state, taken), "{number}");
    }
    assert_eq!(shop.payments.reviews(10).await.unwrap().len(), 1);
});
