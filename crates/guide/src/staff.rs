//! What staff see of guidance: what was sent and what it changed, and the messages that people reported.

use std::time::Duration;

use storeward_base::{Actor, CustomerId, ReportId, StaffId, Timestamp};
use storeward_events::guide::ReportClosed;
use storeward_store::{Reader, Tx};

use crate::guide::Guide;
use crate::links;
use crate::model::Topic;
use crate::sql;
use crate::verbs::report::place;

pub use crate::error::Error;
pub use crate::model::Verdict;

const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// Weeks that are shown.
pub const WEEKS: u32 = 12;
const MOST_REPORTS: u32 = 50;

/// What reminders did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effect {
    /// From the oldest to the one that is going on.
    pub weeks: Vec<Week>,
    pub topics: Vec<TopicEffect>,
    /// How many days count as "because of it".
    pub follow_days: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Week {
    pub begins: Timestamp,
    pub sent: u64,
    pub followed: u64,
}

/// One kind of reminder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopicEffect {
    pub topic: Topic,
    pub sent: u64,
    pub followed: u64,
    pub held_back: u64,
    pub held_back_followed: u64,
    /// How much more of those who were reminded did it, in percentage points, with its 95 % interval; `None` while there are
    /// too few to tell.
    pub uplift: Option<Uplift>,
}

impl TopicEffect {
    /// What it is about, for staff.
    pub fn what(&self) -> &'static str {
        storeward_events::words::topic(self.topic.word())
    }

    /// Whether what it asks for can be seen here at all.
    pub fn asks_for_something(&self) -> bool {
        !self.topic.asks_for().is_empty()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uplift {
    pub points: f64,
    pub least: f64,
    pub most: f64,
}

/// A reported message as staff see it.
#[derive(Clone, Debug)]
pub struct Report {
    pub id: ReportId,
    pub at: Timestamp,
    pub customer: Option<CustomerId>,
    /// As pasted, without what cannot be seen.
    pub said: String,
    /// Written so that nobody opens them by mistake.
    pub links: Vec<String>,
    pub bears_our_code: bool,
    pub verdict: Option<Verdict>,
    pub is_open: bool,
}

/// The staff's way in.
#[derive(Clone)]
pub struct Desk(Guide);

impl Guide {
    pub fn desk(&self) -> Desk {
        Desk(self.clone())
    }
}

impl Desk {
    /// The last twelve weeks.
    pub async fn effect(&self) -> Result<Effect, Error> {
        let shared = &self.0.0;
        let since = shared.now().minus(WEEK * WEEKS);
        let span = i64::try_from(WEEK.as_micros()).unwrap_or(i64::MAX);
        let found = shared.db.read(move |reader: &mut Reader<'_>| sql::reminder::effect(reader, since, span));
        let counts = found.await?;
        let weeks = (0..WEEKS).map(|week| {
            let own = counts.iter().filter(|count| count.span.min(WEEKS - 1) == week && !count.held_back);
            let (sent, followed) = own.fold((0, 0), |(all, done), c| (all + c.all, done + c.followed));
            Week { begins: since.plus(WEEK * week), sent, followed }
        });
        let topics = Topic::ALL.iter().filter_map(|topic| {
            let sum = |held_back: bool| {
                let own = counts.iter().filter(|c| c.topic == *topic && c.held_back == held_back);
                own.fold((0, 0), |(all, done), c| (all + c.all, done + c.followed))
            };
            let ((sent, followed), (held_back, held_back_followed)) = (sum(false), sum(true));
            (sent + held_back > 0).then(|| TopicEffect {
                topic: *topic,
                sent,
                followed,
                held_back,
                held_back_followed,
                uplift: uplift((followed, sent), (held_back_followed, held_back)),
            })
        });
        Ok(Effect {
            weeks: weeks.collect(),
            topics: topics.collect(),
            follow_days: shared.policy().follow_days,
        })
    }

    /// Open reports first, then the newest; at most fifty.
    pub async fn reports(&self) -> Result<Vec<Report>, Error> {
        let shared = &self.0.0;
        let rows = shared.db.read(move |reader: &mut Reader<'_>| sql::report::list(reader, MOST_REPORTS));
        let opened = rows.await?.into_iter().map(|row| {
            let said = shared.data_key.open(&row.said_sealed, &place(row.id)).map_err(|_| Error::Sealed)?;
            let said = String::from_utf8_lossy(said.expose()).into_owned();
            Ok(Report {
                id: row.id,
                at: row.at,
                customer: row.customer,
                links: links::find(&said).iter().map(|link| links::defang(link)).collect(),
                said: links::defang_all(&said),
                bears_our_code: row.bears_our_code,
                verdict: row.verdict,
                is_open: row.closed_at.is_none(),
            })
        });
        opened.collect()
    }

    pub async fn open_reports(&self) -> Result<u64, Error> {
        Ok(self.0.0.db.read(sql::report::count_open).await?)
    }

    /// Closes a report; one that is closed stays as it is.
    pub async fn close(&self, staff: StaffId, id: ReportId, verdict: Verdict) -> Result<(), Error> {
        let written = self.0.0.db.write(move |tx: &mut Tx<'_>| -> Result<(), Error> {
            let now = tx.now();
            if !sql::report::close(tx, id, now, staff, verdict)? {
                return Err(Error::NoReport);
            }
            let fact = ReportClosed { report: id, verdict: verdict.word().to_owned() };
            tx.append(Actor::Staff { id: staff }, None, fact)?;
            Ok(())
        });
        written.await
    }
}

/// Fewer in a group tell nothing.
const LEAST: u64 = 10;

/// Difference of two shares with its 95 % interval by Agresti and Caffo (The American Statistician 54, 2000), which holds for
/// small groups too.
fn uplift((followed, sent): (u64, u64), (held_followed, held): (u64, u64)) -> Option<Uplift> {
    if sent < LEAST || held < LEAST {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of mails are far below 2^52")]
    let share = |done: u64, all: u64| ((done as f64 + 1.0) / (all as f64 + 2.0), all as f64 + 2.0);
    let ((a, n), (b, m)) = (share(followed, sent), share(held_followed, held));
    let spread = 1.96 * (a * (1.0 - a) / n + b * (1.0 - b) / m).sqrt();
    let points = (a - b) * 100.0;
    Some(Uplift { points, least: points - spread * 100.0, most: points + spread * 100.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uplift_comes_with_its_doubt() {
        assert_eq!(uplift((5, 9), (1, 100)), None);
        assert_eq!(uplift((5, 100), (0, 9)), None);
        let told = uplift((300, 1_000), (10, 100)).unwrap();
        assert!(
            told.points > 18.0 && told.points < 20.0 && told.least > 12.0 && told.most < 26.0,
            "{told:?}"
        );
        let nothing = uplift((10, 100), (10, 100)).unwrap();
        assert!(nothing.points.abs() < 1e-9 && nothing.least < 0.0 && nothing.most > 0.0);
        let all = uplift((10, 10), (0, 10)).unwrap();
        assert!(all.most <= 115.0 && all.least > 40.0, "{all:?}");
    }
}
