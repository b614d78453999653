//! A shop with a further storefront below a folder, whose customers are signed in there and nowhere else (Magento's websites, PrestaShop's
//! shops, two installations on one host).

use std::collections::{HashMap, HashSet};
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
name = "moor"
title = "moor"
[cookies]
session = ["sid"]
[signed_in.probe]
path = "/me/"
subject = { between = ["Signed in as <b>", "</b>"] }
email = { between = ["Signed in as <b>", "</b>"] }
[[door]]
name = "sign-in"
kind = "sign-in"
paths = ["/login"]
user = ["user"]
password = ["password"]
[sign_out]
path = "/logout"
"#;
const IDA: &str = "ida@people.example";
/// Where the second storefront lies.
const FOLDER: &str = "/b2b";

/// Sessions by their id: who is signed in at which storefront.
type Sessions = HashMap<String, HashMap<String, String>>;

struct Two {
    /// The path of the second one's cookie.
    path: &'static str,
    sessions: Mutex<Sessions>,
    asked: Mutex<Vec<String>>,
    /// The second storefront does not answer.
    is_away: Mutex<bool>,
}

impl Two {
    /// Each sign-in and each touch makes the session's id anew.
    fn renewed(&self, sid: &str, path: &str, signs_in: Option<(&str, &str)>) -> String {
        let mut sessions = self.sessions.lock().unwrap();
        let mut session = sessions.remove(sid).unwrap_or_default();
        if let Some((storefront, who)) = signs_in {
            session.insert(storefront.to_owned(), who.to_owned());
        }
        let sid = format!("shop-session-{}-{}", sessions.len(), self.asked.lock().unwrap().len());
        sessions.insert(sid.clone(), session);
        format!("sid={sid}; Path={path}; HttpOnly")
    }
}

impl Serves for Two {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        self.asked.lock().unwrap().push(target.to_owned());
        let line = headers.get("cookie").map_or("", |line| line.to_str().unwrap()).to_owned();
        let in_cookie = line.split("; ").find_map(|pair| pair.strip_prefix("sid="));
        // As PHP does without `session.use_only_cookies`: then it sets none.
        let in_address = target.split(['?', '&', ';']).find_map(|pair| pair.strip_prefix("sid="));
        let sid = in_cookie.or(in_address).unwrap_or_default();
        let path = target.split(['?', ';']).next().unwrap();
        // As Apache and nginx do of a line over 8 KiB.
        if headers.get("user-agent").is_some_and(|line| line.len() > 8_190) {
            return say(400, "too long");
        }
        let (folder, page) = match path.strip_prefix(FOLDER) {
            Some(page) => (FOLDER, page),
            None => ("", path),
        };
        if folder == FOLDER && *self.is_away.lock().unwrap() && page == "/me/" {
            return say(503, "away");
        }
        let who = self.sessions.lock().unwrap().get(sid).and_then(|session| session.get(folder).cloned());
        let cookie = if folder == FOLDER { self.path } else { "/" };
        let with = |mut answer: Response<Bytes>, line: String| {
            answer.headers_mut().append("set-cookie", line.parse().unwrap());
            answer
        };
        let body = String::from_utf8_lossy(body).replace("%20", "+").replace("%40", "@");
        let right = format!("password={}", SHOP_PASSWORD.replace(' ', "+"));
        // PrestaShop: the query decides, whatever folder stands before it, and a visitor is led to the one sign-in.
        if page.starts_with("/shoes") && page.ends_with("/me/") {
            return led("/login?next=me");
        }
        // A guard that asks before it looks.
        if page.starts_with("/guarded/") && method == Method::GET && who.is_none() {
            return say(401, "who is it?");
        }
        match (method.as_str(), page) {
            ("POST", touch) if touch.ends_with("/touch") => {
                with(say(200, "touched"), self.renewed(sid, cookie, None))
            }
            ("POST", "/login") if body.contains(&right) => {
                let user = if body.contains("user=ida") { IDA } else { ADDRESS };
                if in_cookie.is_none() && in_address.is_some() {
                    let person = HashMap::from([(folder.to_owned(), user.to_owned())]);
                    self.sessions.lock().unwrap().insert(sid.to_owned(), person);
                    return led(&format!("{folder}/account?sid={sid}"));
                }
                with(led(&format!("{folder}/account")), self.renewed(sid, cookie, Some((folder, user))))
            }
            ("GET", "/me/") => match who {
                Some(who) => say(200, &format!("Signed in as <b>{who}</b>")),
                None => led(&format!("{folder}/login?next=me")),
            },
            ("GET", "/account") => match who.as_deref() {
                Some(ADDRESS) => say(200, SECRET),
                Some(_) => say(200, "another's orders"),
                None => led(&format!("{folder}/login")),
            },
            ("GET", "/" | "/login") => say(200, "welcome"),
            _ => say(404, "nothing here"),
        }
    }
}

