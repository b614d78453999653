//! Writing, opening and finding.

use storeward_base::Actor;
use storeward_events::Event;
use storeward_policy::Purpose;
use storeward_store::{both_engines, ledger};
use storeward_vault::{Error, Harm, MIGRATIONS};

use crate::support::{ada, asks, bob, both, field, harmed, item, open, shown, staff};

#[test]
fn every_statement_prepares_on_both_engines() {
    for engine in [storeward_store::Engine::Sqlite, storeward_store::Engine::Postgres] {
        let own = [storeward_vault::KEY_MIGRATIONS, storeward_vault::office::MIGRATIONS];
        let all = [MIGRATIONS, own[0], own[1], storeward_vault::import::MIGRATIONS].concat();
        storeward_store::testing::run(engine, &all, async |db| {
            let statements = [
                storeward_vault::STATEMENTS,
                storeward_vault::INDEX_STATEMENTS,
                storeward_vault::KEY_STATEMENTS,
                storeward_vault::SIGHT_STATEMENTS,
                storeward_vault::office::STATEMENTS,
                storeward_vault::office::KEPT_STATEMENTS,
                storeward_vault::office::WATCH_STATEMENTS,
                storeward_vault::GRANT_STATEMENTS,
                storeward_vault::RULE_STATEMENTS,
                storeward_vault::PLEA_STATEMENTS,
                storeward_vault::RETENTION_STATEMENTS,
                storeward_vault::import::STATEMENTS,
            ]
            .concat();
            for statement in statements {
                let checked = db.read(move |reader| reader.check_statement(statement)).await;
                assert_eq!(checked, Ok(()), "{statement}");
            }
        });
    }
}

both_engines!(what_was_written_is_opened_for_a_purpose_and_on_record, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let home = item("home", &[("address.street", "12 St James's Square"), ("address.city", "London")]);
    vault.write(Actor::Customer { id: ada() }, ada(), home).await.unwrap();
    vault.write(staff(), ada(), item("work", &[("address.city", "Ockham")])).await.unwrap();
    vault.write(staff(), bob(), item("home", &[("address.city", "Crouch End")])).await.unwrap();

    let seen = shown(&vault, ada(), &["address.city", "address.street"]).await;
    assert_eq!(seen, ["home city London", "home street 12 St James's Square", "work city Ockham"]);

    let refused = vault.open(&asks(ada(), Purpose::Marketing), &[field("address.city")]).await.unwrap_err();
    assert_eq!(refused, Error::Denied("no_consent"));
    let nobody = storeward_base::CustomerId::from_bits(1);
    assert_eq!(open(&vault, nobody, &["address.city"]).await.unwrap_err(), Error::NoCustomer);

    let entries = db.read(|reader| ledger::read_after(reader, 0, 100)).await.unwrap();
    let told: Vec<String> = entries
        .iter()
        .filter(|(_, record)| matches!(record.event, Event::FieldsOpened(_) | Event::OpeningDenied(_)))
        .map(|(_, record)| record.sentence())
        .collect();
    let name = ada().to_string();
    assert_eq!(
        told,
        [
            format!("Opened address of {name} (city, street) for support"),
            format!("Refused to open address of {name} (city) for marketing: no_consent"),
        ]
    );
    // No value reaches the ledger.
    let all =
        entries.iter().map(|(_, record)| String::from_utf8(record.to_bytes()).unwrap()).collect::<String>();
    for value in ["James", "London", "Ockham", "Crouch"] {
        assert!(!all.contains(value));
    }
});

both_engines!(a_value_that_does_not_fit_is_refused_and_nothing_of_its_item_is_kept, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    for (values, field) in [
        (vec![("contact.name", "Ada"), ("contact.email", "ada.example")], "email"),
        (vec![("note.text", "her card is 4111 1111 1111 1111")], "text"),
        (vec![("payment.token", "4111111111111111")], "token"),
        (vec![("contact.name", "Ada"), ("address.city", "London")], "item"),
        (vec![], "item"),
    ] {
        let refused = vault.write(staff(), ada(), item("a", &values)).await.unwrap_err();
        let Error::Value { field: named, why } = refused else { panic!("{refused}") };
        assert_eq!(named, field);
        assert!(!why.contains("4111"));
    }
    for id in ["", "a b", "../x", &"x".repeat(65)] {
        assert!(vault.write(staff(), ada(), item(id, &[("contact.name", "Ada")])).await.is_err(), "{id}");
    }
    let none = open(&vault, ada(), &["contact.name"]).await.unwrap_err();
    assert_eq!(none, Error::NoCustomer);
});

both_engines!(a_change_takes_the_place_of_what_was_there, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let write = |email: &'static str| vault.write(staff(), ada(), item("own", &[("contact.email", email)]));
    write("ada@shop.example").await.unwrap();
    write("ada@new.example").await.unwrap();
    assert_eq!(shown(&vault, ada(), &["contact.email"]).await, ["own email ada@new.example"]);
    assert_eq!(vault.find(field("contact.email"), "ada@shop.example").await.unwrap(), []);
    assert_eq!(vault.find(field("contact.email"), " ADA@New.Example ").await.unwrap(), [ada()]);
});

both_engines!(a_customer_is_found_by_what_fields_say, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    vault.write(staff(), ada(), item("own", &[("contact.phone", "+44 (0)20 7946 0001")])).await.unwrap();
    vault.write(staff(), bob(), item("own", &[("contact.phone", "+442079460001")])).await.unwrap();
    let both = vault.find(field("contact.phone"), "0044 20 7946 0001").await.unwrap();
    assert_eq!(both, {
        let mut ids = vec![ada(), bob()];
        ids.sort_unstable();
        ids
    });
    // A field without an index is found by nothing, and a wrong value is no error that tells something.
    assert_eq!(vault.find(field("contact.name"), "Ada").await.unwrap(), []);
    assert_eq!(vault.find(field("contact.email"), "no address").await.unwrap(), []);
});

both_engines!(whoever_has_the_database_reads_nothing_and_moves_nothing, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    for (customer, city) in [(ada(), "London"), (bob(), "Crouch End")] {
        vault
            .write(staff(), customer, item("home", &[("address.city", city), ("address.region", "x")]))
            .await
            .unwrap();
    }
    // Bob's city in Ada's row.
    db.tamper(&format!(
        "UPDATE vault_field SET sealed = (SELECT sealed FROM vault_field WHERE customer = '{}' AND field = 'city') \
         WHERE customer = '{}' AND field = 'city'",
        bob(),
        ada()
    ));
    let moved = open(&vault, ada(), &["address.city"]).await.unwrap_err();
    assert_eq!(moved, harmed(ada(), "address.home.city", Harm::Changed));
    // Another field of the same person.
    db.tamper(&format!(
        "UPDATE vault_field SET sealed = (SELECT sealed FROM vault_field WHERE customer = '{0}' AND field = 'region') \
         WHERE customer = '{0}' AND field = 'city'",
        bob()
    ));
    assert!(open(&vault, bob(), &["address.city"]).await.is_err());
});
