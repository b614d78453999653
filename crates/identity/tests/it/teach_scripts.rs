//! Teaching Storeward a shop whose scripts sign in, by JSON, GraphQL and tokens; what was learnt guards that shop; and whoever would use
//! a lesson to open others' accounts, or signs in while it goes on.

use std::sync::Arc;

use storeward_base::{Secret, StaffId};
use storeward_identity::teach::{Chosen, Saved, Tried};
use storeward_identity::{Adapter, LetterKind, MIGRATIONS, Policy, SecondFactor};
use storeward_store::both_engines;
use storeward_store::testing::TestDb;
use storeward_web::axum::body::Bytes;
use storeward_web::http::Response;

use super::behind::{Behind, Visitor};
use super::bench::{Answer, Bench};
use super::class::{Class, Serves};
use super::json_shop::{MIRA, MIRAS, ORDERS, PAUL, PAULS, Reed, Speech};

const JSON: [(&str, &str); 2] = [("accept", "application/json"), ("content-type", "application/json")];
const ADA: StaffId = StaffId::from_bits(1);
const GRACE: StaffId = StaffId::from_bits(2);

/// The browser that is looked at, with the cookies and the token that the shop gave it.
struct Pupil<'c> {
    class: &'c Class<Reed>,
    secret: String,
    cookie: String,
    token: String,
}

impl<'c> Pupil<'c> {
    async fn new(class: &'c Class<Reed>) -> Self {
        let secret = class.watched(ADA, MIRA).await;
        Pupil { class, secret, cookie: String::new(), token: String::new() }
    }

    async fn send(&mut self, method: &str, path: &str, body: &str) -> Response<Bytes> {
        let line = format!("Bearer {}", self.token);
        let mut lines = JSON.to_vec();
        if !self.token.is_empty() {
            lines.push(("authorization", &line));
        }
        let answer = self.class.send(&self.secret, (method, path), &lines, &self.cookie, body).await;
        let answer = answer.expect("it is looked at");
        for line in answer.headers().get_all("set-cookie") {
            self.cookie = line.to_str().unwrap().split(';').next().unwrap().to_owned();
        }
        let said: serde_json::Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if let Some(token) = said["access"]["token"].as_str() {
            self.token = token.to_owned();
        }
        answer
    }

    async fn sign_in(&mut self, password: &str) {
        let (path, body) = (self.class.shop.door(), self.class.shop.typed(MIRA, password));
        self.send("POST", path, &body).await;
    }

