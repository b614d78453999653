//! Sessions: the list, ending one, ending all others, signing out.

use std::collections::HashMap;

use storeward_base::{Actor, Timestamp};
use storeward_events::identity::{CustomerSignedOut, SessionsRevoked};
use storeward_store::Reader;

use super::current::CurrentSession;
use super::devices::forget_others;
use super::{Identity, note_activity};
use crate::error::Error;
use crate::marks::Field;
use crate::model::{DeviceId, FactorId, FactorKind, Level, SessionId};
use crate::place::Place;
use crate::sql;
use crate::tokens::SessionToken;
use crate::visit::Visit;

/// A session as its owner sees it.
#[derive(Clone, Debug)]
pub struct SessionLine {
    pub id: SessionId,
    /// Such as "Firefox · Linux".
    pub label: String,
    /// Where it began.
    pub place: Place,
    pub level: Level,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    /// Whether it is the one that asks.
    pub is_this: bool,
}

/// A device as its owner sees it.
#[derive(Clone, Debug)]
pub struct DeviceLine {
    pub id: DeviceId,
    pub label: String,
    pub seen_at: Timestamp,
    pub trusted_until: Option<Timestamp>,
}

/// A factor as its owner sees it.
#[derive(Clone, Debug)]
pub struct FactorLine {
    pub id: FactorId,
    pub kind: FactorKind,
    pub label: String,
    pub created_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

/// One line of what happened to the account.
#[derive(Clone, Debug)]
pub struct ActivityLine {
    pub at: Timestamp,
    /// Key of a text, such as `signed_in`.
    pub what: String,
    pub label: String,
    pub place: Option<Place>,
}

/// Everything the security centre shows.
#[derive(Clone, Debug)]
pub struct Overview {
    pub sessions: Vec<SessionLine>,
    pub devices: Vec<DeviceLine>,
    pub factors: Vec<FactorLine>,
    pub codes_left: u32,
    pub activity: Vec<ActivityLine>,
    pub has_password: bool,
    pub password_set_at: Option<Timestamp>,
    pub masked_email: String,
}

const ACTIVITY_SHOWN: u32 = 20;

impl Identity {
    pub async fn overview(&self, session: &CurrentSession) -> Result<Overview, Error> {
        let shared = &self.0;
        let (customer, now, this) = (session.customer, shared.now(), session.id);
        let idle_since = now.minus(shared.policy().idle());
        let found = shared.db.read(move |reader: &mut Reader<'_>| -> Result<_, Error> {
            Ok((
                sql::session::of_customer(reader, customer, now, idle_since)?,
                sql::staff_act::places(reader, customer)?,
                sql::device::of_customer(reader, customer, now)?,
                sql::activity::of_customer(reader, customer, ACTIVITY_SHOWN)?,
            ))
        });
        let (sessions, places, devices, activity) = found.await?;
        let places: HashMap<_, _> = places.into_iter().collect();
        let means = shared.means(customer).await?;
        let label = |sealed: &[u8], row: String| shared.vault.open_text(sealed, &row, Field::Label);
        Ok(Overview {
            sessions: sessions
                .into_iter()
                .map(|row| {
                    let place = places.get(&row.id).map(|sealed| label(sealed, row.id.to_string()));
                    Ok(SessionLine {
                        id: row.id,
                        place: place.transpose()?.map(|text| Place::parse(&text)).unwrap_or_default(),
                        label: label(&row.label_sealed, row.id.to_string())?,
                        level: row.level,
                        created_at: row.created_at,
                        seen_at: row.seen_at,
                        is_this: row.id == this,
                    })
                })
                .collect::<Result<_, Error>>()?,
            devices: devices
                .into_iter()
                .map(|row| {
                    let label = label(&row.label_sealed, row.id.to_string())?;
                    let trusted_until = row.trusted_until.filter(|until| *until > now);
                    Ok(DeviceLine { id: row.id, label, seen_at: row.seen_at, trusted_until })
                })
                .collect::<Result<_, Error>>()?,
            factors: means
                .factors
                .iter()
                .map(|row| {
                    let label = row.label_sealed.as_ref().map(|sealed| label(sealed, row.id.to_string()));
                    let label = label.transpose()?.unwrap_or_default();
                    let (created_at, used_at) = (row.created_at, row.used_at);
                    Ok(FactorLine { id: row.id, kind: row.kind, label, created_at, used_at })
                })
                .collect::<Result<_, Error>>()?,
            codes_left: means.codes_left,
            activity: activity
                .into_iter()
                .map(|row| {
                    let (label, place) = Place::split(&label(&row.label_sealed, row.id.to_string())?);
                    Ok(ActivityLine { at: row.at, what: row.what, label, place })
                })
                .collect::<Result<_, Error>>()?,
            has_password: means.account.password_hash.is_some(),
            password_set_at: means.account.password_set_at,
            masked_email: means.account.email.map_or_else(String::new, |email| email.masked()),
        })
    }

    /// Ends one of the person's own sessions; another one's stays.
    pub async fn end_session(
        &self,
        visit: &Visit,
        session: &CurrentSession,
        id: SessionId,
    ) -> Result<(), Error> {
        let customer = session.customer;
        let activity = self.0.activity_of("session_ended", visit);
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            if !sql::session::delete(tx, id, customer)? {
                tx.commit_silent("the session had ended already, or is somebody else's");
                return Ok(());
            }
            note_activity(tx, customer, &activity)?;
            let fact = SessionsRevoked { customer, count: 1, reason: "one".to_owned() };
            tx.append(Actor::Customer { id: customer }, None, fact)?;
            Ok(())
        });
        written.await
    }

    /// Ends every session but the one that asks, and forgets every device but its own: one that is trusted would need the password
    /// alone to be back.
    pub async fn end_other_sessions(&self, visit: &Visit, session: &CurrentSession) -> Result<(), Error> {
        let (customer, this, device) = (session.customer, session.id, session.device);
        let activity = self.0.activity_of("sessions_ended", visit);
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            let count = sql::session::delete_others(tx, customer, this)?;
            note_activity(tx, customer, &activity)?;
            let actor = Actor::Customer { id: customer };
            tx.append(actor, None, SessionsRevoked { customer, count, reason: "all_others".to_owned() })?;
            Ok(forget_others(tx, actor, customer, device, "all_others")?)
        });
        written.await
    }

    /// Forgets a device: it is asked for everything again.
    pub async fn forget_device(
        &self,
        visit: &Visit,
        session: &CurrentSession,
        id: DeviceId,
    ) -> Result<(), Error> {
        let customer = session.customer;
        let activity = self.0.activity_of("device_forgotten", visit);
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            if !sql::device::delete(tx, id, customer)? {
                tx.commit_silent("the device was forgotten already, or is somebody else's");
                return Ok(());
            }
            note_activity(tx, customer, &activity)?;
            let fact =
                storeward_events::identity::DevicesRevoked { customer, count: 1, reason: "one".to_owned() };
            tx.append(Actor::Customer { id: customer }, None, fact)?;
            Ok(())
        });
        written.await
    }

    /// Ends this session. Ending one that has ended changes nothing.
    pub async fn sign_out(&self, token: &SessionToken, session: &CurrentSession) -> Result<(), Error> {
        let (hash, customer) = (token.hash(), session.customer);
        let written = self.0.db.write(move |tx| -> Result<(), Error> {
            sql::session::delete_by_token(tx, &hash)?;
            tx.append(Actor::Customer { id: customer }, None, CustomerSignedOut { customer })?;
            Ok(())
        });
        written.await
    }
}
