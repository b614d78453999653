//! Customers' data at the console: who gets to see what, what stands on the page, what is on record; attacked.

use std::sync::LazyLock;

use storeward_base::{Actor, CustomerId, Secret};
use storeward_console::{Change, Console, Groups};
use storeward_store::{Migration, both_engines};
use storeward_vault::{Field, Item, Provenance};

use super::bench::{Answer, Bench, Browser, EMAIL};

static TABLES: LazyLock<Vec<Migration>> = LazyLock::new(|| {
    [storeward_console::MIGRATIONS, storeward_identity::MIGRATIONS, storeward_vault::MIGRATIONS].concat()
});

fn ada() -> CustomerId {
    CustomerId::from_bits(0xADA)
}

async fn keep(bench: &Bench, customer: CustomerId, id: &str, values: &[(&str, &str)]) {
    let values = values
        .iter()
        .map(|(name, value)| (Field::find(name).unwrap(), Secret::new((*value).to_owned())))
        .collect();
    let item = Item { id: id.to_owned(), values, provenance: Provenance::Import, keep_until: None };
    bench.vault.as_ref().unwrap().write(Actor::Operator, customer, item).await.unwrap();
}

async fn keep_ada(bench: &Bench) {
    let own = [("contact.name", "Ada <b>Lovelace</b>"), ("contact.email", "ada@shop.example")];
    keep(bench, ada(), "own", &own).await;
    keep(bench, ada(), "home", &[("address.street", "St James's Square"), ("address.city", "London")]).await;
    keep(bench, ada(), "a1", &[("order.number", "A-1001")]).await;
}

/// Puts the only member of staff into groups, as an operator does.
async fn set_groups(bench: &Bench, groups: &[&str]) {
    let (db, change) = ((*bench.db).clone(), Change::Groups(Groups::parse(groups.iter().copied()).unwrap()));
    storeward_store::testing::blocking(move || {
        Console::change_member_blocking(&db, Actor::Operator, EMAIL, &change).unwrap();
    })
    .await;
}

async fn open(browser: &mut Browser<'_>, csrf: &str, fields: &str) -> Answer {
    browser.post(&format!("/data/{}/open", ada()), &format!("csrf={csrf}&{fields}")).await
}

both_engines!(the_owner_finds_opens_and_reads_why, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    let (mut browser, _) = bench.enrolled().await;
    let csrf = browser.get("/data").await.csrf();
    let found =
        browser.post("/data/find", &format!("csrf={csrf}&by=contact.email&value=ADA%40shop.example")).await;
    assert_eq!(found.location(), format!("/data/{}", ada()));
    let page = browser.get(found.location()).await;
    // Nothing is shown before a purpose is stated.
    assert!(page.status == 200 && !page.body.contains("Lovelace") && !page.body.contains("London"));
    let nothing = open(&mut browser, &csrf, "purpose=&contact=yes").await;
    assert!(nothing.status == 422 && !nothing.body.contains("Lovelace"));
    let opened = open(&mut browser, &csrf, "purpose=support&contact=yes&address=yes").await;
    assert_eq!(opened.status, 200, "{}", opened.body);
    assert!(
        opened.body.contains("Ada &#60;b&#62;Lovelace&#60;/b&#62;") && opened.body.contains("London"),
        "{}",
        opened.body
    );
    assert!(opened.body.contains("The owner sees what the shop&#39;s work needs."));
    assert_eq!(opened.headers["cache-control"], "no-store");
    // On record, and found there by who looked.
    assert_eq!(bench.events("vault.fields_opened").await.len(), 2);
    let seen = browser.get(&format!("/data/seen?customer={}", ada())).await;
    assert!(
        seen.body.contains("contact: name, email") && seen.body.contains("Answer the customer"),
        "{}",
        seen.body
    );
    for page in [&seen, &browser.get("/ledger?kind=vault.").await] {
        assert!(
            !page.body.contains("Lovelace") && !page.body.contains("ada@shop"),
            "a value stands in a list"
        );
    }
    let missing =
        browser.post("/data/find", &format!("csrf={csrf}&by=contact.email&value=nobody%40x.example")).await;
    assert!(missing.status == 422 && !missing.body.contains("nobody@x.example"));
    let other = browser.post("/data/find", &format!("csrf={csrf}&by=contact.name&value=Ada")).await;
    assert_eq!(other.status, 400, "a field that is no way to find somebody");
});

both_engines!(a_role_sees_its_part_and_no_role_sees_nothing, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    let (mut browser, _) = bench.enrolled().await;
    let csrf = browser.get("/data").await.csrf();
    // Somebody else owns the shop: then whoever enrolled first is not.
    set_groups(&bench, &["support"]).await;
    let still = open(&mut browser, &csrf, "purpose=support&contact=yes").await;
    assert!(still.body.contains("ada@shop.example"), "nobody owns the shop yet, so the first one does");
    let second = owner(&bench).await;
    assert!(!second.is_empty());
    let masked = open(&mut browser, &csrf, "purpose=support&contact=yes").await;
    assert!(
        masked.body.contains("a•••@s•••.example") && !masked.body.contains("ada@shop.example"),
        "{}",
        masked.body
    );
    let named = open(&mut browser, &csrf, "purpose=support&contact=yes&order=A-1001").await;
    assert!(named.body.contains("ada@shop.example"));
    let refused = open(&mut browser, &csrf, "purpose=shipping&contact=yes").await;
    assert!(
        refused.status == 422 && refused.body.contains("no rule lets your role see it"),
        "{}",
        refused.body
    );
    set_groups(&bench, &["packers"]).await;
    let none = open(&mut browser, &csrf, "purpose=support&contact=yes&order=A-1001").await;
    assert!(none.status == 422 && !none.body.contains("a•••@"), "{}", none.body);
    let none =
        browser.post("/data/find", &format!("csrf={csrf}&by=contact.email&value=ada%40shop.example")).await;
    assert_eq!(none.status, 422);
    assert_eq!(bench.events("vault.opening_denied").await.len(), 2);
});

