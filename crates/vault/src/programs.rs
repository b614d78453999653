//! What programs do with a key of the REST interface, beyond what staff do at the console: they keep what the shop's customers
//! gave it, and list who is there.

use storeward_base::{Actor, ApiKeyId, CustomerId, Timestamp};
use storeward_policy::{Act, Answer, Purpose, Thing, Who};
use storeward_seal::fingerprint::sha256_hex;
use storeward_store::{Reader, Tx, params, statements};

use crate::Error;
use crate::asking::{Ask, Asker};
use crate::catalogue::Class;
use crate::records::{Item, Vault};
use crate::sights;
use crate::sql::{self, FieldRow};

statements! {
    // By the id, so that a page begins where the one before ended, whatever was made meanwhile.
    PAGE = "SELECT id, created_at, restricted_at FROM vault_customer WHERE id > $1 AND erasure_begun_at IS NULL \
            ORDER BY id LIMIT $2";
}

/// A customer of a list; nothing that says who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    pub id: CustomerId,
    pub created_at: Timestamp,
    pub is_restricted: bool,
}

/// Which fields of an item are kept, and which state they are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    pub collection: String,
    pub item: String,
    pub fields: Vec<String>,
    /// Another one after each change.
    pub tag: String,
    pub written_at: Timestamp,
}

/// In which state an item must be, so that it is written over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// In any, or it is not there yet.
    Any,
    /// It is there.
    Kept,
    /// In the one with this tag.
    Tag(String),
}

impl Expected {
    pub(crate) fn is_met(&self, found: Option<&str>) -> bool {
        match self {
            Expected::Any => true,
            Expected::Kept => found.is_some(),
            Expected::Tag(tag) => found == Some(tag.as_str()),
        }
    }
}

impl Asker {
    /// A program with a key: the policy sees it as staff in the key's roles. Holding the key is its factor; what the key may be
    /// used for at all was looked at before.
    pub fn program(id: ApiKeyId, roles: Vec<String>) -> Self {
        let who = Who::Staff { id: id.to_string(), groups: roles };
        Asker { factor_age_seconds: Some(0), ..Asker::of(Actor::Key { id }, who) }
    }

    /// What a program's key is for: it asks for nothing else.
    #[must_use]
    pub fn only_for(mut self, purposes: &[Purpose]) -> Self {
        purposes.clone_into(&mut self.purposes);
        self
    }

    /// Whose key a program has: what their other keys of such roles opened counts with it.
    #[must_use]
    pub fn made_by(mut self, maker: &str) -> Self {
        self.made_by = Some(maker.to_owned());
        self
    }

    /// How many customers other keys of the same maker and roles opened since then.
    pub(crate) fn opened_by_others(
        &self,
        reader: &mut Reader<'_>,
        but: Option<CustomerId>,
        since: Timestamp,
    ) -> Result<u64, Error> {
        let mut count = 0;
        for other in self.alike(reader)? {
            count += match but {
                Some(customer) => sights::others_opened(reader, other, customer, since)?,
                None => sights::opened_since(reader, other, since)?,
            };
        }
        Ok(count)
    }

    /// Other keys of the same maker and roles: what they did counts with it.
    pub(crate) fn alike(&self, reader: &mut Reader<'_>) -> Result<Vec<Actor>, Error> {
        let (Actor::Key { id }, Some(maker), Who::Staff { groups, .. }) =
            (self.actor, &self.made_by, &self.who)
        else {
            return Ok(Vec::new());
        };
        let others = storeward_api::alike(reader, id, maker, groups)?;
        Ok(others.into_iter().map(|id| Actor::Key { id }).collect())
    }
}

impl Vault {
    /// Whether the asker may find customers at all.
    pub fn may_find(&self, asker: &Asker) -> Result<(), Error> {
        self.decided(Act::Find, asker, None)
    }

