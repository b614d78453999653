//! Codes by short message: added by a code sent there, few of them, never in the place of something better.

use storeward_identity::staff::Done;
use storeward_identity::{MIGRATIONS, Policy, SecondFactor, SmsPolicy};
use storeward_store::both_engines;

use super::bench::{Answer, Bench, Browser, EMAIL, PASSWORD, STAFF};

const NUMBER: &str = "+49 151 2345 6789";

fn policy() -> Policy {
    let sms = SmsPolicy { countries: vec!["+49".to_owned(), "+1".to_owned()], ..SmsPolicy::default() };
    Policy { customers: SecondFactor::Offered, sms, ..Policy::default() }
}

impl Bench {
    /// The code of the newest short message.
    fn text_code(&self) -> String {
        let text = self.post.texts().pop().expect("a message was sent").text.expose().clone();
        text.rsplit_once('#').expect("its last line binds the code").1.to_owned()
    }
}

async fn ask(browser: &mut Browser<'_>, number: &str) -> Answer {
    browser.post_from("/.storeward/account/sms", "/.storeward/account/sms", &[("number", number)]).await
}

async fn add(browser: &mut Browser<'_>) {
    let page = ask(browser, NUMBER).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("+49 ••• 89") && !page.body.contains("6789"), "{}", page.body);
    let code = browser.bench.text_code();
    let done = browser.post("/.storeward/account/sms/confirm", &page.csrf(), &[("code", &code)]).await;
    done.leads_to("/.storeward/account?done=sms");
}

async fn send(browser: &mut Browser<'_>) -> Answer {
    browser.post_from("/.storeward/challenge", "/.storeward/challenge/send-sms", &[]).await
}

both_engines!(a_telephone_is_a_second_factor, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, policy());
    let mut owner = bench.signed_up().await;
    add(&mut owner).await;
    let message = bench.post.texts().pop().unwrap();
    assert_eq!(message.to.expose(), "+4915123456789");
    assert!(message.text.expose().ends_with(&format!("\n@shop.example #{}", bench.text_code())));
    assert_eq!(bench.post.all().last().unwrap().kind.word(), "factor_added", "the address is told");
    let mut browser = bench.browser().elsewhere();
    browser.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    assert!(!browser.is_signed_in().await);
    let page = send(&mut browser).await;
    assert!(page.status == 200 && page.body.contains("+49 ••• 89"), "{}", page.body);
    let code = bench.text_code();
    assert_eq!(browser.prove("sms", "00000000").await.status, 403);
    browser.prove("sms", &code).await.leads_to("/.storeward/account");
    let facts = bench.events("identity.signed_in").await;
    let fact = serde_json::to_value(&facts.last().unwrap().event).unwrap();
    assert_eq!(fact["data"]["amr"], serde_json::json!(["pwd", "sms", "mfa"]));
    let all =
        bench.events("").await.iter().map(|r| String::from_utf8(r.to_bytes()).unwrap()).collect::<String>();
    assert!(!all.contains("15123456789"));
});

both_engines!(adding_a_telephone_is_a_sensitive_act, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, policy());
    let mut owner = bench.signed_up().await;
    let csrf = owner.get("/.storeward/account/sms").await.csrf();
    bench.advance(3_600);
    for path in ["/.storeward/account/sms", "/.storeward/account/sms/confirm"] {
        let answer = owner.post(path, &csrf, &[("number", NUMBER), ("code", "1")]).await;
        assert!(answer.location().starts_with("/.storeward/step-up"), "{path}: {}", answer.location());
    }
    assert!(bench.post.texts().is_empty());
    // Without a gateway or a country there is no such page.
    bench.identity.set_policy(Policy { sms: SmsPolicy::default(), ..policy() });
    let mut other = bench.browser();
    other.sign_up("abe@people.example", "seven grey herons wade").await.leads_to("/.storeward/challenge");
    let code = bench.code(storeward_identity::LetterKind::SignUpCode);
    other.prove("mail", &code).await.leads_to("/.storeward/account");
    assert_eq!(other.get("/.storeward/account/sms").await.status, 404);
});

