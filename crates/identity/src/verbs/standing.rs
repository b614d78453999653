//! How well an account is protected, without a word of whose it is: what guidance goes by.

use storeward_base::{CustomerId, Timestamp};
use storeward_store::Reader;

use super::Identity;
use crate::config::SecondFactor;
use crate::error::Error;
use crate::model::FactorKind;
use crate::sql;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub created_at: Timestamp,
    pub locked: bool,
    pub has_password: bool,
    /// The next sign-in chooses a new password.
    pub must_change_password: bool,
    /// The one that was used last stands in a list of breached ones.
    pub password_breached: bool,
    /// Strangers tried so many wrong ones that it counts only where the person signed in before.
    pub password_disabled: bool,
    pub address_confirmed: bool,
    /// Whether the shop lets people add factors.
    pub may_add_factors: bool,
    pub factors: Vec<FactorKind>,
    pub codes_left: u32,
    /// When each known device was last used.
    pub devices_seen: Vec<Timestamp>,
    pub sessions: usize,
}

impl Identity {
    /// `None` where there is no such account (any more).
    pub async fn standing(&self, customer: CustomerId) -> Result<Option<Standing>, Error> {
        let shared = &self.0;
        let (now, policy) = (shared.now(), shared.policy());
        let idle_since = now.minus(policy.idle());
        let found = shared.db.read(move |reader: &mut Reader<'_>| -> Result<_, Error> {
            let Some(account) = sql::account::by_id(reader, customer)? else { return Ok(None) };
            Ok(Some((
                account,
                sql::account::email_confirmed_at(reader, customer)?,
                sql::factor::of_customer(reader, customer)?,
                sql::factor::codes_left(reader, customer)?,
                sql::device::of_customer(reader, customer, now)?,
                sql::session::of_customer(reader, customer, now, idle_since)?,
                sql::told::is_breached(reader, customer)?,
            )))
        });
        let Some((account, confirmed_at, factors, codes_left, devices, sessions, breached)) = found.await?
        else {
            return Ok(None);
        };
        Ok(Some(Standing {
            created_at: account.created_at,
            locked: account.locked_at.is_some(),
            has_password: account.password_hash.is_some(),
            must_change_password: account.must_change_at.is_some(),
            password_breached: breached,
            password_disabled: account.password_disabled_at.is_some(),
            address_confirmed: account.email_sealed.is_some() && confirmed_at.is_some(),
            may_add_factors: policy.customers != SecondFactor::Off,
            factors: factors.iter().map(|factor| factor.kind).collect(),
            codes_left: u32::try_from(codes_left).unwrap_or(0),
            devices_seen: devices.iter().map(|device| device.seen_at).collect(),
            sessions: sessions.len(),
        }))
    }

    /// The accounts behind `after`, oldest first: their ids sort by time.
    pub async fn customers_after(&self, after: CustomerId, most: u32) -> Result<Vec<CustomerId>, Error> {
        let found = self.0.db.read(move |reader: &mut Reader<'_>| sql::account::after(reader, after, most));
        Ok(found.await?)
    }

    /// Whether new second factors can be added here, and whether everybody must have one.
    pub fn second_factor(&self) -> SecondFactor {
        self.0.policy().customers
    }
}
