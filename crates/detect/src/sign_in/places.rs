//! Where an address is, as far as the owner's own files say: operator, country, roughly where, hosting or not.
//!
//! Storeward ships no such data: it is licensed, it ages, and a shop needs little of it. A file is text, one network a
//! line; later lines and longer prefixes win, field by field, so that a list of hosting networks can lie beside one of
//! operators:
//!
//! ```text
//! # network        fields
//! 203.0.113.0/24   asn=64500 country=NO
//! 203.0.113.64/26  at=59.91,10.75 within_km=30
//! 198.51.100.0/24  hosting
//! 198.51.100.7/32  not-hosting
//! 2001:db8::/32    asn=64501 country=SE
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use storeward_base::ClientIp;

use super::database::Database;
use super::travel::Location;

/// Networks a file may hold at most; the whole routing table of IPv4 and IPv6 is about 1.2 million.
pub const MOST_NETWORKS: usize = 4_000_000;

/// Longest line of a file, in bytes.
pub const MOST_LINE_BYTES: usize = 256;

/// Two letters of ISO 3166-1, in capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

impl Country {
    /// Any two ASCII letters; whether the code is given out is not checked.
    pub fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Country([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }

    pub(crate) const fn bytes(self) -> [u8; 2] {
        self.0
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.to_string()
    }
}

impl TryFrom<String> for Country {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Country::parse(&text).ok_or("a country is two letters of ISO 3166-1")
    }
}

/// What is known of an address; all of it may be unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// The number of the operator's autonomous system.
    pub asn: Option<u32>,
    pub country: Option<Country>,
    pub location: Option<Location>,
    /// Servers stand there (or exits of VPNs and of Tor), not customers' homes.
    pub hosting: Option<bool>,
}

impl Place {
    /// Takes from `other` what is unknown here.
    fn or(self, other: &Place) -> Place {
        Place {
            asn: self.asn.or(other.asn),
            country: self.country.or(other.country),
            location: self.location.or(other.location),
            hosting: self.hosting.or(other.hosting),
        }
    }

    fn is_complete(&self) -> bool {
        self.asn.is_some() && self.country.is_some() && self.location.is_some() && self.hosting.is_some()
    }
}

/// What a place is called, as far as the files say. Names stand by language (`en`, `de`, `fr`, `es`), as a file has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Called {
    pub country: Option<Country>,
    pub countries: BTreeMap<String, String>,
    /// A town nearby; none where the file itself is not sure within [`NEARBY_KM`].
    pub towns: BTreeMap<String, String>,
}

/// Farther away than this nothing is near a town.
pub const NEARBY_KM: u32 = 100;

impl Called {
    /// Takes from `other` what is unknown here, unless it speaks of another country.
    fn or(mut self, other: Called) -> Called {
        if self.country.is_some() && other.country.is_some() && self.country != other.country {
            return self;
        }
        self.country = self.country.or(other.country);
        if self.countries.is_empty() {
            self.countries = other.countries;
        }
        if self.towns.is_empty() {
            self.towns = other.towns;
        }
        self
    }
}

/// The networks of the owner's files. [`Networks::default`] knows nothing, and everything works without.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    /// The last one wins, field by field.
    layers: Vec<Layer>,
}

#[derive(Clone, Debug)]
enum Layer {
    Lines(Lines),
    Database(Database),
}

/// The networks of a text.
#[derive(Clone, Debug, Default)]
struct Lines {
    /// By length of prefix, longest first.
    v4: Vec<(u8, Vec<(u32, Place)>)>,
    v6: Vec<(u8, Vec<(u128, Place)>)>,
}

/// What is wrong with which line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworksError {
    /// Counted from 1.
    pub line: usize,
    pub what: NetworksFault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworksFault {
    TooManyNetworks,
    LineTooLong,
    /// Not an address and a length, such as `10.0.0.0/8`.
    NotANetwork(String),
    /// No such field, or its value is not one.
    NotAField(String),
    /// `at=` and `within_km=` come together.
    HalfALocation,
}

impl fmt::Display for NetworksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.what {
            NetworksFault::TooManyNetworks => write!(f, "more than {MOST_NETWORKS} networks"),
            NetworksFault::LineTooLong => write!(f, "longer than {MOST_LINE_BYTES} bytes"),
            NetworksFault::NotANetwork(word) => {
                write!(f, "`{word}` is not a network such as 10.0.0.0/8 or 2001:db8::/32")
            }
            NetworksFault::NotAField(word) => write!(
                f,
                "`{word}` is none of asn=64500, country=NO, at=59.91,10.75, within_km=30, hosting, not-hosting"
            ),
            NetworksFault::HalfALocation => write!(f, "at= and within_km= come together"),
        }
    }
}

impl std::error::Error for NetworksError {}

