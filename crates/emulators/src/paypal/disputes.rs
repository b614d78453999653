//! Disputes v1: opened by a buyer (the control interface), answered or accepted by the merchant, decided by PayPal.

use serde_json::{Value, json};

use super::error::{Outcome, PaypalError, fault};
use super::money::Money;
use super::orders::ends;
use super::payments::reference;
use super::{Counter, Reply};
use crate::chance;
use crate::clock;
use crate::form;
use crate::message::Call;
use crate::shelf::{flag, set, text};

/// How long a merchant has to answer.
const DUE_S: i64 = 10 * 24 * 3600;

const REASONS: [&str; 10] = [
    "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
    "MERCHANDISE_OR_SERVICE_NOT_AS_DESCRIBED",
    "UNAUTHORISED",
    "CREDIT_NOT_PROCESSED",
    "DUPLICATE_TRANSACTION",
    "INCORRECT_AMOUNT",
    "PAYMENT_BY_OTHER_MEANS",
    "CANCELED_RECURRING_BILLING",
    "PROBLEM_WITH_REMITTANCE",
    "OTHER",
];

impl Counter<'_> {
    /// The buyer opens a dispute; PayPal holds the money. Returns its id.
    ///
    /// # Errors
    /// In plain words, for whoever controls the stand-in.
    pub fn open_dispute(
        &mut self,
        capture_id: &str,
        reason: &str,
        amount: Option<i64>,
    ) -> Result<String, String> {
        if !REASONS.contains(&reason) {
            return Err(format!("reason: one of {}", REASONS.join(", ")));
        }
        let capture = self.find("capture", capture_id).ok_or("no such capture")?;
        let whole = Money::read(&capture["amount"]).map_err(str::to_owned)?;
        let left = whole.minor - capture["_refunded"].as_i64().unwrap_or(0);
        let minor = amount.unwrap_or(left);
        let is_open = ["COMPLETED", "PARTIALLY_REFUNDED"].contains(&text(&capture, "status"));
        if !is_open || flag(&capture, "_disputed") || minor < 1 || minor > left {
            return Err("this capture cannot be disputed so".to_owned());
        }
        let money = Money::new(minor, &whole.currency);
        let id = format!("PP-D-{}", chance::capitals(12));
        let now = self.world.clock.now_text();
        let path = format!("/v1/customer/disputes/{id}");
        let dispute = json!({
            "dispute_id": id, "create_time": now, "update_time": now,
            "disputed_transactions": [{
                "seller_transaction_id": capture_id, "create_time": capture["create_time"],
                "transaction_status": "COMPLETED", "gross_amount": whole.to_json(),
                "invoice_number": capture.get("invoice_id").filter(|id| is_invoice_number(id)),
                "custom": capture.get("custom_id"),
                "buyer": { "name": "Test Buyer" }, "seller": { "name": "The merchant" },
            }],
            "reason": reason, "status": "WAITING_FOR_SELLER_RESPONSE", "_state": "REQUIRED_ACTION",
            "dispute_amount": money.to_json(), "dispute_life_cycle_stage": "CHARGEBACK", "dispute_channel": "INTERNAL",
            "seller_response_due_date": ends(self.now_s(), DUE_S),
            "links": [
                self.link(&path, "self", "GET"),
                self.link(&format!("{path}/accept-claim"), "accept_claim", "POST"),
                self.link(&format!("{path}/provide-evidence"), "provide_evidence", "POST"),
            ],
            "_capture": capture_id,
        });
        let dispute = without_nulls(dispute);
        self.put_as("dispute", &id, dispute.clone());
        self.change("capture", capture_id, |capture| set(capture, "_disputed", true));
        self.effect("dispute", &id, &money, &reference(&capture, text(&capture, "_order")));
        self.moved("T1110", &id, -money.minor, &money, &capture);
        self.event("CUSTOMER.DISPUTE.CREATED", "dispute", &dispute, "A new dispute opened with Case");
        Ok(id)
    }

    pub fn list_disputes(&self, query: &str) -> Outcome<Reply> {
        let state = form::value(query, "dispute_state");
        let transaction = form::value(query, "disputed_transaction_id");
        let from = form::value(query, "start_time").and_then(|time| clock::seconds(&time));
        let changed = form::value(query, "update_time_after").and_then(|time| clock::seconds(&time));
        let size: usize = form::value(query, "page_size").and_then(|size| size.parse().ok()).unwrap_or(10);
        let size = size.clamp(1, 50);
        let from_item: usize =
            form::value(query, "next_page_token").and_then(|token| token.parse().ok()).unwrap_or(0);
        let mut items: Vec<Value> = self
            .list("dispute")
            .into_iter()
            .filter(|one| state.as_deref().is_none_or(|state| text(one, "_state") == state))
            .filter(|one| transaction.as_deref().is_none_or(|id| text(one, "_capture") == id))
            .filter(|one| {
                from.is_none_or(|from| clock::seconds(text(one, "create_time")).unwrap_or(0) >= from)
            })
            .filter(|one| {
                changed.is_none_or(|from| clock::seconds(text(one, "update_time")).unwrap_or(0) >= from)
            })
            .skip(from_item)
            .take(size + 1)
            .map(|one| {
                let mut small = json!({});
                for name in [
                    "dispute_id",
                    "create_time",
                    "update_time",
                    "reason",
                    "status",
                    "dispute_amount",
                    "dispute_life_cycle_stage",
                    "dispute_channel",
                    "seller_response_due_date",
                    "links",
                ] {
                    if let Some(value) = one.get(name) {
                        set(&mut small, name, value.clone());
                    }
                }
                // The list tells it, the single dispute does not.
                set(&mut small, "dispute_state", one["_state"].clone());
                small
            })
            .collect();
        let mut links = vec![self.link("/v1/customer/disputes", "self", "GET")];
        if items.len() > size {
            items.truncate(size);
            let next = format!("/v1/customer/disputes?page_size={size}&next_page_token={}", from_item + size);
            links.push(self.link(&next, "next", "GET"));
        }
        let mut page = json!({ "links": links });
        // A list of nothing is left out (Disputes v1, `dispute_search`: one item at least).
        if !items.is_empty() {
            set(&mut page, "items", items);
        }
        Ok(Reply::read(page))
    }

    pub fn provide_evidence(&mut self, id: &str, call: &Call) -> Outcome<Reply> {
        self.waits_for_seller(id)?;
        let mut given = evidences(call)?;
        let dispute = self.fetch("dispute", id)?;
        // PayPal decides without the seller once the day is over.
        if clock::seconds(text(&dispute, "seller_response_due_date")).is_some_and(|due| due < self.now_s()) {
            return Err(PaypalError::refused("ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE"));
        }
        let now = self.world.clock.now_text();
        for one in &mut given {
            set(one, "source", "SUBMITTED_BY_SELLER");
            set(one, "date", now.clone());
        }
        self.change("dispute", id, |dispute| {
            set(dispute, "status", "UNDER_REVIEW");
            set(dispute, "_state", "UNDER_PAYPAL_REVIEW");
            set(dispute, "evidences", given);
        });
        self.told(id, "CUSTOMER.DISPUTE.UPDATED");
        Ok(self.to_dispute(id))
    }

    /// The merchant gives in: the money goes to the buyer.
    pub fn accept_claim(&mut self, id: &str) -> Outcome<Reply> {
        self.waits_for_seller(id)?;
        self.resolve(id, "RESOLVED_BUYER_FAVOUR", None);
        Ok(self.to_dispute(id))
    }

    fn waits_for_seller(&self, id: &str) -> Outcome<()> {
        let dispute = self.fetch("dispute", id)?;
        if text(&dispute, "status") == "WAITING_FOR_SELLER_RESPONSE" {
            return Ok(());
        }
        Err(PaypalError::refused("ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE"))
    }

    fn to_dispute(&self, id: &str) -> Reply {
        Reply::read(json!({ "links": [self.link(&format!("/v1/customer/disputes/{id}"), "self", "GET")] }))
    }

    fn told(&mut self, id: &str, kind: &str) {
        let now = self.world.clock.now_text();
        self.change("dispute", id, |dispute| set(dispute, "update_time", now));
        if let Some(dispute) = self.find("dispute", id) {
            self.event(kind, "dispute", &dispute, "A dispute changed");
        }
    }

    /// PayPal's decision; of one for the buyer `part` goes back, or else all of it. Nothing where there is none to make.
    pub fn resolve(&mut self, id: &str, outcome: &str, part: Option<i64>) -> Option<()> {
        let dispute = self.find("dispute", id).filter(|one| text(one, "status") != "RESOLVED")?;
        let money = Money::read(&dispute["dispute_amount"]).ok()?;
        let back = Money::new(part.unwrap_or(money.minor), &money.currency);
        let capture = self.find("capture", text(&dispute, "_capture"))?;
        let is_buyers = outcome == "RESOLVED_BUYER_FAVOUR";
        self.change("dispute", id, |dispute| {
            set(dispute, "status", "RESOLVED");
            set(dispute, "_state", "RESOLVED");
            let mut decided = json!({ "outcome_code": outcome });
            if is_buyers {
                set(&mut decided, "amount_refunded", back.to_json());
            }
            set(dispute, "dispute_outcome", decided);
        });
        let capture_id = text(&capture, "id").to_owned();
        self.moved("T1111", id, money.minor, &money, &capture);
        self.change("capture", &capture_id, |capture| set(capture, "_disputed", false));
        if is_buyers {
            self.moved("T1106", &capture_id, -back.minor, &back, &capture);
            self.reverse(&capture_id, &back);
        }
        self.told(id, "CUSTOMER.DISPUTE.RESOLVED");
        Some(())
    }

    /// A capture that PayPal took back.
    fn reverse(&mut self, id: &str, money: &Money) {
        self.change("capture", id, |capture| {
            let all = capture["_refunded"].as_i64().unwrap_or(0) + money.minor;
            let whole = Money::read(&capture["amount"]).map_or(all, |whole| whole.minor);
            set(capture, "_refunded", all);
            set(capture, "status", if all >= whole { "REFUNDED" } else { "PARTIALLY_REFUNDED" });
        });
        let Some(capture) = self.find("capture", id) else { return };
        self.mirror(text(&capture, "_order"), "captures", &capture);
        self.event("PAYMENT.CAPTURE.REVERSED", "capture", &capture, "A payment was reversed");
    }
}

