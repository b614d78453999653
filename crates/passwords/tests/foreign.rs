//! Hashes of other programs, made by those programs (`vectors/make.*`), and what attackers would store instead.
#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

use base64ct::{Base64, Encoding};
use storeward_base::{Secret, SystemEntropy};
use storeward_passwords::{Cost, Error, Hasher, Recipe, StoredHash, Verified};

const SMALL: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

struct Vector {
    kind: String,
    password: String,
    stored: String,
}

fn vectors() -> Vec<Vector> {
    let read = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let password = String::from_utf8(Base64::decode_vec(fields[1]).unwrap()).unwrap();
        Vector { kind: fields[0].to_owned(), password, stored: fields[2].to_owned() }
    };
    include_str!("vectors/foreign.tsv").lines().map(read).collect()
}

fn hasher() -> Hasher {
    Hasher::new(Recipe { cost: SMALL, peppers: Vec::new() })
}

fn check(hasher: &mut Hasher, password: &str, stored: &str) -> Verified {
    let stored = StoredHash::parse(stored).unwrap_or_else(|error| panic!("{stored}: {error}"));
    hasher.verify(&Secret::new(password.to_owned()), &stored).unwrap()
}

#[test]
fn what_other_programs_stored_is_verified() {
    let mut one = hasher();
    let all = vectors();
    assert!(all.len() > 50, "{}", all.len());
    for Vector { kind, password, stored } in &all {
        assert_eq!(check(&mut one, password, stored), Verified::FitsOutdated, "{kind}: {stored}");
        // Beyond the 72nd byte plain bcrypt sees nothing, so a change goes to the front.
        let wrong = format!("x{password}");
        assert_eq!(check(&mut one, &wrong, stored), Verified::Wrong, "{kind}: {stored}");
    }
}

#[test]
fn fast_hashes_are_wrapped_and_the_others_are_not() {
    let mut one = hasher();
    let mut wrapped = 0;
    for Vector { kind, password, stored } in vectors() {
        let read = StoredHash::parse(&stored).unwrap();
        let fast = [
            "md5",
            "phpass",
            "phpass-form",
            "phpass-phpbb",
            "phpass-passlib",
            "magento-0",
            "django-md5",
            "magento-1",
            "magento-0-1",
        ];
        assert_eq!(read.is_fast(), fast.contains(&kind.as_str()), "{kind}");
        if !read.is_fast() {
            assert!(one.wrap(&read, &SystemEntropy).is_err(), "{kind}");
            continue;
        }
        wrapped += 1;
        let new = one.wrap(&read, &SystemEntropy).unwrap().to_string();
        assert_eq!(check(&mut one, &password, &new), Verified::FitsOutdated, "{kind}: {new}");
        assert_eq!(check(&mut one, &format!("x{password}"), &new), Verified::Wrong, "{kind}: {new}");
        // The original's result is gone: neither the text nor its bytes stand in it.
        let result = stored.split(':').next().unwrap().rsplit('$').next().unwrap();
        assert!(!new.contains(result), "{kind}: {new}");
        assert!(!StoredHash::parse(&new).unwrap().is_fast());
    }
    assert!(wrapped > 10, "{wrapped}");
}

/// The stored form has a version and keeps its samples: these were written by the first version.
#[test]
fn wrapped_hashes_of_the_first_version_are_read() {
    let mut one = hasher();
    for line in include_str!("vectors/wrapped-v1.tsv").lines() {
        let (password, stored) = line.split_once('\t').unwrap();
        assert_eq!(check(&mut one, password, stored), Verified::FitsOutdated, "{stored}");
    }
}

#[test]
fn wordpress_trims_and_phpbb_does_not() {
    let mut one = hasher();
    let all = vectors();
    let of = |kind: &str| all.iter().find(|vector| vector.kind == kind).unwrap();
    for (kind, expected) in [
        ("phpass", Verified::FitsOutdated),
        ("wordpress-6.8", Verified::FitsOutdated),
        ("phpass-phpbb", Verified::Wrong),
        ("bcrypt-2y", Verified::Wrong),
    ] {
        let vector = of(kind);
        let spaced = format!(" {}\t", vector.password);
        assert_eq!(check(&mut one, &spaced, &vector.stored), expected, "{kind}");
    }
}

