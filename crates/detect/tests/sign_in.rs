//! Attacks on sign-ins, and customers who must not be in their way.

use std::net::Ipv4Addr;
use std::time::Duration;

use storeward_base::{ClientIp, Timestamp};
use storeward_detect::sign_in::{
    AccountHistory, Answer, Attempt, Bursts, Case, DeviceToken, Evidence, FeatureKey, Features, Mode,
    Networks, Password, Policy, Pressure, Proof, Reason, ShopHistory, Smoothing, Tool, Verdict, judge,
    novelty, record,
};

const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0";
const FIREFOX_NEXT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:146.0) Gecko/20100101 Firefox/146.0";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1";
const CHROME: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36";

const NETWORKS: &str = "
    192.0.2.0/24     asn=64500 country=NO at=59.91,10.75 within_km=30
    198.51.100.0/24  asn=64501 country=NO at=60.39,5.32 within_km=30
    203.0.113.0/24   asn=64502 country=US at=40.71,-74.01 within_km=50
    203.0.113.128/25 hosting
";

struct Plain;

impl FeatureKey for Plain {
    fn key(&self, kind: &str, value: &[u8]) -> u64 {
        let bytes = kind.bytes().chain([0]).chain(value.iter().copied());
        bytes
            .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
    }
}

/// A shop with its customers' past, and one account in it.
struct Shop {
    networks: Networks,
    history: ShopHistory,
    account: AccountHistory,
}

fn day(day: i64) -> Timestamp {
    Timestamp::from_seconds(day * 86_400 + 12 * 3_600)
}

impl Shop {
    /// Two hundred customers signed in three times each, mostly from two operators; the account's owner eight times
    /// from 192.0.2.1 with Firefox.
    fn new() -> Self {
        let networks = Networks::parse(NETWORKS).expect("the networks of these tests are well-formed");
        let mut shop = Shop { networks, history: ShopHistory::default(), account: AccountHistory::default() };
        for customer in 0..200u8 {
            let mut account = AccountHistory::default();
            let ip = match customer % 10 {
                0 => Ipv4Addr::new(203, 0, 113, customer / 2),
                1..=4 => Ipv4Addr::new(198, 51, 100, customer),
                _ => Ipv4Addr::new(192, 0, 2, customer),
            };
            let agent = [FIREFOX, IPHONE, CHROME][usize::from(customer) % 3];
            for visit in 0..3 {
                let features = shop.features(day(visit * 20), ip, agent);
                shop.let_in(&features, Some(&mut account));
            }
        }
        for visit in 0..8 {
            let features = shop.features(day(visit * 10), Ipv4Addr::new(192, 0, 2, 1), FIREFOX);
            shop.let_in(&features, None);
        }
        shop
    }

    fn features(&self, at: Timestamp, ip: Ipv4Addr, agent: &str) -> Features {
        let client = ClientIp::new(ip.into());
        Features::of(&Attempt::new(at, client, self.networks.look_up(client), agent), &Plain)
    }

    fn let_in(&mut self, features: &Features, account: Option<&mut AccountHistory>) {
        let Shop { history, account: own, .. } = self;
        let account = account.unwrap_or(own);
        let evidence = Evidence::default();
        let verdict =
            judge(&Case { features, evidence: &evidence, account, shop: history }, &Policy::customers());
        let released = verdict.release(Proof::Passkey).expect("a passkey opens all but a refusal");
        record(&released, account, history);
    }

    fn judge(&self, features: &Features, evidence: &Evidence) -> Verdict {
        self.judge_by(features, evidence, &Policy::customers())
    }

    fn judge_by(&self, features: &Features, evidence: &Evidence, policy: &Policy) -> Verdict {
        judge(&Case { features, evidence, account: &self.account, shop: &self.history }, policy)
    }
}

#[track_caller]
fn points_of(verdict: &Verdict, reason: Reason) -> f64 {
    verdict.reasons.iter().find(|weighed| weighed.reason == reason).map_or(0.0, |weighed| weighed.points)
}

const HOME: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The same operator, another address.
const NEARBY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 250);
const ABROAD: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 200);

