use super::*;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn adapter(door: &str) -> Adapter {
    let file = format!(
        "format = 1\nname = 'reed'\ntitle = 'reed'\n[cookies]\nsession = []\n[signed_in.probe]\npath = '/me'\nsubject = {{ json = '/mail' \
         }}\n[[door]]\nname = 'sign-in'\nkind = 'sign-in'\n{door}\n[door.bearer]\npath = '/me'\nsubject = {{ json = '/mail' }}\n"
    );
    Adapter::parse(&file).unwrap()
}

fn json(more: &str) -> Adapter {
    adapter(&format!(
        "paths = ['/api/enter']\nbody = 'json'\nuser = ['/mail']\npassword = ['/code']\ntoken = ['/access/token']\n{more}"
    ))
}

fn graphql(more: &str) -> Adapter {
    adapter(&format!(
        "paths = ['/graphql']\nbody = 'graphql'\noperation = ['enter']\nuser = ['/variables/mail']\npassword = ['/variables/code']\n\
         token = ['/data/enter/token']\n{more}"
    ))
}

/// The name that a sign-in is counted for, or why it is not read. `None` for what is no sign-in.
fn side(
    adapter: &Adapter,
    method: &str,
    target: &str,
    kind: &str,
    body: &str,
) -> Option<Result<String, Unreadable>> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let asked = Asked { method, path, query, content_type: kind, authorization: None };
    let known = adapter.door(&asked, body.as_bytes());
    let beside = adapter.elsewhere(&asked, body.as_bytes(), known).map(|(_, read)| read);
    let read = beside.or_else(|| known.map(|door| door.credentials(&asked, body.as_bytes())))?;
    Some(read.map(|credentials| credentials.user.expose().clone()))
}

