//! What is under way while "this wasn't me" is pressed does not undo it: neither a sign-in whose password was looked at before, nor the shop's
//! answer to a form for a new password. On both engines; the order of the writes is held, not hoped for.

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use storeward_identity::staff::Act;
use storeward_identity::{LetterKind, MIGRATIONS, SecondFactor};
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind, SHOP_PASSWORD};
use super::bench::{Answer, Bench, Browser, EMAIL, ORIGIN, PASSWORD, STAFF};

const CHALLENGE: &str = "/.storeward/challenge";

/// Presses the button behind the newest letter about a new device.
async fn press(bench: &Bench) -> Answer {
    let link = bench.letter(LetterKind::NewDevice).parameter("link").strip_prefix(ORIGIN).unwrap().to_owned();
    let mut reader = bench.browser().elsewhere();
    let page = reader.get(&link).await;
    let token = page.attribute("name=\"t\" value=\"");
    reader.post("/.storeward/not-me", &page.csrf(), &[("t", &token)]).await
}

/// Whatever `closes` writes comes before what `opens` writes, which has read everything by then.
pub async fn between<A, B>(
    bench: &Bench,
    closes: impl Future<Output = A>,
    opens: impl Future<Output = B>,
) -> (A, B) {
    let held = bench.db.hold();
    let opens = async {
        held.waits_for(1).await;
        opens.await
    };
    let go = async {
        held.waits_for(2).await;
        held.let_go();
    };
    let (closed, opened, ()) = tokio::join!(closes, opens, go);
    (closed, opened)
}

/// Nobody who knows the password alone is in, and the next one who does is asked for more.
async fn is_closed(thief: &mut Browser<'_>, answer: &Answer) {
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(answer.body.contains("identity.overtaken"), "{}", answer.body);
    assert!(!thief.is_signed_in().await);
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
}

// The thief's password was looked at a moment before the button was pressed: the session came a moment after it, and stayed.
both_engines!(a_sign_in_does_not_outlive_this_was_not_me, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let _owner = bench.signed_up().await;
    bench.browser().elsewhere().sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/account");
    let mut thief = bench.browser().elsewhere();
    let (pressed, answer) = between(&bench, press(&bench), thief.sign_in(EMAIL, PASSWORD)).await;
    pressed.leads_to("/.storeward/sign-in?done=not-me");
    is_closed(&mut thief, &answer).await;
    let customer = bench.customer(EMAIL).await;
    let view = bench.identity.customers().view(customer).await.unwrap().unwrap();
    assert!(view.state.must_change_at.is_some() && view.state.step_up_forced_at.is_some());
    assert!(view.sessions.is_empty() && view.devices == 0, "{view:?}");
});

both_engines!(nor_a_lock_by_staff, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let _owner = bench.signed_up().await;
    let customer = bench.customer(EMAIL).await;
    let (desk, by) = (bench.identity.customers(), bench.by(STAFF));
    let mut thief = bench.browser().elsewhere();
    let (_, answer) =
        between(&bench, desk.act(&by, customer, Act::Lock), thief.sign_in(EMAIL, PASSWORD)).await;
    assert_eq!(answer.status, 409, "{}", answer.body);
    // Nothing waits for the day on which it is opened again.
    desk.act(&by, customer, Act::Unlock).await.unwrap();
    assert!(!thief.is_signed_in().await);
});

both_engines!(nor_does_one_at_the_shop, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Offered, str::to_owned);
    let bench = &behind.bench;
    let mut owner = behind.browser();
    owner.get("/").await;
    owner.sign_in("ella").await.leads_to("/account");
    assert!(owner.sees_account().await);
    let mut thief = behind.browser();
    thief.browser = thief.browser.elsewhere();
    thief.get("/").await;
    behind.shield.flush().await.unwrap();
    let (pressed, answer) = between(bench, press(bench), thief.sign_in("ella")).await;
    pressed.leads_to("/.storeward/not-me?done=shop");
    assert_ne!(answer.location(), "/account", "{answer:?}");
    assert!(!thief.sees_account().await);
});

/// The shop's own password form.
const PASSWORD_FORM: &str = "[password]\npage = \"/account/password\"\n[[password.form]]\npath = \"/account/password\"\n\
                             field = \"new_password\"\n[[sensitive]]\nmethods = [\"POST\"]\npath = \"/account/password\"\n";

