//! Backups from `[backup]`: what is put away and where, and `storeward backup`.

mod bars;
mod broken;
mod copy;
mod newest;
mod plan;
mod restore;
mod schedule;
mod since;
mod sources;
mod trial;
mod words;

use std::path::{Path, PathBuf};
use std::{fs, iter};

use serde::Deserialize;
use storeward_backup::freeze::{self, Alarm, Apart};
use storeward_backup::frozen;
use storeward_backup::sql::FreezeRow;
use storeward_backup::standing::TARGET;
use storeward_backup::{Alone, Backups, Bars, Before, Begin, Frozen, Gone, Keep, Made, Sources, Target, sql};
use storeward_base::{Actor, BackupId, Clock as _, Fault as _, Id, Secret, SystemClock};
use storeward_events::backup::{
    BackupFailed, BackupMade, BackupTookOver, BackupsThinnedOut, RetentionFrozen,
};
use storeward_events::system::RowHarmed;
use storeward_seal::LogKey;
use storeward_store::{Tx, ledger};
use storeward_vault::Shelf;

use crate::Done;
use crate::config::Config;
use crate::data::{DataDir, write_atomically};
use crate::failure::{Context, Failure};
use crate::open::{self, Opened};
use crate::vault::copies;
use crate::vault::keyless::{self, Keys};

use plan::Given;
pub use schedule::{Watched, desk, handlers};
pub use sources::OWN_SQLITE;
pub use words::{Options, backup};

/// Copies while a run or a drill is under way; gone afterwards.
const SCRATCH: &str = "backup-scratch";
const LOCK: &str = "backup.lock";
/// What the shop's files looked like at the last backup.
const SIGHTS: &str = "backup-sights.json";
/// And at one some weeks ago.
const BASE: &str = "backup-sights-base.json";

/// `[backup]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupSection {
    /// A folder, `sftp:user@host:/path`, or `s3:https://host/bucket/prefix`.
    pub target: String,
    /// File with the password, mode 0600; from the data directory.
    pub password_file: PathBuf,
    /// Another target for customers' wrapped keys.
    #[serde(default)]
    pub keys_target: Option<String>,
    /// Another password for them; with it, `keys/` is put away there, too.
    #[serde(default)]
    pub keys_password_file: Option<PathBuf>,
    /// For `sftp:`: the private key that signs in; `ssh`'s own settings where none is named.
    #[serde(default)]
    pub ssh_key_file: Option<PathBuf>,
    /// For `s3:`; the environment's AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY where none is named.
    #[serde(default)]
    pub s3_access_key: Option<String>,
    #[serde(default)]
    pub s3_secret_key_file: Option<PathBuf>,
    #[serde(default = "first_region")]
    pub s3_region: String,
    /// Where the one copy of the epochs' keys lies, replaced with each change; on another disk.
    #[serde(default)]
    pub epochs_copy: Option<PathBuf>,
    #[serde(default = "a_day")]
    pub every_hours: u32,
    #[serde(default = "a_week")]
    pub drill_every_days: u32,
    #[serde(default)]
    pub keep: KeepSection,
    /// Copies of customers' keys are kept for so many days.
    #[serde(default = "a_month")]
    pub keys_days: u32,
    #[serde(default)]
    pub shop: Option<ShopSection>,
}

fn first_region() -> String {
    "us-east-1".to_owned()
}

const fn a_day() -> u32 {
    24
}

const fn a_week() -> u32 {
    7
}

const fn a_month() -> u32 {
    30
}

/// `[backup.keep]`: the newest so many, and the newest of so many days, weeks and months.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeepSection {
    pub last: u32,
    pub days: u32,
    pub weeks: u32,
    pub months: u32,
}

impl Default for KeepSection {
    fn default() -> Self {
        let Keep { last, days, weeks, months } = Keep::default();
        KeepSection { last, days, weeks, months }
    }
}

/// `[backup.shop]`: what the shop keeps, where Storeward can reach it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShopSection {
    /// Files and folders, from `/` on.
    pub paths: Vec<PathBuf>,
    /// Folders in them whose files come and go as visitors like (sessions, caches): put away, but no sign of an attack.
    pub transient: Vec<PathBuf>,
    /// `sqlite:/path`, `postgres://…` or `mysql://user:password@host:port/name`.
    pub database: Option<Secret<String>>,
}

