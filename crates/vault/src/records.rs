//! Customers' records: writing values, and finding whose they are.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use storeward_base::{Actor, CustomerId, Entropy, Secret, Timestamp};
use storeward_events::vault::{FieldsRemoved, FieldsWritten, RecordHarmed};
use storeward_policy::Policies;
use storeward_seal::envelope::CustomerKey;
use storeward_store::{Db, Reader, Tx};

use crate::Error;
use crate::accounts::Accounts;
use crate::cards::name_holds_card;
use crate::catalogue::Field;
use crate::import::{Cells, Told};
use crate::indexes::Plan;
use crate::keys::{Held, KeyStore};
use crate::manifest::{Flaw, Manifest, refuse_cut};
use crate::programs::{Expected, tag_in};
use crate::rules::RulesFrom;
use crate::sights::{self, Sight};
use crate::sql::{self, CustomerRow, FieldRow};
use crate::taken::{Taken, Writes, seal_one};
use crate::walks::Walks;
use crate::whose;

/// Where values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    Customer,
    Staff,
    /// By staff, where only the owner may: it may say whose a record is.
    Owner,
    Import,
    Shop,
}

impl Provenance {
    pub const fn name(self) -> &'static str {
        match self {
            Provenance::Customer => "customer",
            Provenance::Staff => "staff",
            Provenance::Owner => "owner",
            Provenance::Import => "import",
            Provenance::Shop => "shop",
        }
    }

    /// As it is kept: what a program wrote says by which key, so that no key proves anything to itself.
    pub(crate) fn kept_by(self, actor: Actor) -> String {
        match (self, actor) {
            (Provenance::Shop, Actor::Key { id }) => format!("{}/{id}", self.name()),
            _ => self.name().to_owned(),
        }
    }

    /// In words, for people and programs.
    pub(crate) fn spoken(kept: &str) -> &str {
        kept.split_once('/').map_or(kept, |(name, _)| name)
    }
}

/// Values of one item, such as an address.
#[derive(Clone, Debug)]
pub struct Item {
    /// Tells it from others of its collection: letters, digits, `-` and `_`, at most 64.
    pub id: String,
    pub values: Vec<(&'static Field, Secret<String>)>,
    pub provenance: Provenance,
    pub keep_until: Option<Timestamp>,
}

impl Item {
    /// What the name of an item begins with that is a mark of a shop's own name for it.
    pub(crate) const MARKED: &str = "of-";

    /// Letters, digits, `-` and `_`, at most 64.
    pub fn is_name(id: &str) -> bool {
        let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        !id.is_empty() && id.len() <= 64 && id.bytes().all(named)
    }

    /// Names are not sealed, so no card number is one. A mark of a shop's own name for an item is none that somebody chose.
    pub(crate) fn check_name(&self) -> Result<(), Error> {
        let wrong = |why| Err(Error::Value { field: "item", why });
        if !Item::is_name(&self.id) {
            return wrong("is no name of letters, digits, - and _");
        }
        if !Item::is_mark(&self.id) && name_holds_card(&self.id) {
            wrong("is named by a card number")
        } else {
            Ok(())
        }
    }

    /// Names that say nothing of anybody, whoever gives them: they stand as they are. What else a program calls an item, such as an
    /// order by its number, would stand in the clear beside the masked number and open everything.
    const PLAIN: [&str; 8] =
        ["own", "billing", "shipping", "delivery", "invoice", "home", "work", "newsletter"];

    pub(crate) fn is_plain(id: &str) -> bool {
        Item::PLAIN.contains(&id) || Item::is_mark(id)
    }

    /// The name in words, for headings: none where there is one item only, or where its name could say something.
    pub fn spoken(id: &str) -> Option<&str> {
        (id != "own" && Item::PLAIN.contains(&id)).then_some(id)
    }

