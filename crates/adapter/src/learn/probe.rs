//! Which pages tell a customer from a visitor, and by what a visitor is known there.

use std::collections::BTreeSet;

use serde_json::Value;

use super::door::Attempt;
use super::{By, Doubt, Watched};
use crate::address::Address;
use crate::answer::{ProbeAnswer, ProbeTold};
use crate::model::Probe;
use crate::text::{self, Form};
use crate::visitor::Visitor;

/// Pages that show the name to the owner, and to a visitor not. A page that shows the sign-in is none: it may repeat what was typed.
pub(super) fn probes(watched: &[Watched], attempt: &Attempt) -> (Vec<Probe>, Option<Doubt>) {
    let (mut found, mut doubt): (Vec<Probe>, _) = (Vec::new(), Some(Doubt::NoProbe));
    for seen in watched.get(attempt.at + 1..).unwrap_or_default() {
        let Some(probe) = seen.names.as_ref().filter(|_| !attempt.is_at(seen)) else { continue };
        if found.contains(probe) {
            continue;
        }
        let other = watched.iter().find(|other| other.by == By::Nobody && other.path == seen.path);
        let Some((other, (page, location))) = other.and_then(|other| Some((other, other.shown.as_ref()?)))
        else {
            doubt = Some(Doubt::NotCompared(seen.path.clone()));
            continue;
        };
        let told = ProbeTold {
            status: other.status,
            asked: &seen.path,
            location: location.as_deref(),
            body: page.as_bytes(),
        };
        let door = watched.get(attempt.at).map(|seen| seen.path.clone());
        let is_door = |address: &str| path_alone(address, &seen.path).is_some_and(|path| Some(path) == door);
        match probe.read(&told, is_door) {
            ProbeAnswer::SignedOut => found.push(probe.clone()),
            ProbeAnswer::SignedIn { .. } => doubt = Some(Doubt::ShownToAll(seen.path.clone())),
            ProbeAnswer::Unclear => match visitor(seen, &told, &sign_ins(watched, attempt)) {
                Some(visitor) => found.push(Probe { visitor: Some(visitor), ..probe.clone() }),
                None => doubt = Some(Doubt::VisitorUnclear(seen.path.clone())),
            },
        }
    }
    // A label between others may be of one language.
    found.sort_by_key(|probe| probe.subject.between.is_some());
    (found, doubt)
}

/// Paths of the sign-in: where its form is sent, and where a page with it stands.
fn sign_ins(watched: &[Watched], attempt: &Attempt) -> BTreeSet<String> {
    let to = watched.get(attempt.at).map(|seen| seen.path.clone());
    let is_form = |form: &Form| Some(&form.path) == to.as_ref();
    let pages = watched.iter().filter(|seen| seen.forms.iter().any(is_form)).map(|seen| seen.path.clone());
    pages.chain(to.clone()).collect()
}

/// By what the shop's answer to a visitor is known, whatever language it is in: where it leads, or a link or a form there that leads to the
/// sign-in and that the customer's page does not have.
fn visitor(own: &Watched, told: &ProbeTold<'_>, sign_ins: &BTreeSet<String>) -> Option<Visitor> {
    if (300..400).contains(&told.status) {
        // Neither the same page below a language, nor an address that stands in every other.
        let to = told.location.and_then(|to| path_alone(to, &own.path));
        let is_other = |to: &String| {
            let name = to.trim_matches('/');
            // The front page of a language: `/en`, `/de-at/`.
            let is_language = name.len() <= 2
                || (name.len() == 5 && name.as_bytes().get(2).is_some_and(|b| matches!(b, b'-' | b'_')));
            !is_language && !to.contains(own.path.trim_matches('/'))
        };
        return to.filter(is_other).map(|to| Visitor { location: Some(to), ..Visitor::default() });
    }
    if own.names.as_ref().is_some_and(|probe| probe.subject.json.is_some()) {
        let code = serde_json::from_slice(told.body).ok().filter(|_| told.status == 403);
        let contains = code.as_ref().and_then(code_of).map(|code| format!("\"{code}\""));
        let status = Some(told.status);
        return contains.map(|contains| Visitor { location: None, status, contains: Some(contains) });
    }
    let page = String::from_utf8_lossy(told.body);
    let stands = |quoted: [String; 3]| quoted.into_iter().find(|text| page.contains(text.as_str()));
    let is_new = |path: &String| sign_ins.contains(path) && *path != own.path && !own.links.contains(path);
    let mut leading = links(&page, &own.path).filter(|(_, path)| is_new(path));
    let link = leading
        .find_map(|(link, _)| stands([format!("\"{link}\""), format!("'{link}'"), format!("href={link}")]));
    let of_form = || {
        let names = text::forms(&page, &own.path).flat_map(|form| form.passwords());
        let is_own = |name: &String| own.forms.iter().any(|form| form.names().contains(name));
        let mut new = names.filter(|name| !is_own(name));
        new.find_map(|name| {
            stands([format!("name=\"{name}\""), format!("name='{name}'"), format!("name={name}")])
        })
    };
    link.or_else(of_form).map(|text| {
        let status = Some(told.status).filter(|status| *status != 200);
        Visitor { location: None, status, contains: Some(text) }
    })
}

/// Of what codes speak that say that nobody is signed in. A guard before the shop says that access is denied, or forbidden.
const OF_SIGNING_IN: [&str; 8] =
    ["logged", "log_in", "login", "signed", "sign_in", "authenticated", "session", "anonymous"];

/// The code of a refusal, as programs read it: the same in every language, and no word that a guard before the shop would have.
fn code_of(value: &Value) -> Option<&str> {
    let is_code = |text: &&str| {
        let lower = text.to_ascii_lowercase();
        let is_long = text.len() >= 8 && text.contains(['_', '-', '.']);
        is_long
            && OF_SIGNING_IN.iter().any(|word| lower.contains(word))
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    match value {
        Value::Object(fields) => {
            let own = fields.get("code").and_then(Value::as_str).filter(is_code);
            own.or_else(|| fields.values().find_map(code_of))
        }
        Value::Array(parts) => parts.iter().find_map(code_of),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Links of a page at this path within the shop: as they stand there, and their paths.
pub(super) fn links<'p>(page: &'p str, path: &'p str) -> impl Iterator<Item = (&'p str, String)> {
    text::links(page).filter_map(move |link| Some((link, path_alone(&text::unescape(link), path)?)))
}

fn path_alone(address: &str, base: &str) -> Option<String> {
    Address::read(address, base).map(|to| to.path)
}
