//! By what customers are found: another root while everything works, parts of names on request, and marks made anew after a restore.

use std::sync::Arc;

use storeward_base::{Actor, CustomerId};
use storeward_events::Event;
use storeward_events::vault::IndexMade;
use storeward_store::testing::{TestDb, blocking, options};
use storeward_store::{Db, Engine, both_engines, ledger};
use storeward_vault::{Class, Error, KEY_MIGRATIONS, MIGRATIONS, Vault, by_part};

use crate::support::{ada, bob, both, copy_of, field, item, open_db, own, staff, vault};

fn person(number: u128) -> CustomerId {
    CustomerId::from_bits(number << 64)
}

fn address(number: u128) -> String {
    format!("p{number}@shop.example")
}

async fn people(vault: &Vault, count: u128) {
    for number in 1..=count {
        vault
            .write(staff(), person(number), item("own", &[("contact.email", &address(number))]))
            .await
            .unwrap();
    }
}

async fn all_are_found(vault: &Vault, count: u128) {
    for number in 1..=count {
        let found = vault.find(field("contact.email"), &address(number)).await.unwrap();
        assert_eq!(found, [person(number)], "{number}");
    }
}

async fn is_clean(vault: &Vault) {
    let verified = vault.verify(Actor::Operator, |_| {}).await.unwrap();
    assert_eq!(verified.flaws, []);
    assert_eq!(vault.keys().verify().await.unwrap(), []);
}

fn versions(vault: &Vault) -> Vec<u32> {
    vault.keys().indexes().iter().map(|(version, _)| *version).collect()
}

/// How many marks of a root there are: told by what a delete of them would say.
async fn roots_with_marks(db: &TestDb) -> Vec<u32> {
    let found = db.read(|reader| -> Result<Vec<u32>, storeward_store::Error> {
        reader.query_many("SELECT DISTINCT root FROM vault_mark ORDER BY root", &[], |row| row.get(0))
    });
    found.await.unwrap()
}

both_engines!(a_root_is_replaced_while_everything_works_and_after_a_kill, MIGRATIONS, async |db| {
    let (keys, first) = both(&db).await;
    first.settle_indexes(&[]).await.unwrap();
    people(&first, 250).await;
    // Another program of the same data, which knows of the first root only.
    let second = vault(&db, keys.open().await);
    let number = first.item_of_shop(Class::Order, "1001");
    let (customer, ended) = (first.customer_of_shop("77"), first.customer_of_shop("78"));

    // Stopped in the middle: after its first two pages.
    let (running, (say, mut said)) = (first.clone(), tokio::sync::mpsc::unbounded_channel());
    let task = tokio::spawn(async move {
        running.renew_index(|making| drop(say.send(making))).await.unwrap();
    });
    let begun = said.recv().await.unwrap();
    assert_eq!((begun.root, begun.is_ending, begun.of), (2, false, 250));
    task.abort();
    drop(task.await);

    let third = vault(&db, keys.open().await);
    assert_eq!(versions(&third), [1, 2]);
    let under_way = third.indexes_under_way().await.unwrap();
    assert_eq!(under_way.len(), 1);
    assert!(under_way[0].done < 250, "{under_way:?}");
    all_are_found(&third, 250).await;
    is_clean(&third).await;
    // Whoever knows of one root only writes both marks, and finds.
    assert_eq!(versions(&second), [1]);
    second.write(staff(), ada(), item("own", &[("contact.email", "ada@shop.example")])).await.unwrap();
    third.write(staff(), person(3), item("own", &[("contact.email", "other@shop.example")])).await.unwrap();
    second.erase(&own(person(5))).await.unwrap();

    third.make_indexes(|_| {}).await.unwrap();
    assert_eq!(versions(&third), [2]);
    assert_eq!(roots_with_marks(&db).await, [2]);
    for vault in [&third, &second] {
        let found = vault.find(field("contact.email"), "ada@shop.example").await.unwrap();
        assert_eq!(found, [ada()]);
        assert_eq!(vault.find(field("contact.email"), "other@shop.example").await.unwrap(), [person(3)]);
        for gone in [3, 5] {
            assert_eq!(vault.find(field("contact.email"), &address(gone)).await.unwrap(), []);
        }
        assert_eq!(vault.find(field("contact.email"), &address(249)).await.unwrap(), [person(249)]);
    }
    assert_eq!(third.indexes_under_way().await.unwrap(), []);
    is_clean(&third).await;
    // What the first root named is called so for ever.
    let again = vault(&db, keys.open().await);
    for one in [&third, &again] {
        assert_eq!(one.item_of_shop(Class::Order, "1001"), number);
        assert_eq!((one.customer_of_shop("77"), one.customer_of_shop("78")), (customer, ended));
    }
    // Nothing of the root is left, and a rotation of epochs goes on with what is.
    let key_db = TestDb::at(keys.place.clone(), KEY_MIGRATIONS, db.clock.clone());
    let left = key_db.read(|reader| -> Result<Vec<Vec<u8>>, storeward_store::Error> {
        reader.query_many("SELECT wrapped FROM vault_index_root WHERE version = 1", &[], |row| row.get(0))
    });
    assert_eq!(left.await.unwrap(), [Vec::<u8>::new()]);
    assert_eq!(again.keys().rotate(std::time::Duration::ZERO).await.unwrap().len(), 1);
    let after = vault(&db, keys.open().await);
    assert_eq!(after.find(field("contact.email"), "ada@shop.example").await.unwrap(), [ada()]);
    // No version comes twice.
    after.renew_index(|_| {}).await.unwrap();
    assert_eq!(versions(&after), [3]);
    blocking(move || drop(key_db)).await;
});

