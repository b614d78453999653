//! The work itself: one password at a time, in memory that is kept.

use storeward_base::{Entropy, Secret};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::argon::{Arena, Cost, Kind, Phc, SALT_BYTES, TAG_BYTES};
use crate::error::Error;
use crate::foreign::{Foreign, UNKNOWN};
use crate::pepper::Pepper;
use crate::prepare::{has_fitting_length, prepared};
use crate::stored::{Form, NewHash, StoredHash};

/// How new hashes are made, and with which keys old ones were.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub cost: Cost,
    /// The first goes into new hashes; none if there is none. The others are still good for checking.
    pub peppers: Vec<Pepper>,
}

impl Default for Recipe {
    fn default() -> Self {
        Recipe { cost: Cost::DEFAULT, peppers: Vec::new() }
    }
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    Wrong,
    Fits,
    /// It fits, and the stored hash is another program's, weaker than today's or of an older pepper: hash the password
    /// anew and store that instead.
    FitsOutdated,
}

impl Verified {
    pub fn fits(self) -> bool {
        match self {
            Verified::Wrong => false,
            Verified::Fits | Verified::FitsOutdated => true,
        }
    }
}

/// Hashes and checks, one at a time: keep one for each thread. A server uses [`crate::Pool`]; an import of many hashes
/// uses this, outside of it.
pub struct Hasher {
    recipe: Recipe,
    arena: Arena,
    kib_written: u64,
}

impl Hasher {
    /// Takes the memory that the recipe's cost needs, and keeps it.
    pub fn new(recipe: Recipe) -> Self {
        let arena = Arena::new(recipe.cost);
        Hasher { recipe, arena, kib_written: 0 }
    }

    /// For a thread that takes only what nobody else wants: gives its core back every 20 us or so of a hash of Argon2. A thread that
    /// has a share of its own must not, for it would give that away.
    pub(crate) fn giving_way(recipe: Recipe) -> Self {
        let mut hasher = Self::new(recipe);
        hasher.arena.give_way();
        hasher
    }

    /// Another one like it, with memory of its own, for when a fault has left this one in an unknown state.
    pub(crate) fn afresh(&self) -> Self {
        let arena = self.arena.afresh(self.recipe.cost);
        Hasher { recipe: self.recipe.clone(), arena, kib_written: 0 }
    }

    /// Hashes a new password.
    pub fn hash(&mut self, password: &Secret<String>, entropy: &dyn Entropy) -> Result<NewHash, Error> {
        if !has_fitting_length(password) {
            return Err(Error::Length);
        }
        self.make(prepared(password).as_bytes(), entropy).map(|phc| NewHash::own(&phc))
    }

    /// Puts Argon2id around a fast hash, so that the original can be forgotten before its owner comes back.
    pub fn wrap(&mut self, foreign: &StoredHash, entropy: &dyn Entropy) -> Result<NewHash, Error> {
        let Form::Foreign(foreign) = &foreign.0 else { return Err(UNKNOWN) };
        let recipe = foreign.recipe.to_text().ok_or(UNKNOWN)?;
        self.make(foreign.expected(), entropy).map(|outer| NewHash::wrapped(&recipe, &outer))
    }

    /// Whether the password fits. An empty or overlong one never does.
    pub fn verify(&mut self, password: &Secret<String>, stored: &StoredHash) -> Result<Verified, Error> {
        if !has_fitting_length(password) {
            return Ok(Verified::Wrong);
        }
        let typed = password.expose().as_bytes();
        match &stored.0 {
            Form::Argon(phc) => {
                let fits = self.fits(phc, prepared(password).as_bytes())?;
                Ok(outcome(fits, self.is_todays(phc)))
            }
            Form::ForeignArgon(phc) => Ok(outcome(self.fits(phc, typed)?, Age::Outdated)),
            Form::Wrapped { recipe, outer } => {
                let mut fits = false;
                for text in recipe.readings(typed) {
                    let result = recipe.compute(&text, &mut self.arena)?;
                    fits |= self.fits(outer, &result)?;
                }
                Ok(outcome(fits, Age::Outdated))
            }
            Form::Foreign(foreign) => {
                let mut fits = false;
                for text in foreign.recipe.readings(typed) {
                    fits |= self.fits_foreign(foreign, &text)?;
                }
                Ok(outcome(fits, Age::Outdated))
            }
        }
    }

    /// Does the work of checking today's hash for an account that does not exist, so that the time does not tell.
    pub fn verify_nothing(&mut self, password: &Secret<String>) -> Result<Verified, Error> {
        let decoy = StoredHash(Form::Argon(self.decoy()));
        self.verify(password, &decoy).map(|_| Verified::Wrong)
    }

    /// Wipes what the last password left in memory. Also happens when the next one comes, and at the end.
    pub fn wipe(&mut self) {
        self.arena.wipe();
    }

    pub fn is_clean(&self) -> bool {
        self.arena.is_clean()
    }

