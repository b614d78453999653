//! Accounts that the shop's own sign-in made are found by their address, and nobody else's is touched by what a shop says.

use storeward_identity::staff::{Act, Done};
use storeward_identity::{LetterKind, MIGRATIONS, Policy, SecondFactor};
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind, Elevation, SHOP_PASSWORD, Visitor};
use super::bench::{Browser, PASSWORD, STAFF};
use super::pitfalls::PASSWORD_FORM;

const RECOVER: &str = "/.storeward/recover";

async fn recover(browser: &mut Browser<'_>, address: &str) {
    let begun = browser.post_from(RECOVER, RECOVER, &[("email", address)]).await;
    begun.leads_to("/.storeward/challenge");
}

fn letters(behind: &Behind, kind: LetterKind) -> usize {
    behind.bench.kinds().iter().filter(|known| **known == kind).count()
}

async fn found(behind: &Behind, address: &str) -> usize {
    behind.bench.identity.customers().find(STAFF, address).await.unwrap().len()
}

// Customers behind the shield had no way back, and staff could not look them up.
both_engines!(a_customer_of_the_shop_is_found_by_their_address, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    assert_eq!(found(&behind, " Ella@People.example").await, 1);
    assert_eq!(found(&behind, "ella@people.exampl").await, 0);
    owner.browser.add_totp().await;
    // The telephone with the app is lost: mail, then the waiting time.
    let mut lost = behind.bench.browser().elsewhere();
    recover(&mut lost, ADDRESS).await;
    let letter = behind.bench.letter(LetterKind::RecoveryCode);
    assert_eq!(letter.to.expose(), ADDRESS);
    lost.prove("mail", &behind.bench.code(LetterKind::RecoveryCode)).await.leads_to("/.storeward/challenge");
    let page = lost.get("/.storeward/challenge").await;
    assert!(page.body.contains("/.storeward/challenge/lost"), "{}", page.body);
    lost.post("/.storeward/challenge/lost", &page.csrf(), &[]).await;
    assert_eq!(behind.bench.events("identity.recovery_wait_begun").await.len(), 1);
    behind.bench.advance(72 * 3_600 + 1);
    let mut back = behind.bench.browser().elsewhere();
    recover(&mut back, ADDRESS).await;
    let code = behind.bench.code(LetterKind::RecoveryCode);
    back.prove("mail", &code).await.leads_to("/.storeward/new-factor");
});

// The password is the shop's own: none is chosen here, and nobody is signed in by the way back.
both_engines!(the_way_back_of_a_shops_customer_leads_to_the_shop, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    let mut back = behind.bench.browser().elsewhere();
    recover(&mut back, ADDRESS).await;
    let code = behind.bench.code(LetterKind::RecoveryCode);
    back.prove("mail", &code).await.leads_to("/.storeward/recover?done=shop");
    let page = back.get("/.storeward/recover?done=shop").await;
    assert!(page.body.contains("Sign in at the shop"), "{}", page.body);
    assert!(!back.is_signed_in().await);
    assert_ne!(back.get("/.storeward/new-password").await.status, 200);
    // And whoever types an address that nobody has sees the same.
    let mut nobody = behind.bench.browser().elsewhere();
    recover(&mut nobody, "nobody@people.example").await;
    assert_eq!(letters(&behind, LetterKind::RecoveryCode), 1);
});

// Staff sent a link that led nowhere.
both_engines!(staff_send_no_link_where_the_password_is_the_shops, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    let customer = behind.bench.customer(ADDRESS).await;
    let desk = behind.bench.identity.customers();
    let done = desk.act(&behind.bench.by(STAFF), customer, Act::BeginNewPassword).await.unwrap();
    assert_eq!(done, Done::Already);
    assert_eq!(letters(&behind, LetterKind::PasswordLink), 0);
});

both_engines!(no_second_account_comes_beside_the_shops, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.get("/").await;
    // Also before the first code was shown.
    owner.sign_in("ella").await.leads_to("/.storeward/challenge");
    let mut again = behind.bench.browser().elsewhere();
    again.sign_up(ADDRESS, PASSWORD).await.leads_to("/.storeward/challenge");
    assert_eq!(behind.bench.letter(LetterKind::AlreadyCustomer).to.expose(), ADDRESS);
    assert_eq!(letters(&behind, LetterKind::SignUpCode), 0);
    assert_eq!(found(&behind, ADDRESS).await, 1);
    // Nobody signs in here with a password that the shop has, or with none.
    for password in [SHOP_PASSWORD, PASSWORD] {
        assert_eq!(again.sign_in(ADDRESS, password).await.status, 403);
    }
});

