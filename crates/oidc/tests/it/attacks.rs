//! What attackers try at a provider (RFC 9700 section 4, ASVS 5.0 chapter 10, reference/identity.md section 8.9).

use std::time::Duration;

use serde_json::json;
use storeward_base::{Actor, ClientIp};
use storeward_identity::staff::Act;
use storeward_oidc::registry::{Algorithm, Kind};
use storeward_store::both_engines;

use super::bench::{
    Bench, Browser, CALLBACK, EMAIL, ISSUER, MIGRATIONS, Party, VERIFIER, encode, field, peek, text,
};

const COOKIE: &str = "__Host-storeward-oidc";

// A code that somebody has caught is of no use to them: not another client's, not without the verifier, not at another address,
// not later.
both_engines!(a_caught_code_is_good_for_nobody_else, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (party, thief) = (bench.own().await, bench.own().await);
    let mut browser = bench.customer().await;
    let code = browser.code(&party, &[]).await;
    bench.exchange(&thief, &code).await.refuses(400, "invalid_grant");
    let with = async |redirect: &str, verifier: &str| {
        let mut fields = vec![("grant_type", "authorization_code"), ("code", code.as_str())];
        fields.extend(
            [("redirect_uri", redirect), ("code_verifier", verifier)].iter().filter(|(_, v)| !v.is_empty()),
        );
        bench.post(&party, "/token", &fields).await
    };
    with(CALLBACK, "").await.refuses(400, "invalid_grant");
    with(CALLBACK, &VERIFIER.replace('d', "e")).await.refuses(400, "invalid_grant");
    with("", VERIFIER).await.refuses(400, "invalid_grant");
    with("https://rp.example/", VERIFIER).await.refuses(400, "invalid_grant");
    // None of that has cost the customer their sign-in.
    assert_eq!(with(CALLBACK, VERIFIER).await.status, 200);
    let late = browser.code(&party, &[]).await;
    bench.advance(61);
    bench.exchange(&party, &late).await.refuses(400, "invalid_grant");
});

// PKCE is no client's choice but by registration, and cannot be taken out of a request on its way.
both_engines!(pkce_cannot_be_left_out, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let none = [("code_challenge", ""), ("code_challenge_method", "")];
    assert_eq!(browser.get(&party.request(&none)).await.given("error").as_deref(), Some("invalid_request"));
    let plain = [("code_challenge", VERIFIER), ("code_challenge_method", "plain")];
    assert_eq!(browser.get(&party.request(&plain)).await.given("error").as_deref(), Some("invalid_request"));
    // Where it is waived: a request with it needs the verifier, one without takes none (RFC 9700 section 4.8.2).
    let mut draft = bench.draft("woocommerce");
    draft.algorithm = Algorithm::Es256;
    let waived = bench.add(draft).await;
    let without = browser.code(&waived, &none).await;
    bench.exchange(&waived, &without).await.refuses(400, "invalid_grant");
    let fields =
        [("grant_type", "authorization_code"), ("code", without.as_str()), ("redirect_uri", CALLBACK)];
    assert_eq!(bench.post(&waived, "/token", &fields).await.status, 200);
    let with = browser.code(&waived, &[]).await;
    let fields = [("grant_type", "authorization_code"), ("code", with.as_str()), ("redirect_uri", CALLBACK)];
    bench.post(&waived, "/token", &fields).await.refuses(400, "invalid_grant");
});

// Of many that send one code at once, at most one gets tokens, and theirs end with the second.
both_engines!(one_code_at_once_is_good_once, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let code = bench.customer().await.code(&party, &[]).await;
    let (a, b, c) = tokio::join!(
        bench.exchange(&party, &code),
        bench.exchange(&party, &code),
        bench.exchange(&party, &code)
    );
    let all = [a, b, c];
    let good: Vec<_> = all.iter().filter(|answer| answer.status == 200).collect();
    assert!(good.len() <= 1, "{all:?}");
    for tokens in good.iter().map(|answer| answer.json()) {
        assert_eq!(bench.userinfo(text(&tokens["access_token"])).await.status, 401);
    }
});

