//! Signed checkpoints: the C2SP `tlog-checkpoint` text inside a C2SP `signed-note`, with Ed25519 (RFC 8032).
//!
//! Three lines (origin, size, root in base 64), one of ours, an empty line, and a signature line. Any transparency-log tool
//! reads them: what stands behind the root is an extension, which it passes over.
//! <https://c2sp.org/tlog-checkpoint>, <https://c2sp.org/signed-note>.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use storeward_base::{Entropy, Secret};

use crate::encoding::{base64, decode_base64, decode_hex, hex};
use crate::fingerprint::sha256;
use crate::{Error, Hash};

/// The byte that stands for Ed25519 in key ids (signed-note, "Signatures").
const ED25519_TYPE: u8 = 1;
/// A note that is longer is not read.
const MAX_NOTE_BYTES: usize = 64 * 1024;

/// What a log is called, such as `shop.example/storeward`; also the name of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Up to 200 bytes without white space, control characters or `+` (signed-note, "Format").
    pub fn parse(text: &str) -> Result<Self, Error> {
        let clean = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
        if text.is_empty() || text.len() > 200 || !text.chars().all(clean) {
            return Err(Error::Form(
                "a log's name has 1 to 200 bytes and no space, control character or plus sign",
            ));
        }
        Ok(Origin(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key that signs checkpoints.
pub struct LogKey {
    seed: Secret<[u8; 32]>,
    pub(crate) pair: Ed25519KeyPair,
}

impl LogKey {
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let seed = Secret::new(entropy.bytes::<32>());
        Self::from_seed(&seed)
    }

    pub fn from_seed(seed: &Secret<[u8; 32]>) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose())
            .expect("every 32 bytes are an Ed25519 seed (RFC 8032 section 5.1.5)");
        LogKey { seed: seed.clone(), pair }
    }

    /// What a key file keeps.
    pub fn seed(&self) -> &Secret<[u8; 32]> {
        &self.seed
    }

    /// PKCS#8 (RFC 8410), for other tools.
    pub fn to_pkcs8(&self) -> Result<Secret<Vec<u8>>, Error> {
        self.pair.to_pkcs8().map(|document| Secret::new(document.as_ref().to_vec())).map_err(|_| Error::Key)
    }

    pub fn from_pkcs8(document: &Secret<Vec<u8>>) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_pkcs8(document.expose()).map_err(|_| Error::Key)?;
        let seed = pair.seed().and_then(|seed| {
            use aws_lc_rs::encoding::AsBigEndian;
            seed.as_be_bytes()
        });
        let bytes = <[u8; 32]>::try_from(seed.map_err(|_| Error::Key)?.as_ref()).map_err(|_| Error::Key)?;
        Ok(Self::from_seed(&Secret::new(bytes)))
    }

    /// The public half, under the name of the log it signs for.
    pub fn verifier(&self, origin: &Origin) -> VerifierKey {
        VerifierKey { name: origin.clone(), public: self.public() }
    }

    /// The public half (RFC 8032 section 5.1.5).
    pub fn public(&self) -> [u8; 32] {
        let mut public = [0; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        public
    }
}

impl Clone for LogKey {
    fn clone(&self) -> Self {
        Self::from_seed(&self.seed)
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogKey(***)")
    }
}

/// The public half of a [`LogKey`]. Text form: `name+keyid+base64`, as C2SP's tools take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: Origin,
    public: [u8; 32],
}

impl VerifierKey {
    pub fn name(&self) -> &Origin {
        &self.name
    }

    /// First four bytes of SHA-256(name ‖ newline ‖ type ‖ key) (signed-note, "Signatures").
    pub fn key_id(&self) -> [u8; 4] {
        let mut input = format!("{}\n", self.name).into_bytes();
        input.push(ED25519_TYPE);
        input.extend_from_slice(&self.public);
        let [a, b, c, d, ..] = sha256(&input);
        [a, b, c, d]
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![ED25519_TYPE];
        typed.extend_from_slice(&self.public);
        write!(f, "{}+{}+{}", self.name, hex(&self.key_id()), base64(&typed))
    }
}

impl FromStr for VerifierKey {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        const FORM: Error = Error::Form("a verifier key has the form name+keyid+key, with an Ed25519 key");
        let mut parts = text.trim().splitn(3, '+');
        let mut part = || parts.next().ok_or(FORM);
        let (name, id, key) = (Origin::parse(part()?)?, part()?, decode_base64(part()?).ok_or(FORM)?);
        let (kind, public) = key.split_first().ok_or(FORM)?;
        let public = <[u8; 32]>::try_from(public).map_err(|_| FORM)?;
        let key = VerifierKey { name, public };
        let fits = *kind == ED25519_TYPE && decode_hex(id).as_deref() == Some(&key.key_id());
        if fits { Ok(key) } else { Err(FORM) }
    }
}

