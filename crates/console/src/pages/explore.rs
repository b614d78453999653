//! Explore: all traffic, narrowed by clicking on it.

use serde::Deserialize;
use storeward_base::RequestId;
use storeward_edge::access::{Condition, Facet, Field, Filter, Operator, Page, Verdict};
use storeward_events::words;
use storeward_web::askama::Template;
use storeward_web::axum::extract::{RawQuery, State};
use storeward_web::axum::response::Response;
use storeward_web::charts::bar_percent;
use storeward_web::{Failure, Form, redirect};

use super::view::{View, icons};
use crate::accounts::{SavedView, ViewId, parse_view_name};
use crate::app::App;
use crate::outlook::{counted, grouped};
use crate::rows::{self, EXPLORE, RequestRow, explore, only, without};

const ROWS: usize = 50;
/// Parts of the address that are no filter.
const NOT_FILTER: [&str; 2] = ["before", "views"];
/// Facets worth a place, in this order.
const SHOWN_FACETS: [&str; 8] =
    ["verdict", "category", "status", "client", "path", "agent", "method", "reason"];

#[derive(Template)]
#[template(path = "explore.html", askama = storeward_web::askama)]
struct ExplorePage<'a> {
    chips: Vec<Chip>,
    verdicts: Vec<Choice>,
    views: Vec<ViewLink>,
    views_open: bool,
    query: String,
    csrf: &'a str,
    matched: String,
    truncated: bool,
    facets: Vec<FacetList>,
    rows: Vec<RequestRow>,
    range: String,
    newest: Option<String>,
    older: Option<String>,
    icons: &'static str,
}

struct Chip {
    /// As a field of the form.
    name: String,
    label: String,
    value: String,
    excludes: bool,
    remove: String,
}

/// One verdict to filter by.
struct Choice {
    value: &'static str,
    word: String,
    is_chosen: bool,
}

struct ViewLink {
    id: ViewId,
    name: String,
    href: String,
}

struct FacetList {
    label: &'static str,
    values: Vec<FacetLine>,
    others: String,
}

struct FacetLine {
    value: String,
    count: String,
    percent: u64,
    only: String,
    without: String,
}

pub async fn page(
    State(app): State<App>,
    view: View,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = query.unwrap_or_default();
    let filter = read_filter(&query)?;
    let before = read_before(&query)?;
    let asked = filter.clone();
    let (page, facets) =
        app.ask(move |access| (access.query(&asked, before, ROWS), access.facets(&asked))).await?;
    let views = app.accounts.views(view.visitor.staff).await?;
    let content = ExplorePage {
        chips: chips(&filter),
        verdicts: choices(&filter),
        views: views.into_iter().map(view_link).collect(),
        views_open: query.split('&').any(|pair| pair == "views=open"),
        query: filter.to_string(),
        csrf: view.csrf(),
        matched: counted(facets.matched, "request fits", "requests fit"),
        truncated: facets.truncated,
        facets: facet_lists(&facets.facets, &filter),
        range: range(&page),
        rows: page.records.iter().map(|record| RequestRow::within(record, &filter)).collect(),
        newest: before.map(|_| explore(&filter)),
        older: page.next.map(|next| paged(&filter, next)),
        icons: icons(),
    };
    view.page("Explore", EXPLORE, &content)
}

#[derive(Deserialize)]
pub struct NewView {
    name: String,
    query: String,
}

pub async fn save_view(
    State(app): State<App>,
    view: View,
    Form(fields): Form<NewView>,
) -> Result<Response, Failure> {
    let name = parse_view_name(&fields.name).map_err(|m| Failure::invalid("console.view_name", m.words))?;
    let filter = read_filter(&fields.query)?;
    app.accounts.save_view(view.visitor.staff, name, filter.to_string()).await?;
    let address = explore(&filter);
    let sign = if address.contains('?') { '&' } else { '?' };
    Ok(redirect(&format!("{address}{sign}views=open")))
}

#[derive(Deserialize)]
pub struct OldView {
    view: ViewId,
}

pub async fn delete_view(
    State(app): State<App>,
    view: View,
    Form(fields): Form<OldView>,
) -> Result<Response, Failure> {
    app.accounts.delete_view(view.visitor.staff, fields.view).await?;
    Ok(redirect("/explore?views=open"))
}

fn choices(filter: &Filter) -> Vec<Choice> {
    let is_chosen = |name: &str| {
        filter.conditions().iter().any(|c| c.field == Field::Verdict && !c.excludes && c.value == name)
    };
    Verdict::ALL
        .iter()
        .map(|verdict| Choice {
            value: verdict.name(),
            word: rows::verdict_badge(*verdict).word,
            is_chosen: is_chosen(verdict.name()),
        })
        .collect()
}

