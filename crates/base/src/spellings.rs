//! Other spellings under which a shop may serve a path: what is closed must be closed under each of them.
//!
//! These count for what is held to more than the rest: routes that are closed or open to some addresses only, pages where people pay.
//! Never for a route that lets more pass than others (`inspect = "off"`): it must not be reached by writing `/x.php` before its path.

use std::borrow::Cow;

/// Programs behind whose name a path may go on (CGI's PATH_INFO, RFC 3875 section 4.1.5).
const PROGRAMS: [&str; 10] = ["php", "phtml", "cgi", "fcgi", "pl", "py", "cfm", "asp", "aspx", "jsp"];
/// Other spellings of one request at most; what asks for more has none of them served.
const MOST: usize = 64;

/// Calls `visit` with each other spelling, until it says no. True when it never did.
/// `named` are parameters that carry a path in this shop.
pub fn all(path: &str, query: Option<&str>, named: &[String], mut visit: impl FnMut(&str) -> bool) -> bool {
    let paths = paths(path);
    let front = is_front_controller(path);
    let routed = query.map(|query| routed(&paths, query, front, named)).unwrap_or_default();
    let own = path.trim_end_matches('/');
    let mut count = 0;
    paths.iter().chain(&routed).all(|path| {
        count += 1;
        count <= MOST && (path == own || visit(path)) && without_format(path).is_none_or(&mut visit)
    })
}

/// The path's bare names, then what a front controller makes of it: `/shop/index.php/admin` is `/shop/admin` to one in `/shop`,
/// and `/admin` to one that minds nothing but what stands behind its name.
fn paths(path: &str) -> Vec<String> {
    let segments: Vec<&str> =
        path.split('/').filter(|s| !is_session_of_asp(s)).map(bare).filter(|s| !s.is_empty()).collect();
    let mut all = vec![joined(segments.iter().copied())];
    let places: Vec<usize> =
        segments.iter().enumerate().filter(|(_, s)| is_program(s)).map(|(at, _)| at).take(4).collect();
    for at in &places {
        all.push(joined(segments.iter().skip(at + 1).copied()));
    }
    if !places.is_empty() {
        all.push(joined(segments.iter().copied().filter(|s| !is_program(s))));
    }
    all
}

/// Without what is not part of its name: parameters behind `;`, a stream of NTFS (`admin::$DATA`), and the dots and blanks that
/// Windows' servers cut off.
fn bare(segment: &str) -> &str {
    let name = segment.split(';').next().unwrap_or_default();
    let stream = name.find("::").or_else(|| name.find(":$")).and_then(|at| name.get(..at));
    stream.unwrap_or(name).trim_end_matches(|c: char| c == '.' || c.is_whitespace())
}

/// `(S(abc))`, `(A(b)F(c))`: ASP.NET keeps sessions in the path where cookies are off, and IIS takes them out.
fn is_session_of_asp(segment: &str) -> bool {
    let inside = segment.strip_prefix('(').and_then(|rest| rest.strip_suffix("))"));
    inside.is_some_and(|inside| inside.get(1..2) == Some("("))
}

fn joined<'a>(segments: impl Iterator<Item = &'a str>) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        path.push_str(segment);
    }
    path
}

fn is_program(segment: &str) -> bool {
    let Some((_, suffix)) = segment.rsplit_once('.') else { return false };
    let suffix = suffix.trim_end_matches(|c: char| c.is_ascii_digit());
    PROGRAMS.iter().any(|program| suffix.eq_ignore_ascii_case(program))
}

/// `/admin.json` is `/admin` to Rails and its like, which take one ending for the wanted format.
fn without_format(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    let (stem, format) = name.split_once('.')?;
    let is_format = !stem.is_empty() && !format.is_empty() && !format.contains('.');
    is_format.then(|| path.get(..folder.len() + 1 + stem.len())).flatten()
}

/// Parameters that carry the path for some front controllers: Yii, OpenCart.
const PATHS: [&str; 2] = ["r", "route"];
/// And, where the value begins as a path does, those that mean something else in most shops: Drupal 7 and MODX, ThinkPHP, CakePHP.
pub const PATHS_WITH_SLASH: [&str; 6] = ["q", "s", "url", "path", "p", "page"];

/// Whether the path leads to a program, whatever stands behind its name, or to the one of a folder: only there a parameter is
/// read as the path.
fn is_front_controller(path: &str) -> bool {
    path.ends_with('/') || path.is_empty() || path.split('/').any(|segment| is_program(bare(segment)))
}

/// `name` is as PHP reads it; the shop's own are so written in the configuration as the shop calls them.
fn carries_path(name: &str, value: &str, front: bool, named: &[String]) -> bool {
    let is = |own: &&str| is_named(own, name);
    let carries =
        front && (PATHS.iter().any(is) || (begins_as_path(value) && PATHS_WITH_SLASH.iter().any(is)));
    carries || is(&"rest_route") || is(&"_route_") || named.iter().any(|own| is_named(own, name))
}

