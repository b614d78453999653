//! What both providers have in common: how a call ends, and what is opened at one.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use storeward_base::{Secret, Timestamp};
use storeward_outbound::{Client, Limits, OutboundError, Phase, Reply, Request};

use crate::disputes::SentFile;
use crate::judge::CardSeen;
use crate::machine::Seen;
use crate::model::{Attempt, Call, CaptureMode, Details, Payment, Provider};
use crate::paypal::PayPal;
use crate::stripe::Stripe;

/// How a call ended that did not do what it should, as far as is known. Codes are stable words or the provider's own, cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It was not sent.
    NotSent(String),
    /// The provider said no, and so did nothing.
    Refused(String),
    /// It may have been done.
    Unsure(String),
}

impl Trouble {
    pub(crate) fn code(&self) -> &str {
        match self {
            Trouble::NotSent(code) | Trouble::Refused(code) | Trouble::Unsure(code) => code,
        }
    }
}

impl From<OutboundError> for Trouble {
    fn from(why: OutboundError) -> Self {
        let code = storeward_base::Fault::code(&why).to_owned();
        match why {
            OutboundError::Url { .. }
            | OutboundError::NotListed { .. }
            | OutboundError::Address { .. }
            | OutboundError::Name { .. }
            | OutboundError::Connect { .. }
            | OutboundError::Tls { .. }
            | OutboundError::Header { .. }
            | OutboundError::Roots { .. }
            | OutboundError::Timeout { phase: Phase::Connect, .. } => Trouble::NotSent(code),
            OutboundError::Timeout { phase: Phase::Head | Phase::Body, .. }
            | OutboundError::Answer { .. }
            | OutboundError::TooLarge { .. }
            | OutboundError::Redirect { .. } => Trouble::Unsure(code),
        }
    }
}

/// A provider's own word, without signs that no such word has.
pub(crate) fn clean(word: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    word.chars().filter(is_plain).take(60).collect()
}

/// Sends, and tells the three kinds of endings apart (mistake 5: 4xx, time-outs and 5xx are handled apart).
pub(crate) async fn exchange(
    client: &Client,
    request: Request,
    code_of: fn(&Value) -> Option<&str>,
) -> Result<Value, Trouble> {
    let reply = client.send(request).await?;
    read(&reply, code_of)
}

pub(crate) fn read(reply: &Reply, code_of: fn(&Value) -> Option<&str>) -> Result<Value, Trouble> {
    let status = reply.status.as_u16();
    let body = serde_json::from_slice::<Value>(&reply.body).unwrap_or(Value::Null);
    let code = || code_of(&body).map_or_else(|| format!("http.{status}"), clean);
    match status {
        204 => Ok(Value::Null),
        // What cannot be read may have been done.
        200..=299 if body.is_null() => Err(Trouble::Unsure("payments.unreadable".to_owned())),
        200..=299 => Ok(body),
        // It took too long for them; another request under the same key is under way; too many at once.
        408 | 409 | 429 => Err(Trouble::Unsure(code())),
        400..=499 => Err(Trouble::Refused(code())),
        // Stripe keeps what it answered first, a 500, too: that request is over, and the same answer comes for ever. Whoever gets
        // this asks what is there before believing it.
        500..=599 if reply.header("idempotent-replayed") == Some("true") => Err(Trouble::Refused(code())),
        _ => Err(Trouble::Unsure(code())),
    }
}

pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What a page at a provider is made of. The same for the same attempt: a provider compares what comes twice under one key.
pub(crate) struct Opening<'a> {
    /// What it is paid with, where that is kept.
    pub token: Option<&'a Token>,
    pub payment: &'a Payment,
    pub attempt: &'a Attempt,
    pub details: &'a Details,
    pub key: &'a str,
    /// Where the buyer comes back to, when they are done and when they gave up.
    pub back: &'a str,
    pub gave_up: &'a str,
}

/// A page at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub reference: String,
    pub address: String,
}

/// What a provider shows of a page whose id never arrived.
pub(crate) enum Found {
    Page(Opened),
    /// There is none.
    Nothing,
    /// It cannot be known by what the provider shows.
    Unsaid,
}

/// What a provider kept of a buyer for the shop. Neither is ever told.
pub(crate) struct Token {
    pub token: Secret<String>,
    /// The provider's own id of the buyer.
    pub holder: Option<Secret<String>>,
}

