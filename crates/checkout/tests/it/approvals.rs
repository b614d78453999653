//! From what was seen to what may run.

use std::time::Duration;

use storeward_checkout::desk::{Error, Hold, Kind, NewApproval, Scope, ScriptId, Status};
use storeward_checkout::{CODE_STATEMENTS, MIGRATIONS, STAFF_STATEMENTS, STATEMENTS};
use storeward_events::Event;
use storeward_seal::encoding::hex;
use storeward_seal::fingerprint::sha256;
use storeward_store::both_engines;

use crate::bench::{Bench, STAFF, because, post};

/// Two of the shop's own, and what somebody wrote into a review.
const PAGE: &str = "<head><script src=/assets/shop.js?v=7 defer></script><script>var total = \"12.50\";</script></head>\
                    <body><script src=https://evil.example/skim.js></script><script>steal(card)</script></body>";

both_engines!(statements_fit_both_engines, MIGRATIONS, async |db| {
    let checked = db.write(|tx| {
        tx.commit_silent("a test");
        for statement in STATEMENTS.iter().chain(CODE_STATEMENTS).chain(STAFF_STATEMENTS) {
            tx.check_statement(statement)?;
        }
        Ok::<_, storeward_store::Error>(())
    });
    checked.await.unwrap();
});

both_engines!(what_ran_is_in_the_inventory, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    bench.settled(PAGE).await;
    let rows = bench.scripts().await;
    let mut found: Vec<(Kind, &str, Status)> =
        rows.iter().map(|row| (row.kind, row.address.as_str(), row.status)).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            (Kind::Script, "https://evil.example/skim.js", Status::New),
            (Kind::Script, "https://shop.example/assets/shop.js", Status::New),
            (Kind::Inline, "inline", Status::New),
            (Kind::Inline, "inline", Status::New),
        ]
    );
    assert!(rows.iter().any(|row| row.sample == "var total = \"\";"));
    assert_eq!(bench.told("checkout.script_new").await.len(), 4);
    assert_eq!(bench.checkout.alerts(10).await.unwrap().len(), 4);
    // Seen again it is counted, and told no more. The data in the page is another one, the script the same.
    bench.settled(&PAGE.replace("12.50", "99.99")).await;
    let rows = bench.scripts().await;
    assert!(rows.len() == 4 && rows.iter().all(|row| row.seen == 2), "{rows:?}");
    assert_eq!(bench.told("checkout.script_new").await.len(), 4);
    let shaped = rows.iter().find(|row| row.sample == "var total = \"\";").unwrap();
    let whole = bench.checkout.script(&shaped.id).await.unwrap().unwrap();
    assert_eq!(whole.versions.len(), 2, "each hash that it had");
});

// What nobody approved has neither a nonce nor a hash nor its address in the policy: a browser does not run it.
both_engines!(a_script_that_was_put_into_the_page_does_not_run, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    bench.settled(PAGE).await;
    bench.checkout.settle().await.unwrap();
    let own = bench.row("https://shop.example/assets/shop.js").await;
    bench.approve(&own, Scope::Address).await;
    let rows = bench.scripts().await;
    let shaped = rows.iter().find(|row| row.sample == "var total = \"\";").unwrap();
    bench.approve(shaped, Scope::Shape).await;
    let went = bench.page(&PAGE.replace("12.50", "13.00")).await;
    let (policy, text, nonce) = (went.policy("content-security-policy"), went.text(), went.nonce());
    let scripts = policy.split(';').find(|part| part.trim().starts_with("script-src ")).unwrap();
    assert_eq!(
        scripts.trim(),
        format!(
            "script-src 'report-sha256' 'report-sample' 'nonce-{nonce}' https://shop.example/.storeward/checkout/guard.js https://shop.example/assets/shop.js"
        )
    );
    assert!(text.contains(&format!("<script nonce=\"{nonce}\">var total = \"13.00\";")), "{text}");
    assert!(
        text.contains("<script>steal(card)</script>")
            && text.contains("<script src=https://evil.example/skim.js>")
    );
    assert_eq!(
        text.matches(&format!("nonce=\"{nonce}\"")).count(),
        2,
        "the guard and the one that was approved"
    );
    // Not even when it looks like the one that was approved but for one call.
    let close = bench.page("<head><script>var total = steal(\"13.00\");</script>").await;
    assert_eq!(close.text().matches("nonce=").count(), 1);
});

