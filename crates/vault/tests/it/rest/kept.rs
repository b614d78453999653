//! What programs keep and say again: their names for it, their word beside people's, and what their key is refused.

use serde_json::json;
use storeward_api::{Act, Draft};
use storeward_base::CustomerId;
use storeward_policy::Purpose;
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_vault::{Class, Item, Provenance};

use super::{draft, migrations, stand, told};
use crate::support::{field, item, staff};

/// What stands in a column of the table of values.
async fn items(db: &TestDb) -> Vec<String> {
    let read = |reader: &mut storeward_store::Reader<'_>| {
        reader.query_many("SELECT DISTINCT item FROM vault_field ORDER BY item", &[], |row| {
            row.get::<String>(0)
        })
    };
    db.read(read).await.unwrap()
}

// The order's number stood as the item's name in the database, on the console and in each answer, beside the masked number that it is:
// whoever could list a customer's items could name an order and see everything.
both_engines!(no_name_of_a_programs_says_what_is_masked, &migrations(), async |db| {
    let stand = stand(&db).await;
    let shop = stand.key(draft(&["shop"], &[Purpose::Shipping])).await;
    let support = stand.key(draft(&["support"], &[Purpose::Support])).await;
    let bulk = json!({ "customers": [{ "shop_id": "4711", "items": [
        { "collection": "contact", "values": { "name": "Ada Lovelace" } },
        { "collection": "address", "item": "shipping", "values": { "street": "12 St James's Square" } },
        { "collection": "order", "item": "A-1001", "values": { "number": "A-1001", "items": "two books" } } ] }] });
    let made = stand.post(&shop, "/bulk/write", bulk.clone()).await;
    let id = made.json()["results"][0]["id"].as_str().unwrap().to_owned();
    let mark = stand.vault.item_of_shop(Class::Order, "A-1001");
    assert_eq!(items(&db).await, [mark.as_str(), "own", "shipping"]);
    let place = format!("/customers/{id}");
    let listed = stand.get(&support, &place).await;
    assert!(listed.text.contains(&mark) && !listed.text.contains("1001"), "{}", listed.text);
    let open = json!({ "purpose": "support", "fields": ["order.items", "order.number"] });
    let opened = stand.post(&support, &format!("{place}/open"), open.clone()).await;
    assert!(opened.text.contains(&mark) && !opened.text.contains("1001"), "{}", opened.text);
    // The program finds it again by its own name, and by the mark; nobody names an order by it.
    for (item, status) in [("A-1001", "packed"), (mark.as_str(), "sent")] {
        let body = json!({ "values": { "status": status } });
        let put = stand.put(&shop, &format!("{place}/items/order/{item}"), body).await;
        assert_eq!(put.json()["item"], mark.as_str(), "{}", put.text);
    }
    stand.post(&shop, "/bulk/write", bulk).await;
    assert_eq!(items(&db).await.len(), 3);
    let named = json!({ "purpose": "support", "fields": ["contact.name"], "order": mark });
    assert_eq!(stand.post(&support, &format!("{place}/open"), named).await.status, 403);
});

// What programs named before stays where it is, and is shown by its mark.
both_engines!(a_name_of_before_is_shown_by_its_mark, &migrations(), async |db| {
    let stand = stand(&db).await;
    let shop = stand.key(draft(&["shop"], &[Purpose::Shipping])).await;
    let id = stand.ada(&shop).await;
    let order = Item { provenance: Provenance::Shop, ..item("b-2002", &[("order.number", "B-2002")]) };
    stand.vault.write(staff(), id.parse().unwrap(), order).await.unwrap();
    let mark = stand.vault.item_of_shop(Class::Order, "b-2002");
    let before = items(&db).await;
    assert!(before.contains(&"b-2002".to_owned()));
    let listed = stand.get(&shop, &format!("/customers/{id}")).await;
    assert!(listed.text.contains(&mark) && !listed.text.contains("2002"), "{}", listed.text);
    for name in ["b-2002", &mark] {
        let body = json!({ "values": { "status": "sent" } });
        let put = stand.put(&shop, &format!("/customers/{id}/items/order/{name}"), body).await;
        assert_eq!(put.status, 200, "{}", put.text);
    }
    assert_eq!(items(&db).await, before);
});

