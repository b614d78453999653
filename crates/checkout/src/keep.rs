//! What was seen becomes rows, alerts and events; and what has to be done beside serving.

use std::collections::HashMap;
use std::time::Duration;

use storeward_base::{Actor, Timestamp};
use storeward_events::{Event, checkout as facts};
use storeward_host::Stop;
use storeward_seal::fingerprint::sha256_hex;
use storeward_store::jobs::{Failed, Handler};
use storeward_store::{Error as StoreError, Reader, Tx};

use crate::error::Error;
use crate::guard::Checkout;
use crate::intake::{Seen, Waiting};
use crate::model::{Kind, Scope, Script, ScriptId, Source};
use crate::report::PRECONNECT;
use crate::sql::{self, Counting, Happens, NewAlert, NewRow};
use crate::staff::{self, Check};

mod rooms;
mod unread;

pub(crate) use rooms::Room;
pub(crate) use unread::UNREAD;

/// What is new is written after this; what is known waits longer.
const SOON: Duration = Duration::from_secs(2);
const ROUND: Duration = Duration::from_secs(15);
/// The shop's own files that were looked at are fetched this often. With `ROUND` before it: told within a minute also by a busy machine.
const OWN_ROUND: Duration = Duration::from_secs(15);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Kinds of things that are counted on one day, and those of them that become events.
const MOST_COUNTED: u64 = 1_000;
const MOST_TOLD: usize = 20;
/// What nobody approved is forgotten when it was not seen for so long; closed alerts as long as events are kept.
const SCRIPTS_KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);
/// Before the end of an approval, so that there is time to look at what it is for.
const ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 3_600);
const ALERTS_KEPT: Duration = Duration::from_secs(396 * 24 * 3_600);

impl Checkout {
    /// Writes what comes until the stop.
    pub async fn keep(&self, stop: Stop) {
        loop {
            let stopped = tokio::select! {
                () = stop.stopping() => true,
                () = tokio::time::sleep(ROUND) => false,
                () = async {
                    self.0.intake.wake.notified().await;
                    tokio::time::sleep(SOON).await;
                } => false,
            };
            // What could not be written is seen again with the next page; the store tells of itself.
            let _ = self.settle().await;
            if stopped {
                return;
            }
        }
    }

    /// Writes what waits, and takes up what was approved or ended meanwhile.
    pub async fn settle(&self) -> Result<(), Error> {
        let waiting = self.0.intake.take();
        if !waiting.is_empty() {
            self.0.db.write(move |tx| Ok::<_, Error>(write(tx, &waiting)?)).await?;
        }
        self.refresh().await
    }

    /// Tells of approvals that end within two weeks, and of those that are over: each once. How many it told.
    pub async fn tell_endings(&self) -> Result<u32, Error> {
        let now = self.0.clock.now();
        let read = move |reader: &mut Reader<'_>| {
            let mut untold = Vec::new();
            for row in
                sql::ending(reader, (now.plus(ENDS_SOON), now.minus(SCRIPTS_KEPT)), sql::MOST_ROWS, now)?
            {
                let Some(ending) = Ending::of(row, now) else { continue };
                if sql::alert_of(reader, &alert_id(ending.kind(), &ending.about()))?.is_none() {
                    untold.push(ending);
                }
            }
            Ok::<_, Error>(untold)
        };
        let untold = self.0.db.read(read).await?;
        let count = u32::try_from(untold.len()).unwrap_or(u32::MAX);
        if count > 0 {
            self.0.db.write(move |tx| Ok::<_, Error>(write_endings(tx, &untold)?)).await?;
            self.refresh().await?;
        }
        Ok(count)
    }

    /// The jobs.
    pub fn handlers(&self) -> Vec<Handler> {
        let [own, fetches, forgets] = std::array::from_fn(|_| self.clone());
        vec![
            // Beside the other one: it waits for no server of others'.
            Handler::new("checkout.fetch_own", move |job| {
                let checkout = own.clone();
                async move {
                    checkout.fetch_own().await?;
                    let claim = job.claim();
                    let done = checkout.0.db.write(move |tx| {
                        tx.commit_silent("a round of fetching; what changed is told by other facts");
                        claim.finish(tx)
                    });
                    Ok::<(), Failed>(done.await?)
                }
            })
            .every(OWN_ROUND)
            .time_limit(5 * MINUTE),
            Handler::new("checkout.fetch", move |job| {
                let checkout = fetches.clone();
                async move {
                    checkout.tell_endings().await?;
                    checkout.fetch_due().await?;
                    let claim = job.claim();
                    let done = checkout.0.db.write(move |tx| {
                        tx.commit_silent("a round of fetching; what changed is told by other facts");
                        claim.finish(tx)
                    });
                    Ok::<(), Failed>(done.await?)
                }
            })
            .every(MINUTE / 2)
            .time_limit(20 * MINUTE),
            Handler::new("checkout.forget", move |job| {
                let checkout = forgets.clone();
                async move {
                    let claim = job.claim();
                    let done = checkout.0.db.write(move |tx| {
                        tx.commit_silent("what was kept long enough");
                        let now = tx.now();
                        let day = day_of(now.minus(SCRIPTS_KEPT));
                        sql::forget(tx, (now.minus(SCRIPTS_KEPT), now.minus(ALERTS_KEPT)), &day)?;
                        staff::forget(tx, now.minus(ALERTS_KEPT), &day_of(now.minus(ALERTS_KEPT)))?;
                        claim.finish(tx)
                    });
                    Ok::<(), Failed>(done.await?)
                }
            })
            .every(DAY),
        ]
    }
}

