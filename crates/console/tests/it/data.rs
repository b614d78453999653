//! Customers' data at the console: who gets to see what, what stands on the page, what is on record; attacked.

use std::sync::LazyLock;

use storeward_base::{Actor, CustomerId, Secret};
use storeward_console::{Change, Console, Groups};
use storeward_store::{Migration, both_engines};
use storeward_vault::{Field, Item, Provenance};

use super::bench::{Answer, Bench, Browser, EMAIL};
use super::letters::Letterbox;

mod erasing;
mod words;

static TABLES: LazyLock<Vec<Migration>> = LazyLock::new(|| {
    let office = storeward_vault::office::MIGRATIONS;
    [storeward_console::MIGRATIONS, storeward_identity::MIGRATIONS, storeward_vault::MIGRATIONS, office]
        .concat()
});

static WITH_POST: LazyLock<Vec<Migration>> =
    LazyLock::new(|| [TABLES.as_slice(), storeward_post::MIGRATIONS].concat());

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
    // By time, and as a file.
    let file = browser.get(&format!("/data/seen.csv?customer={}&until=2026-11-24", ada())).await;
    assert_eq!(
        (file.status, &file.headers["content-type"]),
        (200.try_into().unwrap(), &"text/csv; charset=utf-8".parse().unwrap())
    );
    assert!(
        file.body.contains("\"contact: name email\",\"support\",\"opened: owner_works\""),
        "{}",
        file.body
    );
    for later in [
        "/data/seen?from=2026-11-25",
        "/data/seen?until=2026-11-23",
        "/data/seen?staff=staff_00000000000000000000000009",
    ] {
        assert!(browser.get(later).await.body.contains("Nothing of this kind."), "{later}");
        let file = browser.get(&later.replace("seen?", "seen.csv?")).await;
        assert_eq!(file.body, "at,who,customer,what,purpose,outcome\r\n", "{later}");
    }
    // The shop's own pages stand beside it, people without a record among them.
    let shown = bench.db.write(|tx| {
        tx.commit_silent("a test");
        let insert = "INSERT INTO office_shown (event, subject, at, actor, page, shown) VALUES ($1, $2, $3, $4, $5, $6)";
        for subject in [ada().to_string(), "seen_0a1b".to_owned()] {
            let values = storeward_store::params!["evt_00000000000000000000000001", subject, tx.now(), "staff_x", "=orders", 1];
            tx.execute(insert, values)?;
        }
        Ok::<_, storeward_store::Error>(())
    });
    shown.await.unwrap();
    let all = browser.get("/data/seen").await;
    assert!(all.body.contains("seen_0a1b") && all.body.contains("not joined to a record"), "{}", all.body);
    let hers = browser.get(&format!("/data/seen?customer={}", ada())).await;
    assert!(hers.body.contains("=orders") && !hers.body.contains("seen_0a1b"));
    let file = browser.get("/data/seen.csv").await;
    assert!(file.body.contains("\"seen_0a1b\",\"page: =orders\""), "{}", file.body);
    for page in [&seen, &file, &browser.get("/ledger?kind=vault.").await] {
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
    let _second = owner(&bench).await;
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
async fn owner(bench: &Bench) -> Browser<'_> {
    another(bench, "grace@staff.example", "owner").await
}

