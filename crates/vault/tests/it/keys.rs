//! The key store: rotation while it is used, and what it finds when somebody was at it.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, Clock, SystemEntropy};
use storeward_seal::envelope::EpochId;
use storeward_store::{Engine, both_engines, ledger};
use storeward_vault::{Error, KeyFault, KeyStore, KeyStoreParts, MIGRATIONS, Shelf};

use crate::support::{Keys, ada, bob, both, item, shown, staff, vault};

both_engines!(a_rotation_goes_on_where_it_stopped_while_everything_works, MIGRATIONS, async |db| {
    let (keys, first) = both(&db).await;
    let people: Vec<_> = (1..=7).map(storeward_base::CustomerId::from_bits).collect();
    for who in &people {
        first.write(staff(), *who, item("home", &[("address.city", "London")])).await.unwrap();
    }
    let epoch = first.keys().begin_epoch().await.unwrap();
    assert_eq!(epoch.0, 2);
    let step = first.keys().rewrap(3).await.unwrap();
    // The keys of three customers, the root of the indexes, and the nine keys of names.
    assert_eq!((step.rewrapped, step.left), (13, 4));
    let rotation = first.keys().rotation().await.unwrap().unwrap();
    assert_eq!((rotation.epoch, rotation.done, rotation.of), (epoch, 3, 7));
    assert_eq!(first.keys().end_older_epochs().await.unwrap(), [], "keys are left in the first epoch");
    // Killed here: the next process goes on.
    let again = vault(&db, keys.open().await);
    for who in &people {
        assert_eq!(shown(&again, *who, &["address.city"]).await, ["home city London"]);
    }
    assert_eq!(again.keys().rewrap(100).await.unwrap().left, 0);
    let ended = again.keys().end_older_epochs().await.unwrap();
    assert_eq!(ended.iter().map(|epoch| epoch.0).collect::<Vec<_>>(), [1]);
    for who in &people {
        assert_eq!(shown(&again, *who, &["address.city"]).await, ["home city London"]);
    }
    assert_eq!(again.keys().verify().await.unwrap(), []);
    // The shelf holds one epoch, and nothing is left beside it.
    let shelf = std::fs::read_to_string(keys.shelf()).unwrap();
    assert!(shelf.contains("\"epoch\": 2") && !shelf.contains("\"epoch\": 1"));
    let mut left: Vec<_> =
        std::fs::read_dir(keys.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["epochs.json", "epochs.lock"]);
    assert_eq!(again.keys().rotation().await.unwrap(), None);
    // No number comes twice.
    assert_eq!(again.keys().begin_epoch().await.unwrap().0, 3);
    let mut shown = Vec::new();
    again.keys().rotate_shown(std::time::Duration::ZERO, |one| shown.push((one.done, one.of))).await.unwrap();
    assert_eq!(shown, [(0, 7), (7, 7)]);
});

both_engines!(harm_done_to_the_key_store_is_found_and_named, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    let carol = storeward_base::CustomerId::from_bits(0xCA);
    for who in [ada(), bob(), carol] {
        vault.write(staff(), who, item("home", &[("address.city", "London")])).await.unwrap();
    }
    assert_eq!(vault.keys().verify().await.unwrap(), []);
    let key_db = storeward_store::testing::TestDb::at(
        keys.place.clone(),
        storeward_vault::KEY_MIGRATIONS,
        db.clock.clone(),
    );
    // One key deleted past the store, one put in the place of another's.
    key_db.tamper(&format!("DELETE FROM vault_customer_key WHERE customer = '{}'", ada()));
    key_db.tamper(&format!(
        "UPDATE vault_customer_key SET wrapped = (SELECT wrapped FROM vault_customer_key WHERE customer = '{carol}') \
         WHERE customer = '{}'",
        bob()
    ));
    key_db.tamper(&format!(
        "INSERT INTO vault_customer_key SELECT 'cust_00000000000000000000000009', version, epoch, wrapped, created_at, revision, noted \
         FROM vault_customer_key WHERE customer = '{carol}'"
    ));
    let mut faults = vault.keys().verify().await.unwrap();
    faults.sort_by_key(|fault| format!("{fault:?}"));
    let stranger = "cust_00000000000000000000000009".parse().unwrap();
    assert_eq!(faults, [KeyFault::Damaged(bob()), KeyFault::Missing(ada()), KeyFault::Unknown(stranger)]);
});

