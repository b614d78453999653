//! The outbox with real databases and a real mail server.
#![allow(clippy::unwrap_used, reason = "what these tests build must work")]

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, CustomerId, Language, PostId, SeededEntropy, SystemEntropy};
use storeward_events::post::{Channel, PostFailed, PostSent};
use storeward_events::{Event, system};
use storeward_outbound::mail::{self, Address, Block, Brand, Letter, Line, MailSection, Mailbox};
use storeward_outbound::postbox::{Moment, Postbox, PostboxOptions, Told};
use storeward_outbound::recorder::{Answer, Recorder};
use storeward_outbound::sms::{PhoneNumber, SmsSection};
use storeward_post::register::{self, Code};
use storeward_post::{MIGRATIONS, Mail, Outbox, OutboxParts, PostError, Posted, Sms};
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::jobs::{Runner, RunnerOptions};
use storeward_store::testing::TestDb;
use storeward_store::{Db, Error, both_engines, params};

/// A short sweep, so that a moved clock is noticed soon.
const OPTIONS: RunnerOptions =
    RunnerOptions { lease: Duration::from_secs(60), sweep: Duration::from_millis(20) };
/// Beyond the lease and the first waits, within the deadline.
const A_WHILE: Duration = Duration::from_secs(300);

fn outbox(port: Option<u16>, gateway: Option<&Recorder>) -> Outbox {
    let entropy = SeededEntropy::new(1);
    let mailer = port.map(|port| {
        let section: MailSection = toml::from_str(&format!(
            "server = '127.0.0.1'\nport = {port}\nsecurity = 'none'\nfrom = 'Shop <service@shop.example>'"
        ))
        .unwrap();
        section.mailer().unwrap()
    });
    let gateway = gateway.map(|recorder| {
        let section: SmsSection = toml::from_str(&format!(
            "url = '{}/{{id}}'\njson = {{ to = '{{to}}', text = '{{text}}' }}",
            recorder.url()
        ))
        .unwrap();
        section.gateway().unwrap()
    });
    let mut brand = Brand::new(Line::parse("Shop").unwrap());
    brand.logo = mail::logo(b"\x89PNG\r\n\x1a\nlogo");
    Outbox::new(OutboxParts {
        mailer,
        gateway,
        brand,
        key: DataKey::generate(&entropy),
        marks: PseudonymKey::generate(&entropy).mark_key("post.recipient"),
        entropy: Arc::new(SystemEntropy),
    })
}

/// A port at which nobody listens, beneath those that the system gives out, so that none of the other tests gets it.
fn unused_port() -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    (first..32_000).find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

fn letter() -> Letter {
    Letter::new(Line::parse("Your code").unwrap())
        .with(Block::Text("Here it is".to_owned()))
        .with(Block::Code(Line::parse("493 817").unwrap()))
}

fn code_mail() -> Mail {
    let to = Mailbox::from(Address::parse("Anna@customer.example").unwrap());
    Mail::new("identity.code", to, Language::En, letter())
}

/// Promises a mail in a write of its own.
async fn post(db: &Db, outbox: &Outbox, mail: Mail) -> PostId {
    let outbox = outbox.clone();
    let posted = db.write(move |tx| {
        tx.append(Actor::System, None, system::Started { version: "promise".to_owned() })?;
        outbox.mail(tx, &mail)
    });
    match posted.await.unwrap_or_else(|why: PostError| panic!("{why}")) {
        Posted::New(id) => id,
        Posted::Already => panic!("it was promised already"),
    }
}

fn run(db: &Db, outbox: &Outbox) -> Runner {
    let runtime = tokio::runtime::Handle::current();
    Runner::start(db.clone(), outbox.handlers(db), OPTIONS, &runtime, |_| {}).unwrap()
}

async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it comes about");
}

/// The ledger's post events, and the text of the whole ledger.
async fn told(db: &Db) -> (Vec<PostSent>, Vec<PostFailed>, String) {
    let page = db.read(|reader| storeward_store::ledger::read_after(reader, 0, 1_000)).await;
    let records = page.unwrap_or_else(|why: Error| panic!("{why}"));
    let (mut sent, mut failed, mut text) = (Vec::new(), Vec::new(), String::new());
    for (_, record) in records {
        text.push_str(&String::from_utf8_lossy(&record.to_bytes()));
        text.push_str(&record.sentence());
        match record.event {
            Event::PostSent(fact) => sent.push(fact),
            Event::PostFailed(fact) => failed.push(fact),
            _ => {}
        }
    }
    (sent, failed, text)
}

