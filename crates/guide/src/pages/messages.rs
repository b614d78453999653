//! "Is this message from us?"

use serde::Deserialize;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Local};

use super::view::{View, too_often};
use crate::guide::Guide;
use crate::texts::Texts;
use crate::verbs::look_up::Found;

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    text: String,
    #[serde(default)]
    address: String,
}

#[derive(Template)]
#[template(path = "messages.html", askama = storeward_web::askama)]
struct MessagesPage {
    t: Texts,
    base: &'static str,
    csrf: String,
    signed_in: bool,
    shop: String,
    /// `ok`, `bad` or `note`; empty before anything was asked.
    mood: &'static str,
    title: String,
    words: String,
    rows: Vec<(String, String)>,
    offers_sign_in: bool,
    offers_change: bool,
    yours: Vec<Line>,
}

struct Line {
    what: String,
    when: Local,
    subject: String,
    code: String,
}

/// What kind of message a topic is, in words.
pub fn kind(t: Texts, topic: &str) -> String {
    t.s(match topic {
        "identity.code" => "kind.code",
        "identity.notice" => "kind.notice",
        topic if topic.starts_with("guide.") => "kind.reminder",
        _ => "kind.other",
    })
}

async fn plain(guide: &Guide, view: &View) -> Result<MessagesPage, Failure> {
    let t = view.texts();
    let yours = match &view.session {
        Some(session) => guide.written_to(session).await?,
        None => Vec::new(),
    };
    Ok(MessagesPage {
        t,
        base: storeward_host::OWN_PREFIX,
        csrf: view.csrf(),
        signed_in: view.session.is_some(),
        shop: guide.0.identity.shop_name(),
        mood: "",
        title: String::new(),
        words: String::new(),
        rows: Vec::new(),
        offers_sign_in: false,
        offers_change: false,
        yours: yours
            .into_iter()
            .map(|written| Line {
                what: kind(t, &written.topic),
                when: Local::minute(written.at, view.language),
                subject: written.subject,
                code: written.code,
            })
            .collect(),
    })
}

pub async fn page(State(guide): State<Guide>, view: View) -> Result<Response, Failure> {
    let page = plain(&guide, &view).await?;
    view.show(&guide, ("/messages", view.texts().s("messages.title")), &page)
}

pub async fn look_up(
    State(guide): State<Guide>,
    view: View,
    Form(asked): Form<Asked>,
) -> Result<Response, Failure> {
    let text: String = asked.text.chars().take(super::report::MOST_CHARS).collect();
    let found = guide.look_up(view.visit.client, view.session.as_ref(), &text, &asked.address).await?;
    let mut page = plain(&guide, &view).await?;
    let wait = match found {
        Found::Wait { seconds } => Some(seconds),
        _ => None,
    };
    say(&mut page, found);
    let head = ("/messages", view.texts().s("messages.title"));
    match wait {
        Some(seconds) => view.show_later(&guide, seconds, head, &page),
        None => view.show(&guide, head, &page),
    }
}

fn say(page: &mut MessagesPage, found: Found) {
    let t = page.t;
    let facts = |topic: &str, at: storeward_base::Timestamp| {
        vec![(t.s("messages.what"), kind(t, topic)), (t.s("messages.when"), at.in_words(t.0))]
    };
    let (mood, title, words) = match found {
        Found::NoCode => ("note", t.s("messages.no_code_title"), t.s("messages.no_code")),
        Found::Wait { seconds } => ("note", t.s("page.problem"), too_often(t, seconds)),
        Found::Unknown => {
            page.offers_change = true;
            ("bad", t.s("messages.unknown_title"), t.s("messages.unknown"))
        }
        Found::ToSomebodyElse => {
            page.offers_change = true;
            ("bad", t.s("messages.other_title"), t.s("messages.other"))
        }
        Found::Ours { topic, at } => {
            page.rows = facts(&topic, at);
            page.offers_sign_in = true;
            ("note", t.s("messages.known_title"), t.s("messages.known"))
        }
        Found::ToYou { topic, at, subject } => {
            page.rows = facts(&topic, at);
            page.rows.extend(subject.map(|subject| (t.s("messages.subject"), subject)));
            ("ok", t.s("messages.ours_title"), t.s("messages.ours"))
        }
    };
    (page.mood, page.title, page.words) = (mood, title, words);
}
