//! Which questions to ask a shop's database, and what stands in the answers: a data file for each kind of shop.

use std::collections::BTreeMap;

use serde::Deserialize;
use storeward_store::foreign::ForeignEngine;

use super::{Mapping, Misfit, Source};
use crate::catalogue::Field;

const BUILT_IN: [(&str, &str); 2] = [
    ("woocommerce", include_str!("../../shops/import/woocommerce.toml")),
    ("django-oscar", include_str!("../../shops/import/django-oscar.toml")),
];

/// What every question may say in braces beside the file's own places.
const SLOTS: [&str; 3] = ["after", "limit", "since"];

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    name: String,
    engines: Vec<String>,
    #[serde(default)]
    places: BTreeMap<String, String>,
    /// Places that are written in another way for one engine.
    #[serde(default)]
    engine: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default, rename = "part")]
    parts: Vec<WrittenPart>,
    #[serde(default)]
    present: Vec<WrittenPresent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPart {
    name: String,
    #[serde(rename = "if")]
    only_if: Option<String>,
    unless: Option<String>,
    total: Option<String>,
    sql: String,
    id: String,
    key: String,
    also: Option<String>,
    begun: Option<String>,
    reached: Option<String>,
    order: Option<String>,
    billed: Option<String>,
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    empty: super::Empty,
    fields: BTreeMap<String, Source>,
    #[serde(default)]
    items: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPresent {
    #[serde(rename = "if")]
    only_if: Option<String>,
    unless: Option<String>,
    sql: String,
}

/// A kind of shop, ready to be asked.
#[derive(Clone, Debug)]
pub struct ShopFile {
    pub name: String,
    /// Tells one file from another: what was read by the one is read anew by the other.
    pub hash: String,
    pub(crate) parts: Vec<Part>,
    pub(crate) present: Vec<Question>,
}

/// One question of many answers, page by page.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub name: String,
    pub question: Question,
    pub total: Option<String>,
    /// The column by which it is paged.
    pub id: String,
    pub mapping: Mapping,
}

#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub only_if: Option<String>,
    pub unless: Option<String>,
    pub sql: String,
}

impl Question {
    /// Whether it asks only for what was changed since a moment.
    pub fn is_of_changes(&self) -> bool {
        self.sql.contains("{since}")
    }
}

impl ShopFile {
    /// The built-in file of this name.
    pub fn built_in(name: &str) -> Option<&'static str> {
        BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    pub fn names() -> Vec<&'static str> {
        BUILT_IN.iter().map(|(name, _)| *name).collect()
    }

    /// Reads a file for an engine. `places` go before its own.
    pub fn parse(
        text: &str,
        engine: ForeignEngine,
        places: &BTreeMap<String, String>,
    ) -> Result<ShopFile, Misfit> {
        let written: Written = toml::from_str(text).map_err(|why| Misfit(why.message().to_owned()))?;
        if written.format != 1 {
            return Err(Misfit(format!("format {} is not known; this program reads 1", written.format)));
        }
        if !written.engines.iter().any(|name| name == engine.name()) {
            return Err(Misfit(format!(
                "{} is read from {}, not from {}",
                written.name,
                written.engines.join(", "),
                engine.name()
            )));
        }
        let mut all = written.places;
        all.extend(written.engine.get(engine.name()).cloned().unwrap_or_default());
        for (name, value) in places {
            let is_plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !all.contains_key(name) || !is_plain || value.len() > 64 {
                let known: Vec<&str> = all.keys().map(String::as_str).collect();
                return Err(Misfit(format!(
                    "{name}: places of {} are {}, and a value is letters, digits and _",
                    written.name,
                    known.join(", ")
                )));
            }
            all.insert(name.clone(), value.clone());
        }
        let mut parts: Vec<Part> = Vec::new();
        for part in written.parts {
            if parts.iter().any(|known| known.name == part.name) {
                return Err(Misfit(format!("the part {} stands there twice", part.name)));
            }
            parts.push(part.ready(&all)?);
        }
        let present = written.present.into_iter().map(|one| one.ready(&all)).collect::<Result<_, _>>()?;
        if parts.is_empty() {
            return Err(Misfit("there is no [[part]]".to_owned()));
        }
        let told: Vec<String> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let hash = format!("{text}\n{}", told.join("\n"));
        let hash = storeward_seal::fingerprint::sha256_hex(hash.as_bytes()).chars().take(16).collect();
        Ok(ShopFile { name: written.name, hash, parts, present })
    }
}

