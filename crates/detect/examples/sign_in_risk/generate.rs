//! Customers' sign-ins over some years, and what attackers leave among them, as rows of the published form.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use storeward_base::{ClientIp, Timestamp};
use storeward_detect::sign_in::Country;

use super::rows::{Outcome, Row};
use super::world::{Dice, Kind, Make, World, city, town};

/// How often customers sign in, as the published evaluation groups them: name, days between, share of customers.
const CLASSES: [(f64, f64); 5] = [(1.0, 0.3), (3.0, 1.0), (7.0, 6.0), (20.0, 32.7), (45.0, 60.0)];

pub const DAYS: f64 = 800.0;

/// 2024-01-01.
const START: Timestamp = Timestamp::from_seconds(1_704_067_200);

/// Takeovers among the rows: this share of customers suffers one.
const TAKEN_OVER: f64 = 0.10;

/// Attempts of stuffing, for each sign-in of a customer.
const NOISE: f64 = 0.2;

struct Device {
    make: Make,
    behind: f64,
    weight: f64,
    until: f64,
}

struct Network {
    operator: usize,
    city: usize,
    /// Of a line that keeps its address for a while; a phone's changes with each connection.
    address: Option<(ClientIp, f64)>,
    /// Mean days that an address is kept.
    kept: f64,
    weight: f64,
}

struct Customer {
    id: i64,
    country: Country,
    city: usize,
    gap: f64,
    devices: Vec<Device>,
    networks: Vec<Network>,
    /// The hour of the day (UTC) around which they sign in.
    hour: f64,
}

/// Keeps one text for all that are equal.
#[derive(Default)]
struct Texts(HashMap<String, Rc<str>>);

impl Texts {
    fn one(&mut self, text: String) -> Rc<str> {
        self.0.entry(text).or_insert_with_key(|text| text.as_str().into()).clone()
    }
}

pub fn generate(customers: usize, seed: u64) -> Vec<Row> {
    let (world, mut dice, mut texts) = (World::new(), Dice::new(seed), Texts::default());
    let mut rows = Vec::new();
    for id in 0..customers {
        let mut customer = Customer::any(i64::try_from(id).unwrap_or(0), &world, &mut dice);
        // Customers come to the shop over its first half.
        let mut day = dice.share() * DAYS / 2.0;
        let taken_over = dice.chance(TAKEN_OVER).then(|| day + dice.share() * (DAYS - day));
        while day < DAYS {
            rows.push(customer.sign_in(day, &world, &mut texts, &mut dice));
            if dice.chance(NOISE) {
                rows.push(stuffing(customer.id, day, &world, &mut texts, &mut dice));
            }
            day += dice.exponential(customer.gap).max(0.05);
        }
        if let Some(day) = taken_over {
            rows.push(customer.takeover(day, &world, &mut texts, &mut dice));
        }
    }
    rows.sort_by_key(|row| row.at);
    rows
}

fn moment(day: f64) -> Timestamp {
    START.plus(Duration::from_secs_f64(day.max(0.0) * 86_400.0))
}

/// Milliseconds: what the way costs, and what the last mile adds.
fn round_trip(country: Country, dice: &mut Dice) -> Option<u32> {
    let way = match country.to_string().as_str() {
        "NO" => 8.0,
        "SE" | "DK" | "FI" => 18.0,
        "DE" | "GB" | "NL" | "PL" | "FR" | "CH" | "AT" => 35.0,
        "ES" | "IT" | "UA" | "TR" => 55.0,
        "US" | "CA" => 110.0,
        _ => 220.0,
    };
    // Half of the published rows carry no measurement.
    dice.chance(0.5).then(|| {
        let ms = Duration::from_secs_f64((way + dice.exponential(12.0)) / 1_000.0).as_millis();
        u32::try_from(ms.max(1)).unwrap_or(1)
    })
}

struct From {
    operator: usize,
    city: usize,
    ip: ClientIp,
    agent: String,
    outcome: Outcome,
}

fn row(user: i64, day: f64, from: From, world: &World, texts: &mut Texts, dice: &mut Dice) -> Row {
    let operator = &world.operators[from.operator];
    let (region, city) = town(operator.country, from.city);
    Row {
        at: moment(day),
        user,
        round_trip_ms: round_trip(operator.country, dice),
        ip: from.ip,
        country: Some(operator.country),
        region: texts.one(region.to_string()),
        city: texts.one(city.to_string()),
        asn: operator.asn,
        agent: texts.one(from.agent),
        outcome: from.outcome,
    }
}

/// A stolen password of another shop is tried, with a usual browser's name: from anywhere in the world, one in eight
/// from the customers' main country; mostly from hired servers, one in twenty through somebody's home.
fn stuffing(user: i64, day: f64, world: &World, texts: &mut Texts, dice: &mut Dice) -> Row {
    let home = dice.chance(0.125).then(|| world.countries.first()).flatten();
    let country = home.or_else(|| dice.pick(&world.countries)).map(|(country, _)| *country);
    let kind = if dice.chance(0.05) { Kind::Line } else { Kind::Hosting };
    let operator = country.map_or(0, |country| world.operator(country, kind, dice));
    let city = city(dice);
    let from = From {
        operator,
        city,
        ip: world.operators[operator].address(city, dice),
        agent: Make::any(dice).agent(day, 0.0),
        outcome: Outcome::Noise,
    };
    row(user, day + dice.share(), from, world, texts, dice)
}

