//! Mail through real sockets, and the attacks on it.

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use storeward_base::{Clock, Fault, FixedClock, Language, SystemEntropy, Timestamp};
use storeward_outbound::mail::{
    Address, Attachment, Block, Body, Brand, Credentials, Letter, Line, Link, MailError, Mailbox, Mailer,
    MailerOptions, MediaType, Message, MessageId, Outlook, Patience, Security, Sender, Signer, Step,
};
use storeward_outbound::postbox::{Moment, Postbox, PostboxOptions, Told};
use storeward_outbound::{AllowList, Destination, FixedNames, Reach, Scheme};
use storeward_seal::dkim::{Algorithm, MailKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const NOW: Timestamp = Timestamp::from_seconds(1_795_541_880);

/// The PEM of an authority, and of a certificate for `host` with its key.
fn certificate(host: &str) -> (String, String, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    (authority.pem(), leaf.pem(), key.serialize_pem())
}

fn sender() -> Sender {
    Sender { from: Mailbox::parse("The shop <service@shop.example>").unwrap(), reply_to: None }
}

/// Short, since what these tests wait for never comes.
const SHORT: Patience = Patience {
    connect: Duration::from_secs(5),
    answer: Duration::from_millis(300),
    accept: Duration::from_millis(300),
};

fn allowed(server: &Destination) -> AllowList {
    AllowList::new().with(server.clone(), Reach::Internal)
}

/// In the clear, to this machine.
fn plain(port: u16) -> Mailer {
    plain_with(port, MailerOptions::new(sender(), Security::Loopback))
}

fn plain_with(port: u16, options: MailerOptions) -> Mailer {
    let server = Destination::mail(Scheme::Smtp, "127.0.0.1", Some(port)).unwrap();
    Mailer::new(allowed(&server), server, options).unwrap()
}

/// With TLS, to `mail.example`, which is this machine.
fn secure(port: u16, scheme: Scheme, authority: &str, credentials: Option<(&str, &str)>) -> Mailer {
    let server = Destination::mail(scheme, "mail.example", Some(port)).unwrap();
    let security = if scheme == Scheme::Smtps { Security::Tls } else { Security::StartTls };
    let mut options = MailerOptions::new(sender(), security)
        .trust_pem(authority.as_bytes())
        .unwrap()
        .patience(SHORT)
        .names(FixedNames::default().with("mail.example", &["127.0.0.1".parse().unwrap()]));
    if let Some((username, password)) = credentials {
        options = options.credentials(Credentials {
            username: username.to_owned(),
            password: storeward_base::Secret::new(password.to_owned()),
        });
    }
    Mailer::new(allowed(&server), server, options).unwrap()
}

fn message(to: &str) -> Message {
    let letter = Letter::new(Line::parse("Ihr Code für den Grüßladen").unwrap())
        .with(Block::Text("Guten Tag,\nhier ist Ihr Code.".to_owned()))
        .with(Block::Code(Line::parse("123 456").unwrap()))
        .with(Block::Text(".\nFrom a line that begins so, to =3D and beyond: 🌻".to_owned()));
    let brand = Brand::new(Line::parse("Grüßladen").unwrap());
    let to = Mailbox::from(Address::parse(to).unwrap());
    let id = MessageId::new(&SystemEntropy, &sender().from.address);
    let clock = FixedClock::at(NOW);
    Message::new(to, letter.subject.clone(), Language::De, letter.body(&brand, Language::De), (id, &clock))
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_written() {
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    let sent =
        message("anna@customer.example").unsubscribe(Link::parse("https://shop.example/u/abc").unwrap());
    plain(postbox.port()).send(&sent, NOW).await.unwrap();
    let mails = postbox.wait_for(1).await;
    let mail = &mails[0];
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("service@shop.example", &["anna@customer.example".to_owned()][..])
    );
    assert_eq!(mail.subject(), "Ihr Code für den Grüßladen");
    assert_eq!(mail.text(), sent.body.text.replace("\r\n", "\n").trim_end_matches('\n').to_owned() + "\n");
    assert_eq!(mail.html().unwrap().trim_end(), sent.body.html.clone().unwrap().trim_end());
    for (name, value) in [
        ("From", "\"The shop\" <service@shop.example>"),
        ("To", "<anna@customer.example>"),
        ("Date", "Tue, 24 Nov 2026 17:38:00 +0000"),
        ("Message-ID", &format!("<{}>", sent.id.as_str())),
        ("Auto-Submitted", "auto-generated"),
        ("List-Unsubscribe", "<https://shop.example/u/abc>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("Content-Language", "de"),
        ("MIME-Version", "1.0"),
    ] {
        assert_eq!(mail.header(name).as_deref(), Some(value), "{name}");
    }
    assert!(mail.raw().is_ascii() && mail.raw().lines().all(|line| line.len() <= 78), "{}", mail.raw());
    assert!(!mail.over_tls);
}

#[tokio::test]
async fn both_ways_of_tls_with_sign_in() {
    let (authority, leaf, key) = certificate("mail.example");
    for (scheme, hidden) in
        [(Scheme::Smtp, "x"), (Scheme::Smtps, "x"), (Scheme::Smtp, "PLAIN"), (Scheme::Smtps, "PLAIN")]
    {
        let options = PostboxOptions::default().account("shop", "pass wörd").without(hidden);
        let options = match scheme {
            Scheme::Smtps => options.tls(&leaf, &key).unwrap(),
            _ => options.starttls(&leaf, &key).unwrap(),
        };
        let postbox = Postbox::start(options).unwrap();
        let mailer = secure(postbox.port(), scheme, &authority, Some(("shop", "pass wörd")));
        let probe = mailer.probe().await.unwrap();
        assert!(probe.is_secure && probe.is_signed_in && probe.takes_utf8);
        assert!(postbox.mails().is_empty(), "a probe sends nothing");
        mailer.send(&message("a@b.example"), NOW).await.unwrap();
        let mails = postbox.wait_for(1).await;
        assert!(mails[0].over_tls && mails[0].user.as_deref() == Some("shop"), "{scheme:?} without {hidden}");
        let wrong = secure(postbox.port(), scheme, &authority, Some(("shop", "wrong")));
        let refused = wrong.send(&message("a@b.example"), NOW).await.unwrap_err();
        assert!(matches!(refused, MailError::Refused { step: Step::SignIn, code: 535, .. }), "{refused}");
        assert_eq!(refused.outlook(), Outlook::Retry);
        assert!(refused.to_string().contains("mail.password_file"), "{refused}");
    }
}

#[tokio::test]
async fn a_stranger_s_certificate_gets_nothing() {
    let (_, leaf, key) = certificate("mail.example");
    let (other_authority, other_leaf, other_key) = certificate("other.example");
    for (leaf, key) in [(&leaf, &key), (&other_leaf, &other_key)] {
        for scheme in [Scheme::Smtp, Scheme::Smtps] {
            let options = PostboxOptions::default();
            let options = match scheme {
                Scheme::Smtps => options.tls(leaf, key).unwrap(),
                _ => options.starttls(leaf, key).unwrap(),
            };
            let postbox = Postbox::start(options).unwrap();
            let mailer = secure(postbox.port(), scheme, &other_authority, None);
            let error = mailer.send(&message("a@b.example"), NOW).await.unwrap_err();
            assert_eq!(error.code(), "outbound.tls");
            assert!(postbox.mails().is_empty());
        }
    }
}

#[tokio::test]
async fn without_starttls_nothing_is_sent() {
    let (authority, leaf, key) = certificate("mail.example");
    let options = PostboxOptions::default().starttls(&leaf, &key).unwrap().without("STARTTLS");
    let postbox = Postbox::start(options).unwrap();
    let mailer = secure(postbox.port(), Scheme::Smtp, &authority, Some(("shop", "secret")));
    let error = mailer.send(&message("a@b.example"), NOW).await.unwrap_err();
    assert_eq!((error.code(), error.outlook()), ("mail.no_starttls", Outlook::Retry));
    assert!(error.to_string().contains("465"));
}

/// A server that says what it is told, line by line, and keeps what it hears.
async fn scripted(words: Vec<&'static str>) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = String::new();
        let mut piece = [0; 4096];
        for word in words {
            if stream.write_all(word.as_bytes()).await.is_err() {
                break;
            }
            match stream.read(&mut piece).await {
                Ok(count) if count > 0 => heard.push_str(&String::from_utf8_lossy(&piece[..count])),
                _ => break,
            }
        }
        heard
    });
    (port, heard)
}

