//! One lesson: who gives it, which browser is watched, and what was seen so far.

use std::fmt;

use storeward_adapter::learn::{self, Choice, Learnt, Out, Sight, Watched};
use storeward_base::{Secret, StaffId, Timestamp};
use storeward_seal::fingerprint::{equal, token_hash};

use super::Standing;

/// Requests that are kept of one lesson.
const MOST_SIGHTS: usize = 200;

pub struct Lesson {
    pub number: u64,
    pub by: StaffId,
    pub began_at: Timestamp,
    pub user: Secret<String>,
    pub phase: Phase,
    watched: Vec<Watched>,
    steps: Vec<Step>,
    /// The file that was tried last, where it works.
    works: Option<String>,
}

/// Hashes of secrets that only the browser and the console hold.
pub enum Phase {
    Open,
    Asked { browser: String, code: String, until: Timestamp },
    Watching { browser: String },
}

/// One request, as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub method: String,
    pub path: String,
    pub status: u16,
    /// Names of what was sent.
    pub fields: Vec<String>,
    /// Names of cookies that came.
    pub cookies: Vec<String>,
}

/// What the owner made of the proposal; `None` leaves it as it was recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    pub cookies: Option<Vec<String>>,
    pub user: Option<String>,
    pub password: Option<String>,
    /// Path of the page that says who is signed in.
    pub page: Option<String>,
    /// `METHOD /path` of the sign-out; empty for none.
    pub out: Option<String>,
}

impl Lesson {
    pub fn new(number: u64, by: StaffId, user: Secret<String>, began_at: Timestamp) -> Self {
        let (watched, steps) = (Vec::new(), Vec::new());
        Lesson { number, by, began_at, user, phase: Phase::Open, watched, steps, works: None }
    }

    pub fn ask(&mut self, browser: &str, code: &Secret<String>, until: Timestamp) {
        let (browser, code) = (browser.to_ascii_lowercase(), token_hash(code.expose()));
        self.phase = Phase::Asked { browser, code, until };
    }

    /// A code counts once, whoever brings it.
    pub fn take(&mut self, secret: &str, code: &str, now: Timestamp) -> bool {
        let Phase::Asked { browser, code: expected, until } = &self.phase else { return false };
        let is_code = equal(token_hash(code).as_bytes(), expected.as_bytes());
        if !is_code {
            return false;
        }
        let is_browser = equal(token_hash(secret).as_bytes(), browser.as_bytes());
        let fits = is_browser && now < *until;
        self.phase = if fits { Phase::Watching { browser: browser.clone() } } else { Phase::Open };
        fits
    }

    pub fn watches(&self, secret: &str) -> bool {
        match &self.phase {
            Phase::Watching { browser } => equal(token_hash(secret).as_bytes(), browser.as_bytes()),
            Phase::Open | Phase::Asked { .. } => false,
        }
    }

    /// Takes down what passed. When there is no more room, what says least goes: a lesson that looks around for long must not be blind
    /// when it comes to the sign-in.
    pub fn note(&mut self, sight: &Sight<'_>) {
        if self.watched.len() >= MOST_SIGHTS {
            self.watched.remove(learn::least_telling(&self.watched));
        }
        if self.steps.len() >= MOST_SIGHTS {
            self.steps.remove(0);
        }
        self.watched.push(Watched::new(sight, self.user.expose()));
        if sight.by == learn::By::Owner {
            self.steps.push(Step {
                method: sight.method.to_owned(),
                path: sight.path.to_owned(),
                status: sight.status,
                fields: sight.fields.to_vec(),
                cookies: sight.cookies.iter().map(|cookie| cookie.name.clone()).collect(),
            });
        }
    }

    /// Pages that have to be seen as a visitor sees them.
    pub fn to_compare(&self) -> Vec<String> {
        learn::to_compare(&self.watched)
    }

    pub fn standing(&self) -> Standing {
        Standing {
            by: self.by,
            began_at: self.began_at,
            user: self.user.expose().clone(),
            is_watching: matches!(self.phase, Phase::Watching { .. }),
            steps: self.steps.clone(),
            learnt: Learnt::of(&self.watched),
        }
    }

    pub fn set_works(&mut self, text: Option<String>) {
        self.works = text;
    }

    pub fn works(&self) -> Option<String> {
        self.works.clone()
    }
}

impl Chosen {
    /// What is recognised, with what the owner chose instead. `None` while something is missing, or where what was chosen was never
    /// seen.
    pub fn of(&self, learnt: &Learnt) -> Option<Choice> {
        let mut choice = learnt.choice()?;
        if let Some(cookies) = &self.cookies {
            let is_known = |name: &&String| learnt.cookies.iter().any(|seen| seen.name == **name);
            choice.session = cookies.iter().filter(is_known).cloned().collect();
        }
        let field = |wanted: &Option<String>, own: &mut String| match wanted {
            None => true,
            Some(name) => {
                own.clone_from(name);
                choice.door.fields.contains(name)
            }
        };
        let (mut user, mut password) = (choice.door.user.clone(), choice.door.password.clone());
        if !field(&self.user, &mut user) || !field(&self.password, &mut password) || user == password {
            return None;
        }
        (choice.door.user, choice.door.password) = (user, password);
        if let Some(page) = &self.page {
            choice.probe = learnt.probes.iter().find(|probe| probe.path == *page)?.clone();
        }
        if let Some(out) = &self.out {
            choice.out = match out.as_str() {
                "" => None,
                wanted => Some(learnt.outs.iter().find(|seen| spelled(seen) == wanted)?.clone()),
            };
        }
        // A shop whose sign-in hands out a token may have no session besides.
        let is_kept = !choice.session.is_empty() || choice.door.token.is_some();
        is_kept.then_some(choice)
    }
}

/// A way out as a form names it.
pub fn spelled(out: &Out) -> String {
    format!("{} {}", out.method, out.path)
}

/// The file under another name.
pub fn renamed(text: &str, name: &str) -> String {
    let line = |line: &str| match line.split_once(" = ") {
        Some((key @ ("name" | "title"), _)) => format!("{key} = \"{name}\"\n"),
        _ => format!("{line}\n"),
    };
    // The head alone: doors have names of their own.
    let (head, rest) = text.split_once("\n[").unwrap_or((text, ""));
    let head: String = head.lines().map(line).collect();
    if rest.is_empty() { head } else { format!("{head}\n[{rest}").replacen("\n\n\n", "\n\n", 1) }
}

impl fmt::Debug for Lesson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lesson").field("by", &self.by).finish_non_exhaustive()
    }
}
