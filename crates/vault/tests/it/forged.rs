//! Entries that somebody wrote into the ledger's table, and nobody signed: nothing is done because of them.

use storeward_base::{Actor, CustomerId, PageSize};
use storeward_events::Event;
use storeward_policy::Policies;
use storeward_store::{both_engines, ledger};
use storeward_vault::{Error, Harm, MIGRATIONS, RulesFrom, rules};

use super::support::{ada, both, item, owner, staff};

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

// A file with other rules was in force after a reload or a start, and no ledger had it.
both_engines!(
    rules_that_nobody_saved_at_the_console_are_told_where_they_are_others,
    MIGRATIONS,
    async |db| {
        let (_keys, vault) = both(&db).await;
        let open =
            Policies::parse("@id(\"all_of_it\")\npermit (principal is Staff, action, resource);\n").unwrap();
        let tell =
            async |rules: &Policies, from| vault.tell_rules(rules, from, Actor::Operator).await.unwrap();
        let told = async || {
            let kind_prefix = Some("vault.rules_changed".to_owned());
            let filter = ledger::Filter { kind_prefix, ..ledger::Filter::default() };
            let found =
                db.read(move |reader| ledger::search(reader, &filter, PageSize::new(50))).await.unwrap();
            let facts = found.rows.into_iter().map(|(_, record)| match record.event {
                Event::RulesChanged(fact) => (fact.version, fact.hash, fact.before),
                other => panic!("{other:?}"),
            });
            facts.collect::<Vec<_>>()
        };
        let (begun, other) = (rules::hash(Policies::default_text()), rules::hash(open.text()));
        tell(&Policies::default_rules(), RulesFrom::Start).await;
        assert_eq!(told().await, []);
        for _ in 0..2 {
            tell(&open, RulesFrom::File).await;
            assert_eq!(told().await, [(0, other.clone(), Some(begun.clone()))], "once");
        }
        assert!(vault.saved_rules().await.unwrap().is_none(), "a file is no save at the console");
        tell(&Policies::default_rules(), RulesFrom::Start).await;
        let version = vault.save_rules(&owner(), open.text(), 0).await.unwrap();
        tell(&open, RulesFrom::Console(version)).await;
        tell(&Policies::default_rules(), RulesFrom::File).await;
        let (saved, rules) = vault.saved_rules().await.unwrap().unwrap();
        assert_eq!(saved.version, 1, "what was saved stays what was saved");
        // The file is named no more.
        tell(&rules, RulesFrom::Console(1)).await;
        let steps: Vec<_> = told()
            .await
            .into_iter()
            .map(|(version, hash, before)| (version, hash, before.unwrap()))
            .collect();
        let (a, b) = (begun, other);
        let pair = |version, now: &String, before: &String| (version, now.clone(), before.clone());
        assert_eq!(
            steps,
            [pair(1, &b, &a), pair(0, &a, &b), pair(1, &b, &a), pair(0, &a, &b), pair(0, &b, &a)]
        );
        assert_eq!(vault.saved_rules().await.unwrap().unwrap().0.version, 1);
    }
);

// They destroyed customers' keys for good, as many as somebody liked.
both_engines!(an_erasure_that_nobody_signed_destroys_nothing, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    vault.write(staff(), ada(), item("own", &[("contact.name", "Ada")])).await.unwrap();
    db.forge(1, "vault.erasure_begun", &format!("{{\"customer\":\"{}\"}}", ada()));
    db.tamper(&format!("UPDATE vault_customer SET erasure_begun_at = created_at WHERE id = '{}'", ada()));
    assert_eq!(vault.finish_erasures().await.unwrap(), 0);
    assert_eq!(vault.keys().destroyed().await.unwrap(), Vec::<CustomerId>::new());
});
