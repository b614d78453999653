//! Rows of a version that bound none get their tags once: a file beside the key files, where whoever writes the database cannot come,
//! says that it is over with rows without one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use storeward_console::Console;
use storeward_store::Db;

use crate::Done;
use crate::data::DataDir;
use crate::failure::{Context, IoContext};

const MARK: &str = "keys/rows-bound";

/// Where `keys/` cannot be written, it could not be said that it is over: an error, since nobody of before would be let in, and of
/// none of them it could be said later that they are of before.
pub fn bind_old(data: &DataDir, db: &Db) -> Done {
    let (mark, begun) = (data.join(MARK), data.join(&format!("{MARK}.new")));
    if mark.exists() {
        return Ok(());
    }
    let made = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&begun);
    let file = made.doing(begun.display()).map_err(|failure| {
        failure.hint("make keys/ writable for one start: rows of an earlier version get their tags then, and rows-bound says so")
    })?;
    // On a thread of its own: a word may run inside of a runtime.
    let bind = || Console::bind_old_blocking(db).and_then(|_| storeward_identity::bind_old_blocking(db));
    let bound = std::thread::scope(|scope| scope.spawn(bind).join());
    bound.unwrap_or(Err(storeward_store::Error::Panicked)).context("rows of an earlier version")?;
    let keep = || -> io::Result<()> {
        file.sync_all()?;
        fs::rename(&begun, &mark)?;
        mark.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    keep().doing("keys/rows-bound")
}
