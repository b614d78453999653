//! Files that go out with the evidence: what is taken, how it is kept, that it goes out once and as it was seen; and attacked.

use std::time::Duration;

use serde_json::Value;
use storeward_base::Actor;
use storeward_emulators::{Fault, Provider as At, Verdict, What};
use storeward_payments::desk::{FactKind, FileAbout, MOST_FILE_BYTES, Reply};
use storeward_payments::{Error, MIGRATIONS, NewPayment, Provider};
use storeward_store::both_engines;

use crate::disputes::{disputed, hear};
use crate::support::{Shop, ledger_text, order_of};

const PDF: &[u8] = b"%PDF-1.7\n%a parcel for Lovelace\n%%EOF\n";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR a label \0\0\0\0IEND\xae\x42\x60\x82";

async fn add(shop: &Shop, id: &str, about: FileAbout, content: &[u8]) -> Result<(), Error> {
    shop.payments.add_file(Actor::Operator, id, about, "Lovelace, paid.pdf", content.to_vec()).await
}

/// What the provider got, in hexadecimal, by the place or name.
fn got(shop: &Shop, provider: Provider, reference: &str) -> Vec<(String, String)> {
    let control = &shop.emulators.control;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match provider {
        Provider::Stripe => {
            let dispute = control.object(At::Stripe, "dispute", reference).unwrap();
            let evidence = dispute["evidence"].as_object().unwrap();
            let files = evidence.iter().filter(|(_, value)| text(value).starts_with("file_"));
            let of = |(place, id): (&String, &Value)| {
                let file = control.kept(At::Stripe, "file", &text(id)).unwrap();
                assert_eq!(file["purpose"], "dispute_evidence");
                (format!("{place} {}", text(&file["filename"])), text(&file["_hex"]))
            };
            files.map(of).collect()
        }
        Provider::PayPal => {
            let dispute = control.kept(At::Paypal, "dispute", reference).unwrap();
            let all = dispute["evidences"].as_array().unwrap().iter();
            let documents = all.filter_map(|one| one["documents"].as_array()).flatten();
            documents.map(|one| (text(&one["name"]), text(&one["_hex"]))).collect()
        }
    }
}

both_engines!(files_go_out_once_as_they_were_seen, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    for provider in [Provider::Stripe, Provider::PayPal] {
        let (dispute, _) = disputed(&shop, &db, provider.word(), provider).await;
        let id = dispute.id();
        let without = shop.payments.pack(&id).await.unwrap();
        add(&shop, &id, FileAbout::Shipping, PDF).await.unwrap();
        add(&shop, &id, FileAbout::Other, PNG).await.unwrap();
        let pack = shop.payments.pack(&id).await.unwrap();
        let shown: Vec<_> =
            pack.files.iter().map(|file| (file.about, file.sent_name(), file.name.as_str())).collect();
        assert_eq!(
            shown,
            [
                (FileAbout::Other, "other.png".to_owned(), "Lovelace, paid.pdf"),
                (FileAbout::Shipping, "shipping.pdf".to_owned(), "Lovelace, paid.pdf"),
            ]
        );
        assert!(
            pack.goes_out().iter().any(|(_, text)| text == "shipping.pdf (1 KiB)"),
            "{:?}",
            pack.goes_out()
        );
        // What was looked at before there were files does not go out, nor one that was taken away and put back as another.
        for stale in [without.digest(), {
            let first = pack.files[0].id.clone();
            shop.payments.remove_file(Actor::Operator, &id, &first).await.unwrap();
            add(&shop, &id, FileAbout::Other, PDF).await.unwrap();
            pack.digest()
        }] {
            let refused = shop.payments.send_evidence(Actor::Operator, &id, &stale).await;
            assert_eq!(refused.unwrap_err(), Error::OtherPack);
        }
        let pack = shop.payments.pack(&id).await.unwrap();
        let sent = shop.payments.send_evidence(Actor::Operator, &id, &pack.digest()).await.unwrap();
        assert_eq!(sent.answer, Reply::Sent, "{sent:?}");
        let hex = storeward_seal::encoding::hex(PDF);
        let expected = match provider {
            Provider::Stripe => {
                [("shipping_documentation shipping.pdf", &hex), ("uncategorized_file other.pdf", &hex)]
            }
            Provider::PayPal => [("other.pdf", &hex), ("shipping.pdf", &hex)],
        };
        let expected: Vec<_> = expected.map(|(name, hex)| (name.to_owned(), hex.clone())).to_vec();
        assert_eq!(got(&shop, provider, &dispute.reference), expected);
        let late = add(&shop, &id, FileAbout::Receipt, PDF).await;
        assert_eq!(late.unwrap_err(), Error::Dispute("has an answer already"));
        let gone = shop.payments.remove_file(Actor::Operator, &id, &pack.files[0].id).await;
        assert_eq!(gone.unwrap_err(), Error::Dispute("has an answer already"));
    }
    let ledger = ledger_text(&db).await;
    assert!(ledger.contains("file_shipping"));
    for secret in ["Lovelace", "parcel", "%PDF"] {
        assert!(!ledger.contains(secret), "{secret}");
    }
});

