//! What browsers say: hints, bounded.

use std::time::Duration;

use http::{Method, StatusCode};
use storeward_base::Clock;
use storeward_checkout::MIGRATIONS;
use storeward_checkout::desk::{Kind, Scope, Status};
use storeward_events::Event;
use storeward_store::both_engines;

use crate::bench::{Bench, Visit, post};

fn violation(directive: &str, url: &str) -> String {
    format!(
        "{{\"csp-report\":{{\"effective-directive\":\"{directive}\",\"blocked-uri\":\"{url}\",\"disposition\":\"enforce\",\
         \"source-file\":\"https://shop.example/assets/shop.js?customer=7\",\"document-uri\":\"https://shop.example/checkout?email=ann@example.com\"}}}}"
    )
}

both_engines!(a_report_becomes_a_row_a_count_and_an_alert, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    let key = bench.page("<head>").await.report_key();
    for _ in 0..3 {
        let text = violation("connect-src", "https://evil.example/c?card=4111111111111111");
        assert_eq!(bench.post(&key, 1, text).await, StatusCode::NO_CONTENT);
    }
    bench.checkout.settle().await.unwrap();
    let row = bench.row("https://evil.example").await;
    assert_eq!((row.kind, row.seen, row.status), (Kind::Connect, 3, Status::New));
    assert_eq!(row.initiator.as_deref(), Some("https://shop.example/assets/shop.js"));
    let counted = bench.checkout.counted(10).await.unwrap();
    assert_eq!((counted.len(), counted[0].count, counted[0].host.as_str()), (1, 3, "evil.example"));
    assert_eq!(bench.told("checkout.blocked").await.len(), 1);
    let alerts = bench.checkout.alerts(10).await.unwrap();
    let kinds: Vec<&str> = alerts.iter().map(|alert| alert.kind.as_str()).collect();
    assert!(kinds.contains(&"script_new") && kinds.contains(&"blocked"), "{kinds:?}");
    // Nothing of a person, a form or a query is anywhere.
    let kept = format!("{row:?}{counted:?}{alerts:?}{:?}", bench.told("checkout").await);
    for secret in ["4111", "ann@", "customer=7", "?"] {
        assert!(!kept.contains(secret), "{secret}: {kept}");
    }
});

both_engines!(a_report_without_a_page_behind_it_is_nobody_s, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let key = bench.page("<head>").await.report_key();
    let forged = [
        "".to_owned(),
        "0.0.0".to_owned(),
        key.replace('.', ""),
        format!("{key}0"),
        format!("1{}", &key[1..]),
        format!("{key}.1"),
    ];
    for key in forged {
        let text = violation("script-src-elem", "https://evil.example/x.js");
        assert_eq!(bench.post(&key, 1, text).await, StatusCode::NO_CONTENT, "the same answer");
    }
    bench.checkout.settle().await.unwrap();
    assert!(bench.scripts().await.is_empty() && bench.checkout.counted(10).await.unwrap().is_empty());
    // A page that went out long ago reports no more.
    bench.db.clock.advance(Duration::from_secs(13 * 3_600));
    bench.post(&key, 1, violation("script-src-elem", "https://evil.example/x.js")).await;
    bench.checkout.settle().await.unwrap();
    assert!(bench.scripts().await.is_empty());
});

// 12,000 messages from 200 clients, each about another host: what it costs has an end, and what the page itself showed keeps its room.
both_engines!(a_flood_costs_bounded_rows, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let key = bench.page("<head>").await.report_key();
    for round in 0..6 {
        let router = bench.checkout.router(&["shop.example".to_owned()]).unwrap();
        for number in 0..2_000u32 {
            let host = format!("https://h{round}-{number}.example/x.js");
            let status = post(router.clone(), &key, number % 200, violation("script-src-elem", &host)).await;
            assert_eq!(status, StatusCode::NO_CONTENT);
        }
        bench.checkout.settle().await.unwrap();
        bench.db.clock.advance(Duration::from_secs(61));
    }
    let rows = bench.scripts().await;
    assert!((100..=400).contains(&rows.len()), "{}", rows.len());
    let counted = bench.checkout.counted(500).await.unwrap();
    assert!(counted.len() <= 500);
    assert!(bench.told("checkout.script_new").await.len() <= 400);
    assert!(bench.told("checkout.blocked").await.len() <= 6 * 20);
    assert_eq!(bench.told("checkout.reports_flooded").await.len(), 1, "told once an hour");
    bench.settled("<head><script>go()</script>").await;
    assert!(bench.scripts().await.iter().any(|row| row.kind == Kind::Inline));
});

