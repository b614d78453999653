//! What customers say about purposes: that they agree, that they do no longer, that they object. Each word is an item of its own, so
//! that the history stays; of each purpose the last word counts.

use storeward_base::{Secret, Timestamp};
use storeward_events::vault::{ConsentChanged, ObjectionChanged};
use storeward_policy::{Act, Purpose};

use crate::Error;
use crate::asking::Ask;
use crate::catalogue::{Class, Field};
use crate::opening::open_row;
use crate::records::{Item, Provenance, Vault};

/// What somebody says about a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// An agreement; whoever objected before objects no more.
    Agree,
    /// The end of every agreement to it (GDPR article 7(3)).
    Withdraw,
    /// GDPR article 21.
    Object,
}

impl Word {
    pub const ALL: [Word; 3] = [Word::Agree, Word::Withdraw, Word::Object];

    const fn field(self) -> &'static str {
        match self {
            Word::Agree => "consent.given_at",
            Word::Withdraw => "consent.withdrawn_at",
            Word::Object => "consent.objected_at",
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Word::Agree => "agree",
            Word::Withdraw => "withdraw",
            Word::Object => "object",
        }
    }

    pub fn of_name(name: &str) -> Option<Word> {
        Word::ALL.into_iter().find(|word| word.name() == name)
    }
}

/// One word of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaidOnce {
    pub at: Timestamp,
    pub word: Word,
    /// Such as `marketing`; an imported one may have another name than the purposes here.
    pub purpose: String,
}

impl Vault {
    /// Takes a word down, for the customer or for staff who may correct their data.
    pub async fn say(&self, ask: &Ask, purpose: Purpose, word: Word) -> Result<(), Error> {
        self.may_put_right(ask, &[Field::find("consent.purpose")?, Field::find(word.field())?]).await?;
        let now = self.0.db.now();
        let value = |name: &str, text: String| Ok::<_, Error>((Field::find(name)?, Secret::new(text)));
        let is_customer = ask.asker.staff_id().is_none();
        let item = Item {
            id: format!("said-{}-{}", word.name(), now.micros()),
            values: vec![
                value("consent.purpose", purpose.name().to_owned())?,
                value(word.field(), now.rfc3339())?,
            ],
            provenance: if is_customer { Provenance::Customer } else { Provenance::Staff },
            keep_until: None,
        };
        let (actor, customer) = (ask.asker.actor, ask.customer);
        self.write(actor, customer, item).await?;
        let purpose = purpose.name().to_owned();
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            let purpose = purpose.clone();
            match word {
                Word::Agree => tx.append(actor, None, ConsentChanged { customer, purpose, given: true })?,
                Word::Withdraw => {
                    tx.append(actor, None, ConsentChanged { customer, purpose, given: false })?
                }
                Word::Object => {
                    tx.append(actor, None, ObjectionChanged { customer, purpose, objected: true })?
                }
            };
            Ok(())
        });
        written.await
    }

    /// Everything that the customer said, the oldest first, for whoever may have a copy of it.
    pub async fn said_before(&self, ask: &Ask) -> Result<Vec<SaidOnce>, Error> {
        self.allowed(Act::Answer, ask).await?;
        let found = self.rows(ask.customer).await;
        let (key, rows) = self.alarm(ask.asker.actor, found).await?;
        let mut history = Vec::new();
        for row in rows.iter().filter(|row| row.collection == Class::Consent.name()) {
            let full = format!("{}.{}", row.collection, row.field);
            let Some(word) = Word::ALL.into_iter().find(|word| word.field() == full) else { continue };
            let of_item = |one: &&crate::sql::FieldRow| {
                one.collection == row.collection && one.item == row.item && one.field == "purpose"
            };
            let Some(named) = rows.iter().find(of_item) else { continue };
            let purpose = open_row(&key, ask.customer, named)?.expose().to_lowercase();
            let at = Timestamp::parse_rfc3339(open_row(&key, ask.customer, row)?.expose());
            history.extend(at.map(|at| SaidOnce { at, word, purpose }));
        }
        history.sort_by_key(|one| one.at);
        Ok(history)
    }
}
