//! What has to be done beside answering.

use std::time::Duration;

use storeward_store::jobs::{Claim, Failed, Handler};

use crate::error::Error;
use crate::orders::OrdersSource;
use crate::payments::Payments;
use crate::provider::Gateway;
use crate::webhooks::stripe_event;
use crate::{inbox, news};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Events that webhooks lost are looked for in so many hours.
const GAP: Duration = Duration::from_secs(3 * 3600);

impl Payments {
    pub fn handlers(&self) -> Vec<Handler> {
        let [message, news, round, erasures, gaps, day, orders, rows, forget] =
            std::array::from_fn(|_| self.clone());
        vec![
            Handler::new(inbox::JOB, move |job| {
                let payments = message.clone();
                async move { payments.work_on(job).await }
            })
            .at_once(8)
            .time_limit(3 * MINUTE)
            .attempts(16),
            Handler::new(news::JOB, move |job| {
                let payments = news.clone();
                async move { payments.deliver(job).await }
            })
            .at_once(4)
            .attempts(news::ATTEMPTS),
            Handler::new("payments.janitor", move |job| {
                let payments = round.clone();
                async move {
                    payments.round().await?;
                    Ok(payments.finish_job(job.claim()).await?)
                }
            })
            .every(MINUTE)
            .time_limit(20 * MINUTE),
            Handler::new("payments.erasures", move |job| {
                let payments = erasures.clone();
                async move {
                    payments.follow_erasures().await?;
                    Ok(payments.finish_job(job.claim()).await?)
                }
            })
            .every(MINUTE)
            .time_limit(10 * MINUTE),
            Handler::new("payments.gaps", move |job| {
                let payments = gaps.clone();
                async move {
                    payments.fill_gaps().await?;
                    Ok(payments.finish_job(job.claim()).await?)
                }
            })
            .every(HOUR)
            .time_limit(10 * MINUTE),
            Handler::new("payments.reconcile", move |job| {
                let payments = day.clone();
                async move {
                    payments.reconcile_all().await?;
                    Ok(payments.finish_job(job.claim()).await?)
                }
            })
            .every(DAY)
            .time_limit(30 * MINUTE),
            Handler::new("payments.orders", move |job| {
                let payments = orders.clone();
                async move {
                    payments.compare_orders().await?;
                    Ok(payments.finish_job(job.claim()).await?)
                }
            })
            .every(15 * MINUTE)
            .time_limit(20 * MINUTE),
            Handler::new("payments.rows", move |job| {
                let payments = rows.clone();
                async move {
                    payments.look_at_rows().await?;
                    Ok(payments.finish_job(job.claim()).await?)
                }
            })
            .every(DAY)
            .time_limit(HOUR),
            Handler::new("payments.forget", move |job| {
                let payments = forget.clone();
                async move { Ok::<(), Failed>(payments.forget(job.claim()).await?) }
            })
            .every(DAY),
        ]
    }

    /// Reads the orders of a shop's database from time to time. `from` is asked each time; nothing where it cannot say.
    pub fn orders_handler(
        &self,
        from: impl Fn() -> Option<OrdersSource> + Send + Sync + 'static,
        every: Duration,
    ) -> Handler {
        let payments = self.clone();
        Handler::new("payments.read_orders", move |job| {
            let (payments, from) = (payments.clone(), from());
            async move {
                let from = from.ok_or(Error::Form("where the shop's database is"))?;
                payments.read_orders(&from).await?;
                Ok(payments.finish_job(job.claim()).await?)
            }
        })
        .every(every)
        .time_limit(HOUR)
    }

    async fn finish_job(&self, claim: Claim) -> Result<(), Error> {
        self.0
            .write(move |tx| {
                tx.commit_silent("a round over payments");
                Ok(claim.finish(tx)?)
            })
            .await
    }

    /// Takes in what Stripe's own list of events, and PayPal's of disputes, have and no message brought.
    pub async fn fill_gaps(&self) -> Result<u32, Error> {
        let mut taken = 0;
        for gateway in &self.0.gateways {
            let Gateway::Stripe(stripe) = gateway else { continue };
            let events = stripe.events(self.0.now().minus(GAP)).await;
            let events = events.map_err(|why| Error::NotReached { code: why.code().to_owned() })?;
            for message in events.iter().filter_map(stripe_event) {
                // Of the other mode: a key sees its own only, but nothing is lost by looking.
                if message.is_live.is_some_and(|live| live != self.is_live()) {
                    continue;
                }
                if self.take_in(message).await.is_ok() {
                    taken += 1;
                }
            }
        }
        for message in self.listed_disputes(self.0.now().minus(GAP)).await? {
            if self.take_in(message).await.is_ok() {
                taken += 1;
            }
        }
        Ok(taken)
    }

    /// Forgets what was kept long enough.
    async fn forget(&self, claim: Claim) -> Result<(), Error> {
        let shared = std::sync::Arc::clone(&self.0);
        self.0
            .write(move |tx| {
                tx.commit_silent("messages, deliveries, addresses and evidence that were kept long enough");
                shared.forget_messages(tx)?;
                shared.forget_news(tx)?;
                shared.forget_emails(tx)?;
                shared.forget_judgements(tx)?;
                shared.forget_evidence(tx)?;
                Ok(claim.finish(tx)?)
            })
            .await
    }
}