both_engines!(a_shelf_of_another_root_or_none_at_all_is_told, MIGRATIONS, async |db| {
    let (mut keys, vault) = both(&db).await;
    vault.write(staff(), ada(), item("home", &[("address.city", "London")])).await.unwrap();
    let found = keys.root.clone();
    keys.root = storeward_seal::envelope::SecretRoot::from_bytes(storeward_base::Secret::new([6; 32]));
    let refused = keys.try_open(keys.db().await).await.err().unwrap();
    assert!(matches!(&refused, Error::OtherRoot { .. }), "{refused}");
    keys.root = found;
    std::fs::rename(keys.shelf(), keys.folder.path().join("away")).unwrap();
    let refused = keys.try_open(keys.db().await).await.err().unwrap();
    assert!(refused.to_string().contains("holds 1 keys"), "{refused}");
    std::fs::write(keys.shelf(), "{}").unwrap();
    let refused = keys.try_open(keys.db().await).await.err().unwrap();
    assert!(refused.to_string().contains("damaged"), "{refused}");
});

#[test]
fn an_interrupted_destruction_is_finished_and_never_destroys_the_shelf_itself() {
    storeward_store::testing::run(Engine::Sqlite, MIGRATIONS, async |db| {
        let keys = Keys::new(Engine::Sqlite, db.clock.clone()).unwrap();
        drop(keys.open().await);
        let (shelf, old) = (keys.shelf(), keys.shelf().with_extension("old"));
        let before = std::fs::read(&shelf).unwrap();
        // Stopped before the new file had its name: both names are one file.
        std::fs::hard_link(&shelf, &old).unwrap();
        drop(keys.open().await);
        assert_eq!(std::fs::read(&shelf).unwrap(), before);
        assert!(!old.exists());
        // Stopped before the old blocks were written over.
        std::fs::write(&old, "the key of an epoch that ended").unwrap();
        std::fs::hard_link(&old, keys.folder.path().join("watch")).unwrap();
        drop(keys.open().await);
        assert!(!old.exists());
        let left = std::fs::read(keys.folder.path().join("watch")).unwrap();
        assert!(left.iter().all(|byte| *byte == 0), "the old blocks still say something");
    });
}

// A key that was wrapped in an epoch just before its end would be gone with it, and with it the customer's data.
both_engines!(no_key_that_is_made_during_a_rotation_is_lost, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let people: Vec<_> = (1..=120).map(storeward_base::CustomerId::from_bits).collect();
    let mut writers = tokio::task::JoinSet::new();
    for who in people.clone() {
        let vault = vault.clone();
        writers.spawn(async move {
            vault.write(staff(), who, item("home", &[("address.city", "London")])).await.unwrap();
        });
    }
    let mut ended = 0;
    while !writers.is_empty() {
        ended += vault.keys().rotate(std::time::Duration::ZERO).await.unwrap().len();
        while writers.try_join_next().is_some() {}
    }
    assert!(ended > 0);
    for who in people {
        assert_eq!(shown(&vault, who, &["address.city"]).await, ["home city London"]);
    }
    assert_eq!(vault.keys().verify().await.unwrap(), []);
});

