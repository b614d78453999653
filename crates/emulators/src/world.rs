//! What both stand-ins and the control interface share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::chance::Dice;
use crate::clock::Clock;
use crate::contract::Contracts;
use crate::deliver::Deliveries;
use crate::effects::Effects;
use crate::faults::Faults;
use crate::paypal::Paypal;
use crate::stripe::Stripe;

/// One pair of emulators. Nothing of it outlives the process.
pub struct World {
    pub clock: Arc<Clock>,
    pub dice: Dice,
    pub effects: Effects,
    pub faults: Faults,
    pub deliveries: Arc<Deliveries>,
    pub contracts: Contracts,
    /// `http://127.0.0.1:port`, without a slash at the end.
    pub stripe_address: String,
    pub paypal_address: String,
    stripe: Mutex<Stripe>,
    paypal: Mutex<Paypal>,
}

impl World {
    pub fn new(
        seed: u64,
        addresses: [String; 2],
        contracts: Contracts,
        stripe: Stripe,
        paypal: Paypal,
    ) -> World {
        let [stripe_address, paypal_address] = addresses;
        World {
            clock: Arc::default(),
            dice: Dice::new(seed),
            effects: Effects::default(),
            faults: Faults::default(),
            deliveries: Arc::default(),
            contracts,
            stripe_address,
            paypal_address,
            stripe: Mutex::new(stripe),
            paypal: Mutex::new(paypal),
        }
    }

    /// Never held over a wait, and never together with the other.
    pub fn stripe(&self) -> MutexGuard<'_, Stripe> {
        self.stripe.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn paypal(&self) -> MutexGuard<'_, Paypal> {
        self.paypal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
