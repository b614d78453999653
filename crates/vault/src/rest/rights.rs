//! What customers may ask for by law: a correction, a restriction, a copy, an erasure.

use serde_json::json;
use storeward_api::{Act, Answer, Call, Operation, Problem, Repeat};

use super::customers::{CUSTOMER, shown};
use super::messages::{
    CopiedCustomer, Copy, Correction, ErasureState, KeptCustomer, Reason, Restriction, RestrictionState,
};
use super::words::{CustomerWord, Moment, customer_schema};
use super::{again, ask, asker, item_of, problem, with};
use crate::records::{Provenance, Vault};
use crate::{Error, Use, copy};

pub fn operations(vault: Option<&Vault>) -> Vec<Operation> {
    let one = |operation: Operation| operation.about("rights").part("customer", CUSTOMER, customer_schema());
    vec![
        one(Operation::post("correctCustomer", "/customers/{customer}/corrections", "Correct what is wrong"))
            .says("On the customer's request. The rules decide who may (GDPR article 16).")
            .needs(Act::Write)
            .takes::<Correction>(json!({
                "purpose": "rights_request", "collection": "contact", "values": { "email": "ada@home.example" }
            }))
            .gives::<KeptCustomer>(200, "Corrected.")
            .fails(422, "A value does not fit its field; nothing was written.")
            .repeats(Repeat::ByKey)
            .again(again(vault))
            .does(with(vault, correct)),
        one(Operation::put("putRestriction", "/customers/{customer}/restriction", "Restrict the use"))
            .needs(Act::Write)
            .takes::<Restriction>(json!({ "purpose": "rights_request", "restricted": true }))
            .gives::<RestrictionState>(200, "So it is now.")
            .does(with(vault, restrict)),
        one(Operation::post("exportCustomer", "/customers/{customer}/export", "A copy of all that is kept"))
            .says("For the customer to take along (GDPR articles 15 and 20).")
            .needs(Act::Export)
            .takes::<Copy>(json!({ "purpose": "rights_request", "form": "json" }))
            .gives::<CopiedCustomer>(200, "The copy.")
            .gives_text(200, "text/csv; charset=utf-8", "The copy.")
            .does(with(vault, export)),
        one(Operation::post("eraseCustomer", "/customers/{customer}/erasure", "Erase a customer"))
            .says(
                "Their key is destroyed, and what is kept of them deleted (GDPR article 17). It cannot be taken back. Asked again it \
                 answers with the same.",
            )
            .needs(Act::Erase)
            .takes::<Reason>(json!({ "purpose": "rights_request" }))
            .gives::<ErasureState>(200, "Erased.")
            .repeats(Repeat::ByKey)
            .does(with(vault, erase)),
        one(Operation::get("getErasure", "/customers/{customer}/erasure", "What became of an erasure"))
            .needs(Act::Read)
            .gives::<ErasureState>(200, "So far it is.")
            .does(with(vault, erasure)),
    ]
}

async fn correct(vault: Vault, call: Call) -> Result<Answer, Problem> {
    let customer: CustomerWord = call.part("customer")?;
    let Correction { purpose, collection, item, values, reason } = call.body()?;
    let id = item.map_or_else(|| "own".to_owned(), |name| name.0);
    let item = item_of(&vault, collection.0, id, values.0, Provenance::Staff, "/values")?;
    let mut asked = ask(&call, customer.0, purpose.0)?;
    if let Some(reason) = reason {
        asked = asked.because(reason.0.expose());
    }
    let item = vault.named(customer.0, item).await.map_err(problem)?;
    vault.correct(&asked, item).await.map_err(problem)?;
    Ok(Answer::of(200, &KeptCustomer { id: customer }))
}

async fn restrict(vault: Vault, call: Call) -> Result<Answer, Problem> {
    let customer: CustomerWord = call.part("customer")?;
    let Restriction { purpose, restricted } = call.body()?;
    let to = if restricted { Use::Restricted } else { Use::Allowed };
    vault.restrict(&ask(&call, customer.0, purpose.0)?, to).await.map_err(problem)?;
    Ok(Answer::of(200, &RestrictionState { id: customer, restricted }))
}

async fn export(vault: Vault, call: Call) -> Result<Answer, Problem> {
    let customer: CustomerWord = call.part("customer")?;
    let Copy { purpose, form } = call.body()?;
    let form = form.map_or("json", |form| form.0);
    let opening = vault.export(&ask(&call, customer.0, purpose.0)?, form).await.map_err(problem)?;
    if form == "csv" {
        return Ok(Answer::text("text/csv; charset=utf-8", copy::csv(&opening)));
    }
    let (values, refused) = shown(&vault, opening);
    Ok(Answer::of(200, &CopiedCustomer { id: customer, values, refused }))
}

async fn erase(vault: Vault, call: Call) -> Result<Answer, Problem> {
    let customer: CustomerWord = call.part("customer")?;
    let Reason { purpose } = call.body()?;
    vault.erase(&ask(&call, customer.0, purpose.0)?).await.map_err(problem)?;
    told(&vault, customer).await
}

async fn erasure(vault: Vault, call: Call) -> Result<Answer, Problem> {
    let customer: CustomerWord = call.part("customer")?;
    vault.may_find(&asker(&call)).map_err(problem)?;
    told(&vault, customer).await
}

async fn told(vault: &Vault, customer: CustomerWord) -> Result<Answer, Problem> {
    let found = vault.erasure(customer.0).await.map_err(problem)?;
    let found = found.ok_or_else(|| problem(Error::NoCustomer))?;
    let state = ErasureState {
        id: customer,
        begun_at: Moment(found.begun_at),
        erased_at: found.erased_at.map(Moment),
        beyond_backups: found.beyond_backups,
        accounts_left: u64::try_from(found.accounts_left).unwrap_or(u64::MAX),
    };
    Ok(Answer::of(200, &state))
}
