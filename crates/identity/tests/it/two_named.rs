//! A shop that says in a cookie who is in, as WordPress does, under a name that follows its address: of two such cookies in one session each
//! may count, by the page that is asked for.

use std::sync::{Arc, Mutex};

use storeward_host::{AskShop, Asking, NoAnswer, Question};
use storeward_identity::{LetterKind, MIGRATIONS, Policy, SecondFactor};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, Method, Response};

use super::behind::{ADDRESS, Behind, SECRET, SHOP_PASSWORD, Visitor};
use super::bench::{Answer, Bench};
use super::class::{Serves, led, say};

const FILE: &str = r#"
format = 1
name = "moor"
title = "moor"
[cookies]
session = ["logged_in_*"]
[signed_in.cookie]
name = "logged_in_*"
subject = { split = "|" }
[signed_in.probe]
path = "/me"
subject = { json = "/id" }
email = { json = "/email" }
[[door]]
name = "sign-in"
kind = "sign-in"
paths = ["/login.php", "/blog/login.php"]
user = ["user"]
password = ["password"]
[sign_out]
method = "POST"
path = "/logout"
"#;
const MALLORYS: &str = "mallory@people.example";

/// Two installations: the shop, and a blog below it with accounts of its own. Whoever is in at the one is nobody at the other.
struct Moor {
    /// Questions who is in that bear this cookie wait.
    holds: Mutex<&'static str>,
    gate: tokio::sync::Semaphore,
    held: tokio::sync::Notify,
    asked: Mutex<Vec<String>>,
}

impl Moor {
    fn hold(&self, cookie: &'static str) {
        *self.holds.lock().unwrap() = cookie;
    }

    /// Until a question waits.
    async fn holds_one(&self) {
        self.held.notified().await;
    }

    fn let_go(&self) {
        self.hold("");
        self.gate.add_permits(100);
    }
}

fn set(answer: &mut Response<Bytes>, line: &str) {
    answer.headers_mut().append("set-cookie", line.parse().unwrap());
}

fn named(cookies: &str, cookie: &str) -> Option<String> {
    let value = cookies.split("; ").find_map(|pair| pair.strip_prefix(cookie)?.strip_prefix('='))?;
    Some(value.split_once("%7C")?.0.to_owned())
}

impl Serves for Moor {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let cookies = headers.get("cookie").map_or("", |line| line.to_str().unwrap());
        let (shop, blog) = (named(cookies, "logged_in_shop"), named(cookies, "logged_in_blog"));
        let body = String::from_utf8_lossy(body).into_owned();
        self.asked.lock().unwrap().push(format!("{method} {target} {cookies}"));
        let typed = ["ella", "mallory"].into_iter().find(|name| {
            body.starts_with(&format!("user={name}&"))
                && body.replace('+', "%20").ends_with(&SHOP_PASSWORD.replace(' ', "%20"))
        });
        match (method.as_str(), target) {
            ("POST", "/login.php" | "/blog/login.php") => {
                let Some(name) = typed else { return say(200, "wrong") };
                let cookie = if target.starts_with("/blog") { "logged_in_blog" } else { "logged_in_shop" };
                let mut answer = led("/account");
                set(&mut answer, &format!("{cookie}={name}%7C1796000000%7Ca; Path=/; HttpOnly"));
                answer
            }
            // It goes by another address from now on, and its cookie by another name.
            ("POST", "/moves") => {
                let mut answer = say(200, "moved");
                set(&mut answer, "logged_in_shop=; Path=/; Max-Age=0");
                set(&mut answer, "logged_in_blog=ella%7C1796000000%7Cb; Path=/; HttpOnly");
                answer
            }
            ("GET", "/me") => match shop.or(blog) {
                Some(name) => {
                    let email = if name == "ella" { ADDRESS } else { MALLORYS };
                    say(200, &serde_json::json!({ "id": name, "email": email }).to_string())
                }
                None => say(401, "{}"),
            },
            ("GET", "/account") if shop.as_deref() == Some("ella") => say(200, SECRET),
            ("GET", "/blog/account") if blog.as_deref() == Some("ella") => say(200, SECRET),
            ("POST", "/logout") => {
                let mut answer = say(200, "bye");
                set(&mut answer, "logged_in_shop=; Path=/; Max-Age=0");
                set(&mut answer, "logged_in_blog=; Path=/; Max-Age=0");
                answer
            }
            _ => say(200, "welcome"),
        }
    }
}

