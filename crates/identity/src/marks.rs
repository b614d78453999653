//! What rows are found by, and the places that sealed values are bound to.

use storeward_base::{ClientIp, CustomerId, Entropy, Secret};
use storeward_outbound::sms::PhoneNumber;
use storeward_seal::{DataKey, MarkKey, PseudonymKey};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::error::Error;
use crate::model::{DeviceId, Email};

/// Keyed marks, each kind under a key of its own.
#[derive(Clone, Debug)]
pub struct Marks {
    email: MarkKey,
    shop: MarkKey,
    credential: MarkKey,
    code: MarkKey,
    network: MarkKey,
    attempt: MarkKey,
    recovery: MarkKey,
    number: MarkKey,
    office: MarkKey,
    device: MarkKey,
    next_device: MarkKey,
    place: MarkKey,
}

impl Marks {
    pub fn new(key: &PseudonymKey) -> Self {
        Marks {
            email: key.mark_key("identity.email"),
            shop: key.mark_key("identity.shop_subject"),
            credential: key.mark_key("identity.credential"),
            code: key.mark_key("identity.code"),
            network: key.mark_key("identity.network"),
            attempt: key.mark_key("identity.attempt"),
            recovery: key.mark_key("identity.recovery_code"),
            number: key.mark_key("identity.number"),
            office: key.mark_key("identity.office"),
            device: key.mark_key("identity.device_token"),
            next_device: key.mark_key("identity.device_token.next"),
            place: key.mark_key("identity.place"),
        }
    }

    pub fn email(&self, email: &Email) -> String {
        self.email.mark(email.as_str())
    }

    pub fn shop(&self, subject: &str) -> String {
        self.shop.mark(subject)
    }

    pub fn credential(&self, id: &[u8]) -> String {
        self.credential.mark(&storeward_seal::encoding::base64_url(id))
    }

    /// Of a code of the challenge `flow_hash` that went to this address: fits no other challenge, and shows nothing of
    /// another address, should the account have one meanwhile.
    pub fn code(&self, flow_hash: &str, to: &Email, code: &str) -> String {
        self.code.mark(&format!("{flow_hash}\n{}\n{code}", to.as_str()))
    }

    /// Of a code by short message of the challenge `flow_hash`: a mailed code is none.
    pub fn sms_code(&self, flow_hash: &str, code: &str) -> String {
        self.code.mark(&format!("{flow_hash}\nsms\n{code}"))
    }

    /// What is kept of a recovery code of this customer, plain as [`crate::tokens::read_recovery_code`] reads it.
    pub fn recovery_code(&self, customer: CustomerId, plain: &Secret<String>) -> String {
        self.recovery.mark(&format!("{customer}\n{}", plain.expose()))
    }

    /// Of what a member of staff has added, for two people to compare.
    pub fn office(&self, what: &str) -> String {
        self.office.mark(what)
    }

    /// What the second half of a device's token is, by its first: 128 bits in hexadecimal.
    pub fn device(&self, id: DeviceId, random: &str) -> String {
        let mut mark = self.device.mark(&format!("{id}\n{random}"));
        mark.truncate(32);
        mark
    }

    /// The first half of the token that replaces one with this secret: 128 bits in hexadecimal.
    pub fn next_device(&self, id: DeviceId, secret: &str) -> String {
        let mut mark = self.next_device.mark(&format!("{id}\n{secret}"));
        mark.truncate(32);
        mark
    }

    pub fn number(&self, number: &PhoneNumber) -> String {
        self.number.mark(number.expose())
    }

    /// Of the network that an address lies in: the address of IPv4, the /64 of IPv6.
    pub fn network(&self, client: ClientIp) -> String {
        self.network.mark(&client.block().to_string())
    }

    /// What stands for an address as typed, whether an account has it or not, in the count of attempts.
    pub fn attempt(&self, typed: &str) -> String {
        self.attempt.mark(&folded(typed))
    }

    /// Where an address lies among all, of 2^64 places.
    pub fn place(&self, address: &str) -> u64 {
        let mark = self.place.mark(&folded(address));
        mark.get(..16).and_then(|start| u64::from_str_radix(start, 16).ok()).unwrap_or_default()
    }
}

