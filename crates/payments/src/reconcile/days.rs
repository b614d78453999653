//! Which days are compared with a provider's list, by the ledger's own words: a day whose list could not be read, or on which nothing ran,
//! is gone back to. Rows say in whose turn it is and nothing else.

use std::collections::BTreeMap;

use storeward_base::{PageSize, Timestamp};
use storeward_events::Event;
use storeward_store::{Db, Reader, Tx, ledger, params, statements};

use super::{DAY, day_of};
use crate::error::Error;
use crate::model::Provider;
use crate::payments::Payments;

statements! {
    FIRST_PAYMENT = "SELECT MIN(created_at) FROM payment";
    FIRST_ATTEMPT = "SELECT MIN(created_at) FROM payment_attempt WHERE provider = $1";
    TRIED = "SELECT day, tried_at FROM payment_day WHERE provider = $1 AND day >= $2 ORDER BY day LIMIT 1000";
    TRY = "INSERT INTO payment_day (provider, day, tried_at) VALUES ($1, $2, $3) \
           ON CONFLICT (provider, day) DO UPDATE SET tried_at = excluded.tried_at";
    END_TRYING = "DELETE FROM payment_day WHERE provider = $1 AND (day = $2 OR day < $3)";
}

const DAY_SECONDS: i64 = 86_400;
/// Days that are gone back, at most.
const BACK: i64 = 31;
/// Older ones are told, so far back: the ledger keeps for a month longer that a day was compared.
const TOLD: i64 = 365;
/// Of one round, those of what was left out that nobody tried or that were tried longest ago, beside the two days before it: the rest
/// comes with the next rounds, however many of the others can never be compared.
const MOST_OLD: usize = 7;

/// How far the days are compared with one provider's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    pub provider: Provider,
    /// `YYYY-MM-DD`, UTC: this day and those before it are compared, as far as is gone back; nothing where the first one is not.
    pub through: Option<String>,
    /// Days that are over and were not compared whole yet, the oldest first. Yesterday is one of them until the day's round.
    pub open: Vec<String>,
    /// Those before them, of a year at most, that no round goes back to any more: only by hand are they compared.
    pub passed: Vec<String>,
}

/// Why a day cannot be held against a provider's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotADay {
    /// It goes on, or has not begun.
    NotOver,
    /// Nobody paid yet.
    NoPayment,
    /// The first payment was made on this day, `YYYY-MM-DD`.
    BeforeFirst(String),
}

impl Reach {
    /// Whether more is open than what the next round has to do anyhow.
    pub fn is_behind(&self) -> bool {
        self.open.len() > 1 || !self.passed.is_empty()
    }
}

/// What the ledger says of one provider.
struct Known {
    /// When each day was compared last, after it was over.
    at: BTreeMap<String, Timestamp>,
    /// The day on which somebody was first led to this provider, in days since 1970: nothing before it is ours.
    first: Option<i64>,
    /// When a day that is not compared whole was tried last.
    tried: BTreeMap<String, Timestamp>,
}

impl Known {
    fn read(reader: &mut Reader<'_>, provider: Provider, now: Timestamp) -> Result<Known, Error> {
        let today = day_number(now);
        let asked = params![provider.word(), day_of(start(today - BACK))];
        let tried = reader.query_many(TRIED, asked, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let first: Option<Timestamp> =
            reader.query_one(FIRST_ATTEMPT, params![provider.word()], |row| row.get(0))?;
        let first = first.map(day_number);
        let mut known = Known { at: BTreeMap::new(), first, tried: tried.into_iter().collect() };
        let mut filter = ledger::Filter {
            kind_prefix: Some("payment.reconciled".to_owned()),
            from: Some(start(today - TOLD)),
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

    /// The oldest days that nobody compared once their lists were whole, which is a day after their end, and the two before today. Those
    /// that were tried in vain have their turn behind the others.
    fn due(&self, today: i64) -> Vec<Timestamp> {
        let is_left_out = |day: &i64| !self.is_compared(*day, 2);
        let mut old: Vec<i64> = (self.from(today)..today - 2).filter(is_left_out).collect();
        old.sort_by_key(|day| self.tried.get(&day_of(start(*day))).copied());
        old.truncate(MOST_OLD);
        old.sort_unstable();
        old.into_iter().chain([today - 2, today - 1]).map(start).collect()
    }

    fn reach(&self, provider: Provider, today: i64) -> Reach {
        let from = self.from(today);
        let open: Vec<i64> = (from..today).filter(|day| !self.is_compared(*day, 1)).collect();
        let last = open.first().map_or(today, |first| *first) - 1;
        let name = |day: i64| day_of(start(day));
        let through = (last >= from).then(|| name(last));
        let told_from = self.first.map_or(from, |first| first.max(today - TOLD));
        let passed = (told_from..from).filter(|day| !self.is_compared(*day, 1)).map(name).collect();
        Reach { provider, through, open: open.into_iter().map(name).collect(), passed }
    }
}

fn first_day(reader: &mut Reader<'_>) -> Result<Option<i64>, Error> {
    let first: Option<Timestamp> = reader.query_one(FIRST_PAYMENT, &[], |row| row.get(0))?;
    Ok(first.map(day_number))
}

/// The day is compared whole and waits for no turn. Nor do those that no round goes back to.
pub(super) fn end_trying(tx: &mut Tx<'_>, provider: Provider, day: &str) -> Result<(), Error> {
    let oldest = day_of(start(day_number(tx.now()) - BACK));
    tx.execute(END_TRYING, params![provider.word(), day, oldest])?;
    Ok(())
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

    /// It is this day's turn, whatever comes of it.
    pub(super) async fn try_day(&self, provider: Provider, at: Timestamp) -> Result<(), Error> {
        let day = day_of(at);
        let write = self.0.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("a day is about to be compared; what comes of it is told");
            let now = tx.now();
            tx.execute(TRY, params![provider.word(), &day, now])?;
            Ok(())
        });
        write.await
    }

    /// How far the days are compared, of each provider that is set up.
    pub async fn reach(&self) -> Result<Vec<Reach>, Error> {
        let providers = self.0.gateways.iter().map(|gateway| gateway.provider()).collect();
        reach(&self.0.db, providers, self.0.now()).await
    }

    /// Why the day that holds a moment cannot be compared; nothing where it can.
    pub async fn not_a_day(&self, at: Timestamp) -> Result<Option<NotADay>, Error> {
        if start(day_number(at)).plus(DAY) > self.0.now() {
            return Ok(Some(NotADay::NotOver));
        }
        Ok(match self.0.read(first_day).await? {
            None => Some(NotADay::NoPayment),
            Some(first) if day_number(at) < first => Some(NotADay::BeforeFirst(day_of(start(first)))),
            Some(_) => None,
        })
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
