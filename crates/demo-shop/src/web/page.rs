//! What every page shows around its content, and turning a template into an answer.

use std::sync::Arc;

use askama::Template;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;

use crate::shop::App;
use crate::store::catalogue::Category;
use crate::web::fail::{Answer, Fail};
use crate::web::visitor::Visitor;

pub struct Page {
    pub title: String,
    pub categories: Arc<Vec<Category>>,
    /// The words in the search field.
    pub words: String,
    visitor: Visitor,
}

impl Page {
    pub fn new(app: &App, visitor: &Visitor, title: impl Into<String>) -> Page {
        Page {
            title: title.into(),
            categories: Arc::clone(&app.categories),
            words: String::new(),
            visitor: visitor.clone(),
        }
    }

    pub fn csrf(&self) -> &str {
        &self.visitor.csrf
    }

    pub fn cart_count(&self) -> i64 {
        self.visitor.session.as_ref().map_or(0, |session| session.cart_count)
    }

    pub fn is_signed_in(&self) -> bool {
        self.visitor.customer().is_some()
    }

    pub fn is_admin(&self) -> bool {
        self.visitor.customer().is_some_and(|person| person.is_admin)
    }

    pub fn first_name(&self) -> &str {
        self.visitor.customer().and_then(|person| person.name.split(' ').next()).unwrap_or("")
    }
}

/// A page that says one thing: an error, or thanks.
#[derive(Template)]
#[template(path = "notice.html")]
pub struct Notice {
    pub page: Page,
    pub heading: &'static str,
    pub text: &'static str,
    pub link: &'static str,
    pub link_text: &'static str,
}

pub fn html(template: &impl Template) -> Answer {
    let text = template.render().map_err(|cause| Fail::Broken(cause.into()))?;
    Ok(([(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response())
}
