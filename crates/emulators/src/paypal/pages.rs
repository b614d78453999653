//! The page on which a buyer approves an order.

use serde_json::Value;

use super::Counter;
use super::orders::{Source, joined};
use crate::form;
use crate::message::{Answer, Call};
use crate::page::{escaped, page};
use crate::shelf::text;

const PAYPAL: &str = "PayPal";

pub fn handle(counter: &mut Counter<'_>, call: &Call) -> Answer {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/checkoutnow") => counter.approve_page(call),
        ("POST", "/checkoutnow") => counter.approved_page(call),
        ("GET", "/agreements/approve") => counter.agreement_page(call),
        ("POST", "/agreements/approve") => counter.agreed_page(call),
        ("GET", "/done") => page(200, "Done", PAYPAL, "<p>You can close this page.</p>"),
        _ => page(404, "No such page", PAYPAL, "<p>Nothing is kept here.</p>"),
    }
}

impl Counter<'_> {
    fn open_order(&self, call: &Call) -> Option<Value> {
        let id = form::value(&call.query, "token")?;
        self.find("order", &id).filter(|order| self.is_open(order))
    }

    fn approve_page(&self, call: &Call) -> Answer {
        let Some(order) = self.open_order(call) else { return gone() };
        let units = order["purchase_units"].as_array().cloned().unwrap_or_default();
        let lines: String = units
            .iter()
            .map(|unit| {
                let (value, currency) =
                    (text(&unit["amount"], "value"), text(&unit["amount"], "currency_code"));
                format!("<li>{}: {} {}</li>", escaped(what(unit)), escaped(value), escaped(currency))
            })
            .collect();
        let body = format!(
            "<ul>{lines}</ul><p>Signed in as buyer@example.com</p><form method=\"post\">\
             <button name=\"answer\" value=\"pay\">Agree and pay</button>\
             <button class=\"second\" name=\"answer\" value=\"decline\">Pay with a source that will be declined</button>\
             <button class=\"second\" name=\"answer\" value=\"cancel\">Cancel and return to the shop</button></form>"
        );
        page(200, "Pay with PayPal", PAYPAL, &body)
    }

    fn approved_page(&mut self, call: &Call) -> Answer {
        let Some(order) = self.open_order(call) else { return gone() };
        let id = text(&order, "id").to_owned();
        let answer = call.body_text().and_then(|body| form::value(body, "answer")).unwrap_or_default();
        let to = match answer.as_str() {
            "pay" => self.approve(&id, Source::Pays),
            "decline" => self.approve(&id, Source::Declines),
            "cancel" => {
                let back = text(&order, "_cancel_url");
                Some(joined(back, &format!("token={id}"), &self.world.paypal_address))
            }
            _ => None,
        };
        to.map_or_else(gone, |to| Answer::see_other(&to))
    }
}

impl Counter<'_> {
    fn open_agreement(&self, call: &Call) -> Option<Value> {
        let id = form::value(&call.query, "approval_session_id")?;
        self.find("setup-token", &id).filter(|token| self.is_fresh(token))
    }

    fn agreement_page(&self, call: &Call) -> Answer {
        if self.open_agreement(call).is_none() {
            return gone();
        }
        let body = "<p>Signed in as buyer@example.com</p><p>The shop may take payments from your PayPal account later.</p>\
                    <form method=\"post\"><button name=\"answer\" value=\"pay\">Agree and continue</button>\
                    <button class=\"second\" name=\"answer\" value=\"cancel\">Cancel and return to the shop</button></form>";
        page(200, "Remember PayPal at this shop", PAYPAL, body)
    }

    fn agreed_page(&mut self, call: &Call) -> Answer {
        let Some(token) = self.open_agreement(call) else { return gone() };
        let answer = call.body_text().and_then(|body| form::value(body, "answer")).unwrap_or_default();
        let to = match answer.as_str() {
            "pay" => self.approve_setup(text(&token, "id")),
            "cancel" => {
                let id = text(&token, "id");
                let back = text(&token, "_cancel_url");
                Some(joined(back, &format!("approval_token_id={id}"), &self.world.paypal_address))
            }
            _ => None,
        };
        to.map_or_else(gone, |to| Answer::see_other(&to))
    }
}

fn what(unit: &Value) -> &str {
    let description = text(unit, "description");
    if description.is_empty() { "Your order" } else { description }
}

fn gone() -> Answer {
    page(404, "This page is no longer there", PAYPAL, "<p>The order was dealt with, or its time is over.</p>")
}
