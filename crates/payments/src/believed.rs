//! What is believed of the database: everything of a payment bears one seal, made with a key that is not in it. Whoever can write to the
//! database and has no key file cannot make Storeward take, give back, or tell the shop anything.
//!
//! The seal is a MAC over the payment's row and over all attempts, calls, captures, refunds and entries of the books that it has, so a
//! row that is changed, added, taken away or moved from one payment to another fits no more. It is looked at before anything of the
//! payment is read or written, once in each transaction, and made anew at the end of one that changed something. Statements do that
//! themselves ([`seen`], [`touched`]): they find the key where [`writing`] or [`reading`] put it, for the length of the closure that
//! the store runs on one thread. Without it nothing is read and nothing is written.

use std::cell::RefCell;
use std::collections::BTreeSet;

use storeward_base::{PaymentId, Timestamp};
use storeward_seal::{DataKey, RowKey, TAG_BYTES};
use storeward_store::{Error as StoreError, Reader, Row, Tx, Value, params, statements};

use crate::error::Error;

// A capture stands behind its refund's reference, and neither has a blank in it: rows that have none keep the seal that they have.
statements! {
    SEAL_OF = "SELECT tag FROM payment_seal WHERE payment = $1";
    SEAL = "INSERT INTO payment_seal (payment, tag) VALUES ($1, $2) ON CONFLICT (payment) DO UPDATE SET tag = excluded.tag";
    SEALED_PAYMENT = "SELECT id, order_id, state, currency, capture, provider, customer, is_open, amount, authorized, captured, refunded, capturing, \
        refunding, captures_ended, unsure, attempt, version, created_at, expires_at FROM payment WHERE id = $1";
    SEALED_ATTEMPTS = "SELECT provider, reference, inner_reference, state, strength, mismatch, method, number, created_at, expires_at, saves, unattended, embedded \
        FROM payment_attempt \
        WHERE payment = $1 LIMIT 1001";
    SEALED_CALLS = "SELECT key, operation, provider, target, state, code, outcome, attempt, amount, sends, first_sent_at, last_sent_at, settled_at \
        FROM payment_call WHERE payment = $1 LIMIT 10001";
    SEALED_CAPTURES = "SELECT provider, reference, state, attempt, amount, fee, is_extra, at FROM payment_capture WHERE payment = $1 \
        LIMIT 1001";
    SEALED_REFUNDS = "SELECT provider, reference || COALESCE(' ' || capture, ''), state, attempt, amount, at FROM payment_refund WHERE payment = $1 LIMIT 10001";
    SEALED_REVIEW = "SELECT state, takes, is_owed, opened_at, due_at, closed_at FROM payment_review WHERE payment = $1";
    SEALED_POSTINGS = "SELECT id, entry, account, currency, reference, amount, at FROM payment_posting WHERE payment = $1 LIMIT 50001";
    SOME_PAYMENTS = "SELECT id FROM payment WHERE id > $1 AND id < '~' ORDER BY id LIMIT $2";
}

/// Names the columns and their order.
const LABEL: &str = "payment/1";

/// The keys of rows.
#[derive(Clone)]
pub(crate) struct Keys {
    payment: RowKey,
    news: RowKey,
    inbox: RowKey,
}

