//! Who may see what, through the door: roles, masks, orders, consent, volume, restriction, and who saw whom.

use storeward_base::{Actor, CustomerId, StaffId};
use storeward_events::Event;
use storeward_policy::{Act, Answer, Asked, Circumstances, Mask, Policies, Purpose, Role, Thing, Who, table};
use storeward_store::{both_engines, ledger};
use storeward_vault::catalogue::{Class, FIELDS};
use storeward_vault::sights::Filter;
use storeward_vault::{
    Ask, Asker, Error, Field, Item, MIGRATIONS, PleaOutcome, Right, Use, Vault, Word, fields_of,
};

use crate::support::{ada, asks, bob, both, field, in_group, item, open, own, owner, staff};

/// Ada with everything that a shop keeps, Bob with an order.
async fn people(vault: &Vault) {
    for (who, values) in [
        (
            ada(),
            [
                item("own", &[("contact.name", "Ada Lovelace"), ("contact.email", "ada@shop.example")]),
                item("home", &[("address.street", "St James's Square"), ("address.city", "London")]),
                item("a1", &[("order.number", "A-1001"), ("order.total", "1250")]),
            ],
        ),
        (
            bob(),
            [
                item("own", &[("contact.name", "Bob"), ("contact.email", "bob@shop.example")]),
                item("home", &[("address.street", "Crouch End Hill"), ("address.city", "London")]),
                item("b1", &[("order.number", "B-2002"), ("order.total", "990")]),
            ],
        ),
    ] {
        for one in values {
            vault.write(staff(), who, one).await.unwrap();
        }
    }
    vault.write(staff(), ada(), item("n1", &[("note.text", "prefers the back door")])).await.unwrap();
}

async fn seen(vault: &Vault, ask: &Ask, classes: &[Class]) -> Result<Vec<String>, Error> {
    let opening = vault.open(ask, &fields_of(classes)).await?;
    let values = opening.values.iter().map(|one| format!("{} {}", one.field.full_name(), one.value.expose()));
    let refused =
        opening.refused.iter().map(|one| format!("{} refused: {}", one.field.full_name(), one.reason));
    Ok(values.chain(refused).collect())
}

/// The table of docs/vault.md: role by purpose by field. A changed rule changes it, so nobody's sight widens unseen.
#[test]
fn who_sees_what() {
    let names: Vec<(&str, &str)> = FIELDS.iter().map(|field| (field.class.name(), field.name)).collect();
    let mut out = String::new();
    let roles = Role::ALL.map(|role| role.name().to_owned());
    for row in table(&Policies::default_rules(), &roles, &names) {
        let shown: Vec<String> = row
            .cells
            .iter()
            .zip(FIELDS)
            .filter(|(cell, _)| cell.plain.is_some() || cell.assigned.is_some())
            .map(|(cell, field)| format!("  {:<26} {}", field.full_name(), cell.words()))
            .collect();
        let what = if shown.is_empty() { "  nothing".to_owned() } else { shown.join("\n") };
        out.push_str(&format!("{} for {}\n{what}\n", row.group, row.purpose.name()));
    }
    out.push_str(&corrections());
    insta::assert_snapshot!(out);
}

/// What each role may put right for a customer's request.
fn corrections() -> String {
    let rules = Policies::default_rules();
    let told = Circumstances::new(Purpose::RightsRequest, Some(0));
    let mut out = String::new();
    for role in Role::ALL {
        let who = Who::Staff { id: "somebody".to_owned(), groups: vec![role.name().to_owned()] };
        let may = |field: &&Field| {
            let thing = Thing::Field { class: field.class.name(), name: field.name };
            let asked =
                Asked { who: &who, act: Act::Correct, owner: "customer", thing, circumstances: &told };
            matches!(rules.decide(&asked), Answer::Allow { .. })
        };
        let names: Vec<String> = FIELDS.iter().filter(may).map(|field| field.full_name()).collect();
        let names = if names.is_empty() { "nothing".to_owned() } else { names.join(" ") };
        out.push_str(&format!("{} puts right\n  {names}\n", role.name()));
    }
    out
}

