//! Doors on any page, shops in folders, people with rights, and a shop that nobody knows yet, on both engines.

use storeward_identity::{LetterKind, MIGRATIONS, SecondFactor, ShieldSection, WhenUnsaid};
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind, Elevation, OfficeGuard, SECRET, SHOP_PASSWORD, Visitor};
use super::bench::STAFF;

const PROBLEM_FORM: [(&str, &str); 2] =
    [("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")];
const MALLORY: [(&str, &str); 2] = [("user", "mallory"), ("password", "another password")];
const ENROL: &str = "/.storeward/account/back-office";

/// A shop that takes its sign-in on every page, as WooCommerce does.
fn everywhere(file: &str) -> String {
    file.replace("paths = [\"/login.php\"]", "paths = [\"/**\"]\nmarker = \"user\"")
}

fn with_office(file: &str) -> String {
    format!("{file}\n[staff.probe]\npath = \"/office\"\n")
}

/// It says itself what rights somebody has.
fn with_told(file: &str) -> String {
    let told = "customer_page = [\"not for customers\"]\n[staff.probe.told]\npath = \"/rights\"\nrights = \"/rights\"\n\
                customer = [\"read\"]\n[staff.probe.told.nonce]\npath = \"/nonce\"\nheader = \"X-Nonce\"\n";
    format!("{}{told}", with_office(file))
}

async fn statuses(visitor: &mut Visitor<'_>, path: &str, body: &str, times: usize) -> Vec<u16> {
    let mut seen = Vec::new();
    for _ in 0..times {
        seen.push(visitor.send("POST", path, &PROBLEM_FORM, body).await.status.as_u16());
    }
    seen
}

// A sign-in that was sent to another page of the shop was counted by nobody.
both_engines!(a_form_on_any_page_is_a_try, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Required, everywhere);
    let mut thief = behind.browser();
    thief.get("/").await;
    let form = format!("user={ADDRESS}&password=wrong");
    let seen = statuses(&mut thief, "/peat-mug/", &form, 9).await;
    assert_eq!(seen[..5], [401; 5]);
    assert!(seen[5..].contains(&429), "{seen:?}");
    // Nor does another page, or another case, make it another count.
    let mut other = behind.browser();
    other.browser.address = "192.0.2.4".parse().unwrap();
    assert_eq!(
        statuses(&mut other, "/cart?x=1", &form.to_uppercase().replace("USER", "User"), 1).await,
        [429]
    );
    // A form without a password is none, however often.
    assert_eq!(statuses(&mut other, "/cart", "product=1", 40).await, [200; 40]);
    let mut owner = behind.browser();
    owner.browser.address = "192.0.2.9".parse().unwrap();
    owner.get("/").await;
    behind.bench.advance(3_600);
    owner
        .post("/peat-mug/", &[("user", "ella"), ("password", SHOP_PASSWORD)])
        .await
        .leads_to("/.storeward/challenge");
    assert!(!owner.sees_account().await);
});

// What stands behind the part of a form that is read is a try, too.
both_engines!(a_form_that_is_too_long_to_be_read_is_counted, MIGRATIONS, async |db| {
    let unrouted = |file: &str| {
        everywhere(file).replace("[[routed]]\nparameter = \"rest_route\"\npath = \"/api\"\n", "")
    };
    let behind = Behind::with_file(db, SecondFactor::Required, unrouted);
    let mut thief = behind.browser();
    thief.get("/").await;
    let long = format!("{}user={ADDRESS}&password=wrong", "pad=yyyyyyyy&".repeat(25_000));
    let seen = statuses(&mut thief, "/peat-mug/", &long, 34).await;
    assert_eq!(seen[..30], [401; 30], "as many as a network has");
    assert!(seen[30..].contains(&429), "{seen:?}");
    let front = format!("user={ADDRESS}&password=wrong&{}", "pad=yyyyyyyy&".repeat(25_000));
    assert_eq!(statuses(&mut thief, "/peat-mug/", &front, 1).await, [413], "it is a sign-in, and too large");
});

