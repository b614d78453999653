//! What a paying page may run and speak to: made of what was approved, and the same for every answer until that changes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use storeward_base::{Timestamp, spellings};

use crate::address;
use crate::config::{Mode, OnChange, Provider};
use crate::model::{Kind, Scope, Script, ScriptId, Status};

/// A policy that is longer does not fit into a head that every server and browser takes.
const MOST_BYTES: usize = 12 * 1024;

/// What goes by approvals, swapped whole.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Every row, with the hash that Storeward saw last.
    pub rows: HashMap<ScriptId, Option<String>>,
    /// How code begins that stood in pages, and code that scripts put into them.
    pub begins: HashSet<String>,
    pub put_in: HashSet<String>,
    /// How many rows there are of what a script, by its address, puts into a page.
    pub puts_in: HashMap<(String, String), usize>,
    /// The guarded pages, in the config's order; none where the guard is off.
    pub pages: Vec<Guarded>,
    /// Something that Storeward saw itself took pages that only learn to their last good state.
    pub is_triggered: bool,
    /// How many alerts of each kind wait for staff.
    pub open: Vec<(String, u64)>,
}

/// A guarded page, and what holds there now.
#[derive(Clone, Debug)]
pub(crate) struct Guarded {
    pub page: Arc<str>,
    pub rules: Arc<Rules>,
}

impl Known {
    /// The guarded page that a path lies on, by its place in the list, under whatever spelling a shop serves it: `/index.php/checkout`.
    pub(crate) fn page_of(&self, path: &str, query: Option<&str>) -> Option<(usize, &Guarded)> {
        self.page_at(path).or_else(|| {
            let mut found = None;
            // Too many spellings: nobody knows which of the pages it is, so it is the first.
            let is_none = spellings::all(path, query, &[], |spelling| {
                found = self.page_at(spelling);
                found.is_none()
            });
            found.or_else(|| self.pages.iter().enumerate().next().filter(|_| !is_none))
        })
    }

    /// The same at the page's own address alone: another spelling may be another program's page (`/blog.php/checkout`), which one client
    /// asked for.
    pub(crate) fn page_at(&self, path: &str) -> Option<(usize, &Guarded)> {
        let covers = |own: &str| {
            // In letters of either case, and before parameters of a segment: shops serve the same page there.
            let begins = path.get(..own.len()).is_some_and(|start| start.eq_ignore_ascii_case(own));
            own == "/" || begins && matches!(path.as_bytes().get(own.len()), None | Some(b'/' | b';'))
        };
        let found = self.pages.iter().enumerate().filter(|(_, own)| covers(&own.page));
        found.max_by_key(|(_, own)| own.page.len())
    }

    /// The strictest way in which a page is served now.
    pub(crate) fn acts_as(&self) -> Mode {
        self.pages.iter().map(|own| own.rules.acts_as).max().unwrap_or(Mode::Off)
    }

    /// Whether a file may run beside the pages, as far as one of them is held to approvals.
    pub(crate) fn allows_worker(&self, address: &str) -> bool {
        self.pages.iter().any(|own| own.rules.workers.contains(address))
    }

    /// Whether an approval that holds on one of the pages names this address.
    pub(crate) fn names(&self, address: &str) -> bool {
        self.pages.iter().any(|own| own.rules.names(address))
    }

    /// The same known with these rows.
    pub(crate) fn with_rows(mut self, rows: &[Script]) -> Known {
        for row in rows {
            self.rows.insert(row.id.clone(), row.hash.clone());
            let begins = row.begins.iter().flat_map(|all| all.split(' ')).map(str::to_owned);
            if row.is_put_in() {
                self.put_in.extend(begins);
                let of = (row.page.clone(), row.initiator.clone().unwrap_or_default());
                *self.puts_in.entry(of).or_default() += 1;
            } else {
                self.begins.extend(begins);
            }
        }
        self
    }

