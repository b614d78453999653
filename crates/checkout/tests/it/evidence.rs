//! The report for an assessor: from the database, dated, with what is missing, and known to the ledger.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use storeward_base::Clock;
use storeward_checkout::MIGRATIONS;
use storeward_checkout::desk::{Error, Evidence, Hold, Period, Scope};
use storeward_events::Event;
use storeward_store::both_engines;

use crate::bench::{Bench, STAFF, Visit};

const DAY: Duration = Duration::from_secs(24 * 3_600);
const PAGE: &str = "<head><script>go('x')</script></head><body><script>steal(1)</script></body>";

async fn made(bench: &Bench, days: u32) -> Evidence {
    // The end of a period is not in it.
    bench.db.clock.advance(Duration::from_secs(1));
    let now = bench.db.clock.now();
    let period = Period { from: now.minus(DAY * days), until: now };
    let names = HashMap::from([(STAFF.to_string(), "Ada <b>B</b>".to_owned())]);
    bench.checkout.evidence(period, STAFF, names).await.unwrap()
}

fn json(made: &Evidence) -> Value {
    serde_json::from_slice(&made.json).unwrap()
}

fn gaps(report: &Value) -> Vec<String> {
    report["gaps"].as_array().unwrap().iter().map(|gap| gap.as_str().unwrap().to_owned()).collect()
}

fn has(report: &Value, words: &str) -> bool {
    gaps(report).iter().any(|gap| gap.contains(words))
}

both_engines!(a_report_says_who_approved_what_and_why, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let html = [("content-type", "text/html; charset=utf-8"), ("x-frame-options", "DENY")];
    bench.visit(Visit { answered: &html, ..Visit::page(PAGE) }).await.unwrap();
    bench.checkout.settle().await.unwrap();
    bench.db.clock.advance(Duration::from_secs(23 * 3_600));
    let rows = bench.scripts().await;
    let own = rows.iter().find(|row| row.sample.starts_with("go(")).unwrap();
    let other = rows.iter().find(|row| row.sample.starts_with("steal(")).unwrap();
    bench.approve(own, Scope::Exact).await;
    bench.checkout.approve_headers("/checkout", STAFF).await.unwrap();
    let learning = json(&made(&bench, 30).await);
    assert!(has(&learning, "1 script is authorised by nobody"), "{:?}", gaps(&learning));
    assert!(has(&learning, "1 of 1 paying pages are not held to approved scripts"));
    bench.checkout.revoke(&other.id, STAFF).await.unwrap();
    for alert in bench.checkout.alerts(10).await.unwrap().iter().filter(|alert| alert.closed_at.is_none()) {
        bench.checkout.close_alert(&alert.id, STAFF).await.unwrap();
    }
    bench.checkout.hold("/checkout", Hold::Enforce, STAFF).await.unwrap();
    let made = made(&bench, 30).await;
    let report = json(&made);
    assert_eq!(report["standard"], "PCI DSS 4.0.1");
    let numbers: Vec<&str> = report["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["number"].as_str().unwrap())
        .collect();
    assert_eq!(numbers, ["6.4.3", "11.6.1", "SAQ A"]);
    let script = |id: &str| {
        report["scripts"].as_array().unwrap().iter().find(|row| row["script"] == id).unwrap().clone()
    };
    let approved = script(own.id.as_str());
    assert_eq!(
        (&approved["status"], &approved["approval"]["justification"]),
        (&"approved".into(), &"Shows the prices.".into())
    );
    assert_eq!(approved["approval"]["by"]["id"], STAFF.to_string());
    assert_eq!(approved["versions"].as_array().unwrap().len(), 1);
    assert_eq!(script(other.id.as_str())["status"], "revoked");
    // Each decision names the event that holds it.
    let decisions = report["decisions"].as_array().unwrap();
    let acts: Vec<&str> = decisions.iter().map(|one| one["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["approved", "rejected"]);
    assert!(decisions.iter().all(|one| one["event"].as_str().unwrap().starts_with("evt_")));
    let alerts = report["alerts"].as_array().unwrap();
    assert!(
        alerts.iter().all(|one| one["closed_by"]["id"] == STAFF.to_string()) && alerts.len() == 2,
        "{alerts:?}"
    );
    assert_eq!(report["days"]["with_a_page_compared"], 1);
    assert_eq!(report["settings"]["pages"][0]["serves"], "approved scripts only");
    assert!(report["headers"].as_array().unwrap().iter().all(|line| line["is_as_approved"] == true));
    for mended in
        ["authorised by nobody", "not held to approved", "looked at by nobody", "Nobody approved the headers"]
    {
        assert!(!has(&report, mended), "{mended}: {:?}", gaps(&report));
    }
    // What is missing is said: the page went out on one day of thirty.
    assert!(
        has(&report, "/checkout went out to no browser and was not compared for up to 29 days"),
        "{:?}",
        gaps(&report)
    );
    assert!(has(&report, "What browsers stopped is kept for 90 days"), "{:?}", gaps(&report));
    // For people, with nobody's mark-up in it.
    assert!(made.html.contains("Shows the prices.") && made.html.contains(&made.sha256));
    assert!(!made.html.contains("<b>B</b>") && made.html.contains("Ada"), "names are text");
});

// Whoever changes a report, or writes one, has none that the ledger knows.
both_engines!(the_ledger_knows_a_report_and_no_other, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    bench.settled(PAGE).await;
    let first = made(&bench, 30).await;
    let second = made(&bench, 60).await;
    for made in [&first, &second] {
        assert_eq!(bench.checkout.known_evidence(&made.json).await.unwrap().as_ref(), Some(&made.event));
    }
    let text = String::from_utf8(first.json.clone()).unwrap();
    let forged = text.replace("authorised by nobody", "authorised by somebody");
    assert_ne!(forged, text);
    assert_eq!(bench.checkout.known_evidence(forged.as_bytes()).await.unwrap(), None);
    assert_eq!(bench.checkout.known_evidence(b"").await.unwrap(), None);
    match &bench.told("checkout.evidence_reported").await[..] {
        [Event::EvidenceReported(one), Event::EvidenceReported(other)] => {
            let digests = [&one.sha256, &other.sha256];
            assert!(digests.contains(&&first.sha256) && digests.contains(&&second.sha256));
        }
        other => panic!("{other:?}"),
    }
});

// It counted as scripts that nobody authorised, a gap that nobody could close.
both_engines!(code_that_scripts_put_in_has_a_part_of_its_own, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let key = bench.settled("<head><script>go('x')</script>").await.report_key();
    bench.approve(&bench.row("inline").await, Scope::Exact).await;
    let code = |file: &str, sample: &str| {
        format!(
            "{{\"type\":\"csp-violation\",\"body\":{{\"blockedURL\":\"inline\",\"disposition\":\"report\",\
             \"documentURL\":\"https://shop.example/checkout\",\"effectiveDirective\":\"script-src-elem\",\
             \"sourceFile\":\"{file}\",\"sample\":\"{sample}\"}}}}"
        )
    };
    bench.post(&key, 1, code("https://tags.example/m.js", "tag(1)")).await;
    bench.post(&key, 1, code("https://shop.example/checkout", "byThePage(1)")).await;
    bench.checkout.settle().await.unwrap();
    let report = json(&made(&bench, 30).await);
    assert!(!has(&report, "authorised by nobody"), "{:?}", gaps(&report));
    assert!(
        has(&report, "2 pieces of code that scripts put into pages that are not held"),
        "{:?}",
        gaps(&report)
    );
    assert_eq!(report["scripts"].as_array().unwrap().len(), 1);
    let by: Vec<&Value> = report["put_in"].as_array().unwrap().iter().map(|row| &row["put_in_by"]).collect();
    assert!(by.contains(&&"https://tags.example/m.js".into()) && by.contains(&&Value::Null), "{by:?}");
    // Whatever staff decide of the row it runs; where the page is held it does not.
    for row in bench.scripts().await.iter().filter(|row| row.is_put_in()) {
        bench.checkout.revoke(&row.id, STAFF).await.unwrap();
    }
    assert!(has(&json(&made(&bench, 30).await), "2 pieces of code that scripts put"));
    bench.checkout.hold("/checkout", Hold::Enforce, STAFF).await.unwrap();
    let held = made(&bench, 30).await;
    assert!(!has(&json(&held), "code that scripts put"), "{:?}", gaps(&json(&held)));
    assert!(
        held.html.contains("Code that scripts put in (2)") && held.html.contains("tags.example/m.js</td>")
    );
});

