//! PayPal's Orders v2 and Payments v2, as far as a shop needs them.

mod find;
mod keys;
mod read;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use storeward_base::{Secret, Timestamp};
use storeward_outbound::{Client, Request};
use storeward_seal::encoding::base64;
use tokio::sync::Mutex;

use crate::config::PayPalSection;
use crate::disputes::SentFile;
use crate::machine::{Seen, short};
use crate::model::{Attempt, Call, Operation, Payment};
use crate::money::Money;
use crate::provider::{
    Listed, Opened, Opening, Saved, Trouble, WITH_FILES, exchange, is_later, list, parts, read as read_reply,
    text,
};
use crate::webhooks::Certificates;

pub use keys::Keys;
pub(crate) use read::Way;

/// Orders: six hours (Orders v2, `PayPal-Request-Id`). With a margin.
const ORDERS_REMEMBER: Duration = Duration::from_secs(5 * 3600);
/// Payments: 45 days.
const PAYMENTS_REMEMBER: Duration = Duration::from_secs(40 * 24 * 3600);
/// What was done stands in the list of transactions within three hours (Transaction Search v1). With a margin.
pub(crate) const LISTED_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// A token is not used in its last minute.
const TOKEN_MARGIN: Duration = Duration::from_secs(60);
const MOST_PAGES: u64 = 100;
/// The list of transactions has more pages than are read: it is never read whole, however often it is asked for.
pub(crate) const NEVER_WHOLE: &str = "payments.list_never_whole";

/// The account of one shop at PayPal.
#[derive(Clone)]
pub struct PayPal(Arc<Inner>);

struct Inner {
    client: Client,
    base: String,
    client_id: String,
    secret: Secret<String>,
    webhook_id: String,
    merchant_id: Option<String>,
    certificates: Certificates,
    /// The token, and until when it is good. Asked for by one at a time.
    token: Mutex<Option<(Secret<String>, Instant)>>,
    /// PayPal said that these keys are none of this mode, and has not taken them since.
    are_refused: AtomicBool,
    /// The ledger says so.
    is_told: AtomicBool,
}

impl fmt::Debug for PayPal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayPal").field("base", &self.0.base).finish_non_exhaustive()
    }
}

pub(crate) fn remembers(call: &Call) -> Duration {
    match call.operation {
        Operation::Open | Operation::Authorize => ORDERS_REMEMBER,
        // Of an order or of an authorization: the shorter of the two.
        Operation::Capture => ORDERS_REMEMBER,
        Operation::Refund | Operation::Void | Operation::Close => PAYMENTS_REMEMBER,
    }
}

fn code_of(body: &Value) -> Option<&str> {
    text(body, "/details/0/issue").or_else(|| text(body, "/name")).or_else(|| text(body, "/error"))
}

/// Whether a refusal of a call that was sent before says nothing of what it did then: it was not let in, or there is a payment of
/// this invoice already, which may be its own.
pub(crate) fn is_of_now(code: &str) -> bool {
    matches!(
        code,
        "payments.credentials"
            | "AUTHENTICATION_FAILURE"
            | "NOT_AUTHORIZED"
            | "PERMISSION_DENIED"
            | "http.401"
            | "http.403"
            | "DUPLICATE_INVOICE_ID"
    )
}

/// Whether the buyer's source of money gives none (Orders v2, "Errors"): nothing is wrong with the order or with us.
pub(crate) fn is_declined(code: &str) -> bool {
    matches!(
        code,
        "INSTRUMENT_DECLINED"
            | "PAYER_ACCOUNT_LOCKED_OR_CLOSED"
            | "PAYER_ACCOUNT_RESTRICTED"
            | "PAYER_CANNOT_PAY"
            | "PAYMENT_DENIED"
            | "PAYMENT_SOURCE_DECLINED_BY_PROCESSOR"
            | "TRANSACTION_REFUSED"
    )
}

fn unreadable() -> Trouble {
    Trouble::Unsure("payments.unreadable".to_owned())
}

fn safe(id: &str) -> Result<&str, Trouble> {
    if crate::stripe::is_id(id) { Ok(id) } else { Err(unreadable()) }
}

impl PayPal {
    pub(crate) fn new(
        client: Client,
        base: String,
        section: &PayPalSection,
        secret: Secret<String>,
        certificates: Certificates,
    ) -> Self {
        PayPal(Arc::new(Inner {
            client,
            base,
            client_id: section.client_id.clone(),
            secret,
            webhook_id: section.webhook_id.clone(),
            merchant_id: section.merchant_id.clone(),
            certificates,
            token: Mutex::new(None),
            are_refused: AtomicBool::new(false),
            is_told: AtomicBool::new(false),
        }))
    }