/// Waits until so many messages were sent or given up.
async fn until_told(db: &Db, count: usize) -> (Vec<PostSent>, Vec<PostFailed>) {
    until(async || {
        let (sent, failed, _) = told(db).await;
        sent.len() + failed.len() >= count
    })
    .await;
    let (sent, failed, text) = told(db).await;
    // Three digits alone stand in some id or other, by chance.
    for word in ["anna", "Anna", "customer.example", "493 817", "493817", "1234567"] {
        assert!(!text.contains(word), "the ledger tells {word}");
    }
    (sent, failed)
}

async fn attempts(db: &Db) -> Vec<u32> {
    let found = db
        .read(|reader| reader.query_many("SELECT attempts FROM job LIMIT 100", params![], |row| row.get(0)));
    found.await.unwrap_or_else(|why: Error| panic!("{why}"))
}

/// Waits until a job has failed so often and is put off, which the database's row says.
async fn until_put_off(db: &Db, count: u32) {
    until(async || {
        let sql = "SELECT attempts FROM job WHERE lease_until IS NULL LIMIT 100";
        let found = db.read(move |reader| reader.query_many(sql, params![], |row| row.get::<u32>(0)));
        let found = found.await.unwrap_or_else(|why: Error| panic!("{why}"));
        found.iter().any(|tried| *tried >= count)
    })
    .await;
}

both_engines!(a_mail_is_sent_once_it_is_committed, async |db: TestDb| {
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    let outbox = outbox(Some(postbox.port()), None);
    let runner = run(&db, &outbox);
    let refused = {
        let outbox = outbox.clone();
        db.write(move |tx| -> Result<(), PostError> {
            tx.append(Actor::System, None, system::Started { version: "promise".to_owned() })?;
            outbox.mail(tx, &code_mail())?;
            Err(PostError::NotSetUp(Channel::Mail))
        })
        .await
    };
    assert!(refused.is_err());
    let id = post(&db, &outbox, code_mail()).await;
    let (sent, failed) = until_told(&db, 1).await;
    assert!(failed.is_empty() && attempts(&db).await.is_empty());
    let recipient = outbox.recipient_of_mail(&Address::parse("anna@CUSTOMER.example").unwrap());
    assert_eq!(
        sent,
        [PostSent {
            post: id,
            topic: "identity.code".to_owned(),
            channel: Channel::Mail,
            recipient,
            customer: None,
            attempts: 1
        }]
    );
    let mails = postbox.mails();
    assert_eq!(mails.len(), 1, "what was rolled back is not sent");
    assert!(mails[0].text().contains("493 817"));
    assert!(mails[0].raw().contains("Content-ID: <logo-png@storeward.invalid>"), "the logo goes along");
    outbox.set_brand(Brand::new(Line::parse("New name").unwrap()));
    post(&db, &outbox, code_mail()).await;
    let mails = postbox.wait_for(2).await;
    assert!(
        mails[1].text().starts_with("New name\n") && !mails[1].raw().contains("logo"),
        "{}",
        mails[1].raw()
    );
    until_told(&db, 2).await;
    runner.stop(Duration::from_secs(5)).await;
});

both_engines!(every_statement_is_understood, MIGRATIONS, async |db: TestDb| {
    for sql in register::STATEMENTS {
        let known = db.read(move |reader| reader.check_statement(sql)).await;
        known.unwrap_or_else(|why: Error| panic!("{sql}: {why}"));
    }
});