async fn another<'a>(bench: &'a Bench, email: &'static str, group: &str) -> Browser<'a> {
    use super::bench::{PASSWORD, enrol_form};
    use storeward_seal::totp::TotpSecret;
    let mut browser = bench.browser();
    let path = bench.offer().await;
    let page = browser.get(&path).await;
    let secret = TotpSecret::from_base32(&page.attribute("data-copy=\"")).unwrap();
    let form = enrol_form(&page.csrf(), email, PASSWORD, &bench.code(&secret));
    assert_eq!(browser.post(&path, &form).await.status, 303);
    let (db, change) = ((*bench.db).clone(), Change::Groups(Groups::parse([group]).unwrap()));
    storeward_store::testing::blocking(move || {
        Console::change_member_blocking(&db, Actor::Operator, email, &change).unwrap();
    })
    .await;
    browser
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

    // Somebody who ordered without their account has two records: one is erased, and nothing said that the other is kept.
    let form = browser.get(&format!("/data/{}", ada())).await;
    assert!(!form.body.contains("another record"), "{}", form.body);
    let guest = CustomerId::from_bits(0x6E57);
    keep(&bench, guest, "own", &[("contact.email", "Ada@shop.example")]).await;
    let form = browser.get(&format!("/data/{}", ada())).await;
    assert!(form.body.contains(&format!("<a href=\"/data/{guest}\">another record</a>")), "{}", form.body);
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
    let find = format!("csrf={csrf}&by=contact.email&value=ada%40shop.example");
    let left = browser.post("/data/find", &find).await;
    assert_eq!(left.location(), format!("/data/{guest}"));
    browser.post(&format!("/data/{guest}/act"), &format!("csrf={csrf}&act=erase&sure=erase")).await;
    assert_eq!(browser.post("/data/find", &find).await.status, 422);
});

both_engines!(the_page_of_rules_says_what_each_role_sees, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    let (mut browser, _) = bench.enrolled().await;
    let page = browser.get("/data/rules").await;
    for words in ["fulfilment", "whole once an order is named", "What no rule can allow", "guard_volume"] {
        assert!(page.body.contains(words), "{words}");
    }
    // Without the section the page says so, and nothing else answers.
    let hostile = [
        "/data/x",
        "/data/cust_00000000000000000000000009",
        "/data/seen?customer=x",
        "/data/seen?before=1",
        "/data/seen?from=x",
    ];
    for path in hostile {
        assert!(browser.get(path).await.status.is_client_error(), "{path}");
    }
});

// Support asks, the owner answers; nobody answers their own, nobody answers from elsewhere.
both_engines!(a_second_person_answers_a_request_and_nobody_their_own, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    let (mut support, _) = bench.enrolled().await;
    let csrf = support.get("/data").await.csrf();
    set_groups(&bench, &["support"]).await;
    let mut grace = owner(&bench).await;
    let other = grace.get("/data").await.csrf();
    let refused = open(&mut support, &csrf, "purpose=dispute&contact=yes").await;
    assert!(refused.status == 422 && refused.body.contains("You need more?"), "{}", refused.body);
    let path = format!("/data/{}/ask", ada());
    let fields = "purpose=dispute&fields=contact.email&reason=The%20bank%20%3Cb%3Easks";
    assert_eq!(
        support.post(&path, &format!("{fields}&act=ask")).await.status,
        403,
        "without the session's mark"
    );
    let none = support
        .post(&path, &format!("csrf={csrf}&purpose=dispute&fields=contact.email&reason=+&act=ask"))
        .await;
    assert!(none.status == 422 && none.body.contains("Say why"), "{}", none.body);
    let wrong =
        support.post(&path, &format!("csrf={csrf}&purpose=dispute&fields=a.b&reason=x&act=ask")).await;
    assert_eq!(wrong.status, 400);
    let asked = support.post(&path, &format!("csrf={csrf}&{fields}&act=ask")).await;
    assert_eq!(asked.location(), format!("/data/{}?done=asked", ada()));
    let told = &bench.events("vault.access_requested").await[0];
    assert!(!String::from_utf8(told.to_bytes()).unwrap().contains("bank"));

    let own = support.get("/data/requests").await;
    assert!(
        own.body.contains("Somebody else answers it.") && !own.body.contains("value=\"approve\""),
        "{}",
        own.body
    );
    let page = grace.get("/data/requests").await;
    assert!(
        page.body.contains("The bank &#60;b&#62;asks") && page.body.contains("value=\"approve\""),
        "{}",
        page.body
    );
    let place = page.body.split("action=\"").find(|part| part.starts_with("/data/requests/grant_")).unwrap();
    let place = place.split('"').next().unwrap().to_owned();
    // Their own, without the right, from another site, without the mark, by a link, with a factor of before.
    let mine = support.post(&place, &format!("csrf={csrf}&act=approve")).await;
    assert!(mine.status == 422 && mine.body.contains("nobody answers their own request"), "{}", mine.body);
    let evil = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    assert_eq!(
        grace.send("POST", &place, &evil, Some(&format!("csrf={other}&act=approve"))).await.status,
        403
    );
    assert_eq!(grace.post(&place, "act=approve").await.status, 403);
    assert_eq!(
        grace.post(&place, &format!("csrf={csrf}&act=approve")).await.status,
        403,
        "the mark of another session"
    );
    assert_eq!(grace.get(&place).await.status, 405);
    assert_eq!(bench.events("vault.access_approved").await.len(), 0);
    let done = grace.post(&place, &format!("csrf={other}&act=approve")).await;
    assert_eq!(done.location(), "/data/requests?done=approve");
    let late = grace.post(&place, &format!("csrf={other}&act=refuse")).await;
    assert!(late.status == 422 && late.body.contains("Somebody answered it already"), "{}", late.body);

    let seen = open(&mut support, &csrf, "purpose=dispute&contact=yes").await;
    assert!(seen.body.contains("ada@shop.example") && !seen.body.contains("Lovelace"), "{}", seen.body);
    bench.clock.advance(std::time::Duration::from_secs(599));
    let page = grace.get("/data").await;
    assert!(!page.body.contains("nobody looked into it yet"));
});

