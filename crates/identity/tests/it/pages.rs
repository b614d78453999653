//! The pages: who may see them, in which language, and that they hold still under attack.

use storeward_identity::{LetterKind, MIGRATIONS};
use storeward_store::both_engines;

use super::bench::{Bench, EMAIL, OTHER_PASSWORD, PASSWORD};

both_engines!(every_route_has_its_rule, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    insta::assert_snapshot!("access_table", bench.identity.access_table());
});

both_engines!(strangers_see_no_account, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    drop(bench.signed_up().await);
    let table = bench.identity.access_table();
    for line in table.lines().filter(|line| line.contains("only:")) {
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let mut stranger = bench.browser();
        let csrf = "0".repeat(64);
        let answer = match method {
            "GET" => stranger.get(path).await,
            _ => stranger.post(path, &csrf, &[("id", "x")]).await,
        };
        assert_eq!(answer.status, 303, "{line}");
        assert!(answer.location().starts_with("/.storeward/sign-in"), "{line} {}", answer.location());
    }
});

both_engines!(forms_of_other_sites_do_nothing, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut owner = bench.signed_up().await;
    let csrf = owner.get("/.storeward/account").await.csrf();
    let good = ("origin", "https://shop.example");
    for (lines, form) in [
        (vec![("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")], format!("csrf={csrf}")),
        (vec![good, ("sec-fetch-site", "same-site")], format!("csrf={csrf}")),
        (vec![good, ("sec-fetch-site", "same-origin")], "csrf=".to_owned()),
        (vec![good, ("sec-fetch-site", "same-origin")], format!("csrf={}", "0".repeat(64))),
        (vec![], format!("csrf={csrf}")),
    ] {
        let answer = owner.send("POST", "/.storeward/account/not-me", &lines, Some(&form)).await;
        assert_eq!(answer.status, 403, "{lines:?}");
    }
    assert!(owner.is_signed_in().await);
});

both_engines!(failures_speak_the_persons_language, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut browser = bench.browser();
    browser.language = "de-AT,de;q=0.9,en;q=0.5";
    let page = browser.get("/.storeward/sign-in").await;
    assert!(page.body.contains("<html lang=\"de\">") && page.body.contains("Passwort vergessen?"));
    assert_eq!(page.headers["content-language"], "de");
    let lost = browser.get("/.storeward/nothing").await;
    assert!(lost.status == 404 && lost.body.contains("An dieser Adresse ist nichts"), "{}", lost.body);
    assert!(!lost.body.contains("<script"), "its policy lets none of them run: {}", lost.body);
    assert!(lost.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    // The account's own language comes first.
    browser.sign_up(EMAIL, PASSWORD).await.leads_to("/.storeward/challenge");
    assert_eq!(bench.letter(LetterKind::SignUpCode).language.tag(), "de");
    browser.prove("mail", &bench.code(LetterKind::SignUpCode)).await.leads_to("/.storeward/account");
    browser.language = "fr";
    assert!(browser.get("/.storeward/account").await.body.contains("Sicherheitszentrum"));
});

both_engines!(what_people_type_is_shown_as_text, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut browser = bench.browser();
    let evil = "\"><script>alert(1)</script>";
    let answer = browser.sign_in(evil, OTHER_PASSWORD).await;
    assert!(answer.status == 403 && !answer.body.contains("<script>alert"), "{}", answer.body);
    let answer = browser.sign_up(evil, OTHER_PASSWORD).await;
    assert!(answer.status == 422 && !answer.body.contains("<script>alert"));
    let page = browser.get("/.storeward/sign-in?next=/%22%3E%3Cscript%3E").await;
    assert!(!page.body.contains("<script>\""), "{}", page.body);
});

both_engines!(pages_can_be_used_by_everybody, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut owner, _) = bench.with_totp().await;
    for path in ["sign-in", "sign-up", "recover", "account", "step-up", "account/totp", "account/passkey"] {
        let page = owner.get(&format!("/.storeward/{path}")).await;
        assert_eq!(page.status, 200, "{path}");
        let body = &page.body;
        assert!(body.contains("<main id=\"main\"") && body.contains("class=\"skip\""), "{path}");
        assert_eq!(body.matches("<h1>").count(), 1, "{path}");
        assert!(!body.contains(" style=") && !body.contains(" onclick"), "{path}");
        // Each field that is seen has a label of its own.
        for field in body.split("<input id=\"").skip(1) {
            let id = field.split('"').next().unwrap();
            assert!(body.contains(&format!("<label for=\"{id}\"")), "{path} {id}");
        }
        // Nothing that can be pasted into forbids it, and managers know what is what (WCAG 2.2, 3.3.8).
        for field in body.split("<input ").skip(1).filter(|f| f.contains("type=\"password\"")) {
            assert!(field.split('>').next().unwrap().contains("autocomplete="), "{path}");
        }
    }
});
