//! Sign-ins whose answer nobody waited for, or that nobody could tell of: the shop comes to their end after it was asked who is in, and knows
//! somebody at the host and in the folder of the sign-in alone. A shop that signs people in within the session that they have.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use storeward_host::{AskShop, Asking, NoAnswer, Question};
use storeward_identity::{MIGRATIONS, Policy, SecondFactor};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, Method, Response};

use super::behind::{ADDRESS, Behind, Elevation, SECRET, SHOP_PASSWORD, Visitor};
use super::bench::{Answer, Bench, HOST};
use super::class::{Serves, led, say};

pub const FILE: &str = r#"
format = 1
name = "fell"
title = "fell"
[cookies]
session = ["sid"]
[signed_in.probe]
path = "/me"
subject = { between = ["Signed in as <b>", "</b>"] }
email = { between = ["Signed in as <b>", "</b>"] }
[[door]]
name = "sign-in"
kind = "sign-in"
paths = ["/login", "/b2b/login"]
user = ["user"]
password = ["password"]
[sign_out]
path = "/logout"
"#;
pub const PAGE: (&str, &str) = ("accept", "text/html");
pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const OTHER: &str = "www.shop.example";

/// Each host has customers of its own, and so has the folder `/b2b`.
#[derive(Default)]
pub struct Fell {
    sessions: Mutex<HashMap<String, HashMap<String, String>>>,
    pub asked: Mutex<Vec<String>>,
    /// Where it does not say who is in.
    is_away: Mutex<Option<String>>,
    /// How long it takes to say who is in.
    pub takes: Mutex<std::time::Duration>,
}

impl Fell {
    pub fn questions(&self) -> usize {
        self.asked.lock().unwrap().iter().filter(|line| line.ends_with("/me")).count()
    }
}

impl Serves for Fell {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let line = |name: &str| headers.get(name).map_or("", |line| line.to_str().unwrap()).to_owned();
        let sid = line("cookie").split("; ").find_map(|pair| pair.strip_prefix("sid=").map(str::to_owned));
        // What stands behind a point is new with each answer of one page.
        let (sid, turn) = match sid.as_deref().map(|sid| sid.split_once('.').unwrap_or((sid, "0"))) {
            Some((sid, turn)) => (Some(sid.to_owned()), turn.parse::<u32>().unwrap() + 1),
            None => (None, 0),
        };
        let host = if line("host") == OTHER { OTHER } else { HOST };
        let (folder, page) = match target.strip_prefix("/b2b") {
            Some(page) => ("/b2b", page),
            None => ("", target),
        };
        let place = format!("{host}{folder}");
        self.asked.lock().unwrap().push(format!("{method} {place}{page}"));
        let mut sessions = self.sessions.lock().unwrap();
        let known = sid.as_ref().filter(|sid| sessions.contains_key(*sid)).cloned();
        let who = known.as_ref().and_then(|sid| sessions[sid].get(&place).cloned());
        let body = String::from_utf8_lossy(body).replace('+', "%20");
        let right = format!("password={}", SHOP_PASSWORD.replace(' ', "%20"));
        let answer = match (method.as_str(), page) {
            ("GET", "/me") if self.is_away.lock().unwrap().as_ref() == Some(&place) => say(500, "sorry"),
            ("GET", "/me") => match who {
                Some(who) => say(200, &format!("Signed in as <b>{who}</b>")),
                None => led(&format!("{folder}/login?next=me")),
            },
            ("POST", "/login") if body.contains(&right) => {
                if let Some(session) = known.as_ref().and_then(|sid| sessions.get_mut(sid)) {
                    session.insert(place, ADDRESS.to_owned());
                }
                led(&format!("{folder}/account"))
            }
            ("POST", "/login") if body.contains("front=504") => say(504, "the front is out of patience"),
            ("POST", "/login") => say(200, "wrong"),
            ("GET", page) if page.contains("front=504") => say(504, "the front is out of patience"),
            ("GET", "/account") if who.as_deref() == Some(ADDRESS) => say(200, SECRET),
            (_, "/logout") => {
                known.as_ref().and_then(|sid| sessions.remove(sid));
                say(200, "bye")
            }
            _ => say(200, "welcome"),
        };
        let mut answer = answer;
        if let (Some(sid), "/anew") = (&known, page) {
            answer
                .headers_mut()
                .append("set-cookie", format!("sid={sid}.{turn}; Path=/; HttpOnly").parse().unwrap());
        }
        if known.is_none() && page == "/" {
            let sid = format!("shop-session-{}", sessions.len());
            answer
                .headers_mut()
                .append("set-cookie", format!("sid={sid}; Path=/; HttpOnly").parse().unwrap());
            sessions.insert(sid, HashMap::new());
        }
        answer
    }
}

