//! What has to be done beside answering.

use std::time::Duration;

use storeward_base::Actor;
use storeward_store::jobs::{Claim, Failed, Handler};

use crate::error::Error;
use crate::orders::OrdersSource;
use crate::payments::Payments;
use crate::{inbox, news};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Payments {
    pub fn handlers(&self) -> Vec<Handler> {
        let [message, round, erasures, gaps, day, orders, rows, forget] =
            std::array::from_fn(|_| self.clone());
        let mut all = vec![
            Handler::new(inbox::JOB, move |job| {
                let payments = message.clone();
                async move { payments.work_on(job).await }
            })
            .at_once(8)
            .time_limit(3 * MINUTE)
            .attempts(16),
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
                    payments.reconcile_all(Actor::System).await?;
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
        ];
        all.extend(news::JOBS.map(|kind| self.news_handler(kind)));
        all
    }

    fn news_handler(&self, kind: &'static str) -> Handler {
        let payments = self.clone();
        let deliver = move |job| {
            let payments = payments.clone();
            async move { payments.deliver(job).await }
        };
        Handler::new(kind, deliver).at_once(4).attempts(news::ATTEMPTS)
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