/// As it is read by those who trim and walk it: `/admin`, ` /admin`, `\admin`, `./admin`.
fn begins_as_path(value: &str) -> bool {
    value.trim_start_matches(|c| is_blank(c) || c == '.').starts_with(['/', '\\'])
}

/// Without case, as some read names, and as a list of one: `weg[]`, `weg[0]`, which is `weg_0]` by now.
fn is_named(own: &str, name: &str) -> bool {
    let own = as_php_names(own);
    let (head, tail) = name.split_at_checked(own.len()).unwrap_or((name, ""));
    head.eq_ignore_ascii_case(&own) && (tail.is_empty() || (tail.starts_with('_') && tail.ends_with(']')))
}

/// A value as shops read it that take a path from it: as it stands, walked, and as OpenCart cleans it (`system/engine/action.php`:
/// all but letters, digits, `_` and `/` goes); each of them decoded up to twice more, as some frameworks do. What one reading
/// throws away another serves.
fn readings(value: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut value = value.to_owned();
    for _ in 0..3 {
        let cleaned: String =
            value.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '\\')).collect();
        let as_it_stands = value.trim_matches(is_blank).replace('\\', "/");
        for path in [as_it_stands.clone(), walked(&as_it_stands), joined_parts(&cleaned.replace('\\', "/"))] {
            let path = path.trim_start_matches('/').trim_end_matches('/').to_owned();
            if !all.contains(&path) {
                all.push(path);
            }
        }
        let again = decoded(&value).into_owned();
        if again == value {
            break;
        }
        value = again;
    }
    all
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c == '\u{feff}'
}

fn joined_parts(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// Dot segments are walked, and of a whole address the path counts.
fn walked(value: &str) -> String {
    let path = match value.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            rest.split_once('/').map_or("", |(_, path)| path)
        }
        _ => value,
    };
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split(['?', '#']).next().unwrap_or_default().split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    segments.join("/")
}

/// Paths that stand in a parameter: WordPress' `rest_route` is what else stands behind `/wp-json`, the others the whole path.
fn routed(paths: &[String], query: &str, front: bool, named: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    // Some read `;` between pairs, too.
    let divided = query.split('&').filter(|pair| pair.contains(';')).flat_map(|pair| pair.split(';'));
    for pair in query.split('&').chain(divided) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = as_php_names(&decoded(name));
        let value = decoded(value);
        if !carries_path(&name, &value, front, named) {
            continue;
        }
        let readings = readings(&value);
        for base in paths.iter().map(String::as_str).chain([""]) {
            // `/blog/index.php` and `/blog` are the same base.
            let base =
                base.rsplit_once('/').filter(|(_, last)| is_program(last)).map_or(base, |(base, _)| base);
            for value in &readings {
                let spelling = match is_named("rest_route", &name) {
                    true => format!("{base}/wp-json/{value}"),
                    false => format!("{base}/{value}"),
                };
                if !all.contains(&spelling) {
                    all.push(spelling);
                }
            }
        }
        if all.len() > MOST {
            break;
        }
    }
    all
}

/// PHP's own reading of a parameter's name: blanks before it go, and what no variable could be called by is `_`.
fn as_php_names(name: &str) -> String {
    name.trim_start_matches(' ').replace([' ', '.', '['], "_")
}

