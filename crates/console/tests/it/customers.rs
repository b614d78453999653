//! Customers' accounts in the console: found by the whole address only, acted on by whoever has just shown a second factor.

use storeward_base::{Actor, SystemEntropy, Timestamp};
use storeward_identity::{FirstFactor, LetterKind, ShopAccount};
use storeward_store::{Tx, both_engines, params, statements};

use super::bench::{Answer, Bench, Browser, MIGRATIONS};

const EMAIL: &str = "bea@people.example";

statements! {
    ADD_APP = "INSERT INTO customer_factor (id, customer, kind, secret_sealed, counter, created_at) \
               VALUES ($1, $2, 'totp', $3, 0, $4)";
}

/// An app that a customer added, as if it had always been theirs.
async fn add_app(bench: &Bench, customer: storeward_base::CustomerId, at: i64) {
    let id = storeward_identity::FactorId::at(Timestamp::from_seconds(at), &SystemEntropy);
    let write = move |tx: &mut Tx<'_>| -> Result<(), storeward_store::Error> {
        tx.commit_silent("of a test");
        tx.execute(ADD_APP, params![id, customer, vec![0_u8; 8], Timestamp::from_seconds(at)]).map(drop)
    };
    bench.db.write(write).await.unwrap();
    bench.db.tamper("UPDATE customer_account SET tag = NULL");
    let db = (*bench.db).clone();
    storeward_store::testing::blocking(move || storeward_identity::bind_old_blocking(&db)).await.unwrap();
}

async fn find(browser: &mut Browser<'_>, address: &str) -> Answer {
    let csrf = browser.get("/customers").await.csrf();
    browser.post("/customers/find", &format!("csrf={csrf}&address={}", address.replace('@', "%40"))).await
}

both_engines!(an_account_is_found_by_its_whole_address, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let customer = bench.customer(EMAIL).await;
    let (mut browser, _) = bench.enrolled().await;
    for typed in ["bea@people.exampl", "bea", "b@people.example", "%25@people.example", "*", ""] {
        let answer = find(&mut browser, typed).await;
        assert_eq!(answer.status, 422, "{typed}");
        assert!(!answer.body.contains(&customer.to_string()), "{typed}");
    }
    let found = find(&mut browser, " BEA@people.example ").await;
    assert_eq!(found.status, 303);
    assert_eq!(found.location(), format!("/customers/{customer}"), "no address in an address");
    let page = browser.get(found.location()).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("b•••@people.example") && !page.body.contains(EMAIL));
    assert!(page.body.contains("Firefox · Linux") && page.body.contains("203.0.113.x"), "{}", page.body);
    // A search by GET, and whatever else one might try.
    for path in ["/customers?address=bea@people.example", "/customers/find?address=bea@people.example"] {
        let answer = browser.get(path).await;
        assert!(!answer.body.contains(&customer.to_string()), "{path}");
    }
    for path in
        ["/customers/bea@people.example", "/customers/cust_00000000000000000000000009", "/customers/x"]
    {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    let looks = bench.events("identity.account_looked_up").await;
    // One more by the bench itself, when it made the account.
    assert_eq!(looks.len(), 9);
    assert!(looks[1..].iter().all(|record| matches!(record.actor, Actor::Staff { .. })));
    let told = looks.iter().map(|record| String::from_utf8(record.to_bytes()).unwrap()).collect::<String>();
    assert!(!told.contains("people.example"));
});

// An account that the shop's own sign-in made was found by no address.
both_engines!(accounts_of_the_shop_are_found_and_several_are_listed, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let of_shop = |subject: &str, email: &str| ShopAccount {
        subject: subject.to_owned(),
        email: Some(email.to_owned()),
        name: None,
        language: None,
    };
    let only = bench.identity.account_of_shop(&of_shop("42", "ella@people.example")).await.unwrap();
    let own = bench.customer(EMAIL).await;
    let other = bench.identity.account_of_shop(&of_shop("7", EMAIL)).await.unwrap();
    let (mut browser, _) = bench.enrolled().await;
    let found = find(&mut browser, "ella@people.example").await;
    assert_eq!(found.location(), format!("/customers/{only}"));
    let both = find(&mut browser, EMAIL).await;
    assert_eq!(both.status, 200);
    let at = |id: storeward_base::CustomerId| both.body.find(&format!("href=\"/customers/{id}\"")).unwrap();
    assert!(at(own) < at(other), "the one whose owner showed it first");
    assert!(!both.body.contains(EMAIL));
});

