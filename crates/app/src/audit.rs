//! `storeward audit verify`: reads the whole ledger, computes its tree anew and compares.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use storeward_base::Actor;
use storeward_store::ledger::{self, Standing, VerifyOptions};

use crate::failure::{Context, Failure};
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
    /// Verify every entry, the tree over them and every signed checkpoint. Ends with status 1 when one does not hold.
    Verify {
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
    /// Print the signed checkpoint over the whole ledger: keep it where this machine cannot reach it.
    Checkpoint {
        #[command(flatten)]
        at: Directory,
    },
}

pub fn audit(options: &Options) -> Done {
    match &options.word {
        Word::Verify { at, anchor, json } => verify(at, anchor, *json),
        Word::Accept { at } => accept(at),
        Word::Checkpoint { at } => {
            let opened = open::open(&at.dir)?;
            let head = opened.db.read_blocking(ledger::head).context("the ledger")?;
            print!("{}", head.note);
            Ok(())
        }
    }
}

fn verify(at: &Directory, anchors: &[PathBuf], json: bool) -> Done {
    let opened = open::open(&at.dir)?;
    let anchors = anchors
        .iter()
        .map(|path| std::fs::read_to_string(path).context(path.display()))
        .collect::<Done<Vec<String>>>()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_before_a_fault_is_called_sound() {
        assert_eq!(sound_before(121, 116), "the 115 entries before it are sound; ");
        assert_eq!(sound_before(121, 2), "the entry before it is sound; ");
        for (read, fault) in [(121, 1), (0, 121), (0, 0)] {
            assert_eq!(sound_before(read, fault), "", "{read} {fault}");
        }
    }

    #[test]
    fn the_bar_fills() {
        assert_eq!(progress(0, 10).matches('█').count(), 0);
        assert_eq!(progress(5, 10).matches('█').count(), 20);
        assert_eq!(progress(10, 10).matches('·').count(), 0);
        assert_eq!(progress(0, 0).matches('█').count(), 0);
    }
}