impl AskShop for Moor {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (head, body) = question.request.into_parts();
            let target = head.uri.path_and_query().ok_or(NoAnswer("test"))?.to_string();
            let cookies = head.headers.get("cookie").map_or("", |line| line.to_str().unwrap());
            let held = *self.holds.lock().unwrap();
            if !held.is_empty() && cookies.contains(held) {
                self.held.notify_one();
                self.gate.acquire().await.unwrap().forget();
            }
            Ok(self.answer(&head.method, &target, &head.headers, &body))
        })
    }
}

fn moor(db: TestDb) -> Behind {
    with_shop(db).0
}

fn with_shop(db: TestDb) -> (Behind, Arc<Moor>) {
    let bench = Bench::with_policy(db, Policy { customers: SecondFactor::Required, ..Policy::default() });
    let shop = Arc::new(Moor {
        holds: Mutex::new(""),
        gate: tokio::sync::Semaphore::new(0),
        held: tokio::sync::Notify::new(),
        asked: Mutex::default(),
    });
    (Behind::taught(bench, shop.clone(), FILE), shop)
}

async fn sign_in(who: &mut Visitor<'_>, door: &str, user: &str) -> Answer {
    who.post(door, &[("user", user), ("password", SHOP_PASSWORD)]).await
}

async fn sees(who: &mut Visitor<'_>) -> bool {
    let mut shown = false;
    for path in ["/account", "/blog/account"] {
        shown |= who.get(path).await.body.contains(SECRET);
    }
    shown
}

// Whoever was in at the one installation, by an account of their own, opened anybody's at the other by a stolen password.
both_engines!(an_account_of_ones_own_next_door_opens_nobodys, MIGRATIONS, async |db| {
    let behind = moor(db);
    for doors in [["/blog/login.php", "/login.php"], ["/login.php", "/blog/login.php"]] {
        let mut thief = behind.browser();
        sign_in(&mut thief, doors[0], "mallory").await.leads_to("/.storeward/challenge");
        assert_eq!(behind.bench.letter(LetterKind::SignInCode).to.expose(), MALLORYS);
        thief.show_code("").await;
        assert_eq!(thief.get("/").await.body, "welcome", "in by their own account");
        let told = sign_in(&mut thief, doors[1], "ella").await;
        assert!(!told.body.contains(SECRET), "{told:?}");
        for _ in 0..2 {
            assert!(!sees(&mut thief).await, "{doors:?}");
        }
        behind.bench.advance(3_600);
    }
});

// The same name at both is two people's, and says so by nothing but its cookie.
both_engines!(a_name_that_two_cookies_say_is_nobodys, MIGRATIONS, async |db| {
    let behind = moor(db);
    let mut owner = behind.browser();
    sign_in(&mut owner, "/login.php", "ella").await.leads_to("/.storeward/challenge");
    owner.show_code("").await;
    assert!(sees(&mut owner).await);
    let mut thief = behind.browser();
    sign_in(&mut thief, "/login.php", "mallory").await.leads_to("/.storeward/challenge");
    thief.show_code("").await;
    for door in ["/login.php", "/blog/login.php"] {
        // At one door another account takes the place of one's own, which is asked about; at the second there are two.
        let told = sign_in(&mut thief, door, "ella").await;
        assert!(!told.body.contains(SECRET), "{door}: {told:?}");
        assert!(!sees(&mut thief).await, "{door}");
    }
    sign_in(&mut owner, "/blog/login.php", "ella").await;
    assert!(!sees(&mut owner).await, "it is ended, and the owner signs in again");
    behind.bench.advance(3_600);
    sign_in(&mut owner, "/login.php", "ella").await.leads_to("/.storeward/challenge");
    owner.show_code("").await;
    assert!(sees(&mut owner).await);
});

// Customers' factors went by the cookie's name once: with the shop's address they would have lost them.
both_engines!(a_cookie_of_another_name_is_asked_about_and_costs_no_factor, MIGRATIONS, async |db| {
    let behind = moor(db);
    let codes = || behind.bench.kinds().iter().filter(|kind| **kind == LetterKind::SignInCode).count();
    let mut trusted = behind.browser();
    sign_in(&mut trusted, "/login.php", "ella").await.leads_to("/.storeward/challenge");
    trusted.show_code("yes").await;
    assert!(sees(&mut trusted).await);
    trusted.post("/moves", &[]).await;
    assert!(sees(&mut trusted).await, "the device is trusted by the same account");
    assert_eq!(codes(), 1);
    behind.bench.advance(3_600);
    let mut other = behind.browser();
    sign_in(&mut other, "/login.php", "ella").await.leads_to("/.storeward/challenge");
    other.show_code("").await;
    other.post("/moves", &[]).await;
    assert!(!sees(&mut other).await, "nobody has shown anything for this cookie");
});