both_engines!(each_role_sees_its_part_and_is_told_why, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let ask = Ask::new(in_group("support"), ada(), Purpose::Support);
    let partly = seen(&vault, &ask, &[Class::Contact, Class::Address, Class::Note]).await.unwrap();
    assert_eq!(
        partly,
        [
            "address.city L•••",
            "address.street ••• J••• S•••",
            "contact.email a•••@s•••.example",
            "contact.name A••• L•••",
            "note.text prefers the back door",
        ]
    );
    let opening = vault.open(&ask, &fields_of(&[Class::Note])).await.unwrap();
    assert_eq!(opening.values[0].rules, ["support_reads_notes"]);
    assert_eq!(opening.values[0].mask, Mask::Whole);
    // An accountant: what stands on an invoice, and the rest is named with the reason.
    let ask = Ask::new(in_group("accountant"), ada(), Purpose::Invoicing);
    let books = seen(&vault, &ask, &[Class::Address, Class::Note]).await.unwrap();
    assert_eq!(
        books,
        ["address.city London", "address.street St James's Square", "note.text refused: no_rule"]
    );
    for (group, purpose) in
        [("", Purpose::Support), ("admin", Purpose::Support), ("support", Purpose::Shipping)]
    {
        let ask = Ask::new(in_group(group), ada(), purpose);
        assert_eq!(
            seen(&vault, &ask, &[Class::Contact]).await.unwrap_err(),
            Error::Denied("no_rule"),
            "{group}"
        );
    }
    let stale = Asker::staff(StaffId::from_bits(7), vec!["owner".to_owned()], Some(601));
    let ask = Ask::new(stale, ada(), Purpose::Support);
    assert_eq!(seen(&vault, &ask, &[Class::Contact]).await.unwrap_err(), Error::Denied("factor_too_old"));
});

both_engines!(an_order_of_somebody_else_opens_nothing_more, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let packs = |order: &str| Ask::new(in_group("fulfilment"), ada(), Purpose::Shipping).about_order(order);
    let right = seen(&vault, &packs(" a-1001 "), &[Class::Address]).await.unwrap();
    assert_eq!(right, ["address.city London", "address.street St James's Square"]);
    for none in ["", " "] {
        let refused = seen(&vault, &packs(none), &[Class::Address]).await.unwrap_err();
        assert_eq!(refused, Error::Denied("no_rule"));
    }
    for wrong in ["B-2002", "A-1002", "%", "A-1001' OR '1'='1", &"A".repeat(500)] {
        let refused = seen(&vault, &packs(wrong), &[Class::Address]).await.unwrap_err();
        assert_eq!(refused, Error::Denied("not_their_order"), "{wrong}");
    }
});

both_engines!(marketing_needs_a_consent_that_stands, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let ask = Ask::new(in_group("marketing"), ada(), Purpose::Marketing);
    let look = || seen(&vault, &ask, &[Class::Contact]);
    assert_eq!(look().await.unwrap_err(), Error::Denied("no_consent"));
    let given = [("consent.purpose", "Marketing"), ("consent.given_at", "2026-01-02T00:00:00Z")];
    vault.write(staff(), ada(), item("c1", &given)).await.unwrap();
    assert_eq!(look().await.unwrap(), ["contact.email ada@shop.example", "contact.name Ada Lovelace"]);
    vault
        .write(staff(), ada(), item("c1", &[("consent.withdrawn_at", "2026-02-02T00:00:00Z")]))
        .await
        .unwrap();
    assert_eq!(look().await.unwrap_err(), Error::Denied("no_consent"));
});

fn alarm() -> ledger::Filter {
    let kind_prefix = Some("vault.reading_limit_reached".to_owned());
    let severity = Some(storeward_events::Severity::High);
    ledger::Filter { kind_prefix, severity, ..ledger::Filter::default() }
}

