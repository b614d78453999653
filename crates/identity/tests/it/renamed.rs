//! Another address at shops that name people by theirs: an account stays one, whatever is heard of the shop's answer, on both engines.

use storeward_identity::{LetterKind, MIGRATIONS, SecondFactor};
use storeward_seal::totp::TotpSecret;
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind, Renaming, SECRET, SHOP_PASSWORD, Visitor};
use super::bench::Answer;
use super::takeover::by_address;

const NEW: &str = "new@people.example";
const CHANGE: [(&str, &str); 1] = [("email", NEW)];
const FORM: [(&str, &str); 2] =
    [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];

/// A shop whose customers need no second factor, and one of them who has an app all the same and has just shown it.
async fn owner(behind: &Behind) -> (Visitor<'_>, TotpSecret) {
    let mut owner = behind.browser();
    owner.get("/").await;
    assert_eq!(owner.sign_in("ella").await.status, 303);
    assert!(owner.sees_account().await);
    step_up(&mut owner, "mail", &|| behind.bench.code(LetterKind::SignInCode)).await;
    let app = owner.browser.add_totp().await;
    step_up(&mut owner, "totp", &|| behind.bench.next_totp(&app)).await;
    (owner, app)
}

async fn step_up(owner: &mut Visitor<'_>, method: &str, secret: &dyn Fn() -> String) {
    let path = "/.storeward/step-up";
    owner.browser.post_from(path, path, &[("next", "/")]).await.leads_to("/.storeward/challenge");
    owner.browser.prove(method, &secret()).await.leads_to("/");
}

/// Another browser with the shop's password.
async fn signs_in<'b>(behind: &'b Behind, user: &str, password: &str) -> (Visitor<'b>, Answer) {
    let mut browser = behind.browser();
    browser.browser = browser.browser.elsewhere();
    browser.get("/").await;
    let answer = browser.post("/login.php", &[("user", user), ("password", password)]).await;
    (browser, answer)
}

async fn is_asked(behind: &Behind, user: &str) {
    let (mut thief, answer) = signs_in(behind, user, SHOP_PASSWORD).await;
    answer.leads_to("/.storeward/challenge");
    let page = thief.browser.get("/.storeward/challenge").await;
    assert!(page.body.contains("value=\"totp\"") && !page.body.contains("value=\"mail\""), "{}", page.body);
    assert!(!thief.sees_account().await);
}

fn changes_sent(behind: &Behind) -> usize {
    behind.shop.asked().iter().filter(|line| line.starts_with("POST /account/email")).count()
}

fn codes_to_new(behind: &Behind) -> usize {
    behind.bench.kinds().iter().filter(|kind| **kind == LetterKind::AddressCode).count()
}

// Nobody was asked who was in: the new name was somebody new, whom the password alone let in.
both_engines!(a_shop_that_signs_out_with_the_change_keeps_the_account, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, by_address);
    let (mut owner, app) = owner(&behind).await;
    let account = behind.bench.customer(ADDRESS).await;
    behind.shop.rename(Renaming::TakesAndSignsOut);
    owner.change_address(NEW).await;
    assert_eq!((behind.shop.email_of("42").as_str(), changes_sent(&behind)), (NEW, 1));
    assert!(!owner.sees_account().await, "signed out");
    is_asked(&behind, NEW).await;
    // A trusted device is asked, too: once, and from then on the account goes by the new address.
    let answer = owner.post("/login.php", &[("user", NEW), ("password", SHOP_PASSWORD)]).await;
    answer.leads_to("/.storeward/challenge");
    let code = behind.bench.next_totp(&app);
    owner.browser.prove("totp", &code).await.leads_to("/account");
    assert!(owner.sees_account().await);
    assert_eq!(behind.bench.customer(NEW).await, account);
    // The earlier one was told, by a letter that takes it back.
    assert_eq!(behind.bench.letter(LetterKind::AddressChanged).to.expose(), ADDRESS);
    is_asked(&behind, NEW).await;
});

