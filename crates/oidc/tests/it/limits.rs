//! What a client may have at most: scopes, the way of its answers, and how long.

use storeward_base::Actor;
use storeward_oidc::registry::{Answers, Consent, PRESETS, Scopes};
use storeward_store::{both_engines, params};

use super::bench::{Answer, Bench, Browser, MIGRATIONS, Party, text};

const ALL: [(&str, &str); 1] = [("scope", "openid profile email offline_access")];

impl Bench {
    async fn limited(&self, preset: &str, scopes: &str) -> Party {
        let mut draft = self.draft(preset);
        draft.scopes = Scopes::parse(scopes);
        self.add(draft).await
    }
}

// Whatever a client asks for: it learns what it was registered for, and the answer says so (RFC 6749 section 3.3).
both_engines!(a_client_learns_no_more_than_it_was_registered_for, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.limited("own", "openid email").await;
    let mut browser = bench.customer().await;
    let tokens = browser.tokens(&party, &ALL).await;
    assert_eq!(tokens["scope"], "openid email");
    let told = bench.userinfo(text(&tokens["access_token"])).await.json();
    assert!(
        told["email"].is_string() && told.get("name").is_none() && told.get("locale").is_none(),
        "{told}"
    );
    // Nor by way of a refresh, which names all that was once asked for, as libraries do.
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&tokens["refresh_token"])),
        ("scope", "openid profile email offline_access"),
    ];
    let next = bench.post(&party, "/token", &fields).await.json();
    assert_eq!(next["scope"], "openid email", "{next}");
    let told = bench.userinfo(text(&next["access_token"])).await.json();
    assert!(told.get("name").is_none(), "{told}");
    let asked = bench.post(&party, "/introspect", &[("token", text(&next["refresh_token"]))]).await.json();
    assert_eq!(asked["scope"], "openid email");
    // What it may not have is not there: its tokens end with the session.
    let csrf = browser.get("/.storeward/account").await.csrf();
    browser.post("/.storeward/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!(bench.userinfo(text(&next["access_token"])).await.status, 401);
    bench.refresh(&party, text(&next["refresh_token"])).await.refuses(400, "invalid_grant");
});

// A customer is asked about what will be given, and about nothing else.
both_engines!(customers_are_asked_about_what_will_be_given, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.limited("browser", "openid profile").await;
    let mut browser = bench.customer().await;
    let page = browser.get(&party.request(&ALL)).await;
    assert_eq!(page.status, 200, "{}", page.location());
    assert!(page.body.contains("your name"), "{}", page.body);
    assert!(!page.body.contains("your e-mail address"), "{}", page.body);
    let may_outlive = bench.limited("browser", "openid offline_access").await;
    let other = browser.get(&may_outlive.request(&ALL)).await;
    assert_ne!(page.body.matches("<li>").count(), 0);
    assert_eq!(page.body.matches("<li>").count(), other.body.matches("<li>").count(), "two scopes each");
    let (csrf, sealed) = (page.csrf(), page.attribute("name=\"r\" value=\""));
    let fields = [("csrf", csrf.as_str()), ("r", &sealed), ("answer", "allow")];
    let allowed = browser.post("/.storeward/oidc/consent", &fields).await;
    assert!(allowed.given("code").is_some(), "{}", allowed.location());
    let given = bench.events("oidc.consent_given").await;
    let fact = String::from_utf8(given[0].to_bytes()).unwrap();
    assert!(fact.contains(r#"["openid","profile"]"#), "{fact}");
});

// ASVS 5.0 10.4.12.
both_engines!(answers_go_the_clients_own_way_only, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let mut draft = bench.draft("own");
    draft.answers = Answers::Query;
    let party = bench.add(draft).await;
    let mut browser = bench.customer().await;
    let refused = browser.get(&party.request(&[("response_mode", "form_post")])).await;
    assert_eq!(refused.given("error").as_deref(), Some("invalid_request"), "{}", refused.body);
    assert!(browser.get(&party.request(&[("response_mode", "query")])).await.given("code").is_some());
    let mut draft = bench.draft("own");
    draft.answers = Answers::FormPost;
    let party = bench.add(draft).await;
    for more in [&[][..], &[("response_mode", "query")]] {
        let refused = browser.get(&party.request(more)).await;
        assert!(refused.status == 200 && refused.body.contains("invalid_request"), "{}", refused.location());
        assert!(!refused.body.contains("name=\"code\""), "{}", refused.body);
    }
    let posted = browser.get(&party.request(&[("response_mode", "form_post")])).await;
    let code = posted.attribute("name=\"code\" value=\"");
    assert_eq!(bench.exchange(&party, &code).await.status, 200);
});

// ASVS 5.0 10.4.8: using it over and over does not keep it alive.
both_engines!(what_outlives_a_session_ends_for_good, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let day = 86_400;
    let mut tokens = bench.customer().await.tokens(&party, &ALL).await;
    for _ in 0..18 {
        bench.advance(20 * day);
        let answer = bench.refresh(&party, text(&tokens["refresh_token"])).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        tokens = answer.json();
    }
    // 360 days are over. The last token is good for five days and not for thirty.
    let asked = bench.post(&party, "/introspect", &[("token", text(&tokens["refresh_token"]))]).await.json();
    let left = asked["exp"].as_i64().unwrap() - asked["iat"].as_i64().unwrap();
    assert_eq!(left / 86_400, 5, "{asked}");
    bench.advance(5 * day - 60);
    tokens = bench.refresh(&party, text(&tokens["refresh_token"])).await.json();
    assert_eq!(bench.userinfo(text(&tokens["access_token"])).await.status, 200);
    bench.advance(61);
    bench.refresh(&party, text(&tokens["refresh_token"])).await.refuses(400, "invalid_grant");
    assert_eq!(bench.userinfo(text(&tokens["access_token"])).await.status, 401);
    let asked = bench.post(&party, "/introspect", &[("token", text(&tokens["access_token"]))]).await.json();
    assert_eq!(asked["active"], false);
});

