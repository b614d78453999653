//! Whose data the shop's pages showed to whom: written down before a page goes, and found again.

use std::collections::{BTreeMap, BTreeSet};

use storeward_base::{Actor, CustomerId, EventId, RequestId, Timestamp};
use storeward_events::Event;
use storeward_events::office::{CustomersShown, MaskRefused, PageWithheld};
use storeward_store::{Reader, Tx, params, statements};

use super::Inner;
use super::find::{Form, Found, plain};
use super::kept;
use super::pages::{Flag, Page};
use crate::Error;
use crate::catalogue::Field;
use crate::values::Rule;

statements! {
    INSERT = "INSERT INTO office_shown (event, subject, at, actor, page, shown) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (event, subject) DO NOTHING";
    LIST = "SELECT event, subject, at, actor, page FROM office_shown WHERE ($1 = '' OR subject = $1) AND ($2 = '' OR actor = $2) \
            AND at >= $3 AND at < $4 AND ($5 = '' OR event < $5) ORDER BY event DESC, subject LIMIT $6";
    FORGET = "DELETE FROM office_shown WHERE at < $1";
}

/// People of one page who are named in its event.
const MOST_NAMED: usize = 200;

/// Who stands on a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subjects {
    pub customers: BTreeSet<CustomerId>,
    pub others: BTreeSet<String>,
    /// Names, who may be the same people: there is no telling which name belongs to which address.
    pub names: BTreeSet<String>,
}

impl Subjects {
    pub(crate) fn is_empty(&self) -> bool {
        self.customers.is_empty() && self.others.is_empty() && self.names.is_empty()
    }
}

/// Numbers by which the page's address and links name orders and customers: pages with names only name nobody otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Linked {
    orders: BTreeSet<String>,
    customers: BTreeSet<String>,
}

/// Each number is a look into the records.
const MOST_LINKED: usize = 200;

impl Linked {
    pub(crate) fn of(page: Option<&Page>, address: &str, body: &str) -> Self {
        let Some(page) = page else { return Linked::default() };
        // Links on an order's page lead to its goods, too, whose numbers may be another's order; its own stands in the address.
        let body = if page.assigned == Flag::Yes { "" } else { body };
        let texts = [plain(address, Form::Text), plain(body, Form::Text)];
        let all = |before: &[String]| -> BTreeSet<String> {
            let numbers = before.iter().flat_map(|before| {
                texts.iter().flat_map(move |text| text.split(before.as_str()).skip(1).filter_map(number))
            });
            numbers.take(MOST_LINKED).map(str::to_owned).collect()
        };
        Linked { orders: all(&page.orders), customers: all(&page.customers) }
    }
}

/// What stands here up to the end of a part of an address, where a digit is in it.
fn number(text: &str) -> Option<&str> {
    let is_part = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_' | '.');
    let number = text.split(|sign| !is_part(sign)).next()?;
    (number.len() <= 64 && number.contains(|sign: char| sign.is_ascii_digit())).then_some(number)
}

/// One person on one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub event: EventId,
    /// A customer's id, or `seen_…`.
    pub subject: String,
    pub at: Timestamp,
    /// As it stands in the ledger's column.
    pub actor: String,
    pub page: String,
}

/// Which to list.
#[derive(Clone, Debug)]
pub struct ShownFilter {
    pub subject: Option<String>,
    pub actor: Option<Actor>,
    pub from: Timestamp,
    /// Up to, but not including.
    pub until: Timestamp,
    pub before: Option<EventId>,
}

