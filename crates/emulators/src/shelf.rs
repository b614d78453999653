//! Objects in the form in which they are answered, in the order in which they were made. What is private to an emulator stands
//! beside the rest under names that begin with an underscore, and is left out of answers.

use std::collections::HashMap;

use serde_json::{Map, Value};

#[derive(Debug, Default)]
pub struct Shelf {
    order: Vec<String>,
    items: HashMap<String, Value>,
}

impl Shelf {
    pub fn put(&mut self, id: &str, item: Value) {
        if self.items.insert(id.to_owned(), item).is_none() {
            self.order.push(id.to_owned());
        }
    }

    pub fn get(&self, id: &str) -> Option<&Value> {
        self.items.get(id)
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut Value> {
        self.items.get_mut(id)
    }

    pub fn remove(&mut self, id: &str) -> Option<Value> {
        self.order.retain(|known| known != id);
        self.items.remove(id)
    }

    /// Newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Value> {
        self.order.iter().rev().filter_map(|id| self.items.get(id))
    }
}

/// Without what is private.
pub fn shown(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(name, _)| !name.starts_with('_'))
                .map(|(name, value)| (name.clone(), shown(value)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(shown).collect()),
        other => other.clone(),
    }
}

/// A text field; empty where there is none.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or("")
}

/// A whole number; 0 where there is none.
pub fn whole(value: &Value, name: &str) -> i64 {
    value.get(name).and_then(Value::as_i64).unwrap_or(0)
}

pub fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// Puts `new` into a field of an object; does nothing to anything else.
pub fn set(value: &mut Value, name: &str, new: impl Into<Value>) {
    if let Some(map) = value.as_object_mut() {
        map.insert(name.to_owned(), new.into());
    }
}