fn read_filter(query: &str) -> Result<Filter, Failure> {
    Filter::parse_ignoring(query, &NOT_FILTER)
        .map_err(|error| Failure::invalid("console.filter", format!("This filter does not fit: {error}.")))
}

fn read_before(query: &str) -> Result<Option<RequestId>, Failure> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("before="));
    match value.filter(|value| !value.is_empty()).map(str::parse) {
        None => Ok(None),
        Some(Ok(id)) => Ok(Some(id)),
        Some(Err(_)) => {
            Err(Failure::invalid("console.page", "The part `before` of the address is no request's number."))
        }
    }
}

fn chips(filter: &Filter) -> Vec<Chip> {
    let chip = |(at, condition): (usize, &Condition)| Chip {
        name: name_of(condition),
        label: label_of(condition),
        value: condition.value.clone(),
        excludes: condition.excludes,
        remove: explore(&filter.without(at)),
    };
    filter.conditions().iter().enumerate().map(chip).collect()
}

/// What stands before the `=` of the condition in an address.
fn name_of(condition: &Condition) -> String {
    let text = condition.to_string();
    text.split_once('=').map(|(name, _)| name.to_owned()).unwrap_or(text)
}

fn label_of(condition: &Condition) -> String {
    let label = field_label(condition.field);
    match (condition.operator, condition.field) {
        (Operator::StartsWith, _) => format!("{label} begins with"),
        (Operator::Contains, Field::Text | Field::UserAgent) | (Operator::Is, _) => label.to_owned(),
        (Operator::Contains, _) => format!("{label} contains"),
    }
}

pub fn field_label(field: Field) -> &'static str {
    match field {
        Field::Client => "from",
        Field::Method => "method",
        Field::Host => "host",
        Field::Path => "path",
        Field::Status => "answer",
        Field::Verdict => "verdict",
        Field::Rule => "rule",
        Field::Category => "attack",
        Field::Route => "route",
        Field::Upstream => "shop",
        Field::UserAgent => "browser",
        Field::Referrer => "came from",
        Field::Parameter => "parameter",
        Field::ContentType => "type",
        Field::Reason => "reason",
        Field::Text => "text",
        Field::Since => "since",
        Field::Until => "until",
        Field::SlowerMs => "slower than (ms)",
    }
}

fn view_link(view: SavedView) -> ViewLink {
    let href = if view.query.is_empty() { EXPLORE.to_owned() } else { format!("{EXPLORE}?{}", view.query) };
    ViewLink { id: view.id, name: view.name, href }
}

fn facet_lists(facets: &[Facet], filter: &Filter) -> Vec<FacetList> {
    let find = |name: &&str| facets.iter().find(|facet| facet.field == *name);
    SHOWN_FACETS.iter().filter_map(find).filter_map(|facet| facet_list(facet, filter)).collect()
}

fn facet_list(facet: &Facet, filter: &Filter) -> Option<FacetList> {
    let field = Field::named(facet.field)?;
    let most = facet.values.first()?.count;
    let line = |value: &storeward_edge::access::FacetValue| FacetLine {
        value: match field {
            Field::Category => words::category(&value.value).to_owned(),
            Field::Reason => words::reason(&value.value).to_owned(),
            Field::Verdict => verdict_word(&value.value),
            _ => value.value.clone(),
        },
        count: grouped(value.count),
        percent: bar_percent(value.count, most),
        only: only(filter, field, &value.value),
        without: without(filter, field, &value.value),
    };
    let others =
        if facet.others == 0 { String::new() } else { format!("{} with others", grouped(facet.others)) };
    Some(FacetList {
        label: field_label(field),
        values: facet.values.iter().take(8).map(line).collect(),
        others,
    })
}

/// The word that rows show for a verdict.
fn verdict_word(name: &str) -> String {
    let known = Verdict::ALL.iter().find(|verdict| verdict.name() == name);
    known.map_or_else(|| name.to_owned(), |verdict| rows::verdict_badge(*verdict).word)
}

fn range(page: &Page) -> String {
    if page.unreadable_blocks > 0 {
        return "a part of the record could not be read".to_owned();
    }
    match page.reaches_back_to {
        Some(moment) if page.truncated => format!("looked back to {moment}"),
        _ => format!("{} on this page", rows::count(page.records.len())),
    }
}

fn paged(filter: &Filter, next: RequestId) -> String {
    let sign = if filter.is_empty() { '?' } else { '&' };
    format!("{}{sign}before={next}", explore(filter))
}
