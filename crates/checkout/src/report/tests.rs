use super::*;

const BASE: Base<'_> = Base { authority: "shop.example", path: "/checkout" };

fn heard(text: &str) -> Heard {
    read(text.as_bytes(), About { base: BASE, is_approved: &|_| false })
}

fn violation(kind: Kind, address: &str) -> Said {
    Said::Violation { kind, address: address.to_owned(), initiator: None, is_enforced: false }
}

#[test]
fn both_forms_say_the_same() {
    let old = r#"{"csp-report":{"document-uri":"https://shop.example/checkout?email=ann@example.com","referrer":"https://shop.example/?q=x",
        "violated-directive":"script-src-elem","effective-directive":"script-src-elem","original-policy":"…","disposition":"report",
        "blocked-uri":"https://cdn.example/a.js?customer=ann@example.com","status-code":200,"script-sample":"card = 4111"}}"#;
    let new = r#"[{"age":1,"type":"csp-violation","url":"https://shop.example/checkout?email=ann@example.com","user_agent":"x","body":{
        "blockedURL":"https://cdn.example/a.js?customer=ann@example.com","disposition":"report","documentURL":"https://shop.example/checkout",
        "effectiveDirective":"script-src-elem","sample":"card = 4111","lineNumber":4}}]"#;
    for text in [old, new] {
        let heard = heard(text);
        assert_eq!(heard.said, [violation(Kind::Script, "https://cdn.example/a.js")]);
        assert!(!format!("{heard:?}").contains("ann"));
    }
}

