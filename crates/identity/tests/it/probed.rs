//! The page by which the shop says who is signed in lies elsewhere than the adapter's file says, or speaks another language: then nobody
//! has said that nobody is signed in.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use storeward_host::{AskShop, Asking, NoAnswer, Question};
use storeward_identity::{MIGRATIONS, Policy, SecondFactor};
use storeward_passwords::breach::{Breaches, Fetch, Ranges, Service};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, HeaderValue, Method, Response};

use super::behind::{ADDRESS, Behind, SECRET, SHOP_PASSWORD, Visitor};
use super::bench::{Bench, HOST, Options};
use super::class::{Serves, led, say};

const FILE: &str = r#"
format = 1
name = "moor"
title = "moor"
[cookies]
session = ["sid"]
[signed_in.probe]
path = "/me"
contains = "Signed in as <b>"
subject = { between = ["Signed in as <b>", "</b>"] }
email = { between = ["Signed in as <b>", "</b>"] }
[[door]]
name = "sign-in"
kind = "sign-in"
paths = ["/{language}/login"]
user = ["user"]
password = ["password"]
[sign_out]
path = "/logout"
"#;
const OTHER_NAME: &str = "www.shop.example";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    /// Below a language (Django's `i18n_patterns`).
    Language,
    /// Every page is led to the shop's one name, and forms are taken at each (Magento).
    OneName,
    /// An update has moved it.
    Gone,
    /// Somebody brought it about that this client is refused.
    Refused,
    /// Led to the front page.
    Front,
    /// At a name that is not the shop's.
    Foreign,
    /// In circles.
    Round,
    /// In the language that the browser asks for.
    Words,
    /// Led there, in these words.
    Led(&'static str),
    /// A guard before the shop refuses it, in JSON.
    Guarded,
}

struct Moor {
    is_at: Where,
    sessions: Mutex<HashSet<String>>,
}

impl Moor {
    fn me(&self, target: &str, headers: &HeaderMap, is_in: bool) -> Response<Bytes> {
        let host = headers.get("host").map_or(HOST, |line| line.to_str().unwrap());
        let is_german = headers.get("accept-language").is_some_and(|line| line == "de");
        match self.is_at {
            Where::Language if target == "/me" => return led("/en-gb/me"),
            Where::OneName if host != HOST => return led(&format!("https://{HOST}{target}")),
            Where::Gone => return say(404, "<p>Nothing here"),
            Where::Refused => return say(403, "<p>Too many"),
            Where::Front => return led("/"),
            Where::Foreign => return led("https://elsewhere.example/me"),
            Where::Round => return led("/me"),
            Where::Led(to) if target == "/me" => return led(to),
            Where::Guarded => return say(403, r#"{"error":"blocked","ray":"8f2a"}"#),
            Where::Language | Where::OneName | Where::Words | Where::Led(_) => {}
        }
        match (is_in, is_german && self.is_at == Where::Words) {
            (false, _) => led("/en-gb/login?next=/me"),
            (true, true) => say(200, &format!("Angemeldet als <b>{ADDRESS}</b>")),
            (true, false) => say(200, &format!("Signed in as <b>{ADDRESS}</b>")),
        }
    }
}

impl Serves for Moor {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let line = headers.get("cookie").map_or("", |line| line.to_str().unwrap()).to_owned();
        let sid = line.split("; ").find_map(|pair| pair.strip_prefix("sid=")).unwrap_or_default();
        let is_in = self.sessions.lock().unwrap().contains(sid);
        let body = String::from_utf8_lossy(body).into_owned();
        match (method.as_str(), target) {
            ("POST", "/login")
                if body.contains("password=grey+slate") || body.contains("password=grey%20slate") =>
            {
                let mut sessions = self.sessions.lock().unwrap();
                let sid = format!("shop-session-{}", sessions.len() + 1);
                let mut answer = led("/account");
                answer
                    .headers_mut()
                    .append("set-cookie", format!("sid={sid}; Path=/; HttpOnly").parse().unwrap());
                sessions.insert(sid);
                answer
            }
            ("POST", "/login") => {
                let mut answer = say(200, "wrong");
                answer
                    .headers_mut()
                    .append("set-cookie", "sid=shop-session-nobodys; Path=/; HttpOnly".parse().unwrap());
                answer
            }
            ("GET", "/me" | "/en-gb/me") => self.me(target, headers, is_in),
            // Another shop's, which is led beside it: that is no sign-in of this one.
            ("GET", "/shop-b/me") => led("login"),
            ("GET", "/office") if self.is_at == Where::Language => led("/en-gb/office"),
            ("GET", "/en-gb/office") if is_in => say(403, "<p>for staff"),
            ("GET", "/en-gb/office") => led("/en-gb/login?next=/office"),
            ("GET", "/account") if is_in => say(200, SECRET),
            ("POST", "/account/email") if is_in => say(200, SECRET),
            _ => say(200, "welcome"),
        }
    }
}

