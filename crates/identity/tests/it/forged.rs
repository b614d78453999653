//! Whoever writes the database and holds no key file: sessions of their own, or changed ones, show nobody's page.

use storeward_identity::MIGRATIONS;
use storeward_seal::fingerprint::token_hash;
use storeward_store::both_engines;
use storeward_store::testing::blocking;

use super::bench::{Bench, Browser, EMAIL, OTHER_PASSWORD, PASSWORD};

const EVE: &str = "eve@people.example";
const ACCOUNT: &str = "/.storeward/account";

/// A second customer, signed in beside the one of [`Bench::signed_up`].
async fn eve(bench: &Bench) -> Browser<'_> {
    let mut browser = bench.browser().elsewhere();
    browser.sign_up(EVE, OTHER_PASSWORD).await.leads_to("/.storeward/challenge");
    let code = bench.code(storeward_identity::LetterKind::SignUpCode);
    browser.prove("mail", &code).await.leads_to(ACCOUNT);
    browser
}

// One UPDATE gave a session of one's own to somebody else's account.
both_engines!(a_session_given_to_another_customer_shows_nobodys_page, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut eve = eve(&bench).await;
    let (ours, hers) = (bench.customer(EMAIL).await, bench.customer(EVE).await);
    assert!(owner.is_signed_in().await && eve.is_signed_in().await);
    let (jar, hash) = (eve.cookies.clone(), hash_of(&eve));
    bench.db.tamper(&format!("UPDATE customer_session SET customer = '{ours}' WHERE customer = '{hers}'"));
    let page = eve.get(ACCOUNT).await;
    assert_eq!(page.status, 303, "{}", page.body);
    assert!(!page.body.contains(EMAIL));
    // With the tag of the owner's own row it is none either; and the owner's goes on.
    bench.db.tamper(&format!(
        "UPDATE customer_session SET tag = (SELECT tag FROM customer_session ORDER BY created_at, id LIMIT 1) \
         WHERE token_hash = '{hash}'"
    ));
    eve.cookies = jar;
    assert_eq!(eve.get(ACCOUNT).await.status, 303);
    assert!(owner.is_signed_in().await);
});

/// What stands in the row of a browser's session.
fn hash_of(browser: &Browser<'_>) -> String {
    token_hash(browser.session().unwrap().trim_end_matches("-b"))
}

// One INSERT opened any account; one UPDATE said that a second factor was shown.
both_engines!(a_session_of_whoever_writes_the_database_is_none, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut thief = eve(&bench).await;
    let (stolen, thiefs) = (hash_of(&thief), thief.cookies.clone());
    let ours = bench.customer(EMAIL).await;
    assert!(owner.is_signed_in().await);
    // The thief's own token, on a copy of the owner's row, with its tag.
    bench.db.tamper(&format!("DELETE FROM customer_session WHERE token_hash = '{stolen}'"));
    assert!(!thief.is_signed_in().await);
    assert!(owner.is_signed_in().await);
    bench.db.tamper("CREATE TABLE forged AS SELECT * FROM customer_session");
    bench.db.tamper(&format!(
        "UPDATE forged SET id = 'csess_00000000000000000000000001', token_hash = '{stolen}'"
    ));
    bench.db.tamper("INSERT INTO customer_session SELECT * FROM forged");
    thief.cookies = thiefs;
    let page = thief.get(ACCOUNT).await;
    assert_eq!(page.status, 303, "{}", page.body);
    // Beside it the owner's own page goes on: a row that does not fit is in no list.
    assert!(owner.is_signed_in().await);
    bench.db.tamper(&format!("DELETE FROM customer_session WHERE token_hash = '{stolen}'"));
    let jar = owner.cookies.clone();
    for change in
        ["level = level + 1", "authenticated_at = authenticated_at + 1", "expires_at = expires_at + 1"]
    {
        bench.db.tamper("CREATE TABLE kept AS SELECT * FROM customer_session");
        bench.db.tamper(&format!("UPDATE customer_session SET {change} WHERE customer = '{ours}'"));
        assert!(!owner.is_signed_in().await, "{change}");
        bench.db.tamper("DELETE FROM customer_session");
        bench.db.tamper("INSERT INTO customer_session SELECT * FROM kept");
        bench.db.tamper("DROP TABLE kept");
        owner.cookies.clone_from(&jar);
        assert!(owner.is_signed_in().await, "as it was written it is good: {change}");
    }
});

