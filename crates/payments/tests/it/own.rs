//! What customers see of how they pay, where they are signed in: their own, behind everything they have; and who tries for another's.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use storeward_base::{Actor, ClientIp, CustomerId, Secret, SystemEntropy};
use storeward_detect::sign_in::Networks;
use storeward_host::OwnPages;
use storeward_identity::{Identity, IdentityParts, LetterKind, Policy, RecordedPost, SecondFactor};
use storeward_passwords::breach::Breaches;
use storeward_passwords::{Pool, PoolOptions};
use storeward_payments::pages::{Numbers, OWN_MEANS, OwnMeans};
use storeward_payments::{NewPayment, Provider, Saving, Strength, Terms};
use storeward_puzzle::{Difficulty, Puzzles};
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::testing::TestDb;
use storeward_store::{Migration, both_engines};
use storeward_web::http::{HeaderMap, Request};

use crate::support::{Shop, ledger_text, order_of, reference, told};

static MIGRATIONS: LazyLock<Vec<Migration>> =
    LazyLock::new(|| [storeward_identity::MIGRATIONS, storeward_payments::MIGRATIONS].concat());

const PASSWORD: &str = "lamp post umbrella tea";

/// Which number the shop has given to which account.
#[derive(Default)]
struct Given(Mutex<BTreeMap<CustomerId, String>>);

impl Numbers for Given {
    fn of(
        &self,
        customer: CustomerId,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<String>, storeward_payments::Error>> + Send + '_>> {
        let given = self.0.lock().unwrap().get(&customer).cloned();
        Box::pin(async move { Ok([customer.to_string()].into_iter().chain(given).collect()) })
    }
}

struct Stand {
    shop: Shop,
    identity: Identity,
    post: Arc<RecordedPost>,
    given: Arc<Given>,
    app: OwnPages,
}

fn stand_of(db: &TestDb, shop: Shop) -> Stand {
    let clock = Arc::clone(&db.clock);
    let post = Arc::new(RecordedPost::default());
    let identity = Identity::new(IdentityParts {
        db: (**db).clone(),
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
        data_key: DataKey::from_bytes(Secret::new([3; 32])),
        pseudonym_key: PseudonymKey::from_bytes(Secret::new([7; 32])),
        post: post.clone(),
        passwords: Pool::start(PoolOptions::new(clock.clone(), Arc::new(SystemEntropy))).unwrap(),
        breaches: Breaches::default(),
        puzzles: Arc::new(Puzzles::new(
            &Secret::new("of this test".to_owned()),
            Difficulty::SMALL,
            clock,
            Arc::new(SystemEntropy),
        )),
        networks: Networks::default(),
        policy: Policy { customers: SecondFactor::Offered, ..Policy::default() },
        shop_names: vec!["shop.example".to_owned()],
        port: 443,
        quantum: Duration::ZERO,
    });
    let given = Arc::new(Given::default());
    let means = OwnMeans::new(identity.clone(), shop.payments.clone(), given.clone());
    let app = OwnPages::new(identity.router(None).unwrap(), &[], &[]);
    let app = app.with(&[OWN_MEANS], means.router().unwrap());
    Stand { shop, identity, post, given, app }
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn location(&self) -> &str {
        self.headers.get("location").map_or("", |value| value.to_str().unwrap())
    }

    fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let rest = self.body.split(&start).nth(1).unwrap_or_else(|| panic!("no {name} in {}", self.body));
        rest.split('"').next().unwrap().to_owned()
    }
}

