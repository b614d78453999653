//! 3-D Secure: the page of the buyer's bank, which can be completed or failed.

use serde_json::{Value, json};

use super::Desk;
use super::charges::Authenticated;
use super::error::StripeError;
use super::intents::Asked;
use crate::chance;
use crate::form;
use crate::message::{Answer, Call};
use crate::page::{amount, escaped, page};
use crate::shelf::{set, text, whole};

/// What the buyer did on the bank's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    Completed,
    /// The bank takes note and asks for no proof.
    Acknowledged,
    Failed,
}

impl Answered {
    pub fn named(word: &str) -> Option<Answered> {
        match word {
            "complete" => Some(Answered::Completed),
            "acknowledge" => Some(Answered::Acknowledged),
            "fail" => Some(Answered::Failed),
            _ => None,
        }
    }
}

impl Desk<'_> {
    /// Where the buyer goes next; also opens the challenge.
    pub fn next_action(&mut self, intent: &Value, method: &Value, asked: &Asked) -> Value {
        let id = format!("src_1{}", chance::word(23));
        let back = asked.return_url.clone();
        self.put(
            "challenge",
            json!({ "id": id, "intent": intent["id"], "method": method["id"], "return_url": back, "answered": null }),
        );
        let url = format!("{}/3ds/{id}", self.world.stripe_address);
        match (&back, asked.by_sdk) {
            (Some(back), false) => {
                json!({ "type": "redirect_to_url", "redirect_to_url": { "return_url": back, "url": url } })
            }
            _ => json!({
                "type": "use_stripe_sdk",
                "use_stripe_sdk": { "type": "three_d_secure_redirect", "stripe_js": url, "source": id },
            }),
        }
    }

    /// `/3ds/ID`: the page, and the buyer's answer to it.
    pub fn challenge_page(&mut self, id: &str, call: &Call) -> Answer {
        let gone = || {
            page(
                404,
                "This page is no longer there",
                "a bank",
                "<p>The payment was dealt with, or never begun.</p>",
            )
        };
        let Some(challenge) = self.find("challenge", id) else { return gone() };
        let Some(intent) = self.find("payment_intent", text(&challenge, "intent")) else { return gone() };
        if call.method == http::Method::POST {
            let word = call.body_text().and_then(|body| form::value(body, "answer")).unwrap_or_default();
            let Some(answered) = Answered::named(&word) else { return gone() };
            return match self.answer_challenge(id, answered) {
                Some(to) => Answer::see_other(&to),
                None => gone(),
            };
        }
        if !challenge["answered"].is_null() {
            return gone();
        }
        let sum = escaped(&amount(whole(&intent, "amount"), text(&intent, "currency")));
        page(
            200,
            "Your bank asks whether it is you",
            "a bank's 3-D Secure page",
            &format!(
                "<p class=\"sum\">{sum}</p><p>A real bank would ask for a code or its app.</p>\
                 <form method=\"post\"><button name=\"answer\" value=\"complete\">Complete authentication</button>\
                 <button class=\"second\" name=\"answer\" value=\"fail\">Fail authentication</button></form>"
            ),
        )
    }

    /// Goes on with the payment. Returns where the buyer is sent; nothing where the challenge is over.
    pub fn answer_challenge(&mut self, id: &str, answered: Answered) -> Option<String> {
        let challenge = self.find("challenge", id)?;
        let intent_id = text(&challenge, "intent").to_owned();
        let intent = self.find("payment_intent", &intent_id)?;
        let is_open = challenge["answered"].is_null()
            && text(&intent, "status") == "requires_action"
            && text(&intent, "payment_method") == text(&challenge, "method");
        if !is_open {
            return None;
        }
        self.change("challenge", id, |challenge| set(challenge, "answered", true));
        let is_paid = match answered {
            Answered::Completed | Answered::Acknowledged => {
                let authenticated = match answered {
                    Answered::Acknowledged => Authenticated::Attempted,
                    Answered::Completed | Answered::Failed => Authenticated::Yes,
                };
                let asked = Asked {
                    return_url: None,
                    is_off_session: false,
                    fails_on_action: false,
                    by_sdk: true,
                    authenticated,
                };
                self.attempt(&intent_id, &asked).is_ok()
            }
            Answered::Failed => {
                let message = "We are unable to authenticate your payment method. Please choose a different payment method and try \
                               again.";
                let error = StripeError::new(402, "card_error", message)
                    .code("payment_intent_authentication_failure");
                self.failed(&intent_id, error);
                false
            }
        };
        let session = text(&intent, "_session").to_owned();
        if !session.is_empty() {
            return self.after_challenge(&session, is_paid);
        }
        let back = text(&challenge, "return_url");
        let secret = text(&intent, "client_secret");
        let joint = if back.contains('?') { '&' } else { '?' };
        let word = if is_paid { "succeeded" } else { "failed" };
        Some(if back.is_empty() {
            format!("{}/done", self.world.stripe_address)
        } else {
            format!(
                "{back}{joint}payment_intent={intent_id}&payment_intent_client_secret={secret}&redirect_status={word}"
            )
        })
    }
}
