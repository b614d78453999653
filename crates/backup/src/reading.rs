//! What is read out of a repository. `rustic_core` decrypts a piece and asks no more, and an index leads its name to wherever whoever has the password
//! likes. So each piece is held against its name here, the SHA-256 of what is in it (restic, "Repository Format"): down from the tree that is asked
//! for, nothing comes but what was put away under it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use rustic_core::repofile::{BlobType, Metadata, Node, NodeType, Tree};
use rustic_core::{DataId, IndexedFullStatus, ProgressBars, Repository, TreeId};
use storeward_seal::fingerprint::sha256_hex;

use crate::Error;
use crate::allowed::Allowed;
use crate::manifest;
use crate::repository::{Repo, Snapshot};
use crate::staging::ROOT;
use crate::writing::{HashedFile, Small, Was, below, finish, leads_nowhere_else, relative};

/// How much was read out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WhatCame {
    pub files: u64,
    /// Files, folders and links that were somebody else's and are now whose read them out.
    pub of_others: u64,
}

/// A file that was read out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOut {
    /// As it is called in the snapshot, without a slash before it.
    pub path: PathBuf,
    pub size: u64,
    pub sha256: String,
}

impl Repo {
    /// With its index, which is read anew: once for whoever reads more than one thing.
    pub(crate) fn indexed(&self) -> Result<Indexed<'_>, Error> {
        self.note_index();
        let repo = self.repository()?;
        Ok(Indexed { repo: self, index: self.asked(|| repo.to_indexed())? })
    }

    /// Writes what a snapshot of Storeward's own holds below `to`, as far as it may hold it. Bounded memory: one file after the other, one
    /// piece after the other. Files are their owner's alone where the snapshot does not say more; nothing is written outside of `to`.
    pub(crate) fn read_out(
        &self,
        (snapshot, allowed): (&Snapshot, &Allowed),
        to: &Path,
        each: impl FnMut(&ReadOut),
    ) -> Result<u64, Error> {
        let from = (snapshot, Path::new(ROOT), allowed);
        Ok(self.read(from, to, |_| Was::default(), each, |_, why| Err(why))?.files)
    }

    /// The same of the shop's, with owners and times. Files and folders that the target does not give, though it is there, are handed to `lost`, which
    /// says whether it goes on.
    pub(crate) fn read_out_most(
        &self,
        snapshot: &Snapshot,
        to: &Path,
        each: impl FnMut(&ReadOut),
        lost: impl FnMut(&Path, Error) -> Result<(), Error>,
    ) -> Result<WhatCame, Error> {
        let was = |meta: &Metadata| Was {
            owner: meta.uid.zip(meta.gid),
            at: meta.mtime.map(|at| (at.as_second(), at.subsec_nanosecond())),
        };
        self.read((snapshot, Path::new(""), &Allowed::All), to, was, each, lost)
    }

    fn read(
        &self,
        (snapshot, path, allowed): (&Snapshot, &Path, &Allowed),
        to: &Path,
        was: impl Fn(&Metadata) -> Was,
        mut each: impl FnMut(&ReadOut),
        mut lost: impl FnMut(&Path, Error) -> Result<(), Error>,
    ) -> Result<WhatCame, Error> {
        let repo = self.indexed()?;
        let root = repo.node(snapshot, path)?;
        let progress = self.bars().progress(rustic_core::ProgressType::Bytes, "reading out");
        let (mut folders, mut links) = (Vec::new(), Vec::new());
        let mut open = vec![(PathBuf::new(), root)];
        let mut came = WhatCame::default();
        // Folder by folder: one that cannot be read hides no other.
        while let Some((above, folder)) = open.pop() {
            let nodes = match repo.folder(&folder) {
                Ok(nodes) => nodes,
                Err(why) => {
                    self.answers()?;
                    lost(&above, why)?;
                    continue;
                }
            };
            for node in nodes {
                let path = above.join(node.name());
                let target = below(to, &path)?;
                leads_nowhere_else(to, &target)?;
                let mode = node.meta.mode.unwrap_or(0o600) & 0o777;
                match &node.node_type {
                    NodeType::Dir => {
                        allowed.folder(&relative(&path))?;
                        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&target);
                        made.map_err(|why| Error::at(&target, &why))?;
                        folders.push((target, mode, was(&node.meta)));
                        open.push((path, node));
                    }
                    NodeType::File => {
                        let most = allowed.file(&relative(&path))?;
                        let mut file = HashedFile::create(&target, most)?;
                        if let Err(why) = repo.write(&node, &mut file) {
                            let why = file.given_up(&target, why)?;
                            self.answers()?;
                            lost(&path, why)?;
                            continue;
                        }
                        let (size, sha256) = file.finish(&target, mode)?;
                        progress.inc(size);
                        came.files += 1;
                        came.of_others += u64::from(!was(&node.meta).give_back(&target));
                        each(&ReadOut { path: relative(&path), size, sha256 });
                    }
                    NodeType::Symlink { .. } => {
                        allowed.other(&relative(&path))?;
                        links.push((node.node_type.to_link().to_path_buf(), target, was(&node.meta)));
                    }
                    // Devices, pipes and sockets are made by whoever uses them.
                    NodeType::Dev { .. } | NodeType::Chardev { .. } | NodeType::Fifo | NodeType::Socket => {
                        allowed.other(&relative(&path))?;
                    }
                }
            }
        }
        came.of_others += finish(to, &folders, links)?;
        progress.finish();
        Ok(came)
    }
}

