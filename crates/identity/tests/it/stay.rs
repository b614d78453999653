//! "Stay signed in": a cookie of the shop's that the adapter's file does not know, and that opens the account by itself. What is
//! learnt of a shop by watching one sign-in without the box ticked is such a file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use storeward_host::{AskShop, Asking, NoAnswer, Question};
use storeward_identity::{LetterKind, MIGRATIONS, Policy, SecondFactor};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, HeaderValue, Method, Response};

use super::behind::{ADDRESS, Behind, SHOP_PASSWORD, Visitor};
use super::bench::Bench;
use super::class::{Serves, say};

const FILE: &str = r#"
format = 1
name = "heath"
title = "heath"
[cookies]
session = ["sid"]
[signed_in.probe]
path = "/account"
contains = "<dd>"
subject = { between = ["<dd>", "</dd>"] }
email = { between = ["<dd>", "</dd>"] }
[[door]]
name = "sign-in"
kind = "sign-in"
paths = ["/login"]
user = ["user"]
password = ["pass"]
[sign_out]
path = "/logout"
"#;
const ACT: &str = "[[sensitive]]\nmethods = [\"POST\"]\npath = \"/account/email\"\n";

/// A cookie of somebody else, from elsewhere.
const OTHERS: &str = "shop-session-carls";

/// As Symfony, Laravel, Devise and Spring do it: a second cookie, which opens a session at the next request.
#[derive(Default)]
struct Heath {
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    sessions: HashMap<String, bool>,
    kept: Vec<String>,
    changed: Vec<String>,
    /// The cookie that each thing was put into a cart with.
    carts: Vec<String>,
    made: u32,
    asked: u32,
}

impl Inside {
    fn open(&mut self, is_in: bool) -> String {
        self.made += 1;
        let sid = format!("shop-session-{}", self.made);
        self.sessions.insert(sid.clone(), is_in);
        sid
    }
}

fn set(answer: &mut Response<Bytes>, line: &str) {
    answer.headers_mut().append("set-cookie", line.parse().unwrap());
}

impl Serves for Heath {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let mut inside = self.inside.lock().unwrap();
        let line = headers.get("cookie").map_or("", |line| line.to_str().unwrap()).to_owned();
        let of = |name: &str| line.split("; ").find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let mut is_in = of("sid").and_then(|sid| inside.sessions.get(sid).copied()).unwrap_or(false);
        let mut fresh = None;
        if !is_in && of("REMEMBERME").is_some_and(|kept| inside.kept.iter().any(|known| known == kept)) {
            is_in = true;
            fresh = Some(inside.open(true));
        }
        let is_others = !is_in && of("REMEMBERME") == Some(OTHERS);
        is_in |= is_others || headers.get("authorization").is_some_and(|line| line == "Bearer old-token");
        let body = String::from_utf8_lossy(body).into_owned();
        let mut answer = match (method.as_str(), target.split('?').next().unwrap()) {
            ("POST", "/login")
                if body.contains("pass=grey+slate+roof") || body.contains("pass=grey%20slate%20roof") =>
            {
                let mut answer = say(303, "");
                answer.headers_mut().insert("location", HeaderValue::from_static("/account"));
                fresh = Some(inside.open(true));
                if body.contains("remember=1") {
                    let kept = format!("shop-session-kept-{}", inside.kept.len());
                    set(&mut answer, &format!("REMEMBERME={kept}; Path=/; HttpOnly; Max-Age=999999"));
                    inside.kept.push(kept);
                }
                set(&mut answer, "jwt=read-by-scripts; Path=/");
                answer
            }
            ("POST", "/logout") => {
                let mut answer = say(200, "bye");
                inside.kept.clear();
                inside.sessions.clear();
                set(&mut answer, "REMEMBERME=; Path=/; Max-Age=0");
                return answer;
            }
            ("POST", "/account/email" | "/account/password" | "/account/order") if is_in => {
                inside.changed.push(body);
                say(200, "changed")
            }
            ("POST", "/cart") => {
                inside.carts.push(of("cart").unwrap_or("none").to_owned());
                say(200, "in the cart")
            }
            (_, "/account") if is_others => say(200, "<dd>carl@people.example</dd> the orders"),
            (_, "/account") if is_in => say(200, &format!("<dd>{ADDRESS}</dd> the orders")),
            (_, "/account" | "/account/email" | "/login") => say(401, "sign in first"),
            _ => say(200, if is_in { "welcome back" } else { "welcome" }),
        };
        if let Some(sid) = fresh {
            set(&mut answer, &format!("sid={sid}; Path=/; HttpOnly"));
        }
        answer
    }
}

