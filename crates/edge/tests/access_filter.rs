//! Filters as text: what is read, printed and refused.

use storeward_edge::access::{Condition, Field, Filter, FilterError, Operator};

#[test]
fn prints_what_it_read() {
    for text in [
        "",
        "client=192.0.2.1&-status=404&path~=/cart",
        "-client=2001:db8::/32&status=5xx&verdict=blocked",
        "agent=curl&text=a%20b&-path^=/media/",
        "since=2026-11-24T17:38:00Z&until=2026-11-24T18:00:00Z",
        "parameter=q&rule=942100&slower_ms=500&reason=host.duplicate&type=text/html",
        "path=/%C3%A4%26%3D%2B%23%25%22%3C",
    ] {
        let filter: Filter = text.parse().unwrap();
        assert_eq!(filter.to_string(), text);
        assert_eq!(filter.to_string().parse::<Filter>().unwrap(), filter);
    }
}

#[test]
fn reads_what_forms_and_people_send() {
    let same = |text: &str, printed: &str| {
        assert_eq!(text.parse::<Filter>().unwrap().to_string(), printed, "{text}");
    };
    same("?status=404", "status=404");
    same("status=&path=+&&host=Shop.Example", "host=Shop.Example");
    same("agent~=Mozilla", "agent=Mozilla");
    same("path=a+b", "path=a%20b");
    let filter = Filter::parse_ignoring("before=req_1&status=404&limit=5", &["before", "limit"]).unwrap();
    assert_eq!(filter.to_string(), "status=404");
}

#[test]
fn says_what_is_wrong() {
    let wrong = |text: &str, part: &str| {
        let error = text.parse::<Filter>().unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    };
    wrong("colour=red", "there is no field `colour`");
    wrong("status=40", "does not fit status");
    wrong("status=teapot", "a status such as 404 or a class such as 4xx");
    wrong("status=9xx", "a class such as 4xx");
    wrong("client=shop", "an address such as 192.0.2.1");
    wrong("verdict=maybe", "pass, flagged");
    wrong("since=yesterday", "a moment such as");
    wrong("status~=4", "by = only");
    wrong("rule=-1", "a whole number");
    wrong("path=%FF", "percent-encoded");
    wrong("path=%4", "percent-encoded");
    wrong(&format!("path={}", "x".repeat(1_025)), "1 to 1,024 bytes");
    assert_eq!(["path=a"; 33].join("&").parse::<Filter>(), Err(FilterError::TooMany));
    // An error repeats little of what was sent.
    let long = format!("status={}", "x".repeat(100_000)).parse::<Filter>().unwrap_err().to_string();
    assert!(long.len() < 300);
}

#[test]
fn links_add_and_take_away() {
    let only = |value| Condition::new(Field::Path, Operator::Is, false, value).unwrap();
    let filter = Filter::default().with(only("/a")).unwrap().with(only("/a")).unwrap();
    assert_eq!(filter.with(only("/b")).unwrap().to_string(), "path=/a&path=/b");
    assert!(filter.without(0).is_empty());
    assert_eq!(filter.without(9), filter);
}

#[test]
fn whatever_is_sent_is_read_or_refused_without_a_panic() {
    // SplitMix64 over the characters that matter.
    let alphabet: Vec<char> = "-~^=&%+?.:/4xpathstuclienäö\u{0}".chars().collect();
    let mut state = 1u64;
    for _ in 0..50_000 {
        let mut text = String::new();
        for _ in 0..24 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(state >> 33).unwrap() % alphabet.len();
            text.push(alphabet[at]);
        }
        for text in [text.clone(), format!("path={text}"), format!("client={text}"), format!("-text={text}")]
        {
            if let Ok(filter) = text.parse::<Filter>() {
                assert_eq!(filter.to_string().parse::<Filter>().as_ref(), Ok(&filter), "{text:?}");
            }
        }
    }
}
