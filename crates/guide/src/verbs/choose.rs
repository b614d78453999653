//! Everybody's choices: which reminders they want, and that they looked their account over.

use storeward_base::{Actor, CustomerId};
use storeward_events::guide::ReminderChoiceMade;
use storeward_seal::fingerprint::token_hash;
use storeward_store::{Reader, Tx};

use super::remind::first_due;
use crate::error::Error;
use crate::guide::Guide;
use crate::model::{Act, Topic};
use crate::sql;
use crate::sql::person::Person;
use crate::sql::reminder::Reminder;

/// By which way somebody chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Signed in.
    Page,
    /// The page behind a letter's link.
    Letter,
    /// The mail program, in one click (RFC 8058).
    OneClick,
}

impl Way {
    const fn word(self) -> &'static str {
        match self {
            Way::Page => "page",
            Way::Letter => "letter",
            Way::OneClick => "one_click",
        }
    }
}

/// Takes somebody in who was never reminded.
fn person(tx: &mut Tx<'_>, customer: CustomerId) -> Result<Person, Error> {
    let now = tx.now();
    sql::person::enlist(tx, customer, customer.made_at().min(now), first_due(now))?;
    let found = sql::person::by_id(tx, customer)?;
    Ok(found.unwrap_or(Person {
        customer,
        since: now,
        due_at: now,
        reminded_at: None,
        reviewed_at: None,
        unwanted: Vec::new(),
    }))
}

/// Writes what changes, with an event for each change; silent where nothing does.
fn set(tx: &mut Tx<'_>, customer: CustomerId, unwanted: &[Topic], way: Way) -> Result<(), Error> {
    let before = person(tx, customer)?.unwanted;
    let mut changed = false;
    for topic in Topic::switchable() {
        let wanted = !unwanted.contains(&topic);
        if wanted != before.contains(&topic) {
            continue;
        }
        changed = true;
        let (topic, way) = (topic.word().to_owned(), way.word().to_owned());
        tx.append(
            Actor::Customer { id: customer },
            None,
            ReminderChoiceMade { customer, topic, wanted, way },
        )?;
    }
    if changed {
        sql::person::choose(tx, customer, unwanted)?;
    } else {
        tx.commit_silent("the choice is the one there was");
    }
    Ok(())
}

impl Guide {
    /// The kinds that somebody does not want.
    pub async fn unwanted_of(&self, customer: CustomerId) -> Result<Vec<Topic>, Error> {
        let found = self.0.db.read(move |reader: &mut Reader<'_>| sql::person::by_id(reader, customer));
        Ok(found.await?.map(|person| person.unwanted).unwrap_or_default())
    }

    /// What a signed-in person wants from now on.
    pub async fn choose(&self, customer: CustomerId, wanted: &[Topic]) -> Result<(), Error> {
        let unwanted: Vec<Topic> = Topic::switchable().filter(|topic| !wanted.contains(topic)).collect();
        let written = self.0.db.write(move |tx: &mut Tx<'_>| set(tx, customer, &unwanted, Way::Page));
        written.await
    }

    /// "I looked it over: all is right." No reminder of it for a while.
    pub async fn review(&self, customer: CustomerId) -> Result<(), Error> {
        let follow = self.0.policy().follow();
        let written = self.0.db.write(move |tx: &mut Tx<'_>| -> Result<(), Error> {
            let now = tx.now();
            person(tx, customer)?;
            sql::person::reviewed(tx, customer, now)?;
            if !super::follow::note(tx, customer, Act::Reviewed, now, follow)? {
                tx.commit_silent(
                    "that somebody looked their account over without a reminder is theirs alone",
                );
            }
            Ok(())
        });
        written.await
    }

    async fn reminder_of(&self, token: &str) -> Result<Option<Reminder>, Error> {
        let is_token = token.len() == 64 && token.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_token {
            return Ok(None);
        }
        let hash = token_hash(token);
        let found = self.0.db.read(move |reader: &mut Reader<'_>| sql::reminder::by_token(reader, &hash));
        Ok(found.await?.filter(|reminder| reminder.topic.may_be_switched_off()))
    }

    /// The kind of reminder that a letter's link ends; `None` for a token that is none of ours. Changes nothing.
    pub async fn unsubscribe_topic(&self, token: &str) -> Result<Option<Topic>, Error> {
        Ok(self.reminder_of(token).await?.map(|reminder| reminder.topic))
    }

    /// Ends reminders of the letter's kind for whom it was written to, and no others. Again and again is the same.
    pub async fn unsubscribe(&self, token: &str, way: Way) -> Result<Option<Topic>, Error> {
        let Some(reminder) = self.reminder_of(token).await? else { return Ok(None) };
        let (customer, topic) = (reminder.customer, reminder.topic);
        let written = self.0.db.write(move |tx: &mut Tx<'_>| -> Result<(), Error> {
            let mut unwanted = person(tx, customer)?.unwanted;
            if !unwanted.contains(&topic) {
                unwanted.push(topic);
            }
            set(tx, customer, &unwanted, way)
        });
        written.await?;
        Ok(Some(topic))
    }
}
