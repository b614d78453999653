//! What is kept of buyers, for programs: listed, taken away one by one, or all of a customer's.

use serde_json::json;
use storeward_api::{Act, Answer, Call, Operation, Problem, Repeat};

use crate::error::Error;
use crate::methods::Method;
use crate::payments::Payments;

use super::messages::{Forgotten, MethodList, MethodMessage, OfCustomer};
use super::{problem, with};

pub(super) fn operations(payments: Option<&Payments>) -> Vec<Operation> {
    let schema = json!({ "type": "string", "minLength": 1, "maxLength": 64 });
    vec![
        Operation::get("listPaymentMethods", "/payment-methods", "What is kept of a customer to pay with")
            .about("payments")
            .says("Name the customer: nobody gets a list of all.")
            .needs(Act::Pay)
            .query("customer", "The shop's number of the customer. Required.", schema)
            .gives::<MethodList>(200, "All of it.")
            .fails(422, "No customer is named.")
            .does(with(payments, list)),
        Operation::post("removePaymentMethod", "/payment-methods/{method}/remove", "Take a means of payment away")
            .about("payments")
            .says("It cannot be used from this moment; the provider forgets it, too.")
            .needs(Act::Pay)
            .part("method", "Its id.", json!({ "type": "string", "pattern": "^method_[0-9a-z]{1,64}$" }))
            .takes::<OfCustomer>(json!({ "customer": "4711" }))
            .gives::<MethodList>(200, "What is left.")
            .fails(422, "This customer has no such means of payment.")
            .repeats(Repeat::ByKey)
            .does(with(payments, remove)),
        Operation::post("forgetPaymentCustomer", "/payment-methods/forget", "Forget what a customer pays with")
            .about("payments")
            .says("For a customer who is erased: everything that is kept of theirs goes, here and at the providers.")
            .needs(Act::Pay)
            .takes::<OfCustomer>(json!({ "customer": "4711" }))
            .gives::<Forgotten>(200, "What went.")
            .repeats(Repeat::ByKey)
            .does(with(payments, forget)),
    ]
}

fn message(method: &Method) -> MethodMessage {
    MethodMessage {
        id: method.id.clone(),
        provider: method.provider.word().to_owned(),
        brand: method.brand.clone(),
        last_four: method.last_four.clone(),
        expires: method.expires.clone(),
        created_at: method.created_at.rfc3339(),
    }
}

async fn all_of(payments: &Payments, customer: &str) -> Result<Answer, Problem> {
    let found = payments.methods(customer).await.map_err(problem)?;
    Ok(Answer::of(200, &MethodList { methods: found.iter().map(message).collect() }))
}

async fn list(payments: Payments, call: Call) -> Result<Answer, Problem> {
    let no_customer = || problem(Error::Misfit { field: "customer", why: "name the customer" });
    all_of(&payments, call.asked("customer").ok_or_else(no_customer)?).await
}

async fn remove(payments: Payments, call: Call) -> Result<Answer, Problem> {
    let (id, of): (String, OfCustomer) = (call.part("method")?, call.body()?);
    payments.remove_method(call.caller.actor(), &of.customer, &id).await.map_err(problem)?;
    all_of(&payments, &of.customer).await
}

async fn forget(payments: Payments, call: Call) -> Result<Answer, Problem> {
    let of: OfCustomer = call.body()?;
    let methods = payments.forget_customer(call.caller.actor(), &of.customer).await.map_err(problem)?;
    Ok(Answer::of(200, &Forgotten { methods: u64::from(methods) }))
}
