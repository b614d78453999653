//! Parameters as Stripe reads them: typed, none unknown, none missing.

use serde_json::{Map, Value};

use super::error::{Outcome, StripeError};

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Up to so many characters, and not empty.
    Text(usize),
    /// May be empty, which takes the value away.
    Emptiable(usize),
    Integer,
    Boolean,
    Word(&'static [&'static str]),
    Metadata,
    Texts,
    Object(&'static [Field]),
    /// An object that is answered with all of its fields, those not given as null.
    Whole(&'static [Field]),
    Objects(&'static [Field]),
    /// A time, or an object of gt, gte, lt and lte.
    Range,
    /// Any of these words and no other may stand in the list.
    Words(&'static [&'static str]),
    /// Stripe knows it, this stand-in does not.
    Beyond,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
}

#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub need: Need,
}

pub const fn may(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, need: Need::Optional }
}

pub const fn must(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, need: Need::Required }
}

pub const EXPAND: Field = may("expand", Kind::Texts);
pub const METADATA: Field = may("metadata", Kind::Metadata);
pub const ADDRESS: Kind = Kind::Whole(&[
    may("city", Kind::Emptiable(5000)),
    may("country", Kind::Emptiable(2)),
    may("line1", Kind::Emptiable(5000)),
    may("line2", Kind::Emptiable(5000)),
    may("postal_code", Kind::Emptiable(5000)),
    may("state", Kind::Emptiable(5000)),
]);
pub const SHIPPING: Kind = Kind::Whole(&[
    must("address", ADDRESS),
    must("name", Kind::Text(5000)),
    may("carrier", Kind::Emptiable(5000)),
    may("phone", Kind::Emptiable(5000)),
    may("tracking_number", Kind::Emptiable(5000)),
]);
pub const PAGING: [Field; 3] = [
    may("limit", Kind::Integer),
    may("starting_after", Kind::Text(255)),
    may("ending_before", Kind::Text(255)),
];

const METADATA_KEYS: usize = 50;
const METADATA_KEY: usize = 40;
const METADATA_VALUE: usize = 500;

/// The parameters, typed.
///
/// # Errors
/// Stripe's for the first fault.
pub fn read(fields: &[Field], tree: &Map<String, Value>) -> Outcome<Map<String, Value>> {
    object(fields, tree, "")
}

fn object(fields: &[Field], tree: &Map<String, Value>, prefix: &str) -> Outcome<Map<String, Value>> {
    let mut typed = Map::new();
    for (name, value) in tree {
        let path = joined(prefix, name);
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            return Err(StripeError::invalid(format!("Received unknown parameter: {path}"))
                .code("parameter_unknown")
                .param(&path));
        };
        typed.insert(name.clone(), one(field.kind, value, &path)?);
    }
    for field in fields.iter().filter(|field| field.need == Need::Required) {
        if !tree.contains_key(field.name) {
            let path = joined(prefix, field.name);
            return Err(StripeError::invalid(format!("Missing required param: {path}."))
                .code("parameter_missing")
                .param(&path));
        }
    }
    Ok(typed)
}

fn joined(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}[{name}]") }
}

fn one(kind: Kind, value: &Value, path: &str) -> Outcome<Value> {
    match kind {
        Kind::Text(limit) | Kind::Emptiable(limit) => text(kind, leaf(value, path)?, limit, path),
        Kind::Integer => integer(leaf(value, path)?, path),
        Kind::Boolean => match leaf(value, path)? {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            other => Err(StripeError::invalid(format!("Invalid boolean: {other}")).param(path)),
        },
        Kind::Word(words) => word(words, leaf(value, path)?, path),
        Kind::Metadata => metadata(value, path),
        Kind::Texts => {
            list(value, path, |item, place| text(Kind::Text(5000), leaf(item, place)?, 5000, place))
        }
        Kind::Words(words) => list(value, path, |item, place| word(words, leaf(item, place)?, place)),
        Kind::Object(fields) => match value {
            Value::Object(tree) => object(fields, tree, path).map(Value::Object),
            Value::String(text) if text.is_empty() => Ok(Value::Null),
            _ => Err(StripeError::invalid("Invalid object").param(path)),
        },
        Kind::Whole(fields) => {
            let mut whole = one(Kind::Object(fields), value, path)?;
            if let Some(map) = whole.as_object_mut() {
                for field in fields {
                    map.entry(field.name).or_insert(Value::Null);
                }
            }
            Ok(whole)
        }
        Kind::Objects(fields) => list(value, path, |item, place| match item {
            Value::Object(tree) => object(fields, tree, place).map(Value::Object),
            _ => Err(StripeError::invalid("Invalid object").param(place)),
        }),
        Kind::Range => match value {
            Value::Object(tree) => {
                const ENDS: [Field; 4] = [
                    may("gt", Kind::Integer),
                    may("gte", Kind::Integer),
                    may("lt", Kind::Integer),
                    may("lte", Kind::Integer),
                ];
                object(&ENDS, tree, path).map(Value::Object)
            }
            other => integer(leaf(other, path)?, path),
        },
        Kind::Beyond => Err(StripeError::beyond(path)),
    }
}

