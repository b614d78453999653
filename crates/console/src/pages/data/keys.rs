//! Keys of the REST interface: made by the owner, shown once, revoked.

use std::collections::BTreeMap;
use std::time::Duration;

use storeward_api::{Act, Draft, Key, Made, Sort, roles_and_words};
use storeward_base::{Actor, AddressList, Timestamp};
use storeward_policy::Purpose;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Moment, Query, redirect};

use super::{HERE, vault};
use crate::app::App;
use crate::error::Error;
use crate::level::{Badge, Level};
use crate::pages::view::{View, icons};

const TITLE: &str = "Keys for programs";
const PLACE: &str = "/data/keys";
const DAY: Duration = Duration::from_secs(24 * 3_600);

#[derive(Template)]
#[template(path = "data_keys.html", askama = storeward_web::askama)]
struct KeysPage<'a> {
    csrf: &'a str,
    rows: Vec<Row>,
    done: Option<&'static str>,
    icons: &'static str,
}

struct Row {
    id: String,
    name: String,
    handle: String,
    badge: Badge,
    /// May be revoked.
    is_open: bool,
    may: String,
    purposes: String,
    from: String,
    made: Moment,
    ends: Option<Moment>,
    used: Option<Moment>,
}

#[derive(Template)]
#[template(path = "data_key_new.html", askama = storeward_web::askama)]
struct NewPage<'a> {
    csrf: &'a str,
    name: String,
    networks: String,
    acts: Vec<Choice>,
    roles: Vec<Choice>,
    purposes: Vec<Choice>,
    days: Vec<(&'static str, &'static str, bool)>,
    fault: Option<String>,
    icons: &'static str,
}

/// A mark to set.
struct Choice {
    field: String,
    words: &'static str,
    is_set: bool,
}

#[derive(Template)]
#[template(path = "data_key_made.html", askama = storeward_web::askama)]
struct MadePage {
    id: String,
    name: String,
    text: String,
    icons: &'static str,
}

const fn act_words(act: Act) -> &'static str {
    match act {
        Act::Read => "Find customers and open their data",
        Act::Write => "Keep, correct and restrict",
        Act::Erase => "Erase customers",
        Act::Export => "Hand out copies of all that is kept",
        Act::Pay => "Have orders paid: create, read, capture and void payments",
        Act::Refund => "Give money back",
        Act::Scripts => "Look at what runs on paying pages",
        Act::Approve => "Approve what runs on paying pages, and take approvals back",
    }
}

/// How long a key is good: days, words.
const LIVES: [(&str, &str); 4] =
    [("90", "90 days"), ("365", "a year"), ("30", "30 days"), ("", "until it is revoked")];

impl Row {
    fn new(key: Key, now: Timestamp) -> Self {
        // From where it is used counts at the call; here it is good from somewhere.
        let (badge, is_open) = match key.sort(now, None) {
            Sort::Changed => (Badge::new(Level::Bad, "changed in the database"), true),
            Sort::Orphaned => (Badge::new(Level::Warn, "its maker may not any more"), true),
            Sort::Revoked => (Badge::new(Level::Plain, "revoked"), false),
            Sort::Expired => (Badge::new(Level::Warn, "expired"), false),
            Sort::Good | Sort::Elsewhere => (Badge::new(Level::Ok, "good"), true),
        };
        let acts: Vec<&str> = key.acts.iter().map(|act| act.name()).collect();
        let purposes: Vec<String> = key.purposes.iter().map(|one| one.name().replace('_', " ")).collect();
        let networks: Vec<String> = key.networks.entries().collect();
        Row {
            id: key.id.to_string(),
            name: key.name,
            handle: key.handle,
            badge,
            is_open,
            may: format!("{} as {}", acts.join(", "), key.roles.join(", ")),
            purposes: purposes.join(", "),
            from: if networks.is_empty() { "everywhere".to_owned() } else { networks.join(", ") },
            made: Moment(key.created_at),
            ends: key.expires_at.map(Moment),
            used: key.last_used_at.map(Moment),
        }
    }
}

/// A key sees what its roles see: only the owner, who sees all of it, makes one, and sees which there are.
async fn owner_only(app: &App, view: &View) -> Result<(), Failure> {
    let staff = view.visitor.staff;
    if app.db.read(move |reader| crate::app::is_owner(reader, staff)).await.map_err(Error::from)? {
        return Ok(());
    }
    Err(Failure::denied(
        "console.owner_only",
        "Keys are seen, made and revoked by whoever is in the group owner.",
    ))
}

