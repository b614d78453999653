//! The tree as a whole: what opens, what does not, and that what was sealed once opens for ever.

use proptest::prelude::*;
use storeward_base::{Entropy, Secret, SeededEntropy};

use super::*;
use crate::Error;
use crate::encoding::{decode_hex, hex};

const SAMPLES: &str = include_str!("../../tests/samples/envelope-v1.json");

fn place<'a>(customer: &'a str, field: &'a str, version: u64) -> FieldPlace<'a> {
    FieldPlace { customer, collection: "address", field, schema: 1, version }
}

#[test]
fn a_value_goes_down_the_whole_tree_and_back() {
    let entropy = SeededEntropy::new(1);
    let root = SecretRoot::generate(&entropy);
    let epoch = EpochKey::generate(EpochId(7), &entropy);
    let key = CustomerKey::generate(1, &entropy);
    let (wrapped_epoch, wrapped_key) =
        (epoch.wrapped(&root, &entropy).unwrap(), epoch.wrap(&key, "customer_a", &entropy));
    let sealed = key.seal(b"12 St James's Square", &place("customer_a", "street", 3), &entropy);
    assert_eq!(sealed.len(), 20 + OVERHEAD_BYTES);

    let epoch = EpochKey::unwrap(EpochId(7), &wrapped_epoch, &root).unwrap();
    let key = epoch.unwrap_customer(&wrapped_key, "customer_a", 1).unwrap();
    let opened = key.open(&sealed, &place("customer_a", "street", 3)).unwrap();
    assert_eq!(opened.expose(), b"12 St James's Square");
    assert_eq!(CustomerKey::version_of(&sealed).unwrap(), 1);
}

#[test]
fn nothing_opens_in_another_place() {
    let entropy = SeededEntropy::new(2);
    let root = SecretRoot::generate(&entropy);
    let epoch = EpochKey::generate(EpochId(7), &entropy);
    let key = CustomerKey::generate(1, &entropy);
    let sealed = key.seal(b"x", &place("customer_a", "street", 3), &entropy);
    let other = |place: FieldPlace<'_>| assert_eq!(key.open(&sealed, &place).unwrap_err(), Error::Sealed);
    other(place("customer_b", "street", 3));
    other(place("customer_a", "city", 3));
    other(place("customer_a", "street", 2));
    other(FieldPlace { schema: 2, ..place("customer_a", "street", 3) });
    other(FieldPlace { collection: "order", ..place("customer_a", "street", 3) });
    // Where one part ends and the next begins counts, too.
    other(FieldPlace { collection: "addres", field: "sstreet", ..place("customer_a", "", 3) });

    let wrapped = epoch.wrap(&key, "customer_a", &entropy);
    assert!(epoch.unwrap_customer(&wrapped, "customer_b", 1).is_err());
    assert!(epoch.unwrap_customer(&wrapped, "customer_a", 2).is_err());
    assert!(EpochKey::generate(EpochId(7), &entropy).unwrap_customer(&wrapped, "customer_a", 1).is_err());
    assert!(epoch.unwrap_other(&wrapped, "customer_a").is_err());

    let wrapped = epoch.wrapped(&root, &entropy).unwrap();
    assert!(EpochKey::unwrap(EpochId(8), &wrapped, &root).is_err());
    assert!(EpochKey::unwrap(EpochId(7), &wrapped, &SecretRoot::generate(&entropy)).is_err());
}

#[test]
fn a_value_under_another_version_of_the_key_is_refused_though_the_bytes_agree() {
    let entropy = SeededEntropy::new(3);
    let bytes = Secret::new((&entropy as &dyn Entropy).bytes::<32>());
    let (one, two) = (CustomerKey::from_bytes(1, bytes.clone()), CustomerKey::from_bytes(2, bytes));
    let mut sealed = one.seal(b"x", &place("customer_a", "street", 3), &entropy);
    assert!(two.open(&sealed, &place("customer_a", "street", 3)).is_err());
    sealed[5] = 2;
    assert!(two.open(&sealed, &place("customer_a", "street", 3)).is_err());
}

/// GCM by itself can be made to open under two keys (Grubbs, Lu, Ristenpart 2017, "Message Franking via Committing
/// Authenticated Encryption"); here a foreign key is refused before GCM is asked.
#[test]
fn the_commitment_names_one_key() {
    let entropy = SeededEntropy::new(4);
    let (one, two) = (CustomerKey::generate(1, &entropy), CustomerKey::generate(1, &entropy));
    let at = place("customer_a", "street", 3);
    let (a, b) = (one.seal(b"same", &at, &entropy), two.seal(b"same", &at, &entropy));
    // The head and commitment of one before the text of the other.
    let mixed = [&a[..62], &b[62..]].concat();
    assert!(one.open(&mixed, &at).is_err() && two.open(&mixed, &at).is_err());
}

#[test]
fn every_flipped_byte_and_every_cut_is_found() {
    let entropy = SeededEntropy::new(5);
    let root = SecretRoot::generate(&entropy);
    let epoch = EpochKey::generate(EpochId(1), &entropy);
    let key = CustomerKey::generate(1, &entropy);
    let at = place("customer_a", "street", 3);
    let sealed = key.seal(b"secret", &at, &entropy);
    each_damage(&sealed, |damaged| key.open(damaged, &at).is_err());
    let wrapped = epoch.wrap(&key, "customer_a", &entropy);
    each_damage(&wrapped, |damaged| epoch.unwrap_customer(damaged, "customer_a", 1).is_err());
    let wrapped = epoch.wrapped(&root, &entropy).unwrap();
    each_damage(&wrapped, |damaged| EpochKey::unwrap(EpochId(1), damaged, &root).is_err());
}

