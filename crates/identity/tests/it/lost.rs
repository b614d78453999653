//! Every factor is lost: a waiting time that its owner hears of and can stop, and a new factor at its end, no more.

use std::time::Duration;

use storeward_base::StaffId;
use storeward_identity::staff::{Act, Done};
use storeward_identity::{LetterKind, MIGRATIONS};
use storeward_seal::totp::TotpSecret;
use storeward_store::both_engines;
use storeward_store::jobs::{Runner, RunnerOptions};

use super::bench::{Answer, Bench, Browser, EMAIL, PASSWORD, STAFF};

const DAYS_3: u64 = 72 * 3_600;

/// Asks for a way back and shows the mailed code.
async fn come_back(browser: &mut Browser<'_>) -> Answer {
    browser
        .post_from("/.storeward/recover", "/.storeward/recover", &[("email", EMAIL)])
        .await
        .leads_to("/.storeward/challenge");
    let code = browser.bench.code(LetterKind::RecoveryCode);
    browser.prove("mail", &code).await
}

/// Says that everything is lost.
async fn lose(browser: &mut Browser<'_>) -> Answer {
    come_back(browser).await.leads_to("/.storeward/challenge");
    browser.post_from("/.storeward/challenge", "/.storeward/challenge/lost", &[]).await
}

/// Does what is due, with the runner of the program.
async fn run_jobs(bench: &Bench) {
    let db = (*bench.db).clone();
    let options = RunnerOptions::default();
    let runner =
        Runner::start(db, bench.identity.handlers(), options, &tokio::runtime::Handle::current(), |_| {});
    let runner = runner.unwrap();
    let now = bench.db.now();
    let due = || async {
        let read = bench.db.read(move |reader| {
            reader.query_one(
                "SELECT CAST(COUNT(*) AS BIGINT) FROM job WHERE run_at <= $1",
                &[now.into()],
                |row| row.get::<i64>(0),
            )
        });
        read.await.unwrap()
    };
    while due().await > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    runner.stop(Duration::from_secs(5)).await;
}

fn link(bench: &Bench, kind: LetterKind) -> String {
    bench.letter(kind).parameter("link").strip_prefix("https://shop.example").unwrap().to_owned()
}

both_engines!(a_new_factor_after_the_waiting_time, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut old, secret) = bench.with_totp().await;
    let mut person = bench.browser().elsewhere();
    let begun = lose(&mut person).await;
    assert!(begun.status == 200 && begun.body.contains("UTC"), "{}", begun.body);
    assert_eq!(bench.letter(LetterKind::RecoveryWaitBegun).to.expose(), EMAIL);
    // Before the end there is nothing but the factor that was lost, also with a new code.
    bench.advance(DAYS_3 - 7_200);
    run_jobs(&bench).await;
    assert_eq!(bench.kinds().iter().filter(|kind| **kind == LetterKind::RecoveryWaitGoesOn).count(), 1);
    come_back(&mut person).await.leads_to("/.storeward/challenge");
    assert_eq!(person.get("/.storeward/new-factor").await.location(), "/.storeward/challenge");
    let csrf = person.get("/.storeward/challenge").await.csrf();
    let early = person.post("/.storeward/new-factor/totp", &csrf, &[]).await;
    assert!(early.location().ends_with("done=over"), "{}", early.body);
    bench.advance(7_200);
    run_jobs(&bench).await;
    assert_eq!(bench.letter(LetterKind::RecoveryWaitEnded).to.expose(), EMAIL);
    // The end alone opens nothing: a new code to the address, then a factor; no password is asked for or set.
    let mut person = bench.browser().elsewhere();
    come_back(&mut person).await.leads_to("/.storeward/new-factor");
    assert_eq!(person.get("/.storeward/new-password").await.status, 303);
    let page = person.post_from("/.storeward/new-factor", "/.storeward/new-factor/totp", &[]).await;
    let key = page.body.split("<code class=\"long\">").nth(1).unwrap().split('<').next().unwrap();
    let fresh = TotpSecret::from_base32(key).unwrap();
    let path = "/.storeward/new-factor/totp/confirm";
    assert_eq!(person.post(path, &page.csrf(), &[("code", "000000")]).await.status, 422);
    let done = person.post(path, &page.csrf(), &[("code", &bench.totp(&fresh))]).await;
    done.leads_to("/.storeward/sign-in?done=factor");
    assert!(!person.is_signed_in().await, "it signs nobody in");
    assert!(!old.is_signed_in().await, "and ends every session");
    // Twice is not possible.
    let again = person.post(path, &page.csrf(), &[("code", &bench.next_totp(&fresh))]).await;
    assert!(again.location().contains("sign-in"), "{}", again.location());
    // The password is what it was, and the lost factor opens nothing.
    let mut browser = bench.browser().elsewhere();
    browser.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    assert_eq!(browser.prove("totp", &bench.next_totp(&secret)).await.status, 403);
    browser.prove("totp", &bench.next_totp(&fresh)).await.leads_to("/.storeward/account");
    let facts = bench.facts().await;
    for fact in ["recovery_wait_begun", "recovery_wait_ended", "factor_removed", "recovery_finished"] {
        assert_eq!(facts.iter().filter(|kind| *kind == fact).count(), 1, "{fact}: {facts:?}");
    }
    assert!(bench.kinds().contains(&LetterKind::FactorsReplaced));
});

