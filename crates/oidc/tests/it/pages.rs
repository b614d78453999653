//! The pages: who may see them, what they say and where they lead.

use storeward_store::both_engines;

use super::bench::{Bench, Browser, CALLBACK, MIGRATIONS, field, text};

both_engines!(every_route_has_its_rule, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    insta::assert_snapshot!("access_table", bench.provider.access_table());
});

both_engines!(every_statement_is_one_on_both_engines, &MIGRATIONS, async |db| {
    for statement in storeward_oidc::STATEMENTS.iter().flat_map(|table| table.iter()) {
        let checked: Result<(), storeward_store::Error> =
            db.read(move |reader| reader.check_statement(statement)).await;
        assert!(checked.is_ok(), "{statement}: {checked:?}");
    }
});

async fn answered(
    browser: &mut Browser<'_>,
    page: &super::bench::Answer,
    answer: &str,
) -> super::bench::Answer {
    let (csrf, sealed) = (page.csrf(), page.attribute("name=\"r\" value=\""));
    browser.post("/.storeward/oidc/consent", &[("csrf", &csrf), ("r", &sealed), ("answer", answer)]).await
}

both_engines!(consent_is_asked_once_and_for_more_again, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.add(bench.draft("browser")).await;
    let mut browser = bench.customer().await;
    let scope = [("scope", "openid email")];
    let page = browser.get(&party.request(&scope)).await;
    assert_eq!(page.status, 200, "{}", page.location());
    assert!(
        page.body.contains("Larkmoor wants to know who you are") && page.body.contains("your e-mail address")
    );
    assert!(!page.body.contains("your name"), "{}", page.body);
    assert!(
        page.header("content-security-policy").contains("form-action 'self' https://rp.example/callback;")
    );
    let quiet = [("scope", "openid email"), ("prompt", "none")];
    assert_eq!(browser.get(&party.request(&quiet)).await.given("error").as_deref(), Some("consent_required"));
    let denied = answered(&mut browser, &page, "deny").await;
    assert!(denied.location().starts_with(CALLBACK), "{}", denied.location());
    assert_eq!(denied.given("error").as_deref(), Some("access_denied"));
    assert!(bench.events("oidc.consent_given").await.is_empty());
    let allowed = answered(&mut browser, &page, "allow").await;
    assert_eq!(bench.exchange(&party, &allowed.given("code").unwrap()).await.status, 200);
    // Not again for the same, again for more, and whenever the client wants.
    assert!(browser.get(&party.request(&quiet)).await.given("code").is_some());
    let more = browser.get(&party.request(&[("scope", "openid email profile")])).await;
    assert!(more.status == 200 && more.body.contains("your name"));
    answered(&mut browser, &more, "allow").await;
    assert!(
        browser.get(&party.request(&scope)).await.given("code").is_some(),
        "what was agreed before stays so"
    );
    let again = [("scope", "openid"), ("prompt", "consent")];
    assert_eq!(browser.get(&party.request(&again)).await.status, 200);
    assert_eq!(bench.events("oidc.consent_given").await.len(), 2);
});

both_engines!(consent_is_asked_behind_the_sign_in, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    drop(bench.customer().await);
    let party = bench.add(bench.draft("browser")).await;
    let mut browser = bench.browser();
    let asked = browser.get(&party.request(&[])).await;
    bench.advance(1);
    let signed_in = browser.sign_in_at(asked.location()).await;
    let page = browser.get(signed_in.location()).await;
    assert!(page.status == 200 && page.body.contains("wants to know"), "{}", page.body);
    let allowed = answered(&mut browser, &page, "allow").await;
    assert!(allowed.given("code").is_some(), "{}", allowed.location());
});

both_engines!(somebody_else_can_sign_in, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    bench.advance(5);
    let asked = browser.get(&party.request(&[("prompt", "select_account")])).await;
    assert!(asked.location().starts_with("/.storeward/sign-in?next="), "{}", asked.location());
    bench.advance(5);
    let signed_in = browser.sign_in_at(asked.location()).await;
    assert!(field(&browser.back(signed_in.location()).await, "code").is_some());
});

both_engines!(an_answer_can_be_posted, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let page = browser.get(&party.request(&[("response_mode", "form_post"), ("state", "a\"b<c")])).await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("<form method=\"post\" action=\"https://rp.example/callback\""),
        "{}",
        page.body
    );
    assert!(
        page.header("content-security-policy").contains("form-action 'self' https://rp.example/callback;")
    );
    assert!(!page.body.contains("a\"b<c"), "{}", page.body);
    assert!(page.body.contains("<button"), "it works without script");
    let code = page.attribute("name=\"code\" value=\"");
    assert_eq!(bench.exchange(&party, &code).await.status, 200);
    let refused =
        browser.get(&party.request(&[("response_mode", "form_post"), ("response_type", "token")])).await;
    assert!(refused.body.contains("unsupported_response_type"), "{}", refused.body);
});

both_engines!(the_pages_speak_four_languages_and_hold_together, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let mut draft = bench.draft("browser");
    draft.name = "<script>alert(1)</script>".to_owned();
    let party = bench.add(draft).await;
    let mut browser = bench.customer().await;
    let language = |tag: &'static str| [("ui_locales", tag)];
    for (tag, words) in [("en", "Allow"), ("de", "Zustimmen"), ("fr", "Accepter"), ("es", "Permitir")] {
        let page = browser.get(&party.request(&language(tag))).await;
        assert!(page.body.contains(&format!("<html lang=\"{tag}\">")) && page.body.contains(words), "{tag}");
        assert!(!page.body.contains("<script>alert"), "{tag}");
        assert_eq!(page.body.matches("<h1>").count(), 1);
        assert!(page.body.contains("<main id=\"main\"") && !page.body.contains(" style="), "{tag}");
        let out = browser.get(&format!("/.storeward/oidc/logout?ui_locales={tag}")).await;
        assert!(out.status == 200 && out.body.contains(&format!("<html lang=\"{tag}\">")), "{tag}");
        assert_eq!(out.body.matches("<h1>").count(), 1);
    }
    // A stranger's request for a page of somebody's is led to the sign-in.
    let mut stranger = bench.browser();
    for path in ["/.storeward/oidc/consent", "/.storeward/oidc/logout/confirm"] {
        let answer = stranger.post(path, &[("csrf", "x"), ("r", "x"), ("answer", "allow")]).await;
        assert!(answer.status == 303 && answer.location().starts_with("/.storeward/sign-in"), "{path}");
    }
    assert_eq!(stranger.get("/.storeward/oidc/nothing").await.status, 404);
});

both_engines!(too_long_a_request_is_refused_before_the_sign_in, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let long = "x".repeat(1_024);
    let fields = [("state", long.as_str()), ("nonce", long.as_str()), ("login_hint", "a@b.example")];
    let answer = bench.browser().get(&party.request(&fields)).await;
    assert!(answer.location().starts_with("/.storeward/sign-in"), "{}", answer.location());
    let longer = "x".repeat(1_025);
    let answer = bench.browser().get(&party.request(&[("state", &longer)])).await;
    assert_eq!(answer.given("error").as_deref(), Some("invalid_request"));
    assert_eq!(answer.given("state"), None);
    let tokens = bench.customer().await.tokens(&party, &fields).await;
    assert!(!text(&tokens["id_token"]).is_empty());
});
