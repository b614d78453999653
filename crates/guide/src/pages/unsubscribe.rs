//! "No more of these", from a letter's link and from the mail program (RFC 8058). Following the link does nothing.

use serde::Deserialize;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::http::StatusCode;
use storeward_web::{Failure, Query};

use super::view::View;
use crate::guide::Guide;
use crate::texts::Texts;
use crate::verbs::choose::Way;

#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    t: String,
}

#[derive(Template)]
#[template(path = "unsubscribe.html", askama = storeward_web::askama)]
struct UnsubscribePage {
    t: Texts,
    base: &'static str,
    /// Empty for a link that is none.
    token: String,
    topic: String,
    done: bool,
}

fn blank(view: &View) -> UnsubscribePage {
    UnsubscribePage {
        t: view.texts(),
        base: storeward_host::OWN_PREFIX,
        token: String::new(),
        topic: String::new(),
        done: false,
    }
}

fn head(view: &View) -> (&'static str, String) {
    ("", view.texts().s("unsubscribe.title"))
}

pub async fn page(
    State(guide): State<Guide>,
    view: View,
    Query(link): Query<Link>,
) -> Result<Response, Failure> {
    let mut page = blank(&view);
    if let Some(topic) = guide.unsubscribe_topic(&link.t).await? {
        page.topic = page.t.s(&format!("topic.{}", topic.word()));
        page.token = link.t;
    }
    view.show(&guide, head(&view), &page)
}

/// The token in the address decides, and nothing else: mail programs send no cookie.
pub async fn act(
    State(guide): State<Guide>,
    view: View,
    Query(link): Query<Link>,
    body: String,
) -> Result<Response, Failure> {
    // RFC 8058 section 3.2: the body says so; our own form says otherwise.
    let way = if body.contains("List-Unsubscribe=One-Click") { Way::OneClick } else { Way::Letter };
    let mut page = blank(&view);
    page.done = guide.unsubscribe(&link.t, way).await?.is_some();
    if page.done {
        return view.show(&guide, head(&view), &page);
    }
    view.show_again(&guide, StatusCode::NOT_FOUND, head(&view), &page)
}