// A storefront of scripts sends it in JSON.
both_engines!(what_a_script_changes_is_the_accounts_too, MIGRATIONS, async |db| {
    let with_script = |file: &str| {
        let script =
            "field = \"email\"\n[[signed_in.renamed.script]]\nmethods = [\"PUT\"]\npath = \"/me/address\"\n";
        by_address(file).replacen("field = \"email\"\n", script, 1)
    };
    let behind = Behind::with_file(db, SecondFactor::Offered, with_script);
    let (mut owner, _) = owner(&behind).await;
    let account = behind.bench.customer(ADDRESS).await;
    let json = [("accept", "application/json"), ("content-type", "application/json")];
    let change = r#"{"email":"new@people.example"}"#;
    let told = owner.send("PUT", "/me/address", &json, change).await;
    let problem: serde_json::Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!((told.status.as_u16(), problem["code"].as_str()), (403, Some("identity.new_address")));
    assert_eq!(behind.shop.email_of("42"), ADDRESS);
    owner.show_new_address().await;
    let changed = owner.send("PUT", "/me/address", &json, change).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert!(owner.sees_account().await, "no new sign-in");
    assert_eq!(behind.bench.customer(NEW).await, account);
    is_asked(&behind, NEW).await;
    // What cannot be read is not sent.
    let told = owner.send("PUT", "/me/address", &json, "<email>other@people.example</email>").await;
    assert_eq!(told.status, 422, "{told:?}");
    assert_eq!(behind.shop.email_of("42"), NEW);
});

// The question right behind the form failed once.
both_engines!(so_does_one_that_was_not_heard, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, by_address);
    let (mut owner, app) = owner(&behind).await;
    let account = behind.bench.customer(ADDRESS).await;
    owner.post("/account/email", &CHANGE).await.leads_to("/.storeward/challenge");
    owner.show_new_address().await;
    let change = owner.begin("POST", "/account/email", &FORM, "email=new%40people.example").await;
    behind.shop.break_probe(true);
    owner.finish(change.unwrap_or_else(|answer| panic!("{answer:?}"))).await;
    behind.shop.break_probe(false);
    behind.bench.advance(70);
    is_asked(&behind, NEW).await;
    let told = owner.get("/account").await;
    assert!(!told.body.contains(SECRET), "{told:?}");
    told.leads_to("/.storeward/challenge");
    let code = behind.bench.next_totp(&app);
    owner.browser.prove("totp", &code).await.leads_to("/account");
    assert!(owner.sees_account().await);
    assert_eq!(behind.bench.customer(NEW).await, account);
});

// Nor is anything lost where the program stopped while the form was at the shop.
both_engines!(so_does_one_that_was_under_way_at_a_stop, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, by_address);
    let (mut owner, _) = owner(&behind).await;
    owner.post("/account/email", &CHANGE).await.leads_to("/.storeward/challenge");
    owner.show_new_address().await;
    let change = owner.begin("POST", "/account/email", &FORM, "email=new%40people.example").await;
    change.unwrap_or_else(|answer| panic!("{answer:?}")).killed();
    assert_eq!(behind.shop.email_of("42"), NEW);
    let again = behind.restarted_with(by_address);
    behind.bench.advance(70);
    let mut thief = behind.browser();
    thief.browser = thief.browser.elsewhere();
    thief.shield = &again;
    thief.get("/").await;
    let answer = thief.post("/login.php", &[("user", NEW), ("password", SHOP_PASSWORD)]).await;
    answer.leads_to("/.storeward/challenge");
    assert!(!thief.sees_account().await);
});

both_engines!(no_address_goes_to_the_shop_before_its_mail_was_read, MIGRATIONS, async |db| {
    let unnamed = |file: &str| {
        let named = "[[sensitive]]\nmethods = [\"POST\"]\npath = \"/account/email\"\n";
        assert!(file.contains(named));
        by_address(&file.replace(named, ""))
    };
    let behind = Behind::with_file(db, SecondFactor::Offered, unnamed);
    let (mut owner, _) = owner(&behind).await;
    // Without a proof of now the form asks for that first, whether or not a `[[sensitive]]` names it.
    behind.bench.advance(3_600);
    assert!(owner.post("/account/email", &CHANGE).await.location().starts_with("/.storeward/step-up"));
    assert_eq!((codes_to_new(&behind), changes_sent(&behind)), (0, 0));
});