/// An approval that ends soon, or is over.
#[derive(Clone, Debug)]
struct Ending {
    row: Script,
    until: Timestamp,
    is_over: bool,
}

impl Ending {
    fn of(row: Script, now: Timestamp) -> Option<Ending> {
        let until = row.approval.as_ref()?.until;
        Some(Ending { row, until, is_over: until <= now })
    }

    fn kind(&self) -> &'static str {
        if self.is_over { "approval_over" } else { "approval_ends" }
    }

    /// Another approval ends another time.
    fn about(&self) -> String {
        format!("{}\n{}", self.row.id, self.until.seconds())
    }

    fn words(&self) -> String {
        let named = match self.row.kind {
            Kind::Inline | Kind::Handler => format!("code in {}", self.row.page),
            _ => self.row.address.clone(),
        };
        match self.is_over {
            true => format!("the approval of {named} is over since {}", self.until),
            false => format!("the approval of {named} ends {}", self.until),
        }
    }
}

fn write_endings(tx: &mut Tx<'_>, untold: &[Ending]) -> Result<(), StoreError> {
    let mut telling = Telling { tx, told: 0, words: HashMap::new() };
    for one in untold {
        let about = (one.about(), one.words());
        if telling.alert(one.kind(), (Some(&one.row.id), Source::Page), &about.0, (&about.1, 1))? {
            telling.tell(facts::ApprovalEnds {
                script: one.row.id.to_string(),
                address: one.row.address.clone(),
                until: one.until,
                state: if one.is_over { "over" } else { "soon" }.to_owned(),
            })?;
        }
    }
    if telling.told == 0 {
        telling.tx.commit_silent("another node told it, or there is no room for another alert");
    }
    Ok(())
}

/// An alert about something has one id however often it is told.
fn alert_id(kind: &str, about: &str) -> String {
    sha256_hex(format!("{kind}\n{about}").as_bytes()).chars().take(32).collect()
}

pub(crate) fn day_of(at: Timestamp) -> String {
    at.rfc3339().chars().take(10).collect()
}

/// A write under way: what it tells.
struct Telling<'t, 'a> {
    tx: &'t mut Tx<'a>,
    told: usize,
    /// What was counted and told, by its kind.
    words: HashMap<&'static str, usize>,
}

impl Telling<'_, '_> {
    fn tell(&mut self, fact: impl Into<Event>) -> Result<(), StoreError> {
        self.told += 1;
        self.tx.append(Actor::System, None, fact).map(drop)
    }

    /// An alert about something; whether it is new.
    fn alert(
        &mut self,
        kind: &str,
        (script, source): (Option<&ScriptId>, Source),
        about: &str,
        (what, seen): (&str, i64),
    ) -> Result<bool, StoreError> {
        self.alert_of((Happens::Still, true), kind, (script, source), about, (what, seen))
    }

    /// The same of what became so now, or may take no page to its last good state.
    fn alert_of(
        &mut self,
        (happens, may_arm): (Happens, bool),
        kind: &str,
        (script, source): (Option<&ScriptId>, Source),
        about: &str,
        (what, seen): (&str, i64),
    ) -> Result<bool, StoreError> {
        let room = match kind {
            "script_changed" => Room::Changed,
            // A new script's own alert has the room of what it is.
            "script_new" | "reports_flooded" | UNREAD => Room::Full,
            _ => Room::Rest,
        };
        let id = alert_id(kind, about);
        let alert = NewAlert { id: &id, kind, script, source, what, seen, happens, may_arm, room };
        sql::alert(self.tx, &alert)
    }
}

