//! `storeward backup`: now, list, verify, restore, drill, release, forget-broken.

use std::path::{Path, PathBuf};

use storeward_backup::{Backups, Reading, Run, Whose};
use storeward_base::{Actor, BackupId};
use storeward_seal::LogKey;

use super::bars::{bars, size};
use super::plan::{self, Given};
use super::restore::{self, Beside, Wanted};
use super::{BackupSection, backups, broken, section, told, trial};
use crate::data::DataDir;
use crate::failure::{Context, Failure, say};
use crate::open;
use crate::{Directory, Done};

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, clap::Subcommand)]
enum Word {
    /// Make one now.
    Now {
        #[command(flatten)]
        at: Directory,
        /// Also where the newest backup at the target is of another Storeward, which is gone for good. Nothing of that is deleted.
        #[arg(long)]
        take_over: bool,
    },
    /// Those there are, the newest last.
    List {
        #[command(flatten)]
        at: Directory,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Read everything at the target and say whether it is whole. Ends with status 1 when it is not.
    Verify {
        #[command(flatten)]
        at: Directory,
        /// Only whether everything is there; finds no flipped bit.
        #[arg(long)]
        quick: bool,
    },
    /// Read one out into a new folder.
    Restore(Box<RestoreOptions>),
    /// Name kept backups of which the target lacks something, for which nothing old is deleted; with --yes and their ids, take these away.
    /// The newest must be whole.
    ForgetBroken {
        #[command(flatten)]
        at: Directory,
        /// Take these away for good, with what can still be read out of them.
        #[arg(long, value_name = "ID", num_args = 1..)]
        yes: Vec<BackupId>,
    },
    /// Say that you have looked at what stopped retention: old backups may be deleted again.
    Release(Directory),
    /// What is due, for the running program.
    #[command(hide = true)]
    Scheduled(Directory),
    /// Restore one into a scratch folder, open it, compare, and file a signed report. Ends with status 1 when it fails.
    Drill {
        #[command(flatten)]
        at: Directory,
        /// Which; the newest when left out.
        #[arg(long, value_name = "ID")]
        run: Option<String>,
        /// The report as JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
struct RestoreOptions {
    #[command(flatten)]
    at: Directory,
    /// A folder that is not there yet; becomes a data directory.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Which; the newest when left out.
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// The shop's files, into another folder that is not there yet.
    #[arg(long, value_name = "DIR")]
    shop_to: Option<PathBuf>,
    /// A directory with keys/ and the epochs' keys (vault/epochs.json or epochs.json), which are in no backup.
    #[arg(long, value_name = "DIR")]
    keys_from: Option<PathBuf>,
    /// Customers' keys of this backup, in the place of the newest ones: where those are not good. Whoever was erased since opens in the copy.
    #[arg(long, value_name = "ID")]
    keys_run: Option<String>,
    /// On a machine that has no data directory: where the backups lie, as in backup.target.
    #[arg(long, value_name = "TARGET", requires = "password_file")]
    target: Option<String>,
    /// With --target: the file with its password.
    #[arg(long, value_name = "FILE", requires = "target")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    rest: Elsewhere,
}

/// What else the section of the machine that is gone had.
#[derive(Debug, clap::Args)]
struct Elsewhere {
    /// With --target: where customers' keys lie, if elsewhere, as in backup.keys_target.
    #[arg(long, value_name = "TARGET", requires = "target")]
    keys_target: Option<String>,
    /// With --target: the file with the password of customers' keys, if they have one of their own, as in backup.keys_password_file.
    #[arg(long, value_name = "FILE", requires = "target")]
    keys_password_file: Option<PathBuf>,
    /// With --target: the private key that signs in at sftp:, as in backup.ssh_key_file.
    #[arg(long, value_name = "FILE", requires = "target")]
    ssh_key_file: Option<PathBuf>,
    /// With --target: the region of s3:, as in backup.s3_region.
    #[arg(long, value_name = "REGION", requires = "target")]
    s3_region: Option<String>,
}

impl Elsewhere {
    /// The section that leads to where the backups of a machine that is gone lie.
    fn section(&self, target: &str, password: &Path) -> Done<BackupSection> {
        let path = |path: &Path| {
            std::path::absolute(path).context(path.display()).map(|path| path.display().to_string())
        };
        let file = |file: &Option<PathBuf>| file.as_deref().map(path).transpose();
        let settings = [
            ("target", Some(target.to_owned())),
            ("password_file", Some(path(password)?)),
            ("keys_target", self.keys_target.clone()),
            ("keys_password_file", file(&self.keys_password_file)?),
            ("ssh_key_file", file(&self.ssh_key_file)?),
            ("s3_region", self.s3_region.clone()),
        ];
        let settings =
            settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
        if self.s3_region.as_ref().is_some_and(String::is_empty) {
            return Err(Failure::new("--s3-region: it is empty"));
        }
        settings.collect::<toml::Table>().try_into().context("--target")
    }
}

pub fn backup(options: &Options) -> Done {
    match &options.word {
        Word::Now { at, take_over } => now(at, *take_over),
        Word::List { at, json } => list(at, *json),
        Word::Verify { at, quick } => verify(at, if *quick { Reading::Structure } else { Reading::All }),
        Word::Restore(options) => read_out(options),
        Word::ForgetBroken { at, yes } => forget_broken(at, yes),
        Word::Release(at) => release(at),
        Word::Scheduled(at) => super::schedule::scheduled(&at.dir),
        Word::Drill { at, run, json } => drill(at, run.as_deref(), *json),
    }
}

fn now(at: &Directory, takes_over: bool) -> Done {
    let opened = open::open(&at.dir)?;
    let backups = backups(&opened.data, section(&opened.loaded.config)?, bars())?;
    let backups = if takes_over { backups.taking_over() } else { backups };
    let alone = backups.alone().map_err(|error| told(&error))?;
    let (begin, made) = super::now(&opened, &backups, &alone)?;
    say(format!(
        "{} is at {}: {} files, {} read, {} new",
        begin.run,
        backups.plan().target,
        made.files,
        size(made.read_bytes),
        size(made.added_bytes)
    ))?;
    if let Some(words) = restore::frozen(&opened)? {
        say(words)?;
    }
    super::nothing_lost(&made)?;
    match made.unread {
        0 => Ok(()),
        unread => {
            Err(Failure::new(format!("{unread} files of the shop could not be read and are not in it"))
                .hint("let the account that Storeward runs as read them, or name other backup.shop.paths"))
        }
    }
}

fn list(at: &Directory, json: bool) -> Done {
    let (config, data) = config_of(at)?;
    let backups = backups(&data, &config, bars())?;
    let listing = backups.list().map_err(|error| told(&error))?;
    let runs = &listing.runs;
    if json {
        let rows: Vec<_> = runs.iter().map(as_json).collect();
        return say(serde_json::Value::Array(rows).to_string());
    }
    for run in runs {
        let with = match (run.has_keys, run.has_shop) {
            (true, true) => "with customers' keys and the shop",
            (true, false) => "with customers' keys",
            (false, true) => "with the shop",
            (false, false) => "",
        };
        let whose = match run.whose {
            Whose::Own => "",
            Whose::Another => "  ANOTHER Storeward's: its ledger's key is not the one here",
            Whose::Unknown => "  (whose it is cannot be told)",
        };
        let [files, bytes, added] = sums(run);
        say(format!(
            "{}  {}  {files:>7} files  {bytes:>10}  {added:>10} new  {with}{whose}",
            run.made_at, run.run
        ))?;
    }
    if runs.is_empty() {
        say("There is none yet: storeward backup now")?;
    }
    // The target was read without the database; that it does not open is told by `check`.
    let Ok(opened) = open::open(&at.dir) else { return Ok(()) };
    say(&restore::standing(&opened)?)?;
    let mut lines = restore::harmed(&opened, &backups, &listing)?;
    lines.extend(restore::lacked(&opened)?);
    named(&lines)
}

/// Says what is not as it was written, and ends with status 1 then.
fn named(lines: &[String]) -> Done {
    for line in lines {
        say(format!("BAD   {line}"))?;
    }
    match lines.len() {
        0 => Ok(()),
        count => {
            let things =
                if count == 1 { "one thing about the backups is" } else { "things about the backups are" };
            Err(Failure::new(format!("{things} not what the ledger says ({count})")).hint(
                "somebody was at the database or at the target, or its disk fails: docs/backup.md, \"When rows or runs are missing\"",
            ))
        }
    }
}

/// How many files, of how many bytes, and how many of these were new then.
fn sums(run: &Run) -> [String; 3] {
    let unknown = || ["–"; 3].map(str::to_owned);
    run.sums.map_or_else(unknown, |sums| [sums.files.to_string(), size(sums.bytes), size(sums.added_bytes)])
}

fn as_json(run: &Run) -> serde_json::Value {
    let Run { sums, .. } = run;
    serde_json::json!({
        "run": run.run.to_string(), "made_at": run.made_at.to_string(), "files": sums.map(|sums| sums.files),
        "bytes": sums.map(|sums| sums.bytes), "added_bytes": sums.map(|sums| sums.added_bytes), "keys": run.has_keys, "shop": run.has_shop,
        "own": run.whose == Whose::Own,
    })
}

fn verify(at: &Directory, reading: Reading) -> Done {
    let (config, data) = config_of(at)?;
    let backups = backups(&data, &config, bars())?;
    let _alone = backups.alone().map_err(|error| told(&error))?;
    let faults = backups.verify(reading).map_err(|error| told(&error))?;
    for fault in &faults {
        say(format!("BAD   {fault}"))?;
    }
    match (faults.len(), reading) {
        (0, Reading::All) => say(format!("Every byte at {} was read and holds.", backups.plan().target))?,
        (0, Reading::Structure) => {
            say(format!("Everything is there at {}; what is in it was not read.", backups.plan().target))?;
        }
        (count, _) => return Err(told(&storeward_backup::Error::Damaged(format!("{count} faults")))),
    }
    let Ok(opened) = open::open(&at.dir) else {
        return say("Whether the newest is there was not looked at: the database does not open.");
    };
    let listing = backups.list().map_err(|error| told(&error))?;
    named(&restore::harmed(&opened, &backups, &listing)?)
}

fn read_out(options: &RestoreOptions) -> Done {
    let run = options.run.as_deref().map(read_run).transpose()?;
    let wanted = Wanted {
        run,
        keys_run: options.keys_run.as_deref().map(read_run).transpose()?,
        to: options.to.clone(),
        shop_to: options.shop_to.clone(),
        keys_from: options.keys_from.clone(),
    };
    let lines = match (&options.target, &options.password_file) {
        (Some(target), Some(password)) => {
            elsewhere(options, &options.rest.section(target, password)?, &wanted)?
        }
        _ => {
            let opened = open::open(&options.at.dir)?;
            let backups = backups(&opened.data, section(&opened.loaded.config)?, bars())?;
            let alone = backups.alone().map_err(|error| told(&error))?;
            restore::restore(&Beside::Opened(&opened), &backups, &alone, &wanted)?
        }
    };
    lines.iter().try_for_each(say)?;
    restore::fell_short(&lines)
}

/// Nothing of this machine is asked.
fn elsewhere(options: &RestoreOptions, section: &BackupSection, wanted: &Wanted) -> Done<Vec<String>> {
    let folder = std::env::temp_dir().join(format!("storeward-restore-{}", std::process::id()));
    let data = DataDir::create(&folder)?;
    let done = plan::plan(&data, section, Given::AsOptions).and_then(|mut plan| {
        plan::fits(&plan)?;
        if let Some(from) = &options.keys_from {
            plan.ledger = Some(LogKey::from_seed(&DataDir::open(from)?.keys()?.ledger));
        }
        let backups = Backups::new(plan, bars());
        let alone = backups.alone().map_err(|error| told(&error))?;
        restore::restore(&Beside::Nothing, &backups, &alone, wanted)
    });
    // Only the lock lies in it.
    drop(std::fs::remove_dir_all(folder));
    done
}

fn drill(at: &Directory, run: Option<&str>, json: bool) -> Done {
    let run = run.map(read_run).transpose()?;
    let opened = open::open(&at.dir)?;
    let backups = backups(&opened.data, section(&opened.loaded.config)?, bars())?;
    let alone = backups.alone().map_err(|error| told(&error))?;
    let report = trial::drill(&opened, &backups, &alone, run)?;
    if json {
        say(&serde_json::to_string(&report).context("the report")?)?;
    } else {
        for finding in &report.findings {
            let mark = if finding.held { "ok  " } else { "BAD " };
            say(format!("{mark}  {:<18} {}", finding.what, finding.says))?;
        }
    }
    let seconds = |ms: Option<u64>| {
        ms.map_or_else(|| "–".to_owned(), |ms| format!("{}.{:03} s", ms / 1_000, ms % 1_000))
    };
    if !report.has_passed() {
        return Err(Failure::new(format!("the drill failed: {}", report.code)).hint(
            "what cannot be restored is no backup: make another one, and see docs/backup.md, \"When a drill fails\"",
        ));
    }
    if json {
        return Ok(());
    }
    say(format!(
        "Passed. Until it was open and verified: {}. Age of what it holds: {}.",
        seconds(report.recovery_ms),
        seconds(report.age_ms)
    ))
}

fn forget_broken(at: &Directory, yes: &[BackupId]) -> Done {
    let opened = open::open(&at.dir)?;
    let backups = backups(&opened.data, section(&opened.loaded.config)?, bars())?;
    let alone = backups.alone().map_err(|error| told(&error))?;
    let found = broken::look(&opened, &backups, &alone)?;
    if let Some(whole) = yes.iter().find(|run| !found.runs.contains_key(run)) {
        return Err(Failure::new(format!(
            "{whole} lacks nothing, or is no backup of this Storeward's: none was taken away"
        ))
        .hint("storeward backup forget-broken names those that lack something"));
    }
    if found.runs.is_empty() {
        return say(
            "Every backup of this Storeward's that is kept is whole; another's is not looked at, and flipped bytes are found by \
             storeward backup verify.",
        );
    }
    for (run, made_at) in &found.runs {
        say(format!("{made_at}  {run}  lacks something"))?;
    }
    if let Err(why) = found.may_go(opened.clock.now()) {
        return Err(Failure::new(format!("none is taken away: {why}")).hint(
            "storeward backup now: what is still here is put away anew, and the newest is whole then",
        ));
    }
    // By their ids: of those that lack something only meanwhile, none goes that the owner has not read of.
    if yes.is_empty() {
        return Err(Failure::new(format!("kept backups lack something: {}", found.runs.len())).hint(
            "read out what you still need of them: storeward backup restore --run ID --shop-to DIR; then take them away: storeward backup \
             forget-broken --yes ID …",
        ));
    }
    let named = yes.iter().copied().collect();
    broken::forget(&opened, &backups, &alone, (&found, &named))?;
    say("They were taken away. That you said so stands in the ledger.")
}

fn release(at: &Directory) -> Done {
    let opened = open::open(&at.dir)?;
    let was = crate::oidc::finished(storeward_backup::desk::release(&opened.db, Actor::Operator))?;
    match was.map_err(|error| told(&error))? {
        true => say("Old backups may be deleted again. That you said so stands in the ledger."),
        false => say("Nothing was stopped."),
    }
}

fn read_run(text: &str) -> Done<BackupId> {
    text.parse().map_err(|why| {
        Failure::new(format!("{text} is no backup's id: {why}"))
            .hint("`storeward backup list` shows those there are")
    })
}

/// The section and the directory, without the database: the target may be looked at while that is broken.
fn config_of(at: &Directory) -> Done<(BackupSection, DataDir)> {
    let loaded = crate::config::Config::load(&at.dir)?;
    super::check(&loaded.config)?;
    Ok((section(&loaded.config)?.clone(), DataDir::open(&at.dir)?))
}