both_engines!(a_message_has_a_size_and_a_form, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let key = bench.page("<head>").await.report_key();
    assert_eq!(bench.post(&key, 1, "x".repeat(530_000)).await, StatusCode::PAYLOAD_TOO_LARGE);
    for text in ["", "{", "[[[[[[", "\u{0}", "{\"csp-report\":null}"] {
        assert_eq!(bench.post(&key, 1, text.to_owned()).await, StatusCode::NO_CONTENT);
    }
    assert_eq!(bench.post(&key, 1, "[".repeat(500_000)).await, StatusCode::NO_CONTENT);
    bench.checkout.settle().await.unwrap();
    assert!(bench.scripts().await.is_empty());
});

both_engines!(the_guard_s_word_is_told, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    let key = bench.page("<head>").await.report_key();
    let text = "[{\"kind\":\"blocked\",\"channel\":\"webrtc\",\"host\":\"evil.example:3478\",\"path\":\"\"},\
                {\"kind\":\"tampered\",\"channel\":\"listener\",\"host\":\"\"}]";
    bench.post(&key, 1, text.to_owned()).await;
    bench.checkout.settle().await.unwrap();
    match (&bench.told("checkout.blocked").await[..], &bench.told("checkout.guard_tampered").await[..]) {
        ([Event::CheckoutBlocked(blocked)], [Event::GuardTampered(tampered)]) => {
            assert_eq!((blocked.channel.as_str(), blocked.host.as_str()), ("webrtc", "evil.example:3478"));
            assert_eq!(tampered.channel, "listener");
        }
        other => panic!("{other:?}"),
    }
});

// A name is looked up whatever a policy says: what nothing holds back is told, and a host that the page may speak to is not.
both_engines!(a_host_that_was_looked_up_is_told, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'\nproviders = ['stripe']").await;
    bench.settled("<head><script src=https://d1.cdn.example/a.js></script>").await;
    bench.approve(&bench.row("https://d1.cdn.example/a.js").await, Scope::Address).await;
    let key = bench.page("<head>").await.report_key();
    let word = |host: &str| format!("{{\"kind\":\"seen\",\"channel\":\"preconnect\",\"host\":\"{host}\"}}");
    // Below the host's last two parts there are others' places, too: told.
    for host in ["stripe.com", "evil.example", "evil.example", "cdn.example", "shop.example", ""] {
        bench.post(&key, 1, word(host)).await;
    }
    // By another channel the guard only looked on.
    bench
        .post(&key, 1, "{\"kind\":\"seen\",\"channel\":\"navigate\",\"host\":\"b.example\"}".to_owned())
        .await;
    bench.checkout.settle().await.unwrap();
    let alerts = bench.checkout.alerts(10).await.unwrap();
    let mut told: Vec<(&str, u64)> = alerts
        .iter()
        .filter(|alert| alert.kind == "preconnect")
        .map(|alert| (alert.what.rsplit(' ').next().unwrap(), alert.count))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("", 1), ("cdn.example", 1), ("evil.example", 2), ("shop.example", 1)]);
    assert_eq!(bench.told("checkout.blocked").await.len(), told.len());
    assert!(bench.checkout.concerns().iter().any(|line| line.contains("looked up")));
    // Looked at, it does not come again by itself.
    for alert in alerts.iter().filter(|alert| alert.kind == "preconnect") {
        bench.checkout.close_alert(&alert.id, crate::bench::STAFF).await.unwrap();
    }
    bench.post(&key, 1, word("evil.example")).await;
    bench.checkout.settle().await.unwrap();
    let open = bench.checkout.alerts(10).await.unwrap();
    assert!(open.iter().all(|alert| alert.kind != "preconnect" || alert.closed_at.is_some()));
});

