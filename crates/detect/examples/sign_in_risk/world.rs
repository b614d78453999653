//! A world of customers, seeded: networks, places, devices, habits. Every figure here is our assumption, named so that
//! it can be argued with; none is taken from a real shop.

use std::net::Ipv4Addr;
use std::rc::Rc;

use storeward_base::ClientIp;
use storeward_detect::sign_in::Country;

/// SplitMix64: chance that repeats.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 up to 1.
    pub fn share(&mut self) -> f64 {
        let bits = u32::try_from(self.word() >> 32).unwrap_or(0);
        f64::from(bits) / 4_294_967_296.0
    }

    pub fn chance(&mut self, of: f64) -> bool {
        self.share() < of
    }

    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap_or(1);
        usize::try_from(self.word() % end).unwrap_or(0)
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// One of `of` as often as its weight says.
    pub fn weighted<'a, T>(&mut self, of: &'a [T], weight: impl Fn(&T) -> f64) -> Option<&'a T> {
        let mut left = self.share() * of.iter().map(&weight).sum::<f64>();
        for one in of {
            left -= weight(one);
            if left < 0.0 {
                return Some(one);
            }
        }
        of.last()
    }

    /// Waiting time with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.share()).ln()
    }
}

/// An operator in one country: a /17 of 10.0.0.0/8, of which each /24 lies in one city.
#[derive(Debug)]
pub struct Operator {
    pub asn: u32,
    pub country: Country,
    block: u32,
    pub kind: Kind,
    weight: f64,
}

/// Who is behind an operator's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Homes and offices, by wire.
    Line,
    /// Phones: many share few addresses.
    Mobile,
    /// Servers: exits of VPNs, hired machines. No customer comes from here.
    Hosting,
}

/// Cities of a country; the larger the lower the number.
pub const CITIES: usize = 30;

impl Operator {
    /// An address in that city.
    pub fn address(&self, city: usize, dice: &mut Dice) -> ClientIp {
        // /24s of the city: its number and every thirtieth after it.
        let third = city % CITIES + CITIES * dice.below(4);
        let third = u32::try_from(third.min(127)).unwrap_or(0);
        let hosts = if self.kind == Kind::Mobile { 64 } else { 254 };
        let fourth = u32::try_from(1 + dice.below(hosts)).unwrap_or(1);
        let ip = 0x0A00_0000 | (self.block << 15) | (third << 8) | fourth;
        ClientIp::new(Ipv4Addr::from(ip).into())
    }
}

/// Region and city of an address, by its third byte.
pub fn town(country: Country, city: usize) -> (Rc<str>, Rc<str>) {
    let city = city % CITIES;
    (format!("{country} region {}", city / 3).into(), format!("{country} city {city}").into())
}

pub struct World {
    pub operators: Vec<Operator>,
    pub countries: Vec<(Country, f64)>,
}

/// Where customers live: one country by far, its neighbours, and a few from everywhere.
const HOMES: [(&str, f64); 32] = [
    ("NO", 880.0),
    ("SE", 40.0),
    ("DK", 28.0),
    ("DE", 14.0),
    ("GB", 10.0),
    ("US", 8.0),
    ("PL", 4.0),
    ("ES", 4.0),
    ("NL", 3.0),
    ("FI", 3.0),
    ("FR", 2.0),
    ("IT", 1.0),
    ("CH", 0.5),
    ("AT", 0.5),
    ("CA", 0.5),
    ("AU", 0.5),
    ("IN", 0.1),
    ("BR", 0.1),
    ("VN", 0.1),
    ("RU", 0.1),
    ("UA", 0.1),
    ("CN", 0.1),
    ("ID", 0.1),
    ("TH", 0.1),
    ("PK", 0.1),
    ("MY", 0.1),
    ("TR", 0.1),
    ("ZA", 0.1),
    ("MX", 0.1),
    ("AR", 0.1),
    ("EG", 0.1),
    ("KR", 0.1),
];