// Whom the button is about chose a new password at the shop just then: the shop's answer ended what the button had begun.
both_engines!(an_answer_of_the_shop_does_not_undo_it, MIGRATIONS, async |db| {
    let with_form = |file: &str| format!("{file}\n{PASSWORD_FORM}");
    let behind = Behind::with_file(db, SecondFactor::Required, with_form);
    let bench = &behind.bench;
    let mut thief = behind.browser();
    thief.sign_in_with_code("").await;
    assert!(thief.sees_account().await);
    let form = format!("old={}&new_password=nine+red+foxes", SHOP_PASSWORD.replace(' ', "+"));
    let lines = [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
    let under_way = thief.begin("POST", "/account/password", &lines, &form).await.ok().unwrap();
    press(bench).await.leads_to("/.storeward/not-me?done=shop");
    thief.finish(under_way).await.leads_to("/");
    let customer = bench.customer(ADDRESS).await;
    let view = bench.identity.customers().view(customer).await.unwrap().unwrap();
    assert!(view.state.must_change_at.is_some(), "the thief's own password is no reason to ask for less");
    assert!(!thief.sees_account().await);
});

// The thief's session had just shown everything, and asked without pause: the codes that came a moment after the button stayed.
both_engines!(nor_do_recovery_codes, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut thief = Browser { cookies: owner.cookies.clone(), ..owner.elsewhere() };
    let asked = thief.get("/.storeward/account/codes").await.csrf();
    let csrf = owner.get("/.storeward/account").await.csrf();
    let (pressed, answer) = between(
        &bench,
        owner.post("/.storeward/account/not-me", &csrf, &[]),
        thief.post("/.storeward/account/codes", &asked, &[]),
    )
    .await;
    assert_eq!(pressed.status, 303, "{}", pressed.body);
    assert_eq!(answer.status, 409, "{}", answer.body);
    let customer = bench.customer(EMAIL).await;
    let view = bench.identity.customers().view(customer).await.unwrap().unwrap();
    assert_eq!(view.codes_left, 0);
});

// What was begun in a session went on after it had been ended: a passkey or an app was added to the account.
both_engines!(nor_does_a_factor_of_a_session_that_was_ended, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await;
    thief.step_up_by_mail().await;
    let page = thief.post_from("/.storeward/account/totp", "/.storeward/account/totp", &[]).await;
    let key = page.body.split("<code class=\"long\">").nth(1).unwrap().split('<').next().unwrap();
    let code = bench.totp(&storeward_seal::totp::TotpSecret::from_base32(key).unwrap());
    let asked = page.csrf();
    let csrf = owner.get("/.storeward/account").await.csrf();
    let (ended, added) = between(
        &bench,
        owner.post("/.storeward/account/sessions/end-others", &csrf, &[]),
        thief.post("/.storeward/account/totp/confirm", &asked, &[("code", &code), ("label", "x")]),
    )
    .await;
    ended.leads_to("/.storeward/account?done=sessions");
    assert_ne!(added.status, 303, "{}", added.body);
    let customer = bench.customer(EMAIL).await;
    let view = bench.identity.customers().view(customer).await.unwrap().unwrap();
    assert_eq!(view.factors.len(), 0);
});

/// A thief with a session of their own that has just shown everything.
async fn thief<'b>(bench: &'b Bench, app: &storeward_seal::totp::TotpSecret) -> Browser<'b> {
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    thief.prove("totp", &bench.next_totp(app)).await.leads_to("/.storeward/account");
    thief
}

/// The owner ends all other sessions just before the thief's form is written.
async fn ended_meanwhile(
    bench: &Bench,
    owner: &mut Browser<'_>,
    thief: &mut Browser<'_>,
    (path, csrf): (&str, &str),
    fields: &[(&str, &str)],
) -> Answer {
    let own = owner.get("/.storeward/account").await.csrf();
    let (ended, answer) = between(
        bench,
        owner.post("/.storeward/account/sessions/end-others", &own, &[]),
        thief.post(path, csrf, fields),
    )
    .await;
    ended.leads_to("/.storeward/account?done=sessions");
    answer
}

both_engines!(nor_is_a_factor_taken_by_one, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = bench.with_totp().await;
    let mut thief = thief(&bench, &app).await;
    let customer = bench.customer(EMAIL).await;
    let view = bench.identity.customers().view(customer).await.unwrap().unwrap();
    let page = thief.get("/.storeward/account").await;
    let fields = [("id", view.factors[0].id.as_str())];
    let remove = ("/.storeward/account/factors/remove", page.csrf());
    let answer = ended_meanwhile(&bench, &mut owner, &mut thief, (remove.0, &remove.1), &fields).await;
    assert_eq!(answer.status, 409, "{} {}", answer.location(), answer.body);
    let view = bench.identity.customers().view(customer).await.unwrap().unwrap();
    assert_eq!(view.factors.len(), 1);
    assert!(!bench.kinds().contains(&LetterKind::FactorRemoved));
});

