//! Customers' records for programs: the operations of the REST interface.

mod bulk;
mod customers;
mod messages;
mod rights;
mod words;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use serde_json::{Value, json};
use storeward_api::{Answer, Barred, Call, FieldFault, Operation, Problem};
use storeward_base::{CustomerId, Secret};
use storeward_events::vault::OpeningDenied;
use storeward_policy::Purpose;
use storeward_web::http::StatusCode;

use crate::asking::{Ask, Asker};
use crate::catalogue::{Class, Field};
use crate::records::{Item, Provenance, Vault};
use crate::{Error, FIELDS, orders, sights, sql};

use messages::NewItem;

/// All of them. Without a vault they are there to be described.
pub fn operations(vault: Option<&Vault>) -> Vec<Operation> {
    let mut all = customers::operations(vault);
    all.extend(rights::operations(vault));
    all.extend(bulk::operations(vault));
    let told = |operation: Operation| {
        let vault = vault.cloned();
        operation.refused(move |call, by| {
            let vault = vault.clone();
            async move {
                match vault {
                    Some(vault) => tell_refused(vault, call, by).await,
                    None => Ok(()),
                }
            }
        })
    };
    all.into_iter().map(told).collect()
}

/// Puts a call that the key itself refuses beside each customer whom it names, as any other refusal.
async fn tell_refused(vault: Vault, call: Call, by: Barred) -> Result<(), Problem> {
    let body: Value = call.body().unwrap_or_default();
    let named = |id: &Value| id.as_str().and_then(|id| id.parse::<CustomerId>().ok());
    let in_body = body["customers"].as_array().into_iter().flatten().take(MOST_NAMED);
    let customers: BTreeSet<CustomerId> = match call.part::<CustomerId>("customer") {
        Ok(customer) => BTreeSet::from([customer]),
        Err(_) => in_body.filter_map(|one| named(&one["id"])).collect(),
    };
    let first = call.caller.key.purposes.first().copied();
    let purpose = body["purpose"].as_str().and_then(Purpose::of_name).or(first).unwrap_or(Purpose::Support);
    let reason = match by {
        Barred::Act => "act",
        Barred::Purpose => "purpose",
    };
    let (actor, operation) = (asker(&call).actor(), call.operation());
    let written = vault.0.db.write(move |tx| -> Result<(), Error> {
        let mut is_told = false;
        for &customer in &customers {
            // Nobody fills the list of whom nothing is kept.
            if sql::customer(tx, customer)?.is_none() {
                continue;
            }
            let denied = OpeningDenied {
                customer,
                collection: "record".to_owned(),
                fields: vec![operation.to_owned()],
                purpose: purpose.name().to_owned(),
                reason: reason.to_owned(),
            };
            let record = tx.append(actor, None, denied)?;
            sights::insert(tx, &record, customer, purpose, false)?;
            is_told = true;
        }
        if !is_told {
            tx.commit_silent("the call names nobody who is kept");
        }
        Ok(())
    });
    written.await.map_err(problem)
}

/// Customers of one call.
const MOST_NAMED: usize = 100;

/// What an operation does, with the vault that it does it with.
fn with<W, F>(
    vault: Option<&Vault>,
    work: W,
) -> impl Fn(Call) -> Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send>> + Send + Sync + 'static
where
    W: Fn(Vault, Call) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Answer, Problem>> + Send + 'static,
{
    let vault = vault.cloned();
    move |call| match &vault {
        Some(vault) => Box::pin(work(vault.clone(), call)),
        None => Box::pin(async { Err(nowhere()) }),
    }
}

fn nowhere() -> Problem {
    Problem::missing("api.no_such_address", "Customers' data is not kept here.")
}

/// An answer that is given again, as it is by now: nobody is said to be kept who was erased since.
fn again(
    vault: Option<&Vault>,
) -> impl Fn(Answer) -> Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send>> + Send + Sync + 'static
{
    let vault = vault.cloned();
    move |answer| {
        let vault = vault.clone();
        Box::pin(async move {
            let vault = vault.ok_or_else(nowhere)?;
            let mut body = answer.value();
            let Some(results) = body["results"].as_array_mut() else {
                let gone = gone_since(&vault, &body).await?;
                return gone.map_or(Ok(answer), Err);
            };
            for result in results {
                if let Some(problem) = gone_since(&vault, result).await? {
                    *result =
                        json!({ "id": result["id"], "status": problem.status(), "problem": problem.body() });
                }
            }
            Ok(answer.with_value(&body))
        })
    }
}

