use super::*;

const KIND: &str = "multipart/form-data; boundary=b";

fn read(kind: &str, body: &str) -> Fields {
    crate::body::fields(kind, body.as_bytes())
}

fn one(head: &str, value: &str) -> String {
    format!("--b\r\n{head}\r\n\r\n{value}\r\n--b--\r\n")
}

fn pairs(expected: &[(&str, &str)]) -> Fields {
    Some(expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

#[test]
fn what_browsers_and_libraries_write_is_read() {
    let field = "Content-Disposition: form-data; name=\"log\"";
    for (kind, body) in [
        (KIND, one(field, "ella")),
        ("Multipart/Form-Data; charset=utf-8; boundary=\"b\"", one(field, "ella")),
        // .NET
        (
            KIND,
            one(
                "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=log",
                "ella",
            ),
        ),
        // OkHttp, and Ruby
        (KIND, one(&format!("{field}\r\nContent-Length: 4"), "ella")),
        (KIND, one(&format!("{field}\r\nContent-Transfer-Encoding: binary"), "ella")),
        (KIND, one("content-disposition:form-data;name=\"log\"", "ella")),
    ] {
        assert_eq!(read(kind, &body), pairs(&[("log", "ella")]), "{kind} {body}");
    }
    let webkit = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
    let body = format!(
        "--{webkit}\r\nContent-Disposition: form-data; name=\"a[]\"\r\n\r\n1\r\n--{webkit}\r\nContent-Disposition: form-data; \
         name=\"f\"; filename=\"C:\\x\\y z.png\"\r\nContent-Type: image/png\r\n\r\n\u{fffd}--\r\n--{webkit}\r\nContent-Disposition: \
         form-data; name=\"none\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--{webkit}--\r\n"
    );
    assert_eq!(read(&format!("multipart/form-data; boundary={webkit}"), &body), pairs(&[("a[]", "1")]));
    for file in ["filename=a.png; filename*=utf-8''a.png", "filename=\"ä.png\""] {
        assert_eq!(
            read(KIND, &one(&format!("Content-Disposition: form-data; name=f; {file}"), "x")),
            pairs(&[]),
            "{file}"
        );
    }
    assert_eq!(read(KIND, "--b--\r\n"), pairs(&[]));
}

#[test]
fn what_some_readers_take_for_a_field_is_one() {
    for file in ["filename=\"\"", "filename*=utf-8''a"] {
        let body = one(&format!("Content-Disposition: form-data; name=\"log\"; {file}"), "ella");
        assert_eq!(read(KIND, &body), pairs(&[("log", "ella")]), "{file}");
    }
}

#[test]
fn what_two_readers_take_for_two_things_is_no_form() {
    let body = one("Content-Disposition: form-data; name=\"log\"", "ella");
    for kind in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=b,x",
        "multipart/form-data; boundary=b; boundary=c",
        "multipart/form-data; xboundary=b",
        "multipart/form-data; boundary=\"b",
        "multipart/form-data; boundary='b'; x=1",
        "multipart/form-data, x; boundary=b",
        "multipart/form-data\t; boundary=b",
        "multipart/mixed; boundary=b",
        "text/plain, multipart/form-data; boundary=b",
    ] {
        assert!(read(kind, &body).is_none() && crate::is_doubtful(kind, body.as_bytes(), true), "{kind}");
    }
    for head in [
        "Content-Disposition: form-data; name='log'",
        "Content-Disposition: form-data; name=\"x\"; name=\"log\"",
        "Content-Disposition: form-data; name=\"x\"\r\nContent-Disposition: form-data; name=\"log\"",
        "Content-Disposition: form-data; name=\"x\r\n y\"",
        "Content-Disposition: form-data;\r\n name=\"log\"",
        "Content-Disposition: form-data; name = \"log\"",
        "Content-Disposition : form-data; name=\"log\"",
        "Content-Disposition: form-data; name=\"x\\\"; name=\"log\"",
        "Content-Disposition: form-data; name=\"x\"; filename=\"a\\\"; name=log; y=\"",
        "Content-Disposition: form-data; name=\"x\"; x='; filename=\"a\"'",
        "Content-Disposition: attachment; name=\"log\"",
        "Content-Disposition: form-data; name*=utf-8''log",
        "Content-Disposition: form-data; name=\"log\"\r\nContent-Transfer-Encoding: base64",
        "Content-Disposition: form-data; name=\"log\"\nX: y",
        "Content-Type: text/plain",
        "X-Other: 1\r\nContent-Disposition: form-data; name=\"log\"",
    ] {
        assert!(read(KIND, &one(head, "ella")).is_none(), "{head}");
    }
    let field = "Content-Disposition: form-data; name=\"log\"";
    for body in [
        format!("preamble\r\n--b\r\n{field}\r\n\r\nella\r\n--b--\r\n"),
        format!("\r\n--b\r\n{field}\r\n\r\nella\r\n--b--\r\n"),
        format!("--b\n{field}\n\nella\n--b--\n"),
        format!("--b\r\n{field}\r\n\r\nx--b\r\n{field}\r\n\r\nella\r\n--b--\r\n"),
        format!("--b \r\n{field}\r\n\r\nella\r\n--b--\r\n"),
        format!("--b--\r\n--b\r\n{field}\r\n\r\nella\r\n--b--\r\n"),
        format!("--b\r\n{field}\r\nella\r\n--b--\r\n"),
    ] {
        assert!(read(KIND, &body).is_none(), "{body}");
    }
}

#[test]
fn a_body_that_is_cut_off_is_read_so_far() {
    let body = one("Content-Disposition: form-data; name=\"log\"", "ella");
    for end in 3..body.len() {
        let cut = &body.as_bytes()[..end];
        assert!(crate::body::fields(KIND, cut).is_some() && !crate::is_doubtful(KIND, cut, false), "{end}");
        assert_eq!(crate::is_doubtful(KIND, cut, true), end != body.len() - 2, "{end}");
    }
    assert!(is_closed("b", body.as_bytes()) && !is_closed("b", b"--b\r\n"));
}

fn outlined(body: &str, most: usize) -> Option<String> {
    crate::body::outline(KIND, body.as_bytes(), most).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn an_outline_has_the_fields_of_the_form_and_nothing_of_its_files() {
    let field = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file = |name: &str, value: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"{name}\"\r\nContent-Type: image/jpeg\r\n\r\n{value}\r\n"
        )
    };
    let picture = "\0x\r\n\r\n-\r\n--\r\n".repeat(10_000);
    let body = format!(
        "{}{}{}{}--b--\r\n",
        field("text", "a fine mug"),
        file("a.jpg", &picture),
        file("", "of no name"),
        field("action", "save"),
    );
    let outline = outlined(&body, 1_000).unwrap();
    assert_eq!(read(KIND, &outline), read(KIND, &body));
    assert_eq!(
        read(KIND, &outline),
        pairs(&[("text", "a fine mug"), ("picture", "of no name"), ("action", "save")])
    );
    assert!(
        crate::body::is_doubtful(KIND, body.as_bytes(), true)
            == crate::body::is_doubtful(KIND, outline.as_bytes(), true)
    );
    assert!(is_closed("b", outline.as_bytes()) && outline.len() < 600, "{outline}");
    // The end may be missing, and then it is missing in the outline.
    let cut = body.strip_suffix("--b--\r\n").unwrap();
    assert!(!is_closed("b", outlined(cut, 1_000).unwrap().as_bytes()));
}

