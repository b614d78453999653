//! The register of mails: each bears a code by which whoever holds it can ask whether it is ours.
//!
//! A code is eight characters of Crockford's base 32, so 40 random bits; the database knows it by a keyed mark. It proves that
//! a message with this code was written, not that the message at hand is that one: codes can be copied. So a look-up tells
//! everybody the kind and the moment, to be compared with what they hold, and the rest only to whom it was written.

use std::sync::LazyLock;
use std::time::Duration;

use storeward_base::{CustomerId, Entropy, Language, PostId, Timestamp, Words, text_keys};
use storeward_outbound::mail::{Address, Line};
use storeward_seal::{DataKey, MarkKey};
use storeward_store::jobs::{Failed, Handler, Job};
use storeward_store::{Db, Error, Reader, Row, Tx, params};

use crate::outbox::Outbox;

/// So long after it was written a message can be looked up.
pub const KEPT: Duration = Duration::from_secs(400 * 86_400);
const DAY: Duration = Duration::from_secs(86_400);
/// Lists end here.
const MOST_SHOWN: u32 = 20;

const INSERT: &str = "INSERT INTO post_register (code_mark, post, topic, recipient, customer, shown_sealed, written_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7)";
const BY_CODE: &str = "SELECT code_mark, topic, recipient, customer, shown_sealed, written_at FROM post_register \
                       WHERE code_mark = $1";
const OF_RECIPIENT: &str = "SELECT code_mark, topic, recipient, customer, shown_sealed, written_at FROM post_register \
                            WHERE recipient = $1 ORDER BY written_at DESC, code_mark LIMIT $2";
const STRIKE: &str = "DELETE FROM post_register WHERE code_mark = $1";
const STRIKE_OF: &str = "DELETE FROM post_register WHERE customer = $1";
const STRIKE_AT: &str =
    "DELETE FROM post_register WHERE recipient = $1 AND customer IS NULL AND topic LIKE $2";
const FORGET: &str = "DELETE FROM post_register WHERE written_at < $1";

/// Every statement of this crate, for the test that prepares them on both engines.
pub const STATEMENTS: &[&str] = &[INSERT, BY_CODE, OF_RECIPIENT, STRIKE, STRIKE_OF, STRIKE_AT, FORGET];

text_keys! {
    enum Text {
        Check = "check" { shop, code, page },
    }
}

static TEXTS: LazyLock<Words<Text>> = LazyLock::new(|| {
    Words::load([
        (Language::En, include_str!("../texts/en.txt")),
        (Language::De, include_str!("../texts/de.txt")),
        (Language::Fr, include_str!("../texts/fr.txt")),
        (Language::Es, include_str!("../texts/es.txt")),
    ])
    .expect("the tests load these files")
});

/// A message's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    const LENGTH: usize = 8;

    pub(crate) fn generate(entropy: &dyn Entropy) -> Self {
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let bytes = entropy.bytes::<{ Self::LENGTH }>();
        Code(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
    }

    /// Reads what a person typed: hyphens, blanks and case do not matter, `o` is 0, `i` and `l` are 1. In a longer text, such as
    /// a whole mail, the first that is written as we write codes.
    pub fn find(text: &str) -> Option<Self> {
        let shorter = text.get(..40).unwrap_or(text);
        if text.len() == shorter.len()
            && let Some(code) = Self::read(text)
        {
            return Some(code);
        }
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        words.filter(|word| word.len() == 9 && word.as_bytes().get(4) == Some(&b'-')).find_map(Self::read)
    }

    fn read(text: &str) -> Option<Self> {
        let plain: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                c => c,
            })
            .take(Self::LENGTH + 1)
            .collect();
        let fits =
            plain.len() == Self::LENGTH && plain.bytes().all(|b| b.is_ascii_alphanumeric() && b != b'U');
        fits.then_some(Code(plain))
    }

    /// As it stands in a mail: `7K3M-92QX`.
    pub fn shown(&self) -> String {
        let (first, second) = self.0.split_at(4);
        format!("{first}-{second}")
    }
}

/// A message that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// What kind of message, such as `identity.code`.
    pub topic: String,
    /// Keyed fingerprint of the address ([`Outbox::recipient_of_mail`]).
    pub recipient: String,
    pub customer: Option<CustomerId>,
    pub at: Timestamp,
    /// For whom it was written to only.
    pub subject: String,
    pub code: String,
}

struct RegisterRow {
    code_mark: String,
    topic: String,
    recipient: String,
    customer: Option<CustomerId>,
    shown_sealed: Vec<u8>,
    written_at: Timestamp,
}

fn row(row: &Row<'_>) -> Result<RegisterRow, Error> {
    Ok(RegisterRow {
        code_mark: row.get(0)?,
        topic: row.get(1)?,
        recipient: row.get(2)?,
        customer: row.get(3)?,
        shown_sealed: row.get(4)?,
        written_at: row.get(5)?,
    })
}

fn place(code_mark: &str) -> String {
    format!("post_register/{code_mark}.shown")
}

/// Marks codes, seals what is shown.
pub(crate) struct Keys<'a> {
    pub marks: &'a MarkKey,
    pub data: &'a DataKey,
}

