//! What an account is made of. A value exists only if it fits.

use storeward_base::{Id, Tagged, Timestamp};
use storeward_store::{FromValue, Value};

macro_rules! id {
    ($tag:ident, $name:ident, $prefix:literal, $what:literal) => {
        #[doc = $what]
        #[derive(Debug)]
        pub enum $tag {}
        impl Tagged for $tag {
            const PREFIX: &'static str = $prefix;
        }
        pub type $name = Id<$tag>;
    };
}

id!(Session, SessionId, "csess", "One signed-in browser. The id is no secret: the token is.");
id!(Device, DeviceId, "cdev", "One browser that signed in once.");
id!(Factor, FactorId, "cfac", "One passkey, app or telephone.");
id!(HeldBack, HeldId, "cheld", "One sign-in that was held back.");
id!(StaffActOf, StaffActId, "cact_staff", "One thing that staff did to an account.");
id!(Activity, ActivityId, "cact", "One line of what a person sees of their account.");

/// Why an entry of a form does not fit: the field, and the key of the text that says what would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit {
    pub field: &'static str,
    pub key: &'static str,
}

/// An e-mail address: trimmed, lower case, one `@`, at most 254 characters (RFC 5321 section 4.5.3.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    pub fn parse(text: &str) -> Result<Self, Misfit> {
        let text = text.trim().to_lowercase();
        let plain = |c: char| {
            !c.is_control() && !c.is_whitespace() && !matches!(c, '@' | '<' | '>' | ',' | ';' | '"')
        };
        let fits = text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && domain.len() >= 3
                && domain.contains('.')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && text.len() <= 254
                && local.chars().chain(domain.chars()).all(plain)
        });
        if fits { Ok(Email(text)) } else { Err(Misfit { field: "email", key: "misfit.email" }) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For a page that must not show all of it: `a•••@shop.example`.
    pub fn masked(&self) -> String {
        let (local, domain) = self.0.split_once('@').unwrap_or((&self.0, ""));
        let first: String = local.chars().take(1).collect();
        format!("{first}•••@{domain}")
    }
}

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Email(***)")
    }
}

/// What a person wants to be called, or calls a device: at most 80 characters, no control characters; may be empty.
pub fn parse_name(text: &str, field: &'static str) -> Result<Option<String>, Misfit> {
    let text = text.trim();
    let fits = text.chars().count() <= 80 && !text.chars().any(char::is_control);
    if fits {
        Ok((!text.is_empty()).then(|| text.to_owned()))
    } else {
        Err(Misfit { field, key: "misfit.name" })
    }
}

/// How sure we are of who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// One factor.
    One = 1,
    /// Two different factors.
    Two = 2,
    /// A passkey: two factors in one, and it resists phishing.
    Passkey = 3,
}

impl Level {
    /// The authentication context class: the names of NIST's levels, and `phr` of OpenID's EAP ACR values.
    pub const fn acr(self) -> &'static str {
        match self {
            Level::One => "aal1",
            Level::Two => "aal2",
            Level::Passkey => "phr",
        }
    }

    /// Reads what [`Level::acr`] writes.
    pub fn of_acr(acr: &str) -> Option<Self> {
        [Level::One, Level::Two, Level::Passkey].into_iter().find(|level| level.acr() == acr)
    }

    /// What the proofs amount to.
    pub fn of(proofs: &[Proof]) -> Self {
        let has = |wanted: &[Proof]| proofs.iter().any(|proof| wanted.contains(proof));
        if has(&[Proof::Passkey]) {
            return Level::Passkey;
        }
        let knows = has(&[Proof::Password]);
        let holds = has(&[Proof::Totp, Proof::Sms, Proof::Mail, Proof::Recovery]);
        if knows && holds { Level::Two } else { Level::One }
    }
}

impl From<Level> for Value {
    fn from(level: Level) -> Self {
        Value::Integer(match level {
            Level::One => 1,
            Level::Two => 2,
            Level::Passkey => 3,
        })
    }
}

impl FromValue for Level {
    const WANTED: &'static str = "a level of 1 to 3";
    fn from_value(value: Value) -> Option<Self> {
        match i64::from_value(value)? {
            1 => Some(Level::One),
            2 => Some(Level::Two),
            3 => Some(Level::Passkey),
            _ => None,
        }
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $wanted:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// All of them.
            #[allow(dead_code, reason = "not every list is gone through")]
            pub const ALL: &'static [Self] = &[$($name::$variant),+];

            /// The stable word in tables, events and claims.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            pub fn of_word(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl From<$name> for Value {
            fn from(value: $name) -> Self { Value::Text(value.word().to_owned()) }
        }

