//! In the shop's place: the page for whoever came too often, with a puzzle that gives a try at once, and the one for whoever is refused.

use serde::Deserialize;
use storeward_base::{Entropy, Language};
use storeward_web::askama::Template;
use storeward_web::axum::response::{IntoResponse, Response};
use storeward_web::http::StatusCode;
use storeward_web::{Failure, Form, page_policy};

use super::message::MessagePage;
use super::view::{Page, span, with_cookies};
use crate::tokens::SOLVED_COOKIE;
use crate::verbs::Identity;

/// Where the page's script leaves what it found.
pub const SOLVED_PATH: &str = "/.storeward/solved";
/// Answers of ours have about 800 bytes.
const MOST_BYTES: usize = 2_048;

/// A page in the shop's place, with the policy that it is shown under.
#[derive(Clone, Debug)]
pub struct StandIn {
    pub html: String,
    pub policy: String,
}

#[derive(Template)]
#[template(path = "too_often.html", askama = storeward_web::askama)]
struct TooOftenPage {
    page: Page,
    words: String,
    puzzle: String,
    solved_path: &'static str,
    back: String,
}

/// `back` is the page with the form: what was typed is not kept, so the person types it again.
pub fn too_often(
    identity: &Identity,
    wanted: Option<Language>,
    puzzle: &str,
    back: &str,
    seconds: u64,
) -> Option<StandIn> {
    let shared = &identity.0;
    let entropy: &dyn Entropy = &*shared.entropy;
    let nonce = entropy.token::<16>();
    let mut page = Page::plain(identity, shared.language(wanted), &nonce, String::new());
    page.title = page.t.s("door.title");
    page.puzzle = Some(String::new());
    let words = page.t.f("sign_in.wait", "wait", span(page.t, seconds));
    let (puzzle, back) = (puzzle.to_owned(), back.to_owned());
    let shown = TooOftenPage { page, words, puzzle, solved_path: SOLVED_PATH, back };
    Some(StandIn { html: shown.render().ok()?, policy: page_policy(&nonce) })
}

/// The page for whoever the shield refuses: what happened, and what can be done. Nothing of the request stands in it.
pub fn refused(identity: &Identity, wanted: Option<Language>, code: &str) -> Option<StandIn> {
    let shared = &identity.0;
    let entropy: &dyn Entropy = &*shared.entropy;
    let nonce = entropy.token::<16>();
    let mut page = Page::plain(identity, shared.language(wanted), &nonce, String::new());
    let t = page.t;
    page.title = t.s("failure.title");
    let words = match code {
        "identity.unclear" | "identity.unavailable" | "identity.adapter_broken" => t.s("shield.later"),
        "identity.address_later" => t.s("shield.address_later"),
        "identity.one_at_a_time" => t.s("shield.one_at_a_time"),
        "identity.refused" => t.s("shield.refused"),
        "identity.sign_in_first" => t.s("shield.sign_in_first"),
        "identity.back_office_closed" => t.s("shield.office"),
        "identity.form_too_large" => t.s("shield.too_large"),
        "identity.address_unreadable" => t.s("shield.address_unreadable"),
        "identity.too_many_codes" => t.s("shield.too_many_codes"),
        _ => t.s("failure.other"),
    };
    let (href, button) = (shared.home(), t.s("failure.home"));
    let shown = MessagePage { page, words, href, button, code: code.to_owned() };
    Some(StandIn { html: shown.render().ok()?, policy: page_policy(&nonce) })
}

#[derive(Deserialize)]
pub struct Solved {
    answer: String,
}

/// Keeps an answer in the browser until its next try at the shop's form. Whether it is one is seen there, once.
pub async fn solved(Form(fields): Form<Solved>) -> Result<Response, Failure> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    if fields.answer.is_empty() || fields.answer.len() > MOST_BYTES || !fields.answer.bytes().all(is_plain) {
        return Err(Failure::invalid("identity.puzzle", "This is no answer to a puzzle."));
    }
    let line = SOLVED_COOKIE.set(&cookie_of(&fields.answer), Some(storeward_puzzle::LIFE.as_secs()));
    Ok(with_cookies(StatusCode::NO_CONTENT.into_response(), line.into_iter().collect()))
}

/// In the letters that a cookie may have: base 64 for addresses.
fn cookie_of(answer: &str) -> String {
    answer.trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// What was made a cookie, as it was.
pub fn answer_of(cookie: &str) -> String {
    let mut answer = cookie.replace('-', "+").replace('_', "/");
    while !answer.len().is_multiple_of(4) {
        answer.push('=');
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_back_as_it_was() {
        for answer in ["YWJj", "YWI=", "YQ==", "+/+/", "+/8="] {
            let cookie = cookie_of(answer);
            assert!(cookie.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{cookie}");
            assert_eq!(answer_of(&cookie), answer);
        }
    }
}