impl AskShop for Two {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (head, body) = question.request.into_parts();
            let target = head.uri.path_and_query().ok_or(NoAnswer("test"))?.to_string();
            Ok(self.answer(&head.method, &target, &head.headers, &body))
        })
    }
}

fn two(db: TestDb, path: &'static str) -> (Behind, Arc<Two>) {
    let policy = Policy { customers: SecondFactor::Required, ..Policy::default() };
    let shop = Arc::new(Two {
        path,
        sessions: Mutex::default(),
        asked: Mutex::default(),
        is_away: Mutex::new(false),
    });
    (Behind::taught(Bench::with_policy(db, policy), shop.clone(), FILE), shop)
}

async fn sign_in(who: &mut Visitor<'_>, folder: &str, user: &str) -> Answer {
    sign_in_at(who, &format!("{folder}/login"), user).await
}

// The first storefront truly knows of nobody: the stolen password opened the second one's account.
both_engines!(a_stolen_password_opens_no_storefront, MIGRATIONS, async |db| {
    let (mut behind, _) = two(db, "/");
    for path in ["/", "/b2b", "/b2b/"] {
        let (other, shop) = (behind.bench, two_shop(path));
        behind = Behind::taught(other, shop, FILE);
        for folder in [FOLDER, ""] {
            behind.bench.advance(2_000);
            let mut thief = behind.browser();
            sign_in(&mut thief, folder, "ella").await.leads_to("/.storeward/challenge");
            // Nor after the first storefront was asked again, which still knows of nobody.
            for touched in ["/touch", "/b2b/touch", "/touch"] {
                thief.post(touched, &[("x", "1")]).await;
                thief.get("/").await;
                for page in ["/b2b/account", "/account"] {
                    let shown = thief.get(page).await;
                    assert!(!shown.body.contains(SECRET), "{path} {folder} {touched}: {shown:?}");
                }
            }
        }
    }
});

fn two_shop(path: &'static str) -> Arc<Two> {
    let (sessions, asked) = (Mutex::default(), Mutex::default());
    Arc::new(Two { path, sessions, asked, is_away: Mutex::new(false) })
}

both_engines!(a_code_opens_the_storefront_where_somebody_signed_in, MIGRATIONS, async |db| {
    let (behind, _) = two(db, "/");
    let mut ella = behind.browser();
    let wrong = ella.post("/b2b/login", &[("user", "ella"), ("password", "brown")]).await;
    assert_eq!(wrong.status, 404, "a visitor stays one");
    sign_in(&mut ella, FOLDER, "ella").await.leads_to("/.storeward/challenge");
    ella.show_code_for("no", "/b2b/account").await;
    assert_eq!(ella.get("/b2b/account").await.body, SECRET);
    assert_eq!(ella.post("/touch", &[("x", "1")]).await.body, "touched");
    assert_eq!(ella.get("/b2b/account").await.body, SECRET, "the first storefront does not sign out");
    // At home in both.
    sign_in(&mut ella, "", "ella").await;
    assert_eq!(ella.get("/account").await.body, SECRET);
    assert_eq!(ella.get("/b2b/account").await.body, SECRET);
});

// Whoever is in with an account of their own gets into nobody else's next door.
both_engines!(two_people_in_one_session_are_nobody, MIGRATIONS, async |db| {
    let (behind, _) = two(db, "/");
    for (own, other) in [("", FOLDER), (FOLDER, "")] {
        behind.bench.advance(2_000);
        let mut ida = behind.browser();
        sign_in(&mut ida, own, "ida").await;
        let page = format!("{own}/account");
        ida.show_code_for("no", &page).await;
        assert_eq!(ida.get(&page).await.body, "another's orders");
        let told = sign_in(&mut ida, other, "ella").await;
        assert_eq!(told.status, 503, "{told:?}");
        for _ in 0..2 {
            ida.get("/").await;
            let shown = ida.get(&format!("{other}/account")).await;
            assert!(!shown.body.contains(SECRET), "{own} {other}: {shown:?}");
            ida.post("/touch", &[("x", "1")]).await;
        }
    }
});

