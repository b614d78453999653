//! Which of a shop's pages show customers' data, and where in them: a data file for each kind of shop.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use storeward_policy::Purpose;

use super::html::Selector;
use crate::catalogue::Field;

const BUILT_IN: [(&str, &str); 3] = [
    ("larkmoor", include_str!("../../shops/larkmoor.toml")),
    ("django-oscar", include_str!("../../shops/django-oscar.toml")),
    ("wordpress", include_str!("../../shops/wordpress.toml")),
];

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    name: String,
    area: Vec<String>,
    /// Parameters of the query that lead to such pages from any path: what stands before their value is the path that counts.
    #[serde(default)]
    queries: BTreeMap<String, String>,
    #[serde(default, rename = "page")]
    pages: Vec<WrittenPage>,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    #[serde(default)]
    json: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPage {
    name: String,
    paths: Vec<String>,
    purpose: Option<String>,
    #[serde(default)]
    assigned: Flag,
    #[serde(default)]
    export: Flag,
    #[serde(default)]
    columns: BTreeMap<String, String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    elements: BTreeMap<String, String>,
}

/// `true` or `false` in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "bool")]
pub(crate) enum Flag {
    #[default]
    No,
    Yes,
}

impl From<bool> for Flag {
    fn from(is: bool) -> Self {
        if is { Flag::Yes } else { Flag::No }
    }
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagesFault(String);

impl fmt::Display for PagesFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PagesFault {}

/// Names of places in a page, and the field that stands there.
pub(crate) type Named = BTreeMap<String, &'static Field>;

/// One page, or all pages below a path.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub name: String,
    paths: Vec<String>,
    pub purpose: Option<Purpose>,
    /// Whoever opens it names the order by that.
    pub assigned: Flag,
    /// A file with many customers' data.
    pub export: Flag,
    pub columns: Named,
    pub labels: Named,
    pub elements: Vec<(Selector, &'static Field)>,
}

/// The staff pages of one kind of shop.
#[derive(Clone, Debug)]
pub struct ShopPages {
    name: String,
    area: Vec<String>,
    queries: BTreeMap<String, String>,
    pages: Vec<Page>,
    /// Names of form fields.
    pub(crate) fields: Named,
    /// Names in JSON.
    pub(crate) json: Named,
}

impl ShopPages {
    /// The built-in file of that name.
    pub fn built_in(name: &str) -> Option<Self> {
        let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Some(Self::parse(text).expect("a test reads each file that is built in"))
    }

