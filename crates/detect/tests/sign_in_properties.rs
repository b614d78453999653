//! What holds for every sign-in, whatever is known of it.

use std::time::Duration;

use proptest::prelude::*;
use storeward_base::{ClientIp, Timestamp};
use storeward_detect::sign_in::{
    AccountHistory, Answer, Attempt, Bursts, Case, DeviceToken, Evidence, FeatureKey, Features, Location,
    Mode, Passkey, Password, Place, Policy, Proof, SecondFactor, ShopHistory, Target, Thresholds, Tool,
    TrustedDevice, Verdict, judge, record,
};

struct Plain;

impl FeatureKey for Plain {
    fn key(&self, kind: &str, value: &[u8]) -> u64 {
        let bytes = kind.bytes().chain([0]).chain(value.iter().copied());
        bytes
            .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
    }
}

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "curl/8.5.0",
];

/// One sign-in of a generated past, or the one that is judged.
#[derive(Clone, Debug)]
struct Seen {
    days: i64,
    ip: u32,
    agent: usize,
    tls: Option<u8>,
    round_trip_ms: Option<u64>,
    hosting: Option<bool>,
    place: Option<(i16, i16, u16)>,
}

impl Seen {
    fn features(&self) -> Features {
        let place = Place {
            asn: Some(self.ip % 3),
            country: None,
            location: self.place.and_then(|(latitude, longitude, km)| {
                Location::new(f32::from(latitude), f32::from(longitude), f32::from(km))
            }),
            hosting: self.hosting,
        };
        let tls = self.tls.map(|tls| format!("t13d{tls}"));
        let client = ClientIp::new(std::net::Ipv4Addr::from(self.ip).into());
        let at = Timestamp::from_seconds(self.days * 86_400);
        let attempt = Attempt {
            tls_fingerprint: tls.as_deref(),
            round_trip: self.round_trip_ms.map(Duration::from_millis),
            ..Attempt::new(at, client, place, AGENTS[self.agent])
        };
        Features::of(&attempt, &Plain)
    }
}

fn seen() -> impl Strategy<Value = Seen> {
    let place = prop::option::of((-90..=90i16, -180..=180i16, 0..500u16));
    (
        0..400i64,
        0..6u32,
        0..AGENTS.len(),
        prop::option::of(0..3u8),
        prop::option::of(0..400u64),
        any::<Option<bool>>(),
        place,
    )
        .prop_map(|(days, ip, agent, tls, round_trip_ms, hosting, place)| Seen {
            days,
            ip,
            agent,
            tls,
            round_trip_ms,
            hosting,
            place,
        })
}

fn bursts() -> impl Strategy<Value = Bursts> {
    let few = || prop_oneof![Just(0.0), 0.0..10.0, 0.0..5_000.0];
    (few(), few(), few(), few(), few(), 0.0..=1.0, 0.0..=1.0).prop_map(
        |(account, address, prefix, network, tool, network_share, tool_share)| Bursts {
            account,
            address,
            prefix,
            network,
            network_share,
            tool,
            tool_share,
        },
    )
}

fn evidence() -> impl Strategy<Value = Evidence> {
    use prop::sample::select;
    (
        select(vec![DeviceToken::Valid, DeviceToken::Absent, DeviceToken::Stolen]),
        select(vec![Passkey::Used, Passkey::None, Passkey::PassedOver]),
        select(vec![Password::Unremarkable, Password::Breached]),
        select(vec![SecondFactor::None, SecondFactor::Enrolled]),
        select(vec![Target::Ordinary, Target::Valuable, Target::Administrative]),
        select(vec![Tool::Unremarkable, Tool::Unusual, Tool::Known]),
        bursts(),
    )
        .prop_map(|(device, passkey, password, second_factor, target, tool, bursts)| Evidence {
            device,
            passkey,
            password,
            second_factor,
            target,
            tool,
            bursts,
        })
}

fn policies() -> impl Strategy<Value = Policy> {
    use prop::sample::select;
    let edge = || -12.0..14.0f64;
    let thresholds = prop_oneof![
        Just(Thresholds::default()),
        (edge(), edge(), edge(), edge()).prop_map(|(notice, step_up, passkey_only, refuse)| Thresholds {
            notice,
            step_up,
            passkey_only,
            refuse
        })
    ];
    (
        select(vec![Mode::Off, Mode::Offered, Mode::RiskBased, Mode::Required]),
        select(vec![TrustedDevice::Suffices, TrustedDevice::NeverSuffices]),
        thresholds,
    )
        .prop_map(|(mode, trusted_device, thresholds)| Policy { mode, trusted_device, thresholds })
}

/// Lets everything in that is judged milder than a refusal, as a person with every factor would be.
fn remember(past: &[Seen], account: &mut AccountHistory, shop: &mut ShopHistory) {
    for one in past {
        let evidence = Evidence { passkey: Passkey::Used, ..Evidence::default() };
        let verdict = verdict(one, &evidence, account, shop, &Policy::customers());
        let released = verdict.release(Proof::Passkey).expect("a passkey opens all but a refusal");
        record(&released, account, shop);
    }
}

fn verdict(
    seen: &Seen,
    evidence: &Evidence,
    account: &AccountHistory,
    shop: &ShopHistory,
    policy: &Policy,
) -> Verdict {
    judge(&Case { features: &seen.features(), evidence, account, shop }, policy)
}

