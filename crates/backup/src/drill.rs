//! A trial of a restore: a backup that nobody has restored is a hope.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use storeward_base::{BackupId, DrillId, Fault, Timestamp};
use storeward_seal::{LogKey, statement};

use crate::engine::{Alone, Backups};
use crate::listing::{Listing, Sums};
use crate::manifest::{Manifest, Rows};
use crate::owner::Known;
use crate::repository::{Missing, Part};
use crate::restoring::Asked;
use crate::staging;
use crate::{Error, Step};

const KIND: &str = "backup-drill";
/// Of the shop's files a drill reads no more than this: a quarter of an hour at 10 Mbit/s, four minutes at 40.
const SHOP_READ_BYTES: u64 = 1024 * 1024 * 1024;
/// A clock that is put right step by step is no wrong one.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// One thing that was looked at in the restored copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub what: String,
    pub held: bool,
    pub says: String,
}

impl Finding {
    pub fn held(what: &str, says: impl Into<String>) -> Self {
        Finding { what: what.to_owned(), held: true, says: says.into() }
    }

    pub fn failed(what: &str, says: impl Into<String>) -> Self {
        Finding { what: what.to_owned(), held: false, says: says.into() }
    }
}

/// What whoever opens the copy finds in it.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    pub heartbeat: String,
    /// By file, as in the manifest.
    pub rows: Rows,
    pub findings: Vec<Finding>,
}

/// What is signed, and shown at the console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub v: u16,
    pub drill: DrillId,
    pub begun_at: Timestamp,
    pub run: Option<BackupId>,
    /// Empty when it passed.
    pub code: String,
    pub recovery_ms: Option<u64>,
    pub age_ms: Option<u64>,
    pub files: u64,
    pub bytes: u64,
    pub findings: Vec<Finding>,
}

impl Report {
    pub fn has_passed(&self) -> bool {
        self.code.is_empty()
    }

    /// The text and its signature.
    pub fn sign(&self, key: &LogKey) -> Result<(String, String), Error> {
        let text = serde_json::to_string(self).map_err(|why| Error::io("the drill's report", &why))?;
        let signature = statement::sign(key, KIND, &text);
        Ok((text, signature))
    }

    /// Reads a report that `key` signed; `None` where it did not, or it is no report.
    pub fn read(text: &str, signature: &str, key: &LogKey) -> Option<Self> {
        if !statement::holds(key, KIND, text, signature) {
            return None;
        }
        serde_json::from_str(text).ok()
    }
}

/// Which drill, when it began, and what was made here before.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    pub drill: DrillId,
    pub at: Timestamp,
    pub known: Option<&'a Known>,
}

impl Backups {
    /// Restores a run into the scratch folder, lets `open` open it, with what lay at the targets then, and compares. What fails is in the
    /// report: a drill is never an error.
    pub fn drill(
        &self,
        alone: &Alone,
        trial: Trial<'_>,
        run: Option<BackupId>,
        key: &LogKey,
        open: impl FnOnce(&Listing, &Path, &Manifest) -> Result<Looked, Error>,
    ) -> Report {
        let mut report = Report {
            v: 1,
            drill: trial.drill,
            begun_at: trial.at,
            run: None,
            code: String::new(),
            recovery_ms: None,
            age_ms: None,
            files: 0,
            bytes: 0,
            findings: Vec::new(),
        };
        if let Err(error) = self.try_drill(alone, trial, run, key, open, &mut report) {
            report.code = error.code().to_owned();
            report.findings.push(Finding::failed("restore", error.to_string()));
        } else if report.findings.iter().any(|finding| !finding.held) {
            "backup.drill".clone_into(&mut report.code);
        }
        // What could not be deleted is deleted by the next; it is private.
        drop(staging::clear(&self.plan().scratch));
        report
    }

