//! Handing a sign-in at the console over to the shop's host.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{Actor, Secret, StaffId, Timestamp};
use storeward_events::gate::GateRefused;
use storeward_seal::fingerprint::token_hash;

use super::sessions::{FRESH, SessionToken};
use super::{Accounts, roles_of, sql_entrance};
use crate::entrance::{Asked, Door, Refusal, Wants};
use crate::error::Error;

/// How long a code is good.
const CODE_LIFE: Duration = Duration::from_secs(60);

/// That one session was refused at one gate is told this often.
const TELL_EVERY: Duration = Duration::from_secs(10 * 60);
/// Sessions and gates that are remembered.
const MOST_TOLD: usize = 1_000;

/// Who was told to be in no group that may, and when: a form that is sent again and again fills no ledger.
#[derive(Debug, Default)]
pub struct NotInGroup(Mutex<HashMap<(String, String), Timestamp>>);

impl NotInGroup {
    fn is_news(&self, session: &str, gate: &str, now: Timestamp) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (session.to_owned(), gate.to_owned());
        if told.get(&key).is_some_and(|at| now.since(*at) < TELL_EVERY) {
            return false;
        }
        if told.len() >= MOST_TOLD {
            told.retain(|_, at| now.since(*at) < TELL_EVERY);
        }
        if told.len() < MOST_TOLD {
            told.insert(key, now);
        }
        true
    }
}

/// What came of asking for a code.
#[derive(Debug)]
pub enum HandOver {
    /// Good once, at the host that asked.
    Code(Secret<String>),
    /// A second factor has to be shown once more.
    Confirm,
    /// A passkey has to be shown.
    ConfirmWithPasskey,
    /// The person is in no group that may.
    NotInGroup,
}

impl Accounts {
    /// A code for whoever is signed in, if the gate lets them through.
    pub async fn hand_over(
        &self,
        token: &SessionToken,
        staff: StaffId,
        asked: &Asked,
        door: &Door,
    ) -> Result<HandOver, Error> {
        let hash = token.hash();
        let found = self.db.read(move |reader| {
            let standing = sql_entrance::standing(reader, &hash, staff)?;
            Ok::<_, storeward_store::Error>((standing, roles_of(reader, staff)?))
        });
        let (Some(standing), groups) = found.await? else { return Ok(HandOver::Confirm) };
        match door.refuses(&groups, standing.factor.as_deref()) {
            Some(Refusal::Group) => {
                if self.not_in_group.is_news(&token.hash(), &door.name, self.clock.now()) {
                    self.tell_not_in_group(staff, &door.name).await?;
                }
                return Ok(HandOver::NotInGroup);
            }
            Some(Refusal::Factor) if standing.factor.is_none() => return Ok(HandOver::Confirm),
            Some(Refusal::Factor) => return Ok(HandOver::ConfirmWithPasskey),
            None => {}
        }
        let is_fresh = standing.confirmed_at.is_some_and(|at| self.clock.now().since(at) < FRESH);
        let Some(session) = standing.id.filter(|_| is_fresh || asked.wants == Wants::SignIn) else {
            return Ok(HandOver::Confirm);
        };
        let code = self.entropy.token::<32>();
        let (code_hash, expires_at) = (token_hash(&code), self.clock.now().plus(CODE_LIFE));
        let row = sql_entrance::HandOverRow {
            session,
            staff,
            challenge: asked.challenge.clone(),
            authority: asked.authority.clone(),
            factor: None,
            confirmed_at: None,
        };
        let written = self.db.write(move |tx| {
            sql_entrance::insert_hand_over(tx, &code_hash, &row, expires_at)?;
            tx.commit_silent("a code is on its way; who comes through with it is told then");
            Ok::<_, Error>(())
        });
        written.await?;
        Ok(HandOver::Code(Secret::new(code)))
    }

    async fn tell_not_in_group(&self, staff: StaffId, gate: &str) -> Result<(), Error> {
        let fact = GateRefused {
            gate: gate.to_owned(),
            staff: Some(staff),
            reason: Refusal::Group.word().to_owned(),
        };
        let written = self.db.write(move |tx| {
            tx.append(Actor::Staff { id: staff }, None, fact.clone())?;
            Ok::<_, Error>(())
        });
        written.await
    }
}