// Whoever writes somebody else's address into their account of the shop gets nothing of that person's, and takes nothing.
both_engines!(an_address_that_the_shop_tells_takes_nobodys_account, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    // The address is already somebody's, with an account of our own and an app.
    let mut ella = behind.bench.browser();
    ella.sign_up(ADDRESS, PASSWORD).await.leads_to("/.storeward/challenge");
    let code = behind.bench.code(LetterKind::SignUpCode);
    ella.prove("mail", &code).await.leads_to("/.storeward/account");
    let app = ella.add_totp().await;
    let own = behind.bench.customer(ADDRESS).await;
    // The shop says it of another account.
    let mut other = behind.browser();
    other.get("/").await;
    other.sign_in("ella").await.leads_to("/.storeward/challenge");
    let page = other.browser.get("/.storeward/challenge").await;
    assert!(!page.body.contains("id=\"totp\""), "the other account's app is not asked for");
    assert_eq!(found(&behind, ADDRESS).await, 2, "staff see both");
    assert_eq!(behind.bench.customer(ADDRESS).await, own, "and whose it is first");
    other.show_code("").await;
    assert!(other.sees_account().await);
    assert_eq!(behind.bench.customer(ADDRESS).await, own, "a code that was read makes it no other's");
    let page = other.browser.get("/.storeward/account").await;
    assert!(!page.body.contains("My telephone"), "nothing of the other account is shown");
    // The way back is that of the account that had it first.
    let mut lost = behind.bench.browser().elsewhere();
    recover(&mut lost, ADDRESS).await;
    let code = behind.bench.code(LetterKind::RecoveryCode);
    lost.prove("mail", &code).await.leads_to("/.storeward/challenge");
    let code = behind.bench.next_totp(&app);
    lost.prove("totp", &code).await.leads_to("/.storeward/new-password");
});

// In an account whose owner was never asked, the shop's word is a hint for letters and staff, and nothing else.
both_engines!(an_unproved_address_is_no_name_to_sign_in_by, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    behind.bench.identity.set_policy(Policy { customers: SecondFactor::Offered, ..Policy::default() });
    let mut owner = behind.browser();
    owner.get("/").await;
    owner.sign_in("ella").await.leads_to("/account");
    assert!(owner.sees_account().await);
    assert_eq!(found(&behind, ADDRESS).await, 1);
    // Somebody who shows that the address is theirs may have it for an account that exists already.
    let mut ada = behind.bench.signed_up().await;
    let path = "/.storeward/account/address";
    ada.post_from(path, path, &[("email", ADDRESS)]).await.leads_to("/.storeward/challenge");
    let code = behind.bench.code(LetterKind::AddressCode);
    ada.prove("mail", &code).await.leads_to("/.storeward/account?done=address");
    assert_eq!(found(&behind, ADDRESS).await, 2);
    ada.cookies.clear();
    ada.sign_in(ADDRESS, PASSWORD).await.leads_to("/.storeward/account");
});

// A code that went to the address before shows nothing of the one that the shop has meanwhile.
both_engines!(a_code_shows_the_address_it_went_to, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    let mut waiting = behind.browser();
    waiting.browser = waiting.browser.elsewhere();
    waiting.get("/").await;
    waiting.sign_in("ella").await.leads_to("/.storeward/challenge");
    let code = behind.bench.code(LetterKind::SignInCode);
    assert_eq!(owner.post("/account/email", &[("email", "victim@people.example")]).await.status, 200);
    assert!(owner.sees_account().await);
    assert_eq!(waiting.browser.prove("mail", &code).await.status, 403, "it went elsewhere");
    assert_eq!(found(&behind, ADDRESS).await, 0, "the earlier address is nobody's any more");
    assert_eq!(found(&behind, "victim@people.example").await, 1);
    // The victim can have an account: what the shop tells is unproved, so the letter says what there is, to them alone.
    let mut victim = behind.bench.browser().elsewhere();
    victim.sign_up("victim@people.example", PASSWORD).await.leads_to("/.storeward/challenge");
    assert_eq!(behind.bench.letter(LetterKind::AlreadyCustomer).to.expose(), "victim@people.example");
});

const THIEF: &str = "thief@evil.example";

/// Presses the button behind a letter's link.
async fn press(behind: &Behind, kind: LetterKind) {
    let link = behind.bench.letter(kind).parameter("link").to_owned();
    let link = link.strip_prefix("https://shop.example").unwrap().to_owned();
    let mut reader = behind.bench.browser().elsewhere();
    let page = reader.get(&link).await;
    let token = page.attribute("name=\"t\" value=\"");
    let done = reader.post("/.storeward/not-me", &page.csrf(), &[("t", &token)]).await;
    done.leads_to("/.storeward/not-me?done=shop");
}

async fn change_at_shop(browser: &mut Visitor<'_>, to: &str) {
    assert_eq!(browser.post("/account/email", &[("email", to)]).await.status, 200);
}

