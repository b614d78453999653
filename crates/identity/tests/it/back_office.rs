//! The back office behind the shield: what customers may show is not enough there, by whatever way, on both engines.

use storeward_base::SystemEntropy;
use storeward_identity::staff::{Act, Done, OfficeView};
use storeward_identity::{FirstFactor, LetterKind, MIGRATIONS, ShieldSection, StaffPolicy};
use storeward_seal::totp::TotpSecret;
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind, Elevation, SECRET, Visitor};
use super::bench::STAFF;

const ENROL: &str = "/.storeward/account/back-office?next=/admin";
const STEP_UP: &str = "/.storeward/step-up?next=/admin";
const PROBLEM: [(&str, &str); 1] = [("accept", "application/json")];

/// Steps up with this, and comes back to the back office.
async fn step_up(owner: &mut Visitor<'_>, method: &str, secret: &str) {
    let begun = owner.browser.post_from(STEP_UP, "/.storeward/step-up", &[("next", "/admin")]).await;
    begun.leads_to("/.storeward/challenge");
    owner.browser.prove(method, secret).await.leads_to("/admin");
}

/// Somebody at the console lets the member in, who has told them the code.
async fn let_in(behind: &Behind) {
    let customer = behind.bench.customer(ADDRESS).await;
    let desk = behind.bench.identity.customers();
    let code = desk.view(customer).await.unwrap().unwrap().office.code().unwrap().to_owned();
    let done = desk.let_into_office(&behind.bench.by(STAFF), customer, &code).await.unwrap();
    assert_eq!(done, Done::Changed);
}

/// Signed in at the shop by a mailed code, with an app added and let in: what the owner has after the first visit.
async fn with_app<'b>(behind: &'b Behind, trust: &str) -> (Visitor<'b>, TotpSecret) {
    let mut owner = behind.browser();
    owner.sign_in_with_code(trust).await;
    assert!(owner.sees_account().await);
    let app = owner.browser.add_totp().await;
    let_in(behind).await;
    (owner, app)
}

// Whoever read a member's mail and knew the password had the shop.
both_engines!(a_mailed_code_opens_no_back_office, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("yes").await;
    assert!(owner.sees_account().await);
    let before = behind.shop.asked().len();
    owner.get("/admin").await.leads_to(ENROL);
    owner.get("/Admin/users?x=1").await.leads_to("/.storeward/account/back-office?next=/Admin/users%3Fx%3D1");
    for (method, target, body) in
        [("GET", "/admin", ""), ("GET", "/api/users", ""), ("POST", "/", "rest_route=/users")]
    {
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let told = owner.send(method, target, &[PROBLEM[0], kind], body).await;
        assert_eq!(told.status, 403, "{method} {target}");
        assert!(told.body.contains("/.storeward/account/back-office"), "{}", told.body);
    }
    // Once more by mail is not more.
    let begun = owner.browser.post_from(STEP_UP, "/.storeward/step-up", &[("next", "/admin")]).await;
    begun.leads_to("/.storeward/challenge");
    owner.browser.prove("mail", &behind.bench.code(LetterKind::SignInCode)).await.leads_to("/admin");
    owner.get("/admin").await.leads_to(ENROL);
    assert_eq!(behind.shop.asked().len(), before, "the shop heard of none");
    let page = owner.browser.get(ENROL).await;
    assert!(
        page.body.contains("/.storeward/account/totp") && page.body.contains("/.storeward/account/passkey")
    );
    assert!(owner.sees_account().await, "a customer's pages are open");
});

both_engines!(an_app_opens_the_back_office_after_it_was_shown, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let (mut owner, app) = with_app(&behind, "yes").await;
    // To have added it is not to have shown it: the session is that of a mailed code.
    owner.get("/admin").await.leads_to(STEP_UP);
    let page = owner.browser.get(ENROL).await;
    assert!(page.body.contains("/.storeward/step-up?next=/admin"), "{}", page.body);
    let code = behind.bench.next_totp(&app);
    step_up(&mut owner, "totp", &code).await;
    assert!(owner.get("/admin").await.body.contains(SECRET));
    owner.browser.get(ENROL).await.leads_to("/admin");
    // It is good for so long, and for this session.
    behind.bench.advance(8 * 3_600 + 1);
    owner.get("/admin").await.leads_to(STEP_UP);
    assert!(owner.sees_account().await);
    owner.post("/logout", &[]).await;
    // A device that is trusted spares customers the second step, not staff.
    owner.sign_in("ella").await.leads_to("/account");
    owner.get("/admin").await.leads_to(STEP_UP);
    assert!(owner.sees_account().await);
});

