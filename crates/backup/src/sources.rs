//! What is put away: Storeward's own data, and the shop's where it is configured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use storeward_base::Secret;

use crate::dump::{self, Server};
use crate::engine::Plan;
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
    /// A backup that holds itself, or what erasures rest on, is refused.
    pub(crate) fn check(&self, plan: &Plan) -> Result<(), Error> {
        let refused = |problem: String| Err(Error::Setting { key: "backup", problem });
        let named = self.files.iter().chain(&self.key_files).map(|file| file.from.as_path());
        for path in named {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if NEVER.contains(&name) {
                return refused(format!("{} stands in no backup: erasures rest on it", path.display()));
            }
        }
        for path in &self.shop_paths {
            if !path.exists() {
                return refused(format!("shop_paths: {} is not there", path.display()));
            }
            let mut inside: Vec<&Path> = vec![&plan.scratch];
            if let Some(data) = plan.scratch.parent() {
                inside.push(data);
            }
            if let Target::Local(target) = &plan.target {
                inside.push(target);
            }
            if let Some(inner) = inside.iter().find(|inner| inner.starts_with(path)) {
                let words = format!(
                    "shop_paths: {} holds {}, which is backed up otherwise or is the backup itself; name the folders in it instead",
                    path.display(),
                    inner.display()
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