/// A token, and what a person knows it by.
pub(crate) struct Saved {
    pub token: Token,
    pub brand: String,
    pub last_four: Option<String>,
    /// `YYYY-MM`.
    pub expires: Option<String>,
}

/// One line of a provider's own list of movements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Movement {
    /// Of the capture, refund or dispute.
    pub reference: String,
    pub kind: MovementKind,
    /// Above zero, whichever way it went, in the currency in which it was paid.
    pub amount: crate::money::Money,
    /// In the currency that the provider pays out in.
    pub fee: Option<crate::money::Money>,
    /// Our payment's id, where the list has it.
    pub payment: Option<String>,
    /// Of a dispute or a refund: the provider's objects that are disputed, or were given back.
    pub about: Vec<String>,
}

/// A provider's list of movements, as far as it can be read: a line that cannot be holds none of the others up.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub movements: Vec<Movement>,
    /// What the other lines are called there; nothing of a line that has no name.
    pub unread: Vec<Option<String>>,
    /// What all lines are called that can be read, or need not be.
    pub read: BTreeSet<String>,
}

impl Listed {
    /// A line, and what it may be called, the best name first.
    pub fn take(&mut self, line: Option<Movement>, names: &[Option<&str>]) {
        match line {
            Some(movement) => {
                self.movements.push(movement);
                self.leave_out(names);
            }
            None => self.unread.push(known(names).next()),
        }
    }

    /// A line that is not compared, whether it can be read or not.
    pub fn leave_out(&mut self, names: &[Option<&str>]) {
        self.read.extend(known(names));
    }
}

