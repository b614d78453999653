//! News for the shop: what becomes of payments, signed (Standard Webhooks 1.0), tried until they are taken, with a log of it.

use std::fmt;
use std::time::Duration;

use serde_json::json;
use storeward_base::{Actor, PaymentId, Secret, Timestamp};
use storeward_events::payment as facts;
use storeward_outbound::{Client, Request};
use storeward_seal::encoding::base64;
use storeward_seal::fingerprint::hmac_sha256;
use storeward_store::jobs::{Failed, Job, NewJob, enqueue};
use storeward_store::{Reader, Tx, params, statements};

use crate::believed::Keys;
use crate::error::Error;
use crate::model::Payment;
use crate::payments::{Payments, Shared};

statements! {
    INSERT_NEWS = "INSERT INTO payment_news (id, payment, hook, kind, body, made_at, tries, last_code, last_at, taken_at, tag) \
                   VALUES ($1, $2, $3, $4, $5, $6, 0, NULL, NULL, NULL, $7)";
    FIND_NEWS = "SELECT payment, hook, kind, body, taken_at, tag FROM payment_news WHERE id = $1";
    SOME_NEWS = "SELECT id, payment, hook, kind, body, tag FROM payment_news WHERE id > $1 ORDER BY id LIMIT $2";
    NEWS_BOUND = "UPDATE payment_news SET tag = $2 WHERE id = $1";
    NEWS_OF = "SELECT id, hook, kind, made_at, tries, last_code, last_at, taken_at FROM payment_news WHERE payment = $1 ORDER BY made_at, id LIMIT 200";
    NEWS_TRIED = "UPDATE payment_news SET tries = tries + 1, last_code = $2, last_at = $3, taken_at = $4 WHERE id = $1";
    FORGET_NEWS = "DELETE FROM payment_news WHERE made_at < $1";
}

/// A kind of job for each hook, in the order of the config, so that an address that hangs delays no other's news. Of more hooks than
/// kinds the ninth shares the first one's.
pub(crate) const JOBS: [&str; 8] = [
    "payments.news",
    "payments.news_2",
    "payments.news_3",
    "payments.news_4",
    "payments.news_5",
    "payments.news_6",
    "payments.news_7",
    "payments.news_8",
];
/// With the waits of the job queue, some three days.
pub(crate) const ATTEMPTS: u32 = 24;
const KEPT: Duration = Duration::from_secs(400 * 24 * 3600);
const PREFIX: &str = "msg_";

/// An address of the shop.
#[derive(Clone)]
pub struct Hook {
    pub name: String,
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) key: Secret<Vec<u8>>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How a piece of news was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: String,
    pub hook: String,
    pub kind: String,
    pub made_at: Timestamp,
    pub tries: u32,
    /// Of the last try: `http.500`, `outbound.timeout`, or `taken`.
    pub last_code: Option<String>,
    pub last_at: Option<Timestamp>,
    pub taken_at: Option<Timestamp>,
}

/// The log of one payment's news.
pub(crate) fn of(reader: &mut Reader<'_>, payment: PaymentId) -> Result<Vec<Delivery>, Error> {
    let rows = reader.query_many(NEWS_OF, params![payment], |row| {
        Ok(Delivery {
            id: row.get(0)?,
            hook: row.get(1)?,
            kind: row.get(2)?,
            made_at: row.get(3)?,
            tries: row.get(4)?,
            last_code: row.get(5)?,
            last_at: row.get(6)?,
            taken_at: row.get(7)?,
        })
    });
    Ok(rows?)
}

/// What the shop is told: where the payment stands now, and no word of who pays. Whoever gets news late or out of order asks, or
/// goes by `version`.
fn body(payment: &Payment, kind: &str, at: Timestamp) -> String {
    json!({
        "type": kind,
        "timestamp": at.rfc3339(),
        "data": {
            "id": payment.id.text(),
            "order": payment.order,
            "state": payment.shown_state(),
            "currency": payment.currency().code(),
            "amount": payment.amount.minor,
            "authorized": payment.authorized,
            "captured": payment.captured,
            "refunded": payment.refunded,
            "version": payment.version + 1,
        },
    })
    .to_string()
}

/// What is sealed of a piece of news: the shop believes it, so nobody but Storeward may write one.
fn sealed(id: &str, payment: &str, hook: &str, kind: &str, body: &str) -> [String; 5] {
    [id.to_owned(), payment.to_owned(), hook.to_owned(), kind.to_owned(), body.to_owned()]
}

