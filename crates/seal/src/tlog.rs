//! A log as files that any transparency-log tool reads: tiles of hashes, bundles of entries, and proofs that stand alone.
//!
//! C2SP `tlog-tiles` <https://c2sp.org/tlog-tiles> for paths, tiles and bundles, `tlog-proof`
//! <https://c2sp.org/tlog-proof> for proofs of one entry. For a proof between two checkpoints C2SP has no file, so that
//! one has a form of ours (docs/audit.md). Nothing here reads or writes a file.

use std::fmt;

use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::encoding::{base64, decode_base64};
use crate::{Error, Hash, LogKey, merkle};

/// Hashes of a full tile (tlog-tiles, "Merkle Tree").
pub const TILE_WIDTH: usize = 256;
/// Levels of the tree between two levels of tiles.
pub const TILE_HEIGHT: u32 = 8;
/// The first line of a proof of one entry.
const INCLUSION: &str = "c2sp.org/tlog-proof@v1";
/// The first line of a proof between two checkpoints.
const CONSISTENCY: &str = "storeward/consistency-proof@v1";
/// A longer file is no proof: an entry of 64 KiB in base 64, 64 hashes and two checkpoints.
pub const MAX_PROOF_BYTES: usize = 256 * 1024;
/// A path in a tree of 2^63 entries.
const MOST_HASHES: usize = 128;

/// What a file of the layout holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Hashes of this level of tiles; 0 are the leaves.
    Level(u32),
    Entries,
}

/// One file of the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    pub content: Content,
    pub index: u64,
    /// Hashes or entries in it, 1 to 256; below 256 it is a partial one.
    pub width: usize,
}

impl fmt::Display for Tile {
    /// The path below the layout's root: `tile/0/x001/x234/067`, or with `.p/112` behind it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Level(level) => write!(f, "tile/{level}/")?,
            Content::Entries => f.write_str("tile/entries/")?,
        }
        let (mut rest, mut parts) = (self.index / 1000, vec![format!("{:03}", self.index % 1000)]);
        while rest > 0 {
            parts.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        parts.reverse();
        f.write_str(&parts.join("/"))?;
        if self.width < TILE_WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// Entries as a bundle holds them: each behind its length in two bytes, big end first.
pub fn bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len());
        let length = length.map_err(|_| Error::Form("an entry of a bundle has at most 65,535 bytes"))?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(entry);
    }
    Ok(out)
}

/// Reads what [`bundle`] wrote.
pub fn read_bundle(bytes: &[u8]) -> Result<Vec<&[u8]>, Error> {
    const CUT: Error = Error::Form("the bundle ends inside an entry");
    let (mut rest, mut entries) = (bytes, Vec::new());
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk::<2>().ok_or(CUT)?;
        let (entry, behind) = behind.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(CUT)?;
        entries.push(entry);
        rest = behind;
    }
    Ok(entries)
}

/// Whose signatures count for somebody who checks a file.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Public keys, each under the name of its log.
    Keys(Vec<VerifierKey>),
    /// The log's own key: under whatever name it signed.
    Own(Box<LogKey>),
}

impl Trust {
    pub fn read(&self, note: &str) -> Result<Checkpoint, Error> {
        match self {
            Trust::Keys(keys) => Checkpoint::verify(note, keys),
            Trust::Own(key) => Checkpoint::verify_own(note, key),
        }
    }
}

/// That one entry is in the tree of a signed checkpoint, with everything that checking it takes but the public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// The entry's bytes; empty where what it said was forgotten.
    pub entry: Vec<u8>,
    /// Its leaf hash, where the entry itself is not there any more.
    pub leaf: Option<Hash>,
    pub index: u64,
    pub path: Vec<Hash>,
    /// The signed note.
    pub checkpoint: String,
}