/// Why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// A file of text, and the line.
    Line(NetworksError),
    NotText,
    /// A file in MaxMind's format that is damaged.
    Database(String),
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileFault::Line(error) => error.fmt(f),
            FileFault::NotText => f.write_str("neither text in UTF-8 nor a database in MaxMind's format"),
            FileFault::Database(why) => {
                write!(f, "a database in MaxMind's format that cannot be read: {why}")
            }
        }
    }
}

impl std::error::Error for FileFault {}

impl Networks {
    /// Reads one more file: text, or a database in MaxMind's format. What it says wins over the files before it.
    pub fn read(&mut self, bytes: Vec<u8>) -> Result<(), FileFault> {
        if Database::is_one(&bytes) {
            self.layers.push(Layer::Database(Database::open(bytes).map_err(FileFault::Database)?));
            return Ok(());
        }
        let text = String::from_utf8(bytes).map_err(|_| FileFault::NotText)?;
        let read = Networks::parse(&text).map_err(FileFault::Line)?;
        self.layers.extend(read.layers);
        Ok(())
    }

    /// Reads a file's text; several files are read as one text, one after the other.
    pub fn parse(text: &str) -> Result<Self, NetworksError> {
        let mut v4: BTreeMap<(u8, u32), Place> = BTreeMap::new();
        let mut v6: BTreeMap<(u8, u128), Place> = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            let fault = |what| NetworksError { line: at + 1, what };
            let Some((net, place)) = parse_line(line).map_err(fault)? else { continue };
            if v4.len() + v6.len() >= MOST_NETWORKS {
                return Err(fault(NetworksFault::TooManyNetworks));
            }
            let length = net.prefix_len();
            let entry = match net.trunc().addr() {
                IpAddr::V4(first) => v4.entry((length, first.into())).or_default(),
                IpAddr::V6(first) => v6.entry((length, first.into())).or_default(),
            };
            *entry = place.or(entry);
        }
        Ok(Networks { layers: vec![Layer::Lines(Lines { v4: by_length(v4), v6: by_length(v6) })] })
    }

    /// Networks known from files of text.
    pub fn len(&self) -> usize {
        let of = |layer: &Layer| match layer {
            Layer::Lines(lines) => lines.len(),
            Layer::Database(_) => 0,
        };
        self.layers.iter().map(of).sum()
    }

    pub fn is_empty(&self) -> bool {
        let is_empty = |layer: &Layer| matches!(layer, Layer::Lines(lines) if lines.len() == 0);
        self.layers.iter().all(is_empty)
    }

    /// What the networks around `client` say of it, the narrowest first.
    pub fn look_up(&self, client: ClientIp) -> Place {
        let mut place = Place::default();
        for layer in self.layers.iter().rev() {
            let found = match layer {
                Layer::Lines(lines) => lines.look_up(client),
                Layer::Database(database) => database.look_up(client),
            };
            place = place.or(&found);
        }
        place
    }

    /// What the place of `client` is called.
    pub fn called(&self, client: ClientIp) -> Called {
        let mut called = Called::default();
        for layer in self.layers.iter().rev() {
            let found = match layer {
                Layer::Lines(lines) => Called { country: lines.look_up(client).country, ..Called::default() },
                Layer::Database(database) => database.called(client),
            };
            called = called.or(found);
        }
        called
    }
}

impl Lines {
    fn len(&self) -> usize {
        let v4: usize = self.v4.iter().map(|(_, rows)| rows.len()).sum();
        let v6: usize = self.v6.iter().map(|(_, rows)| rows.len()).sum();
        v4 + v6
    }

    fn look_up(&self, client: ClientIp) -> Place {
        match client.get() {
            IpAddr::V4(ip) => {
                let ip = u32::from(ip);
                find(&self.v4, |length| if length == 0 { 0 } else { ip & (u32::MAX << (32 - length)) })
            }
            IpAddr::V6(ip) => {
                let ip = u128::from(ip);
                find(&self.v6, |length| if length == 0 { 0 } else { ip & (u128::MAX << (128 - length)) })
            }
        }
    }
}

fn find<A: Ord>(groups: &[(u8, Vec<(A, Place)>)], first_of: impl Fn(u8) -> A) -> Place {
    let mut place = Place::default();
    for (length, rows) in groups {
        let first = first_of(*length);
        if let Ok(at) = rows.binary_search_by(|(start, _)| start.cmp(&first))
            && let Some((_, found)) = rows.get(at)
        {
            place = place.or(found);
            if place.is_complete() {
                break;
            }
        }
    }
    place
}

