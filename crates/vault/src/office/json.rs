//! JSON read as a row of tokens, so that what is not masked stays byte for byte as the shop wrote it.

use std::ops::Range;

use super::find::Found;
use super::pages::{Page, ShopPages};
use crate::catalogue::Field;

/// What is open: an object or a list.
#[derive(Clone, Default)]
struct Level {
    /// What the value is that comes next.
    field: Option<&'static Field>,
    name: String,
    /// Of a pair (`"key": …, "value": …`): what its key says the value is, or where the value stands that came before its key.
    told: Option<&'static Field>,
    waiting: Option<Range<usize>>,
    /// Within `meta_data` or the like, where extensions of a shop put what they like under names of their own.
    is_meta: bool,
}

impl Level {
    fn named(&mut self, name: &str, shop: &ShopPages, page: Option<&Page>) {
        let of_page = page.and_then(|page| page.json.get(name).copied());
        self.field = of_page.or_else(|| self.said_by(name, shop));
        if matches!(name, "value" | "display_value") {
            self.field = self.field.or(self.told);
        }
        name.clone_into(&mut self.name);
    }

    fn said_by(&self, name: &str, shop: &ShopPages) -> Option<&'static Field> {
        if self.is_meta { field_of_meta(name, shop) } else { field(name, shop) }
    }

    /// What begins here, within what its name says.
    fn within(&self, field: Option<&'static Field>) -> Level {
        Level { field, is_meta: self.is_meta || self.name.contains("meta"), ..Level::default() }
    }

    /// A string or a number, without its quotes.
    fn value(&mut self, json: &str, range: Range<usize>, shop: &ShopPages, found: &mut Vec<Found>) {
        let text = json.get(range.clone()).unwrap_or_default();
        if text.is_empty() {
            return;
        }
        if self.name == "key" {
            self.told = self.said_by(text, shop);
            if let (Some(field), Some(range)) = (self.told, self.waiting.take()) {
                found.push(Found::new(range, field));
            }
        }
        // WooCommerce's leaderboard of customers: `"display": "<a href='…'>Name</a>", "value": "Name"`, as of goods and coupons.
        if let Some(name) = named_by_link(text).filter(|_| self.name == "display") {
            self.told = Field::find("contact.name").ok();
            let within = range.start + name.start..range.start + name.end;
            let both = [Some(within), self.waiting.take()];
            found.extend(both.into_iter().flatten().filter_map(|at| Some(Found::new(at, self.told?))));
            return;
        }
        // WooCommerce's search for customers answers `"12": "Name (#12 – address)"`.
        let is_number = !self.name.is_empty() && self.name.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && text.contains(&format!("(#{} ", self.name)) {
            self.field = self.field.or_else(|| Field::find("contact.name").ok());
        }
        match self.field {
            Some(field) => found.push(Found::new(range, field)),
            None if self.name == "value" => self.waiting = Some(range),
            None => {}
        }
    }
}

/// Where the text of a link stands that leads to what one customer bought.
fn named_by_link(text: &str) -> Option<Range<usize>> {
    let at = text.find("filter=single_customer")?;
    let from = at + text.get(at..)?.find('>')? + 1;
    // JSON may write the slash of the closing tag as `\/`.
    let end = text.rfind("<\\/a>").or_else(|| text.rfind("</a>")).unwrap_or(text.len());
    (from < end).then_some(from..end)
}

/// What a name of the file says of the value beside it.
pub(crate) fn field(name: &str, shop: &ShopPages) -> Option<&'static Field> {
    shop.json.get(name).or_else(|| shop.fields.get(name)).copied()
}

/// What a key says of the value beside it, where extensions of a shop name theirs as they like.
pub(crate) fn field_of_meta(key: &str, shop: &ShopPages) -> Option<&'static Field> {
    field(key, shop).or_else(|| by_words(key))
}

/// Words of names that nobody has listed, and the field that such a value is masked as; the first that fits counts.
const BY_WORDS: [(&str, &[&str]); 9] = [
    ("contact.phone", &["phone", "telephone", "tel", "telefon", "mobile", "fax", "whatsapp"]),
    ("contact.birthday", &["birth", "birthday", "birthdate", "dob", "geburtsdatum"]),
    ("identity_document.number", &["passport", "ssn", "iban", "vat", "nif", "cpf", "cnpj"]),
    ("address.street", &["address", "addr", "street", "strasse", "house", "apartment"]),
    ("address.city", &["city", "town", "ort"]),
    ("address.postcode", &["postcode", "zip", "zipcode", "postal", "plz"]),
    // No field of the catalogue; as little of it as of a company's name.
    ("contact.company", &["company", "firma", "ip", "agent", "useragent"]),
    (
        "contact.name",
        &["name", "firstname", "lastname", "surname", "fullname", "recipient", "receiver", "signature"],
    ),
    ("note.text", &["note", "notes", "comment", "message", "dedication", "greeting"]),
];

