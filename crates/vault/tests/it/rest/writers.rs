//! Requests that are sent twice, and writers who do not know of each other.

use std::time::Duration;

use serde_json::{Value, json};
use storeward_store::both_engines;

use super::{ada, migrations, request, stand, told};
use crate::support::staff;

both_engines!(a_request_under_one_name_is_done_once, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.master().await;
    let other_key = stand.master().await;
    let body = json!({ "items": [{ "collection": "contact", "values": { "name": "Ada" } }] });
    let create = |key: &str, name: &str, body: &Value| {
        let name = [("idempotency-key", name)];
        request("POST", "/customers", key, &name, Some(body))
    };
    let first = stand.send(create(&key, "one", &body)).await;
    let again = stand.send(create(&key, "\"one\"", &body)).await;
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    assert_eq!(stand.vault.list(None, 10).await.unwrap().len(), 1);
    // Another body under the same name, or another place.
    let changed = json!({ "items": [{ "collection": "contact", "values": { "name": "Bob" } }] });
    let refused = stand.send(create(&key, "one", &changed)).await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (422, Some("api.key_reused")));
    // Somebody else's name is theirs.
    assert_eq!(stand.send(create(&other_key, "one", &body)).await.header("idempotency-replayed"), "");
    assert_eq!(stand.vault.list(None, 10).await.unwrap().len(), 2);
    // What did not fit is answered alike, too.
    let misfit = json!({ "items": [{ "collection": "contact", "values": { "email": "no address" } }] });
    let (one, two) =
        (stand.send(create(&key, "two", &misfit)).await, stand.send(create(&key, "two", &misfit)).await);
    assert_eq!((one.status, two.status, two.header("idempotency-replayed")), (422, 422, "true"));
    // One that is under way is not begun again; one whose program died is, and makes the same customer.
    db.tamper("UPDATE api_answer SET status = NULL, body = NULL WHERE status = 201");
    assert_eq!(stand.send(create(&key, "one", &body)).await.status, 409);
    db.clock.advance(Duration::from_secs(61));
    let resumed = stand.send(create(&key, "one", &body)).await;
    assert_eq!((resumed.status, &resumed.text), (201, &first.text));
    assert_eq!(stand.vault.list(None, 10).await.unwrap().len(), 2);
    for wrong in ["", "two words", &"x".repeat(201)] {
        assert_eq!(stand.send(create(&key, wrong, &body)).await.status, 400, "{wrong}");
    }
    // Neither the name nor the body stands in the database.
    let kept: Vec<(String, String)> = db
        .read(|reader| -> Result<_, storeward_store::Error> {
            reader.query_many("SELECT mark, fingerprint FROM api_answer", &[], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
        })
        .await
        .unwrap();
    assert!(kept.iter().all(|(mark, fingerprint)| mark.len() == 64 && fingerprint.len() == 64));
});

// What failed for our own fault was another request when it came again, and made a second customer beside what was half written.
both_engines!(what_failed_is_the_same_request_when_it_comes_again, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.master().await;
    let body = json!({ "items": [{ "collection": "contact", "values": { "name": "Ada" } }] });
    let create = || request("POST", "/customers", &key, &[("idempotency-key", "one")], Some(&body));
    let began = async || -> Vec<storeward_base::Timestamp> {
        db.read(|reader| reader.query_many("SELECT begun_at FROM api_answer", &[], |row| row.get(0)))
            .await
            .unwrap()
    };
    db.tamper("ALTER TABLE vault_manifest RENAME TO vault_manifest_away");
    let failed = stand.send(create()).await;
    assert!(failed.status >= 500, "{}", failed.text);
    let first = began().await;
    assert_eq!(first.len(), 1);
    db.tamper("ALTER TABLE vault_manifest_away RENAME TO vault_manifest");
    db.clock.advance(Duration::from_secs(2));
    let again = stand.send(create()).await;
    assert_eq!(again.status, 201, "{}", again.text);
    assert_eq!(began().await, first, "its customer has the id that follows from when it began");
    assert_eq!(stand.vault.list(None, 10).await.unwrap().len(), 1);
});

