//! The OpenAPI document (3.1), made from the operations that are served.

use serde_json::{Map, Value, json};

use crate::call::Answer;
use crate::operation::{Operation, PREFIX, Repeat};
use crate::repeat;
use crate::shape::{Book, text_schema};

/// The operation that hands out the document.
pub(crate) fn operation(text: String) -> Operation {
    Operation::get("getDocument", "/openapi.json", "This document")
        .about("key")
        .says("The OpenAPI document. It needs no key.")
        .public()
        .gives_text(200, "application/json", "The document.")
        .does(move |_| {
            let text = text.clone();
            async move { Ok(Answer::text("application/json", text)) }
        })
}

/// The document of these operations and of the one that hands it out.
pub fn document(operations: &[Operation]) -> Value {
    let mut book = Book::default();
    let mut paths: Map<String, Value> = Map::new();
    let own = operation(String::new());
    let is_own_there = operations.iter().any(|one| one.id == own.id);
    let all = operations.iter().chain((!is_own_there).then_some(&own));
    for one in all {
        let path = paths.entry(format!("{PREFIX}{}", one.path)).or_insert_with(|| json!({}));
        if let Some(map) = path.as_object_mut() {
            map.insert(one.method.as_str().to_lowercase(), described(one, &mut book));
        }
    }
    let mut schemas: Map<String, Value> =
        book.0.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    schemas.insert("Problem".to_owned(), problem());
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Storeward",
            "version": "1",
            "summary": "Customers' records under seal: kept, found, opened for a stated purpose, erased for good.",
            "description": "Each call carries a key (Authorization: Bearer), is decided by the shop's rules, and is in the ledger \
                            before it is answered.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "servers": [{ "url": "/", "description": "The listener of [api] in storeward.toml" }],
        "security": [{ "key": [] }],
        "tags": [
            { "name": "customers", "description": "Customers and what is kept of them" },
            { "name": "payments", "description": "Payments of orders" },
            { "name": "rights", "description": "What customers may ask for by law" },
            { "name": "bulk", "description": "Many at once" },
            { "name": "key", "description": "The key, and this document" }
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": { "type": "http", "scheme": "bearer", "bearerFormat": "swk_ and 88 hexadecimal digits" }
            },
            "schemas": schemas
        }
    })
}

fn described(one: &Operation, book: &mut Book) -> Value {
    let mut out = json!({
        "operationId": one.id,
        "summary": one.summary,
        "tags": [one.tag],
        "parameters": parameters(one),
        "responses": responses(one, book),
    });
    let Some(map) = out.as_object_mut() else { return out };
    let mut says = one.says.to_owned();
    if let Some(act) = one.act {
        let needs = format!("The key needs the act `{}`.", act.name());
        says = if says.is_empty() { needs } else { format!("{says} {needs}") };
        map.insert("x-act".to_owned(), act.name().into());
    }
    if !says.is_empty() {
        map.insert("description".to_owned(), says.into());
    }
    if one.is_public {
        map.insert("security".to_owned(), json!([]));
    }
    if let Some(schema) = one.takes {
        let mut content = json!({ "schema": schema(book) });
        if let (Some(example), Some(content)) = (&one.example, content.as_object_mut()) {
            content.insert("example".to_owned(), example.clone());
        }
        let body = json!({ "required": true, "content": { "application/json": content } });
        map.insert("requestBody".to_owned(), body);
    }
    out
}

fn parameters(one: &Operation) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for part in one.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        let known = one.path_schemas.iter().find(|parameter| parameter.name == part);
        let schema = known.map_or_else(|| text_schema(1, 64), |parameter| parameter.schema.clone());
        let says = known.map_or("", |parameter| parameter.says);
        out.push(
            json!({ "name": part, "in": "path", "required": true, "schema": schema, "description": says }),
        );
    }
    for parameter in &one.query {
        out.push(json!({
            "name": parameter.name,
            "in": "query",
            "required": false,
            "schema": parameter.schema,
            "description": parameter.says,
        }));
    }
    if one.repeat == Repeat::ByKey {
        out.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "required": false,
            "schema": { "type": "string", "minLength": 1, "maxLength": 200, "pattern": r#"^[!#-~]+$"# },
            "description": "A name for this request, such as a UUID. Sent again within a day under the same name it is done once and \
                            answered alike, with Idempotency-Replayed: true.",
        }));
    }
    if one.is_conditional {
        out.push(json!({
            "name": "If-Match",
            "in": "header",
            "required": false,
            "schema": { "type": "string", "minLength": 1, "maxLength": 100, "pattern": r#"^(\*|"[!#-~]+")$"# },
            "description": "The ETag that was read: what somebody else changed meanwhile is not written over.",
        }));
    }
    out
}

fn responses(one: &Operation, book: &mut Book) -> Value {
    let mut out: Map<String, Value> = Map::new();
    for given in &one.gives {
        let content = match given.schema {
            Some(schema) => json!({ "schema": schema(book) }),
            None => json!({}),
        };
        let entry = out
            .entry(given.status.to_string())
            .or_insert_with(|| json!({ "description": given.says, "content": {} }));
        if let Some(all) = entry.get_mut("content").and_then(Value::as_object_mut) {
            all.insert(given.content_type.to_owned(), content);
        }
    }
    let mut problem = |status: u16, says: &str| {
        out.entry(status.to_string()).or_insert_with(|| {
            json!({
                "description": says,
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } }
            })
        });
    };
    for (status, says) in &one.problems {
        problem(*status, says);
    }
    problem(421, "The request names another host.");
    problem(400, "The request cannot be read as this document says.");
    if !one.is_public {
        problem(401, "The key is missing, unknown, expired, revoked, or used from elsewhere.");
        problem(429, "Too much at once; Retry-After says how long to wait.");
        problem(503, "Busy, or it took too long. Ask again.");
    }
    if one.act.is_some() {
        problem(403, "The key may not do this, or is not for this purpose; or the rules refuse it.");
    }
    if one.path.contains('{') {
        problem(404, "There is no such customer, or they were erased.");
    }
    if one.takes.is_some() {
        problem(413, "The body is larger than 1 MiB.");
        problem(415, "The body is not JSON.");
    }
    if one.repeat == Repeat::ByKey {
        problem(409, "The same request is under way.");
        problem(422, "A value does not fit its field, or the Idempotency-Key was used for another request.");
    }
    if one.is_conditional {
        problem(412, "It changed since it was read.");
    }
    debug_assert_eq!(repeat::HEADER, "idempotency-key");
    Value::Object(out)
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "What is wrong (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "What happened, and what to do next." },
            "code": { "type": "string", "description": "Stable, for programs." },
            "errors": {
                "type": "array",
                "description": "Which values do not fit, and why; never the values.",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {
                        "pointer": { "type": "string", "description": "RFC 6901." },
                        "detail": { "type": "string" }
                    }
                }
            }
        }
    })
}
