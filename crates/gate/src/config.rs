//! The section `[[gate]]` of `storeward.toml`.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use storeward_console::entrance::{Door, Takes, is_group_name as is_word};
use storeward_edge::paths::{covers, is_plain};
use storeward_host::OWN_PREFIX;

/// Gates at most.
const MOST: usize = 50;

/// One gate: which paths it stands before, who may pass, and what the shop is told.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateSection {
    /// Stands in events, in the console and, unless `audience` says otherwise, in assertions.
    pub name: String,
    /// Held with everything below them.
    pub paths: Vec<String>,
    /// Of the shop's names, those on which it stands; all when left out.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Paths below those that anybody reaches.
    #[serde(default)]
    pub except: Vec<String>,
    /// Parameters that carry a path in this shop (`?weg=/admin`), beside those that are known.
    #[serde(default)]
    pub path_parameters: Vec<String>,
    /// Groups of staff that may pass, any of them; all of the staff when left out.
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub factor: Takes,
    /// Without any request for so long, the person signs in again.
    #[serde(default = "idle_minutes")]
    pub idle_minutes: u32,
    /// The person signs in again after so long in any case.
    #[serde(default = "session_hours")]
    pub session_hours: u32,
    /// What changes something asks for a second factor shown within so long; not asked for when left out.
    #[serde(default)]
    pub fresh_minutes: Option<u32>,
    /// `aud` of assertions; the gate's name when left out.
    #[serde(default)]
    pub audience: Option<String>,
    /// Whether assertions hold the person's e-mail address and name.
    #[serde(default)]
    pub email: bool,
    /// Whether `Storeward-User` (and, with `email`, `Storeward-Email`) go along, for tools that cannot read an assertion.
    #[serde(default)]
    pub plain_headers: bool,
}

const fn idle_minutes() -> u32 {
    30
}

const fn session_hours() -> u32 {
    12
}

/// What does not fit in the section, and what would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    /// The gate's name, as far as it has one.
    pub gate: String,
    pub key: &'static str,
    pub what: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[[gate]] {} {}: {}", self.gate, self.key, self.what)
    }
}

impl std::error::Error for ConfigFault {}

impl GateSection {
    pub fn idle(&self) -> Duration {
        Duration::from_secs(u64::from(self.idle_minutes) * 60)
    }

    pub fn longest(&self) -> Duration {
        Duration::from_secs(u64::from(self.session_hours) * 3_600)
    }

    pub fn fresh(&self) -> Option<Duration> {
        self.fresh_minutes.map(|minutes| Duration::from_secs(u64::from(minutes) * 60))
    }

    pub fn audience(&self) -> &str {
        self.audience.as_deref().unwrap_or(&self.name)
    }

    /// What the console has to know of it.
    pub fn door(&self) -> Door {
        Door { name: self.name.clone(), groups: self.groups.clone(), takes: self.factor }
    }

