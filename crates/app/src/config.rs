//! `storeward.toml`: read whole, checked whole, or refused with the line and what to do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::Deserialize;
use storeward_edge::certificates::CertificateConfig;
use storeward_edge::config::{
    ConfigError, HeadersSection, InspectSection, LimitsSection, Listen, Look, RouteEntry, UpstreamSection,
};
use storeward_edge::{EdgeConfig, Snapshot};
use storeward_inspect::{Cards, Engine};
use storeward_outbound::mail::MailSection;
use storeward_outbound::sms::SmsSection;

use crate::Done;
use crate::failure::{Context, Failure};

/// The file's name in the data directory.
pub const FILE: &str = "storeward.toml";

/// As many as the largest machines have cores; each holds memory of its own.
const MOST_WORKERS: usize = 1_024;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub domain: Names,
    pub listen: Listen,
    pub upstream: UpstreamSection,
    #[serde(default)]
    pub console: ConsoleSection,
    #[serde(default)]
    pub certificates: Option<CertificateConfig>,
    #[serde(default)]
    pub database: DatabaseSection,
    #[serde(default)]
    pub limits: LimitsSection,
    #[serde(default)]
    pub inspect: InspectSection,
    #[serde(default)]
    pub headers: HeadersSection,
    #[serde(default, rename = "route")]
    pub routes: Vec<RouteEntry>,
    #[serde(default)]
    pub look: Look,
    #[serde(default)]
    pub bans: storeward_edge::bans::BansSection,
    #[serde(default)]
    pub edge: EdgeSection,
    #[serde(default)]
    pub telemetry: Option<crate::telemetry::TelemetrySection>,
    #[serde(default)]
    pub mail: Option<MailSection>,
    #[serde(default)]
    pub sms: Option<SmsSection>,
    #[serde(default)]
    pub passwords: crate::passwords::PasswordsSection,
    #[serde(default)]
    pub identity: Option<storeward_identity::Policy>,
    #[serde(default)]
    pub shield: Option<storeward_identity::ShieldSection>,
    #[serde(default)]
    pub guide: Option<storeward_guide::Policy>,
    #[serde(default)]
    pub oidc: Option<storeward_oidc::ProviderSection>,
    #[serde(default)]
    pub vault: Option<crate::vault::VaultSection>,
    #[serde(default)]
    pub backup: Option<crate::backup::BackupSection>,
    #[serde(default)]
    pub api: Option<crate::api::ApiSection>,
    #[serde(default, rename = "gate")]
    pub gates: Vec<storeward_gate::GateSection>,
    #[serde(default)]
    pub office: Option<crate::office::OfficeSection>,
    pub payments: Option<storeward_payments::PaymentsSection>,
    #[serde(default)]
    pub checkout: Option<storeward_checkout::CheckoutSection>,
    #[serde(default, rename = "anchor")]
    pub anchors: Vec<storeward_anchor::AnchorSection>,
}

/// One name or several; the first is the canonical one.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    /// Lower case, as the front door compares them.
    pub fn list(&self) -> Vec<String> {
        match self {
            Names::One(name) => vec![name.to_ascii_lowercase()],
            Names::Several(names) => names.iter().map(|n| n.to_ascii_lowercase()).collect(),
        }
    }
}

/// `[console]`: the staff's pages, never on the shop's host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleSection {
    pub listen: SocketAddr,
    /// Host names under which staff open it, beside localhost.
    pub names: Vec<String>,
    /// File with the bearer token that /metrics asks clients from other machines for.
    pub metrics_token_file: Option<PathBuf>,
}

impl Default for ConsoleSection {
    fn default() -> Self {
        ConsoleSection {
            listen: SocketAddr::from(([127, 0, 0, 1], 9443)),
            names: Vec::new(),
            metrics_token_file: None,
        }
    }
}

/// `[database]`: SQLite in the data directory, or PostgreSQL when the URL says so.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSection {
    pub url: storeward_base::Secret<String>,
}

impl Default for DatabaseSection {
    fn default() -> Self {
        DatabaseSection { url: storeward_base::Secret::new("sqlite:storeward.sqlite".to_owned()) }
    }
}

/// `[edge]`: how the front door uses the machine.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EdgeSection {
    /// Threads that serve; as many as there are cores when left out.
    pub workers: Option<usize>,
}