pub async fn page(
    State(app): State<App>,
    view: View,
    Query(asked): Query<super::Done>,
) -> Result<Response, Failure> {
    vault(&app)?;
    owner_only(&app, &view).await?;
    let now = app.clock.now();
    let rows = app.keys.list().await?.into_iter().map(|key| Row::new(key, now)).collect();
    let done = (asked.done == "revoked").then_some("Revoked: from its next call on it is good for nothing.");
    view.page(TITLE, HERE, &KeysPage { csrf: view.csrf(), rows, done, icons: icons() })
}

pub async fn new_form(State(app): State<App>, view: View) -> Result<Response, Failure> {
    vault(&app)?;
    owner_only(&app, &view).await?;
    view.page("A new key", HERE, &new_page(&view, &BTreeMap::new(), None))
}

fn new_page<'a>(view: &'a View, typed: &BTreeMap<String, String>, fault: Option<String>) -> NewPage<'a> {
    let is_set = |field: &str| typed.get(field).is_some_and(|value| value == "yes");
    let text =
        |field: &str| -> String { typed.get(field).map_or("", String::as_str).chars().take(500).collect() };
    let choice = |field: String, words: &'static str| Choice { is_set: is_set(&field), field, words };
    let life = typed.get("days").map_or("90", String::as_str);
    NewPage {
        csrf: view.csrf(),
        name: text("name"),
        networks: text("networks"),
        acts: Act::ALL.map(|act| choice(format!("act_{}", act.name()), act_words(act))).into(),
        roles: roles_and_words().map(|(role, words)| choice(format!("role_{role}"), words)).into(),
        purposes: Purpose::OF_STAFF
            .map(|purpose| choice(format!("purpose_{}", purpose.name()), purpose.words()))
            .into(),
        days: LIVES.map(|(days, words)| (days, words, days == life)).to_vec(),
        fault,
        icons: icons(),
    }
}

fn draft_of(typed: &BTreeMap<String, String>, now: Timestamp) -> Result<Draft, String> {
    let is_set = |field: String| typed.get(&field).is_some_and(|value| value == "yes");
    let networks: Vec<&str> = typed
        .get("networks")
        .map_or("", String::as_str)
        .split([',', ' ', '\n', '\r'])
        .filter(|one| !one.is_empty())
        .collect();
    let networks = AddressList::parse(&networks).map_err(|why| why.to_string())?;
    let expires_at = match typed.get("days").map_or("", String::as_str) {
        "" => None,
        days => {
            let known = LIVES.iter().any(|(life, _)| *life == days);
            let days: u32 = days.parse().ok().filter(|_| known).ok_or("Choose how long it is good.")?;
            Some(now.plus(DAY * days))
        }
    };
    Ok(Draft {
        name: typed.get("name").cloned().unwrap_or_default(),
        acts: Act::ALL.into_iter().filter(|act| is_set(format!("act_{}", act.name()))).collect(),
        roles: roles_and_words()
            .into_iter()
            .map(|(role, _)| role.to_owned())
            .filter(|role| is_set(format!("role_{role}")))
            .collect(),
        purposes: Purpose::OF_STAFF
            .into_iter()
            .filter(|purpose| is_set(format!("purpose_{}", purpose.name())))
            .collect(),
        networks,
        expires_at,
    })
}

/// Answers with the key itself: it stands on this one answer, which nothing keeps.
pub async fn make(
    State(app): State<App>,
    view: View,
    Form(typed): Form<BTreeMap<String, String>>,
) -> Result<Response, Failure> {
    vault(&app)?;
    owner_only(&app, &view).await?;
    let refused = |why: String| view.refused("A new key", HERE, &new_page(&view, &typed, Some(why)));
    let draft = match draft_of(&typed, app.clock.now()) {
        Ok(draft) => draft,
        Err(why) => return refused(why),
    };
    match app.keys.make(draft, Actor::Staff { id: view.visitor.staff }).await {
        Ok(Made { key, text }) => {
            let page = MadePage {
                id: key.id.to_string(),
                name: key.name,
                text: text.expose().clone(),
                icons: icons(),
            };
            view.page("The new key", HERE, &page)
        }
        Err(storeward_api::Error::Misfit(why)) => refused(why),
        Err(other) => Err(other.into()),
    }
}

#[derive(serde::Deserialize)]
pub struct Revoked {
    key: String,
}

pub async fn revoke(
    State(app): State<App>,
    view: View,
    Form(revoked): Form<Revoked>,
) -> Result<Response, Failure> {
    owner_only(&app, &view).await?;
    let id = revoked.key.parse();
    let id = id.map_err(|_| Failure::invalid("console.act", "The form does not fit this page."))?;
    app.keys.revoke(id, Actor::Staff { id: view.visitor.staff }).await?;
    Ok(redirect(&format!("{PLACE}?done=revoked")))
}
