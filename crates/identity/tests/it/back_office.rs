//! The back office behind the shield: what customers may show is not enough there, by whatever way, on both engines.

use storeward_identity::{LetterKind, MIGRATIONS, ShieldSection, StaffPolicy};
use storeward_seal::totp::TotpSecret;
use storeward_store::both_engines;

use super::behind::{Behind, Elevation, SECRET, Visitor};

const ENROL: &str = "/.storeward/account/back-office?next=/admin";
const STEP_UP: &str = "/.storeward/step-up?next=/admin";
const PROBLEM: [(&str, &str); 1] = [("accept", "application/json")];

/// Steps up with this, and comes back to the back office.
async fn step_up(owner: &mut Visitor<'_>, method: &str, secret: &str) {
    let begun = owner.browser.post_from(STEP_UP, "/.storeward/step-up", &[("next", "/admin")]).await;
    begun.leads_to("/.storeward/challenge");
    owner.browser.prove(method, secret).await.leads_to("/admin");
}

/// Signed in at the shop by a mailed code, with an app added: what the owner has after the first visit.
async fn with_app<'b>(behind: &'b Behind, trust: &str) -> (Visitor<'b>, TotpSecret) {
    let mut owner = behind.browser();
    owner.sign_in_with_code(trust).await;
    assert!(owner.sees_account().await);
    let app = owner.browser.add_totp().await;
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
