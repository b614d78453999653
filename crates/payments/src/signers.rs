//! Where the certificates of PayPal's lie by which a message was believed: remembered over a start, so that whoever invents others then holds up
//! none of PayPal's messages. Nothing is believed because of a row here: each certificate is fetched and checked anew.

use storeward_store::{params, statements};

use crate::error::Error;
use crate::payments::Payments;
use crate::paypal::PayPal;
use crate::webhooks::MOST_SIGNERS;

statements! {
    SIGNERS = "SELECT address FROM payment_certificate ORDER BY believed_at DESC, address LIMIT $1";
    BELIEVE_SIGNER = "INSERT INTO payment_certificate (address, believed_at) VALUES ($1, $2) \
                      ON CONFLICT (address) DO UPDATE SET believed_at = excluded.believed_at";
    FORGET_SIGNERS = "DELETE FROM payment_certificate WHERE address NOT IN \
                      (SELECT address FROM payment_certificate ORDER BY believed_at DESC, address LIMIT $1)";
}

impl Payments {
    /// Reads them once. What cannot be read now is read with the next message, and holds none up.
    pub(crate) async fn recall_signers(&self, paypal: &PayPal) {
        if paypal.certificates().are_recalled() {
            return;
        }
        let read = self.0.read(|reader| -> Result<Vec<String>, Error> {
            Ok(reader.query_many(SIGNERS, params![MOST_SIGNERS], |row| row.get(0))?)
        });
        if let Ok(addresses) = read.await {
            paypal.certificates().recall(addresses);
        }
    }

    /// Writes down what was believed for the first time since the start. The message is taken whether that can be done or not; else it is
    /// done with the next one.
    pub(crate) async fn remember_signers(&self, paypal: &PayPal) {
        let fresh = paypal.certificates().unwritten();
        if fresh.is_empty() {
            return;
        }
        let addresses = fresh.clone();
        let write = self.0.write(move |tx| -> Result<(), Error> {
            tx.commit_silent(
                "where certificates of PayPal's lie; by which one a message is believed follows from no row",
            );
            let now = tx.now();
            for address in &addresses {
                tx.execute(BELIEVE_SIGNER, params![address, now])?;
            }
            tx.execute(FORGET_SIGNERS, params![MOST_SIGNERS])?;
            Ok(())
        });
        if write.await.is_ok() {
            paypal.certificates().wrote(&fresh);
        }
    }
}
