//! Messages of providers: believed only when signed, and then only as a hint to ask the provider.

mod crc;
mod paypal;
mod stripe;
#[cfg(test)]
mod vectors;

pub use crc::crc32;
pub use paypal::Certificates;
pub(crate) use paypal::MOST_SIGNERS;

use std::fmt;

use http::HeaderMap;
use serde_json::Value;
use storeward_base::{Blame, Fault, FaultKind, Timestamp};

use crate::claims::Claims;
use crate::model::Provider;
use crate::provider::text;

/// More than this no message has.
pub const MOST_BODY_BYTES: usize = 512 * 1024;

/// Why a message is not believed. Whoever sent it learns no more than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It bears no signature, or one that cannot be read.
    NoSignature,
    /// None of the secrets made it; or not the certificate's key.
    Signature,
    /// It was signed too long ago, or for a time to come.
    Time,
    /// Where the certificate lies, what it is called, or who vouches for it.
    Certificate,
    /// The certificate cannot be had at the moment: the provider sends again.
    CertificateLater,
    /// Another algorithm than the one that is taken.
    Algorithm,
    /// The body is no message of this provider's.
    Form,
    /// Of test payments where money moves, or the other way round.
    Mode,
    /// PayPal's transmission brought another body before: one of the two is forged.
    OtherBody,
    /// What it says is not what the provider itself shows: there is no such object of that payment; it has another amount; it cannot stand
    /// so. Found out once it was taken in.
    OtherObject,
    OtherAmount,
    OtherState,
    /// This provider is not set up.
    NoProvider,
    /// It could not be kept: the provider sends again.
    Storage,
}

impl Refusal {
    /// 400: not believed; 503: send it again.
    pub const fn status(self) -> u16 {
        match self {
            Refusal::CertificateLater | Refusal::Storage => 503,
            Refusal::NoProvider => 404,
            Refusal::NoSignature
            | Refusal::Signature
            | Refusal::Time
            | Refusal::Certificate
            | Refusal::Algorithm
            | Refusal::Form
            | Refusal::Mode
            | Refusal::OtherBody
            | Refusal::OtherObject
            | Refusal::OtherAmount
            | Refusal::OtherState => 400,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message was not taken")
    }
}

impl std::error::Error for Refusal {}

impl Fault for Refusal {
    fn kind(&self) -> FaultKind {
        match self {
            Refusal::CertificateLater | Refusal::Storage => FaultKind::Busy,
            Refusal::NoProvider => FaultKind::Missing,
            _ => FaultKind::Invalid,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Refusal::Storage => Blame::Us,
            Refusal::CertificateLater => Blame::Upstream,
            _ => Blame::Caller,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Refusal::NoSignature => "payments.no_signature",
            Refusal::Signature => "payments.signature",
            Refusal::Time => "payments.signed_at",
            Refusal::Certificate => "payments.certificate",
            Refusal::CertificateLater => "payments.certificate_later",
            Refusal::Algorithm => "payments.algorithm",
            Refusal::Form => "payments.message",
            Refusal::Mode => "payments.mode",
            Refusal::OtherBody => "payments.other_body",
            Refusal::OtherObject => "payments.other_object",
            Refusal::OtherAmount => "payments.other_amount",
            Refusal::OtherState => "payments.other_state",
            Refusal::NoProvider => "payments.no_provider",
            Refusal::Storage => "payments.storage",
        }
    }
}

/// What is kept of a message: enough to ask the provider, and nothing that says who pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub provider: Provider,
    pub event: String,
    pub transmission: Option<String>,
    pub kind: String,
    /// The object that it is about; empty where it concerns no payment.
    pub object: String,
    /// Further objects by which an attempt may be known.
    pub others: Vec<String>,
    /// Our id, as it says; believed once the provider says so, too.
    pub payment: Option<String>,
    pub is_live: Option<bool>,
    /// What it says of money, where nothing but PayPal's word stands for it.
    pub claims: Option<Claims>,
    /// A keyed mark of the body, where the signature does not cover it.
    pub body: Option<Vec<u8>>,
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut lines = headers.get_all(name).iter();
    let only = lines.next()?.to_str().ok()?;
    // Two of them can be read in two ways.
    lines.next().is_none().then_some(only)
}