impl Keys<'_> {
    fn mark(&self, code: &Code) -> String {
        self.marks.mark(&format!("code\n{}", code.0))
    }

    fn open(&self, row: RegisterRow) -> Option<Written> {
        let shown = self.data.open(&row.shown_sealed, &place(&row.code_mark)).ok()?;
        let text = String::from_utf8(shown.expose().clone()).ok()?;
        let (code, subject) = text.split_once('\n')?;
        Some(Written {
            topic: row.topic,
            recipient: row.recipient,
            customer: row.customer,
            at: row.written_at,
            subject: subject.to_owned(),
            code: code.to_owned(),
        })
    }
}

/// What a mail that is being promised puts into the register.
pub(crate) struct Entry<'a> {
    pub post: PostId,
    pub topic: &'a str,
    pub recipient: &'a str,
    pub customer: Option<CustomerId>,
    pub subject: &'a str,
}

/// Gives the message a code that no other one bears.
pub(crate) fn enter(
    tx: &mut Tx<'_>,
    keys: &Keys<'_>,
    entry: &Entry<'_>,
    entropy: &dyn Entropy,
) -> Result<Code, Error> {
    let mut code = Code::generate(entropy);
    while tx.query_optional(BY_CODE, params![keys.mark(&code)], row)?.is_some() {
        code = Code::generate(entropy);
    }
    let mark = keys.mark(&code);
    let shown = format!("{}\n{}", code.shown(), entry.subject);
    let sealed = keys.data.seal(shown.as_bytes(), &place(&mark), entropy);
    let now = tx.now();
    let customer = entry.customer;
    tx.execute(INSERT, params![mark, entry.post, entry.topic, entry.recipient, customer, sealed, now])?;
    Ok(code)
}

/// Takes a message out again that was not promised after all.
pub(crate) fn strike(tx: &mut Tx<'_>, keys: &Keys<'_>, code: &Code) -> Result<(), Error> {
    tx.execute(STRIKE, params![keys.mark(code)]).map(drop)
}

/// Forgets what was written to a customer, and what of a domain went to this recipient without an account.
pub(crate) fn forget_of(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    recipient: Option<&str>,
    domain: &str,
) -> Result<(), Error> {
    tx.execute(STRIKE_OF, params![customer])?;
    match recipient {
        Some(recipient) => tx.execute(STRIKE_AT, params![recipient, format!("{domain}.%")]).map(drop),
        None => Ok(()),
    }
}

/// The line below a mail.
pub(crate) fn line(language: Language, shop: &str, code: &Code, page: &str) -> Line {
    let code = code.shown();
    // A line has its length, and the code must not be what is cut.
    let shop: String = shop.chars().take(40).collect();
    let text = TEXTS.text(language, Text::Check, &[("shop", &shop), ("code", &code), ("page", page)]);
    Line::clean(&text, "?")
}

impl Outbox {
    /// The message that bears this code, if it is one of ours.
    pub fn find_written(&self, reader: &mut Reader<'_>, code: &Code) -> Result<Option<Written>, Error> {
        let keys = self.register_keys();
        let found = reader.query_optional(BY_CODE, params![keys.mark(code)], row)?;
        Ok(found.and_then(|row| keys.open(row)))
    }

    /// The newest messages to an address, at most twenty, newest first.
    pub fn written_to(&self, reader: &mut Reader<'_>, address: &Address) -> Result<Vec<Written>, Error> {
        let keys = self.register_keys();
        let recipient = self.recipient_of_mail(address);
        let rows = reader.query_many(OF_RECIPIENT, params![recipient, MOST_SHOWN], row)?;
        Ok(rows.into_iter().filter_map(|row| keys.open(row)).collect())
    }
}

/// Forgets what was written too long ago, daily.
pub(crate) fn forgetting(db: &Db) -> Handler {
    let db = db.clone();
    Handler::new("post.forget_register", move |job| forget(db.clone(), job)).every(DAY)
}

async fn forget(db: Db, job: Job) -> Result<(), Failed> {
    let claim = job.claim();
    let done = db.write(move |tx| {
        tx.commit_silent("which messages can be looked up no more is no fact to keep");
        tx.execute(FORGET, params![tx.now().minus(KEPT)])?;
        claim.finish(tx)
    });
    Ok(done.await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SeededEntropy;

    #[test]
    fn codes_are_read_as_people_type_them() {
        let entropy = SeededEntropy::new(7);
        for _ in 0..200 {
            let code = Code::generate(&entropy);
            let shown = code.shown();
            let sloppy = shown.to_lowercase().replace('0', "o").replace('1', "l").replace('-', " ");
            for typed in [&shown, &sloppy, &format!("  {shown} "), &shown.replace('-', "")] {
                assert_eq!(Code::find(typed).as_ref(), Some(&code), "{typed}");
            }
            let mail = format!(
                "Hello,\n\nthis is a mail about your e-mail sign-in.\n-- \nLook up {shown} at shop.example."
            );
            assert_eq!(Code::find(&mail).as_ref(), Some(&code), "{mail}");
        }
        for none in ["", "7K3M-92Q", "7K3M-92QXX", "7K3M_92QX", "7K3M-92Q!", "UUUU-UUUU", "ÄÄÄÄ-ÄÄÄÄ"]
        {
            assert_eq!(Code::find(none), None, "{none}");
        }
    }

    #[test]
    fn every_language_says_where_to_look_it_up() {
        let code = Code::generate(&SeededEntropy::new(1));
        for language in Language::ALL {
            let line = line(language, "Larkmoor", &code, "shop.example/.storeward/messages");
            for part in ["Larkmoor", &code.shown(), "shop.example/.storeward/messages"] {
                assert!(line.as_str().contains(part), "{language}: {}", line.as_str());
            }
        }
    }
}
