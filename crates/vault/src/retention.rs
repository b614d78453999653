//! For how long values are kept, class by class, and the sweep that erases what is due.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
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

/// Whose values are due, and how many, behind a customer; and which those of one customer are. Both go by the same condition.
macro_rules! whose {
    ($due:expr, $behind:literal) => {
        concat!(
            "SELECT f.customer, CAST(COUNT(*) AS BIGINT) FROM vault_field f",
            $due,
            " AND f.customer > ",
            $behind,
            " GROUP BY f.customer ORDER BY f.customer LIMIT 500"
        )
    };
}
macro_rules! values {
    ($due:expr, $customer:literal) => {
        concat!(
            "SELECT f.collection, f.item, f.field FROM vault_field f",
            $due,
            " AND f.customer = ",
            $customer,
            " LIMIT 20001"
        )
    };
}
// Data whose use is restricted is kept until it is not (GDPR article 18).
macro_rules! by_value {
    () => {
        " JOIN vault_customer c ON c.id = f.customer WHERE f.collection = $1 AND f.written_at < $2 \
         AND c.restricted_at IS NULL AND c.erasure_begun_at IS NULL"
    };
}
macro_rules! by_customer {
    () => {
        concat!(by_value!(), " AND NOT EXISTS (SELECT 1 FROM vault_field g WHERE g.customer = f.customer AND g.written_at >= $2)")
    };
}
// What a customer ended stays ended for as long as they are kept: a program may tell it as agreed every night. An end that is the
// shop's word is not forgotten before what it ended, whichever items the two stand in.
macro_rules! by_history {
    () => {
        concat!(by_value!(), " AND NOT EXISTS (SELECT 1 FROM vault_field g WHERE g.customer = f.customer AND g.collection = $1 \
                AND (g.written_at >= $2 OR g.item = f.item AND g.field IN ('withdrawn_at', 'objected_at') \
                AND g.provenance IN ('customer', 'owner', 'staff')))")
    };
}
// A consent's item goes as a whole: an end without its purpose is the end of nothing.
macro_rules! over {
    () => {
        " WHERE f.keep_until <= $1 AND NOT (f.collection = 'consent' \
         AND EXISTS (SELECT 1 FROM vault_field g WHERE g.customer = f.customer AND g.collection = f.collection AND g.item = f.item \
         AND (g.keep_until IS NULL OR g.keep_until > $1)))"
    };
}

statements! {
    SET = "INSERT INTO vault_retention (class, days, set_at) VALUES ($1, $2, $3) \
           ON CONFLICT (class) DO UPDATE SET days = EXCLUDED.days, set_at = EXCLUDED.set_at";
    UNSET = "DELETE FROM vault_retention WHERE class = $1";
    ALL = "SELECT class, days FROM vault_retention ORDER BY class LIMIT 16";
    WHOSE_BY_VALUE = whose!(by_value!(), "$3");
    WHOSE_BY_CUSTOMER = whose!(by_customer!(), "$3");
    WHOSE_BY_HISTORY = whose!(by_history!(), "$3");
    WHOSE_OVER = whose!(over!(), "$2");
    BY_VALUE = values!(by_value!(), "$3");
    BY_CUSTOMER = values!(by_customer!(), "$3");
    BY_HISTORY = values!(by_history!(), "$3");
    OVER = values!(over!(), "$2");
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

/// By what values are due: the moment that they bear themselves, or when those of a class were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Own { now: Timestamp },
    Class { class: Class, before: Timestamp },
}

impl Rule {
    /// Those in force now. [`Error::Harmed`] where the periods are not what the ledger says.
    pub fn all(reader: &mut Reader<'_>, now: Timestamp) -> Result<Vec<Rule>, Error> {
        let of_class = |(class, days): (Class, u32)| Rule::Class {
            class,
            before: now.minus(Duration::from_secs(u64::from(days) * DAY)),
        };
        Ok([Rule::Own { now }].into_iter().chain(all(reader)?.into_iter().map(of_class)).collect())
    }

    /// The statements of whose values are due, and of which they are: by when each value was written; by when anything of the customer
    /// was, for an address of somebody who orders is no old one; or by when anything of the class was.
    const fn statements(self) -> (&'static str, &'static str) {
        match self {
            Rule::Own { .. } => (WHOSE_OVER, OVER),
            Rule::Class { class: Class::Contact | Class::Address, .. } => (WHOSE_BY_CUSTOMER, BY_CUSTOMER),
            Rule::Class { class: Class::Consent, .. } => (WHOSE_BY_HISTORY, BY_HISTORY),
            Rule::Class {
                class: Class::Order | Class::Note | Class::IdentityDocument | Class::Payment,
                ..
            } => (WHOSE_BY_VALUE, BY_VALUE),
        }
    }

