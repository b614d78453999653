//! What staff do, and what they see.

use std::time::Duration;

use storeward_base::{Actor, Timestamp};
use storeward_events::checkout as facts;
use storeward_seal::encoding::{decode_base64, decode_hex};
use storeward_seal::fingerprint::sha256_hex;
use storeward_store::{Error as StoreError, Reader};

use crate::address;
use crate::config::{CheckoutSection, Mode, OnChange};
use crate::error::Error;
use crate::guard::{Checkout, way};
use crate::model::{
    Act, Alert, Approval, Counted, HeaderLine, Hold, Kind, NewApproval, Scope, Script, ScriptId, Standing,
    Status, Wanted, Whole,
};
use crate::policy::{self, Rules, Settings};
use crate::rewrite::IN_ADDRESS;
use crate::{sql, staff};

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// What was not seen for so long does not break when it is stopped.
const SEEN_DAYS: u32 = 30;
/// Rows of one answer.
const MOST: u32 = 500;
const MOST_ALERTS: u32 = 2_000;
const SHA256_BYTES: usize = 32;

impl Checkout {
    /// Rows behind the one with id `after`, in the order of their ids, at most 500.
    pub async fn scripts(&self, after: Option<ScriptId>, most: u32) -> Result<Vec<Script>, Error> {
        let now = self.0.clock.now();
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        self.0.db.read(move |reader| Ok(sql::page(reader, &after, most.clamp(1, MOST), now)?)).await
    }

    /// Rows as staff look at them: the changed first, then what was seen last; from the `from`th on, at most 500; and how many there are.
    pub async fn inventory(&self, wanted: Wanted, from: u32, most: u32) -> Result<(Vec<Script>, u32), Error> {
        let now = self.0.clock.now();
        let mut rows: Vec<Script> =
            self.0.db.read(move |reader| Ok::<_, Error>(sql::all(reader, now)?)).await?;
        rows.retain(|row| wanted.takes(row.status));
        let rank = |row: &Script| match row.status {
            Status::Changed => 0,
            Status::Expired => 1,
            Status::New => 2,
            Status::Approved => 3,
            Status::Revoked => 4,
        };
        rows.sort_by(|one, other| {
            let by_time = other.last_seen.cmp(&one.last_seen);
            rank(one).cmp(&rank(other)).then(by_time).then_with(|| one.id.cmp(&other.id))
        });
        let total = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let skipped = usize::try_from(from).unwrap_or(usize::MAX);
        let taken = usize::try_from(most.clamp(1, MOST)).unwrap_or(usize::MAX);
        Ok((rows.into_iter().skip(skipped).take(taken).collect(), total))
    }

    /// One row with its history.
    pub async fn script(&self, id: &ScriptId) -> Result<Option<Whole>, Error> {
        let (id, now) = (id.clone(), self.0.clock.now());
        self.0
            .db
            .read(move |reader| {
                let Some(script) = sql::find(reader, &id, now)? else { return Ok(None) };
                let (versions, decisions) = (sql::versions(reader, &id)?, staff::decisions_of(reader, &id)?);
                Ok(Some(Whole { script, versions, decisions }))
            })
            .await
    }

    /// Approves a row as it is now. It is in force with the next page.
    pub async fn approve(&self, id: &ScriptId, what: NewApproval, by: Actor) -> Result<(), Error> {
        check(&what)?;
        let id = id.clone();
        let write = self.0.db.write(move |tx| {
            let now = tx.now();
            let row = sql::find(tx, &id, now)?.ok_or(Error::NoScript)?;
            let approval = approval(&row, &what, by, now)?;
            if !sql::approve(tx, &row, &approval)? {
                return Err(Error::Raced);
            }
            sql::close_alerts_of(tx, &id, &approval.by)?;
            let reasons = sha256_hex(format!("{}\n{}", what.owner, what.justification).as_bytes());
            let fact = facts::ScriptApproved {
                script: id.to_string(),
                address: row.address.clone(),
                scope: what.scope.word().to_owned(),
                hash: approval.hash.clone(),
                until: approval.until,
                reasons,
            };
            let told = tx.append(by, None, fact)?;
            staff::decide(tx, &row, (&told.id.to_string(), Act::Approved, &approval.by), Some(&approval))?;
            Ok(())
        });
        write.await?;
        self.refresh().await
    }

