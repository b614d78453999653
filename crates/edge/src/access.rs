//! The access record: one entry per request, kept in memory and in segment files, counted, searched, watched live.
//!
//! The hot paths hand a record over by [`AccessWriter::push`], which never waits. One background thread keeps the
//! records, counts them and feeds the detector. Readers ([`AccessReader`]) never touch the hot path.

mod codec;
mod counters;
mod crc;
mod facets;
mod filter;
mod filter_text;
mod live;
mod log;
mod packed;
mod query;
mod reader;
mod record;
mod ring;
mod segments;
mod worker;

pub use counters::{Heat, HeatMinute, LATENCY_BOUNDS_US, Rates, Totals};
pub use facets::{Facet, FacetValue, Facets};
pub use filter::{Condition, Field, Filter, FilterError, Operator};
pub use live::{Live, LiveRecords};
pub use log::{AccessError, AccessLog, AccessOptions, AccessStats, AccessWriter, Detection};
pub use query::Page;
pub use reader::AccessReader;
pub use record::{AccessRecord, Label, ParameterNames, Protocol, TlsVersion, Verdict, short_content_type};