both_engines!(a_mail_can_be_asked_for_by_its_code, MIGRATIONS, async |db: TestDb| {
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    let outbox = outbox(Some(postbox.port()), None);
    outbox.set_check_page("shop.example/messages");
    let first = post(&db, &outbox, code_mail().once("a")).await;
    let again = {
        let outbox = outbox.clone();
        db.write(move |tx| {
            tx.append(Actor::System, None, system::Started { version: "promise".to_owned() })?;
            outbox.mail(tx, &code_mail().once("a"))
        })
    };
    assert_eq!(again.await.unwrap_or_else(|why: PostError| panic!("{why}")), Posted::Already);
    let runner = run(&db, &outbox);
    let (sent, _) = until_told(&db, 1).await;
    assert_eq!(sent[0].post, first);
    let mail = postbox.mails()[0].text();
    let said = mail.split("-- ").last().unwrap();
    assert!(said.contains("shop.example/messages"), "{mail}");
    let code = Code::find(&mail).unwrap();
    let find = async |outbox: &Outbox, code: Code| {
        let outbox = outbox.clone();
        let found = db.read(move |reader| outbox.find_written(reader, &code)).await;
        found.unwrap_or_else(|why: Error| panic!("{why}"))
    };
    let written = find(&outbox, code.clone()).await.unwrap();
    let anna = Address::parse("anna@CUSTOMER.example").unwrap();
    assert_eq!((written.topic.as_str(), written.subject.as_str()), ("identity.code", "Your code"));
    assert_eq!(written.recipient, outbox.recipient_of_mail(&anna));
    assert!(find(&outbox, Code::find("ZZZZ-ZZZZ").unwrap()).await.is_none());
    let (asked, to) = (outbox.clone(), anna.clone());
    let list = db
        .read(move |reader| asked.written_to(reader, &to))
        .await
        .unwrap_or_else(|why: Error| panic!("{why}"));
    assert_eq!(list.iter().map(|written| written.code.clone()).collect::<Vec<_>>(), [code.shown()]);
    // Neither the code nor the subject stands in the database.
    let rows = db.read(|reader| {
        reader.query_many("SELECT code_mark, shown_sealed FROM post_register", params![], |row| {
            Ok((row.get::<String>(0)?, row.get::<Vec<u8>>(1)?))
        })
    });
    let rows = rows.await.unwrap_or_else(|why: Error| panic!("{why}"));
    assert_eq!(rows.len(), 1, "one that was promised already is not entered twice");
    let kept = format!("{}{}", rows[0].0, String::from_utf8_lossy(&rows[0].1));
    assert!(!kept.contains(&code.shown()) && !kept.contains("Your code"));
    runner.stop(Duration::from_secs(5)).await;
});

both_engines!(what_waits_is_sealed, async |db: TestDb| {
    let outbox = outbox(Some(1), None);
    post(&db, &outbox, code_mail()).await;
    let found =
        db.read(|reader| reader.query_one("SELECT payload FROM job", params![], |row| row.get::<Vec<u8>>(0)));
    let payload = found.await.unwrap_or_else(|why: Error| panic!("{why}"));
    let shown = String::from_utf8_lossy(&payload);
    assert!(shown.contains("identity.code") && shown.contains("to_"), "{shown}");
    for word in ["nna@", "customer", "493 817", "493817", "Your code"] {
        assert!(!shown.contains(word), "{word} lies open");
    }
});

both_engines!(a_server_that_was_down_gets_it_when_it_is_back, async |db: TestDb| {
    let port = unused_port();
    let outbox = outbox(Some(port), None);
    let runner = run(&db, &outbox);
    post(&db, &outbox, code_mail()).await;
    until_put_off(&db, 1).await;
    db.clock.advance(A_WHILE);
    until_put_off(&db, 2).await;
    let postbox = Postbox::start(PostboxOptions::default().port(port)).unwrap();
    db.clock.advance(A_WHILE);
    let (sent, failed) = until_told(&db, 1).await;
    assert_eq!((sent[0].attempts, failed.len(), postbox.mails().len()), (3, 0, 1));
    runner.stop(Duration::from_secs(5)).await;
});

both_engines!(a_server_that_asks_to_wait_is_asked_again, async |db: TestDb| {
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    postbox.say_next(Moment::Recipient, "450 4.2.0 greylisted");
    postbox.say_next(Moment::Content, "451 4.3.0 later");
    let outbox = outbox(Some(postbox.port()), None);
    let runner = run(&db, &outbox);
    post(&db, &outbox, code_mail()).await;
    until_put_off(&db, 1).await;
    db.clock.advance(A_WHILE);
    until_put_off(&db, 2).await;
    assert!(postbox.mails().is_empty());
    db.clock.advance(A_WHILE);
    let (sent, _) = until_told(&db, 1).await;
    assert_eq!((sent[0].attempts, postbox.mails().len()), (3, 1));
    runner.stop(Duration::from_secs(5)).await;
});

