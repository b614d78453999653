//! Whoever writes the database and holds no key file: rows of their own let nobody in and make nobody the owner.

use storeward_base::{Actor, Clock, StaffId, SystemEntropy};
use storeward_console::{Change, Console, Groups};
use storeward_seal::fingerprint::token_hash;
use storeward_seal::totp::TotpSecret;
use storeward_store::testing::blocking;
use storeward_store::{both_engines, harmed};

use super::bench::{Bench, EMAIL, MIGRATIONS, PASSWORD, enrol_form};

async fn members(bench: &Bench) -> Vec<storeward_console::Member> {
    let db = (*bench.db).clone();
    blocking(move || Console::members_blocking(&db)).await.unwrap()
}

async fn is_owner(bench: &Bench, staff: StaffId) -> bool {
    bench.db.read(move |reader| storeward_console::is_owner(reader, staff)).await.unwrap()
}

/// A second member, beside the one of [`Bench::enrolled`].
async fn second(bench: &Bench) -> (super::bench::Browser<'_>, StaffId) {
    let mut browser = bench.browser();
    let path = bench.offer().await;
    let page = browser.get(&path).await;
    let secret = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
    let form = enrol_form(&page.csrf(), "bob@staff.example", PASSWORD, &bench.code(&secret));
    assert_eq!(browser.post(&path, &form).await.status, 303);
    let all = members(bench).await;
    (browser, all.iter().find(|member| member.email == "bob@staff.example").unwrap().id)
}

const TOKEN: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

// It opened everything, and made keys of the owner's.
both_engines!(a_session_that_somebody_wrote_is_none, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut ada, _) = bench.enrolled().await;
    let staff = members(&bench).await[0].id;
    let (now, hash) = (bench.clock.now(), token_hash(TOKEN));
    let until = now.plus(std::time::Duration::from_secs(3_600));
    bench.db.tamper(&format!(
        "INSERT INTO staff_session (token_hash, id, staff, label, address, created_at, seen_at, confirmed_at, expires_at, factor) \
         SELECT '{hash}', 'ssess_00000000000000000000000001', '{staff}', label, address, created_at, seen_at, {}, {}, factor \
         FROM staff_session LIMIT 1",
        now.micros(),
        until.micros()
    ));
    let mut thief = bench.browser();
    thief.cookies.push(("__Host-storeward-session".to_owned(), TOKEN.to_owned()));
    assert_eq!(thief.get("/").await.status, 303);
    // With the tag of a good row it is none either.
    bench.db.tamper(&format!(
        "UPDATE staff_session SET tag = (SELECT tag FROM staff_session WHERE token_hash <> '{hash}' LIMIT 1) \
         WHERE token_hash = '{hash}'"
    ));
    assert_eq!(thief.get("/").await.status, 303);
    // Nor is a good one that was given a second factor that was not shown, or another's name.
    assert_eq!(ada.get("/").await.status, 200);
    bench.db.tamper(&format!(
        "UPDATE staff_session SET confirmed_at = confirmed_at + 1 WHERE token_hash <> '{hash}'"
    ));
    assert_eq!(ada.get("/").await.status, 303);
});

both_engines!(a_session_given_to_somebody_else_is_none, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    bench.enrolled().await;
    let ada = members(&bench).await[0].id;
    let (mut browser, bob) = second(&bench).await;
    assert_eq!(browser.get("/").await.status, 200);
    bench.db.tamper(&format!("UPDATE staff_session SET staff = '{ada}' WHERE staff = '{bob}'"));
    assert_eq!(browser.get("/").await.status, 303);
});

both_engines!(a_link_that_somebody_wrote_leads_nowhere, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    bench.enrolled().await;
    let ada = members(&bench).await[0].id;
    // A link of the owner's, which would show their secret.
    bench.db.tamper(&format!(
        "INSERT INTO staff_enrolment (token_hash, staff, totp_sealed, expires_at) \
         SELECT '{}', id, totp_sealed, {} FROM staff_account WHERE id = '{ada}'",
        token_hash(TOKEN),
        i64::MAX
    ));
    assert_eq!(bench.browser().get(&format!("/enrol/{TOKEN}")).await.status, 404);
    // One that is good, given to the owner.
    let link = bench.offer().await;
    assert_eq!(bench.browser().get(&link).await.status, 200);
    bench.db.tamper(&format!(
        "UPDATE staff_enrolment SET staff = '{ada}', totp_sealed = (SELECT totp_sealed FROM staff_account WHERE id = '{ada}') \
         WHERE used_at IS NULL"
    ));
    assert_eq!(bench.browser().get(&link).await.status, 404);
});

both_engines!(an_account_that_somebody_changed_signs_in_no_more, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut ada, secret) = bench.enrolled().await;
    let id = members(&bench).await[0].id;
    for change in [
        "password_hash = '$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'",
        "enrolled_at = 0",
        "tag = NULL",
    ] {
        bench.db.tamper(&format!("UPDATE staff_account SET {change}"));
        let code = bench.next_code(&secret);
        assert_eq!(bench.browser().sign_in(EMAIL, PASSWORD, &code).await.status, 403, "{change}");
        assert_eq!(ada.get("/").await.status, 303, "{change}");
        // The operator takes it back.
        let (db, key) = ((*bench.db).clone(), bench.key.clone());
        let who = id.to_string();
        let reset = move || Console::reset_member_blocking(&db, &key, &SystemEntropy, Actor::Operator, &who);
        let path = blocking(reset).await.unwrap().path.expose().clone();
        let page = ada.get(&path).await;
        let fresh = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
        let form = enrol_form(&page.csrf(), EMAIL, PASSWORD, &bench.next_code(&fresh));
        assert_eq!(ada.post(&path, &form).await.status, 303, "{change}");
    }
});

