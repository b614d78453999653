//! An adapter for a shop that no file knows, made by watching: what its owner's browser and the shop said to each other while
//! the owner signed in once, and what a visitor sees at the same places. What is not plain is not guessed, but told.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use serde_json::Value;
use storeward_base::Secret;

use crate::answer::ProbeAnswer;
use crate::error::AdapterError;
use crate::model::{Adapter, Probe, SignOut, Subject};
use crate::text::{self, Form};

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

/// One request and its answer. Of what was typed only the fields' names are here.
#[derive(Clone, Debug)]
pub struct Watched {
    pub by: By,
    pub method: String,
    pub path: String,
    pub fields: Vec<String>,
    pub status: u16,
    pub cookies: Vec<CookieSet>,
    pub body: String,
}

/// What was not plain, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// No form with one password field was sent.
    NoSignIn,
    /// The form has no field for the account's name before the password.
    NoUserField,
    /// Two forms of one page go to the same address with the same fields.
    TwinForms,
    /// The sign-in set no cookie, and there was none before that scripts cannot read.
    NoCookie,
    /// The sign-in set a cookie that the shop's scripts can read. Kept away from them it may break the shop; left to them it may
    /// be the session.
    ReadableCookie(String),
    /// No page afterwards showed the name that was typed.
    NoProbe,
    /// This page did, but nobody looked what a visitor sees there.
    NotCompared(String),
    /// This page shows it to everybody, or the same to a visitor.
    ShownToAll(String),
    /// What came out is no adapter.
    Misfit(AdapterError),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::NoSignIn => {
                f.write_str("no form with a password was sent: sign in by the shop's own page")
            }
            Doubt::NoUserField => {
                f.write_str("the form has no field for the account's name before the password")
            }
            Doubt::TwinForms => {
                f.write_str("two forms of the page cannot be told apart: write `marker` into a file by hand")
            }
            Doubt::NoCookie => {
                f.write_str("the shop set no cookie that could be its session: is it a token of its scripts?")
            }
            Doubt::ReadableCookie(name) => write!(
                f,
                "the sign-in set the cookie {name}, which scripts can read: whether it is the session only the shop's makers \
                 can say; name it under cookies.session or cookies.except"
            ),
            Doubt::NoProbe => f.write_str(
                "no page showed the account's name afterwards: open the page with your own data, too",
            ),
            Doubt::NotCompared(path) => write!(f, "what a visitor sees at {path} is not known"),
            Doubt::ShownToAll(path) => {
                write!(f, "{path} does not tell a customer from a visitor: open another page of the account")
            }
            Doubt::Misfit(error) => write!(f, "what came out is no adapter: {error}"),
        }
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
    let typed = [(name.as_str(), user), (secret.as_str(), password.expose())];
    let typed =
        typed.map(|(name, value)| format!("{}={}", text::encode(name), text::encode(value))).join("&");
    let body = if hidden.is_empty() { typed } else { format!("{hidden}&{typed}") };
    Some(Filled { path: form.path.clone(), fields: form.names(), body: Secret::new(body) })
}

/// Pages of the same shop that a page links to, but no sign-outs.
pub fn pages(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for link in text::links(page).filter_map(|link| own_path(&text::unescape(link))) {
        let is_out = OUT.iter().any(|word| link.to_ascii_lowercase().contains(word));
        if !is_out && !link.contains('.') && !found.contains(&link) && found.len() < 40 {
            found.push(link);
        }
    }
    found
}