both_engines!(an_emergency_is_on_top_until_another_looked_into_it, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    let (mut support, _) = bench.enrolled().await;
    let csrf = support.get("/data").await.csrf();
    set_groups(&bench, &["support"]).await;
    let mut grace = owner(&bench).await;
    let mut third = another(&bench, "hal@staff.example", "support").await;
    let path = format!("/data/{}/ask", ada());
    let fields = "purpose=dispute&fields=contact.email&reason=wrong+house&act=emergency";
    let opened = support.post(&path, &format!("csrf={csrf}&{fields}")).await;
    assert!(opened.status == 200 && opened.body.contains("ada@shop.example"), "{}", opened.body);
    assert_eq!(bench.events("vault.glass_broken").await.len(), 1);
    for browser in [&mut support, &mut grace] {
        assert!(browser.get("/data").await.body.contains("1 opened in an emergency"));
    }
    // Who may not answer does not read why.
    let other = third.get("/data/requests").await;
    assert!(
        !other.body.contains("wrong house") && !other.body.contains("value=\"justified\""),
        "{}",
        other.body
    );
    let page = grace.get("/data/requests").await;
    assert!(page.body.contains("wrong house"));
    let place = page.body.split("action=\"").find(|part| part.starts_with("/data/requests/grant_")).unwrap();
    let place = place.split('"').next().unwrap().to_owned();
    let mine = support.post(&place, &format!("csrf={csrf}&act=justified")).await;
    assert_eq!(mine.status, 422);
    let csrf = page.csrf();
    let done = grace.post(&place, &format!("csrf={csrf}&act=unjustified")).await;
    assert_eq!(done.location(), "/data/requests?done=unjustified");
    assert!(!grace.get("/data").await.body.contains("opened in an emergency"));
    assert!(grace.get("/data/requests").await.body.contains("not justified"));
});

