//! Whoever writes the database, and holds no key file, against the keys of programs.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use storeward_api::{Act, Draft, Sort};
use storeward_base::{ApiKeyId, CustomerId};
use storeward_events::api::ApiKeyMade;
use storeward_events::{Event, Record};
use storeward_policy::Purpose;
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_vault::{Ask, Asker, Class, Error, Item, Provenance};

use super::{Got, Stand, draft, migrations, stand, started_again, told};
use crate::support::{field, item, staff};

/// A key that the shop's own system writes with: it opens nothing.
async fn shops_own(stand: &Stand) -> (ApiKeyId, String) {
    let draft = Draft { acts: vec![Act::Read, Act::Write], ..draft(&["shop"], &[Purpose::Shipping]) };
    let made = stand.keys.make(draft, staff()).await.unwrap();
    (made.key.id, made.text.expose().clone())
}

/// The row as it is, to be put back.
async fn row(db: &TestDb, id: ApiKeyId) -> Vec<(String, String)> {
    let columns = [
        "name",
        "handle",
        "secret_hash",
        "acts",
        "roles",
        "purposes",
        "networks",
        "made_by",
        "created_at",
        "expires_at",
        "revoked_at",
    ];
    let mut found = Vec::new();
    for column in columns {
        let sql = format!("SELECT CAST({column} AS TEXT) FROM api_key WHERE id = '{id}'");
        let read = db.read(move |reader| reader.query_one(&sql, &[], |row| row.get::<Option<String>>(0)));
        let value = read.await.unwrap();
        let literal = value.map_or_else(|| "NULL".to_owned(), |text| format!("'{text}'"));
        found.push((column.to_owned(), literal));
    }
    found
}

fn put_back(db: &TestDb, id: ApiKeyId, row: &[(String, String)]) {
    let is_number = |column: &str| column.ends_with("_at");
    let set: Vec<String> = row
        .iter()
        .map(|(column, literal)| match is_number(column) {
            true => format!("{column} = CAST({literal} AS BIGINT)"),
            false => format!("{column} = {literal}"),
        })
        .collect();
    db.tamper(&format!("UPDATE api_key SET {} WHERE id = '{id}'", set.join(", ")));
}

async fn harmed(db: &TestDb) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    told(db, "system.row_harmed")
        .await
        .iter()
        .map(|one| (text(&one["data"]["row"]), text(&one["data"]["harm"])))
        .collect()
}

both_engines!(a_row_that_somebody_changed_opens_nothing_and_is_told, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (id, key) = shops_own(&stand).await;
    assert_eq!(stand.get(&key, "/key").await.status, 200);
    let whole = row(&db, id).await;
    for change in [
        "roles = 'owner'",
        "roles = 'owner', acts = 'read\nwrite\nerase\nexport', purposes = 'support\nrights_request'",
        "networks = '10.0.0.0/8'",
        "expires_at = 9000000000000000",
        "name = 'harmless'",
        "made_by = 'operator'",
        "handle = 'ffffffffffffffff'",
        "tag = NULL",
    ] {
        db.tamper(&format!("UPDATE api_key SET {change} WHERE id = '{id}'"));
        let got = stand.get(&key, "/key").await;
        assert_eq!((got.status, got.json()["code"].as_str()), (401, Some("api.key")), "{change}");
        assert!(
            stand.keys.list().await.unwrap().iter().all(|key| key.doubt == Some(Sort::Changed)),
            "{change}"
        );
        let found = stand.keys.look().await.unwrap();
        assert_eq!(found.len(), 1, "{change}: {found:?}");
        if change == "tag = NULL" {
            break;
        }
        put_back(&db, id, &whole);
        assert_eq!(stand.get(&key, "/key").await.status, 200, "{change}");
        assert_eq!(stand.keys.look().await.unwrap(), []);
    }
    // High, and once a day, however often it is tried.
    assert_eq!(harmed(&db).await, [(id.to_string(), "changed".to_owned())]);
    db.clock.advance(Duration::from_secs(25 * 3_600));
    stand.keys.look().await.unwrap();
    assert_eq!(harmed(&db).await.len(), 2);
});

