//! Idempotency keys as Stripe documents them: the first call's status and body are kept for 24 hours and given again, whether it
//! succeeded or failed; the same key with other parameters or at another place is an error; two at once are a conflict; what is
//! refused before it begins is not kept.

use std::collections::HashMap;

use super::error::{Kept, StripeError};
use crate::message::Answer;

const KEPT_S: i64 = 24 * 3600;
const LENGTH: usize = 255;
/// What is over is thrown out now and then: looking through all at each call would be slow for tens of thousands.
const PRUNED: usize = 512;

#[derive(Debug)]
struct Entry {
    place: String,
    params: String,
    at_s: i64,
    request: String,
    /// Nothing while the first call is under way.
    answer: Option<Answer>,
}

#[derive(Debug, Default)]
pub struct Keys(HashMap<String, Entry>);

/// What a key says to a call.
#[derive(Debug)]
pub enum Said {
    Fresh,
    /// The kept answer, and the id of the call that it belongs to.
    Replay(Answer, String),
    Refused(StripeError),
}

impl Keys {
    /// `place` is the method and path, `params` the body.
    pub fn begin(&mut self, key: &str, place: &str, params: &str, request: &str, now_s: i64) -> Said {
        if key.len() > LENGTH {
            let message = format!("Idempotency keys can be at most {LENGTH} characters long.");
            return Said::Refused(StripeError::new(400, "idempotency_error", message));
        }
        if self.0.len().is_multiple_of(PRUNED) {
            self.0.retain(|_key, entry| now_s - entry.at_s < KEPT_S);
        }
        if let Some(entry) = self.0.get(key).filter(|entry| now_s - entry.at_s < KEPT_S) {
            return entry.said(key, place, params);
        }
        let entry = Entry {
            place: place.to_owned(),
            params: params.to_owned(),
            at_s: now_s,
            request: request.to_owned(),
            answer: None,
        };
        self.0.insert(key.to_owned(), entry);
        Said::Fresh
    }

    /// Keeps the answer, or frees the key where nothing was begun.
    pub fn end(&mut self, key: &str, answer: &Answer, kept: Kept) {
        match kept {
            Kept::No => {
                self.0.remove(key);
            }
            Kept::Yes => {
                if let Some(entry) = self.0.get_mut(key) {
                    entry.answer = Some(answer.clone());
                }
            }
        }
    }
}

impl Entry {
    fn said(&self, key: &str, place: &str, params: &str) -> Said {
        let again =
            format!("Try using a key other than '{key}' if you meant to execute a different request.");
        if self.place != place {
            let message = format!(
                "Keys for idempotent requests can only be used for the same endpoint they were first used for ('{place}' vs \
                 '{}'). {again}",
                self.place
            );
            return Said::Refused(StripeError::new(400, "idempotency_error", message));
        }
        if self.params != params {
            let message = format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. {again}"
            );
            return Said::Refused(StripeError::new(400, "idempotency_error", message));
        }
        match &self.answer {
            Some(answer) => Said::Replay(answer.clone(), self.request.clone()),
            None => Said::Refused(
                StripeError::new(
                    409,
                    "idempotency_error",
                    format!(
                        "There is currently another in-progress request using this Idempotency Key ('{key}'). Please try again \
                         later."
                    ),
                )
                .code("idempotency_key_in_use"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(said: &Said) -> String {
        match said {
            Said::Fresh => "fresh".to_owned(),
            Said::Replay(answer, _) => format!("replay {}", answer.status),
            Said::Refused(error) => format!("refused {}", error.status),
        }
    }

    #[test]
    fn a_key_is_answered_once_and_for_one_call_only() {
        let mut keys = Keys::default();
        let begin = |keys: &mut Keys, place: &str, params: &str, at_s: i64| {
            word(&keys.begin("k", place, params, "req_1", at_s))
        };
        assert_eq!(begin(&mut keys, "/a", "x=1", 0), "fresh");
        assert_eq!(begin(&mut keys, "/a", "x=1", 1), "refused 409");
        keys.end("k", &Answer::empty(500), Kept::Yes);
        assert_eq!(begin(&mut keys, "/a", "x=1", 2), "replay 500");
        assert_eq!(begin(&mut keys, "/a", "x=2", 3), "refused 400");
        assert_eq!(begin(&mut keys, "/b", "x=1", 4), "refused 400");
        assert_eq!(begin(&mut keys, "/a", "x=1", KEPT_S - 1), "replay 500");
        assert_eq!(begin(&mut keys, "/a", "x=2", KEPT_S), "fresh");
        keys.end("k", &Answer::empty(400), Kept::No);
        assert_eq!(begin(&mut keys, "/c", "x=3", KEPT_S), "fresh");
    }
}