impl AskShop for Fell {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (head, body) = question.request.into_parts();
            let target = head.uri.path_and_query().ok_or(NoAnswer("test"))?.to_string();
            let takes = *self.takes.lock().unwrap();
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            Ok(self.answer(&head.method, &target, &head.headers, &body))
        })
    }
}

pub fn fell(db: TestDb) -> (Behind, Arc<Fell>) {
    let bench = Bench::with_policy(db, Policy { customers: SecondFactor::Required, ..Policy::default() });
    let shop = Arc::new(Fell::default());
    (Behind::taught(bench, shop.clone(), FILE), shop)
}

pub fn stolen() -> String {
    format!("user=ella&password={}", SHOP_PASSWORD.replace(' ', "+"))
}

/// Opens a page, at the host that the browser is at.
pub async fn open(who: &mut Visitor<'_>, page: &str) -> Answer {
    who.send("GET", page, &[PAGE, ("host", who.host)], "").await
}

pub async fn visitor(behind: &Behind) -> Visitor<'_> {
    let mut thief = behind.browser();
    for _ in 0..3 {
        assert_eq!(open(&mut thief, "/").await.body, "welcome");
    }
    thief
}

/// Sends the sign-in, and hangs up while the shop is at it. What it got.
async fn hang_up(thief: &mut Visitor<'_>, door: &str) -> HeaderMap {
    let lines = [PAGE, FORM, ("host", thief.host)];
    let begun = thief.begin("POST", door, &lines, "user=ella&password=not+yet").await;
    begun.unwrap_or_else(|answer| panic!("{answer:?}")).hung_up()
}

/// The sign-in of a test: at which host, by which door, and where the account stands then.
const PLACES: [(&str, &str, &str); 4] = [
    (HOST, "/login", "/account"),
    (HOST, "/b2b/login", "/b2b/account"),
    (OTHER, "/login", "/account"),
    (OTHER, "/b2b/login", "/b2b/account"),
];

// A question that the shop answered while it was still looking at the password was the last one: a minute later nobody asked any more.
both_engines!(a_sign_in_that_ends_after_it_was_asked_about_opens_nothing, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    for (host, door, account) in PLACES {
        for passes_by in [false, true] {
            let mut thief = visitor(&behind).await;
            thief.host = host;
            let sent = hang_up(&mut thief, door).await;
            // Asked too early, and elsewhere.
            thief.host = HOST;
            assert_eq!(open(&mut thief, "/").await.body, "welcome");
            shop.answer(&Method::POST, door, &sent, stolen().as_bytes());
            assert!(shop.answer(&Method::GET, account, &sent, b"").body() == SECRET, "it opens there");
            behind.bench.advance(62);
            if passes_by {
                // At the other host's front page, and in the folder of the same name at the first one.
                for (at, page) in [(host, "/"), (HOST, "/"), (HOST, "/b2b/")] {
                    thief.host = at;
                    open(&mut thief, page).await;
                }
            }
            thief.host = host;
            for _ in 0..3 {
                let shown = open(&mut thief, account).await;
                assert!(!shown.body.contains(SECRET), "{host}{door} {passes_by}: {shown:?}");
            }
            behind.bench.advance(4_000);
        }
    }
});

// Nobody could tell, at its own place; and elsewhere the shop said that nobody is in.
both_engines!(a_sign_in_that_nobody_can_tell_of_is_asked_about_where_it_was, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut thief = visitor(&behind).await;
    *shop.is_away.lock().unwrap() = Some(OTHER.to_owned());
    thief.host = OTHER;
    let told = thief.send("POST", "/login", &[PAGE, FORM, ("host", OTHER)], &stolen()).await;
    assert_eq!(told.status, 503, "{told:?}");
    thief.host = HOST;
    assert_eq!(open(&mut thief, "/").await.body, "welcome");
    *shop.is_away.lock().unwrap() = None;
    assert_eq!(open(&mut thief, "/").await.body, "welcome");
    thief.host = OTHER;
    for _ in 0..2 {
        assert!(!open(&mut thief, "/account").await.body.contains(SECRET));
    }
});