#[test]
fn what_a_page_loads_is_told_by_its_origin() {
    let of = |directive: &str, url: &str| {
        heard(&format!(r#"{{"csp-report":{{"effective-directive":"{directive}","blocked-uri":"{url}"}}}}"#))
            .said
    };
    for (directive, url, kind, address) in [
        ("connect-src", "https://evil.example/c?d=4111111111111111", Kind::Connect, "https://evil.example"),
        ("img-src", "https://evil.example:8443/i/4111.gif", Kind::Image, "https://evil.example:8443"),
        ("frame-src", "https://a.example", Kind::Frame, "https://a.example"),
        ("form-action", "http://evil.example/x", Kind::Form, "http://evil.example"),
        ("script-src", "eval", Kind::Script, "eval"),
        ("script-src-elem", "data", Kind::Script, "data:"),
    ] {
        assert_eq!(of(directive, url), [violation(kind, address)], "{directive} {url}");
    }
}

#[test]
fn noise_is_counted_and_nothing_else() {
    for text in [
        "",
        "{",
        "null",
        "7",
        "{}",
        r#"{"csp-report":{"effective-directive":"script-src","blocked-uri":"chrome-extension://abc/x.js"}}"#,
        r#"{"csp-report":{"effective-directive":"connect-src","blocked-uri":"https://translate.googleapis.com/element"}}"#,
        r#"{"csp-report":{"effective-directive":"script-src","blocked-uri":"https://gc.kis.v2.scr.kaspersky-labs.com/x"}}"#,
        r#"{"csp-report":{"effective-directive":"img-src","blocked-uri":"about"}}"#,
        r#"{"csp-report":{"effective-directive":"style-src-elem","blocked-uri":"inline"}}"#,
        r#"{"csp-report":{"effective-directive":"x-src","blocked-uri":"https://a.example"}}"#,
        r#"{"csp-report":{"effective-directive":7}}"#,
        r#"[{"type":"deprecation","body":{"id":"x"}}]"#,
        r#"[{"type":"csp-hash","body":{"subresourceURL":"https://a.example/x.js","hash":"sha256-short","destination":"script"}}]"#,
        r#"{"kind":"blocked","channel":"telepathy","host":"evil.example"}"#,
        r#"{"kind":"loved","channel":"form","host":"evil.example"}"#,
        r#"{"kind":"blocked","channel":"form","host":"evil.example/?card=4111"}"#,
    ] {
        let heard = heard(text);
        assert_eq!((heard.said.len(), heard.noise), (0, 1), "{text}");
    }
    // A name that only ends alike is no translator.
    let evil = heard(
        r#"{"csp-report":{"effective-directive":"connect-src","blocked-uri":"https://eviltranslate.google.com.evil.example/"}}"#,
    );
    assert_eq!(evil.said.len(), 1);
}

// A script may call itself so: who did it is not said, and that it was done is.
#[test]
fn what_is_called_an_addition_is_doubted() {
    for file in
        ["moz-extension", "chrome-extension://abc/x.js", "about:blank", "https://translate.google.com/a.js"]
    {
        let of = |directive: &str, url: &str| {
            heard(&format!(
                r#"{{"csp-report":{{"effective-directive":"{directive}","blocked-uri":"{url}","source-file":"{file}"}}}}"#
            ))
            .said
        };
        let expected = Said::Doubted(Box::new(violation(Kind::Connect, "https://evil.example")));
        assert_eq!(of("connect-src", "https://evil.example/x"), [expected], "{file}");
        assert!(matches!(&of("script-src", "inline")[..], [Said::Doubted(_)]), "{file}");
        assert_eq!(of("connect-src", "chrome-extension://abc/x"), [], "{file}");
    }
}

#[test]
fn a_hash_is_read_in_both_spellings() {
    let of = |hash: &str| {
        let text = format!(
            r#"[{{"type":"csp-hash","body":{{"documentURL":"x","subresourceURL":"https://cdn.example/a.js?k=1","hash":"sha256-{hash}","type":"subresource","destination":"script"}}}}]"#
        );
        heard(&text).said
    };
    let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let expected = Said::Hash { address: "https://cdn.example/a.js".to_owned(), hash: Some(hash.to_owned()) };
    assert_eq!(of(hash), std::slice::from_ref(&expected));
    assert_eq!(of("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU="), [expected]);
}

// Browsers report the guard's own hash with every page: nobody has to approve it. A file of that name elsewhere is somebody's.
#[test]
fn the_guard_itself_is_no_script_of_the_page() {
    let of = |address: &str| {
        let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let body =
            format!(r#"{{"subresourceURL":"{address}","hash":"sha256-{hash}","destination":"script"}}"#);
        heard(&format!(r#"[{{"type":"csp-hash","body":{body}}}]"#)).said.len()
    };
    assert_eq!(of("https://shop.example/.storeward/checkout/guard.js?v=0123456789abcdef"), 0);
    for other in [
        "https://evil.example/.storeward/checkout/guard.js",
        "https://shop.example:8443/.storeward/checkout/guard.js",
        "http://shop.example/.storeward/checkout/guard.js",
        "https://shop.example/x/.storeward/checkout/guard.js",
        "https://shop.example/guard.js",
    ] {
        assert_eq!(of(other), 1, "{other}");
    }
}

#[test]
fn the_guard_s_word_is_kept_without_what_is_anybody_s() {
    let text = r#"[{"kind":"blocked","channel":"webrtc","host":"EVIL.example:3478","path":"/c/ann@example.com/4111111111111111/step?x=1","sample_hash":"ab"},
        {"kind":"tampered","channel":"listener"}]"#;
    assert_eq!(
        heard(text).said,
        [
            Said::Guard {
                how: How::Blocked,
                channel: "webrtc",
                host: "evil.example:3478".to_owned(),
                path: "/c/*/*/step".to_owned(),
            },
            Said::Guard { how: How::Tampered, channel: "listener", host: String::new(), path: String::new() },
        ]
    );
}

#[test]
fn a_message_says_a_thousand_things_and_what_is_more_is_counted() {
    let one = r#"{"kind":"seen","channel":"form","host":"a.example"}"#;
    let heard = heard(&format!("[{}]", vec![one; 1_050].join(",")));
    assert_eq!((heard.said.len(), heard.noise, heard.dropped), (1_000, 0, 50));
}

// A script that steals sends what people type in the names of hosts and in paths; browsers report those as they are.
#[test]
fn what_a_skimmer_wrote_into_an_address_is_not_kept() {
    let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    for (directive, url) in [
        ("script-src-elem", "https://evil.example/x/4242424242424242/joe@example.com"),
        ("script-src-elem", "https://evil.test/c/4242424242424242/1229/joe%40example.com/x.js"),
        ("worker-src", "https://4242424242424242.evil.example/w.js"),
        ("img-src", "https://4242424242424242.evil.example/x"),
        ("connect-src", "https://4242-4242-4242-4242-12-29-123.collect.evil.example/"),
        ("connect-src", "wss://4242424242424242.evil.example/"),
        ("frame-src", "https://4242.4242.4242.4242.evil.example"),
        ("form-action", "http://4242424242424242.evil.example:8443/x"),
        ("script-src-elem", "https://evil.example/p/4242x4242x4242x4242"),
        ("script-src-elem", "https://evil.example/c/4242/a/4242/r/4242/d/4242/"),
        ("script-src-elem", "https://42424242424.ev36.example/24242"),
        ("script-src-elem", "https://evil.example/424/2424242424242"),
        ("connect-src", "https://n4242x4242x4242x4242.a6.example/"),
        ("connect-src", "https://42424242424.ev36.example/24242"),
        ("connect-src", "https://evg1.example:4242424242424242/"),
        ("script-src-elem", "https://evil.example/c/joe@163.com./9792424242424245"),
    ] {
        let source = "https://cdn.example/joe@example.com/4242424242424242.js";
        let old = format!(
            r#"{{"csp-report":{{"effective-directive":"{directive}","blocked-uri":"{url}","source-file":"{source}","document-uri":"https://shop.example/checkout/4242424242424242","referrer":"https://shop.example/joe@example.com","script-sample":"4242424242424242"}}}}"#
        );
        let new = format!(
            r#"[{{"type":"csp-violation","url":"https://shop.example/4242424242424242","body":{{"blockedURL":"{url}","effectiveDirective":"{directive}","sourceFile":"{source}","documentURL":"https://shop.example/4242424242424242","referrer":"https://joe@example.com/","sample":"4242424242424242"}}}},
                {{"type":"csp-hash","body":{{"subresourceURL":"{url}","hash":"sha256-{hash}","destination":"script"}}}}]"#
        );
        let host = url.split('/').nth(2).unwrap();
        let path = url.split_once(host).unwrap().1.trim_end_matches('/');
        let guard = format!(
            r#"{{"kind":"seen","channel":"preconnect","host":"{host}","path":"{path}/4242/4242/4242/4242/joe@example.com"}}"#
        );
        let said = [heard(&old), heard(&new), heard(&guard)];
        assert_eq!(
            said.iter().map(|heard| heard.said.len()).sum::<usize>() >= 2,
            !url.starts_with("wss"),
            "{url}"
        );
        let kept = format!("{said:?}");
        assert!(!kept.contains("4242") && !kept.contains("joe"), "{url}: {kept}");
    }
}

#[test]
fn what_shops_and_providers_call_their_scripts_is_kept() {
    for url in [
        "https://assets.adobedtm.com/launch-EN93497c30fdf0424eb678d5f4ffac66dc.min.js",
        "https://cdn.jsdelivr.net/gh/owner/repo@c3f1a9e0b1/dist/x.js",
        "https://cdn.jsdelivr.net/npm/foo@experimental/x.js",
        "https://shop.example/cdn/wpm/b295f3aedw9c0d7c2bp6a1c58d3mf4e7a021bm.js",
        "https://assets-123456789012.s3.eu-central-1.amazonaws.com/a.js",
    ] {
        let text = format!(
            r#"{{"csp-report":{{"effective-directive":"script-src-elem","blocked-uri":"{url}","source-file":"{url}"}}}}"#
        );
        let Said::Violation { address, initiator, .. } = heard(&text).said.remove(0) else { panic!("{url}") };
        assert_eq!((address.as_str(), initiator.as_deref()), (url, Some(url)));
    }
}

// No policy reports where a script, a link or a window leads to; the guard of a page that learns says it.
#[test]
fn a_place_that_a_page_leads_to_is_a_row_without_what_looks_like_somebody_s() {
    let leads = |origin: &str| heard(&format!(r#"{{"kind":"leads","origin":"{origin}"}}"#)).said;
    let row = |address: &str| [violation(Kind::Navigate, address)];
    assert_eq!(leads("https://pay.example:8443"), row("https://pay.example:8443"));
    assert_eq!(leads("https://pay.example/session?card=4242424242424242"), row("https://pay.example"));
    assert_eq!(leads("https://4242424242424242.evil.example"), row("https://*.evil.example"));
    for none in [
        "",
        "pay.example",
        "javascript:void(0)",
        "data:text/html,x",
        "//pay.example",
        "https://shop.example/elsewhere",
        "chrome-extension://abcdef",
        "https://translate.google.com",
        "https://",
    ] {
        assert_eq!(leads(none), [], "{none}");
    }
}