both_engines!(a_passkey_and_a_recovery_code_open_it_too, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let (mut owner, _) = with_app(&behind, "").await;
    let codes = owner.browser.recovery_codes().await;
    step_up(&mut owner, "recovery", &codes[0]).await;
    assert!(owner.get("/admin").await.body.contains(SECRET));
    let mut key = owner.browser.add_passkey().await;
    let mut other = behind.browser();
    other.browser = other.browser.elsewhere();
    other.get("/").await;
    other.sign_in("ella").await.leads_to("/.storeward/challenge");
    assert!(
        other.browser.prove("mail", "00000000").await.location() == "/.storeward/challenge",
        "no mail any more"
    );
    other.browser.prove_with(&mut key).await.leads_to("/account");
    assert!(other.get("/admin").await.body.contains(SECRET), "a passkey at the sign-in is enough");
});

// A thief with the password, in a browser that the owner trusted or under a policy that asks for nothing.
both_engines!(nobody_enrols_for_the_back_office_with_a_password_alone, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("yes").await;
    assert!(owner.sees_account().await);
    owner.post("/logout", &[]).await;
    owner.sign_in("ella").await.leads_to("/account");
    owner.get("/admin").await.leads_to(ENROL);
    for path in ["/.storeward/account/totp", "/.storeward/account/passkey"] {
        let asked = owner.browser.get(path).await;
        assert!(asked.location().starts_with("/.storeward/step-up"), "{path}: {}", asked.location());
    }
    // The owner gets a code at the address on file, adds an app, and is told of it.
    let begun = owner.browser.post_from(STEP_UP, "/.storeward/step-up", &[("next", "/account")]).await;
    begun.leads_to("/.storeward/challenge");
    owner.browser.prove("mail", &behind.bench.code(LetterKind::SignInCode)).await.leads_to("/account");
    let app = owner.browser.add_totp().await;
    assert!(behind.bench.kinds().contains(&LetterKind::FactorAdded));
    owner.get("/admin").await.leads_to(STEP_UP);
    let_in(&behind).await;
    let code = behind.bench.next_totp(&app);
    step_up(&mut owner, "totp", &code).await;
    assert!(owner.get("/admin").await.body.contains(SECRET));
    // What was removed opens nothing, though it was shown in this very session.
    let page = owner.browser.get("/.storeward/account").await;
    let id = page.body.split("/account/factors/remove").nth(1).unwrap();
    let id = id.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    owner.browser.post("/.storeward/account/factors/remove", &page.csrf(), &[("id", &id)]).await;
    owner.get("/admin").await.leads_to(ENROL);
});

both_engines!(the_owner_may_let_staff_in_as_customers, MIGRATIONS, async |db| {
    let section = ShieldSection { staff: StaffPolicy::AsCustomers, ..ShieldSection::default() };
    let behind = Behind::with(db, Elevation::Fresh, section);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.get("/admin").await.body.contains(SECRET));
});