// Where WordPress has a plugin for tokens, a long form with its route at the end had one for a stolen password alone.
both_engines!(no_form_hides_a_route_behind_what_is_read, MIGRATIONS, async |db| {
    const MORE: &str = "[[routed]]\nparameter = \"rest_route\"\npath = \"/wp-json\"\n[[door]]\nname = \"token\"\nkind = \"api\"\n\
                        paths = [\"/**/wp-json/jwt-auth/v1/token\"]\nuser = [\"username\"]\npassword = [\"password\"]\n";
    let behind =
        Behind::with_file(db, SecondFactor::Required, |file| format!("{}\n{MORE}", everywhere(file)));
    let mut thief = behind.browser();
    let routed = format!(
        "username={ADDRESS}&password=x&{}rest_route=/jwt-auth/v1/token",
        "pad=yyyyyyyy&".repeat(25_000)
    );
    assert_eq!(statuses(&mut thief, "/", &routed, 1).await, [413], "nobody");
    thief.get("/").await;
    assert_eq!(statuses(&mut thief, "/", &routed, 1).await, [413], "a guest");
    assert_eq!(
        statuses(&mut thief, "/", "username=a&password=x&rest_route=/jwt-auth/v1/token%0A/", 1).await,
        [403]
    );
    assert_ne!(statuses(&mut thief, "/", "username=a&rest_route=/wc/store/v1/cart", 1).await, [403]);
    // Whoever is signed in with an account of their own is no better off.
    let mut own = behind.browser();
    own.sign_in_with_code("").await;
    assert_eq!(statuses(&mut own, "/account", &routed, 1).await, [413]);
});

// Whoever has rights in the back office was a customer on every page that no file names.
both_engines!(who_has_rights_shows_more_on_every_page, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, with_office);
    // A customer under this policy: the password is enough.
    let mut customer = behind.browser();
    customer.get("/").await;
    customer.sign_in("ella").await.leads_to("/account");
    assert!(customer.sees_account().await);
    let mut member = behind.browser();
    member.get("/").await;
    member.post("/login.php", &MALLORY).await.leads_to("/.storeward/challenge");
    let asked = serde_json::to_string(&behind.bench.events("identity.step_up_asked").await[0].event).unwrap();
    assert!(asked.contains("\"staff\""), "{asked}");
    let code = behind.bench.code(LetterKind::SignInCode);
    member.browser.prove("mail", &code).await.leads_to("/account");
    // The mailed code let nobody in: not on the plainest page.
    for path in ["/account", "/", "/checkout", "/plugin/orders"] {
        let told = member.get(path).await;
        assert!(told.location().starts_with(ENROL), "{path}: {told:?}");
    }
    let told = member.send("POST", "/plugin/orders", &PROBLEM_FORM, "all=1").await;
    assert!(told.status == 403 && told.body.contains(ENROL), "{told:?}");
    let part = [("accept", "image/*"), ("sec-fetch-dest", "image")];
    assert!(!member.send("GET", "/account", &part, "").await.body.contains("orders"));
    let app = member.browser.add_totp().await;
    // The app was added by a session without it: its code comes first, then somebody has to let them in.
    member.get("/account").await.leads_to("/.storeward/step-up?next=/account");
    let step_up = "/.storeward/step-up";
    let begun = member.browser.post_from(step_up, step_up, &[("next", "/account")]).await;
    begun.leads_to("/.storeward/challenge");
    let code = behind.bench.next_totp(&app);
    member.browser.prove("totp", &code).await.leads_to("/account");
    let told = member.get("/account").await;
    assert!(told.location().starts_with(ENROL), "somebody has to let them in: {told:?}");
    let desk = behind.bench.identity.customers();
    let customer = desk.find(STAFF, "mallory@people.example").await.unwrap()[0];
    let code = desk.view(customer).await.unwrap().unwrap().office.code().unwrap().to_owned();
    desk.let_into_office(&behind.bench.by(STAFF), customer, &code).await.unwrap();
    assert!(member.get("/account").await.body.contains("the orders of 7"));
    assert_eq!(member.send("POST", "/plugin/orders", &PROBLEM_FORM, "all=1").await.status, 200);
    // Out, and in again: on this device too, and with nothing less.
    member.post("/logout", &[]).await;
    assert_eq!(member.get("/").await.status, 200, "signed out, the shop is open");
    member.post("/login.php", &MALLORY).await.leads_to("/.storeward/challenge");
    let page = member.browser.get("/.storeward/challenge").await;
    assert!(page.body.contains("id=\"totp\"") && !page.body.contains("id=\"mail\""));
});

