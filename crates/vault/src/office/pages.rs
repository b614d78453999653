//! Which of a shop's pages show customers' data, and where in them: a data file for each kind of shop.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use storeward_base::percent_decode;
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
    /// Scripts that give out programs and styles, and nothing else.
    #[serde(default)]
    fixed: Vec<String>,
    #[serde(default, rename = "page")]
    pages: Vec<WrittenPage>,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    #[serde(default)]
    json: BTreeMap<String, String>,
    #[serde(default)]
    xml: BTreeMap<String, String>,
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
    fixed: Vec<String>,
    pages: Vec<Page>,
    /// Names of form fields.
    pub(crate) fields: Named,
    /// Names in JSON.
    pub(crate) json: Named,
    /// Names in XML-RPC, beside those in JSON.
    pub(crate) xml: Named,
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
            fixed: written.fixed,
            pages: written.pages.into_iter().map(page).collect::<Result<_, _>>()?,
            fields: named(written.fields)?,
            json: named(written.json)?,
            xml: named(written.xml)?,
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
        self.led(query)
    }

    /// Whether a form, too, can lead to such pages from any path.
    pub(crate) fn reads_forms(&self) -> bool {
        !self.queries.is_empty()
    }

    /// The path that a form leads to, which shops read before the query.
    pub(crate) fn place_of_form(&self, body: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(body);
        if let Some(path) = self.led(&text) {
            return Some(path);
        }
        // A form in parts: whoever names the parameter there at all is taken to use it.
        let in_parts = text.contains("\r\n") || text.contains('\n');
        let named = in_parts.then(|| php_name(&text.to_ascii_lowercase()))?;
        self.queries.iter().find(|(name, _)| named.contains(name.as_str())).map(|(_, before)| before.clone())
    }

    /// The staff page that a query leads to, whatever the path.
    pub(crate) fn led(&self, query: &str) -> Option<String> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut led = pairs.filter_map(|(name, value)| {
            let name = decoded(name).to_ascii_lowercase();
            let name = name.split('\0').next().unwrap_or_default().trim_start_matches(' ');
            let before = self.queries.get(&php_name(name))?;
            Some(format!("{before}/{}", decoded(value)))
        });
        led.find(|path| self.covers(path))
    }

    /// Every field that the file names.
    pub(crate) fn all_fields(&self) -> impl Iterator<Item = &'static Field> {
        let of_pages = self.pages.iter().flat_map(|page| {
            let elements = page.elements.iter().map(|(_, field)| *field);
            page.columns.values().chain(page.labels.values()).copied().chain(elements)
        });
        self.fields.values().chain(self.json.values()).copied().chain(of_pages)
    }

    /// What the file says that its pages are looked at for.
    pub(crate) fn purposes(&self) -> impl Iterator<Item = Purpose> {
        self.pages.iter().filter_map(|page| page.purpose)
    }

    /// Whether a canonical path lies among the staff's pages.
    pub fn covers(&self, path: &str) -> bool {
        self.area.iter().any(|area| found_at(area, &segments(path)).is_some())
    }

    /// Whether programs and styles at a path are files, which hold nobody's data.
    pub(crate) fn is_fixed(&self, path: &str) -> bool {
        let parts = script(path);
        let is_file =
            parts.last().is_some_and(|last| [".js", ".mjs", ".css"].iter().any(|end| last.ends_with(end)));
        is_file || self.fixed.iter().any(|wanted| found_at(wanted, &parts).is_some())
    }

    /// The page at a path, told by the first script in it: what stands behind that is the script's own and may be anything. Of those
    /// that fit counts the earliest, then the longest; of equals all that any of them names, and the strictest of what they allow.
    pub(crate) fn page(&self, path: &str) -> Option<Page> {
        let parts = script(path);
        let depth = |wanted: &str| wanted.split('/').filter(|part| !part.is_empty() && *part != "**").count();
        let fitting = self.pages.iter().flat_map(|page| page.paths.iter().map(move |wanted| (page, wanted)));
        let fitting: Vec<_> = fitting
            .filter_map(|(page, wanted)| {
                found_at(wanted, &parts).map(|at| ((at, std::cmp::Reverse(depth(wanted))), page))
            })
            .collect();
        let best = fitting.iter().map(|(rank, _)| *rank).min()?;
        let mut equals = fitting.into_iter().filter(|(rank, _)| *rank == best).map(|(_, page)| page);
        let first = equals.next()?.clone();
        Some(equals.fold(first, Page::with))
    }
}

impl Page {
    /// Not one order's.
    pub(crate) fn unassigned(mut self) -> Self {
        self.assigned = Flag::No;
        self.purpose = None;
        self
    }

