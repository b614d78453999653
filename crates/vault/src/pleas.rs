//! What customers ask for about their data, and until when it must be answered: within one month of its receipt, which may be
//! extended by two further months where that is necessary, with the reason (GDPR article 12(3)).

mod told;

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{CustomerId, PleaId, Secret, Timestamp};
use storeward_events::vault::{PleaClosed, PleaExtended, PleaReceived};
use storeward_policy::Act;
use storeward_seal::envelope::{CustomerKey, FieldPlace};
use storeward_store::{Reader, Row, Tx, params, readable, statements};

use crate::Error;
use crate::asking::Ask;
use crate::grants::Facts;
use crate::opening::decide_record;
use crate::records::Vault;

const LONGEST: usize = 2_000;
/// Of a list.
const MOST_SHOWN: usize = 200;
const MOST_OF_CUSTOMER: usize = 50;
/// Of one customer that are not answered.
const MOST_OPEN: u64 = 10;
/// As long as somebody may complain about how it was answered.
const KEPT: Duration = Duration::from_secs(3 * 366 * 24 * 3_600);

statements! {
    INSERT = "INSERT INTO vault_plea (id, customer, kind, said, received_at, due_at) VALUES ($1, $2, $3, $4, $5, $6)";
    FIND = "SELECT id, customer, kind, said, extended, proof, received_at, due_at, extended_at, closed_at, closed_by, outcome \
            FROM vault_plea WHERE id = $1";
    ALL = "SELECT id, customer, kind, said, extended, proof, received_at, due_at, extended_at, closed_at, closed_by, outcome \
           FROM vault_plea ORDER BY id LIMIT 100000";
    MEND = "UPDATE vault_plea SET customer = $2, kind = $3, received_at = $4, due_at = $5, extended_at = $6, closed_at = $7, \
            closed_by = $8, outcome = $9 WHERE id = $1";
    CLOSED = "SELECT id, customer, kind, said, extended, proof, received_at, due_at, extended_at, closed_at, closed_by, outcome \
              FROM vault_plea WHERE closed_at IS NOT NULL AND ($1 = '' OR id < $1) ORDER BY id DESC LIMIT $2";
    COUNT_OPEN = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_plea WHERE customer = $1 AND closed_at IS NULL";
    EXTEND = "UPDATE vault_plea SET due_at = $2, extended_at = $3, extended = $4 WHERE id = $1 AND closed_at IS NULL AND extended_at IS NULL";
    CLOSE = "UPDATE vault_plea SET closed_at = $2, closed_by = $3, outcome = $4, proof = $5 WHERE id = $1 AND closed_at IS NULL";
    FORGET = "DELETE FROM vault_plea WHERE closed_at IS NOT NULL AND closed_at < $1";
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// GDPR article 15.
    Access,
    /// Article 16.
    Correction,
    /// Article 17.
    Erasure,
    /// Article 18.
    Restriction,
    /// Article 21.
    Objection,
    /// Article 20.
    Portability,
}

impl Right {
    pub const ALL: [Right; 6] = [
        Right::Access,
        Right::Correction,
        Right::Erasure,
        Right::Restriction,
        Right::Objection,
        Right::Portability,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Right::Access => "access",
            Right::Correction => "correction",
            Right::Erasure => "erasure",
            Right::Restriction => "restriction",
            Right::Objection => "objection",
            Right::Portability => "portability",
        }
    }

    pub fn of_name(name: &str) -> Option<Right> {
        Right::ALL.into_iter().find(|right| right.name() == name)
    }
}

/// How it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PleaOutcome {
    Done,
    Refused,
}

impl PleaOutcome {
    pub const fn name(self) -> &'static str {
        match self {
            PleaOutcome::Done => "done",
            PleaOutcome::Refused => "refused",
        }
    }

    pub fn of_name(name: &str) -> Option<PleaOutcome> {
        [PleaOutcome::Done, PleaOutcome::Refused].into_iter().find(|one| one.name() == name)
    }
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plea {
    pub id: PleaId,
    pub customer: CustomerId,
    pub right: Right,
    pub received_at: Timestamp,
    pub due_at: Timestamp,
    pub extended_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    /// The actor's text.
    pub closed_by: Option<String>,
    pub outcome: Option<PleaOutcome>,
    said: Option<Vec<u8>>,
    extended: Option<Vec<u8>>,
    proof: Option<Vec<u8>>,
}

