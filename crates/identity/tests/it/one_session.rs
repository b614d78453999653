//! `when_unclear = "open"`: what the shop does not say of one session, and says of others, may be brought about by whoever is in it. They may
//! have no more than a stolen password, and walk in by it nowhere.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use storeward_adapter::Adapter;
use storeward_base::Secret;
use storeward_host::{AskShop, Asking, NoAnswer, Question};
use storeward_identity::{
    CanaryAccount, MIGRATIONS, Policy, SecondFactor, Shield, ShieldFault, ShieldParts, ShieldSection,
    WhenUnclear,
};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, Method, Response, StatusCode};

use super::behind::{ADDRESS, Behind, Elevation, SECRET, SHOP_PASSWORD, Shop, Visitor};
use super::bench::{Answer, Bench};
use super::class::{Serves, led, say};

const FILE: &str = r#"
format = 1
name = "fen"
title = "fen"
unnamed_acts = "free"
[cookies]
session = ["sid"]
[signed_in.probe]
path = "/me"
subject = { between = ["Signed in as <b>", "</b>"] }
[[signed_in.address]]
path = "/own"
email = { between = ["Mail: ", "!"] }
[[door]]
name = "sign-in"
kind = "sign-in"
paths = ["/login"]
user = ["user"]
password = ["password"]
[sign_out]
method = "GET"
path = "/logout"
[[sensitive]]
methods = ["GET"]
path = "/export"
"#;
const OFFICE: &str = "[staff]\npaths = [\"/office\"]\n[staff.probe]\npath = \"/office\"\ncustomer = [403]\n";
const TOKEN: &str = r#"
[[door]]
name = "token"
kind = "sign-in"
paths = ["/token"]
body = "json"
user = ["/user"]
password = ["/password"]
token = ["/token"]
[door.bearer]
path = "/whose"
subject = { json = "/id" }
"#;
const IDA: &str = "ida";

/// What the page is at that says who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    /// It fails for everybody, and so does the back office.
    Everybody,
    /// A new theme: visitors are led as before, and whoever is in is told so in other words.
    NewTheme,
    /// Something before it refuses whoever asks in nobody's words.
    RefusesNobody,
}

#[derive(Clone, Default)]
struct Session {
    who: Option<&'static str>,
    /// Something is set in it that the page cannot do with.
    is_odd: bool,
}

struct Fen {
    trouble: Mutex<Trouble>,
    sessions: Mutex<HashMap<String, Session>>,
    made: AtomicUsize,
}

fn line<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).map_or("", |line| line.to_str().unwrap())
}

impl Fen {
    fn new(trouble: Trouble) -> Arc<Self> {
        Arc::new(Fen { trouble: Mutex::new(trouble), sessions: Mutex::default(), made: AtomicUsize::new(0) })
    }

    fn is_in(&self, trouble: Trouble) {
        *self.trouble.lock().unwrap() = trouble;
    }

    fn me(&self, headers: &HeaderMap, session: &Session) -> Response<Bytes> {
        let words = line(headers, "user-agent");
        match *self.trouble.lock().unwrap() {
            Trouble::Everybody => return say(500, "sorry"),
            Trouble::NewTheme if session.who.is_some() => return say(200, "<p>Hello again"),
            Trouble::RefusesNobody if words.contains("Storeward") => return say(403, "<p>no robots"),
            Trouble::None | Trouble::NewTheme | Trouble::RefusesNobody => {}
        }
        match (words, line(headers, "accept-language"), session.who) {
            ("crash", ..) => say(500, "sorry"),
            ("phone", ..) => say(200, "<p>for phones"),
            (_, "xx", _) => say(200, "<p>Zzz zz zz"),
            _ if session.is_odd => say(500, "sorry"),
            (.., Some(who)) => say(200, &format!("Signed in as <b>{who}</b>")),
            (.., None) => led("/login?next=/me"),
        }
    }

    fn open(&self, session: Session) -> String {
        let sid = format!("shop-session-{}", self.made.fetch_add(1, Ordering::SeqCst));
        self.sessions.lock().unwrap().insert(sid.clone(), session);
        format!("sid={sid}; Path=/; HttpOnly")
    }

