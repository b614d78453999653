//! `storeward vault verify`: every record against what was written last, every key against the key store's ledger; and what to
//! do about data that was restored from before.

use std::io::{IsTerminal, Write as _, stderr};

use storeward_base::Actor;
use storeward_store::ledger::{self, VerifyOptions};
use storeward_vault::{Verified, Walk};

use super::Standing;
use crate::Done;
use crate::failure::{Context, Failure};
use crate::oidc::finished;

/// Faults that are printed of each kind.
const SHOWN: usize = 100;

/// What was found, for people; a failure where anything is not as it was written.
pub fn verify(standing: &Standing) -> Done<String> {
    let is_shown = stderr().is_terminal();
    let tell = |walk: Walk| {
        if is_shown {
            eprint!("\r\x1b[K{} of {} customers, {} values", walk.customers, walk.of_customers, walk.values);
        }
    };
    let records = finished(async {
        let records = standing.vault.verify(Actor::Operator, tell).await?;
        standing.vault.keys().write_notes().await?;
        Ok::<_, storeward_vault::Error>(records)
    })?
    .context("the records")?;
    if is_shown {
        let _ = writeln!(stderr());
    }
    let report = ledger::verify(&standing.keys, &VerifyOptions::default(), |_, _| {});
    let report = report.context("the key store's ledger")?;
    let mut faults = told(&records);
    for fault in records.keys.iter().take(SHOWN) {
        faults.push_str(&format!("  key store: {}\n", fault.words()));
    }
    if let Some(fault) = &report.first_fault {
        faults.push_str(&format!("  the key store's ledger: {fault}\n"));
    }
    faults.push_str(&of_tables(standing));
    if let Some(failure) = standing.look_at_head()? {
        faults.push_str(&format!("  {}\n", failure.what()));
    }
    let of_files = finished(async {
        let keys = standing.keys.read(storeward_store::copies::faults).await?;
        let data = standing.vault.faults_of_file().await?;
        let words = |what: &str, faults: Vec<String>| {
            faults.into_iter().map(|fault| format!("  {what}: {fault}\n")).collect()
        };
        Ok::<[String; 2], storeward_vault::Error>([words("the database", data), words("the key store", keys)])
    })?
    .context("the databases")?;
    let is_file = of_files.iter().any(|faults| !faults.is_empty());
    // Where anything else is wrong, too, somebody may have been at it.
    let is_file_alone = is_file && faults.is_empty();
    faults.extend(of_files);
    let head = format!("{} customers, {} values", records.customers, records.values);
    let begun = match records.begun {
        0 => String::new(),
        begun => format!("\n{begun} records of the version before count as they are from now on"),
    };
    if faults.is_empty() {
        return Ok(format!(
            "{head}: each is what was written last, and every key is what its ledger says{begun}"
        ));
    }
    let is_older = records.flaws.iter().any(|flaw| flaw.harm == storeward_vault::Harm::OlderData);
    let hint = if is_older {
        "did you restore a backup? then `storeward vault accept-older` (docs/vault.md, \"After a restore\"); if not, \
         somebody was at the database"
    } else if is_file_alone {
        "the file is damaged: see docs/vault.md, \"When records are not what was written\""
    } else {
        "somebody was at the database past Storeward: see docs/vault.md, \"When records are not what was written\""
    };
    Err(Failure::new(format!(
        "{head}: {} are not as they were written{}{begun}\n{}",
        records.faults,
        if is_file { ", and a database does not hold together" } else { "" },
        faults.trim_end()
    ))
    .hint(hint))
}

/// What of either database is not made as this program makes it: what its rows are is of little worth where somebody has changed what is done
/// with them.
fn of_tables(standing: &Standing) -> String {
    let mut faults = String::new();
    let of_keys = storeward_store::schema::unlike(&standing.keys);
    for (what, unlike) in [("the database", standing.vault.unlike()), ("the key store", of_keys)] {
        unlike_in_words(unlike).iter().for_each(|words| faults.push_str(&format!("  {what}: {words}\n")));
    }
    faults
}

/// Each in words, and what was not looked at, too.
pub fn unlike_in_words(unlike: Result<Option<Vec<String>>, storeward_store::Error>) -> Vec<String> {
    match unlike {
        Ok(Some(unlike)) => unlike,
        // A user of PostgreSQL's without the right to make a schema: whoever took it away may have done so for this.
        Ok(None) => vec![super::NOT_LOOKED_AT.to_owned()],
        // What cannot be read may hide anything.
        Err(why) => vec![format!("what its tables are made of cannot be read: {why}")],
    }
}

fn told(records: &Verified) -> String {
    let mut out = String::new();
    for flaw in records.flaws.iter().take(SHOWN) {
        let place = if flaw.place.is_empty() { "the record" } else { &flaw.place };
        out.push_str(&format!("  {}: {place}: {}\n", flaw.customer, flaw.harm.words()));
    }
    let of_records = records.faults - u64::try_from(records.keys.len()).unwrap_or(0);
    let more = of_records.saturating_sub(u64::try_from(SHOWN).unwrap_or(0));
    if more > 0 {
        out.push_str(&format!("  and {more} more\n"));
    }
    out
}

/// Data that an operator restored counts from now on.
pub fn accept_older(standing: &Standing) -> Done<String> {
    let count = finished(standing.vault.accept_older(Actor::Operator))?.context("the records")?;
    standing.accept_head()?;
    Ok(format!(
        "Accepted older data of {count} customers; it is in the ledger. Run `storeward vault verify` to see that the rest fits."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Whoever owns the database takes the right away, puts a trigger in, and all was said to be well.
    #[test]
    fn what_may_not_be_looked_at_is_a_fault() {
        assert_eq!(unlike_in_words(Ok(Some(Vec::new()))), Vec::<String>::new());
        assert_eq!(unlike_in_words(Ok(None)), [super::super::NOT_LOOKED_AT]);
        assert_eq!(unlike_in_words(Err(storeward_store::Error::Closed)).len(), 1);
    }
}
