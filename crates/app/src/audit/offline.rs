//! `storeward audit verify FILE|DIR …`: checks proofs, checkpoints and exports with nothing but the ledger's public key.

use std::path::Path;

use storeward_events::{Event, Record};
use storeward_seal::merkle::{self, CompactRange};
use storeward_seal::tlog::{self, ConsistencyProof, Content, InclusionProof, TILE_WIDTH, Tile, Trust};
use storeward_seal::{Checkpoint, Hash};
use storeward_store::ledger::Runs;

use super::export::{ANCHORS, CHECKPOINT};

/// The largest file that is read: a bundle of 256 entries of 64 KiB.
const LARGEST: u64 = 17 * 1024 * 1024;
const HASH_BYTES: usize = 32;

/// What was found, a line each, in plain words.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    pub good: Vec<String>,
    pub bad: Vec<String>,
}

/// What a file holds.
enum Held {
    Inclusion(Box<InclusionProof>),
    Consistency(Box<ConsistencyProof>),
    Note(String),
}

/// Checks all paths, each alone and all against each other.
pub fn verify(paths: &[std::path::PathBuf], trust: &Trust) -> Findings {
    let mut findings = Findings::default();
    let mut known: Vec<(String, Checkpoint)> = Vec::new();
    // Which of them were held against each other, by their place in the list.
    let mut linked: Vec<(usize, usize)> = Vec::new();
    for path in paths.iter().flat_map(|path| with_anchors(path)) {
        let name = path.display().to_string();
        match file(&path, trust) {
            Ok((words, checkpoints)) => {
                findings.good.push(format!("{name}: {words}"));
                linked.extend((1..checkpoints.len()).map(|at| (known.len(), known.len() + at)));
                known.extend(checkpoints.into_iter().map(|one| (name.clone(), one)));
            }
            Err(why) => findings.bad.push(format!("{name}: {why}")),
        }
    }
    for folder in paths.iter().filter(|path| path.is_dir()) {
        let name = folder.display().to_string();
        match self::folder(folder, trust, &known) {
            Ok((words, checkpoint)) => {
                findings.good.push(format!("{name}: {words}"));
                linked.extend((0..known.len()).map(|at| (at, known.len())));
                known.push((name, checkpoint));
            }
            Err(why) => findings.bad.push(format!("{name}: {why}")),
        }
    }
    findings.bad.extend(forks(&known));
    if findings.bad.is_empty() {
        findings.bad.extend(apart(&known, &linked));
    }
    findings
}

/// Checkpoints that nothing held against each other may be of two histories: that is said, and is no "all holds".
fn apart(known: &[(String, Checkpoint)], linked: &[(usize, usize)]) -> Option<String> {
    let is_same = |one: &Checkpoint, other: &Checkpoint| (one.size, one.root) == (other.size, other.root);
    let mut reached = vec![0];
    let mut next = 0;
    while let Some(&at) = reached.get(next) {
        next += 1;
        for other in 0..known.len() {
            let alike = match (known.get(at), known.get(other)) {
                (Some((_, one)), Some((_, other))) => is_same(one, other),
                _ => false,
            };
            let is_linked = alike || linked.contains(&(at, other)) || linked.contains(&(other, at));
            if is_linked && !reached.contains(&other) {
                reached.push(other);
            }
        }
    }
    let (name, first) = known.first()?;
    let (other_name, other) = known.iter().enumerate().find(|(at, _)| !reached.contains(at))?.1;
    Some(format!(
        "{name} (over {} entries) and {other_name} (over {}) are each signed, and were NOT compared: nothing here says that one goes on \
         from the other. Give a consistency proof (`storeward audit prove --consistency`) or an export beside them",
        first.size, other.size
    ))
}

/// The file, or the checkpoints that places took, which an export brings along.
fn with_anchors(path: &Path) -> Vec<std::path::PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let Ok(entries) = std::fs::read_dir(path.join(ANCHORS)) else { return Vec::new() };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut found: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "checkpoint")).collect();
    found.sort();
    found
}

/// Two signed checkpoints of one size must say the same.
fn forks(known: &[(String, Checkpoint)]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, (name, one)) in known.iter().enumerate() {
        for (other_name, other) in known.iter().skip(at + 1) {
            if one.origin != other.origin {
                found.push(format!(
                    "{name} and {other_name} are of two ledgers, {} and {}",
                    one.origin, other.origin
                ));
            } else if one.size == other.size && one.root != other.root {
                found.push(format!(
                    "{name} and {other_name} are both signed and say different things of the first {} entries: the ledger was written anew",
                    one.size
                ));
            }
        }
    }
    found
}

