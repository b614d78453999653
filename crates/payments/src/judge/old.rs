//! Reviews of a version whose seals left them out: those that are what the ledger says come under the seals of their payments.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use storeward_base::{PageSize, PaymentId, Timestamp};
use storeward_events::Event;
use storeward_store::ledger::{self, Filter};
use storeward_store::{Error as StoreError, Reader, Tx, params, statements};

use super::review::{Review, unlooked};
use crate::error::Error;
use crate::payments::{Payments, Shared};

statements! {
    REVIEWED = "SELECT payment FROM payment_review WHERE payment > $1 AND payment < '~' ORDER BY payment LIMIT $2";
    MONEY_OF = "SELECT authorized, captured FROM payment WHERE id = $1";
    WAIT_ANEW = "UPDATE payment_review SET state = 'waiting', is_owed = 0, closed_at = NULL WHERE payment = $1";
}

const PAGE: u32 = 200;
const OVER: &[u8] = b"reviews that stand under no seal are not Storeward's\n";

/// What the ledger says of a review: until when it had to be decided, and what was.
#[derive(Clone, Debug, Default)]
struct Said {
    due_at: Option<Timestamp>,
    outcome: Option<String>,
}

/// What is to be done with a review that stands under no seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belief {
    /// It is what the ledger says, or nothing follows from it.
    Sound,
    /// The ledger says nothing of it, and money would follow: a person decides.
    Ask,
    Harmed,
}

fn belief(review: &Review, said: Option<&Said>, has_money: bool) -> Belief {
    let (due_at, outcome) = said.map_or((None, None), |said| (said.due_at, said.outcome.as_deref()));
    let is_untold = due_at.is_none() && outcome.is_none();
    match review.state.as_str() {
        "passing" | "waiting" if is_untold && !has_money => Belief::Sound,
        "passed" if is_untold && !review.is_owed => Belief::Sound,
        "passing" | "waiting" | "passed" if is_untold => Belief::Ask,
        "open" if due_at.is_some() && due_at == review.due_at && outcome.is_none() => Belief::Sound,
        "approved" | "declined" | "expired" | "withdrawn" | "voided"
            if outcome == Some(review.state.as_str()) || is_untold && !review.is_owed =>
        {
            Belief::Sound
        }
        _ => Belief::Harmed,
    }
}

fn said_of(reader: &mut Reader<'_>) -> Result<BTreeMap<PaymentId, Said>, StoreError> {
    let mut all = BTreeMap::<PaymentId, Said>::new();
    let mut before = None;
    loop {
        let kind_prefix = Some("fraud.review_".to_owned());
        let filter = Filter { kind_prefix, before, ..Filter::default() };
        let page = ledger::believed(reader, &filter, PageSize::new(PageSize::MAX))?;
        for (_, record) in page.rows {
            match record.event {
                Event::ReviewOpened(fact) => all.entry(fact.payment).or_default().due_at = Some(fact.due_at),
                Event::ReviewClosed(fact) => {
                    all.entry(fact.payment).or_default().outcome = Some(fact.outcome);
                }
                _ => {}
            }
        }
        before = page.next;
        if before.is_none() {
            return Ok(all);
        }
    }
}

impl Payments {
    /// Takes reviews of a version whose seals left them out under the seals of their payments, where they are what the ledger says.
    /// `marker` is a file beside the keys that saves later starts the look; without it nothing is let in that was not said. After
    /// [`Payments::bind_old_blocking`], before anything is served.
    pub fn bind_reviews_blocking(&self, marker: &Path) -> Result<(), Error> {
        if fs::read(marker).is_ok_and(|words| words == OVER) {
            return Ok(());
        }
        let (keys, shared) = (self.0.keys.clone(), Arc::clone(&self.0));
        self.0.db.write_blocking(move |tx| -> Result<(), Error> {
            tx.commit_silent("reviews of an earlier version stand under their payments' seals");
            let said = said_of(tx)?;
            keys.writing(tx, |tx| shared.bind_reviews(tx, &said)).map(|(done, _)| done)
        })?;
        // Behind the write: whatever ends this start before it, the next one looks again. Whole or not at all, as the words show.
        drop(fs::write(marker, OVER));
        Ok(())
    }
}

impl Shared {
    fn bind_reviews(&self, tx: &mut Tx<'_>, said: &BTreeMap<PaymentId, Said>) -> Result<(), Error> {
        let mut after = String::new();
        loop {
            let page: Vec<String> = tx.query_many(REVIEWED, params![&after, PAGE], |row| row.get(0))?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(last);
            for id in page.iter().filter_map(|text| crate::believed::id_of(text)) {
                if self.keys.fits_without_review(tx, id)? {
                    self.bind_review(tx, id, said.get(&id))?;
                }
            }
        }
    }

    fn bind_review(&self, tx: &mut Tx<'_>, id: PaymentId, said: Option<&Said>) -> Result<(), Error> {
        let Some(review) = unlooked(tx, id)? else { return Ok(()) };
        let (authorized, captured): (i64, i64) =
            tx.query_one(MONEY_OF, params![id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let has_money = authorized != 0 || captured != 0;
        match belief(&review, said, has_money) {
            Belief::Harmed => Ok(()),
            Belief::Sound => self.keys.seal(tx, id),
            Belief::Ask => {
                tx.execute(WAIT_ANEW, params![id])?;
                self.keys.seal(tx, id)?;
                let payment = crate::sql::get(tx, id)?;
                self.open_review(tx, &payment)
            }
        }
    }
}
