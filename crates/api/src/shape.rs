//! Shapes of messages: one declaration makes the type that is read or written and what the document says of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What has a form in JSON, and says which (JSON Schema 2020-12).
pub trait Shape {
    fn schema(book: &mut Book) -> Value;

    /// Whether it may be left out of a request.
    fn is_optional() -> bool {
        false
    }
}

/// The named schemas of a document.
#[derive(Default)]
pub struct Book(pub(crate) BTreeMap<&'static str, Value>);

impl Book {
    /// A reference to the schema of this name, which is made when it is first asked for.
    pub fn named(&mut self, name: &'static str, make: impl FnOnce(&mut Book) -> Value) -> Value {
        if !self.0.contains_key(name) {
            self.0.insert(name, Value::Null);
            let schema = make(self);
            self.0.insert(name, schema);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }
}

/// An object's schema under construction.
pub struct ObjectShape {
    about: String,
    is_closed: bool,
    properties: Map<String, Value>,
    required: Vec<Value>,
}

impl ObjectShape {
    /// Of a request: what it does not name is refused.
    pub fn of_request(about: &str) -> Self {
        ObjectShape {
            about: about.trim().to_owned(),
            is_closed: true,
            properties: Map::new(),
            required: Vec::new(),
        }
    }

    /// Of an answer: later versions may add to it.
    pub fn of_answer(about: &str) -> Self {
        ObjectShape { is_closed: false, ..Self::of_request(about) }
    }

    pub fn field<T: Shape>(&mut self, book: &mut Book, name: &str, says: &str) {
        let schema = T::schema(book);
        let says = says.trim();
        let schema = match schema.as_object() {
            // Beside a reference other words are allowed since 3.1.
            Some(map) if !says.is_empty() => {
                let mut map = map.clone();
                map.insert("description".to_owned(), says.into());
                Value::Object(map)
            }
            _ => schema,
        };
        self.properties.insert(name.to_owned(), schema);
        if !(self.is_closed && T::is_optional()) {
            self.required.push(name.into());
        }
    }

    pub fn finish(self) -> Value {
        let mut out = json!({ "type": "object", "properties": self.properties });
        if let Some(map) = out.as_object_mut() {
            if !self.about.is_empty() {
                map.insert("description".to_owned(), self.about.into());
            }
            if !self.required.is_empty() {
                map.insert("required".to_owned(), self.required.into());
            }
            if self.is_closed {
                map.insert("additionalProperties".to_owned(), false.into());
            }
        }
        out
    }
}

/// A text's schema.
pub fn text_schema(least: usize, most: usize) -> Value {
    json!({ "type": "string", "minLength": least, "maxLength": most })
}

impl Shape for String {
    fn schema(_: &mut Book) -> Value {
        json!({ "type": "string" })
    }
}

impl Shape for bool {
    fn schema(_: &mut Book) -> Value {
        json!({ "type": "boolean" })
    }
}

impl Shape for u64 {
    fn schema(_: &mut Book) -> Value {
        json!({ "type": "integer", "minimum": 0 })
    }
}

impl Shape for u16 {
    fn schema(_: &mut Book) -> Value {
        json!({ "type": "integer", "minimum": 0, "maximum": 65_535 })
    }
}

impl Shape for Value {
    fn schema(_: &mut Book) -> Value {
        json!({})
    }
}

impl<T: Shape> Shape for Option<T> {
    fn schema(book: &mut Book) -> Value {
        json!({ "anyOf": [T::schema(book), { "type": "null" }] })
    }

    fn is_optional() -> bool {
        true
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn schema(book: &mut Book) -> Value {
        json!({ "type": "array", "items": T::schema(book) })
    }
}

/// Declares a message: `message! { /// What it is. request Name { /// What it is. field: Type, } }`; `answer` for what is
/// given out.
#[macro_export]
macro_rules! message {
    ($(#[doc = $about:literal])+ request $name:ident { $($(#[doc = $says:literal])+ $field:ident : $type:ty,)+ }) => {
        $crate::message!(@make of_request, $name, [$($about)+], { $([$($says)+] $field : $type,)+ });
    };
    ($(#[doc = $about:literal])+ answer $name:ident { $($(#[doc = $says:literal])+ $field:ident : $type:ty,)+ }) => {
        $crate::message!(@make of_answer, $name, [$($about)+], { $([$($says)+] $field : $type,)+ });
    };
    (@make $kind:ident, $name:ident, [$($about:literal)+], { $([$($says:literal)+] $field:ident : $type:ty,)+ }) => {
        $(#[doc = $about])+
        #[derive($crate::serde::Serialize, $crate::serde::Deserialize)]
        #[serde(crate = "storeward_api::serde", deny_unknown_fields)]
        pub struct $name { $($(#[doc = $says])+ pub $field: $type,)+ }

        impl $crate::Shape for $name {
            fn schema(book: &mut $crate::Book) -> ::serde_json::Value {
                book.named(stringify!($name), |book| {
                    let mut object = $crate::ObjectShape::$kind(concat!($($about),+));
                    $(object.field::<$type>(book, stringify!($field), concat!($($says),+));)+
                    object.finish()
                })
            }
        }
    };
}

/// A list with a least and a most.
pub struct UpTo<T, const LEAST: usize, const MOST: usize>(pub Vec<T>);

impl<T: Shape, const LEAST: usize, const MOST: usize> Shape for UpTo<T, LEAST, MOST> {
    fn schema(book: &mut Book) -> Value {
        json!({ "type": "array", "items": T::schema(book), "minItems": LEAST, "maxItems": MOST })
    }
}

impl<T: serde::Serialize, const LEAST: usize, const MOST: usize> serde::Serialize for UpTo<T, LEAST, MOST> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: serde::Deserialize<'de>, const LEAST: usize, const MOST: usize> serde::Deserialize<'de>
    for UpTo<T, LEAST, MOST>
{
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<T>::deserialize(deserializer)?;
        if (LEAST..=MOST).contains(&list.len()) {
            return Ok(UpTo(list));
        }
        Err(serde::de::Error::custom(format!("this list has {LEAST} to {MOST} entries")))
    }
}
