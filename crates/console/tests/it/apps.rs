//! Apps: who lets customers sign in here.

use std::sync::LazyLock;

use storeward_base::{Actor, RelyingId};
use storeward_store::{Migration, both_engines};

use super::bench::{Answer, Bench, Browser, HOST};

static BOTH: LazyLock<Vec<Migration>> = LazyLock::new(|| {
    [storeward_console::MIGRATIONS, storeward_identity::MIGRATIONS, storeward_oidc::MIGRATIONS].concat()
});

async fn act(browser: &mut Browser<'_>, path: &str, csrf: &str, fields: &str) -> Answer {
    let own = format!("https://{HOST}");
    let form = format!("csrf={csrf}&{fields}");
    browser.send("POST", path, &[("origin", &own), ("sec-fetch-site", "same-origin")], Some(&form)).await
}

fn secret_of(answer: &Answer) -> String {
    let rest = answer.body.split("<p class=\"secret\">").nth(1).unwrap_or_else(|| panic!("{}", answer.body));
    rest.split('<').next().unwrap().to_owned()
}

both_engines!(a_client_is_added_shown_and_removed, &BOTH, async |db| {
    let bench = Bench::with_apps(db);
    let (mut browser, _) = bench.enrolled().await;
    assert!(browser.get("/apps").await.body.contains("Nobody yet"));
    let form = browser.get("/apps/new/woocommerce").await;
    assert!(form.body.contains("PKCE is waived with these settings"), "{}", form.body);
    let csrf = form.csrf();
    let fields =
        "preset=woocommerce&name=%3Cb%3EBooks&url=https%3A%2F%2Fbooks.example&waive_pkce=yes&algorithm=RS256";
    let added = act(&mut browser, "/apps/new/woocommerce", &csrf, fields).await;
    assert_eq!(added.status, 200, "{}", added.body);
    let secret = secret_of(&added);
    assert!(secret.starts_with("sws_") && added.body.contains("it is not shown again"));
    assert!(
        !added.body.contains("<b>Books")
            && added.body.contains("admin-ajax.php?action=openid-connect-authorize")
    );
    let list = browser.get("/apps").await;
    assert!(!list.body.contains(&secret));
    let id: RelyingId = format!("rp_{}", list.attribute("href=\"/apps/rp_")).parse().unwrap();
    let shown = browser.get(&format!("/apps/{id}")).await;
    assert!(shown.body.contains("PKCE is waived") && !shown.body.contains(&secret), "{}", shown.body);
    let rotated = act(&mut browser, &format!("/apps/{id}/act"), &csrf, "what=secret").await;
    assert_ne!(secret_of(&rotated), secret);
    assert_eq!(act(&mut browser, &format!("/apps/{id}/act"), &csrf, "what=remove").await.location(), "/apps");
    assert_eq!(browser.get(&format!("/apps/{id}")).await.status, 404);
    let kinds: Vec<String> =
        bench.events("oidc.client").await.iter().map(|r| r.event.kind().to_owned()).collect();
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    for record in bench.events("oidc.client").await {
        assert!(matches!(record.actor, Actor::Staff { .. }), "{record:?}");
    }
});

// What is not marked in the form the app does not get, and staff read what each one learns.
both_engines!(an_app_learns_what_is_marked, &BOTH, async |db| {
    let bench = Bench::with_apps(db);
    let (mut browser, _) = bench.enrolled().await;
    let form = browser.get("/apps/new/own").await;
    for (name, mark) in [("profile", " checked"), ("email", " checked"), ("offline_access", "")] {
        let line = format!("name=\"{name}\" value=\"yes\"{mark}>");
        assert!(form.body.contains(&line), "{line}: {}", form.body);
    }
    let csrf = form.csrf();
    let url = "url=https%3A%2F%2Fbooks.example";
    for (name, marks, words, scopes) in [
        ("None", "", "who signed in", "openid"),
        ("Mail", "&email=yes&profile=no", "who signed in, e-mail address", "openid email"),
        (
            "All",
            "&profile=yes&email=yes&offline_access=yes&answers=form_post",
            "who signed in, name and language, e-mail address, all of it without the customer being signed in",
            "openid profile email offline_access",
        ),
    ] {
        let added = act(&mut browser, "/apps/new/own", &csrf, &format!("name={name}&{url}{marks}")).await;
        assert!(added.body.contains(&format!("<dt>Learns</dt><dd>{words}</dd>")), "{}", added.body);
        assert!(browser.get("/apps").await.body.contains(&format!("Learns {words}<")), "{name}");
        let fact = bench.events("oidc.client_added").await.pop().unwrap();
        let told = format!("{:?}", scopes.split(' ').collect::<Vec<_>>()).replace(", ", ",");
        let fact = String::from_utf8(fact.to_bytes()).unwrap();
        assert!(fact.contains(&format!("\"scopes\":{told}")), "{fact}");
    }
    let refused = act(&mut browser, "/apps/new/own", &csrf, &format!("name=&{url}&offline_access=yes")).await;
    assert!(refused.body.contains("name=\"offline_access\" value=\"yes\" checked>"), "{}", refused.body);
    assert!(refused.body.contains("name=\"email\" value=\"yes\">"), "{}", refused.body);
});

