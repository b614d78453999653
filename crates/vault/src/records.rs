//! Customers' records: writing values, and finding whose they are.

use std::sync::{Arc, PoisonError, RwLock};

use storeward_base::{Actor, CustomerId, Entropy, Secret, Timestamp};
use storeward_events::vault::{CustomersFound, FieldsWritten};
use storeward_policy::{Act, Answer, Asked, Circumstances, Policies, Purpose, Thing};
use storeward_seal::envelope::{CustomerKey, FieldPlace};
use storeward_store::{Db, Tx};

use crate::Error;
use crate::asking::Asker;
use crate::catalogue::Field;
use crate::keys::KeyStore;
use crate::sights::{self, Sight};
use crate::sql::{self, FieldRow};

/// Where values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    Customer,
    Staff,
    Import,
    Shop,
}

impl Provenance {
    pub const fn name(self) -> &'static str {
        match self {
            Provenance::Customer => "customer",
            Provenance::Staff => "staff",
            Provenance::Import => "import",
            Provenance::Shop => "shop",
        }
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

    /// The name in words, for headings: none where there is one item only, or where its name is a mark.
    pub fn spoken(id: &str) -> Option<&str> {
        let is_mark = id.strip_prefix(Item::MARKED).is_some_and(|mark| mark.len() == 32);
        (id != "own" && !is_mark).then_some(id)
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
    pub policies: RwLock<Arc<Policies>>,
    pub entropy: Arc<dyn Entropy>,
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
        Vault(Arc::new(Inner { db, keys, policies: RwLock::new(Arc::new(policies)), entropy }))
    }

