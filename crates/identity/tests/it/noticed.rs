//! A sign-in that something speaks against and that nothing more is asked of: its reasons are kept, and its owner is told.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use storeward_detect::sign_in::Networks;
use storeward_identity::{LetterKind, MIGRATIONS, Policy, SecondFactor};
use storeward_passwords::breach::{Breaches, Fetch, Ranges, Service};
use storeward_store::both_engines;

use super::bench::{Answer, Bench, Browser, EMAIL, OTHER_PASSWORD, Options, PASSWORD};

const ACCOUNT: &str = "/.storeward/account";
/// The rest of the SHA-1 of [`PASSWORD`], which begins with 7EF23, and how often it was seen.
const STOLEN: &str = "FFF9742479265B9228D41530AF142668C8B:9";

/// A service that knows nothing until it is switched on, and then that one password was stolen.
struct Switch(Arc<AtomicBool>);

impl Fetch for Switch {
    fn fetch(&self, path: String) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>> {
        let is_asked = path.ends_with("/7EF23");
        let line = if is_asked { STOLEN } else { "0018A45C4D1DEF81644B54AB7F969B88D65:1" };
        let answer = self.0.load(Ordering::SeqCst).then(|| format!("{line}\r\n").into_bytes());
        Box::pin(std::future::ready(answer))
    }

    fn changed(&self, _: Service) {}
}

impl Bench {
    /// The reasons of the newest sign-in, as the ledger has them.
    async fn noticed(&self) -> String {
        let facts = self.events("identity.signed_in").await;
        serde_json::to_value(&facts.last().unwrap().event).unwrap()["data"]["noticed"].to_string()
    }

    fn count_of(&self, kind: LetterKind) -> usize {
        self.kinds().iter().filter(|known| **known == kind).count()
    }
}

// The answer was dropped where nothing more is asked: no reason was kept, and nobody heard of it.
both_engines!(a_stolen_password_is_noticed_in_every_mode, MIGRATIONS, async |db| {
    let is_known = Arc::new(AtomicBool::new(false));
    let ranges = Arc::new(Ranges::new(Switch(Arc::clone(&is_known))));
    let breaches = Breaches::new(None, Some(ranges));
    let policy = Policy { customers: SecondFactor::Offered, ..Policy::default() };
    let bench = Bench::with_options(db, Options { policy, breaches, ..Options::default() });
    let mut owner = bench.signed_up().await;
    let customer = bench.customer(EMAIL).await;
    let breached = async || bench.identity.standing(customer).await.unwrap().unwrap().password_breached;
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    assert_eq!((bench.noticed().await.as_str(), breached().await), ("null", false));
    is_known.store(true, Ordering::SeqCst);
    for (count, customers) in
        [SecondFactor::Offered, SecondFactor::Off, SecondFactor::Risk].into_iter().enumerate()
    {
        bench.identity.set_policy(Policy { customers, ..Policy::default() });
        owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
        assert_eq!(bench.noticed().await, "[\"password_breached\"]", "{customers:?}");
        let held = bench.identity.customers().view(customer).await.unwrap().unwrap().held;
        assert_eq!((held.len(), held[0].what), (count + 1, "noticed"), "{customers:?}");
        assert!(held[0].why[0].contains("breached"), "{:?}", held[0].why);
    }
    assert!(breached().await);
    assert_eq!(bench.count_of(LetterKind::SignInNoticed), 0, "guidance tells it, where it can be acted on");
    assert!(bench.identity.customers().pressed_lately().await.unwrap().is_empty(), "nothing was held back");
    // A new device in a mode that asks nobody: what spoke against it is kept beside its letter.
    bench.identity.set_policy(Policy { customers: SecondFactor::Off, ..Policy::default() });
    bench.browser().elsewhere().sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    assert!(bench.noticed().await.contains("new_device"), "{}", bench.noticed().await);
    assert_eq!((bench.count_of(LetterKind::NewDevice), bench.count_of(LetterKind::SignInNoticed)), (1, 0));
    // A service that does not answer takes nothing back; another password does.
    is_known.store(false, Ordering::SeqCst);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    assert!(breached().await);
    owner.step_up_by_mail().await;
    let path = "/.storeward/account/password";
    owner.post_from(path, path, &[("current", PASSWORD), ("password", OTHER_PASSWORD)]).await;
    assert!(!breached().await);
});

/// A sign-in by a program in the browser's place.
async fn by_program(browser: &mut Browser<'_>) -> Answer {
    let page = browser.get("/.storeward/sign-in").await;
    let fields = format!(
        "csrf={}&email={}&password={}&next=",
        page.csrf(),
        "ada%40people.example",
        PASSWORD.replace(' ', "+")
    );
    let lines = [
        ("accept", "text/html"),
        ("origin", super::bench::ORIGIN),
        ("sec-fetch-site", "same-origin"),
        ("user-agent", "python-requests/2.32"),
    ];
    browser.send("POST", "/.storeward/sign-in", &lines, Some(&fields)).await
}

// Whoever holds a copy of a device's cookie, far away and with another program, came in without a word.
both_engines!(an_unusual_sign_in_of_a_known_device_is_told_once_a_day, MIGRATIONS, async |db| {
    let mut networks = Networks::default();
    let text = "198.51.100.0/24 asn=64500 country=NO at=59.91,10.75 within_km=30\n\
                203.0.113.0/24 asn=64501 country=SG at=1.35,103.82 within_km=30 hosting\n";
    networks.read(text.as_bytes().to_vec()).unwrap();
    let policy = Policy { customers: SecondFactor::Offered, ..Policy::default() };
    let bench = Bench::with_options(db, Options { policy, networks, ..Options::default() });
    let mut owner = bench.signed_up().await;
    for _ in 0..6 {
        owner.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    }
    assert_eq!(bench.noticed().await, "null");
    let before = bench.kinds().len();
    let mut moved =
        Browser { cookies: owner.cookies.clone(), address: "203.0.113.9".parse().unwrap(), ..owner };
    by_program(&mut moved).await.leads_to(ACCOUNT);
    assert!(bench.noticed().await.contains("impossible_travel"), "{}", bench.noticed().await);
    let letter = bench.letter(LetterKind::SignInNoticed);
    assert!(letter.parameter("link").contains("/not-me?t=") && !letter.parameter("device").is_empty());
    assert_eq!(bench.kinds().len(), before + 1);
    bench.advance(3_600);
    let mut home = Browser { cookies: moved.cookies.clone(), ..bench.browser() };
    home.sign_in(EMAIL, PASSWORD).await.leads_to(ACCOUNT);
    moved.cookies = home.cookies;
    by_program(&mut moved).await.leads_to(ACCOUNT);
    assert_eq!(bench.count_of(LetterKind::SignInNoticed), 1, "one a day");
});