    pub(crate) fn is_mark(id: &str) -> bool {
        let is_hex = |mark: &str| mark.len() == 32 && mark.bytes().all(|b| b.is_ascii_hexdigit());
        id.strip_prefix(Item::MARKED).is_some_and(is_hex)
    }
}

/// What the vault is made of.
pub struct VaultParts {
    pub db: Db,
    pub keys: KeyStore,
    pub policies: Policies,
    pub entropy: Arc<dyn Entropy>,
}

pub(crate) struct Inner {
    pub db: Db,
    pub keys: KeyStore,
    pub policies: RwLock<(Arc<Policies>, RulesFrom)>,
    pub entropy: Arc<dyn Entropy>,
    pub walks: Walks,
    pub accounts: OnceLock<Arc<dyn Accounts>>,
}

/// How much there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub customers: u64,
    pub fields: u64,
    pub erased: u64,
    pub unfinished_erasures: u64,
}

/// Customers' records. Clones are cheap and share them.
#[derive(Clone)]
pub struct Vault(pub(crate) Arc<Inner>);

impl Vault {
    pub fn new(parts: VaultParts) -> Self {
        let VaultParts { db, keys, policies, entropy } = parts;
        Vault(Arc::new(Inner {
            db,
            keys,
            policies: RwLock::new((Arc::new(policies), RulesFrom::Start)),
            entropy,
            walks: Walks::default(),
            accounts: OnceLock::new(),
        }))
    }

    /// Who goes through the shop's numbers one after the other.
    pub fn walks(&self) -> &Walks {
        &self.0.walks
    }

    /// Other rules from the next question on.
    pub fn set_policies(&self, policies: Policies) {
        self.set_rules(policies, RulesFrom::File);
    }

    /// Other rules, and where they are from.
    pub fn set_rules(&self, policies: Policies, from: RulesFrom) {
        *self.0.policies.write().unwrap_or_else(PoisonError::into_inner) = (Arc::new(policies), from);
    }

    /// Where the rules in force come from.
    pub fn rules_from(&self) -> RulesFrom {
        self.0.policies.read().unwrap_or_else(PoisonError::into_inner).1
    }

    pub fn size_blocking(&self) -> Result<Size, Error> {
        self.0.db.read_blocking(|reader| -> Result<_, Error> { Ok(sql::size(reader)?) })
    }

    pub fn keys(&self) -> &KeyStore {
        &self.0.keys
    }

    /// Writes values of one item: all of them or, where one does not fit, none.
    pub async fn write(&self, actor: Actor, customer: CustomerId, item: Item) -> Result<(), Error> {
        self.write_telling(actor, customer, item).await.map(drop)
    }

    /// [`Vault::write`]; of an import's values, which were changed here, and what became of those.
    pub(crate) async fn write_telling(
        &self,
        actor: Actor,
        customer: CustomerId,
        item: Item,
    ) -> Result<Vec<(&'static Field, Told)>, Error> {
        let taken = Arc::new(Taken::new(item, self.0.db.now())?);
        let written = self.write_taken(actor, customer, taken, None).await;
        self.alarm(actor, written).await.map(|written| written.told)
    }

    /// Writes where the item is in the state that is expected, looked at in the same transaction; its tag from then on.
    pub(crate) async fn write_expecting(
        &self,
        actor: Actor,
        customer: CustomerId,
        item: Item,
        expected: Expected,
    ) -> Result<String, Error> {
        let taken = Arc::new(Taken::new(item, self.0.db.now())?);
        let written = self.write_taken(actor, customer, taken, Some(expected)).await;
        self.alarm(actor, written).await.map(|written| written.tag)
    }

    async fn write_taken(
        &self,
        actor: Actor,
        customer: CustomerId,
        taken: Arc<Taken>,
        expected: Option<Expected>,
    ) -> Result<Written, Error> {
        match self.write_once(actor, customer, Arc::clone(&taken), expected.clone()).await {
            // Another program began a root of the indexes since we looked.
            Err(Error::OtherRoots(_)) => {
                self.0.keys.read_indexes().await?;
                self.write_once(actor, customer, taken, expected).await
            }
            other => other,
        }
    }

