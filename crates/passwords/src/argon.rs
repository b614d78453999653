//! Argon2 (RFC 9106): parameters, PHC strings, and the memory that it works in.

use std::fmt;

use base64ct::{Base64Unpadded, Encoding};
use storeward_argon::{Block, Input, Params};
use zeroize::{Zeroize, Zeroizing};

use crate::Error;

pub(crate) const SALT_BYTES: usize = 16;
pub(crate) const TAG_BYTES: usize = 32;

/// Longest PHC string that is read.
const MOST_CHARACTERS: usize = 512;
/// The most that a stored hash may ask for: whoever can write one must not be able to stop the server with it. 128 MiB
/// lets Django's 100 MiB in; 400,000 KiB in all passes together take about 170 ms.
const MOST_MEMORY_KIB: u32 = 131_072;
pub(crate) const MOST_KIB_IN_ALL: u64 = 400_000;
const MOST_LANES: u32 = 16;

/// Parameters of Argon2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Cost {
    /// 19,456 KiB, two passes, one lane: a recommendation of OWASP's Password Storage Cheat Sheet for a server that does
    /// other work as well; about 16 ms of one core (docs/benchmarks.md).
    pub const DEFAULT: Cost = Cost { memory_kib: 19_456, passes: 2, lanes: 1 };

    /// How much memory is written, all passes together: what the time goes by.
    pub fn kib_in_all(self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }

    /// Estimated time of one core in microseconds: 16.4 ms for the default.
    pub(crate) fn time_us(self) -> u64 {
        self.kib_in_all() * 421 / 1_000
    }

    pub(crate) fn is_allowed(self) -> bool {
        self.memory_kib <= MOST_MEMORY_KIB && self.lanes <= MOST_LANES && self.kib_in_all() <= MOST_KIB_IN_ALL
    }

    /// How many blocks of 1 KiB it takes (RFC 9106 section 3.2: a multiple of four for each lane).
    fn blocks(self) -> usize {
        let quarter_lanes = 4 * self.lanes.max(1);
        let blocks = (self.memory_kib / quarter_lanes).max(2) * quarter_lanes;
        usize::try_from(blocks).unwrap_or(usize::MAX)
    }
}

/// Which of Argon2's functions. Ours is always `Id`; `I` comes in from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Id,
    I,
}

impl Kind {
    fn function(self) -> storeward_argon::Kind {
        match self {
            Kind::Id => storeward_argon::Kind::Id,
            Kind::I => storeward_argon::Kind::I,
        }
    }
}

/// A PHC string such as `$argon2id$v=19$m=19456,t=2,p=1$…$…`: parsed, and within what is allowed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Phc {
    pub kind: Kind,
    pub cost: Cost,
    /// Names the pepper that went into it.
    pub key_id: Option<String>,
    pub salt: Vec<u8>,
    pub tag: Vec<u8>,
}

impl Phc {
    /// Reads a stored hash. Refuses other functions and versions, and parameters above what is allowed.
    pub fn parse(text: &str) -> Result<Self, Error> {
        const FORM: Error = Error::Form("the stored password hash is not Argon2 in PHC form");
        if text.len() > MOST_CHARACTERS {
            return Err(FORM);
        }
        let (kind, rest) = match text.strip_prefix("$argon2id$v=19$") {
            Some(rest) => (Kind::Id, rest),
            None => (Kind::I, text.strip_prefix("$argon2i$v=19$").ok_or(FORM)?),
        };
        let mut parts = rest.split('$');
        let (Some(cost), Some(salt), Some(tag), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(FORM);
        };
        let (cost, key_id) = parse_cost(cost).ok_or(FORM)?;
        if !cost.is_allowed() {
            return Err(Error::Cost);
        }
        let decode = |text: &str| Base64Unpadded::decode_vec(text).map_err(|_| FORM);
        let (salt, tag) = (decode(salt)?, decode(tag)?);
        if !(8..=64).contains(&salt.len()) || !(16..=64).contains(&tag.len()) {
            return Err(FORM);
        }
        Ok(Phc { kind, cost, key_id, salt, tag })
    }
}

impl fmt::Display for Phc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost { memory_kib, passes, lanes } = self.cost;
        let name = match self.kind {
            Kind::Id => "argon2id",
            Kind::I => "argon2i",
        };
        write!(f, "${name}$v=19$m={memory_kib},t={passes},p={lanes}")?;
        if let Some(id) = &self.key_id {
            write!(f, ",keyid={id}")?;
        }
        write!(
            f,
            "${}${}",
            Base64Unpadded::encode_string(&self.salt),
            Base64Unpadded::encode_string(&self.tag)
        )
    }
}