// A refresh token that comes back later is a copy: the line ends, for the thief and for the owner.
both_engines!(a_copied_refresh_token_is_found_out, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let first = bench.customer().await.tokens(&party, &[]).await;
    let second = bench.refresh(&party, text(&first["refresh_token"])).await.json();
    bench.advance(31);
    bench.refresh(&party, text(&first["refresh_token"])).await.refuses(400, "invalid_grant");
    bench.refresh(&party, text(&second["refresh_token"])).await.refuses(400, "invalid_grant");
    for tokens in [&first, &second] {
        assert_eq!(bench.userinfo(text(&tokens["access_token"])).await.status, 401);
    }
    assert_eq!(bench.events("oidc.refresh_token_reused").await.len(), 1);
});

// A request whose answer was lost is sent again and gets the same next token; once that one is used, the time for it is over.
both_engines!(a_refresh_may_be_sent_twice_but_not_after_its_answer_was_used, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let first = bench.customer().await.tokens(&party, &[]).await;
    let token = text(&first["refresh_token"]);
    let (a, b) = tokio::join!(bench.refresh(&party, token), bench.refresh(&party, token));
    let (a, b) = (a.json(), b.json());
    assert_eq!(a["refresh_token"], b["refresh_token"]);
    assert_ne!(a["access_token"], b["access_token"]);
    bench.advance(29);
    let again = bench.refresh(&party, token).await.json();
    assert_eq!(again["refresh_token"], a["refresh_token"]);
    assert!(bench.events("oidc.refresh_token_reused").await.is_empty());
    // The next one is used: whoever still has the old one now has a copy.
    assert_eq!(bench.refresh(&party, text(&a["refresh_token"])).await.status, 200);
    bench.refresh(&party, token).await.refuses(400, "invalid_grant");
    assert_eq!(bench.events("oidc.refresh_token_reused").await.len(), 1);
});

// Whoever copied a token had 30 seconds to go on beside the owner, from anywhere, and nobody found out.
both_engines!(a_copied_refresh_token_is_good_nowhere_else_at_once, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let mut draft = bench.draft("browser");
    draft.consent = storeward_oidc::registry::Consent::Skipped;
    let (own, public) = (bench.own().await, bench.add(draft).await);
    let mut browser = bench.customer().await;
    for (count, party) in [&own, &public].into_iter().enumerate() {
        let first = browser.tokens(party, &[]).await;
        let token = text(&first["refresh_token"]);
        let second = bench.refresh(party, token).await.json();
        bench.refresh_from(party, token, "203.0.113.66").await.refuses(400, "invalid_grant");
        bench.refresh(party, text(&second["refresh_token"])).await.refuses(400, "invalid_grant");
        assert_eq!(bench.userinfo(text(&second["access_token"])).await.status, 401);
        assert_eq!(bench.events("oidc.refresh_token_reused").await.len(), count + 1);
    }
    // Without a secret, from the same network too, after a few seconds.
    let first = browser.tokens(&public, &[]).await;
    let token = text(&first["refresh_token"]);
    let second = bench.refresh(&public, token).await.json();
    bench.advance(4);
    assert_eq!(bench.refresh(&public, token).await.json()["refresh_token"], second["refresh_token"]);
    bench.advance(1);
    bench.refresh(&public, token).await.refuses(400, "invalid_grant");
    bench.refresh(&public, text(&second["refresh_token"])).await.refuses(400, "invalid_grant");
});

