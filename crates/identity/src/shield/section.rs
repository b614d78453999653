//! The section `[shield]` of `storeward.toml`.

use serde::Deserialize;
use storeward_adapter::{Adapter, KNOWN, by_name, for_platform};
use storeward_base::AddressList;

use crate::verbs::FirstFactor;

/// What happens when the shop's answers do not say who is signed in: an update changed them, or the shop is in trouble.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenUnclear {
    /// Customers shop on as if nobody were signed in.
    #[default]
    Closed,
    /// Customers are let through as the shop sees them, without a second factor; staff see an alarm.
    Open,
}

/// What the back office needs beside the shop's own sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StaffPolicy {
    #[default]
    SecondFactor,
    /// No more than from customers.
    AsCustomers,
}

/// Who somebody is of whom the shop does not say what rights they have: a plugin shut the address where it would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenUnsaid {
    /// Asked for what staff are asked.
    #[default]
    Staff,
    /// Asked for what customers are. The back office's own paths and acts take what they always take.
    Customers,
}

/// Whether the back office is shut where nobody can be shown to be in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OfficeGuard {
    #[default]
    On,
    /// The owner has another lock before it: the staff's password alone is enough as far as the shield goes.
    Off,
}

/// How the shop's own sign-in is guarded. Off without the section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShieldSection {
    /// The name of an adapter that comes with the program, the path of a file, or `auto`: the one for the platform that
    /// `storeward run` recognises.
    pub adapter: String,
    /// The folder that the shop lies in, such as `/shop`. Without it the shop's front page is looked at for it.
    pub folder: Option<String>,
    /// Further paths of the back office, as people open it: the name that the shop's installation made up.
    pub back_office: Vec<String>,
    pub back_office_guard: OfficeGuard,
    pub staff: StaffPolicy,
    /// Rights of the shop's that customers have besides those that the adapter names, such as a forum's.
    pub customer_rights: Vec<String>,
    pub rights_unsaid: WhenUnsaid,
    /// Who says that the first app or passkey of a member of staff is theirs.
    pub staff_first_factor: FirstFactor,
    /// A second factor is good for the back office for so long.
    pub staff_minutes: u32,
    /// Networks of the shop's own programs, which may sign in with a password alone at the doors for programs.
    pub lanes: AddressList,
    /// Where scripts send what they measure, by way of the shop's host, such as `/ingest`: nobody's session goes along.
    pub beacons: Vec<String>,
    pub when_unclear: WhenUnclear,
    /// What happens to customers while the canary says that the adapter does not fit.
    pub customers_when_broken: WhenUnclear,
    pub canary: Option<CanarySection>,
}

/// `[shield.canary]`: an account of the shop that signs in every few minutes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanarySection {
    /// As it is typed at the shop's own form.
    pub user: String,
    /// One line, mode 0600.
    pub password_file: std::path::PathBuf,
    #[serde(default = "quarter")]
    pub every_minutes: u32,
}

fn quarter() -> u32 {
    15
}

impl Default for ShieldSection {
    fn default() -> Self {
        ShieldSection {
            adapter: "auto".to_owned(),
            folder: None,
            back_office: Vec::new(),
            back_office_guard: OfficeGuard::default(),
            staff: StaffPolicy::default(),
            customer_rights: Vec::new(),
            rights_unsaid: WhenUnsaid::default(),
            staff_first_factor: FirstFactor::default(),
            staff_minutes: 480,
            lanes: AddressList::default(),
            beacons: Vec::new(),
            when_unclear: WhenUnclear::default(),
            customers_when_broken: WhenUnclear::default(),
            canary: None,
        }
    }
}

impl ShieldSection {
    /// The adapter, where it needs no look at the shop. `read` reads a file.
    pub fn adapter(
        &self,
        platform: Option<&str>,
        read: impl Fn(&str) -> std::io::Result<String>,
    ) -> Result<Adapter, String> {
        let names = || KNOWN.map(|(name, _)| name).join(", ");
        if self.adapter == "auto" {
            let found = platform.and_then(for_platform);
            return found.ok_or_else(|| {
                format!("[shield] adapter: the shop's platform has none; name a file, or one of {}", names())
            });
        }
        if let Some(known) = by_name(&self.adapter) {
            return Ok(known);
        }
        if let Some(unknown) = self.unknown_adapter() {
            return Err(unknown);
        }
        let text = read(&self.adapter).map_err(|e| format!("[shield] adapter {}: {e}", self.adapter))?;
        Adapter::parse(&text).map_err(|e| format!("[shield] adapter {}: {e}", self.adapter))
    }

