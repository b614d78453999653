//! What provider, books and the shop's orders do not agree on, and what whoever reads it does about it.

use storeward_payments::desk::{Difference, Money, Provider, Reach};
use storeward_web::Moment;

/// One line of the list.
pub struct Line {
    pub at: Moment,
    pub what: &'static str,
    pub todo: &'static str,
    /// The order or the provider's object.
    pub reference: String,
    /// The payment's id, where there is one.
    pub payment: Option<String>,
    pub whose: &'static str,
    pub there: String,
    pub here: String,
}

pub fn line(one: Difference) -> Line {
    let (what, todo) = words(&one.what);
    let currency = one.currency.as_deref().and_then(|code| code.parse().ok());
    let money = |minor: Option<i64>| match (minor, currency) {
        (Some(minor), Some(currency)) => Money { minor, currency }.to_string(),
        (Some(minor), None) => format!("{minor} minor units"),
        (None, _) => "–".to_owned(),
    };
    Line {
        at: Moment(one.found_at),
        what,
        todo,
        whose: Provider::of_word(&one.provider).map_or("your shop", Provider::name),
        there: money(one.there),
        here: money(one.here),
        payment: one.payment.map(|id| id.to_string()),
        reference: one.reference,
    }
}

/// What it is, and what to do.
fn words(what: &str) -> (&'static str, &'static str) {
    match what {
        "missing_here" => (
            "The provider moved money that Storeward does not know",
            "Look it up in the provider's dashboard: somebody may have taken or given it back there by hand.",
        ),
        "missing_there" => (
            "Storeward has a movement that the provider does not list",
            "Look it up in the provider's dashboard. If it is not there, the row here was not made by Storeward: run storeward audit verify.",
        ),
        "amount" => (
            "Provider and books have another amount",
            "Compare with the provider's dashboard; what stands there is what was moved.",
        ),
        "not_in_the_books" => (
            "Money was taken, and the books have no entry of it",
            "Run storeward audit verify: somebody may have changed the database.",
        ),
        "not_read" => (
            "The provider did not show a dispute: what it took for it is not compared with the books",
            "It is asked again by itself, and the line goes once the dispute was read. If it is still here tomorrow, look the dispute up in the provider's dashboard and answer it there in time; if there are many, see whether the provider is down, or its key in the config may no longer read disputes.",
        ),
        "line_not_read" => (
            "A line of the provider's list cannot be read: it is not compared with the books",
            "Look it up in the provider's dashboard under this number, and compare it with the payment here. All other lines are compared.",
        ),
        "row_harmed" => (
            "The database holds something of this payment that Storeward did not write",
            "Nothing is done with it. Run storeward audit verify, and find out who can write to the database.",
        ),
        "shop_not_told" => (
            "Your shop did not take the news of a payment",
            "Look at the address in [[payments.hook]], and set the order to what the payment says.",
        ),
        "order_missing" => (
            "Money was taken for an order that your shop does not have",
            "Find the buyer's order in the shop; if there is none, give the money back.",
        ),
        "order_unpaid" => (
            "The payment is there, the order is not paid",
            "Set the order to paid, and look why the shop missed the news.",
        ),
        "order_cancelled" => {
            ("The order is cancelled, the money was kept", "Give it back, or set the order to paid.")
        }
        "order_without_payment" => (
            "The order is paid, and no payment brought it",
            "Do not send anything yet. Whoever set it to paid says why; if nobody did, the shop was tampered with.",
        ),
        "order_amount" => (
            "What was paid is not what the order costs",
            "Do not send anything yet. If the order was changed after it was paid, take or give back the rest; if it was paid twice, give one of the payments back.",
        ),
        "order_currency" => (
            "Order and payment have another currency",
            "Do not send anything yet. Compare the order with what the buyer saw; if it was paid in both currencies, or is cancelled, give this payment back.",
        ),
        "order_not_refunded" => (
            "More was given back than the order says",
            "Enter the refund in the shop, or find out who gave it back.",
        ),
        "payment_not_refunded" => (
            "The order says that money went back, and it did not",
            "Give it back on the payment's page: the buyer waits for it.",
        ),
        _ => ("They do not agree", "Compare the provider's dashboard, the books and the order."),
    }
}

/// How far a provider's days are compared; nothing before the first payment.
pub(super) fn reach(reach: &Reach) -> Option<String> {
    let way = super::way(Some(reach.provider));
    let mut said = match &reach.through {
        Some(day) => format!("{way}: compared with its own list up to {day} (UTC)."),
        None if reach.open.is_empty() && reach.passed.is_empty() => return None,
        None => format!("{way}: no day is compared with its own list yet."),
    };
    // Yesterday is the next round's.
    if let [first, _, ..] = reach.open.as_slice() {
        let count = reach.open.len();
        said = format!(
            "{said} {count} days are not, from {first} on: each round goes back to seven of them, 31 days at most."
        );
    }
    if let Some(first) = reach.passed.first() {
        let count = reach.passed.len();
        said = format!(
            "{said} {count} older days were never compared, from {first} on, and no round goes back to them: run storeward payments reconcile --day {first}."
        );
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn each_word_has_its_own_lines() {
        let all = [
            "missing_here",
            "missing_there",
            "amount",
            "not_in_the_books",
            "not_read",
            "line_not_read",
            "row_harmed",
            "shop_not_told",
            "order_missing",
            "order_unpaid",
            "order_cancelled",
            "order_without_payment",
            "order_amount",
            "order_currency",
            "order_not_refunded",
            "payment_not_refunded",
        ];
        let mut lines: Vec<_> = all.into_iter().map(words).collect();
        lines.push(words("else"));
        let count = lines.len();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), count);
    }
}
