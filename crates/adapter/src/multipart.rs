//! Forms in parts (RFC 7578), read so strictly that no shop can read them otherwise.
//!
//! PHP ends a boundary at a comma, takes names in single quotes and the last of two; Django finds the boundary anywhere in a line;
//! others ignore `filename*`. Whatever they could differ on is no form to us: what browsers and the usual libraries write is.

use memchr::memmem;

use crate::kind::is_token;

/// Of one form. One with more is in doubt.
const MOST_FIELDS: usize = 65_536;

/// Name and value of each field, in order; nothing where the form is not beyond doubt.
pub(crate) type Fields = Option<Vec<(String, String)>>;

/// The fields of a body, of which the end may be missing. Files are passed over.
pub(crate) fn fields(boundary: &str, body: &[u8]) -> Fields {
    let text = String::from_utf8_lossy(body);
    let delimiter = format!("--{boundary}");
    let mut rest = text.strip_prefix(delimiter.as_str())?;
    let between = format!("\r\n{delimiter}");
    let mut fields = Vec::new();
    for _ in 0..MOST_FIELDS {
        // Behind a delimiter: the end, or the next part.
        if rest.is_empty() || rest == "-" || rest == "\r" {
            return Some(fields);
        }
        if let Some(end) = rest.strip_prefix("--") {
            return matches!(end, "" | "\r" | "\r\n").then_some(fields);
        }
        let part = rest.strip_prefix("\r\n")?;
        let (part, behind) = match part.split_once(between.as_str()) {
            Some((part, behind)) => (part, Some(behind)),
            None => (part, None),
        };
        // Some readers look for it anywhere.
        if part.contains(delimiter.as_str()) {
            return None;
        }
        match part.split_once("\r\n\r\n") {
            Some((head, value)) => {
                let field = named(head)?;
                if field.is_field(value) {
                    fields.push((field.name, value.to_owned()));
                }
            }
            // Cut off within the head.
            None if behind.is_none() => {}
            None => return None,
        }
        let Some(behind) = behind else { return Some(fields) };
        rest = behind;
    }
    None
}

/// A whole body without what its files hold, of at most so many bytes: to [`fields`] it says what the body says. Nothing where
/// the form is not beyond doubt.
pub(crate) fn outline(boundary: &str, body: &[u8], most: usize) -> Option<Vec<u8>> {
    const HEAD_END: &[u8] = b"\r\n\r\n";
    let delimiter = format!("--{boundary}");
    let begin = delimiter.len() + b"\r\n".len();
    let finder = memmem::Finder::new(delimiter.as_bytes());
    let places: Vec<usize> = finder.find_iter(body).take(MOST_FIELDS).collect();
    if places.first() != Some(&0) || places.len() == MOST_FIELDS {
        return None;
    }
    let mut out = Vec::new();
    let ends = places.iter().skip(1).copied().chain([body.len()]);
    for (from, to) in places.iter().copied().zip(ends) {
        // Some readers look for it anywhere.
        if from > 0 && !body.get(..from)?.ends_with(b"\r\n") {
            return None;
        }
        let piece = body.get(from..to)?;
        let kept = match memmem::find(piece, HEAD_END) {
            Some(end) => {
                let head = std::str::from_utf8(piece.get(begin..end)?).ok()?;
                let is_file = named(head)?.file.is_some_and(|file| !file.is_empty());
                if is_file { piece.get(..end + HEAD_END.len())? } else { piece }
            }
            None => piece,
        };
        out.extend_from_slice(kept);
        if kept.len() < piece.len() && to < body.len() {
            out.extend_from_slice(b"\r\n");
        }
        if out.len() > most {
            return None;
        }
    }
    Some(out)
}

/// Whether a whole body has its end as well.
pub(crate) fn is_closed(boundary: &str, body: &[u8]) -> bool {
    let end = format!("--{boundary}--");
    let body = body.strip_suffix(b"\r\n").unwrap_or(body);
    body.ends_with(end.as_bytes())
}

/// What the head of a part says of it.
struct Named {
    name: String,
    file: Option<String>,
}

impl Named {
    /// A part without a file's name is a field, and to some readers one with an empty name that holds something.
    fn is_field(&self, value: &str) -> bool {
        match &self.file {
            None => true,
            Some(file) => file.is_empty() && !value.is_empty(),
        }
    }
}

fn named(head: &str) -> Option<Named> {
    let mut found = None;
    let mut seen: Vec<String> = Vec::new();
    for line in head.split("\r\n") {
        if line.contains(['\r', '\n', '\0']) {
            return None;
        }
        let (name, value) = line.split_once(':')?;
        let name = name.to_ascii_lowercase();
        if seen.contains(&name) {
            return None;
        }
        let value = value.trim_matches([' ', '\t']);
        match name.as_str() {
            "content-disposition" => found = Some(disposition(value)?),
            "content-type" | "content-length" => {}
            "content-transfer-encoding" => {
                let is_none =
                    ["7bit", "8bit", "binary"].iter().any(|plain| value.eq_ignore_ascii_case(plain));
                is_none.then_some(())?;
            }
            _ => return None,
        }
        seen.push(name);
    }
    found
}

/// `form-data; name="a"; filename="b"`, each once.
fn disposition(value: &str) -> Option<Named> {
    let (kind, mut rest) = value.split_at_checked(value.find(';').unwrap_or(value.len()))?;
    if !kind.trim_matches(' ').eq_ignore_ascii_case("form-data") {
        return None;
    }
    let (mut name, mut file, mut star) = (None, None, None);
    while !rest.is_empty() {
        let parameter = rest.strip_prefix(';')?.trim_start_matches(' ');
        let (key, behind) = parameter.split_once('=')?;
        let (value, left) = match behind.strip_prefix('"') {
            Some(quoted) => {
                let (value, left) = quoted.split_once('"')?;
                // Whether a quote behind it ends the value is what readers differ on.
                (!value.ends_with('\\')).then_some((value, left))?
            }
            None => {
                let (value, left) =
                    behind.split_at_checked(behind.find([';', ' ']).unwrap_or(behind.len()))?;
                let is_plain = value.bytes().all(|b| is_token(b) || b"[]%".contains(&b) || b == b'\'');
                (is_plain && !value.starts_with('\'')).then_some((value, left))?
            }
        };
        let place = match key.to_ascii_lowercase().as_str() {
            "name" => &mut name,
            "filename" => &mut file,
            "filename*" => &mut star,
            _ => return None,
        };
        if place.replace(value.to_owned()).is_some() {
            return None;
        }
        rest = left.trim_start_matches(' ');
    }
    let name: String = name?;
    (!name.contains(['\\', '\'', '"'])).then_some(Named { name, file })
}

#[cfg(test)]
mod tests;