    /// Whether a guarded page may speak to a host.
    pub(crate) fn speaks_to(&self, page: &str, host: &str) -> bool {
        self.pages.iter().any(|own| *own.page == *page && own.rules.speaks_to(host))
    }

    /// Approved rows that found no room in the policy.
    pub(crate) fn left_out(&self) -> usize {
        self.pages.iter().map(|own| own.rules.left_out).max().unwrap_or(0)
    }
}

/// What a page may run and speak to.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// How the page is served now.
    pub acts_as: Mode,
    shapes: HashSet<ScriptId>,
    /// Addresses of the files that were approved.
    files: HashSet<String>,
    workers: HashSet<String>,
    pins: HashMap<String, String>,
    /// The policy behind `script-src` and its nonce.
    scripts: String,
    /// Of these the addresses alone.
    addresses: String,
    rest: String,
    /// Origins to which a page may lead away.
    pub leads_to: String,
    /// Of whom frames may stand in the page.
    frames: Vec<String>,
    /// The header of browsers that hold a page to a list of hosts, whatever the channel (Connection Allowlists, WICG).
    pub hosts: String,
    /// Approved rows that found no room in the policy.
    pub left_out: usize,
}

/// What approvals are read with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings<'a> {
    pub now: Timestamp,
    pub acts_as: Mode,
    pub on_change: OnChange,
    pub providers: &'a [Provider],
    /// Where the config says that pages may lead to.
    pub leads_to: &'a [String],
}

/// What a provider publishes that its pages need.
struct Hosts {
    scripts: &'static [&'static str],
    connect: &'static [&'static str],
    frames: &'static [&'static str],
    images: &'static [&'static str],
    styles: &'static [&'static str],
    leads_to: &'static [&'static str],
}

/// docs.stripe.com/security/guide, "Content Security Policy": Stripe.js, Elements and Checkout.
const STRIPE: Hosts = Hosts {
    scripts: &["https://js.stripe.com", "https://*.js.stripe.com", "https://checkout.stripe.com"],
    connect: &["https://api.stripe.com", "https://checkout.stripe.com"],
    frames: &[
        "https://js.stripe.com",
        "https://*.js.stripe.com",
        "https://hooks.stripe.com",
        "https://checkout.stripe.com",
    ],
    images: &["https://*.stripe.com"],
    styles: &[],
    leads_to: &["https://checkout.stripe.com", "https://hooks.stripe.com"],
};

/// developer.paypal.com/sdk/js/best-practices, "Content Security Policy". The buttons bring their style sheet from there, too.
const PAYPAL: Hosts = Hosts {
    scripts: &["https://*.paypal.com", "https://*.paypalobjects.com", "https://*.venmo.com"],
    connect: &["https://*.paypal.com", "https://*.paypalobjects.com", "https://*.venmo.com"],
    frames: &["https://*.paypal.com", "https://*.paypalobjects.com", "https://*.venmo.com"],
    images: &["https://*.paypal.com", "https://*.paypalobjects.com", "https://*.venmo.com"],
    styles: &["https://*.paypal.com", "https://*.paypalobjects.com", "https://*.venmo.com"],
    leads_to: &["https://www.paypal.com", "https://www.sandbox.paypal.com"],
};

impl Provider {
    const fn hosts(self) -> &'static Hosts {
        match self {
            Provider::Stripe => &STRIPE,
            Provider::PayPal => &PAYPAL,
        }
    }
}

impl Hosts {
    const fn of(&self, kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::Script => self.scripts,
            Kind::Connect => self.connect,
            Kind::Frame => self.frames,
            Kind::Image => self.images,
            Kind::Style => self.styles,
            Kind::Form | Kind::Navigate => self.leads_to,
            Kind::Inline | Kind::Handler | Kind::Font | Kind::Media | Kind::Object | Kind::Worker => &[],
        }
    }
}

