//! Lists with their pages, and ids that become the objects they name.

use serde_json::{Map, Value, json};

use super::Desk;
use super::error::{Outcome, StripeError};
use super::params::{self, EXPAND, Kind, PAGING, may, text_of};
use crate::shelf::{text, whole};

const DEPTH: usize = 4;
const MOST: usize = 20;

/// Which kind of object an id names.
const PREFIXES: [(&str, &str); 11] = [
    ("pi_", "payment_intent"),
    ("ch_", "charge"),
    ("re_", "refund"),
    ("cs_", "checkout.session"),
    ("seti_", "setup_intent"),
    ("pm_", "payment_method"),
    ("cus_", "customer"),
    ("du_", "dispute"),
    ("txn_", "balance_transaction"),
    ("evt_", "event"),
    ("we_", "webhook_endpoint"),
];

/// The paths of `expand`.
pub fn wanted(tree: &Map<String, Value>) -> Outcome<Vec<String>> {
    let Some(value) = tree.get("expand") else { return Ok(Vec::new()) };
    let paths: Option<Vec<String>> = value
        .as_array()
        .map(|paths| paths.iter().filter_map(|path| path.as_str().map(str::to_owned)).collect());
    let paths = paths.ok_or_else(|| StripeError::invalid("Invalid array").param("expand"))?;
    if paths.len() > MOST || paths.iter().any(|path| path.split('.').count() > DEPTH) {
        return Err(StripeError::invalid("You can only expand up to 4 levels of properties.").param("expand"));
    }
    Ok(paths)
}

impl Desk<'_> {
    pub fn expanded(&self, mut value: Value, paths: &[String]) -> Outcome<Value> {
        for path in paths {
            let parts: Vec<&str> = path.split('.').collect();
            self.expand(&mut value, &parts, path)?;
        }
        Ok(value)
    }

    fn expand(&self, value: &mut Value, parts: &[&str], path: &str) -> Outcome<()> {
        let Some((name, rest)) = parts.split_first() else { return Ok(()) };
        if let Some(items) = value.as_array_mut() {
            return items.iter_mut().try_for_each(|item| self.expand(item, parts, path));
        }
        let cannot =
            || StripeError::invalid(format!("This property cannot be expanded ({path}).")).param("expand[]");
        // What is left out unless it is asked for.
        if *name == "line_items" && text(value, "object") == "checkout.session" {
            let items = value.get("_line_items").cloned().unwrap_or(Value::Null);
            crate::shelf::set(value, "line_items", items);
            return Ok(());
        }
        let place = value.get_mut(*name).ok_or_else(cannot)?;
        if let Some(id) = place.as_str() {
            *place = self.named(id).ok_or_else(cannot)?;
        }
        // Not there yet, such as the charge of an intent that nobody has confirmed: what would be in it is not missed.
        if place.is_null() {
            return Ok(());
        }
        self.expand(place, rest, path)
    }

    fn named(&self, id: &str) -> Option<Value> {
        let (_, kind) = PREFIXES.iter().find(|(prefix, _)| id.starts_with(prefix))?;
        self.find(kind, id)
    }

    /// One page of a kind, newest first, where `by` are the fields that a caller may filter by.
    pub fn list_of(
        &mut self,
        kind: &'static str,
        url: &str,
        by: &[&'static str],
        tree: &Map<String, Value>,
    ) -> Outcome<Value> {
        let mut fields = vec![EXPAND, may("created", Kind::Range)];
        fields.extend(PAGING);
        fields.extend(by.iter().map(|name| may(name, Kind::Text(255))));
        let given = params::read(&fields, tree)?;
        let items = self
            .list(kind)
            .into_iter()
            .filter(|item| {
                by.iter().all(|name| text_of(&given, name).is_none_or(|word| text(item, name) == word))
            })
            .filter(|item| in_range(whole(item, "created"), given.get("created")))
            .collect();
        page(items, &given, url)
    }
}

pub fn in_range(at_s: i64, range: Option<&Value>) -> bool {
    match range {
        None => true,
        Some(Value::Object(ends)) => ends.iter().all(|(end, value)| {
            let bound = value.as_i64().unwrap_or(0);
            match end.as_str() {
                "gt" => at_s > bound,
                "gte" => at_s >= bound,
                "lt" => at_s < bound,
                _ => at_s <= bound,
            }
        }),
        Some(moment) => moment.as_i64() == Some(at_s),
    }
}

/// One page of `items`, which stand newest first.
pub fn page(items: Vec<Value>, given: &Map<String, Value>, url: &str) -> Outcome<Value> {
    let limit = given.get("limit").and_then(Value::as_i64).unwrap_or(10);
    if !(1..=100).contains(&limit) {
        let word = if limit < 1 { "greater than or equal to 1" } else { "less than or equal to 100" };
        return Err(StripeError::invalid(format!("This value must be {word}."))
            .code("parameter_invalid_integer")
            .param("limit"));
    }
    let limit = usize::try_from(limit).unwrap_or(10);
    let place = |id: &str, param: &str| {
        items
            .iter()
            .position(|item| text(item, "id") == id)
            .ok_or_else(|| StripeError::missing("object", id, param))
    };
    let (data, has_more): (Vec<Value>, bool) =
        match (text_of(given, "starting_after"), text_of(given, "ending_before")) {
            (Some(_), Some(_)) => {
                return Err(StripeError::invalid(
                    "You cannot parameterize both ending_before and starting_after.",
                ));
            }
            (Some(id), None) => {
                let from = place(id, "starting_after")? + 1;
                (items.iter().skip(from).take(limit).cloned().collect(), items.len() > from + limit)
            }
            (None, Some(id)) => {
                let to = place(id, "ending_before")?;
                let from = to.saturating_sub(limit);
                (items[from..to].to_vec(), from > 0)
            }
            (None, None) => (items.iter().take(limit).cloned().collect(), items.len() > limit),
        };
    Ok(json!({ "object": "list", "url": url, "has_more": has_more, "data": data }))
}
