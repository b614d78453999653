//! Naming an order of a customer, by which the rules show more.
//!
//! Orders' numbers are short and in sequence: whoever may try as many as they like finds one. So a wrong one is a denial, on record with
//! the customer, a few are slips of the pen, and whoever has more of them names none for a while.

use std::collections::BTreeSet;

use storeward_base::{Actor, CustomerId};
use storeward_events::Event;
use storeward_events::office::UnusualReading;
use storeward_events::vault::OpeningDenied;
use storeward_policy::Act;
use storeward_seal::envelope::CustomerKey;
use storeward_store::{Tx, ledger};

use crate::asking::Ask;
use crate::catalogue::Field;
use crate::opening::{VOLUME_WINDOW, open_row};
use crate::records::Provenance;
use crate::sql::FieldRow;
use crate::{Error, sights};

/// Wrong ones within an hour, of one person, or of all keys that count as one.
pub(crate) const MOST_WRONG: usize = 5;
/// Orders' numbers behind one, none of which is kept where it lies beyond those that are. Where numbers lie thinner than one in so many,
/// whoever tries [`crate::looking`]'s sixty of them finds nobody either.
pub(crate) const AHEAD: usize = 100;
/// The order that was named is none of the customer's.
pub(crate) const NOT_THEIRS: &str = "not_their_order";
/// Whoever asks named too many of those.
pub(crate) const TOO_MANY: &str = "too_many_orders";
/// Counted by the signed ledger, as openings are: a restart forgets nothing.
const COUNTED: &[&str] = &["vault.opening_denied"];

/// What an order that somebody names is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Theirs,
    /// None was named, or one that the asking key wrote itself: that says nothing, also where somebody else wrote it, too. Else a key
    /// that writes would try as many as it likes.
    Nothing,
    Wrong,
}

/// What the order that is named is, by the values that are sealed: an index that somebody changed names nobody's order.
pub(crate) fn named(rows: &[FieldRow], key: &CustomerKey, ask: &Ask) -> Result<Named, Error> {
    let Some(order) = &ask.order else { return Ok(Named::Nothing) };
    let number = Field::find("order.number").expect("the catalogue has it");
    let wanted = number.take(order).ok().and_then(|kept| number.normal(&kept));
    let Some(wanted) = wanted else { return Ok(Named::Wrong) };
    let own = Provenance::Shop.kept_by(ask.asker.actor);
    let mut named = Named::Wrong;
    for row in rows.iter().filter(|row| row.collection == "order" && row.field == number.name) {
        if number.normal(open_row(key, ask.customer, row)?.expose()).as_ref() != Some(&wanted) {
            continue;
        }
        // Who asks must not be who proves.
        if matches!(ask.asker.actor, Actor::Key { .. }) && row.provenance == own {
            return Ok(Named::Nothing);
        }
        named = Named::Theirs;
    }
    Ok(named)
}

/// Why an order may not be named so, where that is so. Customers name none.
pub(crate) fn refusal(tx: &mut Tx<'_>, ask: &Ask, named: Named) -> Result<Option<&'static str>, Error> {
    let is_followed = matches!(ask.asker.actor, Actor::Staff { .. } | Actor::Key { .. });
    if ask.order.is_none() || !is_followed {
        return Ok(None);
    }
    // Also of the right one, else its answer would say which it is.
    if wrong_lately(tx, ask)?.len() >= MOST_WRONG {
        return Ok(Some(TOO_MANY));
    }
    Ok((named == Named::Wrong).then_some(NOT_THEIRS))
}

/// Puts on record that it was refused; the last that is let pass is told as a finding.
pub(crate) fn deny(
    tx: &mut Tx<'_>,
    act: Act,
    ask: &Ask,
    fields: &[&'static Field],
    reason: &'static str,
) -> Result<(), Error> {
    let (actor, customer) = (ask.asker.actor, ask.customer);
    let names = fields.iter().map(|field| field.full_name());
    let denied = OpeningDenied {
        customer,
        collection: "record".to_owned(),
        fields: std::iter::once(act.name().to_owned()).chain(names).collect(),
        purpose: ask.purpose.name().to_owned(),
        reason: reason.to_owned(),
    };
    let record = tx.append(actor, None, denied)?;
    sights::insert(tx, &record, customer, ask.purpose, false)?;
    let wrong = wrong_lately(tx, ask)?;
    if reason == NOT_THEIRS && wrong.len() == MOST_WRONG {
        let customers: BTreeSet<&CustomerId> = wrong.iter().collect();
        let (customers, limit) = (count(customers.len()), count(MOST_WRONG));
        tx.append(
            actor,
            None,
            UnusualReading { reason: "orders".to_owned(), customers, limit, minutes: 60 },
        )?;
    }
    Ok(())
}

/// Rows of digits in one number that are counted up: a year, a number, a check digit.
const ROWS: usize = 4;

/// An order's number and the [`AHEAD`] behind it, by each row of digits in it: which of them counts the orders, and which is a year or a check
/// digit, no number says. Nothing where it does not end in a number, has more rows than [`ROWS`], or one that is too long to count.
pub(crate) fn from(number: &str) -> Option<Vec<String>> {
    let is_digit = |sign: char| sign.is_ascii_digit();
    let (mut all, mut end) = (Vec::new(), number.len());
    for _ in 0..ROWS {
        let head = number.get(..end)?;
        let before = head.trim_end_matches(is_digit);
        let (digits, behind) = (head.get(before.len()..)?, number.get(end..)?);
        let (first, width) = (digits.parse::<u64>().ok()?, digits.len());
        for step in 0..=u64::try_from(AHEAD).ok()? {
            all.push(format!("{before}{:0width$}{behind}", first.checked_add(step)?));
        }
        end = before.rfind(is_digit).map_or(0, |last| last + 1);
        if end == 0 {
            return Some(all);
        }
    }
    None
}

pub(crate) fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

/// Of whom somebody, or a key that counts as the same, named a wrong order within the hour.
fn wrong_lately(tx: &mut Tx<'_>, ask: &Ask) -> Result<Vec<CustomerId>, Error> {
    let mut actors = ask.asker.alike(tx)?;
    actors.push(ask.asker.actor);
    let mut wrong = Vec::new();
    let from = tx.now().minus(VOLUME_WINDOW);
    ledger::lately(tx, COUNTED, from, |record| match &record.event {
        Event::OpeningDenied(fact) if fact.reason == NOT_THEIRS && actors.contains(&record.actor) => {
            wrong.push(fact.customer);
        }
        _ => {}
    })?;
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_behind_an_orders_are_written_as_it_is() {
        for (number, second, last) in [
            ("47511", "47512", "47611"),
            ("A-0999", "A-1000", "A-1099"),
            ("2026/007", "2026/008", "2026/107"),
        ] {
            let all = from(number).unwrap();
            assert_eq!(all[0], number);
            assert_eq!((all[1].as_str(), all[AHEAD].as_str()), (second, last));
        }
        // A year behind the number, and a check digit: what is behind them says nothing of the orders.
        for (number, next) in [("47511/2026", "47512/2026"), ("47511-3", "47512-3"), ("2026/007", "2027/007")]
        {
            assert!(from(number).unwrap().contains(&next.to_owned()), "{number}");
        }
        for none in ["1-2-3-4-5", "", "A-", "47511b", "99999999999999999999999", "18446744073709551615"] {
            assert_eq!(from(none), None, "{none}");
        }
    }
}
