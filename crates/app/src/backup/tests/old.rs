//! A backup of before rows bore tags, restored beside keys that say that it is over with such rows.

use super::*;
use storeward_console::Console;

const STAFF: &str = "INSERT INTO staff_account (id, name, email, password_hash, totp_sealed, totp_step, enrolled_at) \
                     VALUES ('staff_00000000000000000000000001', 'Ada', 'ada@shop.example', '', $1, 0, 1)";
const CUSTOMER: &str = "INSERT INTO customer_account (id, language, password_failures, created_at) \
                        VALUES ('cus_00000000000000000000000001', 'en', 0, 1)";

/// A backup in which a row has no tag, as every row of that time; the house itself goes on without it.
fn backup_of_before(house: &House, insert: &'static str, table: &'static str) -> BackupId {
    house.with(|opened| {
        let run = |sql: String| {
            opened.db.write_blocking(move |tx| {
                tx.commit_silent("a test");
                let blob = storeward_store::Value::from(vec![1_u8]);
                let values = if sql.contains("$1") { std::slice::from_ref(&blob) } else { &[] };
                tx.execute(&sql, values)
            })
        };
        run(insert.to_owned()).unwrap();
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        let (begin, _) = now(opened, &backups, &backups.alone().unwrap()).unwrap();
        run(format!("DELETE FROM {table}")).unwrap();
        begin.run
    })
}

// Nobody was let in, and nothing said why.
on_both!(a_database_of_before_tags_is_opened_on_the_owners_word_only, |house: House| {
    for (insert, table) in [(STAFF, "staff_account"), (CUSTOMER, "customer_account")] {
        let run = backup_of_before(&house, insert, table);
        house.restore(Some(run), table).unwrap();
        let mark = house.at(table).join("keys/rows-bound");
        assert!(mark.is_file(), "it came with the keys");
        let why = open_restored(&house.at(table), &house, |_, _| ()).unwrap_err().to_string();
        assert!(
            why.contains("bears its tag") && why.contains("delete") && why.contains("rows-bound"),
            "{why}"
        );
        // The owner's word.
        std::fs::remove_file(&mark).unwrap();
        open_restored(&house.at(table), &house, |opened, _| {
            assert!(finished(open::rows::harmed(&opened.db)).unwrap().unwrap().is_empty(), "it has its tag");
            let staff = Console::members_blocking(&opened.db).unwrap().len();
            assert_eq!(staff, usize::from(table == "staff_account"));
        })
        .unwrap();
        assert!(mark.is_file());
    }
});

// Each update made the drills fail on a server until the next backup: what was counted was what this program had added.
on_both!(a_backup_of_before_an_update_passes_its_drill, |house: House| {
    house.vault(|standing| keep(standing, ada(), "ada@shop.example"));
    house.with(|opened| {
        for sql in [
            "DROP TABLE payment_day",
            "DELETE FROM schema_migration WHERE domain = 'payments' AND number = 16",
        ] {
            let run = move |tx: &mut storeward_store::Tx<'_>| {
                tx.commit_silent("a test");
                tx.execute(sql, &[])
            };
            opened.db.write_blocking(run).unwrap();
        }
        let backups = backups(&opened.data, section(&opened.loaded.config).unwrap(), Bars::none()).unwrap();
        now(opened, &backups, &backups.alone().unwrap()).unwrap();
    });
    let report = house.drill();
    assert!(report.has_passed(), "{report:?}");
});