// Beside the running Storeward, which makes marks as well, each page was counted twice, and the end of it told twice.
both_engines!(two_programs_that_make_marks_at_once_count_and_tell_once, MIGRATIONS, async |db| {
    let (keys, first) = both(&db).await;
    first.settle_indexes(&[]).await.unwrap();
    people(&first, 450).await;
    let second = vault(&db, keys.open().await);
    let (say, mut said) = tokio::sync::mpsc::unbounded_channel();
    let (other, running) = (say.clone(), first.clone());
    let task = tokio::spawn(async move { running.renew_index(|making| drop(say.send(making))).await });
    assert_eq!(said.recv().await.unwrap().done, 0);
    second.make_indexes(move |making| drop(other.send(making))).await.unwrap();
    assert_eq!(task.await.unwrap(), Ok(true));
    let first = vault(&db, keys.open().await);
    while let Some(making) = said.recv().await {
        assert!(making.done <= making.of, "{making:?}");
    }
    let all = db.read(|reader| ledger::read_after(reader, 0, 10_000)).await.unwrap();
    let made: Vec<_> = all.iter().filter_map(|(_, record)| made(&record.event)).collect();
    assert_eq!(made.len(), 1, "told once: {made:?}");
    assert_eq!((made[0].version, made[0].customers), (2, 450));
    all_are_found(&first, 450).await;
    is_clean(&first).await;
});

// Each began a root of its own, and whichever came later left the other one with a root that it did not know.
both_engines!(
    of_two_renewals_at_one_moment_one_begins_and_the_other_goes_on_with_it,
    MIGRATIONS,
    async |db| {
        let (keys, first) = both(&db).await;
        first.settle_indexes(&[]).await.unwrap();
        people(&first, 250).await;
        let second = vault(&db, keys.open().await);
        let (one, other) = tokio::join!(first.renew_index(|_| {}), second.renew_index(|_| {}));
        let mut began = [one.unwrap(), other.unwrap()];
        began.sort_unstable();
        assert_eq!(began, [false, true]);
        let again = vault(&db, keys.open().await);
        assert_eq!((versions(&again), roots_with_marks(&db).await), (vec![2], vec![2]));
        assert_eq!(again.indexes_under_way().await.unwrap(), []);
        for vault in [&first, &second, &again] {
            all_are_found(vault, 250).await;
        }
        is_clean(&again).await;
        let key_db = TestDb::at(keys.place.clone(), KEY_MIGRATIONS, db.clock.clone());
        let told = key_db.read(|reader| ledger::told(reader, &["vault.index_begun", "vault.index_ended"]));
        assert_eq!(told.await.unwrap().len(), 2, "one begun, one ended");
        blocking(move || drop(key_db)).await;
        // The next one begins anew.
        assert_eq!((again.renew_index(|_| {}).await, versions(&again)), (Ok(true), vec![3]));
    }
);

