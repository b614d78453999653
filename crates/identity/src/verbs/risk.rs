//! What the risk engine is told, and what its answers mean here.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use storeward_base::{CustomerId, Timestamp};
use storeward_detect::sign_in::{
    AccountHistory, Answer, Attempt, Case, DeviceToken, Evidence, FeatureKey, Features, Mode, Passkey,
    Password, Policy, Pressure, Proof as RiskProof, SecondFactor as Factor, ShopHistory, TrustedDevice,
    Verdict, judge, record,
};
use storeward_seal::PseudonymKey;
use storeward_store::{Reader, Tx};

use super::Shared;
use super::devices::Known;
use super::flows::{Means, Offer};
use crate::config::SecondFactor;
use crate::error::Error;
use crate::marks::Field;
use crate::model::{Account, FactorKind, Level, Proof};
use crate::sql;
use crate::visit::Visit;

/// What all sign-ins together taught is written down this often.
const SHOP_KEPT_EVERY: Duration = Duration::from_secs(10 * 60);
/// Whoever chose a password within this time has just shown what the way back takes, or more.
const JUST_CHOSEN: Duration = Duration::from_secs(3_600);
/// Why a device that never signed in to the account is asked.
const NEW_DEVICE: &str = "new_device";
/// The row that the shop's history is sealed for.
const SHOP_ROW: &str = "shop_history";

/// The engine's memory.
pub struct Risk {
    key: PseudonymKey,
    pressure: Mutex<Pressure>,
    shop: tokio::sync::Mutex<Option<Shop>>,
}

struct Shop {
    history: ShopHistory,
    kept_at: Timestamp,
}

impl Risk {
    pub fn new(key: PseudonymKey) -> Self {
        Risk { key, pressure: Mutex::default(), shop: tokio::sync::Mutex::new(None) }
    }
}

impl FeatureKey for Risk {
    fn key(&self, kind: &str, value: &[u8]) -> u64 {
        self.key.feature(kind, value)
    }
}

/// What the policy and the risk want beside a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Nothing more. What spoke against it all the same is told to the owner, and kept for staff.
    Nothing { noticed: Vec<String> },
    /// Why, in stable words; whether only a passkey will do; and whether the device may be trusted afterwards.
    SecondFactor { reasons: Vec<String>, passkey_only: bool, may_trust: bool },
    /// Only a passkey would do, and there is none: the way back, which ends with a new password.
    WayBack { reasons: Vec<String> },
    /// Nothing will do: it looks like everything but the owner.
    Refuse,
}

/// What is written of a sign-in that led into the account.
#[derive(Clone)]
pub struct Learnt {
    version: Option<i64>,
    sealed: Vec<u8>,
    shop: Option<Vec<u8>>,
}

impl Learnt {
    pub fn write(
        &self,
        tx: &mut Tx<'_>,
        customer: CustomerId,
        now: Timestamp,
    ) -> Result<(), storeward_store::Error> {
        sql::history::keep(tx, customer, self.version, &self.sealed, now)?;
        match &self.shop {
            Some(shop) => sql::history::keep_shop(tx, shop, now),
            None => Ok(()),
        }
    }
}

impl Shared {
    /// What has to be shown beside the password that was right.
    pub async fn ask(
        &self,
        visit: &Visit,
        means: &Means,
        device: &Known,
        password: Password,
    ) -> Result<Ask, Error> {
        let account = &means.account;
        self.note_breached(account, password).await?;
        let possible = !means.offers().is_empty();
        let mut reasons = Vec::new();
        if account.step_up_forced_at.is_some() || account.must_change_at.is_some() {
            reasons.push("forced".to_owned());
        }
        let (history, _) = self.history(account.id).await?;
        let verdict = self.verdict(visit, means, device, &history, password).await?;
        reasons.extend(
            verdict.reasons.iter().filter(|weighed| weighed.points > 0.0).map(|w| w.reason.code().to_owned()),
        );
        // Risk-based: a device is asked once, however usual everything else looks. So a stolen password alone opens nothing,
        // also for a thief next door with the same browser. And so is whoever may have copied a token a moment ago.
        let customers = self.policy().customers;
        let is_new = (customers == SecondFactor::Risk && device.row().is_none())
            || (customers != SecondFactor::Off && device.elsewhere().is_some());
        let is_noticed_anew = verdict.answer == Answer::Notice && device.row().is_none();
        if is_new || is_noticed_anew {
            reasons.push(NEW_DEVICE.to_owned());
        }
        let forced = is_new || reasons.first().is_some_and(|reason| reason == "forced");
        let passkey = means.offers().contains(&Offer::Passkey);
        Ok(match verdict.answer {
            Answer::Refuse => Ask::Refuse,
            Answer::Allow if !forced => Ask::Nothing { noticed: Vec::new() },
            Answer::Notice if !forced => Ask::Nothing { noticed: reasons },
            _ if !possible => Ask::Nothing { noticed: reasons },
            Answer::PasskeyOnly if passkey || !self.has_way_back(account) => {
                Ask::SecondFactor { reasons, passkey_only: passkey, may_trust: false }
            }
            Answer::PasskeyOnly => Ask::WayBack { reasons },
            Answer::Allow | Answer::Notice | Answer::StepUp => {
                Ask::SecondFactor { reasons, passkey_only: false, may_trust: true }
            }
        })
    }

