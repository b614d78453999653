//! What staff do, and what they see.

use std::time::Duration;

use storeward_base::{Actor, Timestamp};
use storeward_events::checkout as facts;
use storeward_seal::fingerprint::sha256_hex;

use crate::error::Error;
use crate::guard::Checkout;
use crate::model::{Alert, Approval, Counted, HeaderLine, Kind, NewApproval, Scope, Script, ScriptId, Whole};
use crate::sql;

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Rows of one answer.
const MOST: u32 = 500;

impl Checkout {
    /// Rows behind the one with id `after`, in the order of their ids, at most 500.
    pub async fn scripts(&self, after: Option<ScriptId>, most: u32) -> Result<Vec<Script>, Error> {
        let now = self.0.clock.now();
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        self.0.db.read(move |reader| Ok(sql::page(reader, &after, most.clamp(1, MOST), now)?)).await
    }

    /// One row with its history.
    pub async fn script(&self, id: &ScriptId) -> Result<Option<Whole>, Error> {
        let (id, now) = (id.clone(), self.0.clock.now());
        self.0
            .db
            .read(move |reader| {
                let Some(script) = sql::find(reader, &id, now)? else { return Ok(None) };
                Ok(Some(Whole { script, versions: sql::versions(reader, &id)? }))
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
            tx.append(by, None, fact)?;
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
            let fact = facts::ScriptRevoked { script: id.to_string(), address: row.address };
            tx.append(by, None, fact)?;
            Ok(())
        });
        write.await?;
        self.refresh().await
    }

    /// Open ones first, the newest first.
    pub async fn alerts(&self, most: u32) -> Result<Vec<Alert>, Error> {
        self.0.db.read(move |reader| Ok(sql::alerts(reader, most.clamp(1, MOST))?)).await
    }

    /// Somebody has looked at it.
    pub async fn close_alert(&self, id: &str, by: Actor) -> Result<(), Error> {
        let id = id.to_owned();
        let write = self.0.db.write(move |tx| {
            tx.commit_silent("an alert was looked at; what came of it is told by other facts");
            if !sql::close_alert(tx, &id, &by.to_string())? {
                return Err(Error::NoAlert);
            }
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

    /// What browsers and the guard said, the newest day first.
    pub async fn counted(&self, most: u32) -> Result<Vec<Counted>, Error> {
        self.0.db.read(move |reader| Ok(sql::counted(reader, most.clamp(1, MOST))?)).await
    }
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
    let is_file = row.kind == Kind::Script && row.address.contains("://");
    let hash = match what.scope {
        Scope::Exact if is_file || matches!(row.kind, Kind::Inline | Kind::Handler) => match &row.hash {
            Some(hash) => Some(hash.clone()),
            None => {
                return misfit("its body was not read yet: wait for the next fetch, or approve the address");
            }
        },
        Scope::Exact => return misfit("only code has a hash: approve the address"),
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
