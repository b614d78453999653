//! Reminders: sent when due and wanted, ended by one click and by nothing else, and what they change.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use storeward_base::Actor;
use storeward_events::identity::{RecoveryCodeUsed, RecoveryCodesMade};
use storeward_guide::Policy;
use storeward_outbound::postbox::Received;
use storeward_passwords::breach::{Breaches, Fetch, Ranges, Service};
use storeward_store::both_engines;

use super::bench::{Bench, Browser, EMAIL, MIGRATIONS, OTHER, PASSWORD, encode, on};

/// The address behind a mail's List-Unsubscribe.
fn unsubscribe_path(mail: &Received) -> String {
    let line = mail.header("List-Unsubscribe").unwrap();
    let address = line.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
    address.strip_prefix("https://shop.example").unwrap().to_owned()
}

/// What such a service says of [`PASSWORD`]: the rest of its SHA-1, which begins with 7EF23, and how often it was seen.
const STOLEN: &str = "FFF9742479265B9228D41530AF142668C8B:9";

const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

/// Enlists and sends what is due after so many days.
async fn remind(bench: &Bench, days: u64) -> u64 {
    bench.days_pass(days);
    bench.guide.enlist().await.unwrap();
    let dealt = bench.guide.remind_due().await.unwrap();
    // A mail that waits for longer than its deadline is given up.
    bench.no_jobs().await;
    dealt
}

both_engines!(a_reminder_is_sent_when_due_and_not_again, &MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up(EMAIL).await);
    assert_eq!(bench.guide.enlist().await.unwrap(), 1);
    assert_eq!(bench.guide.enlist().await.unwrap(), 0);
    assert_eq!(bench.guide.remind_due().await.unwrap(), 0);
    // Looked at after two weeks, and not due yet.
    remind(&bench, 45).await;
    assert!(bench.events("guide.reminder_sent").await.is_empty());
    for _ in 0..8 {
        remind(&bench, 20).await;
    }
    let told = bench.told("guide.reminder_sent", "topic").await;
    assert_eq!(told, ["orders", "review"], "three months for one, six for the other");
    let mails = bench.mails(EMAIL, 3).await;
    let review = mails.iter().find(|mail| mail.subject().contains("Two minutes")).unwrap();
    assert!(review.text().contains("Add a passkey"), "{}", review.text());
    assert!(review.text().contains("https://shop.example/.storeward/account"));
    assert!(review.header("List-Unsubscribe-Post").unwrap().contains(ONE_CLICK));
    assert!(!bench.ledger().await.contains(EMAIL));
    bench.stop().await;
});

both_engines!(with_reminders_off_nothing_is_sent, &MIGRATIONS, async |db| {
    let bench = Bench::with(db, Policy::default());
    drop(bench.signed_up(EMAIL).await);
    for _ in 0..5 {
        remind(&bench, 100).await;
    }
    assert!(bench.events("guide.").await.is_empty());
    bench.stop().await;
});

/// A bench whose first customer got a reminder, with its mail.
async fn reminded(db: storeward_store::testing::TestDb) -> (Bench, Received) {
    let bench = Bench::new(db);
    drop(bench.signed_up(EMAIL).await);
    drop(bench.signed_up(OTHER).await);
    remind(&bench, 1).await;
    remind(&bench, 120).await;
    let mails = bench.mails(EMAIL, 2).await;
    let mail = mails.into_iter().find(|mail| mail.header("List-Unsubscribe").is_some()).unwrap();
    (bench, mail)
}

both_engines!(following_the_link_does_nothing, &MIGRATIONS, async |db| {
    let (bench, mail) = reminded(db).await;
    let path = unsubscribe_path(&mail);
    let mut scanner = bench.browser();
    for method in ["GET", "HEAD"] {
        assert_eq!(scanner.send(method, &path, &[], None).await.status, 200);
    }
    for method in ["PUT", "DELETE", "PATCH"] {
        assert!(scanner.send(method, &path, &[], Some(ONE_CLICK)).await.status.is_client_error());
    }
    assert!(bench.events("guide.reminder_choice_made").await.is_empty());
    bench.browser().get(&path).await.says("Look over my orders and payments");
    bench.stop().await;
});