// An app that took another's scheme got a code from whoever was signed in, with no page at all.
both_engines!(nobody_without_a_secret_gets_what_lasts_without_a_question, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let mut draft = bench.draft("browser");
    draft.consent = storeward_oidc::registry::Consent::Skipped;
    let page = bench.add(draft.clone()).await;
    let mut browser = bench.customer().await;
    assert!(browser.get(&page.request(&[])).await.location().starts_with(CALLBACK));
    let long = [("scope", "openid offline_access")];
    let asked = browser.get(&page.request(&long)).await;
    assert_eq!((asked.status.as_u16(), asked.location()), (200, ""), "the customer is asked");
    let quiet = [("scope", "openid offline_access"), ("prompt", "none")];
    assert_eq!(browser.get(&page.request(&quiet)).await.given("error").as_deref(), Some("consent_required"));
    draft.redirect_uris.push("com.evil.app:/cb".to_owned());
    let refused = bench.registry.add(draft, Actor::Operator).await;
    assert!(matches!(refused, Err(storeward_oidc::Error::Misfit(_))), "{refused:?}");
    // One that was let in before.
    let written = bench.db.write(move |tx| -> Result<(), storeward_store::Error> {
        tx.commit_silent("a client from before the rule");
        tx.execute(FROM_BEFORE, &[]).map(drop)
    });
    written.await.unwrap();
    assert_eq!(bench.bind_clients().await, 1);
    let asked = browser.get(&page.request(&[])).await;
    assert_eq!((asked.status.as_u16(), asked.location()), (200, ""), "the customer is asked");
    assert_eq!(bench.registry.find(page.id).await.unwrap().consent, storeward_oidc::registry::Consent::Asked);
});

storeward_store::statements! {
    FROM_BEFORE = "UPDATE oidc_client SET redirect_uris = redirect_uris || '\ncom.evil.app:/cb' WHERE secret_mark IS NULL";
}

// Nothing in the database is a code, a token or a secret.
both_engines!(the_database_holds_nothing_that_can_be_used, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let open = browser.code(&party, &[]).await;
    let tokens = browser.tokens(&party, &[]).await;
    let next = bench.refresh(&party, text(&tokens["refresh_token"])).await.json();
    let secret = party.secret.clone().unwrap();
    let mut all = String::new();
    for table in ["oidc_client", "oidc_grant", "oidc_access_token", "oidc_refresh_token", "oidc_key"] {
        let sql: &'static str = match table {
            "oidc_client" => {
                "SELECT id || ' ' || secret_mark || ' ' || COALESCE(previous_mark, '') FROM oidc_client"
            }
            "oidc_grant" => "SELECT id || ' ' || code_mark || ' ' || COALESCE(challenge, '') FROM oidc_grant",
            "oidc_access_token" => "SELECT mark || ' ' || grant_id FROM oidc_access_token",
            "oidc_refresh_token" => "SELECT mark || ' ' || grant_id FROM oidc_refresh_token",
            _ => "SELECT kid || ' ' || public FROM oidc_key",
        };
        let rows = bench.db.read(move |reader| reader.query_many(sql, &[], |row| row.get::<String>(0))).await;
        let rows: Result<Vec<String>, storeward_store::Error> = rows;
        all.push_str(&rows.unwrap().join("\n"));
    }
    assert!(all.contains("rp_"));
    for value in [open.as_str(), text(&tokens["access_token"]), text(&next["refresh_token"]), secret.as_str()]
    {
        let random = value.split_once('_').unwrap().1;
        assert!(random.len() == 64 && !all.contains(random) && !all.contains(value), "{value}");
    }
});

// Events and answers name no person, no token, no secret.
both_engines!(facts_name_nobody, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let tokens = browser.tokens(&party, &[("scope", "openid email offline_access")]).await;
    let wrong = Party { secret: Some("sws_wrong".to_owned()), ..party.clone() };
    bench.refresh(&wrong, text(&tokens["refresh_token"])).await.refuses(401, "invalid_client");
    bench.registry.rotate_secret(party.id, 24, Actor::Operator).await.unwrap();
    let facts = bench.events("oidc.").await;
    let kinds: Vec<&str> = facts.iter().map(|fact| fact.event.kind()).collect();
    assert_eq!(
        kinds,
        [
            "oidc.key_rotated",
            "oidc.client_added",
            "oidc.signed_in",
            "oidc.client_refused",
            "oidc.client_secret_rotated"
        ]
    );
    let all: String = facts.iter().map(|fact| String::from_utf8(fact.to_bytes()).unwrap()).collect();
    for word in [EMAIL, "people.example", "sws_", "swa_", "swr_", "swc_", "rp.example", "198.51.100"] {
        assert!(!all.contains(word), "{word}: {all}");
    }
});

