//! Bodies of scripts, fetched and compared.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use storeward_checkout::MIGRATIONS;
use storeward_checkout::desk::{NewApproval, Scope, Status};
use storeward_events::Event;
use storeward_store::both_engines;
use storeward_testkit::{FakeShop, Reply};

use crate::bench::{Bench, STAFF, because};

/// A server whose script a test can change, and how often it was asked.
pub async fn server(lines: &'static str) -> (FakeShop, Arc<Mutex<String>>, Arc<AtomicUsize>) {
    let text = Arc::new(Mutex::new("first()".to_owned()));
    let count = Arc::new(AtomicUsize::new(0));
    let (served, counted) = (Arc::clone(&text), Arc::clone(&count));
    let shop = FakeShop::start(move |asked| {
        counted.fetch_add(1, Ordering::SeqCst);
        match asked.target() {
            "/gone.js" => Reply::Bytes(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()),
            _ => Reply::with(&format!("Content-Type: text/javascript\r\n{lines}"), &served.lock().unwrap()),
        }
    })
    .await;
    (shop, text, count)
}

pub fn set(text: &Arc<Mutex<String>>, to: &str) {
    to.clone_into(&mut text.lock().unwrap());
}

async fn hour_later(bench: &Bench) -> u32 {
    bench.db.clock.advance(Duration::from_secs(3_601));
    bench.checkout.fetch_due().await.unwrap()
}

both_engines!(a_changed_file_is_told_within_the_round, MIGRATIONS, async |db| {
    let (cdn, text, _) = server("Access-Control-Allow-Origin: *\r\n").await;
    let section = format!("mode = 'enforce'\ninternal = ['{}']", cdn.url());
    let bench = Bench::new(db, &section).await;
    let address = format!("{}/a.js", cdn.url());
    let page = format!("<head><script src=\"{address}?v=1\"></script>");
    bench.settled(&page).await;
    // Whoever names a hash before the first fetch read that somebody else had changed the script.
    let early = bench.row(&address).await;
    let named = NewApproval { hash: Some("YWFh".to_owned()), ..because(Scope::Exact) };
    let refused = bench.checkout.approve(&early.id, named, STAFF).await;
    assert!(refused.unwrap_err().to_string().contains("not fetched yet: try again in a moment"));
    assert_eq!(bench.checkout.fetch_due().await.unwrap(), 1);
    let row = bench.row(&address).await;
    assert!(row.hash.is_some() && row.is_shared && row.fetched_at.is_some());
    assert_eq!(bench.checkout.fetch_due().await.unwrap(), 0, "not again within the hour");
    bench.approve(&row, Scope::Exact).await;
    assert_eq!(hour_later(&bench).await, 1);
    assert!(bench.told("checkout.script_changed").await.is_empty());
    set(&text, "second()");
    hour_later(&bench).await;
    hour_later(&bench).await;
    match &bench.told("checkout.script_changed").await[..] {
        [Event::ScriptChanged(fact)] => {
            assert_eq!((fact.source.as_str(), Some(&fact.approved)), ("fetch", row.hash.as_ref()));
        }
        other => panic!("told once: {other:?}"),
    }
    assert_eq!(bench.row(&address).await.status, Status::Changed);
    let alerts = bench.checkout.alerts(10).await.unwrap();
    assert!(alerts.iter().any(|alert| alert.kind == "script_changed" && alert.closed_at.is_none()));
    // It goes on while staff are only told, and is approved again as it is now.
    assert!(bench.page("<head>").await.policy("content-security-policy").contains(&address));
    bench.approve(&bench.row(&address).await, Scope::Exact).await;
    assert_eq!(bench.row(&address).await.status, Status::Approved);
    assert_eq!(bench.checkout.script(&row.id).await.unwrap().unwrap().versions.len(), 2);
});