// The limit holds however many ask at the same moment.
both_engines!(one_person_opens_no_more_than_two_hundred_customers_in_an_hour, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    let people: Vec<_> = (1..=230).map(CustomerId::from_bits).collect();
    for who in &people {
        vault.write(staff(), *who, item("own", &[("contact.name", "Somebody")])).await.unwrap();
    }
    let mut looks = tokio::task::JoinSet::new();
    for who in people.clone() {
        let vault = vault.clone();
        looks.spawn(async move { open(&vault, who, &["contact.name"]).await });
    }
    let outcomes = looks.join_all().await;
    assert_eq!(outcomes.iter().filter(|one| one.is_ok()).count(), 200);
    assert!(
        outcomes.iter().all(|one| one.is_ok() || *one.as_ref().unwrap_err() == Error::Denied("too_many"))
    );
    let entries = db.read(|reader| ledger::search(reader, &alarm(), storeward_base::PageSize::default()));
    let alarms = entries.await.unwrap().rows;
    assert_eq!(alarms.len(), 1, "staff see at once that somebody reads unusually much");
    assert_eq!(alarms[0].1.actor, staff());
    // Somebody else goes on, and so does the same person an hour later.
    let other = Asker::staff(StaffId::from_bits(8), vec!["owner".to_owned()], Some(1));
    let ask = Ask::new(other, people[0], Purpose::Support);
    assert!(vault.open(&ask, &[field("contact.name")]).await.is_ok());
    db.clock.advance(std::time::Duration::from_secs(3_601));
    assert!(open(&vault, people[229], &["contact.name"]).await.is_ok());
});

both_engines!(
    what_is_restricted_is_kept_and_opened_for_the_person_and_for_claims_only,
    MIGRATIONS,
    async |db| {
        let (_keys, vault) = both(&db).await;
        people(&vault).await;
        // Neither another customer nor support may restrict it.
        let eve = Ask::new(Asker::customer(bob()), ada(), Purpose::OwnData);
        assert_eq!(vault.restrict(&eve, Use::Restricted).await.unwrap_err(), Error::Denied("not_own"));
        let support = Ask::new(in_group("support"), ada(), Purpose::RightsRequest);
        assert_eq!(vault.restrict(&support, Use::Restricted).await.unwrap_err(), Error::Denied("no_rule"));
        vault.restrict(&own(ada()), Use::Restricted).await.unwrap();
        assert_eq!(open(&vault, ada(), &["address.city"]).await.unwrap_err(), Error::Denied("restricted"));
        let mine = vault.open(&own(ada()), &[field("address.city")]).await.unwrap();
        assert_eq!(mine.values.len(), 1);
        let claim = vault.open(&asks(ada(), Purpose::LegalClaim), &[field("address.city")]).await.unwrap();
        assert_eq!(claim.values.len(), 1);
        vault.restrict(&asks(ada(), Purpose::RightsRequest), Use::Allowed).await.unwrap();
        assert!(open(&vault, ada(), &["address.city"]).await.is_ok());
    }
);

both_engines!(one_customer_never_reaches_anothers_data, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    for purpose in Purpose::ALL {
        let eve = Ask::new(Asker::customer(bob()), ada(), purpose).about_order("A-1001");
        assert_eq!(
            seen(&vault, &eve, &Class::ALL).await.unwrap_err(),
            Error::Denied("not_own"),
            "{purpose:?}"
        );
        assert_eq!(vault.export(&eve, "json").await.unwrap_err(), Error::Denied("not_own"));
        assert_eq!(vault.erase(&eve).await.unwrap_err(), Error::Denied("not_own"));
        let changed = item("own", &[("contact.email", "eve@shop.example")]);
        assert_eq!(vault.correct(&eve, changed).await.unwrap_err(), Error::Denied("not_own"));
    }
    assert_eq!(
        vault.look_up(&Asker::customer(bob()), field("contact.email"), "ada@shop.example").await.unwrap_err(),
        Error::Denied("not_own")
    );
    // Nor does somebody at a shell see anything by the vault's door.
    let shell = Ask::new(Asker::operator(), ada(), Purpose::Support);
    assert!(matches!(seen(&vault, &shell, &Class::ALL).await, Err(Error::Denied(_))));
    assert_eq!(open(&vault, ada(), &["contact.email"]).await.unwrap().len(), 1);
});

both_engines!(a_copy_holds_everything_and_is_on_record, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let copy = vault.export(&own(ada()), "json").await.unwrap();
    assert_eq!((copy.values.len(), copy.refused.len()), (7, 0));
    assert!(copy.values.iter().all(|one| one.mask == Mask::Whole));
    let support = Ask::new(in_group("support"), ada(), Purpose::RightsRequest);
    assert_eq!(vault.export(&support, "json").await.unwrap_err(), Error::Denied("no_rule"));
    let entries = db.read(|reader| ledger::read_after(reader, 0, 500)).await.unwrap();
    let told = |record: &storeward_events::Record| matches!(&record.event, Event::CustomerExported(e) if e.fields == 7);
    assert_eq!(entries.iter().filter(|(_, record)| told(record)).count(), 1);
});

