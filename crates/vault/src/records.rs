//! The verbs on customers' records: write, open, find, erase.

use std::sync::Arc;

use storeward_base::{Actor, CustomerId, Entropy, Secret, Timestamp};
use storeward_events::vault::{CustomerErased, ErasureBegun, FieldsOpened, FieldsWritten, OpeningDenied};
use storeward_seal::envelope::{CustomerKey, FieldPlace};
use storeward_store::{Db, Tx};

use crate::Error;
use crate::catalogue::Field;
use crate::guard::{Ask, Decision, Guard};
use crate::keys::KeyStore;
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

/// A field that was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    pub field: &'static Field,
    pub item: String,
    pub value: Secret<String>,
    pub provenance: String,
    pub written_at: Timestamp,
}

/// What the vault is made of.
pub struct VaultParts {
    pub db: Db,
    pub keys: KeyStore,
    pub guard: Arc<dyn Guard>,
    pub entropy: Arc<dyn Entropy>,
}

/// Customers' records. Clones are cheap and share them.
#[derive(Clone)]
pub struct Vault(Arc<VaultParts>);

impl Vault {
    pub fn new(parts: VaultParts) -> Self {
        Vault(Arc::new(parts))
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

    /// Opens the named fields of all of the customer's items. What was opened, by whom and for what is durable in the
    /// ledger before a value is handed out; where it cannot be written, nothing is opened.
    pub async fn open(
        &self,
        actor: Actor,
        customer: CustomerId,
        purpose: &str,
        fields: &[&'static Field],
    ) -> Result<Vec<Opened>, Error> {
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let row = sql::customer(reader, customer)?.filter(|row| row.erasure_begun_at.is_none());
            let row = row.ok_or(Error::NoCustomer)?;
            Ok((row, sql::fields(reader, customer)?))
        });
        let (row, rows) = found.await?;
        let decision = match row.restricted_at {
            // A person may see what is kept of them while nobody else may use it.
            Some(_) if actor != (Actor::Customer { id: customer }) => Decision::Deny { reason: "restricted" },
            _ => self.0.guard.decide(&Ask { actor, customer, purpose, fields }),
        };
        self.record(actor, customer, purpose, fields, &decision).await?;
        if let Decision::Deny { reason } = decision {
            return Err(Error::Denied(reason));
        }
        let key = self.0.keys.key(customer).await?.ok_or(Error::NoCustomer)?;
        let wanted = |row: &FieldRow| {
            fields
                .iter()
                .find(|field| field.class.name() == row.collection && field.name == row.field)
                .copied()
        };
        let named = rows.into_iter().filter_map(|row| wanted(&row).map(|field| (field, row)));
        named.map(|(field, row)| open_one(&key, customer, field, row)).collect()
    }

    async fn record(
        &self,
        actor: Actor,
        customer: CustomerId,
        purpose: &str,
        fields: &[&'static Field],
        decision: &Decision,
    ) -> Result<(), Error> {
        let mut by_class: Vec<(String, Vec<String>)> = Vec::new();
        for field in fields {
            match by_class.iter_mut().find(|(class, _)| class == field.class.name()) {
                Some((_, names)) => names.push(field.name.to_owned()),
                None => by_class.push((field.class.name().to_owned(), vec![field.name.to_owned()])),
            }
        }
        let (purpose, decision) = (purpose.to_owned(), decision.clone());
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            for (collection, fields) in &by_class {
                let (collection, fields, purpose) = (collection.clone(), fields.clone(), purpose.clone());
                match &decision {
                    Decision::Allow { rules } => {
                        let rules = rules.clone();
                        tx.append(
                            actor,
                            None,
                            FieldsOpened { customer, collection, fields, purpose, rules },
                        )?;
                    }
                    Decision::Deny { reason } => {
                        let reason = (*reason).to_owned();
                        tx.append(
                            actor,
                            None,
                            OpeningDenied { customer, collection, fields, purpose, reason },
                        )?;
                    }
                }
            }
            Ok(())
        });
        written.await
    }

    /// The customers, at most 100 for each root of the indexes, with exactly this value in the field, as far as normal forms tell. They are found
    /// without opening anything. Empty for a field that cannot be looked up.
    pub async fn find(&self, field: &'static Field, value: &str) -> Result<Vec<CustomerId>, Error> {
        let Some(normal) = field.take(value).ok().and_then(|kept| field.normal(&kept)) else {
            return Ok(Vec::new());
        };
        let name = field.full_name();
        let indexes = self.0.keys.indexes();
        let marks: Vec<_> = indexes
            .iter()
            .map(|(version, root)| (*version, root.field(&name, *version).mark(&normal)))
            .collect();
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

    /// Begins and ends an erasure. From the first commit nothing of the customer is opened, whatever happens to this
    /// program; what is left undone then, [`Vault::finish_erasures`] does.
    pub async fn erase(&self, actor: Actor, customer: CustomerId) -> Result<(), Error> {
        let begun = self.0.db.write(move |tx| -> Result<(), Error> {
            if sql::customer(tx, customer)?.is_none() {
                return Err(Error::NoCustomer);
            }
            if sql::begin_erasure(tx, customer)? {
                tx.append(actor, None, ErasureBegun { customer })?;
            } else {
                tx.commit_silent("the erasure was begun before");
            }
            Ok(())
        });
        begun.await?;
        self.finish_erasure(actor, customer).await
    }

    /// Ends what was begun before a crash; how many there were.
    pub async fn finish_erasures(&self) -> Result<usize, Error> {
        let open = self.0.db.read(|reader| -> Result<_, Error> { Ok(sql::unfinished(reader)?) }).await?;
        for customer in &open {
            self.finish_erasure(Actor::System, *customer).await?;
        }
        Ok(open.len())
    }

    /// The key first: without it the rest says nothing any more, wherever copies of it lie.
    async fn finish_erasure(&self, actor: Actor, customer: CustomerId) -> Result<(), Error> {
        self.0.keys.destroy(customer, actor).await?;
        let epoch = self.0.keys.current_epoch().0;
        let ended = self.0.db.write(move |tx| -> Result<(), Error> {
            let fields = sql::delete_fields(tx, customer)?;
            if sql::end_erasure(tx, customer)? {
                tx.append(actor, None, CustomerErased { customer, fields, epoch })?;
            } else {
                tx.commit_silent("the erasure was ended before");
            }
            Ok(())
        });
        ended.await
    }

    /// Whether staff may use the customer's data (GDPR article 18). It is kept either way.
    pub async fn restrict(&self, customer: CustomerId, since: Option<Timestamp>) -> Result<(), Error> {
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            sql::restrict(tx, customer, since)?;
            tx.commit_silent("the request for it is on record where it was made");
            Ok(())
        });
        written.await
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

fn open_one(
    key: &CustomerKey,
    customer: CustomerId,
    field: &'static Field,
    row: FieldRow,
) -> Result<Opened, Error> {
    let owner = customer.to_string();
    let full = format!("{}.{}", row.item, row.field);
    let place = FieldPlace {
        customer: &owner,
        collection: &row.collection,
        field: &full,
        schema: row.form,
        version: row.version,
    };
    let opened = key.open(&row.sealed, &place)?;
    let text = std::str::from_utf8(opened.expose()).map_err(|_| storeward_seal::Error::Sealed)?;
    let value = Secret::new(text.to_owned());
    Ok(Opened { field, item: row.item, value, provenance: row.provenance, written_at: row.written_at })
}