// Whoever walked beside it ended with an error that named a root of a restore.
both_engines!(a_walk_goes_on_where_another_program_began_the_next_root, MIGRATIONS, async |db| {
    let (keys, first) = both(&db).await;
    first.settle_indexes(&[]).await.unwrap();
    people(&first, 250).await;
    begins_to_renew(first).await;
    let (second, third) = (vault(&db, keys.open().await), vault(&db, keys.open().await));
    let mut third = Some(third);
    let beside = |_| {
        let Some(third) = third.take() else { return };
        // To the end of that renewal, and into the next one, while the walk stands still.
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                third.make_indexes(|_| {}).await.unwrap();
                begins_to_renew(third).await;
            });
        };
        std::thread::spawn(work).join().unwrap();
    };
    second.make_indexes(beside).await.unwrap();
    assert_eq!((versions(&second), roots_with_marks(&db).await), (vec![3], vec![3]));
    all_are_found(&second, 250).await;
    is_clean(&second).await;
});

/// A renewal that is stopped after its first page.
async fn begins_to_renew(vault: Vault) {
    let (say, mut said) = tokio::sync::mpsc::unbounded_channel();
    let task = tokio::spawn(async move { vault.renew_index(|making| drop(say.send(making))).await });
    said.recv().await.unwrap();
    task.abort();
    drop(task.await);
}

// It looked at the roots before another program had ended one, and wrote down after it that this one's marks be made: from then on nothing
// could be written until the next start.
both_engines!(a_root_that_another_program_ended_is_not_made_again, MIGRATIONS, async |db| {
    let (keys, first) = both(&db).await;
    first.settle_indexes(&[]).await.unwrap();
    people(&first, 3).await;
    begins_to_renew(first).await;
    // The key store as it was read then, and the data of later.
    let key_db = TestDb::at(keys.place.clone(), KEY_MIGRATIONS, db.clock.clone());
    let before = copy_of(&key_db, keys.place.address(), KEY_MIGRATIONS, &db.clock).await;
    let first = vault(&db, keys.open().await);
    first.make_indexes(|_| {}).await.unwrap();
    assert_eq!((versions(&first), roots_with_marks(&db).await), (vec![2], vec![2]));
    let late = vault(&db, keys.try_open(open_db(&before.address, &db.clock).await).await.unwrap());
    assert_eq!(versions(&late), [1, 2]);
    late.settle_indexes(&[]).await.unwrap();
    first.write(staff(), ada(), item("own", &[("contact.email", "ada@shop.example")])).await.unwrap();
    all_are_found(&first, 3).await;
    // What it put there goes with the next walk.
    first.make_indexes(|_| {}).await.unwrap();
    assert_eq!(
        (first.indexes_under_way().await.unwrap(), roots_with_marks(&db).await),
        (Vec::new(), vec![2])
    );
    is_clean(&first).await;
    blocking(move || drop((key_db, late))).await;
});

fn made(event: &Event) -> Option<&IndexMade> {
    if let Event::IndexMade(fact) = event { Some(fact) } else { None }
}

