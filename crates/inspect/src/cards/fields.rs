//! Masking of a request's body, field by field: what a field is called says whether its number may be changed.

use super::query::decode_with_places;
use super::{CardSpan, find, groups, mask_span};
use crate::content_type::{BodyKind, body_kind};
use crate::decode::{JsonNames, looks_like_form, looks_like_json, part_head, url_decode_into};
use crate::values::Values;

/// Masks the card numbers of a form, a query, JSON or parts in place, of the same length, but for those in fields that `keeps` names and in files;
/// says how many were masked. `content_type` is the body's, as sent. `keeps` is asked for names as rules say them: `json.order.voucher`,
/// `user[code]`; of any other kind of body, and of XML, every number is masked, and it is asked for the empty name.
pub fn mask_fields(bytes: &mut [u8], content_type: &[u8], keeps: &dyn Fn(&[u8]) -> bool) -> usize {
    // Of what says that it is text, or nothing, the shape that rules read it in.
    let kind = match body_kind(content_type, &mut Values::default()) {
        BodyKind::Raw if looks_like_json(bytes) => BodyKind::Json,
        BodyKind::Raw if looks_like_form(bytes) => BodyKind::Form,
        kind => kind,
    };
    let in_groups = match kind {
        BodyKind::Form => groups::mask_form(bytes, keeps),
        BodyKind::Json => groups::mask_json(bytes, keeps),
        BodyKind::Multipart(_) | BodyKind::Xml | BodyKind::Binary | BodyKind::Raw => 0,
    };
    if matches!(kind, BodyKind::Form) {
        return in_groups + mask_form(bytes, keeps);
    }
    let mut spans = find(bytes);
    // In order, and what was read for one number is not read again for the next.
    let mut fields = Fields {
        form: Pairs { bytes, ..Pairs::default() },
        json: JsonNames::of(bytes),
        parts: match &kind {
            BodyKind::Multipart(boundary) => Parts::of(bytes, boundary),
            _ => Parts::default(),
        },
        kept: None,
    };
    spans.retain(|span| fields.may_change(&kind, *span, keeps));
    for span in &spans {
        mask_span(bytes, *span);
    }
    in_groups + spans.len()
}

/// A form is read as what it says: a number may stand right behind an escape, and its digits may be written as escapes, which become
/// those of a star.
fn mask_form(bytes: &mut [u8], keeps: &dyn Fn(&[u8]) -> bool) -> usize {
    let (decoded, places) = decode_with_places(bytes);
    let mut masked = decoded.clone();
    let mut fields = Fields {
        form: Pairs { bytes, ..Pairs::default() },
        json: JsonNames::of(b""),
        parts: Parts::default(),
        kept: None,
    };
    let mut count = 0;
    for mut span in find(&decoded) {
        // Text, whatever stands around it.
        span.json_number = false;
        let Some(start) = places.get(span.start).copied() else { continue };
        if fields.may_change(&BodyKind::Form, CardSpan { start, ..span }, keeps) {
            mask_span(&mut masked, span);
            count += 1;
        }
    }
    let changed = decoded.iter().zip(&masked).zip(&places).filter(|((before, after), _)| before != after);
    for (_, place) in changed {
        let is_escape = bytes.get(*place) == Some(&b'%');
        let sign: &[u8] = if is_escape { b"%2A" } else { b"*" };
        if let Some(digit) = bytes.get_mut(*place..place + sign.len()) {
            digit.copy_from_slice(sign);
        }
    }
    count
}

/// The fields of a body, asked for number by number from its start to its end.
struct Fields<'b> {
    form: Pairs<'b>,
    json: JsonNames<'b>,
    parts: Parts<'b>,
    /// Where the field begins that was judged last, and whether it is kept.
    kept: Option<((usize, bool), bool)>,
}

