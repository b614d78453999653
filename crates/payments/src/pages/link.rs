//! The signed link: how a shop that makes no calls has an order paid. Its template signs order, amount and where to go back to;
//! nobody can change them on the way, a buyer least of all.

use serde::Deserialize;
use storeward_base::{Actor, Timestamp};
use storeward_seal::encoding::hex;
use storeward_seal::fingerprint::{equal, hmac_sha256};
use storeward_web::Failure;

use crate::error::Error;
use crate::model::{NewPayment, Payment, Saving, State};
use crate::money::{Currency, Money};

use super::Pages;

/// A link is good for no longer than this, whatever it says.
const LONGEST_S: i64 = 7 * 24 * 3600;

/// What a link says. All of it is signed.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    pub order: String,
    #[serde(default)]
    pub amount: String,
    #[serde(default)]
    pub currency: String,
    #[serde(default, rename = "return")]
    pub return_address: String,
    /// Unix seconds.
    #[serde(default)]
    pub expires: String,
    #[serde(default)]
    pub customer: String,
    /// HMAC-SHA-256 in hexadecimal over [`Link::signed`].
    #[serde(default)]
    pub signature: String,
}

fn refused(detail: &'static str) -> Failure {
    Failure::denied("payments.link", detail)
}

impl Link {
    /// `storeward-pay-1` and the values as they stand, a line each: no value holds the end of a line.
    fn signed(&self) -> Option<String> {
        let parts = [
            "storeward-pay-1",
            &self.order,
            &self.amount,
            &self.currency,
            &self.return_address,
            &self.expires,
            &self.customer,
        ];
        parts.iter().all(|part| !part.contains(['\n', '\r'])).then(|| parts.join("\n"))
    }

    /// The fields of a form that says the same.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("order", self.order.clone()),
            ("amount", self.amount.clone()),
            ("currency", self.currency.clone()),
            ("return", self.return_address.clone()),
            ("expires", self.expires.clone()),
            ("customer", self.customer.clone()),
            ("signature", self.signature.clone()),
        ]
    }

    /// What is to be paid, if the shop signed it and its time is not over.
    pub fn wanted(
        &self,
        keys: &[storeward_base::Secret<String>],
        now: Timestamp,
    ) -> Result<NewPayment, Failure> {
        let whole = || refused("This link is not whole. Go back to the shop and begin to pay once more.");
        let text = self.signed().ok_or_else(whole)?;
        let given = self.signature.to_ascii_lowercase();
        let signed = |key: &storeward_base::Secret<String>| {
            let mark = hmac_sha256(key.expose().as_bytes(), text.as_bytes());
            equal(hex(&mark).as_bytes(), given.as_bytes())
        };
        // Each is looked at, whichever fits.
        if !keys.iter().fold(false, |found, key| signed(key) | found) {
            return Err(whole());
        }
        let ends = self.expires.parse::<i64>().map_err(|_| whole())?;
        let left = ends.saturating_sub(now.seconds());
        if left <= 0 || left > LONGEST_S {
            return Err(refused("This link is too old. Go back to the shop and begin to pay once more."));
        }
        let currency = self.currency.parse::<Currency>().map_err(Error::from)?;
        let minor = self.amount.parse::<i64>().map_err(|_| whole())?;
        Ok(NewPayment {
            id: None,
            order: self.order.clone(),
            amount: Money::new(minor, currency).map_err(Error::from)?,
            capture: None,
            customer: (!self.customer.is_empty()).then(|| self.customer.clone()),
            email: None,
            return_address: self.return_address.clone(),
            lines: Vec::new(),
            saving: Saving::No,
        })
    }
}

impl Pages {
    /// The payment that the order has for this amount, unless nobody paid it in time: what was paid, given back or set free is not
    /// paid once more by an old link.
    pub(super) async fn of_link(&self, new: &NewPayment) -> Result<Option<Payment>, Failure> {
        let known = self.0.payments.of_order(&new.order).await?;
        Ok(known.into_iter().find(|payment| payment.amount == new.amount && payment.state != State::Failed))
    }

    pub(super) async fn made(&self, new: NewPayment) -> Result<Payment, Failure> {
        Ok(self.0.payments.create(Actor::System, new).await?)
    }
}
