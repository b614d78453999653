//! Which of a shop's pages show customers' data, and where in them: a data file for each kind of shop.

use std::collections::{BTreeMap, BTreeSet};
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
    /// Heads and labels behind which nobody's data stand.
    #[serde(default)]
    plain: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPage {
    name: String,
    paths: Vec<String>,
    /// Parameters of the query that tell this page from others at its paths; `#` for any number.
    #[serde(default)]
    query: BTreeMap<String, String>,
    purpose: Option<String>,
    #[serde(default)]
    assigned: Flag,
    #[serde(default)]
    export: Flag,
    /// What stands in addresses before an order's number, and before the number by which the shop knows a customer: of this page, and of
    /// links on it to whoever it shows.
    #[serde(default)]
    orders: Vec<String>,
    #[serde(default)]
    customers: Vec<String>,
    /// Heads and labels that the file does not know hide nothing: tables of whatever kind stand there.
    #[serde(default)]
    open: Flag,
    /// By a table's element: what its columns are, for each number of them; and what its rows are that begin with a label.
    #[serde(default)]
    tables: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    rows: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    columns: BTreeMap<String, String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    elements: BTreeMap<String, String>,
    /// Names in JSON that say so on this page alone.
    #[serde(default)]
    json: BTreeMap<String, String>,
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

/// What stands at a place of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Field(&'static Field),
    /// Nobody's data: `-` in the file.
    Plain,
    /// The file does not know it, and nobody sees it but who sees all that the page may show: `?` in the file.
    Unknown,
}

impl What {
    fn of(written: &str) -> Result<Self, PagesFault> {
        match written {
            "-" => Ok(What::Plain),
            "?" => Ok(What::Unknown),
            name => Field::find(name)
                .map(What::Field)
                .map_err(|_| PagesFault(format!("there is no field {name}"))),
        }
    }

    /// Where two places of the file say what stands there: a field counts before `-`, and `-` before `?`.
    pub(crate) fn or(self, other: What) -> What {
        match (self, other) {
            (What::Field(_), _) | (What::Plain, What::Plain | What::Unknown) | (_, What::Unknown) => self,
            (_, other) => other,
        }
    }
}

/// What the columns of a table are, or its rows: for each number of them that is known.
pub(crate) type Shapes = Vec<(Selector, Vec<Vec<What>>)>;

/// One page, or all pages below a path.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub name: String,
    paths: Vec<String>,
    query: BTreeMap<String, String>,
    pub purpose: Option<Purpose>,
    /// Whoever opens it names the order by that.
    pub assigned: Flag,
    /// A file with many customers' data.
    pub export: Flag,
    pub columns: Named,
    pub labels: Named,
    pub elements: Vec<(Selector, What)>,
    pub json: Named,
    pub tables: Shapes,
    pub rows: Shapes,
    pub orders: Vec<String>,
    pub customers: Vec<String>,
    /// Heads and labels that the file does not know are hidden.
    pub closed: Flag,
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
    pub(crate) plain: BTreeSet<String>,
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
            plain: written.plain.into_iter().collect(),
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

    /// What stands behind a head or a label.
    pub(crate) fn said_by(&self, named: &Named, text: &str) -> Option<What> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let field = named.get(&text).map(|field| What::Field(field));
        field.or_else(|| self.plain.contains(&text).then_some(What::Plain))
    }

    /// Every field that the file names.
    pub(crate) fn all_fields(&self) -> impl Iterator<Item = &'static Field> {
        let of_pages = self.pages.iter().flat_map(|page| {
            let shapes = page.tables.iter().chain(&page.rows).flat_map(|(_, shapes)| shapes.iter().flatten());
            let placed = page.elements.iter().map(|(_, what)| what).chain(shapes);
            let placed = placed.filter_map(|what| match what {
                What::Field(field) => Some(*field),
                What::Plain | What::Unknown => None,
            });
            page.columns.values().chain(page.labels.values()).chain(page.json.values()).copied().chain(placed)
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
        self.page_at(path, "")
    }

    /// The page at a path with a query. One that the query tells apart counts before those that the path alone names, whose places it
    /// has, too; where the query is of two minds, it is nobody's one order.
    pub(crate) fn page_at(&self, path: &str, query: &str) -> Option<Page> {
        let parts = script(path);
        let depth = |wanted: &str| wanted.split('/').filter(|part| !part.is_empty() && *part != "**").count();
        let fitting = self.pages.iter().flat_map(|page| page.paths.iter().map(move |wanted| (page, wanted)));
        let fitting: Vec<_> = fitting
            .filter_map(|(page, wanted)| {
                found_at(wanted, &parts).map(|at| ((at, std::cmp::Reverse(depth(wanted))), page))
            })
            .collect();
        let best = fitting.iter().map(|(rank, _)| *rank).min()?;
        let equals = fitting.into_iter().filter(|(rank, _)| *rank == best).map(|(_, page)| page);
        let (told, plain): (Vec<&Page>, Vec<&Page>) = equals.partition(|page| !page.query.is_empty());
        let plain = merged(plain.into_iter().cloned());
        let given = parameters(query);
        let told: Vec<Page> = told.into_iter().filter_map(|page| page.told_by(&given)).collect();
        // One order is told by more than the list that it stands in.
        let most = told.iter().map(|page| page.query.len()).max();
        let told = merged(told.into_iter().filter(|page| Some(page.query.len()) == most));
        match (told, plain) {
            (Some(told), Some(plain)) => Some(told.and_places_of(&plain)),
            (told, plain) => told.or(plain),
        }
    }
}

