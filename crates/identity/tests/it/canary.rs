//! The test account signs in where the shop has its form, and out where the shop has that.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use storeward_adapter::Adapter;
use storeward_base::Secret;
use storeward_host::{AskShop, Asking, NoAnswer, Question};
use storeward_identity::{
    CanaryAccount, MIGRATIONS, Policy, SecondFactor, Shield, ShieldFault, ShieldParts, ShieldSection,
};
use storeward_store::both_engines;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, Method, Response};

use super::behind::{ADDRESS, Behind, SHOP_PASSWORD, Visitor};
use super::bench::{Bench, HOST};
use super::class::{Serves, led, say};

const FILE: &str = r#"
format = 1
name = "moor"
title = "moor"
[cookies]
session = ["sid"]
[signed_in.probe]
path = "/index"
query = { page = "me" }
subject = { field = "email" }
email = { field = "email" }
visitor = { location = "back=me" }
[[door]]
name = "sign-in"
kind = "sign-in"
paths = ["/{language}/login"]
user = ["user"]
password = ["password"]
[sign_out]
method = "GET"
path = "/logout"
"#;

/// Where the sign-in lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lies {
    /// The page is led below a language (Django's `i18n_patterns`), and so is the sign-out.
    Language,
    /// The form is sent to another address than the page's (Magento).
    Action,
    /// The address has another name in the shop's language (PrestaShop): the adapter's is not there.
    Named,
    /// At the shop's one name.
    OneName,
    /// The form is sent to somebody else: that is not followed.
    Foreign,
    /// Nowhere.
    Gone,
    /// An update gave the session's cookie another name.
    Renamed,
    /// Beside it there is one that the file does not name, and that signs in alone.
    Beside,
    /// The same, and no script can read it: the shield keeps it.
    BesideUnread,
}

struct Moor {
    lies: Lies,
    sessions: Mutex<HashSet<String>>,
    asked: Mutex<Vec<String>>,
}

impl Moor {
    /// The page, and where its form is sent.
    fn places(&self) -> (&'static str, &'static str) {
        match self.lies {
            Lies::Language => ("/en-gb/login", ""),
            Lies::Action => ("/login", "loginPost?from=page"),
            Lies::Named => ("/fr/connexion", "https://shop.example/fr/connexion?back=me"),
            Lies::OneName | Lies::Renamed | Lies::Beside | Lies::BesideUnread => ("/login", "/login"),
            Lies::Foreign => ("/login", "https://elsewhere.example/login"),
            Lies::Gone => ("/nowhere", ""),
        }
    }

    fn takes(&self, target: &str) -> bool {
        match self.lies {
            Lies::Language => target == "/en-gb/login",
            Lies::Action => target == "/loginPost?from=page",
            Lies::Named => target.starts_with("/fr/connexion"),
            Lies::OneName | Lies::Foreign | Lies::Renamed | Lies::Beside | Lies::BesideUnread => {
                target == "/login"
            }
            Lies::Gone => false,
        }
    }
}

