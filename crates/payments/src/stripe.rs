//! Stripe, as far as a shop needs it. The version of its interface is pinned: what it answers is what was read when this was
//! written.

mod card;
mod form;
mod kept;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use storeward_base::{Secret, Timestamp};
use storeward_outbound::{Client, Request};

use crate::disputes::SentFile;
use crate::judge::CardSeen;
use crate::machine::{Seen, SeenCapture, SeenRefund, Stage, short};
use crate::model::{Attempt, Call, Operation, Payment, Piece, Strength};
use crate::money::Money;
use crate::provider::{
    Listed, Movement, MovementKind, Opened, Opening, Trouble, WITH_FILES, exchange, is_later, list, parts,
    text,
};

use form::Form;
use kept::{confirming, is_confirming};

/// The version that npm `stripe` 23.1.0 pins.
pub const VERSION: &str = "2026-10-28.endive";
/// Stripe remembers keys for at least 24 hours.
pub(crate) const REMEMBERS: Duration = Duration::from_secs(23 * 3600);
/// Entries of a list at a time, and lists at most.
const PAGE: usize = 100;
const MOST_PAGES: usize = 100;

/// What a page needs for Stripe's form in a frame.
#[derive(Debug)]
pub(crate) struct Framed {
    /// Stripe's key for pages: no secret.
    pub key: String,
    /// The script's address.
    pub script: String,
    /// Whom it speaks to, itself among them.
    pub origins: Vec<String>,
}

/// The account of one shop at Stripe.
#[derive(Clone)]
pub struct Stripe {
    client: Client,
    base: String,
    /// Where files go.
    files: String,
    key: Secret<String>,
    /// For forms in a frame.
    form: Option<Arc<Framed>>,
    /// Of the endpoint: one, or two while one is exchanged.
    pub(crate) secrets: Vec<Secret<String>>,
}

impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripe").field("base", &self.base).finish_non_exhaustive()
    }
}

fn unreadable() -> Trouble {
    Trouble::Unsure("payments.unreadable".to_owned())
}

fn code_of(body: &Value) -> Option<&str> {
    text(body, "/error/code").or_else(|| text(body, "/error/type"))
}

/// An id of an object, whether it was expanded or not.
fn id_of<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    text(value, pointer).or_else(|| text(value, &format!("{pointer}/id")))
}

/// Ids go into addresses.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn safe(id: &str) -> Result<&str, Trouble> {
    if is_id(id) { Ok(id) } else { Err(unreadable()) }
}

impl Stripe {
    pub(crate) fn new(
        client: Client,
        base: String,
        key: Secret<String>,
        secrets: Vec<Secret<String>>,
    ) -> Self {
        Stripe { client, files: base.clone(), base, key, form: None, secrets }
    }

    pub(crate) fn with_files_at(self, files: String) -> Self {
        Stripe { files, ..self }
    }

    pub(crate) fn with_form(self, form: Option<Framed>) -> Self {
        Stripe { form: form.map(Arc::new), ..self }
    }

    /// What a page needs for Stripe's form in a frame.
    pub(crate) fn form(&self) -> Option<&Framed> {
        self.form.as_deref()
    }