/// Of one file, and of all in a call (developer.paypal.com, "Supported file types and sizes").
const FILE_BYTES: usize = 10 * 1024 * 1024;
const FILES_BYTES: usize = 50 * 1024 * 1024;

/// The evidence in the part `input`, held against `evidence` of Disputes v1, with what its documents hold.
fn evidences(call: &Call) -> Outcome<Vec<Value>> {
    let kind = call.header("content-type").unwrap_or("");
    if !kind.starts_with("multipart/form-data; boundary=") {
        return Err(PaypalError::media());
    }
    let parts = form::parts(kind, &call.body).ok_or_else(PaypalError::malformed)?;
    let (inputs, files): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.name == "input");
    let [input] = inputs.as_slice() else { return Err(PaypalError::malformed()) };
    let input: Value =
        serde_json::from_slice(&input.content).map_err(|_not_json| PaypalError::malformed())?;
    let mut list = noted(&input)?;
    documents(&mut list, &files)?;
    Ok(list)
}

/// Each document that the evidence names is a file of the call, and each file is named.
fn documents(list: &mut [Value], files: &[form::Part]) -> Outcome<()> {
    let wrong = |what: &str| PaypalError::invalid(vec![fault("INVALID_PARAMETER_VALUE", what)]);
    let total: usize = files.iter().map(|file| file.content.len()).sum();
    let fits = |file: &form::Part| {
        let name = file.file.as_deref().unwrap_or("");
        let is_kind = form::file_kind(&file.content).is_some_and(|kind| name.ends_with(kind));
        is_kind && file.content.len() < FILE_BYTES && file.name.starts_with("file")
    };
    if total > FILES_BYTES || !files.iter().all(fits) {
        return Err(wrong("/files"));
    }
    let mut named = 0;
    for one in list {
        for document in one.get_mut("documents").and_then(Value::as_array_mut).into_iter().flatten() {
            let name = text(document, "name").to_owned();
            let file = files.iter().find(|file| file.file.as_deref() == Some(name.as_str()));
            let file = file.ok_or_else(|| wrong("/evidences/documents"))?;
            set(document, "_hex", form::hex(&file.content));
            named += 1;
        }
    }
    if named == files.len() { Ok(()) } else { Err(wrong("/files")) }
}

