//! The ceremonies, as an honest device makes them and as liars do.

use proptest::prelude::*;

use super::cbor::Item;
use super::soft::{SoftAssertion, SoftKey, client_data};
use super::*;

const ID: &str = "shop.example";
const ORIGIN: &str = "https://shop.example";
const CHALLENGE: &[u8] = &[9; 32];

fn party() -> Party {
    Party { id: ID.to_owned(), origins: vec![ORIGIN.to_owned(), "https://id.shop.example".to_owned()] }
}

fn registered(key: &SoftKey) -> Result<Registered, Refusal> {
    let made = key.register(ID, ORIGIN, CHALLENGE);
    register(&party(), CHALLENGE, &made.client_data, &made.attestation)
}

fn check(key: &SoftKey, known_count: u32, given: &SoftAssertion) -> Result<Asserted, Refusal> {
    let assertion = Assertion {
        client_data: &given.client_data,
        authenticator_data: &given.authenticator_data,
        signature: &given.signature,
    };
    assert(&party(), CHALLENGE, &key.cose(), known_count, assertion)
}

#[test]
fn an_honest_device_registers_and_signs_in() {
    let mut key = SoftKey::generate(b"a");
    let made = registered(&key).unwrap();
    assert_eq!((made.credential_id, made.public_key), (key.credential_id.clone(), key.cose()));
    let given = key.sign_in(ID, ORIGIN, CHALLENGE);
    assert_eq!(check(&key, 0, &given), Ok(Asserted { sign_count: 0 }));
    let elsewhere = key.sign_in(ID, "https://id.shop.example", CHALLENGE);
    assert!(check(&key, 0, &elsewhere).is_ok(), "the sibling host is one of ours");
}

#[test]
fn another_origin_is_refused_also_a_longer_one() {
    let mut key = SoftKey::generate(b"a");
    for origin in [
        "https://evil.example",
        "https://shop.example.evil.example",
        "https://evil-shop.example",
        "https://www.shop.example",
        "http://shop.example",
        "https://shop.example:8443",
        "https://SHOP.example",
        "https://shop.example/",
        "null",
    ] {
        let given = key.sign_in(ID, origin, CHALLENGE);
        assert_eq!(check(&key, 0, &given), Err(Refusal::Origin), "{origin}");
        let made = key.register(ID, origin, CHALLENGE);
        let answer = register(&party(), CHALLENGE, &made.client_data, &made.attestation);
        assert_eq!(answer, Err(Refusal::Origin), "{origin}");
    }
    let given = key.sign_in("evil.example", ORIGIN, CHALLENGE);
    assert_eq!(check(&key, 0, &given), Err(Refusal::Party));
}

#[test]
fn a_frame_of_another_site_is_refused() {
    let key = SoftKey::generate(b"a");
    let made = key.register(ID, ORIGIN, CHALLENGE);
    let text = String::from_utf8(made.client_data).unwrap();
    let framed = [
        text.replace("\"crossOrigin\":false", "\"crossOrigin\":true"),
        text.replace("\"more\":1", "\"topOrigin\":\"https://evil.example\""),
    ];
    for data in framed {
        let answer = register(&party(), CHALLENGE, data.as_bytes(), &made.attestation);
        assert_eq!(answer, Err(Refusal::Origin), "{data}");
    }
}

#[test]
fn a_device_that_did_not_check_the_person_is_refused() {
    let mut key = SoftKey::generate(b"a");
    for (flags, expected) in
        [(0b001, Refusal::Verification), (0b100, Refusal::Presence), (0, Refusal::Presence)]
    {
        key.flags = flags;
        assert_eq!(registered(&key), Err(expected));
        let given = key.sign_in(ID, ORIGIN, CHALLENGE);
        assert_eq!(check(&key, 0, &given), Err(expected));
    }
    // Backed up, but not eligible to be.
    key.flags = 0b1_0101;
    assert_eq!(registered(&key), Err(Refusal::Form));
}

#[test]
fn another_challenge_and_another_ceremony_are_refused() {
    let mut key = SoftKey::generate(b"a");
    let given = key.sign_in(ID, ORIGIN, &[8; 32]);
    assert_eq!(check(&key, 0, &given), Err(Refusal::Challenge));
    let mut given = key.sign_in(ID, ORIGIN, CHALLENGE);
    given.client_data = client_data("webauthn.create", ORIGIN, CHALLENGE);
    assert_eq!(check(&key, 0, &given), Err(Refusal::Ceremony));
    let given = key.sign_in(ID, ORIGIN, b"short");
    let assertion = Assertion {
        client_data: &given.client_data,
        authenticator_data: &given.authenticator_data,
        signature: &given.signature,
    };
    let answer = assert(&party(), b"short", &key.cose(), 0, assertion);
    assert_eq!(answer, Err(Refusal::Challenge), "a challenge that can be guessed is none");
}

