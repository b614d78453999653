//! What is remembered of a sign-in: keyed, cut and rounded, so that a stored history names nobody's address.
//!
//! Each value passes through a [`FeatureKey`] (HMAC under the installation's pseudonym key) and is cut to 48 bits.
//! Who reads the stored history without the key cannot turn a value back into an address or a browser by trying them
//! all; who has the key can, so under the GDPR the history is pseudonymous, not anonymous, and is deleted with its
//! account. The same value has the same key in every account: the comparison with everybody's needs it.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use storeward_base::{ClientIp, Timestamp};

use super::places::Place;
use super::stored::{Versioned, versioned};
use super::travel::Sighting;
use super::user_agent::{READ_BYTES, UserAgent};

/// Makes a value unreadable to whoever lacks the key. `kind` keeps values of different kinds apart. The low 48 bits
/// are used.
pub trait FeatureKey {
    fn key(&self, kind: &str, value: &[u8]) -> u64;
}

/// One attempt to sign in, as the front door saw it.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub at: Timestamp,
    pub client: ClientIp,
    /// From [`super::Networks::look_up`].
    pub place: Place,
    pub user_agent: &'a str,
    /// A fingerprint of the TLS handshake in the manner of JA4, where the front door took one.
    pub tls_fingerprint: Option<&'a str>,
    /// Measured by the server on the connection, where it was.
    pub round_trip: Option<Duration>,
}

impl<'a> Attempt<'a> {
    /// Without what only some front doors know.
    pub fn new(at: Timestamp, client: ClientIp, place: Place, user_agent: &'a str) -> Self {
        Attempt { at, client, place, user_agent, tls_fingerprint: None, round_trip: None }
    }
}

/// The features of an attempt, narrow to wide. Kept with the session it leads to, so that "this wasn't me" can take
/// them out of the account's history again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Versioned<FeatureParts>", into = "Versioned<FeatureParts>")]
pub struct Features(pub(crate) FeatureParts);

versioned!(Features, FeatureParts);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FeatureParts {
    pub at: Timestamp,
    /// Address (IPv6: its /64), operator, country.
    pub network: [u64; 3],
    /// IPv4 /24 or IPv6 /48: what one attacker often holds whole.
    pub prefix: u64,
    /// The whole string, browser, system, kind of device.
    pub agent: [u64; 4],
    pub is_machine: bool,
    pub tls: Option<u64>,
    /// Hour of the day in UTC.
    pub hour: u64,
    /// In steps of one half more: 0 is up to 1 ms, 1 up to 1.5 ms, and so on.
    pub round_trip: Option<u64>,
    pub hosting: bool,
    pub sighting: Option<Sighting>,
    /// Only for the judgement at hand: what is kept is the rounded sighting.
    #[serde(skip)]
    pub location: Option<super::travel::Location>,
}

impl Features {
    pub fn of(attempt: &Attempt<'_>, key: &dyn FeatureKey) -> Self {
        let cut = |kind: &str, value: &[u8]| key.key(kind, value) & ((1 << 48) - 1);
        let agent = UserAgent::parse(attempt.user_agent);
        let agent_text = attempt.user_agent.as_bytes();
        let country = attempt.place.country.map_or([0, 0], super::places::Country::bytes);
        Features(FeatureParts {
            at: attempt.at,
            network: [
                cut("address", attempt.client.block().to_string().as_bytes()),
                operator(attempt, cut),
                cut("country", &country),
            ],
            prefix: cut("prefix", &prefix(attempt.client.get(), 3)),
            agent: [
                cut("agent", agent_text.get(..READ_BYTES).unwrap_or(agent_text)),
                cut("browser", agent.browser.name().as_bytes()),
                cut("system", agent.system.name().as_bytes()),
                cut("device", agent.device.name().as_bytes()),
            ],
            is_machine: agent.browser.is_machine(),
            tls: attempt.tls_fingerprint.map(|text| cut("tls", text.as_bytes())),
            hour: u64::try_from(attempt.at.seconds().div_euclid(3_600).rem_euclid(24)).unwrap_or(0),
            round_trip: attempt.round_trip.map(step),
            hosting: attempt.place.hosting == Some(true),
            sighting: attempt.place.location.map(|there| Sighting::new(attempt.at, &there)),
            location: attempt.place.location,
        })
    }

    /// Browser and handshake as one value.
    pub(crate) fn handshake_pair(&self) -> Option<u64> {
        // An odd multiplier spreads both keys; they are keyed already, so no collision can be aimed at.
        self.0.tls.map(|tls| (tls ^ self.0.agent[1].wrapping_mul(0x9E37_79B9_7F4A_7C15)) & ((1 << 48) - 1))
    }
}

/// The operator's number where the owner's files know it, else what operators are given at a time: an IPv4 /16 or an
/// IPv6 /32.
fn operator(attempt: &Attempt<'_>, cut: impl Fn(&str, &[u8]) -> u64) -> u64 {
    match attempt.place.asn {
        Some(asn) => cut("asn", &asn.to_be_bytes()),
        None => cut("block", &prefix(attempt.client.get(), 2)),
    }
}

/// The first `groups` bytes of an IPv4 address, or groups of 16 bits of an IPv6 one.
fn prefix(ip: IpAddr, groups: usize) -> Vec<u8> {
    match ip {
        IpAddr::V4(v4) => v4.octets().iter().take(groups).copied().collect(),
        IpAddr::V6(v6) => v6.octets().iter().take(groups * 2).copied().collect(),
    }
}

fn step(round_trip: Duration) -> u64 {
    let (mut step, mut end_us) = (0, 1_000_u128);
    while end_us < round_trip.as_micros() && step < 40 {
        step += 1;
        end_us += end_us / 2;
    }
    step
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// FNV-1a: enough to tell values apart in tests.
    pub struct Plain;

    impl FeatureKey for Plain {
        fn key(&self, kind: &str, value: &[u8]) -> u64 {
            let bytes = kind.bytes().chain([0]).chain(value.iter().copied());
            bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
            })
        }
    }

    fn features(ip: &str, agent: &str) -> Features {
        let client = ip.parse().unwrap();
        Features::of(&Attempt::new(Timestamp::from_seconds(7_200), client, Place::default(), agent), &Plain)
    }

    #[test]
    fn values_widen() {
        let (a, b) = (features("203.0.113.1", "x"), features("203.0.113.2", "x"));
        assert_ne!(a.0.network[0], b.0.network[0]);
        assert_eq!((a.0.network[1], a.0.prefix), (b.0.network[1], b.0.prefix));
        let far = features("203.0.114.1", "x");
        assert_eq!(a.0.network[1], far.0.network[1]);
        assert_ne!(a.0.prefix, far.0.prefix);
        let (six, other) = (features("2001:db8:1:2::1", "x"), features("2001:db8:1:2:f::9", "x"));
        assert_eq!(six.0.network, other.0.network);
        assert_eq!(a.0.hour, 2);
    }

    #[test]
    fn round_trips_are_steps() {
        let step_of = |ms| step(Duration::from_millis(ms));
        assert_eq!((step_of(0), step_of(1)), (0, 0));
        assert!(step_of(40) < step_of(70) && step_of(u64::MAX) == 40);
    }
}
