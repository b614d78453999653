//! Who reads customers' data otherwise than usual: a look every half minute over who saw whom, by rules that can be explained.
//!
//! No rule speaks below a floor, and what is compared with somebody's own past waits until there is one; so the first day of a shop
//! raises nothing. A program is compared with its own past days only: what reads much for a good reason does so every day, and is told
//! on the first of them. What is found is told once a day for each person and reason, and stands on the console for a day.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{Actor, Clock, Timestamp};
use storeward_events::Event;
use storeward_events::office::UnusualReading;
use storeward_store::jobs::{Failed, Handler, Job};
use storeward_store::{Db, Error, Reader, ledger, params, statements};

use crate::walks::{IN_A_ROW, Walked, Walks};

statements! {
    READERS = "SELECT actor, CAST(COUNT(DISTINCT customer) AS BIGINT) FROM vault_sight WHERE at > $1 AND opened = 1 \
               AND (SUBSTR(actor, 1, 6) = 'staff_' OR SUBSTR(actor, 1, 4) = 'key_') GROUP BY actor";
    LOOKERS = "SELECT actor, CAST(COUNT(DISTINCT subject) AS BIGINT) FROM office_shown WHERE at > $1 AND shown > 0 \
               AND SUBSTR(actor, 1, 6) = 'staff_' GROUP BY actor";
    BUSIEST = "SELECT CAST(COUNT(DISTINCT customer) AS BIGINT) AS n FROM vault_sight WHERE \
               (actor = $1 OR ($1 = '' AND SUBSTR(actor, 1, 6) = 'staff_')) AND at > $2 \
               AND at <= $3 AND opened = 1 GROUP BY actor, at / 3600000000 ORDER BY n DESC LIMIT 1";
    BUSIEST_DAY = "SELECT CAST(COUNT(DISTINCT customer) AS BIGINT) AS n FROM vault_sight WHERE actor = $1 AND at > $2 AND at <= $3 \
                   AND opened = 1 GROUP BY at / 86400000000 ORDER BY n DESC LIMIT 1";
    OF_DAY = "SELECT CAST(COUNT(DISTINCT customer) AS BIGINT) FROM vault_sight WHERE actor = $1 AND at > $2 AND opened = 1";
    DAYS = "SELECT CAST(COUNT(DISTINCT at / 86400000000) AS BIGINT) FROM vault_sight WHERE actor = $1 AND at > $2 AND at <= $3";
    AT_HOUR = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_sight WHERE actor = $1 AND at > $2 AND at <= $3 \
               AND at / 3600000000 - at / 86400000000 * 24 = $4";
    WITHOUT = "SELECT CAST(COUNT(DISTINCT s.customer) AS BIGINT) FROM vault_sight s WHERE s.actor = $1 AND s.at > $2 AND s.opened = 1 \
               AND NOT EXISTS (SELECT 1 FROM vault_field f WHERE f.customer = s.customer AND f.collection = 'order')";
    ORDERS = "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT DISTINCT customer FROM vault_field WHERE collection = 'order' LIMIT 100) AS o";
    TOLD = "SELECT at FROM office_finding WHERE actor = $1 AND reason = $2 AND at > $3";
    TELL = "INSERT INTO office_finding (actor, reason, at, customers) VALUES ($1, $2, $3, $4)";
    STANDING = "SELECT actor, reason, customers, at FROM office_finding WHERE at > $1 ORDER BY at DESC LIMIT 20";
    FORGET = "DELETE FROM office_finding WHERE at < $1";
}

/// Told where they are refused, at once, and not by a look at who saw whom.
const TRIED: [&str; 2] = ["orders", "lookups"];
const TOLD_AT_ONCE: &[&str] = &["office.unusual_reading"];
const MOST_STANDING: usize = 20;
const EVERY: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How far back somebody's habits go: four weeks hold every weekday four times.
const PAST: Duration = Duration::from_secs(28 * 24 * 3600);

/// Customers opened in the vault within an hour before anything is said: one a minute, the pace of a person who answers customers
/// without a break.
pub const FLOOR_OPENED: u64 = 60;
/// Customers that a program opened within a day before anything is said: a working day at the pace above.
pub const FLOOR_OF_DAY: u64 = 8 * FLOOR_OPENED;
/// What a program did so long ago is its past: so nobody who has its key makes today's reading usual by beginning slowly, and what runs
/// once a day may run an hour earlier.
const PROGRAM_PAST: Duration = Duration::from_secs(23 * 3600);
/// Customers shown on the shop's own pages within an hour, where a list has 20 to 50 of them: eight to twenty pages.
pub const FLOOR_SHOWN: u64 = 400;
/// So many times the busiest hour of the past four weeks is far more than usual (three times the usual, as ratio rules of user-behaviour
/// analysis take it; a doubled workload on a sale's day stays below).
const TIMES: u64 = 3;
/// Days with openings that make a habit of one's own; until then everybody's busiest hour counts.
const OWN_DAYS: u64 = 5;
/// Days with openings after which an hour that was never used is unusual.
const HOUR_DAYS: u64 = 10;
/// Customers at such an hour; fewer are an emergency.
const HOUR_CUSTOMERS: u64 = 5;
/// Customers without an order within an hour, and that they are four of five.
const WITHOUT_ORDER: u64 = 20;
/// Customers with an order from which on the shop is one that keeps them here.
const ORDERS_KEPT: u64 = 100;

