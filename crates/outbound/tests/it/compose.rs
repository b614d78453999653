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
        another_reader_agrees(&mail, (&subject, &name, &text, &html), file.as_deref())?;
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

/// What a parser that is not ours makes of it.
fn another_reader_agrees(
    mail: &str,
    (subject, name, text, html): (&str, &str, &str, &str),
    file: Option<&str>,
) -> Result<(), TestCaseError> {
    let read = mail_parser::MessageParser::default().parse(mail.as_bytes());
    let read = read.ok_or_else(|| TestCaseError::fail("it is read as no mail"))?;
    let expected = |text: &str, otherwise| Some(Line::clean(text, otherwise).as_str().to_owned());
    prop_assert_eq!(read.subject().map(str::to_owned), expected(subject, "-"));
    let from = read.from().and_then(|from| from.first()).ok_or_else(|| TestCaseError::fail("no sender"))?;
    prop_assert_eq!(from.name().map(str::to_owned), expected(name, "Shop"));
    prop_assert_eq!(from.address(), Some("a@shop.example"));
    prop_assert_eq!(read.date().map(|date| date.to_timestamp()), Some(1_795_541_880));
    prop_assert_eq!((read.text_body_count(), read.html_body_count()), (1, 1));
    prop_assert_eq!(seen(&read.body_text(0).unwrap_or_default()), seen(text));
    prop_assert_eq!(seen(&read.body_html(0).unwrap_or_default()), seen(html));
    let attached: Vec<_> = read.attachments().collect();
    prop_assert_eq!(attached.len(), usize::from(file.is_some()));
    if let (Some(name), Some(part)) = (file, attached.first()) {
        use mail_parser::MimeHeaders;
        prop_assert_eq!(part.attachment_name().map(str::to_owned), expected(name, "file"));
        prop_assert_eq!(part.contents(), text.as_bytes());
    }
    Ok(())
}