both_engines!(each_letter_stops_it_by_post_alone, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.with_totp().await);
    let mut thief = bench.browser().elsewhere();
    assert_eq!(lose(&mut thief).await.status, 200);
    let link = link(&bench, LetterKind::RecoveryWaitBegun);
    let mut owner = bench.browser();
    // Scanners follow links; other sites have buttons.
    let page = owner.get(&link).await;
    assert_eq!(page.status, 200);
    let token = page.attribute("name=\"t\" value=\"");
    let lines =
        [("accept", "text/html"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    let form = format!("csrf={}&t={token}", page.csrf());
    assert_eq!(owner.send("POST", "/.storeward/recover/stop", &lines, Some(&form)).await.status, 403);
    assert!(bench.events("identity.recovery_wait_cancelled").await.is_empty());
    assert_eq!(owner.post("/.storeward/recover/stop", &page.csrf(), &[("t", &token)]).await.status, 200);
    assert_eq!(bench.events("identity.recovery_wait_cancelled").await.len(), 1);
    // Stopped is stopped: the end does not come, and whoever reads the mail begins no other for a while.
    bench.advance(DAYS_3 + 60);
    run_jobs(&bench).await;
    assert!(!bench.kinds().contains(&LetterKind::RecoveryWaitEnded));
    come_back(&mut thief).await.leads_to("/.storeward/challenge");
    let refused = thief.post_from("/.storeward/challenge", "/.storeward/challenge/lost", &[]).await;
    assert!(refused.body.contains("a short while ago"), "{}", refused.body);
    assert_eq!(bench.events("identity.recovery_wait_begun").await.len(), 1);
});

both_engines!(whoever_has_the_account_stops_it, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, secret) = bench.with_totp().await;
    let mut thief = bench.browser().elsewhere();
    lose(&mut thief).await;
    assert!(owner.get("/.storeward/account").await.body.contains("/account/recovery/stop"));
    // A factor that is shown is not lost.
    let mut elsewhere = bench.browser().elsewhere();
    elsewhere.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    elsewhere.prove("totp", &bench.next_totp(&secret)).await.leads_to("/.storeward/account");
    assert!(!owner.get("/.storeward/account").await.body.contains("/account/recovery/stop"));
    // A session alone stops it as well.
    bench.advance(8 * 86_400);
    let mut owner = bench.browser();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    owner.prove("totp", &bench.next_totp(&secret)).await.leads_to("/.storeward/account");
    lose(&mut thief).await;
    let path = "/.storeward/account/recovery/stop";
    owner.post_from("/.storeward/account", path, &[]).await.leads_to("/.storeward/account?done=stopped");
    // So does the letter of any sign-in: "this was not me".
    let by: Vec<_> = bench
        .events("identity.recovery_wait_cancelled")
        .await
        .iter()
        .map(|record| serde_json::to_value(&record.event).unwrap()["data"]["by"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(by, ["factor", "session"]);
});