    /// Takes an approval back, or says of something new that it shall not run. Its alerts stay until somebody closes them: with them a page
    /// that was taken to its last good state would go back to one in which the script runs.
    pub async fn revoke(&self, id: &ScriptId, by: Actor) -> Result<(), Error> {
        let id = id.clone();
        let write = self.0.db.write(move |tx| {
            let now = tx.now();
            let row = sql::find(tx, &id, now)?.ok_or(Error::NoScript)?;
            if !sql::revoke(tx, &row)? {
                return Err(Error::Raced);
            }
            let fact = facts::ScriptRevoked { script: id.to_string(), address: row.address.clone() };
            let told = tx.append(by, None, fact)?;
            let act = if row.approval.is_some() { Act::Revoked } else { Act::Rejected };
            staff::decide(tx, &row, (&told.id.to_string(), act, &by.to_string()), row.approval.as_ref())?;
            Ok(())
        });
        write.await?;
        self.refresh().await
    }

    /// Open ones first, the newest first.
    pub async fn alerts(&self, most: u32) -> Result<Vec<Alert>, Error> {
        self.0.db.read(move |reader| Ok(sql::alerts(reader, most.clamp(1, MOST_ALERTS))?)).await
    }

    /// One of them.
    pub async fn alert(&self, id: &str) -> Result<Option<Alert>, Error> {
        let id = id.to_owned();
        self.0.db.read(move |reader| Ok(sql::alert_of(reader, &id)?)).await
    }

    /// Somebody has looked at it.
    pub async fn close_alert(&self, id: &str, by: Actor) -> Result<(), Error> {
        let id = id.to_owned();
        let write = self.0.db.write(move |tx| {
            let alert = sql::alert_of(tx, &id)?.ok_or(Error::NoAlert)?;
            if !sql::close_alert(tx, &id, &by.to_string())? {
                return Err(Error::NoAlert);
            }
            let script = alert.script.map(|id| id.to_string());
            tx.append(by, None, facts::AlertClosed { alert: id.clone(), what: alert.kind, script })?;
            Ok(())
        });
        write.await?;
        self.refresh().await
    }

    /// The headers of every guarded page, beside what was approved.
    pub async fn headers(&self) -> Result<Vec<HeaderLine>, Error> {
        self.0.db.read(|reader| Ok(sql::headers(reader)?)).await
    }

    /// From now on the headers of a page shall be as they are.
    pub async fn approve_headers(&self, page: &str, by: Actor) -> Result<(), Error> {
        let page = page.to_owned();
        let write = self.0.db.write(move |tx| {
            let count = sql::approve_headers(tx, &page, &by.to_string())?;
            if count == 0 {
                return Err(Error::Misfit { field: "page", why: "it was not served since the guard is on" });
            }
            let headers = u32::try_from(count).unwrap_or(u32::MAX);
            tx.append(by, None, facts::HeadersApproved { page: page.clone(), headers })?;
            Ok(())
        });
        write.await?;
        self.refresh().await
    }

    /// How the guarded pages are served, in the config's order.
    pub async fn standings(&self) -> Result<Vec<Standing>, Error> {
        let holds = self.0.db.read(|reader| Ok::<_, Error>(staff::holds(reader)?)).await?;
        let section = self.0.section.load_full();
        let is_triggered = self.0.known.load().is_triggered;
        let standing = |page: String| {
            let held = holds.iter().find(|held| held.page == page).cloned();
            let (acts_as, on_change) = match section.mode {
                Mode::Off => (Mode::Off, section.on_change),
                Mode::Learn | Mode::Enforce => {
                    way(&section, held.as_ref().map(|held| held.hold), is_triggered)
                }
            };
            Standing { page, section: section.mode, held, acts_as, on_change, is_triggered }
        };
        Ok(section.paths().into_iter().map(standing).collect())
    }

