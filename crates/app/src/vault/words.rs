//! `storeward vault`: how it stands, a rotation at once, the rules.

use std::io::{IsTerminal, Write as _, stderr};

use storeward_policy::Grant;
use storeward_store::jobs;
use storeward_vault::{Request, Rotation, Vault, rotate_now};

use super::import::{Run, import};
use super::shops::{self, Wanted};
use super::{Source, Standing, source};
use crate::failure::{Context, Failure, say};
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
    /// Hold every record against what was written last, and every key against the key store's ledger. Ends with status 1 when
    /// something is not as it was written, and names it.
    Verify(Directory),
    /// Say that data which is older than its keys counts from now on: after you have restored a backup yourself.
    AcceptOlder(Directory),
    /// Say that a copy of the epochs' keys that backups put somewhere before (an earlier backup.epochs_copy) is destroyed: until then nobody
    /// who was erased since is beyond backups.
    CopyGone {
        path: std::path::PathBuf,
        #[command(flatten)]
        at: Directory,
    },
    /// Say that this data directory takes the place of another one, whose key store on a server (vault.key_store) it leads to: after that
    /// machine is gone. The other opens nothing any more. Storeward has to stand still.
    TakeKeyStore(Directory),
    /// What staff asked to see, what was opened in an emergency, and what waits for a second person.
    Requests(Directory),
    /// What customers asked for about their data and nobody answered yet; what is overdue comes first.
    Asked(Directory),
    /// For how long values of a class are kept: all of them, or set one.
    Retention {
        /// contact, address, order, note, identity_document, consent or payment.
        class: Option<String>,
        /// Days, or `never`: until they are erased.
        days: Option<String>,
        #[command(flatten)]
        at: Directory,
    },
    /// Erase the values whose time is over, as happens once a day.
    Sweep {
        /// Only tell what is due.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        at: Directory,
    },
    /// Wrap every customer's key anew and destroy the epoch before: erasures hold for all backups of the keys at once.
    Rotate(Directory),
    /// Make all marks by which customers are found anew with another root, and destroy the one before: what stands in old backups of the
    /// data answers nobody any more. Everything works meanwhile.
    RenewIndex(Directory),
    /// Move the customers' keys to a token that holds the root key, or back under a passphrase. Storeward has to stand still. A run that
    /// was stopped goes on where it was.
    Root {
        to: super::root::To,
        #[command(flatten)]
        at: Directory,
    },
    /// Take an existing shop's customers over, from a CSV file or from its database. A run that was stopped goes on where it was.
    Import(Import),
    /// Customers who are in a shop's database no more; what is kept of them stays until somebody erases it.
    Gone(Directory),
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

#[derive(Debug, clap::Args)]
#[command(override_usage = "storeward vault import [OPTIONS] <FILE> --mapping <FILE>\n       \
                            storeward vault import [OPTIONS] --from <SHOP>")]
struct Import {
    /// A file of CSV.
    #[arg(required_unless_present = "from", conflicts_with = "from", requires = "mapping")]
    file: Option<std::path::PathBuf>,
    /// Which column is which field: docs/vault.md, "Import".
    #[arg(long, value_name = "FILE", requires = "file")]
    mapping: Option<std::path::PathBuf>,
    /// Which kind of shop's database: woocommerce, django-oscar, or a file of questions that ends in .toml.
    #[arg(long, value_name = "SHOP")]
    from: Option<String>,
    /// A file (mode 0600) with the database's address; without it STOREWARD_SHOP_DATABASE holds the address.
    #[arg(long, value_name = "FILE", requires = "from")]
    database: Option<std::path::PathBuf>,
    /// What is otherwise in this shop, such as prefix=shop_.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = place, requires = "from")]
    places: Vec<(String, String)>,
    /// Only tell what would be taken and what does not fit.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    at: Directory,
}

