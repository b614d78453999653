//! The modules of the OpenID conformance suite, by their names (dashes become underscores): the plans
//! `oidcc-basic-certification-test-plan`, `oidcc-config-certification-test-plan`; those of logout are in `logout.rs`. docs/oidc.md
//! lists them all.

use std::time::Duration;

use serde_json::Value;
use storeward_oidc::registry::{Algorithm, Pkce};
use storeward_store::both_engines;

use super::bench::{Bench, CALLBACK, EMAIL, ISSUER, MIGRATIONS, VERIFIER, field, peek, text};

both_engines!(oidcc_server, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.browser();
    browser.sign_up(EMAIL).await;
    browser.cookies.clear();
    bench.advance(1);
    // Nobody is signed in: to the sign-in, and back from there.
    let asked = browser.get(&party.request(&[])).await;
    assert_eq!(asked.status, 303);
    assert!(
        asked.location().starts_with("/.storeward/sign-in?next=/.storeward/oidc/continue"),
        "{}",
        asked.location()
    );
    bench.advance(5);
    let signed_in = browser.sign_in_at(asked.location()).await;
    let url = browser.back(signed_in.location()).await;
    assert!(url.starts_with(CALLBACK), "{url}");
    assert_eq!(field(&url, "state").as_deref(), Some("st4te"));
    assert_eq!(field(&url, "iss").as_deref(), Some(ISSUER));
    let answer = bench.exchange(&party, &field(&url, "code").unwrap()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("cache-control")),
        (200, "no-store"),
        "{}",
        answer.body
    );
    let tokens = answer.json();
    assert_eq!((text(&tokens["token_type"]), tokens["expires_in"].as_u64()), ("Bearer", Some(600)));
    let claims = bench.claims(text(&tokens["id_token"]), "JWT").await;
    assert_eq!((text(&claims["iss"]), text(&claims["aud"])), (ISSUER, party.id.to_string().as_str()));
    assert_eq!(text(&claims["nonce"]), "n0nce");
    assert!(text(&claims["sub"]).starts_with("cust_") && !claims.to_string().contains("people.example"));
    let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert!(exp > iat && claims["auth_time"].as_i64().unwrap() <= iat);
    assert_eq!((text(&claims["acr"]), &claims["amr"]), ("aal1", &serde_json::json!(["pwd"])));
    assert_eq!(text(&claims["sid"]).len(), 32);
});

both_engines!(oidcc_response_type_missing, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let answer = browser.get(&party.request(&[("response_type", "")])).await;
    assert_eq!(answer.given("error").as_deref(), Some("invalid_request"));
    assert_eq!(
        (answer.given("state").as_deref(), answer.given("iss").as_deref()),
        (Some("st4te"), Some(ISSUER))
    );
});

both_engines!(oidcc_idtoken_signature, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let mut browser = bench.customer().await;
    for algorithm in Algorithm::ALL {
        let mut draft = bench.draft("own");
        draft.algorithm = algorithm;
        let party = bench.add(draft).await;
        let tokens = browser.tokens(&party, &[]).await;
        // `claims` finds the key by `kid` and refuses another algorithm than the key's.
        bench.claims(text(&tokens["id_token"]), "JWT").await;
    }
});

both_engines!(oidcc_idtoken_unsigned, &MIGRATIONS, async |db| {
    // Ours is never unsigned: `none` is not on offer, and such a token is not believed.
    let bench = Bench::new(db).await;
    let metadata =
        bench.call("GET", "/.storeward/oidc/.well-known/openid-configuration", &[], None).await.json();
    let offered = metadata["id_token_signing_alg_values_supported"].to_string();
    assert!(!offered.contains("none") && !offered.contains("HS256"), "{offered}");
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let tokens = browser.tokens(&party, &[]).await;
    let payload = text(&tokens["id_token"]).split('.').nth(1).unwrap().to_owned();
    let header = storeward_seal::encoding::base64_url(br#"{"alg":"none","typ":"JWT"}"#);
    let unsigned = format!("{header}.{payload}.");
    let answer = browser.get(&party.request(&[("id_token_hint", &unsigned)])).await;
    assert_eq!(answer.given("error").as_deref(), Some("invalid_request"));
});

both_engines!(oidcc_userinfo_get, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let tokens = browser.tokens(&party, &[("scope", "openid profile email")]).await;
    let answer = bench.userinfo(text(&tokens["access_token"])).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json()["sub"], peek(text(&tokens["id_token"]))["sub"]);
});