impl Inner {
    /// The people that values and links name: by address and number, joined with the records that are kept, and by name. An
    /// address may stand there for another reason, such as a search for it, and must take nobody's name off the record.
    pub(crate) async fn subjects(
        &self,
        body: &str,
        form: Form,
        found: &[Found],
        own: Option<&str>,
        linked: &Linked,
    ) -> Result<Subjects, Error> {
        let mut subjects = Subjects::default();
        for (name, numbers) in [("order.number", &linked.orders), ("contact.shop_id", &linked.customers)] {
            for number in numbers {
                subjects.customers.extend(self.parts.vault.find(Field::find(name)?, number).await?);
            }
        }
        let is_ours = |text: &str| self.parts.own.iter().any(|one| one == text) || own == Some(text);
        let mut known: BTreeSet<(&'static str, String)> = BTreeSet::new();
        for one in found.iter().filter(|one| matches!(one.field.rule, Rule::Email | Rule::Phone)) {
            let value = plain(body.get(one.range.clone()).unwrap_or_default(), form);
            let Some(normal) = by_what(one.field).normal(&value).filter(|normal| !is_ours(normal)) else {
                continue;
            };
            known.insert((by_what(one.field).name, normal));
        }
        // Somebody whose address and number stand there is one person; which two belong together is known of kept records only.
        let has_address = known.iter().any(|(name, _)| *name == "email");
        for (name, value) in known {
            let field = Field::find(&format!("contact.{name}"))?;
            let customers = self.parts.vault.find(field, &value).await?;
            if customers.is_empty() && (name == "email" || !has_address) {
                subjects.others.insert(self.mark(name, &value));
            }
            subjects.customers.extend(customers);
        }
        let has_names = found.iter().any(|one| one.field.name == "name");
        let by_line = |one: &&Found| match has_names || !subjects.is_empty() {
            true => one.field.name == "name" && !one.is_rest,
            false => matches!(one.field.rule, Rule::Line(_)) && !one.is_rest,
        };
        let names = found.iter().filter(by_line).map(|one| {
            let value = plain(body.get(one.range.clone()).unwrap_or_default(), form);
            self.mark("name", &value.trim().to_lowercase())
        });
        subjects.names = names.collect();
        Ok(subjects)
    }

    fn mark(&self, name: &str, value: &str) -> String {
        let mark = self.parts.marks.mark(&format!("{name}\n{value}"));
        format!("seen_{}", mark.get(..24).unwrap_or(&mark))
    }

    /// Durable when it returns.
    pub(crate) async fn note(
        &self,
        actor: Actor,
        request: RequestId,
        page: &str,
        subjects: Subjects,
        (shown, masked): (u64, u64),
    ) -> Result<(), Error> {
        let page = page.to_owned();
        let write = self.parts.vault.0.db.write(move |tx| -> Result<(), Error> {
            let customers: Vec<CustomerId> = subjects.customers.iter().copied().take(MOST_NAMED).collect();
            let others = subjects.others.iter().chain(&subjects.names);
            let others: Vec<String> = others.take(MOST_NAMED).cloned().collect();
            let all = subjects.customers.len() + subjects.others.len() + subjects.names.len();
            let more = u64::try_from(all - customers.len() - others.len()).unwrap_or(u64::MAX);
            let kept = rows_of(&subjects, shown);
            let rows = kept::digest(&kept);
            let fact = CustomersShown { page: page.clone(), customers, others, more, shown, masked, rows };
            let record = tx.append(actor, Some(request), fact)?;
            for (subject, counts) in kept {
                tx.execute(INSERT, params![record.id, subject, record.at, actor.to_string(), &page, counts])?;
            }
            Ok(())
        });
        write.await
    }

    pub(crate) async fn say(&self, actor: Actor, request: RequestId, event: Event) -> Result<(), Error> {
        let write = self.parts.vault.0.db.write(move |tx| -> Result<(), Error> {
            Ok(tx.append(actor, Some(request), event.clone()).map(drop)?)
        });
        write.await
    }

    pub(crate) fn refused(page: &str) -> Event {
        MaskRefused { page: page.to_owned() }.into()
    }

    pub(crate) fn withheld(page: &str, reason: &str) -> Event {
        PageWithheld { page: page.to_owned(), reason: reason.to_owned() }.into()
    }
}

/// One row for each of them, with how many values passed as they were: whoever counts readers counts the longer of the two lists, by
/// address and by name, which may be the same people.
fn rows_of(subjects: &Subjects, shown: u64) -> BTreeMap<String, i64> {
    let unmasked = i64::try_from(shown).unwrap_or(i64::MAX);
    let customers = subjects.customers.iter().map(ToString::to_string);
    let by_address: BTreeSet<String> = customers.chain(subjects.others.iter().cloned()).collect();
    let (by_address_counts, names_count) =
        if subjects.names.len() > by_address.len() { (0, unmasked) } else { (unmasked, 0) };
    let names = subjects.names.iter().map(|name| (name.clone(), names_count));
    names.chain(by_address.into_iter().map(|subject| (subject, by_address_counts))).collect()
}

impl crate::Vault {
    /// Whose data the shop's own pages showed.
    pub async fn shown(&self, filter: ShownFilter, limit: u32) -> Result<Vec<Shown>, Error> {
        Ok(self.0.db.read(move |reader| shown(reader, &filter, limit)).await?)
    }
}

/// By which of the catalogue's fields somebody is looked up.
fn by_what(field: &'static Field) -> &'static Field {
    let name = if field.rule == Rule::Email { "contact.email" } else { "contact.phone" };
    Field::find(name).unwrap_or(field)
}

/// The newest first, at most `limit`.
pub fn shown(
    reader: &mut Reader<'_>,
    filter: &ShownFilter,
    limit: u32,
) -> Result<Vec<Shown>, storeward_store::Error> {
    let values = params![
        filter.subject.clone().unwrap_or_default(),
        filter.actor.map(|actor| actor.to_string()).unwrap_or_default(),
        filter.from,
        filter.until,
        filter.before.map(|event| event.to_string()).unwrap_or_default(),
        limit.clamp(1, 10_000),
    ];
    reader.query_many(LIST, values, |row| {
        Ok(Shown {
            event: row.get(0)?,
            subject: row.get(1)?,
            at: row.get(2)?,
            actor: row.get(3)?,
            page: row.get(4)?,
        })
    })
}

/// Forgets those before a moment.
pub(crate) fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, storeward_store::Error> {
    tx.execute(FORGET, params![before])
}