/// Which checkpoints of a log were kept for good: how many, and a hash chained over all of them. It stands in each signed
/// checkpoint, so that one that was taken away is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    pub number: u64,
    pub chain: Hash,
}

impl Kept {
    /// None was kept yet.
    pub const NONE: Kept = Kept { number: 0, chain: [0; 32] };
    /// The line's first word.
    const WORD: &str = "kept ";

    /// One more is kept.
    #[must_use]
    pub fn and(&self, size: u64, root: &Hash) -> Kept {
        let number = self.number.saturating_add(1);
        let mut input = b"storeward kept checkpoints/1\n".to_vec();
        input.extend_from_slice(&self.chain);
        input.extend_from_slice(&number.to_be_bytes());
        input.extend_from_slice(&size.to_be_bytes());
        input.extend_from_slice(root);
        Kept { number, chain: sha256(&input) }
    }

    fn line(&self) -> String {
        format!("{}{} {}\n", Self::WORD, self.number, base64(&self.chain))
    }

    fn parse(rest: &str) -> Option<Self> {
        let (number, chain) = rest.split_once(' ')?;
        let canonical = |n: &u64| n.to_string() == number;
        let number = number.parse::<u64>().ok().filter(canonical)?;
        Some(Kept { number, chain: Hash::try_from(decode_base64(chain)?).ok()? })
    }
}

/// How large a log was and what its root was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: Origin,
    pub size: u64,
    pub root: Hash,
    /// `None` in a checkpoint of a time when this was not said, and of other programs.
    pub kept: Option<Kept>,
}

impl Checkpoint {
    /// The signed note.
    pub fn sign(&self, key: &LogKey) -> String {
        let body = self.body();
        let verifier = key.verifier(&self.origin);
        let mut signature = verifier.key_id().to_vec();
        signature.extend_from_slice(key.pair.sign(body.as_bytes()).as_ref());
        format!("{body}\n\u{2014} {} {}\n", self.origin, base64(&signature))
    }

    /// Reads a note and checks that one of `trusted` signed it. Signatures by other keys are passed over, as the
    /// format asks; lines behind the root are allowed and signed with the rest.
    pub fn verify(note: &str, trusted: &[VerifierKey]) -> Result<Self, Error> {
        const FORM: Error = Error::Form("the checkpoint is not a signed note");
        if note.len() > MAX_NOTE_BYTES {
            return Err(FORM);
        }
        let split = note.rfind("\n\n").ok_or(FORM)?;
        let (body, signatures) = note.split_at(split + 1);
        let checkpoint = Self::parse_body(body)?;
        let signatures = signatures.strip_prefix('\n').and_then(|s| s.strip_suffix('\n')).ok_or(FORM)?;
        let mut signed = false;
        for line in signatures.split('\n') {
            let (name, blob) = line
                .strip_prefix("\u{2014} ")
                .and_then(|rest| rest.split_once(' '))
                .and_then(|(name, blob)| Some((name, decode_base64(blob)?)))
                .ok_or(FORM)?;
            let (id, signature) = blob.split_first_chunk::<4>().ok_or(FORM)?;
            let known = trusted.iter().find(|key| key.name.as_str() == name && key.key_id() == *id);
            if let Some(key) = known {
                let public = UnparsedPublicKey::new(&ED25519, key.public);
                public.verify(body.as_bytes(), signature).map_err(|_| Error::Signature)?;
                signed = true;
            }
        }
        if signed { Ok(checkpoint) } else { Err(Error::UnknownSigner) }
    }

    /// Reads a note that `key` itself signed, whatever the log was called then: the origin is the note's own.
    pub fn verify_own(note: &str, key: &LogKey) -> Result<Self, Error> {
        let origin = Origin::parse(note.lines().next().unwrap_or_default())?;
        Self::verify(note, &[key.verifier(&origin)])
    }

    fn body(&self) -> String {
        let kept = self.kept.as_ref().map(Kept::line).unwrap_or_default();
        format!("{}\n{}\n{}\n{kept}", self.origin, self.size, base64(&self.root))
    }

