//! Customers of an existing shop, from a table: which column is which field, what fits and what does not, one row at a time; and
//! from a shop's database ([`ShopImport`]).
//!
//! Whose a row is follows from the shop's own number for the customer ([`Mapping::key`]): a second run of the same file writes
//! what the shop changed and nothing else, and takes back nothing of what was put right here ([`Told`]).

mod cells;
mod erased;
mod forms;
mod moves;
mod report;
mod run;
mod shop;
mod state;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use storeward_base::{Actor, CustomerId, Secret, Timestamp};
use storeward_seal::encoding::hex;

use crate::Error;
use crate::catalogue::{Class, Field};
use crate::records::{Item, Provenance, Vault};
use crate::sql;
use crate::whose::is_own_word;

pub(crate) use cells::Cells;
pub use forms::Form;
pub use report::{Report, Run};
pub use run::{Ended, PartEnded, ShopImport, Step};
pub use shop::ShopFile;
pub use state::{Gone, STATEMENTS};

/// The tables of imports from shops' databases.
pub const MIGRATIONS: &[storeward_store::Migration] = &[storeward_store::Migration {
    domain: "import",
    number: 1,
    sql: include_str!("../migrations/import_0001_state.sql"),
}];

/// How a file is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The column with the shop's number of the customer.
    pub key: String,
    /// Field by column, such as `contact.email = "user_email"`. An item can be named: `address.street@billing`.
    pub fields: BTreeMap<String, Source>,
    /// The column with what names the item of a collection, such as the order's number; `own` where it is left out.
    #[serde(default)]
    pub items: BTreeMap<String, String>,
    /// A column with another number of the same customer: who was erased under it stays erased under this one, too, whatever else the
    /// shop has under it.
    #[serde(default)]
    pub also: Option<String>,
    /// A column with when the shop says that what the row tells of was begun, in UTC: an account's first day, an order's. What was begun after
    /// somebody was erased is taken all the same, under an id of its own. Without it whoever was erased stays out for good.
    #[serde(default)]
    pub begun: Option<String>,
    /// A column with the address by which whoever comes again is reached, where rows without it may be the first of them.
    #[serde(default)]
    pub reached: Option<String>,
    /// A column with the number of the order that a row was read from, where it keeps none: where that order was erased, so is the row.
    #[serde(default)]
    pub order: Option<String>,
    /// A column with the address on an account's order: whose guest it is, once the shop has no such account any more.
    #[serde(default)]
    pub billed: Option<String>,
    /// Whether what names an item names one in the whole shop, not one of each customer's: where a row gives it to another customer, it
    /// leaves the record that had it. What is named by the order's number always does.
    #[serde(default)]
    pub unique: bool,
    #[serde(default)]
    pub empty: Empty,
}

/// Where a field's value stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Source {
    Column(String),
    Formed(Formed),
}

/// A column whose values are written in another form than the field takes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Formed {
    pub column: String,
    pub form: Form,
    /// The column that the form needs beside it, such as the currency.
    pub with: Option<String>,
}

impl Source {
    fn column(&self) -> &String {
        match self {
            Source::Column(column) => column,
            Source::Formed(formed) => &formed.column,
        }
    }
}

impl From<&str> for Source {
    fn from(column: &str) -> Self {
        Source::Column(column.to_owned())
    }
}

/// What an empty cell says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Empty {
    /// Nothing: what was taken before stays.
    #[default]
    Keeps,
    /// That the shop has no such value any more: what an import wrote there is taken away, what others wrote stays.
    Removes,
}

/// Why a mapping does not fit its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit(pub String);

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One field, and where in a row it stands.
struct Column {
    field: &'static Field,
    item: ItemName,
    at: usize,
    /// Another form, and the column beside it.
    form: Option<(Form, Option<usize>)>,
}

enum ItemName {
    Fixed(String),
    Of(Cell),
}

/// Where in a row the name of an item stands, and whether it names one in the whole shop.
#[derive(Clone, Copy)]
struct Cell {
    at: usize,
    is_unique: bool,
}

