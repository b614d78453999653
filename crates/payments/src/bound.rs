//! Rows that are not what Storeward wrote: how they are found, told, and, once for a database from before there were seals, sealed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{PageSize, PaymentId, Timestamp};
use storeward_events::Event;
use storeward_events::system::RowHarmed;
use storeward_seal::DataKey;
use storeward_store::ledger::{self, Filter};
use storeward_store::{Db, Error as StoreError, Reader, Tx, harmed, params, statements};

use crate::believed::{self, Keys};
use crate::error::Error;
use crate::payments::{Payments, Shared};
use crate::{inbox, news};

statements! {
    UNSEALED = "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id < '~' AND NOT EXISTS (SELECT 1 FROM payment_seal s WHERE s.payment = p.id) ORDER BY p.id LIMIT $2";
    SUMS_OF = "SELECT currency, amount, captured, refunded FROM payment WHERE id = $1";
    NO_TEXT = "SELECT CAST(COUNT(*) AS BIGINT) FROM payment WHERE id >= '~'";
    STRAY_REVIEWS = "SELECT r.payment FROM payment_review r WHERE r.payment > $1 AND r.payment < '~' AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.id = r.payment) \
        ORDER BY r.payment LIMIT $2";
    STRAY_SEALS = "SELECT s.payment FROM payment_seal s WHERE s.payment > $1 AND s.payment < '~' AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.id = s.payment) \
        ORDER BY s.payment LIMIT $2";
}

const PAGE: u32 = 200;
const TELL_AGAIN: Duration = Duration::from_secs(3600);
/// Rows whose harm is remembered as told; beyond them each is told again, and the ledger keeps one a day.
const MOST_TOLD: usize = 1_000;

/// What was told lately, so that a row that is asked for again and again is no flood of writes.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<BTreeMap<(&'static str, String), Timestamp>>);

impl Told {
    pub fn may_tell(&self, table: &'static str, row: &str, now: Timestamp) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MOST_TOLD {
            told.retain(|_, at| now.since(*at) < TELL_AGAIN);
        }
        if told.len() >= MOST_TOLD {
            told.clear();
        }
        let before = told.insert((table, row.to_owned()), now);
        before.is_none_or(|at| now.since(at) >= TELL_AGAIN)
    }
}

fn fact(table: &str, row: &str, harm: &str) -> RowHarmed {
    RowHarmed { table: table.to_owned(), row: row.to_owned(), harm: harm.to_owned() }
}

impl Shared {
    /// A write whose statements look at seals, and make them anew.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let keys = self.keys.clone();
        let done = self.db.write(move |tx| keys.writing(tx, |tx| work(tx))).await;
        self.told(done).await
    }

    /// A read whose statements look at seals.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Reader<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let keys = self.keys.clone();
        let done = self.db.read(move |reader| keys.reading(reader, work)).await;
        self.told(done).await
    }

    /// What was done, once the rows are told that are not what Storeward wrote.
    async fn told<T>(&self, done: Result<(T, believed::LeftOut), Error>) -> Result<T, Error> {
        match done {
            Ok((done, left_out)) => {
                for (table, row) in left_out {
                    self.tell_harm(table, &row).await;
                }
                Ok(done)
            }
            Err(Error::Harmed { table, row }) => {
                self.tell_harm(table, &row).await;
                Err(Error::Harmed { table, row })
            }
            Err(other) => Err(other),
        }
    }

    pub async fn tell_harm(&self, table: &'static str, row: &str) {
        if !self.harms.may_tell(table, row, self.now()) {
            return;
        }
        let facts = [fact(table, row, "changed")];
        let told = self.db.write(move |tx| harmed::tell(tx, &facts));
        // It is refused all the same, and found again by the daily look.
        drop::<Result<(), StoreError>>(told.await);
    }
}

/// Whether payments of an earlier version, which have no seals, are still to get theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsealed {
    /// They are not what Storeward wrote.
    Harmed,
    /// The first start of this version seals them.
    Waiting,
}

/// Every row of payments that is not what Storeward wrote, and payments that the ledger knows and the database has no more.
pub async fn harmed_rows(db: &Db, data_key: &DataKey, unsealed: Unsealed) -> Result<Vec<RowHarmed>, Error> {
    let keys = Keys::new(data_key);
    rows(db, &keys, unsealed).await
}

async fn rows(db: &Db, keys: &Keys, unsealed: Unsealed) -> Result<Vec<RowHarmed>, Error> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let (keys, from) = (keys.clone(), after.clone());
        let page = db.read(move |reader| judged(reader, &keys, &from, unsealed)).await?;
        let Some((last, _)) = page.last() else { break };
        after.clone_from(last);
        let harms = page.iter().filter(|(_, fits)| !fits);
        found.extend(harms.map(|(id, _)| fact("payment", id, "changed")));
    }
    let keys = keys.clone();
    let beside = db.read(move |reader| -> Result<Vec<RowHarmed>, Error> {
        let mut found = missing(reader)?;
        if unsealed == Unsealed::Harmed {
            found.extend(news::harmed(reader, &keys)?.iter().map(|row| fact("payment_news", row, "changed")));
            found.extend(
                inbox::harmed(reader, &keys)?.iter().map(|row| fact("payment_inbox", row, "changed")),
            );
        }
        Ok(found)
    });
    found.extend(beside.await?);
    Ok(found)
}

impl Payments {
    /// Every row of payments that is not what Storeward wrote ([`harmed_rows`]). It is told to the ledger, once a day.
    pub async fn look_at_rows(&self) -> Result<Vec<RowHarmed>, Error> {
        let found = rows(&self.0.db, &self.0.keys, Unsealed::Harmed).await?;
        if !found.is_empty() {
            let facts = found.clone();
            let told = self.0.db.write(move |tx| Ok::<_, Error>(harmed::tell(tx, &facts)?));
            told.await?;
        }
        Ok(found)
    }

