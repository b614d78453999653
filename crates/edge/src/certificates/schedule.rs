//! When a certificate is renewed, when its end is announced, and how long to wait after a failure. Pure functions.

use std::time::Duration;

use storeward_base::Timestamp;

const DAY: Duration = Duration::from_secs(86_400);

/// Lives under ten days are short-lived: the limit of the CA/Browser Forum's definition (Baseline Requirements 1.6.1),
/// and what Let's Encrypt's `shortlived` profile issues.
const SHORT_LIFE: Duration = DAY.saturating_mul(10);

/// The span in which the CA asks for renewal (ACME Renewal Information, RFC 9773 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Window {
    /// RFC 9773 section 4.2: a window that ends before it starts counts as none.
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Self> {
        (start < end).then_some(Window { start, end })
    }
}

/// When to renew, never before `now`.
///
/// With a window: the point in it that `jitter` picks, but not in the last tenth of the life, whatever the CA says.
/// Without: after two thirds of the life (half of it when short-lived) plus up to a hundredth of the life, so that
/// many shops that began together do not renew together. `jitter` runs from 0 to `u32::MAX`.
pub fn renew_at(
    not_before: Timestamp,
    not_after: Timestamp,
    ari_window: Option<Window>,
    now: Timestamp,
    jitter: u32,
) -> Timestamp {
    let life = not_after.since(not_before);
    let at = match ari_window {
        Some(window) => {
            let picked = window.start.plus(part(window.end.since(window.start), jitter));
            picked.min(not_after.minus(life / 10))
        }
        None if life < SHORT_LIFE => not_before.plus(life / 2).plus(part(life / 100, jitter)),
        None => not_before.plus(life / 3 * 2).plus(part(life / 100, jitter)),
    };
    at.max(now)
}

/// `span` times `jitter` / 2^32.
fn part(span: Duration, jitter: u32) -> Duration {
    let nanos = (span.as_micros() * u128::from(jitter)) >> 32;
    Duration::from_micros(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// How long before its end a certificate is announced as expiring, longest first. 14, 7, 3 and 1 days, and the end
/// itself; less for shorter lives, always after the moment of a renewal that works (so that only trouble is told).
pub(crate) fn warn_before(life: Duration) -> [Duration; 5] {
    let first = if life < SHORT_LIFE { life / 3 } else { life / 4 };
    [
        first.min(DAY * 14),
        (life / 5).min(DAY * 7),
        (life / 10).min(DAY * 3),
        (life / 20).min(DAY),
        Duration::ZERO,
    ]
}

/// The number of thresholds of [`warn_before`] that have passed at `now`.
pub(crate) fn warnings_due(not_before: Timestamp, not_after: Timestamp, now: Timestamp) -> usize {
    let life = not_after.since(not_before);
    warn_before(life).into_iter().filter(|before| now >= not_after.minus(*before)).count()
}

/// The longest wait that doubling leads to.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(6 * 3600);

/// The longest wait that a CA may ask for. Let's Encrypt's limit for duplicate certificates refills once in 34 hours,
/// the slowest of its limits; a `Retry-After` beyond that would be a mistake that costs the shop its certificate.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(36 * 3600);

/// How long to wait after the `failures`-th failure in a row: doubling from `first`, capped, of which `jitter` takes
/// away up to half; never less than what the CA asked for.
pub(crate) fn back_off(
    failures: u32,
    first: Duration,
    jitter: u32,
    retry_after: Option<Duration>,
) -> Duration {
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(LONGEST_BACK_OFF);
    let own = doubled - part(doubled / 2, jitter);
    retry_after.map_or(own, |asked| own.max(asked.min(LONGEST_RETRY_AFTER)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_seconds(1_795_000_000);

    fn days(n: u32) -> Timestamp {
        T0.plus(DAY * n)
    }

    #[test]
    fn renews_at_two_thirds_of_the_life_and_short_lives_at_half() {
        assert_eq!(renew_at(T0, days(90), None, T0, 0), days(60));
        assert_eq!(renew_at(T0, days(45), None, T0, 0), days(30));
        assert_eq!(renew_at(T0, days(10), None, T0, 0), T0.plus(DAY * 20 / 3));
        assert_eq!(renew_at(T0, days(6), None, T0, 0), days(3));
        let latest = renew_at(T0, days(90), None, T0, u32::MAX);
        assert!(latest > days(60) && latest < days(61));
    }

    #[test]
    fn what_is_overdue_is_due_now() {
        assert_eq!(renew_at(T0, days(90), None, days(61), 0), days(61));
        assert_eq!(renew_at(T0, days(90), Window::new(days(1), days(2)), days(5), 7), days(5));
    }

    #[test]
    fn follows_the_window_of_the_ca() {
        let window = Window::new(days(40), days(42));
        assert_eq!(renew_at(T0, days(90), window, T0, 0), days(40));
        assert_eq!(renew_at(T0, days(90), window, T0, 1 << 31), days(41));
        let last = renew_at(T0, days(90), window, T0, u32::MAX);
        assert!(last > days(41) && last < days(42));
        assert_eq!(Window::new(days(2), days(2)), None);
    }

    #[test]
    fn a_window_past_the_end_does_not_cost_the_certificate() {
        let window = Window::new(days(89), days(200));
        assert_eq!(renew_at(T0, days(90), window, T0, u32::MAX), days(81));
    }

    #[test]
    fn warns_long_before_it_hurts_and_only_after_the_renewal_was_due() {
        assert_eq!(warn_before(DAY * 90), [DAY * 14, DAY * 7, DAY * 3, DAY, Duration::ZERO]);
        assert_eq!(warn_before(DAY * 6)[..3], [DAY * 2, DAY * 6 / 5, DAY * 3 / 5]);
        for life in 1..=400 {
            let steps = warn_before(DAY * life);
            assert!(steps.is_sorted_by(|a, b| a >= b), "{life} days");
            let renewal = renew_at(T0, days(life), None, T0, u32::MAX);
            assert!(renewal < days(life).minus(steps[0]), "{life} days");
        }
        let count = |left: u32| warnings_due(T0, days(90), days(90 - left));
        assert_eq!([15, 14, 8, 7, 3, 2, 1, 0].map(count), [0, 1, 1, 2, 3, 3, 4, 5]);
        assert_eq!(warnings_due(T0, days(90), days(91)), 5);
    }

    #[test]
    fn backs_off_by_doubling_with_a_cap_and_heeds_retry_after() {
        let minute = Duration::from_secs(60);
        let own = |n| back_off(n, minute, 0, None);
        assert_eq!([own(0), own(1), own(2), own(3)], [minute, minute, minute * 2, minute * 4]);
        assert_eq!(own(u32::MAX), LONGEST_BACK_OFF);
        let jittered = back_off(3, minute, u32::MAX, None);
        assert!(jittered >= minute * 2 && jittered < minute * 4);
        assert_eq!(back_off(1, minute, 0, Some(minute * 90)), minute * 90);
        assert_eq!(back_off(1, minute, 0, Some(DAY * 30)), LONGEST_RETRY_AFTER);
        assert_eq!(back_off(9, minute, 0, Some(minute)), minute * 256);
    }
}
