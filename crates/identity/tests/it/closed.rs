//! A closed account leaves nothing behind, and whoever comes again is somebody new.

use storeward_base::{Actor, CustomerId, StaffId};
use storeward_identity::staff::{Act, Done};
use storeward_identity::{LetterKind, MIGRATIONS, NameProof, SecondFactor, Visit};
use storeward_store::testing::TestDb;
use storeward_store::{Engine, Error, both_engines};
use storeward_web::http::{HeaderValue, header};

use super::behind::{ADDRESS, Behind, Elevation};
use super::bench::{Bench, Browser, EMAIL, PASSWORD, STAFF};

const CLOSE: &str = "/.storeward/account/close";

/// No row of these is one account's: what all sign-ins say together; and the shop's own cookies, which the shield takes away once the shop
/// has signed them out (`away.rs`).
const NOBODYS: [&str; 2] = ["customer_shop_history", "shop_session"];

/// The tables of this domain, as its migrations make them.
fn tables() -> Vec<String> {
    let texts = MIGRATIONS.iter().flat_map(|migration| migration.sql.split("CREATE TABLE ").skip(1));
    let names: Vec<String> = texts.map(|text| text.split_whitespace().next().unwrap().to_owned()).collect();
    assert!(names.len() >= 16, "{names:?}");
    names
}

/// Every row of a table, as text.
async fn rows(db: &TestDb, table: &str) -> Vec<String> {
    let sql = match db.engine() {
        Engine::Postgres => format!("SELECT CAST({table} AS TEXT) FROM {table}"),
        Engine::Sqlite => {
            let of = format!("SELECT name FROM pragma_table_info('{table}')");
            let names = db.read(move |reader| -> Result<Vec<String>, Error> {
                reader.query_many(&of, &[], |row| row.get(0))
            });
            let all: Vec<String> = names.await.unwrap().iter().map(|name| format!("quote({name})")).collect();
            format!("SELECT {} FROM {table}", all.join(" || ',' || "))
        }
    };
    let found = db
        .read(move |reader| -> Result<Vec<String>, Error> { reader.query_many(&sql, &[], |row| row.get(0)) });
    found.await.unwrap()
}

/// The ids under which something of a customer stands in a table.
async fn ids(db: &TestDb, table: &str, customer: CustomerId) -> Vec<String> {
    let sql = format!("SELECT id FROM {table} WHERE customer = '{customer}'");
    let found = db
        .read(move |reader| -> Result<Vec<String>, Error> { reader.query_many(&sql, &[], |row| row.get(0)) });
    found.await.unwrap()
}

/// Before they give it to the shop.
async fn shows_another_address(owner: &mut Browser<'_>, customer: CustomerId) {
    let identity = &owner.bench.identity;
    let jar: Vec<_> = owner.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let headers = [(header::COOKIE, HeaderValue::try_from(jar.join("; ")).unwrap())].into_iter().collect();
    let visit = Visit::new(owner.address, &headers);
    let session = identity.current(visit.session.as_ref().unwrap()).await.unwrap().unwrap().id;
    let begun = identity.prove_shop_name(&visit, (customer, session), "new@people.example", None).await;
    let NameProof::Asked(flow) = begun.unwrap() else { panic!("nothing was shown yet") };
    owner.cookies.push(("__Host-storeward-flow".to_owned(), flow.secret().expose().clone()));
    let code = owner.bench.code(LetterKind::AddressCode);
    owner.prove("mail", &code).await.leads_to("/.storeward/address-shown?next=/");
}

/// Somebody with something in every table there is, and their ids.
async fn with_everything(bench: &Bench) -> (Browser<'_>, CustomerId, Vec<String>) {
    let (mut owner, _) = bench.with_totp().await;
    owner.recovery_codes().await;
    let customer = bench.customer(EMAIL).await;
    bench.advance(1);
    let mut other = bench.browser().elsewhere();
    other.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    assert_eq!(other.sign_in(EMAIL, "not the password at all").await.status, 403);
    shows_another_address(&mut owner, customer).await;
    let desk = bench.identity.customers();
    assert_eq!(desk.act(&bench.by(STAFF), customer, Act::BeginWayBack).await.unwrap(), Done::Changed);
    let blob = bench.db.blob(b"sealed");
    for sql in [
        format!("INSERT INTO customer_told (customer, kind, at) VALUES ('{customer}', 'x', 1)"),
        format!(
            "INSERT INTO customer_sms_count (scope, day, count) VALUES ('account:{customer} of others', 1, 1)"
        ),
        format!("INSERT INTO customer_session_ended VALUES ('csn_x', '{customer}', 'revoked', 1)"),
        format!("INSERT INTO customer_history VALUES ('{customer}', {blob}, 0, 1) ON CONFLICT DO NOTHING"),
    ] {
        bench.db.tamper(&sql);
    }
    let mut all = vec![customer.to_string()];
    for table in ["customer_session", "customer_device", "customer_factor"] {
        let found = ids(&bench.db, table, customer).await;
        assert!(!found.is_empty(), "{table}");
        all.extend(found);
    }
    (owner, customer, all)
}

