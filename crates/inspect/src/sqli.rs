//! Tells SQL from prose by the shape of its tokens.
//!
//! A value is read as it stands, and as if it began inside a string, which it must then leave. The grammar reads it from the front
//! and gives up what no database could run: a syntax error cannot be injected. What is left must ask for something. Shapes tell
//! what the grammar cannot: whole statements, values whose beginning is not known, conditions that need no cut.
//! Our own work, in the spirit of libinjection (N. Galbreath, "libinjection: new techniques in detecting SQL injection
//! attacks", Black Hat 2012); no fingerprint or table of it is used.

mod bare;
mod brackets;
mod continuation;
mod grammar;
mod keywords;
mod proof;
mod query;
mod reading;
mod shape;
mod statement;
mod token;
mod walk;
mod words;

use std::ops::Range;

use crate::transform::ByteMask;
use reading::Reading;
pub(crate) use reading::{WIDE_SPACES_BEGIN, holds_wide_space};
use shape::Whole;
use token::Context;

/// A value of letters and digits alone is one token, and one token is no injection.
pub(crate) fn trigger() -> ByteMask {
    let mut mask = ByteMask::default();
    (0..=0x7f_u8).filter(|byte| !byte.is_ascii_alphanumeric()).for_each(|byte| mask.insert(byte));
    mask
}

/// Where SQL stands in the value, if anywhere.
pub(crate) fn detect(value: &[u8]) -> Option<Range<usize>> {
    let readings = Reading::all(value);
    let contexts = [Context::Bare, Context::Single, Context::Double, Context::Back];
    contexts.into_iter().find_map(|context| {
        let quote = context.quote();
        if quote.is_some_and(|quote| memchr::memchr(quote, value).is_none()) {
            return None;
        }
        let escaped = quote.is_some() && memchr::memchr(b'\\', value).is_some();
        readings.iter().find_map(|reading| {
            let plain = judge(value, context, *reading);
            plain.or_else(|| escaped.then(|| judge(value, context, reading.without_escapes())).flatten())
        })
    })
}

fn judge(value: &[u8], context: Context, reading: Reading) -> Option<Range<usize>> {
    let whole = match grammar::judge(value, context, reading) {
        grammar::Found::Injection(bytes) => return Some(bytes),
        grammar::Found::Prose if context != Context::Bare => return None,
        grammar::Found::Prose => Whole::Prose,
        grammar::Found::Harmless => Whole::MayBeSql,
    };
    let mut reader = token::Reader::new(value, context, reading);
    let mut tokens = reader.tokens();
    let mut found = match context {
        Context::Bare => shape::injection(&tokens, whole),
        _ => shape::anywhere_in(&tokens, whole),
    };
    // A long value is read in windows, so that no padding hides what stands behind it.
    while found.is_none() && tokens.len() >= token::MAX_TOKENS {
        let kept = tokens.len() - token::OVERLAP;
        tokens.drain(..kept);
        tokens.extend(reader.tokens());
        found = shape::anywhere_in(&tokens, whole);
        if tokens.len() < token::MAX_TOKENS {
            break;
        }
    }
    let found = found?;
    let first = tokens.get(found.start)?;
    let last = tokens.get(found.end.saturating_sub(1)).unwrap_or(first);
    Some(first.start..last.end.max(first.start))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_asked;
