//! What another file of epochs' keys has, beside this one.

use std::fs;
use std::path::Path;

use storeward_base::Timestamp;
use storeward_seal::envelope::EpochId;

use super::{Entry, Shelf};
use crate::Error;

impl Shelf {
    /// The epochs that another file has a key of and this one has no more, in order.
    pub fn ended_in(&self, other: &Path) -> Result<Vec<u32>, Error> {
        let other = Shelf::at(other);
        fs::metadata(&other.0).map_err(|why| other.failed(&why))?;
        let (live, theirs) = (self.text()?.epochs, other.text()?.epochs);
        let is_live = |entry: &Entry| live.iter().any(|one| one.epoch == entry.epoch);
        Ok(theirs.iter().filter(|entry| !is_live(entry)).map(|entry| entry.epoch.0).collect())
    }

    /// The epochs that another file has a key of and this one never had: of a later state of it, or of a copy that went its own way. In order.
    pub fn never_had(&self, other: &Path) -> Result<Vec<u32>, Error> {
        let other = Shelf::at(other);
        fs::metadata(&other.0).map_err(|why| other.failed(&why))?;
        let (own, theirs) = (self.text()?, other.text()?.epochs);
        let is_other = |entry: &Entry| match own.epochs.iter().find(|one| one.epoch == entry.epoch) {
            Some(one) => one.begun_at != entry.begun_at,
            None => entry.epoch.0 > own.last,
        };
        Ok(theirs.iter().filter(|entry| is_other(entry)).map(|entry| entry.epoch.0).collect())
    }

    /// Whether it has the key of the epoch that was the current one then. By what clocks said: where none has ended yet there is no other.
    pub fn has_epoch_of(&self, at: Timestamp) -> Result<bool, Error> {
        let live = self.text()?.epochs;
        Ok(live.is_empty() || live.iter().any(|entry| entry.epoch == EpochId(1) || entry.begun_at <= at))
    }

    /// The epochs that had begun by then and whose keys another file does not have as they are here, in order.
    pub fn missing_in(&self, other: &Path, by: Timestamp) -> Result<Vec<u32>, Error> {
        let mut wanted = self.text()?.epochs;
        wanted.retain(|entry| entry.begun_at <= by);
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let other = Shelf::at(other);
        fs::metadata(&other.0).map_err(|why| other.failed(&why))?;
        let theirs = other.text()?.epochs;
        let has =
            |entry: &Entry| theirs.iter().any(|one| one.epoch == entry.epoch && one.wrapped == entry.wrapped);
        Ok(wanted.iter().filter(|entry| !has(entry)).map(|entry| entry.epoch.0).collect())
    }
}