    /// What would not run any more if this page ran approved scripts only, that of the page first: everything that was seen within 30 days
    /// and is neither approved nor a provider's. A row names the page where it was seen first, so those of other pages stand there, too.
    pub async fn would_stop(&self, page: &str, hold: Hold) -> Result<Vec<Script>, Error> {
        let (now, section, hosts) = (self.0.clock.now(), self.0.section.load_full(), self.0.hosts.clone());
        let (page, since) = (page.to_owned(), now.minus(DAY * SEEN_DAYS));
        self.0
            .db
            .read(move |reader| Ok(stopped(reader, (&section, &hosts), (&page, hold), (now, since))?))
            .await
    }

    /// Says how a page is served from the next answer on.
    pub async fn hold(&self, page: &str, hold: Hold, by: Actor) -> Result<(), Error> {
        let section = self.0.section.load_full();
        if section.mode == Mode::Off || !section.paths().iter().any(|own| own == page) {
            return Err(Error::NoPage);
        }
        let (page, hosts, triggered) =
            (page.to_owned(), self.0.hosts.clone(), self.0.known.load().is_triggered);
        let write = self.0.db.write(move |tx| {
            let now = tx.now();
            let before = staff::holds(tx)?.into_iter().find(|held| held.page == page).map(|held| held.hold);
            let is_strict = way(&section, Some(hold), triggered).0 == Mode::Enforce;
            let stopped = match is_strict {
                true => {
                    stopped(tx, (&section, &hosts), (&page, hold), (now, now.minus(DAY * SEEN_DAYS)))?.len()
                }
                false => 0,
            };
            staff::hold(tx, &page, hold, &by.to_string())?;
            let fact = facts::PageModeSet {
                page: page.clone(),
                mode: hold.word().to_owned(),
                before: before.unwrap_or(Hold::Learn).word().to_owned(),
                stopped: u32::try_from(stopped).unwrap_or(u32::MAX),
            };
            tx.append(by, None, fact)?;
            Ok::<_, Error>(())
        });
        write.await?;
        self.refresh().await
    }

    /// What browsers and the guard said, the newest day first.
    pub async fn counted(&self, most: u32) -> Result<Vec<Counted>, Error> {
        self.0.db.read(move |reader| Ok(sql::counted(reader, most.clamp(1, MOST))?)).await
    }
}

/// Everything that may not run under a page's rules and was seen since.
fn stopped(
    reader: &mut Reader<'_>,
    (section, hosts): (&CheckoutSection, &[String]),
    (page, hold): (&str, Hold),
    (now, since): (Timestamp, Timestamp),
) -> Result<Vec<Script>, StoreError> {
    let on_change = if hold == Hold::LastGood { OnChange::LastGood } else { section.on_change };
    let (providers, leads_to) = (&*section.providers, &*section.leads_to);
    let settings = Settings { now, acts_as: Mode::Enforce, on_change, providers, leads_to };
    let mut rows = sql::all(reader, now)?;
    let known = Rules::of(&rows, settings);
    rows.retain(|row| {
        row.last_seen >= since
            && !policy::may_run(row, &settings)
            && !policy::needs_none(row, (providers, leads_to), hosts)
            && !known.leads_there(row)
    });
    rows.sort_by_key(|row| row.page != page);
    Ok(rows)
}

fn check(what: &NewApproval) -> Result<(), Error> {
    let misfit = |field, why| Err(Error::Misfit { field, why });
    let is_line = |text: &str, most: usize| {
        let length = text.trim().chars().count();
        (2..=most).contains(&length) && !text.contains(|sign: char| sign.is_control() && sign != '\n')
    };
    if !is_line(&what.owner, 100) || what.owner.contains('\n') {
        return misfit("owner", "who answers for it, in 2 to 100 characters");
    }
    if !is_line(&what.justification, 1_000) {
        return misfit("justification", "why the paying page needs it, in 2 to 1,000 characters");
    }
    if !(1..=366).contains(&what.days) {
        return misfit("days", "a number from 1 to 366");
    }
    Ok(())
}

