//! What each place gets, what counts as taken, and what is told when it is not.

use std::time::Duration;

use storeward_anchor::{MIGRATIONS, look};
use storeward_base::Clock;
use storeward_outbound::recorder::{Answer, Recorder};
use storeward_seal::encoding::hex;
use storeward_seal::fingerprint::{hmac_sha256, sha256};
use storeward_seal::timestamp;
use storeward_store::ledger::{self, VerifyOptions};
use storeward_store::testing::blocking;
use storeward_store::{Error, both_engines};

use crate::support::{anchors, authority, kept, outbox, secret, section, told};

const DAY: Duration = Duration::from_secs(24 * 3600);

both_engines!(a_webhook_gets_a_signed_checkpoint_once_a_period, MIGRATIONS, async |db| {
    let folder = tempfile::tempdir().unwrap();
    let hook = Recorder::start().unwrap();
    secret(folder.path(), "a shared secret");
    let one = section(&format!(
        "name = 'hook'\nkind = 'webhook'\nurl = '{}/in'\ninternal = true\nsecret_file = 'secret'",
        hook.url()
    ));
    let anchors = anchors(&db, outbox(None), &[one], folder.path());
    anchors.round().await.unwrap();
    anchors.round().await.unwrap();
    let came = hook.requests();
    assert_eq!(came.len(), 1, "not before a day is over");
    let (body, line) = (&came[0].body, came[0].header("storeward-signature").unwrap());
    let seconds = db.clock.now().seconds();
    let mark = hmac_sha256(b"a shared secret", &[format!("{seconds}.").as_bytes(), body].concat());
    assert_eq!(line, format!("t={seconds},v1={}", hex(&mark)));
    assert_eq!(told(&db).await, ["placed hook webhook"]);
    db.clock.advance(DAY);
    anchors.round().await.unwrap();
    let receipts = kept(&db).await;
    assert_eq!(receipts.len(), 2);
    assert!(receipts[1].size > receipts[0].size, "the ledger grew by the first receipt's own fact");
    assert_eq!(anchors.standings()[0].problem, None);
    // What was kept elsewhere proves the ledger.
    let (held, notes) = ((*db).clone(), receipts.into_iter().map(|one| one.note).collect());
    let report =
        blocking(move || ledger::verify(&held, &VerifyOptions { anchors: notes }, |_, _| {})).await.unwrap();
    assert_eq!(report.first_fault, None);
});

both_engines!(a_place_that_fails_is_told_once_a_day_becomes_overdue_and_is_mended, MIGRATIONS, async |db| {
    let folder = tempfile::tempdir().unwrap();
    let (bad, good) = (Recorder::start().unwrap(), Recorder::start().unwrap());
    bad.answer_otherwise(Answer::new(500, "no"));
    secret(folder.path(), "s");
    let hook = |name: &str, url: String| {
        section(&format!(
            "name = '{name}'\nkind = 'webhook'\nurl = '{url}'\ninternal = true\nsecret_file = 'secret'"
        ))
    };
    let sections = [hook("bad", bad.url()), hook("good", good.url())];
    let anchors = anchors(&db, outbox(None), &sections, folder.path());
    for _ in 0..4 {
        anchors.round().await.unwrap();
    }
    assert_eq!(
        told(&db).await,
        ["failed bad anchor.refused", "placed good webhook"],
        "told once, tried each time"
    );
    assert_eq!(bad.requests().len(), 4);
    assert_eq!(anchors.standings()[0].problem.as_deref(), Some("anchor.refused"));
    db.clock.advance(DAY * 2);
    anchors.round().await.unwrap();
    assert_eq!(told(&db).await[2..4], ["failed bad anchor.refused", "overdue bad 48"]);
    bad.answer_otherwise(Answer::new(204, ""));
    anchors.round().await.unwrap();
    assert_eq!(anchors.standings()[0].problem, None);
    assert_eq!(told(&db).await.last().unwrap(), "placed bad webhook");
});

// The moment of the round is read before a new place is written down: one that failed at once was overdue since 1970.
both_engines!(a_new_place_that_fails_at_once_is_not_overdue_yet, MIGRATIONS, async |db| {
    let folder = tempfile::tempdir().unwrap();
    let bad = Recorder::start().unwrap();
    bad.answer_otherwise(Answer::new(500, "no"));
    secret(folder.path(), "s");
    let one = section(&format!(
        "name = 'bad'\nkind = 'webhook'\nurl = '{}'\ninternal = true\nsecret_file = 'secret'",
        bad.url()
    ));
    let anchors = anchors(&db, outbox(None), &[one], folder.path());
    db.clock.tick(5);
    anchors.round().await.unwrap();
    assert_eq!(told(&db).await, ["failed bad anchor.refused"]);
    db.clock.advance(DAY * 2);
    anchors.round().await.unwrap();
    assert_eq!(told(&db).await[1..], ["failed bad anchor.refused", "overdue bad 48"]);
});