both_engines!(a_code_counts_once_for_its_flow_within_ten_minutes, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, policy());
    let mut owner = bench.signed_up().await;
    // Five tries of one code, and it is over.
    let page = ask(&mut owner, NUMBER).await;
    let code = bench.text_code();
    for _ in 0..5 {
        let wrong =
            owner.post("/.storeward/account/sms/confirm", &page.csrf(), &[("code", "00000000")]).await;
        assert_eq!(wrong.status, 422);
    }
    let over = owner.post("/.storeward/account/sms/confirm", &page.csrf(), &[("code", &code)]).await;
    over.leads_to("/.storeward/account/sms");
    bench.advance(60);
    add(&mut owner).await;
    let mut one = bench.browser().elsewhere();
    let mut two = bench.browser().elsewhere();
    for browser in [&mut one, &mut two] {
        browser.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    }
    bench.advance(60);
    send(&mut one).await;
    let code = bench.text_code();
    assert_eq!(two.prove("sms", &code).await.status, 403, "bound to the flow that asked");
    // Nor does it pass for a mailed code.
    one.prove("mail", &code).await.leads_to("/.storeward/challenge");
    bench.advance(601);
    assert!(one.get("/.storeward/challenge").await.location().ends_with("done=over"));
    assert!(!one.is_signed_in().await && !two.is_signed_in().await);
    // Once: of two who post it at the same moment one is signed in, and nobody after them.
    let mut three = bench.browser().elsewhere();
    three.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    send(&mut three).await;
    let (code, csrf) = (bench.text_code(), three.get("/.storeward/challenge").await.csrf());
    let mut four = Browser {
        bench: &bench,
        cookies: three.cookies.clone(),
        address: three.address,
        language: three.language,
    };
    let fields = [("method", "sms"), ("secret", code.as_str())];
    let (a, b) = tokio::join!(
        three.post("/.storeward/challenge", &csrf, &fields),
        four.post("/.storeward/challenge", &csrf, &fields)
    );
    drop((a, b));
    let signed_in = [three.is_signed_in().await, four.is_signed_in().await];
    assert_ne!(signed_in[0], signed_in[1], "{signed_in:?}");
});

// SMS pumping: numbers of other countries, many messages to one number, many numbers of one country, all together.
both_engines!(messages_are_few, MIGRATIONS, async |db| {
    let sms = SmsPolicy { countries: vec!["+49".to_owned()], per_day: 40, per_country_per_day: 32 };
    let bench = Bench::with_policy(db, Policy { sms, step_up_minutes: 60, ..policy() });
    let mut owner = bench.signed_up().await;
    for (number, key) in
        [("+88 2 13001234", "cannot send"), ("0151 23456789", "country"), ("+49 (0)151", "country")]
    {
        let answer = ask(&mut owner, number).await;
        assert!(answer.status == 422 && answer.body.contains(key), "{number}: {}", answer.body);
    }
    // One after the other of one country: waits first, then no more that day.
    let mut sent = 0;
    for n in 0..8 {
        bench.advance(20);
        let answer = ask(&mut owner, &format!("+49 151 000000{n}")).await;
        sent += u32::from(answer.status == 200);
    }
    assert!(sent <= 4 && bench.post.texts().len() <= 4, "{sent}");
    let mut others = 0;
    for n in 0..6 {
        bench.advance(300);
        let answer = ask(&mut owner, &format!("+49 152 000000{n}")).await;
        others += u32::from(answer.status == 200);
    }
    assert_eq!(bench.post.texts().len(), 4, "{sent} and {others}");
    let reasons = bench.reasons("identity.sms_held_back").await;
    assert!(
        reasons.contains(&"country".to_owned()) && reasons.contains(&"country_day".to_owned()),
        "{reasons:?}"
    );
    // A restart grants nothing: the counts are kept. Another day does, and an account of before twice as many.
    bench.advance(86_400);
    owner.step_up_by_mail().await;
    assert_eq!(ask(&mut owner, NUMBER).await.status, 200);
    for n in 0..10 {
        bench.advance(300);
        ask(&mut owner, &format!("+49 153 00000{n:02}")).await;
    }
    assert_eq!(bench.post.texts().len(), 4 + 8, "the account's own eight, a quarter of the country's");
});