both_engines!(only_whole_files_that_are_what_they_seem_are_taken, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (dispute, _) = disputed(&shop, &db, "W-1", Provider::Stripe).await;
    let id = dispute.id();
    let mut large = PDF.to_vec();
    large.resize(MOST_FILE_BYTES + 1, b' ');
    for wrong in [&b""[..], b"a letter", b"<html>%PDF-1.7 %%EOF", b"MZ\x90\0", &PDF[..20], &large] {
        let refused = add(&shop, &id, FileAbout::Receipt, wrong).await;
        assert!(matches!(refused, Err(Error::Misfit { field: "file", .. })), "{refused:?}");
    }
    let named = async |name: &str| {
        shop.payments.add_file(Actor::Operator, &id, FileAbout::Receipt, name, PDF.to_vec()).await
    };
    for name in ["card 4242 4242 4242 4242.pdf", "\u{ff14}242424242424242", "424242424242424\u{662}"] {
        let refused = named(name).await;
        assert!(matches!(refused, Err(Error::Misfit { field: "file", .. })), "{name}: {refused:?}");
    }
    named("../../a\u{202e}fdp\r\n.exe").await.unwrap();
    assert_eq!(shop.payments.pack(&id).await.unwrap().files[0].name, "../../afdp.exe");
    let second = add(&shop, &id, FileAbout::Receipt, PNG).await;
    assert!(matches!(second, Err(Error::Dispute(_))), "{second:?}");
    // All of them together have a limit, too.
    let mut half = PDF[..PDF.len() - 6].to_vec();
    half.resize(MOST_FILE_BYTES / 2, b' ');
    half.extend_from_slice(b"%%EOF\n");
    add(&shop, &id, FileAbout::Terms, &half).await.unwrap();
    let third = add(&shop, &id, FileAbout::Other, &half).await;
    assert!(matches!(third, Err(Error::Misfit { field: "file", .. })), "{third:?}");
    for nobody in ["stripe.du_1invented", "stripe", "", "paypal.x/../y"] {
        assert_eq!(
            add(&shop, nobody, FileAbout::Other, PDF).await.unwrap_err(),
            Error::NoDispute,
            "{nobody}"
        );
    }
    // Of another dispute nobody takes it away.
    let (other, _) = disputed(&shop, &db, "W-2", Provider::Stripe).await;
    let file = shop.payments.pack(&id).await.unwrap().files[0].id.clone();
    let refused = shop.payments.remove_file(Actor::Operator, &other.id(), &file).await;
    assert_eq!(refused.unwrap_err(), Error::NoDispute);
    // Sealed: neither the name nor a word of the content can be read in the database.
    let rows = db.read(|reader| {
        reader.query_many("SELECT name, body FROM payment_dispute_file", &[], |row| {
            Ok([row.get::<Vec<u8>>(0)?, row.get::<Vec<u8>>(1)?].concat())
        })
    });
    for row in rows.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}")) {
        for word in [&b"Lovelace"[..], b"%PDF", b"%%EOF"] {
            assert!(!row.windows(word.len()).any(|part| part == word));
        }
    }
});