impl AskShop for Heath {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (head, body) = question.request.into_parts();
            self.inside.lock().unwrap().asked += 1;
            let target = head.uri.path_and_query().ok_or(NoAnswer("test"))?.to_string();
            Ok(self.answer(&head.method, &target, &head.headers, &body))
        })
    }
}

fn heath(db: TestDb, customers: SecondFactor) -> (Behind, Arc<Heath>) {
    heath_with(db, customers, &format!("{FILE}{ACT}"))
}

/// With the file as it is learnt, in which no act stands.
fn learnt(db: TestDb) -> (Behind, Arc<Heath>) {
    heath_with(db, SecondFactor::Required, FILE)
}

fn heath_with(db: TestDb, customers: SecondFactor, file: &str) -> (Behind, Arc<Heath>) {
    let bench = Bench::with_policy(db, Policy { customers, ..Policy::default() });
    let shop = Arc::new(Heath::default());
    (Behind::taught(bench, shop.clone(), file), shop)
}

async fn sign_in(visitor: &mut Visitor<'_>) -> super::bench::Answer {
    let fields = [("user", ADDRESS), ("pass", SHOP_PASSWORD), ("remember", "1")];
    visitor.post("/login", &fields).await
}

// The sign-in was held, and its answer handed the cookie out all the same; with it alone the account's page came back unweighed.
both_engines!(no_cookie_of_a_held_sign_in_reaches_the_browser, MIGRATIONS, async |db| {
    let (behind, shop) = heath(db, SecondFactor::Required);
    let mut thief = behind.browser();
    thief.get("/").await;
    sign_in(&mut thief).await.leads_to("/.storeward/challenge");
    assert_eq!(shop.inside.lock().unwrap().kept.len(), 1);
    for name in ["REMEMBERME", "jwt", "sid"] {
        assert_eq!(thief.browser.cookie(name), None, "{name}");
    }
    // The owner does the same, shows the code, and is kept signed in: the cookie goes to the shop from here, and what scripts
    // read is the browser's.
    let mut owner = behind.browser();
    sign_in(&mut owner).await.leads_to("/.storeward/challenge");
    let code = behind.bench.code(LetterKind::SignInCode);
    let path = "/.storeward/challenge";
    let fields = [("method", "mail"), ("secret", code.as_str()), ("trust", "no")];
    owner.browser.post_from(path, path, &fields).await.leads_to("/account");
    assert!(owner.get("/account").await.body.contains("the orders"));
    assert_eq!(owner.browser.cookie("REMEMBERME"), None);
    assert_eq!(owner.browser.cookie("jwt").as_deref(), Some("read-by-scripts"));
    shop.inside.lock().unwrap().sessions.clear();
    assert!(
        owner.get("/account").await.body.contains("the orders"),
        "the shop knows them by the other cookie"
    );
    owner.post("/logout", &[]).await;
    assert!(!owner.get("/account").await.body.contains("the orders"));
});

// Signed in before they had a second factor: the cookie is not the browser's either, so that it outlives nothing here.
both_engines!(nor_one_that_scripts_cannot_read_at_all, MIGRATIONS, async |db| {
    let (behind, shop) = heath(db, SecondFactor::Offered);
    let mut owner = behind.browser();
    sign_in(&mut owner).await.leads_to("/account");
    assert!(owner.get("/account").await.body.contains("the orders"));
    assert_eq!((owner.browser.cookie("REMEMBERME"), shop.inside.lock().unwrap().kept.len()), (None, 1));
    assert!(owner.browser.cookie("jwt").is_some(), "nothing is held");
});

// Whoever has such a cookie from elsewhere: from the time before Storeward, or from the owner's computer.
both_engines!(such_a_cookie_alone_opens_nothing, MIGRATIONS, async |db| {
    let (behind, shop) = heath(db, SecondFactor::Required);
    shop.inside.lock().unwrap().kept.push("shop-session-old".to_owned());
    let thief = || {
        let mut thief = behind.browser();
        thief.browser.cookies.push(("REMEMBERME".to_owned(), "shop-session-old".to_owned()));
        thief
    };
    for path in ["/account", "/"] {
        let mut thief = thief();
        let page = thief.get(path).await;
        page.leads_to("/.storeward/challenge");
        for again in [path, "/account"] {
            let page = thief.get(again).await;
            assert!(!page.body.contains("orders") && !page.body.contains("back"), "{again}: {}", page.body);
        }
        // A picture of the page that shows the challenge goes to the shop, and takes nobody along.
        let part = [("sec-fetch-dest", "image"), ("accept", "image/*")];
        let page = thief.send("GET", "/account", &part, "").await;
        assert_eq!((page.status.as_u16(), page.body.as_str()), (401, "sign in first"));
    }
    // An act that takes a second factor reaches the shop with nobody's handle, with a visitor's and with one whose sign-in waits
    // no more than it did with a wrong password.
    let change = [("email", "thief@people.example")];
    let mut plain = thief();
    plain.post("/account/email", &change).await.leads_to("/login");
    let told = thief().send("POST", "/account/email", &[("accept", "application/json")], "email=thief").await;
    assert!(told.status == 403 && told.body.contains("identity.sign_in_first"), "{}", told.body);
    let mut held = thief();
    held.get("/account").await.leads_to("/.storeward/challenge");
    held.post("/account/email", &change).await.leads_to("/.storeward/challenge");
    let mut visitor = behind.browser();
    visitor.get("/").await;
    visitor.browser.cookies.push(("REMEMBERME".to_owned(), "shop-session-old".to_owned()));
    visitor.post("/account/email", &change).await.leads_to("/login");
    let bearer = [("accept", "application/json"), ("authorization", "Bearer some-token")];
    let told = behind.browser().send("POST", "/account/email", &bearer, "email=thief").await;
    assert!(told.body.contains("identity.sign_in_first"), "{}", told.body);
    assert!(shop.inside.lock().unwrap().changed.is_empty(), "{:?}", shop.inside.lock().unwrap().changed);
});

