//! Reports of false messages: kept whole and sealed, shown to staff as text, told without a word of them.

use storeward_base::StaffId;
use storeward_guide::staff::{Error, Verdict};
use storeward_store::{both_engines, params};

use super::bench::{Bench, EMAIL, MIGRATIONS};

const SAID: &str =
    "Dear Ada, <img src=x onerror=alert(1)> confirm at https://shop.example.evil.example/pay\u{202E} now";

both_engines!(a_report_is_kept_sealed_and_shown_defanged, &MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut ada = bench.signed_up(EMAIL).await;
    let answer = ada.post_from("/messages/report", "/messages/report", &[("said", SAID)]).await;
    answer.says("Thank you");
    let code = bench.check_code(EMAIL, 1).await;
    let copied = format!("Your parcel. {code}");
    let mut stranger = bench.browser();
    let answer = stranger.post_from("/messages/report", "/messages/report", &[("said", &copied)]).await;
    answer.says("belongs to a message of ours");

    assert_eq!(bench.told("guide.message_reported", "links").await, ["1", "0"]);
    assert_eq!(bench.told("guide.message_reported", "bears_our_code").await, ["false", "true"]);
    let ledger = bench.ledger().await;
    for word in ["evil.example", "Dear Ada", "parcel", EMAIL, &code] {
        assert!(!ledger.contains(word), "the ledger tells {word}");
    }
    let rows = bench.db.read(|reader| {
        reader.query_many("SELECT said_sealed FROM guide_report", params![], |row| row.get::<Vec<u8>>(0))
    });
    let rows = rows.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
    assert!(rows.iter().all(|row| !String::from_utf8_lossy(row).contains("evil")));

    let desk = bench.guide.desk();
    let reports = desk.reports().await.unwrap();
    assert_eq!((reports.len(), desk.open_reports().await.unwrap()), (2, 2));
    let first = reports.iter().find(|report| report.customer.is_some()).unwrap();
    assert_eq!(first.links, ["hxxps[:]//shop[.]example[.]evil[.]example/pay"]);
    assert!(first.said.contains("<img") && !first.said.contains('\u{202E}'));

    // Anybody reports anything: the public page counts what staff found to be false, and nothing else.
    let counts = async |count: &str| {
        let says = format!("in the last 30 days that we confirmed: {count}.");
        bench.browser().get("/.storeward/trust").await.says(&says);
    };
    counts("0").await;
    let staff = StaffId::from_bits(9);
    desk.close(staff, first.id, Verdict::FalseMessage).await.unwrap();
    counts("1").await;
    assert!(matches!(desk.close(staff, first.id, Verdict::Ours).await, Err(Error::NoReport)));
    assert_eq!(bench.told("guide.report_closed", "verdict").await, ["false_message"]);
    assert_eq!(desk.open_reports().await.unwrap(), 1);
    let other = reports.iter().find(|report| report.customer.is_none()).unwrap();
    desk.close(staff, other.id, Verdict::Ours).await.unwrap();
    counts("1").await;
    bench.stop().await;
});

both_engines!(reports_have_a_size_and_a_pace, &MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut browser = bench.browser();
    let mut report = async |said: &str| {
        browser.post_from("/messages/report", "/messages/report", &[("said", said)]).await.status.as_u16()
    };
    assert_eq!(report("   ").await, 422);
    assert_eq!(report(&"x".repeat(20_001)).await, 422);
    assert_eq!(report(&"x".repeat(300 * 1024)).await, 413);
    // Twenty thousand of the widest characters are taken.
    assert_eq!(report(&"\u{1F511}".repeat(20_000)).await, 200);
    for _ in 0..5 {
        assert_eq!(report("https://evil.example").await, 200);
    }
    assert_eq!(report("https://evil.example").await, 429);
    assert_eq!(bench.guide.desk().open_reports().await.unwrap(), 6);
    bench.stop().await;
});

