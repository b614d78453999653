//! What is done about disputes without anybody's doing: they are read again in case a message was lost, answers of which nobody knows
//! are found out about, and it is told when the time to answer ends.

use std::time::Duration;

use serde_json::Value;
use storeward_base::Timestamp;
use storeward_events::payment as facts;
use storeward_store::{params, statements};

use crate::apply::tell;
use crate::error::Error;
use crate::model::Provider;
use crate::payments::Payments;
use crate::paypal::PayPal;
use crate::provider::{Trouble, text};
use crate::webhooks::Message;

use super::told::{self, Told};
use super::{Dispute, Reply, dispute_columns, listed};

statements! {
    DISPUTES_TO_LOOK_AT = dispute_columns!("WHERE look_at <= $1 ORDER BY look_at LIMIT 100");
    LOOK_AT_DISPUTE = "UPDATE payment_dispute SET look_at = $3 WHERE provider = $1 AND reference = $2";
    DISPUTES_DUE = dispute_columns!("WHERE state = 'open' AND answer = 'none' AND due_at IS NOT NULL AND ((due_at <= $1 AND warned < 1) \
                                     OR (due_at <= $2 AND warned < 2) OR (due_at <= $3 AND warned < 3)) ORDER BY due_at LIMIT 100");
    DISPUTE_WARNED = "UPDATE payment_dispute SET warned = $4 WHERE provider = $1 AND reference = $2 AND warned = $3";
}

/// What is open is read anew this often.
const LOOK_EVERY: Duration = Duration::from_secs(6 * 3600);
/// After a provider did not answer.
const AGAIN: Duration = Duration::from_secs(1800);
/// It is told so long before the time to answer ends, and once more.
const EARLY: Duration = Duration::from_secs(3 * 24 * 3600);
const LATE: Duration = Duration::from_secs(24 * 3600);

/// When a dispute is read again without a message. What is won is read until the money is back.
pub(super) fn next_look(told: &Told, now: Timestamp) -> Option<Timestamp> {
    let is_open = told.state == "open" || told.state == "won" && told.withdrawn > 0;
    is_open.then(|| now.plus(LOOK_EVERY))
}

impl Payments {
    /// One round: how many were read, and how many could not be.
    pub(crate) async fn watch_disputes(&self) -> Result<(u32, u32), Error> {
        let now = self.0.now();
        let due = self
            .0
            .read(move |reader| Ok::<_, Error>(listed(reader, DISPUTES_TO_LOOK_AT, params![now])?))
            .await?;
        let (mut looked, mut failed) = (0, 0);
        for one in due {
            looked += 1;
            // First, so that one whose reading fails holds nobody up.
            self.look_again(&one, now.plus(AGAIN)).await?;
            let read = match self.look_at_dispute(one.provider, &one.reference, one.payment).await {
                Ok(()) => self.settle_answer(&one).await,
                other => other,
            };
            match read {
                Ok(()) => {}
                Err(Error::Store(why)) => return Err(Error::Store(why)),
                Err(_) => failed += 1,
            }
        }
        self.warn().await?;
        Ok((looked, failed))
    }

    async fn look_again(&self, one: &Dispute, at: Timestamp) -> Result<(), Error> {
        let (provider, reference) = (one.provider, one.reference.clone());
        self.0
            .write(move |tx| {
                tx.commit_silent("a dispute is read again later");
                tx.execute(LOOK_AT_DISPUTE, params![provider.word(), &reference, at])?;
                Ok(())
            })
            .await
    }

    /// An answer went out, and the provider still waits for one long after: it was not taken.
    async fn settle_answer(&self, before: &Dispute) -> Result<(), Error> {
        let held = self.dispute(&before.id()).await?;
        let is_asked = matches!(held.answer, Reply::Sending | Reply::Conceding);
        let (shared, asked) = (std::sync::Arc::clone(&self.0), held.clone());
        let wait = self.0.read(move |reader| shared.settles_after(reader, &asked)).await?;
        let is_old = held.answered_at.is_some_and(|at| self.0.now().since(at) >= wait);
        if is_asked && is_old { self.undone(&held, "payments.not_done").await } else { Ok(()) }
    }

    /// Tells of disputes whose time to answer ends: three days before, one day before, and when it is over.
    async fn warn(&self) -> Result<(), Error> {
        let now = self.0.now();
        let due = self.0.read(move |reader| {
            let ends = params![now.plus(EARLY), now.plus(LATE), now];
            Ok::<_, Error>(listed(reader, DISPUTES_DUE, ends)?)
        });
        for one in due.await? {
            let Some(due_at) = one.due_at else { continue };
            let left = due_at.since(now);
            let warned: u32 = match left {
                _ if due_at <= now => 3,
                left if left <= LATE => 2,
                _ => 1,
            };
            let fact = facts::DisputeDue {
                payment: one.payment,
                provider: one.provider.word().to_owned(),
                dispute: one.reference.clone(),
                due_at,
                hours: u32::try_from(left.as_secs() / 3600).unwrap_or(u32::MAX),
            };
            self.0
                .write(move |tx| {
                    tx.commit_silent("it was told before");
                    let key = params![one.provider.word(), &one.reference, one.warned, warned];
                    if tx.execute(DISPUTE_WARNED, key)? == 1 { tell(tx, fact.clone()) } else { Ok(()) }
                })
                .await?;
        }
        Ok(())
    }

    /// A dispute of PayPal's own list as if its message had come. (Stripe's stand in its list of events.)
    pub(crate) async fn listed_dispute(&self, paypal: &PayPal, one: &Value) -> Result<Message, Trouble> {
        let unreadable = || Trouble::Unsure("payments.unreadable".to_owned());
        let (id, at) = text(one, "/dispute_id").zip(text(one, "/update_time")).ok_or_else(unreadable)?;
        let told = told::of_paypal(&paypal.dispute(id).await?).ok_or_else(unreadable)?;
        Ok(Message {
            provider: Provider::PayPal,
            event: format!("listed-{id}-{at}"),
            transmission: None,
            kind: "CUSTOMER.DISPUTE.LISTED".to_owned(),
            object: told.reference,
            others: told.about,
            payment: None,
            is_live: None,
            claims: None,
            body: None,
        })
    }
}
