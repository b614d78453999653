//! `storeward vault import FILE`: an existing shop's customers from CSV, by a mapping; with a dry run, resumed where it
//! stopped, and a report of what did not fit and why.

use std::fs::{self, File, TryLockError};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use storeward_vault::Vault;
pub use storeward_vault::import::Run;
use storeward_vault::import::{Mapping, Plan, Report, Taken};

use super::csv::{Broken, Records};
use super::{FOLDER, shelf};
use crate::Done;
use crate::breach_list::Bar;
use crate::data::write_atomically;
use crate::failure::{Context, Failure};
use crate::oidc::finished;
use crate::open::Opened;

/// Rows that are under way at once: as many share one commit.
const AT_ONCE: usize = 128;

/// How far a run came: the file and the mapping by their fingerprint, the last line that is written.
struct Mark {
    path: PathBuf,
}

impl Mark {
    fn of(opened: &Opened, file: &Path, mapping: &str) -> Done<Mark> {
        let data = fs::metadata(file).context(file.display())?;
        // The next night's export may have the same place and length. One that was only touched is read from its beginning,
        // which writes nothing twice.
        let changed = data.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let changed = changed.map_or(0, |at| at.as_nanos());
        let absolute = fs::canonicalize(file).context(file.display())?;
        let what = format!("{}\n{}\n{changed}\n{mapping}", absolute.display(), data.len());
        let name = storeward_seal::fingerprint::sha256_hex(what.as_bytes());
        let name = name.get(..16).unwrap_or("import").to_owned();
        Ok(Mark { path: opened.data.join(FOLDER).join(format!("import-{name}.line")) })
    }

