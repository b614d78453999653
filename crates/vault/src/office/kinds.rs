//! What kind of answer comes from the shop: what may pass unseen is listed here, and everything else is text or a file.

use http::{HeaderMap, header};

use super::find::Form;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A picture, a typeface, sound; a program or a style that lies in a file.
    Unseen,
    Page(Form),
    /// To be saved; read where it is text.
    File(Option<Form>),
}

impl Kind {
    pub(crate) fn is_file(self) -> bool {
        matches!(self, Kind::File(_))
    }

    /// How it is read; `None` where it is not.
    pub(crate) fn form(self) -> Option<Form> {
        match self {
            Kind::Page(form) => Some(form),
            Kind::File(form) => form,
            Kind::Unseen => None,
        }
    }
}

/// The kind by an answer's fields; `None` where they name more than one.
pub(crate) fn of(headers: &HeaderMap, is_fixed: bool) -> Option<Kind> {
    if headers.get_all(header::CONTENT_TYPE).iter().count() > 1 {
        return None;
    }
    let name = name(headers).unwrap_or_else(|| "text/html".to_owned());
    let is_media = ["image/", "font/", "video/", "audio/", "application/font-", "application/x-font-"]
        .iter()
        .any(|start| name.starts_with(start));
    if is_media || name == "application/vnd.ms-fontobject" {
        return Some(Kind::Unseen);
    }
    let is_program = name.contains("javascript") || name.contains("ecmascript") || name.contains("jsonp");
    if is_fixed && (is_program || name == "text/css") {
        return Some(Kind::Unseen);
    }
    let form = match name.as_str() {
        "text/html" | "application/xhtml+xml" => Some(Form::Html),
        // A program may be an answer with a name before it (JSONP).
        _ if is_program || name.contains("json") => Some(Form::Json),
        "application/xml" => Some(Form::Text),
        _ if name.ends_with("+xml") || name.starts_with("text/") => Some(Form::Text),
        _ => None,
    };
    let is_list = name.contains("csv") || name.contains("tab-separated") || form.is_none();
    Some(match form {
        Some(form) if !is_list && !is_to_be_saved(headers) => Kind::Page(form),
        form => Kind::File(form.or_else(|| name.contains("csv").then_some(Form::Text))),
    })
}

/// Whether an answer is one that a program reads.
pub(crate) fn is_for_programs(headers: &HeaderMap) -> bool {
    name(headers).is_some_and(|name| name.contains("json") || name.contains("javascript"))
}

fn name(headers: &HeaderMap) -> Option<String> {
    let kind = String::from_utf8_lossy(headers.get(header::CONTENT_TYPE)?.as_bytes()).into_owned();
    Some(kind.split([';', ',']).next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// `Content-Disposition: attachment`, or a file's name in it.
fn is_to_be_saved(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_DISPOSITION).iter().any(|value| {
        let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        value.contains("attachment") || value.contains("filename")
    })
}

pub(crate) fn is_utf8(headers: &HeaderMap) -> bool {
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