both_engines!(an_approval_names_who_why_and_until_when, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    bench.settled("<head><script>go()</script>").await;
    let row = bench.row("inline").await;
    let bad = |owner: &str, justification: &str, days| NewApproval {
        owner: owner.to_owned(),
        justification: justification.to_owned(),
        days,
        hash: row.hash.clone(),
        ..because(Scope::Exact)
    };
    for what in [
        bad("", "because", 1),
        bad("me", "", 1),
        bad("me", "because", 0),
        bad("me", "because", 367),
        bad("two\nlines", "because", 1),
        because(Scope::Address),
        // Whatever is there at this moment: nobody looked at that.
        because(Scope::Exact),
    ] {
        let refused = bench.checkout.approve(&row.id, what, STAFF).await;
        assert!(matches!(refused, Err(Error::Misfit { .. })), "{refused:?}");
    }
    let nobody = ScriptId::of(Kind::Script, "https://nowhere.example/");
    assert_eq!(bench.checkout.approve(&nobody, because(Scope::Address), STAFF).await, Err(Error::NoScript));
    let runs = async || {
        let hash = row.hash.clone().unwrap();
        bench.page("<head>").await.policy("content-security-policy").contains(&format!("'sha256-{hash}'"))
    };
    assert!(!runs().await);
    bench.approve(&row, Scope::Exact).await;
    assert!(runs().await);
    assert!(bench.checkout.alerts(10).await.unwrap().iter().all(|alert| alert.closed_at.is_some()));
    let approval = bench.row("inline").await.approval.unwrap();
    assert_eq!((approval.owner.as_str(), approval.by.as_str()), ("Web team", STAFF.to_string().as_str()));
    match &bench.told("checkout.script_approved").await[..] {
        [Event::ScriptApproved(fact)] => {
            assert_eq!((fact.scope.as_str(), fact.until), ("exact", approval.until));
            assert!(!format!("{fact:?}").contains("prices"), "why stands in the inventory");
        }
        other => panic!("{other:?}"),
    }
    // It ends by itself.
    bench.db.clock.advance(Duration::from_secs(31 * 24 * 3_600));
    bench.checkout.refresh().await.unwrap();
    assert!(!runs().await);
    assert_eq!(bench.row("inline").await.status, Status::Expired);
    bench.approve(&bench.row("inline").await, Scope::Exact).await;
    assert!(runs().await);
    bench.checkout.revoke(&row.id, STAFF).await.unwrap();
    assert!(!runs().await);
    assert_eq!(bench.row("inline").await.status, Status::Revoked);
    assert_eq!(bench.told("checkout.script_revoked").await.len(), 1);
});

