//! The check-up: facts about an account, and at most three things to do next, the weightiest first.
//!
//! More than three are not done (Redmiles et al., USENIX Security 2020), and each says what it is good for and has one
//! button (Zou et al., TOCHI 2024).

use std::time::Duration;

use storeward_base::Timestamp;
use storeward_identity::{FactorKind, Standing};

use crate::model::Lesson;
use crate::sql::lesson::Finished;

/// A device that was not used for so long is forgotten by its owner, too.
const STALE: Duration = Duration::from_secs(90 * 86_400);
/// What one learnt fades (Reinheimer et al., SOUPS 2020: significant after four months, gone after six).
pub const FADES: Duration = Duration::from_secs(182 * 86_400);
/// Fewer codes than these are as good as none after the next mishap.
const FEW_CODES: u32 = 3;
const MOST_ACTIONS: usize = 3;

/// One thing that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its text is `fact.` with this.
    pub key: &'static str,
    pub holds: bool,
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its texts are `action.` with this, and with `_why`.
    pub key: &'static str,
    /// Fills `{count}`.
    pub count: u32,
    /// Below our prefix.
    pub path: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkup {
    pub facts: Vec<Fact>,
    pub actions: Vec<Action>,
}

impl Checkup {
    pub fn done(&self) -> usize {
        self.facts.iter().filter(|fact| fact.holds).count()
    }
}

/// Looks an account over. `may_add` is whether the shop offers second factors.
pub fn checkup(standing: &Standing, lessons: &[Finished], now: Timestamp) -> Checkup {
    let has = |kind| standing.factors.contains(&kind);
    let (passkey, strong) = (has(FactorKind::Passkey), !standing.factors.is_empty());
    let spare = standing.codes_left >= FEW_CODES || standing.factors.len() > 1;
    let stale = standing.devices_seen.iter().filter(|seen| now.since(**seen) >= STALE).count();
    let fresh = |lesson| {
        lessons.iter().any(|done| done.lesson == lesson && done.is_learnt() && now.since(done.at) < FADES)
    };
    let learnt = fresh(Lesson::Phishing);
    let another_password =
        standing.must_change_password || standing.password_breached || standing.password_disabled;
    let mut facts = vec![
        Fact { key: "password", holds: !another_password },
        Fact { key: "address", holds: standing.address_confirmed },
        Fact { key: "devices", holds: stale == 0 },
        Fact { key: "lesson", holds: learnt },
    ];
    if standing.may_add_factors {
        let factors = [
            Fact { key: "second", holds: strong },
            Fact { key: "passkey", holds: passkey },
            Fact { key: "spare", holds: strong && spare },
        ];
        facts.splice(0..0, factors);
    }
    let mut actions = Vec::new();
    let mut add = |wanted: bool, key, count, path| {
        if wanted {
            actions.push(Action { key, count, path });
        }
    };
    let adds = standing.may_add_factors;
    add(another_password, "password", 0, "/account/password");
    add(adds && !strong, "passkey", 0, "/account/passkey");
    add(adds && strong && !spare, "codes", standing.codes_left, "/account/codes");
    add(!standing.address_confirmed && standing.has_password, "address", 0, "/account/address");
    add(stale > 0, "devices", u32::try_from(stale).unwrap_or(u32::MAX), "/account#sessions");
    add(adds && strong && !passkey, "passkey_beside", 0, "/account/passkey");
    add(!learnt, "lesson", 0, "/learn/phishing");
    actions.truncate(MOST_ACTIONS);
    Checkup { facts, actions }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn keys(
        change: impl FnOnce(&mut Standing),
        lessons: &[Finished],
    ) -> (Vec<&'static str>, Vec<&'static str>) {
        let mut standing = Standing {
            may_add_factors: true,
            has_password: true,
            must_change_password: false,
            password_breached: false,
            password_disabled: false,
            address_confirmed: true,
            factors: vec![FactorKind::Passkey],
            codes_left: 8,
            devices_seen: vec![NOW],
            sessions: 1,
            created_at: NOW,
            locked: false,
        };
        change(&mut standing);
        let found = checkup(&standing, lessons, NOW);
        assert!(found.actions.len() <= 3);
        let open = found.facts.iter().filter(|fact| !fact.holds).map(|fact| fact.key).collect();
        (found.actions.iter().map(|action| action.key).collect(), open)
    }

    fn learnt(days_ago: u64) -> Vec<Finished> {
        let at = NOW.minus(Duration::from_secs(days_ago * 86_400));
        vec![Finished { lesson: Lesson::Phishing, at, right: 5, questions: 5 }]
    }

    #[test]
    fn the_next_actions_follow_from_what_is() {
        let fresh = learnt(10);
        assert_eq!(keys(|_| {}, &fresh), (vec![], vec![]));
        assert_eq!(keys(|_| {}, &[]), (vec!["lesson"], vec!["lesson"]));
        assert_eq!(keys(|_| {}, &learnt(200)), (vec!["lesson"], vec!["lesson"]));
        // Two of five right earned the point.
        for (right, open) in [(0, 1), (2, 1), (3, 1), (4, 0), (5, 0)] {
            let tried = vec![Finished { right, ..fresh[0] }];
            assert_eq!(keys(|_| {}, &tried).1.len(), open, "{right} of 5");
        }
        assert_eq!(keys(|s| s.factors.clear(), &fresh).0, ["passkey"]);
        assert_eq!(keys(|s| s.factors = vec![FactorKind::Totp], &fresh).0, ["passkey_beside"]);
        assert_eq!(keys(|s| s.codes_left = 2, &fresh).0, ["codes"]);
        let two = |s: &mut Standing| {
            s.codes_left = 0;
            s.factors = vec![FactorKind::Passkey, FactorKind::Totp];
        };
        assert_eq!(keys(two, &fresh).0, Vec::<&str>::new());
        let old = NOW.minus(Duration::from_secs(100 * 86_400));
        assert_eq!(keys(|s| s.devices_seen.push(old), &fresh).0, ["devices"]);
        assert_eq!(keys(|s| s.address_confirmed = false, &fresh).0, ["address"]);
        let breached = |s: &mut Standing| s.password_breached = true;
        assert_eq!(keys(breached, &fresh), (vec!["password"], vec!["password"]));
        // It was "in place", and refused on every new device.
        let disabled = |s: &mut Standing| s.password_disabled = true;
        assert_eq!(keys(disabled, &fresh), (vec!["password"], vec!["password"]));
        let off = |s: &mut Standing| {
            s.may_add_factors = false;
            s.factors.clear();
        };
        assert_eq!(keys(off, &fresh), (vec![], vec![]));
    }

    #[test]
    fn never_more_than_three_and_the_weightiest_first() {
        let all = |s: &mut Standing| {
            s.must_change_password = true;
            s.factors.clear();
            s.address_confirmed = false;
            s.devices_seen = vec![Timestamp::from_seconds(1)];
        };
        assert_eq!(keys(all, &[]).0, ["password", "passkey", "address"]);
    }
}
