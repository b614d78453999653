//! The evidence: what Storeward knows of a disputed payment, gathered by itself, and what goes out of it when a person says so.

use serde_json::{Map, Value, json};
use storeward_base::Timestamp;
use storeward_seal::fingerprint::sha256_hex;

use crate::error::Error;
use crate::model::{
    Attempt, Call, CallState, Capture, Details, Line, Operation, Payment, Piece, Provider, Refund,
};
use crate::money::Money;
use crate::news::Delivery;
use crate::payments::Payments;
use crate::sql;

use super::earlier::{self, Earlier};
use super::{Dispute, EvidenceFile, Fact, FactKind, FileAbout, get, of_id};

/// Signs of one note at PayPal (Disputes v1, `evidence.notes`).
const NOTE_SIGNS: usize = 2_000;
const MOST_NOTES: usize = 20;
/// Parcels of one dispute at PayPal, signs of a parcel's number, and refunds (`evidence_info`).
const MOST_NUMBERS: usize = 10;
const NUMBER_SIGNS: usize = 255;
const MOST_REFUNDS: usize = 100;
/// Signs of one of Stripe's texts, and of all of them together (`evidence`).
const FIELD_SIGNS: usize = 20_000;
const ALL_SIGNS: usize = 150_000;

/// What is known of a disputed payment.
#[derive(Clone, Debug)]
pub struct Pack {
    pub dispute: Dispute,
    pub payment: Payment,
    pub lines: Vec<Line>,
    /// While it is kept.
    pub email: Option<String>,
    pub captures: Vec<Capture>,
    pub refunds: Vec<Refund>,
    pub facts: Vec<Fact>,
    pub files: Vec<EvidenceFile>,
    /// What the same buyer paid before and nobody disputed.
    pub earlier: Vec<Earlier>,
    /// What happened when, the oldest first.
    pub course: Vec<(Timestamp, String)>,
}

struct Known {
    dispute: Dispute,
    payment: Payment,
    attempts: Vec<Attempt>,
    calls: Vec<Call>,
    captures: Vec<Capture>,
    refunds: Vec<Refund>,
    news: Vec<Delivery>,
    facts: Vec<Fact>,
    files: Vec<EvidenceFile>,
    earlier: Vec<Earlier>,
}

impl Payments {
    /// Gathers the evidence about a dispute. Asks nobody and sends nothing.
    pub async fn pack(&self, id: &str) -> Result<Pack, Error> {
        let (provider, reference) = of_id(id)?;
        let shared = std::sync::Arc::clone(&self.0);
        let known = self.0.read(move |reader| {
            let dispute = get(reader, provider, &reference)?;
            let of = dispute.payment;
            Ok::<_, Error>(Known {
                payment: sql::get(reader, of)?,
                attempts: sql::attempts_of(reader, of)?,
                calls: sql::calls_of(reader, of)?,
                captures: sql::captures_of(reader, of)?,
                refunds: sql::refunds_of(reader, of)?,
                news: crate::news::of(reader, of)?,
                facts: shared.facts_of(reader, provider, &reference)?,
                files: shared.files_of(reader, provider, &reference)?,
                earlier: earlier::of(reader, &dispute)?,
                dispute,
            })
        });
        let known = known.await?;
        let details = self.0.details(known.payment.id).await?;
        Ok(gathered(known, details))
    }
}

fn gathered(known: Known, details: Details) -> Pack {
    let course = course(&known);
    Pack {
        dispute: known.dispute,
        payment: known.payment,
        lines: details.lines,
        email: details.email,
        captures: known.captures,
        refunds: known.refunds,
        facts: known.facts,
        files: known.files,
        earlier: known.earlier,
        course,
    }
}

fn course(known: &Known) -> Vec<(Timestamp, String)> {
    let payment = &known.payment;
    let money = |minor: i64| Money { minor, currency: payment.currency() }.to_string();
    let mut course = vec![(
        payment.created_at,
        format!("The shop asked for the payment of order {}: {}.", payment.order, payment.amount),
    )];
    for attempt in &known.attempts {
        let said = format!("The buyer went to {} to pay (try {}).", attempt.provider.name(), attempt.number);
        course.push((attempt.created_at, said));
    }
    for capture in known.captures.iter().filter(|one| one.state == Piece::Done) {
        let said =
            format!("{} took {} ({}).", capture.provider.name(), money(capture.amount), capture.reference);
        course.push((capture.at, said));
    }
    for refund in known.refunds.iter().filter(|one| one.state == Piece::Done) {
        let said = format!("{} were given back ({}).", money(refund.amount), refund.reference);
        course.push((refund.at, said));
    }
    let refused = known.calls.iter().filter(|call| call.state == CallState::Refused);
    for call in refused.filter(|call| matches!(call.operation, Operation::Capture | Operation::Refund)) {
        let said = format!("{} refused to {}.", call.provider.name(), call.operation.word());
        course.push((call.settled_at.unwrap_or(call.last_sent_at), said));
    }
    for news in &known.news {
        if let Some(at) = news.taken_at {
            course.push((at, format!("The shop was told: {}.", news.kind.replace(['.', '_'], " "))));
        }
    }
    course.push((
        known.dispute.opened_at,
        format!("The dispute was opened: {}.", plain(&known.dispute.reason)),
    ));
    course.sort_by_key(|(at, _)| *at);
    course
}