/// Whether some shop takes a name for another one that is written otherwise: it holds a sign that shops drop or map, each in its own
/// way and its own language. WordPress (`remove_accents`, `sanitize_user`) makes `d` of `đ`, `ue` or `u` of `ü`, nothing of `£`, and
/// drops tags, entities and encoded bytes; databases pass over what has no weight. What is written in letters of one script, ASCII or
/// another, with the digits and signs of ASCII, nobody writes anew.
pub fn is_rewritten(typed: &str) -> bool {
    let typed = typed.trim();
    let mut script = None;
    let mut before_is_foreign = false;
    for sign in typed.nfkd().filter(|sign| !sign.is_whitespace()) {
        if is_combining_mark(sign) {
            // On letters of another script it counts as `folded` has it.
            if !before_is_foreign {
                return true;
            }
            continue;
        }
        let found = script_of(sign);
        before_is_foreign = found.is_some_and(|found| found != Script::Ascii);
        match found {
            Some(found) if *script.get_or_insert(found) != found => return true,
            Some(_) => {}
            None if sign.is_ascii_graphic() => {}
            None => return true,
        }
    }
    without_codes(typed).len() != typed.len()
}

/// Scripts whose letters no shop writes as those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Script {
    Ascii,
    Greek,
    Cyrillic,
    Semitic,
    Indic,
    Georgian,
    Hangul,
    Han,
}

fn script_of(sign: char) -> Option<Script> {
    let script = match sign {
        'a'..='z' | 'A'..='Z' => return Some(Script::Ascii),
        '\u{370}'..='\u{3ff}' => Script::Greek,
        '\u{400}'..='\u{52f}' => Script::Cyrillic,
        '\u{5d0}'..='\u{5ea}' | '\u{620}'..='\u{63f}' | '\u{641}'..='\u{64a}' | '\u{671}'..='\u{6d3}' => {
            Script::Semitic
        }
        '\u{900}'..='\u{eff}' => Script::Indic,
        '\u{10a0}'..='\u{10ff}' => Script::Georgian,
        '\u{1100}'..='\u{11ff}' => Script::Hangul,
        '\u{3041}'..='\u{30fa}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' => Script::Han,
        _ => return None,
    };
    (sign.is_alphabetic() && !is_unseen(sign)).then_some(script)
}

/// Longest name that is told apart, in characters.
const MOST_OF_A_NAME: usize = 320;

/// A name in the widest form in which some shop takes it for another's: WordPress drops tags, entities and encoded bytes
/// (`sanitize_user`), and databases compare without case, accents and width. Two people may share a count by it, and nobody has
/// two.
fn folded(typed: &str) -> String {
    // All of it is read before it is cut: a cut before what is dropped has gone leaves as much of the name as the sender likes.
    let plain: String = typed.nfkd().filter(|sign| !is_combining_mark(*sign)).collect();
    let plain = without_codes(&plain);
    let signs = plain.chars().filter(|sign| !sign.is_whitespace() && !sign.is_control() && !is_unseen(*sign));
    signs.flat_map(char::to_lowercase).take(MOST_OF_A_NAME).collect()
}

/// Without tags, entities and encoded bytes.
fn without_codes(text: &str) -> String {
    let plain = without(text, '<', |inside| inside.find('>').map_or(Some(inside.len()), |end| Some(end + 1)));
    // Behind the last `;` no entity ends: looked for at each `&` there, the time would grow with the square of the length.
    let (ended, open) = plain.split_at(plain.rfind(';').map_or(0, |last| last + 1));
    let plain = without(ended, '&', |inside| inside.find(';').map(|end| end + 1)) + open;
    without(&plain, '%', |inside| {
        let is_byte = inside.get(..2).is_some_and(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()));
        is_byte.then_some(2)
    })
}