#[tokio::test]
async fn what_was_said_before_tls_is_not_taken_for_said_inside() {
    let (authority, ..) = certificate("mail.example");
    let (port, heard) = scripted(vec![
        "220 x\r\n",
        "250-x\r\n250 STARTTLS\r\n",
        // CVE-2011-0411 and its kin: an answer for the EHLO inside of TLS, in the clear.
        "220 go on\r\n250-x\r\n250 AUTH PLAIN\r\n",
    ])
    .await;
    let mailer = secure(port, Scheme::Smtp, &authority, Some(("shop", "secret")));
    let error = mailer.send(&message("a@b.example"), NOW).await.unwrap_err();
    assert_eq!(error.code(), "mail.injected");
    let heard = heard.await.unwrap();
    assert!(!heard.contains("AUTH") && !heard.contains("MAIL"), "{heard}");
}

#[tokio::test]
async fn a_server_that_offers_sign_in_in_the_clear_hears_no_password() {
    let (authority, ..) = certificate("mail.example");
    let (port, heard) =
        scripted(vec!["220 x\r\n", "250-x\r\n250 AUTH PLAIN LOGIN\r\n", "235 fine\r\n"]).await;
    let mailer = secure(port, Scheme::Smtp, &authority, Some(("shop", "secret")));
    assert_eq!(mailer.send(&message("a@b.example"), NOW).await.unwrap_err().code(), "mail.no_starttls");
    assert_eq!(heard.await.unwrap(), "EHLO shop.example\r\n");
}

