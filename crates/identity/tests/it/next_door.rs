//! Two installations of a shop on one host, each with sessions of its own, and one of them in trouble.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use storeward_host::{AskShop, Asking, NoAnswer, Question};
use storeward_identity::{MIGRATIONS, Policy, SecondFactor};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, Method, Response};

use super::behind::{ADDRESS, Behind, SECRET, SHOP_PASSWORD, Visitor};
use super::bench::{Answer, Bench};
use super::class::{Serves, led, say};

const FILE: &str = r#"
format = 1
name = "dale"
title = "dale"
[cookies]
session = ["sid"]
[signed_in.probe]
path = "/me"
subject = { between = ["Signed in as <b>", "</b>"] }
email = { between = ["Signed in as <b>", "</b>"] }
[[door]]
name = "sign-in"
kind = "sign-in"
paths = ["/login"]
user = ["user"]
password = ["password"]
[sign_out]
method = "GET"
path = "/logout"
"#;
const IDA: &str = "ida@people.example";

#[derive(Default)]
struct Dale {
    /// Of each installation: who is signed in.
    sessions: Mutex<HashMap<(&'static str, String), Option<&'static str>>>,
    made: AtomicUsize,
    /// The page of the one next door that says who is in fails.
    is_away: Mutex<bool>,
}

impl Dale {
    fn is_away(&self, is_away: bool) {
        *self.is_away.lock().unwrap() = is_away;
    }

    fn open(
        &self,
        lies: &'static str,
        who: Option<&'static str>,
        mut answer: Response<Bytes>,
    ) -> Response<Bytes> {
        let sid = format!("shop-session-{}", self.made.fetch_add(1, Ordering::SeqCst));
        let path = if lies.is_empty() { "/" } else { lies };
        let line = format!("sid={sid}; Path={path}; HttpOnly");
        answer.headers_mut().append("set-cookie", line.parse().unwrap());
        self.sessions.lock().unwrap().insert((lies, sid), who);
        answer
    }
}

impl Serves for Dale {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let cookies = headers.get("cookie").map_or("", |line| line.to_str().unwrap()).to_owned();
        // As PHP does, of two of a name the first.
        let sid = cookies.split("; ").find_map(|pair| pair.strip_prefix("sid=")).unwrap_or_default();
        let is_next_door = target.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("/b2b"));
        let (lies, page) = if is_next_door { ("/b2b", &target[4..]) } else { ("", target) };
        let session = self.sessions.lock().unwrap().get(&(lies, sid.to_owned())).copied();
        let who = session.flatten();
        let body = String::from_utf8_lossy(body).replace("%20", "+");
        match (method.as_str(), page) {
            ("GET", "/me") if is_next_door && *self.is_away.lock().unwrap() => say(500, "sorry"),
            ("GET", "/me") => match who {
                Some(who) => say(200, &format!("Signed in as <b>{who}</b>")),
                None => led(&format!("{lies}/login?next=me")),
            },
            ("GET", "/account" | "") if who == Some(ADDRESS) => say(200, SECRET),
            ("GET", "/logout") => {
                self.sessions.lock().unwrap().remove(&(lies, sid.to_owned()));
                led("/")
            }
            ("POST", "/login") if body.contains(&SHOP_PASSWORD.replace(' ', "+")) => {
                let who = if body.contains("user=ida") { IDA } else { ADDRESS };
                self.open(lies, Some(who), led(&format!("{lies}/account")))
            }
            ("POST", "/touch") if session.is_none() => self.open(lies, None, say(200, "touched")),
            ("POST", "/touch") => say(200, "touched"),
            ("GET", "/" | "/login" | "" | "/account") => say(200, "welcome"),
            _ => say(404, "nothing here"),
        }
    }
}

impl AskShop for Dale {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (head, body) = question.request.into_parts();
            let target = head.uri.path_and_query().ok_or(NoAnswer("test"))?.to_string();
            Ok(self.answer(&head.method, &target, &head.headers, &body))
        })
    }
}

fn dale(db: TestDb) -> (Behind, Arc<Dale>) {
    let policy = Policy { customers: SecondFactor::Required, ..Policy::default() };
    let shop = Arc::new(Dale::default());
    (Behind::taught(Bench::with_policy(db, policy), shop.clone(), FILE), shop)
}

