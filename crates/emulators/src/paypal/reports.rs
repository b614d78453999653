//! Transaction search: what moved on the merchant's account. PayPal shows a movement up to three hours late; the stand-in at once.

use serde_json::{Value, json};

use super::Counter;
use super::Reply;
use super::error::{Outcome, PaypalError, fault};
use super::money::Money;
use crate::chance;
use crate::clock;
use crate::form;
use crate::shelf::{flag, text, whole};

/// "The maximum supported range is 31 days."
const RANGE_S: i64 = 31 * 24 * 3600;
const MOST: usize = 500;

impl Counter<'_> {
    /// Notes a movement of `minor` under PayPal's event code. `subject` is the capture or dispute that moved; `holder` has the
    /// merchant's words.
    pub fn moved(&mut self, code: &str, subject: &str, minor: i64, like: &Money, holder: &Value) {
        let is_payment = code == "T0006";
        let id = match code {
            "T0006" => subject.to_owned(),
            // A refund is a transaction of its own: by its own id, as Payments v2 gives it.
            "T1107" => text(holder, "id").to_owned(),
            _ => chance::capitals(17),
        };
        let fee = if is_payment { -like.fee().minor } else { 0 };
        let movement = json!({
            "id": id, "_code": code, "_minor": minor, "_fee": fee, "_currency": like.currency, "_at_s": self.now_s(),
            "_subject": subject, "_status": "S", "_moves": true,
        });
        self.note_line(movement, holder);
    }

    /// Notes what moves no money (yet): an authorization (`T1300`), or a payment that pends or was denied. It stands in the list of
    /// all transactions alone.
    pub fn noted(&mut self, code: &str, id: &str, status: &str, like: &Money, holder: &Value) {
        let movement = json!({
            "id": id, "_code": code, "_minor": like.minor, "_fee": 0, "_currency": like.currency, "_at_s": self.now_s(),
            "_subject": id, "_status": status, "_moves": false,
        });
        self.note_line(movement, holder);
    }

    fn note_line(&mut self, mut movement: Value, holder: &Value) {
        for name in ["custom_id", "invoice_id"] {
            if let Some(value) = holder.get(name) {
                crate::shelf::set(&mut movement, name, value.clone());
            }
        }
        self.put("movement", movement);
    }

    /// A movement of the account that has no order here.
    pub fn moved_elsewhere(&mut self, minor: i64, currency: &str, word: Option<&str>) {
        let money = Money::new(minor, currency);
        let holder = word.map_or_else(|| json!({}), |word| json!({ "custom_id": word }));
        self.moved("T0006", &chance::capitals(17), minor, &money, &holder);
    }

    pub fn transactions(&self, query: &str) -> Outcome<Reply> {
        let moment = |name: &'static str| {
            form::value(query, name)
                .and_then(|time| clock::seconds(&time))
                .ok_or_else(|| PaypalError::invalid(vec![fault("INVALID_PARAMETER_SYNTAX", name)]))
        };
        let (from, to) = (moment("start_date")?, moment("end_date")?);
        if to < from || to - from > RANGE_S {
            return Err(PaypalError::invalid(vec![fault("INVALID_PARAMETER_VALUE", "end_date")]));
        }
        let number = |name: &str, otherwise: usize| {
            form::value(query, name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
        };
        let (size, page) = (number("page_size", 100).clamp(1, MOST), number("page", 1).max(1));
        let id = form::value(query, "transaction_id");
        let is_all = form::value(query, "balance_affecting_records_only").as_deref() == Some("N");
        let all: Vec<Value> = self
            .list("movement")
            .into_iter()
            .filter(|one| (from..=to).contains(&whole(one, "_at_s")))
            .filter(|one| is_all || flag(one, "_moves"))
            .filter(|one| {
                id.as_deref().is_none_or(|id| [text(one, "id"), text(one, "_subject")].contains(&id))
            })
            .collect();
        let (total, pages) = (all.len(), all.len().div_ceil(size));
        let details: Vec<Value> = all
            .iter()
            .rev()
            .skip((page - 1) * size)
            .take(size)
            .map(|one| self.shaped(info(one)))
            .filter(|info| !info.is_null())
            .map(|info| json!({ "transaction_info": info }))
            .collect();
        let mut report = json!({
            "account_number": "C7CYMKZDG8D6E", "start_date": clock::text(from),
            "end_date": clock::text(to), "last_refreshed_datetime": self.world.clock.now_text(), "page": page,
            "total_items": total, "total_pages": pages,
            "links": [self.link("/v1/reporting/transactions", "self", "GET")],
        });
        // A list of nothing is left out (Transaction Search v1, `search_response`: one item at least).
        if !details.is_empty() {
            crate::shelf::set(&mut report, "transaction_details", details);
        }
        Ok(Reply::read(report))
    }

    /// A line as a test wants it to be; `null` is none.
    fn shaped(&self, mut info: Value) -> Value {
        if let Some(shape) = &self.state.list_shape {
            shape(&mut info);
        }
        info
    }
}

fn info(movement: &Value) -> Value {
    let currency = text(movement, "_currency");
    let at = clock::text(whole(movement, "_at_s"));
    let mut info = json!({
        "transaction_id": movement["id"], "transaction_event_code": movement["_code"],
        "transaction_initiation_date": at, "transaction_updated_date": at,
        "transaction_amount": Money::new(whole(movement, "_minor"), currency).to_json(),
        "transaction_status": movement["_status"],
    });
    if movement["id"] != movement["_subject"] {
        let subject = text(movement, "_subject").replace('-', "");
        crate::shelf::set(&mut info, "paypal_reference_id", subject);
        crate::shelf::set(&mut info, "paypal_reference_id_type", "TXN");
    }
    if whole(movement, "_fee") != 0 {
        let fee = Money::new(whole(movement, "_fee"), currency);
        crate::shelf::set(&mut info, "fee_amount", fee.to_json());
    }
    for (from, to) in [("custom_id", "custom_field"), ("invoice_id", "invoice_id")] {
        if let Some(value) = movement.get(from) {
            crate::shelf::set(&mut info, to, value.clone());
        }
    }
    info
}
