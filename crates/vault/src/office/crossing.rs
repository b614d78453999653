//! One request for a staff page on its way to the shop, and the answer on its way back.

use std::cell::RefCell;
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
use super::kinds;
use super::pages::{Flag, Page, ShopPages};
use super::record::Linked;
use super::{Inner, Office, dots};
use crate::catalogue::{FIELDS, Field};
use crate::error::Error;
use crate::walks::Steps;

/// A form for a staff page that is longer goes no further; files in forms may.
const REQUEST_BYTES: usize = 1024 * 1024;
/// As far as a form for any other page is looked at for whether it leads to one of the staff's.
const ELSEWHERE_BYTES: usize = 64 * 1024;
/// The largest page.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// Values of one page: each person of them is a look into the records, and a row.
const MOST_FOUND: usize = 20_000;
/// How long a page may pause.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Staff,
    /// The form says.
    Unread,
    /// The form was not read to its end: answers that a program reads are looked through.
    Unsure,
    Elsewhere,
}

pub(crate) struct Crossing {
    office: Office,
    pages: Arc<ShopPages>,
    place: Place,
    page: Option<Page>,
    /// Programs and styles from here are files.
    is_fixed: bool,
    query: String,
    /// Path and query, as they are read.
    address: String,
    /// With its query: who is shown is often a number in it.
    addresses: Vec<String>,
    method: Method,
    id: RequestId,
    client: ClientIp,
    /// Known once the gate has spoken.
    guest: Option<Guest>,
}

impl Crossing {
    /// With the path that counts, or none for a form that may lead anywhere.
    pub(crate) fn new(
        office: Office,
        pages: Arc<ShopPages>,
        path: Option<String>,
        head: &RequestHead<'_>,
    ) -> Self {
        let place = if path.is_some() { Place::Staff } else { Place::Unread };
        let path = path.unwrap_or_else(|| head.path.to_owned());
        let is_fixed = pages.is_fixed(&path);
        let mut crossing = Crossing {
            office,
            page: page_of(&pages, &path, head),
            pages,
            place,
            is_fixed,
            query: head.query.unwrap_or_default().to_owned(),
            address: format!("{}?{}", head.path, head.query.unwrap_or_default()),
            addresses: addresses(head),
            method: head.method.clone(),
            id: head.id,
            client: head.client,
            guest: None,
        };
        if let Some(led) = crossing.pages.led(&crossing.query) {
            crossing.lead(&led);
        }
        crossing
    }

    /// Where the query or the form names a page: it may be that one or the path's, as there is such a file in the shop or not.
    fn lead(&mut self, path: &str) {
        self.is_fixed = false;
        self.page = match (self.page.take(), self.pages.page(path)) {
            (Some(page), Some(other)) => Some(page.with(&other)),
            (page, other) => page.or(other).map(Page::unassigned),
        };
    }

    fn house(&self) -> &Inner {
        &self.office.0
    }

    fn page(&self) -> Option<&Page> {
        self.page.as_ref()
    }

    fn page_name(&self) -> String {
        self.page().map_or("other", |page| &page.name).to_owned()
    }

    /// What the person sees of a field on this page.
    fn mask(&self, guest: &Guest, act: Act, field: &'static Field) -> Mask {
        if *field == find::UNKNOWN {
            let sees = |field: &'static Field| self.mask(guest, act, field) == Mask::Whole;
            return if self.fields().into_iter().all(sees) { Mask::Whole } else { Mask::Hidden };
        }
        let page = self.page();
        let assigned = page.map_or(Flag::No, |page| page.assigned);
        let mut purposes: Vec<Purpose> = page.and_then(|page| page.purpose).into_iter().collect();
        if purposes.is_empty() || assigned == Flag::Yes {
            // Whoever opens an order may be about to send it, or to answer about it.
            purposes.extend(self.house().purposes(guest));
        }
        if act == Act::Export {
            // A file with many people is a copy for somebody's request or claim, or none.
            purposes = vec![Purpose::RightsRequest];
        }
        let looks =
            purposes.into_iter().map(|purpose| self.house().seen(guest, act, field, purpose, assigned));
        looks.max().unwrap_or(Mask::Hidden)
    }

    /// Whether the person may take a file with whatever stands on these pages. None says what it holds, so they may take all that the
    /// catalogue has, or none.
    fn may_export(&self, guest: &Guest) -> bool {
        FIELDS.iter().all(|field| self.mask(guest, Act::Export, field) == Mask::Whole)
    }

