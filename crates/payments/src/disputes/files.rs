//! Files that go out with the evidence: a receipt, a parcel's label, letters. Each is what its content says it is, and is kept sealed.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, PaymentId, Secret, Timestamp};
use storeward_events::payment as told;
use storeward_seal::fingerprint::sha256_hex;
use storeward_store::{Reader, Row, Tx, params, statements};

use crate::error::Error;
use crate::model::{Provider, has_card_number};
use crate::payments::{Payments, Shared};

use super::facts::open_to_change;
use super::{Dispute, get, of_id};

statements! {
    INSERT_FILE = "INSERT INTO payment_dispute_file (id, provider, reference, about, kind, size_bytes, digest, name, body, at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (provider, reference, about) DO NOTHING";
    FILES_OF = "SELECT id, about, kind, size_bytes, digest, name, at FROM payment_dispute_file WHERE provider = $1 AND reference = $2 \
                ORDER BY about LIMIT 10";
    FILE_BODY = "SELECT body FROM payment_dispute_file WHERE id = $1";
    FILES_BYTES = "SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM payment_dispute_file WHERE provider = $1 AND reference = $2";
    FIND_FILE = "SELECT about FROM payment_dispute_file WHERE id = $1 AND provider = $2 AND reference = $3";
    REMOVE_FILE = "DELETE FROM payment_dispute_file WHERE id = $1";
    FORGET_FILES = "DELETE FROM payment_dispute_file WHERE EXISTS (SELECT 1 FROM payment_dispute d WHERE d.provider = payment_dispute_file.provider \
                    AND d.reference = payment_dispute_file.reference AND d.state <> 'open' AND d.closed_at < $1)";
    FORGET_FACTS = "DELETE FROM payment_dispute_fact WHERE EXISTS (SELECT 1 FROM payment_dispute d WHERE d.provider = payment_dispute_fact.provider \
                    AND d.reference = payment_dispute_fact.reference AND d.state <> 'open' AND d.closed_at < $1)";
    FORGET_FILES_OF = "DELETE FROM payment_dispute_file WHERE EXISTS (SELECT 1 FROM payment_dispute d WHERE d.provider = payment_dispute_file.provider \
                    AND d.reference = payment_dispute_file.reference AND d.state <> 'open' AND d.payment = $1)";
    FORGET_FACTS_OF = "DELETE FROM payment_dispute_fact WHERE EXISTS (SELECT 1 FROM payment_dispute d WHERE d.provider = payment_dispute_fact.provider \
                    AND d.reference = payment_dispute_fact.reference AND d.state <> 'open' AND d.payment = $1)";
}

/// All files of a dispute together, in bytes. Stripe takes 5 MB for one (docs.stripe.com, "File upload guide"), PayPal less than 10 MB
/// for one and 50 MB in a call (developer.paypal.com, "Supported file types and sizes"); cards' networks take less than either.
pub const MOST_BYTES: usize = 4 * 1024 * 1024;
const NAME_SIGNS: usize = 100;
/// What the shop said of a dispute is kept for so long after its end: a bank may still hear the case (Visa and Mastercard: a year at
/// most).
const KEPT: Duration = Duration::from_secs(400 * 24 * 3600);
/// Two turns of [`crate::provider::WITH_FILES`] and one for a token: a call that carries files is still on its way for so long.
const ON_THE_WAY: Duration = Duration::from_secs(240);

/// What a file is, by its content. Both providers take these; neither takes text, which goes out as a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Pdf,
    Png,
    Jpeg,
}

impl FileKind {
    const ALL: [FileKind; 3] = [FileKind::Pdf, FileKind::Png, FileKind::Jpeg];