    /// Wrong, right, the account's data, out.
    async fn lesson(&mut self) {
        self.send("GET", "/", "").await;
        self.send("POST", "/graphql", r#"{"query":"{ products { name } }"}"#).await;
        self.sign_in("wrong one").await;
        self.send("GET", "/api/v2/me", "").await;
        self.sign_in(MIRAS).await;
        self.send("GET", "/api/v2/me", "").await;
        self.class.teach.compare(ADA).await;
        self.send("POST", "/api/v2/basket", r#"{"item":"mug","note":"for my aunt"}"#).await;
        self.send("POST", "/api/v2/mail", &serde_json::json!({"mail": MIRA}).to_string()).await;
        self.send("POST", "/api/v2/sign-out", "{}").await;
        self.token.clear();
        self.send("GET", "/api/v2/me", "").await;
    }
}

fn class(db: TestDb, speech: Speech) -> Class<Reed> {
    let policy = Policy { customers: SecondFactor::Required, ..Policy::default() };
    Class::in_front_of(Bench::with_policy(db, policy), Reed::new(speech))
}

/// A lesson that ends in a file.
async fn taught(class: &Class<Reed>) -> String {
    Pupil::new(class).await.lesson().await;
    let standing = class.teach.standing(ADA).unwrap();
    assert_eq!(standing.doubts(), Vec::<String>::new());
    let unseen: Vec<_> = standing.in_words().into_iter().filter(|said| !said.is_seen).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
    let wrong = class.teach.try_it(ADA, &Chosen::default(), Secret::new("not it".to_owned())).await;
    assert!(matches!(wrong, Tried::Fails { .. }), "{wrong:?}");
    let tried = class.teach.try_it(ADA, &Chosen::default(), Secret::new(MIRAS.to_owned())).await;
    assert!(matches!(tried, Tried::Works { but: None, .. }), "{tried:?}");
    assert_eq!(class.teach.save(ADA, "reed").await.unwrap(), Saved::Written);
    class.files.lock().unwrap()["reed.toml"].clone()
}

/// The shop behind the shield, by the file that was learnt.
fn guarded(class: Class<Reed>, file: &str) -> (Behind, Arc<Reed>) {
    let shop = class.shop.clone();
    (Behind::taught(class.bench, shop.clone(), file), shop)
}

async fn sign_in(who: &mut Visitor<'_>, shop: &Reed, mail: &str, password: &str) -> Answer {
    who.send("POST", shop.door(), &JSON, &shop.typed(mail, password)).await
}

fn is_held(answer: &Answer) {
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let said: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        (&said["code"], &said["challenge"]),
        (&"identity.second_factor".into(), &"/.storeward/challenge".into())
    );
    assert!(!answer.body.contains(ORDERS) && !answer.body.contains("token"), "{}", answer.body);
}

async fn sees(who: &mut Visitor<'_>, token: &str) -> String {
    let line = format!("Bearer {token}");
    let lines = [JSON[0], ("authorization", line.as_str())];
    who.send("GET", "/api/v2/me", if token.is_empty() { &lines[..1] } else { &lines }, "").await.body
}

/// A stolen password opens nothing, its owner gets in with one step more, and that opens nobody else's account.
async fn guards_its_customers(db: TestDb, speech: Speech) {
    let class = class(db, speech);
    let file = taught(&class).await;
    for typed in [MIRA, "mira", MIRAS, "wrong one", "shop-session", "for my aunt"] {
        assert!(!file.contains(typed), "{typed} stands in the file: {file}");
    }
    let (behind, shop) = guarded(class, &file);

    let mut thief = behind.browser();
    thief.get("/").await;
    is_held(&sign_in(&mut thief, &shop, PAUL, PAULS).await);
    assert!(!sees(&mut thief, "").await.contains(ORDERS), "a stolen password alone");
    // Nor in other spellings of the call that shops take for the same.
    for path in
        [shop.door().to_uppercase(), format!("{}/", shop.door()), format!("/index.php{}", shop.door())]
    {
        let answer = behind.browser().send("POST", &path, &JSON, &shop.typed(PAUL, PAULS)).await;
        assert!(
            !answer.body.contains(ORDERS) && !answer.body.contains("token-of"),
            "{path}: {}",
            answer.body
        );
    }

    behind.bench.advance(601);
    behind.shield.sweep().await.unwrap();
    assert_eq!(shop.signed_in(), 0, "who shows no second factor is signed out at the shop");

    let mut paul = behind.browser();
    paul.get("/").await;
    is_held(&sign_in(&mut paul, &shop, PAUL, PAULS).await);
    let code = behind.bench.code(LetterKind::SignInCode);
    assert_eq!(paul.browser.prove("mail", &code).await.status, 303);
    let mut token = String::new();
    if speech == Speech::Token {
        let answer = sign_in(&mut paul, &shop, PAUL, PAULS).await;
        let said: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        token = said["access"]["token"].as_str().unwrap().to_owned();
    }
    assert!(
        sees(&mut paul, &token).await.contains(&format!("{ORDERS} {PAUL}")),
        "{}",
        sees(&mut paul, &token).await
    );
    // The account that the lesson was held with is no better guarded and no less than any other, by whoever was in before.
    let answer = sign_in(&mut paul, &shop, MIRA, MIRAS).await;
    is_held(&answer);
    let seen = sees(&mut paul, if speech == Speech::Token { &token } else { "" }).await;
    assert!(!seen.contains(&format!("{ORDERS} {MIRA}")), "{seen}");
}

both_engines!(json_sign_ins_are_learnt_and_guarded, MIGRATIONS, async |db| {
    guards_its_customers(db, Speech::Json).await;
});

both_engines!(graphql_sign_ins_are_learnt_and_guarded, MIGRATIONS, async |db| {
    guards_its_customers(db, Speech::Graphql).await;
});

both_engines!(sign_ins_that_hand_out_a_token_are_learnt_and_guarded, MIGRATIONS, async |db| {
    guards_its_customers(db, Speech::Token).await;
});

both_engines!(what_is_learnt_says_where_the_fields_are, MIGRATIONS, async |db| {
    let class = class(db, Speech::Json);
    let file = taught(&class).await;
    let adapter = Adapter::parse(&file).unwrap();
    let door = &adapter.doors[0];
    assert_eq!(door.place.paths, ["/api/v2/enter"]);
    assert_eq!((door.user[0].as_str(), door.password[0].as_str()), ("/login/mail", "/login/passwort"));
    assert_eq!(adapter.cookies.session, ["reed"]);
    let probe = adapter.signed_in.probe.unwrap();
    assert_eq!((probe.path.as_str(), probe.subject.json.as_deref()), ("/api/v2/me", Some("/customer/mail")));
    assert_eq!(adapter.sign_out.unwrap().path, "/api/v2/sign-out");
});

// Guesses by a script count as those by a form do, in whatever spelling shops take them.
both_engines!(guesses_by_a_script_are_counted, MIGRATIONS, async |db| {
    let class = class(db, Speech::Json);
    let file = taught(&class).await;
    let (behind, shop) = guarded(class, &file);
    let before = shop.tries();
    let mut thief = behind.browser();
    for n in 0..24 {
        thief.browser.address = format!("192.0.2.{n}").parse().unwrap();
        let body = match n % 4 {
            0 => shop.typed(PAUL, &format!("wrong {n}")),
            // Go takes the last, whatever its letters.
            1 => {
                format!(r#"{{"login":{{"mail":"nobody{n}@x.example","MAIL":"{PAUL}","passwort":"wrong"}}}}"#)
            }
            2 => {
                format!(r#"{{"login":{{"mail":"nobody{n}@x.example","mail":"{PAUL}","passwort":"wrong"}}}}"#)
            }
            _ => format!(r#"{{"Login":{{"Mail":"{PAUL}","Passwort":"wrong {n}"}}}}"#),
        };
        let answer = thief.send("POST", shop.door(), &JSON, &body).await;
        if n % 4 == 1 || n % 4 == 2 {
            assert_eq!(answer.status, 400, "{body}: {}", answer.body);
        }
    }
    assert_eq!(shop.tries() - before, 5, "five for one name, from everywhere");
});

both_engines!(what_no_shop_reads_twice_the_same_is_refused, MIGRATIONS, async |db| {
    let class = class(db, Speech::Json);
    let file = taught(&class).await;
    let (behind, shop) = guarded(class, &file);
    let before = shop.tries();
    let good = shop.typed(PAUL, PAULS);
    let deep = good.replacen('{', &format!("{{\"x\":{}{},", "[".repeat(300), "]".repeat(300)), 1);
    for (kind, body) in [
        ("application/json", deep.as_str()),
        ("application/json", "{'login':1}"),
        ("application/json", "login[mail]=a&login[passwort]=b"),
        ("application/x-www-form-urlencoded", "login[mail]=a&login[passwort]=b"),
        ("application/json", &format!("\u{feff}{good}")),
        ("application/json", &format!("{good}{good}")),
    ] {
        let lines = [("accept", "application/json"), ("content-type", kind)];
        let answer = behind.browser().send("POST", shop.door(), &lines, body).await;
        assert_eq!(answer.status, 400, "{kind} {body}: {}", answer.body);
    }
    assert_eq!(shop.tries(), before, "the shop heard of none");
});

// A lesson is its member's alone, also where it could be used to have one's own file saved as the shop's.
both_engines!(a_lesson_is_nobody_elses, MIGRATIONS, async |db| {
    let class = class(db, Speech::Json);
    let mut pupil = Pupil::new(&class).await;
    pupil.lesson().await;
    assert!(class.teach.standing(GRACE).is_none());
    let tried = class.teach.try_it(GRACE, &Chosen::default(), Secret::new(MIRAS.to_owned())).await;
    assert!(matches!(tried, Tried::NoLesson), "{tried:?}");
    class.teach.try_it(ADA, &Chosen::default(), Secret::new(MIRAS.to_owned())).await;
    assert_eq!(class.teach.save(GRACE, "reed").await.unwrap(), Saved::Refused);
    assert!(class.files.lock().unwrap().is_empty());
    // What was never seen is not chosen: a page of the attacker's, a field that names somebody else.
    for chosen in [
        Chosen { user: Some("/login/other".to_owned()), ..Chosen::default() },
        Chosen { page: Some("/reviews/of-mallory".to_owned()), ..Chosen::default() },
        Chosen { out: Some("POST /elsewhere".to_owned()), ..Chosen::default() },
        Chosen { user: Some("/login/passwort".to_owned()), ..Chosen::default() },
    ] {
        let tried = class.teach.try_it(ADA, &chosen, Secret::new(MIRAS.to_owned())).await;
        assert!(matches!(tried, Tried::NoAdapter), "{chosen:?}: {tried:?}");
    }
});

// Somebody signs in at the same time in another browser, and calls their own fields otherwise: nothing of it is learnt, and the
// lesson gives them nothing.
both_engines!(whoever_signs_in_meanwhile_is_not_looked_at, MIGRATIONS, async |db| {
    let class = class(db, Speech::Json);
    let mut pupil = Pupil::new(&class).await;
    let body = r#"{"user":"mira@people.example","password":"mallory was here"}"#;
    let passes = async |secret: &str, path: &str| {
        assert!(class.send(secret, ("POST", path), &JSON, "", body).await.is_none(), "{path}");
    };
    pupil.send("GET", "/", "").await;
    passes(&"a".repeat(64), "/mallory/enter").await;
    pupil.sign_in("wrong one").await;
    passes("", "/api/v2/enter").await;
    pupil.sign_in(MIRAS).await;
    passes(&pupil.secret.to_uppercase(), "/api/v2/enter").await;
    let theirs = class.shop.typed(PAUL, PAULS);
    class.shop.answer(&"POST".parse().unwrap(), "/api/v2/enter", &Default::default(), theirs.as_bytes());
    pupil.send("GET", "/api/v2/me", "").await;
    class.teach.compare(ADA).await;
    let learnt = class.teach.standing(ADA).unwrap().learnt;
    let choice = learnt.choice().unwrap();
    assert_eq!((choice.door.path.as_str(), choice.door.user.as_str()), ("/api/v2/enter", "/login/mail"));
    assert_eq!(choice.probe.subject.json.as_deref(), Some("/customer/mail"));
    let kept = format!("{:?}", class.teach.standing(ADA).unwrap());
    assert!(!kept.contains("mallory") && !kept.contains("paul"), "{kept}");
});

// A token that nothing was asked for with could be left to the browser before the second factor.
both_engines!(a_token_that_is_not_understood_makes_no_file, MIGRATIONS, async |db| {
    let class = class(db, Speech::Token);
    let mut pupil = Pupil::new(&class).await;
    pupil.send("GET", "/", "").await;
    pupil.sign_in(MIRAS).await;
    pupil.token.clear();
    pupil.send("GET", "/api/v2/me", "").await;
    let standing = class.teach.standing(ADA).unwrap();
    assert!(standing.learnt.choice().is_none());
    assert!(standing.doubts().iter().any(|doubt| doubt.contains("/access/token")), "{:?}", standing.doubts());
    assert!(!format!("{standing:?}").contains("token-of-mira"), "no token is kept");
});