// A client with a secret shows it, everywhere; a wrong one is told apart from none by nobody but the ledger.
both_engines!(a_client_has_to_show_its_secret, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let tokens = bench.customer().await.tokens(&party, &[]).await;
    let refresh = text(&tokens["refresh_token"]);
    let wrong = Party { secret: Some("sws_wrong".to_owned()), ..party.clone() };
    let none = Party { secret: None, ..party.clone() };
    let unknown = Party { id: "rp_00000000000000000000000009".parse().unwrap(), ..wrong.clone() };
    let mut seen = Vec::new();
    for caller in [&wrong, &none, &unknown] {
        for path in ["/token", "/introspect", "/revoke"] {
            let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh), ("token", refresh)];
            let answer = bench.post(caller, path, &fields).await;
            answer.refuses(401, "invalid_client");
            assert!(answer.header("www-authenticate").starts_with("Basic"), "{path}");
            seen.push(answer.body);
        }
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    assert_eq!(bench.userinfo(text(&tokens["access_token"])).await.status, 200);
    // A public client with a secret is none either.
    let app = bench.add(bench.draft("browser")).await;
    let posing = Party { secret: Some("x".to_owned()), ..app };
    bench.refresh(&posing, refresh).await.refuses(401, "invalid_client");
});

// Guessing at secrets slows the network that guesses, and nobody else.
both_engines!(guessing_slows_the_guesser_down, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let form = format!("grant_type=refresh_token&refresh_token=x&client_id={}&client_secret=guess", party.id);
    let (thief, shop): (ClientIp, ClientIp) =
        ("203.0.113.66".parse().unwrap(), "198.51.100.200".parse().unwrap());
    let guess = async |address: ClientIp| {
        bench.send("POST", "/.storeward/oidc/token", &[], Some(&form), address).await
    };
    for _ in 0..100 {
        guess(thief).await.refuses(401, "invalid_client");
    }
    let mut last = guess(thief).await;
    if last.status == 401 {
        last = guess(thief).await;
    }
    last.refuses(429, "temporarily_unavailable");
    assert!(last.header("retry-after").parse::<u64>().unwrap() >= 1);
    guess(shop).await.refuses(401, "invalid_client");
    let tokens = bench.customer().await.tokens(&party, &[]).await;
    assert_eq!(bench.refresh(&party, text(&tokens["refresh_token"])).await.status, 200);
    bench.advance(61);
    guess(thief).await.refuses(401, "invalid_client");
});

// A request that is carried through the sign-in cannot be changed on its way, made up, or kept for later.
both_engines!(a_carried_request_cannot_be_changed, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut owner = bench.browser();
    let asked = owner.get(&party.request(&[])).await;
    let next = field(asked.location(), "next").unwrap();
    owner.sign_up(EMAIL).await;
    bench.advance(1);
    let sealed = next.split("r=").nth(1).unwrap();
    let (head, tail) = sealed.split_at(sealed.len() / 2);
    let flipped = if tail.starts_with('A') { "B" } else { "A" };
    for bad in [format!("{head}{flipped}{}", &tail[1..]), head.to_owned(), "x".to_owned(), "A".repeat(5_000)]
    {
        owner.get(&format!("/.storeward/oidc/continue?r={bad}")).await.is_refused_here();
    }
    let url = owner.back(&next).await;
    assert!(url.starts_with(CALLBACK));
    bench.advance(3_601);
    owner.get(&next).await.is_refused_here();
});

/// What leads on from a request that this browser began.
async fn begun(browser: &mut Browser<'_>, request: &str) -> String {
    let asked = browser.get(request).await;
    field(asked.location(), "next").unwrap_or_else(|| panic!("{}", asked.location()))
}