both_engines!(a_key_from_nothing_and_one_that_was_deleted_are_named, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (id, key) = shops_own(&stand).await;
    db.tamper(&format!(
        "INSERT INTO api_key (id, name, handle, secret_hash, acts, roles, purposes, networks, made_by, created_at, tag) \
         SELECT 'key_00000000000000000000000077', name, '0000000000000000', secret_hash, acts, 'owner', purposes, networks, \
         made_by, created_at, tag FROM api_key WHERE id = '{id}'"
    ));
    let found = stand.keys.look().await.unwrap();
    assert_eq!(found.iter().map(|one| one.harm.as_str()).collect::<Vec<_>>(), ["unknown"]);
    db.tamper(&format!("DELETE FROM api_key WHERE id = '{id}'"));
    assert_eq!(stand.get(&key, "/key").await.status, 401);
    let mut harms: Vec<String> = stand.keys.look().await.unwrap().into_iter().map(|one| one.harm).collect();
    harms.sort();
    assert_eq!(harms, ["missing", "unknown"]);
});

both_engines!(what_was_revoked_stays_so_by_the_ledger, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (id, key) = shops_own(&stand).await;
    let whole = row(&db, id).await;
    db.tamper("CREATE TABLE kept AS SELECT id, tag FROM api_key");
    stand.keys.revoke(id, staff()).await.unwrap();
    assert_eq!(stand.keys.look().await.unwrap(), []);
    // The row of before, with the tag of before: it fits itself.
    put_back(&db, id, &whole);
    db.tamper("UPDATE api_key SET tag = (SELECT kept.tag FROM kept WHERE kept.id = api_key.id)");
    assert_eq!(stand.get(&key, "/key").await.status, 401);
    let reasons = told(&db, "api.refused").await;
    assert_eq!(reasons.last().unwrap()["data"]["reason"], "changed");
    // Also for a program that starts then.
    let after = super::stand(&db).await;
    assert_eq!(after.keys.list().await.unwrap()[0].doubt, Some(Sort::Changed));
    // Revoked once more, it is what it says again.
    stand.keys.revoke(id, staff()).await.unwrap();
    assert_eq!(stand.keys.list().await.unwrap()[0].doubt, None);
});

both_engines!(what_was_revoked_stays_so_where_the_ledger_is_made_to_hide_it, &migrations(), async |db| {
    let before = stand(&db).await;
    let (id, key) = shops_own(&before).await;
    let (_, other) = shops_own(&before).await;
    let whole = row(&db, id).await;
    db.tamper("CREATE TABLE kept AS SELECT id, tag FROM api_key");
    before.keys.revoke(id, staff()).await.unwrap();
    // The row and its tag of before; and no look for revocations finds the one there was.
    put_back(&db, id, &whole);
    db.tamper("UPDATE api_key SET tag = (SELECT kept.tag FROM kept WHERE kept.id = api_key.id)");
    db.drop_guards();
    db.tamper("UPDATE ledger_entry SET kind = 'api.called' WHERE kind = 'api.key_revoked'");
    let after = started_again(&db, &before).await;
    for stand in [&before, &after] {
        assert_eq!(stand.get(&key, "/key").await.status, 401);
        assert_eq!(stand.get(&other, "/key").await.status, 200);
        let found = stand.keys.look().await.unwrap();
        assert_eq!(found.iter().map(|one| one.harm.as_str()).collect::<Vec<_>>(), ["changed"]);
    }
    // Nor where the ledger was put back with the row, to the letter.
    db.tamper("DELETE FROM ledger_entry WHERE seq > 2");
    assert_eq!(started_again(&db, &before).await.get(&key, "/key").await.status, 401);
    // A file that says something else lets no key in, rather than the wrong one.
    std::fs::write(&before.gone, "key_00000000000000000000000077 00\n").unwrap();
    let harmed = started_again(&db, &before).await;
    for text in [&key, &other] {
        assert_eq!(harmed.get(text, "/key").await.status, 500);
    }
});

both_engines!(what_another_version_revoked_is_kept_at_the_first_look, &migrations(), async |db| {
    let before = stand(&db).await;
    let (id, key) = shops_own(&before).await;
    let whole = row(&db, id).await;
    db.tamper("CREATE TABLE kept AS SELECT id, tag FROM api_key");
    before.keys.revoke(id, staff()).await.unwrap();
    std::fs::remove_file(&before.gone).unwrap();
    started_again(&db, &before).await.keys.list().await.unwrap();
    put_back(&db, id, &whole);
    db.tamper("UPDATE api_key SET tag = (SELECT kept.tag FROM kept WHERE kept.id = api_key.id)");
    db.drop_guards();
    db.tamper("UPDATE ledger_entry SET kind = 'api.called' WHERE kind = 'api.key_revoked'");
    assert_eq!(started_again(&db, &before).await.get(&key, "/key").await.status, 401);
});

