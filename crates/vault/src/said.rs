//! What customers say about purposes: that they agree, that they do no longer, that they object. Each word is an item of its own, so
//! that the history stays; of each purpose the last word counts.

use storeward_base::{Actor, CustomerId, Secret, Timestamp};
use storeward_events::vault::{ConsentChanged, ObjectionChanged};
use storeward_policy::{Act, Purpose};
use storeward_seal::envelope::CustomerKey;

use crate::Error;
use crate::asking::Ask;
use crate::catalogue::{CLOCKS, Class, Field};
use crate::opening::open_row;
use crate::records::{Item, Provenance, Vault};
use crate::sql::FieldRow;
use crate::whose::is_own_word;

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
    /// When it was kept here: nobody said it later.
    pub written_at: Timestamp,
    /// Said here by the customer, or taken down by the owner; else a program of the shop or a file tells it.
    pub is_own: bool,
    pub word: Word,
    /// Such as `marketing`; an imported one may have another name than the purposes here.
    pub purpose: String,
}

/// Every word that is kept of a customer.
pub(crate) fn told(
    rows: &[FieldRow],
    key: &CustomerKey,
    customer: CustomerId,
) -> Result<Vec<SaidOnce>, Error> {
    let mut history = Vec::new();
    for row in rows.iter().filter(|row| row.collection == Class::Consent.name()) {
        let full = format!("{}.{}", row.collection, row.field);
        let Some(word) = Word::ALL.into_iter().find(|word| word.field() == full) else { continue };
        let of_item = |one: &&FieldRow| {
            one.collection == row.collection && one.item == row.item && one.field == "purpose"
        };
        let Some(named) = rows.iter().find(of_item) else { continue };
        let purpose = open_row(key, customer, named)?.expose().to_lowercase();
        let at = Timestamp::parse_rfc3339(open_row(key, customer, row)?.expose());
        // An end says by itself whose word it is, also of what the shop told; of an agreement the one of the two does that proves less.
        let is_own = is_own_word(&row.provenance) && (word != Word::Agree || is_own_word(&named.provenance));
        let written_at = row.written_at;
        history.extend(at.map(|at| SaidOnce { at, written_at, is_own, word, purpose }));
    }
    Ok(history)
}

/// Whether somebody agrees to a purpose, and whether they object to it, by what was said of it: the last word counts, and whoever agreed
/// after they objected objects no more. Nobody said a word after it was written here, so no moment in the future makes it the last; an
/// agreement that lay there when it was written is none. What a customer ended here, they open here again: no program of the shop
/// and no file does.
pub(crate) fn weighed<'a>(said: impl Iterator<Item = &'a SaidOnce> + Clone) -> (bool, bool) {
    let last = |word: Word, is_own: bool| {
        let counts = |one: &&SaidOnce| {
            let is_ahead = word == Word::Agree && one.at > one.written_at.plus(CLOCKS);
            one.word == word && one.is_own == is_own && !is_ahead
        };
        said.clone().filter(counts).map(|one| one.at.min(one.written_at)).max()
    };
    let own_end = last(Word::Withdraw, true).max(last(Word::Object, true));
    let own_given = last(Word::Agree, true);
    let is_open = own_end.is_none() || own_given > own_end;
    let given = own_given.max(last(Word::Agree, false).filter(|_| is_open));
    let withdrawn = last(Word::Withdraw, true).max(last(Word::Withdraw, false));
    let objected = last(Word::Object, true).max(last(Word::Object, false));
    // A tie is an end.
    (given.is_some() && given > withdrawn && given > objected, objected.is_some() && objected >= given)
}

impl Vault {
    /// Takes a word down, for the customer or for staff who may correct their data.
    pub async fn say(&self, ask: &Ask, purpose: Purpose, word: Word) -> Result<(), Error> {
        self.may_put_right(ask, &[Field::find("consent.purpose")?, Field::find(word.field())?]).await?;
        let now = self.0.db.now();
        let value = |name: &str, text: String| Ok::<_, Error>((Field::find(name)?, Secret::new(text)));
        let item = Item {
            id: format!("said-{}-{}", word.name(), now.micros()),
            values: vec![
                value("consent.purpose", purpose.name().to_owned())?,
                value(word.field(), now.rfc3339())?,
            ],
            provenance: match ask.asker.actor {
                Actor::Customer { .. } => Provenance::Customer,
                // As where a key puts right: an end is the owner's, an agreement what the shop heard.
                Actor::Key { .. } if word == Word::Agree => Provenance::Shop,
                _ => Provenance::Staff,
            },
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
        let mut history = told(&rows, &key, ask.customer)?;
        history.sort_by_key(|one| one.at);
        Ok(history)
    }
}
