//! What a page's script asks while a member of staff types a password (`meter.js`). The form is complete without it.

use serde::{Deserialize, Serialize};
use storeward_base::Secret;
use storeward_passwords::{Judgement, Message};
use storeward_web::axum::Json;
use storeward_web::axum::extract::State;
use storeward_web::{Failure, Form};

use super::view::View;
use crate::app::App;

#[derive(Deserialize)]
pub struct Fields {
    password: Secret<String>,
    #[serde(default)]
    email: String,
    #[serde(default)]
    name: String,
}

const MOST_BYTES: usize = 320;

/// Nothing in it where nothing is said.
#[derive(Default, Serialize)]
pub struct Said {
    score: Option<u8>,
    fits: bool,
    strength: &'static str,
    advice: Vec<String>,
}

impl Said {
    fn of(judged: &Judgement) -> Self {
        Said {
            score: Some(judged.shown_score()),
            fits: judged.is_accepted(),
            strength: judged.strength.english(),
            advice: judged.while_typing().into_iter().map(Message::english).collect(),
        }
    }
}

pub async fn enrol(State(app): State<App>, Form(fields): Form<Fields>) -> Json<Said> {
    let cut = |text: &str| text.chars().take(MOST_BYTES).collect::<String>();
    let read = app.accounts.read_typed(&cut(&fields.email), &cut(&fields.name), fields.password).await;
    Json(read.as_ref().map_or_else(Said::default, Said::of))
}

pub async fn change(
    State(app): State<App>,
    view: View,
    Form(fields): Form<Fields>,
) -> Result<Json<Said>, Failure> {
    let read = app.accounts.read_typed_by(view.visitor.staff, fields.password).await?;
    Ok(Json(read.as_ref().map_or_else(Said::default, Said::of)))
}
