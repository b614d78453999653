//! The pages at Stripe: the hosted payment page, 3-D Secure and the receipt.

use serde_json::{Value, json};

use super::Desk;
use super::cards;
use crate::form;
use crate::message::{Answer, Call};
use crate::page::{amount, escaped, page};
use crate::shelf::{text, whole};

const STRIPE: &str = "Stripe's payment page";

/// So that nobody looks for a card. A few of `cards::CARDS`.
const HINT: &str = "<details><summary>Test cards</summary><ul>\
    <li>4242 4242 4242 4242: approved</li><li>4000 0000 0000 0002: declined</li>\
    <li>4000 0000 0000 9995: insufficient funds</li><li>4000 0027 6000 3184: 3-D Secure</li>\
    <li>4000 0000 0000 0259: approved, disputed later</li></ul><p>Any date to come, any three digits.</p></details>";

/// What the buyer typed.
#[derive(Default)]
struct Typed {
    email: String,
    number: String,
    expiry: String,
    cvc: String,
    name: String,
    line1: String,
    postal_code: String,
    country: String,
}

pub fn handle(desk: &mut Desk<'_>, call: &Call) -> Answer {
    match (call.method.as_str(), call.parts().as_slice()) {
        ("GET" | "POST", ["c", "pay", id]) => desk.session_page(id, call),
        ("GET" | "POST", ["c", "embed", id]) => framed(desk.framed_page(id, call)),
        ("GET", ["c", "embed", id, "done"]) => desk.framed_end(id),
        ("GET", ["endive", "stripe.js"]) => script(),
        ("GET" | "POST", ["3ds", id]) => desk.challenge_page(id, call),
        ("GET", ["receipts", id]) => desk.receipt(id),
        ("GET", ["done"]) => page(200, "Done", STRIPE, "<p>You can close this page.</p>"),
        _ => page(404, "No such page", STRIPE, "<p>Nothing is kept here.</p>"),
    }
}

impl Desk<'_> {
    fn session_page(&mut self, id: &str, call: &Call) -> Answer {
        let Some(session) = self.find("checkout.session", id) else {
            return page(404, "No such payment", STRIPE, "<p>Go back to the shop and begin again.</p>");
        };
        if text(&session, "status") != "open" {
            let back = text(&session, "cancel_url");
            let link = if back.is_empty() {
                String::new()
            } else {
                format!("<p><a href=\"{}\">Back to the shop</a></p>", escaped(back))
            };
            let body = format!("<p>It was paid, or its time is over.</p>{link}");
            return page(200, "This page is no longer open", STRIPE, &body);
        }
        if call.method != http::Method::POST {
            let is_declined = form::value(&call.query, "declined").is_some();
            let fault = is_declined
                .then_some("Your bank could not confirm that it is you. Try again or use another card.");
            return payment_page(&session, &Typed::default(), fault, 200);
        }
        let typed = Typed::read(call.body_text().unwrap_or(""));
        let card = match typed.card(self.now_s()) {
            Ok(card) => card,
            Err(fault) => return payment_page(&session, &typed, Some(fault), 422),
        };
        match self.pay_session(id, card, typed.billing()) {
            Ok(to) => Answer::see_other(&to),
            Err(error) => {
                let message =
                    error.fields().get("message").and_then(Value::as_str).unwrap_or("It did not work.");
                let session = self.find("checkout.session", id).unwrap_or(session);
                payment_page(&session, &typed, Some(message), 402)
            }
        }
    }

    /// The form in a frame: opened by the session's secret, which stands in the query; afterwards by the session's own id.
    fn framed_page(&mut self, id: &str, call: &Call) -> Answer {
        let session = self.find("checkout.session", id).filter(|one| text(one, "ui_mode") == "embedded_page");
        let secret = form::value(&call.query, "secret");
        let opens = session.as_ref().is_some_and(|session| {
            secret.as_deref() == Some(text(session, "client_secret"))
                || secret.is_none() && call.query == "declined=1"
        });
        if !opens {
            return page(
                403,
                "No such form",
                STRIPE,
                "<p>The client secret provided does not match any session.</p>",
            );
        }
        self.session_page(id, call)
    }

    /// Tells the page around the frame where to go.
    fn framed_end(&self, id: &str) -> Answer {
        let session = self.find("checkout.session", id).filter(|one| text(one, "status") == "complete");
        let Some(session) = session else {
            return page(404, "No such form", STRIPE, "<p>Nothing is kept here.</p>");
        };
        let to = text(&session, "return_url").replace("{CHECKOUT_SESSION_ID}", id);
        let body = format!(
            "<p data-to=\"{}\" id=\"done\">Paid.</p><script src=\"/endive/stripe.js\"></script>",
            escaped(&to)
        );
        framed(page(200, "Paid", STRIPE, &body))
    }

    fn receipt(&self, id: &str) -> Answer {
        let Some(charge) = self.find("charge", id) else {
            return page(404, "No such receipt", STRIPE, "<p>Nothing is kept here.</p>");
        };
        let sum = escaped(&amount(whole(&charge, "amount"), text(&charge, "currency")));
        page(200, "Receipt", STRIPE, &format!("<p class=\"sum\">{sum}</p><p>Charge {}</p>", escaped(id)))
    }
}

