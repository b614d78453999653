//! As much of JSON Schema as the providers' documents use: types, required and unknown names, words, lengths, patterns, lists,
//! `$ref`, `allOf`, `anyOf`, `oneOf`, `nullable`.

use regex::Regex;
use serde_json::Value;

const DEPTH: usize = 40;

/// Whether a name that the schema does not have is a fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Strict {
    Yes,
    No,
}

/// Whether numbers and truths are written as such, or as text in a form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    Json,
    Text,
}

pub struct Schemas<'a> {
    document: &'a Value,
}

impl<'a> Schemas<'a> {
    pub fn new(document: &'a Value) -> Schemas<'a> {
        Schemas { document }
    }

    /// Behind its `$ref`, if it is one.
    pub fn resolved(&self, node: &'a Value) -> &'a Value {
        let mut node = node;
        for _ in 0..DEPTH {
            let Some(place) = node.get("$ref").and_then(Value::as_str) else { return node };
            node = self.document.pointer(place.trim_start_matches('#')).unwrap_or(&Value::Null);
        }
        node
    }

    /// Adds each fault as `place: what`. Names no value.
    pub fn check(
        &self,
        schema: &'a Value,
        value: &Value,
        place: &str,
        strict: Strict,
        leaves: Leaves,
        faults: &mut Vec<String>,
    ) {
        self.one(&Asked { schema, strict, leaves }, value, place, 0, faults);
    }

    fn one(&self, asked: &Asked<'a>, value: &Value, place: &str, depth: usize, faults: &mut Vec<String>) {
        let schema = self.resolved(asked.schema);
        if depth > DEPTH || (value.is_null() && may_be_null(schema)) {
            return;
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            // What one part does not know another may.
            let asked = Asked { schema: part, strict: Strict::No, leaves: asked.leaves };
            self.one(&asked, value, place, depth + 1, faults);
        }
        for name in ["anyOf", "oneOf"] {
            if let Some(choices) = schema[name].as_array() {
                self.any(choices, asked, value, place, depth, faults);
            }
        }
        if let Some(words) = schema["enum"].as_array()
            && !words.contains(value)
        {
            faults.push(format!("{place}: none of the words"));
        }
        match schema["type"].as_str() {
            Some("object") => self.object(schema, asked, value, place, depth, faults),
            Some("array") => self.list(schema, asked, value, place, depth, faults),
            Some(kind) => leaf(kind, schema, asked.leaves, value, place, faults),
            None if schema.get("properties").is_some() || schema.get("allOf").is_some() => {
                self.object(schema, asked, value, place, depth, faults);
            }
            None => {}
        }
    }

    /// One of the choices has to fit; where none does, the faults of the nearest are told.
    fn any(
        &self,
        choices: &'a [Value],
        asked: &Asked<'a>,
        value: &Value,
        place: &str,
        depth: usize,
        faults: &mut Vec<String>,
    ) {
        let nearest = choices
            .iter()
            .map(|choice| {
                let mut found = Vec::new();
                let asked = Asked { schema: choice, ..*asked };
                self.one(&asked, value, place, depth + 1, &mut found);
                found
            })
            .min_by_key(Vec::len);
        faults.extend(nearest.unwrap_or_default());
    }

    fn object(
        &self,
        schema: &'a Value,
        asked: &Asked<'a>,
        value: &Value,
        place: &str,
        depth: usize,
        faults: &mut Vec<String>,
    ) {
        let Some(map) = value.as_object() else {
            faults.push(format!("{place}: no object"));
            return;
        };
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let is_open = schema["additionalProperties"] == true || others.is_some();
        for (name, item) in map {
            let place = format!("{place}/{name}");
            if let Some(property) = schema["properties"].get(name) {
                let asked = Asked { schema: property, ..*asked };
                self.one(&asked, item, &place, depth + 1, faults);
            } else if let Some(others) = others {
                let asked = Asked { schema: others, ..*asked };
                self.one(&asked, item, &place, depth + 1, faults);
            } else if asked.strict == Strict::Yes
                && !is_open
                && self.knows_names(schema)
                && !self.knows(schema, name, 0)
            {
                faults.push(format!("{place}: unknown"));
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !map.contains_key(name) {
                faults.push(format!("{place}/{name}: missing"));
            }
        }
    }

    /// An object without any names of its own takes all.
    fn knows_names(&self, schema: &'a Value) -> bool {
        schema.get("properties").is_some() || schema.get("allOf").is_some()
    }

    fn knows(&self, schema: &'a Value, name: &str, depth: usize) -> bool {
        let schema = self.resolved(schema);
        depth < DEPTH
            && (schema["properties"].get(name).is_some()
                || ["allOf", "anyOf", "oneOf"].iter().any(|group| {
                    schema[*group]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .any(|part| self.knows(part, name, depth + 1))
                }))
    }

    fn list(
        &self,
        schema: &'a Value,
        asked: &Asked<'a>,
        value: &Value,
        place: &str,
        depth: usize,
        faults: &mut Vec<String>,
    ) {
        let Some(items) = value.as_array() else {
            faults.push(format!("{place}: no list"));
            return;
        };
        bounded(schema, "Items", items.len(), place, faults);
        for (index, item) in items.iter().enumerate() {
            let asked = Asked { schema: &schema["items"], ..*asked };
            self.one(&asked, item, &format!("{place}/{index}"), depth + 1, faults);
        }
    }
}

#[derive(Clone, Copy)]
struct Asked<'a> {
    schema: &'a Value,
    strict: Strict,
    leaves: Leaves,
}

fn may_be_null(schema: &Value) -> bool {
    // Without a type of its own, a schema that only says what it may be says nothing against null.
    schema["nullable"] == true || (schema.get("type").is_none() && schema.get("anyOf").is_none())
}

fn leaf(kind: &str, schema: &Value, leaves: Leaves, value: &Value, place: &str, faults: &mut Vec<String>) {
    let text = value.as_str();
    let fits = match (kind, leaves) {
        ("string", _) => text.is_some(),
        ("integer", Leaves::Json) => value.is_i64() || value.is_u64(),
        ("number", Leaves::Json) => value.is_number(),
        ("boolean", Leaves::Json) => value.is_boolean(),
        ("integer", Leaves::Text) => text.is_some_and(|text| text.parse::<i64>().is_ok()),
        ("number", Leaves::Text) => text.is_some_and(|text| text.parse::<f64>().is_ok()),
        ("boolean", Leaves::Text) => matches!(text, Some("true" | "false")),
        _ => true,
    };
    if !fits {
        faults.push(format!("{place}: no {kind}"));
        return;
    }
    if let (Some(text), "string") = (text, kind) {
        bounded(schema, "Length", text.chars().count(), place, faults);
        // A pattern that this engine does not know, such as one that looks ahead, is left out.
        let pattern = schema["pattern"].as_str().and_then(|pattern| Regex::new(pattern).ok());
        if pattern.is_some_and(|pattern| !pattern.is_match(text)) {
            faults.push(format!("{place}: not of the pattern"));
        }
    }
}

fn bounded(schema: &Value, what: &str, count: usize, place: &str, faults: &mut Vec<String>) {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    if schema[format!("min{what}")].as_u64().is_some_and(|least| count < least) {
        faults.push(format!("{place}: too short"));
    }
    if schema[format!("max{what}")].as_u64().is_some_and(|most| count > most) {
        faults.push(format!("{place}: too long"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(schema: &Value, value: &Value) -> Vec<String> {
        let document = json!({ "s": schema, "small": { "type": "string", "maxLength": 2 } });
        let mut found = Vec::new();
        Schemas::new(&document).check(&document["s"], value, "", Strict::Yes, Leaves::Json, &mut found);
        found
    }

    #[test]
    fn values_fit_or_the_place_is_named() {
        let object = json!({ "type": "object", "properties": {
            "a": { "$ref": "#/small" }, "b": { "type": "array", "minItems": 1, "items": { "type": "integer" } },
            "c": { "type": "string", "enum": ["X", "Y"] }, "d": { "type": "string", "pattern": "^[0-9]+$" },
            "e": { "type": "string", "nullable": true } }, "required": ["a"] });
        for (value, expected) in [
            (json!({ "a": "xy", "b": [1], "c": "X", "d": "12", "e": null }), vec![]),
            (json!({ "a": "xyz" }), vec!["/a: too long"]),
            (json!({ "a": null }), vec!["/a: no string"]),
            (json!({ "a": "x", "b": [] }), vec!["/b: too short"]),
            (json!({ "a": "x", "b": [1, "2"] }), vec!["/b/1: no integer"]),
            (json!({ "a": "x", "c": "x" }), vec!["/c: none of the words"]),
            (json!({ "a": "x", "d": "1a" }), vec!["/d: not of the pattern"]),
            (json!({ "b": [1], "z": 1 }), vec!["/z: unknown", "/a: missing"]),
            (json!([]), vec![": no object"]),
        ] {
            assert_eq!(faults(&object, &value), expected, "{value}");
        }
    }

    #[test]
    fn parts_and_choices_are_put_together() {
        let parts = json!({ "type": "object", "allOf": [
            { "properties": { "a": { "type": "string" } } }, { "properties": { "b": { "type": "integer" } } }] });
        assert_eq!(faults(&parts, &json!({ "a": "x", "b": 1 })), Vec::<String>::new());
        assert_eq!(faults(&parts, &json!({ "a": "x", "b": "1", "c": 1 })), ["/b: no integer", "/c: unknown"]);
        let choice = json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] });
        assert_eq!(faults(&choice, &json!(1)), Vec::<String>::new());
        assert_eq!(faults(&choice, &json!(true)), [": no string"]);
    }
}