both_engines!(a_file_that_somebody_changed_or_that_does_not_arrive_sends_nothing, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (dispute, _) = disputed(&shop, &db, "C-1", Provider::Stripe).await;
    let id = dispute.id();
    add(&shop, &id, FileAbout::Receipt, PDF).await.unwrap();
    add(&shop, &id, FileAbout::Shipping, PNG).await.unwrap();
    let send = async || {
        let pack = shop.payments.pack(&id).await.unwrap();
        shop.payments.send_evidence(Actor::Operator, &id, &pack.digest()).await
    };
    let submitted = || {
        let there = shop.emulators.control.object(At::Stripe, "dispute", &dispute.reference).unwrap();
        there["evidence_details"]["submission_count"].as_i64().unwrap()
    };
    // Stripe does not answer where files go: nothing is handed over, and a person may send again.
    for what in [What::ErrorBefore, What::DropBefore, What::DropAfter] {
        let mut fault = Fault::once(At::Stripe, what, "/v1/files");
        fault.method = "POST".to_owned();
        shop.emulators.control.fault(fault);
        let failed = send().await;
        assert!(matches!(failed, Err(Error::NotReached { .. })), "{failed:?}");
        assert_eq!((shop.payments.dispute(&id).await.unwrap().answer, submitted()), (Reply::None, 0));
    }
    // Nobody may have waited so long: it stands at the dispute and in the ledger. So does what a key may not do.
    shop.emulators.control.fault(Fault::once(At::Stripe, What::Forbidden, "/v1/files"));
    let refused = send().await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    let stands = shop.payments.dispute(&id).await.unwrap();
    assert!(stands.code.is_some(), "{stands:?}");
    assert_eq!(ledger_text(&db).await.matches("payment.refused").count(), 4);
    // Nor was it called an answer while the files were on their way: nobody held it to be lost, and gave in meanwhile.
    assert!(!ledger_text(&db).await.contains("dispute_answered"));
    // One file's content in the place of the other's, and what a file is said to be.
    let write = |sql: &str| db.raw(sql);
    write("UPDATE payment_dispute_file SET digest = 'ab' WHERE about = 'receipt'");
    assert_eq!(send().await.unwrap_err(), Error::OtherPack);
    write(&format!(
        "UPDATE payment_dispute_file SET digest = '{}' WHERE about = 'receipt'",
        storeward_seal::fingerprint::sha256_hex(PDF)
    ));
    write("UPDATE payment_dispute_file SET kind = 'jpg' WHERE about = 'receipt'");
    assert_eq!(send().await.unwrap_err(), Error::OtherPack);
    write(
        "UPDATE payment_dispute_file SET kind = 'pdf', body = (SELECT body FROM payment_dispute_file WHERE about = 'shipping') WHERE about = 'receipt'",
    );
    assert!(matches!(send().await, Err(Error::Seal(_))));
    // A file of another dispute, or one that shows something else than was said when it was added.
    let (other, _) = disputed(&shop, &db, "C-2", Provider::Stripe).await;
    for (there, back) in [
        (format!("reference = '{}'", other.reference), format!("reference = '{}'", dispute.reference)),
        ("about = 'terms'".to_owned(), "about = 'shipping'".to_owned()),
    ] {
        write(&format!("UPDATE payment_dispute_file SET {there} WHERE {back} AND kind = 'png'"));
        let of = if there.starts_with("about") { id.clone() } else { other.id() };
        assert!(matches!(shop.payments.pack(&of).await, Err(Error::Seal(_))), "{there}");
        write(&format!("UPDATE payment_dispute_file SET {back} WHERE {there} AND kind = 'png'"));
    }
    assert_eq!(submitted(), 0);
    let file = shop.payments.pack(&id).await.unwrap();
    let file = file.files.iter().find(|file| file.about == FileAbout::Receipt).unwrap().id.clone();
    shop.payments.remove_file(Actor::Operator, &id, &file).await.unwrap();
    assert_eq!(send().await.unwrap().answer, Reply::Sent);
    assert_eq!(submitted(), 1);
});

// A page waits twenty seconds, files may take longer.
both_engines!(evidence_goes_out_where_its_page_waits_no_more, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (dispute, _) = disputed(&shop, &db, "L-1", Provider::Stripe).await;
    let id = dispute.id();
    add(&shop, &id, FileAbout::Receipt, PDF).await.unwrap();
    let digest = shop.payments.pack(&id).await.unwrap().digest();
    let sent = shop.payments.send_evidence(Actor::Operator, &id, &digest);
    assert!(tokio::time::timeout(std::time::Duration::ZERO, sent).await.is_err(), "nobody waits");
    for left in (0..600).rev() {
        if shop.payments.dispute(&id).await.unwrap().answer == Reply::Sent {
            break;
        }
        assert!(left > 0, "it never went out");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(got(&shop, Provider::Stripe, &dispute.reference).len(), 1);
});

// A file that was taken away while the others were on their way went out all the same.
both_engines!(a_file_that_is_taken_away_on_its_way_does_not_go_out, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (dispute, _) = disputed(&shop, &db, "T-1", Provider::Stripe).await;
    let id = dispute.id();
    add(&shop, &id, FileAbout::Receipt, PDF).await.unwrap();
    let pack = shop.payments.pack(&id).await.unwrap();
    let slow = Fault { hold: Duration::from_secs(3), ..Fault::once(At::Stripe, What::Slow, "/v1/files") };
    shop.emulators.control.fault(slow);
    let (payments, of, digest) = (shop.payments.clone(), id.clone(), pack.digest());
    let sending = tokio::spawn(async move { payments.send_evidence(Actor::Operator, &of, &digest).await });
    // Once the call is there the fault is used up.
    for left in (0..600).rev() {
        if shop.emulators.control.faults() == 0 {
            break;
        }
        assert!(left > 0, "it never goes out");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Nor is anything sent, or given in, by a second press meanwhile.
    assert!(shop.payments.is_on_its_way(&id));
    for second in [
        shop.payments.send_evidence(Actor::Operator, &id, &pack.digest()).await,
        shop.payments.concede(Actor::Operator, &id).await,
    ] {
        assert!(
            matches!(second, Err(Error::Dispute("has an answer on its way: look again in a moment"))),
            "{second:?}"
        );
    }
    shop.payments.remove_file(Actor::Operator, &id, &pack.files[0].id).await.unwrap();
    assert_eq!(sending.await.unwrap().unwrap_err(), Error::OtherPack);
    assert!(!shop.payments.is_on_its_way(&id));
    let there = shop.emulators.control.object(At::Stripe, "dispute", &dispute.reference).unwrap();
    assert_eq!(there["evidence_details"]["submission_count"], 0);
    let stands = shop.payments.dispute(&id).await.unwrap();
    assert_eq!((stands.answer, stands.code.as_deref()), (Reply::None, Some("payments.other_pack")));
});