fn parse_cost(text: &str) -> Option<(Cost, Option<String>)> {
    let mut parts = text.split(',');
    let mut number = |key: &str| digits(parts.next()?.strip_prefix(key)?);
    let cost = Cost { memory_kib: number("m=")?, passes: number("t=")?, lanes: number("p=")? };
    let key_id = match parts.next() {
        None => None,
        Some(part) => Some(part.strip_prefix("keyid=").filter(|id| (1..=11).contains(&id.len()))?.to_owned()),
    };
    let sound = parts.next().is_none()
        && cost.passes > 0
        && cost.lanes > 0
        && u64::from(cost.memory_kib) >= 8 * u64::from(cost.lanes);
    sound.then_some((cost, key_id))
}

/// A key of 32 bytes from a passphrase, by Argon2id: for what an operator types or keeps in a file, at a start, not for
/// passwords of accounts. The cost is the caller's own, who has bounded it.
pub fn stretch(
    passphrase: &storeward_base::Secret<String>,
    salt: &[u8],
    cost: Cost,
) -> Result<storeward_base::Secret<[u8; 32]>, Error> {
    let mut arena = Arena::new(Cost { memory_kib: 8, passes: 1, lanes: 1 });
    let tag = arena.compute(Kind::Id, cost, salt, passphrase.expose().as_bytes(), TAG_BYTES)?;
    let mut key = [0; TAG_BYTES];
    key.copy_from_slice(&tag);
    Ok(storeward_base::Secret::new(key))
}

/// A number in plain digits: no sign, no space.
pub(crate) fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The memory that Argon2 works in, kept from one password to the next: a fresh buffer each time would cost a page
/// fault for every 4 KiB, which is up to half of the work (docs/benchmarks.md).
///
/// What lies in it after one password is either wiped before the thread rests, or written over whole by the next: the
/// first pass writes each block before it reads it. Blocks that the next does not need are wiped first.
pub(crate) struct Arena {
    blocks: Vec<Block>,
    /// So many at the front were written since the last wiping.
    dirty: usize,
    /// What is done every 20 us or so of work.
    pause: fn(),
}

impl Arena {
    /// Memory for `cost`, every page of it touched.
    pub fn new(cost: Cost) -> Self {
        let mut arena = Arena { blocks: vec![Block::new(); cost.blocks()], dirty: 0, pause: || () };
        // Zeroes from the allocator may be pages that are not there yet: writing makes them be.
        zero(&mut arena.blocks);
        arena
    }

    /// Another one for `cost`, which gives way if this one does.
    pub fn afresh(&self, cost: Cost) -> Self {
        let mut other = Self::new(cost);
        other.pause = self.pause;
        other
    }

    /// From now on gives its core back every 20 us or so (sched_yield(2)), for a thread that only takes what nobody else wants: when
    /// Linux lets it go on although another has woken, the other waits no longer than that, and not until the next tick (4 ms).
    pub fn give_way(&mut self) {
        self.pause = std::thread::yield_now;
    }

    pub fn is_clean(&self) -> bool {
        self.dirty == 0
    }

    pub fn wipe(&mut self) {
        if let Some(written) = self.blocks.get_mut(..self.dirty) {
            zero(written);
        }
        self.dirty = 0;
    }

    /// Argon2 of `text`. Uses memory of its own only where `cost` asks for more than the arena has, which parsing has
    /// bounded to 128 MiB.
    pub fn compute(
        &mut self,
        kind: Kind,
        cost: Cost,
        salt: &[u8],
        text: &[u8],
        tag_bytes: usize,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        const IMPOSSIBLE: Error = Error::Form("the stored password hash has impossible parameters");
        let params = Params::new(kind.function(), cost.memory_kib, cost.passes, cost.lanes);
        let params = params.map_err(|_| IMPOSSIBLE)?;
        let needed = params.blocks();
        let input = Input { text, salt, ..Input::default() };
        let mut tag = Zeroizing::new(vec![0; tag_bytes]);
        let mut pause = self.pause;
        let done = if needed > self.blocks.len() {
            let mut blocks = vec![Block::new(); needed];
            let done = storeward_argon::hash(&params, &input, &mut tag, &mut blocks, &mut pause);
            zero(&mut blocks);
            done
        } else {
            if let Some(beyond) = self.blocks.get_mut(needed..self.dirty) {
                zero(beyond);
            }
            self.dirty = needed;
            storeward_argon::hash(&params, &input, &mut tag, &mut self.blocks, &mut pause)
        };
        done.map_err(|_| IMPOSSIBLE)?;
        Ok(tag)
    }
}

