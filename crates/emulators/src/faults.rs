//! Faults that a test asks for: which calls they meet, how often, and where in the call they strike.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::chance::Dice;
use crate::effects::Provider;

/// Where a fault strikes. "Before" means that nothing happened; "after" that everything did and only the answer is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// No answer, nothing done: the call is held and then closed.
    TimeoutBefore,
    /// No answer, everything done.
    TimeoutAfter,
    /// The connection ends at once, nothing done.
    DropBefore,
    /// The connection ends at once, everything done.
    DropAfter,
    /// A 500 of the operation itself, nothing done. Stripe keeps it under the key and replays it.
    ErrorBefore,
    /// A 500 of the operation itself, everything done. Stripe keeps it under the key and replays it.
    ErrorAfter,
    /// A 503 in front of the operation: nothing done, nothing kept.
    Unavailable,
    /// A 429: nothing done, nothing kept.
    RateLimited,
    /// A 403, as for a key or an app that may not do this: nothing done, nothing kept.
    Forbidden,
    /// Answers as always, but only after the hold; a second call with the same key meets it.
    Slow,
    /// The next attempts to pay are declined with this decline code (Stripe) or issue (PayPal).
    Decline(String),
    /// The next captures at PayPal are pending for this reason, such as `ECHECK` or `PENDING_REVIEW`.
    Pend(String),
}

impl What {
    /// The word of the control interface.
    pub fn named(word: &str, code: &str) -> Option<What> {
        Some(match word {
            "timeout_before" => What::TimeoutBefore,
            "timeout_after" => What::TimeoutAfter,
            "drop_before" => What::DropBefore,
            "drop_after" => What::DropAfter,
            "error_before" => What::ErrorBefore,
            "error_after" => What::ErrorAfter,
            "unavailable" => What::Unavailable,
            "rate_limited" => What::RateLimited,
            "forbidden" => What::Forbidden,
            "slow" => What::Slow,
            "decline" => What::Decline(code.to_owned()),
            "pend" => What::Pend(code.to_owned()),
            _ => return None,
        })
    }
}

/// A fault and the calls that it meets.
#[derive(Clone, Debug)]
pub struct Fault {
    pub provider: Provider,
    pub what: What,
    /// `GET`, `POST` and so on; empty for any.
    pub method: String,
    /// What the path contains; empty for any.
    pub path: String,
    /// How many calls it meets before it is used up; nothing for no end.
    pub times: Option<u32>,
    /// How many of a hundred calls it meets.
    pub percent: u8,
    /// How long a held call is held.
    pub hold: Duration,
}

impl Fault {
    /// Meets the very next call of the provider whose path contains `path`, once.
    pub fn once(provider: Provider, what: What, path: &str) -> Fault {
        Fault {
            provider,
            what,
            method: String::new(),
            path: path.to_owned(),
            times: Some(1),
            percent: 100,
            hold: Duration::from_secs(30),
        }
    }

    fn meets(&self, provider: Provider, method: &str, path: &str) -> bool {
        self.provider == provider
            && (self.method.is_empty() || self.method.eq_ignore_ascii_case(method))
            && path.contains(&self.path)
    }
}

#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    pub fn clear(&self) {
        self.lock().clear();
    }

    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// The fault that strikes this call, if any.
    pub fn draw(&self, dice: &Dice, provider: Provider, method: &str, path: &str) -> Option<Fault> {
        self.take(dice, |fault| {
            !matches!(fault.what, What::Decline(_) | What::Pend(_)) && fault.meets(provider, method, path)
        })
    }

    /// The code with which the next attempt to pay is declined, if one was asked for.
    pub fn decline(&self, dice: &Dice, provider: Provider) -> Option<String> {
        let fault =
            self.take(dice, |fault| matches!(fault.what, What::Decline(_)) && fault.provider == provider)?;
        match fault.what {
            What::Decline(code) => Some(code),
            _ => None,
        }
    }

    /// The reason for which the next capture pends, if one was asked for.
    pub fn pending(&self, dice: &Dice) -> Option<String> {
        match self.take(dice, |fault| matches!(fault.what, What::Pend(_)))?.what {
            What::Pend(reason) => Some(reason),
            _ => None,
        }
    }

    fn take(&self, dice: &Dice, meets: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut faults = self.lock();
        let place = faults.iter().position(|fault| meets(fault) && dice.percent(fault.percent))?;
        let fault = faults[place].clone();
        if let Some(left) = faults[place].times.as_mut() {
            *left = left.saturating_sub(1);
            if *left == 0 {
                faults.remove(place);
            }
        }
        Some(fault)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
