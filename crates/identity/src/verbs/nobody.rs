//! The work that is done for an address without a password here. Imported hashes take other times than our own, some of them much
//! longer; if nobody's always took the time of our own, a slow answer would say that there is an account. So nobody's address has a
//! form too: drawn by the address from the forms that are stored, as often as they are, and the same at each try. New accounts are
//! counted before the next answer, since an import may bring thousands of a slow form while this runs; what was hashed anew or deleted
//! is seen when all are counted again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{CustomerId, Secret, Timestamp};
use storeward_passwords::{StoredHash, Ticket};
use storeward_store::Reader;

use super::Shared;
use crate::error::Error;
use crate::passwords::{Fit, Passwords, Work};
use crate::sql;

/// How long what was counted is gone by.
const COUNT_AGAIN: Duration = Duration::from_secs(15 * 60);

/// The forms as they were counted last.
#[derive(Default)]
pub(crate) struct Nobody {
    last: Mutex<Option<(Timestamp, Arc<Forms>)>>,
    first: tokio::sync::Mutex<()>,
}

/// How many stored hashes take which work.
#[derive(Clone, Default)]
struct Counted {
    by_work: BTreeMap<Work, (u64, StoredHash)>,
    /// The newest account that was looked at. Ids go up with the time; what came in the same millisecond and has a lower one is seen
    /// when all are counted again.
    newest: Option<CustomerId>,
}

/// The same, to be drawn from.
#[derive(Default)]
struct Forms {
    counted: Counted,
    /// The slowest first, each with the number of hashes that take its work or more. As accounts are signed in to and get our own form,
    /// the places of the slow ones become those of faster ones, as the accounts' own do.
    up_to: Vec<(u64, StoredHash)>,
}

impl Forms {
    fn of(counted: Counted) -> Self {
        let mut sum = 0;
        let up_to = counted.by_work.values().rev().map(|(count, decoy)| {
            sum += count;
            (sum, decoy.clone())
        });
        Forms { up_to: up_to.collect(), counted }
    }

    /// The form at this place of 2^64; none where nothing is stored.
    fn at(&self, place: u64) -> Option<&StoredHash> {
        let (all, _) = self.up_to.last()?;
        let number = (u128::from(place) * u128::from(*all)) >> 64;
        self.up_to.iter().find(|(up_to, _)| u128::from(*up_to) > number).map(|(_, decoy)| decoy)
    }
}

impl Nobody {
    fn last(&self) -> Option<(Timestamp, Arc<Forms>)> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, at: Timestamp, forms: Arc<Forms>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, forms));
    }
}

impl Shared {
    /// Looks at a password for this address, with what is stored for it or with one of the forms that are stored for others.
    pub(super) async fn look(
        self: &Arc<Self>,
        ticket: Ticket,
        (stored, address): (Option<&str>, &str),
        given: Secret<String>,
    ) -> Result<Fit, Error> {
        // Whether anything is stored or not: reading what is new takes a moment, too.
        let forms = self.forms().await?;
        if stored.is_some() {
            return self.passwords.check(ticket, stored, given).await;
        }
        match forms.at(self.marks.place(address)) {
            Some(decoy) => self.passwords.check_nobody(ticket, decoy.clone(), given).await,
            None => self.passwords.check(ticket, None, given).await,
        }
    }

    /// As they were counted last, with what is new since: all before the first answer, and from then on beside the others.
    async fn forms(self: &Arc<Self>) -> Result<Arc<Forms>, Error> {
        let now = self.now();
        if let Some((at, mut forms)) = self.nobody.last() {
            let is_old = now.since(at) >= COUNT_AGAIN;
            let at = if is_old { now } else { at };
            if is_old {
                // Only one counts.
                self.nobody.keep(at, forms.clone());
            }
            if let Some(counted) = self.count_on(forms.counted.clone()).await? {
                forms = Arc::new(Forms::of(counted));
                // Two that count on at once count the same.
                self.nobody.keep(at, forms.clone());
            }
            if is_old {
                let shared = self.clone();
                tokio::spawn(async move {
                    // Where it fails, what was counted before stands until the next time.
                    if let Ok(Some(counted)) = shared.count_on(Counted::default()).await {
                        shared.nobody.keep(at, Arc::new(Forms::of(counted)));
                    }
                });
            }
            return Ok(forms);
        }
        let _first = self.nobody.first.lock().await;
        if let Some((_, forms)) = self.nobody.last() {
            return Ok(forms);
        }
        let counted = self.count_on(Counted::default()).await?.unwrap_or_default();
        let forms = Arc::new(Forms::of(counted));
        self.nobody.keep(now, forms.clone());
        Ok(forms)
    }

    /// Counts the accounts that are newer than those that were counted; `None` where there are none.
    async fn count_on(&self, mut counted: Counted) -> Result<Option<Counted>, Error> {
        let before = counted.newest;
        // Most accounts may have no password of their own: each try would walk over those that came since the last one that has.
        let newest = self.db.read(sql::account::newest).await?;
        if newest <= before {
            return Ok(None);
        }
        loop {
            let after = counted.newest;
            let page = self
                .db
                .read(move |reader: &mut Reader<'_>| sql::account::hashes_after(reader, after))
                .await?;
            let Some((last, _)) = page.last() else { break };
            counted.newest = Some(*last);
            page.iter().for_each(|(_, hash)| count(&mut counted.by_work, &self.passwords, hash));
        }
        counted.newest = counted.newest.max(newest);
        Ok(Some(counted))
    }
}

fn count(counted: &mut BTreeMap<Work, (u64, StoredHash)>, passwords: &Passwords, hash: &str) {
    if let Some((work, stored)) = passwords.work(hash) {
        counted.entry(work).or_insert_with(|| (0, stored.decoy())).0 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_each_form_as_often_as_it_is_stored() {
        let form = |text: &str| StoredHash::parse(text).unwrap();
        let slow = form("$2b$14$abcdefghijklmnopqrstuuAbCdEfGhIjKlMnOpQrStUvWxYz01232");
        let fast = form("5b0fb22b69b01af554df844b54a139c1");
        let counted = |slow_ones: u64, fast_ones: u64| {
            let by_work = BTreeMap::from([
                ((900, "bcrypt"), (slow_ones, slow.clone())),
                ((30, "md5"), (fast_ones, fast.clone())),
            ]);
            Forms::of(Counted { by_work, newest: None })
        };
        let quarter = counted(1, 3);
        let places: Vec<u64> = (0..1_000).map(|n| n * (u64::MAX / 1_000) + u64::MAX / 2_000).collect();
        let slow_at = |forms: &Forms| places.iter().filter(|place| forms.at(**place) == Some(&slow)).count();
        assert_eq!(slow_at(&quarter), 250);
        assert_eq!((quarter.at(0), quarter.at(u64::MAX)), (Some(&slow), Some(&fast)));
        // Where fewer are slow, no place becomes slow that was not.
        let fewer = counted(1, 9);
        assert_eq!(slow_at(&fewer), 100);
        assert!(
            places.iter().all(|place| fewer.at(*place) == Some(&fast) || quarter.at(*place) == Some(&slow))
        );
        assert_eq!(Forms::default().at(7), None);
    }
}
