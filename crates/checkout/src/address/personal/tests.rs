use super::*;

fn check(address: &str, expected: &str) {
    assert_eq!(without(address), expected, "{address}");
    assert_eq!(without(expected), expected, "cut again, it is the same");
    assert_eq!(is_cut(expected), address != expected, "{address}");
}

#[test]
fn what_is_somebody_s_is_cut_out_of_a_path() {
    for (path, expected) in [
        ("/x/4242424242424242/joe@example.com", "/x/*/*"),
        ("/c/5555555555554444/1229/jane.doe%40example.com/x.js", "/c/*/1229/*/x.js"),
        ("/c/jane%2540example.com.js", "/c/*"),
        ("/c/joe@163.com/x.js", "/c/*/x.js"),
        ("/c/joe@163.com./x.js", "/c/*/x.js"),
        ("/c/joe@mail.example.com.min.js", "/c/*"),
        ("/c/ann@b\u{fc}cher.xn--p1ai,x/x.js", "/c/*/x.js"),
        ("/4242/4242/4242/4242/x.js", "/*/*/*/*/x.js"),
        ("/4242-4242-4242-4242-12-29-123.js", "/*"),
        ("/4242.4242_4242.4242", "/*"),
        ("/3782-822463-10005/a", "/*/a"),
        ("/42/42/42/42/42/42/42/42/a", "/*/*/*/*/*/*/*/*/a"),
        ("/4/2/4/2/4/2/4/2/4/2/4/2/4/2/4/2/a", "/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/a"),
        ("/c4242424242424242x.js", "/*"),
        ("/42424242424242421229123", "/*"),
        ("/4242424242424242123", "/*"),
        ("/%34%32%34%32424242424242.js", "/*"),
        ("/４２４２４２４２４２４２４２４２", "/*"),
        ("/5019717010103742", "/*"),
        ("/6304000000000000", "/*"),
        ("/4222222222222", "/*"),
        // Of networks of one country, which the shop's door knows.
        ("/9792111111111116/a.js", "/*/a.js"),
        ("/9860-1111-1111-1113/a.js", "/*/a.js"),
        ("/8600111111111110", "/*"),
        ("/8111/1111/1111/1112", "/*/*/*/*"),
        ("/8200000000000001.js", "/*"),
        ("/820000000000000112/a.js", "/*/a.js"),
        // With letters between, and in pieces of any length.
        ("/p/4242x4242x4242x4242", "/p/*"),
        ("/p/4242a4242b4242cc4242.js", "/p/*"),
        ("/p/x42x424x2424x2424242x.js", "/p/*"),
        ("/c/4242/a/4242/r/4242/d/4242/", "/c/*/a/*/r/*/d/*/"),
        ("/c/37/a/8282246310005/", "/c/*/a/*/"),
        ("/424/2424242424242", "/*/*"),
        ("/424242424242/x4242/a.js", "/*/*/a.js"),
        ("/1234567890424242424242424212345/a.js", "/*/a.js"),
    ] {
        check(&format!("https://a.example{path}"), &format!("https://a.example{expected}"));
        check(&format!("unread:{path}"), &format!("unread:{expected}"));
    }
    let long = format!("https://a.example/{}4242424242424242", "a/".repeat(995));
    assert!(without(&long).ends_with("/a/*") && !without(&long).contains("42"), "cut in the middle");
}

// What shops and networks call their files stays, so that it can be approved.
#[test]
fn names_of_files_stay() {
    for path in [
        "/js/app.20261129123456.js",
        "/js/app-20261129123456789.js",
        "/js/1764417600123/app.js",
        "/js/1764417600123456.js",
        "/202611291234/a.js",
        "/2026/11/29/12/34/56/78/a.js",
        "/js/4.2-20261129123456.js",
        "/jquery-3.7.1-20261129123456.js",
        "/static/js/main.3f2a91bc.chunk.js",
        "/app-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.js",
        "/npm/vue@3.4.21/dist/vue.global.js",
        "/npm/@scope/name@1.0.0-beta.2/x.js",
        "/npm/alpinejs@3.x.x/dist/cdn.min.js",
        "/gh/owner/repository@main/x.js",
        "/npm/htmx.org@latest",
        "/recaptcha/releases/rKbTvxTxwcw5VqzrtN-ICwWt/recaptcha__en.js",
        "/v3/",
        "/",
        "",
        "/s/files/1/0533/2089/files/a.js",
        "/wp-content/plugins/woocommerce/assets/js/frontend/checkout.min.js",
        "/_next/static/chunks/pages/%5Bslug%5D-0123456789abcdef.js",
        "/4242424242424243/a.js",
        "/launch-EN93497c30fdf0424eb678d5f4ffac66dc.min.js",
        "/gh/owner/repo@c3f1a9e0b1/dist/x.js",
        "/gh/owner/repo@c3f1a9e0b1.min.js",
        "/npm/foo@experimental/x.js",
        "/npm/foo@1.2.3-beta.rc/x.js",
        "/npm/foo@v4.17.21.min.js",
        "/combine/npm/jquery@3.7.1%2Cnpm/bootstrap@5.3.2/dist/js/bootstrap.min.js",
        "/c/joe@corp/x.js",
        "/cdn/wpm/b295f3aedw9c0d7c2bp6a1c58d3mf4e7a021bm.js",
        "/wpm@b295f3aedw9c0d7c2bp6a1c58d3mf4e7a021b/",
        "/a/QmFzZTY0IG9mIGEgY2FyZCdzIG51bWJlciBhbmQgbW9yZQ/p.js",
        "/eyJ2ZXJzaW9uIjoiMSJ9/p.js",
        "/consent/0190f3d2-44a7-7c51-9b42-424218e24242/otSDKStub.js",
        "/js/412/1764417600123/app.js",
        "/js/4242/202611291234/app.js",
        "/424/242/4/242/424/242",
    ] {
        check(&format!("https://a.example{path}"), &format!("https://a.example{path}"));
        check(&format!("https://cdn7.a24.example{path}"), &format!("https://cdn7.a24.example{path}"));
    }
    for word in ["data:", "blob:", "inline", "eval", "unread:https://b%C3%BCcher.example/x.js"] {
        check(word, word);
    }
}

