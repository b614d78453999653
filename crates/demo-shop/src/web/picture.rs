//! A customer's profile picture: streamed to disk, checked by its first bytes, never larger than 5 MiB.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect};
use http::header::CONTENT_LENGTH;
use tokio::io::AsyncWriteExt;

use crate::error::Error;
use crate::multipart::Multipart;
use crate::shop::App;
use crate::store::customers;
use crate::tokens;
use crate::web::fail::{Answer, Fail};
use crate::web::visitor::Visitor;

const PICTURE_LIMIT: usize = 5 * 1024 * 1024;
/// What a form around the picture may add.
const AROUND: usize = 8 * 1024;
/// How much of an upload that was refused is still read, so that the browser gets to see why.
const DRAINED: usize = 32 * 1024 * 1024;

/// Expects the parts `csrf` and `picture`, in this order: nothing is written before the token was right.
pub async fn upload(State(app): State<Arc<App>>, visitor: Visitor, request: Request) -> Answer {
    let customer = visitor.signed_in("/account")?.id;
    let (parts, body) = request.into_parts();
    let announced =
        parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let mut form = Multipart::new(&parts.headers, body)?;
    if announced.is_some_and(|length| length > PICTURE_LIMIT + AROUND) {
        form.drain(DRAINED).await;
        return Err(Fail::TooLarge);
    }
    let saved = save(&app.pictures, &visitor, &mut form).await;
    let name = match saved {
        Ok(name) => name,
        Err(fail) => {
            form.drain(DRAINED).await;
            return Err(fail);
        }
    };
    let new = name.clone();
    let before = app.db.write(move |tx| customers::set_picture(tx, customer, &new)).await?;
    if let Some(before) = before {
        let _already_gone = tokio::fs::remove_file(app.pictures.join(before)).await;
    }
    Ok(Redirect::to("/account").into_response())
}

async fn save(folder: &Path, visitor: &Visitor, form: &mut Multipart) -> Result<String, Fail> {
    const NO_PICTURE: Fail = Fail::Invalid("Please choose a picture first.");
    let first = form.next_part().await?.ok_or(NO_PICTURE)?;
    let token = if first.name == "csrf" { form.text(200).await? } else { String::new() };
    visitor.check_csrf(&token)?;
    let second = form.next_part().await?.ok_or(NO_PICTURE)?;
    if second.name != "picture" {
        return Err(NO_PICTURE);
    }
    let stem = tokens::random_token()?;
    let mut unfinished = Unfinished { path: folder.join(format!("{stem}.part")), kept: false };
    let mut file = tokio::fs::File::create(&unfinished.path).await.map_err(Error::from)?;
    let mut size = 0;
    let mut start = Vec::new();
    while let Some(chunk) = form.chunk().await? {
        size += chunk.len();
        if size > PICTURE_LIMIT {
            return Err(Fail::TooLarge);
        }
        start.extend(chunk.iter().take(16_usize.saturating_sub(start.len())));
        // As soon as enough is known, a file of the wrong kind is turned away.
        if start.len() == 16 && extension(&start).is_none() {
            return Err(Fail::WrongType);
        }
        file.write_all(&chunk).await.map_err(Error::from)?;
    }
    if size == 0 {
        return Err(NO_PICTURE);
    }
    let extension = extension(&start).ok_or(Fail::WrongType)?;
    file.sync_all().await.map_err(Error::from)?;
    let name = format!("{stem}.{extension}");
    tokio::fs::rename(&unfinished.path, folder.join(&name)).await.map_err(Error::from)?;
    unfinished.kept = true;
    Ok(name)
}

/// What kind of picture this is, by its first bytes: the name and type a browser sends prove nothing. SVG is left
/// out, since it can carry scripts.
fn extension(start: &[u8]) -> Option<&'static str> {
    let is_webp = start.starts_with(b"RIFF") && start.get(8..12) == Some(b"WEBP");
    match start {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("png"),
        [0xff, 0xd8, 0xff, ..] => Some("jpg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("gif"),
        _ if is_webp => Some("webp"),
        _ => None,
    }
}

/// Removes a half-written file, even if the connection breaks and the upload is dropped.
struct Unfinished {
    path: PathBuf,
    kept: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.kept {
            let _already_gone = std::fs::remove_file(&self.path);
        }
    }
}