    /// By how it begins and ends; nothing where it is none of them, or not whole (ISO 32000-2 section 7.5; PNG section 5; ITU-T T.81
    /// annex B).
    pub fn of(bytes: &[u8]) -> Option<Self> {
        const PNG_END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";
        let tail = bytes.get(bytes.len().saturating_sub(1024)..)?;
        let ends_as_pdf = || tail.windows(5).any(|window| window == b"%%EOF");
        if (bytes.starts_with(b"%PDF-1.") || bytes.starts_with(b"%PDF-2.")) && ends_as_pdf() {
            return Some(FileKind::Pdf);
        }
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR") && bytes.ends_with(PNG_END) {
            return Some(FileKind::Png);
        }
        // Telephones write more behind the end: what makes a picture move, or what the maker knows of it.
        let has_end = || bytes.windows(2).any(|window| window == b"\xff\xd9");
        (bytes.starts_with(b"\xff\xd8\xff") && has_end()).then_some(FileKind::Jpeg)
    }

    /// As a file's name ends.
    pub const fn word(self) -> &'static str {
        match self {
            FileKind::Pdf => "pdf",
            FileKind::Png => "png",
            FileKind::Jpeg => "jpg",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }

    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            FileKind::Pdf => "application/pdf",
            FileKind::Png => "image/png",
            FileKind::Jpeg => "image/jpeg",
        }
    }
}

/// What a file shows. One of each: Stripe has one place for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAbout {
    Receipt,
    /// That the goods were sent, or arrived.
    Shipping,
    /// What the buyer and the shop wrote to each other.
    Communication,
    /// What the shop's terms say of giving back.
    Terms,
    Other,
}

impl FileAbout {
    pub const ALL: [FileAbout; 5] = [
        FileAbout::Receipt,
        FileAbout::Shipping,
        FileAbout::Communication,
        FileAbout::Terms,
        FileAbout::Other,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            FileAbout::Receipt => "receipt",
            FileAbout::Shipping => "shipping",
            FileAbout::Communication => "communication",
            FileAbout::Terms => "terms",
            FileAbout::Other => "other",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }

    /// Stripe's name of the place (`evidence`).
    pub(crate) const fn at_stripe(self) -> &'static str {
        match self {
            FileAbout::Receipt => "receipt",
            FileAbout::Shipping => "shipping_documentation",
            FileAbout::Communication => "customer_communication",
            FileAbout::Terms => "refund_policy",
            FileAbout::Other => "uncategorized_file",
        }
    }
}

/// A file, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceFile {
    pub id: String,
    pub about: FileAbout,
    pub kind: FileKind,
    pub size_bytes: u64,
    /// SHA-256 of the content in hexadecimal.
    pub digest: String,
    /// As its owner calls it. It does not go out.
    pub name: String,
    pub at: Timestamp,
}

impl EvidenceFile {
    /// The name under which it goes out: the owner's own may say more than it should.
    pub fn sent_name(&self) -> String {
        format!("{}.{}", self.about.word(), self.kind.word())
    }
}

/// A file on its way out.
pub(crate) struct SentFile {
    pub about: FileAbout,
    pub name: String,
    pub media_type: &'static str,
    pub content: Secret<Vec<u8>>,
}

struct Kept {
    file: EvidenceFile,
    name: Vec<u8>,
}

fn kept(row: &Row<'_>) -> Result<Kept, storeward_store::Error> {
    let word = |index: usize, wanted: &'static str| storeward_store::Error::Column { index, wanted };
    let size: i64 = row.get(3)?;
    let file = EvidenceFile {
        id: row.get(0)?,
        about: FileAbout::of_word(&row.get::<String>(1)?).ok_or(word(1, "what a file shows"))?,
        kind: FileKind::of_word(&row.get::<String>(2)?).ok_or(word(2, "a kind of file"))?,
        size_bytes: u64::try_from(size).map_err(|_| word(3, "a size"))?,
        digest: row.get(4)?,
        name: String::new(),
        at: row.get(6)?,
    };
    Ok(Kept { file, name: row.get(5)? })
}

