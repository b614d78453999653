//! Staff and the way back of whoever lost every factor: they may begin the waiting time for somebody at the telephone, and
//! two of them together may shorten it. What ends it is a new code to the person's own address and a factor in their own hand;
//! staff see neither, and the password stays what it is (ASVS 5.0 6.4.6).

use std::time::Duration;

use storeward_base::Actor;
use storeward_events::identity::RecoveryWaitShortened;

use super::acts::{Act, Done};
use super::{By, Customers};
use crate::error::Error;
use crate::letter::LetterKind;
use crate::model::Account;
use crate::sql;
use crate::verbs::{note_activity, wait};

/// A waiting time that two agreed to shorten goes on for so long: the person can still stop it.
const AT_LEAST: Duration = Duration::from_secs(3600);
/// The stage of the end.
const END: i64 = 3;

impl Customers {
    /// Begins the waiting time. Nothing where there is no factor to lose, no address to write to, or one goes on already.
    pub(super) async fn begin_way_back(&self, by: &By, account: &Account) -> Result<Done, Error> {
        let shared = &self.0.0;
        let means = shared.means(account.id).await?;
        let now = shared.now();
        let goes_on = shared.wait(account.id).await?.is_some_and(|row| row.is_open(now));
        if goes_on || means.factors.is_empty() || account.email.is_none() || account.locked_at.is_some() {
            return Ok(Done::Already);
        }
        let draft = shared.draft_wait(account, Some(by.staff), "").await?;
        let row = shared.act_row(by, Act::BeginWayBack.word(), now);
        let (customer, post) = (account.id, shared.post.clone());
        let actor = Actor::Staff { id: by.staff };
        let written = shared.db.write(move |tx| -> Result<(), Error> {
            draft.write(tx, &*post, actor)?;
            Ok(sql::staff_act::insert(tx, customer, &row)?)
        });
        written.await?;
        Ok(Done::Changed)
    }

    /// The first who asks is noted; when another one asks, it ends in an hour, and the person is told.
    pub(super) async fn shorten_way_back(&self, by: &By, account: &Account) -> Result<Done, Error> {
        let shared = &self.0.0;
        let (customer, staff, now) = (account.id, by.staff, shared.now());
        let open = shared.wait(customer).await?.filter(|row| row.is_open(now) && !row.is_over(now));
        let Some(known) = open else { return Ok(Done::Already) };
        let ends_at = now.plus(AT_LEAST);
        if known.ends_at <= ends_at {
            return Ok(Done::Already);
        }
        let row = shared.act_row(by, Act::ShortenWayBack.word(), now);
        let activity = shared.activity(Act::ShortenWayBack.activity(), "");
        let letters = shared.wait_letters(LetterKind::RecoveryWaitGoesOn, account, ends_at).await?;
        let post = shared.post.clone();
        let written = shared.db.write(move |tx| -> Result<Done, Error> {
            // Read again under the write: of two who ask at once, one is the first.
            let current = sql::wait::of_customer(tx, customer)?.filter(|row| row.begun_at == known.begun_at);
            let Some(asked_by) = current.map(|row| row.shorten_asked_by) else {
                tx.commit_silent("it was stopped meanwhile");
                return Ok(Done::Already);
            };
            match asked_by {
                None => {
                    tx.commit_silent("one member of staff alone shortens nothing");
                    if !sql::wait::ask_shorter(tx, customer, staff, now)? {
                        return Ok(Done::Already);
                    }
                    sql::staff_act::insert(tx, customer, &row)?;
                    Ok(Done::WaitsForAnother)
                }
                Some(first) if first == staff => {
                    tx.commit_silent("the same member of staff asked twice");
                    Ok(Done::WaitsForAnother)
                }
                Some(first) => {
                    if !sql::wait::shorten(tx, customer, ends_at, first)? {
                        tx.commit_silent("it was stopped meanwhile");
                        return Ok(Done::Already);
                    }
                    wait::promise(tx, customer, known.begun_at, END, ends_at)?;
                    sql::staff_act::insert(tx, customer, &row)?;
                    note_activity(tx, customer, &activity)?;
                    letters.write(tx, &*post)?;
                    let fact = RecoveryWaitShortened { customer, ends_at, asked_by: first };
                    tx.append(Actor::Staff { id: staff }, None, fact)?;
                    Ok(Done::Changed)
                }
            }
        });
        written.await
    }
}
