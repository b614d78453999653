//! Reset and removal: what somebody had, in hand or in a browser, is worth nothing afterwards.

use storeward_base::{Actor, Clock, StaffId, SystemEntropy};
use storeward_console::{Console, Error, Member};
use storeward_seal::totp::TotpSecret;
use storeward_store::both_engines;
use storeward_store::testing::blocking;

use super::bench::{Bench, EMAIL, MIGRATIONS, PASSWORD, enrol_form};
use super::live::Stream;

async fn reset(bench: &Bench, who: &str) -> Result<String, Error> {
    let (db, key, who) = ((*bench.db).clone(), bench.key.clone(), who.to_owned());
    let reset = move || Console::reset_member_blocking(&db, &key, &SystemEntropy, Actor::Operator, &who);
    blocking(reset).await.map(|offer| offer.path.expose().clone())
}

async fn remove(bench: &Bench, who: &str) -> Result<StaffId, Error> {
    let (db, who) = ((*bench.db).clone(), who.to_owned());
    blocking(move || Console::remove_member_blocking(&db, Actor::Operator, &who)).await
}

async fn members(bench: &Bench) -> Vec<Member> {
    let db = (*bench.db).clone();
    blocking(move || Console::members_blocking(&db)).await.unwrap()
}

both_engines!(a_reset_ends_what_was_and_gives_the_same_account_back, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, old_secret) = bench.enrolled().await;
    let before = members(&bench).await;
    assert_eq!(before.len(), 1);
    assert_eq!((before[0].email.as_str(), before[0].seen_at), (EMAIL, Some(bench.clock.now())));
    let path = reset(&bench, " ADA@staff.example ").await.unwrap();
    // The browser that is signed in, with its session.
    assert_eq!(browser.get("/").await.status, 303);
    // The old password with a code of the old authenticator, wherever that is now: as if there were no account.
    let code = bench.next_code(&old_secret);
    assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD, &code).await.status, 403);
    let failed = bench.events("staff.sign_in_failed").await;
    assert!(String::from_utf8(failed[0].to_bytes()).unwrap().contains("unknown_account"));
    let listed = members(&bench).await;
    assert!(listed[0].reset_at.is_some() && listed[0].seen_at.is_none());

    // The link makes a new secret, and a code of the old one does not confirm it.
    let mut person = bench.browser();
    let page = person.get(&path).await;
    let secret = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
    let with_old = enrol_form(&page.csrf(), EMAIL, PASSWORD, &bench.next_code(&old_secret));
    assert_eq!(person.post(&path, &with_old).await.status, 422);
    let form = enrol_form(&page.csrf(), EMAIL, PASSWORD, &bench.code(&secret));
    assert_eq!(person.post(&path, &form).await.status, 303);
    assert_eq!(person.get("/").await.status, 200);
    let after = members(&bench).await;
    assert_eq!((after.len(), after[0].id, after[0].reset_at), (1, before[0].id, None));
    let code = bench.next_code(&secret);
    assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD, &code).await.status, 303);
    // The old browser's cookie does not come back to life.
    assert_eq!(browser.get("/").await.status, 303);

    let kinds: Vec<_> = bench.events("staff.").await.iter().map(|r| (r.event.kind(), r.actor)).collect();
    let staff = Actor::Staff { id: before[0].id };
    let expected = [
        ("staff.reset", Actor::Operator),
        ("staff.enrolment_offered", Actor::Operator),
        ("staff.enrolled", staff),
    ];
    for fact in expected {
        assert!(kinds.contains(&fact), "{fact:?} is missing in {kinds:?}");
    }
});

both_engines!(an_older_link_is_worth_nothing, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    bench.enrolled().await;
    let first = reset(&bench, EMAIL).await.unwrap();
    // Somebody has the page of the first link open when the second is made.
    let mut slow = bench.browser();
    let page = slow.get(&first).await;
    let secret = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
    let second = reset(&bench, EMAIL).await.unwrap();
    assert_ne!(first, second);
    let form = enrol_form(&page.csrf(), EMAIL, PASSWORD, &bench.code(&secret));
    assert_eq!(slow.post(&first, &form).await.status, 404);
    assert_eq!(bench.browser().get(&first).await.status, 404);
    assert_eq!(bench.browser().get(&second).await.status, 200);
});

both_engines!(who_is_removed_is_out_at_once, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, secret) = bench.enrolled().await;
    let saved = browser.get("/explore").await;
    assert_eq!(saved.status, 200);
    let cookie = format!("__Host-storeward-session={}", browser.session().unwrap());
    let mut watching = Stream::open(&bench, &cookie, "").await;
    watching.until("open").await;
    let id = members(&bench).await[0].id;
    // A link of theirs, too: they were reset, and removed before they used it.
    let link = reset(&bench, &id.to_string()).await.unwrap();
    let mut holder = bench.browser();
    let page = holder.get(&link).await;
    let new_secret = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
    assert_eq!(remove(&bench, &id.to_string()).await, Ok(id));

    assert_eq!(browser.get("/").await.status, 303);
    watching.until_end().await;
    let code = bench.next_code(&secret);
    assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD, &code).await.status, 403);
    let form = enrol_form(&page.csrf(), EMAIL, PASSWORD, &bench.code(&new_secret));
    assert_eq!(holder.post(&link, &form).await.status, 404);
    assert_eq!(members(&bench).await, []);

    // Nothing of the person is left in the database; the ledger knows the id.
    let rows = "SELECT CAST((SELECT COUNT(*) FROM staff_account) + (SELECT COUNT(*) FROM staff_session) + \
                (SELECT COUNT(*) FROM staff_enrolment) + (SELECT COUNT(*) FROM staff_view) AS BIGINT)";
    let left = bench.db.read(move |r| r.query_one(rows, &[], |row| row.get::<u64>(0))).await;
    assert_eq!(left, Ok::<_, storeward_store::Error>(0));
    let removed = bench.events("staff.removed").await;
    let words = String::from_utf8(removed[0].to_bytes()).unwrap();
    assert!(words.contains(&id.to_string()) && !words.contains(EMAIL), "{words}");
    // The address is free again, for a new account with another id.
    bench.enrolled().await;
    assert_ne!(members(&bench).await[0].id, id);
});

both_engines!(nobody_else_is_touched, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    let other_link = bench.offer().await;
    for who in ["nobody@staff.example", "staff_00000000000000000000000001", "", "%"] {
        assert_eq!(reset(&bench, who).await.map(drop), Err(Error::NoSuchMember), "{who}");
        assert_eq!(remove(&bench, who).await.map(drop), Err(Error::NoSuchMember), "{who}");
    }
    assert!(bench.events("staff.reset").await.is_empty() && bench.events("staff.removed").await.is_empty());
    assert_eq!(browser.get("/").await.status, 200);
    // Another person's link is not theirs, and stays.
    remove(&bench, EMAIL).await.unwrap();
    assert_eq!(bench.browser().get(&other_link).await.status, 200);
});
