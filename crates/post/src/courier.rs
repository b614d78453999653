//! Sending what was promised: until it is taken, given up, or too late.

use std::future::Future;
use std::time::Duration;

use storeward_base::{Actor, Fault};
use storeward_events::Event;
use storeward_events::post::{Channel, PostFailed, PostSent};
use storeward_outbound::mail::{Message, Outlook, content_id};
use storeward_outbound::sms::ShortMessage;
use storeward_store::Db;
use storeward_store::jobs::{Failed, Handler, Job};

use crate::outbox::{MAIL, Outbox, SMS};
use crate::parcel::{self, Head};

/// The wait after the first failure; each further one doubles it …
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// … up to this, so that a server that is back is noticed soon.
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 60);
/// More than fit into a day; the deadline ends it before.
const ATTEMPTS: u32 = 200;
/// Longer than the talk with a server can take; what ends it before is the talk's own patience.
const TIME_LIMIT: Duration = Duration::from_secs(15 * 60);
/// So that one slow server does not hold everything up, and we do not flood it.
const AT_ONCE: usize = 4;

#[derive(Clone)]
pub(crate) struct Courier {
    outbox: Outbox,
    db: Db,
}

/// Why it was not taken, in words that may be stored.
struct Refusal {
    outlook: Outlook,
    code: &'static str,
    /// The other side's numbers, such as `550 5.1.1`.
    reply: Option<String>,
}

const NOT_SET_UP: Refusal = Refusal { outlook: Outlook::Retry, code: "post.not_set_up", reply: None };

impl Courier {
    pub fn new(outbox: Outbox, db: Db) -> Self {
        Courier { outbox, db }
    }

    pub fn handlers(&self) -> Vec<Handler> {
        let (mails, texts) = (self.clone(), self.clone());
        let mail = Handler::new(MAIL, move |job| {
            let courier = mails.clone();
            async move {
                let carry = |message| courier.carry_mail(message);
                courier.deliver(Channel::Mail, &job, carry).await
            }
        });
        let sms = Handler::new(SMS, move |job| {
            let courier = texts.clone();
            async move {
                let carry = |message| courier.carry_sms(message);
                courier.deliver(Channel::Sms, &job, carry).await
            }
        });
        [mail, sms].map(|handler| handler.attempts(ATTEMPTS).time_limit(TIME_LIMIT).at_once(AT_ONCE)).to_vec()
    }

    /// Open, look at the clock, carry, and say how it went: the job is done in the same write as the event.
    async fn deliver<T, R>(
        &self,
        channel: Channel,
        job: &Job,
        carry: impl FnOnce(T) -> R,
    ) -> Result<(), Failed>
    where
        T: serde::de::DeserializeOwned,
        R: Future<Output = Result<(), Refusal>>,
    {
        let bytes = job.payload();
        let head = parcel::head(bytes).map_err(|_| Failed::for_good("post.unreadable"))?;
        let failed = |code: &'static str, reply| failed(&head, channel, job.attempt(), (code, reply));
        if self.db.now() > head.until {
            return self.finish(job, failed("post.late", None)).await;
        }
        let Ok(message) = parcel::open(bytes, &head, &self.outbox.0.parts.key) else {
            return self.finish(job, failed("post.unreadable", None)).await;
        };
        let refusal = match carry(message).await {
            Ok(()) => return self.finish(job, sent(&head, channel, job.attempt())).await,
            Err(refusal) => refusal,
        };
        let wait = self.wait(job.attempt());
        match refusal.outlook {
            Outlook::Retry if self.db.now().plus(wait) <= head.until => {
                Err(Failed::after(refusal.code, wait))
            }
            Outlook::Retry | Outlook::GiveUp => self.finish(job, failed(refusal.code, refusal.reply)).await,
        }
    }

    /// When this write fails after the message was taken, the message is sent again: at least once.
    async fn finish(&self, job: &Job, event: Event) -> Result<(), Failed> {
        let claim = job.claim();
        let done = self.db.write(move |tx| {
            tx.append(Actor::System, None, event.clone())?;
            claim.finish(tx)
        });
        Ok(done.await?)
    }

    async fn carry_mail(&self, mut message: Message) -> Result<(), Refusal> {
        let (parts, brand) = (&self.outbox.0.parts, self.outbox.brand());
        let mailer = parts.mailer.as_ref().ok_or(NOT_SET_UP)?;
        let shows = |html: &String, name: &str| html.contains(&format!("cid:{name}"));
        if let (Some(logo), Some(html)) = (&brand.logo, &message.body.html)
            && shows(html, &content_id(logo))
        {
            message.body.pictures.push(logo.clone());
        }
        let sent = mailer.send(&message, self.db.now()).await;
        sent.map_err(|error| Refusal { outlook: error.outlook(), code: error.code(), reply: error.reply() })
    }

    async fn carry_sms(&self, message: ShortMessage) -> Result<(), Refusal> {
        let gateway = self.outbox.0.parts.gateway.as_ref().ok_or(NOT_SET_UP)?;
        let sent = gateway.send(&message).await;
        sent.map_err(|error| Refusal { outlook: error.outlook(), code: error.code(), reply: error.reply() })
    }

    /// Half of it fixed, half of it chance, so that what failed together does not come back together.
    fn wait(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(20);
        let whole = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
        let half_ms = u64::try_from(whole.as_millis() / 2).unwrap_or(u64::MAX);
        let mut chance = [0; 8];
        self.outbox.0.parts.entropy.fill(&mut chance);
        Duration::from_millis(half_ms + u64::from_le_bytes(chance) % (half_ms + 1))
    }
}

fn sent(head: &Head, channel: Channel, attempts: u32) -> Event {
    PostSent {
        post: head.post,
        topic: head.topic.clone(),
        channel,
        recipient: head.recipient.clone(),
        customer: head.customer,
        attempts,
    }
    .into()
}

fn failed(head: &Head, channel: Channel, attempts: u32, (code, reply): (&str, Option<String>)) -> Event {
    PostFailed {
        post: head.post,
        topic: head.topic.clone(),
        channel,
        recipient: head.recipient.clone(),
        customer: head.customer,
        reason: code.to_owned(),
        reply,
        attempts,
    }
    .into()
}
