//! Elements and comments that take what stands behind them with them.

use super::names::HIDING;
use super::{WHOLE, is_in, is_space};

/// `<!--`, `<textarea>` without an end: the rest of the page is no page any more. Of a long value only a window may end so.
pub(super) fn hides_what_follows(value: &[u8], start: usize) -> bool {
    let rest = value.get(start..).unwrap_or_default();
    if value.len() >= WHOLE {
        return false;
    }
    if let Some(inside) = rest.strip_prefix(b"<!--") {
        let ends: [&[u8]; 2] = [b"-->", b"--!>"];
        // `<!-->` and `<!--->` are whole (HTML 13.2.5.43 and 44).
        let is_whole = inside.starts_with(b">") || inside.starts_with(b"->");
        return !is_whole && !ends.iter().any(|end| memchr::memmem::find(inside, end).is_some());
    }
    let name_length = rest.iter().skip(1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let name = rest.get(1..1 + name_length).unwrap_or_default();
    let behind = rest.get(1 + name_length).copied();
    let opens = behind.is_none_or(|byte| is_space(byte) || matches!(byte, b'>' | b'/'));
    opens && is_in(&HIDING, name) && !closes(rest.get(1 + name_length..).unwrap_or_default(), name)
}

/// Whether `</name` stands somewhere.
fn closes(rest: &[u8], name: &[u8]) -> bool {
    memchr::memmem::find_iter(rest, b"</").any(|at| {
        rest.get(at + 2..at + 2 + name.len()).is_some_and(|closed| closed.eq_ignore_ascii_case(name))
    })
}
