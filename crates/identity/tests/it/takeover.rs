//! Sign-ins that come along with something else, and back offices that a customer's session says nothing of, on both engines.

use storeward_identity::{LetterKind, MIGRATIONS, OfficeGuard, SecondFactor, ShieldSection};
use storeward_store::both_engines;
use storeward_web::http::Method;

use super::behind::{
    ADDRESS, Behind, Elevation, OFFICE, OTHER_OFFICE, SECRET, SHOP_PASSWORD, STAFF_PASSWORD, Visitor,
};
use super::bench::Answer;
use super::class::Serves;

const MALLORY: [(&str, &str); 2] = [("user", "mallory"), ("password", "another password")];
const PROBLEM: [(&str, &str); 1] = [("accept", "application/json")];
const FORM: [(&str, &str); 2] =
    [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];

/// A shop that names people by their address.
pub fn by_address(file: &str) -> String {
    let renamed =
        "[signed_in.renamed]\npath = \"/account/email\"\nfield = \"email\"\n[[door]]\nname = \"sign-in\"";
    file.replace("json = \"/id\"", "json = \"/email\"").replacen("[[door]]\nname = \"sign-in\"", renamed, 1)
}

/// The thief, in the shop with an account of their own, and everything shown for it.
async fn thief(behind: &Behind) -> Visitor<'_> {
    let mut thief = behind.browser();
    thief.get("/").await;
    thief.post("/login.php", &MALLORY).await.leads_to("/.storeward/challenge");
    thief.show_code("").await;
    assert!(thief.get("/account").await.body.contains("the orders of 7"));
    thief
}

/// The victim's password in a form that also does what takes a fresh proof.
async fn attack(behind: &Behind, target: &str) {
    let mut thief = thief(behind).await;
    let fields = [("email", ADDRESS), ("user", "ella"), ("password", SHOP_PASSWORD)];
    let answer = thief.post(target, &fields).await;
    answer.leads_to("/.storeward/challenge");
    assert!(!answer.body.contains(SECRET));
    assert!(!thief.sees_account().await);
    assert_eq!(behind.bench.letter(LetterKind::SignInCode).to.expose(), ADDRESS, "the victim is asked");
}

// The shield took the victim for a new name of the thief: a stolen password was the account.
both_engines!(an_act_that_is_also_a_sign_in_is_a_sign_in, MIGRATIONS, async |db| {
    attack(&Behind::new(db, Elevation::Fresh), "/account/email").await;
});

both_engines!(so_it_is_where_the_same_cookie_goes_on, MIGRATIONS, async |db| {
    attack(&Behind::new(db, Elevation::Same), "/account/email?action=save").await;
});

// There it goes nowhere before its sender shows to read the victim's mail.
both_engines!(so_it_is_at_shops_that_name_people_by_address, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Required, by_address);
    let mut thief = thief(&behind).await;
    let fields = [("email", ADDRESS), ("user", "ella"), ("password", SHOP_PASSWORD)];
    thief.post("/account/email", &fields).await.leads_to("/.storeward/challenge");
    assert!(!behind.shop.asked().iter().any(|line| line.starts_with("POST /account/email")));
    assert_eq!(behind.bench.letter(LetterKind::AddressCode).to.expose(), ADDRESS, "the victim is asked");
    assert!(thief.get("/account").await.body.contains("the orders of 7"));
});

both_engines!(who_changes_their_address_stays_who_they_are, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Required, by_address);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    assert_eq!(owner.change_address("new@people.example").await.status, 200);
    assert!(owner.sees_account().await, "no new sign-in");
    let letters = || behind.bench.kinds().iter().filter(|k| **k == LetterKind::SignInCode).count();
    assert_eq!(letters(), 1);
    // An address that is somebody else's here makes nobody that person, whatever the shop says.
    let other = thief(&behind).await;
    drop(other);
    let answer = owner.change_address("mallory@people.example").await;
    answer.leads_to("/.storeward/challenge");
    assert!(!owner.sees_account().await);
});