// The same words as every night wrote over what the customer had put right, and brought back what they had taken away.
both_engines!(what_a_program_says_again_undoes_no_correction, &migrations(), async |db| {
    let stand = stand(&db).await;
    let shop = stand.key(draft(&["shop"], &[Purpose::Shipping])).await;
    let says = |name: &str, phone: &str| {
        json!({ "shop_id": "4711", "items": [
            { "collection": "contact", "values": { "name": name, "phone": phone, "company": "Analytical" } } ] })
    };
    let old = says("Ada Byron", "+441632960001");
    let id: CustomerId =
        stand.post(&shop, "/customers", old.clone()).await.json()["id"].as_str().unwrap().parse().unwrap();
    let theirs = crate::support::own(id);
    let right = Item { provenance: Provenance::Customer, ..item("own", &[("contact.name", "Ada Lovelace")]) };
    stand.vault.correct(&theirs, right).await.unwrap();
    stand.vault.take_away(&theirs, "own", &[field("contact.phone")]).await.unwrap();
    let bulk = json!({ "customers": [old.clone()] });
    let night = async || {
        assert_eq!(stand.post(&shop, "/customers", old.clone()).await.status, 201);
        assert_eq!(stand.post(&shop, "/bulk/write", bulk.clone()).await.status, 200);
    };
    let kept = async || {
        let opened =
            stand.vault.open(&theirs, &[field("contact.name"), field("contact.phone")]).await.unwrap();
        opened
            .values
            .iter()
            .map(|one| format!("{} {}", one.value.expose(), one.provenance))
            .collect::<Vec<_>>()
    };
    night().await;
    assert_eq!(kept().await, ["Ada Lovelace customer"]);
    // Nor does another key of the shop's that says the same, as when keys are changed.
    let other = stand.key(draft(&["shop"], &[Purpose::Shipping])).await;
    assert_eq!(stand.post(&other, "/customers", old.clone()).await.status, 201);
    assert_eq!(kept().await, ["Ada Lovelace customer"]);
    // What the shop really changes is newer, and its own it goes on changing to and fro.
    for (name, phone) in [("Ada King", "+441632960002"), ("Ada Byron", "+441632960001")] {
        assert_eq!(stand.post(&shop, "/customers", says(name, phone)).await.status, 201);
        assert_eq!(kept().await, [format!("{name} shop"), format!("{phone} shop")]);
    }
    // A program that puts an item insists.
    let right = Item { provenance: Provenance::Customer, ..item("own", &[("contact.name", "Ada Lovelace")]) };
    stand.vault.correct(&theirs, right).await.unwrap();
    let body = json!({ "values": { "name": "Ada Byron" } });
    assert_eq!(stand.put(&shop, &format!("/customers/{id}/items/contact/own"), body).await.status, 200);
    assert_eq!(kept().await[0], "Ada Byron shop");
    // What no program said before is theirs who said it first; the program's next word is newer.
    let first =
        Item { provenance: Provenance::Customer, ..item("own", &[("contact.birthday", "1815-12-10")]) };
    stand.vault.correct(&theirs, first).await.unwrap();
    for (said, wanted) in
        [("1815-12-11", "1815-12-10"), ("1815-12-11", "1815-12-10"), ("1815-12-12", "1815-12-12")]
    {
        let body = json!({ "shop_id": "4711", "items": [{ "collection": "contact", "values": { "birthday": said } }] });
        assert_eq!(stand.post(&shop, "/customers", body).await.status, 201);
        let opened = stand.vault.open(&theirs, &[field("contact.birthday")]).await.unwrap();
        assert_eq!(opened.values[0].value.expose(), wanted, "{said}");
    }
});

// A value that somebody took out of the database was not taken away here: the next night brings it back.
both_engines!(what_was_lost_comes_back, &migrations(), async |db| {
    let stand = stand(&db).await;
    let shop = stand.key(draft(&["shop"], &[Purpose::Shipping])).await;
    let id = stand.ada(&shop).await;
    db.tamper("DELETE FROM vault_field WHERE field = 'name' AND collection = 'contact'");
    stand.ada(&shop).await;
    let opened =
        stand.vault.open(&crate::support::own(id.parse().unwrap()), &[field("contact.name")]).await.unwrap();
    assert_eq!(opened.values.len(), 1);
});

// A call that the key's acts or purposes refuse stood in the ledger without whose data it was about.
both_engines!(what_a_key_is_refused_stands_beside_the_customer, &migrations(), async |db| {
    let stand = stand(&db).await;
    let shop = stand.key(draft(&["shop"], &[Purpose::Shipping])).await;
    let id = stand.ada(&shop).await;
    let reads = stand.key(Draft { acts: vec![Act::Read], ..draft(&["support"], &[Purpose::Support]) }).await;
    let open = json!({ "purpose": "legal_claim", "fields": ["contact.name"] });
    let got = stand.post(&reads, &format!("/customers/{id}/open"), open).await;
    assert_eq!((got.status, got.json()["code"].as_str()), (403, Some("api.purpose")), "{}", got.text);
    let erase = json!({ "purpose": "rights_request" });
    let got = stand.post(&reads, &format!("/customers/{id}/erasure"), erase).await;
    assert_eq!((got.status, got.json()["code"].as_str()), (403, Some("api.act")), "{}", got.text);
    let many = json!({ "purpose": "dispute", "fields": ["contact.name"],
        "customers": [{ "id": id }, { "id": CustomerId::from_bits(9).to_string() }] });
    assert_eq!(stand.post(&reads, "/bulk/open", many).await.status, 403);
    let denied: Vec<String> = told(&db, "vault.opening_denied")
        .await
        .iter()
        .map(|one| {
            format!("{} {} {}", one["data"]["customer"], one["data"]["purpose"], one["data"]["reason"])
        })
        .collect();
    let line = |purpose: &str, reason: &str| format!("\"{id}\" \"{purpose}\" \"{reason}\"");
    assert_eq!(
        denied,
        [line("legal_claim", "purpose"), line("rights_request", "act"), line("dispute", "purpose")]
    );
    let filter = storeward_vault::sights::Filter { customer: id.parse().ok(), ..Default::default() };
    assert_eq!(stand.vault.sights(filter, 10).await.unwrap().len(), 3);
});
