use std::os::unix::fs::PermissionsExt;

use storeward_base::SystemEntropy;
use storeward_seal::dkim::Algorithm;

use super::*;

fn section(more: &str) -> MailSection {
    toml::from_str(&format!("server = 'smtp.example.com'\nfrom = 'The shop <service@shop.example>'\n{more}"))
        .unwrap()
}

fn refused(section: &MailSection) -> String {
    section.mailer().unwrap_err().to_string()
}

fn private(dir: &tempfile::TempDir, name: &str, text: &str, mode: u32) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn little_is_enough() {
    let found = section("");
    assert_eq!(found.security, SecurityName::StartTls);
    let mailer = found.mailer().unwrap();
    assert_eq!(mailer.sender().from.address.expose(), "service@shop.example");
    let (allow, server) = found.destination().unwrap();
    assert_eq!(server.to_string(), "smtp://smtp.example.com");
    assert_eq!(allow.reach(&server), Some(Reach::Public));
    assert!(toml::from_str::<MailSection>("server = 'x'\nfrom = 'a@b.c'\npasword_file = 'x'").is_err());
}

#[test]
fn a_server_inside_is_said_to_be() {
    let reach = |server: &str, more: &str| {
        let mut found = section(more);
        found.server = server.to_owned();
        let (allow, server) = found.destination().unwrap();
        allow.reach(&server).unwrap()
    };
    assert_eq!(reach("mail.lan", ""), Reach::Public);
    assert_eq!(reach("mail.lan", "internal = true"), Reach::Internal);
    assert_eq!(reach("10.0.0.5", ""), Reach::Internal);
    assert_eq!(reach("localhost", ""), Reach::Internal);
    assert_eq!(reach("169.254.169.254", ""), Reach::Public);
}

#[test]
fn nothing_goes_in_the_clear_over_a_network() {
    for server in ["smtp.example.com", "10.0.0.5", "localhost.example", "0.0.0.0"] {
        let mut found = section("security = 'none'");
        found.server = server.to_owned();
        let why = refused(&found);
        assert!(why.starts_with("mail.security") && why.contains("starttls"), "{server}: {why}");
    }
    for server in ["127.0.0.1", "localhost", "::1"] {
        let mut found = section("security = 'none'");
        found.server = server.to_owned();
        found.mailer().unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let password = private(&dir, "p", "hunter2\n", 0o600);
    let mut found = section(&format!("security = 'none'\nusername = 'u'\npassword_file = '{password}'"));
    found.server = "127.0.0.1".to_owned();
    assert!(refused(&found).contains("not sent in the clear"));
}

#[test]
fn secrets_are_private_files() {
    let dir = tempfile::tempdir().unwrap();
    let open = private(&dir, "open", "hunter2", 0o644);
    let with = |path: &str| section(&format!("username = 'u'\npassword_file = '{path}'"));
    let why = refused(&with(&open));
    assert!(why.contains("chmod 600") && !why.contains("hunter2"), "{why}");
    assert!(refused(&with("/nowhere/p")).contains("mail.password_file"));
    with(&private(&dir, "good", "hunter2\n", 0o600)).mailer().unwrap();
    assert!(refused(&with(&private(&dir, "empty", "\n", 0o600))).contains("empty"));
    assert!(refused(&with(&private(&dir, "two", "a\nb\n", 0o600))).contains("one line"));
    assert!(refused(&section("username = 'u'")).contains("go together"));
    let credentials = with(&private(&dir, "good", "hunter2\r\n", 0o600)).credentials().unwrap().unwrap();
    assert_eq!(credentials.password.expose(), "hunter2");
    assert!(!format!("{credentials:?}").contains("hunter2"));
}

#[test]
fn keys_sign_for_the_domain_that_mail_is_from() {
    let dir = tempfile::tempdir().unwrap();
    let (_, pem) = MailKey::generate(Algorithm::Ed25519Sha256, &SystemEntropy).unwrap();
    let key = private(&dir, "key", pem.expose(), 0o600);
    let open = private(&dir, "open", pem.expose(), 0o640);
    let none = private(&dir, "none", "hello", 0o600);
    let with = |more: &str, key: &str| {
        let mut found = section(&format!("[[dkim]]\nselector = 's1'\nkey_file = '{key}'\n{more}"));
        found.from = "service@mail.shop.example".to_owned();
        found
    };
    let record = |found: MailSection| found.mailer().unwrap().signers()[0].record_name();
    assert_eq!(record(with("", &key)), "s1._domainkey.mail.shop.example");
    assert_eq!(record(with("domain = 'shop.example'", &key)), "s1._domainkey.shop.example");
    assert!(refused(&with("domain = 'op.example'", &key)).contains("mail.dkim.domain"));
    assert!(refused(&with("", &open)).contains("chmod 600"));
    assert!(refused(&with("", &none)).contains("storeward mail dkim"));
}

#[test]
fn faults_say_which_key() {
    let check = |change: fn(&mut MailSection), key: &str| {
        let mut found = section("");
        change(&mut found);
        let why = refused(&found);
        assert!(why.starts_with(key), "{why}");
    };
    check(|s| s.server = "smtp://smtp.example.com".to_owned(), "mail.server");
    check(|s| s.server = "smtp.example.com:587".to_owned(), "mail.server");
    check(|s| s.from = "service".to_owned(), "mail.from");
    check(|s| s.from = "The\nshop <a@b.example>".to_owned(), "mail.from");
    check(|s| s.reply_to = Some("x".to_owned()), "mail.reply_to");
    check(|s| s.ca_file = Some("/nowhere".into()), "mail.ca_file");
}