    /// Seals payments of a version that had no seals: once, those that are what the ledger says. `marker` is a file beside the keys,
    /// not in the database: where it is there, what has no seal gets none, however it came to be there. Before anything is served.
    pub fn bind_old_blocking(&self, marker: &Path) -> Result<(), Error> {
        if marker.exists() {
            return Ok(());
        }
        let keys = self.0.keys.clone();
        self.0.db.write_blocking(move |tx| -> Result<(), Error> {
            tx.commit_silent("payments of an earlier version get their seals");
            let facts = facts_of(tx)?;
            let mut after = String::new();
            loop {
                let page: Vec<String> = tx.query_many(UNSEALED, params![&after, PAGE], |row| row.get(0))?;
                let Some(last) = page.last() else { break };
                after.clone_from(last);
                for id in page.iter().filter_map(|text| believed::id_of(text)) {
                    if agrees(tx, id, facts.get(&id))? {
                        keys.seal(tx, id)?;
                    }
                }
            }
            news::bind(tx, &keys)?;
            Ok(inbox::bind(tx, &keys)?)
        })?;
        // Where it cannot be written the next start looks again, at rows that have to be what the ledger says.
        drop(std::fs::write(marker, b"payments that have no seal are not Storeward's\n"));
        Ok(())
    }
}

/// A page of payments and whether each is what was written.
fn judged(
    reader: &mut Reader<'_>,
    keys: &Keys,
    after: &str,
    unsealed: Unsealed,
) -> Result<Vec<(String, bool)>, Error> {
    let page = believed::some_payments(reader, after, PAGE)?;
    let judge = |text: String| {
        let Some(id) = believed::id_of(&text) else { return Ok((text, false)) };
        let waits = unsealed == Unsealed::Waiting
            && (believed::seal_of(reader, id)?.is_none() || keys.fits_without_review(reader, id)?);
        Ok((text, waits || keys.fits(reader, id)?))
    };
    page.into_iter().map(judge).collect()
}

/// What the ledger says of a payment: currency and amount as it was made, and the sums as they stood last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    currency: String,
    amount: u64,
    captured: u64,
    refunded: u64,
}

/// Of all payments, which the ledger never forgets.
fn facts_of(reader: &mut Reader<'_>) -> Result<BTreeMap<PaymentId, Known>, StoreError> {
    let mut all = BTreeMap::<PaymentId, Known>::new();
    let mut rows = Vec::new();
    for kind in ["payment.created", "payment.captured", "payment.refunded", "payment.refund_failed"] {
        let mut before = None;
        loop {
            let filter = Filter { kind_prefix: Some(kind.to_owned()), before, ..Filter::default() };
            let page = ledger::believed(reader, &filter, PageSize::new(PageSize::MAX))?;
            rows.extend(page.rows);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
    }
    rows.sort_unstable_by_key(|(seq, _)| *seq);
    for (_, record) in rows {
        match record.event {
            Event::PaymentCreated(fact) => {
                let known = all.entry(fact.payment).or_default();
                (known.currency, known.amount) = (fact.currency, fact.amount);
            }
            Event::PaymentCaptured(fact) => all.entry(fact.0.payment).or_default().captured = fact.0.total,
            Event::PaymentRefunded(fact) => all.entry(fact.0.payment).or_default().refunded = fact.0.total,
            Event::RefundFailed(fact) => all.entry(fact.0.payment).or_default().refunded = fact.0.total,
            _ => {}
        }
    }
    Ok(all)
}

fn agrees(reader: &mut Reader<'_>, id: PaymentId, known: Option<&Known>) -> Result<bool, StoreError> {
    let count = |minor: i64| u64::try_from(minor).unwrap_or(0);
    let row = reader.query_optional(SUMS_OF, params![id], |row| {
        let (amount, captured, refunded): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let currency = row.get(0)?;
        Ok(Known { currency, amount: count(amount), captured: count(captured), refunded: count(refunded) })
    })?;
    Ok(row.is_some() && row.as_ref() == known)
}

/// Payments that were made, and whose rows are gone; and seals and reviews of payments that are not there.
fn missing(reader: &mut Reader<'_>) -> Result<Vec<RowHarmed>, Error> {
    let mut gone = BTreeSet::new();
    for id in facts_of(reader)?.into_keys() {
        if reader.query_optional(SUMS_OF, params![id], |_| Ok(()))?.is_none() {
            gone.insert(id.text());
        }
    }
    gone.extend(all_ids(reader, STRAY_SEALS)?);
    // Bytes in the place of an id, which SQLite takes: they stand behind all texts, and no list reads them.
    let count: u64 = reader.query_one(NO_TEXT, &[], |row| row.get(0))?;
    let no_text = (count > 0).then(|| fact("payment", "ids that are no text", "changed"));
    let reviews = all_ids(reader, STRAY_REVIEWS)?;
    let reviews = reviews.iter().map(|id| fact("payment_review", id, "changed"));
    Ok(gone.iter().map(|id| fact("payment", id, "missing")).chain(reviews).chain(no_text).collect())
}

/// Of a list that is read in pages.
fn all_ids(reader: &mut Reader<'_>, statement: &str) -> Result<Vec<String>, StoreError> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page: Vec<String> = reader.query_many(statement, params![&after, PAGE], |row| row.get(0))?;
        let Some(last) = page.last() else { return Ok(all) };
        after.clone_from(last);
        all.extend(page);
    }
}
