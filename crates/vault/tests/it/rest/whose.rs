//! A program that may write and not read learns nothing of what it wrote into, and speaks for nobody.

use serde_json::{Value, json};
use storeward_api::Act;
use storeward_base::Actor;
use storeward_policy::Purpose;
use storeward_store::both_engines;
use storeward_vault::import::{Mapping, Plan};
use storeward_vault::{Ask, Error, Word};

use super::{Stand, draft, migrations, stand, told};
use crate::support::{field, in_group, item, own, staff};

/// A key of the shop's that only writes.
async fn writer(stand: &Stand) -> String {
    let mut draft = draft(&["shop"], &[Purpose::Support]);
    draft.acts = vec![Act::Write];
    stand.key(draft).await
}

async fn of(stand: &Stand, email: &str) -> usize {
    stand.vault.of_email(email).await.unwrap().len()
}

fn address(item: &str, email: &str) -> Value {
    json!({ "shop_id": "4711", "items": [{ "collection": "contact", "item": item, "values": { "email": email } }] })
}

both_engines!(no_program_makes_itself_the_reader_of_a_record, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (honest, thief) = (stand.master().await, writer(&stand).await);
    let id = stand.ada(&honest).await;
    assert_eq!(of(&stand, "ada@shop.example").await, 1, "who came with the record is its customer");
    // The shop's own program writes the same again each night.
    stand.ada(&honest).await;
    stand.ada(&thief).await;
    assert_eq!(of(&stand, "ada@shop.example").await, 1);
    // A second address: neither opens the page, until somebody proves whose the record is.
    let added = stand.post(&thief, "/customers", address("second", "eve@people.example")).await;
    assert_eq!(added.status, 201, "{}", added.text);
    assert_eq!(added.json(), json!({ "id": id }), "it learns no more than that it was written");
    assert_eq!(of(&stand, "eve@people.example").await, 0);
    // In the place of the first one, also by the key that wrote that.
    for key in [&thief, &honest] {
        assert_eq!(stand.post(key, "/customers", address("own", "eve@people.example")).await.status, 201);
        assert_eq!(of(&stand, "eve@people.example").await, 0);
    }
    // Nor where the database calls it the customer's.
    let second = stand.vault.item_of_shop(storeward_vault::Class::Contact, "second");
    db.tamper(&format!("UPDATE vault_field SET provenance = 'customer' WHERE item = '{second}'"));
    assert!(matches!(stand.vault.of_email("eve@people.example").await.unwrap_err(), Error::Harmed(_)));
});

both_engines!(who_knows_a_number_before_its_customer_comes_reads_nothing, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (honest, thief) = (stand.master().await, writer(&stand).await);
    assert_eq!(stand.post(&thief, "/customers", address("waiting", "eve@people.example")).await.status, 201);
    let id = stand.ada(&honest).await;
    assert_eq!(of(&stand, "eve@people.example").await, 0);
    assert_eq!(of(&stand, "ada@shop.example").await, 0, "nobody can tell whose it is");
    let customer: storeward_base::CustomerId = id.parse().unwrap();
    // What programs say of a number gives nobody another's.
    assert_eq!(stand.vault.number_of(customer).await.unwrap(), None);
    // The shop's own accounts prove it.
    let columns: Vec<String> = ["id", "mail"].map(str::to_owned).to_vec();
    let mapping: Mapping = toml::from_str("key = \"id\"\n[fields]\n\"contact.email\" = \"mail\"\n").unwrap();
    let plan = Plan::new(&mapping, &columns).unwrap();
    let cells = ["4711", "ada@shop.example"].map(str::to_owned);
    stand.vault.take(&plan, &cells, plan.read(&cells)).await.unwrap();
    assert_eq!(stand.vault.of_email("ada@shop.example").await.unwrap().len(), 1);
    assert_eq!(stand.vault.of_email("ada@shop.example").await.unwrap()[0].to_string(), id);
    assert_eq!(of(&stand, "eve@people.example").await, 0);
    assert_eq!(stand.vault.number_of(customer).await.unwrap().as_deref(), Some("4711"));
});

