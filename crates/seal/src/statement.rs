//! Statements that the ledger's key signs beside its checkpoints, such as what a backup holds and how a drill went.
//!
//! The signed text begins with a line that has blanks in it, which no checkpoint's first line may have: neither can stand for
//! the other. The kind is part of what is signed, so a statement of one kind is none of another.

use aws_lc_rs::signature::{ED25519, KeyPair, UnparsedPublicKey};

use crate::checkpoint::LogKey;
use crate::encoding::{base64, decode_base64};

/// Signs `body` as a statement of `kind`; the signature in base 64.
pub fn sign(key: &LogKey, kind: &str, body: &str) -> String {
    base64(key.pair.sign(signed(kind, body).as_bytes()).as_ref())
}

/// Whether `key` itself signed this.
pub fn holds(key: &LogKey, kind: &str, body: &str, signature: &str) -> bool {
    let public = UnparsedPublicKey::new(&ED25519, key.pair.public_key().as_ref());
    decode_base64(signature).is_some_and(|bytes| public.verify(signed(kind, body).as_bytes(), &bytes).is_ok())
}

fn signed(kind: &str, body: &str) -> String {
    format!("storeward statement v1 {} {kind}\n{body}", kind.len())
}

#[cfg(test)]
mod tests {
    use storeward_base::SeededEntropy;

    use super::*;

    #[test]
    fn a_statement_holds_for_its_key_kind_and_words_alone() {
        let key = LogKey::generate(&SeededEntropy::new(1));
        let signature = sign(&key, "drill", "all well");
        assert!(holds(&key, "drill", "all well", &signature));
        assert!(!holds(&key, "drill", "all well ", &signature));
        assert!(!holds(&key, "backup", "all well", &signature));
        assert!(!holds(&LogKey::generate(&SeededEntropy::new(2)), "drill", "all well", &signature));
        for broken in ["", "x", &signature[1..]] {
            assert!(!holds(&key, "drill", "all well", broken), "{broken}");
        }
        // The kind cannot run over into the body.
        assert!(!holds(&key, "drill\nall", "well", &sign(&key, "drill", "all\nwell")));
    }

    #[test]
    fn no_statement_is_a_checkpoint() {
        let text = signed("drill", "1\nAAAA\n");
        assert!(crate::Origin::parse(text.lines().next().unwrap_or_default()).is_err());
    }
}