#[tokio::test]
async fn hostile_answers_end_the_talk() {
    let long = Box::leak(format!("220 {}\r\n", "x".repeat(10_000)).into_boxed_str());
    let endless = Box::leak("220-x\r\n".repeat(1_000).into_boxed_str());
    let no_line = Box::leak("2".repeat(100_000).into_boxed_str());
    let cases: Vec<(Vec<&'static str>, &str)> = vec![
        (vec![long], "mail.broken"),
        (vec![endless], "mail.broken"),
        (vec![no_line], "mail.broken"),
        (vec!["HTTP/1.1 200 OK\r\n\r\n"], "mail.broken"),
        (vec!["220-x\r\n250 x\r\n"], "mail.broken"),
        (vec!["999 x\r\n"], "mail.broken"),
        (vec!["22\r\n"], "mail.broken"),
        (vec!["220x\r\n"], "mail.broken"),
        (vec!["354 x\r\n"], "mail.broken"),
        (vec!["554 no\r\n"], "mail.refused"),
        (vec!["421 later\r\n"], "mail.refused"),
        (vec![""], "mail.silent"),
        (vec!["220 x\r\n", "250 x\r\n", "354 x\r\n"], "mail.broken"),
        (vec!["220 x\r\n", "250 x\r\n", "250 x\r\n", "250 x\r\n", "250 x\r\n"], "mail.broken"),
    ];
    for (words, expected) in cases {
        let shown = words.iter().map(|w| w.chars().take(20).collect::<String>()).collect::<Vec<_>>();
        let (port, _heard) = scripted(words).await;
        let mailer = plain_with(port, MailerOptions::new(sender(), Security::Loopback).patience(SHORT));
        let error = mailer.send(&message("a@b.example"), NOW).await.unwrap_err();
        assert_eq!(error.code(), expected, "{shown:?}: {error}");
        assert_eq!(error.outlook(), Outlook::Retry, "{shown:?}");
    }
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let cases = [
        (Moment::Greeting, "554 no", Outlook::Retry),
        (Moment::Hello, "550 no", Outlook::Retry),
        (Moment::Sender, "451 later", Outlook::Retry),
        (Moment::Sender, "550 5.7.1 not yours", Outlook::Retry),
        (Moment::Recipient, "450 4.2.1 greylisted", Outlook::Retry),
        (Moment::Recipient, "550 5.1.1 anna@customer.example unknown", Outlook::GiveUp),
        (Moment::Data, "452 full", Outlook::Retry),
        (Moment::Content, "451 4.3.0 later", Outlook::Retry),
        (Moment::Content, "554 5.7.1 spam: Ihr Code", Outlook::GiveUp),
    ];
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    let mailer = plain(postbox.port());
    for (moment, words, outlook) in cases {
        postbox.say_next(moment, words);
        let error = mailer.send(&message("anna@customer.example"), NOW).await.unwrap_err();
        assert_eq!(error.outlook(), outlook, "{moment:?} {words}");
        // What the server says may quote the mail; neither the error nor its source repeats it.
        let said =
            format!("{error} {error:?} {:?}", std::error::Error::source(&error).map(ToString::to_string));
        for word in ["anna", "customer", "Code", "spam", "greylisted"] {
            assert!(!said.contains(word), "{moment:?}: {said}");
        }
        assert!(said.contains(&words[..3]), "{said}");
    }
    assert!(postbox.mails().is_empty());
    mailer.send(&message("anna@customer.example"), NOW).await.unwrap();
    assert_eq!(postbox.wait_for(1).await.len(), 1);
}

