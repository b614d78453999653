//! That we know the password, said without saying it.

use storeward_base::Secret;
use storeward_seal::fingerprint::{sha1, sha256};

/// What a plugin wants to see; nothing for a plugin that is not known here. No password is told to a server that asks for it in
/// plain text (`mysql_clear_password`).
pub(super) fn of(plugin: &str, password: &Secret<String>, salt: &[u8]) -> Option<Vec<u8>> {
    let password = password.expose().as_bytes();
    match plugin {
        "mysql_native_password" | "caching_sha2_password" if password.is_empty() => Some(Vec::new()),
        // SHA1(password) xor SHA1(salt, SHA1(SHA1(password)))
        "mysql_native_password" => {
            let once = sha1(password);
            let other = sha1(&[salt, &sha1(&once)].concat());
            Some(mixed(&once, &other))
        }
        // SHA256(password) xor SHA256(SHA256(SHA256(password)), salt)
        "caching_sha2_password" => {
            let once = sha256(password);
            let other = sha256(&[sha256(&once).as_slice(), salt].concat());
            Some(mixed(&once, &other))
        }
        _ => None,
    }
}

fn mixed(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(a, b)| a ^ b).collect()
}