// Whoever named a hash of code in which the hour stands read that somebody else had changed the script, and nobody had.
both_engines!(a_hash_that_is_gone_is_no_other_persons_doing, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let page =
        |hour: &str| format!("<head><script>var opened = \"{hour}\";</script><script>go(`1`)</script>");
    bench.settled(&page("12:00")).await;
    let rows = bench.scripts().await;
    let shaped = rows.iter().find(|row| !row.sample.is_empty()).unwrap();
    let plain = rows.iter().find(|row| row.sample.is_empty()).unwrap();
    bench.settled(&page("12:01")).await;
    let refused = async |id: &ScriptId, hash: &str| {
        let what = NewApproval { hash: Some(hash.to_owned()), ..because(Scope::Exact) };
        bench.checkout.approve(id, what, STAFF).await.unwrap_err()
    };
    let gone = refused(&shaped.id, shaped.hash.as_ref().unwrap()).await;
    assert!(matches!(gone, Error::Misfit { field: "scope", .. }), "{gone:?}");
    assert!(gone.to_string().contains("approve its shape"), "{gone}");
    // What is no hash is said to be none.
    let (short, strange) = ("a".repeat(62), "g".repeat(64));
    for hash in ["", short.as_str(), strange.as_str(), &format!("sha1-{}", plain.hash.as_ref().unwrap())] {
        let fault = refused(&plain.id, hash).await;
        assert!(matches!(fault, Error::Misfit { field: "hash", .. }), "{hash}: {fault:?}");
    }
    let other = refused(&plain.id, shaped.hash.as_ref().unwrap()).await;
    assert_eq!(other, Error::Changed);
    assert!(other.to_string().contains("its file changed") && !other.to_string().contains("somebody else"));
    assert_eq!(refused(&plain.id, &"a".repeat(64)).await, Error::Changed);
    bench.approve(shaped, Scope::Shape).await;
    // As the inventory has it, as a policy does, and as `sha256sum` prints it of the file's bytes: it is the same.
    let own = plain.hash.clone().unwrap();
    let hex = hex(&sha256(b"go(`1`)"));
    for hash in [own.clone(), format!("sha256-{own}"), hex.clone(), hex.to_ascii_uppercase()] {
        let what = NewApproval { hash: Some(hash), ..because(Scope::Exact) };
        bench.checkout.approve(&plain.id, what, STAFF).await.unwrap();
        let row = bench.scripts().await.into_iter().find(|row| row.id == plain.id).unwrap();
        assert_eq!(row.approval.unwrap().hash.as_ref(), Some(&own), "kept in one alphabet");
    }
});

both_engines!(another_node_takes_it_up, MIGRATIONS, async |db| {
    let other = db.open_again();
    let bench = Bench::new(db, "mode = 'enforce'").await;
    bench.settled("<head><script>go()</script>").await;
    let row = bench.row("inline").await;
    let second = bench.beside(other);
    let what = NewApproval { hash: row.hash.clone(), ..because(Scope::Exact) };
    second.approve(&row.id, what, STAFF).await.unwrap();
    let policy = async || bench.page("<head>").await.policy("content-security-policy");
    assert!(!policy().await.contains("'sha256-"));
    bench.checkout.settle().await.unwrap();
    assert!(policy().await.contains("'sha256-"));
});

// In learning mode with `last_good`, what Storeward itself saw new closes the page to what was approved; hearsay does not.
both_engines!(the_last_good_state, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "on_change = 'last_good'").await;
    let mode = async |body: &str| {
        let went = bench.settled(body).await;
        let again = bench.page(body).await;
        assert!(went.text().contains("guard.js"));
        again.headers.contains_key("content-security-policy")
    };
    // The first look is no change.
    assert!(!mode("<head><script>go()</script>").await);
    bench.approve(&bench.row("inline").await, Scope::Exact).await;
    assert!(!mode("<head><script>go()</script>").await);
    let key = bench.page("<head>").await.report_key();
    let report = "{\"csp-report\":{\"effective-directive\":\"script-src-elem\",\"blocked-uri\":\"https://rumour.example/x.js\"}}";
    bench.post(&key, 1, report.to_owned()).await;
    assert!(!mode("<head><script>go()</script>").await, "anybody can report");
    assert!(mode("<head><script>go()</script><script>steal()</script>").await);
    let facts = bench.told("checkout.last_good").await;
    assert_eq!(facts.len(), 1, "{facts:?}");
    // Staff look at it: as before again.
    for alert in bench.checkout.alerts(100).await.unwrap() {
        if alert.closed_at.is_none() {
            bench.checkout.close_alert(&alert.id, STAFF).await.unwrap();
        }
    }
    assert!(!mode("<head><script>go()</script>").await);
    assert_eq!(bench.told("checkout.last_good").await.len(), 2);
});

