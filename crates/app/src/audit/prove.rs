//! `storeward audit prove`: a file that shows somebody else that an entry is in the ledger, or that one checkpoint continues
//! another.

use std::io::Write;
use std::path::{Path, PathBuf};

use storeward_base::EventId;
use storeward_seal::tlog::{ConsistencyProof, InclusionProof, Trust};
use storeward_store::Db;
use storeward_store::ledger;

use super::export::read;
use crate::Done;
use crate::data::write_atomically;
use crate::failure::{Context, Failure};

/// The tree to prove an entry in.
pub enum Tree {
    /// The ledger as it stands.
    Now,
    /// A kept checkpoint of this size.
    Size(u64),
    /// A signed note from elsewhere.
    Note(String),
}

/// The proof of one entry, named by its number or id, and its number.
pub fn inclusion(db: &Db, trust: &Trust, entry: &str, tree: Tree) -> Done<(u64, InclusionProof)> {
    let seq = number(db, entry)?;
    let note = match tree {
        Tree::Now => read(db, ledger::head)?.note,
        Tree::Size(size) => note_of(db, size)?,
        Tree::Note(note) => note,
    };
    let size = trust.read(&note).context("the checkpoint")?.size;
    let found = read(db, move |r| ledger::prove_inclusion_in(r, seq, size))?;
    let Some((leaf, path)) = found else {
        return Err(Failure::new(format!(
            "the checkpoint counts {size} entries; entry {seq} is none of them"
        )));
    };
    let body = read(db, move |r| ledger::leaves_after(r, seq - 1, 1))?
        .pop()
        .map(|leaf| leaf.body)
        .unwrap_or_default();
    let forgotten = body.is_empty().then_some(leaf);
    let proof = InclusionProof { entry: body, leaf: forgotten, index: seq - 1, path, checkpoint: note };
    // What does not hold here would not hold elsewhere.
    proof.verify(trust).map_err(|why| {
        Failure::new(format!("entry {seq} cannot be proven: {why}"))
            .hint("`storeward audit verify` names what is wrong")
    })?;
    Ok((seq, proof))
}

/// The proof between two checkpoints, each a size or a file.
pub fn consistency(db: &Db, trust: &Trust, old: &str, new: &str) -> Done<ConsistencyProof> {
    let (old, new) = (note(db, old)?, note(db, new)?);
    let size = |note: &str| trust.read(note).map(|found| found.size).context("the checkpoint");
    let (from, to) = (size(&old)?, size(&new)?);
    let path = read(db, move |r| ledger::prove_consistency(r, from, to))?;
    let Some(path) = path else {
        return Err(Failure::new(format!(
            "there is no proof from {from} to {to} entries: the first must be the smaller one, and the ledger must have the second"
        )));
    };
    let proof = ConsistencyProof { path, old, new };
    proof.verify(trust).map_err(|_| {
        Failure::new(format!("the ledger is not the one of these checkpoints ({from} and {to} entries): it was written anew"))
            .hint("keep both checkpoints, they are the evidence; `storeward audit verify --anchor FILE` names the place")
    })?;
    Ok(proof)
}

/// Writes a proof into a file, or to standard output where that is `-`.
pub fn write(text: &str, out: &Path) -> Done {
    if out == Path::new("-") {
        return std::io::stdout().write_all(text.as_bytes()).context("standard output");
    }
    write_atomically(out, text.as_bytes())
}

fn number(db: &Db, entry: &str) -> Done<u64> {
    if let Ok(seq) = entry.parse::<u64>() {
        return Ok(seq.max(1));
    }
    let id: EventId =
        entry.parse().map_err(|_| Failure::new(format!("{entry} is neither a number nor an event's id")))?;
    read(db, move |r| ledger::number_of(r, id))?
        .ok_or_else(|| Failure::new(format!("there is no entry {entry}")))
}

fn note(db: &Db, word: &str) -> Done<String> {
    match word.parse::<u64>() {
        Ok(size) => note_of(db, size),
        Err(_) => std::fs::read_to_string(PathBuf::from(word)).context(word),
    }
}

fn note_of(db: &Db, size: u64) -> Done<String> {
    let (found, near) =
        read(db, move |r| Ok((ledger::checkpoint_at(r, size)?, ledger::checkpoint_before(r, size)?)))?;
    found.ok_or_else(|| {
        let near = near.map_or_else(String::new, |size| format!("; the nearest before it is of {size}"));
        Failure::new(format!("no checkpoint of {size} entries was kept{near}"))
            .hint("one is kept every 1,024 entries or every minute in which something is written; `--checkpoint FILE` takes one from elsewhere")
    })
}
