//! Seeing more with a second person's approval, and in an emergency; and what somebody tries who should not.

use std::time::Duration;

use storeward_base::{CustomerId, GrantId, StaffId};
use storeward_policy::Purpose;
use storeward_store::{both_engines, ledger};
use storeward_vault::{Ask, Asker, Decision, Error, MIGRATIONS, Vault, Verdict};

use crate::support::{ada, bob, both, field, item, staff};

fn somebody(number: u128, group: &str) -> Asker {
    Asker::staff(StaffId::from_bits(number), vec![group.to_owned()], Some(30))
}

fn eve() -> Asker {
    somebody(20, "support")
}

fn boss() -> Asker {
    somebody(21, "owner")
}

async fn people(vault: &Vault) {
    for who in [ada(), bob()] {
        let email = format!("{}@shop.example", if who == ada() { "ada" } else { "bob" });
        let values = [("contact.email", email.as_str()), ("contact.birthday", "1815-12-10")];
        vault.write(staff(), who, item("own", &values)).await.unwrap();
    }
}

async fn look(
    vault: &Vault,
    who: &Asker,
    customer: CustomerId,
    purpose: Purpose,
    name: &str,
) -> Result<String, Error> {
    let ask = Ask::new(who.clone(), customer, purpose);
    let opening = vault.open(&ask, &[field(name)]).await?;
    Ok(format!("{} by {}", opening.values[0].value.expose(), opening.values[0].rules.join(" ")))
}

async fn asked(vault: &Vault, who: &Asker) -> GrantId {
    let ask = Ask::new(who.clone(), ada(), Purpose::Dispute);
    vault.request_access(&ask, &[field("contact.email")], "The bank asks who the buyer was").await.unwrap()
}

const REFUSED: Error = Error::Denied("no_rule");

both_engines!(a_second_person_lets_somebody_see_named_fields_for_a_while, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let asker = eve();
    let seen = || look(&vault, &asker, ada(), Purpose::Dispute, "contact.email");
    assert_eq!(seen().await.unwrap_err(), REFUSED);
    let id = asked(&vault, &asker).await;
    assert_eq!(seen().await.unwrap_err(), REFUSED, "asking is not seeing");
    let waiting = vault.requests(None, 10).await.unwrap();
    assert_eq!(waiting.undecided.len(), 1);
    let reason = vault.reason(&waiting.undecided[0]).await.unwrap().unwrap();
    assert_eq!(reason.expose(), "The bank asks who the buyer was");
    vault.decide_access(&boss(), id, Decision::Approve).await.unwrap();
    assert_eq!(seen().await.unwrap(), "ada@shop.example by approved_by_another");

    // Not another field, customer, purpose or person, and no copy of it.
    let other = |who: Asker, customer, purpose, name: &'static str| {
        let vault = vault.clone();
        async move { look(&vault, &who, customer, purpose, name).await.unwrap_err() }
    };
    assert_eq!(other(eve(), ada(), Purpose::Dispute, "contact.birthday").await, REFUSED);
    assert_eq!(other(eve(), bob(), Purpose::Dispute, "contact.email").await, REFUSED);
    assert_eq!(other(eve(), ada(), Purpose::Invoicing, "contact.email").await, REFUSED);
    assert_eq!(other(somebody(22, "support"), ada(), Purpose::Dispute, "contact.email").await, REFUSED);
    let copy = Ask::new(eve(), ada(), Purpose::Dispute);
    assert_eq!(vault.export(&copy, "json").await.unwrap_err(), REFUSED);
    let stale = Asker::staff(StaffId::from_bits(20), vec!["support".to_owned()], Some(601));
    assert_eq!(other(stale, ada(), Purpose::Dispute, "contact.email").await, Error::Denied("factor_too_old"));

    // Not a moment longer.
    db.clock.advance(Duration::from_secs(30 * 60 - 1));
    assert!(seen().await.is_ok());
    db.clock.advance(Duration::from_secs(1));
    assert_eq!(seen().await.unwrap_err(), REFUSED);
    assert_eq!(vault.decide_access(&boss(), id, Decision::Approve).await.unwrap_err(), Error::Decided);
});

