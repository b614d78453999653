//! Typed ids: 128 bits, 48 of them the millisecond they were made, so they sort by time (the layout of a ULID).

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Clock, Entropy, Timestamp};

/// Names what an id is of; the prefix stands before it in text, as in `req_01jd…`.
pub trait Tagged {
    const PREFIX: &'static str;
}

/// An id of a `T`. Text form: the prefix, `_`, and 26 characters of Crockford's base 32 in lower case.
pub struct Id<T>(u128, PhantomData<fn() -> T>);

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl<T> Id<T> {
    pub fn new(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
        Self::at(clock.now(), entropy)
    }

    pub fn at(moment: Timestamp, entropy: &dyn Entropy) -> Self {
        Self::of(moment, entropy.bytes())
    }

    /// From random bytes that the caller drew; each may be used for one id only.
    pub fn of(moment: Timestamp, chance: [u8; 10]) -> Self {
        let millis = u64::try_from(moment.micros() / 1_000).unwrap_or(0) & 0xFFFF_FFFF_FFFF;
        let mut tail = [0u8; 16];
        tail[6..].copy_from_slice(&chance);
        Self::from_bits(u128::from(millis) << 80 | u128::from_be_bytes(tail))
    }

    pub const fn from_bits(bits: u128) -> Self {
        Id(bits, PhantomData)
    }

    pub const fn bits(self) -> u128 {
        self.0
    }

    /// The millisecond it was made.
    pub fn made_at(self) -> Timestamp {
        Timestamp::from_micros(i64::try_from(self.0 >> 80).unwrap_or(0) * 1_000)
    }
}

/// Why a text is no id of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdError {
    Prefix,
    Length,
    Character,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IdError::Prefix => "the id is of another kind",
            IdError::Length => "an id has 26 characters behind its prefix",
            IdError::Character => "the id has a character that ids do not use",
        })
    }
}

impl std::error::Error for IdError {}

impl<T: Tagged> FromStr for Id<T> {
    type Err = IdError;

    /// Case does not matter, `o` reads as 0, `i` and `l` as 1 (people read ids out on the telephone).
    fn from_str(text: &str) -> Result<Self, IdError> {
        let lower = text.trim().to_ascii_lowercase();
        let digits =
            lower.strip_prefix(T::PREFIX).and_then(|t| t.strip_prefix('_')).ok_or(IdError::Prefix)?;
        if digits.len() != 26 {
            return Err(IdError::Length);
        }
        let mut bits = 0u128;
        for (at, c) in digits.bytes().enumerate() {
            let c = match c {
                b'o' => b'0',
                b'i' | b'l' => b'1',
                c => c,
            };
            let value = ALPHABET.iter().position(|a| *a == c).ok_or(IdError::Character)?;
            if at == 0 && value > 7 {
                return Err(IdError::Character);
            }
            bits = bits << 5 | u128::try_from(value).map_err(|_| IdError::Character)?;
        }
        Ok(Self::from_bits(bits))
    }
}

impl<T> Id<T> {
    /// What stands behind the prefix.
    fn digits(self) -> [u8; 26] {
        let mut text = [0u8; 26];
        let mut bits = self.0;
        // Twelve digits of five bits at a time: whole machine words.
        for twelve in text.rchunks_mut(12) {
            let mut low = u64::try_from(bits & u128::from(u64::MAX >> 4)).unwrap_or(0);
            for slot in twelve.iter_mut().rev() {
                *slot = ALPHABET[usize::try_from(low & 31).unwrap_or(0)];
                low >>= 5;
            }
            bits >>= 60;
        }
        text
    }
}

impl<T: Tagged> Id<T> {
    /// The same as [`ToString`] without the formatting machinery, which costs several times as much: an id is written with
    /// each request.
    pub fn text(self) -> String {
        let mut text = String::with_capacity(T::PREFIX.len() + 27);
        text.push_str(T::PREFIX);
        text.push('_');
        text.push_str(std::str::from_utf8(&self.digits()).unwrap_or(""));
        text
    }
}

impl<T: Tagged> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::PREFIX)?;
        f.write_str("_")?;
        f.write_str(std::str::from_utf8(&self.digits()).unwrap_or(""))
    }
}

impl<T: Tagged> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> std::hash::Hash for Id<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<T: Tagged> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T: Tagged> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One request at the front door; its text is the reference number a blocked person is shown.
#[derive(Debug)]
pub enum Request {}
impl Tagged for Request {
    const PREFIX: &'static str = "req";
}
pub type RequestId = Id<Request>;