// Whoever knew the password and read the mail of a member added an app of theirs, and had the shop.
both_engines!(nobody_is_let_in_by_password_and_mailbox, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("yes").await;
    assert!(owner.sees_account().await);
    let mut thief = behind.browser();
    thief.sign_in_with_code("yes").await;
    assert!(thief.sees_account().await);
    let customer = behind.bench.customer(ADDRESS).await;
    let desk = behind.bench.identity.customers();
    let by = behind.bench.by(STAFF);
    let act = async |code: &str| desk.let_into_office(&by, customer, code).await.unwrap();
    let none = behind.bench.identity.office_code(customer).await.unwrap();
    assert_eq!(act(&none).await, Done::Already, "there is nothing to let in with");
    let app = thief.browser.add_totp().await;
    let before = behind.shop.asked().len();
    thief.get("/admin").await.leads_to(STEP_UP);
    // Showing it, codes for its loss, and a passkey besides are no more.
    let code = behind.bench.next_totp(&app);
    step_up(&mut thief, "totp", &code).await;
    thief.browser.recovery_codes().await;
    thief.browser.add_passkey().await;
    for (method, target, body) in
        [("GET", "/admin", ""), ("GET", "/api/users", ""), ("POST", "/", "rest_route=/users")]
    {
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let told = thief.send(method, target, &[PROBLEM[0], kind], body).await;
        assert!(told.status == 403 && told.body.contains("back-office"), "{method} {target}: {}", told.body);
    }
    assert_eq!(behind.shop.asked().len(), before, "the shop heard of none");
    // Both see one code, and it is another one once something else was added.
    let page = thief.browser.get(ENROL).await;
    let OfficeView::Waits { code } = desk.view(customer).await.unwrap().unwrap().office else { panic!() };
    assert!(code.len() == 9 && page.body.contains(&code), "{code}: {}", page.body);
    // The owner, on a device that they trust, must not take the thief's code for theirs and read it out.
    owner.get("/admin").await.leads_to(STEP_UP);
    let theirs = owner.browser.get(ENROL).await;
    assert!(!theirs.body.contains(&code), "{}", theirs.body);
    let begun = thief.browser.post_from(STEP_UP, "/.storeward/step-up", &[("next", "/account")]).await;
    begun.leads_to("/.storeward/challenge");
    let code_of_app = behind.bench.next_totp(&app);
    thief.browser.prove("totp", &code_of_app).await.leads_to("/account");
    thief.browser.add_passkey().await;
    assert!(!thief.browser.get(ENROL).await.body.contains(&code));
    // Whoever compared the code before that lets nobody in with what was added since; nor does the act without a code.
    assert_eq!(act(&code).await, Done::OtherCode);
    assert_eq!(desk.act(&by, customer, Act::LetIntoOffice).await.unwrap(), Done::OtherCode);
    assert!(behind.bench.events("identity.back_office_allowed").await.is_empty());
    let now = behind.bench.identity.office_code(customer).await.unwrap();
    assert_eq!(act(&now).await, Done::Changed);
    assert_eq!(act(&now).await, Done::Already);
    assert!(thief.get("/admin").await.body.contains(SECRET));
    assert!(matches!(desk.view(customer).await.unwrap().unwrap().office, OfficeView::Since(_)));
    assert_eq!(behind.bench.events("identity.back_office_allowed").await.len(), 1);
});

both_engines!(the_owner_may_trust_the_mailbox, MIGRATIONS, async |db| {
    let section = ShieldSection { staff_first_factor: FirstFactor::Mail, ..ShieldSection::default() };
    let behind = Behind::with(db, Elevation::Fresh, section);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    let app = owner.browser.add_totp().await;
    let code = behind.bench.next_totp(&app);
    step_up(&mut owner, "totp", &code).await;
    assert!(owner.get("/admin").await.body.contains(SECRET));
    let customer = behind.bench.customer(ADDRESS).await;
    let office = behind.bench.identity.customers().view(customer).await.unwrap().unwrap().office;
    assert_eq!(office, OfficeView::Nothing);
});

// What was let in goes with what it was let in with.
both_engines!(whoever_removes_their_last_factor_is_let_in_anew, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let (mut owner, app) = with_app(&behind, "").await;
    let code = behind.bench.next_totp(&app);
    step_up(&mut owner, "totp", &code).await;
    assert!(owner.get("/admin").await.body.contains(SECRET));
    let page = owner.browser.get("/.storeward/account").await;
    let id = page.body.split("/account/factors/remove").nth(1).unwrap();
    let id = id.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    owner.browser.post("/.storeward/account/factors/remove", &page.csrf(), &[("id", &id)]).await;
    owner.get("/admin").await.leads_to(ENROL);
    let app = owner.browser.add_totp().await;
    owner.get("/admin").await.leads_to(ENROL);
    let code = behind.bench.next_totp(&app);
    step_up(&mut owner, "totp", &code).await;
    owner.get("/admin").await.leads_to(ENROL);
    let_in(&behind).await;
    assert!(owner.get("/admin").await.body.contains(SECRET));
});

/// A thief's browser with a copy of the handle, and of the cookies named besides.
fn copy_of<'b>(behind: &'b Behind, owner: &Visitor<'_>, names: &[&str]) -> Visitor<'b> {
    let mut thief = behind.browser();
    thief.browser = thief.browser.elsewhere();
    let copied = owner.browser.cookies.iter().filter(|(name, _)| names.contains(&name.as_str()));
    thief.browser.cookies.extend(copied.cloned());
    thief
}

