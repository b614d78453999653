//! One request for a staff page on its way to the shop, and the answer on its way back.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use storeward_base::{ClientIp, RequestId};
use storeward_host::{Later, Passage, RequestHead, Seen, SessionExchange};
use storeward_policy::{Act, Answer, Asked, Circumstances, Mask, Purpose, Thing};
use storeward_web::axum::body::Bytes;

use super::answers::Held;
use super::find::{self, Form};
use super::guest::Guest;
use super::pages::{Flag, Page, ShopPages};
use super::{DOTS, Inner, Office};
use crate::catalogue::Field;
use crate::error::Error;

/// A form that is longer is looked at as far as that.
const REQUEST_BYTES: usize = 64 * 1024;
/// The largest page.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// How long a page may pause.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Crossing {
    office: Office,
    pages: Arc<ShopPages>,
    path: String,
    query: String,
    method: Method,
    id: RequestId,
    client: ClientIp,
    /// Known once the gate has spoken.
    guest: Option<Guest>,
}

impl Crossing {
    pub(crate) fn new(office: Office, pages: Arc<ShopPages>, path: String, head: &RequestHead<'_>) -> Self {
        Crossing {
            office,
            pages,
            path,
            query: head.query.unwrap_or_default().to_owned(),
            method: head.method.clone(),
            id: head.id,
            client: head.client,
            guest: None,
        }
    }

    fn house(&self) -> &Inner {
        &self.office.0
    }

    fn page(&self) -> Option<&Page> {
        self.pages.page(&self.path)
    }

    fn page_name(&self) -> String {
        self.page().map_or("other", |page| &page.name).to_owned()
    }

    /// What the person sees of a field on this page.
    fn mask(&self, guest: &Guest, act: Act, field: &'static Field) -> Mask {
        let house = self.house();
        let page = self.page();
        let purpose = page.and_then(|page| page.purpose).unwrap_or(house.parts.purpose);
        let purposes = if act == Act::Export {
            // A file with many people is a copy for somebody's request or claim, or none.
            vec![Purpose::RightsRequest]
        } else if page.is_some_and(|page| page.assigned == Flag::Yes) {
            // Whoever opens an order may be about to send it, or to answer about it.
            vec![purpose, house.parts.purpose]
        } else {
            vec![purpose]
        };
        let policies = house.parts.vault.policies();
        let look = |purpose: Purpose| {
            // The gate has let them in by a factor, and says itself how fresh it must be.
            let mut told = Circumstances::new(purpose, Some(0));
            told.is_assigned = page.is_some_and(|page| page.assigned == Flag::Yes);
            let asked = Asked {
                who: &guest.who,
                act,
                owner: "shop",
                thing: Thing::Field { class: field.class.name(), name: field.name },
                circumstances: &told,
            };
            match policies.decide(&asked) {
                Answer::Allow { mask, .. } => mask,
                Answer::Deny(_) => Mask::Hidden,
            }
        };
        let rank = |mask: &Mask| match mask {
            Mask::Whole => 2,
            Mask::Part => 1,
            Mask::Hidden => 0,
        };
        purposes.into_iter().map(look).max_by_key(rank).unwrap_or(Mask::Hidden)
    }

    async fn hold(&self, guest: &Guest, held: Held) -> Passage {
        let page = self.page_name();
        let event = match held {
            Held::Masks => Inner::refused(&page),
            _ => Inner::withheld(&page, held.code()),
        };
        // It is held back whether that can be written or not.
        let _unwritten = self.house().say(guest.actor, self.id, event).await;
        Passage::Instead(Box::new(held.answer()))
    }