    fn signed(&self, request: Request) -> Result<Request, Trouble> {
        let bearer = Secret::new(format!("Bearer {}", self.key.expose()));
        Ok(request.header("authorization", bearer.expose())?.header("stripe-version", VERSION)?)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Trouble> {
        let request = self.signed(Request::get(&format!("{}{path}", self.base))?)?;
        exchange(&self.client, request, code_of).await
    }

    async fn post(&self, path: &str, key: &str, form: Form) -> Result<Value, Trouble> {
        let url = format!("{}{path}", self.base);
        let request = Request::post(&url, "application/x-www-form-urlencoded", form.text())?;
        let request = self.signed(request)?.header("idempotency-key", key)?;
        exchange(&self.client, request, code_of).await
    }

    /// A hosted checkout page.
    pub(crate) async fn open(&self, opening: &Opening<'_>) -> Result<Opened, Trouble> {
        let Opening { payment, attempt, details, key, back, gave_up, .. } = opening;
        if let Some(token) = opening.token {
            return self.open_with(opening, token).await;
        }
        let id = payment.id.text();
        let mut form = Form::default();
        form.put("mode", "payment");
        form.put("client_reference_id", &id);
        form.put("metadata[storeward_payment]", &id);
        form.put("metadata[storeward_attempt]", &attempt.number.to_string());
        form.put("payment_intent_data[metadata][storeward_payment]", &id);
        form.put(
            "payment_intent_data[capture_method]",
            if is_later(payment) { "manual" } else { "automatic" },
        );
        if attempt.embedded {
            form.put("ui_mode", "embedded_page");
            form.put("return_url", back);
        } else {
            form.put("success_url", back);
            form.put("cancel_url", gave_up);
        }
        form.put("expires_at", &attempt.expires_at.seconds().to_string());
        if let Some(email) = &details.email {
            form.put("customer_email", email);
        }
        if attempt.saves {
            // Stripe makes a customer of the buyer, and binds what they pay with to them.
            form.put("payment_intent_data[setup_future_usage]", "off_session");
        }
        if attempt.strength == Strength::Challenge {
            form.put("payment_method_options[card][request_three_d_secure]", "any");
        }
        lines(&mut form, payment, details).map_err(|_| Trouble::Refused("payments.money".to_owned()))?;
        let session = self.post("/v1/checkout/sessions", key, form).await?;
        opened(&session).ok_or_else(unreadable)
    }

    pub(crate) async fn fetch(&self, attempt: &Attempt) -> Result<Seen, Trouble> {
        let reference = attempt.reference.as_deref().ok_or_else(unreadable)?;
        if attempt.method.is_some() {
            return self.fetch_intent(reference).await;
        }
        let session = self.get(&format!("/v1/checkout/sessions/{}", safe(reference)?)).await?;
        let Some(intent) = id_of(&session, "/payment_intent") else {
            return bare(&session).ok_or_else(unreadable);
        };
        let path =
            format!("/v1/payment_intents/{}?expand[]=latest_charge.balance_transaction", safe(intent)?);
        let intent = self.get(&path).await?;
        let refunds = match intent.pointer("/latest_charge").is_some_and(|charge| !charge.is_null()) {
            true => self.refunds(text(&intent, "/id").unwrap_or_default()).await?,
            false => Vec::new(),
        };
        seen(&session, &intent, &refunds).ok_or_else(unreadable)
    }

    /// Every use of a card on one intent up to `last`, the first one first: an intent itself names the last alone. Of more than a page of
    /// them the latest are enough for any rule.
    pub(crate) async fn uses(&self, intent: &str, last: &CardSeen) -> Result<Vec<CardSeen>, Trouble> {
        let path = format!("/v1/charges?payment_intent={}&limit={PAGE}", safe(intent)?);
        let charges = self.get(&path).await?;
        // The newest one first. What came behind `last` meanwhile is for the next look.
        let all = list(&charges, "/data").iter().filter_map(|one| card::of_charge(Some(one)));
        let mut before: Vec<CardSeen> = all.skip_while(|one| one.charge != last.charge).skip(1).collect();
        before.reverse();
        before.push(last.clone());
        Ok(before)
    }

    async fn refunds(&self, intent: &str) -> Result<Vec<Value>, Trouble> {
        self.all(&format!("/v1/refunds?payment_intent={}", safe(intent)?)).await
    }

    /// Every entry of a list. One that has no end is given up, never cut in silence.
    async fn all(&self, path: &str) -> Result<Vec<Value>, Trouble> {
        let mut found: Vec<Value> = Vec::new();
        let sign = if path.contains('?') { '&' } else { '?' };
        for _ in 0..MOST_PAGES {
            let behind = match found.last().and_then(|last| text(last, "/id")) {
                Some(last) => format!("&starting_after={}", safe(last)?),
                None => String::new(),
            };
            let page = self.get(&format!("{path}{sign}limit={PAGE}{behind}")).await?;
            let data = list(&page, "/data");
            found.extend_from_slice(data);
            if page.pointer("/has_more") != Some(&Value::Bool(true)) || data.is_empty() {
                return Ok(found);
            }
        }
        Err(Trouble::Unsure("payments.too_long".to_owned()))
    }

    /// A session whose id never came: the one that bears our id and this attempt's number.
    pub(crate) async fn find(&self, attempt: &Attempt) -> Result<Option<Opened>, Trouble> {
        let from = attempt.created_at.seconds() - 60;
        if attempt.method.is_some() {
            return self.find_intent(attempt, from).await;
        }
        let sessions = self.all(&format!("/v1/checkout/sessions?created[gte]={from}")).await?;
        let (id, number) = (attempt.payment.text(), attempt.number.to_string());
        let ours = sessions.iter().find(|session| {
            text(session, "/client_reference_id") == Some(&id)
                && text(session, "/metadata/storeward_attempt") == Some(&number)
        });
        Ok(ours.and_then(opened))
    }

    pub(crate) async fn act(
        &self,
        payment: &Payment,
        attempt: &Attempt,
        call: &Call,
        back: &str,
    ) -> Result<(), Trouble> {
        let target = safe(call.target.as_deref().unwrap_or_default())?;
        let money = |amount: i64| Money { minor: amount, ..payment.amount }.to_stripe();
        let amount =
            call.amount.map(money).transpose().map_err(|_| Trouble::Refused("payments.money".to_owned()))?;
        let amount = amount.map(|amount| amount.to_string());
        let mut form = Form::default();
        let path = match call.operation {
            Operation::Capture | Operation::Authorize if is_confirming(attempt, call) => {
                confirming(&mut form, attempt, back);
                format!("/v1/payment_intents/{target}/confirm")
            }
            Operation::Capture => {
                if let Some(amount) = &amount {
                    form.put("amount_to_capture", amount);
                }
                format!("/v1/payment_intents/{target}/capture")
            }
            Operation::Void => format!("/v1/payment_intents/{target}/cancel"),
            Operation::Close if attempt.method.is_some() => format!("/v1/payment_intents/{target}/cancel"),
            Operation::Close => format!("/v1/checkout/sessions/{target}/expire"),
            Operation::Refund => {
                form.put("payment_intent", target);
                if let Some(amount) = &amount {
                    form.put("amount", amount);
                }
                form.put("metadata[storeward_payment]", &payment.id.text());
                form.put("metadata[storeward_call]", short(&call.key));
                "/v1/refunds".to_owned()
            }
            // The first is [`Stripe::open`]; the other happens at Stripe by itself.
            Operation::Open | Operation::Authorize => {
                return Err(Trouble::NotSent("payments.form".to_owned()));
            }
        };
        self.post(&path, &call.key, form).await.map(drop)
    }

    /// Balance transactions of some hours (`GET /v1/balance_transactions`).
    pub(crate) async fn movements(&self, from: Timestamp, to: Timestamp) -> Result<Listed, Trouble> {
        let (from, to) = (from.seconds(), to.seconds());
        let path =
            format!("/v1/balance_transactions?created[gte]={from}&created[lt]={to}&expand[]=data.source");
        let found = self.all(&path).await?;
        let mut listed = Listed::default();
        for one in &found {
            listed.take(movement(one), &[id_of(one, "/source"), text(one, "/id")]);
        }
        Ok(listed)
    }

    /// Events up to a moment, or all since, for what webhooks lost (`GET /v1/events`).
    pub(crate) async fn events(&self, from: Timestamp, to: Option<Timestamp>) -> Result<Vec<Value>, Trouble> {
        let to = to.map(|to| format!("&created[lt]={}", to.seconds())).unwrap_or_default();
        self.all(&format!("/v1/events?created[gte]={}{to}", from.seconds())).await
    }

    pub(crate) async fn dispute(&self, id: &str) -> Result<Value, Trouble> {
        self.get(&format!("/v1/disputes/{}", safe(id)?)).await
    }

    /// Hands the evidence to the bank (`POST /v1/disputes/{id}` with `submit`): once, for good.
    pub(crate) async fn send_evidence(&self, id: &str, key: &str, evidence: &Value) -> Result<(), Trouble> {
        let mut form = Form::default();
        for (name, value) in evidence.as_object().into_iter().flatten() {
            form.put(&format!("evidence[{name}]"), value.as_str().unwrap_or_default());
        }
        form.put("submit", "true");
        self.post(&format!("/v1/disputes/{}", safe(id)?), key, form).await.map(drop)
    }

    /// `POST /v1/files`, which Stripe takes at a host of its own. Gives the file's id. It bears no key: one that came twice is two files,
    /// of which one is named by nothing.
    pub(crate) async fn send_file(&self, file: &SentFile) -> Result<String, Trouble> {
        let (kind, body) = parts(&[("purpose", None, "dispute_evidence")], &[("file".to_owned(), file)]);
        let request = Request::post(&format!("{}/v1/files", self.files), &kind, body)?.limits(WITH_FILES);
        let made = exchange(&self.client, self.signed(request)?, code_of).await?;
        text(&made, "/id").filter(|id| is_id(id)).map(str::to_owned).ok_or_else(unreadable)
    }

    /// Gives in (`POST /v1/disputes/{id}/close`).
    pub(crate) async fn concede(&self, id: &str, key: &str) -> Result<(), Trouble> {
        self.post(&format!("/v1/disputes/{}/close", safe(id)?), key, Form::default()).await.map(drop)
    }

    /// The payment intent of an attempt with its charge.
    pub(crate) async fn intent(&self, attempt: &Attempt) -> Result<Value, Trouble> {
        let inner = attempt.inner.as_deref().ok_or_else(unreadable)?;
        self.get(&format!("/v1/payment_intents/{}?expand[]=latest_charge", safe(inner)?)).await
    }
}

fn movement(one: &Value) -> Option<Movement> {
    let payment = text(one, "/source/metadata/storeward_payment").map(str::to_owned);
    // Charges that others make on the same account are not ours to compare.
    let is_others = one.pointer("/source").is_some_and(serde_json::Value::is_object) && payment.is_none();
    let kind = match text(one, "/type")? {
        // They bear no word of ours, a refund not where it was made in Stripe's own pages: whose they are their charge tells.
        "adjustment" if text(one, "/source/object") == Some("dispute") => MovementKind::Dispute,
        "refund" | "payment_refund" => MovementKind::Refund,
        _ if is_others => MovementKind::Other,
        "charge" | "payment" => MovementKind::Capture,
        _ => MovementKind::Other,
    };
    let about = ["/source/charge", "/source/payment_intent"].into_iter().filter_map(|at| text(one, at));
    let is_about = matches!(kind, MovementKind::Dispute | MovementKind::Refund);
    Some(Movement {
        reference: id_of(one, "/source").unwrap_or_default().to_owned(),
        kind,
        amount: paid(one)?,
        fee: fee_of(one),
        payment,
        about: about.filter(|_| is_about).map(str::to_owned).collect(),
    })
}

/// What was paid or given back, above zero. Where the account is paid out in another currency the entry says what came of it there, and
/// its source what it was.
fn paid(entry: &Value) -> Option<Money> {
    let amount_of = |at: &str| entry.pointer(at).and_then(Value::as_i64);
    let settled = (amount_of("/amount")?, text(entry, "/currency")?);
    let source = text(entry, "/source/currency").filter(|currency| *currency != settled.1);
    let own = source.and_then(|currency| {
        Some((["/source/amount_captured", "/source/amount"].into_iter().find_map(amount_of)?, currency))
    });
    let (amount, currency) = own.unwrap_or(settled);
    Money::from_stripe(amount.checked_abs()?, currency).ok()
}

/// Of an entry, in the currency in which the account is paid out.
fn fee_of(entry: &Value) -> Option<Money> {
    Money::from_stripe(entry.pointer("/fee")?.as_i64()?, text(entry, "/currency")?).ok()
}

/// What is bought, line by line, or the whole order in one where the shop said no lines.
fn lines(
    form: &mut Form,
    payment: &Payment,
    details: &crate::model::Details,
) -> Result<(), crate::money::MoneyFault> {
    let currency = payment.currency().code().to_ascii_lowercase();
    let whole = crate::model::Line {
        name: format!("Order {}", payment.order),
        quantity: 1,
        unit_amount: payment.amount.minor,
    };
    let one = [whole];
    // Stripe takes no line below zero, such as a discount, and none that its form cannot say, though it can say the sum.
    let fits = |line: &crate::model::Line| {
        line.unit_amount >= 0 && Money { minor: line.unit_amount, ..payment.amount }.to_stripe().is_ok()
    };
    let told = !details.lines.is_empty() && details.lines.iter().all(fits);
    for (at, line) in (if told { details.lines.as_slice() } else { &one }).iter().enumerate() {
        let amount = Money { minor: line.unit_amount, ..payment.amount }.to_stripe()?;
        form.put(&format!("line_items[{at}][quantity]"), &line.quantity.to_string());
        form.put(&format!("line_items[{at}][price_data][currency]"), &currency);
        form.put(&format!("line_items[{at}][price_data][unit_amount]"), &amount.to_string());
        form.put(&format!("line_items[{at}][price_data][product_data][name]"), &line.name);
    }
    Ok(())
}

fn opened(session: &Value) -> Option<Opened> {
    let reference = text(session, "/id").filter(|id| is_id(id))?.to_owned();
    // A session that is over has no address any more.
    let address = text(session, "/url").or_else(|| text(session, "/client_secret"));
    let address = address.unwrap_or_default().to_owned();
    Some(Opened { reference, address })
}

/// A session to which nobody came yet.
fn bare(session: &Value) -> Option<Seen> {
    let stage = match text(session, "/status")? {
        "open" => Stage::Waiting,
        "expired" => Stage::Expired,
        _ => return None,
    };
    let asked = session.pointer("/amount_total")?.as_i64()?;
    Some(Seen {
        stage,
        asked: Money::from_stripe(asked, text(session, "/currency")?).ok()?,
        payment: text(session, "/client_reference_id").map(str::to_owned),
        is_live: session.pointer("/livemode").and_then(Value::as_bool),
        account: None,
        inner: None,
        authorized: 0,
        captures_ended: false,
        is_set_free: false,
        captures: Vec::new(),
        refunds: Vec::new(),
        card: None,
    })
}

fn seen(session: &Value, intent: &Value, refunds: &[Value]) -> Option<Seen> {
    let currency = text(intent, "/currency")?;
    let number = |pointer: &str| intent.pointer(pointer).and_then(Value::as_i64);
    let money = |amount: i64| Money::from_stripe(amount, currency).ok();
    let status = text(intent, "/status")?;
    let has_error = intent.pointer("/last_payment_error").is_some_and(|error| !error.is_null());
    let is_expired = text(session, "/status") == Some("expired");
    let stage = match status {
        "succeeded" => Stage::Captured,
        "requires_capture" => Stage::Authorized,
        "processing" => Stage::Processing,
        "canceled" if is_expired => Stage::Expired,
        "canceled" => Stage::Voided,
        _ if is_expired => Stage::Expired,
        "requires_action" | "requires_confirmation" => Stage::Action,
        "requires_payment_method" if has_error => Stage::Declined,
        "requires_payment_method" => Stage::Waiting,
        _ => return None,
    };
    let asked = money(number("/amount")?)?;
    let received = money(number("/amount_received").unwrap_or(0))?;
    let is_taken = stage == Stage::Captured;
    let holds = is_taken || stage == Stage::Authorized;
    let mut captures = Vec::new();
    if is_taken {
        captures.push(SeenCapture {
            reference: id_of(intent, "/latest_charge")?.to_owned(),
            amount: received,
            fee: intent.pointer("/latest_charge/balance_transaction").and_then(fee_of),
            state: Piece::Done,
            mark: None,
        });
    }
    // Both say whose it is; where they differ, neither is believed.
    let (outer, inner) = (text(session, "/client_reference_id"), text(intent, "/metadata/storeward_payment"));
    let [live, live_inside] = [session, intent].map(|one| one.pointer("/livemode").and_then(Value::as_bool));
    let agree =
        inner.is_none_or(|inner| Some(inner) == outer) && (live == live_inside || live_inside.is_none());
    Some(Seen {
        stage,
        asked,
        payment: outer.filter(|_| agree).map(str::to_owned),
        is_live: live,
        account: None,
        inner: Some(text(intent, "/id")?.to_owned()),
        authorized: if holds { asked.minor } else { 0 },
        captures_ended: is_taken,
        is_set_free: false,
        captures,
        refunds: refunds.iter().filter(|one| moved_money(one)).map(refund).collect::<Option<Vec<_>>>()?,
        card: card::of_charge(intent.pointer("/latest_charge")),
    })
}

/// What was set aside and is not taken stands in Stripe's list as a refund, too, that nobody asked for and that moved nothing.
fn moved_money(refund: &Value) -> bool {
    let has = |pointer: &str| refund.pointer(pointer).is_some_and(|value| !value.is_null());
    has("/balance_transaction")
        || has("/metadata/storeward_call")
        || text(refund, "/status") != Some("succeeded")
}

fn refund(one: &Value) -> Option<SeenRefund> {
    let amount = one.pointer("/amount")?.as_i64()?;
    Some(SeenRefund {
        reference: text(one, "/id")?.to_owned(),
        capture: id_of(one, "/charge").filter(|id| is_id(id)).map(str::to_owned),
        amount: Money::from_stripe(amount, text(one, "/currency")?).ok()?,
        state: match text(one, "/status").unwrap_or("pending") {
            "succeeded" => Piece::Done,
            "failed" | "canceled" => Piece::Failed,
            _ => Piece::Pending,
        },
        mark: text(one, "/metadata/storeward_call").map(str::to_owned),
    })
}