// Two changed rows silenced a place for ten years, and a deleted receipt was missed by nobody.
both_engines!(rows_that_somebody_wrote_silence_no_place_and_hide_no_receipt, MIGRATIONS, async |db| {
    let folder = tempfile::tempdir().unwrap();
    let hook = Recorder::start().unwrap();
    secret(folder.path(), "s");
    let one = section(&format!(
        "name = 'hook'\nkind = 'webhook'\nurl = '{}/in'\ninternal = true\nsecret_file = 'secret'",
        hook.url()
    ));
    let anchors = anchors(&db, outbox(None), &[one], folder.path());
    anchors.round().await.unwrap();
    assert_eq!(db.read(|reader| look(reader, None)).await.unwrap(), []);
    db.tamper("UPDATE anchor_place SET placed_at = 2082758400000000, since = 2082758400000000, told_at = 2082758400000000");
    db.tamper("DELETE FROM anchor_receipt");
    hook.answer_otherwise(Answer::new(500, "no"));
    db.clock.advance(DAY * 2 + Duration::from_secs(3600));
    for _ in 0..3 {
        anchors.round().await.unwrap();
    }
    assert_eq!(told(&db).await, ["placed hook webhook", "failed hook anchor.refused", "overdue hook 49"]);
    assert_eq!(anchors.standings()[0].problem.as_deref(), Some("anchor.refused"));
    let missing = db.read(|reader| look(reader, None)).await.unwrap();
    assert_eq!(missing.iter().map(|one| one.harm.as_str()).collect::<Vec<_>>(), ["missing"]);
    let all = db
        .read(|reader| ledger::read_after(reader, 0, 100))
        .await
        .unwrap_or_else(|why: Error| panic!("{why}"));
    let mut named: Vec<String> = all
        .into_iter()
        .filter_map(|(_, record)| match record.event {
            storeward_events::Event::RowHarmed(fact) => Some(format!("{} {}", fact.table, fact.harm)),
            _ => None,
        })
        .collect();
    named.sort();
    assert_eq!(named, ["anchor_place future", "anchor_receipt missing"], "each once");
    // A receipt that says something else is no better than none.
    hook.answer_otherwise(Answer::new(204, ""));
    anchors.round().await.unwrap();
    db.tamper("UPDATE anchor_receipt SET size = size + 1");
    let harmed = db.read(|reader| look(reader, None)).await.unwrap();
    assert_eq!(harmed.iter().map(|one| one.harm.as_str()).collect::<Vec<_>>(), ["changed", "missing"]);
});

both_engines!(an_object_counts_only_where_its_lock_is_read_back, MIGRATIONS, async |db| {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Recorder::start().unwrap();
    secret(folder.path(), "wJalrXUtnFEMI");
    let one = section(&format!(
        "name = 'bucket'\nkind = 's3'\nurl = '{}'\ninternal = true\nbucket = 'proofs'\nregion = 'eu-central-1'\n\
         access_key = 'AKID'\nsecret_file = 'secret'\nkeep_days = 400\nprefix = 'shop'",
        bucket.url()
    ));
    let anchors = anchors(&db, outbox(None), &[one], folder.path());
    let until = "2027-12-29T17:38:00Z";
    let locked = |mode: &str, until: &str, body: &str| {
        Answer::new(200, body.to_owned())
            .header("x-amz-object-lock-mode", mode)
            .header("x-amz-object-lock-retain-until-date", until)
    };
    // A bucket that takes the object and locks nothing; one that locks for a day; one that gives something else back.
    for case in 0..5 {
        let note = db.read(ledger::head).await.unwrap_or_else(|why: Error| panic!("{why}")).note;
        bucket.answer_next(Answer::new(200, ""));
        bucket.answer_next(match case {
            0 => Answer::new(200, note),
            1 => locked("GOVERNANCE", until, &note),
            2 => locked("COMPLIANCE", "2026-11-25T17:38:00Z", &note),
            3 => locked("COMPLIANCE", until, "something else"),
            _ => Answer::new(404, ""),
        });
        anchors.round().await.unwrap();
        assert_eq!(anchors.standings()[0].problem.as_deref(), Some("anchor.not_locked"));
    }
    assert_eq!(told(&db).await, ["failed bucket anchor.not_locked"]);
    let put = &bucket.requests()[0];
    assert_eq!(put.target, "/proofs/shop/00000000000000000000.checkpoint");
    assert_eq!(put.header("x-amz-object-lock-mode"), Some("COMPLIANCE"));
    assert_eq!(put.header("x-amz-object-lock-retain-until-date"), Some(until));
    let sum = storeward_seal::encoding::base64(&sha256(&put.body));
    assert_eq!(put.header("x-amz-checksum-sha256"), Some(sum.as_str()));
    assert_eq!(put.header("x-amz-sdk-checksum-algorithm"), Some("SHA256"));
    let line = put.header("authorization").unwrap();
    let start = "AWS4-HMAC-SHA256 Credential=AKID/20261124/eu-central-1/s3/aws4_request, SignedHeaders=content-type;host;\
                 x-amz-checksum-sha256;x-amz-content-sha256;x-amz-date;x-amz-object-lock-mode;\
                 x-amz-object-lock-retain-until-date;x-amz-sdk-checksum-algorithm, Signature=";
    assert!(line.starts_with(start), "{line}");
    bucket.answer_next(Answer::new(200, "").header("x-amz-version-id", "v7"));
    let note = db.read(ledger::head).await.unwrap_or_else(|why: Error| panic!("{why}")).note;
    bucket.answer_next(locked("COMPLIANCE", until, &note));
    anchors.round().await.unwrap();
    let receipts = kept(&db).await;
    assert!(String::from_utf8_lossy(&receipts[0].receipt).contains("\"version\":\"v7\""));
});

