//! Codes by short message: a number is confirmed by a code sent there, and counts as a second factor from then on. The
//! weakest of them, since numbers are taken over and codes are read out: it never stands for a passkey or an app.

use std::time::Duration;

use storeward_base::{CustomerId, Language, Secret, Timestamp};
use storeward_events::identity::SmsHeldBack;
use storeward_outbound::sms::PhoneNumber;
use storeward_store::Tx;

use super::current::CurrentSession;
use super::enrol::EnrolFault;
use super::flows::{CODE_LIFE, Need, Offer};
use super::mailed::Sent;
use super::{Identity, Shared};
use crate::config::SecondFactor;
use crate::error::Error;
use crate::letter::{Post, Text};
use crate::marks::Field;
use crate::model::{FactorId, FactorKind, Misfit};
use crate::sql::{self, factor::FactorRow};
use crate::state::{Purpose, State};
use crate::texts::Texts;
use crate::throttle::{Key, Leave};
use crate::tokens::FlowToken;
use crate::visit::Visit;

/// Messages of a day to one number, and for one account.
const NUMBER_DAY: u32 = 6;
const ACCOUNT_DAY: u32 = 8;
/// As many of them as whoever only knows the password can have, and of a number's whoever adds it: the rest of the day's is for the
/// devices and networks that signed in before.
const NUMBER_DAY_OF_OTHERS: u32 = 4;
const ACCOUNT_DAY_OF_OTHERS: u32 = 5;
/// An account that came into being less than this ago is new: anybody has as many of them as they like.
const NEW_ACCOUNT: Duration = Duration::from_secs(86_400);
const DAY_SECONDS: i64 = 86_400;

/// A message that is about to be promised, with what it is counted for.
#[derive(Clone)]
struct Draft {
    text: Text,
    scopes: Vec<sql::sms_count::Scope>,
    day: i64,
    prefix: String,
    customer: CustomerId,
}

/// Who asks for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    /// A device, a network or a session that nobody has who only knows the password.
    Known,
    /// Somebody who knows the password, and no more.
    Other,
    /// A signed-in person who adds a number, which may be anybody's. This is how shops are made to send messages for money.
    Adds,
    /// The same with an account that was opened today.
    AddsToNew,
}

impl Asks {
    /// Of which parts of a country's and the shop's day it takes, and how small a part that is. What is left over is for those
    /// who are known, so that no flood of others keeps them from their codes.
    const fn parts(self) -> &'static [(&'static str, u32)] {
        match self {
            Asks::Known => &[],
            Asks::Other => &[(" of others", 2)],
            Asks::Adds => &[(" adding", 4)],
            Asks::AddsToNew => &[(" adding", 4), (" adding to new", 8)],
        }
    }
}

impl Draft {
    /// Whether there are messages left for it; false when it is held back, which is told.
    fn has_room(&self, tx: &mut Tx<'_>) -> Result<bool, Error> {
        let Some((_, _, reason)) = sql::sms_count::used_up(tx, self.day, &self.scopes)? else {
            return Ok(true);
        };
        let fact = SmsHeldBack {
            customer: self.customer,
            reason: (*reason).to_owned(),
            prefix: self.prefix.clone(),
        };
        tx.append(storeward_base::Actor::Customer { id: self.customer }, None, fact)?;
        Ok(false)
    }

    /// Counts and promises it, for which there is room.
    fn write(&self, tx: &mut Tx<'_>, post: &dyn Post) -> Result<(), Error> {
        sql::sms_count::add(tx, self.day, &self.scopes)?;
        post.text(tx, &self.text)
    }
}

impl Identity {
    /// Whether a telephone can be added.
    pub fn offers_sms(&self) -> bool {
        self.0.offers_sms() && self.0.policy().customers != SecondFactor::Off
    }

    /// Sends a code to a number that somebody wants to add. It counts from its code on.
    pub async fn begin_sms(&self, session: &CurrentSession, typed: &str) -> Result<FlowToken, EnrolFault> {
        self.require_fresh(session)?;
        let shared = &self.0;
        let misfit = |key| EnrolFault::Misfit(Misfit { field: "number", key });
        if !self.offers_sms() {
            return Err(misfit("misfit.number_country"));
        }
        let number = PhoneNumber::parse(typed).map_err(|_| misfit("misfit.number"))?;
        // Counted before anything is told: whoever asks all day writes no more into the ledger than whoever waits.
        let keys = [Key::Sms(shared.marks.number(&number)), Key::Sms(format!("{} adds", session.customer))];
        if shared.may_text(&keys).is_err() {
            return Err(misfit("misfit.too_often"));
        }
        if shared.prefix_of(&number).is_none() {
            let fact = SmsHeldBack {
                customer: session.customer,
                reason: "country".to_owned(),
                prefix: String::new(),
            };
            let actor = storeward_base::Actor::Customer { id: session.customer };
            let told =
                shared.db.write(move |tx| Ok::<_, Error>(tx.append(actor, None, fact.clone()).map(drop)?));
            told.await?;
            return Err(misfit("misfit.number_country"));
        }
        let state =
            State { number: Some(number.expose().to_owned()), session: Some(session.id), ..State::default() };
        let mut draft = shared.draft_flow(Purpose::EnrolSms, Some(session.customer), state);
        let code = shared.new_code();
        let mark = shared.marks.sms_code(&draft.row.hash, code.expose());
        draft.row.code = Some((mark, draft.row.now.plus(CODE_LIFE)));
        let (customer, now) = (session.customer, draft.row.now);
        let account = shared.account(customer).await?.ok_or(Error::NoAccount)?;
        let is_new = now.since(account.created_at) < NEW_ACCOUNT;
        let asks = if is_new { Asks::AddsToNew } else { Asks::Adds };
        let message = shared.draft_sms(customer, &number, session.language, &code, now, asks);
        let (token, post) = (draft.token.clone(), shared.post.clone());
        let written = shared.db.write(move |tx| -> Result<bool, Error> {
            if !message.has_room(tx)? {
                return Ok(false);
            }
            message.write(tx, &*post)?;
            draft.write(tx, &*post)?;
            tx.commit_silent("a number is nothing before its code");
            Ok(true)
        });
        if written.await? { Ok(token) } else { Err(misfit("misfit.too_often")) }
    }

