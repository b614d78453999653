//! Magento's doors for scripts, GraphQL and REST, behind the shield: by a shop that speaks their shapes.

use storeward_identity::{LetterKind, MIGRATIONS};
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind, SHOP_PASSWORD, Visitor};
use super::bench::Answer;

const JSON: [(&str, &str); 2] = [("accept", "application/json"), ("content-type", "application/json")];
const QUERY: &str = "mutation ($email: String!, $password: String!) { generateCustomerToken(email: $email, password: \
                     $password) { token } }";

fn document(query: &str, email: &str, password: &str) -> String {
    serde_json::json!({ "query": query, "variables": { "email": email, "password": password } }).to_string()
}

fn rest(email: &str, password: &str) -> String {
    serde_json::json!({ "username": email, "password": password }).to_string()
}

async fn graphql(who: &mut Visitor<'_>, email: &str, password: &str) -> Answer {
    who.send("POST", "/graphql", &JSON, &document(QUERY, email, password)).await
}

fn is_held(answer: &Answer) {
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.headers["cache-control"], "private, no-store");
    let said: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let expected = serde_json::json!({
        "type": "about:blank",
        "title": "Confirm that it is you",
        "status": 403,
        "code": "identity.second_factor",
        "challenge": "/.storeward/challenge",
    });
    assert_eq!(said, expected);
}

both_engines!(a_token_waits_for_the_second_factor_and_comes_after_it, MIGRATIONS, async |db| {
    let behind = Behind::magento(db);
    let mut owner = behind.browser();
    is_held(&graphql(&mut owner, ADDRESS, SHOP_PASSWORD).await);
    // Until then nothing of the shop comes with this browser.
    is_held(&owner.send("GET", "/account", &JSON[..1], "").await);
    let code = behind.bench.code(LetterKind::SignInCode);
    assert_eq!(owner.browser.prove("mail", &code).await.status, 303);
    // Pages between the two, which set and change the shop's cookies.
    owner.get("/").await;
    owner.get("/").await;
    for _ in 0..2 {
        let answer = graphql(&mut owner, ADDRESS, SHOP_PASSWORD).await;
        assert!(answer.status == 200 && answer.body.contains("token-of-42"), "{}", answer.body);
    }
    let body = rest(ADDRESS, SHOP_PASSWORD);
    let answer = owner.send("POST", "/rest/V1/integration/customer/token", &JSON, &body).await;
    assert!(answer.status == 200 && answer.body.contains("token-of-42"), "{}", answer.body);
    // It counts for this account alone.
    is_held(&graphql(&mut owner, "mallory@people.example", "another password").await);
});

both_engines!(a_stolen_password_gets_no_token, MIGRATIONS, async |db| {
    let behind = Behind::magento(db);
    let body = rest(ADDRESS, SHOP_PASSWORD);
    for path in ["/rest/V1/integration/customer/token", "/REST/V1/integration/customer/token/"] {
        let mut thief = behind.browser();
        let answer = thief.send("POST", path, &JSON, &body).await;
        assert!(!answer.body.contains("token-of"), "{path}: {}", answer.body);
    }
    is_held(&graphql(&mut behind.browser(), ADDRESS, SHOP_PASSWORD).await);
    let call = "generateCustomerToken(email: $email, password: $password) { token }";
    let deep: serde_json::Value = serde_json::from_str(&document(QUERY, ADDRESS, SHOP_PASSWORD)).unwrap();
    let deep = deep.to_string().replace(
        "\"variables\":{",
        &format!("\"variables\":{{\"x\":{}{},", "[".repeat(200), "]".repeat(200)),
    );
    for body in [
        document(&format!("mutation {{ mine: {call} }}"), ADDRESS, SHOP_PASSWORD),
        document(&format!("mutation {{ {call} other: {call} }}"), ADDRESS, SHOP_PASSWORD),
        document(&format!("mutation {{ # {call}\n a :\n{call} }}"), ADDRESS, SHOP_PASSWORD),
        format!("[{}]", document(QUERY, ADDRESS, SHOP_PASSWORD)),
        deep,
    ] {
        let mut thief = behind.browser();
        let answer = thief.send("POST", "/graphql", &JSON, &body).await;
        assert!(
            answer.status == 403 && answer.body.contains("identity.door_closed"),
            "{body}: {}",
            answer.body
        );
    }
    let admin = document("mutation { generateCustomerTokenAsAdmin { customer_token } }", ADDRESS, "x");
    let answer = behind.browser().send("POST", "/graphql", &JSON, &admin).await;
    assert!(answer.body.contains("identity.door_closed"), "{}", answer.body);
});

both_engines!(what_is_no_sign_in_passes, MIGRATIONS, async |db| {
    let behind = Behind::magento(db);
    let mut visitor = behind.browser();
    let read = visitor.send("POST", "/graphql", &JSON, &document("{ products { name } }", "", "")).await;
    assert_eq!((read.status.as_u16(), read.body.as_str()), (200, r#"{"data":{}}"#));
    // A wrong password is the shop's to refuse.
    let answer = graphql(&mut visitor, ADDRESS, "wrong").await;
    assert_eq!(answer.body, r#"{"data":{"generateCustomerToken":null}}"#);
    let body = rest(ADDRESS, "wrong");
    let answer = visitor.send("POST", "/rest/V1/integration/customer/token", &JSON, &body).await;
    assert_eq!(answer.status, 401);
});
