//! `[payments]`: who takes the money, with which keys, and whom in the shop to tell.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use storeward_base::Secret;
use storeward_outbound::{AllowList, Client, Destination, Limits, Options, Reach, read_private};
use storeward_seal::certificate::Roots;
use storeward_seal::encoding::decode_base64;

use crate::disposable::Disposable;
use crate::model::CaptureMode;
use crate::news::Hook;
use crate::paypal::PayPal;
use crate::stripe::{Framed, Stripe};
use crate::webhooks::Certificates;

const STRIPE: &str = "https://api.stripe.com";
/// Where Stripe takes files (docs.stripe.com, "File upload guide"); a stand-in takes them where it takes everything.
const STRIPE_FILES: &str = "https://files.stripe.com";
/// Stripe's script for pages: the release of the pinned version, and whom it speaks to (docs.stripe.com/security/guide, "Content Security
/// Policy": Checkout).
const SCRIPT: &str = "https://js.stripe.com/endive/stripe.js";
const FORM_ORIGINS: [&str; 4] = [
    "https://js.stripe.com",
    "https://checkout.stripe.com",
    "https://api.stripe.com",
    "https://*.stripe.com",
];
const PAYPAL_LIVE: &str = "https://api-m.paypal.com";
const PAYPAL_SANDBOX: &str = "https://api-m.sandbox.paypal.com";
/// Whose certificates sign PayPal's messages: these hosts and no others.
const CERTIFICATES_LIVE: &str = "https://api.paypal.com";
const CERTIFICATES_SANDBOX: &str = "https://api.sandbox.paypal.com";
const SECRET_BYTES: usize = 4096;
/// Minutes in which a payment can be begun, where the section does not say.
const PAY_WITHIN_MINUTES: u32 = 60;

/// `[payments]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentsSection {
    /// `live` takes money; `test` takes none. Keys of the other kind are refused.
    pub mode: Mode,
    /// Goes into the name of every call, so that two shops with one account at a provider do not meet. The ledger's name
    /// where it is left out.
    pub merchant: Option<String>,
    #[serde(default)]
    pub capture: CaptureWord,
    /// 35 to 1380: within what providers keep a page open.
    pub pay_within_minutes: Option<u32>,
    /// Most minor units that are given back in 24 hours, in each currency. No limit where it is left out.
    pub refunds_per_day: Option<i64>,
    /// Secrets of signed links: none, one, or two while it is exchanged. 32 to 200 signs, mode 0600.
    #[serde(default)]
    pub link_secret_files: Vec<PathBuf>,
    /// Domains of mail addresses to throw away, one in a line; what stands behind `#` is a remark. Nobody is looked up without it.
    pub disposable_mail_file: Option<PathBuf>,
    pub stripe: Option<StripeSection>,
    pub paypal: Option<PayPalSection>,
    /// Whom in the shop to tell.
    #[serde(default, rename = "hook")]
    pub hooks: Vec<HookSection>,
}

/// Whether money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Live,
    Test,
}

/// `at_once` or `later`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureWord {
    #[default]
    AtOnce,
    Later,
}

/// `[payments.stripe]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StripeSection {
    /// Stripe's own where it is left out; on this machine (a stand-in) in test mode only.
    pub address: Option<String>,
    /// The secret or restricted key. One line, mode 0600.
    pub secret_key_file: PathBuf,
    /// Stripe's key for pages (`pk_…`), for forms in a frame: no secret. Without it buyers are led to Stripe's page.
    pub publishable_key: Option<String>,
    /// Secrets of the endpoint's signature: two while one is exchanged.
    pub webhook_secret_files: Vec<PathBuf>,
}

/// `[payments.paypal]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayPalSection {
    pub address: Option<String>,
    pub client_id: String,
    pub secret_file: PathBuf,
    /// Of the webhook as PayPal's dashboard shows it: part of what is signed.
    pub webhook_id: String,
    /// The account that gets the money; held against every order where it is given.
    pub merchant_id: Option<String>,
    /// Roots for a stand-in on this machine, PEM. The system's, and no others, where PayPal itself is meant.
    pub certificate_roots_file: Option<PathBuf>,
}

