//! An adapter for a shop that no file knows, made by watching: what its owner's browser and the shop said to each other while
//! the owner signed in once, and what a visitor sees at the same places. What is not plain is not guessed, but told.

mod act;
mod door;
mod doubt;
mod probe;
pub(crate) mod script;
mod write;

use std::collections::BTreeSet;

use serde_json::Value;
use storeward_base::Secret;

use crate::address::Address;
use crate::answer::{ProbeAnswer, ProbeTold};
use crate::body;
use crate::kind::is_form;
pub use crate::model::Probe;
use crate::model::{Adapter, SignOut, Subject};
use crate::text::{self, Form};

pub use act::{ActSeen, AddressIn};
pub use door::{DoorFound, Sent};
pub use doubt::Doubt;
pub use script::{Script, SentJson};

use door::{attempts, door, signed_in, unticked};
use probe::{links, probes};
use script::Token;
use write::file;

/// Words in the addresses of sign-outs.
const OUT: [&str; 10] = [
    "logout",
    "log-out",
    "log_out",
    "logoff",
    "signout",
    "sign-out",
    "sign_out",
    "abmelden",
    "deconnexion",
    "salir",
];

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Owner,
    /// Somebody without cookies.
    Nobody,
}

/// A cookie that an answer set, by its name: its value is nobody's business here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSet {
    pub name: String,
    /// Scripts cannot read it.
    pub is_http_only: bool,
}

/// One request and its answer, as they are looked at once.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    pub by: By,
    pub method: &'a str,
    pub path: &'a str,
    /// Names of what was sent.
    pub fields: &'a [String],
    pub status: u16,
    /// Where the answer leads.
    pub location: Option<&'a str>,
    pub cookies: &'a [CookieSet],
    pub body: &'a str,
    /// Where a script may have sent it.
    pub script: Option<Script<'a>>,
}

/// What is kept of it. Nothing that was typed, and of what a customer was shown only where their name stands in it.
#[derive(Clone, Debug)]
pub struct Watched {
    by: By,
    method: String,
    path: String,
    fields: Vec<String>,
    status: u16,
    cookies: Vec<CookieSet>,
    forms: Vec<Form>,
    outs: Vec<Out>,
    /// How the page says whose it is.
    names: Option<Probe>,
    /// What a script sent.
    json: Option<SentJson>,
    /// Texts of the answer to it that may be tokens.
    tokens: Vec<Token>,
    /// The mark of the token that came along.
    bearer: Option<String>,
    /// Where a page that names the account leads to, without queries.
    links: Vec<String>,
    /// What a visitor sees here, as everybody does, and where it leads.
    shown: Option<(String, Option<String>)>,
}

/// A page's forms that are kept, and its links that sign out.
const MOST_FORMS: usize = 12;
const MOST_LINKS: usize = 400;

impl Watched {
    /// `user` is the account's name as it is typed, best an e-mail address.
    pub fn new(sight: &Sight<'_>, user: &str) -> Self {
        let Sight { by, method, path, fields, status, location, cookies, body, script } = *sight;
        let json = script.and_then(|script| script.sent.cloned()).filter(|_| by == By::Owner);
        let is_answered = json.as_ref().is_some_and(|json| json.typed().is_some());
        let tokens = script.filter(|_| is_answered).map(|script| script::tokens(body, script.mark));
        let is_page = by == By::Owner && method == "GET" && status == 200;
        let names = if is_page { probe_of(body, path, user) } else { None };
        Watched {
            by,
            method: method.to_owned(),
            path: path.to_owned(),
            fields: fields.to_vec(),
            status,
            cookies: cookies.to_vec(),
            forms: text::forms(body, path).take(MOST_FORMS).collect(),
            outs: outs(body, path).into_iter().take(MOST_FORMS).collect(),
            links: if names.is_some() {
                links(body, path).map(|(_, path)| path).take(MOST_LINKS).collect()
            } else {
                Vec::new()
            },
            names,
            json,
            tokens: tokens.unwrap_or_default(),
            bearer: script.and_then(|script| script.bearer.map(str::to_owned)),
            shown: (by == By::Nobody).then(|| (body.to_owned(), location.map(str::to_owned))),
        }
    }

    pub fn by(&self) -> By {
        self.by
    }
}

