use super::*;
use crate::door::Asked;

const USER: &str = "mira@people.example";
const ENTRY: &str = r#"<form action="/search"><input name="q"></form>
    <form method=post action="https://kiln.example/kundenbereich/eintritt"><input type="hidden" name="t0ken" value="x">
    <input type="email" name="kennung"><input type="password" name="losung"><button>Hinein</button></form>
    <form method=post action="/kundenbereich/neu"><input name="kennung"><input type=password name="l1"><input type=password
    name="l2"></form>"#;
const OWN: &str =
    r#"<a href="/kundenbereich/abmelden">Abmelden</a><dl><dt>Adresse</dt><dd>mira@people.example</dd></dl>"#;

const STRANGER: &str = r#"<p>Bitte <a href="/kundenbereich/eintritt?zu=kundenbereich">eintreten</a>"#;

fn told(status: u16, body: &str) -> ProbeTold<'_> {
    ProbeTold { status, asked: "/", location: None, body: body.as_bytes() }
}

/// A request, with its answer as the shop would give it.
#[derive(Clone)]
struct Scene {
    by: By,
    method: &'static str,
    path: String,
    fields: Vec<String>,
    status: u16,
    /// Where the answer leads.
    leads: Option<&'static str>,
    cookies: Vec<CookieSet>,
    body: String,
}

fn seen(scenes: &[Scene]) -> Vec<Watched> {
    let sight = |scene: &Scene| {
        let Scene { by, method, path, fields, status, leads, cookies, body } = scene;
        Watched::new(
            &Sight {
                by: *by,
                method,
                path,
                fields,
                status: *status,
                location: *leads,
                cookies,
                body,
                script: None,
            },
            USER,
        )
    };
    scenes.iter().map(sight).collect()
}

fn page(by: By, path: &str, status: u16, body: &str) -> Scene {
    let (fields, cookies) = (vec![], vec![]);
    Scene { by, method: "GET", path: path.into(), fields, status, leads: None, cookies, body: body.into() }
}

fn cookie(name: &str, is_http_only: bool) -> CookieSet {
    CookieSet { name: name.into(), is_http_only }
}

/// A shop whose words no file of ours has.
fn scenes() -> Vec<Scene> {
    let mut entry = page(By::Owner, "/kundenbereich/eintritt", 200, ENTRY);
    entry.cookies = vec![cookie("besuch", true), cookie("theme", false)];
    let sent = Scene {
        method: "POST",
        fields: ["t0ken", "kennung", "losung"].map(str::to_owned).to_vec(),
        status: 302,
        cookies: vec![cookie("besuch", true)],
        body: String::new(),
        ..entry.clone()
    };
    vec![
        entry,
        sent,
        page(By::Owner, "/kundenbereich", 200, OWN),
        page(By::Nobody, "/kundenbereich", 200, STRANGER),
    ]
}

fn watched() -> Vec<Watched> {
    seen(&scenes())
}

#[test]
fn a_shop_that_nobody_knows_gets_an_adapter() {
    let found = propose("kiln", &watched()).unwrap();
    let adapter = found.adapter;
    assert_eq!(adapter.cookies.session, ["besuch"]);
    let door = &adapter.doors[0];
    assert_eq!((door.user[0].as_str(), door.password[0].as_str()), ("kennung", "losung"));
    let asked = Asked {
        method: "POST",
        path: "/Kundenbereich/eintritt/",
        query: None,
        content_type: "application/x-www-form-urlencoded",
        authorization: None,
    };
    assert_eq!(adapter.door(&asked, b"kennung=a&losung=b").unwrap().name, "sign-in");
    let asked = Asked { path: "/kundenbereich/neu", ..asked };
    assert_eq!(adapter.door(&asked, b"kennung=a&l1=b&l2=b").unwrap().name, "sign-up");
    let probe = adapter.signed_in.probe.as_ref().unwrap();
    let other = OWN.replace("mira", "paul");
    let expected = ProbeAnswer::SignedIn {
        subject: "paul@people.example".into(),
        email: Some("paul@people.example".into()),
    };
    assert_eq!(adapter.probe_says(probe, &told(200, &other)), expected);
    assert_eq!(adapter.probe_says(probe, &told(200, STRANGER)), ProbeAnswer::SignedOut);
    // The shop speaks another language too, and who asks chooses it.
    let english =
        "<a href=\"/kundenbereich/abmelden\">Sign out</a><p>Signed in as <b>paul@people.example</b>";
    for (status, page) in [(200, english), (200, "<p>new"), (302, ""), (403, "<p>too many"), (404, "")] {
        assert_eq!(adapter.probe_says(probe, &told(status, page)), ProbeAnswer::Unclear, "{status} {page}");
    }
    assert_eq!(adapter.sign_out.unwrap().path, "/kundenbereich/abmelden");
    assert!(to_compare(&watched()).is_empty());
    assert_eq!(to_compare(&seen(&scenes()[..3])), ["/kundenbereich"]);
    assert!(!found.text.contains(USER), "nothing of the account stands in the file");
}