// WordPress hashes what wp_magic_quotes() left of a form: whoever has a quote in the password was taken over and refused.
#[test]
fn quotes_are_read_as_wordpress_hashes_them_and_nowhere_else() {
    let mut one = hasher();
    let mut seen = 0;
    for Vector { kind, password, stored } in vectors() {
        let slashed = password.replace('\\', "\\\\").replace('"', "\\\"").replace('\'', "\\'");
        if slashed == password {
            continue;
        }
        seen += 1;
        assert_eq!(check(&mut one, &password, &stored), Verified::FitsOutdated, "{kind}");
        // A backslash more than was hashed, or one before what needs none, is another password.
        let more = if kind.ends_with("-form") { format!("{slashed}\\") } else { slashed.clone() };
        assert_eq!(check(&mut one, &more, &stored), Verified::Wrong, "{kind}");
        let plain = password.replace(['\'', '"', '\\'], "");
        assert_eq!(check(&mut one, &plain, &stored), Verified::Wrong, "{kind}");
    }
    assert_eq!(seen, 9);
    // it\'s, stored by phpBB, Django, PHP: nobody's form took the backslash from what they typed.
    for stored in [
        "df8c6fa71f648115ea03cb499348df07",
        "$H$970091658N1evklz5X2j/g4TUwxE.O.",
        "$2y$04$RBaOD6Aj2/O8gt3eAB2Ik.YzP4HC0M5crw29Ou6uJHD0UQoTEB/IC",
    ] {
        assert_eq!(check(&mut one, "it's", stored), Verified::Wrong, "{stored}");
        assert_eq!(check(&mut one, "it\\'s", stored), Verified::FitsOutdated, "{stored}");
    }
}

// Nobody's address has a form of those that are stored. Were WordPress's the same as another's of equal cost, a quote would tell them apart.
#[test]
fn forms_with_another_number_of_readings_are_not_taken_for_one_another() {
    let work = |stored: &str| StoredHash::parse(stored).unwrap().work(SMALL);
    let bcrypt = "2y$06$h2rxugE9irJu6uA8yB66EuP12sfhpYqFnW5yuJ/WVOAsuECR9sciO";
    assert_ne!(work(&format!("$wp${bcrypt}")), work(&format!("${bcrypt}")));
    let phpass = "Bd47a848aNfSRu9Zl4PMA3PDa7rM8l1";
    let forms = ["$P$", "$H$"].map(|owner| format!("{owner}{phpass}"));
    assert_ne!(work(&forms[0]), work(&forms[1]));
    let wrapped = forms.map(|form| {
        let wrapped = hasher().wrap(&StoredHash::parse(&form).unwrap(), &SystemEntropy).unwrap();
        work(&wrapped.to_string())
    });
    assert_ne!(wrapped[0], wrapped[1]);
}