    async fn write_once(
        &self,
        actor: Actor,
        customer: CustomerId,
        taken: Arc<Taken>,
        expected: Option<Expected>,
    ) -> Result<Written, Error> {
        self.refuse_erased(customer).await?;
        let held = self.0.keys.held_or_new(customer, actor).await?;
        let (indexes, entropy) = (self.0.keys.indexes(), Arc::clone(&self.0.entropy));
        let key = held.key.clone();
        let written = self.0.db.write(move |tx| -> Result<(u64, Written), Error> {
            sql::insert_customer(tx, customer)?;
            let mut manifest = manifest_for(tx, customer, &held)?;
            let key = &held.key;
            manifest.load(tx, key, taken.collection, &taken.id)?;
            if let Some(expected) = &expected {
                let found = tag_in(tx, customer, taken.collection, &taken.id)?;
                if !expected.is_met(found.as_deref()) {
                    return Err(Error::Changed);
                }
            }
            let plan = Plan::read(tx, &indexes)?;
            let before = taken.looks_before(tx, actor, customer)?;
            let Writes { values, told } = match &expected {
                // Whoever names a state is told the next one.
                Some(_) => taken.insisted(tx, (actor, customer), key)?,
                None => taken.due(tx, (actor, customer), &manifest, key)?,
            };
            if values.is_empty() {
                tx.commit_silent("what the shop says is kept already, or was put right here");
                return Ok((manifest.revision, Written { tag: String::new(), told }));
            }
            for (field, value) in &values {
                let kept_as = match (actor, taken.provenance) {
                    (Actor::Key { .. }, Provenance::Shop)
                        if whose::is_email(taken.collection, field.name) =>
                    {
                        whose::address_kept_by(actor, &before, key, customer, (&taken.id, value))
                    }
                    _ => taken.provenance.kept_by(actor),
                };
                let place = (customer, kept_as);
                let row = seal_one(tx, place, &taken, field, value, &manifest, &held, entropy.as_ref())?;
                manifest.put(key, &row);
                let marks = plan.of_value(field, value);
                if !marks.is_empty() {
                    sql::replace_marks(tx, customer, &field.full_name(), &taken.id, &marks)?;
                }
            }
            let tag = match &expected {
                Some(_) => tag_in(tx, customer, taken.collection, &taken.id)?.unwrap_or_default(),
                None => String::new(),
            };
            let revision = manifest.save(tx, key, entropy.as_ref(), 0)?;
            tx.append(
                actor,
                None,
                FieldsWritten {
                    customer,
                    collection: taken.collection.to_owned(),
                    fields: values.iter().map(|(field, _)| field.name.to_owned()).collect(),
                    provenance: taken.provenance.name().to_owned(),
                },
            )?;
            Ok((revision, Written { tag, told }))
        });
        let (revision, written) = written.await?;
        self.0.keys.note(customer, &key, revision).await?;
        Ok(written)
    }

    /// Takes values of one item away, with what they are found by; how many there were.
    pub(crate) async fn remove(
        &self,
        actor: Actor,
        customer: CustomerId,
        item: &str,
        fields: &[&'static Field],
    ) -> Result<u64, Error> {
        let removed = self.remove_now(actor, customer, item.to_owned(), fields.to_vec()).await;
        self.alarm(actor, removed).await
    }

    async fn remove_now(
        &self,
        actor: Actor,
        customer: CustomerId,
        item: String,
        fields: Vec<&'static Field>,
    ) -> Result<u64, Error> {
        let held = self.0.keys.held(customer).await?.ok_or(Error::NoCustomer)?;
        let (key, entropy) = (held.key.clone(), Arc::clone(&self.0.entropy));
        let written = self.0.db.write(move |tx| -> Result<(u64, u64), Error> {
            let mut manifest = manifest_for(tx, customer, &held)?;
            let mut gone: Vec<&'static Field> = Vec::new();
            for field in &fields {
                let class = field.class.name();
                manifest.load(tx, &held.key, class, &item)?;
                if manifest.version(class, &item, field.name).is_some() {
                    sql::delete_field(tx, customer, class, &item, field.name)?;
                    manifest.remove(class, &item, field.name);
                    gone.push(field);
                }
            }
            // Also of what the sweep took before: no import brings back what somebody took away.
            let collection = fields.first().map(|field| field.class.name()).unwrap_or_default().to_owned();
            let mut cells = Cells::read(tx, &held.key, customer, (&collection, &item))?;
            cells.take_away(&fields);
            cells.save(tx)?;
            if gone.is_empty() {
                tx.commit_silent("no such value is there any more");
                return Ok((0, manifest.revision));
            }
            let names = gone.iter().map(|field| field.name.to_owned()).collect();
            tx.append(actor, None, FieldsRemoved { customer, collection, fields: names })?;
            let revision = manifest.save(tx, &held.key, entropy.as_ref(), 0)?;
            Ok((u64::try_from(gone.len()).unwrap_or(u64::MAX), revision))
        });
        let (count, revision) = written.await?;
        self.0.keys.note(customer, &key, revision).await?;
        Ok(count)
    }

    /// Tells the ledger of a record that is not as it was written last.
    pub(crate) async fn alarm<T>(&self, actor: Actor, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::Harmed(flaw)) = &result {
            self.tell_harm(actor, vec![(**flaw).clone()]).await?;
        }
        result
    }

