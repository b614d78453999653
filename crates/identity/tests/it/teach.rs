//! Teaching Storeward a shop's sign-in, and whoever would use it to look at others or to get in.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use storeward_base::{Secret, StaffId};
use storeward_host::{AskShop, Asking, Question};
use storeward_identity::teach::{Chosen, PREFIX, Saved, TEACH_COOKIE, Teach, Tried, Unfit, Withdrawn};
use storeward_identity::{MIGRATIONS, ShieldFault};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::axum::body::Bytes;
use storeward_web::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::class::{Class, Serves};

const USER: &str = "mira@people.example";
const PASSWORD: &str = "grey slate roof";
const ENTRY: &str = "<form method=post action=/entry><input type=hidden name=seal value=9><input type=email name=who>\
                     <input type=password name=word></form>";
const OWN: &str =
    "<p>4000 1234 <a href=/leave-logout>out</a> <dl><dt>Address</dt><dd>mira@people.example</dd></dl>";

const CHANGE: &str = "<b>mira@people.example</b><form method=post action=/own/address><input type=email name=mail>\
                      <input type=password name=word></form>";

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

impl Serves for Kiln {
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
            // With the password once more, as a sign-in has it.
            (_, "/own/address") if is_in && method == Method::GET => say(200, None, None, CHANGE),
            ("POST", "/own/address") if is_in => say(302, None, Some("/own"), ""),
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

impl Class<Kiln> {
    fn new(db: TestDb) -> Self {
        Self::at(db, Kiln::default())
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
        self.pass(secret, "GET", "/own/address", "visit=in", "").await;
        let typed = format!("mail=mira%40people.example&word={}", PASSWORD.replace(' ', "+"));
        self.pass(secret, "POST", "/own/address", "visit=in", &typed).await;
        self.pass(secret, "GET", "/own", "visit=in", "").await;
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
    let secret = class.watched(ada, USER).await;
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
    let secret = class.watched(staff(1), USER).await;
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
    let secret = class.watched(staff(1), USER).await;
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
    let secret = class.watched(staff(1), USER).await;
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
    class.watched(ada, USER).await;
    assert_eq!(class.teach.begin(grace, USER).await.unwrap(), Err(Unfit::Taken(ada)));
    // Nobody ends another one's, or sees what passes in it: something may have been typed into an address.
    assert!(!class.teach.end(grace) && class.teach.standing(grace).is_none());
    assert_eq!(class.teach.under_way().unwrap().0, ada);
    let secret = class.watched(ada, USER).await;
    assert!(class.teach.standing(staff(1)).unwrap().steps.is_empty(), "begun anew");
    assert!(class.teach.end(staff(1)));
    assert!(!class.pass(&secret, "GET", "/entry", "", "").await);
    assert_eq!(class.teach.begin(grace, USER).await.unwrap(), Ok(()));
});

both_engines!(a_page_that_everybody_sees_proves_nothing, MIGRATIONS, async |db| {
    let class = Class::at(db, Kiln { shows_all: true, ..Kiln::default() });
    let secret = class.watched(staff(1), USER).await;
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
    let secret = class.watched(ada, USER).await;
    class.lesson(&secret).await;
    *class.shop.meanwhile.lock().unwrap() = Some(class.teach.clone());
    let tried = class.teach.try_it(ada, &Chosen::default(), password(PASSWORD)).await;
    assert!(matches!(tried, Tried::Works { .. }), "{tried:?}");
    assert_eq!(class.teach.works(ada), None, "another lesson's file");
    assert_eq!(class.teach.save(ada, "kiln").await.unwrap(), Saved::Refused);
    // A page that a visitor is asked for: the next lesson asks for it itself, and sees what is shown then.
    let secret = class.watched(ada, USER).await;
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
    let secret = class.watched(staff(1), USER).await;
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
    let secret = class.watched(staff(1), USER).await;
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
    let secret = class.watched(ada, USER).await;
    class.lesson(&secret).await;
    class.teach.try_it(ada, &Chosen::default(), password(PASSWORD)).await;
    let db = (*class.bench.db).clone();
    tokio::task::spawn_blocking(move || db.close()).await.unwrap();
    assert!(class.teach.save(ada, "kiln").await.is_err(), "nothing can be written down");
    assert!(class.files.lock().unwrap().is_empty());
    assert!(class.laid.lock().unwrap().contains_key("kiln.toml"), "it had come that far");
});

// What was saved could be taken back by a shell only; and not the one that guards the shop, or a file of somebody's own.
both_engines!(what_was_saved_is_numbered_and_can_be_taken_back, MIGRATIONS, async |db| {
    let class = Class::new(db);
    let ada = staff(1);
    for name in ["kiln", "kiln-2"] {
        let secret = class.watched(ada, USER).await;
        class.lesson(&secret).await;
        class.teach.try_it(ada, &Chosen::default(), password(PASSWORD)).await;
        assert_eq!(class.teach.save(ada, name).await.unwrap(), Saved::Written);
    }
    class.files.lock().unwrap().insert("by-hand.toml".to_owned(), "# mine".to_owned());
    let kept = class.teach.kept().await.unwrap();
    let said: Vec<_> =
        kept.iter().map(|file| (file.name.as_str(), file.lesson.split(',').next().unwrap())).collect();
    assert_eq!(said, [("kiln", "lesson 1"), ("kiln-2", "lesson 2")]);
    assert!(kept.iter().all(|file| file.lesson.contains(", saved 20") && !file.is_in_force), "{kept:?}");
    for named in ["kiln.toml", "/var/lib/storeward/kiln.toml"] {
        *class.in_force.lock().unwrap() = Some(named.to_owned());
        assert_eq!(class.teach.withdraw(ada, "kiln").await.unwrap(), Withdrawn::InForce);
    }
    for name in ["by-hand", "storeward", "../kiln", "none", "", "kiln-2.toml"] {
        assert_eq!(class.teach.withdraw(ada, name).await.unwrap(), Withdrawn::Nothing, "{name}");
    }
    assert!(class.bench.events("identity.adapter_withdrawn").await.is_empty());
    // Another member may: it is the shop's, not theirs.
    assert_eq!(class.teach.withdraw(staff(2), "kiln-2").await.unwrap(), Withdrawn::Gone);
    assert_eq!(class.teach.withdraw(ada, "kiln-2").await.unwrap(), Withdrawn::Nothing);
    assert_eq!(class.bench.events("identity.adapter_withdrawn").await.len(), 1);
    let names: std::collections::BTreeSet<_> = class.files.lock().unwrap().keys().cloned().collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["by-hand.toml", "kiln.toml"]);
    // Nothing is deleted of which the ledger knows nothing.
    *class.in_force.lock().unwrap() = None;
    let db = (*class.bench.db).clone();
    tokio::task::spawn_blocking(move || db.close()).await.unwrap();
    assert!(class.teach.withdraw(ada, "kiln").await.is_err());
    assert!(class.files.lock().unwrap().contains_key("kiln.toml"));
});
