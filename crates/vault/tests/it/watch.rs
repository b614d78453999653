//! Unusual reading becomes a finding; usual reading and the first day do not.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, CustomerId, StaffId};
use storeward_events::Event;
use storeward_policy::Purpose;
use storeward_store::testing::TestDb;
use storeward_store::{Error, Migration, both_engines, ledger};
use storeward_vault::office::{self, FLOOR_OPENED, Watch};
use storeward_vault::{Class, MIGRATIONS, Vault, fields_of};

use crate::support::{asks, both, field, item, staff};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn tables() -> Vec<Migration> {
    [MIGRATIONS, office::MIGRATIONS].concat()
}

fn id(number: u64) -> CustomerId {
    // Numbers of a shop's own are not one after the other unless somebody makes them so.
    CustomerId::from_bits(u128::from(number) << 64 | 7)
}

async fn customers(vault: &Vault, count: u64, with_orders: bool) {
    for number in 1..=count {
        let contact = [("contact.name", "Somebody")];
        vault.write(staff(), id(number), item("own", &contact)).await.unwrap();
        if with_orders {
            let order = format!("A-{number}");
            vault.write(staff(), id(number), item("o1", &[("order.number", order.as_str())])).await.unwrap();
        }
    }
}

/// Opens customers in an order that no program has.
async fn read(db: &TestDb, vault: &Vault, numbers: impl Iterator<Item = u64>) {
    for number in numbers {
        db.clock.advance(Duration::from_secs(1));
        vault.open(&asks(id(number), Purpose::Support), &fields_of(&[Class::Contact])).await.unwrap();
    }
}

fn scattered(count: u64) -> impl Iterator<Item = u64> {
    // 7 has no divisor in common with any count that is no multiple of it.
    (0..count).map(move |n| n * 7 % count + 1)
}

async fn reasons(db: &TestDb) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = 0;
    loop {
        let page = db.read(move |r| ledger::read_after(r, after, 1000)).await;
        let page = page.unwrap_or_else(|why: Error| panic!("{why}"));
        let Some((last, _)) = page.last() else { return found };
        after = *last;
        for (_, record) in &page {
            if let Event::UnusualReading(fact) = &record.event {
                assert!([Actor::Staff { id: StaffId::from_bits(7) }, key()].contains(&record.actor));
                found.push(fact.reason.clone());
            }
        }
    }
}

fn watch(db: &TestDb, vault: &Vault) -> Watch {
    Watch::new((**db).clone(), Arc::clone(&db.clock) as _, vault.walks().clone())
}

both_engines!(the_first_day_and_a_busy_hour_raise_nothing, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    customers(&vault, FLOOR_OPENED, false).await;
    let watch = watch(&db, &vault);
    watch.round().await.unwrap();
    read(&db, &vault, scattered(FLOOR_OPENED)).await;
    watch.round().await.unwrap();
    assert_eq!(reasons(&db).await, [""; 0]);
    assert!(watch.findings().is_empty());
});

both_engines!(far_more_than_usual_is_told_once_and_stands_for_a_day, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    customers(&vault, FLOOR_OPENED + 4, false).await;
    let watch = watch(&db, &vault);
    read(&db, &vault, scattered(FLOOR_OPENED + 4)).await;
    for _ in 0..3 {
        watch.round().await.unwrap();
    }
    assert_eq!(reasons(&db).await, ["many"]);
    let standing = watch.findings();
    assert_eq!((standing.len(), standing[0].customers), (1, FLOOR_OPENED + 4));
    db.clock.advance(DAY + HOUR);
    watch.round().await.unwrap();
    assert!(watch.findings().is_empty());
});

/// Looks customers up by numbers, some of which nobody has.
async fn look_up(db: &TestDb, vault: &Vault, by: &str, numbers: impl Iterator<Item = u64>, seconds: u64) {
    let asker = asks(id(1), Purpose::Support).asker;
    for number in numbers {
        db.clock.advance(Duration::from_secs(seconds));
        vault.look_up(&asker, field(by), &number.to_string()).await.unwrap();
    }
}

both_engines!(who_goes_through_the_shops_numbers_is_told, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    customers(&vault, 3, false).await;
    let watch = watch(&db, &vault);
    // In an order that no program has; and as somebody packs, a parcel each half a minute.
    look_up(&db, &vault, "contact.shop_id", scattered(40).map(|number| 5_000 + number * 9), 2).await;
    look_up(&db, &vault, "order.number", 2_000..2_060, 30).await;
    look_up(&db, &vault, "contact.shop_id", 10..24, 2).await;
    watch.round().await.unwrap();
    assert_eq!(reasons(&db).await, [""; 0], "fourteen may be chance");
    look_up(&db, &vault, "contact.shop_id", 24..30, 2).await;
    watch.round().await.unwrap();
    assert_eq!(reasons(&db).await, ["in_a_row"]);
    assert_eq!(watch.findings()[0].customers, 20);
    // Once a day, and orders as fast as no hands are.
    db.clock.advance(DAY + HOUR);
    look_up(&db, &vault, "order.number", 3_000..3_020, 2).await;
    watch.round().await.unwrap();
    assert_eq!(reasons(&db).await, ["in_a_row"; 2]);
});