#[tokio::test]
async fn a_mail_that_came_through_unnoticed_bears_the_same_id_again() {
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    let mailer = plain(postbox.port());
    postbox.tell_next(Moment::Content, Told::Close);
    let sent = message("a@b.example");
    let error = mailer.send(&sent, NOW).await.unwrap_err();
    assert!(matches!(error, MailError::Broken { step: Step::Content }), "{error}");
    assert_eq!(error.outlook(), Outlook::Retry);
    mailer.send(&sent, NOW).await.unwrap();
    let mails = postbox.wait_for(2).await;
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    assert_eq!(mails[0].bytes, mails[1].bytes);
}

#[tokio::test]
async fn a_server_that_hangs_is_left() {
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    let options = MailerOptions::new(sender(), Security::Loopback).patience(SHORT);
    let mailer = plain_with(postbox.port(), options);
    for moment in [Moment::Greeting, Moment::Hello, Moment::Sender, Moment::Recipient, Moment::Content] {
        postbox.tell_next(moment, Told::Hang);
        let error = mailer.send(&message("a@b.example"), NOW).await.unwrap_err();
        assert_eq!(error.code(), "mail.silent", "{moment:?}");
    }
}

#[tokio::test]
async fn no_word_ends_a_mail_or_begins_another() {
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    let mailer = plain(postbox.port());
    let smuggled =
        "x\r\n.\r\nMAIL FROM:<evil@evil.example>\r\nRCPT TO:<b@c.example>\r\nDATA\r\nhi\r\n.\r\n\n.\n\r.\r";
    let mut sent = message("a@b.example");
    sent.body = Body { text: smuggled.to_owned(), html: None, pictures: Vec::new() };
    let bytes = smuggled.as_bytes().to_vec();
    sent = sent.attach(Attachment { name: Line::clean("x\"\r\nBcc: y", "x"), kind: MediaType::Text, bytes });
    mailer.send(&sent, NOW).await.unwrap();
    mailer.send(&message("c@d.example"), NOW).await.unwrap();
    let mails = postbox.wait_for(2).await;
    assert_eq!(mails.len(), 2);
    assert!(mails.iter().all(|mail| mail.from == "service@shop.example"));
    assert!(mails[0].header("Bcc").is_none());
    let expected = smuggled.replace("\r\n", "\n").replace('\r', "\n");
    assert_eq!(mails[0].text(), format!("{}\n", expected.trim_end_matches('\n')));
}

#[tokio::test]
async fn addresses_beyond_ascii_need_a_server_that_takes_them() {
    let to = "änna@customer.example";
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    plain(postbox.port()).send(&message(to), NOW).await.unwrap();
    assert_eq!(postbox.wait_for(1).await[0].to, [to]);
    let old = Postbox::start(PostboxOptions::default().without("SMTPUTF8")).unwrap();
    let error = plain(old.port()).send(&message(to), NOW).await.unwrap_err();
    assert_eq!((error.code(), error.outlook()), ("mail.no_utf8", Outlook::GiveUp));
    // A domain beyond ASCII has a form that every server takes.
    plain(old.port()).send(&message("anna@bücher.example"), NOW).await.unwrap();
    assert_eq!(old.wait_for(1).await[0].to, ["anna@xn--bcher-kva.example"]);
}

