//! Signing out: the conformance suite's modules of RP-initiated and back-channel logout by their names, and what else ends a
//! session.

use storeward_identity::staff::Act;
use storeward_oidc::registry::Preset;
use storeward_outbound::recorder::{Answer as Told, Recorder};
use storeward_store::both_engines;

use super::bench::{Bench, Browser, GOODBYE, ISSUER, MIGRATIONS, Party, encode, peek, text};

const LOGOUT: &str = "/.storeward/oidc/logout";

/// Somebody who is signed in to a client, with the ID token for it.
async fn signed_in(bench: &Bench) -> (Browser<'_>, Party, String) {
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let tokens = browser.tokens(&party, &[]).await;
    let hint = text(&tokens["id_token"]).to_owned();
    (browser, party, hint)
}

fn logout(fields: &[(&str, &str)]) -> String {
    let query: Vec<String> = fields.iter().map(|(n, v)| format!("{n}={}", encode(v))).collect();
    format!("{LOGOUT}?{}", query.join("&"))
}

both_engines!(oidcc_rp_initiated_logout, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _, hint) = signed_in(&bench).await;
    let fields =
        [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", GOODBYE), ("state", "st4te")];
    let answer = browser.get(&logout(&fields)).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (303, "https://rp.example/?state=st4te"));
    assert!(!browser.is_signed_in().await);
    assert_eq!(bench.events("oidc.signed_out").await.len(), 1);
    // Again: nobody is there, and it leads to the same place.
    assert_eq!(browser.get(&logout(&fields)).await.location(), "https://rp.example/?state=st4te");
});

both_engines!(oidcc_rp_initiated_logout_bad_post_logout_redirect_uri, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _, hint) = signed_in(&bench).await;
    // The first finds somebody signed in, the others nobody: none leads on, and each says why.
    for uri in ["https://evil.example/", "https://rp.example", "https://rp.example/x"] {
        let fields = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", uri), ("state", "x")];
        let page = browser.get(&logout(&fields)).await;
        page.is_refused_here();
        assert!(page.body.contains("You are signed out"), "{}", page.body);
        assert!(page.body.contains("You stay on this page") && !page.body.contains(uri), "{}", page.body);
        assert!(!browser.is_signed_in().await);
    }
    assert_eq!(bench.events("oidc.signed_out").await.len(), 1);
});

// Nobody is signed out by an address alone, nor by a hint that is about somebody else.
both_engines!(an_unknown_address_signs_nobody_out_without_a_hint_about_them, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, party, _) = signed_in(&bench).await;
    let mut other = bench.browser();
    other.sign_up("somebody.else@people.example").await;
    let others = other.tokens(&party, &[]).await;
    let (id, hint) = (party.id.to_string(), text(&others["id_token"]));
    let evil = ("post_logout_redirect_uri", "https://evil.example/");
    for fields in [&[evil][..], &[("client_id", id.as_str()), evil], &[("id_token_hint", hint), evil]] {
        let page = browser.get(&logout(fields)).await;
        page.is_refused_here();
        assert!(!page.body.contains("You are signed out"), "{}", page.body);
        assert!(browser.is_signed_in().await, "{fields:?}");
    }
});

// The ready-made settings had one spelling of the first page; openid-connect-generic never sends that one, and whoever pressed its
// button for signing out stayed signed in here.
both_engines!(a_sign_out_of_the_plugin_for_wordpress_is_one, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let preset = Preset::of_word("woocommerce").unwrap();
    let mut draft = preset.draft("Books", Some("https://books.example"));
    // The bench's relying party answers at its own address.
    draft.redirect_uris = bench.draft("own").redirect_uris;
    let party = bench.add(draft).await;
    let mut browser = bench.customer().await;
    for path in ["", "/my-account/", "/mein-konto/", "/wp-login.php?loggedout=true&wp_lang=de_DE"] {
        if !browser.is_signed_in().await {
            browser = bench.browser();
            browser.sign_in_at("/.storeward/sign-in").await;
            bench.advance(1);
        }
        let tokens = browser.tokens(&party, &[]).await;
        let uri = format!("https://books.example{path}");
        let fields = [("id_token_hint", text(&tokens["id_token"])), ("post_logout_redirect_uri", &uri)];
        let answer = browser.get(&logout(&fields)).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, uri.as_str()));
        assert!(!browser.is_signed_in().await, "{path}");
    }
});

both_engines!(oidcc_rp_initiated_logout_modified_id_token_hint, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _, hint) = signed_in(&bench).await;
    let (head, signature) = hint.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let changed = format!("{head}.{first}{}", &signature[1..]);
    let fields = [("id_token_hint", changed.as_str()), ("post_logout_redirect_uri", GOODBYE)];
    browser.get(&logout(&fields)).await.is_refused_here();
    assert!(browser.is_signed_in().await);
});