// A browser that received another file than we did: told and looked at, and nobody's script is taken away by it.
both_engines!(a_reported_hash_alerts_and_takes_nothing_away, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'\non_change = 'block'").await;
    let went =
        bench.settled("<head><script>go()</script><script src=https://cdn.example/a.js></script>").await;
    let row = bench.row("https://cdn.example/a.js").await;
    bench.give_hash(&row, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").await;
    bench.approve(&bench.row("https://cdn.example/a.js").await, Scope::Exact).await;
    let says = |hash: &str| {
        format!(
            "[{{\"type\":\"csp-hash\",\"url\":\"https://shop.example/checkout\",\"body\":{{\"documentURL\":\"https://shop.example/checkout\",\
             \"subresourceURL\":\"https://cdn.example/a.js?v=1\",\"hash\":\"sha256-{hash}\",\"type\":\"subresource\",\"destination\":\"script\"}}}}]"
        )
    };
    let key = went.report_key();
    bench.post(&key, 1, says("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")).await;
    bench.checkout.settle().await.unwrap();
    assert!(bench.told("checkout.script_changed").await.is_empty());
    for _ in 0..5 {
        bench.post(&key, 1, says("uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=")).await;
        bench.checkout.settle().await.unwrap();
    }
    match &bench.told("checkout.script_changed").await[..] {
        [Event::ScriptChanged(fact)] => {
            assert_eq!((fact.source.as_str(), &fact.found[..4]), ("report", "uU0n"));
        }
        other => panic!("{other:?}"),
    }
    // What one network says beside that is the same again; what three were sent is told, whatever somebody made up before.
    let found = format!("{:0>43}=", 7);
    for network in [1, 1, 2, 2, 3] {
        assert_eq!(bench.told("checkout.script_changed").await.len(), 1, "{network}");
        bench.post(&key, network << 8, says(&found)).await;
        bench.checkout.settle().await.unwrap();
    }
    for network in 1..6u32 {
        bench.post(&key, network << 8, says(&found)).await;
        bench.post(&key, 1, says(&format!("{network:0>43}="))).await;
        bench.checkout.settle().await.unwrap();
    }
    match &bench.told("checkout.script_changed").await[..] {
        [Event::ScriptChanged(fact), _] => assert_eq!(fact.found, found),
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.row("https://cdn.example/a.js").await.status, Status::Approved);
    assert!(
        bench.page("<head>").await.policy("content-security-policy").contains("https://cdn.example/a.js")
    );
});

// Whoever has a page's key says of a script what they like: what Storeward itself saw of it stays.
both_engines!(forged_hashes_push_out_no_version_that_was_seen, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let tag = "<head><script src=https://cdn.example/a.js></script>";
    let key = bench.settled(tag).await.report_key();
    let row = bench.row("https://cdn.example/a.js").await;
    const SEEN: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let id = row.id.to_string();
    let write = bench.db.write(move |tx| {
        tx.commit_silent("a test");
        let values = storeward_store::params![&id, SEEN, tx.now()];
        let sql = "INSERT INTO checkout_version (script, hash, source, bytes, first_seen, last_seen) VALUES ($1, $2, 'fetch', 12, $3, $3)";
        tx.execute(sql, values).map(drop)
    });
    write.await.unwrap();
    for round in 0..8u32 {
        bench.db.clock.advance(Duration::from_secs(61));
        for number in 0..40u32 {
            let hash = format!("{:0>42}A=", format!("{round}x{number}"));
            let text = format!(
                "[{{\"type\":\"csp-hash\",\"body\":{{\"subresourceURL\":\"https://cdn.example/a.js\",\"hash\":\"sha256-{hash}\",\"destination\":\"script\"}}}}]"
            );
            bench.post(&key, number, text).await;
        }
        bench.checkout.settle().await.unwrap();
    }
    let versions = bench.checkout.script(&row.id).await.unwrap().unwrap().versions;
    assert!(versions.iter().any(|version| version.hash == SEEN && version.source == "fetch"), "{versions:?}");
    assert!(versions.len() <= 21, "{}", versions.len());
    assert!(versions.len() > 1, "the reports did come");
});

