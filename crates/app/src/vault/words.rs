//! `storeward vault`: how it stands, a rotation at once, the rules.

use std::io::Write as _;

use storeward_store::jobs;
use storeward_vault::rotate_now;

use super::import::{Run, import};
use super::{Source, Standing, source};
use crate::failure::{Context, Failure};
use crate::oidc::finished;
use crate::open::{self, Opened};
use crate::{Directory, Done};

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, clap::Subcommand)]
enum Word {
    /// How many customers there are, how old their keys' epoch is, and whether every key is what the ledger says.
    Status(Directory),
    /// Wrap every customer's key anew and destroy the epoch before: erasures hold for all backups of the keys at once.
    Rotate(Directory),
    /// Take an existing shop's customers over from a CSV file. A run that was stopped goes on where it was.
    Import {
        file: std::path::PathBuf,
        /// Which column is which field: docs/vault.md, "Import".
        #[arg(long, value_name = "FILE")]
        mapping: std::path::PathBuf,
        /// Only tell what would be taken and what does not fit.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        at: Directory,
    },
    /// Put the root key under the passphrase in a file; name that file in vault.passphrase_file then.
    Passphrase {
        file: std::path::PathBuf,
        #[command(flatten)]
        at: Directory,
    },
    /// Print the rules that a shop begins with, or say whether a file of rules fits.
    Policy {
        /// A file of rules in Cedar.
        file: Option<std::path::PathBuf>,
    },
}

pub fn vault(options: &Options) -> Done {
    match &options.word {
        Word::Status(at) => {
            let opened = open::open(&at.dir)?;
            let standing = standing(&opened)?;
            let told = status(&opened, &standing);
            standing.close();
            say(&told?)
        }
        Word::Rotate(at) => rotate(&open::open(&at.dir)?),
        Word::Import { file, mapping, dry_run, at } => {
            let opened = open::open(&at.dir)?;
            let standing = standing(&opened)?;
            let run = if *dry_run { Run::Dry } else { Run::Real };
            let report = import(&opened, &standing.vault, file, mapping, run);
            standing.close();
            say(report?.told(run).trim_end())
        }
        Word::Passphrase { file, at } => {
            let opened = open::open(&at.dir)?;
            super::change_passphrase(&opened, file)?;
            say(
                "Done. Name the file in storeward.toml: [vault] passphrase_file. Copies of vault/root.json that were \
                 made before open with the old passphrase; destroy them.",
            )
        }
        Word::Policy { file: None } => say(storeward_policy::Policies::default_text().trim_end()),
        Word::Policy { file: Some(path) } => {
            let text = std::fs::read_to_string(path).context(path.display())?;
            let rules = storeward_policy::Policies::parse(&text).context(path.display())?;
            say(&format!("It fits: {} rules, the guards among them.", rules.rules().count()))
        }
    }
}

fn standing(opened: &Opened) -> Done<Standing> {
    super::start(opened)?.ok_or_else(|| {
        Failure::new("there is no [vault] in storeward.toml").hint("add the section: docs/vault.md")
    })
}

pub fn status(opened: &Opened, standing: &Standing) -> Done<String> {
    let vault = &standing.vault;
    let size = vault.size_blocking().context("the records")?;
    let faults = finished(vault.keys().verify())?.context("the key store")?;
    let begun = vault.keys().epoch_begun_at().map_or_else(|| "never".to_owned(), |at| at.to_string());
    let mut out = format!(
        "{} customers, {} values, {} erased\nepoch {} since {begun}; it ends after {} days\n",
        size.customers,
        size.fields,
        size.erased,
        vault.keys().current_epoch().0,
        standing.life.as_secs() / (24 * 3_600),
    );
    if size.unfinished_erasures > 0 {
        out.push_str(&format!("{} erasures are under way\n", size.unfinished_erasures));
    }
    let section = opened.loaded.config.vault.clone().unwrap_or_default();
    out.push_str(match source(&section) {
        Source::Environment => "passphrase: from the environment\n",
        Source::File => "passphrase: from the file that storeward.toml names\n",
        Source::Own => {
            "passphrase: one of its own, beside what it protects (docs/vault.md, \"The passphrase\")\n"
        }
    });
    match faults.as_slice() {
        [] => out.push_str("key store: as its ledger says"),
        faults => {
            out.push_str(&format!("key store: {} keys are not as its ledger says:\n", faults.len()));
            for fault in faults.iter().take(20) {
                out.push_str(&format!("  {fault:?}\n"));
            }
            return Err(Failure::new(out)
                .hint("somebody was at the key store: see docs/vault.md, \"When keys are damaged\""));
        }
    }
    Ok(out)
}

fn rotate(opened: &Opened) -> Done {
    if opened.data.running_pid()?.is_some() {
        let promised = opened.db.write_blocking(|tx| {
            tx.commit_silent("the rotation itself is told by the program that does it");
            jobs::enqueue(tx, &rotate_now())
        });
        promised.map_err(|error: storeward_store::Error| Failure::new(format!("the jobs: {error}")))?;
        return say("The running Storeward does it now; `storeward vault status` tells the new epoch.");
    }
    // Nobody else begins an epoch meanwhile.
    let _lock = opened.data.lock()?;
    let standing = standing(opened)?;
    let ended = finished(standing.vault.keys().rotate(std::time::Duration::ZERO))?.context("the rotation");
    standing.close();
    let ended = ended?;
    say(&format!("Epoch {} holds now; {} ended.", standing.vault.keys().current_epoch().0, ended.len()))
}

fn say(text: &str) -> Done {
    writeln!(std::io::stdout(), "{text}").context("standard output")
}