both_engines!(acts_ask_for_a_second_factor_and_a_reason, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let customer = bench.customer(EMAIL).await;
    let (mut browser, secret) = bench.enrolled().await;
    let page = format!("/customers/{customer}");
    let act = format!("{page}/act");
    // Just enrolled with a code: fresh.
    let csrf = browser.get(&page).await.csrf();
    let before = bench.events("identity.account_looked_up").await.len();
    for reason in ["", "x", &"x".repeat(301)] {
        let answer = browser.post(&act, &format!("csrf={csrf}&act=lock&reason={reason}")).await;
        assert_eq!(answer.status, 422, "{reason}");
        assert!(answer.body.contains("b•••@people.example"));
    }
    // A form that is refused shows the page, and that is a look like another.
    let seen = bench.events("identity.account_looked_up").await.len();
    assert_eq!(seen, before + 3);
    let answer = browser.post(&act, &format!("csrf={csrf}&act=impersonate&reason=they+rang")).await;
    assert_eq!(answer.status, 400);
    assert!(bench.events("identity.account_locked").await.is_empty());
    bench.clock.advance(std::time::Duration::from_secs(601));
    let stale = browser.get(&page).await;
    assert!(!stale.body.contains("name=\"reason\"") && stale.body.contains("/confirm?next=/customers/"));
    let answer = browser.post(&act, &format!("csrf={csrf}&act=lock&reason=they+rang")).await;
    assert_eq!(answer.status, 303);
    assert!(answer.location().starts_with("/confirm?next=/customers/"), "{}", answer.location());
    assert!(bench.events("identity.account_locked").await.is_empty());
    // A code that was used does not confirm; the next one does, and the session's token changes.
    let used = bench.code(&secret);
    let before = browser.session();
    let confirm = |csrf: &str, code: &str| format!("csrf={csrf}&code={code}&next={page}");
    assert_eq!(browser.post("/confirm", &confirm(&csrf, "000000")).await.status, 403);
    let answer = browser.post("/confirm", &confirm(&csrf, &used)).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (303, page.as_str()), "{}", answer.body);
    assert_ne!(browser.session(), before);
    let csrf = browser.get(&page).await.csrf();
    assert_eq!(browser.post("/confirm", &confirm(&csrf, &used)).await.status, 403, "replayed");
    for (word, kind) in [
        ("lock", "account_locked"),
        ("unlock", "account_unlocked"),
        ("end_sessions", "sessions_revoked"),
        ("force_step_up", "step_up_forced"),
        ("begin_new_password", "recovery_begun"),
    ] {
        let answer = browser.post(&act, &format!("csrf={csrf}&act={word}&reason=they+rang+us")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.location()),
            (303, format!("{page}?done={word}").as_str())
        );
        let events = bench.events(&format!("identity.{kind}")).await;
        assert!(matches!(events.last().unwrap().actor, Actor::Staff { .. }), "{kind}");
        bench.clock.advance(std::time::Duration::from_secs(1));
    }
    let shown = browser.get(&page).await.body;
    assert!(
        shown.contains("they rang us") && shown.contains("<strong>Ada B</strong> locked the account"),
        "{shown}"
    );
    assert!(bench.post.last(LetterKind::AccountLocked).is_some());
    // Staff see neither the link nor what is chosen behind it.
    let link = bench.post.last(LetterKind::PasswordLink).unwrap();
    let token = link.parameter("link").split_once("?t=").unwrap().1.to_owned();
    assert!(!shown.contains(&token) && !shown.contains("/recover/link"), "{shown}");
    let all =
        bench.events("").await.iter().map(|r| String::from_utf8(r.to_bytes()).unwrap()).collect::<String>();
    assert!(!all.contains("they rang"), "a reason may name people: it is kept sealed, not in the ledger");
});

both_engines!(attacks_show_without_an_address, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let customer = bench.customer(EMAIL).await;
    let (mut browser, _) = bench.enrolled().await;
    assert!(browser.get("/customers").await.body.contains("No sign-in was held back"));
    let csrf_page = bench.identity.router(None).unwrap();
    bench.refused_sign_in(&csrf_page, EMAIL).await;
    for path in ["/customers", "/"] {
        let page = browser.get(path).await;
        assert!(page.body.contains(&format!("/customers/{customer}")), "{path}: {}", page.body);
        assert!(
            page.body.contains("The password was wrong.") && !page.body.contains("people.example"),
            "{path}"
        );
    }
});

