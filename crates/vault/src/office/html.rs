//! A page read as far as finding values in it takes: tags, attributes, text, and where each stands. It builds no tree and copies
//! nothing; whatever a page holds, it ends, in time that grows with the page's length.

use std::ops::Range;

use super::find::{Found, UNKNOWN};
use super::json;
use super::pages::{Flag, Page, Shapes, ShopPages, What};
use crate::catalogue::Field;

/// Elements that are open at once at most; deeper ones are read as if they stood beside each other.
const DEEPEST: usize = 256;
/// Columns of a table at most.
const MOST_COLUMNS: usize = 200;

/// `tag#id.class` with any number of classes, and before it such parts of elements around it; `@name` behind it for an attribute's value
/// in the place of the text. `a[/users/#]` is a link whose address has that in it, with a number in the place of `#`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    parts: Vec<Part>,
    attribute: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// Lower case; any where empty.
    tag: String,
    id: Option<String>,
    classes: Vec<String>,
    /// Of a link's address, and whether a number follows.
    link: Option<(String, Flag)>,
}

impl Selector {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (text, attribute) = match text.split_once('@') {
            Some((text, name)) => (text, Some(name.to_ascii_lowercase())),
            None => (text, None),
        };
        let parts: Vec<Part> = text
            .split_whitespace()
            .map(|part| {
                let (part, link) = match part.split_once('[') {
                    Some((part, link)) => (part, Some(link.trim_end_matches(']'))),
                    None => (part, None),
                };
                let link = link.map(|link| match link.strip_suffix('#') {
                    Some(before) => (before.to_owned(), Flag::Yes),
                    None => (link.to_owned(), Flag::No),
                });
                let mut words = part.split('.');
                let first = words.next().unwrap_or_default();
                let (tag, id) = first.split_once('#').map_or((first, None), |(tag, id)| (tag, Some(id)));
                let (tag, id) = (tag.to_ascii_lowercase(), id.map(str::to_owned));
                Part { tag, id, classes: words.map(str::to_owned).collect(), link }
            })
            .collect();
        (!parts.is_empty()).then_some(Selector { parts, attribute })
    }

    fn fits(&self, element: &Open, around: &[Open]) -> bool {
        let Some((last, before)) = self.parts.split_last() else { return false };
        if !last.fits(element) {
            return false;
        }
        let mut around = around.iter();
        before.iter().all(|part| around.by_ref().any(|element| part.fits(element)))
    }
}

impl Part {
    fn fits(&self, element: &Open) -> bool {
        (self.tag.is_empty() || self.tag == element.tag)
            && (self.id.is_none() || self.id == element.id)
            && self.classes.iter().all(|class| element.classes.iter().any(|known| known == class))
            && self.link.as_ref().is_none_or(|(text, number)| {
                let ends =
                    |rest: &str| *number == Flag::No || rest.starts_with(|sign: char| sign.is_ascii_digit());
                element.link.split(text.as_str()).skip(1).any(ends)
            })
    }
}

/// An element that has begun.
#[derive(Clone, Debug)]
struct Open {
    tag: String,
    id: Option<String>,
    classes: Vec<String>,
    /// Where a link leads.
    link: String,
    /// What its text is.
    is: Option<What>,
}

#[derive(Default)]
struct Table {
    heads: Vec<String>,
    cell: usize,
    row: usize,
    /// The row that its heads stand in.
    head_row: usize,
    /// The head that is being read.
    reading: Option<usize>,
    /// Each row begins with what it is; no column has a head.
    has_labels: bool,
    /// A cell reaches into further rows, and so what stands below which head is not known.
    is_shifted: bool,
    /// What the label of this row says of the cells beside it.
    said: Option<What>,
    columns: Vec<Vec<What>>,
    rows: Vec<Vec<What>>,
}

/// Reads the page; `found` gets every value that stands where the file says.
pub(crate) fn values(html: &str, shop: &ShopPages, page: Option<&Page>, found: &mut Vec<Found>) {
    let mut reader = Reader {
        html,
        shop,
        page,
        open: Vec::new(),
        tables: Vec::new(),
        label: None,
        said: None,
        meta: None,
        found,
        rest: Vec::new(),
    };
    let mut at = 0;
    while let Some(start) = html.get(at..).and_then(|rest| rest.find('<')).map(|offset| at + offset) {
        reader.text(at..start);
        at = reader.markup(start);
    }
    reader.text(at..html.len());
    let rest = reader.rest;
    again(html, &rest, found);
}

