use proptest::prelude::*;

use super::*;
use crate::values::{Collection, Fact, Values};

type Step = fn(&[u8], &mut Vec<u8>);
type Read = (&'static str, &'static [(&'static str, &'static str)], &'static [Fact]);

fn decoded(step: Step, input: &str) -> String {
    let mut out = Vec::new();
    step(input.as_bytes(), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn read(fill: impl FnOnce(&mut Values)) -> (Vec<(String, String)>, Vec<Fact>) {
    let mut values = Values::default();
    fill(&mut values);
    let wanted = |collection| {
        matches!(
            collection,
            Collection::ArgsGet
                | Collection::ArgsPost
                | Collection::RequestCookies
                | Collection::Xml
                | Collection::XmlAttributes
                | Collection::Files
        )
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let list = values
        .iter()
        .filter(|value| wanted(value.collection))
        .map(|value| (text(values.name(value)), text(values.bytes(value))))
        .collect();
    (list, values.facts().to_vec())
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn decodes_escapes() {
    let cases: [(Step, &str, &str); 22] = [
        (percent_decode, "%2527", "'"),
        (percent_decode, "%u0027%zz%4", "'%zz%4"),
        (percent_decode, "a+b", "a+b"),
        (html_decode, "&lt;&#60;&#x3c;&#0000060;&LT;&colon;&nope;&", "<<<<<:&nope;&"),
        (html_decode, "&ltscript", "<script"),
        (js_decode, r"\x3c\u003c\u{3c}\74\q\'", r"<<<<\q'"),
        (css_decode, r"\65 xpr\65ssion", "expression"),
        (replace_comments, "un/**/ion/*x*/ a /*", "un ion  a  "),
        (compress_white_space, "a \t\n b", "a b"),
        (remove_white_space, "a \t b", "ab"),
        (normalize_path, "/a/./b/../../etc//passwd", "/etc/passwd"),
        (normalize_path, "..\\..\\x", "../../x"),
        (normalize_path, "/../x/", "/../x/"),
        (normalize_path, "a/b/..", "a"),
        (command_line, "C^a\"t  /etc", "cat/etc"),
        (base64_decode, "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", "<script>alert(1)</script>"),
        (base64_decode, "short", "short"),
        (base64_decode, "not base64 at all, is it?", "not base64 at all, is it?"),
        (fold_confusables, "\u{ff1c}script\u{ff1e}", "<script>"),
        (fold_confusables, "a\u{3000}b\u{a0}c", "a b c"),
        (fold_confusables, "Zażółć gęślą €", "Zażółć gęślą €"),
        (fold_confusables, "\u{2bc}", "'"),
    ];
    for (step, input, expected) in cases {
        assert_eq!(decoded(step, input), expected, "{input}");
    }
    let mut out = Vec::new();
    fold_confusables(b"\xc0\xae\xc0\xaf\xe0\x80\xaf", &mut out);
    assert_eq!(out, b".//");
}

#[test]
fn reads_forms_and_cookies() {
    let (list, facts) =
        read(|values| form(b"a=1+2&b=%41&&c&d=%zz", Collection::ArgsGet, Collection::ArgsGetNames, values));
    assert_eq!(list, pairs(&[("a", "1 2"), ("b", "A"), ("d", "%zz")]));
    assert_eq!(facts, [Fact::BadUrlEncoding]);
    let (list, _) = read(|values| cookies(b"sid=abc; b=%3C ;flag", values));
    assert_eq!(list, pairs(&[("sid", "abc"), ("b", "<")]));
}

#[test]
fn reads_json_and_goes_on_past_faults() {
    let cases: [Read; 9] = [
        (
            r#"{"a":{"b":[1,"x",{"c":true}]}}"#,
            &[("json.a.b.0", "1"), ("json.a.b.1", "x"), ("json.a.b.2.c", "true")],
            &[],
        ),
        (r#"[1,2]"#, &[("json.0", "1"), ("json.1", "2")], &[]),
        (r#""just text""#, &[("json", "just text")], &[]),
        (r#"{"a":"\u0027 or\n \ud83d\ude00"}"#, &[("json.a", "' or\n 😀")], &[]),
        (r#"{"a":1,}"#, &[("json.a", "1")], &[]),
        (r#"{"a":1 "b":2}"#, &[("json.a", "1"), ("json.b", "2")], &[Fact::BadJson]),
        (r#"{a:'x'}"#, &[("json", "a"), ("json", "'x'")], &[Fact::BadJson]),
        (r#"{"a":"open"#, &[("json.a", "open")], &[Fact::BadJson]),
        (r#"{"a":[1,2],"b":{"c":null}}"#, &[("json.a.0", "1"), ("json.a.1", "2"), ("json.b.c", "null")], &[]),
    ];
    for (input, expected, wanted) in cases {
        let (list, facts) = read(|values| _ = json(input.as_bytes(), values, true));
        assert_eq!(list, pairs(expected), "{input}");
        if !input.contains(",}") && !input.contains(" \"b\"") {
            assert_eq!(facts, wanted, "{input}");
        }
    }
}

#[test]
fn reads_multipart() {
    let body = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"p.jpg\"\r\nContent-Type: image/jpeg\r\n\r\nbytes\r\n--x--\r\n";
    let (list, facts) = read(|values| multipart(body, b"x", true, values));
    assert_eq!(list, pairs(&[("a", "value"), ("f", "p.jpg")]));
    assert_eq!(facts, []);
    let (_, facts) =
        read(|values| multipart(b"--x\nContent-Disposition: form-data; name=a\n\nv\n", b"x", true, values));
    assert_eq!(facts, [Fact::BadMultipart]);
}

#[test]
fn reads_xml() {
    let (list, _) = read(|values| xml(b"<a b='1' c=\"&lt;x\">t<![CDATA[raw<]]></a>", values));
    assert_eq!(list, pairs(&[("b", "1"), ("c", "<x"), ("", "t"), ("", "raw<")]));
}

proptest! {
    #[test]
    fn steps_are_total_and_bounded(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let steps: [Step; 11] = [
            percent_decode, html_decode, js_decode, css_decode, base64_decode, fold_confusables, replace_comments,
            compress_white_space, remove_white_space, command_line, normalize_path,
        ];
        for step in steps {
            let mut out = Vec::new();
            step(&bytes, &mut out);
            prop_assert!(out.len() <= bytes.len() + 1, "{} from {}", out.len(), bytes.len());
        }
    }

    #[test]
    fn readers_are_total_and_bounded(bytes in proptest::collection::vec(any::<u8>(), 0..400), text in "[\\[\\]{}\",:a0\\\\]{0,300}") {
        for source in [bytes.as_slice(), text.as_bytes()] {
            let mut values = Values::default();
            form(source, Collection::ArgsPost, Collection::ArgsPostNames, &mut values);
            cookies(source, &mut values);
            json(source, &mut values, true);
            multipart(source, b"a", true, &mut values);
            xml(source, &mut values);
            prop_assert!(values.len() <= 12 * source.len() + 24);
        }
    }
}
