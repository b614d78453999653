//! Scopes: what a client wants to know.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One scope (OpenID Connect Core sections 5.4 and 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Openid,
    Profile,
    Email,
    /// Refresh tokens that outlive the session.
    OfflineAccess,
}

impl Scope {
    pub const ALL: [Scope; 4] = [Scope::Openid, Scope::Profile, Scope::Email, Scope::OfflineAccess];

    pub const fn name(self) -> &'static str {
        match self {
            Scope::Openid => "openid",
            Scope::Profile => "profile",
            Scope::Email => "email",
            Scope::OfflineAccess => "offline_access",
        }
    }
}

/// A set of scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Reads a list with blanks between. Scopes that are not known are passed over (OpenID Connect Core section 3.1.2.1).
    pub fn parse(text: &str) -> Self {
        let names: Vec<&str> = text.split(' ').collect();
        Scopes(Scope::ALL.into_iter().filter(|scope| names.contains(&scope.name())).collect())
    }

    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        self.0.iter().copied()
    }

    /// Whether there is nothing in this that `other` lacks.
    pub fn is_within(&self, other: &Scopes) -> bool {
        self.iter().all(|scope| other.has(scope))
    }

    /// What is in both.
    pub fn common(&self, other: &Scopes) -> Self {
        Scopes(self.iter().filter(|scope| other.has(*scope)).collect())
    }

    /// Both together.
    pub fn union(&self, other: &Scopes) -> Self {
        Scopes(Scope::ALL.into_iter().filter(|scope| self.has(*scope) || other.has(*scope)).collect())
    }

    pub fn names(&self) -> Vec<String> {
        self.iter().map(|scope| scope.name().to_owned()).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_ones_in_one_order() {
        let scopes = Scopes::parse("email openid address phone  openid");
        assert_eq!(scopes.to_string(), "openid email");
        assert!(Scopes::parse("openid").is_within(&scopes) && !Scopes::parse("profile").is_within(&scopes));
        assert_eq!(scopes.union(&Scopes::parse("offline_access")).to_string(), "openid email offline_access");
        assert_eq!(scopes.common(&Scopes::parse("email offline_access")).to_string(), "email");
        assert_eq!(Scopes::parse("").to_string(), "");
    }
}
