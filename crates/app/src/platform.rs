//! Which shop software answers behind the front door, and what the shop looks like.
//!
//! Recognition is pure: it is given what the shop answered to a few ordinary requests. It grants nothing and switches
//! nothing off; it chooses words and the comments of a fresh config, so a shop that pretends to be another harms itself.

mod ask;
mod html;
mod look;
mod signs;

use std::fmt;

use http::HeaderMap;
use storeward_base::Timestamp;

pub use ask::ask;
pub use look::Look;
use signs::{SIGNS, Seen};

/// The shop software that is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    WooCommerce,
    /// WordPress without a sign of WooCommerce.
    WordPress,
    Magento,
    PrestaShop,
    Shopware,
    Medusa,
    Vendure,
    DjangoOscar,
    Unknown,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Platform::WooCommerce => "WooCommerce",
            Platform::WordPress => "WordPress",
            Platform::Magento => "Magento or Adobe Commerce",
            Platform::PrestaShop => "PrestaShop",
            Platform::Shopware => "Shopware 6",
            Platform::Medusa => "Medusa",
            Platform::Vendure => "Vendure",
            Platform::DjangoOscar => "django-oscar",
            Platform::Unknown => "unknown",
        })
    }
}

/// What the shop answered to one request.
#[derive(Clone, Debug)]
pub struct Probe {
    /// As it was asked for.
    pub path: &'static str,
    pub status: u16,
    pub headers: HeaderMap,
    /// At most 64 KiB; bytes that are not UTF-8 are replaced.
    pub body_start: String,
}

/// How sure the recognition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    None,
    Likely,
    Certain,
}

/// What the answers were taken for, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognition {
    pub platform: Platform,
    pub confidence: Confidence,
    /// Our own words, never the shop's: safe to print.
    pub evidence: Vec<String>,
}

/// Points at which a platform is named, and at which it is certain.
const LIKELY: u32 = 2;
const CERTAIN: u32 = 3;

/// Weighs the signs. Two platforms with equally many points are none: somebody is pretending, or two systems share the
/// host.
pub fn recognise(probes: &[Probe]) -> Recognition {
    let seen = Seen::read(probes);
    let found: Vec<_> = SIGNS.iter().filter(|sign| sign.seek.is_in(&seen)).collect();
    let points = |platform: Platform| -> u32 {
        found.iter().filter(|sign| sign.platform == platform).map(|sign| sign.points).sum()
    };
    let unknown =
        || Recognition { platform: Platform::Unknown, confidence: Confidence::None, evidence: Vec::new() };
    let mut ranking: Vec<(u32, Platform)> =
        signs::PLATFORMS.iter().map(|platform| (points(*platform), *platform)).collect();
    if points(Platform::WooCommerce) >= LIKELY {
        // WooCommerce lives in WordPress: the signs of the latter are no objection.
        ranking.retain(|(_, platform)| *platform != Platform::WordPress);
    }
    ranking.sort_by_key(|(points, _)| std::cmp::Reverse(*points));
    let [(best, platform), (second, _), ..] = ranking[..] else { return unknown() };
    // Many weak signs do not outweigh a proof of something else.
    if best < LIKELY || best.min(CERTAIN) == second.min(CERTAIN) {
        return unknown();
    }
    let confidence = if best >= CERTAIN { Confidence::Certain } else { Confidence::Likely };
    let says = found.iter().filter(|sign| sign.platform == platform).map(|sign| sign.says.to_owned());
    Recognition { platform, confidence, evidence: says.collect() }
}

/// What is known of a shop after asking it.
#[derive(Clone, Debug)]
pub struct Found {
    pub platform: Platform,
    /// It answered at least one request, with whatever status.
    pub answered: bool,
    /// One of its answers was no fault of the server: it is not just starting, or in trouble.
    pub is_well: bool,
    /// Its front page, in part.
    pub front: String,
    pub evidence: Vec<String>,
    pub look: Look,
    /// The shop's clock, by its `Date` header.
    pub clock: Option<Timestamp>,
}

impl Found {
    /// Nothing answered.
    pub fn silent() -> Self {
        Found {
            platform: Platform::Unknown,
            answered: false,
            is_well: false,
            front: String::new(),
            evidence: Vec::new(),
            look: Look::default(),
            clock: None,
        }
    }

    /// Reads the answers of a shop.
    fn of(probes: &[Probe], clock: Option<Timestamp>) -> Self {
        let recognition = recognise(probes);
        let mut evidence = recognition.evidence;
        if recognition.confidence == Confidence::Likely {
            evidence.push("no proof, but nothing speaks against it".to_owned());
        }
        let home = probes.iter().find(|probe| probe.path == "/" && (200..300).contains(&probe.status));
        let others = probes.iter().filter(|probe| probe.path != "/").map(|probe| probe.body_start.as_str());
        let others: Vec<&str> = others.collect();
        Found {
            platform: recognition.platform,
            answered: !probes.is_empty(),
            is_well: probes.iter().any(|probe| probe.status < 500),
            front: home.map(|home| home.body_start.clone()).unwrap_or_default(),
            evidence,
            look: home.map(|home| Look::read(&home.body_start, &others)).unwrap_or_default(),
            clock,
        }
    }
}

#[cfg(test)]
mod tests;
