//! Whoever writes the database and holds no key file, against requests, emergencies, customers' requests and who saw whom.

use std::time::Duration;

use storeward_base::{GrantId, StaffId};
use storeward_policy::Purpose;
use storeward_store::testing::TestDb;
use storeward_store::{both_engines, ledger};
use storeward_vault::{Ask, Asker, Decision, Error, Harm, MIGRATIONS, PleaOutcome, Right, Vault, Verdict};

use crate::support::{ada, asks, bob, both, field, item, staff};

const HOUR: Duration = Duration::from_secs(3_600);

fn somebody(number: u128, group: &str) -> Asker {
    Asker::staff(StaffId::from_bits(number), vec![group.to_owned()], Some(30))
}

async fn people(vault: &Vault) {
    for who in [ada(), bob()] {
        let values = [("contact.email", "ada@shop.example"), ("contact.birthday", "1815-12-10")];
        vault.write(staff(), who, item("own", &values)).await.unwrap();
    }
}

async fn look(vault: &Vault, who: &Asker, name: &str) -> Result<String, Error> {
    let ask = Ask::new(who.clone(), ada(), Purpose::Dispute);
    let opening = vault.open(&ask, &[field(name)]).await?;
    Ok(opening.values[0].value.expose().clone())
}

async fn asked(vault: &Vault, who: &Asker) -> GrantId {
    let ask = Ask::new(who.clone(), ada(), Purpose::Dispute);
    vault.request_access(&ask, &[field("contact.email")], "The bank asks").await.unwrap()
}

/// Places that the look over all finds harmed, beside the records.
async fn rows(vault: &Vault) -> Vec<String> {
    let found = vault.verify(staff(), |_| {}).await.unwrap();
    let mut places: Vec<String> = found
        .flaws
        .into_iter()
        .filter(|flaw| flaw.harm == Harm::Row)
        .map(|flaw| flaw.place.split('.').next().unwrap().to_owned())
        .collect();
    places.sort();
    places
}

async fn count(db: &TestDb, kind: &str) -> usize {
    let told = db.read(|reader| ledger::read_after(reader, 0, 1000)).await.unwrap();
    told.iter().filter(|(_, record)| record.event.kind() == kind).count()
}

// Whoever wrote the row got what somebody else asked for.
both_engines!(a_request_that_somebody_changed_is_nobody_s_to_approve, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let (eve, fred, boss) = (somebody(20, "support"), somebody(22, "fulfilment"), somebody(21, "owner"));
    let fred_id = StaffId::from_bits(22);
    for change in [
        format!("staff = '{fred_id}'"),
        "fields = 'contact.email,contact.birthday'".to_owned(),
        "purpose = 'support'".to_owned(),
        format!("customer = '{}'", bob()),
        "asked_at = asked_at + 1".to_owned(),
        "reason = tag".to_owned(),
        "tag = NULL".to_owned(),
    ] {
        let id = asked(&vault, &eve).await;
        assert_eq!(rows(&vault).await, [""; 0]);
        db.tamper(&format!("UPDATE vault_grant SET {change} WHERE id = '{id}'"));
        assert_eq!(vault.requests(None, 10).await.unwrap().undecided.len(), 0, "{change}: it is shown");
        let refused = vault.decide_access(&boss, id, Decision::Approve).await.unwrap_err();
        assert!(matches!(&refused, Error::Harmed(flaw) if flaw.harm == Harm::Row), "{change}: {refused:?}");
        assert!(look(&vault, &fred, "contact.email").await.is_err(), "{change}");
        // What the ledger does not hold (when to the microsecond, and the words) is held by the tag.
        assert_eq!(rows(&vault).await.len(), 1, "{change}");
        db.tamper(&format!("DELETE FROM vault_grant WHERE id = '{id}'"));
        assert_eq!(rows(&vault).await, ["request"], "{change}: a deleted row is named");
        db.clock.advance(Duration::from_secs(391 * 24 * 3_600));
    }
    assert!(count(&db, "vault.record_harmed").await >= 7);
});