pub(crate) fn write(tx: &mut Tx<'_>, waiting: &Waiting) -> Result<(), StoreError> {
    let mut telling = Telling { tx, told: 0, words: HashMap::new() };
    // The same order each time, so that two writers never wait for each other.
    let mut scripts: Vec<(&ScriptId, &Seen)> = waiting.files.iter().chain(&waiting.code).collect();
    scripts.sort_unstable_by_key(|(id, _)| *id);
    let mut heard: Vec<(&ScriptId, &Seen)> =
        waiting.heard.iter().chain(&waiting.renewed).chain(&waiting.put_in).collect();
    heard.sort_unstable_by_key(|(id, _)| *id);
    let mut left_out = waiting.dropped;
    for (id, seen) in scripts.into_iter().chain(heard.iter().copied()) {
        if !telling.script(id, seen)? && seen.source.is_own() {
            telling.no_room(id, seen)?;
        }
    }
    // A row of long ago may have made room for what was reported beside it just now.
    for (id, seen) in &heard {
        let now = telling.tx.now();
        if sql::find(telling.tx, id, now)?.is_none() {
            telling.script(id, seen)?;
        }
    }
    // And what came back so may have taken the room of another one: whatever has no row in the end was left out.
    for (id, _) in heard {
        let now = telling.tx.now();
        left_out += u64::from(sql::find(telling.tx, id, now)?.is_none());
    }
    for ((id, hash), is_of_several) in &waiting.hashes {
        telling.reported_hash(id, hash, *is_of_several)?;
    }
    for (what, seen) in &waiting.counts {
        left_out += u64::from(!telling.counted(what, *seen)?);
    }
    for (page, went) in &waiting.headers {
        telling.headers(page, &went.found)?;
        let day = day_of(telling.tx.now());
        staff::checked(telling.tx, &day, (Check::Page, page), (went.served, 0))?;
    }
    for ((page, reason), seen) in &waiting.unguarded {
        telling.unguarded(page, reason, *seen)?;
    }
    if left_out > 0 {
        telling.flooded(left_out)?;
    }
    if telling.told == 0 {
        telling.tx.commit_silent("what is known was seen again");
    }
    Ok(())
}

impl Telling<'_, '_> {
    /// False where there was no room for another row.
    fn script(&mut self, id: &ScriptId, seen: &Seen) -> Result<bool, StoreError> {
        let now = self.tx.now();
        if let Some(row) = sql::find(self.tx, id, now)? {
            sql::touch(self.tx, id, (seen.count, seen.source), seen.initiator.as_deref())?;
            if seen.source.is_own() && !row.source.is_own() {
                sql::seen_by_us(self.tx, id, &seen.page)?;
                if row.approval.is_none() {
                    let room = self.room(seen)?.unwrap_or(Room::File);
                    self.tell_new(id, seen, room)?;
                }
            }
            if seen.may_arm && seen.source.is_own() && row.approval.is_none() {
                sql::arm(self.tx, &alert_id("script_new", id.as_str()), Room::of(seen.kind))?;
            }
            if let Some(hash) = &seen.hash {
                self.hash(&row, hash, seen.source, seen.bytes)?;
            }
            self.begins(&row, seen)?;
            if row.is_put_in() && seen.begins.is_empty() {
                self.tell_again(id, seen)?;
            }
            return Ok(true);
        }
        if let Some(mark) = self.changing(seen)? {
            return self.another(&mark, seen);
        }
        let Some(room) = self.room(seen)? else { return Ok(false) };
        let row = NewRow {
            id,
            kind: seen.kind,
            address: &seen.address,
            sample: &seen.sample,
            hash: seen.hash.as_deref(),
            page: &seen.page,
            initiator: seen.initiator.as_deref(),
            source: seen.source,
            seen: seen.count,
            place: seen.place.as_ref().map(|place| place.mark.as_str()),
            is_changing: false,
            begins: Some(seen.begins.as_str()).filter(|begins| !begins.is_empty()),
        };
        sql::insert(self.tx, &row)?;
        if let Some(hash) = &seen.hash {
            sql::add_version(self.tx, id, hash, seen.source, seen.bytes)?;
        }
        self.tell_new(id, seen, room)?;
        Ok(true)
    }

    fn begins(&mut self, row: &Script, seen: &Seen) -> Result<(), StoreError> {
        let is_so = seen.begins.is_empty() || row.begins.as_ref() == Some(&seen.begins);
        if is_so { Ok(()) } else { sql::set_begins(self.tx, &row.id, &seen.begins) }
    }

