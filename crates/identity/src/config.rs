//! The policy: the section `[identity]` of `storeward.toml`.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use storeward_base::Language;

/// When customers are asked for a second factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecondFactor {
    /// Never, and none can be added.
    Off,
    /// Whoever added one is asked for it; of others a stolen password is enough.
    Offered,
    /// As `offered`; and whoever signs in on a new device or unlike before is asked, by mail if they have nothing better.
    #[default]
    Risk,
    /// Always, but for devices that the person trusts.
    Required,
}

/// How customers sign in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    pub customers: SecondFactor,
    /// A host of their own for the pages, such as `id.shop.example`; they answer under the shop's name as well.
    pub host: Option<String>,
    /// The name that passkeys are bound to: the shop's registrable domain, so that they work on both hosts. Cannot be
    /// changed later without losing every passkey. Default: the shop's first name.
    pub rp_id: Option<String>,
    /// Without any act for so long, a session is over.
    pub idle_minutes: u32,
    /// It is over after so long in any case.
    pub absolute_hours: u32,
    /// What an account's owner proved is good for sensitive acts for so long.
    pub step_up_minutes: u32,
    /// How long a trusted device is not asked for a second factor; 0: nobody may trust a device.
    pub trusted_device_days: u32,
    /// Codes by short message, where there is a gateway (`[sms]`).
    pub sms: SmsPolicy,
    /// Who lost every second factor waits so long before a new one may be added. The person is told, and can stop it.
    pub recovery_wait_hours: u32,
    /// What the shop is called in pages and letters. Default: the shop's first name.
    pub shop_name: Option<String>,
    /// Languages the pages are offered in; the first is the default.
    pub languages: Vec<Language>,
    /// Files that say where addresses are: plain text or MaxMind's format (docs/sign-in-risk.md). Later ones win.
    pub networks: Vec<std::path::PathBuf>,
    pub theme: Theme,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            customers: SecondFactor::default(),
            host: None,
            rp_id: None,
            idle_minutes: 7 * 24 * 60,
            absolute_hours: 30 * 24,
            step_up_minutes: 10,
            trusted_device_days: 30,
            sms: SmsPolicy::default(),
            recovery_wait_hours: 72,
            shop_name: None,
            languages: Language::ALL.to_vec(),
            networks: Vec::new(),
            theme: Theme::default(),
        }
    }
}

/// Whom codes are sent to by short message, and how many: each costs money, and whoever makes a shop send them to numbers of
/// their own earns from it (SMS pumping).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmsPolicy {
    /// Codes of countries, such as `+49`. With none, short messages are not offered.
    pub countries: Vec<String>,
    /// Messages of a day (UTC) in all, and to one of the countries.
    pub per_day: u32,
    pub per_country_per_day: u32,
}

impl Default for SmsPolicy {
    fn default() -> Self {
        SmsPolicy { countries: Vec::new(), per_day: 500, per_country_per_day: 200 }
    }
}

/// The pages' looks. Colours are `#rrggbb`; text on `accent` is black or white, whichever can be read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Theme {
    /// Buttons and links.
    pub accent: String,
    /// The page's ground, the cards on it and the text, by day.
    pub ground: String,
    pub surface: String,
    pub ink: String,
    /// Of corners, in pixels.
    pub radius: u8,
    /// `system`, `serif`, `rounded` or `mono`.
    pub font: Font,
    /// A picture file (PNG, JPEG, WebP or SVG, at most 200 KiB).
    pub logo: Option<std::path::PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Font {
    #[default]
    System,
    Serif,
    Rounded,
    Mono,
}

impl Default for Theme {
    fn default() -> Self {
        Theme {
            accent: "#0c5a6e".to_owned(),
            ground: "#f4f6f8".to_owned(),
            surface: "#ffffff".to_owned(),
            ink: "#16202b".to_owned(),
            radius: 10,
            font: Font::System,
            logo: None,
        }
    }
}

/// What does not fit in the section, and what would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    pub key: &'static str,
    pub what: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[identity] {}: {}", self.key, self.what)
    }
}

impl std::error::Error for ConfigFault {}

impl Policy {
    pub fn idle(&self) -> Duration {
        Duration::from_secs(u64::from(self.idle_minutes) * 60)
    }

    pub fn absolute(&self) -> Duration {
        Duration::from_secs(u64::from(self.absolute_hours) * 3600)
    }

    pub fn step_up(&self) -> Duration {
        Duration::from_secs(u64::from(self.step_up_minutes) * 60)
    }

    pub fn recovery_wait(&self) -> Duration {
        Duration::from_secs(u64::from(self.recovery_wait_hours) * 3600)
    }

    pub fn trusted_device(&self) -> Duration {
        Duration::from_secs(u64::from(self.trusted_device_days) * 86_400)
    }

    pub fn language(&self, wanted: Option<Language>) -> Language {
        wanted
            .filter(|language| self.languages.contains(language))
            .unwrap_or_else(|| self.languages.first().copied().unwrap_or_default())
    }