both_engines!(oidcc_userinfo_post_header, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let tokens = browser.tokens(&party, &[]).await;
    let bearer = format!("Bearer {}", text(&tokens["access_token"]));
    let answer = bench.call("POST", "/.storeward/oidc/userinfo", &[("authorization", &bearer)], None).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["sub"]),
        (200, &peek(text(&tokens["id_token"]))["sub"])
    );
});

both_engines!(oidcc_userinfo_post_body, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let tokens = browser.tokens(&party, &[]).await;
    let form = format!("access_token={}", text(&tokens["access_token"]));
    let answer = bench.call("POST", "/.storeward/oidc/userinfo", &[], Some(&form)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    // Never from the address, which stands in logs.
    let path = format!("/.storeward/oidc/userinfo?{form}");
    assert_eq!(bench.call("GET", &path, &[], None).await.status, 401);
});

both_engines!(oidcc_ensure_request_without_nonce_succeeds_for_code_flow, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let tokens = browser.tokens(&party, &[("nonce", "")]).await;
    assert_eq!(peek(text(&tokens["id_token"])).get("nonce"), None);
});

/// What `userinfo` tells for these scopes, without `sub`.
async fn told(bench: &Bench, scope: &str) -> String {
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let tokens = browser.tokens(&party, &[("scope", scope)]).await;
    assert!(peek(text(&tokens["id_token"])).get("email").is_none());
    let claims = bench.userinfo(text(&tokens["access_token"])).await.json();
    claims.as_object().unwrap().keys().filter(|name| *name != "sub").cloned().collect::<Vec<_>>().join(" ")
}

both_engines!(oidcc_scope_profile, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    assert_eq!(told(&bench, "openid profile").await, "locale name");
});

both_engines!(oidcc_scope_email, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    assert_eq!(told(&bench, "openid email").await, "email email_verified");
});

// Addresses and telephone numbers are not kept here: the scopes are passed over.
both_engines!(oidcc_scope_address, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    assert_eq!(told(&bench, "openid address").await, "");
});

both_engines!(oidcc_scope_phone, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    assert_eq!(told(&bench, "openid phone").await, "");
});

both_engines!(oidcc_scope_all, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    assert_eq!(told(&bench, "openid profile email address phone").await, "email email_verified locale name");
});

// What has no order (RFC 6749 section 3.3), in the other one: the same scope, and the same claims.
both_engines!(oidcc_ensure_other_scope_order_succeeds, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let mut seen = Vec::new();
    for scope in ["email openid", "openid email"] {
        let tokens = browser.tokens(&party, &[("scope", scope)]).await;
        assert_eq!(text(&tokens["scope"]), "openid email", "{scope:?}");
        let claims = bench.userinfo(text(&tokens["access_token"])).await.json();
        assert!(claims["email"].is_string() && claims["email_verified"] == true, "{scope:?}: {claims}");
        seen.push(claims);
    }
    assert_eq!(seen[0], seen[1]);
});

both_engines!(several_requests_in_one_browser_are_one_person, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let first = browser.tokens(&party, &[("scope", "openid email"), ("state", "")]).await;
    let second = browser.tokens(&party, &[("scope", "openid email")]).await;
    assert_ne!(first["access_token"], second["access_token"]);
    assert_eq!(peek(text(&first["id_token"]))["sub"], peek(text(&second["id_token"]))["sub"]);
});

both_engines!(oidcc_display_page, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    bench.customer().await.code(&party, &[("display", "page")]).await;
});

both_engines!(oidcc_display_popup, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    bench.customer().await.code(&party, &[("display", "popup")]).await;
});

