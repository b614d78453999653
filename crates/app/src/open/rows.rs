//! Rows of a version that bound none get their tags once: a file beside the key files, where whoever writes the database cannot come,
//! says that it is over with rows without one.

use std::path::Path;

use storeward_console::Console;
use storeward_events::system::RowHarmed;
use storeward_store::{Db, Error};

use super::Opened;
use crate::Done;
use crate::data::{DataDir, write_atomically};
use crate::failure::{Context, Failure};

const MARK: &str = "keys/rows-bound";
/// What stands in it once clients of OpenID Connect are bound, too: they came later.
const CLIENTS: &str = "oidc_client";

/// Rows that are not what Storeward wrote: of those by which somebody is let in, staff or customer, here or at a shop, by which a script may
/// run on paying pages, of whose data the shop's pages showed to whom, and of how far whoever follows the ledger has come.
pub async fn harmed(db: &Db) -> Result<Vec<RowHarmed>, Error> {
    let mut harmed = Console::harmed(db).await?;
    harmed.extend(storeward_identity::harmed(db).await?);
    harmed.extend(storeward_oidc::harmed(db).await?);
    harmed.extend(storeward_checkout::harmed(db).await?);
    harmed.extend(storeward_vault::office::harmed(db).await?);
    harmed.extend(storeward_store::subscription::harmed(db).await?);
    Ok(harmed)
}

/// For `storeward audit verify`: names such rows, and tells the ledger.
pub fn look(opened: &Opened) -> Done {
    let rows = crate::oidc::finished(harmed(&opened.db))?
        .context("the rows that are held against keys and ledger")?;
    let Some(first) = rows.first() else { return Ok(()) };
    let words = format!(
        "the ledger holds, and {} rows beside it are not what Storeward wrote; the first is {} of {} ({})",
        rows.len(),
        first.row,
        first.table,
        first.harm
    );
    let write = opened.db.write_blocking(move |tx| storeward_store::harmed::tell(tx, &rows));
    write.context("it could not be written down")?;
    Err(Failure::new(words).hint(
        "somebody was at the database: nobody is let in by such a row; `storeward events --kind system.row_harmed` names each; take a \
         member of staff back with `storeward staff reset`, take a client away with `storeward oidc client remove` and add it anew, and put other rows back from a backup; of office_shown the ledger says who \
         saw whom, whatever became of the row",
    ))
}

/// What each start says where it is so.
const CLIENTS_WITHOUT_TAGS: &str = "no client of OpenID Connect in this database bears its tag, so none of them serves anybody: if you have \
     restored a backup of before tags yourself, delete keys/rows-bound there, start once and look through storeward oidc client list; else \
     somebody took the tags away: remove the clients and add them anew";

/// Nobody could sign in, and who is at fault only the owner knows.
fn without_tags(mark: &Path) -> Failure {
    Failure::new("no row of the staff, or of customers' accounts, in this database bears its tag, so nobody could be let in").hint(format!(
        "if you have restored a backup of a version before tags yourself, delete {} and start once: its rows get their tags then, as they \
         lie there; look through `storeward staff list` first. If you have not, somebody took the tags away: restore the database from \
         a backup",
        mark.display()
    ))
}

/// Where `keys/` cannot be written, it could not be said that it is over: an error, since nobody of before would be let in, and of
/// none of them it could be said later that they are of before.
pub fn bind_old(data: &DataDir, db: &Db) -> Done {
    let mark = data.join(MARK);
    let is_over = mark.exists();
    let is_over_with_clients =
        std::fs::read_to_string(&mark).is_ok_and(|said| said.lines().any(|line| line == CLIENTS));
    let bind = || -> Result<bool, Error> {
        match is_over_with_clients {
            false => drop(storeward_oidc::bind_old_blocking(db)?),
            // The shop is protected all the same: said, and no reason not to start.
            true if db.read_blocking(storeward_oidc::clients_are_old)? => {
                crate::run::log("error", CLIENTS_WITHOUT_TAGS, &[("file", &mark.display().to_string())]);
            }
            true => {}
        }
        if is_over {
            return db.read_blocking(|reader| {
                Ok(Console::are_old(reader)? || storeward_identity::are_old(reader)?)
            });
        }
        Console::bind_old_blocking(db)?;
        storeward_identity::bind_old_blocking(db).map(|_| false)
    };
    // On a thread of its own: a word may run inside of a runtime.
    let bound = std::thread::scope(|scope| scope.spawn(bind).join());
    let are_left = bound.unwrap_or(Err(Error::Panicked)).context("rows of an earlier version")?;
    match (is_over, are_left) {
        (true, true) => return Err(without_tags(&mark)),
        (true, false) if is_over_with_clients => return Ok(()),
        (true | false, _) => {}
    }
    // Where this fails the next start finds tags, and says it then.
    write_atomically(&mark, CLIENTS.as_bytes()).map_err(|failure| {
        failure.hint("make keys/ writable for one start: rows of an earlier version get their tags then, and rows-bound says so")
    })
}

#[cfg(test)]
mod tests {
    use storeward_store::both_engines;

    use super::*;

    both_engines!(
        who_saw_whom_is_looked_through_with_the_rest,
        &crate::open::MIGRATIONS.concat(),
        async |db| {
            assert_eq!(harmed(&db).await.unwrap(), []);
            let (event, at) = ("evt_00000000000000000000000009", db.now().micros());
            db.tamper(&format!(
            "INSERT INTO office_shown (event, subject, at, actor, page, shown) VALUES ('{event}', 'seen_0', {at}, 'operator', 'orders', 1)"
        ));
            let fact = RowHarmed { table: "office_shown".into(), row: event.into(), harm: "unknown".into() };
            assert_eq!(harmed(&db).await.unwrap(), [fact]);
        }
    );
}
