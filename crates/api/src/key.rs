//! A key: its text, what it may do, and a draft of one.

use storeward_base::{AddressList, ApiKeyId, ClientIp, Entropy, Secret, Timestamp};
use storeward_policy::Purpose;
use storeward_seal::fingerprint::{sha256_hex, token_hash};

/// What keys begin with, so that whoever looks for leaked secrets finds them: `swk_` and 88 hexadecimal digits.
const START: &str = "swk_";
/// Digits by which a key is found.
const HANDLE: usize = 16;
/// Digits of the secret: 256 bits.
const SECRET: usize = 64;
/// Digits by which a text can be told to be a key without asking the database.
const CHECK: usize = 8;

/// Roles of staff, and the one of a shop's own system. (Policies know groups by their names.)
pub const ROLES: [&str; 6] = ["owner", "support", "fulfilment", "accountant", "marketing", "shop"];

/// Each role with what it is for, for people to choose by.
pub fn roles_and_words() -> [(&'static str, &'static str); 6] {
    [
        ("shop", "The shop's own system: keeps what customers gave it"),
        ("fulfilment", "Packs and sends orders"),
        ("support", "Answers customers"),
        ("accountant", "Invoices and accounts"),
        ("marketing", "Writes to those who agreed"),
        ("owner", "Everything that the owner may"),
    ]
}

/// What a key may do at all; the policy decides about each call on top of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Find and open.
    Read,
    /// Make, write, correct, restrict.
    Write,
    Erase,
    /// Take along all that is kept of somebody.
    Export,
    /// Have orders paid: create, read, capture and void payments.
    Pay,
    /// Give money back.
    Refund,
    /// Look at what runs on paying pages.
    Scripts,
    /// Approve what runs there, and take approvals back.
    Approve,
}

impl Act {
    pub const ALL: [Act; 8] =
        [Act::Read, Act::Write, Act::Erase, Act::Export, Act::Pay, Act::Refund, Act::Scripts, Act::Approve];

    pub const fn name(self) -> &'static str {
        match self {
            Act::Read => "read",
            Act::Write => "write",
            Act::Erase => "erase",
            Act::Export => "export",
            Act::Pay => "pay",
            Act::Refund => "refund",
            Act::Scripts => "scripts",
            Act::Approve => "approve",
        }
    }

    pub fn of_name(name: &str) -> Option<Act> {
        Act::ALL.into_iter().find(|act| act.name() == name)
    }
}

/// A key as it is known after it was made.
#[derive(Clone, Debug)]
pub struct Key {
    pub id: ApiKeyId,
    pub name: String,
    /// The part that may be shown: `swk_` and 16 digits.
    pub handle: String,
    pub acts: Vec<Act>,
    pub roles: Vec<String>,
    pub purposes: Vec<Purpose>,
    /// From where it may be used; empty: from everywhere.
    pub networks: AddressList,
    pub made_by: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    /// Why it is good for nothing, whatever its row says: [`Sort::Changed`] or [`Sort::Orphaned`].
    pub doubt: Option<Sort>,
}

/// Whether a key is good, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Good,
    Expired,
    Revoked,
    /// Used from where it may not be.
    Elsewhere,
    /// The row is not the one that Storeward wrote: somebody was at the database.
    Changed,
    /// Whoever made it may not make keys any more.
    Orphaned,
}

impl Sort {
    /// Stands in events; nothing for a good one.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Sort::Good => None,
            Sort::Expired => Some("expired"),
            Sort::Revoked => Some("revoked"),
            Sort::Elsewhere => Some("network"),
            Sort::Changed => Some("changed"),
            Sort::Orphaned => Some("maker"),
        }
    }
}

impl Key {
    /// Whether it is good now, from there.
    pub fn sort(&self, now: Timestamp, client: Option<ClientIp>) -> Sort {
        if let Some(doubt) = self.doubt {
            return doubt;
        }
        if self.revoked_at.is_some() {
            return Sort::Revoked;
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Sort::Expired;
        }
        let fits = self.networks.is_empty() || client.is_some_and(|ip| self.networks.contains(ip.get()));
        if fits { Sort::Good } else { Sort::Elsewhere }
    }
}

