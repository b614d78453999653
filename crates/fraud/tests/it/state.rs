//! What is remembered: bounded, the same every time, stored and taken up again.

use std::time::Duration;

use proptest::prelude::*;
use storeward_base::Timestamp;
use storeward_fraud::{
    Attempt, Delay, Feature, Kind, Label, Limits, Mark, Marks, Outcome, Source, State, Truth,
};

use super::world::{DAY, past, replay};

const START: i64 = 20_000 * DAY;

fn attempt(seconds: i64, amount: i64, marks: &[(Kind, u64)]) -> Attempt {
    let marks = marks.iter().fold(Marks::default(), |marks, (kind, mark)| marks.with(*kind, Mark(*mark)));
    Attempt {
        at: Timestamp::from_seconds(START + seconds),
        amount_minor: amount,
        marks,
        ..Attempt::default()
    }
}

fn figure(state: &State, attempt: &Attempt, name: &str) -> f32 {
    state.features(attempt, Delay::days(7)).get(Feature::named(name).unwrap())
}

fn fraud(state: &mut State, attempt: &Attempt) {
    let label = Label { truth: Truth::Fraud, known_at: attempt.at, source: Source::Dispute };
    state.label(attempt, label);
}

#[test]
fn counts_reach_as_far_back_as_they_say() {
    let mut state = State::new(Limits::default());
    for seconds in [0, 23 * 3_600, 40 * 3_600, 47 * 3_600 + 1_800] {
        state.record(&attempt(seconds, 1_000, &[(Kind::Card, 1)]));
    }
    let now = attempt(48 * 3_600, 1_000, &[(Kind::Card, 1)]);
    for (name, expected) in [
        ("card.attempts_1h", 1.0),
        // The day that ends now begins with bucket 1, of which nothing has passed.
        ("card.attempts_1d", 2.0),
        ("card.attempts_7d", 4.0),
        ("card.gap_hours", 0.5),
        ("card.age_days", 2.0),
        ("card.amount_ratio", 1.0),
        ("device.attempts_1h", f32::NAN),
    ] {
        let found = figure(&state, &now, name);
        assert!(found == expected || found.is_nan() && expected.is_nan(), "{name}: {found}");
    }
    let stranger = attempt(48 * 3_600, 1_000, &[(Kind::Card, 2)]);
    assert_eq!(figure(&state, &stranger, "card.attempts_7d"), 0.0);
    assert!(figure(&state, &stranger, "card.gap_hours").is_nan());
}

#[test]
fn cards_of_a_device_are_counted_once_each() {
    let mut state = State::new(Limits::default());
    for card in [1, 2, 1, 3] {
        state.record(&attempt(0, 100, &[(Kind::Device, 9), (Kind::Card, card)]));
    }
    let with = |card| attempt(60, 100, &[(Kind::Device, 9), (Kind::Card, card)]);
    assert_eq!(figure(&state, &with(3), "device.others_7d"), 3.0);
    assert_eq!(figure(&state, &with(4), "device.others_7d"), 4.0);
    let later = attempt(8 * DAY, 100, &[(Kind::Device, 9), (Kind::Card, 4)]);
    assert_eq!(figure(&state, &later, "device.others_7d"), 1.0);
}

/// A fraud is nothing before it is known: whoever counts it from its own day trains on the future.
#[test]
fn a_fraud_counts_from_when_it_is_known() {
    let mut state = State::new(Limits::default());
    let bad = attempt(0, 100, &[(Kind::Shipping, 5)]);
    state.record(&bad);
    let week_later = attempt(7 * DAY, 100, &[(Kind::Shipping, 5)]);
    assert_eq!(figure(&state, &week_later, "shipping.frauds_28d"), 0.0);
    fraud(&mut state, &bad);
    assert_eq!(figure(&state, &week_later, "shipping.frauds_28d"), 1.0);
    assert_eq!(figure(&state, &week_later, "shipping.fraud_rate_28d"), 1.0);
    assert_eq!(figure(&state, &week_later, "shipping.run_days"), 7.0);
    let much_later = attempt(40 * DAY, 100, &[(Kind::Shipping, 5)]);
    assert_eq!(figure(&state, &much_later, "shipping.frauds_28d"), 0.0);
}

#[test]
fn refusals_are_remembered_of_every_key() {
    let mut state = State::new(Limits::default());
    let one = attempt(0, 100, &[(Kind::Card, 1), (Kind::Address, 2)]);
    state.record(&one);
    state.settle(&one, Outcome::Declined);
    state.settle(&one, Outcome::Approved);
    let next = attempt(60, 100, &[(Kind::Card, 3), (Kind::Address, 2)]);
    assert_eq!(figure(&state, &next, "address.refused_1d"), 1.0);
    assert_eq!(figure(&state, &next, "card.refused_1d"), 0.0);
}

