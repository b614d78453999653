//! What holds on which path: inspection, limits, headers. The longest path wins.

use std::sync::Arc;

use storeward_base::{AddressList, ClientIp, spellings};
use storeward_inspect::{CardAction, Cards, Exception, Mode, Policy, RuleSelector};

use crate::config::{
    CardNumbers, ConfigError, ExceptionEntry, HeadersSection, InspectMode, InspectSection, LimitsSection,
    RouteEntry,
};
use crate::paths::{covers, is_plain};
use crate::rates::Rate;

/// Which headers are put right on responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderPolicy {
    pub hsts: Option<Hsts>,
    pub nosniff: bool,
    pub frame: bool,
    pub referrer: bool,
    pub cookies: bool,
    pub hide_banners: bool,
}

/// What Strict-Transport-Security says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hsts {
    pub include_subdomains: bool,
    pub preload: bool,
}

/// Who gets in at all.
#[derive(Clone, Debug)]
pub enum Entrance {
    Open,
    Closed,
    OnlyFrom(AddressList),
}

impl Entrance {
    pub fn lets_in(&self, client: ClientIp) -> bool {
        match self {
            Entrance::Open => true,
            Entrance::Closed => false,
            Entrance::OnlyFrom(addresses) => addresses.contains(client.get()),
        }
    }
}

/// Everything that holds below one path.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its path; names it in the access record.
    pub name: Arc<str>,
    pub entrance: Entrance,
    pub policy: Arc<Policy>,
    pub body_bytes: u64,
    pub mask_cards: bool,
    /// Answers are compressed here for clients that like it.
    pub compress: bool,
    pub headers: HeaderPolicy,
    pub pace: Pace,
    /// How long the shop may pause inside of a body, where that differs here.
    pub stall_seconds: Option<u64>,
    /// Its place among the routes.
    pub number: usize,
}

/// How fast a client may ask here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    General,
    Own(Rate),
    /// As fast as it likes.
    Free,
}

/// The routes, longest path first; the last is `/`.
#[derive(Clone, Debug)]
pub struct Routes {
    all: Vec<Route>,
    /// Whether some route does not let everybody in.
    some_are_closed: bool,
    /// Parameters that carry a path in this shop.
    path_parameters: Vec<String>,
}

impl Routes {
    /// Puts the entries over the defaults. An entry's path must be canonical: begin with `/`, without `%` or `..`.
    pub fn build(
        entries: &[RouteEntry],
        inspect: &InspectSection,
        limits: &LimitsSection,
        headers: &HeadersSection,
    ) -> Result<Self, ConfigError> {
        let default = Route {
            name: "/".into(),
            entrance: Entrance::Open,
            policy: Arc::new(Policy {
                mode: mode(inspect.mode),
                exceptions: exceptions("inspect.exceptions", &inspect.exceptions)?,
                cards: cards(inspect)?,
                ..Policy::default()
            }),
            body_bytes: limits.body_bytes,
            mask_cards: true,
            compress: true,
            headers: header_policy(headers),
            pace: Pace::General,
            stall_seconds: None,
            number: 0,
        };
        let mut routes = Vec::with_capacity(entries.len() + 1);
        for entry in entries {
            routes.push(overlay(&default, entry)?);
        }
        if !routes.iter().any(|r| r.name.as_ref() == "/") {
            routes.push(default);
        }
        routes.sort_by_key(|r| std::cmp::Reverse(r.name.len()));
        routes.iter_mut().enumerate().for_each(|(number, route)| route.number = number);
        // Letters of either case are the same path: of two such entries one would never be reached.
        let mut seen = std::collections::HashSet::new();
        match routes.iter().find(|route| !seen.insert(route.name.to_ascii_lowercase())) {
            Some(route) => Err(ConfigError::new(
                "route.path",
                format!("`{}` stands twice, if in other letters; merge the two", route.name),
            )),
            None => {
                let some_are_closed = routes.iter().any(|r| !matches!(r.entrance, Entrance::Open));
                let named = entries.iter().flat_map(|entry| entry.path_parameters.iter().cloned());
                Ok(Routes { all: routes, some_are_closed, path_parameters: named.collect() })
            }
        }
    }

    /// The route of a canonical path. Matches whole segments: `/shop` covers `/shop/a` and `/Shop;x=1/a`, not `/shopping`.
    pub fn of(&self, path: &str) -> &Route {
        self.all
            .iter()
            .find(|r| covers(&r.name, path))
            .or(self.all.last())
            .expect("build() always ends the list with the route of `/`")
    }