both_engines!(a_time_stamp_counts_only_where_it_holds, MIGRATIONS, async |db| {
    let folder = tempfile::tempdir().unwrap();
    let (url, thread) = authority(folder.path(), 2);
    let text = |roots: &str| {
        format!("name = 'tsa'\nkind = 'rfc3161'\nurl = '{url}'\ninternal = true\nroots_file = '{roots}'")
    };
    let good = section(&text("ca.pem"));
    let anchors_good = anchors(&db, outbox(None), &[good], folder.path());
    anchors_good.round().await.unwrap();
    let receipts = kept(&db).await;
    assert_eq!(told(&db).await, ["placed tsa rfc3161"]);
    let roots = storeward_anchor::roots_of(&std::fs::read(folder.path().join("ca.pem")).unwrap());
    let imprint = sha256(receipts[0].note.as_bytes());
    assert!(timestamp::verify(&receipts[0].receipt, &imprint, None, &roots).is_ok());
    // Another root: the same answer is not believed.
    let other = tempfile::tempdir().unwrap();
    crate::support::openssl(
        other.path(),
        &[
            "req",
            "-x509",
            "-subj",
            "/CN=other",
            "-nodes",
            "-newkey",
            "rsa:2048",
            "-keyout",
            "k",
            "-out",
            "ca.pem",
        ],
    );
    std::fs::copy(other.path().join("ca.pem"), folder.path().join("other.pem")).unwrap();
    db.clock.advance(DAY);
    anchors(&db, outbox(None), &[section(&text("other.pem"))], folder.path()).round().await.unwrap();
    assert_eq!(told(&db).await.last().unwrap(), "failed tsa anchor.stamp_not_good");
    thread.join().unwrap();
});

both_engines!(a_mail_is_promised_with_its_receipt_and_without_mail_it_is_told, MIGRATIONS, async |db| {
    let folder = tempfile::tempdir().unwrap();
    let one = section("name = 'owner'\nkind = 'mail'\nto = 'owner@shop.example'");
    let without = anchors(&db, outbox(None), std::slice::from_ref(&one), folder.path());
    without.round().await.unwrap();
    assert_eq!(told(&db).await, ["failed owner anchor.no_mail"]);
    let mail = "server = '127.0.0.1'\nport = 1\nsecurity = 'none'\nfrom = 'Shop <service@shop.example>'";
    let with = anchors(&db, outbox(Some(mail)), &[one], folder.path());
    with.round().await.unwrap();
    assert_eq!(told(&db).await.last().unwrap(), "placed owner mail");
    assert_eq!(kept(&db).await.len(), 1);
});

#[test]
fn a_section_that_does_not_fit_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    secret(folder.path(), "s");
    let check = |text: &str, expected: &str| {
        let why = section(text).place(folder.path()).unwrap_err().to_string();
        assert!(why.contains(expected), "{text}: {why}");
    };
    check("name = 'A B'\nkind = 'mail'\nto = 'a@b.example'", "name has 1 to 40");
    check("name = 'a'\nkind = 'mail'", "to is missing");
    check("name = 'a'\nkind = 'webhook'\nurl = 'http://a.example/'\nsecret_file = 'secret'", "https://");
    check("name = 'a'\nkind = 'webhook'\nurl = 'https://a.example/'", "secret_file is missing");
    check("name = 'a'\nkind = 'mail'\nto = 'a@b.example'\nevery_hours = 0", "every_hours");
    check(
        "name = 'a'\nkind = 's3'\nurl = 'https://s3.example'\nbucket = 'a b'\nsecret_file = 'secret'",
        "bucket and prefix",
    );
    check(
        "name = 'a'\nkind = 'rfc3161'\nurl = 'https://t.example'\nroots_file = 'secret'",
        "holds no certificate",
    );
}