// It went on for half an hour after the group was gone, and nobody could take it back.
both_engines!(
    what_somebody_was_let_see_ends_with_the_role_and_when_it_is_taken_back,
    MIGRATIONS,
    async |db| {
        let (_keys, vault) = both(&db).await;
        people(&vault).await;
        let (eve, boss) = (somebody(20, "support"), somebody(21, "owner"));
        let id = asked(&vault, &eve).await;
        vault.decide_access(&boss, id, Decision::Approve).await.unwrap();
        assert!(look(&vault, &eve, "contact.email").await.is_ok());
        let without = Asker::staff(StaffId::from_bits(20), Vec::new(), Some(30));
        assert!(look(&vault, &without, "contact.email").await.is_err());
        let marketing = somebody(20, "marketing");
        assert!(look(&vault, &marketing, "contact.email").await.is_err());
        for nobody in [somebody(22, "support"), Asker::operator()] {
            assert!(matches!(vault.withdraw(&nobody, id).await, Err(Error::Denied(_))));
        }
        db.tamper("CREATE TABLE kept AS SELECT id, until, tag FROM vault_grant");
        vault.withdraw(&boss, id).await.unwrap();
        assert!(look(&vault, &eve, "contact.email").await.is_err());
        assert_eq!(vault.withdraw(&boss, id).await.unwrap_err(), Error::Decided);
        // The row of before, tag and all.
        db.tamper(
            "UPDATE vault_grant SET until = (SELECT until FROM kept WHERE kept.id = vault_grant.id), \
         tag = (SELECT tag FROM kept WHERE kept.id = vault_grant.id)",
        );
        assert!(look(&vault, &eve, "contact.email").await.is_err());
        assert_eq!(rows(&vault).await, ["request"], "nothing goes by it, and somebody put it there");
        assert_eq!(count(&db, "vault.access_withdrawn").await, 1);
        // In an emergency, too; and whoever asked may give it up themselves.
        let ask = Ask::new(eve.clone(), ada(), Purpose::Dispute);
        let id = vault.break_glass(&ask, &[field("contact.email")], "now").await.unwrap();
        assert!(look(&vault, &eve, "contact.email").await.is_ok());
        assert!(look(&vault, &without, "contact.email").await.is_err());
        vault.withdraw(&eve, id).await.unwrap();
        assert!(look(&vault, &eve, "contact.email").await.is_err());
        assert_eq!(rows(&vault).await, ["request"], "that one still, and no other");
    }
);

both_engines!(an_emergency_is_looked_into_whatever_became_of_its_row, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let (eve, boss) = (somebody(20, "support"), somebody(21, "owner"));
    let ask = Ask::new(eve.clone(), ada(), Purpose::Dispute);
    let fields = [field("contact.email")];
    let first = vault.break_glass(&ask, &fields, "now").await.unwrap();
    let second = vault.break_glass(&ask, &fields, "now").await.unwrap();
    assert_eq!(rows(&vault).await, [""; 0]);
    db.tamper(&format!("DELETE FROM vault_grant WHERE id = '{first}'"));
    db.tamper("UPDATE vault_grant SET reviewed_at = 1, reviewed_by = 'staff_00000000000000000000000021', verdict = 'justified'");
    let open = vault.requests(None, 10).await.unwrap().unreviewed;
    assert_eq!(open.iter().map(|one| one.id).collect::<Vec<_>>(), [first, second]);
    assert_eq!(rows(&vault).await, ["request", "request"]);
    for id in [first, second] {
        vault.review(&boss, id, Verdict::Unjustified).await.unwrap();
        assert_eq!(vault.review(&boss, id, Verdict::Justified).await.unwrap_err(), Error::Decided);
    }
    assert_eq!(vault.requests(None, 10).await.unwrap().unreviewed.len(), 0);
    // One that somebody wrote is none.
    db.tamper(
        "UPDATE vault_grant SET id = 'grant_00000000000000000000000099', reviewed_at = NULL, verdict = NULL",
    );
    assert_eq!(vault.requests(None, 10).await.unwrap().unreviewed.len(), 0);
    // All of one person's hour.
    for _ in 2..5 {
        vault.break_glass(&ask, &fields, "now").await.unwrap();
    }
    db.tamper("DELETE FROM vault_grant");
    let more = vault.break_glass(&ask, &fields, "now").await.unwrap_err();
    assert_eq!(more, Error::Denied("too_many_emergencies"));
    let other = Ask::new(somebody(23, "support"), ada(), Purpose::Dispute);
    vault.break_glass(&other, &fields, "now").await.unwrap();
    db.clock.advance(HOUR + Duration::from_secs(1));
    vault.break_glass(&ask, &fields, "now").await.unwrap();
});

both_engines!(the_limit_of_openings_holds_though_the_index_is_emptied, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let boss = somebody(21, "owner");
    for number in 1..=201_u128 {
        let who = storeward_base::CustomerId::from_bits(number);
        vault.write(staff(), who, item("own", &[("contact.name", "Ada")])).await.unwrap();
        let ask = Ask::new(boss.clone(), who, Purpose::Support);
        if number == 100 {
            db.tamper("DELETE FROM vault_sight");
            assert_eq!(rows(&vault).await, ["seen"]);
        }
        let opened = vault.open(&ask, &[field("contact.name")]).await.map(drop);
        let wanted = if number == 201 { Err(Error::Denied("too_many")) } else { Ok(()) };
        assert_eq!(opened, wanted, "{number}");
    }
});