    fn sign_in(&self, sid: &str, body: &str) -> Response<Bytes> {
        if !body.replace('+', "%20").contains(&format!("password={}", SHOP_PASSWORD.replace(' ', "%20"))) {
            return say(200, "wrong");
        }
        let before = self.sessions.lock().unwrap().remove(sid).unwrap_or_default();
        let who = if body.contains("user=ida") { IDA } else { "ella" };
        let mut answer = led("/account");
        *answer.status_mut() = StatusCode::SEE_OTHER;
        let line = self.open(Session { who: Some(who), ..before });
        answer.headers_mut().append("set-cookie", line.parse().unwrap());
        answer
    }
}

impl Serves for Fen {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let cookies = line(headers, "cookie").to_owned();
        let pair =
            |name: &str| cookies.split("; ").find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let sid = pair("sid").unwrap_or_default();
        let session = self.sessions.lock().unwrap().get(sid).cloned().unwrap_or_default();
        let stays = pair("remember").map(|_| "ella");
        let by_line = line(headers, "authorization").strip_prefix("Basic ").map(|_| "ella");
        let session = Session { who: session.who.or(stays), ..session };
        let words = line(headers, "user-agent");
        let body = String::from_utf8_lossy(body).into_owned();
        // Its front page stands before each of its pages, whatever folder is called.
        let page = target.strip_prefix("/broken").unwrap_or(target);
        let is_broken = page != target;
        match (method.as_str(), page) {
            ("GET", "/me") if is_broken => say(500, "no such world"),
            ("GET", "/me") => self.me(headers, &session),
            ("GET", "/own") if words == "no address" => say(500, "sorry"),
            ("GET", "/own") => say(200, &session.who.map_or_else(String::new, mail_of)),
            ("GET", "/office")
                if words == "no office" || *self.trouble.lock().unwrap() == Trouble::Everybody =>
            {
                say(500, "sorry")
            }
            ("GET", "/office") if session.who.is_some() => say(403, "<p>for staff"),
            ("GET", "/office") => led("/login?next=/office"),
            ("GET", "/logout") => {
                self.sessions.lock().unwrap().remove(sid);
                led("/")
            }
            ("POST", "/login") => self.sign_in(sid, &body),
            ("POST", "/token") => say(200, r#"{"token":"a-token-of-ella-0123456789"}"#),
            ("GET", "/whose") if line(headers, "authorization").starts_with("Bearer a-token-of") => {
                say(200, r#"{"id":"ella"}"#)
            }
            ("GET", "/whose") => say(401, "{}"),
            ("GET", "/login") => {
                say(200, "<form method=post><input name=user><input type=password name=password></form>")
            }
            ("POST", "/odd") => {
                let mut sessions = self.sessions.lock().unwrap();
                sessions.entry(sid.to_owned()).or_default().is_odd = true;
                say(200, "as you like")
            }
            (_, "/account" | "/account/email" | "/export") if session.who.or(by_line) == Some("ella") => {
                say(200, SECRET)
            }
            _ if sid.is_empty() => {
                let mut answer = say(200, "welcome");
                answer.headers_mut().append("set-cookie", self.open(Session::default()).parse().unwrap());
                answer
            }
            _ => say(200, "welcome"),
        }
    }
}

fn mail_of(who: &str) -> String {
    let address = if who == IDA { "ida@people.example" } else { ADDRESS };
    format!("Mail: {address}!")
}

const TURNED_AWAY: &str = "192.0.2.66";

impl AskShop for Fen {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let is_turned_away = question.client.get().to_string() == TURNED_AWAY;
            let (head, body) = question.request.into_parts();
            let target = head.uri.path_and_query().ok_or(NoAnswer("test"))?.to_string();
            if target == "/me" && line(&head.headers, "user-agent") == "slow" {
                return Err(NoAnswer("test"));
            }
            if target == "/me" && is_turned_away {
                return Ok(say(429, "later"));
            }
            Ok(self.answer(&head.method, &target, &head.headers, &body))
        })
    }
}

fn open() -> ShieldSection {
    ShieldSection {
        when_unclear: WhenUnclear::Open,
        customers_when_broken: WhenUnclear::Open,
        ..Default::default()
    }
}