#[tokio::test]
async fn a_mail_that_is_too_large_is_not_begun() {
    let (port, heard) = scripted(vec!["220 x\r\n", "250-x\r\n250 SIZE 1000\r\n", "250 x\r\n"]).await;
    let mailer = plain_with(port, MailerOptions::new(sender(), Security::Loopback).patience(SHORT));
    let error = mailer.send(&message("a@b.example"), NOW).await.unwrap_err();
    assert!(matches!(error, MailError::TooLarge { limit_bytes: 1_000 }), "{error}");
    assert_eq!(heard.await.unwrap(), "EHLO shop.example\r\n");
    let bytes = vec![0; 8 * 1024 * 1024];
    let large = message("a@b.example").attach(Attachment {
        name: Line::parse("a.pdf").unwrap(),
        kind: MediaType::Pdf,
        bytes,
    });
    let error = mailer.send(&large, NOW).await.unwrap_err();
    assert_eq!(error.outlook(), Outlook::GiveUp);
}

#[tokio::test]
async fn the_guard_holds_for_mail() {
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    let (authority, ..) = certificate("mail.example");
    let server = Destination::mail(Scheme::Smtp, "mail.example", Some(postbox.port())).unwrap();
    let options = || {
        MailerOptions::new(sender(), Security::StartTls)
            .trust_pem(authority.as_bytes())
            .unwrap()
            .names(FixedNames::default().with("mail.example", &["127.0.0.1".parse().unwrap()]))
    };
    let code = |allow: AllowList| {
        let mailer = Mailer::new(allow, server.clone(), options()).unwrap();
        async move { mailer.probe().await.unwrap_err().code() }
    };
    assert_eq!(code(AllowList::new()).await, "outbound.not_listed");
    assert_eq!(code(AllowList::new().with(server.clone(), Reach::Public)).await, "outbound.address");
    let http = format!("http://mail.example:{}", postbox.port());
    assert_eq!(code(AllowList::new().internal(&http).unwrap()).await, "outbound.not_listed");
    assert_eq!(postbox.connections(), 0);
    // In the clear to a name, or with the wrong kind of TLS, there is no mailer at all.
    for (scheme, security) in [
        (Scheme::Smtp, Security::Loopback),
        (Scheme::Smtps, Security::StartTls),
        (Scheme::Https, Security::Tls),
    ] {
        let server = Destination::mail(scheme, "mail.example", Some(1)).unwrap();
        let made = Mailer::new(allowed(&server), server, MailerOptions::new(sender(), security));
        assert!(made.is_err(), "{scheme:?} {security:?}");
    }
}

#[tokio::test]
async fn each_key_signs() {
    let postbox = Postbox::start(PostboxOptions::default()).unwrap();
    let mut options = MailerOptions::new(sender(), Security::Loopback);
    for (selector, algorithm) in [("r1", Algorithm::RsaSha256), ("e1", Algorithm::Ed25519Sha256)] {
        let (key, _) = MailKey::generate(algorithm, &SystemEntropy).unwrap();
        options = options.sign_with(Signer::new("shop.example", selector, key).unwrap());
    }
    plain_with(postbox.port(), options).send(&message("a@b.example"), NOW).await.unwrap();
    let raw = postbox.wait_for(1).await[0].raw();
    let (signatures, rest) = raw.split_at(raw.find("\r\nDate: ").unwrap() + 2);
    assert_eq!(signatures.matches("DKIM-Signature:").count(), 2);
    assert!(signatures.contains("a=rsa-sha256;") && signatures.contains("a=ed25519-sha256;"));
    assert!(rest.starts_with("Date:") && !rest.contains("DKIM-Signature"));
}

#[tokio::test]
async fn the_postbox_forgets_the_oldest() {
    let postbox = Postbox::start(PostboxOptions::default().keep(2)).unwrap();
    let mailer = plain(postbox.port());
    for to in ["a@b.example", "b@b.example", "c@b.example"] {
        mailer.send(&message(to), FixedClock::at(NOW).now()).await.unwrap();
    }
    let kept: Vec<_> = postbox.wait_for(3).await.into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(kept, ["b@b.example", "c@b.example"]);
}
