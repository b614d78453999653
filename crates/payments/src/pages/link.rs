//! The signed link: how a shop that makes no calls has an order paid. Its template signs order, amount and where to go back to;
//! nobody can change them on the way, a buyer least of all.

use serde::Deserialize;
use storeward_base::{Actor, Timestamp};
use storeward_seal::encoding::hex;
use storeward_seal::fingerprint::{equal, hmac_sha256};
use storeward_web::axum::response::{Html, Response};
use storeward_web::http::{HeaderMap, StatusCode};
use storeward_web::{Failure, explained, render};

use crate::error::Error;
use crate::model::{NewPayment, Payment, Presentation, Saving, State};
use crate::money::{Currency, Money};

use super::Pages;
use super::texts::Text;

/// What became of a link.
pub(super) enum Made {
    Payment(Payment),
    /// The order has another payment, which nobody may end.
    Beside(Payment),
}

/// What an order has when one of its links is opened.
pub(super) enum Of {
    /// A payment for this amount, unless nobody paid it in time, or another one took its place before anybody paid: what was paid,
    /// given back or set free is not paid once more by an old link. What was set free because nobody decided about it in time is paid by a later one.
    /// Or, for whatever amount, the one that the shop said no to.
    Payment(Payment),
    /// Another amount, by a link that was signed later or is as old.
    Later(Payment),
    /// Another amount, and the order is paid: what is left to pay, or to be given back, is between buyer and shop.
    Paid(Payment),
    Nothing,
}

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
            presentation: Presentation::Redirect,
            signed_until: Some(ends),
        })
    }
}

impl Pages {
    /// What the order has for a link.
    pub(super) async fn of_link(&self, new: &NewPayment) -> Result<Of, Failure> {
        let payments = &self.0.payments;
        // The newest first.
        let known = payments.of_order(&new.order).await?;
        let (mut latest, mut undecided) = (None, Vec::new());
        for payment in &known {
            latest = latest.max(payments.0.details(payment.id).await?.signed_until);
            if payment.state == State::Voided && payments.is_undecided(payment.id).await? {
                undecided.push(payment.id);
            }
        }
        let is_free = |payment: &Payment| new.signed_until > latest && undecided.contains(&payment.id);
        let is_displaced = |at: usize, payment: &Payment| {
            at > 0 && payment.state == State::Voided && payment.authorized == 0 && payment.captured == 0
        };
        let same = known.iter().enumerate().find(|(at, payment)| {
            payment.amount == new.amount
                && payment.state != State::Failed
                && !is_displaced(*at, payment)
                && !is_free(payment)
        });
        if let Some((_, payment)) = same {
            if new.signed_until > latest {
                payments.note_link(payment.id, new.signed_until).await?;
            }
            return Ok(Of::Payment(payment.clone()));
        }
        let is_paid = |one: &&Payment| one.is_open() && (one.captured > 0 || one.authorized > 0);
        if let Some(paid) = known.iter().find(is_paid) {
            return Ok(Of::Paid(paid.clone()));
        }
        let Some(newest) = known.into_iter().next() else { return Ok(Of::Nothing) };
        // Somebody kept a link of when the order cost less.
        if latest >= new.signed_until {
            return Ok(Of::Later(newest));
        }
        // Whoever said no said it to the order: it costs something else now, and that changes nothing.
        Ok(if payments.is_closed_to_links(&newest).await? { Of::Payment(newest) } else { Of::Nothing })
    }

    /// The payment of a link. The order may have another one, of the amount that it cost when the buyer began: what nobody paid of
    /// it is ended, since the shop signed what it costs now; what was paid, or may have been, stays as it is, and so does what one of the
    /// shop's programs asked for: whether the link was signed before or after that nobody can tell.
    pub(super) async fn made(&self, new: NewPayment) -> Result<Made, Failure> {
        let payments = &self.0.payments;
        let order = new.order.clone();
        match payments.create(Actor::System, new.clone()).await {
            Ok(made) => return Ok(Made::Payment(made)),
            Err(Error::OrderHasPayment) => {}
            Err(other) => return Err(other.into()),
        }
        let open = payments.of_order(&order).await?.into_iter().find(Payment::is_open);
        let Some(other) = open else { return Err(Error::OrderHasPayment.into()) };
        let is_by_link = payments.0.details(other.id).await?.is_of_link();
        if !is_by_link || payments.give_way(other.id).await.is_err() {
            return Ok(Made::Beside(other));
        }
        match payments.create(Actor::System, new).await {
            Ok(made) => Ok(Made::Payment(made)),
            Err(Error::OrderHasPayment) => Ok(Made::Beside(other)),
            Err(other) => Err(other.into()),
        }
    }

    /// The order has another payment: that is said, and where it stands.
    /// `unpaid` is what is said where nobody paid that one.
    pub(super) fn beside(
        &self,
        other: &Payment,
        unpaid: Text,
        headers: &HeaderMap,
    ) -> Result<Response, Failure> {
        let language = super::language(headers);
        let words = if other.captured > 0 || other.authorized > 0 { Text::PaidOtherwise } else { unpaid };
        let link = self.0.payments.page_path(other.id);
        let label = super::say(language, Text::SeePayment, &[]);
        let page = self.stands(other, language, words, Some((link, label)));
        Ok(explained(StatusCode::CONFLICT, Html(render(&page)?)))
    }
}
