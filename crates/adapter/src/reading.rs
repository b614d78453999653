//! What a request is to a shop that takes the method or the path from somewhere else than the first line.
//!
//! WordPress takes a path of its REST interface from a parameter, of the query or of a form, on any page, and a method from
//! `_method`; Symfony, Laravel and Rails do the like. Whatever a shop could make of it counts.

use crate::body::fields;
use crate::call::calls_operation;
use crate::door::Asked;
use crate::kind::Kind;
use crate::model::{Adapter, DoorPlace};
use crate::{place, text};

/// More methods or paths than this in one request are nobody's but an attacker's.
const MOST: usize = 16;
/// The field by which frameworks take a form for a request of another method.
const METHOD: &str = "_method";

/// All that a request may be. `Debug` is missing on purpose: a form's fields may be personal data.
#[derive(Clone, Default)]
pub struct Reading {
    methods: Vec<String>,
    paths: Vec<String>,
    /// Those that a rule names, under the rule's name.
    fields: Vec<(String, String)>,
    is_routed: bool,
    /// By a field that names a route with signs in it that are none of a route's.
    is_odd: bool,
    is_partial: bool,
}

impl Reading {
    /// Whether it may change something.
    pub fn is_unsafe(&self) -> bool {
        let is_safe = |method: &String| {
            ["GET", "HEAD", "OPTIONS", "TRACE"].iter().any(|safe| method.trim().eq_ignore_ascii_case(safe))
        };
        !self.methods.iter().all(is_safe)
    }

    /// Whether it goes to an interface for programs, by its path or by a parameter.
    pub fn is_routed(&self) -> bool {
        self.is_routed
    }

    /// Whether the shop may take it for one to a door's place. Shops cut line ends off a path; of more methods or paths than are
    /// looked at, and of a route in odd signs, any may be the one.
    pub(crate) fn may_go_to(&self, door: &DoorPlace) -> bool {
        let takes = |method: &String| match door.methods.is_empty() {
            true => method.trim().eq_ignore_ascii_case("POST"),
            false => place::takes_method(&door.methods, method.trim()),
        };
        let is_there = |path: &String| door.paths.iter().any(|place| place::is(place, path.trim_end()));
        let is_crowded = self.is_routed && self.is_crowded();
        is_crowded || (self.methods.iter().any(takes) && (self.is_odd || self.paths.iter().any(is_there)))
    }

    /// Whether the shop may take it for what a rule names.
    pub(crate) fn is_covered(&self, place: &place::Place) -> bool {
        self.paths.iter().any(|path| place.covers(&self.methods, path, &self.fields))
    }

    /// A path, and what a shop may make of it: WordPress ends it at a `?` that was written as an escape, takes slashes off its end, and its
    /// rules end before a last line end.
    fn note_path(&mut self, path: String) {
        let is_over = |sign: char| sign.is_whitespace() || sign.is_control() || ['/', '\\'].contains(&sign);
        let bare = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches(is_over);
        // One slash at its end is passed over anyway.
        if path.len() > bare.len() + usize::from(path.ends_with('/')) {
            self.paths.push(bare.to_owned());
        }
        self.paths.push(path);
    }

    fn is_crowded(&self) -> bool {
        self.methods.len().max(self.paths.len()).max(self.fields.len()) > MOST
    }

    /// Whether it is what its first line says, and nothing else.
    pub fn is_plain(&self) -> bool {
        self.paths.len() == 1 && self.is_plain_at("")
    }

    /// Whether it is that but for the script that its path names (`/index.php/…`).
    pub fn is_plain_at(&self, path: &str) -> bool {
        let behind = place::behind_scripts(path);
        let mut others = self.paths.iter().skip(1);
        self.methods.len() == 1 && !self.is_partial && others.all(|other| behind.contains(other))
    }
}

impl Adapter {
    /// Looks at the head. `overrides` are values of headers that name another method.
    pub fn reading(&self, asked: &Asked<'_>, overrides: &[&str]) -> Reading {
        let mut reading = Reading { methods: vec![asked.method.to_owned()], ..Reading::default() };
        reading.note_path(asked.path.to_owned());
        reading.methods.extend(overrides.iter().map(|method| method.trim().to_owned()));
        for behind in place::behind_scripts(asked.path) {
            reading.note_path(behind);
        }
        let path = place::folded(asked.path);
        for routed in &self.routed {
            // Below a folder, a language or a script.
            let start = place::folded(&routed.path);
            for (at, _) in path.match_indices(start.as_str()) {
                let inner = path.get(at..).unwrap_or_default();
                if place::below(&start, inner) {
                    reading.is_routed = true;
                    reading.note_path(inner.to_owned());
                }
            }
        }
        self.note_fields(&mut reading, text::form_fields(asked.query.unwrap_or_default().as_bytes()));
        reading
    }

    /// Whether the body of a form has to be read to know.
    pub fn reads_forms(&self) -> bool {
        !self.routed.is_empty()
            || self.is_renamed_by_mark()
            || self.rules().any(|rule| !rule.query.is_empty())
    }

    /// Whether the request goes where files are taken, and by nothing in its head anywhere else.
    pub fn takes_files(&self, reading: &Reading, path: &str) -> bool {
        let is_upload = || self.uploads.iter().any(|place| place::is(place, path));
        reading.is_plain() && !reading.is_routed && reading.fields.is_empty() && is_upload()
    }

    /// Looks at a form's body, too. Where that is not all of it, the rest may be anything.
    pub fn read_form(&self, reading: &mut Reading, content_type: &str, bytes: &[u8], is_whole: bool) {
        reading.is_partial |= !is_whole;
        match fields(content_type, bytes) {
            Some(fields) => self.note_fields(reading, fields.into_iter()),
            None => reading.is_partial = true,
        }
    }

