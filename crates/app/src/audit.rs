//! `storeward audit`: reads the whole ledger, computes its tree anew and compares; writes it out and proves parts of it for
//! whoever checks them elsewhere.

mod export;
mod offline;
mod prove;
#[cfg(test)]
mod tests;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use storeward_base::Actor;
use storeward_seal::LogKey;
use storeward_seal::tlog::Trust;
use storeward_store::ledger::{self, Standing, VerifyOptions};

use crate::data::DataDir;
use crate::failure::{Context, Failure, say};
use crate::ledger_head::{self, KeptHead};
use crate::open::Opened;
use crate::{Directory, Done, open};

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, clap::Subcommand)]
enum Word {
    /// Verify every entry, the tree over them and every signed checkpoint; or, of files and folders from elsewhere, each proof,
    /// checkpoint and export, with nothing but the public key. Ends with status 1 when one does not hold.
    Verify {
        /// Proofs, checkpoints and exports. Without any, the ledger of this data directory.
        #[arg(value_name = "FILE|DIR")]
        paths: Vec<PathBuf>,
        /// The ledger's public key, as `storeward audit key` prints it, or a file with it. Without it ledger.pub in the data
        /// directory counts, else that directory's own key.
        #[arg(long, value_name = "KEY|FILE", requires = "paths")]
        key: Vec<String>,
        #[command(flatten)]
        at: Directory,
        /// A checkpoint kept elsewhere, as `storeward audit checkpoint` prints it: shows a ledger written anew.
        #[arg(long, visible_alias = "checkpoint", value_name = "FILE")]
        anchor: Vec<PathBuf>,
        /// The result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say that the ledger is right as it stands: after you have restored an older backup yourself. It goes on from here.
    Accept {
        #[command(flatten)]
        at: Directory,
    },
    /// Print the ledger's public key: give it to whoever will check what comes from this ledger.
    Key {
        #[command(flatten)]
        at: Directory,
    },
    /// Write the ledger as files in the C2SP tlog-tiles layout. Again into the same folder, it adds what is new.
    Export {
        #[command(flatten)]
        at: Directory,
        /// The folder; it is made.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Prove that an entry is in the ledger, or that one checkpoint continues another: a file that stands alone.
    Prove(ProveOptions),
    /// Print the signed checkpoint over the whole ledger: keep it where this machine cannot reach it.
    Checkpoint {
        #[command(flatten)]
        at: Directory,
    },
}

/// Public keys that somebody put into a data directory, one a line: what they signed is checked there.
const PINNED: &str = "ledger.pub";

#[derive(Debug, clap::Args)]
struct ProveOptions {
    #[command(flatten)]
    at: Directory,
    /// The entry's number or id.
    #[arg(value_name = "SEQ|ID", required_unless_present = "consistency")]
    entry: Option<String>,
    /// In the tree of this many entries, of which a checkpoint was kept.
    #[arg(long, value_name = "N")]
    size: Option<u64>,
    /// In the tree of a checkpoint from elsewhere.
    #[arg(long, value_name = "FILE", conflicts_with = "size")]
    checkpoint: Option<PathBuf>,
    /// Two checkpoints, each a file or the size of one that was kept.
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with_all = ["entry", "size", "checkpoint"])]
    consistency: Vec<String>,
    /// Where to write it; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn audit(options: &Options) -> Done {
    match &options.word {
        Word::Verify { paths, key, at, anchor, json } if !paths.is_empty() => {
            let anchors = paths.iter().chain(anchor).cloned().collect::<Vec<PathBuf>>();
            elsewhere(&anchors, &trust(&at.dir, key)?, *json)
        }
        Word::Verify { at, anchor, json, .. } => verify(at, anchor, *json),
        Word::Key { at } => {
            let opened = open::open(&at.dir)?;
            say(own_key(&opened.data)?.verifier(opened.db.ledger_name()))
        }
        Word::Export { at, folder } => export_to(at, folder),
        Word::Prove(wish) => prove_to(wish),
        Word::Accept { at } => accept(at),
        Word::Checkpoint { at } => {
            let opened = open::open(&at.dir)?;
            let head = opened.db.read_blocking(ledger::head).context("the ledger")?;
            print!("{}", head.note);
            Ok(())
        }
    }
}

fn own_key(data: &DataDir) -> Done<LogKey> {
    Ok(LogKey::from_seed(&data.keys()?.ledger))
}

