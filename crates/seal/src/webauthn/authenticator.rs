//! What the device signs (section 6.1): for which party, what it checked, its counter, and a new key if there is one.

use super::Refusal;
use super::cbor::Item;
use crate::fingerprint::{equal, sha256};

const PRESENT: u8 = 1;
const VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED: u8 = 1 << 6;
const EXTENSIONS: u8 = 1 << 7;

pub struct AuthenticatorData<'a> {
    party_hash: &'a [u8],
    flags: u8,
    pub sign_count: u32,
    pub attested: Option<Attested<'a>>,
}

/// A new key (section 6.5.1).
pub struct Attested<'a> {
    pub credential_id: &'a [u8],
    /// COSE, as it stands there.
    pub public_key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// Reads all of it: nothing may stand behind.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let (party_hash, rest) = take(bytes, 32)?;
        let (flags, rest) = take(rest, 1)?;
        let (count, rest) = take(rest, 4)?;
        let flags = flags.first().copied().unwrap_or(0);
        let sign_count = u32::from_be_bytes(count.try_into().map_err(|_| Refusal::Form)?);
        let (attested, rest) = if flags & ATTESTED == 0 {
            (None, rest)
        } else {
            let (_aaguid, rest) = take(rest, 16)?;
            let (length, rest) = take(rest, 2)?;
            let length = u16::from_be_bytes(length.try_into().map_err(|_| Refusal::Form)?);
            let (credential_id, rest) = take(rest, usize::from(length))?;
            let (_, behind) = Item::parse_front(rest).ok_or(Refusal::Form)?;
            let (public_key, behind) = take(rest, rest.len() - behind.len())?;
            (Some(Attested { credential_id, public_key }), behind)
        };
        let rest = if flags & EXTENSIONS == 0 {
            rest
        } else {
            Item::parse_front(rest).filter(|(item, _)| item.is_map()).ok_or(Refusal::Form)?.1
        };
        // Section 6.1.3: what is backed up must be eligible for it.
        let impossible = flags & BACKED_UP != 0 && flags & BACKUP_ELIGIBLE == 0;
        if !rest.is_empty() || impossible {
            return Err(Refusal::Form);
        }
        Ok(AuthenticatorData { party_hash, flags, sign_count, attested })
    }

    /// The party is the one meant, the person is there and was checked.
    pub fn check(&self, party_id: &str) -> Result<(), Refusal> {
        if !equal(self.party_hash, &sha256(party_id.as_bytes())) {
            return Err(Refusal::Party);
        }
        if self.flags & PRESENT == 0 {
            return Err(Refusal::Presence);
        }
        if self.flags & VERIFIED == 0 {
            return Err(Refusal::Verification);
        }
        Ok(())
    }

    pub fn may_be_synced(&self) -> bool {
        self.flags & BACKUP_ELIGIBLE != 0
    }
}

fn take(bytes: &[u8], count: usize) -> Result<(&[u8], &[u8]), Refusal> {
    bytes.split_at_checked(count).ok_or(Refusal::Form)
}
