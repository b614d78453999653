//! A value put right, or taken away, because the customer asked (GDPR article 16).

use serde::Deserialize;
use storeward_base::Secret;
use storeward_policy::Purpose;
use storeward_vault::desk::{Ask, Error as VaultError, Field, Item, Provenance};
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::Response;
use storeward_web::{Failure, Form, redirect};

use super::{HERE, asker, customer_page, read_id, reason_words, vault};
use crate::app::App;
use crate::pages::view::View;

#[derive(Deserialize)]
pub struct Correction {
    field: String,
    item: String,
    /// Nothing: the value is taken away.
    #[serde(default)]
    value: String,
    /// Asked for where it is what the customer agreed or objected to.
    #[serde(default)]
    reason: String,
}

pub async fn correct(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(given): Form<Correction>,
) -> Result<Response, Failure> {
    let id = read_id(&id)?;
    let unfit = || Failure::invalid("console.act", "The form does not fit this page.");
    let field = Field::find(&given.field).map_err(|_| unfit())?;
    let item = given.item.trim();
    let item = if item.is_empty() { "own" } else { item };
    let vault = vault(&app)?;
    let (asker, _) = asker(&app, &view).await?;
    let ask = Ask::new(asker, id, Purpose::RightsRequest).because(&given.reason);
    let done = if given.value.trim().is_empty() {
        vault.take_away(&ask, item, &[field]).await.map(|count| if count > 0 { "taken" } else { "nothing" })
    } else {
        let item = Item {
            id: item.to_owned(),
            values: vec![(field, Secret::new(given.value))],
            provenance: Provenance::Staff,
            keep_until: None,
        };
        vault.correct(&ask, item).await.map(|()| "corrected")
    };
    let fault = match done {
        Ok(done) => return Ok(redirect(&format!("{HERE}/{id}?done={done}"))),
        Err(VaultError::Denied(reason)) => {
            format!("Nothing was changed: {}. That you asked is on record.", reason_words(reason))
        }
        Err(VaultError::Value { field, why }) => {
            format!("Nothing was changed: {} {why}.", field.replace('_', " "))
        }
        Err(harmed @ VaultError::Harmed(_)) => format!("Nothing was changed. {harmed}."),
        Err(other) => return Err(other.into()),
    };
    let mut content = customer_page(&app, &view, id).await?;
    content.fault = Some(&fault);
    view.refused("A customer's data", HERE, &content)
}