impl WrittenPart {
    fn ready(self, places: &BTreeMap<String, String>) -> Result<Part, Misfit> {
        let of = |why: Misfit| Misfit(format!("the part {}: {}", self.name, why.0));
        for name in self.fields.keys() {
            let full = name.split_once('@').map_or(name.as_str(), |(full, _)| full);
            Field::find(full).map_err(|why| of(Misfit(why.to_string())))?;
        }
        let question = WrittenPresent { only_if: self.only_if, unless: self.unless, sql: self.sql };
        let question =
            question.ready(places).map_err(|why| Misfit(format!("the part {}: {}", self.name, why.0)))?;
        let total = self.total.as_deref().map(|sql| filled(sql, places)).transpose()?;
        let mapping = Mapping {
            key: self.key,
            fields: self.fields,
            items: self.items,
            also: self.also,
            begun: self.begun,
            reached: self.reached,
            order: self.order,
            billed: self.billed,
            unique: self.unique,
            empty: self.empty,
        };
        Ok(Part { name: self.name, question, total, id: self.id, mapping })
    }
}

impl WrittenPresent {
    fn ready(self, places: &BTreeMap<String, String>) -> Result<Question, Misfit> {
        for slot in ["{after}", "{limit}"] {
            if !self.sql.contains(slot) {
                return Err(Misfit(format!("its sql does not say {slot}: it is asked page by page")));
            }
        }
        let filled_in = |sql: &Option<String>| sql.as_deref().map(|sql| filled(sql, places)).transpose();
        Ok(Question {
            only_if: filled_in(&self.only_if)?,
            unless: filled_in(&self.unless)?,
            sql: filled(&self.sql, places)?,
        })
    }
}

/// The statement with its places filled in. One statement, and one that reads.
fn filled(sql: &str, places: &BTreeMap<String, String>) -> Result<String, Misfit> {
    let mut text = sql.trim().to_owned();
    // Places may say places.
    for _ in 0..3 {
        for (name, value) in places {
            text = text.replace(&format!("{{{name}}}"), value);
        }
    }
    let word = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    if !matches!(word.as_str(), "SELECT" | "WITH") || text.contains(';') {
        return Err(Misfit("sql is one SELECT without `;`".to_owned()));
    }
    for left in text.split('{').skip(1) {
        let name = left.split('}').next().unwrap_or_default();
        if !SLOTS.contains(&name) {
            return Err(Misfit(format!("sql says {{{name}}}, which is no place of the file")));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, places: &[(&str, &str)]) -> Result<ShopFile, String> {
        let places = places.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        ShopFile::parse(text, ForeignEngine::MySql, &places).map_err(|why| why.0)
    }

    #[test]
    fn the_built_in_files_fit_every_engine_that_they_name() {
        for name in ShopFile::names() {
            let text = ShopFile::built_in(name).unwrap();
            let written: Written = toml::from_str(text).unwrap();
            for engine in [ForeignEngine::MySql, ForeignEngine::Postgres, ForeignEngine::Sqlite] {
                let parsed = ShopFile::parse(text, engine, &BTreeMap::new());
                assert_eq!(
                    parsed.is_ok(),
                    written.engines.iter().any(|one| one == engine.name()),
                    "{name}: {parsed:?}"
                );
            }
        }
        let text = ShopFile::built_in("woocommerce").unwrap();
        let shop = parse(text, &[("prefix", "shop7_")]).unwrap();
        assert!(shop.parts[0].question.sql.contains("shop7_users"));
        assert_ne!(shop.hash, parse(text, &[]).unwrap().hash);
    }

    #[test]
    fn a_file_that_does_not_fit_is_refused() {
        let text = "format = 1\nname = 'x'\nengines = ['mysql']\n[places]\np = 'wp_'\n[[part]]\nname = 'a'\nid = 'id'\nkey = 'k'\n\
                    sql = 'SELECT id, k FROM {p}t WHERE id > {after} LIMIT {limit}'\n[part.fields]\n'contact.email' = 'mail'\n";
        parse(text, &[]).unwrap();
        for (from, to, says) in [
            ("format = 1", "format = 2", "format 2"),
            ("'mysql'", "'sqlite'", "not from mysql"),
            ("SELECT id", "DELETE id", "one SELECT"),
            ("LIMIT {limit}", "LIMIT {limit}; DROP TABLE x", "one SELECT"),
            ("LIMIT {limit}", "LIMIT 5", "{limit}"),
            ("id > {after}", "1 = 1", "{after}"),
            ("{p}t", "{q}t", "{q}"),
            ("contact.email", "contact.shoe", "contact.shoe"),
            ("key = 'k'", "key = 'k'\nmost = 5", "unknown field"),
        ] {
            let told = parse(&text.replace(from, to), &[]).unwrap_err();
            assert!(told.contains(says), "{to}: {told}");
        }
        for (name, value) in [("p", "wp; --"), ("q", "wp_"), ("p", "a b"), ("after", "1")] {
            assert!(parse(text, &[(name, value)]).is_err(), "{name}={value}");
        }
    }
}
