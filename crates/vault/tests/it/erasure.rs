//! An erased customer is gone, at once, after a crash, and from every backup.

use std::time::Duration;

use storeward_base::PageSize;
use storeward_policy::Purpose;
use storeward_store::testing::{blocking, options};
use storeward_store::{Db, both_engines, ledger};
use storeward_vault::{Error, Flaw, Harm, KEY_MIGRATIONS, MIGRATIONS, Vault};

use crate::support::{
    Copied, Keys, ada, asks, bob, both, copy_of, field, item, open, open_db, own, shown, staff, vault,
};

async fn is_gone(vault: &Vault) {
    let gone = open(vault, ada(), &["contact.email"]).await.unwrap_err();
    assert_eq!(gone, Error::NoCustomer);
    assert_eq!(vault.find(field("contact.email"), "ada@shop.example").await.unwrap(), []);
    let again = vault.write(staff(), ada(), item("own", &[("contact.name", "Ada")])).await.unwrap_err();
    assert_eq!(again, Error::NoCustomer, "an erased customer got a new record");
}

fn carol() -> storeward_base::CustomerId {
    storeward_base::CustomerId::from_bits(0xCA)
}

both_engines!(nothing_of_an_erased_customer_is_left_and_others_stay, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    for (who, email) in [(ada(), "ada@shop.example"), (bob(), "bob@shop.example")] {
        vault.write(staff(), who, item("own", &[("contact.email", email)])).await.unwrap();
    }
    vault.erase(&own(ada())).await.unwrap();
    is_gone(&vault).await;
    assert_eq!(shown(&vault, bob(), &["contact.email"]).await, ["own email bob@shop.example"]);
    assert_eq!(vault.keys().key(ada()).await.unwrap().map(|_| ()), None);
    assert_eq!(vault.keys().verify().await.unwrap(), []);
    // Once more is no error and changes nothing.
    vault.erase(&asks(ada(), Purpose::RightsRequest)).await.unwrap();
    let nobody = asks(storeward_base::CustomerId::from_bits(1), Purpose::RightsRequest);
    assert_eq!(vault.erase(&nobody).await.unwrap_err(), Error::NoCustomer);
});

both_engines!(an_erasure_that_was_interrupted_holds_from_its_first_moment, MIGRATIONS, async |db| {
    let (keys, first) = both(&db).await;
    first.write(staff(), ada(), item("own", &[("contact.email", "ada@shop.example")])).await.unwrap();
    // The key store is away when the erasure begins.
    let away = keys.db().await;
    let broken = vault(&db, keys.try_open(away.clone()).await.unwrap());
    blocking(move || away.close()).await;
    assert!(broken.erase(&own(ada())).await.is_err());
    let gone = open(&broken, ada(), &["contact.email"]).await.unwrap_err();
    assert_eq!(gone, Error::NoCustomer, "half erased, and still opened");
    // The next start finishes it.
    let again = vault(&db, keys.open().await);
    assert_eq!(again.finish_erasures().await.unwrap(), 1);
    assert_eq!(again.finish_erasures().await.unwrap(), 0);
    is_gone(&again).await;
});

/// How often the ledger has a kind of event.
async fn count(db: &storeward_store::testing::TestDb, kind: &str) -> usize {
    let filter = ledger::Filter { kind_prefix: Some(kind.to_owned()), ..ledger::Filter::default() };
    let page = db.read(move |reader| ledger::search(reader, &filter, PageSize::new(PageSize::MAX)));
    page.await.unwrap().rows.len()
}

// Whoever wrote into the row that it had ended kept it from ending: after a crash nobody went on with it, and its end was never told.
both_engines!(an_end_that_somebody_wrote_into_the_row_keeps_no_erasure_from_ending, MIGRATIONS, async |db| {
    let (keys, first) = both(&db).await;
    for (who, email) in [(ada(), "ada@shop.example"), (bob(), "bob@shop.example")] {
        first.write(staff(), who, item("own", &[("contact.email", email)])).await.unwrap();
    }
    // While it is under way.
    db.tamper(&format!("UPDATE vault_customer SET erased_at = 1 WHERE id = '{}'", bob()));
    first.erase(&own(bob())).await.unwrap();
    assert_eq!(count(&db, "vault.record_harmed").await, 1);
    assert_eq!(count(&db, "vault.customer_erased").await, 1);
    // Before a crash is made up for: the key was never destroyed.
    let away = keys.db().await;
    let broken = vault(&db, keys.try_open(away.clone()).await.unwrap());
    blocking(move || away.close()).await;
    assert!(broken.erase(&own(ada())).await.is_err());
    db.tamper(&format!("UPDATE vault_customer SET erased_at = 1 WHERE id = '{}'", ada()));
    for table in ["vault_mark", "vault_field"] {
        db.tamper(&format!("DELETE FROM {table} WHERE customer = '{}'", ada()));
    }
    // Nor does a row of nobody's.
    db.tamper("INSERT INTO vault_customer (id, created_at, erasure_begun_at) VALUES ('a nobody', 1, 1)");
    let again = vault(&db, keys.open().await);
    assert_eq!(again.finish_erasures().await.unwrap(), 1);
    assert_eq!(again.finish_erasures().await.unwrap(), 0);
    is_gone(&again).await;
    assert_eq!(again.keys().key(ada()).await.unwrap().map(|_| ()), None);
    assert_eq!(count(&db, "vault.record_harmed").await, 2);
    assert_eq!(count(&db, "vault.customer_erased").await, 2);
    again.erase(&own(ada())).await.unwrap();
    assert_eq!(count(&db, "vault.record_harmed").await, 2, "told once");
});