    /// Whether a form may go where programs sign in by a field that stands anywhere in it.
    pub fn has_routed_doors(&self) -> bool {
        !self.routed.is_empty() && self.doors.iter().any(|door| self.is_for_programs_by_place(door))
    }

    /// Whether such a field may stand behind what was read of it. Forms with files in them may be long.
    pub fn may_hide_a_door(&self, content_type: &str) -> bool {
        self.has_routed_doors() && matches!(Kind::of(content_type), Kind::Pairs | Kind::Doubtful)
    }

    /// Whether the back office stands here, whatever of it.
    pub fn is_in_office(&self, path: &str) -> bool {
        self.staff.paths.iter().any(|place| place::below(place, path))
    }

    /// Whether it has to be read which GraphQL field is called here: an act that is confirmed again may be among them.
    pub fn names_calls(&self, asked: &Asked<'_>) -> bool {
        let is_here =
            |rule: &place::Place| !rule.operation.is_empty() && place::below(&rule.path, asked.path);
        asked.method.eq_ignore_ascii_case("POST") && self.rules().any(is_here)
    }

    /// Looks for calls that a rule names. What is not whole, or cannot be read, may call any of them.
    pub fn read_calls(&self, reading: &mut Reading, asked: &Asked<'_>, bytes: &[u8], is_whole: bool) {
        for operation in self.rules().flat_map(|rule| &rule.operation) {
            if !is_whole || calls_operation(asked, bytes, std::slice::from_ref(operation)) {
                reading.fields.push((place::CALL.to_owned(), operation.clone()));
            }
        }
    }

    fn note_fields(&self, reading: &mut Reading, fields: impl Iterator<Item = (String, String)>) {
        for (name, value) in fields {
            if reading.is_crowded() {
                reading.is_routed |= !self.routed.is_empty();
                reading.is_partial = true;
                return;
            }
            for routed in self.routed.iter().filter(|routed| text::is_field(&name, &routed.parameter)) {
                reading.is_routed = true;
                // Shops cut signs off its end, and rules of theirs end before a last line end.
                let is_odd = !value.bytes().all(is_routes);
                reading.is_odd |= is_odd;
                reading.is_partial |= is_odd;
                reading.paths.push(format!("{}/{}", routed.path, value.replace('\\', "/")));
            }
            let known =
                self.rules().flat_map(|rule| rule.query.keys()).find(|known| text::is_field(&name, known));
            if text::is_field(&name, METHOD) {
                reading.methods.push(value);
            } else if let Some(known) = known
                && self.says_more(&reading.fields, known, &value)
            {
                reading.fields.push((known.clone(), value));
            }
        }
    }

    /// Whether a field makes a rule fit that none before it did, or is the first of its name: a form may have any number of a kind (`user_id[]`).
    fn says_more(&self, fields: &[(String, String)], known: &str, value: &str) -> bool {
        let fitted =
            |wanted: &str| fields.iter().any(|(name, value)| name == known && place::fits(wanted, value));
        let mut wanted = self.rules().filter_map(|rule| rule.query.get(known));
        let is_first = !fields.iter().any(|(name, _)| name == known);
        is_first || wanted.any(|wanted| place::fits(wanted, value) && !fitted(wanted))
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = &place::Place> {
        let scripts = self.signed_in.renamed.iter().flat_map(|form| &form.scripts);
        self.sensitive.iter().chain(&self.staff.acts).chain(scripts)
    }

    /// Whether a signed-in person may do something here that must be confirmed again.
    pub fn is_sensitive(&self, reading: &Reading) -> bool {
        reading.is_partial || self.sensitive.iter().any(|place| reading.is_covered(place))
    }

    /// Whether only staff have business here.
    pub fn is_back_office(&self, reading: &Reading) -> bool {
        let is_staffs = |path: &String| {
            let path = place::folded(path);
            place::starts(&path).any(|at| self.is_staffs_at(reading, &path, at))
        };
        let is_by_field =
            || !self.routed.is_empty() || self.staff.acts.iter().any(|act| !act.query.is_empty());
        (reading.is_partial && is_by_field()) || reading.paths.iter().any(is_staffs)
    }

    /// The same while nobody can tell who is of the staff: what changes an account below the back office's paths is theirs then, exception or not
    /// (WordPress's profile changes whomever its form names, where the one who sends it may).
    pub fn may_be_back_office(&self, reading: &Reading) -> bool {
        let is_below = |path: &String| {
            let path = place::folded(path);
            let covers = |at| self.staff.paths.iter().any(|place| place::below_at(place, &path, at));
            place::starts(&path).any(covers)
        };
        self.is_back_office(reading) || (self.is_sensitive(reading) && reading.paths.iter().any(is_below))
    }
}

impl Adapter {
    fn is_staffs_at(&self, reading: &Reading, path: &str, at: usize) -> bool {
        let covers = |places: &[String]| places.iter().any(|place| place::below_at(place, path, at));
        let covering = |act: &&place::Place| act.covers_at(&reading.methods, path, at, &reading.fields);
        let mut acts = self.staff.acts.iter().filter(covering);
        if !covers(&self.staff.except) {
            return covers(&self.staff.paths) || acts.next().is_some();
        }
        // One that names the exception's own path is none of it.
        acts.any(|act| self.staff.except.contains(&act.path))
    }
}

/// What a route of an interface is written in. With anything else in it, it may be another one to the shop.
const fn is_routes(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests;