// Whoever reports a script before it is put in makes no way around being told: hearsay takes the place of nothing that was seen.
both_engines!(hearsay_hides_nothing_that_is_seen, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "on_change = 'last_good'").await;
    bench.settled("<head><script>go()</script>").await;
    bench.approve(&bench.row("inline").await, Scope::Exact).await;
    let key = bench.page("<head>").await.report_key();
    let report = "{\"csp-report\":{\"effective-directive\":\"script-src-elem\",\"blocked-uri\":\"https://evil.example/x.js\"}}";
    bench.post(&key, 1, report.to_owned()).await;
    bench.checkout.settle().await.unwrap();
    for alert in bench.checkout.alerts(100).await.unwrap().iter().filter(|alert| alert.closed_at.is_none()) {
        bench.checkout.close_alert(&alert.id, STAFF).await.unwrap();
    }
    let before = bench.told("checkout.script_new").await.len();
    let body = "<head><script>go()</script><script src=https://evil.example/x.js></script>";
    bench.settled(body).await;
    assert_eq!(bench.told("checkout.script_new").await.len(), before + 1);
    assert!(bench.page(body).await.headers.contains_key("content-security-policy"), "the last good state");
    // Said to be none of ours: the page does not go back to one in which it runs.
    bench.checkout.revoke(&bench.row("https://evil.example/x.js").await.id, STAFF).await.unwrap();
    assert!(bench.page(body).await.headers.contains_key("content-security-policy"));
});

// A stranger with a page's key fills a room of their own.
both_engines!(a_flood_of_reports_leaves_room_for_what_is_seen, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    bench.settled("<head><script>go()</script>").await;
    bench.approve(&bench.row("inline").await, Scope::Exact).await;
    let key = bench.page("<head>").await.report_key();
    for round in 0..12u32 {
        let router = bench.checkout.router(&["shop.example".to_owned()]).unwrap();
        for number in 0..150u32 {
            let words: Vec<_> = (0..20)
                .map(|word| format!("{{\"kind\":\"tampered\",\"channel\":\"other\",\"host\":\"h{round}-{number}-{word}.example\"}}"))
                .collect();
            post(router.clone(), &key, number, format!("[{}]", words.join(","))).await;
        }
        bench.checkout.settle().await.unwrap();
        bench.db.clock.advance(std::time::Duration::from_secs(61));
    }
    assert!(bench.told("checkout.guard_tampered").await.len() <= 12 * 20);
    let before = bench.told("checkout.script_new").await.len();
    bench.settled("<head><script>go()</script><script>steal()</script>").await;
    assert_eq!(bench.told("checkout.script_new").await.len(), before + 1);
    let alerts = bench.checkout.alerts(500).await.unwrap();
    assert!(alerts.iter().any(|alert| alert.kind == "script_new" && alert.closed_at.is_none()));
});