/// Signs that nobody sees and that databases pass over: soft hyphen, spaces without width, directions, variants, tags.
fn is_unseen(sign: char) -> bool {
    matches!(
        sign,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Without what begins at `opens`, as long as `length` says of the text behind it; what has no length stays.
fn without(text: &str, opens: char, length: impl Fn(&str) -> Option<usize>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(opens) {
        out.push_str(rest.get(..at).unwrap_or_default());
        let inside = rest.get(at + opens.len_utf8()..).unwrap_or_default();
        rest = match length(inside) {
            Some(length) => inside.get(length..).unwrap_or_default(),
            None => {
                out.push(opens);
                inside
            }
        };
    }
    out.push_str(rest);
    out
}

/// The fields that are sealed.
#[derive(Clone, Copy, Debug)]
pub enum Field {
    Email,
    ShopSubject,
    Name,
    Label,
    Secret,
    State,
    History,
    Jar,
}

/// Seals and opens values of one row.
#[derive(Clone, Debug)]
pub struct Vaulted(pub DataKey);

impl Vaulted {
    /// `row` is the row's id or token hash: the value opens in that row only.
    pub fn seal(&self, plain: &[u8], row: &str, field: Field, entropy: &dyn Entropy) -> Vec<u8> {
        self.0.seal(plain, &place(row, field), entropy)
    }

    pub fn open(&self, sealed: &[u8], row: &str, field: Field) -> Result<Secret<Vec<u8>>, Error> {
        Ok(self.0.open(sealed, &place(row, field))?)
    }

    /// A text that was sealed as one.
    pub fn open_text(&self, sealed: &[u8], row: &str, field: Field) -> Result<String, Error> {
        let bytes = self.open(sealed, row, field)?;
        String::from_utf8(bytes.expose().clone()).map_err(|_| Error::Seal(storeward_seal::Error::Sealed))
    }

    pub fn seal_of_account(
        &self,
        plain: &str,
        id: CustomerId,
        field: Field,
        entropy: &dyn Entropy,
    ) -> Vec<u8> {
        self.seal(plain.as_bytes(), &id.to_string(), field, entropy)
    }
}

fn place(row: &str, field: Field) -> String {
    let field = match field {
        Field::Email => "email",
        Field::ShopSubject => "shop_subject",
        Field::Name => "name",
        Field::Label => "label",
        Field::Secret => "secret",
        Field::State => "state",
        Field::Jar => "jar",
        Field::History => "history",
    };
    format!("identity/{row}.{field}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one() {
        for (typed, name) in [
            ("  Kim ", "kim"),
            ("kim%4040", "kim40"),
            ("kim%41%5a", "kim"),
            ("k&x1;im", "kim"),
            ("<b>kim</b>", "kim"),
            ("kim<", "kim"),
            ("K\u{131}m", "k\u{131}m"),
            ("k\u{ed}m", "kim"),
            ("\u{ff4b}\u{ff49}\u{ff4d}", "kim"),
            ("k\u{200b}i\u{ad}m\u{e0041}", "kim"),
            ("Ada.B+shop@People.example", "ada.b+shop@people.example"),
            ("100% me & you", "100%me&you"),
            ("", ""),
        ] {
            assert_eq!(folded(typed), name, "{typed}");
        }
        assert_eq!(folded(&"x".repeat(100_000)).len(), MOST_OF_A_NAME);
        // However much stands before or in it that is dropped: each length of it made another name.
        for most in [8 * MOST_OF_A_NAME - 2, 8 * MOST_OF_A_NAME, 20_000] {
            for padded in [
                format!("{}kim", " ".repeat(most)),
                format!("{}kim", "\u{200b}".repeat(most)),
                format!("<{}>kim", "x".repeat(most)),
                format!("&{};kim", "x".repeat(most)),
                format!("k{}im", "%41".repeat(most)),
                format!("k{}im", "\u{301}".repeat(most)),
            ] {
                assert_eq!(folded(&padded), "kim", "{most}");
            }
        }
    }

    // Of each letter WordPress knows two or three spellings, so one name had as many counts as one liked.
    #[test]
    fn names_that_shops_write_anew_are_known() {
        for typed in [
            "ida\u{a3}",
            "\u{a3}\u{a3}ida",
            "\u{131}da",
            "i\u{111}a",
            "i\u{f0}a",
            "\u{131}\u{111}\u{e6}",
            "id\u{e0}",
            "ida\u{301}",
            "m\u{fc}ller",
            "\u{142}ukasz@people.example",
            "\u{df}",
            "\u{20ac}va",
            "id\u{1f150}",
            "\u{2c65}da",
            "\u{1e9a}da",
            "i\u{200b}da",
            "i\u{ad}da",
            "i\0da",
            "i<b>da",
            "ida%41",
            "&x;ida",
            "ida\u{fffd}",
            "\u{456}da",
            "id\u{640}a",
            "\u{3b1}da",
            "\u{1d4be}d\u{f8}",
        ] {
            assert!(is_rewritten(typed), "{typed:?}");
        }
        for typed in [
            "ida",
            " Ida Lane ",
            "ida.lane+shop@people.example",
            "o'neil_7-x",
            "100% me & you",
            "\u{421}\u{435}\u{440}\u{433}\u{435}\u{439}",
            "\u{c774}\u{b2e4} 7",
            "\u{4f0a}\u{9054}",
            "\u{3a3}\u{3af}\u{3b4}\u{3b7}",
            "\u{ff49}\u{ff44}\u{ff41}",
            "",
        ] {
            assert!(!is_rewritten(typed), "{typed:?}");
        }
    }
}
