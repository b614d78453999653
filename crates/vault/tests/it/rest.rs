//! The REST interface, called as programs call it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value, json};
use storeward_api::{Act, Draft, Interface, InterfaceParts, Keys, KeysParts, document, own_operations};
use storeward_base::{AddressList, ClientIp, SeededEntropy, SystemEntropy};
use storeward_policy::Purpose;
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_vault::{Vault, rest};
use storeward_web::HostNames;
use storeward_web::axum::Router;
use storeward_web::axum::body::Body;
use storeward_web::http::{HeaderMap, Request};
use tower::ServiceExt;

use crate::support::{self, item, staff};

mod kept;
mod parts;
mod proofs;
mod reference;
mod whose;
mod writers;

fn migrations() -> Vec<storeward_store::Migration> {
    [storeward_vault::MIGRATIONS, storeward_api::MIGRATIONS].concat()
}

/// The interface, and what stands behind it.
struct Stand {
    keys: Keys,
    /// Whoever made keys left.
    maker_left: Arc<AtomicBool>,
    vault: Vault,
    router: Router,
    served: Vec<(storeward_web::http::Method, String)>,
    /// The file of revoked keys.
    gone: PathBuf,
    /// Keeps the key store's place.
    _own: support::Keys,
}

/// An answer, read.
struct Got {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn stand(db: &TestDb) -> Stand {
    stand_at(db, 1_000).await
}

async fn stand_at(db: &TestDb, requests_per_second: u32) -> Stand {
    let (own, vault) = support::both(db).await;
    stand_with(db, requests_per_second, (own, vault), None)
}

/// The same installation after a restart: its database, and its folder of keys.
async fn started_again(db: &TestDb, before: &Stand) -> Stand {
    let both = support::both(db).await;
    stand_with(db, 1_000, both, Some(before.gone.clone()))
}

fn stand_with(
    db: &TestDb,
    requests_per_second: u32,
    (own, vault): (support::Keys, Vault),
    gone: Option<PathBuf>,
) -> Stand {
    let gone = gone.unwrap_or_else(|| own.folder.path().join("revoked-api-keys"));
    let maker_left = Arc::new(AtomicBool::new(false));
    let left = Arc::clone(&maker_left);
    let keys = Keys::new(KeysParts {
        db: (**db).clone(),
        clock: db.clock.clone(),
        entropy: Arc::new(SystemEntropy),
        data_key: DataKey::from_bytes(storeward_base::Secret::new([9; 32])),
        gone: gone.clone(),
        may_make: Arc::new(move |_, _| Ok(!left.load(Ordering::SeqCst))),
    });
    let interface = Interface::new(
        InterfaceParts {
            db: (**db).clone(),
            clock: db.clock.clone(),
            entropy: Arc::new(SystemEntropy),
            keys: keys.clone(),
            pseudonym_key: PseudonymKey::generate(&SeededEntropy::new(1)),
            names: HostNames::parse(&["api.shop.example"]).unwrap(),
            requests_per_second,
        },
        rest::operations(Some(&vault)),
    );
    let (served, router) = (interface.served(), interface.router());
    Stand { keys, maker_left, vault, served, router, gone, _own: own }
}

fn draft(roles: &[&str], purposes: &[Purpose]) -> Draft {
    Draft {
        name: "a test".to_owned(),
        acts: Act::ALL.to_vec(),
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
        purposes: purposes.to_vec(),
        ..Draft::default()
    }
}

impl Stand {
    async fn key(&self, draft: Draft) -> String {
        self.keys.make(draft, staff()).await.unwrap().text.expose().clone()
    }

    /// A key that may do everything the owner and the shop's system may.
    async fn master(&self) -> String {
        self.key(draft(&["owner", "shop"], &Purpose::OF_STAFF)).await
    }

