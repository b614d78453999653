//! Reports of messages that pretend to be the shop's. "Report" finds attacks faster than training prevents them (Lain et
//! al., 2022), so it is one field and one button, for everybody.

use std::time::Duration;

use storeward_base::{Actor, ClientIp, ReportId};
use storeward_events::guide::MessageReported;
use storeward_identity::CurrentSession;
use storeward_post::register::Code;
use storeward_store::{Reader, Tx};

use crate::error::Error;
use crate::guide::{Guide, Shared};
use crate::links;
use crate::pace::{Key, Leave};
use crate::sql;
use crate::sql::report::ReportRow;

/// Longer ones are not taken.
pub const MOST_CHARS: usize = 20_000;
/// In one day, from everybody together: beyond this is an attack on the table, not with messages.
const MOST_A_DAY: u64 = 500;
const DAY: Duration = Duration::from_secs(86_400);

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    Empty,
    Long,
    Wait {
        seconds: u64,
    },
    /// Too many came in today.
    Full,
    Taken {
        bears_our_code: bool,
    },
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
        let key = [Key::Reported(client.block())];
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
        let written = shared.db.write(move |tx: &mut Tx<'_>| -> Result<Reported, Error> {
            let day_ago = tx.now().minus(DAY);
            if sql::report::count_since(tx, day_ago)? >= MOST_A_DAY {
                tx.commit_silent("more reports than a day takes");
                return Ok(Reported::Full);
            }
            sql::report::insert(tx, &row, links)?;
            tx.append(actor, None, MessageReported { report: row.id, customer, links, bears_our_code })?;
            Ok(Reported::Taken { bears_our_code })
        });
        written.await
    }

    /// How many came in within the last thirty days.
    pub async fn reports_lately(&self) -> Result<u64, Error> {
        let since = self.0.now().minus(DAY * 30);
        Ok(self.0.db.read(move |reader: &mut Reader<'_>| sql::report::count_since(reader, since)).await?)
    }
}

impl Shared {
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