// A password, a passkey or a second address put into somebody's rows let one in; a second factor that was deleted was not asked for.
both_engines!(an_account_that_somebody_changed_lets_nobody_in, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, mut key) = bench.with_passkey().await;
    owner.recovery_codes().await;
    let mut eve = eve(&bench).await;
    let mut eves_key = eve.add_passkey().await;
    let (ours, hers) = (bench.customer(EMAIL).await, bench.customer(EVE).await);
    for table in ["account", "factor", "recovery_code"] {
        bench.db.tamper(&format!("CREATE TABLE kept_{table} AS SELECT * FROM customer_{table}"));
    }
    let back = |table: &str, column: &str, key: &str| {
        format!(
            "UPDATE customer_{table} SET {column} = (SELECT {column} FROM kept_{table} WHERE kept_{table}.{key} = customer_{table}.{key})"
        )
    };
    for (change, undo) in [
        (
            format!(
                "UPDATE customer_account SET password_hash = (SELECT password_hash FROM kept_account WHERE id = '{hers}') \
                 WHERE id = '{ours}'"
            ),
            back("account", "password_hash", "id"),
        ),
        (
            format!("DELETE FROM customer_factor WHERE customer = '{ours}'"),
            format!("INSERT INTO customer_factor SELECT * FROM kept_factor WHERE customer = '{ours}'"),
        ),
        (
            format!("UPDATE customer_factor SET customer = '{ours}' WHERE customer = '{hers}'"),
            back("factor", "customer", "id"),
        ),
        (
            format!(
                "INSERT INTO customer_recovery_wait (customer, begun_at, ends_at, told) VALUES ('{ours}', 1, 2, 1)"
            ),
            "DELETE FROM customer_recovery_wait".to_owned(),
        ),
        (
            format!("UPDATE customer_recovery_code SET used_at = 1 WHERE customer = '{ours}'"),
            back("recovery_code", "used_at", "code_hash"),
        ),
        (
            format!("UPDATE customer_account SET email_confirmed_at = 1 WHERE id = '{ours}'"),
            back("account", "email_confirmed_at", "id"),
        ),
    ] {
        // Until what was tried in vain before is forgotten.
        bench.advance(90_000);
        bench.db.tamper(&change);
        for password in [PASSWORD, OTHER_PASSWORD] {
            let mut thief = bench.browser().elsewhere();
            assert_eq!(thief.sign_in(EMAIL, password).await.status, 403, "{change}");
            assert!(!thief.is_signed_in().await);
        }
        let handle = std::mem::replace(&mut eves_key.user_handle, key.user_handle.clone());
        assert_ne!(bench.browser().sign_in_with(&mut eves_key).await.status, 303, "{change}");
        eves_key.user_handle = handle;
        assert_ne!(bench.browser().sign_in_with(&mut key).await.status, 303, "{change}");
        // As it was written it is good.
        bench.db.tamper(&undo);
        bench.advance(400);
        bench.browser().sign_in_with(&mut key).await.leads_to(ACCOUNT);
    }
});

both_engines!(a_challenge_given_to_another_customer_leads_nowhere, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    bench.signed_up().await.add_totp().await;
    let mut eve = eve(&bench).await;
    eve.add_totp().await;
    let (ours, hers) = (bench.customer(EMAIL).await, bench.customer(EVE).await);
    for change in
        [format!("customer = '{ours}'"), "attempts = 0".to_owned(), "passed_at = created_at".to_owned()]
    {
        bench.advance(400);
        let mut thief = bench.browser().elsewhere();
        thief.sign_in(EVE, OTHER_PASSWORD).await.leads_to("/.storeward/challenge");
        assert_eq!(thief.prove("totp", "000000").await.status, 403, "one try of five");
        assert_eq!(thief.get("/.storeward/challenge").await.status, 200);
        bench.db.tamper(&format!("UPDATE customer_challenge SET {change} WHERE customer = '{hers}'"));
        assert_ne!(thief.get("/.storeward/challenge").await.status, 200, "{change}");
        assert!(!thief.is_signed_in().await);
    }
});

// Nothing more was asked of a browser whose row said that it was the victim's.
both_engines!(a_device_given_to_another_customer_is_a_new_one, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, _) = bench.with_totp().await;
    let mut eve = eve(&bench).await;
    let secret = eve.add_totp().await;
    eve.sign_in(EVE, OTHER_PASSWORD).await.leads_to("/.storeward/challenge");
    let code = bench.next_totp(&secret);
    let fields = [("method", "totp"), ("secret", code.as_str()), ("trust", "yes")];
    eve.post_from("/.storeward/challenge", "/.storeward/challenge", &fields).await.leads_to(ACCOUNT);
    bench.advance(400);
    eve.sign_in(EVE, OTHER_PASSWORD).await.leads_to(ACCOUNT);
    let (ours, hers) = (bench.customer(EMAIL).await, bench.customer(EVE).await);
    bench.db.tamper(&format!("UPDATE customer_device SET customer = '{ours}' WHERE customer = '{hers}'"));
    bench.advance(400);
    eve.cookies.retain(|(name, _)| name == "__Host-storeward-device");
    eve.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
});

both_engines!(accounts_of_an_earlier_version_are_bound_once, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, mut key) = bench.with_passkey().await;
    let _eve = eve(&bench).await;
    let bind = || {
        let db = (*bench.db).clone();
        blocking(move || storeward_identity::bind_old_blocking(&db).unwrap())
    };
    assert_eq!(bind().await, 0);
    for table in ["account", "device", "challenge"] {
        bench.db.tamper(&format!("UPDATE customer_{table} SET tag = NULL"));
    }
    assert_ne!(bench.browser().sign_in_with(&mut key).await.status, 303);
    assert!(bind().await >= 4, "two accounts, two devices");
    bench.browser().sign_in_with(&mut key).await.leads_to(ACCOUNT);
    // Where one has a tag, whoever takes another's away gains nothing.
    let ours = bench.customer(EMAIL).await;
    bench.db.tamper(&format!("UPDATE customer_account SET tag = NULL WHERE id = '{ours}'"));
    assert_eq!(bind().await, 0);
    assert_ne!(bench.browser().sign_in_with(&mut key).await.status, 303);
});