    /// All that these pages may show.
    fn fields(&self) -> Vec<&'static Field> {
        let own = ["contact.email", "contact.phone"].into_iter().filter_map(|name| Field::find(name).ok());
        let mut fields: Vec<&'static Field> = self.pages.all_fields().chain(own).collect();
        fields.sort_unstable_by_key(|field| field.full_name());
        fields.dedup();
        fields
    }

    /// Whether the person sees every value of these pages whole, whatever the page: then no dots that they send are of a mask.
    fn sees_all(&self, guest: &Guest) -> bool {
        let house = self.house();
        let mut purposes: Vec<Purpose> = self.pages.purposes().chain(house.purposes(guest)).collect();
        purposes.dedup();
        let is_whole = |field: &'static Field, purpose: Purpose| {
            house.seen(guest, Act::Open, field, purpose, Flag::No) == Mask::Whole
        };
        self.fields().into_iter().all(|field| purposes.iter().all(|purpose| is_whole(field, *purpose)))
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
        let kind = kinds::of(headers, self.is_fixed).ok_or(Held::Encoded)?;
        self.clean_fields(guest, headers);
        let is_page_export = self.page().is_some_and(|page| page.export == Flag::Yes) && status.is_success();
        let is_export = is_page_export || kind.is_file();
        if is_export && !self.may_export(guest) {
            return Err(Held::Export);
        }
        let Some(form) = kind.form() else { return Ok(Passage::On) };
        if !body.complete {
            return Err(if body.bytes.len() >= PAGE_BYTES { Held::TooLarge } else { Held::Broken });
        }
        if body.bytes.is_empty() {
            return Ok(Passage::On);
        }
        if headers.contains_key(header::CONTENT_ENCODING) || !kinds::is_utf8(headers) {
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
        if found.len() > MOST_FOUND {
            return Err(Held::TooLarge);
        }
        let own = guest.email.as_deref();
        let act = if is_export { Act::Export } else { Act::Open };
        let (masked, count) = self.masked(guest, act, text, form, &found);
        let house = self.house();
        let linked = Linked::of(self.page(), &self.address, text);
        let subjects = house.subjects(text, form, &found, own, &linked).await;
        let subjects = subjects.map_err(|_| Held::NotRecorded)?;
        if !subjects.is_empty() {
            let (walks, now) = (house.parts.vault.walks(), house.parts.clock.now());
            for address in &self.addresses {
                walks.step(guest.actor, Steps::Pages, address, now);
            }
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

/// The page that a request is for. A form may say otherwise than the query, so by a query alone it is nobody's one order.
fn page_of(pages: &ShopPages, path: &str, head: &RequestHead<'_>) -> Option<Page> {
    let told = pages.page_at(path, head.query.unwrap_or_default())?;
    Some(if head.method.is_safe() || !told.is_told_by_query() { told } else { told.unassigned() })
}

/// Numbers of an address that may be a customer's or an order's.
const MOST_NUMBERS: usize = 8;

/// Each number of an address, and what stands before it: the path up to there, or the path and the parameter. So nothing that the shop
/// does not read, before or behind, makes two pages of one row another's.
fn addresses(head: &RequestHead<'_>) -> Vec<String> {
    let is_numbered = |part: &&str| part.ends_with(|sign: char| sign.is_ascii_digit());
    let mut path = String::new();
    let mut out = Vec::new();
    for part in head.path.split('/').filter(|part| !part.is_empty()) {
        path.push('/');
        path.push_str(part);
        if is_numbered(&part) {
            out.push(path.clone());
        }
    }
    let query = head.query.unwrap_or_default().split('&').filter(is_numbered);
    out.extend(query.map(|part| format!("{path}?{part}")));
    out.truncate(MOST_NUMBERS);
    out
}

impl Inner {
    /// What somebody looks for by the roles they have.
    fn purposes(&self, guest: &Guest) -> Vec<Purpose> {
        let of_role = |group: &String| self.parts.purposes.get(group).copied().unwrap_or(self.parts.purpose);
        let mut purposes: Vec<Purpose> = guest.groups().iter().map(of_role).collect();
        purposes.dedup();
        if purposes.is_empty() {
            purposes.push(self.parts.purpose);
        }
        purposes
    }

    /// What the rules show somebody of a field.
    fn seen(&self, guest: &Guest, act: Act, field: &'static Field, purpose: Purpose, assigned: Flag) -> Mask {
        let now = self.parts.clock.now();
        let mut told = Circumstances::new(purpose, guest.confirmed_at.map(|at| now.since(at).as_secs()));
        told.is_assigned = assigned == Flag::Yes;
        let asked = Asked {
            who: &guest.who,
            act,
            owner: "shop",
            thing: Thing::Field { class: field.class.name(), name: field.name },
            circumstances: &told,
        };
        let policies = self.parts.vault.policies();
        // Pages are open all day long, and whoever packs confirms no factor every ten minutes; a file with many people is taken rarely.
        let answer =
            if act == Act::Export { policies.decide(&asked) } else { policies.decide_within_session(&asked) };
        match answer {
            Answer::Allow { mask, .. } => mask,
            Answer::Deny(_) => Mask::Hidden,
        }
    }
}

impl Crossing {
    /// The body with its masks, and how many. The rules are asked once for each field, not for each value.
    fn masked(
        &self,
        guest: &Guest,
        act: Act,
        text: &str,
        form: Form,
        found: &[find::Found],
    ) -> (String, u64) {
        let asked: RefCell<Vec<(&'static Field, Mask)>> = RefCell::new(Vec::new());
        find::masked(text, form, found, |field| {
            let known = asked.borrow().iter().find(|(one, _)| *one == field).map(|(_, mask)| *mask);
            known.unwrap_or_else(|| {
                let mask = self.mask(guest, act, field);
                asked.borrow_mut().push((field, mask));
                mask
            })
        })
    }

    /// Answers' fields carry addresses, too: where to go next, most of all. Cookies are left: they are the person's own.
    fn clean_fields(&self, guest: &Guest, headers: &mut HeaderMap) {
        let asked = find::plain(&self.query, Form::Text).to_lowercase();
        for (name, value) in headers.iter_mut() {
            if *name == header::SET_COOKIE {
                continue;
            }
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let is_known = |address: &str| {
                asked.contains(address)
                    || guest.email.as_deref() == Some(address)
                    || self.house().parts.own.iter().any(|own| own == address)
            };
            let cleaned = find::without_addresses(&text, is_known, |field| {
                self.mask(guest, Act::Open, field) == Mask::Whole
            });
            if let Some(cleaned) = cleaned {
                *value =
                    HeaderValue::from_str(&cleaned).unwrap_or_else(|_| HeaderValue::from_static("hidden"));
            }
        }
    }

    /// Tells where a form leads, once it is read.
    fn settle(&mut self, body: Seen<'_>) {
        let is_unread = self.place == Place::Unread;
        if !self.pages.reads_forms() || self.method.is_safe() {
            return;
        }
        match self.pages.place_of_form(body.bytes) {
            Some(path) => {
                self.lead(&path);
                self.place = Place::Staff;
            }
            None if !is_unread => {}
            None if body.complete => self.place = Place::Elsewhere,
            None => self.place = Place::Unsure,
        }
    }

    /// Whether an answer is looked at.
    fn looks_at(&self, headers: &HeaderMap) -> bool {
        match self.place {
            Place::Staff => true,
            Place::Unsure => kinds::is_for_programs(headers),
            Place::Unread | Place::Elsewhere => false,
        }
    }
}

impl SessionExchange for Crossing {
    fn request_body_bytes(&self) -> Option<usize> {
        let most = if self.place == Place::Staff { REQUEST_BYTES } else { ELSEWHERE_BYTES };
        (!self.method.is_safe()).then_some(most)
    }

    fn request<'a>(&'a mut self, headers: &'a mut HeaderMap, body: Seen<'a>) -> Later<'a, Passage> {
        Box::pin(async move {
            self.settle(body);
            if self.place == Place::Elsewhere {
                return Passage::On;
            }
            // The shop answers plainly and wholly, so that it can be looked through.
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            for name in [header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
                headers.remove(name);
            }
            let client = self.house().parts.vault.0.db.client_ref(self.client);
            let guest = Guest::of(headers, client);
            self.guest = Some(guest.clone());
            if self.place == Place::Staff {
                let bears_dots = dots::are_in(body.bytes) || dots::are_in(self.query.as_bytes());
                if bears_dots && !self.sees_all(&guest) {
                    return self.hold(&guest, Held::Masks).await;
                }
                let is_read = body.complete || self.method.is_safe();
                if !is_read && !dots::ends_in_a_file(body.bytes) {
                    return self.hold(&guest, Held::Long).await;
                }
            }
            Passage::On
        })
    }

    fn response_body_bytes(&self, _: StatusCode, headers: &HeaderMap) -> Option<usize> {
        let kind = kinds::of(headers, self.is_fixed).filter(|_| self.looks_at(headers))?;
        kind.form().map(|_| PAGE_BYTES)
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
            let Some(guest) = self.guest.clone().filter(|_| self.looks_at(headers)) else {
                return Passage::On;
            };
            match self.look_through(&guest, status, headers, body).await {
                Ok(passage) => passage,
                Err(held) => self.hold(&guest, held).await,
            }
        })
    }
}