fn fen(db: TestDb, shop: &Arc<Fen>, file: &str) -> Behind {
    let bench = Bench::with_policy(db, Policy { customers: SecondFactor::Required, ..Policy::default() });
    let shield = Shield::new(ShieldParts {
        identity: bench.identity.clone(),
        adapter: Some(Adapter::parse(file).unwrap()),
        section: open(),
        shop: shop.clone(),
        canary: Some(CanaryAccount {
            user: Secret::new(IDA.to_owned()),
            password: Secret::new(SHOP_PASSWORD.to_owned()),
            every: std::time::Duration::from_secs(900),
        }),
    });
    Behind { bench, shop: Shop::new(Elevation::Fresh, "sid"), other: Some(shop.clone()), shield }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const PAGE: (&str, &str) = ("accept", "text/html");

async fn sign_in(who: &mut Visitor<'_>, target: &str, words: &[(&str, &str)], user: &str) -> Answer {
    let body = format!("user={user}&password={}", SHOP_PASSWORD.replace(' ', "+"));
    who.send("POST", target, &[&[PAGE, FORM], words].concat(), &body).await
}

async fn sees_nothing(thief: &mut Visitor<'_>, words: &[(&str, &str)], how: &str) {
    for page in ["/account", "/broken/account", "/", "/account"] {
        let shown = thief.send("GET", page, &[&[PAGE], words].concat(), "").await;
        assert!(!shown.body.contains(SECRET), "{how}: {page}: {shown:?}");
    }
    let done = thief.send("POST", "/account/email", &[&[PAGE, FORM], words].concat(), "email=x").await;
    assert!(!done.body.contains(SECRET), "{how}: {done:?}");
}

type Words = &'static [(&'static str, &'static str)];

// Whoever had stolen a password sent it with words at which the shop's page failed, and was let through as the owner chose for outages.
both_engines!(what_is_unclear_in_one_session_opens_nothing, MIGRATIONS, async |db| {
    let shop = Fen::new(Trouble::None);
    let behind = fen(db, &shop, FILE);
    let ways: [(&str, &str, Words); 8] = [
        ("it fails", "/login", &[("user-agent", "crash")]),
        ("for phones", "/login", &[("user-agent", "phone")]),
        ("slow", "/login", &[("user-agent", "slow")]),
        ("a language", "/login", &[("accept-language", "xx")]),
        ("the session", "/login", &[]),
        ("a folder", "/broken/login", &[]),
        ("the network", "/login", &[]),
        ("both", "/broken/login", &[("user-agent", "crash")]),
    ];
    for (how, target, words) in ways {
        behind.bench.advance(2_000);
        let mut thief = behind.browser();
        for _ in 0..2 {
            thief.get("/").await;
        }
        if how == "the network" {
            thief.browser.address = TURNED_AWAY.parse().unwrap();
        }
        if how == "the session" {
            thief.send("POST", "/odd", &[&[PAGE, FORM], words].concat(), "x=1").await;
        }
        // Nobody was answered for a while, so it is asked in nobody's words.
        behind.bench.advance(100);
        let told = sign_in(&mut thief, target, words, "ella").await;
        assert_eq!(told.status, 503, "{how}: {told:?}");
        sees_nothing(&mut thief, words, how).await;
        // Nor later, when others have been answered.
        let mut honest = behind.browser();
        honest.get("/").await;
        sign_in(&mut honest, "/login", &[], "ella").await.leads_to("/.storeward/challenge");
        sees_nothing(&mut thief, words, how).await;
        honest.show_code("no").await;
        assert!(honest.sees_account().await, "{how}");
    }
});

both_engines!(who_is_let_through_is_so_where_the_shop_says_it_of_nobody, MIGRATIONS, async |db| {
    let shop = Fen::new(Trouble::Everybody);
    let behind = fen(db, &shop, FILE);
    let mut ella = behind.browser();
    ella.get("/").await;
    sign_in(&mut ella, "/login", &[], "ella").await.leads_to("/account");
    assert!(ella.sees_account().await, "as the owner chose");
    shop.is_in(Trouble::None);
    ella.get("/account").await.leads_to("/.storeward/challenge");
    // A machine that is busy for a moment opens nothing: somebody was answered just now.
    behind.bench.advance(2_000);
    let mut ella = behind.browser();
    ella.get("/").await;
    ella.get("/").await;
    shop.is_in(Trouble::Everybody);
    assert_eq!(sign_in(&mut ella, "/login", &[], "ella").await.status, 503);
    assert!(!ella.sees_account().await);
    behind.bench.advance(61);
    assert!(ella.sees_account().await, "it lasts");
});

// A guard that refuses whoever asks without a browser's words would have made every thief's own trouble everybody's.
both_engines!(that_nobody_is_refused_says_nothing, MIGRATIONS, async |db| {
    let shop = Fen::new(Trouble::RefusesNobody);
    let behind = fen(db, &shop, FILE);
    let words = [("user-agent", "crash")];
    let mut thief = behind.browser();
    thief.send("GET", "/", &[PAGE, words[0]], "").await;
    assert_eq!(sign_in(&mut thief, "/login", &words, "ella").await.status, 503);
    sees_nothing(&mut thief, &words, "refused").await;
});

both_engines!(what_the_test_account_finds_unclear_is_so_for_everybody, MIGRATIONS, async |db| {
    let shop = Fen::new(Trouble::NewTheme);
    let behind = fen(db, &shop, FILE);
    let mut ella = behind.browser();
    ella.get("/").await;
    assert_eq!(sign_in(&mut ella, "/login", &[], "ella").await.status, 503, "visitors are answered");
    assert_eq!(behind.shield.try_canary().await.unwrap(), Some(ShieldFault::Unclear));
    assert!(ella.sees_account().await);
    shop.is_in(Trouble::None);
    assert_eq!(behind.shield.try_canary().await.unwrap(), None);
    let words = [("user-agent", "crash")];
    let mut thief = behind.browser();
    thief.get("/").await;
    assert_eq!(sign_in(&mut thief, "/login", &words, "ella").await.status, 503);
    shop.is_in(Trouble::Everybody);
    sees_nothing(&mut thief, &words, "the test account was answered just now").await;
});

// Whoever makes the page fail that shows the address on file has nothing to show, and was let in for that.
both_engines!(an_address_that_others_have_is_no_reason_to_let_anybody_in, MIGRATIONS, async |db| {
    let shop = Fen::new(Trouble::None);
    let behind = fen(db, &shop, FILE);
    let words = [("user-agent", "no address")];
    // The shop has told nobody's: then it may be that it tells none.
    let mut first = behind.browser();
    first.get("/").await;
    sign_in(&mut first, "/login", &words, IDA).await.leads_to("/account");
    let mut other = behind.browser();
    other.get("/").await;
    sign_in(&mut other, "/login", &[], IDA).await.leads_to("/.storeward/challenge");
    let mut thief = behind.browser();
    thief.get("/").await;
    let told = sign_in(&mut thief, "/login", &words, "ella").await;
    assert_eq!(told.status, 403, "{told:?}");
    sees_nothing(&mut thief, &words, "no address").await;
    behind.bench.advance(2_000);
    let mut owner = behind.browser();
    owner.get("/").await;
    sign_in(&mut owner, "/login", &[], "ella").await.leads_to("/.storeward/challenge");
});

both_engines!(whoever_may_be_staff_is_not_let_through, MIGRATIONS, async |db| {
    let shop = Fen::new(Trouble::None);
    let behind = fen(db, &shop, &format!("{FILE}{OFFICE}"));
    let words = [("user-agent", "no office")];
    let mut thief = behind.browser();
    thief.get("/").await;
    assert_eq!(sign_in(&mut thief, "/login", &words, "ella").await.status, 503);
    sees_nothing(&mut thief, &words, "no office").await;
});

// "Stay signed in", by a cookie that the file does not know, and an act by an `Authorization` line.
both_engines!(nor_by_what_came_along, MIGRATIONS, async |db| {
    let shop = Fen::new(Trouble::None);
    let behind = fen(db, &shop, FILE);
    let words = [("user-agent", "crash")];
    let mut thief = behind.browser();
    thief.browser.cookies = vec![("remember".to_owned(), "a1b2".to_owned())];
    let done = thief.send("POST", "/account/email", &[PAGE, FORM, words[0]], "email=x").await;
    assert!(!done.body.contains(SECRET), "{done:?}");
    let mut thief = behind.browser();
    thief.get("/").await;
    let lines = [PAGE, words[0], ("authorization", "Basic ZWxsYTp4")];
    for _ in 0..2 {
        let shown = thief.send("GET", "/export", &lines, "").await;
        assert!(!shown.body.contains(SECRET), "{shown:?}");
    }
});

// A token that is out is past the shield.
both_engines!(no_token_is_let_through, MIGRATIONS, async |db| {
    let shop = Fen::new(Trouble::Everybody);
    let behind = fen(db, &shop, &format!("{FILE}{TOKEN}{OFFICE}"));
    let mut thief = behind.browser();
    let json = ("content-type", "application/json");
    let body = format!(r#"{{"user":"ella","password":"{SHOP_PASSWORD}"}}"#);
    let told = thief.send("POST", "/token", &[json, ("accept", "application/json")], &body).await;
    assert_eq!(told.status, 503, "{told:?}");
    assert!(!told.body.contains("a-token-of"), "{told:?}");
});
