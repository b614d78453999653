//! JSON read as a row of tokens, so that what is not masked stays byte for byte as the shop wrote it.

use super::find::Found;
use super::pages::ShopPages;
use crate::catalogue::Field;

/// Notes every string that stands behind a name that the file knows, in lists, too.
pub(crate) fn values(json: &str, shop: &ShopPages, found: &mut Vec<Found>) {
    let bytes = json.as_bytes();
    let mut names: Vec<Option<&'static Field>> = vec![None];
    let (mut at, mut is_name) = (0, false);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' => {
                names.push(None);
                is_name = true;
            }
            b'[' => {
                // What a list holds is what its name says.
                names.push(names.last().copied().flatten());
                is_name = false;
            }
            b'}' | b']' => {
                if names.len() > 1 {
                    names.pop();
                }
                is_name = false;
            }
            b',' => is_name = is_in_object(json, at),
            b'"' => {
                let end = string_end(bytes, at + 1);
                let colon = json.get(end + 1..).is_some_and(|rest| rest.trim_start().starts_with(':'));
                if is_name || colon {
                    if let Some(last) = names.last_mut() {
                        *last = json.get(at + 1..end).and_then(|name| shop.json.get(name).copied());
                    }
                    is_name = false;
                } else if let Some(field) = names.last().copied().flatten().filter(|_| end > at + 1) {
                    found.push(Found { range: at + 1..end, field });
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
}

/// Whether a name follows a comma: then a string and a colon stand behind it.
fn is_in_object(json: &str, at: usize) -> bool {
    let rest = json.get(at + 1..).unwrap_or_default().trim_start();
    if !rest.starts_with('"') {
        return false;
    }
    let end = string_end(rest.as_bytes(), 1);
    rest.get(end + 1..).is_some_and(|behind| behind.trim_start().starts_with(':'))
}

/// Where a string ends that begins at `from`.
fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}