both_engines!(of_two_writers_with_one_tag_one_writes, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.master().await;
    let id = stand.ada(&key).await;
    let place = format!("/customers/{id}/items/address/shipping");
    let write = |tag: &str, city: &str, more: &[(&str, &str)]| {
        let mut headers = vec![("if-match", tag)];
        headers.extend_from_slice(more);
        request("PUT", &place, &key, &headers, Some(&json!({ "values": { "city": city } })))
    };
    let city = async || {
        let open = json!({ "purpose": "support", "fields": ["address.city"] });
        let opened = stand.post(&key, &format!("/customers/{id}/open"), open).await.json();
        opened["values"][0]["value"].as_str().unwrap().to_owned()
    };
    let read = stand.get(&key, &format!("/customers/{id}")).await.json();
    let first = format!("\"{}\"", read["items"][0]["etag"].as_str().unwrap());
    // Both read the same, and both write at the same moment.
    let (one, two) =
        tokio::join!(stand.send(write(&first, "London", &[])), stand.send(write(&first, "Paris", &[])));
    let (won, lost, kept) = if one.status == 200 { (one, two, "London") } else { (two, one, "Paris") };
    assert_eq!((won.status, lost.status), (200, 412), "{} {}", won.text, lost.text);
    assert_eq!(lost.json()["code"], "vault.changed");
    assert_eq!(city().await, kept);
    // The tag that was answered is of what was written: it is good once more, and another one each time.
    let next = won.header("etag").to_owned();
    assert_ne!(next, first);
    let state = stand.get(&key, &format!("/customers/{id}")).await.json();
    assert_eq!(format!("\"{}\"", state["items"][0]["etag"].as_str().unwrap()), next);
    // Whoever lost may not have their refusal for another tag under the same name, nor write by it.
    let named = [("idempotency-key", "a-name")];
    assert_eq!(stand.send(write(&first, "Rome", &named)).await.status, 412);
    assert_eq!(stand.send(write(&next, "Rome", &named)).await.json()["code"], "api.key_reused");
    assert_eq!(stand.send(write(&next, kept, &[])).await.status, 200);
    assert_eq!(stand.send(write(&next, "Rome", &[])).await.status, 412, "the same value is a new state");
    assert_eq!(stand.send(write("*", "Rome", &[])).await.status, 200);
    for wrong in ["", "x", "\"\"", "W/\"x\"", "\"a\", \"b\"", "\"a b\""] {
        assert_eq!(stand.send(write(wrong, "Oslo", &[])).await.status, 400, "{wrong}");
    }
    assert_eq!(city().await, "Rome");
    // What is not there has no state.
    for tag in ["*", first.as_str()] {
        let nowhere = format!("/customers/{id}/items/address/other");
        let body = json!({ "values": { "city": "Oslo" } });
        let got = stand.send(request("PUT", &nowhere, &key, &[("if-match", tag)], Some(&body))).await;
        assert_eq!(got.status, 412, "{tag}: {}", got.text);
    }
    let state = stand.get(&key, &format!("/customers/{id}")).await.json();
    assert_eq!(state["items"].as_array().unwrap().len(), 3, "a refused write made an item");
});

both_engines!(a_program_puts_right_what_a_customer_said_with_a_reason_only, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.master().await;
    let id = stand.ada(&key).await;
    let place = format!("/customers/{id}/corrections");
    let correct = |reason: Option<&str>| {
        json!({
            "purpose": "rights_request", "collection": "consent", "item": "newsletter",
            "values": { "purpose": "marketing" }, "reason": reason
        })
    };
    for missing in [None, Some("  ")] {
        let got = stand.post(&key, &place, correct(missing)).await;
        assert_eq!(got.status, 422, "{}", got.text);
        assert_eq!(got.json()["errors"][0]["pointer"], "/reason");
    }
    let got = stand.post(&key, &place, correct(Some("she wrote a letter"))).await;
    assert_eq!(got.status, 200, "{}", got.text);
    let open = json!({ "purpose": "support", "fields": ["note.text"] });
    let notes = stand.post(&key, &format!("/customers/{id}/open"), open).await;
    assert!(notes.text.contains("she wrote a letter"), "{}", notes.text);
});