impl PartialEq for BackupSection {
    fn eq(&self, other: &Self) -> bool {
        let shop = |section: &Self| {
            let shop = section.shop.clone().unwrap_or_default();
            (
                shop.paths.clone(),
                shop.transient.clone(),
                shop.database.as_ref().map(|url| url.expose().clone()),
            )
        };
        // Debug shows every setting but the shop's database.
        shop(self) == shop(other) && format!("{self:?}") == format!("{other:?}")
    }
}

/// Refuses a section that does not fit.
pub fn check(config: &Config) -> Done {
    let Some(section) = &config.backup else { return Ok(()) };
    let within = |key: &str, value: u32, least: u32, most: u32, why: &str| match value {
        value if (least..=most).contains(&value) => Ok(()),
        _ => Err(Failure::new(format!("backup.{key}: {least} to {most}; {why}"))),
    };
    Target::parse(&section.target).context("storeward.toml")?;
    if let Some(keys) = &section.keys_target {
        Target::parse(keys).context("storeward.toml, keys_target")?;
    }
    within(
        "every_hours",
        section.every_hours,
        1,
        24 * 7,
        "what was made since the last backup is lost with the disk",
    )?;
    within("drill_every_days", section.drill_every_days, 1, 31, "a backup that nobody restored is a hope")?;
    within("keys_days", section.keys_days, 1, 30, "an erasure holds for backups of the keys only then")?;
    within("keep.last", section.keep.last, 1, 1_000, "the newest always stays")?;
    for (key, value) in [
        ("keep.days", section.keep.days),
        ("keep.weeks", section.keep.weeks),
        ("keep.months", section.keep.months),
    ] {
        within(key, value, 0, 1_000, "so many of them are kept")?;
    }
    let absolute = |key: &str, path: &Path| match path.is_absolute() {
        true => Ok(()),
        false => Err(Failure::new(format!("backup.{key}: {} does not begin with /", path.display()))),
    };
    if let Some(copy) = &section.epochs_copy {
        absolute("epochs_copy", copy)?;
    }
    let shop = section.shop.clone().unwrap_or_default();
    shop.paths.iter().try_for_each(|path| absolute("shop.paths", path))?;
    for folder in &shop.transient {
        if !shop.paths.iter().any(|path| folder != path && folder.starts_with(path)) {
            return Err(Failure::new(format!(
                "backup.shop.transient: {} lies in none of shop.paths",
                folder.display()
            )));
        }
    }
    sources::shop_database(&shop).map(drop)
}

/// The backups of a data directory.
pub fn backups(data: &DataDir, section: &BackupSection, bars: Bars) -> Done<Backups> {
    Ok(Backups::new(plan::plan(data, section, Given::InConfig)?, bars))
}

/// The section, or what to do.
pub fn section(config: &Config) -> Done<&BackupSection> {
    config.backup.as_ref().ok_or_else(|| {
        Failure::new("there is no [backup] in storeward.toml").hint("add the section: docs/backup.md")
    })
}

/// Makes a backup, tells the ledger, and deletes what need not be kept any more.
pub fn now(opened: &Opened, backups: &Backups, alone: &Alone) -> Done<(Begin, Made)> {
    copy::lies_apart(&opened.data, section(&opened.loaded.config)?)?;
    let keys = keyless::look(opened);
    let begin = Begin {
        run: Id::new(opened.clock.as_ref(), opened.entropy.as_ref()),
        at: opened.clock.now(),
        entries: Some(opened.db.read_blocking(ledger::head).context("the ledger")?.size),
        heartbeat: opened.entropy.token::<16>(),
        key: LogKey::from_seed(&opened.data.keys()?.ledger),
        keyless: keys.lacking(),
        known: Some(newest::made_here(opened)?),
    };
    let gone = gone_before(opened, backups);
    let (run, beat) = (begin.run, begin.heartbeat.clone());
    write(opened, move |tx| {
        tx.commit_silent("the backup itself is told when it is over");
        sql::begin(tx, run)?;
        sql::beat(tx, &beat)
    })?;
    let made = sources::all(opened).and_then(|mut sources| {
        if matches!(keys, Keys::Lost(_)) {
            // A restore lays the newest copy that there is, and nothing of this one would open.
            (sources.key_store, sources.key_files) = (None, Vec::new());
        }
        let made = backups.run(alone, &begin, &sources, &|before| tell(opened, before));
        made.map_err(|error| (error.code(), told(&error)))
    });
    match made {
        Ok(made) => {
            let fact = BackupMade {
                run,
                files: made.files,
                read_bytes: made.read_bytes,
                added_bytes: made.added_bytes,
                unread: made.unread,
                takes_over: made.takes_over,
            };
            let actor = if made.takes_over { Actor::Operator } else { Actor::System };
            let sums = made.clone();
            write(opened, move |tx| {
                sql::end(tx, run, "", &sums)?;
                tx.append(actor, None, fact.clone()).map(drop)
            })?;
            // A copy that cannot be made keeps nothing from being looked at, and no key longer than it may be kept.
            let copied = copy::copy_epochs(opened, &begin, made.number, &keys);
            let (looked, whole) = (look_for_an_attack(opened, run), are_whole(opened, &keys));
            thin_out(opened, backups, alone, (&made, &keys))?;
            looked.and(copied)?;
            was_there(gone?)?;
            whole?;
            Ok((begin, made))
        }
        Err((code, failure)) => {
            let fact = BackupFailed { run, code: code.to_owned() };
            write(opened, move |tx| {
                sql::end(tx, run, code, &Made::default())?;
                tx.append(Actor::System, None, fact.clone()).map(drop)
            })?;
            // Customers' keys are kept no longer for a backup that fails; all else is.
            let frozen = if keys == Keys::Whole { Frozen::Yes } else { Frozen::WithKeys };
            let gone = backups.thin_out(alone, opened.clock.now(), frozen, &|before| tell(opened, before));
            match gone {
                Err(error) if error.to_string() != failure.what() => Err(kept_longer(failure, &error)),
                Err(_) => Err(failure),
                Ok(gone) => Err(tell_lost(opened, lacking_keys(&gone)).err().unwrap_or(failure)),
            }
        }
    }
}