fn noted(input: &Value) -> Outcome<Vec<Value>> {
    let list = input.get("evidences").and_then(Value::as_array).cloned().unwrap_or_default();
    if list.is_empty() || list.len() > 100 {
        return Err(PaypalError::invalid(vec![fault("INVALID_ARRAY_MIN_ITEMS", "/evidences")]));
    }
    for one in &list {
        let notes = one.get("notes").map(|notes| notes.as_str().unwrap_or("").chars().count());
        let is_info = matches!(text(one, "evidence_type"), "PROOF_OF_FULFILLMENT" | "PROOF_OF_REFUND");
        let has_info = one.get("evidence_info").is_some_and(Value::is_object);
        if text(one, "evidence_type").is_empty() || is_info && !has_info || !is_info && notes.is_none() {
            return Err(PaypalError::invalid(vec![fault("MISSING_REQUIRED_PARAMETER", "/evidences")]));
        }
        if notes.is_some_and(|signs| !(1..=2000).contains(&signs)) {
            return Err(PaypalError::invalid(vec![fault("INVALID_STRING_LENGTH", "/evidences/notes")]));
        }
    }
    Ok(list)
}

/// Disputes v1 shows an invoice's number of these signs and no other; Orders v2 takes any as `invoice_id`.
fn is_invoice_number(id: &Value) -> bool {
    let fits = |sign: u8| sign.is_ascii_alphanumeric() || matches!(sign, b':' | b'-' | b'|');
    id.as_str().is_some_and(|id| (1..=127).contains(&id.len()) && id.bytes().all(fits))
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
