//! What a customer told the shop by letter or telephone: that they agree to a purpose, do so no more, or object (GDPR articles 7 and 21).

use serde::Deserialize;
use storeward_policy::Purpose;
use storeward_vault::desk::{Ask, Error as VaultError, Word};
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, redirect};

use super::{HERE, asker, customer_page, read_id, reason_words, vault};
use crate::app::App;
use crate::pages::view::View;

#[derive(Deserialize)]
pub struct Said {
    purpose: String,
    word: String,
    #[serde(default)]
    reason: String,
}

pub const fn word_words(word: Word) -> &'static str {
    match word {
        Word::Agree => "agrees to it",
        Word::Withdraw => "does not agree to it any more",
        Word::Object => "objects to it",
    }
}

/// Each word is an item of its own: the history stays, and the last one counts.
pub async fn take_down(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(said): Form<Said>,
) -> Result<Response, Failure> {
    let id = read_id(&id)?;
    let purpose = Purpose::of_name(&said.purpose).filter(|purpose| Purpose::OF_STAFF.contains(purpose));
    let (Some(purpose), Some(word)) = (purpose, Word::of_name(&said.word)) else {
        return Err(Failure::invalid("console.act", "The form does not fit this page."));
    };
    let (asker, _) = asker(&app, &view).await?;
    let ask = Ask::new(asker, id, Purpose::RightsRequest).because(&said.reason);
    let fault = match vault(&app)?.say(&ask, purpose, word).await {
        Ok(()) => return Ok(redirect(&format!("{HERE}/{id}?done=said"))),
        Err(VaultError::Denied(reason)) => {
            format!("Nothing was taken down: {}. That you asked is on record.", reason_words(reason))
        }
        Err(VaultError::Value { field, why }) => {
            format!("Nothing was taken down: {} {why}.", field.replace('_', " "))
        }
        Err(harmed @ VaultError::Harmed(_)) => format!("Nothing was taken down. {harmed}."),
        Err(other) => return Err(other.into()),
    };
    let mut content = customer_page(&app, &view, id).await?;
    content.fault = Some(&fault);
    view.refused("A customer's data", HERE, &content)
}