// The row of whoever was erased could be taken away, or say that they were not: no look found it.
both_engines!(whoever_is_un_erased_in_the_data_is_named, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    for (who, email) in [(ada(), "ada@shop.example"), (bob(), "bob@shop.example")] {
        vault.write(staff(), who, item("own", &[("contact.email", email)])).await.unwrap();
    }
    vault.erase(&own(ada())).await.unwrap();
    let found = async || vault.verify(storeward_base::Actor::System, |_| {}).await.unwrap();
    assert_eq!(found().await.faults, 0);
    db.tamper("CREATE TABLE kept AS SELECT * FROM vault_customer");
    let row = Flaw { customer: ada(), place: "vault_customer".to_owned(), harm: Harm::Row };
    let no_key = Flaw { customer: ada(), place: String::new(), harm: Harm::NoKey };
    let of_ada = format!("vault_customer WHERE id = '{}'", ada());
    for (set, expected) in [
        (None, &row),
        (Some("erased_at = NULL"), &row),
        (Some("erasure_begun_at = NULL"), &no_key),
        (Some("erasure_begun_at = NULL, erased_at = NULL"), &no_key),
    ] {
        match set {
            None => db.tamper(&format!("DELETE FROM {of_ada}")),
            Some(set) => {
                db.tamper(&format!("UPDATE vault_customer SET {set} WHERE id = '{}'", ada()));
            }
        }
        let looked = found().await;
        assert_eq!((looked.faults, looked.flaws.first()), (1, Some(expected)), "{set:?}");
        db.tamper(&format!(
            "DELETE FROM {of_ada}; INSERT INTO vault_customer SELECT * FROM kept WHERE id = '{}'",
            ada()
        ));
    }
    // A start, or the hour's look, tells it when it erases them again.
    let before = count(&db, "vault.record_harmed").await;
    for (told, set) in [
        (1, "erased_at = NULL"),
        (2, "erasure_begun_at = NULL"),
        (3, "erasure_begun_at = NULL, erased_at = NULL"),
    ] {
        db.tamper(&format!("UPDATE vault_customer SET {set} WHERE id = '{}'", ada()));
        vault.finish_erasures().await.unwrap();
        assert_eq!(count(&db, "vault.record_harmed").await, before + told, "{set}");
        assert_eq!(found().await.faults, 0, "{set}");
    }
    // What somebody puts beside it is named, too.
    db.tamper(&format!(
        "INSERT INTO vault_manifest (customer, part, revision, sealed) SELECT '{}', part, revision, sealed FROM vault_manifest \
         WHERE customer = '{}' AND part = 0",
        ada(),
        bob()
    ));
    let unknown = Flaw { customer: ada(), place: String::new(), harm: Harm::Unknown };
    assert_eq!(found().await.flaws, [unknown]);
});

// The proof that somebody is beyond backups went by a moment in their row, which whoever writes the database puts where they like.
both_engines!(the_proof_of_an_erasure_goes_by_the_ledgers, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    for who in [ada(), bob()] {
        vault.write(staff(), who, item("own", &[("contact.email", "ada@shop.example")])).await.unwrap();
    }
    db.clock.advance(std::time::Duration::from_secs(60));
    vault.erase(&own(ada())).await.unwrap();
    let honest = vault.erasure(ada()).await.unwrap().unwrap();
    assert!(honest.erased_at.is_some() && !honest.beyond_backups);
    db.tamper("UPDATE vault_customer SET erased_at = 1");
    assert_eq!(vault.erasure(ada()).await.unwrap(), Some(honest));
    // Somebody who never was.
    db.tamper(&format!("UPDATE vault_customer SET erasure_begun_at = 1 WHERE id = '{}'", bob()));
    let forged = vault.erasure(bob()).await.unwrap().unwrap();
    assert_eq!((forged.erased_at, forged.beyond_backups), (None, false));
    // A clock that was put forward while the epoch is the same proves nothing either; the end of the epoch does.
    db.clock.advance(std::time::Duration::from_secs(60));
    assert!(!vault.erasure(ada()).await.unwrap().unwrap().beyond_backups);
    vault.keys().rotate(std::time::Duration::ZERO).await.unwrap();
    db.tamper(&format!("UPDATE vault_customer SET erased_at = {} WHERE id = '{}'", i64::MAX, ada()));
    assert!(vault.erasure(ada()).await.unwrap().unwrap().beyond_backups);
});