#[test]
fn at_home_is_let_in_and_a_stranger_is_asked() {
    let shop = Shop::new();
    let plain = Evidence::default();
    let home = shop.judge(&shop.features(day(90), HOME, FIREFOX), &plain);
    assert_eq!(home.answer, Answer::Allow, "{home:?}");
    assert!(points_of(&home, Reason::Network) < -1.0 && points_of(&home, Reason::Agent) < -0.2, "{home:?}");
    // The browser was updated: less known than before, and far from unknown.
    let updated = shop.judge(&shop.features(day(90), HOME, FIREFOX_NEXT), &plain);
    assert!(updated.answer <= Answer::Notice && updated.points > home.points, "{updated:?}");
    for (ip, agent) in [(ABROAD, IPHONE), (ABROAD, FIREFOX), (SERVER, CHROME)] {
        let stranger = shop.judge(&shop.features(day(90), ip, agent), &plain);
        assert!(stranger.answer >= Answer::StepUp, "{ip} {agent} {stranger:?}");
        assert!(points_of(&stranger, Reason::Network) > 0.5, "{stranger:?}");
    }
    let nearby = shop.judge(&shop.features(day(90), NEARBY, FIREFOX), &plain);
    let abroad = shop.judge(&shop.features(day(90), ABROAD, FIREFOX), &plain);
    assert!(home.points < nearby.points && nearby.points < abroad.points);
}

/// Nothing is known of the account, so nothing speaks for whoever comes; also on the day the shop begins.
#[test]
fn a_first_sign_in_is_asked_for_a_second_step() {
    let busy = Shop { account: AccountHistory::default(), ..Shop::new() };
    let begun = Shop { account: AccountHistory::default(), history: ShopHistory::default(), ..Shop::new() };
    for shop in [busy, begun] {
        let verdict = shop.judge(&shop.features(day(90), HOME, FIREFOX), &Evidence::default());
        assert_eq!(verdict.answer, Answer::StepUp, "{verdict:?}");
    }
}

#[test]
fn a_trusted_device_travels_freely_and_a_stolen_one_does_not() {
    let shop = Shop::new();
    let features = shop.features(day(90), ABROAD, FIREFOX);
    let with = |device| Evidence { device, ..Evidence::default() };
    assert_eq!(shop.judge(&features, &with(DeviceToken::Valid)).answer, Answer::Allow);
    assert!(shop.judge(&features, &with(DeviceToken::Stolen)).answer >= Answer::StepUp);
    // The copy is used from the very network and browser it was taken from.
    let at_home = shop.judge(&shop.features(day(90), HOME, FIREFOX), &with(DeviceToken::Stolen));
    assert!(at_home.answer >= Answer::StepUp, "{at_home:?}");
    assert_eq!(points_of(&at_home, Reason::DeviceStolen), 4.0);
}

#[test]
fn a_breached_password_is_never_enough() {
    let shop = Shop::new();
    let features = shop.features(day(90), HOME, FIREFOX);
    let breached = Evidence { password: Password::Breached, ..Evidence::default() };
    assert!(shop.judge(&features, &breached).answer >= Answer::StepUp);
    let trusted = Evidence { device: DeviceToken::Valid, ..breached };
    assert_eq!(shop.judge(&features, &trusted).answer, Answer::Notice);
}

/// Somebody tries a list of stolen passwords through many addresses with one tool; one password is right.
#[test]
fn stuffing_is_refused_and_leaves_the_customers_alone() {
    let shop = Shop::new();
    let mut pressure = Pressure::default();
    let start = day(90);
    for attempt in 0..2_000u64 {
        let at = start.plus(Duration::from_millis(attempt * 300));
        let ip = Ipv4Addr::new(203, 0, 113, 128 + u8::try_from(attempt % 100).unwrap());
        pressure.failed(1_000_000 + attempt, &shop.features(at, ip, CHROME));
    }
    let at = start.plus(Duration::from_secs(601));
    let theirs = shop.features(at, SERVER, CHROME);
    let evidence = Evidence { bursts: pressure.around(7, &theirs), ..Evidence::default() };
    let verdict = shop.judge(&theirs, &evidence);
    assert_eq!(verdict.answer, Answer::Refuse, "{verdict:?}");
    for reason in [
        Reason::FailuresFromAddress,
        Reason::FailuresFromPrefix,
        Reason::StuffingTool,
        Reason::HostingNetwork,
    ] {
        assert!(points_of(&verdict, reason) > 0.0, "{reason}: {verdict:?}");
    }
    assert!(verdict.release(Proof::Passkey).is_err());
    // At home, at the same time.
    let own = shop.features(at, HOME, FIREFOX);
    let evidence = Evidence { bursts: pressure.around(7, &own), ..Evidence::default() };
    assert_eq!(evidence.bursts, Bursts::default());
    assert_eq!(shop.judge(&own, &evidence).answer, Answer::Allow);
    // An hour and a half later it is over.
    let later = shop.features(at.plus(Duration::from_secs(90 * 60)), SERVER, CHROME);
    assert!(pressure.around(7, &later).address < 1.0);
}