both_engines!(a_waiting_time_needs_the_mailed_code_and_something_to_lose, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    // Nothing was added, so nothing is lost: the mailed code leads to a new password as before.
    let mut person = bench.browser().elsewhere();
    come_back(&mut person).await.leads_to("/.storeward/new-password");
    // In a sign-in with a stolen password it cannot be said.
    let mut owner = bench.browser();
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    bench.advance(1);
    owner.step_up_by_mail().await;
    owner.add_totp().await;
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    let page = thief.get("/.storeward/challenge").await;
    assert!(!page.body.contains("challenge/lost"));
    let over = thief.post("/.storeward/challenge/lost", &page.csrf(), &[]).await;
    assert!(over.location().ends_with("done=over"));
    // Nor before the mailed code is shown, nor for an address that has no account.
    for address in [EMAIL, "nobody@people.example"] {
        let mut thief = bench.browser().elsewhere();
        thief.post_from("/.storeward/recover", "/.storeward/recover", &[("email", address)]).await;
        let page = thief.get("/.storeward/challenge").await;
        let over = thief.post("/.storeward/challenge/lost", &page.csrf(), &[]).await;
        assert!(over.location().ends_with("done=over"), "{address}");
    }
    assert!(bench.events("identity.recovery_wait_begun").await.is_empty());
});

both_engines!(staff_begin_it_and_two_of_them_shorten_it, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.with_totp().await);
    let desk = bench.identity.customers();
    let customer = bench.customer(EMAIL).await;
    let (one, two) = (STAFF, StaffId::from_bits(2));
    let act = async |staff, act| desk.act(&bench.by(staff), customer, act).await.unwrap();
    assert_eq!(act(one, Act::ShortenWayBack).await, Done::Already, "there is none");
    assert_eq!(act(one, Act::BeginWayBack).await, Done::Changed);
    assert_eq!(act(two, Act::BeginWayBack).await, Done::Already, "begun anew it would only grow");
    assert!(bench.kinds().contains(&LetterKind::RecoveryWaitBegun), "the person is told");
    // One alone shortens nothing, however often.
    for _ in 0..3 {
        assert_eq!(act(one, Act::ShortenWayBack).await, Done::WaitsForAnother);
    }
    let ends_at = desk.view(customer).await.unwrap().unwrap().wait.unwrap().ends_at;
    assert_eq!(ends_at.since(bench.db.now()).as_secs(), DAYS_3);
    assert_eq!(act(two, Act::ShortenWayBack).await, Done::Changed);
    let wait = desk.view(customer).await.unwrap().unwrap().wait.unwrap();
    assert_eq!(wait.ends_at.since(bench.db.now()).as_secs(), 3_600, "an hour is left to stop it");
    let mut person = bench.browser().elsewhere();
    come_back(&mut person).await.leads_to("/.storeward/challenge");
    bench.advance(3_601);
    run_jobs(&bench).await;
    assert!(bench.kinds().contains(&LetterKind::RecoveryWaitEnded), "told at its new end");
    // What staff began is finished by the person alone: with a new code to their address.
    let mut person = bench.browser().elsewhere();
    come_back(&mut person).await.leads_to("/.storeward/new-factor");
    assert_eq!(act(one, Act::StopWayBack).await, Done::Changed);
    assert!(
        person.get("/.storeward/new-factor").await.location().contains("over"),
        "also in a browser under way"
    );
    let shortened = bench.events("identity.recovery_wait_shortened").await;
    assert_eq!(shortened[0].actor, storeward_base::Actor::Staff { id: two });
    let data = serde_json::to_value(&shortened[0].event).unwrap();
    assert_eq!(data["data"]["asked_by"], one.to_string());
});