/// One bad signal more than before.
fn worse(evidence: &Evidence, which: usize) -> Evidence {
    let mut worse = *evidence;
    match which {
        0 if worse.device == DeviceToken::Valid => worse.device = DeviceToken::Absent,
        0 => worse.device = DeviceToken::Stolen,
        1 if worse.passkey == Passkey::Used => worse.passkey = Passkey::None,
        1 => worse.passkey = Passkey::PassedOver,
        2 => worse.password = Password::Breached,
        3 if worse.target == Target::Ordinary => worse.target = Target::Valuable,
        3 => worse.target = Target::Administrative,
        4 if worse.tool == Tool::Unremarkable => worse.tool = Tool::Unusual,
        4 => worse.tool = Tool::Known,
        5 => worse.bursts.account = worse.bursts.account * 2.0 + 5.0,
        6 => worse.bursts.address = worse.bursts.address * 2.0 + 5.0,
        7 => worse.bursts.prefix = worse.bursts.prefix * 2.0 + 50.0,
        8 => worse.bursts.network = worse.bursts.network * 2.0 + 50.0,
        9 => worse.bursts.tool = worse.bursts.tool * 2.0 + 50.0,
        _ => (worse.bursts.network_share, worse.bursts.tool_share) = (1.0, 1.0),
    }
    worse
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_bad_signal_never_makes_the_answer_milder(
        past in prop::collection::vec(seen(), 0..16),
        now in seen(),
        evidence in evidence(),
        policy in policies(),
    ) {
        let (mut account, mut shop) = (AccountHistory::default(), ShopHistory::default());
        remember(&past, &mut account, &mut shop);
        let before = verdict(&now, &evidence, &account, &shop, &policy);
        for which in 0..11 {
            let after = verdict(&now, &worse(&evidence, which), &account, &shop, &policy);
            prop_assert!(after.answer >= before.answer, "{which}: {before:?} {after:?}");
        }
        let hosted = verdict(&Seen { hosting: Some(true), ..now }, &evidence, &account, &shop, &policy);
        prop_assert!(hosted.answer >= before.answer, "{before:?} {hosted:?}");
    }

    /// An account that does not exist has no history: whatever it is asked, it is answered as an account that exists
    /// and never signed in, and each of the five answers can be had.
    #[test]
    fn an_unknown_account_gets_the_answers_of_a_silent_one(
        others in prop::collection::vec(seen(), 0..16),
        now in seen(),
        evidence in evidence(),
        policy in policies(),
    ) {
        let (mut other, mut shop) = (AccountHistory::default(), ShopHistory::default());
        remember(&others, &mut other, &mut shop);
        // One that signed in once, and took it back.
        let mut silent = AccountHistory::default();
        let evidence_then = Evidence { passkey: Passkey::Used, ..Evidence::default() };
        let once = verdict(&now, &evidence_then, &silent, &shop, &policy).release(Proof::Passkey).unwrap();
        record(&once, &mut silent, &mut ShopHistory::default());
        silent.disown(once.features());
        let unknown = verdict(&now, &evidence, &AccountHistory::default(), &shop, &policy);
        let known = verdict(&now, &evidence, &silent, &shop, &policy);
        prop_assert_eq!(unknown.answer, known.answer);
        prop_assert_eq!(unknown.reasons, known.reasons);
    }

    /// Anybody can make sign-ins to somebody's account fail. That must not shut its owner out.
    #[test]
    fn failures_on_the_account_alone_shut_nobody_out(
        past in prop::collection::vec(seen(), 0..16),
        now in seen(),
        evidence in evidence(),
        failures in 0.0..1e9f64,
        policy in policies(),
    ) {
        let (mut account, mut shop) = (AccountHistory::default(), ShopHistory::default());
        remember(&past, &mut account, &mut shop);
        let calm = Evidence { bursts: Bursts { account: 0.0, ..evidence.bursts }, ..evidence };
        let attacked = Evidence { bursts: Bursts { account: failures, ..evidence.bursts }, ..evidence };
        let before = verdict(&now, &calm, &account, &shop, &policy).answer;
        let after = verdict(&now, &attacked, &account, &shop, &policy).answer;
        prop_assert!(after <= before.max(Answer::StepUp), "{before:?} {after:?}");
        if evidence.device == DeviceToken::Valid {
            prop_assert_eq!(before, after);
        }
    }

    /// Only what was proved as asked becomes history.
    #[test]
    fn nothing_is_released_for_less_than_was_asked(now in seen(), evidence in evidence(), policy in policies()) {
        for proof in [Proof::Password, Proof::SecondFactor, Proof::Passkey] {
            let verdict = verdict(&now, &evidence, &AccountHistory::default(), &ShopHistory::default(), &policy);
            let answer = verdict.answer;
            let enough = match answer {
                Answer::Allow | Answer::Notice => true,
                Answer::StepUp => proof != Proof::Password,
                Answer::PasskeyOnly => proof == Proof::Passkey,
                Answer::Refuse => false,
            };
            prop_assert_eq!(verdict.release(proof).is_ok(), enough, "{:?} {:?}", answer, proof);
        }
    }

    #[test]
    fn state_stays_bounded_and_comes_back_as_it_went(past in prop::collection::vec(seen(), 0..100), now in seen()) {
        let (mut account, mut shop) = (AccountHistory::default(), ShopHistory::default());
        remember(&past, &mut account, &mut shop);
        let stored = serde_json::to_string(&account).unwrap();
        prop_assert!(stored.len() < 16_384, "{}", stored.len());
        let read: AccountHistory = serde_json::from_str(&stored).unwrap();
        let shop_read: ShopHistory = serde_json::from_str(&serde_json::to_string(&shop).unwrap()).unwrap();
        let evidence = Evidence::default();
        let (a, b) = (
            verdict(&now, &evidence, &account, &shop, &Policy::customers()),
            verdict(&now, &evidence, &read, &shop_read, &Policy::customers()),
        );
        prop_assert!((a.points - b.points).abs() < 1e-6, "{} {}", a.points, b.points);
        prop_assert!(a.points.is_finite());
    }
}