    /// The number of a flow that waits for its code, as it may be shown.
    pub async fn pending_number(
        &self,
        session: &CurrentSession,
        token: &FlowToken,
    ) -> Result<String, EnrolFault> {
        let flow = self.0.flow(token).await?;
        Ok(masked(&number_of(&flow, session)?))
    }

    /// The code that came: the telephone counts from now on.
    pub async fn confirm_sms(
        &self,
        visit: &Visit,
        session: &CurrentSession,
        token: &FlowToken,
        code: &str,
    ) -> Result<(), EnrolFault> {
        self.require_fresh(session)?;
        let shared = &self.0;
        let flow = shared.flow(token).await?;
        let number = number_of(&flow, session)?;
        let (hash, now) = (flow.hash.clone(), shared.now());
        let mark = shared.marks.sms_code(&hash, &plain(code));
        let tried = shared.db.write(move |tx| -> Result<Option<bool>, Error> {
            tx.commit_silent("a code for a telephone that is not added yet");
            if sql::flow::count_try(tx, &hash, now)?.is_none() {
                return Ok(None);
            }
            Ok(Some(sql::flow::use_code(tx, &hash, &mark, now)?))
        });
        match tried.await? {
            Some(true) => {}
            Some(false) => {
                return Err(EnrolFault::Misfit(Misfit { field: "code", key: "misfit.sms_code" }));
            }
            None => return Err(Error::FlowOver.into()),
        }
        let id = FactorId::at(now, &*shared.entropy);
        let row = FactorRow {
            id,
            customer: session.customer,
            kind: FactorKind::Sms,
            label_sealed: Some(shared.seal_label(&masked(&number), &id.to_string())),
            secret_sealed: shared.vault.seal(
                number.expose().as_bytes(),
                &id.to_string(),
                Field::Secret,
                &*shared.entropy,
            ),
            counter: 0,
            created_at: now,
            used_at: None,
        };
        Ok(self.add_factor(visit, session, &flow.hash, row, None).await?)
    }

    /// Sends a code to the account's telephone, where one is asked for: three messages of one flow, and few of one number.
    pub async fn send_sms(&self, visit: &Visit, token: &FlowToken) -> Result<Sent, Error> {
        let shared = &self.0;
        let flow = shared.flow(token).await?;
        let (need, means) = shared.need(&flow).await?;
        let wanted = matches!(&need, Need::Factor(offers) if offers.contains(&Offer::Sms));
        let Some(means) = means.filter(|_| wanted) else { return Ok(Sent::Already) };
        let factor = means.factors.iter().rev().find(|factor| factor.kind == FactorKind::Sms);
        let factor = factor.ok_or(Error::FlowOver)?;
        let number = shared.open_number(factor)?;
        let customer = means.account.id;
        let (asks, keys) = match shared.own_guesses_key(visit, &flow, &means).await? {
            Some(Key::KnownDevice(name)) => (Asks::Known, vec![Key::Sms(format!("for {name}"))]),
            _ => (Asks::Other, of_others(shared, customer, &number)),
        };
        if let Err(seconds) = shared.may_text(&keys) {
            return Ok(Sent::Wait { seconds });
        }
        let code = shared.new_code();
        let now = shared.now();
        let message = shared.draft_sms(customer, &number, means.account.language, &code, now, asks);
        let (mark, post) = (shared.marks.sms_code(&flow.hash, code.expose()), shared.post.clone());
        let sent = shared.db.write(move |tx| -> Result<Sent, Error> {
            // First of all: a code that came before is good still where no other one is sent.
            if !message.has_room(tx)? {
                return Ok(Sent::Wait { seconds: left_of_day(now) });
            }
            if !sql::flow::set_code(tx, &flow.hash, &mark, now.plus(CODE_LIFE), now)? {
                tx.commit_silent("enough codes were sent for this");
                return Ok(Sent::Enough);
            }
            message.write(tx, &*post)?;
            tx.commit_silent("a message with a code is no fact; what is done with it is");
            Ok(Sent::Now)
        });
        sent.await
    }
}