// Whoever sent somebody a link to a request that they had begun had them sign in for it, or agree to it, and what it asked to be
// shown anew had been shown before.
both_engines!(a_begun_request_is_one_browsers, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (own, stranger) = (bench.own().await, bench.add(bench.draft("browser")).await);
    let mut attacker = bench.browser();
    let request = own.request(&[("prompt", "login")]);
    let login = begun(&mut attacker, &request).await;
    let agrees = begun(&mut attacker, &stranger.request(&[])).await;
    bench.advance(5);
    let mut victim = bench.browser();
    for next in [&login, &agrees] {
        victim.get(next).await.is_refused_here();
    }
    victim.sign_up(EMAIL).await;
    bench.advance(5);
    // Signed in after the request came, though nobody was asked for it.
    for next in [&login, &agrees] {
        victim.get(next).await.is_refused_here();
        // Nor by way of the sign-in's page.
        let page = format!("/.storeward/sign-in?next={}", encode(next));
        let signed_in = victim.sign_in_at(&page).await;
        assert_eq!(signed_in.location(), next);
        victim.get(signed_in.location()).await.is_refused_here();
    }
    let page = victim.get(&stranger.request(&[])).await;
    assert!(victim.cookies.iter().any(|(name, _)| name == COOKIE), "it has one now");
    let theirs = agrees.split("r=").nth(1).unwrap();
    for answer in ["allow", "deny"] {
        let csrf = page.csrf();
        let fields = [("csrf", csrf.as_str()), ("r", theirs), ("answer", answer)];
        victim.post("/.storeward/oidc/consent", &fields).await.is_refused_here();
    }
    for cookie in ["", "x", &"0".repeat(64), &"A".repeat(64)] {
        victim.cookies.retain(|(name, _)| name != COOKIE);
        victim.cookies.push((COOKIE.to_owned(), cookie.to_owned()));
        victim.get(&login).await.is_refused_here();
    }
    assert!(bench.events("oidc.consent_given").await.is_empty());
    assert!(bench.events("oidc.signed_in").await.is_empty());
    // Their own leads on, with two requests at once, and keeps its cookie.
    victim.cookies.retain(|(name, _)| name != COOKIE);
    let asked = victim.get(&request).await;
    let mut lines = asked.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let line = lines.find(|line| line.starts_with(COOKIE)).unwrap().to_owned();
    for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=3600"] {
        assert!(line.contains(part), "{line}");
    }
    victim.get(&stranger.request(&[])).await;
    bench.advance(5);
    let proved = victim.step_up_at(asked.location()).await;
    assert!(field(&victim.back(proved.location()).await, "code").is_some());
});

// What was registered when the request came has to be so when it ends.
both_engines!(a_client_that_was_removed_gets_nothing, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let code = browser.code(&party, &[]).await;
    let tokens = browser.tokens(&party, &[]).await;
    let asked = bench.browser().get(&party.request(&[])).await;
    let next = field(asked.location(), "next").unwrap();
    bench.registry.remove(party.id, Actor::Operator).await.unwrap();
    bench.exchange(&party, &code).await.refuses(401, "invalid_client");
    assert_eq!(bench.userinfo(text(&tokens["access_token"])).await.status, 401);
    browser.get(&next).await.is_refused_here();
    browser.get(&party.request(&[])).await.is_refused_here();
});

// An ID token is no access token, an access token no refresh token, and a logout token no ID token.
both_engines!(one_kind_of_token_is_not_taken_for_another, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let tokens = browser.tokens(&party, &[]).await;
    for other in ["id_token", "refresh_token"] {
        assert_eq!(bench.userinfo(text(&tokens[other])).await.status, 401, "{other}");
    }
    for other in ["id_token", "access_token"] {
        bench.refresh(&party, text(&tokens[other])).await.refuses(400, "invalid_grant");
        bench.exchange(&party, text(&tokens[other])).await.refuses(400, "invalid_grant");
    }
    let answer = browser.get(&party.request(&[("id_token_hint", text(&tokens["access_token"]))])).await;
    assert_eq!(answer.given("error").as_deref(), Some("invalid_request"));
    // Another client's ID token says nothing here.
    let other = bench.own().await;
    let answer = browser.get(&other.request(&[("id_token_hint", text(&tokens["id_token"]))])).await;
    assert_eq!(answer.given("error").as_deref(), Some("invalid_request"));
});

// `sub` and `iss` are the same for ever; nothing else names the customer, and the session's id stays here.
both_engines!(a_customer_is_named_by_an_id_that_stays, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (one, two) = (bench.own().await, bench.own().await);
    let mut browser = bench.customer().await;
    let first = peek(text(&browser.tokens(&one, &[]).await["id_token"]));
    let second = peek(text(&browser.tokens(&two, &[]).await["id_token"]));
    assert_eq!((&first["sub"], &first["iss"]), (&second["sub"], &json!(ISSUER)));
    assert_ne!(first["sid"], second["sid"], "two clients cannot tell by it that they mean one browser");
    assert!(!first.to_string().contains("csess_"));
});

