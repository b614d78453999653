//! What the ledger says of customers' requests: what was asked for, until when, and whether it was answered. The rows hold the
//! words beside that; one that somebody changed or took away moves no clock.

use std::collections::BTreeMap;

use storeward_base::{CustomerId, PleaId, Timestamp};
use storeward_events::Event;
use storeward_store::{Reader, Tx, params};

use super::{ALL, INSERT, KEPT, MEND, Plea, PleaOutcome, Right, find, flat, plea};
use crate::Error;
use crate::grants::told::{entries, near};
use crate::manifest::{Flaw, Harm};

/// All that were ever received, by their numbers.
pub fn all(reader: &mut Reader<'_>) -> Result<BTreeMap<PleaId, Plea>, Error> {
    let mut told = BTreeMap::new();
    for record in entries(reader, "vault.plea_received", None, None)? {
        let Event::PleaReceived(fact) = record.event else { continue };
        let Some(right) = Right::of_name(&fact.right) else { continue };
        told.insert(fact.plea, new(fact.plea, fact.customer, right, record.at, fact.due_at));
    }
    for record in entries(reader, "vault.plea_extended", None, None)? {
        let Event::PleaExtended(fact) = record.event else { continue };
        if let Some(plea) = told.get_mut(&fact.plea) {
            (plea.due_at, plea.extended_at) = (fact.due_at, Some(record.at));
        }
    }
    for record in entries(reader, "vault.plea_closed", None, None)? {
        let actor = record.actor.to_string();
        let Event::PleaClosed(fact) = record.event else { continue };
        if let Some(plea) = told.get_mut(&fact.plea) {
            (plea.closed_at, plea.closed_by) = (Some(record.at), Some(actor));
            plea.outcome = PleaOutcome::of_name(&fact.outcome);
        }
    }
    Ok(told)
}

fn new(id: PleaId, customer: CustomerId, right: Right, received_at: Timestamp, due_at: Timestamp) -> Plea {
    Plea {
        id,
        customer,
        right,
        received_at,
        due_at,
        extended_at: None,
        closed_at: None,
        closed_by: None,
        outcome: None,
        said: None,
        extended: None,
        proof: None,
    }
}

/// As the ledger has it, with the words of its row.
pub fn with_words(reader: &mut Reader<'_>, told: Plea) -> Result<Plea, Error> {
    Ok(match find(reader, told.id)? {
        Some(row) => Plea { said: row.said, extended: row.extended, proof: row.proof, ..told },
        None => told,
    })
}

/// Puts the row right before it is answered: as the ledger has it, and there.
pub fn mended(tx: &mut Tx<'_>, id: PleaId, customer: CustomerId) -> Result<Plea, Error> {
    let told = all(tx)?.remove(&id).filter(|plea| plea.customer == customer).ok_or(Error::NoRequest)?;
    match find(tx, id)? {
        Some(row) if is_alike(&row, &told) => return Ok(row),
        Some(_) => {
            let outcome = told.outcome.map(PleaOutcome::name);
            let values = params![
                id,
                customer,
                told.right.name(),
                told.received_at,
                told.due_at,
                told.extended_at,
                told.closed_at,
                told.closed_by.clone(),
                outcome
            ];
            tx.execute(MEND, values)?;
        }
        None => {
            let nothing: Option<Vec<u8>> = None;
            let values = params![id, customer, told.right.name(), nothing, told.received_at, told.due_at];
            tx.execute(INSERT, values)?;
        }
    }
    with_words(tx, told)
}

fn is_alike(row: &Plea, told: &Plea) -> bool {
    (row.customer, row.right, row.outcome) == (told.customer, told.right, told.outcome)
        && row.due_at == told.due_at
        && near(row.received_at, told.received_at)
        && are_near(row.extended_at, told.extended_at)
        && are_near(row.closed_at, told.closed_at)
        && row.closed_by == told.closed_by
}

fn are_near(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => near(one, other),
        (one, other) => one == other,
    }
}

/// Whether something was written beside a request when it was received. Entries of earlier versions do not say it.
fn words(reader: &mut Reader<'_>) -> Result<BTreeMap<PleaId, bool>, Error> {
    let all = entries(reader, "vault.plea_received", None, None)?.into_iter();
    Ok(all
        .filter_map(|record| match record.event {
            Event::PleaReceived(fact) => Some((fact.plea, fact.words?)),
            _ => None,
        })
        .collect())
}

/// Rows that are not what the ledger says, and entries whose rows are gone.
pub(crate) fn harms(reader: &mut Reader<'_>, now: Timestamp) -> Result<Vec<Flaw>, Error> {
    let told = all(reader)?;
    let flaw =
        |plea: &Plea| Flaw { customer: plea.customer, place: format!("asked.{}", plea.id), harm: Harm::Row };
    let rows = reader.query_many(ALL, &[], plea)?;
    let unread = rows.iter().filter(|row| row.is_none()).count();
    let rows = flat(rows);
    let mut flaws: Vec<Flaw> = rows.iter().filter(|row| !told.contains_key(&row.id)).map(flaw).collect();
    let rows: BTreeMap<PleaId, Plea> = rows.into_iter().map(|row| (row.id, row)).collect();
    let (words, mut missing) = (words(reader)?, 0);
    for one in told.values() {
        let is_forgotten = one.closed_at.is_some_and(|at| now.since(at) >= KEPT);
        let has_words = |row: &Plea| words.get(&one.id).is_none_or(|had| *had == row.said.is_some());
        let fits = rows.get(&one.id).map_or(is_forgotten, |row| is_alike(row, one) && has_words(row));
        if !fits {
            missing += usize::from(!rows.contains_key(&one.id));
            flaws.push(flaw(one));
        }
    }
    // One that says nothing is missing where the ledger has it. Of others nothing goes by it, but somebody put it there.
    if unread > missing {
        let (customer, place) = (CustomerId::from_bits(0), "asked.".to_owned());
        flaws.push(Flaw { customer, place, harm: Harm::Row });
    }
    Ok(flaws)
}