    /// Every fault of the section. `shop_names` are the names that the front door answers to.
    pub fn check(&self, shop_names: &[String]) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        let mut refuse = |key, what: &str| faults.push(ConfigFault { key, what: what.to_owned() });
        for (key, value, least, most) in [
            ("idle_minutes", self.idle_minutes, 5, 90 * 24 * 60),
            ("absolute_hours", self.absolute_hours, 1, 366 * 24),
            ("step_up_minutes", self.step_up_minutes, 1, 60),
            ("trusted_device_days", self.trusted_device_days, 0, 90),
            ("recovery_wait_hours", self.recovery_wait_hours, 24, 30 * 24),
            ("sms.per_day", self.sms.per_day, 1, 1_000_000),
            ("sms.per_country_per_day", self.sms.per_country_per_day, 1, 1_000_000),
        ] {
            if !(least..=most).contains(&value) {
                refuse(key, &format!("{value} is not between {least} and {most}"));
            }
        }
        if self.idle() > self.absolute() {
            refuse("idle_minutes", "is longer than absolute_hours");
        }
        for prefix in &self.sms.countries {
            let digits = prefix.strip_prefix('+').unwrap_or("");
            let fits = (1..=7).contains(&digits.len())
                && digits.bytes().all(|b| b.is_ascii_digit())
                && !digits.starts_with('0');
            if !fits {
                refuse("sms.countries", &format!("`{prefix}` is no country's code such as \"+49\""));
            }
        }
        if self.languages.is_empty() {
            refuse("languages", "name at least one of en, de, fr, es");
        }
        if let Some(host) = self.host.as_ref().filter(|host| !shop_names.contains(host)) {
            refuse("host", &format!("name {host} under `domain` too, so that it has a certificate"));
        }
        if let Some(id) = &self.rp_id {
            let hosts = shop_names.iter().chain(&self.host);
            if !hosts.clone().all(|host| host == id || host.ends_with(&format!(".{id}"))) || !id.contains('.')
            {
                refuse(
                    "rp_id",
                    "must be the shop's domain, or one that the shop's and the pages' hosts end in",
                );
            }
        }
        for (key, colour) in [
            ("theme.accent", &self.theme.accent),
            ("theme.ground", &self.theme.ground),
            ("theme.surface", &self.theme.surface),
            ("theme.ink", &self.theme.ink),
        ] {
            if parse_colour(colour).is_none() {
                refuse(key, &format!("`{colour}` is not a colour such as \"#0c5a6e\""));
            }
        }
        faults.extend(self.theme.check_contrast());
        faults
    }
}

impl Theme {
    /// WCAG 2.2, 1.4.3: text needs 4.5 : 1.
    fn check_contrast(&self) -> Vec<ConfigFault> {
        let read = |colour: &str| parse_colour(colour).map(luminance);
        let (Some(accent), Some(ground), Some(surface), Some(ink)) =
            (read(&self.accent), read(&self.ground), read(&self.surface), read(&self.ink))
        else {
            return Vec::new();
        };
        let mut faults = Vec::new();
        for (key, one, other) in [
            ("theme.ink", ink, ground),
            ("theme.ink", ink, surface),
            ("theme.accent", accent, surface),
            ("theme.accent", accent, ground),
        ] {
            let ratio = contrast(one, other);
            if ratio < 4.5 {
                let what =
                    format!("has a contrast of {ratio:.1} : 1 to the ground or the cards; it needs 4.5 : 1");
                faults.push(ConfigFault { key, what });
            }
        }
        faults
    }

    /// Black or white, whichever reads better on the accent.
    pub fn on_accent(&self) -> &'static str {
        let accent = parse_colour(&self.accent).map_or(0.0, luminance);
        if contrast(accent, 1.0) >= contrast(accent, 0.0) { "#ffffff" } else { "#000000" }
    }
}

fn parse_colour(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    Some([part(0)?, part(2)?, part(4)?])
}

/// Relative luminance (WCAG 2.2, definitions).
fn luminance(colour: [u8; 3]) -> f64 {
    let [r, g, b] = colour.map(|channel| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(a: f64, b: f64) -> f64 {
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let policy: Policy = toml::from_str(text).unwrap();
        policy
            .check(&["shop.example".to_owned(), "id.shop.example".to_owned()])
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn the_default_fits() {
        assert_eq!(faults(""), Vec::<String>::new());
        assert_eq!(Policy::default().customers, SecondFactor::Risk);
    }

    // ASVS 5.0 7.1.1: what is written down is what is in force.
    #[test]
    fn the_document_names_the_figures_in_force() {
        let policy = Policy::default();
        let line = format!(
            "| customers | {} days | {} days | everything the account has, shown within {} minutes |",
            policy.idle_minutes / 1_440,
            policy.absolute_hours / 24,
            policy.step_up_minutes
        );
        assert!(include_str!("../../../docs/asvs.md").contains(&line), "{line}");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (text, word) in [
            ("idle_minutes = 1", "between 5"),
            ("absolute_hours = 1", "longer than"),
            ("trusted_device_days = 900", "between 0 and 90"),
            ("languages = []", "at least one"),
            ("recovery_wait_hours = 1", "between 24"),
            ("sms.countries = [\"49\"]", "sms.countries"),
            ("sms.countries = [\"+\"]", "sms.countries"),
            ("sms.per_day = 0", "sms.per_day"),
            ("rp_id = \"other.example\"", "rp_id"),
            ("rp_id = \"example\"", "rp_id"),
            ("host = \"id.else.example\"\nrp_id = \"shop.example\"", "rp_id"),
            ("host = \"login.shop.example\"", "under `domain`"),
            ("theme.accent = \"red\"", "theme.accent"),
            ("theme.ink = \"#cccccc\"", "contrast"),
            ("theme.accent = \"#ffee88\"", "contrast"),
        ] {
            let found = faults(text);
            assert!(found.iter().any(|fault| fault.contains(word)), "{text}: {found:?}");
        }
        assert!(faults("host = \"id.shop.example\"\nrp_id = \"shop.example\"").is_empty());
        assert!(toml::from_str::<Policy>("passwords = \"weak\"").is_err());
        assert!(toml::from_str::<Policy>("customers = \"sometimes\"").is_err());
    }
}
