//! An account as staff see it: no secret, no whole address, and why sign-ins were held back, in words.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use storeward_base::{CustomerId, Language, StaffId, Timestamp};
use storeward_detect::sign_in::Reason as RiskReason;
use storeward_store::Reader;

use super::Customers;
use crate::error::Error;
use crate::held::What;
use crate::marks::Field;
use crate::model::FactorKind;
use crate::place::Place;
use crate::sql::{self, held::HeldRow, wait::WaitRow};
use crate::texts::Texts;
use crate::verbs::{Means, Shared};

/// Lines of each list.
const SHOWN: u32 = 30;
/// The list of accounts under pressure looks at so many lines, of a day.
const MOST_LATELY: u32 = 500;
const LATELY: Duration = Duration::from_secs(24 * 3600);
const MOST_PRESSED: usize = 15;

/// How an account stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub locked_at: Option<Timestamp>,
    /// The password does not count from devices that are not known.
    pub password_disabled_at: Option<Timestamp>,
    pub must_change_at: Option<Timestamp>,
    pub step_up_forced_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct FactorView {
    /// As [`Customers::take_factor`] takes it.
    pub id: String,
    pub kind: &'static str,
    pub added_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct SessionView {
    /// Such as "Firefox · Linux".
    pub device: String,
    /// The network it began in, cut, and where that is: `198.51.100.x (near Leipzig, Germany)`.
    pub place: String,
    pub acr: &'static str,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct ActivityView {
    pub at: Timestamp,
    pub what: String,
    pub device: String,
}

/// A sign-in that was held back or noticed, and why, in words.
#[derive(Clone, Debug)]
pub struct HeldView {
    pub at: Timestamp,
    /// `asked`, `noticed`, `refused` or `failed`.
    pub what: &'static str,
    pub purpose: String,
    pub why: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct PastAct {
    pub at: Timestamp,
    pub staff: StaffId,
    /// As of [`super::Act::word`], and `ask_take_factor` or `ask_close` of whoever asked first that the last factor, or the account, goes.
    pub what: String,
    pub reason: String,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct AccountView {
    pub id: CustomerId,
    pub masked_email: String,
    pub language: Language,
    pub created_at: Timestamp,
    pub password_set_at: Option<Timestamp>,
    pub state: State,
    pub factors: Vec<FactorView>,
    pub codes_left: u32,
    pub sessions: Vec<SessionView>,
    pub devices: usize,
    pub activity: Vec<ActivityView>,
    pub held: Vec<HeldView>,
    pub acts: Vec<PastAct>,
    /// The waiting time, while one goes on.
    pub wait: Option<WaitView>,
    pub office: OfficeView,
}

/// How an account stands with the shop's back office, should it be one of staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfficeView {
    /// Nobody is let in by staff here, or nothing was added that could open it.
    Nothing,
    /// An app or a passkey waits for somebody to let them in, and to compare this.
    Waits {
        code: String,
    },
    Since(Timestamp),
}

impl OfficeView {
    /// What has to be compared.
    pub fn code(&self) -> Option<&str> {
        match self {
            OfficeView::Waits { code } => Some(code),
            OfficeView::Nothing | OfficeView::Since(_) => None,
        }
    }

    fn of(shared: &Shared, means: &Means, allowed_at: Option<Timestamp>) -> Self {
        match allowed_at {
            _ if !means.has_strong() || !shared.asks_approval.load(Ordering::Relaxed) => OfficeView::Nothing,
            Some(at) => OfficeView::Since(at),
            None => OfficeView::Waits { code: shared.office_code(means) },
        }
    }
}

/// Every factor is said to be lost.
#[derive(Clone, Debug)]
pub struct WaitView {
    pub begun_at: Timestamp,
    pub ends_at: Timestamp,
    pub begun_by: Option<StaffId>,
    /// Who asked that it end earlier; another one has to agree.
    pub shorten_asked_by: Option<StaffId>,
    pub is_over: bool,
}

impl WaitView {
    fn of(row: &WaitRow, now: Timestamp) -> Self {
        WaitView {
            begun_at: row.begun_at,
            ends_at: row.ends_at,
            begun_by: row.begun_by,
            shorten_asked_by: row.shorten_asked_by,
            is_over: row.is_over(now),
        }
    }
}

/// An account whose sign-ins were held back of late. Its address is not needed to see that it is attacked.
#[derive(Clone, Debug)]
pub struct PressedAccount {
    pub customer: CustomerId,
    pub count: usize,
    pub last: HeldView,
}

impl Customers {
    /// The account; `None` when there is none of this id.
    pub async fn view(&self, customer: CustomerId) -> Result<Option<AccountView>, Error> {
        let shared = &self.0.0;
        let means = match shared.means(customer).await {
            Ok(means) => means,
            Err(Error::NoAccount) => return Ok(None),
            Err(error) => return Err(error),
        };
        let now = shared.now();
        let idle_since = now.minus(shared.policy().idle());
        let read = shared.db.read(move |reader: &mut Reader<'_>| -> Result<_, Error> {
            Ok((
                sql::session::of_customer(reader, customer, now, idle_since)?,
                sql::staff_act::places(reader, customer)?,
                sql::device::of_customer(reader, customer, now)?.len(),
                sql::activity::of_customer(reader, customer, SHOWN)?,
                sql::held::of_customer(reader, customer, SHOWN)?,
                sql::staff_act::of_customer(reader, customer, SHOWN)?,
                (sql::wait::of_customer(reader, customer)?, sql::office::allowed_at(reader, customer)?),
            ))
        });
        let (sessions, places, devices, activity, held, acts, (wait, allowed_at)) = read.await?;
        let open = |sealed: &[u8], row: String| shared.vault.open_text(sealed, &row, Field::Label);
        let places: HashMap<_, _> = places.into_iter().collect();
        let sessions = sessions.into_iter().map(|row| {
            let place = places.get(&row.id).map(|sealed| open(sealed, row.id.to_string())).transpose()?;
            Ok(SessionView {
                device: open(&row.label_sealed, row.id.to_string())?,
                place: place.map(|text| Place::parse(&text).for_staff()).unwrap_or_default(),
                acr: row.level.acr(),
                created_at: row.created_at,
                seen_at: row.seen_at,
            })
        });
        let t = Texts(Language::En);
        let activity = activity.into_iter().map(|row| {
            let device = Place::label_for_staff(&open(&row.label_sealed, row.id.to_string())?);
            Ok(ActivityView { at: row.at, what: t.s(&format!("activity.{}", row.what)), device })
        });
        let acts = acts.into_iter().map(|row| {
            let reason = open(&row.reason_sealed, row.id.to_string())?;
            Ok(PastAct { at: row.at, staff: row.staff, what: row.what, reason })
        });
        let office = OfficeView::of(shared, &means, allowed_at);
        let account = means.account;
        Ok(Some(AccountView {
            id: customer,
            masked_email: account.email.as_ref().map_or_else(String::new, |email| email.masked()),
            language: account.language,
            created_at: account.created_at,
            password_set_at: account.password_set_at,
            state: State {
                locked_at: account.locked_at,
                password_disabled_at: account.password_disabled_at,
                must_change_at: account.must_change_at,
                step_up_forced_at: account.step_up_forced_at,
            },
            factors: means
                .factors
                .iter()
                .map(|factor| FactorView {
                    id: factor.id.to_string(),
                    kind: kind_words(factor.kind),
                    added_at: factor.created_at,
                    used_at: factor.used_at,
                })
                .collect(),
            codes_left: means.codes_left,
            sessions: sessions.collect::<Result<_, Error>>()?,
            devices,
            activity: activity.collect::<Result<_, Error>>()?,
            held: held.into_iter().map(HeldView::of).collect(),
            acts: acts.collect::<Result<_, Error>>()?,
            wait: wait.filter(|row| row.is_open(now)).map(|row| WaitView::of(&row, now)),
            office,
        }))
    }

    /// Accounts whose sign-ins were held back within a day, the last first.
    pub async fn pressed_lately(&self) -> Result<Vec<PressedAccount>, Error> {
        let since = self.0.0.now().minus(LATELY);
        let read = move |reader: &mut Reader<'_>| sql::held::lately(reader, since, MOST_LATELY);
        let rows = self.0.0.db.read(read).await?;
        let mut pressed: Vec<PressedAccount> = Vec::new();
        for row in rows {
            match pressed.iter_mut().find(|known| known.customer == row.customer) {
                Some(known) => known.count += 1,
                None => {
                    let customer = row.customer;
                    pressed.push(PressedAccount { customer, count: 1, last: HeldView::of(row) });
                }
            }
        }
        pressed.truncate(MOST_PRESSED);
        Ok(pressed)
    }
}

impl HeldView {
    fn of(row: HeldRow) -> Self {
        let what = match row.what {
            What::Asked => "asked",
            What::Noticed => "noticed",
            What::Refused => "refused",
            What::Failed => "failed",
        };
        let why = row.reasons.iter().map(|code| why(code).to_owned()).collect();
        HeldView { at: row.at, what, purpose: row.purpose, why }
    }
}

const fn kind_words(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Totp => "Authenticator app",
        FactorKind::Passkey => "Passkey",
        FactorKind::Sms => "Short message",
    }
}