    fn try_drill(
        &self,
        alone: &Alone,
        trial: Trial<'_>,
        run: Option<BackupId>,
        key: &LogKey,
        open: impl FnOnce(&Listing, &Path, &Manifest) -> Result<Looked, Error>,
        report: &mut Report,
    ) -> Result<(), Error> {
        let scratch = &self.plan().scratch;
        staging::clear(scratch)?;
        staging::make(scratch)?;
        let began = Instant::now();
        let listing = self.list()?;
        let run = self.find(&listing, run, trial.at, trial.known)?;
        report.run = Some(run.run);
        match age(run.made_at, trial.at) {
            Ok(age) => report.age_ms = Some(millis(age)),
            Err(finding) => report.findings.push(finding),
        }
        let to = scratch.join("storeward");
        let (known, now) = (trial.known, trial.at);
        let (listing, key) = (&listing, Some(key));
        let asked = Asked { listing, run: run.run, to: &to, shop: None, key, keys_run: None, known, now };
        let restored = self.restore(alone, &asked)?;
        if let Some(why) = restored.keys_lack {
            return Err(Error::Damaged(format!("the newest copy of customers' keys: {why}")));
        }
        let has_keys = restored.manifest.of_part(Part::Keys).next().is_some();
        if restored.keys_are_older && has_keys {
            let says =
                "the newest at the target are older than the data: whoever was erased since opens with them";
            report.findings.push(Finding::failed("keys", says));
        }
        let is_unsigned = restored.keys_unsigned.is_some_and(|(run, _)| restored.keys_of == Some(run));
        if is_unsigned && has_keys {
            let says = "those at the target are of no run that has a signed manifest: nobody can tell when they were put away";
            report.findings.push(Finding::failed("keys", says));
        }
        // One that was cut off behind its keys has nothing beside them.
        let is_later = |run: BackupId| !is_unsigned && listing.own(Part::Files, run).next().is_some();
        if has_keys && restored.keys_unsigned.is_some_and(|(run, _)| is_later(run)) {
            let says = "later ones than the newest that are signed are at the target, and no signed manifest names them: somebody wrote there, or \
                        that manifest is damaged";
            report.findings.push(Finding::failed("keys", says));
        }
        (report.files, report.bytes) = (restored.files, restored.bytes);
        let says = format!("Storeward's own {} files are what was put away, byte for byte", restored.files);
        report.findings.push(Finding::held("checksums", says));
        report.findings.push(Finding::held("signature", "the manifest is signed by the ledger's key"));
        self.tell(Step::Began("opening"));
        let looked = open(listing, &to, &restored.manifest)?;
        report.recovery_ms = Some(millis(began.elapsed()));
        self.tell(Step::Ended);
        report.findings.extend(looked.findings);
        report.findings.push(beats(&looked.heartbeat, &restored.manifest.heartbeat));
        report.findings.extend(self.look_at_shop(listing, &restored.manifest)?);
        let mut wanted = restored.manifest.rows;
        if restored.keys_of != Some(run.run) {
            // Keys are always the newest there are: of another run they have other rows.
            wanted.retain(|name, _| !name.starts_with("vault/"));
        }
        report.findings.push(compare_rows(&looked.rows, &wanted));
        Ok(())
    }
}

impl Backups {
    /// Whether the shop's files can be had back; nothing where there are none in it. They are read where they lie, not written out.
    fn look_at_shop(&self, listing: &Listing, manifest: &Manifest) -> Result<Option<Finding>, Error> {
        let files = self.repo(Part::Files, Missing::Refuse)?;
        let shop = self.shop_of(listing, manifest)?;
        if shop.is_empty() {
            return Ok(None);
        }
        self.tell(Step::Began("reading the shop's files"));
        let ids: Vec<&str> = shop.iter().map(|snapshot| snapshot.id.as_str()).collect();
        let (faults, is_all) = files.check_some(&ids, SHOP_READ_BYTES)?;
        self.tell(Step::Ended);
        let what = match Sums::of(&shop.iter().collect::<Vec<_>>()) {
            Some(Sums { files, .. }) => format!("{files} files of the shop"),
            None => "the shop's files".to_owned(),
        };
        Ok(Some(match (faults.len(), is_all) {
            (0, true) => Finding::held("shop", format!("{what}, every byte was read")),
            (0, false) => {
                let says = format!("{what}, every piece is there; 1 GiB, by lot, was read");
                Finding::held("shop", says)
            }
            (faults, _) => {
                Finding::failed("shop", format!("{faults} faults: storeward backup verify names them"))
            }
        }))
    }
}

