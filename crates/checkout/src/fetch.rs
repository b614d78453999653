//! Bodies of scripts, fetched as a browser would get them, and hashed.

use std::sync::Arc;
use std::time::Duration;

use storeward_base::{Fault, Timestamp};
use storeward_inspect::cards;
use storeward_outbound::{AllowList, Client, Destination, Limits, Options, OutboundError, Reach, Request};
use storeward_seal::encoding::base64;
use storeward_seal::fingerprint::sha256;
use storeward_store::Error as StoreError;
use tokio::task::JoinSet;

use crate::address;
use crate::error::Error;
use crate::guard::{Checkout, Shared};
use crate::keep::{self, Body, Fetched};
use crate::model::Script;
use crate::sql;

/// Of one round; the next comes within half a minute.
const MOST_OF_ROUND: u32 = 20;
/// The same of each of the shop's hosts; the next comes sooner.
const MOST_OWN_OF_ROUND: u32 = 100;
/// Files that are fetched at the same moment: others' hosts are asked for one after the other, the shop a little faster.
const OTHERS_AT_ONCE: usize = 1;
const OWN_AT_ONCE: usize = 4;
/// What was fetched is written after so many: a server that answers late keeps no other's change waiting.
const WRITTEN_TOGETHER: usize = 20;
/// The shop's own scripts cost nobody else anything: those that stand in pages now are held against the approved ones this often, so
/// that a change is told within a minute, whatever browsers say.
const OWN_AGAIN: Duration = Duration::from_secs(12);
const REDIRECTS: u8 = 2;
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    head: Duration::from_secs(10),
    body: Duration::from_secs(20),
    body_bytes: 4 * 1024 * 1024,
};

/// Where a script is fetched.
struct Way {
    url: String,
    host: Option<String>,
    reach: Reach,
    /// What the edge does to the body on its way to a browser is done to it, too.
    is_own: bool,
}

impl Checkout {
    /// Fetches what is due by the hour; how many bodies came.
    pub async fn fetch_due(&self) -> Result<u32, Error> {
        let now = self.0.clock.now();
        let hours = u64::from(self.0.section.load().fetch_hours);
        let before = now.minus(Duration::from_secs(hours * 3_600));
        let due = self.0.db.read(move |reader| sql::due(reader, before, MOST_OF_ROUND, now)).await?;
        self.fetch(&due, OTHERS_AT_ONCE).await
    }

    /// Fetches the shop's own files that stood in pages since they were fetched; how many bodies came.
    pub async fn fetch_own(&self) -> Result<u32, Error> {
        let now = self.0.clock.now();
        self.fetch(&self.own_in_use(now).await?, OWN_AT_ONCE).await
    }

    /// How many bodies came.
    async fn fetch(&self, rows: &[Script], at_once: usize) -> Result<u32, Error> {
        let mut came = 0;
        for part in rows.chunks(WRITTEN_TOGETHER) {
            let all = self.bodies(part, at_once).await;
            came += all.iter().filter(|one| one.outcome.is_ok()).count();
            self.0.db.write(move |tx| keep::write_fetched(tx, &all)).await?;
            self.refresh().await?;
        }
        Ok(u32::try_from(came).unwrap_or(u32::MAX))
    }

    async fn bodies(&self, rows: &[Script], at_once: usize) -> Vec<Fetched> {
        let mut rows = rows.iter().cloned();
        let mut under_way = JoinSet::new();
        let mut all = Vec::new();
        loop {
            for row in rows.by_ref().take(at_once.saturating_sub(under_way.len())) {
                let shared = Arc::clone(&self.0);
                under_way.spawn(async move {
                    let outcome = shared.body(&row).await.map_err(|code| code.chars().take(60).collect());
                    Fetched { id: row.id, outcome }
                });
            }
            let Some(one) = under_way.join_next().await else { break };
            // One that broke is due again with the next round.
            all.extend(one.ok());
        }
        // The same order each time, so that two writers never wait for each other.
        all.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        all
    }

    /// The shop's own that stood in pages since they were fetched.
    async fn own_in_use(&self, now: Timestamp) -> Result<Vec<Script>, Error> {
        let before = now.minus(OWN_AGAIN);
        // With what ends the name: others' names that begin so would take the room.
        let of = |host: &String| ['/', ':'].map(|end| format!("https://{host}{end}"));
        let hosts: Vec<String> = self.0.hosts.iter().flat_map(of).collect();
        let read = self.0.db.read(move |reader| -> Result<_, StoreError> {
            let mut all = Vec::new();
            for host in &hosts {
                all.extend(sql::due_of(reader, host, before, MOST_OWN_OF_ROUND, now)?);
            }
            Ok(all)
        });
        let mut own = read.await?;
        own.retain(|row| self.0.way(&row.address).is_ok_and(|way| way.is_own));
        Ok(own)
    }
}

impl Shared {
    async fn body(&self, row: &Script) -> Result<Body, String> {
        let way = self.way(&row.address)?;
        let code = |why: OutboundError| why.code().to_owned();
        let client = self.client(&way).map_err(code)?;
        let mut request = Request::get(&way.url).map_err(code)?.follow_redirects(REDIRECTS);
        if let Some(host) = &way.host {
            request = request.as_host(host).map_err(code)?;
        }
        let origin = self.hosts.first().map(|host| format!("https://{host}")).unwrap_or_default();
        if !way.is_own {
            // Whether it may be read by a page of ours is said only to whoever asks as one.
            request = request.header("origin", &origin).map_err(code)?;
        }
        let reply = client.send(request).await.map_err(code)?;
        if !reply.status.is_success() {
            return Err(format!("status_{}", reply.status.as_u16()));
        }
        let allowed = reply.header("access-control-allow-origin");
        let is_shared = way.is_own || allowed.is_some_and(|who| who == "*" || who == origin);
        let masked = if way.is_own { cards::masked_copy(&reply.body) } else { None };
        let hash = base64(&sha256(masked.as_ref().map_or(&reply.body[..], |(copy, _)| copy.as_slice())));
        let bytes = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
        Ok(Body { hash, bytes, is_shared })
    }

    fn way(&self, written: &str) -> Result<Way, String> {
        if address::is_cut(written) {
            return Err("address_cut".to_owned());
        }
        let host = address::host(written);
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let section = self.section.load();
        let named: Vec<Destination> =
            section.internal.iter().filter_map(|place| Destination::parse(place).ok()).collect();
        let is_named = Destination::of_url(written).is_ok_and(|destination| named.contains(&destination));
        // Another port of the shop's host may be another server: the config says so.
        let is_own = !is_named && self.hosts.iter().any(|own| own == name);
        if let Some(shop) = self.shop.as_ref().filter(|_| is_own) {
            return Ok(Way {
                url: format!("{}{}", shop.url, address::path(written)),
                host: Some(name.to_owned()),
                reach: Reach::Internal,
                is_own: true,
            });
        }
        let destination = Destination::of_url(written).map_err(|why| why.code().to_owned())?;
        if !is_named && !destination.is_https() {
            return Err("not_https".to_owned());
        }
        let reach = if is_named { Reach::Internal } else { Reach::Public };
        Ok(Way { url: written.to_owned(), host: None, reach, is_own: false })
    }

    fn client(&self, way: &Way) -> Result<Client, OutboundError> {
        let mut options = Options::default().limits(LIMITS);
        if let Some(pem) = self.shop.as_ref().filter(|_| way.is_own).and_then(|shop| shop.ca_pem.as_ref()) {
            options = options.trust_pem(pem)?;
        }
        Client::new(AllowList::new().with(Destination::of_url(&way.url)?, way.reach), options)
    }
}