/// Tables in which something stands under one of these ids.
async fn tables_with(db: &TestDb, ids: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for table in tables() {
        let rows = rows(db, &table).await;
        if rows.iter().any(|row| ids.iter().any(|id| row.contains(id))) {
            found.push(table);
        }
    }
    found
}

both_engines!(nothing_of_a_closed_account_is_left_in_any_table, MIGRATIONS, async |db| {
    let bench = Bench::with(db, SecondFactor::Risk);
    let (mut owner, customer, ids) = with_everything(&bench).await;
    // A table that is added has a row of theirs here first, or the walk below says nothing of it.
    let mut all = tables();
    all.retain(|table| !NOBODYS.contains(&table.as_str()));
    assert_eq!(tables_with(&bench.db, &ids).await, all);
    let page = owner.get(CLOSE).await;
    assert!(page.status == 200 && page.body.contains("name=\"sure\""), "{}", page.location());
    let unsure = owner.post(CLOSE, &page.csrf(), &[]).await;
    assert!(unsure.status == 422 && unsure.body.contains("Nothing was closed."), "{}", unsure.body);
    assert!(owner.is_signed_in().await);
    let (kept, link) =
        (owner.cookies.clone(), bench.letter(LetterKind::FactorAdded).parameter("link").to_owned());
    owner.post(CLOSE, &page.csrf(), &[("sure", "yes")]).await.leads_to("/.storeward/sign-in?done=closed");
    assert_eq!(owner.session(), None, "signed out");
    assert!(owner.get("/.storeward/sign-in?done=closed").await.body.contains("Your account here is closed"));
    assert_eq!(tables_with(&bench.db, &ids).await, Vec::<String>::new());
    // Told, at the address that was.
    let letter = bench.post.all().pop().unwrap();
    assert_eq!((letter.kind, letter.to.expose().as_str()), (LetterKind::AccountClosed, EMAIL));
    assert_eq!(letter.customer, None, "what bears its number goes with the account");
    let closed = bench.events("identity.account_closed").await;
    assert_eq!((closed.len(), closed[0].actor), (1, Actor::Customer { id: customer }));
    assert_eq!(bench.reasons("identity.account_closed").await, ["own"]);
    // What the browser and old letters held opens nothing.
    owner.cookies = kept;
    assert!(!owner.is_signed_in().await);
    let old = owner.get(link.strip_prefix("https://shop.example").unwrap()).await;
    assert!(old.status == 200 && !old.body.contains("name=\"t\""), "{}", old.body);
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).await.status, 403);
});

both_engines!(whoever_comes_again_is_somebody_new, MIGRATIONS, async |db| {
    let bench = Bench::with(db, SecondFactor::Offered);
    let (mut owner, _) = bench.with_totp().await;
    let before = bench.customer(EMAIL).await;
    owner.post_from(CLOSE, CLOSE, &[("sure", "yes")]).await.leads_to("/.storeward/sign-in?done=closed");
    bench.advance(60);
    let mut again = bench.signed_up().await;
    let now = bench.customer(EMAIL).await;
    assert_ne!(now, before);
    assert!(again.is_signed_in().await);
    let view = bench.identity.customers().view(now).await.unwrap().unwrap();
    assert!(view.factors.is_empty() && view.acts.is_empty(), "{view:?}");
});

