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

mod fits {
    use storeward_base::{PaymentId, Timestamp};

    use super::*;
    use crate::model::{Call, CallState, CaptureMode, Operation, Provider};

    fn money(minor: i64, code: &str) -> Money {
        Money { minor, currency: code.parse().unwrap() }
    }

    fn payment() -> Payment {
        Payment {
            id: PaymentId::from_bits(7),
            order: "A-1".to_owned(),
            amount: money(1999, "EUR"),
            state: State::Created,
            is_unsure: false,
            authorized: 0,
            captured: 0,
            refunded: 0,
            capturing: 0,
            refunding: 0,
            capture: CaptureMode::AtOnce,
            captures_ended: false,
            provider: None,
            attempt: 1,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
            expires_at: Timestamp::EPOCH,
            version: 1,
            unsure: 0,
            looks: 0,
            look_at: None,
            disputed: 0,
        }
    }

    fn good() -> Seen {
        let capture = SeenCapture {
            reference: "ch_1".to_owned(),
            amount: money(1999, "EUR"),
            fee: None,
            state: Piece::Done,
            mark: None,
        };
        Seen {
            stage: Stage::Captured,
            asked: money(1999, "EUR"),
            payment: Some(PaymentId::from_bits(7).text()),
            is_live: Some(false),
            account: Some("M1".to_owned()),
            inner: None,
            authorized: 1999,
            captures_ended: true,
            is_set_free: false,
            captures: vec![capture],
            refunds: Vec::new(),
            card: None,
        }
    }

    fn refund(minor: i64) -> SeenRefund {
        SeenRefund {
            capture: None,
            reference: "re_1".to_owned(),
            amount: money(minor, "EUR"),
            state: Piece::Done,
            mark: None,
        }
    }

    /// A call to Stripe that is under way.
    fn sent(operation: Operation, amount: Option<i64>) -> Call {
        Call {
            key: "k".repeat(64),
            payment: payment().id,
            attempt: 1,
            operation,
            provider: Provider::Stripe,
            amount,
            target: None,
            state: CallState::Sent,
            sends: 1,
            code: None,
            outcome: None,
            first_sent_at: Timestamp::EPOCH,
            last_sent_at: Timestamp::EPOCH,
            settled_at: None,
        }
    }

    /// Mistakes 2 and 3: amount, currency, mode, account and our own id are held against what was asked for.
    #[test]
    fn what_is_not_what_was_asked_for_is_nothing() {
        let check = |expected: Option<&str>, change: fn(&mut Seen)| {
            let (payment, mut seen) = (payment(), good());
            change(&mut seen);
            let wanted = Wanted { payment: &payment, is_live: false, account: Some("M1") };
            assert_eq!(misfit(&wanted, &seen), expected, "{seen:?}");
        };
        check(None, |_| {});
        check(None, |seen| seen.refunds = vec![refund(1999)]);
        check(None, |seen| seen.is_live = None);
        check(Some("payment"), |seen| seen.payment = None);
        check(Some("payment"), |seen| seen.payment = Some(PaymentId::from_bits(8).text()));
        check(Some("mode"), |seen| seen.is_live = Some(true));
        check(Some("account"), |seen| seen.account = Some("M2".to_owned()));
        check(Some("currency"), |seen| seen.asked = money(1999, "USD"));
        check(Some("currency"), |seen| seen.captures[0].amount = money(1999, "JPY"));
        check(Some("amount"), |seen| seen.asked = money(1, "EUR"));
        check(Some("amount"), |seen| seen.authorized = 2000);
        check(Some("amount"), |seen| seen.captures[0].amount = money(2000, "EUR"));
        check(Some("amount"), |seen| seen.captures[0].amount = money(-5, "EUR"));
        check(Some("amount"), |seen| seen.captures.push(seen.captures[0].clone()));
        check(Some("amount"), |seen| seen.captures[0].amount = money(i64::MAX, "EUR"));
        check(Some("refunds"), |seen| seen.refunds = vec![refund(2000)]);
        check(Some("refunds"), |seen| seen.refunds = vec![refund(1000), refund(1000)]);
    }

    /// A capture by hand at the provider came between the wish and the call: what was set free then was the rest, and that is seen.
    #[test]
    fn setting_free_is_seen_beside_what_was_taken_meanwhile() {
        let void = Call {
            provider: Provider::PayPal,
            target: Some("A-1".to_owned()),
            state: CallState::Unsure,
            ..sent(Operation::Void, None)
        };
        let taken_whole = good();
        assert_eq!(outcome_of(&void, &taken_whole), None, "nothing was left to be set free");
        let rest_is_free = Seen { is_set_free: true, ..good() };
        assert_eq!(outcome_of(&void, &rest_is_free), Some(String::new()));
    }

    // Stripe's captures bear no mark: one settles no call over another amount.
    #[test]
    fn a_capture_settles_the_call_of_its_amount() {
        let call = |amount| sent(Operation::Capture, amount);
        let mut seen = good();
        assert_eq!(outcome_of(&call(None), &seen).as_deref(), Some("ch_1"));
        seen.captures[0].amount = money(400, "EUR");
        assert_eq!(outcome_of(&call(Some(400)), &seen).as_deref(), Some("ch_1"));
        assert_eq!(outcome_of(&call(Some(300)), &seen), None);
        seen.captures[0].mark = Some("k".repeat(32));
        assert_eq!(outcome_of(&call(Some(300)), &seen).as_deref(), Some("ch_1"));
    }
}
