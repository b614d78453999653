//! A shop in two languages, whose sign-in was learnt in one of them.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use storeward_base::{Secret, StaffId};
use storeward_host::{AskShop, Asking, NoAnswer, Question};
use storeward_identity::teach::{Chosen, Saved, Tried};
use storeward_identity::{MIGRATIONS, Policy, SecondFactor};
use storeward_store::both_engines;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::behind::{Behind, SECRET};
use super::bench::Bench;
use super::class::{Class, Serves, led};

const ADA: StaffId = StaffId::from_bits(1);
const MIRA: &str = "mira@people.example";
const PASSWORD: &str = "grey slate roof";

#[derive(Default)]
struct Weir {
    sessions: Mutex<HashMap<String, bool>>,
    made: AtomicUsize,
    tries: AtomicUsize,
}

fn say(status: u16, body: &str) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body.to_owned()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer.headers_mut().insert("content-type", HeaderValue::from_static("text/html; charset=utf-8"));
    answer
}

impl Weir {
    fn enter(&self, body: &str, (user, password): (&str, &str), to: [&str; 2]) -> Response<Bytes> {
        self.tries.fetch_add(1, Ordering::SeqCst);
        let fields = storeward_base::percent_decode(body.as_bytes(), b' ');
        let fields = String::from_utf8(fields).unwrap();
        let has = |name: &str, value: &str| fields.split('&').any(|pair| pair == format!("{name}={value}"));
        let is_right = has(user, MIRA) && has(password, PASSWORD);
        if !is_right {
            return led(to[0]);
        }
        let sid = format!("shop-session-{}", self.made.fetch_add(1, Ordering::SeqCst));
        let mut answer = led(to[1]);
        answer.headers_mut().append("set-cookie", format!("visit={sid}; HttpOnly; Path=/").parse().unwrap());
        self.sessions.lock().unwrap().insert(sid, true);
        answer
    }
}

impl Serves for Weir {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let cookies = headers.get("cookie").map_or("", |line| line.to_str().unwrap());
        let sid = cookies.split("; ").find_map(|pair| pair.strip_prefix("visit=")).unwrap_or_default();
        let is_in = self.sessions.lock().unwrap().contains_key(sid);
        let body = String::from_utf8_lossy(body).into_owned();
        let own = |label: &str, out: &str| {
            say(200, &format!("<p>{SECRET} <a href={out}>x</a> <dl><dt>{label}</dt><dd>{MIRA}</dd></dl>"))
        };
        match (method.as_str(), target) {
            ("POST", "/en/entry") => self.enter(&body, ("who", "word"), ["/en/entry", "/en/own"]),
            ("POST", "/de/anmelden") => self.enter(&body, ("who", "word"), ["/de/anmelden", "/de/konto"]),
            // A plugin's, which calls its fields otherwise.
            ("POST", "/de/eingang") => self.enter(&body, ("konto", "kennwort"), ["/de/eingang", "/de/konto"]),
            ("GET", "/en/entry") => say(
                200,
                "<form method=post action=/en/entry><input type=email name=who><input type=password name=word></form>",
            ),
            ("GET", "/en/own") if is_in => own("Address", "/en/leave-logout"),
            ("GET", "/de/konto") if is_in => own("Adresse", "/de/logout"),
            ("GET", "/en/leave-logout") => {
                self.sessions.lock().unwrap().remove(sid);
                led("/")
            }
            ("GET", "/en/own") => led("/en/entry"),
            ("GET", "/de/konto") => led("/de/anmelden"),
            ("POST", "/de/touch") => say(200, "angefasst"),
            ("GET", "/") => say(200, "welcome"),
            _ => say(404, "nothing here"),
        }
    }
}

impl AskShop for Weir {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (head, body) = question.request.into_parts();
            let target = head.uri.path_and_query().ok_or(NoAnswer("test"))?.to_string();
            Ok(self.answer(&head.method, &target, &head.headers, &body))
        })
    }
}