/// Whose signatures count for files from elsewhere: the keys that were named, those that are pinned in the data directory, or
/// its own.
fn trust(dir: &Path, named: &[String]) -> Done<Trust> {
    let pinned = dir.join(PINNED);
    let mut texts = Vec::new();
    for key in named {
        texts.push(if key.contains('+') && !Path::new(key).exists() {
            key.clone()
        } else {
            std::fs::read_to_string(key).context(key)?
        });
    }
    if texts.is_empty() && pinned.is_file() {
        texts.push(std::fs::read_to_string(&pinned).context(pinned.display())?);
    }
    if texts.is_empty() {
        let data = DataDir::open(dir).map_err(|_| {
            Failure::new("whose signatures count is not said").hint(
                "name the ledger's public key with --key; its owner reads it with `storeward audit key`",
            )
        })?;
        return Ok(Trust::Own(Box::new(own_key(&data)?)));
    }
    let lines = texts.iter().flat_map(|text| text.lines()).map(str::trim);
    let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(Trust::Keys(keys.map(|line| line.parse().context("the public key")).collect::<Done<_>>()?))
}

fn elsewhere(paths: &[PathBuf], trust: &Trust, json: bool) -> Done {
    let found = offline::verify(paths, trust);
    if json {
        say(serde_json::json!({"good": found.good, "bad": found.bad}))?;
    } else {
        found.good.iter().try_for_each(say)?;
    }
    if found.bad.is_empty() { Ok(()) } else { Err(Failure::new(found.bad.join("\n"))) }
}

fn export_to(at: &Directory, folder: &Path) -> Done {
    let opened = open::open(&at.dir)?;
    let bar = std::io::stderr().is_terminal();
    let done = export::export(&opened.db, folder, |done, all| {
        if bar {
            eprint!("\r{}", progress(done, all));
        }
    });
    if bar {
        eprintln!();
    }
    let done = done?;
    export::write_receipts(folder, &crate::anchor::receipts(&opened.db)?)?;
    println!(
        "{} entries stand in {} ({} files written). Whoever has the public key (`storeward audit key`) checks them with \
         `storeward audit verify {}`, or with any tool for C2SP tlog-tiles.",
        done.entries,
        folder.display(),
        done.written,
        folder.display()
    );
    Ok(())
}

fn prove_to(wish: &ProveOptions) -> Done {
    let opened = open::open(&wish.at.dir)?;
    let trust = Trust::Own(Box::new(own_key(&opened.data)?));
    let (text, name) = match wish.consistency.as_slice() {
        [old, new] => {
            let proof = prove::consistency(&opened.db, &trust, old, new)?;
            (proof.to_text(), "consistency.proof".to_owned())
        }
        _ => {
            let tree = match (wish.size, &wish.checkpoint) {
                (Some(size), _) => prove::Tree::Size(size),
                (None, Some(file)) => {
                    prove::Tree::Note(std::fs::read_to_string(file).context(file.display())?)
                }
                (None, None) => prove::Tree::Now,
            };
            let entry = wish.entry.as_deref().unwrap_or_default();
            let (seq, proof) = prove::inclusion(&opened.db, &trust, entry, tree)?;
            (proof.to_text(), format!("entry-{seq}.tlog-proof"))
        }
    };
    let out = wish.out.clone().unwrap_or_else(|| PathBuf::from(name));
    prove::write(&text, &out)?;
    if out != Path::new("-") {
        let name = out.display();
        println!("{name} is written. `storeward audit verify {name} --key KEY` checks it anywhere.");
    }
    Ok(())
}