both_engines!(customers_without_an_order_count_where_orders_are_kept, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    customers(&vault, 25, false).await;
    let watch = watch(&db, &vault);
    read(&db, &vault, scattered(25)).await;
    watch.round().await.unwrap();
    assert_eq!(reasons(&db).await, [""; 0], "nobody has an order here");
    for number in 101..=200u64 {
        let order = format!("A-{number}");
        vault.write(staff(), id(number), item("o1", &[("order.number", order.as_str())])).await.unwrap();
    }
    watch.round().await.unwrap();
    assert_eq!(reasons(&db).await, ["without_order"]);
});

both_engines!(an_hour_that_was_never_used_is_told_of_who_has_a_past, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    customers(&vault, 12, false).await;
    let watch = watch(&db, &vault);
    for _ in 0..11 {
        read(&db, &vault, [1, 8].into_iter()).await;
        watch.round().await.unwrap();
        db.clock.advance(DAY);
    }
    read(&db, &vault, [1, 3, 5, 7, 9, 11].into_iter()).await;
    watch.round().await.unwrap();
    assert_eq!(reasons(&db).await, [""; 0], "the hour of every day");
    db.clock.advance(HOUR * 10);
    read(&db, &vault, [2, 4, 6, 8].into_iter()).await;
    watch.round().await.unwrap();
    assert_eq!(reasons(&db).await, [""; 0], "four may be an emergency");
    read(&db, &vault, [10, 12].into_iter()).await;
    watch.round().await.unwrap();
    assert_eq!(reasons(&db).await, ["hour"]);
});

fn key() -> Actor {
    Actor::Key { id: storeward_base::ApiKeyId::from_bits(9) }
}

/// As [`read`], by a program of the support's.
async fn program_reads(db: &TestDb, vault: &Vault, numbers: impl Iterator<Item = u64>, every_ms: u64) {
    let Actor::Key { id: key } = key() else { unreachable!() };
    let asker = storeward_vault::Asker::program(key, vec!["support".to_owned()]);
    for number in numbers {
        db.clock.advance(Duration::from_millis(every_ms));
        let ask = storeward_vault::Ask::new(asker.clone(), id(number), Purpose::Support);
        vault.open(&ask, &fields_of(&[Class::Contact])).await.unwrap();
    }
}

// A support key opened a hundred customers in a minute, and 199 an hour for ever: nobody looked at programs.
both_engines!(a_program_that_reads_more_than_it_ever_did_is_told_by_its_key, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    customers(&vault, 100, false).await;
    let watch = watch(&db, &vault);
    program_reads(&db, &vault, scattered(60), 500).await;
    watch.round().await.unwrap();
    assert_eq!(reasons(&db).await, [""; 0]);
    program_reads(&db, &vault, (0..100).map(|n| n * 7 % 100 + 1), 500).await;
    for _ in 0..2 {
        watch.round().await.unwrap();
    }
    assert_eq!(reasons(&db).await, ["many"]);
    let standing = watch.findings();
    assert_eq!((standing[0].actor.clone(), standing[0].customers), (key().to_string(), 100));
    // Every day from then on it is usual of this one, also a little earlier, and of nobody else.
    for _ in 0..3 {
        db.clock.advance(DAY - Duration::from_secs(600));
        program_reads(&db, &vault, (0..100).map(|n| n * 7 % 100 + 1), 500).await;
        watch.round().await.unwrap();
    }
    assert_eq!(reasons(&db).await, ["many"]);
    read(&db, &vault, (0..100).map(|n| n * 7 % 100 + 1)).await;
    watch.round().await.unwrap();
    assert_eq!(reasons(&db).await, ["many"; 2], "what a program reads makes nothing usual of people");
});

both_engines!(a_program_that_never_stops_is_told_by_the_day, &tables(), async |db| {
    let (_keys, vault) = both(&db).await;
    customers(&vault, 500, false).await;
    let watch = watch(&db, &vault);
    // Below the floor of an hour, hour by hour.
    for hour in 0..8 {
        program_reads(&db, &vault, scattered(500).skip(hour * 59).take(59), 1_000).await;
        db.clock.advance(HOUR);
    }
    program_reads(&db, &vault, scattered(500).skip(472).take(8), 1_000).await;
    watch.round().await.unwrap();
    assert_eq!(reasons(&db).await, [""; 0]);
    program_reads(&db, &vault, scattered(500).skip(480).take(1), 1_000).await;
    watch.round().await.unwrap();
    assert_eq!(reasons(&db).await, ["day"]);
    assert_eq!(watch.findings()[0].customers, 481);
});