both_engines!(nobody_approves_for_themselves_or_without_the_right, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let id = asked(&vault, &eve()).await;
    for (who, why) in [
        (eve(), "own_request"),
        // The same person, with a role that may.
        (somebody(20, "owner"), "own_request"),
        (somebody(22, "support"), "no_rule"),
        (somebody(22, "admin"), "no_rule"),
        (Asker::staff(StaffId::from_bits(21), vec!["owner".to_owned()], Some(601)), "factor_too_old"),
        (Asker::staff(StaffId::from_bits(21), vec!["owner".to_owned()], None), "factor_too_old"),
        (Asker::customer(ada()), "no_rule"),
        (Asker::operator(), "no_rule"),
    ] {
        let refused = vault.decide_access(&who, id, Decision::Approve).await.unwrap_err();
        assert_eq!(refused, Error::Denied(why), "{who:?}");
    }
    let nobody = GrantId::from_bits(5);
    assert_eq!(vault.decide_access(&boss(), nobody, Decision::Approve).await.unwrap_err(), Error::NoRequest);
    vault.decide_access(&boss(), id, Decision::Refuse).await.unwrap();
    assert_eq!(vault.decide_access(&boss(), id, Decision::Approve).await.unwrap_err(), Error::Decided);
    assert_eq!(look(&vault, &eve(), ada(), Purpose::Dispute, "contact.email").await.unwrap_err(), REFUSED);
    // One that nobody answered within a day is over.
    let late = asked(&vault, &eve()).await;
    db.clock.advance(Duration::from_secs(24 * 3_600 + 1));
    assert_eq!(vault.decide_access(&boss(), late, Decision::Approve).await.unwrap_err(), Error::Decided);
    assert_eq!(vault.requests(None, 10).await.unwrap().undecided.len(), 0);
});

both_engines!(of_many_answers_at_once_one_counts, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let id = asked(&vault, &eve()).await;
    let mut answers = tokio::task::JoinSet::new();
    for number in 0..16_u128 {
        let (vault, who) = (vault.clone(), somebody(100 + number, "owner"));
        let decision = if number % 2 == 0 { Decision::Approve } else { Decision::Refuse };
        answers.spawn(async move { vault.decide_access(&who, id, decision).await });
    }
    let answers = answers.join_all().await;
    assert_eq!(answers.iter().filter(|one| one.is_ok()).count(), 1);
    assert!(answers.iter().all(|one| one.is_ok() || *one == Err(Error::Decided)));
    let told = db.read(|reader| ledger::read_after(reader, 0, 500)).await.unwrap();
    let kinds = told.iter().filter(|(_, record)| {
        matches!(record.event.kind(), "vault.access_approved" | "vault.access_refused")
    });
    assert_eq!(kinds.count(), 1);
});

both_engines!(a_row_that_somebody_put_there_lets_nobody_see_anything, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let id = asked(&vault, &eve()).await;
    let seen = || async { look(&vault, &eve(), ada(), Purpose::Dispute, "contact.birthday").await };
    let far = i64::MAX;
    db.tamper(&format!(
        "UPDATE vault_grant SET decided_at = 1, until = {far}, fields = 'contact.birthday' WHERE id = '{id}'"
    ));
    assert_eq!(seen().await.unwrap_err(), REFUSED);
    // One that was approved, made longer and wider.
    let id = asked(&vault, &eve()).await;
    vault.decide_access(&boss(), id, Decision::Approve).await.unwrap();
    for change in [
        format!("UPDATE vault_grant SET fields = 'contact.birthday' WHERE id = '{id}'"),
        format!("UPDATE vault_grant SET fields = 'contact.birthday', until = {far} WHERE id = '{id}'"),
    ] {
        db.tamper(&change);
        assert_eq!(seen().await.unwrap_err(), REFUSED, "{change}");
    }
});