    pub(crate) async fn tell_harm(&self, actor: Actor, flaws: Vec<Flaw>) -> Result<(), Error> {
        if flaws.is_empty() {
            return Ok(());
        }
        let told = self.0.db.write(move |tx| -> Result<(), Error> {
            for flaw in &flaws {
                let (customer, place) = (flaw.customer, flaw.place.clone());
                tx.append(actor, None, RecordHarmed { customer, place, harm: flaw.harm.name().to_owned() })?;
            }
            Ok(())
        });
        told.await
    }

    /// All that is kept of a customer, as it was written last.
    pub(crate) async fn rows(&self, customer: CustomerId) -> Result<(CustomerKey, Vec<FieldRow>), Error> {
        let held = self.0.keys.held(customer).await?.ok_or(Error::NoCustomer)?;
        let key = held.key.clone();
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let row = sql::customer(reader, customer)?.filter(|row| row.erasure_begun_at.is_none());
            let row = row.ok_or(Error::NoCustomer)?;
            whole(reader, customer, &held, &row, |_| true)
        });
        Ok((key, found.await?))
    }

    /// Who saw whom, newest first.
    pub async fn sights(&self, filter: sights::Filter, limit: u32) -> Result<Vec<Sight>, Error> {
        self.0.db.read(move |reader| sights::list(reader, &filter, limit)).await
    }

    async fn refuse_erased(&self, customer: CustomerId) -> Result<(), Error> {
        let found =
            self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::customer(reader, customer)?) });
        match found.await? {
            Some(row) if row.erasure_begun_at.is_some() => Err(Error::NoCustomer),
            _ => Ok(()),
        }
    }
}

/// What came of a write.
struct Written {
    /// Of the item, where a state of it was expected.
    tag: String,
    told: Vec<(&'static Field, Told)>,
}

/// The customer's record for a write of it; an erasure that has begun refuses it.
pub(crate) fn manifest_for(tx: &mut Tx<'_>, customer: CustomerId, held: &Held) -> Result<Manifest, Error> {
    sql::hold(tx, customer)?;
    let row = sql::customer(tx, customer)?.filter(|row| row.erasure_begun_at.is_none());
    Manifest::read(tx, customer, held, &row.ok_or(Error::NoCustomer)?)
}

/// All values of a customer. Where one of a collection that counts is not as it was written last, it is named instead.
pub(crate) fn whole(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    held: &Held,
    row: &CustomerRow,
    counts: impl Fn(&str) -> bool,
) -> Result<Vec<FieldRow>, Error> {
    let rows = sql::fields(reader, customer)?;
    refuse_cut(&rows)?;
    let mut manifest = Manifest::read(reader, customer, held, row)?;
    manifest.load_all(reader, &held.key)?;
    let flaws = manifest.flaws(&held.key, &rows);
    let first = flaws.into_iter().find(|flaw| counts(flaw.place.split('.').next().unwrap_or_default()));
    first.map_or(Ok(rows), |flaw| Err(Error::Harmed(Box::new(flaw))))
}