both_engines!(one_click_ends_this_kind_for_this_person_only, &MIGRATIONS, async |db| {
    let (bench, mail) = reminded(db).await;
    let path = unsubscribe_path(&mail);
    // As a mail service does it: no cookie, no origin, no page before it.
    for _ in 0..2 {
        let answer = bench.browser().send("POST", &path, &[], Some(ONE_CLICK)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(bench.told("guide.reminder_choice_made", "topic").await, ["orders"]);
    assert_eq!(bench.told("guide.reminder_choice_made", "way").await, ["one_click"]);
    assert_eq!(
        bench.told("guide.reminder_choice_made", "customer").await,
        [bench.customer().await.to_string()]
    );
    let before = bench.told("guide.reminder_sent", "topic").await.len();
    for _ in 0..4 {
        remind(&bench, 31).await;
    }
    let sent: Vec<(String, String)> = bench
        .told("guide.reminder_sent", "customer")
        .await
        .into_iter()
        .zip(bench.told("guide.reminder_sent", "topic").await)
        .skip(before)
        .collect();
    let ada = bench.customer().await.to_string();
    assert!(sent.iter().all(|(who, topic)| *who != ada || topic != "orders"), "{sent:?}");
    assert!(sent.iter().any(|(who, topic)| *who != ada && topic == "orders"), "{sent:?}");
    bench.stop().await;
});

both_engines!(forged_and_foreign_tokens_end_nothing, &MIGRATIONS, async |db| {
    let (bench, mail) = reminded(db).await;
    let path = unsubscribe_path(&mail);
    let token = path.split("t=").nth(1).unwrap();
    let flipped = if token.starts_with('0') { "1" } else { "0" };
    let hash = storeward_seal::fingerprint::token_hash(token);
    for forged in [
        "",
        "x",
        &"0".repeat(64),
        &format!("{flipped}{}", &token[1..]),
        &token[..63],
        &token.to_uppercase().replace(|c: char| c.is_ascii_digit(), "f"),
        &bench.customer().await.to_string(),
        // What the database holds is no token.
        &hash,
        "%00",
        "' OR 1=1 --",
    ] {
        let path = format!("/.storeward/unsubscribe?t={}", encode(forged));
        let answer = bench.browser().send("POST", &path, &[("accept", "text/html")], Some(ONE_CLICK)).await;
        assert_eq!(answer.status, 404, "{forged}");
        bench.browser().get(&path).await.says("This link is too old");
    }
    assert!(bench.events("guide.reminder_choice_made").await.is_empty());
    // Somebody else's session changes nothing about whose it is.
    let mut bob = bench.browser();
    let fields = [("email", OTHER), ("password", PASSWORD), ("next", "")];
    bob.post_from("/sign-in", "/sign-in", &fields).await.leads_to("/.storeward/account");
    assert_eq!(bob.send("POST", &path, &[], Some(ONE_CLICK)).await.status, 200);
    assert_eq!(
        bench.told("guide.reminder_choice_made", "customer").await,
        [bench.customer().await.to_string()]
    );
    bench.stop().await;
});

both_engines!(choices_are_kept_and_can_be_taken_back, &MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut ada = bench.signed_up(EMAIL).await;
    let shown =
        [("shown_review", "1"), ("shown_orders", "1"), ("shown_lessons", "1"), ("shown_one_device", "1")];
    let save = [&shown[..], &[("review", "1"), ("one_device", "1")]].concat();
    ada.post_from("/reminders", "/reminders", &save).await.leads_to("/.storeward/reminders?done=saved");
    assert_eq!(bench.told("guide.reminder_choice_made", "topic").await, ["orders", "lessons"]);
    let page = ada.get("/.storeward/reminders").await;
    assert_eq!(page.body.matches(" checked").count(), 2);
    // A form that is sent twice says it once; nobody can switch off what the account depends on.
    let save = [&save[..], &[("shown_codes_low", "1")]].concat();
    ada.post_from("/reminders", "/reminders", &save).await.leads_to("/.storeward/reminders?done=saved");
    let all =
        [&shown[..], &[("review", "1"), ("orders", "1"), ("lessons", "1"), ("one_device", "1")]].concat();
    ada.post_from("/reminders", "/reminders", &all).await.leads_to("/.storeward/reminders?done=saved");
    assert_eq!(bench.told("guide.reminder_choice_made", "wanted").await, ["false", "false", "true", "true"]);
    bench.stop().await;
});

both_engines!(what_follows_a_reminder_is_noted_and_compared, &MIGRATIONS, async |db| {
    let (bench, _) = reminded(db).await;
    // Half a year on, the review is due; ada says it is right, bob does nothing.
    remind(&bench, 65).await;
    let mut ada = bench.browser();
    let fields = [("email", EMAIL), ("password", PASSWORD), ("next", "")];
    ada.post_from("/sign-in", "/sign-in", &fields).await.leads_to("/.storeward/account");
    bench.days_pass(2);
    ada.post_from("/account", "/security/reviewed", &[]).await.leads_to("/.storeward/account#checkup");
    assert_eq!(bench.told("guide.reminder_followed", "act").await, ["reviewed"]);
    assert_eq!(bench.told("guide.reminder_followed", "hours").await, ["48"]);
    let effect = bench.guide.desk().effect().await.unwrap();
    let review = effect.topics.iter().find(|t| t.topic == storeward_guide::Topic::Review).unwrap();
    assert_eq!((review.sent, review.followed, review.held_back, review.uplift), (2, 1, 0, None));
    assert_eq!(
        effect.weeks.iter().map(|week| week.sent).sum::<u64>(),
        effect.topics.iter().map(|t| t.sent).sum::<u64>()
    );
    bench.stop().await;
});

both_engines!(who_is_held_back_gets_no_mail, &MIGRATIONS, async |db| {
    let bench = Bench::with(db, Policy { held_back_percent: 50, ..on() });
    for n in 0..12 {
        drop(bench.signed_up(&format!("p{n}@people.example")).await);
        bench.clock.advance(std::time::Duration::from_secs(3_600));
    }
    remind(&bench, 1).await;
    remind(&bench, 130).await;
    let sent = bench.events("guide.reminder_sent").await.len();
    let held = bench.events("guide.reminder_held_back").await.len();
    assert_eq!(sent + held, 12);
    assert!(sent > 0 && held > 0, "{sent} and {held}");
    bench.mails("p0@people.example", 1).await;
    let waiting = async {
        while bench.events("post.sent").await.len() < 12 + sent {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await.unwrap();
    assert_eq!(bench.postbox.mails().len(), 12 + sent);
    bench.stop().await;
});

both_engines!(mails_per_hour_and_hours_hold, &MIGRATIONS, async |db| {
    let bench = Bench::with(db, Policy { mails_per_hour: 2, ..on() });
    for n in 0..4 {
        drop(bench.signed_up(&format!("p{n}@people.example")).await);
        bench.clock.advance(std::time::Duration::from_secs(3_600));
    }
    remind(&bench, 1).await;
    remind(&bench, 130).await;
    assert_eq!(bench.events("guide.reminder_sent").await.len(), 2);
    bench.guide.remind_due().await.unwrap();
    assert_eq!(bench.events("guide.reminder_sent").await.len(), 2);
    let hour =
        u32::try_from(storeward_base::Clock::now(&*bench.clock).micros() / 3_600_000_000 % 24).unwrap();
    bench.clock.advance(std::time::Duration::from_secs(2 * 3_600));
    bench.guide.set_policy(Policy { from_hour: hour, until_hour: (hour + 1) % 24, ..on() });
    assert_eq!(bench.guide.remind_due().await.unwrap(), 0, "not at this hour");
    bench.guide.set_policy(on());
    bench.guide.remind_due().await.unwrap();
    assert_eq!(bench.events("guide.reminder_sent").await.len(), 4);
    bench.stop().await;
});

// Only a sign-in was looked at, so whoever used theirs up in steps that ask again heard nothing.
both_engines!(a_used_recovery_code_is_told_once_and_always, &MIGRATIONS, async |db| {
    // Also where reminders are off.
    let bench = Bench::with(db, Policy::default());
    let mut ada = bench.signed_up(EMAIL).await;
    let customer = bench.customer().await;
    let used = async || {
        let write = bench.db.write(move |tx| {
            tx.append(Actor::Customer { id: customer }, None, RecoveryCodeUsed { customer })?;
            Ok::<_, storeward_store::Error>(())
        });
        write.await.unwrap();
    };
    // Without a second factor there is nothing to get back into.
    used().await;
    bench.react().await;
    bench.no_jobs().await;
    assert!(bench.events("guide.").await.is_empty());
    ada.add_totp().await;
    bench.clock.advance(std::time::Duration::from_secs(60));
    used().await;
    bench.react().await;
    bench.react().await;
    let mails = bench.mails(EMAIL, 3).await;
    let mail = mails.iter().find(|mail| mail.subject().contains("recovery codes")).unwrap();
    assert!(mail.text().contains("You have 0 left"), "{}", mail.text());
    assert!(mail.header("List-Unsubscribe").is_none(), "nobody can switch it off");
    bench.react().await;
    bench.no_jobs().await;
    assert_eq!(
        bench.told("guide.reminder_sent", "topic").await,
        ["codes_low"],
        "the ledger is read at least once"
    );
    // What is old is history.
    bench.days_pass(3);
    bench.react().await;
    bench.no_jobs().await;
    assert_eq!(bench.events("guide.reminder_sent").await.len(), 1);
    // New codes follow it.
    ada.cookies.clear();
    let made = bench.db.write(move |tx| {
        tx.append(Actor::Customer { id: customer }, None, RecoveryCodesMade { customer, count: 8 })?;
        Ok::<_, storeward_store::Error>(())
    });
    made.await.unwrap();
    bench.react().await;
    bench.react().await;
    assert_eq!(bench.told("guide.reminder_followed", "act").await, ["codes_made"]);
    bench.stop().await;
});

/// A service that knows nothing until it is switched on, and then that one password was stolen.
struct Switch(Arc<AtomicBool>);

impl Fetch for Switch {
    fn fetch(&self, path: String) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>> {
        let is_asked = path.ends_with("/7EF23");
        let line = if is_asked { STOLEN } else { "0018A45C4D1DEF81644B54AB7F969B88D65:1" };
        let answer = self.0.load(Ordering::SeqCst).then(|| format!("{line}\r\n").into_bytes());
        Box::pin(std::future::ready(answer))
    }

    fn changed(&self, _: Service) {}
}

// A shop that asks for nothing more than a password told nobody that it is known to thieves, and called it in place.
both_engines!(a_stolen_password_is_told_once_a_week, &MIGRATIONS, async |db| {
    let is_known = Arc::new(AtomicBool::new(false));
    let ranges = Arc::new(Ranges::new(Switch(Arc::clone(&is_known))));
    let breaches = Breaches::new(None, Some(ranges));
    // Reminders are off, and the mode is the one that asks nobody who added nothing.
    let bench = Bench::with_breaches(db, Policy::default(), breaches);
    let mut ada = bench.signed_up(EMAIL).await;
    let sign_in = async |browser: &mut Browser<'_>| {
        let fields = [("email", EMAIL), ("password", PASSWORD), ("next", "")];
        browser.post_from("/sign-in", "/sign-in", &fields).await.leads_to("/.storeward/account");
        bench.react().await;
        bench.no_jobs().await;
    };
    let open = async |browser: &mut Browser<'_>| {
        browser.get("/.storeward/account").await.body.contains(": Choose a new password")
    };
    sign_in(&mut ada).await;
    assert!(bench.events("guide.").await.is_empty());
    assert!(!open(&mut ada).await);
    is_known.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        sign_in(&mut ada).await;
    }
    let mails = bench.mails(EMAIL, 2).await;
    assert!(mails[1].subject().contains("stolen") && mails[1].header("List-Unsubscribe").is_none());
    assert_eq!(bench.postbox.mails().len(), 2, "no second letter for what one of them says");
    assert!(open(&mut ada).await, "the check-up says what to do about it");
    bench.days_pass(8);
    sign_in(&mut ada).await;
    assert_eq!(bench.told("guide.reminder_sent", "topic").await, ["breached_password", "breached_password"]);
    bench.stop().await;
});