// Rows behind the head, of the first moments of the window, were "the first entry since": nothing had been opened behind them.
both_engines!(the_limit_of_openings_holds_whatever_stands_behind_the_head, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let boss = somebody(21, "owner");
    for number in 1..=201_u128 {
        let who = storeward_base::CustomerId::from_bits(number);
        vault.write(staff(), who, item("own", &[("contact.name", "Ada")])).await.unwrap();
        let ask = Ask::new(boss.clone(), who, Purpose::Support);
        if number == 201 {
            db.drop_guards();
            db.tamper("DELETE FROM vault_sight");
            let from = db.now().minus(HOUR).micros();
            for (row, at) in (0..40).map(|row| (row, from + row * 1_000_000)) {
                db.tamper(&format!(
                    "INSERT INTO ledger_entry (seq, id, at, kind, severity, actor, request, body, tree) SELECT 1000000000 + {row}, \
                     'evt_{row:026}', {at}, kind, severity, actor, request, body, tree FROM ledger_entry WHERE seq = 1"
                ));
            }
            // Nor is one of those that count the first, because somebody sets its moment.
            db.tamper(&format!(
                "UPDATE ledger_entry SET at = {from} + 1 WHERE seq = (SELECT size FROM ledger_head)"
            ));
        }
        let opened = vault.open(&ask, &[field("contact.name")]).await.map(drop);
        let wanted = if number == 201 { Err(Error::Denied("too_many")) } else { Ok(()) };
        assert_eq!(opened, wanted, "{number}");
    }
});

// The count went by the columns: whoever gave their openings another kind, or to somebody else, read on.
both_engines!(the_limit_of_openings_holds_whatever_the_ledger_s_columns_say, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let boss = somebody(21, "owner");
    db.drop_guards();
    for number in 1..=201_u128 {
        let who = storeward_base::CustomerId::from_bits(number);
        vault.write(staff(), who, item("own", &[("contact.name", "Ada")])).await.unwrap();
        let ask = Ask::new(boss.clone(), who, Purpose::Support);
        if number % 50 == 1 {
            db.tamper("DELETE FROM vault_sight");
            db.tamper(
                "UPDATE ledger_entry SET actor = 'system' WHERE kind = 'vault.fields_opened' AND seq % 2 = 0",
            );
            db.tamper(
                "UPDATE ledger_entry SET kind = 'api.called', at = 0 WHERE kind = 'vault.fields_opened'",
            );
        }
        let opened = vault.open(&ask, &[field("contact.name")]).await.map(drop);
        let wanted = if number == 201 { Err(Error::Denied("too_many")) } else { Ok(()) };
        assert_eq!(opened, wanted, "{number}");
    }
    // Nor does a customer stand still for it, who sees themselves alone.
    let first = storeward_base::CustomerId::from_bits(1);
    db.tamper("UPDATE ledger_entry SET body = (SELECT e.body FROM ledger_entry e WHERE e.seq = 1) WHERE seq = (SELECT size FROM ledger_head)");
    let refused = vault.open(&Ask::new(boss, first, Purpose::Support), &[field("contact.name")]).await;
    assert!(matches!(refused, Err(Error::Store(_))), "how much was opened cannot be told: {refused:?}");
    vault.open(&crate::support::own(first), &[field("contact.name")]).await.unwrap();
});

both_engines!(no_row_moves_a_customer_s_clock_or_hides_what_they_asked_for, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let by_customer = crate::support::own(ada());
    let id = vault.receive_plea(&by_customer, Right::Erasure, "All of it, please").await.unwrap();
    let before = vault.open_pleas().await.unwrap();
    assert_eq!(rows(&vault).await, [""; 0]);
    for change in [
        "UPDATE vault_plea SET due_at = due_at + 34560000000000",
        "UPDATE vault_plea SET kind = 'access'",
        "UPDATE vault_plea SET closed_at = 1, closed_by = 'operator', outcome = 'done'",
        "DELETE FROM vault_plea",
    ] {
        db.tamper(change);
        assert_eq!(rows(&vault).await, ["asked"], "{change}");
        let now = vault.open_pleas().await.unwrap();
        assert_eq!(now.len(), 1, "{change}");
        assert_eq!((now[0].right, now[0].due_at), (Right::Erasure, before[0].due_at), "{change}");
        assert_eq!(vault.pleas_waiting().await.unwrap(), (1, 0));
        assert_eq!(vault.pleas_of(ada()).await.unwrap().len(), 1);
    }
    // Answered all the same; what they wrote beside it is gone, and that stays named.
    let ask = asks(ada(), Purpose::RightsRequest);
    vault.extend_plea(&ask, id, "The lawyer is ill").await.unwrap();
    vault.close_plea(&ask, id, PleaOutcome::Refused, "It is needed for the invoice").await.unwrap();
    assert_eq!(rows(&vault).await, ["asked"]);
    assert_eq!(vault.pleas_waiting().await.unwrap(), (0, 0));
    db.tamper("UPDATE vault_plea SET closed_at = NULL, outcome = NULL");
    assert_eq!(vault.open_pleas().await.unwrap().len(), 0);
    assert_eq!(rows(&vault).await, ["asked"]);
});