/// Whoever fails on purpose, with the owner's kind of browser, next door to the owner and at the owner's account, takes nothing away
/// from the right password but what a second step costs: at home, and where the owner never was. What comes from the client's own
/// address, or from a network of servers, counts in full.
#[test]
fn failures_of_strangers_lock_nobody_out() {
    let shop = Shop::new();
    let mut pressure = Pressure::default();
    let [a, b, c, _] = HOME.octets();
    for attempt in 0..5_000u64 {
        let at = day(90).plus(Duration::from_millis(attempt * 50));
        let last = 100 + u8::try_from(attempt % 50).unwrap();
        // The account itself, and accounts of nobody's.
        let account = if attempt % 2 == 0 { 7 } else { attempt };
        for agent in [CHROME, FIREFOX, IPHONE] {
            pressure.failed(account, &shop.features(at, Ipv4Addr::new(a, b, c, last), agent));
        }
    }
    let at = day(90).plus(Duration::from_secs(260));
    for (ip, agent) in [(HOME, CHROME), (HOME, FIREFOX), (Ipv4Addr::new(198, 18, 7, 7), IPHONE)] {
        let own = shop.features(at, ip, agent);
        let calm = shop.judge(&own, &Evidence::default());
        let bursts = pressure.around(7, &own);
        assert!(bursts.account > 1_000.0 && bursts.tool > 1_000.0 && bursts.address == 0.0, "{bursts:?}");
        let verdict = shop.judge(&own, &Evidence { bursts, ..Evidence::default() });
        assert_eq!(verdict.answer, calm.answer.max(Answer::StepUp), "{verdict:?}");
    }
    for ip in [Ipv4Addr::new(a, b, c, 100), SERVER] {
        let theirs = shop.features(at, ip, CHROME);
        let bursts = pressure.around(8, &theirs);
        let verdict = shop.judge(&theirs, &Evidence { bursts, ..Evidence::default() });
        assert!(verdict.answer > Answer::StepUp, "{verdict:?}");
    }
}

/// A big operator has many failures because it has many customers.
#[test]
fn a_busy_network_is_not_a_bad_one() {
    let shop = Shop::new();
    let mut pressure = Pressure::default();
    for attempt in 0..600u64 {
        let ip = Ipv4Addr::new(192, 0, 2, u8::try_from(attempt % 200).unwrap());
        let features = shop.features(day(90), ip, IPHONE);
        if attempt % 10 == 0 { pressure.failed(attempt, &features) } else { pressure.succeeded(&features) }
    }
    let own = shop.features(day(90), NEARBY, IPHONE);
    let bursts = pressure.around(7, &own);
    assert!(bursts.network >= 59.0 && bursts.network_share < 0.11, "{bursts:?}");
    let verdict = shop.judge(&own, &Evidence { bursts, ..Evidence::default() });
    assert!(points_of(&verdict, Reason::FailuresFromNetwork) < 0.1, "{verdict:?}");
    assert!(points_of(&verdict, Reason::StuffingTool) < 0.3, "{verdict:?}");
}

/// Ten thousand attempts from one network must not make it usual: what is not released leaves no trace.
#[test]
fn attempts_teach_nothing() {
    let shop = Shop::new();
    let before = (shop.account.clone(), shop.history.clone());
    let evidence = Evidence { tool: Tool::Known, password: Password::Breached, ..Evidence::default() };
    let first = shop.judge(&shop.features(day(90), SERVER, CHROME), &evidence);
    for _ in 0..10_000 {
        let verdict = shop.judge(&shop.features(day(90), SERVER, CHROME), &evidence);
        assert!(verdict.answer >= Answer::StepUp);
        assert!(verdict.release(Proof::Password).is_err());
    }
    assert_eq!(before, (shop.account.clone(), shop.history.clone()));
    assert_eq!(shop.judge(&shop.features(day(90), SERVER, CHROME), &evidence).points, first.points);
}