/// A run that failed, and customers' keys stay where they are beside it.
fn kept_longer(failure: Failure, why: &storeward_backup::Error) -> Failure {
    let (what, todo) = failure.into_parts();
    let failure =
        Failure::new(format!("{what}; and copies of customers' keys whose time is over stay: {why}"));
    match todo {
        Some(todo) => failure.hint(todo),
        None => failure,
    }
}

/// Compares the shop's files with those of the last backup, and with those of some weeks ago. What looks like an attack stops retention until
/// somebody has looked.
fn look_for_an_attack(opened: &Opened, run: BackupId) -> Done {
    let shop = opened.loaded.config.backup.as_ref().and_then(|section| section.shop.as_ref());
    let Some(ShopSection { paths, transient, .. }) = shop.filter(|shop| !shop.paths.is_empty()) else {
        return Ok(());
    };
    let (file, base_file) = (opened.data.join(SIGHTS), opened.data.join(BASE));
    let mut before: freeze::Sights = remembered(&file).unwrap_or_default();
    let mut base: Option<freeze::Base> = remembered(&base_file);
    for sights in iter::once(&mut before).chain(base.as_mut().map(|base| &mut base.sights)) {
        sights.retain(|path, _| !freeze::is_transient(Path::new(path), transient));
    }
    let now = freeze::look(paths, transient, &before);
    let sights = serde_json::to_vec(&now).context("the shop's files")?;
    let weeks = base.as_ref().and_then(|base| freeze::compare(&base.sights, &now, Apart::Weeks));
    let alarm = freeze::compare(&before, &now, Apart::ARun).or(weeks);
    let at = opened.clock.now();
    // What an alarm was about is told once; and whoever looked at it begins with what is there then.
    let is_anew = alarm.is_some() || base.is_none_or(|base| base.is_over(at));
    if let Some(Alarm { code, changed, of_files }) = alarm {
        let row = FreezeRow { frozen_at: at, run, code: code.to_owned(), changed, of_files };
        write(opened, move |tx| {
            if frozen(tx)?.is_some() {
                tx.commit_silent("retention stands still already");
                return Ok(());
            }
            sql::freeze(tx, &row)?;
            let fact = RetentionFrozen { run, code: row.code.clone(), changed, of_files };
            tx.append(Actor::System, None, fact).map(drop)
        })?;
    }
    // Last: what was compared with is forgotten only once the alarm is kept.
    if is_anew {
        let base = serde_json::to_vec(&freeze::Base { at, sights: now }).context("the shop's files")?;
        write_atomically(&base_file, &base)?;
    }
    write_atomically(&file, &sights)
}

/// One that cannot be read is begun anew: it says nothing of an attack.
fn remembered<T: serde::de::DeserializeOwned>(file: &Path) -> Option<T> {
    fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
}

/// What the target lacks of what was put away there last, in words. Once the next one is there that is the newest, and nobody would see that those
/// before it are gone. A target that does not open is told by whoever writes to it.
fn gone_before(opened: &Opened, backups: &Backups) -> Done<Option<String>> {
    match backups.list() {
        Ok(there) => newest::held(opened, backups, &there.runs),
        Err(storeward_backup::Error::NoRepository { .. }) => newest::held(opened, backups, &[]),
        Err(_) => Ok(None),
    }
}