// The row alone said by whom a customer was seen, and for whom: the list of the one was emptied into another's.
both_engines!(who_saw_whom_and_who_answered_are_held_against_the_ledger, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let (eve, boss) = (somebody(20, "support"), somebody(21, "owner"));
    for decision in [Decision::Approve, Decision::Refuse] {
        let id = asked(&vault, &eve).await;
        vault.decide_access(&boss, id, decision).await.unwrap();
    }
    look(&vault, &eve, "contact.email").await.unwrap();
    look(&vault, &somebody(22, "fulfilment"), "contact.email").await.unwrap_err();
    assert_eq!(rows(&vault).await, [""; 0]);
    let bob = bob().to_string();
    let other = "staff_00000000000000000000000099";
    for change in [
        format!("customer = '{bob}' WHERE opened = 1"),
        format!("customer = '{bob}' WHERE opened = 0"),
        format!("actor = '{other}' WHERE opened = 1"),
        "purpose = 'support' WHERE opened = 1".to_owned(),
        "at = at - 1 WHERE opened = 1".to_owned(),
        "opened = 1 - opened".to_owned(),
    ] {
        db.tamper("CREATE TABLE kept AS SELECT * FROM vault_sight");
        db.tamper(&format!("UPDATE vault_sight SET {change}"));
        let found = vault.verify(staff(), |_| {}).await.unwrap();
        let named = found.flaws.iter().any(|flaw| flaw.place == "seen" && flaw.customer == ada());
        assert!(named, "{change}: {:?}", found.flaws);
        db.tamper("DELETE FROM vault_sight");
        db.tamper("INSERT INTO vault_sight SELECT * FROM kept");
        db.tamper("DROP TABLE kept");
        assert_eq!(rows(&vault).await, [""; 0]);
    }
    let changes = [
        format!("decided_by = '{other}'"),
        "decided_at = decided_at - 3600000000".to_owned(),
        "verdict = 'justified'".to_owned(),
        "reviewed_at = decided_at".to_owned(),
        format!("reviewed_by = '{other}'"),
    ];
    for change in changes {
        db.tamper("CREATE TABLE kept AS SELECT * FROM vault_grant");
        db.tamper(&format!("UPDATE vault_grant SET {change}"));
        assert_eq!(rows(&vault).await, ["request", "request"], "{change}");
        db.tamper("DELETE FROM vault_grant");
        db.tamper("INSERT INTO vault_grant SELECT * FROM kept");
        db.tamper("DROP TABLE kept");
        assert_eq!(rows(&vault).await, [""; 0]);
    }
    db.tamper("DELETE FROM vault_sight WHERE opened = 0");
    assert_eq!(rows(&vault).await, ["seen"]);
});

// That a row had some moment of a review was all that was asked of it, and nothing of by whom.
both_engines!(what_was_found_about_an_emergency_is_held_against_the_ledger, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let (eve, boss) = (somebody(20, "support"), somebody(21, "owner"));
    let ask = Ask::new(eve, ada(), Purpose::Dispute);
    let id = vault.break_glass(&ask, &[field("contact.email")], "now").await.unwrap();
    vault.review(&boss, id, Verdict::Unjustified).await.unwrap();
    assert_eq!(rows(&vault).await, [""; 0]);
    for change in [
        "verdict = 'justified'",
        "reviewed_at = reviewed_at - 3600000000",
        "reviewed_by = 'staff_00000000000000000000000099'",
        "reviewed_by = NULL",
    ] {
        db.tamper("CREATE TABLE kept AS SELECT * FROM vault_grant");
        db.tamper(&format!("UPDATE vault_grant SET {change}"));
        assert_eq!(rows(&vault).await, ["request"], "{change}");
        db.tamper("DELETE FROM vault_grant");
        db.tamper("INSERT INTO vault_grant SELECT * FROM kept");
        db.tamper("DROP TABLE kept");
        assert_eq!(rows(&vault).await, [""; 0]);
    }
});
