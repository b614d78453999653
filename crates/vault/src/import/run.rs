//! One import from a shop's database: part by part, page by page, taken up where it was stopped; then who is not there any more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{Actor, CustomerId, Timestamp};
use storeward_events::vault::{CustomersGone, ShopImported};
use storeward_store::foreign::{Foreign, ForeignEngine, ForeignUrl, Slot, Table};
use storeward_store::ledger;

use super::shop::{Part, Question};
use super::state::{self, Gone, PartRow};
use super::{Form, Plan, Report, Run, ShopFile, Taken};
use crate::opening::open_row;
use crate::{Error, Vault, sql};

/// Rows of one page; as many share one commit as there are customers among them.
const PAGE: i64 = 200;
/// Of the customers who are not there any more, this many are named in the event.
const NAMED: usize = 100;
/// Shops write their own clock's time, and a row may be committed later than its time says.
const OVERLAP: Duration = Duration::from_secs(600);

/// What is to be read from where.
pub struct ShopImport {
    pub shop: ShopFile,
    pub url: ForeignUrl,
    pub run: Run,
    /// Who has it done.
    pub actor: Actor,
}

/// How far it is.
pub struct Step<'a> {
    pub part: &'a str,
    pub rows: u64,
    /// How many there are, where the shop's file asks for it.
    pub total: Option<u64>,
}

/// What came of one part.
#[derive(Clone, Debug)]
pub struct PartEnded {
    pub name: String,
    pub report: Report,
    /// Only what was changed since then was looked at.
    pub since: Option<Timestamp>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Ended {
    pub parts: Vec<PartEnded>,
    /// How many customers the shop has; nothing where nobody looked.
    pub present: Option<u64>,
    /// How many it has no more since the last look. Their records stay.
    pub gone: u64,
}

/// The other side, for questions one after the other.
#[derive(Clone)]
struct Shop(Arc<Mutex<Foreign>>);

impl Shop {
    async fn open(url: &ForeignUrl) -> Result<Shop, Error> {
        let url = url.clone();
        let opened = blocking(move || Foreign::open(&url)).await?;
        Ok(Shop(Arc::new(Mutex::new(opened))))
    }