// PayPal's call may wait for a token, carry the files, and carry them once more: 160 seconds. It was held to be lost after 90.
both_engines!(an_answer_with_files_is_not_given_up_while_it_is_on_its_way, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (dispute, _) = disputed(&shop, &db, "P-1", Provider::PayPal).await;
    let id = dispute.id();
    add(&shop, &id, FileAbout::Receipt, PDF).await.unwrap();
    let digest = shop.payments.pack(&id).await.unwrap().digest();
    let mut fault = Fault::once(At::Paypal, What::DropBefore, "disputes");
    fault.method = "POST".to_owned();
    shop.emulators.control.fault(fault);
    let sent = shop.payments.send_evidence(Actor::Operator, &id, &digest).await.unwrap();
    assert_eq!(sent.answer, Reply::Sending);
    for (wait_s, answer) in [(200, Reply::Sending), (200, Reply::None)] {
        db.clock.advance(Duration::from_secs(wait_s));
        shop.payments.round().await.unwrap();
        assert_eq!(shop.payments.dispute(&id).await.unwrap().answer, answer, "after {wait_s} s more");
    }
});

async fn said(shop: &Shop, id: &str) -> (usize, usize) {
    let pack = shop.payments.pack(id).await.unwrap();
    (pack.files.len(), pack.facts.len())
}

// Letters, addresses and signatures were kept for good, an erased customer's too.
both_engines!(what_was_said_of_a_dispute_goes_once_it_is_long_over, MIGRATIONS, async |db| {
    let shop = Shop::new(&db).await;
    let (mut all, mut payments) = (Vec::new(), Vec::new());
    let orders =
        [("K-1", "erased"), ("K-2", "erased"), ("K-3", "stays"), ("K-4", "stays"), ("K-5", "erased")];
    for (order, customer) in orders {
        let (dispute, reference) = disputed(&shop, &db, order, Provider::Stripe).await;
        let id = dispute.id();
        add(&shop, &id, FileAbout::Communication, PDF).await.unwrap();
        let address = "Ada Lovelace, 12 St James's Square";
        shop.payments.add_fact(Actor::Operator, &id, FactKind::ShippedTo, address).await.unwrap();
        let of =
            NewPayment { customer: Some(customer.to_owned()), ..order_of(&format!("{order}-c"), 1, "EUR") };
        let theirs = shop.payments.create(Actor::System, of).await.unwrap().id;
        db.raw(&format!(
            "UPDATE payment SET customer = (SELECT customer FROM payment WHERE id = '{theirs}') WHERE id = '{}'",
            dispute.payment
        ));
        shop.seal_anew(&db, dispute.payment);
        all.push((id, reference));
        payments.push(dispute.payment);
    }
    for over in [0, 2, 4] {
        shop.emulators.control.close_dispute(&all[over].1, Verdict::Lost);
    }
    hear(&shop, &db).await;
    // A payment that somebody changed is not read any more, and what was said of it goes all the same.
    db.raw(&format!("UPDATE payment SET attempt = attempt + 1 WHERE id = '{}'", payments[4]));
    shop.payments.forget_customer(Actor::System, "erased").await.unwrap();
    db.raw(&format!("UPDATE payment SET attempt = attempt - 1 WHERE id = '{}'", payments[4]));
    // What is open is needed to answer it.
    for (at, left) in [(0, (0, 0)), (1, (1, 1)), (2, (1, 1)), (3, (1, 1)), (4, (0, 0))] {
        assert_eq!(said(&shop, &all[at].0).await, left, "{at}");
    }
    db.clock.advance(Duration::from_secs(401 * 24 * 3600));
    let till = crate::till::Till::open(crate::till::free_address(), &shop.payments, &db).await;
    for left in (0..600).rev() {
        if said(&shop, &all[2].0).await == (0, 0) {
            break;
        }
        assert!(left > 0, "it is kept for good");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(till);
    assert_eq!(said(&shop, &all[3].0).await, (1, 1), "nobody has decided");
});