/// `[[payments.hook]]`: an address of the shop that is told what becomes of payments.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookSection {
    /// Small letters, digits and `-`; stands in events.
    pub name: String,
    pub url: String,
    /// `whsec_` and base 64 of 24 to 64 bytes (Standard Webhooks). Mode 0600.
    pub secret_file: PathBuf,
    /// It lies in this machine's own network.
    #[serde(default)]
    pub internal: bool,
}

/// What is wrong with the section. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault(String);

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[payments] {}", self.0)
    }
}

impl std::error::Error for ConfigFault {}

fn fault(why: impl Into<String>) -> ConfigFault {
    ConfigFault(why.into())
}

/// The section, read and checked.
#[derive(Clone, Debug)]
pub struct Settings {
    pub mode: Mode,
    pub(crate) merchant: Option<String>,
    pub(crate) capture: CaptureMode,
    pub(crate) pay_within: Duration,
    pub(crate) refunds_per_day: Option<i64>,
    pub(crate) links: Vec<Secret<String>>,
    pub(crate) disposable: Option<Disposable>,
    pub(crate) stripe: Option<Stripe>,
    pub(crate) paypal: Option<PayPal>,
    pub(crate) hooks: Vec<Hook>,
}

impl PaymentsSection {
    /// Reads the files that it names; relative ones lie in `folder`.
    pub fn settings(&self, folder: &Path) -> Result<Settings, ConfigFault> {
        let minutes = self.pay_within_minutes.unwrap_or(PAY_WITHIN_MINUTES);
        if !(35..=1380).contains(&minutes) {
            return Err(fault("pay_within_minutes is a number from 35 to 1380"));
        }
        if self.refunds_per_day.is_some_and(|most| most < 0) {
            return Err(fault("refunds_per_day is not below zero"));
        }
        if self.stripe.is_none() && self.paypal.is_none() {
            return Err(fault("needs [payments.stripe], [payments.paypal], or both"));
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
        if self.merchant.as_ref().is_some_and(|m| m.is_empty() || m.len() > 100 || !m.chars().all(is_plain)) {
            return Err(fault("merchant has 1 to 100 letters, digits, '.', '-', '_', '/'"));
        }
        let hooks = self.hooks.iter().map(|hook| hook.hook(folder)).collect::<Result<Vec<_>, _>>()?;
        for (at, hook) in hooks.iter().enumerate() {
            if hooks.iter().take(at).any(|other| other.name == hook.name) {
                return Err(fault(format!("two hooks are called {}", hook.name)));
            }
        }
        Ok(Settings {
            mode: self.mode,
            merchant: self.merchant.clone(),
            capture: match self.capture {
                CaptureWord::AtOnce => CaptureMode::AtOnce,
                CaptureWord::Later => CaptureMode::Later,
            },
            pay_within: Duration::from_secs(u64::from(minutes) * 60),
            refunds_per_day: self.refunds_per_day,
            links: self.links(folder)?,
            disposable: self
                .disposable_mail_file
                .as_ref()
                .map(|file| Disposable::read(&folder.join(file)).map_err(fault))
                .transpose()?,
            stripe: self.stripe.as_ref().map(|stripe| stripe.client(self.mode, folder)).transpose()?,
            paypal: self.paypal.as_ref().map(|paypal| paypal.client(self.mode, folder)).transpose()?,
            hooks,
        })
    }
}

impl PaymentsSection {
    fn links(&self, folder: &Path) -> Result<Vec<Secret<String>>, ConfigFault> {
        if self.link_secret_files.len() > 2 {
            return Err(fault("link_secret_files names one file, or two while the secret is exchanged"));
        }
        let files = self.link_secret_files.iter();
        let secrets = files.map(|file| secret("link_secret_files", folder, file));
        let secrets = secrets.collect::<Result<Vec<_>, _>>()?;
        if secrets.iter().any(|secret| !(32..=200).contains(&secret.expose().len())) {
            return Err(fault(
                "link_secret_files: a secret has 32 to 200 signs; `openssl rand -hex 32` makes one",
            ));
        }
        Ok(secrets)
    }
}

/// Where a provider is: itself, or in test mode a stand-in on this machine.
struct Where {
    base: String,
    destination: Destination,
    is_stand_in: bool,
}

fn place(given: Option<&str>, own: &str, mode: Mode, key: &str) -> Result<Where, ConfigFault> {
    let base = given.unwrap_or(own).trim_end_matches('/').to_owned();
    let destination = Destination::parse(&base).map_err(|why| fault(format!("{key}: {why}")))?;
    let is_stand_in = destination.ip().is_some_and(|ip| ip.is_loopback());
    if is_stand_in && mode == Mode::Live {
        return Err(fault(format!("{key} is on this machine: that is for mode = \"test\"")));
    }
    if !is_stand_in && base != own {
        return Err(fault(format!(
            "{key} is {own} in this mode, or a stand-in on a loopback address in test mode"
        )));
    }
    Ok(Where { base, destination, is_stand_in })
}

fn client(list: AllowList) -> Result<Client, ConfigFault> {
    // An answer that comes later than this is asked for by the janitor.
    let limits = Limits {
        connect: Duration::from_secs(5),
        head: Duration::from_secs(15),
        body: Duration::from_secs(15),
        body_bytes: 4 * 1024 * 1024,
    };
    Client::new(list, Options::default().limits(limits)).map_err(|why| fault(why.to_string()))
}

fn secret(key: &'static str, folder: &Path, file: &Path) -> Result<Secret<String>, ConfigFault> {
    let text = read_private(key, &folder.join(file), SECRET_BYTES).map_err(|why| fault(why.to_string()))?;
    let is_plain = text.expose().bytes().all(|b| b.is_ascii_graphic());
    if is_plain { Ok(text) } else { Err(fault(format!("{key} holds signs that no key has"))) }
}

impl StripeSection {
    fn client(&self, mode: Mode, folder: &Path) -> Result<Stripe, ConfigFault> {
        let at = place(self.address.as_deref(), STRIPE, mode, "stripe.address")?;
        let key = secret("stripe.secret_key_file", folder, &self.secret_key_file)?;
        let starts = |starts: [&str; 2]| starts.iter().any(|start| key.expose().starts_with(start));
        match mode {
            Mode::Live if starts(["sk_test_", "rk_test_"]) => {
                return Err(fault(
                    "stripe.secret_key_file holds a test key: with it nobody pays; mode is live",
                ));
            }
            Mode::Test if starts(["sk_live_", "rk_live_"]) => {
                return Err(fault(
                    "stripe.secret_key_file holds a live key: with it money moves; mode is test",
                ));
            }
            Mode::Live if starts(["sk_live_", "rk_live_"]) => {}
            Mode::Test if starts(["sk_test_", "rk_test_"]) => {}
            Mode::Live | Mode::Test => {
                return Err(fault("stripe.secret_key_file holds no secret key (sk_… or rk_…)"));
            }
        }
        if !(1..=2).contains(&self.webhook_secret_files.len()) {
            return Err(fault(
                "stripe.webhook_secret_files names one file, or two while a secret is exchanged",
            ));
        }
        let files = self.webhook_secret_files.iter();
        let secrets = files.map(|file| secret("stripe.webhook_secret_files", folder, file));
        let secrets = secrets.collect::<Result<Vec<_>, _>>()?;
        if secrets.iter().any(|secret| secret.expose().len() < 16) {
            return Err(fault("stripe.webhook_secret_files: a secret is shorter than 16 signs"));
        }
        let form = self.form(mode, &at)?;
        let reach = if at.is_stand_in { Reach::Internal } else { Reach::Public };
        let files = if at.is_stand_in { at.base.clone() } else { STRIPE_FILES.to_owned() };
        let to_files = Destination::parse(&files).map_err(|why| fault(why.to_string()))?;
        let client = client(AllowList::new().with(at.destination, reach).with(to_files, reach))?;
        Ok(Stripe::new(client, at.base, key, secrets).with_form(form).with_files_at(files))
    }
}

impl StripeSection {
    /// Stripe's form in a frame: which script makes it, and whom that speaks to. Fixed for Stripe itself; a stand-in has its own.
    fn form(&self, mode: Mode, at: &Where) -> Result<Option<Framed>, ConfigFault> {
        let Some(key) = &self.publishable_key else { return Ok(None) };
        let start = match mode {
            Mode::Live => "pk_live_",
            Mode::Test => "pk_test_",
        };
        let is_plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !key.starts_with(start) || key.len() > 255 || !is_plain {
            return Err(fault(format!("stripe.publishable_key begins with {start} in this mode")));
        }
        let (script, origins) = if at.is_stand_in {
            (format!("{}/endive/stripe.js", at.base), vec![at.base.clone()])
        } else {
            (SCRIPT.to_owned(), FORM_ORIGINS.iter().map(|one| (*one).to_owned()).collect())
        };
        Ok(Some(Framed { key: key.clone(), script, origins }))
    }
}

impl PayPalSection {
    fn client(&self, mode: Mode, folder: &Path) -> Result<PayPal, ConfigFault> {
        let (own, certificates) = match mode {
            Mode::Live => (PAYPAL_LIVE, CERTIFICATES_LIVE),
            Mode::Test => (PAYPAL_SANDBOX, CERTIFICATES_SANDBOX),
        };
        let at = place(self.address.as_deref(), own, mode, "paypal.address")?;
        let is_word =
            |text: &str| !text.is_empty() && text.len() <= 200 && text.bytes().all(|b| b.is_ascii_graphic());
        if !is_word(&self.client_id) || self.client_id.contains(':') || !is_word(&self.webhook_id) {
            return Err(fault("paypal.client_id and paypal.webhook_id are words of visible signs"));
        }
        let key = secret("paypal.secret_file", folder, &self.secret_file)?;
        let roots = match (&self.certificate_roots_file, at.is_stand_in) {
            (Some(file), true) => {
                let path = folder.join(file);
                let pem = std::fs::read(&path).map_err(|why| fault(format!("{}: {why}", path.display())))?;
                Roots::from_pem(&pem)
            }
            (Some(_), false) => {
                return Err(fault("paypal.certificate_roots_file is for a stand-in on this machine alone"));
            }
            (None, _) => Roots::new(storeward_outbound::system_roots()),
        };
        if roots.is_empty() {
            return Err(fault("no root is trusted here; install the package ca-certificates"));
        }
        let origin = if at.is_stand_in { at.base.clone() } else { certificates.to_owned() };
        let signs = Destination::parse(&origin).map_err(|why| fault(why.to_string()))?;
        let reach = if at.is_stand_in { Reach::Internal } else { Reach::Public };
        let client = client(AllowList::new().with(at.destination, reach).with(signs, reach))?;
        let certificates = Certificates::new(client.clone(), origin, roots);
        Ok(PayPal::new(client, at.base, self, key, certificates))
    }
}

impl HookSection {
    fn hook(&self, folder: &Path) -> Result<Hook, ConfigFault> {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > 40 || !self.name.chars().all(is_name) {
            return Err(fault("a hook's name has 1 to 40 small letters, digits and hyphens"));
        }
        let destination = Destination::of_url(&self.url).map_err(|why| fault(format!("hook.url: {why}")))?;
        if !destination.is_https() && !self.internal {
            return Err(fault("a hook's url begins with https:// unless it is internal"));
        }
        let text = secret("hook.secret_file", folder, &self.secret_file)?;
        let key = text.expose().strip_prefix("whsec_").and_then(decode_base64);
        let key = key.filter(|key| (24..=64).contains(&key.len()));
        let key = key.ok_or_else(|| fault("a hook's secret is whsec_ and base 64 of 24 to 64 bytes"))?;
        let reach = if self.internal { Reach::Internal } else { Reach::Public };
        let client = client(AllowList::new().with(destination, reach))?;
        Ok(Hook { name: self.name.clone(), url: self.url.clone(), client, key: Secret::new(key) })
    }
}
