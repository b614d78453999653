//! A look over all records: whether each value is what was written last, opens, and is found by itself and by nothing else.

use std::time::Duration;

use storeward_base::{Actor, CustomerId, PageSize, Timestamp};
use storeward_events::Event;
use storeward_events::vault::{
    EpochsCopyForgotten, KeyStoreNoted, OlderDataAccepted, RecordHarmed, RecordsVerified,
};
use storeward_store::{Reader, ledger};

use crate::Error;
use crate::catalogue::Field;
use crate::indexes::Plan;
use crate::keys::{Held, KeyFault};
use crate::manifest::{Flaw, Harm, Manifest};
use crate::opening::open_row;
use crate::records::{Vault, manifest_for};
use crate::sql::{self, FieldRow, MarkRow};

/// Rows beside the records are held against the ledger for so long: a little less than it keeps what they say.
const ROWS_KEPT: Duration = Duration::from_secs(390 * 24 * 3_600);
/// Flaws that are kept for the report; all are counted.
const MOST_NAMED: usize = 1_000;
/// Flaws that are told to the ledger one by one.
pub(crate) const MOST_TOLD: usize = 50;

/// How far a look over all records is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    pub customers: u64,
    pub values: u64,
    pub of_customers: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    pub customers: u64,
    pub values: u64,
    /// How many flaws there are.
    pub faults: u64,
    /// The first thousand of those of records.
    pub flaws: Vec<Flaw>,
    /// Those of the key store.
    pub keys: Vec<KeyFault>,
    /// Records from before there were manifests: they count as they are from now on.
    pub begun: u64,
}

impl Verified {
    fn add(&mut self, flaw: Flaw) {
        self.faults += 1;
        if self.flaws.len() < MOST_NAMED {
            self.flaws.push(flaw);
        }
    }

    /// Adds one of a record as a whole, of which nothing was found yet.
    fn add_first(&mut self, flaw: Flaw) {
        let is_known = |known: &Flaw| known.customer == flaw.customer && known.place.is_empty();
        if !self.flaws.iter().any(is_known) {
            self.add(flaw);
        }
    }
}

/// What was found of one customer.
enum Found {
    /// Erased, or gone since.
    Nobody,
    Record {
        flaws: Vec<Flaw>,
        values: usize,
        revision: u64,
        is_new: bool,
    },
}

