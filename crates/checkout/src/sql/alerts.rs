//! What waits for staff.

use std::time::Duration;

use storeward_store::{Error as StoreError, Reader, Row, Tx, params, statements};

use super::{count, has_approvals, read};
use crate::keep::Room;
use crate::model::{Alert, ScriptId, Source};

/// Alerts that wait for staff, of each room.
const MOST_ALERTS: u64 = 1_000;
/// What was only heard makes no room for others so long.
const HEARD_STAYS: Duration = Duration::from_secs(24 * 3600);
/// Of the changes of one script.
const MOST_CHANGES: u64 = 20;

statements! {
    FIND_ALERT = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_alert WHERE id = $1";
    COUNT_OWN_ALERTS = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_alert WHERE closed_at IS NULL AND source IN ('page', 'fetch') AND room = $1";
    COUNT_CHANGES = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_alert WHERE closed_at IS NULL AND source IN ('page', 'fetch') \
        AND kind = 'script_changed' AND script = $1";
    COUNT_HEARD_ALERTS = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_alert WHERE closed_at IS NULL AND source NOT IN ('page', 'fetch') AND kind = $1";
    INSERT_ALERT = "INSERT INTO checkout_alert (id, kind, script, source, what, seen, is_armed, at, last_at, closed_at, closed_by, room) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, NULL, NULL, $9)";
    ALERT_AGAIN = "UPDATE checkout_alert SET seen = seen + $2, last_at = $3 WHERE id = $1";
    ALERT_ANEW = "UPDATE checkout_alert SET source = $2, seen = seen + $3, is_armed = $4, last_at = $5, closed_at = NULL, closed_by = NULL, room = $6 \
        WHERE id = $1 AND (closed_at IS NOT NULL OR source NOT IN ('page', 'fetch'))";
    ALERT_OURS = "UPDATE checkout_alert SET source = $2, seen = seen + $3, is_armed = $4, last_at = $5, closed_at = NULL, closed_by = NULL, room = $6 \
        WHERE id = $1 AND source NOT IN ('page', 'fetch')";
    MAKE_HEARD_ROOM = "UPDATE checkout_alert SET closed_at = $1, closed_by = 'storeward' WHERE id = (SELECT id FROM checkout_alert \
        WHERE closed_at IS NULL AND source NOT IN ('page', 'fetch') AND at < $2 AND kind = $3 ORDER BY seen, at, id LIMIT 1)";
    COUNT_SAID_CHANGES = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_alert WHERE closed_at IS NULL AND source NOT IN ('page', 'fetch') \
        AND kind = 'script_changed' AND script = $1";
    CHANGE_AGAIN = "UPDATE checkout_alert SET seen = seen + 1, last_at = $2 WHERE id = (SELECT id FROM checkout_alert \
        WHERE closed_at IS NULL AND source NOT IN ('page', 'fetch') AND kind = 'script_changed' AND script = $1 ORDER BY at, id LIMIT 1)";
    COUNT_PUT_OUT = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_alert WHERE id = $1 AND closed_by = 'storeward'";
    ALERT_BACK = "UPDATE checkout_alert SET at = $2, closed_at = NULL, closed_by = NULL WHERE id = $1";
    ARM = "UPDATE checkout_alert SET is_armed = 1, room = $2 WHERE id = $1 AND room = 'asked' AND closed_at IS NULL";
    ALERTS = "SELECT id, kind, script, source, what, at, last_at, seen, closed_at, closed_by FROM (SELECT * FROM (SELECT checkout_alert.*, \
        CASE WHEN closed_at IS NULL THEN 0 ELSE 1 END AS is_closed, \
        ROW_NUMBER() OVER (PARTITION BY CASE WHEN closed_at IS NULL THEN 0 ELSE 1 END, kind ORDER BY last_at DESC, id) AS place \
        FROM checkout_alert) AS placed ORDER BY is_closed, place, id LIMIT $1) AS chosen ORDER BY is_closed, last_at DESC, id";
    ALERT_OF = "SELECT id, kind, script, source, what, at, last_at, seen, closed_at, closed_by FROM checkout_alert WHERE id = $1";
    OPEN_ALERTS = "SELECT kind, CAST(COUNT(*) AS BIGINT) FROM checkout_alert WHERE closed_at IS NULL GROUP BY kind ORDER BY kind";
    TRIGGERS = "SELECT CAST(COUNT(*) AS BIGINT) FROM checkout_alert WHERE closed_at IS NULL AND is_armed = 1 AND source IN ('page', 'fetch') \
        AND kind IN ('script_new', 'script_changed', 'unread')";
    CLOSE_ALERT = "UPDATE checkout_alert SET closed_at = $2, closed_by = $3 WHERE id = $1 AND closed_at IS NULL";
    CLOSE_ALERTS_OF = "UPDATE checkout_alert SET closed_at = $2, closed_by = $3 WHERE script = $1 AND closed_at IS NULL";
}

/// An alert, by what it is about.
pub(crate) struct NewAlert<'a> {
    pub id: &'a str,
    pub kind: &'a str,
    pub script: Option<&'a ScriptId>,
    pub source: Source,
    pub what: &'a str,
    pub seen: i64,
    pub happens: Happens,
    /// Whether it may take pages to their last good state.
    pub may_arm: bool,
    pub room: Room,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happens {
    /// It is so, as it may have been before: one that staff have closed stays closed.
    Still,
    /// It became so now: they are told again, where Storeward saw it itself.
    Now,
    /// It is so still on a later day than the one on which they closed it: they are told again, whoever says so.
    Again,
}

