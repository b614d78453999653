//! Teaching Storeward a shop's sign-in, and whoever would use it to look at others or to get in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use storeward_base::{Clock, RequestId, Secret, StaffId, SystemEntropy};
use storeward_host::{AskShop, Asking, OwnPages, Passage, Question, RequestHead, Seen, SessionStage};
use storeward_identity::teach::{Chosen, Keep, PREFIX, Saved, TEACH_COOKIE, Teach, TeachParts, Tried, Unfit};
use storeward_identity::{MIGRATIONS, ShieldFault};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::axum::Router;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

use super::bench::{Bench, HOST};

const USER: &str = "mira@people.example";
const PASSWORD: &str = "grey slate roof";
const ENTRY: &str = "<form method=post action=/entry><input type=hidden name=seal value=9><input type=email name=who>\
                     <input type=password name=word></form>";
const OWN: &str =
    "<p>4000 1234 <a href=/leave-logout>out</a> <dl><dt>Address</dt><dd>mira@people.example</dd></dl>";

/// A shop that no file knows.
#[derive(Default)]
struct Kiln {
    is_in: Mutex<bool>,
    /// Its account page shows the name to everybody.
    shows_all: bool,
    /// Passwords that were sent to it.
    tries: AtomicUsize,
    /// While it is asked the next time, the lesson ends and another one begins.
    meanwhile: Mutex<Option<Teach>>,
}

impl Kiln {
    fn answer(&self, method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> Response<Bytes> {
        let cookies = headers.get("cookie").map_or("", |line| line.to_str().unwrap());
        let is_in = cookies.contains("visit=in") && *self.is_in.lock().unwrap();
        let say =
            |status: u16, set: Option<&'static str>, location: Option<&'static str>, body: &'static str| {
                let mut answer = Response::new(Bytes::from_static(body.as_bytes()));
                *answer.status_mut() = StatusCode::from_u16(status).unwrap();
                let headers = answer.headers_mut();
                headers.insert("content-type", HeaderValue::from_static("text/html; charset=utf-8"));
                set.map(|line| headers.insert("set-cookie", HeaderValue::from_static(line)));
                location.map(|line| headers.insert("location", HeaderValue::from_static(line)));
                answer
            };
        match (method.as_str(), path) {
            ("POST", "/entry") => {
                self.tries.fetch_add(1, Ordering::SeqCst);
                let body = String::from_utf8_lossy(body).replace('+', " ").replace("%20", " ");
                if body.contains("word=grey slate roof&") || body.ends_with("word=grey slate roof") {
                    *self.is_in.lock().unwrap() = true;
                    return say(302, Some("visit=in; HttpOnly; Path=/"), Some("/own"), "");
                }
                say(302, None, Some("/entry"), "")
            }
            (_, "/entry") => say(200, Some("visit=new; HttpOnly; Path=/"), None, ENTRY),
            (_, "/own") if is_in || self.shows_all => say(200, None, None, OWN),
            (_, "/leave-logout") => {
                *self.is_in.lock().unwrap() = false;
                say(302, Some("visit=; Max-Age=0; Path=/"), Some("/"), "")
            }
            _ => say(302, None, Some("/entry"), ""),
        }
    }
}

impl AskShop for Kiln {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(async move {
            let (head, body) = question.request.into_parts();
            let meanwhile = self.meanwhile.lock().unwrap().take();
            if let Some(teach) = meanwhile {
                assert!(teach.end(staff(1)));
                teach.begin(staff(1), USER).await.unwrap().unwrap();
            }
            Ok(self.answer(&head.method, head.uri.path(), &head.headers, &body))
        })
    }
}

struct Class {
    bench: Bench,
    shop: Arc<Kiln>,
    teach: Teach,
    pages: OwnPages,
    files: Arc<Mutex<HashMap<String, String>>>,
    /// What lies beside its place.
    laid: Arc<Mutex<HashMap<String, String>>>,
}

impl Class {
    fn new(db: TestDb) -> Self {
        Self::at(db, Kiln::default())
    }