    /// Memory written by Argon2 since the last call, in KiB: the measure of the work that was done.
    pub(crate) fn take_kib_written(&mut self) -> u64 {
        std::mem::take(&mut self.kib_written)
    }

    /// A cheap hash costs what a usual one does, so that the accounts that still have one do not stand out.
    fn fits_foreign(&mut self, foreign: &Foreign, typed: &[u8]) -> Result<bool, Error> {
        let result = foreign.recipe.compute(typed, &mut self.arena)?;
        if foreign.is_fast() {
            let decoy = self.decoy();
            self.fits(&decoy, typed)?;
        }
        Ok(bool::from(result.as_slice().ct_eq(foreign.expected())))
    }

    fn fits(&mut self, phc: &Phc, text: &[u8]) -> Result<bool, Error> {
        let text = self.peppered(phc.key_id.as_deref(), text)?;
        let tag = self.compute(phc.kind, phc.cost, &phc.salt, &text, phc.tag.len())?;
        Ok(bool::from(tag.as_slice().ct_eq(&phc.tag)))
    }

    fn make(&mut self, text: &[u8], entropy: &dyn Entropy) -> Result<Phc, Error> {
        let key_id = self.recipe.peppers.first().map(|pepper| pepper.id().to_owned());
        let text = self.peppered(key_id.as_deref(), text)?;
        let (cost, salt) = (self.recipe.cost, entropy.bytes::<SALT_BYTES>().to_vec());
        let tag = self.compute(Kind::Id, cost, &salt, &text, TAG_BYTES)?.to_vec();
        Ok(Phc { kind: Kind::Id, cost, key_id, salt, tag })
    }

    fn compute(
        &mut self,
        kind: Kind,
        cost: Cost,
        salt: &[u8],
        text: &[u8],
        tag_bytes: usize,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let tag = self.arena.compute(kind, cost, salt, text, tag_bytes)?;
        self.kib_written = self.kib_written.saturating_add(cost.kib_in_all());
        Ok(tag)
    }

    fn peppered(&self, key_id: Option<&str>, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let Some(id) = key_id else { return Ok(Zeroizing::new(text.to_vec())) };
        let pepper = self.recipe.peppers.iter().find(|pepper| pepper.id() == id);
        Ok(pepper.ok_or(Error::UnknownPepper)?.apply(text))
    }

    /// A hash of today's form that no password fits for all practical purposes.
    fn decoy(&self) -> Phc {
        Phc {
            kind: Kind::Id,
            cost: self.recipe.cost,
            key_id: self.recipe.peppers.first().map(|pepper| pepper.id().to_owned()),
            salt: vec![0; SALT_BYTES],
            tag: vec![0; TAG_BYTES],
        }
    }

    fn is_todays(&self, phc: &Phc) -> Age {
        let todays = phc.kind == Kind::Id
            && phc.cost == self.recipe.cost
            && phc.tag.len() == TAG_BYTES
            && phc.key_id.as_deref() == self.recipe.peppers.first().map(Pepper::id);
        if todays { Age::Todays } else { Age::Outdated }
    }
}

enum Age {
    Todays,
    Outdated,
}