both_engines!(who_saw_whom_is_found_by_customer_person_and_purpose, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let later = || db.clock.advance(std::time::Duration::from_secs(1));
    open(&vault, ada(), &["contact.email"]).await.unwrap();
    later();
    open(&vault, bob(), &["address.city"]).await.unwrap();
    let packs = Ask::new(in_group("fulfilment"), ada(), Purpose::Shipping);
    later();
    assert!(vault.open(&packs, &[field("address.city")]).await.is_err());
    later();
    vault.open(&own(ada()), &[field("contact.email")]).await.unwrap();
    let list = async |filter: Filter| -> Vec<String> {
        let sights = vault.sights(filter, 50).await.unwrap();
        sights
            .iter()
            .map(|one| {
                format!("{} {} {} {:?}", one.collection, one.fields.join(" "), one.purpose, one.outcome)
            })
            .collect()
    };
    let all = list(Filter::default()).await;
    assert_eq!(
        all,
        [
            r#"contact email own_data Ok(["guard_own_data"])"#,
            r#"address city shipping Err("no_rule")"#,
            r#"address city support Ok(["owner_works"])"#,
            r#"contact email support Ok(["owner_works"])"#,
        ]
    );
    assert_eq!(list(Filter { customer: Some(bob()), ..Filter::default() }).await.len(), 1);
    assert_eq!(list(Filter { actor: Some(staff()), ..Filter::default() }).await.len(), 3);
    assert_eq!(
        list(Filter { actor: Some(Actor::Customer { id: ada() }), ..Filter::default() }).await.len(),
        1
    );
    assert_eq!(list(Filter { purpose: Some(Purpose::Shipping), ..Filter::default() }).await.len(), 1);
    let first = vault.sights(Filter::default(), 2).await.unwrap();
    let before = first.last().map(|one| one.event);
    assert_eq!(list(Filter { before, ..Filter::default() }).await, all[2..]);
});

both_engines!(looking_somebody_up_is_allowed_by_role_and_on_record, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let email = field("contact.email");
    assert_eq!(vault.look_up(&owner(), email, "ADA@shop.example").await.unwrap(), [ada()]);
    assert_eq!(vault.look_up(&in_group("support"), email, "nobody@shop.example").await.unwrap(), []);
    assert_eq!(
        vault.look_up(&in_group(""), email, "ada@shop.example").await.unwrap_err(),
        Error::Denied("no_rule")
    );
    let entries = db.read(|reader| ledger::read_after(reader, 0, 500)).await.unwrap();
    let told: Vec<String> = entries
        .iter()
        .filter(|(_, record)| matches!(record.event, Event::CustomersFound(_)))
        .map(|(_, record)| record.sentence())
        .collect();
    assert_eq!(
        told,
        ["Looked customers up by contact.email: 1 found", "Looked customers up by contact.email: 0 found"]
    );
});

both_engines!(what_may_be_kept_for_a_time_is_deleted_after_it, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let until = db.now().plus(std::time::Duration::from_secs(60));
    let short = Item { keep_until: Some(until), ..item("late", &[("contact.email", "old@shop.example")]) };
    vault.write(staff(), ada(), short).await.unwrap();
    assert_eq!(vault.forget().await.unwrap(), 0);
    db.clock.advance(std::time::Duration::from_secs(61));
    assert_eq!(vault.forget().await.unwrap(), 1);
    assert_eq!(vault.find(field("contact.email"), "old@shop.example").await.unwrap(), []);
    assert_eq!(vault.find(field("contact.email"), "ada@shop.example").await.unwrap(), [ada()]);
});

// No copy passes for a whole one that is none.
both_engines!(a_copy_says_what_is_not_in_it, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let text = format!(
        "{}\n@id(\"support_copies\") @mask(\"part\") permit (principal is Staff in Role::\"support\", \
         action == Action::\"export\", resource) when {{ resource in [Class::\"contact\", Class::\"order\"] }};",
        Policies::default_text()
    );
    vault.set_policies(Policies::parse(&text).unwrap());
    let ask = Ask::new(in_group("support"), ada(), Purpose::RightsRequest);
    let copy = vault.export(&ask, "json").await.unwrap();
    let json = storeward_vault::copy::json(&copy);
    let list: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    let withheld: Vec<String> = list
        .iter()
        .filter(|one| one["withheld"] == "no_rule" && one["value"].is_null())
        .map(|one| format!("{}.{}", one["collection"], one["field"]).replace('"', ""))
        .collect();
    assert_eq!(withheld, ["address.street", "address.city", "note.text"]);
    assert!(list.iter().filter(|one| one.get("withheld").is_none()).all(|one| one["shown"] == "part"));
    let csv = storeward_vault::copy::csv(&copy);
    assert!(csv.contains("\"note\",\"\",\"text\",\"\",\"\",\"\",\"withheld: no_rule\""), "{csv}");
    assert!(!csv.contains("ada@shop.example") && csv.contains(",\"part\"\r\n"));
});