// The proof that the issue asks for: yesterday's backups of the data and of the key store, both restored.
both_engines!(
    restoring_data_and_keys_of_yesterday_does_not_bring_an_erased_customer_back,
    MIGRATIONS,
    async |db| {
        let keys = Keys::new(db.engine(), db.clock.clone()).unwrap();
        let key_db = keys.db().await;
        let today = vault(&db, keys.try_open(key_db.clone()).await.unwrap());
        for (who, email) in [(ada(), "ada@shop.example"), (bob(), "bob@shop.example")] {
            today.write(staff(), who, item("own", &[("contact.email", email)])).await.unwrap();
        }
        // Yesterday's backup: the data, and the key store.
        let data = copy_of(&db, db.address(), MIGRATIONS, &db.clock).await;
        let old_keys = copy_of(&key_db, keys.place.address(), KEY_MIGRATIONS, &db.clock).await;

        today.erase(&own(ada())).await.unwrap();

        // Old data with today's keys: gone at once.
        let old_data = open_old(&data, &db.clock).await;
        let restored = vault(&old_data, keys.open().await);
        assert_eq!(open(&restored, ada(), &["contact.email"]).await.unwrap_err(), Error::NoCustomer);
        assert_eq!(shown(&restored, bob(), &["contact.email"]).await, ["own email bob@shop.example"]);

        // Old data with the old keys opens, while the epoch lasts: what the documentation says, and why epochs are short.
        let both_old = keys.try_open(open_db(&old_keys.address, &db.clock).await).await.unwrap();
        assert_eq!(open(&vault(&old_data, both_old), ada(), &["contact.email"]).await.unwrap().len(), 1);

        // The epoch ends: from now on neither copy is of any use for her, and all goes on for the others.
        today.keys().begin_epoch().await.unwrap();
        while today.keys().rewrap(100).await.unwrap().left > 0 {}
        assert_eq!(today.keys().end_older_epochs().await.unwrap().len(), 1);
        let refused = keys.try_open(open_db(&old_keys.address, &db.clock).await).await.err().unwrap();
        assert_eq!(refused, Error::NoEpoch(1), "the old key store still opens");
        assert_eq!(
            shown(&vault(&old_data, keys.open().await), bob(), &["contact.email"]).await,
            ["own email bob@shop.example"]
        );
    }
);

// The same with today's keys, as operators restore: the next start erases her again, and no nightly import makes her a new key.
both_engines!(older_data_beside_todays_keys_is_erased_again, MIGRATIONS, async |db| {
    let keys = Keys::new(db.engine(), db.clock.clone()).unwrap();
    let today = vault(&db, keys.open().await);
    for (who, email) in [(ada(), "ada@shop.example"), (bob(), "bob@shop.example")] {
        today.write(staff(), who, item("own", &[("contact.email", email)])).await.unwrap();
    }
    let data = copy_of(&db, db.address(), MIGRATIONS, &db.clock).await;
    today.erase(&own(ada())).await.unwrap();

    let old_data = open_old(&data, &db.clock).await;
    let restored = vault(&old_data, keys.open().await);
    let email = storeward_vault::Field::find("contact.email").unwrap();
    let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_mark WHERE customer = $1";
    let left = old_data.read(move |reader| -> Result<u64, storeward_store::Error> {
        reader.query_one(count, storeward_store::params![ada()], |row| row.get(0))
    });
    assert_eq!(left.await.unwrap(), 1, "the copy is older");
    assert_eq!(restored.find(email, "ada@shop.example").await.unwrap(), [], "nobody without a key is found");
    let again = item("own", &[("contact.email", "ada@shop.example")]);
    assert_eq!(restored.write(staff(), ada(), again.clone()).await.unwrap_err(), Error::NoCustomer);

    assert_eq!(restored.finish_erasures().await.unwrap(), 1);
    assert_eq!(restored.find(email, "ada@shop.example").await.unwrap(), []);
    assert_eq!(restored.write(staff(), ada(), again).await.unwrap_err(), Error::NoCustomer);
    assert_eq!(restored.finish_erasures().await.unwrap(), 0, "once");
    assert_eq!(shown(&restored, bob(), &["contact.email"]).await, ["own email bob@shop.example"]);
});

