//! Which days are compared with a provider's list, by the ledger's own words: a day whose list could not be read, or on which nothing ran,
//! is gone back to.

use std::collections::BTreeMap;

use storeward_base::{PageSize, Timestamp};
use storeward_events::Event;
use storeward_store::{Db, Reader, ledger, statements};

use super::{DAY, day_of};
use crate::error::Error;
use crate::model::Provider;
use crate::payments::Payments;

statements! {
    FIRST_PAYMENT = "SELECT MIN(created_at) FROM payment";
}

const DAY_SECONDS: i64 = 86_400;
/// Days that are gone back, at most.
const BACK: i64 = 31;
/// Of one round, the oldest of what was left out, beside the two days before it: the rest comes with the next rounds.
const MOST_OLD: usize = 7;

/// How far the days are compared with one provider's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    pub provider: Provider,
    /// `YYYY-MM-DD`, UTC: this day and those before it are compared, as far as is gone back; nothing where the first one is not.
    pub through: Option<String>,
    /// Days that are over and were not compared whole yet, the oldest first. Yesterday is one of them until the day's round.
    pub open: Vec<String>,
}

impl Reach {
    /// Whether more is open than what the next round has to do anyhow.
    pub fn is_behind(&self) -> bool {
        self.open.len() > 1
    }
}

/// What the ledger says of one provider.
struct Known {
    /// When each day was compared last, after it was over.
    at: BTreeMap<String, Timestamp>,
    /// The day of the first payment, in days since 1970: nothing before it is ours.
    first: Option<i64>,
}

impl Known {
    fn read(reader: &mut Reader<'_>, provider: Provider, now: Timestamp) -> Result<Known, Error> {
        let first: Option<Timestamp> = reader.query_one(FIRST_PAYMENT, &[], |row| row.get(0))?;
        let mut known = Known { at: BTreeMap::new(), first: first.map(day_number) };
        let mut filter = ledger::Filter {
            kind_prefix: Some("payment.reconciled".to_owned()),
            from: Some(start(day_number(now) - BACK)),
            ..ledger::Filter::default()
        };
        loop {
            // The newest first.
            let page = ledger::search(reader, &filter, PageSize::new(PageSize::MAX))?;
            for (_, record) in page.rows {
                let Event::DayReconciled(fact) = record.event else { continue };
                // Written while the clock was ahead: when it was is not known.
                if fact.provider == provider.word() && record.at <= now {
                    known.at.entry(fact.day).or_insert(record.at);
                }
            }
            filter.before = page.next;
            if filter.before.is_none() {
                return Ok(known);
            }
        }
    }

    /// Whether it was compared since so many days after its beginning.
    fn is_compared(&self, day: i64, after: i64) -> bool {
        self.at.get(&day_of(start(day))).is_some_and(|at| *at >= start(day + after))
    }

    fn from(&self, today: i64) -> i64 {
        self.first.map_or(today, |first| first.max(today - BACK))
    }

    /// The oldest days that nobody compared once their lists were whole, which is a day after their end, and the two before today.
    fn due(&self, today: i64) -> Vec<Timestamp> {
        let old = (self.from(today)..today - 2).filter(|day| !self.is_compared(*day, 2)).take(MOST_OLD);
        old.chain([today - 2, today - 1]).map(start).collect()
    }

    fn reach(&self, provider: Provider, today: i64) -> Reach {
        let from = self.from(today);
        let open: Vec<i64> = (from..today).filter(|day| !self.is_compared(*day, 1)).collect();
        let last = open.first().map_or(today, |first| *first) - 1;
        let name = |day: i64| day_of(start(day));
        let through = (last >= from).then(|| name(last));
        Reach { provider, through, open: open.into_iter().map(name).collect() }
    }
}

fn day_number(at: Timestamp) -> i64 {
    at.seconds().div_euclid(DAY_SECONDS)
}

fn start(day: i64) -> Timestamp {
    Timestamp::from_seconds(day.saturating_mul(DAY_SECONDS))
}

impl Payments {
    /// The days that the next round compares with a provider's list, the oldest first.
    pub(super) async fn due(&self, provider: Provider) -> Result<Vec<Timestamp>, Error> {
        let now = self.0.now();
        self.0.read(move |reader| Ok(Known::read(reader, provider, now)?.due(day_number(now)))).await
    }

    /// How far the days are compared, of each provider that is set up.
    pub async fn reach(&self) -> Result<Vec<Reach>, Error> {
        let providers = self.0.gateways.iter().map(|gateway| gateway.provider()).collect();
        reach(&self.0.db, providers, self.0.now()).await
    }

    /// Whether the day that holds a moment is over, so that it can be compared whole.
    pub fn is_over(&self, at: Timestamp) -> bool {
        start(day_number(at)).plus(DAY) <= self.0.now()
    }
}

/// The same of a database alone, for whoever only looks.
pub async fn reach(db: &Db, providers: Vec<Provider>, now: Timestamp) -> Result<Vec<Reach>, Error> {
    db.read(move |reader| {
        let of = |provider| Ok(Known::read(reader, provider, now)?.reach(provider, day_number(now)));
        providers.into_iter().map(of).collect::<Result<Vec<_>, Error>>()
    })
    .await
}