/// A name that stands at its place stands elsewhere, too: in the page's title, in what is read aloud, in a sentence. Names of one word
/// are left, because they are words of the page as well; and nothing within a script or a style is, whatever somebody calls himself.
fn again(html: &str, rest: &[Range<usize>], found: &mut Vec<Found>) {
    let mut names: Vec<(&str, &'static Field)> = found
        .iter()
        .filter(|one| one.field.name == "name")
        .filter_map(|one| html.get(one.range.clone()).map(|text| (text, one.field)))
        .filter(|(text, _)| text.contains(' ') && text.len() >= 5)
        .collect();
    names.sort_unstable_by_key(|(text, _)| *text);
    names.dedup_by_key(|(text, _)| *text);
    let all = aho_corasick::AhoCorasick::builder()
        .match_kind(aho_corasick::MatchKind::LeftmostLongest)
        .build(names.iter().map(|(text, _)| text));
    let Ok(all) = all else { return };
    for range in rest {
        for one in all.find_iter(html.get(range.clone()).unwrap_or_default()) {
            if let Some((_, field)) = names.get(one.pattern().as_usize()) {
                found.push(Found::new(range.start + one.start()..range.start + one.end(), field));
            }
        }
    }
}

struct Reader<'a, 'f> {
    html: &'a str,
    shop: &'a ShopPages,
    page: Option<&'a Page>,
    open: Vec<Open>,
    tables: Vec<Table>,
    /// The text of the last label (`dt`, `th` of a row), and what a `dt` says of the `dd` behind it.
    label: Option<String>,
    said: Option<What>,
    /// Of a form's pair (`meta[12][key]`, `meta[12][value]`): what its name begins with, and what its key says of the value.
    meta: Option<(String, &'static Field)>,
    found: &'f mut Vec<Found>,
    /// Text and words of attributes that stand at no place of the file.
    rest: Vec<Range<usize>>,
}

impl<'a> Reader<'a, '_> {
    /// What begins with `<`; returns where it ends.
    fn markup(&mut self, start: usize) -> usize {
        let rest = self.html.get(start..).unwrap_or_default();
        if rest.starts_with("<!--") {
            return rest.find("-->").map_or(self.html.len(), |end| start + end + 3);
        }
        let second = rest.as_bytes().get(1).copied().unwrap_or(0);
        if second == b'/' {
            let end = rest.find('>').map_or(rest.len(), |end| end + 1);
            let name = rest.get(2..end).unwrap_or_default().trim_end_matches('>').trim().to_ascii_lowercase();
            self.close(&name);
            return start + end;
        }
        if second == b'!' || second == b'?' {
            return rest.find('>').map_or(self.html.len(), |end| start + end + 1);
        }
        if !second.is_ascii_alphabetic() {
            // A sign that stands for itself.
            return start + 1;
        }
        let tag = Tag::read(self.html, start);
        let end = tag.end;
        self.begin(&tag);
        match tag.name.as_str() {
            "script" | "style" => self.raw_end(&tag.name, end),
            "textarea" => {
                let behind = self.raw_end("textarea", end);
                if let Some(field) = tag.attribute("name").and_then(|(name, _)| self.of_form(&name)) {
                    self.note(end..behind, field);
                }
                behind
            }
            _ => end,
        }
    }

    /// Where the text of an element ends that holds no tags.
    fn raw_end(&self, name: &str, from: usize) -> usize {
        let rest = self.html.get(from..).unwrap_or_default();
        let mut at = 0;
        while let Some(offset) = rest.get(at..).and_then(|rest| rest.find("</")) {
            let begins = at + offset;
            let after = rest.get(begins + 2..begins + 2 + name.len());
            if after.is_some_and(|found| found.eq_ignore_ascii_case(name)) {
                return from + begins;
            }
            at = begins + 2;
        }
        self.html.len()
    }

    fn begin(&mut self, tag: &Tag<'_>) {
        self.end_before(tag);
        let spoken = ["aria-label", "title", "alt", "placeholder"];
        self.rest.extend(spoken.iter().filter_map(|name| tag.attribute(name)).map(|(_, range)| range));
        if tag.name == "input" {
            let name = tag.attribute("name").map(|(name, _)| name);
            if let (Some(name), Some((value, range))) = (name, tag.attribute("value")) {
                self.key(&name, &value);
                if let Some(field) = self.of_form(&name) {
                    self.note(range, field);
                }
            }
            return;
        }
        if VOID.contains(&tag.name.as_str()) || tag.is_closed {
            return;
        }
        if tag.name == "option" {
            self.option(tag);
        }
        let mut element = self.element(tag);
        if tag.name == "table" && self.tables.len() < DEEPEST {
            let table = self.table(&element, tag.end);
            self.tables.push(table);
        }
        element.is = match tag.name.as_str() {
            "tr" => {
                self.row();
                None
            }
            "th" | "td" => self.cell(tag),
            "dd" => self.said,
            "select" => {
                let name = tag.attribute("name").map(|(name, _)| name);
                name.and_then(|name| self.shop.fields.get(&name)).map(|field| What::Field(field))
            }
            _ => None,
        };
        if matches!(tag.name.as_str(), "dt" | "th") {
            self.label = Some(String::new());
        }
        if let Some(page) = self.page {
            let (mut text, mut attribute) = (None::<What>, None);
            for (selector, what) in page.elements.iter().filter(|(one, _)| one.fits(&element, &self.open)) {
                match (&selector.attribute, what) {
                    (None, what) => text = Some(text.map_or(*what, |text| text.or(*what))),
                    (Some(name), What::Field(field)) => {
                        attribute = attribute.or(tag.attribute(name).map(|(_, range)| (range, *field)))
                    }
                    (Some(_), What::Plain | What::Unknown) => {}
                }
            }
            element.is = match (element.is, text) {
                (Some(is), Some(text)) => Some(is.or(text)),
                (is, text) => is.or(text),
            };
            if let Some((range, field)) = attribute {
                self.note(range, field);
            }
        }
        if self.open.len() < DEEPEST {
            self.open.push(element);
        }
    }

    /// What the name of a form's field says, or the key that stands before it.
    fn of_form(&self, name: &str) -> Option<&'static Field> {
        let by_key = self.meta.as_ref().filter(|(pair, _)| name.strip_suffix("[value]") == Some(pair));
        self.shop.fields.get(name).copied().or_else(|| by_key.map(|(_, field)| *field))
    }

    fn key(&mut self, name: &str, key: &str) {
        let Some(pair) = name.strip_suffix("[key]").filter(|pair| pair.contains("meta")) else { return };
        self.meta = json::field_of_meta(key, self.shop).map(|field| (pair.to_owned(), field));
    }

    /// Which of a field's choices it is says not only its text, but also its value, and that it is the chosen one of them, whose place in
    /// the list tells it. Without a value a choice sends its text (HTML Living Standard, 4.10.10), whose dots are refused.
    fn option(&mut self, tag: &Tag<'_>) {
        let select = self.open.iter().rev().find(|element| element.tag == "select");
        let Some(What::Field(field)) = select.and_then(|select| select.is) else { return };
        let choice = |range: &Range<usize>| Found { is_choice: true, ..Found::new(range.clone(), field) };
        self.found.extend(tag.choice.iter().map(choice));
    }

    /// Heads and labels end where the next cell begins, whether that is written or not (HTML Living Standard, 13.1.2.4).
    fn end_before(&mut self, tag: &Tag<'_>) {
        if matches!(tag.name.as_str(), "tbody" | "tfoot") {
            self.close("thead");
        }
        if self.label.is_some() && matches!(tag.name.as_str(), "td" | "th" | "tr" | "tbody" | "dd" | "dt") {
            let is_label = |one: &&Open| matches!(one.tag.as_str(), "th" | "dt");
            if let Some(name) = self.open.iter().rev().find(is_label).map(|one| one.tag.clone()) {
                self.close(&name);
            }
        }
    }

    fn element(&self, tag: &Tag<'_>) -> Open {
        let of = |name: &str| tag.attribute(name).map(|(text, _)| text);
        let classes = of("class").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        Open { tag: tag.name.clone(), id: of("id"), classes, link: of("href").unwrap_or_default(), is: None }
    }

    /// A table that begins, with what the file says of its columns, whatever their heads are called, and of its rows.
    fn table(&self, element: &Open, behind: usize) -> Table {
        let Some(page) = self.page else { return Table::default() };
        let fit = |shapes: &Shapes| -> Vec<Vec<What>> {
            let fitting = shapes.iter().filter(|(one, _)| one.fits(element, &self.open));
            fitting.flat_map(|(_, shapes)| shapes.iter().cloned()).collect()
        };
        let (columns, mut rows) = (fit(&page.tables), fit(&page.rows));
        if !rows.is_empty() {
            let rest = self.html.get(behind..).unwrap_or_default();
            let inner = rest.split("</table").next().unwrap_or_default();
            let count = inner.matches("<tr").count();
            rows.retain(|shape| shape.len() == count);
        }
        Table { columns, rows, ..Table::default() }
    }

    fn row(&mut self) {
        if let Some(table) = self.tables.last_mut() {
            (table.cell, table.said, table.reading) = (0, None, None);
            table.row += 1;
        }
    }

    /// Counts the cells of a row; what a cell is by its column's head, or by the label before it.
    fn cell(&mut self, tag: &Tag<'_>) -> Option<What> {
        let mut around = self.open.iter().rev().take_while(|element| element.tag != "table");
        let in_head = around.any(|element| element.tag == "thead");
        let page = self.page;
        let table = self.tables.last_mut()?;
        let number = |name: &str| tag.attribute(name).and_then(|(text, _)| text.parse::<usize>().ok());
        let at = table.cell;
        table.cell = at.saturating_add(number("colspan").unwrap_or(1).clamp(1, MOST_COLUMNS));
        table.reading = None;
        let is_first = table.heads.is_empty() || table.head_row == table.row;
        let is_head =
            if tag.name == "th" { in_head || (is_first && !table.has_labels) } else { in_head && is_first };
        if is_head {
            if at < MOST_COLUMNS {
                table.heads.resize(table.heads.len().max(at + 1), String::new());
                (table.reading, table.head_row) = (Some(at), table.row);
            }
            return None;
        }
        table.is_shifted |= number("rowspan").is_some_and(|rows| rows != 1);
        if tag.name == "td" && !table.heads.is_empty() && table.head_row == table.row {
            // What looked like heads were this row's labels.
            table.heads.clear();
            table.has_labels = true;
        }
        let page = page?;
        if table.has_labels {
            let by_row =
                table.row.checked_sub(1).and_then(|row| table.rows.iter().find_map(|one| one.get(row)));
            return match tag.name.as_str() {
                "th" => None,
                _ => table.said.map(|said| by_row.map_or(said, |what| said.or(*what))).or(page.unknown()),
            };
        }
        if table.heads.is_empty() {
            return None;
        }
        let Some(head) = table.heads.get(at).filter(|_| !table.is_shifted) else {
            return table.said.filter(|said| matches!(said, What::Field(_))).or(page.unknown());
        };
        let by_word = self.shop.said_by(&page.columns, head);
        let shapes = table.columns.iter().filter(|one| one.len() == table.heads.len());
        let by_shape = shapes.filter_map(|one| one.get(at).copied()).reduce(What::or);
        by_word.or(by_shape).or(page.unknown())
    }

    fn close(&mut self, name: &str) {
        match name {
            "table" => {
                self.tables.pop();
            }
            "th" | "dt" => {
                let label = self.label.take().unwrap_or_default();
                let said = self.page.and_then(|page| {
                    self.shop.said_by(&page.labels, label.trim_end().trim_end_matches(':')).or(page.unknown())
                });
                match self.tables.last_mut() {
                    Some(table) if name == "th" => (table.reading, table.said) = (None, said),
                    _ => self.said = said,
                }
            }
            "td" => {
                if let Some(table) = self.tables.last_mut() {
                    table.reading = None;
                }
            }
            "dl" => self.said = None,
            _ => {}
        }
        if let Some(at) = self.open.iter().rposition(|element| element.tag == name) {
            self.open.truncate(at);
        }
    }

    fn text(&mut self, range: Range<usize>) {
        let Some(text) = self.html.get(range.clone()).filter(|text| !text.trim().is_empty()) else { return };
        if let Some(label) = &mut self.label {
            label.push_str(text);
        }
        if let Some(table) = self.tables.last_mut()
            && let Some(head) = table.reading.and_then(|at| table.heads.get_mut(at))
        {
            head.push_str(text);
            return;
        }
        match self.open.iter().rev().find_map(|element| element.is) {
            Some(What::Field(field)) => self.note(range, field),
            Some(What::Unknown) => self.note(range, &UNKNOWN),
            Some(What::Plain) | None => self.rest.push(range),
        }
    }

    /// Notes a value without the blanks around it.
    fn note(&mut self, range: Range<usize>, field: &'static Field) {
        let Some(text) = self.html.get(range.clone()) else { return };
        let (left, right) = (text.len() - text.trim_start().len(), text.len() - text.trim_end().len());
        if left + right < text.len() {
            self.found.push(Found::new(range.start + left..range.end - right, field));
        }
    }
}