// It was "not found", for staff too: nobody heard that somebody was at the database.
both_engines!(a_changed_row_is_told_to_staff_at_once, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut ada, _) = bench.enrolled().await;
    let (mut browser, bob) = second(&bench).await;
    let customer = bench.customer("ann@people.example").await;
    let teller = tokio::spawn(harmed::tell_as_found((*bench.db).clone()));
    assert!(!ada.get("/").await.body.contains("not what Storeward wrote"));
    assert!(Console::harmed(&bench.db).await.unwrap().is_empty());
    assert!(storeward_identity::harmed(&bench.db).await.unwrap().is_empty());
    bench.db.tamper(&format!("UPDATE staff_account SET email = 'boc@staff.example' WHERE id = '{bob}'"));
    assert_eq!(browser.get("/").await.status, 303, "whoever a changed row lets in is kept out");
    bench
        .db
        .tamper(&format!("UPDATE customer_account SET created_at = created_at + 1 WHERE id = '{customer}'"));
    assert!(bench.identity.person(customer).await.unwrap().is_none());
    for _ in 0..2_000 {
        if bench.events("system.row_harmed").await.len() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let told: Vec<String> =
        bench.events("system.row_harmed").await.iter().map(|one| one.event.sentence()).collect();
    assert_eq!(
        told,
        [
            format!("Row {bob} of staff_account is not what Storeward wrote: changed"),
            format!("Row {customer} of customer_account is not what Storeward wrote: changed"),
        ]
    );
    let words =
        "2 rows of the database are not what Storeward wrote: customer_account (1), staff_account (1).";
    let page = ada.get("/").await;
    assert!(page.body.replace('\u{202f}', " ").contains(words), "{}", page.body);
    // The daily look finds them without anybody who comes by.
    let rows = |found: Vec<storeward_events::system::RowHarmed>| {
        found.into_iter().map(|one| (one.table, one.row)).collect::<Vec<_>>()
    };
    let staffs = rows(Console::harmed(&bench.db).await.unwrap());
    assert_eq!(staffs, [("staff_account".to_owned(), bob.to_string())]);
    let customers = rows(storeward_identity::harmed(&bench.db).await.unwrap());
    assert_eq!(customers, [("customer_account".to_owned(), customer.to_string())]);
    teller.abort();
});

// One INSERT into a table of groups made somebody the owner; so did taking the owner's row away.
both_engines!(groups_are_what_the_signed_ledger_says, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    bench.enrolled().await;
    let ada = members(&bench).await[0].id;
    let (_, bob) = second(&bench).await;
    assert!(is_owner(&bench, ada).await && !is_owner(&bench, bob).await);
    // An entry behind the head, and words put in the place of an entry that is there.
    let data = format!("{{\"staff\":\"{bob}\",\"groups\":[\"owner\"]}}");
    bench.db.forge(9, "staff.groups_changed", &data);
    assert!(is_owner(&bench, ada).await && !is_owner(&bench, bob).await);
    // What is signed goes on to hold, with the forged one there.
    let (db, owner) = ((*bench.db).clone(), Groups::parse(["owner"]).unwrap());
    let change = Change::Groups(owner);
    let who = ada.to_string();
    blocking(move || Console::change_member_blocking(&db, Actor::Operator, &who, &change)).await.unwrap();
    assert!(is_owner(&bench, ada).await && !is_owner(&bench, bob).await);
    // Without the owner's account nobody else is one.
    for table in ["staff_session", "staff_seen", "staff_told", "staff_view", "staff_passkey"] {
        bench.db.tamper(&format!("DELETE FROM {table} WHERE staff = '{ada}'"));
    }
    bench.db.tamper(&format!("DELETE FROM staff_account WHERE id = '{ada}'"));
    assert!(!is_owner(&bench, bob).await);
    bench.db.drop_guards();
    let forged = bench.db.forged("evt_00000000000000000000000009", "staff.groups_changed", &data);
    bench.db.tamper(&format!(
        "UPDATE ledger_entry SET kind = 'staff.groups_changed', body = {forged} WHERE kind = 'staff.signed_in'"
    ));
    assert!(!is_owner(&bench, bob).await);
});

both_engines!(rows_of_an_earlier_version_are_bound_once, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, secret) = bench.enrolled().await;
    let bind = || {
        let db = (*bench.db).clone();
        blocking(move || Console::bind_old_blocking(&db).unwrap())
    };
    assert_eq!(bind().await, 0);
    bench.db.tamper("UPDATE staff_account SET tag = NULL");
    let sign_in = async || {
        let code = bench.next_code(&secret);
        bench.browser().sign_in(EMAIL, PASSWORD, &code).await.status
    };
    assert_eq!(sign_in().await, 403);
    assert_eq!(bind().await, 1);
    assert_eq!(sign_in().await, 303);
    // Where one has a tag, whoever takes another's away gains nothing.
    second(&bench).await;
    bench.db.tamper("UPDATE staff_account SET tag = NULL WHERE email <> 'bob@staff.example'");
    assert_eq!(bind().await, 0);
    assert_eq!(sign_in().await, 403);
});
