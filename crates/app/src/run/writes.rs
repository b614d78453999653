//! Whether anything can be written: a full disk or a database that takes no writes is told once, and so is its end.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Actor, Clock, Fault, Timestamp};
use storeward_events::system::WritesResumed;
use storeward_host::Stop;
use storeward_store::Db;

use super::log;

/// Between two tries while nothing can be written.
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// A program that has nothing to write looks so often whether it could.
const TRY_IDLE: Duration = Duration::from_secs(60);
/// A database that takes some writes and refuses others is told of so often at most.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Stuck { code: &'static str, why: String },
    Resumed { seconds: u64 },
}

impl Line {
    pub fn write(&self) {
        match self {
            Line::Stuck { code, why } => {
                log("error", "nothing can be written", &[("code", code), ("reason", why)])
            }
            Line::Resumed { seconds } => {
                log("info", "writes succeed again", &[("seconds", &seconds.to_string())])
            }
        }
    }
}

/// Watches until the stop. While nothing can be written, the fact that it can again is itself what is tried: it takes the
/// room that any event takes, and its end is told by whoever wrote it down.
pub async fn watch(db: Db, clock: Arc<dyn Clock>, stop: Stop, tell: impl Fn(&Line) + Send) {
    let mut changes = db.stuck_watch();
    let mut state = State::default();
    loop {
        let due = tokio::select! {
            () = stop.stopping() => return,
            // An error means that the database was closed.
            changed = changes.changed() => if changed.is_err() { return } else { false },
            due = wait(&db, state.began.is_some()) => due,
        };
        if let Some(line) = state.step(db.stuck().as_ref(), clock.now()) {
            tell(&line);
        }
        let may_have_ended = state.began.is_some() && (due || db.stuck().is_none());
        if may_have_ended && state.may_tell_an_end(clock.now()) {
            let seconds = state.lasted(clock.now());
            let fact = WritesResumed { reason: state.reason.to_owned(), seconds };
            let wrote = db.write(move |tx| tx.append(Actor::System, None, fact.clone()).map(drop)).await;
            match wrote {
                Ok(()) => tell(&state.ended(clock.now())),
                // A full disk is known by now and told; the next try comes in its time.
                Err(_) if db.stuck().is_some() => {}
                Err(why) => log("error", &why.to_string(), &[("kind", "system.writes_resumed")]),
            }
        } else if due {
            drop(db.try_writing().await);
        }
    }
}

/// Waits; whether something is to be tried then. What comes of it is what [`Db::stuck`] says.
async fn wait(db: &Db, stuck: bool) -> bool {
    let before = *db.ledger_watch().borrow();
    tokio::time::sleep(if stuck { TRY_AGAIN } else { TRY_IDLE }).await;
    stuck || *db.ledger_watch().borrow() == before
}

/// What was told.
#[derive(Debug, Default)]
struct State {
    /// Since when nothing can be written; no end of it was told.
    began: Option<Timestamp>,
    /// Whether the beginning was told. One that comes soon after an end waits for that.
    silent: bool,
    /// The code of why.
    reason: &'static str,
    told_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

impl State {
    /// What is to be told of a beginning.
    fn step(&mut self, stuck: Option<&storeward_store::Error>, now: Timestamp) -> Option<Line> {
        let why = stuck?;
        if self.began.is_none() {
            (self.began, self.silent, self.reason) = (Some(now), true, why.code());
        }
        if !self.silent || is_recent(self.told_at, now) {
            return None;
        }
        (self.silent, self.told_at) = (false, Some(now));
        Some(Line::Stuck { code: why.code(), why: why.what() })
    }

    /// An end is told once a minute: a disk on which little things find room and large ones none has no end each time.
    fn may_tell_an_end(&self, now: Timestamp) -> bool {
        !is_recent(self.ended_at, now)
    }

    fn lasted(&self, now: Timestamp) -> u64 {
        self.began.map_or(0, |began| now.since(began).as_secs())
    }

    /// The end is in the ledger.
    fn ended(&mut self, now: Timestamp) -> Line {
        let seconds = self.lasted(now);
        (self.began, self.silent, self.ended_at) = (None, false, Some(now));
        Line::Resumed { seconds }
    }
}

fn is_recent(told: Option<Timestamp>, now: Timestamp) -> bool {
    told.is_some_and(|at| now.since(at) < TELL_EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_store::Error;

    #[test]
    fn a_database_that_takes_some_writes_and_refuses_others_does_not_fill_the_log() {
        let full = Error::Unwritable("database or disk is full".to_owned());
        let mut state = State::default();
        let mut lines = Vec::new();
        for second in 0..190i64 {
            let now = Timestamp::from_seconds(1_795_541_880 + second);
            let stuck = Some(&full).filter(|_| second % 2 == 0 && second < 150);
            lines.extend(state.step(stuck, now));
            if stuck.is_none() && state.began.is_some() && state.may_tell_an_end(now) {
                lines.push(state.ended(now));
            }
        }
        let (stuck, resumed): (Vec<_>, Vec<_>) = lines.iter().partition(|l| matches!(l, Line::Stuck { .. }));
        assert_eq!((stuck.len(), resumed.len()), (3, 4), "one of each a minute, and the last end: {lines:?}");
        assert_eq!(lines[1], Line::Resumed { seconds: 1 });
        assert!(matches!(lines.last(), Some(Line::Resumed { .. })), "the real end was not told: {lines:?}");
        assert_eq!(state.began, None);
    }
}