both_engines!(an_emergency_opens_at_once_is_told_and_is_looked_into_by_another, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let ask = Ask::new(eve(), ada(), Purpose::Dispute);
    let fields = [field("contact.email")];
    for wrong in ["", "   ", &"x".repeat(1_001)] {
        assert!(matches!(vault.break_glass(&ask, &fields, wrong).await, Err(Error::Value { .. })), "{wrong}");
    }
    let marketing = Ask::new(somebody(23, "marketing"), ada(), Purpose::Dispute);
    assert_eq!(vault.break_glass(&marketing, &fields, "now").await.unwrap_err(), REFUSED);
    let id = vault.break_glass(&ask, &fields, "The courier stands before the wrong house").await.unwrap();
    let seen = look(&vault, &eve(), ada(), Purpose::Dispute, "contact.email").await.unwrap();
    assert_eq!(seen, "ada@shop.example by in_an_emergency");
    let kind_prefix = Some("vault.glass_broken".to_owned());
    let severity = Some(storeward_events::Severity::High);
    let filter = ledger::Filter { kind_prefix, severity, ..ledger::Filter::default() };
    let alarms = db.read(move |reader| ledger::search(reader, &filter, storeward_base::PageSize::default()));
    let alarms = alarms.await.unwrap().rows;
    assert_eq!(alarms.len(), 1);
    let told = String::from_utf8(alarms[0].1.to_bytes()).unwrap();
    assert!(!told.contains("courier"), "what somebody wrote stands in no ledger: {told}");
    // It is no request that somebody approves to make it longer, and nobody looks into their own.
    assert_eq!(vault.decide_access(&boss(), id, Decision::Approve).await.unwrap_err(), Error::Decided);
    let own = vault.review(&somebody(20, "owner"), id, Verdict::Justified).await.unwrap_err();
    assert_eq!(own, Error::Denied("own_request"));
    assert_eq!(vault.review(&somebody(22, "support"), id, Verdict::Justified).await.unwrap_err(), REFUSED);
    db.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(look(&vault, &eve(), ada(), Purpose::Dispute, "contact.email").await.unwrap_err(), REFUSED);
    // It waits until somebody has looked, however long that is, and though the customer is erased.
    db.clock.advance(Duration::from_secs(500 * 24 * 3_600));
    vault.forget().await.unwrap();
    vault.erase(&crate::support::own(ada())).await.unwrap();
    let waiting = vault.requests(None, 10).await.unwrap().unreviewed;
    assert_eq!(waiting.len(), 1);
    assert_eq!(vault.reason(&waiting[0]).await.unwrap().map(|_| ()), None);
    vault.review(&boss(), id, Verdict::Unjustified).await.unwrap();
    assert_eq!(vault.review(&boss(), id, Verdict::Justified).await.unwrap_err(), Error::Decided);
    assert_eq!(vault.requests(None, 10).await.unwrap().unreviewed.len(), 0);
});

both_engines!(one_person_has_no_more_than_twenty_requests_waiting, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    for _ in 0..20 {
        asked(&vault, &eve()).await;
    }
    let ask = Ask::new(eve(), ada(), Purpose::Dispute);
    let refused = vault.request_access(&ask, &[field("contact.email")], "once more").await.unwrap_err();
    assert_eq!(refused, Error::Denied("too_many_requests"));
});

// Without its tag an approval let nobody see anything, as one that was taken back, and no look said a word.
both_engines!(an_approval_whose_tag_is_taken_away_is_named, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let id = asked(&vault, &eve()).await;
        vault.decide_access(&boss(), id, Decision::Approve).await.unwrap();
        ids.push(id);
    }
    vault.withdraw(&boss(), ids[1]).await.unwrap();
    let named = async || {
        let looked = vault.verify(storeward_base::Actor::System, |_| {}).await.unwrap();
        looked.flaws.into_iter().map(|flaw| flaw.place).collect::<Vec<_>>()
    };
    assert_eq!(named().await, [""; 0], "one that was taken back has none");
    db.tamper(&format!("UPDATE vault_grant SET tag = NULL WHERE id = '{}'", ids[0]));
    assert_eq!(look(&vault, &eve(), ada(), Purpose::Dispute, "contact.email").await.unwrap_err(), REFUSED);
    assert_eq!(named().await, [format!("request.{}", ids[0])]);
});