both_engines!(no_program_speaks_for_a_customer, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (honest, thief) = (stand.master().await, writer(&stand).await);
    let id = stand.ada(&honest).await;
    let customer: storeward_base::CustomerId = id.parse().unwrap();
    let consent = |item: &str, values: Value| json!({ "shop_id": "4711", "items": [{ "collection": "consent", "item": item, "values": values }] });
    let agreed = |at: &str| json!({ "purpose": "marketing", "given_at": at });
    let now = || db.now().rfc3339();
    // No moment in the future, whichever it is; a few minutes are two clocks.
    for name in ["given_at", "withdrawn_at", "objected_at"] {
        let future = json!({ "purpose": "marketing", name: "2099-01-01T00:00:00Z" });
        let refused = stand.post(&thief, "/customers", consent("c1", future)).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
        assert_eq!(refused.json()["errors"][0]["pointer"], format!("/items/0/values/{name}"));
    }
    let soon = db.now().plus(std::time::Duration::from_secs(60)).rfc3339();
    assert_eq!(stand.post(&honest, "/customers", consent("c1", agreed(&soon))).await.status, 201);
    let look = async || {
        let ask = Ask::new(in_group("marketing"), customer, Purpose::Marketing);
        stand.vault.open(&ask, &[field("contact.email")]).await.map(drop)
    };
    look().await.unwrap();
    // Ada withdraws; a minute later a program says that she agreed after all.
    db.clock.advance(std::time::Duration::from_secs(600));
    stand.vault.say(&own(customer), Purpose::Marketing, Word::Withdraw).await.unwrap();
    assert_eq!(look().await.unwrap_err(), Error::Denied("no_consent"));
    db.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(stand.post(&thief, "/customers", consent("c2", agreed(&now()))).await.status, 201);
    assert_eq!(look().await.unwrap_err(), Error::Denied("no_consent"));
    let place = format!("/customers/{id}/corrections");
    let corrected = json!({
        "purpose": "rights_request", "collection": "consent", "item": "c3", "values": agreed(&now()), "reason": "so they say"
    });
    assert_eq!(stand.post(&honest, &place, corrected).await.status, 200);
    assert_eq!(look().await.unwrap_err(), Error::Denied("no_consent"));
    // Nor does it write over her word.
    let copy = stand.vault.export(&own(customer), "json").await.unwrap();
    let hers = copy.values.iter().find(|one| one.field.name == "withdrawn_at").unwrap().item.clone();
    for values in [json!({ "withdrawn_at": "2001-01-01T00:00:00Z" }), json!({ "purpose": "other" })] {
        let refused = stand.post(&thief, "/customers", consent(&hers, values)).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some("vault.denied")));
    }
    assert_eq!(look().await.unwrap_err(), Error::Denied("no_consent"));
    // What a file says of the year 2099 is no agreement either; of somebody who never said a word here.
    let other = storeward_base::CustomerId::from_bits(0xB0B);
    let imported = storeward_vault::Item {
        provenance: storeward_vault::Provenance::Import,
        ..item("c1", &[("consent.purpose", "marketing"), ("consent.given_at", "2099-01-01T00:00:00Z")])
    };
    stand.vault.write(staff(), other, item("own", &[("contact.email", "bob@shop.example")])).await.unwrap();
    stand.vault.write(Actor::Operator, other, imported).await.unwrap();
    let ask = Ask::new(in_group("marketing"), other, Purpose::Marketing);
    let closed = stand.vault.open(&ask, &[field("contact.email")]).await.unwrap_err();
    assert_eq!(closed, Error::Denied("no_consent"));
    // She agrees again herself, and then objects.
    stand.vault.say(&own(customer), Purpose::Marketing, Word::Agree).await.unwrap();
    look().await.unwrap();
    db.clock.advance(std::time::Duration::from_secs(60));
    stand.vault.say(&own(customer), Purpose::Marketing, Word::Object).await.unwrap();
    db.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(stand.post(&thief, "/customers", consent("c4", agreed(&now()))).await.status, 201);
    assert!(look().await.is_err());
    assert!(!told(&db, "vault.fields_written").await.is_empty());
});

