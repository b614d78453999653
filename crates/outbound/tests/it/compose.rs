//! What is composed is read back as it was said, whatever was said.

use proptest::prelude::*;
use storeward_base::{Language, SeededEntropy, Timestamp};
use storeward_outbound::mail::{
    Address, Attachment, Body, Line, Mailbox, MediaType, Message, MessageId, Sender,
};
use storeward_outbound::postbox::Received;

fn message(subject: &str, name: &str, text: &str, html: &str, file: Option<&str>) -> String {
    let from =
        Mailbox { name: Some(Line::clean(name, "Shop")), address: Address::parse("a@shop.example").unwrap() };
    let file = file.map(|name| Attachment {
        name: Line::clean(name, "file"),
        kind: MediaType::Csv,
        bytes: text.as_bytes().to_vec(),
    });
    let message = Message {
        id: MessageId::new(&SeededEntropy::new(1), &from.address),
        date: Timestamp::from_seconds(1_795_541_880),
        to: from.clone(),
        subject: Line::clean(subject, "-"),
        language: Language::En,
        body: Body { text: text.to_owned(), html: Some(html.to_owned()), pictures: Vec::new() },
        attachments: file.into_iter().collect(),
        unsubscribe: None,
    };
    message.compose(&Sender { from: from.clone(), reply_to: Some(from) })
}

/// As a reader sees it: line breaks are one kind, those at the end do not count.
fn seen(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    format!("{}\n", text.trim_end_matches('\n'))
}

proptest! {
    #[test]
    fn said_and_read_are_the_same(
        subject in "(?s).{0,120}",
        name in "(?s).{0,60}",
        text in "(?s)(.|\r\n|\n|=|\\.|From ){0,300}",
        html in "(?s)(.|<|=_|--){0,200}",
        file in proptest::option::of("(?s).{0,80}"),
    ) {
        let mail = message(&subject, &name, &text, &html, file.as_deref());
        prop_assert!(mail.is_ascii());
        prop_assert!(mail.lines().all(|line| line.len() <= 300), "{mail}");
        prop_assert!(!mail.replace("\r\n", "").contains(['\r', '\n']), "a bare break");
        let received = Received {
            from: String::new(),
            to: Vec::new(),
            bytes: mail.clone().into(),
            over_tls: false,
            user: None,
        };
        prop_assert_eq!(received.subject(), Line::clean(&subject, "-").as_str().to_owned());
        prop_assert_eq!(received.text(), seen(&text));
        prop_assert_eq!(received.html().unwrap(), seen(&html));
        // Nothing that was said became a header.
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        let names: Vec<_> = head
            .split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']))
            .filter_map(|line| line.split(':').next())
            .collect();
        prop_assert_eq!(names, [
            "Date", "From", "Reply-To", "To", "Subject", "Message-ID", "Auto-Submitted", "Content-Language",
            "MIME-Version", "Content-Type",
        ]);
    }
}
