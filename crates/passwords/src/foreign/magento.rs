//! Magento 2: `hash:salt:version`, where an upgraded hash names several versions, each over the one before.
//!
//! 0 is MD5, 1 SHA-256, 2 Argon2id with libsodium's interactive limits, 3 Argon2id with the limits in its name
//! (`3_32_2_67108864`: bytes, passes, bytes of memory). The salt goes before the data; Argon2 takes its first 16
//! bytes, repeated where it is shorter.

use zeroize::Zeroizing;

use super::{UNKNOWN, from_hex, md5, salt_from_text, salt_to_text, sha256, to_hex};
use crate::Error;
use crate::argon::{Arena, Cost, Kind, digits};

/// Longest chain of upgrades that is followed.
const MOST_STEPS: usize = 4;
/// libsodium's interactive limits.
const INTERACTIVE: Cost = Cost { memory_kib: 65_536, passes: 2, lanes: 1 };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Md5,
    Sha256,
    Argon { bytes: usize, cost: Cost },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Magento {
    salt: Vec<u8>,
    steps: Vec<Step>,
}

pub fn parse(text: &str) -> Result<(Magento, Vec<u8>), Error> {
    let mut parts = text.split(':');
    let (hash, salt) = (parts.next().ok_or(UNKNOWN)?, parts.next().ok_or(UNKNOWN)?);
    let steps = parse_steps(parts)?;
    let expected = from_hex(hash).ok_or(UNKNOWN)?;
    let wanted = match steps.last().ok_or(UNKNOWN)? {
        Step::Md5 => 16,
        Step::Sha256 => 32,
        Step::Argon { bytes, .. } => *bytes,
    };
    if expected.len() != wanted {
        return Err(UNKNOWN);
    }
    Magento::new(salt.as_bytes().to_vec(), steps).map(|recipe| (recipe, expected))
}

fn parse_steps<'a>(versions: impl Iterator<Item = &'a str>) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    for version in versions {
        if steps.len() == MOST_STEPS {
            return Err(Error::Cost);
        }
        steps.push(match version {
            "0" => Step::Md5,
            "1" => Step::Sha256,
            "2" => Step::Argon { bytes: 32, cost: INTERACTIVE },
            other => parse_limits(other)?,
        });
    }
    Ok(steps)
}

fn parse_limits(version: &str) -> Result<Step, Error> {
    let mut fields = version.split('_');
    let mut number = || fields.next().and_then(digits::<u32>).ok_or(UNKNOWN);
    let (three, bytes, passes, memory) = (number()?, number()?, number()?, number()?);
    if three != 3 || fields.next().is_some() {
        return Err(UNKNOWN);
    }
    let cost = Cost { memory_kib: memory / 1024, passes, lanes: 1 };
    let bytes = usize::try_from(bytes).map_err(|_| Error::Cost)?;
    let sound = (16..=64).contains(&bytes) && passes > 0 && cost.memory_kib >= 8;
    if sound { Ok(Step::Argon { bytes, cost }) } else { Err(UNKNOWN) }
}

impl Magento {
    fn new(salt: Vec<u8>, steps: Vec<Step>) -> Result<Self, Error> {
        let argon: u64 = steps
            .iter()
            .map(|step| match step {
                Step::Md5 | Step::Sha256 => 0,
                Step::Argon { cost, .. } => cost.kib_in_all(),
            })
            .sum();
        let allowed = argon <= crate::argon::MOST_KIB_IN_ALL
            && steps.iter().all(|step| match step {
                Step::Md5 | Step::Sha256 => true,
                Step::Argon { cost, .. } => cost.is_allowed(),
            });
        if !allowed {
            return Err(Error::Cost);
        }
        if salt.len() > 128 || (argon > 0 && salt.is_empty()) {
            return Err(UNKNOWN);
        }
        Ok(Magento { salt, steps })
    }

    pub fn compute(&self, password: &[u8], arena: &mut Arena) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut data = Zeroizing::new(password.to_vec());
        let mut result = Zeroizing::new(Vec::new());
        for step in &self.steps {
            result = match step {
                Step::Md5 => md5(&[&self.salt, &data]),
                Step::Sha256 => sha256(&[&self.salt, &data]),
                Step::Argon { bytes, cost } => {
                    let salt: Vec<u8> = self.salt.iter().copied().cycle().take(16).collect();
                    arena.compute(Kind::Id, *cost, &salt, &data, *bytes)?
                }
            };
            data = Zeroizing::new(to_hex(&result).as_bytes().to_vec());
        }
        Ok(result)
    }

    pub fn cost_us(&self) -> u64 {
        let cost = |step: &Step| match step {
            Step::Md5 | Step::Sha256 => 1,
            Step::Argon { cost, .. } => cost.time_us(),
        };
        self.steps.iter().map(cost).sum()
    }

    pub fn is_fast(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Md5 | Step::Sha256))
    }

    pub fn to_text(&self) -> Option<String> {
        let mut versions = Vec::new();
        for step in &self.steps {
            match step {
                Step::Md5 => versions.push("0"),
                Step::Sha256 => versions.push("1"),
                Step::Argon { .. } => return None,
            }
        }
        Some(format!("magento,{},{}", versions.join(":"), salt_to_text(&self.salt)))
    }

    /// The fields behind the name.
    pub fn from_text(fields: &str) -> Result<Self, Error> {
        let (versions, salt) = fields.split_once(',').ok_or(UNKNOWN)?;
        let recipe = Magento::new(salt_from_text(salt)?, parse_steps(versions.split(':'))?)?;
        if recipe.is_fast() { Ok(recipe) } else { Err(UNKNOWN) }
    }
}
