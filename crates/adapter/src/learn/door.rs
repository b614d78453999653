//! The request that signed in, and the door that it went through: a form, or a body that a script sent.

use super::doubt::Doubt;
use super::script::{SentJson, Typed};
use super::{By, Watched};
use crate::model::Probe;
use crate::text::Form;

/// How the name and the password are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    Form,
    Json,
    /// The field that signs in, and the document that calls it.
    Graphql {
        operation: String,
        document: String,
    },
}

/// The way to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorFound {
    pub path: String,
    pub sent: Sent,
    /// Name of a form's field, or pointer into JSON.
    pub user: String,
    pub password: String,
    /// All that can be one of the two.
    pub fields: Vec<String>,
    /// Where the answer has a token, and the page that it opens.
    pub token: Option<(String, Probe)>,
    pub(super) marker: Option<String>,
    pub(super) sign_up: Option<(String, String)>,
}

/// One sign-in that was tried.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub at: usize,
    pub how: How,
}

#[derive(Clone, Debug)]
pub(super) enum How {
    Form(Form),
    Script(SentJson, Typed),
}

impl Attempt {
    /// Whether a page is the one to sign in at: it may repeat what was typed.
    pub fn is_at(&self, page: &Watched) -> bool {
        match &self.how {
            How::Form(form) => page.forms.contains(form),
            How::Script(..) => false,
        }
    }
}

/// Requests that were sign-ins, in order.
pub(super) fn attempts(watched: &[Watched]) -> Vec<Attempt> {
    let sent = watched.iter().enumerate().filter(|(_, seen)| seen.by == By::Owner && seen.method == "POST");
    let all: Vec<_> = sent
        .filter_map(|(at, seen)| {
            let how = by_form(watched, at, seen).map(How::Form).or_else(|| by_script(seen))?;
            Some(Attempt { at, how })
        })
        .collect();
    let all: Vec<_> = all.iter().filter(|attempt| !is_act(watched, &all, attempt)).cloned().collect();
    // A text beside the name may be anything; where one is called a password, or a form has one, that is the sign-in.
    let is_plain = |attempt: &&Attempt| match &attempt.how {
        How::Form(_) => true,
        How::Script(_, typed) => typed.is_named,
    };
    if all.iter().any(|attempt| is_plain(&attempt)) {
        return all.into_iter().filter(|attempt| is_plain(&attempt)).collect();
    }
    all
}

/// Whether it is a form or a call of the account's that wants the password once more: it goes elsewhere than the first sign-in did, and
/// since then, or since the last sign-out, a page named the account that is not the one to sign in at.
fn is_act(watched: &[Watched], all: &[Attempt], attempt: &Attempt) -> bool {
    let path_of = |at: usize| watched.get(at).map(|seen| seen.path.as_str());
    let Some(first) = all.first().filter(|first| path_of(first.at) != path_of(attempt.at)) else {
        return false;
    };
    let between = watched.get(first.at + 1..attempt.at).unwrap_or_default();
    let since = between.iter().rposition(|seen| super::is_out(&seen.path)).map_or(0, |at| at + 1);
    let pages = between.get(since..).unwrap_or_default().iter();
    pages.filter(|seen| seen.by == By::Owner).any(|seen| seen.names.is_some() && !first.is_at(seen))
}

fn by_form(watched: &[Watched], at: usize, seen: &Watched) -> Option<Form> {
    let pages = watched.get(..at)?.iter().rev();
    let mut forms = pages.flat_map(|page| page.forms.iter()).filter(|form| form.path == seen.path);
    let is_sent = |form: &&Form| {
        let secrets = form.passwords();
        secrets.len() == 1 && secrets.iter().all(|name| seen.fields.contains(name))
    };
    forms.find(is_sent).cloned()
}

fn by_script(seen: &Watched) -> Option<How> {
    let sent = seen.json.as_ref()?;
    Some(How::Script(sent.clone(), sent.typed()?))
}

/// The request that signed in: the last one behind which a page named the account, or else the first.
pub(super) fn signed_in(watched: &[Watched]) -> Option<Attempt> {
    right(watched).pop().or_else(|| attempts(watched).into_iter().next())
}

/// Requests behind which a page named the account, in order.
fn right(watched: &[Watched]) -> Vec<Attempt> {
    let all = attempts(watched);
    let end_of = |place: usize| all.get(place + 1).map_or(watched.len(), |next| next.at);
    let is_right = |(place, attempt): &(usize, &Attempt)| {
        let after = watched.get(attempt.at + 1..end_of(*place)).unwrap_or_default();
        after.iter().any(|seen| seen.names.is_some() && !attempt.is_at(seen))
    };
    all.iter().enumerate().filter(is_right).map(|(_, found)| found.clone()).collect()
}

