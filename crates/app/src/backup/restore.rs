//! Reading a backup out into a new folder, and making that a data directory.

use std::path::{Path, PathBuf};

use storeward_backup::standing::{Facts, Trouble};
use storeward_backup::{Alone, Asked, Backups, Dated, Error, Listing, Part, Restored, Rows, Whose};
use storeward_base::{Actor, BackupId, Clock as _, SystemClock};
use storeward_events::backup::BackupRestored;
use storeward_seal::LogKey;
use storeward_store::Engine;

use super::sources::{KEYS_DUMP, OWN_DUMP, OWN_SQLITE};
use super::told;
use super::trial::{take_keys, take_root};
use super::{newest, since};
use crate::Done;
use crate::data::{DataDir, is_new};
use crate::failure::{Context, Failure};
use crate::open::{self, Opened};
use crate::vault::keyless::{self, Keys};
use crate::vault::{copies, indexes};

/// What is wanted.
pub struct Wanted {
    pub run: Option<BackupId>,
    pub to: PathBuf,
    pub shop_to: Option<PathBuf>,
    /// A directory with `keys/` and the epochs' keys.
    pub keys_from: Option<PathBuf>,
    /// Whose customers' keys, in the place of the newest ones.
    pub keys_run: Option<BackupId>,
}

/// Where the target's and the data directory's words come from: a machine that is well, or none.
pub enum Beside<'a> {
    Opened(&'a Opened),
    Nothing,
}

/// Reads it out. What is still to be done is in the lines that come back.
pub fn restore(beside: &Beside<'_>, backups: &Backups, alone: &Alone, wanted: &Wanted) -> Done<Vec<String>> {
    can_begin(beside, wanted)?;
    let key = ledgers_key(beside, wanted)?;
    let listing = &backups.list().map_err(|error| told(&error))?;
    let (now, known) = match beside {
        Beside::Opened(opened) => (opened.clock.now(), newest::known(opened)?),
        Beside::Nothing => (SystemClock.now(), None),
    };
    let known = known.as_ref();
    let own = match wanted.run {
        None => newest::instead_of_a_copys(backups, listing, known, now)?,
        Some(_) => None,
    };
    let chosen = backups.find(listing, own.or(wanted.run), now, known).map_err(|error| told(&error))?;
    let run = chosen.run;
    let noted = match (beside, &wanted.keys_from, &key) {
        (Beside::Nothing, Some(from), Some(key)) => newest::noted(from, key),
        _ => Ok(None),
    };
    let (noted, unread) = noted.map_or_else(|words| (None, Some(words)), |noted| (noted, None));
    let held = match beside {
        Beside::Opened(opened) => newest::held(opened, backups, &listing.runs)?,
        Beside::Nothing => None,
    };
    let of_a_copy = newest::of_a_copy(backups, listing, known, now)?;
    // Until the end nothing opens what is read out: who was erased since is in it first.
    let restoring = DataDir::restore_into(&wanted.to)?;
    let data = &restoring.data;
    step()?;
    let (to, shop, key) = (wanted.to.as_path(), wanted.shop_to.as_deref(), key.as_ref());
    let asked = Asked { listing, run, to, shop, key, keys_run: wanted.keys_run, known, now };
    let restored =
        backups.restore(alone, &asked).map_err(|error| or_another(&error, wanted, (listing, run)))?;
    step()?;
    // That keys are older than the data is said below.
    let has_keys = !restored.keys_are_older && restored.manifest.of_part(Part::Keys).next().is_some();
    let behind = held.or_else(|| newest::missing(noted.as_ref(), &listing.runs, has_keys));
    let mut lines = first_lines(wanted, &restored, key.is_some());
    if let Some(words) = &behind {
        lines.push(format!("BAD   {words}. Whoever was erased since may be in this copy"));
    }
    lines.extend(of_a_copy.into_iter().chain(unread).map(|words| format!("BAD   {words}")));
    // The keys are the newest there are, whichever run is asked for, and need not be of a run whose data is there.
    let laid = |(run, made_at)| {
        let (number, entries) = (restored.keys_number, restored.keys_entries);
        newest::Newest { run, made_at, number, entries }
    };
    let (made_at, entries) = (chosen.made_at, restored.manifest.entries);
    let of_data = newest::Newest { run, made_at, number: chosen.number, entries };
    let made = match beside {
        Beside::Opened(opened) => newest::told(opened)?,
        Beside::Nothing => noted.clone(),
    };
    let taken = taken(wanted, &restored).into_iter().flatten();
    let passed = taken.filter_map(|taken| newest::passed_over(made.as_ref(), &listing.runs, taken, known));
    lines.extend(passed.map(|words| format!("BAD   {words}")));
    let keys_of = restored.keys_of.zip(restored.keys_at).map_or(of_data, laid);
    lines.extend(newest::later(noted.as_ref(), &keys_of));
    lines.extend(whose_keys(wanted, &restored, noted.as_ref(), behind.is_some()));
    lines.extend([unsigned_keys(&restored), too_few_keys(&restored), lost(&restored)].into_iter().flatten());
    let is_erased = keys((beside, key.is_some()), data, wanted, &restored, &mut lines)?;
    if data.join("vault").is_dir() || restored.manifest.of_part(Part::Keys).next().is_some() {
        indexes::make_at_start(data)?;
        lines.push(
            "its blind indexes are made anew from what is sealed when it serves first (storeward run)"
                .to_owned(),
        );
    }
    step()?;
    since::tell(beside, data, &restored, is_erased, &mut lines)?;
    open::restored::mark(data)?;
    advise(data, wanted, &restored, &mut lines);
    if let Beside::Opened(opened) = beside {
        let fact = BackupRestored { run, files: restored.files + restored.shop_files };
        super::write(opened, move |tx| tx.append(Actor::Operator, None, fact.clone()).map(drop))?;
    }
    step()?;
    restoring.finish()?;
    Ok(lines)
}

