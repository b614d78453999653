//! Who saw whom, when and for what: by customer, by person, by purpose.

use serde::Deserialize;
use storeward_base::{Actor, CustomerId, EventId, StaffId};
use storeward_policy::Purpose;
use storeward_vault::desk::{Filter, Sight};
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Moment, Query};

use super::{HERE, reason_words, vault};
use crate::accounts::{self, Names};
use crate::app::App;
use crate::error::Error;
use crate::level::{Badge, Level};
use crate::pages::next::encode;
use crate::pages::view::{View, icons};

const LINES: u32 = 50;

#[derive(Template)]
#[template(path = "data_seen.html", askama = storeward_web::askama)]
struct SeenPage {
    customer: String,
    staff: Vec<(String, String, bool)>,
    purposes: Vec<(&'static str, &'static str, bool)>,
    lines: Vec<Line>,
    older: Option<String>,
    icons: &'static str,
}

struct Line {
    at: Moment,
    who: String,
    customer: String,
    what: String,
    purpose: &'static str,
    badge: Badge,
    why: String,
}

impl Line {
    fn new(sight: Sight, names: &Names, says: impl Fn(&str) -> Option<String>) -> Self {
        let (badge, why) = match &sight.outcome {
            Ok(rules) => {
                let words: Vec<String> =
                    rules.iter().map(|rule| says(rule).unwrap_or_else(|| rule.clone())).collect();
                (Badge::new(Level::Plain, "opened"), words.join(" "))
            }
            Err(reason) => (Badge::new(Level::Warn, "refused"), reason_words(reason).to_owned()),
        };
        let who = match sight.actor {
            Actor::Customer { id } if id == sight.customer => "the customer".to_owned(),
            other => names.in_words(&other.to_string()),
        };
        Line {
            at: Moment(sight.at),
            who,
            customer: sight.customer.to_string(),
            what: format!(
                "{}: {}",
                sight.collection.replace('_', " "),
                sight.fields.join(", ").replace('_', " ")
            ),
            purpose: Purpose::of_name(&sight.purpose).map_or("another purpose", Purpose::words),
            badge,
            why,
        }
    }
}

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    customer: String,
    #[serde(default)]
    staff: String,
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    before: String,
}

/// Nothing for what is left empty; a failure for what is none.
fn read<T: std::str::FromStr>(text: &str) -> Result<Option<T>, Failure> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            Failure::invalid(
                "console.filter",
                "Give a customer's number as it stands in the lists, or nothing.",
            )
        }),
    }
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let customer: Option<CustomerId> = read(&asked.customer)?;
    let staff: Option<StaffId> = read(&asked.staff)?;
    let before: Option<EventId> = read(&asked.before)?;
    let purpose = Purpose::of_name(&asked.purpose);
    let actor = staff.map(|id| Actor::Staff { id });
    let filter = Filter { customer, actor, purpose, before, ..Filter::default() };
    let sights = vault(&app)?.sights(filter, LINES).await?;
    let (names, members) = app
        .db
        .read(|reader| Ok::<_, Error>((accounts::names(reader)?, accounts::all_members(reader)?)))
        .await?;
    let policies = vault(&app)?.policies();
    let says = |rule: &str| policies.says(rule).map(str::to_owned);
    let is_full = u32::try_from(sights.len()).is_ok_and(|count| count == LINES);
    let older = sights.last().filter(|_| is_full).map(|last| {
        format!(
            "{HERE}/seen?customer={}&staff={}&purpose={}&before={}",
            encode(asked.customer.trim()),
            encode(asked.staff.trim()),
            encode(&asked.purpose),
            last.event
        )
    });
    let content = SeenPage {
        customer: customer.map_or_else(String::new, |id| id.to_string()),
        staff: members
            .into_iter()
            .map(|member| (member.id.to_string(), member.name, Some(member.id) == staff))
            .collect(),
        purposes: Purpose::ALL.map(|one| (one.name(), one.words(), Some(one) == purpose)).to_vec(),
        lines: sights.into_iter().map(|sight| Line::new(sight, &names, says)).collect(),
        older,
        icons: icons(),
    };
    view.page("Who saw whom", HERE, &content)
}
