//! Whoever writes the database and holds no key file: sessions of their own, or changed ones, show nobody's page.

use storeward_identity::MIGRATIONS;
use storeward_seal::fingerprint::token_hash;
use storeward_store::both_engines;

use super::bench::{Bench, Browser, EMAIL, OTHER_PASSWORD};

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
    token_hash(&browser.session().unwrap())
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