both_engines!(what_else_the_form_says_needs_no_code, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, by_address);
    let (mut owner, app) = owner(&behind).await;
    assert_eq!(owner.post("/account/email", &[("email", ADDRESS)]).await.status, 200);
    assert_eq!(codes_to_new(&behind), 0);
    // Programs are told, with the way.
    let json = [("accept", "application/json"), FORM[1]];
    let told = owner.send("POST", "/account/email", &json, "email=new%40people.example").await;
    assert_eq!(told.status, 403);
    let problem: serde_json::Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(problem["code"], "identity.new_address");
    assert_eq!(problem["challenge"], "/.storeward/challenge");
    assert!(!told.body.contains("new@") && !told.location().contains("new"));
    // The same again: its code is on its way.
    owner.post("/account/email", &CHANGE).await.leads_to("/.storeward/challenge");
    assert_eq!(codes_to_new(&behind), 1);
    let page = owner.browser.get("/.storeward/challenge").await;
    assert!(
        page.body.contains("n\u{2022}\u{2022}\u{2022}@people.example") && !page.body.contains(NEW),
        "{}",
        page.body
    );
    assert_eq!(owner.browser.prove("mail", "00000000").await.status, 403);
    owner.post("/account/email", &CHANGE).await.leads_to("/.storeward/challenge");
    // What the shop could read in two ways, and what no letter goes to.
    for body in ["email=a%40x.example&email=b%40x.example", "email=new%40people"] {
        let told = owner.send("POST", "/account/email", &FORM, body).await;
        assert_eq!(told.status, 422, "{body}: {told:?}");
        assert!(told.body.contains("Nothing was changed"), "{}", told.body);
    }
    assert_eq!(changes_sent(&behind), 1);
    owner.show_new_address().await;
    assert_eq!(owner.post("/account/email", &CHANGE).await.status, 200);
    // A day later it is shown again.
    behind.shop.rename(Renaming::Refuses);
    let other = [("email", "other@people.example")];
    owner.change_address("other@people.example").await;
    behind.bench.advance(86_401);
    step_up(&mut owner, "totp", &|| behind.bench.next_totp(&app)).await;
    owner.post("/account/email", &other).await.leads_to("/.storeward/challenge");
});

// Whoever writes to many strangers in the shop's name is held.
both_engines!(few_codes_go_to_new_addresses, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, by_address);
    let (mut owner, _) = owner(&behind).await;
    let mut refused = None;
    for n in 0..12 {
        let address = format!("stranger{n}@people.example");
        let answer = owner.post("/account/email", &[("email", &address)]).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        answer.leads_to("/.storeward/challenge");
    }
    let refused = refused.expect("it ends");
    assert!(
        refused.headers.contains_key("retry-after") && refused.body.contains("Too many codes"),
        "{refused:?}"
    );
    assert!(codes_to_new(&behind) <= 5);
    assert_eq!(changes_sent(&behind), 0);
});

// A refused address may be somebody's second account, or a stranger's later on: it names nobody's first one anew, and opens nothing of it.
both_engines!(an_address_that_the_shop_refused_renames_nobody, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, by_address);
    let (mut owner, app) = owner(&behind).await;
    let account = behind.bench.customer(ADDRESS).await;
    behind.shop.rename(Renaming::Refuses);
    assert_eq!(owner.change_address(NEW).await.body, "that address is taken");
    assert!(owner.sees_account().await);
    behind.shop.register(NEW);
    let (mut other, answer) = signs_in(&behind, NEW, "another password").await;
    answer.leads_to("/.storeward/challenge");
    assert!(!other.get("/account").await.body.contains("the orders of 7"));
    // Their owner has the app.
    behind.bench.advance(30);
    other.browser.prove("totp", &behind.bench.next_totp(&app)).await.leads_to("/account");
    assert!(other.get("/account").await.body.contains("the orders of 7"));
    assert_eq!(behind.bench.customer(ADDRESS).await, account);
    is_asked(&behind, "ella").await;
    assert!(
        behind.bench.kinds().iter().all(|kind| *kind != LetterKind::AddressChanged),
        "codes go where they went"
    );
});

// A row that somebody wrote makes nobody's account another's, and one that somebody changed makes nobody somebody new.
both_engines!(a_name_that_somebody_wrote_is_nobodys, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, by_address);
    let (mut owner, _) = owner(&behind).await;
    let account = behind.bench.customer(ADDRESS).await;
    let (_, answer) = signs_in(&behind, "mallory", "another password").await;
    answer.leads_to("/account");
    let other = behind.bench.customer("mallory@people.example").await;
    behind.shop.rename(Renaming::TakesAndSignsOut);
    owner.change_address(NEW).await;
    let db = &behind.bench.db;
    db.tamper("CREATE TABLE kept AS SELECT * FROM customer_shop_name");
    db.tamper(&format!("UPDATE kept SET customer = '{other}', at = at + 1"));
    db.tamper("INSERT INTO customer_shop_name SELECT * FROM kept");
    is_asked(&behind, NEW).await;
    db.tamper(&format!("UPDATE customer_shop_name SET at = at + 1 WHERE customer = '{account}'"));
    let (mut thief, answer) = signs_in(&behind, NEW, SHOP_PASSWORD).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(!thief.sees_account().await);
    let harmed = storeward_identity::harmed(db).await.unwrap();
    for one in [account, other] {
        assert!(harmed.iter().any(|row| row.row.contains(&one.to_string())), "{harmed:?}");
    }
});
