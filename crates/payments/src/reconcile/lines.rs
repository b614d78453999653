//! Lines of a provider's list that cannot be read: each is a difference of its own, until it is read, whatever it turns out to be.

use std::collections::BTreeSet;

use storeward_store::{Tx, params, statements};

use super::{Found, settle_one};
use crate::error::Error;
use crate::model::Provider;
use crate::provider::Listed;

statements! {
    OPEN_LINES = "SELECT reference FROM payment_difference WHERE provider = $1 AND what = 'line_not_read' AND settled_at IS NULL \
                  ORDER BY reference LIMIT 10000";
}

const WHAT: &str = "line_not_read";

/// Lines without a name are one difference of their day.
fn nameless(day: &str) -> String {
    format!("list-of-{day}")
}

/// Under the provider's name for them.
fn names(day: &str, listed: &Listed) -> BTreeSet<String> {
    listed.unread.iter().map(|name| name.clone().unwrap_or_else(|| nameless(day))).collect()
}

/// Each once.
pub(super) fn unread(day: &str, listed: &Listed) -> Vec<Found> {
    let found =
        |reference| Found { what: WHAT, reference, payment: None, there: None, here: None, currency: None };
    names(day, listed).into_iter().map(found).collect()
}

/// Those that are read now. Fees, payouts and what others took are compared with nothing, so nothing else would settle them; and one whose
/// amount does not agree is read all the same.
pub(super) fn settle_read(
    tx: &mut Tx<'_>,
    provider: Provider,
    day: &str,
    listed: &Listed,
) -> Result<(), Error> {
    let (unread, nameless) = (names(day, listed), nameless(day));
    let open: Vec<String> = tx.query_many(OPEN_LINES, params![provider.word()], |row| row.get(0))?;
    let is_read = |name: &String| listed.read.contains(name) || *name == nameless;
    for name in open.iter().filter(|name| is_read(name) && !unread.contains(*name)) {
        settle_one(tx, provider.word(), name, WHAT)?;
    }
    Ok(())
}