both_engines!(a_refusal_for_good_ends_it, async |db: TestDb| {
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    postbox.say_next(Moment::Recipient, "550 5.1.1 anna@customer.example is unknown");
    let outbox = outbox(Some(postbox.port()), None);
    let runner = run(&db, &outbox);
    let id = post(&db, &outbox, code_mail()).await;
    let (sent, failed) = until_told(&db, 1).await;
    assert!(sent.is_empty() && attempts(&db).await.is_empty());
    let fact = &failed[0];
    assert_eq!(
        (fact.post, fact.reason.as_str(), fact.reply.as_deref()),
        (id, "mail.refused", Some("550 5.1.1"))
    );
    assert_eq!(postbox.connections(), 1);
    runner.stop(Duration::from_secs(5)).await;
});

both_engines!(a_process_that_dies_in_the_middle_sends_it_twice_with_one_id, async |mut db: TestDb| {
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    let outbox = outbox(Some(postbox.port()), None);
    // The server takes the mail, and its answer never comes: then the process dies.
    postbox.tell_next(Moment::Content, Told::KeepAndHang);
    let runner = run(&db, &outbox);
    post(&db, &outbox, code_mail()).await;
    postbox.wait_for(1).await;
    drop(runner);
    db.reopen();
    assert_eq!(attempts(&db).await, [1]);
    let runner = run(&db, &outbox);
    db.clock.advance(A_WHILE);
    let (sent, _) = until_told(&db, 1).await;
    assert_eq!(sent[0].attempts, 2);
    let mails = postbox.mails();
    assert_eq!(mails.len(), 2);
    assert!(mails[0].header("Message-ID").is_some());
    assert_eq!(mails[0].bytes, mails[1].bytes, "mailboxes show it once");
    runner.stop(Duration::from_secs(5)).await;
});

both_engines!(a_code_is_not_sent_late, async |db: TestDb| {
    let port = unused_port();
    let outbox = outbox(Some(port), None);
    let runner = run(&db, &outbox);
    let until = db.now().plus(Duration::from_secs(600));
    post(&db, &outbox, code_mail().until(until)).await;
    until_put_off(&db, 1).await;
    let postbox = Postbox::start(PostboxOptions::default().port(port)).unwrap();
    db.clock.advance(Duration::from_secs(601));
    let (sent, failed) = until_told(&db, 1).await;
    assert!(sent.is_empty() && postbox.connections() == 0);
    assert_eq!(failed[0].reason, "post.late");
    runner.stop(Duration::from_secs(5)).await;
});

both_engines!(after_a_day_it_is_given_up, async |db: TestDb| {
    let port = unused_port();
    let outbox = outbox(Some(port), None);
    let runner = run(&db, &outbox);
    // A deadline beyond the day changes nothing.
    post(&db, &outbox, code_mail().until(db.now().plus(Duration::from_secs(7 * 24 * 3600)))).await;
    until_put_off(&db, 1).await;
    db.clock.advance(Duration::from_secs(24 * 3600 - 60));
    until_put_off(&db, 2).await;
    db.clock.advance(Duration::from_secs(61));
    let (_, failed) = until_told(&db, 1).await;
    assert_eq!(failed[0].reason, "post.late");
    assert!(attempts(&db).await.is_empty());
    runner.stop(Duration::from_secs(5)).await;
});

both_engines!(another_key_opens_nothing, async |db: TestDb| {
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    let first = outbox(Some(postbox.port()), None);
    post(&db, &first, code_mail()).await;
    let other = Outbox::new(OutboxParts {
        mailer: None,
        gateway: None,
        brand: Brand::new(Line::parse("Shop").unwrap()),
        key: DataKey::generate(&SystemEntropy),
        marks: PseudonymKey::generate(&SystemEntropy).mark_key("post.recipient"),
        entropy: Arc::new(SystemEntropy),
    });
    let runner = run(&db, &other);
    let (_, failed) = until_told(&db, 1).await;
    assert_eq!(failed[0].reason, "post.unreadable");
    runner.stop(Duration::from_secs(5)).await;
});