    /// Whether a sign-in that looks like a stranger's is sent the way back: not where the password is the shop's own, or there is no
    /// address; nor when the password is so new that whoever knows it has just come that way.
    fn has_way_back(&self, account: &Account) -> bool {
        let is_new = |at: Timestamp| self.now().since(at) < JUST_CHOSEN;
        account.password_hash.is_some()
            && account.email.is_some()
            && !account.password_set_at.is_some_and(is_new)
    }

    /// Keeps whether the password that was right stands in a list of breached ones: the check-up goes by it.
    async fn note_breached(&self, account: &Account, password: Password) -> Result<(), Error> {
        let (customer, is_breached) = (account.id, password == Password::Breached);
        let read = move |reader: &mut Reader<'_>| sql::told::is_breached(reader, customer);
        let known = self.db.read(read).await?;
        // A list that does not answer finds nothing. So one of ours is forgotten when it is changed, and only a shop's, whose change
        // may be made where we are not, by a sign-in that finds nothing.
        if known == is_breached || (known && account.password_hash.is_some()) {
            return Ok(());
        }
        let (doors, now) = (account.doors(), self.now());
        let written = self.db.write(move |tx| -> Result<(), Error> {
            tx.commit_silent("what was found is among the reasons of the sign-in, which are told");
            if !is_breached {
                sql::told::forget_breached(tx, customer)?;
            } else if sql::account::is_as_open(tx, customer, &doors)? {
                sql::told::breached(tx, customer, now)?;
            }
            Ok(())
        });
        written.await
    }

    /// Whether a sign-in from this very network led into the account before.
    pub async fn knows_network(&self, visit: &Visit, customer: CustomerId) -> Result<bool, Error> {
        let (history, _) = self.history(customer).await?;
        Ok(history.knows_network(&self.features(visit)))
    }

    /// A password or a factor did not fit. `typed` is the name that was tried, whether an account has it or not.
    pub fn note_pressure(&self, visit: &Visit, typed: &str) {
        let features = self.features(visit);
        let account = self.pressure_key(typed);
        self.risk.pressure.lock().unwrap_or_else(PoisonError::into_inner).failed(account, &features);
    }

    /// What a sign-in with these proofs teaches; nothing where the risk would have wanted more.
    pub async fn learn(
        &self,
        visit: &Visit,
        means: &Means,
        device: &Known,
        proofs: &[Proof],
    ) -> Result<Option<Learnt>, Error> {
        let customer = means.account.id;
        let (mut history, version) = self.history(customer).await?;
        let proof = match Level::of(proofs) {
            Level::One => RiskProof::Password,
            Level::Two => RiskProof::SecondFactor,
            Level::Passkey => RiskProof::Passkey,
        };
        // The password stood for itself when it was asked about.
        let verdict = self.verdict(visit, means, device, &history, Password::Unremarkable).await?;
        let Ok(released) = verdict.release(proof) else {
            return Ok(None);
        };
        self.risk.pressure.lock().unwrap_or_else(PoisonError::into_inner).succeeded(released.features());
        let now = self.now();
        let mut guard = self.risk.shop.lock().await;
        let shop = self.shop_history(&mut guard).await?;
        record(&released, &mut history, &mut shop.history);
        let is_due = now.since(shop.kept_at) >= SHOP_KEPT_EVERY;
        let kept = if is_due {
            shop.kept_at = now;
            Some(self.seal_history(&shop.history, SHOP_ROW)?)
        } else {
            None
        };
        Ok(Some(Learnt { version, sealed: self.seal_history(&history, &customer.to_string())?, shop: kept }))
    }

