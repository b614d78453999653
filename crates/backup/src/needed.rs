//! Which backups need what is damaged or not there.

use std::collections::BTreeSet;

use rustic_core::repofile::{Node, NodeType, SnapshotFile};
use rustic_core::{Id, LsOptions, OpenStatus, Repository, RusticError, TreeId};

use storeward_base::Timestamp;

use crate::Error;
use crate::repository::{Repo, Snapshot};

/// Backups that are named of one repository.
const SHOWN: usize = 20;

/// What a folder counts for that does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unread {
    /// As one that is not there.
    Lacks,
    /// The look ends: nothing is decided by what could not be read.
    Ends,
}

/// How packs' names begin in words such as `pack 3fd01c22: Hash mismatch`.
pub(crate) fn packs_in(faults: &[String]) -> BTreeSet<String> {
    let is_name = |word: &&str| (8..=64).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_hexdigit());
    let of = |words: &String| -> Option<String> {
        let behind = words.split_once("pack ")?.1;
        let name = behind.split(|c: char| !c.is_ascii_alphanumeric()).next();
        name.filter(is_name).map(str::to_owned)
    };
    faults.iter().filter_map(of).collect()
}

/// The runs of these snapshots, the newest first, for people. Where not all data was read, that none needs what was found says nothing of the rest.
pub(crate) fn words(snapshots: &[Snapshot], is_all_read: bool) -> String {
    let runs: BTreeSet<(Timestamp, String)> = snapshots
        .iter()
        .map(|one| {
            (one.made_at, one.run.map_or_else(|| format!("snapshot {}", one.id), |run| run.to_string()))
        })
        .collect();
    let mut named: Vec<String> = Vec::new();
    for (at, run) in runs.iter().rev() {
        // A run has several snapshots at one target.
        if !named.iter().any(|known| known.starts_with(run.as_str())) {
            named.push(format!("{run} of {at}"));
        }
    }
    let more = named.len().saturating_sub(SHOWN);
    named.truncate(SHOWN);
    match (named.is_empty(), more) {
        (true, _) if is_all_read => "no backup needs it".to_owned(),
        (true, _) => {
            "no backup needs what was found so far; the data itself was not read to its end".to_owned()
        }
        (false, 0) => format!("it is needed by {}", named.join(", ")),
        (false, more) => format!("it is needed by {}, and {more} older ones", named.join(", ")),
    }
}

impl Repo {
    /// Those of `snapshots` of which the index does not name every piece.
    pub(crate) fn lacking(&self, snapshots: &[String]) -> Result<Vec<String>, Error> {
        let repo = self.repository()?;
        let files = self.asked(|| repo.get_snapshots(snapshots))?;
        let found = self.without(repo, files, &BTreeSet::new(), Unread::Ends)?;
        Ok(found.iter().map(|file| file.id.to_hex().as_str().to_owned()).collect())
    }

    /// All snapshots that need something of these packs, or of which a folder does not open.
    pub(crate) fn needing(&self, packs: &BTreeSet<String>) -> Result<Vec<Snapshot>, Error> {
        let repo = self.repository()?;
        let files = self.asked(|| repo.get_all_snapshots())?;
        let found = self.without(repo, files, packs, Unread::Lacks)?;
        Ok(found.iter().filter_map(|file| self.snapshot(file)).collect())
    }

    /// Those that are not whole without these packs.
    fn without(
        &self,
        repo: Repository<OpenStatus>,
        files: Vec<SnapshotFile>,
        packs: &BTreeSet<String>,
        unread: Unread,
    ) -> Result<Vec<SnapshotFile>, Error> {
        let repo = self.asked(|| repo.to_indexed())?;
        let flat = LsOptions::default().recursive(false);
        let is_in = |pack: &Id| packs.iter().any(|begun| pack.to_hex().as_str().starts_with(begun.as_str()));
        // Snapshots share most of their folders: those of a whole one are not looked into again.
        let mut whole: BTreeSet<TreeId> = BTreeSet::new();
        let mut is_whole = |tree: TreeId| -> Result<bool, Box<RusticError>> {
            let (mut open, mut seen) = (vec![tree], BTreeSet::new());
            while let Some(tree) = open.pop() {
                if whole.contains(&tree) || !seen.insert(tree) {
                    continue;
                }
                if repo.get_index_entry(&tree).map_or(true, |at| is_in(&at.pack)) {
                    return Ok(false);
                }
                let folder = Node { node_type: NodeType::Dir, subtree: Some(tree), ..Node::default() };
                for node in repo.ls(&folder, &flat)? {
                    let (_, node) = node?;
                    let mut pieces = node.content.iter().flatten();
                    let is_lost = |piece| repo.get_index_entry(piece).map_or(true, |at| is_in(&at.pack));
                    if pieces.any(is_lost) {
                        return Ok(false);
                    }
                    open.extend(node.subtree);
                }
            }
            whole.append(&mut seen);
            Ok(true)
        };
        let mut lacking = Vec::new();
        for file in files {
            let is_whole = match (self.asked(|| is_whole(file.tree)), unread) {
                (Err(_), Unread::Lacks) => false,
                (found, _) => found?,
            };
            if !is_whole {
                lacking.push(file);
            }
        }
        Ok(lacking)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // It said the same where nobody had read the data.
    #[test]
    fn that_no_backup_needs_it_is_said_of_what_was_read_alone() {
        assert_eq!(words(&[], true), "no backup needs it");
        let told = words(&[], false);
        assert!(told.contains("not read") && !told.contains("needs it"), "{told}");
    }

    #[test]
    fn packs_are_read_out_of_words() {
        let faults = [
            "pack 3fd01c22: Hash mismatch. Computed hash: 00000000".to_owned(),
            "error reading pack 3fd01c23 : gone".to_owned(),
            "a folder in it is damaged".to_owned(),
            "pack 12: short".to_owned(),
        ];
        assert_eq!(packs_in(&faults).into_iter().collect::<Vec<_>>(), ["3fd01c22", "3fd01c23"]);
    }
}