    /// All that either names, and the strictest of what they allow.
    pub(crate) fn with(mut self, other: &Page) -> Self {
        if other.assigned == Flag::No {
            self.assigned = Flag::No;
            self.purpose = self.purpose.filter(|purpose| other.purpose == Some(*purpose));
        }
        if other.export == Flag::Yes {
            self.export = Flag::Yes;
        }
        self.columns.extend(other.columns.iter().map(|(name, field)| (name.clone(), *field)));
        self.labels.extend(other.labels.iter().map(|(name, field)| (name.clone(), *field)));
        self.elements.extend(other.elements.iter().cloned());
        self
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
pub(crate) fn decoded(text: &str) -> String {
    String::from_utf8_lossy(&percent_decode(text.as_bytes(), b' ')).into_owned()
}

/// As PHP reads the names of parameters: these signs are lines to it.
fn php_name(name: &str) -> String {
    name.replace(['.', ' ', '['], "_")
}

/// The parts of a path in lower case. What PHP and Java read as a part's end (`;…`) is cut off.
fn segments(path: &str) -> Vec<String> {
    let parts = path.split('/').map(|part| part.split(';').next().unwrap_or_default().to_ascii_lowercase());
    parts.filter(|part| !part.is_empty()).collect()
}

/// The parts of a path up to its first script.
fn script(path: &str) -> Vec<String> {
    let mut parts = segments(path);
    if let Some(at) = parts.iter().position(|part| part.ends_with(".php")) {
        parts.truncate(at + 1);
    }
    parts
}

/// Where a path is, or begins to lie below, a wanted one: part by part, `*` for any one or at the end of one for its rest, and `/**` at
/// the beginning for any folder.
fn found_at(wanted: &str, found: &[String]) -> Option<usize> {
    let (anywhere, wanted) = match wanted.strip_prefix("/**") {
        Some(rest) => (true, rest),
        None => (false, wanted),
    };
    let wanted = segments(wanted);
    let last = if anywhere { found.len() } else { 0 };
    let fits = |wanted: &str, part: &str| match wanted.strip_suffix('*') {
        Some(start) => part.starts_with(start),
        None => wanted == part,
    };
    let fits_at = |at: &usize| {
        let rest = found.get(*at..).unwrap_or_default();
        rest.len() >= wanted.len() && wanted.iter().zip(rest).all(|(wanted, part)| fits(wanted, part))
    };
    (0..=last).find(fits_at)
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
        let name = |path: &str| shop.page(path).map(|page| page.name);
        assert_eq!(name("/admin/orders/LM-1").as_deref(), Some("order"));
        assert_eq!(name("/admin/orders").as_deref(), Some("orders"));
        assert_eq!(name("/admin/customers").as_deref(), Some("customers"));
        let wordpress = ShopPages::built_in("wordpress").unwrap();
        assert!(wordpress.covers("/shop/wp-admin/users.php") && wordpress.covers("/wp-json/wc/v3/orders"));
        assert!(wordpress.covers("/wc-api/v3/customers") && wordpress.covers("/shop/wc-api/v1/orders"));
        assert!(
            !wordpress.covers("/wc-api/vivawallet") && !wordpress.covers("/wc-api/wc_gateway_paypal"),
            "where providers send their messages"
        );
        assert!(!wordpress.covers("/wp-content/uploads/a.png"));
        for query in [
            "rest_route=/wc/v3/orders",
            "a=1&rest_route=%2Fwc%2fv3/orders&b",
            "REST_ROUTE=wc/v3",
            "%72est_route=/wp/v2/users/1",
            "rest.route=/wc-analytics/customers",
            "+rest%5broute=/wc/v3/orders",
            "rest_route%00x=/wc/v3/orders",
            "rest_route=/batch/v1",
            "wc-api-version=3&wc-api-route=/customers",
        ] {
            assert!(wordpress.place("/", query).is_some(), "{query}");
        }
        for query in ["", "rest_route=/wp/v2/posts", "q=rest_route=/wc", "rest_route"] {
            assert_eq!(wordpress.place("/", query), None, "{query}");
        }
    }

    /// Web servers run the first script of a path and give it the rest, which the person chooses.
    #[test]
    fn what_stands_behind_a_script_chooses_no_page() {
        let shop = ShopPages::built_in("wordpress").unwrap();
        let page = |path: &str| shop.page(path);
        for path in
            ["/wp-admin/users.php", "/wp-admin/users.php/wp-admin/post.php", "/x/wp-admin/Users.PHP/post.php"]
        {
            let page = page(path).unwrap();
            assert_eq!((page.name.as_str(), page.assigned), ("users", Flag::No), "{path}");
            assert!(!page.elements.is_empty());
        }
        assert!(page("/index.php/wp-admin/post.php").is_none());
        assert_eq!(page("/wp-admin/post.php/wp-admin/users.php").unwrap().name, "order");
        let both = "format = 1\nname = 'a'\narea = ['/a']\n[[page]]\nname = 'p'\npaths = ['/a/*']\nassigned = true\nelements = { b = 'contact.name' }\n\
                    [[page]]\nname = 'q'\npaths = ['/a/x']\nexport = true\nelements = { i = 'contact.name' }";
        let page = ShopPages::parse(both).unwrap().page("/a/x").unwrap();
        assert_eq!((page.assigned, page.export, page.elements.len()), (Flag::No, Flag::Yes, 2));
    }

    #[test]
    fn forms_lead_to_pages_and_customers_own_interface_is_none() {
        let shop = ShopPages::built_in("wordpress").unwrap();
        for form in [
            "a=1&rest_route=/wc/v3/orders",
            "--b\r\nContent-Disposition: form-data; name=\"rest_route\"\r\n\r\n/wc/v3/orders\r\n--b--",
            "--b\r\ncontent-disposition: form-data; name=Rest.Route\r\n\r\n/wc/v3/orders\r\n--b--",
        ] {
            assert!(shop.place_of_form(form.as_bytes()).is_some(), "{form}");
        }
        assert_eq!(shop.place_of_form(b"quantity=1&add-to-cart=7"), None);
        for path in [
            "/wp-json/wc/v3/x",
            "/wp-json/wc-analytics/customers",
            "/index.php/wp-json/wc-admin/x",
            "/blog/wp-json/batch/v1",
            "/xmlrpc.php",
        ] {
            assert!(shop.covers(path), "{path}");
        }
        assert!(!shop.covers("/wp-json/wc/store/v1/cart"), "customers see their own cart whole");
        for (path, is) in [
            ("/wp-admin/load-scripts.php", true),
            ("/wp-admin/js/a.js", true),
            ("/wp-admin/admin-ajax.php/a.js", false),
            ("/index.php/wp-admin/load-scripts.php", false),
        ] {
            assert_eq!(shop.is_fixed(path), is, "{path}");
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