/// What a file shows, for whoever reads it at the provider.
fn about(file: &EvidenceFile) -> &'static str {
    match file.about {
        FileAbout::Receipt => "The receipt",
        FileAbout::Shipping => "That it was sent, or arrived",
        FileAbout::Communication => "What the buyer and the shop wrote to each other",
        FileAbout::Terms => "The terms of giving back",
        FileAbout::Other => "A document",
    }
}

fn plain(word: &str) -> String {
    word.replace('_', " ").to_lowercase()
}

/// What a provider gets of the evidence.
struct Going {
    sent: Value,
    /// Fields, each with what it does not take of its text.
    left: Vec<(String, String)>,
}

/// As much of a field's text as the provider takes; the rest is left out.
fn part(left: &mut Vec<(String, String)>, field: &str, text: &str, most: usize) -> String {
    let end = text.char_indices().nth(most).map_or(text.len(), |(end, _)| end);
    let (goes, rest) = text.split_at(end);
    if !rest.is_empty() {
        left.push((field.to_owned(), rest.to_owned()));
    }
    goes.to_owned()
}

impl Pack {
    fn money(&self, minor: i64) -> String {
        Money { minor, currency: self.payment.currency() }.to_string()
    }

    /// All facts of a kind, a line each.
    fn told(&self, kind: FactKind) -> Option<String> {
        let all: Vec<&str> =
            self.facts.iter().filter(|fact| fact.kind == kind).map(|fact| fact.text.as_str()).collect();
        (!all.is_empty()).then(|| all.join("\n"))
    }

    /// What the provider's own checks said, in sentences.
    pub fn checked(&self) -> Vec<String> {
        let Some(checks) = &self.dispute.checks else { return Vec::new() };
        let mut said = Vec::new();
        if let (Some(brand), Some(four)) = (&checks.brand, &checks.last_four) {
            said.push(format!("Paid with {brand} ending in {four}."));
        }
        match (&checks.three_d_secure, &checks.three_d_secure_version) {
            (Some(result), Some(version)) => said.push(format!("3-D Secure {version}: {}.", plain(result))),
            (Some(result), None) => said.push(format!("3-D Secure: {}.", plain(result))),
            _ => {}
        }
        let checks = [
            ("The card's security code", &checks.security_code),
            ("The postal code", &checks.postal_code),
            ("The street", &checks.street),
            ("The provider's own view", &checks.provider_says),
        ];
        said.extend(
            checks.into_iter().filter_map(|(what, word)| Some(format!("{what}: {}.", plain(word.as_ref()?)))),
        );
        said
    }

    /// What the same buyer paid before and nobody disputed, and whether it is what Visa asks for, in sentences.
    pub fn told_earlier(&self) -> Vec<String> {
        let lines = earlier::told(&self.earlier);
        if lines.is_empty() {
            return lines;
        }
        let visa = if self.is_compelling() { " (Visa Compelling Evidence 3.0)" } else { "" };
        let title = format!("Earlier payments of the same buyer that nobody disputed{visa}:");
        [vec![title], lines].concat()
    }

    /// Whether the earlier payments are what Visa's Compelling Evidence 3.0 asks for.
    pub fn is_compelling(&self) -> bool {
        earlier::is_compelling(&self.dispute, &self.earlier)
    }

