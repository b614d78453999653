//! A shop whose scripts sign in by GraphQL and get a token: whoever knows the password, and asks in another way than the scripts do.

use std::sync::Arc;

use serde_json::json;
use storeward_identity::{MIGRATIONS, Policy, SecondFactor};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;

use super::behind::Behind;
use super::bench::{Bench, encode};
use super::json_shop::{DOCUMENT, MIRA, MIRAS, PAUL, PAULS, Reed, Speech};

/// As it is learnt.
const FILE: &str = r#"
format = 1
name = "reed"
title = "reed"
[cookies]
session = []
[signed_in.probe]
path = "/api/v2/me"
subject = { json = "/customer/mail" }
email = { json = "/customer/mail" }
[[door]]
name = "sign-in"
kind = "sign-in"
paths = ["/graphql"]
body = "graphql"
operation = ["enter"]
user = ["/variables/mail"]
password = ["/variables/passwort"]
token = ["/data/enter/token"]
[door.bearer]
path = "/api/v2/me"
subject = { json = "/customer/mail" }
email = { json = "/customer/mail" }
"#;
const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn reed(db: TestDb) -> (Behind, Arc<Reed>) {
    let bench = Bench::with_policy(db, Policy { customers: SecondFactor::Required, ..Policy::default() });
    let shop = Arc::new(Reed::new(Speech::GraphqlToken));
    (Behind::taught(bench, shop.clone(), FILE), shop)
}

// The words were looked for in the body's `query` alone. Each of these handed the token out.
both_engines!(a_password_alone_gets_no_token_however_it_asks, MIGRATIONS, async |db| {
    let (behind, shop) = reed(db);
    let own = shop.typed(PAUL, PAULS);
    let told = behind.browser().send("POST", "/graphql", &[JSON], &own).await;
    assert!(told.status == 403 && told.body.contains("/.storeward/challenge"), "{}", told.body);
    let reached = shop.tries();
    let variables = json!({"mail": PAUL, "passwort": PAULS});
    let hash = json!({"persistedQuery": {"version": 1, "sha256Hash": "9c5f"}});
    // Registered with a password that is wrong, and the document in plain sight.
    let wrong = json!({"mail": PAUL, "passwort": "wrong"});
    let registers = json!({"query": DOCUMENT, "variables": wrong, "extensions": hash}).to_string();
    let told = behind.browser().send("POST", "/graphql", &[JSON], &registers).await;
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(shop.tries(), reached + 1);
    let in_url = format!("/graphql?query={}", encode(DOCUMENT));
    let both = format!("{in_url}&variables={}", encode(&variables.to_string()));
    let form = format!(
        "query={}&variables={}",
        encode(DOCUMENT).replace("enter", "%65nter"),
        encode(&variables.to_string())
    );
    let named = json!({"variables": variables, "extensions": hash}).to_string();
    let beside = json!({"variables": variables}).to_string();
    let other = json!({"query": "{hello}", "variables": variables}).to_string();
    for (method, target, kind, body) in [
        ("POST", "/graphql", JSON, named.as_str()),
        ("POST", "/graphql", JSON, &format!("[{named}]")),
        ("POST", &in_url, JSON, "{}"),
        ("POST", &in_url, JSON, &beside),
        ("POST", &in_url, JSON, &other),
        ("POST", &both, JSON, ""),
        ("GET", &both, JSON, ""),
        ("POST", "/graphql", FORM, &form),
    ] {
        let told = behind.browser().send(method, target, &[kind], body).await;
        assert!(!told.body.contains("shop-session-token"), "{method} {target} {body}: {}", told.body);
        assert!(told.status.is_client_error(), "{method} {target} {body}: {}", told.status);
        assert_eq!(told.headers["content-type"], "application/problem+json", "{target} {body}");
    }
    assert_eq!(
        shop.tries(),
        reached + 1,
        "the shop was asked no more, so that nothing could be guessed at uncounted"
    );
});

// What the storefront's own scripts send goes on.
both_engines!(other_calls_of_the_same_address_go_on, MIGRATIONS, async |db| {
    let (behind, shop) = reed(db);
    let mut visitor = behind.browser();
    let products = json!({"query": "query P { products { name } }", "variables": {"mail": MIRA}}).to_string();
    let listed = format!("/graphql?query={}", encode("{ products { name } }"));
    for (method, target, body) in [("POST", "/graphql", products.as_str()), ("GET", &listed, "")] {
        let told = visitor.send(method, target, &[JSON], body).await;
        assert!(told.body.contains("mug"), "{target}: {}", told.body);
    }
    let told = visitor.send("POST", "/graphql", &[JSON], &shop.typed(MIRA, MIRAS)).await;
    assert!(told.body.contains("/.storeward/challenge"), "{}", told.body);
});