/// Looks on while somebody signs in in English.
async fn lesson(class: &Class<Weir>) -> String {
    let secret = class.watched(ADA, MIRA).await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let typed = |password: &str| format!("who=mira%40people.example&word={}", password.replace(' ', "+"));
    class.pass(&secret, "GET", "/en/entry", "", "").await;
    class.pass(&secret, "POST", "/en/entry", "", &typed("wrong one")).await;
    class.pass(&secret, "GET", "/en/entry", "", "").await;
    let told = class.send(&secret, ("POST", "/en/entry"), &form, "", &typed(PASSWORD)).await.unwrap();
    let line = told.headers()["set-cookie"].to_str().unwrap().to_owned();
    let cookie = line.split(';').next().unwrap();
    class.pass(&secret, "GET", "/en/own", cookie, "").await;
    class.teach.compare(ADA).await;
    class.pass(&secret, "GET", "/en/leave-logout", cookie, "").await;
    class.pass(&secret, "GET", "/en/own", "", "").await;
    let tried = class.teach.try_it(ADA, &Chosen::default(), Secret::new(PASSWORD.to_owned())).await;
    assert!(
        matches!(tried, Tried::Works { .. }),
        "{tried:?} {:?}",
        class.teach.standing(ADA).unwrap().doubts()
    );
    assert_eq!(class.teach.save(ADA, "weir").await.unwrap(), Saved::Written);
    class.files.lock().unwrap()["weir.toml"].clone()
}

/// How many of twelve guesses, each from another network, the shop hears of.
async fn guesses(behind: &Behind, shop: &Weir, page: &str, (user, password): (&str, &str)) -> usize {
    behind.bench.advance(20_000);
    let before = shop.tries.load(Ordering::SeqCst);
    for n in 0..12 {
        let mut thief = behind.browser();
        thief.browser.address = format!("192.0.{n}.9").parse().unwrap();
        thief.post(page, &[(user, MIRA), (password, &format!("guess {n}"))]).await;
    }
    shop.tries.load(Ordering::SeqCst) - before
}

// Learnt in English, the file knows nothing of the German form.
both_engines!(what_was_learnt_in_one_language_guards_the_other_too, MIGRATIONS, async |db| {
    let policy = Policy { customers: SecondFactor::Required, ..Policy::default() };
    let class = Class::in_front_of(Bench::with_policy(db, policy), Weir::default());
    let file = lesson(&class).await;
    assert!(file.contains("/en/entry") && !file.contains("/de/"), "{file}");
    let shop = class.shop.clone();
    let mut behind = Behind::taught(class.bench, shop.clone(), &file);
    for (page, fields) in [("/de/anmelden", ("who", "word")), ("/de/eingang", ("konto", "kennwort"))] {
        behind.bench.advance(2_000);
        let mut thief = behind.browser();
        thief.get("/").await;
        thief.post(page, &[(fields.0, MIRA), (fields.1, PASSWORD)]).await.leads_to("/.storeward/challenge");
        for page in ["/de/konto", "/en/own"] {
            assert!(!thief.get(page).await.body.contains(SECRET), "{page}");
        }
        let mut mira = behind.browser();
        assert_eq!(mira.post("/de/touch", &[("x", "1")]).await.body, "angefasst", "a visitor is one");
        mira.post(page, &[(fields.0, MIRA), (fields.1, PASSWORD)]).await.leads_to("/.storeward/challenge");
        mira.show_code_for("no", "/de/konto").await;
        assert!(mira.get("/de/konto").await.body.contains(SECRET));
    }
    assert_eq!(guesses(&behind, &shop, "/de/anmelden", ("who", "word")).await, 5);
    // Fields of other names are seen by the answer alone: they are named by hand.
    assert_eq!(guesses(&behind, &shop, "/de/eingang", ("konto", "kennwort")).await, 12);
    let named = file
        .replace("paths = [\"/en/entry\"]", "paths = [\"/en/entry\", \"/de/eingang\"]")
        .replace("user = [\"who\"]", "user = [\"who\", \"konto\"]")
        .replace("password = [\"word\"]", "password = [\"word\", \"kennwort\"]");
    behind = Behind::taught(behind.bench, shop.clone(), &named);
    // Fewer than the first time: what was tried at the name before is not forgotten yet.
    assert!(guesses(&behind, &shop, "/de/eingang", ("konto", "kennwort")).await <= 5);
});