        impl FromValue for $name {
            const WANTED: &'static str = $wanted;
            fn from_value(value: Value) -> Option<Self> {
                String::from_value(value).and_then(|word| $name::of_word(&word))
            }
        }
    };
}
pub(crate) use words;

words! {
    /// One way of proving who one is, as `amr` names it (RFC 8176; `email`, `recovery` and `device` are ours).
    Proof, "a proof" {
        Password = "pwd",
        Totp = "otp",
        Sms = "sms",
        Passkey = "pop",
        Mail = "email",
        Recovery = "recovery",
        /// A device that the person trusts stood in for the second factor.
        Device = "device",
    }
}

impl Proof {
    /// Whether it is of something that the person added.
    pub const fn is_factor(self) -> bool {
        match self {
            Proof::Totp | Proof::Sms | Proof::Passkey | Proof::Recovery => true,
            Proof::Password | Proof::Mail | Proof::Device => false,
        }
    }
}

words! {
    /// A factor that a person adds to their account.
    FactorKind, "a kind of factor" {
        Totp = "totp",
        Passkey = "passkey",
        Sms = "sms",
    }
}

/// Proofs as one column, and back. Words that this program does not know are passed over.
pub fn amr_column(proofs: &[Proof]) -> String {
    proofs.iter().map(|proof| proof.word()).collect::<Vec<_>>().join(" ")
}

pub fn proofs_of_column(column: &str) -> Vec<Proof> {
    column.split_whitespace().filter_map(Proof::of_word).collect()
}

/// The `amr` claim: the proofs, and `mfa` where there is more than one factor.
pub fn amr_claim(proofs: &[Proof]) -> Vec<String> {
    let mut claim: Vec<String> = proofs.iter().map(|proof| proof.word().to_owned()).collect();
    if Level::of(proofs) >= Level::Two {
        claim.push("mfa".to_owned());
    }
    claim
}

/// An account as the verbs need it, opened.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: storeward_base::CustomerId,
    pub email: Option<Email>,
    pub name: Option<String>,
    pub language: storeward_base::Language,
    pub password_hash: Option<String>,
    pub password_set_at: Option<Timestamp>,
    pub password_disabled_at: Option<Timestamp>,
    pub must_change_at: Option<Timestamp>,
    pub step_up_forced_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub locked_at: Option<Timestamp>,
}

/// What closes an account's doors, as somebody read it before they decided by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doors {
    pub password_set_at: Option<Timestamp>,
    pub must_change_at: Option<Timestamp>,
    pub step_up_forced_at: Option<Timestamp>,
    pub locked_at: Option<Timestamp>,
}

impl Doors {
    /// Whether nothing was closed since `known` was read, and the password is the same. What was opened meanwhile does no harm.
    pub fn are_as_open_as(&self, known: &Doors) -> bool {
        let as_open = |now: Option<Timestamp>, then: Option<Timestamp>| now.is_none() || now == then;
        self.password_set_at == known.password_set_at
            && as_open(self.must_change_at, known.must_change_at)
            && as_open(self.step_up_forced_at, known.step_up_forced_at)
            && as_open(self.locked_at, known.locked_at)
    }
}

impl Account {
    pub const fn doors(&self) -> Doors {
        Doors {
            password_set_at: self.password_set_at,
            must_change_at: self.must_change_at,
            step_up_forced_at: self.step_up_forced_at,
            locked_at: self.locked_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        assert_eq!(Email::parse(" Ada@Shop.Example ").unwrap().as_str(), "ada@shop.example");
        for bad in [
            "",
            "ada",
            "ada@",
            "@shop.example",
            "a b@shop.example",
            "a@b@c.d",
            "a@localhost",
            "a@.b.c",
            "a,b@c.de",
        ] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Email::parse("ada@shop.example").unwrap().masked(), "a•••@shop.example");
        assert_eq!(format!("{:?}", Email::parse("ada@shop.example").unwrap()), "Email(***)");
    }

    #[test]
    fn levels_follow_from_what_was_shown() {
        let check = |proofs: &[Proof], level: Level| assert_eq!(Level::of(proofs), level, "{proofs:?}");
        check(&[], Level::One);
        check(&[Proof::Password], Level::One);
        check(&[Proof::Totp], Level::One);
        check(&[Proof::Totp, Proof::Mail], Level::One);
        check(&[Proof::Password, Proof::Device], Level::One);
        check(&[Proof::Password, Proof::Totp], Level::Two);
        check(&[Proof::Password, Proof::Mail], Level::Two);
        check(&[Proof::Passkey], Level::Passkey);
        assert_eq!(amr_claim(&[Proof::Password, Proof::Totp]), ["pwd", "otp", "mfa"]);
        assert_eq!(proofs_of_column("pwd x otp"), [Proof::Password, Proof::Totp]);
    }
}
