//! Opening at once because it cannot wait, and the second person who looks into it.

use std::time::Duration;

use storeward_base::GrantId;
use storeward_events::vault::{GlassBroken, GlassReviewed};
use storeward_policy::{Act, Grant};
use storeward_store::params;

use super::{EMERGENCY_FOR, Facts, REVIEW, Verdict, find, may_decide, refused, told};
use crate::Error;
use crate::asking::{Ask, Asker};
use crate::catalogue::Field;
use crate::opening::decide_record;
use crate::records::Vault;
use crate::sights;

/// Emergencies of one person within an hour: whoever needs more than these is let see it by somebody.
const MOST_EMERGENCIES: usize = 5;
const HOUR: Duration = Duration::from_secs(3_600);

impl Vault {
    /// Lets the asker see fields at once, because it cannot wait. The owner is told, and a second person looks into it.
    pub async fn break_glass(
        &self,
        ask: &Ask,
        fields: &[&'static Field],
        reason: &str,
    ) -> Result<GrantId, Error> {
        let draft = self.draft(ask, fields, reason).await?;
        let (policies, asked) = (self.policies(), ask.clone());
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            if let Err(why) = decide_record(tx, &policies, Act::BreakGlass, &asked, &draft.facts)? {
                return Ok(Err(why));
            }
            // By the ledger: rows can be deleted.
            let since = tx.now().minus(HOUR);
            if told::lately(tx, asked.asker.actor, since)? >= MOST_EMERGENCIES {
                let fact = refused(asked.customer, asked.purpose, Act::BreakGlass, "too_many_emergencies");
                let record = tx.append(asked.asker.actor, None, fact)?;
                sights::insert(tx, &record, asked.customer, asked.purpose, false)?;
                return Ok(Err("too_many_emergencies"));
            }
            let id = tx.fresh_id();
            let until = tx.now().plus(EMERGENCY_FOR);
            draft.insert(tx, id, Grant::BreakGlass, Some(until))?;
            let (customer, purpose, fields) = draft.told();
            let fact = GlassBroken { request: id, customer, purpose, fields, until };
            tx.append(asked.asker.actor, None, fact)?;
            Ok(Ok(id))
        });
        written.await?.map_err(Error::Denied)
    }

    /// A second person says what they found about an opening in an emergency: by the ledger, whatever became of its row.
    pub async fn review(&self, by: &Asker, id: GrantId, verdict: Verdict) -> Result<(), Error> {
        let found = self.0.db.read(move |reader| -> Result<_, Error> {
            Ok((told::emergency(reader, id)?, find(reader, id)?.is_some()))
        });
        let request = match found.await? {
            (Some((request, _)), _) => request,
            // A request, or a row that somebody wrote.
            (None, true) => return Err(Error::Decided),
            (None, false) => return Err(Error::NoRequest),
        };
        let staff = by.staff_id().ok_or(Error::Denied("no_rule"))?;
        let ask = Ask::new(by.clone(), request.customer, request.purpose);
        // Whoever was erased meanwhile has no key, and it is looked into all the same.
        let facts = Facts { held: self.0.keys.held(request.customer).await? };
        let policies = self.policies();
        let written = self.0.db.write(move |tx| -> Result<_, Error> {
            let (request, is_reviewed) = told::emergency(tx, id)?.ok_or(Error::NoRequest)?;
            if let Err(why) = may_decide(tx, &request, staff, &ask, &policies, &facts)? {
                return Ok(Err(why));
            }
            if is_reviewed {
                return Err(Error::Decided);
            }
            tx.execute(REVIEW, params![id, tx.now(), staff, verdict.name()])?;
            let (customer, verdict) = (request.customer, verdict.name().to_owned());
            let fact = GlassReviewed { request: id, customer, staff: request.staff, verdict };
            tx.append(ask.asker.actor, None, fact)?;
            Ok(Ok(()))
        });
        written.await?.map_err(Error::Denied)
    }
}