pub async fn open_old(copy: &Copied, clock: &std::sync::Arc<storeward_base::FixedClock>) -> Db {
    let options = options(&copy.address, MIGRATIONS, std::sync::Arc::clone(clock));
    blocking(move || Db::open(options).unwrap()).await
}

// An older copy of the key store has the row. Wrapped anew with the living ones it lay in the next copies of the store, and the proof said that
// no backup opens the data any more.
both_engines!(a_key_that_somebody_put_back_outlives_no_rotation, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    for (who, email) in [(ada(), "ada@shop.example"), (bob(), "bob@shop.example")] {
        vault.write(staff(), who, item("own", &[("contact.email", email)])).await.unwrap();
    }
    let key_db = keys.beside().await;
    key_db.tamper("CREATE TABLE kept AS SELECT * FROM vault_customer_key");
    let put_back = format!("INSERT INTO vault_customer_key SELECT * FROM kept WHERE customer = '{}'", ada());
    vault.erase(&own(ada())).await.unwrap();
    key_db.tamper(&put_back);
    let before = vault.erasure(ada()).await.unwrap().unwrap().erased_at;
    db.clock.advance(Duration::from_secs(3_600));
    vault.keys().rotate(Duration::ZERO).await.unwrap();
    assert!(vault.keys().key(ada()).await.unwrap().is_none());
    let proof = vault.erasure(ada()).await.unwrap().unwrap();
    assert!(!proof.beyond_backups && proof.erased_at > before, "a copy made meanwhile holds it: {proof:?}");
    db.clock.advance(Duration::from_secs(3_600));
    vault.keys().rotate(Duration::ZERO).await.unwrap();
    assert!(vault.erasure(ada()).await.unwrap().unwrap().beyond_backups);
    assert_eq!(vault.keys().verify().await.unwrap(), []);
    // Another program ended the erasure: this one's own list does not have it.
    let other = keys.open().await;
    other.destroy(bob(), storeward_base::Actor::Operator).await.unwrap();
    key_db.tamper(&format!("INSERT INTO vault_customer_key SELECT * FROM kept WHERE customer = '{}'", bob()));
    vault.keys().rotate(Duration::ZERO).await.unwrap();
    assert!(vault.keys().key(bob()).await.unwrap().is_none(), "wrapped anew with the living");
    vault.write(staff(), carol(), item("own", &[("contact.email", "carol@shop.example")])).await.unwrap();
    // While it lies there nothing is proven; it is destroyed again within the hour, and told.
    key_db.tamper(&put_back);
    assert!(!vault.erasure(ada()).await.unwrap().unwrap().beyond_backups);
    assert_eq!(vault.finish_erasures().await.unwrap(), 2);
    assert!(vault.keys().key(ada()).await.unwrap().is_none());
    assert_eq!(count(&db, "vault.record_harmed").await, 1);
    assert_eq!(shown(&vault, carol(), &["contact.email"]).await, ["own email carol@shop.example"]);
    // A note that somebody put beside a living key destroys nobody's.
    key_db.tamper(&format!(
        "INSERT INTO vault_destroyed_key (customer, destroyed_at) VALUES ('{}', 1)",
        carol()
    ));
    assert_eq!(vault.finish_erasures().await.unwrap(), 0);
    assert_eq!(shown(&vault, carol(), &["contact.email"]).await, ["own email carol@shop.example"]);
});

// A trigger that keeps the row, and lets the deletion look done.
both_engines!(a_key_that_does_not_go_is_no_erasure, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    vault.write(staff(), ada(), item("own", &[("contact.email", "ada@shop.example")])).await.unwrap();
    let key_db = keys.beside().await;
    key_db.tamper(match db.engine() {
        storeward_store::Engine::Sqlite => {
            "CREATE TRIGGER keeps BEFORE DELETE ON vault_customer_key BEGIN SELECT RAISE(IGNORE); END"
        }
        storeward_store::Engine::Postgres => {
            "CREATE FUNCTION keeps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
             CREATE TRIGGER keeps BEFORE DELETE ON vault_customer_key FOR EACH ROW EXECUTE FUNCTION keeps()"
        }
    });
    assert!(matches!(vault.erase(&own(ada())).await, Err(Error::Harmed(_))));
    let erasure = vault.erasure(ada()).await.unwrap().unwrap();
    assert!(erasure.erased_at.is_none() && !erasure.beyond_backups, "{erasure:?}");
    let gone = open(&vault, ada(), &["contact.email"]).await.unwrap_err();
    assert_eq!(gone, Error::NoCustomer, "begun, so nothing is opened");
});