// A call that took longer than an operation may was answered with nothing but 503, and began with the first one again each time.
both_engines!(a_call_for_many_says_whose_turn_did_not_come, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.master().await;
    let one = |number: usize| {
        let name = json!({ "name": format!("Customer {number}") });
        json!({ "shop_id": number.to_string(), "items": [{ "collection": "contact", "values": name }] })
    };
    let many: Vec<Value> = (0..12).map(one).collect();
    let send = async |customers: &[Value], name: &str| {
        let body = json!({ "customers": customers });
        stand.send(request("POST", "/bulk/write", &key, &[("idempotency-key", name)], Some(&body))).await
    };
    // Time goes by once the first one is kept.
    let pass = async {
        while stand.vault.list(None, 1).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        db.clock.advance(Duration::from_secs(21));
    };
    let (got, ()) = tokio::join!(send(&many, "first"), pass);
    assert_eq!(got.status, 200, "{}", got.text);
    let results = got.json()["results"].as_array().unwrap().clone();
    let done = results.iter().take_while(|one| one["status"] == 200).count();
    assert_eq!(results.len(), 12);
    assert!((1..12).contains(&done), "{done}");
    for rest in &results[done..] {
        assert_eq!((&rest["status"], &rest["problem"]["code"]), (&json!(503), &json!("api.too_slow")));
    }
    assert_eq!(stand.vault.list(None, 200).await.unwrap().len(), done, "nothing was begun of the rest");
    let got = send(&many[done..], "second").await;
    assert!(got.json()["results"].as_array().unwrap().iter().all(|one| one["status"] == 200), "{}", got.text);
    let listed = stand.vault.list(None, 200).await.unwrap();
    assert_eq!(listed.len(), 12);
    // Nobody is opened whose turn did not come.
    let asked: Vec<Value> = listed.iter().map(|one| json!({ "id": one.id.to_string() })).collect();
    let open = json!({ "purpose": "support", "fields": ["contact.name"], "customers": asked });
    let opened = async || told(&db, "vault.fields_opened").await.len();
    let pass = async {
        while opened().await == 0 {
            tokio::task::yield_now().await;
        }
        db.clock.advance(Duration::from_secs(21));
    };
    let (got, ()) = tokio::join!(stand.post(&key, "/bulk/open", open), pass);
    let results = got.json()["results"].as_array().unwrap().clone();
    let done = results.iter().filter(|one| one["status"] == 200).count();
    assert!((1..12).contains(&done), "{done}");
    assert_eq!(opened().await, done);
    assert!(
        results[done..]
            .iter()
            .all(|one| one["status"] == 503 && one.get("values").is_none_or(|values| values == &json!([])))
    );
});

// The name of an item is the one thing of it that is not sealed.
both_engines!(no_item_is_named_by_a_card_number, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.master().await;
    let id = stand.ada(&key).await;
    for name in [
        "4242424242424242",
        "4242-4242-4242-4242",
        "tok_4242424242424242",
        "4-2-4-2-4-2-4-2-4-2-4-2-4-2-4-2",
        "42424242-42424242",
        "4242-424242424242",
    ] {
        let body = json!({ "values": { "number": "A-1" } });
        let got = stand.put(&key, &format!("/customers/{id}/items/order/{name}"), body).await;
        assert_eq!(got.status, 422, "{}", got.text);
        assert!(!got.text.contains(name), "{}", got.text);
        let items = json!([{ "collection": "order", "item": name, "values": { "number": "A-1" } }]);
        let got = stand.post(&key, "/customers", json!({ "shop_id": "4711", "items": items })).await;
        assert_eq!(got.status, 422, "{}", got.text);
    }
    // A number that is none, and the mark of a shop's own name for an item, whatever digits it has.
    for name in ["WC-4242424242424241", "of-4242424242424242aaaaaaaaaaaaaaaa"] {
        let body = json!({ "values": { "number": "A-1" } });
        let got = stand.put(&key, &format!("/customers/{id}/items/order/{name}"), body).await;
        assert!(got.status < 300, "{}", got.text);
    }
});

