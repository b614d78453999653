//! Guidance while a password is typed: what it says, for whom, and what it can be misused for.

use std::sync::Arc;

use storeward_identity::{LetterKind, MIGRATIONS, Policy, SecondFactor};
use storeward_outbound::recorder::{Answer as Stored, Recorder};
use storeward_passwords::breach::{Breaches, Fetch, Ranges, Service};
use storeward_store::both_engines;

use super::bench::{Answer, Bench, Browser, EMAIL, OTHER_PASSWORD, Options, PASSWORD};

const METER: &str = "/.storeward/password-meter";

impl Browser<'_> {
    /// What the script asks, with the token of the page at `from`.
    async fn typed(&mut self, from: &str, path: &str, fields: &[(&str, &str)]) -> serde_json::Value {
        let answer = self.post_from(from, path, fields).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.headers["cache-control"], "no-store");
        serde_json::from_str(&answer.body).unwrap()
    }

    async fn typed_at_sign_up(&mut self, password: &str) -> serde_json::Value {
        let fields = [("password", password), ("email", EMAIL), ("name", "Ada Byron")];
        self.typed("/.storeward/sign-up", METER, &fields).await
    }
}

fn advice(told: &serde_json::Value) -> String {
    told["advice"]
        .as_array()
        .unwrap()
        .iter()
        .map(|words| words.as_str().unwrap())
        .collect::<Vec<_>>()
        .join(" ")
}

both_engines!(words_follow_what_is_typed, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut browser = bench.browser();
    for (password, fits, words) in [
        ("lam", false, "at least 15 characters"),
        ("lamp post umbre", true, ""),
        (PASSWORD, true, ""),
        ("qwertyuiopasdfgh", false, "quickly guessed"),
        ("ada@people.example", false, "not your name, your e-mail"),
        ("Ada Byron 12345", false, "not your name"),
        ("shop.example 2026", false, "the shop's name"),
        ("121212121212121212", false, "more different characters"),
    ] {
        let told = browser.typed_at_sign_up(password).await;
        assert_eq!(told["fits"], fits, "{password}: {told}");
        assert!(advice(&told).contains(words), "{password}: {told}");
        assert!(told["score"].as_u64().unwrap() <= if fits { 4 } else { 1 }, "{password}: {told}");
        assert!(told["advice"].as_array().unwrap().len() <= 2 && !told.to_string().contains(password));
        // The form says the same in the end.
        let fields = [("email", EMAIL), ("name", "Ada Byron"), ("password", password), ("next", "")];
        let sent = browser.post_from("/.storeward/sign-up", "/.storeward/sign-up", &fields).await;
        assert_eq!(sent.status.as_u16() == 303, fits, "{password}");
    }
    browser.language = "de";
    let told = browser.typed_at_sign_up("lam").await;
    assert!(advice(&told).contains("Mindestens 15 Zeichen"), "{told}");
    assert!(bench.facts().await.iter().all(|fact| !fact.contains("password")), "typing is no fact");
});

// Who knows the account is told by the account: its address counts for nothing, whatever the form says.
both_engines!(inside_and_on_the_way_back_the_account_counts, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut browser = bench.signed_up().await;
    let (page, meter) = ("/.storeward/account/password", "/.storeward/account/password/meter");
    let shown = browser.get(page).await;
    assert!(shown.body.contains(&format!("data-meter=\"{meter}\"")) && shown.body.contains("meter.js"));
    let told = browser.typed(page, meter, &[("password", EMAIL), ("email", "x@y.example")]).await;
    assert!(told["fits"] == false && advice(&told).contains("your e-mail"), "{told}");
    assert_eq!(browser.typed(page, meter, &[("password", OTHER_PASSWORD)]).await["fits"], true);

    let mut lost = bench.browser().elsewhere();
    let begun = lost.post_from("/.storeward/recover", "/.storeward/recover", &[("email", EMAIL)]).await;
    begun.leads_to("/.storeward/challenge");
    let (page, meter) = ("/.storeward/new-password", "/.storeward/new-password/meter");
    // Before the code was shown there is nothing to say.
    let told = lost.typed("/.storeward/challenge", meter, &[("password", EMAIL)]).await;
    assert_eq!((&told["score"], advice(&told).as_str()), (&serde_json::Value::Null, ""));
    lost.prove("mail", &bench.code(LetterKind::RecoveryCode)).await.leads_to(page);
    let told = lost.typed(page, meter, &[("password", EMAIL)]).await;
    assert!(told["fits"] == false && advice(&told).contains("your e-mail"), "{told}");
    assert_eq!(lost.typed(page, meter, &[("password", OTHER_PASSWORD)]).await["fits"], true);
});