    /// How a sign-in from here would be judged now, in points.
    pub async fn points(&self, visit: &Visit, means: &Means, device: &Known) -> Result<f64, Error> {
        let (history, _) = self.history(means.account.id).await?;
        Ok(self.verdict(visit, means, device, &history, Password::Unremarkable).await?.points)
    }

    async fn verdict(
        &self,
        visit: &Visit,
        means: &Means,
        device: &Known,
        history: &AccountHistory,
        password: Password,
    ) -> Result<Verdict, Error> {
        let features = self.features(visit);
        let account = self.pressure_key(means.account.email.as_ref().map_or("", |email| email.as_str()));
        let bursts = {
            let pressure = self.risk.pressure.lock().unwrap_or_else(PoisonError::into_inner);
            pressure.around(account, &features)
        };
        let evidence = Evidence {
            device: match device {
                Known::Yes(_) | Known::JustNow(_) => DeviceToken::Valid,
                Known::Copied => DeviceToken::Stolen,
                Known::Elsewhere(_) | Known::No => DeviceToken::Absent,
            },
            passkey: if means.has(FactorKind::Passkey) { Passkey::PassedOver } else { Passkey::None },
            second_factor: if means.has_added() { Factor::Enrolled } else { Factor::None },
            password,
            bursts,
            ..Evidence::default()
        };
        let policy = self.risk_policy(device);
        let mut guard = self.risk.shop.lock().await;
        let shop = self.shop_history(&mut guard).await?;
        let case = Case { features: &features, evidence: &evidence, account: history, shop: &shop.history };
        Ok(judge(&case, &policy))
    }

    /// A device that is known lowers the risk; only one that the person trusts stands for a second factor.
    fn risk_policy(&self, device: &Known) -> Policy {
        let policy = self.policy();
        let spared = device.is_trusted(self.now()) && policy.trusted_device_days > 0;
        Policy {
            mode: match policy.customers {
                SecondFactor::Off => Mode::Off,
                SecondFactor::Offered => Mode::Offered,
                SecondFactor::Risk => Mode::RiskBased,
                SecondFactor::Required => Mode::Required,
            },
            trusted_device: if spared { TrustedDevice::Suffices } else { TrustedDevice::NeverSuffices },
            ..Policy::customers()
        }
    }

    fn features(&self, visit: &Visit) -> Features {
        let place = self.networks.load().look_up(visit.client);
        let attempt = Attempt::new(self.now(), visit.client, place, &visit.user_agent);
        Features::of(&attempt, &self.risk)
    }

    fn pressure_key(&self, typed: &str) -> u64 {
        self.risk.key.feature("account", typed.trim().to_lowercase().as_bytes())
    }

    async fn history(&self, customer: CustomerId) -> Result<(AccountHistory, Option<i64>), Error> {
        let found = self.db.read(move |reader: &mut Reader<'_>| sql::history::of_customer(reader, customer));
        match found.await? {
            Some((sealed, version)) => {
                Ok((self.open_history(&sealed, &customer.to_string())?, Some(version)))
            }
            None => Ok((AccountHistory::default(), None)),
        }
    }

    /// The shop's history, read when it is first asked for.
    async fn shop_history<'a>(&self, kept: &'a mut Option<Shop>) -> Result<&'a mut Shop, Error> {
        if kept.is_none() {
            let found = self.db.read(|reader: &mut Reader<'_>| sql::history::of_shop(reader)).await?;
            let history = found.map(|sealed| self.open_history(&sealed, SHOP_ROW)).transpose()?;
            *kept = Some(Shop { history: history.unwrap_or_default(), kept_at: self.now() });
        }
        kept.as_mut().ok_or(Error::Form("the shop's history was just put there"))
    }

    fn seal_history(&self, history: &impl serde::Serialize, row: &str) -> Result<Vec<u8>, Error> {
        let bytes = serde_json::to_vec(history).map_err(|_| Error::Form("a history cannot be written"))?;
        Ok(self.vault.seal(&bytes, row, Field::History, &*self.entropy))
    }

    fn open_history<T: serde::de::DeserializeOwned>(&self, sealed: &[u8], row: &str) -> Result<T, Error> {
        let bytes = self.vault.open(sealed, row, Field::History)?;
        serde_json::from_slice(bytes.expose()).map_err(|_| Error::Form("a kept history cannot be read"))
    }
}

/// For whoever has no [`Means`] yet: a new account.
pub fn means_of(account: &Account) -> Means {
    Means {
        account: account.clone(),
        factors: Vec::new(),
        codes_left: 0,
        sends_texts: false,
        was_taken_out: false,
        wait_is_over: false,
    }
}