// The shop took it, and the new name was another person's: their app and devices stayed with the old one, and a code to the new address was enough.
both_engines!(in_the_first_minute_after_a_start_no_address_changes, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Required, by_address);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    let again = behind.restarted_with(by_address);
    owner.shield = &again;
    // Other forms go again by now.
    behind.bench.advance(12);
    assert_eq!(owner.post("/cart", &[("count", "1")]).await.body, "welcome");
    let change = [("email", "new@people.example")];
    let told = owner.post("/account/email", &change).await;
    assert_eq!((told.status.as_u16(), &told.headers["retry-after"]), (503, &"60".parse().unwrap()));
    assert!(told.body.contains("can be changed in about a minute"), "{}", told.body);
    assert!(!behind.shop.asked().iter().any(|line| line.starts_with("POST /account/email")));
    behind.bench.advance(62);
    assert_eq!(owner.change_address("new@people.example").await.status, 200);
    assert!(owner.sees_account().await, "no new sign-in");
    let letters = || behind.bench.kinds().iter().filter(|k| **k == LetterKind::SignInCode).count();
    assert_eq!(letters(), 1);
});

// The thief gave up a sign-in that the shop was still at, and changed their own address to the victim's: the session was the victim's when that was
// done, and was taken for the thief's under a new name.
both_engines!(no_address_changes_while_the_shop_may_be_at_a_sign_in, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Required, by_address);
    let mut thief = thief(&behind).await;
    let given_up = thief.begin("POST", "/login.php", &FORM, "user=ella&password=not+yet").await;
    given_up.unwrap_or_else(|answer| panic!("{answer:?}")).hung_up();
    // Other forms go again by now.
    behind.bench.advance(12);
    assert_eq!(thief.post("/cart", &[("count", "1")]).await.body, "welcome");
    let told = thief.post("/account/email", &[("email", ADDRESS)]).await;
    assert_eq!(told.status, 503, "{told:?}");
    assert!(!behind.shop.asked().iter().any(|line| line.starts_with("POST /account/email")));
    behind.bench.advance(62);
    assert_eq!(thief.change_address("new@people.example").await.status, 200);
    assert!(thief.get("/account").await.body.contains("the orders of 7"), "it is theirs still");
});

// A sign-in by a page that nobody knows for one: what came right behind it was done to the other's account, which was the thief's from then on.
both_engines!(who_is_in_is_asked_before_an_address_changes, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Required, by_address);
    let mut thief = thief(&behind).await;
    let page = thief.begin("GET", "/", &FORM, "").await.ok().unwrap();
    let sent = page.sent().clone();
    thief.finish(page).await;
    let sign_in = format!("user=ella&password={}", SHOP_PASSWORD.replace(' ', "+"));
    behind.shop.answer(&Method::POST, "/login.php", &sent, sign_in.as_bytes());
    assert!(behind.shop.answer(&Method::GET, "/account", &sent, b"").body() == SECRET, "it opens there");
    let change = [("email", "owned@people.example")];
    thief.post("/account/email", &change).await.leads_to("/.storeward/challenge");
    assert!(!behind.shop.asked().iter().any(|line| line.starts_with("POST /account/email")));
    assert!(!thief.sees_account().await);
});

