//! `storeward vault import --from`: a shop's database, by the questions of a file; and the same from time to time.

use std::collections::BTreeMap;
use std::fs;
use std::io::{IsTerminal as _, stderr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use storeward_base::{Actor, Secret};
use storeward_store::foreign::ForeignUrl;
use storeward_store::jobs::Handler;
use storeward_vault::import::{Ended, Run, ShopFile, ShopImport, Step};
use storeward_vault::{Error, Vault};

use super::shelf;
use crate::Done;
use crate::failure::{Context, Failure};
use crate::oidc::finished;
use crate::open::Opened;

const ENVIRONMENT: &str = "STOREWARD_SHOP_DATABASE";

/// `[vault.import]`: a shop's database that is read from time to time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportSection {
    /// `woocommerce`, `django-oscar`, or a file of one's own that ends in `.toml`, from the data directory.
    pub from: String,
    /// A file with the database's address and password, readable by nobody else.
    pub database_file: PathBuf,
    #[serde(default = "hourly")]
    pub every_minutes: u32,
    /// What is otherwise in this shop than in the file, such as `prefix`.
    #[serde(default)]
    pub places: BTreeMap<String, String>,
}

fn hourly() -> u32 {
    60
}

/// Where the shop's database is, as its file says now.
pub fn database(section: &ImportSection, dir: &Path) -> Done<ForeignUrl> {
    let wanted =
        Wanted { from: &section.from, database: Some(&section.database_file), places: &section.places, dir };
    ForeignUrl::parse(wanted.address()?.expose()).context("the shop's database")
}

/// What is asked of which shop.
pub struct Wanted<'a> {
    pub from: &'a str,
    /// The file with the address; the environment's is taken where there is none.
    pub database: Option<&'a Path>,
    pub places: &'a BTreeMap<String, String>,
    /// Where files of one's own are.
    pub dir: &'a Path,
}

impl Wanted<'_> {
    fn address(&self) -> Done<Secret<String>> {
        let Some(path) = self.database else {
            return std::env::var(ENVIRONMENT).map(Secret::new).map_err(|_| {
                Failure::new("no database is named").hint(format!(
                    "--database FILE names a file with its address (mysql://USER:PASSWORD@HOST/NAME), or {ENVIRONMENT} holds it"
                ))
            });
        };
        let path = self.dir.join(path);
        let shown = path.display();
        let mode = fs::metadata(&path).context(&shown)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(Failure::new(format!("{shown} can be read by others on this machine"))
                .hint(format!("chmod 600 {shown}")));
        }
        let text = fs::read_to_string(&path).context(&shown)?;
        Ok(Secret::new(text.trim().to_owned()))
    }

    fn import(&self, run: Run, actor: Actor) -> Done<ShopImport> {
        let url = ForeignUrl::parse(self.address()?.expose()).context("the shop's database")?;
        let text = match ShopFile::built_in(self.from) {
            Some(text) => text.to_owned(),
            None if self.from.ends_with(".toml") => {
                let path = self.dir.join(self.from);
                fs::read_to_string(&path).context(path.display())?
            }
            None => {
                let known = ShopFile::names().join(", ");
                return Err(Failure::new(format!("no shop is called {}", self.from))
                    .hint(format!("{known}, or a file that ends in .toml")));
            }
        };
        let shop = ShopFile::parse(&text, url.engine(), self.places).context(self.from)?;
        Ok(ShopImport { shop, url, run, actor })
    }
}

/// Without a vault only what the shop says is looked at: for a dry run before the first start.
pub fn import(opened: &Opened, vault: Option<&Vault>, wanted: &Wanted<'_>, run: Run) -> Done<String> {
    let import = wanted.import(run, Actor::Operator)?;
    // No epoch ends while keys are made here.
    let _held = match run {
        Run::Real => Some(shelf(&opened.data).hold().context("the vault's keys")?),
        Run::Dry => None,
    };
    let is_shown = stderr().is_terminal();
    let mut tell = |step: Step<'_>| {
        if is_shown {
            eprint!("\r\x1b[K{}", bar(&step));
        }
    };
    let ended = finished(import.run(vault, &mut tell))?;
    if is_shown {
        eprintln!();
    }
    Ok(told(&ended.context("the shop's database")?, run))
}

fn bar(step: &Step<'_>) -> String {
    const WIDTH: u64 = 30;
    let Some(total) = step.total.filter(|total| *total > 0) else {
        return format!("{}: {} rows", step.part, step.rows);
    };
    let done = step.rows.min(total);
    let signs: String = (0..WIDTH).map(|at| if at < done * WIDTH / total { '#' } else { '.' }).collect();
    format!("{}: [{signs}] {} %, {done} of {total} rows", step.part, done * 100 / total)
}

fn told(ended: &Ended, run: Run) -> String {
    let mut out = String::new();
    for part in &ended.parts {
        let since = part.since.map_or_else(String::new, |since| format!(", changed since {since}"));
        out.push_str(&format!("{}{since}\n", part.name));
        for line in part.report.told(run).lines() {
            out.push_str(&format!("  {line}\n"));
        }
    }
    if let Some(present) = ended.present {
        out.push_str(&format!("The shop has {present} customers' rows.\n"));
    }
    if ended.gone > 0 {
        out.push_str(&format!(
            "{} customers are not in the shop any more; what is kept of them stays (`storeward vault gone` lists them).\n",
            ended.gone
        ));
    }
    if ended.parts.is_empty() {
        out.push_str("No part of the file is for this shop.\n");
    }
    out.trim_end().to_owned()
}

/// Customers whom a shop has no more.
pub fn gone(standing: &super::Standing) -> Done<String> {
    let found = finished(standing.vault.gone_from_shops(1_000))?.context("the records")?;
    let mut out = vec![format!("{} customers are in no shop any more", found.len())];
    out.extend(found.iter().map(|gone| format!("{} {} ({})", gone.since, gone.customer, gone.source)));
    Ok(out.join("\n"))
}

/// The job that reads the shop's database.
pub fn handler(vault: &Vault, section: &ImportSection, dir: &Path) -> Handler {
    let (vault, section, dir) = (vault.clone(), section.clone(), dir.to_owned());
    let every = Duration::from_secs(u64::from(section.every_minutes.max(1)) * 60);
    let work = move |_| {
        let (vault, section, dir) = (vault.clone(), section.clone(), dir.clone());
        async move {
            let wanted = Wanted {
                from: &section.from,
                database: Some(&section.database_file),
                places: &section.places,
                dir: &dir,
            };
            let import =
                wanted.import(Run::Real, Actor::System).map_err(|why| Error::Shop(why.to_string()))?;
            Ok(import.run(Some(&vault), &mut |_| {}).await.map(drop)?)
        }
    };
    Handler::new("vault.import_shop", work).every(every).time_limit(Duration::from_secs(4 * 3_600))
}
