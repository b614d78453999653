//! By what customers are found: which marks there are, and how all of them are made anew while everything works.
//!
//! What stands in `vault_index` counts, not what a program remembers: whoever writes a value reads there, in the same transaction, which
//! marks it has; so a program that does not know of a new root yet learns of it before it can leave a value without its mark.
//! A root is replaced in four steps, each of which may be repeated: it begins in the key store, the walk over all customers makes its
//! marks (both roots are looked up meanwhile), the marks of the one before are taken away, and that one is destroyed.

mod sql;
mod walk;

use storeward_base::{Actor, CustomerId, Secret};
use storeward_seal::IndexRoot;
use storeward_store::Reader;

use crate::Error;
use crate::catalogue::{Field, Lookup};
use crate::manifest::{Flaw, Harm};
use crate::opening::open_row;
use crate::records::Vault;
use crate::{orders, values};

pub use sql::STATEMENTS;
pub use walk::Making;

/// Fields that may be found by parts, where the operator asks for it: what each leaks is in docs/vault.md.
const BY_PART: [&str; 4] = ["contact.name", "contact.company", "address.name", "address.company"];
/// What the marks of parts are called, behind the field: threes of letters.
const THREES: &str = "~3";
/// Marks of a part that are asked for: enough for few to be left, whose values are then compared.
const ASKED: usize = 8;
/// Letters below which a part is in everybody.
const LEAST_LETTERS: usize = 3;

/// Where some marks stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Making,
    Made,
    Ending,
}

impl State {
    const ALL: [State; 3] = [State::Making, State::Made, State::Ending];

    const fn name(self) -> &'static str {
        match self {
            State::Making => "making",
            State::Made => "made",
            State::Ending => "ending",
        }
    }
}

/// Marks of one root: those of whole values, or those of the parts of one field.
#[derive(Clone, Debug)]
struct Row {
    root: u32,
    /// Empty: of whole values.
    field: String,
    state: State,
    position: String,
    done: u64,
    left_out: u64,
}

/// A mark: under which name it lies, which root made it, and its bytes.
pub(crate) type Mark = (String, u32, Vec<u8>);

/// Which marks a value has at one moment of the data.
pub(crate) struct Plan {
    rows: Vec<Row>,
    roots: Vec<(u32, IndexRoot)>,
}

impl Plan {
    /// [`Error::OtherRoots`] where the data names a root that is not among these.
    pub fn read(reader: &mut Reader<'_>, roots: &[(u32, IndexRoot)]) -> Result<Self, Error> {
        let mut rows = sql::all(reader)?;
        if rows.is_empty() {
            // Of the version before, or never settled: each root has the marks of whole values.
            rows = roots.iter().map(|(root, _)| Row::whole(*root, State::Made)).collect();
        }
        let unknown = rows
            .iter()
            .find(|row| row.state != State::Ending && !roots.iter().any(|(version, _)| *version == row.root));
        match unknown {
            Some(row) => Err(Error::OtherRoots(row.root)),
            None => Ok(Plan { rows, roots: roots.to_vec() }),
        }
    }

    /// Whether a row names marks of parts of a field that has none.
    pub fn has_others(&self) -> bool {
        self.rows.iter().any(|row| !row.field.is_empty() && !BY_PART.contains(&row.field.as_str()))
    }

    /// The marks that a value has: those that are there, and those that are being made.
    pub fn of_value(&self, field: &Field, value: &str) -> Vec<Mark> {
        self.marks(field, value, |state| state != State::Ending)
    }

    /// The marks that a value must have: all that are made.
    pub fn due(&self, field: &Field, value: &str) -> Vec<Mark> {
        self.marks(field, value, |state| state == State::Made)
    }

    /// For each of [`Plan::due`] the mark that a version before made of the value, where it had another normal form: it holds until the
    /// marks are renewed or the value is written.
    pub fn due_before(&self, field: &Field, value: &str) -> Vec<Mark> {
        field.normal_before(value).map_or_else(Vec::new, |normal| self.of_normal(field, &normal, State::Made))
    }

    fn of_normal(&self, field: &Field, normal: &str, state: State) -> Vec<Mark> {
        let name = field.full_name();
        let rows = self.rows.iter().filter(|row| row.state == state && row.field.is_empty());
        let root = |row: &Row| self.roots.iter().find(|(version, _)| *version == row.root);
        let mark = |(version, root): &(u32, IndexRoot)| {
            (name.clone(), *version, root.field(&name, *version).mark(normal).to_vec())
        };
        rows.filter_map(root).map(mark).collect()
    }

