//! What the ledger says of places and receipts: whoever is about to write the ledger anew writes these tables first.

use std::time::Duration;

use storeward_base::{PageSize, Timestamp};
use storeward_events::anchor::AnchorPlaced;
use storeward_events::system::RowHarmed;
use storeward_events::{Event, Record};
use storeward_seal::fingerprint::sha256_hex;
use storeward_store::ledger::{self, Filter};
use storeward_store::{Error, Reader};

use crate::sql::{self, State};

/// A row is written with the entry, and says when the call began.
const ONE_CALL: Duration = Duration::from_secs(600);
/// So far back a place's last entry is looked for; one whose last is older is due in any case.
const PAGES: usize = 20;

/// How a place stands, with the last moment that the ledger knows, and what the row says otherwise; nothing for a place that is new.
pub fn state(
    reader: &mut Reader<'_>,
    place: &str,
    now: Timestamp,
) -> Result<Option<(State, Option<RowHarmed>)>, Error> {
    let Some(row) = sql::state(reader, place)? else { return Ok(None) };
    let last = last(reader, place)?;
    let at = last.as_ref().map(|(at, _)| *at);
    let is_future = row.since > now || row.placed_at.is_some_and(|placed| placed > now);
    let fits = match (row.placed_at, at) {
        (Some(row), Some(told)) => row <= told && told.since(row) <= ONE_CALL,
        (None, told) => told.is_none(),
        // The entry may be forgotten.
        (Some(_), None) => true,
    };
    let harm = if is_future { Some("future") } else { (!fits).then_some("changed") };
    let harmed = harm.map(|harm| RowHarmed {
        table: "anchor_place".to_owned(),
        row: place.to_owned(),
        harm: harm.to_owned(),
    });
    let state = State {
        // What has not come counts as never.
        since: if row.since > now { Timestamp::EPOCH } else { row.since },
        placed_at: at,
        size: last.map_or(0, |(_, fact)| fact.size),
        ..row
    };
    Ok(Some((state, harmed)))
}

fn last(reader: &mut Reader<'_>, place: &str) -> Result<Option<(Timestamp, AnchorPlaced)>, Error> {
    let mut found = None;
    each(reader, "anchor.placed", None, PAGES, &mut |_, record| {
        if let Event::AnchorPlaced(fact) = record.event
            && fact.place == place
        {
            found = Some((record.at, fact));
        }
        Ok(found.is_none())
    })?;
    Ok(found)
}

/// Whether a place's failure was told since then.
pub fn is_told(reader: &mut Reader<'_>, place: &str, code: &str, since: Timestamp) -> Result<bool, Error> {
    let mut found = false;
    each(reader, "anchor.failed", Some(since), PAGES, &mut |_, record| {
        if let Event::AnchorFailed(fact) = record.event {
            found = fact.place == place && fact.reason == code;
        }
        Ok(!found)
    })?;
    Ok(found)
}

/// Receipts that the ledger tells of and that are gone or say something else, the newest first; of all that it remembers, or of the
/// last so many.
pub fn look(reader: &mut Reader<'_>, most: Option<usize>) -> Result<Vec<RowHarmed>, Error> {
    let (mut harmed, mut count) = (Vec::new(), 0);
    each(reader, "anchor.placed", None, usize::MAX, &mut |reader, record| {
        let id = record.id.to_string();
        let Event::AnchorPlaced(fact) = record.event else { return Ok(true) };
        let found = sql::find(reader, &id)?;
        let is_alike = found.as_ref().map(|one| {
            (one.place.as_str(), one.size) == (fact.place.as_str(), fact.size)
                && sha256_hex(one.note.as_bytes()) == fact.note
        });
        let harm = match is_alike {
            None => Some("missing"),
            Some(false) => Some("changed"),
            Some(true) => None,
        };
        harmed.extend(harm.map(|harm| RowHarmed {
            table: "anchor_receipt".to_owned(),
            row: id,
            harm: harm.to_owned(),
        }));
        count += 1;
        Ok(most.is_none_or(|most| count < most))
    })?;
    Ok(harmed)
}

/// Entries of a kind, the newest first, until there is enough.
fn each(
    reader: &mut Reader<'_>,
    kind: &str,
    from: Option<Timestamp>,
    pages: usize,
    take: &mut dyn FnMut(&mut Reader<'_>, Record) -> Result<bool, Error>,
) -> Result<(), Error> {
    let mut filter = Filter { kind_prefix: Some(kind.to_owned()), from, ..Filter::default() };
    for _ in 0..pages {
        let page = ledger::believed(reader, &filter, PageSize::new(PageSize::MAX))?;
        for (_, record) in page.rows {
            if !take(reader, record)? {
                return Ok(());
            }
        }
        filter.before = page.next;
        if filter.before.is_none() {
            break;
        }
    }
    Ok(())
}