    /// Also of what was hearsay until it stood in a page.
    fn tell_new(&mut self, id: &ScriptId, seen: &Seen, room: Room) -> Result<(), StoreError> {
        self.alert_new(id, seen, (Happens::Still, room))?;
        self.tell_script_new(id, seen)
    }

    /// One row stands for code that is not told apart: whoever fills it first must not silence what comes later.
    fn tell_again(&mut self, id: &ScriptId, seen: &Seen) -> Result<(), StoreError> {
        let happens = self.happens(&alert_id("script_new", id.as_str()))?;
        if happens == Happens::Again && self.alert_new(id, seen, (happens, Room::Rest))? {
            self.tell_script_new(id, seen)?;
        }
        Ok(())
    }

    fn alert_new(
        &mut self,
        id: &ScriptId,
        seen: &Seen,
        (happens, room): (Happens, Room),
    ) -> Result<bool, StoreError> {
        let what = format!("{} on {}: {}", seen.kind.word(), seen.page, seen.address);
        let alert = NewAlert {
            id: &alert_id("script_new", id.as_str()),
            kind: "script_new",
            script: Some(id),
            source: seen.source,
            what: &what,
            seen: seen.count,
            happens,
            may_arm: seen.may_arm,
            room,
        };
        sql::alert(self.tx, &alert)
    }

    /// Of what is told anew on the next day where somebody closed its alert and it is so still: by then another one may make use of it.
    fn happens(&mut self, alert: &str) -> Result<Happens, StoreError> {
        let today = day_of(self.tx.now());
        let closed = sql::alert_of(self.tx, alert)?.and_then(|alert| alert.closed_at);
        Ok(match closed {
            Some(at) if day_of(at) != today => Happens::Again,
            _ => Happens::Still,
        })
    }

    fn tell_script_new(&mut self, id: &ScriptId, seen: &Seen) -> Result<(), StoreError> {
        self.tell(facts::ScriptNew {
            script: id.to_string(),
            what: seen.kind.word().to_owned(),
            address: seen.address.clone(),
            page: seen.page.clone(),
            source: seen.source.word().to_owned(),
        })
    }

    /// A hash that Storeward found itself.
    fn hash(
        &mut self,
        row: &Script,
        hash: &str,
        source: Source,
        bytes: Option<u64>,
    ) -> Result<(), StoreError> {
        let is_shaped = row.approval.as_ref().is_some_and(|approval| approval.scope == Scope::Shape);
        if row.hash.as_deref() == Some(hash) || is_shaped {
            return Ok(());
        }
        sql::new_hash(self.tx, &row.id, hash)?;
        sql::add_version(self.tx, &row.id, hash, source, bytes)?;
        self.changed(row, hash, source)
    }

    /// Where a very hash was approved, another one is told, once.
    fn changed(&mut self, row: &Script, hash: &str, source: Source) -> Result<(), StoreError> {
        let Some(approval) = row.approval.as_ref().filter(|approval| approval.scope == Scope::Exact) else {
            return Ok(());
        };
        let Some(approved) = approval.hash.as_ref().filter(|approved| *approved != hash) else {
            return Ok(());
        };
        let what = format!("{} is not what was approved", row.address);
        let about = format!("{}\n{hash}", row.id);
        // `hash` comes here when it changed, and not when it is so still.
        if self.alert_of(
            (Happens::Now, true),
            "script_changed",
            (Some(&row.id), source),
            &about,
            (&what, 1),
        )? {
            self.tell(facts::ScriptChanged {
                script: row.id.to_string(),
                address: row.address.clone(),
                approved: approved.clone(),
                found: hash.to_owned(),
                source: source.word().to_owned(),
            })?;
        }
        Ok(())
    }

    /// A browser got something else than we did: that is told, and looked at; it takes nothing away.
    fn reported_hash(&mut self, id: &ScriptId, hash: &str, is_of_several: bool) -> Result<(), StoreError> {
        let now = self.tx.now();
        let Some(row) = sql::find(self.tx, id, now)? else { return Ok(()) };
        if row.hash.as_deref() == Some(hash) {
            return Ok(());
        }
        sql::add_version(self.tx, id, hash, Source::Report, None)?;
        if row.approval.is_some() {
            sql::fetch_soon(self.tx, id, now.minus(MINUTE))?;
        }
        if sql::is_said_changed(self.tx, id, is_of_several)? {
            return Ok(());
        }
        self.changed(&row, hash, Source::Report)
    }

