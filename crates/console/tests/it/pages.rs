//! What staff do all day.

use std::time::Duration;

use storeward_base::{Actor, RequestId};
use storeward_events::edge::RequestBlocked;
use storeward_store::{Error, both_engines};

use super::bench::{Bench, Browser, MIGRATIONS};

both_engines!(now_says_it_in_one_sentence_and_shows_the_newest, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    let empty = browser.get("/").await.body;
    assert!(empty.contains("All quiet") && empty.contains("No request has come yet"));
    let id = bench.blocked("/search", |_| {});
    let page = browser.get("/").await.body;
    assert!(page.contains("1 request in the last hour, 1 stopped."), "{page}");
    assert!(page.contains(&format!("id=\"blocks-{id}\"")) && page.contains(&format!("id=\"requests-{id}\"")));
    assert!(page.contains("SQL injection"));
    let state = browser.get("/now/state").await.body;
    assert!(state.contains("All quiet") && !state.contains("<html"));
});

both_engines!(a_reference_number_leads_to_its_request, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    let id = bench.blocked("/search", |record| record.matched = "' OR ****".into());
    let client = bench.db.client_ref("192.0.2.66".parse().unwrap());
    let fact = RequestBlocked {
        method: "GET".into(),
        path: "/search".into(),
        stage: "inspect".into(),
        rule_id: 942_100,
        category: "sql_injection".into(),
        variable: "ARGS:q".into(),
        matched: "' OR ****".into(),
        score: 10,
    };
    let written = bench.db.write(move |tx| {
        tx.append(Actor::Client { client }, Some(id), fact.clone())?;
        Ok::<_, Error>(())
    });
    written.await.unwrap();
    let spoken = id.to_string().to_uppercase().replace('0', "O").replace("REQ_", "req ");
    let found = browser.get(&format!("/blocked/find?reference={}", spoken.replace(' ', "+"))).await;
    assert_eq!(found.location(), format!("/requests/{id}"));
    let page = browser.get(found.location()).await;
    assert_eq!(page.status, 200);
    for words in [
        "Stopped as SQL injection",
        "Rule 942100 found it in ARGS:q",
        "&#39; OR ****",
        "edge.request_blocked",
        "Not banned",
    ] {
        assert!(page.body.contains(words), "{words} not in {}", page.body);
    }
    let unknown = RequestId::from_bits(1);
    let answer = browser.get(&format!("/blocked/find?reference={unknown}")).await;
    assert!(answer.status == 422 && answer.body.contains("No request has this number"));
    assert_eq!(browser.get(&format!("/requests/{unknown}")).await.status, 404);
});

both_engines!(staff_ban_and_lift_and_it_is_stated_as_their_act, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    let csrf = browser.get("/blocked/ban?client=203.0.113.9").await;
    assert!(csrf.body.contains("value=\"203.0.113.9\""));
    let csrf = csrf.csrf();
    let ban = async |browser: &mut Browser<'_>, client: &str, reason: &str, minutes: &str| {
        browser
            .post("/blocked/ban", &format!("csrf={csrf}&client={client}&reason={reason}&minutes={minutes}"))
            .await
    };
    assert_eq!(
        ban(&mut browser, "203.0.113.9", "staff.card_testing", "60").await.location(),
        "/blocked#bans"
    );
    let listed = bench.bans.get("203.0.113.9".parse().unwrap()).unwrap();
    assert!(matches!(listed.by, Actor::Staff { .. }));
    assert_eq!(listed.until.since(listed.since), Duration::from_secs(3600));
    assert!(browser.get("/blocked").await.body.contains("It tries out cards"));
    assert_eq!(bench.emissions.of_kind("detection.client_banned").len(), 1);

    assert_eq!(ban(&mut browser, "not-an-address", "staff.attack", "60").await.status, 422);
    assert_eq!(ban(&mut browser, "203.0.113.8", "made.up", "60").await.status, 400);
    assert_eq!(ban(&mut browser, "203.0.113.8", "staff.attack", "999999999").await.status, 400);
    let own = ban(&mut browser, "198.51.100.7", "staff.attack", "60").await;
    assert!(
        own.status == 422 && own.body.contains("so it is not banned"),
        "staff cannot lock themselves out"
    );
    let never = ban(&mut browser, "127.0.0.1", "staff.attack", "60").await;
    assert!(never.status == 422 && never.body.contains("never-block list"));

    // Went away with a power cut: what staff were told is on disk, however many bans in a row.
    let kept = || std::fs::read_to_string(bench.folder().join("bans.json")).unwrap();
    for client in ["203.0.113.10", "203.0.113.11", "203.0.113.12"] {
        ban(&mut browser, client, "staff.attack", "60").await;
        assert!(kept().contains(client), "{client}");
    }
    for client in ["203.0.113.10", "203.0.113.11", "203.0.113.12"] {
        browser.post("/blocked/lift", &format!("csrf={csrf}&client={client}")).await;
        let saved: serde_json::Value = serde_json::from_str(&kept()).unwrap();
        assert!(!saved["bans"].to_string().contains(client), "{client}");
    }

    let confirm = browser.get("/blocked/lift?client=203.0.113.9").await;
    assert!(confirm.body.contains("Lift the ban of 203.0.113.9?") && bench.bans.stats().active == 1);
    let lift = format!("csrf={csrf}&client=203.0.113.9");
    assert_eq!(browser.post("/blocked/lift", &lift).await.status, 303);
    assert_eq!(bench.bans.stats().active, 0);
    assert_eq!(browser.post("/blocked/lift", &lift).await.status, 404);
    assert_eq!(bench.emissions.of_kind("detection.ban_lifted").len(), 4);
});

