//! Disputes: what the provider says of them, and the money that it holds back meanwhile.

use std::sync::Arc;

use serde_json::Value;
use storeward_base::{PaymentId, Timestamp};
use storeward_events::payment as facts;
use storeward_store::{Reader, Row, Tx, params, statements};

use crate::apply::{amount, tell};
use crate::error::Error;
use crate::ledger::{Account, moved};
use crate::model::Provider;
use crate::money::Money;
use crate::payments::{Payments, Shared};
use crate::provider::{Gateway, Trouble, list, text};
use crate::sql;

statements! {
    INSERT_DISPUTE = "INSERT INTO payment_dispute (provider, reference, payment, amount, currency, reason, state, is_withdrawn, due_at, opened_at, closed_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, NULL)";
    FIND_DISPUTE = "SELECT provider, reference, payment, amount, currency, reason, state, is_withdrawn, due_at, opened_at, closed_at \
                    FROM payment_dispute WHERE provider = $1 AND reference = $2";
    DISPUTES_OF = "SELECT provider, reference, payment, amount, currency, reason, state, is_withdrawn, due_at, opened_at, closed_at \
                   FROM payment_dispute WHERE payment = $1 ORDER BY opened_at, reference LIMIT 50";
    DISPUTE_STATE = "UPDATE payment_dispute SET state = $3, is_withdrawn = $4, due_at = $5, closed_at = $6 WHERE provider = $1 AND reference = $2";
}

/// A dispute as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    pub provider: Provider,
    pub reference: String,
    pub payment: PaymentId,
    pub amount: i64,
    pub currency: String,
    /// The provider's word.
    pub reason: String,
    /// `open`, `won`, `lost`.
    pub state: String,
    /// The provider holds the money back.
    pub is_withdrawn: bool,
    /// Until when it takes evidence.
    pub due_at: Option<Timestamp>,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
}

/// What a provider says of a dispute.
pub(crate) struct Told {
    reference: String,
    amount: Money,
    reason: String,
    state: &'static str,
    is_withdrawn: bool,
    due_at: Option<Timestamp>,
    /// The provider's object that is disputed.
    about: Vec<String>,
}

fn dispute(row: &Row<'_>) -> Result<Dispute, storeward_store::Error> {
    let provider = Provider::of_word(&row.get::<String>(0)?);
    Ok(Dispute {
        provider: provider.ok_or(storeward_store::Error::Column { index: 0, wanted: "a provider" })?,
        reference: row.get(1)?,
        payment: row.get(2)?,
        amount: row.get(3)?,
        currency: row.get(4)?,
        reason: row.get(5)?,
        state: row.get(6)?,
        is_withdrawn: row.get(7)?,
        due_at: row.get(8)?,
        opened_at: row.get(9)?,
        closed_at: row.get(10)?,
    })
}