/// What was written beside a request; nothing of it once the customer is erased.
#[derive(Clone, Debug, Default)]
pub struct PleaTexts {
    pub said: Option<Secret<String>>,
    pub extended: Option<Secret<String>>,
    pub proof: Option<Secret<String>>,
}

impl Vault {
    /// Takes a request down: the customer's own, or by staff who may answer for them.
    pub async fn receive_plea(&self, ask: &Ask, right: Right, said: &str) -> Result<PleaId, Error> {
        let said = text(said)?;
        self.standing(ask.customer).await?;
        let held = self.0.keys.held(ask.customer).await?.ok_or(Error::NoCustomer)?;
        let facts = Facts { held: Some(held.clone()) };
        let (policies, asked, entropy) = (self.policies(), ask.clone(), Arc::clone(&self.0.entropy));
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            if let Err(why) = decide_record(tx, &policies, Act::Answer, &asked, &facts)? {
                return Ok(Err(why));
            }
            let customer = asked.customer;
            let open: u64 = tx.query_one(COUNT_OPEN, params![customer], |row| row.get(0))?;
            if open >= MOST_OPEN {
                tx.commit_silent("as many requests of this customer wait already");
                return Ok(Err("too_many_requests"));
            }
            let (plea, now): (PleaId, Timestamp) = (tx.fresh_id(), tx.now());
            let due_at = months_after(now, 1);
            let sealed =
                said.as_ref().map(|text| closed(&held.key, customer, plea, "said", text, entropy.as_ref()));
            tx.execute(INSERT, params![plea, customer, right.name(), sealed, now, due_at])?;
            let words = Some(said.is_some());
            let fact = PleaReceived { plea, customer, right: right.name().to_owned(), due_at, words };
            tx.append(asked.asker.actor, None, fact)?;
            Ok(Ok(plea))
        });
        written.await?.map_err(Error::Denied)
    }

    /// Extends the time by two months, once, with the reason that the customer is told. Within the first month only (GDPR article 12(3)): what is
    /// overdue stays so, and the reason is kept.
    pub async fn extend_plea(&self, ask: &Ask, id: PleaId, reason: &str) -> Result<Timestamp, Error> {
        const NONE: Error = Error::Value { field: "reason", why: "is missing" };
        let reason = text(reason)?.ok_or(NONE)?;
        let held = self.0.keys.held(ask.customer).await?.ok_or(Error::NoCustomer)?;
        let facts = Facts { held: Some(held.clone()) };
        let (policies, asked, entropy) = (self.policies(), ask.clone(), Arc::clone(&self.0.entropy));
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            let plea = told::mended(tx, id, asked.customer)?;
            if let Err(why) = may_answer(tx, &policies, &asked, &facts)? {
                return Ok(Err(why));
            }
            let (customer, now) = (plea.customer, tx.now());
            let due_at = if now >= plea.due_at { plea.due_at } else { months_after(plea.due_at, 2) };
            let sealed = closed(&held.key, customer, id, "extended", &reason, entropy.as_ref());
            if tx.execute(EXTEND, params![id, due_at, now, sealed])? != 1 {
                return Err(Error::Decided);
            }
            tx.append(asked.asker.actor, None, PleaExtended { plea: id, customer, due_at })?;
            Ok(Ok(due_at))
        });
        written.await?.map_err(Error::Denied)
    }

    /// Says how a request was answered, and what shows it.
    pub async fn close_plea(
        &self,
        ask: &Ask,
        id: PleaId,
        outcome: PleaOutcome,
        proof: &str,
    ) -> Result<(), Error> {
        const NONE: Error = Error::Value { field: "proof", why: "is missing" };
        let proof = text(proof)?.ok_or(NONE)?;
        // Whoever is erased has no key any more: then the ledger alone says what was done.
        let held = self.0.keys.held(ask.customer).await?;
        let facts = Facts { held: held.clone() };
        let (policies, asked, entropy) = (self.policies(), ask.clone(), Arc::clone(&self.0.entropy));
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            let plea = told::mended(tx, id, asked.customer)?;
            if let Err(why) = may_answer(tx, &policies, &asked, &facts)? {
                return Ok(Err(why));
            }
            let customer = plea.customer;
            let sealed =
                held.as_ref().map(|held| closed(&held.key, customer, id, "proof", &proof, entropy.as_ref()));
            let actor = asked.asker.actor;
            if tx.execute(CLOSE, params![id, tx.now(), actor.to_string(), outcome.name(), sealed])? != 1 {
                return Err(Error::Decided);
            }
            let (right, outcome) = (plea.right.name().to_owned(), outcome.name().to_owned());
            tx.append(actor, None, PleaClosed { plea: id, customer, right, outcome })?;
            Ok(Ok(()))
        });
        written.await?.map_err(Error::Denied)
    }

    /// Those that are not answered, the one that is due first at the top; at most 200.
    pub async fn open_pleas(&self) -> Result<Vec<Plea>, Error> {
        let found = self.0.db.read(|reader| -> Result<_, Error> {
            let told = told::all(reader)?.into_values();
            let mut open: Vec<Plea> = told.filter(|plea| plea.closed_at.is_none()).collect();
            open.sort_by_key(|plea| (plea.due_at, plea.id));
            open.truncate(MOST_SHOWN);
            open.into_iter().map(|plea| told::with_words(reader, plea)).collect()
        });
        found.await
    }

    /// Those that were answered, the newest first.
    pub async fn closed_pleas(&self, before: Option<PleaId>, limit: u32) -> Result<Vec<Plea>, Error> {
        let before = before.map_or_else(String::new, |id| id.to_string());
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            Ok(flat(reader.query_many(CLOSED, params![&before, limit.clamp(1, 200)], plea)?))
        });
        found.await
    }

    /// Those of one customer, the newest first; at most fifty.
    pub async fn pleas_of(&self, customer: CustomerId) -> Result<Vec<Plea>, Error> {
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let told = told::all(reader)?.into_values().rev();
            let own = told.filter(|plea| plea.customer == customer).take(MOST_OF_CUSTOMER);
            own.map(|plea| told::with_words(reader, plea)).collect()
        });
        found.await
    }

    /// How many are not answered, and how many of them are overdue.
    pub async fn pleas_waiting(&self) -> Result<(u64, u64), Error> {
        let now = self.0.db.now();
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let told = told::all(reader)?;
            let open: Vec<&Plea> = told.values().filter(|plea| plea.closed_at.is_none()).collect();
            let count = |some: usize| u64::try_from(some).unwrap_or(u64::MAX);
            let due = open.iter().filter(|plea| plea.due_at <= now).count();
            Ok((count(open.len()), count(due)))
        });
        found.await
    }

    pub async fn plea(&self, id: PleaId) -> Result<Plea, Error> {
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let told = told::all(reader)?.remove(&id);
            told.map(|plea| told::with_words(reader, plea)).transpose()
        });
        found.await?.ok_or(Error::NoRequest)
    }

    /// What was written beside a request.
    pub async fn plea_texts(&self, plea: &Plea) -> Result<PleaTexts, Error> {
        let Some(held) = self.0.keys.held(plea.customer).await? else { return Ok(PleaTexts::default()) };
        let open = |sealed: &Option<Vec<u8>>, what: &str| {
            let sealed = sealed.as_ref()?;
            opened(&held.key, plea.customer, plea.id, what, sealed)
        };
        Ok(PleaTexts {
            said: open(&plea.said, "said"),
            extended: open(&plea.extended, "extended"),
            proof: open(&plea.proof, "proof"),
        })
    }
}

