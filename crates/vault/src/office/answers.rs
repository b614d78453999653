//! What a person sees in the place of a page that is held back.

use http::{HeaderValue, Response, StatusCode, header};
use storeward_web::axum::body::Bytes;

/// Why a page or a form went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// A form bears masks.
    Masks,
    /// A form that is longer than what is read of it.
    Long,
    TooLarge,
    Encoded,
    Broken,
    NotRecorded,
    /// A file with many customers' data, for somebody who may not take one.
    Export,
}

impl Held {
    /// As it stands in events.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Held::Masks => "masks",
            Held::Long => "long",
            Held::TooLarge => "too_large",
            Held::Encoded => "encoded",
            Held::Broken => "broken",
            Held::NotRecorded => "not_recorded",
            Held::Export => "export",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Held::Masks => StatusCode::CONFLICT,
            Held::Export => StatusCode::FORBIDDEN,
            Held::Long => StatusCode::PAYLOAD_TOO_LARGE,
            Held::TooLarge | Held::Encoded | Held::Broken => StatusCode::BAD_GATEWAY,
            Held::NotRecorded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Held::Masks => (
                "Nothing was saved",
                "This form holds values that are hidden from you (•••). Saving it would put the dots in the place of the customer's \
                 data. Ask somebody who sees these values to make the change, or send only what you changed.",
            ),
            Held::Long => (
                "Nothing was saved",
                "This form is too long to be looked through for values that are hidden from you (•••). Send less of it at once.",
            ),
            Held::TooLarge => (
                "This page is held back",
                "It is too large to be looked through for customers' data. Ask for less of it at once.",
            ),
            Held::Encoded => (
                "This page is held back",
                "It is written in a form that Storeward cannot look through for customers' data. Tell whoever looks after Storeward.",
            ),
            Held::Broken => {
                ("This page is held back", "The shop did not send it to its end in time. Please try again.")
            }
            Held::NotRecorded => (
                "This page is held back",
                "It shows customers' data, and who sees that could not be written down just now. Please try again later.",
            ),
            Held::Export => (
                "This file is held back",
                "It holds many customers' data. Your role may not take it (ask the shop's owner), or you showed a second factor more than ten \
                 minutes ago: sign out and in again at /.storeward/gate, and ask for it once more.",
            ),
        }
    }

    pub(crate) fn answer(self) -> Response<Bytes> {
        let (title, text) = self.words();
        let page = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>"
        );
        let mut response = Response::new(Bytes::from(page));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
        );
        response
    }
}