/// Something that stands on the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// As it stands in events.
    pub actor: String,
    /// `many`, `day`, `hour`, `without_order`, `in_a_row`, `orders`, `lookups`.
    pub reason: String,
    pub customers: u64,
    pub at: Timestamp,
}

/// Looks after readers. Clones are cheap and share what was found.
#[derive(Clone)]
pub struct Watch(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Arc<dyn Clock>,
    /// Who goes through the shop's numbers.
    walks: Walks,
    findings: Mutex<Vec<Finding>>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// What a rule found of somebody.
#[derive(Clone, Debug)]
struct Unusual {
    actor: String,
    reason: &'static str,
    customers: u64,
    limit: u64,
}

/// Over how long a reason counts.
pub const fn minutes_of(reason: &str) -> u64 {
    if matches!(reason.as_bytes(), b"day") { 24 * 60 } else { 60 }
}

impl Watch {
    pub fn new(db: Db, clock: Arc<dyn Clock>, walks: Walks) -> Self {
        Watch(Arc::new(Inner { db, clock, walks, findings: Mutex::default() }))
    }

    /// What was found within a day. Never waits.
    pub fn findings(&self) -> Vec<Finding> {
        self.0.findings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn handlers(&self) -> Vec<Handler> {
        let watch = self.clone();
        let run = move |job: Job| {
            let watch = watch.clone();
            async move {
                watch.round().await?;
                let claim = job.claim();
                let done = watch.0.db.write(move |tx| {
                    tx.commit_silent("a look at who reads what");
                    claim.finish(tx)
                });
                Ok::<(), Failed>(done.await?)
            }
        };
        vec![Handler::new("office.watch", run).every(EVERY)]
    }

    /// One look.
    pub async fn round(&self) -> Result<(), Error> {
        let now = self.0.clock.now();
        let mut found = self.0.db.read(move |reader| look(reader, now)).await?;
        let limit = u64::try_from(IN_A_ROW).unwrap_or(u64::MAX);
        found.extend(self.0.walks.found(now.minus(HOUR)).into_iter().map(|Walked { actor, numbers }| {
            Unusual { actor: actor.to_string(), reason: "in_a_row", customers: numbers, limit }
        }));
        for unusual in found {
            self.tell(unusual, now).await?;
        }
        let standing = self.0.db.read(move |reader| standing(reader, now)).await?;
        *self.0.findings.lock().unwrap_or_else(PoisonError::into_inner) = standing;
        Ok(())
    }

    /// Once a day for each person and reason.
    async fn tell(&self, unusual: Unusual, now: Timestamp) -> Result<(), Error> {
        let (actor, reason) = (unusual.actor.clone(), unusual.reason);
        let told = self.0.db.read(move |reader| {
            reader
                .query_optional(TOLD, params![&actor, reason, now.minus(DAY)], |row| row.get::<Timestamp>(0))
        });
        if told.await?.is_some() {
            return Ok(());
        }
        let staff = unusual.actor.parse().ok().map(|id| Actor::Staff { id });
        let actor = staff.or_else(|| unusual.actor.parse().ok().map(|id| Actor::Key { id }));
        let Some(actor) = actor else { return Ok(()) };
        let write = self.0.db.write(move |tx| {
            let (customers, limit) = (unusual.customers, unusual.limit);
            let (reason, minutes) = (unusual.reason.to_owned(), minutes_of(unusual.reason));
            let fact = UnusualReading { reason, customers, limit, minutes };
            tx.append(actor, None, fact)?;
            let count = i64::try_from(customers).unwrap_or(i64::MAX);
            tx.execute(FORGET, params![now.minus(PAST)])?;
            tx.execute(TELL, params![&unusual.actor, unusual.reason, now, count]).map(drop)
        });
        write.await
    }
}

/// What stands: what was found here, and what was told at once by whoever refused it; the newest first.
fn standing(reader: &mut Reader<'_>, now: Timestamp) -> Result<Vec<Finding>, Error> {
    let from = now.minus(DAY);
    let mut standing = reader.query_many(STANDING, params![from], |row| {
        Ok(Finding { actor: row.get(0)?, reason: row.get(1)?, customers: row.get(2)?, at: row.get(3)? })
    })?;
    let mut tried: Vec<Finding> = Vec::new();
    let read = ledger::lately(reader, TOLD_AT_ONCE, from, |record| {
        let Event::UnusualReading(fact) = &record.event else { return };
        if TRIED.contains(&fact.reason.as_str()) {
            let (actor, reason) = (record.actor.to_string(), fact.reason.clone());
            tried.retain(|one| (&one.actor, &one.reason) != (&actor, &reason));
            tried.push(Finding { actor, reason, customers: fact.customers, at: record.at });
        }
    });
    // A ledger that does not hold is an alarm of its own, and hides nothing of what was found here.
    if !matches!(read, Err(Error::Ledger(_))) {
        read?;
    }
    standing.extend(tried);
    standing.sort_by_key(|one| std::cmp::Reverse(one.at));
    standing.truncate(MOST_STANDING);
    Ok(standing)
}

fn look(reader: &mut Reader<'_>, now: Timestamp) -> Result<Vec<Unusual>, Error> {
    let since = now.minus(HOUR);
    let pair = |row: &storeward_store::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let readers: Vec<(String, u64)> = reader.query_many(READERS, params![since], pair)?;
    let lookers: Vec<(String, u64)> = reader.query_many(LOOKERS, params![since], pair)?;
    let mut found = Vec::new();
    for (actor, customers) in lookers {
        if customers > FLOOR_SHOWN {
            found.push(Unusual { actor, reason: "many", customers, limit: FLOOR_SHOWN });
        }
    }
    for (actor, customers) in readers {
        if actor.starts_with("key_") {
            found.extend(of_program(reader, &actor, customers, now)?);
            continue;
        }
        let mut note = |reason: &'static str, customers: u64, limit: u64| {
            found.push(Unusual { actor: actor.clone(), reason, customers, limit });
        };
        let limit = usual(reader, &actor, now)?;
        if customers > limit {
            note("many", customers, limit);
        }
        if customers >= HOUR_CUSTOMERS && is_new_hour(reader, &actor, now)? {
            note("hour", customers, HOUR_CUSTOMERS);
        }
        let without: u64 = reader.query_one(WITHOUT, params![&actor, since], |row| row.get(0))?;
        if without >= WITHOUT_ORDER && without * 5 >= customers * 4 && keeps_orders(reader)? {
            note("without_order", without, WITHOUT_ORDER);
        }
    }
    Ok(found)
}

/// What is unusual of a program by its key. At which hour it runs and whether its customers have orders says nothing: it may write letters to
/// all of them at night.
fn of_program(
    reader: &mut Reader<'_>,
    actor: &str,
    of_hour: u64,
    now: Timestamp,
) -> Result<Vec<Unusual>, Error> {
    let (from, until) = (now.minus(PAST), now.minus(PROGRAM_PAST));
    let of_day: u64 = reader.query_one(OF_DAY, params![actor, now.minus(DAY)], |row| row.get(0))?;
    let hour: Option<u64> = reader.query_optional(BUSIEST, params![actor, from, until], |row| row.get(0))?;
    let day: Option<u64> =
        reader.query_optional(BUSIEST_DAY, params![actor, from, until], |row| row.get(0))?;
    let limit = |busiest: Option<u64>, floor: u64| busiest.unwrap_or(0).saturating_mul(TIMES).max(floor);
    let counts = [("many", of_hour, limit(hour, FLOOR_OPENED)), ("day", of_day, limit(day, FLOOR_OF_DAY))];
    let unusual = counts.into_iter().filter(|(_, customers, limit)| customers > limit);
    Ok(unusual
        .map(|(reason, customers, limit)| Unusual { actor: actor.to_owned(), reason, customers, limit })
        .collect())
}

/// Whether orders are kept here at all: where they are not, nobody has one.
fn keeps_orders(reader: &mut Reader<'_>) -> Result<bool, Error> {
    let count: u64 = reader.query_one(ORDERS, &[], |row| row.get(0))?;
    Ok(count >= ORDERS_KEPT)
}

/// The most customers within an hour that are nothing unusual of this person.
fn usual(reader: &mut Reader<'_>, actor: &str, now: Timestamp) -> Result<u64, Error> {
    let (from, until) = (now.minus(PAST), now.minus(HOUR));
    let days: u64 = reader.query_one(DAYS, params![actor, from, until], |row| row.get(0))?;
    let whose = if days >= OWN_DAYS { actor } else { "" };
    let busiest: Option<u64> =
        reader.query_optional(BUSIEST, params![whose, from, until], |row| row.get(0))?;
    Ok(busiest.unwrap_or(0).saturating_mul(TIMES).max(FLOOR_OPENED))
}

/// Whether somebody with a past was never here at this hour of the day, nor at those beside it.
fn is_new_hour(reader: &mut Reader<'_>, actor: &str, now: Timestamp) -> Result<bool, Error> {
    let (from, until) = (now.minus(PAST), now.minus(HOUR));
    let days: u64 = reader.query_one(DAYS, params![actor, from, until], |row| row.get(0))?;
    if days < HOUR_DAYS {
        return Ok(false);
    }
    let hour = now.seconds().div_euclid(3600);
    for beside in [-1, 0, 1] {
        let at = (hour + beside).rem_euclid(24);
        let seen: u64 = reader.query_one(AT_HOUR, params![actor, from, until, at], |row| row.get(0))?;
        if seen > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