both_engines!(a_folder_that_is_no_storefront_is_asked_once, MIGRATIONS, async |db| {
    let (behind, shop) = two(db, "/");
    let mut guest = behind.browser();
    for _ in 0..3 {
        guest.post("/touch", &[("x", "1")]).await;
        guest.post("/cart/of/shoes/touch", &[("x", "1")]).await;
    }
    let asked = shop.asked.lock().unwrap().clone();
    let of: HashSet<_> = asked.iter().filter(|target| target.ends_with("/me/")).collect();
    let often = |page: &str| asked.iter().filter(|target| *target == page).count();
    assert!(often("/me/") > 1 && of.len() > 1, "{asked:?}");
    for page in of.iter().filter(|page| page.as_str() != "/me/") {
        assert_eq!(often(page), 1, "{page}: {asked:?}");
    }
});

both_engines!(a_storefront_that_is_away_says_nothing, MIGRATIONS, async |db| {
    let (behind, shop) = two(db, "/");
    *shop.is_away.lock().unwrap() = true;
    let mut thief = behind.browser();
    let told = sign_in(&mut thief, FOLDER, "ella").await;
    assert_eq!(told.status, 503, "{told:?}");
    // What the first one says meanwhile is not the other's word.
    thief.post("/touch", &[("x", "1")]).await;
    assert_eq!(thief.get("/").await.body, "welcome");
    *shop.is_away.lock().unwrap() = false;
    assert_ne!(thief.get("/b2b/account").await.body, SECRET);
});

// No cookie comes, so nobody would be asked.
both_engines!(a_session_in_the_address_signs_nobody_in, MIGRATIONS, async |db| {
    let (behind, shop) = two(db, "/");
    for target in ["/login?sid=abcdef", "/login;sid=abcdef", "/b2b/login?x=1&SID=abcdef"] {
        behind.bench.advance(2_000);
        let mut thief = behind.browser();
        let told = sign_in_at(&mut thief, target, "ella").await;
        assert_eq!(told.status, 403, "{target}: {told:?}");
        assert!(told.body.contains("identity.session_in_address"), "{told:?}");
        assert!(shop.sessions.lock().unwrap().is_empty(), "the shop never saw it");
        for page in ["/account?sid=abcdef", "/b2b/account?sid=abcdef"] {
            assert!(!thief.get(page).await.body.contains(SECRET), "{target}");
        }
    }
    let mut thief = behind.browser();
    let fields = [("user", "ella"), ("password", SHOP_PASSWORD), ("sid", "abcdef")];
    assert_eq!(thief.post("/login", &fields).await.status, 403);
    // The one that is held here is no other: shops write it into their first page's links until they have seen the cookie.
    let mut ella = behind.browser();
    ella.post("/touch", &[("x", "1")]).await;
    let held = shop.sessions.lock().unwrap().keys().next().unwrap().clone();
    sign_in_at(&mut ella, &format!("/login?sid={held}"), "ella").await.leads_to("/.storeward/challenge");
    ella.show_code("no").await;
    ella.get("/account?sid=abcdef").await.leads_to("/account");
    assert!(ella.sees_account().await);
});

// At a door that no file knows it was signed in all the same, and whoever named it saw the account, in any browser.
both_engines!(a_session_in_the_address_is_nobodys_anywhere, MIGRATIONS, async |db| {
    let (behind, shop) = two(db, "/");
    let form = "application/x-www-form-urlencoded";
    let parts = "multipart/form-data; boundary=b";
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let in_parts = format!("{}{}--b--\r\n", part("mail", ADDRESS), part("sid", "abcdef"));
    let long = format!("{}{}--b--\r\n", part("text", &"x".repeat(300 * 1_024)), part("sid", "abcdef"));
    let padded = format!("x={}&sid=abcdef", "x".repeat(300 * 1_024));
    for (target, kind, body) in [
        ("/side?sid=abcdef", form, "mail=ella&pw=x"),
        ("/side;sid=abcdef", form, "mail=ella&pw=x"),
        ("/side?x=1&%73id=abcdef", "application/json", "{}"),
        ("/img/side?sid=abcdef", form, "mail=ella"),
        ("/side", form, "mail=ella&pw=x&sid=abcdef"),
        ("/side", parts, in_parts.as_str()),
        ("/side", parts, long.as_str()),
        ("/side", form, padded.as_str()),
    ] {
        for has_own in [false, true] {
            let mut thief = behind.browser();
            if has_own && body.len() < 1_000 {
                thief.post("/touch", &[("x", "1")]).await;
            }
            shop.asked.lock().unwrap().clear();
            let length = body.len().to_string();
            let lines = [("accept", "text/html"), ("content-type", kind), ("content-length", &length)];
            let told = thief.send("POST", target, &lines, body).await;
            assert!([403, 413].contains(&told.status.as_u16()), "{target} {kind}: {}", told.status);
            let asked = shop.asked.lock().unwrap().clone();
            assert!(!asked.iter().any(|asked| asked.contains("side")), "{target} {kind}: {asked:?}");
        }
    }
});