/// Checks a message of Stripe's: over the bytes as they came, before they are read.
pub(crate) fn of_stripe(
    stripe: &crate::stripe::Stripe,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Message, Refusal> {
    let line = header(headers, "stripe-signature").ok_or(Refusal::NoSignature)?;
    stripe::verify(&stripe.secrets, line, body, now)?;
    stripe_message(body).ok_or(Refusal::Form)
}

/// Checks a message of PayPal's. Its signature covers a check sum of the body only, so the body proves nothing at all.
pub(crate) async fn of_paypal(
    paypal: &crate::paypal::PayPal,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Message, Refusal> {
    let signed = paypal::Signed::read(|name| header(headers, name))?;
    signed.verify(paypal.certificates(), paypal.webhook_id(), body, now).await?;
    let mut message = paypal_message(body).ok_or(Refusal::Form)?;
    message.transmission = Some(signed.transmission().to_owned());
    Ok(message)
}

fn id(value: &Value, pointer: &str) -> Option<String> {
    let found = text(value, pointer).or_else(|| text(value, &format!("{pointer}/id")));
    found.filter(|id| crate::stripe::is_id(id)).map(str::to_owned)
}

fn stripe_message(body: &[u8]) -> Option<Message> {
    let event: Value = serde_json::from_slice(body).ok()?;
    stripe_event(&event)
}

/// Also of an event that was listed and not sent.
pub(crate) fn stripe_event(event: &Value) -> Option<Message> {
    let object = event.pointer("/data/object")?;
    let payment =
        text(object, "/metadata/storeward_payment").or_else(|| text(object, "/client_reference_id"));
    let kind = text(event, "/type").filter(|kind| is_kind(kind))?.to_owned();
    Some(Message {
        provider: Provider::Stripe,
        event: id(event, "/id")?,
        transmission: None,
        object: kept_object(&kind, id(object, "/id")?),
        kind,
        others: ["/payment_intent", "/charge"].into_iter().filter_map(|at| id(object, at)).collect(),
        payment: payment.map(str::to_owned),
        is_live: event.pointer("/livemode").and_then(Value::as_bool),
        claims: None,
        body: None,
    })
}

fn paypal_message(body: &[u8]) -> Option<Message> {
    let event: Value = serde_json::from_slice(body).ok()?;
    let resource = event.pointer("/resource")?;
    let payment = text(resource, "/custom_id").or_else(|| text(resource, "/purchase_units/0/custom_id"));
    let related = "/supplementary_data/related_ids";
    let places = [
        format!("{related}/order_id"),
        format!("{related}/authorization_id"),
        format!("{related}/capture_id"),
        "/disputed_transactions/0/seller_transaction_id".to_owned(),
    ];
    let kind = text(&event, "/event_type").filter(|kind| is_kind(kind))?.to_owned();
    let object = id(resource, "/id").or_else(|| id(resource, "/dispute_id"))?;
    Some(Message {
        provider: Provider::PayPal,
        event: id(&event, "/id")?,
        transmission: None,
        claims: Claims::of_paypal(&kind, &object, resource),
        object: kept_object(&kind, object),
        kind,
        others: places.iter().filter_map(|place| id(resource, place)).collect(),
        payment: payment.map(str::to_owned),
        is_live: None,
        body: None,
    })
}

/// Messages come of everything that happens on an account. Those of kept means of payment and of customers name a token or a buyer, which
/// nothing here asks by and which stand nowhere but sealed.
fn kept_object(kind: &str, object: String) -> String {
    const OF_PAYMENTS: [&str; 8] =
        ["charge.", "checkout.", "payment_intent.", "refund.", "review.", "radar.", "PAYMENT.", "CHECKOUT."];
    let is_of_payment =
        OF_PAYMENTS.iter().any(|head| kind.starts_with(head)) || kind.starts_with("CUSTOMER.DISPUTE.");
    if is_of_payment { object } else { String::new() }
}

fn is_kind(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