    fn at(db: TestDb, shop: Kiln) -> Self {
        let bench = Bench::new(db);
        let (shop, files) = (Arc::new(shop), Arc::new(Mutex::new(HashMap::new())));
        let laid: Arc<Mutex<HashMap<String, String>>> = Arc::default();
        let (kept, placed): (Arc<Mutex<HashMap<String, String>>>, _) = (files.clone(), files.clone());
        let (beside, from) = (laid.clone(), laid.clone());
        let teach = Teach::new(TeachParts {
            identity: bench.identity.clone(),
            shop: shop.clone(),
            keep: Keep {
                lay: Arc::new(move |name, text| {
                    beside.lock().unwrap().insert(name.to_owned(), text.to_owned());
                    Ok(!kept.lock().unwrap().contains_key(name))
                }),
                place: Arc::new(move |name| {
                    let text = from.lock().unwrap().remove(name).unwrap();
                    Ok(placed.lock().unwrap().insert(name.to_owned(), text).is_none())
                }),
            },
            in_force: Arc::new(|| None),
        });
        teach.began(443, "https://console.example:9443");
        let pages = teach.answer(OwnPages::new(Router::new(), &[], &[])).unwrap();
        Class { bench, shop, teach, pages, files, laid }
    }

    async fn own(&self, method: &str, path: &str, cookie: &str) -> Response<Bytes> {
        let request =
            Request::builder().method(method).uri(path).header("host", HOST).header("cookie", cookie);
        self.pages.answer(request.body(Bytes::new()).unwrap()).await
    }

    /// A browser's first step: its secret, and what the console is shown of it.
    async fn start(&self) -> (String, String) {
        let answer = self.own("GET", &format!("{PREFIX}/start"), "").await;
        assert_eq!(answer.status(), 303);
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        let line = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
        for flag in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(line.contains(flag), "{line}");
        }
        let secret = line.split(['=', ';']).nth(1).unwrap().to_owned();
        let shown = location.split_once("browser=").unwrap().1.to_owned();
        assert!(!location.contains(&secret), "the secret stays in the browser");
        (secret, shown)
    }

    async fn takes(&self, secret: &str, code: &str) -> bool {
        let path = format!("{PREFIX}/take?code={code}");
        let answer = self.own("GET", &path, &format!("{}={secret}", TEACH_COOKIE.name)).await;
        answer.status() == 303
    }

    /// A browser that is watched.
    async fn watched(&self, staff: StaffId) -> String {
        self.teach.begin(staff, USER).await.unwrap().unwrap();
        let (secret, shown) = self.start().await;
        let code = self.teach.join(staff, &shown).unwrap();
        assert!(self.takes(&secret, code.expose()).await);
        secret
    }

    /// One request as the edge leads it; the answer's status.
    async fn pass(&self, secret: &str, method: &str, path: &str, more: &str, body: &str) -> bool {
        let mut headers = HeaderMap::new();
        let cookies = format!("{}={secret}; {more}", TEACH_COOKIE.name);
        headers.insert("cookie", cookies.parse().unwrap());
        headers.insert("accept-encoding", HeaderValue::from_static("br"));
        if !body.is_empty() {
            headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        let method: Method = method.parse().unwrap();
        let at = self.bench.clock.now();
        let head = RequestHead {
            id: RequestId::at(at, &SystemEntropy),
            at,
            client: "198.51.100.7".parse().unwrap(),
            method: &method,
            path,
            written: path,
            query: None,
            host: HOST,
            authority: HOST,
            wants_problem: false,
            headers: &headers,
        };
        let Some(mut exchange) = self.teach.enter(&head) else { return false };
        let seen = Seen { bytes: body.as_bytes(), complete: true };
        assert!(matches!(exchange.request(&mut headers, seen).await, Passage::On));
        assert!(!headers.contains_key("accept-encoding"), "compressed pages cannot be read");
        let (mut head, body) = self.shop.answer(&method, path, &headers, body.as_bytes()).into_parts();
        let bytes: &[u8] =
            if exchange.response_body_bytes(head.status, &head.headers).is_some() { &body } else { b"" };
        let before = head.headers.clone();
        let seen = Seen { bytes, complete: true };
        assert!(matches!(exchange.response(head.status, &mut head.headers, seen).await, Passage::On));
        assert_eq!(head.headers, before, "nothing of the answer is changed");
        true
    }

    /// Wrong, right, the account's page, out.
    async fn lesson(&self, secret: &str) {
        self.pass(secret, "GET", "/entry", "", "").await;
        self.pass(secret, "POST", "/entry", "visit=new", "seal=9&who=mira%40people.example&word=wrong+one")
            .await;
        self.pass(secret, "GET", "/entry", "visit=new", "").await;
        let typed = format!("seal=9&who=mira%40people.example&word={}", PASSWORD.replace(' ', "+"));
        self.pass(secret, "POST", "/entry", "visit=new", &typed).await;
        self.pass(secret, "GET", "/own", "visit=in", "").await;
        self.teach.compare(staff(1)).await;
        self.pass(secret, "GET", "/leave-logout", "visit=in", "").await;
        self.pass(secret, "GET", "/own", "", "").await;
    }
}