/// Customers ask, staff answer.
fn may_answer(
    tx: &mut Tx<'_>,
    policies: &Arc<storeward_policy::Policies>,
    ask: &Ask,
    facts: &Facts,
) -> Result<Result<(), &'static str>, Error> {
    if ask.asker.staff_id().is_none() {
        tx.commit_silent("nobody but staff answers requests");
        return Ok(Err("no_rule"));
    }
    Ok(decide_record(tx, policies, Act::Answer, ask, facts)?.map(drop))
}

fn text(given: &str) -> Result<Option<Secret<String>>, Error> {
    let given = given.trim();
    if given.chars().count() > LONGEST {
        return Err(Error::Value { field: "text", why: "is longer than 2,000 characters" });
    }
    Ok((!given.is_empty()).then(|| Secret::new(given.to_owned())))
}

fn closed(
    key: &CustomerKey,
    customer: CustomerId,
    id: PleaId,
    what: &str,
    text: &Secret<String>,
    entropy: &dyn storeward_base::Entropy,
) -> Vec<u8> {
    let (owner, field) = (customer.to_string(), format!("{id}.{what}"));
    key.seal(text.expose().as_bytes(), &place(&owner, &field), entropy)
}

fn opened(
    key: &CustomerKey,
    customer: CustomerId,
    id: PleaId,
    what: &str,
    sealed: &[u8],
) -> Option<Secret<String>> {
    let (owner, field) = (customer.to_string(), format!("{id}.{what}"));
    let opened = key.open(sealed, &place(&owner, &field)).ok()?;
    std::str::from_utf8(opened.expose()).ok().map(|text| Secret::new(text.to_owned()))
}

