//! Decoding, once, from bytes on the wire to named values. Everything here is total: hostile input gives values and
//! facts about its faults, never an error, and takes time and space proportional to its length.

mod escape;
mod form;
mod html;
mod json;
mod multipart;
pub(crate) mod open;
mod parts;
mod path;
mod stretch;
mod tidy;
mod url;
mod windows;
mod xml;

pub(crate) use escape::{css_decode, fold_confusables, js_decode};
pub(crate) use form::{cookies, form, looks_like_form};
pub(crate) use html::html_decode;
pub(crate) use json::{JsonNames, json, looks_like_json};
pub(crate) use multipart::{boundary_of, multipart, part_head};
pub(crate) use path::normalize_path;
pub(crate) use tidy::{command_line, compress_white_space, remove_white_space, replace_comments};
pub(crate) use url::{base64_decode, basic_user, hex_value, percent_at, percent_decode, url_decode_into};
pub(crate) use windows::Windows;
pub(crate) use xml::xml;

/// Whether it begins as JSON or a form.
pub(crate) fn has_structure(source: &[u8]) -> bool {
    looks_like_json(source) || looks_like_form(source)
}

#[cfg(test)]
mod tests;