both_engines!(
    keys_of_an_earlier_version_are_bound_once_and_only_as_the_ledger_says,
    &migrations(),
    async |db| {
        let stand = stand(&db).await;
        let (old, old_text) = shops_own(&stand).await;
        let (wider, wider_text) = shops_own(&stand).await;
        // As an earlier version left them: no tag in the row, none in the ledger.
        db.drop_guards();
        db.tamper("UPDATE api_key SET tag = NULL");
        strip_tags(&db).await;
        db.tamper(&format!("UPDATE api_key SET roles = 'owner' WHERE id = '{wider}'"));
        for text in [&old_text, &wider_text] {
            assert_eq!(stand.get(text, "/key").await.status, 401);
        }
        let keys = stand.keys.clone();
        storeward_store::testing::blocking(move || keys.bind_old_blocking().unwrap()).await;
        assert_eq!(stand.get(&old_text, "/key").await.status, 200);
        assert_eq!(stand.get(&wider_text, "/key").await.status, 401);
        assert_eq!(told(&db, "api.keys_bound").await[0]["data"]["keys"], json!([old.to_string()]));
        // Once: another row without a tag, though it is what the ledger says, stays what it is.
        db.tamper(&format!("UPDATE api_key SET tag = NULL WHERE id = '{old}'"));
        let keys = stand.keys.clone();
        storeward_store::testing::blocking(move || keys.bind_old_blocking().unwrap()).await;
        assert_eq!(stand.get(&old_text, "/key").await.status, 401);
        // Nor where the ledger is made to hide that it was done.
        db.tamper("UPDATE ledger_entry SET kind = 'api.called' WHERE kind = 'api.keys_bound'");
        let keys = started_again(&db, &stand).await.keys;
        storeward_store::testing::blocking(move || keys.bind_old_blocking().unwrap()).await;
        assert_eq!(stand.get(&old_text, "/key").await.status, 401);
    }
);

// Unsigned rows ended a key for ever, and enough of them every key.
both_engines!(revocations_that_nobody_signed_end_no_key, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (id, key) = shops_own(&stand).await;
    db.forge(1, "api.key_revoked", &format!("{{\"key\":\"{id}\"}}"));
    for number in 2..50 {
        db.forge(number, "api.key_revoked", &format!("{{\"key\":\"key_{number:026}\"}}"));
    }
    assert_eq!(stand.get(&key, "/key").await.status, 200);
    assert!(!stand.gone.exists() || std::fs::read_to_string(&stand.gone).unwrap().lines().count() < 2);
    // Those that are signed hold beside them, and none is hidden.
    stand.keys.revoke(id, staff()).await.unwrap();
    assert_eq!(started_again(&db, &stand).await.get(&key, "/key").await.status, 401);
});

// It was told that there is no such key; and the key was good again with its row.
both_engines!(a_key_whose_row_is_away_can_be_revoked, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (id, key) = shops_own(&stand).await;
    db.tamper("CREATE TABLE kept AS SELECT * FROM api_key");
    db.tamper("DELETE FROM api_key");
    stand.keys.revoke(id, staff()).await.unwrap();
    let again = stand.keys.revoke(id, staff()).await;
    assert!(matches!(again, Err(storeward_api::Error::NoKey)), "{again:?}");
    db.tamper("INSERT INTO api_key SELECT * FROM kept");
    for stand in [&started_again(&db, &stand).await, &stand] {
        assert_eq!(stand.get(&key, "/key").await.status, 401);
    }
});

/// The ledger's entries as an earlier version wrote them.
async fn strip_tags(db: &TestDb) {
    for entry in told(db, "api.key_made").await {
        let record = Record::from_bytes(entry.to_string().as_bytes()).unwrap();
        let Event::ApiKeyMade(fact) = record.event else { panic!("{entry}") };
        let (actor, fact) = (record.actor, ApiKeyMade { tag: None, ..fact });
        let written = db.write(move |tx| tx.append(actor, None, fact.clone()).map(drop));
        written.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    }
}

