//! What staff decided, in the database: pages, approvals with their reasons, and how often something was checked.

use storeward_base::{PageSize, Timestamp};
use storeward_events::Event;
use storeward_store::{Error as StoreError, Reader, Row, Tx, ledger, params, statements};

use crate::approved;
use crate::model::{Act, Alert, Counted, Decision, Held, Hold, Kind, Scope, Script, ScriptId};
use crate::sql::{self, read};

/// Decisions of one script that are shown.
const MOST_SHOWN: u32 = 50;
/// Rows of a kind in one report. One more is read: it tells that there are more.
pub(crate) const MOST_REPORTED: u32 = 20_000;

statements! {
    HOLDS = "SELECT page, hold, set_at, set_by FROM checkout_page ORDER BY page LIMIT 200";
    HOLD = "INSERT INTO checkout_page (page, hold, set_at, set_by) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (page) DO UPDATE SET hold = excluded.hold, set_at = excluded.set_at, set_by = excluded.set_by";
    DECIDE = "INSERT INTO checkout_decision (event, at, decided_by, act, script, kind, address, page, scope, hash, owner, justification, until) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    DECISIONS_OF = "SELECT event, at, decided_by, act, script, kind, address, page, scope, hash, owner, justification, until \
        FROM checkout_decision WHERE script = $1 ORDER BY at DESC, event DESC LIMIT $2";
    FORGET_DECISIONS = "DELETE FROM checkout_decision WHERE at < $1";
    CHECKED = "INSERT INTO checkout_check (day, what, target, done, failed, last_at) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (day, what, target) DO UPDATE SET done = checkout_check.done + excluded.done, \
        failed = checkout_check.failed + excluded.failed, last_at = excluded.last_at";
    DECISIONS_WITHIN = "SELECT event, at, decided_by, act, script, kind, address, page, scope, hash, owner, justification, until \
        FROM checkout_decision WHERE at >= $1 AND at < $2 ORDER BY at, event LIMIT $3";
    ALERTS_WITHIN = "SELECT id, kind, script, source, what, at, last_at, seen, closed_at, closed_by FROM checkout_alert \
        WHERE at < $2 AND (last_at >= $1 OR closed_at IS NULL OR closed_at >= $1) ORDER BY at, id LIMIT $3";
    CHECKS_WITHIN = "SELECT day, what, target, done, failed, last_at FROM checkout_check WHERE day >= $1 AND day <= $2 \
        ORDER BY day, what, target LIMIT $3";
    COUNTS_WITHIN = "SELECT day, how, channel, host, path, seen FROM checkout_count WHERE day >= $1 AND day <= $2 \
        ORDER BY day, how, channel, host, path LIMIT $3";
    FORGET_CHECKS = "DELETE FROM checkout_check WHERE day < $1";
}

pub(crate) fn holds(reader: &mut Reader<'_>) -> Result<Vec<Held>, StoreError> {
    let table = reader.query_many(HOLDS, &[], |row| {
        Ok(Held {
            page: row.get(0)?,
            hold: read(Hold::of_word(&row.get::<String>(1)?), 1)?,
            at: row.get(2)?,
            by: row.get(3)?,
        })
    })?;
    approved::holds(reader, table)
}

pub(crate) fn hold(tx: &mut Tx<'_>, page: &str, hold: Hold, by: &str) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(HOLD, params![page, hold.word(), now, by]).map(drop)
}

/// Notes what was decided of a row that was approved before, or with what it is approved now.
pub(crate) fn decide(
    tx: &mut Tx<'_>,
    row: &Script,
    (event, act, by): (&str, Act, &str),
    approval: Option<&crate::model::Approval>,
) -> Result<(), StoreError> {
    let now = tx.now();
    let text = |pick: fn(&crate::model::Approval) -> &str| {
        approval.map_or(String::new(), |own| pick(own).to_owned())
    };
    let values = params![
        event,
        now,
        by,
        act.word(),
        row.id.as_str(),
        row.kind.word(),
        &row.address,
        &row.page,
        approval.map(|own| own.scope.word().to_owned()),
        approval.and_then(|own| own.hash.clone()),
        text(|own| &own.owner),
        text(|own| &own.justification),
        approval.filter(|_| act == Act::Approved).map(|own| own.until)
    ];
    tx.execute(DECIDE, values).map(drop)
}

