//! What goes into statements and comes out of rows: four types that both engines store alike.

use std::net::IpAddr;

use storeward_base::{ClientIp, ClientRef, Id, Tagged, Timestamp};

use crate::Error;

/// A column's value: `BIGINT`, `DOUBLE PRECISION`, `TEXT`, `BLOB`, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// The parameters of a statement, each made a [`Value`]: `params![id, now, "open"]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::Value::from($value)),*] };
}

macro_rules! into_value {
    ($($type:ty => |$name:ident| $value:expr;)+) => {
        $(impl From<$type> for Value { fn from($name: $type) -> Self { $value } })+
    };
}

into_value! {
    i64 => |n| Value::Integer(n);
    i32 => |n| Value::Integer(n.into());
    u32 => |n| Value::Integer(n.into());
    u16 => |n| Value::Integer(n.into());
    u8 => |n| Value::Integer(n.into());
    bool => |b| Value::Integer(b.into());
    f64 => |n| Value::Real(n);
    &str => |text| Value::Text(text.to_owned());
    String => |text| Value::Text(text);
    &String => |text| Value::Text(text.clone());
    &[u8] => |bytes| Value::Blob(bytes.to_vec());
    Vec<u8> => |bytes| Value::Blob(bytes);
    &Vec<u8> => |bytes| Value::Blob(bytes.clone());
    Timestamp => |at| Value::Integer(at.micros());
    ClientRef => |client| Value::Text(client.to_string());
    ClientIp => |ip| Value::Text(ip.to_string());
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Value::Blob(bytes.to_vec())
    }
}

impl<T: Tagged> From<Id<T>> for Value {
    fn from(id: Id<T>) -> Self {
        Value::Text(id.to_string())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// What a column can be read as.
pub trait FromValue: Sized {
    /// For the error message, such as "a whole number".
    const WANTED: &'static str;

    /// `None` when the value is of another type or out of range.
    fn from_value(value: Value) -> Option<Self>;
}

pub(crate) fn read<T: FromValue>(value: Value, index: usize) -> Result<T, Error> {
    T::from_value(value).ok_or(Error::Column { index, wanted: T::WANTED })
}

macro_rules! from_integer {
    ($($type:ty),+) => {
        $(impl FromValue for $type {
            const WANTED: &'static str = concat!("a whole number that fits ", stringify!($type));
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::Integer(n) => n.try_into().ok(),
                    Value::Null | Value::Real(_) | Value::Text(_) | Value::Blob(_) => None,
                }
            }
        })+
    };
}

from_integer!(i64, u64, i32, u32, u16, u8);

impl FromValue for bool {
    const WANTED: &'static str = "0 or 1";
    fn from_value(value: Value) -> Option<Self> {
        u8::from_value(value).filter(|n| *n < 2).map(|n| n == 1)
    }
}

impl FromValue for f64 {
    const WANTED: &'static str = "a number";
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Real(n) => Some(n),
            Value::Null | Value::Integer(_) | Value::Text(_) | Value::Blob(_) => None,
        }
    }
}

impl FromValue for String {
    const WANTED: &'static str = "text";
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Integer(_) | Value::Real(_) | Value::Blob(_) => None,
        }
    }
}

impl FromValue for Vec<u8> {
    const WANTED: &'static str = "bytes";
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes),
            Value::Null | Value::Integer(_) | Value::Real(_) | Value::Text(_) => None,
        }
    }
}

impl<const N: usize> FromValue for [u8; N] {
    const WANTED: &'static str = "bytes of a fixed length";
    fn from_value(value: Value) -> Option<Self> {
        Vec::from_value(value)?.try_into().ok()
    }
}

impl FromValue for Timestamp {
    const WANTED: &'static str = "a moment in microseconds";
    fn from_value(value: Value) -> Option<Self> {
        i64::from_value(value).map(Timestamp::from_micros)
    }
}

/// As it was written: what people type is read leniently (case, `o` for `0`), and a row that says it otherwise was changed, for nobody finds
/// it by its id.
impl<T: Tagged> FromValue for Id<T> {
    const WANTED: &'static str = "an id";
    fn from_value(value: Value) -> Option<Self> {
        let text = String::from_value(value)?;
        text.parse().ok().filter(|id: &Self| id.text() == text)
    }
}

impl FromValue for ClientRef {
    const WANTED: &'static str = "a client's reference";
    fn from_value(value: Value) -> Option<Self> {
        String::from_value(value)?.parse().ok()
    }
}

impl FromValue for IpAddr {
    const WANTED: &'static str = "an IP address";
    fn from_value(value: Value) -> Option<Self> {
        String::from_value(value)?.parse().ok()
    }
}

impl FromValue for ClientIp {
    const WANTED: &'static str = "an IP address";
    fn from_value(value: Value) -> Option<Self> {
        String::from_value(value)?.parse().ok()
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const WANTED: &'static str = T::WANTED;
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
}
