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

// Magento looks at the first part of the path alone, behind its script and a store's code; so did whoever had a stolen password.
both_engines!(no_other_address_hands_out_a_token, MIGRATIONS, async |db| {
    let behind = Behind::magento(db);
    let admin = document("mutation { generateCustomerTokenAsAdmin { customer_token } }", ADDRESS, "x");
    for path in [
        "/graphql/x",
        "/index.php/graphql/x",
        "/default/graphql",
        "/GraphQL/x/y",
        "/pub/index.php/de/graphql/",
    ] {
        let body = document(QUERY, ADDRESS, SHOP_PASSWORD);
        is_held(&behind.browser().send("POST", path, &JSON, &body).await);
        let told = behind.browser().send("POST", path, &JSON, &admin).await;
        assert!(told.body.contains("identity.door_closed"), "{path}: {}", told.body);
    }
    let before = behind.shop.asked().len();
    let soap = [("accept", "text/xml"), ("content-type", "application/soap+xml; charset=utf-8")];
    let call =
        format!("<createCustomerAccessToken><username>{ADDRESS}</username></createCustomerAccessToken>");
    for path in [
        "/soap/default?services=integrationCustomerTokenServiceV1",
        "/soap",
        "/index.php/soap/default?services=integrationCustomerTokenServiceV1",
        "/index.php/default/soap/all?services=x",
        "/DE/Soap;x=1/all",
        "/english/soap/",
    ] {
        let told = behind.browser().send("POST", path, &soap, &call).await;
        assert!(told.status == 403 && told.body.contains("identity.door_closed"), "{path}: {}", told.body);
    }
    let packed = [JSON[0], JSON[1], ("content-encoding", "gzip")];
    let told = behind.browser().send("POST", "/graphql", &packed, "packed").await;
    assert!(told.status == 400 && told.body.contains("identity.form_unreadable"), "{}", told.body);
    for path in ["/default/admin/", "/index.php/english/admin/sales", "/de/Admin;x/"] {
        assert_eq!(behind.browser().get(path).await.status, 403, "{path}");
    }
    assert_eq!(behind.shop.asked().len(), before, "the shop heard of none");
});

// Each spelling of the sign-in's address, and each network, had five tries of its own, or as many as one liked.
both_engines!(guesses_are_counted_at_whatever_address, MIGRATIONS, async |db| {
    let behind = Behind::magento(db);
    let form = [("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")];
    let (mut reached, mut thief) = (0, behind.browser());
    for (n, path) in [
        "/index.php/customer/account/loginPost",
        "/customer/account/loginPost/referer/x",
        "/de/customer/account/loginPost",
        "/default/customer/account/loginPost/",
        "/index.php/x/customer/account/LoginPost;v=1/uenc/y",
        "/whatever/page/there/is",
        "/customer/account/loginPost",
    ]
    .into_iter()
    .cycle()
    .take(21)
    .enumerate()
    {
        thief.browser.address = format!("192.0.2.{n}").parse().unwrap();
        let body = format!("form_key=x&login[username]={ADDRESS}&login%5Bpassword%5D=wrong{n}&send=");
        let told = thief.send("POST", path, &form, &body).await;
        reached += usize::from(told.status != 429);
    }
    assert_eq!(reached, 5, "{:?}", behind.shop.asked());
    let mut reached = 0;
    for n in 0..12 {
        thief.browser.address = format!("192.0.2.{}", 100 + n).parse().unwrap();
        let told =
            thief.send("POST", "/graphql/x", &JSON, &document(QUERY, "ida@people.example", "wrong")).await;
        reached += usize::from(told.status != 429);
    }
    assert_eq!(reached, 5);
});

// By the REST interface it took a fresh second factor; by GraphQL, in the same session, it did not.
both_engines!(what_changes_an_account_by_graphql_takes_a_fresh_factor, MIGRATIONS, async |db| {
    let behind = Behind::magento(db);
    let mut owner = behind.browser();
    is_held(&graphql(&mut owner, ADDRESS, SHOP_PASSWORD).await);
    let code = behind.bench.code(LetterKind::SignInCode);
    assert_eq!(owner.browser.prove("mail", &code).await.status, 303);
    owner.get("/").await;
    let answer = graphql(&mut owner, ADDRESS, SHOP_PASSWORD).await;
    assert!(answer.body.contains("token-of-42"), "{}", answer.body);
    behind.bench.advance(3_600);
    let change = "mutation { updateCustomerEmail(email: \"thief@people.example\", password: \"x\") { customer { email } } }";
    let named = serde_json::json!({ "operationName": "A", "query": format!("query B {{ a }} {}", change.replacen("mutation", "mutation A", 1)) });
    let twice = format!(r#"{{"query":"{{ a }}","query":{}}}"#, serde_json::Value::from(change));
    let deep = format!(
        r#"{{"x":{}{},"query":{}}}"#,
        "[".repeat(300),
        "]".repeat(300),
        serde_json::Value::from(change)
    );
    for (path, body) in [
        ("/graphql", document(change, "", "")),
        ("/de/graphql/x", document(change, "", "")),
        ("/index.php/graphql", document("mutation { a: changeCustomerPassword(x: 1) { id } }", "", "")),
        (
            "/graphql",
            document(
                "mutation($i: CustomerInput!) { updateCustomerV2(input: $i) { customer { id } } }",
                "",
                "",
            ),
        ),
        ("/graphql", format!("[{}]", document(change, "", ""))),
        ("/graphql", named.to_string()),
        ("/graphql", twice),
        ("/graphql", deep),
        ("/graphql", document(change, "", "").replace("updateCustomerEmail", "update\\u0043ustomerEmail")),
    ] {
        let answer = owner.send("POST", path, &JSON, &body).await;
        assert_eq!(answer.status, 403, "{path} {body}: {}", answer.body);
        assert!(
            answer.body.contains("second_factor") || answer.body.contains("door_closed"),
            "{}",
            answer.body
        );
    }
    for query in ["{ customer { email } }", "mutation { addProductsToCart(x: 1) { cart { id } } }"] {
        let answer = owner.send("POST", "/graphql", &JSON, &document(query, "", "")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    }
});
