//! The form for reporting a false message.

use serde::Deserialize;
use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::http::StatusCode;
use storeward_web::{Failure, Form};

use super::view::{View, too_often};
use crate::guide::Guide;
use crate::texts::Texts;
use crate::verbs::report::Reported;

pub use crate::verbs::report::MOST_CHARS;

#[derive(Deserialize)]
pub struct Said {
    #[serde(default)]
    said: String,
}

#[derive(Template)]
#[template(path = "report.html", askama = storeward_web::askama)]
struct ReportPage {
    t: Texts,
    base: &'static str,
    csrf: String,
    most: usize,
    fault: Option<String>,
    said: String,
    /// What is said once it was taken.
    done: Option<String>,
}

impl ReportPage {
    fn new(view: &View) -> Self {
        ReportPage {
            t: view.texts(),
            base: storeward_host::OWN_PREFIX,
            csrf: view.csrf(),
            most: MOST_CHARS,
            fault: None,
            said: String::new(),
            done: None,
        }
    }
}

fn head(view: &View) -> (&'static str, String) {
    ("/messages", view.texts().s("report.title"))
}

pub async fn page(State(guide): State<Guide>, view: View) -> Result<Response, Failure> {
    view.show(&guide, head(&view), &ReportPage::new(&view))
}

pub async fn report(
    State(guide): State<Guide>,
    view: View,
    Form(form): Form<Said>,
) -> Result<Response, Failure> {
    let reported = guide.report(view.visit.client, view.session.as_ref(), &form.said).await?;
    let mut page = ReportPage::new(&view);
    let t = page.t;
    let (wait, fault) = match reported {
        Reported::Taken { bears_our_code } => {
            page.done = Some(t.s(if bears_our_code { "report.done_ours" } else { "report.done" }));
            return view.show(&guide, head(&view), &page);
        }
        Reported::Empty => (None, t.s("report.empty")),
        Reported::Long => (None, t.f("report.long", "most", MOST_CHARS)),
        Reported::Wait { seconds } => (Some(seconds), too_often(t, seconds)),
    };
    page.fault = Some(fault);
    page.said = form.said.chars().take(MOST_CHARS).collect();
    match wait {
        Some(seconds) => view.show_later(&guide, seconds, head(&view), &page),
        None => view.show_again(&guide, StatusCode::UNPROCESSABLE_ENTITY, head(&view), &page),
    }
}
