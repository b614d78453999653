//! Customers found by parts of their names, by programs.

use serde_json::json;
use storeward_store::both_engines;

use super::{migrations, stand, told};

both_engines!(names_are_found_by_parts_where_the_operator_lets_them_be, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.master().await;
    let body = json!({ "items": [{ "collection": "contact", "values": { "name": "Ada Lovelace" } }] });
    let made = stand.post(&key, "/customers", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let find = async |field: &str, value: &str| {
        stand.post(&key, "/customers/find", json!({ "field": field, "value": value })).await
    };
    let refused = find("contact.name", "lovela").await;
    assert_eq!((refused.status, &refused.json()["errors"][0]["pointer"]), (422, &json!("/value")));
    stand.vault.settle_indexes(&[storeward_vault::by_part("contact.name").unwrap()]).await.unwrap();
    stand.vault.make_indexes(|_| {}).await.unwrap();
    let found = find("contact.name", "lovela").await;
    assert_eq!(found.json()["customers"], json!([made.json()["id"]]), "{}", found.text);
    assert_eq!(find("contact.name", "babbage").await.json()["customers"], json!([]));
    assert_eq!(find("contact.name", "lo").await.status, 422);
    assert_eq!(find("contact.company", "lovela").await.status, 422);
    assert_eq!(find("contact.birthday", "1815-12-10").await.status, 400);
    let looked = told(&db, "vault.customers_found").await;
    assert_eq!((looked.len(), &looked[0]["data"]["field"]), (2, &json!("contact.name")));
});