// Six reports of strangers shut the form for everybody of that office, customers among them, up to half an hour each time.
both_engines!(a_wave_of_reports_from_one_office_keeps_nobody_waiting_long, &MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let form = "/messages/report";
    let mut ada = bench.signed_up(EMAIL).await;
    let mut stranger = bench.browser();
    let mut waits = Vec::new();
    for n in 0..40 {
        let said = format!("https://wave{n}.example");
        let answer = stranger.post_from(form, form, &[("said", &said)]).await;
        if answer.status == 429 {
            waits.push(answer.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap());
            assert!(n > 6 || answer.body.contains("Try again in one second."), "{}", answer.body);
        }
    }
    assert!(!waits.is_empty() && waits.iter().all(|seconds| *seconds <= 60), "{waits:?}");
    // Whoever is signed in at the same address is heard, as often as strangers are elsewhere.
    for n in 0..6 {
        ada.post_from(form, form, &[("said", &format!("from ada {n}"))]).await.says("Thank you");
    }
    assert_eq!(ada.post_from(form, form, &[("said", "once more")]).await.status, 429);
    // And a few minutes later the office is as it was.
    bench.clock.advance(std::time::Duration::from_secs(20 * 60));
    for n in 0..6 {
        stranger.post_from(form, form, &[("said", &format!("later {n}"))]).await.says("Thank you");
    }
    bench.stop().await;
});

// 500 reports from one /48 shut the form for everybody for a day, and buried what others had pasted.
both_engines!(a_flood_from_one_network_takes_nobody_elses_place, &MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let mut ada = bench.signed_up(EMAIL).await;
    let code = bench.check_code(EMAIL, 1).await;
    let mut taken = 0;
    for n in 0..60 {
        let mut attacker = bench.browser();
        attacker.address = format!("2001:db8:77:{:x}::1", n * 256).parse().unwrap();
        let said = format!("https://flood{n}.example");
        let answer = attacker.post_from("/messages/report", "/messages/report", &[("said", &said)]).await;
        taken += u64::from(answer.status == 200);
    }
    assert_eq!(taken, 60, "below the pace of a /48 every report is taken");
    let desk = bench.guide.desk();
    assert_eq!(desk.open_reports().await.unwrap(), 20, "of one network so many have their words kept");
    let told = bench.told("guide.message_reported", "words").await;
    assert_eq!((told.len(), told.iter().filter(|words| *words == "not_kept").count()), (60, 40));
    // Everybody else is heard: other networks, whoever is signed in, and whoever has a message of ours before them.
    let mut neighbour = bench.browser();
    neighbour.address = "192.0.2.77".parse().unwrap();
    let form = "/messages/report";
    neighbour.post_from(form, form, &[("said", "https://real.example/pay")]).await.says("Thank you");
    ada.address = "2001:db8:77:99::1".parse().unwrap();
    ada.post_from(form, form, &[("said", "https://ada.example/pay")]).await.says("Thank you");
    let mut third = bench.browser();
    third.post_from(form, form, &[("said", &format!("Your parcel. {code}"))]).await.says("of ours");
    let said: Vec<String> = desk.reports().await.unwrap().into_iter().map(|report| report.said).collect();
    for words in ["real[.]example", "ada[.]example", "Your parcel"] {
        assert!(said.iter().any(|text| text.contains(words)), "{words} is not among {said:?}");
    }
    assert!(said.iter().all(|text| !text.is_empty()), "what has no words stands in nobody's way");
    // One customer cannot use up the share of all.
    for n in 0..12 {
        ada.address = format!("192.0.2.{}", 100 + n).parse().unwrap();
        bench.clock.advance(std::time::Duration::from_secs(30));
        ada.post_from(form, form, &[("said", &format!("again {n}"))]).await.says("Thank you");
    }
    let said = desk.reports().await.unwrap();
    assert_eq!(said.iter().filter(|report| report.customer.is_some()).count(), 10);
    bench.stop().await;
});