// The file knew neither the cookie nor the act: the shop changed the address, and was asked then who that had been.
both_engines!(what_no_file_names_is_weighed_before_it_is_done, MIGRATIONS, async |db| {
    let (behind, shop) = learnt(db);
    shop.inside.lock().unwrap().kept.push("shop-session-old".to_owned());
    let old = || ("REMEMBERME".to_owned(), "shop-session-old".to_owned());
    let change = [("email", "thief@people.example")];
    // With no handle, and with a visitor's; an order is none of what changes an account, and done in its name all the same.
    for path in ["/account/email", "/account/password", "/account/order"] {
        let mut thief = behind.browser();
        thief.browser.cookies.push(old());
        thief.post(path, &change).await.leads_to("/login");
        let mut visitor = behind.browser();
        visitor.get("/").await;
        visitor.browser.cookies.push(old());
        visitor.post(path, &change).await.leads_to("/login");
    }
    // A form that signs in at whatever address goes on without the cookie.
    let mut thief = behind.browser();
    thief.browser.cookies.push(old());
    let both = [change[0], ("user", "nobody@people.example"), ("pass", "x")];
    assert_eq!(thief.post("/account/email", &both).await.body, "sign in first");
    // Nor does a connection stay open that the shop knows somebody on.
    let lines = [("upgrade", "websocket"), ("accept", "application/json")];
    let mut thief = behind.browser();
    thief.browser.cookies.push(old());
    let told = thief.send("GET", "/socket", &lines, "").await;
    assert!(told.body.contains("identity.sign_in_first"), "{}", told.body);
    assert!(shop.inside.lock().unwrap().changed.is_empty(), "{:?}", shop.inside.lock().unwrap().changed);
});

// Guests have cookies, too: their cart, and what measures visits.
both_engines!(a_guest_with_cookies_shops_on, MIGRATIONS, async |db| {
    let (behind, shop) = learnt(db);
    let mut guest = behind.browser();
    guest.get("/").await;
    let before = shop.inside.lock().unwrap().asked;
    guest.browser.cookies.push(("_ga_K7".to_owned(), "GS1.1".to_owned()));
    assert_eq!(guest.post("/cart", &[("mug", "1")]).await.body, "in the cart");
    assert_eq!(shop.inside.lock().unwrap().asked, before, "nobody asks whose that is");
    guest.browser.cookies.push(("cart".to_owned(), "7".to_owned()));
    let fields = [("mug", "1"), ("email", "guest@people.example"), ("password", "for a new account")];
    assert_eq!(guest.post("/cart", &fields).await.body, "in the cart");
    assert_eq!(shop.inside.lock().unwrap().carts, ["none", "7"]);
    assert!(shop.inside.lock().unwrap().asked > before);
});