    /// Whether a mark that lies there is held against the values: not while it is made or taken away.
    pub fn is_judged(&self, name: &str, root: u32) -> bool {
        let state = |field: &str| {
            self.rows.iter().find(|row| row.root == root && row.field == field).map(|row| row.state)
        };
        let whole = state("");
        if whole == Some(State::Ending) {
            return false;
        }
        let own = if name.ends_with(THREES) { state(field_of(name)) } else { whole };
        !matches!(own, Some(State::Making | State::Ending))
    }

    fn marks(&self, field: &Field, value: &str, counts: impl Fn(State) -> bool) -> Vec<Mark> {
        let mut all = Vec::new();
        for row in self.rows.iter().filter(|row| counts(row.state)) {
            if let Some((_, root)) = self.roots.iter().find(|(version, _)| *version == row.root) {
                all.extend(row.marks(root, field, value));
            }
        }
        all
    }

    /// By what a whole value is looked up: by what is made, or, where nothing is yet, by what is being made.
    fn to_find(&self, field: &Field, value: &str) -> Vec<Mark> {
        let is_made = self.rows.iter().any(|row| row.field.is_empty() && row.state == State::Made);
        let wanted = if is_made { State::Made } else { State::Making };
        let mut marks = self.marks(field, value, |state| state == wanted);
        marks.retain(|(name, ..)| !name.ends_with(THREES));
        if let Some(before) = field.normal_before(value) {
            marks.extend(self.of_normal(field, &before, wanted));
        }
        marks
    }

    /// The newest root whose marks of the field's parts are made.
    fn of_parts(&self, field: &Field) -> Option<(u32, &IndexRoot)> {
        let name = field.full_name();
        let made = self.rows.iter().filter(|row| row.field == name && row.state == State::Made);
        let newest = made.map(|row| row.root).max()?;
        self.roots.iter().find(|(version, _)| *version == newest).map(|(version, root)| (*version, root))
    }
}

impl Row {
    fn whole(root: u32, state: State) -> Self {
        Row { root, field: String::new(), state, position: String::new(), done: 0, left_out: 0 }
    }

    /// What the marks of parts lie under.
    fn mark_name(&self) -> String {
        format!("{}{THREES}", self.field)
    }

    /// This row's marks of a value.
    fn marks(&self, root: &IndexRoot, field: &Field, value: &str) -> Vec<Mark> {
        let name = field.full_name();
        if self.field.is_empty() {
            let normal = field.normal(value);
            let mark = normal.map(|normal| root.field(&name, self.root).mark(&normal).to_vec());
            return mark.map(|mark| (name, self.root, mark)).into_iter().collect();
        }
        if self.field != name {
            return Vec::new();
        }
        let (name, normal) = (self.mark_name(), values::normal(field.rule, value));
        let threes = root.field(&name, self.root).trigrams(&normal);
        threes.into_iter().map(|mark| (name.clone(), self.root, mark.to_be_bytes().to_vec())).collect()
    }
}

/// Under which name the marks of a field's parts lie.
pub(crate) fn parts_name(full_name: &str) -> String {
    format!("{full_name}{THREES}")
}

/// The field that a mark is of.
pub(crate) fn field_of(mark_name: &str) -> &str {
    mark_name.strip_suffix(THREES).unwrap_or(mark_name)
}

/// The field of this name, where it may be found by parts.
pub fn by_part(name: &str) -> Result<&'static Field, Error> {
    let field = Field::find(name)?;
    let why = "cannot be found by parts; contact.name, contact.company, address.name and address.company can";
    if BY_PART.contains(&name) { Ok(field) } else { Err(Error::Value { field: field.name, why }) }
}

/// Most customers of one answer.
const MOST_FOUND: usize = 100;

/// Which of those to whom a mark leads.
#[derive(Clone)]
enum Led {
    /// A page of them, in the order of the texts that name them, behind one.
    Behind(String),
    /// This one, if it does.
    To(CustomerId),
}

/// Whether somebody has a value.
enum Has {
    Yes,
    /// The record, or the value, does not open.
    Unsure,
    No,
    /// There is no such customer any more.
    Gone,
}