    /// Every fault of the sections. `shop_names` are the shop's, in lower case.
    pub fn check(sections: &[GateSection], shop_names: &[String]) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        for section in sections {
            section.check_one(shop_names, &mut faults);
        }
        let mut fault = |gate: &GateSection, key, what: String| {
            faults.push(ConfigFault { gate: gate.name.clone(), key, what });
        };
        for (at, gate) in sections.iter().enumerate() {
            let before = sections.get(..at).unwrap_or_default();
            if before.iter().any(|other| other.name == gate.name) {
                fault(gate, "name", "two gates have it".to_owned());
            }
            if before.iter().any(|other| other.audience() == gate.audience()) {
                fault(
                    gate,
                    "audience",
                    "two gates have it: what one says would be believed at the other".to_owned(),
                );
            }
            let shares_host = |other: &GateSection| {
                other.hosts.is_empty()
                    || gate.hosts.is_empty()
                    || other.hosts.iter().any(|host| gate.hosts.contains(host))
            };
            let taken = gate.paths.iter().find(|path| {
                let same = |theirs: &String| {
                    theirs.trim_end_matches('/').eq_ignore_ascii_case(path.trim_end_matches('/'))
                };
                before.iter().any(|other| shares_host(other) && other.paths.iter().any(same))
            });
            if let Some(path) = taken {
                fault(gate, "paths", format!("`{path}` stands behind another gate already"));
            }
        }
        if sections.len() > MOST {
            let what = format!("more than {MOST} gates");
            faults.push(ConfigFault { gate: String::new(), key: "name", what });
        }
        faults
    }

    fn check_one(&self, shop_names: &[String], faults: &mut Vec<ConfigFault>) {
        let mut fault = |key, what: String| faults.push(ConfigFault { gate: self.name.clone(), key, what });
        if !is_word(&self.name) {
            fault("name", "1 to 40 of a-z, 0-9 and -, such as back-office".to_owned());
        }
        if self.paths.is_empty() {
            fault("paths", "name at least one, such as /admin".to_owned());
        }
        for path in &self.paths {
            if !is_plain(path) {
                fault("paths", format!("`{path}` must be a plain path such as /admin"));
            } else if covers(OWN_PREFIX, path) {
                fault("paths", format!("`{path}` is Storeward's own"));
            }
        }
        for path in &self.except {
            let is_below = |own: &String| covers(own, path) && !covers(path, own);
            if !is_plain(path) || !self.paths.iter().any(is_below) {
                fault("except", format!("`{path}` must be a plain path below one of `paths`"));
            }
        }
        if let Some(host) = self.hosts.iter().find(|host| !shop_names.contains(host)) {
            fault("hosts", format!("`{host}` is none of `domain`"));
        }
        if let Some(group) = self.groups.iter().find(|group| !is_word(group)) {
            fault("groups", format!("`{group}`: 1 to 40 of a-z, 0-9 and -"));
        }
        let fresh = self.fresh_minutes.unwrap_or(10);
        for (key, value, most) in [
            ("idle_minutes", self.idle_minutes, 480),
            ("session_hours", self.session_hours, 24),
            ("fresh_minutes", fresh, 480),
        ] {
            if !(1..=most).contains(&value) {
                fault(key, format!("{value} is not between 1 and {most}"));
            }
        }
        let audience = self.audience();
        if audience.is_empty() || audience.len() > 200 || !audience.bytes().all(|b| b.is_ascii_graphic()) {
            fault("audience", "1 to 200 visible signs without blanks".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        gate: Vec<GateSection>,
    }

    fn faults(text: &str) -> String {
        let file: File = toml::from_str(text).unwrap();
        let names = ["shop.example".to_owned(), "erp.shop.example".to_owned()];
        let faults = GateSection::check(&file.gate, &names);
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn little_is_enough() {
        assert_eq!(faults("[[gate]]\nname = 'back-office'\npaths = ['/admin', '/wp-admin/']\n"), "");
        let two = "[[gate]]\nname = 'a'\npaths = ['/']\nhosts = ['erp.shop.example']\n\
                   [[gate]]\nname = 'b'\npaths = ['/']\nhosts = ['shop.example']\n";
        assert_eq!(faults(two), "");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (more, word) in [
            ("paths = []", "at least one"),
            ("paths = ['admin']", "plain path"),
            ("paths = ['/a/../b']", "plain path"),
            ("paths = ['/.storeward/account']", "Storeward's own"),
            ("paths = ['/admin']\nexcept = ['/other']", "below one of"),
            ("paths = ['/admin']\nexcept = ['/admin']", "below one of"),
            ("paths = ['/admin']\nexcept = ['/']", "below one of"),
            ("paths = ['/admin']\nhosts = ['evil.example']", "none of `domain`"),
            ("paths = ['/admin']\ngroups = ['Ware House']", "a-z"),
            ("paths = ['/admin']\nidle_minutes = 0", "between 1 and 480"),
            ("paths = ['/admin']\nsession_hours = 25", "between 1 and 24"),
            ("paths = ['/admin']\nfresh_minutes = 0", "between 1 and 480"),
            ("paths = ['/admin']\naudience = 'a b'", "without blanks"),
        ] {
            let told = faults(&format!("[[gate]]\nname = 'x'\n{more}\n"));
            assert!(told.contains(word), "{more}: {told}");
        }
        assert!(faults("[[gate]]\nname = 'X y'\npaths = ['/a']\n").contains("such as back-office"));
        let twice = "[[gate]]\nname = 'a'\npaths = ['/a']\n[[gate]]\nname = 'a'\npaths = ['/A/']\n";
        let told = faults(twice);
        for word in ["two gates have it", "believed at the other", "another gate already"] {
            assert!(told.contains(word), "{told}");
        }
        assert!(toml::from_str::<File>("[[gate]]\nname = 'a'\npaths = ['/a']\nfactr = 'any'\n").is_err());
        assert!(toml::from_str::<File>("[[gate]]\nname = 'a'\npaths = ['/a']\nfactor = 'none'\n").is_err());
    }
}