both_engines!(a_changed_file_is_stopped_where_the_config_says_so, MIGRATIONS, async |db| {
    let (open, text, _) = server("Access-Control-Allow-Origin: *\r\n").await;
    let (closed, other, _) = server("").await;
    let section =
        format!("mode = 'enforce'\non_change = 'block'\ninternal = ['{}', '{}']", open.url(), closed.url());
    let bench = Bench::new(db, &section).await;
    let (shared, alone) = (format!("{}/a.js", open.url()), format!("{}/b.js", closed.url()));
    let page = format!("<head><script src=\"{shared}\"></script><script src=\"{alone}\"></script>");
    bench.settled(&page).await;
    bench.checkout.fetch_due().await.unwrap();
    for address in [&shared, &alone] {
        bench.approve(&bench.row(address).await, Scope::Exact).await;
    }
    let hash = bench.row(&shared).await.hash.unwrap();
    let pinned = format!("<script integrity=\"sha256-{hash}\" crossorigin=\"anonymous\" src=\"{shared}\">");
    let went = bench.page(&page).await;
    // Where a browser can hold the file to its hash, it does from the start.
    assert!(went.text().contains(&pinned), "{}", went.text());
    assert!(went.text().contains(&format!("<script src=\"{alone}\">")), "{}", went.text());
    set(&text, "second()");
    set(&other, "second()");
    hour_later(&bench).await;
    let went = bench.page(&page).await;
    let policy = went.policy("content-security-policy");
    let by_hash = policy.contains(&format!("'sha256-{hash}'"));
    assert!(went.text().contains(&pinned) && by_hash, "what was approved may still come: {policy}");
    // By its address it would run where an approved script puts it in: there is no tag that asks for the hash.
    assert!(
        !policy.contains(&shared) && !policy.contains(&alone),
        "what changed has lost its place: {policy}"
    );
});

both_engines!(the_shop_s_own_files_are_asked_of_the_shop, MIGRATIONS, async |db| {
    let (shop, text, count) = server("").await;
    set(&text, "test card 4111 1111 1111 1111");
    let bench = Bench::with_shop(db, "on_change = 'block'", Some(shop.url())).await;
    bench.settled("<head><script src=/assets/shop.js?v=1></script><script src=/gone.js></script>").await;
    assert_eq!(bench.checkout.fetch_due().await.unwrap(), 1);
    assert_eq!(count.load(Ordering::SeqCst), 2);
    let row = bench.row("https://shop.example/assets/shop.js").await;
    // As the edge sends it: without the number.
    let hash = storeward_seal::encoding::base64(&storeward_seal::fingerprint::sha256(
        b"test card **** **** **** 1111",
    ));
    assert_eq!((row.hash.as_deref(), row.is_shared), (Some(hash.as_str()), true));
    let gone = bench.row("https://shop.example/gone.js").await;
    assert_eq!((gone.hash, gone.fetch_code.as_deref()), (None, Some("status_404")));
});

// Only browsers that say what they ran told of a changed file of the shop's own within the hour.
both_engines!(a_changed_file_of_the_shop_s_own_is_told_soon_after_a_view, MIGRATIONS, async |db| {
    let (shop, text, count) = server("").await;
    let (cdn, _, elsewhere) = server("").await;
    let bench =
        Bench::with_shop(db, &format!("mode = 'enforce'\ninternal = ['{}']", cdn.url()), Some(shop.url()))
            .await;
    let page =
        format!("<head><script src=/assets/shop.js></script><script src=\"{}/b.js\"></script>", cdn.url());
    bench.settled(&page).await;
    bench.checkout.fetch_due().await.unwrap();
    let row = bench.row("https://shop.example/assets/shop.js").await;
    bench.approve(&row, Scope::Exact).await;
    set(&text, "second()");
    let later = async || {
        bench.db.clock.advance(Duration::from_secs(30));
        bench.checkout.fetch_own().await.unwrap()
    };
    assert_eq!(later().await, 0, "nobody looked at the page since");
    bench.settled(&page).await;
    // Two jobs asked for it, each twice a minute.
    assert_eq!(bench.checkout.fetch_due().await.unwrap(), 0, "the other job's");
    assert_eq!(bench.checkout.fetch_own().await.unwrap(), 1);
    assert_eq!(bench.told("checkout.script_changed").await.len(), 1);
    bench.settled(&page).await;
    assert_eq!(bench.checkout.fetch_own().await.unwrap(), 0, "it was asked for just now");
    assert_eq!(
        (count.load(Ordering::SeqCst), elsewhere.load(Ordering::SeqCst)),
        (2, 1),
        "another's once an hour"
    );
});

// Twenty a round: a shop with eighty files had each looked at once a minute, and heard of a change later than it was told it would.
both_engines!(all_files_of_a_large_page_are_fetched_in_one_round, MIGRATIONS, async |db| {
    let (shop, _, count) = server("").await;
    let bench = Bench::with_shop(db, "", Some(shop.url())).await;
    let tags: String = (0..90).map(|n| format!("<script src=/s/{n}.js></script>")).collect();
    for round in 1..3 {
        bench.settled(&format!("<head>{tags}")).await;
        // Also those that were never fetched.
        assert_eq!(bench.checkout.fetch_own().await.unwrap(), 90);
        assert_eq!(count.load(Ordering::SeqCst), 90 * round);
        bench.db.clock.advance(Duration::from_secs(30));
    }
    assert!(bench.scripts().await.iter().all(|row| row.hash.is_some()));
});