    /// The way back: what may go, masked; or why nothing may.
    async fn look_through(
        &self,
        guest: &Guest,
        status: StatusCode,
        headers: &mut HeaderMap,
        body: Seen<'_>,
    ) -> Result<Passage, Held> {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        headers.remove(header::ETAG);
        headers.remove(header::LAST_MODIFIED);
        let is_export = self.page().is_some_and(|page| page.export == Flag::Yes) || is_file(headers);
        if is_export && status.is_success() {
            let email = Field::find("contact.email").map_err(|_| Held::Broken)?;
            if self.mask(guest, Act::Export, email) != Mask::Whole {
                return Err(Held::Export);
            }
        }
        let Some(form) = form_of(headers) else { return Ok(Passage::On) };
        if !body.complete {
            return Err(if body.bytes.len() >= PAGE_BYTES { Held::TooLarge } else { Held::Broken });
        }
        if body.bytes.is_empty() {
            return Ok(Passage::On);
        }
        if headers.contains_key(header::CONTENT_ENCODING) || !is_utf8(headers) {
            return Err(Held::Encoded);
        }
        let text = std::str::from_utf8(body.bytes).map_err(|_| Held::Encoded)?;
        // UTF-16 and UTF-32 without saying so.
        if text.contains('\0') {
            return Err(Held::Encoded);
        }
        let found = find::values(text, form, &self.pages, self.page());
        if found.is_empty() {
            return Ok(Passage::On);
        }
        let own = guest.email.as_deref();
        let act = if is_export { Act::Export } else { Act::Open };
        let (masked, count) = find::masked(text, form, &found, |field| self.mask(guest, act, field));
        let house = self.house();
        let subjects = house.subjects(text, form, &found, own).await.map_err(|_| Held::NotRecorded)?;
        if !subjects.is_empty() {
            let all = u64::try_from(found.len()).unwrap_or(u64::MAX);
            let counts = (all.saturating_sub(count), count);
            let noted: Result<(), Error> =
                house.note(guest.actor, self.id, &self.page_name(), subjects, counts).await;
            noted.map_err(|_| Held::NotRecorded)?;
        }
        if count == 0 {
            return Ok(Passage::On);
        }
        Ok(Passage::Body(Bytes::from(masked)))
    }
}

impl SessionExchange for Crossing {
    fn request_body_bytes(&self) -> Option<usize> {
        (!self.method.is_safe()).then_some(REQUEST_BYTES)
    }

    fn request<'a>(&'a mut self, headers: &'a mut HeaderMap, body: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async move {
            // The shop answers plainly and wholly, so that it can be looked through.
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            for name in [header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
                headers.remove(name);
            }
            let client = self.house().parts.vault.0.db.client_ref(self.client);
            let guest = Guest::of(headers, client);
            self.guest = Some(guest.clone());
            if bears_masks(body.bytes) || bears_masks(self.query.as_bytes()) {
                return self.hold(&guest, Held::Masks).await;
            }
            Passage::On
        })
    }

    fn response_body_bytes(&self, _: StatusCode, headers: &HeaderMap) -> Option<usize> {
        form_of(headers).map(|_| PAGE_BYTES)
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn response<'a>(
        &'a mut self,
        status: StatusCode,
        headers: &'a mut HeaderMap,
        body: Seen<'a>,
    ) -> Later<'a, Passage> {
        Box::pin(async move {
            let Some(guest) = self.guest.clone() else { return Passage::On };
            match self.look_through(&guest, status, headers, body).await {
                Ok(passage) => passage,
                Err(held) => self.hold(&guest, held).await,
            }
        })
    }
}

/// A list or an archive to be saved, whatever page gives it out. Invoices (PDF) are for those who see the order.
fn is_file(headers: &HeaderMap) -> bool {
    const FILES: [&str; 7] = [
        "text/csv",
        "text/tab-separated-values",
        "application/csv",
        "application/octet-stream",
        "application/force-download",
        "application/x-download",
        "application/zip",
    ];
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    FILES.contains(&kind.as_str())
        || ["application/vnd.ms-", "application/vnd.openxml", "application/vnd.oasis"]
            .iter()
            .any(|start| kind.starts_with(start))
}

/// How an answer is written; `None` where nothing of it can be read as text, such as a picture.
fn form_of(headers: &HeaderMap) -> Option<Form> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("text/html");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "text/html" | "application/xhtml+xml" => Some(Form::Html),
        "text/css" | "text/javascript" | "application/javascript" => None,
        "application/xml" => Some(Form::Text),
        _ if kind.ends_with("json") => Some(Form::Json),
        _ if kind.ends_with("+xml") && kind != "image/svg+xml" => Some(Form::Text),
        _ if kind.starts_with("text/") => Some(Form::Text),
        _ => None,
    }
}

fn is_utf8(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let charset = kind.to_ascii_lowercase();
    match charset.split_once("charset=") {
        Some((_, rest)) => {
            let name = rest.trim_start_matches(['"', '\'']);
            name.starts_with("utf-8") || name.starts_with("utf8") || name.starts_with("us-ascii")
        }
        None => true,
    }
}

/// Whether a form or a query holds the dots of a mask, as they stand or as URLs, JSON and HTML write them.
fn bears_masks(bytes: &[u8]) -> bool {
    let text: Cow<'_, str> = String::from_utf8_lossy(bytes);
    if text.contains(DOTS) {
        return true;
    }
    let lower = text.to_ascii_lowercase();
    ["%e2%80%a2", "\\u2022", "&bull;", "&#8226;", "&#x2022;", "%2526bull%253b", "%26bull%3b"]
        .iter()
        .any(|sign| lower.contains(&sign.repeat(3)))
}