// What was given out dies with the account's lock, and with the session, unless the customer agreed otherwise.
both_engines!(tokens_die_with_the_session_and_the_lock, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let mut browser = bench.customer().await;
    let online = browser.tokens(&party, &[]).await;
    let offline = browser.tokens(&party, &[("scope", "openid offline_access")]).await;
    let csrf = browser.get("/.storeward/account").await.csrf();
    browser.post("/.storeward/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!(bench.userinfo(text(&online["access_token"])).await.status, 401);
    bench.refresh(&party, text(&online["refresh_token"])).await.refuses(400, "invalid_grant");
    assert_eq!(bench.userinfo(text(&offline["access_token"])).await.status, 200);
    let next = bench.refresh(&party, text(&offline["refresh_token"])).await.json();
    bench.staff_does(Act::Lock).await;
    assert_eq!(bench.userinfo(text(&next["access_token"])).await.status, 401);
    bench.refresh(&party, text(&next["refresh_token"])).await.refuses(400, "invalid_grant");
});

// A refresh gives no more than was agreed to, and less where less is wanted.
both_engines!(a_refresh_widens_nothing, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let tokens = bench.customer().await.tokens(&party, &[("scope", "openid email")]).await;
    let with = async |scope: &str, token: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
        bench.post(&party, "/token", &fields).await
    };
    let token = text(&tokens["refresh_token"]);
    with("openid email profile", token).await.refuses(400, "invalid_scope");
    let less = with("openid", token).await.json();
    assert_eq!(text(&less["scope"]), "openid");
    assert_eq!(bench.userinfo(text(&less["access_token"])).await.json().get("email"), None);
    let again = with("openid email", text(&less["refresh_token"])).await.json();
    assert_eq!(text(&again["scope"]), "openid email");
});

