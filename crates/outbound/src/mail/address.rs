//! Where mail goes and whom it is from.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::line::{Line, is_hidden};
use super::punycode;

/// A mailbox that a mail can be sent to (RFC 5321 section 4.1.2): a local part of plain words and a domain by name. Quoted
/// local parts and addresses in brackets are refused; nobody's customers have them, and they are read in several ways.
/// Does not print: it is personal data.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    text: String,
    /// Where the domain begins.
    domain_at: usize,
}

/// Why a text is no address; never the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// No `@`, or nothing before or behind it.
    Shape,
    /// More than 64 bytes before the `@` or 254 as a whole (RFC 5321 section 4.5.3.1).
    Length,
    /// A character that an address cannot have.
    Character,
    /// What stands behind the `@` is no domain's name.
    Domain,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AddressError::Shape => "a mail address looks like name@shop.example",
            AddressError::Length => "a mail address has at most 64 bytes before the @ and 254 in all",
            AddressError::Character => "the mail address has a character that addresses do not use",
            AddressError::Domain => "what stands behind the @ is no domain",
        })
    }
}

impl std::error::Error for AddressError {}

impl Address {
    /// Reads `local@domain`. The domain becomes lower case and ASCII (`bücher` is `xn--bcher-kva`); the local part stays as
    /// it was typed, since only its own server knows whether case matters there.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError::Shape)?;
        if local.is_empty() || domain.is_empty() {
            return Err(AddressError::Shape);
        }
        if local.len() > 64 || text.len() > 254 {
            return Err(AddressError::Length);
        }
        let is_dotted = local.split('.').all(|word| !word.is_empty());
        if !is_dotted || !local.chars().all(|c| c == '.' || is_atom(c)) {
            return Err(AddressError::Character);
        }
        let domain = ascii_domain(domain).ok_or(AddressError::Domain)?;
        if local.len() + 1 + domain.len() > 254 {
            return Err(AddressError::Length);
        }
        Ok(Address { text: format!("{local}@{domain}"), domain_at: local.len() + 1 })
    }

    /// The address itself. Each call is a place to look at in review.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// In ASCII and lower case.
    pub fn domain(&self) -> &str {
        self.text.get(self.domain_at..).unwrap_or_default()
    }

    /// It needs a server that speaks SMTPUTF8 (RFC 6531).
    pub fn needs_utf8(&self) -> bool {
        !self.text.is_ascii()
    }
}

/// `atext` of RFC 5322 section 3.2.3, and beyond ASCII what RFC 6532 adds, without what cannot be seen.
fn is_atom(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    }
    !c.is_whitespace() && !c.is_control() && !is_hidden(c)
}

/// A domain's name as DNS has it; `None` for what is none, and for an address of four numbers.
fn ascii_domain(text: &str) -> Option<String> {
    let labels: Option<Vec<_>> = text
        .to_lowercase()
        .split('.')
        .map(|label| punycode::to_ascii(label).filter(|_| is_label(label)))
        .collect();
    let domain = labels?.join(".");
    let is_number = domain.split('.').all(|label| label.bytes().all(|b| b.is_ascii_digit()));
    (!is_number).then_some(domain)
}

fn is_label(label: &str) -> bool {
    let fits =
        |c: char| if c.is_ascii() { c.is_ascii_alphanumeric() || c == '-' } else { c.is_alphanumeric() };
    !label.is_empty()
        && label.len() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(fits)
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(***)")
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Address::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// An address with the name that mail programs show before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Line>,
    pub address: Address,
}

impl Mailbox {
    /// Reads `name@shop.example` or `The shop <name@shop.example>`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let Some(inner) = text.strip_suffix('>') else { return Ok(Address::parse(text)?.into()) };
        let (name, address) = inner.rsplit_once('<').ok_or(AddressError::Shape)?;
        let name = name.trim().trim_matches('"');
        let name = match name {
            "" => None,
            name => Some(Line::parse(name).map_err(|_| AddressError::Character)?),
        };
        Ok(Mailbox { name, address: Address::parse(address)? })
    }
}

impl From<Address> for Mailbox {
    fn from(address: Address) -> Self {
        Mailbox { name: None, address }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_an_address() {
        for text in [
            "a@b.example",
            "Anna.Berg+shop@Mail.Example",
            "o'brien@b.example",
            "user@localhost",
            "x@xn--bcher-kva.example",
            "андрей@post.example",
            "!#$%&'*+-/=?^_`{|}~@b.example",
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.needs_utf8(), !text.is_ascii(), "{text}");
            assert_eq!(format!("{address:?}"), "Address(***)");
        }
        assert_eq!(Address::parse(" A@B.Example ").unwrap().expose(), "A@b.example");
        assert_eq!(Address::parse("A@B.Example").unwrap().domain(), "b.example");
        let bücher = Address::parse("anna@Bücher.Example").unwrap();
        assert_eq!((bücher.expose(), bücher.needs_utf8()), ("anna@xn--bcher-kva.example", false));
        assert!(Address::parse("андрей@почта.example").unwrap().needs_utf8());
    }

    #[test]
    fn what_is_none() {
        use AddressError::{Character, Domain, Length, Shape};
        let check = |text: &str, expected| {
            let found = Address::parse(text);
            assert_eq!(found, Err(expected), "{text:?}");
        };
        check("", Shape);
        check("anna", Shape);
        check("@b.example", Shape);
        check("a@", Shape);
        check("a b@c.example", Character);
        check("a@b@c.example", Character);
        check("a..b@c.example", Character);
        check(".a@c.example", Character);
        check("\"a\"@c.example", Character);
        check("a\r\nRCPT TO:<x@y.example>@c.example", Character);
        check("a\0@c.example", Character);
        check("a>@c.example", Character);
        check("a,b@c.example", Character);
        check("a\u{202e}b@c.example", Character);
        check("a\u{200b}b@c.example", Character);
        check("a@c.example>", Domain);
        check("a@[127.0.0.1]", Domain);
        check("a@127.0.0.1", Domain);
        check("a@b.example\r\nDATA", Domain);
        check("a@-b.example", Domain);
        check("a@b..example", Domain);
        check("a@b.example.", Domain);
        check("a@b_c.example", Domain);
        check("a@bu\u{308}cher.example", Domain);
        check(&format!("a@{}.example", "ü".repeat(200)), Length);
        check(&format!("a@{}ü.example", "a".repeat(60)), Domain);
        check(&format!("{}@b.example", "a".repeat(65)), Length);
        check(&format!("a@{}.example", "b.".repeat(130)), Length);
        check(&format!("a@{}.example", "b".repeat(64)), Domain);
    }

    #[test]
    fn names_stand_before_addresses() {
        let check = |text: &str, name: Option<&str>| {
            let found = Mailbox::parse(text).unwrap();
            assert_eq!(found.name.as_ref().map(Line::as_str), name, "{text}");
            assert_eq!(found.address.expose(), "a@b.example");
        };
        check("a@b.example", None);
        check("<a@b.example>", None);
        check("The shop <a@b.example>", Some("The shop"));
        check("\"Shop, the\" <a@b.example>", Some("Shop, the"));
        check("Müller & Söhne <a@b.example>", Some("Müller & Söhne"));
        assert!(Mailbox::parse("Shop\r\nBcc: x@y.example <a@b.example>").is_err());
        assert!(Mailbox::parse("Shop a@b.example>").is_err());
    }
}
