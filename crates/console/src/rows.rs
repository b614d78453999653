//! Access records as rows of a page: every value with the link that shows only its like.

use storeward_base::RequestId;
use storeward_edge::access::{AccessRecord, Condition, Field, Filter, Operator, Verdict};
use storeward_events::words;
use storeward_web::askama::Template;
use storeward_web::assets;
use storeward_web::{Failure, Moment, render};

use crate::level::{Badge, Level};

/// Where filtered traffic is shown.
pub const EXPLORE: &str = "/explore";

/// One request in a list.
pub struct RequestRow {
    pub id: RequestId,
    pub at: Moment,
    pub method: String,
    pub path: String,
    pub path_link: String,
    pub status: Badge,
    pub status_link: String,
    pub verdict: Badge,
    pub verdict_link: String,
    pub category: String,
    /// What a stopped request was stopped for, in words.
    pub why: String,
    pub client: String,
    pub client_link: String,
    pub took: String,
}

impl RequestRow {
    /// A row whose links lead to unfiltered traffic with just that value.
    pub fn new(record: &AccessRecord) -> Self {
        Self::within(record, &Filter::default())
    }

    /// A row whose links narrow `filter` further.
    pub fn within(record: &AccessRecord, filter: &Filter) -> Self {
        let status = match record.status {
            0 => "none".to_owned(),
            status => status.to_string(),
        };
        RequestRow {
            id: record.id,
            at: Moment(record.at),
            method: record.method.as_str().to_owned(),
            path: record.path.to_string(),
            path_link: only(filter, Field::Path, &record.path),
            status_link: only(filter, Field::Status, &record.status.to_string()),
            status: Badge::new(status_level(record.status), status),
            verdict: verdict_badge(record.verdict),
            verdict_link: only(filter, Field::Verdict, record.verdict.name()),
            category: words::category(&record.category).to_owned(),
            why: why(record),
            client: record.client.to_string(),
            client_link: only(filter, Field::Client, &record.client.to_string()),
            took: took(record.duration_us),
        }
    }
}

/// The row for the live list of requests.
pub fn request_row_html(record: &AccessRecord) -> Result<String, Failure> {
    render(&OneRequest { row: RequestRow::new(record), list: "requests", icons: assets::ICONS.url() })
}

/// The row for the live list of stopped requests.
pub fn block_row_html(record: &AccessRecord) -> Result<String, Failure> {
    render(&OneBlock { row: RequestRow::new(record), icons: assets::ICONS.url() })
}

#[derive(Template)]
#[template(path = "parts/one_request.html", askama = storeward_web::askama)]
struct OneRequest<'a> {
    row: RequestRow,
    list: &'a str,
    icons: &'a str,
}

#[derive(Template)]
#[template(path = "parts/one_block.html", askama = storeward_web::askama)]
struct OneBlock<'a> {
    row: RequestRow,
    icons: &'a str,
}

/// The link to `filter` with "this value only". A value that no filter takes leads to the filter as it is.
pub fn only(filter: &Filter, field: Field, value: &str) -> String {
    narrowed(filter, field, value, false)
}

/// The link to `filter` without this value.
pub fn without(filter: &Filter, field: Field, value: &str) -> String {
    narrowed(filter, field, value, true)
}

fn narrowed(filter: &Filter, field: Field, value: &str, excludes: bool) -> String {
    let value = value.get(..value.floor_char_boundary(Filter::MAX_VALUE_BYTES)).unwrap_or(value);
    // A value that was cut is still the beginning of the whole one, but no longer equal to it.
    let whole = value.len() < Filter::MAX_VALUE_BYTES;
    let operator = if whole { Operator::Is } else { Operator::StartsWith };
    let condition = Condition::new(field, operator, excludes, value);
    match condition.and_then(|condition| filter.with(condition)) {
        Ok(narrower) => explore(&narrower),
        Err(_) => explore(filter),
    }
}

/// The address of a filter's rows.
pub fn explore(filter: &Filter) -> String {
    if filter.is_empty() { EXPLORE.to_owned() } else { format!("{EXPLORE}?{filter}") }
}

fn status_level(status: u16) -> Level {
    match status {
        200..=299 => Level::Ok,
        400..=499 => Level::Warn,
        500..=999 => Level::Bad,
        _ => Level::Plain,
    }
}

pub fn verdict_badge(verdict: Verdict) -> Badge {
    let (level, icon, word) = match verdict {
        Verdict::Pass => (Level::Plain, "ok", "passed"),
        Verdict::Flagged => (Level::Warn, "flag", "flagged"),
        Verdict::Challenged => (Level::Note, "key", "challenged"),
        Verdict::Blocked => (Level::Bad, "blocked", "blocked"),
        Verdict::Banned => (Level::Bad, "bad", "banned"),
        Verdict::Limited => (Level::Warn, "clock", "limited"),
        Verdict::Refused => (Level::Warn, "warn", "refused"),
    };
    Badge { level, icon, word: word.to_owned() }
}

/// What a stopped request was stopped for, in a few words.
fn why(record: &AccessRecord) -> String {
    if !record.category.is_empty() {
        return words::category(&record.category).to_owned();
    }
    if !record.reason.is_empty() {
        return words::reason(&record.reason).to_owned();
    }
    match record.verdict {
        Verdict::Banned => "address is banned".to_owned(),
        Verdict::Limited => "too many requests".to_owned(),
        Verdict::Refused => "not a proper request".to_owned(),
        Verdict::Pass | Verdict::Flagged | Verdict::Challenged | Verdict::Blocked => String::new(),
    }
}

/// A number of rows.
pub fn count(rows: usize) -> String {
    crate::outlook::grouped(u64::try_from(rows).unwrap_or(u64::MAX))
}

/// `0.4 ms`, `12 ms`, `3.2 s`.
pub fn took(micros: u64) -> String {
    match micros {
        0..=9_999 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        10_000..=999_999 => format!("{} ms", micros / 1_000),
        _ => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

/// `812 B`, `14.2 kB`, `3.1 MB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..=999 => format!("{bytes} B"),
        1_000..=999_999 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!([took(420), took(12_345), took(3_210_000)], ["0.4 ms", "12 ms", "3.2 s"]);
        assert_eq!([size(12), size(14_230), size(3_100_000)], ["12 B", "14.2 kB", "3.1 MB"]);
    }

    #[test]
    fn links_hold_hostile_values_as_text() {
        let link = only(&Filter::default(), Field::Path, "/a?\"><script>&-status=1#x");
        assert!(!link.contains(['"', '<', '#', '>']), "{link}");
        let read = Filter::parse_ignoring(link.strip_prefix("/explore?").unwrap(), &[]).unwrap();
        assert_eq!(read.conditions().len(), 1);
        assert_eq!(read.conditions()[0].value, "/a?\"><script>&-status=1#x");
    }

    #[test]
    fn a_long_value_still_has_a_link() {
        let long = "/é".repeat(400);
        let link = only(&Filter::default(), Field::Path, &long);
        assert!(link.starts_with("/explore?path^="), "{link}");
        assert_eq!(only(&Filter::default(), Field::Path, ""), "/explore");
    }
}