    async fn send(&self, request: Request<Body>) -> Got {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Got {
            status: head.status.as_u16(),
            headers: head.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn get(&self, key: &str, path: &str) -> Got {
        self.send(request("GET", path, key, &[], None)).await
    }

    async fn post(&self, key: &str, path: &str, body: Value) -> Got {
        self.send(request("POST", path, key, &[], Some(&body))).await
    }

    async fn put(&self, key: &str, path: &str, body: Value) -> Got {
        self.send(request("PUT", path, key, &[], Some(&body))).await
    }

    async fn ada(&self, key: &str) -> String {
        let made = self.post(key, "/customers", ada()).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json()["id"].as_str().unwrap().to_owned()
    }
}

fn request(
    method: &str,
    path: &str,
    key: &str,
    more: &[(&str, &str)],
    body: Option<&Value>,
) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/api/v1{path}"))
        .header("host", "api.shop.example:9444")
        .header("authorization", format!("Bearer {key}"));
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let mut request = request.body(body).unwrap();
    let client: ClientIp = "10.1.2.3".parse().unwrap();
    request.extensions_mut().insert(client);
    request
}

fn ada() -> Value {
    json!({
        "shop_id": "4711",
        "items": [
            { "collection": "contact", "values": { "name": "Ada Lovelace", "email": "ada@shop.example" } },
            { "collection": "address", "item": "shipping", "values": { "street": "12 St James's Square", "country": "gb" } },
            { "collection": "order", "item": "a-1", "values": { "number": "A-1001", "items": "two books" } }
        ]
    })
}

/// What the ledger has of this kind, as JSON.
async fn told(db: &TestDb, kind: &str) -> Vec<Value> {
    let kind = kind.to_owned();
    let all = db.read(move |reader| storeward_store::ledger::read_after(reader, 0, 10_000)).await.unwrap();
    all.into_iter()
        .map(|(_, record)| serde_json::from_slice::<Value>(&record.to_bytes()).unwrap())
        .filter(|record| record["kind"] == kind)
        .collect()
}

both_engines!(a_customers_life_by_the_interface, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.master().await;
    let id = stand.ada(&key).await;
    // The same number of the shop is the same customer, and nothing is there twice.
    assert_eq!(stand.ada(&key).await, id);
    let found = stand
        .post(&key, "/customers/find", json!({ "field": "contact.email", "value": "ADA@shop.example" }))
        .await;
    assert_eq!(found.json(), json!({ "customers": [id] }));
    let shipping = stand.key(draft(&["fulfilment"], &[Purpose::Shipping])).await;
    let open = |order: Option<&str>| json!({ "purpose": "shipping", "fields": ["address.street", "contact.email"], "order": order });
    let place = format!("/customers/{id}/open");
    let without = stand.post(&shipping, &place, open(None)).await;
    assert_eq!((without.status, without.json()["code"].as_str()), (403, Some("vault.denied")));
    let opened = stand.post(&shipping, &place, open(Some("A-1001"))).await;
    let values = opened.json()["values"].clone();
    let shown: Vec<String> = values
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["value"].as_str().unwrap(), one["mask"].as_str().unwrap()))
        .collect();
    assert_eq!(shown, ["12 St James's Square whole", "a•••@s•••.example part"]);
    let put = stand
        .put(
            &key,
            &format!("/customers/{id}/items/address/shipping"),
            json!({ "values": { "city": "London" } }),
        )
        .await;
    assert_eq!(put.status, 200, "{}", put.text);
    assert_eq!(put.header("etag"), format!("\"{}\"", put.json()["etag"].as_str().unwrap()));
    let state = stand.get(&key, &format!("/customers/{id}")).await.json();
    assert_eq!(state["items"][0]["fields"], json!(["city", "country", "street"]));
    let corrected = json!({ "purpose": "rights_request", "collection": "contact", "values": { "email": "ada@home.example" } });
    assert_eq!(stand.post(&key, &format!("/customers/{id}/corrections"), corrected).await.status, 200);
    let restricted = json!({ "purpose": "rights_request", "restricted": true });
    assert_eq!(stand.put(&key, &format!("/customers/{id}/restriction"), restricted).await.status, 200);
    assert_eq!(stand.post(&shipping, &place, open(Some("A-1001"))).await.status, 403);
    let copy =
        stand.post(&key, &format!("/customers/{id}/export"), json!({ "purpose": "rights_request" })).await;
    assert!(copy.text.contains("ada@home.example"), "{}", copy.text);
    let csv = json!({ "purpose": "rights_request", "form": "csv" });
    let csv = stand.post(&key, &format!("/customers/{id}/export"), csv).await;
    assert!(csv.header("content-type").starts_with("text/csv") && csv.text.contains("ada@home.example"));
    let erased =
        stand.post(&key, &format!("/customers/{id}/erasure"), json!({ "purpose": "rights_request" })).await;
    assert!(erased.json()["erased_at"].is_string(), "{}", erased.text);
    for gone in [
        stand.get(&key, &format!("/customers/{id}")).await,
        stand.post(&key, &place, json!({ "purpose": "support", "fields": ["contact.email"] })).await,
        stand.post(&key, "/customers", ada()).await,
    ] {
        assert_eq!(
            (gone.status, gone.json()["code"].as_str()),
            (404, Some("vault.no_customer")),
            "{}",
            gone.text
        );
    }
    assert_eq!(stand.get(&key, &format!("/customers/{id}/erasure")).await.json(), erased.json());
    // The key is who it was, in every entry.
    let opened = told(&db, "vault.fields_opened").await;
    assert!(!opened.is_empty() && opened.iter().all(|one| one["actor"]["type"] == "key"), "{opened:?}");
    assert!(told(&db, "vault.opening_denied").await.len() >= 2);
});