both_engines!(who_has_no_key_takes_nobody_s_room, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let key = bench.page("<head>").await.report_key();
    let router = bench.checkout.router(&["shop.example".to_owned()]).unwrap();
    let word = || "{\"kind\":\"blocked\",\"channel\":\"webrtc\",\"host\":\"evil.example\"}".to_owned();
    // More than all together may send, from the buyer's own address, too.
    for number in 0..3_200u32 {
        post(router.clone(), "0.0.0", number % 60, word()).await;
    }
    post(router.clone(), &key, 1, word()).await;
    bench.checkout.settle().await.unwrap();
    assert_eq!(bench.checkout.counted(10).await.unwrap().len(), 1);
    assert!(bench.told("checkout.reports_flooded").await.is_empty());
});

// Whoever had a page's key filled the room of reports with 25 messages: what a script that nobody approved did was then nowhere.
both_engines!(one_network_does_not_fill_the_room_of_reports, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let key = bench.page("<head>").await.report_key();
    let flood = async |from: u32, rows: std::ops::Range<u32>| {
        for row in rows {
            let body = violation("script-src-elem", &format!("https://flood{row}.example/x.js"));
            bench.post(&key, from + row % 200, body).await;
        }
        bench.checkout.settle().await.unwrap();
    };
    flood(0, 0..150).await;
    assert_eq!(bench.scripts().await.len(), 100, "the rest is none of others' room");
    assert_eq!(bench.told("checkout.reports_flooded").await.len(), 1);
    bench.post(&key, 7 << 8, violation("script-src-elem", "https://true.example/x.js")).await;
    bench.checkout.settle().await.unwrap();
    bench.row("https://true.example/x.js").await;
    // Four networks fill it, and have to do so each day.
    for number in 1..5 {
        flood(number << 8, number * 100 + 100..number * 100 + 200).await;
    }
    let count = async || bench.checkout.scripts(None, 500).await.unwrap().len();
    assert_eq!(count().await, 400);
    let key = bench.page("<head>").await.report_key();
    bench.post(&key, 9 << 8, violation("script-src-elem", "https://late.example/x.js")).await;
    bench.checkout.settle().await.unwrap();
    assert!(bench.scripts().await.iter().all(|row| row.address != "https://late.example/x.js"));
    bench.db.clock.advance(std::time::Duration::from_secs(25 * 3_600));
    let key = bench.page("<head>").await.report_key();
    bench.post(&key, 9 << 8, violation("script-src-elem", "https://late.example/x.js")).await;
    bench.checkout.settle().await.unwrap();
    bench.row("https://late.example/x.js").await;
    assert_eq!(count().await, 400);
});

// Rows that were reported again and made room all the same were neither kept nor counted.
both_engines!(what_is_reported_and_has_no_row_in_the_end_is_counted, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let post = async |row: u32| {
        let key = bench.page("<head>").await.report_key();
        let body = violation("script-src-elem", &format!("https://flood{row}.example/x.js"));
        bench.post(&key, ((row / 100) << 8) + row % 100, body).await;
    };
    for row in 0..400 {
        post(row).await;
        if row % 100 == 99 {
            bench.checkout.settle().await.unwrap();
        }
    }
    assert_eq!(bench.scripts().await.len(), 400);
    assert!(bench.told("checkout.reports_flooded").await.is_empty());
    bench.db.clock.advance(Duration::from_secs(25 * 3_600));
    // All of them again, and a hundred more at once.
    for row in 0..500 {
        post(row).await;
    }
    bench.checkout.settle().await.unwrap();
    assert_eq!(bench.scripts().await.len(), 400);
    match &bench.told("checkout.reports_flooded").await[..] {
        [Event::ReportsFlooded(fact)] => assert_eq!(fact.dropped, 100),
        other => panic!("{other:?}"),
    }
});