both_engines!(the_last_word_about_a_purpose_counts_whichever_item_it_stands_in, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let ask = Ask::new(in_group("marketing"), ada(), Purpose::Marketing);
    let look = || seen(&vault, &ask, &[Class::Contact]);
    for (item_of, at) in [("c1", "2026-01-02T00:00:00Z"), ("c2", "2026-03-02T00:00:00Z")] {
        let given = [("consent.purpose", "Marketing"), ("consent.given_at", at)];
        vault.write(staff(), ada(), item(item_of, &given)).await.unwrap();
    }
    assert!(look().await.is_ok());
    // One withdrawal ends both agreements.
    vault.say(&own(ada()), Purpose::Marketing, Word::Withdraw).await.unwrap();
    assert_eq!(look().await.unwrap_err(), Error::Denied("no_consent"));
    db.clock.advance(std::time::Duration::from_secs(60));
    vault.say(&own(ada()), Purpose::Marketing, Word::Agree).await.unwrap();
    assert!(look().await.is_ok());
    // An objection closes what needs no consent, too: a rule of the shop's own for another purpose.
    db.clock.advance(std::time::Duration::from_millis(1));
    vault.say(&own(ada()), Purpose::Support, Word::Object).await.unwrap();
    assert_eq!(open(&vault, ada(), &["address.city"]).await.unwrap_err(), Error::Denied("objected"));
    assert!(look().await.is_ok());
    let history = vault.said_before(&own(ada())).await.unwrap();
    let words: Vec<&str> = history.iter().map(|one| one.word.name()).collect();
    assert_eq!(words, ["agree", "agree", "withdraw", "agree", "object"]);
    // Nobody speaks for somebody else.
    let eve = Ask::new(Asker::customer(bob()), ada(), Purpose::OwnData);
    assert_eq!(vault.say(&eve, Purpose::Marketing, Word::Agree).await.unwrap_err(), Error::Denied("not_own"));
    let marketing = Ask::new(in_group("marketing"), ada(), Purpose::RightsRequest);
    assert_eq!(
        vault.say(&marketing, Purpose::Marketing, Word::Agree).await.unwrap_err(),
        Error::Denied("owner_only")
    );
});