impl Vault {
    /// Looks at everything; what is found is told to the ledger. Nothing is handed out.
    pub async fn verify(&self, actor: Actor, mut progress: impl FnMut(Walk)) -> Result<Verified, Error> {
        // Whoever is not noted yet is not older than the note.
        self.keys().write_notes().await?;
        match self.keys().read_indexes().await {
            // What is wrong with them is named with the other keys; records are looked at by what was read before.
            Ok(()) | Err(Error::Shelf(_)) => {}
            Err(other) => return Err(other),
        }
        let size = self.0.db.read(|reader| -> Result<_, Error> { Ok(sql::size(reader)?) }).await?;
        let mut verified = Verified::default();
        let (mut last, mut is_no_text) = (Some(String::new()), false);
        while let Some(after) = last {
            let page =
                self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::page(reader, &after)?) }).await?;
            for customer in page.customers {
                match self.verify_one(customer, &mut verified).await {
                    // A column that says nothing hides nobody else's.
                    Err(Error::Store(storeward_store::Error::Column { .. })) => {
                        verified.customers += 1;
                        verified.add(Flaw::whole(customer, Harm::Row));
                    }
                    other => other?,
                }
            }
            for other in page.others {
                // No texts are on each page behind the last text.
                if !other.is_empty() || !std::mem::replace(&mut is_no_text, true) {
                    verified.add(of_nobody("vault_customer.id"));
                }
            }
            last = page.last;
            progress(Walk {
                customers: verified.customers,
                values: verified.values,
                of_customers: size.customers,
            });
        }
        self.verify_beside(&mut verified).await?;
        // Where the shelf itself is not to be read, what was found of the records is told all the same.
        let keys = self.keys().verify().await;
        verified.keys = keys.clone().unwrap_or_default();
        verified.faults += u64::try_from(verified.keys.len()).unwrap_or(u64::MAX);
        self.tell(actor, &verified).await?;
        keys.map(|_| verified)
    }

    /// What is no record by itself: keys, periods, rules, and rows of nobody's.
    async fn verify_beside(&self, verified: &mut Verified) -> Result<(), Error> {
        let indexes = self.keys().indexes();
        match self.0.db.read(move |reader| Plan::read(reader, &indexes)).await {
            // Marks of a root that there is not: nothing is held against them.
            Err(Error::OtherRoots(_)) => verified.add(of_nobody("vault_index.root")),
            Ok(plan) if plan.has_others() => verified.add(of_nobody("vault_index.field")),
            other => drop(other?),
        }
        self.verify_keys(verified).await?;
        let erased = self.0.db.read(|reader| -> Result<_, Error> {
            Ok((crate::erased::harms(reader)?, sql::has_nobodys(reader)?))
        });
        let (erased, has_nobodys) = erased.await?;
        erased.into_iter().for_each(|flaw| verified.add_first(flaw));
        if has_nobodys {
            verified.add(of_nobody("vault_customer.id"));
        }
        match self.0.db.read(crate::retention::all).await {
            Ok(_) => {}
            Err(Error::Harmed(flaw)) => verified.add(*flaw),
            Err(other) => return Err(other),
        }
        match self.saved_rules().await {
            Ok(_) => {}
            Err(Error::Harmed(flaw)) => verified.add(*flaw),
            Err(other) => return Err(other),
        }
        self.harms_beside().await?.into_iter().for_each(|flaw| verified.add(flaw));
        let strays = self.0.db.read(|reader| -> Result<_, Error> { Ok(sql::strays(reader)?) }).await?;
        for (customer, table) in strays {
            match customer.parse() {
                Ok(customer) => verified.add_first(Flaw::whole(customer, Harm::Unknown)),
                Err(_) => verified.add(of_nobody(&format!("{table}.customer"))),
            }
        }
        Ok(())
    }

    /// Rows beside the records that are not what the ledger says, or whose words do not open.
    async fn harms_beside(&self) -> Result<Vec<Flaw>, Error> {
        let now = self.0.db.now();
        let since = now.minus(ROWS_KEPT);
        let rows = self.0.db.read(move |reader| -> Result<_, Error> {
            let mut flaws = crate::grants::told::harms(reader, since)?;
            flaws.extend(crate::pleas::harms(reader, now)?);
            flaws.extend(crate::sights::harms(reader, since)?);
            flaws.extend(crate::rules::harms(reader)?);
            Ok(flaws)
        });
        let mut rows = rows.await?;
        for flaw in self.harms_of_words(since).await? {
            // One row, one flaw, also where it names another customer than the ledger.
            if !rows.iter().any(|known: &Flaw| known.place == flaw.place) {
                rows.push(flaw);
            }
        }
        Ok(rows)
    }
    /// Tells the ledger how far the key store's own has come: its signed head.
    pub async fn note_keys(&self, head: String) -> Result<(), Error> {
        let told = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.append(Actor::System, None, KeyStoreNoted { head: head.clone() })?;
            Ok(())
        });
        told.await
    }

    /// What the ledger was told of it last.
    pub async fn noted_keys(&self) -> Result<Option<String>, Error> {
        let found = self.0.db.read(|reader| -> Result<_, Error> {
            Ok(ledger::last_believed(reader, "vault.key_store_noted")?)
        });
        Ok(found.await?.and_then(|(_, record)| match record.event {
            Event::KeyStoreNoted(fact) => Some(fact.head),
            _ => None,
        }))
    }

    /// Tells the ledger that an operator says that an earlier copy of the epochs' keys is no more.
    pub async fn tell_copy_gone(&self, actor: Actor, left: u64) -> Result<(), Error> {
        let told = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.append(actor, None, EpochsCopyForgotten { left })?;
            Ok(())
        });
        told.await
    }

    /// Tells the ledger that the key store is an older one, or another. It names no record: each may be older than it looks.
    pub async fn tell_older_keys(&self) -> Result<(), Error> {
        let told = self.0.db.write(|tx| -> Result<(), Error> {
            let Flaw { customer, place, harm } = of_nobody("vault_customer_key");
            tx.append(Actor::System, None, RecordHarmed { customer, place, harm: harm.name().to_owned() })?;
            Ok(())
        });
        told.await
    }

    /// What of the tables, indexes and triggers of the data is not as this program makes them. Blocks.
    pub fn unlike(&self) -> Result<Option<Vec<String>>, storeward_store::Error> {
        storeward_store::schema::unlike(&self.0.db)
    }

    /// Where the database itself does not hold together, if it is a file: what a look over the records by one index does not see, since
    /// whoever looks for a customer goes by another.
    pub async fn faults_of_file(&self) -> Result<Vec<String>, Error> {
        Ok(self.0.db.read(storeward_store::copies::faults).await?)
    }

    async fn verify_one(&self, customer: CustomerId, verified: &mut Verified) -> Result<(), Error> {
        let held = match self.keys().held_in_store(customer).await {
            Ok(held) => held,
            Err(Error::Store(why)) => return Err(Error::Store(why)),
            Err(_) => {
                verified.customers += 1;
                verified.add(Flaw::whole(customer, Harm::NoKey));
                return Ok(());
            }
        };
        let (known, indexes) = (held.clone(), self.keys().indexes());
        let found = self
            .0
            .db
            .read(move |reader| -> Result<_, Error> { look(reader, customer, known.as_ref(), &indexes) });
        let Found::Record { flaws, values, revision, is_new } = found.await? else {
            if held.is_some() && self.is_unasked(customer).await? {
                verified.customers += 1;
                verified.add(Flaw::whole(customer, Harm::Unasked));
            } else if held.is_none() && self.keys().destroyed_at(customer).await?.is_none() {
                // The row says that somebody was erased of whom the key store knows nothing.
                verified.add(of_nobody("vault_customer.id"));
            }
            return Ok(());
        };
        verified.customers += 1;
        verified.values += u64::try_from(values).unwrap_or(0);
        let is_whole = flaws.is_empty();
        flaws.into_iter().for_each(|flaw| verified.add(flaw));
        let Some(held) = held.filter(|_| is_whole) else { return Ok(()) };
        if is_new {
            self.begin(customer, held, 0).await?;
            verified.begun += 1;
        } else if revision > held.revision {
            self.keys().note(customer, &held.key, revision).await?;
        }
        Ok(())
    }

    /// Makes a manifest of a record that has none, and writes its head anew above a revision.
    async fn begin(&self, customer: CustomerId, held: Held, than: u64) -> Result<(), Error> {
        let (key, entropy) = (held.key.clone(), std::sync::Arc::clone(&self.0.entropy));
        let written = self.0.db.write(move |tx| -> Result<u64, Error> {
            sql::insert_customer(tx, customer)?;
            let manifest = manifest_for(tx, customer, &held)?;
            tx.commit_silent("the look over all records, or what accepts older data, tells of it");
            manifest.save(tx, &held.key, entropy.as_ref(), than)
        });
        let revision = written.await?;
        self.keys().note(customer, &key, revision).await
    }

    /// Keys whose record is not there any more.
    async fn verify_keys(&self, verified: &mut Verified) -> Result<(), Error> {
        for customer in self.lost().await? {
            verified.add(Flaw::whole(customer, Harm::Missing));
        }
        Ok(())
    }

    /// Whose record was noted and is not there: the data is of before it, or somebody took it away.
    async fn lost(&self) -> Result<Vec<CustomerId>, Error> {
        let (mut lost, mut last) = (Vec::new(), Some(String::new()));
        while let Some(after) = last {
            let (page, end) = self.keys().noted(after).await?;
            last = end;
            let noted = page.into_iter().filter(|(_, revision)| *revision > 0).map(|(customer, _)| customer);
            let noted: Vec<CustomerId> = noted.collect();
            let gone = self.0.db.read(move |reader| -> Result<Vec<CustomerId>, Error> {
                let mut gone = Vec::new();
                for customer in noted {
                    match sql::customer(reader, customer) {
                        // A row that says nothing is there, and is named by itself.
                        Ok(Some(_)) | Err(storeward_store::Error::Column { .. }) => {}
                        Ok(None) => gone.push(customer),
                        Err(other) => return Err(other.into()),
                    }
                }
                Ok(gone)
            });
            lost.extend(gone.await?);
        }
        Ok(lost)
    }

    /// How the last look over all records ended, and when.
    pub async fn last_verified(&self) -> Result<Option<(Timestamp, RecordsVerified)>, Error> {
        let kind_prefix = Some("vault.records_verified".to_owned());
        let filter = ledger::Filter { kind_prefix, ..ledger::Filter::default() };
        let found = self.0.db.read(move |reader| ledger::believed(reader, &filter, PageSize::new(1)));
        let found = found.await.map_err(Error::Store)?;
        Ok(found.rows.into_iter().next().and_then(|(_, record)| match record.event {
            Event::RecordsVerified(fact) => Some((record.at, fact)),
            _ => None,
        }))
    }

    async fn tell(&self, actor: Actor, verified: &Verified) -> Result<(), Error> {
        let (told, some) = (verified.clone(), MOST_TOLD);
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            let of_keys = told.keys.iter().map(KeyFault::flaw);
            for flaw in told.flaws.iter().take(some).cloned().chain(of_keys.take(some)) {
                let Flaw { customer, place, harm } = flaw;
                tx.append(actor, None, RecordHarmed { customer, place, harm: harm.name().to_owned() })?;
            }
            let (customers, values, faults) = (told.customers, told.values, told.faults);
            tx.append(actor, None, RecordsVerified { customers, values, faults })?;
            Ok(())
        });
        written.await
    }

    /// Takes data that is older than its keys, such as a restored backup, for what counts from now on; how many customers'
    /// it was. Records that are not what was written last in their own time stay as they are, and are named by [`Vault::verify`].
    pub async fn accept_older(&self, actor: Actor) -> Result<u64, Error> {
        self.keys().write_notes().await?;
        let (mut count, mut last) = (0, Some(String::new()));
        while let Some(after) = last {
            let page =
                self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::page(reader, &after)?) }).await?;
            for customer in page.customers {
                count += u64::from(self.accept_one(customer).await?);
            }
            last = page.last;
        }
        for customer in self.lost().await? {
            if let Some(held) = self.keys().held_in_store(customer).await? {
                let noted = held.revision;
                self.begin(customer, Held { revision: 0, ..held }, noted).await?;
                count += 1;
            }
        }
        self.keys().write_notes().await?;
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.append(actor, None, OlderDataAccepted { customers: count })?;
            Ok(())
        });
        written.await?;
        Ok(count)
    }

    /// Whether the record was older and is whole in itself.
    async fn accept_one(&self, customer: CustomerId) -> Result<bool, Error> {
        let Ok(Some(held)) = self.keys().held_in_store(customer).await else { return Ok(false) };
        let noted = held.revision;
        // As it was in its own time.
        let held = Held { revision: 0, ..held };
        let (known, indexes) = (held.clone(), self.keys().indexes());
        let found = self
            .0
            .db
            .read(move |reader| -> Result<_, Error> { look(reader, customer, Some(&known), &indexes) });
        match found.await {
            Ok(Found::Record { flaws, revision, .. }) if flaws.is_empty() && revision < noted => {
                self.begin(customer, held, noted).await?;
                Ok(true)
            }
            Ok(Found::Record { .. } | Found::Nobody)
            | Err(Error::Store(storeward_store::Error::Column { .. })) => Ok(false),
            Err(other) => Err(other),
        }
    }
}