// Whoever filled the room within days kept it, by saying the same once a day: a known row cost nothing, and none made room.
both_engines!(one_network_does_not_keep_the_room_of_reports, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    const TRUE: &str = "https://true.example/x.js";
    let flood = |row: u32| violation("script-src-elem", &format!("https://flood{row}.example/x.js"));
    for half in 0..11u32 {
        let (day, key) = (half / 2, bench.page("<head>").await.report_key());
        // Each row that there is anew, every twelve hours, and a hundred others a day.
        for rows in [0..200, 200..400, day * 100..(day + 1) * 100] {
            for row in rows.filter(|row| *row < (day + 1) * 100) {
                bench.post(&key, row % 200, flood(row)).await;
            }
            // While the room of what waits is taken, too, another one's report is heard.
            bench.post(&key, 7 << 8, violation("script-src-elem", TRUE)).await;
            let other = format!("https://other{half}.example/x.js");
            bench.post(&key, 8 << 8, violation("script-src-elem", &other)).await;
            bench.checkout.settle().await.unwrap();
            let rows = bench.scripts().await;
            assert!(rows.len() <= 400, "{}", rows.len());
            let alerts = bench.checkout.alerts(2_000).await.unwrap();
            for address in [TRUE, &other] {
                assert!(rows.iter().any(|row| row.address == address), "{address} in half day {half}");
                let is_open = alerts.iter().any(|a| a.closed_at.is_none() && a.what.ends_with(address));
                assert!(is_open, "{address} in half day {half}");
            }
            bench.db.clock.advance(Duration::from_secs(61));
        }
        bench.db.clock.advance(Duration::from_secs(12 * 3_600));
    }
    assert!(bench.told("checkout.script_new").await.len() <= 6 * 120);
});

// The same of the alerts: a thousand hashes that nobody sent, or words of the guard, and nothing that was reported had one.
both_engines!(one_network_does_not_keep_the_room_of_alerts, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    bench.settled("<head><script src=https://cdn.example/a.js></script>").await;
    bench.give_hash(&bench.row("https://cdn.example/a.js").await, "YWFh").await;
    bench.approve(&bench.row("https://cdn.example/a.js").await, Scope::Exact).await;
    let key = bench.page("<head>").await.report_key();
    let hash = |number: u32| {
        format!(
            "[{{\"type\":\"csp-hash\",\"body\":{{\"subresourceURL\":\"https://cdn.example/a.js\",\"hash\":\"sha256-{number:0>43}=\",\
             \"destination\":\"script\"}}}}]"
        )
    };
    for number in 0..400u32 {
        bench.post(&key, number % 100, hash(number)).await;
        bench
            .post(
                &key,
                number % 100,
                format!("{{\"kind\":\"tampered\",\"channel\":\"listener\",\"host\":\"h{number}.example\"}}"),
            )
            .await;
        if number % 50 == 49 {
            bench.checkout.settle().await.unwrap();
        }
    }
    let open = async || {
        let alerts = bench.checkout.alerts(2_000).await.unwrap();
        alerts.into_iter().filter(|alert| alert.closed_at.is_none()).collect::<Vec<_>>()
    };
    let heard =
        open().await.into_iter().filter(|a| a.kind == "script_changed" || a.kind == "tampered").count();
    assert!((1..=101).contains(&heard), "a hundred words, and one of a file: {heard}");
    // Many networks, or many days, filled it.
    let fill = bench.db.write(|tx| {
        tx.commit_silent("a test");
        for number in 0..1_000u32 {
            let insert = "INSERT INTO checkout_alert (id, kind, source, what, seen, is_armed, at, last_at) \
                          VALUES ($1, 'tampered', 'guard', 'a test', $3, 0, $2, $2)";
            // The oldest of all is what many browsers met, and nobody looked at yet.
            let (at, seen) = match number {
                0 => (tx.now().minus(Duration::from_secs(7_200)), 5i64),
                _ => (tx.now(), 1),
            };
            tx.execute(insert, storeward_store::params![format!("{number:032x}"), at, seen])?;
        }
        Ok::<_, storeward_store::Error>(())
    });
    fill.await.unwrap();
    bench.db.clock.advance(Duration::from_secs(25 * 3_600));
    let key = bench.page("<head>").await.report_key();
    let word = "{\"kind\":\"tampered\",\"channel\":\"listener\",\"host\":\"late.example\"}";
    bench.post(&key, 7 << 8, word.to_owned()).await;
    bench.checkout.settle().await.unwrap();
    let open = open().await;
    assert!(open.iter().any(|alert| alert.kind == "tampered" && alert.at == bench.db.clock.now()));
    assert!(open.iter().any(|alert| alert.id == format!("{:032x}", 0)), "a flood closes no true one");
});