pub(crate) fn of(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Vec<Dispute>, Error> {
    Ok(reader.query_many(DISPUTES_OF, params![payment], dispute)?)
}

/// Stripe's dispute object.
fn of_stripe(one: &Value) -> Option<Told> {
    let status = text(one, "/status")?;
    let state = match status {
        "won" | "warning_closed" | "prevented" => "won",
        "lost" => "lost",
        _ => "open",
    };
    let due = one.pointer("/evidence_details/due_by").and_then(Value::as_i64);
    let about = ["/charge", "/payment_intent"].into_iter().filter_map(|at| text(one, at)).map(str::to_owned);
    Some(Told {
        reference: text(one, "/id")?.to_owned(),
        amount: Money::from_stripe(one.pointer("/amount")?.as_i64()?, text(one, "/currency")?).ok()?,
        reason: crate::provider::clean(text(one, "/reason").unwrap_or("general")),
        state,
        // An inquiry moves nothing yet.
        is_withdrawn: !status.starts_with("warning") && state != "won",
        due_at: due.map(Timestamp::from_seconds),
        about: about.collect(),
    })
}

/// PayPal's dispute object.
fn of_paypal(one: &Value) -> Option<Told> {
    let status = text(one, "/status")?;
    let outcome = text(one, "/dispute_outcome/outcome_code").unwrap_or_default();
    let state = match (status, outcome) {
        ("RESOLVED", "RESOLVED_SELLER_FAVOUR" | "CANCELED_BY_BUYER" | "DENIED" | "NONE") => "won",
        ("RESOLVED", _) => "lost",
        _ => "open",
    };
    let value = one.pointer("/dispute_amount")?;
    let transactions = list(one, "/disputed_transactions").iter();
    let about = transactions.filter_map(|t| text(t, "/seller_transaction_id")).map(str::to_owned);
    Some(Told {
        reference: text(one, "/dispute_id")?.to_owned(),
        amount: Money::from_paypal(text(value, "/value")?, text(value, "/currency_code")?).ok()?,
        reason: crate::provider::clean(text(one, "/reason").unwrap_or("OTHER")),
        state,
        is_withdrawn: state == "lost"
            || text(one, "/dispute_life_cycle_stage") == Some("CHARGEBACK") && state == "open",
        due_at: text(one, "/seller_response_due_date").and_then(Timestamp::parse_rfc3339),
        about: about.collect(),
    })
}

impl Payments {
    /// Reads a dispute and writes it down.
    pub(crate) async fn look_at_dispute(
        &self,
        provider: Provider,
        reference: &str,
        payment: PaymentId,
    ) -> Result<(), Error> {
        let read = match self.0.gateway(provider)? {
            Gateway::Stripe(stripe) => stripe.dispute(reference).await.map(|one| of_stripe(&one)),
            Gateway::PayPal(paypal) => paypal.dispute(reference).await.map(|one| of_paypal(&one)),
        };
        let told = match read {
            Ok(told) => told.ok_or(Error::Form("a dispute"))?,
            // A message about something with another kind of id.
            Err(Trouble::Refused(_)) => return Ok(()),
            Err(why) => return Err(Error::NotReached { code: why.code().to_owned() }),
        };
        let (shared, told) = (Arc::clone(&self.0), Arc::new(told));
        self.0.db.write(move |tx| shared.dispute(tx, provider, payment, &told)).await
    }
}

impl Shared {
    fn dispute(&self, tx: &mut Tx<'_>, provider: Provider, id: PaymentId, told: &Told) -> Result<(), Error> {
        tx.commit_silent("a dispute was asked about and nothing is new");
        let payment = sql::get(tx, id)?;
        let captures = sql::captures_of(tx, id)?;
        let attempts = sql::attempts_of(tx, id)?;
        let is_about = |reference: &String| {
            captures.iter().any(|one| &one.reference == reference)
                || attempts.iter().any(|one| one.inner.as_ref() == Some(reference))
        };
        if !told.about.iter().any(is_about) || told.amount.currency != payment.currency() {
            return Ok(());
        }
        let key = params![provider.word(), &told.reference];
        let known = match tx.query_optional(FIND_DISPUTE, key, dispute)? {
            Some(known) => known,
            None => {
                let now = tx.now();
                let values = params![
                    provider.word(),
                    &told.reference,
                    id,
                    told.amount.minor,
                    told.amount.currency.code(),
                    &told.reason,
                    "open",
                    told.due_at,
                    now
                ];
                tx.execute(INSERT_DISPUTE, values)?;
                let fact = facts::DisputeOpened {
                    payment: id,
                    provider: provider.word().to_owned(),
                    amount: amount(told.amount.minor),
                    currency: told.amount.currency.to_string(),
                    reason: told.reason.clone(),
                    due_at: told.due_at,
                };
                tell(tx, fact)?;
                tx.query_one(FIND_DISPUTE, key, dispute)?
            }
        };
        // What is over stays over: an older picture changes nothing.
        if known.state != "open" {
            return Ok(());
        }
        let money = Money { minor: known.amount, ..told.amount };
        let (held, clearing) = (Account::Disputes, Account::Clearing(provider));
        match (known.is_withdrawn, told.is_withdrawn) {
            (false, true) => moved(tx, id, (clearing, held), money, &told.reference)?,
            (true, false) => moved(tx, id, (held, clearing), money, &told.reference)?,
            _ => {}
        }
        let closed = (told.state != "open").then(|| tx.now());
        let values =
            params![provider.word(), &told.reference, told.state, told.is_withdrawn, told.due_at, closed];
        tx.execute(DISPUTE_STATE, values)?;
        if closed.is_some() {
            let provider = provider.word().to_owned();
            tell(tx, facts::DisputeClosed { payment: id, provider, outcome: told.state.to_owned() })?;
        }
        Ok(())
    }
}