/// `+` and `%xx` decoded once.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&crate::percent_decode(text.as_bytes(), b' ')).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, query: &str) -> Vec<String> {
        let mut found = Vec::new();
        all(
            path,
            (!query.is_empty()).then_some(query),
            &["seite".to_owned(), "weg.pfad".to_owned()],
            |path| {
                found.push(path.to_owned());
                true
            },
        );
        found
    }

    #[test]
    fn front_controllers() {
        let check = |path: &str, spelling: &str| {
            assert!(of(path, "").iter().any(|s| s == spelling), "{path}: {:?}", of(path, ""));
        };
        check("/index.php/admin", "/admin");
        check("/index.php/admin/", "/admin");
        check("/INDEX.PHP/admin/x", "/admin/x");
        check("/index.php5;a=b/admin", "/admin");
        check("/shop/index.php/admin", "/admin");
        check("/shop/index.php/admin", "/shop/admin");
        check("/index.php/index.php/admin", "/admin");
        check("/cgi-bin/shop.pl/admin", "/admin");
        check("/admin.json", "/admin");
        check("/admin.json/", "/admin");
        check("/index.php/admin.json", "/admin");
        check("/admin;x.json/..;", "/admin");
        check("/(S(abc))/admin", "/admin");
        check("/(A(b)F(c))/shop/admin", "/shop/admin");
        check("/admin::$DATA", "/admin");
        check("/admin::$INDEX_ALLOCATION/x", "/admin/x");
        check("/admin:$i30:$INDEX_ALLOCATION", "/admin");
        for plain in ["/", "/admin", "/a.b.c", "/.well-known", "/export.csv.html", "/index.phpx/a/b"] {
            assert_eq!(of(plain, "q=admin"), Vec::<String>::new(), "{plain}");
        }
    }

    #[test]
    fn paths_in_parameters() {
        let check = |path: &str, query: &str, spelling: &str| {
            assert!(of(path, query).iter().any(|s| s == spelling), "{path}?{query}: {:?}", of(path, query));
        };
        check("/", "rest_route=/wp/v2/users", "/wp-json/wp/v2/users");
        check("/index.php", "a=b&rest%5Froute=%2Fwp%2fv2%2Fusers", "/wp-json/wp/v2/users");
        check("/blog/", "rest.route=/wp/v2/users", "/blog/wp-json/wp/v2/users");
        check("/blog/index.php", "+rest+route=wp/v2/users/", "/blog/wp-json/wp/v2/users");
        check("/index.php", "_route_=admin/user", "/admin/user");
        check("/", "q=/admin/people", "/admin/people");
        check("/index.php", "q=%2Fadmin", "/admin");
        check("/shop/", "q=/admin", "/shop/admin");
        check("/index.php", "r=admin/default/index", "/admin/default/index");
        check("/", "s=/admin/index", "/admin/index");
        check("/", "route=admin/user", "/admin/user");
        check("/catalogue", "seite=admin", "/admin");
        for name in
            ["weg.pfad", "weg_pfad", "weg%2epfad", "Weg.Pfad", "weg+pfad", "weg.pfad[]", "weg.pfad[0]"]
        {
            check("/catalogue", &format!("{name}=/admin"), "/admin");
        }
        for value in [
            "%5Cadmin",
            "./admin",
            "%20/admin%09",
            "%EF%BB%BF/admin",
            "//x/../admin",
            "https://shop.example/admin?a=b",
        ] {
            check("/catalogue", &format!("seite={value}"), "/admin");
        }
        // Went through: what one reading throws away another shop serves (OpenCart cleans and does not walk), and PHP reads
        // parameters whatever stands behind the program's name.
        for value in [
            "%3Fadmin/user",
            "%23admin/user",
            "admin:/user",
            "admin!/user",
            "ad.min/user",
            "ad-min/user",
            "ad!min/user",
        ] {
            check("/", &format!("route={value}"), "/admin/user");
        }
        check("/", "route=admin://x/user", "/admin/x/user");
        check("/", "_route_=%3Fadmin", "/admin");
        check("/", "route=admin/../user", "/admin/../user");
        check("/", "route=admin/user/../..", "/admin/user/../..");
        check("/", "q=/admin/..", "/admin/..");
        check("/catalogue", "seite=admin/..", "/admin/..");
        check("/index.php/x", "route=admin/user", "/admin/user");
        check("/index.php/x", "r=admin/default/index", "/admin/default/index");
        check("/shop/index.php/x/y", "s=/admin/index", "/admin/index");
        // Encoded twice, and three times.
        for value in ["%2561dmin", "%252Fadmin", "%252561dmin", "%25252fadmin", "..%252f%252e%252e%252fadmin"]
        {
            check("/catalogue", &format!("seite={value}"), "/admin");
        }
        check("/admin%09".replace("%09", "\t").as_str(), "", "/admin");
        // A search for the word, and what is no front controller.
        for (path, query) in [
            ("/", "rest_routes=/a&routes=/a"),
            ("/", "q=admin"),
            ("/search", "q=/admin"),
            ("/search", "r=admin"),
        ] {
            assert_eq!(of(path, query), Vec::<String>::new(), "{path}?{query}");
        }
    }

    /// Went through: others read names without case or as lists, `;` between pairs, and trim what stands before a path.
    #[test]
    fn paths_in_parameters_of_odd_readers() {
        for query in [
            "q=%20/admin",
            "q=%5Cadmin",
            "q=./admin",
            "q=%09/admin",
            "Q=/admin",
            "r[]=admin",
            "Route=admin",
            "route[0]=admin",
            "_ROUTE_=admin",
            "a=b;route=admin",
            "a=b;q=/admin;c=d",
        ] {
            assert!(of("/", query).iter().any(|s| s == "/admin"), "{query}: {:?}", of("/", query));
        }
    }

    #[test]
    fn too_many_are_none() {
        let many: String = (0..100).map(|n| format!("rest_route=/a{n}&")).collect();
        assert!(!all("/", Some(&many), &[], |_| true));
        assert!(!all("/index.php/admin", None, &[], |path| path != "/admin"));
    }
}