impl InclusionProof {
    /// As a `tlog-proof` whose extra line carries the entry, or, where it was forgotten, `forgotten ` and its leaf hash.
    pub fn to_text(&self) -> String {
        let extra = match &self.leaf {
            Some(leaf) => [b"forgotten ".as_slice(), leaf].concat(),
            None => self.entry.clone(),
        };
        let mut text = format!("{INCLUSION}\nextra {}\nindex {}\n", base64(&extra), self.index);
        self.path.iter().for_each(|hash| text.push_str(&format!("{}\n", base64(hash))));
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    pub fn parse(text: &str) -> Result<Self, Error> {
        const FORM: Error = Error::Form("the file is not a tlog-proof with its entry in the extra line");
        let (head, checkpoint) = split(text, INCLUSION).ok_or(FORM)?;
        let mut lines = head.lines();
        let extra = lines.next().and_then(|line| line.strip_prefix("extra ")).and_then(decode_base64);
        let extra = extra.ok_or(FORM)?;
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or(FORM)?;
        let index = index.parse::<u64>().ok().filter(|n| n.to_string() == index).ok_or(FORM)?;
        let path = hashes(lines).ok_or(FORM)?;
        let leaf = extra.strip_prefix(b"forgotten ").and_then(|hash| Hash::try_from(hash).ok());
        let entry = if leaf.is_some() { Vec::new() } else { extra };
        Ok(InclusionProof { entry, leaf, index, path, checkpoint: checkpoint.to_owned() })
    }

    /// Checks signature and path; returns the checkpoint that the entry is proven to be in.
    pub fn verify(&self, trust: &Trust) -> Result<Checkpoint, Error> {
        let checkpoint = trust.read(&self.checkpoint)?;
        let leaf = self.leaf.unwrap_or_else(|| merkle::leaf_hash(&self.entry));
        merkle::verify_inclusion(&leaf, self.index, checkpoint.size, &self.path, &checkpoint.root)?;
        Ok(checkpoint)
    }
}

/// That the tree of one signed checkpoint is a beginning of the tree of another: nothing was changed or taken away between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    pub path: Vec<Hash>,
    pub old: String,
    pub new: String,
}

impl ConsistencyProof {
    /// First line, hashes, an empty line, the older signed note, an empty line, the newer one.
    pub fn to_text(&self) -> String {
        let hashes: String = self.path.iter().map(|hash| format!("{}\n", base64(hash))).collect();
        format!("{CONSISTENCY}\n{hashes}\n{}\n{}", self.old, self.new)
    }

    pub fn parse(text: &str) -> Result<Self, Error> {
        const FORM: Error = Error::Form("the file is not a proof between two checkpoints");
        let (head, notes) = split(text, CONSISTENCY).ok_or(FORM)?;
        let path = hashes(head.lines()).ok_or(FORM)?;
        // A note has one empty line within it.
        let mut blank = notes.match_indices("\n\n").map(|(at, _)| at);
        let (_, end) = (blank.next().ok_or(FORM)?, blank.next().ok_or(FORM)?);
        let (old, new) = notes.split_at_checked(end + 1).ok_or(FORM)?;
        let new = new.strip_prefix('\n').ok_or(FORM)?;
        Ok(ConsistencyProof { path, old: old.to_owned(), new: new.to_owned() })
    }

    /// Checks both signatures and the path; returns the two checkpoints.
    pub fn verify(&self, trust: &Trust) -> Result<(Checkpoint, Checkpoint), Error> {
        let (old, new) = (trust.read(&self.old)?, trust.read(&self.new)?);
        merkle::verify_consistency(old.size, new.size, &self.path, &old.root, &new.root)?;
        Ok((old, new))
    }
}

/// The lines behind the first, up to the first empty one, and what stands behind that.
fn split<'a>(text: &'a str, first: &str) -> Option<(&'a str, &'a str)> {
    if text.len() > MAX_PROOF_BYTES {
        return None;
    }
    let rest = text.strip_prefix(first)?.strip_prefix('\n')?;
    match rest.strip_prefix('\n') {
        Some(behind) => Some(("", behind)),
        None => rest.split_once("\n\n"),
    }
}