/// An adapter to be looked at before it is used.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The file.
    pub text: String,
    pub adapter: Adapter,
}

/// A form that was filled in.
#[derive(Debug)]
pub struct Filled {
    pub path: String,
    /// Names of what is sent.
    pub fields: Vec<String>,
    pub body: Secret<String>,
}

/// Fills in the first form of a page that has one field for a password.
pub fn fill(page: &str, path: &str, user: &str, password: &Secret<String>) -> Option<Filled> {
    let form = text::forms(page, path).find(|form| form.passwords().len() == 1)?;
    let secret = form.passwords().into_iter().next()?;
    let name = form.name_before(&secret)?;
    let hidden = SignOut::form(page);
    // "Stay signed in" is ticked, so that the cookie for it is seen.
    let boxes = text::boxes(page).into_iter().filter(|(name, _)| form.names().contains(name));
    let boxes: Vec<_> = boxes.collect();
    let ticked = boxes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let typed = [(name.as_str(), user), (secret.as_str(), password.expose())].into_iter().chain(ticked);
    let typed: Vec<_> =
        typed.map(|(name, value)| format!("{}={}", text::encode(name), text::encode(value))).collect();
    let typed = typed.join("&");
    let body = if hidden.is_empty() { typed } else { format!("{hidden}&{typed}") };
    Some(Filled { path: form.path.clone(), fields: form.names(), body: Secret::new(body) })
}

/// Names of a form's fields. What was typed into them is passed over here and kept nowhere.
pub fn field_names(content_type: &str, bytes: &[u8]) -> Vec<String> {
    let fields = if is_form(content_type) { body::fields(content_type, bytes) } else { None };
    let fields = fields.unwrap_or_default();
    fields.into_iter().map(|(name, _)| name).filter(|name| name.len() <= 200).take(200).collect()
}

/// Pages of the same shop that a page at this path links to, but no sign-outs.
pub fn pages(page: &str, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    for link in text::links(page).filter_map(|link| own_path(&text::unescape(link), path)) {
        if !is_out(&link) && !link.contains('.') && !found.contains(&link) && found.len() < 40 {
            found.push(link);
        }
    }
    found
}

/// The path of an address within the shop, with its query, as it is written on a page at `base`, whatever host it names.
pub fn own_path(address: &str, base: &str) -> Option<String> {
    Address::read(address, base).map(|to| to.target())
}

/// Paths that the owner saw with the account's name on, and that should be asked for without cookies.
pub fn to_compare(watched: &[Watched]) -> Vec<String> {
    let asked: BTreeSet<_> =
        watched.iter().filter(|seen| seen.by == By::Nobody).map(|seen| seen.path.as_str()).collect();
    let named = watched.iter().filter(|seen| seen.names.is_some() && !asked.contains(seen.path.as_str()));
    named.map(|seen| seen.path.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Which of these can best be done without: pages that say nothing of the sign-in, then those that only lead out, then the oldest.
pub fn least_telling(watched: &[Watched]) -> usize {
    let sign_ins: BTreeSet<_> = watched
        .iter()
        .flat_map(|seen| seen.forms.iter().filter(|form| !form.passwords().is_empty()))
        .map(|form| form.path.as_str())
        .collect();
    // Also where it is named no more, behind the way out.
    let named: BTreeSet<_> =
        watched.iter().filter(|seen| seen.names.is_some()).map(|seen| seen.path.as_str()).collect();
    let tells = |seen: &Watched| {
        let is_sign_in = sign_ins.contains(seen.path.as_str())
            || seen.forms.iter().any(|form| !form.passwords().is_empty());
        let went_out = seen.method != "GET" && is_out(&seen.path);
        let is_sign_in = is_sign_in || seen.json.as_ref().is_some_and(|json| json.typed().is_some());
        seen.by == By::Nobody || named.contains(seen.path.as_str()) || is_sign_in || went_out
    };
    let plain = watched.iter().position(|seen| !tells(seen) && seen.outs.is_empty() && !is_out(&seen.path));
    plain.or_else(|| watched.iter().position(|seen| !tells(seen))).unwrap_or(0)
}

/// Makes an adapter of what was watched, in order.
pub fn propose(name: &str, watched: &[Watched]) -> Result<Proposal, Vec<Doubt>> {
    let learnt = Learnt::of(watched);
    let doubts = learnt.doubts();
    match learnt.choice() {
        Some(choice) if doubts.is_empty() => choice.write(name).map_err(|doubt| vec![doubt]),
        _ => Err(doubts),
    }
}

/// What was recognised so far.
#[derive(Clone, Debug, Default)]
pub struct Learnt {
    pub door: Option<DoorFound>,
    door_doubt: Option<Doubt>,
    unticked: Option<Doubt>,
    /// What the sign-in that succeeded was answered with.
    pub right: Option<Answered>,
    /// The same of one that did not.
    pub wrong: Option<Answered>,
    pub cookies: Vec<CookieSeen>,
    /// Pages that tell a customer from a visitor, and where they name the customer.
    pub probes: Vec<Probe>,
    probe_doubt: Option<Doubt>,
    /// Ways out that were seen, used ones first.
    pub outs: Vec<Out>,
    /// The owner went out, and a page that named them did so no more.
    pub went_out: bool,
    /// Changes of the address or the password that were done.
    pub acts: Vec<ActSeen>,
}

/// How the shop answered a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    pub status: u16,
    /// Names of the cookies that it set.
    pub cookies: Vec<String>,
}

/// A cookie of the shop's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSeen {
    pub name: String,
    pub is_http_only: bool,
    /// The sign-in set it.
    pub at_sign_in: bool,
}

