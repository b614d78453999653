//! What a message of PayPal's says of money, held against what PayPal itself shows. PayPal signs a check sum of the body only, so a body may be
//! anybody's: one that says what cannot be is refused, and nothing follows from it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use storeward_store::Reader;

use crate::error::Error;
use crate::model::{Attempt, Payment, Piece};
use crate::money::Money;
use crate::provider::text;
use crate::sql;
use crate::webhooks::Refusal;

/// Which object it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Of {
    Order,
    Authorization,
    /// What was taken, or given back.
    Piece,
}

/// What a message says of its object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    of: Of,
    id: String,
    /// As it is written there: value and currency.
    amount: Option<(String, String)>,
    status: Option<String>,
}

impl Claims {
    /// Nothing of kinds of which it is not known whose object they bring.
    pub fn of_paypal(kind: &str, id: &str, resource: &Value) -> Option<Claims> {
        let (of, at) = match kind {
            // It brings an object of its own, which no order shows.
            "PAYMENT.CAPTURE.REVERSED" => return None,
            _ if kind.starts_with("PAYMENT.CAPTURE.") || kind.starts_with("PAYMENT.REFUND.") => {
                (Of::Piece, "/amount")
            }
            _ if kind.starts_with("PAYMENT.AUTHORIZATION.") => (Of::Authorization, "/amount"),
            _ if kind.starts_with("CHECKOUT.ORDER.") => (Of::Order, "/purchase_units/0/amount"),
            _ => return None,
        };
        let word = |at: &str| text(resource, at).map(|word| word.chars().take(40).collect::<String>());
        let amount = word(&format!("{at}/value")).zip(word(&format!("{at}/currency_code")));
        Some(Claims { of, id: id.to_owned(), amount, status: word("/status") })
    }

    /// Why it cannot be true, by what was just read from PayPal.
    pub fn misfit(&self, reader: &mut Reader<'_>, attempt: &Attempt) -> Result<Option<Refusal>, Error> {
        let payment = sql::get(reader, attempt.payment)?;
        let status = self.status.as_deref().unwrap_or_default();
        let (wanted, is_possible) = match self.of {
            Of::Order if attempt.reference.as_deref() != Some(&self.id) => {
                return Ok(Some(Refusal::OtherObject));
            }
            Of::Order => {
                let is_taken = payment.authorized > 0
                    || sql::captures_of(reader, payment.id)?.iter().any(|one| one.attempt == attempt.number);
                (payment.amount.minor, status != "COMPLETED" || is_taken)
            }
            Of::Authorization if attempt.inner.as_deref() != Some(&self.id) => {
                return Ok(Some(Refusal::OtherObject));
            }
            Of::Authorization => (payment.amount.minor, true),
            Of::Piece => {
                let Some((amount, is_possible)) = self.piece(reader, attempt, &payment)? else {
                    return Ok(Some(Refusal::OtherObject));
                };
                (amount, is_possible)
            }
        };
        let is_amount = |(value, currency): &(String, String)| {
            let said = Money::from_paypal(value, currency);
            said.is_ok_and(|said| (said.minor, said.currency) == (wanted, payment.currency()))
        };
        Ok(match &self.amount {
            Some(amount) if !is_amount(amount) => Some(Refusal::OtherAmount),
            _ if !is_possible => Some(Refusal::OtherState),
            _ => None,
        })
    }

    /// The amount of what was taken or given back, and whether its state can be what the message says. What pended when the message was made
    /// may be done by now.
    fn piece(
        &self,
        reader: &mut Reader<'_>,
        attempt: &Attempt,
        payment: &Payment,
    ) -> Result<Option<(i64, bool)>, Error> {
        let status = self.status.as_deref().unwrap_or_default();
        if let Some(one) = sql::find_capture(reader, attempt.provider, &self.id)? {
            let is_possible = match one.state {
                Piece::Done => !matches!(status, "DECLINED" | "FAILED"),
                Piece::Pending | Piece::Failed => {
                    !matches!(status, "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED")
                }
            };
            return Ok((one.payment == payment.id).then_some((one.amount, is_possible)));
        }
        let refund = sql::find_refund(reader, attempt.provider, &self.id)?;
        Ok(refund.filter(|one| one.payment == payment.id).map(|one| (one.amount, true)))
    }
}