fn merged(pages: impl Iterator<Item = Page>) -> Option<Page> {
    pages.reduce(|first, other| first.with(&other))
}

/// The parameters of a query by the names and values that shops read.
fn parameters(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let name = |name: &str| php_name(decoded(name).split('\0').next().unwrap_or_default().trim_start());
    pairs.map(|(given, value)| (name(given), decoded(value))).collect()
}

impl Page {
    /// Not one order's.
    pub(crate) fn unassigned(mut self) -> Self {
        self.assigned = Flag::No;
        self.purpose = None;
        self
    }

    /// This page where the query is its. One order's it is only where each parameter stands there once: shops differ in which of two
    /// they read.
    fn told_by(&self, given: &[(String, String)]) -> Option<Page> {
        let fits = |wanted: &str, value: &str| match wanted {
            "#" => !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()),
            wanted => wanted == value,
        };
        let has = |(name, wanted): (&String, &String)| {
            given.iter().any(|(known, value)| known == name && fits(wanted, value))
        };
        // `id[]`, which `php_name` writes as `id_]`, takes the place of `id`.
        let is_it = |known: &str, name: &str| {
            known.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };
        let once = |name: &String| given.iter().filter(|(known, _)| is_it(known, name)).count() == 1;
        if !self.query.iter().all(has) {
            return None;
        }
        Some(if self.query.keys().all(once) { self.clone() } else { self.clone().unassigned() })
    }

    /// All that either names, and the strictest of what they allow.
    pub(crate) fn with(mut self, other: &Page) -> Self {
        if other.assigned == Flag::No {
            self.assigned = Flag::No;
            self.purpose = self.purpose.filter(|purpose| other.purpose == Some(*purpose));
        }
        self.and_places_of(other)
    }

    fn and_places_of(mut self, other: &Page) -> Self {
        if other.export == Flag::Yes {
            self.export = Flag::Yes;
        }
        if other.closed == Flag::Yes {
            self.closed = Flag::Yes;
        }
        self.columns.extend(other.columns.iter().map(|(name, field)| (name.clone(), *field)));
        self.labels.extend(other.labels.iter().map(|(name, field)| (name.clone(), *field)));
        self.elements.extend(other.elements.iter().cloned());
        self.json.extend(other.json.iter().map(|(name, field)| (name.clone(), *field)));
        self.tables.extend(other.tables.iter().cloned());
        self.rows.extend(other.rows.iter().cloned());
        self.orders.extend(other.orders.iter().cloned());
        self.customers.extend(other.customers.iter().cloned());
        self
    }

    pub(crate) fn is_told_by_query(&self) -> bool {
        !self.query.is_empty()
    }

    /// What is so where the file does not know a head or a label.
    pub(crate) fn unknown(&self) -> Option<What> {
        (self.closed == Flag::Yes).then_some(What::Unknown)
    }
}

fn page(written: WrittenPage) -> Result<Page, PagesFault> {
    let purpose = match written.purpose {
        None => None,
        Some(name) => {
            Some(Purpose::of_name(&name).ok_or_else(|| PagesFault(format!("there is no purpose {name}")))?)
        }
    };
    let elements = written.elements.into_iter().map(|(text, what)| Ok((selector(&text)?, What::of(&what)?)));
    let names_heads = !(written.columns.is_empty() && written.labels.is_empty());
    let has_shapes = !(written.tables.is_empty() && written.rows.is_empty());
    let is_closed = written.open == Flag::No && (names_heads || has_shapes);
    Ok(Page {
        name: written.name,
        paths: written.paths,
        query: written.query,
        purpose,
        assigned: written.assigned,
        export: written.export,
        columns: named(written.columns)?,
        labels: named(written.labels)?,
        elements: elements.collect::<Result<_, _>>()?,
        json: named(written.json)?,
        tables: shapes(written.tables)?,
        rows: shapes(written.rows)?,
        orders: written.orders,
        customers: written.customers,
        closed: Flag::from(is_closed),
    })
}

fn selector(text: &str) -> Result<Selector, PagesFault> {
    Selector::parse(text).ok_or_else(|| PagesFault(format!("{text} selects nothing")))
}

fn shapes(written: BTreeMap<String, Vec<String>>) -> Result<Shapes, PagesFault> {
    let shape = |text: &String| text.split_whitespace().map(What::of).collect::<Result<Vec<_>, _>>();
    let all = |(text, of): (String, Vec<String>)| {
        Ok((selector(&text)?, of.iter().map(shape).collect::<Result<Vec<_>, _>>()?))
    };
    written.into_iter().map(all).collect()
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
mod tests;