// On a server, where an import noted records meanwhile, others' writes came first as often as a write is tried, and the rotation ended there. On
// SQLite others wait, and none comes first.
both_engines!(a_rotation_goes_on_where_others_writes_come_first, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    for who in [ada(), bob()] {
        vault.write(staff(), who, item("home", &[("address.city", "London")])).await.unwrap();
    }
    vault.keys().write_notes().await.unwrap();
    vault.keys().begin_epoch().await.unwrap();
    let key_db = storeward_store::testing::TestDb::at(
        keys.place.clone(),
        storeward_vault::KEY_MIGRATIONS,
        db.clock.clone(),
    );
    if db.engine() == Engine::Postgres {
        // A sequence counts what was taken back, too: all tries of the first write, and one of the second.
        key_db.raw(
            "CREATE SEQUENCE tries; CREATE FUNCTION come_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF nextval('tries') <= 7 THEN RAISE EXCEPTION 'others came first' USING ERRCODE = 'serialization_failure'; END IF; \
             RETURN NEW; END $$; \
             CREATE TRIGGER come_first BEFORE UPDATE ON vault_customer_key FOR EACH ROW EXECUTE FUNCTION come_first()",
        );
    }
    let held = (db.engine() == Engine::Sqlite).then(|| key_db.hold());
    let (say, mut said) = tokio::sync::mpsc::unbounded_channel();
    let rotation = vault.keys().rotate_shown(std::time::Duration::ZERO, |shown| say.send(shown).unwrap());
    let (ended, ()) = tokio::join!(rotation, async {
        said.recv().await.unwrap();
        drop(held);
    });
    assert_eq!(ended.unwrap().iter().map(|epoch| epoch.0).collect::<Vec<_>>(), [1]);
    for who in [ada(), bob()] {
        assert_eq!(shown(&vault, who, &["address.city"]).await, ["home city London"]);
    }
    assert_eq!(vault.keys().verify().await.unwrap(), []);
});

both_engines!(a_rotation_waits_while_another_program_makes_keys, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    let importer = storeward_vault::Shelf::at(keys.shelf()).hold().unwrap();
    assert_eq!(vault.keys().rotate(std::time::Duration::ZERO).await.unwrap_err(), Error::ShelfHeld);
    assert_eq!(vault.keys().current_epoch().0, 1);
    drop(importer);
    assert_eq!(vault.keys().rotate(std::time::Duration::ZERO).await.unwrap().len(), 1);
    // Not before its time.
    let month = std::time::Duration::from_secs(30 * 24 * 3600);
    assert_eq!(vault.keys().rotate(month).await.unwrap(), []);
    db.clock.advance(month);
    assert_eq!(vault.keys().rotate(month).await.unwrap().len(), 1);
    assert_eq!(vault.keys().current_epoch().0, 3);
});

// The first line that a new user read was an error: the demo takes its customers over while the first rotation is due.
both_engines!(a_rotation_that_is_due_waits_for_an_import, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    let importer = storeward_vault::Shelf::at(keys.shelf()).hold().unwrap();
    // The rotation is polled first, and finds the shelf held.
    let (done, ()) =
        tokio::join!(vault.rotate_patiently(std::time::Duration::ZERO), async { drop(importer) });
    assert_eq!((done, vault.keys().current_epoch().0), (Ok(()), 2));
});

both_engines!(an_empty_store_beside_the_epochs_of_another_is_refused, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    vault.write(staff(), ada(), item("home", &[("address.city", "London")])).await.unwrap();
    db.clock.advance(std::time::Duration::from_secs(120));
    let elsewhere = Keys::new(db.engine(), std::sync::Arc::clone(&db.clock)).unwrap();
    let empty = elsewhere.db().await;
    let told = keys.try_open(empty).await.map(drop).unwrap_err().to_string();
    assert!(told.contains("restore it from its copy"), "{told}");
    // Its own opens as ever.
    let again = keys.open().await;
    assert_eq!(again.verify().await.unwrap(), []);
});

/// The store on a server, as the directory whose epochs lie in `folder` opens it.
async fn parts_in(keys: &Keys, folder: &std::path::Path) -> KeyStoreParts {
    KeyStoreParts {
        db: keys.db().await,
        shelf: Shelf::at(folder.join("epochs.json")).of_server(),
        root: Arc::new(keys.root.clone()),
        entropy: Arc::new(SystemEntropy),
    }
}