// "Try another way" does not go below what is demanded.
both_engines!(no_downgrade_to_a_telephone, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, policy());
    let (mut owner, secret) = bench.with_totp().await;
    add(&mut owner).await;
    // Beside an app it lets one in …
    let mut browser = bench.browser().elsewhere();
    browser.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    send(&mut browser).await;
    browser.prove("sms", &bench.text_code()).await.leads_to("/.storeward/account");
    // … and to nothing sensitive: the app is asked for, and a telephone is not offered.
    let next = "/.storeward/account/totp";
    browser.get(next).await.leads_to("/.storeward/step-up?next=/.storeward/account/totp");
    browser
        .post_from("/.storeward/step-up", "/.storeward/step-up", &[("next", next)])
        .await
        .leads_to("/.storeward/challenge");
    browser.prove("password", PASSWORD).await.leads_to("/.storeward/challenge");
    let page = browser.get("/.storeward/challenge").await;
    assert!(!page.body.contains("value=\"sms\"") && !page.body.contains("send-sms"), "{}", page.body);
    let before = bench.post.texts().len();
    browser.post("/.storeward/challenge/send-sms", &page.csrf(), &[]).await;
    assert_eq!(bench.post.texts().len(), before, "nor is one sent");
    browser.prove("sms", "12345678").await.leads_to("/.storeward/challenge");
    browser.prove("totp", &bench.next_totp(&secret)).await.leads_to(next);
    // A way back by mail does not take it either.
    let mut thief = bench.browser().elsewhere();
    thief.post_from("/.storeward/recover", "/.storeward/recover", &[("email", EMAIL)]).await;
    let code = bench.code(storeward_identity::LetterKind::RecoveryCode);
    thief.prove("mail", &code).await.leads_to("/.storeward/challenge");
    assert!(!thief.get("/.storeward/challenge").await.body.contains("value=\"sms\""));
});

// With a telephone alone, a way back still takes it: the mailed code is not enough.
both_engines!(a_way_back_keeps_the_telephone, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, policy());
    let mut owner = bench.signed_up().await;
    add(&mut owner).await;
    let mut thief = bench.browser().elsewhere();
    thief.post_from("/.storeward/recover", "/.storeward/recover", &[("email", EMAIL)]).await;
    let code = bench.code(storeward_identity::LetterKind::RecoveryCode);
    thief.prove("mail", &code).await.leads_to("/.storeward/challenge");
    assert_eq!(thief.get("/.storeward/new-password").await.location(), "/.storeward/challenge");
    bench.advance(60);
    send(&mut thief).await;
    thief.prove("sms", &bench.text_code()).await.leads_to("/.storeward/new-password");
});

// Each wish for a country that is not served wrote an entry into the ledger, without end.
both_engines!(who_asks_for_a_foreign_country_all_day_fills_no_ledger, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, policy());
    let mut owner = bench.signed_up().await;
    let csrf = owner.get("/.storeward/account/sms").await.csrf();
    for n in 0..30 {
        // Another number each time: it is the account that is counted.
        let number = format!("+33 6 12 34 56 {n:02}");
        let told = owner.post("/.storeward/account/sms", &csrf, &[("number", &number)]).await;
        assert_ne!(told.status, 303, "{}", told.location());
    }
    let held = bench.reasons("identity.sms_held_back").await;
    assert_eq!(held, ["country"; 3], "told as often as it is free");
    assert!(bench.post.texts().is_empty());
});

// Of an app and a telephone without a gateway the app is the last one: one member of staff alone does not take it.
both_engines!(a_telephone_without_a_gateway_is_no_factor_that_is_left, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, policy());
    let mut owner = bench.signed_up().await;
    add(&mut owner).await;
    owner.add_totp().await;
    let (desk, customer) = (bench.identity.customers(), bench.customer(EMAIL).await);
    let view = desk.view(customer).await.unwrap().unwrap();
    let app = view.factors.iter().find(|factor| factor.kind == "Authenticator app").unwrap().id.clone();
    bench.identity.set_policy(Policy { sms: SmsPolicy::default(), ..policy() });
    assert_eq!(desk.take_factor(&bench.by(STAFF), customer, &app).await.unwrap(), Done::WaitsForAnother);
    bench.identity.set_policy(policy());
    assert_eq!(desk.take_factor(&bench.by(STAFF), customer, &app).await.unwrap(), Done::Changed);
});

// Whoever only knew the password used up the day's messages, and the owner had no second factor until midnight.
both_engines!(who_knows_the_password_uses_up_no_message_of_the_owners, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, policy());
    let mut owner = bench.signed_up().await;
    add(&mut owner).await;
    for _ in 0..12 {
        bench.advance(120);
        let mut thief = bench.browser().elsewhere();
        thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
        send(&mut thief).await;
    }
    let of_thief = bench.post.texts().len();
    assert!((2..=5).contains(&of_thief), "{of_thief}");
    let mut thief = bench.browser().elsewhere();
    thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    send(&mut thief).await;
    assert_eq!(bench.post.texts().len(), of_thief, "the strangers' part is used up");
    // On the own device.
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    assert_eq!(send(&mut owner).await.status, 200);
    assert_eq!(bench.post.texts().len(), of_thief + 1);
    owner.prove("sms", &bench.text_code()).await.leads_to("/.storeward/account");
});

