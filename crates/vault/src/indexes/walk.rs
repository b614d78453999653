//! The walk over all customers that makes marks anew, and the one that takes old marks away.

use std::collections::BTreeSet;
use std::sync::Arc;

use storeward_base::{Actor, CustomerId};
use storeward_events::vault::IndexMade;
use storeward_store::Tx;

use super::{Plan, Row, State, sql};
use crate::Error;
use crate::catalogue::Field;
use crate::keys::Held;
use crate::opening::open_row;
use crate::records::Vault;

/// How far marks are that are being made or taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Making {
    pub root: u32,
    /// Empty: of whole values.
    pub field: String,
    pub is_ending: bool,
    pub done: u64,
    pub of: u64,
}

impl Vault {
    /// Brings what the data says of its marks in line with the roots that there are, and with the fields that are to be found by parts.
    /// After a restore this is where it shows that marks are of a root that is gone. What has to be made is made by
    /// [`Vault::make_indexes`].
    pub async fn settle_indexes(&self, by_part: &[&'static Field]) -> Result<(), Error> {
        // Before the roots: of a row that is there now the key store has the root, or it is over. One that another program begins from here on
        // is none of those.
        let rows = self.0.db.read(|reader| -> Result<_, Error> { Ok(sql::all(reader)?) }).await?;
        let before: BTreeSet<(u32, String)> = rows.into_iter().map(|row| (row.root, row.field)).collect();
        self.keys().read_indexes().await?;
        let live: Vec<u32> = self.keys().indexes().iter().map(|(version, _)| *version).collect();
        let wanted: Vec<String> = by_part.iter().map(|field| field.full_name()).collect();
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("that marks are made is told when they are");
            settle(tx, &before, &live, &wanted)
        });
        written.await
    }

    /// Whether customers can be found: false where all marks have yet to be made, as after a restore beside newer keys.
    pub async fn can_find(&self) -> Result<bool, Error> {
        let rows = self.0.db.read(|reader| -> Result<_, Error> { Ok(sql::all(reader)?) }).await?;
        Ok(rows.is_empty() || rows.iter().any(|row| row.field.is_empty() && row.state == State::Made))
    }

    /// What is under way.
    pub async fn indexes_under_way(&self) -> Result<Vec<Making>, Error> {
        let found = self.0.db.read(|reader| -> Result<_, Error> {
            Ok((sql::all(reader)?, crate::sql::size(reader)?.customers))
        });
        let (rows, of) = found.await?;
        let under_way = rows.into_iter().filter(|row| row.state != State::Made);
        Ok(under_way
            .map(|Row { root, field, state, done, .. }| Making {
                root,
                field,
                is_ending: state == State::Ending,
                done,
                of,
            })
            .collect())
    }

    /// Replaces the root of the indexes: begins another one, unless one was begun already, makes all marks anew, and destroys the one
    /// before. Everything works meanwhile; what was interrupted is gone on with by [`Vault::make_indexes`]. Whether it began here: false
    /// where one was under way, which was gone on with.
    pub async fn renew_index(&self, progress: impl FnMut(Making) + Send) -> Result<bool, Error> {
        let begun = self.keys().begin_index().await?;
        let by_part = self.found_by_parts().await?;
        self.settle_indexes(&by_part).await?;
        self.make_indexes(progress).await?;
        Ok(begun)
    }

    /// Makes all marks anew from what is sealed, with the roots that are there.
    pub async fn remake_index(&self, progress: impl FnMut(Making) + Send) -> Result<(), Error> {
        self.forget_marks().await?;
        self.make_indexes(progress).await
    }

    /// Takes all marks away, whoever made them, and has them made anew by [`Vault::make_indexes`]: those of a backup say what they said when it
    /// was made, or what somebody wrote into it since. Until they are made nobody is found ([`Vault::can_find`]). Marks of whoever has no key in
    /// the key store stay, since nothing here could make them anew: of how many customers.
    pub async fn forget_marks(&self) -> Result<u64, Error> {
        let without_key = self.without_key().await?;
        let count = u64::try_from(without_key.len()).unwrap_or(u64::MAX);
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("that marks are made is told when they are");
            if without_key.is_empty() {
                sql::delete_all_marks(tx)?;
            } else {
                delete_marks_but(tx, &without_key)?;
            }
            for row in sql::all(tx)?.iter().filter(|row| row.state != State::Ending) {
                sql::set_state(tx, row.root, &row.field, State::Making)?;
            }
            Ok(())
        });
        written.await.map(|()| count)
    }

    /// Customers whom nobody erased, and who have no key in the store.
    pub async fn without_key(&self) -> Result<BTreeSet<CustomerId>, Error> {
        let (mut with_key, mut after) = (BTreeSet::new(), Some(String::new()));
        while let Some(from) = after {
            let (rows, last) = self.keys().noted(from).await?;
            with_key.extend(rows.into_iter().map(|(customer, _)| customer));
            after = last;
        }
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let (mut without, mut after) = (BTreeSet::new(), Some(String::new()));
            while let Some(from) = after {
                let page = crate::sql::page(reader, &from)?;
                for customer in page.customers.into_iter().filter(|customer| !with_key.contains(customer)) {
                    let row = crate::sql::customer(reader, customer)?;
                    if row.is_some_and(|row| row.erasure_begun_at.is_none()) {
                        without.insert(customer);
                    }
                }
                after = page.last;
            }
            Ok(without)
        });
        found.await
    }

    /// Goes on until all marks are made, and those of roots that are over are gone with them.
    pub async fn make_indexes(&self, mut progress: impl FnMut(Making) + Send) -> Result<(), Error> {
        self.keys().read_indexes().await?;
        let mut unknown = None;
        loop {
            let rows = self.0.db.read(|reader| -> Result<_, Error> { Ok(sql::all(reader)?) }).await?;
            // Those that are equally far are made in one walk.
            let making = rows.iter().filter(|row| row.state == State::Making);
            if let Some(position) = making.clone().map(|row| row.position.clone()).min() {
                let group = making.filter(|row| row.position == position).cloned().collect();
                match self.make_some(group, &position, &mut progress).await {
                    // Another program began it since they were read.
                    Err(Error::OtherRoots(root)) if unknown != Some(root) => {
                        unknown = Some(root);
                        self.keys().read_indexes().await?;
                    }
                    made => made?,
                }
            } else if let Some(row) = rows.iter().find(|row| row.state == State::Ending) {
                if self.is_last(row) {
                    // No renewal ends the root that all go by: somebody wrote that into the row.
                    self.make_again(row.clone()).await?;
                } else {
                    self.end_some(row.clone(), &mut progress).await?;
                }
            } else if !self.end_older(&rows).await? {
                return Ok(());
            }
        }
    }

    /// One page of customers, or the end of the walk.
    async fn make_some(
        &self,
        group: Vec<Row>,
        position: &str,
        progress: &mut (impl FnMut(Making) + Send),
    ) -> Result<(), Error> {
        let after = position.to_owned();
        let (page, last, of) = self.page_of(after).await?;
        let Some(last) = last else { return self.end_walk(group).await };
        let mut held: Vec<(CustomerId, Option<Held>)> = Vec::new();
        for customer in page {
            let key = match self.keys().held_in_store(customer).await {
                Ok(key) => key,
                Err(Error::Store(why)) => return Err(Error::Store(why)),
                // Named by the look over all records; nobody is kept from being found by it.
                Err(_) => None,
            };
            held.push((customer, key));
        }
        let (roots, some, to) = (self.keys().indexes(), group.clone(), last.clone());
        let held = Arc::new(held);
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("how far the walk is stands in its row; its end is told");
            // Of a root that ended meanwhile nothing is made.
            Plan::read(tx, &roots)?;
            let mut left_out = 0;
            for (customer, key) in held.iter() {
                left_out += u64::from(!make_of(tx, *customer, key.as_ref(), &some, &roots)?);
            }
            let done = u64::try_from(held.len()).unwrap_or(0);
            some.iter().try_for_each(|row| sql::step(tx, row, &to, done, left_out)).map_err(Error::from)
        });
        written.await?;
        if let Some(row) = group.first() {
            progress(Making {
                root: row.root,
                field: row.field.clone(),
                is_ending: false,
                done: row.done,
                of,
            });
        }
        Ok(())
    }

    /// The next customers, behind which text those after them are, and how many there are.
    async fn page_of(&self, after: String) -> Result<(Vec<CustomerId>, Option<String>, u64), Error> {
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let page = crate::sql::page(reader, &after)?;
            Ok((page.customers, page.last, crate::sql::size(reader)?.customers))
        });
        found.await
    }

    async fn end_walk(&self, group: Vec<Row>) -> Result<(), Error> {
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            let mut told = 0;
            for row in &group {
                if sql::end(tx, row)? {
                    let (version, field) = (row.root, row.field.clone());
                    let fact = IndexMade { version, field, customers: row.done, left_out: row.left_out };
                    tx.append(Actor::System, None, fact)?;
                    told += 1;
                }
            }
            if told == 0 {
                tx.commit_silent("another program told of it");
            }
            Ok(())
        });
        written.await
    }

    /// Once all of the newest root is made, the roots before it are over. Whether there were any.
    async fn end_older(&self, rows: &[Row]) -> Result<bool, Error> {
        let newest = rows.iter().map(|row| row.root).max().unwrap_or(0);
        let older: Vec<Row> = rows.iter().filter(|row| row.root < newest).cloned().collect();
        if older.is_empty() {
            return Ok(false);
        }
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("the end of a root is told when it is destroyed");
            older
                .iter()
                .try_for_each(|row| sql::set_state(tx, row.root, &row.field, State::Ending))
                .map_err(Error::from)
        });
        written.await.map(|()| true)
    }

    /// Whether the row is of all values, and of the newest root that lives.
    fn is_last(&self, row: &Row) -> bool {
        let newest = self.keys().indexes().last().map(|(version, _)| *version);
        row.field.is_empty() && newest == Some(row.root)
    }

    async fn make_again(&self, row: Row) -> Result<(), Error> {
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("that marks are made is told when they are");
            Ok(sql::set_state(tx, row.root, &row.field, State::Making)?)
        });
        written.await
    }

    async fn end_some(&self, row: Row, progress: &mut (impl FnMut(Making) + Send)) -> Result<(), Error> {
        let after = row.position.clone();
        let (page, last, of) = self.page_of(after).await?;
        let Some(last) = last else {
            if row.field.is_empty() {
                self.keys().end_index(row.root).await?;
            }
            let written = self.0.db.write(move |tx| -> Result<(), Error> {
                tx.commit_silent("the key store's ledger tells of a root's end");
                Ok(sql::drop_row(tx, &row)?)
            });
            return written.await;
        };
        progress(Making { root: row.root, field: row.field.clone(), is_ending: true, done: row.done, of });
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("how far the walk is stands in its row");
            for customer in &page {
                sql::delete_marks(tx, *customer, &row)?;
            }
            Ok(sql::step(tx, &row, &last, u64::try_from(page.len()).unwrap_or(0), 0)?)
        });
        written.await
    }
}