/// What the words of a name say, such as `_billing_vatName` or `gift-recipient`. One that asks whether something is so has no personal
/// data behind it, nor has what a product is called.
fn by_words(name: &str) -> Option<&'static Field> {
    let words = words_of(name);
    let has = |one: &str| words.iter().any(|word| word == one);
    if matches!(words.first().map(String::as_str), Some("is" | "has")) {
        return None;
    }
    let is_products = words
        .iter()
        .all(|word| matches!(word.as_str(), "product" | "name") || word.chars().all(char::is_numeric));
    let counts = |one: &&str| has(one) && !(is_products && has("product"));
    let found = BY_WORDS.iter().find(|(_, known)| known.iter().any(&counts));
    found.and_then(|(field, _)| Field::find(field).ok())
}

/// The words of a name in small letters: `customerIPAddress1` is customer, ip, address and 1.
fn words_of(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    let mut signs = name.chars().peekable();
    while let Some(sign) = signs.next() {
        let ends_capitals = before.is_uppercase() && signs.peek().is_some_and(|next| next.is_lowercase());
        let begins = !before.is_alphanumeric()
            || (sign.is_uppercase() && (before.is_lowercase() || ends_capitals))
            || sign.is_numeric() != before.is_numeric();
        if begins && sign.is_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (sign.is_alphanumeric(), words.last_mut()) {
            word.extend(sign.to_lowercase());
        }
        before = sign;
    }
    words
}

/// Notes every string and number that stands behind a name that the file knows, in lists, too.
pub(crate) fn values(json: &str, shop: &ShopPages, page: Option<&Page>, found: &mut Vec<Found>) {
    let bytes = json.as_bytes();
    let mut levels: Vec<Level> = vec![Level::default()];
    let (mut at, mut is_name) = (0, false);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' => {
                levels.push(levels.last().map_or_else(Level::default, |level| level.within(None)));
                is_name = true;
            }
            b'[' => {
                // What a list holds is what its name says.
                levels.push(levels.last().map_or_else(Level::default, |level| level.within(level.field)));
                is_name = false;
            }
            b'}' | b']' => {
                if levels.len() > 1 {
                    levels.pop();
                }
                is_name = false;
            }
            b',' => is_name = is_in_object(json, at),
            b'"' => {
                let end = string_end(bytes, at + 1);
                let colon = json.get(end + 1..).is_some_and(|rest| rest.trim_start().starts_with(':'));
                if let Some(level) = levels.last_mut() {
                    if is_name || colon {
                        level.named(json.get(at + 1..end).unwrap_or_default(), shop, page);
                    } else {
                        level.value(json, at + 1..end, shop, found);
                    }
                }
                is_name &= !colon;
                at = end;
            }
            b'0'..=b'9' | b'-' if is_value(bytes, at) => {
                let is_part =
                    |byte: &&u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
                let length = bytes.iter().skip(at).take_while(is_part).count();
                if let Some(level) = levels.last_mut() {
                    level.value(json, at..at + length, shop, found);
                }
                at += length - 1;
            }
            _ => {}
        }
        at += 1;
    }
}

/// Whether what stands here is a value by itself.
fn is_value(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or_default().iter().rev().find(|byte| !byte.is_ascii_whitespace());
    matches!(before, Some(b':' | b',' | b'['))
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

#[cfg(test)]
mod tests {
    use super::*;

    // Names of one word to whoever looks for blanks and dashes alone were shown as they lay there; a form that sent back what is no
    // personal data was refused.
    #[test]
    fn a_name_says_by_its_words_what_stands_behind_it() {
        for (name, field) in [
            ("customerIPAddress", Some("address.street")),
            ("VATName", Some("identity_document.number")),
            ("_billing_vatName", Some("identity_document.number")),
            ("phone1", Some("contact.phone")),
            ("phoneNumber2", Some("contact.phone")),
            ("gift-recipient", Some("contact.name")),
            ("recipientName", Some("contact.name")),
            ("product_recipient", Some("contact.name")),
            ("SortOrder", None),
            ("is_vat_exempt", None),
            ("hasPhone", None),
            ("_product_name", None),
            ("productName2", None),
            ("productReviewerName", Some("contact.name")),
        ] {
            assert_eq!(by_words(name).map(Field::full_name).as_deref(), field, "{name}");
        }
    }
}