/// Rows that were read over: table and row.
pub(crate) type LeftOut = Vec<(&'static str, String)>;

struct Scope {
    keys: Keys,
    /// Whose seal was looked at in this transaction.
    seen: BTreeSet<PaymentId>,
    /// Whose seal has to be made anew.
    touched: BTreeSet<PaymentId>,
    /// Of lists that were given without them.
    left_out: LeftOut,
}

thread_local! {
    static SCOPE: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// Takes the keys away again, however the closure ends.
struct Ended;

impl Drop for Ended {
    fn drop(&mut self) {
        SCOPE.with_borrow_mut(|scope| *scope = None);
    }
}

impl Keys {
    pub fn new(data_key: &DataKey) -> Self {
        Keys {
            payment: data_key.row_key("payment"),
            news: data_key.row_key("payment_news"),
            inbox: data_key.row_key("payment_inbox"),
        }
    }

    fn begin(&self) -> Ended {
        let (seen, touched, left_out) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        SCOPE.with_borrow_mut(|scope| *scope = Some(Scope { keys: self.clone(), seen, touched, left_out }));
        Ended
    }

    /// Runs a write with the keys at hand, and seals what it changed; and which rows it left out.
    pub fn writing<T>(
        &self,
        tx: &mut Tx<'_>,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, Error>,
    ) -> Result<(T, LeftOut), Error> {
        let _ended = self.begin();
        let done = work(tx)?;
        let touched =
            SCOPE.with_borrow_mut(|scope| scope.as_mut().map(|scope| std::mem::take(&mut scope.touched)));
        for id in touched.unwrap_or_default() {
            self.seal(tx, id)?;
        }
        Ok((done, taken_out()))
    }

    /// Runs a read with the keys at hand; and which rows it left out.
    pub fn reading<T>(
        &self,
        reader: &mut Reader<'_>,
        work: impl FnOnce(&mut Reader<'_>) -> Result<T, Error>,
    ) -> Result<(T, LeftOut), Error> {
        let _ended = self.begin();
        let done = work(reader)?;
        Ok((done, taken_out()))
    }

    /// Makes the seal of a payment anew. Of one that was not looked at before: see [`crate::bound`].
    pub fn seal(&self, tx: &mut Tx<'_>, id: PaymentId) -> Result<(), Error> {
        let tag = self.tag(tx, id)?.ok_or(Error::NoPayment)?;
        tx.execute(SEAL, params![id, tag.to_vec()])?;
        Ok(())
    }

    /// Nothing where there is no such payment.
    fn tag(&self, reader: &mut Reader<'_>, id: PaymentId) -> Result<Option<[u8; TAG_BYTES]>, Error> {
        let parts = columns(reader, id)?;
        Ok(parts.map(|parts| self.payment.tag(LABEL, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>())))
    }

    /// Whether a payment bears the seal of a version that left its review out.
    pub fn fits_without_review(&self, reader: &mut Reader<'_>, id: PaymentId) -> Result<bool, Error> {
        let Some(parts) = readable_parts(without_review(reader, id))?.flatten() else { return Ok(false) };
        let seal = seal_of(reader, id)?;
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        Ok(self.payment.fits(seal.as_deref(), LABEL, &parts))
    }

    /// Whether everything of a payment is what Storeward wrote.
    pub fn fits(&self, reader: &mut Reader<'_>, id: PaymentId) -> Result<bool, Error> {
        let Some(parts) = readable_parts(columns(reader, id))? else { return Ok(false) };
        let Some(parts) = parts else {
            // Neither it nor a seal of it: nobody made one, or all of it is gone.
            return Ok(seal_of(reader, id)?.is_none());
        };
        let seal = seal_of(reader, id)?;
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        Ok(self.payment.fits(seal.as_deref(), LABEL, &parts))
    }

    pub fn tag_of_news(&self, parts: &[&[u8]]) -> Vec<u8> {
        self.news.tag("payment_news/1", parts).to_vec()
    }

    pub fn fits_news(&self, tag: Option<&[u8]>, parts: &[&[u8]]) -> bool {
        self.news.fits(tag, "payment_news/1", parts)
    }

    pub fn tag_of_message(&self, parts: &[&[u8]]) -> Vec<u8> {
        self.inbox.tag("payment_inbox/1", parts).to_vec()
    }

    pub fn fits_message(&self, tag: Option<&[u8]>, parts: &[&[u8]]) -> bool {
        self.inbox.fits(tag, "payment_inbox/1", parts)
    }
}

pub(crate) fn seal_of(reader: &mut Reader<'_>, id: PaymentId) -> Result<Option<Vec<u8>>, StoreError> {
    // What is no tag fits nothing.
    reader.query_optional(SEAL_OF, params![id], |row| Ok(row.get(0).unwrap_or_default()))
}

/// The id that a text of the database is. One that only reads as an id's is nobody's; and who pages by what is read of it comes to the same
/// page again.
pub(crate) fn id_of(text: &str) -> Option<PaymentId> {
    text.parse().ok().filter(|id: &PaymentId| id.text() == text)
}

/// Ids of payments behind one as they stand, in their order.
pub(crate) fn some_payments(
    reader: &mut Reader<'_>,
    after: &str,
    limit: u32,
) -> Result<Vec<String>, StoreError> {
    reader.query_many(SOME_PAYMENTS, params![after, limit], |row| row.get(0))
}

/// Looks at the seal of a payment before anything of it is believed, once in a transaction.
pub(crate) fn seen(reader: &mut Reader<'_>, id: PaymentId) -> Result<(), Error> {
    let known =
        SCOPE.with_borrow(|scope| scope.as_ref().map(|scope| (scope.seen.contains(&id), scope.keys.clone())));
    let Some((is_seen, keys)) = known else { return Err(Error::Form("rows whose seal nobody looks at")) };
    if is_seen {
        return Ok(());
    }
    if !keys.fits(reader, id)? {
        return Err(Error::Harmed { table: "payment", row: id.text() });
    }
    SCOPE.with_borrow_mut(|scope| scope.as_mut().map(|scope| scope.seen.insert(id)));
    Ok(())
}

/// The same before something of it is changed; its seal is made anew at the end of the transaction.
pub(crate) fn touched(tx: &mut Tx<'_>, id: PaymentId) -> Result<(), Error> {
    seen(tx, id)?;
    SCOPE.with_borrow_mut(|scope| scope.as_mut().map(|scope| scope.touched.insert(id)));
    Ok(())
}

/// A payment that this transaction makes.
pub(crate) fn fresh(id: PaymentId) -> Result<(), Error> {
    let is_there = SCOPE.with_borrow_mut(|scope| {
        scope.as_mut().map(|scope| {
            scope.seen.insert(id);
            scope.touched.insert(id);
        })
    });
    is_there.ok_or(Error::Form("rows whose seal nobody makes"))
}

/// A row that a list is given without. It is told.
pub(crate) fn left_out(table: &'static str, row: String) {
    SCOPE.with_borrow_mut(|scope| scope.as_mut().map(|scope| scope.left_out.push((table, row))));
}

fn taken_out() -> LeftOut {
    let taken =
        SCOPE.with_borrow_mut(|scope| scope.as_mut().map(|scope| std::mem::take(&mut scope.left_out)));
    taken.unwrap_or_default()
}

/// The id of a payment in a row, only as Storeward writes it: what merely reads as one stands under nobody's seal.
pub(crate) fn id(row: &Row<'_>, index: usize) -> Result<PaymentId, StoreError> {
    id_of(&row.get::<String>(index)?).ok_or(StoreError::Column { index, wanted: "an id of a payment" })
}

/// A row of a list; nothing where it cannot be read, as somebody wrote it: it is told by the text at `key`, and holds none of the others up.
pub(crate) fn readable<T>(
    row: &Row<'_>,
    (table, key): (&'static str, usize),
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    match read(row) {
        Err(StoreError::Column { .. }) => {
            left_out(table, row.get(key).unwrap_or_default());
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// Where a row cannot be read, as somebody wrote it: that it is harmed.
pub(crate) fn unread(why: StoreError, table: &'static str, row: &str) -> Error {
    if matches!(why, StoreError::Column { .. }) {
        Error::Harmed { table, row: row.to_owned() }
    } else {
        why.into()
    }
}

/// All rows of a list that can be read ([`readable`]).
pub(crate) fn listed<T>(
    reader: &mut Reader<'_>,
    (table, key): (&'static str, usize),
    (statement, values): (&str, &[Value]),
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let rows = reader.query_many(statement, values, |row| readable(row, (table, key), &read))?;
    Ok(rows.into_iter().flatten().collect())
}

/// Everything that is sealed of a payment, row by row; nothing where there is none. What was decided in the review queue stands behind
/// everything, and only where somebody has to decide or did: payments of before, which have none, keep the seal that they have.
fn columns(reader: &mut Reader<'_>, id: PaymentId) -> Result<Option<Vec<Vec<u8>>>, Error> {
    let Some(mut all) = without_review(reader, id)? else { return Ok(None) };
    let review = reader.query_optional(SEALED_REVIEW, params![id], |row| Ok(cells(row, 1, 6)))?;
    if let Some(review) = review.transpose()? {
        all.push(b"review".to_vec());
        all.extend(review);
    }
    Ok(Some(all))
}

/// Nothing where somebody wrote what cannot be read, or more rows than a payment has: then no seal fits.
fn readable_parts<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Err(Error::Form(_)) => Ok(None),
        other => other.map(Some),
    }
}

fn without_review(reader: &mut Reader<'_>, id: PaymentId) -> Result<Option<Vec<Vec<u8>>>, Error> {
    // So many texts stand in front, the numbers behind.
    let tables: [(&str, usize, usize, usize); 6] = [
        (SEALED_PAYMENT, 7, 20, 1),
        (SEALED_ATTEMPTS, 7, 13, 1_000),
        (SEALED_CALLS, 7, 13, 10_000),
        (SEALED_CAPTURES, 3, 8, 1_000),
        (SEALED_REFUNDS, 3, 6, 10_000),
        (SEALED_POSTINGS, 5, 7, 50_000),
    ];
    let mut all = Vec::new();
    for (at, (statement, texts, columns, most)) in tables.into_iter().enumerate() {
        // What cannot be read is no fault of the database: it dooms no write.
        let rows = reader.query_many(statement, params![id], |row| Ok(cells(row, texts, columns)))?;
        let mut rows = rows.into_iter().collect::<Result<Vec<_>, StoreError>>()?;
        // Here and not by the database, whose order of texts may be another one after a move or an update.
        rows.sort_unstable();
        if at == 0 && rows.is_empty() {
            return Ok(None);
        }
        if rows.len() > most {
            return Err(Error::Form("more rows than a payment has"));
        }
        // Their count, so that no row can be read as one of the next table.
        all.push(u64::try_from(rows.len()).unwrap_or(u64::MAX).to_be_bytes().to_vec());
        all.extend(rows.into_iter().flatten());
    }
    Ok(Some(all))
}

/// Each with a sign before it that tells nothing from an empty text.
fn cells(row: &Row<'_>, texts: usize, columns: usize) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut cells = Vec::with_capacity(columns);
    for at in 0..columns {
        let cell = if at < texts {
            row.get::<Option<String>>(at)?.map(String::into_bytes)
        } else {
            row.get::<Option<i64>>(at)?.map(|number| number.to_be_bytes().to_vec())
        };
        cells.push(cell.map_or_else(Vec::new, |cell| [&[1], cell.as_slice()].concat()));
    }
    Ok(cells)
}

/// A moment for a tag.
pub(crate) fn moment(at: Timestamp) -> [u8; 8] {
    at.micros().to_be_bytes()
}