fn known(names: &[Option<&str>]) -> impl Iterator<Item = String> {
    names.iter().flatten().filter(|name| crate::stripe::is_id(name)).map(|name| (*name).to_owned())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MovementKind {
    Capture,
    Refund,
    /// Held back, taken or given back because of a dispute. It is compared by the dispute, which has several.
    Dispute,
    /// None of them: fees, payouts. Not compared.
    Other,
}

impl MovementKind {
    /// Compared by itself.
    pub(crate) const fn is_paid_or_refunded(self) -> bool {
        matches!(self, MovementKind::Capture | MovementKind::Refund)
    }
}

/// One of the two.
#[derive(Clone, Debug)]
pub(crate) enum Gateway {
    Stripe(Stripe),
    PayPal(PayPal),
}

impl Gateway {
    pub(crate) fn provider(&self) -> Provider {
        match self {
            Gateway::Stripe(_) => Provider::Stripe,
            Gateway::PayPal(_) => Provider::PayPal,
        }
    }

    /// The account that gets the money, where it is known.
    pub(crate) fn account(&self) -> Option<&str> {
        match self {
            Gateway::Stripe(_) => None,
            Gateway::PayPal(paypal) => paypal.merchant_id(),
        }
    }

    /// Makes the page where the buyer pays.
    pub(crate) async fn open(&self, opening: &Opening<'_>) -> Result<Opened, Trouble> {
        match self {
            Gateway::Stripe(stripe) => stripe.open(opening).await,
            Gateway::PayPal(paypal) => paypal.open(opening).await,
        }
    }

    /// Reads everything of an attempt. Changes nothing.
    pub(crate) async fn fetch(&self, attempt: &Attempt) -> Result<Seen, Trouble> {
        match self {
            Gateway::Stripe(stripe) => stripe.fetch(attempt).await,
            Gateway::PayPal(paypal) => paypal.fetch(attempt).await,
        }
    }

    /// What was seen of the card that was used last, behind the cards that were used before it on the same page, the first one first.
    /// Of PayPal's page nothing is told but who agreed in the end.
    pub(crate) async fn uses(&self, seen: &Seen) -> Result<Vec<CardSeen>, Trouble> {
        let Some(last) = &seen.card else { return Ok(Vec::new()) };
        match (self, &seen.inner) {
            (Gateway::Stripe(stripe), Some(intent)) => stripe.uses(intent, last).await,
            _ => Ok(vec![last.clone()]),
        }
    }

    /// Looks for a page whose id never arrived; at PayPal for an order that was paid as it was made, in its list up to `now`, and that
    /// is none of the `known` ones.
    pub(crate) async fn find(
        &self,
        payment: &Payment,
        attempt: &Attempt,
        known: &[String],
        now: Timestamp,
    ) -> Result<Found, Trouble> {
        match self {
            Gateway::Stripe(stripe) => Ok(stripe.find(attempt).await?.map_or(Found::Nothing, Found::Page)),
            Gateway::PayPal(paypal) if attempt.pays_as_it_opens() => {
                paypal.find(payment, attempt, known, now).await
            }
            Gateway::PayPal(_) => Ok(Found::Nothing),
        }
    }

    /// Does what the log says; everything but opening.
    pub(crate) async fn act(
        &self,
        payment: &Payment,
        attempt: &Attempt,
        call: &Call,
        back: &str,
    ) -> Result<(), Trouble> {
        match self {
            Gateway::Stripe(stripe) => stripe.act(payment, attempt, call, back).await,
            Gateway::PayPal(paypal) => paypal.act(payment, attempt, call).await,
        }
    }

    /// For how long a provider remembers a key, with a margin: from then on the same call could be done twice.
    pub(crate) fn remembers(&self, call: &Call) -> std::time::Duration {
        match self {
            Gateway::Stripe(_) => crate::stripe::REMEMBERS,
            Gateway::PayPal(_) => crate::paypal::remembers(call),
        }
    }

    /// What moved on one day, UTC.
    pub(crate) async fn movements(&self, from: Timestamp, to: Timestamp) -> Result<Listed, Trouble> {
        match self {
            Gateway::Stripe(stripe) => stripe.movements(from, to).await,
            Gateway::PayPal(paypal) => paypal.movements(from, to).await,
        }
    }
}

/// A body in parts (`multipart/form-data`): texts, each with its type where it has one, then files. Gives its type, too. The line
/// between the parts is a hash of all of them, so none of them holds it.
pub(crate) fn parts(
    texts: &[(&str, Option<&str>, &str)],
    files: &[(String, &SentFile)],
) -> (String, Vec<u8>) {
    let mut all = Vec::new();
    for (_, _, text) in texts {
        all.extend_from_slice(text.as_bytes());
    }
    for (_, file) in files {
        all.extend_from_slice(file.content.expose());
    }
    let line = storeward_seal::fingerprint::sha256_hex(&all);
    let mut body = Vec::with_capacity(all.len().saturating_add(1024));
    for (name, kind, text) in texts {
        let kind = kind.map(|kind| format!("\r\nContent-Type: {kind}")).unwrap_or_default();
        let head =
            format!("--{line}\r\nContent-Disposition: form-data; name=\"{name}\"{kind}\r\n\r\n{text}\r\n");
        body.extend_from_slice(head.as_bytes());
    }
    for (name, file) in files {
        let head = format!(
            "--{line}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
            file.name, file.media_type
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file.content.expose());
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{line}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={line}"), body)
}

/// For a call that carries files: a shop's line out may be slow. An answer with files is given longer before it is held to be
/// lost (`disputes::files`).
pub(crate) const WITH_FILES: Limits = Limits {
    connect: Duration::from_secs(5),
    head: Duration::from_secs(60),
    body: Duration::from_secs(15),
    body_bytes: 256 * 1024,
};

/// What a payment asks the provider to do with the buyer's agreement.
pub(crate) fn is_later(payment: &Payment) -> bool {
    payment.capture == CaptureMode::Later
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, StatusCode};

    #[test]
    fn only_a_plain_no_is_a_refusal() {
        for (status, is_refused) in [
            (400, true),
            (401, true),
            (402, true),
            (404, true),
            (422, true),
            (408, false),
            (409, false),
            (429, false),
            (500, false),
            (503, false),
        ] {
            let status_code = StatusCode::from_u16(status).unwrap();
            let body = br#"{"code":"x"}"#.to_vec().into();
            let reply = Reply { status: status_code, headers: HeaderMap::new(), body, is_cut: false };
            let told = read(&reply, |body| body["code"].as_str());
            let expected =
                if is_refused { Trouble::Refused("x".to_owned()) } else { Trouble::Unsure("x".to_owned()) };
            assert_eq!(format!("{told:?}"), format!("{:?}", Err::<Value, _>(expected)), "{status}");
        }
    }
}