fn verify(at: &Directory, anchors: &[PathBuf], json: bool) -> Done {
    let opened = open::open(&at.dir)?;
    let mut anchors = anchors
        .iter()
        .map(|path| std::fs::read_to_string(path).context(path.display()))
        .collect::<Done<Vec<String>>>()?;
    let receipts = crate::anchor::receipts(&opened.db)?;
    crate::anchor::check_stamps(&opened, &receipts)?;
    anchors.extend(crate::anchor::notes(&receipts, opened.db.ledger_name()));
    let bar = std::io::stderr().is_terminal() && !json;
    let report = ledger::verify(&opened.db, &VerifyOptions { anchors }, |done, all| {
        if bar {
            eprint!("\r{}", progress(done, all));
            // A terminal that cannot be flushed shows the bar late, nothing worse.
            let _ = std::io::stderr().flush();
        }
    })
    .context("the ledger")?;
    if bar {
        eprintln!();
    }
    let root = storeward_seal::encoding::hex(&report.root);
    if json {
        let fault =
            report.first_fault.as_ref().map(|f| serde_json::json!({"seq": f.seq, "what": f.to_string()}));
        println!(
            "{}",
            serde_json::json!({
                "ledger": opened.db.ledger_name().as_str(),
                "entries": report.entries, "forgotten": report.forgotten, "root": root,
                "checkpoints": report.checkpoints, "fault": fault,
            })
        );
    } else if report.first_fault.is_none() {
        println!(
            "Every signature holds: {} entries ({} of them forgotten in time), {} signed checkpoint(s), root {root}. \
             The ledger is {}.",
            report.entries,
            report.forgotten,
            report.checkpoints,
            opened.db.ledger_name()
        );
    }
    match report.first_fault {
        None => {
            if block_on(KeptHead::of(&opened.data).is_missing(&opened.db))? {
                return Err(ledger_head::missing());
            }
            if let Some(failure) = standing(&opened)?.as_ref().and_then(ledger_head::failure) {
                return Err(failure);
            }
            let book = storeward_store::addresses::verify(&opened.db).context("the address book")?;
            if book.changed > 0 {
                return Err(Failure::new(format!(
                    "the ledger holds, and the address book beside it was changed: {} of {} addresses are not those of the \
                     clients that the events name",
                    book.changed, book.entries
                ))
                .hint("the events themselves are sound; take the addresses from a backup, and find out who wrote to the database"));
            }
            look_at_tables(&opened)?;
            crate::payments::look_at_rows(&opened)?;
            open::rows::look(&opened)?;
            crate::anchor::look_for_receipts(&opened)?;
            let fact = storeward_events::system::LedgerVerified { entries: report.entries, root };
            let told = opened.db.write_blocking(move |tx| tx.append(Actor::Operator, None, fact.clone()));
            told.context("the verification could not be written down").map(drop)
        }
        Some(fault) => {
            let sound = sound_before(report.entries, fault.seq);
            Err(Failure::new(format!("the ledger does not hold: {fault}"))
                .hint(format!("{sound}compare with a backup and find out who wrote to the database")))
        }
    }
}

/// Whether the database still does with rows what this program makes it do: keeps those of the ledger, and swallows none.
fn look_at_tables(opened: &Opened) -> Done {
    let unlike = crate::vault::unlike_in_words(storeward_store::schema::unlike(&opened.db));
    let Some(first) = unlike.first() else { return Ok(()) };
    let more = match unlike.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    Err(Failure::new(format!("the ledger holds, and the database is not known to be made as Storeward makes it: {first}{more}")).hint(
        "somebody was at the database past Storeward: `storeward vault verify` names all; restore a backup, or put right what is named, and \
         find out who can write there",
    ))
}

/// What of the ledger can be said to hold: what was read, and stands before the fault.
fn sound_before(read: u64, fault: u64) -> String {
    match read.min(fault.saturating_sub(1)) {
        0 => String::new(),
        1 => "the entry before it is sound; ".to_owned(),
        sound => format!("the {sound} entries before it are sound; "),
    }
}

/// How the ledger stands to the head that was kept beside the database.
fn standing(opened: &Opened) -> Done<Option<Standing>> {
    let kept = KeptHead::of(&opened.data);
    let standing = block_on(kept.standing(&opened.db))?;
    if standing.is_none() {
        eprintln!(
            "{} is not there yet: whether the newest entries were taken away cannot be told. `storeward run` keeps it.",
            kept.path().display()
        );
    }
    Ok(standing)
}

fn accept(at: &Directory) -> Done {
    let opened = open::open(&at.dir)?;
    // Whoever serves from here keeps the file.
    let _lock = opened.data.lock()?;
    let before = ledger_head::cut_back(standing(&opened)?.as_ref());
    let (kept, found) = before.as_ref().map_or((0, 0), |c| (c.kept, c.found));
    let fact = storeward_events::system::LedgerAccepted { kept, found };
    let told = opened.db.write_blocking(move |tx| tx.append(Actor::Operator, None, fact.clone()));
    told.context("it could not be written down")?;
    block_on(KeptHead::of(&opened.data).accept(&opened.db))?;
    println!("The ledger goes on from here. That you said so stands in it.");
    Ok(())
}

fn block_on<T>(work: impl Future<Output = Done<T>>) -> Done<T> {
    tokio::runtime::Builder::new_current_thread().build().context("a runtime")?.block_on(work)
}

/// A bar of forty signs, with the figures behind it.
fn progress(done: u64, all: u64) -> String {
    let filled = usize::try_from(done.saturating_mul(40) / all.max(1)).unwrap_or(40).min(40);
    format!("[{}{}] {done} of {all} entries", "█".repeat(filled), "·".repeat(40 - filled))
}
