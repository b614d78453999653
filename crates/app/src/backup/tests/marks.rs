//! By what customers are found in a copy that was restored.

use super::*;

/// Runs a statement past the vault.
fn tamper(opened: &Opened, sql: &'static str) {
    let done: Result<u64, storeward_store::Error> = opened.db.write_blocking(|tx| {
        tx.commit_silent("harm that a test does");
        tx.execute(sql, &[])
    });
    done.unwrap();
}

fn found(standing: &Standing, email: &str) -> Vec<CustomerId> {
    finished(standing.vault.find(Field::find("contact.email").unwrap(), email)).unwrap().unwrap()
}

// What stood in the backup stood in the copy: nobody was found by an address whose mark was gone, and the daily look alone told of it.
on_both!(marks_are_made_anew_from_what_is_sealed, |house: House| {
    house.vault(|standing| {
        keep(standing, ada(), "ada@shop.example");
        keep(standing, bob(), "bob@shop.example");
    });
    // A root that ended since, in the backup only; hers gone; his led to her.
    for sql in [
        "DELETE FROM vault_mark WHERE customer = 'cust_000000000000000000000002pt'",
        "INSERT INTO vault_mark SELECT field, root, mark, 'cust_000000000000000000000002pt', item FROM vault_mark",
        "INSERT INTO vault_mark SELECT field, 77, mark, customer, item FROM vault_mark WHERE root = 1",
        "INSERT INTO vault_mark SELECT DISTINCT field, root, mark, 'cust_00000000000000000000000009', item FROM vault_mark WHERE root = 1",
    ] {
        house.with(|opened| tamper(opened, sql));
    }
    house.vault(|standing| assert_eq!(found(standing, "ada@shop.example"), []));
    house.backup();
    let lines = house.restore(None, "restored").unwrap();
    assert!(lines.iter().any(|line| line.contains("indexes are made anew")), "{lines:?}");
    let mark = house.at("restored").join("vault/marks-of-a-backup");
    assert!(mark.is_file());
    open_restored(&house.at("restored"), &house, |opened, standing| {
        assert!(!mark.exists(), "once, by what serves");
        assert_eq!(found(standing, "ada@shop.example"), [ada()]);
        assert_eq!(found(standing, "bob@shop.example"), [bob()]);
        let looked = finished(standing.vault.verify(Actor::Operator, |_| {})).unwrap().unwrap();
        assert_eq!((looked.faults, looked.flaws), (0, vec![]));
        // As after a kill before the first of them was made: who opens it next goes on.
        finished(standing.vault.forget_marks()).unwrap().unwrap();
        let standing = crate::vault::start(opened).unwrap().unwrap();
        assert_eq!(found(&standing, "ada@shop.example"), [ada()]);
        standing.close();
    })
    .unwrap();
});

// One look by `check` or `vault verify`, before the dump was loaded elsewhere, made all marks of the live database anew with the keys of the
// copy: whoever had come since was found no more.
on_both!(a_restored_copy_that_only_looks_leaves_the_marks_of_the_live_database_alone, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.backup();
    house.vault(|standing| keep(standing, bob(), "bob@shop.example"));
    house.restore(None, "restored").unwrap();
    let mut config = crate::config::Config::load(&house.at("restored")).unwrap();
    // On SQLite the copy has its own; that of the original stands for a server's.
    config.config.database.url = house.with(|opened| match opened.db.url().file() {
        Some(file) => Secret::new(format!("sqlite:{}", file.display())),
        None => opened.loaded.config.database.url.clone(),
    });
    // The owner's word that it is to lead there: without it nothing is opened.
    let mark = house.at("restored").join(open::restored::MARK);
    if mark.exists() {
        std::fs::remove_file(mark).unwrap();
    }
    let opened = open::open_as(&house.at("restored"), config).unwrap();
    let looking = crate::vault::start(&opened).unwrap().unwrap();
    assert!(house.at("restored").join("vault/marks-of-a-backup").is_file());
    for (email, who) in [("ada@shop.example", ada()), ("bob@shop.example", bob())] {
        assert_eq!(found_marks(&opened, who), 1, "{email}");
    }
    // And where it serves there all the same: whom it has no key for keeps what leads there.
    looking.settle_restored(&opened).unwrap();
    assert_eq!((found_marks(&opened, ada()), found_marks(&opened, bob())), (1, 1));
    looking.close();
    opened.db.close();
    house.vault(|standing| assert_eq!(found(standing, "bob@shop.example"), [bob()]));
});

fn found_marks(opened: &Opened, customer: CustomerId) -> u64 {
    let counted: Result<u64, storeward_store::Error> = opened.db.read_blocking(move |reader| {
        reader.query_one(
            "SELECT COUNT(*) FROM vault_mark WHERE customer = $1",
            storeward_store::params![customer],
            |row| row.get(0),
        )
    });
    counted.unwrap()
}