fn approval(row: &Script, what: &NewApproval, by: Actor, now: Timestamp) -> Result<Approval, Error> {
    let misfit = |why| Err(Error::Misfit { field: "scope", why });
    if row.is_changing {
        return misfit(
            "it is another one with each view: let the shop write it without what changes, or with that in quotes",
        );
    }
    if row.is_put_in() {
        return misfit(
            "browsers tell no hash of code that a script puts in, so no approval lets it run: let the script load a file, or the shop write the code into the page",
        );
    }
    if row.kind == Kind::Frame && row.hash.is_some() {
        return misfit(
            "code in a frame's address, or in its `srcdoc`, runs nowhere by an approval: move it into a file",
        );
    }
    if row.address == IN_ADDRESS {
        return misfit(
            "code in the address of a link or a form runs nowhere by an approval: move it into a file",
        );
    }
    // It would name another place than the one that was looked at; a host with `*` in it, many.
    if !address::is_whole(&row.address) {
        return misfit(
            "what looks like somebody's (a card's number, an address of mails) was cut out of its address, so it cannot be approved: give the file another name",
        );
    }
    let hash = match what.scope {
        Scope::Exact => Some(exact(row, what)?),
        Scope::Shape if row.kind == Kind::Inline && !row.sample.is_empty() => row.hash.clone(),
        Scope::Shape => return misfit("this code has no shape: approve its hash"),
        Scope::Address if matches!(row.kind, Kind::Inline | Kind::Handler) => {
            return misfit("code in the page has no address: approve its hash or its shape");
        }
        Scope::Address => row.hash.clone(),
    };
    Ok(Approval {
        scope: what.scope,
        hash,
        owner: what.owner.trim().to_owned(),
        justification: what.justification.trim().to_owned(),
        by: by.to_string(),
        at: now,
        until: now.plus(DAY * what.days),
    })
}

/// A hash in either alphabet: as policies have it, also with their `sha256-`, and as `sha256sum` prints it.
fn sha256_of(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let digits = text.strip_prefix("sha256-").unwrap_or(text);
    let bytes = match digits.len() == 2 * SHA256_BYTES {
        true => decode_hex(&digits.to_ascii_lowercase()),
        false => decode_base64(digits),
    };
    bytes.filter(|bytes| bytes.len() == SHA256_BYTES)
}

/// The very hash that somebody looked at, where the script still has it.
fn exact(row: &Script, what: &NewApproval) -> Result<String, Error> {
    let misfit = |field, why| Err(Error::Misfit { field, why });
    let is_file = row.kind == Kind::Script && row.address.contains("://");
    if !is_file && !matches!(row.kind, Kind::Inline | Kind::Handler) {
        return misfit("scope", "only code has a hash: approve the address");
    }
    let Some(hash) = &row.hash else {
        return misfit("scope", "it was not fetched yet: try again in a moment, or approve the address");
    };
    let Some(seen) = &what.hash else {
        return misfit("hash", "`exact` approves the hash that somebody looked at: name it");
    };
    if seen == hash {
        return Ok(hash.clone());
    }
    let Some(seen) = sha256_of(seen) else {
        return misfit(
            "hash",
            "this is no SHA-256: name it as the inventory shows it, in base 64, or as sha256sum prints it, in hexadecimal",
        );
    };
    if Some(seen) == decode_base64(hash) {
        return Ok(hash.clone());
    }
    // The hour or a word of the buyer's stands in it: nobody changed it, and what was looked at does not come again.
    if row.kind == Kind::Inline && !row.sample.is_empty() {
        return misfit(
            "scope",
            "what stands in its strings and numbers is another one than when you looked, so it has another hash: approve its shape",
        );
    }
    Err(Error::Changed)
}
