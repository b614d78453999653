//! "Is this message from us?": a code is looked up, and how much is told depends on who asks.

use storeward_base::{Actor, ClientIp, Timestamp};
use storeward_events::guide::MessageCodesGuessed;
use storeward_identity::CurrentSession;
use storeward_outbound::mail::Address;
use storeward_post::register::{Code, Written};
use storeward_store::{Reader, Tx};

use crate::error::Error;
use crate::guide::{Guide, Shared};
use crate::pace::{Key, Leave};

/// What a look-up comes to.
#[derive(Clone, Debug)]
pub enum Found {
    /// There is no code in what was typed.
    NoCode,
    Wait {
        seconds: u64,
    },
    Unknown,
    /// Written by us; to whom the person is nobody knows.
    Ours {
        topic: String,
        at: Timestamp,
    },
    /// Written by us to the person who asks. The subject is for whoever is signed in only.
    ToYou {
        topic: String,
        at: Timestamp,
        subject: Option<String>,
    },
    /// Written by us, but to somebody else: whoever got it got a copy of the code.
    ToSomebodyElse,
}

impl Shared {
    /// Whether the message was written to the person of this session.
    fn is_to(&self, written: &Written, session: &CurrentSession) -> bool {
        let by_address = session.email.as_deref().and_then(|email| Address::parse(email).ok());
        let same = by_address.is_some_and(|to| self.outbox.recipient_of_mail(&to) == written.recipient);
        same || written.customer == Some(session.customer)
    }

    /// A message of ours that bears this code.
    pub(super) async fn written(&self, code: Code) -> Result<Option<Written>, Error> {
        let outbox = self.outbox.clone();
        Ok(self.db.read(move |reader: &mut Reader<'_>| outbox.find_written(reader, &code)).await?)
    }
}

impl Guide {
    /// Looks up the first code in `text`. Misses are counted against the asker's network, so that guessing gets slower and
    /// slower; what exists is given back. `address` is where a person without a session says the message came to: a wrong one is
    /// a miss, too, or whoever holds one code could try addresses without end.
    pub async fn look_up(
        &self,
        client: ClientIp,
        session: Option<&CurrentSession>,
        text: &str,
        address: &str,
    ) -> Result<Found, Error> {
        let shared = &self.0;
        let Some(code) = Code::find(text) else { return Ok(Found::NoCode) };
        let key = [Key::LookedUp(client.block())];
        if let Leave::Wait { seconds, first } = shared.throttle.attempt(&key, shared.now()) {
            if first {
                self.tell_guessing(client, seconds).await?;
            }
            return Ok(Found::Wait { seconds });
        }
        let Some(written) = shared.written(code).await? else { return Ok(Found::Unknown) };
        let typed = Address::parse(address.trim()).ok().filter(|_| session.is_none());
        let is_theirs = typed.map(|to| shared.outbox.recipient_of_mail(&to) == written.recipient);
        if is_theirs != Some(false) {
            shared.throttle.succeeded(&key);
        }
        let (topic, at) = (written.topic.clone(), written.at);
        if let Some(session) = session {
            return Ok(match shared.is_to(&written, session) {
                true => Found::ToYou { topic, at, subject: Some(written.subject) },
                false => Found::ToSomebodyElse,
            });
        }
        Ok(match is_theirs {
            Some(true) => Found::ToYou { topic, at, subject: None },
            Some(false) => Found::ToSomebodyElse,
            None => Found::Ours { topic, at },
        })
    }

    async fn tell_guessing(&self, client: ClientIp, wait_seconds: u64) -> Result<(), Error> {
        let actor = Actor::Client { client: self.0.db.client_ref(client) };
        let written = self.0.db.write(move |tx: &mut Tx<'_>| -> Result<(), Error> {
            tx.append(actor, None, MessageCodesGuessed { wait_seconds })?;
            Ok(())
        });
        written.await
    }

    /// What we wrote to the person, newest first.
    pub async fn written_to(&self, session: &CurrentSession) -> Result<Vec<Written>, Error> {
        let address = session.email.as_deref().and_then(|email| Address::parse(email).ok());
        let Some(address) = address else { return Ok(Vec::new()) };
        let outbox = self.0.outbox.clone();
        Ok(self.0.db.read(move |reader: &mut Reader<'_>| outbox.written_to(reader, &address)).await?)
    }
}
