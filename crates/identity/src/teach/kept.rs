//! Files of lessons in the data directory: what they are called, which lesson they came from, and taking one back.

use storeward_base::{Actor, StaffId, Timestamp};
use storeward_events::identity::AdapterWithdrawn;

use super::{Error, Teach, is_file_name, on_disk};

/// How the first line of each begins.
const HEAD: &str = "# Learnt by looking on: ";

/// The first line: which lesson since the program's start it was, and when it was saved.
pub fn head(lesson: u64, at: Timestamp) -> String {
    format!("{HEAD}lesson {lesson}, saved {}", at.rfc3339())
}

/// The file under this first line.
pub fn headed(text: &str, head: &str) -> String {
    let rest = text.strip_prefix('#').and_then(|text| text.split_once('\n')).map_or(text, |(_, rest)| rest);
    format!("{head}\n# Look at it before you use it.\n{rest}")
}

/// A file that a lesson left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFile {
    /// The adapter's name; the file is called so, with `.toml`.
    pub name: String,
    /// Which lesson, and when.
    pub lesson: String,
    /// `[shield]` names it.
    pub is_in_force: bool,
}

/// What became of a file that was to be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawn {
    Gone,
    /// It guards the shop: another one has to, first.
    InForce,
    /// No lesson left a file of that name.
    Nothing,
}

impl Teach {
    /// Files that lessons left, by name. Others, such as those that somebody wrote by hand, are not among them.
    pub async fn kept(&self) -> Result<Vec<KeptFile>, Error> {
        let list = self.0.keep.list.clone();
        let mut all: Vec<_> =
            on_disk(move || list()).await?.into_iter().filter_map(|file| self.of(file)).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    fn of(&self, (file, first): (String, String)) -> Option<KeptFile> {
        let name = file.strip_suffix(".toml").filter(|name| is_file_name(name))?;
        let lesson = first.trim_end().strip_prefix(HEAD)?.to_owned();
        Some(KeptFile { is_in_force: self.is_in_force(&file), name: name.to_owned(), lesson })
    }

    /// Whether the config names this file, from wherever.
    fn is_in_force(&self, file: &str) -> bool {
        self.in_force().is_some_and(|named| named.rsplit(['/', '\\']).next() == Some(file))
    }

    /// Deletes a file that a lesson left, whoever saved it. The ledger has it first.
    pub async fn withdraw(&self, staff: StaffId, name: &str) -> Result<Withdrawn, Error> {
        let found = self.kept().await?.into_iter().find(|kept| kept.name == name);
        match found {
            None => return Ok(Withdrawn::Nothing),
            Some(kept) if kept.is_in_force => return Ok(Withdrawn::InForce),
            Some(_) => {}
        }
        let (actor, adapter) = (Actor::Staff { id: staff }, name.to_owned());
        let db = self.0.identity.0.db.clone();
        db.write(move |tx| -> Result<(), Error> {
            let fact = AdapterWithdrawn { adapter: adapter.clone() };
            Ok(tx.append(actor, None, fact).map(drop)?)
        })
        .await?;
        let (take, file) = (self.0.keep.take.clone(), format!("{name}.toml"));
        let is_gone = on_disk(move || take(&file)).await?;
        Ok(if is_gone { Withdrawn::Gone } else { Withdrawn::Nothing })
    }
}
