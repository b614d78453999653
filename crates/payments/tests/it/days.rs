//! Days that nobody compared: their list could not be read, or Storeward was off. They are gone back to.

use storeward_base::Clock;
use storeward_emulators::{Fault, Provider as At, What};
use storeward_events::Event;
use storeward_payments::{Error, MIGRATIONS, Provider, Reach};
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
    shop.payments.reconcile_all().await.unwrap();
    let (found, seq) = compared(&db, 0).await;
    assert_eq!(found, days_before(&db, [5, 4, 3, 2, 1]), "the oldest first");
    let after = reach(&shop).await;
    assert_eq!((after.through.clone(), after.open.clone()), (days_before(&db, [1]).pop(), Vec::new()));
    assert!(!after.is_behind());
    // What was late the first time is there the second, and no day is compared for ever.
    later(&shop, &db, DAY);
    shop.payments.reconcile_all().await.unwrap();
    assert_eq!(compared(&db, seq).await.0, days_before(&db, [2, 1]));
    // A day on which it ran the morning after and then no more is compared once more, too.
    let seq = compared(&db, 0).await.1;
    later(&shop, &db, 4 * DAY);
    shop.payments.reconcile_all().await.unwrap();
    assert_eq!(compared(&db, seq).await.0, days_before(&db, [5, 4, 3, 2, 1]));
});

// A round has an end, and goes back no more than a month.
both_engines!(a_round_has_an_end_and_the_next_goes_on, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    shop.paid("D-2", 1999, Provider::Stripe).await;
    later(&shop, &db, 40 * DAY);
    let mut seq = 0;
    for (old, left) in [(31, 22), (24, 15), (17, 8), (10, 1), (3, 0)] {
        shop.payments.reconcile_all().await.unwrap();
        let (found, last) = compared(&db, seq).await;
        seq = last;
        let oldest = (3..=old).rev().take(7);
        assert_eq!(found, days_before(&db, oldest.chain([2, 1])), "{old}");
        assert_eq!(reach(&shop).await.open.len(), left);
    }
    shop.payments.reconcile_all().await.unwrap();
    assert_eq!(compared(&db, seq).await.0, days_before(&db, [2, 1]));
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
        assert!(matches!(shop.payments.reconcile_all().await, Err(Error::NotReached { .. })));
        later(&shop, &db, DAY);
    }
    assert_eq!(compared(&db, 0).await.0, Vec::<String>::new());
    assert_eq!(reach(&shop).await.open, days_before(&db, [4, 3, 2, 1]));
    shop.emulators.control.clear_faults();
    shop.payments.reconcile_all().await.unwrap();
    assert_eq!(compared(&db, 0).await.0, days_before(&db, [4, 3, 2, 1]));
    assert!(reach(&shop).await.open.is_empty());
    // By hand, as the ledger says as well; a day that goes on is not compared whole.
    let (_, seq) = compared(&db, 0).await;
    let day = db.clock.now().minus(std::time::Duration::from_secs(3 * DAY));
    assert!(shop.payments.is_over(day) && !shop.payments.is_over(db.clock.now()));
    shop.payments.reconcile(Provider::Stripe, day).await.unwrap();
    assert_eq!(compared(&db, seq).await.0, days_before(&db, [3]));
});