both_engines!(a_new_key_without_its_tag_is_never_bound, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (id, text) = shops_own(&stand).await;
    db.tamper(&format!("UPDATE api_key SET tag = NULL WHERE id = '{id}'"));
    let keys = stand.keys.clone();
    storeward_store::testing::blocking(move || keys.bind_old_blocking().unwrap()).await;
    assert_eq!(stand.get(&text, "/key").await.status, 401);
});

both_engines!(a_key_ends_with_the_right_of_whoever_made_it, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (_, by_staff) = shops_own(&stand).await;
    let made = stand.keys.make(draft(&["owner"], &[Purpose::Support]), storeward_base::Actor::Operator).await;
    let by_operator = made.unwrap().text.expose().clone();
    stand.maker_left.store(true, Ordering::SeqCst);
    assert_eq!(stand.get(&by_staff, "/key").await.status, 401);
    assert_eq!(stand.get(&by_operator, "/key").await.status, 200);
    assert_eq!(told(&db, "api.refused").await[0]["data"]["reason"], "maker");
    stand.maker_left.store(false, Ordering::SeqCst);
    assert_eq!(stand.get(&by_staff, "/key").await.status, 200);
});

both_engines!(who_writes_orders_opens_nothing_by_them, &migrations(), async |db| {
    let stand = stand(&db).await;
    for role in ["fulfilment", "support", "accountant", "marketing"] {
        let made = stand.keys.make(draft(&["shop", role], &[Purpose::Shipping]), staff()).await;
        assert!(matches!(made, Err(storeward_api::Error::Misfit(_))), "{role}");
    }
    let (_, shop) = shops_own(&stand).await;
    let id = stand.ada(&shop).await;
    let made = stand.keys.make(draft(&["fulfilment"], &[Purpose::Shipping]), staff()).await.unwrap();
    let packs = made.text.expose().clone();
    let place = format!("/customers/{id}/open");
    let open = |order: &str| json!({ "purpose": "shipping", "fields": ["address.street"], "order": order });
    // Of the shop's own key it counts, and of nobody whom the index leads to another's order.
    assert_eq!(stand.post(&packs, &place, open("A-1001")).await.status, 200);
    assert_eq!(stand.post(&packs, &place, open("B-2002")).await.status, 403);
    let bob = json!({ "shop_id": "4712", "items": [
        { "collection": "address", "item": "shipping", "values": { "street": "Elsewhere 1" } },
        { "collection": "order", "item": "b-2", "values": { "number": "B-2002" } } ] });
    let made = stand.post(&shop, "/customers", bob).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let [a, b] = ["a-1", "b-2"].map(|name| stand.vault.item_of_shop(Class::Order, name));
    db.tamper(&format!(
        "INSERT INTO vault_mark (field, root, mark, customer, item) SELECT field, root, mark, '{id}', '{a}' FROM vault_mark \
         WHERE field = 'order.number' AND item = '{b}'"
    ));
    assert_eq!(stand.post(&packs, &place, open("B-2002")).await.status, 403);
});

both_engines!(an_order_that_the_asking_key_wrote_gives_no_more, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (_, shop) = shops_own(&stand).await;
    let id: CustomerId = stand.ada(&shop).await.parse().unwrap();
    // A key of before such keys were refused: it writes and packs.
    let both = ApiKeyId::from_bits(0xB07);
    let roles = vec!["shop".to_owned(), "fulfilment".to_owned()];
    let asker = Asker::program(both, roles);
    let fields = [field("address.street")];
    let ask = |order: &str| Ask::new(asker.clone(), id, Purpose::Shipping).about_order(order);
    let order = Item { provenance: Provenance::Shop, ..item("made-up", &[("order.number", "MADE-UP-1")]) };
    stand.vault.keep(&ask(""), vec![order]).await.unwrap();
    let opened = stand.vault.open(&ask("MADE-UP-1"), &fields).await;
    assert!(matches!(opened, Err(Error::Denied("no_rule"))), "{opened:?}");
    assert!(stand.vault.open(&ask("A-1001"), &fields).await.is_ok());
    // Whoever lets the row say that another wrote it is found.
    let made_up = stand.vault.item_of_shop(Class::Order, "made-up");
    db.tamper(&format!("UPDATE vault_field SET provenance = 'shop' WHERE item = '{made_up}'"));
    let opened = stand.vault.open(&ask("MADE-UP-1"), &fields).await;
    assert!(matches!(opened, Err(Error::Harmed(_))), "{opened:?}");
});