pub(crate) fn decision(row: &Row<'_>) -> Result<Decision, StoreError> {
    let scope: Option<String> = row.get(8)?;
    Ok(Decision {
        event: row.get(0)?,
        at: row.get(1)?,
        by: row.get(2)?,
        act: read(Act::of_word(&row.get::<String>(3)?), 3)?,
        script: sql::id(row, 4)?,
        kind: read(Kind::of_word(&row.get::<String>(5)?), 5)?,
        address: row.get(6)?,
        page: row.get(7)?,
        scope: scope.map(|word| read(Scope::of_word(&word), 8)).transpose()?,
        hash: row.get(9)?,
        owner: row.get(10)?,
        justification: row.get(11)?,
        until: row.get(12)?,
    })
}

pub(crate) fn decisions_of(reader: &mut Reader<'_>, id: &ScriptId) -> Result<Vec<Decision>, StoreError> {
    reader.query_many(DECISIONS_OF, params![id.as_str(), MOST_SHOWN], decision)
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// A script's body was fetched.
    Fetch,
    /// A page went out, and its scripts and headers were compared.
    Page,
}

impl Check {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Check::Fetch => "fetch",
            Check::Page => "page",
        }
    }
}

pub(crate) fn checked(
    tx: &mut Tx<'_>,
    day: &str,
    (what, target): (Check, &str),
    (done, failed): (i64, i64),
) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(CHECKED, params![day, what.word(), target, done, failed, now]).map(drop)
}

/// How often something was checked on a day.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub day: String,
    pub what: String,
    pub target: String,
    pub done: u64,
    pub failed: u64,
    pub last_at: Timestamp,
}

pub(crate) fn decisions_within(
    reader: &mut Reader<'_>,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Decision>, StoreError> {
    reader.query_many(DECISIONS_WITHIN, params![from, until, MOST_REPORTED + 1], decision)
}

pub(crate) fn alerts_within(
    reader: &mut Reader<'_>,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Alert>, StoreError> {
    reader.query_many(ALERTS_WITHIN, params![from, until, MOST_REPORTED + 1], sql::read_alert)
}

pub(crate) fn checks_within(
    reader: &mut Reader<'_>,
    from: &str,
    until: &str,
) -> Result<Vec<Checked>, StoreError> {
    reader.query_many(CHECKS_WITHIN, params![from, until, MOST_REPORTED + 1], |row| {
        Ok(Checked {
            day: row.get(0)?,
            what: row.get(1)?,
            target: row.get(2)?,
            done: row.get(3)?,
            failed: row.get(4)?,
            last_at: row.get(5)?,
        })
    })
}

pub(crate) fn counts_within(
    reader: &mut Reader<'_>,
    from: &str,
    until: &str,
) -> Result<Vec<Counted>, StoreError> {
    reader.query_many(COUNTS_WITHIN, params![from, until, MOST_REPORTED + 1], |row| {
        Ok(Counted {
            day: row.get(0)?,
            how: row.get(1)?,
            channel: row.get(2)?,
            host: row.get(3)?,
            path: row.get(4)?,
            count: row.get(5)?,
        })
    })
}

/// The event that holds a report's digest. Reports are few.
pub(crate) fn evidence_event(reader: &mut Reader<'_>, sha256: &str) -> Result<Option<String>, StoreError> {
    let mut filter = ledger::Filter {
        kind_prefix: Some("checkout.evidence_reported".to_owned()),
        ..ledger::Filter::default()
    };
    loop {
        let page = ledger::believed(reader, &filter, PageSize::new(PageSize::MAX))?;
        let found = page.rows.into_iter().find(
            |(_, record)| matches!(&record.event, Event::EvidenceReported(fact) if fact.sha256 == sha256),
        );
        if let Some((_, record)) = found {
            return Ok(Some(record.id.to_string()));
        }
        match page.next {
            Some(next) => filter.before = Some(next),
            None => return Ok(None),
        }
    }
}

pub(crate) fn forget(tx: &mut Tx<'_>, before: Timestamp, day: &str) -> Result<(), StoreError> {
    tx.execute(FORGET_DECISIONS, params![before])?;
    tx.execute(FORGET_CHECKS, params![day]).map(drop)
}