/// Whether something runs, or is spoken to, without an approval: it is a provider's, or the policy allows it to every page.
pub(crate) fn needs_none(
    row: &Script,
    (providers, leads_to): (&[Provider], &[String]),
    hosts: &[String],
) -> bool {
    let origin = address::origin(&row.address).unwrap_or(&row.address);
    let fits = |pattern: &&str| match pattern.split_once("*.") {
        Some((scheme, suffix)) => {
            let host = origin.strip_prefix(scheme).and_then(|host| host.strip_suffix(suffix));
            host.is_some_and(|host| host.len() > 1 && host.ends_with('.'))
        }
        None => origin == *pattern,
    };
    let name = address::host(&row.address);
    let is_own = hosts.iter().any(|own| own == name.split(':').next().unwrap_or_default());
    let is_plain =
        matches!(row.kind, Kind::Connect | Kind::Image | Kind::Style | Kind::Font | Kind::Media | Kind::Form);
    let is_data = row.address == "data:" && matches!(row.kind, Kind::Image | Kind::Font);
    let is_led_to = matches!(row.kind, Kind::Form | Kind::Navigate) && leads_to.contains(&row.address);
    is_data
        || is_led_to
        || is_plain && is_own
        || providers.iter().any(|one| one.hosts().of(row.kind).iter().any(&fits))
}

/// Whether a row may run now.
pub(crate) fn may_run(row: &Script, settings: &Settings<'_>) -> bool {
    match row.status_at(settings.now) {
        Status::Approved => true,
        // A file that changed goes on while staff are only told; code in the page is held to its hash anyhow.
        // Where browsers can hold the file to the approved hash, that hash stands in the policy instead of its address.
        Status::Changed => row.kind != Kind::Script || settings.on_change == OnChange::Alert || row.is_shared,
        Status::New | Status::Expired | Status::Revoked => false,
    }
}

/// What stands in the policy for a row.
struct Admitted {
    text: String,
    /// The hash that browsers hold the file to.
    pin: Option<String>,
}

impl Rules {
    pub(crate) fn of(rows: &[Script], settings: Settings<'_>) -> Rules {
        let mut known = Rules { acts_as: settings.acts_as, ..Rules::default() };
        let providers: Vec<&Hosts> = settings.providers.iter().map(|one| one.hosts()).collect();
        let of = |kind: Kind| {
            providers
                .iter()
                .flat_map(|one| one.of(kind))
                .map(|host| (*host).to_owned())
                .collect::<Vec<String>>()
        };
        let mut scripts = of(Kind::Script);
        let mut places: HashMap<Kind, Vec<String>> =
            [Kind::Connect, Kind::Frame, Kind::Image, Kind::Style, Kind::Form, Kind::Navigate]
                .into_iter()
                .map(|kind| (kind, of(kind)))
                .collect();
        places.entry(Kind::Navigate).or_default().extend(settings.leads_to.iter().cloned());
        let mut handlers = Vec::new();
        let mut length = 1_024;
        for row in rows.iter().filter(|row| may_run(row, &settings)) {
            let Admitted { text: source, pin } = known.admit(row, &settings);
            if source.is_empty() {
                continue;
            }
            // The address of a script stands in both policies, in the second one too where only its hash stands in the first.
            let of_address = if row.kind == Kind::Script { row.address.len() + 1 } else { 0 };
            let room = source.len() + of_address;
            // One that does not fit leaves its room to those behind it.
            if length + room >= MOST_BYTES {
                known.left_out += 1;
            } else {
                length += room + 1;
                known.pins.extend(pin.map(|hash| (row.address.clone(), hash)));
                match row.kind {
                    Kind::Script | Kind::Inline => scripts.push(source),
                    Kind::Handler => handlers.push(source),
                    other => places.entry(other).or_default().push(source),
                }
            }
        }
        known.leads_to = leads_to(&places);
        known.frames = places.get(&Kind::Frame).cloned().unwrap_or_default();
        // A file that stands in the policy by its hash is fetched from its host all the same.
        known.hosts = hosts(scripts.iter().chain(places.values().flatten()).chain(known.pins.keys()));
        known.addresses = addresses(&scripts, &known.pins);
        known.scripts = scripts.join(" ");
        known.rest = rest(&handlers, &places);
        known
    }

