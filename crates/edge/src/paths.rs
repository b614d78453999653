//! Which requests a rule for a path holds for: by every spelling under which some shop would serve it. The routes go by this,
//! and so does whoever guards paths in another domain.

use storeward_base::spellings;

/// Whether `holds` is true of the path or of any other spelling of it. What asks for too many spellings counts as held. `named`
/// are parameters that carry a path in this shop, beside those that do so elsewhere.
pub fn any_spelling(
    path: &str,
    query: Option<&str>,
    named: &[String],
    mut holds: impl FnMut(&str) -> bool,
) -> bool {
    holds(path) || !spellings::all(path, query, named, |spelling| !holds(spelling))
}

/// Whole segments, letters of either case, and without the parameters that Java servers cut off behind `;`: a rule for
/// `/admin` must hold for every spelling under which some shop would serve it.
pub fn covers(prefix: &str, path: &str) -> bool {
    let mut wanted = prefix.split('/').filter(|s| !s.is_empty());
    // Cut first, and pass over what is empty then: `/;x=1/admin` is `/admin` to them.
    let named = path.split('/').filter_map(|s| s.split(';').next());
    let mut given = named.filter(|s| !s.is_empty());
    wanted.all(|segment| given.next().is_some_and(|name| name.eq_ignore_ascii_case(segment)))
}

/// Whether a configured path has one reading only: begins with `/`, without `%`, `..` and the like.
pub fn is_plain(path: &str) -> bool {
    path.starts_with('/')
        && !path.contains(['%', '?', '#', '\\', ';'])
        && !path.contains("..")
        && !path.contains("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_holds_for_any_spelling() {
        let held = |path: &str, query: &str| {
            any_spelling(path, (!query.is_empty()).then_some(query), &["weg".to_owned()], |path| {
                covers("/admin", path)
            })
        };
        for path in [
            "/admin",
            "/ADMIN/x",
            "/index.php/admin",
            "/admin.json",
            "/shop.pl/admin",
            "/admin ",
            "/;a/admin",
        ] {
            assert!(held(path, ""), "{path}");
        }
        assert!(held("/index.php", "_route_=admin/user"));
        assert!(held("/index.php", "weg=admin/user") && held("/", "q=/admin"));
        let many: String = (0..100).map(|n| format!("rest_route=/a{n}&")).collect();
        assert!(held("/", &many), "too many spellings are held");
        assert!(!held("/", &"rest_route=/a&".repeat(100)), "the same a hundred times is one");
        for path in ["/", "/administration", "/x/admin", "/index.php/x"] {
            assert!(!held(path, ""), "{path}");
        }
    }

    #[test]
    fn configured_paths_are_plain() {
        assert!(is_plain("/admin/x") && is_plain("/"));
        for path in ["admin", "/a%20", "/a/../b", "//a", "/a;b", "/a?b", "/a#b", "/a\\b"] {
            assert!(!is_plain(path), "{path}");
        }
    }
}
