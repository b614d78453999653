//! Short messages through a gateway that stands in, and the attacks on them.

use std::os::unix::fs::PermissionsExt;

use storeward_base::Fault;
use storeward_outbound::mail::Outlook;
use storeward_outbound::recorder::{Answer, Recorder};
use storeward_outbound::sms::{Gateway, PhoneNumber, ShortMessage, SmsSection};
use storeward_outbound::telephones::{ACCOUNT, Telephones, Text};

fn secret(dir: &tempfile::TempDir) -> String {
    let path = dir.path().join("secret");
    std::fs::write(&path, "hunter2\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn section(text: &str) -> SmsSection {
    toml::from_str(text).unwrap()
}

fn gateway(text: &str) -> Gateway {
    section(text).gateway().unwrap()
}

fn message(text: &str) -> ShortMessage {
    ShortMessage::new(PhoneNumber::parse("+49 30 1234567").unwrap(), text, "msg-1")
}

#[tokio::test]
async fn twilio_s_form() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::start().unwrap();
    recorder.answer_otherwise(Answer::new(201, r#"{"sid":"SM1","status":"queued"}"#));
    let gateway = gateway(&format!(
        "preset = 'twilio'\naccount = 'AC1'\nsecret_file = '{}'\nfrom = '+1 212 555 0100'\nurl = '{}'",
        secret(&dir),
        recorder.url()
    ));
    gateway.send(&message("Code: 1&2=3 {to} é")).await.unwrap();
    let request = &recorder.requests()[0];
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("POST", "/2010-04-01/Accounts/AC1/Messages.json")
    );
    // AC1:hunter2
    assert_eq!(request.header("authorization"), Some("Basic QUMxOmh1bnRlcjI="));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        std::str::from_utf8(&request.body).unwrap(),
        "To=%2B49301234567&From=%2B12125550100&Body=Code%3A%201%262%3D3%20%7Bto%7D%20%C3%A9"
    );
    assert!(!format!("{gateway:?}").contains("hunter2"));
}

#[tokio::test]
async fn the_telephones_stand_in_for_a_gateway() {
    let dir = tempfile::tempdir().unwrap();
    let telephones = Telephones::start().unwrap();
    let with = |account: &str| {
        gateway(&format!(
            "preset = 'twilio'\naccount = '{account}'\nsecret_file = '{}'\nfrom = 'Shop'\nurl = '{}'",
            secret(&dir),
            telephones.url()
        ))
    };
    with(ACCOUNT).send(&message("Code: 1&2=3+4 %41 é")).await.unwrap();
    let texts = telephones.wait_for(1).await;
    let expected = Text {
        to: "+49301234567".to_owned(),
        from: "Shop".to_owned(),
        text: "Code: 1&2=3+4 %41 é".to_owned(),
    };
    assert_eq!(texts, [expected]);
    telephones.answer_next(Answer::new(503, ""));
    assert_eq!(with(ACCOUNT).send(&message("x")).await.unwrap_err().outlook(), Outlook::Retry);
    assert_eq!(with("AC1").send(&message("x")).await.unwrap_err().code(), "sms.refused");
}

#[tokio::test]
async fn any_gateway_by_description() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::start().unwrap();
    let url = recorder.url();
    let secret = secret(&dir);
    let json = gateway(&format!(
        "url = '{url}/send/{{id}}'\nmethod = 'PUT'\nsecret_file = '{secret}'\nheaders = {{ x-key = 'k {{secret}}' \
         }}\njson = {{ messages = [{{ to = '{{to}}', body = '{{text}}', flash = false }}] }}"
    ));
    json.send(&message("\",\"admin\":true,\"x\":\"\n")).await.unwrap();
    let get = gateway(&format!(
        "url = '{url}/sms?to={{to}}&m={{text}}&k={{secret}}'\nmethod = 'GET'\nsecret_file = '{secret}'"
    ));
    get.send(&message("a&k=b#c d")).await.unwrap();
    let requests = recorder.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].target.as_str()), ("PUT", "/send/msg-1"));
    assert_eq!(requests[0].header("x-key"), Some("k hunter2"));
    let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    let expected = serde_json::json!({ "messages": [
        { "to": "+49301234567", "body": "\",\"admin\":true,\"x\":\"", "flash": false }
    ] });
    assert_eq!(body, expected);
    assert_eq!(requests[1].target, "/sms?to=%2B49301234567&m=a%26k%3Db%23c%20d&k=hunter2");
}