    /// What stands in the policy for an approved row; shapes are kept beside.
    fn admit(&mut self, row: &Script, settings: &Settings<'_>) -> Admitted {
        let mut pin = None;
        let text = self.text_of(row, settings, &mut pin);
        Admitted { text, pin }
    }

    fn text_of(&mut self, row: &Script, settings: &Settings<'_>, pin: &mut Option<String>) -> String {
        let approval = row.approval.as_ref();
        let hash = approval.and_then(|approval| approval.hash.clone());
        let scope = approval.map(|approval| approval.scope);
        match (row.kind, scope) {
            (Kind::Inline, Some(Scope::Shape)) => {
                self.shapes.insert(row.id.clone());
                String::new()
            }
            (Kind::Inline | Kind::Handler, _) => {
                hash.map(|hash| format!("'sha256-{hash}'")).unwrap_or_default()
            }
            (Kind::Script, scope) => {
                self.files.insert(row.address.clone());
                let is_held = settings.acts_as == Mode::Enforce
                    && settings.on_change != OnChange::Alert
                    && scope == Some(Scope::Exact);
                if let Some(hash) = hash.filter(|_| is_held && row.is_shared) {
                    // By its address what changed would run wherever no tag of the page asks for the hash: a script can put it in.
                    let by_hash = format!("'sha256-{hash}'");
                    *pin = Some(hash);
                    if row.status_at(settings.now) == Status::Changed {
                        return by_hash;
                    }
                }
                match row.address.as_str() {
                    // Code made from text in the page; a file made there has no address to be approved by.
                    "eval" => "'unsafe-eval'".to_owned(),
                    "wasm-eval" => "'wasm-unsafe-eval'".to_owned(),
                    address => address.to_owned(),
                }
            }
            (Kind::Worker, _) => {
                self.files.insert(row.address.clone());
                self.workers.insert(row.address.clone());
                row.address.clone()
            }
            _ => address::origin(&row.address).unwrap_or(&row.address).to_owned(),
        }
    }

    /// Whether a frame of somebody else's may stand in the page. Those of providers open windows and wait to hear from them: PayPal's
    /// buttons do, and so do wallets in Stripe's frames.
    pub(crate) fn has_frames_of_others(&self, own: &str) -> bool {
        self.frames.iter().any(|place| place != own)
    }