// Whoever finds a browser that is signed in: nothing that holds a password, or another address, is done without a fresh factor.
both_engines!(an_act_that_no_file_names_takes_a_fresh_factor, MIGRATIONS, async |db| {
    let (behind, shop) = learnt(db);
    let mut owner = behind.browser();
    sign_in(&mut owner).await.leads_to("/.storeward/challenge");
    let code = behind.bench.code(LetterKind::SignInCode);
    let path = "/.storeward/challenge";
    let fields = [("method", "mail"), ("secret", code.as_str()), ("trust", "no")];
    owner.browser.post_from(path, path, &fields).await.leads_to("/account");
    owner.get("/account").await;
    behind.bench.advance(3_600);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let json = ("content-type", "application/json");
    let long = format!("note={}&email=thief%40people.example", "x".repeat(300_000));
    for (path, kind, body) in [
        ("/account/email", form, "email=thief%40people.example"),
        ("/account/password", form, "old_password=a&new_password=b"),
        ("/account/email", json, r#"{"customer":{"email":"thief@people.example"}}"#),
        ("/account/password?new_password=b", form, ""),
        ("/account/email", form, long.as_str()),
        // As a sign-in, which is weighed behind it.
        ("/account/email", form, "email=thief%40people.example&user=a&pass=b"),
    ] {
        let told = owner.send("POST", path, &[kind, ("accept", "application/json")], body).await;
        assert!(told.status == 403 && told.body.contains("second_factor"), "{path} {kind:?}: {}", told.body);
    }
    // JSON that is said to be a form (Go and PHP do not look), a number, and what is asked for by a link.
    for (method, path, kind, body) in [
        ("POST", "/account/email", form, r#"{"customer":{"email":"thief@people.example"}}"#),
        ("POST", "/account/password", form, r#"{"new_password":"\ud800"}"#),
        ("POST", "/account/password", json, r#"{"old_password":123456,"new":1}"#),
        ("POST", "/account/password", form, "data=%7B%22new_password%22%3A%22x%22%7D"),
        ("GET", "/account/password?new_password=b", form, ""),
        ("HEAD", "/account/password?a=1&user%5Bpassword%5D=b", form, ""),
    ] {
        let told = owner.send(method, path, &[kind, ("accept", "application/json")], body).await;
        assert!(told.status == 403 && told.body.contains("second_factor"), "{path} {body}: {}", told.body);
        assert!(!told.body.contains("new_password="), "a password is kept in no address: {}", told.body);
    }
    assert!(shop.inside.lock().unwrap().changed.is_empty(), "{:?}", shop.inside.lock().unwrap().changed);
    assert_eq!(owner.get("/search?q=new_password").await.status, 200);
    let own = format!("street=1&email={}", ADDRESS.replace('@', "%40"));
    for (path, kind, body) in
        [("/cart", form, "mug=1"), ("/account/order", form, own.as_str()), ("/cart", json, r#"{"mug":1}"#)]
    {
        let told = owner.send("POST", path, &[kind, ("accept", "application/json")], body).await;
        assert_eq!(told.status, 200, "{path} {body}: {}", told.body);
    }
});

// A fresh session of one's own lent itself to the cookie of somebody else; the fields of a sign-in, to a token from elsewhere.
both_engines!(nobody_acts_in_another_ones_name, MIGRATIONS, async |db| {
    let (behind, shop) = heath(db, SecondFactor::Required);
    let mut thief = behind.browser();
    sign_in(&mut thief).await.leads_to("/.storeward/challenge");
    let code = behind.bench.code(LetterKind::SignInCode);
    let path = "/.storeward/challenge";
    let fields = [("method", "mail"), ("secret", code.as_str()), ("trust", "no")];
    thief.browser.post_from(path, path, &fields).await.leads_to("/account");
    assert!(thief.get("/account").await.body.contains("the orders"));
    // Signed out at the shop by "sign out everywhere".
    shop.inside.lock().unwrap().sessions.clear();
    shop.inside.lock().unwrap().kept.clear();
    let mut other = behind.browser();
    other.browser.cookies = thief.browser.cookies.clone();
    other.browser.cookies.push(("REMEMBERME".to_owned(), OTHERS.to_owned()));
    other.post("/account/email", &[("email", "thief@people.example")]).await;
    let lines = [
        ("accept", "application/json"),
        ("authorization", "Bearer old-token"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    for (target, body) in [
        ("/account/email", "email=thief@people.example"),
        ("/account/email", "email=thief@people.example&user=q&pass=x"),
        ("/account/email?user=q&pass=x", "email=thief@people.example"),
    ] {
        behind.browser().send("POST", target, &lines, body).await;
    }
    assert!(shop.inside.lock().unwrap().changed.is_empty(), "{:?}", shop.inside.lock().unwrap().changed);
});

// Whether the browser's other cookies were asked about went by the name of the file: an owner's own, called as one that comes with the
// program is, escaped it.
both_engines!(the_name_of_a_file_frees_nobody, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, Policy { customers: SecondFactor::Required, ..Policy::default() });
    let shop = Arc::new(Heath::default());
    let behind = Behind::taught(bench, shop.clone(), &FILE.replace("name = \"heath\"", "name = \"magento\""));
    let mut thief = behind.browser();
    thief.get("/").await;
    thief.browser.cookies.push(("REMEMBERME".to_owned(), OTHERS.to_owned()));
    let told = thief.post("/account/email", &[("email", "thief@people.example")]).await;
    assert!(shop.inside.lock().unwrap().changed.is_empty(), "{} {}", told.status, told.body);
});