fn by_length<A>(sorted: BTreeMap<(u8, A), Place>) -> Vec<(u8, Vec<(A, Place)>)> {
    let mut groups: Vec<(u8, Vec<(A, Place)>)> = Vec::new();
    for ((length, first), place) in sorted {
        match groups.last_mut() {
            Some((known, rows)) if *known == length => rows.push((first, place)),
            _ => groups.push((length, vec![(first, place)])),
        }
    }
    groups.reverse();
    groups
}

fn parse_line(line: &str) -> Result<Option<(IpNet, Place)>, NetworksFault> {
    if line.len() > MOST_LINE_BYTES {
        return Err(NetworksFault::LineTooLong);
    }
    let said = line.split('#').next().unwrap_or_default();
    let mut words = said.split_whitespace();
    let Some(network) = words.next() else { return Ok(None) };
    let net: IpNet = network.parse().map_err(|_| NetworksFault::NotANetwork(network.to_owned()))?;
    let mut place = Place::default();
    let (mut at, mut within_km) = (None, None);
    for word in words {
        let fault = || NetworksFault::NotAField(word.to_owned());
        match word.split_once('=') {
            Some(("asn", number)) => place.asn = Some(number.parse().map_err(|_| fault())?),
            Some(("country", code)) => place.country = Some(Country::parse(code).ok_or_else(fault)?),
            Some(("at", pair)) => at = Some(degrees(pair).ok_or_else(fault)?),
            Some(("within_km", number)) => within_km = Some(number.parse::<f32>().map_err(|_| fault())?),
            None if word == "hosting" => place.hosting = Some(true),
            None if word == "not-hosting" => place.hosting = Some(false),
            _ => return Err(fault()),
        }
    }
    place.location = match (at, within_km) {
        (None, None) => None,
        (Some((latitude, longitude)), Some(km)) => Some(
            Location::new(latitude, longitude, km)
                .ok_or_else(|| NetworksFault::NotAField(format!("at={latitude},{longitude}")))?,
        ),
        _ => return Err(NetworksFault::HalfALocation),
    };
    Ok(Some((net, place)))
}

fn degrees(pair: &str) -> Option<(f32, f32)> {
    let (latitude, longitude) = pair.split_once(',')?;
    Some((latitude.parse().ok()?, longitude.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(networks: &Networks, ip: &str) -> Place {
        networks.look_up(ip.parse().unwrap())
    }

    #[test]
    fn narrower_and_later_lines_win_field_by_field() {
        let networks = Networks::parse(
            "# the owner's file\n\
             203.0.0.0/8 asn=64499 country=SE\n\
             203.0.113.0/24 asn=64500 country=no # comment\n\
             203.0.113.64/26 at=59.91,10.75 within_km=30\n\
             203.0.113.0/24 hosting\n\
             203.0.113.7/32 not-hosting\n\
             2001:db8::/32 asn=64501 country=DK\n\
             0.0.0.0/0 country=ZZ\n",
        )
        .unwrap();
        assert_eq!(networks.len(), 6);
        let inner = look_up(&networks, "203.0.113.65");
        assert_eq!((inner.asn, inner.hosting), (Some(64500), Some(true)));
        assert_eq!(inner.country.unwrap().to_string(), "NO");
        assert!(inner.location.is_some());
        let exempt = look_up(&networks, "203.0.113.7");
        assert_eq!((exempt.asn, exempt.hosting, exempt.location), (Some(64500), Some(false), None));
        assert_eq!(look_up(&networks, "203.9.9.9").asn, Some(64499));
        assert_eq!(look_up(&networks, "2001:db8:1::1").asn, Some(64501));
        assert_eq!(look_up(&networks, "2001:db9::1"), Place::default());
        assert_eq!(look_up(&networks, "192.0.2.1").country, Country::parse("ZZ"));
        assert_eq!(look_up(&Networks::default(), "192.0.2.1"), Place::default());
    }

    #[test]
    fn a_faulty_line_is_named() {
        let long = format!("10.0.0.0/8 {}", "x".repeat(MOST_LINE_BYTES));
        for (text, line, word) in [
            ("10.0.0.0/8\nshop asn=1", 2, "`shop`"),
            ("10.0.0.0/33 asn=1", 1, "`10.0.0.0/33`"),
            ("10.0.0.0/8 asn=many", 1, "`asn=many`"),
            ("10.0.0.0/8 country=NOR", 1, "`country=NOR`"),
            ("10.0.0.0/8 tor", 1, "`tor`"),
            ("10.0.0.0/8 at=1,2", 1, "come together"),
            ("10.0.0.0/8 at=91,0 within_km=1", 1, "at=91,0"),
            ("10.0.0.0/8 at=nan,0 within_km=1", 1, "at=NaN,0"),
            ("10.0.0.0/8 at=1,1 within_km=-1", 1, "at=1,1"),
            (long.as_str(), 1, "longer than"),
        ] {
            let error = Networks::parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
