//! `storeward identity import FILE`: customers' accounts with the password hashes that a shop kept.

mod lines;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use storeward_base::Language;
use storeward_identity::import::{Importer, Kept};

use crate::breach_list::Bar;
use crate::failure::{Context, Failure};
use crate::{Directory, Done, open};
use lines::Lines;

/// Line numbers that are printed of each reason.
const SHOWN: usize = 10;

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, clap::Subcommand)]
enum Word {
    /// Take accounts over from another shop. Their passwords go on to work, and are hashed anew at the next sign-in.
    Import {
        /// CSV with the header address,hash,name,language (the last two may be missing), or one JSON object a line with
        /// the same names.
        file: PathBuf,
        /// Only tell what would be taken and what does not fit.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        at: Directory,
    },
}

pub fn word(options: &Options) -> Done {
    match &options.word {
        Word::Import { file, dry_run, at } => {
            let told = import(file, if *dry_run { Run::Dry } else { Run::Real }, &at.dir)?;
            print!("{told}");
            Ok(())
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Dry,
    Real,
}

fn import(file: &Path, run: Run, dir: &Path) -> Done<String> {
    let opened = open::open(dir)?;
    let Some(policy) = &opened.loaded.config.identity else {
        return Err(Failure::new("there is no [identity] in storeward.toml, so there are no accounts")
            .hint("see docs/configuration.md"));
    };
    let language: Language = policy.language(None);
    let keys = (opened.data_key.clone(), &opened.pseudonym_key);
    let (clock, entropy) = (opened.clock.clone(), opened.entropy.clone());
    let mut importer = Importer::new(opened.db.clone(), clock, entropy, keys, language);
    let source = File::open(file).context(file.display())?;
    let mut bar = Bar::new(source.metadata().ok().map(|data| data.len()).filter(|length| *length > 0));
    let mut count = Count::default();
    for (number, line) in Lines::new(BufReader::new(source)).context(file.display())? {
        let line = match line {
            Ok(line) => line,
            Err(lines::Broken::Form) => {
                count.unfit("cannot be read", number.line);
                continue;
            }
            Err(lines::Broken::File(error)) => return Err(error).context(file.display()),
        };
        let done = match run {
            Run::Dry => importer.rehearse(&line),
            Run::Real => importer.take(&line),
        };
        match done.context("the accounts")? {
            Ok(kept) => {
                count.taken += 1;
                count.wrapped += u64::from(kept == Kept::Wrapped);
            }
            Err(unfit) => count.unfit(unfit.words(), number.line),
        }
        bar.tell(number.bytes, number.line);
    }
    bar.end();
    Ok(count.told(run))
}

#[derive(Debug, Default)]
struct Count {
    taken: u64,
    wrapped: u64,
    unfit: BTreeMap<&'static str, (u64, Vec<u64>)>,
}

impl Count {
    fn unfit(&mut self, why: &'static str, line: u64) {
        let (count, lines) = self.unfit.entry(why).or_default();
        *count += 1;
        if lines.len() < SHOWN {
            lines.push(line);
        }
    }

    /// By line number, never with what stands there.
    fn told(&self, run: Run) -> String {
        let done = match run {
            Run::Dry => "fit",
            Run::Real => "taken over",
        };
        let mut out = format!(
            "{} accounts {done}, {} of them with a fast hash that is wrapped in Argon2id\n",
            self.taken, self.wrapped
        );
        for (why, (count, lines)) in &self.unfit {
            let shown: Vec<String> = lines.iter().map(u64::to_string).collect();
            let more = if *count > u64::try_from(lines.len()).unwrap_or(u64::MAX) { ", …" } else { "" };
            out.push_str(&format!("{count} left out: the line {why} (line {}{more})\n", shown.join(", ")));
        }
        out
    }
}

#[cfg(test)]
mod tests;