    /// False where the day has no room for another kind.
    fn counted(&mut self, what: &Counting, seen: i64) -> Result<bool, StoreError> {
        let day = day_of(self.tx.now());
        let Some(is_first) = sql::add_count(self.tx, &day, what, seen, MOST_COUNTED)? else {
            return Ok(false);
        };
        let about = format!("{}\n{}\n{}\n{}", what.how, what.channel, what.host, what.path);
        let words = format!("{} {} {}{}", what.channel, what.how, what.host, what.path);
        let kind = match what.how {
            // What nothing holds back is told, so that somebody looks at what asked for it.
            "seen" if what.channel == PRECONNECT => PRECONNECT,
            "blocked" if is_first => "blocked",
            "tampered" => "tampered",
            _ => return Ok(true),
        };
        // What is told at once of other kinds takes none of its room.
        if self.words.get(kind).is_some_and(|told| *told >= MOST_TOLD) {
            return Ok(true);
        }
        let is_new = self.alert(kind, (None, Source::Guard), &about, (&words, seen))?;
        if is_new || is_first && kind != "tampered" {
            *self.words.entry(kind).or_default() += 1;
            self.tell_word(kind, what)?;
        }
        Ok(true)
    }

    fn tell_word(&mut self, kind: &str, what: &Counting) -> Result<(), StoreError> {
        let (channel, host) = (what.channel.clone(), what.host.clone());
        if kind == "tampered" {
            return self.tell(facts::GuardTampered { channel, host });
        }
        self.tell(facts::Blocked { how: what.how.to_owned(), channel, host, path: what.path.clone() })
    }

    fn headers(&mut self, page: &str, found: &[(&'static str, Option<String>)]) -> Result<(), StoreError> {
        let known = sql::headers_of(self.tx, page)?;
        let has_baseline = known.iter().any(|line| line.approved_at.is_some());
        for (name, value) in found {
            let line = known.iter().find(|line| line.name == *name);
            let has_changed = line.is_none_or(|line| line.value != *value);
            if has_changed {
                sql::put_header(self.tx, page, name, value.as_deref())?;
            }
            let happens = if has_changed { Happens::Now } else { Happens::Still };
            let approved = line.and_then(|line| line.approved.clone());
            if !has_baseline || approved == *value {
                continue;
            }
            let how = match (&approved, value) {
                (None, _) => "added",
                (Some(_), None) => "removed",
                (Some(_), Some(_)) => "changed",
            };
            let about = format!("{page}\n{name}\n{}", value.as_deref().unwrap_or("-"));
            let what = format!("{name} of {page} was {how}");
            if self.alert_of((happens, true), "header_changed", (None, Source::Page), &about, (&what, 1))? {
                self.tell(facts::HeaderChanged {
                    page: page.to_owned(),
                    header: (*name).to_owned(),
                    how: how.to_owned(),
                })?;
            }
        }
        Ok(())
    }

    /// Told once an hour.
    fn flooded(&mut self, dropped: u64) -> Result<(), StoreError> {
        let hour: String = self.tx.now().rfc3339().chars().take(13).collect();
        let seen = i64::try_from(dropped).unwrap_or(i64::MAX);
        let what = "more was reported of paying pages, or came at once, than can be looked at";
        if self.alert("reports_flooded", (None, Source::Report), &hour, (what, seen))? {
            self.tell(facts::ReportsFlooded { dropped })?;
        }
        Ok(())
    }
}

/// What came of fetching a script.
pub(crate) struct Fetched {
    pub id: ScriptId,
    pub outcome: Result<Body, String>,
}

/// A body that was fetched.
pub(crate) struct Body {
    pub hash: String,
    pub bytes: u64,
    pub is_shared: bool,
}

pub(crate) fn write_fetched(tx: &mut Tx<'_>, all: &[Fetched]) -> Result<(), StoreError> {
    let mut telling = Telling { tx, told: 0, words: HashMap::new() };
    for one in all {
        let now = telling.tx.now();
        let Some(row) = sql::find(telling.tx, &one.id, now)? else { continue };
        let counted = if one.outcome.is_ok() { (1, 0) } else { (0, 1) };
        staff::checked(telling.tx, &day_of(now), (Check::Fetch, row.id.as_str()), counted)?;
        match &one.outcome {
            Ok(body) => {
                sql::fetched(telling.tx, &one.id, None, body.is_shared)?;
                telling.hash(&row, &body.hash, Source::Fetch, Some(body.bytes))?;
            }
            Err(code) => sql::fetched(telling.tx, &one.id, Some(code), row.is_shared)?,
        }
    }
    if telling.told == 0 {
        telling.tx.commit_silent("scripts are what they were");
    }
    Ok(())
}