/// A second member, in the group `owner`.
async fn owner(bench: &Bench) -> String {
    use super::bench::{PASSWORD, enrol_form};
    use storeward_seal::totp::TotpSecret;
    let mut browser = bench.browser();
    let path = bench.offer().await;
    let page = browser.get(&path).await;
    let secret = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
    let form = enrol_form(&page.csrf(), "grace@staff.example", PASSWORD, &bench.code(&secret));
    assert_eq!(browser.post(&path, &form).await.status, 303);
    let (db, change) = ((*bench.db).clone(), Change::Groups(Groups::parse(["owner"]).unwrap()));
    storeward_store::testing::blocking(move || {
        Console::change_member_blocking(&db, Actor::Operator, "grace@staff.example", &change).unwrap();
    })
    .await;
    browser.session().unwrap_or_default()
}

both_engines!(nothing_is_opened_without_a_fresh_factor_or_from_elsewhere, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    let (mut browser, _) = bench.enrolled().await;
    let csrf = browser.get("/data").await.csrf();
    let path = format!("/data/{}/open", ada());
    let fields = "purpose=support&contact=yes";
    // Another site's form, and one without the session's mark.
    let evil = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    assert_eq!(browser.send("POST", &path, &evil, Some(&format!("csrf={csrf}&{fields}"))).await.status, 403);
    assert_eq!(browser.post(&path, fields).await.status, 403);
    assert_eq!(browser.get(&path).await.status, 405, "a link opens nothing");
    bench.clock.advance(std::time::Duration::from_secs(601));
    let stale = open(&mut browser, &csrf, fields).await;
    assert_eq!(stale.location(), format!("/confirm?next=/data/{}", ada()));
    let act = browser.post(&format!("/data/{}/act", ada()), &format!("csrf={csrf}&act=json")).await;
    assert!(act.status == 303 && !act.body.contains("ada@"));
    let mut stranger = bench.browser();
    for path in ["/data", "/data/seen", "/data/rules", &format!("/data/{}", ada())] {
        assert!(stranger.get(path).await.location().starts_with("/sign-in?next=/data"), "{path}");
    }
    assert_eq!(bench.events("vault.fields_opened").await.len(), 0);
});

both_engines!(a_customer_gets_a_copy_is_restricted_and_erased, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    let (mut browser, _) = bench.enrolled().await;
    let csrf = browser.get("/data").await.csrf();
    let path = format!("/data/{}/act", ada());
    let copy = browser.post(&path, &format!("csrf={csrf}&act=json")).await;
    assert!(copy.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    assert!(copy.body.contains("\"value\": \"ada@shop.example\""), "{}", copy.body);
    let copy = browser.post(&path, &format!("csrf={csrf}&act=csv")).await;
    assert!(copy.body.contains("\"address\",\"home\",\"city\",\"London\""), "{}", copy.body);
    assert_eq!(bench.events("vault.customer_exported").await.len(), 2);

    assert!(
        browser
            .post(&path, &format!("csrf={csrf}&act=restrict"))
            .await
            .location()
            .ends_with("?done=restricted")
    );
    let kept_back = open(&mut browser, &csrf, "purpose=support&contact=yes").await;
    assert!(kept_back.body.contains("had the use of their data restricted"), "{}", kept_back.body);
    assert!(
        browser.post(&path, &format!("csrf={csrf}&act=allow")).await.location().ends_with("?done=allowed")
    );

    let unsure = browser.post(&path, &format!("csrf={csrf}&act=erase&sure=yes")).await;
    assert!(unsure.status == 422 && unsure.body.contains("Nothing was erased"));
    let erased = browser.post(&path, &format!("csrf={csrf}&act=erase&sure=erase")).await;
    assert_eq!(erased.location(), "/data?done=erased");
    let proof = browser.get(&format!("/data/{}", ada())).await;
    assert!(
        proof.body.contains("the key is destroyed") && proof.body.contains("within 30 days"),
        "{}",
        proof.body
    );
    assert_eq!(open(&mut browser, &csrf, "purpose=support&contact=yes").await.status, 404);
    let missing =
        browser.post("/data/find", &format!("csrf={csrf}&by=contact.email&value=ada%40shop.example")).await;
    assert_eq!(missing.status, 422);
});

both_engines!(the_page_of_rules_says_what_each_role_sees, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    let (mut browser, _) = bench.enrolled().await;
    let page = browser.get("/data/rules").await;
    for words in ["fulfilment", "whole once an order is named", "What no rule can allow", "guard_volume"] {
        assert!(page.body.contains(words), "{words}");
    }
    // Without the section the page says so, and nothing else answers.
    let hostile =
        ["/data/x", "/data/cust_00000000000000000000000009", "/data/seen?customer=x", "/data/seen?before=1"];
    for path in hostile {
        assert!(browser.get(path).await.status.is_client_error(), "{path}");
    }
});