// Each of these was no door: the shop handed its token out, and no guess was counted.
#[test]
fn what_signs_in_is_a_sign_in_wherever_it_goes() {
    let name = || Some(Ok("e".to_owned()));
    let typed = r#"{"mail":"e","code":"p"}"#;
    let with_marker = json("marker = '/code'");
    for adapter in [json(""), with_marker] {
        for (method, target, kind, body, expected) in [
            ("POST", "/api/enter", JSON, typed, name()),
            ("PUT", "/api/enter", JSON, typed, name()),
            ("GET", "/api/enter", JSON, typed, name()),
            ("PROPFIND", "/api/enter/x", "", typed, name()),
            ("POST", "/elsewhere", "text/plain", typed, name()),
            ("POST", "/elsewhere", JSON, "\u{feff}{\"mail\":\"e\",\"code\":\"p\"}", name()),
            // What Go's reader takes.
            ("POST", "/elsewhere", JSON, r#"{"mail":"e","code":"p"} x"#, name()),
            ("POST", "/elsewhere", JSON, r#"{"Mail":"e","CODE":"p"}"#, name()),
            ("POST", "/elsewhere?mail=e", JSON, r#"{"code":"p"}"#, name()),
            ("POST", "/elsewhere?mail=e&code=p", JSON, "[]", name()),
            ("DELETE", "/elsewhere?mail=e&code=p", "", "", name()),
            ("POST", "/elsewhere", FORM, "mail=e&code=p", name()),
            ("POST", "/elsewhere", FORM, r#"{"a":"&mail=e&code=p&b="}"#, name()),
            ("POST", "/elsewhere", JSON, r#"{"mail":"e","code":1234}"#, name()),
            ("POST", "/elsewhere?mail=f", JSON, typed, Some(Err(Unreadable::Twice))),
            (
                "POST",
                "/elsewhere",
                JSON,
                r#"{"mail":"f","mail":"e","code":"p"}"#,
                Some(Err(Unreadable::Twice)),
            ),
            // In what lenient readers take, and ours does not.
            ("POST", "/elsewhere", JSON, "{/* */\"mail\":\"e\",\"code\":\"p\"}", Some(Err(Unreadable::Form))),
            (
                "POST",
                "/elsewhere",
                "application/xml",
                "<a><mail>e</mail><code>p</code></a>",
                Some(Err(Unreadable::Form)),
            ),
            ("POST", "/elsewhere", JSON, r#"{"mail":"e","street":"x"}"#, None),
            ("POST", "/elsewhere", JSON, r#"{"mail":"e","code":""}"#, None),
            ("POST", "/elsewhere", FORM, "mail=e&news=1", None),
            ("POST", "/elsewhere", "image/png", "\u{1}PNG mail code", None),
            ("GET", "/api/enter", "", "", None),
            // Several documents behind each other, as measuring scripts send them.
            ("POST", "/elsewhere", "text/plain", "{\"mail\":\"e\"}\n{\"code\":\"p\"}\n", None),
        ] {
            let found = side(&adapter, method, target, kind, body);
            assert_eq!(found, expected, "{method} {target} {kind} {body}");
        }
    }
    let nested = adapter(
        "paths = ['/a']\nbody = 'json'\nuser = ['/login/mail']\npassword = ['/login/code']\ntoken = ['/t']",
    );
    for query in ["login%5Bmail%5D=e&login[code]=p", "login.mail=e&login.code=p"] {
        assert_eq!(side(&nested, "POST", &format!("/b?{query}"), JSON, "{}"), name(), "{query}");
    }
    let only_here = json("only_here = true");
    assert_eq!(side(&only_here, "POST", "/elsewhere", JSON, typed), None);
    assert_eq!(side(&only_here, "POST", "/api/enter", JSON, typed), name());
}

#[test]
fn a_call_that_signs_in_is_one_at_whatever_address() {
    let adapter = graphql("");
    let call = r#"{"query":"mutation($m:String!,$c:String!){enter(mail:$m,code:$c){token}}","variables":{"m":"e","c":"p"}}"#;
    for (method, target) in [
        ("POST", "/graphql/x"),
        ("PUT", "/GraphQL/"),
        ("DELETE", "/graphql;v=1/a/b"),
        ("POST", "/shop-api"),
        ("PATCH", "/"),
    ] {
        assert_eq!(side(&adapter, method, target, JSON, call), Some(Ok("e".to_owned())), "{method} {target}");
    }
    let behind = format!("{call} x");
    let deep = format!(r#"{{"x":{}1{},"query":"mutation{{enter}}"}}"#, "[".repeat(300), "]".repeat(300));
    for (target, kind, body) in [
        ("/x?query=mutation%7Benter%7D", "", ""),
        ("/x", FORM, "query=mutation{enter}"),
        ("/x", "application/graphql", "mutation { enter }"),
        ("/x", JSON, behind.as_str()),
        ("/x", JSON, &deep),
    ] {
        let asked = Asked {
            method: "POST",
            path: "/x",
            query: target.split_once('?').map(|(_, q)| q),
            content_type: kind,
            authorization: None,
        };
        let found = adapter.elsewhere(&asked, body.as_bytes(), None);
        let is_refused = found.is_some_and(|(door, _)| !door.is_plain(&asked, body.as_bytes()));
        assert!(is_refused, "{target} {kind} {body}");
    }
    for (target, kind, body) in [
        ("/search?query=enter", "", ""),
        ("/search?query=enter+%7B", "", ""),
        ("/x", JSON, r#"{"query":"enter"}"#),
        ("/x", JSON, r#"{"text":"{ enter }"}"#),
        ("/x", "text/plain", "press enter {"),
        ("/x", "text/plain", "{\"a\":\"enter\"}\n{\"b\":1}"),
        ("/x", "application/pdf", "%PDF {\u{fffd} enter"),
    ] {
        let expected = target.contains("%7B").then_some(Err(Unreadable::Form));
        assert_eq!(side(&adapter, "POST", target, kind, body), expected, "{target} {kind} {body}");
    }
    let here = graphql("only_here = true");
    assert_eq!(side(&here, "POST", "/graphql/x", JSON, call), None);
}

#[test]
fn a_token_is_seen_in_whatever_answer() {
    let adapter = json("");
    let found = |body: &str, is_whole, places| -> Option<Vec<String>> {
        let all = adapter.tokens_in(body.as_bytes(), is_whole, places)?;
        Some(all.iter().map(|maybe| maybe.token.expose().clone()).collect())
    };
    let some = |all: &[&str]| Some(all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    assert_eq!(found(r#"{"access":{"token":"t"}}"#, true, Places::Named), some(&["t"]));
    assert_eq!(found(r#"{"jwt":"0123456789abcdef0123"}"#, true, Places::Named), some(&[]));
    assert_eq!(
        found(r#"{"a":[{"jwt":"0123456789abcdef0123"}]}"#, true, Places::Any),
        some(&["0123456789abcdef0123"])
    );
    assert_eq!(found(r#"{"products":["mug"]}"#, true, Places::Any), some(&[]));
    // Cut off, or with something before it.
    assert_eq!(found(r#"{"access":{"token" : "t\u0074"},"x":[1,"#, false, Places::Named), some(&["tt"]));
    assert_eq!(found(r#")]}' {"access":{"token":"t"}}"#, true, Places::Named), some(&["t"]));
    let many: Vec<_> = (0..9).map(|n| format!(r#""t{n}_token":"0123456789abcdef012{n}""#)).collect();
    assert_eq!(
        found(&format!("{{{}}}", many.join(",")), true, Places::Any),
        None,
        "one of them may open an account"
    );
}

#[test]
fn only_what_may_be_written_goes_on_behind_its_beginning() {
    let adapter = json("");
    let asked =
        |content_type| Asked { method: "POST", path: "/a", query: None, content_type, authorization: None };
    assert!(adapter.may_go_on(&asked(JSON), b" {\"a\":") && adapter.may_go_on(&asked(FORM), b"a=b"));
    assert!(!adapter.may_go_on(&asked("image/png"), b"\x89PNG"));
    let utf16: Vec<u8> = r#"{"mail""#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(adapter.is_strange_script(&asked("text/plain"), &utf16));
    assert!(adapter.is_strange_script(&asked("application/json; charset=utf-16"), b"x"));
    assert!(
        !adapter.is_strange_script(&asked("image/png"), b"\x89PNG\0")
            && !adapter.is_strange_script(&asked(JSON), b"{}")
    );
}
