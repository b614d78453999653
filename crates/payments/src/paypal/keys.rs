//! Whether PayPal takes the keys of the config. The sandbox's cannot be told from live ones by how they look: PayPal is asked for a token, and
//! refuses what is not of its mode. Only that it refuses counts; what cannot be reached says nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use storeward_base::Actor;
use storeward_events::payment as facts;

use super::PayPal;
use crate::config::{Mode, Settings};
use crate::error::Error;
use crate::janitor::wait;
use crate::model::Provider;
use crate::payments::Payments;
use crate::provider::{Gateway, Trouble};

/// PayPal's word for keys that it does not take (`POST /v1/oauth2/token`, 401).
const REFUSED: &str = "invalid_client";
/// Keys that were refused are shown again this often: they may be mended at PayPal.
const REFUSED_AGAIN: Duration = Duration::from_secs(300);
/// Where PayPal could not be reached; twice as long each time, and no longer than where it refused: until then nobody knows whether it
/// takes them, and buyers are offered what may not work.
const UNREACHED_AGAIN: Duration = Duration::from_secs(15);
/// Keys that were taken may be refused later, which any call notices.
const LOOKS_EVERY: Duration = Duration::from_secs(30);

/// What PayPal says to the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    Taken,
    /// They are not of this mode, or no keys at all.
    Refused,
    /// It could not be asked, or said something else; the word is why.
    Unknown(String),
}

impl PayPal {
    /// What any request for a token showed of the keys.
    pub(super) fn note_keys(&self, answer: &Result<Value, Trouble>) {
        match answer {
            Ok(_) => self.0.are_refused.store(false, Ordering::Relaxed),
            Err(Trouble::Refused(code)) if code == REFUSED => {
                self.0.are_refused.store(true, Ordering::Relaxed)
            }
            Err(_) => {}
        }
    }

    pub(crate) fn are_keys_refused(&self) -> bool {
        self.0.are_refused.load(Ordering::Relaxed)
    }

    /// Asks for a fresh token.
    async fn ask_keys(&self) -> Keys {
        *self.0.token.lock().await = None;
        match self.token().await {
            Ok(_) => Keys::Taken,
            Err(_) if self.are_keys_refused() => Keys::Refused,
            Err(why) => Keys::Unknown(why.code().to_owned()),
        }
    }
}

impl Settings {
    /// What PayPal says to the keys of the config; nothing where it is not set up.
    pub async fn ask_paypal(&self) -> Option<Keys> {
        match &self.paypal {
            Some(paypal) => Some(paypal.ask_keys().await),
            None => None,
        }
    }

    /// In plain words, that PayPal refuses them.
    pub const fn paypals_refusal(&self) -> &'static str {
        match self.mode {
            Mode::Live => "PayPal refuses these keys in live mode (invalid_client); are they the sandbox's?",
            Mode::Test => "PayPal's sandbox refuses these keys (invalid_client); are they live ones?",
        }
    }
}

impl Payments {
    fn paypal(&self) -> Option<&PayPal> {
        self.0.gateways.iter().find_map(|one| match one {
            Gateway::PayPal(paypal) => Some(paypal),
            Gateway::Stripe(_) => None,
        })
    }

    /// That PayPal refuses the keys, in plain words; nothing while it takes them, or has not been asked yet.
    pub fn keys_refused(&self) -> Option<&'static str> {
        let are_refused = self.paypal().is_some_and(PayPal::are_keys_refused);
        are_refused.then(|| self.0.settings.paypals_refusal())
    }

    /// Shows PayPal the keys, and tells the ledger what changed by it. Nothing where PayPal is not set up.
    pub async fn look_at_keys(&self) -> Result<Option<Keys>, Error> {
        let Some(paypal) = self.paypal() else { return Ok(None) };
        let keys = paypal.ask_keys().await;
        self.tell_keys(paypal).await?;
        Ok(Some(keys))
    }

    /// True where the ledger was told something new.
    async fn tell_keys(&self, paypal: &PayPal) -> Result<bool, Error> {
        let are_refused = paypal.are_keys_refused();
        if paypal.0.is_told.swap(are_refused, Ordering::Relaxed) == are_refused {
            return Ok(false);
        }
        let (provider, live) = (Provider::PayPal.word().to_owned(), self.is_live());
        let mode = if live { "live" } else { "test" }.to_owned();
        let told = self.0.write(move |tx| {
            let event: storeward_events::Event = match are_refused {
                true => facts::KeysRefused { provider: provider.clone(), mode: mode.clone() }.into(),
                false => facts::KeysTaken { provider: provider.clone(), mode: mode.clone() }.into(),
            };
            tx.append(Actor::System, None, event)?;
            Ok::<_, Error>(())
        });
        if let Err(why) = told.await {
            paypal.0.is_told.store(!are_refused, Ordering::Relaxed);
            return Err(why);
        }
        Ok(true)
    }

    /// Goes on for as long as it is polled: shows PayPal the keys at the start, until it could be asked; those that it refuses again and
    /// again. `say` gets each change in plain words, for the log.
    pub async fn watch_keys(&self, say: impl Fn(&str) + Send + Sync) {
        let Some(paypal) = self.paypal() else { return };
        let mut watch = Watch::default();
        loop {
            let mut pause = LOOKS_EVERY;
            if !watch.is_asked || paypal.are_keys_refused() {
                pause = watch.after(&paypal.ask_keys().await);
            }
            // What cannot be written down now is told the next time.
            if self.tell_keys(paypal).await.unwrap_or(false) {
                say(self.keys_refused().unwrap_or("PayPal takes the keys again, and is offered"));
            }
            tokio::time::sleep(pause).await;
        }
    }
}

#[derive(Default)]
struct Watch {
    /// PayPal said whether it takes them.
    is_asked: bool,
    /// So often in a row it could not be asked.
    in_vain: u32,
}

impl Watch {
    /// How long to wait after that answer.
    fn after(&mut self, answer: &Keys) -> Duration {
        match answer {
            Keys::Taken | Keys::Refused => *self = Watch { is_asked: true, in_vain: 0 },
            Keys::Unknown(_) => {
                let pause = wait(UNREACHED_AGAIN, self.in_vain, REFUSED_AGAIN);
                self.in_vain = self.in_vain.saturating_add(1);
                return pause;
            }
        }
        if *answer == Keys::Refused { REFUSED_AGAIN } else { LOOKS_EVERY }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A PayPal that was away for an hour was asked again an hour after it was back.
    #[test]
    fn whoever_could_not_be_asked_is_asked_again_within_five_minutes() {
        let mut watch = Watch::default();
        let mut pauses = |answers: &[Keys]| -> Vec<u64> {
            answers.iter().map(|answer| watch.after(answer).as_secs()).collect()
        };
        let away = || Keys::Unknown("http.503".to_owned());
        assert_eq!(
            pauses(&[const { Keys::Unknown(String::new()) }; 8]),
            [15, 30, 60, 120, 240, 300, 300, 300]
        );
        // What it says is the beginning of another row.
        assert_eq!(pauses(&[Keys::Refused, away(), away(), Keys::Taken, away()]), [300, 15, 30, 30, 15]);
    }
}