/// `before`: which rows there were when the roots that live were read.
fn settle(
    tx: &mut Tx<'_>,
    before: &BTreeSet<(u32, String)>,
    live: &[u32],
    wanted: &[String],
) -> Result<(), Error> {
    let rows = sql::all(tx)?;
    let is_first = rows.is_empty();
    for row in &rows {
        let is_gone = !live.contains(&row.root) && before.contains(&(row.root, row.field.clone()));
        let is_over = is_gone || !(row.field.is_empty() || wanted.contains(&row.field));
        if is_over && row.state != State::Ending {
            sql::set_state(tx, row.root, &row.field, State::Ending)?;
        }
    }
    let of = |root: u32, field: &str| rows.iter().find(|row| row.root == root && row.field == field);
    let newest = rows.iter().map(|row| row.root).filter(|root| live.contains(root)).max();
    for root in live {
        let known = of(*root, "").map(|row| row.state);
        // Another program ended it, and took its row away, since they were read.
        if known.is_none() && before.contains(&(*root, String::new())) {
            continue;
        }
        let whole = known.unwrap_or(match newest {
            // The first root's marks were there before this table was.
            None if is_first && *root == 1 => State::Made,
            // Another program took its marks away since the roots were read; made anew they would be of a root that is gone.
            Some(newest) if *root < newest => State::Ending,
            None | Some(_) => State::Making,
        });
        if known.is_none() {
            sql::put(tx, *root, "", whole)?;
        }
        if whole == State::Ending {
            continue;
        }
        for field in wanted {
            match of(*root, field).map(|row| row.state) {
                None => sql::put(tx, *root, field, State::Making)?,
                // Wanted again before all of it was gone.
                Some(State::Ending) => sql::set_state(tx, *root, field, State::Making)?,
                Some(State::Making | State::Made) => {}
            }
        }
    }
    Ok(())
}