    /// The adapter as this shop has it: in the folder of the config, or else in the one that was found, and with the back
    /// office's own names.
    pub fn laid(&self, adapter: Adapter, found: Option<&str>) -> Result<Adapter, String> {
        let folder = self.folder.as_deref().or(found).unwrap_or_default();
        let laid = adapter.in_folder(folder).and_then(|adapter| adapter.with_back_office(&self.back_office));
        let laid = laid.map_err(|e| format!("[shield] {}: {}", e.place, e.what))?;
        Ok(laid.with_customer_rights(&self.customer_rights))
    }

    /// Whether the name of an adapter is none: neither one of ours nor a file's.
    pub fn unknown_adapter(&self) -> Option<String> {
        let is_known = self.adapter == "auto" || by_name(&self.adapter).is_some();
        let is_file = self.adapter.contains(['/', '.']);
        let names = || KNOWN.map(|(name, _)| name).join(", ");
        (!is_known && !is_file).then(|| {
            format!(
                "[shield] adapter: there is no `{}`; write auto, a file, or one of {}",
                self.adapter,
                names()
            )
        })
    }

    /// Whether a path lies below one of a measuring service, in no other spelling than the plain one.
    pub fn is_beacon(&self, path: &str) -> bool {
        let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte));
        let below = |known: &String| {
            let rest = path.strip_prefix(known.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        is_plain && !path.contains("..") && !path.contains("//") && self.beacons.iter().any(below)
    }

    /// What does not fit.
    pub fn fault(&self) -> Option<String> {
        if let Some(unknown) = self.unknown_adapter() {
            return Some(unknown);
        }
        if let Err(fault) = self.laid(storeward_adapter::stand_in(), None) {
            return Some(fault);
        }
        if let Some(path) = self.beacons.iter().find(|path| !path.starts_with('/') || path.len() < 2) {
            return Some(format!("[shield] beacons: `{path}` is no path below `/`"));
        }
        let every = self.canary.as_ref().map(|canary| ("canary.every_minutes", canary.every_minutes, 1));
        let staff = Some(("staff_minutes", self.staff_minutes, 5));
        let outside = |(_, value, least): &(&str, u32, u32)| !(*least..=1_440).contains(value);
        let found = [staff, every].into_iter().flatten().find(outside);
        found.map(|(key, value, least)| format!("[shield] {key}: {value} is not between {least} and 1440"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adapters_are_found_by_name_platform_and_file() {
        let none = |_: &str| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
        let section = |adapter: &str| ShieldSection { adapter: adapter.to_owned(), ..Default::default() };
        assert_eq!(section("magento").adapter(None, none).unwrap().name, "magento");
        assert_eq!(section("auto").adapter(Some("woocommerce"), none).unwrap().name, "wordpress");
        assert!(section("auto").adapter(None, none).unwrap_err().contains("name a file"));
        assert!(section("magneto").adapter(None, none).unwrap_err().contains("magento"));
        assert!(section("own.toml").adapter(None, none).is_err());
        let broken = |_: &str| Ok("format = 7".to_owned());
        assert!(section("own.toml").adapter(None, broken).is_err());
        let text: ShieldSection = toml::from_str("lanes = ['10.0.0.0/8']\nstaff_minutes = 1").unwrap();
        assert!(text.fault().is_some());
        let often = "[canary]\nuser = 'a'\npassword_file = '/x'\nevery_minutes = 0";
        let text: ShieldSection = toml::from_str(often).unwrap();
        assert!(text.fault().unwrap().contains("canary.every_minutes"));
        assert!(toml::from_str::<ShieldSection>("mode = 'on'").is_err());
        for (text, word) in [
            ("adapter = 'magneto'", "there is no `magneto`"),
            ("folder = 'shop'", "[shield] folder"),
            ("back_office = ['/']", "[shield] back_office"),
            ("beacons = ['/']", "[shield] beacons"),
            ("beacons = ['ingest']", "[shield] beacons"),
        ] {
            let fault = toml::from_str::<ShieldSection>(text).unwrap().fault().unwrap();
            assert!(fault.contains(word), "{fault}");
        }
        let section: ShieldSection = toml::from_str("beacons = ['/ingest/']").unwrap();
        assert!(
            section.fault().is_none() && section.is_beacon("/ingest") && section.is_beacon("/ingest/e/1.js")
        );
        for path in [
            "/",
            "/ingested",
            "/ingest/../login",
            "/ingest/%2e%2e/login",
            "/ingest//login",
            "/ingest/;x",
            "/Ingest",
        ] {
            assert!(!section.is_beacon(path), "{path}");
        }
        let text = "adapter = 'wordpress'\nfolder = '/blog'\nback_office = ['/blog/office']";
        let section: ShieldSection = toml::from_str(text).unwrap();
        assert_eq!(section.fault(), None);
        let laid = section.laid(section.adapter(None, none).unwrap(), Some("/elsewhere")).unwrap();
        assert_eq!(laid.sign_out.unwrap().path, "/blog/wp-login.php");
        assert!(laid.staff.paths.contains(&"/blog/office".to_owned()));
    }
}
