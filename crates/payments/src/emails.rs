//! Buyers' addresses: they are for the provider's form, and nothing of one is kept once nobody fills that in any more.

use std::time::Duration;

use storeward_store::{Tx, params, statements};

use crate::believed::id_of;
use crate::error::Error;
use crate::model::Details;
use crate::payments::Shared;

statements! {
    WITH_EMAIL = "SELECT id FROM payment WHERE email IS NOT NULL AND updated_at < $1 AND id > $2 AND id < '~' ORDER BY id LIMIT 500";
    DETAILS_OF = "SELECT details FROM payment WHERE id = $1";
    WITHOUT_EMAIL = "UPDATE payment SET email = NULL, details = COALESCE($2, details) WHERE id = $1";
}

/// After the last change of its payment.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

impl Shared {
    /// By the texts that stand there: an address goes of a row that somebody wrote, too, and none that cannot be read keeps another's.
    pub(crate) fn forget_emails(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let before = tx.now().minus(KEPT);
        let mut after = String::new();
        loop {
            let page: Vec<String> = tx.query_many(WITH_EMAIL, params![before, &after], |row| row.get(0))?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(last);
            for text in &page {
                let sealed =
                    tx.query_optional(DETAILS_OF, params![text], |row| Ok(row.get::<Vec<u8>>(0).ok()))?;
                // Where they do not open the address is gone as well; the rest stays for whoever looks into it.
                let details = id_of(text).zip(sealed.flatten()).and_then(|(id, sealed)| {
                    let details = self.unseal(id, &sealed).ok()?;
                    Some(self.seal(id, &Details { email: None, ..details }))
                });
                tx.execute(WITHOUT_EMAIL, params![text, details])?;
            }
        }
    }
}