both_engines!(oidcc_rp_initiated_logout_no_id_token_hint, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, party, _) = signed_in(&bench).await;
    // Nothing shows whose address that is.
    browser.get(&logout(&[("post_logout_redirect_uri", GOODBYE), ("state", "x")])).await.is_refused_here();
    // The client is named, so the address is known; the person is asked.
    let id = party.id.to_string();
    let fields = [("client_id", id.as_str()), ("post_logout_redirect_uri", GOODBYE), ("state", "x")];
    let page = browser.get(&logout(&fields)).await;
    assert!(page.status == 200 && page.body.contains("Sign out?"), "{}", page.body);
    assert!(page.header("content-security-policy").contains("form-action 'self' https://rp.example/;"));
    assert!(browser.is_signed_in().await);
    let done = confirm(&mut browser, &page).await;
    assert_eq!(done.location(), "https://rp.example/?state=x");
    assert!(!browser.is_signed_in().await);
});

async fn confirm(browser: &mut Browser<'_>, page: &super::bench::Answer) -> super::bench::Answer {
    let (csrf, request) = (page.csrf(), page.attribute("name=\"request\" value=\""));
    browser.post("/.storeward/oidc/logout/confirm", &[("csrf", &csrf), ("request", &request)]).await
}

both_engines!(oidcc_rp_initiated_logout_no_params, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _, _) = signed_in(&bench).await;
    let page = browser.get(LOGOUT).await;
    assert_eq!(page.status, 200);
    let done = confirm(&mut browser, &page).await;
    assert!(done.status == 200 && done.body.contains("You are signed out"), "{}", done.body);
    assert!(!browser.is_signed_in().await);
    assert!(browser.get(LOGOUT).await.body.contains("You are signed out"));
});

both_engines!(oidcc_rp_initiated_logout_no_post_logout_redirect_uri, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _, hint) = signed_in(&bench).await;
    let answer = browser.get(&logout(&[("id_token_hint", &hint), ("state", "x")])).await;
    assert!(answer.status == 200 && answer.body.contains("You are signed out"), "{}", answer.body);
    assert!(!browser.is_signed_in().await);
});

both_engines!(oidcc_rp_initiated_logout_no_state, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _, hint) = signed_in(&bench).await;
    let answer =
        browser.get(&logout(&[("id_token_hint", &hint), ("post_logout_redirect_uri", GOODBYE)])).await;
    assert_eq!(answer.location(), GOODBYE);
});

both_engines!(oidcc_rp_initiated_logout_only_state, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _, _) = signed_in(&bench).await;
    let page = browser.get(&logout(&[("state", "x")])).await;
    assert!(page.status == 200 && page.body.contains("Sign out?"));
    assert!(browser.is_signed_in().await);
});

both_engines!(oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _, hint) = signed_in(&bench).await;
    let uri = format!("{GOODBYE}?foo=bar");
    let fields = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", &uri)];
    browser.get(&logout(&fields)).await.is_refused_here();
    assert!(!browser.is_signed_in().await);
});

both_engines!(oidcc_rp_initiated_logout_bad_id_token_hint, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (mut browser, _, _) = signed_in(&bench).await;
    for bad in ["x", "eyJhbGciOiJub25lIn0.e30.", "a.b.c"] {
        browser
            .get(&logout(&[("id_token_hint", bad), ("post_logout_redirect_uri", GOODBYE)]))
            .await
            .is_refused_here();
    }
    assert!(browser.is_signed_in().await);
});

both_engines!(oidcc_rp_initiated_logout_discovery_endpoint_verification, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let metadata =
        bench.call("GET", "/.storeward/oidc/.well-known/openid-configuration", &[], None).await.json();
    assert_eq!(text(&metadata["end_session_endpoint"]), "https://shop.example/.storeward/oidc/logout");
});

both_engines!(oidcc_backchannel_logout_discovery_endpoint_verification, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let metadata =
        bench.call("GET", "/.storeward/oidc/.well-known/openid-configuration", &[], None).await.json();
    assert_eq!(metadata["backchannel_logout_supported"], true);
    assert_eq!(metadata["backchannel_logout_session_supported"], true);
});

/// A shop's server that takes the news, and a client for it.
async fn listening(bench: &mut Bench) -> (Recorder, Party) {
    let server = Recorder::start().unwrap();
    let mut draft = bench.draft("own");
    draft.backchannel_uri = Some(format!("{}/logout", server.url()));
    bench.allow(&server.url());
    let party = bench.add(draft).await;
    (server, party)
}

/// The claims of the newest news.
async fn news(bench: &Bench, server: &Recorder) -> serde_json::Value {
    let request = server.requests().pop().unwrap();
    let body = String::from_utf8(request.body.to_vec()).unwrap();
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    bench.claims(body.strip_prefix("logout_token=").unwrap(), "logout+jwt").await
}