impl Serves for Moor {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let host = headers.get("host").map_or(HOST, |line| line.to_str().unwrap());
        self.asked.lock().unwrap().push(format!("{method} {host}{target}"));
        let line = headers.get("cookie").map_or("", |line| line.to_str().unwrap()).to_owned();
        let value =
            |name: &str| line.split("; ").find_map(|pair| pair.strip_prefix(name)).unwrap_or_default();
        let (sid, lot) = (value("sid="), value("lot="));
        let sid = if lot.is_empty() { sid } else { lot };
        let is_in = self.sessions.lock().unwrap().contains(sid);
        let body = String::from_utf8_lossy(body).into_owned();
        let (page, action) = self.places();
        if self.lies == Lies::OneName && host != "www.shop.example" {
            return led(&format!("https://www.shop.example{target}"));
        }
        match (method.as_str(), target) {
            ("GET", "/index?page=me") if is_in => say(200, &format!("<input name=email value={ADDRESS}>")),
            ("GET", "/index?page=me") => led(&format!("{page}?back=me")),
            ("GET", "/login") if self.lies == Lies::Language => led("/en-gb/login"),
            ("GET", "/logout") if self.lies == Lies::Language => led("/en-gb/logout"),
            ("GET", "/logout" | "/en-gb/logout") => {
                self.sessions.lock().unwrap().remove(sid);
                led("/")
            }
            ("GET", _) if target.split('?').next() == Some(page) && self.lies != Lies::Gone => say(
                200,
                &format!(
                    "<form method=get action=/search><input name=q></form><form method=post action='{action}'>\
                     <input type=hidden name=form_key value=k7><input name=user><input type=password name=password></form>"
                ),
            ),
            ("POST", target) if self.takes(target) && body.contains("form_key=k7") => {
                if !body.contains("password=grey") || body.ends_with('-') || body.contains("rain-") {
                    return say(200, "wrong");
                }
                let mut sessions = self.sessions.lock().unwrap();
                let sid = format!("shop-session-{}", self.asked.lock().unwrap().len());
                let mut answer = led("/account");
                let names: &[&str] = match self.lies {
                    Lies::Renamed => &["lot"],
                    Lies::Beside | Lies::BesideUnread => &["sid", "lot"],
                    _ => &["sid"],
                };
                for name in names {
                    let unread = if self.lies == Lies::BesideUnread { "; HttpOnly" } else { "" };
                    let line = format!("{name}={sid}; Path=/{unread}").parse().unwrap();
                    answer.headers_mut().append("set-cookie", line);
                }
                sessions.insert(sid);
                answer
            }
            _ => say(404, "nothing here"),
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

fn shield(bench: &Bench, shop: &Arc<Moor>) -> Shield {
    Shield::new(ShieldParts {
        identity: bench.identity.clone(),
        adapter: Some(Adapter::parse(FILE).unwrap()),
        section: ShieldSection::default(),
        shop: shop.clone(),
        canary: Some(CanaryAccount {
            user: Secret::new("ella".to_owned()),
            password: Secret::new(SHOP_PASSWORD.to_owned()),
            every: std::time::Duration::from_secs(900),
        }),
    })
}

fn moor(lies: Lies) -> Arc<Moor> {
    Arc::new(Moor { lies, sessions: Mutex::default(), asked: Mutex::default() })
}

// With three of the four files of real shops it said that their sign-in was broken, and closed it for everybody.
both_engines!(the_canary_signs_in_where_the_shop_has_its_form, MIGRATIONS, async |db| {
    let policy = Policy { customers: SecondFactor::Required, ..Policy::default() };
    let bench = Bench::with_policy(db, policy);
    for (lies, fault) in [
        (Lies::Language, None),
        (Lies::Action, None),
        (Lies::Named, None),
        (Lies::OneName, None),
        (Lies::Foreign, None),
        (Lies::Gone, Some(ShieldFault::NoPage)),
        (Lies::Renamed, Some(ShieldFault::Unseen)),
        (Lies::Beside, Some(ShieldFault::Unseen)),
        (Lies::BesideUnread, None),
    ] {
        let shop = moor(lies);
        let shield = shield(&bench, &shop);
        let asked = || shop.asked.lock().unwrap().clone();
        assert_eq!(shield.try_canary().await.unwrap(), fault, "{lies:?}: {:?}", asked());
        assert_eq!(shop.sessions.lock().unwrap().len(), 0, "{lies:?}: it leaves: {:?}", asked());
        assert!(!asked().iter().any(|line| line.contains("elsewhere")), "{:?}", asked());
    }
});

// Whoever left the challenge stayed signed in at a shop that leads its sign-out below a language.
both_engines!(a_session_is_signed_out_where_the_shop_leads, MIGRATIONS, async |db| {
    let policy = Policy { customers: SecondFactor::Required, ..Policy::default() };
    let mut behind: Option<Behind> = None;
    let mut bench = Some(Bench::with_policy(db, policy));
    for lies in [Lies::Language, Lies::Action] {
        let shop = moor(lies);
        let last = behind.take().map(|behind| behind.bench).or_else(|| bench.take()).unwrap();
        let behind = behind.insert(Behind::taught(last, shop.clone(), FILE));
        behind.bench.advance(2_000);
        let mut ella: Visitor<'_> = behind.browser();
        let (page, fields) = match lies {
            Lies::Language => {
                ("/en-gb/login", [("user", "ella"), ("password", SHOP_PASSWORD), ("form_key", "k7")])
            }
            _ => {
                ("/loginPost?from=page", [("user", "ella"), ("password", SHOP_PASSWORD), ("form_key", "k7")])
            }
        };
        ella.post(page, &fields).await.leads_to("/.storeward/challenge");
        assert_eq!(shop.sessions.lock().unwrap().len(), 1);
        ella.get("/logout").await;
        assert_eq!(shop.sessions.lock().unwrap().len(), 0, "{lies:?}: {:?}", shop.asked.lock().unwrap());
    }
});
