//! Where a network was when somebody came from it, as far as the owner's files said then.
//!
//! Kept sealed beside the session and the line of activity, as the text below: a later file does not change what was. Version
//! 0 was the cut network alone.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use storeward_base::{ClientIp, Language};
use storeward_detect::sign_in::{Country, Networks};

use crate::texts::Texts;

/// What stands between a label and a place in one sealed text: no label holds a line break.
const BREAK: char = '\n';

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    v: u8,
    /// Cut so that it names no household: `198.51.100.x`, `2001:db8:7::`.
    pub network: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    country: Option<Country>,
    /// Names by language, as far as the file has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    countries: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    towns: BTreeMap<String, String>,
}

/// A place as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Such as "near Leipzig, Germany", or a country's code where nobody knows its name.
    pub words: String,
    /// That code: a script knows its name.
    pub code: Option<String>,
}

impl Place {
    pub fn of(networks: &Networks, client: ClientIp) -> Self {
        let called = networks.called(client);
        Place {
            v: 1,
            network: cut(client),
            country: called.country,
            countries: called.countries,
            towns: called.towns,
        }
    }

    /// Two letters; nothing where no file knows the network.
    pub fn country(&self) -> Option<String> {
        self.country.map(|country| country.to_string())
    }

    /// As it is sealed.
    pub fn to_text(&self) -> String {
        // A map of texts has a JSON form; without one the network alone is kept, as before.
        serde_json::to_string(self).unwrap_or_else(|_| self.network.clone())
    }

    /// Reads what was sealed by any version.
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Place { network: text.to_owned(), ..Place::default() })
    }

    /// Behind a label in the same sealed text.
    pub fn behind(&self, label: &str) -> String {
        let label = label.replace(BREAK, " ");
        if self.shown(Language::default()).is_none() {
            label
        } else {
            format!("{label}{BREAK}{}", self.to_text())
        }
    }

    /// A label and the place behind it, if there is one.
    pub fn split(text: &str) -> (String, Option<Place>) {
        match text.split_once(BREAK) {
            Some((label, place)) => (label.to_owned(), Some(Place::parse(place))),
            None => (text.to_owned(), None),
        }
    }

    /// For staff, in one line: `198.51.100.x (near Leipzig, Germany)`.
    pub fn for_staff(&self) -> String {
        match self.shown(Language::En) {
            Some(near) => format!("{} ({})", self.network, near.words),
            None => self.network.clone(),
        }
    }

    /// A label and the place behind it, likewise.
    pub fn label_for_staff(text: &str) -> String {
        let (label, place) = Place::split(text);
        match place.and_then(|place| place.shown(Language::En)) {
            Some(near) => format!("{label} ({})", near.words),
            None => label,
        }
    }

    /// In words; nothing where no file knows the network.
    pub fn shown(&self, language: Language) -> Option<Shown> {
        let t = Texts(language);
        let named = |names: &BTreeMap<String, String>| {
            names.get(language.tag()).or_else(|| names.get("en")).or_else(|| names.values().next()).cloned()
        };
        let words = match (named(&self.towns), named(&self.countries), self.country) {
            (Some(town), Some(country), _) => t.ff("place.near", &[("town", &town), ("country", &country)]),
            (Some(town), None, Some(code)) => t.ff("place.near", &[("town", &town), ("country", &code)]),
            (Some(town), None, None) => t.f("place.town", "town", town),
            (None, Some(country), _) => country,
            (None, None, Some(code)) => {
                return Some(Shown { words: code.to_string(), code: Some(code.to_string()) });
            }
            (None, None, None) => return None,
        };
        Some(Shown { words, code: None })
    }
}

/// The network that an address lies in, cut so that it names no household.
fn cut(client: ClientIp) -> String {
    match client.get() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.x")
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}::")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_detect::testing::{mmdb, town};

    fn networks() -> Networks {
        let leipzig = town("DE", ["Germany", "Deutschland"], ["Leipzig", "Leipzig"], 20);
        let mut networks = Networks::default();
        networks.read(mmdb("GeoLite2-City", &[("203.0.113.0/24", leipzig)])).unwrap();
        networks.read(b"198.51.100.0/24 country=NO\n".to_vec()).unwrap();
        networks
    }

    fn at(ip: &str) -> Place {
        Place::of(&networks(), ip.parse().unwrap())
    }

    #[test]
    fn places_are_said_in_the_readers_words() {
        let words = |ip: &str, language| at(ip).shown(language).map(|shown| shown.words);
        assert_eq!(words("203.0.113.7", Language::En).unwrap(), "near Leipzig, Germany");
        assert_eq!(words("203.0.113.7", Language::De).unwrap(), "bei Leipzig, Deutschland");
        // A language that the file does not have gets English names.
        assert_eq!(words("203.0.113.7", Language::Fr).unwrap(), "près de Leipzig, Germany");
        let norway = at("198.51.100.7").shown(Language::En).unwrap();
        assert_eq!((norway.words.as_str(), norway.code.as_deref()), ("NO", Some("NO")));
        assert_eq!(words("192.0.2.7", Language::En), None);
        assert_eq!(at("2001:db8:7:8::9").network, "2001:db8:7::");
    }

    // Every version that was ever sealed is read.
    #[test]
    fn what_was_kept_is_read() {
        let kept = at("203.0.113.7");
        assert_eq!(Place::parse(&kept.to_text()), kept);
        let first = Place::parse("198.51.100.x");
        assert_eq!((first.network.as_str(), first.shown(Language::En)), ("198.51.100.x", None));
        let sample = r#"{"v":1,"network":"203.0.113.x","country":"DE","countries":{"en":"Germany"},"towns":{"en":"Leipzig"}}"#;
        assert_eq!(Place::parse(sample).shown(Language::En).unwrap().words, "near Leipzig, Germany");
        assert_eq!(Place::split("Firefox · Linux"), ("Firefox · Linux".to_owned(), None));
        let (label, place) = Place::split(&kept.behind("Firefox · Linux"));
        assert_eq!((label.as_str(), place), ("Firefox · Linux", Some(kept)));
        assert_eq!(at("192.0.2.7").behind("a\nb"), "a b");
    }
}
