//! The reference in Markdown, made from the document.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Of every operation and every message.
pub fn reference(document: &Value) -> String {
    let mut out = String::new();
    let empty = Map::new();
    let paths = document["paths"].as_object().unwrap_or(&empty);
    for tag in document["tags"].as_array().into_iter().flatten() {
        let is_its = |one: &Value| one["tags"][0] == tag["name"];
        // A chapter without operations is none.
        if !paths.values().filter_map(Value::as_object).flat_map(Map::values).any(is_its) {
            continue;
        }
        let _ = write!(out, "\n### {}\n", text(&tag["description"]));
        for (path, methods) in paths {
            for (method, one) in methods.as_object().into_iter().flatten() {
                if is_its(one) {
                    operation(&mut out, method, path, one);
                }
            }
        }
    }
    out.push_str("\n### Messages\n");
    for (name, schema) in document["components"]["schemas"].as_object().unwrap_or(&empty) {
        message(&mut out, name, schema);
    }
    out
}

fn operation(out: &mut String, method: &str, path: &str, one: &Value) {
    let _ = write!(out, "\n#### `{} {path}`\n\n", method.to_uppercase());
    let _ = writeln!(out, "{}. {}", text(&one["summary"]), text(&one["description"]));
    let parameters: Vec<&Value> = one["parameters"].as_array().into_iter().flatten().collect();
    if !parameters.is_empty() {
        out.push_str("\n| parameter | where | what |\n|---|---|---|\n");
        for parameter in parameters {
            let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
            let _ = writeln!(out, "| `{name}` | {place} | {} |", cell(&parameter["description"]));
        }
    }
    let body = &one["requestBody"]["content"]["application/json"];
    if let Some(name) = name_of(&body["schema"]) {
        let _ = write!(out, "\nTakes {}", linked(&name));
        match &body["example"] {
            Value::Null => out.push_str(".\n"),
            example => {
                let _ = write!(
                    out,
                    ", such as\n\n```json\n{}\n```\n",
                    serde_json::to_string_pretty(example).unwrap_or_default()
                );
            }
        }
    }
    out.push_str("\n| status | what |\n|---|---|\n");
    for (status, given) in one["responses"].as_object().into_iter().flatten() {
        let kinds = given["content"].as_object().into_iter().flatten();
        let shapes: Vec<String> = kinds
            .filter(|(kind, _)| kind.as_str() != "application/problem+json")
            .map(|(kind, content)| {
                name_of(&content["schema"]).map_or_else(|| format!("`{kind}`"), |name| linked(&name))
            })
            .collect();
        let shape =
            if shapes.is_empty() { String::new() } else { format!(" Gives {}.", shapes.join(" or ")) };
        let _ = writeln!(out, "| {status} | {}{shape} |", cell(&given["description"]));
    }
}

fn message(out: &mut String, name: &str, schema: &Value) {
    let _ = write!(out, "\n#### {name}\n\n{}\n", text(&schema["description"]));
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let Some(properties) = schema["properties"].as_object() else {
        let _ = write!(out, "\n{}.\n", kind(schema));
        return;
    };
    out.push_str("\n| field | kind | what |\n|---|---|---|\n");
    for (field, schema) in properties {
        let optional = if required.contains(&field.as_str()) { "" } else { ", may be left out" };
        let _ =
            writeln!(out, "| `{field}` | {}{optional} | {} |", kind(schema), cell(&schema["description"]));
    }
}

fn kind(schema: &Value) -> String {
    if let Some(name) = name_of(schema) {
        return linked(&name);
    }
    if let Some(either) = schema["anyOf"].as_array() {
        let kinds: Vec<String> = either.iter().map(kind).collect();
        return kinds.join(" or ");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> =
            words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
        return words.join(", ");
    }
    match text(&schema["type"]) {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" => "object".to_owned(),
        "" => "anything".to_owned(),
        other => other.to_owned(),
    }
}

fn name_of(schema: &Value) -> Option<String> {
    schema["$ref"].as_str()?.rsplit('/').next().map(str::to_owned)
}

fn linked(name: &str) -> String {
    format!("[{name}](#{})", name.to_lowercase())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn cell(value: &Value) -> String {
    text(value).replace('|', "\\|")
}