    /// Other rules from the next question on.
    pub fn set_policies(&self, policies: Policies) {
        *self.0.policies.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policies);
    }

    pub fn size_blocking(&self) -> Result<Size, Error> {
        self.0.db.read_blocking(|reader| -> Result<_, Error> { Ok(sql::size(reader)?) })
    }

    pub fn keys(&self) -> &KeyStore {
        &self.0.keys
    }

    /// Writes values of one item: all of them or, where one does not fit, none.
    pub async fn write(&self, actor: Actor, customer: CustomerId, item: Item) -> Result<(), Error> {
        let taken = Taken::new(item)?;
        self.refuse_erased(customer).await?;
        let key = self.0.keys.key_or_new(customer, actor).await?;
        let (indexes, entropy) = (self.0.keys.indexes(), Arc::clone(&self.0.entropy));
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            sql::insert_customer(tx, customer)?;
            if sql::customer(tx, customer)?.is_some_and(|row| row.erasure_begun_at.is_some()) {
                return Err(Error::NoCustomer);
            }
            for (field, value) in &taken.values {
                seal_one(tx, customer, &taken, field, value, &key, entropy.as_ref())?;
                if let Some(normal) = field.normal(value) {
                    let name = field.full_name();
                    let marks: Vec<_> = indexes
                        .iter()
                        .map(|(version, root)| (*version, root.field(&name, *version).mark(&normal)))
                        .collect();
                    sql::replace_marks(tx, customer, &name, &taken.id, &marks)?;
                }
            }
            tx.append(
                actor,
                None,
                FieldsWritten {
                    customer,
                    collection: taken.collection.to_owned(),
                    fields: taken.values.iter().map(|(field, _)| field.name.to_owned()).collect(),
                    provenance: taken.provenance.name().to_owned(),
                },
            )?;
            Ok(())
        });
        written.await
    }

    /// The customers, at most 100 for each root of the indexes, with exactly this value in the field, as far as normal forms tell. They are found
    /// without opening anything. Empty for a field that cannot be looked up.
    pub async fn find(&self, field: &'static Field, value: &str) -> Result<Vec<CustomerId>, Error> {
        let Some(marks) = self.marks(field, value) else { return Ok(Vec::new()) };
        let name = field.full_name();
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let mut all = Vec::new();
            for (version, mark) in marks {
                all.extend(sql::by_mark(reader, &name, version, mark)?);
            }
            all.sort_unstable();
            all.dedup();
            Ok(all)
        });
        found.await
    }

    /// [`Vault::find`] for somebody whom the policy lets find customers. That they looked, and how many there were, is on
    /// record.
    pub async fn look_up(
        &self,
        asker: &Asker,
        field: &'static Field,
        value: &str,
    ) -> Result<Vec<CustomerId>, Error> {
        let circumstances = Circumstances {
            purpose: Purpose::Support,
            factor_age_seconds: asker.factor_age_seconds,
            is_assigned: false,
            opened_lately: 0,
            consents: Vec::new(),
            is_restricted: false,
        };
        let asked = Asked {
            who: &asker.who,
            act: Act::Find,
            owner: "nobody",
            thing: Thing::Record,
            circumstances: &circumstances,
        };
        if let Answer::Deny(refusal) = self.policies().decide(&asked) {
            return Err(Error::Denied(refusal.reason));
        }
        let found = self.find(field, value).await?;
        let (actor, field) = (asker.actor, field.full_name());
        let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.append(actor, None, CustomersFound { field: field.clone(), count })?;
            Ok(())
        });
        written.await?;
        Ok(found)
    }

    /// Who saw whom, newest first.
    pub async fn sights(&self, filter: sights::Filter, limit: u32) -> Result<Vec<Sight>, Error> {
        self.0.db.read(move |reader| sights::list(reader, &filter, limit)).await
    }

    /// The marks by which a value is found; nothing for a field that cannot be looked up, and for what fits no field.
    pub(crate) fn marks(&self, field: &'static Field, value: &str) -> Option<Vec<(u32, [u8; 16])>> {
        let normal = field.take(value).ok().and_then(|kept| field.normal(&kept))?;
        let name = field.full_name();
        let indexes = self.0.keys.indexes();
        Some(
            indexes
                .iter()
                .map(|(version, root)| (*version, root.field(&name, *version).mark(&normal)))
                .collect(),
        )
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

/// An item whose values were checked.
struct Taken {
    id: String,
    collection: &'static str,
    values: Vec<(&'static Field, String)>,
    provenance: Provenance,
    keep_until: Option<Timestamp>,
}

impl Taken {
    fn new(item: Item) -> Result<Self, Error> {
        const WRONG_ID: Error = Error::Value { field: "item", why: "is no name of letters, digits, - and _" };
        let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if item.id.is_empty() || item.id.len() > 64 || !item.id.bytes().all(named) {
            return Err(WRONG_ID);
        }
        let class = item.values.first().map(|(field, _)| field.class);
        let class = class.ok_or(Error::Value { field: "item", why: "has no values" })?;
        if item.values.iter().any(|(field, _)| field.class != class) {
            return Err(Error::Value { field: "item", why: "has fields of two collections" });
        }
        let take =
            |(field, value): &(&'static Field, Secret<String>)| Ok((*field, field.take(value.expose())?));
        let values = item.values.iter().map(take).collect::<Result<Vec<_>, Error>>()?;
        let Item { id, provenance, keep_until, .. } = item;
        Ok(Taken { id, collection: class.name(), values, provenance, keep_until })
    }
}

fn seal_one(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    taken: &Taken,
    field: &'static Field,
    value: &str,
    key: &CustomerKey,
    entropy: &dyn Entropy,
) -> Result<(), Error> {
    let before = sql::version(tx, customer, taken.collection, &taken.id, field.name)?;
    let version = before.unwrap_or(0) + 1;
    let owner = customer.to_string();
    let full = format!("{}.{}", taken.id, field.name);
    let place = FieldPlace {
        customer: &owner,
        collection: taken.collection,
        field: &full,
        schema: field.form,
        version,
    };
    let row = FieldRow {
        collection: taken.collection.to_owned(),
        item: taken.id.clone(),
        field: field.name.to_owned(),
        form: field.form,
        version,
        sealed: key.seal(value.as_bytes(), &place, entropy),
        provenance: taken.provenance.name().to_owned(),
        written_at: tx.now(),
        keep_until: taken.keep_until,
    };
    Ok(sql::upsert(tx, customer, &row)?)
}