both_engines!(the_owner_changes_the_rules_looks_first_and_takes_an_older_version_up, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    let (mut browser, _) = bench.enrolled().await;
    let csrf = browser.get("/data").await.csrf();
    let mut grace = owner(&bench).await;
    set_groups(&bench, &["support"]).await;
    let other = grace.get("/data").await.csrf();
    let encode = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let rules = storeward_policy::Policies::default_text();
    let wider = format!(
        "{rules}\n@id(\"support_in_disputes\")\n@says(\"Support sees the address in a dispute.\")\n\
         permit (principal is Staff in Role::\"support\", action == Action::\"open\", resource in Class::\"address\")\n\
         when {{ context.purpose == \"dispute\" }};\n"
    );
    let form = |csrf: &str, text: &str, act: &str, seen: &str, from: u32| {
        format!("csrf={csrf}&text={}&begun_from={from}&act={act}&seen={seen}", encode(text))
    };
    let hash = storeward_vault::rules::hash(&wider);
    // Not the owner: neither looks nor saves.
    assert!(browser.get("/data/rules/edit").await.body.contains("Only the owner changes the rules."));
    let refused = browser.post("/data/rules/edit", &form(&csrf, &wider, "save", &hash, 0)).await;
    assert_eq!(refused.status, 422);
    // A broken one is told with its line, and changes nothing.
    let broken = wider.replace("{ context.purpose == \"dispute\" };", "{ context.purpse == \"dispute\" };");
    let seen = storeward_vault::rules::hash(&broken);
    let told = grace.post("/data/rules/edit", &form(&other, &broken, "save", &seen, 0)).await;
    let line = broken.lines().position(|line| line.contains("purpse")).unwrap() + 1;
    assert!(told.status == 422 && told.body.contains(&format!("line {line}: ")), "{}", told.body);
    // Saved only as it was looked at.
    let unseen = grace.post("/data/rules/edit", &form(&other, &wider, "save", "", 0)).await;
    assert!(unseen.status == 200 && unseen.body.contains("What would change"), "{}", unseen.body);
    assert!(
        unseen.body.contains("support, A dispute or suspected fraud: address street: nothing → all"),
        "{}",
        unseen.body
    );
    assert_eq!(bench.events("vault.rules_changed").await.len(), 0);
    assert_eq!(open(&mut browser, &csrf, "purpose=dispute&address=yes").await.status, 422);
    let saved = grace.post("/data/rules/edit", &form(&other, &wider, "save", &hash, 0)).await;
    assert_eq!(saved.location(), "/data/rules?done=saved");
    assert!(open(&mut browser, &csrf, "purpose=dispute&address=yes").await.body.contains("London"));
    assert_eq!(bench.events("vault.rules_changed").await.len(), 1);
    // Somebody who began from before that saves nothing over it.
    let late = grace
        .post("/data/rules/edit", &form(&other, rules, "save", &storeward_vault::rules::hash(rules), 0))
        .await;
    assert!(
        late.status == 422 && late.body.contains("Somebody saved rules since you began"),
        "{}",
        late.body
    );
    // The version before is taken up again.
    let page = grace.get("/data/rules/edit?version=0").await;
    assert!(page.body.contains("owner_works") && !page.body.contains("support_in_disputes"), "{}", page.body);
    let back = grace
        .post("/data/rules/edit", &form(&other, rules, "save", &storeward_vault::rules::hash(rules), 1))
        .await;
    assert_eq!(back.location(), "/data/rules?done=saved");
    assert_eq!(open(&mut browser, &csrf, "purpose=dispute&address=yes").await.status, 422);
    // What somebody writes into the table past Storeward never holds.
    let vault = bench.vault.as_ref().unwrap();
    assert_eq!(vault.saved_rules().await.unwrap().unwrap().0.version, 2);
    bench.db.tamper("UPDATE vault_rules SET text = '@id(\"all\") permit (principal, action, resource);' WHERE version = 2");
    // Neither do those that a shop begins with, which may allow more: the owner alone is let in, and the look names it.
    let harmed = async || matches!(vault.saved_rules().await, Err(storeward_vault::Error::Harmed(flaw)) if flaw.place == "rules");
    assert!(harmed().await);
    let looked = vault.verify(Actor::Operator, |_| ()).await.unwrap();
    assert!(looked.flaws.iter().any(|flaw| flaw.place == "rules"), "{:?}", looked.flaws);
    bench.db.tamper("DELETE FROM vault_rules");
    assert!(harmed().await, "nor is it as if nothing had ever been saved");
});