both_engines!(names_are_found_by_parts_where_that_is_asked_for, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let name = by_part("contact.name").unwrap();
    for (who, called) in [(ada(), "Ada Lovelace"), (bob(), "Bob Loveday")] {
        vault.write(staff(), who, item("own", &[("contact.name", called)])).await.unwrap();
    }
    vault.settle_indexes(&[]).await.unwrap();
    let refused = vault.find_by_part(name, "love").await.unwrap_err();
    assert!(matches!(refused, Error::Value { why: "is not found by parts here", .. }), "{refused}");
    vault.settle_indexes(&[name]).await.unwrap();
    vault.make_indexes(|_| {}).await.unwrap();
    assert_eq!(vault.found_by_parts().await.unwrap(), [name]);
    let find = async |part: &str| {
        let mut found = vault.find_by_part(name, part).await.unwrap();
        found.sort_unstable();
        found
    };
    assert_eq!(find("LOVE").await, [ada(), bob()]);
    assert_eq!(find("lovelace").await, [ada()]);
    assert_eq!(find("ada  love").await, [ada()]);
    assert_eq!(find("da l").await, [ada()]);
    // All threes are in one name, but not one behind the other.
    assert_eq!(find("lacelove").await, []);
    assert_eq!(find("babbage").await, []);
    for short in ["lo", "", "  a"] {
        assert!(matches!(vault.find_by_part(name, short).await, Err(Error::Value { .. })), "{short:?}");
    }
    is_clean(&vault).await;
    // Written since, changed, taken away, erased.
    let carol = person(9);
    vault.write(staff(), carol, item("own", &[("contact.name", "Carol Lovett")])).await.unwrap();
    assert_eq!(find("lovett").await, [carol]);
    vault.write(staff(), carol, item("own", &[("contact.name", "Carol King")])).await.unwrap();
    assert_eq!(find("lovett").await, []);
    vault.erase(&own(ada())).await.unwrap();
    assert_eq!(find("love").await, [bob()]);
    is_clean(&vault).await;
    // A new root makes the parts' marks, too.
    vault.renew_index(|_| {}).await.unwrap();
    assert_eq!(find("love").await, [bob()]);
    assert_eq!(roots_with_marks(&db).await, [2]);
    is_clean(&vault).await;
    // And where it is not asked for any more, they go.
    vault.settle_indexes(&[]).await.unwrap();
    vault.make_indexes(|_| {}).await.unwrap();
    assert!(vault.find_by_part(name, "love").await.is_err());
    assert_eq!(roots_with_marks(&db).await, [] as [u32; 0], "marks of parts are left");
    is_clean(&vault).await;
});

both_engines!(
    a_mark_of_a_part_that_somebody_put_there_is_named_and_leads_to_nobody,
    MIGRATIONS,
    async |db| {
        let (_keys, vault) = both(&db).await;
        let name = by_part("contact.name").unwrap();
        vault.settle_indexes(&[name]).await.unwrap();
        vault.make_indexes(|_| {}).await.unwrap();
        for (who, called) in [(ada(), "Ada Lovelace"), (bob(), "Charles Babbage")] {
            vault.write(staff(), who, item("own", &[("contact.name", called)])).await.unwrap();
        }
        db.tamper(&format!("UPDATE vault_mark SET customer = '{}' WHERE customer = '{}'", bob(), ada()));
        assert_eq!(vault.find_by_part(name, "lovelace").await.unwrap(), []);
        let verified = vault.verify(Actor::Operator, |_| {}).await.unwrap();
        let named: Vec<_> = verified.flaws.iter().map(|flaw| (flaw.customer, flaw.place.as_str())).collect();
        assert_eq!(named, [(ada(), "contact.own.name"), (bob(), "contact.own.name")]);
    }
);

#[test]
fn nothing_is_found_by_parts_that_everybody_shares() {
    for wrong in ["contact.email", "contact.birthday", "address.country", "note.text", "contact.nobody"] {
        assert!(by_part(wrong).is_err(), "{wrong}");
    }
}

