//! Entries that somebody wrote into the ledger's table, and nobody signed: nothing is done because of them.

use storeward_base::CustomerId;
use storeward_store::both_engines;
use storeward_vault::{Error, Harm, MIGRATIONS, rules};

use super::support::{ada, both, item, staff};

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
    db.forge(1, "vault.rules_changed", &format!("{{\"version\":1,\"hash\":\"{hash}\",\"rules\":1}}"));
    let found = vault.saved_rules().await.map(|found| found.map(|(rules, _)| rules.version));
    assert!(matches!(&found, Err(Error::Harmed(flaw)) if flaw.harm == Harm::Rules), "{found:?}");
});

// They destroyed customers' keys for good, as many as somebody liked.
both_engines!(an_erasure_that_nobody_signed_destroys_nothing, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    vault.write(staff(), ada(), item("own", &[("contact.name", "Ada")])).await.unwrap();
    db.forge(1, "vault.erasure_begun", &format!("{{\"customer\":\"{}\"}}", ada()));
    db.tamper(&format!("UPDATE vault_customer SET erasure_begun_at = created_at WHERE id = '{}'", ada()));
    assert_eq!(vault.finish_erasures().await.unwrap(), 0);
    assert_eq!(vault.keys().destroyed(None).await.unwrap(), Vec::<CustomerId>::new());
});