/// The path of an address within the shop, whatever host it names.
pub fn own_path(address: &str) -> Option<String> {
    let rest = address
        .split_once("://")
        .map_or(address, |(_, rest)| rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"));
    let path = rest.split('#').next().unwrap_or_default();
    (path.starts_with('/') && !path.starts_with("//")).then(|| path.to_owned())
}

/// Paths that the owner saw with the account's name on, and that should be asked for without cookies.
pub fn to_compare(watched: &[Watched], user: &str) -> Vec<String> {
    let after = signed_in(watched).map_or(watched.len(), |(at, _)| at + 1);
    let mut paths = BTreeSet::new();
    for seen in watched.get(after..).unwrap_or_default() {
        let is_page = seen.by == By::Owner && seen.method == "GET" && seen.status == 200;
        if is_page && subject_of(&seen.body, user).is_some() {
            paths.insert(seen.path.clone());
        }
    }
    paths.into_iter().collect()
}

/// Makes an adapter of what was watched, in order. `user` is the name that was typed, best an e-mail address.
pub fn propose(name: &str, watched: &[Watched], user: &str) -> Result<Proposal, Vec<Doubt>> {
    let mut doubts = Vec::new();
    let Some((at, form)) = signed_in(watched) else { return Err(vec![Doubt::NoSignIn]) };
    let session = session(watched, at).unwrap_or_else(|doubt| {
        doubts.push(doubt);
        BTreeSet::new()
    });
    let door = door(watched, at, &form).map_err(|doubt| doubts.push(doubt));
    let probe = probe(watched, at, user).map_err(|doubt| doubts.push(doubt));
    let (Ok(door), Ok(probe)) = (door, probe) else { return Err(doubts) };
    if !doubts.is_empty() {
        return Err(doubts);
    }
    let text = file(name, &session, &door, &probe, &sign_out(watched, at));
    match Adapter::parse(&text) {
        Ok(adapter) => Ok(Proposal { text, adapter }),
        Err(error) => Err(vec![Doubt::Misfit(error)]),
    }
}

/// The request that signed in, and the form that it was.
fn signed_in(watched: &[Watched]) -> Option<(usize, Form)> {
    watched.iter().enumerate().filter(|(_, seen)| seen.by == By::Owner && seen.method == "POST").find_map(
        |(at, seen)| {
            let pages = watched.get(..at)?.iter().rev();
            let forms = pages.flat_map(|page| text::forms(&page.body, &page.path));
            forms
                .filter(|form| form.passwords().len() == 1 && form.path == seen.path)
                .find(|form| form.passwords().iter().all(|name| seen.fields.contains(name)))
                .map(|form| (at, form))
        },
    )
}

fn session(watched: &[Watched], at: usize) -> Result<BTreeSet<String>, Doubt> {
    let mut names = BTreeSet::new();
    for (place, seen) in watched.iter().enumerate() {
        for cookie in &seen.cookies {
            if cookie.is_http_only {
                names.insert(cookie.name.clone());
            } else if place == at {
                return Err(Doubt::ReadableCookie(cookie.name.clone()));
            }
        }
    }
    if names.is_empty() { Err(Doubt::NoCookie) } else { Ok(names) }
}

struct DoorFound {
    path: String,
    user: String,
    password: String,
    marker: Option<String>,
    sign_up: Option<(String, String)>,
}

fn door(watched: &[Watched], at: usize, form: &Form) -> Result<DoorFound, Doubt> {
    let password = form.passwords().into_iter().next().ok_or(Doubt::NoSignIn)?;
    let user = form.name_before(&password).ok_or(Doubt::NoUserField)?;
    let before = watched.get(..at).unwrap_or_default();
    let others: Vec<Form> = before
        .iter()
        .flat_map(|page| text::forms(&page.body, &page.path))
        .filter(|other| other.path == form.path && other.names() != form.names())
        .collect();
    let is_twin = |name: &String| others.iter().any(|other| other.names().contains(name));
    let marker = if others.is_empty() {
        None
    } else {
        let own = [&user, &password].into_iter().find(|name| !is_twin(name));
        Some(own.ok_or(Doubt::TwinForms)?.clone())
    };
    let mut all = before.iter().flat_map(|page| text::forms(&page.body, &page.path));
    let sign_up = all.find(|other| other.passwords().len() == 2);
    let sign_up = sign_up.and_then(|other| Some((other.path.clone(), other.passwords().into_iter().next()?)));
    Ok(DoorFound { path: form.path.clone(), user, password, marker, sign_up })
}

/// A page that shows the name to the owner, and to a visitor not.
fn probe(watched: &[Watched], at: usize, user: &str) -> Result<Probe, Doubt> {
    let mut doubt = Doubt::NoProbe;
    for seen in watched.get(at + 1..).unwrap_or_default() {
        let is_page = seen.by == By::Owner && seen.method == "GET" && seen.status == 200;
        let Some((subject, contains)) = subject_of(&seen.body, user).filter(|_| is_page) else { continue };
        let found = Probe {
            path: seen.path.clone(),
            headers: Default::default(),
            status: 200,
            contains,
            email: user.contains('@').then(|| subject.clone()),
            subject,
        };
        let other = watched.iter().find(|other| other.by == By::Nobody && other.path == seen.path);
        let Some(other) = other else {
            doubt = Doubt::NotCompared(seen.path.clone());
            continue;
        };
        let says = |page: &Watched| found.read(page.status, page.body.as_bytes());
        let is_owner = matches!(says(seen), ProbeAnswer::SignedIn { subject, .. } if subject == user);
        if is_owner && says(other) == ProbeAnswer::SignedOut {
            return Ok(found);
        }
        doubt = Doubt::ShownToAll(seen.path.clone());
    }
    Err(doubt)
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
        // The tag before it and the one before that: a label and its place, as a rule.
        let Some(close) = head.rfind('<') else { continue };
        let open = head.get(..close)?.rfind('<').filter(|open| close - open <= 60).unwrap_or(close);
        let (before, after) = (head.get(open..)?.to_owned(), tail.get(..tail.len().min(6))?.to_owned());
        let subject = Subject { between: Some([before.clone(), after]), ..Subject::default() };
        if before.len() <= 120 && before.ends_with('>') && subject.find(page).as_deref() == Some(user) {
            return Some((subject, Some(before)));
        }
    }
    None
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

struct OutFound {
    method: &'static str,
    path: String,
    page: String,
}

/// Where the shop signs out, if the pages afterwards agree on it.
fn sign_out(watched: &[Watched], at: usize) -> Option<OutFound> {
    let is_out = |path: &str| OUT.iter().any(|word| path.to_ascii_lowercase().contains(word));
    let pages = watched.get(at + 1..)?.iter().filter(|seen| seen.by == By::Owner && seen.status == 200);
    let mut found: Vec<OutFound> = Vec::new();
    for seen in pages {
        let forms = text::forms(&seen.body, &seen.path).filter(|form| form.is_post && is_out(&form.path));
        found.extend(forms.map(|form| OutFound { method: "POST", path: form.path, page: seen.path.clone() }));
        let links = text::links(&seen.body).filter(|link| link.starts_with('/') && !link.starts_with("//"));
        let links = links.filter(|link| is_out(link) && !link.contains(['?', '#', '&']));
        found.extend(links.map(|link| OutFound {
            method: "GET",
            path: link.to_owned(),
            page: seen.path.clone(),
        }));
    }
    let first = found.pop()?;
    let agrees = |other: &OutFound| other.path == first.path && other.method == first.method;
    found.iter().all(agrees).then_some(first)
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn file(
    name: &str,
    session: &BTreeSet<String>,
    door: &DoorFound,
    probe: &Probe,
    out: &Option<OutFound>,
) -> String {
    let names: Vec<_> = session.iter().map(|name| quoted(name)).collect();
    let mut text = format!(
        "# Proposed by watching one sign-in. Look at it before you use it.\nformat = 1\nname = {}\ntitle = {0}\n\n[cookies]\nsession \
         = [{}]\n\n[signed_in.probe]\npath = {}\n",
        quoted(name),
        names.join(", "),
        quoted(&probe.path)
    );
    let subject = |subject: &Subject| match subject {
        Subject { json: Some(pointer), .. } => format!("{{ json = {} }}", quoted(pointer)),
        Subject { field: Some(name), .. } => format!("{{ field = {} }}", quoted(name)),
        Subject { between: Some([before, after]), .. } => {
            format!("{{ between = [{}, {}] }}", quoted(before), quoted(after))
        }
        Subject { split, .. } => format!("{{ split = {} }}", quoted(split.as_deref().unwrap_or_default())),
    };
    // Writing to a String cannot fail.
    let mut line = |key: &str, value: String| {
        let _ = writeln!(text, "{key} = {value}");
    };
    if let Some(contains) = &probe.contains {
        line("contains", quoted(contains));
    }
    line("subject", subject(&probe.subject));
    if let Some(email) = &probe.email {
        line("email", subject(email));
    }
    let _ = write!(
        text,
        "\n[[door]]\nname = \"sign-in\"\nkind = \"sign-in\"\npaths = [{}]\nuser = [{}]\npassword = [{}]\n",
        quoted(&door.path),
        quoted(&door.user),
        quoted(&door.password)
    );
    if let Some(marker) = &door.marker {
        let _ = writeln!(text, "marker = {}", quoted(marker));
    }
    if let Some((path, marker)) = &door.sign_up {
        let _ = write!(
            text,
            "\n[[door]]\nname = \"sign-up\"\nkind = \"sign-up\"\npaths = [{}]\nmarker = {}\n",
            quoted(path),
            quoted(marker)
        );
    }
    if let Some(out) = out {
        let _ = write!(text, "\n[sign_out]\nmethod = \"{}\"\npath = {}\n", out.method, quoted(&out.path));
        if out.method == "POST" {
            let _ = writeln!(text, "form_page = {}", quoted(&out.page));
        }
    }
    text.push_str(
        "\n# Not seen by watching: name the back office, and acts that should take a fresh second factor.\n# [staff]\n# paths = \
         [\"/admin\"]\n# [[sensitive]]\n# methods = [\"POST\"]\n# path = \"/account/email\"\n",
    );
    text
}

#[cfg(test)]
mod tests;
