//! Modes, thresholds, exceptions.

use storeward_inspect::{Category, Engine, Exception, Mode, Policy, RuleSelector, Transaction, Verdict};

use crate::exchange::{ENGINE, Exchange};

fn attack() -> Exchange {
    Exchange::get("/catalog/search").query("q=%27+or+%271%27%3D%271")
}

fn with(exception: Exception) -> Policy {
    Policy { exceptions: vec![exception], ..Policy::default() }
}

fn exception(rule: RuleSelector, parameter: Option<&str>, path_prefix: Option<&str>) -> Exception {
    Exception { rule, parameter: parameter.map(str::to_owned), path_prefix: path_prefix.map(str::to_owned) }
}

#[test]
fn detection_records_and_passes() {
    let policy = Policy { mode: Mode::Detect, ..Policy::default() };
    let (verdict, tx) = attack().run(&ENGINE, &policy);
    assert_eq!(verdict, Verdict::Pass);
    assert!(tx.score() >= 5);
    assert!(tx.matches().iter().all(|found| found.variable == "ARGS:q"));
}

#[test]
fn off_looks_at_nothing() {
    let policy = Policy { mode: Mode::Off, ..Policy::default() };
    let (verdict, tx) = attack().run(&ENGINE, &policy);
    assert_eq!(verdict, Verdict::Pass);
    assert!(tx.matches().is_empty());
}

#[test]
fn the_reason_names_the_gravest_match_and_the_whole_score() {
    let (verdict, tx) = {
        let policy = Box::leak(Box::new(Policy::default()));
        attack().run(&ENGINE, policy)
    };
    let Verdict::Block(reason) = verdict else { panic!("blocked") };
    assert_eq!(reason.category, Category::SqlInjection);
    assert_eq!(reason.variable, "ARGS:q");
    assert_eq!(reason.score, tx.score());
}

#[test]
fn a_higher_threshold_lets_more_through() {
    let policy = Policy { block_score: 1_000, ..Policy::default() };
    assert_eq!(attack().run(&ENGINE, &policy).0, Verdict::Pass);
}

#[test]
fn exceptions_silence_rules_by_id_category_field_and_path() {
    let passing = [
        exception(RuleSelector::All, None, None),
        exception(RuleSelector::Category(Category::SqlInjection), Some("q"), Some("/catalog")),
        exception(RuleSelector::Category(Category::SqlInjection), Some("ARGS:q"), None),
    ];
    for exception in passing {
        let policy = with(exception);
        let (verdict, tx) = attack().run(&ENGINE, &policy);
        assert_eq!((verdict, tx.matches().len()), (Verdict::Pass, 0));
    }
    let blocking = [
        exception(RuleSelector::All, Some("r"), None),
        exception(RuleSelector::All, Some("q"), Some("/cat")),
        exception(RuleSelector::Category(Category::Scanner), None, None),
        exception(RuleSelector::Id(1), None, None),
        exception(RuleSelector::Id(11_100), None, None),
    ];
    for exception in blocking {
        assert!(attack().run(&ENGINE, &with(exception)).0.is_block());
    }
}