/// How old what was put away at `made_at` is. What a clock dated ahead has no age that anybody could tell: the clock was wrong then, or is now.
fn age(made_at: Timestamp, now: Timestamp) -> Result<Duration, Finding> {
    let ahead = made_at.since(now);
    if ahead <= CLOCKS_DIFFER {
        return Ok(now.since(made_at));
    }
    let (hours, minutes) = (ahead.as_secs() / 3_600, ahead.as_secs() / 60 % 60);
    let says = format!(
        "it is dated ahead by {hours} h {minutes} min, so how old what it holds is cannot be told: set the clock right, and make a backup"
    );
    Err(Finding::failed("age", says))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Not only that the copy opens, but that it is of its time.
fn beats(found: &str, wanted: &str) -> Finding {
    if !wanted.is_empty() && found == wanted {
        Finding::held("heartbeat", "what was written just before the backup is in it")
    } else {
        Finding::failed("heartbeat", "what was written just before the backup is not in it")
    }
}

fn compare_rows(found: &Rows, wanted: &Rows) -> Finding {
    let (mut tables, mut rows) = (0u64, 0u64);
    for (name, counts) in wanted {
        let empty = BTreeMap::new();
        let there = found.get(name).unwrap_or(&empty);
        for (table, count) in counts {
            match there.get(table) {
                Some(same) if same == count => {}
                Some(other) => {
                    let words = format!("{name}: {table} has {other} rows instead of {count}");
                    return Finding::failed("rows", words);
                }
                None => return Finding::failed("rows", format!("{name}: {table} is missing")),
            }
            tables += 1;
            rows = rows.saturating_add(*count);
        }
    }
    if tables == 0 {
        return Finding::failed("rows", "no table was counted");
    }
    Finding::held("rows", format!("{rows} rows in {tables} tables, as counted when it was made"))
}

#[cfg(test)]
mod tests {
    use storeward_base::SeededEntropy;

    use super::*;

    fn rows(tables: &[(&str, u64)]) -> Rows {
        let counts = tables.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Rows::from([("storeward.sqlite".to_owned(), counts)])
    }

    #[test]
    fn one_row_less_is_no_restore() {
        let wanted = rows(&[("a", 2), ("b", 0)]);
        assert!(compare_rows(&rows(&[("a", 2), ("b", 0), ("newer", 9)]), &wanted).held);
        for found in
            [rows(&[("a", 1), ("b", 0)]), rows(&[("a", 2)]), rows(&[("a", 3), ("b", 0)]), Rows::new()]
        {
            assert!(!compare_rows(&found, &wanted).held, "{found:?}");
        }
        assert!(!compare_rows(&wanted, &Rows::new()).held, "nothing was compared");
    }

    // Dated ahead by hours it was said to be of this moment.
    #[test]
    fn what_is_dated_ahead_has_no_age() {
        let at = |seconds: i64| Timestamp::from_seconds(1_700_000_000 + seconds);
        assert_eq!(age(at(0), at(90)), Ok(Duration::from_secs(90)));
        assert_eq!(age(at(60), at(0)), Ok(Duration::ZERO));
        let told = age(at(7_500), at(0)).unwrap_err();
        assert!(!told.held && told.says.contains("ahead by 2 h 5 min"), "{told:?}");
    }

    #[test]
    fn an_older_copy_does_not_beat() {
        assert!(beats("a", "a").held);
        assert!(!beats("b", "a").held && !beats("", "a").held && !beats("", "").held);
    }

    #[test]
    fn a_report_is_believed_with_its_signature_only() {
        let key = LogKey::generate(&SeededEntropy::new(1));
        let report = Report {
            v: 1,
            drill: DrillId::from_bits(1),
            begun_at: Timestamp::EPOCH,
            run: None,
            code: "backup.damaged".to_owned(),
            recovery_ms: None,
            age_ms: None,
            files: 0,
            bytes: 0,
            findings: vec![Finding::failed("restore", "no")],
        };
        let (text, signature) = report.sign(&key).unwrap();
        assert_eq!(Report::read(&text, &signature, &key), Some(report));
        let better = text.replace("backup.damaged", "");
        assert_eq!(Report::read(&better, &signature, &key), None);
    }
}