/// Data of before a renewal beside keys of after it, as a restore of yesterday's backup has them.
#[test]
fn marks_of_a_root_that_is_gone_are_made_anew_after_a_restore() {
    storeward_store::testing::run(Engine::Sqlite, MIGRATIONS, async |db| {
        let (keys, first) = both(&db).await;
        first.settle_indexes(&[]).await.unwrap();
        people(&first, 300).await;
        first.keys().write_notes().await.unwrap();
        let backup = keys.folder.path().join("backup.sqlite");
        let (source, to) = ((*db).clone(), backup.clone());
        blocking(move || source.snapshot_to(&to).unwrap()).await;
        first.renew_index(|_| {}).await.unwrap();

        let restored = options(&format!("sqlite:{}", backup.display()), MIGRATIONS, Arc::clone(&keys.clock));
        let restored = blocking(move || Db::open(restored).unwrap()).await;
        let again = vault(&restored, keys.open().await);
        let unknown = again.find(field("contact.email"), &address(1)).await.unwrap_err();
        assert_eq!(unknown, Error::OtherRoots(1));
        again.settle_indexes(&[]).await.unwrap();
        assert!(!again.can_find().await.unwrap());
        again.make_indexes(|_| {}).await.unwrap();
        assert!(again.can_find().await.unwrap());
        all_are_found(&again, 300).await;
        is_clean(&again).await;
        assert_eq!(versions(&again), [2]);
        // By hand, too: what somebody did to the marks is gone.
        let at = TestDbAt(&restored);
        at.run("DELETE FROM vault_mark");
        assert_eq!(again.find(field("contact.email"), &address(7)).await.unwrap(), []);
        again.remake_index(|_| {}).await.unwrap();
        all_are_found(&again, 300).await;
        blocking(move || restored.close()).await;
    });
}

// One word in the data took all marks away and destroyed the only root in the key store: nobody was found any more, and nothing said so.
both_engines!(who_writes_the_data_ends_no_root, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    vault.settle_indexes(&[]).await.unwrap();
    people(&vault, 5).await;
    for change in ["state = 'ending'", "state = 'ENDING'", "state = 'made '", "root = 2"] {
        db.tamper(&format!("UPDATE vault_index SET {change}"));
        vault.settle_indexes(&[]).await.unwrap();
        vault.make_indexes(|_| {}).await.unwrap();
        assert_eq!(versions(&vault), [1], "{change}");
        all_are_found(&vault, 5).await;
        is_clean(&vault).await;
    }
});

/// Statements past the vault on a database that no test database owns.
struct TestDbAt<'a>(&'a Db);

impl TestDbAt<'_> {
    fn run(&self, sql: &'static str) {
        let db = self.0.clone();
        let work = move || {
            db.write_blocking(|tx| -> Result<(), storeward_store::Error> {
                tx.commit_silent("harm that a test does");
                tx.execute(sql, &[]).map(drop)
            })
        };
        std::thread::spawn(work).join().unwrap().unwrap();
    }
}

// Whoever looked Ada up was shown Bob.
both_engines!(a_changed_mark_leads_nobody_to_another_and_is_told, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    for (who, address) in [(ada(), "ada@shop.example"), (bob(), "bob@shop.example")] {
        vault.write(staff(), who, item("own", &[("contact.email", address)])).await.unwrap();
    }
    let email = field("contact.email");
    assert_eq!(vault.find(email, "Ada@shop.example").await.unwrap(), [ada()]);
    let told = async || {
        let read =
            |reader: &mut storeward_store::Reader<'_>| storeward_store::ledger::read_after(reader, 0, 1000);
        let all = db.read(read).await.unwrap();
        let harmed = all.into_iter().filter_map(|(_, record)| match record.event {
            storeward_events::Event::RecordHarmed(fact) => Some((fact.customer, fact.place, fact.harm)),
            _ => None,
        });
        harmed.collect::<Vec<_>>()
    };
    assert_eq!(told().await, []);
    db.tamper(&format!("DELETE FROM vault_mark WHERE customer = '{}'", bob()));
    db.tamper(&format!("UPDATE vault_mark SET customer = '{}'", bob()));
    // Nor is the look over all of it led astray by a table that says the marks are only being made.
    db.tamper("UPDATE vault_index SET state = 'making'");
    assert_eq!(vault.find(email, "ada@shop.example").await.unwrap(), []);
    assert_eq!(told().await, [(bob(), "contact.email".to_owned(), "found".to_owned())]);
});

