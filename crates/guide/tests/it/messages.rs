//! "Is this message from us?": who is told what, and what guessing gets.

use storeward_store::both_engines;

use super::bench::{Bench, EMAIL, MIGRATIONS, OTHER};

both_engines!(a_code_tells_its_recipient_more_than_others, &MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut ada = bench.signed_up(EMAIL).await;
    let mut bob = bench.signed_up(OTHER).await;
    let code = bench.check_code(EMAIL, 1).await;

    let told = ada.look_up(&code, "").await;
    told.says("We wrote this to you");
    told.says("Your code for Larkmoor");
    // The list of what was written is of one's own only.
    let list = ada.get("/.storeward/messages").await;
    list.says(&code);
    bob.get("/.storeward/messages").await.says_not(&code);

    let told = bob.look_up(&format!("Dear customer,\nyour parcel waits.\n{code}\n"), "").await;
    told.says("belongs to somebody else");
    told.says_not("<dl");
    told.says_not(&code);

    let mut stranger = bench.browser();
    let told = stranger.look_up(&code, "").await;
    told.says("We wrote a message with this code");
    told.says("A code to sign in or to confirm something");
    told.says_not("Your code for Larkmoor");
    told.says_not(EMAIL);
    // Whoever names the address learns whether it is that one, and nothing more.
    let told = stranger.look_up(&code, " ADA@people.example ").await;
    told.says("We wrote this to you");
    told.says_not("Your code for Larkmoor");
    stranger.look_up(&code, OTHER).await.says("belongs to somebody else");

    stranger.look_up("There is nothing here", "").await.says("There is no code in what you pasted");
    bench.stop().await;
});

both_engines!(guessing_codes_gets_slower_and_is_told_once, &MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up(EMAIL).await);
    let code = bench.check_code(EMAIL, 1).await;
    let mut guesser = bench.browser();
    for n in 0..10 {
        let answer = guesser.look_up(&format!("AAAA-AA{n:02}"), "").await;
        assert_eq!(answer.status, 200);
        answer.says("We know no message with this code");
    }
    for _ in 0..5 {
        // Also what exists is not looked at any more, or a flood would find it.
        assert_eq!(guesser.look_up(&code, "").await.status, 429);
    }
    let told = bench.events("guide.message_codes_guessed").await;
    assert_eq!(told.len(), 1, "a flood does not fill the ledger");
    // Another network is not slowed down, and what exists costs nothing.
    let mut other = bench.browser();
    other.address = "203.0.113.9".parse().unwrap();
    for _ in 0..30 {
        assert_eq!(other.look_up(&code, "").await.status, 200);
    }
    bench.stop().await;
});

// Whoever held one code could try addresses without end: a code that exists was given back before the address was compared.
both_engines!(guessing_the_address_of_a_code_gets_slower, &MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up(EMAIL).await);
    let code = bench.check_code(EMAIL, 1).await;
    let mut guesser = bench.browser();
    for n in 0..10 {
        let answer = guesser.look_up(&code, &format!("guess{n}@people.example")).await;
        assert_eq!(answer.status, 200);
        answer.says("belongs to somebody else");
        if n < 5 {
            // What is found out in between gives back itself, and no wrong address.
            assert_eq!(guesser.look_up(&code, "").await.status, 200);
        }
    }
    // Also the right one is not looked at any more.
    assert_eq!(guesser.look_up(&code, EMAIL).await.status, 429);
    assert_eq!(bench.events("guide.message_codes_guessed").await.len(), 1);
    // The person's own look-up, elsewhere, is not slowed down.
    let mut other = bench.browser();
    other.address = "203.0.113.9".parse().unwrap();
    for _ in 0..30 {
        other.look_up(&code, EMAIL).await.says("We wrote this to you");
    }
    bench.stop().await;
});

both_engines!(what_is_typed_is_shown_as_text, &MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut browser = bench.browser();
    let evil = "\"><script>alert(1)</script>";
    for (from, path, field) in
        [("/messages", "/messages", "text"), ("/messages/report", "/messages/report", "said")]
    {
        let answer = browser.post_from(from, path, &[(field, evil), ("address", evil)]).await;
        answer.says_not("<script>alert");
    }
    let answer = browser.get("/.storeward/unsubscribe?t=%22%3E%3Cscript%3Ealert(1)").await;
    answer.says_not("<script>alert");
    bench.stop().await;
});

both_engines!(every_mail_bears_a_code_of_its_own, &MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up(EMAIL).await);
    drop(bench.signed_up(OTHER).await);
    let codes = [bench.check_code(EMAIL, 1).await, bench.check_code(OTHER, 1).await];
    assert_ne!(codes[0], codes[1]);
    let mail = &bench.mails(EMAIL, 1).await[0];
    assert!(mail.text().contains("shop.example/.storeward/messages"), "{}", mail.text());
    // The code is nowhere in the ledger.
    let ledger = bench.ledger().await;
    assert!(codes.iter().all(|code| !ledger.contains(code)));
    bench.stop().await;
});
