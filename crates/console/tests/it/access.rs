//! Who may do what: the table, and each of its routes without a right to it.

use storeward_console::STATEMENTS;
use storeward_store::{Error, both_engines};

use super::bench::{Bench, MIGRATIONS};

both_engines!(every_statement_can_be_prepared, MIGRATIONS, async |db| {
    db.read(|reader| {
        for sql in STATEMENTS.iter().copied().flatten() {
            reader.check_statement(sql)?;
        }
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
});

both_engines!(the_access_table_is_reviewed, MIGRATIONS, async |db| {
    insta::assert_snapshot!("access_table", Bench::new(db).table);
});

both_engines!(nothing_is_shown_or_done_without_a_right, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let id = bench.blocked("/secret-path", |_| {});
    let mut tried = 0;
    for line in bench.table.lines().filter(|line| line.contains("only: ")) {
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let path = path.replace("{id}", &id.to_string()).replace("{token}", &"a".repeat(64));
        let mut stranger = bench.browser();
        for planted in ["", "nonsense", &"0".repeat(64)] {
            stranger.cookies = vec![("__Host-storeward-session".to_owned(), planted.to_owned())];
            let answer = match method {
                "GET" => stranger.get(&path).await,
                _ => stranger.post(&path, "csrf=0").await,
            };
            let led_away = answer.status == 303 && answer.location().starts_with("/sign-in");
            let refused = matches!(answer.status.as_u16(), 401 | 403 | 404);
            assert!(led_away || refused, "{method} {path}: {}", answer.status);
            assert!(!answer.body.contains("secret-path"), "{path}");
            tried += 1;
        }
    }
    assert!(tried >= 50, "{tried}");
    assert_eq!(bench.events("").await.len(), 0);
});

both_engines!(a_rebound_name_sees_nothing, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    for host in ["rebound.evil.example", "console.shop.example.evil.example", "127.0.0.1"] {
        for path in ["/", "/healthz", "/metrics", "/sign-in"] {
            let answer = browser.send("GET", path, &[("host", host)], None).await;
            assert_eq!(answer.status, 421, "{host} {path}");
        }
    }
    assert_eq!(browser.get("/").await.status, 200);
});

both_engines!(every_answer_is_framed, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    for path in ["/", "/explore", "/blocked", "/ledger", "/sign-in", "/nowhere", "/healthz", "/now/state"] {
        let answer = browser.get(path).await;
        let value = |name: &str| answer.headers.get(name).map_or("", |v| v.to_str().unwrap()).to_owned();
        assert!(value("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(value("content-security-policy").contains("require-trusted-types-for 'script'"), "{path}");
        assert_eq!(value("x-frame-options"), "DENY", "{path}");
        assert_eq!(value("cache-control"), "no-store", "{path}");
        assert!(!answer.body.contains(" style=") && !answer.body.contains(" onclick="), "{path}");
    }
});

both_engines!(figures_are_for_this_machine_or_the_token, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    bench.blocked("/a", |_| {});
    let mut scraper = bench.browser();
    assert_eq!(scraper.get("/metrics").await.status, 403);
    for wrong in ["Bearer scrape-mf", "Bearer ", "Basic scrape-me", "scrape-me"] {
        let answer = scraper.send("GET", "/metrics", &[("authorization", wrong)], None).await;
        assert_eq!(answer.status, 403, "{wrong}");
    }
    let answer = scraper.send("GET", "/metrics", &[("authorization", "Bearer scrape-me")], None).await;
    assert_eq!(answer.status, 200);
    scraper.address = "127.0.0.1".parse().unwrap();
    let answer = scraper.send("GET", "/metrics", &[], None).await;
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(answer.body.contains("storeward_requests_total{verdict=\"blocked\"} 1\n"), "{}", answer.body);
    assert!(answer.body.contains("app_figure 7\n") && answer.body.contains("process_resident_memory_bytes "));
    let forwarded = scraper.send("GET", "/metrics", &[("x-forwarded-for", "192.0.2.1")], None).await;
    assert_eq!(forwarded.status, 403, "a proxy on this machine is not this machine");
    assert_eq!(scraper.send("GET", "/healthz", &[], None).await.body, "alive\n");
    assert_eq!(scraper.send("GET", "/readyz", &[], None).await.body, "ready\n");
});