// An admin who enrolled first made themselves the owner by taking the group away from whoever had it.
both_engines!(nobody_becomes_the_owner_by_emptying_the_group, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    let (mut first, _) = bench.enrolled().await;
    set_groups(&bench, &["admin"]).await;
    let mut grace = owner(&bench).await;
    assert!(grace.get("/data").await.body.contains("owner"));
    let db = (*bench.db).clone();
    let members = storeward_store::testing::blocking(move || Console::members_blocking(&db)).await.unwrap();
    let of = |email: &str| members.iter().find(|member| member.email == email).unwrap().id;
    let csrf = first.get("/staff").await.csrf();
    let take = format!("csrf={csrf}&act=groups&groups=support");
    let told = first.post(&format!("/staff/{}/act", of("grace@staff.example")), &take).await;
    assert!(told.status == 403 && told.body.contains("Nobody else is in the group owner"), "{}", told.body);
    assert!(!first.get("/data").await.body.contains("admin, owner"));
    // With a second owner it is an ordinary change.
    let _other = another(&bench, "ida@staff.example", "owner").await;
    assert_eq!(first.post(&format!("/staff/{}/act", of("grace@staff.example")), &take).await.status, 303);
});

both_engines!(a_value_is_put_right_or_taken_away_at_the_console, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    let (mut browser, _) = bench.enrolled().await;
    let csrf = browser.get("/data").await.csrf();
    let path = format!("/data/{}/correct", ada());
    let done = browser.post(&path, &format!("csrf={csrf}&field=address.city&item=home&value=Ockham")).await;
    assert_eq!(done.location(), format!("/data/{}?done=corrected", ada()));
    let seen = open(&mut browser, &csrf, "purpose=support&address=yes").await;
    assert!(seen.body.contains("Ockham") && !seen.body.contains("London"), "{}", seen.body);
    let wrong = browser.post(&path, &format!("csrf={csrf}&field=contact.email&item=own&value=none")).await;
    assert!(wrong.status == 422 && wrong.body.contains("is no e-mail address"), "{}", wrong.body);
    let gone = browser.post(&path, &format!("csrf={csrf}&field=address.street&item=home&value=+")).await;
    assert_eq!(gone.location(), format!("/data/{}?done=taken", ada()));
    assert!(!open(&mut browser, &csrf, "purpose=support&address=yes").await.body.contains("James"));
    let _second = owner(&bench).await;
    set_groups(&bench, &["marketing"]).await;
    let refused = browser.post(&path, &format!("csrf={csrf}&field=address.city&item=home&value=X")).await;
    assert!(refused.status == 422 && refused.body.contains("Nothing was changed"), "{}", refused.body);
});

// Whoever may put an address right forges no consent, and makes nobody's record their own.
both_engines!(support_is_offered_and_may_put_right_contact_and_address_only, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    let (mut browser, _) = bench.enrolled().await;
    let csrf = browser.get("/data").await.csrf();
    let (page, path) = (format!("/data/{}", ada()), format!("/data/{}/correct", ada()));
    let given = "field=consent.given_at&item=c&value=2026-11-20T10:00:00Z";
    // The owner says why.
    assert!(browser.get(&page).await.body.contains("value=\"consent.given_at\""));
    let silent = browser.post(&path, &format!("csrf={csrf}&{given}")).await;
    assert!(silent.status == 422 && silent.body.contains("reason is missing"), "{}", silent.body);
    let told = browser.post(&path, &format!("csrf={csrf}&{given}&reason=by+letter")).await;
    assert_eq!(told.location(), format!("{page}?done=corrected"));
    let _second = owner(&bench).await;
    set_groups(&bench, &["support"]).await;
    let offered = browser.get(&page).await.body;
    assert!(offered.contains("value=\"address.city\"") && offered.contains("value=\"contact.phone\""));
    for field in ["consent.given_at", "contact.email", "contact.shop_id", "order.total", "note.text"] {
        assert!(!offered.contains(&format!("value=\"{field}\"")), "{field} is offered");
    }
    for form in [
        given,
        "field=consent.given_at&item=c&value=&reason=x",
        "field=contact.email&item=own&value=sue@shop.example",
        "field=contact.email&item=second&value=sue@shop.example",
        "field=order.total&item=a1&value=1",
        "field=payment.last_4&item=p&value=1234",
        "field=identity_document.number&item=i&value=X1",
    ] {
        let refused = browser.post(&path, &format!("csrf={csrf}&{form}")).await;
        assert!(refused.status == 422 && refused.body.contains("Nothing was changed"), "{form}");
    }
    let done = browser.post(&path, &format!("csrf={csrf}&field=address.city&item=home&value=Ockham")).await;
    assert_eq!(done.location(), format!("{page}?done=corrected"));
});