both_engines!(oidcc_backchannel_rp_initiated_logout, &MIGRATIONS, async |db| {
    let mut bench = Bench::new(db).await;
    let (server, party) = listening(&mut bench).await;
    let mut browser = bench.customer().await;
    let id = peek(text(&browser.tokens(&party, &[]).await["id_token"]));
    let hint = browser.tokens(&party, &[]).await;
    browser.get(&logout(&[("id_token_hint", text(&hint["id_token"]))])).await;
    bench.work_until(async || bench.events("oidc.logout_told").await.len() == 1).await;
    let told = news(&bench, &server).await;
    assert_eq!((text(&told["iss"]), text(&told["aud"])), (ISSUER, party.id.to_string().as_str()));
    assert_eq!((&told["sub"], &told["sid"]), (&id["sub"], &id["sid"]));
    assert!(told["events"]["http://schemas.openid.net/event/backchannel-logout"].is_object());
    assert!(told.get("nonce").is_none() && !text(&told["jti"]).is_empty());
    assert!(told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap() <= 120);
    assert_eq!(server.requests().len(), 1, "once for a session, however often it signed in to the client");
});

/// The database as the version before tags left it, and then this one's first start.
fn over_the_update(bench: &Bench) {
    for table in ["oidc_grant", "oidc_access_token", "oidc_refresh_token"] {
        bench.db.raw(&format!("ALTER TABLE {table} DROP COLUMN tag"));
    }
    bench.db.raw("DELETE FROM schema_migration WHERE domain = 'oidc' AND number = 5");
    bench.db.open_again().close();
}

// The update took away whom to tell: whoever was signed in at a shop stayed so, also after a theft.
both_engines!(whoever_signed_in_before_an_update_is_signed_out_at_the_shop_too, &MIGRATIONS, async |db| {
    let mut bench = Bench::new(db).await;
    let (server, party) = listening(&mut bench).await;
    let mut browser = bench.customer().await;
    let offline = browser.tokens(&party, &[("scope", "openid offline_access")]).await;
    let code = browser.code(&party, &[]).await;
    over_the_update(&bench);
    // Nothing comes from what had no tag, and nobody is said to have been at the database.
    assert_eq!(bench.userinfo(text(&offline["access_token"])).await.status, 401);
    bench.refresh(&party, text(&offline["refresh_token"])).await.refuses(400, "invalid_grant");
    bench.exchange(&party, &code).await.refuses(400, "invalid_grant");
    assert_eq!(storeward_oidc::harmed(&bench.db).await.unwrap(), []);
    // The app is seen, and taking its access away is told.
    let page = browser.get("/.storeward/oidc/apps").await;
    assert!(page.body.contains("Larkmoor"), "{}", page.body);
    let (csrf, id) = (page.csrf(), party.id.to_string());
    browser.post("/.storeward/oidc/apps/remove", &[("csrf", &csrf), ("id", &id)]).await;
    bench.work_until(async || bench.events("oidc.logout_told").await.len() == 1).await;
    assert_eq!(news(&bench, &server).await["sid"], peek(text(&offline["id_token"]))["sid"]);
    // So is the end of the session.
    bench.staff_does(Act::EndSessions).await;
    bench.work_until(async || bench.events("oidc.logout_told").await.len() == 2).await;
    assert_eq!(news(&bench, &server).await["sid"], peek(text(&offline["id_token"]))["sid"]);
    assert_eq!(bench.events("system.row_harmed").await, []);
});

// However a session ends before its time, the client is told, and its tokens end.
both_engines!(whoever_ends_a_session_the_client_is_told, &MIGRATIONS, async |db| {
    let mut bench = Bench::new(db).await;
    let (server, party) = listening(&mut bench).await;
    let mut browser = bench.customer().await;
    for (count, how) in ["staff", "customer", "not_me"].into_iter().enumerate() {
        if !browser.is_signed_in().await {
            browser = bench.browser();
            browser.sign_in_at("/.storeward/sign-in").await;
            bench.advance(1);
        }
        let offline = browser.tokens(&party, &[("scope", "openid offline_access")]).await;
        let csrf = browser.get("/.storeward/account").await.csrf();
        match how {
            "staff" => bench.staff_does(Act::EndSessions).await,
            "customer" => {
                let mut other = bench.browser();
                other.sign_in_at("/.storeward/sign-in").await;
                // Ending sessions takes a fresh proof.
                other.step_up_at("/.storeward/step-up?next=/.storeward/account").await;
                let csrf = other.get("/.storeward/account").await.csrf();
                other.post("/.storeward/account/sessions/end-others", &[("csrf", &csrf)]).await;
                assert!(other.is_signed_in().await);
            }
            _ => drop(browser.post("/.storeward/account/not-me", &[("csrf", &csrf)]).await),
        }
        bench.work_until(async || bench.events("oidc.logout_told").await.len() == count + 1).await;
        let told = news(&bench, &server).await;
        assert_eq!(told["sid"], peek(text(&offline["id_token"]))["sid"], "{how}");
        // Also what the customer had let outlive the session.
        bench.refresh(&party, text(&offline["refresh_token"])).await.refuses(400, "invalid_grant");
        assert_eq!(bench.userinfo(text(&offline["access_token"])).await.status, 401, "{how}");
    }
});

