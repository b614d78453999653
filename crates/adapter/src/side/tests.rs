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
        ("/x", FORM, &deep),
        ("/x", "", &deep),
        ("/x", JSON, r#"{"q\u0075ery":"mutation{\u0065nter}","x":"\ud800"}"#),
        ("/x", FORM, r#"{"q\u0075ery":"mutation{\u0065nter}","x":"\ud800"}"#),
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
        // Envelopes of measuring scripts: lines, the last one packed or cut.
        ("/x", "text/plain", "{\"sent\":\"\\u00e4\"}\n{\"type\":\"replay\"}\nx\u{fffd}\u{1}{"),
        ("/x", JSON, "[{\"text\":\"\\u00fc\u{fffd}\"},{\"cut"),
        ("/x", "application/pdf", "%PDF {\u{fffd} enter"),
    ] {
        let expected = target.contains("%7B").then_some(Err(Unreadable::Form));
        assert_eq!(side(&adapter, "POST", target, kind, body), expected, "{target} {kind} {body}");
    }
    let here = graphql("only_here = true");
    assert_eq!(side(&here, "POST", "/graphql/x", JSON, call), None);
}

// A batch was read by nobody: a list was entered by a number only, and a number's name by no pointer. JSON that our reader does not take
// was no sign-in where it was said to be a form, or nothing.
#[test]
fn a_sign_in_is_one_in_a_batch_and_in_what_only_others_read() {
    let name = || Some(Ok("e".to_owned()));
    let (twice, unread) = (|| Some(Err(Unreadable::Twice)), || Some(Err(Unreadable::Form)));
    let file = |more: &str| {
        adapter(&format!(
            "paths = ['/rpc']\nbody = 'json'\nuser = ['/params/mail']\npassword = ['/params/code']\ntoken = ['/result/token']\n{more}"
        ))
    };
    let one = |mail: &str| format!(r#"{{"method":"login","params":{{"mail":"{mail}","code":"p"}}}}"#);
    let deep = |name: &str| {
        format!(r#"{{"params":{{"{name}":"e","code":"p"}},"z":{}1{}}}"#, "[".repeat(130), "]".repeat(130))
    };
    let half = r#"{"params":{"mail":"e","code":"p"},"z":"\ud800"}"#;
    for adapter in [file(""), file("marker = '/params/code'")] {
        for (body, expected) in [
            (format!("[{}]", one("e")), name()),
            (format!("[[{}]]", one("e")), name()),
            (format!(r#"[{{"method":"shelf","params":{{"n":1}}}},{}]"#, one("e")), name()),
            (format!(r#"{{"0":{{"n":1}},"1":{}}}"#, one("e")), name()),
            (format!("{{\"n\":1}}\n{}\n", one("e")), name()),
            (format!("[{},{}]", one("e"), one("e")), twice()),
            (format!(r#"{{"0":{},"1":{}}}"#, one("e"), one("f")), twice()),
            (format!("{}\n{}", one("e"), one("f")), twice()),
            (format!(r#"{{"params":{{"mail":"e","code":"p"}},"7":{}}}"#, one("f")), twice()),
            (deep("mail"), unread()),
            (deep("MA\u{131}l").replace('\u{131}', "i"), unread()),
            (half.to_owned(), unread()),
            (format!("{{}} {half}"), unread()),
            (format!("\u{a0}{half}"), unread()),
            (r#"[{"method":"shelf","params":{"mail":"e"}},{"params":{"code":"p"}}]"#.to_owned(), None),
            (r#"{"0":{"mail":"e","code":"p"}}"#.to_owned(), None),
        ] {
            for kind in [JSON, FORM, "", "text/plain"] {
                for (method, target) in [("PUT", "/rpc"), ("POST", "/elsewhere")] {
                    let found = side(&adapter, method, target, kind, &body);
                    assert_eq!(found, expected, "{method} {target} {kind} {body}");
                }
            }
            // At the door itself what is not understood is refused as well.
            let found = side(&adapter, "POST", "/rpc", JSON, &body);
            let is_refused = matches!(found, Some(Err(_)));
            assert!(found == expected || is_refused || expected.is_none(), "{found:?} {body}");
        }
    }
    let adapter = file("");
    let broken = b"{\"params\":{\"ma\xffil\":\"e\",\"code\":\"p\"}}";
    let asked = Asked { method: "PUT", path: "/rpc", query: None, content_type: "", authorization: None };
    let found = adapter.elsewhere(&asked, broken, None);
    assert!(matches!(found, Some((_, Err(Unreadable::Form)))), "a reader may pass over the byte");
}

// On the stream that was opened before (graphql-sse), or at another address, the token came without its sign-in's answer.
#[test]
fn a_call_that_is_answered_elsewhere_is_not_plain() {
    let adapter = graphql("");
    let call =
        |more: &str| format!(r#"{{"query":"mutation{{enter(mail:\"e\",code:\"p\"){{token}}}}"{more}}}"#);
    let door = &adapter.doors[0];
    let is_plain = |query, more: &str| {
        let asked =
            Asked { method: "POST", path: "/graphql", query, content_type: JSON, authorization: None };
        assert!(adapter.door(&asked, call(more).as_bytes()).is_some(), "{more}");
        door.is_plain(&asked, call(more).as_bytes())
    };
    assert!(
        is_plain(None, "") && is_plain(Some("x=1"), r#","extensions":{"clientLibrary":{"name":"apollo"}}"#)
    );
    assert!(!is_plain(None, r#","extensions":{"operationId":"1"}"#));
    assert!(!is_plain(None, r#","Extensions":{"operationID":7}"#));
    assert!(!is_plain(None, r#","extensions":{"subscription":{"callbackUrl":"https://thief.example/"}}"#));
    assert!(!is_plain(Some("extensions=%7B%7D"), ""));
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

/// What shops' own pages and mails are written in, in a form's field.
const TEMPLATES: [&str; 18] = [
    r#"[vc_row]<script type="application/ld+json">{"@context":"x","name":"M\u00fcller"}</script>[/vc_row]"#,
    r#"{{block class="X"}}<div data-mage-init='{"validation":{}}'>Your mail and code</div>"#,
    "{{ path('login', {'mail': u}) }} and the code",
    r#"{% set a = {"b":"\u00fc"} %}"#,
    r#"[code]fetch("/x",{"mail":1,"code":2})[/code]"#,
    r#"[b]{имя "Иван"} mail, code"#,
    r#"[0] {имя "Иван"} mail, code"#,
    r#"[1/2] <i data-x='{"a":1}'>mail, code</i>"#,
    r#"["a"] fetch({"mail":1,"code":2})"#,
    r#"{{widget type="Vendor\Usp\Block\List"}}"#,
    r#"{{block class="Magento\Ui\Block" mail="x" code="y"}}"#,
    r"Dear {{ $user->mail }}, your code is {{ $code }}",
    r"{{ $user->mail }}: {{ $code }}",
    r#"["C:\Users\mail\code"]"#,
    "[[mail]] and ['code']",
    "{# mail and code #} {{ x }}",
    "{# mail\nand code #}",
    r#"{"folder":"C:\Users\unten"}"#,
];

// Some shops read what a form's field, or one of the query, holds as if it were the body: nobody's name was counted.
#[test]
fn a_sign_in_in_a_field_of_a_form_is_one() {
    let adapter = json("");
    let name = || Some(Ok("e".to_owned()));
    let in_field = |text: &str| format!("n=1&data={}", text::encode(text));
    let one = r#"{"mail":"e","code":"p"}"#;
    let parts = format!(
        "--b\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n{one}\r\n--b\r\nContent-Disposition: form-data; \
         name=\"n\"\r\n\r\n1\r\n--b--\r\n"
    );
    let deep = format!("{{\"mail\":\"e\",\"code\":\"p\",\"z\":{}1{}}}", "[".repeat(130), "]".repeat(130));
    for (kind, body, expected) in [
        (FORM, in_field(one), name()),
        (FORM, in_field(&format!(" [{one}]")), name()),
        (FORM, in_field(&format!("[{one},{one}]")), Some(Err(Unreadable::Twice))),
        (
            FORM,
            format!("{}&more={}", in_field(one), text::encode(r#"{"mail":"f","code":"p"}"#)),
            Some(Err(Unreadable::Twice)),
        ),
        (FORM, format!("{}&code=p", in_field(r#"{"mail":"e"}"#)), name()),
        (FORM, in_field(&deep), Some(Err(Unreadable::Form))),
        ("multipart/form-data; boundary=b", parts, name()),
        // A sign-in with what its browser is beside it, and what people write.
        (FORM, format!("mail=e&code=p&device={}", text::encode(r#"{"os":"x","tabs":[{"n":1}]}"#)), name()),
        (FORM, in_field(r#"{"mail":"e","basket":[1,2]}"#), None),
        (FORM, in_field("[b]your mail and my code[/b]"), None),
        (FORM, in_field("{mail} and {code} are placeholders"), None),
        // A batch whose other elements are no calls.
        (FORM, in_field(&format!("[0,{one}]")), name()),
        (FORM, in_field(&format!("[null, {one}]")), name()),
        (FORM, in_field(&format!("[{deep}]")), Some(Err(Unreadable::Form))),
        // Judged by its first sign, a list whose first element is no call was none.
        (FORM, in_field(&format!("[{{}},{deep}]")), Some(Err(Unreadable::Form))),
        (FORM, in_field(&format!(r#"["",{deep}]"#)), Some(Err(Unreadable::Form))),
        (FORM, in_field(&format!("[[], {deep}]")), Some(Err(Unreadable::Form))),
        (FORM, in_field(&format!("[0,{deep}]")), Some(Err(Unreadable::Form))),
        (FORM, in_field(&format!("{{\"a\":1}}[{{ }},{deep}]")), Some(Err(Unreadable::Form))),
        (FORM, in_field("[0,{\u{a0}'mail':'e','code':'p'}]"), Some(Err(Unreadable::Form))),
        (FORM, in_field(r#"{{ "mail" | t }} and {{ 'code' | t }}"#), None),
        (FORM, in_field("{if $mail}{$code}{/if}"), None),
        (FORM, in_field(r#"{"m\u0061il":"e","code":"p",}"#), Some(Err(Unreadable::Form))),
        // What PHP reads, and Python; with comments, and in lists of Gson's.
        (FORM, in_field(&format!("[TRUE,{one}]")), Some(Err(Unreadable::Form))),
        (FORM, in_field(&format!("[-Infinity, {one}]")), Some(Err(Unreadable::Form))),
        (FORM, in_field(&format!("[/* x */ 0 // x\n,// x\n{one}]")), Some(Err(Unreadable::Form))),
        (FORM, in_field(&format!("[# x\n0;{one}]")), Some(Err(Unreadable::Form))),
        (FORM, in_field("[0,{#\n\"mail\":\"e\",\"code\":\"p\"}]"), Some(Err(Unreadable::Form))),
        (FORM, in_field(&format!("[0,{{#{}\n{}", "x".repeat(2000), &one[1..])), Some(Err(Unreadable::Form))),
        (FORM, in_field("{# x\n\"mail\":\"e\",\"code\":\"p\"}"), Some(Err(Unreadable::Form))),
        (FORM, in_field(&format!("[\"http://x\",'',{one}]")), Some(Err(Unreadable::Form))),
        (FORM, in_field(&format!("[,/**/{one}]")), Some(Err(Unreadable::Form))),
        (FORM, in_field(&format!("{{}}\n[{{\"a\":NaN}}]\n{one}")), Some(Err(Unreadable::Form))),
    ] {
        assert_eq!(side(&adapter, "POST", "/elsewhere", kind, &body), expected, "{kind} {body}");
    }
    for text in TEMPLATES {
        assert_eq!(side(&adapter, "POST", "/elsewhere", FORM, &in_field(text)), None, "{text}");
    }
    let query = format!("/elsewhere?data={}", text::encode(one));
    assert_eq!(side(&adapter, "GET", &query, "", ""), name());
}

// Each call was put together with all fields, twice: a single request of 256 KiB took minutes of a core, and was no sign-in at that.
#[test]
fn many_calls_beside_many_fields_are_looked_at_once() {
    let adapter = json("");
    let calls = vec![r#"{"code":""}"#; 11_000].join(",");
    let body = format!("x=[{calls}]{}", "&mail=a".repeat(18_000));
    assert!(body.len() <= 262_144);
    assert_eq!(side(&adapter, "POST", "/elsewhere", FORM, &body), None);
    // Nor is any beginning of an object, or of a comment, looked at with all that stands behind it.
    let body = format!("x=[0{}", ",{%23 x".repeat(36_000));
    assert!(body.len() <= 262_144);
    assert_eq!(side(&adapter, "POST", "/elsewhere", FORM, &body), None);
    let body = format!("x=[{calls}]{}", "&mail=a".repeat(18_000));
    // One of them with a password is one.
    let body = format!("{body}&code=p");
    assert_eq!(side(&adapter, "POST", "/elsewhere", FORM, &body), Some(Err(Unreadable::Twice)));
    let one =
        format!("x=[{}]{}&y={}", vec!["0"; 11_000].join(","), "&mail=a".repeat(18_000), "{\"code\":\"p\"}");
    assert_eq!(side(&adapter, "POST", "/elsewhere", FORM, &one), Some(Ok("a".to_owned())));
}

// Of more fields than 65,536 those behind were looked at by nobody, though the body was there as a whole.
#[test]
fn a_sign_in_behind_any_number_of_fields_is_one() {
    let adapter = json("");
    let front = "a&".repeat(131_060);
    let body = format!("{front}mail=e&code=p");
    assert!(body.len() <= 262_144);
    assert_eq!(side(&adapter, "POST", "/elsewhere", FORM, &body), Some(Ok("e".to_owned())));
    assert_eq!(side(&adapter, "POST", "/elsewhere", FORM, &front), None);
}