#[test]
fn what_could_be_read_in_two_ways_has_no_outline() {
    let file = |value: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"p\"; filename=\"a\"\r\n\r\n{value}\r\n--b--\r\n"
        )
    };
    assert!(outlined(&file("plain"), 1_000).is_some());
    for body in [
        // A delimiter within a line, or behind another line end.
        file("x--b\r\nContent-Disposition: form-data; name=\"log\"\r\n\r\nella"),
        file("x\n--b\r\nContent-Disposition: form-data; name=\"log\"\r\n\r\nella"),
        format!("x{}", file("plain")),
        String::new(),
        one("Content-Disposition: form-data; name=\"a\"; name=\"b\"", "x"),
        one("Content-Disposition: form-data; name=\"a\"; filename=\"b\"; filename*=UTF-8''", "x"),
        one("X: form-data", "x"),
        format!("--b\n{}", one("Content-Disposition: form-data; name=\"a\"", "x")),
    ] {
        assert!(
            outlined(&body, 1_000).is_none_or(|outline| read(KIND, &outline) == read(KIND, &body)),
            "{body}"
        );
    }
    // A field's own text is as long as it is.
    assert_eq!(outlined(&one("Content-Disposition: form-data; name=\"a\"", &"x".repeat(2_000)), 1_000), None);
    assert!(crate::body::outline("application/x-www-form-urlencoded", b"a=b", 1_000).is_none());
    assert!(crate::body::outline("multipart/form-data; boundary=b, boundary=c", b"--b--", 1_000).is_none());
}

// Whatever the bytes are: where there is an outline, it says what the form says.
proptest::proptest! {
    #[test]
    fn an_outline_never_says_something_else(picks in proptest::collection::vec(0_usize..PIECES.len(), 0..24)) {
        let body: Vec<u8> = picks.iter().flat_map(|pick| PIECES[*pick].bytes()).collect();
        if let Some(outline) = crate::body::outline(KIND, &body, 10_000) {
            let (of_outline, of_body) =
                (crate::body::fields(KIND, &outline), crate::body::fields(KIND, &body));
            proptest::prop_assert_eq!(of_outline, of_body);
            let is_doubtful = |bytes: &[u8]| crate::body::is_doubtful(KIND, bytes, true);
            proptest::prop_assert_eq!(is_doubtful(&outline), is_doubtful(&body));
        }
    }
}

const PIECES: [&str; 12] = [
    "--b\r\n",
    "--b",
    "--b--\r\n",
    "\r\n",
    "\r\n\r\n",
    "Content-Disposition: form-data; name=\"a\"",
    "Content-Disposition: form-data; name=\"p\"; filename=\"f\"",
    "Content-Disposition: form-data; name=\"p\"; filename=\"\"",
    "Content-Type: image/png",
    "x",
    "--",
    "\r\n--b\r\nContent-Disposition: form-data; name=\"p\"; filename=\"f\"\r\n\r\nx\r\n--b\r\n",
];