/// What is answered in the place of somebody who is not kept any more.
async fn gone_since(vault: &Vault, named: &Value) -> Result<Option<Problem>, Problem> {
    let Some(customer) = named["id"].as_str().and_then(|id| id.parse().ok()) else { return Ok(None) };
    match vault.standing(customer).await {
        Ok(_) => Ok(None),
        Err(Error::NoCustomer) => Ok(Some(problem(Error::NoCustomer))),
        Err(other) => Err(problem(other)),
    }
}

/// Whose call it is, as the policy knows them.
fn asker(call: &Call) -> Asker {
    let key = &call.caller.key;
    Asker::program(key.id, key.roles.clone()).made_by(&key.made_by).only_for(&key.purposes)
}

/// A question about one customer, for a purpose that the key is for.
fn ask(call: &Call, customer: CustomerId, purpose: Purpose) -> Result<Ask, Problem> {
    Ok(Ask::new(asker(call), customer, call.caller.for_purpose(purpose)?))
}

/// What programs write is what the shop's customers gave it: there is no purpose to choose. The policy sees the key's first.
fn writing(call: &Call, customer: CustomerId) -> Ask {
    let purpose = call.caller.key.purposes.first().copied().unwrap_or(Purpose::Support);
    Ask::new(asker(call), customer, purpose)
}

/// Items as they are kept, or where in the body they do not fit. `at` is the place of the list.
fn items_of(vault: &Vault, list: Vec<NewItem>, at: &str) -> Result<Vec<Item>, Problem> {
    let mut faults = Vec::new();
    let mut items = Vec::new();
    for (index, new) in list.into_iter().enumerate() {
        let id = new.item.map_or_else(|| "own".to_owned(), |name| name.0);
        let place = format!("{at}/{index}/values");
        let values = values_of(new.collection.0, new.values.0, &place, &mut faults);
        let keep_until = new.keep_until.map(|moment| moment.0);
        items.push(Item { id, values, provenance: Provenance::Shop, keep_until });
    }
    for (index, field, why) in vault.check(&items) {
        let pointer = match field {
            "item" => format!("{at}/{index}/item"),
            field => format!("{at}/{index}/values/{field}"),
        };
        faults.push(FieldFault { pointer, detail: why.to_owned() });
    }
    if faults.is_empty() { Ok(items) } else { Err(Problem::misfit(faults)) }
}

/// One item as it is kept, or where in the body it does not fit. `at` is the place of its values.
fn item_of(
    vault: &Vault,
    class: Class,
    id: String,
    given: std::collections::BTreeMap<String, Secret<String>>,
    provenance: Provenance,
    at: &str,
) -> Result<Item, Problem> {
    let mut faults = Vec::new();
    let values = values_of(class, given, at, &mut faults);
    let item = Item { id, values, provenance, keep_until: None };
    for (_, field, why) in vault.check(std::slice::from_ref(&item)) {
        faults.push(FieldFault { pointer: format!("{at}/{field}"), detail: why.to_owned() });
    }
    if faults.is_empty() { Ok(item) } else { Err(Problem::misfit(faults)) }
}

/// Values of one collection; what the collection has no field for is told.
fn values_of(
    class: Class,
    given: std::collections::BTreeMap<String, Secret<String>>,
    at: &str,
    faults: &mut Vec<FieldFault>,
) -> Vec<(&'static Field, Secret<String>)> {
    let mut values = Vec::new();
    for (name, value) in given {
        match FIELDS.iter().find(|field| field.class == class && field.name == name) {
            Some(field) => values.push((field, value)),
            None => {
                let detail = format!("{} has no such field; GET /api/v1/fields lists them", class.name());
                // The name is the program's own; what is long or strange is not repeated.
                let plain = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                let name = if plain { name } else { "?".to_owned() };
                faults.push(FieldFault { pointer: format!("{at}/{name}"), detail });
            }
        }
    }
    values
}

/// What a value's fault is in the interface's words: the body could be read, and does not fit.
fn problem(error: Error) -> Problem {
    match error {
        Error::Value { field, why } => {
            Problem::misfit(vec![FieldFault { pointer: format!("/{field}"), detail: why.to_owned() }])
        }
        Error::Changed => {
            let detail = "It was changed since this ETag was read. Read it again.";
            Problem::new(StatusCode::PRECONDITION_FAILED, "vault.changed", detail)
        }
        Error::Denied(orders::NOT_THEIRS) => Problem::denied("vault.denied", NOT_THEIRS),
        Error::Denied(orders::TOO_MANY) => Problem::denied("vault.denied", TOO_MANY),
        other => other.into(),
    }
}

const NOT_THEIRS: &str = "The order that was named is none of this customer's (not_their_order). Look whether number and customer belong \
                          together: after five wrong ones a key names none for an hour. Without `order` the rules show what they show.";
const TOO_MANY: &str = "Too many orders were named that are none of the customers' (too_many_orders): within an hour of the fifth no order \
                        is named. Without `order` the rules show what they show.";