both_engines!(what_a_customer_asked_for_has_a_clock_at_the_console, &TABLES, async |db| {
    let (bench, _place, _folder) = Bench::with_vault(db).await;
    keep_ada(&bench).await;
    let (mut browser, _) = bench.enrolled().await;
    let csrf = browser.get("/data").await.csrf();
    let path = format!("/data/{}/asked", ada());
    let done = browser.post(&path, &format!("csrf={csrf}&right=access&text=by+letter+%3Ci%3E")).await;
    assert_eq!(done.location(), "/data/asked?done=received");
    assert!(browser.get("/data").await.body.contains("1 customers asked for something"));
    let page = browser.get("/data/asked").await;
    assert!(page.body.contains("by letter &#60;i&#62;") && page.body.contains("waits"), "{}", page.body);
    let place = page.body.split("action=\"").find(|part| part.starts_with("/data/asked/plea_")).unwrap();
    let place = place.split('"').next().unwrap().to_owned();
    assert_eq!(browser.post(&place, "act=done&text=x").await.status, 403);
    let none = browser.post(&place, &format!("csrf={csrf}&act=done&text=+")).await;
    assert!(none.status == 422 && none.body.contains("Write what was done"), "{}", none.body);
    let extended = browser.post(&place, &format!("csrf={csrf}&act=extend&text=archives")).await;
    assert_eq!(extended.location(), "/data/asked?done=extend");
    let twice = browser.post(&place, &format!("csrf={csrf}&act=extend&text=archives")).await;
    assert!(twice.status == 422 && twice.body.contains("closed or extended already"), "{}", twice.body);
    let closed = browser.post(&place, &format!("csrf={csrf}&act=done&text=handed+over")).await;
    assert_eq!(closed.location(), "/data/asked?done=done");
    let page = browser.get("/data/asked").await;
    assert!(page.body.contains("handed over") && page.body.contains("Nothing waits."), "{}", page.body);
});

// The owner hears of it by letter; whoever does it themselves does not, and a request is no emergency.
both_engines!(the_owner_is_told_of_an_emergency_by_letter, &WITH_POST, async |db| {
    let letterbox = Letterbox::new();
    let (bench, _place, _folder) = Bench::with_vault_and_mail(db, Some(letterbox.outbox.clone())).await;
    keep_ada(&bench).await;
    let (mut owner, _) = bench.enrolled().await;
    let csrf = owner.get("/data").await.csrf();
    set_groups(&bench, &["owner"]).await;
    let mut support = another(&bench, "hal@staff.example", "support").await;
    let other = support.get("/data").await.csrf();
    let path = format!("/data/{}/ask", ada());
    let fields = "purpose=dispute&fields=contact.email&reason=wrong+house";
    assert_eq!(support.post(&path, &format!("csrf={other}&{fields}&act=ask")).await.status, 303);
    assert_eq!(owner.post(&path, &format!("csrf={csrf}&{fields}&act=emergency")).await.status, 200);
    assert!(letterbox.subjects(&bench).await.is_empty());
    assert_eq!(support.post(&path, &format!("csrf={other}&{fields}&act=emergency")).await.status, 200);
    assert_eq!(letterbox.subjects(&bench).await, ["Console: customers' data was opened in an emergency"]);
});
