//! What a rule asks, read from its text: which names stand in it, and whether the table of who sees what can show it.
//!
//! The table asks for one group of staff at a time, with a factor shown just now, for every purpose, field and whether an order was named.
//! A rule that goes by anything else could give somebody everything and stand in no row of it, so it is told by itself.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::words::{Grant, Purpose};

/// What was found in one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Kind and name, such as `Field` and `contact.email`.
    pub entities: BTreeSet<(String, String)>,
    /// Texts that conditions compare with.
    pub texts: BTreeSet<String>,
    /// Names of actions; none where the rule is about every one.
    pub acts: BTreeSet<String>,
    /// What it goes by that the table does not ask.
    pub beyond: BTreeSet<String>,
}

impl Reading {
    /// Of a rule in Cedar's JSON.
    pub fn of(rule: &Value) -> Self {
        let mut reading = Reading::default();
        reading.scope(&rule["principal"]);
        reading.scope(&rule["resource"]);
        let mut of_act = Reading::default();
        of_act.scope(&rule["action"]);
        reading.acts = of_act.entities.into_iter().map(|(_, name)| name).collect();
        let mut with_groups = usize::from(reading.has_group());
        for condition in rule["conditions"].as_array().into_iter().flatten() {
            let mut part = Reading::default();
            part.condition(&condition["body"], condition["kind"] == "when");
            with_groups += usize::from(part.has_group());
            reading.join(part);
        }
        if with_groups > 1 {
            reading.beyond.insert(TWO_GROUPS.to_owned());
        }
        reading
    }

    /// Names of one kind.
    pub fn named(&self, kind: &str) -> impl Iterator<Item = &str> {
        self.entities.iter().filter(move |(known, _)| known == kind).map(|(_, name)| name.as_str())
    }

    /// Texts that are none of the words that circumstances have.
    pub fn strange_texts(&self) -> impl Iterator<Item = &str> {
        let is_grant = |text: &str| {
            [Grant::None, Grant::Approved, Grant::BreakGlass].iter().any(|grant| grant.name() == text)
        };
        let texts = self.texts.iter().map(String::as_str);
        texts.filter(move |text| Purpose::of_name(text).is_none() && !is_grant(text))
    }

    fn has_group(&self) -> bool {
        self.named("Role").next().is_some()
    }

    fn join(&mut self, other: Reading) {
        self.entities.extend(other.entities);
        self.texts.extend(other.texts);
        self.beyond.extend(other.beyond);
    }

    /// `principal`, `action` and `resource` before the conditions.
    fn scope(&mut self, scope: &Value) {
        for one in [&scope["entity"], &scope["in"]["entity"]] {
            self.entity(one, true);
        }
        for one in scope["entities"].as_array().into_iter().flatten() {
            self.entity(one, true);
        }
    }

    fn entity(&mut self, entity: &Value, is_plain: bool) {
        let (Some(kind), Some(name)) = (entity["type"].as_str(), entity["id"].as_str()) else { return };
        match kind {
            "Staff" => self.goes_by("one person"),
            "Customer" | "Record" => self.goes_by("one customer"),
            "Role" if !is_plain => self.goes_by("who is not in a group"),
            _ => {}
        }
        self.entities.insert((kind.to_owned(), name.to_owned()));
    }

    fn goes_by(&mut self, what: &str) {
        self.beyond.insert(what.to_owned());
    }

    /// A condition; `is_plain` while nothing around it turns it round.
    fn condition(&mut self, body: &Value, is_plain: bool) {
        let Some((operator, inner)) = body.as_object().and_then(|object| object.iter().next()) else {
            return;
        };
        match operator.as_str() {
            "Value" => self.value(inner, is_plain),
            "Var" if inner == "context" => self.goes_by("circumstances as a whole"),
            "Var" => {}
            "." | "has" => self.attribute(inner),
            "contains" if is_of_context(&inner["left"]) => {
                let agreed =
                    inner["left"]["."]["attr"] == "consents" && inner["right"]["Value"] == "marketing";
                if !(agreed && is_plain) {
                    self.attribute(&inner["left"]["."]);
                }
            }
            "&&" => {
                let mut sides = [Reading::default(), Reading::default()];
                sides[0].condition(&inner["left"], is_plain);
                sides[1].condition(&inner["right"], is_plain);
                if sides.iter().all(Reading::has_group) {
                    self.goes_by(TWO_GROUPS);
                }
                sides.into_iter().for_each(|side| self.join(side));
            }
            "||" | "in" | "is" | "Set" | "contains" => self.parts(inner, is_plain),
            _ => self.parts(inner, false),
        }
    }

    /// What an operator is about, in whatever way Cedar writes it down.
    fn parts(&mut self, inner: &Value, is_plain: bool) {
        match inner {
            Value::Array(list) => list.iter().for_each(|one| self.condition(one, is_plain)),
            Value::Object(map) => {
                map.values().filter(|one| one.is_object()).for_each(|one| self.condition(one, is_plain))
            }
            _ => {}
        }
    }

    fn attribute(&mut self, of: &Value) {
        let name = of["attr"].as_str().unwrap_or_default();
        if of["left"]["Var"] != "context" {
            return self.goes_by(name);
        }
        if !matches!(name, "purpose" | "assigned") {
            self.goes_by(name);
        }
    }

    fn value(&mut self, value: &Value, is_plain: bool) {
        match value {
            Value::String(text) => {
                self.texts.insert(text.clone());
            }
            Value::Array(list) => list.iter().for_each(|one| self.value(one, is_plain)),
            Value::Object(map) => {
                if let Some(entity) = map.get("__entity") {
                    self.entity(entity, is_plain);
                }
            }
            _ => {}
        }
    }
}

const TWO_GROUPS: &str = "two groups at once";

/// Whether it is `context.consents` or `context.objections`: what is looked for in them is a shop's own word.
fn is_of_context(left: &Value) -> bool {
    left["."]["left"]["Var"] == "context"
        && matches!(left["."]["attr"].as_str(), Some("consents" | "objections"))
}