// A stale session is asked for all that the account has first; a link, or another site's form, closes nothing.
both_engines!(closing_takes_all_that_the_account_has_and_a_form, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let csrf = owner.get("/.storeward/account").await.csrf();
    owner.get(&format!("{CLOSE}?sure=yes")).await;
    let evil =
        [("accept", "text/html"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    let form = format!("csrf={csrf}&sure=yes");
    assert_eq!(owner.send("POST", CLOSE, &evil, Some(&form)).await.status, 403);
    assert!(owner.is_signed_in().await);
    bench.advance(3_600);
    let stale = owner.post(CLOSE, &csrf, &[("sure", "yes")]).await;
    assert!(stale.location().starts_with("/.storeward/step-up?next="), "{}", stale.location());
    assert!(owner.is_signed_in().await);
    assert!(bench.events("identity.account_closed").await.is_empty());
});

// Whoever talks one member of staff into it would have a way around the second factor.
both_engines!(staff_close_an_account_and_two_do_where_it_has_a_factor, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, _) = bench.with_totp().await;
    bench.advance(60);
    let customer = bench.customer(EMAIL).await;
    let desk = bench.identity.customers();
    let close = async |staff| desk.act(&bench.by(staff), customer, Act::Close).await.unwrap();
    assert_eq!(close(STAFF).await, Done::WaitsForAnother);
    assert_eq!(close(STAFF).await, Done::WaitsForAnother, "twice by one is one");
    bench.advance(86_401);
    let (other, third) = (StaffId::from_bits(2), StaffId::from_bits(3));
    assert_eq!(close(other).await, Done::WaitsForAnother, "what was asked for yesterday is over");
    assert!(owner.is_signed_in().await);
    assert_eq!(close(third).await, Done::Changed);
    assert!(!owner.is_signed_in().await);
    assert!(desk.view(customer).await.unwrap().is_none());
    let closed = bench.events("identity.account_closed").await;
    assert_eq!(closed[0].actor, Actor::Staff { id: third });
    assert_eq!(bench.reasons("identity.account_closed").await, ["staff"]);
    assert_eq!(bench.letter(LetterKind::AccountClosed).to.expose(), EMAIL);
});

both_engines!(staff_close_one_without_a_factor_alone, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    let customer = bench.customer(EMAIL).await;
    let desk = bench.identity.customers();
    assert_eq!(desk.act(&bench.by(STAFF), customer, Act::Close).await.unwrap(), Done::Changed);
    assert!(desk.view(customer).await.unwrap().is_none());
});

// Of an erasure: once, whatever somebody did to the row, and told where it is done the first time only.
both_engines!(an_account_is_closed_with_its_owners_data_once, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    let customer = bench.customer(EMAIL).await;
    bench.db.tamper("UPDATE customer_account SET tag = NULL");
    // The record in the vault is another number than the account.
    let record = Actor::Customer { id: CustomerId::from_bits(7) };
    assert!(bench.identity.close_erased(customer, record).await.unwrap());
    assert!(!bench.identity.close_erased(customer, Actor::System).await.unwrap());
    let closed = bench.events("identity.account_closed").await;
    assert_eq!((closed.len(), closed[0].actor), (1, Actor::Customer { id: customer }));
    assert_eq!(bench.reasons("identity.account_closed").await, ["erasure"]);
    for (actor, letters) in [(Actor::System, 0), (Actor::Staff { id: STAFF }, 1)] {
        bench.advance(60);
        drop(bench.signed_up().await);
        let customer = bench.customer(EMAIL).await;
        assert!(bench.identity.close_erased(customer, actor).await.unwrap());
        let told = bench.kinds().iter().filter(|kind| **kind == LetterKind::AccountClosed).count();
        assert_eq!(told, letters, "{actor:?}");
    }
});

// Behind the shield: the shop lets them in as ever, and here they begin with the code to the address on file.
both_engines!(who_signs_in_at_the_shop_afterwards_is_enrolled_anew, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("1").await;
    assert!(owner.sees_account().await);
    let bench = &behind.bench;
    let before = bench.customer(ADDRESS).await;
    let desk = bench.identity.customers();
    assert_eq!(desk.act(&bench.by(STAFF), before, Act::Close).await.unwrap(), Done::Changed);
    behind.shield.flush().await.unwrap();
    behind.shield.sweep().await.unwrap();
    assert_eq!(behind.shop.signed_in(), 0, "the shop's session is signed out");
    assert!(!owner.sees_account().await);
    bench.advance(60);
    owner.sign_in("ella").await;
    assert!(!owner.sees_account().await, "what the browser held opens nothing");
    // On the device that was trusted before, the password is not enough.
    let mut again = behind.browser();
    again
        .browser
        .cookies
        .extend(owner.browser.cookies.iter().filter(|(name, _)| name.contains("device")).cloned());
    again.sign_in_with_code("").await;
    assert!(again.sees_account().await);
    assert_ne!(bench.customer(ADDRESS).await, before);
});

// Of whoever has a second factor no erasure by a program or one member of staff closes the account: what is asked is the real table.
both_engines!(an_accounts_second_factor_is_told_to_whoever_erases, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let told = async |address: &'static str| {
        let (_, key) = bench.keys();
        storeward_identity::accounts_of_address(&bench.db, &key, address).await.unwrap()
    };
    assert_eq!(told(EMAIL).await, []);
    let mut owner = bench.signed_up().await;
    let account = bench.customer(EMAIL).await;
    assert_eq!(told(EMAIL).await, [(account, false)]);
    owner.add_totp().await;
    assert_eq!(told(EMAIL).await, [(account, true)]);
    assert_eq!(told("no address").await, []);
    assert_eq!(told("nobody@people.example").await, []);
});