/// Whose mail the code of a sign-in at the shop goes to.
async fn code_goes_to(behind: &Behind) -> String {
    let mut browser = behind.browser();
    browser.browser = browser.browser.elsewhere();
    browser.get("/").await;
    browser.sign_in("ella").await.leads_to("/.storeward/challenge");
    behind.bench.letter(LetterKind::SignInCode).to.expose().clone()
}

// Whoever had the password and one code changed the address at the shop. Nobody was told, "this wasn't me" left it in force, and the
// codes that keep the account shut went to the thief from then on.
both_engines!(an_address_that_was_changed_at_the_shop_is_told_and_put_back, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut thief = behind.browser();
    thief.sign_in_with_code("").await;
    assert!(thief.sees_account().await);
    behind.bench.advance(60);
    change_at_shop(&mut thief, THIEF).await;
    let letter = behind.bench.letter(LetterKind::AddressChanged);
    assert_eq!(letter.to.expose(), ADDRESS, "the earlier one is told");
    assert_eq!(code_goes_to(&behind).await, THIEF);
    press(&behind, LetterKind::AddressChanged).await;
    assert_eq!(behind.shop.email_of("42"), THIEF, "what the shop keeps is the shop's");
    assert_eq!(code_goes_to(&behind).await, ADDRESS);
    // The thief gets one more code out of the owner, and tries again: the shop is not followed while its password is the old one.
    let mut again = behind.browser();
    again.sign_in_with_code("").await;
    assert!(again.sees_account().await);
    change_at_shop(&mut again, "other@evil.example").await;
    assert_eq!(code_goes_to(&behind).await, ADDRESS);
});

// What was put away does not come back because the shop still says it, also when the password is another one. A new one is followed.
both_engines!(an_address_that_was_put_away_stays_away, MIGRATIONS, async |db| {
    let with_form = |file: &str| format!("{file}\n{}", PASSWORD_FORM);
    let behind = Behind::with_file(db, SecondFactor::Required, with_form);
    let mut thief = behind.browser();
    thief.sign_in_with_code("").await;
    assert!(thief.sees_account().await);
    let post = |to: &'static str| [("email", to)];
    assert_eq!(thief.post("/account/email", &post(THIEF)).await.status, 200);
    assert_eq!(code_goes_to(&behind).await, THIEF);
    press(&behind, LetterKind::AddressChanged).await;
    behind.bench.advance(11);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    let fields = [("old", SHOP_PASSWORD), ("new_password", SHOP_PASSWORD)];
    assert_eq!(owner.post("/account/password", &fields).await.status, 303);
    assert_eq!(behind.shop.email_of("42"), THIEF, "the shop still says so");
    assert_eq!(code_goes_to(&behind).await, ADDRESS);
    assert_eq!(owner.post("/account/email", &post("new@people.example")).await.status, 200);
    assert_eq!(code_goes_to(&behind).await, "new@people.example");
});

// The first letter was kept from an address that somebody else has; "send again" wrote there.
both_engines!(nobody_elses_address_is_written_to_by_asking_twice, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let bench = &behind.bench;
    let mut other = bench.browser();
    other.sign_up("other@people.example", PASSWORD).await.leads_to("/.storeward/challenge");
    let code = bench.code(LetterKind::SignUpCode);
    other.prove("mail", &code).await.leads_to("/.storeward/account");
    let mut owner = bench.signed_up().await;
    let path = "/.storeward/account/address";
    let challenge = "/.storeward/challenge";
    for (address, letters_sent) in [("other@people.example", 0), ("free@people.example", 2)] {
        owner.post_from(path, path, &[("email", address)]).await.leads_to(challenge);
        let page = owner.get(challenge).await;
        assert!(owner.post("/.storeward/challenge/send", &page.csrf(), &[]).await.status.as_u16() < 400);
        assert_eq!(letters(&behind, LetterKind::AddressCode), letters_sent, "{address}");
    }
});

// A shop that is not followed (WordPress): codes went to a mailbox that its owner had given up, and the page that changes it was linked to nowhere.
both_engines!(a_shops_customer_is_led_to_where_the_address_is_changed, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    let path = "/.storeward/account/address";
    let centre = owner.browser.get("/.storeward/account").await;
    assert!(centre.body.contains(&format!("href=\"{path}\"")), "{}", centre.body);
    assert!(owner.browser.get(path).await.body.contains("change that one at the shop, too"));
    owner
        .browser
        .post_from(path, path, &[("email", "new@people.example")])
        .await
        .leads_to("/.storeward/challenge");
    let code = behind.bench.code(LetterKind::AddressCode);
    owner.browser.prove("mail", &code).await.leads_to("/.storeward/account?done=address");
    assert_eq!(behind.shop.email_of("42"), ADDRESS, "the shop's own stays as it is");
    assert_eq!(code_goes_to(&behind).await, "new@people.example");
});