impl Fields<'_> {
    fn may_change(&mut self, kind: &BodyKind, span: CardSpan, keeps: &dyn Fn(&[u8]) -> bool) -> bool {
        let place = match kind {
            BodyKind::Form => self.form.pair(span.start),
            BodyKind::Json => (self.json.begins(span.start), true),
            BodyKind::Multipart(_) => match self.parts.part(span) {
                Some(part) => (part, true),
                None => return false,
            },
            BodyKind::Xml | BodyKind::Binary | BodyKind::Raw => (0, true),
        };
        // A name may be as long as the body, and have as many numbers behind it.
        if let Some((known, kept)) = self.kept
            && known == place
        {
            return !kept;
        }
        let kept = match kind {
            BodyKind::Form => keeps(&self.form.decoded_name(span.start)),
            BodyKind::Json => keeps(self.json.name()),
            BodyKind::Multipart(_) => keeps(self.parts.name()),
            BodyKind::Xml | BodyKind::Binary | BodyKind::Raw => keeps(b""),
        };
        self.kept = Some((place, kept));
        !kept
    }
}

/// The pairs of a form.
#[derive(Default)]
struct Pairs<'b> {
    bytes: &'b [u8],
    /// Where the pair begins that was asked for last, and whether its name has ended.
    at: usize,
    named: bool,
    /// Up to where pairs were looked for.
    read: usize,
}

impl Pairs<'_> {
    /// Where the pair of `until` begins, and whether `until` stands behind its name.
    fn pair(&mut self, until: usize) -> (usize, bool) {
        let mut fresh = self.bytes.get(self.read..until).unwrap_or_default();
        if let Some(sign) = memchr::memrchr(b'&', fresh) {
            self.at = self.read + sign + 1;
            self.named = false;
            fresh = fresh.get(sign + 1..).unwrap_or_default();
        }
        self.named |= memchr::memchr(b'=', fresh).is_some();
        self.read = self.read.max(until);
        (self.at, self.named)
    }

    /// The name of the pair that was asked for last: empty where the number at `until` stands in it.
    fn decoded_name(&self, until: usize) -> Vec<u8> {
        let pair = self.bytes.get(self.at..until).unwrap_or_default();
        let name = pair.get(..memchr::memchr(b'=', pair).unwrap_or(0)).unwrap_or_default();
        let mut decoded = Vec::with_capacity(name.len());
        url_decode_into(name, &mut decoded);
        decoded
    }
}

/// The parts of a form that are sent apart.
#[derive(Default)]
struct Parts<'b> {
    bytes: &'b [u8],
    /// Where the marks between them begin, and how long each is.
    marks: Vec<usize>,
    mark: usize,
    /// The part that was asked for last.
    last: Option<Part>,
}

struct Part {
    /// Which it is, counted from the first mark.
    number: usize,
    name: Vec<u8>,
    is_file: bool,
    /// Where its head ends.
    head: usize,
}

impl<'b> Parts<'b> {
    fn of(bytes: &'b [u8], boundary: &[u8]) -> Parts<'b> {
        let mark = [b"--".as_slice(), boundary].concat();
        let marks = memchr::memmem::find_iter(bytes, &mark).collect();
        Parts { bytes, marks, mark: mark.len(), last: None }
    }

    /// Which part a number stands in, 0 before all of them: `None` in a file, and in the mark between two parts, which may be such a
    /// number itself.
    fn part(&mut self, span: CardSpan) -> Option<usize> {
        // The first mark that begins behind the number; the one before it may reach into it.
        let next = self.marks.partition_point(|at| *at < span.end);
        let Some(number) = next.checked_sub(1) else { return Some(0) };
        let begins = self.marks.get(number)? + self.mark;
        if begins > span.start {
            return None;
        }
        if self.last.as_ref().is_none_or(|last| last.number != number) {
            let part = self.bytes.get(begins..self.marks.get(next).copied().unwrap_or(self.bytes.len()))?;
            let head = memchr::memmem::find(part, b"\r\n\r\n").unwrap_or(0);
            let (name, is_file) = part_head(part.get(..head).unwrap_or_default());
            self.last = Some(Part { number, name, is_file, head: begins + head });
        }
        let last = self.last.as_ref()?;
        (span.start < last.head || !last.is_file).then_some(number + 1)
    }

    /// The name of the part that was asked for last.
    fn name(&self) -> &[u8] {
        self.last.as_ref().map_or(b"", |last| &last.name)
    }
}

#[cfg(test)]
mod tests {
    use super::mask_fields;

