//! What is kept of buyers at Stripe: payment methods of a customer there, how one is paid with, and how it goes.

use serde_json::{Value, json};
use storeward_base::Secret;

use super::form::Form;
use super::{Stripe, id_of, is_id, safe, seen, unreadable};
use crate::machine::{Seen, Stage};
use crate::model::{Attempt, Call, Strength};
use crate::provider::{Opened, Opening, Saved, Token, Trouble, clean, is_later, text};

/// Whether a call confirms an intent that was made with a kept means of payment: it acts on the attempt's own object while nothing is
/// set aside.
pub(super) fn is_confirming(attempt: &Attempt, call: &Call) -> bool {
    attempt.method.is_some() && call.target == attempt.reference && call.amount.is_none()
}

/// What a confirmation says.
pub(super) fn confirming(form: &mut Form, attempt: &Attempt, back: &str) {
    if attempt.unattended {
        form.put("off_session", "true");
    } else {
        form.put("return_url", back);
    }
}

impl Stripe {
    /// An intent with a kept means of payment. It moves nothing before it is confirmed.
    pub(super) async fn open_with(&self, opening: &Opening<'_>, token: &Token) -> Result<Opened, Trouble> {
        let Opening { payment, attempt, key, .. } = opening;
        let money = payment.amount.to_stripe();
        let money = money.map_err(|_| Trouble::Refused("payments.money".to_owned()))?;
        let holder =
            token.holder.as_ref().ok_or_else(|| Trouble::Refused("payments.no_holder".to_owned()))?;
        let mut form = Form::default();
        form.put("amount", &money.to_string());
        form.put("currency", &payment.currency().code().to_ascii_lowercase());
        form.put("customer", holder.expose());
        form.put("payment_method", token.token.expose());
        form.put("capture_method", if is_later(payment) { "manual" } else { "automatic" });
        form.put("metadata[storeward_payment]", &payment.id.text());
        form.put("metadata[storeward_attempt]", &attempt.number.to_string());
        if attempt.strength == Strength::Challenge {
            form.put("payment_method_options[card][request_three_d_secure]", "any");
        }
        let intent = self.post("/v1/payment_intents", key, form).await?;
        opened(&intent).ok_or_else(unreadable)
    }

    /// Everything of an intent that has no page.
    pub(super) async fn fetch_intent(&self, reference: &str) -> Result<Seen, Trouble> {
        let path =
            format!("/v1/payment_intents/{}?expand[]=latest_charge.balance_transaction", safe(reference)?);
        let intent = self.get(&path).await?;
        let refunds = match intent.pointer("/latest_charge").is_some_and(|charge| !charge.is_null()) {
            true => self.refunds(reference).await?,
            false => Vec::new(),
        };
        // Cancelled with nothing set aside, it was given up as a page is: the buyer may begin anew.
        let is_held = intent.pointer("/latest_charge/paid") == Some(&Value::Bool(true));
        let is_given_up = text(&intent, "/status") == Some("canceled") && !is_held;
        // In the place of the page: what it would say.
        let page = json!({
            "client_reference_id": intent.pointer("/metadata/storeward_payment"), "livemode": intent.pointer("/livemode"),
            "status": if is_given_up { "expired" } else { "open" },
        });
        let mut found = seen(&page, &intent, &refunds).ok_or_else(unreadable)?;
        if text(&intent, "/status") == Some("requires_confirmation") {
            // The buyer agreed when it was kept: nothing is taken until we say so.
            found.stage = Stage::Ready;
        }
        Ok(found)
    }

    /// An intent whose id never came: the one that bears our id and this attempt's number.
    pub(super) async fn find_intent(&self, attempt: &Attempt, from: i64) -> Result<Option<Opened>, Trouble> {
        let intents = self.all(&format!("/v1/payment_intents?created[gte]={from}")).await?;
        let (id, number) = (attempt.payment.text(), attempt.number.to_string());
        let ours = intents.iter().find(|intent| {
            text(intent, "/metadata/storeward_payment") == Some(&id)
                && text(intent, "/metadata/storeward_attempt") == Some(&number)
        });
        Ok(ours.and_then(opened))
    }

    /// Where the buyer answers their bank.
    pub(crate) async fn next_address(&self, attempt: &Attempt) -> Result<Option<String>, Trouble> {
        let reference = attempt.reference.as_deref().ok_or_else(unreadable)?;
        let intent = self.get(&format!("/v1/payment_intents/{}", safe(reference)?)).await?;
        Ok(text(&intent, "/next_action/redirect_to_url/url").map(str::to_owned))
    }

    /// What the buyer of an attempt paid with, where Stripe keeps it for them.
    pub(crate) async fn saved(&self, attempt: &Attempt) -> Result<Option<Saved>, Trouble> {
        let inner = attempt.inner.as_deref().ok_or_else(unreadable)?;
        let path = format!("/v1/payment_intents/{}?expand[]=payment_method", safe(inner)?);
        Ok(saved(&self.get(&path).await?))
    }

    /// Stripe forgets it (`POST /v1/payment_methods/{id}/detach`): it can never be used again.
    pub(crate) async fn detach(&self, token: &str) -> Result<(), Trouble> {
        let path = format!("/v1/payment_methods/{}/detach", safe(token)?);
        // Done twice it is done once: it needs no name that is remembered.
        let key = storeward_seal::fingerprint::sha256_hex(
            format!("storeward.payments.detach/1\n{token}").as_bytes(),
        );
        self.post(&path, &key, Form::default()).await.map(drop)
    }
}

fn opened(intent: &Value) -> Option<Opened> {
    let reference = text(intent, "/id").filter(|id| is_id(id))?.to_owned();
    Some(Opened { reference, address: String::new() })
}

fn saved(intent: &Value) -> Option<Saved> {
    let method = intent.pointer("/payment_method")?;
    let number = |at: &str| method.pointer(at).and_then(Value::as_i64);
    let holder = id_of(method, "/customer")?;
    let expires = match (number("/card/exp_year"), number("/card/exp_month")) {
        (Some(year @ 2000..=9999), Some(month @ 1..=12)) => Some(format!("{year:04}-{month:02}")),
        _ => None,
    };
    let brand = text(method, "/card/brand").or_else(|| text(method, "/type")).unwrap_or("card");
    Some(Saved {
        token: Token {
            token: Secret::new(text(method, "/id").filter(|id| is_id(id))?.to_owned()),
            holder: Some(Secret::new(holder.to_owned())),
        },
        brand: clean(brand),
        last_four: text(method, "/card/last4").map(clean).filter(|four| four.len() == 4),
        expires,
    })
}