// Whoever stopped a page goes on, is asked about once, and pages that they stop meanwhile count for nothing.
both_engines!(whoever_stopped_an_act_goes_on, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut honest = visitor(&behind).await;
    hang_up(&mut honest, "/login").await;
    for n in 0..20 {
        let page = format!("/shelf-{n}/");
        drop(honest.begin("GET", &page, &[PAGE], "").await);
    }
    assert_eq!(open(&mut honest, "/").await.body, "welcome");
    behind.bench.advance(62);
    assert_eq!(open(&mut honest, "/").await.body, "welcome");
    let asked = shop.questions();
    for _ in 0..3 {
        assert_eq!(open(&mut honest, "/").await.body, "welcome");
    }
    assert_eq!(shop.questions(), asked);
});

// Within the minute only answers were held: what was sent was done, by whoever the shop had signed in meanwhile.
both_engines!(within_the_minute_nothing_is_done_by_whom_the_shop_signed_in, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut thief = visitor(&behind).await;
    let sent = hang_up(&mut thief, "/login").await;
    assert_eq!(open(&mut thief, "/").await.body, "welcome", "asked too early");
    shop.answer(&Method::POST, "/login", &sent, stolen().as_bytes());
    behind.bench.advance(12);
    shop.asked.lock().unwrap().clear();
    for (method, page) in [("POST", "/account/email"), ("GET", "/cart/add"), ("GET", "/account")] {
        thief.send(method, page, &[PAGE, FORM, ("host", HOST)], "email=x").await;
    }
    let asked = shop.asked.lock().unwrap().clone();
    assert!(asked.iter().any(|line| line.ends_with("/me")), "{asked:?}");
    assert!(asked.iter().all(|line| line.ends_with("/me") || line.ends_with("/logout")), "{asked:?}");
});

// A link that signs people in by words that no file knows: nobody waited for its answer, so nobody looked whether it did.
both_engines!(a_link_that_signs_in_and_that_nobody_waited_for_is_asked_about, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut thief = visitor(&behind).await;
    let link =
        "/quick?mail=ella@people.example&pw=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let begun = thief.begin("GET", link, &[PAGE, ("host", HOST)], "").await;
    let sent = begun.unwrap_or_else(|answer| panic!("{answer:?}")).hung_up();
    shop.answer(&Method::POST, "/login", &sent, stolen().as_bytes());
    assert!(shop.answer(&Method::GET, "/account", &sent, b"").body() == SECRET, "it opens there");
    for _ in 0..2 {
        assert!(!open(&mut thief, "/account").await.body.contains(SECRET));
    }
});

// What was under way when the program ended was written down nowhere, and whoever was in by an account of their own was known still.
both_engines!(a_program_that_ended_beside_a_sign_in_asks_again, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut thief = behind.browser();
    thief.get("/").await;
    let own = [("user", "mallory"), ("password", "another password")];
    thief.post("/login.php", &own).await.leads_to("/.storeward/challenge");
    thief.show_code("").await;
    assert!(thief.get("/account").await.body.contains("of 7"), "in by an account of their own");
    let begun = thief.begin("POST", "/login.php", &[PAGE, FORM], "user=ella&password=not+yet").await;
    let sent = begun.unwrap_or_else(|answer| panic!("{answer:?}")).killed();
    behind.shop.answer(&Method::POST, "/login.php", &sent, stolen().as_bytes());
    let opened = behind.shop.answer(&Method::GET, "/account", &sent, b"");
    assert!(opened.body() == SECRET, "it opens there");
    let again = behind.restarted();
    thief.shield = &again;
    for _ in 0..3 {
        assert!(!thief.sees_account().await);
    }
});

// A session in which much was stopped is asked about each time: it was led to itself for ever, and could not even sign out.
both_engines!(a_session_in_which_much_was_stopped_goes_on, MIGRATIONS, async |db| {
    let (behind, shop) = fell(db);
    let mut honest = visitor(&behind).await;
    for n in 0..12 {
        let page = format!("/shelf-{n}/add");
        let begun = honest.begin("POST", &page, &[PAGE, FORM, ("host", HOST)], "count=1").await;
        begun.unwrap_or_else(|answer| panic!("{answer:?}")).hung_up();
        // Nothing is changed right behind one.
        let barred = honest.send("POST", "/cart", &[PAGE, FORM, ("host", HOST)], "count=1").await;
        assert_eq!(barred.status, 503, "{barred:?}");
        behind.bench.advance(11);
    }
    behind.bench.advance(62);
    for _ in 0..3 {
        let asked = shop.questions();
        assert_eq!(open(&mut honest, "/").await.body, "welcome");
        assert!(shop.questions() > asked, "it is asked about");
        let done = honest.send("POST", "/cart", &[PAGE, FORM, ("host", HOST)], "count=1").await;
        assert_eq!(done.status, 200, "{done:?}");
    }
});
