//! Why a page could not be given, and the one place that chooses status codes for it.

use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;

use crate::error::Error;
use crate::multipart;

#[derive(Debug)]
pub enum Fail {
    Missing,
    WrongMethod,
    Denied(&'static str),
    Invalid(&'static str),
    TooLarge,
    WrongType,
    /// Sign in, then come back to this page.
    SignInFirst(&'static str),
    Busy,
    Broken(Error),
}

pub type Answer = Result<Response, Fail>;

/// What the error page says; `visitor::recognise` draws it, since it knows who is looking.
#[derive(Clone)]
pub struct ErrorPage {
    pub heading: &'static str,
    pub text: &'static str,
}

impl From<Error> for Fail {
    fn from(cause: Error) -> Self {
        match cause {
            Error::Busy => Fail::Busy,
            cause => Fail::Broken(cause),
        }
    }
}

impl From<multipart::Fault> for Fail {
    fn from(cause: multipart::Fault) -> Self {
        match cause {
            multipart::Fault::Malformed | multipart::Fault::Broken => {
                Fail::Invalid("The upload did not arrive in one piece. Please try again.")
            }
        }
    }
}

impl IntoResponse for Fail {
    fn into_response(self) -> Response {
        let (status, heading, text) = match self {
            Fail::Missing => (
                StatusCode::NOT_FOUND,
                "We looked everywhere",
                "This page does not exist, or it has moved. Try the search, or start again from the home page.",
            ),
            Fail::WrongMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "That does not work here",
                "This address cannot be used in that way. Please go back and try again.",
            ),
            Fail::Denied(text) => (StatusCode::FORBIDDEN, "Not allowed", text),
            Fail::Invalid(text) => (StatusCode::BAD_REQUEST, "Something is missing", text),
            Fail::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "That is too big for us",
                "Pictures may have up to 5 MB, forms up to 64 KB. Please choose something smaller.",
            ),
            Fail::WrongType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "We cannot use that file",
                "Please choose a PNG, JPEG, GIF or WebP picture.",
            ),
            Fail::SignInFirst(next) => {
                return Redirect::to(&format!("/account/sign-in?next={next}")).into_response();
            }
            Fail::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The shop is full",
                "Too many people are in the shop just now. Please try again in a moment.",
            ),
            Fail::Broken(cause) => {
                eprintln!("demo-shop: {cause}");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Something broke",
                    "That was our fault, not yours. Please try again, or write to us if it happens again.",
                )
            }
        };
        let mut response = status.into_response();
        response.extensions_mut().insert(ErrorPage { heading, text });
        response
    }
}
