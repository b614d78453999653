//! Elements and comments that take what stands behind them with them.

use super::names::HIDING;
use super::{is_in, is_space};

/// `<!--`, `<textarea>` without an end: the rest of the page is no page any more.
/// `budget`: bytes that may be looked at for ends; whoever spends it has something to hide.
pub(super) fn hides_what_follows(value: &[u8], start: usize, budget: &mut usize) -> bool {
    let rest = value.get(start..).unwrap_or_default();
    let looked = if let Some(inside) = rest.strip_prefix(b"<!--") {
        // `<!-->` and `<!--->` are whole (HTML 13.2.5.43 and 44).
        let is_whole = inside.starts_with(b">") || inside.starts_with(b"->");
        if is_whole { Some(0) } else { comment_length(inside) }
    } else {
        let name_length = rest.iter().skip(1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let name = rest.get(1..1 + name_length).unwrap_or_default();
        let behind = rest.get(1 + name_length).copied();
        let opens = behind.is_none_or(|byte| is_space(byte) || matches!(byte, b'>' | b'/'));
        if !(opens && is_in(&HIDING, name)) {
            return false;
        }
        length_inside(rest.get(1 + name_length..).unwrap_or_default(), name)
    };
    *budget = budget.saturating_sub(looked.unwrap_or(0));
    looked.is_none()
}

/// Up to `-->` or `--!>`.
fn comment_length(inside: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(inside, b"--")
        .find(|at| inside.get(at + 2..).is_some_and(|end| end.starts_with(b">") || end.starts_with(b"!>")))
}

/// Up to `</name`, and what a name ends with (HTML 13.2.5.11).
fn length_inside(rest: &[u8], name: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(rest, b"</").find(|at| {
        let (closed, behind) =
            rest.get(at + 2..).and_then(|end| end.split_at_checked(name.len())).unwrap_or_default();
        closed.eq_ignore_ascii_case(name)
            && behind.first().is_some_and(|byte| is_space(*byte) || matches!(byte, b'>' | b'/'))
    })
}