fn hashes<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<Hash>> {
    let path: Option<Vec<Hash>> = lines
        .take(MOST_HASHES + 1)
        .map(|line| decode_base64(line).and_then(|hash| Hash::try_from(hash).ok()))
        .collect();
    path.filter(|path| path.len() <= MOST_HASHES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::CompactRange;
    use crate::{Origin, checkpoint::Kept};
    use std::collections::HashMap;
    use std::convert::Infallible;
    use storeward_base::SeededEntropy;

    /// The specification's own examples.
    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = |content, index, width| Tile { content, index, width }.to_string();
        assert_eq!(tile(Content::Level(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(tile(Content::Level(2), 0, 1), "tile/2/000.p/1");
        // "a tree of size 70,000": 273 full tiles of leaves, then one of 112.
        assert_eq!(tile(Content::Level(0), 273, 70_000 % 256), "tile/0/273.p/112");
        assert_eq!(tile(Content::Entries, 1000, 256), "tile/entries/x001/000");
    }

    #[test]
    fn bundles_are_read_back_and_a_cut_one_is_not() {
        let entries: [&[u8]; 3] = [b"one", b"", b"three"];
        let bytes = bundle(entries).unwrap();
        assert_eq!(bytes[..5], [0, 3, b'o', b'n', b'e']);
        assert_eq!(read_bundle(&bytes).unwrap(), entries);
        for end in [1, 3, 4, 6, bytes.len() - 1] {
            assert!(read_bundle(&bytes[..end]).is_err(), "{end}");
        }
        assert!(bundle([vec![0; 65_536].as_slice()]).is_err());
    }

    struct Log {
        range: CompactRange,
        nodes: HashMap<merkle::Node, Hash>,
        key: LogKey,
    }

    fn log(entries: &[Vec<u8>]) -> Log {
        let mut log = Log {
            range: CompactRange::new(),
            nodes: HashMap::new(),
            key: LogKey::generate(&SeededEntropy::new(4)),
        };
        for entry in entries {
            let at = log.range.size();
            for (level, hash) in (0u32..).zip(log.range.append(merkle::leaf_hash(entry))) {
                log.nodes.insert(merkle::Node { level, index: at >> level }, hash);
            }
        }
        log
    }

    impl Log {
        fn note(&self, size: u64, root: Hash) -> String {
            let origin = Origin::parse("shop.example/storeward").unwrap();
            Checkpoint { origin, size, root, kept: Some(Kept::NONE) }.sign(&self.key)
        }

        fn look(&self) -> impl FnMut(merkle::Node) -> Result<Hash, Infallible> + '_ {
            |node| Ok(self.nodes[&node])
        }

        fn trust(&self) -> Trust {
            Trust::Keys(vec![self.key.verifier(&Origin::parse("shop.example/storeward").unwrap())])
        }
    }

    /// The inputs of Certificate Transparency's own test suites (google/certificate-transparency, `merkletree`).
    fn inputs() -> Vec<Vec<u8>> {
        let texts = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        texts.iter().map(|hex| crate::encoding::decode_hex(hex).unwrap()).collect()
    }

    fn proofs(log: &Log, entries: &[Vec<u8>]) -> Vec<InclusionProof> {
        let size = log.range.size();
        let note = log.note(size, log.range.root());
        let prove = |(index, entry): (u64, &Vec<u8>)| {
            let Ok(path) = merkle::inclusion_proof(index, size, &mut log.look());
            let (entry, checkpoint) = (entry.clone(), note.clone());
            InclusionProof { entry, leaf: None, index, path: path.unwrap(), checkpoint }
        };
        (0..).zip(entries).map(prove).collect()
    }

    #[test]
    fn a_proof_stands_alone_and_every_changed_byte_is_found() {
        let entries = inputs();
        let log = log(&entries);
        for proof in proofs(&log, &entries) {
            let text = proof.to_text();
            assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra "));
            assert_eq!(InclusionProof::parse(&text), Ok(proof.clone()));
            assert_eq!(proof.verify(&log.trust()).unwrap().size, 8);
            assert_eq!(proof.verify(&Trust::Own(Box::new(log.key.clone()))).unwrap().size, 8);
            for at in 0..text.len() {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                let found = InclusionProof::parse(&changed).and_then(|proof| proof.verify(&log.trust()));
                assert!(found.is_err(), "byte {at} of {text:?}");
            }
            let stranger = LogKey::generate(&SeededEntropy::new(9));
            assert_eq!(proof.verify(&Trust::Own(Box::new(stranger))), Err(Error::UnknownSigner));
        }
    }

    #[test]
    fn an_entry_that_was_forgotten_is_proven_by_its_hash() {
        let entries = inputs();
        let log = log(&entries);
        let mut proof = proofs(&log, &entries).remove(3);
        proof.leaf = Some(merkle::leaf_hash(&proof.entry));
        proof.entry.clear();
        assert_eq!(InclusionProof::parse(&proof.to_text()), Ok(proof.clone()));
        assert!(proof.verify(&log.trust()).is_ok());
        proof.leaf = Some([7; 32]);
        assert_eq!(proof.verify(&log.trust()), Err(Error::Proof));
    }

    #[test]
    fn two_checkpoints_of_one_log_agree_and_those_of_a_rewritten_one_do_not() {
        let entries = inputs();
        let (old_log, whole) = (log(&entries[..5]), log(&entries));
        let Ok(path) = merkle::consistency_proof(5, 8, &mut whole.look());
        let (old, new) = (old_log.note(5, old_log.range.root()), whole.note(8, whole.range.root()));
        let proof = ConsistencyProof { path: path.unwrap(), old, new };
        assert_eq!(ConsistencyProof::parse(&proof.to_text()), Ok(proof.clone()));
        let (first, second) = proof.verify(&whole.trust()).unwrap();
        assert_eq!((first.size, second.size), (5, 8));
        let text = proof.to_text();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let found = ConsistencyProof::parse(&changed).and_then(|proof| proof.verify(&whole.trust()));
            assert!(found.is_err(), "byte {at}");
        }
        // The operator holds the key, and signs another past.
        let mut others = entries.clone();
        others[2] = b"another".to_vec();
        let rewritten = log(&others);
        let Ok(path) = merkle::consistency_proof(5, 8, &mut rewritten.look());
        let lie = ConsistencyProof {
            path: path.unwrap(),
            old: proof.old.clone(),
            new: rewritten.note(8, rewritten.range.root()),
        };
        assert_eq!(lie.verify(&whole.trust()), Err(Error::Proof));
    }
}