/// All news, each with what is sealed of it and its tag.
fn each(
    reader: &mut Reader<'_>,
    mut work: impl FnMut(&mut Reader<'_>, &[String; 5], Option<Vec<u8>>) -> Result<(), storeward_store::Error>,
) -> Result<(), storeward_store::Error> {
    let mut after = String::new();
    loop {
        let page = reader.query_many(SOME_NEWS, params![&after, 500_u32], |row| {
            let (id, hook): (String, String) = (row.get(0)?, row.get(2)?);
            let (kind, body): (String, String) = (row.get(3)?, row.get(4)?);
            Ok((sealed(&id, &row.get::<String>(1)?, &hook, &kind, &body), row.get::<Option<Vec<u8>>>(5)?))
        })?;
        let Some(([last, ..], _)) = page.last() else { return Ok(()) };
        after.clone_from(last);
        for (parts, tag) in page {
            work(reader, &parts, tag)?;
        }
    }
}

/// Ids of news that Storeward did not write so.
pub(crate) fn harmed(reader: &mut Reader<'_>, keys: &Keys) -> Result<Vec<String>, storeward_store::Error> {
    let mut found = Vec::new();
    each(reader, |_, parts, tag| {
        if !keys.fits_news(tag.as_deref(), &parts.each_ref().map(String::as_bytes)) {
            found.push(parts[0].clone());
        }
        Ok(())
    })?;
    Ok(found)
}

/// Gives those of an earlier version their tag; see [`Payments::bind_old_blocking`].
pub(crate) fn bind(tx: &mut Tx<'_>, keys: &Keys) -> Result<(), storeward_store::Error> {
    let mut unbound = Vec::new();
    each(tx, |_, parts, tag| {
        if tag.is_none() {
            unbound.push((parts[0].clone(), keys.tag_of_news(&parts.each_ref().map(String::as_bytes))));
        }
        Ok(())
    })?;
    for (id, tag) in unbound {
        tx.execute(NEWS_BOUND, params![id, tag])?;
    }
    Ok(())
}

/// Promises the news in the write of what it tells.
pub(crate) fn promise(tx: &mut Tx<'_>, shared: &Shared, payment: &Payment) -> Result<(), Error> {
    for (hook, kind_of_job) in shared.settings.hooks.iter().zip(JOBS.into_iter().cycle()) {
        let (now, id) = (tx.now(), tx.event_id().to_string());
        // Ids of events begin with their own word; this one is of a message.
        let id = format!("{PREFIX}{}", id.rsplit('_').next().unwrap_or_default());
        let kind = format!("payment.{}", payment.state.word());
        let body = body(payment, &kind, now);
        let tag = shared.keys.tag_of_news(
            &sealed(&id, &payment.id.text(), &hook.name, &kind, &body).each_ref().map(String::as_bytes),
        );
        let values = params![&id, payment.id, &hook.name, &kind, body, now, tag];
        tx.execute(INSERT_NEWS, values)?;
        enqueue(tx, &NewJob::new(kind_of_job, id.as_bytes()).unique(&id))?;
    }
    Ok(())
}

/// The three headers of Standard Webhooks: id, moment, and `v1,` with base 64 of HMAC-SHA-256 over `id.moment.body`.
fn sign(key: &[u8], id: &str, seconds: i64, body: &str) -> String {
    format!("v1,{}", base64(&hmac_sha256(key, format!("{id}.{seconds}.{body}").as_bytes())))
}

impl Payments {
    pub(crate) async fn deliver(&self, job: Job) -> Result<(), Failed> {
        let id = String::from_utf8(job.payload().to_vec()).map_err(|_| Failed::for_good("payments.form"))?;
        let held = id.clone();
        let found = self.0.read(move |reader| {
            Ok(reader.query_optional(FIND_NEWS, params![&held], |row| {
                let (name, kind): (String, String) = (row.get(1)?, row.get(2)?);
                let body: String = row.get(3)?;
                let payment = crate::believed::id(row, 0)?;
                let parts = sealed(&held, &payment.text(), &name, &kind, &body);
                Ok((payment, parts, row.get::<Option<Timestamp>>(4)?, row.get::<Option<Vec<u8>>>(5)?))
            })?)
        });
        let Some((payment, parts, taken, tag)) = found.await? else { return Ok(()) };
        if !self.0.keys.fits_news(tag.as_deref(), &parts.each_ref().map(String::as_bytes)) {
            // The shop would believe it.
            self.0.tell_harm("payment_news", &id).await;
            return Err(Failed::for_good("payments.row_harmed"));
        }
        let [_, _, name, _, body] = parts;
        let hook = self.0.settings.hooks.iter().find(|hook| hook.name == name);
        // It was taken, or the address is no longer in the config.
        let Some(hook) = hook.filter(|_| taken.is_none()) else { return Ok(()) };
        let code = self.hand(hook, &id, &body).await;
        let is_taken = code == "taken";
        let is_last = job.attempt() >= ATTEMPTS;
        let claim = job.claim();
        let told = facts::ShopNotTold { payment, hook: name, code: code.clone() };
        let written = self.0.write(move |tx| -> Result<(), Error> {
            let now = tx.now();
            tx.execute(NEWS_TRIED, params![&id, &code, now, is_taken.then_some(now)])?;
            if is_taken {
                crate::reconcile::settle_told(tx, &id)?;
            }
            if is_last && !is_taken {
                tx.append(Actor::System, None, told.clone())?;
            } else {
                tx.commit_silent("that the shop was told stands in the log of deliveries");
            }
            if is_taken || is_last { Ok(claim.finish(tx)?) } else { Ok(()) }
        });
        written.await?;
        if is_taken || is_last { Ok(()) } else { Err(Failed::later("payments.hook_refused")) }
    }

    async fn hand(&self, hook: &Hook, id: &str, body: &str) -> String {
        let seconds = self.0.now().seconds();
        let mark = sign(hook.key.expose(), id, seconds, body);
        let request = Request::post(&hook.url, "application/json", body.to_owned())
            .and_then(|request| request.header("webhook-id", id))
            .and_then(|request| request.header("webhook-timestamp", &seconds.to_string()))
            .and_then(|request| request.header("webhook-signature", &mark));
        let sent = match request {
            Ok(request) => hook.client.send(request.cut_body()).await,
            Err(why) => Err(why),
        };
        match sent {
            Ok(reply) if reply.status.is_success() => "taken".to_owned(),
            Ok(reply) => format!("http.{}", reply.status.as_u16()),
            Err(why) => storeward_base::Fault::code(&why).to_owned(),
        }
    }
}

impl Shared {
    pub(crate) fn forget_news(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let before = tx.now().minus(KEPT);
        tx.execute(FORGET_NEWS, params![before])?;
        Ok(())
    }
}