// So it was where the sign-in was a word on a WebSocket.
both_engines!(nobody_goes_by_a_new_name_beside_a_word, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Required, by_address);
    let mut thief = thief(&behind).await;
    let (tunnel, sent) = thief.open_tunnel().await;
    tunnel.note_words();
    let body = format!("email={ADDRESS}");
    // Its answer would make the old name and the new one two people, so it does not go.
    let told = thief.post("/account/email", &[("email", ADDRESS)]).await;
    assert_eq!(told.status, 503, "{told:?}");
    assert!(!behind.shop.asked().iter().any(|line| line.starts_with("POST /account/email")));
    behind.bench.advance(12);
    // Nor is it followed where the word came while it was under way, were it the thief's own mailbox.
    thief.post("/account/email", &[("email", ADDRESS)]).await.leads_to("/.storeward/challenge");
    thief.show_new_address().await;
    let change = thief.begin("POST", "/account/email", &FORM, &body).await.ok().unwrap();
    tunnel.note_words();
    let sign_in = format!("user=ella&password={}", SHOP_PASSWORD.replace(' ', "+"));
    behind.shop.answer(&Method::POST, "/login.php", &sent, sign_in.as_bytes());
    let shown = behind.shop.answer(&Method::GET, "/account", &sent, b"");
    assert!(shown.body() == SECRET, "it opens there");
    thief.finish(change).await.leads_to("/.storeward/challenge");
    assert!(!thief.sees_account().await);
});

/// Whatever leads to the back office, by whomever.
async fn is_shut(visitor: &mut Visitor<'_>, behind: &Behind, office: &str, page: &str) {
    let before = behind.shop.asked().len();
    let fields = [("login%5Busername%5D", "boss"), ("login%5Bpassword%5D", STAFF_PASSWORD)];
    let shut = |answer: Answer| {
        assert_eq!(answer.status, 403, "{}", answer.body);
        assert!(!answer.body.contains(SECRET));
    };
    shut(visitor.post(office, &fields).await);
    for path in [
        office,
        page,
        &office.to_uppercase(),
        &format!("/index.php{office}"),
        &format!("{office}sales;x/order/"),
    ] {
        shut(visitor.get(path).await);
        let told = visitor.send("GET", path, &PROBLEM, "").await;
        assert!(told.body.contains("identity.back_office_closed"), "{path}: {}", told.body);
    }
    assert_eq!(behind.shop.asked().len(), before, "the shop heard of none");
}

// The question asked was who the customer is: a member of staff was nobody, and went on by the password alone.
both_engines!(a_back_office_with_its_own_sign_in_is_shut, MIGRATIONS, async |db| {
    let behind = Behind::magento(db);
    let mut thief = behind.browser();
    is_shut(&mut thief, &behind, OFFICE, "/admin/dashboard/").await;
    thief.get("/").await;
    thief.get("/").await;
    is_shut(&mut thief, &behind, OFFICE, "/admin/dashboard/").await;
    // Nor does a customer's second factor open it.
    let json = [PROBLEM[0], ("content-type", "application/json")];
    let body = serde_json::json!({ "username": ADDRESS, "password": SHOP_PASSWORD }).to_string();
    thief.send("POST", "/rest/V1/integration/customer/token", &json, &body).await;
    let code = behind.bench.code(LetterKind::SignInCode);
    assert_eq!(thief.browser.prove("mail", &code).await.status, 303);
    thief.get("/").await;
    is_shut(&mut thief, &behind, OFFICE, "/admin/dashboard/").await;
});

both_engines!(a_folder_that_the_installation_named_is_shut_too, MIGRATIONS, async |db| {
    let behind = Behind::speaking(db, "prestashop", ShieldSection::default());
    is_shut(&mut behind.browser(), &behind, OTHER_OFFICE, "/admin123abc/index.php").await;
});

both_engines!(by_the_name_that_the_owner_gave_it, MIGRATIONS, async |db| {
    let section = ShieldSection { back_office: vec!["/kontor".to_owned()], ..ShieldSection::default() };
    let behind = Behind::speaking(db, "prestashop", section);
    is_shut(&mut behind.browser(), &behind, "/kontor/", "/kontor/index.php").await;
});

both_engines!(the_owner_may_say_that_something_else_guards_it, MIGRATIONS, async |db| {
    let section = ShieldSection { back_office_guard: OfficeGuard::Off, ..ShieldSection::default() };
    let behind = Behind::speaking(db, "magento", section);
    let mut boss = behind.browser();
    let fields = [("login%5Busername%5D", "boss"), ("login%5Bpassword%5D", STAFF_PASSWORD)];
    assert_eq!(boss.post(OFFICE, &fields).await.status, 302);
    assert!(boss.get("/admin/dashboard/").await.body.contains(SECRET));
});

