//! Paging by key: every list has an end.

use serde::Serialize;

/// How many rows at most: between 1 and 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(u16);

impl PageSize {
    pub const MAX: u16 = 500;

    /// Brings `rows` into 1..=500.
    pub fn new(rows: u16) -> Self {
        PageSize(rows.clamp(1, Self::MAX))
    }

    pub const fn get(self) -> u16 {
        self.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        PageSize(50)
    }
}

/// Some rows, and the key to ask for the next ones with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T, K> {
    pub rows: Vec<T>,
    pub next: Option<K>,
}
