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
