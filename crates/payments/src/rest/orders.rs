//! The shop's orders, told by its program, and what does not agree with them.

use serde_json::json;
use storeward_api::{Act, Answer, Call, FieldFault, Operation, Problem};
use storeward_base::Timestamp;

use super::messages::{DifferenceMessage, DifferencePage, OrderToTell, OrdersToTell, OrdersTold};
use super::{problem, with};
use crate::error::Error;
use crate::money::{Currency, Money};
use crate::orders::{MOST_ORDERS, OrderState, ShopOrder};
use crate::payments::Payments;
use crate::reconcile::Difference;

pub(super) fn tell(payments: Option<&Payments>) -> Operation {
    Operation::post("tellOrders", "/payments/orders", "Say how the shop has its orders")
        .about("payments")
        .says(
            "They are held against payments: an order that is paid here and not there, or the other way round, of another amount, or \
             given back on one side only, becomes a difference. No order moves money. Tell each when it changes, or all of them from \
             time to time: what is told again changes nothing, and what is older than what is known changes nothing.",
        )
        .needs(Act::Pay)
        .takes::<OrdersToTell>(json!({
            "orders": [
                { "order": "A-1001", "amount": 1999, "currency": "EUR", "state": "paid", "at": "2026-11-26T12:00:00Z" },
                { "order": "A-1002", "amount": 500, "currency": "EUR", "state": "refunded" }
            ]
        }))
        .gives::<OrdersTold>(200, "All of them were taken in.")
        .fails(422, "A value does not fit; none was taken in.")
        .does(with(payments, told))
}

pub(super) fn differences(payments: Option<&Payments>) -> Operation {
    Operation::get("listDifferences", "/payments/differences", "What provider, books and shop do not agree on")
        .about("payments")
        .says("Those that are still there, the newest first. One that is gone at the next comparison leaves the list.")
        .needs(Act::Pay)
        .paged()
        .gives::<DifferencePage>(200, "A page.")
        .does(with(payments, list))
}

fn misfit(at: usize, field: &str, detail: String) -> Problem {
    Problem::misfit(vec![FieldFault { pointer: format!("/orders/{at}/{field}"), detail }])
}

fn read(at: usize, one: OrderToTell, now: Timestamp) -> Result<ShopOrder, Problem> {
    let currency: Currency =
        one.currency.parse().map_err(|why| misfit(at, "currency", Error::Money(why).to_string()))?;
    let state = OrderState::of_word(&one.state)
        .ok_or_else(|| misfit(at, "state", "this is `open`, `paid`, `refunded` or `cancelled`".to_owned()))?;
    let moment = |text: String| {
        Timestamp::parse_rfc3339(&text)
            .ok_or_else(|| misfit(at, "at", "this is a moment such as 2026-11-26T12:00:00Z".to_owned()))
    };
    let minor = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
    Ok(ShopOrder {
        order: one.order,
        amount: Money { minor: minor(one.amount), currency },
        state,
        refunded: one.refunded.map(minor),
        is_elsewhere: one.elsewhere.unwrap_or(false),
        at: one.at.map(moment).transpose()?.unwrap_or(now),
    })
}

async fn told(payments: Payments, call: Call) -> Result<Answer, Problem> {
    let asked: OrdersToTell = call.body()?;
    if asked.orders.is_empty() || asked.orders.len() > MOST_ORDERS {
        let detail = format!("there are 1 to {MOST_ORDERS} orders in one call");
        return Err(Problem::misfit(vec![FieldFault { pointer: "/orders".to_owned(), detail }]));
    }
    let mut orders = Vec::new();
    for (at, one) in asked.orders.into_iter().enumerate() {
        orders.push(read(at, one, call.begun_at)?);
    }
    let told = payments.tell_orders(orders).await.map_err(problem)?;
    Ok(Answer::of(200, &OrdersTold { taken: told.taken.into(), older: told.older.into() }))
}

fn message(one: Difference) -> DifferenceMessage {
    let count = |minor: i64| u64::try_from(minor).unwrap_or(0);
    DifferenceMessage {
        what: one.what,
        provider: one.provider,
        day: one.day,
        reference: one.reference,
        payment: one.payment.map(|id| id.text()),
        there: one.there.map(count),
        here: one.here.map(count),
        currency: one.currency,
        found_at: one.found_at.rfc3339(),
    }
}

async fn list(payments: Payments, call: Call) -> Result<Answer, Problem> {
    let limit = call.limit()?;
    // One more than is shown: it tells whether there is another page.
    let found = payments.differences_before(call.after()?, limit.saturating_add(1)).await;
    let mut found = found.map_err(problem)?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_last = found.len() <= shown;
    found.truncate(shown);
    let next = found.last().filter(|_| !is_last).map(|last| call.cursor(&last.id));
    Ok(Answer::of(200, &DifferencePage { differences: found.into_iter().map(message).collect(), next }))
}
