//! Requests that are sent again: done once, answered alike (draft-ietf-httpapi-idempotency-key-header-07).

use std::time::Duration;

use storeward_base::{ApiKeyId, Timestamp};
use storeward_seal::MarkKey;
use storeward_seal::encoding::decode_hex;
use storeward_store::Db;
use storeward_web::http::request::Parts;
use storeward_web::http::{HeaderName, HeaderValue, StatusCode, header};

use crate::call::Answer;
use crate::error::Error;
use crate::problem::Problem;
use crate::sql;

pub const HEADER: &str = "idempotency-key";
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longer than any call takes. A program that died meanwhile left the request half done; doing it again does the rest.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(60);

/// One request under a name.
#[derive(Clone, Debug)]
pub struct Named {
    pub key: ApiKeyId,
    pub mark: String,
    fingerprint: String,
}

/// What to do with it.
pub enum Standing {
    /// Do it; it was first sent at that moment.
    Do(Timestamp),
    Answered(Box<Answer>),
}

/// The name that the program gave, where it gave one.
pub fn name_of(head: &Parts) -> Result<Option<String>, Problem> {
    let mut lines = head.headers.get_all(HEADER).iter();
    let name = match (lines.next(), lines.next()) {
        (None, _) => return Ok(None),
        (Some(line), None) => line.to_str().unwrap_or_default().trim(),
        (Some(_), Some(_)) => "",
    };
    // The draft writes it as a string of RFC 8941, in quotes; most programs do without.
    let bare = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(name);
    let fits = (1..=200).contains(&bare.len()) && bare.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
    if fits {
        return Ok(Some(bare.to_owned()));
    }
    Err(Problem::malformed("Idempotency-Key is one line of 1 to 200 visible signs."))
}

impl Named {
    pub fn new(marks: &MarkKey, key: ApiKeyId, name: &str, head: &Parts, body: &[u8]) -> Self {
        let target = head.uri.path_and_query().map_or("", |whole| whole.as_str());
        // The body's own hash first: marks are of text.
        let body = storeward_seal::fingerprint::sha256_hex(body);
        // With another `If-Match` it is another request.
        let condition =
            head.headers.get(header::IF_MATCH).map_or("", |line| line.to_str().unwrap_or_default());
        let fingerprint = marks.mark(&format!("request\n{}\n{target}\n{body}\n{condition}", head.method));
        Named { key, mark: marks.mark(&format!("name\n{key}\n{name}")), fingerprint }
    }

    /// Chance that follows from the name: what is made under it has one id, however often it is tried.
    pub fn chance(&self, marks: &MarkKey) -> [u8; 10] {
        let digits = decode_hex(&marks.mark(&format!("chance\n{}", self.mark))).unwrap_or_default();
        let mut chance = [0; 10];
        chance.iter_mut().zip(digits).for_each(|(to, from)| *to = from);
        chance
    }

    /// Kept before anything is done, so that of two at once one is refused.
    pub async fn begin(&self, db: &Db) -> Result<Standing, Problem> {
        let named = self.clone();
        let found = db.write(move |tx| -> Result<_, Error> {
            tx.commit_silent("that a request was begun is no fact; what it does is");
            let now = tx.now();
            if sql::begin(tx, named.key, &named.mark, &named.fingerprint)? {
                return Ok((None, now));
            }
            let kept = sql::find(tx, named.key, &named.mark)?;
            if let Some(kept) = &kept
                && kept.status.is_none()
                && kept.fingerprint == named.fingerprint
                && now.since(kept.claimed_at) >= GIVEN_UP_AFTER
            {
                sql::claim(tx, named.key, &named.mark)?;
                return Ok((None, kept.begun_at));
            }
            Ok((kept, now))
        });
        let (kept, begun_at) = found.await?;
        let Some(kept) = kept else { return Ok(Standing::Do(begun_at)) };
        if kept.fingerprint != self.fingerprint {
            let detail = "This Idempotency-Key was used for another request. Take a new one.";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "api.key_reused", detail));
        }
        let Some(status) = kept.status else {
            let detail = "The same request is under way. Ask again in a moment.";
            return Err(Problem::new(StatusCode::CONFLICT, "api.under_way", detail));
        };
        let (headers, body) = (kept.headers.unwrap_or_default(), kept.body.unwrap_or_default());
        Ok(Standing::Answered(Box::new(read(status, &headers, body))))
    }
}

/// As [`read`] reads it: the content type, then a header a line.
pub fn headers_of(answer: &Answer) -> String {
    let mut text = answer.content_type.to_owned();
    for (name, value) in &answer.headers {
        text.push('\n');
        text.push_str(name.as_str());
        text.push(':');
        text.push_str(value.to_str().unwrap_or_default());
    }
    text
}

fn read(status: u16, headers: &str, body: String) -> Answer {
    let mut lines = headers.lines();
    let content_type = match lines.next() {
        Some("application/problem+json") => "application/problem+json",
        _ => "application/json",
    };
    let mut answer = Answer { status, content_type, body, headers: Vec::new() };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            answer.headers.push((name, value));
        }
    }
    answer.headers.push((REPLAYED, HeaderValue::from_static("true")));
    answer
}
