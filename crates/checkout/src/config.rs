//! `[checkout]`: which pages are guarded, and how.

use std::fmt;

use serde::Deserialize;
use storeward_outbound::Destination;

/// Where the section names no pages: WooCommerce, django-oscar, Magento and the sample shop all pay below it.
const PAGES: [&str; 1] = ["/checkout"];
/// How long an approval holds, where the section does not say.
const APPROVE_DAYS: u32 = 90;
const MOST_PAGES: usize = 50;
const MOST_PLACES: usize = 20;

/// `[checkout]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckoutSection {
    pub mode: Mode,
    /// Paths of the shop where people pay, whole segments; `/checkout` where none is named.
    pub pages: Vec<String>,
    pub on_change: OnChange,
    /// Whose published hosts paying pages may use without being approved one by one.
    pub providers: Vec<Provider>,
    /// Where paying pages may lead to without an approval, such as `https://pay.example`.
    pub leads_to: Vec<String>,
    /// An approval that names no end holds so long.
    pub approve_days: u32,
    /// How often the bodies of scripts are fetched and compared.
    pub fetch_hours: u32,
    /// Destinations of scripts that may lie in this machine's own network, such as `http://127.0.0.1:8080`.
    pub internal: Vec<String>,
}

impl Default for CheckoutSection {
    fn default() -> Self {
        CheckoutSection {
            mode: Mode::Learn,
            pages: Vec::new(),
            on_change: OnChange::Alert,
            providers: Vec::new(),
            leads_to: Vec::new(),
            approve_days: APPROVE_DAYS,
            fetch_hours: 1,
            internal: Vec::new(),
        }
    }
}

/// How much is done; the stricter is the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Off,
    /// Looks, and stops nothing.
    #[default]
    Learn,
    /// Only what was approved runs.
    Enforce,
}

impl Mode {
    pub const fn word(self) -> &'static str {
        match self {
            Mode::Off => "off",
            Mode::Learn => "learn",
            Mode::Enforce => "enforce",
        }
    }
}

/// What follows when an approved script changes or a new one appears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnChange {
    /// Staff are told.
    #[default]
    Alert,
    /// A changed script loses its place until somebody looks.
    Block,
    /// As `Block`, and pages that only looked on run the approved scripts alone until somebody looks.
    LastGood,
}

impl OnChange {
    pub const fn word(self) -> &'static str {
        match self {
            OnChange::Alert => "alert",
            OnChange::Block => "block",
            OnChange::LastGood => "last_good",
        }
    }
}

/// Who takes the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    Stripe,
    PayPal,
}

impl Provider {
    pub const fn word(self) -> &'static str {
        match self {
            Provider::Stripe => "stripe",
            Provider::PayPal => "paypal",
        }
    }
}

/// What is wrong with the section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    pub key: &'static str,
    pub why: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.why)
    }
}

impl std::error::Error for ConfigFault {}

impl CheckoutSection {
    /// Refuses what does not fit.
    pub fn check(&self) -> Result<(), ConfigFault> {
        let fault = |key, why: &str| Err(ConfigFault { key, why: why.to_owned() });
        let is_path = |path: &String| {
            let is_plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'%' | b'\\');
            path.starts_with('/') && !path.starts_with("/.storeward") && path.bytes().all(is_plain)
        };
        if let Some(path) = self.pages.iter().find(|path| !is_path(path)) {
            return fault(
                "checkout.pages",
                &format!("{path:?} is no path of the shop: write it like /checkout"),
            );
        }
        if self.pages.len() > MOST_PAGES {
            return fault("checkout.pages", "there are more than 50");
        }
        if !(1..=366).contains(&self.approve_days) {
            return fault("checkout.approve_days", "a number from 1 to 366");
        }
        if !(1..=168).contains(&self.fetch_hours) {
            return fault(
                "checkout.fetch_hours",
                "a number from 1 to 168: PCI DSS 11.6.1 asks for once a week",
            );
        }
        if let Some(place) = self.leads_to.iter().find(|place| !is_origin(place)) {
            return fault(
                "checkout.leads_to",
                &format!("{place:?} is no place to lead to: write it like https://pay.example"),
            );
        }
        if self.leads_to.len() > MOST_PLACES {
            return fault("checkout.leads_to", "there are more than 20");
        }
        for place in &self.internal {
            Destination::parse(place)
                .map_err(|why| ConfigFault { key: "checkout.internal", why: format!("{place}: {why}") })?;
        }
        Ok(())
    }

    /// The guarded paths, without a slash at their ends.
    pub fn paths(&self) -> Vec<String> {
        let named = self.pages.iter().map(|path| path.trim_end_matches('/').to_owned());
        let named: Vec<String> =
            named.map(|path| if path.is_empty() { "/".to_owned() } else { path }).collect();
        if named.is_empty() { PAGES.iter().map(|path| (*path).to_owned()).collect() } else { named }
    }
}

/// Scheme, host and port as browsers write them, and no more: it stands in the policy as it is.
fn is_origin(place: &str) -> bool {
    let Some(rest) = place.strip_prefix("https://") else { return false };
    let (host, port) = rest.split_once(':').unwrap_or((rest, "1"));
    let is_sign = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let is_port = port != "443" && port.parse::<u16>().is_ok_and(|port| port > 0);
    !host.is_empty() && host.len() <= 253 && host.bytes().all(is_sign) && is_port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_enough() {
        let section: CheckoutSection = toml::from_str("").unwrap();
        section.check().unwrap();
        assert_eq!((section.mode, section.on_change), (Mode::Learn, OnChange::Alert));
        assert_eq!(section.paths(), ["/checkout"]);
        let text = "mode = 'enforce'\npages = ['/order/', '/pay']\non_change = 'last_good'\nproviders = ['stripe', 'paypal']\nleads_to = ['https://pay.example:8443']\n";
        let section: CheckoutSection = toml::from_str(text).unwrap();
        section.check().unwrap();
        assert_eq!(section.paths(), ["/order", "/pay"]);
    }

    #[test]
    fn what_guards_nothing_is_refused() {
        for (text, key) in [
            ("pages = ['checkout']", "checkout.pages"),
            ("pages = ['/a b']", "checkout.pages"),
            ("pages = ['/checkout?step=2']", "checkout.pages"),
            ("pages = ['/.storeward/pay']", "checkout.pages"),
            ("leads_to = ['pay.example']", "checkout.leads_to"),
            ("leads_to = ['https://pay.example/']", "checkout.leads_to"),
            ("leads_to = ['https://*.example']", "checkout.leads_to"),
            ("leads_to = ['https://pay.example; script-src *']", "checkout.leads_to"),
            ("leads_to = ['https://pay.example:443']", "checkout.leads_to"),
            ("approve_days = 0", "checkout.approve_days"),
            ("fetch_hours = 0", "checkout.fetch_hours"),
            ("fetch_hours = 169", "checkout.fetch_hours"),
            ("internal = ['127.0.0.1']", "checkout.internal"),
        ] {
            let section: CheckoutSection = toml::from_str(text).unwrap();
            assert_eq!(section.check().unwrap_err().key, key, "{text}");
        }
        assert!(toml::from_str::<CheckoutSection>("mode = 'on'").is_err());
        assert!(toml::from_str::<CheckoutSection>("modus = 'learn'").is_err());
    }
}
