//! Naming an order to see more: nobody finds one by trying.

use std::time::Duration;

use storeward_base::StaffId;
use storeward_events::Event;
use storeward_policy::{Mask, Purpose};
use storeward_store::testing::TestDb;
use storeward_store::{both_engines, ledger};
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
both_engines!(nobody_finds_an_order_by_trying, MIGRATIONS, async |db| {
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
