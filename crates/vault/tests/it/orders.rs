//! Naming an order to see more: nobody finds one by trying.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::StaffId;
use storeward_events::Event;
use storeward_policy::{Mask, Purpose};
use storeward_store::testing::TestDb;
use storeward_store::{both_engines, ledger};
use storeward_vault::office::{self, Watch};
use storeward_vault::sights::Filter;
use storeward_vault::{Ask, Asker, Error, MIGRATIONS, Vault};

use crate::support::{ada, both, field, item, staff};

async fn people(vault: &Vault) {
    let contact = [("contact.name", "Ada Lovelace"), ("contact.email", "ada@shop.example")];
    vault.write(staff(), ada(), item("own", &contact)).await.unwrap();
    vault.write(staff(), ada(), item("a1", &[("order.number", "47511")])).await.unwrap();
}

fn somebody(id: u128, group: &str) -> Asker {
    Asker::staff(StaffId::from_bits(id), vec![group.to_owned()], Some(30))
}

/// How much of the address is shown.
async fn seen(vault: &Vault, asker: Asker, order: &str) -> Result<Mask, Error> {
    let ask = Ask::new(asker, ada(), Purpose::Support).about_order(order);
    vault
        .open(&ask, &[field("contact.email"), field("contact.name")])
        .await
        .map(|opened| opened.values[0].mask)
}

async fn findings(db: &TestDb) -> Vec<String> {
    let all = db.read(move |reader| ledger::read_after(reader, 0, 10_000)).await.unwrap();
    let found = all.into_iter().filter_map(|(_, record)| match record.event {
        Event::UnusualReading(fact) => Some(format!("{} {} {}", record.actor, fact.reason, fact.customers)),
        _ => None,
    });
    found.collect()
}

// A wrong number was answered with masks, was told to nobody, and could be followed by the next one until it was the right one.
both_engines!(nobody_finds_an_order_by_trying, &[MIGRATIONS, office::MIGRATIONS].concat(), async |db| {
    let (keys, vault) = both(&db).await;
    people(&vault).await;
    let sam = || somebody(31, "support");
    assert_eq!(seen(&vault, sam(), "").await, Ok(Mask::Part));
    for wrong in 47500..47505 {
        assert_eq!(findings(&db).await.len(), 0);
        assert_eq!(
            seen(&vault, sam(), &wrong.to_string()).await,
            Err(Error::Denied("not_their_order")),
            "{wrong}"
        );
    }
    // The fifth is told, and each stands beside the customer whose data it was about.
    assert_eq!(findings(&db).await, [format!("{} orders 1", sam().actor())]);
    let filter = Filter { customer: Some(ada()), actor: Some(sam().actor()), ..Filter::default() };
    let sights = vault.sights(filter, 50).await.unwrap();
    let watch = Watch::new((*db).clone(), Arc::clone(&db.clock) as _, vault.walks().clone());
    watch.round().await.unwrap();
    let standing: Vec<_> =
        watch.findings().into_iter().map(|one| (one.actor, one.reason, one.customers)).collect();
    assert_eq!(standing, [(sam().actor().to_string(), "orders".to_owned(), 1)], "and stands on the console");
    let denied: Vec<_> = sights.iter().filter(|sight| sight.outcome.is_err()).collect();
    assert_eq!(denied.len(), 5);
    assert_eq!(denied[0].outcome, Err("not_their_order".to_owned()));
    assert_eq!((denied[0].purpose.as_str(), denied[0].fields[1].as_str()), ("support", "contact.email"));
    // From then on the right one, too, is refused, also after a restart; without one all goes on as it was, and so do others.
    let again = crate::support::vault(&db, keys.open().await);
    for vault in [&vault, &again] {
        for order in ["47511", "47512"] {
            assert_eq!(seen(vault, sam(), order).await, Err(Error::Denied("too_many_orders")), "{order}");
        }
    }
    assert_eq!(seen(&vault, sam(), " ").await, Ok(Mask::Part));
    assert_eq!(seen(&vault, somebody(32, "support"), "47511").await, Ok(Mask::Whole));
    db.clock.advance(Duration::from_secs(3_601));
    assert_eq!(seen(&vault, sam(), "47511").await, Ok(Mask::Whole));
    assert_eq!(findings(&db).await.len(), 1);
    db.clock.advance(Duration::from_secs(23 * 3_600));
    watch.round().await.unwrap();
    assert_eq!(watch.findings(), [], "for a day");
});

