//! Whoever may put an address right writes nothing else: no consent, no order, and nothing that tells whose a record is.

use storeward_base::Actor;
use storeward_events::Event;
use storeward_policy::{Policies, Purpose};
use storeward_store::{both_engines, ledger};
use storeward_vault::catalogue::FIELDS;
use storeward_vault::{Ask, Class, Error, Item, MIGRATIONS, Provenance, Vault, Word};

use crate::support::{ada, asks, both, field, in_group, item, open, own, owner, shown, staff};

const AT: &str = "2026-11-26T10:00:00Z";

async fn people(vault: &Vault) {
    for one in [
        item("own", &[("contact.name", "Ada Lovelace"), ("contact.email", "ada@shop.example")]),
        item("home", &[("address.city", "London")]),
        item("a1", &[("order.number", "A-1001"), ("order.total", "1250")]),
    ] {
        vault.write(staff(), ada(), one).await.unwrap();
    }
}

fn support() -> Ask {
    Ask::new(in_group("support"), ada(), Purpose::RightsRequest).because("she called")
}

both_engines!(support_puts_right_contact_and_address_and_nothing_else, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    vault.correct(&support(), item("home", &[("address.city", "Ockham")])).await.unwrap();
    vault.correct(&support(), item("own", &[("contact.phone", "+442079460018")])).await.unwrap();
    for (of, name, value, reason) in [
        ("x", "order.total", "1", "no_rule"),
        ("x", "payment.last_4", "1234", "no_rule"),
        ("x", "identity_document.number", "X123", "no_rule"),
        ("x", "note.text", "no", "no_rule"),
        ("x", "consent.given_at", AT, "owner_only"),
        ("own", "contact.email", "sue@shop.example", "owner_only"),
        ("second", "contact.email", "sue@shop.example", "owner_only"),
        ("own", "contact.shop_id", "1", "owner_only"),
    ] {
        let refused = vault.correct(&support(), item(of, &[(name, value)])).await.unwrap_err();
        assert_eq!(refused, Error::Denied(reason), "{name}");
        let refused = vault.take_away(&support(), of, &[field(name)]).await.unwrap_err();
        assert_eq!(refused, Error::Denied(reason), "{name} taken away");
    }
    // One that is allowed carries none that is not.
    let both_at_once =
        item("own", &[("contact.phone", "+442079460019"), ("contact.email", "sue@shop.example")]);
    assert_eq!(vault.correct(&support(), both_at_once).await.unwrap_err(), Error::Denied("owner_only"));
    let emails = shown(&vault, ada(), &["contact.email", "contact.phone"]).await;
    assert_eq!(emails, ["own email ada@shop.example", "own phone +442079460018"]);
    for field in FIELDS {
        let is_theirs = matches!(field.class, Class::Contact | Class::Address)
            && !matches!(field.name, "email" | "shop_id");
        assert_eq!(vault.may_correct(&in_group("support"), ada(), field), is_theirs, "{}", field.full_name());
        assert!(vault.may_correct(&owner(), ada(), field));
        assert!(!vault.may_correct(&in_group("fulfilment"), ada(), field));
    }
    let entries = db.read(|reader| ledger::read_after(reader, 0, 500)).await.unwrap();
    let is_told = |record: &storeward_events::Record| matches!(&record.event, Event::OpeningDenied(e) if e.fields == ["correct", "contact.email"]);
    assert_eq!(entries.iter().filter(|(_, record)| is_told(record)).count(), 4);
});

// An objection that support takes away would open what it closes.
both_engines!(an_objection_is_nobodys_of_the_staff_to_take_away, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    vault.say(&own(ada()), Purpose::Support, Word::Object).await.unwrap();
    let rows = vault.export(&own(ada()), "json").await.unwrap().values;
    let objection = rows.iter().find(|one| one.field.name == "objected_at").unwrap().item.clone();
    let of = [field("consent.objected_at")];
    assert_eq!(vault.take_away(&support(), &objection, &of).await.unwrap_err(), Error::Denied("owner_only"));
    let refused = vault.say(&support(), Purpose::Support, Word::Agree).await.unwrap_err();
    assert_eq!(refused, Error::Denied("owner_only"));
    assert_eq!(open(&vault, ada(), &["address.city"]).await.unwrap_err(), Error::Denied("objected"));
    // Whatever a shop's own rules say.
    vault.set_policies(Policies::parse("@id(\"all\") permit (principal, action, resource);").unwrap());
    assert_eq!(vault.take_away(&support(), &objection, &of).await.unwrap_err(), Error::Denied("owner_only"));
    let hers = item("own", &[("contact.email", "sue@shop.example")]);
    assert_eq!(vault.correct(&support(), hers).await.unwrap_err(), Error::Denied("owner_only"));
    // The owner does, and says why: it is kept with the customer, sealed.
    let silent = asks(ada(), Purpose::RightsRequest);
    assert!(matches!(
        vault.take_away(&silent, &objection, &of).await.unwrap_err(),
        Error::Value { field: "reason", .. }
    ));
    let told = silent.because("by letter of 3 May");
    assert_eq!(vault.take_away(&told, &objection, &of).await.unwrap(), 1);
    let note = open(&vault, ada(), &["note.text"]).await.unwrap();
    let note = note[0].value.expose();
    assert_eq!(note, "Why consent.objected_at was put right: by letter of 3 May");
    let entries = db.read(|reader| ledger::read_after(reader, 0, 500)).await.unwrap();
    for (_, record) in &entries {
        assert!(!String::from_utf8(record.to_bytes()).unwrap().contains("by letter"));
    }
    assert_eq!(vault.verify(Actor::Operator, |_| {}).await.unwrap().faults, 0);
});

// Whoever writes an address would read, by an account of their own at the shop, all that is kept of somebody.
both_engines!(an_address_that_staff_wrote_makes_nobody_the_owner_of_a_record, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    assert_eq!(vault.of_email("ada@shop.example").await.unwrap(), [ada()]);
    let by_staff =
        Item { provenance: Provenance::Staff, ..item("second", &[("contact.email", "sue@shop.example")]) };
    vault.write(staff(), ada(), by_staff).await.unwrap();
    assert_eq!(vault.find(field("contact.email"), "sue@shop.example").await.unwrap(), [ada()]);
    assert_eq!(vault.of_email("sue@shop.example").await.unwrap(), []);
    // Nor does it help to say of it in the database that it is the customer's.
    db.tamper("UPDATE vault_field SET provenance = 'customer' WHERE item = 'second'");
    assert!(matches!(vault.of_email("sue@shop.example").await.unwrap_err(), Error::Harmed(_)));
    db.tamper("UPDATE vault_field SET provenance = 'staff' WHERE item = 'second'");
    // What comes from somebody who is not the owner is staff's, whatever they call it; the owner's change counts.
    let moved = item("own", &[("contact.email", "ada@new.example")]);
    vault.correct(&asks(ada(), Purpose::RightsRequest), moved).await.unwrap();
    assert_eq!(vault.of_email("ada@new.example").await.unwrap(), [ada()]);
    assert_eq!(vault.of_email("ada@shop.example").await.unwrap(), []);
});