// What an app may learn changes by the page that adds it, behind the same factor, and staff are named in the fact.
both_engines!(what_an_app_learns_can_be_changed, &BOTH, async |db| {
    let bench = Bench::with_apps(db);
    let (mut browser, _) = bench.enrolled().await;
    let csrf = browser.get("/apps/new/own").await.csrf();
    let fields = "name=A&url=https%3A%2F%2Fbooks.example&profile=yes&email=yes";
    act(&mut browser, "/apps/new/own", &csrf, fields).await;
    let id = format!("rp_{}", browser.get("/apps").await.attribute("href=\"/apps/rp_"));
    let path = format!("/apps/{id}/act");
    let shown = browser.get(&format!("/apps/{id}")).await;
    assert!(shown.body.contains("name=\"email\" value=\"yes\" checked>"), "{}", shown.body);
    let changed = act(&mut browser, &path, &csrf, "what=scopes&profile=yes").await;
    assert!(
        changed.body.contains("<dt>Learns</dt><dd>who signed in, name and language</dd>"),
        "{}",
        changed.body
    );
    assert!(changed.body.contains("name=\"email\" value=\"yes\">"), "{}", changed.body);
    let fact = bench.events("oidc.client_scopes_changed").await.pop().unwrap();
    assert!(matches!(fact.actor, Actor::Staff { .. }), "{fact:?}");
    assert_eq!(act(&mut browser, &path, &"0".repeat(64), "what=scopes").await.status, 403);
    bench.clock.advance(std::time::Duration::from_secs(601));
    let late = act(&mut browser, &path, &csrf, "what=scopes").await;
    assert!(late.status == 303 || late.status == 403, "{}", late.body);
    assert_eq!(bench.events("oidc.client_scopes_changed").await.len(), 1);
});

both_engines!(what_does_not_fit_is_told_and_nothing_is_added, &BOTH, async |db| {
    let bench = Bench::with_apps(db);
    let (mut browser, _) = bench.enrolled().await;
    let csrf = browser.get("/apps/new/own").await.csrf();
    for (preset, fields, words) in [
        ("own", "name=A&redirect_uris=http%3A%2F%2Fbooks.example%2Fcb", "https://"),
        ("own", "name=&url=https%3A%2F%2Fbooks.example", "name"),
        ("own", "name=A", "at least one address"),
        ("browser", "name=A&url=https%3A%2F%2Fbooks.example&waive_pkce=yes", "PKCE"),
        ("own", "name=A&redirect_uris=https%3A%2F%2F*.books.example%2F", "wildcard"),
    ] {
        let answer = act(&mut browser, &format!("/apps/new/{preset}"), &csrf, fields).await;
        assert!(
            answer.status == 422 && answer.body.contains(words),
            "{fields}: {} {}",
            answer.status,
            answer.body
        );
    }
    assert_eq!(act(&mut browser, "/apps/new/none", &csrf, "name=A").await.status, 404);
    assert!(bench.events("oidc.client").await.is_empty());
    for path in ["/apps/new/own", "/apps/rp_00000000000000000000000001/act"] {
        assert_eq!(act(&mut browser, path, &"0".repeat(64), "what=secret").await.status, 403, "{path}");
    }
});

// Who may sign customers in is changed by somebody who has just shown their second factor.
both_engines!(a_client_is_added_by_whoever_has_just_shown_a_second_factor, &BOTH, async |db| {
    let bench = Bench::with_apps(db);
    let (mut browser, _) = bench.enrolled().await;
    let csrf = browser.get("/apps/new/own").await.csrf();
    bench.clock.advance(std::time::Duration::from_secs(601));
    let led = browser.get("/apps/new/own").await;
    assert!(led.status == 303 && led.location().starts_with("/confirm"), "{} {}", led.status, led.location());
    let answer = act(&mut browser, "/apps/new/own", &csrf, "name=A&url=https%3A%2F%2Fbooks.example").await;
    assert!(answer.status == 303 || answer.status == 403, "{}", answer.body);
    assert!(bench.events("oidc.client").await.is_empty());
});

both_engines!(without_the_provider_the_page_says_so, &BOTH, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    let answer = browser.get("/apps").await;
    assert!(answer.status == 200 && answer.body.contains("[oidc]"), "{}", answer.body);
    assert!(answer.body.contains("/adapter") && !answer.body.contains("/apps/new"), "{}", answer.body);
    assert_eq!(browser.get("/adapter").await.status, 200, "and so does the one of the shop's own sign-in");
});
