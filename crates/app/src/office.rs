//! `[office]`: the shop's own staff pages, put on record and masked by role.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use storeward_console::Concern;
use storeward_host::{Chain, SessionStage};
use storeward_policy::Purpose;
use storeward_vault::office::{Office, OfficeParts, ShopPages, Watch, usual_purposes};

use crate::Done;
use crate::config::Config;
use crate::data::DataDir;
use crate::failure::{Context, Failure};
use crate::open::Opened;
use crate::vault::Standing;

/// `[office]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficeSection {
    /// `larkmoor`, `django-oscar`, `wordpress`, or a file of your own that ends in `.toml`.
    pub pages: String,
    /// What staff look at pages for that say nothing else.
    #[serde(default = "support")]
    pub purpose: String,
    /// What a role looks at them for; beside what `usual_purposes` says, or in its place.
    #[serde(default)]
    pub purposes: BTreeMap<String, String>,
    /// Addresses on those pages that are no customer's.
    #[serde(default)]
    pub own: Vec<String>,
}

fn support() -> String {
    "support".to_owned()
}

/// Refuses a section that does not fit.
pub fn check(config: &Config) -> Done {
    let Some(section) = &config.office else { return Ok(()) };
    purpose(&section.purpose)?;
    purposes(section)?;
    if config.vault.is_none() {
        return Err(Failure::new("[office] asks the rules of [vault], and there is none")
            .hint("add [vault] to storeward.toml; docs/vault.md"));
    }
    if !section.pages.ends_with(".toml") && ShopPages::built_in(&section.pages).is_none() {
        let known = ShopPages::names().collect::<Vec<_>>().join(", ");
        return Err(Failure::new(format!(
            "office.pages: {} is none of {known}, and no file that ends in .toml",
            section.pages
        )));
    }
    Ok(())
}

/// What works, and yet hardly as it was meant.
pub fn doubt(config: &Config) -> Option<String> {
    (config.office.is_some() && config.gates.is_empty()).then(|| {
        "[office] knows nobody's role without a [[gate]] before the shop's staff pages: everybody sees masks there".to_owned()
    })
}

fn purpose(name: &str) -> Done<Purpose> {
    let found = Purpose::of_name(name).filter(|purpose| Purpose::OF_STAFF.contains(purpose));
    found.ok_or_else(|| Failure::new(format!("office.purpose: {name} is no purpose of staff")))
}

fn purposes(section: &OfficeSection) -> Done<BTreeMap<String, Purpose>> {
    let mut purposes = usual_purposes();
    for (role, name) in &section.purposes {
        purposes.insert(role.clone(), purpose(name)?);
    }
    Ok(purposes)
}

fn pages(section: &OfficeSection, data: &DataDir) -> Done<ShopPages> {
    if let Some(pages) = ShopPages::built_in(&section.pages) {
        return Ok(pages);
    }
    let path = data.path().join(&section.pages);
    let text = std::fs::read_to_string(&path).context(format!("office.pages {}", path.display()))?;
    ShopPages::parse(&text).context(format!("office.pages {}", path.display()))
}

/// The stage; nothing without the section.
pub fn start(opened: &Opened, vault: Option<&Standing>) -> Done<Option<Office>> {
    let (Some(section), Some(standing)) = (&opened.loaded.config.office, vault) else { return Ok(None) };
    Ok(Some(Office::new(OfficeParts {
        vault: standing.vault.clone(),
        pages: pages(section, &opened.data)?,
        purpose: purpose(&section.purpose)?,
        purposes: purposes(section)?,
        own: section.own.iter().map(|address| address.to_lowercase()).collect(),
        marks: opened.pseudonym_key.mark_key("office.subject"),
        clock: opened.clock.clone(),
    })))
}

/// Nearest to the shop: whoever stands before it has said who somebody is, and sees what it made of the page.
pub fn behind(
    stage: Option<Arc<dyn SessionStage>>,
    office: Option<&Office>,
) -> Option<Arc<dyn SessionStage>> {
    Chain::of(stage, office.map(|office| Arc::new(office.clone()) as Arc<dyn SessionStage>))
}

/// What the console says of those who read otherwise than usual.
pub fn concerns(watch: Option<&Watch>) -> Vec<Concern> {
    let findings = watch.map(Watch::findings).unwrap_or_default();
    findings
        .into_iter()
        .map(|one| {
            let todo = if one.actor.starts_with("key_") {
                "Look at what the program behind this key is for; Customers' data, Who saw whom, shows whom it read. If it has no reason to, \
                 end its key at Customers' data, Keys for programs. This stands here for a day."
            } else {
                "Ask them what it was for; Customers' data, Who saw whom, shows whom they saw. If they did not do it, lock their account \
                 on the page Staff. This stands here for a day."
            };
            let minutes = storeward_vault::office::minutes_of(&one.reason);
            let (reason, customers) = (one.reason, one.customers);
            let fact = storeward_events::office::UnusualReading { reason, customers, limit: 0, minutes };
            let what = format!("{}: {}.", one.actor, storeward_events::Event::from(fact).sentence());
            Concern { what, todo: todo.to_owned() }
        })
        .collect()
}
