//! Which fields there are, what class each belongs to, what it takes, and whether it can be found by its value.

use storeward_base::Timestamp;

use crate::Error;
use crate::records::Provenance;
use crate::values::{Rule, check};

/// What kind of personal data a field is: policies are written for classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Contact,
    Address,
    Order,
    Note,
    IdentityDocument,
    Consent,
    /// A payment provider's token and what may be shown of the method; never a card number.
    Payment,
}

impl Class {
    pub const ALL: [Class; 7] = [
        Class::Contact,
        Class::Address,
        Class::Order,
        Class::Note,
        Class::IdentityDocument,
        Class::Consent,
        Class::Payment,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Class::Contact => "contact",
            Class::Address => "address",
            Class::Order => "order",
            Class::Note => "note",
            Class::IdentityDocument => "identity_document",
            Class::Consent => "consent",
            Class::Payment => "payment",
        }
    }
}

/// How a field is found by its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Not at all. Fields with few different values never are: an index would tell who shares one.
    None,
    /// By the whole value, normalised.
    Whole,
}

/// One field of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// The collection is the class's name.
    pub class: Class,
    pub name: &'static str,
    /// Version of the field's form; sealed in with each value.
    pub form: u16,
    pub rule: Rule,
    pub lookup: Lookup,
}

const fn field(class: Class, name: &'static str, rule: Rule) -> Field {
    Field { class, name, form: 1, rule, lookup: Lookup::None }
}

const fn found(class: Class, name: &'static str, rule: Rule) -> Field {
    Field { class, name, form: 1, rule, lookup: Lookup::Whole }
}

/// Clocks of two machines that ask an NTP server differ by less; so much is no future.
pub(crate) const CLOCKS: std::time::Duration = std::time::Duration::from_secs(300);

/// All of them. A name is stable for ever: it is sealed in with each value.
pub const FIELDS: &[Field] = &[
    field(Class::Contact, "name", Rule::Line(200)),
    found(Class::Contact, "email", Rule::Email),
    found(Class::Contact, "phone", Rule::Phone),
    field(Class::Contact, "company", Rule::Line(200)),
    field(Class::Contact, "birthday", Rule::Date),
    field(Class::Contact, "language", Rule::Line(35)),
    // By which the shop knows them: an import finds its customers again by it.
    found(Class::Contact, "shop_id", Rule::Line(64)),
    field(Class::Address, "name", Rule::Line(200)),
    field(Class::Address, "company", Rule::Line(200)),
    field(Class::Address, "street", Rule::Line(200)),
    field(Class::Address, "street_2", Rule::Line(200)),
    field(Class::Address, "postcode", Rule::Line(20)),
    field(Class::Address, "city", Rule::Line(100)),
    field(Class::Address, "region", Rule::Line(100)),
    field(Class::Address, "country", Rule::Country),
    field(Class::Address, "phone", Rule::Phone),
    found(Class::Order, "number", Rule::Line(64)),
    field(Class::Order, "placed_at", Rule::Moment),
    field(Class::Order, "status", Rule::Line(64)),
    field(Class::Order, "total", Rule::Amount),
    field(Class::Order, "currency", Rule::Currency),
    field(Class::Order, "items", Rule::Text(16_384)),
    field(Class::Order, "shipping", Rule::Text(2_048)),
    field(Class::Note, "text", Rule::Text(8_192)),
    field(Class::IdentityDocument, "kind", Rule::Line(40)),
    field(Class::IdentityDocument, "number", Rule::Line(64)),
    field(Class::IdentityDocument, "country", Rule::Country),
    field(Class::IdentityDocument, "expires", Rule::Date),
    field(Class::Consent, "purpose", Rule::Line(64)),
    field(Class::Consent, "given_at", Rule::Moment),
    field(Class::Consent, "withdrawn_at", Rule::Moment),
    // GDPR article 21.
    field(Class::Consent, "objected_at", Rule::Moment),
    field(Class::Consent, "wording", Rule::Text(4_096)),
    field(Class::Payment, "provider", Rule::Line(40)),
    field(Class::Payment, "token", Rule::Line(200)),
    field(Class::Payment, "brand", Rule::Line(40)),
    field(Class::Payment, "last_4", Rule::LastFour),
    field(Class::Payment, "expires", Rule::Line(7)),
];

impl Field {
    /// The field that is written `class.name`.
    pub fn find(full_name: &str) -> Result<&'static Field, Error> {
        let named = |field: &&Field| {
            full_name
                .split_once('.')
                .is_some_and(|(class, name)| class == field.class.name() && name == field.name)
        };
        FIELDS.iter().find(named).ok_or_else(|| Error::NoField(full_name.chars().take(60).collect()))
    }

    pub fn full_name(&self) -> String {
        format!("{}.{}", self.class.name(), self.name)
    }

    /// The value as it is kept, or why it does not fit.
    pub fn take(&self, value: &str) -> Result<String, Error> {
        check(self.rule, value).map_err(|why| Error::Value { field: self.name, why })
    }

    /// [`Field::take`] at this moment: what customers said lies behind them. A shop's files are taken as they are; there such a word
    /// counts for nothing ([`crate::opening`]).
    pub(crate) fn take_at(&self, value: &str, by: Provenance, now: Timestamp) -> Result<String, Error> {
        let kept = self.take(value)?;
        let is_said = self.class == Class::Consent && self.rule == Rule::Moment && by != Provenance::Import;
        let is_ahead = |text: &str| Timestamp::parse_rfc3339(text).is_some_and(|at| at > now.plus(CLOCKS));
        if is_said && is_ahead(&kept) {
            return Err(Error::Value { field: self.name, why: "lies in the future" });
        }
        Ok(kept)
    }

    /// The value as it is looked up; `None` where it cannot be.
    pub fn normal(&self, value: &str) -> Option<String> {
        (self.lookup == Lookup::Whole).then(|| crate::values::normal(self.rule, value))
    }

    /// As [`Field::normal`] had it before, where that differs.
    pub(crate) fn normal_before(&self, value: &str) -> Option<String> {
        let before = crate::values::normal_before(self.rule, value);
        before.filter(|_| self.lookup == Lookup::Whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name_and_none_stands_there_twice() {
        for field in FIELDS {
            assert_eq!(Field::find(&field.full_name()).unwrap(), field);
        }
        for wrong in ["", "name", "contact.", ".name", "contact.email.x", "Contact.email"] {
            assert!(matches!(Field::find(wrong), Err(Error::NoField(_))), "{wrong}");
        }
    }
}
