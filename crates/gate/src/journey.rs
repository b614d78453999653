//! From a held request to the console and back: what is carried, sealed, so that nobody else can make or change it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use storeward_base::{Entropy, Secret, Timestamp};
use storeward_seal::DataKey;
use storeward_seal::encoding::{base64_url, decode_base64_url};

/// The person has so long to sign in.
const LIFE: Duration = Duration::from_secs(30 * 60);
/// A return address that is longer is forgotten.
const MOST_BYTES: usize = 1_500;
const GOAL_PLACE: &str = "gate/goal";
const JOURNEY_PLACE: &str = "gate/journey";

/// Where somebody was held, and where they come back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goal {
    pub gate: String,
    /// A path of this host with its query.
    pub to: String,
    /// Whether a second factor has to be shown just now.
    pub fresh: bool,
}

/// A sign-in under way, as the browser's cookie holds it.
#[derive(Clone, Debug, Deserialize)]
pub struct Journey {
    pub goal: Goal,
    /// What the code is bound to.
    pub verifier: Secret<String>,
    until: i64,
}

impl Goal {
    /// `to` is what the client asked for; whatever could lead away from this host becomes its first page.
    pub fn new(gate: &str, to: &str, fresh: bool) -> Self {
        Goal { gate: gate.to_owned(), to: safe(to).to_owned(), fresh }
    }

    pub fn seal(&self, key: &DataKey, entropy: &dyn Entropy) -> String {
        let plain = serde_json::to_vec(self).unwrap_or_default();
        base64_url(&key.seal(&plain, GOAL_PLACE, entropy))
    }

    pub fn open(sealed: &str, key: &DataKey) -> Option<Self> {
        let sealed = Some(sealed).filter(|text| text.len() <= 4_000).and_then(decode_base64_url)?;
        serde_json::from_slice(key.open(&sealed, GOAL_PLACE).ok()?.expose()).ok()
    }
}

impl Journey {
    pub fn begin(goal: Goal, now: Timestamp, entropy: &dyn Entropy) -> Self {
        let verifier = Secret::new(entropy.token::<32>());
        Journey { goal, verifier, until: now.plus(LIFE).micros() }
    }

    /// When it is over, in microseconds.
    pub fn until(&self) -> i64 {
        self.until
    }

    pub fn seal(&self, key: &DataKey, entropy: &dyn Entropy) -> String {
        let plain = serde_json::json!({
            "goal": self.goal, "verifier": self.verifier.expose(), "until": self.until,
        });
        base64_url(&key.seal(plain.to_string().as_bytes(), JOURNEY_PLACE, entropy))
    }

    pub fn open(sealed: &str, key: &DataKey, now: Timestamp) -> Option<Self> {
        let sealed = Some(sealed).filter(|text| text.len() <= 4_000).and_then(decode_base64_url)?;
        let journey: Journey =
            serde_json::from_slice(key.open(&sealed, JOURNEY_PLACE).ok()?.expose()).ok()?;
        (now.micros() < journey.until).then_some(journey)
    }
}

/// `to` where it is a path of this host for every browser, else the first page.
fn safe(to: &str) -> &str {
    let plain = to.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'#'));
    let leads_away = to.starts_with("//");
    if to.starts_with('/') && plain && !leads_away && to.len() <= MOST_BYTES { to } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SystemEntropy;

    #[test]
    fn nobody_is_led_away() {
        for to in ["/admin", "/admin/x?a=b&c=//d", "/a/%2f%2fevil.example"] {
            assert_eq!(safe(to), to);
        }
        let long = format!("/{}", "x".repeat(1_600));
        for to in [
            "",
            "admin",
            "//evil.example/admin",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "/a\r\nset-cookie: a=b",
            "/a b",
            "/a#b",
            "javascript:alert(1)",
            &long,
        ] {
            assert_eq!(safe(to), "/", "{to}");
        }
    }

    #[test]
    fn what_is_carried_is_ours() {
        let (key, other) = (DataKey::generate(&SystemEntropy), DataKey::generate(&SystemEntropy));
        let goal = Goal::new("office", "/admin", true);
        let sealed = goal.seal(&key, &SystemEntropy);
        assert_eq!(Goal::open(&sealed, &key).as_ref(), Some(&goal));
        assert_eq!(Goal::open(&sealed, &other), None);
        assert_eq!(Goal::open("e30", &key), None);
        let now = Timestamp::from_seconds(1_000);
        let journey = Journey::begin(goal, now, &SystemEntropy).seal(&key, &SystemEntropy);
        assert!(Journey::open(&journey, &key, now).is_some());
        assert!(Journey::open(&journey, &key, now.plus(LIFE)).is_none(), "it is over");
        assert!(Journey::open(&journey, &other, now).is_none());
        // One kind of sealed text is not taken for the other.
        assert!(Journey::open(&sealed, &key, now).is_none() && Goal::open(&journey, &key).is_none());
    }
}