fn lay(from: &std::path::Path, to: &std::path::Path, names: &[&str]) {
    for name in names {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

// A restored copy rotated: every key lay under an epoch that the original did not have, and whoever deleted the copy had lost all customers.
both_engines!(a_copy_of_a_directory_takes_no_keys_from_the_original, MIGRATIONS, async |db| {
    // Of an earlier build: nothing tells it from a copy yet.
    let (keys, first) = both(&db).await;
    first.write(staff(), ada(), item("home", &[("address.city", "London")])).await.unwrap();
    let (original, copy) = (keys.folder.path(), tempfile::tempdir().unwrap());
    let running = vault(&db, KeyStore::open(parts_in(&keys, original).await).await.unwrap());
    lay(original, copy.path(), &["epochs.json"]);
    let refused = KeyStore::open(parts_in(&keys, copy.path()).await).await.map(drop).unwrap_err();
    assert!(matches!(refused, Error::OtherDirectory(_)) && refused.to_string().contains("take-key-store"));
    // Its own opens as ever, and rotates.
    drop(KeyStore::open(parts_in(&keys, original).await).await.unwrap());
    running.keys().rotate(Duration::ZERO).await.unwrap();
    let (_, was_anothers) =
        KeyStore::open_taken(parts_in(&keys, original).await, Actor::Operator).await.unwrap();
    assert!(!was_anothers);
    // An older copy takes nothing: the keys do not open there, and the store stays whose it is.
    let refused = KeyStore::open_taken(parts_in(&keys, copy.path()).await, Actor::Operator).await;
    assert!(matches!(refused.map(drop).unwrap_err(), Error::Shelf(_)));
    running.write(staff(), bob(), item("home", &[("address.city", "Rome")])).await.unwrap();

    // The machine is lost, and the copy takes its place.
    lay(original, copy.path(), &["epochs.json"]);
    let (taken, was_anothers) =
        KeyStore::open_taken(parts_in(&keys, copy.path()).await, Actor::Operator).await.unwrap();
    assert!(was_anothers);
    let taken = vault(&db, taken);
    assert_eq!(shown(&taken, ada(), &["address.city"]).await, ["home city London"]);
    // Were it not lost, it would wrap nothing any more.
    let carol = storeward_base::CustomerId::from_bits(0xCA);
    let refused = running.write(staff(), carol, item("home", &[("address.city", "Paris")])).await.map(drop);
    assert!(matches!(refused.unwrap_err(), Error::OtherDirectory(_)));
    for done in [
        running.keys().rotate(Duration::ZERO).await.map(drop),
        running.keys().begin_epoch().await.map(drop),
        running.keys().rewrap(10).await.map(drop),
        running.renew_index(|_| {}).await.map(drop),
    ] {
        assert!(matches!(done.unwrap_err(), Error::OtherDirectory(_)));
    }
    taken.keys().rotate(Duration::ZERO).await.unwrap();
    assert_eq!(taken.keys().verify().await.unwrap(), []);
    for (who, city) in [(ada(), "London"), (bob(), "Rome")] {
        assert_eq!(shown(&taken, who, &["address.city"]).await, [format!("home city {city}")]);
    }
    // It comes back with the epochs of now.
    lay(copy.path(), original, &["epochs.json"]);
    let (back, _) = KeyStore::open_taken(parts_in(&keys, original).await, Actor::Operator).await.unwrap();
    assert_eq!(back.verify().await.unwrap(), []);
    // A copy by hand that bears the original's own mark: of the two that rotate, the second is stopped before it wraps anything.
    lay(original, copy.path(), &["epochs.json", "epochs.id"]);
    let twin = KeyStore::open(parts_in(&keys, copy.path()).await).await.unwrap();
    twin.begin_epoch().await.unwrap();
    assert!(matches!(back.begin_epoch().await.unwrap_err(), Error::Shelf(_)));
});

// Killed behind the renaming of epochs.json: neither that the epoch began nor that one was destroyed was ever told.
both_engines!(what_a_killed_rotation_did_is_told_at_the_next_start, MIGRATIONS, async |db| {
    let (keys, first) = both(&db).await;
    first.write(staff(), ada(), item("home", &[("address.city", "London")])).await.unwrap();
    let shelf = Shelf::at(keys.shelf());
    shelf.begin(&keys.root, &SystemEntropy, db.clock.now()).unwrap();
    let told = async || -> Vec<&'static str> {
        let found = keys.db().await.read(|reader| ledger::read_after(reader, 0, 500)).await.unwrap();
        let kinds = found.into_iter().map(|(_, record)| record.event.kind());
        kinds.filter(|kind| kind.starts_with("vault.epoch")).collect()
    };
    let again = keys.open().await;
    assert_eq!(told().await, ["vault.epoch_begun", "vault.epoch_begun"]);
    assert_eq!(again.rewrap(100).await.unwrap().left, 0);
    shelf.destroy(&[EpochId(1)], &keys.root, &SystemEntropy).unwrap();
    for _ in 0..2 {
        let once = keys.open().await;
        assert_eq!(told().await, ["vault.epoch_begun", "vault.epoch_begun", "vault.epoch_destroyed"]);
        assert_eq!(once.verify().await.unwrap(), []);
    }
});

both_engines!(the_keys_go_to_another_root_key_as_a_whole_and_back, MIGRATIONS, async |db| {
    use storeward_seal::envelope::{RootKey, SecretRoot};
    let (mut keys, first) = both(&db).await;
    first.write(staff(), ada(), item("own", &[("contact.email", "ada@shop.example")])).await.unwrap();
    let old_copy = std::fs::read(keys.shelf()).unwrap();
    let (old, new) = (keys.root.clone(), SecretRoot::from_bytes(storeward_base::Secret::new([6; 32])));
    let parts = |db, root: &SecretRoot| storeward_vault::KeyStoreParts {
        db,
        shelf: storeward_vault::Shelf::at(keys.shelf()),
        root: std::sync::Arc::new(root.clone()),
        entropy: std::sync::Arc::new(storeward_base::SystemEntropy),
    };
    let operator = storeward_base::Actor::Operator;
    let moved =
        storeward_vault::KeyStore::open_moved(parts(keys.db().await, &new), &old, operator).await.unwrap();
    moved.rotate(std::time::Duration::ZERO).await.unwrap();
    // Nothing on the shelf is under the old one, and nothing lies beside it.
    let shelf = std::fs::read_to_string(keys.shelf()).unwrap();
    assert!(shelf.contains(&new.id()) && !shelf.contains(&old.id()), "{shelf}");
    assert!(!keys.shelf().with_extension("old").exists());
    let moved = vault(&db, moved);
    assert_eq!(shown(&moved, ada(), &["contact.email"]).await, ["own email ada@shop.example"]);
    assert_eq!(moved.keys().verify().await.unwrap(), []);
    // The old root key opens it no more, and an old copy of the shelf opens no key.
    let refused = keys.try_open(keys.db().await).await.err().unwrap();
    assert!(matches!(&refused, Error::OtherRoot { .. }), "{refused}");
    let now = std::fs::read(keys.shelf()).unwrap();
    std::fs::write(keys.shelf(), old_copy).unwrap();
    let told = match keys.try_open(keys.db().await).await {
        Ok(store) => store.key(ada()).await.map(drop).unwrap_err(),
        Err(why) => why,
    };
    assert_eq!(told, Error::NoEpoch(2));
    std::fs::write(keys.shelf(), now).unwrap();
    // Repeated, it stays as it is; a stranger's root key moves nothing.
    for from in [old.clone(), SecretRoot::from_bytes(storeward_base::Secret::new([7; 32]))] {
        let again = storeward_vault::KeyStore::open_moved(parts(keys.db().await, &new), &from, operator)
            .await
            .unwrap();
        assert_eq!(again.current_epoch().0, 2);
    }
    let stranger = SecretRoot::from_bytes(storeward_base::Secret::new([7; 32]));
    let refused =
        storeward_vault::KeyStore::open_moved(parts(keys.db().await, &old), &stranger, operator).await;
    assert!(matches!(refused.err().unwrap(), Error::OtherRoot { .. }));
    // And back.
    let back =
        storeward_vault::KeyStore::open_moved(parts(keys.db().await, &old), &new, operator).await.unwrap();
    assert_eq!(back.current_epoch().0, 2);
    keys.root = old;
    let again = vault(&db, keys.open().await);
    assert_eq!(shown(&again, ada(), &["contact.email"]).await, ["own email ada@shop.example"]);
});

// Neither decided anything, and nobody noticed; without the note of it, an erased customer could have been made a key again.
both_engines!(when_a_key_was_made_and_that_one_was_destroyed_is_held, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    for who in [ada(), bob()] {
        vault.write(staff(), who, item("home", &[("address.city", "London")])).await.unwrap();
    }
    assert!(vault.keys().destroy(bob(), staff()).await.unwrap());
    assert_eq!(vault.keys().verify().await.unwrap(), []);
    let key_db = storeward_store::testing::TestDb::at(
        keys.place.clone(),
        storeward_vault::KEY_MIGRATIONS,
        db.clock.clone(),
    );
    for (change, back) in [("- 86400000000", "+ 86400000000"), ("+ 60000000", "- 60000000")] {
        key_db.tamper(&format!("UPDATE vault_customer_key SET created_at = created_at {change}"));
        assert_eq!(vault.keys().verify().await.unwrap(), [KeyFault::Damaged(ada())], "{change}");
        key_db.tamper(&format!("UPDATE vault_customer_key SET created_at = created_at {back}"));
    }
    // A version before stamped the row first, and its entry waited for a minute.
    key_db.tamper("UPDATE vault_customer_key SET created_at = created_at - 60000000");
    assert_eq!(vault.keys().verify().await.unwrap(), []);
    key_db.tamper("DELETE FROM vault_destroyed_key");
    assert_eq!(vault.keys().verify().await.unwrap(), [KeyFault::Undestroyed(bob())]);
});

