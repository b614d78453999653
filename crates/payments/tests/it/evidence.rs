//! Files that go out with the evidence: what is taken, how it is kept, that it goes out once and as it was seen; and attacked.

use serde_json::Value;
use storeward_base::Actor;
use storeward_emulators::{Fault, Provider as At, What};
use storeward_payments::desk::{FileAbout, MOST_FILE_BYTES, Reply};
use storeward_payments::{Error, MIGRATIONS, Provider};
use storeward_store::both_engines;

use crate::disputes::disputed;
use crate::support::{Shop, ledger_text};

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
    let refused = named("card 4242 4242 4242 4242.pdf").await;
    assert!(matches!(refused, Err(Error::Misfit { field: "file", .. })), "{refused:?}");
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