/// A browser with its cookies.
struct Browser<'a> {
    stand: &'a Stand,
    cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    fn new(stand: &'a Stand) -> Self {
        Browser { stand, cookies: BTreeMap::new() }
    }

    async fn send(&mut self, method: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "shop.example")
            .header("accept", "text/html")
            .header("accept-language", "en")
            .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
            .header("cookie", cookies.join("; "));
        if method == "POST" {
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .header("origin", "https://shop.example")
                .header("sec-fetch-site", "same-origin");
        }
        let encode = |text: &str| -> String {
            let sign = |b: u8| match b {
                b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
                b => format!("%{b:02X}"),
            };
            text.bytes().map(sign).collect()
        };
        let form: Vec<String> = form.iter().map(|(n, v)| format!("{n}={}", encode(v))).collect();
        let mut request = request.body(Bytes::from(form.join("&"))).unwrap();
        let client: ClientIp = "198.51.100.7".parse().unwrap();
        request.extensions_mut().insert(client);
        let (head, body) = self.stand.app.answer(request).await.into_parts();
        for line in head.headers.get_all("set-cookie") {
            let (name, value) = line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        self.cookies.retain(|_, value| !value.is_empty());
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[]).await
    }

    /// Signs up, and says who that is.
    async fn sign_up(&mut self, email: &str) -> CustomerId {
        let csrf = self.get("/.storeward/sign-up").await.hidden("csrf");
        let form = [("csrf", csrf.as_str()), ("email", email), ("name", "Ada"), ("password", PASSWORD)];
        assert_eq!(self.send("POST", "/.storeward/sign-up", &form).await.location(), "/.storeward/challenge");
        let code = self.stand.post.last(LetterKind::SignUpCode).unwrap().parameter("code").to_owned();
        let csrf = self.get("/.storeward/challenge").await.hidden("csrf");
        let form = [("csrf", csrf.as_str()), ("method", "mail"), ("secret", code.as_str())];
        let proved = self.send("POST", "/.storeward/challenge", &form).await;
        assert_eq!(proved.location(), "/.storeward/account");
        let customers = self.stand.identity.customers();
        customers.find(storeward_base::StaffId::from_bits(7), email).await.unwrap()[0]
    }

    async fn remove(&mut self, csrf: &str, id: &str) -> Answer {
        self.send("POST", "/.storeward/means/remove", &[("csrf", csrf), ("id", id)]).await
    }
}

/// Pays once, and lets it be kept.
async fn keeps(shop: &Shop, number: &str, order: &str, provider: Provider) -> String {
    let new =
        NewPayment { customer: Some(number.to_owned()), saving: Saving::Yes, ..order_of(order, 1999, "EUR") };
    let payment = shop.payments.create(Actor::System, new).await.unwrap();
    let terms = Terms { saves: true, ..Terms::of(provider, Strength::Usual) };
    let begun = shop.payments.begin_on(payment.id, terms).await.unwrap();
    shop.pay(provider, &reference(provider, &begun.address)).await;
    for _ in 0..3 {
        shop.payments.look(payment.id).await.unwrap();
    }
    let kept = shop.payments.methods(number).await.unwrap();
    kept.into_iter().rfind(|one| one.provider == provider).unwrap().id
}

both_engines!(customers_see_and_remove_what_is_kept_of_them, &MIGRATIONS, async |db| {
    let stand = stand_of(&db, Shop::new(&db).await);
    let mut ada = Browser::new(&stand);
    let id = ada.sign_up("ada@people.example").await;
    stand.given.0.lock().unwrap().insert(id, "4711".to_owned());
    let empty = ada.get(OWN_MEANS).await;
    assert!(empty.status == 200 && empty.body.contains("keeps nothing"), "{}", empty.body);
    // By the shop's own number, and by the account's id, at both providers.
    let card = keeps(&stand.shop, "4711", "O-1", Provider::Stripe).await;
    let wallet = keeps(&stand.shop, &id.to_string(), "O-2", Provider::PayPal).await;
    let page = ada.get(OWN_MEANS).await;
    for seen in ["Visa •••• 4242", "good until ", "kept since ", "PayPal", &card, &wallet] {
        assert!(page.body.contains(seen), "{seen}: {}", page.body);
    }
    for hidden in ["pm_", "cus_", "4242424242424242"] {
        assert!(!page.body.contains(hidden), "{hidden}: {}", page.body);
    }
    let csrf = page.hidden("csrf");
    for one in [&card, &wallet] {
        let done = ada.remove(&csrf, one).await;
        assert_eq!((done.status, done.location()), (303, "/.storeward/means?done=removed"));
    }
    let after = ada.get("/.storeward/means?done=removed").await;
    assert!(after.body.contains("It is removed") && after.body.contains("keeps nothing"), "{}", after.body);
    // Whoever has no address is not told that they were written to.
    assert!(after.body.contains("We wrote to your"), "{}", after.body);
    let unwritten = ada.get("/.storeward/means?done=removed-unwritten").await.body;
    assert!(unwritten.contains("It is removed") && !unwritten.contains("We wrote"), "{unwritten}");
    assert!(stand.shop.payments.methods("4711").await.unwrap().is_empty());
    // Each is told by letter, and in the account's own list; the ledger says who it was.
    let letters = stand.post.all();
    let told_of: Vec<_> = letters.iter().filter(|one| one.kind == LetterKind::MeansRemoved).collect();
    assert_eq!(told_of.len(), 2);
    assert_eq!(
        (told_of[0].to.expose().as_str(), told_of[0].parameter("means")),
        ("ada@people.example", "Visa •••• 4242")
    );
    assert!(told_of[0].parameter("link").contains("/not-me?t="));
    assert!(ada.get("/.storeward/account").await.body.contains("Means of payment removed"));
    assert_eq!(told(&db).await.iter().filter(|kind| **kind == "payment.method_removed").count(), 2);
    assert!(ledger_text(&db).await.contains(&format!("\"id\":\"{id}\"")));
    // Once more is nothing more: no second letter.
    assert_eq!(ada.remove(&csrf, &card).await.location(), OWN_MEANS);
    assert_eq!(stand.post.all().len(), letters.len());
});

