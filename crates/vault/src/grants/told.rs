//! What the ledger says of requests and emergencies. The rows are for lists and for the words beside them; who has to look into
//! what, and what was taken back, goes by the ledger: a row can be deleted.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use storeward_base::{Actor, CustomerId, GrantId, PageSize, StaffId, Timestamp};
use storeward_events::vault::{AccessRequested, GlassBroken, GlassReviewed};
use storeward_events::{Event, Record};
use storeward_policy::{Grant, Purpose};
use storeward_store::ledger::{self, Filter};
use storeward_store::{Reader, params};

use super::{APPROVED_FOR, PAST_AND_OPEN, Request, Verdict, find, flat, names, request};
use crate::Error;
use crate::catalogue::Field;
use crate::manifest::{Flaw, Harm};

/// A row and its entry are of one write, and each asks the clock.
const ONE_WRITE: Duration = Duration::from_secs(60);

/// Whether two moments are of one write.
pub(crate) fn near(one: Timestamp, other: Timestamp) -> bool {
    one.since(other) <= ONE_WRITE && other.since(one) <= ONE_WRITE
}

/// Entries of a kind since a moment, the newest first.
pub(crate) fn entries(
    reader: &mut Reader<'_>,
    kind: &str,
    from: Option<Timestamp>,
    actor: Option<Actor>,
) -> Result<Vec<Record>, Error> {
    let mut filter = Filter { kind_prefix: Some(kind.to_owned()), from, actor, ..Filter::default() };
    let mut all = Vec::new();
    loop {
        let page = ledger::believed(reader, &filter, PageSize::new(PageSize::MAX))?;
        all.extend(page.rows.into_iter().map(|(_, record)| record));
        filter.before = page.next;
        if filter.before.is_none() {
            return Ok(all);
        }
    }
}

/// What was taken back since a moment, and when.
fn withdrawals(reader: &mut Reader<'_>, since: Timestamp) -> Result<BTreeMap<GrantId, Timestamp>, Error> {
    let all = entries(reader, "vault.access_withdrawn", Some(since), None)?.into_iter();
    Ok(all
        .filter_map(|record| match record.event {
            Event::AccessWithdrawn(fact) => Some((fact.request, record.at)),
            _ => None,
        })
        .collect())
}

/// What was found about emergencies, by whom, and when.
type Reviews = BTreeMap<GrantId, (GlassReviewed, Actor, Timestamp)>;

fn reviews(reader: &mut Reader<'_>) -> Result<Reviews, Error> {
    let all = entries(reader, "vault.glass_reviewed", None, None)?.into_iter();
    Ok(all
        .filter_map(|record| match record.event {
            Event::GlassReviewed(fact) => Some((fact.request, (fact, record.actor, record.at))),
            _ => None,
        })
        .collect())
}

/// Emergencies that nobody looked into yet, the oldest first.
pub fn unreviewed(reader: &mut Reader<'_>) -> Result<Vec<Request>, Error> {
    let reviewed = reviews(reader)?;
    let mut open = Vec::new();
    for record in entries(reader, "vault.glass_broken", None, None)? {
        open.extend(of_entry(reader, &record)?.filter(|request| !reviewed.contains_key(&request.id)));
    }
    open.reverse();
    Ok(open)
}

/// An emergency by its number, and whether somebody looked into it.
pub fn emergency(reader: &mut Reader<'_>, id: GrantId) -> Result<Option<(Request, bool)>, Error> {
    for record in entries(reader, "vault.glass_broken", None, None)? {
        if let Some(request) = of_entry(reader, &record)?.filter(|request| request.id == id) {
            return Ok(Some((request, reviews(reader)?.contains_key(&id))));
        }
    }
    Ok(None)
}

/// How many emergencies somebody declared since then.
pub fn lately(reader: &mut Reader<'_>, actor: Actor, since: Timestamp) -> Result<usize, Error> {
    Ok(entries(reader, "vault.glass_broken", Some(since), Some(actor))?.len())
}

/// What was taken back and could still hold.
pub fn withdrawn(reader: &mut Reader<'_>, now: Timestamp) -> Result<HashSet<GrantId>, Error> {
    Ok(withdrawals(reader, now.minus(APPROVED_FOR))?.into_keys().collect())
}

/// As the ledger has it; of the row comes what was written beside it alone.
fn of_entry(reader: &mut Reader<'_>, record: &Record) -> Result<Option<Request>, Error> {
    let Event::GlassBroken(fact) = &record.event else { return Ok(None) };
    let row = find(reader, fact.request)?;
    Ok(told(record, fact).map(|request| match row {
        Some(row) => Request { reason: row.reason, tag: row.tag, ..request },
        None => request,
    }))
}

fn told(record: &Record, fact: &GlassBroken) -> Option<Request> {
    let Actor::Staff { id: staff } = record.actor else { return None };
    let fields: Option<Vec<&'static Field>> = fact.fields.iter().map(|name| Field::find(name).ok()).collect();
    Some(Request {
        id: fact.request,
        kind: Grant::BreakGlass,
        customer: fact.customer,
        staff,
        purpose: Purpose::of_name(&fact.purpose)?,
        fields: fields?,
        asked_at: record.at,
        decided_at: Some(record.at),
        decided_by: None,
        until: Some(fact.until),
        reviewed_at: None,
        reviewed_by: None,
        verdict: None,
        reason: Vec::new(),
        tag: None,
    })
}

