//! Masking of a request's body, field by field: what a field is called says whether its number may be changed.

use std::borrow::Cow;

use super::{CardSpan, find, mask_span};
use crate::content_type::{BodyKind, body_kind};
use crate::decode::{part_head, url_decode_into};
use crate::values::Values;

/// Masks the card numbers of a form, a query, JSON or parts in place, of the same length, but for those in fields that `keeps` names and in files;
/// says how many were masked. `content_type` is the body's, as sent; of any other kind of body every number is masked, and `keeps` is asked
/// for the empty name.
pub fn mask_fields(bytes: &mut [u8], content_type: &[u8], keeps: &dyn Fn(&[u8]) -> bool) -> usize {
    let kind = body_kind(content_type, &mut Values::default());
    let mut spans = find(bytes);
    spans.retain_mut(|span| {
        let name = match &kind {
            BodyKind::Form => {
                // Text, whatever stands around it.
                span.json_number = false;
                of_form(bytes, *span)
            }
            BodyKind::Json => of_json(bytes, *span),
            BodyKind::Multipart(boundary) => {
                let Some(name) = of_part(bytes, *span, boundary) else { return false };
                span.json_number &= memchr::memchr2(b'{', b'[', bytes).is_some();
                name
            }
            BodyKind::Xml | BodyKind::Binary | BodyKind::Raw => Cow::Borrowed(&[][..]),
        };
        !keeps(&name)
    });
    for span in &spans {
        mask_span(bytes, *span);
    }
    spans.len()
}

fn of_form(bytes: &[u8], span: CardSpan) -> Cow<'_, [u8]> {
    let before = bytes.get(..span.start).unwrap_or_default();
    let pair = before.get(memchr::memrchr(b'&', before).map_or(0, |at| at + 1)..).unwrap_or_default();
    let name = pair.get(..memchr::memchr(b'=', pair).unwrap_or(0)).unwrap_or_default();
    let mut decoded = Vec::with_capacity(name.len());
    url_decode_into(name, &mut decoded);
    Cow::Owned(decoded)
}

/// The nearest name before the value, outside of it; of a list that of the list.
fn of_json(bytes: &[u8], span: CardSpan) -> Cow<'_, [u8]> {
    let mut name: Range = 0..0;
    let mut opened = None;
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate().take(span.start) {
        match (*byte, opened) {
            _ if escaped => escaped = false,
            (b'\\', Some(_)) => escaped = true,
            (b'"', None) => opened = Some(at + 1),
            (b'"', Some(start)) => {
                let rest = bytes.get(at + 1..).unwrap_or_default();
                if rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':') {
                    name = start..at;
                }
                opened = None;
            }
            _ => {}
        }
    }
    Cow::Borrowed(bytes.get(name).unwrap_or_default())
}

type Range = std::ops::Range<usize>;

/// `None` in a file, and in the mark between two parts.
fn of_part<'b>(bytes: &'b [u8], span: CardSpan, boundary: &[u8]) -> Option<Cow<'b, [u8]>> {
    let mark = [b"--".as_slice(), boundary].concat();
    let before = bytes.get(..span.end)?;
    let at = memchr::memmem::rfind(before, &mark);
    let begins = at.map(|at| at + mark.len());
    // The mark itself may be such a number, or end behind it.
    let near = span.start.saturating_sub(mark.len());
    let around = bytes.get(near..bytes.len().min(span.end + mark.len())).unwrap_or_default();
    let inside = memchr::memmem::find_iter(around, &mark).any(|at| {
        let (start, end) = (near + at, near + at + mark.len());
        span.start < end && start < span.end
    });
    if inside {
        return None;
    }
    let Some(begins) = begins else { return Some(Cow::Borrowed(&[])) };
    let part = bytes.get(begins..)?;
    let Some(head) = memchr::memmem::find(part, b"\r\n\r\n").and_then(|end| part.get(..end)) else {
        return Some(Cow::Borrowed(&[]));
    };
    let (name, is_file) = part_head(head);
    let in_head = span.start < begins + head.len();
    (in_head || !is_file).then_some(Cow::Owned(name))
}

#[cfg(test)]
mod tests {
    use super::mask_fields;

    const ONE: &str = "4111111111111111";
    const TWO: &str = "4242424242424242";

    fn masked(kind: &str, text: &str) -> (String, usize) {
        let mut bytes = text.as_bytes().to_vec();
        let keeps = |name: &[u8]| name == b"password" || name == b"voucher";
        let count = mask_fields(&mut bytes, kind.as_bytes(), &keeps);
        (String::from_utf8(bytes).unwrap(), count)
    }

    #[test]
    fn only_what_may_be_changed_is() {
        let form = "application/x-www-form-urlencoded";
        let parts = format!("multipart/form-data; boundary={ONE}");
        let json = "application/json";
        let star = |number: &str| format!("************{}", &number[12..]);
        let part = |head: &str, text: &str| {
            format!("--{ONE}\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n")
        };
        for (kind, text, expected, count) in [
            (form, format!("password={ONE}&m={TWO}"), format!("password={ONE}&m={}", star(TWO)), 1),
            (form, format!("m={TWO}"), format!("m={}", star(TWO)), 1),
            (form, format!("pass%77ord={ONE}"), format!("pass%77ord={ONE}"), 0),
            (form, format!("--a=filename&m={TWO}"), format!("--a=filename&m={}", star(TWO)), 1),
            (
                json,
                format!("{{\"password\":\"{ONE}\",\"m\":\"{TWO}\"}}"),
                format!("{{\"password\":\"{ONE}\",\"m\":\"{}\"}}", star(TWO)),
                1,
            ),
            (
                json,
                format!("{{\"voucher\" : [\"x\", \"{ONE}\"]}}"),
                format!("{{\"voucher\" : [\"x\", \"{ONE}\"]}}"),
                0,
            ),
            (
                json,
                format!("{{\"a\":\"\\\"voucher\\\": {TWO}\"}}"),
                format!("{{\"a\":\"\\\"voucher\\\": {}\"}}", star(TWO)),
                1,
            ),
            (
                &parts,
                part("name=m", &format!("my filename is {TWO}"))
                    + &part("name=password", TWO)
                    + &format!("--{ONE}--\r\n"),
                part("name=m", &format!("my filename is {}", star(TWO)))
                    + &part("name=password", TWO)
                    + &format!("--{ONE}--\r\n"),
                1,
            ),
            (
                &parts,
                part("name=f; filename=\"a.csv\"", TWO) + &part("name=n", TWO) + &format!("--{ONE}--\r\n"),
                part("name=f; filename=\"a.csv\"", TWO)
                    + &part("name=n", &star(TWO))
                    + &format!("--{ONE}--\r\n"),
                1,
            ),
            ("text/plain", format!("it is {TWO}"), format!("it is {}", star(TWO)), 1),
        ] {
            assert_eq!(masked(kind, &text), (expected, count), "{kind}: {text}");
        }
    }
}