/// A repository and its index.
pub(crate) struct Indexed<'a> {
    repo: &'a Repo,
    index: Repository<IndexedFullStatus>,
}

impl Indexed<'_> {
    pub(crate) fn answers(&self) -> Result<(), Error> {
        self.repo.answers()
    }

    /// The manifest in a snapshot of Storeward's own files, as it lies there.
    pub(crate) fn manifest(&self, snapshot: &Snapshot) -> Result<Vec<u8>, Error> {
        self.small(snapshot, &Path::new(ROOT).join(manifest::NAME))
    }

    /// One small file of a snapshot.
    pub(crate) fn small(&self, snapshot: &Snapshot, path: &Path) -> Result<Vec<u8>, Error> {
        let mut bytes = Small(Vec::new());
        self.write(&self.node(snapshot, path)?, &mut bytes)?;
        Ok(bytes.0)
    }

    pub(crate) fn node(&self, snapshot: &Snapshot, path: &Path) -> Result<Node, Error> {
        let tree = self.repo.asked(|| snapshot.tree.parse::<TreeId>())?;
        let mut node = Node { node_type: NodeType::Dir, subtree: Some(tree), ..Node::default() };
        for part in path.components() {
            let Component::Normal(name) = part else { continue };
            let found = self.folder(&node)?.into_iter().find(|node| node.name() == name);
            node = found.ok_or_else(|| Error::Damaged(format!("{} is not in it", path.display())))?;
        }
        Ok(node)
    }

    /// What is in a folder.
    fn folder(&self, folder: &Node) -> Result<Vec<Node>, Error> {
        let tree = folder.subtree.ok_or_else(|| Error::Damaged("a folder in it is none".to_owned()))?;
        let name = tree.to_hex();
        let bytes = self.repo.asked(|| self.index.cat_blob(BlobType::Tree, name.as_str()))?;
        is_named(&bytes, name.as_str())?;
        let read = serde_json::from_slice::<Tree>(&bytes);
        read.map(|tree| tree.nodes)
            .map_err(|_| Error::Damaged("a folder in it is written as none is".to_owned()))
    }

    /// Whether every folder in a snapshot is there and is what its name says.
    pub(crate) fn folders_hold(&self, snapshot: &Snapshot) -> Result<(), Error> {
        let (mut open, mut seen) = (vec![self.node(snapshot, Path::new(""))?], BTreeSet::new());
        while let Some(folder) = open.pop() {
            let below = self.folder(&folder)?.into_iter();
            open.extend(below.filter(|node| node.subtree.is_some_and(|tree| seen.insert(tree))));
        }
        Ok(())
    }

    /// What is in a file. What was written before an error is to be thrown away.
    fn write(&self, file: &Node, to: &mut impl Write) -> Result<(), Error> {
        let names = file.content.as_deref().unwrap_or_default().iter();
        let mut held = Held { to, names };
        self.repo.asked(|| self.index.dump(file, &mut held))?;
        match held.names.next() {
            None => Ok(()),
            Some(_) => Err(Error::Damaged("a file in it is shorter than it should be".to_owned())),
        }
    }
}

/// Passes on the pieces of a file, each of which comes whole and in its order, that are what their names say.
struct Held<'a, W> {
    to: &'a mut W,
    names: std::slice::Iter<'a, DataId>,
}

impl<W: Write> Write for Held<'_, W> {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        self.write_all(piece).map(|()| piece.len())
    }

    fn write_all(&mut self, piece: &[u8]) -> std::io::Result<()> {
        let name = self.names.next().map(|name| name.to_hex());
        is_named(piece, name.as_ref().map(|name| name.as_str()).unwrap_or_default())
            .map_err(std::io::Error::other)?;
        self.to.write_all(piece)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

fn is_named(piece: &[u8], name: &str) -> Result<(), Error> {
    match sha256_hex(piece) == name {
        true => Ok(()),
        false => Err(Error::Damaged(
            "a piece of it is another than its name says: somebody wrote at the target".to_owned(),
        )),
    }
}
