//! Who saw whom: the index over the ledger's entries about openings.

use std::collections::BTreeSet;

use storeward_base::{Actor, CustomerId, EventId, PageSize, Timestamp};
use storeward_events::vault::CustomersFound;
use storeward_events::{Event, Record};
use storeward_policy::Purpose;
use storeward_store::{Reader, Tx, ledger, params, statements};

use crate::Error;
use crate::manifest::{Flaw, Harm};

statements! {
    INSERT = "INSERT INTO vault_sight (event, at, actor, customer, purpose, opened) VALUES ($1, $2, $3, $4, $5, $6)";
    ROWS = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_sight WHERE at > $1 AND opened = $2";
    SAME = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_sight WHERE event = $1 AND at = $2 AND actor = $3 AND customer = $4 AND purpose = $5 \
            AND opened = $6";
    THERE = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_sight WHERE event = $1";
    LIST = "SELECT event FROM vault_sight WHERE ($1 = '' OR customer = $1) AND ($2 = '' OR actor = $2) \
            AND ($3 = '' OR purpose = $3) AND ($4 = '' OR event < $4) AND actor <> $6 AND at >= $7 AND at < $8 \
            ORDER BY event DESC LIMIT $5";
    FORGET = "DELETE FROM vault_sight WHERE at < $1";
}

/// Which to list; what is `None` does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub customer: Option<CustomerId>,
    pub actor: Option<Actor>,
    pub purpose: Option<Purpose>,
    /// Not what this one did.
    pub not_by: Option<Actor>,
    pub from: Option<Timestamp>,
    /// Up to, but not including.
    pub until: Option<Timestamp>,
    /// Only those before this entry: the `next` of the page before.
    pub before: Option<EventId>,
}

/// One opening or refusal, as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    pub event: EventId,
    pub at: Timestamp,
    pub actor: Actor,
    pub customer: CustomerId,
    pub purpose: String,
    pub collection: String,
    pub fields: Vec<String>,
    /// The rules that allowed it, or the reason of the refusal.
    pub outcome: Result<Vec<String>, String>,
}

impl Sight {
    fn of(record: Record) -> Option<Sight> {
        let (event, at, actor) = (record.id, record.at, record.actor);
        let (customer, purpose, collection, fields, outcome) = match record.event {
            Event::FieldsOpened(e) => (e.customer, e.purpose, e.collection, e.fields, Ok(e.rules)),
            Event::OpeningDenied(e) => (e.customer, e.purpose, e.collection, e.fields, Err(e.reason)),
            _ => return None,
        };
        Some(Sight { event, at, actor, customer, purpose, collection, fields, outcome })
    }
}

/// Beside the entry that was just appended, in the same write.
pub(crate) fn insert(
    tx: &mut Tx<'_>,
    record: &Record,
    customer: CustomerId,
    purpose: Purpose,
    opened: bool,
) -> Result<(), Error> {
    let values =
        params![record.id, record.at, record.actor.to_string(), customer, purpose.name(), i64::from(opened)];
    Ok(tx.execute(INSERT, values).map(drop)?)
}

/// What an opening, and a look-up, are called in the ledger.
const OPENED_KIND: &str = "vault.fields_opened";
const FOUND_KIND: &str = "vault.customers_found";
const DENIED_KIND: &str = "vault.opening_denied";
/// By which it is decided whether somebody may go on: by the signed ledger alone, whatever its columns say or became of the index.
const COUNTED: &[&str] = &[OPENED_KIND, FOUND_KIND];

/// How many other customers' data somebody opened since then.
pub(crate) fn others_opened(
    reader: &mut Reader<'_>,
    actor: Actor,
    customer: CustomerId,
    since: Timestamp,
) -> Result<u64, Error> {
    opened(reader, actor, since, |other| other != customer)
}

/// How many customers' data somebody opened since then.
pub(crate) fn opened_since(reader: &mut Reader<'_>, actor: Actor, since: Timestamp) -> Result<u64, Error> {
    opened(reader, actor, since, |_| true)
}

fn opened(
    reader: &mut Reader<'_>,
    actor: Actor,
    since: Timestamp,
    counts: impl Fn(CustomerId) -> bool,
) -> Result<u64, Error> {
    // Who sees themselves alone opens nobody else.
    if matches!(actor, Actor::Customer { .. }) {
        return Ok(0);
    }
    let mut customers: BTreeSet<CustomerId> = BTreeSet::new();
    ledger::lately(reader, COUNTED, behind(since), |record| match &record.event {
        Event::FieldsOpened(fact) if record.actor == actor && counts(fact.customer) => {
            customers.insert(fact.customer);
        }
        _ => {}
    })?;
    Ok(u64::try_from(customers.len()).unwrap_or(u64::MAX))
}