// Whoever said so had every file that ever stood in a page fetched in each round, before those that stand in it now.
both_engines!(a_report_has_no_file_of_the_shop_s_fetched, MIGRATIONS, async |db| {
    let (shop, _, count) = server("").await;
    let bench = Bench::with_shop(db, "", Some(shop.url())).await;
    let (old, address) = ("<head><script src=/old.js></script>", "https://shop.example/old.js");
    let key = bench.settled(old).await.report_key();
    assert_eq!(bench.checkout.fetch_own().await.unwrap(), 1);
    let forged = |address: &str| {
        format!(
            "{{\"csp-report\":{{\"effective-directive\":\"script-src-elem\",\"blocked-uri\":\"{address}\",\
             \"source-file\":\"https://somebody.example/x.js\",\"document-uri\":\"https://shop.example/checkout\"}}}}"
        )
    };
    let later = async |address: &str| {
        bench.db.clock.advance(Duration::from_secs(30));
        bench.post(&key, 1, forged(address)).await;
        bench.checkout.settle().await.unwrap();
        bench.checkout.fetch_own().await.unwrap()
    };
    assert_eq!(later(address).await, 0);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let row = bench.row(address).await;
    assert_eq!((row.seen, row.initiator), (2, None), "nor does anybody say who asked for it");
    // Nor of what was hearsay before it stood in a page.
    let late = "https://shop.example/late.js";
    assert_eq!(later(late).await, 0);
    assert!(bench.row(late).await.initiator.is_some());
    bench.settled("<head><script src=/late.js></script>").await;
    assert_eq!((bench.row(late).await.initiator, bench.checkout.fetch_own().await.unwrap()), (None, 1));
    // What an approved script of the shop's loads stands in no page: there a report is all that there is.
    let loaded = "https://shop.example/loaded.js";
    assert_eq!(later(loaded).await, 0);
    bench.approve(&bench.row(loaded).await, Scope::Address).await;
    assert_eq!((later(loaded).await, later(loaded).await, later(address).await), (1, 1, 0));
});

// Whoever writes a script's tag into a page chooses where we ask: nowhere inside.
both_engines!(nothing_inside_is_asked, MIGRATIONS, async |db| {
    let (inside, _, count) = server("").await;
    let bench = Bench::new(db, "").await;
    let port = inside.url().rsplit(':').next().unwrap().to_owned();
    let tags = [
        format!("http://127.0.0.1:{port}/a.js"),
        format!("https://127.0.0.1:{port}/a.js"),
        format!("https://localhost:{port}/a.js"),
        format!("https://[::1]:{port}/a.js"),
        format!("https://[::ffff:127.0.0.1]:{port}/a.js"),
        format!("https://0.0.0.0:{port}/a.js"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/a.js".to_owned(),
        "file:///etc/passwd".to_owned(),
        format!("https://user:x@127.0.0.1:{port}/a.js"),
    ];
    let tags: Vec<String> =
        tags.iter().map(|address| format!("<script src=\"{address}\"></script>")).collect();
    bench.settled(&format!("<head>{}", tags.concat())).await;
    assert_eq!(bench.checkout.fetch_due().await.unwrap(), 0);
    assert_eq!(count.load(Ordering::SeqCst), 0);
    let rows = bench.scripts().await;
    assert!(
        rows.len() >= 7 && rows.iter().all(|row| row.hash.is_none() && row.fetch_code.is_some()),
        "{rows:?}"
    );
});

// What was only reported is not asked for, whoever reports it.
both_engines!(hearsay_is_not_fetched, MIGRATIONS, async |db| {
    let (cdn, _, count) = server("").await;
    let bench = Bench::new(db, &format!("internal = ['{}']", cdn.url())).await;
    let key = bench.page("<head>").await.report_key();
    let report = format!(
        "{{\"csp-report\":{{\"effective-directive\":\"script-src-elem\",\"blocked-uri\":\"{}/a.js\"}}}}",
        cdn.url()
    );
    bench.post(&key, 1, report).await;
    bench.checkout.settle().await.unwrap();
    assert_eq!(bench.checkout.fetch_due().await.unwrap(), 0);
    assert_eq!(count.load(Ordering::SeqCst), 0);
    bench.approve(&bench.row(&format!("{}/a.js", cdn.url())).await, Scope::Address).await;
    assert_eq!(bench.checkout.fetch_due().await.unwrap(), 1, "once somebody approved it, it is");
});