    /// Whether a client may enter, by the path itself and by each other spelling under which a shop may serve another.
    pub fn let_in(&self, client: ClientIp, path: &str, query: Option<&str>) -> bool {
        let lets_in = |path: &str| self.of(path).entrance.lets_in(client);
        !self.some_are_closed || lets_in(path) && spellings::all(path, query, &self.path_parameters, lets_in)
    }

    pub fn all(&self) -> &[Route] {
        &self.all
    }
}

fn overlay(default: &Route, entry: &RouteEntry) -> Result<Route, ConfigError> {
    let path = entry.path.as_str();
    if !is_plain(path) {
        return Err(ConfigError::new("route.path", format!("`{path}` must be a plain path such as /admin")));
    }
    let mut route = default.clone();
    route.name = if path == "/" { "/".into() } else { path.trim_end_matches('/').into() };
    route.entrance = entrance(entry)?;
    let policy = Arc::make_mut(&mut route.policy);
    if let Some(wanted) = entry.inspect {
        policy.mode = mode(wanted);
    }
    policy.exceptions.extend(exceptions("route.exceptions", &entry.exceptions)?);
    if let Some(wanted) = entry.card_numbers {
        policy.cards = Cards { refused_at: Vec::new(), elsewhere: card_action(wanted) };
    }
    route.body_bytes = entry.body_bytes.unwrap_or(route.body_bytes);
    route.mask_cards = entry.mask_cards.unwrap_or(route.mask_cards);
    // Where we read the answers we asked for plain text and owe the compression; where not, the shop chose for itself.
    route.compress = entry.compress.unwrap_or(route.mask_cards);
    route.pace = pace(entry)?;
    route.stall_seconds = entry.stall_timeout_seconds;
    let headers = &mut route.headers;
    if entry.hsts == Some(false) {
        headers.hsts = None;
    }
    headers.nosniff = entry.nosniff.unwrap_or(headers.nosniff);
    headers.frame = entry.frame.unwrap_or(headers.frame);
    headers.referrer = entry.referrer.unwrap_or(headers.referrer);
    headers.cookies = entry.cookies.unwrap_or(headers.cookies);
    headers.hide_banners = entry.hide_banners.unwrap_or(headers.hide_banners);
    Ok(route)
}

fn pace(entry: &RouteEntry) -> Result<Pace, ConfigError> {
    let Some(per_second) = entry.requests_per_second else {
        return match entry.request_burst {
            None => Ok(Pace::General),
            Some(_) => {
                Err(ConfigError::new("route.request_burst", "give requests_per_second of this route as well"))
            }
        };
    };
    let own = crate::config::rate("route", per_second, entry.request_burst)?;
    Ok(own.map_or(Pace::Free, Pace::Own))
}

fn entrance(entry: &RouteEntry) -> Result<Entrance, ConfigError> {
    match &entry.only_from {
        Some(_) if entry.closed => Err(ConfigError::new(
            "route.only_from",
            format!("`{}` is closed and yet open to some: keep one of the two", entry.path),
        )),
        // An empty list would read as "everybody" to one and as "nobody" to another.
        Some(list) if list.is_empty() => Err(ConfigError::new(
            "route.only_from",
            format!("`{}` names nobody; say `closed = true` for that", entry.path),
        )),
        Some(list) => Ok(Entrance::OnlyFrom(list.clone())),
        None if entry.closed => Ok(Entrance::Closed),
        None => Ok(Entrance::Open),
    }
}

const fn mode(wanted: InspectMode) -> Mode {
    match wanted {
        InspectMode::Off => Mode::Off,
        InspectMode::Detect => Mode::Detect,
        InspectMode::Block => Mode::Block,
    }
}

fn header_policy(section: &HeadersSection) -> HeaderPolicy {
    HeaderPolicy {
        hsts: section.hsts.then_some(Hsts {
            include_subdomains: section.hsts_include_subdomains,
            preload: section.hsts_preload,
        }),
        nosniff: section.nosniff,
        frame: section.frame,
        referrer: section.referrer,
        cookies: section.cookies,
        hide_banners: section.hide_banners,
    }
}

const fn card_action(word: CardNumbers) -> CardAction {
    match word {
        CardNumbers::Mask => CardAction::Mask,
        CardNumbers::Report => CardAction::Report,
        CardNumbers::Refuse => CardAction::Refuse,
    }
}