// Erased by a version before the notes: the look over the keys failed for good, and so did each drill.
both_engines!(whoever_was_erased_before_there_were_notes_has_one, MIGRATIONS, async |db| {
    let (keys, vault) = both(&db).await;
    for who in [ada(), bob()] {
        vault.write(staff(), who, item("home", &[("address.city", "London")])).await.unwrap();
    }
    assert!(vault.keys().destroy(bob(), staff()).await.unwrap());
    let key_db = storeward_store::testing::TestDb::at(
        keys.place.clone(),
        storeward_vault::KEY_MIGRATIONS,
        db.clock.clone(),
    );
    // As that version left it. Somebody wrote beside the ledger, too, that Ada's was destroyed.
    key_db.tamper(
        "DELETE FROM vault_destroyed_key; DROP TABLE vault_destroyed_noted; \
         DELETE FROM schema_migration WHERE domain = 'vault_keys' AND number = 5",
    );
    key_db.forge(1, "vault.customer_key_destroyed", &format!("{{\"customer\":\"{}\"}}", ada()));
    let updated = keys.open().await;
    assert_eq!(updated.verify().await.unwrap(), []);
    assert_eq!(updated.destroyed().await.unwrap(), [bob()]);
    // Nobody makes him another key.
    let refused = crate::support::vault(&db, updated.clone())
        .write(staff(), bob(), item("home", &[("address.city", "Ely")]))
        .await;
    assert_eq!(refused.unwrap_err(), Error::NoCustomer);
    // Once: a note that is taken away afterwards is told.
    key_db.tamper("DELETE FROM vault_destroyed_key");
    assert_eq!(keys.open().await.verify().await.unwrap(), [KeyFault::Undestroyed(bob())]);
});