impl AskShop for Moor {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (head, body) = question.request.into_parts();
            let target = head.uri.path_and_query().ok_or(NoAnswer("test"))?.to_string();
            Ok(self.answer(&head.method, &target, &head.headers, &body))
        })
    }
}

// Every customer of a shop whose back office lies below a language counted as staff.
both_engines!(who_is_staff_is_asked_where_the_shop_leads_too, MIGRATIONS, async |db| {
    let file = format!(
        "{FILE}[staff]\npaths = [\"/{{language}}/office\"]\n[staff.probe]\npath = \"/office\"\ncustomer = [403]\n"
    );
    let policy = Policy { customers: SecondFactor::Off, ..Policy::default() };
    let shop = Arc::new(Moor { is_at: Where::Language, sessions: Mutex::default() });
    let behind = Behind::taught(Bench::with_policy(db, policy), shop, &file);
    let mut ella = behind.browser();
    let told = steal(&mut ella, HOST, "en").await;
    assert_eq!(
        (told.status.as_u16(), &told.headers["location"]),
        (302, &HeaderValue::from_static("/account"))
    );
    assert!(ella.sees_account().await);
});

/// A service of breached passwords that knows others only.
struct Others;

impl Fetch for Others {
    fn fetch(&self, _: String) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>> {
        Box::pin(std::future::ready(Some(b"0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n".to_vec())))
    }

    fn changed(&self, _: Service) {}
}

// It was asked about every guess, and strangers' guesses could take its places when the owner came.
both_engines!(a_service_is_asked_of_no_password_that_the_shop_did_not_take, MIGRATIONS, async |db| {
    let ranges = Arc::new(Ranges::new(Others));
    let breaches = Breaches::new(None, Some(Arc::clone(&ranges)));
    let policy = Policy { customers: SecondFactor::Required, ..Policy::default() };
    let bench = Bench::with_options(db, Options { policy, breaches, ..Options::default() });
    let shop = Arc::new(Moor { is_at: Where::Words, sessions: Mutex::default() });
    let behind = Behind::taught(bench, shop, FILE);
    let asked = || (ranges.stats().never, ranges.stats().seen, ranges.stats().unknown);
    let mut ella = behind.browser();
    let wrong = ella.post("/login", &[("user", "ella"), ("password", "brown")]).await;
    assert_eq!((wrong.body.as_str(), asked()), ("wrong", (0, 0, 0)));
    steal(&mut ella, HOST, "en").await.leads_to("/.storeward/challenge");
    assert_eq!(asked(), (1, 0, 0));
});