/// Elements without content (HTML Living Standard, 13.1.2).
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
    "param",
];

struct Tag<'a> {
    name: String,
    attributes: Vec<(String, Range<usize>)>,
    /// Where attributes stand as a whole that say what is chosen, with a blank before them.
    choice: Vec<Range<usize>>,
    is_closed: bool,
    end: usize,
    html: &'a str,
}

impl<'a> Tag<'a> {
    /// Reads a start tag; an attribute's value may hold `>`.
    fn read(html: &'a str, start: usize) -> Self {
        let bytes = html.as_bytes();
        let get = |at: usize| bytes.get(at).copied().unwrap_or(b'>');
        let mut at = start + 1;
        while at < bytes.len() && !get(at).is_ascii_whitespace() && !matches!(get(at), b'>' | b'/') {
            at += 1;
        }
        let name = html.get(start + 1..at).unwrap_or_default().to_ascii_lowercase();
        let (mut attributes, mut choice, mut is_closed) = (Vec::new(), Vec::new(), false);
        while at < bytes.len() && get(at) != b'>' {
            if get(at).is_ascii_whitespace() || get(at) == b'/' {
                is_closed = get(at) == b'/';
                at += 1;
                continue;
            }
            let name_start = at;
            at += 1;
            while at < bytes.len() && !get(at).is_ascii_whitespace() && !matches!(get(at), b'=' | b'>' | b'/')
            {
                at += 1;
            }
            let attribute = html.get(name_start..at).unwrap_or_default().to_ascii_lowercase();
            let begins = name_start - usize::from(get(name_start - 1).is_ascii_whitespace());
            let mut choose = |end: usize| {
                if matches!(attribute.as_str(), "value" | "selected") {
                    choice.push(begins..end);
                }
            };
            let name_end = at;
            while at < bytes.len() && get(at).is_ascii_whitespace() {
                at += 1;
            }
            if at >= bytes.len() || get(at) != b'=' {
                choose(name_end);
                continue;
            }
            at += 1;
            while at < bytes.len() && get(at).is_ascii_whitespace() {
                at += 1;
            }
            let quote = get(at);
            let range = if matches!(quote, b'"' | b'\'') {
                let from = at + 1;
                let end =
                    bytes.iter().skip(from).position(|byte| *byte == quote).map_or(bytes.len(), |o| from + o);
                at = end + 1;
                from..end
            } else {
                let from = at;
                while at < bytes.len() && !get(at).is_ascii_whitespace() && get(at) != b'>' {
                    at += 1;
                }
                from..at
            };
            choose(at.min(bytes.len()));
            if attributes.len() < MOST_COLUMNS {
                attributes.push((attribute, range));
            }
        }
        Tag { name, attributes, choice, is_closed, end: (at + 1).min(bytes.len()), html }
    }

    /// An attribute's text, and where it stands.
    fn attribute(&self, name: &str) -> Option<(String, Range<usize>)> {
        let (_, range) = self.attributes.iter().find(|(known, _)| known == name)?;
        Some((self.html.get(range.clone())?.to_owned(), range.clone()))
    }
}
