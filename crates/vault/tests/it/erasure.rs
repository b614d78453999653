//! An erased customer is gone, at once, after a crash, and from every backup.

use storeward_policy::Purpose;
use storeward_store::testing::{blocking, options};
use storeward_store::{Db, Engine, both_engines};
use storeward_vault::{Error, MIGRATIONS, Vault};

use crate::support::{Keys, ada, asks, bob, both, field, item, open, open_db, own, shown, staff, vault};

async fn is_gone(vault: &Vault) {
    let gone = open(vault, ada(), &["contact.email"]).await.unwrap_err();
    assert_eq!(gone, Error::NoCustomer);
    assert_eq!(vault.find(field("contact.email"), "ada@shop.example").await.unwrap(), []);
    let again = vault.write(staff(), ada(), item("own", &[("contact.name", "Ada")])).await.unwrap_err();
    assert_eq!(again, Error::NoCustomer, "an erased customer got a new record");
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

/// The proof that the issue asks for: yesterday's backups of the data and of the key store, both restored.
#[test]
fn restoring_data_and_keys_of_yesterday_does_not_bring_an_erased_customer_back() {
    storeward_store::testing::run(Engine::Sqlite, MIGRATIONS, async |db| {
        let keys = Keys::new(Engine::Sqlite, db.clock.clone()).unwrap();
        let key_db = keys.db().await;
        let today = vault(&db, keys.try_open(key_db.clone()).await.unwrap());
        for (who, email) in [(ada(), "ada@shop.example"), (bob(), "bob@shop.example")] {
            today.write(staff(), who, item("own", &[("contact.email", email)])).await.unwrap();
        }
        // Yesterday's backup: the data, and the key store.
        let backup = tempfile::tempdir().unwrap();
        let (data, old_keys) = (backup.path().join("data.db"), backup.path().join("keys.db"));
        let (from, to) = ((*db).clone(), data.clone());
        blocking(move || from.snapshot_to(&to).unwrap()).await;
        let (from, to) = (key_db.clone(), old_keys.clone());
        blocking(move || from.snapshot_to(&to).unwrap()).await;

        today.erase(&own(ada())).await.unwrap();

        // Old data with today's keys: gone at once.
        let old_data = open_old(&data, &db.clock).await;
        let restored = vault(&old_data, keys.open().await);
        assert_eq!(open(&restored, ada(), &["contact.email"]).await.unwrap_err(), Error::NoCustomer);
        assert_eq!(shown(&restored, bob(), &["contact.email"]).await, ["own email bob@shop.example"]);

        // Old data with the old keys opens, while the epoch lasts: what the documentation says, and why epochs are short.
        let address = format!("sqlite:{}", old_keys.display());
        let both_old = keys.try_open(open_db(&address, &db.clock).await).await.unwrap();
        assert_eq!(open(&vault(&old_data, both_old), ada(), &["contact.email"]).await.unwrap().len(), 1);

        // The epoch ends: from now on neither copy is of any use for her, and all goes on for the others.
        today.keys().begin_epoch().await.unwrap();
        while today.keys().rewrap(100).await.unwrap().left > 0 {}
        assert_eq!(today.keys().end_older_epochs().await.unwrap().len(), 1);
        let refused = keys.try_open(open_db(&address, &db.clock).await).await.err().unwrap();
        assert_eq!(refused, Error::NoEpoch(1), "the old key store still opens");
        assert_eq!(
            shown(&vault(&old_data, keys.open().await), bob(), &["contact.email"]).await,
            ["own email bob@shop.example"]
        );
    });
}

/// The same with today's keys, as operators restore: the next start erases her again, and no nightly import makes her a new key.
#[test]
fn older_data_beside_todays_keys_is_erased_again() {
    storeward_store::testing::run(Engine::Sqlite, MIGRATIONS, async |db| {
        let keys = Keys::new(Engine::Sqlite, db.clock.clone()).unwrap();
        let today = vault(&db, keys.open().await);
        for (who, email) in [(ada(), "ada@shop.example"), (bob(), "bob@shop.example")] {
            today.write(staff(), who, item("own", &[("contact.email", email)])).await.unwrap();
        }
        let backup = tempfile::tempdir().unwrap();
        let data = backup.path().join("data.db");
        let (from, to) = ((*db).clone(), data.clone());
        blocking(move || from.snapshot_to(&to).unwrap()).await;
        today.erase(&own(ada())).await.unwrap();

        let old_data = open_old(&data, &db.clock).await;
        let restored = vault(&old_data, keys.open().await);
        let email = storeward_vault::Field::find("contact.email").unwrap();
        let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_mark WHERE customer = $1";
        let left = old_data.read(move |reader| -> Result<u64, storeward_store::Error> {
            reader.query_one(count, storeward_store::params![ada()], |row| row.get(0))
        });
        assert_eq!(left.await.unwrap(), 1, "the copy is older");
        assert_eq!(
            restored.find(email, "ada@shop.example").await.unwrap(),
            [],
            "nobody without a key is found"
        );
        let again = item("own", &[("contact.email", "ada@shop.example")]);
        assert_eq!(restored.write(staff(), ada(), again.clone()).await.unwrap_err(), Error::NoCustomer);

        assert_eq!(restored.finish_erasures().await.unwrap(), 1);
        assert_eq!(restored.find(email, "ada@shop.example").await.unwrap(), []);
        assert_eq!(restored.write(staff(), ada(), again).await.unwrap_err(), Error::NoCustomer);
        assert_eq!(restored.finish_erasures().await.unwrap(), 0, "once");
        assert_eq!(shown(&restored, bob(), &["contact.email"]).await, ["own email bob@shop.example"]);
    });
}

async fn open_old(path: &std::path::Path, clock: &std::sync::Arc<storeward_base::FixedClock>) -> Db {
    let options = options(&format!("sqlite:{}", path.display()), MIGRATIONS, std::sync::Arc::clone(clock));
    blocking(move || Db::open(options).unwrap()).await
}