    pub(crate) fn merchant_id(&self) -> Option<&str> {
        self.0.merchant_id.as_deref()
    }

    pub(crate) fn webhook_id(&self) -> &str {
        &self.0.webhook_id
    }

    pub(crate) fn certificates(&self) -> &Certificates {
        &self.0.certificates
    }

    /// `POST /v1/oauth2/token`.
    async fn token(&self) -> Result<Secret<String>, Trouble> {
        let mut held = self.0.token.lock().await;
        if let Some((token, until)) = held.as_ref()
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let pair = Secret::new(format!("{}:{}", self.0.client_id, self.0.secret.expose()));
        let basic = Secret::new(format!("Basic {}", base64(pair.expose().as_bytes())));
        let request = Request::post(
            &format!("{}/v1/oauth2/token", self.0.base),
            "application/x-www-form-urlencoded",
            "grant_type=client_credentials",
        )?
        .header("authorization", basic.expose())?;
        // Whatever goes wrong here, the call itself was not sent.
        let body = exchange(&self.0.client, request, code_of).await;
        self.note_keys(&body);
        let body = body.map_err(|why| Trouble::NotSent(why.code().to_owned()))?;
        let none = || Trouble::NotSent("payments.no_token".to_owned());
        let token = Secret::new(text(&body, "/access_token").ok_or_else(none)?.to_owned());
        let seconds = body.pointer("/expires_in").and_then(Value::as_u64).unwrap_or(0).min(24 * 3600);
        let life = Duration::from_secs(seconds).saturating_sub(TOKEN_MARGIN);
        *held = Instant::now().checked_add(life).map(|until| (token.clone(), until));
        Ok(token)
    }

