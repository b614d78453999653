//! What staff decide per route: mode, caps, threshold, exceptions.

use std::fmt;
use std::str::FromStr;

use storeward_base::spellings;

use crate::keys;
use crate::rule::Collection;
use crate::verdict::{Category, UnknownWord};

/// Whether to look, and whether to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Nothing is looked at.
    Off,
    /// Matches are recorded, every verdict is `Pass`, but for card numbers where they are refused and what may hide one there.
    Detect,
    #[default]
    Block,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Off => "off",
            Mode::Detect => "detect",
            Mode::Block => "block",
        })
    }
}

impl FromStr for Mode {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Mode, UnknownWord> {
        match text {
            "off" => Ok(Mode::Off),
            "detect" => Ok(Mode::Detect),
            "block" => Ok(Mode::Block),
            other => Err(UnknownWord(other.to_owned())),
        }
    }
}

/// The rules of one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub mode: Mode,
    /// How much of a body is buffered and inspected.
    pub body_cap_bytes: usize,
    /// From this score on a request is blocked; one critical match scores 5.
    pub block_score: u32,
    pub exceptions: Vec<Exception>,
    pub cards: Cards,
}

/// What becomes of card numbers that somebody sends to the shop. An exception for the rule of category `card_number` goes
/// before either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cards {
    /// Where a request with one is refused, …
    pub refused_at: Vec<CardPlace>,
    /// … and what happens elsewhere.
    pub elsewhere: CardAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardAction {
    /// It is refused, too.
    Refuse,
    /// The shop hears all but the last four digits as `*`, and staff are told.
    Mask,
    /// Staff are told.
    Report,
}

/// A place where people pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardPlace {
    /// `/checkout`: a canonical path from its beginning, by whole segments, in letters of either case.
    Path(String),
    /// `*/payment-information`: a segment anywhere in the path.
    Segment(String),
    /// `?wc-ajax=checkout`: a parameter of the query with this value.
    Query(String, String),
}

impl FromStr for CardPlace {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<CardPlace, UnknownWord> {
        let place = if let Some(segment) = text.strip_prefix("*/") {
            (!segment.is_empty() && !segment.contains('/')).then(|| CardPlace::Segment(segment.to_owned()))
        } else if let Some((name, value)) = text.strip_prefix('?').and_then(|pair| pair.split_once('=')) {
            (!name.is_empty()).then(|| CardPlace::Query(name.to_owned(), value.to_owned()))
        } else {
            let path = text.trim_end_matches('/');
            path.starts_with('/').then(|| CardPlace::Path(path.to_owned()))
        };
        place.ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

impl CardPlace {
    /// `holds` says whether the query has a parameter with a value.
    fn covers(&self, path: &str, holds: &dyn Fn(&str, &str) -> bool) -> bool {
        match self {
            CardPlace::Path(prefix) => {
                let begins = path.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
                begins && matches!(path.as_bytes().get(prefix.len()), None | Some(b'/' | b';'))
            }
            CardPlace::Segment(wanted) => path.split('/').any(|segment| segment.eq_ignore_ascii_case(wanted)),
            CardPlace::Query(name, value) => holds(name, value),
        }
    }
}

impl Cards {
    /// Where the shops that we know take an order, whichever their settings.
    pub const PAYING: [&str; 8] = [
        "/checkout",
        "/onepagecheckout",
        "/onestepcheckout",
        "/kasse",
        "/wp-json/wc/store",
        "*/payment-information",
        "*/set-payment-information",
        "?wc-ajax=checkout",
    ];

    /// What becomes of a number here: under whatever spelling a shop serves a place. Of too many nobody knows which it is. A parameter that
    /// in most shops names where to go afterwards, or what to look for, makes no place one where people pay: the shop that goes by it
    /// hears stars, as elsewhere.
    pub(crate) fn action(&self, path: &str, query: &str, holds: &dyn Fn(&str, &str) -> bool) -> CardAction {
        let is_elsewhere = |path: &str| !self.refused_at.iter().any(|place| place.covers(path, holds));
        let is_nowhere = self.refused_at.is_empty();
        let leads = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default();
            !spellings::PATHS_WITH_SLASH.iter().any(|other| other.eq_ignore_ascii_case(name))
        };
        let query = query.split('&').filter(leads).collect::<Vec<_>>().join("&");
        match is_nowhere || is_elsewhere(path) && spellings::all(path, Some(&query), &[], is_elsewhere) {
            true => self.elsewhere,
            false => CardAction::Refuse,
        }
    }
}

impl Default for Cards {
    fn default() -> Cards {
        let places = Cards::PAYING.iter().filter_map(|place| place.parse().ok());
        Cards { refused_at: places.collect(), elsewhere: CardAction::Mask }
    }
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            mode: Mode::Block,
            body_cap_bytes: 128 * 1024,
            block_score: 5,
            exceptions: Vec::new(),
            cards: Cards::default(),
        }
    }
}

/// Staff's word that a rule is wrong about one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    pub rule: RuleSelector,
    /// A parameter (`q`: of query, form or JSON), or a whole variable (`REQUEST_COOKIES:basket`); `None`: everywhere.
    pub parameter: Option<String>,
    /// Canonical path, matched at segment boundaries: `/shop` covers `/shop/a`, not `/shopping`. `None`: everywhere.
    pub path_prefix: Option<String>,
}

/// Which rules an exception silences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleSelector {
    All,
    Id(u32),
    Category(Category),
}

/// Where a match happened, for comparison with an exception.
pub(crate) struct Place<'a> {
    pub rule_id: u32,
    pub category: Category,
    pub path: &'a str,
    /// `ARGS`, `REQUEST_COOKIES`, ...
    pub collection: &'a str,
    pub name: &'a [u8],
}