    fn read(&self) -> u64 {
        fs::read_to_string(&self.path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    fn keep(&self, line: u64) -> Done {
        write_atomically(&self.path, line.to_string().as_bytes())
    }

    fn remove(&self) {
        // Not there where nothing was written.
        let _ = fs::remove_file(&self.path);
    }
}

/// For as long as the file is open: a second run of it would go on from where this one is, and end before what this one has under way is
/// written. Where the file system knows no locks (some of the network), there is none.
fn alone(source: &File, file: &Path) -> Done {
    match source.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let what = format!("another import of {} is under way", file.display());
            Err(Failure::new(what)
                .hint("wait until it has ended; the same words again then write only what it did not"))
        }
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// Without a vault only what a file says is looked at: for a dry run before the first start.
pub fn import(
    opened: &Opened,
    vault: Option<&Vault>,
    file: &Path,
    mapping_file: &Path,
    run: Run,
) -> Done<Report> {
    let text = fs::read_to_string(mapping_file).map_err(|why| {
        Failure::new(format!("the mapping {} cannot be read: {why}", mapping_file.display()))
            .hint("it says which column is which field: docs/vault.md, \"Import\", has one to begin with")
    })?;
    let mapping: Mapping = toml::from_str(&text)
        .map_err(|why| Failure::new(format!("{}: {}", mapping_file.display(), why.message())))?;
    import_with(opened, vault, file, &mapping, &text, run)
}

/// With a mapping that was read; its text tells one run from another.
pub fn import_with(
    opened: &Opened,
    vault: Option<&Vault>,
    file: &Path,
    mapping: &Mapping,
    text: &str,
    run: Run,
) -> Done<Report> {
    let source = File::open(file).map_err(|why| {
        Failure::new(format!("the file {} cannot be read: {why}", file.display()))
            .hint("name the shop's export in CSV; `storeward vault import --help` has the words")
    })?;
    if run == Run::Real {
        alone(&source, file)?;
    }
    let length = source.metadata().ok().map(|data| data.len()).filter(|length| *length > 0);
    let (mut records, header) = Records::new(BufReader::new(source)).context(file.display())?;
    let plan = Arc::new(Plan::new(mapping, &header).context("the mapping")?);
    let mark = Mark::of(opened, file, text)?;
    // No epoch ends while keys are made here.
    let _held = match run {
        Run::Real => Some(shelf(&opened.data).hold().context("the vault's keys")?),
        Run::Dry => None,
    };
    let mut report = Report::new("line");
    if run == Run::Real {
        report.resumed_after = mark.read();
    }
    let mut bar = Bar::new(length);
    let work = async {
        loop {
            let batch = next_batch(&mut records, &plan, &mut report).context(file.display())?;
            let Some(last) = batch.last else { break };
            match (run, vault) {
                (Run::Real, Some(vault)) => {
                    write(vault, &plan, batch.rows, &mut report).await?;
                    mark.keep(last)?;
                }
                (Run::Real, None) => return Err(Failure::new("there is no vault to write to")),
                (Run::Dry, vault) => try_out(vault, &plan, batch.rows, &mut report).await?,
            }
            bar.tell(records.bytes, last);
        }
        Ok(())
    };
    finished(work)??;
    bar.end();
    if run == Run::Real {
        mark.remove();
    }
    Ok(report)
}

struct Batch {
    rows: Vec<(u64, Vec<String>)>,
    /// The last line that was read; nothing at the end.
    last: Option<u64>,
}

fn next_batch<R: std::io::BufRead>(
    records: &mut Records<R>,
    plan: &Plan,
    report: &mut Report,
) -> std::io::Result<Batch> {
    let mut batch = Batch { rows: Vec::new(), last: None };
    while batch.rows.len() < AT_ONCE {
        let Some(record) = records.next()? else { break };
        let (line, end) = record.lines;
        batch.last = Some(line);
        if line <= report.resumed_after {
            continue;
        }
        let cells = match record.values {
            // A row that was cut in two is short, too, and its second half names nobody: what is mapped has to be there.
            Ok(cells) if cells.len() > plan.last_column() => cells,
            Ok(cells) => {
                let why = Broken::Values(cells.len());
                report.leave_out(why_broken(&why, (line, end), records.width()), line);
                continue;
            }
            Err(why) => {
                report.leave_out(why_broken(&why, (line, end), records.width()), line);
                report.cut_at = report.cut_at.or((end > line || why == Broken::Unclosed).then_some(line));
                continue;
            }
        };
        for (field, why) in plan.read(&cells).left_out {
            report.leave_out(format!("{field} {why}"), line);
        }
        batch.rows.push((line, cells));
    }
    Ok(batch)
}

/// Never with a value.
fn why_broken(why: &Broken, (begin, end): (u64, u64), width: usize) -> String {
    let of_lines = if begin == end {
        String::new()
    } else {
        format!("; this record goes from line {begin} to line {end}")
    };
    let what = match why {
        Broken::TooLong => "longer than 256 KiB".to_owned(),
        Broken::NoUtf8 => "no UTF-8".to_owned(),
        Broken::BehindQuote => "text stands behind the quote that ends a value".to_owned(),
        Broken::Values(found) => format!("{found} values where the header has {width}"),
        Broken::Unclosed => {
            return format!(
                "a value begins with a quote that nothing closes: of line {begin} to the end of the file, line {end}, nothing is taken"
            );
        }
    };
    format!("{what}{of_lines}")
}

/// What a real run would make of rows; nothing is written.
async fn try_out(
    vault: Option<&Vault>,
    plan: &Plan,
    rows: Vec<(u64, Vec<String>)>,
    report: &mut Report,
) -> Done {
    for (line, cells) in rows {
        let row = plan.read(&cells);
        let taken = match vault {
            Some(vault) => vault.known_row(plan, &cells, &row).await.context("the records")?,
            None if plan.is_nothing(&cells, &row) => Taken::Nothing,
            None => Taken::New,
        };
        report.take(taken, line);
    }
    Ok(())
}

async fn write(vault: &Vault, plan: &Arc<Plan>, rows: Vec<(u64, Vec<String>)>, report: &mut Report) -> Done {
    for (line, taken) in vault.take_all(plan, rows).await.context("the records")? {
        report.take(taken, line);
    }
    Ok(())
}