impl Shared {
    /// Whether messages can be sent, and to some country.
    pub fn offers_sms(&self) -> bool {
        self.post.offers_texts() && !self.policy().sms.countries.is_empty()
    }

    /// The allowed country's code that the number begins with.
    fn prefix_of(&self, number: &PhoneNumber) -> Option<String> {
        let policy = self.policy();
        let fits = policy.sms.countries.iter().filter(|prefix| number.expose().starts_with(prefix.as_str()));
        fits.max_by_key(|prefix| prefix.len()).cloned()
    }

    /// Counts a wish for a message; the seconds to wait when there were too many.
    fn may_text(&self, keys: &[Key]) -> Result<(), u64> {
        match self.throttle.attempt(keys, self.now()) {
            Leave::Granted => Ok(()),
            Leave::Wait { seconds, .. } => Err(seconds),
        }
    }

    fn draft_sms(
        &self,
        customer: CustomerId,
        number: &PhoneNumber,
        language: Language,
        code: &Secret<String>,
        now: Timestamp,
        asks: Asks,
    ) -> Draft {
        let policy = self.policy();
        let prefix = self.prefix_of(number).unwrap_or_default();
        let minutes = CODE_LIFE.as_secs() / 60;
        let said = Texts(language).s("sms.code");
        let said = said.replace("{shop}", &self.shop_name()).replace("{minutes}", &minutes.to_string());
        // The last line binds the code to our host: browsers fill it in there and nowhere else (WICG, Origin-bound one-time
        // codes delivered via SMS).
        let host = policy.host.clone().or_else(|| self.shop_names.first().cloned()).unwrap_or_default();
        let text = format!("{}\n@{host} #{}", said.replace("{code}", code.expose()), code.expose());
        // A country that is allowed no more has no messages left.
        let of_country = if prefix.is_empty() { 0 } else { policy.sms.per_country_per_day };
        let mark = self.marks.number(number);
        let mut scopes = vec![
            (format!("number:{mark}"), NUMBER_DAY, "number"),
            (format!("account:{customer}"), ACCOUNT_DAY, "account"),
        ];
        if asks != Asks::Known {
            scopes.push((format!("number:{mark} of others"), NUMBER_DAY_OF_OTHERS, "number"));
        }
        if asks == Asks::Other {
            scopes.push((format!("account:{customer} of others"), ACCOUNT_DAY_OF_OTHERS, "account"));
        }
        for (part, share) in [("", 1)].iter().chain(asks.parts()) {
            scopes.push((format!("country:{prefix}{part}"), of_country.div_ceil(*share), "country_day"));
            scopes.push((format!("all{part}"), policy.sms.per_day.div_ceil(*share), "day"));
        }
        Draft {
            text: Text { customer, to: number.clone(), text: Secret::new(text), until: now.plus(CODE_LIFE) },
            scopes,
            day: now.micros().div_euclid(1_000_000).div_euclid(DAY_SECONDS),
            prefix,
            customer,
        }
    }

    pub(super) fn open_number(&self, factor: &FactorRow) -> Result<PhoneNumber, Error> {
        let bytes = self.vault.open_text(&factor.secret_sealed, &factor.id.to_string(), Field::Secret)?;
        PhoneNumber::parse(&bytes).map_err(|_| Error::Form("a kept number cannot be read"))
    }
}

/// The counts of whoever is not known: of the number, and of the account.
fn of_others(shared: &Shared, customer: CustomerId, number: &PhoneNumber) -> Vec<Key> {
    vec![Key::Sms(shared.marks.number(number)), Key::Sms(customer.to_string())]
}

/// Seconds until the day's counts begin anew.
fn left_of_day(now: Timestamp) -> u64 {
    (DAY_SECONDS - now.micros().div_euclid(1_000_000).rem_euclid(DAY_SECONDS)).unsigned_abs()
}

/// As people type it.
pub fn plain(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace() && *c != '-').take(16).collect()
}

/// The number of a flow that this session began.
fn number_of(flow: &crate::state::Flow, session: &CurrentSession) -> Result<PhoneNumber, Error> {
    let own = flow.purpose == Purpose::EnrolSms && flow.state.session == Some(session.id);
    let number = flow.state.number.as_deref().filter(|_| own).ok_or(Error::FlowOver)?;
    PhoneNumber::parse(number).map_err(|_| Error::Form("a kept number cannot be read"))
}

/// For a page that must not show all of it: `+49 ••• 67`.
fn masked(number: &PhoneNumber) -> String {
    let digits = number.expose();
    let tail = digits.len().saturating_sub(2);
    format!("{} ••• {}", digits.get(..3).unwrap_or("+"), digits.get(tail..).unwrap_or(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_part() {
        let number = PhoneNumber::parse("+49 151 23456789").unwrap();
        assert_eq!(masked(&number), "+49 ••• 89");
        assert_eq!(plain(" 1234-56 78"), "12345678");
    }
}