// Whoever sees `E••• F•••` had the name after 937 questions.
both_engines!(no_mask_is_gone_round_by_asking_for_parts, &migrations(), async |db| {
    let stand = stand(&db).await;
    let master = stand.master().await;
    let name = storeward_vault::by_part("contact.name").unwrap();
    stand.vault.settle_indexes(&[name]).await.unwrap();
    stand.vault.make_indexes(|_| {}).await.unwrap();
    stand.ada(&master).await;
    let ask = |part: &str| json!({ "field": "contact.name", "value": part });
    // For invoices the accountant sees names whole, and so may ask; these do not.
    for role in ["support", "fulfilment", "marketing", "shop"] {
        let key = stand.key(draft(&[role], &Purpose::OF_STAFF)).await;
        let refused = stand.post(&key, "/customers/find", ask("love")).await;
        assert_eq!(refused.status, 403, "{role}: {}", refused.text);
        let none = stand.post(&key, "/customers/find", ask("xyz")).await;
        assert_eq!(
            none.text.replace(none.header("storeward-request"), ""),
            refused.text.replace(refused.header("storeward-request"), "")
        );
    }
    let owner = stand.key(draft(&["owner"], &Purpose::OF_STAFF)).await;
    assert_eq!(stand.post(&owner, "/customers/find", ask("love")).await.status, 200);
    // Each question counts.
    for _ in 1..storeward_policy::VOLUME_LIMIT {
        assert_eq!(stand.post(&owner, "/customers/find", ask("zzz")).await.status, 200);
    }
    assert_eq!(stand.post(&owner, "/customers/find", ask("love")).await.status, 403);
    assert_eq!(told(&db, "vault.reading_limit_reached").await.len(), 1);
    db.clock.advance(std::time::Duration::from_secs(3_700));
    assert_eq!(stand.post(&owner, "/customers/find", ask("love")).await.status, 200);
});

// Any account on the machine could lock the shop's own programs out, a hundred requests a minute.
both_engines!(wrong_keys_make_nobody_wait_who_has_a_good_one, &migrations(), async |db| {
    let stand = stand(&db).await;
    let good = stand.master().await;
    let mut last = 0;
    for number in 0..140 {
        last = stand.get(&format!("swk_{number:088x}"), "/key").await.status;
    }
    assert_eq!(last, 429, "whoever guesses waits");
    assert_eq!(stand.get("", "/key").await.status, 429);
    for _ in 0..3 {
        assert_eq!(stand.get(&good, "/key").await.status, 200);
    }
    assert_eq!(
        stand.get(&format!("swk_{:088x}", 1), "/key").await.status,
        429,
        "a good key gives nothing back"
    );
});

both_engines!(a_program_that_goes_through_the_numbers_is_followed, &migrations(), async |db| {
    let stand = stand(&db).await;
    let shop = stand.key(draft(&["shop"], &[Purpose::Support])).await;
    let support = stand.key(draft(&["support"], &[Purpose::Support])).await;
    let find = |number: u64| json!({ "field": "contact.shop_id", "value": number.to_string() });
    let walks = || stand.vault.walks().found(storeward_base::Timestamp::EPOCH);
    for number in 0..40 {
        assert_eq!(stand.post(&shop, "/customers/find", find(number)).await.status, 200);
    }
    assert_eq!(walks(), [], "the shop's own program goes from one to the next, and opens nothing");
    for step in 0..15 {
        for number in [step * 2, 900_000 + step * 71] {
            assert_eq!(stand.post(&support, "/customers/find", find(number)).await.status, 200);
        }
    }
    let found = walks();
    assert_eq!((found.len(), found[0].numbers), (1, 15));
    assert!(matches!(found[0].actor, Actor::Key { .. }));
});