/// Whether it is news: never told, told by others only and now seen by Storeward itself, or happening again. One for which there is no
/// room is none; what is only heard has rooms of its own, one for each kind.
pub(crate) fn alert(tx: &mut Tx<'_>, alert: &NewAlert<'_>) -> Result<bool, StoreError> {
    let now = tx.now();
    let has_approvals = has_approvals(tx)?;
    let is_armed = has_approvals && alert.may_arm;
    // What waits there is armed once it may be; what was part of the first look never is.
    let room = if has_approvals && !alert.may_arm { Room::Asked } else { alert.room };
    if count(tx, FIND_ALERT, params![alert.id])? > 0 {
        if alert.source.is_own() {
            let renewed = match alert.happens {
                Happens::Now | Happens::Again => ALERT_ANEW,
                Happens::Still => ALERT_OURS,
            };
            let values = params![alert.id, alert.source.word(), alert.seen, is_armed, now, room.word()];
            if tx.execute(renewed, values)? == 1 {
                return Ok(true);
            }
        }
        if alert.may_arm {
            arm(tx, alert.id, alert.room)?;
        }
        tx.execute(ALERT_AGAIN, params![alert.id, alert.seen, now])?;
        // Nobody looked at one that only made room.
        let comes_back = alert.happens == Happens::Again || count(tx, COUNT_PUT_OUT, params![alert.id])? > 0;
        let is_back = comes_back && has_room(tx, alert, room)?;
        return Ok(is_back && tx.execute(ALERT_BACK, params![alert.id, now])? == 1);
    }
    if !has_room(tx, alert, room)? {
        return Ok(false);
    }
    let script = alert.script.map(|id| id.as_str().to_owned());
    let values = params![
        alert.id,
        alert.kind,
        script,
        alert.source.word(),
        alert.what,
        alert.seen,
        is_armed,
        now,
        room.word()
    ];
    tx.execute(INSERT_ALERT, values)?;
    Ok(true)
}

/// What was only heard a day ago makes room for what is heard now: first what was heard least often, as a flood of made-up words is, and
/// what many browsers met is not.
fn has_room(tx: &mut Tx<'_>, alert: &NewAlert<'_>, room: Room) -> Result<bool, StoreError> {
    let now = tx.now();
    Ok(match (alert.source.is_own(), room) {
        // That too much was said is told whatever was said: once an hour.
        (false, Room::Full) => true,
        (false, _) => {
            count(tx, COUNT_HEARD_ALERTS, params![alert.kind])? < MOST_ALERTS
                || tx.execute(MAKE_HEARD_ROOM, params![now, now.minus(HEARD_STAYS), alert.kind])? == 1
        }
        // As many as there are approved scripts at most, times this.
        (true, Room::Changed) => {
            let script = alert.script.map(|id| id.as_str().to_owned());
            count(tx, COUNT_CHANGES, params![script])? < MOST_CHANGES
        }
        (true, room) => count(tx, COUNT_OWN_ALERTS, params![room.word()])? < MOST_ALERTS,
    })
}

/// Whether an alert waits that a script is said to be another than was approved; if so, this is the same again: anybody can say so with
/// as many hashes as they like. A hash that clients of several networks said has an alert of its own, so that none that is made up
/// silences it.
pub(crate) fn is_said_changed(
    tx: &mut Tx<'_>,
    script: &ScriptId,
    is_of_several: bool,
) -> Result<bool, StoreError> {
    let now = tx.now();
    let most = if is_of_several { MOST_CHANGES } else { 1 };
    let waits = count(tx, COUNT_SAID_CHANGES, params![script.as_str()])? >= most;
    Ok(waits && tx.execute(CHANGE_AGAIN, params![script.as_str(), now])? == 1)
}

/// What one client alone may have brought about stood in the page without it.
pub(crate) fn arm(tx: &mut Tx<'_>, id: &str, room: Room) -> Result<(), StoreError> {
    tx.execute(ARM, params![id, room.word()]).map(drop)
}

pub(crate) fn read_alert(row: &Row<'_>) -> Result<Alert, StoreError> {
    let script: Option<String> = row.get(2)?;
    Ok(Alert {
        id: row.get(0)?,
        kind: row.get(1)?,
        script: script.and_then(|id| id.parse().ok()),
        source: read(Source::of_word(&row.get::<String>(3)?), 3)?,
        what: row.get(4)?,
        at: row.get(5)?,
        last_at: row.get(6)?,
        count: row.get(7)?,
        closed_at: row.get(8)?,
        closed_by: row.get(9)?,
    })
}

/// Those that are open, and then the others, the newest first. Where there are more, as many of each kind, so that none hides another.
pub(crate) fn alerts(reader: &mut Reader<'_>, most: u32) -> Result<Vec<Alert>, StoreError> {
    reader.query_many(ALERTS, params![most], read_alert)
}

pub(crate) fn alert_of(reader: &mut Reader<'_>, id: &str) -> Result<Option<Alert>, StoreError> {
    reader.query_optional(ALERT_OF, params![id], read_alert)
}

/// How many alerts of each kind wait for staff.
pub(crate) fn open_alerts(reader: &mut Reader<'_>) -> Result<Vec<(String, u64)>, StoreError> {
    reader.query_many(OPEN_ALERTS, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Whether something that Storeward saw itself waits for staff, found after the first look.
pub(crate) fn is_triggered(reader: &mut Reader<'_>) -> Result<bool, StoreError> {
    Ok(count(reader, TRIGGERS, &[])? > 0)
}

pub(crate) fn close_alert(tx: &mut Tx<'_>, id: &str, by: &str) -> Result<bool, StoreError> {
    let now = tx.now();
    Ok(tx.execute(CLOSE_ALERT, params![id, now, by])? == 1)
}

pub(crate) fn close_alerts_of(tx: &mut Tx<'_>, script: &ScriptId, by: &str) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(CLOSE_ALERTS_OF, params![script.as_str(), now, by]).map(drop)
}