both_engines!(oidcc_prompt_login, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let first = browser.tokens(&party, &[]).await;
    bench.advance(10);
    let asked = browser.get(&party.request(&[("prompt", "login")])).await;
    assert!(asked.location().starts_with("/.storeward/step-up?next="), "{}", asked.location());
    // Going on without showing anything leads to the same question.
    let next = field(asked.location(), "next").unwrap();
    let again = browser.get(&next).await;
    assert!(again.location().starts_with("/.storeward/step-up?next="), "{}", again.location());
    // Nor does a sign-in in another browser, and one that is some time ago is asked for once more.
    let mut other = bench.browser();
    other.sign_in_at("/.storeward/sign-in").await;
    other.get(&next).await.is_refused_here();
    let proved = browser.step_up_at(asked.location()).await;
    bench.advance(601);
    let late = browser.get(proved.location()).await;
    assert!(late.location().starts_with("/.storeward/step-up?next="), "{}", late.location());
    let proved = browser.step_up_at(asked.location()).await;
    let url = browser.back(proved.location()).await;
    let second = bench.exchange(&party, &field(&url, "code").unwrap()).await.json();
    let (first, second) = (peek(text(&first["id_token"])), peek(text(&second["id_token"])));
    assert_eq!(first["sub"], second["sub"]);
    assert!(second["auth_time"].as_i64() > first["auth_time"].as_i64(), "{first} {second}");
});

both_engines!(oidcc_prompt_none_not_logged_in, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let answer = bench.browser().get(&party.request(&[("prompt", "none")])).await;
    assert!(answer.location().starts_with(CALLBACK));
    assert_eq!(answer.given("error").as_deref(), Some("login_required"));
});

both_engines!(oidcc_prompt_none_logged_in, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let first = browser.tokens(&party, &[]).await;
    let second = browser.tokens(&party, &[("prompt", "none")]).await;
    let (first, second) = (peek(text(&first["id_token"])), peek(text(&second["id_token"])));
    assert_eq!((&first["sub"], &first["auth_time"]), (&second["sub"], &second["auth_time"]));
});

both_engines!(oidcc_max_age_1, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let first = browser.tokens(&party, &[]).await;
    bench.advance(2);
    let asked = browser.get(&party.request(&[("max_age", "1")])).await;
    assert!(asked.location().starts_with("/.storeward/step-up"), "{}", asked.location());
    let proved = browser.step_up_at(asked.location()).await;
    bench.advance(601);
    let late = browser.get(proved.location()).await;
    assert!(late.location().starts_with("/.storeward/step-up"), "{}", late.location());
    let proved = browser.step_up_at(late.location()).await;
    let url = browser.back(proved.location()).await;
    let second = bench.exchange(&party, &field(&url, "code").unwrap()).await.json();
    let (first, second) = (peek(text(&first["id_token"])), peek(text(&second["id_token"])));
    assert!(second["auth_time"].as_i64() > first["auth_time"].as_i64());
    bench.advance(2);
    let quiet = browser.get(&party.request(&[("max_age", "1"), ("prompt", "none")])).await;
    assert_eq!(quiet.given("error").as_deref(), Some("login_required"));
});

both_engines!(oidcc_max_age_10000, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let first = browser.tokens(&party, &[]).await;
    bench.advance(60);
    let second = browser.tokens(&party, &[("max_age", "10000")]).await;
    assert_eq!(peek(text(&first["id_token"]))["auth_time"], peek(text(&second["id_token"]))["auth_time"]);
});

both_engines!(oidcc_ensure_request_with_unknown_parameter_succeeds, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    bench.customer().await.code(&party, &[("extra", "foobar"), ("audience", "x")]).await;
});

both_engines!(oidcc_id_token_hint, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let first = browser.tokens(&party, &[]).await;
    let hint = [("prompt", "none"), ("id_token_hint", text(&first["id_token"]))];
    // Old ones count too: they say who, not that somebody is signed in.
    bench.advance(7_200);
    let second = browser.tokens(&party, &hint).await;
    assert_eq!(peek(text(&first["id_token"]))["sub"], peek(text(&second["id_token"]))["sub"]);
    // Another person is not taken for the one who is meant.
    let mut other = bench.browser();
    other.sign_up("grace@people.example").await;
    let answer = other.get(&party.request(&hint)).await;
    assert_eq!(answer.given("error").as_deref(), Some("login_required"));
});

both_engines!(oidcc_login_hint, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.browser();
    let asked = browser.get(&party.request(&[("login_hint", "buffy@people.example")])).await;
    let page = browser.get(asked.location()).await;
    assert!(page.body.contains("value=\"buffy@people.example\""), "{}", page.body);
});