both_engines!(a_session_of_nobody_comes_no_further_than_the_sign_in, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut visitor = behind.browser();
    visitor.get("/").await;
    visitor.get("/admin").await.leads_to("/login.php");
    let told = visitor.send("GET", "/api/users", &PROBLEM, "").await;
    assert!(told.status == 403 && told.body.contains("identity.sign_in_first"), "{}", told.body);
    // With or without what makes it look like a sign-in.
    let told = visitor.post("/admin", &[("user", "ella"), ("password", "wrong")]).await;
    told.leads_to("/login.php");
    assert_eq!(visitor.get("/login.php").await.status, 200);
});

// A jar that was kept before anybody asked the shop who is staff went for a customer's until it ran out.
both_engines!(staff_of_before_the_update_are_asked_about, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Same);
    let mut boss = thief(&behind).await;
    assert_eq!(boss.get("/").await.status, 200);
    behind.shield.flush().await.unwrap();
    let updated = behind.restarted_with(|file| format!("{file}\n[staff.probe]\npath = \"/office\"\n"));
    let mut boss = Visitor {
        browser: boss.browser,
        behind: &behind,
        shield: &updated,
        host: boss.host,
        handle_line: String::new(),
    };
    boss.get("/").await.leads_to("/.storeward/account/back-office?next=/");
});

// What the gate lets through carries its field; the edge takes away what clients write under it (`edge::request`).
both_engines!(a_back_office_with_its_own_sign_in_opens_through_the_gate, MIGRATIONS, async |db| {
    let gate = [("accept", "text/html"), ("storeward-assertion", "signed.by.the-gate")];
    let form = [gate[0], gate[1], ("content-type", "application/x-www-form-urlencoded")];
    let behind = Behind::magento(db);
    let mut member = behind.browser();
    member.send("GET", "/", &gate[..1], "").await;
    // As often as staff sign in in a day: nobody counts what the gate let through.
    let body = format!("login[username]=ada&login[password]={STAFF_PASSWORD}");
    for _ in 0..12 {
        assert_eq!(member.send("POST", OFFICE, &form, &body).await.status, 302);
    }
    let inside = member.send("GET", "/admin/dashboard/", &gate, "").await;
    assert!(inside.status == 200 && inside.body.contains(SECRET), "{inside:?}");
    assert!(
        !member.browser.cookies.iter().any(|(name, _)| name == "admin"),
        "the office's session stays here, too"
    );
    // The very session, without the gate.
    let shut = member.send("GET", "/admin/dashboard/", &gate[..1], "").await;
    assert_eq!(shut.status, 403);
    assert!(!shut.body.contains(SECRET));
    // For customers the field opens nothing: their second factor is theirs.
    let json = [PROBLEM[0], ("content-type", "application/json"), gate[1]];
    let token = serde_json::json!({ "username": ADDRESS, "password": SHOP_PASSWORD }).to_string();
    let held = member.send("POST", "/rest/V1/integration/customer/token", &json, &token).await;
    assert_eq!(held.status, 403);
    assert!(!held.body.contains("token-of-"));
});

both_engines!(with_a_made_up_name_it_opens_through_the_gate_too, MIGRATIONS, async |db| {
    let gate = [("accept", "text/html"), ("storeward-assertion", "signed.by.the-gate")];
    let behind = Behind::speaking(db, "prestashop", ShieldSection::default());
    let mut member = behind.browser();
    // The shop's own sign-in stands behind it.
    assert_eq!(member.send("GET", "/admin123abc/index.php", &gate, "").await.status, 302);
    assert_eq!(member.send("GET", "/admin123abc/index.php", &gate[..1], "").await.status, 403);
});