impl Policy {
    /// Whether answers at this path may show no private key.
    pub fn withholds_keys(&self, path: &str) -> bool {
        let place = Place {
            rule_id: keys::RULE,
            category: Category::Leak,
            path,
            collection: Collection::ResponseBody.as_str(),
            name: b"",
        };
        self.mode == Mode::Block && !self.excepts(&place)
    }

    /// Whether a number in this field goes to the shop as it is: it is a password, which comes in a body, or the owner made an exception of
    /// it.
    pub fn keeps_card_numbers_in(&self, path: &str, name: &[u8], in_body: bool) -> bool {
        let collection = if in_body { Collection::ArgsPost } else { Collection::ArgsGet };
        let place = Place {
            rule_id: crate::rules::card::RULE,
            category: Category::CardNumber,
            path,
            collection: collection.as_str(),
            name,
        };
        (in_body && crate::values::is_secret_name(name)) || self.excepts(&place)
    }

    /// Whether a cookie goes to the shop as it is, whatever number it is: the owner made an exception of it.
    pub fn keeps_cookie(&self, path: &str, name: &[u8]) -> bool {
        self.excepts(&Place {
            rule_id: crate::rules::card::RULE,
            category: Category::CardNumber,
            path,
            collection: Collection::RequestCookies.as_str(),
            name,
        })
    }

    pub(crate) fn excepts(&self, place: &Place<'_>) -> bool {
        self.exceptions.iter().any(|exception| exception.covers(place))
    }
}

impl Exception {
    fn covers(&self, place: &Place<'_>) -> bool {
        let rule = match self.rule {
            RuleSelector::All => true,
            RuleSelector::Id(id) => id == place.rule_id,
            RuleSelector::Category(category) => category == place.category,
        };
        rule && self.covers_path(place.path) && self.covers_parameter(place)
    }

    fn covers_path(&self, path: &str) -> bool {
        let Some(prefix) = self.path_prefix.as_deref() else { return true };
        let prefix = prefix.trim_end_matches('/');
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn covers_parameter(&self, place: &Place<'_>) -> bool {
        let Some(parameter) = self.parameter.as_deref() else { return true };
        if let Some((collection, name)) = parameter.split_once(':') {
            return collection == place.collection && place.name.eq_ignore_ascii_case(name.as_bytes());
        }
        let name = place.name.strip_prefix(b"json.").unwrap_or(place.name);
        place.collection.starts_with("ARGS")
            && (name == parameter.as_bytes() || place.name == parameter.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place<'a>(path: &'a str, name: &'a str) -> Place<'a> {
        Place {
            rule_id: 942_100,
            category: Category::SqlInjection,
            path,
            collection: "ARGS",
            name: name.as_bytes(),
        }
    }

    #[test]
    fn an_exception_covers_its_path_at_segment_boundaries_only() {
        let exception =
            Exception { rule: RuleSelector::All, parameter: None, path_prefix: Some("/shop".to_owned()) };
        assert!(exception.covers(&place("/shop", "q")));
        assert!(exception.covers(&place("/shop/a", "q")));
        assert!(!exception.covers(&place("/shopping", "q")));
    }

    #[test]
    fn an_exception_names_a_parameter_wherever_it_travels() {
        let exception =
            Exception { rule: RuleSelector::Id(942_100), parameter: Some("q".to_owned()), path_prefix: None };
        assert!(exception.covers(&place("/", "q")));
        assert!(exception.covers(&place("/", "json.q")));
        assert!(!exception.covers(&place("/", "qq")));
    }

    #[test]
    fn orders_are_taken_under_each_spelling_of_a_place() {
        let action = |cards: &Cards, address: &str| {
            let (path, query) = address.split_once('?').unwrap_or((address, ""));
            cards.action(path, query, &|_, _| false)
        };
        let cards = Cards::default();
        for address in [
            "/checkout",
            "/Checkout/pay",
            "/index.php/checkout/",
            "/shop/index.php/checkout",
            "/x.php/KASSE",
            "/checkout.json",
            "/checkout./",
            "/shop.phtml/checkout",
            "/index.php?route=checkout/checkout",
            "/?rest_route=/wc/store/v1/checkout",
        ] {
            assert_eq!(action(&cards, address), CardAction::Refuse, "{address}");
        }
        for address in [
            "/checkouts",
            "/index.php/checkouts",
            "/index.php",
            "/help.php/how/checkout",
            "/.php/",
            "/checkout-tips.html",
            "/index.php?route=product/product&q=checkout",
            "/search?q=/checkout",
            // Where a form leads to afterwards.
            "/?page=/checkout",
            "/login.php?url=/checkout",
            "/index.php?route=account/login&Path=%2Fcheckout",
        ] {
            assert_eq!(action(&cards, address), CardAction::Mask, "{address}");
        }
        // Too many to be told apart.
        let many =
            format!("/index.php?{}", (0..40).map(|n| format!("route={n}/x&r={n}&")).collect::<String>());
        assert_eq!(action(&cards, &many), CardAction::Refuse);
        let nowhere = Cards { refused_at: Vec::new(), elsewhere: CardAction::Report };
        assert_eq!(action(&nowhere, &many), CardAction::Report);
        assert_eq!(action(&nowhere, "/checkout"), CardAction::Report);
    }

    #[test]
    fn modes_read_back_what_they_print() {
        for mode in [Mode::Off, Mode::Detect, Mode::Block] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert!("on".parse::<Mode>().is_err());
    }
}
