//! Which records a person wants to see: a list of conditions that a URL can hold.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use storeward_base::Timestamp;

use super::record::{AccessRecord, Verdict};

/// What is compared at a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Network,
    Status,
    Verdict,
    Number,
    Moment,
    Text,
}

/// A line for each field: its name in a URL, and what is compared there.
macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident = $name:literal, $kind:ident;)+) => {
        /// What a condition looks at. The name is what stands in the URL.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field { $($(#[$doc])* $field,)+ }

        impl Field {
            pub const ALL: &'static [Field] = &[$(Field::$field),+];

            pub const fn name(self) -> &'static str {
                match self { $(Field::$field => $name,)+ }
            }

            const fn kind(self) -> Kind {
                match self { $(Field::$field => Kind::$kind,)+ }
            }
        }
    };
}

fields! {
    Client = "client", Network;
    Method = "method", Text;
    Host = "host", Text;
    Path = "path", Text;
    Status = "status", Status;
    Verdict = "verdict", Verdict;
    Rule = "rule", Number;
    Category = "category", Text;
    Route = "route", Text;
    Upstream = "upstream", Text;
    UserAgent = "agent", Text;
    Referrer = "referrer", Text;
    Parameter = "parameter", Text;
    ContentType = "type", Text;
    Reason = "reason", Text;
    /// Path or user agent.
    Text = "text", Text;
    /// Not before this moment.
    Since = "since", Moment;
    /// Before this moment.
    Until = "until", Moment;
    /// Took at least so many milliseconds.
    SlowerMs = "slower_ms", Number;
}

impl Field {
    pub fn named(name: &str) -> Option<Field> {
        Field::ALL.iter().copied().find(|field| field.name() == name)
    }

    /// What a person may write there.
    const fn expects(self) -> &'static str {
        match self.kind() {
            Kind::Network => "an address such as 192.0.2.1 or a network such as 192.0.2.0/24",
            Kind::Status => "a status such as 404 or a class such as 4xx",
            Kind::Verdict => "pass, flagged, challenged, blocked, banned, limited or refused",
            Kind::Number => "a whole number",
            Kind::Moment => "a moment such as 2026-11-24T17:38:00Z",
            Kind::Text => "a text of 1 to 1,024 bytes",
        }
    }
}

/// How a text is compared; fields that are no text know only [`Operator::Is`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `field=value`. For `agent` and `text` the same as contains.
    Is,
    /// `field~=value`: anywhere in it, whatever the case.
    Contains,
    /// `field^=value`.
    StartsWith,
}

/// One condition. Several that include on one field mean any of them; different fields must all hold; each that
/// excludes must fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub field: Field,
    pub operator: Operator,
    pub excludes: bool,
    /// As written, for showing.
    pub value: String,
    pub(super) test: Test,
}

/// A value, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Network(IpNet),
    Status(u16),
    StatusClass(u16),
    Verdict(Verdict),
    Number(u64),
    Moment(Timestamp),
    Text(Box<str>),
}

/// A set of conditions; the empty one takes everything. Reads and prints as a URL's query string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub(super) conditions: Vec<Condition>,
}

/// Why a filter was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterError {
    UnknownField { name: String },
    Value { field: Field, value: String },
    Operator { field: Field, operator: Operator },
    TooMany,
    Encoding,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FilterError::UnknownField { name } => {
                let known: Vec<_> = Field::ALL.iter().map(|field| field.name()).collect();
                write!(f, "there is no field `{name}`; there are {}", known.join(", "))
            }
            FilterError::Value { field, value } => {
                write!(f, "`{value}` does not fit {}: write {}", field.name(), field.expects())
            }
            FilterError::Operator { field, operator } => {
                let sign = if *operator == Operator::Contains { "~=" } else { "^=" };
                write!(f, "{} can be compared by = only, not by {sign}", field.name())
            }
            FilterError::TooMany => {
                write!(f, "a filter has at most {} conditions", Filter::MAX_CONDITIONS)
            }
            FilterError::Encoding => f.write_str("the filter is not percent-encoded UTF-8"),
        }
    }
}

impl std::error::Error for FilterError {}

impl Condition {
    pub fn new(field: Field, operator: Operator, excludes: bool, value: &str) -> Result<Self, FilterError> {
        if operator != Operator::Is && field.kind() != Kind::Text {
            return Err(FilterError::Operator { field, operator });
        }
        let always_contains = matches!(field, Field::UserAgent | Field::Text);
        let operator =
            if always_contains && operator == Operator::Is { Operator::Contains } else { operator };
        let unfit = || FilterError::Value { field, value: shown(value) };
        let test = Test::read(field, operator, value).ok_or_else(unfit)?;
        Ok(Condition { field, operator, excludes, value: value.to_owned(), test })
    }

    /// Whether the record is as the condition says, whichever way the condition counts.
    fn holds(&self, record: &AccessRecord) -> bool {
        match (&self.test, self.field) {
            (Test::Network(network), _) => network.contains(&record.client.get()),
            (Test::Status(status), _) => record.status == *status,
            (Test::StatusClass(class), _) => record.status / 100 == *class,
            (Test::Verdict(verdict), _) => record.verdict == *verdict,
            (Test::Number(number), Field::SlowerMs) => record.duration_us / 1_000 >= *number,
            (Test::Number(number), _) => u64::from(record.rule_id) == *number,
            (Test::Moment(moment), Field::Until) => record.at < *moment,
            (Test::Moment(moment), _) => record.at >= *moment,
            (Test::Text(wanted), field) => self.text_holds(field, wanted, record),
        }
    }