// At once they are no more than one after the other.
both_engines!(many_tries_at_once_are_no_more, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let mut tries = tokio::task::JoinSet::new();
    for wrong in 47500..47530 {
        let vault = vault.clone();
        tries.spawn(async move {
            let wrong = if wrong == 47511 { 47499 } else { wrong };
            seen(&vault, somebody(31, "support"), &wrong.to_string()).await
        });
    }
    let tries = tries.join_all().await;
    let wrong = tries.iter().filter(|one| **one == Err(Error::Denied("not_their_order"))).count();
    let many = tries.iter().filter(|one| **one == Err(Error::Denied("too_many_orders"))).count();
    assert_eq!((wrong, many), (5, 25));
    // They are a walk, too.
    assert_eq!(vault.walks().found(storeward_base::Timestamp::EPOCH).len(), 1);
});

// Whom no order would show anything learns nothing by naming one, and uses up nothing.
both_engines!(who_sees_nothing_by_an_order_learns_nothing_of_it, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    for order in ["47511", "1", "2", "3", "4", "5", "6", "47511"] {
        let refused = seen(&vault, somebody(33, "warehouse"), order).await;
        assert_eq!(refused, Err(Error::Denied("no_rule")), "{order}");
    }
    assert_eq!(findings(&db).await.len(), 0);
});

// Looked up instead of named, an order's number could be tried as often as one liked, and nobody was told.
both_engines!(nobody_finds_an_order_by_looking_it_up, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    people(&vault).await;
    let (sam, number) = (somebody(31, "support"), field("order.number"));
    assert_eq!(vault.look_up(&sam, number, "47511").await.unwrap(), [ada()]);
    for wrong in 47500..47505 {
        assert_eq!(findings(&db).await.len(), 0);
        assert_eq!(vault.look_up(&sam, number, &wrong.to_string()).await.unwrap(), [], "{wrong}");
    }
    assert_eq!(findings(&db).await, [format!("{} orders 5", sam.actor())]);
    let again = crate::support::vault(&db, keys.open().await);
    for order in ["47511", "47512"] {
        assert_eq!(
            again.look_up(&sam, number, order).await,
            Err(Error::Denied("too_many_orders")),
            "{order}"
        );
    }
    // Others go on, and so does whoever sees the number anyway.
    assert_eq!(vault.look_up(&somebody(32, "support"), number, "47511").await.unwrap(), [ada()]);
    let owner = somebody(1, "owner");
    for wrong in 47500..47508 {
        assert_eq!(vault.look_up(&owner, number, &wrong.to_string()).await.unwrap(), []);
    }
    assert_eq!(vault.look_up(&owner, number, "47511").await.unwrap(), [ada()]);
    // Of the customer who was found is told who found them, but for the owner.
    let filter = Filter { customer: Some(ada()), ..Filter::default() };
    let sights = vault.sights(filter, 50).await.unwrap();
    // Two of one moment may stand either way round.
    let mut seen: Vec<_> =
        sights.iter().map(|sight| (sight.actor.to_string(), sight.fields.join(","))).collect();
    seen.sort();
    let other = somebody(32, "support").actor();
    let mut wanted = [sam.actor(), other].map(|actor| (actor.to_string(), "number".to_owned()));
    wanted.sort();
    assert_eq!(seen, wanted);
    db.clock.advance(Duration::from_secs(3_601));
    assert_eq!(vault.look_up(&sam, number, "47511").await.unwrap(), [ada()]);
});

// Customers ask about the order that they have just placed, which no import has brought yet: five such calls locked honest staff out for an
// hour.
both_engines!(orders_newer_than_the_last_import_lock_nobody_out, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let (sam, number) = (somebody(31, "support"), field("order.number"));
    for newer in 47512..47540 {
        assert_eq!(vault.look_up(&sam, number, &newer.to_string()).await, Ok(Vec::new()), "{newer}");
    }
    assert_eq!((findings(&db).await.len(), vault.look_up(&sam, number, "47511").await), (0, Ok(vec![ada()])));
    // What could be somebody's is a guess as before, and so is what is no number; also where marks are of another root since.
    vault.renew_index(|_| {}).await.unwrap();
    for guess in ["47510", "47411", "47412", "order", "4751x"] {
        assert_eq!(vault.look_up(&sam, number, guess).await, Ok(Vec::new()), "{guess}");
    }
    assert_eq!(findings(&db).await, [format!("{} orders 5", sam.actor())]);
    // From then on the answer tells no numbers apart: neither those that are kept, nor those beyond.
    for any in ["47511", "47510", "47512", "99999"] {
        assert_eq!(vault.look_up(&sam, number, any).await, Err(Error::Denied("too_many_orders")), "{any}");
    }
});