    const ONE: &str = "4111111111111111";
    const TWO: &str = "4242424242424242";

    fn masked(kind: &str, text: &str) -> (String, usize) {
        let mut bytes = text.as_bytes().to_vec();
        let names: [&[u8]; 6] = [
            b"password",
            b"voucher",
            b"json.password",
            b"json.voucher.1",
            b"json.order.voucher",
            b"json.l.0.voucher",
        ];
        let keeps = |name: &[u8]| names.contains(&name);
        let count = mask_fields(&mut bytes, kind.as_bytes(), &keeps);
        (String::from_utf8(bytes).unwrap(), count)
    }

    /// A number costs what lies between it and the one before, however many there are.
    #[test]
    fn work_grows_with_the_body_alone() {
        let pieces = 60_000;
        let json = format!("{{\"m\":[{}0]}}", format!("\"{ONE}\",").repeat(pieces));
        let form = format!("m={}", format!("{ONE}+").repeat(pieces));
        let part = format!("--b\r\nContent-Disposition: form-data; name=m\r\n\r\n{ONE}\r\n").repeat(pieces);
        let one_part = format!(
            "--b\r\nContent-Disposition: form-data; name=m\r\n\r\n{}",
            format!("{ONE}\r\n").repeat(pieces)
        );
        for (kind, text) in [
            ("application/json", json),
            ("application/x-www-form-urlencoded", form),
            ("multipart/form-data; boundary=b", part),
            ("multipart/form-data; boundary=b", one_part),
        ] {
            // Quadratic, it would be hours before this ends: the runner stops it.
            assert_eq!(masked(kind, &text).1, pieces, "{kind}");
        }
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
            (
                form,
                format!("m&{ONE}.password={ONE}&password={ONE} {ONE}&m={ONE}"),
                format!("m&{0}.password={0}&password={ONE} {ONE}&m={0}", star(ONE)),
                3,
            ),
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
            (
                json,
                format!(
                    "{{\"order\":{{\"voucher\":\"{ONE}\"}},\"voucher\":{TWO},\"l\":[{{\"voucher\":{ONE}}},{{\"voucher\":\"{TWO}\"}}]}}"
                ),
                format!(
                    "{{\"order\":{{\"voucher\":\"{ONE}\"}},\"voucher\":1000000000004242,\"l\":[{{\"voucher\":{ONE}}},{{\"voucher\":\"{}\"}}]}}",
                    star(TWO)
                ),
                2,
            ),
            ("text/plain", format!("m={TWO}&password={ONE}"), format!("m={}&password={ONE}", star(TWO)), 1),
            ("text/plain", format!("{{\"password\":\"{ONE}\"}}"), format!("{{\"password\":\"{ONE}\"}}"), 0),
            ("text/plain", format!("it is {TWO}"), format!("it is {}", star(TWO)), 1),
        ] {
            assert_eq!(masked(kind, &text), (expected, count), "{kind}: {text}");
        }
    }

    #[test]
    fn an_escape_before_a_number_or_in_it_hides_nothing() {
        let (form, json) = ("application/x-www-form-urlencoded", "application/json");
        let star = |number: &str| format!("************{}", &number[12..]);
        for (kind, text, expected, count) in [
            // Behind a blank or a line's end that was written as an escape, and in escapes.
            (
                form,
                format!("m=my+card%20{TWO}%0D%0A{ONE}&password=%0A{ONE}"),
                format!("m=my+card%20{}%0D%0A{}&password=%0A{ONE}", star(TWO), star(ONE)),
                2,
            ),
            (form, format!("m=%34{}", &TWO[1..]), format!("m=%2A{}", &star(TWO)[1..]), 1),
            (json, format!("{{\"m\":\"a\\n{TWO}\"}}"), format!("{{\"m\":\"a\\n{}\"}}", star(TWO)), 1),
        ] {
            assert_eq!(masked(kind, &text), (expected, count), "{kind}: {text}");
        }
    }
}