// What runs today does not run tomorrow where approved scripts alone run: told two weeks before, and when it is so, each once.
both_engines!(an_approval_that_ends_is_told_before_and_then, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    bench.settled("<head><script>go(1)</script><script src=https://cdn.example/a.js></script>").await;
    let row = bench.row("https://cdn.example/a.js").await;
    bench.approve(&row, Scope::Address).await;
    let days = async |count: u64| {
        bench.db.clock.advance(Duration::from_secs(count * 24 * 3_600));
        bench.checkout.tell_endings().await.unwrap()
    };
    let open = async || {
        let alerts = bench.checkout.alerts(50).await.unwrap();
        let ends =
            alerts.into_iter().filter(|one| one.kind.starts_with("approval") && one.closed_at.is_none());
        ends.map(|one| one.kind).collect::<Vec<_>>()
    };
    assert_eq!((days(0).await, days(15).await), (0, 0), "thirty days are far");
    assert_eq!((days(2).await, days(0).await, days(1).await), (1, 0, 0), "told once");
    assert_eq!(open().await, ["approval_ends"]);
    assert!(bench.page("<head>").await.policy("content-security-policy").contains("cdn.example"));
    assert_eq!((days(13).await, days(1).await), (1, 0));
    assert_eq!(open().await, ["approval_over", "approval_ends"]);
    bench.checkout.refresh().await.unwrap();
    assert!(!bench.page("<head>").await.policy("content-security-policy").contains("cdn.example"));
    let states: Vec<String> = bench
        .told("checkout.approval_ends")
        .await
        .into_iter()
        .map(|event| match event {
            Event::ApprovalEnds(fact) if fact.script == row.id.to_string() => fact.state,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(states.len(), 2, "{states:?}");
    assert!(states.contains(&"soon".to_owned()) && states.contains(&"over".to_owned()), "{states:?}");
    assert_eq!(bench.checkout.concerns().iter().filter(|line| line.contains("approval")).count(), 2);
    // Approved anew, nobody has to look any more; the next end is told again.
    bench.approve(&row, Scope::Address).await;
    assert_eq!((open().await.len(), days(17).await), (0, 1));
    // What no page had for long is missed by nobody.
    assert_eq!(days(90).await, 0);
});

// Who had brought a script into a paying page approved it in the database.
both_engines!(nobody_approves_a_script_by_writing_the_database, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "mode = 'enforce'").await;
    bench.settled(PAGE).await;
    let (evil, own) = ("https://evil.example/skim.js", "https://shop.example/assets/shop.js");
    let was = bench.row(own).await;
    bench.approve(&was, Scope::Address).await;
    let runs = async |address: &str| {
        bench.checkout.refresh().await.unwrap();
        bench.page(PAGE).await.policy("content-security-policy").contains(address)
    };
    assert!(runs(own).await && !runs(evil).await);
    assert_eq!(storeward_checkout::harmed(&bench.db).await.unwrap(), []);
    bench.db.tamper("CREATE TABLE kept AS SELECT * FROM checkout_script");
    let of_own = format!("FROM kept WHERE address = '{own}'");
    let columns =
        ["scope", "approved_hash", "owner", "justification", "approved_by", "approved_at", "approved_until"];
    let copied: Vec<String> =
        columns.iter().map(|name| format!("{name} = (SELECT {name} {of_own})")).collect();
    for (change, address, still) in [
        // The approval of another; the whole row of it at another address; and with another's id.
        (format!("UPDATE checkout_script SET {} WHERE address = '{evil}'", copied.join(", ")), evil, true),
        (format!("UPDATE checkout_script SET address = '{evil}' WHERE address = '{own}'"), evil, false),
        (
            format!("UPDATE checkout_script SET approved_until = approved_until + 1 WHERE address = '{own}'"),
            own,
            false,
        ),
        (
            format!(
                "UPDATE checkout_script SET scope = 'exact', approved_hash = hash WHERE address = '{own}'"
            ),
            own,
            false,
        ),
        (format!("UPDATE checkout_script SET kind = 'frame' WHERE address = '{own}'"), own, false),
    ] {
        bench.db.tamper(&change);
        assert_eq!((runs(address).await, runs(own).await), (false, still), "{change}");
        assert_eq!(storeward_checkout::harmed(&bench.db).await.unwrap().len(), 1, "{change}");
        bench.db.tamper("DELETE FROM checkout_script");
        bench.db.tamper("INSERT INTO checkout_script SELECT * FROM kept");
        assert!(runs(own).await && !runs(evil).await);
    }
    // One that was taken back stays so when its row of before comes back.
    bench.checkout.revoke(&was.id, STAFF).await.unwrap();
    bench.db.tamper("DELETE FROM checkout_script");
    bench.db.tamper("INSERT INTO checkout_script SELECT * FROM kept");
    assert!(!runs(own).await);
    bench.approve(&bench.row(own).await, Scope::Address).await;
    assert!(runs(own).await);
});

// And so a page that somebody held to what was approved went on as it was.
both_engines!(nobody_makes_a_page_laxer_by_writing_the_database, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    bench.settled(PAGE).await;
    let is_held = async || {
        bench.checkout.refresh().await.unwrap();
        bench.page(PAGE).await.headers.contains_key("content-security-policy")
    };
    assert!(!is_held().await);
    bench.checkout.hold("/checkout", Hold::Enforce, STAFF).await.unwrap();
    assert!(is_held().await);
    for change in ["UPDATE checkout_page SET hold = 'learn'", "DELETE FROM checkout_page"] {
        bench.db.tamper(change);
        assert!(is_held().await, "{change}");
    }
    bench.checkout.hold("/checkout", Hold::Learn, STAFF).await.unwrap();
    assert!(!is_held().await);
});