fn delete_marks_but(tx: &mut Tx<'_>, kept: &BTreeSet<CustomerId>) -> Result<(), Error> {
    let mut after = Some(String::new());
    while let Some(from) = after {
        let page = crate::sql::page(tx, &from)?;
        for customer in page.customers.into_iter().filter(|customer| !kept.contains(customer)) {
            sql::delete_marks_of(tx, customer)?;
        }
        after = page.last;
    }
    Ok(sql::delete_nobodys_marks(tx)?)
}

/// Makes the marks of one customer; false where a value could not be read.
fn make_of(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    held: Option<&Held>,
    group: &[Row],
    roots: &[(u32, storeward_seal::IndexRoot)],
) -> Result<bool, Error> {
    crate::sql::hold(tx, customer)?;
    let row = match crate::sql::customer(tx, customer) {
        // Named by the look over all records; nobody else is kept from being found by it.
        Err(storeward_store::Error::Column { .. }) => return Ok(false),
        row => row?,
    };
    if row.is_none_or(|row| row.erasure_begun_at.is_some()) {
        return Ok(true);
    }
    let Some(held) = held else { return Ok(false) };
    for one in group {
        sql::delete_marks(tx, customer, one)?;
    }
    let mut is_whole = true;
    for row in crate::sql::fields(tx, customer)? {
        let Ok(field) = Field::find(&format!("{}.{}", row.collection, row.field)) else { continue };
        let is_found = field.lookup == crate::catalogue::Lookup::Whole
            || group.iter().any(|one| one.field == field.full_name());
        if !is_found {
            continue;
        }
        let Ok(value) = open_row(&held.key, customer, &row) else {
            is_whole = false;
            continue;
        };
        for one in group {
            let Some((_, root)) = roots.iter().find(|(version, _)| *version == one.root) else { continue };
            for mark in one.marks(root, field, value.expose()) {
                sql::add_mark(tx, customer, &row.item, &mark)?;
            }
        }
    }
    Ok(is_whole)
}

