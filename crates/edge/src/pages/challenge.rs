//! The page that stands in the shop's place until the browser has solved a puzzle. It says what happens and why; without
//! script it says what is left to do.

use bytes::Bytes;
use http::{Response, StatusCode};
use storeward_base::RequestId;
use storeward_puzzle::{PASS_LIFE, PASS_PATH, SCRIPT_PATH};

use super::{Form, Line, TEXTS, answer, escape, frame};
use crate::config::Look;

/// How a person goes on once the puzzle is solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// The page is asked for again by itself.
    Reload,
    /// A form was sent: only the person may send it again.
    GoBack,
}

/// The page, or problem+json with the puzzle for a program.
pub fn challenge(form: Form, look: &Look, request: RequestId, puzzle: &str, again: Again) -> Response<Bytes> {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let language = match form {
        Form::Problem => return puzzle_problem(request, puzzle, status, "challenge"),
        Form::Page(language) => language,
    };
    let reference = request.to_string();
    let say = |key: Line| escape(&TEXTS.text(language, key, &[]));
    let (after, done) = match again {
        Again::Reload => ("reload", Line::ChallengeDone),
        Again::GoBack => ("back", Line::ChallengeAgain),
    };
    let head = format!("<script nonce=\"{reference}\" src=\"{SCRIPT_PATH}\" defer></script>\n");
    let middle = format!(
        "<p>{text}</p>\n\
         <div data-puzzle-pass=\"{PASS_PATH}\" data-after=\"{after}\" data-puzzle=\"{puzzle}\">\n\
         <div data-when=\"working\" hidden><p id=\"working\">{working}</p>\
         <progress max=\"1\" value=\"0\" aria-labelledby=\"working\"></progress></div>\n\
         <p data-when=\"done\" role=\"status\" hidden>{done}</p>\n\
         <p data-when=\"failed\" role=\"alert\" hidden>{failed}</p>\n\
         <noscript><p>{no_script}</p></noscript>\n</div>\n",
        text = say(Line::ChallengeText),
        puzzle = escape(puzzle),
        working = say(Line::ChallengeWorking),
        done = say(done),
        failed = say(Line::ChallengeFailed),
        no_script = say(Line::ChallengeNoScript),
    );
    let body = frame(Line::ChallengeTitle, look, &reference, language, [&head, &middle, ""]);
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{reference}'; script-src 'nonce-{reference}'; worker-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    answer(status, body, "text/html; charset=utf-8", &policy, u32::try_from(PASS_LIFE.as_secs()).ok())
}

/// The puzzle for a program: solved, it goes to `answer_to` as the form field `answer`.
pub fn puzzle_problem(request: RequestId, puzzle: &str, status: StatusCode, code: &str) -> Response<Bytes> {
    let puzzle: serde_json::Value = serde_json::from_str(puzzle).unwrap_or_default();
    let body = serde_json::json!({
        "type": "about:blank",
        "title": "Solve the challenge first (ALTCHA, proof of work, version 2)",
        "status": status.as_u16(),
        "code": code,
        "reference": request.to_string(),
        "challenge": puzzle,
        "answer_to": PASS_PATH,
    });
    answer(status, body.to_string(), "application/problem+json", "default-src 'none'", None)
}