both_engines!(no_key_finds_an_order_by_trying, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (_, shop) = shops_own(&stand).await;
    let id = stand.ada(&shop).await;
    let mut keys = Vec::new();
    for _ in 0..2 {
        keys.push(stand.key(draft(&["support"], &[Purpose::Support])).await);
    }
    let tries = |orders: &[String]| {
        let customers: Vec<_> = orders.iter().map(|order| json!({ "id": id, "order": order })).collect();
        json!({ "purpose": "support", "fields": ["contact.email"], "customers": customers })
    };
    let statuses = |got: Got| -> Vec<u64> {
        assert_eq!(got.status, 200, "{}", got.text);
        let results = got.json()["results"].as_array().unwrap().clone();
        results.iter().map(|one| one["status"].as_u64().unwrap()).collect()
    };
    // One call tries one.
    let all: Vec<String> = (1000..1005).map(|number| format!("A-{number}")).collect();
    let got = stand.post(&keys[0], "/bulk/open", tries(&all)).await;
    assert_eq!(got.json()["results"][1]["problem"]["errors"][0]["pointer"], "/customers/1/order");
    assert_eq!(statuses(got), [403, 422, 422, 422, 422]);
    let place = format!("/customers/{id}/open");
    let open = |order: &str| json!({ "purpose": "support", "fields": ["contact.email"], "order": order });
    let got = stand.post(&keys[0], &place, open("A-999")).await;
    assert!(
        got.text.contains("not_their_order") && got.text.contains("none of this customer's"),
        "{}",
        got.text
    );
    // Another key of the same maker in the same role is no second five.
    for wrong in ["A-998", "A-997", "A-996"] {
        assert_eq!(stand.post(&keys[1], &place, open(wrong)).await.status, 403);
    }
    for key in &keys {
        let got = stand.post(key, &place, open("A-1001")).await;
        assert!(got.text.contains("too_many_orders"), "{}", got.text);
    }
    assert_eq!(told(&db, "office.unusual_reading").await.len(), 1);
    // The same of one customer once more is no other.
    let twice = tries(&["A-1001".to_owned(), "A-1001".to_owned()]);
    db.clock.advance(std::time::Duration::from_secs(3_601));
    assert_eq!(statuses(stand.post(&keys[0], "/bulk/open", twice).await), [200, 200]);
});

// What the role sees for some purpose lifted the limit for a key that is not for that purpose.
both_engines!(a_keys_look_ups_go_by_the_keys_own_purposes, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (_, shop) = shops_own(&stand).await;
    stand.ada(&shop).await;
    let find = |order: &str| json!({ "field": "order.number", "value": order });
    // An accountant sees orders' numbers whole for invoicing, and for no dispute but one that is about an order.
    for (purpose, is_limited) in [(Purpose::Dispute, true), (Purpose::Invoicing, false)] {
        let key = stand.key(draft(&["accountant"], &[purpose])).await;
        let mut answered = 0;
        for wrong in 1..=9 {
            let got = stand.post(&key, "/customers/find", find(&format!("A-99{wrong}"))).await;
            answered += usize::from(got.status == 200);
            assert!(got.status == 200 || got.text.contains("too_many_orders"), "{}", got.text);
        }
        assert_eq!(answered, if is_limited { 5 } else { 9 }, "{purpose:?}");
        assert_eq!(told(&db, "office.unusual_reading").await.len(), 1);
    }
});

// Who writes guesses beside the orders of others tries by them as many as it likes.
both_engines!(no_key_finds_an_order_by_writing_it_first, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (_, shop) = shops_own(&stand).await;
    let id: CustomerId = stand.ada(&shop).await.parse().unwrap();
    let asker = Asker::program(ApiKeyId::from_bits(0xB07), vec!["shop".to_owned(), "fulfilment".to_owned()]);
    let ask = |order: &str| Ask::new(asker.clone(), id, Purpose::Shipping).about_order(order);
    for number in 1000..1003 {
        let number = format!("A-{number}");
        let order = Item {
            provenance: Provenance::Shop,
            ..item(&format!("try-{number}"), &[("order.number", &number)])
        };
        stand.vault.keep(&ask(""), vec![order]).await.unwrap();
        let opened = stand.vault.open(&ask(&number), &[field("address.street")]).await;
        assert!(matches!(opened, Err(Error::Denied("no_rule"))), "{number}: {opened:?}");
    }
});
