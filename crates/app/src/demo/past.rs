//! The sample shop's past, as far as attempts to pay go: invented, the same each time but for the day on which it ends. It is there so
//! that a scorer can be learned of something; more of it is fraud than in most shops, so that half a year is enough.

use std::net::Ipv4Addr;
use std::time::Duration;

use storeward_base::{ClientIp, Timestamp};
use storeward_fraud::{Funding, Label, Source, Truth};
use storeward_payments::{Front, Invented, InventedCard, OrderFacts};

/// What training takes by default, and a few days that fill the state before it.
const DAYS: u64 = 172;
const DAY: u64 = 86_400;
/// Buyers who come again.
const REGULARS: u64 = 500;
/// Nothing of it is so late that a rule about minutes or hours would hold it against today's buyers.
const QUIET: Duration = Duration::from_secs(6 * 3600);
/// What is bought, in cents, with the name under which the shop sells it.
const GOODS: [(&str, i64); 8] = [
    ("Peat mug", 2_400),
    ("Tarn bowl", 2_800),
    ("Heather plate", 3_200),
    ("Drift vase", 3_800),
    ("Curlew jug", 4_600),
    ("Granite mortar", 4_900),
    ("Ash chopping board", 5_900),
    ("Ember kettle", 6_900),
];
const SHIPPING: i64 = 490;

/// Chance from a seed (SplitMix64, Steele, Lea and Flood, OOPSLA 2014).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let one = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let two = (one ^ (one >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        two ^ (two >> 31)
    }

    /// From `least` to `most`, both among them.
    fn of(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    fn happens(&mut self, percent: u64) -> bool {
        self.of(1, 100) <= percent
    }

    fn seconds(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_secs(self.of(least, most))
    }
}

/// The world in which it was bought.
struct World {
    dice: Dice,
    now: Timestamp,
    people: u64,
    all: Vec<Invented>,
}

/// Of 131,072 addresses that are kept for measurements (RFC 2544), so nobody's.
fn client(number: u64) -> Option<ClientIp> {
    let low = u32::try_from(number % 131_072).ok()?;
    Some(ClientIp::new(Ipv4Addr::from(0xc612_0000 | low).into()))
}

/// Spreads people over the addresses.
fn home(person: u64) -> u64 {
    person.wrapping_mul(7_919)
}

/// The sample shop's past until now.
pub fn past(now: Timestamp) -> Vec<Invented> {
    let mut world = World { dice: Dice(0x1a4b_5eed), now, people: REGULARS, all: Vec::new() };
    for back in (0..DAYS).rev() {
        world.day(now.minus(Duration::from_secs(back * DAY)), DAYS - back);
    }
    let last = now.minus(QUIET);
    world.all.retain(|one| one.at < last);
    world.all.sort_by_key(|one| one.at);
    world.all
}

impl World {
    fn day(&mut self, today: Timestamp, number: u64) {
        let midnight = Timestamp::from_seconds(today.seconds() - today.seconds().rem_euclid(86_400));
        for _ in 0..self.dice.of(30, 40) {
            let at = self.moment(midnight, 6);
            self.honest(at);
        }
        for _ in 0..self.dice.of(2, 4) {
            match self.dice.of(1, 100) {
                1..=58 => self.stolen_card(midnight, number),
                59..=76 => self.taken_account(midnight),
                77..=92 => self.friendly(midnight),
                _ => self.card_testing(midnight),
            }
        }
    }

    /// Within the day; so many in a hundred at night.
    fn moment(&mut self, midnight: Timestamp, percent_at_night: u64) -> Timestamp {
        let second = match self.dice.happens(percent_at_night) {
            true => self.dice.of(0, 7 * 3_600),
            false => self.dice.of(7 * 3_600, DAY - 1),
        };
        midnight.plus(Duration::from_secs(second))
    }

    fn new_person(&mut self) -> u64 {
        self.people += 1;
        self.people
    }

