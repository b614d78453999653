//! A shop whose scripts sign in by GraphQL and get a token: whoever knows the password, and asks in another way than the scripts do.

use std::sync::Arc;

use serde_json::json;
use storeward_base::AddressList;
use storeward_identity::{MIGRATIONS, Policy, SecondFactor, ShieldSection};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;

use super::behind::{Behind, Elevation};
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
    let renamed = |call: &str| {
        let query = format!(
            "mutation($mail: String!, $passwort: String!) {{ {call}(mail: $mail, passwort: $passwort) {{ token }} }}"
        );
        json!({"query": query, "variables": variables}).to_string()
    };
    for (method, target, kind, body) in [
        ("POST", "/graphql", JSON, renamed("x: enter").as_str()),
        ("POST", "/graphql", JSON, &renamed("x, # enter this: way\n : # and that\r\n ,, \u{feff} enter")),
        ("POST", "/graphql", JSON, &renamed("enter(mail: \"a\", passwort: \"b\") { ok } x:#\n enter")),
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

// Whatever was asked on a WebSocket went by every door, and no guess there was counted.
both_engines!(a_password_alone_gets_no_token_on_a_websocket, MIGRATIONS, async |db| {
    let (behind, shop) = reed(db);
    let own = shop.typed(PAUL, PAULS);
    let packed = json!({"command": "message", "data": own}).to_string();
    let named = json!({"variables": {"mail": PAUL}, "extensions": {"persistedQuery": {"sha256Hash": "9c"}}});
    let named = json!({"id": "1", "type": "subscribe", "payload": named}).to_string();
    let news = r#"{"id":"1","type":"subscribe","payload":{"query":"subscription { stock { left } }"}}"#;
    for path in ["/graphql", "/subscriptions"] {
        for (message, passes) in [
            (news.to_owned(), true),
            (r#"{"type":"connection_init","payload":{}}"#.to_owned(), true),
            (format!(r#"{{"id":"1","type":"subscribe","payload":{own}}}"#), false),
            (format!(r#"{{"id":"1","type":"start","payload":{own}}}"#), false),
            (packed.clone(), false),
            (format!(r#"42["graphql",{own}]"#), false),
            (named.clone(), false),
        ] {
            let mut listener = behind.browser().listener(path).await.unwrap();
            assert!(listener.most_bytes() < 1 << 20);
            assert_eq!(listener.may_pass(message.as_bytes()).await, passes, "{path} {message}");
        }
    }
    let reasons = behind.bench.reasons("identity.sign_in_failed").await;
    assert_eq!(reasons, ["call_in_socket"], "told, and not with every message");
});

// Acts that are confirmed again are done by a request, where they can be; the shop's own programs say what they like.
both_engines!(an_act_on_a_websocket_is_refused_and_a_lane_is_free, MIGRATIONS, async |db| {
    let lanes = AddressList::parse(&["198.51.100.0/24"]).unwrap();
    let behind = Behind::speaking(db, "magento", ShieldSection { lanes, ..ShieldSection::default() });
    let query = "mutation { changeCustomerPassword(currentPassword: \"a\", newPassword: \"b\") { id } }";
    let act = json!({"id": "1", "type": "subscribe", "payload": {"query": query}}).to_string();
    let mut stranger = behind.browser();
    assert!(stranger.listener("/graphql").await.is_none(), "from the lane");
    stranger.browser.address = "203.0.113.9".parse().unwrap();
    assert!(!stranger.listener("/graphql").await.unwrap().may_pass(act.as_bytes()).await);
});

// A shop whose file knows no such calls has its messages to itself, packed as it likes.
both_engines!(where_no_calls_are_known_nobody_listens, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    assert!(behind.browser().listener("/socket").await.is_none());
});

// The name was read where the storefront's own scripts put it, and the call was given another one: each guess at one account was
// counted for a name that nobody has.
both_engines!(a_guess_counts_for_the_name_that_the_call_is_given, MIGRATIONS, async |db| {
    let (behind, shop) = reed(db);
    let mut refused = 0;
    for round in 0..12 {
        let decoy = format!("nobody-{round}@people.example");
        let guess = format!("guess {round}");
        let call = match round % 4 {
            0 => json!({
                "query": "mutation($r: String!) { enter(mail: $r, passwort: \"x\") { token } }",
                "variables": {"mail": decoy, "passwort": guess, "r": PAUL},
            }),
            1 => json!({
                "query": format!("mutation {{ enter(mail, # it is\n: \"{PAUL}\", passwort: \"{guess}\") {{ token }} }}"),
                "variables": {"mail": decoy, "passwort": guess},
            }),
            2 => json!({
                "query": format!("mutation($r: String = \"\"\"{PAUL}\"\"\") {{ enter(passwort: 7, mail: $r) {{ token }} }}"),
                "variables": {"mail": decoy},
            }),
            _ => json!({
                "query": "mutation($r: String!) { enter(mail: $r, passwort: $passwort) { token } }",
                "variables": {"mail": decoy, "passwort": {"a": 1}, "r": PAUL},
            }),
        };
        let told = behind.browser().send("POST", "/graphql", &[JSON], &call.to_string()).await;
        refused += usize::from(told.status == 429);
    }
    assert!(refused > 4, "{refused} of 12 guesses at one account had to wait");
    assert_eq!(shop.tries() + refused, 12);
});

// One request held as many guesses as fitted into it: where a session came of it, and no token, nobody looked.
both_engines!(a_request_is_one_guess, MIGRATIONS, async |db| {
    let policy = Policy { customers: SecondFactor::Required, ..Policy::default() };
    let shop = Arc::new(Reed::new(Speech::Graphql));
    let file = FILE.replace("session = []", "session = [\"reed\"]");
    let (file, _) = file.split_once("token = ").unwrap();
    let behind = Behind::taught(Bench::with_policy(db, policy), shop.clone(), file);
    let one = shop.typed(PAUL, "guess");
    let many: Vec<_> =
        (0..20).map(|n| format!("g{n}: enter(mail: \"{PAUL}\", passwort: \"{n}\") {{ ok }}")).collect();
    let many = json!({"query": format!("mutation {{ {} }}", many.join(" "))}).to_string();
    for body in [format!("[{one},{one},{one}]"), many] {
        let told = behind.browser().send("POST", "/graphql", &[JSON], &body).await;
        assert!(told.status == 403 && told.body.contains("identity.door_closed"), "{}", told.body);
    }
    assert_eq!(shop.tries(), 0);
    let told = behind.browser().send("POST", "/graphql", &[JSON], &one).await;
    assert!(told.status == 200 && shop.tries() == 1, "{}", told.body);
});

// Each message was read at once, however many came: the threads that read them serve everybody. Now the connection waits.
both_engines!(a_connection_is_heard_at_its_pace, MIGRATIONS, async |db| {
    let (behind, _) = reed(db);
    let mut listener = behind.browser().listener("/subscriptions").await.unwrap();
    let long = format!("{{\"text\":\"{}\"}}", "x".repeat(250_000));
    // The test's clock stands still; what is let wait is given up here.
    let mut is_ready = async |message: &str| {
        let mut passing = std::pin::pin!(listener.may_pass(message.as_bytes()));
        let mut once = std::task::Context::from_waker(std::task::Waker::noop());
        passing.as_mut().poll(&mut once).is_ready()
    };
    assert!(is_ready(&long).await && is_ready(&long).await);
    assert!(!is_ready(&long).await);
    behind.bench.advance(30);
    assert!(is_ready(&long).await);
});

// Messages of a shop's own closed the connection for a field that is called as names of documents are.
both_engines!(a_message_of_a_shops_own_is_no_call, MIGRATIONS, async |db| {
    let (behind, _) = reed(db);
    let own = r#"{"event":"opened","documentId":"77"}"#;
    let call = r#"{"id":"1","type":"subscribe","payload":{"documentId":"enter-1"}}"#;
    for (path, message, passes) in
        [("/live", own, true), ("/live", call, false), ("/graphql", own, false), ("/graphql", call, false)]
    {
        let mut listener = behind.browser().listener(path).await.unwrap();
        assert_eq!(listener.may_pass(message.as_bytes()).await, passes, "{path} {message}");
    }
    let lines = [("upgrade", "websocket"), ("sec-websocket-protocol", "chat, graphql-transport-ws")];
    let mut offered = behind.browser().heard("/live", &lines).await.unwrap();
    assert!(!offered.may_pass(own.as_bytes()).await);
});