#[test]
fn this_was_not_me_makes_the_stranger_a_stranger_again() {
    let mut shop = Shop::new();
    let theirs = shop.features(day(90), SERVER, CHROME);
    let before = shop.judge(&shop.features(day(91), SERVER, CHROME), &Evidence::default());
    let account = shop.account.clone();
    shop.let_in(&theirs, None);
    let between = shop.judge(&shop.features(day(91), SERVER, CHROME), &Evidence::default());
    assert!(between.points < before.points - 1.0, "{before:?} {between:?}");
    shop.account.disown(&theirs);
    let after = shop.judge(&shop.features(day(91), SERVER, CHROME), &Evidence::default());
    assert!((after.points - before.points).abs() < 0.2, "{before:?} {after:?}");
    // The owner's own past stands as it stood.
    let home = shop.judge(&shop.features(day(91), HOME, FIREFOX), &Evidence::default());
    let was = Shop { account, ..shop };
    let then = was.judge(&was.features(day(91), HOME, FIREFOX), &Evidence::default());
    assert!((home.points - then.points).abs() < 1e-6);
}

#[test]
fn nobody_is_in_two_places_at_once() {
    let mut shop = Shop::new();
    let home = shop.features(day(90), HOME, FIREFOX);
    shop.let_in(&home, None);
    let hours = |hours: u64| day(90).plus(Duration::from_secs(hours * 3_600));
    let travelled = |at| shop.judge(&shop.features(at, ABROAD, FIREFOX), &Evidence::default());
    assert_eq!(points_of(&travelled(hours(1)), Reason::ImpossibleTravel), 3.0);
    assert_eq!(points_of(&travelled(hours(9)), Reason::ImpossibleTravel), 0.0);
    // Nothing is known of where this is, so nobody is accused.
    let unknown = shop.features(hours(1), Ipv4Addr::new(100, 64, 0, 1), FIREFOX);
    assert_eq!(points_of(&shop.judge(&unknown, &Evidence::default()), Reason::ImpossibleTravel), 0.0);
}

/// A tool says it is Firefox, and shakes hands as no Firefox does.
#[test]
fn a_browser_that_shakes_hands_like_a_tool_is_noticed() {
    let mut shop = Shop::new();
    let client = ClientIp::new(HOME.into());
    let shaken = |shop: &Shop, tls| {
        let place = shop.networks.look_up(client);
        let attempt = Attempt { tls_fingerprint: Some(tls), ..Attempt::new(day(90), client, place, FIREFOX) };
        Features::of(&attempt, &Plain)
    };
    let lie = shaken(&shop, "t13d1516h1_tool");
    assert_eq!(points_of(&shop.judge(&lie, &Evidence::default()), Reason::AgentContradictsHandshake), 0.0);
    for _ in 0..250 {
        let honest = shaken(&shop, "t13d1717h2_firefox");
        let mut account = AccountHistory::default();
        shop.let_in(&honest, Some(&mut account));
    }
    assert_eq!(points_of(&shop.judge(&lie, &Evidence::default()), Reason::AgentContradictsHandshake), 2.0);
    let honest = shaken(&shop, "t13d1717h2_firefox");
    assert_eq!(points_of(&shop.judge(&honest, &Evidence::default()), Reason::AgentContradictsHandshake), 0.0);
}

#[test]
fn habits_are_weak_signals() {
    let mut shop = Shop::new();
    let client = ClientIp::new(HOME.into());
    let at = |shop: &Shop, at, ms| {
        let place = shop.networks.look_up(client);
        let attempt = Attempt {
            round_trip: Some(Duration::from_millis(ms)),
            ..Attempt::new(at, client, place, FIREFOX)
        };
        Features::of(&attempt, &Plain)
    };
    for visit in 80..90 {
        let features = at(&shop, day(visit), 20);
        shop.let_in(&features, None);
    }
    let usual = shop.judge(&at(&shop, day(91), 25), &Evidence::default());
    let night =
        shop.judge(&at(&shop, day(91).plus(Duration::from_secs(12 * 3_600)), 250), &Evidence::default());
    assert_eq!(points_of(&usual, Reason::HourUnusual) + points_of(&usual, Reason::RoundTripNew), 0.0);
    assert_eq!(points_of(&night, Reason::HourUnusual) + points_of(&night, Reason::RoundTripNew), 1.0);
    assert!(night.answer < Answer::StepUp, "{night:?}");
}