impl Payments {
    /// Adds one, while the evidence has not gone out: a whole PDF, PNG or JPEG, one for each thing that it may show, and all of a
    /// dispute's within [`MOST_BYTES`].
    pub async fn add_file(
        &self,
        actor: Actor,
        id: &str,
        about: FileAbout,
        name: &str,
        content: Vec<u8>,
    ) -> Result<(), Error> {
        let (provider, reference) = of_id(id)?;
        let misfit = |why| Error::Misfit { field: "file", why };
        if content.len() > MOST_BYTES {
            return Err(misfit("all files of a dispute have 4 MiB together"));
        }
        let kind = FileKind::of(&content)
            .ok_or(misfit("it is no whole PDF, PNG or JPEG; text goes into the field above"))?;
        if has_card_number(name) {
            return Err(misfit("a card's number has no place in its name"));
        }
        let name: String = name.chars().filter(|c| !is_unseen(*c)).take(NAME_SIGNS).collect();
        let (digest, size) = (sha256_hex(&content), i64::try_from(content.len()).unwrap_or(i64::MAX));
        let (shared, content) = (Arc::clone(&self.0), Arc::new(Secret::new(content)));
        self.0
            .write(move |tx| {
                let held = get(tx, provider, &reference)?;
                open_to_change(&held)?;
                let key = params![provider.word(), &reference];
                let there: i64 = tx.query_one(FILES_BYTES, key, |row| row.get(0))?;
                if there.saturating_add(size) > i64::try_from(MOST_BYTES).unwrap_or(0) {
                    return Err(misfit("all files of a dispute have 4 MiB together"));
                }
                let (file, now) = (tx.event_id().to_string(), tx.now());
                let place = Place { provider, reference: &reference, about, id: &file };
                let [name, body] = [("name", name.as_bytes()), ("body", content.expose().as_slice())]
                    .map(|(part, bytes)| shared.seal_file(place, part, bytes));
                let values = params![
                    &file,
                    provider.word(),
                    &reference,
                    about.word(),
                    kind.word(),
                    size,
                    &digest,
                    name,
                    body,
                    now
                ];
                if tx.execute(INSERT_FILE, values)? == 0 {
                    return Err(Error::Dispute("has a file of this already: take that away first"));
                }
                noted(tx, actor, &held, about, "added")
            })
            .await
    }

    /// Takes one away again.
    pub async fn remove_file(&self, actor: Actor, id: &str, file: &str) -> Result<(), Error> {
        let (provider, reference) = of_id(id)?;
        let file = file.to_owned();
        self.0
            .write(move |tx| {
                let held = get(tx, provider, &reference)?;
                open_to_change(&held)?;
                let key = params![&file, provider.word(), &reference];
                let about = tx.query_optional(FIND_FILE, key, |row| row.get::<String>(0))?;
                let about = about.as_deref().and_then(FileAbout::of_word).ok_or(Error::NoDispute)?;
                tx.execute(REMOVE_FILE, params![&file])?;
                noted(tx, actor, &held, about, "removed")
            })
            .await
    }

    /// The contents of files that somebody has looked at: each is the one that its digest says, or none goes out.
    pub(super) async fn sent_files(
        &self,
        provider: Provider,
        reference: &str,
        files: &[EvidenceFile],
    ) -> Result<Vec<SentFile>, Error> {
        let (shared, files, reference) = (Arc::clone(&self.0), files.to_vec(), reference.to_owned());
        self.0
            .read(move |reader| {
                let sent = |file: &EvidenceFile| {
                    let body: Vec<u8> = reader
                        .query_optional(FILE_BODY, params![&file.id], |row| row.get(0))?
                        .ok_or(Error::OtherPack)?;
                    let place = Place { provider, reference: &reference, about: file.about, id: &file.id };
                    let content = shared.open_file(place, "body", &body)?;
                    if sha256_hex(content.expose()) != file.digest
                        || FileKind::of(content.expose()) != Some(file.kind)
                    {
                        return Err(Error::OtherPack);
                    }
                    let (name, media_type) = (file.sent_name(), file.kind.media_type());
                    Ok(SentFile { about: file.about, name, media_type, content })
                };
                files.iter().map(sent).collect()
            })
            .await
    }
}