// Who has no address is told nothing by letter, and is not told that they were.
both_engines!(who_has_no_address_is_not_said_to_be_written_to, &MIGRATIONS, async |db| {
    let stand = stand_of(&db, Shop::new(&db).await);
    let mut ada = Browser::new(&stand);
    let id = ada.sign_up("ada@people.example").await;
    stand.given.0.lock().unwrap().insert(id, "4711".to_owned());
    let card = keeps(&stand.shop, "4711", "O-1", Provider::Stripe).await;
    let csrf = ada.get(OWN_MEANS).await.hidden("csrf");
    // As an account that came with a shop's number and no address.
    db.raw("UPDATE customer_account SET email_mark = NULL, email_sealed = NULL, email_confirmed_at = NULL, tag = NULL");
    let store = (*db).clone();
    let bound = std::thread::spawn(move || storeward_identity::bind_old_blocking(&store)).join().unwrap();
    assert!(bound.unwrap() > 0);
    let before = stand.post.all().len();
    let done = ada.remove(&csrf, &card).await;
    assert_eq!((done.status, done.location()), (303, "/.storeward/means?done=removed-unwritten"));
    assert_eq!(stand.post.all().len(), before);
    assert!(stand.shop.payments.methods("4711").await.unwrap().is_empty());
});

// Signed out, signed in as another, long ago, from another site, with another's id: nothing is seen, and nothing is taken away.
both_engines!(nobody_reaches_what_is_kept_of_another, &MIGRATIONS, async |db| {
    let stand = stand_of(&db, Shop::new(&db).await);
    let mut ada = Browser::new(&stand);
    let id = ada.sign_up("ada@people.example").await;
    stand.given.0.lock().unwrap().insert(id, "4711".to_owned());
    let card = keeps(&stand.shop, "4711", "O-1", Provider::Stripe).await;
    let is_there = async || stand.shop.payments.methods("4711").await.unwrap().len() == 1;
    let mut stranger = Browser::new(&stand);
    let asked = stranger.get(OWN_MEANS).await;
    assert!(asked.location().starts_with("/.storeward/sign-in"), "{}", asked.location());
    let asked = stranger.remove("00", &card).await;
    assert!(asked.status != 200 && !asked.location().contains("done"), "{}", asked.location());
    let mut eve = Browser::new(&stand);
    let evil = eve.sign_up("eve@people.example").await;
    for path in [OWN_MEANS.to_owned(), format!("{OWN_MEANS}?id={card}&customer=4711&number=4711")] {
        let page = eve.get(&path).await;
        assert!(
            page.status == 200 && !page.body.contains("4242") && !page.body.contains(&card),
            "{}",
            page.body
        );
    }
    // Another's id is answered as one that is nobody's.
    let held = keeps(&stand.shop, &evil.to_string(), "O-2", Provider::Stripe).await;
    let csrf = eve.get(OWN_MEANS).await.hidden("csrf");
    let form = [("csrf", csrf.as_str()), ("id", card.as_str()), ("customer", "4711"), ("number", "4711")];
    let foreign = eve.send("POST", "/.storeward/means/remove", &form).await;
    let unknown = eve.remove(&csrf, "method_0").await;
    assert_eq!((foreign.status, foreign.location()), (unknown.status, unknown.location()));
    assert_eq!(foreign.location(), OWN_MEANS);
    // Nor with Ada's own token, or none.
    let theirs = ada.get(OWN_MEANS).await.hidden("csrf");
    for token in [theirs.as_str(), ""] {
        assert_eq!(eve.remove(token, &held).await.status, 403);
    }
    assert!(is_there().await && stand.shop.payments.methods(&evil.to_string()).await.unwrap().len() == 1);
    assert!(stand.post.last(LetterKind::MeansRemoved).is_none());
    // Who proved themselves an hour ago proves it once more.
    db.clock.advance(Duration::from_secs(3600));
    let stale = ada.get(OWN_MEANS).await;
    assert!(stale.location().contains("step-up"), "{} {}", stale.status, stale.location());
    let stale = ada.remove(&theirs, &card).await;
    assert!(stale.location().contains("step-up") && is_there().await, "{}", stale.location());
});