// A page of another site makes a browser do nothing here but ask for what leads back to a registered client.
both_engines!(other_sites_cannot_act_here, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let mut draft = bench.draft("browser");
    draft.origins.clear();
    let party = bench.add(draft).await;
    let mut browser = bench.customer().await;
    let page = browser.get(&party.request(&[])).await;
    let (csrf, sealed) = (page.csrf(), page.attribute("name=\"r\" value=\""));
    let form = |csrf: &str| format!("csrf={csrf}&r={}&answer=allow", encode(&sealed));
    let path = "/.storeward/oidc/consent";
    let cross =
        [("accept", "text/html"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    assert_eq!(browser.send("POST", path, &cross, Some(&form(&csrf))).await.status, 403);
    let own =
        [("accept", "text/html"), ("origin", "https://shop.example"), ("sec-fetch-site", "same-origin")];
    assert_eq!(browser.send("POST", path, &own, Some(&form(&"0".repeat(64)))).await.status, 403);
    // Nor in a frame, nor by a script.
    let request = party.request(&[]);
    for lines in [
        [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
        [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")],
    ] {
        assert_eq!(browser.send("GET", &request, &lines, None).await.status, 403);
    }
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert!(bench.events("oidc.signed_in").await.is_empty());
    assert_eq!(browser.send("POST", path, &own, Some(&form(&csrf))).await.status, 303);
});

// Only pages of registered origins read answers, and only their own client's.
both_engines!(only_registered_origins_read_answers, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let mut draft = bench.draft("browser");
    draft.origins = vec!["https://app.example".to_owned()];
    draft.consent = storeward_oidc::registry::Consent::Skipped;
    let party = bench.add(draft).await;
    assert_eq!(party.secret, None, "{:?}", Kind::Public);
    let mut browser = bench.customer().await;
    let tokens = browser.tokens(&party, &[]).await;
    let allowed = async |method: &str, path: &str, origin: &str, form: Option<&str>| {
        let bearer = format!("Bearer {}", text(&tokens["access_token"]));
        let mut lines =
            vec![("origin", origin), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")];
        if path.ends_with("userinfo") && method == "GET" {
            lines.push(("authorization", &bearer));
        }
        let answer = bench.call(method, &format!("/.storeward/oidc{path}"), &lines, form).await;
        answer.header("access-control-allow-origin").to_owned()
    };
    let form = format!(
        "grant_type=refresh_token&refresh_token={}&client_id={}",
        text(&tokens["refresh_token"]),
        party.id
    );
    for (origin, expected) in
        [("https://app.example", "https://app.example"), ("https://evil.example", ""), ("null", "")]
    {
        assert_eq!(allowed("OPTIONS", "/token", origin, None).await, expected);
        assert_eq!(allowed("GET", "/userinfo", origin, None).await, expected);
        assert_eq!(allowed("POST", "/token", origin, Some(&form)).await, expected);
    }
    // Another client's origin reads nothing of this one's.
    let other = bench.own().await;
    let code = browser.code(&other, &[]).await;
    let stranger = format!("grant_type=authorization_code&code={code}&client_id={}", other.id);
    assert_eq!(allowed("POST", "/token", "https://app.example", Some(&stranger)).await, "");
});

// Introspection and revocation answer about one's own tokens only.
both_engines!(tokens_are_their_clients_affair, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let (party, other) = (bench.own().await, bench.own().await);
    let tokens = bench.customer().await.tokens(&party, &[("scope", "openid email")]).await;
    let (access, refresh) = (text(&tokens["access_token"]), text(&tokens["refresh_token"]));
    let active = async |caller: &Party, token: &str| {
        bench.post(caller, "/introspect", &[("token", token)]).await.json()
    };
    let known = active(&party, access).await;
    assert_eq!((&known["active"], text(&known["scope"])), (&json!(true), "openid email"));
    assert_eq!(known["sub"], peek(text(&tokens["id_token"]))["sub"]);
    assert_eq!(active(&party, refresh).await["active"], true);
    for token in [access, refresh, "swa_unknown"] {
        assert_eq!(active(&other, token).await, json!({ "active": false }));
        assert_eq!(bench.post(&other, "/revoke", &[("token", token)]).await.status, 200);
    }
    assert_eq!(active(&party, access).await["active"], true);
    assert_eq!(bench.post(&party, "/revoke", &[("token", access)]).await.status, 200);
    assert_eq!(active(&party, access).await["active"], false);
    assert_eq!(bench.refresh(&party, refresh).await.status, 200);
    let line = bench.customer_tokens(&party).await;
    assert_eq!(bench.post(&party, "/revoke", &[("token", &line.1)]).await.status, 200);
    assert_eq!(bench.userinfo(&line.0).await.status, 401);
    bench.refresh(&party, &line.1).await.refuses(400, "invalid_grant");
    assert_eq!(bench.events("oidc.tokens_revoked").await.len(), 1);
});

// Bearer errors as RFC 6750 section 3 has them.
both_engines!(bearer_errors, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let path = "/.storeward/oidc/userinfo";
    let none = bench.call("GET", path, &[], None).await;
    assert_eq!((none.status.as_u16(), none.header("www-authenticate")), (401, "Bearer realm=\"userinfo\""));
    let wrong = bench.userinfo("swa_x").await;
    assert!(wrong.header("www-authenticate").contains("error=\"invalid_token\""));
    let both =
        bench.call("POST", path, &[("authorization", "Bearer swa_x")], Some("access_token=swa_y")).await;
    both.refuses(400, "invalid_request");
    assert_eq!(bench.call("GET", path, &[("authorization", "Basic swa_x")], None).await.status, 401);
});

// An access token ends when it says.
both_engines!(tokens_end_in_time, &MIGRATIONS, async |db| {
    let bench = Bench::new(db).await;
    let party = bench.own().await;
    let tokens = bench.customer().await.tokens(&party, &[("scope", "openid offline_access")]).await;
    bench.clock.advance(Duration::from_secs(601));
    assert_eq!(bench.userinfo(text(&tokens["access_token"])).await.status, 401);
    bench.clock.advance(Duration::from_secs(30 * 86_400));
    bench.refresh(&party, text(&tokens["refresh_token"])).await.refuses(400, "invalid_grant");
});