both_engines!(it_is_no_way_for_other_sites_and_no_burden, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut browser = bench.browser();
    let page = browser.get("/.storeward/sign-up").await;
    let form = format!("csrf={}&password=lamp", page.csrf());
    let foreign = [
        ("accept", "application/json"),
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    assert_eq!(browser.send("POST", METER, &foreign, Some(&form)).await.status, 403);
    let own = [
        ("accept", "application/json"),
        ("origin", "https://shop.example"),
        ("sec-fetch-site", "same-origin"),
    ];
    assert_eq!(browser.send("POST", METER, &own, Some("csrf=00&password=lamp")).await.status, 403);
    assert_eq!(browser.send("GET", METER, &own, None).await.status, 405);
    // Signed out, the account's own is shut.
    let shut = browser.send("POST", "/.storeward/account/password/meter", &own, Some(&form)).await;
    assert_eq!(shut.status, 401);
    // What is longer than anybody's password is not read at all; what is too long is told so.
    let told = browser.typed_at_sign_up(&"lamp post ".repeat(120)).await;
    assert!(advice(&told).contains("longer than 1024 bytes"), "{told}");
    let told = browser.typed_at_sign_up(&"lamp post ".repeat(300)).await;
    assert_eq!(told["score"], serde_json::Value::Null);
    let huge = format!("csrf={}&password={}", page.csrf(), "x".repeat(70_000));
    assert_eq!(browser.send("POST", METER, &own, Some(&huge)).await.status, 413);
    // From one network only so often; others are answered, and a second later one more.
    let mut said = 0;
    for n in 0..200 {
        let told: Answer = browser.send("POST", METER, &own, Some(&format!("{form}{n}"))).await;
        said += usize::from(!told.body.contains("null"));
    }
    assert!((100..=120).contains(&said), "{said} of 200 were answered");
    let mut other = bench.browser().elsewhere();
    assert_eq!(other.typed_at_sign_up(PASSWORD).await["fits"], true);
    // The form is not held up by it.
    browser.sign_up(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    bench.advance(30);
    assert_eq!(browser.typed_at_sign_up(PASSWORD).await["fits"], true);
});

/// A service in the protocol of Pwned Passwords, asked over a real socket.
struct Called(Recorder);

impl Fetch for Called {
    fn fetch(&self, path: String) -> std::pin::Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>> {
        Box::pin(async move {
            use storeward_outbound::{AllowList, Client, Options};
            let client =
                Client::new(AllowList::new().internal(&self.0.url()).ok()?, Options::default()).ok()?;
            let reply = client.get(&format!("{}{path}", self.0.url())).await.ok()?;
            (reply.status == 200).then(|| reply.body.to_vec())
        })
    }

    fn changed(&self, _: Service) {}
}

both_engines!(what_a_service_knows_to_be_stolen_is_refused_and_raises_the_risk, MIGRATIONS, async |db| {
    const STOLEN: &str = "violet kettle drums softly";
    // What the service says of passwords whose SHA-1 begins with 35B70: others, padding, and this one.
    const LINES: &str = "0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n3033591DBAF74CD80F41B3C13ACE0973167:3\r\n\
                         FFE8A45C4D1DEF81644B54AB7F969B88D65:0\r\n";
    let service = Recorder::start().unwrap();
    service.answer_at("/range/35B70", Stored::new(200, LINES));
    service.answer_otherwise(Stored::new(200, "0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n"));
    // It is in trouble at first: then nobody is kept out.
    service.answer_next(Stored::new(503, ""));
    service.answer_next(Stored::new(503, ""));
    let ranges = Arc::new(Ranges::new(Called(service)));
    let breaches = Breaches::new(None, Some(Arc::clone(&ranges)));
    let policy = Policy { customers: SecondFactor::Risk, ..Policy::default() };
    let bench = Bench::with_options(db, Options { policy, breaches, ..Options::default() });
    let mut browser = bench.browser();
    browser.sign_up(EMAIL, STOLEN).await.leads_to("/.storeward/challenge");
    browser.prove("mail", &bench.code(LetterKind::SignUpCode)).await.leads_to("/.storeward/account");
    let reasons = async || {
        let asked = bench.events("identity.step_up_asked").await;
        serde_json::to_string(&asked.last().unwrap().event).unwrap()
    };
    bench.browser().elsewhere().sign_in(EMAIL, STOLEN).await.leads_to("/.storeward/challenge");
    assert_eq!(ranges.stats().unknown, 2);
    assert!(!reasons().await.contains("password_breached"), "{}", reasons().await);
    // A wrong one is nobody's business.
    assert_eq!(browser.sign_in(EMAIL, OTHER_PASSWORD).await.status, 403);
    assert_eq!((ranges.stats().unknown, ranges.stats().seen, ranges.stats().never), (2, 0, 0));
    // It answers: the password that is used now is known to be stolen.
    bench.browser().elsewhere().sign_in(EMAIL, STOLEN).await.leads_to("/.storeward/challenge");
    assert_eq!(ranges.stats().seen, 1);
    assert!(reasons().await.contains("password_breached"), "{}", reasons().await);
    // Nor can it be chosen, and half of it is asked of nobody outside.
    let mut other = bench.browser().elsewhere();
    let refused = other.sign_up("abe@people.example", STOLEN).await;
    assert!(refused.status == 422 && refused.body.contains("was stolen"), "{}", refused.body);
    let before = ranges.stats();
    assert_eq!(other.typed_at_sign_up("violet kettle drums").await["fits"], true);
    assert_eq!(ranges.stats(), before);
});