fn is_kept(cookie: &CookieSeen) -> bool {
    let name = cookie.name.to_ascii_lowercase();
    // What scripts have to read, to send it along.
    let is_scripts = name.contains("csrf") || name.contains("xsrf");
    let is_called_so = !is_scripts && (name.contains("sess") || name.ends_with("sid") || name == "zenid");
    cookie.is_http_only || is_called_so || crate::known::stand_in().cookies.are_kept(&cookie.name)
}

impl Learnt {
    pub fn of(watched: &[Watched]) -> Self {
        let Some(attempt) = signed_in(watched) else { return Learnt::default() };
        let at = attempt.at;
        let (door, door_doubt) = match door(watched, &attempt) {
            Ok(door) => (Some(door), None),
            Err(doubt) => (None, Some(doubt)),
        };
        let (probes, probe_doubt) = probes(watched, &attempt);
        let outs = ways_out(watched, at);
        let answered = |seen: &Watched| Answered {
            status: seen.status,
            cookies: seen.cookies.iter().map(|cookie| cookie.name.clone()).collect(),
        };
        let wrong = attempts(watched).into_iter().find(|other| other.at != at);
        let went_out = went_out(watched, at, &probes, &outs);
        Learnt {
            door,
            door_doubt,
            unticked: unticked(watched, &attempt),
            right: watched.get(at).filter(|_| !probes.is_empty()).map(answered),
            wrong: wrong.and_then(|wrong| watched.get(wrong.at)).map(answered),
            cookies: cookies(watched, at),
            probes,
            probe_doubt,
            outs,
            went_out,
            acts: act::acts(watched),
        }
    }

    /// What is not plain yet.
    pub fn doubts(&self) -> Vec<Doubt> {
        if self.door.is_none() && self.door_doubt.is_none() {
            return vec![Doubt::NoSignIn];
        }
        let readable = self.cookies.iter().find(|cookie| cookie.at_sign_in && !is_kept(cookie));
        let has_token = self.door.as_ref().is_some_and(|door| door.token.is_some());
        let none = || (self.session().is_empty() && !has_token).then_some(Doubt::NoCookie);
        let cookie = readable.map(|cookie| Doubt::ReadableCookie(cookie.name.clone())).or_else(none);
        let probe = self.probe_doubt.clone().filter(|_| self.probes.is_empty());
        [cookie, self.door_doubt.clone(), self.unticked.clone(), probe].into_iter().flatten().collect()
    }

    /// The cookies that scripts cannot read, and those that bear the name of a session: many shops have theirs since before the sign-in, and
    /// readable, as PHP makes it unless it is told otherwise.
    pub fn session(&self) -> BTreeSet<String> {
        let kept = self.cookies.iter().filter(|cookie| is_kept(cookie));
        kept.map(|cookie| cookie.name.clone()).collect()
    }

    /// What would be proposed; the owner may change it.
    pub fn choice(&self) -> Option<Choice> {
        Some(Choice {
            session: self.session(),
            door: self.door.clone()?,
            probe: self.probes.first()?.clone(),
            out: self.plain_out(),
            acts: self.acts.clone(),
        })
    }