    async fn ask(&self, sql: &str, slots: &[(&'static str, Slot)]) -> Result<Table, Error> {
        let (shop, sql, slots) = (Arc::clone(&self.0), sql.to_owned(), slots.to_vec());
        blocking(move || shop.lock().unwrap_or_else(PoisonError::into_inner).query(&sql, &slots)).await
    }

    /// Whether a question is one for this shop.
    async fn has(&self, question: &Question) -> Result<bool, Error> {
        if let Some(sql) = &question.only_if
            && self.ask(sql, &[]).await?.rows.is_empty()
        {
            return Ok(false);
        }
        match &question.unless {
            Some(sql) => Ok(self.ask(sql, &[]).await?.rows.is_empty()),
            None => Ok(true),
        }
    }

    async fn now(&self, engine: ForeignEngine) -> Result<Timestamp, Error> {
        let sql = match engine {
            ForeignEngine::MySql => "SELECT UTC_TIMESTAMP() AS now",
            ForeignEngine::Postgres => "SELECT NOW() AS now",
            ForeignEngine::Sqlite => "SELECT DATETIME('now') AS now",
        };
        let table = self.ask(sql, &[]).await?;
        let told = table.rows.into_iter().flatten().next().flatten().unwrap_or_default();
        let moment = Form::Utc.take(&told, "").ok().and_then(|text| Timestamp::parse_rfc3339(&text));
        moment.ok_or_else(|| Error::Shop("it does not tell the time".to_owned()))
    }

    async fn count(&self, sql: Option<&String>) -> Result<Option<u64>, Error> {
        let Some(sql) = sql else { return Ok(None) };
        let table = self.ask(sql, &[]).await?;
        Ok(table.rows.into_iter().flatten().next().flatten().and_then(|number| number.parse().ok()))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, storeward_store::Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.unwrap_or(Err(storeward_store::Error::Panicked))?)
}

/// Tells how far it is.
type Tell<'a> = &'a mut (dyn FnMut(Step<'_>) + Send);

impl ShopImport {
    /// The kind of shop, and where its database is, without a name or a password.
    fn source(&self) -> String {
        let place = storeward_seal::fingerprint::sha256_hex(self.url.to_string().as_bytes());
        format!("{}-{}", self.shop.name, place.get(..12).unwrap_or_default())
    }

    /// Reads, and writes what is new or was changed. A dry run writes nothing, and may be without a vault; a real one may not.
    pub async fn run(&self, vault: Option<&Vault>, tell: Tell<'_>) -> Result<Ended, Error> {
        let shop = Shop::open(&self.url).await?;
        let work = Work { import: self, shop, source: self.source() };
        match (self.run, vault) {
            (Run::Real, Some(vault)) => work.real(vault, tell).await,
            (Run::Real, None) => Err(Error::Shop("there is no vault to write to".to_owned())),
            (Run::Dry, vault) => work.dry(vault, tell).await,
        }
    }
}

struct Work<'a> {
    import: &'a ShopImport,
    shop: Shop,
    source: String,
}

impl Work<'_> {
    async fn dry(&self, vault: Option<&Vault>, tell: Tell<'_>) -> Result<Ended, Error> {
        let mut parts = Vec::new();
        for part in &self.import.shop.parts {
            if !self.shop.has(&part.question).await? {
                continue;
            }
            let mut pages = Pages::new(self, part, None, 0).await?;
            let mut report = Report::new("id");
            while let Some(page) = pages.next(&mut report).await? {
                for (id, cells) in page.rows {
                    let row = page.plan.read(&cells);
                    let taken = match vault {
                        Some(vault) => vault.known_row(&page.plan, &cells, &row).await?,
                        None if page.plan.is_nothing(&cells, &row) => Taken::Nothing,
                        None => Taken::New,
                    };
                    report.take(taken, id);
                }
                pages.tell(tell);
            }
            parts.push(PartEnded { name: part.name.clone(), report, since: None });
        }
        Ok(Ended { parts, present: None, gone: 0 })
    }

    async fn real(&self, vault: &Vault, tell: Tell<'_>) -> Result<Ended, Error> {
        let run = self.begin(vault).await?;
        let now = self.shop.now(self.import.url.engine()).await?;
        let mut parts = Vec::new();
        for part in &self.import.shop.parts {
            if self.shop.has(&part.question).await?
                && let Some(ended) = self.part(vault, part, run, now, tell).await?
            {
                parts.push(ended);
            }
        }
        let mut ended = Ended { parts, present: None, gone: 0 };
        if !self.import.shop.present.is_empty() {
            ended.present = Some(self.look_who_is_there(vault, run, tell).await?);
            ended.gone = self.tell_gone(vault, run).await?;
        }
        self.end(vault, run, &ended).await?;
        Ok(ended)
    }

    /// The number of this run: that of the one that was stopped, or a new one.
    async fn begin(&self, vault: &Vault) -> Result<u64, Error> {
        let source = self.source.clone();
        let written = vault.0.db.write(move |tx| -> Result<u64, Error> {
            tx.commit_silent("what is read is told when it is through");
            match state::shop(tx, &source)? {
                Some(row) if row.ended_at.is_none() => Ok(row.run),
                row => {
                    let run = row.map_or(1, |row| row.run.saturating_add(1));
                    state::begin(tx, &source, run)?;
                    Ok(run)
                }
            }
        });
        written.await
    }

    /// One part; nothing where a run that was stopped had ended it.
    async fn part(
        &self,
        vault: &Vault,
        part: &Part,
        run: u64,
        now: Timestamp,
        tell: Tell<'_>,
    ) -> Result<Option<PartEnded>, Error> {
        let before = self.state(vault, part).await?.filter(|row| row.file == self.import.shop.hash);
        let mut report = Report::new("id");
        let mut row = match before {
            Some(row) if row.run == run && row.after.is_none() => return Ok(None),
            Some(row) if row.run == run => {
                report.resumed_after = row.after.and_then(|id| id.try_into().ok()).unwrap_or(0);
                row
            }
            before => PartRow {
                file: self.import.shop.hash.clone(),
                run,
                after: Some(0),
                since: before.and_then(|row| row.since).filter(|_| part.question.is_of_changes()),
                next: now.minus(OVERLAP),
            },
        };
        let mut pages = Pages::new(self, part, row.since, row.after.unwrap_or(0)).await?;
        while let Some(page) = pages.next(&mut report).await? {
            for (id, taken) in vault.take_all(&page.plan, page.rows).await? {
                report.take(taken, id);
            }
            row.after = Some(pages.after);
            self.put_state(vault, part, row.clone()).await?;
            pages.tell(tell);
        }
        let since = row.since;
        self.put_state(vault, part, PartRow { after: None, since: Some(row.next), ..row }).await?;
        Ok(Some(PartEnded { name: part.name.clone(), report, since }))
    }

    async fn state(&self, vault: &Vault, part: &Part) -> Result<Option<PartRow>, Error> {
        let (source, part) = (self.source.clone(), part.name.clone());
        vault.0.db.read(move |reader| -> Result<_, Error> { Ok(state::part(reader, &source, &part)?) }).await
    }

    async fn put_state(&self, vault: &Vault, part: &Part, row: PartRow) -> Result<(), Error> {
        let (source, part) = (self.source.clone(), part.name.clone());
        let written = vault.0.db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("what was read is told by its own events");
            Ok(state::put_part(tx, &source, &part, &row)?)
        });
        written.await
    }