// One address with a page's key: hashes that nobody sent of an approved file, and kinds of things by the thousand. What another network's
// browser says of it and of other things is told all the same, and so is the flood.
both_engines!(a_flood_of_words_silences_none_of_another_kind, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    bench.settled("<head><script src=https://cdn.example/a.js></script>").await;
    bench.give_hash(&bench.row("https://cdn.example/a.js").await, "YWFh").await;
    bench.approve(&bench.row("https://cdn.example/a.js").await, Scope::Exact).await;
    let key = bench.page("<head>").await.report_key();
    let open = async |kind: &str| {
        let alerts = bench.checkout.alerts(2_000).await.unwrap();
        alerts.into_iter().filter(|one| one.kind == kind && one.closed_at.is_none()).collect::<Vec<_>>()
    };
    let hash = |number: u32| {
        format!(
            "{{\"type\":\"csp-hash\",\"body\":{{\"subresourceURL\":\"https://cdn.example/a.js\",\"hash\":\"sha256-{number:0>43}=\",\
             \"destination\":\"script\"}}}}"
        )
    };
    let word = |how: &str, channel: &str, host: String| {
        format!("{{\"kind\":\"{how}\",\"channel\":\"{channel}\",\"host\":\"{host}\"}}")
    };
    for message in 0..55u32 {
        let numbers = || message * 20..message * 20 + 20;
        let hashes: Vec<String> = numbers().map(hash).collect();
        bench.post(&key, message, format!("[{}]", hashes.join(","))).await;
        let image = |number: u32| word("seen", "image", format!("h{number}.example"));
        let images: Vec<String> = numbers().map(image).collect();
        bench.post(&key, message, format!("[{}]", images.join(","))).await;
        if message % 9 == 8 {
            bench.checkout.settle().await.unwrap();
        }
    }
    bench.checkout.settle().await.unwrap();
    // One thing to look at, whatever hashes are made up.
    assert_eq!(open("script_changed").await.len(), 1);
    assert_eq!(bench.told("checkout.script_changed").await.len(), 1);
    assert_eq!(open("reports_flooded").await.len(), 1);
    // As many networks fill what they can: the room of changes, and the day's of what the guard only saw.
    let fill = bench.db.write(|tx| {
        tx.commit_silent("a test");
        let day: String = tx.now().rfc3339().chars().take(10).collect();
        for number in 0..1_000u32 {
            let id = format!("{number:032x}");
            let insert = "INSERT INTO checkout_alert (id, kind, source, what, seen, is_armed, at, last_at) \
                          VALUES ($1, 'script_changed', 'report', 'a test', 1, 0, $2, $2)";
            tx.execute(insert, storeward_store::params![&id, tx.now()])?;
            let insert = "INSERT INTO checkout_count (day, how, channel, host, path, seen) VALUES ($1, 'seen', 'image', $2, '', 1)";
            tx.execute(insert, storeward_store::params![&day, &id])?;
        }
        Ok::<_, storeward_store::Error>(())
    });
    fill.await.unwrap();
    bench.db.clock.advance(Duration::from_secs(3_601));
    let key = bench.page("<head>").await.report_key();
    bench.post(&key, 7 << 8, word("tampered", "listener", "true.example".to_owned())).await;
    bench.post(&key, 7 << 8, word("seen", "preconnect", "true.example".to_owned())).await;
    bench.post(&key, 7 << 8, word("blocked", "webrtc", "true.example".to_owned())).await;
    bench.post(&key, 7 << 8, violation("script-src-elem", "https://true.example/x.js")).await;
    bench.post(&key, 7 << 8, word("seen", "image", "true.example".to_owned())).await;
    bench.checkout.settle().await.unwrap();
    for kind in ["tampered", "preconnect", "blocked", "script_new"] {
        let told = open(kind).await;
        assert!(told.iter().any(|one| one.what.contains("true.example")), "{kind} {told:?}");
    }
    let flooded = open("reports_flooded").await;
    assert_eq!(flooded.len(), 2, "an image too many, in another hour: {flooded:?} {}", bench.db.clock.now());
    // Whoever looked is told when it is said again.
    for alert in open("script_changed").await {
        bench.checkout.close_alert(&alert.id, crate::bench::STAFF).await.unwrap();
    }
    bench.post(&key, 8 << 8, format!("[{}]", hash(9_999))).await;
    bench.checkout.settle().await.unwrap();
    assert_eq!(open("script_changed").await.len(), 1);
});