impl World {
    pub fn new() -> Self {
        let mut world = World { operators: Vec::new(), countries: Vec::new() };
        for (place, (code, weight)) in HOMES.iter().enumerate() {
            let Some(country) = Country::parse(code) else { continue };
            world.countries.push((country, *weight));
            // The last three house servers; two of the largest are phones'.
            let many = if place == 0 { 25 } else { 12 };
            for rank in 0..many {
                let kind = match rank {
                    1 | 3 => Kind::Mobile,
                    _ if rank + 3 >= many => Kind::Hosting,
                    _ => Kind::Line,
                };
                let block = u32::try_from(world.operators.len()).unwrap_or(0);
                let order = f64::from(u16::try_from(rank + 1).unwrap_or(1));
                world.operators.push(Operator {
                    asn: 64_512 + block,
                    country,
                    block,
                    kind,
                    // Zipf's law.
                    weight: 1.0 / order,
                });
            }
        }
        world
    }

    pub fn country(&self, dice: &mut Dice) -> Country {
        let found = dice.weighted(&self.countries, |(_, weight)| *weight);
        found.map_or_else(|| self.countries[0].0, |(country, _)| *country)
    }

    pub fn operator(&self, country: Country, kind: Kind, dice: &mut Dice) -> usize {
        let fits = |one: &Operator| one.country == country && one.kind == kind;
        let choice: Vec<(usize, f64)> = self
            .operators
            .iter()
            .enumerate()
            .filter(|(_, one)| fits(one))
            .map(|(place, one)| (place, one.weight))
            .collect();
        dice.weighted(&choice, |(_, weight)| *weight).map_or(0, |(place, _)| *place)
    }
}

/// A city; the larger ones more often.
pub fn city(dice: &mut Dice) -> usize {
    let cities: Vec<usize> = (0..CITIES).collect();
    let weight = |city: &usize| 1.0 / f64::from(u16::try_from(city + 1).unwrap_or(1));
    dice.weighted(&cities, weight).copied().unwrap_or(0)
}

/// A browser on a system, with its share among customers' devices and the days between its versions.
#[derive(Clone, Copy, Debug)]
pub struct Make {
    share: f64,
    text: &'static str,
    first: u32,
    days: f64,
}

/// `{v}` stands for the version.
const MAKES: [Make; 12] = [
    Make {
        share: 26.0,
        first: 16,
        days: 75.0,
        text: "Mozilla/5.0 (iPhone; CPU iPhone OS {v}_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{v}.1 Mobile/15E148 Safari/604.1",
    },
    Make {
        share: 22.0,
        first: 110,
        days: 30.0,
        text: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36",
    },
    Make {
        share: 18.0,
        first: 110,
        days: 30.0,
        text: "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Mobile Safari/537.36",
    },
    Make {
        share: 7.0,
        first: 110,
        days: 30.0,
        text: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36 Edg/{v}.0.0.0",
    },
    Make {
        share: 7.0,
        first: 16,
        days: 75.0,
        text: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{v}.1 Safari/605.1.15",
    },
    Make {
        share: 5.0,
        first: 110,
        days: 30.0,
        text: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36",
    },
    Make {
        share: 4.0,
        first: 108,
        days: 30.0,
        text: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0",
    },
    Make {
        share: 4.0,
        first: 19,
        days: 90.0,
        text: "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/{v}.0 Chrome/115.0.0.0 Mobile Safari/537.36",
    },
    Make {
        share: 3.0,
        first: 16,
        days: 75.0,
        text: "Mozilla/5.0 (iPad; CPU OS {v}_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{v}.1 Mobile/15E148 Safari/604.1",
    },
    Make {
        share: 2.0,
        first: 110,
        days: 30.0,
        text: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/{v}.0.0.0 Mobile/15E148 Safari/604.1",
    },
    Make {
        share: 1.0,
        first: 108,
        days: 30.0,
        text: "Mozilla/5.0 (X11; Linux x86_64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0",
    },
    Make {
        share: 1.0,
        first: 108,
        days: 30.0,
        text: "Mozilla/5.0 (Android 14; Mobile; rv:{v}.0) Gecko/{v}.0 Firefox/{v}.0",
    },
];

impl Make {
    pub fn any(dice: &mut Dice) -> Make {
        dice.weighted(&MAKES, |make| make.share).copied().unwrap_or(MAKES[0])
    }

    /// The user agent on that day; `behind` is how many days late its owner updates.
    pub fn agent(&self, day: f64, behind: f64) -> String {
        let mut version = self.first;
        let mut left = (day - behind).max(0.0);
        while left >= self.days {
            left -= self.days;
            version += 1;
        }
        self.text.replace("{v}", &version.to_string())
    }
}