async fn sign_in(who: &mut Visitor<'_>, page: &str, user: &str) -> Answer {
    who.post(page, &[("user", user), ("password", SHOP_PASSWORD)]).await
}

async fn touch(who: &mut Visitor<'_>, page: &str) -> u16 {
    who.post(page, &[("x", "1")]).await.status.as_u16()
}

// A cookie that was kept of the one next door, and a page of that one's that failed: nobody who had looked in there could buy anything here.
both_engines!(trouble_next_door_is_no_trouble_here, MIGRATIONS, async |db| {
    let (behind, shop) = dale(db);
    for was_seen in [false, true] {
        shop.is_away(!was_seen);
        behind.bench.advance(2_000);
        let mut guest = behind.browser();
        touch(&mut guest, "/touch").await;
        touch(&mut guest, "/b2b/touch").await;
        shop.is_away(true);
        assert_eq!(touch(&mut guest, "/touch").await, 200, "{was_seen}");
        // They sign in here, and act.
        sign_in(&mut guest, "/login", "ella").await.leads_to("/.storeward/challenge");
        guest.show_code("no").await;
        assert_eq!(guest.get("/account").await.body, SECRET);
        assert_eq!(touch(&mut guest, "/touch").await, 200);
        for page in ["/b2b/touch", "/b2b;x=1/touch"] {
            assert_eq!(touch(&mut guest, page).await, 503, "{page}");
        }
        assert_eq!(touch(&mut guest, "/touch").await, 200);
        shop.is_away(false);
        assert_eq!(touch(&mut guest, "/b2b/touch").await, 200);
        assert!(guest.sees_account().await);
    }
});

// Whoever is in next door is not signed out because nobody is in here, and their challenge goes on.
both_engines!(whoever_is_in_next_door_stays_so_while_it_does_not_answer, MIGRATIONS, async |db| {
    let (behind, shop) = dale(db);
    let mut ella = behind.browser();
    touch(&mut ella, "/touch").await;
    sign_in(&mut ella, "/b2b/login", "ella").await.leads_to("/.storeward/challenge");
    shop.is_away(true);
    ella.get("/").await.leads_to("/.storeward/challenge");
    touch(&mut ella, "/touch").await;
    shop.is_away(false);
    ella.show_code_for("no", "/b2b/account").await;
    assert_eq!(ella.get("/b2b/account").await.body, SECRET);
    shop.is_away(true);
    assert_eq!(touch(&mut ella, "/touch").await, 200);
    assert_ne!(ella.get("/b2b/account").await.body, SECRET, "not while it is unclear");
    shop.is_away(false);
    assert_eq!(ella.get("/b2b/account").await.body, SECRET, "without another code");
});

// The one next door was forgotten when it did not answer: what was asked here opened it.
both_engines!(a_stolen_password_opens_nothing_next_door_while_it_does_not_answer, MIGRATIONS, async |db| {
    let (behind, shop) = dale(db);
    for was_seen in [false, true] {
        behind.bench.advance(2_000);
        shop.is_away(!was_seen);
        let mut thief = behind.browser();
        touch(&mut thief, "/touch").await;
        if was_seen {
            touch(&mut thief, "/b2b/touch").await;
        }
        shop.is_away(true);
        assert_eq!(sign_in(&mut thief, "/b2b/login", "ella").await.status, 503, "{was_seen}");
        let pages = ["/b2b/account", "/B2B/account", "/b2b", "/b2b;x=1/account", "//b2b/account"];
        for _ in 0..2 {
            assert_eq!(thief.get("/").await.body, "welcome");
            touch(&mut thief, "/touch").await;
            for page in pages {
                let shown = thief.get(page).await;
                assert!(!shown.body.contains(SECRET), "{was_seen} {page}: {shown:?}");
            }
        }
        sign_in(&mut thief, "/login", "ida").await.leads_to("/.storeward/challenge");
        thief.show_code("no").await;
        for page in pages {
            let shown = thief.get(page).await;
            assert!(
                !shown.body.contains(SECRET),
                "{was_seen} {page} with an account of their own: {shown:?}"
            );
        }
        shop.is_away(false);
        for page in pages {
            let shown = thief.get(page).await;
            assert!(!shown.body.contains(SECRET), "{was_seen} {page} when it is back: {shown:?}");
        }
    }
});