both_engines!(a_report_without_anything_says_so, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    let report = json(&made(&bench, 30).await);
    assert!(has(&report, "The inventory is empty"));
    assert!(has(&report, "/checkout did not go out within the period"));
    assert!(has(&report, "Nobody approved the headers of /checkout"));
    let now = bench.db.clock.now();
    for (from, until) in
        [(now, now), (now, now.minus(DAY)), (now.plus(DAY), now.plus(DAY * 2)), (now.minus(DAY * 397), now)]
    {
        let refused = bench.checkout.evidence(Period { from, until }, STAFF, HashMap::new()).await;
        assert!(matches!(refused, Err(Error::Misfit { field: "from", .. })), "{refused:?}");
    }
    assert_eq!(bench.told("checkout.evidence_reported").await.len(), 1);
});

// A long period of a busy shop has more than a report holds: that is said, and not that nothing was done.
both_engines!(a_report_says_what_it_has_no_room_for, MIGRATIONS, async |db| {
    let bench = Bench::new(db, "").await;
    bench.settled("<head>").await;
    let day: String = bench.db.clock.now().rfc3339().chars().take(10).collect();
    let filled = bench.db.write(move |tx| {
        tx.commit_silent("a test");
        let rows = "INSERT INTO checkout_check (day, what, target, done, failed, last_at) WITH RECURSIVE n(i) AS \
                    (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20001) \
                    SELECT CAST($1 AS TEXT), 'fetch', 'x' || i, 1, 0, 1 FROM n";
        tx.execute(rows, storeward_store::params![&day]).map(drop)
    });
    filled.await.unwrap();
    let report = json(&made(&bench, 30).await);
    assert!(has(&report, "more days of checks within the period than the 20000"), "{:?}", gaps(&report));
    assert!(!has(&report, "more alerts within"), "{:?}", gaps(&report));
    assert_eq!(report["checks"].as_array().unwrap().len(), 20_000);
    let bears = report["requirements"].as_array().unwrap().iter().map(|one| one["gaps"].as_array().unwrap());
    assert!(bears.into_iter().all(|gaps| gaps.contains(&1.into())), "{:?}", report["requirements"]);
});
