//! How the ledger stands to a head of it that was kept outside of the database.

use storeward_seal::{Checkpoint, merkle};

use super::{head, prove_consistency};
use crate::{Db, Error, Reader};

/// What became of a ledger since a head of it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has gone on from there, or stands there still.
    Continues,
    /// It is shorter than it was: its end, or all of it, was taken away or replaced by an older state.
    CutBack { kept: u64, found: u64 },
    /// It is as long or longer, and its beginning is another one: it was written anew.
    Rewritten { kept: u64, found: u64 },
    /// What was kept is no head of this ledger; the reason. Nothing can be said.
    Unreadable(String),
}

/// Holds the ledger against `note`, a head that [`super::head`] gave earlier. Reads O(log n) rows; `verify` proves the
/// rest.
pub async fn standing(db: &Db, note: String) -> Result<Standing, Error> {
    let trusted = db.signer().verifiers();
    db.read(move |reader| match Checkpoint::verify(&note, &trusted) {
        Ok(kept) => compare(reader, &kept),
        Err(why) => Ok(Standing::Unreadable(why.to_string())),
    })
    .await
}

fn compare(reader: &mut Reader<'_>, kept: &Checkpoint) -> Result<Standing, Error> {
    let now = head(reader)?;
    let (size, found) = (kept.size, now.size);
    if size > found {
        return Ok(Standing::CutBack { kept: size, found });
    }
    if size == 0 {
        return Ok(Standing::Continues);
    }
    let path = prove_consistency(reader, size, found)?.unwrap_or_default();
    Ok(match merkle::verify_consistency(size, found, &path, &kept.root, &now.root) {
        Ok(()) => Standing::Continues,
        Err(_) => Standing::Rewritten { kept: size, found },
    })
}
