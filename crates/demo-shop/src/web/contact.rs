//! The contact form.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::StatusCode;

use crate::clock::now_s;
use crate::shop::App;
use crate::store::customers::{self, Message};
use crate::web::fail::Answer;
use crate::web::form::{Posted, is_email};
use crate::web::page::{Notice, Page, html};
use crate::web::visitor::Visitor;
use crate::words::Moment;

#[derive(Template)]
#[template(path = "contact.html")]
struct ContactPage {
    page: Page,
    name: String,
    email: String,
    topic: String,
    text: String,
    failed: bool,
}

pub async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    let (name, email) =
        visitor.customer().map(|person| (person.name.clone(), person.email.clone())).unwrap_or_default();
    let page = Page::new(&app, &visitor, "Contact");
    html(&ContactPage { page, name, email, topic: String::new(), text: String::new(), failed: false })
}

pub async fn send(State(app): State<Arc<App>>, posted: Posted) -> Answer {
    let Some(message) = read(&posted) else {
        let kept = |name: &str, most| posted.fields.get(name).chars().take(most).collect();
        let mut answer = html(&ContactPage {
            page: Page::new(&app, &posted.visitor, "Contact"),
            name: kept("name", 80),
            email: kept("email", 200),
            topic: kept("topic", 80),
            text: kept("text", 4_000),
            failed: true,
        })?;
        *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(answer);
    };
    app.db.write(move |tx| customers::add_message(tx, &message)).await?;
    html(&Notice {
        page: Page::new(&app, &posted.visitor, "Message sent"),
        heading: "Thank you for writing",
        text: "Your message is with us. We answer within two working days.",
        link: "/",
        link_text: "Back to the shop",
    })
}

fn read(posted: &Posted) -> Option<Message> {
    Some(Message {
        name: posted.fields.line("name", 80)?,
        email: posted.fields.line("email", 200).filter(|email| is_email(email))?,
        topic: posted.fields.line("topic", 80)?,
        text: posted.fields.text("text", 4_000)?,
        sent_at: Moment(now_s()),
    })
}