fn place(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Import {
    fn told(&self, opened: &Opened, vault: Option<&Vault>, run: Run) -> Done<String> {
        if let Some(from) = &self.from {
            let places = self.places.iter().cloned().collect();
            let here = std::env::current_dir().context("the current directory")?;
            let wanted = Wanted { from, database: self.database.as_deref(), places: &places, dir: &here };
            return shops::import(opened, vault, &wanted, run);
        }
        let (Some(file), Some(mapping)) = (&self.file, &self.mapping) else {
            return Err(Failure::new("name a file with its --mapping, or a shop with --from"));
        };
        let report = import(opened, vault, file, mapping, run)?;
        let told = report.told(run).trim_end().to_owned();
        match report.cut_at {
            None => Ok(told),
            Some(line) => {
                let todo = format!(
                    "put the quote in line {line} right, and run the same words again: what was taken is not taken twice"
                );
                Err(Failure::new(told).hint(todo))
            }
        }
    }

    fn run(&self) -> Done {
        let opened = open::open(&self.at.dir)?;
        if !self.dry_run {
            return with(&opened, |standing| self.told(&opened, Some(&standing.vault), Run::Real));
        }
        // A dry run makes no keys; without any nobody is known or erased.
        let standing = if super::exists(&opened.data) { super::start(&opened)? } else { None };
        let told = self.told(&opened, standing.as_ref().map(|standing| &standing.vault), Run::Dry);
        if let Some(standing) = &standing {
            standing.close();
        }
        say(&told?)
    }
}

pub fn vault(options: &Options) -> Done {
    match &options.word {
        Word::Status(at) => {
            let opened = open::open(&at.dir)?;
            // Looking makes nothing: the passphrase may still be chosen.
            if !super::exists(&opened.data) && opened.loaded.config.vault.is_some() {
                return say("There are no keys yet: they are made at the first start.");
            }
            with(&opened, |standing| status(&opened, standing))
        }
        Word::Verify(at) => with_keys(at, super::verify::verify),
        Word::AcceptOlder(at) => with_keys(at, super::verify::accept_older),
        Word::CopyGone { path, at } => with_keys(at, |standing| super::copies::gone(standing, path)),
        Word::TakeKeyStore(at) => say(&super::take_key_store(&open::open(&at.dir)?)?),
        Word::Requests(at) => with_keys(at, requests),
        Word::Asked(at) => with_keys(at, super::duties::asked),
        Word::Retention { class, days, at } => {
            with_keys(at, |standing| super::duties::retention(standing, class.as_deref(), days.as_deref()))
        }
        Word::Sweep { dry_run: true, at } => with_keys(at, super::duties::due),
        Word::Sweep { dry_run: false, at } => with_keys(at, super::duties::sweep),
        Word::Rotate(at) => rotate(&open::open(&at.dir)?),
        Word::RenewIndex(at) => {
            let opened = open::open(&at.dir)?;
            say(&super::indexes::renew(&opened, || standing(&opened))?)
        }
        Word::Root { to, at } => {
            let opened = open::open(&at.dir)?;
            let _lock = opened.data.lock()?;
            say(&super::root::move_to(&opened, *to)?)
        }
        Word::Import(words) => words.run(),
        Word::Gone(at) => with_keys(at, shops::gone),
        Word::Passphrase { file, at } => {
            let opened = open::open(&at.dir)?;
            super::change_passphrase(&opened, file)?;
            say(
                "Done. Name the file in storeward.toml: [vault] passphrase_file. Then make a backup: storeward backup now. Those from \
                 before open on another machine with the old passphrase only, so keep it until that is made; then destroy it, and copies of \
                 vault/root.json that were made before.",
            )
        }
        Word::Policy { file: None } => say(storeward_policy::Policies::default_text().trim_end()),
        Word::Policy { file: Some(path) } => {
            let text = std::fs::read_to_string(path).context(path.display())?;
            let rules = storeward_vault::rules::read(&text).context(path.display())?;
            say(format!("It fits: {} rules, the guards among them.", rules.rules().count()))
        }
    }
}

fn standing(opened: &Opened) -> Done<Standing> {
    super::start(opened)?.ok_or_else(|| {
        Failure::new("there is no [vault] in storeward.toml").hint("add the section: docs/vault.md")
    })
}

/// Does something with the vault, says what came of it, and closes its keys.
fn with(opened: &Opened, work: impl FnOnce(&Standing) -> Done<String>) -> Done {
    let standing = standing(opened)?;
    let told = work(&standing);
    // What waits to be noted is written before the program ends.
    let noted = finished(standing.vault.keys().write_notes());
    standing.close();
    let told = told?;
    noted?.context("the key store")?;
    say(&told)
}

/// [`with`], where there are keys: looking makes none.
fn with_keys(at: &Directory, work: impl FnOnce(&Standing) -> Done<String>) -> Done {
    let opened = open::open(&at.dir)?;
    if !super::exists(&opened.data) && opened.loaded.config.vault.is_some() {
        return say("There are no keys yet: they are made at the first start.");
    }
    with(&opened, work)
}

/// What waits, and the last hundred.
fn requests(standing: &Standing) -> Done<String> {
    let found = finished(standing.vault.requests(None, 100))?.context("the requests")?;
    let line = |request: &Request| {
        let fields: Vec<String> = request.fields.iter().map(|field| field.full_name()).collect();
        let state = match (request.kind, request.verdict, request.until, request.decided_at) {
            (Grant::BreakGlass, Some(verdict), ..) => verdict.name().to_owned(),
            (Grant::BreakGlass, None, ..) => "not looked into yet".to_owned(),
            (_, _, Some(until), _) => format!("approved until {until}"),
            (_, _, None, Some(_)) => "refused".to_owned(),
            (_, _, None, None) => "not answered".to_owned(),
        };
        let kind = if request.kind == Grant::BreakGlass { "emergency" } else { "request" };
        format!(
            "{} {kind} {} by {} for {}: {} of {}: {state}",
            request.asked_at,
            request.id,
            request.staff,
            request.purpose.name(),
            fields.join(", "),
            request.customer,
        )
    };
    let mut out = vec![format!(
        "{} emergencies to look into, {} requests to answer",
        found.unreviewed.len(),
        found.undecided.len()
    )];
    out.extend(found.unreviewed.iter().chain(&found.undecided).map(line));
    let open =
        |one: &Request| found.unreviewed.iter().chain(&found.undecided).any(|known| known.id == one.id);
    let waits = |one: &&Request| !open(one);
    out.extend(found.past.iter().filter(waits).map(line));
    Ok(out.join("\n"))
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
    if let Some(rotation) = finished(vault.keys().rotation())?.context("the key store")? {
        out.push_str(&format!("{}\n", rotation_words(rotation)));
    }
    out.push_str(&super::indexes::under_way(vault)?);
    let section = opened.loaded.config.vault.clone().unwrap_or_default();
    out.push_str(match source(&section) {
        Source::Environment => "passphrase: from the environment\n",
        Source::File => "passphrase: from the file that storeward.toml names\n",
        Source::Own => {
            "passphrase: one of its own, beside what it protects (docs/vault.md, \"The passphrase\")\n"
        }
        Source::Token => "root key: on a token\n",
    });
    if let Some(failure) = standing.look_at_head()? {
        return Err(failure);
    }
    match faults.as_slice() {
        [] => {
            super::keyless::check(opened)?;
            out.push_str("key store: as its ledger says");
        }
        faults => {
            out.push_str(&format!("key store: {} keys are not as its ledger says:\n", faults.len()));
            for fault in faults.iter().take(20) {
                out.push_str(&format!("  {}\n", fault.words()));
            }
            return Err(Failure::new(out)
                .hint("somebody was at the key store: see docs/vault.md, \"When keys are damaged\""));
        }
    }
    Ok(out)
}

fn rotation_words(rotation: Rotation) -> String {
    let Rotation { epoch, done, of } = rotation;
    format!("rotation to epoch {}: {done} of {of} customers' keys are wrapped anew", epoch.0)
}

/// A line that is written over, where somebody looks.
fn shown() -> impl FnMut(Rotation) {
    let is_shown = stderr().is_terminal();
    move |rotation| {
        if is_shown {
            eprint!("\r\x1b[K{}", rotation_words(rotation));
            if rotation.done >= rotation.of {
                let _ = writeln!(stderr());
            }
        }
    }
}

fn rotate(opened: &Opened) -> Done {
    if opened.data.running_pid()?.is_some() {
        let promised = opened.db.write_blocking(|tx| {
            tx.commit_silent("the rotation itself is told by the program that does it");
            jobs::enqueue(tx, &rotate_now())
        });
        promised.map_err(|error: storeward_store::Error| Failure::new(format!("the jobs: {error}")))?;
        return say("The running Storeward does it now; `storeward vault status` tells how far it is.");
    }
    // Nobody else begins an epoch meanwhile.
    let _lock = opened.data.lock()?;
    let standing = standing(opened)?;
    let ended = finished(standing.vault.rotate_shown(std::time::Duration::ZERO, shown()))?;
    let ended = ended.context("the rotation");
    standing.close();
    let ended = ended?;
    say(format!("Epoch {} holds now; {} ended.", standing.vault.keys().current_epoch().0, ended.len()))?;
    let earlier = standing.vault.keys().shelf().earlier_copies().context("copies of the epochs' keys")?;
    if let Some(path) = earlier.first() {
        let (told, todo) = super::copies::words(standing.vault.keys().shelf(), path)?;
        say(format!("But {told}.\n  {todo}"))?;
    } else if !standing.vault.keys().is_copy_of_now() {
        say(
            "backup.epochs_copy still has the key of one that ended, because the newest backup needs it; storeward backup now makes \
             another and replaces it: until then who was erased is not beyond backups.",
        )?;
    }
    Ok(())
}