/// Values of a row that belong together.
#[derive(Debug)]
struct Part {
    name: PartName,
    values: Vec<(&'static Field, Secret<String>)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PartName {
    /// From the mapping.
    Fixed(String),
    /// What the cell holds: it is kept as a mark ([`Vault::item_of_shop`]).
    Cell(String),
}

/// A mapping against the header of a file.
pub struct Plan {
    key: usize,
    /// The address of whoever the shop has no number of.
    email: Option<usize>,
    also: Option<usize>,
    begun: Option<usize>,
    reached: Option<usize>,
    order: Option<usize>,
    billed: Option<usize>,
    columns: Vec<Column>,
    empty: Empty,
}

/// What becomes of one row.
#[derive(Debug, Default)]
pub struct Row {
    parts: Vec<Part>,
    /// Where the shop has nothing any more.
    gone: Vec<(PartName, &'static Field)>,
    /// Field by field why a value is left out; never the value.
    pub left_out: Vec<(String, &'static str)>,
}

/// What was done with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    New,
    Known,
    /// The customer was erased: they stay gone, whatever the shop's file says.
    Erased,
    /// The row names no customer, or nothing of it fits.
    Nothing,
}

/// What is told of a value that was changed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// It stands: the shop says what it said before.
    Stands,
    /// The shop changed it since, and its newer word was taken.
    Overtaken,
    /// Its item left the record in which it was put right, and what was put right is gone with it.
    LeftBehind,
}

/// What was done with a row, and with which values that were changed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowTaken {
    pub taken: Taken,
    pub told: Vec<(&'static Field, Told)>,
    /// How many items left the records of others, because the shop gives them to this customer now.
    pub moved: u64,
}

impl From<Taken> for RowTaken {
    fn from(taken: Taken) -> Self {
        RowTaken { taken, told: Vec::new(), moved: 0 }
    }
}

impl Plan {
    pub fn new(mapping: &Mapping, header: &[String]) -> Result<Plan, Misfit> {
        let of = |column: &str| {
            let mut named = header.iter().enumerate().filter(|(_, name)| name.trim() == column);
            let found = named.next().map(|(at, _)| at);
            if named.next().is_some() {
                return Err(Misfit(format!(
                    "the first line of the file names the column `{column}` twice; which of them is meant? Give the other one another name"
                )));
            }
            found.ok_or_else(|| {
                // Of a file without a header the first line is somebody's data.
                let count = header.len();
                Misfit(format!(
                    "the file has no column `{column}` among the {count} that its first line names; is the first line a header, with LF \
                     or CRLF at its end?"
                ))
            })
        };
        let number = mapping.fields.get("order.number").map(Source::column);
        let mut columns = Vec::new();
        for (name, source) in &mapping.fields {
            let (full, fixed) = name.split_once('@').map_or((name.as_str(), None), |(a, b)| (a, Some(b)));
            let field = Field::find(full).map_err(|why| Misfit(why.to_string()))?;
            if fixed.is_some_and(|name| !Item::is_name(name)) {
                return Err(Misfit(format!(
                    "{name}: what stands behind @ is letters, digits, - and _, at most 64"
                )));
            }
            let item = match (fixed, mapping.items.get(field.class.name())) {
                (Some(fixed), _) => ItemName::Fixed(fixed.to_owned()),
                (None, Some(column)) => {
                    let is_unique = mapping.unique || number == Some(column);
                    ItemName::Of(Cell { at: of(column)?, is_unique })
                }
                (None, None) => ItemName::Fixed("own".to_owned()),
            };
            let (at, form) = match source {
                Source::Column(column) => (of(column)?, None),
                Source::Formed(formed) => {
                    let with = formed.with.as_deref().map(&of).transpose()?;
                    (of(&formed.column)?, Some((formed.form, with)))
                }
            };
            columns.push(Column { field, item, at, form });
        }
        let optional = |column: &Option<String>| column.as_deref().map(&of).transpose();
        let (also, begun) = (optional(&mapping.also)?, optional(&mapping.begun)?);
        let (reached, order) = (optional(&mapping.reached)?, optional(&mapping.order)?);
        let billed = optional(&mapping.billed)?;
        let email = mapping.fields.get("contact.email").map(|source| of(source.column())).transpose()?;
        let (key, empty) = (of(&mapping.key)?, mapping.empty);
        Ok(Plan { key, email, also, begun, reached, order, billed, columns, empty })
    }