/// As a frame on a merchant's page.
fn framed(mut answer: Answer) -> Answer {
    for (name, value) in &mut answer.headers {
        if *name == "content-security-policy" {
            *value = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; base-uri 'none'"
                .to_owned();
        }
    }
    answer
}

/// What stands in for Stripe.js: the few calls of it that a page with an embedded form makes.
fn script() -> Answer {
    Answer { status: 200, body: include_str!("stripe.js").to_owned(), ..Answer::empty(200) }
        .with("content-type", "text/javascript; charset=utf-8")
        .with("cache-control", "no-store")
}

impl Typed {
    fn read(body: &str) -> Typed {
        let field = |name: &str| form::value(body, name).unwrap_or_default().trim().to_owned();
        Typed {
            email: field("email"),
            number: field("cardNumber").chars().filter(char::is_ascii_digit).collect(),
            expiry: field("cardExpiry"),
            cvc: field("cardCvc"),
            name: field("billingName"),
            line1: field("billingAddressLine1"),
            postal_code: field("billingPostalCode"),
            country: field("billingCountry"),
        }
    }

    /// The test card, if all of it makes sense.
    fn card(&self, now_s: i64) -> Result<&'static cards::Card, &'static str> {
        if !self.email.contains('@') {
            return Err("Your email is incomplete.");
        }
        let card = cards::by_number(&self.number).ok_or("Your card number is not one of the test cards.")?;
        let (month, year) =
            self.expiry.split_once('/').ok_or("Your card's expiration date is incomplete.")?;
        let month: i64 =
            month.trim().parse().map_err(|_not_whole| "Your card's expiration date is incomplete.")?;
        let year: i64 =
            year.trim().parse().map_err(|_not_whole| "Your card's expiration date is incomplete.")?;
        let year = if year < 100 { year + 2000 } else { year };
        // Months since 1970, near enough: a card holds to the end of its month.
        let now = now_s / 2_629_746;
        if !(1..=12).contains(&month) || (year - 1970) * 12 + month <= now {
            return Err("Your card's expiration date is in the past.");
        }
        let digits = if card.brand == "amex" { 4 } else { 3 };
        if self.cvc.len() != digits || !self.cvc.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("Your card's security code is incomplete.");
        }
        Ok(card)
    }

    fn billing(&self) -> Value {
        let or_null = |text: &str| if text.is_empty() { Value::Null } else { Value::from(text) };
        json!({
            "address": {
                "city": null, "country": or_null(&self.country), "line1": or_null(&self.line1), "line2": null,
                "postal_code": or_null(&self.postal_code), "state": null,
            },
            "email": or_null(&self.email), "name": or_null(&self.name), "phone": null,
        })
    }
}

fn payment_page(session: &Value, typed: &Typed, fault: Option<&str>, status: u16) -> Answer {
    let is_setup = text(session, "mode") == "setup";
    let sum = if is_setup {
        "Save a card".to_owned()
    } else {
        amount(whole(session, "amount_total"), text(session, "currency"))
    };
    let lines: String = session["_line_items"]["data"]
        .as_array()
        .map(|lines| {
            lines
                .iter()
                .map(|line| {
                    let price = amount(whole(line, "amount_total"), text(line, "currency"));
                    let count = whole(line, "quantity");
                    format!("<li>{} × {count}: {}</li>", escaped(text(line, "description")), escaped(&price))
                })
                .collect()
        })
        .unwrap_or_default();
    let fault = fault
        .map(|fault| format!("<p class=\"bad\" role=\"alert\">{}</p>", escaped(fault)))
        .unwrap_or_default();
    let email = if typed.email.is_empty() { text(session, "customer_email") } else { &typed.email };
    let cancel = text(session, "cancel_url");
    let back = if cancel.is_empty() {
        String::new()
    } else {
        format!("<p><a href=\"{}\">Back to the shop</a></p>", escaped(cancel))
    };
    let field = |id: &str, label: &str, value: &str, more: &str| {
        format!(
            "<div><label for=\"{id}\">{label}</label><input id=\"{id}\" name=\"{id}\" value=\"{}\" {more}></div>",
            escaped(value)
        )
    };
    let body = format!(
        "<p class=\"sum\">{}</p><ul>{lines}</ul>{fault}<form method=\"post\">{}{}<div class=\"two\">{}{}</div>{}{}\
         <div class=\"two\">{}{}</div><button>{}</button></form>{HINT}{back}",
        escaped(&sum),
        field("email", "Email", email, "type=\"email\" autocomplete=\"email\" required"),
        field("cardNumber", "Card number", "", "inputmode=\"numeric\" autocomplete=\"cc-number\" required"),
        field("cardExpiry", "Expiry (MM / YY)", &typed.expiry, "autocomplete=\"cc-exp\" required"),
        field("cardCvc", "Security code", "", "inputmode=\"numeric\" autocomplete=\"cc-csc\" required"),
        field("billingName", "Name on card", &typed.name, "autocomplete=\"cc-name\""),
        field("billingAddressLine1", "Address", &typed.line1, "autocomplete=\"address-line1\""),
        field("billingPostalCode", "Postal code", &typed.postal_code, "autocomplete=\"postal-code\""),
        field(
            "billingCountry",
            "Country (two letters)",
            &typed.country,
            "autocomplete=\"country\" maxlength=\"2\""
        ),
        if is_setup { "Save" } else { "Pay" },
    );
    page(status, "Pay by card", STRIPE, &body)
}