    /// The names of the files that are built in.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    pub fn parse(text: &str) -> Result<Self, PagesFault> {
        let written: Written = toml::from_str(text).map_err(|why| PagesFault(why.message().to_owned()))?;
        if written.format != 1 {
            return Err(PagesFault(format!("format {} is not known; this is 1", written.format)));
        }
        if written.area.is_empty() || !written.area.iter().all(|path| path.starts_with('/') && path.len() > 1)
        {
            return Err(PagesFault("area names paths that begin with /".to_owned()));
        }
        Ok(ShopPages {
            name: written.name,
            area: written.area,
            queries: written.queries,
            pages: written.pages.into_iter().map(page).collect::<Result<_, _>>()?,
            fields: named(written.fields)?,
            json: named(written.json)?,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path that counts for a request for one of the staff's pages; `None` for all others.
    pub(crate) fn place(&self, path: &str, query: &str) -> Option<String> {
        if self.covers(path) {
            return Some(path.to_owned());
        }
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut led = pairs.filter_map(|(name, value)| {
            let before = self.queries.get(&decoded(name).to_ascii_lowercase())?;
            Some(format!("{before}/{}", decoded(value)))
        });
        led.find(|path| self.covers(path))
    }

    /// Whether a canonical path lies among the staff's pages.
    pub fn covers(&self, path: &str) -> bool {
        self.area.iter().any(|area| below(area, path))
    }

    /// The page at a path: the one whose path is the longest of those that fit, and of equals the first.
    pub(crate) fn page(&self, path: &str) -> Option<&Page> {
        let paths = self.pages.iter().flat_map(|page| page.paths.iter().map(move |wanted| (page, wanted)));
        let fitting = paths.filter(|(_, wanted)| below(wanted, path));
        let depth = |wanted: &str| wanted.split('/').filter(|part| !part.is_empty() && *part != "**").count();
        fitting.min_by_key(|(_, wanted)| std::cmp::Reverse(depth(wanted))).map(|(page, _)| page)
    }
}

fn page(written: WrittenPage) -> Result<Page, PagesFault> {
    let purpose = match written.purpose {
        None => None,
        Some(name) => {
            Some(Purpose::of_name(&name).ok_or_else(|| PagesFault(format!("there is no purpose {name}")))?)
        }
    };
    let elements = named(written.elements)?;
    let elements = elements.into_iter().map(|(text, field)| {
        Selector::parse(&text)
            .map(|selector| (selector, field))
            .ok_or_else(|| PagesFault(format!("{text} selects nothing")))
    });
    Ok(Page {
        name: written.name,
        paths: written.paths,
        purpose,
        assigned: written.assigned,
        export: written.export,
        columns: named(written.columns)?,
        labels: named(written.labels)?,
        elements: elements.collect::<Result<_, _>>()?,
    })
}

fn named(written: BTreeMap<String, String>) -> Result<Named, PagesFault> {
    let find = |(name, field): (String, String)| match Field::find(&field) {
        Ok(field) => Ok((name, field)),
        Err(_) => Err(PagesFault(format!("there is no field {field}"))),
    };
    written.into_iter().map(find).collect()
}

/// A part of a query as the shop reads it.
fn decoded(text: &str) -> String {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((byte, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let value = digits.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *byte == b'%');
        out.push(value.unwrap_or(if *byte == b'+' { b' ' } else { *byte }));
        rest = if value.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether a path is, or lies below, a wanted one: segment by segment whatever their case, `*` for any one segment and `/**` at the
/// beginning for any folder. What PHP and Java read as the path's end (`;…`) is cut off.
fn below(wanted: &str, path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let found: Vec<&str> = path
        .split('/')
        .map(|part| part.split(';').next().unwrap_or_default())
        .filter(|part| !part.is_empty())
        .collect();
    let (anywhere, wanted) = match wanted.strip_prefix("/**") {
        Some(rest) => (true, rest),
        None => (false, wanted),
    };
    let wanted: Vec<String> =
        wanted.split('/').filter(|part| !part.is_empty()).map(str::to_ascii_lowercase).collect();
    let last = if anywhere { found.len() } else { 0 };
    let fits_at = |at: usize| {
        let rest = found.get(at..).unwrap_or_default();
        rest.len() >= wanted.len()
            && wanted.iter().zip(rest).all(|(wanted, part)| wanted == "*" || wanted == part)
    };
    (0..=last).any(fits_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_is_built_in_can_be_read() {
        for name in ShopPages::names() {
            assert_eq!(ShopPages::built_in(name).unwrap().name(), name);
        }
        assert!(ShopPages::built_in("other").is_none());
    }

    #[test]
    fn pages_are_known_by_any_spelling_of_their_path() {
        let shop = ShopPages::built_in("larkmoor").unwrap();
        for path in ["/admin", "/admin/", "/Admin/customers", "/admin;x/customers", "/admin//customers"] {
            assert!(shop.covers(path), "{path}");
        }
        for path in ["/", "/administrator", "/product/admin"] {
            assert!(!shop.covers(path), "{path}");
        }
        let name = |path: &str| shop.page(path).map(|page| page.name.as_str());
        assert_eq!(name("/admin/orders/LM-1"), Some("order"));
        assert_eq!(name("/admin/orders"), Some("orders"));
        assert_eq!(name("/admin/customers"), Some("customers"));
        let wordpress = ShopPages::built_in("wordpress").unwrap();
        assert!(wordpress.covers("/shop/wp-admin/users.php") && wordpress.covers("/wp-json/wc/v3/orders"));
        assert!(!wordpress.covers("/wp-content/uploads/a.png"));
        for query in [
            "rest_route=/wc/v3/orders",
            "a=1&rest_route=%2Fwc%2fv3/orders&b",
            "REST_ROUTE=wc/v3",
            "%72est_route=/wp/v2/users/1",
        ] {
            assert!(wordpress.place("/", query).is_some(), "{query}");
        }
        for query in ["", "rest_route=/wp/v2/posts", "q=rest_route=/wc", "rest_route"] {
            assert_eq!(wordpress.place("/", query), None, "{query}");
        }
    }

    #[test]
    fn a_file_that_does_not_fit_says_why() {
        let check = |text: &str, expected: &str| {
            let why = ShopPages::parse(text).unwrap_err().to_string();
            assert!(why.contains(expected), "{text}: {why}");
        };
        check("format = 2\nname = 'a'\narea = ['/a']", "format 2");
        check("format = 1\nname = 'a'\narea = []", "area");
        check("format = 1\nname = 'a'\narea = ['/']", "area");
        check("format = 1\nname = 'a'\narea = ['/a']\n[fields]\nx = 'contact.nose'", "no field contact.nose");
        check(
            "format = 1\nname = 'a'\narea = ['/a']\n[[page]]\nname = 'p'\npaths = []\npurpose = 'fun'",
            "no purpose fun",
        );
        check(
            "format = 1\nname = 'a'\narea = ['/a']\n[[page]]\nname = 'p'\npaths = []\nelements = { '' = 'contact.name' }",
            "selects",
        );
    }
}