// What its owner shows with a step-up lifts no copy of the handle: neither before the owner is back at the shop nor after.
both_engines!(a_copied_handle_gains_nothing_by_its_owners_step_up, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let (mut owner, app) = with_app(&behind, "").await;
    behind.bench.advance(3_600);
    const HANDLE: &str = "__Host-storeward-shop";
    const SESSION: &str = "__Host-storeward-customer";
    let thieves = || [copy_of(&behind, &owner, &[HANDLE]), copy_of(&behind, &owner, &[HANDLE, SESSION])];
    let (mut early, mut late, before) = (thieves(), thieves(), owner.browser.cookie(HANDLE));
    let change = [("email", "new@people.example")];
    for thief in &mut early {
        assert!(thief.post("/account/email", &change).await.location().starts_with("/.storeward/step-up"));
    }
    let code = behind.bench.next_totp(&app);
    step_up(&mut owner, "totp", &code).await;
    let heard = behind.shop.asked().len();
    for thief in &mut early {
        for answer in [thief.get("/admin").await, thief.post("/account/email", &change).await] {
            assert!(answer.location().starts_with("/.storeward/"), "{answer:?}");
        }
    }
    assert_eq!(behind.shop.asked().len(), heard, "the shop heard of none");
    // The owner goes on, with another handle.
    assert!(owner.get("/admin").await.body.contains(SECRET));
    assert!(owner.browser.cookie(HANDLE) != before, "another one");
    assert!(owner.sees_account().await);
    for thief in &mut late {
        assert!(!thief.get("/admin").await.body.contains(SECRET));
        assert!(!thief.sees_account().await);
        assert_ne!(thief.post("/account/email", &change).await.status, 200);
    }
    assert_eq!(behind.shop.email_of("42"), ADDRESS);
    assert_eq!(owner.post("/account/email", &change).await.status, 200);
    assert_eq!(behind.shop.email_of("42"), "new@people.example");
});

/// What an earlier build kept of a handle: nothing of the token that the browser held when it was made.
async fn forget_what_was_shown(behind: &Behind) {
    let bench = &behind.bench;
    let (key, _) = bench.keys();
    let read = bench.db.read(|reader| {
        reader.query_many("SELECT handle_hash, jar_sealed FROM shop_session", &[], |row| {
            Ok((row.get::<String>(0)?, row.get::<Vec<u8>>(1)?))
        })
    });
    for (hash, sealed) in read.await.unwrap() {
        let place = format!("identity/{hash}.jar");
        let opened = key.open(&sealed, &place).unwrap();
        let mut jar: serde_json::Value = serde_json::from_slice(opened.expose()).unwrap();
        assert!(jar.as_object_mut().unwrap().remove("shown").is_some());
        let sealed = key.seal(jar.to_string().as_bytes(), &place, &SystemEntropy);
        let blob = bench.db.blob(&sealed);
        bench.db.raw(&format!("UPDATE shop_session SET jar_sealed = {blob} WHERE handle_hash = '{hash}'"));
    }
}

// After an update the first request of a signed-in customer exchanged the handle, and the second tab's lost its session.
both_engines!(after_an_update_two_tabs_keep_their_session, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let (mut owner, app) = with_app(&behind, "").await;
    assert!(owner.sees_account().await);
    behind.shield.sweep().await.unwrap();
    forget_what_was_shown(&behind).await;
    let updated = behind.restarted();
    owner.shield = &updated;
    let mut tab = behind.browser();
    tab.browser.cookies.clone_from(&owner.browser.cookies);
    tab.shield = &updated;
    let handle = owner.handle();
    assert!(owner.sees_account().await && tab.sees_account().await);
    assert!(owner.handle() == handle && tab.handle() == handle, "the same as before");
    // From then on a step-up gives it another one, and the one of before leads nowhere.
    behind.bench.advance(3_600);
    let code = behind.bench.next_totp(&app);
    step_up(&mut owner, "totp", &code).await;
    assert!(owner.get("/admin").await.body.contains(SECRET));
    assert!(owner.handle() != handle);
    tab.browser.cookies.retain(|(name, _)| name == "__Host-storeward-shop");
    assert!(!tab.sees_account().await);
});