/// A write that is at it until it is let go, and what comes in its group with it.
struct Stop {
    begun: mpsc::Receiver<()>,
    release: mpsc::Sender<()>,
}

fn stop(bench: &Bench) -> (Stop, impl Future<Output = ()>) {
    let ((begins, begun), (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
    let (db, released) = ((*bench.db).clone(), Mutex::new(released));
    let writes = async move {
        let written: Result<(), storeward_store::Error> = db
            .write(move |tx| {
                let _ = begins.send(());
                let _ = released.lock().unwrap().recv();
                tx.commit_silent("a test held the writes");
                Ok(())
            })
            .await;
        written.unwrap();
    };
    (Stop { begun, release }, writes)
}

impl Stop {
    async fn is_at_it(&self) {
        for _ in 0..20_000 {
            if self.begun.try_recv().is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("the write did not begin");
    }
}

// The address was the thief's from then on, though the session that had asked for it was over.
both_engines!(nor_does_one_change_the_address, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, app) = bench.with_totp().await;
    let mut thief = thief(&bench, &app).await;
    let path = "/.storeward/account/address";
    thief.post_from(path, path, &[("email", "thief@people.example")]).await.leads_to(CHALLENGE);
    let code = bench.code(LetterKind::AddressCode);
    let csrf = thief.get(CHALLENGE).await.csrf();
    let own = owner.get("/.storeward/account").await.csrf();
    // The code is taken by a write of its own. After it the session is looked at and is there, and ends before the last write.
    let held = bench.db.hold();
    let ((first, first_writes), (second, second_writes)) = (stop(&bench), stop(&bench));
    let fields = [("method", "mail"), ("secret", code.as_str())];
    let changes = thief.post(CHALLENGE, &csrf, &fields);
    let conducts = async {
        held.waits_for(1).await;
        tokio::join!(first_writes, async {
            held.waits_for(2).await;
            held.let_go();
            first.is_at_it().await;
            tokio::join!(
                second_writes,
                async {
                    held.waits_for(1).await;
                    owner.post("/.storeward/account/sessions/end-others", &own, &[]).await
                },
                async {
                    held.waits_for(2).await;
                    first.release.send(()).unwrap();
                    second.is_at_it().await;
                    held.waits_for(1).await;
                    second.release.send(()).unwrap();
                }
            )
        })
    };
    let (answer, ((), ((), ended, ()))) = tokio::join!(changes, conducts);
    ended.leads_to("/.storeward/account?done=sessions");
    assert_eq!(answer.status, 409, "{} {}", answer.location(), answer.body);
    assert!(bench.events("identity.address_changed").await.is_empty());
    assert!(owner.is_signed_in().await && !thief.is_signed_in().await);
});

// A double press: the second answer said "over", and of six presses none signed in, since replays used up the challenge's tries.
both_engines!(a_code_that_is_sent_twice_at_once_signs_in, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (_, app) = bench.with_totp().await;
    let challenge = "/.storeward/challenge";
    let mut browser = bench.browser().elsewhere();
    browser.sign_in(EMAIL, PASSWORD).await.leads_to(challenge);
    let csrf = browser.get(challenge).await.csrf();
    let code = bench.next_totp(&app);
    let fields = [("method", "totp"), ("secret", &*code)];
    let press = async || {
        let mut copy = Browser { cookies: browser.cookies.clone(), ..bench.browser().elsewhere() };
        let answer = copy.post(challenge, &csrf, &fields).await;
        (answer, copy)
    };
    let held = bench.db.hold();
    let go = async {
        held.waits_for(6).await;
        held.let_go();
    };
    let (a, b, c, d, e, f, ()) = tokio::join!(press(), press(), press(), press(), press(), press(), go);
    let pressed = [a, b, c, d, e, f];
    let inside = pressed.iter().filter(|(answer, _)| answer.location() == "/.storeward/account");
    assert_eq!(inside.count(), 1, "{:?}", pressed.each_ref().map(|(answer, _)| answer.location().to_owned()));
    assert!(pressed.iter().all(|(answer, _)| answer.status == 303));
    assert_eq!(bench.events("identity.factor_failed").await.len(), 0);
    // A browser that keeps the second answer, with the cookies of the first, is led on.
    let (_, mut first) = pressed.into_iter().find(|(_, copy)| copy.session().is_some()).unwrap();
    first.get("/.storeward/sign-in?done=over").await.leads_to("/.storeward/account");
    assert_eq!(bench.browser().get("/.storeward/sign-in?done=over").await.status, 200);
});
