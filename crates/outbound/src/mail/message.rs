//! A mail, and the bytes it goes out as (RFC 5322, MIME).

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use storeward_base::{Clock, Entropy, Language, Timestamp};

use super::address::{Address, Mailbox};
use super::encode;
use super::line::Line;
use super::link::Link;

/// A mail with its attachments must stay under this; common servers take 10 to 25 MiB.
pub const LARGEST_BYTES: usize = 8 * 1024 * 1024;

/// Names one mail for good (RFC 5322 section 3.6.4). A mail that is sent a second time, because nobody knows whether the
/// first came through, bears the same one: mailboxes show it once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct MessageId(String);

impl MessageId {
    /// 128 bits of chance at the sender's domain.
    pub fn new(entropy: &dyn Entropy, from: &Address) -> Self {
        MessageId(format!("{}@{}", entropy.token::<16>(), from.domain()))
    }

    /// Without its angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Letters that can stand in a boundary.
    fn token(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for MessageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (token, domain) = text.split_once('@').unwrap_or_default();
        let is_token = token.len() == 32 && token.bytes().all(|b| b.is_ascii_hexdigit());
        let is_domain =
            !domain.is_empty() && domain.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b));
        if is_token && is_domain {
            Ok(MessageId(text))
        } else {
            Err(serde::de::Error::custom("no message id"))
        }
    }
}

/// What a mail says, the same twice: once plain, once with its looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Pictures that the HTML shows by `cid:`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<Attachment>,
}

/// A file that goes along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub name: Line,
    pub kind: MediaType,
    #[serde(with = "as_base64")]
    pub bytes: Vec<u8>,
}

mod as_base64 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use storeward_seal::encoding::{base64, decode_base64};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        decode_base64(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("no base 64"))
    }
}

/// The kinds of files that are sent. No kind that a mail program would run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaType {
    Png,
    Jpeg,
    Pdf,
    Csv,
    Json,
    Text,
}

impl MediaType {
    const fn name(self) -> &'static str {
        match self {
            MediaType::Png => "image/png",
            MediaType::Jpeg => "image/jpeg",
            MediaType::Pdf => "application/pdf",
            MediaType::Csv => "text/csv; charset=utf-8",
            MediaType::Json => "application/json",
            MediaType::Text => "text/plain; charset=utf-8",
        }
    }
}

/// One mail to one person. Several people get several mails: nobody sees another's address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub id: MessageId,
    /// When it was written, which is not when it goes out (RFC 5322 section 3.6.1).
    pub date: Timestamp,
    pub to: Mailbox,
    pub subject: Line,
    pub language: Language,
    pub body: Body,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// One click and no further mail of this kind (RFC 8058); only for what is not about security.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsubscribe: Option<Link>,
}

/// Whom all mail is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    pub from: Mailbox,
    pub reply_to: Option<Mailbox>,
}

impl Message {
    pub fn new(
        to: Mailbox,
        subject: Line,
        language: Language,
        body: Body,
        made: (MessageId, &dyn Clock),
    ) -> Self {
        Message {
            id: made.0,
            date: made.1.now(),
            to,
            subject,
            language,
            body,
            attachments: Vec::new(),
            unsubscribe: None,
        }
    }

    #[must_use]
    pub fn unsubscribe(mut self, link: Link) -> Self {
        self.unsubscribe = Some(link);
        self
    }

    #[must_use]
    pub fn attach(mut self, attachment: Attachment) -> Self {
        self.attachments.push(attachment);
        self
    }

    /// Header and body with CRLF, without a signature. Seven bits, but for addresses that need more.
    pub fn compose(&self, sender: &Sender) -> String {
        let mut out = String::new();
        out.push_str(&format!("Date: {}\r\n", date(self.date)));
        out.push_str(&mailbox("From", &sender.from));
        if let Some(reply_to) = &sender.reply_to {
            out.push_str(&mailbox("Reply-To", reply_to));
        }
        out.push_str(&mailbox("To", &self.to));
        out.push_str(&encode::header("Subject", &encode::text(self.subject.as_str())));
        out.push_str(&format!("Message-ID: <{}>\r\n", self.id.as_str()));
        // RFC 3834 section 5: nobody's holiday notice answers it.
        out.push_str("Auto-Submitted: auto-generated\r\n");
        if let Some(link) = &self.unsubscribe {
            out.push_str(&format!("List-Unsubscribe: <{}>\r\n", link.as_str()));
            out.push_str("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
        }
        out.push_str(&format!("Content-Language: {}\r\n", self.language.tag()));
        out.push_str("MIME-Version: 1.0\r\n");
        out.push_str(&self.content());
        out
    }

    /// mixed(alternative(text, related(html, pictures)), attachments), without the layers that hold one part only.
    fn content(&self) -> String {
        let text = part_of_text("text/plain", &self.body.text);
        let mut content = match &self.body.html {
            None => text,
            Some(html) => {
                let mut shown = part_of_text("text/html", html);
                if !self.body.pictures.is_empty() {
                    let pictures = self.body.pictures.iter().map(|p| part_of_file(p, "inline"));
                    shown = self.several("related", std::iter::once(shown).chain(pictures));
                }
                self.several("alternative", [text, shown].into_iter())
            }
        };
        if !self.attachments.is_empty() {
            let files = self.attachments.iter().map(|a| part_of_file(a, "attachment"));
            content = self.several("mixed", std::iter::once(content).chain(files));
        }
        content
    }

    /// Parts between boundaries (RFC 2046 section 5.1). A boundary begins with `=_`, which no part's code can hold (RFC 2045
    /// section 6.7), and follows from the id, so the same mail has the same bytes each time.
    fn several(&self, kind: &str, parts: impl Iterator<Item = String>) -> String {
        let boundary = format!("=_{kind}_{}", self.id.token());
        let mut out = format!("Content-Type: multipart/{kind};\r\n boundary=\"{boundary}\"\r\n\r\n");
        for part in parts {
            out.push_str(&format!("--{boundary}\r\n{part}\r\n"));
        }
        out.push_str(&format!("--{boundary}--\r\n"));
        out
    }
}

fn part_of_text(kind: &str, text: &str) -> String {
    format!(
        "Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}",
        encode::quoted_printable(text)
    )
}

fn part_of_file(file: &Attachment, disposition: &str) -> String {
    let name = encode::parameter("filename", file.name.as_str());
    let mut pieces = vec![format!("{disposition};")];
    pieces.extend(name);
    let mut out = format!("Content-Type: {}\r\nContent-Transfer-Encoding: base64\r\n", file.kind.name());
    out.push_str(&encode::header("Content-Disposition", &pieces));
    if disposition == "inline" {
        out.push_str(&format!("Content-ID: <{}>\r\n", content_id(file)));
    }
    out.push_str(&format!("\r\n{}", encode::base64_lines(&file.bytes)));
    out
}

/// What the HTML writes behind `cid:` to show a picture.
pub fn content_id(picture: &Attachment) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!("{}@storeward.invalid", picture.name.as_str().chars().map(plain).collect::<String>())
}

fn mailbox(name: &str, mailbox: &Mailbox) -> String {
    let mut pieces = mailbox.name.as_ref().map(|name| encode::phrase(name.as_str())).unwrap_or_default();
    pieces.push(format!("<{}>", mailbox.address.expose()));
    encode::header(name, &pieces)
}

/// RFC 5322 section 3.3, in UTC. The obsolete `GMT` of HTTP becomes `+0000`.
fn date(moment: Timestamp) -> String {
    let since = Duration::from_micros(u64::try_from(moment.micros()).unwrap_or(0));
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + since).replace("GMT", "+0000")
}
