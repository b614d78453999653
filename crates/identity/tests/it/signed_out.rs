//! A session that ends here is signed out at the shop, and staff hear of it where the shop keeps it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use storeward_host::{AskShop, Asking, NoAnswer, Question};
use storeward_identity::{LetterKind, MIGRATIONS, Policy, SecondFactor, ShieldFault};
use storeward_store::{Reader, both_engines};
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, Method, Response};

use super::behind::{ADDRESS, Behind, Elevation, SECRET, SHOP_PASSWORD, Visitor};
use super::bench::{Answer, Bench};
use super::class::{Serves, led, say};

const FILE: &str = r#"
format = 1
name = "tarn"
title = "tarn"
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
confirm = "yes=1"
"#;

/// What the shop does when it is asked to sign out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    At,
    /// Asked once more, on a page that is called a refusal (WordPress).
    AskedTwice,
    /// Out, and it says that there is nobody to be signed out.
    AndRefuses,
    Never(u16),
    /// Nor does it say who is in.
    NeverAndUnsaid(u16),
}

struct Tarn {
    leaves: Mutex<Leaves>,
    sessions: Mutex<HashMap<String, bool>>,
    made: AtomicUsize,
    asked: Mutex<Vec<String>>,
}

impl Tarn {
    fn new(leaves: Leaves) -> Arc<Self> {
        Arc::new(Tarn {
            leaves: Mutex::new(leaves),
            sessions: Mutex::default(),
            made: AtomicUsize::new(0),
            asked: Mutex::default(),
        })
    }

    fn is_left(&self, leaves: Leaves) {
        *self.leaves.lock().unwrap() = leaves;
    }

    fn signed_in(&self) -> usize {
        self.sessions.lock().unwrap().len()
    }

    fn open(&self, sessions: &mut HashMap<String, bool>, mut answer: Response<Bytes>) -> Response<Bytes> {
        let sid = format!("shop-session-{}", self.made.fetch_add(1, Ordering::SeqCst));
        let line = format!("sid={sid}; Path=/; HttpOnly");
        answer.headers_mut().append("set-cookie", line.parse().unwrap());
        sessions.insert(sid, true);
        answer
    }

    fn leave(&self, sid: &str, target: &str) -> Response<Bytes> {
        let leaves = *self.leaves.lock().unwrap();
        let mut sessions = self.sessions.lock().unwrap();
        match leaves {
            Leaves::AskedTwice if target == "/logout" => {
                return say(403, "<p>Do you really want to leave? <a href=\"/logout?yes=1\">Yes</a>");
            }
            Leaves::Never(200) => {
                // With another name for the same session.
                sessions.remove(sid);
                return self.open(&mut sessions, say(200, "as you like"));
            }
            Leaves::Never(status) => return say(status, "no"),
            Leaves::NeverAndUnsaid(status) => {
                sessions.insert(sid.to_owned(), false);
                return say(status, "no");
            }
            Leaves::At | Leaves::AskedTwice | Leaves::AndRefuses => {}
        }
        sessions.remove(sid);
        if leaves == Leaves::AndRefuses { say(403, "nobody is in") } else { led("/") }
    }
}

impl Serves for Tarn {
    fn answer(&self, method: &Method, target: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let cookies = headers.get("cookie").map_or("", |line| line.to_str().unwrap()).to_owned();
        self.asked.lock().unwrap().push(format!("{method} {target} {cookies}"));
        let sid = cookies.split("; ").find_map(|pair| pair.strip_prefix("sid=")).unwrap_or_default();
        let session = self.sessions.lock().unwrap().get(sid).copied();
        let body = String::from_utf8_lossy(body).replace("%20", "+");
        match (method.as_str(), target.split('?').next().unwrap()) {
            ("GET", "/me") => match session {
                Some(true) => say(200, &format!("Signed in as <b>{ADDRESS}</b>")),
                Some(false) => say(500, "sorry"),
                None => led("/login?next=/me"),
            },
            ("GET", "/account") if session.is_some() => say(200, SECRET),
            ("GET", "/logout") => self.leave(sid, target),
            ("POST", "/login") if body.contains(&SHOP_PASSWORD.replace(' ', "+")) => {
                self.open(&mut self.sessions.lock().unwrap(), led("/account"))
            }
            _ => say(200, "welcome"),
        }
    }
}

impl AskShop for Tarn {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (head, body) = question.request.into_parts();
            let target = head.uri.path_and_query().ok_or(NoAnswer("test"))?.to_string();
            Ok(self.answer(&head.method, &target, &head.headers, &body))
        })
    }
}