    /// Customers by their ids, from behind `after` on.
    pub async fn list(&self, after: Option<CustomerId>, limit: u32) -> Result<Vec<Listed>, Error> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let found = self.0.db.read(move |reader: &mut Reader<'_>| -> Result<_, Error> {
            Ok(reader.query_many(PAGE, params![after, limit], |row| {
                let restricted_at: Option<Timestamp> = row.get(2)?;
                Ok(Listed {
                    id: row.get(0)?,
                    created_at: row.get(1)?,
                    is_restricted: restricted_at.is_some(),
                })
            })?)
        });
        found.await
    }

    /// A customer, and which items are kept of them. No value is opened for it.
    pub async fn inventory(&self, customer: CustomerId) -> Result<(Listed, Vec<Inventory>), Error> {
        let row = self.standing(customer).await?;
        let rows = self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::fields(reader, customer)?) });
        let mut items: Vec<(Inventory, Vec<String>)> = Vec::new();
        for row in rows.await? {
            let state = state_of(&row);
            let of_item = |(one, _): &&mut (Inventory, Vec<String>)| {
                one.collection == row.collection && one.item == row.item
            };
            if let Some((one, states)) = items.iter_mut().find(of_item) {
                one.fields.push(row.field);
                one.written_at = one.written_at.max(row.written_at);
                states.push(state);
                continue;
            }
            let one = Inventory {
                collection: row.collection,
                item: row.item,
                fields: vec![row.field],
                tag: String::new(),
                written_at: row.written_at,
            };
            items.push((one, vec![state]));
        }
        let tagged = |(mut one, states): (Inventory, Vec<String>)| {
            one.tag = tag_of(states);
            one
        };
        let listed =
            Listed { id: customer, created_at: row.created_at, is_restricted: row.restricted_at.is_some() };
        Ok((listed, items.into_iter().map(tagged).collect()))
    }

    /// Whether these items can be written: each value fits its field. The place of what does not: item, field (or `item`, where it is the
    /// item's own name), why.
    pub fn check(&self, items: &[Item]) -> Vec<(usize, &'static str, &'static str)> {
        let mut faults = Vec::new();
        for (at, item) in items.iter().enumerate() {
            if let Err(Error::Value { field, why }) = item.check_name() {
                faults.push((at, field, why));
            }
            for (field, value) in &item.values {
                if let Err(Error::Value { why, .. }) =
                    field.take_at(value.expose(), item.provenance, self.0.db.now())
                {
                    faults.push((at, field.name, why));
                }
            }
        }
        faults
    }

    /// Keeps what a customer gave the shop, for a program that the policy lets write.
    pub async fn keep(&self, ask: &Ask, items: Vec<Item>) -> Result<(), Error> {
        self.may_keep(ask).await?;
        for item in items {
            let item = self.named(ask.customer, item).await?;
            self.write(ask.asker.actor(), ask.customer, item).await?;
        }
        Ok(())
    }

    /// [`Vault::keep`] of one item that is in the state that the program thinks it is; its tag from then on.
    pub async fn keep_expecting(&self, ask: &Ask, item: Item, expected: Expected) -> Result<String, Error> {
        self.may_keep(ask).await?;
        let item = self.named(ask.customer, item).await?;
        self.write_expecting(ask.asker.actor(), ask.customer, item, expected).await
    }

    /// An item by the name by which it is kept, whatever a program calls it: one that is there by this name or by its mark, else a
    /// mark ([`Vault::item_of_shop`]), so that no name of a program's stands in the database or on a page.
    pub(crate) async fn named(&self, customer: CustomerId, item: Item) -> Result<Item, Error> {
        item.check_name()?;
        let Some(class) = item.values.first().map(|(field, _)| field.class) else { return Ok(item) };
        if Item::is_plain(&item.id) && !Item::is_mark(&item.id) {
            return Ok(item);
        }
        let rows = self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::fields(reader, customer)?) });
        let rows = rows.await?;
        let mut of_class = rows.iter().filter(|row| row.collection == class.name()).map(|row| &row.item);
        let is_it = |kept: &&String| **kept == item.id || self.shown_name(class, kept) == item.id;
        let id = of_class.find(is_it).cloned().unwrap_or_else(|| self.shown_name(class, &item.id));
        Ok(Item { id, ..item })
    }

    /// The name of an item for programs to see: a mark in the place of one that could say something.
    pub(crate) fn shown_name(&self, class: Class, item: &str) -> String {
        if Item::is_plain(item) { item.to_owned() } else { self.item_of_shop(class, item) }
    }

    async fn may_keep(&self, ask: &Ask) -> Result<(), Error> {
        match self.standing(ask.customer).await {
            Ok(_) => self.allowed(Act::Write, ask).await,
            // Nobody yet, or erased: the write itself tells the two apart.
            Err(Error::NoCustomer) => self.decided(Act::Write, &ask.asker, Some(ask)),
            Err(other) => Err(other),
        }
    }

    /// Decides about somebody of whom nothing is kept yet, or about nobody in particular.
    fn decided(&self, act: Act, asker: &Asker, about: Option<&Ask>) -> Result<(), Error> {
        let purpose = about.map_or(Purpose::Support, |ask| ask.purpose);
        let owner = about.map_or_else(|| "nobody".to_owned(), |ask| ask.customer.to_string());
        match self.judged(asker, act, &owner, Thing::Record, purpose) {
            Answer::Allow { .. } => Ok(()),
            Answer::Deny(refusal) => Err(Error::Denied(refusal.reason)),
        }
    }
}

/// The tag of an item as it is now; nothing where there is none.
pub(crate) fn tag_in(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    collection: &str,
    item: &str,
) -> Result<Option<String>, Error> {
    let rows = sql::fields(tx, customer)?;
    let of_item = rows.iter().filter(|row| row.collection == collection && row.item == item);
    let states: Vec<String> = of_item.map(state_of).collect();
    Ok((!states.is_empty()).then(|| tag_of(states)))
}

/// Sealed twice, the same value is another text: a value that was taken away and came back has another state, too.
fn state_of(row: &FieldRow) -> String {
    format!("{}:{}:{};", row.field, row.version, sha256_hex(&row.sealed))
}

/// A tag that tells one state of an item from another, and nothing of what it holds. Databases sort in their own ways.
fn tag_of(mut states: Vec<String>) -> String {
    states.sort_unstable();
    sha256_hex(states.concat().as_bytes()).chars().take(24).collect()
}