both_engines!(
    a_request_of_a_customer_has_a_clock_is_extended_once_and_closed_with_proof,
    MIGRATIONS,
    async |db| {
        let (_keys, vault) = both(&db).await;
        people(&vault).await;
        let day = std::time::Duration::from_secs(24 * 3_600);
        let first = vault.receive_plea(&own(ada()), Right::Access, "Everything <b>please").await.unwrap();
        db.clock.advance(day);
        let second =
            vault.receive_plea(&asks(bob(), Purpose::RightsRequest), Right::Correction, "").await.unwrap();
        let eve = Ask::new(Asker::customer(bob()), ada(), Purpose::OwnData);
        assert_eq!(vault.receive_plea(&eve, Right::Erasure, "").await.unwrap_err(), Error::Denied("not_own"));
        assert_eq!(vault.pleas_waiting().await.unwrap(), (2, 0));
        db.clock.advance(day * 29);
        assert_eq!(vault.pleas_waiting().await.unwrap(), (2, 1), "the first is overdue after its month");
        let open = vault.open_pleas().await.unwrap();
        assert_eq!(open.iter().map(|one| one.id).collect::<Vec<_>>(), [first, second]);
        let texts = vault.plea_texts(&open[0]).await.unwrap();
        assert_eq!(texts.said.unwrap().expose(), "Everything <b>please");
        let owner_ = asks(ada(), Purpose::RightsRequest);
        // Neither the customer, nor somebody about another customer's, nor without a reason.
        assert_eq!(
            vault.close_plea(&own(ada()), first, PleaOutcome::Done, "x").await.unwrap_err(),
            Error::Denied("no_rule")
        );
        assert_eq!(
            vault.extend_plea(&asks(bob(), Purpose::RightsRequest), first, "x").await.unwrap_err(),
            Error::NoRequest
        );
        assert!(matches!(vault.extend_plea(&owner_, first, "  ").await.unwrap_err(), Error::Value { .. }));
        vault.extend_plea(&owner_, first, "Three archives are searched").await.unwrap();
        assert_eq!(vault.extend_plea(&owner_, first, "more").await.unwrap_err(), Error::Decided);
        // What is overdue stays so: the time is extended within the first month (GDPR article 12(3)).
        assert_eq!(vault.pleas_waiting().await.unwrap(), (2, 1));
        vault.extend_plea(&asks(bob(), Purpose::RightsRequest), second, "The lawyer is ill").await.unwrap();
        db.clock.advance(day * 40);
        assert_eq!(vault.pleas_waiting().await.unwrap(), (2, 1));
        vault.close_plea(&owner_, first, PleaOutcome::Done, "Handed over by post").await.unwrap();
        assert_eq!(
            vault.close_plea(&owner_, first, PleaOutcome::Refused, "x").await.unwrap_err(),
            Error::Decided
        );
        let closed = vault.closed_pleas(None, 10).await.unwrap();
        assert_eq!((closed.len(), closed[0].outcome), (1, Some(PleaOutcome::Done)));
        // What people wrote is in no ledger, and gone with the customer.
        let entries = db.read(|reader| ledger::read_after(reader, 0, 500)).await.unwrap();
        for (_, record) in &entries {
            let text = String::from_utf8(record.to_bytes()).unwrap();
            assert!(
                !text.contains("please") && !text.contains("archives") && !text.contains("by post"),
                "{text}"
            );
        }
        vault.erase(&own(ada())).await.unwrap();
        let texts = vault.plea_texts(&closed[0]).await.unwrap();
        assert!(texts.said.is_none() && texts.proof.is_none());
    }
);

both_engines!(what_is_due_is_counted_first_and_then_erased, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let day = std::time::Duration::from_secs(24 * 3_600);
    for wrong in [0, 36_526] {
        assert!(vault.set_retention(staff(), Class::Order, Some(wrong)).await.is_err());
    }
    vault.set_retention(staff(), Class::Order, Some(30)).await.unwrap();
    vault.set_retention(staff(), Class::Contact, Some(30)).await.unwrap();
    assert_eq!(vault.due().await.unwrap().all(), 0);
    db.clock.advance(day * 31);
    // Bob orders again, so that how he is reached is no old thing; Ada had the use of hers stopped.
    vault.write(staff(), bob(), item("b2", &[("order.number", "B-3003")])).await.unwrap();
    vault.restrict(&own(ada()), Use::Restricted).await.unwrap();
    let due = vault.due().await.unwrap();
    assert_eq!(due.by_class, [(Class::Contact, 0), (Class::Order, 2)], "what is restricted is kept");
    vault.restrict(&own(ada()), Use::Allowed).await.unwrap();
    let due = vault.due().await.unwrap();
    assert_eq!(due.by_class, [(Class::Contact, 2), (Class::Order, 4)]);
    assert_eq!(vault.forget().await.unwrap(), due.all());
    assert_eq!(vault.due().await.unwrap().all(), 0);
    assert_eq!(open(&vault, ada(), &["contact.email", "order.number"]).await.unwrap().len(), 0);
    assert_eq!(open(&vault, ada(), &["address.city"]).await.unwrap().len(), 1);
    assert_eq!(vault.find(field("contact.email"), "ada@shop.example").await.unwrap(), []);
    assert_eq!(open(&vault, bob(), &["contact.email"]).await.unwrap().len(), 1);
    assert_eq!(
        vault.verify(Actor::Operator, |_| {}).await.unwrap().faults,
        0,
        "a sweep leaves whole records"
    );
    vault.set_retention(staff(), Class::Order, None).await.unwrap();
    assert_eq!(vault.retention().await.unwrap(), [(Class::Contact, 30)]);
});

