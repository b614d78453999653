//! Staff begin a customer's new password (ASVS 5.0 6.4.6): a letter goes to the address on file, and whoever reads it there chooses.

use storeward_base::Actor;
use storeward_identity::staff::{Act, Done};
use storeward_identity::{LetterKind, MIGRATIONS};
use storeward_store::both_engines;

use super::bench::{Answer, Bench, Browser, EMAIL, OTHER_PASSWORD, PASSWORD, STAFF};

const PATH: &str = "/.storeward/recover/link";
const NEW_PASSWORD: &str = "/.storeward/new-password";

impl Bench {
    async fn staff(&self, act: Act) -> Done {
        let customer = self.customer(EMAIL).await;
        self.identity.customers().act(&self.by(STAFF), customer, act).await.unwrap()
    }

    /// The path of the newest letter's link.
    fn link(&self) -> String {
        let letter = self.letter(LetterKind::PasswordLink);
        letter.parameter("link").strip_prefix("https://shop.example").unwrap().to_owned()
    }
}

/// Presses the button on the link's page.
async fn pressed(browser: &mut Browser<'_>, link: &str) -> Answer {
    let page = browser.get(link).await;
    assert_eq!(page.status, 200);
    browser.post(PATH, &page.csrf(), &[("t", &page.attribute("name=\"t\" value=\""))]).await
}

async fn is_spent(browser: &mut Browser<'_>, link: &str) -> bool {
    let page = browser.get(link).await;
    let token = link.split_once("?t=").unwrap().1;
    let csrf = browser.get("/.storeward/recover").await.csrf();
    let acted = browser.post(PATH, &csrf, &[("t", token)]).await;
    let spent = |answer: &Answer| answer.status == 200 && answer.body.contains("used already");
    spent(&page) && spent(&acted) && !page.body.contains("name=\"t\"")
}

both_engines!(staff_begin_a_new_password_and_its_owner_chooses_it, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    assert_eq!(bench.staff(Act::BeginNewPassword).await, Done::Changed);
    let letter = bench.letter(LetterKind::PasswordLink);
    assert_eq!((letter.to.expose().as_str(), letter.parameter("minutes")), (EMAIL, "10"));
    let link = bench.link();
    // Nothing has changed, and following the link changes nothing: scanners do that.
    assert!(owner.is_signed_in().await);
    let mut elsewhere = bench.browser().elsewhere();
    assert_eq!(elsewhere.get(&link).await.status, 200);
    assert!(elsewhere.get(NEW_PASSWORD).await.status != 200, "looking at the page opens nothing");
    bench.browser().elsewhere().sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    // Nor does a button on another site.
    let page = elsewhere.get(&link).await;
    let form = format!("csrf={}&t={}", page.csrf(), page.attribute("name=\"t\" value=\""));
    let lines =
        [("accept", "text/html"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    assert_eq!(elsewhere.send("POST", PATH, &lines, Some(&form)).await.status, 403);
    let mut browser = bench.browser().elsewhere();
    pressed(&mut browser, &link).await.leads_to("/.storeward/challenge");
    browser.get("/.storeward/challenge").await.leads_to(NEW_PASSWORD);
    let done = browser.post_from(NEW_PASSWORD, NEW_PASSWORD, &[("password", OTHER_PASSWORD)]).await;
    done.leads_to("/.storeward/sign-in?done=password");
    assert!(!owner.is_signed_in().await, "a new password ends everything");
    assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD).await.status, 403);
    bench.browser().sign_in(EMAIL, OTHER_PASSWORD).await.leads_to("/.storeward/account");
    assert!(is_spent(&mut bench.browser(), &link).await, "the link works once");
    // Who began it stands in the ledger; the link stands nowhere.
    let begun = bench.events("identity.recovery_begun").await;
    assert_eq!(begun.last().unwrap().actor, Actor::Staff { id: STAFF });
    let token = link.split_once("?t=").unwrap().1;
    assert!(bench.facts().await.iter().all(|fact| !fact.contains(token) && !fact.contains("people.example")));
    let customer = bench.customer(EMAIL).await;
    let view = bench.identity.customers().view(customer).await.unwrap().unwrap();
    assert_eq!(view.acts[0].what, "begin_new_password");
    assert!(!format!("{view:?}").contains(token));
});

