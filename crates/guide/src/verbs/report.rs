//! Reports of messages that pretend to be the shop's. "Report" finds attacks faster than training prevents them (Lain et
//! al., 2022), so it is one field and one button, for everybody.

use std::time::Duration;

use storeward_base::{Actor, ClientIp, CustomerId, ReportId};
use storeward_events::guide::{MessageReported, Words};
use storeward_identity::CurrentSession;
use storeward_post::register::Code;
use storeward_store::{Reader, Tx};

use crate::error::Error;
use crate::guide::{Guide, Shared};
use crate::links;
use crate::model::Verdict;
use crate::pace::{Key, Leave};
use crate::sql;
use crate::sql::report::{Origin, ReportRow};

/// Longer ones are not taken.
pub const MOST_CHARS: usize = 20_000;
/// Whose words are kept in one day. Beyond a share every report still counts and is told; its words are kept no more, so that
/// a flood cannot bury what people paste. Who shares an address with one waits a minute at most, and a customer who is signed in not at all.
const OF_CUSTOMERS: u64 = 300;
const OF_ONE_CUSTOMER: u64 = 10;
const WITH_OUR_CODE: u64 = 300;
const OF_STRANGERS: u64 = 500;
/// Of one wider network, from people who are not signed in.
const OF_ONE_NETWORK: u64 = 20;
/// When strangers have used up their share: one of so many, up to twice the share.
const SAMPLED: u8 = 16;
const DAY: Duration = Duration::from_secs(86_400);

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    Empty,
    Long,
    Wait { seconds: u64 },
    Taken { bears_our_code: bool },
}

/// Where a report's words are sealed to.
pub(crate) fn place(id: ReportId) -> String {
    format!("guide/{id}.said")
}

impl Guide {
    /// Keeps a reported message, sealed; nothing in it is opened.
    pub async fn report(
        &self,
        client: ClientIp,
        session: Option<&CurrentSession>,
        said: &str,
    ) -> Result<Reported, Error> {
        let shared = &self.0;
        let said = said.trim();
        if said.is_empty() {
            return Ok(Reported::Empty);
        }
        if said.chars().count() > MOST_CHARS {
            return Ok(Reported::Long);
        }
        let key = [match session {
            Some(session) => Key::ReportedBy(session.customer),
            None => Key::Reported(client.block()),
        }];
        if let Leave::Wait { seconds, .. } = shared.throttle.attempt(&key, shared.now()) {
            return Ok(Reported::Wait { seconds });
        }
        let bears_our_code = match Code::find(said) {
            Some(code) => shared.written(code).await?.is_some(),
            None => false,
        };
        let row = shared.report_row(session, said, bears_our_code);
        let links = u32::try_from(links::find(said).len()).unwrap_or(u32::MAX);
        let customer = row.customer;
        let actor = match customer {
            Some(id) => Actor::Customer { id },
            None => Actor::Client { client: shared.db.client_ref(client) },
        };
        let origin = shared.origin(client, customer, bears_our_code);
        let nothing = shared.data_key.seal(b"", &place(row.id), &*shared.entropy);
        let is_in_sample = shared.entropy.bytes::<1>() < [u8::MAX / SAMPLED + 1];
        let written = shared.db.write(move |tx: &mut Tx<'_>| -> Result<Reported, Error> {
            let words = words_of(tx, &row, &origin, is_in_sample)?;
            let mut row = row.clone();
            if words == Words::NotKept {
                row.said_sealed.clone_from(&nothing);
            }
            sql::report::insert(tx, &row, links, &origin, words)?;
            let report = row.id;
            tx.append(actor, None, MessageReported { report, customer, links, bears_our_code, words })?;
            Ok(Reported::Taken { bears_our_code })
        });
        written.await
    }

    /// How many of the last thirty days were of false messages, as staff found: anybody reports whatever they like.
    pub async fn reports_lately(&self) -> Result<u64, Error> {
        let since = self.0.now().minus(DAY * 30);
        let count =
            move |reader: &mut Reader<'_>| sql::report::count_judged(reader, since, Verdict::FalseMessage);
        Ok(self.0.db.read(count).await?)
    }
}

/// Whether what a report says is kept: each kind of reporter has a share of the day, each network and each customer one of it.
fn words_of(tx: &mut Tx<'_>, row: &ReportRow, origin: &Origin, is_in_sample: bool) -> Result<Words, Error> {
    let since = tx.now().minus(DAY);
    let of_class = sql::report::kept_of_class(tx, since, origin.class)?;
    let (share, own, own_share) = match row.customer {
        Some(customer) => {
            (OF_CUSTOMERS, sql::report::kept_of_customer(tx, since, customer)?, OF_ONE_CUSTOMER)
        }
        None => {
            let share = if row.bears_our_code { WITH_OUR_CODE } else { OF_STRANGERS };
            (share, sql::report::kept_of_network(tx, since, &origin.network_mark)?, OF_ONE_NETWORK)
        }
    };
    let has_place = of_class < share || (is_in_sample && of_class < share * 2);
    Ok(if own < own_share && has_place { Words::Kept } else { Words::NotKept })
}

impl Shared {
    fn origin(&self, client: ClientIp, customer: Option<CustomerId>, bears_our_code: bool) -> Origin {
        let widest = client.block().wider().into_iter().min_by_key(|network| network.bits());
        let network = widest.map_or_else(|| client.block().to_string(), |network| network.to_string());
        Origin {
            class: match (customer, bears_our_code) {
                (Some(_), _) => "customer",
                (None, true) => "code",
                (None, false) => "stranger",
            },
            network_mark: self.network.mark(&network),
        }
    }

    fn report_row(&self, session: Option<&CurrentSession>, said: &str, bears_our_code: bool) -> ReportRow {
        let now = self.now();
        let id = ReportId::at(now, &*self.entropy);
        ReportRow {
            id,
            at: now,
            customer: session.map(|session| session.customer),
            said_sealed: self.data_key.seal(said.as_bytes(), &place(id), &*self.entropy),
            bears_our_code,
            closed_at: None,
            verdict: None,
        }
    }
}