// A plugin's refusal at the page that was asked for, within the shop and with its mark, made the owner a customer; and so did a role
// without the one right that this page takes.
both_engines!(a_customer_is_who_the_shop_says_has_a_customers_rights, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, with_told);
    for guard in [OfficeGuard::RefusesInside, OfficeGuard::None] {
        behind.shop.guard_office(guard);
        let mut thief = behind.browser();
        thief.get("/").await;
        thief.post("/login.php", &MALLORY).await.leads_to("/.storeward/challenge");
        for path in ["/account", "/plugin/orders", "/checkout"] {
            thief.get(path).await.leads_to("/.storeward/challenge");
        }
        // Customers are customers all the same, and the canary is one.
        let mut customer = behind.browser();
        customer.get("/").await;
        customer.sign_in("ella").await.leads_to("/account");
        assert_eq!(behind.shield.try_canary().await.unwrap(), None);
        behind.bench.advance(3_600);
    }
    // Where the shop says nothing, nobody is one.
    behind.shop.guard_office(OfficeGuard::TellsNothing);
    let mut customer = behind.browser();
    customer.get("/").await;
    customer.sign_in("ella").await.leads_to("/.storeward/challenge");
    assert_eq!(behind.shield.try_canary().await.unwrap().map(|fault| fault.code()), Some("seems_staff"));
    assert!(behind.bench.reasons("identity.sign_in_failed").await.contains(&"staff_unclear".to_owned()));
});

// A plugin shut the address where the shop says who somebody is, and the owner wants customers to shop on.
both_engines!(who_is_not_spoken_of_is_a_customer_where_the_owner_says_so, MIGRATIONS, async |db| {
    let section = ShieldSection { rights_unsaid: WhenUnsaid::Customers, ..ShieldSection::default() };
    let behind = Behind::with_both(db, SecondFactor::Offered, section, with_told);
    behind.shop.guard_office(OfficeGuard::TellsNothing);
    let mut customer = behind.browser();
    customer.get("/").await;
    customer.sign_in("ella").await.leads_to("/account");
    assert!(customer.sees_account().await);
    assert!(behind.bench.reasons("identity.sign_in_failed").await.contains(&"staff_unclear".to_owned()));
    assert_eq!(behind.shield.try_canary().await.unwrap(), None);
    // The back office is what it always is.
    let mut member = behind.browser();
    member.get("/").await;
    member.post("/login.php", &MALLORY).await.leads_to("/account");
    for path in ["/admin", "/admin/orders"] {
        let told = member.get(path).await;
        assert!(told.location().starts_with(ENROL), "{path}: {told:?}");
    }
    // Whom the shop does call something else is staff all the same.
    behind.shop.guard_office(OfficeGuard::RefusesInside);
    let mut thief = behind.browser();
    thief.get("/").await;
    thief.post("/login.php", &MALLORY).await.leads_to("/.storeward/challenge");
});

