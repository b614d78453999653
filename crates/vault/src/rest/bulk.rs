//! Many customers at once: each by itself, with a result of its own.

use std::collections::HashMap;
use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use storeward_api::{Act, Answer, Call, FieldFault, Operation, Problem, Repeat};
use storeward_base::CustomerId;

use super::customers::{numbered, once, shown};
use super::messages::{
    BulkAsked, BulkCustomer, BulkOpened, BulkOpenedResult, BulkOpening, BulkResult, BulkWriting, BulkWritten,
};
use super::words::CustomerWord;
use super::{again, ask, items_of, problem, with, writing};
use crate::Field;
use crate::records::Vault;

pub fn operations(vault: Option<&Vault>) -> Vec<Operation> {
    vec![
        Operation::post("writeCustomers", "/bulk/write", "Keep many customers")
            .about("bulk")
            .says("At most 100. Each is written or not by itself: look at each result's status.")
            .needs(Act::Write)
            .takes::<BulkWriting>(json!({
                "customers": [
                    { "shop_id": "4711", "items": [{ "collection": "contact", "values": { "name": "Ada Lovelace" } }] },
                    { "shop_id": "4712", "items": [{ "collection": "contact", "values": { "name": "Charles Babbage" } }] }
                ]
            }))
            .gives::<BulkWritten>(200, "What became of each.")
            .repeats(Repeat::ByKey)
            .again(again(vault))
            .does(with(vault, write)),
        Operation::post("openCustomers", "/bulk/open", "Open the same of many customers")
            .about("bulk")
            .says(
                "At most 100; the rules' limit on customers within an hour holds for it, too. One order of each customer is named: another \
                 of the same one is 422.",
            )
            .needs(Act::Read)
            .takes::<BulkOpening>(json!({
                "purpose": "shipping",
                "fields": ["address.street", "address.city"],
                "customers": [{ "id": "cust_01kxgg00000000000000000001", "order": "A-1001" }]
            }))
            .gives::<BulkOpened>(200, "What was opened of each.")
            .does(with(vault, open)),
    ]
}

/// After so long no further customer is begun: an operation has 30 seconds, after which nobody is told what was done.
const ENOUGH: Duration = Duration::from_secs(20);

/// What those are told whose turn did not come. Under the name of this request the same answer would come again.
fn no_time() -> Problem {
    let detail = "This call had no time left for this one, and nothing of it was begun. Send it again, in another call.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "api.too_slow", detail)
}

/// One call names one order of a customer: who does not know which it is tries no hundred.
fn another_order(index: usize) -> Problem {
    let detail =
        "another order of this customer was named before in this call; one call names one of each".to_owned();
    Problem::misfit(vec![FieldFault { pointer: format!("/customers/{index}/order"), detail }])
}

async fn write(vault: Vault, call: Call) -> Result<Answer, Problem> {
    let BulkWriting { customers } = call.body()?;
    let until = vault.0.db.now().plus(ENOUGH);
    let mut results = Vec::new();
    for (index, one) in customers.0.into_iter().enumerate() {
        if vault.0.db.now() > until {
            let problem = no_time();
            results.push(BulkResult { id: one.id, status: problem.status(), problem: Some(problem.body()) });
            continue;
        }
        results.push(match write_one(&vault, &call, one, index).await {
            Ok(id) => BulkResult { id: Some(id), status: 200, problem: None },
            Err((id, problem)) => {
                let status = problem.status();
                BulkResult { id, status, problem: Some(problem.body()) }
            }
        });
    }
    Ok(Answer::of(200, &BulkWritten { results }))
}

type Refused = (Option<CustomerWord>, Problem);

async fn write_one(
    vault: &Vault,
    call: &Call,
    one: BulkCustomer,
    index: usize,
) -> Result<CustomerWord, Refused> {
    let at = format!("/customers/{index}/items");
    let mut items = items_of(vault, one.items.0, &at).map_err(|problem| (one.id.clone(), problem))?;
    let customer = match (one.id, one.shop_id) {
        (Some(id), None) => {
            // Whoever is named by an id is there.
            vault.inventory(id.0).await.map_err(|error| (Some(id.clone()), problem(error)))?;
            id
        }
        (None, Some(number)) => {
            items.insert(0, numbered(number.0.clone()));
            let customer = vault.kept_of_shop(&number.0).await;
            CustomerWord(customer.map_err(|error| (None, problem(error)))?)
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err((None, Problem::malformed("Name the customer by `id` or by `shop_id`.")));
        }
    };
    let kept = vault.keep(&writing(call, customer.0), items).await;
    kept.map(|()| customer.clone()).map_err(|error| (Some(customer), problem(error)))
}

async fn open(vault: Vault, call: Call) -> Result<Answer, Problem> {
    let BulkOpening { purpose, fields, customers } = call.body()?;
    call.caller.for_purpose(purpose.0)?;
    let fields = once(fields);
    let until = vault.0.db.now().plus(ENOUGH);
    let mut results = Vec::new();
    let mut named: HashMap<CustomerId, String> = HashMap::new();
    for (index, BulkAsked { id, order }) in customers.0.into_iter().enumerate() {
        let order = order.map(|number| number.0);
        let first = order.as_ref().map(|order| named.entry(id.0).or_insert_with(|| order.clone()));
        let opened = if first.is_some_and(|first| Some(&*first) != order.as_ref()) {
            Err(another_order(index))
        } else if vault.0.db.now() > until {
            Err(no_time())
        } else {
            open_one(&vault, &call, (&id, purpose.0), order, &fields).await
        };
        results.push(match opened {
            Ok((values, refused)) => BulkOpenedResult { id, status: 200, values, refused, problem: None },
            Err(problem) => BulkOpenedResult {
                id,
                status: problem.status(),
                values: Vec::new(),
                refused: Vec::new(),
                problem: Some(problem.body()),
            },
        });
    }
    Ok(Answer::of(200, &BulkOpened { results }))
}

type Shown = (Vec<super::messages::OpenedValue>, Vec<super::messages::RefusedField>);

async fn open_one(
    vault: &Vault,
    call: &Call,
    (id, purpose): (&CustomerWord, storeward_policy::Purpose),
    order: Option<String>,
    fields: &[&'static Field],
) -> Result<Shown, Problem> {
    let mut asked = ask(call, id.0, purpose)?;
    if let Some(order) = order {
        asked = asked.about_order(&order);
    }
    Ok(shown(vault, vault.open(&asked, fields).await.map_err(problem)?))
}