// ASVS 5.0 7.5.3: who holds a session alone lets no attacker in and keeps no customer out.
both_engines!(banning_and_lifting_ask_for_a_second_factor, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, secret) = bench.enrolled().await;
    let csrf = browser.get("/blocked").await.csrf();
    let (held, other) = ("203.0.113.9".parse().unwrap(), "203.0.113.8".parse().unwrap());
    bench.clock.advance(Duration::from_secs(601));
    bench.bans.ban("203.0.113.9".parse().unwrap(), "test.reason", Actor::System).unwrap();
    let page = browser.get("/blocked").await;
    assert!(page.body.contains("href=\"/confirm?next=/blocked\""), "{}", page.body);
    assert!(!page.body.contains("action=\"/blocked/ban\"") && page.body.contains("203.0.113.9"));
    let lift = "/blocked/lift?client=203.0.113.9";
    for (path, next) in [
        (lift, "/blocked/lift%3Fclient%3D203.0.113.9"),
        ("/blocked/ban?client=203.0.113.8", "/blocked/ban%3Fclient%3D203.0.113.8"),
    ] {
        let led = browser.get(path).await;
        assert_eq!((led.status.as_u16(), led.location()), (303, format!("/confirm?next={next}").as_str()));
    }
    let ban = "client=203.0.113.8&reason=staff.attack&minutes=60";
    for (path, fields) in [("/blocked/lift", "client=203.0.113.9"), ("/blocked/ban", ban)] {
        let answer = browser.post(path, &format!("csrf={csrf}&{fields}")).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "/confirm?next=/blocked"), "{path}");
    }
    assert!(bench.bans.get(held).is_some() && bench.bans.get(other).is_none());
    // With the factor one goes on where one was.
    let confirm = format!("csrf={csrf}&code={}&next={}", bench.code(&secret), lift);
    let answer = browser.post("/confirm", &confirm).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (303, lift), "{}", answer.body);
    let csrf = browser.get(lift).await.csrf();
    assert_eq!(browser.post("/blocked/lift", &format!("csrf={csrf}&client=203.0.113.9")).await.status, 303);
    assert!(bench.bans.get(held).is_none());
    assert_eq!(browser.post("/blocked/ban", &format!("csrf={csrf}&{ban}")).await.location(), "/blocked#bans");
});

both_engines!(explore_narrows_pages_and_keeps_views, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    for n in 0..60 {
        bench.clock.advance(Duration::from_millis(10));
        bench.blocked(if n % 2 == 0 { "/even" } else { "/odd" }, |_| {});
    }
    let first = browser.get("/explore?path=/even").await;
    assert_eq!(first.body.matches("id=\"rows-req_").count(), 30);
    assert!(first.body.contains("Remove the filter path /even"));
    assert!(!first.body.contains("rel=\"next\""));
    let all = browser.get("/explore").await;
    assert_eq!(all.body.matches("id=\"rows-req_").count(), 50);
    let older = all.attribute("\" href=\"/explore?before=");
    let second = browser.get(&format!("/explore?before={older}")).await;
    assert_eq!(second.body.matches("id=\"rows-req_").count(), 10);
    let without = browser.get("/explore?-path=/even&verdict=blocked").await;
    assert_eq!(without.body.matches("id=\"rows-req_").count(), 30);
    assert!(without.body.contains("without path"));

    let csrf = all.csrf();
    let saved =
        browser.post("/explore/views", &format!("csrf={csrf}&name=Odd+ones&query=path%3D%2Fodd")).await;
    assert_eq!(saved.location(), "/explore?path=/odd&views=open");
    let page = browser.get(saved.location()).await;
    assert!(page.body.contains("Odd ones"));
    let bad = browser.post("/explore/views", &format!("csrf={csrf}&name=x&query=colour%3Dred")).await;
    assert_eq!(bad.status, 400);
    let view = page.attribute("name=\"view\" value=\"");
    browser.post("/explore/views/delete", &format!("csrf={csrf}&view={view}")).await;
    assert!(!browser.get("/explore?views=open").await.body.contains("Odd ones"));
});

both_engines!(the_ledger_can_be_read_by_kind, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    let page = browser.get("/ledger?kind=staff.").await.body;
    assert!(
        page.contains("enrolled") && page.contains("staff.signed_in") && page.contains("Root of the tree")
    );
    let none = browser.get("/ledger?kind=edge.").await.body;
    assert!(none.contains("No event of this kind"));
});
