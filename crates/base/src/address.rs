//! Client addresses and lists of networks.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The address a request came from, after trusted proxies were looked through. IPv4 in IPv6 is stored as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientIp(IpAddr);

impl ClientIp {
    pub fn new(ip: IpAddr) -> Self {
        ClientIp(ip.to_canonical())
    }

    pub const fn get(self) -> IpAddr {
        self.0
    }

    /// What limits and bans count as one client: an IPv4 address, or the /64 of an IPv6 one (one home or server
    /// has 2^64 of those, so a single address means nothing).
    pub fn block(self) -> AddressBlock {
        AddressBlock(match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(v6) => {
                let s = v6.segments();
                IpAddr::V6(Ipv6Addr::new(s[0], s[1], s[2], s[3], 0, 0, 0, 0))
            }
        })
    }
}

impl fmt::Display for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ClientIp {
    type Err = std::net::AddrParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim().parse().map(ClientIp::new)
    }
}

/// An IPv4 address or an IPv6 /64: the unit of limits and bans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressBlock(IpAddr);

impl AddressBlock {
    /// The first address of the block.
    pub const fn first(self) -> IpAddr {
        self.0
    }

    /// The networks around it that one holder may have as a whole: the /24 of IPv4, the /56 and the /48 of IPv6 (RFC 6177).
    pub fn wider(self) -> Vec<WiderNetwork> {
        match self.0 {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                vec![WiderNetwork { first: IpAddr::from([a, b, c, 0]), bits: 24 }]
            }
            IpAddr::V6(v6) => {
                let s = v6.segments();
                [(56, s[3] & 0xff00), (48, 0)]
                    .map(|(bits, last)| {
                        let first = Ipv6Addr::new(s[0], s[1], s[2], last, 0, 0, 0, 0);
                        WiderNetwork { first: first.into(), bits }
                    })
                    .to_vec()
            }
        }
    }
}

impl AddressBlock {
    /// What one operator commonly holds around it, where no file says more: the /16 of IPv4, the /32 of IPv6 (the least that a
    /// registry allocates to one).
    pub fn operator(self) -> WiderNetwork {
        match self.0 {
            IpAddr::V4(v4) => {
                let [a, b, ..] = v4.octets();
                WiderNetwork { first: IpAddr::from([a, b, 0, 0]), bits: 16 }
            }
            IpAddr::V6(v6) => {
                let s = v6.segments();
                WiderNetwork { first: Ipv6Addr::new(s[0], s[1], 0, 0, 0, 0, 0, 0).into(), bits: 32 }
            }
        }
    }
}

/// A network of more than one [`AddressBlock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WiderNetwork {
    first: IpAddr,
    bits: u8,
}

impl WiderNetwork {
    /// The length of the prefix: 24, 48 or 56; 16 or 32 of what an operator holds.
    pub const fn bits(self) -> u8 {
        self.bits
    }
}

impl fmt::Display for WiderNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

impl fmt::Display for AddressBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

impl FromStr for AddressBlock {
    type Err = AddressListError;
    /// An address, or what [`AddressBlock`]'s `Display` prints.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.trim().strip_suffix("/64").unwrap_or(text.trim());
        address
            .parse::<ClientIp>()
            .map(ClientIp::block)
            .map_err(|_| AddressListError { entry: text.to_owned() })
    }
}

impl Serialize for AddressBlock {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AddressBlock {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Networks in CIDR form, such as `10.0.0.0/8`; a bare address is a network of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct AddressList(Vec<IpNet>);

/// An entry that is neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressListError {
    pub entry: String,
}

impl fmt::Display for AddressListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is neither an IP address nor a network such as 10.0.0.0/8", self.entry)
    }
}

impl std::error::Error for AddressListError {}

impl AddressList {
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, AddressListError> {
        let parse_one = |text: &S| {
            let text = text.as_ref().trim();
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| AddressListError { entry: text.to_owned() })
        };
        entries.iter().map(parse_one).collect::<Result<_, _>>().map(AddressList)
    }

    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|net| net.contains(&ip))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries as people write them; a network of one is its address.
    pub fn entries(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|net| {
            if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
        })
    }
}

impl TryFrom<Vec<String>> for AddressList {
    type Error = AddressListError;
    fn try_from(entries: Vec<String>) -> Result<Self, AddressListError> {
        AddressList::parse(&entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_is_its_64() {
        let a: ClientIp = "2001:db8:1:2:3::4".parse().unwrap();
        let b: ClientIp = "2001:db8:1:2:ffff::1".parse().unwrap();
        assert_eq!(a.block(), b.block());
        assert_eq!(a.block().to_string(), "2001:db8:1:2::/64");
        assert_eq!("2001:db8:1:2::/64".parse::<AddressBlock>().unwrap(), a.block());
        let mapped: ClientIp = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(mapped.to_string(), "192.0.2.1");
    }

    #[test]
    fn lists_hold_networks_and_addresses() {
        let list = AddressList::parse(&["10.0.0.0/8", "::1"]).unwrap();
        assert!(list.contains("10.9.9.9".parse().unwrap()));
        assert!(list.contains("::ffff:10.1.1.1".parse().unwrap()));
        assert!(!list.contains("11.0.0.1".parse().unwrap()));
        assert!(AddressList::parse(&["shop"]).unwrap_err().to_string().contains("`shop`"));
    }
}
