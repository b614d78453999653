//! What members of staff are told by letter of their own access (ASVS 5.0 6.3.5, 6.3.7): through the outbox, to a mail server.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use storeward_base::{Secret, SystemEntropy};
use storeward_console::Console;
use storeward_outbound::mail::{Brand, Line, MailSection};
use storeward_outbound::postbox::{Postbox, PostboxOptions};
use storeward_post::{Outbox, OutboxParts};
use storeward_seal::totp::TotpSecret;
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::jobs::{Runner, RunnerOptions};
use storeward_store::testing::TestDb;
use storeward_store::{Migration, both_engines};

use super::bench::{Bench, Browser, EMAIL, PASSWORD, enrol_form};

static WITH_POST: LazyLock<Vec<Migration>> = LazyLock::new(|| {
    [storeward_console::MIGRATIONS, storeward_identity::MIGRATIONS, storeward_post::MIGRATIONS].concat()
});

const OTHER_PASSWORD: &str = "umbrella over tea and lamp";

/// A mail server, and what sends to it.
pub struct Letterbox {
    postbox: Postbox,
    pub outbox: Outbox,
}

impl Letterbox {
    pub fn new() -> Self {
        let postbox = Postbox::start(PostboxOptions::default()).unwrap();
        let section: MailSection = toml::from_str(&format!(
            "server = '127.0.0.1'\nport = {}\nsecurity = 'none'\nfrom = 'Shop <service@shop.example>'",
            postbox.port()
        ))
        .unwrap();
        let outbox = Outbox::new(OutboxParts {
            mailer: Some(section.mailer().unwrap()),
            gateway: None,
            brand: Brand::new(Line::parse("Larkmoor").unwrap()),
            key: DataKey::generate(&SystemEntropy),
            marks: PseudonymKey::from_bytes(Secret::new([7; 32])).mark_key("post.recipient"),
            entropy: Arc::new(SystemEntropy),
        });
        Letterbox { postbox, outbox }
    }

    fn bench(&self, db: TestDb) -> Bench {
        Bench::with_mail(db, self.outbox.clone())
    }