// What outlives its session ends when everything does, also where no session is left.
both_engines!(what_outlives_a_session_ends_with_everything, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let offline = browser.tokens(&party, &[("scope", "openid offline_access")]).await;
    let csrf = browser.get("/.storeward/account").await.csrf();
    browser.post("/.storeward/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!(bench.userinfo(text(&offline["access_token"])).await.status, 200);
    bench.staff_does(Act::EndSessions).await;
    bench.work_until(async || bench.userinfo(text(&offline["access_token"])).await.status == 401).await;
});

// A shop that is away is told when it is back; one that says no is asked again.
both_engines!(news_are_told_again_until_they_are_taken, &MIGRATIONS, async |db| {
    let mut bench = Bench::new(db).await;
    let (server, party) = listening(&mut bench).await;
    for status in [500, 400] {
        server.answer_next(Told::new(status, ""));
    }
    let mut browser = bench.customer().await;
    browser.tokens(&party, &[]).await;
    let csrf = browser.get("/.storeward/account").await.csrf();
    browser.post("/.storeward/sign-out", &[("csrf", &csrf)]).await;
    bench
        .work_until(async || {
            bench.advance(60);
            bench.events("oidc.logout_told").await.len() == 1
        })
        .await;
    let facts = bench.events("oidc.logout_told").await;
    assert_eq!(serde_json::to_value(&facts[0].event).unwrap()["data"]["attempts"], 3);
    // The same news each time, so that a shop may take it twice.
    let ids: Vec<String> = server
        .requests()
        .iter()
        .map(|request| {
            let body = String::from_utf8(request.body.to_vec()).unwrap();
            text(&peek(body.strip_prefix("logout_token=").unwrap())["jti"]).to_owned()
        })
        .collect();
    assert!(ids.len() == 3 && ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
});

// A client cannot send us into the own network, whatever it has registered.
both_engines!(news_go_into_the_own_network_only_where_the_operator_says, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let server = Recorder::start().unwrap();
    let mut draft = bench.draft("own");
    draft.backchannel_uri = Some(format!("{}/logout", server.url()));
    let party = bench.add(draft).await;
    let mut browser = bench.customer().await;
    browser.tokens(&party, &[]).await;
    let csrf = browser.get("/.storeward/account").await.csrf();
    browser.post("/.storeward/sign-out", &[("csrf", &csrf)]).await;
    bench
        .work_until(async || {
            bench.advance(3_600 * 7);
            !bench.events("system.job_failed").await.is_empty()
        })
        .await;
    assert!(server.requests().is_empty());
    assert!(bench.events("oidc.logout_told").await.is_empty());
});

// What a closed account gave out opens nothing and is gone, and the clients hear that its sessions are over.
both_engines!(nothing_that_a_closed_account_gave_out_is_left, &MIGRATIONS, async |db| {
    let mut bench = Bench::new(db).await;
    let (server, party) = listening(&mut bench).await;
    let mut browser = bench.customer().await;
    let online = browser.tokens(&party, &[]).await;
    let offline = browser.tokens(&party, &[("scope", "openid offline_access")]).await;
    let id = peek(text(&online["id_token"]));
    bench.staff_does(Act::Close).await;
    for tokens in [&online, &offline] {
        assert_eq!(bench.userinfo(text(&tokens["access_token"])).await.status, 401);
        bench.refresh(&party, text(&tokens["refresh_token"])).await.refuses(400, "invalid_grant");
    }
    for table in ["oidc_grant", "oidc_access_token", "oidc_refresh_token", "oidc_consent"] {
        let sql = format!("SELECT CAST(COUNT(*) AS BIGINT) FROM {table}");
        let left = bench.db.read(move |reader| -> Result<i64, storeward_store::Error> {
            reader.query_one(&sql, &[], |row| row.get(0))
        });
        assert_eq!(left.await.unwrap(), 0, "{table}");
    }
    bench.work_until(async || bench.events("oidc.logout_told").await.len() == 1).await;
    let told = news(&bench, &server).await;
    assert_eq!((&told["sub"], &told["sid"]), (&id["sub"], &id["sid"]));
});