    /// What somebody's order is like. Orders of half the people come with what the shop's program says of them; those of the others
    /// come by a signed link, as the sample shop makes them, which says what they cost.
    fn order(&mut self, person: u64, at: Timestamp, pieces: u64) -> Invented {
        let (mut amount_minor, mut dearest) = (SHIPPING, ("", 0));
        for _ in 0..pieces {
            // A kind for each place: the modulus is the table's length.
            let place = usize::try_from(self.dice.next() % 8).unwrap_or(0);
            let (name, cents) = GOODS[place];
            amount_minor += cents;
            if cents > dearest.1 {
                dearest = (name, cents);
            }
        }
        let is_told = person.is_multiple_of(2);
        let facts = OrderFacts {
            shipping: is_told.then(|| format!("{person} Moor Lane, Larkmoor")),
            product: is_told.then(|| dearest.0.to_owned()),
            coupon: None,
            express: is_told.then(|| self.dice.happens(8)),
            first_order_coupon: None,
        };
        let funding = match self.dice.of(1, 100) {
            1..=40 => Funding::Debit,
            41..=43 => Funding::Prepaid,
            _ => Funding::Credit,
        };
        Invented {
            at,
            amount_minor,
            email: is_told.then(|| format!("buyer{person}@mail{}.example", person % 9)),
            facts,
            front: Front {
                client: client(home(person)),
                device: Some(format!("device {person}")),
                blocked_requests: u32::from(self.dice.happens(1)),
                ..Front::default()
            },
            card: InventedCard {
                fingerprint: format!("card {person}"),
                funding,
                cvc_failed: false,
                avs_failed: self.dice.happens(2),
            },
            is_approved: true,
            ..Invented::default()
        }
    }

    /// A regular's order, as the shop knows them.
    fn regular(&mut self, at: Timestamp) -> Invented {
        let person = self.dice.of(1, REGULARS);
        let pieces = 1 + person % 3;
        let mut order = self.order(person, at, pieces);
        // Their first orders lie before, or somewhere in, this past.
        let since = at.since(self.now.minus(Duration::from_secs((DAYS * DAY / REGULARS) * person)));
        if person.is_multiple_of(2) {
            order.customer = Some(format!("customer {person}"));
            order.customer_since = (since > Duration::from_secs(DAY)).then_some(since);
            order.was_sent_there = Some(!self.dice.happens(6));
        }
        order
    }

    fn honest(&mut self, at: Timestamp) {
        let mut order = match self.dice.happens(55) {
            true => self.regular(at),
            false => {
                let (person, pieces) = (self.new_person(), self.dice.of(1, 4));
                self.order(person, at, pieces)
            }
        };
        // On the way, from another address or with another telephone.
        if self.dice.happens(15) {
            order.front.client = client(self.dice.next());
        }
        if self.dice.happens(8) {
            order.front.device = Some(format!("telephone {}", self.dice.next()));
        }
        // A slip of the finger, or no money there; most try again.
        if self.dice.happens(6) {
            let slip = Invented { is_approved: false, ..order.clone() };
            let cvc_failed = self.dice.happens(40);
            let card = InventedCard { cvc_failed, ..slip.card.clone() };
            order.at = slip.at.plus(self.dice.seconds(40, 600));
            if self.dice.happens(30) {
                order.card.fingerprint += " the other";
            }
            self.all.push(Invented { card, ..slip });
        }
        // Something was forgotten, or the first was for a friend.
        if self.dice.happens(6) {
            let at = order.at.plus(self.dice.seconds(200, 5_400));
            let amount_minor = 2_400 + SHIPPING;
            self.all.push(Invented { at, amount_minor, ..order.clone() });
        }
        self.all.push(order);
    }

    /// What a fraud of a moment is known as, once it is: weeks later by a dispute, or within days where staff saw it.
    fn fraud(&mut self, at: Timestamp, by: Source) -> Option<Label> {
        let days = if by == Source::Dispute { self.dice.of(5, 30) } else { self.dice.of(1, 4) };
        let known_at = at.plus(Duration::from_secs(days * DAY));
        (known_at <= self.now).then_some(Label { truth: Truth::Fraud, known_at, source: by })
    }