    /// Whose values are due, with their number: five hundred texts behind one, as they lie there. One that is no text is empty.
    pub fn whose(self, reader: &mut Reader<'_>, behind: &str) -> Result<Vec<(String, u64)>, Error> {
        let (whose, _) = self.statements();
        let read = |row: &Row<'_>| Ok((row.get(0).unwrap_or_default(), row.get(1)?));
        Ok(match self {
            Rule::Own { now } => reader.query_many(whose, params![now, behind], read)?,
            Rule::Class { class, before } => {
                reader.query_many(whose, params![class.name(), before, behind], read)?
            }
        })
    }

    /// Which values of a customer are due, item by item.
    pub fn values(self, reader: &mut Reader<'_>, customer: CustomerId) -> Result<DueItems, Error> {
        let (_, values) = self.statements();
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let rows: Vec<(String, String, String)> = match self {
            Rule::Own { now } => reader.query_many(values, params![now, customer], read)?,
            Rule::Class { class, before } => {
                reader.query_many(values, params![class.name(), before, customer], read)?
            }
        };
        let mut items = DueItems::new();
        for (collection, item, field) in rows {
            items.entry((collection, item)).or_default().insert(field);
        }
        Ok(items)
    }

    /// Which items the sweep leaves because something is not as it was written last: a value of the item itself; and where other values
    /// say when it is due, each of those that may have been newer than it says.
    pub fn kept(self, flaws: &[Flaw], due: &DueItems) -> BTreeSet<(String, String)> {
        // A value that somebody added hides no newer one.
        let may_hide_a_newer = |begin: &str| {
            flaws.iter().any(|flaw| flaw.harm != Harm::Unknown && flaw.place.starts_with(begin))
        };
        let is_in_doubt = match self {
            Rule::Class { class: Class::Contact | Class::Address, .. } => may_hide_a_newer(""),
            Rule::Class { class: Class::Consent, .. } => may_hide_a_newer("consent."),
            Rule::Own { .. }
            | Rule::Class {
                class: Class::Order | Class::Note | Class::IdentityDocument | Class::Payment,
                ..
            } => false,
        };
        let places: BTreeSet<&str> = flaws.iter().map(|flaw| flaw.place.as_str()).collect();
        let is_flawed = |(collection, item): &&(String, String)| {
            let begin = format!("{collection}.{item}.");
            let mut behind = places.range::<str, _>((Bound::Included(begin.as_str()), Bound::Unbounded));
            behind.next().is_some_and(|place| place.starts_with(&begin))
        };
        due.keys().filter(|item| is_in_doubt || is_flawed(item)).cloned().collect()
    }

    fn count(self, reader: &mut Reader<'_>) -> Result<u64, Error> {
        let (mut count, mut behind) = (0, String::new());
        loop {
            let page = self.whose(reader, &behind)?;
            count += page.iter().map(|(_, values)| values).sum::<u64>();
            match last_text(&page) {
                Some(end) => behind = end,
                None => return Ok(count),
            }
        }
    }
}

/// Behind which a page goes on; nothing where none of it is text.
pub(crate) fn last_text(page: &[(String, u64)]) -> Option<String> {
    page.iter().rev().map(|(customer, _)| customer).find(|customer| !customer.is_empty()).cloned()
}

/// Names of fields by their collection and item.
pub(crate) type DueItems = BTreeMap<(String, String), BTreeSet<String>>;

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
            let mut due = Due::default();
            for rule in Rule::all(reader, now)? {
                let count = rule.count(reader)?;
                match rule {
                    Rule::Own { .. } => due.by_own = count,
                    Rule::Class { class, .. } => due.by_class.push((class, count)),
                }
            }
            Ok(due)
        });
        found.await
    }
}

/// The periods in force. They count only while they are what the ledger says was set last: whoever writes into the data must not
/// get everybody's values erased by it.
pub(crate) fn all(reader: &mut Reader<'_>) -> Result<Vec<(Class, u32)>, Error> {
    // What is no text is no class, and what is no number is no period.
    let rows: Vec<(String, i64)> =
        reader.query_many(ALL, &[], |row| Ok((row.get(0).unwrap_or_default(), row.get(1).unwrap_or(-1))))?;
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