// A nightly call for many made each value a new one: its time began anew, and what the customer or the owner had put right was the program's.
both_engines!(what_a_program_keeps_again_unchanged_is_left_as_it_is, &migrations(), async |db| {
    let stand = stand(&db).await;
    let (key, other) = (stand.master().await, stand.master().await);
    let id = stand.ada(&key).await;
    let right =
        json!({ "purpose": "rights_request", "collection": "contact", "values": { "name": "Ada King" } });
    assert_eq!(stand.post(&key, &format!("/customers/{id}/corrections"), right).await.status, 200);
    let state = async || stand.get(&key, &format!("/customers/{id}")).await.json()["items"].clone();
    let written = async || told(&db, "vault.fields_written").await;
    let mut ada = ada();
    ada["items"][0]["values"]["name"] = json!("Ada King");
    let (first, count) = (state().await, written().await.len());
    let by_id = json!({ "id": id, "items": ada["items"] });
    for key in [&key, &other] {
        db.clock.advance(Duration::from_secs(24 * 3_600));
        assert_eq!(stand.post(key, "/customers", ada.clone()).await.status, 201);
        for one in [&ada, &by_id] {
            let got = stand.post(key, "/bulk/write", json!({ "customers": [one] })).await;
            assert_eq!(got.json()["results"][0]["status"], 200, "{}", got.text);
        }
        assert_eq!((state().await, written().await.len()), (first.clone(), count));
    }
    let open = json!({ "purpose": "support", "fields": ["contact.name"] });
    let opened = stand.post(&key, &format!("/customers/{id}/open"), open).await.json();
    assert_eq!(
        (&opened["values"][0]["value"], &opened["values"][0]["from"]),
        (&json!("Ada King"), &json!("staff"))
    );
    // What changed is written, and nothing else of its item.
    ada["items"][1]["values"]["country"] = json!("FR");
    assert_eq!(stand.post(&key, "/bulk/write", json!({ "customers": [ada] })).await.status, 200);
    let told = written().await;
    assert_eq!((told.len(), &told[count]["data"]["fields"]), (count + 1, &json!(["country"])));
    // So is another time until which it is kept; once.
    let contact = json!({ "collection": "contact", "values": { "name": "Ada King" }, "keep_until": "2030-01-01T00:00:00Z" });
    for _ in 0..2 {
        let got =
            stand.post(&key, "/bulk/write", json!({ "customers": [{ "id": id, "items": [contact] }] })).await;
        assert_eq!((got.status, written().await.len()), (200, count + 2), "{}", got.text);
    }
    // A damaged value is no kept one.
    db.tamper("UPDATE vault_field SET sealed = (SELECT o.sealed FROM vault_field o WHERE o.field = 'items') WHERE field = 'street'");
    assert_eq!(stand.post(&key, "/customers", ada.clone()).await.status, 201);
    let open = json!({ "purpose": "support", "fields": ["address.street"] });
    let opened = stand.post(&key, &format!("/customers/{id}/open"), open).await.json();
    assert_eq!(opened["values"][0]["value"], "12 St James's Square");
    // Nor is one that somebody put back, though it says the same: the record opened to nobody any more.
    let mut street = async |text: &str| {
        ada["items"][1]["values"]["street"] = json!(text);
        assert_eq!(stand.post(&key, "/customers", ada.clone()).await.status, 201);
    };
    street("1 Old Road").await;
    db.tamper("CREATE TABLE kept_street AS SELECT * FROM vault_field WHERE field = 'street'");
    street("2 New Road").await;
    street("1 Old Road").await;
    db.tamper(
        "DELETE FROM vault_field WHERE field = 'street'; INSERT INTO vault_field SELECT * FROM kept_street",
    );
    street("1 Old Road").await;
    assert_eq!(stand.vault.verify(staff(), |_| {}).await.unwrap().faults, 0);
});