    /// The way out that was used, or the one that all pages agree on.
    fn plain_out(&self) -> Option<Out> {
        let first = self.outs.first()?;
        let agrees = |other: &Out| other.path == first.path && other.method == first.method;
        (first.was_used || self.outs.iter().all(agrees)).then(|| first.clone())
    }
}

/// What an adapter is written from.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Names of cookies that no browser sees.
    pub session: BTreeSet<String>,
    pub door: DoorFound,
    pub probe: Probe,
    pub out: Option<Out>,
    pub acts: Vec<ActSeen>,
}

impl Choice {
    /// The file, and what it says.
    pub fn write(&self, name: &str) -> Result<Proposal, Doubt> {
        let text = file(name, self);
        let adapter = Adapter::parse(&text).map_err(Doubt::Misfit)?;
        Ok(Proposal { text, adapter })
    }
}

fn cookies(watched: &[Watched], at: usize) -> Vec<CookieSeen> {
    let mut found: Vec<CookieSeen> = Vec::new();
    for (place, seen) in watched.iter().enumerate() {
        for cookie in &seen.cookies {
            let at_sign_in = place == at;
            match found.iter_mut().find(|other| other.name == cookie.name) {
                Some(known) => {
                    known.is_http_only |= cookie.is_http_only;
                    known.at_sign_in |= at_sign_in;
                }
                None => found.push(CookieSeen {
                    name: cookie.name.clone(),
                    is_http_only: cookie.is_http_only,
                    at_sign_in,
                }),
            }
        }
    }
    found
}

/// Whether the owner left, and a page that had named them did so no more.
fn went_out(watched: &[Watched], at: usize, probes: &[Probe], outs: &[Out]) -> bool {
    let after = watched.get(at + 1..).unwrap_or_default();
    let is_way =
        |seen: &Watched| outs.iter().any(|out| out.path == seen.path && out.method == seen.method.as_str());
    let left = after.iter().position(|seen| seen.by == By::Owner && (is_out(&seen.path) || is_way(seen)));
    let after = left.and_then(|left| after.get(left + 1..)).unwrap_or_default();
    let is_known =
        |seen: &&Watched| seen.by == By::Owner && probes.iter().any(|probe| probe.path == seen.path);
    after.iter().any(|seen| is_known(&seen) && seen.names.is_none())
}

/// How a page says whose it is, where it does so.
fn probe_of(page: &str, path: &str, user: &str) -> Option<Probe> {
    let (subject, contains) = subject_of(page, user)?;
    let probe = Probe {
        path: path.to_owned(),
        query: Default::default(),
        headers: Default::default(),
        visitor: None,
        status: 200,
        contains,
        email: user.contains('@').then(|| subject.clone()),
        subject,
    };
    let told = ProbeTold { status: 200, asked: path, location: None, body: page.as_bytes() };
    let says = probe.read(&told, |_| false);
    matches!(says, ProbeAnswer::SignedIn { subject, .. } if subject == user).then_some(probe)
}

/// Where a page names the account, and text that is there whenever it does (a JSON answer says by itself that it does not).
fn subject_of(page: &str, user: &str) -> Option<(Subject, Option<String>)> {
    if let Some(pointer) = serde_json::from_str::<Value>(page).ok().and_then(|value| pointer_to(&value, user))
    {
        return Some((Subject { json: Some(pointer), ..Subject::default() }, None));
    }
    let named = text::inputs(page).find_map(|input| {
        let of = |key: &str| input.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        (of("value") == Some(user)).then(|| of("name").map(str::to_owned)).flatten()
    });
    if let Some(name) = named.filter(|name| text::field_value(page, name).as_deref() == Some(user)) {
        let quoted = [format!("name=\"{name}\""), format!("name='{name}'"), format!("name={name}")];
        let contains = quoted.into_iter().find(|text| page.contains(text.as_str()))?;
        return Some((Subject { field: Some(name), ..Subject::default() }, Some(contains)));
    }
    let mut from = 0;
    while let Some(found) = page.get(from..)?.find(user) {
        let (start, end) = (from + found, from + found + user.len());
        from = end;
        let (head, tail) = (page.get(..start)?, page.get(end..)?);
        let after = tail.get(..tail.len().min(6))?.to_owned();
        if let Some(found) = before_it(head).map(|before| (before, after.clone())).find(|(before, after)| {
            let subject = Subject { between: Some([before.clone(), after.clone()]), ..Subject::default() };
            !is_personal(before, user)
                && !is_personal(after, user)
                && subject.find(page).as_deref() == Some(user)
        }) {
            let (before, after) = found;
            let subject = Subject { between: Some([before.clone(), after]), ..Subject::default() };
            return Some((subject, Some(before)));
        }
    }
    None
}