    /// Sends what was promised: the subjects of all that came, sorted.
    pub async fn subjects(&self, bench: &Bench) -> Vec<String> {
        let options = RunnerOptions { sweep: Duration::from_millis(20), ..RunnerOptions::default() };
        let handle = tokio::runtime::Handle::current();
        let handlers = self.outbox.handlers(&bench.db);
        let runner = Runner::start((*bench.db).clone(), handlers, options, &handle, |_| {}).unwrap();
        let waiting = "SELECT CAST(COUNT(*) AS BIGINT) FROM job WHERE kind = 'post.mail'";
        loop {
            let read = bench.db.read(move |reader| reader.query_one(waiting, &[], |row| row.get::<i64>(0)));
            let left: Result<i64, storeward_store::Error> = read.await;
            if left.unwrap() == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        runner.stop(Duration::from_secs(5)).await;
        let mails = self.postbox.mails();
        assert!(mails.iter().all(|mail| mail.to == [EMAIL]), "{mails:?}");
        let mut subjects: Vec<String> = mails.iter().map(|mail| mail.subject()).collect();
        // Several go out at once.
        subjects.sort();
        subjects
    }
}

async fn sign_in(bench: &Bench, browser: &mut Browser<'_>, password: &str, code: &str) -> u16 {
    let csrf = browser.get("/sign-in").await.csrf();
    let password = password.replace(' ', "+");
    let form = format!("csrf={csrf}&email={EMAIL}&password={password}&code={code}");
    let answer = browser.post("/sign-in", &form).await;
    bench.clock.advance(Duration::from_secs(31));
    answer.status.as_u16()
}

async fn good(bench: &Bench, browser: &mut Browser<'_>, secret: &TotpSecret, password: &str) {
    bench.clock.advance(Duration::from_secs(31));
    let code = bench.code(secret);
    assert_eq!(sign_in(bench, browser, password, &code).await, 303);
}

const NEW_PLACE: &str = "Console: a sign-in from somewhere new";
const MISSED: &str = "Console: a second factor did not fit";

both_engines!(a_sign_in_from_somewhere_new_is_told, &WITH_POST, async |db| {
    let letterbox = Letterbox::new();
    let bench = letterbox.bench(db);
    let (_, secret) = bench.enrolled().await;
    good(&bench, &mut bench.browser(), &secret, PASSWORD).await;
    assert!(letterbox.subjects(&bench).await.is_empty(), "where the account was made");
    let mut neighbour = bench.browser();
    neighbour.address = "198.51.100.99".parse().unwrap();
    good(&bench, &mut neighbour, &secret, PASSWORD).await;
    assert!(letterbox.subjects(&bench).await.is_empty(), "the same network");
    let mut elsewhere = bench.browser();
    elsewhere.address = "203.0.113.9".parse().unwrap();
    good(&bench, &mut elsewhere, &secret, PASSWORD).await;
    assert_eq!(letterbox.subjects(&bench).await, [NEW_PLACE]);
    let mail = &letterbox.postbox.mails()[0];
    let text = mail.text();
    assert!(text.contains("203.0.113.0/24") && !text.contains("203.0.113.9"), "{text}");
    assert!(!text.contains("http"), "{text}");
    good(&bench, &mut elsewhere, &secret, PASSWORD).await;
    assert_eq!(letterbox.subjects(&bench).await.len(), 1, "known by now");
});

// Once a day, and never for whoever does not know the password.
both_engines!(a_second_factor_that_did_not_fit_is_told_once_a_day, &WITH_POST, async |db| {
    let letterbox = Letterbox::new();
    let bench = letterbox.bench(db);
    drop(bench.enrolled().await);
    let mut thief = bench.browser();
    thief.address = "203.0.113.9".parse().unwrap();
    for _ in 0..4 {
        assert_eq!(sign_in(&bench, &mut thief, "something else entirely", "000000").await, 403);
        bench.clock.advance(Duration::from_secs(600));
    }
    assert!(letterbox.subjects(&bench).await.is_empty());
    for _ in 0..3 {
        assert_eq!(sign_in(&bench, &mut thief, PASSWORD, "000000").await, 403);
        bench.clock.advance(Duration::from_secs(600));
    }
    assert_eq!(letterbox.subjects(&bench).await, [MISSED]);
    // Nor does it matter that no mail can be sent: the ledger has it, and nobody is kept out.
    assert_eq!(bench.events("staff.sign_in_failed").await.len(), 7);
    bench.clock.advance(Duration::from_secs(86_400));
    assert_eq!(sign_in(&bench, &mut thief, PASSWORD, "000000").await, 403);
    assert_eq!(letterbox.subjects(&bench).await, [MISSED, MISSED]);
});

// A session that was taken over: the factor is asked for, and does not fit.
both_engines!(what_changes_ones_access_is_told, &WITH_POST, async |db| {
    let letterbox = Letterbox::new();
    let bench = letterbox.bench(db);
    let (mut browser, secret) = bench.enrolled().await;
    let csrf = browser.get("/you").await.csrf();
    let confirm = format!("csrf={csrf}&code=000000&next=/you");
    assert_eq!(browser.post("/confirm", &confirm).await.status, 403);
    crate::own::add(&mut browser).await;
    let page = browser.get("/you").await;
    let id = page.attribute("name=\"id\" value=\"");
    let gone = browser.post("/you/passkey/remove", &format!("csrf={}&id={id}", page.csrf())).await;
    assert_eq!(gone.location(), "/you?done=removed");
    let csrf = browser.get("/you/password").await.csrf();
    let (old, new) = (PASSWORD.replace(' ', "+"), OTHER_PASSWORD.replace(' ', "+"));
    let form = format!("csrf={csrf}&current={old}&password={new}&repeated={new}");
    assert_eq!(browser.post("/you/password", &form).await.status, 303);
    let changed = "Console: your password was changed";
    let passkeys = ["Console: a passkey was added", "Console: a passkey was removed"];
    let told = [passkeys[0], passkeys[1], MISSED, changed];
    assert_eq!(letterbox.subjects(&bench).await, told);
    // After a reset, the person who has enrolled anew.
    let (db, key) = ((*bench.db).clone(), bench.key.clone());
    let reset = tokio::task::spawn_blocking(move || {
        let actor = storeward_base::Actor::Operator;
        Console::reset_member_blocking(&db, &key, &SystemEntropy, actor, EMAIL)
    });
    let path = reset.await.unwrap().unwrap().path.expose().clone();
    let mut anew = bench.browser();
    let page = anew.get(&path).await;
    let fresh = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
    bench.clock.advance(Duration::from_secs(31));
    let form = enrol_form(&page.csrf(), EMAIL, PASSWORD, &bench.code(&fresh));
    assert_eq!(anew.post(&path, &form).await.status, 303);
    let told = [&told[..3], &["Console: your access was set up anew", changed]].concat();
    assert_eq!(letterbox.subjects(&bench).await, told);
    let all = letterbox.postbox.mails().iter().map(|mail| mail.text()).collect::<String>();
    for word in [PASSWORD, OTHER_PASSWORD, secret.base32().expose(), fresh.base32().expose(), "/enrol/"] {
        assert!(!all.contains(word), "{word}");
    }
    // Nobody who is removed is left in a table.
    let db = (*bench.db).clone();
    let removed = tokio::task::spawn_blocking(move || {
        Console::remove_member_blocking(&db, storeward_base::Actor::Operator, EMAIL)
    });
    removed.await.unwrap().unwrap();
    let rows = "SELECT CAST((SELECT COUNT(*) FROM staff_seen) + (SELECT COUNT(*) FROM staff_told) AS BIGINT)";
    let left = bench.db.read(move |reader| reader.query_one(rows, &[], |row| row.get::<i64>(0)));
    let left: Result<i64, storeward_store::Error> = left.await;
    assert_eq!(left.unwrap(), 0);
});