// A request that was sent again was told that somebody is kept who was erased meanwhile.
both_engines!(what_is_sent_again_says_nobody_is_kept_who_was_erased, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.master().await;
    let id = stand.ada(&key).await;
    let items = |name: &str| json!([{ "collection": "contact", "values": { "name": name, "phone": "+49 30 1234567" } }]);
    let calls = [
        ("POST", "/customers".to_owned(), json!({ "shop_id": "4711", "items": items("Ada King") })),
        ("PUT", format!("/customers/{id}/items/address/shipping"), json!({ "values": { "city": "Ockham" } })),
        (
            "POST",
            format!("/customers/{id}/corrections"),
            json!({ "purpose": "rights_request", "collection": "contact", "values": { "company": "Engines" } }),
        ),
        (
            "POST",
            "/bulk/write".to_owned(),
            json!({ "customers": [
                { "shop_id": "4711", "items": items("Ada Byron") },
                { "shop_id": "4712", "items": items("Bob") },
                { "shop_id": "4713", "items": [{ "collection": "contact", "values": { "email": "no-address" } }] }
            ] }),
        ),
        ("PUT", format!("/customers/{id}/items/contact/own"), json!({ "values": { "email": "no-address" } })),
    ];
    let send = async |at: usize| {
        let (method, path, body) = &calls[at];
        let name = format!("call-{at}");
        stand.send(request(method, path, &key, &[("idempotency-key", &name)], Some(body))).await
    };
    let mut first = Vec::new();
    for at in 0..calls.len() {
        first.push(send(at).await);
    }
    assert_eq!(first.iter().map(|got| got.status).collect::<Vec<_>>(), [201, 200, 200, 200, 422]);
    for (at, before) in first.iter().enumerate() {
        assert_eq!(send(at).await.text, before.text, "nobody was erased yet");
    }
    let erase = json!({ "purpose": "rights_request" });
    let erased = stand.post(&key, &format!("/customers/{id}/erasure"), erase).await;
    assert_eq!(erased.status, 200, "{}", erased.text);
    for at in 0..3 {
        let again = send(at).await;
        assert_eq!(
            (again.status, &again.json()["code"]),
            (404, &json!("vault.no_customer")),
            "{}",
            again.text
        );
        assert!(!again.text.contains(&id), "{}", again.text);
    }
    let again = send(3).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, "true"));
    let (before, results) = (first[3].json(), again.json()["results"].clone());
    assert_eq!(results[0]["id"], json!(id));
    assert_eq!(
        (&results[0]["status"], &results[0]["problem"]["code"]),
        (&json!(404), &json!("vault.no_customer"))
    );
    assert_eq!([&results[1], &results[2]], [&before["results"][1], &before["results"][2]]);
    assert_eq!(send(4).await.status, 422);
    // No value stands in what is kept of answers, of whomever.
    let kept: Vec<(String, String)> = db
        .read(|reader| -> Result<_, storeward_store::Error> {
            reader
                .query_many("SELECT headers, body FROM api_answer", &[], |row| Ok((row.get(0)?, row.get(1)?)))
        })
        .await
        .unwrap();
    assert_eq!(kept.len(), calls.len());
    for value in ["Ada", "Bob", "Ockham", "Engines", "1234567", "no-address"] {
        assert!(
            kept.iter().all(|(headers, body)| !headers.contains(value) && !body.contains(value)),
            "{value}"
        );
    }
});