/// An attacker with ever new cards and addresses, who would otherwise fill the memory, and push the customers out.
#[test]
fn a_flood_of_keys_neither_grows_memory_nor_forgets_regulars() {
    let mut state = State::new(Limits { keys_per_kind: 256 });
    for day in 0..2 {
        for card in 0..100 {
            state.record(&attempt(
                day * DAY + 60 * i64::try_from(card).unwrap(),
                2_000,
                &[(Kind::Card, card)],
            ));
        }
    }
    for card in 1_000..40_000 {
        state.record(&attempt(3 * DAY, 100, &[(Kind::Card, card), (Kind::Address, card)]));
    }
    for kind in [Kind::Card, Kind::Address] {
        assert_eq!(state.fill(kind).keys, 256);
    }
    assert_eq!(state.fill(Kind::Card).let_go, 39_000 - 156);
    assert!(state.to_bytes().len() < 256 * 1_024, "{}", state.to_bytes().len());
    for card in 0..100 {
        let now = attempt(3 * DAY, 100, &[(Kind::Card, card)]);
        assert_eq!(figure(&state, &now, "card.attempts_7d"), 2.0, "{card}");
    }
}

/// Figures that leave the scale in the middle of a flood must not become more or less than they are.
#[test]
fn amounts_and_moments_at_the_ends_of_their_scales_do_no_harm() {
    let mut state = State::new(Limits { keys_per_kind: 8 });
    for (at, amount) in [(i64::MAX, i64::MAX), (i64::MIN, i64::MIN), (0, 0), (i64::MAX, -1)] {
        let odd = Attempt {
            at: Timestamp::from_micros(at),
            offset_minutes: i16::MIN,
            amount_minor: amount,
            marks: Marks::default().with(Kind::Card, Mark(1)),
            ..Attempt::default()
        };
        let figures = state.features(&odd, Delay::days(255));
        assert!(Feature::all().all(|feature| !figures.get(feature).is_infinite()), "{odd:?}");
        state.record(&odd);
        state.settle(&odd, Outcome::Blocked);
        fraud(&mut state, &odd);
    }
    let again = State::from_bytes(&state.to_bytes(), Limits { keys_per_kind: 8 }).unwrap();
    assert!(again.to_bytes() == state.to_bytes());
}

#[test]
fn a_stored_state_goes_on_as_if_nothing_had_happened() {
    let all = past(20, 1);
    let (before, after) = all.split_at(3_000);
    let (mut state, _) = replay(before);
    let mut again = State::from_bytes(&state.to_bytes(), state.limits()).unwrap();
    for one in after {
        let figures = |state: &State| {
            let vector = state.features(&one.attempt, Delay::days(7));
            Feature::all().map(|feature| vector.get(feature).to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(figures(&state), figures(&again));
        for state in [&mut state, &mut again] {
            state.record(&one.attempt);
            state.label(&one.attempt, one.label());
        }
    }
    assert!(state.to_bytes() == again.to_bytes());
    assert!(State::from_bytes(&state.to_bytes(), Limits { keys_per_kind: 16 }).is_err());
}

/// What an earlier program stored. When the form changes, its version does, and this sample stays.
#[test]
fn the_sample_of_version_one_is_read() {
    let sample = include_bytes!("../samples/state_v1.bin");
    let limits = Limits { keys_per_kind: 64 };
    let state = State::from_bytes(sample, limits).unwrap();
    assert!(state.to_bytes() == sample);
    let now = attempt(3 * DAY, 1_000, &[(Kind::Card, 1), (Kind::Device, 7)]);
    assert_eq!(figure(&state, &now, "card.frauds_7d"), 1.0);
    assert_eq!(figure(&state, &now, "device.others_7d"), 4.0);
}

/// Made by `sample`, kept as it is.
fn sample() -> State {
    let mut state = State::new(Limits { keys_per_kind: 64 });
    for card in 1..=4 {
        let seconds = i64::try_from(card).unwrap() * 3_000;
        let mut one =
            attempt(seconds, 1_000, &[(Kind::Card, card), (Kind::Device, 7), (Kind::Email, 90 + card)]);
        one.signals.session_age = Some(Duration::from_secs(60));
        state.record(&one);
        state.settle(&one, if card == 2 { Outcome::Declined } else { Outcome::Approved });
        if card == 1 {
            fraud(&mut state, &one);
        }
    }
    state
}

#[test]
fn the_sample_is_what_it_was_made_of() {
    assert!(sample().to_bytes() == include_bytes!("../samples/state_v1.bin"));
}

proptest! {
    /// Whatever stands in a damaged file, it is refused or read, never more.
    #[test]
    fn damaged_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..2_000, byte: u8) {
        let limits = Limits { keys_per_kind: 64 };
        let _ = State::from_bytes(&bytes, limits);
        let mut sample = include_bytes!("../samples/state_v1.bin").to_vec();
        let at = at % sample.len();
        sample[at] = byte;
        if let Ok(mut state) = State::from_bytes(&sample, limits) {
            let now = attempt(3 * DAY, 1_000, &[(Kind::Card, 1), (Kind::Device, 7)]);
            state.features(&now, Delay::days(7));
            state.record(&now);
            fraud(&mut state, &now);
        }
        prop_assert!(State::from_bytes(&sample[..at], limits).is_err());
    }
}