/// Of the newest that does not hold, whoever has no machine left reads which others there are.
fn or_another(error: &Error, wanted: &Wanted, (listing, newest): (&Listing, BackupId)) -> Failure {
    const NAMED: usize = 5;
    let is_its = matches!(error, Error::Damaged(_) | Error::Target { .. }) && wanted.run.is_none();
    let others =
        listing.runs.iter().rev().filter(|one| is_its && one.run != newest && one.whose != Whose::Another);
    let others: Vec<String> =
        others.take(NAMED).map(|one| format!("--run {} (of {})", one.run, one.made_at)).collect();
    match others.is_empty() {
        true => told(error),
        false => Failure::new(format!("{newest}: {error}")).hint(format!(
            "delete nothing; an older one may be whole: storeward backup restore with {}",
            others.join(", or ")
        )),
    }
}

/// By which manifests are signed, where it is there.
fn ledgers_key(beside: &Beside<'_>, wanted: &Wanted) -> Done<Option<LogKey>> {
    Ok(match (beside, &wanted.keys_from) {
        (Beside::Opened(opened), _) => Some(LogKey::from_seed(&opened.data.keys()?.ledger)),
        (Beside::Nothing, Some(from)) => Some(LogKey::from_seed(&DataDir::open(from)?.keys()?.ledger)),
        (Beside::Nothing, None) => None,
    })
}

fn first_lines(wanted: &Wanted, restored: &Restored, has_key: bool) -> Vec<String> {
    let manifest = &restored.manifest;
    let mut lines = vec![format!(
        "{} of {} is in {}: {} files, {}, each as it was put away",
        manifest.run,
        manifest.made_at,
        wanted.to.display(),
        restored.files,
        super::bars::size(restored.bytes)
    )];
    if !has_key {
        lines.push("its signature was not checked: that takes keys/ledger (--keys-from)".to_owned());
    }
    lines
}