    fn parse_body(body: &str) -> Result<Self, Error> {
        const FORM: Error = Error::Form("the checkpoint does not state origin, size and root");
        let mut lines = body.lines();
        let mut line = || lines.next().ok_or(FORM);
        let (origin, size, root) = (Origin::parse(line()?)?, line()?, line()?);
        let canonical = |n: &u64| n.to_string() == size;
        let size = size.parse::<u64>().ok().filter(canonical).ok_or(FORM)?;
        let root = decode_base64(root).and_then(|r| Hash::try_from(r).ok()).ok_or(FORM)?;
        let kept = match lines.find_map(|line| line.strip_prefix(Kept::WORD)) {
            Some(rest) => Some(Kept::parse(rest).ok_or(FORM)?),
            None => None,
        };
        Ok(Checkpoint { origin, size, root, kept })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storeward_base::SeededEntropy;

    fn signed() -> (String, VerifierKey) {
        let key = LogKey::generate(&SeededEntropy::new(1));
        let origin = Origin::parse("shop.example/storeward").unwrap();
        let kept = Some(Kept::NONE.and(3, &[8; 32]));
        let checkpoint = Checkpoint { origin: origin.clone(), size: 7, root: [9; 32], kept };
        (checkpoint.sign(&key), key.verifier(&origin))
    }

    #[test]
    fn a_checkpoint_round_trips_and_has_the_c2sp_form() {
        let (note, verifier) = signed();
        let lines: Vec<&str> = note.split('\n').collect();
        assert_eq!(lines[..2], ["shop.example/storeward", "7"]);
        assert!(lines[3].starts_with("kept 1 "));
        assert_eq!(lines[4], "");
        assert!(lines[5].starts_with("\u{2014} shop.example/storeward "));
        assert_eq!(lines[6..], [""]);
        let read = Checkpoint::verify(&note, &[verifier]).unwrap();
        assert_eq!((read.size, read.root), (7, [9; 32]));
        assert_eq!(read.kept, Some(Kept::NONE.and(3, &[8; 32])));
    }

    #[test]
    fn a_checkpoint_of_three_lines_is_read_as_before_and_a_broken_fourth_is_not() {
        let key = LogKey::generate(&SeededEntropy::new(1));
        let origin = Origin::parse("shop.example/storeward").unwrap();
        let trusted = [key.verifier(&origin)];
        let old = Checkpoint { origin, size: 7, root: [9; 32], kept: None };
        assert_eq!(Checkpoint::verify(&old.sign(&key), &trusted), Ok(old));
        for rest in ["", "1", "01 AAAA", "1 AAAA", "x y"] {
            assert_eq!(Kept::parse(rest), None, "{rest}");
        }
    }

    #[test]
    fn every_flipped_byte_is_found() {
        let (note, verifier) = signed();
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                let trusted = std::slice::from_ref(&verifier);
                assert!(Checkpoint::verify(&changed, trusted).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn a_stranger_s_signature_does_not_count() {
        let (note, verifier) = signed();
        let stranger = LogKey::generate(&SeededEntropy::new(2)).verifier(verifier.name());
        assert_eq!(Checkpoint::verify(&note, &[stranger]), Err(Error::UnknownSigner));
        assert_eq!(Checkpoint::verify(&note, &[]), Err(Error::UnknownSigner));
    }

    #[test]
    fn one_s_own_note_is_known_under_any_name() {
        let (note, verifier) = signed();
        let (key, stranger) =
            (LogKey::generate(&SeededEntropy::new(1)), LogKey::generate(&SeededEntropy::new(2)));
        assert_eq!(Checkpoint::verify_own(&note, &key).map(|c| c.origin), Ok(verifier.name().clone()));
        assert_eq!(Checkpoint::verify_own(&note, &stranger), Err(Error::UnknownSigner));
        // A name that was not signed.
        let renamed = note.replace("shop.example", "other.example");
        assert!(Checkpoint::verify_own(&renamed, &key).is_err());
        assert!(Checkpoint::verify_own("", &key).is_err());
    }

    #[test]
    fn the_signed_note_specification_s_own_key_and_note() {
        // The example of c2sp.org/signed-note (also golang.org/x/mod/sumdb/note).
        let key: VerifierKey =
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
        assert_eq!(key.to_string(), "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let blob = decode_base64(
            "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=",
        )
        .unwrap();
        let (id, signature) = blob.split_first_chunk::<4>().unwrap();
        assert_eq!(*id, key.key_id());
        UnparsedPublicKey::new(&ED25519, key.public).verify(text.as_bytes(), signature).unwrap();
    }

    #[test]
    fn keys_round_trip_and_do_not_print() {
        let key = LogKey::generate(&SeededEntropy::new(3));
        let origin = Origin::parse("log").unwrap();
        let again = LogKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.verifier(&origin), key.verifier(&origin));
        let text = key.verifier(&origin).to_string();
        assert_eq!(text.parse(), Ok(key.verifier(&origin)));
        assert_eq!(format!("{key:?}"), "LogKey(***)");
        assert!(Origin::parse("two words").is_err() && Origin::parse("a+b").is_err());
    }
}