/// How often somebody looked customers up since then.
pub(crate) fn looked_since(reader: &mut Reader<'_>, actor: Actor, since: Timestamp) -> Result<u64, Error> {
    let mut count = 0;
    ledger::lately(reader, COUNTED, behind(since), |record| {
        count += u64::from(record.actor == actor && matches!(record.event, Event::CustomersFound(_)));
    })?;
    Ok(count)
}

/// How often one of these looked for somebody since then, such a look it was, and there was nobody.
pub(crate) fn missed_since(
    reader: &mut Reader<'_>,
    actors: &[Actor],
    since: Timestamp,
    counts: impl Fn(&CustomersFound) -> bool,
) -> Result<u64, Error> {
    let mut count = 0;
    ledger::lately(reader, COUNTED, behind(since), |record| match &record.event {
        Event::CustomersFound(fact) if fact.count == 0 && actors.contains(&record.actor) => {
            count += u64::from(counts(fact));
        }
        _ => {}
    })?;
    Ok(count)
}

/// The index leaves the moment itself out, the ledger does not.
fn behind(since: Timestamp) -> Timestamp {
    Timestamp::from_micros(since.micros().saturating_add(1))
}

/// Where the index is not what the ledger has since then: rows that were changed, beside the customer whom the entry is about, and whether
/// there are more or fewer rows.
pub(crate) fn harms(reader: &mut Reader<'_>, since: Timestamp) -> Result<Vec<Flaw>, Error> {
    let mut changed: BTreeSet<CustomerId> = BTreeSet::new();
    let mut is_other = false;
    for (kind, opened) in [(OPENED_KIND, 1_i64), (DENIED_KIND, 0)] {
        let mut count: u64 = 0;
        let (kind_prefix, from) = (Some(kind.to_owned()), Some(behind(since)));
        let mut filter = ledger::Filter { kind_prefix, from, ..ledger::Filter::default() };
        loop {
            let page = ledger::search(reader, &filter, PageSize::new(PageSize::MAX))?;
            for sight in page.rows.into_iter().filter_map(|(_, record)| Sight::of(record)) {
                count += 1;
                let actor = sight.actor.to_string();
                let values =
                    params![sight.event, sight.at, actor, sight.customer, sight.purpose.as_str(), opened];
                let has = |row: &storeward_store::Row<'_>| row.get::<u64>(0);
                if reader.query_one(SAME, values, has)? == 1 {
                    continue;
                }
                match reader.query_one(THERE, params![sight.event], has)? {
                    0 => is_other = true,
                    _ => drop(changed.insert(sight.customer)),
                }
            }
            filter.before = page.next;
            if filter.before.is_none() {
                break;
            }
        }
        let rows: u64 = reader.query_one(ROWS, params![since, opened], |row| row.get(0))?;
        is_other |= rows != count;
    }
    let flaw = |customer| Flaw { customer, place: "seen".to_owned(), harm: Harm::Row };
    let other = is_other.then(|| flaw(CustomerId::from_bits(0)));
    Ok(other.into_iter().chain(changed.into_iter().map(flaw)).collect())
}

/// The newest first, at most `limit`. Those whose entry the ledger has forgotten are left out.
pub fn list(reader: &mut Reader<'_>, filter: &Filter, limit: u32) -> Result<Vec<Sight>, Error> {
    let text = |word: Option<String>| word.unwrap_or_default();
    let values = params![
        text(filter.customer.map(|id| id.to_string())),
        text(filter.actor.map(|actor| actor.to_string())),
        text(filter.purpose.map(|purpose| purpose.name().to_owned())),
        text(filter.before.map(|event| event.to_string())),
        limit.clamp(1, 200),
        text(filter.not_by.map(|actor| actor.to_string())),
        filter.from.unwrap_or(Timestamp::EPOCH),
        filter.until.unwrap_or(Timestamp::from_micros(i64::MAX)),
    ];
    let events: Vec<EventId> = reader.query_many(LIST, values, |row| row.get(0))?;
    let mut sights = Vec::new();
    for event in events {
        let found = ledger::by_id(reader, event)?;
        sights.extend(found.and_then(|(_, record)| Sight::of(record)));
    }
    Ok(sights)
}

/// Forgets those before a moment: not later than the ledger forgets what they point to.
pub(crate) fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, Error> {
    Ok(tx.execute(FORGET, params![before])?)
}