    /// One call. A token that is not taken any more is exchanged once: a call without a good one does nothing.
    async fn call(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, Trouble> {
        self.call_with(method, path, key, body, &[]).await
    }

    /// The same, with files where the call has parts.
    async fn call_with(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
        files: &[SentFile],
    ) -> Result<Value, Trouble> {
        let url = format!("{}{path}", self.0.base);
        for _ in 0..2 {
            let token = self.token().await?;
            let bearer = Secret::new(format!("Bearer {}", token.expose()));
            let request = match method {
                Method::Get => Request::get(&url)?,
                Method::Delete => Request::delete(&url)?,
                Method::Post => {
                    let body = body.map_or_else(|| "{}".to_owned(), Value::to_string);
                    Request::post(&url, "application/json", body)?
                        .header("prefer", "return=representation")?
                }
                Method::PostParts => {
                    let input = body.map_or_else(|| "{}".to_owned(), Value::to_string);
                    let named = |(number, file)| (format!("file{}", number + 1), file);
                    let files: Vec<(String, &SentFile)> = files.iter().enumerate().map(named).collect();
                    let (kind, body) = parts(&[("input", Some("application/json"), &input)], &files);
                    Request::post(&url, &kind, body)?.limits(WITH_FILES)
                }
            };
            let mut request = request.header("authorization", bearer.expose())?;
            if let Some(key) = key {
                request = request.header("paypal-request-id", key)?;
            }
            let reply = self.0.client.send(request).await?;
            if reply.status.as_u16() != 401 {
                return read_reply(&reply, code_of);
            }
            *self.0.token.lock().await = None;
        }
        Err(Trouble::Refused("payments.credentials".to_owned()))
    }

    async fn get(&self, path: &str) -> Result<Value, Trouble> {
        self.call(Method::Get, path, None, None).await
    }

    /// An order that the buyer agrees to on PayPal's page.
    pub(crate) async fn open(&self, opening: &Opening<'_>) -> Result<Opened, Trouble> {
        let Opening { payment, key, back, gave_up, .. } = opening;
        let money = |why| match why {
            crate::money::MoneyFault::Currency
            | crate::money::MoneyFault::Currencies
            | crate::money::MoneyFault::Range
            | crate::money::MoneyFault::Form => Trouble::Refused("payments.money".to_owned()),
        };
        let id = payment.id.text();
        let mut wallet = json!({ "experience_context": {
            "user_action": "PAY_NOW",
            "shipping_preference": "NO_SHIPPING",
            "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
            "return_url": back,
            "cancel_url": gave_up,
        } });
        if let (Some(token), Some(wallet)) = (opening.token, wallet.as_object_mut()) {
            // Who was kept said yes when they were: PayPal takes the money as it makes the order.
            *wallet =
                serde_json::Map::from_iter([("vault_id".to_owned(), token.token.expose().as_str().into())]);
        } else if let (true, Some(wallet)) = (opening.attempt.saves, wallet.as_object_mut()) {
            let vault = json!({ "vault": { "store_in_vault": "ON_SUCCESS", "usage_type": "MERCHANT" } });
            wallet.insert("attributes".to_owned(), vault);
        }
        let body = json!({
            "intent": if is_later(payment) { "AUTHORIZE" } else { "CAPTURE" },
            "purchase_units": [{
                "reference_id": "default",
                "custom_id": id,
                // PayPal takes no second payment for one invoice: a guard that is not ours.
                "invoice_id": id,
                "description": format!("Order {}", payment.order),
                "amount": {
                    "currency_code": payment.currency().code(),
                    "value": payment.amount.to_paypal().map_err(money)?,
                },
            }],
            "payment_source": { "paypal": wallet },
        });
        let order = self.call(Method::Post, "/v2/checkout/orders", Some(key), Some(&body)).await?;
        let reference = text(&order, "/id").filter(|id| crate::stripe::is_id(id)).ok_or_else(unreadable)?;
        let wanted = |link: &&Value| matches!(text(link, "/rel"), Some("payer-action" | "approve"));
        let address = list(&order, "/links").iter().find(wanted).and_then(|link| text(link, "/href"));
        Ok(Opened { reference: reference.to_owned(), address: address.unwrap_or_default().to_owned() })
    }

    pub(crate) async fn fetch(&self, attempt: &Attempt) -> Result<Seen, Trouble> {
        let reference = attempt.reference.as_deref().ok_or_else(unreadable)?;
        let order = self.get(&format!("/v2/checkout/orders/{}", safe(reference)?)).await?;
        read::seen(&order).ok_or_else(unreadable)
    }

    pub(crate) async fn act(&self, payment: &Payment, attempt: &Attempt, call: &Call) -> Result<(), Trouble> {
        let target = safe(call.target.as_deref().unwrap_or_default())?;
        let is_order = attempt.reference.as_deref() == Some(target);
        let amount = match call.amount {
            Some(minor) => {
                let value = Money { minor, ..payment.amount }.to_paypal();
                let value = value.map_err(|_| Trouble::Refused("payments.money".to_owned()))?;
                Some(json!({ "currency_code": payment.currency().code(), "value": value }))
            }
            None => None,
        };
        let (path, body) = match call.operation {
            Operation::Authorize => (format!("/v2/checkout/orders/{target}/authorize"), json!({})),
            Operation::Capture if is_order => (format!("/v2/checkout/orders/{target}/capture"), json!({})),
            Operation::Capture => (
                format!("/v2/payments/authorizations/{target}/capture"),
                json!({ "amount": amount, "invoice_id": short(&call.key), "final_capture": false }),
            ),
            Operation::Void => (format!("/v2/payments/authorizations/{target}/void"), json!({})),
            Operation::Refund => (
                format!("/v2/payments/captures/{target}/refund"),
                json!({ "amount": amount, "custom_id": short(&call.key) }),
            ),
            Operation::Open | Operation::Close => return Err(Trouble::NotSent("payments.form".to_owned())),
        };
        self.call(Method::Post, &path, Some(&call.key), Some(&body)).await.map(drop)
    }

    pub(crate) async fn movements(&self, from: Timestamp, to: Timestamp) -> Result<Listed, Trouble> {
        let mut listed = Listed::default();
        let take = |one: &Value| {
            let (line, names) = (read::movement(one), [text(one, "/transaction_info/transaction_id")]);
            // Fees and payouts are not compared, whether they can be read or not.
            if line.is_some() || read::is_compared(one) {
                listed.take(line, &names);
            } else {
                listed.leave_out(&names);
            }
            Ok(())
        };
        self.transactions(from, to, "", take).await?;
        Ok(listed)
    }

    /// Whether this is an order, and of this payment.
    pub(crate) async fn is_order_of(&self, id: &str, payment: &str) -> Result<bool, Trouble> {
        let order = self.get(&format!("/v2/checkout/orders/{}", safe(id)?)).await?;
        Ok(text(&order, "/purchase_units/0/custom_id") == Some(payment))
    }

    /// `GET /v1/reporting/transactions`: at most 31 days at a time, 500 a page. Each line is taken as it comes.
    async fn transactions(
        &self,
        from: Timestamp,
        to: Timestamp,
        which: &str,
        mut take: impl FnMut(&Value) -> Result<(), Trouble> + Send,
    ) -> Result<(), Trouble> {
        let (from, to) = (from.rfc3339().replace(':', "%3A"), to.rfc3339().replace(':', "%3A"));
        for page in 1..=MOST_PAGES {
            let path = format!(
                "/v1/reporting/transactions?start_date={from}&end_date={to}&fields=transaction_info&page_size=500&page={page}{which}"
            );
            let body = self.get(&path).await?;
            for one in list(&body, "/transaction_details") {
                take(one)?;
            }
            if body.pointer("/total_pages").and_then(Value::as_u64).unwrap_or(1) <= page {
                return Ok(());
            }
        }
        Err(Trouble::Unsure(NEVER_WHOLE.to_owned()))
    }

    pub(crate) async fn dispute(&self, id: &str) -> Result<Value, Trouble> {
        self.get(&format!("/v1/customer/disputes/{}", safe(id)?)).await
    }

    /// Disputes that changed since a moment, as the list shows them. One that has no end is given up, never cut in silence.
    pub(crate) async fn disputes_since(&self, from: Timestamp) -> Result<Vec<Value>, Trouble> {
        let (mut found, mut behind) = (Vec::new(), String::new());
        let from = from.rfc3339().replace(':', "%3A");
        for _ in 0..MOST_PAGES {
            let path = format!("/v1/customer/disputes?update_time_after={from}&page_size=50{behind}");
            let page = self.get(&path).await?;
            found.extend_from_slice(list(&page, "/items"));
            match read::next_page(&page) {
                Some(token) => behind = format!("&next_page_token={}", safe(token)?),
                None => return Ok(found),
            }
        }
        Err(Trouble::Unsure("payments.too_long".to_owned()))
    }

    /// Disputes about a capture.
    pub(crate) async fn disputes_about(&self, capture: &str) -> Result<Value, Trouble> {
        self.get(&format!("/v1/customer/disputes?disputed_transaction_id={}&page_size=50", safe(capture)?))
            .await
    }

    /// Hands evidence to PayPal (`POST /v1/customer/disputes/{id}/provide-evidence`, in parts: the evidence is the part `input`, its
    /// documents are `file1` and so on, under the names that it gives them).
    pub(crate) async fn send_evidence(
        &self,
        id: &str,
        key: &str,
        evidence: &Value,
        files: &[SentFile],
    ) -> Result<(), Trouble> {
        let path = format!("/v1/customer/disputes/{}/provide-evidence", safe(id)?);
        self.call_with(Method::PostParts, &path, Some(key), Some(evidence), files).await.map(drop)
    }

    /// Gives in (`POST /v1/customer/disputes/{id}/accept-claim`): PayPal gives the money back.
    pub(crate) async fn concede(&self, id: &str, key: &str) -> Result<(), Trouble> {
        let body = json!({ "note": "The seller accepts the claim.", "accept_claim_type": "REFUND" });
        let path = format!("/v1/customer/disputes/{}/accept-claim", safe(id)?);
        self.call(Method::PostParts, &path, Some(key), Some(&body)).await.map(drop)
    }

    /// What the buyer of an attempt paid with, where PayPal keeps it for them.
    pub(crate) async fn saved(&self, attempt: &Attempt) -> Result<Option<Saved>, Trouble> {
        Ok(read::saved(&self.order(attempt).await?))
    }

    /// PayPal forgets it (`DELETE /v3/vault/payment-tokens/{id}`).
    pub(crate) async fn delete_token(&self, token: &str) -> Result<(), Trouble> {
        let path = format!("/v3/vault/payment-tokens/{}", safe(token)?);
        self.call(Method::Delete, &path, None, None).await.map(drop)
    }

    /// The order of an attempt.
    pub(crate) async fn order(&self, attempt: &Attempt) -> Result<Value, Trouble> {
        let reference = attempt.reference.as_deref().ok_or_else(unreadable)?;
        self.get(&format!("/v2/checkout/orders/{}", safe(reference)?)).await
    }
}

#[derive(Clone, Copy)]
enum Method {
    Get,
    Post,
    PostParts,
    Delete,
}