fn cards(inspect: &InspectSection) -> Result<Cards, ConfigError> {
    let refused_at = match &inspect.refuse_card_numbers_at {
        None => Cards::default().refused_at,
        Some(places) => {
            let read = |place: &String| {
                place.parse().map_err(|_| {
                    let wanted = "/checkout (a path and what is below it), */payment (a part of any path) or ?wc-ajax=checkout";
                    ConfigError::new("inspect.refuse_card_numbers_at", format!("`{place}` is none of {wanted}"))
                })
            };
            places.iter().map(read).collect::<Result<_, _>>()?
        }
    };
    Ok(Cards { refused_at, elsewhere: card_action(inspect.card_numbers) })
}

fn exceptions(key: &str, entries: &[ExceptionEntry]) -> Result<Vec<Exception>, ConfigError> {
    entries
        .iter()
        .map(|entry| {
            if entry.rule.is_none() && entry.parameter.is_none() && entry.path.is_none() {
                return Err(ConfigError::new(
                    key,
                    "an exception without rule, parameter or path would switch everything off: name at least one",
                ));
            }
            Ok(Exception {
                rule: entry.rule.map_or(RuleSelector::All, RuleSelector::Id),
                parameter: entry.parameter.clone(),
                path_prefix: entry.path.clone(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(text: &str) -> Result<Routes, ConfigError> {
        #[derive(serde::Deserialize)]
        struct File {
            #[serde(default)]
            route: Vec<RouteEntry>,
        }
        let file: File = toml::from_str(text).unwrap();
        Routes::build(
            &file.route,
            &InspectSection::default(),
            &LimitsSection::default(),
            &HeadersSection::default(),
        )
    }

    #[test]
    fn the_longest_path_wins_at_segment_boundaries() {
        let routes = build(
            "[[route]]\npath = '/admin'\ninspect = 'detect'\n[[route]]\npath = '/admin/upload/'\nbody_bytes = 7",
        )
        .unwrap();
        assert_eq!(routes.of("/admin").policy.mode, Mode::Detect);
        assert_eq!(routes.of("/administration").name.as_ref(), "/");
        assert_eq!(routes.of("/admin/upload/x").body_bytes, 7);
        assert_eq!(routes.of("/").policy.mode, Mode::Block);
    }

    #[test]
    fn compression_takes_the_place_of_the_shops() {
        let routes = build(
            "[[route]]\npath = '/own'\nmask_cards = false\n[[route]]\npath = '/both'\nmask_cards = false\n\
             compress = true\n[[route]]\npath = '/never'\ncompress = false",
        )
        .unwrap();
        let compresses = |path: &str| routes.of(path).compress;
        assert!(compresses("/") && !compresses("/own") && compresses("/both") && !compresses("/never"));
    }

    #[test]
    fn a_rule_holds_for_every_spelling_of_its_path() {
        let routes = build("[[route]]\npath = '/admin/users'\nbody_bytes = 7").unwrap();
        for path in [
            "/admin/users",
            "/ADMIN/Users/x",
            "/admin;a=b/users",
            "/admin;/users;jsessionid=1/x",
            "/;x=1/admin/users",
            "/admin/;x=1/users",
        ] {
            assert_eq!(routes.of(path).body_bytes, 7, "{path}");
        }
        for path in ["/admin", "/adminusers", "/;admin/users", "/x/admin/users", "/admin/;users"] {
            assert_ne!(routes.of(path).body_bytes, 7, "{path}");
        }
    }

    #[test]
    fn faults_are_named() {
        for (text, word) in [
            ("[[route]]\npath = 'admin'", "plain path"),
            ("[[route]]\npath = '/a/../b'", "plain path"),
            ("[[route]]\npath = '/a'\n[[route]]\npath = '/a/'", "twice"),
            ("[[route]]\npath = '/Admin'\n[[route]]\npath = '/admin'", "twice"),
            ("[[route]]\npath = '/a'\n[[route]]\npath = '/b'\n[[route]]\npath = '/A'", "twice"),
            ("[[route]]\npath = '/a;x=1'", "plain path"),
            ("[[route]]\npath = '/a'\nexceptions = [{}]", "name at least one"),
            ("[[route]]\npath = '/a'\nrequest_burst = 7", "as well"),
            ("[[route]]\npath = '/a'\nrequests_per_second = 1001", "at most 1000"),
        ] {
            assert!(build(text).unwrap_err().to_string().contains(word), "{text}");
        }
    }
}