fn each_damage(whole: &[u8], refused: impl Fn(&[u8]) -> bool) {
    for at in 0..whole.len() {
        let mut changed = whole.to_vec();
        changed[at] ^= 0x10;
        assert!(refused(&changed), "byte {at} was changed");
        assert!(refused(&whole[..at]), "cut at {at}");
    }
    assert!(refused(&[whole, &[0]].concat()), "one byte more");
}

#[test]
fn the_root_file_opens_with_its_passphrase_only_and_names_its_key() {
    let entropy = SeededEntropy::new(6);
    let root = SecretRoot::generate(&entropy);
    let derived = |byte| Secret::new([byte; 32]);
    let file = RootFile::seal(&root, Kdf::with(64, 1, &entropy), &derived(1), &entropy);
    let text = file.to_text();
    assert!(!text.contains(&hex(root.bytes().expose())));
    let read = RootFile::parse(&text).unwrap();
    assert_eq!(read.root, root.id());
    assert_eq!(read.open(&derived(1)).unwrap().id(), root.id());
    assert_eq!(read.open(&derived(2)).unwrap_err(), Error::Sealed);
    // Cheaper costs or another salt are no way to make an attack cheaper unseen.
    for (from, to) in [("\"passes\": 1", "\"passes\": 2"), ("\"memory_kib\": 64", "\"memory_kib\": 32")] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        assert!(RootFile::parse(&changed).unwrap().open(&derived(1)).is_err());
    }
    for hostile in [
        text.replace("\"memory_kib\": 64", "\"memory_kib\": 4000000000"),
        text.replace("\"passes\": 1", "\"passes\": 100000"),
        text.replace("\"version\": 1", "\"version\": 2"),
        text.replace("\"lanes\": 1", "\"lanes\": 1, \"more\": 1"),
        String::new(),
    ] {
        assert_eq!(RootFile::parse(&hostile).unwrap_err(), Error::Key);
    }
}

#[test]
fn a_tag_fits_one_key_one_label_and_these_very_parts() {
    let entropy = SeededEntropy::new(3);
    let key = CustomerKey::generate(1, &entropy);
    let tag = key.tag("row", &[b"ab", b"c"]);
    assert_eq!(tag, key.tag("row", &[b"ab", b"c"]));
    for other in [
        key.tag("row", &[b"a", b"bc"]),
        key.tag("row", &[b"ab", b"c", b""]),
        key.tag("raw", &[b"ab", b"c"]),
        CustomerKey::generate(1, &entropy).tag("row", &[b"ab", b"c"]),
    ] {
        assert_ne!(tag, other);
    }
}

#[test]
fn nothing_prints_a_key() {
    let entropy = SeededEntropy::new(7);
    let shown = format!(
        "{:?} {:?} {:?}",
        SecretRoot::generate(&entropy),
        EpochKey::generate(EpochId(2), &entropy),
        CustomerKey::generate(1, &entropy)
    );
    assert_eq!(shown, "SecretRoot(***) EpochKey(2, ***) CustomerKey(1, ***)");
}

/// Values sealed when version 1 was made. They must open for as long as a customer's data may lie somewhere.
#[test]
fn what_version_1_sealed_still_opens() {
    let samples: serde_json::Value = serde_json::from_str(SAMPLES).unwrap();
    let text = |name: &str| samples[name].as_str().unwrap().to_owned();
    let bytes = |name: &str| decode_hex(&text(name)).unwrap();
    let root = SecretRoot::from_bytes(Secret::new(bytes("root_key").try_into().unwrap()));
    assert_eq!(root.id(), text("root_id"));
    let epoch = EpochKey::unwrap(EpochId(7), &bytes("wrapped_epoch_key"), &root).unwrap();
    let key = epoch.unwrap_customer(&bytes("wrapped_customer_key"), "customer_a", 1).unwrap();
    let opened = key.open(&bytes("sealed_field"), &place("customer_a", "street", 3)).unwrap();
    assert_eq!(opened.expose(), b"12 St James's Square");
    let other = epoch.unwrap_other(&bytes("wrapped_index_root"), "index").unwrap();
    let index = crate::IndexRoot::from_bytes(other);
    assert_eq!(hex(&index.field("email", 1).mark("ada@shop.example")), text("mark_of_email"));
    let file = RootFile::parse(&samples["root_file"].to_string()).unwrap();
    assert_eq!(file.open(&Secret::new([9; 32])).unwrap().id(), root.id());
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens(plain in proptest::collection::vec(any::<u8>(), 0..300), seed: u64, version: u64) {
        let entropy = SeededEntropy::new(seed);
        let key = CustomerKey::generate(1, &entropy);
        let at = place("customer_a", "street", version);
        let sealed = key.seal(&plain, &at, &entropy);
        let opened = key.open(&sealed, &at).unwrap();
        prop_assert_eq!(opened.expose(), &plain);
        let again = key.seal(&plain, &at, &entropy);
        prop_assert_ne!(again, sealed);
    }

    #[test]
    fn no_text_from_outside_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let entropy = SeededEntropy::new(1);
        let key = CustomerKey::generate(1, &entropy);
        prop_assert!(key.open(&bytes, &place("customer_a", "street", 1)).is_err());
        prop_assert!(RootFile::parse(&String::from_utf8_lossy(&bytes)).is_err());
    }
}