#[test]
fn the_policy_decides_when_to_ask() {
    let shop = Shop::new();
    let home = shop.features(day(90), HOME, FIREFOX);
    let abroad = shop.features(day(90), ABROAD, IPHONE);
    let none = Evidence::default();
    let enrolled =
        Evidence { second_factor: storeward_detect::sign_in::SecondFactor::Enrolled, ..Evidence::default() };
    let trusted = Evidence { device: DeviceToken::Valid, ..enrolled };
    let mode = |mode| Policy { mode, ..Policy::default() };
    for (policy, features, evidence, answer) in [
        (mode(Mode::Off), &home, &none, Answer::Allow),
        (mode(Mode::Off), &abroad, &enrolled, Answer::Notice),
        (mode(Mode::Offered), &home, &none, Answer::Allow),
        (mode(Mode::Offered), &abroad, &none, Answer::Notice),
        (mode(Mode::Offered), &home, &enrolled, Answer::StepUp),
        (mode(Mode::Offered), &home, &trusted, Answer::Allow),
        (mode(Mode::RiskBased), &home, &none, Answer::Allow),
        (mode(Mode::RiskBased), &home, &enrolled, Answer::StepUp),
        (mode(Mode::RiskBased), &home, &trusted, Answer::Allow),
        (mode(Mode::RiskBased), &abroad, &none, Answer::StepUp),
        (mode(Mode::Required), &home, &none, Answer::StepUp),
        (mode(Mode::Required), &home, &trusted, Answer::Allow),
        (Policy::staff(), &home, &trusted, Answer::StepUp),
    ] {
        let verdict = shop.judge_by(features, evidence, &policy);
        assert_eq!(verdict.answer, answer, "{policy:?} {verdict:?}");
    }
    let asked = shop.judge_by(&home, &none, &mode(Mode::Required));
    assert!(asked.reasons.iter().any(|weighed| weighed.reason == Reason::PolicyAsks));
}

/// For an account that does not exist each of the answers can be had, so none of them tells that an account exists.
#[test]
fn a_stranger_to_the_shop_can_get_every_answer() {
    let shop = Shop { account: AccountHistory::default(), ..Shop::new() };
    let mut got: Vec<Answer> = Vec::new();
    let failures =
        |many| Bursts { address: many, prefix: many, tool: many, tool_share: 1.0, ..Bursts::default() };
    for ip in [HOME, SERVER] {
        for device in [DeviceToken::Valid, DeviceToken::Absent, DeviceToken::Stolen] {
            for many in [0.0, 50.0, 100.0, 1_000.0] {
                for password in [Password::Unremarkable, Password::Breached] {
                    let evidence =
                        Evidence { device, password, bursts: failures(many), ..Evidence::default() };
                    got.push(shop.judge(&shop.features(day(90), ip, FIREFOX), &evidence).answer);
                }
            }
        }
    }
    for answer in Answer::ALL {
        assert!(got.contains(&answer), "{answer:?} of {got:?}");
    }
}

/// Expected values by a program of das-group/rba-algorithm's formula written apart from this one; 320 scores of a
/// longer run were compared with that code itself.
#[test]
fn the_published_formula_gives_the_published_scores() {
    let mut shop = Shop { history: ShopHistory::default(), ..Shop::new() };
    let mut accounts = [(); 3].map(|()| AccountHistory::default());
    let far = Ipv4Addr::new(198, 51, 100, 7);
    for (customer, ip, agent) in [
        (0, HOME, FIREFOX),
        (0, HOME, FIREFOX),
        (0, NEARBY, IPHONE),
        (1, far, CHROME),
        (1, far, CHROME),
        (2, ABROAD, IPHONE),
    ] {
        let features = shop.features(day(0), ip, agent);
        shop.let_in(&features, Some(&mut accounts[customer]));
    }
    for (customer, ip, agent, expected) in [
        (0, HOME, FIREFOX, 0.060_720_620_425_668_99),
        // Of the browser only the kind of device was seen: worse than nothing at all.
        (0, HOME, CHROME, 24.009_405_545_486_01),
        (0, ABROAD, IPHONE, 1.435_368_485_955_780_5),
        (1, ABROAD, FIREFOX, 16.0),
    ] {
        let features = shop.features(day(0), ip, agent);
        let score = |smoothing| novelty(&features, &accounts[customer], &shop.history, smoothing).score();
        let published = score(Smoothing::Published);
        assert!(
            (published / expected - 1.0).abs() < 1e-12,
            "{customer} {ip} {agent}: {published} {expected}"
        );
        assert!(score(Smoothing::default()).is_finite());
    }
}

