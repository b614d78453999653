//! What attackers send is shown to staff: it must stay text, and garbage in addresses must stay harmless.

use storeward_edge::access::{Label, ParameterNames, Verdict};
use storeward_store::both_engines;

use super::bench::{Bench, MIGRATIONS};

const SCRIPT: &str = "<script>alert(1)</script>";
const BREAKOUT: &str = "\"><img src=x onerror=alert(1)>'";

both_engines!(scripts_in_requests_stay_text, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    let id = bench.blocked(&format!("/{SCRIPT}{BREAKOUT}"), |record| {
        record.user_agent = format!("{SCRIPT}{BREAKOUT}").into();
        record.parameter_names = ParameterNames::new([SCRIPT, BREAKOUT]);
        record.variable = format!("ARGS:{SCRIPT}").into();
        record.matched = format!("{SCRIPT}{BREAKOUT}").into();
        record.referrer_host = BREAKOUT.into();
        record.host = SCRIPT.into();
        record.category = Label::Owned(BREAKOUT.to_owned());
        record.reason = Label::Owned(SCRIPT.to_owned());
        record.verdict = Verdict::Blocked;
    });
    let mut pages = vec![
        "/".to_owned(),
        "/explore".to_owned(),
        "/blocked".to_owned(),
        "/now/state".to_owned(),
        format!("/requests/{id}"),
        "/explore?text=%3Cscript%3E".to_owned(),
        "/explore?-path~=%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E".to_owned(),
        "/blocked/find?reference=%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
        "/blocked/ban?client=%22%3E%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
        "/blocked/lift?client=%3Cscript%3E".to_owned(),
        "/ledger?kind=%3Cscript%3E".to_owned(),
        "/requests/%3Cscript%3E".to_owned(),
        "/%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
        "/sign-in?next=%22%3E%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
    ];
    let explore = browser.get("/explore").await.body;
    let links = explore.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    pages
        .extend(links.filter(|link| link.contains("script")).take(12).map(|link| link.replace("&#38;", "&")));
    assert!(pages.len() > 20, "{pages:?}");
    for path in pages {
        let body = browser.get(&path).await.body;
        let lower = body.to_lowercase();
        assert!(!lower.contains("<script>"), "{path}");
        assert!(!lower.contains("<img"), "{path}");
        let ours = lower.matches("<script nonce=").count();
        assert_eq!(lower.matches("<script").count(), ours, "{path}");
    }
});

both_engines!(garbage_in_filters_is_a_clear_400, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    for (query, words) in [
        ("colour=red", "there is no field"),
        ("status=teapot", "a status such as 404"),
        ("verdict=maybe", "pass, flagged"),
        ("client=localhost", "an address such as"),
        ("since=yesterday", "a moment such as"),
        ("status~=4", "can be compared by = only"),
        ("path=%zz", "not percent-encoded"),
        ("path=%ff%fe", "not percent-encoded"),
        ("before=req_nonsense", "no request"),
    ] {
        let answer = browser.get(&format!("/explore?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.body.contains(words), "{query}: {}", answer.body);
    }
    assert_eq!(browser.get("/ledger?kind=A").await.status, 400);
    assert_eq!(browser.get("/ledger?before=-1").await.status, 400);
    assert_eq!(browser.get("/ledger?before=99999999999999999999999").await.status, 400);
});

both_engines!(huge_filters_are_bounded, MIGRATIONS, async |db| {
    let bench = Bench::new(db);
    let (mut browser, _) = bench.enrolled().await;
    let many: Vec<String> = (0..500).map(|n| format!("path=/{n}")).collect();
    let answer = browser.get(&format!("/explore?{}", many.join("&"))).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("at most 32 conditions"));
    let long = browser.get(&format!("/explore?path={}", "x".repeat(5_000))).await;
    assert_eq!(long.status, 400);
    assert!(long.body.len() < 4_000, "the value is not repeated whole");
    let csrf = browser.get("/explore").await.csrf();
    let form = format!("csrf={csrf}&name=v&query={}", "x".repeat(200_000));
    assert_eq!(browser.post("/explore/views", &form).await.status, 413);
});
