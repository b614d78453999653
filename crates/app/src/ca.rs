//! `storeward ca install|uninstall|print`: the development CA in the trust stores of this machine.

use storeward_base::{Clock, SystemClock, SystemEntropy};
use storeward_edge::certificates::trust::TrustStores;
use storeward_edge::certificates::{LocalCa, Source};

use crate::config::Config;
use crate::data::DataDir;
use crate::failure::{Context, Failure};
use crate::{Directory, Done};

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, clap::Subcommand)]
enum Word {
    /// Make browsers and programs of this machine trust it (needs root for the system's store).
    Install(Directory),
    /// Take it out of the trust stores again.
    Uninstall(Directory),
    /// Print the root certificate (never its key).
    Print(Directory),
}

/// The keeper's directory for certificates of the development CA, in the data directory.
pub const DIRECTORY: &str = "local-certificates";

/// Opens or makes the CA for all names that it vouches for.
pub fn open(data: &DataDir, config: &Config) -> Done<LocalCa> {
    let directory = LocalCa::directory_in(&data.join(DIRECTORY));
    LocalCa::open_or_create(&directory, &names(config)?, SystemClock.now(), &SystemEntropy)
        .context("the development CA")
}

/// The console's names, and the shop's where its certificate is of this CA too.
pub fn names(config: &Config) -> Done<Vec<String>> {
    let mut names = match config.certificates()?.source {
        Source::Local => config.domain.list(),
        Source::Acme(_) | Source::Files(_) => Vec::new(),
    };
    names.extend(crate::console::names(config));
    names.extend(crate::api::names(config));
    let mut known = std::collections::BTreeSet::new();
    names.retain(|name| known.insert(name.clone()));
    Ok(names)
}

pub fn ca(options: &Options) -> Done {
    let (Word::Install(at) | Word::Uninstall(at) | Word::Print(at)) = &options.word;
    let data = DataDir::open(&at.dir)?;
    let loaded = Config::load(&at.dir)?;
    let root = open(&data, &loaded.config)?;
    let stores = TrustStores::of_this_machine();
    let report = match &options.word {
        Word::Print(_) => {
            print!("{}", root.root_pem());
            return Ok(());
        }
        Word::Install(_) => stores.install(root.root_pem()),
        Word::Uninstall(_) => stores.uninstall(),
    };
    print!("{report}");
    if report.is_complete() {
        return Ok(());
    }
    Err(Failure::new("not every trust store was changed")
        .hint("see the lines marked NOT DONE; run it as root for the system's store"))
}
