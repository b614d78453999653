//! Asking a service by k-anonymity, in the protocol of Have I Been Pwned's Pwned Passwords: the first five digits of the
//! SHA-1 go out, every ending that is known there comes back, and the comparison is made here.
//!
//! This crate has no network. Whoever has hands in a way to fetch; see [`RangeCheck::ask`]. It fails open: a service that
//! is slow or away must not keep anybody from choosing a password, but it is counted.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use storeward_base::Secret;
use subtle::ConstantTimeEq;

use super::sha1;
use crate::Error;

/// Nobody waits longer for the answer.
pub const TIME_OUT: Duration = Duration::from_millis(300);
/// A padded answer has up to 1,000 lines of 37 to 45 bytes.
pub const MOST_BYTES: usize = 128 * 1024;
/// Asks for padding, so that the length of the answer does not tell which prefix was asked for.
pub const HEADERS: [(&str, &str); 2] = [("add-padding", "true"), ("user-agent", "Storeward")];

/// What is asked for, and what stays here.
pub struct RangeQuery {
    /// Upper-case hexadecimal, 40 digits.
    digits: Secret<String>,
}

impl RangeQuery {
    pub fn of(password: &Secret<String>) -> Self {
        use std::fmt::Write;
        let mut digits = String::with_capacity(40);
        for byte in sha1(password) {
            // Writing to a String cannot fail.
            let _ = write!(digits, "{byte:02X}");
        }
        RangeQuery { digits: Secret::new(digits) }
    }

    /// Behind the service's address: `/range/21BD1`.
    pub fn path(&self) -> String {
        let (prefix, _) = self.digits.expose().split_at(5);
        format!("/range/{prefix}")
    }

    /// How often the password was seen, by the answer's lines `SUFFIX:count`. Lines of padding have count 0.
    pub fn count_in(&self, answer: &[u8]) -> Result<u64, Error> {
        const FORM: Error = Error::Form("the answer to the range query does not have its form");
        if answer.len() > MOST_BYTES {
            return Err(FORM);
        }
        let (_, suffix) = self.digits.expose().split_at(5);
        let mut found = 0;
        for line in
            answer.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
        {
            let (ending, count) = line.split_at_checked(35).ok_or(FORM)?;
            let count =
                count.strip_prefix(b":").and_then(|count| std::str::from_utf8(count).ok()).ok_or(FORM)?;
            let count: u64 = crate::argon::digits(count).ok_or(FORM)?;
            if !ending.iter().all(u8::is_ascii_hexdigit) {
                return Err(FORM);
            }
            if bool::from(ending.to_ascii_uppercase().ct_eq(suffix.as_bytes())) {
                found = count;
            }
        }
        Ok(found)
    }
}

impl fmt::Debug for RangeQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RangeQuery(***)")
    }
}

/// What the service knows of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    Times(u64),
    Never,
    /// There was no answer, or none that makes sense: treat it as good.
    Unknown,
}

/// How many questions had which end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RangeStats {
    pub seen: u64,
    pub never: u64,
    pub unknown: u64,
}

/// Asks, and counts the ends.
#[derive(Debug, Default)]
pub struct RangeCheck {
    seen: AtomicU64,
    never: AtomicU64,
    unknown: AtomicU64,
}

impl RangeCheck {
    /// `fetch` gets the path to ask for (with [`HEADERS`], at most [`MOST_BYTES`]) and gives the body of a 200, or an
    /// error, which is taken as no answer. Needs a tokio runtime with its clock.
    pub async fn ask<E>(
        &self,
        password: &Secret<String>,
        fetch: impl AsyncFnOnce(String) -> Result<Vec<u8>, E>,
    ) -> Seen {
        let query = RangeQuery::of(password);
        let answer = tokio::time::timeout(TIME_OUT, fetch(query.path())).await;
        let count = match answer {
            Ok(Ok(body)) => query.count_in(&body).ok(),
            Ok(Err(_)) | Err(_) => None,
        };
        self.count(count)
    }

    /// Counts an end: how often the password was seen, or that there was no answer.
    pub(super) fn count(&self, count: Option<u64>) -> Seen {
        let (counter, seen) = match count {
            None => (&self.unknown, Seen::Unknown),
            Some(0) => (&self.never, Seen::Never),
            Some(times) => (&self.seen, Seen::Times(times)),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        seen
    }

    pub fn stats(&self) -> RangeStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RangeStats { seen: read(&self.seen), never: read(&self.never), unknown: read(&self.unknown) }
    }
}