impl Customer {
    fn any(id: i64, world: &World, dice: &mut Dice) -> Customer {
        let (country, home) = (world.country(dice), city(dice));
        let gap = dice.weighted(&CLASSES, |(_, share)| *share).map_or(7.0, |(gap, _)| *gap);
        let line = |operator, kept, weight| Network { operator, city: home, address: None, kept, weight };
        // A line at home whose address lasts half a year on average (a third of them: for good), a phone on the way,
        // and for a third of them a place of work.
        let kept = if dice.chance(0.33) { 10_000.0 } else { 180.0 };
        let mut networks = vec![
            line(world.operator(country, Kind::Line, dice), kept, 1.0),
            line(world.operator(country, Kind::Mobile, dice), 0.0, 0.4 * dice.share()),
        ];
        if dice.chance(0.33) {
            networks.push(line(world.operator(country, Kind::Line, dice), 10_000.0, 0.4 * dice.share()));
        }
        let many = 1 + usize::from(dice.chance(0.55)) + usize::from(dice.chance(0.2));
        let weights = [1.0, 0.25, 0.1];
        let devices = weights.iter().take(many).map(|weight| Device::any(0.0, *weight, dice)).collect();
        Customer { id, country, city: home, gap, devices, networks, hour: 6.0 + 16.0 * dice.share() }
    }

    fn sign_in(&mut self, day: f64, world: &World, texts: &mut Texts, dice: &mut Dice) -> Row {
        let hour = (self.hour + 4.0 * (dice.share() + dice.share() - 1.0)).rem_euclid(24.0);
        let day = day.floor() + hour / 24.0;
        let agent = self.agent(day, dice);
        let (operator, city, ip) =
            if dice.chance(0.03) { self.away(world, dice) } else { self.usual(day, world, dice) };
        let from = From { operator, city, ip, agent, outcome: Outcome::Own };
        row(self.id, day, from, world, texts, dice)
    }

    fn agent(&mut self, day: f64, dice: &mut Dice) -> String {
        let weights: Vec<(usize, f64)> =
            self.devices.iter().enumerate().map(|(place, device)| (place, device.weight)).collect();
        let place = dice.weighted(&weights, |(_, weight)| *weight).map_or(0, |(place, _)| *place);
        let device = &mut self.devices[place];
        if day > device.until {
            *device = Device::any(day, device.weight, dice);
        }
        device.make.agent(day, device.behind)
    }

    fn usual(&mut self, day: f64, world: &World, dice: &mut Dice) -> (usize, usize, ClientIp) {
        let weights: Vec<(usize, f64)> =
            self.networks.iter().enumerate().map(|(place, network)| (place, network.weight)).collect();
        let place = dice.weighted(&weights, |(_, weight)| *weight).map_or(0, |(place, _)| *place);
        let network = &mut self.networks[place];
        let (ip, until) = match network.address {
            Some((ip, until)) if day < until => (ip, until),
            _ => {
                let ip = world.operators[network.operator].address(network.city, dice);
                (ip, day + dice.exponential(network.kept))
            }
        };
        network.address = Some((ip, until));
        (network.operator, network.city, ip)
    }

    /// On the way: half at home's country, half abroad.
    fn away(&self, world: &World, dice: &mut Dice) -> (usize, usize, ClientIp) {
        let country = if dice.chance(0.5) { self.country } else { world.country(dice) };
        let kind = if dice.chance(0.5) { Kind::Mobile } else { Kind::Line };
        let (operator, city) = (world.operator(country, kind, dice), city(dice));
        (operator, city, world.operators[operator].address(city, dice))
    }

    /// By somebody who knows the customer: with the customer's own browser as the last sign-in showed it; in one of
    /// seven cases from the customer's own network (a member of the household, a program on the device), else from the
    /// same operator and city (a proxy bought for it).
    fn takeover(&mut self, day: f64, world: &World, texts: &mut Texts, dice: &mut Dice) -> Row {
        let agent = self.agent(day, dice);
        let own = dice.chance(1.0 / 7.0);
        let (operator, city, ip) = if own {
            self.usual(day, world, dice)
        } else {
            let operator = self.networks[0].operator;
            (operator, self.city, world.operators[operator].address(self.city, dice))
        };
        let from = From { operator, city, ip, agent, outcome: Outcome::Takeover };
        row(self.id, day, from, world, texts, dice)
    }
}

impl Device {
    fn any(day: f64, weight: f64, dice: &mut Dice) -> Device {
        Device {
            make: Make::any(dice),
            // Most updates come within a fortnight; one device in ten is half a year behind.
            behind: if dice.chance(0.1) { 180.0 } else { 14.0 * dice.share() },
            weight,
            until: day + dice.exponential(900.0),
        }
    }
}
