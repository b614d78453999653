//! Why an adapter file is refused.

use std::fmt;

/// Names the place in the file and says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterError {
    /// Such as `door[1].paths`, or `line 7`.
    pub place: String,
    pub what: String,
}

impl AdapterError {
    pub(crate) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        AdapterError { place: place.into(), what: what.into() }
    }
}

impl fmt::Display for AdapterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl std::error::Error for AdapterError {}