/// Texts that stand directly before a place, each one tag longer than the one before: a label and its place are two or three tags.
fn before_it(head: &str) -> impl Iterator<Item = String> + '_ {
    let tags = head.rmatch_indices('<').map(|(at, _)| at).take(5).skip(1);
    let texts = tags.filter_map(|at| head.get(at..)).take_while(|text| text.len() <= 120);
    texts.filter(|text| text.contains('>')).map(str::to_owned)
}

/// A text with the person's own name in it fits nobody else.
fn is_personal(text: &str, user: &str) -> bool {
    let own = user.split('@').next().filter(|own| own.len() >= 3).unwrap_or(user);
    text.to_lowercase().contains(&own.to_lowercase())
}

fn pointer_to(value: &Value, user: &str) -> Option<String> {
    match value {
        Value::String(text) => (text == user).then(String::new),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            Some(format!("/{name}{}", pointer_to(value, user)?))
        }),
        _ => None,
    }
}

/// A way out of the shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Out {
    pub method: &'static str,
    pub path: String,
    /// The page that leads there; empty where a script went.
    pub page: String,
    /// The owner went this way.
    pub was_used: bool,
}

fn is_out(path: &str) -> bool {
    OUT.iter().any(|word| path.to_ascii_lowercase().contains(word))
}

/// The ways out that a page shows.
fn outs(body: &str, path: &str) -> Vec<Out> {
    let out = |method, to: String| Out { method, path: to, page: path.to_owned(), was_used: false };
    let forms = text::forms(body, path).filter(|form| form.is_post && is_out(&form.path));
    let links = text::links(body).filter_map(|link| Address::read(&text::unescape(link), path));
    let links = links.filter(|to| to.host.is_none() && to.query.is_none() && is_out(&to.path));
    forms.map(|form| out("POST", form.path)).chain(links.map(|to| out("GET", to.path))).collect()
}

/// Where the shop signs out, by the pages behind the sign-in: used ones first, each once.
fn ways_out(watched: &[Watched], at: usize) -> Vec<Out> {
    let after = watched.get(at + 1..).unwrap_or_default();
    let pages = after.iter().filter(|seen| seen.by == By::Owner && seen.status == 200);
    let mut found: Vec<Out> = Vec::new();
    for out in pages.flat_map(|seen| seen.outs.iter()) {
        let is_same = |other: &Out| other.path == out.path && other.method == out.method;
        if !found.iter().any(is_same) {
            let used =
                |seen: &Watched| seen.by == By::Owner && seen.path == out.path && seen.method == out.method;
            found.push(Out { was_used: after.iter().any(used), ..out.clone() });
        }
    }
    for out in by_script(watched, at).into_iter() {
        let is_known = |other: &Out| other.path == out.path && other.method == out.method;
        if !found.iter().any(is_known) {
            found.push(out);
        }
    }
    found.sort_by_key(|out| !out.was_used);
    found
}

/// Ways out that no page shows: a script asked for them. Where it ends the very thing that the sign-in made, it is one by whatever
/// name.
fn by_script(watched: &[Watched], at: usize) -> Vec<Out> {
    let Some(door) = watched.get(at) else { return Vec::new() };
    let after = watched.get(at + 1..).unwrap_or_default();
    let asked = after.iter().filter(|seen| seen.by == By::Owner && seen.status < 400);
    let out = |seen: &Watched| {
        let method = match seen.method.as_str() {
            "POST" if is_out(&seen.path) => "POST",
            "DELETE" if is_out(&seen.path) || seen.path == door.path => "DELETE",
            _ => return None,
        };
        Some(Out { method, path: seen.path.clone(), page: String::new(), was_used: true })
    };
    asked.filter_map(out).collect()
}

#[cfg(test)]
mod tests;
