//! What the merchant has with Stripe, entry by entry.

use serde_json::{Map, Value, json};

use super::Desk;
use super::error::Outcome;
use super::params::{self, EXPAND};
use crate::chance;
use crate::shelf::{text, whole};

/// Funds can be paid out after this time: seven days where nothing else was agreed.
const AVAILABLE_S: i64 = 7 * 24 * 3600;

impl Desk<'_> {
    /// An entry: `amount` for the merchant, less `fee`, both in what the account is paid out in. Returns its id.
    pub fn transaction(&mut self, kind: &str, amount: i64, fee: i64, currency: &str, source: &str) -> String {
        let now = self.now_s();
        let other = self.state.settles.clone().filter(|(own, _)| own != currency);
        let rate = other.as_ref().map_or(10_000, |(_, of_ten_thousand)| *of_ten_thousand);
        let [amount, fee] = [amount, fee].map(|minor| (minor * rate + 5_000).div_euclid(10_000));
        let exchange = other.as_ref().map(|_| f64::from(i32::try_from(rate).unwrap_or(i32::MAX)) / 10_000.0);
        let currency = other.as_ref().map_or(currency, |(own, _)| own.as_str());
        let id = format!("txn_3{}", chance::word(23));
        let details = if fee == 0 {
            json!([])
        } else {
            json!([{
                "amount": fee, "application": null, "currency": currency, "description": "Processing fees", "type": "stripe_fee",
            }])
        };
        let category = match kind {
            "adjustment" => "dispute",
            other => other,
        };
        self.put(
            "balance_transaction",
            json!({
                "id": id, "object": "balance_transaction", "amount": amount, "available_on": now + AVAILABLE_S,
                "balance_type": "payments", "created": now, "currency": currency, "description": null, "exchange_rate": exchange,
                "fee": fee, "fee_details": details, "net": amount - fee, "reporting_category": category, "source": source,
                "status": "pending", "type": kind,
            }),
        );
        id
    }

    pub fn balance(&mut self, tree: &Map<String, Value>) -> Outcome<Value> {
        params::read(&[EXPAND], tree)?;
        let now = self.now_s();
        let (mut available, mut pending) = (Map::new(), Map::new());
        for entry in self.list("balance_transaction") {
            let side = if whole(&entry, "available_on") <= now { &mut available } else { &mut pending };
            let sum = side.get(text(&entry, "currency")).and_then(Value::as_i64).unwrap_or(0);
            side.insert(text(&entry, "currency").to_owned(), Value::from(sum + whole(&entry, "net")));
        }
        let sums = |side: Map<String, Value>| -> Vec<Value> {
            side.into_iter()
                .map(|(currency, amount)| {
                    json!({ "amount": amount, "currency": currency, "source_types": { "card": amount } })
                })
                .collect()
        };
        Ok(json!({
            "object": "balance", "available": sums(available), "livemode": self.live(), "pending": sums(pending),
        }))
    }
}