both_engines!(oidcc_ui_locales, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let mut draft = bench.draft("browser");
    draft.origins.clear();
    let party = bench.add(draft).await;
    let mut browser = bench.customer().await;
    let page = browser.get(&party.request(&[("ui_locales", "se fr")])).await;
    assert!(page.status == 200 && page.body.contains("<html lang=\"fr\">"), "{}", page.body);
});

both_engines!(oidcc_claims_locales, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    bench.customer().await.code(&party, &[("claims_locales", "se")]).await;
});

both_engines!(oidcc_ensure_request_with_acr_values_succeeds, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    drop(bench.customer().await);
    let mut browser = bench.browser();
    browser.sign_in_at("/.storeward/sign-in").await;
    bench.advance(1);
    let asked = browser.get(&party.request(&[("acr_values", "aal2")])).await;
    assert!(asked.location().starts_with("/.storeward/step-up"), "{}", asked.location());
    let proved = browser.step_up_at(asked.location()).await;
    let url = browser.back(proved.location()).await;
    let tokens = bench.exchange(&party, &field(&url, "code").unwrap()).await.json();
    let claims = peek(text(&tokens["id_token"]));
    assert_eq!((text(&claims["acr"]), &claims["amr"]), ("aal2", &serde_json::json!(["pwd", "email", "mfa"])));
    // What the customer has no way to show: asked once, and told what came of it.
    bench.advance(1);
    let asked = browser.get(&party.request(&[("acr_values", "phr")])).await;
    let proved = browser.step_up_at(asked.location()).await;
    let url = browser.back(proved.location()).await;
    let tokens = bench.exchange(&party, &field(&url, "code").unwrap()).await.json();
    assert_eq!(text(&peek(text(&tokens["id_token"]))["acr"]), "aal2");
    // What nobody knows is passed over.
    browser.code(&party, &[("acr_values", "urn:mace:incommon:iap:silver")]).await;
});

both_engines!(oidcc_codereuse, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let code = bench.customer().await.code(&party, &[]).await;
    assert_eq!(bench.exchange(&party, &code).await.status, 200);
    bench.exchange(&party, &code).await.refuses(400, "invalid_grant");
});

both_engines!(oidcc_codereuse_30seconds, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let code = bench.customer().await.code(&party, &[]).await;
    let tokens = bench.exchange(&party, &code).await.json();
    bench.clock.advance(Duration::from_secs(30));
    bench.exchange(&party, &code).await.refuses(400, "invalid_grant");
    assert_eq!(bench.userinfo(text(&tokens["access_token"])).await.status, 401);
    bench.refresh(&party, text(&tokens["refresh_token"])).await.refuses(400, "invalid_grant");
    assert_eq!(bench.events("oidc.code_reused").await.len(), 1);
});

both_engines!(oidcc_ensure_registered_redirect_uri, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    for uri in [
        "https://rp.example/callback/x",
        "https://rp.example/callback?a=b",
        "https://evil.example/callback",
        "",
    ] {
        browser.get(&party.request(&[("redirect_uri", uri)])).await.is_refused_here();
    }
});

both_engines!(oidcc_ensure_post_request_succeeds, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let request = party.request(&[]);
    let (path, query) = request.split_once('?').unwrap();
    let lines = [("accept", "text/html"), ("origin", "https://rp.example"), ("sec-fetch-site", "cross-site")];
    let relayed = browser.send("POST", path, &lines, Some(query)).await;
    assert_eq!((relayed.status.as_u16(), relayed.location()), (303, request.as_str()));
    assert!(browser.get(relayed.location()).await.given("code").is_some());
});

both_engines!(oidcc_server_client_secret_post, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let code = bench.customer().await.code(&party, &[]).await;
    let form = format!(
        "grant_type=authorization_code&code={code}&redirect_uri=https%3A%2F%2Frp.example%2Fcallback&code_verifier={}&\
         client_id={}&client_secret={}",
        VERIFIER,
        party.id,
        party.secret.as_ref().unwrap()
    );
    let answer = bench.call("POST", "/.storeward/oidc/token", &[], Some(&form)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
});

both_engines!(
    oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported,
    &MIGRATIONS,
    async |db| {
        let bench = Bench::new(db).await;
        let party = bench.own().await;
        let answer =
            bench.customer().await.get(&party.request(&[("request_uri", "https://rp.example/r")])).await;
        assert_eq!(answer.given("error").as_deref(), Some("request_uri_not_supported"));
    }
);