// PHP makes its session before anybody signs in, and readable; beside the cookie that stays, the file named that one alone and guarded nothing.
#[test]
fn a_session_from_before_the_sign_in_is_kept_by_its_name() {
    for name in ["PHPSESSID", "SHOPSID", "osCsid", "JSESSIONID", "zenid"] {
        let mut all = scenes();
        all[0].cookies = vec![cookie(name, false), cookie("theme", false), cookie("side", false)];
        let found = propose("kiln", &seen(&all)).unwrap();
        let session: std::collections::BTreeSet<String> = found.adapter.cookies.session.into_iter().collect();
        assert_eq!(session, ["besuch", name].map(str::to_owned).into());
    }
}

#[test]
fn what_is_not_plain_is_not_guessed() {
    let check = |change: &dyn Fn(&mut Vec<Scene>), expected: Doubt| {
        let mut all = scenes();
        change(&mut all);
        assert_eq!(propose("kiln", &seen(&all)).unwrap_err(), [expected]);
    };
    check(&|seen| seen.truncate(1), Doubt::NoSignIn);
    check(&|seen| seen[1].fields.clear(), Doubt::NoSignIn);
    check(&|seen| seen[0].body = ENTRY.replace("type=\"email\" name=\"kennung\"", ""), Doubt::NoUserField);
    check(&|seen| seen[1].cookies.push(cookie("wer", false)), Doubt::ReadableCookie("wer".into()));
    // Scripts send it along, whatever it is called.
    check(
        &|seen| seen[1].cookies.push(cookie("csrf_sess", false)),
        Doubt::ReadableCookie("csrf_sess".into()),
    );
    check(&|seen| seen.iter_mut().for_each(|s| s.cookies.clear()), Doubt::NoCookie);
    check(&|seen| seen[2].body = "<p>Hallo".into(), Doubt::NoProbe);
    check(&|seen| seen.truncate(3), Doubt::NotCompared("/kundenbereich".into()));
    check(&|seen| seen[3].body = OWN.into(), Doubt::ShownToAll("/kundenbereich".into()));
    let twin = r#"<form method=post action="/kundenbereich/eintritt"><input name="kennung"><input name="losung"></form>"#;
    check(&|seen| seen[0].body.push_str(twin), Doubt::TwinForms);
}

