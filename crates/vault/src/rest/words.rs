//! Words of requests: each takes only what fits.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use storeward_api::{Book, Shape};
use storeward_base::{CustomerId, Secret, Timestamp};
use storeward_policy::Purpose;

use crate::catalogue::{Class, Field, Lookup};
use crate::{FIELDS, fields_of};

/// Longest text that any field takes.
const LONGEST: usize = 16_384;

/// A word that is read from a text, with its schema.
macro_rules! word {
    ($(#[doc = $doc:literal])+ $name:ident($inner:ty), $says:literal, |$read:ident| $parse:expr, |$write:ident| $text:expr, $schema:expr) => {
        $(#[doc = $doc])+
        #[derive(Clone)]
        pub struct $name(pub $inner);

        impl FromStr for $name {
            type Err = &'static str;
            fn from_str($read: &str) -> Result<Self, Self::Err> {
                let found: Option<$inner> = $parse;
                found.map($name).ok_or($says)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Secret::new(String::deserialize(deserializer)?);
                text.expose().parse().map_err(serde::de::Error::custom)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $write = self;
                let text: String = $text;
                serializer.serialize_str(&text)
            }
        }

        impl Shape for $name {
            fn schema(_: &mut Book) -> Value {
                $schema
            }
        }
    };
}

word! {
    /// A customer's id, in its one form.
    CustomerWord(CustomerId),
    "this is no customer's id",
    |text| text.parse::<CustomerId>().ok().filter(|id| id.to_string() == text),
    |word| word.0.to_string(),
    customer_schema()
}

word! {
    /// A collection.
    Collection(Class),
    "this is no collection: contact, address, order, note, identity_document, consent, payment",
    |text| Class::ALL.into_iter().find(|class| class.name() == text),
    |word| word.0.name().to_owned(),
    json!({ "type": "string", "enum": Class::ALL.map(Class::name) })
}

word! {
    /// The name of an item of a collection.
    ItemName(String),
    "this is no name of letters, digits, - and _, at most 64",
    |text| is_item(text).then(|| text.to_owned()),
    |word| word.0.clone(),
    item_schema()
}

word! {
    /// A field by its full name.
    FieldWord(&'static Field),
    "this is no field; GET /api/v1/fields lists them",
    |text| Field::find(text).ok(),
    |word| word.0.full_name(),
    json!({ "type": "string", "enum": names(&fields_of(&Class::ALL)) })
}

word! {
    /// A field by whose value, or by parts of whose value, customers are found.
    LookupWord(&'static Field),
    "this is no field by which customers are found",
    |text| Field::find(text).ok().filter(|field| is_found_by(field)),
    |word| word.0.full_name(),
    json!({ "type": "string", "enum": names(&found_by()) })
}

word! {
    /// What data is opened for.
    PurposeWord(Purpose),
    "this is no purpose: support, shipping, invoicing, dispute, rights_request, legal_claim, marketing",
    |text| Purpose::of_name(text).filter(|purpose| *purpose != Purpose::OwnData),
    |word| word.0.name().to_owned(),
    json!({ "type": "string", "enum": Purpose::OF_STAFF.map(Purpose::name) })
}

word! {
    /// The shop's own number of a customer, or of an order.
    Number(String),
    "this is no number of 1 to 64 visible signs",
    |text| is_number(text).then(|| text.to_owned()),
    |word| word.0.clone(),
    json!({ "type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]{1,64}$" })
}

word! {
    /// A moment.
    Moment(Timestamp),
    "this is no moment such as 2026-11-26T12:00:00Z",
    |text| Timestamp::parse_rfc3339(text),
    |word| word.0.rfc3339(),
    json!({ "type": "string", "format": "date-time", "maxLength": 40 })
}

word! {
    /// How a copy is written.
    Form(&'static str),
    "this is no form: json, csv",
    |text| ["json", "csv"].into_iter().find(|form| *form == text),
    |word| word.0.to_owned(),
    json!({ "type": "string", "enum": ["json", "csv"] })
}

fn names(fields: &[&'static Field]) -> Vec<String> {
    fields.iter().map(|field| field.full_name()).collect()
}

fn found_by() -> Vec<&'static Field> {
    FIELDS.iter().filter(|field| is_found_by(field)).collect()
}

fn is_found_by(field: &Field) -> bool {
    field.lookup == Lookup::Whole || crate::by_part(&field.full_name()).is_ok()
}

fn is_item(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn is_number(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

pub fn customer_schema() -> Value {
    json!({ "type": "string", "pattern": "^cust_[0-7][0-9a-hjkmnp-tv-z]{25}$" })
}

pub fn item_schema() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" })
}

pub fn collection_schema() -> Value {
    json!({ "type": "string", "enum": Class::ALL.map(Class::name) })
}

/// A value as it was sent: it is not printed.
#[derive(Clone)]
pub struct Text(pub Secret<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Secret::new(String::deserialize(deserializer)?);
        match text.expose().chars().count() {
            1..=LONGEST => Ok(Text(text)),
            _ => Err(serde::de::Error::custom("this is empty, or longer than any field takes")),
        }
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl Shape for Text {
    fn schema(_: &mut Book) -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": LONGEST })
    }
}

/// Values by their fields' names.
pub struct Values(pub BTreeMap<String, Secret<String>>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<String, Text>::deserialize(deserializer)?;
        if (1..=20).contains(&map.len()) {
            return Ok(Values(map.into_iter().map(|(name, text)| (name, text.0)).collect()));
        }
        Err(serde::de::Error::custom("this object has 1 to 20 values"))
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value.expose())))
    }
}

impl Shape for Values {
    fn schema(book: &mut Book) -> Value {
        json!({
            "type": "object",
            "minProperties": 1,
            "maxProperties": 20,
            "additionalProperties": Text::schema(book),
        })
    }
}