both_engines!(short_messages_go_the_same_way, async |db: TestDb| {
    let recorder = Recorder::start().unwrap();
    recorder.answer_next(Answer::new(503, "later"));
    let outbox = outbox(None, Some(&recorder));
    let runner = run(&db, &outbox);
    let sms = Sms::new("identity.code", PhoneNumber::parse("+49 30 1234567").unwrap(), "Code 493 817");
    let posted = {
        let (outbox, sms) = (outbox.clone(), sms.clone().once("customer-1"));
        db.write(move |tx| {
            tx.append(Actor::System, None, system::Started { version: "promise".to_owned() })?;
            let first = outbox.sms(tx, &sms)?;
            // While it waits, it is not promised again.
            assert_eq!(outbox.sms(tx, &sms)?, Posted::Already);
            Ok::<_, PostError>(first)
        })
        .await
        .unwrap()
    };
    let Posted::New(id) = posted else { panic!("{posted:?}") };
    until_put_off(&db, 1).await;
    db.clock.advance(A_WHILE);
    let (sent, _) = until_told(&db, 1).await;
    assert_eq!((sent[0].post, sent[0].channel, sent[0].attempts), (id, Channel::Sms, 2));
    let requests = recorder.requests();
    assert_eq!(requests.len(), 2);
    // Gateways that know such a key send it once.
    assert!(requests.iter().all(|request| request.target == format!("/{id}")));
    recorder.answer_next(Answer::new(400, "+49301234567 is no number"));
    let again = outbox.clone();
    let promised = db.write(move |tx| {
        tx.append(Actor::System, None, system::Started { version: "promise".to_owned() })?;
        again.sms(tx, &sms)
    });
    promised.await.unwrap();
    let (_, failed) = until_told(&db, 2).await;
    assert_eq!((failed[0].reason.as_str(), failed[0].reply.as_deref()), ("sms.refused", Some("400")));
    runner.stop(Duration::from_secs(5)).await;
});

both_engines!(without_a_server_nothing_is_promised, async |db: TestDb| {
    let outbox = outbox(None, None);
    assert!(!outbox.offers(Channel::Mail) && !outbox.offers(Channel::Sms));
    let refused = db
        .write(move |tx| {
            tx.append(Actor::System, None, system::Started { version: "promise".to_owned() })?;
            outbox.mail(tx, &code_mail())
        })
        .await;
    assert!(matches!(refused, Err(PostError::NotSetUp(Channel::Mail))), "{refused:?}");
    assert!(attempts(&db).await.is_empty());
});

// What waited for somebody whose account is closed went out all the same.
both_engines!(what_waits_for_a_closed_account_is_taken_back, MIGRATIONS, async |db: TestDb| {
    let outbox = outbox(Some(unused_port()), None);
    outbox.set_check_page("shop.example/messages");
    let (ada, bob) = (CustomerId::from_bits(1), CustomerId::from_bits(2));
    let to = |address: &str| Mailbox::from(Address::parse(address).unwrap());
    let mail = |topic, address: &str| Mail::new(topic, to(address), Language::En, letter());
    for gone in [
        mail("identity.notice", "anna@customer.example").customer(ada),
        mail("guide.reminder", "of.before@customer.example").customer(ada),
        code_mail(),
    ] {
        post(&db, &outbox, gone).await;
    }
    let kept = [
        post(&db, &outbox, mail("payments.receipt", "anna@customer.example")).await,
        post(&db, &outbox, mail("identity.code", "anna@customer.example").customer(bob)).await,
        post(&db, &outbox, mail("identity.code", "bob@customer.example")).await,
    ];
    let (taker, address) = (outbox.clone(), Address::parse("anna@CUSTOMER.example").unwrap());
    let forgotten = db.write(move |tx| {
        tx.commit_silent("of this test");
        taker.forget(tx, ada, Some(&address), "identity")
    });
    forgotten.await.unwrap_or_else(|why: Error| panic!("{why}"));
    assert_eq!(attempts(&db).await.len(), 3);
    let left = db.read(|reader| {
        reader.query_many("SELECT post FROM post_register ORDER BY post", &[], |row| row.get::<PostId>(0))
    });
    let mut kept = kept.to_vec();
    kept.sort_unstable();
    assert_eq!(left.await.unwrap_or_else(|why: Error| panic!("{why}")), kept);
});