both_engines!(a_key_opens_what_it_is_for_and_nothing_else, &migrations(), async |db| {
    let stand = stand(&db).await;
    let master = stand.master().await;
    let id = stand.ada(&master).await;
    let refused = |got: Got, status: u16, code: &str| {
        assert_eq!((got.status, got.json()["code"].as_str()), (status, Some(code)), "{}", got.text);
        assert_eq!(got.header("content-type"), "application/problem+json");
        assert!(!got.text.contains("ada"), "{}", got.text);
    };
    let limited =
        |acts: &[Act]| Draft { acts: acts.to_vec(), ..draft(&["owner", "shop"], &[Purpose::Support]) };
    let reader = stand.key(limited(&[Act::Read])).await;
    refused(stand.post(&reader, "/customers", ada()).await, 403, "api.act");
    let body = json!({ "purpose": "rights_request" });
    refused(stand.post(&reader, &format!("/customers/{id}/erasure"), body.clone()).await, 403, "api.act");
    refused(stand.post(&reader, &format!("/customers/{id}/export"), body.clone()).await, 403, "api.act");
    let writer = stand.key(limited(&[Act::Write])).await;
    refused(stand.get(&writer, "/customers").await, 403, "api.act");
    // The act is there, the purpose is not.
    let eraser = stand.key(limited(&[Act::Erase])).await;
    refused(stand.post(&eraser, &format!("/customers/{id}/erasure"), body).await, 403, "api.purpose");
    let other = json!({ "purpose": "marketing", "fields": ["contact.email"] });
    refused(stand.post(&reader, &format!("/customers/{id}/open"), other).await, 403, "api.purpose");
    // Act and purpose are there, and the rules say no: a role that sees nothing of it.
    let accountant = stand.key(draft(&["accountant"], &[Purpose::Support, Purpose::RightsRequest])).await;
    let open = json!({ "purpose": "support", "fields": ["contact.email"] });
    refused(
        stand.post(&accountant, &format!("/customers/{id}/open"), open.clone()).await,
        403,
        "vault.denied",
    );
    refused(stand.post(&accountant, "/customers", ada()).await, 403, "vault.denied");
    let erase = json!({ "purpose": "rights_request" });
    refused(stand.post(&accountant, &format!("/customers/{id}/erasure"), erase).await, 403, "vault.denied");
    assert_eq!(stand.post(&reader, &format!("/customers/{id}/open"), open).await.status, 200);
});

