//! The section `[oidc]` of `storeward.toml`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use storeward_outbound::{AllowList, Destination, Reach};

/// How shops sign their customers in by OpenID Connect. Off without the section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderSection {
    /// How long an access token is good.
    pub access_token_minutes: u32,
    /// A refresh token that nobody uses is good for so long.
    pub refresh_token_days: u32,
    /// What outlives the customer's session (`offline_access`) ends this long after the customer signed in to the client, however often
    /// it is used.
    pub offline_days: u32,
    /// A key signs for so long; then the next one does.
    pub key_days: u32,
    /// Shops' servers inside of the own network that are told of a logout, such as `http://10.0.0.7:8080`. All others have to
    /// have public addresses.
    pub internal: Vec<String>,
    /// Roots that those servers' certificates lead to, beside the system's: a file in PEM.
    pub ca_file: Option<PathBuf>,
}

impl Default for ProviderSection {
    fn default() -> Self {
        ProviderSection {
            access_token_minutes: 10,
            refresh_token_days: 30,
            offline_days: 365,
            key_days: 90,
            internal: Vec::new(),
            ca_file: None,
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
        write!(f, "[oidc] {}: {}", self.key, self.what)
    }
}

impl std::error::Error for ConfigFault {}

impl ProviderSection {
    pub fn access_token(&self) -> Duration {
        Duration::from_secs(u64::from(self.access_token_minutes) * 60)
    }

    pub fn refresh_token(&self) -> Duration {
        Duration::from_secs(u64::from(self.refresh_token_days) * 86_400)
    }

    pub fn offline(&self) -> Duration {
        Duration::from_secs(u64::from(self.offline_days) * 86_400)
    }

    pub fn key_life(&self) -> Duration {
        Duration::from_secs(u64::from(self.key_days) * 86_400)
    }

    /// Every fault of the section.
    pub fn check(&self) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        for (key, value, least, most) in [
            ("access_token_minutes", self.access_token_minutes, 1, 1_440),
            ("refresh_token_days", self.refresh_token_days, 1, 366),
            ("offline_days", self.offline_days, 1, 730),
            ("key_days", self.key_days, 7, 366),
        ] {
            if !(least..=most).contains(&value) {
                faults.push(ConfigFault { key, what: format!("{value} is not between {least} and {most}") });
            }
        }
        for text in &self.internal {
            if let Err(why) = Destination::parse(text) {
                faults.push(ConfigFault { key: "internal", what: format!("`{text}`: {why}") });
            }
        }
        faults
    }

    /// Where one call may go: to this one place, which lies outside unless the section names it.
    pub fn allow(&self, url: &str) -> Result<AllowList, storeward_outbound::OutboundError> {
        let there = Destination::of_url(url)?;
        let inside =
            self.internal.iter().filter_map(|text| Destination::parse(text).ok()).any(|d| d == there);
        Ok(AllowList::new().with(there, if inside { Reach::Internal } else { Reach::Public }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_named() {
        assert!(ProviderSection::default().check().is_empty());
        for (text, word) in [
            ("access_token_minutes = 0", "between 1 and 1440"),
            ("refresh_token_days = 999", "between 1 and 366"),
            ("offline_days = 0", "between 1 and 730"),
            ("offline_days = 731", "between 1 and 730"),
            ("key_days = 1", "between 7"),
            ("internal = ['https://a.example/path']", "ends behind its port"),
        ] {
            let section: ProviderSection = toml::from_str(text).unwrap();
            let faults = section.check();
            assert!(faults.iter().any(|fault| fault.to_string().contains(word)), "{text}: {faults:?}");
        }
        assert!(toml::from_str::<ProviderSection>("acess_token_minutes = 5").is_err());
    }

    #[test]
    fn a_call_inside_is_the_operators_to_allow() {
        let section: ProviderSection = toml::from_str("internal = ['http://127.0.0.1:8080']").unwrap();
        let reach = |url: &str| {
            let list = section.allow(url).unwrap();
            list.reach(&Destination::of_url(url).unwrap()).unwrap()
        };
        assert_eq!(reach("http://127.0.0.1:8080/logout"), Reach::Internal);
        assert_eq!(reach("http://127.0.0.1:8081/logout"), Reach::Public);
        assert_eq!(reach("https://shop.example/logout"), Reach::Public);
    }
}