fn moor(db: TestDb, is_at: Where) -> Behind {
    let policy = Policy { customers: SecondFactor::Required, ..Policy::default() };
    let shop = Arc::new(Moor { is_at, sessions: Mutex::default() });
    Behind::taught(Bench::with_policy(db, policy), shop, FILE)
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// The password, from a browser of that language that types this name of the shop.
async fn steal(thief: &mut Visitor<'_>, host: &'static str, language: &str) -> super::bench::Answer {
    thief.host = host;
    let body = format!("user=ella&password={}", SHOP_PASSWORD.replace(' ', "+"));
    let lines = [("accept", "text/html"), ("accept-language", language), FORM];
    thief.send("POST", "/login", &lines, &body).await
}

both_engines!(
    a_stolen_password_alone_opens_nothing_wherever_the_shop_says_who_is_in,
    MIGRATIONS,
    async |db| {
        let all = [
            Where::Language,
            Where::OneName,
            Where::Gone,
            Where::Refused,
            Where::Front,
            Where::Foreign,
            Where::Round,
            Where::Words,
            Where::Guarded,
            Where::Led("en-gb/me"),
            Where::Led("/shop-b/me"),
            Where::Led("//elsewhere.example/me"),
            Where::Led("https://shop.example@elsewhere.example/en-gb/me"),
            Where::Led("/\\elsewhere.example/me"),
            Where::Led("https:/en-gb/me"),
            Where::Led("javascript:/me"),
        ];
        let in_json = FILE.replace("contains = \"Signed in as <b>\"\n", "");
        let between = "{ between = [\"Signed in as <b>\", \"</b>\"] }";
        let in_json = in_json.replace(between, "{ json = \"/email\" }");
        assert!(in_json.contains("subject = { json") && !in_json.contains("Signed in"));
        let mut behind = moor(db, all[0]);
        for is_at in all {
            let shop = Arc::new(Moor { is_at, sessions: Mutex::default() });
            let file = if is_at == Where::Guarded { &in_json } else { FILE };
            behind = Behind::taught(behind.bench, shop, file);
            for (host, language) in [(HOST, "en"), (OTHER_NAME, "en"), (HOST, "de"), (OTHER_NAME, "de")] {
                // So that each is looked at, and none told to come later.
                behind.bench.advance(2_000);
                let mut thief = behind.browser();
                let told = steal(&mut thief, host, language).await;
                assert_ne!(told.status, 429, "{is_at:?}");
                assert_ne!(told.status, 200, "{is_at:?} {host} {language}: {told:?}");
                assert!(
                    told.headers.get("location").is_none_or(|to| to != "/account"),
                    "{is_at:?} {host} {language}"
                );
                for name in [HOST, OTHER_NAME] {
                    thief.host = name;
                    let own = thief.get("/account").await;
                    assert!(!own.body.contains(SECRET), "{is_at:?} {host} {language}: {own:?}");
                    let act =
                        thief.send("POST", "/account/email", &[FORM], "email=thief%40evil.example").await;
                    assert!(!act.body.contains(SECRET), "{is_at:?} {host} {language}: {act:?}");
                }
            }
        }
    }
);

both_engines!(who_is_in_is_asked_where_the_shop_leads_and_a_code_opens, MIGRATIONS, async |db| {
    let mut behind = moor(db, Where::Language);
    for (is_at, host) in [
        (Where::Language, HOST),
        (Where::OneName, OTHER_NAME),
        (Where::Words, HOST),
        (Where::Led("en-gb/me"), HOST),
        (Where::Led("./x/../en-gb/me#top"), OTHER_NAME),
        (Where::Led("//shop.example:443/en-gb/me"), HOST),
        (Where::Led("\\en-gb\\me"), HOST),
    ] {
        let shop = Arc::new(Moor { is_at, sessions: Mutex::default() });
        behind = Behind::taught(behind.bench, shop, FILE);
        let mut ella = behind.browser();
        ella.host = host;
        // A visitor stays one: the shop leads them to its sign-in.
        let wrong = ella.post("/login", &[("user", "ella"), ("password", "brown")]).await;
        assert_eq!((wrong.status.as_u16(), wrong.body.as_str()), (200, "wrong"), "{is_at:?}");
        steal(&mut ella, host, "en").await.leads_to("/.storeward/challenge");
        ella.show_code("no").await;
        assert!(ella.sees_account().await, "{is_at:?}");
    }
});

// They were bare pages in English.
both_engines!(a_refusal_is_a_page_in_the_shops_looks_and_the_visitors_language, MIGRATIONS, async |db| {
    let behind = moor(db, Where::Gone);
    for (language, later, other) in [
        ("en", "cannot sign you in at the moment", "The request does not fit."),
        ("de-AT,en;q=0.5", "kann Sie im Augenblick nicht anmelden", "Die Anfrage passt nicht."),
        ("fr", "ne peut pas vous connecter", "La demande ne convient pas."),
        ("es", "no puede iniciar su sesión", "La petición no encaja."),
    ] {
        let mut ella = behind.browser();
        let unclear = steal(&mut ella, HOST, language).await;
        let lines = [("accept", "text/html"), ("accept-language", language)];
        let with_body = ella.send("GET", "/account", &lines, "x=1").await;
        for (told, status, code, words) in
            [(&unclear, 503, "identity.unclear", later), (&with_body, 400, "identity.body_unexpected", other)]
        {
            assert_eq!(told.status, status, "{language}: {}", told.body);
            assert_eq!(told.headers["content-type"], "text/html; charset=utf-8");
            let tag = format!("<html lang=\"{}\"", &language[..2]);
            let parts = [
                words,
                code,
                &tag,
                "/.storeward/assets/identity.css",
                "<a class=\"button second\" href=\"/\"",
            ];
            for part in parts {
                assert!(told.body.contains(part), "{language}: no {part} in {}", told.body);
            }
            let policy = told.headers["content-security-policy"].to_str().unwrap();
            assert!(policy.contains("default-src 'none'") && policy.contains("style-src"), "{policy}");
            assert_eq!(told.headers["cache-control"], "private, no-store");
        }
        assert_eq!(unclear.headers["retry-after"], "30");
        // Programs are told as before.
        let lines = [("accept", "application/json"), ("accept-language", language)];
        let told = ella.send("GET", "/account", &lines, "x=1").await;
        assert_eq!(told.headers["content-type"], "application/problem+json");
        assert!(told.body.contains("\"title\":\"A request by this method has no body\""), "{}", told.body);
    }
});