/// In a way that no compiler leaves out.
fn zero(blocks: &mut [Block]) {
    for block in blocks {
        block.zeroize();
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_a_hash_of_the_reference_implementation() {
        // `argon2 somesalt -id -t 2 -k 65536 -p 1` of phc-winner-argon2's test suite (password "password").
        let text = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let read = Phc::parse(text).unwrap();
        assert_eq!(read.to_string(), text);
        let mut arena = Arena::new(Cost { memory_kib: 8, passes: 1, lanes: 1 });
        let tag = arena.compute(read.kind, read.cost, &read.salt, b"password", read.tag.len()).unwrap();
        assert_eq!(*tag, read.tag);
        assert!(arena.is_clean(), "it worked in memory of its own");
        let keyed = text.replace("p=1$", "p=1,keyid=aGVsbG8$");
        assert_eq!(Phc::parse(&keyed).unwrap().to_string(), keyed);
    }

    #[test]
    fn a_passphrase_becomes_the_reference_implementations_key() {
        let text = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let read = Phc::parse(text).unwrap();
        let passphrase = storeward_base::Secret::new("password".to_owned());
        assert_eq!(stretch(&passphrase, &read.salt, read.cost).unwrap().expose().to_vec(), read.tag);
        let other = storeward_base::Secret::new("passwore".to_owned());
        assert_ne!(stretch(&other, &read.salt, read.cost).unwrap().expose().to_vec(), read.tag);
    }

    #[test]
    fn refuses_what_would_stop_the_server() {
        let rest = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        for cost in [
            "m=131073,t=1,p=1",
            "m=19456,t=21,p=1",
            "m=131072,t=4,p=1",
            "m=19456,t=2,p=17",
            "m=4294967295,t=1,p=1",
            "m=8,t=4294967295,p=1",
        ] {
            assert_eq!(
                Phc::parse(&format!("$argon2id$v=19${cost}${rest}")).err(),
                Some(Error::Cost),
                "{cost}"
            );
        }
        for cost in [
            "m=19456,t=0,p=1",
            "m=19456,t=1,p=0",
            "m=7,t=1,p=1",
            "m=64,t=1,p=16",
            "m=1,t=1",
            "m=+8,t=1,p=1",
            "m=8,t=1,p=1,x=1",
            "m=8,t=1,p=1,keyid=",
            "m=8,t=1,p=1,keyid=a,keyid=b",
            "m=99999999999,t=1,p=1",
        ] {
            let read = Phc::parse(&format!("$argon2id$v=19${cost}${rest}"));
            assert!(matches!(read, Err(Error::Form(_))), "{cost}");
        }
        for text in [
            "",
            "$argon2d$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=16$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA",
            "$argon2id$v=19$m=8,t=1,p=1$c29t$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA$",
        ] {
            assert!(matches!(Phc::parse(text), Err(Error::Form(_))), "{text}");
        }
        let long = format!("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ${}", "A".repeat(1_000_000));
        assert!(Phc::parse(&long).is_err());
    }

    #[test]
    fn an_arena_gives_way_where_it_is_told_to_and_its_successor_does() {
        thread_local!(static TIMES: std::cell::Cell<u32> = const { std::cell::Cell::new(0) });
        let cost = Cost { memory_kib: 1_024, passes: 2, lanes: 1 };
        let gives_way = |arena: &Arena| std::ptr::fn_addr_eq(arena.pause, std::thread::yield_now as fn());
        let mut arena = Arena::new(cost);
        assert!(!gives_way(&arena), "whoever has a share of their own would give it away");
        arena.give_way();
        assert!(gives_way(&arena) && gives_way(&arena.afresh(cost)));
        arena.pause = || TIMES.set(TIMES.get() + 1);
        let often = arena.compute(Kind::Id, cost, &[1; 16], b"one", 32).unwrap();
        assert_eq!(TIMES.get(), 2 * 1_024 / 64 - 1);
        assert_eq!(often, Arena::new(cost).compute(Kind::Id, cost, &[1; 16], b"one", 32).unwrap());
    }

    #[test]
    fn nothing_of_one_password_is_left_for_the_next() {
        let (large, small) =
            (Cost { memory_kib: 64, passes: 1, lanes: 1 }, Cost { memory_kib: 16, passes: 1, lanes: 1 });
        let is_zero =
            |blocks: &[Block]| blocks.iter().all(|block| block.words().iter().all(|word| *word == 0));
        let mut arena = Arena::new(large);
        arena.compute(Kind::Id, large, &[1; 16], b"one", 32).unwrap();
        assert!(!is_zero(&arena.blocks[16..]));
        let fresh = Arena::new(small).compute(Kind::Id, small, &[2; 16], b"two", 32).unwrap();
        let reused = arena.compute(Kind::Id, small, &[2; 16], b"two", 32).unwrap();
        assert_eq!(fresh, reused, "what was there before does not matter");
        assert!(is_zero(&arena.blocks[16..]), "and what the second did not need was wiped");
        arena.wipe();
        assert!(arena.is_clean() && is_zero(&arena.blocks));
    }
}