impl EdgeSection {
    /// How many threads serve.
    pub fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        self.workers.unwrap_or_else(cores)
    }

    /// Refuses numbers of threads that no machine serves with.
    fn check(&self) -> Result<(), ConfigError> {
        match self.workers {
            Some(workers) if !(1..=MOST_WORKERS).contains(&workers) => Err(ConfigError::new(
                "edge.workers",
                format!("1 to {MOST_WORKERS}; leave it out for as many as there are cores"),
            )),
            _ => Ok(()),
        }
    }
}

/// A file that was read, with the fingerprint of its bytes.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    pub fingerprint: String,
}

impl Config {
    /// Reads `DIR/storeward.toml`.
    pub fn load(dir: &Path) -> Done<Loaded> {
        crate::data::DataDir::is_finished(dir)?;
        let path = dir.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|e| {
            Failure::new(format!("{} cannot be read: {e}", path.display())).hint(
                "write one with `storeward init --domain … --upstream …`, or name its folder with --dir",
            )
        })?;
        let config = Config::parse(&text).map_err(|why| {
            Failure::new(format!("{}: {why}", path.display())).hint(
                "mend that line; docs/configuration.md has every key, and `storeward check` looks again",
            )
        })?;
        let config = config.in_folder(dir);
        Ok(Loaded { config, fingerprint: storeward_seal::fingerprint::sha256_hex(text.as_bytes()) })
    }

    /// Reads a config's text; the error names the line, never a secret value.
    pub fn parse(text: &str) -> Result<Config, String> {
        toml::from_str::<Config>(text).map_err(|e| {
            let line =
                e.span().map(|span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
            match line {
                Some(line) => format!("line {line}: {}", e.message()),
                None => e.message().to_owned(),
            }
        })
    }

    /// With the pictures that it names where they lie: a path that is not absolute goes from the data directory on.
    fn in_folder(mut self, dir: &Path) -> Self {
        let theme = self.identity.iter_mut().filter_map(|policy| policy.theme.logo.as_mut());
        for path in theme.chain(&mut self.look.logo) {
            *path = dir.join(&*path);
        }
        self
    }

    /// The front door's part.
    pub fn edge(&self) -> EdgeConfig {
        EdgeConfig {
            names: self.domain.list(),
            listen: self.listen.clone(),
            upstream: self.upstream.clone(),
            limits: self.limits.clone(),
            inspect: self.inspect(),
            headers: self.headers.clone(),
            routes: self.routes.clone(),
            look: self.look.clone(),
        }
    }

    /// Where people pay a card number is refused: at the guarded pages, too, where the owner names no places.
    fn inspect(&self) -> InspectSection {
        let mut inspect = self.inspect.clone();
        let guarded = self.checkout.as_ref().filter(|section| section.mode != storeward_checkout::Mode::Off);
        if let (Some(section), None) = (guarded, &inspect.refuse_card_numbers_at) {
            // All pages, or all in one language, are guarded for what they may become; somebody's letter to the shop still passes.
            let pages = section.paths().into_iter().flat_map(|path| match path.as_str() {
                "/" => Vec::new(),
                folder if is_language(folder) => {
                    let paying = Cards::PAYING.iter().filter(|place| place.starts_with('/'));
                    paying.map(|place| format!("{folder}{place}")).collect()
                }
                _ => vec![path],
            });
            inspect.refuse_card_numbers_at =
                Some(Cards::PAYING.into_iter().map(str::to_owned).chain(pages).collect());
        }
        inspect
    }

    /// The certificate's part: what the file says, or what fits the names.
    pub fn certificates(&self) -> Done<CertificateConfig> {
        let names = self.domain.list();
        match &self.certificates {
            Some(config) if !config.names.is_empty() => {
                return Err(Failure::new(
                    "certificates.names is no setting any more: the names are those of `domain`",
                )
                .hint("take the line `names` out of [certificates], and write all names into `domain`"));
            }
            Some(config) => config.clone().with_names(names),
            None => CertificateConfig::for_names(names),
        }
        .context("certificates")
    }

    /// Refuses an exception from a rule that there is none of: it would be taken for one that helps.
    fn check_exceptions(&self) -> Result<(), ConfigError> {
        static RULES: LazyLock<Vec<u32>> = LazyLock::new(|| {
            let engine = Engine::with_own_rules().expect("a test loads the rules that are built in");
            engine.rules().iter().map(|rule| rule.id).collect()
        });
        let general = self.inspect.exceptions.iter().map(|entry| ("inspect.exceptions", entry));
        let of_routes = self.routes.iter().flat_map(|route| &route.exceptions);
        let of_routes = of_routes.map(|entry| ("route.exceptions", entry));
        for (key, entry) in general.chain(of_routes) {
            if let Some(rule) = entry.rule.filter(|rule| !RULES.contains(rule)) {
                let problem = format!(
                    "there is no rule {rule}; the number stands on the page of the request that was blocked"
                );
                return Err(ConfigError::new(key, problem));
            }
            if entry.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
                return Err(ConfigError::new(key, "`path` must begin with /, or it fits nothing"));
            }
        }
        Ok(())
    }

    /// Compiles what can be compiled without opening anything.
    pub fn validate(&self) -> Done {
        Snapshot::build(&self.edge(), None).context("storeward.toml")?;
        self.edge.check().context("storeward.toml")?;
        self.bans.check().context("storeward.toml")?;
        self.check_exceptions().context("storeward.toml")?;
        self.certificates()?;
        storeward_store::DatabaseUrl::parse(self.database.url.expose()).context("database.url")?;
        if let Some(section) = &self.telemetry {
            section.exporter()?;
        }
        crate::mail::brand(self)?;
        crate::mail::mailer(self)?;
        crate::mail::gateway(self)?;
        crate::passwords::check(self)?;
        crate::identity::check(self)?;
        crate::guide::check(self)?;
        crate::shield::check(self)?;
        crate::oidc::check(self)?;
        crate::vault::check(self)?;
        crate::anchor::check(self)?;
        crate::payments::check(self)?;
        crate::checkout::check(self)?;
        crate::office::check(self)?;
        crate::backup::check(self)?;
        crate::api::check(self)?;
        crate::gate::check(self)
    }
}