#[cfg(test)]
mod tests {
    use storeward_store::both_engines;

    use super::*;

    // Whoever started between the beginning of a renewal and its first row took the new root for one that is gone, and it was destroyed.
    both_engines!(
        what_began_or_ended_since_the_roots_were_read_is_left_alone,
        crate::MIGRATIONS,
        async |db| {
            let written = db.write(|tx| -> Result<_, Error> {
                tx.commit_silent("a test");
                let states = |tx: &mut Tx<'_>| -> Result<Vec<(u32, State)>, Error> {
                    Ok(sql::all(tx)?.into_iter().map(|row| (row.root, row.state)).collect())
                };
                let before = |roots: &[u32]| roots.iter().map(|root| (*root, String::new())).collect();
                sql::put(tx, 1, "", State::Made)?;
                sql::put(tx, 2, "", State::Making)?;
                settle(tx, &before(&[1]), &[1], &[])?;
                let begun = states(tx)?;
                for row in sql::all(tx)?.iter().filter(|row| row.root == 1) {
                    sql::drop_row(tx, row)?;
                }
                settle(tx, &before(&[1]), &[1], &[])?;
                let ended = states(tx)?;
                // Beside keys of before, what was there and is not among them is over.
                settle(tx, &before(&[2]), &[1], &[])?;
                Ok([begun, ended, states(tx)?])
            });
            let made = vec![(1, State::Made), (2, State::Making)];
            let of_before = vec![(1, State::Making), (2, State::Ending)];
            assert_eq!(written.await.unwrap(), [made, vec![(2, State::Making)], of_before]);
        }
    );
}