fn staff(bits: u128) -> StaffId {
    StaffId::from_bits(bits)
}

fn password(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

both_engines!(a_lesson_from_beginning_to_file, MIGRATIONS, async |db| {
    let class = Class::new(db);
    let ada = staff(1);
    let secret = class.watched(ada).await;
    class.lesson(&secret).await;
    let standing = class.teach.standing(staff(1)).unwrap();
    let words: Vec<_> = standing.in_words().into_iter().map(|said| (said.what, said.is_seen)).collect();
    assert!(words.iter().all(|(_, is_seen)| *is_seen), "{words:?} {:?}", standing.doubts());
    assert_eq!(class.teach.save(ada, "kiln").await.unwrap(), Saved::Refused, "nothing was tried yet");

    let tried = class.teach.try_it(ada, &Chosen::default(), password("another one")).await;
    assert!(matches!(tried, Tried::Fails { why: ShieldFault::Refused, .. }), "{tried:?}");
    assert_eq!(class.teach.save(ada, "kiln").await.unwrap(), Saved::Refused, "what fails is not saved");
    let wrong = Chosen { user: Some("seal".to_owned()), ..Chosen::default() };
    let tried = class.teach.try_it(ada, &wrong, password(PASSWORD)).await;
    assert!(
        matches!(tried, Tried::Works { .. }),
        "the shop of the test looks at the password only: {tried:?}"
    );
    let unseen = Chosen { cookies: Some(vec!["theme".to_owned()]), ..Chosen::default() };
    let tried = class.teach.try_it(ada, &unseen, password(PASSWORD)).await;
    assert!(matches!(tried, Tried::NoAdapter), "{tried:?}");
    assert_eq!(class.teach.save(ada, "kiln").await.unwrap(), Saved::Refused, "the last try counts");

    let tried = class.teach.try_it(ada, &Chosen::default(), password(PASSWORD)).await;
    let Tried::Works { proposal, but: None } = tried else { panic!("{tried:?}") };
    for name in ["../kiln", "Kiln", "", "wordpress", "auto", "storeward", "a/b", "kiln.toml"] {
        assert_eq!(class.teach.save(ada, name).await.unwrap(), Saved::Refused, "{name}");
    }
    assert_eq!(class.teach.save(staff(2), "kiln").await.unwrap(), Saved::Refused, "another member's");
    assert_eq!(class.teach.save(ada, "kiln").await.unwrap(), Saved::Written);
    assert_eq!(class.teach.save(ada, "kiln").await.unwrap(), Saved::There);
    let text = class.files.lock().unwrap()["kiln.toml"].clone();
    let adapter = storeward_identity::Adapter::parse(&text).unwrap();
    assert_eq!((adapter.name.as_str(), adapter.title.as_str()), ("kiln", "kiln"));
    assert_eq!(adapter.doors.len(), proposal.adapter.doors.len());
    assert_eq!(adapter.sign_out.unwrap().path, "/leave-logout");
    assert_eq!(class.bench.events("identity.shop_watch_begun").await.len(), 1);
    assert_eq!(class.bench.events("identity.adapter_saved").await.len(), 1);
});

both_engines!(nothing_that_is_typed_and_no_cookie_is_kept, MIGRATIONS, async |db| {
    let class = Class::new(db);
    let secret = class.watched(staff(1)).await;
    class.lesson(&secret).await;
    let mut kept = format!("{:?}", class.teach.standing(staff(1)).unwrap());
    class.teach.try_it(staff(1), &Chosen::default(), password(PASSWORD)).await;
    kept.push_str(&class.teach.works(staff(1)).unwrap());
    for typed in ["wrong one", "wrong+one", PASSWORD, "grey+slate", "visit=in", "4000 1234"] {
        assert!(!kept.contains(typed), "{typed}: {kept}");
    }
    let text = class.teach.works(staff(1)).unwrap();
    assert!(!text.contains("mira"), "nothing of the account stands in the file");
});

both_engines!(nobody_else_is_looked_at, MIGRATIONS, async |db| {
    let class = Class::new(db);
    assert!(!class.pass(&"a".repeat(64), "GET", "/own", "", "").await, "nobody teaches");
    assert_eq!(class.own("GET", &format!("{PREFIX}/start"), "").await.status(), 404);
    let secret = class.watched(staff(1)).await;
    assert!(class.pass(&secret, "GET", "/entry", "", "").await);
    for other in [
        "a".repeat(64),
        String::new(),
        secret.to_uppercase(),
        format!("{secret}; {}={secret}", TEACH_COOKIE.name),
    ] {
        assert!(!class.pass(&other, "GET", "/entry", "", "").await, "{other}");
    }
    assert_eq!(class.teach.standing(staff(1)).unwrap().steps.len(), 1);
    // A lesson ends by itself, and at a word.
    class.bench.clock.advance(Duration::from_secs(30 * 60));
    assert!(!class.pass(&secret, "GET", "/entry", "", "").await);
    assert!(class.teach.standing(staff(1)).is_none());
    let secret = class.watched(staff(1)).await;
    assert!(class.teach.end(staff(1)));
    assert!(!class.pass(&secret, "GET", "/entry", "", "").await);
});

both_engines!(a_code_is_for_the_browser_that_asked, MIGRATIONS, async |db| {
    let class = Class::new(db);
    let ada = staff(1);
    class.teach.begin(ada, USER).await.unwrap().unwrap();
    let (own, shown) = class.start().await;
    let (thief, thiefs) = class.start().await;
    assert!(class.teach.join(staff(2), &shown).is_none(), "the lesson is another member's");
    assert!(class.teach.join(ada, "not a hash").is_none());
    // Somebody is led to the console with another browser's mark: the code comes to the one that says yes, and fits it not.
    let code = class.teach.join(ada, &thiefs).unwrap();
    assert!(!class.takes(&own, code.expose()).await);
    assert!(!class.takes(&thief, code.expose()).await, "and it is used up");
    // A code that was seen on its way.
    let code = class.teach.join(ada, &shown).unwrap();
    assert!(!class.takes(&thief, code.expose()).await);
    let code = class.teach.join(ada, &shown).unwrap();
    class.bench.clock.advance(Duration::from_secs(61));
    assert!(!class.takes(&own, code.expose()).await, "too old");
    let code = class.teach.join(ada, &shown).unwrap();
    assert!(!class.takes(&own, "guessed").await, "a guess takes nothing away");
    assert!(class.takes(&own, code.expose()).await);
    assert!(!class.takes(&own, code.expose()).await, "once");
});

both_engines!(one_lesson_at_a_time_and_a_name_that_can_be_one, MIGRATIONS, async |db| {
    let class = Class::new(db);
    let (ada, grace) = (staff(1), staff(2));
    for name in ["", "  ", &"x".repeat(201), "a\r\nb"] {
        assert_eq!(class.teach.begin(ada, name).await.unwrap(), Err(Unfit::Name), "{name:?}");
    }
    class.watched(ada).await;
    assert_eq!(class.teach.begin(grace, USER).await.unwrap(), Err(Unfit::Taken(ada)));
    // Nobody ends another one's, or sees what passes in it: something may have been typed into an address.
    assert!(!class.teach.end(grace) && class.teach.standing(grace).is_none());
    assert_eq!(class.teach.under_way().unwrap().0, ada);
    let secret = class.watched(ada).await;
    assert!(class.teach.standing(staff(1)).unwrap().steps.is_empty(), "begun anew");
    assert!(class.teach.end(staff(1)));
    assert!(!class.pass(&secret, "GET", "/entry", "", "").await);
    assert_eq!(class.teach.begin(grace, USER).await.unwrap(), Ok(()));
});

both_engines!(a_page_that_everybody_sees_proves_nothing, MIGRATIONS, async |db| {
    let class = Class::at(db, Kiln { shows_all: true, ..Kiln::default() });
    let secret = class.watched(staff(1)).await;
    class.lesson(&secret).await;
    let standing = class.teach.standing(staff(1)).unwrap();
    assert!(
        standing.doubts().iter().any(|doubt| doubt.contains("does not tell a customer")),
        "{:?}",
        standing.doubts()
    );
    let tried = class.teach.try_it(staff(1), &Chosen::default(), password(PASSWORD)).await;
    assert!(matches!(tried, Tried::NoAdapter), "{tried:?}");
});

// What an ended lesson had asked for was written into the next one.
both_engines!(what_an_ended_lesson_asked_for_is_none_of_the_next_ones, MIGRATIONS, async |db| {
    let class = Class::new(db);
    let ada = staff(1);
    // A try that is under way.
    let secret = class.watched(ada).await;
    class.lesson(&secret).await;
    *class.shop.meanwhile.lock().unwrap() = Some(class.teach.clone());
    let tried = class.teach.try_it(ada, &Chosen::default(), password(PASSWORD)).await;
    assert!(matches!(tried, Tried::Works { .. }), "{tried:?}");
    assert_eq!(class.teach.works(ada), None, "another lesson's file");
    assert_eq!(class.teach.save(ada, "kiln").await.unwrap(), Saved::Refused);
    // A page that a visitor is asked for: the next lesson asks for it itself, and sees what is shown then.
    let secret = class.watched(ada).await;
    class.pass(&secret, "GET", "/entry", "", "").await;
    let typed = format!("seal=9&who=mira%40people.example&word={}", PASSWORD.replace(' ', "+"));
    class.pass(&secret, "POST", "/entry", "visit=new", &typed).await;
    class.pass(&secret, "GET", "/own", "visit=in", "").await;
    *class.shop.meanwhile.lock().unwrap() = Some(class.teach.clone());
    class.teach.compare(ada).await;
    assert!(class.teach.standing(ada).unwrap().steps.is_empty());
    let (secret, shown) = class.start().await;
    let code = class.teach.join(ada, &shown).unwrap();
    assert!(class.takes(&secret, code.expose()).await);
    class.lesson(&secret).await;
    let standing = class.teach.standing(ada).unwrap();
    assert!(standing.in_words().iter().all(|said| said.is_seen), "{:?}", standing.in_words());
});

// A mistyped password was tried twice, with another wrong one behind each: four of the five that shops give.
both_engines!(a_mistyped_password_is_not_doubled, MIGRATIONS, async |db| {
    let class = Class::new(db);
    let secret = class.watched(staff(1)).await;
    class.lesson(&secret).await;
    let before = class.shop.tries.load(Ordering::SeqCst);
    let tried = class.teach.try_it(staff(1), &Chosen::default(), password("gray slate roof")).await;
    assert!(matches!(tried, Tried::Fails { why: ShieldFault::Refused, .. }), "{tried:?}");
    let tries = class.shop.tries.load(Ordering::SeqCst) - before;
    assert_eq!(tries, 2, "the one that was typed, and one to tell a refusal by");
});

// Whoever looked around first taught nothing: after 200 requests the lesson was blind.
both_engines!(a_lesson_that_looks_around_for_long_sees_the_sign_in, MIGRATIONS, async |db| {
    let class = Class::new(db);
    let secret = class.watched(staff(1)).await;
    for _ in 0..260 {
        assert!(class.pass(&secret, "GET", "/elsewhere", "", "").await);
    }
    class.lesson(&secret).await;
    for _ in 0..260 {
        class.pass(&secret, "GET", "/elsewhere", "", "").await;
    }
    let standing = class.teach.standing(staff(1)).unwrap();
    assert!(standing.in_words().iter().all(|said| said.is_seen), "{:?}", standing.in_words());
    assert!(standing.steps.len() <= 200);
    let tried = class.teach.try_it(staff(1), &Chosen::default(), password(PASSWORD)).await;
    assert!(matches!(tried, Tried::Works { but: None, .. }), "{tried:?}");
});

// A file lay there of which the ledger knew nothing.
both_engines!(no_file_lies_there_that_the_ledger_does_not_know, MIGRATIONS, async |db| {
    let class = Class::new(db);
    let ada = staff(1);
    let secret = class.watched(ada).await;
    class.lesson(&secret).await;
    class.teach.try_it(ada, &Chosen::default(), password(PASSWORD)).await;
    let db = (*class.bench.db).clone();
    tokio::task::spawn_blocking(move || db.close()).await.unwrap();
    assert!(class.teach.save(ada, "kiln").await.is_err(), "nothing can be written down");
    assert!(class.files.lock().unwrap().is_empty());
    assert!(class.laid.lock().unwrap().contains_key("kiln.toml"), "it had come that far");
});