/// Refuses to call a backup good before which the target had lost what was put away there last.
fn was_there(gone: Option<String>) -> Done {
    match gone {
        None => Ok(()),
        Some(words) => Err(Failure::new(format!("this backup is made; but before it began, {words}")).hint(
            "where another disk was to be mounted there, unmount and mount, and look which of both has the backups; where backup.target or \
             keys_target was changed, that is all: storeward backup list shows what there is",
        )),
    }
}

/// Refuses to call a backup good that has not the keys of all customers. None of the earlier copies is deleted while it is so.
fn are_whole(opened: &Opened, keys: &Keys) -> Done {
    let Some(words) = keys.words() else { return Ok(()) };
    let fact =
        RowHarmed { table: "vault_customer_key".to_owned(), row: String::new(), harm: "missing".to_owned() };
    // What cannot be told is no word that something is missing.
    if !matches!(keys, Keys::Harmed(_, None)) {
        write(opened, move |tx| storeward_store::harmed::tell(tx, std::slice::from_ref(&fact)))?;
    }
    let with = match keys {
        Keys::Lost(_) => "without customers' keys",
        Keys::Whole | Keys::Harmed(..) => "with the keys that there are",
    };
    Err(Failure::new(format!("this backup is made {with}: {words}; no earlier copy of customers' keys is deleted while that is so"))
        .hint("restore the newest good copy of the keys into a new folder: storeward backup restore --to DIR --keys-run ID (docs/vault.md, \"When keys are damaged\")"))
}

/// Refuses to call a backup good that found others damaged.
fn nothing_lost(made: &Made) -> Done {
    match made.lost_packs {
        0 => Ok(()),
        count => Err(Failure::new(format!(
            "packs of earlier backups were not at the target any more ({count}); what is still here of them was put away anew"
        ))
        .hint(
            "somebody deleted them, or the disk fails: storeward backup verify names what older backups lack; docs/backup.md, \
             \"When a backup is damaged\"",
        )),
    }
}

/// What was at the target is not there any more: somebody deleted it, or the disk fails.
fn tell_lost(opened: &Opened, rows: impl IntoIterator<Item = String>) -> Done {
    let fact = |row| RowHarmed { table: TARGET.to_owned(), row, harm: "missing".to_owned() };
    let facts: Vec<RowHarmed> = rows.into_iter().map(fact).collect();
    match facts.is_empty() {
        true => Ok(()),
        false => write(opened, move |tx| storeward_store::harmed::tell(tx, &facts)),
    }
}

/// What the ledger says before it is done.
fn tell(opened: &Opened, before: Before) -> Result<(), storeward_backup::Error> {
    let done = opened.db.write_blocking(move |tx| match before {
        Before::TakesOver(run) => tx.append(Actor::Operator, None, BackupTookOver { run }).map(drop),
        Before::ForgetsPacks => {
            let fact =
                RowHarmed { table: TARGET.to_owned(), row: "packs".to_owned(), harm: "missing".to_owned() };
            storeward_store::harmed::tell(tx, &[fact])
        }
    });
    done.map_err(storeward_backup::Error::Store)
}

fn thin_out(opened: &Opened, backups: &Backups, alone: &Alone, (made, keys): (&Made, &Keys)) -> Done {
    let frozen = opened.db.read_blocking(frozen).context("the database")?;
    // Where the target lost something, nothing more goes in this run.
    let frozen = match (keys, frozen.is_some() || made.lost_packs > 0) {
        (Keys::Harmed(..) | Keys::Lost(_), _) => Frozen::WithKeys,
        (Keys::Whole, true) => Frozen::Yes,
        (Keys::Whole, false) => Frozen::No,
    };
    let gone = backups.thin_out(alone, opened.clock.now(), frozen, &|before| tell(opened, before));
    let gone = gone.map_err(|why| broken::stands_still(opened, backups, alone, &why))?;
    if gone.runs > 0 {
        let fact = BackupsThinnedOut { count: u64::try_from(gone.runs).unwrap_or(u64::MAX) };
        write(opened, move |tx| tx.append(Actor::System, None, fact.clone()).map(drop))?;
    }
    tell_lost(opened, lacking_keys(&gone))?;
    match gone.lacking_keys {
        0 => Ok(()),
        count => Err(Failure::new(format!(
            "{count} copies of customers' keys lacked something, and were deleted with those whose time is over"
        ))
        .hint("a restore takes the newest whole one: storeward backup drill says whether it opens")),
    }
}

