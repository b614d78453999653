//! Which door a request knocks at.

use crate::body::{Credentials, Unreadable};
use crate::call::calls_operation;
use crate::model::{Adapter, BodyKind, Door, DoorKind};
use crate::place;
use crate::reading::Reading;

/// A request, as far as doors are concerned.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub method: &'a str,
    /// The edge's canonical path.
    pub path: &'a str,
    /// As the client wrote it.
    pub query: Option<&'a str>,
    pub content_type: &'a str,
    /// Of several lines the one that signs in; bytes that are no text may be replaced, never left out.
    pub authorization: Option<&'a str>,
}

/// Whether the body has to be read to know.
#[derive(Clone, Copy, Debug)]
pub enum Login<'d> {
    /// No door is there.
    None,
    /// One of these, or none: the body tells.
    Perhaps,
    /// This one.
    At(&'d Door),
}

impl Adapter {
    /// Looks at the head only.
    pub fn knock(&self, asked: &Asked<'_>) -> Login<'_> {
        let mut here = self.doors.iter().filter(|door| !door.is_everywhere() && door.is_at(asked));
        match (here.next(), here.next()) {
            (None, _) => Login::None,
            (Some(only), None) if !only.needs_body() => Login::At(only),
            _ => Login::Perhaps,
        }
    }

    /// Whether whatever stands here, by the head, is for programs: nothing of the body tells otherwise.
    pub fn is_for_programs_only(&self, asked: &Asked<'_>) -> bool {
        let mut here = self.doors.iter().filter(|door| !door.is_everywhere() && door.is_at(asked)).peekable();
        here.peek().is_some() && here.all(Door::is_for_programs)
    }

    /// The door, with the body at hand. One for programs counts before all others: whoever adds the mark of a form that is taken on
    /// every page makes no form of it. Of others the first in the file counts.
    pub fn door(&self, asked: &Asked<'_>, body: &[u8]) -> Option<&Door> {
        let mut here = self.doors.iter().filter(|door| door.is_at(asked) && door.takes(asked, body));
        let first = here.next()?;
        Some(if first.is_for_programs() {
            first
        } else {
            here.find(|door| door.is_for_programs()).unwrap_or(first)
        })
    }

    /// Whether programs sign in with a password where the shop may take the request to, by a parameter or by another method.
    pub fn is_door_for_programs(&self, reading: &Reading) -> bool {
        self.doors
            .iter()
            .filter(|door| self.is_for_programs_by_place(door))
            .any(|door| reading.may_go_to(&door.place))
    }

    /// Whether whatever goes to the door's place is for programs.
    pub(crate) fn is_for_programs_by_place(&self, door: &Door) -> bool {
        door.is_for_programs()
            && matches!(door.body, BodyKind::Form | BodyKind::Json)
            && door.place.query.is_empty()
            // What stands at the same place without the mark is another form.
            && door.marker.is_none()
    }

    /// A sign-in by a form, or such as scripts send, where the file names no such door, and `known` is none: shops have more addresses
    /// than any file knows (languages, store codes, `index.php`, a checkout), and some take the fields from the query.
    pub fn elsewhere(
        &self,
        asked: &Asked<'_>,
        body: &[u8],
        known: Option<&Door>,
    ) -> Option<(&Door, Result<Credentials, Unreadable>)> {
        let is_same = |door: &Door, known: &Door| door.user == known.user && door.password == known.password;
        let is_free = |door: &&Door| match known.map(|known| (known.kind, known)) {
            Some((DoorKind::SignIn | DoorKind::Api, _)) => false,
            Some((DoorKind::SignUp | DoorKind::Reset, known)) => !is_same(door, known),
            None => true,
        };
        let doors = self.doors.iter().filter(|door| door.is_form_to_sign_in()).filter(is_free);
        let by_form = doors.filter_map(|door| Some((door, door.credentials_elsewhere(asked, body)?))).next();
        by_form.or_else(|| self.side_door(asked, body, known))
    }

    /// Whether a sign-in by a form can stand in whatever form the shop gets: then each has to be read to know.
    pub fn has_doors_everywhere(&self) -> bool {
        self.doors.iter().any(|door| door.is_everywhere() || door.is_form_to_sign_in())
    }

    /// Whether a body signs in by two forms at once: the shop may look at either, and it is counted for one.
    pub fn is_ambiguous(&self, asked: &Asked<'_>, body: &[u8]) -> bool {
        let signs_in = |door: &&Door| {
            door.kind == DoorKind::SignIn
                && door.body == BodyKind::Form
                && door.is_at(asked)
                && door.takes(asked, body)
                && door.holds_password(asked.content_type, body)
        };
        let mut names: Vec<_> = self.doors.iter().filter(signs_in).map(|door| &door.password).collect();
        names.dedup();
        names.len() > 1
    }

    /// Whether the shop signs somebody out here.
    pub fn is_sign_out(&self, asked: &Asked<'_>) -> bool {
        self.sign_out.as_ref().is_some_and(|out| {
            out.method.eq_ignore_ascii_case(asked.method)
                && place::is(&out.path, asked.path)
                && place::has_parameters(&out.query, asked.query.unwrap_or_default())
        })
    }

    /// Whether a path is part of a page for everybody.
    pub fn is_static(&self, path: &str) -> bool {
        self.static_paths.iter().any(|p| place::below(p, path))
    }
}

impl Door {
    pub(crate) fn is_at(&self, asked: &Asked<'_>) -> bool {
        if self.body == BodyKind::Basic {
            // Some shops take any white space behind the scheme, and whatever their base64 passes over behind that.
            let scheme = asked.authorization.and_then(|line| line.split_whitespace().next());
            let signs_in = scheme.is_some_and(|word| word.eq_ignore_ascii_case("basic"));
            return signs_in && self.place.paths.iter().any(|p| place::below(p, asked.path));
        }
        let methods = &self.place.methods;
        let method = if methods.is_empty() && self.body == BodyKind::Graphql {
            // Servers take calls by several.
            true
        } else if methods.is_empty() {
            asked.method.eq_ignore_ascii_case("POST")
        } else {
            place::takes_method(methods, asked.method)
        };
        // Servers of GraphQL are mounted on a prefix: what lies below it is theirs, too.
        let is_mount = |p: &str| {
            let last = p.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_lowercase();
            let is_named = last.contains("graphql") || last.contains("gql");
            self.body == BodyKind::Graphql && !self.only_here && is_named
        };
        let is_at = |p: &str, path: &str| place::is(p, path) || (is_mount(p) && place::below(p, path));
        let is_here = |path: &str| self.place.paths.iter().any(|p| is_at(p, path));
        let is_there = || place::behind_scripts(asked.path).iter().any(|path| is_here(path));
        method
            && (is_here(asked.path) || is_there())
            && place::has_parameters(&self.place.query, asked.query.unwrap_or_default())
    }

    /// Whether it is a form that the shop takes on whatever page.
    pub(crate) fn is_everywhere(&self) -> bool {
        self.body == BodyKind::Form && self.place.paths.iter().any(|path| path == place::ANYWHERE)
    }

    fn is_form_to_sign_in(&self) -> bool {
        let is_form = self.kind == DoorKind::SignIn && self.body == BodyKind::Form;
        is_form && !self.user.is_empty() && !self.password.is_empty()
    }

    fn needs_body(&self) -> bool {
        self.marker.is_some() || self.body == BodyKind::Graphql
    }

    fn takes(&self, asked: &Asked<'_>, body: &[u8]) -> bool {
        match self.body {
            BodyKind::Graphql => calls_operation(asked, body, &self.operation),
            BodyKind::Form => self.has_marker(asked.content_type, body),
            BodyKind::Json => self.has_pointed(body),
            BodyKind::XmlRpc | BodyKind::Basic => true,
        }
    }

    /// The page of the form, at its plainest address.
    pub fn page(&self) -> Option<String> {
        self.place.paths.first().map(|path| place::plain(path))
    }

    /// Whether a program stands before it rather than a person.
    pub fn is_for_programs(&self) -> bool {
        self.kind == DoorKind::Api
    }
}