// What is told at once has an end for each kind, and takes no word of another kind with it.
both_engines!(what_is_told_at_once_takes_no_room_of_another_kind, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    let key = bench.page("<head>").await.report_key();
    for number in 0..60u32 {
        bench
            .post(&key, number, violation("script-src-elem", &format!("https://h{number}.example/x.js")))
            .await;
    }
    for (how, channel) in [("tampered", "listener"), ("seen", "preconnect")] {
        let word = format!("{{\"kind\":\"{how}\",\"channel\":\"{channel}\",\"host\":\"true.example\"}}");
        bench.post(&key, 7 << 8, word).await;
    }
    bench.checkout.settle().await.unwrap();
    assert_eq!(bench.told("checkout.script_new").await.len(), 60);
    assert_eq!(bench.told("checkout.guard_tampered").await.len(), 1);
    assert_eq!(bench.told("checkout.blocked").await.len(), 20 + 1);
});

fn answer(method: Method, to: &'static str, path: &'static str) -> Visit<'static> {
    let answered: &'static [(&'static str, &'static str)] = Box::leak(Box::new([("location", to)]));
    Visit { method, path, status: StatusCode::SEE_OTHER, answered, ..Visit::page("") }
}

// A browser reports the form's own address, and nothing of where the shop's answer leads on to.
both_engines!(where_the_answer_to_a_form_leads_on_to_is_a_row, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    for (method, to, path) in [
        (Method::POST, "https://pay.example:8443/session?order=7&mail=ann@example.com", "/checkout/place"),
        (Method::POST, "/checkout/thanks", "/checkout"),
        (Method::POST, "https://shop.example/thanks", "/checkout"),
        (Method::POST, "javascript:alert(1)", "/checkout"),
        (Method::GET, "https://get.example/", "/checkout"),
        (Method::POST, "https://basket.example/", "/basket"),
    ] {
        bench.visit(answer(method, to, path)).await;
    }
    bench.checkout.settle().await.unwrap();
    let rows = bench.scripts().await;
    let places: Vec<(Kind, &str)> = rows.iter().map(|row| (row.kind, row.address.as_str())).collect();
    assert_eq!(places, [(Kind::Navigate, "https://pay.example:8443")]);
    assert_eq!(rows[0].status, Status::New);
    bench.approve(&rows[0], Scope::Address).await;
    let policy = bench.page("<head>").await.policy("content-security-policy-report-only");
    assert!(policy.contains("form-action 'self' https://pay.example:8443;"), "{policy}");
});

// A shop with an open redirect behind a form lets one client write rows: no more than any other report of theirs.
both_engines!(one_network_brings_a_hundred_places_a_day_and_no_more, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    for count in 0..150 {
        let to: &'static str = Box::leak(format!("https://h{count}.example/").into_boxed_str());
        bench.visit(answer(Method::POST, to, "/checkout")).await;
    }
    bench.checkout.settle().await.unwrap();
    assert_eq!(bench.scripts().await.len(), 100);
    assert_eq!(bench.told("checkout.reports_flooded").await.len(), 1);
});