// One that somebody is signed in with is looked at by nobody who only names it. Nor where the browser's own, of the same name, waits at a challenge.
both_engines!(whoever_only_names_a_session_sees_nothing_of_it, MIGRATIONS, async |db| {
    let (behind, shop) = two(db, "/");
    let person = HashMap::from([(String::new(), ADDRESS.to_owned())]);
    shop.sessions.lock().unwrap().insert("abcdef".to_owned(), person);
    let mut thief = behind.browser();
    thief.get("/account?colour=red&sid=abcdef").await.leads_to("/account?colour=red");
    assert_eq!(thief.get("/account;sid=abcdef").await.status, 403);
    let script = thief.send("GET", "/account?sid=abcdef", &[("accept", "application/json")], "").await;
    assert_eq!(script.status, 403);
    assert!(script.body.contains("identity.session_in_address"), "{script:?}");
    assert_eq!(thief.get("/account?side=abcdef").await.location(), "/login", "another name is none");
    let mut thief = behind.browser();
    sign_in(&mut thief, "", "ella").await.leads_to("/.storeward/challenge");
    let held: Vec<_> = shop.sessions.lock().unwrap().keys().cloned().collect();
    for sid in held {
        let picture = [("accept", "text/html"), ("sec-fetch-dest", "image")];
        let target = format!("/account?sid={sid}");
        for lines in [&picture[..], &picture[..1]] {
            let shown = thief.send("GET", &target, lines, "").await;
            assert!(!shown.body.contains(SECRET), "{shown:?}");
            assert!(!behind.browser().send("GET", &target, lines, "").await.body.contains(SECRET));
        }
    }
});

// A shop that takes a session from cookies alone may call whatever it likes so.
both_engines!(a_shop_of_cookies_alone_may_name_anything_so, MIGRATIONS, async |db| {
    let shop = two_shop("/");
    let bench = Bench::with_policy(db, Policy { customers: SecondFactor::Required, ..Policy::default() });
    let file = FILE.replace("session = [\"sid\"]", "session = [\"sid\"]\nonly = true");
    let behind = Behind::taught(bench, shop.clone(), &file);
    let mut guest = behind.browser();
    assert_eq!(guest.get("/?transport=polling&sid=abcdef").await.body, "welcome");
    assert_eq!(sign_in_at(&mut guest, "/login?sid=abcdef", "ella").await.status, 403);
});

async fn sign_in_at(who: &mut Visitor<'_>, target: &str, user: &str) -> Answer {
    who.post(target, &[("user", user), ("password", SHOP_PASSWORD)]).await
}

// What is remembered of a folder for all is asked in nobody's words: a thief's own brought it about that the storefront was none.
both_engines!(no_thief_talks_a_storefront_away, MIGRATIONS, async |db| {
    let (behind, _) = two(db, "/");
    let mut thief = behind.browser();
    thief.post("/touch", &[("x", "1")]).await;
    let long = "x".repeat(9_000);
    for page in ["/b2b/x", "/b2b/touch"] {
        let method = if page.ends_with("touch") { "POST" } else { "GET" };
        thief.send(method, page, &[("user-agent", &long), ("accept", "text/html")], "").await;
    }
    let mut other = behind.browser();
    sign_in(&mut other, FOLDER, "ella").await.leads_to("/.storeward/challenge");
    assert!(!other.get("/b2b/account").await.body.contains(SECRET));
    // Parameters of servlets are no folders.
    behind.bench.advance(2_000);
    let mut other = behind.browser();
    let told = sign_in(&mut other, "/;a/;b/;c/b2b", "ella").await;
    assert_ne!(told.status, 302, "{told:?}");
});

both_engines!(honest_folders_lock_nobody_out, MIGRATIONS, async |db| {
    let (behind, shop) = two(db, "/");
    let mut ella = behind.browser();
    sign_in(&mut ella, "", "ella").await.leads_to("/.storeward/challenge");
    ella.show_code("no").await;
    // Behind a guard, with a blank, and where every folder answers alike, forty of them.
    let mut pages = vec!["/guarded/x/touch".to_owned(), "/mens%20shoes/touch".to_owned()];
    pages.extend((0..40).map(|n| format!("/shoes-{n}/touch")));
    for page in &pages {
        let told = ella.post(page, &[("x", "1")]).await;
        assert_eq!((told.status.as_u16(), told.body.as_str()), (200, "touched"), "{page}");
        assert!(ella.sees_account().await, "{page}");
    }
    let before = shop.asked.lock().unwrap().len();
    ella.post("/touch", &[("x", "1")]).await;
    let asked = shop.asked.lock().unwrap().len() - before;
    assert!(asked <= 3, "{asked} questions for one form");
});