    /// The last of the columns that are read, counted from 0: a row without it is no whole one.
    pub fn last_column(&self) -> usize {
        let of = |column: &Column| {
            let item = if let ItemName::Of(cell) = column.item { cell.at } else { 0 };
            let beside = column.form.and_then(|(_, other)| other).unwrap_or(0);
            column.at.max(item).max(beside)
        };
        self.columns
            .iter()
            .map(of)
            .chain(self.also)
            .chain(self.begun)
            .chain(self.reached)
            .chain(self.order)
            .chain(self.billed)
            .fold(self.key, usize::max)
    }

    /// Sorts the values of a row into items; what does not fit its field is left out and told.
    pub fn read(&self, cells: &[String]) -> Row {
        let mut row = Row::default();
        let key = self.key_of(cells);
        if !key.is_empty() {
            let shop_id = Field::find("contact.shop_id").expect("the catalogue has it");
            row.put(shop_id, PartName::Fixed("own".to_owned()), &key);
        }
        let cell = |at: usize| cells.get(at).map_or("", |cell| cell.trim());
        for column in &self.columns {
            let name = match &column.item {
                ItemName::Fixed(name) => PartName::Fixed(name.clone()),
                ItemName::Of(named) => match cell(named.at) {
                    "" => PartName::Fixed("own".to_owned()),
                    cell => PartName::Cell(cell.to_owned()),
                },
            };
            let value = unguarded(cell(column.at));
            let value = match column.form {
                Some((form, other)) if !value.is_empty() => form.take(value, other.map_or("", cell)),
                _ => Ok(value.to_owned()),
            };
            match value {
                Ok(value) if value.is_empty() && self.empty == Empty::Removes => {
                    row.gone.push((name, column.field))
                }
                Ok(value) if value.is_empty() => {}
                Ok(value) => row.put(column.field, name, &value),
                Err(why) => row.left_out.push((column.field.full_name(), why)),
            }
        }
        row
    }

    /// Whether there is nothing to write of a row: it names no customer, or nothing of it fits.
    pub fn is_nothing(&self, cells: &[String], row: &Row) -> bool {
        let is_empty =
            row.parts.iter().flat_map(|part| &part.values).all(|(field, _)| field.name == "shop_id");
        self.key_of(cells).is_empty() || is_empty
    }

    /// The other number of the row's customer, where the shop has one.
    fn other_key_of<'a>(&self, cells: &'a [String]) -> Option<&'a str> {
        let other = self.also.and_then(|at| cells.get(at)).map(|cell| cell.trim());
        other.filter(|other| !other.is_empty())
    }

    /// Whether its rows say when what they tell of was begun.
    fn is_dated(&self) -> bool {
        self.begun.is_some()
    }

    /// When what a row tells of was begun. A moment that is still to come says nothing.
    fn begun_of(&self, cells: &[String], now: Timestamp) -> Option<Timestamp> {
        let text = Form::Utc.take(cells.get(self.begun?)?.trim(), "").ok()?;
        Timestamp::parse_rfc3339(&text).filter(|begun| *begun <= now)
    }

    /// The shop's number in a row; empty where there is none. Shops write `0` for whoever has no account, which as a number would make one
    /// customer of all guests: the row is the guest's whose address stands in it.
    pub fn key_of<'a>(&self, cells: &'a [String]) -> Cow<'a, str> {
        let cell = |at: usize| cells.get(at).map_or("", |cell| cell.trim());
        if cell(self.key) != "0" {
            return Cow::Borrowed(cell(self.key));
        }
        let email = self.email.map(cell).filter(|email| email.contains('@'));
        email.map_or(Cow::Borrowed(""), |email| Cow::Owned(Vault::guest_number(email)))
    }
}

/// Without the apostrophe that shops put before what a spreadsheet would take for a formula, such as a telephone number.
fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| rest.starts_with(['=', '+', '-', '@'])).unwrap_or(cell)
}

