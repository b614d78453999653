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

fn page(by: By, path: &str, status: u16, body: &str) -> Watched {
    Watched {
        by,
        method: "GET".into(),
        path: path.into(),
        fields: vec![],
        status,
        cookies: vec![],
        body: body.into(),
    }
}

fn cookie(name: &str, is_http_only: bool) -> CookieSet {
    CookieSet { name: name.into(), is_http_only }
}

/// A shop whose words no file of ours has.
fn watched() -> Vec<Watched> {
    let mut entry = page(By::Owner, "/kundenbereich/eintritt", 200, ENTRY);
    entry.cookies = vec![cookie("besuch", true), cookie("theme", false)];
    let sent = Watched {
        method: "POST".into(),
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
        page(By::Nobody, "/kundenbereich", 200, "<p>Bitte eintreten"),
    ]
}

#[test]
fn a_shop_that_nobody_knows_gets_an_adapter() {
    let found = propose("kiln", &watched(), USER).unwrap();
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
    let probe = adapter.signed_in.probe.unwrap();
    let other = OWN.replace("mira", "paul");
    let expected = ProbeAnswer::SignedIn {
        subject: "paul@people.example".into(),
        email: Some("paul@people.example".into()),
    };
    assert_eq!(probe.read(200, other.as_bytes()), expected);
    assert_eq!(probe.read(200, b"<p>Bitte eintreten"), ProbeAnswer::SignedOut);
    assert_eq!(adapter.sign_out.unwrap().path, "/kundenbereich/abmelden");
    assert_eq!(to_compare(&watched(), USER), ["/kundenbereich"]);
    assert!(!found.text.contains(USER), "nothing of the account stands in the file");
}

#[test]
fn what_is_not_plain_is_not_guessed() {
    let check = |change: &dyn Fn(&mut Vec<Watched>), expected: Doubt| {
        let mut seen = watched();
        change(&mut seen);
        assert_eq!(propose("kiln", &seen, USER).unwrap_err(), [expected]);
    };
    check(&|seen| seen.truncate(1), Doubt::NoSignIn);
    check(&|seen| seen[1].fields.clear(), Doubt::NoSignIn);
    check(&|seen| seen[0].body = ENTRY.replace("type=\"email\" name=\"kennung\"", ""), Doubt::NoUserField);
    check(&|seen| seen[1].cookies.push(cookie("wer", false)), Doubt::ReadableCookie("wer".into()));
    check(&|seen| seen.iter_mut().for_each(|s| s.cookies.clear()), Doubt::NoCookie);
    check(&|seen| seen[2].body = "<p>Hallo".into(), Doubt::NoProbe);
    check(&|seen| seen.truncate(3), Doubt::NotCompared("/kundenbereich".into()));
    check(&|seen| seen[3].body = OWN.into(), Doubt::ShownToAll("/kundenbereich".into()));
    let twin = r#"<form method=post action="/kundenbereich/eintritt"><input name="kennung"><input name="losung"></form>"#;
    check(&|seen| seen[0].body.push_str(twin), Doubt::TwinForms);
}

#[test]
fn names_in_fields_and_in_json_are_found_too() {
    for (own, nobody, status) in [
        (r#"<input name='adr' value="mira@people.example">"#, "", 302),
        (r#"<INPUT value="mira@people.example" name="adr">"#, "<p>no", 200),
        (r#"{"kunde":{"post/adresse":"mira@people.example"}}"#, "{\"kunde\":null}", 200),
        (r#"{"kunde":"mira@people.example"}"#, "{}", 401),
    ] {
        let mut seen = watched();
        seen[2].body = own.into();
        seen[3] = page(By::Nobody, "/kundenbereich", status, nobody);
        let found = propose("kiln", &seen, USER).unwrap_or_else(|doubts| panic!("{own}: {doubts:?}"));
        let probe = found.adapter.signed_in.probe.unwrap();
        let said = probe.read(200, own.replace("mira", "paul").as_bytes());
        assert!(
            matches!(said, ProbeAnswer::SignedIn { subject, .. } if subject == "paul@people.example"),
            "{own}"
        );
    }
}
