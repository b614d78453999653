use super::*;
use crate::Adapter;

fn door(lines: &str) -> Door {
    let file = format!(
        "format = 1\nname = 'x'\ntitle = 'X'\n[cookies]\nsession = ['s']\n[signed_in.probe]\npath = '/me'\nsubject = \
         {{ json = '/id' }}\n[[door]]\nname = 'd'\nkind = 'sign-in'\npaths = ['/in']\n{lines}"
    );
    Adapter::parse(&file).unwrap().doors.remove(0)
}

fn sent<'a>(content_type: &'a str, authorization: Option<&'a str>) -> Asked<'a> {
    Asked { method: "POST", path: "/in", query: None, content_type, authorization }
}

fn read(door: &Door, kind: &str, body: &str) -> Result<(String, String), Unreadable> {
    door.credentials(&sent(kind, None), body.as_bytes())
        .map(|c| (c.user.expose().clone(), c.password.expose().clone()))
}

fn pair(user: &str, password: &str) -> Result<(String, String), Unreadable> {
    Ok((user.to_owned(), password.to_owned()))
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn forms() {
    let door = door("user = ['log', 'username']\npassword = ['pwd']\n");
    assert_eq!(read(&door, FORM, "log=ella&pwd=a%26b+c"), pair("ella", "a&b c"));
    assert_eq!(read(&door, FORM, "username=ella&pwd=x"), pair("ella", "x"));
    for body in ["log=ella", "log=&pwd=x", ""] {
        assert_eq!(read(&door, FORM, body), Err(Unreadable::Fields), "{body}");
    }
    // PHP reads the last, others the first; blanks before a name are none to PHP.
    for body in [
        "log=a&log=b&pwd=x",
        "log=a&log=a&pwd=x",
        "pwd=x&pwd=y&log=a",
        "log=a&username=b&pwd=x",
        "log=z&%20log=ella&pwd=x",
        "log=z&log[]=ella&pwd=x",
        "log=z&+%09log%00x=ella&pwd=x",
        "log=ella&pwd=x&%20pwd=y",
    ] {
        assert_eq!(read(&door, FORM, body), Err(Unreadable::Twice), "{body}");
    }
    assert_eq!(read(&door, FORM, "%20log=ella&%20pwd=x"), pair("ella", "x"));
    let pad = "a=&".repeat(5_000);
    assert_eq!(read(&door, FORM, &format!("{pad}log=ella&pwd=x")), pair("ella", "x"));
    let parts = "--b\r\nContent-Disposition: form-data; name=\"log\"\r\n\r\nella\r\n--b\r\ncontent-disposition: \
                 form-data; name=\"f\"; filename=\"pwd\"\r\n\r\nno\r\n--b\r\nContent-Disposition: form-data; \
                 name=pwd\r\n\r\nx y\r\n--b--\r\n";
    assert_eq!(read(&door, "multipart/form-data; boundary=b", parts), pair("ella", "x y"));
    assert_eq!(read(&door, "multipart/form-data", parts), Err(Unreadable::Form));
    // Frameworks that take JSON for a form.
    assert_eq!(read(&door, "application/json", r#"{"log":"ella","pwd":"x","a":1}"#), pair("ella", "x"));
    assert_eq!(read(&door, "application/json", r#"{"log":7,"pwd":"x"}"#), Err(Unreadable::Fields));
    // WordPress takes what is no UTF-8 for Latin 1.
    assert_eq!(read(&door, FORM, "log=ell%E0&pwd=x"), Err(Unreadable::Form));
    for kind in [format!("{FORM};\u{fffd}"), format!("{FORM}; charset=utf-7"), format!("{FORM}\n{FORM}")] {
        assert_eq!(read(&door, &kind, "log=ella&pwd=x"), Err(Unreadable::Form), "{kind:?}");
        assert!(is_doubtful(&kind, b"log=ella&pwd=x", true), "{kind:?}");
    }
}

#[test]
fn json_and_graphql() {
    let json = door("body = 'json'\nuser = ['/email', '/user/name']\npassword = ['/password']\n");
    assert_eq!(read(&json, "application/json", r#"{"email":"e","password":"p"}"#), pair("e", "p"));
    assert_eq!(read(&json, "application/json", r#"{"user":{"name":"e"},"password":"p"}"#), pair("e", "p"));
    assert_eq!(read(&json, "application/json", r#"{"email":1,"password":"p"}"#), Err(Unreadable::Form));
    // Shops make a text of it, and a guess it was.
    assert_eq!(read(&json, "application/json", r#"{"email":"e","password":1234}"#), pair("e", ""));
    assert_eq!(read(&json, "application/json", r#"{"email":"e","password":["p"]}"#), pair("e", ""));
    assert_eq!(read(&json, "application/json", r#"{"email":"e","password":""}"#), Err(Unreadable::Fields));
    assert_eq!(read(&json, "application/json", "{"), Err(Unreadable::Form));
    let graphql = door(
        "body = 'graphql'\noperation = ['generateCustomerToken']\nuser = ['/variables/email']\npassword = \
         ['/variables/password']\n",
    );
    let variables = r#"{"query":"mutation($email:String!){generateCustomerToken(email:$email){token}}","variables":{"email":"e","password":"p"}}"#;
    assert_eq!(read(&graphql, "application/json", variables), pair("e", "p"));
    let inline =
        r#"{"query":"mutation { generateCustomerToken(email: \"e\\\"1\", password:\"p\") { token } }"}"#;
    assert_eq!(read(&graphql, "application/json", inline), pair("e\"1", "p"));
}

#[test]
fn xml_rpc_and_basic() {
    let rpc = door("body = 'xml-rpc'\n");
    let call = "<?xml version='1.0'?><methodCall><methodName>wp.getUsersBlogs</methodName><params><param><value>\
                <int>1</int></value></param><param><value><string>ella</string></value></param><param><value>p&amp;q\
                </value></param></params></methodCall>";
    assert_eq!(read(&rpc, "text/xml", call), pair("ella", "p&q"));
    assert_eq!(read(&rpc, "text/xml", "<params></params>"), Err(Unreadable::Fields));
    let basic = door("body = 'basic'\n");
    let given = |header: &str| {
        let read = basic.credentials(&sent("", Some(header)), b"");
        read.map(|c| (c.user.expose().clone(), c.password.expose().clone()))
    };
    assert_eq!(given("Basic ZWxsYTpwOnE="), pair("ella", "p:q"));
    assert_eq!(given("basic ZWxsYTpwOnE"), pair("ella", "p:q"));
    for bad in ["Bearer x", "Basic", "Basic !!", "Basic ZWxsYQ=="] {
        assert!(given(bad).is_err(), "{bad}");
    }
}

#[test]
fn credentials_do_not_print() {
    let door = door("user = ['u']\npassword = ['p']\n");
    let read = door.credentials(&sent(FORM, None), b"u=ella&p=secret").unwrap();
    let shown = format!("{read:?}");
    assert!(!shown.contains("ella") && !shown.contains("secret"), "{shown}");
}

proptest::proptest! {
    #[test]
    fn no_body_makes_it_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        for (lines, kind) in [
            ("user = ['u']\npassword = ['p']\n", FORM),
            ("user = ['u']\npassword = ['p']\n", "multipart/form-data; boundary=b"),
            ("body = 'json'\nuser = ['/u']\npassword = ['/p']\n", "application/json"),
            ("body = 'graphql'\noperation = ['o']\nuser = ['/u']\npassword = ['/p']\n", "application/json"),
            ("body = 'xml-rpc'\n", "text/xml"),
        ] {
            let line = String::from_utf8_lossy(&body);
            drop(door(lines).credentials(&sent(kind, Some(&line)), &body));
        }
    }
}
