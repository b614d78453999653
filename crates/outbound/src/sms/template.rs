//! Texts of the config with places to fill: `{to}`, `{text}`, `{id}` and `{secret}`. Each is written in the form that its
//! surroundings need, so no value can leave its place.

use serde_json::Value;

/// What fills the places.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub to: &'a str,
    pub text: &'a str,
    /// The same each time the same message is sent: gateways that know such a key send it once.
    pub id: &'a str,
    pub secret: &'a str,
}

const PLACES: [&str; 4] = ["to", "text", "id", "secret"];

/// The places in a template; `Err` with the first one that is none.
pub(super) fn places(template: &str) -> Result<Vec<&str>, &str> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some((_, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or(after)?;
        if !PLACES.contains(&name) {
            return Err(name);
        }
        found.push(name);
        rest = after;
    }
    Ok(found)
}

/// Fills the places once, each value written by `write`; braces in a value mean nothing.
pub(super) fn fill(template: &str, values: Values<'_>, write: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        out.push_str(before);
        let value = match name {
            "to" => values.to,
            "text" => values.text,
            "id" => values.id,
            "secret" => values.secret,
            _ => "",
        };
        out.push_str(&write(value));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The strings of a JSON value, filled; its shape stays.
pub(super) fn fill_json(template: &Value, values: Values<'_>) -> Value {
    match template {
        Value::String(text) => Value::String(fill(text, values, str::to_owned)),
        Value::Array(list) => Value::Array(list.iter().map(|inner| fill_json(inner, values)).collect()),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, inner)| (key.clone(), fill_json(inner, values))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => template.clone(),
    }
}

/// The strings of a JSON value.
pub(super) fn strings<'a>(template: &'a Value, found: &mut Vec<&'a str>) {
    match template {
        Value::String(text) => found.push(text),
        Value::Array(list) => list.iter().for_each(|inner| strings(inner, found)),
        Value::Object(map) => map.values().for_each(|inner| strings(inner, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Percent-encoding of everything but unreserved characters (RFC 3986 section 2.3): right in paths, queries and forms.
pub(super) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'_> = Values { to: "+49", text: "a&b=\"{to}\"\n../é", id: "i", secret: "s" };

    #[test]
    fn no_value_leaves_its_place() {
        assert_eq!(
            fill("/x?to={to}&text={text}", VALUES, percent),
            "/x?to=%2B49&text=a%26b%3D%22%7Bto%7D%22%0A..%2F%C3%A9"
        );
        let template = serde_json::json!({ "m": [{ "t": "{text}", "n": 1 }], "{to}": "{to}" });
        let filled = fill_json(&template, VALUES);
        assert_eq!(filled, serde_json::json!({ "m": [{ "t": VALUES.text, "n": 1 }], "{to}": "+49" }));
    }

    #[test]
    fn unknown_places_are_told() {
        assert_eq!(places("{to}{text}"), Ok(vec!["to", "text"]));
        assert_eq!(places("{too}"), Err("too"));
        assert_eq!(places("a {to"), Err("to"));
    }
}