// The owner did not tick "stay signed in": the cookie by which the shop then knows people was in no adapter, and it opened the account
// by itself. Devise sends a hidden field of the same name, so that the name alone says nothing.
#[test]
fn a_box_is_ticked_once_before_anything_is_proposed() {
    for hidden in ["", r#"<input type=hidden name="stay" value="0">"#] {
        let form = ENTRY.replace(
            "<button>",
            &format!(r#"{hidden}<input type="checkbox" name="stay" value="1"><button>"#),
        );
        let mut all = scenes();
        all[0].body = form.clone();
        let unticked = if hidden.is_empty() { 0 } else { 1 };
        all[1].fields.extend(std::iter::repeat_n("stay".to_owned(), unticked));
        assert_eq!(propose("kiln", &seen(&all)).unwrap_err(), [Doubt::Unticked("stay".into())]);
        // Ticked at a sign-in that was refused: nothing was set.
        let mut refused = all[1].clone();
        refused.fields.push("stay".to_owned());
        let mut early = all.clone();
        early.insert(1, refused.clone());
        assert_eq!(propose("kiln", &seen(&early)).unwrap_err(), [Doubt::Unticked("stay".into())]);
        // Once more, with it.
        let mut again = refused;
        again.cookies.push(cookie("bleib", true));
        let later = [again, all[2].clone()];
        let mut both = all.clone();
        both.splice(3..3, later);
        let found = propose("kiln", &seen(&both)).unwrap();
        assert_eq!(found.adapter.cookies.session, ["besuch", "bleib"]);
        // And the program that signs in by itself ticks it.
        let filled = fill(&form, "/", USER, &Secret::new("x y".to_owned())).unwrap();
        assert!(filled.body.expose().ends_with("&stay=1"), "{}", filled.body.expose());
        all[1].fields = filled.fields;
        propose("kiln", &seen(&all)).unwrap();
    }
}

#[test]
fn names_in_fields_and_in_json_are_found_too() {
    for (own, nobody, status, leads) in [
        (
            r#"<input name='adr' value="mira@people.example">"#,
            "",
            302,
            Some("/kundenbereich/eintritt?back=1"),
        ),
        (r#"<input name='adr' value="mira@people.example">"#, "", 302, Some("https://kiln.example/login")),
        (r#"<INPUT value="mira@people.example" name="adr">"#, ENTRY, 200, None),
        (r#"{"kunde":{"post/adresse":"mira@people.example"}}"#, "{\"kunde\":null}", 200, None),
        (r#"{"kunde":"mira@people.example"}"#, "{}", 401, None),
        (
            r#"{"kunde":"mira@people.example"}"#,
            r#"{"errors":[{"status":"403","code":"CHECKOUT__CUSTOMER_NOT_LOGGED_IN","title":"Forbidden"}]}"#,
            403,
            None,
        ),
    ] {
        let mut all = scenes();
        all[2].body = own.into();
        all[3] = Scene { leads, ..page(By::Nobody, "/kundenbereich", status, nobody) };
        let found = propose("kiln", &seen(&all)).unwrap_or_else(|doubts| panic!("{own}: {doubts:?}"));
        let probe = found.adapter.signed_in.probe.clone().unwrap();
        let said = found.adapter.probe_says(&probe, &told(200, &own.replace("mira", "paul")));
        assert!(
            matches!(said, ProbeAnswer::SignedIn { subject, .. } if subject == "paul@people.example"),
            "{own}"
        );
        let visitors = ProbeTold { location: leads, ..told(status, nobody) };
        assert_eq!(found.adapter.probe_says(&probe, &visitors), ProbeAnswer::SignedOut, "{own}");
    }
}

#[test]
fn a_page_that_tells_a_visitor_in_words_alone_is_none() {
    let leads = [
        Some("/"),
        Some("/en/"),
        Some("/de-at"),
        Some("/en/kundenbereich"),
        Some("https://www.kiln.example/kundenbereich"),
        None,
    ];
    let led = leads.map(|leads| Scene { leads, ..page(By::Nobody, "/kundenbereich", 302, "") });
    let others = [
        page(By::Nobody, "/kundenbereich", 200, "<p>Bitte eintreten"),
        page(By::Nobody, "/kundenbereich", 404, "<p>weg"),
    ];
    for nobody in led.into_iter().chain(others) {
        let mut all = scenes();
        all[3] = nobody;
        assert_eq!(
            propose("kiln", &seen(&all)).unwrap_err(),
            [Doubt::VisitorUnclear("/kundenbereich".into())]
        );
    }
}

#[test]
fn a_wrong_password_first_and_a_way_out_afterwards_are_understood() {
    let mut all = scenes();
    // Refused: the form again, with what was typed in it.
    let again = ENTRY.replace("name=\"kennung\">", &format!("name=\"kennung\" value=\"{USER}\">"));
    let mut wrong = Scene { status: 302, cookies: vec![], ..all[1].clone() };
    all.insert(1, page(By::Owner, "/kundenbereich/eintritt", 200, &again));
    all.insert(1, wrong.clone());
    all.push(page(By::Owner, "/kundenbereich/abmelden", 302, ""));
    all.push(page(By::Owner, "/kundenbereich", 302, ""));
    wrong.status = 200;
    all.push(wrong);
    all.push(page(By::Owner, "/kundenbereich/eintritt", 200, &again));
    all.push(page(By::Nobody, "/kundenbereich/eintritt", 200, ENTRY));
    let learnt = Learnt::of(&seen(&all));
    assert_eq!(learnt.doubts(), []);
    assert_eq!(learnt.right, Some(Answered { status: 302, cookies: vec!["besuch".into()] }));
    assert_eq!(learnt.wrong, Some(Answered { status: 302, cookies: vec![] }));
    // The sign-in page repeats the name that was typed, and is no page of whoever is signed in.
    let probes: Vec<_> = learnt.probes.iter().map(|probe| probe.path.as_str()).collect();
    assert_eq!(probes, ["/kundenbereich"]);
    assert!(learnt.went_out && learnt.outs[0].was_used);
    assert_eq!(learnt.choice().unwrap().out.unwrap().path, "/kundenbereich/abmelden");
}

#[test]
fn of_a_page_nothing_is_kept_but_shapes() {
    let mut all = scenes();
    all[2].body.push_str("<p>4000 1234 Elm Road 7</p><input name=iban value=DE00123>");
    let kept = format!("{:?}", seen(&all));
    for secret in ["Elm Road", "DE00123", USER, "Bitte eintreten, Ella"] {
        assert!(!kept.contains(secret), "{secret}");
    }
}

#[test]
fn a_text_with_the_customers_own_name_is_no_sign() {
    let mut all = scenes();
    all[2].body = format!("<p>Hallo Mira <b>{USER}</b>");
    assert_eq!(propose("kiln", &seen(&all)).unwrap_err(), [Doubt::NoProbe]);
}

#[test]
fn a_list_with_many_labels_and_a_sentence_are_read_too() {
    for (own, other) in [
        (
            "<dl><div><dt>Name</dt><dd>M. P.</dd></div><div><dt>E-mail</dt><dd>mira@people.example</dd></div></dl>",
            "<dl><div><dt>Name</dt><dd>P. Q.</dd></div><div><dt>E-mail</dt><dd>paul@people.example</dd></div></dl>",
        ),
        (
            "<h1>Hello</h1><p>Signed in as mira@people.example</p>",
            "<h1>Hello</h1><p>Signed in as paul@people.example</p>",
        ),
    ] {
        let mut all = scenes();
        all[2].body = own.into();
        let found = propose("kiln", &seen(&all)).unwrap_or_else(|doubts| panic!("{own}: {doubts:?}"));
        let probe = found.adapter.signed_in.probe.clone().unwrap();
        let said = found.adapter.probe_says(&probe, &told(200, other));
        assert!(
            matches!(said, ProbeAnswer::SignedIn { subject, .. } if subject == "paul@people.example"),
            "{own}"
        );
    }
}

/// A request of a script, as the stage hands it over.
fn sent(path: &str, body: &str, status: u16, answer: &str, bearer: Option<&str>) -> Watched {
    let json = SentJson::read("application/json", body.as_bytes(), USER);
    fn mark(text: &str) -> String {
        format!("mark of {}", text.len())
    }
    let bearer = bearer.map(mark);
    let script = Some(Script { sent: json.as_ref(), bearer: bearer.as_deref(), mark });
    let method = if body.is_empty() { "GET" } else { "POST" };
    let fields = json.as_ref().map(|json| json.texts.clone()).unwrap_or_default();
    let (by, cookies) = (By::Owner, [cookie("besuch", true)]);
    Watched::new(
        &Sight {
            by,
            method,
            path,
            fields: &fields,
            status,
            location: None,
            cookies: &cookies,
            body: answer,
            script,
        },
        USER,
    )
}

const CALL: &str = r#"{"mail":"mira@people.example","losung":"x"}"#;
const ME: &str = r#"{"id":7,"mail":"mira@people.example"}"#;

fn nobody() -> Watched {
    seen(&[page(By::Nobody, "/me", 401, "{}")]).remove(0)
}

#[test]
fn one_address_for_several_calls_gets_a_mark() {
    let (other, plain) = (
        r#"{"method":"basket","item":"mug"}"#,
        [sent("/rpc", CALL, 200, "{}", None), sent("/me", "", 200, ME, None)],
    );
    let alone = propose("kiln", &[&plain[..], &[nobody()]].concat()).unwrap();
    assert_eq!(alone.adapter.doors[0].marker, None);
    let among = [&[sent("/rpc", other, 200, "{}", None)][..], &plain, &[nobody()]].concat();
    let adapter = propose("kiln", &among).unwrap().adapter;
    assert_eq!(adapter.doors[0].marker.as_deref(), Some("/losung"));
    let asked = Asked {
        method: "POST",
        path: "/rpc",
        query: None,
        content_type: "application/json",
        authorization: None,
    };
    for (body, is_one) in
        [(CALL, true), (other, false), (r#"{"MAIL":"a","Losung":"x"}"#, true), ("{", true), ("[]", false)]
    {
        assert_eq!(adapter.door(&asked, body.as_bytes()).is_some(), is_one, "{body}");
    }
}

#[test]
fn of_several_bodies_with_the_name_the_sign_in_is_the_one_with_a_secret() {
    let look = r#"{"mail":"mira@people.example","locale":"de"}"#;
    let all = [
        sent("/who", look, 200, "{}", None),
        sent("/in", CALL, 200, "{}", None),
        sent("/me", "", 200, ME, None),
        sent("/news", look, 200, "{}", None),
        nobody(),
    ];
    let door = propose("kiln", &all).unwrap().adapter.doors.remove(0);
    assert_eq!(door.place.paths, ["/in"]);
    assert_eq!(door.body, crate::BodyKind::Json);
    let typed = door.typed_json("a", &Secret::new("b".to_owned())).unwrap();
    let typed: Value = serde_json::from_str(typed.expose()).unwrap();
    assert_eq!(typed, serde_json::json!({"mail": "a", "losung": "b"}));
}

#[test]
fn what_is_not_plain_in_a_call_is_not_guessed() {
    let token = r#"{"token":"0123456789abcdef0123"}"#;
    let other = r#"{"token":"0123456789abcdef0123456789"}"#;
    let inline =
        r#"{"query":"mutation{login(p:\"x\")}","variables":{"mail":"mira@people.example","losung":"x"}}"#;
    let check = |all: &[Watched], expected: Doubt| {
        let found = propose("kiln", &[all, &[nobody()]].concat()).unwrap_err();
        assert!(found.contains(&expected), "{expected:?}: {found:?}");
    };
    let me = |bearer| sent("/me", "", 200, ME, bearer);
    check(&[sent("/g", inline, 200, "{}", None), me(None)], Doubt::UnplainCall("/g".into()));
    check(&[sent("/in", CALL, 200, token, None), me(None)], Doubt::TokenUnused("/token".into()));
    let plain = Some("0123456789abcdef0123");
    let shown = sent("/news", "", 200, "[]", plain);
    check(&[sent("/in", CALL, 200, token, None), shown, me(None)], Doubt::TokenOpensNothing);
    let wrong = sent("/in", CALL, 200, r#"{"ok":false}"#, None);
    check(&[wrong, sent("/in", CALL, 200, token, None), me(plain)], Doubt::RefusalLooksRight);
    let wrong = sent("/in", CALL, 401, r#"{"ok":false}"#, None);
    let all = [wrong, sent("/in", CALL, 200, other, None), me(Some("0123456789abcdef0123456789")), nobody()];
    let door = propose("kiln", &all).unwrap().adapter.doors.remove(0);
    assert_eq!(door.token, ["/token"]);
    assert_eq!(door.bearer.unwrap().path, "/me");
}

#[test]
fn a_script_that_ends_what_it_made_signs_out() {
    let mut out = sent("/in", "{}", 204, "", None);
    out.method = "DELETE".to_owned();
    let all = [
        sent("/in", CALL, 200, "{}", None),
        sent("/me", "", 200, ME, None),
        out,
        sent("/me", "", 401, "{}", None),
        nobody(),
    ];
    let learnt = Learnt::of(&all);
    assert!(learnt.went_out);
    let adapter = learnt.choice().unwrap().write("kiln").unwrap().adapter;
    let out = adapter.sign_out.unwrap();
    assert_eq!((out.method.as_str(), out.path.as_str(), out.form_page), ("DELETE", "/in", None));
}

// What is learnt named no acts: whoever sat down at a browser that was signed in changed the address, and it took nothing.
#[test]
fn changes_that_were_done_take_a_fresh_factor() {
    let change = r#"<p>mira@people.example</p><form method=post action="/kundenbereich/adresse"><input type=email name="email">
        <input type=password name="losung"></form>"#;
    let post = |path: &str, fields: &[&str]| Scene {
        method: "POST",
        fields: fields.iter().map(|name| (*name).to_owned()).collect(),
        ..page(By::Owner, path, 302, "")
    };
    let mut all = scenes();
    all.push(page(By::Owner, "/kundenbereich/adresse", 200, change));
    // As a sign-in is: a name and a password.
    all.push(post("/kundenbereich/adresse", &["email", "losung"]));
    all.push(page(By::Owner, "/kundenbereich", 200, OWN));
    all.push(post("/kunden/4711/losung", &["alt_passwort", "neu"]));
    all.push(post("/kundenbereich/adresse", &["email", "losung"]));
    all.push(post("/korb", &["menge"]));
    all.push(post("/kundenbereich/abmelden", &["email"]));
    let refused = Scene { status: 422, ..post("/kundenbereich/konto", &["losung"]) };
    all.push(refused);
    let found = propose("kiln", &seen(&all)).unwrap();
    let acts: Vec<_> = found.adapter.sensitive.iter().map(|place| place.path.as_str()).collect();
    assert_eq!(acts, ["/kundenbereich/adresse", "/kunden/{any}/losung"]);
    assert_eq!(found.adapter.doors[0].place.paths, ["/kundenbereich/eintritt"], "the change is no sign-in");
    assert!(found.adapter.guards_unnamed_acts(), "and what was not done is looked at");
    let renamed = found.adapter.signed_in.renamed.expect("the shop names people by their address");
    assert_eq!(
        (renamed.paths.as_slice(), renamed.field.as_str()),
        (&["/kundenbereich/adresse".to_owned()][..], "email")
    );
    assert!(propose("kiln", &watched()).unwrap().adapter.guards_unnamed_acts());
}

#[test]
fn what_a_script_changed_is_known_as_the_scripts() {
    let mut change = sent("/me", r#"{"mail":"neu@people.example","losung":"x"}"#, 200, "{}", None);
    change.method = "PATCH".to_owned();
    let call = r#"{"query":"mutation($m: String!){changeMail(mail: $m){ok}}","variables":{"mail":"neu@people.example"}}"#;
    let all = [
        sent("/in", CALL, 200, "{}", None),
        sent("/me", "", 200, ME, None),
        change,
        sent("/g", call, 200, "{}", None),
        nobody(),
    ];
    let form = propose("kiln", &all).unwrap().adapter.signed_in.renamed.unwrap();
    assert!(form.paths.is_empty());
    let scripts: Vec<_> =
        form.scripts.iter().map(|script| (script.path.as_str(), script.operation.len())).collect();
    assert_eq!(scripts, [("/me", 0), ("/g", 1)]);
    assert_eq!(form.scripts[0].methods, ["PATCH"]);
}