#[test]
fn a_counter_that_does_not_grow_tells_of_a_copy() {
    let mut key = SoftKey::generate(b"a");
    key.sign_count = 6;
    let given = key.sign_in(ID, ORIGIN, CHALLENGE);
    assert_eq!(check(&key, 6, &given), Ok(Asserted { sign_count: 7 }));
    assert_eq!(check(&key, 7, &given), Err(Refusal::Counter));
    assert_eq!(check(&key, 8, &given), Err(Refusal::Counter));
    key.sign_count = 0;
    let given = key.sign_in(ID, ORIGIN, CHALLENGE);
    assert_eq!(check(&key, 8, &given), Err(Refusal::Counter), "a device that counted counts on");
}

#[test]
fn every_flipped_bit_is_found() {
    let mut key = SoftKey::generate(b"a");
    let good = key.sign_in(ID, ORIGIN, CHALLENGE);
    for at in 0..good.authenticator_data.len() {
        let mut data = good.authenticator_data.clone();
        data[at] ^= 1;
        let given = SoftAssertion {
            client_data: good.client_data.clone(),
            authenticator_data: data,
            signature: good.signature.clone(),
        };
        assert!(check(&key, 0, &given).is_err(), "byte {at}");
    }
    let stranger = SoftKey::generate(b"b");
    assert_eq!(check(&stranger, 0, &good), Err(Refusal::Signature));
}

#[test]
fn keys_of_other_kinds_are_refused() {
    let key = SoftKey::generate(b"a").cose();
    assert!(PublicKey::parse(&key).is_ok());
    let change = |at: usize, byte: u8| {
        let mut changed = key.clone();
        changed[at] = byte;
        PublicKey::parse(&changed).map(drop)
    };
    // ES384, P-384, OKP; and a point beside the curve.
    assert_eq!(change(4, 0x38), Err(Refusal::Form));
    assert_eq!(change(6, 0x02), Err(Refusal::Key));
    assert_eq!(change(2, 0x01), Err(Refusal::Key));
    assert_eq!(change(20, key[20] ^ 1), Err(Refusal::Key));
    // EdDSA, RFC 8032 section 7.1 test 2: key, message and signature.
    let hex = |text: &str| crate::encoding::decode_hex(text).unwrap();
    let mut ed = vec![0xA4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
    ed.extend(hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"));
    let signature = hex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    let ed = PublicKey::parse(&ed).unwrap();
    assert_eq!(ed.verify(&[0x72], &signature), Ok(()));
    assert_eq!(ed.verify(&[0x73], &signature), Err(Refusal::Signature));
    // RSA with a modulus of 1024 bits.
    let mut small = vec![0xA4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x58, 0x80];
    small.extend([0xFF; 128]);
    small.extend([0x21, 0x43, 1, 0, 1]);
    assert_eq!(PublicKey::parse(&small).map(drop), Err(Refusal::Key));
}

#[test]
fn attestations_that_nobody_asked_for() {
    let key = SoftKey::generate(b"a");
    let made = key.register(ID, ORIGIN, CHALLENGE);
    let renamed: Vec<u8> = {
        let at = made.attestation.windows(4).position(|four| four == b"none").unwrap();
        let mut bytes = made.attestation.clone();
        bytes[at..at + 4].copy_from_slice(b"tpm!");
        bytes
    };
    assert_eq!(register(&party(), CHALLENGE, &made.client_data, &renamed), Err(Refusal::Form));
    for cut in 0..made.attestation.len() {
        let answer = register(&party(), CHALLENGE, &made.client_data, &made.attestation[..cut]);
        assert!(answer.is_err(), "cut at {cut}");
    }
    let mut longer = made.attestation.clone();
    longer.push(0);
    assert_eq!(register(&party(), CHALLENGE, &made.client_data, &longer), Err(Refusal::Form));
}

#[test]
fn cbor_is_bounded() {
    assert_eq!(Item::parse(&[0x18, 0x20]), Some(Item::Integer(32)));
    assert_eq!(Item::parse(&[0x38, 0x1F]), Some(Item::Integer(-32)));
    for bad in [
        &[0x5F, 0x41, 0x00, 0xFF][..],               // indefinite length
        &[0xC0, 0x00],                               // a tag
        &[0xFB, 0, 0, 0, 0, 0, 0, 0, 0],             // a float
        &[0x81, 0x81, 0x81, 0x81, 0x81, 0x00],       // too deep
        &[0xA2, 0x01, 0x00, 0x01, 0x00],             // one key twice
        &[0x9B, 0xFF, 0, 0, 0, 0, 0, 0, 0],          // more entries than there are bytes
        &[0x5B, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0], // more bytes than there are
        &[0x1B, 0xFF, 0, 0, 0, 0, 0, 0, 0],          // does not fit
        &[],
    ] {
        assert_eq!(Item::parse(bad), None, "{bad:02x?}");
    }
}

proptest! {
    #[test]
    fn nothing_from_outside_makes_it_panic(
        client in proptest::collection::vec(any::<u8>(), 0..80),
        data in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        drop(register(&party(), CHALLENGE, &client, &data));
        drop(Item::parse(&data));
        drop(PublicKey::parse(&data));
        let honest = client_data("webauthn.get", ORIGIN, CHALLENGE);
        let assertion = Assertion { client_data: &honest, authenticator_data: &data, signature: &client };
        prop_assert!(assert(&party(), CHALLENGE, &data, 0, assertion).is_err());
    }
}