/// A VPN in the right country is for sale: coming from a small country proves little.
#[test]
fn a_small_country_is_no_password() {
    let mut shop = Shop::new();
    shop.account = AccountHistory::default();
    let networks =
        format!("{NETWORKS}\n10.1.0.0/16 asn=64510 country=IS\n10.2.0.0/16 asn=64511 country=IS hosting");
    shop.networks = Networks::parse(&networks).unwrap();
    for visit in 0..8 {
        let features = shop.features(day(visit * 10), Ipv4Addr::new(10, 1, 0, 1), FIREFOX);
        shop.let_in(&features, None);
    }
    let theirs = shop.features(day(90), Ipv4Addr::new(10, 2, 0, 1), FIREFOX);
    let published = novelty(&theirs, &shop.account, &shop.history, Smoothing::Published);
    let ours = novelty(&theirs, &shop.account, &shop.history, Smoothing::default());
    assert!(published.network < -2.0, "{published:?}");
    assert!(ours.network > -0.8, "{ours:?}");
}

#[test]
fn an_account_keeps_64_values_and_the_frequent_ones() {
    let mut shop = Shop::new();
    let others = shop.history.clone();
    for round in 0..5_000u32 {
        let ip = if round % 10 == 0 { HOME } else { Ipv4Addr::from(0x0A00_0000 + round * 257) };
        let at = day(90).plus(Duration::from_secs(u64::from(round) * 60));
        let features = shop.features(at, ip, FIREFOX);
        shop.let_in(&features, None);
    }
    let stored = serde_json::to_value(&shop.account).unwrap();
    let named = stored["network"][0]["named"].as_array().unwrap();
    assert_eq!(named.len(), 64);
    assert!(serde_json::to_string(&shop.history).unwrap().len() < 1_048_576);
    // Beside the other customers, of whom this one would be the loudest.
    shop.history = others;
    let home = shop.judge(&shop.features(day(95), HOME, FIREFOX), &Evidence::default());
    let new = shop.judge(&shop.features(day(95), ABROAD, FIREFOX), &Evidence::default());
    assert!(points_of(&home, Reason::Network) < points_of(&new, Reason::Network));
}

/// Reads a sample, writes it, and reads it with one word changed.
fn stored_form<T: serde::Serialize + serde::de::DeserializeOwned>(sample: &str, wrong: &[(&str, &str)]) -> T {
    let read: T = serde_json::from_str(sample).expect("a sample is what an earlier program wrote");
    let written = serde_json::to_value(&read).expect("state is plain numbers");
    assert_eq!(written, serde_json::from_str::<serde_json::Value>(sample).expect("JSON"));
    for (from, to) in wrong.iter().chain(&[("\"version\":1", "\"version\":2"), ("\"version\":1,", "")]) {
        let changed = sample.replacen(from, to, 1);
        assert_ne!(changed, sample, "{from}");
        assert!(serde_json::from_str::<T>(&changed).is_err(), "{to}");
    }
    read
}

#[test]
fn stored_forms_of_version_1_are_read_and_others_are_refused() {
    let wrong = [("\"total\":", "\"total\":-"), ("\"hours\"", "\"ours\"")];
    let account = stored_form(include_str!("samples/sign_in_account_v1.json"), &wrong);
    let shop = Shop { account, ..Shop::new() };
    let home = shop.judge(&shop.features(day(90), HOME, FIREFOX), &Evidence::default());
    assert_eq!(home.answer, Answer::Allow, "{home:?}");
    stored_form::<ShopHistory>(include_str!("samples/sign_in_shop_v1.json"), &wrong[..1]);
    let pressure: Pressure = stored_form(include_str!("samples/sign_in_pressure_v1.json"), &wrong[..1]);
    assert_eq!(pressure.around(7, &shop.features(day(90), SERVER, CHROME)).address, 3.0);
    let features = stored_form::<Features>(include_str!("samples/sign_in_features_v1.json"), &[]);
    assert_ne!(features, shop.features(day(90), HOME, FIREFOX));
}

#[test]
fn what_is_stored_names_no_address_and_no_browser() {
    let shop = Shop::new();
    let stored = [
        serde_json::to_string(&shop.account).unwrap(),
        serde_json::to_string(&shop.history).unwrap(),
        serde_json::to_string(&shop.features(day(90), HOME, FIREFOX)).unwrap(),
    ];
    for text in stored {
        for word in ["192.0.2", "Firefox", "Windows", "64500", "NO", "10.75", "59.91"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
        assert!(!text.contains(&u32::from(HOME).to_string()));
    }
}

#[test]
fn reasons_have_stable_codes_and_sentences() {
    let mut codes: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
        assert!(reason.meaning().ends_with('.'), "{reason}");
    }
}
