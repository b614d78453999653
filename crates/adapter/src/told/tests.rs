use super::*;

fn adapter(token: &str) -> Adapter {
    let file = format!(
        "format = 1\nname = 'reed'\ntitle = 'reed'\n[cookies]\nsession = []\n[signed_in.probe]\npath = '/me'\nsubject = {{ json = '/mail' \
         }}\n[[door]]\nname = 'sign-in'\nkind = 'sign-in'\npaths = ['/api/enter']\nbody = 'json'\nuser = ['/mail']\npassword = \
         ['/code']\ntoken = ['{token}']\n[door.bearer]\npath = '/me'\nsubject = {{ json = '/mail' }}\n"
    );
    Adapter::parse(&file).unwrap()
}

fn tokens(adapter: &Adapter, told: &Told<'_>, places: Places) -> Option<Vec<String>> {
    let all = adapter.tokens_in(told, places)?;
    if all.len() > MOST_TOKENS {
        return None;
    }
    Some(all.iter().map(|maybe| maybe.token.expose().clone()).collect())
}

fn some(all: &[&str]) -> Option<Vec<String>> {
    Some(all.iter().map(|text| (*text).to_owned()).collect())
}

const LONG: &str = "0123456789abcdef0123";
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjd9.c2ln";

#[test]
fn a_token_is_seen_in_whatever_answer() {
    let adapter = adapter("/access/token");
    let found = |body: &str, is_whole, places| {
        tokens(&adapter, &Told { lines: &[], body: body.as_bytes(), is_whole }, places)
    };
    assert_eq!(found(r#"{"access":{"token":"t"}}"#, true, Places::Named), some(&["t"]));
    assert_eq!(found(r#"{"jwt":"0123456789abcdef0123"}"#, true, Places::Named), some(&[]));
    assert_eq!(found(r#"{"a":[{"jwt":"0123456789abcdef0123"}]}"#, true, Places::Any), some(&[LONG]));
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

// Typed `text/html`, as PHP and Express do, behind a guard against hijacking, in a call, in a batch or in lines, it was looked at by
// nobody.
#[test]
fn what_an_answer_is_its_bytes_say() {
    let adapter = adapter("/access/token");
    let one = r#"{"access":{"token":"0123456789abcdef0123"}}"#;
    for kind in ["text/html; charset=UTF-8", "text/plain", "application/json", "application/javascript"] {
        for body in [
            one.to_owned(),
            format!("\u{feff} \n{one}"),
            format!(")]}}',\n{one}"),
            format!("while(1);{one}"),
            format!("for(;;);{one}"),
            format!("throw 1; < don't be evil' >{one}"),
            format!("/**/ typeof cb === 'function' && cb({one});"),
            format!("[{one}]"),
            format!(r#"[{{"n":1}},[{one}]]"#),
            format!(r#"{{"0":{{"n":1}},"1":{one}}}"#),
            format!("{{\"n\":1}}\n{one}\n"),
            // What our reader does not take.
            one.replace("{\"access", &format!("{{\"z\":{}1{},\"access", "[".repeat(130), "]".repeat(130))),
            one.replace("{\"access", "{\"z\":\"\\ud800\",\"access"),
        ] {
            let told = Told { lines: &[("content-type", kind)], body: body.as_bytes(), is_whole: true };
            assert_eq!(tokens(&adapter, &told, Places::Named), some(&[LONG]), "{kind} {body}");
            // Closed, or asked about.
            let any = tokens(&adapter, &told, Places::Any);
            assert!(any.is_none() || any == some(&[LONG]), "{kind} {body} {any:?}");
        }
    }
}

#[test]
fn what_answers_a_sign_in_in_another_language_is_closed_where_it_could_hold_a_token() {
    let adapter = adapter("/access/token");
    let any = |kind: &str, body: &str, is_whole| {
        let lines = [("content-type", kind)];
        tokens(&adapter, &Told { lines: &lines, body: body.as_bytes(), is_whole }, Places::Any)
    };
    for (kind, body) in [
        ("text/plain", LONG),
        ("text/html", LONG),
        ("text/plain", "token=0123456789abcdef0123"),
        ("application/xml", "<access><token>0123456789abcdef0123</token></access>"),
        ("text/html", "<?xml version='1.0'?><token>0123456789abcdef0123</token>"),
        ("application/x-protobuf", "\u{1}\u{2}0123456789abcdef0123"),
        ("text/plain", "0123456789abcdef0123 \"x\""),
    ] {
        assert_eq!(any(kind, body, true), None, "{kind} {body}");
    }
    assert_eq!(any("application/json", r#"{"a":"0123456789abcdef0123","b":"#, false), None);
    // A registration that is answered in a word, and pages for people.
    let page = "<!doctype html><link href=\"/a/0123456789abcdef0123.css\"><input name=csrf value=0123456789abcdef0123>";
    for (kind, body) in [
        ("text/plain; charset=utf-8", "Created"),
        ("text/plain", "OK"),
        ("", "Thank you, Ella: \"look into your mailbox\"."),
        ("text/html", "<p class=note>Thank you</p>"),
        ("text/html", page),
        ("", ""),
        ("application/json", r#"{"ok":true,"id":7}"#),
    ] {
        assert_eq!(any(kind, body, true), some(&[]), "{kind} {body}");
    }
    let with_jwt = format!("{page}<script>state = {{jwt: '{JWT}'}}</script>");
    assert_eq!(any("text/html", &with_jwt, true), some(&[JWT]));
    let named = format!("{page}<script>state = {{\"token\": \"{LONG}\"}}</script>");
    assert_eq!(any("text/html", &named, true), some(&[LONG]));
    let told = Told { lines: &[], body: named.as_bytes(), is_whole: true };
    assert_eq!(tokens(&adapter, &told, Places::Named), some(&[]), "no question more for each page");
}

// The usual lesson for Spring's and Laravel's tokens hands them out in a header.
#[test]
fn a_token_is_seen_in_headers() {
    let adapter = adapter("/access/token");
    let of = |line| tokens(&adapter, &Told { lines: &[line], body: b"", is_whole: true }, Places::Named);
    let bearer = format!("Bearer {LONG}");
    for line in [
        ("authorization", bearer.as_str()),
        ("authorization", LONG),
        ("x-auth-token", LONG),
        ("x-auth", LONG),
        ("x-said", "eyJhbGciOiJIUzI1NiJ9.x.y"),
        ("set-cookie", "access_token=0123456789abcdef0123; Path=/"),
        ("set-cookie", "jwt=\"Bearer%200123456789abcdef0123\"; Path=/"),
        ("location", "/app#id=7&access_token=0123456789abcdef0123"),
        ("location", "https://shop.example/app?token=0123456789%61bcdef0123"),
        ("link", "</app?token=0123456789abcdef0123>; rel=next"),
        ("refresh", "0; url=/app?token=0123456789abcdef0123"),
    ] {
        let found = of(line).unwrap();
        assert!(found.len() == 1 && (found[0] == LONG || found[0].starts_with("eyJ")), "{line:?} {found:?}");
    }
    for line in [
        ("set-cookie", "XSRF-TOKEN=0123456789abcdef0123; Path=/"),
        ("set-cookie", "basket=0123456789abcdef0123; Path=/"),
        ("x-csrf-token", LONG),
        ("etag", "\"0123456789abcdef0123\""),
        ("x-request-id", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        ("location", "/order?id=0123456789abcdef0123"),
        ("www-authenticate", "Bearer realm=\"0123456789abcdef0123\""),
    ] {
        assert_eq!(of(line), some(&[]), "{line:?}");
    }
}

#[test]
fn lists_of_texts_are_no_tokens_where_the_whole_answer_is_one() {
    let adapter = adapter("/");
    let named = |body: &str| {
        tokens(&adapter, &Told { lines: &[], body: body.as_bytes(), is_whole: true }, Places::Named)
    };
    assert_eq!(named(&format!("\"{LONG}\"")), some(&[LONG]));
    let pictures: Vec<_> = (0..20).map(|n| format!("\"/media/picture-number-{n}.jpg\"")).collect();
    assert_eq!(named(&format!("[{}]", pictures.join(","))), some(&[]));
}

// Laravel's cookie against forged forms is new on every answer: each cost a question to the shop. And a token with its scheme before
// it was asked about as nobody's.
#[test]
fn a_forms_key_is_no_token_and_a_scheme_hides_none() {
    let key = "eyJpdiI6IjBhMWIyYzNkNGU1ZjY3ODkifQ0123456789";
    assert!(!looks_like_token("XSRF-TOKEN", key) && looks_like_token("session", key));
    assert!(looks_like_token("csrf", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"));
    assert_eq!(without_scheme("Bearer abc"), "abc");
    assert_eq!(without_scheme("bearer  abc "), "abc");
    assert_eq!(without_scheme("Bear"), "Bear");
}

// Behind a sign-in at a side door, what a page was rendered from held the token in quotes that were not seen as such.
#[test]
fn a_token_is_seen_in_whatever_a_page_was_rendered_from() {
    let adapter = adapter("/access/token");
    let any = |body: &str| {
        let page = format!("<!doctype html><html><body>{body}</body></html>");
        let told = Told { lines: &[], body: page.as_bytes(), is_whole: true };
        tokens(&adapter, &told, Places::Any)
    };
    for body in [
        // Inertia.
        format!(
            "<div id=app data-page=\"{{&quot;props&quot;:{{&quot;token&quot;:&quot;{LONG}&quot;}}}}\"></div>"
        ),
        format!("<div data-page='{{&#34;token&#34;:&#x22;{LONG}&#34;}}'></div>"),
        // Next.js, once and twice within a text.
        format!("<script>self.__next_f.push([1,\"a:{{\\\"token\\\":\\\"{LONG}\\\"}}\"])</script>"),
        format!("<script>x(\"{{\\\\\\\"token\\\\\\\":\\\\\\\"{LONG}\\\\\\\"}}\")</script>"),
        format!("<script>x('{{\\u0022token\\u0022:\\u0022{LONG}\\u0022}}')</script>"),
        // Nuxt.
        format!("<script>window.__NUXT__={{state:{{token:\"{LONG}\",id:7}}}}</script>"),
        format!("<script>const token = '{LONG}'</script>"),
        format!("<script>let s={{'token' : `{LONG}`}}</script>"),
        format!("<input name=token data-token=\"{LONG}\"><script>a.token=\"{LONG}\"</script>"),
    ] {
        assert_eq!(any(&body), some(&[LONG]), "{body}");
    }
    for body in [
        format!("<script>csrf_token=\"{LONG}\";tokens:[\"{LONG}\"]</script>"),
        format!("<p>Your token: {LONG}</p><meta name=csrf-token content=\"{LONG}\">"),
        "<script>token:\"\"</script>".to_owned(),
    ] {
        assert_eq!(any(&body), some(&[]), "{body}");
    }
    // As many as anybody likes: no more is read than says that it is too much.
    let many: Vec<_> = (0..50_000).map(|n| format!("token:\"{n}\"")).collect();
    assert_eq!(any(&many.join(",")), None);
    let same = format!("token:\"{LONG}\",").repeat(9);
    assert_eq!(any(&same), some(&[LONG]), "one text is one");
}

#[test]
fn a_header_bears_what_was_found_in_it() {
    let text = Secret::new(LONG.to_owned());
    assert!(bears(("authorization", &format!("Bearer {LONG}")), &text));
    assert!(bears(("set-cookie", &format!("cart_token={LONG}; Path=/")), &text));
    assert!(!bears(("set-cookie", "cart_token=another-0123456789; Path=/"), &text));
}
