//! For how long values are kept, class by class, and the sweep that erases what is due.

use std::time::Duration;

use storeward_base::{Actor, CustomerId, PageSize, Timestamp};
use storeward_events::Event;
use storeward_events::vault::RetentionChanged;
use storeward_store::{Reader, Row, ledger, params, statements};

use crate::Error;
use crate::catalogue::Class;
use crate::manifest::{Flaw, Harm};
use crate::records::Vault;

const DAY: u64 = 24 * 3_600;
/// A hundred years.
const MOST_DAYS: u32 = 36_525;

statements! {
    SET = "INSERT INTO vault_retention (class, days, set_at) VALUES ($1, $2, $3) \
           ON CONFLICT (class) DO UPDATE SET days = EXCLUDED.days, set_at = EXCLUDED.set_at";
    UNSET = "DELETE FROM vault_retention WHERE class = $1";
    ALL = "SELECT class, days FROM vault_retention ORDER BY class LIMIT 16";
    // Data whose use is restricted is kept until it is not (GDPR article 18).
    BY_VALUE = "SELECT f.customer, f.collection, f.item, f.field FROM vault_field f JOIN vault_customer c ON c.id = f.customer \
                WHERE f.collection = $1 AND f.written_at < $2 AND c.restricted_at IS NULL AND c.erasure_begun_at IS NULL \
                ORDER BY f.customer LIMIT $3";
    BY_CUSTOMER = "SELECT f.customer, f.collection, f.item, f.field FROM vault_field f JOIN vault_customer c ON c.id = f.customer \
                   WHERE f.collection = $1 AND f.written_at < $2 AND c.restricted_at IS NULL AND c.erasure_begun_at IS NULL \
                   AND NOT EXISTS (SELECT 1 FROM vault_field g WHERE g.customer = f.customer AND g.written_at >= $2) \
                   ORDER BY f.customer LIMIT $3";
    // What a customer ended stays ended for as long as they are kept: a program may tell it as agreed every night. An end that is the
    // shop's word is not forgotten before what it ended, whichever items the two stand in.
    BY_HISTORY = "SELECT f.customer, f.collection, f.item, f.field FROM vault_field f JOIN vault_customer c ON c.id = f.customer \
                  WHERE f.collection = $1 AND f.written_at < $2 AND c.restricted_at IS NULL AND c.erasure_begun_at IS NULL \
                  AND NOT EXISTS (SELECT 1 FROM vault_field g WHERE g.customer = f.customer AND g.collection = $1 \
                  AND (g.written_at >= $2 OR g.item = f.item AND g.field IN ('withdrawn_at', 'objected_at') \
                  AND g.provenance IN ('customer', 'owner', 'staff'))) \
                  ORDER BY f.customer, CASE WHEN f.field = 'given_at' THEN 0 ELSE 1 END LIMIT $3";
    COUNT_BY_VALUE = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_field f JOIN vault_customer c ON c.id = f.customer \
                      WHERE f.collection = $1 AND f.written_at < $2 AND c.restricted_at IS NULL AND c.erasure_begun_at IS NULL";
    COUNT_BY_CUSTOMER = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_field f JOIN vault_customer c ON c.id = f.customer \
                         WHERE f.collection = $1 AND f.written_at < $2 AND c.restricted_at IS NULL AND c.erasure_begun_at IS NULL \
                         AND NOT EXISTS (SELECT 1 FROM vault_field g WHERE g.customer = f.customer AND g.written_at >= $2)";
    COUNT_BY_HISTORY = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_field f JOIN vault_customer c ON c.id = f.customer \
                        WHERE f.collection = $1 AND f.written_at < $2 AND c.restricted_at IS NULL AND c.erasure_begun_at IS NULL \
                        AND NOT EXISTS (SELECT 1 FROM vault_field g WHERE g.customer = f.customer AND g.collection = $1 \
                  AND (g.written_at >= $2 OR g.item = f.item AND g.field IN ('withdrawn_at', 'objected_at') \
                  AND g.provenance IN ('customer', 'owner', 'staff')))";
    // A consent's item goes as a whole: an end without its purpose is the end of nothing.
    OVER = "SELECT f.customer, f.collection, f.item, f.field FROM vault_field f WHERE f.keep_until <= $1 AND NOT (f.collection = 'consent' \
            AND EXISTS (SELECT 1 FROM vault_field g WHERE g.customer = f.customer AND g.collection = f.collection AND g.item = f.item \
            AND (g.keep_until IS NULL OR g.keep_until > $1))) ORDER BY f.keep_until LIMIT $2";
    COUNT_OVER = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_field f WHERE f.keep_until <= $1 AND NOT (f.collection = 'consent' \
                  AND EXISTS (SELECT 1 FROM vault_field g WHERE g.customer = f.customer AND g.collection = f.collection AND g.item = f.item \
                  AND (g.keep_until IS NULL OR g.keep_until > $1)))";
}

/// What is due, class by class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    pub by_class: Vec<(Class, u64)>,
    /// Values that bear a moment of their own.
    pub by_own: u64,
}

impl Due {
    pub fn all(&self) -> u64 {
        self.by_class.iter().map(|(_, count)| count).sum::<u64>() + self.by_own
    }
}