async fn thief_within(behind: &Behind) -> Visitor<'_> {
    let mut thief = behind.browser();
    sign_in(&mut thief, "/login.php", "mallory").await.leads_to("/.storeward/challenge");
    thief.show_code("").await;
    assert_eq!(thief.get("/").await.body, "welcome", "in by an account of their own");
    thief
}

// The cookie of whoever's password it was lay in the session while it was asked who that is: what came beside it went to the shop with it.
both_engines!(nothing_goes_on_with_a_sign_in_while_it_is_decided, MIGRATIONS, async |db| {
    let (behind, shop) = with_shop(db);
    let mut thief = thief_within(&behind).await;
    let mut beside = thief.beside();
    shop.hold("logged_in_shop=ella");
    let look = async {
        shop.holds_one().await;
        let (mut first, mut second) = (beside.beside(), beside.beside());
        let pages = async {
            tokio::join!(beside.get("/account"), first.get("/"), second.post("/account/email", &[]))
        };
        let waits = tokio::time::sleep(std::time::Duration::from_millis(300));
        let goes_on = async {
            waits.await;
            shop.let_go();
        };
        let (shown, ()) = tokio::join!(pages, goes_on);
        shown
    };
    let (answer, (account, home, act)) = tokio::join!(sign_in(&mut thief, "/login.php", "ella"), look);
    answer.leads_to("/.storeward/challenge");
    for (what, shown) in [("account", account), ("home", home), ("act", act)] {
        assert!(!shown.body.contains(SECRET) && shown.body != "welcome", "{what}: {shown:?}");
    }
    assert!(!sees(&mut thief).await);
    let asked = shop.asked.lock().unwrap().clone();
    let with_hers: Vec<_> = asked.iter().filter(|line| line.contains("logged_in_shop=ella")).collect();
    assert!(
        with_hers.iter().all(|line| line.starts_with("GET /me ") || line.starts_with("POST /logout ")),
        "{with_hers:?}"
    );
});

// Whose session it was had been looked at before the shop was asked about another cookie, and was not looked at again.
both_engines!(an_act_that_waited_goes_on_with_no_other_session, MIGRATIONS, async |db| {
    let (behind, shop) = with_shop(db);
    let mut thief = thief_within(&behind).await;
    let mut beside = thief.beside();
    beside.browser.cookies.push(("extra".to_owned(), "1".to_owned()));
    shop.hold("extra=1");
    let signs_in = async {
        shop.holds_one().await;
        sign_in(&mut thief, "/login.php", "ella").await.leads_to("/.storeward/challenge");
        shop.let_go();
    };
    let (act, ()) = tokio::join!(beside.post("/account/email", &[("email", "x@people.example")]), signs_in);
    assert_ne!(act.status, 200, "{act:?}");
    let asked = shop.asked.lock().unwrap().clone();
    assert!(!asked.iter().any(|line| line.starts_with("POST /account/email")), "{asked:?}");
});

// Two sign-ins at once in a session of nobody's: the code of one's own account opened the other's, whose cookies were laid while it was decided.
both_engines!(what_is_decided_of_one_sign_in_holds_for_no_other, MIGRATIONS, async |db| {
    let (behind, shop) = with_shop(db);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let typed = |user: &str| format!("user={user}&password={}", SHOP_PASSWORD.replace(' ', "+"));
    for waits_for in ["logged_in_shop=mallory", "logged_in_shop=ella"] {
        let mut thief = thief_within(&behind).await;
        thief.post("/logout", &[]).await;
        let mut beside = thief.beside();
        let own =
            thief.begin("POST", "/login.php", &[("accept", "text/html"), kind], &typed("mallory")).await;
        let stolen =
            beside.begin("POST", "/login.php", &[("accept", "text/html"), kind], &typed("ella")).await;
        let (own, stolen) = (own.ok().unwrap(), stolen.ok().unwrap());
        let wait = std::time::Duration::from_millis(300);
        shop.hold(waits_for);
        if waits_for.ends_with("mallory") {
            let hangs_up = async {
                shop.holds_one().await;
                drop(tokio::time::timeout(wait, beside.finish(stolen)).await);
                shop.let_go();
            };
            tokio::join!(thief.finish(own), hangs_up).0.leads_to("/.storeward/challenge");
        } else {
            let asked = tokio::select! {
                _ = beside.finish(stolen) => false,
                () = shop.holds_one() => true,
            };
            assert!(asked);
            shop.let_go();
            thief.finish(own).await.leads_to("/.storeward/challenge");
        }
        thief.show_code("").await;
        for _ in 0..2 {
            assert!(!sees(&mut thief).await, "{waits_for}");
        }
        behind.bench.advance(4_000);
    }
});