/// A reason in a sentence; the code itself where a newer program wrote it.
fn why(code: &str) -> &str {
    // Only what spoke against a sign-in is kept, so these say which way.
    match code {
        "network" => return "The network is unusual for the account.",
        "agent" => return "The browser is unusual for the account.",
        "account_rarely_used" => return "The account is rarely used.",
        _ => {}
    }
    if let Some(reason) = RiskReason::ALL.into_iter().find(|reason| reason.code() == code) {
        return reason.meaning();
    }
    match code {
        "staff" => "Whoever signed in has rights in the shop's back office.",
        "new_device" => "The device never signed in to this account before.",
        "new_shop_name" => "The shop calls them by an address that they were about to give it.",
        "forced" => "A second factor was demanded, by staff or after an alarm.",
        "breached_password" => "The password stands in a list of breached ones.",
        "password" => "The password was wrong.",
        "no_password" => "The account has no password.",
        "password_disabled" => "The password counts no more from devices that are not known.",
        "locked" => "The account is locked.",
        "throttled" => "Too many attempts in a row.",
        "refused_by_risk" => "It looked like everything but the account's owner.",
        "nothing_to_show" => "There is no second factor and no address to send a code to.",
        "passkey" => "The passkey was refused.",
        "factor_password" => "The password was wrong.",
        "factor_totp" => "The code of the authenticator app was wrong, or used before.",
        "factor_mail" => "The mailed code was wrong.",
        "factor_sms" => "The code of the short message was wrong.",
        "factor_recovery" => "The recovery code was wrong.",
        "factor_passkey" => "The passkey was refused.",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_the_risk_engine_has_words() {
        for reason in RiskReason::ALL {
            assert!(why(reason.code()).ends_with('.'), "{}", reason.code());
        }
        assert_eq!(why("something_new"), "something_new");
    }
}
