//! Days that nobody compared: their list could not be read, or Storeward was off. They are gone back to.

use storeward_base::{Actor, Clock, Timestamp};
use storeward_emulators::{Fault, Provider as At, What};
use storeward_events::Event;
use storeward_payments::{Error, MIGRATIONS, NotADay, Provider, Reach};
use storeward_store::testing::TestDb;
use storeward_store::{both_engines, ledger as facts};

use crate::support::Shop;
use crate::unanswered::later;

const DAY: u64 = 24 * 3_600;

/// The days that the ledger calls compared with Stripe's list, since its entry with this number.
async fn compared(db: &TestDb, after: u64) -> (Vec<String>, u64) {
    let all = db.read(move |reader| facts::read_after(reader, after, 10_000)).await;
    let all = all.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    let last = all.last().map_or(after, |(seq, _)| *seq);
    let days = all.into_iter().filter_map(|(_, record)| match record.event {
        Event::DayReconciled(day) if day.provider == "stripe" => Some(day.day),
        _ => None,
    });
    (days.collect(), last)
}

fn days_before(db: &TestDb, days: impl IntoIterator<Item = u64>) -> Vec<String> {
    let of =
        |back| db.clock.now().minus(std::time::Duration::from_secs(back * DAY)).rfc3339()[..10].to_owned();
    days.into_iter().map(of).collect()
}

/// Far from midnight: what moves beside it stands in the list of the day beside, too.
fn at_noon(shop: &Shop, db: &TestDb) {
    let into_the_day = u64::try_from(db.clock.now().seconds()).unwrap() % DAY;
    later(shop, db, (DAY + DAY / 2 - into_the_day) % DAY);
}

async fn reach(shop: &Shop) -> Reach {
    let all = shop.payments.reach().await.unwrap();
    all.into_iter().find(|one| one.provider == Provider::Stripe).unwrap()
}

// Only the two days before now were ever compared: what moved while Storeward was off was never held against the books.
both_engines!(days_on_which_nothing_ran_are_compared_later, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    assert_eq!((reach(&shop).await.through, reach(&shop).await.open.len()), (None, 0), "no payment yet");
    shop.paid("D-1", 1999, Provider::Stripe).await;
    later(&shop, &db, 5 * DAY);
    let before = reach(&shop).await;
    assert_eq!((before.through.clone(), before.open.clone()), (None, days_before(&db, [5, 4, 3, 2, 1])));
    assert!(before.is_behind());
    shop.payments.reconcile_all(Actor::System).await.unwrap();
    let (found, seq) = compared(&db, 0).await;
    assert_eq!(found, days_before(&db, [5, 4, 3, 2, 1]), "the oldest first");
    let after = reach(&shop).await;
    assert_eq!((after.through.clone(), after.open.clone()), (days_before(&db, [1]).pop(), Vec::new()));
    assert!(!after.is_behind());
    // What was late the first time is there the second, and no day is compared for ever.
    later(&shop, &db, DAY);
    shop.payments.reconcile_all(Actor::System).await.unwrap();
    assert_eq!(compared(&db, seq).await.0, days_before(&db, [2, 1]));
    // A day on which it ran the morning after and then no more is compared once more, too.
    let seq = compared(&db, 0).await.1;
    later(&shop, &db, 4 * DAY);
    shop.payments.reconcile_all(Actor::System).await.unwrap();
    assert_eq!(compared(&db, seq).await.0, days_before(&db, [5, 4, 3, 2, 1]));
});

// A round has an end, and goes back no more than a month.
both_engines!(a_round_has_an_end_and_the_next_goes_on, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    shop.paid("D-2", 1999, Provider::Stripe).await;
    later(&shop, &db, 40 * DAY);
    let mut seq = 0;
    for (old, left) in [(31, 22), (24, 15), (17, 8), (10, 1), (3, 0)] {
        shop.payments.reconcile_all(Actor::System).await.unwrap();
        let (found, last) = compared(&db, seq).await;
        seq = last;
        let oldest = (3..=old).rev().take(7);
        assert_eq!(found, days_before(&db, oldest.chain([2, 1])), "{old}");
        assert_eq!(reach(&shop).await.open.len(), left);
    }
    shop.payments.reconcile_all(Actor::System).await.unwrap();
    assert_eq!(compared(&db, seq).await.0, days_before(&db, [2, 1]));
    // What no round goes back to was told as compared.
    let told = reach(&shop).await;
    assert_eq!((told.passed.clone(), told.is_behind()), (days_before(&db, (32..=40).rev()), true));
    for day in &told.passed {
        let at = Timestamp::parse_rfc3339(&format!("{day}T00:00:00Z")).unwrap();
        shop.payments.reconcile(Provider::Stripe, at).await.unwrap();
    }
    let told = reach(&shop).await;
    assert_eq!((told.passed.len(), told.is_behind()), (0, false));
});