#[test]
fn an_exception_reaches_into_json() {
    let body = Exchange::post("application/json", r#"{"q":"' or '1'='1"}"#);
    let policy = with(exception(RuleSelector::All, Some("q"), None));
    assert_eq!(body.run(&ENGINE, &policy).0, Verdict::Pass);
    assert!(body.verdict().is_block());
}

#[test]
fn looking_for_administration_tools_earns_a_challenge() {
    assert_eq!(Exchange::get("/phpmyadmin/").verdict(), Verdict::Challenge);
}

#[test]
fn tricks_with_the_protocol_are_blocked() {
    let form = "application/x-www-form-urlencoded";
    let mut trace = Exchange::get("/");
    trace.method = "TRACE";
    let cases = [
        trace,
        Exchange::post("application/x-www-form-urlencoded; charset=ibm037", "a=1"),
        Exchange::post("application/json; charset=utf-7", "{}"),
        Exchange::post("application/xml; charset=\"utf-16\"", "<a/>"),
        Exchange::post(form, "a=1").header("Content-Encoding", "gzip"),
        Exchange::post(form, "a=1").header("Content-Type", "application/json"),
        Exchange::post("json", "{}"),
        Exchange::post("multipart/form-data; boundary=a; boundary=b", "--a\r\n\r\n--a--"),
        Exchange::post("multipart/form-data", "--a\r\n\r\n--a--"),
        Exchange::post(
            "multipart/form-data; boundary=a",
            "--a\nContent-Disposition: form-data; name=x\n\nv\n",
        ),
        Exchange::post("multipart/form-data; boundary=a", "no boundary at all"),
        Exchange::get("/").header("X-HTTP-Method-Override", "DELETE"),
        Exchange::get("/").header("X-Original-URL", "/admin"),
        Exchange::get("/").header("X-Test", "a\r\nb: c"),
        Exchange::get("/").header("X-Scanner", "1"),
        Exchange::post("application/json", "[".repeat(100)),
        Exchange::post(form, "a=1&".repeat(5_000)),
    ];
    for case in cases {
        assert!(case.verdict().is_block(), "{:?}", case.headers.last());
    }
}

#[test]
fn an_attack_behind_thousands_of_arguments_is_still_seen() {
    let policy = Policy { block_score: 10_000, ..Policy::default() };
    let mut body = "a=1&".repeat(6_000);
    body.push_str("q=%3Cscript%3Ealert(1)%3C/script%3E");
    let (_, tx) = Exchange::post("application/x-www-form-urlencoded", body).run(&ENGINE, &policy);
    assert!(tx.matches().iter().any(|found| found.category == Category::CrossSiteScripting));
}

#[test]
fn a_transaction_moves_between_threads() {
    fn movable<T: Send>() {}
    fn shared<T: Send + Sync>() {}
    movable::<Transaction<'_>>();
    shared::<Engine>();
}

/// PHP, Django and others differ on which parts are files: a part is one for all of them, or it is looked at as a field.
#[test]
fn no_spelling_of_a_part_hides_a_field() {
    let attack = "%' UNION SELECT email, password FROM customers --";
    let base64 = "JScgVU5JT04gU0VMRUNUIGVtYWlsLCBwYXNzd29yZCBGUk9NIGN1c3RvbWVycyAtLQ==";
    let part = |disposition: &str, more: &str, body: &str| {
        format!("--b\r\nContent-Disposition: {disposition}\r\n{more}\r\n{body}\r\n--b--\r\n")
    };
    let hidden = [
        part("form-data; name=\"q\"; filename*=utf-8''a", "", attack),
        part("form-data; name=\"q\"; filename = \"a\"", "", attack),
        part("form-data; name=\"q\"; x=\\\"; filename=a", "", attack),
        part("form-data; name=\"q\0\"; filename=\"a\"", "", attack),
        part("form-data; name='q'; filename='a'", "", attack),
        part("form-data; name=\"q\"; filename=\"\"", "", attack),
        part("form-data; name=\"q\"; filename=\"a\\\"", "", attack),
        part("form-data; name=\"q\"", "Content-Transfer-Encoding: base64\r\n", base64),
        part("form-data; name=\"q\"; filename=\"a\"", "Content-Transfer-Encoding: base64\r\n", base64),
        format!("--b--\r\n{}", part("form-data; name=\"q\"", "", attack)),
        format!("--b--\r\n--b--\r\n{}", part("form-data; name=\"q\"", "", attack)),
    ];
    for body in hidden {
        let exchange = Exchange::post("multipart/form-data; boundary=b", body.clone());
        assert!(exchange.verdict().is_block(), "{body}");
    }
    // What browsers send for a file, and for a file that was not chosen.
    for body in [
        part(
            "form-data; name=\"photo\"; filename=\"my cat.jpg\"",
            "Content-Type: image/jpeg\r\n",
            "\u{1}\u{2}' or 1=1 --",
        ),
        part("form-data; name=\"photo\"; filename=\"\"", "Content-Type: application/octet-stream\r\n", ""),
    ] {
        let exchange = Exchange::post("multipart/form-data; boundary=b", body.clone());
        assert_eq!(exchange.verdict(), storeward_inspect::Verdict::Pass, "{body}");
    }
}