/// What the shop said of a payment's disputes that are over: its customer is erased.
pub(crate) fn forget_evidence_of(tx: &mut Tx<'_>, payment: PaymentId) -> Result<(), Error> {
    tx.execute(FORGET_FILES_OF, params![payment])?;
    tx.execute(FORGET_FACTS_OF, params![payment])?;
    Ok(())
}

/// Signs that a name on the page could hide behind: controls, and those that turn or hide text.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Where a file belongs: sealed for another dispute, or for another thing that it shows, it opens for nobody.
#[derive(Clone, Copy)]
struct Place<'a> {
    provider: Provider,
    reference: &'a str,
    about: FileAbout,
    id: &'a str,
}

impl Place<'_> {
    fn label(self, part: &str) -> String {
        let Place { provider, reference, about, id } = self;
        format!("payment.dispute_file/{part}/{}/{reference}/{}/{id}", provider.word(), about.word())
    }
}

fn noted(
    tx: &mut Tx<'_>,
    actor: Actor,
    held: &Dispute,
    about: FileAbout,
    how: &'static str,
) -> Result<(), Error> {
    let fact = told::DisputeNoted {
        payment: held.payment,
        provider: held.provider.word().to_owned(),
        dispute: held.reference.clone(),
        about: format!("file_{}", about.word()),
        how: how.to_owned(),
    };
    tx.append(actor, None, fact)?;
    Ok(())
}

impl Shared {
    fn seal_file(&self, place: Place<'_>, part: &str, bytes: &[u8]) -> Vec<u8> {
        self.data_key.seal(bytes, &place.label(part), self.entropy.as_ref())
    }

    fn open_file(&self, place: Place<'_>, part: &str, sealed: &[u8]) -> Result<Secret<Vec<u8>>, Error> {
        Ok(self.data_key.open(sealed, &place.label(part))?)
    }

    /// After how long an answer that is not seen at the provider was not taken: with files it is on its way for longer.
    pub(super) fn settles_after(&self, reader: &mut Reader<'_>, of: &Dispute) -> Result<Duration, Error> {
        let key = params![of.provider.word(), &of.reference];
        let bytes: i64 = reader.query_one(FILES_BYTES, key, |row| row.get(0))?;
        let files = if bytes > 0 { ON_THE_WAY } else { Duration::ZERO };
        Ok(self.pace.settle_after.saturating_add(files))
    }

    /// Files and facts of disputes that ended long ago.
    pub(crate) fn forget_evidence(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let before = tx.now().minus(KEPT);
        tx.execute(FORGET_FILES, params![before])?;
        tx.execute(FORGET_FACTS, params![before])?;
        Ok(())
    }

    pub(super) fn files_of(
        &self,
        reader: &mut Reader<'_>,
        provider: Provider,
        reference: &str,
    ) -> Result<Vec<EvidenceFile>, Error> {
        let rows = reader.query_many(FILES_OF, params![provider.word(), reference], kept)?;
        let named = |Kept { file, name }| {
            let place = Place { provider, reference, about: file.about, id: &file.id };
            let name = self.open_file(place, "name", &name)?;
            let name = String::from_utf8_lossy(name.expose()).into_owned();
            Ok(EvidenceFile { name, ..file })
        };
        rows.into_iter().map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::FileKind;

    #[test]
    fn a_file_is_what_its_content_says() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR....\0\0\0\0IEND\xae\x42\x60\x82";
        for (bytes, expected) in [
            (&b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF\n"[..], Some(FileKind::Pdf)),
            (&png[..], Some(FileKind::Png)),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\xff\xd9", Some(FileKind::Jpeg)),
            (b"\xff\xd8\xff\xe1\0\x10Exif\xff\xd9\0\0SEFH of a telephone SEFT", Some(FileKind::Jpeg)),
            (b"", None),
            (b"%PDF-1.7\n cut off", None),
            (&png[..30], None),
            (b"\xff\xd8\xff\xe0 cut off", None),
            (b"MZ\x90\0%PDF-1.7 %%EOF", None),
            (b"<html>%PDF-1.7 %%EOF", None),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
            (b"GIF89a;", None),
            (b"a letter in plain text", None),
        ] {
            assert_eq!(FileKind::of(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