impl Row {
    fn put(&mut self, field: &'static Field, name: PartName, value: &str) {
        let kept = match field.take(value) {
            Ok(kept) => kept,
            Err(Error::Value { why, .. }) => {
                self.left_out.push((field.full_name(), why));
                return;
            }
            Err(_) => return,
        };
        let value = (field, Secret::new(kept));
        let of_part = |known: &&mut Part| {
            known.name == name && known.values.iter().all(|(one, _)| one.class == field.class)
        };
        match self.parts.iter_mut().find(of_part) {
            Some(known) => known.values.push(value),
            None => self.parts.push(Part { name, values: vec![value] }),
        }
    }
}

impl Vault {
    /// The id of the shop's customer of this number: the same each time, and it says nothing of the number without the
    /// key of names. So a customer who was erased stays erased, whatever a shop's file says later.
    pub fn customer_of_shop(&self, number: &str) -> CustomerId {
        let mark = self.0.keys.name_key("import.customer").mark(number);
        CustomerId::from_bits(u128::from_be_bytes(mark))
    }

    /// The name of an item that a shop's file names by a value, such as an order by its number: a mark, so that no cell
    /// of a file stands in the database as it is, whatever people typed there.
    pub fn item_of_shop(&self, class: Class, cell: &str) -> String {
        let mark = self.0.keys.name_key(&format!("import.item.{}", class.name())).mark(cell);
        format!("{}{}", Item::MARKED, hex(&mark))
    }

    /// Takes one row. The same row again changes nothing; what changed in the shop takes the place of what was there, and what did not
    /// leaves what was changed here since.
    pub async fn take(&self, plan: &Plan, cells: &[String], mut row: Row) -> Result<RowTaken, Error> {
        let number = plan.key_of(cells);
        if number.is_empty() {
            return Ok(Taken::Nothing.into());
        }
        let bearer = self.bearer(&number).await?;
        let customer = bearer.customer;
        // First, and whatever becomes of the row: nobody goes on having what is somebody else's.
        let (mut told, moved) = self.take_from_others(customer, plan, cells, &row).await?;
        let judged = self.judge(&bearer, plan, cells, &row).await?;
        if judged.ends {
            self.stay_erased(customer).await?;
        }
        let taken = judged.taken;
        if matches!(taken, Taken::Nothing | Taken::Erased) {
            return Ok(RowTaken { taken, told, moved });
        }
        if let Some(at) = plan.reached.filter(|_| judged.is_again) {
            let email = Field::find("contact.email").expect("the catalogue has it");
            row.put(email, PartName::Fixed("own".to_owned()), cells.get(at).map_or("", |cell| cell.trim()));
        }
        // Last: what the sweep took of them comes back where something else is new.
        row.parts.sort_by_key(|part| matches!(part.values[0].0.class, Class::Contact | Class::Address));
        for Part { name, values } in row.parts {
            let id = self.item_name(name, values[0].0.class);
            let item = Item { id, values, provenance: Provenance::Import, keep_until: None };
            if taken == Taken::Known
                && let Some(stands) = self.has(customer, &item).await?
            {
                told.extend(stands);
                continue;
            }
            match self.write_telling(Actor::Operator, customer, item).await {
                Ok(of_item) => told.extend(of_item),
                // What the customer said here stands, whatever the shop's file says.
                Err(Error::Denied("own_word")) => {}
                Err(Error::NoCustomer) => return Ok(RowTaken { taken: Taken::Erased, told, moved }),
                Err(other) => return Err(other),
            }
        }
        if taken == Taken::Known && !row.gone.is_empty() {
            self.take_gone(customer, row.gone).await?;
        }
        self.remember_billed(customer, plan, cells).await?;
        Ok(RowTaken { taken, told, moved })
    }