/// One entry of the ledger.
#[derive(Debug)]
pub enum Entry {}
impl Tagged for Entry {
    const PREFIX: &'static str = "evt";
}
pub type EventId = Id<Entry>;

/// One member of staff.
#[derive(Debug)]
pub enum Staff {}
impl Tagged for Staff {
    const PREFIX: &'static str = "staff";
}
pub type StaffId = Id<Staff>;

/// One customer of the shop.
#[derive(Debug)]
pub enum Customer {}
impl Tagged for Customer {
    const PREFIX: &'static str = "cust";
}
pub type CustomerId = Id<Customer>;

/// One shop or program that lets its customers sign in here: a client, as OAuth calls it. The id is its `client_id`.
#[derive(Debug)]
pub enum Relying {}
impl Tagged for Relying {
    const PREFIX: &'static str = "rp";
}
pub type RelyingId = Id<Relying>;

/// One mail or short message to somebody.
#[derive(Debug)]
pub enum Post {}
impl Tagged for Post {
    const PREFIX: &'static str = "post";
}
pub type PostId = Id<Post>;

/// One reminder to a customer, sent or held back to compare.
#[derive(Debug)]
pub enum Reminder {}
impl Tagged for Reminder {
    const PREFIX: &'static str = "remind";
}
pub type ReminderId = Id<Reminder>;

/// One message that somebody reported as false.
#[derive(Debug)]
pub enum Report {}
impl Tagged for Report {
    const PREFIX: &'static str = "report";
}
pub type ReportId = Id<Report>;

/// One request of staff to see what the rules keep from them, or one opening in an emergency.
#[derive(Debug)]
pub enum Grant {}
impl Tagged for Grant {
    const PREFIX: &'static str = "grant";
}
pub type GrantId = Id<Grant>;

/// One request of a customer about their data (GDPR articles 15 to 21).
#[derive(Debug)]
pub enum Plea {}
impl Tagged for Plea {
    const PREFIX: &'static str = "plea";
}
pub type PleaId = Id<Plea>;

/// A key of the REST interface.
#[derive(Debug)]
pub enum ApiKey {}
impl Tagged for ApiKey {
    const PREFIX: &'static str = "key";
}
pub type ApiKeyId = Id<ApiKey>;

/// One job of the queue in `store`.
#[derive(Debug)]
pub enum Job {}
impl Tagged for Job {
    const PREFIX: &'static str = "job";
}
pub type JobId = Id<Job>;

/// One run of a backup: what was put away at one moment.
#[derive(Debug)]
pub enum Backup {}
impl Tagged for Backup {
    const PREFIX: &'static str = "backup";
}
pub type BackupId = Id<Backup>;

/// One payment of an order.
#[derive(Debug)]
pub enum Payment {}
impl Tagged for Payment {
    const PREFIX: &'static str = "pay";
}
pub type PaymentId = Id<Payment>;

/// One trial of a restore.
#[derive(Debug)]
pub enum Drill {}
impl Tagged for Drill {
    const PREFIX: &'static str = "drill";
}
pub type DrillId = Id<Drill>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FixedClock, SeededEntropy};
    use std::time::Duration;

    #[test]
    fn text_round_trips_and_sorts_by_time() {
        let (clock, entropy) =
            (FixedClock::at(Timestamp::from_seconds(1_795_541_880)), SeededEntropy::new(1));
        let a = RequestId::new(&clock, &entropy);
        clock.advance(Duration::from_millis(1));
        let b = RequestId::new(&clock, &entropy);
        assert!(a < b && a.to_string() < b.to_string());
        assert_eq!(a.to_string().parse::<RequestId>(), Ok(a));
        assert_eq!(a.to_string().to_uppercase().parse::<RequestId>(), Ok(a));
        assert_eq!(a.made_at(), Timestamp::from_seconds(1_795_541_880));
    }

    #[test]
    fn refuses_what_is_no_id() {
        assert_eq!("staff_0".parse::<RequestId>(), Err(IdError::Prefix));
        assert_eq!("req_0".parse::<RequestId>(), Err(IdError::Length));
        assert_eq!("req_0000000000000000000000000u".parse::<RequestId>(), Err(IdError::Character));
        assert_eq!("req_80000000000000000000000000".parse::<RequestId>(), Err(IdError::Character));
    }
}