// An agreement was open again once the end of it, or the purpose beside that, was swept.
both_engines!(the_end_of_a_consent_is_kept_for_as_long_as_what_it_ends, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let day = std::time::Duration::from_secs(24 * 3_600);
    vault.set_retention(staff(), Class::Consent, Some(30)).await.unwrap();
    let agreed = |id: &str, keep_until| storeward_vault::Item {
        provenance: storeward_vault::Provenance::Shop,
        keep_until,
        ..item(id, &[("consent.purpose", "marketing"), ("consent.given_at", &db.now().rfc3339())])
    };
    let end = async |id: &str| {
        db.clock.advance(day);
        let ask = asks(ada(), Purpose::RightsRequest).because("by letter");
        vault.correct(&ask, item(id, &[("consent.withdrawn_at", &db.now().rfc3339())])).await.unwrap();
    };
    let ask = Ask::new(in_group("marketing"), ada(), Purpose::Marketing);
    let look = || seen(&vault, &ask, &[Class::Contact]);
    let due = async || {
        let due = vault.due().await.unwrap();
        (due.by_class, due.by_own, vault.forget().await.unwrap())
    };
    let none = (vec![(Class::Consent, 0)], 0, 0);
    // In the item of the agreement, twenty days later; the agreement's own time is over, too.
    let soon = Some(db.now().plus(day * 25));
    vault.write(staff(), ada(), agreed("c1", soon)).await.unwrap();
    db.clock.advance(day * 20);
    end("c1").await;
    db.clock.advance(day * 10);
    assert_eq!(due().await, none);
    vault.write(staff(), ada(), agreed("c2", None)).await.unwrap();
    assert_eq!(look().await.unwrap_err(), Error::Denied("no_consent"));
    // In an item of its own, before the agreement was written.
    db.clock.advance(day * 25);
    assert_eq!(due().await, none);
    assert_eq!(look().await.unwrap_err(), Error::Denied("no_consent"));
    // What the owner ended stays ended, whatever the shop's program tells each night; the agreement goes.
    db.clock.advance(day * 6);
    assert_eq!(due().await, (vec![(Class::Consent, 2)], 0, 2));
    vault.write(staff(), ada(), agreed("c2", None)).await.unwrap();
    assert_eq!(look().await.unwrap_err(), Error::Denied("no_consent"));
    // Nor does whoever writes the database have that end swept as the shop's.
    db.tamper("UPDATE vault_field SET provenance = 'shop' WHERE field = 'withdrawn_at'");
    db.clock.advance(day * 31);
    vault.forget().await.unwrap();
    assert!(vault.open(&ask, &[field("contact.email")]).await.is_err());
    db.tamper("UPDATE vault_field SET provenance = 'staff' WHERE field = 'withdrawn_at'");
    vault.forget().await.unwrap();
    assert_eq!(vault.verify(Actor::Operator, |_| {}).await.unwrap().faults, 0);
    vault.write(staff(), ada(), agreed("c2", None)).await.unwrap();
    assert_eq!(look().await.unwrap_err(), Error::Denied("no_consent"));
    // An item whose values all have a time of their own goes in that time.
    vault.write(staff(), ada(), agreed("c3", Some(db.now().plus(day)))).await.unwrap();
    db.clock.advance(day);
    assert_eq!(due().await, (vec![(Class::Consent, 0)], 2, 2));
    assert_eq!(look().await.unwrap_err(), Error::Denied("no_consent"));
});

// A rule of the shop hid the telephone from its own customer and kept them from erasing; the guards said that none can.
both_engines!(no_rule_of_the_shop_takes_the_customer_s_own_rights, MIGRATIONS, async |db| {
    let (_keys, vault) = both(&db).await;
    people(&vault).await;
    let hiding = "@id(\"none\") forbid (principal, action, resource);";
    vault.set_policies(Policies::parse(hiding).unwrap());
    let mine = seen(&vault, &own(ada()), &[Class::Contact]).await.unwrap();
    assert_eq!(mine, ["contact.email ada@shop.example", "contact.name Ada Lovelace"]);
    assert!(vault.export(&own(ada()), "json").await.unwrap().refused.is_empty());
    vault.correct(&own(ada()), item("own", &[("contact.name", "Ada King")])).await.unwrap();
    vault.erase(&own(ada())).await.unwrap();
    assert_eq!(
        open(&vault, bob(), &["contact.name"]).await.unwrap_err(),
        Error::Denied("forbidden"),
        "of staff the shop's rules hold"
    );
});