// A request for erasure by an address that was typed otherwise found nobody.
both_engines!(an_address_is_found_in_each_of_its_forms, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    vault.settle_indexes(&[]).await.unwrap();
    let kept = "Jo@b\u{fc}cher.example";
    vault.write(staff(), ada(), item("own", &[("contact.email", kept)])).await.unwrap();
    let forms = [kept, "jo@xn--bcher-kva.example", "jo@bu\u{308}cher.example", "JO@B\u{dc}CHER.EXAMPLE"];
    let email = field("contact.email");
    for form in forms {
        assert_eq!(vault.find(email, form).await.unwrap(), [ada()], "{form}");
        assert_eq!(vault.of_email(form).await.unwrap(), [ada()], "{form}");
    }
    assert_eq!(vault.find(email, "jo@bucher.example").await.unwrap(), []);
    // A mark of the version before goes on finding what it found, and is no flaw; renewed, it finds all.
    let put = |text: &str| {
        let (version, root) = vault.keys().indexes()[0].clone();
        let mark = storeward_seal::encoding::hex(&root.field("contact.email", version).mark(text));
        let bytes = match db.engine() {
            Engine::Sqlite => format!("x'{mark}'"),
            Engine::Postgres => format!("'\\x{mark}'::bytea"),
        };
        db.tamper(&format!("UPDATE vault_mark SET mark = {bytes} WHERE field = 'contact.email'"));
    };
    put("jo@b\u{fc}cher.example");
    assert_eq!(vault.find(email, kept).await.unwrap(), [ada()]);
    is_clean(&vault).await;
    vault.renew_index(|_| {}).await.unwrap();
    for form in forms {
        assert_eq!(vault.find(email, form).await.unwrap(), [ada()], "{form}");
    }
    is_clean(&vault).await;
    // Any other mark is one.
    put("eve@shop.example");
    assert_eq!(vault.verify(Actor::Operator, |_| {}).await.unwrap().faults, 1);
});

// A hundred marks with lower ids hid whom somebody asked to be erased.
both_engines!(marks_that_somebody_put_there_hide_nobody_behind_them, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault, 120).await;
    let last = storeward_base::CustomerId::from_bits(u128::MAX >> 1);
    vault.write(staff(), last, item("own", &[("contact.email", "ada@shop.example")])).await.unwrap();
    db.tamper(&format!(
        "INSERT INTO vault_mark SELECT DISTINCT one.field, one.root, one.mark, other.customer, other.item FROM vault_mark AS one, \
         vault_mark AS other WHERE one.customer = '{last}' AND one.field = 'contact.email' AND other.customer <> '{last}' \
         AND other.field = 'contact.email'"
    ));
    let email = field("contact.email");
    assert_eq!(vault.find(email, "ada@shop.example").await.unwrap(), [last]);
    assert_eq!(vault.of_email("ada@shop.example").await.unwrap(), [last], "nor from their own page");
    // A hundred records that somebody damaged are found, too, and fill no place before theirs.
    db.tamper(&format!("UPDATE vault_field SET version = version + 1 WHERE customer <> '{last}'"));
    let found = vault.find(email, "ada@shop.example").await.unwrap();
    assert_eq!((found.len(), found.contains(&last)), (100, true));
});

// A page began behind the id as it is read, and went through the ids as they lie there: the same one came for ever.
both_engines!(a_mark_that_names_nobody_as_they_are_written_stops_no_look_up, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault, 2).await;
    let (one, other) = (person(1).to_string(), person(2).to_string());
    for name in [format!("{other} "), other.to_uppercase(), "x".to_owned(), String::new()] {
        db.tamper(&format!(
            "INSERT INTO vault_mark SELECT field, root, mark, '{name}', item FROM vault_mark WHERE customer = '{one}' AND field = 'contact.email'"
        ));
    }
    if db.engine() == Engine::Sqlite {
        db.tamper(&format!(
            "INSERT INTO vault_mark SELECT field, root, mark, x'78', item FROM vault_mark WHERE customer = '{one}' AND field = 'contact.email'"
        ));
    }
    let limit = std::time::Duration::from_secs(60);
    let email = field("contact.email");
    let found = tokio::time::timeout(limit, vault.find(email, &address(1))).await.unwrap();
    assert_eq!(found.unwrap(), [person(1)]);
    let found = tokio::time::timeout(limit, vault.of_email(&address(1))).await.unwrap();
    assert_eq!(found.unwrap(), [person(1)]);
});