both_engines!(without_a_good_key_nothing_is_answered, &migrations(), async |db| {
    let stand = stand(&db).await;
    let now = storeward_base::Clock::now(&*db.clock);
    let elsewhere = AddressList::parse(&["192.0.2.0/24"]).unwrap();
    let expiring = Draft {
        expires_at: Some(now.plus(Duration::from_secs(60))),
        ..draft(&["owner"], &[Purpose::Support])
    };
    let expiring = stand.key(expiring).await;
    let bound = stand.key(Draft { networks: elsewhere, ..draft(&["owner"], &[Purpose::Support]) }).await;
    let made = stand.keys.make(draft(&["owner"], &[Purpose::Support]), staff()).await.unwrap();
    let good = made.text.expose().clone();
    assert_eq!(stand.get(&good, "/key").await.json()["id"], made.key.id.to_string());
    assert_eq!(stand.get(&expiring, "/key").await.status, 200);
    stand.keys.revoke(made.key.id, staff()).await.unwrap();
    assert!(stand.keys.revoke(made.key.id, staff()).await.is_err());
    db.clock.advance(Duration::from_secs(60));
    let mut texts = Vec::new();
    let unknown = stand.key(draft(&["owner"], &[Purpose::Support])).await;
    db.tamper(&format!("DELETE FROM api_key WHERE handle = '{}'", &unknown[4..20]));
    for wrong in ["", "x", "swk_", &good, &expiring, &bound, &unknown] {
        let got = stand.get(wrong, "/customers").await;
        assert_eq!((got.status, got.header("www-authenticate")), (401, "Bearer realm=\"storeward\""));
        texts.push(got.text);
    }
    // Whoever found a key learns nothing of it.
    assert!(texts.iter().all(|text| text == &texts[0]), "{texts:?}");
    let reasons: Vec<String> = told(&db, "api.refused")
        .await
        .iter()
        .map(|one| one["data"]["reason"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(reasons, ["unknown_key", "revoked", "expired", "network"]);
    let at_home = {
        let mut request = request("GET", "/key", &bound, &[], None);
        let client: ClientIp = "192.0.2.9".parse().unwrap();
        request.extensions_mut().insert(client);
        stand.send(request).await
    };
    assert_eq!(at_home.status, 200);
    let in_address = stand.get(&bound, &format!("/customers?after={bound}")).await;
    assert_eq!(in_address.json()["code"], "api.key_in_address");
    let mut foreign = request("GET", "/key", &bound, &[], None);
    foreign.headers_mut().insert("host", "evil.example".parse().unwrap());
    assert_eq!(stand.send(foreign).await.status, 421);
    let mut twice = request("GET", "/key", &bound, &[], None);
    twice.headers_mut().append("authorization", "Bearer x".parse().unwrap());
    assert_eq!(stand.send(twice).await.status, 401);
});

both_engines!(no_key_can_be_read_from_the_database, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.master().await;
    let kept: Vec<String> = db
        .read(|reader| -> Result<_, storeward_store::Error> {
            reader.query_many("SELECT secret_hash FROM api_key", &[], |row| row.get(0))
        })
        .await
        .unwrap();
    assert!(kept.iter().all(|hash| hash.len() == 64 && !key.contains(hash.as_str())));
    // The handle finds it, and is not enough.
    let mut forged = key.clone();
    forged.replace_range(30..31, if &key[30..31] == "0" { "1" } else { "0" });
    assert_eq!(stand.get(&forged, "/key").await.status, 401);
    let told = told(&db, "api.key_made").await;
    assert!(!told[0].to_string().contains(&key[4..20]), "{told:?}");
});

both_engines!(pages_are_whole_and_cursors_are_ours, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.master().await;
    for number in 0..23_u32 {
        let named = storeward_base::CustomerId::from_bits(u128::from(number) * 7 + 1);
        stand.vault.write(staff(), named, item("own", &[("contact.name", "Ada")])).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = stand.get(&key, &format!("/customers?limit=10{after}")).await.json();
        let ids =
            page["customers"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        seen.extend(ids);
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
        assert!(seen.len() <= 30, "the list has no end");
    }
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!((seen.len(), &sorted), (23, &seen));
    for wrong in [
        "limit=0",
        "limit=501",
        "limit=x",
        "limit=1&limit=2",
        "after=x",
        "after=",
        "else=1",
        "limit=+1",
        "after=%ff",
    ] {
        assert_eq!(stand.get(&key, &format!("/customers?{wrong}")).await.status, 400, "{wrong}");
    }
});

both_engines!(of_many_each_stands_by_itself, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.master().await;
    let contact = |name: &str| json!([{ "collection": "contact", "values": { "name": name } }]);
    let nobody = "cust_00000000000000000000000001";
    let written = stand
        .post(
            &key,
            "/bulk/write",
            json!({ "customers": [
                { "shop_id": "1", "items": contact("Ada") },
                { "shop_id": "2", "items": [{ "collection": "contact", "values": { "email": "secret words" } }] },
                { "id": nobody, "items": contact("Eve") },
                { "items": contact("Eve") },
                { "shop_id": "3", "items": contact("Bob") },
            ] }),
        )
        .await;
    assert!(!written.text.contains("secret words"), "{}", written.text);
    let results = written.json()["results"].clone();
    let statuses: Vec<u64> =
        results.as_array().unwrap().iter().map(|one| one["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 422, 404, 400, 200]);
    assert_eq!(results[1]["problem"]["errors"][0]["pointer"], "/customers/1/items/0/values/email");
    let asked: Vec<Value> =
        [&results[0]["id"], &json!(nobody), &results[4]["id"]].iter().map(|id| json!({ "id": id })).collect();
    let open = json!({ "purpose": "support", "fields": ["contact.name"], "customers": asked });
    let opened = stand.post(&key, "/bulk/open", open).await.json();
    let names: Vec<&Value> =
        opened["results"].as_array().unwrap().iter().map(|one| &one["values"][0]["value"]).collect();
    assert_eq!(names, [&json!("Ada"), &Value::Null, &json!("Bob")]);
    assert_eq!(opened["results"][1]["status"], 404);
    let many: Vec<Value> = (0..101).map(|_| json!({ "id": nobody })).collect();
    let open = json!({ "purpose": "support", "fields": ["contact.name"], "customers": many });
    assert_eq!(stand.post(&key, "/bulk/open", open).await.status, 400);
});

both_engines!(the_limit_of_openings_holds_for_programs, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.master().await;
    let mut ids = Vec::new();
    for number in 0..201_u32 {
        let id = storeward_base::CustomerId::from_bits(u128::from(number) + 1);
        stand.vault.write(staff(), id, item("own", &[("contact.name", "Ada")])).await.unwrap();
        ids.push(json!({ "id": id.to_string() }));
    }
    let mut last = Value::Null;
    for part in ids.chunks(100) {
        let open = json!({ "purpose": "support", "fields": ["contact.name"], "customers": part });
        last = stand.post(&key, "/bulk/open", open).await.json();
    }
    assert_eq!(last["results"][0]["status"], 403, "{last}");
    assert_eq!(told(&db, "vault.reading_limit_reached").await.len(), 1);
});

both_engines!(what_does_not_fit_is_told_without_the_value, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.master().await;
    let send = async |text: &str, kind: &str| {
        let mut request = request("POST", "/customers", &key, &[("content-type", kind)], None);
        *request.body_mut() = Body::from(text.to_owned());
        stand.send(request).await
    };
    for (body, status, says) in [
        ("hunter2", 400, "no JSON"),
        ("", 400, "no JSON"),
        ("[\"hunter2\"]", 400, "another type"),
        (r#"{"items":"hunter2"}"#, 400, "another type"),
        (r#"{"items":[]}"#, 400, "1 to 50"),
        (r#"{"items":[{"collection":"hunter2","values":{"name":"x"}}]}"#, 400, "no collection"),
        (r#"{"items":[{"collection":"contact","values":{}}]}"#, 400, "1 to 20"),
        (r#"{"items":[{"collection":"contact","values":{"name":17}}]}"#, 400, "another type"),
        (
            r#"{"items":[{"collection":"contact","values":{"name":"4111 1111 1111 1111"}}]}"#,
            422,
            "card number",
        ),
        (
            r#"{"items":[{"collection":"contact","values":{"phone":"hunter2"}}]}"#,
            422,
            "/items/0/values/phone",
        ),
        (r#"{"items":[{"collection":"contact","values":{"street":"hunter2"}}]}"#, 422, "no such field"),
        (
            r#"{"items":[{"collection":"contact","values":{"name":"x"}}],"more":1}"#,
            400,
            "unknown field `more`",
        ),
        (
            r#"{"items":[{"collection":"contact","values":{"name":"x"}}],"hunter2@x":1}"#,
            400,
            "unknown field `?`",
        ),
        (r#"{"items":[{"collection":"contact","item":"a b","values":{"name":"x"}}]}"#, 400, "no name"),
    ] {
        let got = send(body, "application/json").await;
        assert_eq!(got.status, status, "{body}: {}", got.text);
        assert!(
            got.text.contains(says) && !got.text.contains("hunter2") && !got.text.contains("4111"),
            "{}",
            got.text
        );
    }
    assert_eq!(send("{}", "text/plain").await.status, 415);
    assert_eq!(send(&format!("\"{}\"", "x".repeat(1_100_000)), "application/json").await.status, 413);
    assert_eq!(stand.vault.list(None, 10).await.unwrap().len(), 0);
    assert_eq!(stand.get(&key, "/customers/cust_x").await.status, 404);
    assert_eq!(stand.get(&key, "/nothing").await.json()["code"], "api.no_such_address");
    let wrong = stand.send(request("DELETE", "/customers", &key, &[], None)).await;
    assert_eq!((wrong.status, wrong.json()["code"].as_str()), (405, Some("api.wrong_method")));
    assert!(wrong.header("allow").contains("POST"), "{:?}", wrong.headers);
});

both_engines!(a_call_that_cannot_be_told_is_not_answered, &migrations(), async |db| {
    let stand = stand(&db).await;
    let key = stand.master().await;
    stand.ada(&key).await;
    db.no_room_to_change("ledger_head");
    let got = stand.get(&key, "/customers").await;
    assert_eq!((got.status, got.json()["code"].as_str()), (503, Some("api.not_recorded")), "{}", got.text);
    assert!(!got.text.contains("cust_"), "{}", got.text);
});

both_engines!(a_key_that_asks_too_much_waits, &migrations(), async |db| {
    let stand = stand_at(&db, 1).await;
    let key = stand.master().await;
    for _ in 0..10 {
        assert_eq!(stand.get(&key, "/key").await.status, 200);
    }
    let got = stand.get(&key, "/key").await;
    assert_eq!((got.status, got.header("retry-after").parse::<u64>().is_ok()), (429, true));
    db.clock.advance(Duration::from_secs(1));
    assert_eq!(stand.get(&key, "/key").await.status, 200);
});

both_engines!(what_is_served_is_what_the_document_says, &migrations(), async |db| {
    let stand = stand(&db).await;
    let text = stand.get("", "/openapi.json").await;
    assert_eq!(text.status, 200);
    let mut said = Vec::new();
    let told = text.json();
    for (path, methods) in told["paths"].as_object().unwrap() {
        said.extend(methods.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    let mut served: Vec<(String, String)> =
        stand.served.iter().map(|(method, path)| (method.to_string(), path.clone())).collect();
    said.sort_unstable();
    served.sort_unstable();
    assert_eq!(said, served);
    // Each of them answers: with what a stranger gets, not with "nothing here".
    for (method, path) in &served {
        let path = path.replace("/api/v1", "").replace("{customer}", "cust_00000000000000000000000001");
        let path = path.replace("{collection}", "contact").replace("{item}", "own");
        let got = stand.send(request(method, &path, "", &[], None)).await;
        assert!([200, 401].contains(&got.status), "{method} {path}: {}", got.status);
    }
    // The one that is printed without a vault is the same.
    let mut operations = own_operations();
    operations.extend(rest::operations(None));
    assert_eq!(document(&operations), told);
    let names: Vec<&str> =
        told["components"]["schemas"].as_object().unwrap().keys().map(String::as_str).collect();
    for reference in text.text.match_indices("#/components/schemas/") {
        let rest = &text.text[reference.0 + reference.1.len()..];
        let name: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        assert!(names.contains(&name.as_str()), "{name}");
    }
});

both_engines!(every_statement_prepares, &migrations(), async |db| {
    let checked = db.read(|reader| {
        for sql in storeward_api::STATEMENTS.iter().chain(storeward_vault::PROGRAM_STATEMENTS) {
            reader.check_statement(sql)?;
        }
        Ok::<_, storeward_store::Error>(())
    });
    checked.await.unwrap();
});