#[test]
fn what_is_somebody_s_is_cut_out_of_a_host() {
    for (host, expected) in [
        ("4242424242424242.evil.example", "*.evil.example"),
        ("5555555555554444-12-29-123.collect.evil.test", "*.collect.evil.test"),
        ("4242.4242.4242.4242.evil.test:8443", "*.evil.test:8443"),
        ("x-4242-4242.4242-4242-y.evil.test", "*.evil.test"),
        ("n-4242.4242-42424242.test", "*.test"),
        ("x123-4242.4242_4242-4242.9.evil.test", "*.9.evil.test"),
        ("9792111111111116.evil.test", "*.evil.test"),
        ("n4242x4242x4242x4242.a6.example", "*.a6.example"),
        ("4242.a.4242.b.4242.c4242.a6.example", "*.a.*.b.*.a6.example"),
        ("3782c822463.c10005.evil.test", "*.evil.test"),
        ("joe%40example.evil.test", "*.evil.test"),
        ("%EF%BC%94%EF%BC%92424242424242424242.evil.test", "*.evil.test"),
        ("[2001:db8:1:2:4242:4242:4242:4242]:8443", "[*]:8443"),
    ] {
        check(&format!("https://{host}"), &format!("https://{expected}"));
        check(&format!("https://{host}/a.js"), &format!("https://{expected}/a.js"));
        assert_eq!(told_without(host, "").0, expected);
    }
    for host in [
        "cdn.example",
        "192.168.100.100:8443",
        "[2606:4700:4700::1111]",
        "d111111abcdef8.cloudfront.net",
        "pub-0123456789abcdef0123456789abcdef.r2.dev",
        "o447951.ingest.sentry.io",
        "xn--bcher-kva.example",
        "1.2.3.cdn.example:8443",
        "assets-123456789012.s3.eu-central-1.amazonaws.com",
        "a-bucket-of-a-shop-with-a-name-that-is-longer-than-most.s3.amazonaws.com",
        "mfzwizltoqqgc43emfzwizltoqqgc43emfzwizltoqqgc43e.cdn.example",
        "4242424242424243.cdn.example",
        "20261129-123456.cdn.example",
        "",
    ] {
        check(&format!("https://{host}/a.js"), &format!("https://{host}/a.js"));
    }
}

#[test]
fn a_number_over_host_and_path_and_what_is_no_port_are_left_out() {
    for (address, expected) in [
        ("https://42424242424.ev36.example/24242", "https://*.ev36.example/*"),
        ("https://n42424242.evil.example/x/42424242.js", "https://*.evil.example/x/*"),
        ("https://n4242.e4242.example/x/4242/y/4242", "https://*.example/x/*/y/*"),
    ] {
        check(address, expected);
    }
    let told = told_without("42424242424.ev36.example", "/24242");
    assert_eq!(told, ("*.ev36.example".to_owned(), "/*".to_owned()));
    for (host, expected) in [
        ("evg1.example:4242424242424242", "evg1.example"),
        ("evg1.example:65536", "evg1.example"),
        ("evg1.example:4242x", "evg1.example"),
        ("evg1.example:65535", "evg1.example:65535"),
        ("192.0.2.7:4242424242424242", "192.0.2.7"),
        ("[2001:db8::1]:4242424242424242", "[2001:db8::1]"),
        ("[2001:db8::1]", "[2001:db8::1]"),
    ] {
        assert_eq!(told_without(host, "").0, expected);
        assert_eq!(without(&format!("unread:https://{host}/x")), format!("unread:https://{expected}/x"));
    }
    let data = "a".repeat(63);
    check(&format!("https://{data}.{data}.evil.example"), "https://*.evil.example");
    check(&format!("https://{data}.cdn.example"), &format!("https://{data}.cdn.example"));
}

// A token is nobody's name of a file where no script is.
#[test]
fn tokens_are_cut_out_of_what_is_told_of_other_places() {
    for (path, expected) in [
        ("/eyJjYXJkIjoiNDI0MiJ9/p", "/*/p"),
        ("/a/QmFzZTY0IG9mIGEgY2FyZCdzIG51bWJlciBhbmQgbW9yZQ/p", "/a/*/p"),
        ("/c/joe@example.com/4242424242424242", "/c/*/*"),
    ] {
        assert_eq!(told_without("a.example", path).1, expected);
    }
}