/// A row whose id is nobody's. In words that are not ours: they stand in no ledger.
fn of_nobody(place: &str) -> Flaw {
    Flaw { customer: CustomerId::from_bits(0), place: place.to_owned(), harm: Harm::Row }
}

fn look(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    held: Option<&Held>,
    indexes: &[(u32, storeward_seal::IndexRoot)],
) -> Result<Found, Error> {
    let Some(row) = sql::customer(reader, customer)?.filter(|row| row.erasure_begun_at.is_none()) else {
        return Ok(Found::Nobody);
    };
    let rows = sql::fields(reader, customer)?;
    let marks = sql::marks(reader, customer)?;
    let values = rows.len();
    let of_flaws = |flaws| Ok(Found::Record { flaws, values, revision: 0, is_new: false });
    let Some(held) = held else { return of_flaws(vec![Flaw::whole(customer, Harm::NoKey)]) };
    let read = Manifest::read(reader, customer, held, &row).and_then(|mut manifest| {
        manifest.load_all(reader, &held.key)?;
        Ok(manifest)
    });
    let manifest = match read {
        Ok(manifest) => manifest,
        Err(Error::Harmed(flaw)) => return of_flaws(vec![*flaw]),
        Err(other) => return Err(other),
    };
    let mut flaws = manifest.flaws(&held.key, &rows);
    if !manifest.has_no_others(&sql::manifest_parts(reader, customer)?) {
        flaws.push(Flaw::whole(customer, Harm::Manifest));
    }
    let is_flawed = |flaws: &[Flaw], row: &FieldRow| {
        let place = format!("{}.{}.{}", row.collection, row.item, row.field);
        flaws.iter().any(|flaw| flaw.place == place)
    };
    let plan = match Plan::read(reader, indexes) {
        // Named once for all.
        Err(Error::OtherRoots(_)) => {
            return Ok(Found::Record { flaws, values, revision: manifest.revision, is_new: manifest.is_new });
        }
        plan => plan?,
    };
    let marks: Vec<MarkRow> =
        marks.into_iter().filter(|(name, root, ..)| plan.is_judged(name, *root)).collect();
    let mut expected: Vec<MarkRow> = Vec::new();
    for row in &rows {
        match open_row(&held.key, customer, row) {
            Ok(value) => {
                let Ok(field) = Field::find(&format!("{}.{}", row.collection, row.field)) else { continue };
                let of_item = |(name, root, mark): crate::indexes::Mark| (name, root, mark, row.item.clone());
                let mut due: Vec<MarkRow> =
                    plan.due(field, value.expose()).into_iter().map(of_item).collect();
                for before in plan.due_before(field, value.expose()).into_iter().map(of_item) {
                    if marks.contains(&before) {
                        due.retain(|one| one.1 != before.1 || marks.contains(one));
                        due.push(before);
                    }
                }
                expected.extend(due);
            }
            Err(Error::Harmed(flaw)) if !is_flawed(&flaws, row) => flaws.push(*flaw),
            Err(Error::Harmed(_)) => {}
            Err(other) => return Err(other),
        }
    }
    for (name, _, _, item) in differing(marks, expected) {
        let name = crate::indexes::field_of(&name);
        let (class, field) = name.split_once('.').unwrap_or((name, ""));
        let flaw = Flaw { customer, place: format!("{class}.{item}.{field}"), harm: Harm::Found };
        if !flaws.iter().any(|known| known.place == flaw.place) {
            flaws.push(flaw);
        }
    }
    Ok(Found::Record { flaws, values, revision: manifest.revision, is_new: manifest.is_new })
}

/// What stands in one of the two only.
fn differing(mut a: Vec<MarkRow>, mut b: Vec<MarkRow>) -> Vec<MarkRow> {
    a.sort_unstable();
    b.sort_unstable();
    let mut odd: Vec<MarkRow> = a.iter().filter(|one| b.binary_search(one).is_err()).cloned().collect();
    odd.extend(b.iter().filter(|one| a.binary_search(one).is_err()).cloned());
    odd
}
