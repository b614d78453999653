//! How the ledger stands to a head of it that was kept outside of the database.

use storeward_seal::{Checkpoint, merkle};

use super::{Head, head, prove_consistency};
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
    Ok(head_after(db, Some(note)).await?.1)
}

/// The head of this moment, and how the same moment stands to `note`. A head that bears no signature that counts is
/// [`Error::Ledger`].
pub async fn head_after(db: &Db, note: Option<String>) -> Result<(Head, Standing), Error> {
    let signer = db.signer().clone();
    db.read(move |reader| {
        let now = head(reader)?;
        now.check(&signer.verifiers()).map_err(Error::Ledger)?;
        // A database that was begun anew may have another name than the one that the note speaks of.
        let standing = match note.map(|note| signer.read(&note)) {
            None => Standing::Continues,
            Some(Ok(kept)) => compare(reader, &kept, &now)?,
            Some(Err(why)) => Standing::Unreadable(why.to_string()),
        };
        Ok((now, standing))
    })
    .await
}

fn compare(reader: &mut Reader<'_>, kept: &Checkpoint, now: &Head) -> Result<Standing, Error> {
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