fn file(path: &Path, trust: &Trust) -> Result<(String, Vec<Checkpoint>), String> {
    match read(path)? {
        Held::Note(note) => {
            let checkpoint = trust.read(&note).map_err(|why| format!("the checkpoint is not good: {why}"))?;
            let words =
                format!("a signed checkpoint of {} over {} entries", checkpoint.origin, checkpoint.size);
            Ok((words, vec![checkpoint]))
        }
        Held::Inclusion(proof) => {
            let seq = proof.index.saturating_add(1);
            let checkpoint =
                trust.read(&proof.checkpoint).map_err(|why| format!("its checkpoint is not good: {why}"))?;
            proof.verify(trust).map_err(|_| {
                format!("the proof does not lead from this entry to the signed checkpoint over {} entries: the entry, its number or a hash was changed", checkpoint.size)
            })?;
            let says = match (&proof.leaf, Record::from_bytes(&proof.entry)) {
                // Whoever hands the file out can leave the words away; that they were forgotten is in no proof of this entry alone.
                (Some(_), _) => "its words are NOT in this file, only their hash. Whether they were forgotten in time, an export tells, \
                                 or a proof of the entry `system.entries_forgotten` that names it"
                    .to_owned(),
                (None, Ok(record)) => format!(
                    "{}  {}  {}  [{}]",
                    record.at,
                    record.event.kind(),
                    record.event.sentence(),
                    record.actor
                ),
                (None, Err(_)) => return Err(format!("entry {seq} is in the ledger, and is no event")),
            };
            Ok((
                format!(
                    "entry {seq} of {} is among the {} entries that {} signed: {says}",
                    checkpoint.size, checkpoint.size, checkpoint.origin
                ),
                vec![checkpoint],
            ))
        }
        Held::Consistency(proof) => {
            for (which, note) in [("older", &proof.old), ("newer", &proof.new)] {
                trust.read(note).map_err(|why| format!("the {which} checkpoint is not good: {why}"))?;
            }
            let (old, new) = proof.verify(trust).map_err(|_| {
                "the newer checkpoint does not continue the older one by this proof: entries were changed or taken away, or the proof was".to_owned()
            })?;
            let words = format!(
                "the {} entries that {} signed are the first of its {}: nothing of them was changed or taken away",
                old.size, old.origin, new.size
            );
            Ok((words, vec![old, new]))
        }
    }
}

fn read(path: &Path) -> Result<Held, String> {
    let text = bounded(path)?;
    let text = String::from_utf8(text).map_err(|_| "it is no text".to_owned())?;
    if text.starts_with("c2sp.org/tlog-proof@") {
        let proof = InclusionProof::parse(&text).map_err(|why| why.to_string())?;
        return Ok(Held::Inclusion(Box::new(proof)));
    }
    if text.starts_with("storeward/consistency-proof@") {
        let proof = ConsistencyProof::parse(&text).map_err(|why| why.to_string())?;
        return Ok(Held::Consistency(Box::new(proof)));
    }
    Ok(Held::Note(text))
}

fn bounded(path: &Path) -> Result<Vec<u8>, String> {
    let length = std::fs::metadata(path).map_err(|why| why.to_string())?.len();
    if length > LARGEST {
        return Err(format!("it has {length} bytes: nothing of this kind is so large"));
    }
    std::fs::read(path).map_err(|why| why.to_string())
}

/// An export, read from its first entry to its last.
struct Pass<'a> {
    folder: &'a Path,
    size: u64,
    range: CompactRange,
    empty: Runs,
    forgotten: u64,
    /// The nodes of the tile under way on each level above the leaves.
    levels: Vec<(Vec<u8>, u64)>,
}

