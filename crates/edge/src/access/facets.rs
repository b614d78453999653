//! The most frequent values per field under a filter.

use std::collections::HashMap;

use serde::Serialize;
use storeward_base::Timestamp;

use super::filter::Field;
use super::record::AccessRecord;

/// Different values counted per field at most; records with further ones are in [`Facet::uncounted`].
const MAX_VALUES: usize = 10_000;
/// Values reported per field.
const TOP: usize = 10;

/// What stands out among the records that a filter takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facets {
    pub facets: Vec<Facet>,
    /// Records that matched.
    pub matched: u64,
    /// Records looked at, matching or not.
    pub scanned: u64,
    /// The scan limit was reached: older records were not looked at.
    pub truncated: bool,
    /// Time of the oldest record looked at.
    pub reaches_back_to: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facet {
    /// The field's name in a filter.
    pub field: &'static str,
    /// Most frequent first, at most 10.
    pub values: Vec<FacetValue>,
    /// Records with a value that is not among `values`.
    pub others: u64,
    /// Of those, records whose value was not counted by itself for want of room.
    pub uncounted: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FacetValue {
    pub value: String,
    pub count: u64,
}

/// The fields that facets are made of.
const FIELDS: [Field; 11] = [
    Field::Client,
    Field::Method,
    Field::Host,
    Field::Path,
    Field::Status,
    Field::Verdict,
    Field::Rule,
    Field::Category,
    Field::Route,
    Field::UserAgent,
    Field::Reason,
];

#[derive(Debug, Default)]
struct Counted {
    values: HashMap<Box<str>, u64>,
    uncounted: u64,
}

#[derive(Debug)]
pub(super) struct FacetCounter {
    fields: Vec<(Field, Counted)>,
    pub matched: u64,
}

impl FacetCounter {
    pub fn new() -> Self {
        FacetCounter { fields: FIELDS.map(|field| (field, Counted::default())).into(), matched: 0 }
    }

    pub fn count(&mut self, record: &AccessRecord) {
        self.matched += 1;
        for (field, counted) in &mut self.fields {
            match field {
                Field::Client => counted.add(&record.client.to_string()),
                Field::Method => counted.add(record.method.as_str()),
                Field::Host => counted.add(&record.host),
                Field::Path => counted.add(&record.path),
                Field::Status => counted.add(&record.status.to_string()),
                Field::Verdict => counted.add(record.verdict.name()),
                Field::Rule if record.rule_id != 0 => counted.add(&record.rule_id.to_string()),
                Field::Category => counted.add(&record.category),
                Field::Route => counted.add(&record.route),
                Field::UserAgent => counted.add(&record.user_agent),
                Field::Reason => counted.add(&record.reason),
                _ => {}
            }
        }
    }

    pub fn finish(self) -> Vec<Facet> {
        self.fields.into_iter().map(|(field, counted)| counted.top(field)).collect()
    }
}

impl Counted {
    fn add(&mut self, value: &str) {
        if value.is_empty() {
            return;
        }
        if let Some(count) = self.values.get_mut(value) {
            *count += 1;
        } else if self.values.len() < MAX_VALUES {
            self.values.insert(value.into(), 1);
        } else {
            self.uncounted += 1;
        }
    }

    fn top(self, field: Field) -> Facet {
        let all: u64 = self.values.values().sum();
        let mut values: Vec<_> = self.values.into_iter().collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        values.truncate(TOP);
        let shown: u64 = values.iter().map(|(_, count)| count).sum();
        Facet {
            field: field.name(),
            values: values
                .into_iter()
                .map(|(value, count)| FacetValue { value: value.into(), count })
                .collect(),
            others: all - shown + self.uncounted,
            uncounted: self.uncounted,
        }
    }
}
