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

/// Watches until the stop.
pub async fn watch(db: Db, clock: Arc<dyn Clock>, stop: Stop, tell: impl Fn(&Line) + Send) {
    let mut changes = db.stuck_watch();
    let mut state = State::default();
    loop {
        tokio::select! {
            () = stop.stopping() => return,
            // An error means that the database was closed.
            changed = changes.changed() => if changed.is_err() { return },
            () = look(&db, state.began.is_some()) => {}
        }
        let Some(line) = state.step(db.stuck().as_ref(), clock.now()) else { continue };
        tell(&line);
        if let Line::Resumed { seconds } = line {
            let fact = WritesResumed { reason: state.reason.to_owned(), seconds };
            let wrote = db.write(move |tx| tx.append(Actor::System, None, fact.clone()).map(drop)).await;
            if let Err(why) = wrote {
                log("error", &why.to_string(), &[("kind", "system.writes_resumed")]);
            }
        }
    }
}

/// Waits, then tries to write. What comes of it is what [`Db::stuck`] says.
async fn look(db: &Db, stuck: bool) {
    let before = *db.ledger_watch().borrow();
    tokio::time::sleep(if stuck { TRY_AGAIN } else { TRY_IDLE }).await;
    if stuck || *db.ledger_watch().borrow() == before {
        drop(db.try_writing().await);
    }
}

/// What was told.
#[derive(Debug, Default)]
struct State {
    /// Since when nothing can be written, where that was told.
    began: Option<Timestamp>,
    /// The code of why.
    reason: &'static str,
    told_at: Option<Timestamp>,
}

impl State {
    /// What is to be told of how things stand now.
    fn step(&mut self, stuck: Option<&storeward_store::Error>, now: Timestamp) -> Option<Line> {
        match (stuck, self.began) {
            (Some(why), None) => {
                if self.told_at.is_some_and(|at| now.since(at) < TELL_EVERY) {
                    return None;
                }
                (self.began, self.told_at, self.reason) = (Some(now), Some(now), why.code());
                Some(Line::Stuck { code: why.code(), why: why.what() })
            }
            (None, Some(began)) => {
                self.began = None;
                Some(Line::Resumed { seconds: now.since(began).as_secs() })
            }
            (Some(_), Some(_)) | (None, None) => None,
        }
    }
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
        for second in 0..180i64 {
            let stuck = Some(&full).filter(|_| second % 2 == 0);
            lines.extend(state.step(stuck, Timestamp::from_seconds(1_795_541_880 + second)));
        }
        let (stuck, resumed): (Vec<_>, Vec<_>) = lines.iter().partition(|l| matches!(l, Line::Stuck { .. }));
        assert_eq!((stuck.len(), resumed.len()), (3, 3), "one of each a minute: {lines:?}");
        assert_eq!(lines[1], Line::Resumed { seconds: 1 });
    }
}
