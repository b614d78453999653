//! The providers' published OpenAPI documents, where somebody has put them beside: every call that arrives, and every answer that
//! leaves, is held against them. Nothing of them is kept in the repository (tests/payments/contracts says where they come from).

mod schema;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use crate::Error;
use crate::effects::Provider;
use crate::form;
use crate::message::{Answer, Call};
use schema::{Leaves, Schemas, Strict};

/// The variable that names the folder with the documents.
pub const FOLDER: &str = "STOREWARD_PROVIDER_CONTRACTS";
const KEPT: usize = 10_000;

/// What Stripe's pinned version has and an older document has not: what a call names so is not held against it.
const NEWER: [&str; 4] =
    ["allowed_payment_method_types", "ui_mode", "origin_context", "integration_identifier"];

/// What PayPal answers and its documents leave out: where a path ends so, this issue.
const GAPS: [(&str, &str); 1] = [("/capture", "\"ACTION_DOES_NOT_MATCH_INTENT\"")];

/// What PayPal's published documents are too old for: its own client sends `SETUP_TOKEN` there.
const OLDER: [(&str, &str); 1] =
    [("/v3/vault/payment-tokens", "/payment_source/token/type: none of the words")];

/// Something that a provider's document does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub provider: Provider,
    /// `request` or `answer`.
    pub side: &'static str,
    /// Method and path.
    pub place: String,
    /// What the stand-in answered.
    pub status: u16,
    /// Where and what. Names no value.
    pub fault: String,
}

impl Violation {
    pub fn to_json(&self) -> Value {
        json!({
            "provider": self.provider.name(), "side": self.side, "place": self.place, "status": self.status,
            "fault": self.fault,
        })
    }
}

struct Document {
    provider: Provider,
    json: Value,
    is_older: bool,
}

#[derive(Default)]
pub struct Contracts {
    documents: Vec<Document>,
    found: Mutex<Vec<Violation>>,
}

impl Contracts {
    /// Every JSON file of the folder that is an OpenAPI document; none without a folder.
    ///
    /// # Errors
    /// When the folder or a document cannot be read.
    pub fn load(folder: Option<&Path>) -> Result<Contracts, Error> {
        let mut contracts = Contracts::default();
        let Some(folder) = folder else { return Ok(contracts) };
        let told = |cause: &dyn std::fmt::Display| Error::Contract(cause.to_string());
        for entry in std::fs::read_dir(folder).map_err(|cause| told(&cause))? {
            let path = entry.map_err(|cause| told(&cause))?.path();
            if path.extension().is_some_and(|end| end == "json") {
                let bytes = std::fs::read(&path).map_err(|cause| told(&cause))?;
                let json = serde_json::from_slice(&bytes).map_err(|cause| told(&cause))?;
                contracts.add(json);
            }
        }
        Ok(contracts)
    }

    fn add(&mut self, json: Value) {
        if !json["paths"].is_object() {
            return;
        }
        let is_stripe = json["paths"].get("/v1/payment_intents").is_some();
        let provider = if is_stripe { Provider::Stripe } else { Provider::Paypal };
        let is_older = is_stripe
            && json["info"]["version"].as_str().is_some_and(|version| version < crate::STRIPE_VERSION);
        self.documents.push(Document { provider, json, is_older });
    }

    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// What was found so far.
    pub fn found(&self) -> Vec<Violation> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Holds one call and its answer against the provider's document. A call that no document has is a violation, too, unless it
    /// was refused.
    pub fn check(&self, provider: Provider, call: &Call, answer: &Answer) {
        let place = format!("{} {}", call.method, call.path);
        let mut faults = Vec::new();
        match self.operation(provider, call) {
            Some((document, operation, parameters)) => {
                faults.extend(
                    request_faults(document, operation, &parameters, call)
                        .into_iter()
                        .map(|fault| ("request", fault)),
                );
                faults.extend(
                    answer_faults(document, operation, &call.path, answer)
                        .into_iter()
                        .map(|fault| ("answer", fault)),
                );
            }
            None if answer.status < 400 && self.documents.iter().any(|one| one.provider == provider) => {
                faults.push(("request", "no document has this operation".to_owned()));
            }
            None => {}
        }
        faults.retain(|(_, fault)| !OLDER.contains(&(call.path.as_str(), fault.as_str())));
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for (side, fault) in faults {
            if found.len() < KEPT {
                found.push(Violation { provider, side, place: place.clone(), status: answer.status, fault });
            }
        }
    }