// A year at the other provider stood there as days that nobody had compared.
both_engines!(of_a_provider_that_came_later_no_day_of_before_is_missed, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    at_noon(&shop, &db);
    shop.paid("D-3", 1999, Provider::Stripe).await;
    later(&shop, &db, 40 * DAY);
    let of_paypal = async || {
        let all = shop.payments.reach().await.unwrap();
        all.into_iter().find(|one| one.provider == Provider::PayPal).unwrap()
    };
    assert_eq!((of_paypal().await.open, of_paypal().await.passed), (Vec::new(), Vec::new()));
    shop.paid("D-4", 1999, Provider::PayPal).await;
    later(&shop, &db, 2 * DAY);
    assert_eq!((of_paypal().await.open, of_paypal().await.passed), (days_before(&db, [2, 1]), Vec::new()));
    assert_eq!(reach(&shop).await.passed.len(), 11);
});

// Days that can never be compared whole were tried first in each round, and seven of them were all that a round goes back to.
both_engines!(days_that_are_never_whole_keep_no_other_from_its_turn, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    at_noon(&shop, &db);
    for number in 0..8 {
        let paid = shop.paid(&format!("N-{number}"), 1999, Provider::Stripe).await;
        let charge = shop.payments.whole(paid.id).await.unwrap().unwrap().captures[0].reference.clone();
        let dispute = shop.emulators.control.open_dispute(At::Stripe, &charge, "fraudulent", None).unwrap();
        let fault = Fault::once(At::Stripe, What::ErrorBefore, &format!("/v1/disputes/{dispute}"));
        shop.emulators.control.fault(Fault { times: None, method: "GET".to_owned(), ..fault });
        later(&shop, &db, DAY);
    }
    shop.paid("N-8", 1999, Provider::Stripe).await;
    later(&shop, &db, 3 * DAY);
    let hidden = days_before(&db, (4..=11).rev());
    let (mut rounds, mut found) = (0, Vec::new());
    while !found.contains(&days_before(&db, [3])[0]) {
        rounds += 1;
        assert!(rounds < 3, "each has its turn: {found:?}");
        assert!(matches!(shop.payments.reconcile_all(Actor::System).await, Err(Error::NotReached { .. })));
        found = compared(&db, 0).await.0;
    }
    assert_eq!(reach(&shop).await.open, hidden);
    // Those that can be read now are compared, as soon as it is their turn.
    shop.emulators.control.clear_faults();
    for _ in 0..2 {
        shop.payments.reconcile_all(Actor::System).await.unwrap();
    }
    assert_eq!(reach(&shop).await.open, Vec::<String>::new());
});

// Each went to the provider, and the ledger said that nobody had asked for it.
both_engines!(by_hand_it_is_the_operator_s_act_and_of_days_that_there_are, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let now = db.clock.now();
    let day = |text: &str| Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")).unwrap();
    assert_eq!(shop.payments.not_a_day(day("2020-01-01")).await.unwrap(), Some(NotADay::NoPayment));
    shop.paid("D-4", 1999, Provider::Stripe).await;
    for text in ["0000-01-01", "0001-01-01", "1969-12-31", "2020-02-29"] {
        let first = now.rfc3339()[..10].to_owned();
        let said = shop.payments.not_a_day(day(text)).await.unwrap();
        assert_eq!(said, Some(NotADay::BeforeFirst(first)), "{text}");
    }
    for text in [&now.rfc3339()[..10], "9999-12-31"] {
        assert_eq!(shop.payments.not_a_day(day(text)).await.unwrap(), Some(NotADay::NotOver), "{text}");
    }
    later(&shop, &db, DAY);
    assert_eq!(shop.payments.not_a_day(now).await.unwrap(), None);
    shop.payments.reconcile(Provider::Stripe, now).await.unwrap();
    shop.payments.reconcile_all(Actor::System).await.unwrap();
    let all = db.read(|reader| facts::read_after(reader, 0, 10_000)).await;
    let all = all.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    let who = all.into_iter().filter(|(_, record)| matches!(record.event, Event::DayReconciled(_)));
    let who: Vec<Actor> = who.map(|(_, record)| record.actor).collect();
    assert_eq!(who.first(), Some(&Actor::Operator));
    assert!(who.len() > 1 && who[1..].iter().all(|actor| *actor == Actor::System), "{who:?}");
});

// A day whose list was not given stayed so.
both_engines!(a_day_whose_list_was_not_given_is_asked_for_again, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    shop.paid("D-3", 1999, Provider::Stripe).await;
    later(&shop, &db, DAY);
    for _ in 0..3 {
        let fault =
            Fault { times: None, ..Fault::once(At::Stripe, What::Unavailable, "/v1/balance_transactions") };
        shop.emulators.control.fault(fault);
        assert!(matches!(shop.payments.reconcile_all(Actor::System).await, Err(Error::NotReached { .. })));
        later(&shop, &db, DAY);
    }
    assert_eq!(compared(&db, 0).await.0, Vec::<String>::new());
    assert_eq!(reach(&shop).await.open, days_before(&db, [4, 3, 2, 1]));
    shop.emulators.control.clear_faults();
    shop.payments.reconcile_all(Actor::System).await.unwrap();
    assert_eq!(compared(&db, 0).await.0, days_before(&db, [4, 3, 2, 1]));
    assert!(reach(&shop).await.open.is_empty());
    // By hand, as the ledger says as well; a day that goes on is not compared whole.
    let (_, seq) = compared(&db, 0).await;
    let day = db.clock.now().minus(std::time::Duration::from_secs(3 * DAY));
    shop.payments.reconcile(Provider::Stripe, day).await.unwrap();
    assert_eq!(compared(&db, seq).await.0, days_before(&db, [3]));
});
