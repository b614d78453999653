//! Vectors made here by HMAC written out from RFC 2104, so that what is checked is not what it is checked with.

use storeward_base::{Secret, Timestamp};
use storeward_seal::encoding::hex;
use storeward_seal::fingerprint::sha256;

use super::*;

const SECRET: &str = "whsec_test_secret_of_the_endpoint";
const BODY: &[u8] = br#"{"id":"evt_1","note":"spaces and \u00fcmlauts"}"#;
const NOW: i64 = 1_795_541_880;

/// RFC 2104 section 2, on SHA-256's blocks of 64 bytes.
fn hmac(key: &str, message: &[u8]) -> String {
    let mut block = [0u8; 64];
    block[..key.len()].copy_from_slice(key.as_bytes());
    let inner: Vec<u8> = block.iter().map(|b| b ^ 0x36).chain(message.iter().copied()).collect();
    let outer: Vec<u8> = block.iter().map(|b| b ^ 0x5c).chain(sha256(&inner)).collect();
    hex(&sha256(&outer))
}

fn mark(secret: &str, seconds: i64, body: &[u8]) -> String {
    hmac(secret, &[format!("{seconds}.").as_bytes(), body].concat())
}

fn check(line: &str, body: &[u8]) -> Result<(), Refusal> {
    verify(&[Secret::new(SECRET.to_owned())], line, body, Timestamp::from_seconds(NOW))
}

#[test]
fn good_ones() {
    let line = |seconds: i64| format!("t={seconds},v1={}", mark(SECRET, seconds, BODY));
    for seconds in [NOW, NOW - 300, NOW + 300] {
        assert_eq!(check(&line(seconds), BODY), Ok(()), "{seconds}");
    }
    // An older scheme beside it is passed over; of two marks one is enough.
    let good = mark(SECRET, NOW, BODY);
    assert_eq!(check(&format!("t={NOW},v0={good},v1={good}"), BODY), Ok(()));
    assert_eq!(
        check(&format!("t={NOW},v1={},v1={good}", mark("whsec_other_secret", NOW, BODY)), BODY),
        Ok(())
    );
}

#[test]
fn two_secrets_while_one_is_exchanged() {
    let secrets = ["whsec_the_old_one_of_them", SECRET].map(|s| Secret::new(s.to_owned()));
    let now = Timestamp::from_seconds(NOW);
    for secret in ["whsec_the_old_one_of_them", SECRET] {
        assert_eq!(verify(&secrets, &format!("t={NOW},v1={}", mark(secret, NOW, BODY)), BODY, now), Ok(()));
    }
    let third = format!("t={NOW},v1={}", mark("whsec_another_one", NOW, BODY));
    assert_eq!(verify(&secrets, &third, BODY, now), Err(Refusal::Signature));
}

/// Mistake 8.
#[test]
fn bad_ones() {
    let good = mark(SECRET, NOW, BODY);
    let at = |seconds: i64| format!("t={seconds},v1={}", mark(SECRET, seconds, BODY));
    // The official SDK takes the second: any moment in the future. We do not.
    for seconds in [NOW - 301, NOW + 301, NOW + 600, 0] {
        assert_eq!(check(&at(seconds), BODY), Err(Refusal::Time), "{seconds}");
    }
    for (line, expected) in [
        (format!("t={NOW},v1={good}"), Ok(())),
        (format!("t={},v1={good}", NOW + 1), Err(Refusal::Signature)),
        (format!("t={NOW},v1={}", mark("whsec_wrong_secret_here", NOW, BODY)), Err(Refusal::Signature)),
        (format!("t={NOW},v1={}", good.to_uppercase()), Err(Refusal::Signature)),
        (format!("t={NOW},v1={}", &good[..62]), Err(Refusal::Signature)),
        (format!("t={NOW},v0={good}"), Err(Refusal::NoSignature)),
        (format!("v1={good}"), Err(Refusal::NoSignature)),
        (format!("t={NOW},t={NOW},v1={good}"), Err(Refusal::NoSignature)),
        (format!("t=+{NOW},v1={good}"), Err(Refusal::NoSignature)),
        (format!("t={NOW}, v1={good}"), Err(Refusal::NoSignature)),
        (format!("t={NOW},v1={}", [&*good; 9].join(",v1=")), Err(Refusal::NoSignature)),
        (String::new(), Err(Refusal::NoSignature)),
        ("garbage".to_owned(), Err(Refusal::NoSignature)),
        ("x".repeat(3000), Err(Refusal::NoSignature)),
    ] {
        assert_eq!(check(&line, BODY), expected, "{line}");
    }
    let line = format!("t={NOW},v1={good}");
    let reserialised = br#"{"note":"spaces and \u00fcmlauts","id":"evt_1"}"#;
    let with_newline = [BODY, b"\n"].concat();
    for body in [&reserialised[..], &with_newline, b"", &BODY[1..]] {
        assert_eq!(check(&line, body), Err(Refusal::Signature));
    }
}
