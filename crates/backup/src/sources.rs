//! What is put away: Storeward's own data, and the shop's where it is configured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use storeward_base::Secret;

use crate::dump::{self, Server};
use crate::engine::Plan;
use crate::mounts;
use crate::repository::Part;
use crate::staging::Staging;
use crate::{Error, Target};

/// A database, and what it is called in the backup.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file of SQLite; copied as it is at one moment.
    Sqlite { from: PathBuf, name: String },
    /// A server, by its own program for dumps, in one transaction.
    Server { server: Server, name: String },
}

/// A file that whoever writes it replaces whole, and what it is called in the backup.
#[derive(Clone, Debug)]
pub struct OwnFile {
    pub from: PathBuf,
    pub name: String,
}

/// Everything of one run. Taken in this order: files, databases, keys. So the ledger's kept head is no younger than the
/// ledger, and every customer in the data has their key.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub files: Vec<OwnFile>,
    pub databases: Vec<Database>,
    /// The store of customers' keys, and what else may lie only there.
    pub key_store: Option<Database>,
    pub key_files: Vec<OwnFile>,
    /// The shop's database, among Storeward's own in the backup.
    pub shop_database: Option<Database>,
    /// Files and folders of the shop.
    pub shop_paths: Vec<PathBuf>,
}

/// What may be in no backup that is kept, whoever asks.
const NEVER: [&str; 2] = ["epochs.json", "vault-passphrase"];

impl Sources {
    /// A backup that holds itself, or what erasures rest on, is refused, and so is a path of the shop that is not there.
    pub fn check(&self, plan: &Plan) -> Result<(), Error> {
        let refused = |problem: String| Err(Error::Setting { key: "backup", problem });
        let named = self.files.iter().chain(&self.key_files).map(|file| file.from.as_path());
        for path in named {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if NEVER.contains(&name) {
                return refused(format!("{} stands in no backup: erasures rest on it", path.display()));
            }
        }
        for (at, path) in self.shop_paths.iter().enumerate() {
            let Ok(real) = path.canonicalize() else {
                return refused(format!("shop_paths: {} is not there", path.display()));
            };
            if std::fs::symlink_metadata(path).is_ok_and(|facts| facts.is_symlink()) {
                let words = "is a link; name the folder that it leads to, or the one that the link is in";
                return refused(format!("shop_paths: {} {words}", path.display()));
            }
            let overlaps = |other: &Path| {
                let other = other.canonicalize().unwrap_or_else(|_| other.to_path_buf());
                other.starts_with(&real) || real.starts_with(&other)
            };
            let mut apart: Vec<&Path> = vec![&plan.scratch];
            apart.extend(plan.scratch.parent());
            for target in [Some(&plan.target), plan.keys_target.as_ref()].into_iter().flatten() {
                if let Target::Local(target) = target {
                    apart.push(target);
                }
            }
            if let Some(mount) = mounts::that_holds(&real, &apart) {
                let words = format!(
                    "shop_paths: what is mounted at {} is backed up otherwise, or is the backup itself",
                    mount.display()
                );
                return refused(words);
            }
            if let Some(inner) = apart.into_iter().find(|inner| overlaps(inner)) {
                let words = format!(
                    "shop_paths: {} and {} are one in the other: that one is backed up otherwise, or is the backup itself",
                    path.display(),
                    inner.display()
                );
                return refused(words);
            }
            if let Some(other) = self.shop_paths.iter().skip(at + 1).find(|other| overlaps(other)) {
                let words = format!(
                    "shop_paths: {} and {} are one in the other; name the outer one",
                    path.display(),
                    other.display()
                );
                return refused(words);
            }
        }
        Ok(())
    }

    /// Files below the shop's paths.
    pub(crate) fn count_shop_files(&self) -> u64 {
        self.shop_paths.iter().map(|path| count_files(path)).sum()
    }
}

fn count_files(path: &Path) -> u64 {
    let Ok(facts) = std::fs::symlink_metadata(path) else { return 0 };
    if facts.is_file() {
        return 1;
    }
    if !facts.is_dir() {
        return 0;
    }
    // A folder that cannot be read counts as one file that is missing.
    let Ok(entries) = std::fs::read_dir(path) else { return 1 };
    entries.filter_map(Result::ok).map(|entry| count_files(&entry.path())).sum()
}

/// Copies everything but the shop's files, which are read where they lie.
pub(crate) fn stage(staged: &mut Staging, sources: &Sources) -> Result<(), Error> {
    for file in &sources.files {
        staged.file(Part::Files, &file.from, &file.name)?;
    }
    for database in sources.databases.iter().chain(&sources.shop_database) {
        put(staged, database, None)?;
    }
    if let Some(keys) = &sources.key_store {
        put(staged, keys, Some(Part::Keys))?;
    }
    for file in &sources.key_files {
        staged.file(Part::Keys, &file.from, &file.name)?;
    }
    Ok(())
}

/// A file of pages is cut at fixed places. A dump is text, in which everything shifts: that is cut by content.
fn put(staged: &mut Staging, database: &Database, part: Option<Part>) -> Result<(), Error> {
    match database {
        Database::Sqlite { from, name } => staged.sqlite(part.unwrap_or(Part::Databases), from, name),
        Database::Server { server, name } => {
            let part = part.unwrap_or(Part::Files);
            let to = staged.place_of(part, name)?;
            let rows: BTreeMap<String, u64> = dump::dump(server, &to)?;
            staged.dumped(part, name, rows)
        }
    }
}

/// Environment of another program, secrets among it.
pub type Environment = Vec<(String, Secret<String>)>;