/// Rows that are not what the ledger says, and entries whose rows are gone, as far as they are kept.
pub(crate) fn harms(reader: &mut Reader<'_>, since: Timestamp) -> Result<Vec<Flaw>, Error> {
    let mut flaws = Vec::new();
    let (mut known, mut unread): (HashSet<GrantId>, usize) = (HashSet::new(), 0);
    let (reviewed, decided) = (reviews(reader)?, decisions(reader, since)?);
    let withdrawn = withdrawals(reader, since)?;
    let mut hold = |id: GrantId, customer, fits: Option<bool>| {
        known.insert(id);
        unread += usize::from(fits.is_none());
        if fits != Some(true) {
            flaws.push(Flaw { customer, place: format!("request.{id}"), harm: Harm::Row });
        }
    };
    for record in entries(reader, "vault.access_requested", Some(since), None)? {
        let Event::AccessRequested(fact) = &record.event else { continue };
        let row = find(reader, fact.request)?;
        let fits = row.map(|row| {
            // Nobody looks into a request: a verdict beside it is nobody's.
            is_request(&row, &record, fact)
                && is_decided(&row, decided.get(&fact.request), withdrawn.get(&fact.request))
                && is_reviewed(&row, None)
        });
        hold(fact.request, fact.customer, fits);
    }
    for record in entries(reader, "vault.glass_broken", Some(since), None)? {
        let Event::GlassBroken(fact) = &record.event else { continue };
        let row = find(reader, fact.request)?;
        let review = reviewed.get(&fact.request);
        let fits = row.map(|row| {
            let withdrawn = withdrawn.get(&fact.request);
            told(&record, fact).is_some_and(|told| is_alike(&row, &told, withdrawn))
                && is_reviewed(&row, review)
        });
        hold(fact.request, fact.customer, fits);
    }
    let rows = reader.query_many(PAST_AND_OPEN, params![since], request)?;
    // One that says nothing is missing where the ledger has it. Of others nothing goes by it, but somebody put it there.
    if rows.iter().filter(|row| row.is_none()).count() > unread {
        let (customer, place) = (CustomerId::from_bits(0), "request.".to_owned());
        flaws.push(Flaw { customer, place, harm: Harm::Row });
    }
    for row in flat(rows) {
        if !known.contains(&row.id) && row.asked_at > since {
            let (customer, place) = (row.customer, format!("request.{}", row.id));
            flaws.push(Flaw { customer, place, harm: Harm::Row });
        }
    }
    Ok(flaws)
}

fn is_request(row: &Request, record: &Record, fact: &AccessRequested) -> bool {
    let staff = StaffId::from_bits(0);
    let asked_by = match record.actor {
        Actor::Staff { id } => id,
        _ => staff,
    };
    row.kind != Grant::BreakGlass
        && (row.staff, row.customer) == (asked_by, fact.customer)
        && (row.purpose.name(), names(&row.fields)) == (fact.purpose.as_str(), fact.fields.join(","))
        && near(row.asked_at, record.at)
}

/// By whom and when a request was answered, and until when it lets somebody see something.
type Decision = (Actor, Timestamp, Option<Timestamp>);

fn decisions(reader: &mut Reader<'_>, since: Timestamp) -> Result<BTreeMap<GrantId, Decision>, Error> {
    let mut all = entries(reader, "vault.access_approved", Some(since), None)?;
    all.extend(entries(reader, "vault.access_refused", Some(since), None)?);
    Ok(all
        .into_iter()
        .filter_map(|record| match &record.event {
            Event::AccessApproved(fact) => Some((fact.request, (record.actor, record.at, Some(fact.until)))),
            Event::AccessRefused(fact) => Some((fact.request, (record.actor, record.at, None))),
            _ => None,
        })
        .collect())
}

/// Whether the row names who answered the request, when, and until when it holds, as the ledger does.
fn is_decided(row: &Request, decision: Option<&Decision>, withdrawn: Option<&Timestamp>) -> bool {
    let Some((actor, at, until)) = decision else {
        return row.decided_by.is_none() && row.decided_at.is_none() && row.until.is_none();
    };
    let is_by = matches!(actor, Actor::Staff { id } if row.decided_by == Some(*id));
    is_by && is_until(row, *until, withdrawn) && row.decided_at.is_some_and(|decided| near(decided, *at))
}

/// Whether the row holds as long as the ledger says. One that was refused or taken back has no tag, and no other is without: whoever takes the
/// tag away takes it back unseen.
fn is_until(row: &Request, until: Option<Timestamp>, withdrawn: Option<&Timestamp>) -> bool {
    match (until, withdrawn) {
        (None, _) => row.until.is_none() && row.tag.is_none(),
        (Some(_), Some(at)) => row.tag.is_none() && row.until.is_some_and(|until| near(until, *at)),
        (Some(until), None) => row.tag.is_some() && row.until == Some(until),
    }
}

/// Whether the row has what was found about it, by whom, and when, as the ledger does.
fn is_reviewed(row: &Request, review: Option<&(GlassReviewed, Actor, Timestamp)>) -> bool {
    let Some((fact, actor, at)) = review else {
        return row.verdict.is_none() && row.reviewed_by.is_none() && row.reviewed_at.is_none();
    };
    let is_by = matches!(actor, Actor::Staff { id } if row.reviewed_by == Some(*id));
    is_by
        && row.verdict.map(Verdict::name) == Some(fact.verdict.as_str())
        && row.reviewed_at.is_some_and(|reviewed| near(reviewed, *at))
}

fn is_alike(row: &Request, told: &Request, withdrawn: Option<&Timestamp>) -> bool {
    (row.staff, row.customer, row.purpose) == (told.staff, told.customer, told.purpose)
        && (row.kind, row.fields.as_slice()) == (told.kind, told.fields.as_slice())
        && near(row.asked_at, told.asked_at)
        && row.decided_by.is_none()
        && row.decided_at.is_some_and(|decided| near(decided, told.asked_at))
        && is_until(row, told.until, withdrawn)
}