// The program did not start while the shop was down.
both_engines!(a_shop_that_nobody_knows_yet_is_closed_to_sign_ins, MIGRATIONS, async |db| {
    let behind = Behind::waiting(db);
    behind.shield.wait_for_adapter().await.unwrap();
    assert_eq!(behind.bench.reasons("identity.shop_sign_in_broken").await, ["no_adapter"]);
    assert!(behind.shield.is_closed() && behind.shield.fault().is_some());
    let mut visitor = behind.browser();
    assert_eq!(visitor.get("/").await.status, 200, "guests look around");
    let form = format!("email={ADDRESS}&password={}", SHOP_PASSWORD.replace(' ', "+"));
    for path in ["/account/sign-in", "/wp-login.php", "/accounts/login/", "/customer/account/loginPost"] {
        let told = visitor.send("POST", path, &PROBLEM_FORM, &form).await;
        assert_eq!(told.status, 503, "{path}");
    }
    for path in ["/admin", "/wp-admin/users.php", "/dashboard/"] {
        assert_eq!(visitor.get(path).await.status, 503, "{path}");
    }
    assert!(behind.shop.asked().iter().all(|line| line.starts_with("GET / ")), "{:?}", behind.shop.asked());
    // What the canary would find says nothing yet.
    assert!(behind.shield.try_canary().await.unwrap().is_some());
    behind.shield.fit(Behind::late_adapter()).await.unwrap();
    assert_eq!(behind.bench.events("identity.shop_sign_in_mended").await.len(), 1);
    assert!(!behind.shield.is_closed() && behind.shield.fault().is_none());
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    assert_eq!(behind.shield.try_canary().await.unwrap(), None);
});

// A shop that turns out to lie in a folder is guarded there, and sessions from before go on.
both_engines!(a_folder_that_is_found_later_changes_no_session, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    let mut adapter = Behind::adapter();
    adapter.staff.paths.push("/office-of-this-shop".to_owned());
    behind.shield.fit(adapter).await.unwrap();
    assert!(owner.get("/account").await.body.contains(SECRET));
    assert!(owner.get("/office-of-this-shop/x").await.location().starts_with(ENROL));
});

// The commonest hardening there is: the web server opens the back office to some networks only. Its 403 was taken for the shop's
// word that whoever asked was a customer, and a stolen password of the owner was the whole shop.
both_engines!(a_refusal_that_is_not_the_shops_makes_nobody_a_customer, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, |file| {
        let page = "customer_page = [\"not for customers\"]\nleads_customers_away = true\n";
        format!("{}{page}", with_office(file))
    });
    for guard in [OfficeGuard::Refuses, OfficeGuard::LeadsAway, OfficeGuard::RefusesSessions] {
        behind.shop.guard_office(guard);
        let mut thief = behind.browser();
        thief.get("/").await;
        thief.post("/login.php", &MALLORY).await.leads_to("/.storeward/challenge");
        for path in ["/account", "/plugin/orders", "/checkout"] {
            thief.get(path).await.leads_to("/.storeward/challenge");
        }
        // Nor can it be told of a customer.
        let mut customer = behind.browser();
        customer.get("/").await;
        customer.sign_in("ella").await.leads_to("/.storeward/challenge");
        behind.bench.advance(3_600);
    }
    assert!(behind.bench.reasons("identity.sign_in_failed").await.contains(&"staff_unclear".to_owned()));
    // The canary says why.
    assert_eq!(behind.shield.try_canary().await.unwrap().map(|fault| fault.code()), Some("seems_staff"));
    assert!(!behind.shield.is_closed());
    assert_eq!(behind.bench.reasons("identity.shop_sign_in_broken").await, ["seems_staff"]);
    behind.shop.guard_office(OfficeGuard::None);
    assert_eq!(behind.shield.try_canary().await.unwrap(), None);
    let mut customer = behind.browser();
    customer.get("/").await;
    customer.sign_in("ella").await.leads_to("/account");
    let mut member = behind.browser();
    member.get("/").await;
    member.post("/login.php", &MALLORY).await.leads_to("/.storeward/challenge");
});
