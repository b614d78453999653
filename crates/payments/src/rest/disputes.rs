//! Disputes for programs: how they stand, the evidence, and what the shop's own systems know of the order. Programs send nothing to
//! a provider: a person does, at the console.

use serde_json::json;
use storeward_api::{Act, Answer, Call, Operation, Problem, Repeat};
use storeward_base::Timestamp;

use crate::disputes::{Dispute, FactKind};
use crate::error::Error;
use crate::payments::Payments;

use super::messages::{AddFact, DisputeFact, DisputeMessage, DisputePage};
use super::{problem, with};

pub(super) fn operations(payments: Option<&Payments>) -> Vec<Operation> {
    let one = |operation: Operation| {
        operation
            .part(
                "dispute",
                "The dispute's id.",
                json!({ "type": "string", "pattern": "^(stripe|paypal)\\.[0-9A-Za-z_-]{1,255}$" }),
            )
            .about("payments")
            .needs(Act::Pay)
            .fails(404, "There is no such dispute.")
    };
    vec![
        Operation::get("listDisputes", "/disputes", "Disputes, the newest first")
            .about("payments")
            .needs(Act::Pay)
            .paged()
            .gives::<DisputePage>(200, "A page.")
            .does(with(payments, list)),
        one(Operation::get("getDispute", "/disputes/{dispute}", "How a dispute stands"))
            .says("Changes nothing and asks nobody.")
            .gives::<DisputeMessage>(200, "The dispute.")
            .does(with(payments, get)),
        one(Operation::get("getDisputeEvidence", "/disputes/{dispute}/evidence", "What is known of a disputed payment"))
            .says(
                "Gathered anew each time, as JSON of the form `storeward.dispute/1`: it holds what was bought and, while it is kept, the \
                 buyer's address. `goes_out` is what the provider gets once a person sends it at the console, `left_out` what it does not \
                 get, as it takes no more of a field.",
            )
            .gives_text(200, "application/json", "The evidence.")
            .does(with(payments, evidence)),
        one(Operation::post("addDisputeFact", "/disputes/{dispute}/facts", "Add what the shop knows of the order"))
            .says("Such as the parcel's number. It goes out with the evidence; until then staff can take it away.")
            .takes::<AddFact>(json!({ "about": "tracking_number", "text": "00340434161094042557" }))
            .gives::<DisputeFact>(201, "Added.")
            .fails(409, "The dispute is over, or answered.")
            .fails(422, "The text does not fit.")
            .repeats(Repeat::ByKey)
            .does(with(payments, add)),
    ]
}

fn message(dispute: &Dispute) -> DisputeMessage {
    let count = |minor: i64| u64::try_from(minor).unwrap_or(0);
    DisputeMessage {
        id: dispute.id(),
        payment: dispute.payment.text(),
        provider: dispute.provider.word().to_owned(),
        reason: dispute.reason.clone(),
        state: dispute.state.clone(),
        status: dispute.status.clone(),
        currency: dispute.currency.clone(),
        amount: count(dispute.amount),
        withdrawn: count(dispute.withdrawn),
        fee: count(dispute.fee),
        answer: dispute.answer.word().to_owned(),
        due_at: dispute.due_at.map(Timestamp::rfc3339),
        opened_at: dispute.opened_at.rfc3339(),
        closed_at: dispute.closed_at.map(Timestamp::rfc3339),
    }
}

async fn list(payments: Payments, call: Call) -> Result<Answer, Problem> {
    let limit = call.limit()?;
    let wrong = || Problem::malformed("`after` is no cursor of this list.");
    let before = match call.after()? {
        Some(text) => {
            let (at, reference) = text.split_once('/').ok_or_else(wrong)?;
            let at = at.parse().map(Timestamp::from_micros).map_err(|_| wrong())?;
            Some((at, reference.to_owned()))
        }
        None => None,
    };
    // One more than is shown: it tells whether there is another page.
    let mut found = payments.disputes(before, limit.saturating_add(1)).await.map_err(problem)?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_last = found.len() <= shown;
    found.truncate(shown);
    let last = found.last().filter(|_| !is_last);
    let next = last.map(|last| call.cursor(&format!("{}/{}", last.opened_at.micros(), last.reference)));
    Ok(Answer::of(200, &DisputePage { disputes: found.iter().map(message).collect(), next }))
}

async fn get(payments: Payments, call: Call) -> Result<Answer, Problem> {
    let id: String = call.part("dispute")?;
    Ok(Answer::of(200, &message(&payments.dispute(&id).await.map_err(problem)?)))
}

async fn evidence(payments: Payments, call: Call) -> Result<Answer, Problem> {
    let id: String = call.part("dispute")?;
    let pack = payments.pack(&id).await.map_err(problem)?;
    Ok(Answer::json(200, pack.json()))
}

async fn add(payments: Payments, call: Call) -> Result<Answer, Problem> {
    let (id, wanted): (String, AddFact) = (call.part("dispute")?, call.body()?);
    let kind = FactKind::of_word(&wanted.about)
        .ok_or_else(|| problem(Error::Misfit { field: "about", why: "nothing is known by this word" }))?;
    let fact = payments.add_fact(call.caller.actor(), &id, kind, &wanted.text).await.map_err(problem)?;
    let told =
        DisputeFact { id: fact.id, about: kind.word().to_owned(), text: fact.text, at: fact.at.rfc3339() };
    Ok(Answer::of(201, &told))
}