/// Whether it is the shop's folder of one language: `/de`, `/pt-BR`.
fn is_language(path: &str) -> bool {
    let name = path.trim_start_matches('/');
    let (language, country) = name.split_once(['-', '_']).unwrap_or((name, "xx"));
    [language, country].iter().all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "domain = 'shop.example'\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = \
                         ['http://127.0.0.1:1']\n";

    #[test]
    fn little_is_enough() {
        let config = Config::parse(LEAST).unwrap();
        config.validate().unwrap();
        assert_eq!(config.console.listen.to_string(), "127.0.0.1:9443");
    }

    #[test]
    fn mail_and_sms_are_checked_whole() {
        let refused = |more: &str| {
            let config = Config::parse(&format!("{LEAST}{more}")).unwrap();
            config.validate().unwrap_err().to_string()
        };
        let mail = "[mail]\nserver = 'smtp.example.com'\nfrom = 'a@shop.example'\n";
        assert!(Config::parse(&format!("{LEAST}{mail}")).unwrap().validate().is_ok());
        assert!(refused(&format!("{mail}security = 'none'\n")).contains("mail.security"));
        assert!(refused("[sms]\nurl = 'https://sms.example/'\n").contains("{to}"));
        assert!(refused("[look]\nlogo = '/nowhere.png'\n").contains("look.logo"));
        let typo = Config::parse(&format!("{LEAST}{mail}frm = 'x'\n")).unwrap_err();
        assert!(typo.starts_with("line ") && typo.contains("frm"), "{typo}");
    }

    #[test]
    fn nobody_listens_to_what_is_asked_of_breached_passwords() {
        let told = |url: &str| {
            let more = format!("[passwords]\nbreach_service = '{url}'\n");
            Config::parse(&format!("{LEAST}{more}")).unwrap().validate()
        };
        for url in [
            "https://api.pwnedpasswords.com",
            "https://127.0.0.1:8443/",
            "http://127.0.0.1:8080",
            "http://localhost",
        ] {
            assert!(told(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "api.pwnedpasswords.com",
            "http://api.pwnedpasswords.com",
            "http://localhost.evil.example",
            "ftp://x.example",
        ] {
            assert!(told(url).unwrap_err().to_string().contains("passwords.breach_service"), "{url}");
        }
    }

    /// `check` said "Ready." to these.
    #[test]
    fn what_would_close_the_shop_is_refused() {
        let check = |more: &str, key: &str| {
            let told = Config::parse(&format!("{LEAST}{more}")).unwrap().validate().unwrap_err().to_string();
            assert!(told.contains(key), "{more}: {told}");
        };
        for key in [
            "headers",
            "head_bytes",
            "body_bytes",
            "connections",
            "connections_per_client",
            "streams_per_connection",
            "streams_in_connection_life",
            "handshake_seconds",
            "head_seconds",
            "idle_seconds",
            "tunnel_idle_seconds",
        ] {
            check(&format!("[limits]\n{key} = 0\n"), &format!("limits.{key}"));
        }
        for (key, value) in [("headers", 1), ("headers", 19), ("head_bytes", 1), ("body_bytes", 1)] {
            check(&format!("[limits]\n{key} = {value}\n"), &format!("limits.{key}"));
        }
        for path in ["", "x", "/a b", "/a\\r\\nX: y", "/a\\tb", "/é", "/a#b"] {
            let config = LEAST.replace("[upstream]\n", &format!("[upstream]\nhealth_path = \"{path}\"\n"));
            let told = Config::parse(&config).unwrap().validate().unwrap_err().to_string();
            assert!(told.contains("upstream.health_path"), "{path}: {told}");
        }
        check("[[route]]\npath = '/Admin'\n[[route]]\npath = '/admin'\nclosed = true\n", "twice");
        check("[inspect]\nexceptions = [{ rule = 99999 }]\n", "no rule 99999");
        check("[[route]]\npath = '/a'\nexceptions = [{ rule = 1, parameter = 'q' }]\n", "no rule 1");
        check("[inspect]\nexceptions = [{ path = 'seller' }]\n", "begin with /");
        for lengths in ["[]", "[10, 0]", "[600000]"] {
            check(&format!("[bans]\nlengths_minutes = {lengths}\n"), "bans.lengths_minutes");
        }
        for workers in [0, 1_025, 100_000] {
            check(&format!("[edge]\nworkers = {workers}\n"), "edge.workers");
        }
        for colour in ["red", "#12345", "#1234567", "#12345g", "#éé12", ""] {
            check(&format!("[look]\ncolour = '{colour}'\n"), "look.colour");
        }
        let rules = "[inspect]\nexceptions = [{ rule = 12110, parameter = 'q', path = '/seller' }]\n";
        Config::parse(&format!("{LEAST}{rules}")).unwrap().validate().unwrap();
        let fits = "[limits]\nrequests_per_second = 0\nminimum_bytes_per_second = 0\nstop_seconds = 0\n\
                    [edge]\nworkers = 1024\n[look]\ncolour = '#2F5d50'\n";
        Config::parse(&format!("{LEAST}{fits}")).unwrap().validate().unwrap();
    }

    #[test]
    fn a_card_number_is_refused_at_guarded_pages() {
        let at = |more: &str| {
            Config::parse(&format!("{LEAST}{more}")).unwrap().edge().inspect.refuse_card_numbers_at
        };
        let joined = at("[checkout]\npages = ['/', '/pay', '/bestellen/']\n").unwrap();
        assert_eq!(joined[..Cards::PAYING.len()], Cards::PAYING);
        assert_eq!(joined[Cards::PAYING.len()..], ["/pay", "/bestellen"]);
        // A shop in languages that guards all of one: its forms are none of those that take money.
        let joined = at("[checkout]\npages = ['/de', '/pt-BR/', '/de/pay']\n").unwrap();
        assert!(!joined.iter().any(|place| place == "/de" || place == "/pt-BR"), "{joined:?}");
        for place in ["/de/checkout", "/de/kasse", "/pt-BR/checkout", "/de/pay"] {
            assert!(joined.iter().any(|one| one == place), "{place} {joined:?}");
        }
        assert_eq!(at("[checkout]\nmode = 'off'\npages = ['/pay']\n"), None);
        assert_eq!(at(""), None);
        // The owner's own list is the whole of it.
        let own = "[inspect]\nrefuse_card_numbers_at = []\n[checkout]\npages = ['/pay']\n";
        assert_eq!(at(own), Some(Vec::new()));
    }

    #[test]
    fn faults_name_the_line_and_no_secret() {
        let unknown = Config::parse(&format!("{LEAST}[inspekt]\nmode = 'block'\n")).unwrap_err();
        assert!(unknown.starts_with("line ") && unknown.contains("inspekt"), "{unknown}");
        let mode = Config::parse(&format!("{LEAST}[inspect]\nmode = 'blok'\n")).unwrap_err();
        assert!(mode.starts_with("line 7") && mode.contains("block"), "{mode}");
        let secret = Config::parse(&format!("{LEAST}[database]\nurl = 'postgres://u:hunter2@h/d'\nx = 1\n"));
        assert!(!secret.unwrap_err().contains("hunter2"));
    }
}
