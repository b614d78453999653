//! What a customer asked for: a copy of everything, an end of the use, an erasure.

use serde::Deserialize;
use storeward_policy::Purpose;
use storeward_vault::desk::{Ask, Error as VaultError, Use, copy};
use storeward_web::axum::extract::{Path, State};
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::header;
use storeward_web::{Failure, Form, redirect};

use super::{HERE, asker, customer_page, read_id, reason_words, vault};
use crate::app::App;
use crate::pages::view::View;

/// What is typed to erase somebody: no click by mistake does.
const SURE: &str = "erase";

#[derive(Deserialize)]
pub struct Fields {
    act: String,
    #[serde(default)]
    sure: String,
}

pub async fn act(
    State(app): State<App>,
    view: View,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let id = read_id(&id)?;
    let vault = vault(&app)?;
    let (asker, _) = asker(&app, &view).await?;
    let ask = Ask::new(asker, id, Purpose::RightsRequest);
    let done = match fields.act.as_str() {
        "json" => vault.export(&ask, "json").await.map(|values| file(copy::json(&values), "json")),
        "csv" => vault.export(&ask, "csv").await.map(|values| file(copy::csv(&values), "csv")),
        "restrict" => {
            vault.restrict(&ask, Use::Restricted).await.map(|()| back(&id.to_string(), "restricted"))
        }
        "allow" => vault.restrict(&ask, Use::Allowed).await.map(|()| back(&id.to_string(), "allowed")),
        "erase" if fields.sure.trim().eq_ignore_ascii_case(SURE) => {
            let done = |left| if left > 0 { "erased-but" } else { "erased" };
            vault
                .erase_and_count_left(&ask)
                .await
                .map(|left| redirect(&format!("{HERE}?done={}", done(left))))
        }
        "erase" => {
            let mut content = customer_page(&app, &view, id).await?;
            content.fault = Some("Type the word “erase” to say that you are sure. Nothing was erased.");
            return view.refused("A customer's data", HERE, &content);
        }
        _ => return Err(Failure::invalid("console.act", "The form does not fit this page.")),
    };
    match done {
        Ok(response) => Ok(response),
        Err(VaultError::Denied(reason)) => {
            let words = format!("Nothing was done: {}. That you asked is on record.", reason_words(reason));
            let mut content = customer_page(&app, &view, id).await?;
            content.fault = Some(&words);
            view.refused("A customer's data", HERE, &content)
        }
        Err(other) => Err(other.into()),
    }
}

fn back(id: &str, done: &str) -> Response {
    redirect(&format!("{HERE}/{id}?done={done}"))
}

/// To be saved, never shown: what a customer wrote must not run on the console's host.
fn file(body: String, form: &str) -> Response {
    let kind = if form == "json" { "application/json" } else { "text/csv; charset=utf-8" };
    let name = format!("attachment; filename=\"customer-data.{form}\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], body).into_response()
}