async fn waits(behind: &Behind) -> Visitor<'_> {
    behind.bench.advance(2_000);
    let mut ella = behind.browser();
    let fields = [("user", "ella"), ("password", SHOP_PASSWORD)];
    ella.post("/login", &fields).await.leads_to("/.storeward/challenge");
    ella
}

// A shop that answered "no such page", or "you may not", kept the session, and nobody heard of it.
both_engines!(a_session_that_the_shop_keeps_is_told, MIGRATIONS, async |db| {
    let shop = Tarn::new(Leaves::At);
    let policy = Policy { customers: SecondFactor::Required, ..Policy::default() };
    let behind = Behind::taught(Bench::with_policy(db, policy), shop.clone(), FILE);
    let told = async || behind.bench.reasons("identity.shop_sign_in_broken").await;
    let mended = async || behind.bench.events("identity.shop_sign_in_mended").await.len();
    // Whoever leaves is signed out, asked twice as well, and where the shop has found nobody any more.
    for leaves in [Leaves::At, Leaves::AskedTwice, Leaves::AndRefuses] {
        shop.is_left(leaves);
        waits(&behind).await.get("/logout").await;
        assert_eq!((shop.signed_in(), told().await.len()), (0, 0), "{leaves:?}");
    }
    let ways = [Leaves::Never(404), Leaves::Never(403), Leaves::Never(200), Leaves::NeverAndUnsaid(404)];
    for (n, leaves) in ways.into_iter().enumerate() {
        shop.is_left(leaves);
        // By leaving, and by waiting too long.
        let mut left = waits(&behind).await;
        let handle = left.browser.cookies.clone();
        left.get("/logout").await;
        let mut late = waits(&behind).await;
        behind.bench.advance(11 * 60);
        behind.shield.sweep().await.unwrap();
        assert_eq!(told().await, vec!["stays_in"; n + 1], "{leaves:?}: told once");
        assert_eq!(behind.shield.fault(), Some(ShieldFault::StaysIn));
        assert!(!behind.shield.is_closed(), "no door closes for it");
        // Nobody holds what the shop keeps.
        assert!(shop.signed_in() > 0);
        let before = shop.asked.lock().unwrap().len();
        left.browser.cookies = handle;
        behind.shield.flush().await.unwrap();
        let kept = |reader: &mut Reader<'_>| {
            reader.query_many("SELECT handle_hash FROM shop_session", &[], |row| row.get::<String>(0))
        };
        assert!(behind.bench.db.read(kept).await.unwrap().is_empty(), "{leaves:?}: nothing of it lies here");
        for visitor in [&mut left, &mut late] {
            assert!(!visitor.sees_account().await, "{leaves:?}");
            behind.bench.advance(130);
            assert!(!visitor.sees_account().await, "{leaves:?}");
        }
        {
            let asked = shop.asked.lock().unwrap();
            assert!(asked.iter().skip(before).all(|line| !line.contains("sid=")), "{asked:?}");
        }
        // One that is signed out says that it is over: there is no test account.
        shop.is_left(Leaves::At);
        waits(&behind).await.get("/logout").await;
        assert_eq!((mended().await, behind.shield.fault()), (n + 1, None), "{leaves:?}");
        shop.sessions.lock().unwrap().clear();
    }
});

// The handle had an age of its own: at a shared computer whoever came next was in, where the shop's own session had ended with the browser.
both_engines!(the_handle_ends_with_the_browser_where_the_shops_session_does, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("yes").await;
    let line = &owner.handle_line;
    assert!(line.contains("HttpOnly"), "a handle was set: {line}");
    assert!(!line.contains("Max-Age") && !line.contains("Expires"), "{line}");
    // So does the session with our own pages, where a stranger would add a factor of their own; also after a step up.
    let lines = |answer: &Answer| -> Vec<String> {
        let all = answer.headers.get_all("set-cookie").iter();
        let all = all.map(|line| line.to_str().unwrap().to_owned());
        all.filter(|line| line.starts_with("__Host-storeward-customer=")).collect()
    };
    assert!(owner.sees_account().await);
    owner.post("/logout", &[]).await;
    let answer = owner.sign_in("ella").await;
    answer.leads_to("/account");
    let of_sign_in = lines(&answer);
    let begun = owner.browser.post_from("/.storeward/step-up", "/.storeward/step-up", &[("next", "/")]).await;
    begun.leads_to("/.storeward/challenge");
    let code = behind.bench.code(LetterKind::SignInCode);
    let of_step_up = lines(&owner.browser.prove("mail", &code).await);
    for of in [of_sign_in, of_step_up] {
        assert!(!of.is_empty() && of.iter().all(|line| !line.contains("Max-Age")), "{of:?}");
    }
    assert!(owner.browser.is_signed_in().await);
});
