//! What stands in a database for a password.

use std::fmt;

use storeward_base::Secret;

use crate::Error;
use crate::argon::{Cost, Phc};
use crate::foreign::{self, Foreign};

/// Before the recipe of a wrapped hash, and then its Argon2id: `$wrapped$v=1$phpass,13,wordpress,…$argon2id$v=19$…`.
const WRAPPED: &str = "$wrapped$v=1$";

/// A stored hash, parsed and within what is allowed. Keep the text that it was read from: a foreign hash is not
/// written again.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredHash(pub(crate) Form);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// Ours; or a plain PHC string from elsewhere, such as PHP's.
    Argon(Phc),
    /// Argon2id over the result of a fast hash, see [`crate::Hasher::wrap`].
    Wrapped {
        recipe: foreign::Recipe,
        outer: Phc,
    },
    Foreign(Foreign),
    /// Argon2 of another program: checked against what was typed, not against the prepared text.
    ForeignArgon(Phc),
}

impl StoredHash {
    /// Reads a stored hash of any known form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if let Some(rest) = text.strip_prefix(WRAPPED) {
            let at = rest.find('$').ok_or(foreign::UNKNOWN)?;
            let (recipe, outer) = rest.split_at(at);
            let (recipe, outer) = (foreign::Recipe::from_text(recipe)?, Phc::parse(outer)?);
            return Ok(StoredHash(Form::Wrapped { recipe, outer }));
        }
        if text.starts_with("$argon2") {
            return Phc::parse(text).map(Form::Argon).map(StoredHash);
        }
        if let Some(rest) = text.strip_prefix("argon2$") {
            return Phc::parse(&format!("${rest}")).map(Form::ForeignArgon).map(StoredHash);
        }
        Foreign::parse(text).map(Form::Foreign).map(StoredHash)
    }

    /// Whether it should be wrapped at import.
    pub fn is_fast(&self) -> bool {
        match &self.0 {
            Form::Foreign(foreign) => foreign.is_fast(),
            Form::Argon(_) | Form::Wrapped { .. } | Form::ForeignArgon(_) => false,
        }
    }

    /// The work of a check, by which stored hashes can be told apart: its estimated time (see [`StoredHash::cost_us`]) and the
    /// family that it belongs to.
    pub fn work(&self, usual: Cost) -> (u64, &'static str) {
        let family = match &self.0 {
            Form::Argon(_) | Form::ForeignArgon(_) => "argon2",
            Form::Wrapped { recipe, .. } => recipe.name(),
            Form::Foreign(foreign) => foreign.recipe.name(),
        };
        (self.cost_us(usual), family)
    }

    /// One that takes the same work, and that no password fits for all practical purposes.
    #[must_use]
    pub fn decoy(&self) -> Self {
        let mut decoy = self.clone();
        match &mut decoy.0 {
            Form::Argon(phc) | Form::ForeignArgon(phc) | Form::Wrapped { outer: phc, .. } => {
                phc.salt.fill(0);
                phc.tag.fill(0);
            }
            Form::Foreign(foreign) => foreign.forget(),
        }
        decoy
    }

    /// How many texts a check of this password tries, each at [`StoredHash::cost_us`].
    pub(crate) fn readings(&self, password: &Secret<String>) -> usize {
        match &self.0 {
            Form::Argon(_) | Form::ForeignArgon(_) => 1,
            Form::Wrapped { recipe, .. } | Form::Foreign(Foreign { recipe, .. }) => {
                recipe.readings(password.expose().as_bytes()).len()
            }
        }
    }

    /// Estimated time to check one password against it, in microseconds of one core; as often as it has readings. `usual` is the cost of
    /// new hashes, which a cheaper one is brought up to.
    pub fn cost_us(&self, usual: Cost) -> u64 {
        match &self.0 {
            Form::Argon(phc) | Form::ForeignArgon(phc) => phc.cost.time_us(),
            Form::Wrapped { recipe, outer } => recipe.cost_us() + outer.cost.time_us(),
            Form::Foreign(foreign) => {
                let own = foreign.recipe.cost_us();
                if foreign.is_fast() { own + usual.time_us() } else { own }
            }
        }
    }
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Argon(_) => f.write_str("StoredHash(argon2)"),
            Form::Wrapped { .. } => f.write_str("StoredHash(wrapped)"),
            Form::ForeignArgon(_) => f.write_str("StoredHash(foreign argon2)"),
            Form::Foreign(foreign) => write!(f, "StoredHash({foreign:?})"),
        }
    }
}

/// A hash that was just made: `Display` writes it as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct NewHash(String);

impl NewHash {
    pub(crate) fn own(phc: &Phc) -> Self {
        NewHash(phc.to_string())
    }

    pub(crate) fn wrapped(recipe: &str, outer: &Phc) -> Self {
        NewHash(format!("{WRAPPED}{recipe}{outer}"))
    }
}

impl fmt::Display for NewHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NewHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewHash(***)")
    }
}
