use proptest::prelude::*;

use super::*;

const STAGES: [Stage; 9] = [
    Stage::Waiting,
    Stage::Action,
    Stage::Approved,
    Stage::Processing,
    Stage::Declined,
    Stage::Authorized,
    Stage::Captured,
    Stage::Voided,
    Stage::Expired,
];

#[test]
fn what_may_follow_on_what() {
    let mut table = String::new();
    for from in State::ALL {
        let next: Vec<&str> =
            State::ALL.iter().filter(|to| *to != from && from.may_become(**to)).map(|to| to.word()).collect();
        table.push_str(&format!("{}: {}\n", from.word(), next.join(" ")));
    }
    let money = "partially_captured captured partially_refunded refunded";
    let expected = format!(
        "created: requires_action processing declined authorized {money} voided failed\n\
         requires_action: processing declined authorized {money} voided failed\n\
         processing: declined authorized {money} voided failed\n\
         declined: requires_action processing authorized {money} voided failed\n\
         authorized: {money} voided\n\
         partially_captured: captured partially_refunded refunded\n\
         captured: partially_refunded refunded\n\
         partially_refunded: partially_captured captured refunded\n\
         refunded: partially_captured captured partially_refunded\n\
         voided: {money}\n\
         failed: {money}\n"
    );
    assert_eq!(table, expected);
}

/// Mistake 7: what pends is not paid.
#[test]
fn nothing_is_paid_without_money() {
    for before in
        [State::Created, State::RequiresAction, State::Processing, State::Declined, State::Authorized]
    {
        for stage in STAGES {
            let after = next(before, stage, &Sums { authorized: 1000, ..Sums::default() });
            assert!(
                !matches!(
                    after,
                    State::Captured | State::PartiallyCaptured | State::Refunded | State::PartiallyRefunded
                ),
                "{before:?} {stage:?} {after:?}"
            );
        }
    }
}

fn sums() -> impl Strategy<Value = Sums> {
    (0..4i64, 0..4i64, 0..4i64, any::<bool>()).prop_map(|(a, b, c, captures_ended)| Sums {
        authorized: a + b + c,
        captured: b + c,
        refunded: c,
        captures_ended,
    })
}

proptest! {
    /// Mistake 1: a picture applied twice, or an older one behind a newer one, changes nothing. (What was taken and given back only
    /// grows: it is summed up from rows.)
    #[test]
    fn repeated_and_late_pictures_change_nothing(
        start in proptest::sample::select(State::ALL.to_vec()),
        stages in proptest::collection::vec(proptest::sample::select(STAGES.to_vec()), 1..8),
        sums in sums(),
    ) {
        let mut state = start;
        for stage in &stages {
            let after = next(state, *stage, &sums);
            prop_assert!(state.may_become(after));
            prop_assert_eq!(next(after, *stage, &sums), after, "twice is once");
            state = after;
        }
        if sums.captured > 0 {
            // Whatever the order, money decides.
            for stage in STAGES {
                prop_assert_eq!(next(state, stage, &sums), state);
            }
        }
    }

    /// Over is over, but for money.
    #[test]
    fn void_and_failed_stay(stage in proptest::sample::select(STAGES.to_vec())) {
        for state in [State::Voided, State::Failed] {
            prop_assert_eq!(next(state, stage, &Sums::default()), state);
        }
    }
}