    /// Everybody whom the shop has is noted; how many there are.
    async fn look_who_is_there(&self, vault: &Vault, run: u64, tell: Tell<'_>) -> Result<u64, Error> {
        let mut count = 0;
        for question in &self.import.shop.present {
            if !self.shop.has(question).await? {
                continue;
            }
            let mut after = 0;
            loop {
                let slots = [("after", Slot::Number(after)), ("limit", Slot::Number(PAGE))];
                let table = self.shop.ask(&question.sql, &slots).await?;
                let (id, key) = (column(&table, "id")?, column(&table, "key")?);
                if table.rows.is_empty() {
                    break;
                }
                for row in &table.rows {
                    after = beyond(after, row.get(id))?;
                }
                let keys = table.rows.iter().filter_map(|row| row.get(key).and_then(Option::as_deref));
                let mut there: Vec<CustomerId> = Vec::new();
                for key in keys.map(str::trim).filter(|key| !key.is_empty()) {
                    there.push(vault.kept_of_shop(key).await?);
                }
                count += u64::try_from(there.len()).unwrap_or(0);
                let source = self.source.clone();
                let written = vault.0.db.write(move |tx| -> Result<(), Error> {
                    tx.commit_silent("who is there is told where somebody is not");
                    there.iter().try_for_each(|customer| state::present(tx, &source, *customer, run))?;
                    Ok(())
                });
                written.await?;
                tell(Step { part: "who is there", rows: count, total: None });
            }
        }
        Ok(count)
    }

    /// Whoever is not there any more is told once, and nothing of theirs is erased: how many there are.
    async fn tell_gone(&self, vault: &Vault, run: u64) -> Result<u64, Error> {
        let mut count = 0;
        loop {
            let (source, actor, shop) =
                (self.source.clone(), self.import.actor, self.import.shop.name.clone());
            // Found and noted in one write: two imports at once tell each of them once.
            let written = vault.0.db.write(move |tx| -> Result<u64, Error> {
                let gone = state::newly_gone(tx, &source, run)?;
                let here = u64::try_from(gone.len()).unwrap_or(0);
                if gone.is_empty() {
                    tx.commit_silent("everybody who was there is there");
                    return Ok(0);
                }
                gone.iter().try_for_each(|customer| state::set_gone(tx, &source, *customer))?;
                let customers = gone.iter().take(NAMED).copied().collect();
                tx.append(actor, None, CustomersGone { shop: shop.clone(), count: here, customers })?;
                Ok(here)
            });
            match written.await? {
                0 => return Ok(count),
                here => count += here,
            }
        }
    }

    async fn end(&self, vault: &Vault, run: u64, ended: &Ended) -> Result<(), Error> {
        let sum = |of: fn(&Report) -> u64| ended.parts.iter().map(|part| of(&part.report)).sum();
        let fact = ShopImported {
            shop: self.import.shop.name.clone(),
            new: sum(|report| report.new),
            known: sum(|report| report.known),
            erased: sum(|report| report.erased),
            left_out: sum(Report::left_out),
            present: ended.present,
            gone: ended.gone,
        };
        let (source, actor, is_swept) = (self.source.clone(), self.import.actor, ended.present.is_some());
        let written = vault.0.db.write(move |tx| -> Result<(), Error> {
            state::end(tx, &source, run)?;
            if is_swept {
                state::swept(tx, &source, run)?;
            }
            tx.append(actor, None, fact.clone())?;
            Ok(())
        });
        written.await
    }
}

/// The answers to one part's question.
struct Pages<'a> {
    work: &'a Work<'a>,
    part: &'a Part,
    since: Option<Timestamp>,
    /// The last id that was read.
    after: i64,
    rows: u64,
    total: Option<u64>,
}

struct Page {
    plan: Arc<Plan>,
    rows: Vec<(u64, Vec<String>)>,
}

impl<'a> Pages<'a> {
    async fn new(
        work: &'a Work<'a>,
        part: &'a Part,
        since: Option<Timestamp>,
        after: i64,
    ) -> Result<Self, Error> {
        // What is left of a table says nothing of how many were changed.
        let total = if since.is_none() { work.shop.count(part.total.as_ref()).await? } else { None };
        Ok(Pages { work, part, since, after, rows: 0, total })
    }

