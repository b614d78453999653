//! Which reminders somebody wants.

use std::collections::HashMap;

use storeward_web::askama::Template;
use storeward_web::axum::extract::State;
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, Query, redirect};

use super::own;
use super::view::View;
use crate::config::Reminders;
use crate::guide::Guide;
use crate::model::Topic;
use crate::texts::Texts;

#[derive(serde::Deserialize)]
pub struct Asked {
    #[serde(default)]
    done: String,
}

#[derive(Template)]
#[template(path = "reminders.html", askama = storeward_web::askama)]
struct RemindersPage {
    t: Texts,
    base: &'static str,
    csrf: String,
    days: u32,
    on: bool,
    saved: bool,
    choices: Vec<Choice>,
}

struct Choice {
    word: &'static str,
    title: String,
    hint: String,
    wanted: bool,
}

pub async fn page(
    State(guide): State<Guide>,
    view: View,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let (t, policy) = (view.texts(), guide.0.policy());
    let unwanted = guide.unwanted_of(view.customer()?.customer).await?;
    // What this shop never sends is no choice.
    let offered = |topic: &Topic| match topic {
        Topic::Review => policy.review_months > 0,
        Topic::Orders => policy.orders_months > 0 && policy.orders_path.is_some(),
        Topic::Lessons => policy.lessons_months > 0,
        Topic::OneDevice | Topic::CodesLow | Topic::BreachedPassword => true,
    };
    let months = |topic: Topic| match topic {
        Topic::Orders => policy.orders_months,
        Topic::Lessons => policy.lessons_months,
        _ => policy.review_months,
    };
    let choice = |topic: Topic| Choice {
        word: topic.word(),
        title: t.s(&format!("topic.{}", topic.word())),
        hint: t.f(&format!("topic.{}_hint", topic.word()), "months", months(topic)),
        wanted: !unwanted.contains(&topic),
    };
    let page = RemindersPage {
        t,
        base: storeward_host::OWN_PREFIX,
        csrf: view.csrf(),
        days: policy.days_between,
        on: policy.reminders == Reminders::On,
        saved: asked.done == "saved",
        choices: Topic::switchable().filter(offered).map(choice).collect(),
    };
    view.show(&guide, ("/reminders", t.s("reminders.title")), &page)
}

pub async fn choose(
    State(guide): State<Guide>,
    view: View,
    Form(fields): Form<HashMap<String, String>>,
) -> Result<Response, Failure> {
    let customer = view.customer()?.customer;
    let before = guide.unwanted_of(customer).await?;
    // A kind that the form did not show stays as it was.
    let is_shown = |topic: &Topic| fields.contains_key(&format!("shown_{}", topic.word()));
    let wanted = |topic: &Topic| match is_shown(topic) {
        true => fields.contains_key(topic.word()),
        false => !before.contains(topic),
    };
    let wanted: Vec<Topic> = Topic::switchable().filter(wanted).collect();
    guide.choose(customer, &wanted).await?;
    Ok(redirect(&own("/reminders?done=saved")))
}