/// One more account; its browser has just proved everything.
async fn another<'b>(bench: &'b Bench, email: &str) -> Browser<'b> {
    let mut browser = bench.browser();
    browser.sign_up(email, PASSWORD).await.leads_to("/.storeward/challenge");
    let code = bench.code(storeward_identity::LetterKind::SignUpCode);
    browser.prove("mail", &code).await.leads_to("/.storeward/account");
    browser
}

fn of_a_day(per_day: u32) -> Policy {
    let sms = SmsPolicy { per_day, per_country_per_day: per_day, ..policy().sms };
    Policy { sms, ..policy() }
}

// Accounts that anybody opens, each with a number: the shop's messages were used up, and nobody with a telephone signed in any more.
both_engines!(accounts_opened_for_messages_use_up_nobody_elses, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, of_a_day(16));
    let mut owner = bench.signed_up().await;
    add(&mut owner).await;
    let mut later = another(&bench, "abe@people.example").await;
    bench.advance(2 * 86_400);
    let before = bench.post.texts().len();
    for n in 0..20 {
        let mut opened = another(&bench, &format!("pump{n}@people.example")).await;
        ask(&mut opened, &format!("+49 152 00000{n:02}")).await;
    }
    assert_eq!(bench.post.texts().len() - before, 2, "an eighth of the day's");
    assert!(bench.reasons("identity.sms_held_back").await.len() >= 18);
    // A customer of before adds a telephone, and one who has one signs in, known or not.
    later.step_up_by_mail().await;
    assert_eq!(ask(&mut later, "+49 153 0000001").await.status, 200);
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    send(&mut owner).await;
    owner.prove("sms", &bench.text_code()).await.leads_to("/.storeward/account");
    let mut travels = bench.browser().elsewhere();
    travels.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    send(&mut travels).await;
    travels.prove("sms", &bench.text_code()).await.leads_to("/.storeward/account");
});

// Whoever has a list of right passwords asks for codes wherever there is a telephone.
both_engines!(stolen_passwords_use_up_half_of_the_days_messages, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, of_a_day(400));
    let mut owner = bench.signed_up().await;
    add(&mut owner).await;
    let mut harmed = another(&bench, "abe@people.example").await;
    let page = ask(&mut harmed, "+49 153 0000001").await;
    let code = bench.text_code();
    let done = harmed.post("/.storeward/account/sms/confirm", &page.csrf(), &[("code", &code)]).await;
    done.leads_to("/.storeward/account?done=sms");
    bench.advance(86_400);
    bench.identity.set_policy(of_a_day(6));
    let before = bench.post.texts().len();
    for email in ["abe@people.example", EMAIL] {
        for _ in 0..6 {
            bench.advance(120);
            let mut thief = bench.browser().elsewhere();
            thief.sign_in(email, PASSWORD).await.leads_to("/.storeward/challenge");
            send(&mut thief).await;
        }
    }
    assert_eq!(bench.post.texts().len() - before, 3, "half of the day's");
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    assert_eq!(send(&mut owner).await.status, 200);
    owner.prove("sms", &bench.text_code()).await.leads_to("/.storeward/account");
});

// Who is signed in adds a telephone whatever strangers with the password have asked for.
both_engines!(who_knows_the_password_keeps_nobody_from_adding_a_number, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, policy());
    let mut owner = bench.signed_up().await;
    add(&mut owner).await;
    for _ in 0..12 {
        bench.advance(120);
        let mut thief = bench.browser().elsewhere();
        thief.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
        send(&mut thief).await;
    }
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    send(&mut owner).await;
    owner.prove("sms", &bench.text_code()).await.leads_to("/.storeward/account");
    assert_eq!(ask(&mut owner, "+49 154 0000001").await.status, 200);
});

// "Send again" put a code in the place of the one that had come, and sent none: the day's messages were used up.
both_engines!(a_code_stays_good_where_no_other_is_sent, MIGRATIONS, async |db| {
    let bench = Bench::with_policy(db, policy());
    let mut owner = bench.signed_up().await;
    add(&mut owner).await;
    bench.identity.set_policy(of_a_day(2));
    owner.sign_in(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    send(&mut owner).await;
    let (code, sent) = (bench.text_code(), bench.post.texts().len());
    bench.advance(61);
    let again = send(&mut owner).await;
    assert_eq!(bench.post.texts().len(), sent, "{}", again.body);
    assert!(bench.reasons("identity.sms_held_back").await.contains(&"country_day".to_owned()));
    owner.prove("sms", &code).await.leads_to("/.storeward/account");
});