both_engines!(clients_from_before_keep_what_they_had, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    for preset in &PRESETS {
        let draft = preset.draft("Larkmoor", Some("https://shop.example"));
        let client = bench.registry.add(draft, Actor::Operator).await.unwrap().client;
        assert_eq!(client.scopes.to_string(), "openid profile email", "{}", preset.word);
        assert_eq!(client.answers, Answers::Query, "{}", preset.word);
    }
    let mut draft = bench.draft("own");
    draft.scopes = Scopes::parse("profile email");
    assert!(draft.check().unwrap_err().contains("openid"));
    let id = bench.own().await.id;
    // A row as the tables were before the columns came.
    let old = "INSERT INTO oidc_client (id, name, preset, pkce, consent, algorithm, id_token, redirect_uris, logout_uris, origins, \
               created_at) SELECT 'rp_00000000000000000000000007', name, preset, pkce, consent, algorithm, id_token, \
               redirect_uris, logout_uris, origins, created_at FROM oidc_client WHERE id = $1";
    let written = bench.db.write(move |tx| -> Result<(), storeward_store::Error> {
        tx.commit_silent("a test's row");
        tx.execute(old, params![id]).map(drop)
    });
    written.await.unwrap();
    assert!(bench.bind_clients().await > 1);
    let found = bench.registry.find("rp_00000000000000000000000007".parse().unwrap()).await.unwrap();
    assert_eq!(found.scopes.to_string(), "openid profile email offline_access");
    assert_eq!(found.answers, Answers::Either);
});

// What is taken away from a client ends at once: in tokens it holds, in sign-ins under way, in what customers agreed to.
both_engines!(what_is_taken_away_from_a_client_ends_at_once, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let mut draft = bench.draft("own");
    draft.scopes = Scopes::parse("openid profile email offline_access");
    draft.consent = Consent::Asked;
    let party = bench.add(draft).await;
    let mut browser = bench.customer().await;
    let agree = async |browser: &mut Browser<'_>, page: Answer| {
        let (csrf, sealed) = (page.csrf(), page.attribute("name=\"r\" value=\""));
        let fields = [("csrf", csrf.as_str()), ("r", &sealed), ("answer", "allow")];
        browser.post("/.storeward/oidc/consent", &fields).await
    };
    let request = party.request(&[("scope", "openid profile email")]);
    let page = browser.get(&request).await;
    assert_eq!(page.status, 200);
    let code = agree(&mut browser, page).await.given("code").unwrap();
    let tokens = bench.exchange(&party, &code).await.json();
    // A second sign-in stands at its code, a third at the question, a fourth outlives the session.
    let waiting = browser.get(&request).await;
    let question = browser.get(&party.request(&[("scope", "openid email"), ("prompt", "consent")])).await;
    let offline = browser.get(&party.request(&ALL)).await;
    let code = agree(&mut browser, offline).await.given("code").unwrap();
    let lasting = bench.exchange(&party, &code).await.json();

    let less = Scopes::parse("openid profile");
    bench.registry.set_scopes(party.id, less, Actor::Operator).await.unwrap();
    let told = bench.userinfo(text(&tokens["access_token"])).await.json();
    assert!(told["name"].is_string() && told.get("email").is_none(), "{told}");
    let next = bench.refresh(&party, text(&tokens["refresh_token"])).await.json();
    assert_eq!(next["scope"], "openid profile", "{next}");
    let code = waiting.given("code").unwrap();
    assert_eq!(bench.exchange(&party, &code).await.json()["scope"], "openid profile");
    let code = agree(&mut browser, question).await.given("code").unwrap();
    assert_eq!(bench.exchange(&party, &code).await.json()["scope"], "openid");
    bench.refresh(&party, text(&lasting["refresh_token"])).await.refuses(400, "invalid_grant");
    assert_eq!(bench.userinfo(text(&lasting["access_token"])).await.status, 401);

    // Given back, it is asked about anew; what stood all the time is not.
    let more = Scopes::parse("openid profile email");
    bench.registry.set_scopes(party.id, more.clone(), Actor::Operator).await.unwrap();
    assert!(browser.get(&party.request(&[("scope", "openid profile")])).await.given("code").is_some());
    let page = browser.get(&request).await;
    assert!(page.status == 200 && page.body.contains("your e-mail address"), "{}", page.location());
    bench.registry.set_scopes(party.id, more, Actor::Operator).await.unwrap();
    let facts = bench.events("oidc.client_scopes_changed").await;
    assert_eq!(facts.len(), 2, "nothing is told of what changes nothing");
    let fact = String::from_utf8(facts[0].to_bytes()).unwrap();
    assert!(fact.contains(r#""scopes":["openid","profile"]"#), "{fact}");
});