    /// Whether the policy lets the page speak to a host. The guard tells two parts of a name: beside a shop's own host below
    /// `cloudfront.net` there is everybody's, so that name is the very host's or a provider's whole.
    pub(crate) fn speaks_to(&self, told: &str) -> bool {
        let named = self.hosts.split('"').filter_map(|part| part.strip_suffix("/*"));
        named.map(|own| address::host(own).split(':').next().unwrap_or_default()).any(|own| {
            let rest = own.strip_prefix("*.").and_then(|whole| whole.strip_suffix(told));
            own == told || rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }

    /// Whether a page may lead there, whichever row was approved for it: that of a form, that of a link, the config's.
    pub(crate) fn leads_there(&self, row: &Script) -> bool {
        matches!(row.kind, Kind::Form | Kind::Navigate) && self.leads_to_place(&row.address)
    }

    pub(crate) fn leads_to_place(&self, address: &str) -> bool {
        self.leads_to.split(' ').any(|to| to == address)
    }

    /// Whether an approval names this very address.
    pub(crate) fn names(&self, address: &str) -> bool {
        self.files.contains(address)
    }

    pub(crate) fn allows_shape(&self, id: &ScriptId) -> bool {
        self.shapes.contains(id)
    }

    /// The hash that browsers hold a file to.
    pub(crate) fn pinned(&self, address: &str) -> Option<&str> {
        self.pins.get(address).map(String::as_str)
    }

    /// The policy of one answer. `guard` is the address of the guard script, `report` that of the reports.
    pub(crate) fn policy(&self, nonce: &str, guard: &str, report: &str) -> String {
        format!(
            "default-src 'none'; script-src 'report-sha256' 'report-sample' 'nonce-{nonce}' {guard} {}{}; report-uri {report}; report-to storeward",
            self.scripts, self.rest
        )
    }

    /// A second one beside it, which browsers apply as well: whoever got hold of the nonce, or of a tag that bears it, loads nothing with it
    /// from where no approved script lies (CSP 3, 6.7.1.1: a nonce lets a file of any address run).
    pub(crate) fn policy_of_addresses(&self, guard: &str, report: &str) -> String {
        format!(
            "script-src-elem 'unsafe-inline' {guard} {}; report-uri {report}; report-to storeward",
            self.addresses
        )
    }
}

/// Without the hashes, which would take `'unsafe-inline'` back; with the addresses of files that only their hash stands for.
fn addresses(scripts: &[String], pins: &HashMap<String, String>) -> String {
    let mut all: Vec<&str> =
        scripts.iter().map(String::as_str).filter(|one| !one.starts_with('\'')).collect();
    all.extend(pins.keys().map(String::as_str));
    all.sort_unstable();
    all.dedup();
    all.join(" ")
}

fn rest(handlers: &[String], places: &HashMap<Kind, Vec<String>>) -> String {
    let of = |kind: Kind| {
        places
            .get(&kind)
            .map(|list| list.iter().fold(String::new(), |all, one| all + " " + one))
            .unwrap_or_default()
    };
    let handlers = match handlers.is_empty() {
        true => "'none'".to_owned(),
        false => format!("'unsafe-hashes' {}", handlers.join(" ")),
    };
    // Where the page may lead to, its forms may, too: browsers hold `form-action` against the redirects behind a form, and report its first
    // address alone, so that nobody could approve the place that a shop's answer leads on to.
    let forms = match leads_to(places) {
        none if none.is_empty() => none,
        some => format!(" {some}"),
    };
    // A frame of the shop's own is a place where no guard is: not without an approval.
    let named = |kind: Kind| match of(kind) {
        none if none.is_empty() => " 'none'".to_owned(),
        some => some,
    };
    format!(
        "; script-src-attr {handlers}; connect-src 'self'{}; img-src 'self' data:{}; style-src 'self' 'unsafe-inline'{}; \
         font-src 'self' data:{}; media-src 'self'{}; worker-src{}; frame-src{}; form-action 'self'{forms}; \
         manifest-src 'self'; object-src 'none'; base-uri 'self'",
        of(Kind::Connect),
        of(Kind::Image),
        of(Kind::Style),
        of(Kind::Font),
        of(Kind::Media),
        named(Kind::Worker),
        named(Kind::Frame),
    )
}

fn leads_to(places: &HashMap<Kind, Vec<String>>) -> String {
    let mut all: Vec<&str> = [Kind::Form, Kind::Navigate]
        .iter()
        .flat_map(|kind| places.get(kind))
        .flatten()
        .map(String::as_str)
        .collect();
    all.sort_unstable();
    all.dedup();
    all.join(" ")
}

/// `("https://a.example/*" response-origin);redirects=allow`, of all places that stand in the policy. Redirects lead on as in the
/// policy, which browsers apply beside it.
fn hosts<'a>(sources: impl Iterator<Item = &'a String>) -> String {
    let origins: BTreeSet<&str> = sources.filter_map(|source| address::origin(source)).collect();
    let mut out = String::from("(response-origin");
    for origin in origins {
        out.push_str(&format!(" \"{origin}/*\""));
    }
    out + ");redirects=allow"
}

#[cfg(test)]
mod tests;