    fn text_holds(&self, field: Field, wanted: &str, record: &AccessRecord) -> bool {
        let fits = |text: &str| match self.operator {
            Operator::Is => text == wanted,
            Operator::StartsWith => text.starts_with(wanted),
            Operator::Contains => contains(text, wanted),
        };
        match field {
            Field::Method => fits(record.method.as_str()),
            Field::Host => fits(&record.host),
            Field::Path => fits(&record.path),
            Field::Category => fits(&record.category),
            Field::Route => fits(&record.route),
            Field::Upstream => record.upstream.as_deref().is_some_and(fits),
            Field::UserAgent => fits(&record.user_agent),
            Field::Referrer => fits(&record.referrer_host),
            Field::Parameter => record.parameter_names.iter().any(fits),
            Field::ContentType => fits(&record.content_type),
            Field::Reason => fits(&record.reason),
            Field::Text => fits(&record.path) || fits(&record.user_agent),
            Field::Client
            | Field::Status
            | Field::Verdict
            | Field::Rule
            | Field::Since
            | Field::Until
            | Field::SlowerMs => false,
        }
    }
}

impl Test {
    fn read(field: Field, operator: Operator, value: &str) -> Option<Test> {
        let value = value.trim();
        Some(match field.kind() {
            Kind::Network => Test::Network(network(value)?),
            Kind::Status => match value.strip_suffix("xx") {
                Some(class) => Test::StatusClass(class.parse().ok().filter(|class| (1..=5).contains(class))?),
                // 0 is the status of a request that was given up before it had an answer.
                None => Test::Status(
                    value.parse().ok().filter(|status| *status == 0 || (100..1_000).contains(status))?,
                ),
            },
            Kind::Verdict => Test::Verdict(Verdict::ALL.into_iter().find(|v| v.name() == value)?),
            Kind::Number => Test::Number(value.parse().ok()?),
            Kind::Moment => Test::Moment(Timestamp::parse_rfc3339(value)?),
            Kind::Text => {
                if value.is_empty() || value.len() > Filter::MAX_VALUE_BYTES {
                    return None;
                }
                let text = match (operator, field) {
                    (Operator::Contains, _) | (_, Field::Host | Field::ContentType) => {
                        value.to_ascii_lowercase()
                    }
                    (_, Field::Method) => value.to_ascii_uppercase(),
                    _ => value.to_owned(),
                };
                Test::Text(text.into())
            }
        })
    }
}

impl Filter {
    pub const MAX_CONDITIONS: usize = 32;
    pub const MAX_VALUE_BYTES: usize = 1_024;

    pub fn new(conditions: Vec<Condition>) -> Result<Self, FilterError> {
        if conditions.len() > Self::MAX_CONDITIONS {
            return Err(FilterError::TooMany);
        }
        Ok(Filter { conditions })
    }

    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// The same filter with one condition more; the same one twice changes nothing. For links "only this", "without this".
    pub fn with(&self, condition: Condition) -> Result<Self, FilterError> {
        let mut conditions = self.conditions.clone();
        if !conditions.contains(&condition) {
            conditions.push(condition);
        }
        Filter::new(conditions)
    }

    /// The same filter without its `index`-th condition.
    #[must_use]
    pub fn without(&self, index: usize) -> Self {
        let kept = self.conditions.iter().enumerate().filter(|(at, _)| *at != index);
        Filter { conditions: kept.map(|(_, condition)| condition.clone()).collect() }
    }

    pub fn matches(&self, record: &AccessRecord) -> bool {
        let mut answered: Vec<(Field, bool)> = Vec::new();
        for condition in &self.conditions {
            let holds = condition.holds(record);
            if condition.excludes {
                if holds {
                    return false;
                }
                continue;
            }
            // Moments and durations narrow; two of them are never alternatives.
            if matches!(condition.field, Field::Since | Field::Until | Field::SlowerMs) {
                if !holds {
                    return false;
                }
                continue;
            }
            match answered.iter_mut().find(|(field, _)| *field == condition.field) {
                Some((_, any)) => *any |= holds,
                None => answered.push((condition.field, holds)),
            }
        }
        answered.iter().all(|(_, any)| *any)
    }

    /// From when and until when records can match at all; lets whole segments be skipped.
    pub(super) fn span(&self) -> (Timestamp, Timestamp) {
        let mut span = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
        for condition in self.conditions.iter().filter(|c| !c.excludes) {
            if let Test::Moment(moment) = condition.test {
                match condition.field {
                    Field::Until => span.1 = span.1.min(moment),
                    _ => span.0 = span.0.max(moment),
                }
            }
        }
        span
    }
}

fn network(value: &str) -> Option<IpNet> {
    if let Ok(network) = value.parse::<IpNet>() {
        return Some(network.trunc());
    }
    value.parse::<IpAddr>().ok().map(|ip| IpNet::from(ip.to_canonical()))
}

/// `wanted` is in lower case already.
fn contains(text: &str, wanted: &str) -> bool {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    text.windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted))
}

/// What of a wrong value is repeated in an error.
fn shown(value: &str) -> String {
    value.chars().take(60).collect()
}