fn place<'a>(customer: &'a str, field: &'a str) -> FieldPlace<'a> {
    FieldPlace { customer, collection: "plea", field, schema: 1, version: 1 }
}

/// The same day some months later; the last of the month where it is shorter (Regulation 1182/71 article 3).
fn months_after(at: Timestamp, months: u32) -> Timestamp {
    let text = at.rfc3339();
    let number = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<u32>().ok());
    let (Some(year), Some(month), Some(day)) = (number(0, 4), number(5, 7), number(8, 10)) else {
        return at.plus(Duration::from_secs(u64::from(months) * 28 * 24 * 3_600));
    };
    let months = year * 12 + (month - 1) + months;
    let rest = text.get(10..).unwrap_or("T00:00:00Z");
    for day in (1..=day).rev() {
        let later = format!("{:04}-{:02}-{day:02}{rest}", months / 12, months % 12 + 1);
        if let Some(later) = Timestamp::parse_rfc3339(&later) {
            return later;
        }
    }
    at.plus(Duration::from_secs(28 * 24 * 3_600))
}

pub(crate) use told::harms;

pub(crate) fn forget(tx: &mut Tx<'_>) -> Result<(), Error> {
    let before = tx.now().minus(KEPT);
    Ok(tx.execute(FORGET, params![before]).map(drop)?)
}

impl Plea {
    /// Whether what was written beside it is there and opens. Whoever extends or answers a request writes why.
    pub(crate) fn is_whole(&self, key: &CustomerKey) -> bool {
        let are_there = self.extended.is_some() == self.extended_at.is_some()
            && self.proof.is_some() == self.closed_at.is_some();
        let texts = [(&self.said, "said"), (&self.extended, "extended"), (&self.proof, "proof")];
        let opens = |sealed: &Vec<u8>, what| opened(key, self.customer, self.id, what, sealed).is_some();
        are_there
            && texts.into_iter().all(|(text, what)| text.as_ref().is_none_or(|sealed| opens(sealed, what)))
    }
}

/// All, as they lie there.
pub(crate) fn all_rows(reader: &mut Reader<'_>) -> Result<Vec<Plea>, Error> {
    Ok(flat(reader.query_many(ALL, &[], plea)?))
}

fn find(reader: &mut Reader<'_>, id: PleaId) -> Result<Option<Plea>, Error> {
    Ok(reader.query_optional(FIND, params![id], plea)?.flatten())
}

fn flat(rows: Vec<Option<Plea>>) -> Vec<Plea> {
    rows.into_iter().flatten().collect()
}

/// Nothing for a row in words that are not ours, ids among them.
fn plea(row: &Row<'_>) -> Result<Option<Plea>, storeward_store::Error> {
    Ok(readable(read(row))?.flatten())
}

fn read(row: &Row<'_>) -> Result<Option<Plea>, storeward_store::Error> {
    let (right, outcome): (String, Option<String>) = (row.get(2)?, row.get(11)?);
    let Some(right) = Right::of_name(&right) else { return Ok(None) };
    let outcome = match outcome.as_deref().map(PleaOutcome::of_name) {
        Some(None) => return Ok(None),
        known => known.flatten(),
    };
    Ok(Some(Plea {
        id: row.get(0)?,
        customer: row.get(1)?,
        right,
        said: row.get(3)?,
        extended: row.get(4)?,
        proof: row.get(5)?,
        received_at: row.get(6)?,
        due_at: row.get(7)?,
        extended_at: row.get(8)?,
        closed_at: row.get(9)?,
        closed_by: row.get(10)?,
        outcome,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_a_calendar_month() {
        for (from, months, to) in [
            ("2026-11-26T13:00:00.5Z", 1, "2026-12-26T13:00:00.5Z"),
            ("2026-12-31T00:00:00Z", 1, "2027-01-31T00:00:00Z"),
            ("2027-01-31T23:59:59Z", 1, "2027-02-28T23:59:59Z"),
            ("2028-01-30T00:00:00Z", 1, "2028-02-29T00:00:00Z"),
            ("2026-12-26T00:00:00Z", 2, "2027-02-26T00:00:00Z"),
        ] {
            let (from, to) = (Timestamp::parse_rfc3339(from).unwrap(), Timestamp::parse_rfc3339(to).unwrap());
            assert_eq!(months_after(from, months), to);
        }
    }
}