/// What is due of a class, as a list and as a count: by when each value was written; by when anything of the customer was, for an address
/// of somebody who orders is no old one; or by when anything of the class was.
const fn due_of(class: Class) -> (&'static str, &'static str) {
    match class {
        Class::Contact | Class::Address => (BY_CUSTOMER, COUNT_BY_CUSTOMER),
        Class::Consent => (BY_HISTORY, COUNT_BY_HISTORY),
        Class::Order | Class::Note | Class::IdentityDocument | Class::Payment => (BY_VALUE, COUNT_BY_VALUE),
    }
}

type FieldKey = (CustomerId, String, String, String);

impl Vault {
    /// For how long each class is kept, if that is what the ledger says was set last; those that are not here are kept until they are erased.
    pub async fn retention(&self) -> Result<Vec<(Class, u32)>, Error> {
        self.0.db.read(|reader| -> Result<_, Error> { all(reader) }).await
    }

    /// Keeps a class for so many days from now on; nothing: until it is erased. The next sweep goes by it.
    pub async fn set_retention(&self, actor: Actor, class: Class, days: Option<u32>) -> Result<(), Error> {
        if days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
            return Err(Error::Value { field: "days", why: "are 1 to 36,525" });
        }
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            match days {
                Some(days) => tx.execute(SET, params![class.name(), days, tx.now()])?,
                None => tx.execute(UNSET, params![class.name()])?,
            };
            tx.append(actor, None, RetentionChanged { class: class.name().to_owned(), days })?;
            Ok(())
        });
        written.await
    }

    /// What the next sweep would erase. [`Error::Harmed`] where the periods are not what the ledger says.
    pub async fn due(&self) -> Result<Due, Error> {
        let now = self.0.db.now();
        let found = self.0.db.read(move |reader| -> Result<Due, Error> {
            let mut due = Due {
                by_own: reader.query_one(COUNT_OVER, params![now], |row| row.get(0))?,
                ..Due::default()
            };
            for (class, days) in all(reader)? {
                let (_, count) = due_of(class);
                let values = params![class.name(), before(now, days)];
                due.by_class.push((class, reader.query_one(count, values, |row| row.get(0))?));
            }
            Ok(due)
        });
        found.await
    }
}

fn before(now: Timestamp, days: u32) -> Timestamp {
    now.minus(Duration::from_secs(u64::from(days) * DAY))
}

/// The periods in force. They count only while they are what the ledger says was set last: whoever writes into the data must not
/// get everybody's values erased by it.
pub(crate) fn all(reader: &mut Reader<'_>) -> Result<Vec<(Class, u32)>, Error> {
    let rows: Vec<(String, i64)> = reader.query_many(ALL, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let told = told(reader)?;
    let harmed = |name: &str| {
        let (customer, place) = (CustomerId::from_bits(0), format!("retention.{name}"));
        Error::Harmed(Box::new(Flaw { customer, place, harm: Harm::Retention }))
    };
    let is_class = |name: &str| Class::ALL.iter().any(|class| class.name() == name);
    if rows.iter().any(|(name, _)| !is_class(name)) {
        // In words that are not ours: they stand in no ledger.
        return Err(harmed("unknown"));
    }
    let mut set = Vec::new();
    for class in Class::ALL {
        let kept = rows.iter().find(|(name, _)| name == class.name()).map(|(_, days)| *days);
        let said = told.iter().find(|(name, _)| name == class.name()).and_then(|(_, days)| *days);
        if kept != said.map(i64::from) {
            return Err(harmed(class.name()));
        }
        match said {
            Some(days) if (1..=MOST_DAYS).contains(&days) => set.push((class, days)),
            Some(_) => return Err(harmed(class.name())),
            None => {}
        }
    }
    Ok(set)
}

/// What the ledger says was set last, class by class; it forgets none of it.
fn told(reader: &mut Reader<'_>) -> Result<Vec<(String, Option<u32>)>, Error> {
    let kind_prefix = Some("vault.retention_changed".to_owned());
    let mut filter = ledger::Filter { kind_prefix, ..ledger::Filter::default() };
    let mut last: Vec<(String, Option<u32>)> = Vec::new();
    loop {
        let page = ledger::believed(reader, &filter, PageSize::new(PageSize::MAX))?;
        for (_, record) in page.rows {
            if let Event::RetentionChanged(RetentionChanged { class, days }) = record.event
                && !last.iter().any(|(known, _)| *known == class)
            {
                last.push((class, days));
            }
        }
        match page.next {
            Some(_) if last.len() < Class::ALL.len() => filter.before = page.next,
            _ => return Ok(last),
        }
    }
}

/// Some of the values whose own times, or those of their classes, are over.
pub(crate) fn over(reader: &mut Reader<'_>, now: Timestamp, limit: u32) -> Result<Vec<FieldKey>, Error> {
    let key = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let mut found: Vec<FieldKey> = reader.query_many(OVER, params![now, limit], key)?;
    for (class, days) in all(reader)? {
        let (list, _) = due_of(class);
        let values = params![class.name(), before(now, days), limit];
        found.extend(reader.query_many(list, values, key)?);
    }
    Ok(found)
}