fn outcome(fits: bool, age: Age) -> Verified {
    match (fits, age) {
        (false, _) => Verified::Wrong,
        (true, Age::Todays) => Verified::Fits,
        (true, Age::Outdated) => Verified::FitsOutdated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SeededEntropy;

    const SMALL: Cost = Cost { memory_kib: 64, passes: 2, lanes: 1 };

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    fn hasher(peppers: &[&Pepper]) -> Hasher {
        Hasher::new(Recipe { cost: SMALL, peppers: peppers.iter().map(|one| (*one).clone()).collect() })
    }

    fn check(hasher: &mut Hasher, password: &str, stored: &str) -> Result<Verified, Error> {
        hasher.verify(&secret(password), &StoredHash::parse(stored).unwrap())
    }

    #[test]
    fn a_hash_fits_its_own_password_only() {
        let mut usual = Hasher::new(Recipe::default());
        let stored = usual.hash(&secret("correct horse"), &SeededEntropy::new(1)).unwrap();
        assert_eq!(format!("{stored:?}"), "NewHash(***)");
        let stored = stored.to_string();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(check(&mut usual, "correct horse", &stored), Ok(Verified::Fits));
        for wrong in ["correct horsf", "", "Correct horse", "correct horse "] {
            assert_eq!(check(&mut usual, wrong, &stored), Ok(Verified::Wrong), "{wrong}");
        }
        assert_eq!(check(&mut hasher(&[]), "correct horse", &stored), Ok(Verified::FitsOutdated));
        assert_eq!(usual.verify_nothing(&secret("correct horse")), Ok(Verified::Wrong));
        let long = secret(&"x".repeat(crate::MAX_BYTES + 1));
        assert_eq!(usual.hash(&long, &SeededEntropy::new(1)), Err(Error::Length));
        assert_eq!(usual.hash(&secret(""), &SeededEntropy::new(1)), Err(Error::Length));
    }

    #[test]
    fn the_same_word_typed_elsewhere_fits() {
        let mut one = hasher(&[]);
        let stored = one.hash(&secret("gr\u{fc}\u{df}e aus k\u{f6}ln"), &SeededEntropy::new(1)).unwrap();
        let typed = "gru\u{308}\u{df}e\u{a0}aus ko\u{308}ln";
        assert_eq!(check(&mut one, typed, &stored.to_string()), Ok(Verified::Fits));
    }

    #[test]
    fn a_stolen_table_is_worth_nothing_without_the_pepper() {
        let seeds = [SeededEntropy::new(1), SeededEntropy::new(2)];
        let (old, new) = (Pepper::generate(&seeds[0]), Pepper::generate(&seeds[1]));
        let stored = hasher(&[&old]).hash(&secret("words in a row"), &seeds[0]).unwrap().to_string();
        assert!(stored.contains(&format!("p=1,keyid={}$", old.id())), "{stored}");
        assert_eq!(check(&mut hasher(&[&old]), "words in a row", &stored), Ok(Verified::Fits));
        assert_eq!(check(&mut hasher(&[&new, &old]), "words in a row", &stored), Ok(Verified::FitsOutdated));
        assert_eq!(check(&mut hasher(&[&new]), "words in a row", &stored), Err(Error::UnknownPepper));
        // Whoever takes the key's name out of the string gets another hash.
        let bare = stored.replace(&format!(",keyid={}", old.id()), "");
        assert_eq!(check(&mut hasher(&[&old]), "words in a row", &bare), Ok(Verified::Wrong));
        let plain = hasher(&[]).hash(&secret("words in a row"), &seeds[0]).unwrap().to_string();
        assert_eq!(check(&mut hasher(&[&old]), "words in a row", &plain), Ok(Verified::FitsOutdated));
        assert!(!format!("{old:?}").contains("key"), "{old:?}");
    }

    #[test]
    fn who_does_not_exist_costs_what_others_cost() {
        let pepper = Pepper::generate(&SeededEntropy::new(1));
        for peppers in [&[][..], &[&pepper][..]] {
            let mut one = hasher(peppers);
            let stored = one.hash(&secret("words in a row"), &SeededEntropy::new(1)).unwrap().to_string();
            let made = one.take_kib_written();
            check(&mut one, "other words", &stored).unwrap();
            let known = one.take_kib_written();
            one.verify_nothing(&secret("other words")).unwrap();
            let unknown = one.take_kib_written();
            assert_eq!((made, known, unknown), (128, 128, 128));
            // Fast foreign hashes, as they are and wrapped.
            let md5 = "5b0fb22b69b01af554df844b54a139c1";
            check(&mut one, "other words", md5).unwrap();
            assert_eq!(one.take_kib_written(), 128);
            let wrapped = one.wrap(&StoredHash::parse(md5).unwrap(), &SeededEntropy::new(1)).unwrap();
            one.take_kib_written();
            check(&mut one, "other words", &wrapped.to_string()).unwrap();
            assert_eq!(one.take_kib_written(), 128);
        }
    }

    // A second reading is tried by what was typed, whether the first one fits or not, and for nobody as well.
    #[test]
    fn a_quote_costs_the_same_whether_the_password_is_right_or_nobodys() {
        let mut one = hasher(&[]);
        let as_typed = StoredHash::parse("$P$B6b1f7ec9dAg3V3pUsyVl2sYMSAYW5/").unwrap();
        let of_a_form = StoredHash::parse("$P$B8cda2b3b6.Qs9RzxCn0YzxyobqjA21").unwrap();
        let phpbb = StoredHash::parse("$H$9ab2d7b00zRpCaRan/DnVe12U8utDo1").unwrap();
        let quoted = secret("it's a \"grey\" slate roof 27");
        for (stored, kib) in [(as_typed, 256), (of_a_form, 256), (phpbb, 128)] {
            let wrapped = one.wrap(&stored, &SeededEntropy::new(1)).unwrap().to_string();
            let wrapped = StoredHash::parse(&wrapped).unwrap();
            one.take_kib_written();
            for form in [&stored, &wrapped] {
                let readings = u64::try_from(form.readings(&quoted)).unwrap();
                assert_eq!((readings * 128, form.readings(&secret("plain words"))), (kib, 1));
                for (typed, kib) in [
                    (&quoted, kib),
                    (&secret("another's words"), kib),
                    (&secret("\\"), kib),
                    (&secret("a\0b"), kib),
                    (&secret("plain words"), 128),
                ] {
                    for tried in [form.clone(), form.decoy()] {
                        one.verify(typed, &tried).unwrap();
                        assert_eq!(one.take_kib_written(), kib, "{tried:?} {typed:?}");
                    }
                }
            }
        }
    }
}
