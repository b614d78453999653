//! Which gate a request stands before.

use std::sync::Arc;

use storeward_edge::paths::{any_spelling, covers};

use crate::config::GateSection;

/// The gates, as requests are held against them.
#[derive(Clone, Debug)]
pub struct Guards {
    gates: Vec<Arc<GateSection>>,
    /// Parameters that carry a path in this shop.
    named: Vec<String>,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub enum Before {
    /// No gate stands before it.
    None,
    One(Arc<GateSection>),
    /// It can be read as one for several, or in more ways than we look at.
    Several,
}

/// A request's address.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Lower case, without port.
    pub host: &'a str,
    /// The one reading that routes and rules go by.
    pub path: &'a str,
    /// As the client wrote it.
    pub written: &'a str,
    pub query: Option<&'a str>,
}

impl Guards {
    pub fn new(sections: &[GateSection]) -> Self {
        Guards {
            gates: sections.iter().cloned().map(Arc::new).collect(),
            named: sections.iter().flat_map(|gate| gate.path_parameters.iter().cloned()).collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.gates.is_empty()
    }

    pub fn named(&self, name: &str) -> Option<&Arc<GateSection>> {
        self.gates.iter().find(|gate| gate.name == name)
    }

    pub fn all(&self) -> &[Arc<GateSection>] {
        &self.gates
    }

    /// By the path itself and by each other spelling under which a shop may serve another.
    pub fn before(&self, place: &Place<'_>) -> Before {
        let mut found: Option<&Arc<GateSection>> = None;
        let passed_over = self.own_spellings(place);
        let several = any_spelling(place.path, place.query, &self.named, |path| {
            if passed_over.iter().any(|spelling| spelling == path) {
                return false;
            }
            let Some(gate) = self.of(place, path) else { return false };
            match found {
                Some(other) if !Arc::ptr_eq(other, gate) => true,
                Some(_) | None => {
                    found = Some(gate);
                    false
                }
            }
        });
        // What asks for more spellings than we look at is read as one of several too.
        match found {
            _ if several && !self.is_empty() => Before::Several,
            Some(gate) => Before::One(Arc::clone(gate)),
            None => Before::None,
        }
    }

    /// Where a program is excepted by its very name (`/wp-admin/admin-ajax.php`), what else that name could be read as (`/wp-admin`
    /// to a front controller): whoever excepted it knows what it is. What a query leads to counts all the same.
    fn own_spellings(&self, place: &Place<'_>) -> Vec<String> {
        let mut spellings = Vec::new();
        let named = |gate: &Arc<GateSection>| gate.except.iter().any(|open| open == place.path);
        if is_exact(place) && self.gates.iter().any(named) {
            any_spelling(place.path, None, &[], |path| {
                spellings.push(path.to_owned());
                false
            });
        }
        spellings
    }

    /// The one with the longest path over this spelling.
    fn of(&self, place: &Place<'_>, path: &str) -> Option<&Arc<GateSection>> {
        let here = self
            .gates
            .iter()
            .filter(|gate| gate.hosts.is_empty() || gate.hosts.iter().any(|host| host == place.host));
        let longest = here.filter_map(|gate| {
            let over = gate.paths.iter().filter(|own| covers(own, path));
            over.map(|own| segments(own)).max().map(|length| (length, gate))
        });
        let (_, gate) = longest.max_by_key(|(length, _)| *length)?;
        let excepted = is_exact(place) && gate.except.iter().any(|open| is_below(open, path));
        (!excepted).then_some(gate)
    }
}

fn segments(path: &str) -> usize {
    path.split('/').filter(|segment| !segment.is_empty()).count()
}

/// Whether it was written in the one way that has one reading: shops differ in all others, and an exception must not be reached
/// by a spelling that the shop serves something else under.
fn is_exact(place: &Place<'_>) -> bool {
    place.written == place.path && !place.path.contains([';', '\\', '%'])
}

/// Whole segments, letter by letter.
fn is_below(open: &str, path: &str) -> bool {
    let rest = path.strip_prefix(open.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guards() -> Guards {
        #[derive(serde::Deserialize)]
        struct File {
            gate: Vec<GateSection>,
        }
        let text = "[[gate]]\nname = 'office'\npaths = ['/admin', '/wp-admin']\n\
                    except = ['/admin/static', '/wp-admin/admin-ajax.php']\n\
                    [[gate]]\nname = 'money'\npaths = ['/admin/payments']\n\
                    [[gate]]\nname = 'erp'\npaths = ['/']\nhosts = ['erp.shop.example']\n";
        Guards::new(&toml::from_str::<File>(text).unwrap().gate)
    }

    fn before(host: &str, written: &str, path: &str, query: Option<&str>) -> String {
        match guards().before(&Place { host, path, written, query }) {
            Before::None => "open".to_owned(),
            Before::One(gate) => gate.name.clone(),
            Before::Several => "several".to_owned(),
        }
    }

    #[test]
    fn a_gate_holds_every_spelling() {
        for (path, gate) in [
            ("/", "open"),
            ("/administration", "open"),
            ("/x/admin", "open"),
            ("/admin", "office"),
            ("/ADMIN/x", "office"),
            ("/admin;a=b/x", "office"),
            ("/;x/admin", "office"),
            ("/admin ", "office"),
            ("/admin.", "office"),
            ("/admin.json", "office"),
            ("/index.php/admin/x", "office"),
            ("/wp-admin/users.php", "office"),
            ("/admin/payments/7", "money"),
            ("/Admin/Payments", "money"),
        ] {
            assert_eq!(before("shop.example", path, path, None), gate, "{path}");
        }
        assert_eq!(before("shop.example", "/index.php", "/index.php", Some("_route_=admin/user")), "office");
        assert_eq!(before("shop.example", "/%61dmin", "/admin", None), "office");
        assert_eq!(before("erp.shop.example", "/stock", "/stock", None), "erp");
    }

    #[test]
    fn what_has_two_readings_is_held() {
        // To a front controller the one, to another server the other.
        let path = "/admin/index.php/admin/payments";
        assert_eq!(before("shop.example", path, path, None), "several");
        let many: String = (0..100).map(|n| format!("rest_route=/a{n}&")).collect();
        assert_eq!(before("shop.example", "/", "/", Some(&many)), "several");
    }

    #[test]
    fn an_exception_counts_by_one_spelling() {
        assert_eq!(before("shop.example", "/admin/static/a.css", "/admin/static/a.css", None), "open");
        assert_eq!(
            before("shop.example", "/wp-admin/admin-ajax.php", "/wp-admin/admin-ajax.php", Some("a=b")),
            "open"
        );
        for (written, path) in [
            ("/admin/static%2fa.css", "/admin/static/a.css"),
            ("/admin//static/a.css", "/admin/static/a.css"),
            ("/admin/Static/a.css", "/admin/Static/a.css"),
            ("/admin/static;x/a.css", "/admin/static;x/a.css"),
            ("/admin/staticx", "/admin/staticx"),
            ("/admin/static/index.php/admin/users", "/admin/static/index.php/admin/users"),
            ("/wp-admin/admin-ajax.php/", "/wp-admin/admin-ajax.php/"),
            ("/wp-admin/Admin-Ajax.php", "/wp-admin/Admin-Ajax.php"),
            ("/wp-admin/admin-ajax.php/wp-admin/users", "/wp-admin/admin-ajax.php/wp-admin/users"),
        ] {
            assert_eq!(before("shop.example", written, path, None), "office", "{written}");
        }
        let ajax = "/wp-admin/admin-ajax.php";
        assert_eq!(before("shop.example", ajax, ajax, Some("_route_=admin/user")), "office");
        let routed = before("shop.example", "/admin/static/a", "/admin/static/a", Some("_route_=admin/user"));
        assert_eq!(routed, "office");
    }
}
