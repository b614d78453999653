//! Places that were not looked at: header fields with a syntax of their own, and bodies that say they are pictures.

use storeward_inspect::Verdict;

use crate::exchange::{Exchange, multipart};

const ATTACK: &str = "%' UNION SELECT email,password FROM customers--";

#[test]
fn fields_that_a_shop_may_read_are_looked_at() {
    for name in ["Accept-Language", "If-None-Match", "Accept", "Range"] {
        let verdict = Exchange::get("/").header(name, ATTACK).verdict();
        assert!(verdict.is_block(), "{name}: {verdict:?}");
    }
    // "%' union select email,password from customers--:x"
    let user = "Basic JScgdW5pb24gc2VsZWN0IGVtYWlsLHBhc3N3b3JkIGZyb20gY3VzdG9tZXJzLS06eA==";
    assert!(Exchange::get("/").header("Authorization", user).verdict().is_block());
    for (name, value) in [
        (
            "Accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
        ),
        ("Accept", "text/*;q=0.3, text/html;level=1, */*"),
        ("Accept-Language", "de-CH,de;q=0.9,en-US;q=0.8,en;q=0.7"),
        ("If-None-Match", "W/\"67-19c8'(a)\", \"x-y_z--1\""),
        ("If-Modified-Since", "Thu, 26 Nov 2026 01:00:00 GMT"),
        ("Range", "bytes=0-499, -500"),
        ("Authorization", "Basic YWRtaW46aHVudGVyMg=="),
        ("Authorization", "Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln"),
    ] {
        let verdict = Exchange::get("/").header(name, value).verdict();
        assert_eq!(verdict, Verdict::Pass, "{name}: {value}");
    }
}

#[test]
fn a_content_type_does_not_switch_inspection_off() {
    let body = format!("{{\"q\":\"{ATTACK}\"}}");
    for kind in ["image/png", "application/octet-stream", "application/pdf", "font/x", "video/mp4"] {
        assert!(Exchange::post(kind, body.as_str()).verdict().is_block(), "{kind}");
    }
    let picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR' or 1=1--".to_vec();
    assert_eq!(Exchange::post("image/png", picture).verdict(), Verdict::Pass);
}

/// A comma is what SQL wants between two columns, and some shops join by a blank.
#[test]
fn an_attack_spread_over_a_list_is_seen() {
    for query in [
        "ids[]=0)+union+select+user_login&ids[]=user_pass+from+wp_users+--+-",
        "q=x%27)+union+select+user_login&q=user_pass+from+wp_users--+",
        "q=x%27+union&q=select+user_login,&q=user_pass+from&q=wp_users--+",
        "q[]=%25%27+UNION/*&q[]=*/SELECT+email/*&q[]=*/FROM+customers--",
        "a[x]=0)+union+select+user_login&b=1&a[y]=user_pass+from+wp_users+--+-",
    ] {
        assert!(Exchange::get("/").query(query).verdict().is_block(), "{query}");
    }
    let json = r#"{"ids":["0) union select user_login","user_pass from wp_users -- -"]}"#;
    assert!(Exchange::post("application/json", json).verdict().is_block());
    for query in [
        "size[]=L&size[]=XL&size[]=10",
        "tag[]=rock+%27n%27+roll&tag[]=mother%27s+day&tag[]=men%27s+shoes",
        "note[]=Please+select+a+size&note[]=from+the+list&note[]=or+call",
        "filter[]=price+asc&filter[]=name+desc&filter[]=5+or+more",
        "q=credit+union&q=select+card",
    ] {
        assert_eq!(Exchange::get("/").query(query).verdict(), Verdict::Pass, "{query}");
    }
}

/// A browser quotes the page's own script in its reports: whoever tries a policy out must not lose visitors over it.
#[test]
fn a_browser_s_report_is_no_attack() {
    for sample in [
        "window.location='/cart'",
        "document.getElementById('x').submit();",
        "return confirm('Delete?')",
        "javascript:void(0)",
        "document.body.classList.add('js')",
        "location.href='/product/5'",
    ] {
        let old = format!(
            "{{\"csp-report\":{{\"document-uri\":\"https://shop.example/\",\"blocked-uri\":\"inline\",\
             \"script-sample\":\"{sample}\"}}}}"
        );
        let new = format!(
            "[{{\"type\":\"csp-violation\",\"url\":\"https://shop.example/\",\"body\":{{\"sample\":\"{sample}\"}}}}]"
        );
        for (kind, body) in [("application/csp-report", &old), ("application/reports+json", &new)] {
            assert_eq!(Exchange::post(kind, body.as_str()).verdict(), Verdict::Pass, "{kind}: {sample}");
        }
        if sample.contains("document.") {
            assert!(Exchange::post("application/json", old.as_str()).verdict().is_block(), "{sample}");
        }
    }
    for body in [
        format!("{{\"csp-report\":{{\"document-uri\":\"{ATTACK}\"}}}}"),
        format!("{{\"csp-report\":{{\"script-sample\":\"{}{ATTACK}\"}}}}", "x".repeat(160)),
        format!("{{\"q\":{{\"script-sample\":\"{ATTACK}\"}}}}"),
    ] {
        assert!(Exchange::post("application/csp-report", body.as_str()).verdict().is_block(), "{body}");
    }
}

#[test]
fn odd_fields_and_known_holes_are_stopped() {
    for (name, value) in [
        ("X-Middleware-Subrequest", "middleware:middleware:middleware"),
        ("Authorization", "Bearer x' union select 1,2--"),
        ("Cookie", "a=Tzo4OiJzdGRDbGFzcyI6MTp7czoxOiJhIjtpOjE7fQ%3D%3D"),
        ("Cookie", "a=TzoxMjoiTW9ub2xvZ0hhbmRsZXIiOjA6e30="),
    ] {
        assert!(Exchange::get("/").header(name, value).verdict().is_block(), "{name}: {value}");
    }
    for value in ["Bearer 12|aB3dE_f-g.h~i+j/k==", "Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln"] {
        assert_eq!(Exchange::get("/").header("Authorization", value).verdict(), Verdict::Pass, "{value}");
    }
    for query in [
        "s=/index/%5Cthink%5Capp/invokefunction&function=call_user_func_array&vars[0]=phpinfo",
        "host=127.0.0.1%0aid",
        "host=x;cat<x",
        "q=%27;{eval(name)}%27",
        "q=%27;x:{eval(name)}%27",
        "q=%27;try{eval(name)}catch{}%27",
        "q=%27;class+x{static{eval(name)}}%27",
        "q=%27;eval%0a(name);%27",
        "q=%27.at.constructor(name)()%2B%27",
        "q=%27;{location=name}%27",
        "q=%27in{[import(%27//e.x%27)]:1}%2B%27",
    ] {
        assert!(Exchange::get("/").query(query).verdict().is_block(), "{query}");
    }
    let xml = "<!DOCTYPE r PUBLIC \"-//x\" \"http://e/x.dtd\"><r/>";
    assert!(Exchange::post("application/xml", xml).verdict().is_block());
    let magento = r#"{"address":{"totalsCollector":{"sourceData":{"data":"http://e.x/","dataIsURL":true}}}}"#;
    assert!(Exchange::post("application/json", magento).verdict().is_block());
    for name in ["web.config", "a.inc"] {
        assert!(multipart("f", Some(name), "x").verdict().is_block(), "{name}");
    }
}