    /// The next page; nothing behind the last.
    async fn next(&mut self, report: &mut Report) -> Result<Option<Page>, Error> {
        let slots = [
            ("after", Slot::Number(self.after)),
            ("limit", Slot::Number(PAGE)),
            ("since", Slot::Moment(self.since.unwrap_or(Timestamp::EPOCH))),
        ];
        let table = self.work.shop.ask(&self.part.question.sql, &slots).await?;
        let of_part = |why: Error| match why {
            Error::Shop(why) => Error::Shop(format!("the part {}: {why}", self.part.name)),
            other => other,
        };
        // Also of an empty answer: a mapping that does not fit is told before there is a first row.
        let plan =
            Plan::new(&self.part.mapping, &table.columns).map_err(|why| of_part(Error::Shop(why.0)))?;
        let id = column(&table, &self.part.id).map_err(of_part)?;
        if table.rows.is_empty() {
            return Ok(None);
        }
        let mut rows = Vec::with_capacity(table.rows.len());
        for cells in table.rows {
            self.after = beyond(self.after, cells.get(id)).map_err(of_part)?;
            let number = u64::try_from(self.after).unwrap_or(0);
            let cells: Vec<String> = cells.into_iter().map(Option::unwrap_or_default).collect();
            for (field, why) in plan.read(&cells).left_out {
                report.leave_out(format!("{field} {why}"), number);
            }
            rows.push((number, cells));
        }
        self.rows += u64::try_from(rows.len()).unwrap_or(0);
        Ok(Some(Page { plan: Arc::new(plan), rows }))
    }

    fn tell(&self, tell: Tell<'_>) {
        tell(Step { part: &self.part.name, rows: self.rows, total: self.total });
    }
}

fn column(table: &Table, name: &str) -> Result<usize, Error> {
    let at = table.columns.iter().position(|column| column == name);
    at.ok_or_else(|| {
        // What another server says, on a terminal: short, and without signs that move its cursor.
        let plain =
            |name: &String| name.chars().filter(|sign| !sign.is_control()).take(64).collect::<String>();
        let known: Vec<String> = table.columns.iter().take(40).map(plain).collect();
        Error::Shop(format!("the answer has no column `{name}`; it has {}", known.join(", ")))
    })
}

/// The id of a row, behind which the next page may begin: it grows, or the question is asked for ever.
fn beyond(after: i64, id: Option<&Option<String>>) -> Result<i64, Error> {
    let id = id.and_then(Option::as_ref).and_then(|id| id.trim().parse().ok());
    id.filter(|id| *id > after)
        .ok_or_else(|| Error::Shop("its ids are no whole numbers that grow from row to row".to_owned()))
}

impl Vault {
    /// Customers whom a shop's database has no more, newest first.
    pub async fn gone_from_shops(&self, limit: u32) -> Result<Vec<Gone>, Error> {
        self.0.db.read(move |reader| -> Result<_, Error> { Ok(state::gone(reader, limit)?) }).await
    }

    /// When a shop's database was read last, to its end.
    pub async fn last_imported(&self) -> Result<Option<Timestamp>, Error> {
        let found = self.0.db.read(|reader| ledger::last_believed(reader, "vault.shop_imported"));
        Ok(found.await.map_err(Error::Store)?.map(|(_, record)| record.at))
    }

    /// The ids under which a customer would come back as a guest, of whom there is no record: by their e-mail addresses, as far as
    /// those can still be opened, and by those on their orders.
    pub(crate) async fn as_guests(&self, customer: CustomerId) -> Result<Vec<CustomerId>, Error> {
        let Ok(Some(key)) = self.0.keys.key(customer).await else { return Ok(Vec::new()) };
        let rows = self.0.db.read(move |reader| -> Result<_, Error> { Ok(sql::fields(reader, customer)?) });
        let rows = rows.await?;
        // Who came from no shop comes back from none.
        if !rows.iter().any(|row| row.collection == "contact" && row.field == "shop_id") {
            return Ok(Vec::new());
        }
        let mut guests = Vec::new();
        for row in rows.iter().filter(|row| row.collection == "contact" && row.field == "email") {
            let Ok(email) = open_row(&key, customer, row) else { continue };
            // Whoever bears it now: a mark of an earlier erasure says nothing of what was since.
            let guest = self.bearer(&Vault::guest_number(email.expose())).await?;
            if !guest.is_kept() && guest.before != Some(customer) {
                guests.push(guest.customer);
            }
        }
        guests.extend(self.as_billed(customer, &key).await?);
        Ok(guests)
    }

    /// What the numbers of guests begin with.
    pub(crate) const GUEST: &str = "guest:";

    /// The number under which a shop's file has orders of somebody without an account, by the e-mail address on them.
    pub fn guest_number(email: &str) -> String {
        format!("{}{}", Vault::GUEST, email.trim().to_lowercase())
    }
}