fn leaf<'a>(value: &'a Value, path: &str) -> Outcome<&'a str> {
    value.as_str().ok_or_else(|| StripeError::invalid("Invalid string").param(path))
}

fn text(kind: Kind, text: &str, limit: usize, path: &str) -> Outcome<Value> {
    if text.is_empty() {
        return match kind {
            Kind::Emptiable(_) => Ok(Value::Null),
            _ => Err(StripeError::invalid(format!(
                "You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter; however \
                 '{path}' cannot be unset. You should remove '{path}' from your request or supply a non-empty value."
            ))
            .code("parameter_invalid_empty")
            .param(path)),
        };
    }
    let length = text.chars().count();
    if length > limit {
        return Err(StripeError::invalid(format!(
            "Invalid string; must be at most {limit} characters (yours was {length})"
        ))
        .param(path));
    }
    Ok(Value::String(text.to_owned()))
}

fn integer(text: &str, path: &str) -> Outcome<Value> {
    // "+5" and "5.0" are no whole numbers for Stripe.
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_whole.then(|| text.parse::<i64>().ok()).flatten();
    number.map(Value::from).ok_or_else(|| {
        StripeError::invalid(format!("Invalid integer: {text}")).code("parameter_invalid_integer").param(path)
    })
}

fn word(words: &[&str], text: &str, path: &str) -> Outcome<Value> {
    if words.contains(&text) {
        return Ok(Value::String(text.to_owned()));
    }
    let choice = match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{}, or {last}", rest.join(", ")),
        None => String::new(),
    };
    Err(StripeError::invalid(format!("Invalid {path}: must be one of {choice}")).param(path))
}

fn list(value: &Value, path: &str, each: impl Fn(&Value, &str) -> Outcome<Value>) -> Outcome<Value> {
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| each(item, &format!("{path}[{index}]")))
            .collect::<Outcome<Vec<_>>>()
            .map(Value::Array),
        Value::String(text) if text.is_empty() => Ok(Value::Array(Vec::new())),
        _ => Err(StripeError::invalid("Invalid array").param(path)),
    }
}

/// An empty text takes all of it away; an empty value takes that key away (null stands for it here).
fn metadata(value: &Value, path: &str) -> Outcome<Value> {
    let numbered;
    let tree = match value {
        Value::Object(tree) => tree,
        // Keys that happen to be 0, 1, 2 ….
        Value::Array(items) => {
            numbered = items.iter().enumerate().map(|(key, item)| (key.to_string(), item.clone())).collect();
            &numbered
        }
        Value::String(text) if text.is_empty() => return Ok(Value::Null),
        _ => return Err(StripeError::invalid("Metadata is a set of names and values.").param(path)),
    };
    if tree.len() > METADATA_KEYS {
        return Err(StripeError::invalid(format!(
            "You can only have up to {METADATA_KEYS} metadata keys (yours had {}).",
            tree.len()
        ))
        .param(path));
    }
    let mut typed = Map::new();
    for (key, value) in tree {
        let place = joined(path, key);
        if key.chars().count() > METADATA_KEY {
            return Err(StripeError::invalid(format!(
                "Metadata keys can be at most {METADATA_KEY} characters long: {key}"
            ))
            .param(&place));
        }
        let text = leaf(value, &place)?;
        if text.chars().count() > METADATA_VALUE {
            return Err(StripeError::invalid(format!(
                "Metadata values can be at most {METADATA_VALUE} characters long: {key}"
            ))
            .param(&place));
        }
        typed.insert(key.clone(), if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) });
    }
    Ok(Value::Object(typed))
}

/// The object's metadata with what the call changes.
pub fn merged_metadata(old: &Value, params: &Map<String, Value>) -> Value {
    let mut all = old.as_object().cloned().unwrap_or_default();
    match params.get("metadata") {
        Some(Value::Object(new)) => {
            for (key, value) in new {
                if value.is_null() {
                    all.remove(key);
                } else {
                    all.insert(key.clone(), value.clone());
                }
            }
        }
        Some(_) => all.clear(),
        None => {}
    }
    Value::Object(all)
}

/// A typed parameter as a value; null where it is not given.
pub fn given(params: &Map<String, Value>, name: &str) -> Value {
    params.get(name).cloned().unwrap_or(Value::Null)
}

pub fn text_of<'a>(params: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    params.get(name).and_then(Value::as_str)
}