/// What the button beside the factor that was added as number `at` sends.
fn taken(page: &Answer, at: usize) -> String {
    let forms: Vec<&str> = page.body.split("value=\"take_factor\"").collect();
    let id = forms[at].split("name=\"compared\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    format!("csrf={}&act=take_factor&reason=lost+telephone&compared={id}", page.csrf())
}

// A telephone is lost: staff had no act for it.
both_engines!(a_lost_factor_is_taken_away_at_the_console, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let customer = bench.customer(EMAIL).await;
    let (mut browser, secret) = bench.enrolled().await;
    let page = format!("/customers/{customer}");
    for at in [1, 2] {
        add_app(&bench, customer, at).await;
    }
    let shown = browser.get(&page).await;
    assert_eq!(shown.body.matches("value=\"take_factor\"").count(), 2, "{}", shown.body);
    let first = taken(&shown, 1);
    bench.clock.advance(std::time::Duration::from_secs(601));
    let stale = browser.post(&format!("{page}/act"), &first).await;
    assert!(stale.location().starts_with("/confirm?next=/customers/"), "{}", stale.location());
    assert!(bench.events("identity.factor_removed").await.is_empty(), "a fresh second factor comes first");
    let csrf = browser.get(&page).await.csrf();
    let confirmed = format!("csrf={csrf}&code={}&next={page}", bench.code(&secret));
    assert_eq!(browser.post("/confirm", &confirmed).await.location(), page);
    let first = taken(&browser.get(&page).await, 1);
    let without = first.replace("reason=lost+telephone", "reason=");
    assert_eq!(browser.post(&format!("{page}/act"), &without).await.status, 422);
    let done = browser.post(&format!("{page}/act"), &first).await;
    assert_eq!(done.location(), format!("{page}?done=take_factor"), "{}", done.body);
    let removed = bench.events("identity.factor_removed").await;
    assert!(removed.len() == 1 && matches!(removed[0].actor, Actor::Staff { .. }));
    assert!(bench.post.last(LetterKind::FactorTaken).is_some());
    // The last one waits for somebody else.
    let shown = browser.get(&page).await;
    assert!(
        shown.body.contains("took a factor away, ") && shown.body.contains("lost telephone"),
        "{}",
        shown.body
    );
    let done = browser.post(&format!("{page}/act"), &taken(&shown, 1)).await;
    assert_eq!(done.location(), format!("{page}?done=waits"), "{}", done.body);
    assert!(browser.get(&page).await.body.contains("asked to take the last factor away"));
    assert_eq!(bench.events("identity.factor_removed").await.len(), 1);
});

// Whoever has a first app behind a mailed code opens no back office: somebody at the console says that it is theirs.
both_engines!(a_member_of_the_shop_is_let_into_its_back_office, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let customer = bench.customer(EMAIL).await;
    let (mut browser, _) = bench.enrolled().await;
    let page = format!("/customers/{customer}");
    bench.identity.set_first_factor(FirstFactor::Approved);
    let shown = browser.get(&page).await;
    assert!(!shown.body.contains("Code for the back office"), "nothing was added: {}", shown.body);
    let form = format!("csrf={}&act=let_into_office&reason=met+in+person", shown.csrf());
    let answer = browser.post(&format!("{page}/act"), &form).await;
    assert_eq!(answer.status, 422, "nothing was compared: {}", answer.body);
    // The member adds an app, and rings. While they talk, a thief adds another one.
    let add = async |at: i64| {
        add_app(&bench, customer, at).await;
    };
    add(1).await;
    let compared = browser.get(&page).await;
    let code = compared.attribute("name=\"compared\" value=\"");
    assert!(code.len() == 9 && compared.body.contains(&format!("<dd>{code}</dd>")), "{}", compared.body);
    add(2).await;
    let with = |code: &str| format!("{form}&compared={code}");
    let told = browser.post(&format!("{page}/act"), &with(&code)).await;
    assert!(told.status == 422 && told.body.contains("not what you compared"), "{}", told.body);
    assert!(bench.events("identity.back_office_allowed").await.is_empty());
    // The page shows what is there now, and only that lets anybody in.
    let other = told.attribute("name=\"compared\" value=\"");
    assert_ne!(other, code);
    for wrong in ["", &code, &other[..8], &format!("{other}x"), &other.to_lowercase()] {
        assert_eq!(browser.post(&format!("{page}/act"), &with(wrong)).await.status, 422, "{wrong}");
    }
    assert!(bench.events("identity.back_office_allowed").await.is_empty());
    let answer = browser.post(&format!("{page}/act"), &with(&other)).await;
    assert_eq!(answer.location(), format!("{page}?done=let_into_office"), "{}", answer.body);
    assert_eq!(bench.events("identity.back_office_allowed").await.len(), 1);
});

// An account could be locked and never went.
both_engines!(an_account_is_closed_at_the_console, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let customer = bench.customer(EMAIL).await;
    let (mut browser, _) = bench.enrolled().await;
    let page = format!("/customers/{customer}");
    let act = format!("{page}/act");
    add_app(&bench, customer, 1).await;
    let shown = browser.get(&page).await;
    let form = format!("csrf={}&act=close&reason=they+asked+for+it", shown.csrf());
    // With a second factor it waits for somebody else.
    let done = browser.post(&act, &form).await;
    assert_eq!(done.location(), format!("{page}?done=waits"), "{}", done.body);
    assert!(browser.get(&page).await.body.contains("asked to close the account"));
    assert!(bench.events("identity.account_closed").await.is_empty());
    let other = bench.customer("bob@people.example").await;
    let act = format!("/customers/{other}/act");
    let without = form.replace("reason=they+asked+for+it", "reason=");
    assert_eq!(browser.post(&act, &without).await.status, 422);
    assert_eq!(browser.post(&act, &form).await.location(), "/customers?done=close");
    assert!(browser.get("/customers?done=close").await.body.contains("The account is closed"));
    assert_eq!(browser.get(&format!("/customers/{other}")).await.status, 404);
    let closed = bench.events("identity.account_closed").await;
    assert!(closed.len() == 1 && matches!(closed[0].actor, Actor::Staff { .. }));
});
