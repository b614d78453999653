//! `PayPal-Request-Id`: the first call's doing is remembered for the window of its interface, and a repeated call is answered with
//! the latest state of what it made. Windows: the `paypal_request_id` parameter of the published documents.

use std::collections::HashMap;

const HOUR_S: i64 = 3600;
const PRUNED: usize = 512;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub kind: &'static str,
    pub id: String,
    /// How the first answer was dressed; null bodies stay so.
    pub is_empty: bool,
}

#[derive(Debug)]
struct Entry {
    at_s: i64,
    window_s: i64,
    /// Nothing while the first call is under way.
    made: Option<Made>,
}

#[derive(Debug, Default)]
pub struct Keys(HashMap<(String, String), Entry>);

#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    Fresh,
    Replay(Made),
    InProgress,
}

/// How long a key is kept for a path, in seconds.
pub fn window_s(path: &str) -> i64 {
    if path.starts_with("/v2/payments/") {
        45 * 24 * HOUR_S
    } else if path.starts_with("/v3/vault/") {
        3 * HOUR_S
    } else {
        6 * HOUR_S
    }
}

impl Keys {
    pub fn begin(&mut self, key: &str, path: &str, now_s: i64) -> Said {
        // What is over is thrown out now and then: looking through all at each call would be slow for tens of thousands.
        if self.0.len().is_multiple_of(PRUNED) {
            self.0.retain(|_key, entry| now_s - entry.at_s < entry.window_s);
        }
        let place = (key.to_owned(), path.to_owned());
        if let Some(entry) = self.0.get(&place).filter(|entry| now_s - entry.at_s < entry.window_s) {
            return entry.made.clone().map_or(Said::InProgress, Said::Replay);
        }
        self.0.insert(place, Entry { at_s: now_s, window_s: window_s(path), made: None });
        Said::Fresh
    }

    /// Remembers what was made; a call that made nothing frees its key.
    pub fn end(&mut self, key: &str, path: &str, made: Option<Made>) {
        let place = (key.to_owned(), path.to_owned());
        match made {
            None => {
                self.0.remove(&place);
            }
            Some(made) => {
                if let Some(entry) = self.0.get_mut(&place) {
                    entry.made = Some(made);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interface_has_its_window() {
        for (path, window_s) in [
            ("/v2/checkout/orders", 6 * HOUR_S),
            ("/v2/payments/captures/C/refund", 45 * 24 * HOUR_S),
            ("/v3/vault/setup-tokens", 3 * HOUR_S),
        ] {
            let mut keys = Keys::default();
            let made = Made { kind: "order", id: "O".to_owned(), is_empty: false };
            assert_eq!(keys.begin("k", path, 0), Said::Fresh);
            assert_eq!(keys.begin("k", path, 0), Said::InProgress);
            keys.end("k", path, Some(made.clone()));
            assert_eq!(keys.begin("k", path, window_s - 1), Said::Replay(made));
            assert_eq!(keys.begin("k", "/v2/checkout/orders/other", 1), Said::Fresh);
            assert_eq!(keys.begin("k", path, window_s), Said::Fresh, "{path}");
            keys.end("k", path, None);
            assert_eq!(keys.begin("k", path, window_s + 1), Said::Fresh, "{path}");
        }
    }
}
