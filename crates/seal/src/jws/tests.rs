use super::*;
use serde_json::json;
use storeward_base::SystemEntropy;

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, &SystemEntropy).unwrap().0
}

#[test]
fn a_token_fits_its_own_key_and_kind_only() {
    for algorithm in Algorithm::ALL {
        let (ours, other) = (key(algorithm), key(algorithm));
        let token = ours.token("k1", "JWT", &json!({ "sub": "a" })).unwrap();
        let read = Unchecked::parse(&token).unwrap();
        assert_eq!(read.key_id(), "k1");
        assert_eq!(read.verify(&ours.public(), "JWT").unwrap()["sub"], "a");
        assert_eq!(read.verify(&other.public(), "JWT"), Err(Error::Signature));
        assert_eq!(read.verify(&ours.public(), "logout+jwt"), Err(Error::Signature));
    }
}

#[test]
fn every_changed_character_is_found() {
    let ours = key(Algorithm::Es256);
    let token = ours.token("k1", "JWT", &json!({ "sub": "a" })).unwrap();
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let taken = Unchecked::parse(&changed).and_then(|read| read.verify(&ours.public(), "JWT"));
        assert!(taken.is_err(), "{at}");
    }
}

/// The algorithm is the key's: neither `none` nor another one, and no key of one kind used as one of another.
#[test]
fn algorithms_cannot_be_confused() {
    let ours = key(Algorithm::Rs256);
    let claims = base64_url(br#"{"sub":"a"}"#);
    let forged = |header: Value, signature: &[u8]| {
        format!("{}.{claims}.{}", base64_url(header.to_string().as_bytes()), base64_url(signature))
    };
    for (header, signature) in [
        (json!({ "alg": "none", "typ": "JWT" }), &b""[..]),
        (json!({ "alg": "None", "typ": "JWT" }), b""),
        (json!({ "alg": "HS256", "typ": "JWT" }), b"x"),
        (json!({ "alg": "RS384", "typ": "JWT" }), b"x"),
        (json!({ "alg": "RS256", "typ": "JWT", "crit": ["b64"], "b64": false }), b"x"),
    ] {
        assert!(Unchecked::parse(&forged(header, signature)).is_err());
    }
    // A signature that is right, by an algorithm that the key is not for.
    let ec = key(Algorithm::Es256);
    let token = ec.token("k1", "JWT", &json!({ "sub": "a" })).unwrap();
    assert_eq!(Unchecked::parse(&token).unwrap().verify(&ours.public(), "JWT"), Err(Error::Signature));
}

#[test]
fn what_is_no_token_is_refused() {
    for text in ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "e30.e30.", "eyJhbGciOiJFUzI1NiJ9.e30"] {
        assert!(Unchecked::parse(text).is_err(), "{text}");
    }
    assert!(Unchecked::parse(&"a.".repeat(10_000)).is_err());
    let ours = key(Algorithm::EdDsa);
    let text = ours.token("k", "JWT", &json!("no object")).unwrap();
    assert!(Unchecked::parse(&text).unwrap().verify(&ours.public(), "JWT").is_err());
}

#[test]
fn keys_round_trip_and_do_not_print() {
    for algorithm in Algorithm::ALL {
        let (ours, document) = SigningKey::generate(algorithm, &SystemEntropy).unwrap();
        let read = SigningKey::from_pkcs8(algorithm, &document).unwrap();
        assert_eq!((read.algorithm(), read.public()), (algorithm, ours.public()));
        assert!(format!("{read:?}").ends_with(", ***)"));
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            assert!(SigningKey::from_pkcs8(other, &document).is_err());
        }
        let stored = serde_json::to_string(&ours.public()).unwrap();
        assert_eq!(serde_json::from_str::<PublicKey>(&stored).unwrap(), ours.public());
        let jwk = ours.public().jwk("k1");
        assert_eq!((jwk["kid"].as_str(), jwk["use"].as_str()), (Some("k1"), Some("sig")));
        assert_eq!(jwk["alg"].as_str(), Some(algorithm.name()));
        assert!(jwk.get("d").is_none() && jwk.get("p").is_none());
    }
}

/// RFC 7638 section 3.1's example, and RFC 8037 appendix A.3's.
#[test]
fn thumbprints_have_their_known_values() {
    let rsa: PublicKey = serde_json::from_value(json!({ "kty": "RSA", "e": "AQAB", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw" })).unwrap();
    assert_eq!(rsa.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let okp: PublicKey =
        serde_json::from_value(json!({ "kty": "OKP", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }))
            .unwrap();
    assert_eq!(okp.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}