fn folder(
    folder: &Path,
    trust: &Trust,
    known: &[(String, Checkpoint)],
) -> Result<(String, Checkpoint), String> {
    let note = bounded(&folder.join(CHECKPOINT)).map_err(|why| format!("its checkpoint: {why}"))?;
    let note = String::from_utf8(note).map_err(|_| "its checkpoint is no text".to_owned())?;
    let head = trust.read(&note).map_err(|why| format!("its checkpoint is not good: {why}"))?;
    let mut anchors: Vec<&(String, Checkpoint)> =
        known.iter().filter(|(_, one)| one.origin == head.origin).collect();
    anchors.sort_by_key(|(_, one)| one.size);
    if let Some((name, one)) = anchors.last().filter(|(_, one)| one.size > head.size) {
        return Err(format!(
            "{name} was signed over {} entries, and here are {}: this is an older export, or its end was cut off",
            one.size, head.size
        ));
    }
    let mut pass = Pass {
        folder,
        size: head.size,
        range: CompactRange::new(),
        empty: Runs::default(),
        forgotten: 0,
        levels: (1..8).map(|_| (Vec::new(), 0)).collect(),
    };
    let mut anchors = anchors.into_iter().peekable();
    let mut met = 0;
    loop {
        while let Some((name, one)) = anchors.next_if(|(_, one)| one.size == pass.range.size()) {
            if one.root != pass.range.root() {
                return Err(format!(
                    "{name} was signed over the first {} entries, and they are others here: the ledger was written anew",
                    one.size
                ));
            }
            met += 1;
        }
        if pass.range.size() >= head.size {
            break;
        }
        // Up to the next checkpoint at most, so that each is met.
        let until = anchors.peek().map_or(head.size, |(_, one)| one.size);
        pass.bundle(until)?;
    }
    if pass.range.root() != head.root {
        return Err(format!(
            "the signed checkpoint over {} entries is not that of the entries: one of them, or a hash of a forgotten one, was changed",
            head.size
        ));
    }
    pass.partial_levels()?;
    if let Some(seq) = pass.empty.first() {
        return Err(format!("entry {seq} is empty, and no entry says that it was forgotten"));
    }
    let beside = if met > 0 { format!("; {met} checkpoint(s) beside it agree") } else { String::new() };
    let words = format!(
        "every entry and every hash holds: {} entries of {} ({} of them forgotten in time){beside}",
        head.size, head.origin, pass.forgotten
    );
    Ok((words, head))
}

impl Pass<'_> {
    /// Reads the entries of a bundle from where the pass stands, up to entry `until`.
    fn bundle(&mut self, until: u64) -> Result<(), String> {
        let width = u64::try_from(TILE_WIDTH).unwrap_or(256);
        let (index, skip) = (self.range.size() / width, self.range.size() % width);
        let here =
            usize::try_from(self.size.saturating_sub(index * width)).unwrap_or(usize::MAX).min(TILE_WIDTH);
        let hashes = self.tile(Content::Level(0), index, here)?;
        let bytes = self.tile(Content::Entries, index, here)?;
        let entries = tlog::read_bundle(&bytes)
            .map_err(|why| format!("the bundle of entry {}: {why}", index * width + 1))?;
        let (leaves, _) = hashes.as_chunks::<HASH_BYTES>();
        if entries.len() != here || leaves.len() != here {
            return Err(format!(
                "the tile of entry {} has not as many entries as it says",
                index * width + 1
            ));
        }
        let skip = usize::try_from(skip).unwrap_or(0);
        for (leaf, entry) in leaves.iter().zip(entries).skip(skip) {
            if self.range.size() >= until {
                break;
            }
            self.entry(leaf, entry)?;
        }
        Ok(())
    }

    fn entry(&mut self, leaf: &Hash, entry: &[u8]) -> Result<(), String> {
        let seq = self.range.size() + 1;
        if entry.is_empty() {
            self.empty.insert(seq);
        } else if merkle::leaf_hash(entry) != *leaf {
            return Err(format!("entry {seq} was changed: its words are not those that were hashed"));
        } else {
            let record = Record::from_bytes(entry).map_err(|_| format!("entry {seq} is no event"))?;
            if let Event::EntriesForgotten(forgotten) = &record.event {
                for (first, last) in &forgotten.entries {
                    self.forgotten += self.empty.remove(*first, *last);
                }
            }
        }
        let nodes = self.range.append(*leaf);
        for (at, node) in nodes.iter().enumerate().skip(8).step_by(8) {
            let level = at / 8;
            let full = match self.levels.get_mut(level - 1) {
                Some((tile, done)) => {
                    tile.extend_from_slice(node);
                    (tile.len() == TILE_WIDTH * HASH_BYTES).then(|| {
                        *done += 1;
                        (std::mem::take(tile), *done - 1)
                    })
                }
                None => None,
            };
            if let Some((tile, index)) = full {
                self.compare(level, index, &tile)?;
            }
        }
        Ok(())
    }

    fn partial_levels(&self) -> Result<(), String> {
        for (at, (tile, index)) in self.levels.iter().enumerate().filter(|(_, (tile, _))| !tile.is_empty()) {
            self.compare(at + 1, *index, tile)?;
        }
        Ok(())
    }

    fn compare(&self, level: usize, index: u64, expected: &[u8]) -> Result<(), String> {
        let content = Content::Level(u32::try_from(level).unwrap_or(u32::MAX));
        let width = expected.len() / HASH_BYTES;
        if self.tile(content, index, width)? == expected {
            return Ok(());
        }
        Err(format!(
            "{} holds other hashes than those of the entries below it",
            Tile { content, index, width }
        ))
    }

    fn tile(&self, content: Content, index: u64, width: usize) -> Result<Vec<u8>, String> {
        let name = Tile { content, index, width }.to_string();
        bounded(&self.folder.join(&name)).map_err(|why| format!("{name} cannot be read: {why}"))
    }
}
