//! What really happened to money. A test counts these to find anything done twice.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provider {
    Stripe,
    Paypal,
}

impl Provider {
    pub fn name(self) -> &'static str {
        match self {
            Provider::Stripe => "stripe",
            Provider::Paypal => "paypal",
        }
    }

    pub fn named(name: &str) -> Option<Provider> {
        [Provider::Stripe, Provider::Paypal].into_iter().find(|provider| provider.name() == name)
    }
}

/// One change of money at a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// Seconds since 1970, in the emulators' time.
    pub at_s: i64,
    pub provider: Provider,
    /// `authorize`, `capture`, `refund`, `void` or `dispute`. What is captured at once is one `capture`.
    pub kind: &'static str,
    /// The provider's id of what was made or changed.
    pub object: String,
    /// In the currency's minor units, as the provider counts them.
    pub amount: i64,
    /// In small letters.
    pub currency: String,
    /// The merchant's own words on it: Stripe's metadata; PayPal's reference_id, custom_id and invoice_id.
    pub reference: Value,
}

impl Effect {
    pub fn to_json(&self) -> Value {
        json!({
            "at": self.at_s, "provider": self.provider.name(), "kind": self.kind, "object": self.object,
            "amount": self.amount, "currency": self.currency, "reference": self.reference,
        })
    }
}

#[derive(Debug, Default)]
pub struct Effects(Mutex<Vec<Effect>>);

impl Effects {
    pub fn add(&self, effect: Effect) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(effect);
    }

    pub fn list(&self) -> Vec<Effect> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