    /// What was bought.
    pub fn bought(&self) -> String {
        if self.lines.is_empty() {
            return format!("Order {}: {}", self.payment.order, self.payment.amount);
        }
        let line =
            |line: &Line| format!("{} x {} at {}", line.quantity, line.name, self.money(line.unit_amount));
        self.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The whole of it as text.
    pub fn text(&self) -> String {
        let mut parts = vec![format!(
            "Order {}, payment {}: {}, of which {} are disputed ({}).",
            self.payment.order,
            self.payment.id,
            self.payment.amount,
            self.money(self.dispute.amount),
            plain(&self.dispute.reason)
        )];
        if let Some(why) = self.told(FactKind::Explanation) {
            parts.push(why);
        }
        parts.push(format!("What was bought:\n{}", self.bought()));
        let checked = self.checked();
        if !checked.is_empty() {
            parts.push(checked.join("\n"));
        }
        let earlier = self.told_earlier();
        if !earlier.is_empty() {
            parts.push(earlier.join("\n"));
        }
        let course = self.course.iter().map(|(at, said)| format!("{}  {said}", at.rfc3339()));
        parts.push(format!("What happened (UTC):\n{}", course.collect::<Vec<_>>().join("\n")));
        for (title, kind) in [
            ("Shipped on", FactKind::ShippedOn),
            ("Carrier", FactKind::Carrier),
            ("Tracking number", FactKind::TrackingNumber),
            ("Shipped to", FactKind::ShippedTo),
            ("Delivered on", FactKind::DeliveredOn),
            ("How the buyer was signed in", FactKind::SignIn),
            ("What was written", FactKind::Communication),
            ("Terms", FactKind::Terms),
        ] {
            if let Some(text) = self.told(kind) {
                parts.push(format!("{title}: {text}"));
            }
        }
        parts.join("\n\n")
    }

    /// What goes out, in the provider's own words: Stripe's `evidence`, PayPal's `evidences`.
    pub fn sent(&self) -> Value {
        self.going().sent
    }

    /// What does not go out, as the provider takes no more of it: each field with the rest of its text.
    pub fn left_out(&self) -> Vec<(String, String)> {
        self.going().left
    }

    fn going(&self) -> Going {
        match self.dispute.provider {
            Provider::Stripe => self.for_stripe(),
            Provider::PayPal => self.for_paypal(),
        }
    }

    fn for_stripe(&self) -> Going {
        let (mut out, mut left, mut room) = (Map::new(), Vec::new(), ALL_SIGNS);
        let mut put = |name: &str, text: Option<String>| {
            let Some(text) = text else { return };
            let goes = part(&mut left, name, &text, FIELD_SIGNS.min(room));
            room = room.saturating_sub(goes.chars().count());
            if !goes.is_empty() {
                out.insert(name.to_owned(), Value::String(goes));
            }
        };
        put("product_description", Some(self.bought()));
        put("customer_email_address", self.email.clone());
        put("shipping_carrier", self.told(FactKind::Carrier));
        put("shipping_tracking_number", self.told(FactKind::TrackingNumber));
        put("shipping_date", self.told(FactKind::ShippedOn));
        put("shipping_address", self.told(FactKind::ShippedTo));
        put("access_activity_log", self.told(FactKind::SignIn));
        put("refund_policy_disclosure", self.told(FactKind::Terms));
        put("uncategorized_text", Some(self.text()));
        Going { sent: Value::Object(out), left }
    }

    fn for_paypal(&self) -> Going {
        let (mut all, mut left) = (Vec::new(), Vec::new());
        let carrier = self.told(FactKind::Carrier).unwrap_or_else(|| "not named".to_owned());
        let numbers: Vec<&Fact> =
            self.facts.iter().filter(|fact| fact.kind == FactKind::TrackingNumber).collect();
        let mut tracking = Vec::new();
        if !numbers.is_empty() {
            let carrier = part(&mut left, "carrier_name_other", &carrier.replace('\n', ", "), NOTE_SIGNS);
            for (at, fact) in numbers.into_iter().enumerate() {
                let most = if at < MOST_NUMBERS { NUMBER_SIGNS } else { 0 };
                let number = part(&mut left, "tracking_number", &fact.text, most);
                if at < MOST_NUMBERS {
                    tracking.push(json!({
                        "carrier_name": "OTHER", "carrier_name_other": carrier, "tracking_number": number,
                    }));
                }
            }
            all.push(json!({ "evidence_type": "PROOF_OF_FULFILLMENT", "evidence_info": { "tracking_info": tracking } }));
        }
        let given = |one: &&Refund| one.state == Piece::Done && one.provider == Provider::PayPal;
        let mut refunds: Vec<&str> =
            self.refunds.iter().filter(given).map(|one| one.reference.as_str()).collect();
        let more = refunds.split_off(refunds.len().min(MOST_REFUNDS));
        left.extend(more.into_iter().map(|one| ("refund_ids".to_owned(), one.to_owned())));
        if !refunds.is_empty() {
            all.push(
                json!({ "evidence_type": "PROOF_OF_REFUND", "evidence_info": { "refund_ids": refunds } }),
            );
        }
        let text = part(&mut left, "notes", &self.text(), NOTE_SIGNS * MOST_NOTES);
        for part in text.chars().collect::<Vec<_>>().chunks(NOTE_SIGNS) {
            all.push(json!({ "evidence_type": "OTHER", "notes": part.iter().collect::<String>() }));
        }
        for file in &self.files {
            let documents = json!([{ "name": file.sent_name() }]);
            all.push(json!({ "evidence_type": "OTHER", "notes": about(file), "documents": documents }));
        }
        Going { sent: json!({ "evidences": all }), left }
    }

    /// Each field that goes out, with its text; files by name and size.
    pub fn goes_out(&self) -> Vec<(String, String)> {
        let file = |file: &EvidenceFile| {
            (
                file.about.at_stripe().to_owned(),
                format!("{} ({} KiB)", file.sent_name(), file.size_bytes.div_ceil(1024)),
            )
        };
        self.texts().into_iter().chain(self.files.iter().map(file)).collect()
    }

    fn texts(&self) -> Vec<(String, String)> {
        let sent = self.sent();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if let Some(all) = sent.get("evidences").and_then(Value::as_array) {
            let one = |one: &Value| {
                let name = one.get("evidence_type").map(text).unwrap_or_default();
                let told = one.get("notes").or_else(|| one.get("evidence_info"));
                (name, told.map(text).unwrap_or_default())
            };
            let is_text = |one: &&Value| one.get("documents").is_none();
            return all.iter().filter(is_text).map(one).collect();
        }
        sent.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
    }

    /// All of it as a file of JSON.
    pub fn file(&self) -> String {
        serde_json::to_string_pretty(&self.json()).unwrap_or_default()
    }

    /// SHA-256 in hexadecimal of what goes out, the files' contents among it.
    pub fn digest(&self) -> String {
        let file = |file: &EvidenceFile| format!("\n{} {}", file.sent_name(), file.digest);
        let files: String = self.files.iter().map(file).collect();
        sha256_hex(format!("{}\n{}{files}", self.dispute.id(), self.sent()).as_bytes())
    }

    /// All of it, for whoever keeps it or reads it elsewhere.
    pub fn json(&self) -> Value {
        let dispute = &self.dispute;
        let at = |at: Option<Timestamp>| at.map(Timestamp::rfc3339);
        let facts = self
            .facts
            .iter()
            .map(|fact| json!({ "about": fact.kind.word(), "text": fact.text, "at": fact.at.rfc3339() }));
        let files = self.files.iter().map(|file| {
            json!({
                "about": file.about.word(), "kind": file.kind.word(), "size_bytes": file.size_bytes, "sha256": file.digest,
                "name": file.name, "at": file.at.rfc3339(),
            })
        });
        let pieces = |amount: i64, reference: &str, state: Piece, when: Timestamp| json!({ "amount": amount, "reference": reference, "state": state.word(), "at": when.rfc3339() });
        let captures = self.captures.iter().map(|one| pieces(one.amount, &one.reference, one.state, one.at));
        let refunds = self.refunds.iter().map(|one| pieces(one.amount, &one.reference, one.state, one.at));
        let course = self.course.iter().map(|(at, said)| json!({ "at": at.rfc3339(), "what": said }));
        let earlier = self.earlier.iter().map(|one| {
            json!({
                "payment": one.payment.text(), "order": one.order, "reference": one.reference, "amount": one.amount.minor,
                "currency": one.amount.currency.code(), "at": one.at.rfc3339(), "same": one.same,
            })
        });
        let left = self.left_out().into_iter().map(|(field, text)| json!({ "field": field, "text": text }));
        json!({
            "form": "storeward.dispute/1",
            "dispute": {
                "id": dispute.id(), "reason": dispute.reason, "state": dispute.state, "status": dispute.status,
                "amount": dispute.amount, "currency": dispute.currency, "withdrawn": dispute.withdrawn, "fee": dispute.fee,
                "opened_at": dispute.opened_at.rfc3339(), "due_at": at(dispute.due_at), "closed_at": at(dispute.closed_at),
                "answer": dispute.answer.word(), "answered_at": at(dispute.answered_at), "sent_digest": dispute.digest,
            },
            "payment": {
                "id": self.payment.id.text(), "order": self.payment.order, "state": self.payment.shown_state(),
                "amount": self.payment.amount.minor, "captured": self.payment.captured, "refunded": self.payment.refunded,
                "created_at": self.payment.created_at.rfc3339(),
            },
            "lines": self.lines, "email": self.email, "checks": dispute.checks, "captures": captures.collect::<Vec<_>>(),
            "refunds": refunds.collect::<Vec<_>>(), "course": course.collect::<Vec<_>>(), "facts": facts.collect::<Vec<_>>(),
            "files": files.collect::<Vec<_>>(), "earlier": earlier.collect::<Vec<_>>(), "compelling_evidence_3": self.is_compelling(),
            "goes_out": self.sent(), "left_out": left.collect::<Vec<_>>(), "digest": self.digest(),
        })
    }
}