/// A box of the form that signed in which was ticked at no sign-in that went through: the shop may have another cookie for whoever
/// ticks it.
pub(super) fn unticked(watched: &[Watched], attempt: &Attempt) -> Option<Doubt> {
    let How::Form(form) = &attempt.how else { return None };
    let mut left: Vec<String> = Vec::new();
    for (round, seen) in right(watched).iter().filter_map(|one| watched.get(one.at)).enumerate() {
        let without = form.unticked(&seen.fields);
        if round == 0 {
            left = without;
        } else {
            left.retain(|name| without.contains(name));
        }
    }
    left.into_iter().next().map(Doubt::Unticked)
}

pub(super) fn door(watched: &[Watched], attempt: &Attempt) -> Result<DoorFound, Doubt> {
    match &attempt.how {
        How::Form(form) => form_door(watched, attempt.at, form),
        How::Script(sent, typed) => script_door(watched, attempt.at, sent, typed),
    }
}

fn form_door(watched: &[Watched], at: usize, form: &Form) -> Result<DoorFound, Doubt> {
    let password = form.passwords().into_iter().next().ok_or(Doubt::NoSignIn)?;
    let user = form.name_before(&password).ok_or(Doubt::NoUserField)?;
    let before = watched.get(..at).unwrap_or_default();
    let forms = || before.iter().flat_map(|page| page.forms.iter());
    let others: Vec<&Form> =
        forms().filter(|other| other.path == form.path && other.names() != form.names()).collect();
    let is_twin = |name: &String| others.iter().any(|other| other.names().contains(name));
    let marker = if others.is_empty() {
        None
    } else {
        let own = [&user, &password].into_iter().find(|name| !is_twin(name));
        Some(own.ok_or(Doubt::TwinForms)?.clone())
    };
    let sign_up = forms().find(|other| other.passwords().len() == 2);
    let sign_up = sign_up.and_then(|other| Some((other.path.clone(), other.passwords().into_iter().next()?)));
    Ok(DoorFound {
        path: form.path.clone(),
        sent: Sent::Form,
        user,
        password,
        fields: form.names(),
        token: None,
        marker,
        sign_up,
    })
}

fn script_door(watched: &[Watched], at: usize, sent: &SentJson, typed: &Typed) -> Result<DoorFound, Doubt> {
    let seen = watched.get(at).ok_or(Doubt::NoSignIn)?;
    let how = match (sent.is_graphql(), sent.plain()) {
        (false, _) => Sent::Json,
        (true, Some((operation, document))) => {
            Sent::Graphql { operation: operation.to_owned(), document: document.to_owned() }
        }
        (true, None) => return Err(Doubt::UnplainCall(seen.path.clone())),
    };
    // One address for several calls: then it is the one that has a password.
    let is_other = |other: &&Watched| {
        let is_there = other.by == By::Owner && other.method == "POST" && other.path == seen.path;
        is_there && other.json.as_ref().is_none_or(|json| !json.texts.contains(&typed.password))
    };
    let marker = watched.iter().any(|other| is_other(&other)).then(|| typed.password.clone());
    Ok(DoorFound {
        path: seen.path.clone(),
        marker: marker.filter(|_| how == Sent::Json),
        sent: how,
        user: typed.user.clone(),
        password: typed.password.clone(),
        fields: sent.texts.clone(),
        token: token(watched, at)?,
        sign_up: None,
    })
}

/// The token that the answer handed out, where a page was asked for with it afterwards and named the account.
fn token(watched: &[Watched], at: usize) -> Result<Option<(String, Probe)>, Doubt> {
    let Some(seen) = watched.get(at) else { return Ok(None) };
    let after = watched.get(at + 1..).unwrap_or_default();
    let bearers = || {
        after
            .iter()
            .filter(|page| page.by == By::Owner)
            .filter_map(|page| Some((page, page.bearer.as_ref()?)))
    };
    for token in &seen.tokens {
        let mut with_it = bearers().filter(|(_, mark)| token.is(mark)).map(|(page, _)| page).peekable();
        if with_it.peek().is_none() {
            continue;
        }
        let page = with_it.find_map(|page| page.names.clone()).ok_or(Doubt::TokenOpensNothing)?;
        let refused_plainly = attempts(watched)
            .iter()
            .filter(|other| other.at != at)
            .all(|other| watched.get(other.at).is_none_or(|other| !(200..300).contains(&other.status)));
        return if refused_plainly {
            Ok(Some((token.pointer.clone(), page)))
        } else {
            Err(Doubt::RefusalLooksRight)
        };
    }
    match seen.tokens.iter().find(|token| token.looks_so()) {
        Some(token) => Err(Doubt::TokenUnused(token.pointer.clone())),
        None => Ok(None),
    }
}