/// Copies of customers' keys from which nothing came back, as they are told.
fn lacking_keys(gone: &Gone) -> Option<String> {
    (gone.lacking_keys > 0).then(|| "keys".to_owned())
}

fn write(
    opened: &Opened,
    work: impl Fn(&mut Tx<'_>) -> Result<(), storeward_store::Error> + Send + 'static,
) -> Done {
    opened.db.write_blocking(work).context("it could not be written down")
}

/// An error with its advice.
fn told(error: &storeward_backup::Error) -> Failure {
    let failure = Failure::new(error.to_string());
    match error.todo() {
        Some(todo) => failure.hint(todo),
        None => failure,
    }
}

type Looked = Result<String, (String, &'static str)>;

/// A copy of the epochs' keys that was put somewhere before, and opens what no copy may open any more; or the one of now, where it is not there.
fn copies_of_epochs(
    data: &DataDir,
    section: &BackupSection,
    shown: &str,
) -> Done<Option<(String, &'static str)>> {
    let shelf = Shelf::at(data.join(copies::SHELF_FILE)).with_copy(section.epochs_copy.clone());
    let earlier = shelf.earlier_copies().context("where copies of the epochs' keys lie")?;
    if let Some(path) = earlier.first() {
        return copies::words(&shelf, path).map(Some);
    }
    let copy = section.epochs_copy.as_ref().filter(|_| crate::vault::exists(data));
    Ok(copy.filter(|copy| shelf.ended_in(copy).is_err()).map(|_| {
        (
            format!("{shown} opens; but backup.epochs_copy is not there, or cannot be read"),
            "bring it back, or move away what lies there and let storeward backup now write it anew: without it no customer's record opens on another machine",
        )
    }))
}

/// For `storeward check`: what is well, or what is to be looked at; an error where the target cannot be opened.
pub fn look(dir: &Path, config: &Config) -> Done<Looked> {
    let Some(section) = &config.backup else {
        return Ok(Err((
            "there is none: a broken disk, or one attack, and everything is gone".to_owned(),
            "add [backup] to storeward.toml: docs/backup.md",
        )));
    };
    let data = DataDir::open(dir)?;
    copy::lies_apart(&data, section)?;
    let backups = backups(&data, section, Bars::none())?;
    let shown = backups.plan().target.to_string();
    let is_there = backups.probe().map_err(|error| told(&error))?;
    let of_copies = if is_there { copies_of_epochs(&data, section, &shown)? } else { None };
    // Before all that is well with the target: what was put away there could not be had back, or nobody knows. A database that does not open
    // is told by itself.
    if let Ok(opened) = open::open(dir)
        && let Some(trouble) = schedule::worst(&opened, section, opened.db.now())?
    {
        let (words, todo) = trouble.words();
        return Ok(Err(match of_copies {
            Some((of_copies, _)) => (format!("{words}. And {of_copies}"), todo),
            None => (words, todo),
        }));
    }
    if let Some(of_copies) = of_copies {
        return Ok(Err(of_copies));
    }
    if !is_there {
        return Ok(Err((format!("nothing lies at {shown} yet"), "make the first: storeward backup now")));
    }
    let shop_paths = section.shop.as_ref().map(|shop| shop.paths.clone()).unwrap_or_default();
    if let Err(error) = (Sources { shop_paths, ..Sources::default() }).check(backups.plan()) {
        return Ok(Err((error.to_string(), error.todo().unwrap_or_default())));
    }
    if let Some(Err(error)) =
        backups.plan().ledger.as_ref().map(|key| backups.claim(key, SystemClock.now(), None))
    {
        return Ok(Err((error.to_string(), error.todo().unwrap_or_default())));
    }
    if config.vault.is_some() && section.epochs_copy.is_none() {
        return Ok(Err((
            format!("{shown} opens; but {} lies on this disk alone", copies::SHELF_FILE),
            "name a file on another disk with backup.epochs_copy: without it no restored customer's data opens",
        )));
    }
    if let Target::Local(path) = &backups.plan().target {
        let device =
            |path: &Path| fs::metadata(path).map(|facts| std::os::unix::fs::MetadataExt::dev(&facts)).ok();
        if device(path).is_some() && device(path) == device(data.path()) {
            return Ok(Err((
                format!("{shown} opens; but it lies on the same disk as the data"),
                "name a target on another disk or machine: backup.target",
            )));
        }
    }
    Ok(Ok(format!("{shown} opens")))
}

#[cfg(test)]
mod tests;