both_engines!(
    oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported,
    &MIGRATIONS,
    async |db| {
        let bench = Bench::new(db).await;
        let party = bench.own().await;
        let answer =
            bench.customer().await.get(&party.request(&[("request", "eyJhbGciOiJub25lIn0.e30.")])).await;
        assert_eq!(answer.given("error").as_deref(), Some("request_not_supported"));
    }
);

// The parameter is not taken (`claims_parameter_supported` is false), and a request with it succeeds.
both_engines!(oidcc_claims_essential, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let claims = r#"{"userinfo":{"email":{"essential":true}}}"#;
    let tokens = bench.customer().await.tokens(&party, &[("claims", claims)]).await;
    // More than the scopes say is told to nobody.
    assert_eq!(bench.userinfo(text(&tokens["access_token"])).await.json().get("email"), None);
});

both_engines!(oidcc_ensure_request_object_with_redirect_uri, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    // An address in a request object counts for nothing.
    let object = storeward_seal::encoding::base64_url(br#"{"redirect_uri":"https://evil.example/"}"#);
    let request = format!("eyJhbGciOiJub25lIn0.{object}.");
    let answer = bench.customer().await.get(&party.request(&[("request", &request)])).await;
    assert!(answer.location().starts_with(CALLBACK), "{}", answer.location());
    assert_eq!(answer.given("error").as_deref(), Some("request_not_supported"));
});

both_engines!(oidcc_refresh_token, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let first = bench.customer().await.tokens(&party, &[]).await;
    bench.advance(60);
    let second = bench.refresh(&party, text(&first["refresh_token"])).await.json();
    assert_ne!(
        (&first["access_token"], &first["refresh_token"]),
        (&second["access_token"], &second["refresh_token"])
    );
    let (old, new) = (peek(text(&first["id_token"])), peek(text(&second["id_token"])));
    for claim in ["iss", "sub", "aud", "auth_time", "sid"] {
        assert_eq!(old[claim], new[claim], "{claim}");
    }
    assert!(new["iat"].as_i64() > old["iat"].as_i64() && new.get("nonce").is_none());
    assert_eq!(bench.userinfo(text(&second["access_token"])).await.status, 200);
    // Another client's token is none of this one's.
    let other = bench.own().await;
    bench.refresh(&other, text(&second["refresh_token"])).await.refuses(400, "invalid_grant");
});

both_engines!(oidcc_ensure_request_with_valid_pkce_succeeds, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let mut draft = bench.draft("woocommerce");
    assert_eq!(draft.pkce, Pkce::Waived);
    draft.algorithm = Algorithm::Es256;
    let party = bench.add(draft).await;
    bench.customer().await.tokens(&party, &[]).await;
});

both_engines!(oidcc_discovery_endpoint_verification, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let answer = bench.call("GET", "/.storeward/oidc/.well-known/openid-configuration", &[], None).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let metadata = answer.json();
    assert_eq!(text(&metadata["issuer"]), ISSUER);
    let endpoints = metadata
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri");
    let mut seen = 0;
    for (name, url) in endpoints {
        let path = text(url).strip_prefix("https://shop.example").unwrap_or_else(|| panic!("{name} {url}"));
        let there = bench.call("GET", path, &[], None).await.status;
        assert_ne!(there, 404, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 7, "{metadata}");
    let has = |name: &str, value: &str| {
        metadata[name].as_array().unwrap_or_else(|| panic!("{name}")).iter().any(|v| v == value)
    };
    assert!(has("scopes_supported", "openid") && has("response_types_supported", "code"));
    assert!(
        has("subject_types_supported", "public") && has("id_token_signing_alg_values_supported", "RS256")
    );
    assert!(has("claims_supported", "sub") && has("code_challenge_methods_supported", "S256"));
    assert!(!has("code_challenge_methods_supported", "plain"));
    let set = bench.call("GET", "/.storeward/oidc/jwks", &[], None).await.json();
    for key in set["keys"].as_array().unwrap() {
        for secret in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert_eq!(key.get(secret), None::<&Value>, "a secret half is published");
        }
        assert!(!text(&key["kid"]).is_empty() && key["use"] == "sig");
    }
    let elsewhere = "/.well-known/oauth-authorization-server/.storeward/oidc";
    assert_eq!(bench.call("GET", elsewhere, &[], None).await.json(), metadata);
});