// Numbers beyond those that are kept have a limit, too, together with what is looked for by other fields.
both_engines!(numbers_beyond_the_last_import_have_the_limit_of_other_look_ups, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let (sam, number, phone) = (somebody(31, "support"), field("order.number"), field("contact.phone"));
    let mut tries = tokio::task::JoinSet::new();
    for newer in 0..50 {
        let (vault, sam) = (vault.clone(), sam.clone());
        tries.spawn(async move { vault.look_up(&sam, number, &(47_512 + newer * 7).to_string()).await });
    }
    assert!(tries.join_all().await.iter().all(|one| *one == Ok(Vec::new())));
    for wrong in 10..20 {
        assert_eq!(vault.look_up(&sam, phone, &format!("+4420794609{wrong}")).await, Ok(Vec::new()));
    }
    assert_eq!(findings(&db).await, [format!("{} lookups 60", sam.actor())]);
    let refused = Err(Error::Denied("too_many_lookups"));
    for any in ["47511", "47510", "47999"] {
        assert_eq!(vault.look_up(&sam, number, any).await, refused, "{any}");
    }
    assert_eq!(vault.look_up(&sam, phone, "+442079460999").await, refused);
    assert_eq!(vault.look_up(&somebody(32, "support"), number, "47511").await, Ok(vec![ada()]));
});

// A telephone number of which a part is shown was tried to its end.
both_engines!(nobody_completes_a_masked_number_by_looking_it_up, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let (sam, phone) = (somebody(31, "support"), field("contact.phone"));
    vault.write(staff(), ada(), item("own", &[("contact.phone", "+442079460999")])).await.unwrap();
    let mut tries = tokio::task::JoinSet::new();
    for wrong in 0..70 {
        let (vault, sam) = (vault.clone(), sam.clone());
        tries.spawn(async move { vault.look_up(&sam, phone, &format!("+4420794609{wrong:02}")).await });
    }
    let tries = tries.join_all().await;
    assert_eq!(tries.iter().filter(|one| **one == Ok(Vec::new())).count(), 60);
    let refused = Err(Error::Denied("too_many_lookups"));
    assert_eq!(tries.iter().filter(|one| **one == refused).count(), 10);
    assert_eq!(findings(&db).await, [format!("{} lookups 60", sam.actor())]);
    assert_eq!(vault.look_up(&sam, phone, "+442079460999").await, refused);
    let sights = vault.sights(Filter { customer: Some(ada()), ..Filter::default() }, 50).await.unwrap();
    assert_eq!(sights, []);
});

// Each that was found is somebody whose data was opened.
both_engines!(who_looks_many_up_reaches_the_limit_of_an_hour, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let number = field("order.number");
    for at in 1..=storeward_policy::VOLUME_LIMIT + 1 {
        let person = storeward_base::CustomerId::from_bits(u128::from(at));
        let order = (47_000 + at).to_string();
        vault.write(staff(), person, item("o", &[("order.number", order.as_str())])).await.unwrap();
    }
    let sam = somebody(31, "support");
    for at in 1..=storeward_policy::VOLUME_LIMIT {
        assert_eq!(vault.look_up(&sam, number, &(47_000 + at).to_string()).await.unwrap().len(), 1, "{at}");
    }
    let last = (47_001 + storeward_policy::VOLUME_LIMIT).to_string();
    assert_eq!(vault.look_up(&sam, number, &last).await, Err(Error::Denied("too_many")));
    let all = db.read(move |reader| ledger::read_after(reader, 0, 10_000)).await.unwrap();
    let told = all.iter().filter(|(_, record)| matches!(record.event, Event::ReadingLimitReached(_)));
    assert_eq!(told.count(), 1);
});