#[tokio::test]
async fn a_yes_is_what_the_config_says() {
    let recorder = Recorder::start().unwrap();
    let url = recorder.url();
    let by_status = gateway(&format!("url = '{url}/'\nform = {{ to = '{{to}}', text = '{{text}}' }}"));
    let by_answer = gateway(&format!(
        "url = '{url}/'\nform = {{ to = '{{to}}', text = '{{text}}' }}\n[success]\nstatus = [200, 202]\npointer = \
         '/messages/0/status'\nequals = ['0', 0]"
    ));
    let cases = [
        (&by_status, 200, "no json", None),
        (&by_status, 204, "", None),
        (&by_status, 301, "", Some(("sms.refused", Outlook::GiveUp))),
        (&by_status, 400, "+49301234567 is no number", Some(("sms.refused", Outlook::GiveUp))),
        (&by_status, 401, "", Some(("sms.refused", Outlook::Retry))),
        (&by_status, 429, "", Some(("sms.refused", Outlook::Retry))),
        (&by_status, 500, "", Some(("sms.refused", Outlook::Retry))),
        (&by_status, 503, "", Some(("sms.refused", Outlook::Retry))),
        (&by_answer, 202, r#"{"messages":[{"status":"0"}]}"#, None),
        (&by_answer, 200, r#"{"messages":[{"status":0}]}"#, None),
        (&by_answer, 201, r#"{"messages":[{"status":"0"}]}"#, Some(("sms.refused", Outlook::GiveUp))),
        (&by_answer, 200, r#"{"messages":[{"status":"1"}]}"#, Some(("sms.not_taken", Outlook::GiveUp))),
        (&by_answer, 200, r#"{"messages":[]}"#, Some(("sms.not_taken", Outlook::GiveUp))),
        (&by_answer, 200, "ok", Some(("sms.not_taken", Outlook::GiveUp))),
    ];
    for (gateway, status, body, expected) in cases {
        recorder.answer_next(Answer::new(status, body));
        let found = gateway.send(&message("Your code")).await.err();
        let seen = found.as_ref().map(|error| (error.code(), error.outlook()));
        assert_eq!(seen, expected, "{status} {body}");
        let said = format!("{found:?} {}", found.as_ref().map(ToString::to_string).unwrap_or_default());
        assert!(!said.contains("1234567") && !said.contains("code\""), "{said}");
    }
    drop(recorder);
    let gone = by_status.send(&message("x")).await.unwrap_err();
    assert_eq!((gone.code(), gone.outlook()), ("outbound.connect", Outlook::Retry));
}

#[test]
fn faults_say_which_key_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let secret = secret(&dir);
    let check = |text: &str, expected: &str| {
        let why = section(text).gateway().unwrap_err().to_string();
        assert!(why.contains(expected) && !why.contains("hunter2"), "{text}: {why}");
    };
    let fields = "form = { to = '{to}', text = '{text}' }";
    check("", "sms.url");
    check(&format!("url = 'http://sms.example/'\n{fields}"), "https://");
    check(&format!("url = 'https://{{to}}.example/'\n{fields}"), "sms.url");
    check(&format!("url = 'https://sms.example:{{id}}/'\n{fields}"), "sms.url");
    check(&format!("url = 'https://{{id}}@sms.example/'\n{fields}"), "sms.url");
    check(&format!("url = 'ftp://sms.example/'\n{fields}"), "sms.url");
    check("url = 'https://sms.example/'\nform = { to = '{to}' }", "{text}");
    check("url = 'https://sms.example/'\nform = { to = '{to}', text = '{txet}' }", "another one");
    check("url = 'https://sms.example/{to}/{text}/{secret}'", "sms.secret_file");
    check(&format!("url = 'https://sms.example/'\nmethod = 'GET'\n{fields}"), "sms.method");
    check(&format!("url = 'https://sms.example/'\nmethod = 'DELETE'\n{fields}"), "sms.method");
    check(&format!("url = 'https://sms.example/'\n{fields}\njson = {{ a = 'b' }}"), "sms.json");
    check(&format!("url = 'https://sms.example/'\naccount = 'a'\n{fields}"), "sms.account");
    check(
        &format!("url = 'https://sms.example/'\nheaders = {{ host = 'hunter2' }}\n{fields}"),
        "sms.headers",
    );
    check(
        &format!("url = 'https://sms.example/'\nheaders = {{ x = \"hunter2\\r\\ny: z\" }}\n{fields}"),
        "sms.headers",
    );
    check(
        &format!("url = 'https://sms.example/'\n{fields}\n[success]\nequals = ['0']"),
        "sms.success.equals",
    );
    check(
        &format!("url = 'https://sms.example/'\n{fields}\n[success]\npointer = 'x'"),
        "sms.success.pointer",
    );
    check("preset = 'twilio'\naccount = 'AC1'\nfrom = '+12125550100'", "sms.secret_file");
    check(&format!("preset = 'twilio'\naccount = 'AC1'\nsecret_file = '{secret}'"), "sms.from");
    let twilio = format!("preset = 'twilio'\naccount = 'AC1'\nsecret_file = '{secret}'\nfrom = 'Shop'");
    check(&format!("{twilio}\nmethod = 'GET'"), "sms.preset");
    section(&twilio).gateway().unwrap();
    assert!(toml::from_str::<SmsSection>("uri = 'x'").is_err());
    assert!(toml::from_str::<SmsSection>("preset = 'other'").is_err());
}

#[tokio::test]
async fn the_guard_holds_for_gateways() {
    let recorder = Recorder::start().unwrap();
    let fields = "form = { to = '{to}', text = '{text}' }";
    let inside = gateway(&format!("url = 'https://10.0.0.5/'\n{fields}"));
    assert_eq!(inside.send(&message("x")).await.unwrap_err().code(), "outbound.address");
    recorder.answer_next(Answer::new(307, "").header("location", "http://127.0.0.1:1/"));
    let here = gateway(&format!("url = '{}/'\n{fields}", recorder.url()));
    assert_eq!(here.send(&message("x")).await.unwrap_err().code(), "sms.refused");
    assert_eq!(recorder.requests().len(), 1);
}