    /// Takes rows, as many at once as there are customers among them, so that they share commits; what became of each.
    pub async fn take_all(
        &self,
        plan: &Arc<Plan>,
        rows: Vec<(u64, Vec<String>)>,
    ) -> Result<Vec<(u64, RowTaken)>, Error> {
        // Rows of one customer one after the other: two at once would each find the other's item missing.
        let mut by_customer: BTreeMap<String, Vec<(u64, Vec<String>)>> = BTreeMap::new();
        for (number, cells) in rows {
            by_customer.entry(plan.key_of(&cells).into_owned()).or_default().push((number, cells));
        }
        let mut under_way = tokio::task::JoinSet::new();
        for rows in by_customer.into_values() {
            let (vault, plan) = (self.clone(), Arc::clone(plan));
            under_way.spawn(async move {
                let mut taken = Vec::new();
                for (number, cells) in rows {
                    let row = plan.read(&cells);
                    taken.push((number, vault.take(&plan, &cells, row).await?));
                }
                Ok::<_, Error>(taken)
            });
        }
        let mut all = Vec::new();
        for taken in under_way.join_all().await {
            all.extend(taken?);
        }
        Ok(all)
    }

    fn item_name(&self, name: PartName, class: Class) -> String {
        match name {
            PartName::Fixed(name) => name,
            PartName::Cell(cell) => self.item_of_shop(class, &cell),
        }
    }

    /// Takes away what an import wrote where the shop has nothing any more.
    async fn take_gone(
        &self,
        customer: CustomerId,
        gone: Vec<(PartName, &'static Field)>,
    ) -> Result<(), Error> {
        let rows = self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::fields(reader, customer)?) });
        let rows = rows.await?;
        let mut by_item: BTreeMap<(&str, String), Vec<&'static Field>> = BTreeMap::new();
        for (name, field) in gone {
            let id = self.item_name(name, field.class);
            let is_ours = |row: &&sql::FieldRow| {
                row.collection == field.class.name()
                    && row.item == id
                    && row.field == field.name
                    && row.provenance == Provenance::Import.name()
            };
            // Without the purpose in it, an end that was said here would be the end of nothing.
            let is_said_here = |row: &sql::FieldRow| {
                field.class == Class::Consent
                    && row.collection == field.class.name()
                    && row.item == id
                    && is_own_word(&row.provenance)
            };
            if rows.iter().any(is_said_here) {
                continue;
            }
            if rows.iter().any(|row| is_ours(&row)) {
                by_item.entry((field.class.name(), id)).or_default().push(field);
            }
        }
        for ((class, item), fields) in by_item {
            // First: what the shop has again later is no old word then.
            self.forget_cells(customer, (class, item.clone()), fields.clone()).await?;
            match self.remove(Actor::Operator, customer, &item, &fields).await {
                Ok(_) | Err(Error::NoCustomer) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    async fn forget_cells(
        &self,
        customer: CustomerId,
        (class, item): (&'static str, String),
        fields: Vec<&'static Field>,
    ) -> Result<(), Error> {
        let Some(key) = self.0.keys.key(customer).await? else { return Ok(()) };
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("that the values go is told where they do");
            let mut cells = Cells::read(tx, &key, customer, (class, &item))?;
            cells.forget(&fields);
            cells.save(tx)
        });
        written.await
    }

    /// What is told of the values, where nothing of them is to be written: they are kept already, or were changed here since the shop said
    /// them. Nothing of them leaves the vault.
    async fn has(
        &self,
        customer: CustomerId,
        item: &Item,
    ) -> Result<Option<Vec<(&'static Field, Told)>>, Error> {
        let Some(key) = self.0.keys.key(customer).await? else { return Ok(None) };
        let (id, values) = (item.id.clone(), item.values.clone());
        let Some(class) = values.first().map(|(field, _)| field.class.name()) else { return Ok(None) };
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            let rows = sql::fields(reader, customer)?;
            let mut cells = Cells::read(reader, &key, customer, (class, &id))?;
            let mut told = Vec::new();
            for (field, value) in &values {
                let fate = cells.judge(field, value.expose(), &rows)?;
                if fate.is_written() {
                    return Ok(None);
                }
                told.extend(fate.told().map(|one| (*field, one)));
            }
            Ok((!cells.is_changed()).then_some(told))
        });
        found.await
    }
}