impl Vault {
    /// Customers who have this value in the field, as far as normal forms tell; a hundred. Empty for a field that cannot be looked up. The
    /// marks only lead there: what is sealed is compared, and somebody to whom a changed mark leads is left out and told of. They hide
    /// nobody behind them, however many there are, nor do records that cannot be opened.
    pub async fn find(&self, field: &'static Field, value: &str) -> Result<Vec<CustomerId>, Error> {
        let wanted = field.take(value).ok().and_then(|kept| field.normal(&kept));
        let (mut found, mut unsure, mut told) = (Vec::new(), Vec::new(), 0);
        let mut behind = String::new();
        while let Some(page) = self.next_led(field, value, &mut behind).await? {
            for named in page {
                let Some(customer) = named else {
                    if told < MOST_FOUND {
                        self.tell_of_mark(CustomerId::from_bits(0), field).await?;
                        told += 1;
                    }
                    continue;
                };
                match self.has_value(customer, field, wanted.as_deref()).await? {
                    Has::Yes => found.push(customer),
                    Has::Unsure if unsure.len() < MOST_FOUND => unsure.push(customer),
                    // What was written since the marks were read has other marks.
                    Has::No
                        if told < MOST_FOUND
                            && !self.led(field, value, Led::To(customer)).await?.is_empty() =>
                    {
                        self.tell_of_mark(customer, field).await?;
                        told += 1;
                    }
                    Has::No | Has::Unsure | Has::Gone => {}
                }
            }
            if found.len() >= MOST_FOUND {
                break;
            }
        }
        found.extend(unsure);
        found.truncate(MOST_FOUND);
        found.sort_unstable();
        Ok(found)
    }

    async fn tell_of_mark(&self, customer: CustomerId, field: &'static Field) -> Result<(), Error> {
        let flaw = Flaw { customer, place: field.full_name(), harm: Harm::Found };
        match self.alarm::<()>(Actor::System, Err(Error::Harmed(Box::new(flaw)))).await {
            Ok(()) | Err(Error::Harmed(_)) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Whether a field has this value, by what is sealed. Of a record that cannot be opened nothing can be said: whoever opens it is told
    /// why.
    async fn has_value(
        &self,
        customer: CustomerId,
        field: &'static Field,
        wanted: Option<&str>,
    ) -> Result<Has, Error> {
        let (key, rows) = match self.rows(customer).await {
            Ok(found) => found,
            Err(Error::Store(why)) => return Err(Error::Store(why)),
            Err(Error::NoCustomer) => return Ok(Has::Gone),
            Err(_) => return Ok(Has::Unsure),
        };
        let of_field =
            |row: &&crate::sql::FieldRow| row.collection == field.class.name() && row.field == field.name;
        let mut has = Has::No;
        for row in rows.iter().filter(of_field) {
            match open_row(&key, customer, row) {
                Ok(value) if field.normal(value.expose()).as_deref() == wanted => return Ok(Has::Yes),
                Ok(_) => {}
                Err(_) => has = Has::Unsure,
            }
        }
        Ok(has)
    }

    /// The next page of those to whom the marks of a value lead, without opening anything; no page at the end. Where a mark names somebody
    /// in words that are not ours, there is none in their place. `behind` is where the page ended, and is empty at first.
    pub(crate) async fn next_led(
        &self,
        field: &'static Field,
        value: &str,
        behind: &mut String,
    ) -> Result<Option<Vec<Option<CustomerId>>>, Error> {
        let page = self.led(field, value, Led::Behind(behind.clone())).await?;
        // What is no text at all comes as an empty one, behind all others.
        let Some(last) = page.last().filter(|last| **last > *behind) else { return Ok(None) };
        last.clone_into(behind);
        let named = |text: &String| text.parse::<CustomerId>().ok().filter(|id| id.to_string() == *text);
        Ok(Some(page.iter().map(named).collect()))
    }

    async fn led(&self, field: &'static Field, value: &str, led: Led) -> Result<Vec<String>, Error> {
        let Ok(kept) = field.take(value) else { return Ok(Vec::new()) };
        if field.lookup != Lookup::Whole {
            return Ok(Vec::new());
        }
        match self.find_once(field, kept.clone(), led.clone()).await {
            Err(Error::OtherRoots(_)) => {
                self.keys().read_indexes().await?;
                self.find_once(field, kept, led).await
            }
            other => other,
        }
    }

    async fn find_once(&self, field: &'static Field, kept: String, led: Led) -> Result<Vec<String>, Error> {
        let roots = self.keys().indexes();
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let mut all = Vec::new();
            for mark in Plan::read(reader, &roots)?.to_find(field, &kept) {
                match &led {
                    Led::Behind(behind) => all.extend(crate::sql::by_mark(reader, &mark, behind)?),
                    Led::To(customer) if crate::sql::is_marked(reader, &mark, *customer)? => {
                        all.push(customer.to_string());
                    }
                    Led::To(_) => {}
                }
            }
            all.sort_unstable();
            all.dedup();
            // Of several roots each has a page of its own: behind the first hundred of all the next page begins.
            all.truncate(MOST_FOUND);
            Ok(all)
        });
        found.await
    }

