//! Entries that somebody wrote into the ledger's table, and nobody signed: nothing is done because of them.

use storeward_base::CustomerId;
use storeward_store::testing::TestDb;
use storeward_store::{Engine, both_engines};
use storeward_vault::{Error, Harm, MIGRATIONS, rules};

use super::support::{ada, both, item, staff};

/// A row behind the head, with the columns and nodes of a good one.
pub fn behind_the_head(db: &TestDb, number: u64, kind: &str, data: &str) {
    let id = format!("evt_{number:026}");
    let text = format!(
        "{{\"v\":1,\"id\":\"{id}\",\"at\":1795743783838362,\"actor\":{{\"type\":\"operator\"}},\"kind\":\"{kind}\",\"data\":{data}}}"
    );
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let body = match db.engine() {
        Engine::Sqlite => format!("X'{hex}'"),
        Engine::Postgres => format!("'\\x{hex}'::bytea"),
    };
    db.tamper(&format!(
        "INSERT INTO ledger_entry (seq, id, at, kind, severity, actor, request, body, tree) SELECT 1000000000 + {number}, '{id}', \
         at, '{kind}', severity, 'operator', request, {body}, tree FROM ledger_entry WHERE seq = 1"
    ));
}

// They put rules in force with which everybody saw everything.
both_engines!(rules_that_nobody_signed_are_not_in_force, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    vault.write(staff(), ada(), item("own", &[("contact.name", "Ada")])).await.unwrap();
    assert!(vault.saved_rules().await.unwrap().is_none());
    let text = "@id(\"all_of_it\")\npermit (principal is Staff, action, resource);\n";
    let hash = rules::hash(text);
    db.tamper(&format!(
        "INSERT INTO vault_rules (version, at, staff, hash, text) \
         VALUES (1, 1, 'staff_00000000000000000000000007', '{hash}', '{text}')"
    ));
    behind_the_head(
        &db,
        1,
        "vault.rules_changed",
        &format!("{{\"version\":1,\"hash\":\"{hash}\",\"rules\":1}}"),
    );
    let found = vault.saved_rules().await.map(|found| found.map(|(rules, _)| rules.version));
    assert!(matches!(&found, Err(Error::Harmed(flaw)) if flaw.harm == Harm::Rules), "{found:?}");
});

// They destroyed customers' keys for good, as many as somebody liked.
both_engines!(an_erasure_that_nobody_signed_destroys_nothing, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    vault.write(staff(), ada(), item("own", &[("contact.name", "Ada")])).await.unwrap();
    behind_the_head(&db, 1, "vault.erasure_begun", &format!("{{\"customer\":\"{}\"}}", ada()));
    db.tamper(&format!("UPDATE vault_customer SET erasure_begun_at = created_at WHERE id = '{}'", ada()));
    assert_eq!(vault.finish_erasures().await.unwrap(), 0);
    assert_eq!(vault.keys().destroyed(None).await.unwrap(), Vec::<CustomerId>::new());
});