// A second key of the same maker went on where the first one's hour was full.
both_engines!(a_second_key_is_no_second_hour, &migrations(), async |db| {
    let stand = stand(&db).await;
    let master = stand.master().await;
    let mut ids = Vec::new();
    for number in 0..=storeward_policy::VOLUME_LIMIT {
        let person = storeward_base::CustomerId::from_bits(u128::from(number) + 1);
        let order = format!("A-{number}");
        let values = [("order.number", order.as_str())];
        stand.vault.write(staff(), person, item("o", &values)).await.unwrap();
        ids.push(person);
    }
    let keys = [
        stand.key(draft(&["support"], &[Purpose::Support])).await,
        stand.key(draft(&["support", "marketing"], &[Purpose::Support])).await,
    ];
    let open = async |key: &str, at: usize| {
        let body = json!({ "purpose": "support", "fields": ["order.number"] });
        stand.post(key, &format!("/customers/{}/open", ids[at]), body).await.status
    };
    let most = usize::try_from(storeward_policy::VOLUME_LIMIT).unwrap();
    for at in 0..most {
        assert_eq!(open(&keys[at % 2], at).await, 200, "{at}");
    }
    for key in &keys {
        assert_eq!(open(key, most).await, 403);
    }
    let accountant = stand.key(draft(&["accountant"], &[Purpose::Invoicing])).await;
    let body = json!({ "purpose": "invoicing", "fields": ["order.number"] });
    let other = stand.post(&accountant, &format!("/customers/{}/open", ids[most]), body).await;
    assert_eq!(other.status, 200, "another program goes on: {}", other.text);
    assert!(!master.is_empty());
});

// An owner's program takes down that somebody withdrew by telephone: the shop's program wrote over it, and it was as if nobody ever had.
both_engines!(an_end_by_the_owners_program_is_opened_by_no_program, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (honest, shop) = (stand.master().await, writer(&stand).await);
    let id = stand.ada(&honest).await;
    let customer: storeward_base::CustomerId = id.parse().unwrap();
    let look = async || {
        let ask = Ask::new(in_group("marketing"), customer, Purpose::Marketing);
        stand.vault.open(&ask, &[field("contact.email")]).await.map(drop)
    };
    let consent = |item: &str| {
        json!({ "shop_id": "4711", "items": [{ "collection": "consent", "item": item,
        "values": { "purpose": "marketing", "given_at": db.now().rfc3339() } }] })
    };
    let corrected = |item: &str, values: Value| json!({ "purpose": "rights_request", "collection": "consent", "item": item, "values": values, "reason": "by telephone" });
    let place = format!("/customers/{id}/corrections");
    for (item, end) in [
        ("c1", json!({ "withdrawn_at": db.now().plus(std::time::Duration::from_secs(60)).rfc3339() })),
        (
            "new",
            json!({ "purpose": "marketing", "objected_at": db.now().plus(std::time::Duration::from_secs(60)).rfc3339() }),
        ),
    ] {
        if item == "c1" {
            assert_eq!(stand.post(&shop, "/customers", consent("c1")).await.status, 201);
            look().await.unwrap();
        }
        db.clock.advance(std::time::Duration::from_secs(60));
        let ended = stand.post(&honest, &place, corrected(item, end)).await;
        assert_eq!(ended.status, 200, "{}", ended.text);
        db.clock.advance(std::time::Duration::from_secs(60));
        assert!(look().await.is_err());
        // Over the same item nobody's program writes; beside it the shop's word opens nothing.
        let over = stand.post(&shop, "/customers", consent(item)).await;
        assert_eq!((over.status, over.json()["code"].as_str()), (403, Some("vault.denied")));
        let moved = corrected(item, json!({ "withdrawn_at": "2001-01-01T00:00:00Z" }));
        assert_eq!(stand.post(&honest, &place, moved).await.status, 403);
        assert_eq!(stand.post(&shop, "/customers", consent("c9")).await.status, 201);
        assert!(look().await.is_err());
    }
    stand.vault.say(&own(customer), Purpose::Marketing, Word::Agree).await.unwrap();
    look().await.unwrap();
});