/// What a new key shall be.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// What it is for, in the words of whoever makes it.
    pub name: String,
    pub acts: Vec<Act>,
    pub roles: Vec<String>,
    pub purposes: Vec<Purpose>,
    pub networks: AddressList,
    pub expires_at: Option<Timestamp>,
}

impl Draft {
    /// Why no key can be made of it.
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), &'static str> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
            return Err("A key needs a name of one line and at most 80 characters.");
        }
        if self.acts.is_empty() {
            return Err(
                "A key needs at least one of: read, write, erase, export, pay, refund, scripts, approve.",
            );
        }
        if self.purposes.is_empty() || self.purposes.contains(&Purpose::OwnData) {
            return Err("A key needs at least one purpose that staff have, too.");
        }
        let known = |role: &String| ROLES.contains(&role.as_str());
        if self.roles.is_empty() || !self.roles.iter().all(known) {
            return Err(
                "A key needs at least one role: owner, support, fulfilment, accountant, marketing, shop.",
            );
        }
        // Whoever writes an order, or that somebody agreed, must not be who is let see more by it.
        let is_shop = self.roles.iter().any(|role| role == "shop");
        if is_shop && self.roles.iter().any(|role| role != "shop" && role != "owner") {
            return Err(
                "The shop's own system (shop) keeps what others are let open by: give it a key of its own, and another one to \
                 whoever opens.",
            );
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err("The key would have expired already.");
        }
        Ok(())
    }
}

/// A key's text, well-formed.
pub(crate) struct KeyText {
    pub handle: String,
    pub hash: String,
}

impl KeyText {
    /// A new one, whole: it is told once.
    pub fn fresh(entropy: &dyn Entropy) -> (Secret<String>, KeyText) {
        let body = format!("{START}{}{}", entropy.token::<8>(), entropy.token::<32>());
        let text = format!("{body}{}", check_digits(&body));
        let parts = KeyText::parse(&text).expect("it was just put together");
        (Secret::new(text), parts)
    }

    /// Nothing for what is no key: the wrong length, signs or check digits.
    pub fn parse(text: &str) -> Option<KeyText> {
        let digits = text.strip_prefix(START)?;
        let is_hex = digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if digits.len() != HANDLE + SECRET + CHECK || !is_hex {
            return None;
        }
        let (body, check) = text.split_at(text.len() - CHECK);
        if check_digits(body) != check {
            return None;
        }
        let handle = digits.get(..HANDLE)?.to_owned();
        Some(KeyText { handle, hash: token_hash(text) })
    }
}

fn check_digits(body: &str) -> String {
    sha256_hex(body.as_bytes()).chars().take(CHECK).collect()
}

/// Whether a key stands somewhere in a text, such as an address.
pub(crate) fn holds_key(text: &str) -> bool {
    text.match_indices(START).any(|(at, _)| {
        let digits = text.get(at + START.len()..).unwrap_or_default();
        digits.bytes().take_while(u8::is_ascii_hexdigit).count() >= HANDLE + SECRET
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SeededEntropy;
    use storeward_policy::Role;

    #[test]
    fn a_key_is_told_from_what_is_none_without_a_database() {
        let (text, parts) = KeyText::fresh(&SeededEntropy::new(1));
        let text = text.expose();
        assert_eq!(text.len(), 92);
        assert_eq!(KeyText::parse(text).unwrap().hash, parts.hash);
        assert!(text.contains(&parts.handle) && !parts.hash.contains(&parts.handle));
        let mut other = text.clone();
        let last = if other.pop() == Some('0') { '1' } else { '0' };
        other.push(last);
        for wrong in ["", "swk_", &text[..91], &text.to_uppercase(), &other, &format!("{text}0"), &text[4..]]
        {
            assert!(KeyText::parse(wrong).is_none());
        }
        assert!(holds_key(&format!("/api/v1/x?key={text}")) && !holds_key("/api/v1/swk_x"));
    }

    #[test]
    fn every_role_of_staff_can_be_a_keys() {
        assert!(Role::ALL.iter().all(|role| ROLES.contains(&role.name())));
        assert!(roles_and_words().iter().all(|(role, _)| ROLES.contains(role)));
        assert_eq!(roles_and_words().len(), ROLES.len());
    }
}