#[test]
fn hostile_parameters_are_refused_before_any_work() {
    let bcrypt = "esXKQKKOA3r41YfdPxoJJuSmsIbAKT9ynasGjDKCQadAuef5BybQDe";
    let digest = "gNpQy4Y7ATtfcWlPPeLeQ4OddB8fHLQmFzO0iTFZE8M=";
    let hex = "a".repeat(64);
    for stored in [
        format!("$2b$15${}", &bcrypt[..53]),
        format!("$2b$31${}", &bcrypt[..53]),
        format!("$2b$03${}", &bcrypt[..53]),
        format!("$wp$2y$20${}", &bcrypt[..53]),
        "$P$Z1416feaaL7B4pAjRE8QNWZr0ytM3j.".to_owned(),
        "$P$zzzzzzzzzL7B4pAjRE8QNWZr0ytM3j.".to_owned(),
        format!("pbkdf2_sha256$2000001$salt${digest}"),
        format!("pbkdf2_sha256$4294967295$salt${digest}"),
        format!("{hex}:salt:3_32_2_4294967295"),
        format!("{hex}:salt:3_32_4000000000_67108864"),
        format!("{hex}:salt:2:2:2:2:2"),
        format!("{hex}:salt:2:2:2:2"),
        format!("{hex}:salt{}", ":1".repeat(300)),
        format!("scrypt$1048576$salt$8$5${}", Base64::encode_string(&[0; 64])),
        format!("scrypt$16384$salt$4294967295$5${}", Base64::encode_string(&[0; 64])),
        format!("scrypt$16384$salt$8$4294967295${}", Base64::encode_string(&[0; 64])),
        format!(
            "$wrapped$v=1$phpass,30,wordpress,c2FsdA==$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ${}",
            "A".repeat(43)
        ),
        format!("$wrapped$v=1$md5$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ${}", "A".repeat(43)),
        format!("argon2$argon2id$v=19$m=4194304,t=2,p=8$c29tZXNhbHQ${}", "A".repeat(43)),
    ] {
        assert_eq!(StoredHash::parse(&stored).err(), Some(Error::Cost), "{stored}");
    }
    let scrypt = |log2_n: u8, r: u32, p: u32| {
        let mut bytes = b"scrypt\0".to_vec();
        bytes.push(log2_n);
        bytes.extend(r.to_be_bytes());
        bytes.extend(p.to_be_bytes());
        bytes.extend([7; 80]);
        Base64::encode_string(&bytes)
    };
    for (log2_n, r, p) in
        [(63, 8, 1), (18, 8, 1), (15, 8, 5), (14, u32::MAX, 1), (14, 1, u32::MAX), (255, 1, 1)]
    {
        let stored = scrypt(log2_n, r, p);
        assert_eq!(StoredHash::parse(&stored).err(), Some(Error::Cost), "{log2_n} {r} {p}");
    }
    assert!(matches!(StoredHash::parse(&scrypt(10, 8, 1)), Err(Error::Form(_))), "the checksum does not fit");
}

#[test]
fn what_is_no_hash_is_refused() {
    for stored in [
        "",
        "*",
        "!",
        "password",
        "5b0fb22b69b01af554df844b54a139c",
        "5b0fb22b69b01af554df844b54a139cg",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "$P$B1416feaaL7B4pAjRE8QNWZr0ytM3j",
        "$P$B1416feaaL7B4pAjRE8QNWZr0ytM3jz",
        "$P$",
        "$2x$06$esXKQKKOA3r41YfdPxoJJuSmsIbAKT9ynasGjDKCQadAuef5BybQDe",
        "$2b$6$esXKQKKOA3r41YfdPxoJJuSmsIbAKT9ynasGjDKCQadAuef5BybQDe",
        "$2b$06$",
        "32af8eb2654906678d8fb644f8db5b7b:salt:",
        "32af8eb2654906678d8fb644f8db5b7b:salt:1",
        "32af8eb2654906678d8fb644f8db5b7b:salt:9",
        "32af8eb2654906678d8fb644f8db5b7b:salt:3_32_2",
        "32af8eb2654906678d8fb644f8db5b7b:salt",
        "pbkdf2_sha256$0$salt$gNpQy4Y7ATtfcWlPPeLeQ4OddB8fHLQmFzO0iTFZE8M=",
        "pbkdf2_sha256$20000$salt$AAAA",
        "pbkdf2_sha512$20000$salt$gNpQy4Y7ATtfcWlPPeLeQ4OddB8fHLQmFzO0iTFZE8M=",
        "scrypt$16383$salt$8$5$AAAA",
        "c2NyeXB0",
        "$wrapped$v=1$md5",
        "$wrapped$v=1$bcrypt,06,x$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
        "$wrapped$v=2$md5$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
        "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}",
    ] {
        assert!(StoredHash::parse(stored).is_err(), "{stored}");
    }
    assert!(StoredHash::parse(&"a".repeat(1_000_000)).is_err());
}

proptest::proptest! {
    #[test]
    fn parsing_never_panics(text in ".{0,200}", start in 0usize..12) {
        let starts = ["", "$P$", "$2b$", "$wp$2y$", "bcrypt$", "bcrypt_sha256$", "pbkdf2_sha256$", "scrypt$", "c2NyeXB0", "$argon2id$v=19$", "argon2$", "$wrapped$v=1$"];
        let _ = StoredHash::parse(&format!("{}{text}", starts[start]));
    }
}