    /// Whether nobody has an order of this number, nor of one behind it ([`orders::AHEAD`]). By the marks alone: no record is opened.
    pub(crate) async fn is_beyond(&self, field: &'static Field, number: &str) -> Result<bool, Error> {
        let Some(numbers) = field.take(number).ok().and_then(|kept| orders::from(&kept)) else {
            return Ok(false);
        };
        match self.is_unmarked(field, numbers.clone()).await {
            Err(Error::OtherRoots(_)) => {
                self.keys().read_indexes().await?;
                self.is_unmarked(field, numbers).await
            }
            other => other,
        }
    }

    async fn is_unmarked(&self, field: &'static Field, values: Vec<String>) -> Result<bool, Error> {
        let roots = self.keys().indexes();
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let plan = Plan::read(reader, &roots)?;
            let mut marks: Vec<Mark> = values.iter().flat_map(|value| plan.to_find(field, value)).collect();
            marks.sort_unstable();
            for of_root in marks.chunk_by(|one, next| one.1 == next.1) {
                for some in of_root.chunks(orders::AHEAD + 1) {
                    if sql::has_any(reader, some)? {
                        return Ok(false);
                    }
                }
            }
            Ok(true)
        });
        found.await
    }

    /// Customers in whose field this part stands, at most a hundred. Marks only lead there; the values that they lead to are compared,
    /// and none is handed out.
    pub async fn find_by_part(&self, field: &'static Field, part: &str) -> Result<Vec<CustomerId>, Error> {
        let wrong = |why| Error::Value { field: field.name, why };
        let wanted = values::normal(field.rule, part);
        if wanted.chars().count() < LEAST_LETTERS {
            return Err(wrong("is looked for by three letters or more"));
        }
        let (roots, sought) = (self.keys().indexes(), wanted.clone());
        let found = self.0.db.read(move |reader| -> Result<Option<Vec<CustomerId>>, Error> {
            let plan = Plan::read(reader, &roots)?;
            let Some((version, root)) = plan.of_parts(field) else { return Ok(None) };
            let name = parts_name(&field.full_name());
            let threes = spread(root.field(&name, version).trigrams_within(&sought));
            Ok(Some(sql::by_threes(reader, &name, version, &threes)?))
        });
        let led_to = found.await?.ok_or_else(|| wrong("is not found by parts here"))?;
        let mut all = Vec::new();
        for customer in led_to {
            let texts = self.values_of(customer, field).await?;
            let has = texts.iter().any(|text| values::normal(field.rule, text.expose()).contains(&wanted));
            if has {
                all.push(customer);
            }
        }
        all.truncate(MOST_FOUND);
        Ok(all)
    }

    /// The values of one field, for comparing; none of somebody who is gone or whose record is not whole, which is told.
    async fn values_of(
        &self,
        customer: CustomerId,
        field: &'static Field,
    ) -> Result<Vec<Secret<String>>, Error> {
        let rows = self.rows(customer).await;
        let (key, rows) = match self.alarm(Actor::System, rows).await {
            Ok(found) => found,
            Err(Error::NoCustomer | Error::Harmed(_)) => return Ok(Vec::new()),
            Err(other) => return Err(other),
        };
        let of_field =
            |row: &&crate::sql::FieldRow| row.collection == field.class.name() && row.field == field.name;
        rows.iter().filter(of_field).map(|row| open_row(&key, customer, row)).collect()
    }

    /// The fields that are found by parts at this moment.
    pub async fn found_by_parts(&self) -> Result<Vec<&'static Field>, Error> {
        let rows = self.0.db.read(|reader| -> Result<_, Error> { Ok(sql::all(reader)?) }).await?;
        let made = rows.iter().filter(|row| row.state == State::Made && !row.field.is_empty());
        let mut fields = made.map(|row| Field::find(&row.field)).collect::<Result<Vec<_>, _>>()?;
        fields.dedup();
        Ok(fields)
    }
}

/// At most [`ASKED`] of them, from all over.
fn spread(threes: Vec<u32>) -> Vec<u32> {
    let step = threes.len().div_ceil(ASKED).max(1);
    threes.into_iter().step_by(step).collect()
}