    /// A stranger with somebody's card; of some gangs it is known where they sit.
    fn stolen_card(&mut self, midnight: Timestamp, day: u64) {
        let (person, at, pieces) = (self.new_person(), self.moment(midnight, 30), self.dice.of(2, 7));
        let mut order = self.order(person, at, pieces);
        if self.dice.happens(45) {
            let gang = 100_000 + (day / 12) * 256;
            order.front.client = client(gang + self.dice.of(0, 40));
        }
        order.front.blocked_requests = match self.dice.happens(30) {
            true => u32::try_from(self.dice.of(1, 12)).unwrap_or(1),
            false => 0,
        };
        if order.email.is_some() {
            (order.facts.express, order.was_sent_there) = (Some(self.dice.happens(50)), None);
            if self.dice.happens(35) {
                order.facts.shipping = Some(format!("Unit {}, Drop Yard", day / 9));
            }
        }
        if self.dice.happens(35) {
            for tried in 0..self.dice.of(1, 3) {
                let mut before = Invented { is_approved: false, ..order.clone() };
                before.card.fingerprint += &format!(" not {tried}");
                before.card.cvc_failed = self.dice.happens(40);
                self.all.push(before);
                order.at = order.at.plus(self.dice.seconds(40, 300));
            }
        }
        order.card.avs_failed = self.dice.happens(45);
        if self.dice.happens(18) {
            order.card.funding = Funding::Prepaid;
        }
        let by = if self.dice.happens(75) { Source::Dispute } else { Source::Refund };
        order.label = self.fraud(order.at, by);
        self.all.push(order);
    }

    /// A regular's account in other hands: another device, another place, more than usual.
    fn taken_account(&mut self, midnight: Timestamp) {
        let at = self.moment(midnight, 20);
        let usual = self.regular(at);
        let (thief, pieces) = (self.new_person(), self.dice.of(4, 8));
        let more = self.order(thief, at, pieces);
        let mut order = Invented {
            amount_minor: more.amount_minor,
            front: more.front,
            card: more.card,
            label: self.fraud(at, Source::Dispute),
            ..usual
        };
        if order.email.is_some() {
            order.was_sent_there = Some(false);
            order.facts.shipping = Some(format!("{thief} Elsewhere Road"));
        }
        self.all.push(order);
    }

    /// Somebody who got what they bought, and says they did not buy it. Nothing tells them from others.
    fn friendly(&mut self, midnight: Timestamp) {
        let at = self.moment(midnight, 6);
        let order = self.regular(at);
        let label = self.fraud(at, Source::Dispute);
        self.all.push(Invented { label, ..order });
    }

    /// Many cards, small amounts, one machine: most are declined, and staff give the rest back.
    fn card_testing(&mut self, midnight: Timestamp) {
        let mut at = self.moment(midnight, 70);
        let machine = self.new_person();
        for _ in 0..self.dice.of(5, 12) {
            let card = self.new_person();
            let mut order = Invented { at, ..self.order(machine, at, 1) };
            order.card.fingerprint = format!("card {card}");
            order.card.cvc_failed = self.dice.happens(50);
            order.is_approved = self.dice.happens(18);
            if order.is_approved {
                order.label = self.fraud(at, Source::Refund);
            }
            self.all.push(order);
            at = at.plus(self.dice.seconds(20, 150));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_has_frauds_enough_whenever_a_demo_is_begun() {
        for hour in 0..24 {
            let now = Timestamp::from_seconds(1_795_000_000 + hour * 3_600);
            let ago = |days: u64| now.minus(Duration::from_secs(days * DAY));
            let all = past(now);
            assert!((5_000..9_000).contains(&all.len()), "{}", all.len());
            assert!(all.is_sorted_by_key(|one| one.at) && all.iter().all(|one| one.at < now));
            // What was paid, and what was known by now.
            let known = |one: &&Invented| one.label.is_some_and(|label| label.known_at <= now);
            assert!(all.iter().filter(|one| one.label.is_some()).all(|one| known(&one) && one.is_approved));
            let frauds = all.iter().filter(known).count();
            assert!((4..8).contains(&(frauds * 100 / all.len())), "{frauds} of {}", all.len());
            // As training takes them: 90 days, and by their end and a month what was known; of the trial's two weeks what is known now.
            let learned = all.iter().filter(|one| one.at >= ago(164) && one.at < ago(74));
            let learned =
                learned.filter(|one| one.label.is_some_and(|label| label.known_at <= ago(44))).count();
            assert!(learned >= storeward_fraud::LEAST_FRAUDS + 20, "{learned} at {hour}");
            let tried = all.iter().filter(|one| one.at >= ago(43) && one.at < ago(31)).filter(known).count();
            assert!(tried >= storeward_fraud::learning::LEAST_TRIED + 5, "{tried} at {hour}");
        }
    }
}