// Who reads the letters but has not the second factor gets no further than by the way back that anybody can begin.
both_engines!(the_link_keeps_the_second_factor, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, secret) = bench.with_totp().await;
    bench.staff(Act::BeginNewPassword).await;
    let mut thief = bench.browser().elsewhere();
    pressed(&mut thief, &bench.link()).await.leads_to("/.storeward/challenge");
    thief.get(NEW_PASSWORD).await.leads_to("/.storeward/challenge");
    let page = thief.get("/.storeward/challenge").await;
    let forced = thief.post(NEW_PASSWORD, &page.csrf(), &[("password", OTHER_PASSWORD)]).await;
    assert!(!forced.location().contains("done=password"), "{}", forced.location());
    assert_eq!(thief.prove("mail", "00000000").await.location(), "/.storeward/challenge", "not offered");
    bench.browser().sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let code = bench.next_totp(&secret);
    thief.prove("totp", &code).await.leads_to(NEW_PASSWORD);
});

both_engines!(a_link_ends_in_time_and_with_what_it_was_for, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut visitor = bench.browser();
    // Ten minutes.
    bench.staff(Act::BeginNewPassword).await;
    let late = bench.link();
    bench.advance(601);
    assert!(is_spent(&mut visitor, &late).await);
    // A newer one.
    bench.staff(Act::BeginNewPassword).await;
    let first = bench.link();
    bench.staff(Act::BeginNewPassword).await;
    let second = bench.link();
    assert!(is_spent(&mut visitor, &first).await && !is_spent(&mut visitor, &second).await);
    // The account is locked; nor is one sent then.
    bench.staff(Act::BeginNewPassword).await;
    let third = bench.link();
    bench.staff(Act::Lock).await;
    assert!(is_spent(&mut visitor, &third).await);
    assert_eq!(bench.staff(Act::BeginNewPassword).await, Done::Already);
    bench.staff(Act::Unlock).await;
    assert!(is_spent(&mut visitor, &third).await);
    // Another kind of link or token does not pass for one, nor one for them.
    bench.advance(3_600);
    bench.staff(Act::BeginNewPassword).await;
    let token = bench.link().split_once("?t=").unwrap().1.to_owned();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    bench.browser().elsewhere().sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    let not_me = bench.letter(LetterKind::NewDevice).parameter("link").to_owned();
    let not_me = not_me.split_once("?t=").unwrap().1;
    assert!(is_spent(&mut visitor, &format!("{PATH}?t={not_me}")).await);
    let page = visitor.get(&format!("/.storeward/not-me?t={token}")).await;
    assert!(!page.body.contains("name=\"t\""), "{}", page.body);
    let mut holder = bench.browser();
    holder.cookies.push(("__Host-storeward-flow".to_owned(), token.clone()));
    assert_ne!(holder.get(NEW_PASSWORD).await.status, 200, "the link's token is no browser's");
    for nonsense in ["", "x", &"0".repeat(64)] {
        assert!(is_spent(&mut visitor, &format!("{PATH}?t={nonsense}")).await, "{nonsense}");
    }
});

// Another address since then: the letter may be in somebody else's hands.
both_engines!(a_link_to_an_earlier_address_leads_nowhere, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let customer = bench.customer(EMAIL).await;
    let path = "/.storeward/account/address";
    let desk = bench.identity.customers();
    assert_eq!(desk.act(&bench.by(STAFF), customer, Act::BeginNewPassword).await.unwrap(), Done::Changed);
    let link = bench.link();
    assert_eq!(bench.browser().get(&link).await.body.matches("name=\"t\"").count(), 1);
    owner.post_from(path, path, &[("email", "new@people.example")]).await.leads_to("/.storeward/challenge");
    let code = bench.code(LetterKind::AddressCode);
    owner.prove("mail", &code).await.leads_to("/.storeward/account?done=address");
    assert!(is_spent(&mut bench.browser(), &link).await);
});

// Staff flood nobody, and strangers do not use up what staff may send.
both_engines!(letters_with_links_are_few, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    let path = "/.storeward/recover";
    for _ in 0..8 {
        bench.browser().elsewhere().post_from(path, path, &[("email", EMAIL)]).await;
    }
    let mut done = Vec::new();
    for _ in 0..6 {
        done.push(bench.staff(Act::BeginNewPassword).await);
    }
    assert_eq!(done[..4], [Done::Changed; 4]);
    assert!(done[4..].iter().all(|done| matches!(done, Done::TooOften { .. })), "{done:?}");
    assert_eq!(bench.kinds().iter().filter(|kind| **kind == LetterKind::PasswordLink).count(), 4);
    assert!(!is_spent(&mut bench.browser(), &bench.link()).await, "the last one that was sent counts");
    bench.advance(31 * 60);
    assert_eq!(bench.staff(Act::BeginNewPassword).await, Done::Changed);
});