/// Of which runs the data is, where nobody named one, and customers' keys.
fn taken(wanted: &Wanted, restored: &Restored) -> [Option<(&'static str, Dated)>; 2] {
    let of_data = wanted.run.is_none().then(|| (newest::DATA, restored.manifest.dated()));
    let of_keys = restored.keys_of.zip(restored.keys_at).filter(|_| wanted.keys_run.is_none());
    let of_keys = of_keys.map(|(run, at)| {
        let (number, entries) = (restored.keys_number, restored.keys_entries);
        (newest::CUSTOMERS_KEYS, Dated { run: Some(run), at, number, entries })
    });
    [of_data, of_keys]
}

/// Before hours of reading out, which would have to begin anew.
fn can_begin(beside: &Beside<'_>, wanted: &Wanted) -> Done {
    wanted.shop_to.as_deref().map_or(Ok(()), is_new)?;
    for folder in [Some(&wanted.to), wanted.shop_to.as_ref()].into_iter().flatten() {
        apart(beside, folder)?;
    }
    match wanted.keys_from.as_ref().filter(|from| !from.join("keys").is_dir()) {
        Some(from) => Err(Failure::new(format!("--keys-from: {} has no folder keys/", from.display()))
            .hint("name the data directory, or the folder with your copy of keys/ and epochs.json")),
        None => Ok(()),
    }
}

/// Where a test ends a restore.
#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "what a test has in its place fails")]
fn step() -> Done {
    Ok(())
}

#[cfg(test)]
use super::tests::stopped::step;

/// How a line begins that somebody has to see to before the copy serves.
const BAD: &str = "BAD ";
/// How the line begins that names what the target did not give.
pub const LOST: &str = "BAD   could not be read out of the backup";
const NO_KEYS: &str = "BAD   no customers' keys were laid";
/// How the line begins that says that the keys that were laid open nothing.
pub const ENDED: &str =
    "BAD   customers' keys are wrapped in an epoch whose key is not among those that were laid";
const AFTER_ROTATION: &str = "where the machine that ended the epoch is well: storeward backup now there, then restore once more, into a new folder; \
    where it is gone: restore once more with --keys-from a folder that has keys/ and, as epochs.json, the copy that backup.epochs_copy named, which \
    has that key until the next good backup";

/// Why a restore whose lines these are ends with status 1.
pub fn fell_short(lines: &[String]) -> Done {
    let has = |start: &str| lines.iter().any(|line| line.starts_with(start));
    if has(NO_KEYS) {
        return Err(Failure::new("customers' records in this copy do not open: their keys are not there")
            .hint("without --keys-from, or without --keys-target where they lie elsewhere: restore once more with it, into a new folder; else lay \
                   vault/keys.sqlite of the machine that is gone beside it, where you still have that; see storeward backup list"));
    }
    if has(ENDED) {
        return Err(Failure::new(
            "customers' records in this copy do not open: the epoch of their keys has ended",
        )
        .hint(AFTER_ROTATION));
    }
    if has(LOST) {
        return Err(Failure::new("not all of the shop's files could be read out")
            .hint("try an older backup, too: --run ID"));
    }
    match has(BAD) {
        true => Err(Failure::new("the backup was read out, and not all is well with it")
            .hint("see to each line that begins with BAD before the copy serves: docs/backup.md, Restore")),
        false => Ok(()),
    }
}

fn lost(restored: &Restored) -> Option<String> {
    let lost = &restored.shop_lost;
    let names: Vec<String> = lost.names.iter().map(|name| name.display().to_string()).collect();
    let more = if lost.count > u64::try_from(names.len()).unwrap_or(u64::MAX) { ", …" } else { "" };
    let words =
        format!("{} of the shop's files and folders ({} were read out)", lost.count, restored.shop_files);
    (lost.count > 0).then(|| format!("{LOST}: {words}: {}{more}", names.join(", ")))
}

/// A restore writes nothing into what the next backup takes.
fn apart(beside: &Beside<'_>, folder: &Path) -> Done {
    let Beside::Opened(opened) = beside else { return Ok(()) };
    let data = opened.data.path().canonicalize().context(opened.data.path().display())?;
    let whole = std::path::absolute(folder).context(folder.display())?;
    let there = whole.ancestors().find_map(|above| above.canonicalize().ok());
    match there.is_some_and(|there| there.starts_with(&data)) {
        true => Err(Failure::new(format!("{} lies in the data directory", folder.display()))
            .hint("name a folder beside it")),
        false => Ok(()),
    }
}

/// Of which run customers' keys are, where that is another or not surely the newest. What the ledger's key noted as the newest is.
fn whose_keys(
    wanted: &Wanted,
    restored: &Restored,
    noted: Option<&newest::Newest>,
    is_behind: bool,
) -> Option<String> {
    let run = restored.keys_of?;
    if wanted.keys_run.is_some() {
        return Some(format!(
            "BAD   customers' keys are those of {run}, as was asked for (--keys-run): whoever came since does not open here, and whoever was erased since \
             may. Erase those again before it serves"
        ));
    }
    if restored.keys_are_older {
        return Some(format!(
            "BAD   customers' keys are those of {run}, the newest at the target, and older than the data: whoever came between does not open here, \
             and whoever was erased since {run} may: erase them again before it serves"
        ));
    }
    let is_noted = noted.is_some_and(|noted| noted.run == run);
    match restored.keys_passed.filter(|_| !is_noted) {
        Some((passed, at)) => Some(format!(
            "BAD   customers' keys are those of {run}, and not those of {passed} of {at}, which another copy of this data directory or a clock that \
             was ahead dated: where that one was made later all the same, whoever was erased since {run} opens here. Erase them again before it \
             serves"
        )),
        None if is_behind => Some(format!("customers' keys are those of {run}")),
        None => (run != restored.manifest.run).then(|| {
            format!("customers' keys are those of {run}, the newest: who was erased since stays erased")
        }),
    }
}

/// By what the signed manifests count: of which run the keys are, and that they are not those of all customers in the data. A lost key store was put
/// away as the newest once.
fn too_few_keys(restored: &Restored) -> Option<String> {
    let of = |rows: &Rows, files: [&str; 2], table: &str| {
        let tables = files.iter().find_map(|file| rows.get(*file))?;
        // A dump names the schema, too.
        let is_it = |name: &str| name.rsplit('.').next() == Some(table);
        tables.iter().find(|(name, _)| is_it(name)).map(|(_, count)| *count)
    };
    let (run, rows) = (restored.keys_of?, restored.keys_rows.as_ref()?);
    let customers = of(&restored.manifest.rows, [OWN_SQLITE, OWN_DUMP], "vault_customer")?;
    let of_keys = |table| of(rows, [copies::KEY_FILE, KEYS_DUMP], table);
    let (keys, erased) = (of_keys("vault_customer_key")?, of_keys("vault_destroyed_key").unwrap_or(0));
    let counted = customers.saturating_sub(keys.saturating_add(erased));
    // It was counted in the data of the same run.
    let keyless = restored.keyless.filter(|_| run == restored.manifest.run);
    let lacking = counted.max(keyless.unwrap_or(0));
    (lacking > 0 && !restored.keys_are_older).then(|| {
        format!(
            "BAD   customers' keys are those of {run}: {keys}, and {erased} that were destroyed, for {customers} customers in the data; at least {lacking} of \
             them do not open here. An earlier backup may have theirs: storeward backup list, then restore once more with --keys-run ID, into a new folder"
        )
    })
}

/// What no signed manifest speaks of may be of any time: whoever has the password writes the rest.
fn unsigned_keys(restored: &Restored) -> Option<String> {
    let ((run, at), of) = (restored.keys_unsigned?, restored.keys_of?);
    Some(if run == of {
        format!(
            "BAD   customers' keys are those of {run} of {at}, of which no signed manifest is at the target, as of no other that is there: nobody can \
             tell whether they are the newest, and whoever was erased may open here. Erase them again before it serves"
        )
    } else {
        format!(
            "BAD   customers' keys are those of {of}, and not those of {run} of {at}, of which no signed manifest is at the target: a backup that was \
             cut off, or somebody who has its password. Whoever was erased since {of} opens here: erase them again before it serves"
        )
    })
}

/// Lays the keys beside the copy, and erases again whoever was erased since; whether it could.
fn keys(
    (beside, has_key): (&Beside<'_>, bool),
    data: &DataDir,
    wanted: &Wanted,
    restored: &Restored,
    lines: &mut Vec<String>,
) -> Done<bool> {
    if let Some(why) = &restored.keys_lack {
        lines.push(format!(
            "{NO_KEYS}: the newest copy lacks something ({why}), and an older one would open who was erased since; no customer's record opens \
             in this copy"
        ));
    } else if restored.keys_of.is_none() && restored.manifest.of_part(Part::Keys).next().is_some() {
        let why = match (has_key, beside) {
            (true, Beside::Opened(_)) => {
                "none of this ledger's is at the target any more (they are kept for keys_days, or somebody deleted them)"
            }
            (true, Beside::Nothing) => {
                "none of this ledger's is at the target: where backup.keys_target was set, name that with --keys-target (and --keys-password-file); \
                 else they are not there any more (they are kept for keys_days, or somebody deleted them)"
            }
            (false, _) => {
                "without the ledger's key it cannot be told whose those at the target are (--keys-from), or there are none any more"
            }
        };
        lines.push(format!("{NO_KEYS}: {why}; no customer's record opens in this copy"));
    }
    let Some(from) = &wanted.keys_from else { return Ok(false) };
    let taken = take_keys(from, data)?;
    lines.push(format!("{taken} keys were laid beside it, from {}", from.display()));
    if take_root(from, data)? {
        lines.push(format!(
            "{} is the one of {}: the same root key, under the passphrase of now and not of the backup's day",
            copies::ROOT_FILE,
            from.display()
        ));
    }
    step()?;
    if let Some(at) = restored.keys_at.filter(|_| restored.keys_of.is_some())
        && !copies::has_epoch_of(data, at)?
    {
        lines.push(format!(
            "{ENDED}: it ended (storeward vault rotate, or vault.rotate_days) after the newest backup was made, and no customer's record opens in \
             this copy; {AFTER_ROTATION}"
        ));
        return Ok(false);
    }
    let Beside::Opened(opened) = beside else { return Ok(false) };
    // One that was lost and made anew knows of nobody: the ledger of the data names whom it erased.
    let is_lost = matches!(keyless::look(opened), Keys::Lost(_));
    let erased = match copies::erase_again(opened, data, &opened.data) {
        Ok(erased) => erased,
        Err(why) => {
            lines.push(format!(
                "BAD   whom this directory's key store erased since cannot be told ({}): erase again in the copy whoever is named below, before it serves",
                why.what()
            ));
            return Ok(false);
        }
    };
    if let Some(count) = erased.filter(|count| *count > 0) {
        lines.push(format!("{count} customers who were erased since then were erased in it, too"));
    }
    Ok(erased.is_some() && !is_lost)
}

fn advise(data: &DataDir, wanted: &Wanted, restored: &Restored, lines: &mut Vec<String>) {
    let mut step = |words: String| lines.push(format!("  → {words}"));
    if !data.join("keys/ledger").exists() {
        step(format!("lay keys/ into {}: it is in no backup (your own copy of it)", data.path().display()));
    }
    // With a token there is no root key in a file.
    let has_vault = data.join(copies::ROOT_FILE).exists() || data.join(copies::KEY_FILE).exists();
    if has_vault && !data.join(copies::SHELF_FILE).exists() {
        step(format!(
            "lay epochs.json into {}/vault: your one copy (backup.epochs_copy)",
            data.path().display()
        ));
    }
    if data.join(OWN_DUMP).exists() {
        step(format!(
            "first of all: its storeward.toml leads to the database of the original, and nothing opens it before it names another one. Load {} into an empty database, \
             psql -X -1 -v ON_ERROR_STOP=1 -f {OWN_DUMP} (where it says that schema public is \
             there: DROP SCHEMA public first), and name it in database.url",
            data.join(OWN_DUMP).display()
        ));
    }
    if data.join(OWN_SQLITE).exists() && data.join(open::restored::MARK).exists() {
        step(format!(
            "first of all: its storeward.toml leads to the database of the original, and nothing opens it before it names another one. This copy's is \
             {OWN_SQLITE} in {}: database.url = \"sqlite:{OWN_SQLITE}\"",
            data.path().display()
        ));
    }
    if data.join(KEYS_DUMP).exists() {
        step(format!(
            "vault.key_store leads to the key store of the original, and this copy opens nothing there. Where the original goes on, or that key \
             store is gone: load {} into an empty database, as above, name that in vault.key_store, say storeward vault take-key-store --dir {d}, \
             then erase again whom this named as erased since. Only where the original is gone for good and its key store is there: leave \
             vault.key_store as it is (it knows who was erased), and say the same",
            data.join(KEYS_DUMP).display(),
            d = data.path().display()
        ));
    }
    if restored.keys_of.is_some_and(|run| run != restored.manifest.run) && !restored.keys_are_older {
        step(format!(
            "its customers' keys are newer: whoever was changed since is refused until `storeward vault accept-older --dir {}`",
            data.path().display()
        ));
    }
    if wanted.shop_to.is_some() {
        step(
            "before the shop's old database replaces the new one: orders since then are in the new one only"
                .to_owned(),
        );
    }
    if restored.shop_of_others > 0 {
        step(format!(
            "{} of the shop's files and folders were another account's, and only root gives files away: restore as root, or give them back \
             (chown) before the shop runs on them",
            restored.shop_of_others
        ));
    }
    if restored.manifest.unread > 0 {
        step(format!("{} files of the shop could not be read when it was made", restored.manifest.unread));
    }
    step(format!(
        "look at database.url, vault.passphrase_file and vault.key_store in {}, then: storeward check --dir {d}; storeward audit verify --dir {d}; storeward run --dir {d}",
        data.join(crate::config::FILE).display(),
        d = data.path().display()
    ));
}

/// For `list`: how the last ones went.
pub fn standing(opened: &Opened) -> Done<String> {
    let engine = match opened.db.engine() {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    };
    let facts = facts(opened)?;
    let last = facts.last_good.map_or_else(|| "none yet".to_owned(), |row| row.begun_at.to_string());
    let drill = match facts.last_drill {
        None => "no drill yet".to_owned(),
        Some(row) if row.code.is_empty() => format!("the last drill passed at {}", row.begun_at),
        Some(row) => format!("the last drill FAILED at {} ({})", row.begun_at, row.code),
    };
    let frozen = if facts.frozen.is_some() {
        "; no old backup is deleted: something looked like an attack"
    } else {
        ""
    };
    Ok(format!("{engine}; last good backup: {last}; {drill}{frozen}"))
}

fn facts(opened: &Opened) -> Done<Facts> {
    let now = opened.clock.now();
    opened.db.read_blocking(move |reader| Facts::read(reader, now)).context("the database")
}

/// Why no old backup is deleted, where that is so, and what to do about it.
pub fn frozen(opened: &Opened) -> Done<Option<String>> {
    Ok(facts(opened)?.frozen.map(|row| {
        let (words, _) =
            Trouble::Frozen { code: row.code, changed: row.changed, of_files: row.of_files }.words();
        format!("LOOK  {words}. Look at the shop's files; were it you: storeward backup release")
    }))
}

/// What the target lacked lately, or since a drill passed; nothing where that is over.
pub fn lacked(opened: &Opened) -> Done<Option<String>> {
    Ok(facts(opened)?.is_lost.then(|| Trouble::Lost.words().0))
}

/// What the tables of backups say otherwise than the ledger, and what is missing at the target, in words; told to the ledger, too.
pub fn harmed(opened: &Opened, backups: &Backups, listing: &Listing) -> Done<Vec<String>> {
    let facts = facts(opened)?;
    crate::oidc::finished(storeward_backup::desk::tell(&opened.db, &facts))?.map_err(|error| told(&error))?;
    let line = |row: &storeward_events::system::RowHarmed| {
        format!("the row {} of {} is {}", row.row, row.table, row.harm)
    };
    let mut lines: Vec<String> = facts.harmed.iter().map(line).collect();
    lines.extend(newest::held(opened, backups, &listing.runs)?);
    lines.extend(keyless::look(opened).words().map(str::to_owned));
    lines.extend(newest::made_without_keys(opened, backups, &listing.runs)?);
    let here = newest::made_here(opened)?;
    lines.extend(newest::of_a_copy(backups, listing, Some(&here), opened.clock.now())?);
    Ok(lines)
}