    /// The operation by method and path, with the parameters of both.
    fn operation<'a>(
        &'a self,
        provider: Provider,
        call: &Call,
    ) -> Option<(&'a Document, &'a Value, Vec<&'a Value>)> {
        let method = call.method.as_str().to_ascii_lowercase();
        self.documents.iter().filter(|document| document.provider == provider).find_map(|document| {
            let paths = document.json["paths"].as_object()?;
            // A path without variables goes before one with.
            let (_, path) = paths
                .iter()
                .filter(|(template, _)| fits(template, &call.path))
                .min_by_key(|(template, _)| template.matches('{').count())?;
            let operation = path.get(&method)?;
            let own = operation["parameters"].as_array().into_iter().flatten();
            let shared = path["parameters"].as_array().into_iter().flatten();
            Some((document, operation, own.chain(shared).collect()))
        })
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (mut left, mut right) = (template.split('/'), path.split('/'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}

fn request_faults(document: &Document, operation: &Value, parameters: &[&Value], call: &Call) -> Vec<String> {
    let schemas = Schemas::new(&document.json);
    let mut faults = query_faults(&schemas, parameters, call);
    let content = &schemas.resolved(&operation["requestBody"])["content"];
    if let Some(form_schema) = content.get("application/x-www-form-urlencoded").map(|form| &form["schema"]) {
        let tree = form::tree(call.body_text().unwrap_or("")).unwrap_or_default();
        let tree = if document.is_older { without_newer(tree) } else { tree };
        schemas.check(form_schema, &Value::Object(tree), "", Strict::Yes, Leaves::Text, &mut faults);
    } else if let Some(json_schema) = content.get("application/json").map(|json| &json["schema"])
        && !call.body.is_empty()
    {
        match serde_json::from_slice(&call.body) {
            Ok(body) => schemas.check(json_schema, &body, "", Strict::Yes, Leaves::Json, &mut faults),
            Err(_not_json) => faults.push("the body is no JSON".to_owned()),
        }
    }
    faults
}

fn without_newer(tree: Map<String, Value>) -> Map<String, Value> {
    tree.into_iter().filter(|(name, _)| !NEWER.contains(&name.as_str())).collect()
}

fn query_faults(schemas: &Schemas<'_>, parameters: &[&Value], call: &Call) -> Vec<String> {
    let given = form::tree(&call.query).unwrap_or_default();
    let known: Vec<&Value> =
        parameters.iter().map(|one| schemas.resolved(one)).filter(|one| one["in"] == "query").collect();
    let mut faults = Vec::new();
    for (name, value) in &given {
        match known.iter().find(|one| one["name"] == name.as_str()) {
            None => faults.push(format!("?{name}: unknown")),
            Some(one) => {
                schemas.check(
                    &one["schema"],
                    value,
                    &format!("?{name}"),
                    Strict::Yes,
                    Leaves::Text,
                    &mut faults,
                );
            }
        }
    }
    for one in known.iter().filter(|one| one["required"] == true) {
        let name = one["name"].as_str().unwrap_or("");
        if !given.contains_key(name) {
            faults.push(format!("?{name}: missing"));
        }
    }
    for one in parameters.iter().map(|one| schemas.resolved(one)).filter(|one| one["in"] == "header") {
        let value = one["name"].as_str().and_then(|name| call.header(name));
        if let Some(value) = value {
            let place = format!("header {}", one["name"].as_str().unwrap_or(""));
            schemas.check(
                &one["schema"],
                &Value::from(value),
                &place,
                Strict::Yes,
                Leaves::Text,
                &mut faults,
            );
        }
    }
    faults
}

fn answer_faults(document: &Document, operation: &Value, path: &str, answer: &Answer) -> Vec<String> {
    let is_gap = |(end, issue): &(&str, &str)| path.ends_with(end) && answer.body.contains(issue);
    // A token is judged in front of the interface, in words of its own.
    if GAPS.iter().any(is_gap) || (document.provider == Provider::Paypal && answer.status == 401) {
        return Vec::new();
    }
    let schemas = Schemas::new(&document.json);
    let responses = &operation["responses"];
    let known = responses.get(answer.status.to_string());
    let mut faults = Vec::new();
    // Statuses that no document lists: limits and what the stand-in does not do.
    let Some(response) = known.or_else(|| responses.get("default").filter(|_| answer.status >= 400)) else {
        if answer.status < 400 {
            faults.push(format!("the status {} is not in the document", answer.status));
        }
        return faults;
    };
    let schema = &schemas.resolved(response)["content"]["application/json"]["schema"];
    if schema.is_null() || answer.body.is_empty() {
        return faults;
    }
    match serde_json::from_str(&answer.body) {
        Ok(body) => {
            // Stripe's newer versions have fields that an older document has not.
            let strict = if document.provider == Provider::Stripe { Strict::No } else { Strict::Yes };
            schemas.check(schema, &body, "", strict, Leaves::Json, &mut faults);
        }
        Err(_not_json) => faults.push("the answer is no JSON".to_owned()),
    }
    faults
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn document() -> Value {
        json!({
            "info": { "version": "2023-01-01" },
            "paths": {
                "/v1/payment_intents": { "post": {
                    "requestBody": { "content": { "application/x-www-form-urlencoded": { "schema": {
                        "type": "object", "required": ["amount"], "properties": {
                            "amount": { "type": "integer" },
                            "metadata": { "anyOf": [
                                { "type": "object", "additionalProperties": { "type": "string" } },
                                { "type": "string", "enum": [""] },
                            ] },
                        } } } } },
                    "responses": { "200": { "content": { "application/json": { "schema": {
                        "type": "object", "required": ["id"], "properties": { "id": { "type": "string" } } } } } } } } },
                "/v1/payment_intents/{id}": { "get": {
                    "parameters": [{ "name": "limit", "in": "query", "required": true, "schema": { "type": "integer" } }],
                    "responses": { "200": {} } } },
            },
        })
    }

    fn check(method: &str, target: &str, body: &str, answer: &str, expected: &[&str]) {
        let mut contracts = Contracts::default();
        contracts.add(document());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let call = Call {
            method: method.parse().unwrap(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: http::HeaderMap::new(),
            body: Bytes::from(body.to_owned()),
        };
        contracts.check(Provider::Stripe, &call, &Answer::json_text(200, answer.to_owned()));
        let found: Vec<String> = contracts.found().into_iter().map(|one| one.fault).collect();
        assert_eq!(found, expected, "{method} {target} {body}");
    }

    #[test]
    fn calls_and_answers_are_held_against_the_document() {
        let path = "/v1/payment_intents";
        check("POST", path, "amount=5&metadata[a]=b", r#"{"id":"x","newer":1}"#, &[]);
        check("POST", path, "amount=5&metadata=&ui_mode=hosted_page", r#"{"id":"x"}"#, &[]);
        check("POST", path, "amount=5.5", r#"{"id":"x"}"#, &["/amount: no integer"]);
        check(
            "POST",
            path,
            "amont=5",
            r#"{"id":1}"#,
            &["/amont: unknown", "/amount: missing", "/id: no string"],
        );
        check("GET", "/v1/payment_intents/x?limit=2", "", "{}", &[]);
        check("GET", "/v1/payment_intents/x?limt=2", "", "{}", &["?limt: unknown", "?limit: missing"]);
        check("GET", "/v1/other", "", "{}", &["no document has this operation"]);
    }
}
